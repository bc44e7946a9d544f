package policy

import (
	"encoding/json"
	"strings"
)

// A trust or bucket policy that names a user or role is bound to the unique id when it is saved: who is deleted and
// made again under the same name does not get the old grants. Source: IAM User Guide, "Principal".

// Principals lists the principals that Bind would ask about: the ARNs of users and roles, each once, in order.
func (d *Document) Principals() []string {
	return d.collect(func(r *principalRef) bool { return r.bindable() })
}

// UniqueIDs lists the AIDA... and AROA... principals of a bound document, each once, in order.
func (d *Document) UniqueIDs() []string {
	return d.collect(func(r *principalRef) bool { return r.kind == byID })
}

func (d *Document) collect(want func(*principalRef) bool) []string {
	var out []string
	seen := map[string]bool{}
	for i := range d.statements {
		for j := range d.statements[i].principals {
			if r := &d.statements[i].principals[j]; want(r) && !seen[r.shown] {
				seen[r.shown] = true
				out = append(out, r.shown)
			}
		}
	}
	return out
}

func (r *principalRef) bindable() bool {
	return r.kind == byARN && strings.HasPrefix(r.value, "arn:") && strings.Contains(r.value, ":iam:")
}

// Bind rewrites the text with each user's and role's ARN replaced by its unique id; all else stays byte for byte. An
// ARN that is nobody's is refused as AWS refuses it, with a *SyntaxError.
func (d *Document) Bind(id func(arn string) (string, bool)) ([]byte, error) {
	b := &builder{doc: d, worst: refusals}
	out := d.rewrite(func(r *principalRef) (string, bool) {
		if !r.bindable() {
			return "", false
		}
		v, ok := id(r.value)
		if !ok {
			b.refuse(badPrincipal, r.off, quote(r.typ)+":"+quote(r.value), "there is no such user or role")
		}
		return v, ok
	})
	if b.err != nil {
		return nil, b.err
	}
	return out, nil
}

// Unbind rewrites a bound text for readers: ids become ARNs again, and the id of somebody who is gone stays bare.
func (d *Document) Unbind(arn func(id string) (string, bool)) []byte {
	return d.rewrite(func(r *principalRef) (string, bool) {
		if r.kind != byID {
			return "", false
		}
		return arn(r.value)
	})
}

func (d *Document) rewrite(to func(*principalRef) (string, bool)) []byte {
	out := make([]byte, 0, len(d.text))
	last := 0
	for i := range d.statements {
		for j := range d.statements[i].principals {
			r := &d.statements[i].principals[j]
			if v, ok := to(r); ok {
				q, _ := json.Marshal(v)
				out = append(append(out, d.text[last:r.off]...), q...)
				last = r.end
			}
		}
	}
	return append(out, d.text[last:]...)
}
