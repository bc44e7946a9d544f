package sigv4

import (
	"net/url"
	"sort"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// escape encodes all but unreserved characters; slash says whether '/' is encoded too.
func escape(s string, slash bool) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if !unreserved(s[i], slash) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; unreserved(c, slash) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func unreserved(c byte, slash bool) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == '/' && !slash
}

// EscapePath encodes a path as S3 signs it: everything but unreserved characters and '/'.
func EscapePath(path string) string { return escape(path, false) }

// EncodeQuery writes parameters as they are signed: sorted, spaces as %20.
func EncodeQuery(q map[string][]string) string {
	var ps []param
	for k, vs := range q {
		for _, v := range vs {
			ps = append(ps, param{escape(k, true), escape(v, true)})
		}
	}
	return join(ps)
}

type param struct{ k, v string }

func join(ps []param) string {
	sort.Slice(ps, func(i, j int) bool {
		if ps[i].k != ps[j].k {
			return ps[i].k < ps[j].k
		}
		return ps[i].v < ps[j].v
	})
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.k)
		b.WriteByte('=')
		b.WriteString(p.v)
	}
	return b.String()
}

// canonicalQuery decodes and encodes again; the signature itself is left out.
func canonicalQuery(raw string, presigned bool) string {
	var ps []param
	for raw != "" {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		if p == "" {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		if k = unescape(k); presigned && k == "X-Amz-Signature" {
			continue
		}
		ps = append(ps, param{escape(k, true), escape(unescape(v), true)})
	}
	return join(ps)
}

// unescape undoes percent encoding; '+' is a space, as form-encoding clients send it. Broken encoding stays as it is.
func unescape(s string) string {
	u, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return u
}

// canonicalPath: S3 signs the path encoded once and as it is; every other service removes dot segments and encodes what was sent.
func canonicalPath(sent, service string) string {
	if sent == "" {
		return "/"
	}
	if service == "s3" {
		u, err := url.PathUnescape(sent)
		if err != nil {
			u = sent
		}
		return escape(u, false)
	}
	return escape(clean(sent), false)
}

func clean(p string) string {
	var out []string
	for _, s := range strings.Split(p, "/") {
		switch s {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
		}
	}
	r := "/" + strings.Join(out, "/")
	if strings.HasSuffix(p, "/") && r != "/" {
		r += "/"
	}
	return r
}

// canonical is the canonical request.
func (a *Auth) canonical(r *Request, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r.Path, a.Service) + "\n" + canonicalQuery(r.RawQuery, a.Presigned) + "\n")
	for _, h := range a.SignedHeaders {
		b.WriteString(h)
		b.WriteByte(':')
		if h == "host" {
			b.WriteString(r.Host)
		} else {
			for i, v := range values(r.Header, h) {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(strings.Join(strings.Fields(v), " "))
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + strings.Join(a.SignedHeaders, ";") + "\n" + payload)
	return b.String()
}
