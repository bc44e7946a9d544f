package logs

import (
	"encoding/json"
	"errors"
	"fmt"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/logbook"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// maxPolicies is how many resource policies a region of an account has at most. Source: API reference, PutResourcePolicy.
const maxPolicies = 10

// the kind under which the engine reads them: resource policies without rules of their own.
const plain = policy.Model

func (s *Service) policyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.PutResourcePolicyRequest, shape.PutResourcePolicyResponse]{
			Name: "PutResourcePolicy", Honours: []string{"policyName", "policyDocument"}, Questions: ask.Ask[shape.PutResourcePolicyRequest](sheet, "PutResourcePolicy"),
			Act: putResourcePolicy,
		},
		api.Op[shape.DeleteResourcePolicyRequest, shape.DeleteResourcePolicyOutput]{
			Name: "DeleteResourcePolicy", Honours: []string{"policyName"}, Questions: ask.Ask[shape.DeleteResourcePolicyRequest](sheet, "DeleteResourcePolicy"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteResourcePolicyRequest) (*shape.DeleteResourcePolicyOutput, error) {
				err := rows.LogPolicies.Delete(tx, c.Scope(), deref(in.PolicyName))
				if notFound(err) || deref(in.PolicyName) == "" {
					err = fault.New("ResourceNotFoundException", "Policy with name [%s] does not exist.", deref(in.PolicyName))
				}
				return &shape.DeleteResourcePolicyOutput{}, err
			},
		},
		api.Op[shape.DescribeResourcePoliciesRequest, shape.DescribeResourcePoliciesResponse]{
			Name: "DescribeResourcePolicies", Honours: []string{"nextToken", "limit", "policyScope"}, Questions: ask.Ask[shape.DescribeResourcePoliciesRequest](sheet, "DescribeResourcePolicies"),
			View: func(c *api.Call, v store.View, in *shape.DescribeResourcePoliciesRequest) (*shape.DescribeResourcePoliciesResponse, error) {
				out := &shape.DescribeResourcePoliciesResponse{ResourcePolicies: []shape.ResourcePolicy{}}
				if deref(in.PolicyScope) == "RESOURCE" {
					return out, nil
				}
				after, err := readToken(in.NextToken)
				if err != nil {
					return nil, err
				}
				limit := maxPolicies
				if in.Limit != nil {
					limit = int(*in.Limit)
				}
				all, err := rows.LogPolicies.List(v, store.Query{Scope: c.Scope(), After: after, Limit: limit + 1})
				if len(all) > limit {
					all = all[:limit]
					out.NextToken = writeToken(all[limit-1].ID)
				}
				for _, p := range all {
					out.ResourcePolicies = append(out.ResourcePolicies, shownPolicy(p))
				}
				return out, err
			},
		},
	}
}

func shownPolicy(p store.Item[logbook.ResourcePolicy]) shape.ResourcePolicy {
	return shape.ResourcePolicy{PolicyName: &p.ID, PolicyDocument: &p.Value.Text, LastUpdatedTime: new(ms(p.Value.Updated)), PolicyScope: new("ACCOUNT")}
}

func putResourcePolicy(c *api.Call, tx store.Tx, in *shape.PutResourcePolicyRequest) (*shape.PutResourcePolicyResponse, error) {
	name := deref(in.PolicyName)
	if name == "" || in.PolicyDocument == nil {
		return nil, invalid("A policyName and a policyDocument are needed.")
	}
	if _, err := policy.Parse([]byte(*in.PolicyDocument), plain); err != nil {
		var se *policy.SyntaxError
		if errors.As(err, &se) {
			return nil, invalid("Invalid policy document: %s", se.Message)
		}
		return nil, err
	}
	p := logbook.ResourcePolicy{Text: *in.PolicyDocument, Updated: tx.Now()}
	it, err := rows.LogPolicies.Get(tx, c.Scope(), name)
	switch {
	case err == nil:
		it.Value = p
		err = rows.LogPolicies.Save(tx, &it)
	case notFound(err):
		var all []store.Item[logbook.ResourcePolicy]
		if all, err = rows.LogPolicies.List(tx, store.Query{Scope: c.Scope()}); err != nil {
			return nil, err
		}
		if len(all) >= maxPolicies {
			return nil, fault.New("LimitExceededException", "Resource limit exceeded.")
		}
		it = store.Item[logbook.ResourcePolicy]{Scope: c.Scope(), ID: name, Value: p}
		err = rows.LogPolicies.Create(tx, c.Scope(), name, &p)
	}
	if err != nil {
		return nil, err
	}
	return &shape.PutResourcePolicyResponse{ResourcePolicy: new(shownPolicy(it))}, nil
}

// granted is what an account's resource policies let services do: of nobody else's calls they decide. They are one document to the
// engine, which reads one for each resource.
func granted(c *api.Call, v store.View, owner string) (*api.ResourcePolicy, error) {
	if c.Caller == nil || c.Caller.Kind != identity.Service {
		return nil, nil
	}
	out := &api.ResourcePolicy{Kind: plain.String(), Name: "log resource policies"}
	all, err := rows.LogPolicies.List(v, store.Query{Scope: store.Scope{Partition: c.Partition, Account: owner, Region: c.Region}})
	if err != nil || len(all) == 0 {
		return out, err
	}
	var statements []json.RawMessage
	for _, p := range all {
		var doc struct{ Statement json.RawMessage }
		if err := json.Unmarshal([]byte(p.Value.Text), &doc); err != nil {
			return nil, fmt.Errorf("cannot read the resource policy %s: %w", p.ID, err)
		}
		var list []json.RawMessage
		if json.Unmarshal(doc.Statement, &list) != nil {
			list = []json.RawMessage{doc.Statement}
		}
		statements = append(statements, list...)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	out.Text = string(text)
	return out, err
}
