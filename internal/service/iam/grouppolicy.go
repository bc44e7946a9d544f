package iam

import (
	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) groupPolicyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.PutGroupPolicyRequest, shape.PutGroupPolicyOutput]{
			Name: "PutGroupPolicy", Honours: []string{"GroupName", "PolicyName", "PolicyDocument"},
			Questions: on(s, "group", "iam:PutGroupPolicy", func(in *shape.PutGroupPolicyRequest) *string { return in.GroupName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutGroupPolicyRequest) (*shape.PutGroupPolicyOutput, error) {
				return &shape.PutGroupPolicyOutput{}, s.putInline(c, tx, "group", *in.GroupName, *in.PolicyName, *in.PolicyDocument)
			},
		},
		api.Op[shape.GetGroupPolicyRequest, shape.GetGroupPolicyResponse]{
			Name: "GetGroupPolicy", Honours: []string{"GroupName", "PolicyName"},
			Questions: on(s, "group", "iam:GetGroupPolicy", func(in *shape.GetGroupPolicyRequest) *string { return in.GroupName }),
			View: func(c *api.Call, v store.View, in *shape.GetGroupPolicyRequest) (*shape.GetGroupPolicyResponse, error) {
				p, text, err := s.inline(c, v, "group", *in.GroupName, *in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &shape.GetGroupPolicyResponse{GroupName: &p.Name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
			},
		},
		api.Op[shape.ListGroupPoliciesRequest, shape.ListGroupPoliciesResponse]{
			Name: "ListGroupPolicies", Honours: []string{"GroupName", "Marker", "MaxItems"},
			Questions: on(s, "group", "iam:ListGroupPolicies", func(in *shape.ListGroupPoliciesRequest) *string { return in.GroupName }),
			View: func(c *api.Call, v store.View, in *shape.ListGroupPoliciesRequest) (*shape.ListGroupPoliciesResponse, error) {
				names, next, more, err := s.inlines(c, v, "group", *in.GroupName, in.Marker, in.MaxItems)
				return &shape.ListGroupPoliciesResponse{PolicyNames: names, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.DeleteGroupPolicyRequest, shape.DeleteGroupPolicyOutput]{
			Name: "DeleteGroupPolicy", Honours: []string{"GroupName", "PolicyName"},
			Questions: on(s, "group", "iam:DeleteGroupPolicy", func(in *shape.DeleteGroupPolicyRequest) *string { return in.GroupName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteGroupPolicyRequest) (*shape.DeleteGroupPolicyOutput, error) {
				return &shape.DeleteGroupPolicyOutput{}, s.dropInline(c, tx, "group", *in.GroupName, *in.PolicyName)
			},
		},
		api.Op[shape.AttachGroupPolicyRequest, shape.AttachGroupPolicyOutput]{
			Name: "AttachGroupPolicy", Honours: []string{"GroupName", "PolicyArn"},
			Questions: on(s, "group", "iam:AttachGroupPolicy", func(in *shape.AttachGroupPolicyRequest) *string { return in.GroupName },
				func(in *shape.AttachGroupPolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.AttachGroupPolicyRequest) (*shape.AttachGroupPolicyOutput, error) {
				return &shape.AttachGroupPolicyOutput{}, s.attach(c, tx, "group", *in.GroupName, *in.PolicyArn)
			},
		},
		api.Op[shape.DetachGroupPolicyRequest, shape.DetachGroupPolicyOutput]{
			Name: "DetachGroupPolicy", Honours: []string{"GroupName", "PolicyArn"},
			Questions: on(s, "group", "iam:DetachGroupPolicy", func(in *shape.DetachGroupPolicyRequest) *string { return in.GroupName },
				func(in *shape.DetachGroupPolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DetachGroupPolicyRequest) (*shape.DetachGroupPolicyOutput, error) {
				return &shape.DetachGroupPolicyOutput{}, s.detach(c, tx, "group", *in.GroupName, *in.PolicyArn)
			},
		},
		api.Op[shape.ListAttachedGroupPoliciesRequest, shape.ListAttachedGroupPoliciesResponse]{
			Name: "ListAttachedGroupPolicies", Honours: []string{"GroupName", "PathPrefix", "Marker", "MaxItems"},
			Questions: on(s, "group", "iam:ListAttachedGroupPolicies", func(in *shape.ListAttachedGroupPoliciesRequest) *string { return in.GroupName }),
			View: func(c *api.Call, v store.View, in *shape.ListAttachedGroupPoliciesRequest) (*shape.ListAttachedGroupPoliciesResponse, error) {
				l, next, more, err := s.attached(c, v, "group", *in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
				return &shape.ListAttachedGroupPoliciesResponse{AttachedPolicies: l, Marker: next, IsTruncated: more}, err
			},
		},
	}
}
