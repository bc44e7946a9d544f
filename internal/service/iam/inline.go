package iam

import (
	"cloister/internal/api"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) inlineRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.PutUserPolicyRequest, shape.PutUserPolicyOutput]{
			Name: "PutUserPolicy", Honours: []string{"UserName", "PolicyName", "PolicyDocument"},
			Questions: on(s, "user", "iam:PutUserPolicy", func(in *shape.PutUserPolicyRequest) *string { return in.UserName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutUserPolicyRequest) (*shape.PutUserPolicyOutput, error) {
				return &shape.PutUserPolicyOutput{}, s.putInline(c, tx, "user", *in.UserName, *in.PolicyName, *in.PolicyDocument)
			},
		},
		api.Op[shape.GetUserPolicyRequest, shape.GetUserPolicyResponse]{
			Name: "GetUserPolicy", Honours: []string{"UserName", "PolicyName"},
			Questions: on(s, "user", "iam:GetUserPolicy", func(in *shape.GetUserPolicyRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.GetUserPolicyRequest) (*shape.GetUserPolicyResponse, error) {
				p, text, err := s.inline(c, v, "user", *in.UserName, *in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &shape.GetUserPolicyResponse{UserName: &p.Name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
			},
		},
		api.Op[shape.ListUserPoliciesRequest, shape.ListUserPoliciesResponse]{
			Name: "ListUserPolicies", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListUserPolicies", func(in *shape.ListUserPoliciesRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListUserPoliciesRequest) (*shape.ListUserPoliciesResponse, error) {
				names, next, more, err := s.inlines(c, v, "user", *in.UserName, in.Marker, in.MaxItems)
				return &shape.ListUserPoliciesResponse{PolicyNames: names, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.DeleteUserPolicyRequest, shape.DeleteUserPolicyOutput]{
			Name: "DeleteUserPolicy", Honours: []string{"UserName", "PolicyName"},
			Questions: on(s, "user", "iam:DeleteUserPolicy", func(in *shape.DeleteUserPolicyRequest) *string { return in.UserName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteUserPolicyRequest) (*shape.DeleteUserPolicyOutput, error) {
				return &shape.DeleteUserPolicyOutput{}, s.dropInline(c, tx, "user", *in.UserName, *in.PolicyName)
			},
		},
		api.Op[shape.PutRolePolicyRequest, shape.PutRolePolicyOutput]{
			Name: "PutRolePolicy", Honours: []string{"RoleName", "PolicyName", "PolicyDocument"},
			Questions: on(s, "role", "iam:PutRolePolicy", func(in *shape.PutRolePolicyRequest) *string { return in.RoleName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutRolePolicyRequest) (*shape.PutRolePolicyOutput, error) {
				return &shape.PutRolePolicyOutput{}, s.putInline(c, tx, "role", *in.RoleName, *in.PolicyName, *in.PolicyDocument)
			},
		},
		api.Op[shape.GetRolePolicyRequest, shape.GetRolePolicyResponse]{
			Name: "GetRolePolicy", Honours: []string{"RoleName", "PolicyName"},
			Questions: on(s, "role", "iam:GetRolePolicy", func(in *shape.GetRolePolicyRequest) *string { return in.RoleName }),
			View: func(c *api.Call, v store.View, in *shape.GetRolePolicyRequest) (*shape.GetRolePolicyResponse, error) {
				p, text, err := s.inline(c, v, "role", *in.RoleName, *in.PolicyName)
				if err != nil {
					return nil, err
				}
				return &shape.GetRolePolicyResponse{RoleName: &p.Name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
			},
		},
		api.Op[shape.ListRolePoliciesRequest, shape.ListRolePoliciesResponse]{
			Name: "ListRolePolicies", Honours: []string{"RoleName", "Marker", "MaxItems"},
			Questions: on(s, "role", "iam:ListRolePolicies", func(in *shape.ListRolePoliciesRequest) *string { return in.RoleName }),
			View: func(c *api.Call, v store.View, in *shape.ListRolePoliciesRequest) (*shape.ListRolePoliciesResponse, error) {
				names, next, more, err := s.inlines(c, v, "role", *in.RoleName, in.Marker, in.MaxItems)
				return &shape.ListRolePoliciesResponse{PolicyNames: names, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.DeleteRolePolicyRequest, shape.DeleteRolePolicyOutput]{
			Name: "DeleteRolePolicy", Honours: []string{"RoleName", "PolicyName"},
			Questions: on(s, "role", "iam:DeleteRolePolicy", func(in *shape.DeleteRolePolicyRequest) *string { return in.RoleName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteRolePolicyRequest) (*shape.DeleteRolePolicyOutput, error) {
				return &shape.DeleteRolePolicyOutput{}, s.dropInline(c, tx, "role", *in.RoleName, *in.PolicyName)
			},
		},
	}
}

func (s *Service) putInline(c *api.Call, tx store.Tx, kind, name, policyName, text string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	if err := check(text, policy.Identity); err != nil {
		return err
	}
	if p.Inline == nil {
		p.Inline = map[string]string{}
	}
	p.Inline[policyName] = text
	// IAM counts all inline policies of one user, group or role together.
	size, most := 0, map[string]int{"user": policy.MaxUserInline, "group": policy.MaxGroupInline, "role": policy.MaxRoleInline}[kind]
	for _, t := range p.Inline {
		size += policy.Size(t)
	}
	if size > most {
		return full("Maximum policy size of %d bytes exceeded for %s %s", most, kind, p.Name)
	}
	c.Touch(p.arn)
	return s.save(tx, p)
}

func (s *Service) inline(c *api.Call, v store.View, kind, name, policyName string) (*party, *string, error) {
	p, err := s.named(v, c.Account, kind, name)
	if err != nil {
		return nil, nil, err
	}
	text, ok := p.Inline[policyName]
	if !ok {
		return nil, nil, noInline(kind, policyName)
	}
	return p, escape(text), nil
}

func (s *Service) inlines(c *api.Call, v store.View, kind, name string, marker *string, most *int64) ([]string, *string, *bool, error) {
	p, err := s.named(v, c.Account, kind, name)
	if err != nil {
		return nil, nil, nil, err
	}
	return page(sorted(p.Inline), itself, marker, most)
}

func (s *Service) dropInline(c *api.Call, tx store.Tx, kind, name, policyName string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	if _, ok := p.Inline[policyName]; !ok {
		return noInline(kind, policyName)
	}
	delete(p.Inline, policyName)
	c.Touch(p.arn)
	return s.save(tx, p)
}
