package policy

import (
	"strconv"
	"strings"

	actions "cloister/internal/core/action"
)

// The elements of a statement that say for whom, what, on what and when.

func (b *builder) principal(s *statement, is, not *node, off int) {
	if !b.doc.kind.hasPrincipal() {
		for _, n := range []*node{is, not} {
			if n != nil {
				b.refuse(strayPrincipal, n.off, "", b.doc.kind.article()+" policy has no Principal: it speaks for whom it is attached to")
			}
		}
		return
	}
	n := is
	switch {
	case is != nil && not != nil:
		b.refuse(badElement, not.off, "", "a statement has Principal or NotPrincipal, not both")
		return
	case is == nil && not == nil:
		b.refuse(noPrincipal, off, "", b.doc.kind.article()+" policy says in each statement for whom: add \"Principal\"")
		return
	case not != nil:
		n, s.notPrincipal = not, true
		if b.strict && (s.allow || b.doc.kind == Trust) {
			b.refuse(allowNotPrincipal, not.off, "", "NotPrincipal goes with Deny only; name whom you mean in Principal")
		}
	}
	if n.kind == text {
		if n.text != "*" {
			b.refuse(badPrincipal, n.off, quote(n.text), "Principal is \"*\" or an object like {\"AWS\": \"arn:aws:iam::111122223333:role/Name\"}")
			return
		}
		s.principals, s.shown = []principalRef{{kind: everybody, value: "*", shown: "*", off: n.off, end: n.end}}, []string{"*"}
		return
	}
	b.object(n, "Principal", "AWS", "Service", "Federated", "CanonicalUser")
	for _, m := range n.members {
		for _, v := range b.strings(m.value, m.name) {
			r, ok := principalOf(m.name, v.text)
			if !ok && b.strict {
				b.refuse(badPrincipal, v.off, quote(m.name)+":"+quote(v.text), principalHint(m.name, v.text))
			}
			r.off, r.end = v.off, v.end
			s.principals, s.shown = append(s.principals, r), append(s.shown, v.text)
		}
	}
	if n.kind == object && len(s.principals) == 0 {
		b.refuse(emptyPrincipal, n.off, "", "Principal names nobody")
	}
}

func principalHint(typ, v string) string {
	switch {
	case strings.ContainsAny(v, "*?"):
		return "wildcards name nobody in a principal; write \"*\" and a condition on aws:PrincipalArn"
	case typ == "Service":
		return "a service principal looks like comprehend.amazonaws.com"
	case strings.Contains(v, ":group/"):
		return "a group is no principal; name its users or a role"
	}
	return "this names no account, root, user, role or session"
}

func (b *builder) action(s *statement, is, not *node, off int) {
	n, name := is, "Action"
	switch {
	case is != nil && not != nil:
		b.refuse(bothActions, not.off, "", "a statement has Action or NotAction, not both")
		return
	case is == nil && not == nil:
		b.refuse(noAction, off, "", "the statement has no Action")
		return
	case not != nil:
		n, name, s.notAction = not, "NotAction", true
	}
	for _, v := range b.strings(n, name) {
		s.actions = append(s.actions, v.text)
		s.lowered = append(s.lowered, strings.ToLower(v.text))
		if b.strict {
			b.actionName(v)
		}
	}
	if len(s.actions) == 0 && (n.kind != list || len(n.items) == 0) {
		what := noAction
		if b.doc.kind == Bucket { // S3 tells a list of nothing from one that is not there
			what = notSTS
		}
		b.refuse(what, n.off, "", name+" lists nothing")
	}
}

func (b *builder) actionName(n *node) {
	a, kind := n.text, b.doc.kind
	vendor, name, colon := strings.Cut(a, ":")
	switch {
	case a == "*" && kind == Trust:
		b.refuse(notSTS, n.off, "", "a trust policy allows sts:AssumeRole, sts:TagSession and the like, not \"*\"")
	case a == "*":
	case !colon:
		b.refuse(noVendor, n.off, "", "write service:Name, for example s3:GetObject")
	case strings.Contains(name, ":"):
		b.refuse(manyColons, n.off, "", "\""+a+"\" has two colons")
	case vendor == "" || strings.Trim(strings.ToLower(vendor), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "":
		b.refuse(badVendor, n.off, vendor, "the part before the colon is a service's name without wildcards")
	case name == "" && kind == Bucket:
		b.refuse(notSTS, n.off, "", "the action's name is missing after the colon")
	case name == "":
		b.refuse(badType, n.off, "", "the action's name is missing after the colon")
	case kind == Trust && !strings.EqualFold(vendor, "sts"):
		b.refuse(notSTS, n.off, "", "a trust policy says who may assume the role; what the role may do goes into its own policies")
	case kind == Bucket && !strings.EqualFold(vendor, "s3"):
		b.refuse(notSTS, n.off, "", "a bucket policy has s3: actions only")
	case kind == Bucket && len(actions.Matching(a)) == 0:
		b.refuse(notSTS, n.off, "", "S3 has no action \""+a+"\"")
	}
}

func (b *builder) resource(s *statement, is, not *node, off int) {
	n, name, kind := is, "Resource", b.doc.kind
	if kind == Trust {
		s.anyResource = is == nil && not == nil
		if b.strict && is != nil {
			b.refuse(strayResource, is.off, "", "the resource of a trust policy is its role: leave Resource out")
		}
		if b.strict && not != nil {
			b.refuse(strayNotResource, not.off, "", "the resource of a trust policy is its role: leave NotResource out")
		}
		if s.anyResource {
			return
		}
	}
	switch {
	case is != nil && not != nil:
		b.refuse(bothResources, not.off, "", "a statement has Resource or NotResource, not both")
		return
	case is == nil && not == nil:
		b.refuse(noResource, off, "", "the statement has no Resource")
		return
	case not != nil:
		n, name, s.notResource = not, "NotResource", true
	}
	for _, v := range b.strings(n, name) {
		if b.strict {
			b.resourceName(v)
		}
		fill := kind == Identity || kind == Boundary || kind == Session || kind == SCP && strings.HasSuffix(v.text, "*")
		s.resources, s.written = append(s.resources, compileResource(v.text, b.vars, fill)), append(s.written, v.text)
	}
	if len(s.resources) == 0 && (n.kind != list || len(n.items) == 0) {
		what := noResource
		if b.doc.kind == Bucket {
			what = badResource
		}
		b.refuse(what, n.off, "", name+" lists nothing")
	}
}

func (b *builder) condition(s *statement, n *node) {
	if n == nil {
		return
	}
	if n.kind != object {
		b.refuse(badType, n.off, "", "Condition must be an object: {operator: {key: value}}")
		return
	}
	for _, m := range n.members {
		proto, ok := parseOperator(m.name, !b.strict)
		if !ok {
			b.refuse(badOperator, m.off, m.name, operatorHint(m.name))
			continue
		}
		if m.value.kind != object {
			b.refuse(badType, m.value.off, "", m.name+" must be an object: {key: value}")
			continue
		}
		seen := map[string]bool{}
		for _, km := range m.value.members {
			c := proto
			c.key, c.keyName, c.deny = km.name, nameKey(km.name), !s.allow
			if seen[c.lower] {
				b.refuse(badJSON, km.off, "", "the key \""+km.name+"\" stands twice under "+m.name+": condition keys ignore case")
			}
			seen[c.lower] = true
			b.values(&c, km)
			if b.strict {
				b.keyRules(&c, km)
			}
			s.conditions = append(s.conditions, c)
		}
	}
}

func (b *builder) values(c *condition, m member) {
	items := []*node{m.value}
	if m.value.kind == list {
		items = m.value.items
	}
	for _, v := range items {
		s := v.text
		switch v.kind {
		case text, boolean:
		case number:
			if strings.ContainsAny(s, "eE") {
				if f, err := strconv.ParseFloat(s, 64); err == nil {
					s = strconv.FormatFloat(f, 'f', -1, 64)
				}
			}
		default:
			b.refuse(badType, v.off, "", "the value of "+m.name+" must be a string, number, boolean or a list of them, not "+nodeNames[v.kind])
			continue
		}
		o, ok := c.read(s, b.vars)
		if !ok && b.strict {
			b.refuse(badValue, v.off, s, valueHint(c, s))
		}
		c.values, c.written = append(c.values, o), append(c.written, o.pat.raw)
	}
}

func quote(s string) string { return `"` + s + `"` }
