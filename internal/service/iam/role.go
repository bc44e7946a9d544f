package iam

import (
	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// AWS's default session length, in seconds; a role may raise it to 12 hours.
const defaultSession = 3600

func (s *Service) roleRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateRoleRequest, shape.CreateRoleResponse]{
			Name: "CreateRole",
			Honours: []string{"RoleName", "Path", "AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "PermissionsBoundary",
				"Tags.*"},
			Questions: func(c *api.Call, _ store.View, in *shape.CreateRoleRequest) ([]api.Question, error) {
				return s.creation(c, "role", "iam:CreateRole", "iam:TagRole", in.Path, in.RoleName, in.PermissionsBoundary, in.Tags), nil
			},
			Act: s.createRole,
		},
		api.Op[shape.GetRoleRequest, shape.GetRoleResponse]{
			Name: "GetRole", Honours: []string{"RoleName"},
			Questions: on(s, "role", "iam:GetRole", func(in *shape.GetRoleRequest) *string { return in.RoleName }),
			View:      s.getRole,
		},
		api.Op[shape.ListRolesRequest, shape.ListRolesResponse]{
			Name: "ListRoles", Honours: []string{"PathPrefix", "Marker", "MaxItems"},
			Questions: anywhere[shape.ListRolesRequest]("iam:ListRoles"), View: s.listRoles,
		},
		api.Op[shape.UpdateRoleRequest, shape.UpdateRoleResponse]{
			Name: "UpdateRole", Honours: []string{"RoleName", "Description", "MaxSessionDuration"},
			Questions: on(s, "role", "iam:UpdateRole", func(in *shape.UpdateRoleRequest) *string { return in.RoleName }),
			Act:       s.updateRole,
		},
		api.Op[shape.UpdateRoleDescriptionRequest, shape.UpdateRoleDescriptionResponse]{
			Name: "UpdateRoleDescription", Honours: []string{"RoleName", "Description"},
			Questions: on(s, "role", "iam:UpdateRoleDescription", func(in *shape.UpdateRoleDescriptionRequest) *string { return in.RoleName }),
			Act:       s.updateDescription,
		},
		api.Op[shape.UpdateAssumeRolePolicyRequest, shape.UpdateAssumeRolePolicyOutput]{
			Name: "UpdateAssumeRolePolicy", Honours: []string{"RoleName", "PolicyDocument"},
			Questions: on(s, "role", "iam:UpdateAssumeRolePolicy", func(in *shape.UpdateAssumeRolePolicyRequest) *string { return in.RoleName }),
			Act:       s.updateTrust,
		},
		api.Op[shape.DeleteRoleRequest, shape.DeleteRoleOutput]{
			Name: "DeleteRole", Honours: []string{"RoleName"},
			Questions: on(s, "role", "iam:DeleteRole", func(in *shape.DeleteRoleRequest) *string { return in.RoleName }),
			Act:       s.deleteRole,
		},
	}
}

func (s *Service) createRole(c *api.Call, tx store.Tx, in *shape.CreateRoleRequest) (*shape.CreateRoleResponse, error) {
	h, tags, err := s.newHolder(c, tx, in.RoleName, in.Path, in.PermissionsBoundary, in.Tags)
	if err != nil {
		return nil, err
	}
	r := role{holder: h, Description: deref(in.Description), MaxSession: defaultSession}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if r.Trust, err = s.bindTrust(tx, *in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	if err := s.room(tx, c.Account, roles.Kind); err != nil {
		return nil, err
	}
	id := c.Dice.Unique("AROA")
	if err := roles.Create(tx, s.global(c.Account), id, &r); err != nil {
		return nil, conflict(err, taken("Role with name %s already exists.", h.Name))
	}
	p, err := s.born(c, tx, "role", id, tags)
	if err != nil {
		return nil, err
	}
	out, err := s.showRole(tx, p, true)
	return &shape.CreateRoleResponse{Role: out}, err
}

func (s *Service) getRole(c *api.Call, v store.View, in *shape.GetRoleRequest) (*shape.GetRoleResponse, error) {
	p, err := s.named(v, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	out, err := s.showRole(v, p, true)
	return &shape.GetRoleResponse{Role: out}, err
}

func (s *Service) listRoles(c *api.Call, v store.View, in *shape.ListRolesRequest) (*shape.ListRolesResponse, error) {
	items, err := roles.List(v, store.Query{Scope: s.global(c.Account)})
	if err != nil {
		return nil, err
	}
	var all []*party
	for i := range items {
		if within(items[i].Value.Path, in.PathPrefix) {
			all = append(all, s.roleParty(&items[i]))
		}
	}
	out := &shape.ListRolesResponse{Roles: []shape.Role{}}
	part, next, more, err := page(all, func(p **party) string { return sortable((*p).Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	for _, p := range part {
		r, err := s.showRole(v, p, false)
		if err != nil {
			return nil, err
		}
		out.Roles = append(out.Roles, *r)
	}
	out.Marker, out.IsTruncated = next, more
	return out, nil
}

func (s *Service) updateRole(c *api.Call, tx store.Tx, in *shape.UpdateRoleRequest) (*shape.UpdateRoleResponse, error) {
	p, err := s.named(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	r := &p.role.Value
	if in.Description != nil {
		r.Description = *in.Description
	}
	if in.MaxSessionDuration != nil {
		if linked(p) {
			return nil, unmodifiable(p)
		}
		r.MaxSession = *in.MaxSessionDuration
	}
	c.Touch(p.arn)
	return &shape.UpdateRoleResponse{}, s.save(tx, p)
}

func (s *Service) updateDescription(c *api.Call, tx store.Tx, in *shape.UpdateRoleDescriptionRequest) (*shape.UpdateRoleDescriptionResponse, error) {
	p, err := s.named(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	p.role.Value.Description = *in.Description
	c.Touch(p.arn)
	if err := s.save(tx, p); err != nil {
		return nil, err
	}
	out, err := s.showRole(tx, p, true)
	return &shape.UpdateRoleDescriptionResponse{Role: out}, err
}

func (s *Service) updateTrust(c *api.Call, tx store.Tx, in *shape.UpdateAssumeRolePolicyRequest) (*shape.UpdateAssumeRolePolicyOutput, error) {
	p, err := s.mutable(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.role.Value.Trust, err = s.bindTrust(tx, *in.PolicyDocument); err != nil {
		return nil, err
	}
	c.Touch(p.arn)
	return &shape.UpdateAssumeRolePolicyOutput{}, s.save(tx, p)
}

func (s *Service) deleteRole(c *api.Call, tx store.Tx, in *shape.DeleteRoleRequest) (*shape.DeleteRoleOutput, error) {
	p, err := s.mutable(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	wearing, err := s.profilesOf(tx, p)
	if err != nil {
		return nil, err
	}
	if len(wearing) > 0 {
		return nil, inUse("remove roles from instance profile")
	}
	c.Touch(p.arn)
	return &shape.DeleteRoleOutput{}, s.remove(tx, p)
}

// showRole is a role as answers have it: its trust policy with ARNs in place of the unique ids that it is bound to. Lists
// leave tags, boundary and last use out, as AWS does.
func (s *Service) showRole(v store.View, p *party, whole bool) (*shape.Role, error) {
	r := &p.role.Value
	trust, err := s.renderTrust(v, r.Trust)
	if err != nil {
		return nil, err
	}
	out := &shape.Role{Path: &p.Path, RoleName: &p.Name, RoleId: &p.id, Arn: &p.arn, CreateDate: &p.Created,
		AssumeRolePolicyDocument: escape(trust), MaxSessionDuration: &r.MaxSession}
	if r.Description != "" {
		out.Description = &r.Description
	}
	if !whole {
		return out, nil
	}
	out.PermissionsBoundary = boundary(p)
	if out.RoleLastUsed, err = s.roleUse(v, p.id); err != nil {
		return nil, err
	}
	out.Tags, err = s.showTags(v, p.arn)
	return out, err
}
