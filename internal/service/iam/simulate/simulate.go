// Package simulate asks the policy engine imagined questions and words the answers as IAM's simulator does. It reads no ledger:
// whoever asks brings the policies.
package simulate

import (
	"fmt"
	"slices"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
)

// Source is one policy with the name and type that answers give it.
type Source struct{ ID, Type, Text string }

// The types of policy in answers.
const (
	Policy   = "IAM Policy"
	Boundary = "IAM Permissions Boundary Policy"
	Resource = "Resource Policy"
	Control  = "Service Control Policy"
)

// Case is everything that is imagined but the action and the resource.
type Case struct {
	Principal *identity.Principal
	Identity  []Source
	Boundary  []Source
	SCP       [][]Source
	Resource  *Source // nil: no resource policy
	Owner     string  // account of the resources; empty: the principal's
	Context   []shape.ContextEntry
}

// Question is an action on a resource.
type Question struct{ Action, Resource string }

// everything stands for a caller whose own policies do not limit.
const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// Simulator is a case whose policies are compiled.
type Simulator struct {
	c       *Case
	sets    policy.Sets
	all     []policy.Source
	ctx     policy.Context
	sources map[string]*Source // by the name the engine knows it by
	spans   map[string][]span
	missing []string
}

func wrong(format string, args ...any) error {
	return fault.New("InvalidInput", format, args...).With(400)
}

// New compiles a case. A document that does not parse is a *policy.SyntaxError, a wrong context an InvalidInput fault.
func New(c *Case) (*Simulator, error) {
	s := &Simulator{c: c, sources: map[string]*Source{}, spans: map[string][]span{}, ctx: policy.NewContext(len(c.Context))}
	given := map[string]bool{}
	for _, e := range c.Context {
		if e.ContextKeyName == nil {
			return nil, wrong("A context entry has no ContextKeyName.")
		}
		key := strings.ToLower(*e.ContextKeyName)
		if given[key] {
			return nil, wrong("The context key %s is given twice.", *e.ContextKeyName)
		}
		if t := e.ContextKeyType; t != nil && !strings.HasSuffix(*t, "List") && len(e.ContextKeyValues) > 1 {
			return nil, wrong("The context key %s has several values, and its type %s has one.", *e.ContextKeyName, *t)
		}
		given[key] = true
		s.ctx.Set(*e.ContextKeyName, e.ContextKeyValues...)
	}
	var err error
	if s.sets.Identity, err = s.compiled(c.Identity, policy.Identity); err != nil {
		return nil, err
	}
	if s.sets.Boundary, err = s.compiled(c.Boundary, policy.Boundary); err != nil {
		return nil, err
	}
	for _, level := range c.SCP {
		l, err := s.compiled(level, policy.SCP)
		if err != nil {
			return nil, err
		}
		s.sets.SCP = append(s.sets.SCP, l)
	}
	if c.Resource != nil {
		r, err := s.compiled([]Source{*c.Resource}, policy.Bucket)
		if err != nil {
			return nil, err
		}
		s.sets.Resource = &r[0]
	}
	if s.all, err = s.compiled([]Source{{ID: "everything", Text: everything}}, policy.Identity); err != nil {
		return nil, err
	}
	var texts []string
	for _, src := range s.sources {
		if src.Type != Control { // what it says is for the management account to know
			texts = append(texts, src.Text)
		}
	}
	for _, k := range Keys(texts) {
		if !given[strings.ToLower(k)] {
			s.missing = append(s.missing, k)
		}
	}
	return s, nil
}

func (s *Simulator) compiled(in []Source, k policy.Kind) ([]policy.Source, error) {
	var out []policy.Source
	for i := range in {
		d, err := policy.Read([]byte(in[i].Text), k)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%d %s", len(s.sources), in[i].ID)
		s.sources[name], s.spans[name] = &in[i], spans(in[i].Text)
		out = append(out, policy.Source{Name: name, Owner: s.c.Principal.Account, Doc: d})
	}
	return out, nil
}

// Ask answers one question.
func (s *Simulator) Ask(q Question) shape.EvaluationResult {
	sets := s.sets
	sets.ResourceKind = kindOf(q.Action, s.sets.Resource != nil)
	req := &policy.Request{Principal: s.c.Principal, Action: q.Action, Resource: q.Resource, ResourceAccount: s.c.Owner, Context: s.ctx}
	v, reasons := policy.Explain(req, &sets)
	out := shape.EvaluationResult{EvalActionName: &q.Action, EvalResourceName: &q.Resource, EvalDecision: decision(v),
		MatchedStatements: s.matched(v, reasons), MissingContextValues: slices.Clone(s.missing)}
	if out.MissingContextValues == nil {
		out.MissingContextValues = []string{}
	}
	own := *req
	own.ResourceAccount = "" // the limit itself does not care whose the resource is
	if len(sets.Boundary) > 0 {
		ok := policy.Decide(&own, &policy.Sets{Identity: s.all, Boundary: sets.Boundary}).Allowed()
		out.PermissionsBoundaryDecisionDetail = &shape.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: &ok}
	}
	if len(sets.SCP) > 0 {
		ok := policy.Decide(&own, &policy.Sets{Identity: s.all, SCP: sets.SCP}).Allowed()
		out.OrganizationsDecisionDetail = &shape.OrganizationsDecisionDetail{AllowedByOrganizations: &ok}
	}
	return out
}

// Specific is an answer as one of those on named resources.
func Specific(r *shape.EvaluationResult) shape.ResourceSpecificResult {
	return shape.ResourceSpecificResult{EvalResourceName: r.EvalResourceName, EvalResourceDecision: r.EvalDecision, MatchedStatements: r.MatchedStatements,
		MissingContextValues: r.MissingContextValues, PermissionsBoundaryDecisionDetail: r.PermissionsBoundaryDecisionDetail}
}

// kindOf: a key's policy decides by a rule of its own, and without one nobody is allowed; the simulator, as AWS's, lets a missing
// one pass.
func kindOf(action string, given bool) policy.Kind {
	switch {
	case !given:
		return policy.None
	case strings.HasPrefix(strings.ToLower(action), "kms:"):
		return policy.Key
	}
	return policy.Bucket
}

// decision: a missing Allow of a service control policy is no explicit denial in the simulator's words.
func decision(v policy.Verdict) *string {
	d := "implicitDeny"
	switch {
	case v.Allowed():
		d = "allowed"
	case v.Decision == policy.ExplicitlyDenied && v.Statement >= 0:
		d = "explicitDeny"
	}
	return &d
}

// matched lists the statements that brought the decision about: all that deny, or all that allow.
func (s *Simulator) matched(v policy.Verdict, reasons []policy.Reason) []shape.Statement {
	out := []shape.Statement{}
	effect := "Deny"
	if v.Allowed() {
		effect = "Allow"
	}
	for _, r := range reasons {
		src := s.sources[r.Source]
		if r.Kind != "matched" || r.Effect != effect || src == nil {
			continue
		}
		st := shape.Statement{SourcePolicyId: &src.ID, SourcePolicyType: &src.Type}
		if sp := s.spans[r.Source]; r.Statement < len(sp) && src.Type != Control { // where it stands is for the management account to know
			st.StartPosition, st.EndPosition = position(src.Text, sp[r.Statement].from), position(src.Text, sp[r.Statement].to)
		}
		out = append(out, st)
	}
	return out
}
