package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// decodeParts reads the members that stand in path, query string and headers.
func (o *Operation) decodeParts(req *http.Request, labels Labels, out tree) *fault.Fault {
	q, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return malformed("The query string cannot be parsed")
	}
	if o.Service.Name == "s3" {
		req = unhoisted(req, q)
	}
	for _, m := range o.op.Input.Shape.Members {
		var v any
		var f *fault.Fault
		switch m.Location {
		case "uri":
			if s, ok := labels[m.Wire()]; ok {
				v, f = fromText(m, s, "iso8601")
			}
		case "querystring":
			if vs, ok := q[m.Wire()]; ok {
				v, f = fromParam(m, vs)
			}
		case "header":
			v, f = fromHeader(req, m)
			if o.Service.Name == "s3" {
				v = folded(m, v)
			}
		case "headers":
			v = fromHeaders(req.Header, m)
		}
		if f != nil && o.Service.Name == "s3" {
			return unreadable(m, req, q)
		}
		if f != nil {
			return o.badPart(f)
		}
		if v != nil {
			out[m.Name] = v
		}
	}
	if o.Service.Name == "s3" {
		if f := o.trailing(req.Header, out); f != nil {
			return f
		}
		return o.strayHeader(req.Header)
	}
	return nil
}

// unhoisted puts headers back that a presigner moved into the query string, as S3 does: x-amz-acl there is an ACL still.
func unhoisted(req *http.Request, q url.Values) *http.Request {
	if !q.Has("X-Amz-Signature") {
		return req
	}
	r := *req
	r.Header = req.Header.Clone()
	for k, vs := range q {
		low := strings.ToLower(k)
		if !strings.HasPrefix(low, "x-amz-") || signing(low) {
			continue
		}
		r.Header[http.CanonicalHeaderKey(k)] = append(r.Header[http.CanonicalHeaderKey(k)], vs...)
	}
	return &r
}

// signing lists the presigned query's own parameters.
func signing(k string) bool {
	switch k {
	case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token", "x-amz-content-sha256":
		return true
	}
	return false
}

// badPart: S3 speaks of a bad argument, and of malformed XML for bodies alone.
func (o *Operation) badPart(f *fault.Fault) *fault.Fault {
	if o.Service.Protocol == "rest-xml" {
		return fault.New("InvalidArgument", "%s", f.Message).With(400)
	}
	return f
}

func fromParam(m *model.Ref, vs []string) (any, *fault.Fault) {
	if m.Shape.Type != "list" {
		if len(vs) > 1 {
			return nil, malformed("The parameter %s stands more than once", m.Wire())
		}
		return fromText(m, vs[0], "iso8601")
	}
	out := make([]any, 0, len(vs))
	for _, s := range vs {
		v, f := fromText(m.Shape.Element, s, "iso8601")
		if f != nil {
			return nil, f
		}
		out = append(out, v)
	}
	return out, nil
}

func fromHeader(req *http.Request, m *model.Ref) (any, *fault.Fault) {
	name := m.Wire()
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length": // of the content, not of its aws-chunked frame; net/http keeps it apart
		if s := req.Header.Get("X-Amz-Decoded-Content-Length"); s != "" {
			return fromText(m, s, "")
		}
		if req.ContentLength < 0 {
			return nil, nil
		}
		return req.ContentLength, nil
	case "Content-Encoding": // aws-chunked frames the request and is no property of the content
		s := withoutChunked(req.Header.Values(name))
		if s == "" {
			return nil, nil
		}
		return s, nil
	}
	vs := req.Header.Values(name)
	if len(vs) == 0 {
		return nil, nil
	}
	if m.Shape.Type != "list" {
		return fromText(m, strings.TrimSpace(strings.Join(vs, ",")), "rfc822")
	}
	var out []any
	for _, h := range vs {
		for _, s := range splitHeader(h) {
			v, f := fromText(m.Shape.Element, s, "rfc822")
			if f != nil {
				return nil, f
			}
			out = append(out, v)
		}
	}
	return out, nil
}

func withoutChunked(vs []string) string {
	var keep []string
	for _, v := range vs {
		for _, s := range strings.Split(v, ",") {
			if s = strings.TrimSpace(s); s != "" && !strings.EqualFold(s, "aws-chunked") {
				keep = append(keep, s)
			}
		}
	}
	return strings.Join(keep, ",")
}

// fromHeaders collects headers with a prefix (x-amz-meta-); the keys are lower case, as S3 keeps them.
func fromHeaders(h http.Header, m *model.Ref) any {
	pre := http.CanonicalHeaderKey(m.LocationName)
	out := tree{}
	for k, vs := range h {
		if strings.HasPrefix(k, pre) {
			out[strings.ToLower(k[len(pre):])] = strings.Join(vs, ",")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// splitHeader splits at commas outside double quotes.
func splitHeader(s string) []string {
	var out []string
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case in && c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '"':
			in = !in
		case c == ',' && !in:
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	if last := strings.TrimSpace(b.String()); last != "" || len(out) > 0 {
		out = append(out, last)
	}
	return out
}

// strayHeader refuses an x-amz- header that the operation does not know, as S3 does: it implies something that would be ignored.
func (o *Operation) strayHeader(h http.Header) *fault.Fault {
	for _, k := range sortedKeys(h) {
		low := strings.ToLower(k)
		if !strings.HasPrefix(low, "x-amz-") || transport(low) || o.takesHeader(low) {
			continue
		}
		if rest, sum := strings.CutPrefix(low, "x-amz-checksum-"); sum && rest != "mode" && rest != "type" && rest != "algorithm" {
			return fault.New("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.").With(400)
		}
		f := fault.Of(fault.NotHonoured, "A header you provided implies functionality that is not implemented: %s", printable(low))
		f.Param = printable(low)
		return f
	}
	return nil
}

// transport lists headers of signing and of the SDKs, which say nothing of the operation.
func transport(h string) bool {
	switch h {
	case "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-user-agent",
		"x-amz-te", "x-amz-account-id", "x-amz-region-set":
		return true
	}
	if strings.HasPrefix(h, "x-amz-checksum-") && checksum.New(h) != nil {
		return true // of the body itself, which its reader holds to them
	}
	return strings.HasPrefix(h, "x-amz-cf-")
}

func (o *Operation) takesHeader(h string) bool {
	for _, m := range o.op.Input.Shape.Members {
		switch m.Location {
		case "header":
			if strings.EqualFold(m.Wire(), h) {
				return true
			}
		case "headers":
			if strings.HasPrefix(h, strings.ToLower(m.LocationName)) {
				return true
			}
		}
	}
	return false
}

// encodeParts writes the members that stand in headers and the status; it gives the status, or 0.
func (o *Operation) encodeParts(h http.Header, t *model.Shape, out tree) int {
	status := 0
	for _, m := range t.Members {
		v := out[m.Name]
		if v == nil {
			continue
		}
		switch m.Location {
		case "statusCode":
			if n, ok := v.(int64); ok {
				status = int(n)
			}
		case "header":
			h.Set(m.Wire(), headerText(m, v))
		case "headers":
			d, _ := v.(tree)
			for k, x := range d {
				// In lower case, as S3 sends them: clients take the name of a metadata entry from the wire.
				h[strings.ToLower(m.LocationName+k)] = []string{toText(m.Shape.Value, x, "")}
			}
		}
	}
	return status
}

func headerText(m *model.Ref, v any) string {
	l, ok := v.([]any)
	if !ok {
		return toText(m, v, "rfc822")
	}
	parts := make([]string, len(l))
	for i, x := range l {
		s := toText(m.Shape.Element, x, "rfc822")
		if m.Shape.Element.Shape.Type == "string" && strings.ContainsAny(s, `",`) {
			s = strconv.Quote(s)
		}
		parts[i] = s
	}
	return strings.Join(parts, ", ")
}
