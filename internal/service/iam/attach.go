package iam

import (
	"slices"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// attachQuota is how many managed policies one user, group or role may carry.
const attachQuota = 10

func (s *Service) attachRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AttachUserPolicyRequest, shape.AttachUserPolicyOutput]{
			Name: "AttachUserPolicy", Honours: []string{"UserName", "PolicyArn"},
			Questions: on(s, "user", "iam:AttachUserPolicy", func(in *shape.AttachUserPolicyRequest) *string { return in.UserName },
				func(in *shape.AttachUserPolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.AttachUserPolicyRequest) (*shape.AttachUserPolicyOutput, error) {
				return &shape.AttachUserPolicyOutput{}, s.attach(c, tx, "user", *in.UserName, *in.PolicyArn)
			},
		},
		api.Op[shape.DetachUserPolicyRequest, shape.DetachUserPolicyOutput]{
			Name: "DetachUserPolicy", Honours: []string{"UserName", "PolicyArn"},
			Questions: on(s, "user", "iam:DetachUserPolicy", func(in *shape.DetachUserPolicyRequest) *string { return in.UserName },
				func(in *shape.DetachUserPolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DetachUserPolicyRequest) (*shape.DetachUserPolicyOutput, error) {
				return &shape.DetachUserPolicyOutput{}, s.detach(c, tx, "user", *in.UserName, *in.PolicyArn)
			},
		},
		api.Op[shape.ListAttachedUserPoliciesRequest, shape.ListAttachedUserPoliciesResponse]{
			Name: "ListAttachedUserPolicies", Honours: []string{"UserName", "PathPrefix", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListAttachedUserPolicies", func(in *shape.ListAttachedUserPoliciesRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListAttachedUserPoliciesRequest) (*shape.ListAttachedUserPoliciesResponse, error) {
				l, next, more, err := s.attached(c, v, "user", *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
				return &shape.ListAttachedUserPoliciesResponse{AttachedPolicies: l, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.AttachRolePolicyRequest, shape.AttachRolePolicyOutput]{
			Name: "AttachRolePolicy", Honours: []string{"RoleName", "PolicyArn"},
			Questions: on(s, "role", "iam:AttachRolePolicy", func(in *shape.AttachRolePolicyRequest) *string { return in.RoleName },
				func(in *shape.AttachRolePolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.AttachRolePolicyRequest) (*shape.AttachRolePolicyOutput, error) {
				return &shape.AttachRolePolicyOutput{}, s.attach(c, tx, "role", *in.RoleName, *in.PolicyArn)
			},
		},
		api.Op[shape.DetachRolePolicyRequest, shape.DetachRolePolicyOutput]{
			Name: "DetachRolePolicy", Honours: []string{"RoleName", "PolicyArn"},
			Questions: on(s, "role", "iam:DetachRolePolicy", func(in *shape.DetachRolePolicyRequest) *string { return in.RoleName },
				func(in *shape.DetachRolePolicyRequest, k keyset) { policyKey(k, in.PolicyArn) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DetachRolePolicyRequest) (*shape.DetachRolePolicyOutput, error) {
				return &shape.DetachRolePolicyOutput{}, s.detach(c, tx, "role", *in.RoleName, *in.PolicyArn)
			},
		},
		api.Op[shape.ListAttachedRolePoliciesRequest, shape.ListAttachedRolePoliciesResponse]{
			Name: "ListAttachedRolePolicies", Honours: []string{"RoleName", "PathPrefix", "Marker", "MaxItems"},
			Questions: on(s, "role", "iam:ListAttachedRolePolicies", func(in *shape.ListAttachedRolePoliciesRequest) *string { return in.RoleName }),
			View: func(c *api.Call, v store.View, in *shape.ListAttachedRolePoliciesRequest) (*shape.ListAttachedRolePoliciesResponse, error) {
				l, next, more, err := s.attached(c, v, "role", *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
				return &shape.ListAttachedRolePoliciesResponse{AttachedPolicies: l, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.ListEntitiesForPolicyRequest, shape.ListEntitiesForPolicyResponse]{
			Name: "ListEntitiesForPolicy", Honours: []string{"PolicyArn", "EntityFilter", "PathPrefix", "PolicyUsageFilter", "Marker", "MaxItems"},
			Questions: onPolicy(s, "iam:ListEntitiesForPolicy", func(in *shape.ListEntitiesForPolicyRequest) *string { return in.PolicyArn }),
			View:      s.entities,
		},
	}
}

func policyKey(k keyset, policyARN *string) {
	if policyARN != nil {
		k.set("iam:PolicyARN", *policyARN)
	}
}

// attachable fails unless the account has that policy.
func (s *Service) attachable(v store.View, account, policyARN string) error {
	_, err := s.policy(v, account, policyARN)
	if gone(err) {
		return notAttachable(policyARN)
	}
	return err
}

func (s *Service) attach(c *api.Call, tx store.Tx, kind, name, policyARN string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	if err := s.attachable(tx, c.Account, policyARN); err != nil {
		return err
	}
	c.Touch(p.arn, policyARN)
	if slices.Contains(p.Attached, policyARN) {
		return nil
	}
	if len(p.Attached) >= attachQuota {
		what := map[string]string{"user": "PoliciesPerUser", "group": "PoliciesPerGroup", "role": "PoliciesPerRole"}[kind]
		return full("Cannot exceed quota for %s: %d", what, attachQuota)
	}
	p.Attached = append(p.Attached, policyARN)
	return s.save(tx, p)
}

func (s *Service) detach(c *api.Call, tx store.Tx, kind, name, policyARN string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	i := slices.Index(p.Attached, policyARN)
	if i < 0 {
		return noPolicy(policyARN)
	}
	p.Attached = slices.Delete(p.Attached, i, i+1)
	c.Touch(p.arn, policyARN)
	return s.save(tx, p)
}

func (s *Service) attached(c *api.Call, v store.View, kind, name string, prefix, marker *string, most *int64) ([]shape.AttachedPolicy, *string, *bool, error) {
	p, err := s.named(v, c.Account, kind, name)
	if err != nil {
		return nil, nil, nil, err
	}
	var all []shape.AttachedPolicy
	for _, a := range p.Attached {
		it, err := s.policy(v, p.account, a)
		if err != nil {
			return nil, nil, nil, err
		}
		if within(it.Value.Path, prefix) {
			all = append(all, shape.AttachedPolicy{PolicyName: &it.Value.Name, PolicyArn: &a})
		}
	}
	return page(all, func(a *shape.AttachedPolicy) string { return sortable(*a.PolicyName) }, marker, most)
}

func (s *Service) entities(c *api.Call, v store.View, in *shape.ListEntitiesForPolicyRequest) (*shape.ListEntitiesForPolicyResponse, error) {
	if _, err := s.policy(v, c.Account, *in.PolicyArn); err != nil {
		return nil, err
	}
	var all []*party
	for _, u := range []struct{ usage, term string }{{"PermissionsPolicy", "policy"}, {"PermissionsBoundary", "boundary"}} {
		if in.PolicyUsageFilter != nil && *in.PolicyUsageFilter != u.usage {
			continue
		}
		l, err := s.holders(v, c.Account, u.term, *in.PolicyArn)
		if err != nil {
			return nil, err
		}
		all = append(all, l...)
	}
	filter := map[string]string{"": "", "User": "user", "Group": "group", "Role": "role"}
	want, known := filter[deref(in.EntityFilter)]
	seen := map[string]bool{} // one that is attached and bounded is listed once
	all = slices.DeleteFunc(all, func(p *party) bool {
		drop := !known || want != "" && p.kind != want || !within(p.Path, in.PathPrefix) || seen[p.id]
		seen[p.id] = true
		return drop
	})
	part, next, more, err := page(all, func(p **party) string { return (*p).kind + "/" + sortable((*p).Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shape.ListEntitiesForPolicyResponse{Marker: next, IsTruncated: more,
		PolicyGroups: []shape.PolicyGroup{}, PolicyUsers: []shape.PolicyUser{}, PolicyRoles: []shape.PolicyRole{}}
	for _, p := range part {
		switch p.kind {
		case "user":
			out.PolicyUsers = append(out.PolicyUsers, shape.PolicyUser{UserName: &p.Name, UserId: &p.id})
		case "group":
			out.PolicyGroups = append(out.PolicyGroups, shape.PolicyGroup{GroupName: &p.Name, GroupId: &p.id})
		default:
			out.PolicyRoles = append(out.PolicyRoles, shape.PolicyRole{RoleName: &p.Name, RoleId: &p.id})
		}
	}
	return out, nil
}
