package policy

import (
	"slices"

	"cloister/internal/core/identity"
)

// Explain answers like Decide and gives all reasons: the decision, every statement about the action with the parts that
// failed, every layer without an Allow, and what would change the outcome. The order is fixed.
func Explain(req *Request, sets *Sets) (Verdict, []Reason) {
	e := &explainer{req: req, sets: sets, v: Decide(req, sets), p: req.caller(), bounded: bounded(req, sets)}
	e.who[0], e.resource[0], e.out = name(e.p), req.Resource, make([]Reason, 0, 16)
	e.act.set(req.Action)
	e.decision()
	if e.v.Layer == LayerNone {
		return e.v, e.out
	}
	if scpBinds(req) {
		for i, level := range sets.SCP {
			e.layer(LayerSCP, level, i)
		}
	}
	if sets.Endpoint != nil {
		e.one(LayerEndpoint, sets.Endpoint)
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
	l := LayerResource
	if sets.ResourceKind == Trust {
		l = LayerTrust
	}
	switch {
	case sets.Resource != nil:
		e.one(l, sets.Resource)
	case sets.ResourceKind == Key || sets.ResourceKind == Trust:
		e.out = append(e.out, Reason{Kind: "layer", Layer: l.String(), Statement: -1, draft: draft{of: e, say: (*explainer).sayKeyless}})
	}
	e.change()
	return e.v, e.out
}

type explainer struct {
	req     *Request
	sets    *Sets
	v       Verdict
	p       *identity.Principal
	act     action
	bounded bool
	out     []Reason
	denies  []int // places in out of the Denies that matched
	misses  []int // of the one part that kept an Allow from matching
	// what reasons hold in common, as lists
	who, resource [1]string
}

// name is the caller as explanations name it.
func name(p *identity.Principal) string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.Service != "":
		return p.Service
	}
	return string(p.Kind)
}

// linked reports whether it is the service-linked role that decided.
func (e *explainer) linked() bool {
	return e.v == missing(ImplicitlyDenied, LayerIdentity) && passesLinkedRole(e.req)
}

func (e *explainer) decision() {
	r := Reason{Kind: "decision", Layer: e.v.Layer.String(), Statement: e.v.Statement, Sid: e.v.Sid, draft: draft{of: e}}
	switch {
	case e.v.Layer == LayerNone:
		r.draft.say = (*explainer).sayNeedless
	case e.v.Source != nil:
		r.Source, r.Owner = e.v.Source.Name, e.v.Source.Owner
		r.draft.say = (*explainer).sayDecider
	case e.v.Layer == LayerGrant:
		i := slices.IndexFunc(e.sets.Grants, func(g Grant) bool { return g.covers(e.req, e.p) })
		r.Source, r.draft.say = e.sets.Grants[i].Name, (*explainer).sayGrant
	case e.v.Decision == Allowed:
		r.draft.say = (*explainer).sayRoot
	case e.linked():
		r.draft.say = (*explainer).sayLinked
	default:
		r.draft.say = (*explainer).sayNobody
	}
	e.out = append(e.out, r)
}

// one is layer for a layer of one document.
func (e *explainer) one(l Layer, src *Source) {
	if allowed, about := e.document(l, src); !allowed {
		e.gap(l, src, about, 0)
	}
}

// layer writes what each statement about the action did, and whether the layer allows.
func (e *explainer) layer(l Layer, sources []Source, level int) {
	allowed, about := false, 0
	for i := range sources {
		a, n := e.document(l, &sources[i])
		allowed, about = allowed || a, about+n
	}
	var only *Source
	if len(sources) == 1 {
		only = &sources[0]
	}
	switch {
	case allowed || l == LayerIdentity && e.p.Kind == identity.Root:
	case len(sources) == 0:
		e.gap(l, nil, -1, level)
	default:
		e.gap(l, only, about, level)
	}
}

// document writes what the statements about the action did. It reports whether one allows, and how many there are.
func (e *explainer) document(l Layer, src *Source) (allowed bool, about int) {
	if src.Doc == nil {
		return false, 0
	}
	var room [16]int
	seen := room[:0]
	for c := src.Doc.concerning(&e.act); ; {
		n := c.next()
		if n < 0 {
			break
		}
		seen = append(seen, n)
	}
	slices.Sort(seen)
	seen = slices.Compact(seen)
	for _, n := range seen {
		allowed = e.statement(l, src, n) || allowed
	}
	return allowed, len(seen)
}

// gap writes that a layer lacks an Allow. about counts its statements about the action; -1: it has no policies at all.
// only is the layer's policy if it has but one.
func (e *explainer) gap(l Layer, only *Source, about, level int) {
	r := Reason{Kind: "layer", Layer: l.String(), Statement: -1, draft: draft{of: e, layer: l, more: level}}
	switch {
	case about < 0:
		r.draft.say = (*explainer).sayNone
	case about > 0:
		r.draft.say = (*explainer).sayUnmatched
	case only != nil && only.Name != "":
		r.Source, r.Owner = only.Name, only.Owner
		r.draft.say = (*explainer).saySilent
	default:
		r.draft.say = (*explainer).sayAllSilent
	}
	e.out = append(e.out, r)
}

// change says what would turn a denial round; an allowed call needs nothing.
func (e *explainer) change() {
	switch {
	case e.v.Decision == Allowed:
	case len(e.denies) > 0:
		for _, i := range e.denies {
			e.turn(i, (*explainer).sayStop)
		}
	case e.linked():
		e.turn(-1, (*explainer).sayOwnRole)
	default:
		e.turn(-1, (*explainer).sayNeed)
		for _, i := range e.misses {
			if e.out[i].Layer == e.v.Layer.String() {
				e.turn(i, (*explainer).sayBut)
			}
		}
	}
}

// turn writes what would turn a denial round. of is the place of the reason that it is about; -1: none.
func (e *explainer) turn(of int, say func(*explainer, *Reason) string) {
	r := Reason{Kind: "change", Layer: e.v.Layer.String(), Statement: -1, draft: draft{of: e, say: say, more: of}}
	if of >= 0 {
		r.Source, r.Owner, r.Statement, r.Sid = e.out[of].Source, e.out[of].Owner, e.out[of].Statement, e.out[of].Sid
	}
	e.out = append(e.out, r)
}
