package iam

import (
	"fmt"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// versionQuota is how many versions a managed policy may keep.
const versionQuota = 5

func (s *Service) policyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreatePolicyRequest, shape.CreatePolicyResponse]{
			Name: "CreatePolicy", Honours: []string{"PolicyName", "Path", "PolicyDocument", "Description", "Tags.*"},
			Questions: func(c *api.Call, _ store.View, in *shape.CreatePolicyRequest) ([]api.Question, error) {
				return s.creation(c, "policy", "iam:CreatePolicy", "iam:TagPolicy", in.Path, in.PolicyName, nil, in.Tags), nil
			},
			Act: s.createPolicy,
		},
		api.Op[shape.GetPolicyRequest, shape.GetPolicyResponse]{
			Name: "GetPolicy", Honours: []string{"PolicyArn"},
			Questions: onPolicy(s, "iam:GetPolicy", func(in *shape.GetPolicyRequest) *string { return in.PolicyArn }),
			View: func(c *api.Call, v store.View, in *shape.GetPolicyRequest) (*shape.GetPolicyResponse, error) {
				it, err := s.policy(v, c.Account, *in.PolicyArn)
				if err != nil {
					return nil, err
				}
				out, err := s.wholePolicy(v, &it)
				return &shape.GetPolicyResponse{Policy: out}, err
			},
		},
		api.Op[shape.ListPoliciesRequest, shape.ListPoliciesResponse]{
			Name: "ListPolicies", Honours: []string{"Scope", "OnlyAttached", "PathPrefix", "PolicyUsageFilter", "Marker", "MaxItems"},
			Questions: anywhere[shape.ListPoliciesRequest]("iam:ListPolicies"), View: s.listPolicies,
		},
		api.Op[shape.DeletePolicyRequest, shape.DeletePolicyOutput]{
			Name: "DeletePolicy", Honours: []string{"PolicyArn"},
			Questions: onPolicy(s, "iam:DeletePolicy", func(in *shape.DeletePolicyRequest) *string { return in.PolicyArn }),
			Act:       s.deletePolicy,
		},
	}
}

// onPolicy makes the question of an operation on one managed policy; its tags are keys.
func onPolicy[I any](s *Service, action string, name func(*I) *string, more ...func(*I, keyset)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		q := api.Question{Action: action, Resource: deref(name(in)), Keys: keyset{}}
		if q.Resource == "" {
			q.Resource = "*"
			return []api.Question{q}, nil
		}
		if a, err := arn.Parse(q.Resource); err == nil && a.Account == c.Account { // another account's tags are not ours to go by
			tags, err := v.Tags(q.Resource)
			if err != nil {
				return nil, err
			}
			for k, val := range tags {
				q.Keys["aws:ResourceTag/"+k] = []string{val}
			}
		}
		for _, f := range more {
			f(in, q.Keys)
		}
		return []api.Question{q}, nil
	}
}

func (s *Service) policyARN(it *store.Item[managed]) string {
	return s.arn(it.Scope.Account, "policy"+it.Value.Path+it.Value.Name)
}

// policy finds a managed policy of an account. AWS's own policies (arn:aws:iam::aws:policy/...) are not kept here, so they
// are as absent as a stranger's.
func (s *Service) policy(v store.View, account, policyARN string) (store.Item[managed], error) {
	var none store.Item[managed]
	a, err := arn.Parse(policyARN)
	if err != nil {
		return none, badInput("ARN %s is not valid.", policyARN)
	}
	name := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	it, err := policies.Find(v, s.global(account), "name", strings.ToLower(name))
	if err != nil {
		return none, missing(err, noPolicy(policyARN))
	}
	if s.policyARN(&it) != policyARN {
		return none, noPolicy(policyARN)
	}
	return it, nil
}

func (s *Service) createPolicy(c *api.Call, tx store.Tx, in *shape.CreatePolicyRequest) (*shape.CreatePolicyResponse, error) {
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	now := second(tx)
	m := managed{Name: *in.PolicyName, Path: "/", Description: deref(in.Description), Created: now, Updated: now, Default: "v1", Last: 1,
		Versions: []version{{ID: "v1", Text: *in.PolicyDocument, Created: now}}}
	if in.Path != nil {
		m.Path = *in.Path
	}
	if err := s.room(tx, c.Account, policies.Kind); err != nil {
		return nil, err
	}
	id := c.Dice.Unique("ANPA")
	if err := policies.Create(tx, s.global(c.Account), id, &m); err != nil {
		return nil, conflict(err, taken("A policy called %s already exists. Duplicate names are not allowed.", m.Name))
	}
	it, err := policies.Get(tx, s.global(c.Account), id)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := tx.SetTags(s.policyARN(&it), s.global(c.Account), tags); err != nil {
			return nil, err
		}
	}
	c.Touch(s.policyARN(&it))
	out, err := s.wholePolicy(tx, &it)
	return &shape.CreatePolicyResponse{Policy: out}, err
}

func checkManaged(text string) error {
	if err := check(text, policy.Identity); err != nil {
		return err
	}
	if policy.Size(text) > policy.MaxManaged {
		return full("Cannot exceed quota for PolicySize: %d", policy.MaxManaged)
	}
	return nil
}

func (s *Service) listPolicies(c *api.Call, v store.View, in *shape.ListPoliciesRequest) (*shape.ListPoliciesResponse, error) {
	var all []shape.Policy
	if deref(in.Scope) != "AWS" { // there are no policies of AWS's own here
		items, err := policies.List(v, store.Query{Scope: s.global(c.Account)})
		if err != nil {
			return nil, err
		}
		used, err := s.allUses(v, c.Account)
		if err != nil {
			return nil, err
		}
		for i := range items {
			p := s.showPolicy(&items[i], used[s.policyARN(&items[i])])
			asked := *p.AttachmentCount + *p.PermissionsBoundaryUsageCount
			switch deref(in.PolicyUsageFilter) {
			case "PermissionsPolicy":
				asked = *p.AttachmentCount
			case "PermissionsBoundary":
				asked = *p.PermissionsBoundaryUsageCount
			}
			if !within(*p.Path, in.PathPrefix) || asked == 0 && (deref(in.OnlyAttached) || in.PolicyUsageFilter != nil) {
				continue
			}
			all = append(all, *p)
		}
	}
	out := &shape.ListPoliciesResponse{}
	var err error
	out.Policies, out.Marker, out.IsTruncated, err = page(all, func(p *shape.Policy) string { return sortable(*p.PolicyName) }, in.Marker, in.MaxItems)
	return out, err
}

func (s *Service) deletePolicy(c *api.Call, tx store.Tx, in *shape.DeletePolicyRequest) (*shape.DeletePolicyOutput, error) {
	it, err := s.policy(tx, c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	used, err := s.uses(tx, c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if used.attached+used.bounded > 0 {
		return nil, deleteConflict("Cannot delete a policy attached to entities.")
	}
	if len(it.Value.Versions) > 1 {
		return nil, deleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	if err := tx.RemoveTags(*in.PolicyArn, nil); err != nil {
		return nil, err
	}
	c.Touch(*in.PolicyArn)
	return &shape.DeletePolicyOutput{}, policies.Delete(tx, it.Scope, it.ID)
}

// holders lists the users, groups and roles that carry a term: "policy" for an attachment, "boundary" for a boundary.
func (s *Service) holders(v store.View, account, term, policyARN string) ([]*party, error) {
	q := store.Query{Scope: s.global(account), Term: store.Term{Name: term, Value: policyARN}}
	us, err := users.List(v, q)
	if err != nil {
		return nil, err
	}
	gs, err := groups.List(v, q)
	if err != nil {
		return nil, err
	}
	rs, err := roles.List(v, q)
	if err != nil {
		return nil, err
	}
	var out []*party
	for i := range us {
		out = append(out, s.userParty(&us[i]))
	}
	for i := range gs {
		out = append(out, s.groupParty(&gs[i]))
	}
	for i := range rs {
		out = append(out, s.roleParty(&rs[i]))
	}
	return out, nil
}

// uses counts where a policy hangs.
type uses struct{ attached, bounded int64 }

func (s *Service) uses(v store.View, account, policyARN string) (uses, error) {
	a, err := s.holders(v, account, "policy", policyARN)
	if err != nil {
		return uses{}, err
	}
	b, err := s.holders(v, account, "boundary", policyARN)
	return uses{int64(len(a)), int64(len(b))}, err
}

// allUses counts for all policies of an account at once.
func (s *Service) allUses(v store.View, account string) (map[string]uses, error) {
	us, err := users.List(v, store.Query{Scope: s.global(account)})
	if err != nil {
		return nil, err
	}
	gs, err := groups.List(v, store.Query{Scope: s.global(account)})
	if err != nil {
		return nil, err
	}
	rs, err := roles.List(v, store.Query{Scope: s.global(account)})
	if err != nil {
		return nil, err
	}
	out := map[string]uses{}
	count := func(h *holder) {
		for _, a := range h.Attached {
			u := out[a]
			u.attached++
			out[a] = u
		}
		if h.Boundary != "" {
			u := out[h.Boundary]
			u.bounded++
			out[h.Boundary] = u
		}
	}
	for i := range us {
		count(&us[i].Value.holder)
	}
	for i := range gs {
		count(&gs[i].Value.holder)
	}
	for i := range rs {
		count(&rs[i].Value.holder)
	}
	return out, nil
}

// showPolicy is a policy as lists have it; wholePolicy adds description and tags.
func (s *Service) showPolicy(it *store.Item[managed], used uses) *shape.Policy {
	m, name, attachable := &it.Value, s.policyARN(it), true
	return &shape.Policy{PolicyName: &m.Name, PolicyId: &it.ID, Arn: &name, Path: &m.Path, DefaultVersionId: &m.Default,
		AttachmentCount: &used.attached, PermissionsBoundaryUsageCount: &used.bounded, IsAttachable: &attachable, CreateDate: &m.Created, UpdateDate: &m.Updated}
}

func (s *Service) wholePolicy(v store.View, it *store.Item[managed]) (*shape.Policy, error) {
	used, err := s.uses(v, it.Scope.Account, s.policyARN(it))
	if err != nil {
		return nil, err
	}
	out := s.showPolicy(it, used)
	if it.Value.Description != "" {
		out.Description = &it.Value.Description
	}
	out.Tags, err = s.showTags(v, *out.Arn)
	return out, err
}

// inForce is the text of the policy's default version.
func (m *managed) inForce() (string, error) {
	for _, v := range m.Versions {
		if v.ID == m.Default {
			return v.Text, nil
		}
	}
	return "", fmt.Errorf("policy %s has no version %s", m.Name, m.Default)
}
