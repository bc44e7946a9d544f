package policy

import "strings"

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
		if size := sizeOf(d.kind, d.text); size > n {
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
	if plain := b.doc.kind == Trust || !b.doc.kind.hasPrincipal(); plain && !alphanumeric(sid) { // elsewhere spaces are usual
		b.refuse(badSid, n.off, "", "a Sid has letters and digits only")
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

func alphanumeric(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}
