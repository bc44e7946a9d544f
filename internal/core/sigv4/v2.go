package sigv4

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Signature Version 2 is HMAC-SHA1
	"encoding/base64"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"cloister/internal/core/fault"
)

// Signature Version 2 in URLs, as boto3 makes them for endpoints of one's own when nothing says s3v4. Its string is the method, what the
// headers say of the body, when the URL ends, all x-amz- headers and the resource: not the host, and not the body.
// Source: S3 User Guide, "Signing and authenticating REST requests (Signature Version 2)".

// resourceParams are the parameters that are part of the resource.
var resourceParams = map[string]bool{
	"accelerate": true, "acl": true, "analytics": true, "cors": true, "delete": true, "encryption": true, "intelligent-tiering": true, "inventory": true,
	"legal-hold": true, "lifecycle": true, "location": true, "logging": true, "metrics": true, "notification": true, "object-lock": true,
	"ownershipControls": true, "partNumber": true, "policy": true, "policyStatus": true, "publicAccessBlock": true, "replication": true, "requestPayment": true,
	"response-cache-control": true, "response-content-disposition": true, "response-content-encoding": true, "response-content-language": true,
	"response-content-type": true, "response-expires": true, "restore": true, "retention": true, "select": true, "select-type": true, "storageClass": true,
	"tagging": true, "torrent": true, "uploadId": true, "uploads": true, "versionId": true, "versioning": true, "versions": true, "website": true,
	"attributes": true, "renameObject": true, "session": true, "abac": true,
}

// plainParams are parameters that choose nothing but a part of a listing; all others must be part of the resource, for what is not signed
// could be added by whoever got the URL.
var plainParams = map[string]bool{
	"AWSAccessKeyId": true, "Signature": true, "Expires": true, "x-amz-security-token": true, "prefix": true, "delimiter": true, "marker": true, "max-keys": true,
	"encoding-type": true, "list-type": true, "continuation-token": true, "start-after": true, "fetch-owner": true, "key-marker": true, "version-id-marker": true,
	"upload-id-marker": true, "max-uploads": true, "max-parts": true, "part-number-marker": true, "x-id": true, "max-buckets": true, "bucket-region": true,
	"content-md5": true, "content-type": true,
}

func parseV2(r *Request, q url.Values) (*Auth, *fault.Fault) {
	for _, k := range []string{"AWSAccessKeyId", "Signature", "Expires"} {
		if len(q[k]) != 1 || q.Get(k) == "" {
			return nil, fault.Of(fault.AccessDenied, "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
		}
	}
	n, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if err != nil || n < 0 {
		return nil, fault.Of(fault.AccessDenied, "Invalid date (should be seconds since epoch): %s", clip(q.Get("Expires")))
	}
	if len(q["x-amz-security-token"]) > 1 {
		return nil, fault.Of(fault.AccessDenied, "x-amz-security-token must stand at most once")
	}
	a := &Auth{V2: true, Presigned: true, Service: "s3", AccessKey: q.Get("AWSAccessKeyId"), Signature: q.Get("Signature"), Time: time.Unix(n, 0).UTC(),
		Token: q.Get("x-amz-security-token"), Payload: get(r.Header, "X-Amz-Content-Sha256")}
	if a.Token == "" {
		a.Token = get(r.Header, "X-Amz-Security-Token")
	}
	for k, v := range q { // headers that the signer put into the URL speak as headers
		low := strings.ToLower(k)
		switch {
		case len(v) > 1:
			return nil, fault.Of(fault.AccessDenied, "The parameter %s stands more than once", clip(k))
		case strings.ContainsFunc(k+v[0], func(c rune) bool { return c < ' ' || c == 0x7f }), swallows(k, v[0]):
			// What is signed has neither lengths nor escapes: such a value could stand for several headers or parameters.
			return nil, fault.Of(fault.AccessDenied, "The value of the parameter %s is not one that Signature Version 2 can sign.", clip(k))
		case resourceParams[k] || k == "x-amz-security-token":
		case strings.HasPrefix(low, "x-amz-") || low == "content-md5" || low == "content-type":
			if len(values(r.Header, k)) > 0 && get(r.Header, k) != v[0] {
				return nil, fault.Of(fault.AccessDenied, "The parameter %s stands more than once", clip(k))
			}
			if r.Header != nil {
				set(r.Header, headerName(low), v[0])
			}
		case !plainParams[k]:
			return nil, fault.New("InvalidArgument", "The parameter %s is not part of what Signature Version 2 signs.", clip(k)).With(400)
		}
	}
	return a, nil
}

// swallows reports whether the value of a part of the resource reads as further parts of it: one parameter would be signed as two are.
func swallows(name, value string) bool {
	if !resourceParams[name] {
		return false
	}
	_, rest, _ := strings.Cut(value, "&")
	for p := range strings.SplitSeq(rest, "&") {
		if k, _, _ := strings.Cut(p, "="); resourceParams[k] {
			return true
		}
	}
	return false
}

// verifyV2 checks the end and the signature; Time is when the URL ends.
func (a *Auth) verifyV2(r *Request, c Check) *fault.Fault {
	if c.Service != "s3" {
		return fault.Of(fault.BadSignature, "")
	}
	if c.Now.After(a.Time) {
		f := fault.Of(fault.ExpiredToken, "Request has expired")
		f.Param = "Expires"
		return f
	}
	if a.Payload != "" && a.Payload != Unsigned && !isHash(a.Payload) {
		return otherVersion() // frames are Version 4's
	}
	if !hmac.Equal([]byte(SignV2(r, c.Bucket, c.Secret, a.Time.Unix(), a.Token)), []byte(a.Signature)) {
		return fault.Of(fault.BadSignature, "")
	}
	return nil
}

// SignV2 is the signature of a URL that ends at expires (seconds since 1970); token is that of temporary keys,
// bucket what the host names beside the path.
func SignV2(r *Request, bucket, secret string, expires int64, token string) string {
	amz := map[string]string{}
	for k, v := range r.Header {
		if k = strings.ToLower(k); strings.HasPrefix(k, "x-amz-") {
			amz[k] = strings.Join(v, ",")
		}
	}
	if token != "" {
		amz["x-amz-security-token"] = token
	}
	names := make([]string, 0, len(amz))
	for k := range amz {
		names = append(names, k)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString(r.Method + "\n" + get(r.Header, "Content-Md5") + "\n" + get(r.Header, "Content-Type") + "\n" + strconv.FormatInt(expires, 10) + "\n")
	for _, k := range names {
		b.WriteString(k + ":" + strings.TrimSpace(amz[k]) + "\n")
	}
	if bucket != "" {
		b.WriteString("/" + bucket)
	}
	b.WriteString(r.Path)
	var params []string
	q, _ := url.ParseQuery(r.RawQuery)
	for k, v := range q {
		switch {
		case !resourceParams[k]:
		case v[0] == "":
			params = append(params, k)
		default:
			params = append(params, k+"="+v[0])
		}
	}
	sort.Strings(params)
	if len(params) > 0 {
		b.WriteString("?" + strings.Join(params, "&"))
	}
	return v2of(secret, b.String())
}

func v2of(secret, text string) string {
	m := hmac.New(sha1.New, []byte(secret))
	_, _ = m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// headerName writes a lower-case name as servers keep it: X-Amz-Meta-A.
func headerName(low string) string {
	b := []byte(low)
	for i := range b {
		if b[i] >= 'a' && b[i] <= 'z' && (i == 0 || b[i-1] == '-') {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
