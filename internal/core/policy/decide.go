package policy

import (
	"strings"

	"cloister/internal/core/identity"
)

// hit is a statement that matched. The zero hit is none.
type hit struct {
	src       *Source
	statement int
}

// findings is what the policies of a request say, layer by layer.
type findings struct {
	p        *identity.Principal
	act      action
	boundary bool
	deny     hit
	denied   Layer
	allow    [layers]hit // LayerResource also holds Allows of trust policies
	class    class       // how the strongest Allow of the resource policy names the caller
	scpGap   bool        // some level of SCPs has no Allow
	grant    *Grant
}

// nobody is the caller without a signature.
var nobody = &identity.Principal{Kind: identity.Anonymous, ID: "anonymous"}

func (r *Request) caller() *identity.Principal {
	if r.Principal == nil {
		return nobody
	}
	return r.Principal
}

// Decide answers a request. It doesn't allocate and looks at each statement about the action at most twice.
// Source: IAM User Guide, "Policy evaluation logic"; the KMS guide for keys; the VPC guide for endpoints.
func Decide(req *Request, sets *Sets) Verdict {
	if strings.EqualFold(req.Action, "sts:GetCallerIdentity") {
		return Verdict{Decision: Allowed, Layer: LayerNone, Statement: -1}
	}
	var f findings
	f.gather(req, sets)
	return f.conclude(req, sets)
}

// gather asks the layers in the order in which denials are reported and stops at the first Deny.
func (f *findings) gather(req *Request, sets *Sets) {
	f.p, f.boundary = req.caller(), bounded(req, sets)
	f.act.set(req.Action)
	if scpBinds(req) {
		for _, level := range sets.SCP {
			f.allow[LayerSCP] = hit{}
			if f.sources(LayerSCP, level, req) {
				return
			}
			f.scpGap = f.scpGap || f.allow[LayerSCP].src == nil
		}
	}
	if sets.Endpoint != nil && f.source(LayerEndpoint, sets.Endpoint, req, sets.EndpointGateway) {
		return
	}
	if ownPolicies(f.p) {
		if f.boundary && f.sources(LayerBoundary, sets.Boundary, req) {
			return
		}
		if f.sources(LayerSession, sets.Session, req) || f.sources(LayerIdentity, sets.Identity, req) {
			return
		}
	}
	if sets.Resource != nil && f.source(LayerResource, sets.Resource, req, false) {
		return
	}
	if sets.ResourceKind == Key {
		for i := range sets.Grants {
			if sets.Grants[i].covers(req, f.p) {
				f.grant = &sets.Grants[i]
				break
			}
		}
	}
}

// ownPolicies reports whether the caller can have identity, boundary and session policies.
func ownPolicies(p *identity.Principal) bool {
	switch p.Kind {
	case identity.User, identity.Session, identity.Root:
		return true
	case identity.Federated: // of GetFederationToken; a web identity has no account
		return p.Account != ""
	}
	return false
}

// bounded: a permissions boundary limits users and roles, never an account's root user.
func bounded(req *Request, sets *Sets) bool {
	p := req.caller()
	return len(sets.Boundary) > 0 && ownPolicies(p) && p.Kind != identity.Root
}

// scpBinds: service control policies don't touch services, strangers and service-linked roles.
func scpBinds(req *Request) bool {
	p := req.caller()
	return ownPolicies(p) && !(p.Kind == identity.Session && strings.Contains(p.RoleARN, ":role/aws-service-role/"))
}

// sources asks a layer's documents; true when one denies.
func (f *findings) sources(l Layer, sources []Source, req *Request) bool {
	for i := range sources {
		if f.source(l, &sources[i], req, false) {
			return true
		}
	}
	return false
}

// source asks one document; true when it denies. The lowest statement that decides is kept.
func (f *findings) source(l Layer, src *Source, req *Request, rootOnly bool) bool {
	if src.Doc == nil {
		return false
	}
	for c := src.Doc.concerning(&f.act); ; {
		i := c.next()
		if i < 0 {
			return f.deny.src != nil
		}
		s := &src.Doc.statements[i]
		if !s.allow && f.deny.src != nil && f.deny.statement <= i || s.allow && !f.wanted(l, src, i) {
			continue
		}
		as := namedDirect
		if s.principals != nil || s.notPrincipal {
			if as = s.names(req, f.p, rootOnly, f.boundary); as == unnamed {
				continue
			}
		}
		if s.allow && l == LayerResource && (as < f.class || as == f.class && i >= f.allow[l].statement) || !s.coversResource(req) || !s.conditionsHold(&req.Context) {
			continue
		}
		switch {
		case !s.allow:
			f.deny, f.denied = hit{src, i}, l
		case l == LayerResource:
			f.class, f.allow[l] = as, hit{src, i}
		default:
			f.allow[l] = hit{src, i}
		}
	}
}

// wanted reports whether an Allow at i could still change the findings.
func (f *findings) wanted(l Layer, src *Source, i int) bool {
	a := f.allow[l]
	if a.src == nil {
		return true
	}
	return a.src == src && (i < a.statement || l == LayerResource && f.class < namedDirect)
}

// names says how the statement names the caller.
func (s *statement) names(req *Request, p *identity.Principal, rootOnly, boundary bool) class {
	if !s.notPrincipal {
		return classify(s.principals, p, req.CanonicalUser, rootOnly)
	}
	// Allow with NotPrincipal can't be saved; an old one allows nobody. A Deny with NotPrincipal always hits a caller
	// that has a permissions boundary (IAM User Guide, permissions boundaries).
	if s.allow || !boundary && spared(s.principals, p, req.CanonicalUser) {
		return unnamed
	}
	return namedDirect
}

func (s *statement) coversResource(req *Request) bool {
	if s.anyResource {
		return true
	}
	for i := range s.resources {
		p := &s.resources[i]
		if s.notResource && !p.resolvable(&req.Context) { // the guide: such an element matches no resource
			return false
		}
		if p.match(req.Resource, &req.Context) {
			return !s.notResource
		}
	}
	return s.notResource
}

func (s *statement) conditionsHold(c *Context) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(c) {
			return false
		}
	}
	return true
}

// conclude weighs the findings.
func (f *findings) conclude(req *Request, sets *Sets) Verdict {
	own, kind := ownPolicies(f.p), sets.ResourceKind
	resourceLayer := LayerResource
	if kind == Trust {
		resourceLayer = LayerTrust
	}
	switch {
	case f.deny.src != nil:
		if f.denied == LayerResource {
			f.denied = resourceLayer
		}
		return f.deny.verdict(ExplicitlyDenied, f.denied)
	case f.scpGap: // AWS calls the missing Allow of an SCP an explicit denial
		return missing(ExplicitlyDenied, LayerSCP)
	case sets.Endpoint != nil && f.allow[LayerEndpoint].src == nil:
		return missing(ImplicitlyDenied, LayerEndpoint)
	case !own && f.p.Kind == identity.Anonymous && kind != Bucket:
		return missing(ImplicitlyDenied, LayerIdentity)
	case !own:
		if f.class == namedDirect {
			return f.allow[LayerResource].verdict(Allowed, resourceLayer)
		}
		if f.grant != nil {
			return Verdict{Decision: Allowed, Layer: LayerGrant, Statement: -1}
		}
		return missing(ImplicitlyDenied, resourceLayer)
	case passesLinkedRole(req):
		return missing(ImplicitlyDenied, LayerIdentity)
	}
	limit := LayerNone // the first of the caller's own layers that lacks an Allow
	switch {
	case f.boundary && f.allow[LayerBoundary].src == nil:
		limit = LayerBoundary
	case sets.Session != nil && f.allow[LayerSession].src == nil:
		limit = LayerSession
	}
	identityAllows := f.p.Kind == identity.Root || f.allow[LayerIdentity].src != nil
	if req.ResourceAccount != "" && req.ResourceAccount != f.p.Account { // both accounts must agree
		switch {
		case limit != LayerNone:
			return missing(ImplicitlyDenied, limit)
		case !identityAllows:
			return missing(ImplicitlyDenied, LayerIdentity)
		case f.grant != nil:
			return Verdict{Decision: Allowed, Layer: LayerGrant, Statement: -1}
		case f.class == unnamed:
			return missing(ImplicitlyDenied, resourceLayer)
		}
		return f.allow[LayerResource].verdict(Allowed, resourceLayer)
	}
	needsResource := kind == Key || kind == Trust
	switch {
	case f.class == namedDirect, f.class == namedRole && limit == LayerNone:
		return f.allow[LayerResource].verdict(Allowed, resourceLayer)
	case f.grant != nil:
		return Verdict{Decision: Allowed, Layer: LayerGrant, Statement: -1}
	case needsResource && f.class == unnamed:
		return missing(ImplicitlyDenied, resourceLayer)
	case limit != LayerNone:
		return missing(ImplicitlyDenied, limit)
	case !identityAllows:
		return missing(ImplicitlyDenied, LayerIdentity)
	}
	return f.allow[LayerIdentity].verdict(Allowed, LayerIdentity)
}

// passesLinkedRole: a service-linked role belongs to its service and can't be passed.
func passesLinkedRole(req *Request) bool {
	return strings.EqualFold(req.Action, "iam:PassRole") && strings.Contains(req.Resource, ":role/aws-service-role/")
}

func missing(d Decision, l Layer) Verdict { return Verdict{Decision: d, Layer: l, Statement: -1} }

// verdict names the hit as the decider. A root user's permission has no statement.
func (h hit) verdict(d Decision, l Layer) Verdict {
	if h.src == nil {
		return Verdict{Decision: d, Layer: l, Statement: -1}
	}
	return Verdict{Decision: d, Layer: l, Source: h.src, Statement: h.statement, Sid: h.src.Doc.statements[h.statement].sid}
}

// covers reports whether the grant gives the action to p. Source: KMS guide, "Grants".
func (g *Grant) covers(req *Request, p *identity.Principal) bool {
	if g.Grantee == "" || g.Grantee != p.ARN && g.Grantee != p.UniqueID && g.Grantee != p.RoleARN && g.Grantee != p.Service {
		return false
	}
	name := req.Action
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	listed := false
	for _, o := range g.Operations {
		listed = listed || strings.EqualFold(o, name) || strings.EqualFold(o, req.Action)
	}
	return listed && g.constrained(&req.Context)
}

func (g *Grant) constrained(c *Context) bool {
	has := func(want map[string]string) bool {
		for k, v := range want {
			if got := c.Get(KeyEncryptionContext + k); len(got) != 1 || got[0] != v {
				return false
			}
		}
		return true
	}
	if g.Equals != nil {
		n := 0
		for i := range c.entries {
			if strings.HasPrefix(c.entries[i].lower, "kms:encryptioncontext:") {
				n++
			}
		}
		if n != len(g.Equals) || !has(g.Equals) {
			return false
		}
	}
	return has(g.Subset)
}
