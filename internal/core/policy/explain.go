package policy

import (
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/identity"
)

// Reason is one line of an explanation. Text says all of it; the other members are for programs.
type Reason struct {
	Kind      string   `json:"kind"` // decision | matched | missed | layer | change
	Layer     string   `json:"layer,omitempty"`
	Source    string   `json:"source,omitempty"`
	Owner     string   `json:"owner,omitempty"` // account whose policy it is: others must not see it
	Statement int      `json:"statement"`       // index; -1: none
	Sid       string   `json:"sid,omitempty"`
	Effect    string   `json:"effect,omitempty"`
	Part      string   `json:"part,omitempty"` // missed: principal | resource | condition
	Key       string   `json:"key,omitempty"`
	Expected  []string `json:"expected,omitempty"`
	Actual    []string `json:"actual,omitempty"` // nil: the key is missing
	Text      string   `json:"text"`
}

// String is the reason as people read it.
func (r Reason) String() string { return r.Text }

// Explain answers like Decide and gives all reasons: the decision, every statement about the action with the parts that
// failed, every layer without an Allow, and what would change the outcome. The order is fixed.
func Explain(req *Request, sets *Sets) (Verdict, []Reason) {
	v := Decide(req, sets)
	e := &explainer{req: req, sets: sets, v: v, act: newAction(req.Action)}
	e.decision()
	if v.Layer == LayerNone {
		return v, e.out
	}
	if scpBinds(req) {
		for i, level := range sets.SCP {
			e.layer(LayerSCP, level, "level "+strconv.Itoa(i+1)+" of the service control policies")
		}
	}
	if sets.Endpoint != nil {
		e.layer(LayerEndpoint, []Source{*sets.Endpoint}, "the VPC endpoint policy")
	}
	if ownPolicies(req.caller()) {
		if bounded(req, sets) {
			e.layer(LayerBoundary, sets.Boundary, "the permissions boundary")
		}
		if sets.Session != nil {
			e.layer(LayerSession, sets.Session, "the session policies")
		}
		e.layer(LayerIdentity, sets.Identity, "the identity-based policies")
	}
	switch {
	case sets.Resource != nil:
		l := LayerResource
		if sets.ResourceKind == Trust {
			l = LayerTrust
		}
		e.layer(l, []Source{*sets.Resource}, "the "+l.String())
	case sets.ResourceKind == Key || sets.ResourceKind == Trust:
		e.add(Reason{Kind: "layer", Layer: LayerResource.String(), Statement: -1, Text: "the resource has no policy, and its kind (" +
			sets.ResourceKind.String() + ") allows nobody without one"})
	}
	e.change()
	return v, e.out
}

type explainer struct {
	req    *Request
	sets   *Sets
	v      Verdict
	act    action
	out    []Reason
	denies []Reason
	misses []Reason
}

func (e *explainer) add(r Reason) { e.out = append(e.out, r) }

func (e *explainer) decision() {
	r := Reason{Kind: "decision", Layer: e.v.Layer.String(), Statement: e.v.Statement, Sid: e.v.Sid}
	who, what := e.who(), e.req.Action+" on "+e.req.Resource
	switch {
	case e.v.Layer == LayerNone:
		r.Text = "allowed: " + e.req.Action + " needs no permission"
	case e.v.Source != nil:
		r.Source, r.Owner = e.v.Source.Name, e.v.Source.Owner
		verb := "allowed"
		if e.v.Decision == ExplicitlyDenied {
			verb = "denied"
		}
		r.Text = verb + ": " + place(e.v.Source, e.v.Statement) + " (" + e.v.Layer.String() + ") decides " + what + " for " + who
	case e.v.Decision == Allowed && e.v.Layer == LayerGrant:
		for i := range e.sets.Grants {
			if g := &e.sets.Grants[i]; g.covers(e.req, e.req.caller()) {
				r.Source = g.Name
				break
			}
		}
		r.Text = "allowed: " + strings.TrimSpace("grant "+strings.TrimPrefix(r.Source, "grant ")) + " on the key gives " + what + " to " + who
	case e.v.Decision == Allowed:
		r.Text = "allowed: " + who + " is the root user of its account, which nothing here denies"
	case passesLinkedRole(e.req):
		r.Text = "denied: a service-linked role can't be passed"
	default:
		r.Text = "denied: no " + e.v.Layer.String() + " allows " + what + " for " + who
	}
	e.add(r)
}

func (e *explainer) who() string {
	p := e.req.caller()
	switch {
	case p.ARN != "":
		return p.ARN
	case p.Service != "":
		return p.Service
	}
	return string(p.Kind)
}

func place(s *Source, i int) string {
	name := s.Name
	if name == "" {
		name = s.Doc.kind.String() + " policy"
	}
	t := "statement " + strconv.Itoa(i)
	if sid := s.Doc.Sid(i); sid != "" {
		t += " (" + sid + ")"
	}
	return t + " of " + name
}

// layer writes what each statement about the action did, and whether the layer allows.
func (e *explainer) layer(l Layer, sources []Source, name string) {
	allowed, about := false, 0
	for i := range sources {
		src := &sources[i]
		if src.Doc == nil {
			continue
		}
		var seen []int
		for c := src.Doc.concerning(&e.act); ; {
			n := c.next()
			if n < 0 {
				break
			}
			seen = append(seen, n)
		}
		slices.Sort(seen)
		for _, n := range slices.Compact(seen) {
			about++
			allowed = e.statement(l, src, n) || allowed
		}
	}
	if allowed {
		return
	}
	r := Reason{Kind: "layer", Layer: l.String(), Statement: -1}
	switch {
	case l == LayerIdentity && e.req.caller().Kind == identity.Root:
		return
	case len(sources) == 0:
		r.Text = name + ": there are none"
	case about == 0:
		r.Text = name + ": no statement is about " + e.req.Action
		if len(sources) == 1 && sources[0].Name != "" {
			r.Source, r.Owner = sources[0].Name, sources[0].Owner
			r.Text = sources[0].Name + ": no statement is about " + e.req.Action
		}
	default:
		r.Text = name + ": no Allow matches " + e.req.Action + " on " + e.req.Resource
	}
	e.add(r)
}

// statement writes one statement's part and reports whether it is a matching Allow.
func (e *explainer) statement(l Layer, src *Source, n int) bool {
	s := &src.Doc.statements[n]
	r := Reason{Kind: "matched", Layer: l.String(), Source: src.Name, Owner: src.Owner, Statement: n, Sid: s.sid, Effect: "Deny"}
	if s.allow {
		r.Effect = "Allow"
	}
	where := place(src, n)
	failed := e.misses[:0:0]
	p := e.req.caller()
	as := namedDirect
	if s.principals != nil || s.notPrincipal {
		as = s.names(e.req, p, l == LayerEndpoint && e.sets.EndpointGateway, bounded(e.req, e.sets))
	}
	if as == unnamed {
		m := r
		m.Kind, m.Part, m.Actual = "missed", "principal", []string{e.who()}
		element := "Principal"
		if s.notPrincipal {
			element = "NotPrincipal"
		}
		for i := range s.principals {
			m.Expected = append(m.Expected, s.principals[i].shown)
		}
		m.Text = where + " (" + r.Effect + ") does not apply: " + element + " " + listed(m.Expected) + " does not take in " + e.who()
		if l == LayerEndpoint && e.sets.EndpointGateway && classify(s.principals, p, e.req.CanonicalUser, false) == namedAccount {
			m.Text += "; in a gateway endpoint's policy an account means its root user alone"
		}
		failed = append(failed, m)
	}
	if !s.coversResource(e.req) {
		m := r
		m.Kind, m.Part, m.Actual = "missed", "resource", []string{e.req.Resource}
		element := "Resource"
		if s.notResource {
			element = "NotResource"
		}
		for i := range s.resources {
			m.Expected = append(m.Expected, s.resources[i].raw)
		}
		m.Text = where + " (" + r.Effect + ") does not apply: " + element + " " + listed(m.Expected) + " does not take in " + e.req.Resource
		for i := range s.resources {
			m.Text += src.Doc.note(&s.resources[i], &e.req.Context)
		}
		failed = append(failed, m)
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(&e.req.Context) {
			m := r
			m.Kind, m.Part, m.Key = "missed", "condition", c.key
			for j := range c.values {
				m.Expected = append(m.Expected, c.values[j].pat.raw)
			}
			m.Actual = e.req.Context.Get(c.key)
			m.Text = where + " (" + r.Effect + ") does not apply: " + c.failure(m.Expected, &e.req.Context)
			for j := range c.values {
				m.Text += src.Doc.note(&c.values[j].pat, &e.req.Context)
			}
			failed = append(failed, m)
		}
	}
	if len(failed) > 0 {
		for _, m := range failed {
			e.add(m)
			if s.allow && len(failed) == 1 {
				e.misses = append(e.misses, m)
			}
		}
		return false
	}
	switch {
	case !s.allow:
		r.Text = where + " denies " + e.req.Action + " on " + e.req.Resource
		e.denies = append(e.denies, r)
	case as == namedAccount && l != LayerEndpoint:
		r.Text = where + " leaves " + e.req.Action + " to the policies of account " + p.Account
	default:
		r.Text = where + " allows " + e.req.Action + " on " + e.req.Resource
	}
	e.add(r)
	return s.allow
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

// change says what would turn a denial round; an allowed call needs nothing.
func (e *explainer) change() {
	say := func(of Reason, t string) {
		of.Kind, of.Layer, of.Effect, of.Part, of.Key, of.Expected, of.Actual, of.Text = "change", e.v.Layer.String(), "", "", "", nil, nil, t
		e.add(of)
	}
	switch {
	case e.v.Decision == Allowed:
	case len(e.denies) > 0:
		for _, d := range e.denies {
			say(d, "to allow it, statement "+strconv.Itoa(d.Statement)+" of "+d.Source+" must no longer match: an explicit deny wins over every allow")
		}
	case passesLinkedRole(e.req):
		say(Reason{Statement: -1}, "pass a role of your own")
	default:
		say(Reason{Statement: -1}, "to allow it, "+e.v.Layer.article()+" needs a statement that allows "+e.req.Action+" on "+e.req.Resource)
		for _, m := range e.misses {
			if m.Layer == e.v.Layer.String() {
				say(m, "statement "+strconv.Itoa(m.Statement)+" of "+m.Source+" would allow it but for its "+strings.TrimSpace(m.Part+" "+m.Key))
			}
		}
	}
}
