package s3

import (
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// Rule is one rule of a bucket's CORS configuration, as it was given.
type Rule struct {
	ID                                string `json:",omitempty"`
	Headers, Methods, Origins, Expose []string
	MaxAge                            *int64 `json:",omitempty"`
}

// cors are the rows of the configuration. Source: S3 User Guide, "Elements of a CORS configuration".
func (s *Service) cors() []api.Rower {
	type item = store.Item[Bucket]
	return []api.Rower{
		onBucketRow("GetBucketCors", nil, func(_ *api.Call, b item, _ *shape.GetBucketCorsRequest) (*shape.GetBucketCorsOutput, error) {
			if len(b.Value.Access.CORS) == 0 {
				return nil, fault.New("NoSuchCORSConfiguration", "The CORS configuration does not exist").With(404).Field("BucketName", b.ID)
			}
			out := &shape.GetBucketCorsOutput{}
			for _, r := range b.Value.Access.CORS {
				out.CORSRules = append(out.CORSRules, shape.CORSRule{ID: opt(r.ID), AllowedHeaders: r.Headers, AllowedMethods: r.Methods, AllowedOrigins: r.Origins,
					ExposeHeaders: r.Expose, MaxAgeSeconds: r.MaxAge})
			}
			return out, nil
		}, nil),
		onBucketRow[shape.PutBucketCorsRequest, shape.PutBucketCorsOutput]("PutBucketCors", []string{"CORSConfiguration.*", "ContentMD5", "ChecksumAlgorithm"}, nil,
			func(_ *api.Call, b *item, in *shape.PutBucketCorsRequest) (err error) {
				b.Value.Access.CORS, err = corsRules(in.CORSConfiguration)
				return err
			}),
		onBucketRow[shape.DeleteBucketCorsRequest, shape.DeleteBucketCorsOutput]("DeleteBucketCors", nil, nil,
			func(_ *api.Call, b *item, _ *shape.DeleteBucketCorsRequest) error {
				b.Value.Access.CORS = nil
				return nil
			}),
	}
}

func corsRules(in *shape.CORSConfiguration) ([]Rule, error) {
	if in == nil || len(in.CORSRules) == 0 || len(in.CORSRules) > 100 {
		return nil, badXML()
	}
	invalid := func(text, about string) error { return fault.New("InvalidRequest", text, about).With(400) }
	var out []Rule
	for _, r := range in.CORSRules {
		if len(r.AllowedOrigins) == 0 || len(r.AllowedMethods) == 0 || len(str(r.ID)) > 255 {
			return nil, badXML()
		}
		for _, o := range r.AllowedOrigins {
			if strings.Count(o, "*") > 1 {
				return nil, invalid("AllowedOrigin %q can not have more than one wildcard.", o)
			}
		}
		for _, m := range r.AllowedMethods {
			if !corsMethod(m) {
				return nil, invalid("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
			}
		}
		for _, h := range r.AllowedHeaders {
			if strings.Count(h, "*") > 1 {
				return nil, invalid("AllowedHeader %q can not have more than one wildcard.", h)
			}
		}
		for _, h := range append(append([]string{}, r.AllowedHeaders...), r.ExposeHeaders...) {
			if !headerName(h) {
				return nil, fault.New("InvalidRequest", `AllowedHeader "%s" contains invalid character.`, h).With(400)
			}
		}
		out = append(out, Rule{ID: str(r.ID), Headers: r.AllowedHeaders, Methods: r.AllowedMethods, Origins: r.AllowedOrigins, Expose: r.ExposeHeaders, MaxAge: r.MaxAgeSeconds})
	}
	return out, nil
}

func corsMethod(m string) bool {
	switch m {
	case "GET", "PUT", "POST", "DELETE", "HEAD":
		return true
	}
	return false
}

// headerName takes tokens of RFC 9110; a star in it is a wildcard.
func headerName(h string) bool {
	if h == "" {
		return false
	}
	for i := 0; i < len(h); i++ {
		c := h[i]
		if c >= 0x7f || c <= ' ' || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return true
}

// Shared is what a bucket answers a script of another origin: the headers to set, nil when no rule admits the request. preflight says
// that headers and method are asked about and not sent; then what is not admitted is a fault: NoSuchBucket, BadRequest, AccessForbidden.
// Source: S3 User Guide, "Using cross-origin resource sharing"; RESTOPTIONSobject.
func (s *Service) Shared(v store.View, partition, bucket, origin, method string, headers []string, preflight bool) (map[string]string, *fault.Fault) {
	refuse := func(code string, status int, format string, args ...any) *fault.Fault {
		if !preflight {
			return nil
		}
		return fault.New(code, format, args...).With(status)
	}
	switch {
	case origin == "":
		return nil, refuse("BadRequest", 400, "Insufficient information. Origin request header needed.")
	case !corsMethod(method):
		return nil, refuse("BadRequest", 400, "Invalid Access-Control-Request-Method: %s", method)
	}
	for _, h := range headers {
		if !headerName(h) {
			return nil, refuse("BadRequest", 400, `Access-Control-Request-Headers "%s" contains invalid character.`, h)
		}
	}
	b, err := buckets.Get(v, store.Scope{Partition: partition}, bucket)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, refuse("NoSuchBucket", 404, "The specified bucket does not exist")
	case err != nil:
		return nil, fault.From(err)
	case len(b.Value.Access.CORS) == 0:
		return nil, refuse("AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.")
	}
	for i := range b.Value.Access.CORS {
		if out := b.Value.Access.CORS[i].admits(origin, method, headers, preflight); out != nil {
			return out, nil
		}
	}
	return nil, refuse("AccessForbidden", 403, "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
}

// admits gives the headers of an answer, the first rule that fits decides; nil when this one does not.
func (r *Rule) admits(origin, method string, headers []string, preflight bool) map[string]string {
	out := map[string]string{"Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method", "Access-Control-Allow-Methods": strings.Join(r.Methods, ", ")}
	for _, o := range r.Origins {
		if o == "*" {
			out["Access-Control-Allow-Origin"], out["Access-Control-Allow-Credentials"] = "*", "false"
			break
		}
		if wild(o, origin) {
			out["Access-Control-Allow-Origin"], out["Access-Control-Allow-Credentials"] = origin, "true"
			break
		}
	}
	if out["Access-Control-Allow-Origin"] == "" || !anyOf(r.Methods, func(m string) bool { return m == method }) {
		return nil
	}
	for _, h := range headers {
		if !anyOf(r.Headers, func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(h)) }) {
			return nil
		}
	}
	if preflight && len(headers) > 0 {
		out["Access-Control-Allow-Headers"] = strings.ToLower(strings.Join(headers, ", "))
	}
	if len(r.Expose) > 0 {
		names := make([]string, len(r.Expose))
		for i, h := range r.Expose {
			names[i] = textproto.CanonicalMIMEHeaderKey(h)
			if strings.EqualFold(h, "etag") {
				names[i] = "ETag"
			}
		}
		out["Access-Control-Expose-Headers"] = strings.Join(names, ", ")
	}
	if r.MaxAge != nil {
		out["Access-Control-Max-Age"] = strconv.FormatInt(*r.MaxAge, 10)
	}
	if out["Access-Control-Allow-Credentials"] == "false" {
		delete(out, "Access-Control-Allow-Credentials") // S3 leaves it out for everybody's origin
	}
	return out
}

func anyOf(list []string, f func(string) bool) bool {
	for _, s := range list {
		if f(s) {
			return true
		}
	}
	return false
}

// wild compares with a pattern of at most one star.
func wild(pattern, s string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	return len(s) >= len(head)+len(tail) && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail)
}
