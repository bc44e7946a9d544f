package iam

import (
	"slices"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) detailRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.GetAccountAuthorizationDetailsRequest, shape.GetAccountAuthorizationDetailsResponse]{
			Name: "GetAccountAuthorizationDetails", Honours: []string{"Filter", "MaxItems", "Marker"},
			Questions: anywhere[shape.GetAccountAuthorizationDetailsRequest]("iam:GetAccountAuthorizationDetails"), View: s.details,
		},
	}
}

// entry is one line of the details: a party or a managed policy.
type entry struct {
	sort   string
	party  *party
	policy *store.Item[managed]
}

// details answers users, groups, roles and policies, in that order; a page counts them together. There are no policies of AWS's own.
func (s *Service) details(c *api.Call, v store.View, in *shape.GetAccountAuthorizationDetailsRequest) (*shape.GetAccountAuthorizationDetailsResponse, error) {
	all, err := s.entries(v, c.Account, in.Filter)
	if err != nil {
		return nil, err
	}
	part, next, more, err := page(all, func(e *entry) string { return e.sort }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &shape.GetAccountAuthorizationDetailsResponse{Marker: next, IsTruncated: more, UserDetailList: []shape.UserDetail{},
		GroupDetailList: []shape.GroupDetail{}, RoleDetailList: []shape.RoleDetail{}, Policies: []shape.ManagedPolicyDetail{}}
	used, err := s.allUses(v, c.Account)
	if err != nil {
		return nil, err
	}
	for _, e := range part {
		if err := s.detail(v, &e, used, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) entries(v store.View, account string, filter []string) ([]entry, error) {
	wanted := func(kind string) bool { return len(filter) == 0 || slices.Contains(filter, kind) }
	q := store.Query{Scope: s.global(account)}
	var out []entry
	if wanted("User") {
		l, err := users.List(v, q)
		if err != nil {
			return nil, err
		}
		for i := range l {
			out = append(out, entry{sort: "1" + sortable(l[i].Value.Name), party: s.userParty(&l[i])})
		}
	}
	if wanted("Group") {
		l, err := groups.List(v, q)
		if err != nil {
			return nil, err
		}
		for i := range l {
			out = append(out, entry{sort: "2" + sortable(l[i].Value.Name), party: s.groupParty(&l[i])})
		}
	}
	if wanted("Role") {
		l, err := roles.List(v, q)
		if err != nil {
			return nil, err
		}
		for i := range l {
			out = append(out, entry{sort: "3" + sortable(l[i].Value.Name), party: s.roleParty(&l[i])})
		}
	}
	if wanted("LocalManagedPolicy") {
		l, err := policies.List(v, q)
		if err != nil {
			return nil, err
		}
		for i := range l {
			out = append(out, entry{sort: "4" + sortable(l[i].Value.Name), policy: &l[i]})
		}
	}
	return out, nil
}

func (s *Service) detail(v store.View, e *entry, used map[string]uses, out *shape.GetAccountAuthorizationDetailsResponse) error {
	if e.policy != nil {
		out.Policies = append(out.Policies, s.policyDetail(e.policy, used))
		return nil
	}
	p := e.party
	inline, attached, err := s.hanging(v, p)
	if err != nil {
		return err
	}
	switch p.kind {
	case "user":
		d := shape.UserDetail{Path: &p.Path, UserName: &p.Name, UserId: &p.id, Arn: &p.arn, CreateDate: &p.Created, UserPolicyList: inline,
			AttachedManagedPolicies: attached, PermissionsBoundary: boundary(p), GroupList: []string{}}
		for _, id := range p.user.Value.Groups {
			g, err := s.byID(v, p.account, "group", id)
			if err != nil {
				return err
			}
			d.GroupList = append(d.GroupList, g.Name)
		}
		d.Tags, err = s.showTags(v, p.arn)
		out.UserDetailList = append(out.UserDetailList, d)
	case "group":
		out.GroupDetailList = append(out.GroupDetailList, shape.GroupDetail{Path: &p.Path, GroupName: &p.Name, GroupId: &p.id, Arn: &p.arn,
			CreateDate: &p.Created, GroupPolicyList: inline, AttachedManagedPolicies: attached})
	default:
		r, err := s.showRole(v, p, true)
		if err != nil {
			return err
		}
		worn, err := s.profilesOf(v, p)
		if err != nil {
			return err
		}
		d := shape.RoleDetail{Path: r.Path, RoleName: r.RoleName, RoleId: r.RoleId, Arn: r.Arn, CreateDate: r.CreateDate,
			AssumeRolePolicyDocument: r.AssumeRolePolicyDocument, RolePolicyList: inline, AttachedManagedPolicies: attached,
			PermissionsBoundary: r.PermissionsBoundary, Tags: r.Tags, RoleLastUsed: r.RoleLastUsed, InstanceProfileList: []shape.InstanceProfile{}}
		for i := range worn {
			one, err := s.showProfile(v, &worn[i], false)
			if err != nil {
				return err
			}
			d.InstanceProfileList = append(d.InstanceProfileList, *one)
		}
		out.RoleDetailList = append(out.RoleDetailList, d)
	}
	return err
}

// hanging is what hangs on a user, group or role.
func (s *Service) hanging(v store.View, p *party) ([]shape.PolicyDetail, []shape.AttachedPolicy, error) {
	inline, attached := []shape.PolicyDetail{}, []shape.AttachedPolicy{}
	for _, n := range sorted(p.Inline) {
		inline = append(inline, shape.PolicyDetail{PolicyName: &n, PolicyDocument: escape(p.Inline[n])})
	}
	for _, a := range p.Attached {
		it, err := s.policy(v, p.account, a)
		if err != nil {
			return nil, nil, err
		}
		attached = append(attached, shape.AttachedPolicy{PolicyName: &it.Value.Name, PolicyArn: &a})
	}
	return inline, attached, nil
}

func (s *Service) policyDetail(it *store.Item[managed], used map[string]uses) shape.ManagedPolicyDetail {
	p := s.showPolicy(it, used[s.policyARN(it)])
	d := shape.ManagedPolicyDetail{PolicyName: p.PolicyName, PolicyId: p.PolicyId, Arn: p.Arn, Path: p.Path, DefaultVersionId: p.DefaultVersionId,
		AttachmentCount: p.AttachmentCount, PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount, IsAttachable: p.IsAttachable,
		CreateDate: p.CreateDate, UpdateDate: p.UpdateDate}
	if it.Value.Description != "" {
		d.Description = &it.Value.Description
	}
	for i := len(it.Value.Versions) - 1; i >= 0; i-- { // the newest first
		version := it.Value.show(i)
		version.Document = escape(it.Value.Versions[i].Text)
		d.PolicyVersionList = append(d.PolicyVersionList, version)
	}
	return d
}
