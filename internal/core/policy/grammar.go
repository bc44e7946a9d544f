package policy

import (
	"strconv"
	"strings"
)

// builder makes a Document from a JSON tree. It goes on after an error and keeps the one that IAM would report.
type builder struct {
	doc    *Document
	strict bool
	vars   bool
	worst  refusal
	err    *SyntaxError
	sids   map[string]bool
}

// refuse notes a broken rule. Only the first by rule, then by place, is kept.
func (b *builder) refuse(r refusal, off int, arg, hint string) {
	if b.err != nil && (r > b.worst || r == b.worst && off >= b.err.Offset) {
		return
	}
	line, col := position(b.doc.text, off)
	b.worst = r
	code := codeOf(b.doc.kind)
	if r == tooLong && b.doc.kind == Trust {
		code = "LimitExceeded"
	}
	b.err = &SyntaxError{Code: code, Message: r.message(b.doc.kind, arg), Offset: off, Line: line, Column: col, Hint: hint}
}

// object gives the members of an object and refuses names that are not in the list.
func (b *builder) object(n *node, what string, names ...string) map[string]*node {
	if n.kind != object {
		b.refuse(badType, n.off, "", what+" must be an object, not "+nodeNames[n.kind])
		return nil
	}
	out := make(map[string]*node, len(n.members))
	for _, m := range n.members {
		known := false
		for _, name := range names {
			known = known || name == m.name
		}
		if !known {
			b.refuse(badElement, m.off, "", unknownHint(m.name, what, names))
			continue
		}
		out[m.name] = m.value
	}
	return out
}

func unknownHint(name, what string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(n, name) || strings.EqualFold(n, strings.TrimSuffix(name, "s")) {
			return "unknown element \"" + name + "\": did you mean \"" + n + "\"?"
		}
	}
	return what + " has no element \"" + name + "\"; it may have " + strings.Join(names, ", ")
}

func (b *builder) str(n *node, what string) (string, bool) {
	if n.kind != text {
		b.refuse(badType, n.off, "", what+" must be a string, not "+nodeNames[n.kind])
		return "", false
	}
	return n.text, true
}

// strings takes one string or a list of them. nodes are the strings' places.
func (b *builder) strings(n *node, what string) (nodes []*node) {
	if n.kind == text {
		return []*node{n}
	}
	if n.kind != list {
		b.refuse(badType, n.off, "", what+" must be a string or a list of strings, not "+nodeNames[n.kind])
		return nil
	}
	for _, it := range n.items {
		if _, ok := b.str(it, "each element of "+what); ok {
			nodes = append(nodes, it)
		}
	}
	return nodes
}

func (b *builder) document(root *node) {
	d := b.doc
	if n := limitOf(d.kind); n > 0 && b.strict {
		size := Size(d.text)
		if d.kind == Endpoint {
			size = len(d.text)
		}
		if size > n {
			b.refuse(tooLong, 0, itoa(n), "it has "+itoa(size))
		}
	}
	m := b.object(root, "a policy document", "Version", "Id", "Statement")
	d.version = "2008-10-17"
	if v := m["Version"]; v != nil {
		if s, ok := b.str(v, "Version"); ok {
			d.version = s
			if s != "2012-10-17" && s != "2008-10-17" {
				b.refuse(badVersion, v.off, "", "write \"Version\": \"2012-10-17\": it names the policy language and is no date of yours")
			}
		}
	}
	b.vars = d.version == "2012-10-17"
	if id := m["Id"]; id != nil {
		if s, ok := b.str(id, "Id"); ok {
			d.id = s
		}
		if b.strict && !d.kind.hasPrincipal() {
			b.refuse(badElement, id.off, "", "Id is not allowed in "+d.kind.String()+" policies")
		}
	}
	st := m["Statement"]
	switch {
	case m == nil:
	case st == nil:
		b.refuse(noStatement, root.off, "", "the document has no Statement")
	case st.kind == object:
		b.statement(st)
	case st.kind != list:
		b.refuse(badType, st.off, "", "Statement must be an object or a list of objects")
	case len(st.items) == 0:
		b.refuse(emptyStatement, st.off, "", "Statement is an empty list")
	default:
		for _, it := range st.items {
			b.statement(it)
		}
	}
}

func (b *builder) statement(n *node) {
	m := b.object(n, "a statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
	if m == nil {
		return
	}
	s := statement{off: n.off}
	b.sid(&s, m["Sid"])
	b.effect(&s, m["Effect"], n.off)
	b.principal(&s, m["Principal"], m["NotPrincipal"], n.off)
	b.action(&s, m["Action"], m["NotAction"], n.off)
	b.resource(&s, m["Resource"], m["NotResource"], n.off)
	b.condition(&s, m["Condition"])
	if b.strict && b.doc.kind == Bucket {
		b.fit(&s)
	}
	b.doc.statements = append(b.doc.statements, s)
}

func (b *builder) sid(s *statement, n *node) {
	if n == nil {
		return
	}
	sid, ok := b.str(n, "Sid")
	if !ok {
		return
	}
	s.sid = sid
	if !b.strict {
		return
	}
	for _, r := range sid {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !(r == ' ' && b.doc.kind.hasPrincipal()) {
			if b.doc.kind == Trust || !b.doc.kind.hasPrincipal() {
				b.refuse(badSid, n.off, "", "a Sid has letters and digits only")
			}
			break
		}
	}
	if b.sids == nil {
		b.sids = map[string]bool{}
	}
	if sid != "" && b.sids[sid] {
		b.refuse(twinSid, n.off, "", "the Sid \""+sid+"\" stands twice")
	}
	b.sids[sid] = true
}

func (b *builder) effect(s *statement, n *node, off int) {
	if n == nil {
		b.refuse(noEffect, off, "", "the statement has no Effect")
		return
	}
	e, ok := b.str(n, "Effect")
	switch {
	case !ok:
	case e == "Allow":
		s.allow = true
	case e == "Deny":
	case strings.EqualFold(e, "Allow") || strings.EqualFold(e, "Deny"):
		b.refuse(badEffect, n.off, e, "Effect is \"Allow\" or \"Deny\", with a capital letter and no more")
	default:
		r := badEffect
		if b.doc.kind != Trust && b.doc.kind != Bucket {
			r = badType
		}
		b.refuse(r, n.off, e, "Effect is \"Allow\" or \"Deny\", not \""+e+"\"")
	}
}

func (b *builder) principal(s *statement, is, not *node, off int) {
	if !b.doc.kind.hasPrincipal() {
		for _, n := range []*node{is, not} {
			if n != nil {
				b.refuse(strayPrincipal, n.off, "", "a "+b.doc.kind.String()+" policy has no Principal: it speaks for whom it is attached to")
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
		b.refuse(noPrincipal, off, "", "a "+b.doc.kind.String()+" policy says in each statement for whom: add \"Principal\"")
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
		b.refuse(noAction, n.off, "", name+" lists nothing")
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
	case name == "":
		b.refuse(badType, n.off, "", "the action's name is missing after the colon")
	case kind == Trust && !strings.EqualFold(vendor, "sts"):
		b.refuse(notSTS, n.off, "", "a trust policy says who may assume the role; what the role may do goes into its own policies")
	case kind == Bucket && !strings.EqualFold(vendor, "s3"):
		b.refuse(notSTS, n.off, "", "a bucket policy has s3: actions only")
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
		b.refuse(noResource, n.off, "", name+" lists nothing")
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
			c.key, c.keyName = km.name, nameKey(km.name)
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
