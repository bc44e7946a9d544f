package policy

// statement writes one statement's part and reports whether it is a matching Allow.
func (e *explainer) statement(l Layer, src *Source, n int) bool {
	s := &src.Doc.statements[n]
	as, before := namedDirect, len(e.out)
	if s.principals != nil || s.notPrincipal {
		as = s.names(e.req, e.p, l == LayerEndpoint && e.sets.EndpointGateway, e.bounded)
	}
	if as == unnamed {
		r := e.about(l, src, n, "missed")
		r.Part, r.Expected, r.Actual, r.draft.say = "principal", s.shown, e.who[:], (*explainer).sayPrincipal
	}
	if !s.coversResource(e.req) {
		r := e.about(l, src, n, "missed")
		r.Part, r.Expected, r.Actual, r.draft.say = "resource", s.written, e.resource[:], (*explainer).sayResource
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.holds(&e.req.Context) {
			continue
		}
		r := e.about(l, src, n, "missed")
		r.Part, r.Key, r.Expected, r.draft.cond, r.draft.say = "condition", c.key, c.written, c, (*explainer).sayCondition
		if got := e.req.Context.find(&c.keyName); got != nil {
			r.Actual = got.values
		}
	}
	if failed := len(e.out) - before; failed > 0 {
		if s.allow && failed == 1 {
			e.misses = append(e.misses, before)
		}
		return false
	}
	r := e.about(l, src, n, "matched")
	switch {
	case !s.allow:
		r.draft.say = (*explainer).sayDenies
		e.denies = append(e.denies, before)
	case as == namedAccount && l != LayerEndpoint:
		r.draft.say = (*explainer).sayLeaves
	default:
		r.draft.say = (*explainer).sayAllows
	}
	return s.allow
}

// about adds a line about a statement.
func (e *explainer) about(l Layer, src *Source, n int, kind string) *Reason {
	s := &src.Doc.statements[n]
	effect := "Deny"
	if s.allow {
		effect = "Allow"
	}
	e.out = append(e.out, Reason{Kind: kind, Layer: l.String(), Source: src.Name, Owner: src.Owner, Statement: n, Sid: s.sid, Effect: effect,
		draft: draft{of: e, src: src}})
	return &e.out[len(e.out)-1]
}
