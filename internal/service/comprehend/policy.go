package comprehend

import (
	"errors"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/model"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *custom) policyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.PutResourcePolicyRequest, shape.PutResourcePolicyResponse]{Name: "PutResourcePolicy", Honours: []string{"ResourceArn", "ResourcePolicy", "PolicyRevisionId"},
			Questions: ask.Ask[shape.PutResourcePolicyRequest](sheet, "PutResourcePolicy"),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutResourcePolicyRequest) (*shape.PutResourcePolicyResponse, error) {
				it, err := modelOf(c, tx, "", in.ResourceArn)
				if err != nil {
					return nil, err
				}
				m := &it.Value
				c.Touch(m.ARN)
				if err := revision(m, in.PolicyRevisionId); err != nil {
					return nil, err
				}
				if err := s.attach(c, tx, m, *in.ResourcePolicy); err != nil {
					return nil, err
				}
				return &shape.PutResourcePolicyResponse{PolicyRevisionId: &m.PolicyRevision}, rows.Models.Save(tx, &it)
			}},
		api.Op[shape.DescribeResourcePolicyRequest, shape.DescribeResourcePolicyResponse]{Name: "DescribeResourcePolicy", Honours: []string{"ResourceArn"},
			Questions: ask.Ask[shape.DescribeResourcePolicyRequest](sheet, "DescribeResourcePolicy"),
			View: func(c *api.Call, v store.View, in *shape.DescribeResourcePolicyRequest) (*shape.DescribeResourcePolicyResponse, error) {
				it, err := modelOf(c, v, "", in.ResourceArn)
				if err != nil {
					return nil, err
				}
				m := &it.Value
				c.Touch(m.ARN)
				if m.Policy == "" {
					return nil, noPolicy(m)
				}
				d, err := policy.Read([]byte(m.Policy), policy.Model)
				if err != nil {
					return nil, err
				}
				text := string(d.Unbind(func(id string) (string, bool) { return s.who.RenderPrincipal(v, id) }))
				return &shape.DescribeResourcePolicyResponse{ResourcePolicy: &text, CreationTime: &m.PolicyMade, LastModifiedTime: &m.PolicyChanged, PolicyRevisionId: &m.PolicyRevision}, nil
			}},
		api.Op[shape.DeleteResourcePolicyRequest, shape.DeleteResourcePolicyResponse]{Name: "DeleteResourcePolicy", Honours: []string{"ResourceArn", "PolicyRevisionId"},
			Questions: ask.Ask[shape.DeleteResourcePolicyRequest](sheet, "DeleteResourcePolicy"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteResourcePolicyRequest) (*shape.DeleteResourcePolicyResponse, error) {
				it, err := modelOf(c, tx, "", in.ResourceArn)
				if err != nil {
					return nil, err
				}
				m := &it.Value
				c.Touch(m.ARN)
				if m.Policy == "" {
					return nil, noPolicy(m)
				}
				if err := revision(m, in.PolicyRevisionId); err != nil {
					return nil, err
				}
				m.Policy, m.PolicyRevision = "", ""
				return &shape.DeleteResourcePolicyResponse{}, rows.Models.Save(tx, &it)
			}},
	}
}

func noPolicy(m *model.Model) error {
	return fault.New("ResourceNotFoundException", "RESOURCE_NOT_FOUND: The model %s has no resource policy.", m.ARN)
}

// revision holds a change to the policy that its author saw, if it says which.
func revision(m *model.Model, said *string) error {
	if said == nil || strings.EqualFold(*said, m.PolicyRevision) {
		return nil
	}
	return fault.New("InvalidRequestException", "The policy revision ID %s is not that of the current policy of %s.", *said, m.ARN)
}

// attach gives a model a policy, its principals bound to their unique ids. The policy may speak of this model alone, and of its import. Source: Comprehend
// Developer Guide, "Sharing a custom model with another AWS account".
func (s *custom) attach(c *api.Call, tx store.Tx, m *model.Model, text string) error {
	bad := func(format string, a ...any) error { return fault.New("InvalidRequestException", format, a...) }
	d, err := policy.Parse([]byte(text), policy.Model)
	if err != nil {
		return malformed(err)
	}
	for _, r := range d.Resources() {
		if r != "*" && r != m.ARN {
			return bad("The resource policy of %s names the resource %s: it may name the model itself or *.", m.ARN, r)
		}
	}
	if d.Inverted() {
		return bad("The resource policy of %s has a NotAction or NotResource: it may speak of comprehend:ImportModel and this model alone.", m.ARN)
	}
	for _, a := range d.Actions() {
		if !strings.EqualFold(a, "comprehend:ImportModel") {
			return bad("The resource policy of %s names the action %s: comprehend:ImportModel is the only one that it may allow or deny.", m.ARN, a)
		}
	}
	for _, id := range d.UniqueIDs() { // of who is gone, or of nobody
		if _, ok := s.who.RenderPrincipal(tx, id); !ok {
			return bad("The resource policy names a principal that does not exist.")
		}
	}
	bound, err := d.Bind(func(arn string) (string, bool) { return s.who.ResolvePrincipal(tx, arn) })
	if err != nil {
		return malformed(err)
	}
	if m.Policy == "" {
		m.PolicyMade = tx.Now()
	}
	m.Policy, m.PolicyChanged, m.PolicyRevision = string(bound), tx.Now(), c.Dice.Hex(32)
	return nil
}

func malformed(err error) error {
	var se *policy.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	f := fault.New("InvalidRequestException", "The resource policy is not valid: %s", se.Error())
	f.Cause = err
	return f
}

// policyOf completes a question about a model with the model's own policy.
func policyOf(_ *api.Call, v store.View, _ string, q *api.Question) error {
	p := strings.SplitN(q.Resource, ":", 6)
	if len(p) != 6 || strings.Contains(q.Resource, "*") || !strings.HasPrefix(p[5], model.Classifier+"/") && !strings.HasPrefix(p[5], model.Recognizer+"/") {
		return nil
	}
	q.Policy = &api.ResourcePolicy{Kind: "model", Name: "policy of model " + p[5]}
	it, err := rows.Models.Get(v, store.Scope{Partition: p[1], Account: p[4], Region: p[3]}, p[5])
	if isNotFound(err) {
		return nil
	}
	q.Policy.Text = it.Value.Policy
	return err
}
