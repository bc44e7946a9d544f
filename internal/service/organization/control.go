package organization

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
)

func policyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreatePolicyRequest, shape.CreatePolicyResponse]{
			Name: "CreatePolicy", Honours: []string{"Name", "Description", "Content"}, Act: createPolicy,
			Questions: about("CreatePolicy", func(org string, _ *shape.CreatePolicyRequest) []string { return []string{policyPath(org, "*")} }),
		},
		api.Op[shape.UpdatePolicyRequest, shape.UpdatePolicyResponse]{
			Name: "UpdatePolicy", Honours: []string{"PolicyId", "Name", "Description", "Content"}, Act: updatePolicy,
			Questions: about("UpdatePolicy", func(org string, in *shape.UpdatePolicyRequest) []string { return []string{onPolicy(org, in.PolicyId)} }),
		},
		api.Op[shape.DeletePolicyRequest, shape.DeletePolicyResponse]{
			Name: "DeletePolicy", Honours: []string{"PolicyId"}, Act: deletePolicy,
			Questions: about("DeletePolicy", func(org string, in *shape.DeletePolicyRequest) []string { return []string{onPolicy(org, in.PolicyId)} }),
		},
		api.Op[shape.DescribePolicyRequest, shape.DescribePolicyResponse]{
			Name: "DescribePolicy", Honours: []string{"PolicyId"},
			Questions: about("DescribePolicy", func(org string, in *shape.DescribePolicyRequest) []string {
				return []string{onPolicy(org, in.PolicyId)}
			}),
			View: func(c *api.Call, v store.View, in *shape.DescribePolicyRequest) (*shape.DescribePolicyResponse, error) {
				it, err := manage(c, v)
				if err != nil {
					return nil, err
				}
				p, err := find(c, v, it.ID, *in.PolicyId)
				if err != nil {
					return nil, err
				}
				out, err := showPolicy(c, v, it.ID, &p)
				return &shape.DescribePolicyResponse{Policy: out}, err
			},
		},
		api.Op[shape.ListPoliciesRequest, shape.ListPoliciesResponse]{
			Name: "ListPolicies", Honours: []string{"MaxResults", "NextToken"}, View: listPolicies,
			Questions: about("ListPolicies", func(org string, _ *shape.ListPoliciesRequest) []string { return []string{policyPath(org, "*")} }),
		},
	}
}

func onPolicy(org string, id *string) string {
	if deref(id) == "" {
		return policyPath(org, "*")
	}
	return policyPath(org, *id)
}

// find gives a policy of the organization, or AWS's own, which has no row.
func find(c *api.Call, v store.View, org, id string) (store.Item[control], error) {
	if id == FullAccess {
		return store.Item[control]{ID: id, Value: control{Org: org, Name: fullAccessName, Text: fullAccessText}}, nil
	}
	it, err := controls.Get(v, everywhere(c), id)
	if err == nil && it.Value.Org != org {
		err = store.ErrNotFound
	}
	return it, missing(err, "PolicyNotFoundException", "The organization has no policy %s.", id)
}

// own is find for what may be changed.
func own(c *api.Call, v store.View, org, id string) (store.Item[control], error) {
	if id == FullAccess {
		return store.Item[control]{}, invalid("IMMUTABLE_POLICY", "The policy %s is AWS's own and can't be changed.", id)
	}
	return find(c, v, org, id)
}

// check holds a text to the grammar and the size of service control policies.
func check(text string) error {
	_, err := policy.Parse([]byte(text), policy.SCP)
	var e *policy.SyntaxError
	switch {
	case !errors.As(err, &e):
		return err
	case policy.Size(text) > policy.MaxSCP:
		return limit("POLICY_CONTENT_LIMIT_EXCEEDED", "A service control policy may have at most %d characters.", policy.MaxSCP)
	}
	return fault.New("MalformedPolicyDocumentException", "%s", e.Error()).With(400)
}

func createPolicy(c *api.Call, tx store.Tx, in *shape.CreatePolicyRequest) (*shape.CreatePolicyResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	if err := check(*in.Content); err != nil {
		return nil, err
	}
	s := everywhere(c)
	held, err := controlsOf(tx, s, it.ID)
	if err != nil {
		return nil, err
	}
	if len(held) >= mostPolicies {
		return nil, limit("POLICY_NUMBER_LIMIT_EXCEEDED", "An organization may have at most %d policies.", mostPolicies)
	}
	p := store.Item[control]{ID: "p-" + c.Dice.Hex(10), Value: control{Org: it.ID, Name: *in.Name, Description: deref(in.Description), Text: *in.Content,
		Created: tx.Now(), Updated: tx.Now()}}
	if err := named(p.Value.Name); err != nil {
		return nil, err
	}
	if err := controls.Create(tx, s, p.ID, &p.Value); err != nil {
		return nil, taken(err, "DuplicatePolicyException", "The organization already has a policy named %s.", p.Value.Name)
	}
	c.Touch(name(c.Partition, c.Account, policyPath(it.ID, p.ID)))
	out, err := showPolicy(c, tx, it.ID, &p)
	return &shape.CreatePolicyResponse{Policy: out}, err
}

// named keeps AWS's own name for AWS's own policy.
func named(name string) error {
	if name == fullAccessName {
		return fault.New("DuplicatePolicyException", "The name %s is that of AWS's own policy.", name).With(400)
	}
	return nil
}

func updatePolicy(c *api.Call, tx store.Tx, in *shape.UpdatePolicyRequest) (*shape.UpdatePolicyResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	p, err := own(c, tx, it.ID, *in.PolicyId)
	if err != nil {
		return nil, err
	}
	if in.Content != nil {
		if err := check(*in.Content); err != nil {
			return nil, err
		}
		p.Value.Text = *in.Content
	}
	if in.Name != nil {
		if err := named(*in.Name); err != nil {
			return nil, err
		}
		p.Value.Name = *in.Name
	}
	if in.Description != nil {
		p.Value.Description = *in.Description
	}
	p.Value.Updated = tx.Now()
	if err := controls.Save(tx, &p); err != nil {
		return nil, taken(err, "DuplicatePolicyException", "The organization already has a policy named %s.", p.Value.Name)
	}
	c.Touch(name(c.Partition, c.Account, policyPath(it.ID, p.ID)))
	out, err := showPolicy(c, tx, it.ID, &p)
	return &shape.UpdatePolicyResponse{Policy: out}, err
}

func deletePolicy(c *api.Call, tx store.Tx, in *shape.DeletePolicyRequest) (*shape.DeletePolicyResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	p, err := own(c, tx, it.ID, *in.PolicyId)
	if err != nil {
		return nil, err
	}
	hung, err := targets(tx, everywhere(c), it.ID, p.ID)
	if err != nil {
		return nil, err
	}
	if len(hung) > 0 {
		return nil, fault.New("PolicyInUseException", "The policy %s is still attached to %s.", p.ID, hung[0]).With(400)
	}
	c.Touch(name(c.Partition, c.Account, policyPath(it.ID, p.ID)))
	return &shape.DeletePolicyResponse{}, controls.Delete(tx, everywhere(c), p.ID)
}

// listPolicies answers AWS's own policy first, then the others by their ids; the token is the last id that was answered.
func listPolicies(c *api.Call, v store.View, in *shape.ListPoliciesRequest) (*shape.ListPoliciesResponse, error) {
	it, err := manage(c, v)
	if err != nil {
		return nil, err
	}
	all, err := controlsOf(v, everywhere(c), it.ID)
	if err != nil {
		return nil, err
	}
	out := &shape.ListPoliciesResponse{Policies: []shape.PolicySummary{}}
	first := 0
	if in.NextToken == nil {
		out.Policies = append(out.Policies, *fullAccess(c))
	} else {
		after, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		if err != nil {
			return nil, invalid("INVALID_NEXT_TOKEN", "The NextToken is not one that was given.")
		}
		i, found := slices.BinarySearchFunc(all, string(after), func(p store.Item[control], id string) int { return cmp.Compare(p.ID, id) })
		if first = i; found {
			first++
		}
	}
	most := 20
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	for i := first; i < len(all); i++ {
		if len(out.Policies) == most {
			last := "p-" // before every id
			if i > 0 {
				last = all[i-1].ID
			}
			token := base64.RawURLEncoding.EncodeToString([]byte(last))
			out.NextToken = &token
			break
		}
		out.Policies = append(out.Policies, *summary(c, &all[i]))
	}
	return out, nil
}

func fullAccess(c *api.Call) *shape.PolicySummary {
	return summary(c, &store.Item[control]{ID: FullAccess, Value: control{Name: fullAccessName}})
}

func summary(c *api.Call, p *store.Item[control]) *shape.PolicySummary {
	aws, owner := p.ID == FullAccess, c.Account
	if aws {
		owner = "aws"
	}
	full := name(c.Partition, owner, policyPath(p.Value.Org, p.ID))
	out := &shape.PolicySummary{Id: &p.ID, Arn: &full, Name: &p.Value.Name, AwsManaged: &aws}
	if p.Value.Description != "" {
		out.Description = &p.Value.Description
	}
	return out
}

func showPolicy(c *api.Call, v store.View, org string, p *store.Item[control]) (*shape.Policy, error) {
	hung, err := targets(v, everywhere(c), org, p.ID)
	out := &shape.Policy{PolicySummary: summary(c, p), Content: &p.Value.Text, Targets: hung}
	if p.ID != FullAccess {
		out.Created, out.Updated = &p.Value.Created, &p.Value.Updated
	}
	return out, err
}

// targets lists where a policy hangs.
func targets(v store.View, s store.Scope, org, id string) ([]string, error) {
	l, err := nodes.List(v, store.Query{Scope: s, Term: store.Term{Name: "policy", Value: org + "/" + id}})
	out := make([]string, len(l))
	for i := range l {
		out[i] = l[i].ID
	}
	return out, err
}
