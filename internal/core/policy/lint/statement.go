package lint

import "strings"

// statement is what the rules ask of a statement, with places.
type statement struct {
	node        *node
	index       int
	sid         string
	allow       bool
	actions     []*node
	notAction   *node
	resources   []*node
	notResource *node
	principal   *node // Principal or NotPrincipal
	not         bool  // NotPrincipal
	conditions  []condition
	entries     []entry               // set by checker.actions
	reached     map[string]bool       // by ARN template: answers of reaches
	without     map[string][][]string // by key: of each entry the actions that lack it
}

// condition is one key under one operator.
type condition struct {
	op     operator
	key    *node
	values []*node
}

// operator is an operator's name, taken apart.
type operator struct {
	name     string // as written
	set      string // "", ForAllValues or ForAnyValue
	base     string // without set and IfExists, lower case
	ifExists bool
}

func operatorOf(name string) operator {
	o := operator{name: name, base: strings.ToLower(name)}
	for _, set := range [...]string{"ForAllValues", "ForAnyValue"} {
		if rest, ok := strings.CutPrefix(o.base, strings.ToLower(set)+":"); ok {
			o.set, o.base = set, rest
		}
	}
	o.base, o.ifExists = strings.CutSuffix(o.base, "ifexists")
	return o
}

func (o operator) negated() bool { return strings.Contains(o.base, "not") }

func (o operator) null() bool { return o.base == "null" }

// family is the part of the name that says what is compared.
func (o operator) family() string {
	for _, f := range [...]string{"String", "Numeric", "Date", "Bool", "Binary", "Arn", "Null"} {
		if strings.HasPrefix(o.base, strings.ToLower(f)) {
			return f
		}
	}
	return "Ip"
}

// whenMissing is the condition's result for a request without its key. Source: IAM User Guide, "Condition operators";
// the table stands in internal/core/policy.
func (c *condition) whenMissing() bool {
	switch {
	case c.op.null():
		for _, v := range c.values {
			if strings.EqualFold(v.text, "true") {
				return true
			}
		}
		return false
	case c.op.ifExists || c.op.set == "ForAllValues":
		return true
	case c.op.set == "ForAnyValue":
		return false
	}
	return c.op.negated()
}

// statements takes a document apart. What has a wrong shape is left out: the engine has refused it.
func statements(root *node) []statement {
	var out []statement
	if root.kind != '{' {
		return nil
	}
	for i, n := range root.get("Statement").list() {
		if n.kind != '{' {
			continue
		}
		s := statement{node: n, index: i, actions: texts(n.get("Action")), resources: texts(n.get("Resource")),
			notAction: n.get("NotAction"), notResource: n.get("NotResource"), principal: n.get("Principal")}
		if v := n.get("Sid"); v != nil {
			s.sid = v.text
		}
		if v := n.get("Effect"); v != nil {
			s.allow = v.text == "Allow"
		}
		if v := n.get("NotPrincipal"); v != nil {
			s.principal, s.not = v, true
		}
		if cond := n.get("Condition"); cond != nil {
			for _, m := range cond.members {
				for _, k := range m.value.members {
					key := &node{off: k.off, text: k.name}
					s.conditions = append(s.conditions, condition{op: operatorOf(m.name), key: key, values: k.value.list()})
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func texts(n *node) []*node {
	var out []*node
	for _, v := range n.list() {
		if v.kind == '"' {
			out = append(out, v)
		}
	}
	return out
}
