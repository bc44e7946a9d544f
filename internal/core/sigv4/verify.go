package sigv4

import (
	"crypto/subtle"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"cloister/internal/core/fault"
)

// Skew is how far a request's time may lie from ours.
const Skew = 15 * time.Minute

// Check is what a request is held against.
type Check struct {
	Secret  string
	Service string    // signing name of the service that the request was routed to
	Region  string    // that the scope must have; empty accepts any
	Now     time.Time // ours
	Bucket  string    // that the host names: Version 2 signs it before the path
	// Body is the hex SHA-256 of the body, which then is part of the signature whatever the request says. Empty: the body is a
	// stream (S3), the request's own x-amz-content-sha256 counts, and Stream holds the body to it.
	Body string
}

// Verify checks time, scope, signed headers and signature, in that order. Faults: Skewed, ExpiredToken (a presigned URL past
// its end, Param "X-Amz-Expires"), BadSignature, AccessDenied (headers that are not signed), and S3's InvalidRequest or
// InvalidArgument for a missing or wrong x-amz-content-sha256.
func (a *Auth) Verify(r *Request, c Check) *fault.Fault {
	if a.V2 {
		return a.verifyV2(r, c)
	}
	if f := a.inTime(c.Now); f != nil {
		return f
	}
	if d := a.Time.Format("20060102"); d != a.Date {
		if a.Service == "s3" {
			f := fault.Of(fault.MalformedAuth, "Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", a.Date, d)
			f.Param = "X-Amz-Credential"
			return f
		}
		return fault.Of(fault.BadSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", a.Date, d, a.Time.Format(basicDate))
	}
	if a.Service != c.Service {
		return fault.Of(fault.BadSignature, "Credential should be scoped to correct service: '%s'.", c.Service)
	}
	if c.Region != "" && a.Region != c.Region {
		return fault.Of(fault.BadSignature, "Credential should be scoped to a valid region, not '%s'.", clip(a.Region))
	}
	if f := a.allSigned(r); f != nil {
		return f
	}
	payload := c.Body
	if payload == "" {
		var f *fault.Fault
		if payload, f = a.payload(); f != nil {
			return f
		}
	}
	canonical := a.canonical(r, payload)
	if subtle.ConstantTimeCompare([]byte(a.signature(c.Secret, canonical)), []byte(a.Signature)) != 1 {
		return a.mismatch(a.toSign(canonical)).Field("CanonicalRequest", canonical).Field("CanonicalRequestBytes", spaced(canonical))
	}
	return nil
}

// mismatch tells what the signature was to be of, as S3 does: it is the client's own request. Source: S3 API Reference, "Error responses",
// SignatureDoesNotMatch.
func (a *Auth) mismatch(toSign string) *fault.Fault {
	return fault.Of(fault.BadSignature, "").Field("AWSAccessKeyId", a.AccessKey).Field("SignatureProvided", a.Signature).
		Field("StringToSign", toSign).Field("StringToSignBytes", spaced(toSign))
}

// spaced is the bytes of s in hex, as S3 writes them.
func spaced(s string) string { return fmt.Sprintf("% x", s) }

func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

func (a *Auth) inTime(now time.Time) *fault.Fault {
	early, late := a.Time.Add(-Skew), a.Time.Add(Skew)
	if a.Presigned {
		late = a.Time.Add(a.Expires)
		if now.After(late) {
			f := fault.Of(fault.ExpiredToken, "Request has expired").Field("X-Amz-Expires", strconv.Itoa(int(a.Expires/time.Second))).
				Field("Expires", late.UTC().Format(time.RFC3339)).Field("ServerTime", now.UTC().Format(time.RFC3339))
			f.Param = "X-Amz-Expires"
			return f
		}
	}
	if !now.Before(early) && !now.After(late) {
		return nil
	}
	if a.Service == "s3" { // the wire has S3's sentence
		return fault.Of(fault.Skewed, "").Field("RequestTime", a.Time.Format(basicDate)).Field("ServerTime", now.UTC().Format(time.RFC3339)).
			Field("MaxAllowedSkewMilliseconds", strconv.FormatInt(Skew.Milliseconds(), 10))
	}
	sent, ours := a.Time.Format(basicDate), now.UTC().Format(basicDate)
	if now.Before(early) {
		return fault.Of(fault.Skewed, "Signature not yet current: %s is still later than %s (%s + 15 min.)", sent, now.UTC().Add(Skew).Format(basicDate), ours)
	}
	return fault.Of(fault.Skewed, "Signature expired: %s is now earlier than %s (%s - 15 min.)", sent, now.UTC().Add(-Skew).Format(basicDate), ours)
}

// allSigned refuses x-amz- headers outside the signature: whoever stands between could have added them.
func (a *Auth) allSigned(r *Request) *fault.Fault {
	var open []string
	for k := range r.Header {
		k = strings.ToLower(k)
		if !strings.HasPrefix(k, "x-amz-") || k == "x-amz-cf-id" {
			continue
		}
		signed := false
		for _, h := range a.SignedHeaders {
			signed = signed || h == k
		}
		if !signed {
			open = append(open, k)
		}
	}
	if len(open) == 0 {
		return nil
	}
	sort.Strings(open)
	if a.Service == "s3" {
		return fault.Of(fault.AccessDenied, "There were headers present in the request which were not signed").Field("HeadersNotSigned", strings.Join(open, ", "))
	}
	return fault.Of(fault.AccessDenied, "There were headers present in the request which were not signed: %s", strings.Join(open, ", "))
}

// payload is the last line of the canonical request of a streamed body.
func (a *Auth) payload() (string, *fault.Fault) {
	switch {
	case a.Payload == "" && a.Presigned:
		return Unsigned, nil
	case a.Payload == "":
		return "", fault.New("InvalidRequest", "Missing required header for this request: x-amz-content-sha256").With(400)
	case a.Payload == Unsigned, a.Payload == StreamUnsignedTrailer, a.Payload == StreamSigned, a.Payload == StreamSignedTrailer, isHash(a.Payload):
		return a.Payload, nil
	}
	return "", fault.New("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.").With(400)
}
