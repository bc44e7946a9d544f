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
	e := &explainer{req: req, sets: sets, v: v, p: req.caller(), act: newAction(req.Action), bounded: bounded(req, sets), out: make([]Reason, 0, 12)}
	e.decision()
	if v.Layer == LayerNone {
		return v, e.out
	}
	if scpBinds(req) {
		for i, level := range sets.SCP {
			e.layer(LayerSCP, level, i)
		}
	}
	if sets.Endpoint != nil {
		e.layer(LayerEndpoint, []Source{*sets.Endpoint}, 0)
	}
	if ownPolicies(e.p) {
		if e.bounded {
			e.layer(LayerBoundary, sets.Boundary, 0)
		}
		if sets.Session != nil {
			e.layer(LayerSession, sets.Session, 0)
		}
		e.layer(LayerIdentity, sets.Identity, 0)
	}
	switch {
	case sets.Resource != nil:
		l := LayerResource
		if sets.ResourceKind == Trust {
			l = LayerTrust
		}
		e.layer(l, []Source{*sets.Resource}, 0)
	case sets.ResourceKind == Key || sets.ResourceKind == Trust:
		e.add(Reason{Kind: "layer", Layer: LayerResource.String(), Statement: -1, Text: "the resource has no policy, and its kind (" +
			sets.ResourceKind.String() + ") allows nobody without one"})
	}
	e.change()
	return v, e.out
}

type explainer struct {
	req     *Request
	sets    *Sets
	v       Verdict
	p       *identity.Principal
	act     action
	bounded bool
	out     []Reason
	denies  []Reason // the Denies that matched
	misses  []Reason // of Allows that but one part kept from matching: that part
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
		r.Text = verb + ": " + place(e.v.Source, e.v.Statement, " (") + e.v.Layer.String() + ") decides " + what + " for " + who
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

// place names a statement. It is written on every line of an explanation, so it is put together in one go.
func place(s *Source, i int, then string) string {
	name := s.Name
	if name == "" {
		name = s.Doc.kind.String() + " policy"
	}
	if sid := s.Doc.statements[i].sid; sid != "" {
		return "statement " + strconv.Itoa(i) + " (" + sid + ") of " + name + then
	}
	return "statement " + strconv.Itoa(i) + " of " + name + then
}

// layer writes what each statement about the action did, and whether the layer allows. level counts service control
// policies from the root.
func (e *explainer) layer(l Layer, sources []Source, level int) {
	allowed, about := false, 0
	var room [16]int
	for i := range sources {
		if sources[i].Doc == nil {
			continue
		}
		seen := room[:0]
		for c := sources[i].Doc.concerning(&e.act); ; {
			n := c.next()
			if n < 0 {
				break
			}
			seen = append(seen, n)
		}
		slices.Sort(seen)
		for _, n := range slices.Compact(seen) {
			about++
			allowed = e.statement(l, &sources[i], n) || allowed
		}
	}
	if allowed || l == LayerIdentity && e.p.Kind == identity.Root {
		return
	}
	r := Reason{Kind: "layer", Layer: l.String(), Statement: -1}
	switch {
	case len(sources) == 0:
		r.Text = l.title(level) + ": there are none"
	case about == 0 && len(sources) == 1 && sources[0].Name != "":
		r.Source, r.Owner = sources[0].Name, sources[0].Owner
		r.Text = sources[0].Name + ": no statement is about " + e.req.Action
	case about == 0:
		r.Text = l.title(level) + ": no statement is about " + e.req.Action
	default:
		r.Text = l.title(level) + ": no Allow matches " + e.req.Action + " on " + e.req.Resource
	}
	e.add(r)
}

// title names a layer at the head of a line.
func (l Layer) title(level int) string {
	switch l {
	case LayerSCP:
		return "level " + strconv.Itoa(level+1) + " of the service control policies"
	case LayerSession:
		return "the session policies"
	case LayerIdentity:
		return "the identity-based policies"
	}
	return "the " + l.String()
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
