package sigv4

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloister/internal/core/fault"
)

// Auth is what a request says of its signature. Nothing in it is true before Verify.
type Auth struct {
	AccessKey     string
	Date          string // YYYYMMDD of the scope
	Region        string
	Service       string // signing name
	SignedHeaders []string
	Signature     string
	Token         string // session token, as sent
	Time          time.Time
	Presigned     bool
	V2            bool          // a URL signed by Signature Version 2 (S3 alone): no region, no headers but those of its string
	Expires       time.Duration // presigned
	Payload       string        // x-amz-content-sha256 as sent; empty when it is not
	Unproved      bool          // set by who does without Verify: the signatures of frames are not checked either
}

// Parse reads the Authorization header or the presigned query; nil, nil for a request that has neither. Faults: MalformedAuth
// (Param names the query parameter when presigned), and S3's InvalidRequest for the signature versions that are not spoken here.
func Parse(r *Request) (*Auth, *fault.Fault) {
	q, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		return nil, fault.Of(fault.MalformedAuth, "The query string cannot be parsed.")
	}
	heads := values(r.Header, "Authorization")
	inQuery := q.Has("X-Amz-Signature") || q.Has("X-Amz-Algorithm") || q.Has("X-Amz-Credential")
	switch {
	case len(heads) > 1 || len(heads) == 1 && inQuery:
		return nil, fault.Of(fault.MalformedAuth, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case inQuery:
		return parseQuery(r, q)
	case len(heads) == 1:
		return parseHeader(r, strings.TrimSpace(heads[0]))
	case q.Has("AWSAccessKeyId") && q.Has("Signature"):
		return parseV2(r, q)
	}
	return nil, nil
}

// ErrScheme is the cause of a fault about an Authorization header that is of no kind known here, so that no service is known either.
var ErrScheme = errors.New("unknown authorization scheme")

func otherVersion() *fault.Fault {
	return fault.New("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.").With(400)
}

func parseHeader(r *Request, head string) (*Auth, *fault.Fault) {
	kind, rest, _ := strings.Cut(head, " ")
	if kind != algorithm {
		if kind == "AWS" || strings.HasPrefix(kind, "AWS4-") {
			return nil, otherVersion()
		}
		f := fault.Of(fault.MalformedAuth, "The Authorization header is of no kind that is spoken here.")
		f.Cause = ErrScheme
		return nil, f
	}
	bad := func(what string) (*Auth, *fault.Fault) {
		return nil, fault.Of(fault.MalformedAuth, "The authorization header is malformed; %s.", what)
	}
	a := &Auth{}
	parts := map[string]string{}
	for _, p := range strings.Split(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(p), "=")
		if _, dup := parts[k]; dup || !ok {
			return bad("the authorization component " + strconv.Quote(clip(k)) + " is malformed")
		}
		parts[k] = v
	}
	if len(parts) != 3 {
		return bad("the authorization header requires three components: Credential, SignedHeaders, and Signature")
	}
	for _, k := range []string{"Credential", "SignedHeaders", "Signature"} {
		if _, ok := parts[k]; !ok {
			return bad("missing " + k)
		}
	}
	if why := a.credential(parts["Credential"]); why != "" {
		return bad(why)
	}
	if why := a.headers(parts["SignedHeaders"]); why != "" {
		return bad(why)
	}
	if a.Signature = parts["Signature"]; !isHash(a.Signature) {
		return bad("the signature is not 64 lower-case hex digits")
	}
	dates := values(r.Header, "X-Amz-Date")
	if len(dates) > 1 || len(values(r.Header, "X-Amz-Security-Token")) > 1 || len(values(r.Header, "X-Amz-Content-Sha256")) > 1 {
		return bad("a header of it stands more than once")
	}
	var err error
	if len(dates) == 1 {
		a.Time, err = time.Parse(basicDate, dates[0])
	} else {
		a.Time, err = time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", get(r.Header, "Date"))
	}
	if err != nil && a.Service == "s3" {
		return nil, fault.Of(fault.AccessDenied, "AWS authentication requires a valid Date or x-amz-date header")
	}
	if err != nil {
		return bad("the request has no valid X-Amz-Date or Date header")
	}
	if d := a.Time.Format("20060102"); a.Service == "s3" && d != a.Date { // S3 sees it before it looks for the key
		return bad("Invalid credential date " + strconv.Quote(a.Date) + ". This date is not the same as X-Amz-Date: " + strconv.Quote(d))
	}
	a.Token, a.Payload = get(r.Header, "X-Amz-Security-Token"), get(r.Header, "X-Amz-Content-Sha256")
	return a, nil
}

func parseQuery(r *Request, q url.Values) (*Auth, *fault.Fault) {
	bad := func(name, what string) (*Auth, *fault.Fault) {
		f := fault.Of(fault.MalformedAuth, "Error parsing the %s parameter; %s.", name, what)
		f.Param = name
		return nil, f
	}
	plain := func(name, what string) (*Auth, *fault.Fault) {
		f := fault.Of(fault.MalformedAuth, "%s", what)
		f.Param = name
		return nil, f
	}
	for _, k := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		switch len(q[k]) {
		case 0:
			return plain(k, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		case 1:
		default:
			return bad(k, "it must stand exactly once")
		}
	}
	if len(q["X-Amz-Security-Token"]) > 1 {
		return bad("X-Amz-Security-Token", "it must stand at most once")
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return plain("X-Amz-Algorithm", `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	a := &Auth{Presigned: true, Signature: q.Get("X-Amz-Signature"), Token: q.Get("X-Amz-Security-Token")}
	if why := a.credential(q.Get("X-Amz-Credential")); why != "" {
		return bad("X-Amz-Credential", why)
	}
	if why := a.headers(q.Get("X-Amz-SignedHeaders")); why != "" {
		return bad("X-Amz-SignedHeaders", why)
	}
	if !isHash(a.Signature) {
		return bad("X-Amz-Signature", "it is not 64 lower-case hex digits")
	}
	t, err := time.Parse(basicDate, q.Get("X-Amz-Date"))
	if err != nil {
		return plain("X-Amz-Date", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	n, err := strconv.ParseInt(q.Get("X-Amz-Expires"), 10, 64)
	switch {
	case err != nil:
		return plain("X-Amz-Expires", "X-Amz-Expires should be a number")
	case n < 1:
		return plain("X-Amz-Expires", "X-Amz-Expires must be non-negative")
	case n > int64(MaxExpires/time.Second):
		return plain("X-Amz-Expires", "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	a.Time, a.Expires = t, time.Duration(n)*time.Second
	if a.Payload = get(r.Header, "X-Amz-Content-Sha256"); a.Payload == "" {
		a.Payload = q.Get("X-Amz-Content-Sha256")
	}
	return a, nil
}

// credential reads KEY/YYYYMMDD/REGION/SERVICE/aws4_request; it says what is wrong.
func (a *Auth) credential(s string) string {
	p := strings.Split(s, "/")
	if len(p) != 5 || p[0] == "" || p[2] == "" || p[3] == "" {
		return `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"`
	}
	if p[4] != terminator {
		return "incorrect terminal " + strconv.Quote(clip(p[4])) + `. This endpoint uses "aws4_request"`
	}
	if _, err := time.Parse("20060102", p[1]); err != nil {
		return "incorrect date format " + strconv.Quote(clip(p[1])) + `. This date in the credential must be in the format "yyyyMMdd"`
	}
	a.AccessKey, a.Date, a.Region, a.Service = p[0], p[1], p[2], p[3]
	return ""
}

// headers reads SignedHeaders; host must be among them.
func (a *Auth) headers(s string) string {
	host := false
	seen := map[string]bool{}
	for _, h := range strings.Split(s, ";") {
		if h == "" || h != strings.ToLower(h) || seen[h] || strings.ContainsAny(h, " \t\r\n:,") {
			return "SignedHeaders must be different lower-case names"
		}
		seen[h] = true
		host = host || h == "host"
		a.SignedHeaders = append(a.SignedHeaders, h)
	}
	if !host {
		return "SignedHeaders must have 'host'"
	}
	return ""
}

func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
