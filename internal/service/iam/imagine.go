package iam

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/service/iam/simulate"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// mostImagined bounds actions times resources of one simulation.
const mostImagined = 100_000

func (s *Service) simulationRows() []api.Rower {
	// ResourceHandlingOption is not among them: it imagines EC2 scenarios, which we do not.
	honours := []string{"PolicyInputList", "PermissionsBoundaryPolicyInputList", "ActionNames", "ResourceArns", "ResourcePolicy", "ResourceOwner",
		"CallerArn", "ContextEntries.*", "MaxItems", "Marker"}
	return []api.Rower{
		api.Op[shape.SimulateCustomPolicyRequest, shape.SimulatePolicyResponse]{
			Name: "SimulateCustomPolicy", Honours: honours,
			Questions: anywhere[shape.SimulateCustomPolicyRequest]("iam:SimulateCustomPolicy"),
			View: func(c *api.Call, _ store.View, in *shape.SimulateCustomPolicyRequest) (*shape.SimulatePolicyResponse, error) {
				return s.simulate(c, &simulate.Case{}, &shape.SimulatePrincipalPolicyRequest{PolicyInputList: in.PolicyInputList,
					PermissionsBoundaryPolicyInputList: in.PermissionsBoundaryPolicyInputList, ActionNames: in.ActionNames, ResourceArns: in.ResourceArns,
					ResourcePolicy: in.ResourcePolicy, ResourceOwner: in.ResourceOwner, CallerArn: in.CallerArn, ContextEntries: in.ContextEntries,
					MaxItems: in.MaxItems, Marker: in.Marker})
			},
		},
		api.Op[shape.SimulatePrincipalPolicyRequest, shape.SimulatePolicyResponse]{
			Name: "SimulatePrincipalPolicy", Honours: append([]string{"PolicySourceArn"}, honours...),
			Questions: onSource(s, "iam:SimulatePrincipalPolicy", func(in *shape.SimulatePrincipalPolicyRequest) *string { return in.PolicySourceArn }),
			View: func(c *api.Call, v store.View, in *shape.SimulatePrincipalPolicyRequest) (*shape.SimulatePolicyResponse, error) {
				cs, err := s.caseOf(c, v, *in.PolicySourceArn)
				if err != nil {
					return nil, err
				}
				return s.simulate(c, cs, in)
			},
		},
		api.Op[shape.GetContextKeysForCustomPolicyRequest, shape.GetContextKeysForPolicyResponse]{
			Name: "GetContextKeysForCustomPolicy", Honours: []string{"PolicyInputList"},
			Questions: anywhere[shape.GetContextKeysForCustomPolicyRequest]("iam:GetContextKeysForCustomPolicy"),
			View: func(_ *api.Call, _ store.View, in *shape.GetContextKeysForCustomPolicyRequest) (*shape.GetContextKeysForPolicyResponse, error) {
				return contextKeys(nil, in.PolicyInputList)
			},
		},
		api.Op[shape.GetContextKeysForPrincipalPolicyRequest, shape.GetContextKeysForPolicyResponse]{
			Name: "GetContextKeysForPrincipalPolicy", Honours: []string{"PolicySourceArn", "PolicyInputList"},
			Questions: onSource(s, "iam:GetContextKeysForPrincipalPolicy", func(in *shape.GetContextKeysForPrincipalPolicyRequest) *string { return in.PolicySourceArn }),
			View: func(c *api.Call, v store.View, in *shape.GetContextKeysForPrincipalPolicyRequest) (*shape.GetContextKeysForPolicyResponse, error) {
				cs, err := s.caseOf(c, v, *in.PolicySourceArn)
				if err != nil {
					return nil, err
				}
				var texts []string
				for _, src := range cs.Identity {
					texts = append(texts, src.Text)
				}
				return contextKeys(texts, in.PolicyInputList)
			},
		},
	}
}

func contextKeys(texts, given []string) (*shape.GetContextKeysForPolicyResponse, error) {
	if _, err := inputs(given, policy.Identity); err != nil {
		return nil, err
	}
	keys := simulate.Keys(append(texts, given...))
	if keys == nil {
		keys = []string{}
	}
	return &shape.GetContextKeysForPolicyResponse{ContextKeyNames: keys}, nil
}

// onSource asks about the user, group or role whose policies a call is about.
func onSource[I any](s *Service, action string, name func(*I) *string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		q := api.Question{Action: action, Resource: "*"}
		if n := deref(name(in)); n != "" {
			q.Resource = n
		}
		if p, err := s.sourced(v, c.Account, q.Resource); err == nil {
			q.Keys = keyset{}
			return []api.Question{q}, s.describe(v, p, q.Keys)
		}
		return []api.Question{q}, nil // the act says what is wrong with it
	}
}

// sourced finds the user, group or role with that ARN.
func (s *Service) sourced(v store.View, account, name string) (*party, error) {
	a, err := arn.Parse(name)
	kind, rest := a.Split()
	if err != nil || a.Service != "iam" || kind != "user" && kind != "group" && kind != "role" {
		return nil, badInput("Invalid Entity Arn: %s does not clearly define entity type and name.", name)
	}
	p, err := s.named(v, account, kind, rest[strings.LastIndexByte(rest, '/')+1:])
	switch {
	case err != nil:
		return nil, err
	case p.arn != name: // another account's, or another path's
		return nil, map[string]func(string) error{"user": noUser, "group": noGroup, "role": noRole}[kind](p.Name)
	}
	return p, nil
}

// caseOf gathers what holds for a user, group or role: its policies, a user's groups' too, its boundary, and the service control
// policies above it.
func (s *Service) caseOf(c *api.Call, v store.View, name string) (*simulate.Case, error) {
	p, err := s.sourced(v, c.Account, name)
	if err != nil {
		return nil, err
	}
	cs := &simulate.Case{Principal: &identity.Principal{Kind: identity.User, Partition: s.partition, Account: c.Account, ARN: p.arn, Name: p.Name}}
	switch p.kind {
	case "user":
		cs.Principal.ID, cs.Principal.UniqueID = p.id, p.id
	case "role": // any session of it
		cs.Principal.Kind, cs.Principal.RoleARN, cs.Principal.UniqueID = identity.Session, p.arn, p.id
	}
	if cs.Identity, err = s.sources(v, p); err != nil {
		return nil, err
	}
	if p.user != nil {
		for _, id := range p.user.Value.Groups {
			g, err := s.byID(v, c.Account, "group", id)
			if err != nil {
				return nil, fmt.Errorf("cannot read group %s: %v", id, err)
			}
			l, err := s.sources(v, g)
			if err != nil {
				return nil, err
			}
			cs.Identity = append(cs.Identity, l...)
		}
	}
	if p.Boundary != "" {
		n, err := s.managedText(v, p.account, p.Boundary, "%s")
		if err != nil {
			return nil, err
		}
		cs.Boundary = []simulate.Source{{ID: n.Name, Type: simulate.Boundary, Text: n.Text}}
	}
	if p.kind == "group" {
		return cs, nil
	}
	sets, err := s.Policies(v, cs.Principal)
	for _, level := range sets.SCP {
		var l []simulate.Source
		for _, n := range level {
			id := n.Name
			if i := strings.LastIndex(id, " attached to "); n.Owner != "" && n.Owner != c.Account && i >= 0 {
				id = "service control policy" + id[i:] // its name and its text are the management account's
			}
			l = append(l, simulate.Source{ID: id, Type: simulate.Control, Text: n.Text})
		}
		cs.SCP = append(cs.SCP, l)
	}
	return cs, err
}

func (s *Service) sources(v store.View, p *party) ([]simulate.Source, error) {
	var out []simulate.Source
	for _, n := range sorted(p.Inline) {
		out = append(out, simulate.Source{ID: p.kind + "_" + p.Name + "_" + n, Type: simulate.Policy, Text: p.Inline[n]})
	}
	for _, a := range p.Attached {
		n, err := s.managedText(v, p.account, a, "%s")
		if err != nil {
			return nil, err
		}
		out = append(out, simulate.Source{ID: n.Name, Type: simulate.Policy, Text: n.Text})
	}
	return out, nil
}

// inputs checks policies that came with the call.
func inputs(texts []string, kind policy.Kind) ([]simulate.Source, error) {
	name, typ := "PolicyInputList", simulate.Policy
	if kind == policy.Boundary {
		name, typ = "PermissionsBoundaryPolicyInputList", simulate.Boundary
	}
	var out []simulate.Source
	for i, t := range texts {
		id := fmt.Sprintf("%s.%d", name, i+1)
		if _, err := policy.Read([]byte(t), kind); err != nil {
			return nil, unreadable(id, err)
		}
		out = append(out, simulate.Source{ID: id, Type: typ, Text: t})
	}
	return out, nil
}

func unreadable(id string, err error) error {
	var e *policy.SyntaxError
	if !errors.As(err, &e) {
		return err
	}
	return badInput("%s: %s", id, e.Error())
}

var actionName = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+$`)

// simulate asks each action about each resource. Input policies stand beside those of the case; an input boundary takes the place
// of the one that is there.
func (s *Service) simulate(c *api.Call, cs *simulate.Case, in *shape.SimulatePrincipalPolicyRequest) (*shape.SimulatePolicyResponse, error) {
	more, err := inputs(in.PolicyInputList, policy.Identity)
	if err != nil {
		return nil, err
	}
	cs.Identity, cs.Context = append(cs.Identity, more...), in.ContextEntries
	if len(in.PermissionsBoundaryPolicyInputList) > 1 {
		return nil, badInput("PermissionsBoundaryPolicyInputList may hold one policy.")
	}
	limit, err := inputs(in.PermissionsBoundaryPolicyInputList, policy.Boundary)
	if err != nil {
		return nil, err
	}
	if limit != nil {
		cs.Boundary = limit
	}
	if err := s.scene(c, cs, in); err != nil {
		return nil, err
	}
	asked, err := questions(in)
	if err != nil {
		return nil, err
	}
	sim, err := simulate.New(cs)
	if err != nil {
		return nil, unreadable("ResourcePolicy", err)
	}
	type numbered struct {
		simulate.Question
		n int
	}
	all := make([]numbered, len(asked))
	for i, q := range asked {
		all[i] = numbered{q, i}
	}
	out := &shape.SimulatePolicyResponse{EvaluationResults: []shape.EvaluationResult{}}
	part, next, cut, err := page(all, func(q *numbered) string { return fmt.Sprintf("%06d", q.n) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	for _, q := range part {
		r := sim.Ask(q.Question)
		if len(in.ResourceArns) > 0 {
			r.ResourceSpecificResults = []shape.ResourceSpecificResult{simulate.Specific(&r)}
		}
		out.EvaluationResults = append(out.EvaluationResults, r)
	}
	out.Marker, out.IsTruncated = next, cut
	return out, nil
}

// scene sets who is imagined to call, whose the resources are, and their policy.
func (s *Service) scene(c *api.Call, cs *simulate.Case, in *shape.SimulatePrincipalPolicyRequest) error {
	if in.CallerArn != nil {
		a, err := arn.Parse(*in.CallerArn)
		kind, rest := a.Split()
		if err != nil || a.Service != "iam" || kind != "user" || !isAccount(a.Account) {
			return badInput("CallerArn %s is not the ARN of a user.", *in.CallerArn)
		}
		cs.Principal = &identity.Principal{Kind: identity.User, Partition: a.Partition, Account: a.Account, ARN: *in.CallerArn, Name: rest[strings.LastIndexByte(rest, '/')+1:]}
	}
	if in.ResourcePolicy != nil {
		if cs.Principal == nil || cs.Principal.UniqueID == "" && in.CallerArn == nil || cs.Principal.Kind == identity.Session {
			return badInput("You must specify a CallerArn when you include a ResourcePolicy.")
		}
		cs.Resource = &simulate.Source{ID: "ResourcePolicy", Type: simulate.Resource, Text: *in.ResourcePolicy}
	}
	if cs.Principal == nil { // somebody of the account whom no resource policy can name
		cs.Principal = &identity.Principal{Kind: identity.User, Partition: s.partition, Account: c.Account}
	}
	if in.ResourceOwner != nil {
		a, err := arn.Parse(*in.ResourceOwner)
		if err != nil || !isAccount(a.Account) {
			return badInput("ResourceOwner %s is not the ARN of an account.", *in.ResourceOwner)
		}
		cs.Owner = a.Account
	}
	return nil
}

func questions(in *shape.SimulatePrincipalPolicyRequest) ([]simulate.Question, error) {
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if len(in.ActionNames)*len(resources) > mostImagined {
		return nil, badInput("At most %d combinations of action and resource may be simulated.", mostImagined)
	}
	for _, r := range resources {
		if a, err := arn.Parse(r); r != "*" && (err != nil || a.Resource == "") {
			return nil, badInput("Invalid Resource Arn: %s", r)
		}
	}
	var out []simulate.Question
	for _, a := range in.ActionNames {
		if !actionName.MatchString(a) {
			return nil, badInput("Invalid Action: %s", a)
		}
		for _, r := range resources {
			out = append(out, simulate.Question{Action: a, Resource: r})
		}
	}
	return out, nil
}
