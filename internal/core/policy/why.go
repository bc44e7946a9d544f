package policy

import (
	"strconv"
	"strings"
)

// statement writes one statement's part and reports whether it is a matching Allow.
func (e *explainer) statement(l Layer, src *Source, n int) bool {
	s := &src.Doc.statements[n]
	as, failed := namedDirect, len(e.out)
	if s.principals != nil || s.notPrincipal {
		as = s.names(e.req, e.p, l == LayerEndpoint && e.sets.EndpointGateway, e.bounded)
	}
	of := Reason{Kind: "matched", Layer: l.String(), Source: src.Name, Owner: src.Owner, Statement: n, Sid: s.sid, Effect: s.effect()}
	if as == unnamed {
		e.principalMissed(of, l, src, s)
	}
	if !s.coversResource(e.req) {
		e.resourceMissed(of, src, s)
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(&e.req.Context) {
			e.conditionMissed(of, src, c)
		}
	}
	if failed = len(e.out) - failed; failed > 0 {
		if s.allow && failed == 1 {
			e.misses = append(e.misses, e.out[len(e.out)-1])
		}
		return false
	}
	switch {
	case !s.allow:
		of.Text = place(src, n, " denies ") + e.req.Action + " on " + e.req.Resource
		e.denies = append(e.denies, of)
	case as == namedAccount && l != LayerEndpoint:
		of.Text = place(src, n, " leaves ") + e.req.Action + " to the policies of account " + e.p.Account
	default:
		of.Text = place(src, n, " allows ") + e.req.Action + " on " + e.req.Resource
	}
	e.add(of)
	return s.allow
}

func (s *statement) effect() string {
	if s.allow {
		return "Allow"
	}
	return "Deny"
}

func (e *explainer) principalMissed(m Reason, l Layer, src *Source, s *statement) {
	m.Kind, m.Part, m.Actual = "missed", "principal", []string{e.who()}
	element := "Principal"
	if s.notPrincipal {
		element = "NotPrincipal"
	}
	for i := range s.principals {
		m.Expected = append(m.Expected, s.principals[i].shown)
	}
	m.Text = place(src, m.Statement, " (") + m.Effect + ") does not apply: " + element + " " + listed(m.Expected) + " does not take in " + e.who()
	if l == LayerEndpoint && e.sets.EndpointGateway && classify(s.principals, e.p, e.req.CanonicalUser, false) == namedAccount {
		m.Text += "; in a gateway endpoint's policy an account means its root user alone"
	}
	e.add(m)
}

func (e *explainer) resourceMissed(m Reason, src *Source, s *statement) {
	m.Kind, m.Part, m.Actual = "missed", "resource", []string{e.req.Resource}
	element := "Resource"
	if s.notResource {
		element = "NotResource"
	}
	notes := ""
	for i := range s.resources {
		m.Expected = append(m.Expected, s.resources[i].raw)
		notes += src.Doc.note(&s.resources[i], &e.req.Context)
	}
	m.Text = place(src, m.Statement, " (") + m.Effect + ") does not apply: " + element + " " + listed(m.Expected) + " does not take in " + e.req.Resource + notes
	e.add(m)
}

func (e *explainer) conditionMissed(m Reason, src *Source, c *condition) {
	m.Kind, m.Part, m.Key = "missed", "condition", c.key
	if got := e.req.Context.find(&c.keyName); got != nil {
		m.Actual = got.values
	}
	notes := ""
	for i := range c.values {
		m.Expected = append(m.Expected, c.values[i].pat.raw)
		notes += src.Doc.note(&c.values[i].pat, &e.req.Context)
	}
	m.Text = place(src, m.Statement, " (") + m.Effect + ") does not apply: " + c.failure(m.Expected, &e.req.Context) + notes
	e.add(m)
}

// failure says what a condition wanted and what it got.
func (c *condition) failure(expected []string, ctx *Context) string {
	e := ctx.find(&c.keyName)
	want := c.name + " " + c.key + " " + listed(expected)
	switch {
	case c.op.family == nullFamily && e == nil:
		return "condition " + want + " wants " + c.key + " to be present; it is missing"
	case c.op.family == nullFamily:
		return "condition " + want + " wants " + c.key + " to be missing; it is " + listed(e.values)
	case e == nil:
		return "condition " + want + " fails: " + c.key + " is missing from the request"
	case e.multi && c.set == single:
		return "condition " + want + " fails: " + c.key + " holds a set " + listed(e.values) + " and needs ForAllValues or ForAnyValue"
	}
	return "condition " + want + " fails: " + c.key + " is " + listed(e.values)
}

// note tells what became of the variables in a pattern that did not match.
func (d *Document) note(p *pattern, ctx *Context) string {
	switch {
	case !p.vars && d.version != "2012-10-17" && holdsVariable(p.raw):
		return "; " + p.raw + " is plain text without \"Version\": \"2012-10-17\""
	case !p.resolvable(ctx):
		return "; " + p.raw + " holds a variable without a value"
	case p.vars:
		t := ""
		for i := range p.tokens {
			if r := p.tokens[i].ref; r != nil {
				v, _ := r.resolve(ctx)
				t += "; ${" + r.lower + "} is " + strconv.Quote(v)
			}
		}
		return t
	}
	return ""
}

func listed(v []string) string {
	if len(v) == 1 {
		return strconv.Quote(v[0])
	}
	q := make([]string, len(v))
	for i := range v {
		q[i] = strconv.Quote(v[i])
	}
	return "[" + strings.Join(q, ", ") + "]"
}
