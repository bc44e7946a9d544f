// Package sigv4 signs and verifies AWS requests: Signature Version 4 in header and URL, and bodies by hash, in aws-chunked
// frames, with checksums and trailers. It is pure: it reads no clock, opens nothing and knows no secret that it is not given.
//
// Source: IAM User Guide, "AWS Signature Version 4 for API requests"; S3 API Reference, "Authenticating Requests".
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Request is what is signed of a request. Header keys may be of any case.
type Request struct {
	Method   string
	Path     string // as sent: escaped
	RawQuery string
	Host     string
	Header   map[string][]string
}

// Credentials sign. Token is empty for long-term keys.
type Credentials struct{ AccessKey, Secret, Token string }

// The values of x-amz-content-sha256 that are no hash.
const (
	Unsigned              = "UNSIGNED-PAYLOAD"
	StreamUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	StreamSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicDate  = "20060102T150405Z"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// MaxExpires is the longest life of a presigned URL: seven days.
const MaxExpires = 7 * 24 * time.Hour

// Sign sets X-Amz-Date, X-Amz-Security-Token and Authorization in r.Header. payload is the body's hex SHA-256 or Unsigned; for
// S3 it is also set as X-Amz-Content-Sha256. Every header that r has is signed but those that transports add or change.
func Sign(r *Request, c Credentials, region, service, payload string, now time.Time) {
	if r.Header == nil {
		r.Header = map[string][]string{}
	}
	set(r.Header, "X-Amz-Date", now.UTC().Format(basicDate))
	del(r.Header, "Authorization")
	if c.Token != "" {
		set(r.Header, "X-Amz-Security-Token", c.Token)
	}
	if service == "s3" {
		set(r.Header, "X-Amz-Content-Sha256", payload)
	}
	a := &Auth{AccessKey: c.AccessKey, Date: now.UTC().Format("20060102"), Region: region, Service: service, Time: now.UTC(), SignedHeaders: signable(r.Header)}
	set(r.Header, "Authorization", algorithm+" Credential="+c.AccessKey+"/"+a.scope()+", SignedHeaders="+strings.Join(a.SignedHeaders, ";")+
		", Signature="+a.signature(c.Secret, a.canonical(r, payload)))
}

// Presign gives the query string, r.RawQuery included, that makes r valid for expires (whole seconds) from now on. Only the host
// is signed beside what r.Header has.
func Presign(r *Request, c Credentials, region, service, payload string, now time.Time, expires time.Duration) string {
	signed := signable(r.Header)
	a := &Auth{AccessKey: c.AccessKey, Date: now.UTC().Format("20060102"), Region: region, Service: service, Time: now.UTC(), SignedHeaders: signed, Presigned: true}
	q := url.Values{
		"X-Amz-Algorithm":     {algorithm},
		"X-Amz-Credential":    {c.AccessKey + "/" + a.scope()},
		"X-Amz-Date":          {a.Time.Format(basicDate)},
		"X-Amz-Expires":       {strconv.FormatInt(int64(expires/time.Second), 10)},
		"X-Amz-SignedHeaders": {strings.Join(signed, ";")},
	}
	if c.Token != "" {
		q["X-Amz-Security-Token"] = []string{c.Token}
	}
	s := *r
	s.RawQuery = EncodeQuery(q)
	if r.RawQuery != "" {
		s.RawQuery = r.RawQuery + "&" + s.RawQuery
	}
	return s.RawQuery + "&X-Amz-Signature=" + a.signature(c.Secret, a.canonical(&s, payload))
}

// signable lists the headers to sign, sorted, host among them.
func signable(h map[string][]string) []string {
	out := []string{"host"}
	for k := range h {
		switch k = strings.ToLower(k); k {
		case "host", "authorization", "user-agent", "expect", "transfer-encoding", "connection", "content-length", "accept-encoding", "x-amzn-trace-id":
		default:
			out = append(out, k)
		}
	}
	sort.Strings(out)
	return out
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(s))
	return h.Sum(nil)
}

// Hash is the hex SHA-256 of b.
func Hash(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func (a *Auth) scope() string {
	return a.Date + "/" + a.Region + "/" + a.Service + "/" + terminator
}

// key derives the signing key of a's scope.
func (a *Auth) key(secret string) []byte {
	return mac(mac(mac(mac([]byte("AWS4"+secret), a.Date), a.Region), a.Service), terminator)
}

func (a *Auth) signature(secret, canonical string) string {
	return hex.EncodeToString(mac(a.key(secret), a.toSign(canonical)))
}

// toSign is the string that is signed for a canonical request.
func (a *Auth) toSign(canonical string) string {
	return algorithm + "\n" + a.Time.Format(basicDate) + "\n" + a.scope() + "\n" + Hash([]byte(canonical))
}

// values gives a header's values; the key's case does not matter.
func values(h map[string][]string, name string) []string {
	if v, ok := h[name]; ok {
		return v
	}
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func get(h map[string][]string, name string) string {
	if v := values(h, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func del(h map[string][]string, name string) {
	for k := range h {
		if strings.EqualFold(k, name) {
			delete(h, k)
		}
	}
}

func set(h map[string][]string, name, value string) {
	del(h, name)
	h[name] = []string{value}
}
