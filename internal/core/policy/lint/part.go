package lint

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"cloister/internal/core/policy"
)

// part is a document within a text.
type part struct {
	text    string
	base    int   // of the text's first byte in the file
	offsets []int // of each byte, when the document stood in a string
	wrapped bool
	trust   bool
}

func (p *part) place(off int) int {
	if p.offsets == nil {
		return p.base + off
	}
	return p.offsets[min(off, len(p.offsets)-1)]
}

func (p *part) kind() policy.Kind {
	if p.trust {
		return policy.Trust
	}
	return Guess([]byte(p.text))
}

// split finds the documents of a text: inside an answer of an API, or one after the other.
func split(s string) []part {
	if root, ok := readTree(s); ok {
		if root.kind == '{' && root.get("Statement") != nil {
			return []part{{text: s}}
		}
		var out []part
		unwrap(s, root, &out)
		if len(out) > 0 {
			return out
		}
		return []part{{text: s}}
	}
	var out []part
	for from := 0; ; {
		start := from + strings.IndexByte(s[from:], '{')
		if start < from || strings.Trim(s[from:start], " \t\r\n,") != "" {
			break
		}
		end := closing(s, start)
		if end < 0 {
			out = append(out, part{text: s[start:], base: start})
			break
		}
		out = append(out, part{text: s[start:end], base: start})
		from = end
	}
	if len(out) < 2 {
		return []part{{text: s}}
	}
	return out
}

// closing gives the end of the object that begins at start; -1 when it is not closed.
func closing(s string, start int) int {
	depth, quoted := 0, false
	for i := start; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// unwrap collects the documents below the names under which the answers of IAM, EC2, S3 and KMS carry them.
func unwrap(s string, n *node, out *[]part) {
	for _, it := range n.items {
		unwrap(s, it, out)
	}
	for _, m := range n.members {
		v := m.value
		switch m.name {
		case "PolicyDocument", "AssumeRolePolicyDocument", "Document", "Policy", "ResourcePolicy":
			p := part{wrapped: true, trust: m.name == "AssumeRolePolicyDocument"}
			if v.kind == '{' && v.get("Statement") != nil {
				p.text, p.base = s[v.off:v.end], v.off
				*out = append(*out, p)
				continue
			}
			if v.kind == '"' && strings.HasPrefix(strings.TrimLeft(v.text, " \t\r\n"), "{") {
				p.text, p.offsets = unquote(s[v.off:v.end], v.off)
				*out = append(*out, p)
				continue
			}
		}
		unwrap(s, v, out)
	}
}

// unquote reads a JSON string that is known to be well formed, with the place in the file of each byte and of the end.
func unquote(raw string, base int) (string, []int) {
	var b []byte
	var at []int
	put := func(r rune, i int) {
		n := len(b)
		b = utf8.AppendRune(b, r)
		for range len(b) - n {
			at = append(at, base+i)
		}
	}
	hex := func(i int) (r rune) {
		for _, c := range []byte(raw[min(i, len(raw)):min(i+4, len(raw))]) {
			r = r<<4 | rune(max(0, strings.IndexByte("0123456789abcdef", c|0x20)))
			if '0' <= c && c <= '9' {
				r = r&^0xf | rune(c-'0')
			}
		}
		return r
	}
	for i := 1; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			b, at = append(b, raw[i]), append(at, base+i)
			continue
		}
		from := i
		i++
		if j := strings.IndexByte("bfnrt", raw[i]); j >= 0 {
			put(rune("\b\f\n\r\t"[j]), from)
			continue
		}
		if raw[i] != 'u' {
			put(rune(raw[i]), from)
			continue
		}
		r := hex(i + 1)
		i += 4
		if utf16.IsSurrogate(r) && strings.HasPrefix(raw[min(i+1, len(raw)):], `\u`) {
			r = utf16.DecodeRune(r, hex(i+3))
			i += 6
		}
		put(r, from)
	}
	return string(b), append(at, base+max(0, len(raw)-1))
}

// Guess tells a document's kind from its content: a Principal with sts:AssumeRole makes a trust policy, other principals
// a resource policy by the service of its actions (Bucket when the resources name one bucket, else Endpoint), and no
// Principal an identity policy.
func Guess(text []byte) policy.Kind {
	root, ok := readTree(string(text))
	if !ok {
		switch s := string(text); {
		case !strings.Contains(s, "Principal\""):
			return policy.Identity
		case strings.Contains(s, "\"sts:AssumeRole"):
			return policy.Trust
		}
		return policy.Endpoint
	}
	principal := false
	services := map[string]bool{}
	buckets := map[string]bool{}
	for _, s := range statements(root) {
		principal = principal || s.principal != nil
		for _, a := range s.actions {
			prefix, _, _ := strings.Cut(strings.ToLower(a.text), ":")
			services[prefix] = true
		}
		for _, r := range s.resources {
			name, isS3 := strings.CutPrefix(r.text, "arn:aws:s3:::")
			name, _, _ = strings.Cut(name, "/")
			if !isS3 || strings.ContainsAny(name, "*?") {
				name = "*"
			}
			buckets[name] = true
		}
	}
	switch {
	case !principal:
		return policy.Identity
	case len(services) == 1 && services["sts"]:
		return policy.Trust
	case len(services) == 1 && services["kms"]:
		return policy.Key
	case len(services) == 1 && services["s3"] && len(buckets) == 1 && !buckets["*"]:
		return policy.Bucket
	}
	return policy.Endpoint
}
