package ask

import (
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/store"
)

// ask makes the questions of one call. The input is not validated yet: what is missing is asked for as any.
func (p *plan) ask(c *api.Call, v store.View, in any) ([]api.Question, error) {
	s := p.sheet
	given := tags(in, paths(s.Tags))
	var out []api.Question
	for i, n := range p.needs {
		switch {
		case n.Action == "iam:PassRole":
			for _, r := range values(in, paths(s.Roles)) {
				out = append(out, api.Question{Action: n.Action, Resource: r, Owner: owner(r), Keys: map[string][]string{"iam:PassedToService": {s.Principal}}})
			}
			continue
		case n.When == "tags are given" && len(given) == 0, n.When == "bearer-token auth only": // nobody comes with a bearer token
			continue
		}
		asked := false
		for _, t := range p.about(i) {
			for _, r := range t.resources(c, in) {
				q, err := p.question(c, v, in, i, t, r, given)
				if err != nil {
					return nil, err
				}
				out, asked = append(out, q), true
			}
		}
		if !asked {
			t, r := p.unnamed(c, n, i)
			q, err := p.question(c, v, in, i, t, r, given)
			if err != nil {
				return nil, err
			}
			out = append(out, q)
		}
	}
	return out, nil
}

// unnamed is what an action is asked about when all that it may act on is optional and left out: any resource of the first
// type if the action cannot do without one, else none.
func (p *plan) unnamed(c *api.Call, n action.Need, need int) (target, string) {
	a, _ := action.Lookup(n.Action)
	for _, t := range p.about(need) {
		if slices.ContainsFunc(a.Resources, func(r action.ResourceType) bool { return r.Required && r.Name == t.kind }) {
			return t, t.fill(c, nil)
		}
	}
	return target{}, "*"
}

// about gives the targets of one of the operation's actions. Tagging concerns what is made, not what else the call names: it
// has the targets that name it, else the first.
func (p *plan) about(need int) []target {
	n := p.needs[need]
	_, short, _ := strings.Cut(n.Action, ":")
	var own, all []target
	for _, t := range p.targets {
		switch t.action {
		case short:
			own, all = append(own, t), append(all, t)
		case "":
			all = append(all, t)
		}
	}
	switch {
	case need == 0 || n.When == "":
		return all
	case own != nil:
		return own
	}
	return all[:min(1, len(all))]
}

// question is about one resource; its keys are those that the action supports on a resource of the kind.
func (p *plan) question(c *api.Call, v store.View, in any, need int, t target, resource string, given map[string]string) (api.Question, error) {
	s, n, a := p.sheet, p.needs[need], p.actions[need]
	kind := typeOf(a, t.kind, resource)
	q := api.Question{Action: n.Action, Resource: resource, Owner: owner(resource), Keys: map[string][]string{}}
	for k, val := range n.Keys {
		q.Keys[k] = []string{val}
	}
	has := func(key string) bool { return supports(a, kind, key) }
	_, short, _ := strings.Cut(n.Action, ":")
	keys, known := p.keys[need][kind]
	if !known {
		keys = s.has(a, kind)
	}
	for key := range keys {
		src := s.Keys[key]
		if prefix, _, open := strings.Cut(key, "${"); open {
			for k, val := range tags(in, sources(src, short)) {
				q.Keys[prefix+k] = []string{val}
			}
		} else if vals := s.key(c, in, short, src); len(vals) > 0 {
			q.Keys[key] = vals
		}
	}
	if has("aws:RequestTag/${TagKey}") {
		for k, val := range given {
			q.Keys["aws:RequestTag/"+k] = []string{val}
		}
	}
	if has("aws:TagKeys") {
		keys := slices.Sorted(maps.Keys(given))
		if keys = append(keys, values(in, paths(s.TagKeys))...); len(keys) > 0 {
			q.Keys["aws:TagKeys"] = keys
		}
	}
	if a.WildcardOnly {
		q.Resource = "*"
		q.Owner = ""
	}
	// A resource that has tags has the keys for them, under the service's own name too where the reference has such a key.
	if strings.HasPrefix(q.Resource, "arn:") && !strings.HasSuffix(q.Resource, "*") {
		existing, err := v.Tags(q.Resource)
		if err != nil {
			return q, err
		}
		prefix, _, _ := strings.Cut(n.Action, ":")
		for k, val := range existing {
			q.Keys["aws:ResourceTag/"+k] = []string{val}
			if own := prefix + ":ResourceTag/${TagKey}"; has(own) {
				q.Keys[prefix+":ResourceTag/"+k] = []string{val}
			}
		}
	}
	if s.Find != nil {
		return q, s.Find(c, v, kind, &q)
	}
	return q, nil
}

// key reads a condition key's values. A source of other actions has no default either.
func (s *Sheet) key(c *api.Call, in any, action, src string) []string {
	src, def, _ := strings.Cut(src, "=")
	src, kms := strings.CutSuffix(src, "#")
	from := sources(src, action)
	if from == nil {
		return nil
	}
	out := values(in, from)
	if len(out) == 0 && def != "" {
		return []string{def}
	}
	if kms {
		for i := range out {
			out[i] = KeyARN(c, out[i])
		}
	}
	return out
}

// KeyARN is the ARN of a KMS key or alias that a call names by id, alias or ARN.
func KeyARN(c *api.Call, id string) string {
	switch {
	case strings.HasPrefix(id, "arn:"):
		return id
	case strings.HasPrefix(id, "alias/"):
		return c.ARN("kms", id)
	}
	return c.ARN("kms", "key/"+id)
}

// typeOf is the type of an action's resource. An ARN says it itself when the call may name several types; the sheet's word
// holds when its template fits, or none does.
func typeOf(a action.Action, said, resource string) string {
	best, most := said, -1
	for _, t := range a.Resources {
		n, ok := fits(t.ARN, resource)
		switch {
		case !ok:
		case t.Name == said:
			return said
		case n > most:
			best, most = t.Name, n
		}
	}
	return best
}

// fits reports whether an ARN has the form of a template, and how many of its bytes the template gives.
func fits(template, arn string) (int, bool) {
	n := 0
	for i := 0; ; i++ {
		literal, rest, more := strings.Cut(template, "${")
		at := strings.Index(arn, literal)
		if !more && strings.HasSuffix(arn, literal) {
			at = len(arn) - len(literal)
		}
		if at < 0 || i == 0 && at > 0 || !more && literal != "" && !strings.HasSuffix(arn, literal) {
			return 0, false
		}
		n += len(literal)
		if !more {
			return n, literal != "" || i > 0
		}
		arn = arn[at+len(literal):]
		_, template, _ = strings.Cut(rest, "}")
	}
}

// supports reports whether an action has a key on a resource of a type. Of an action whose keys are not all known any may be.
func supports(a action.Action, kind, key string) bool {
	if !a.Complete || slices.Contains(a.Keys, key) {
		return true
	}
	for _, t := range a.Resources {
		if (t.Name == kind || kind == anyKind) && slices.Contains(t.Keys, key) {
			return true
		}
	}
	return false
}

// anyKind stands for whatever type of resource an action has.
const anyKind = "*"

// resources are the ARNs that a target stands for in one call.
func (t target) resources(c *api.Call, in any) []string {
	if t.from == nil {
		return []string{t.fill(c, nil)}
	}
	if len(t.from) == 1 {
		ids := values(in, t.from[0])
		var out []string
		for _, id := range ids {
			out = append(out, t.named(c, id))
		}
		if out == nil && !t.optional {
			out = []string{t.fill(c, nil)}
		}
		return out
	}
	parts := make([]string, len(t.from))
	some := false
	for i, f := range t.from {
		parts[i] = "*"
		if ids := values(in, f); len(ids) > 0 {
			parts[i], some = ids[0], true
		}
	}
	if !some && t.optional {
		return nil
	}
	return []string{t.fill(c, parts)}
}

// named is the ARN of one id, which may be an ARN already.
func (t target) named(c *api.Call, id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	if t.kind == "" {
		return "*"
	}
	return t.fill(c, []string{id})
}

// fill puts partition, region, account and ids into the template; what no id is given for is any.
func (t target) fill(c *api.Call, ids []string) string {
	var b strings.Builder
	rest := t.template
	for {
		head, tail, ok := strings.Cut(rest, "${")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(tail, "}")
		switch name {
		case "Partition":
			b.WriteString(c.Partition)
		case "Region":
			b.WriteString(c.Region)
		case "Account":
			b.WriteString(c.Account)
		default:
			id := "*"
			if len(ids) > 0 {
				id, ids = ids[0], ids[1:]
			}
			if strings.HasPrefix(id, "arn:") { // of several ids one that is an ARN holds all up to its place
				b.Reset()
			}
			b.WriteString(id)
		}
		rest = after
	}
}

// owner is the account in an ARN; empty when it has none, or is none.
func owner(arn string) string {
	if p := strings.SplitN(arn, ":", 6); len(p) == 6 && p[0] == "arn" && len(p[4]) == 12 {
		return p[4]
	}
	return ""
}

// sources are the paths of a key's source that hold for an action.
func sources(src, action string) []string {
	var out []string
	for _, p := range paths(src) {
		if name, path, only := strings.Cut(p, "@"); !only {
			out = append(out, p)
		} else if name == action {
			out = append(out, path)
		}
	}
	return out
}

func paths(src string) []string {
	if src == "" {
		return nil
	}
	return strings.Split(src, "|")
}
