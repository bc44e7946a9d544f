package iam

import (
	"slices"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// groupQuota is how many groups a user may be in.
const groupQuota = 10

func (s *Service) groupRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateGroupRequest, shape.CreateGroupResponse]{
			Name: "CreateGroup", Honours: []string{"GroupName", "Path"},
			Questions: func(c *api.Call, _ store.View, in *shape.CreateGroupRequest) ([]api.Question, error) {
				return s.creation(c, "group", "iam:CreateGroup", "", in.Path, in.GroupName, nil, nil), nil
			},
			Act: s.createGroup,
		},
		api.Op[shape.GetGroupRequest, shape.GetGroupResponse]{
			Name: "GetGroup", Honours: []string{"GroupName", "Marker", "MaxItems"},
			Questions: on(s, "group", "iam:GetGroup", func(in *shape.GetGroupRequest) *string { return in.GroupName }), View: s.getGroup,
		},
		api.Op[shape.ListGroupsRequest, shape.ListGroupsResponse]{
			Name: "ListGroups", Honours: []string{"PathPrefix", "Marker", "MaxItems"},
			Questions: anywhere[shape.ListGroupsRequest]("iam:ListGroups"), View: s.listGroups,
		},
		api.Op[shape.ListGroupsForUserRequest, shape.ListGroupsForUserResponse]{
			Name: "ListGroupsForUser", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListGroupsForUser", func(in *shape.ListGroupsForUserRequest) *string { return in.UserName }),
			View:      s.groupsOf,
		},
		api.Op[shape.AddUserToGroupRequest, shape.AddUserToGroupOutput]{
			Name: "AddUserToGroup", Honours: []string{"GroupName", "UserName"},
			Questions: on(s, "group", "iam:AddUserToGroup", func(in *shape.AddUserToGroupRequest) *string { return in.GroupName }),
			Act:       s.join,
		},
		api.Op[shape.RemoveUserFromGroupRequest, shape.RemoveUserFromGroupOutput]{
			Name: "RemoveUserFromGroup", Honours: []string{"GroupName", "UserName"},
			Questions: on(s, "group", "iam:RemoveUserFromGroup", func(in *shape.RemoveUserFromGroupRequest) *string { return in.GroupName }),
			Act:       s.leave,
		},
		api.Op[shape.UpdateGroupRequest, shape.UpdateGroupOutput]{
			Name: "UpdateGroup", Honours: []string{"GroupName", "NewPath", "NewGroupName"},
			Questions: func(c *api.Call, v store.View, in *shape.UpdateGroupRequest) ([]api.Question, error) {
				return s.renaming(c, v, "group", "iam:UpdateGroup", in.GroupName, in.NewPath, in.NewGroupName)
			},
			Act: s.updateGroup,
		},
		api.Op[shape.DeleteGroupRequest, shape.DeleteGroupOutput]{
			Name: "DeleteGroup", Honours: []string{"GroupName"},
			Questions: on(s, "group", "iam:DeleteGroup", func(in *shape.DeleteGroupRequest) *string { return in.GroupName }), Act: s.deleteGroup,
		},
	}
}

func (s *Service) createGroup(c *api.Call, tx store.Tx, in *shape.CreateGroupRequest) (*shape.CreateGroupResponse, error) {
	h, _, err := s.newHolder(c, tx, in.GroupName, in.Path, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := s.room(tx, c.Account, groups.Kind); err != nil {
		return nil, err
	}
	id := c.Dice.Unique("AGPA")
	if err := groups.Create(tx, s.global(c.Account), id, &group{holder: h}); err != nil {
		return nil, conflict(err, taken("Group with name %s already exists.", h.Name))
	}
	p, err := s.byID(tx, c.Account, "group", id)
	if err != nil {
		return nil, err
	}
	c.Touch(p.arn)
	return &shape.CreateGroupResponse{Group: showGroup(p)}, nil
}

func (s *Service) members(v store.View, g *party) ([]store.Item[user], error) {
	return users.List(v, store.Query{Scope: s.global(g.account), Term: store.Term{Name: "group", Value: g.id}})
}

func (s *Service) getGroup(c *api.Call, v store.View, in *shape.GetGroupRequest) (*shape.GetGroupResponse, error) {
	g, err := s.named(v, c.Account, "group", *in.GroupName)
	if err != nil {
		return nil, err
	}
	items, err := s.members(v, g)
	if err != nil {
		return nil, err
	}
	var all []shape.User
	for i := range items {
		u, err := s.showUser(v, s.userParty(&items[i]), false)
		if err != nil {
			return nil, err
		}
		all = append(all, *u)
	}
	out := &shape.GetGroupResponse{Group: showGroup(g)}
	out.Users, out.Marker, out.IsTruncated, err = page(all, func(u *shape.User) string { return sortable(*u.UserName) }, in.Marker, in.MaxItems)
	return out, err
}

func (s *Service) listGroups(c *api.Call, v store.View, in *shape.ListGroupsRequest) (*shape.ListGroupsResponse, error) {
	items, err := groups.List(v, store.Query{Scope: s.global(c.Account)})
	if err != nil {
		return nil, err
	}
	var all []shape.Group
	for i := range items {
		if within(items[i].Value.Path, in.PathPrefix) {
			all = append(all, *showGroup(s.groupParty(&items[i])))
		}
	}
	out := &shape.ListGroupsResponse{}
	out.Groups, out.Marker, out.IsTruncated, err = page(all, groupName, in.Marker, in.MaxItems)
	return out, err
}

func groupName(g *shape.Group) string { return sortable(*g.GroupName) }

func (s *Service) groupsOf(c *api.Call, v store.View, in *shape.ListGroupsForUserRequest) (*shape.ListGroupsForUserResponse, error) {
	u, err := s.named(v, c.Account, "user", *in.UserName)
	if err != nil {
		return nil, err
	}
	var all []shape.Group
	for _, id := range u.user.Value.Groups {
		g, err := s.byID(v, c.Account, "group", id)
		if err != nil {
			return nil, err
		}
		all = append(all, *showGroup(g))
	}
	out := &shape.ListGroupsForUserResponse{}
	out.Groups, out.Marker, out.IsTruncated, err = page(all, groupName, in.Marker, in.MaxItems)
	return out, err
}

// both finds a group and a user, and notes them.
func (s *Service) both(c *api.Call, v store.View, groupName, userName string) (g, u *party, err error) {
	if g, err = s.named(v, c.Account, "group", groupName); err != nil {
		return nil, nil, err
	}
	if u, err = s.named(v, c.Account, "user", userName); err != nil {
		return nil, nil, err
	}
	c.Touch(g.arn, u.arn)
	return g, u, nil
}

func (s *Service) join(c *api.Call, tx store.Tx, in *shape.AddUserToGroupRequest) (*shape.AddUserToGroupOutput, error) {
	g, u, err := s.both(c, tx, *in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	of := &u.user.Value.Groups
	if slices.Contains(*of, g.id) {
		return &shape.AddUserToGroupOutput{}, nil
	}
	if len(*of) >= groupQuota {
		return nil, full("Cannot exceed quota for GroupsPerUser: %d", groupQuota)
	}
	*of = append(*of, g.id)
	return &shape.AddUserToGroupOutput{}, s.save(tx, u)
}

func (s *Service) leave(c *api.Call, tx store.Tx, in *shape.RemoveUserFromGroupRequest) (*shape.RemoveUserFromGroupOutput, error) {
	g, u, err := s.both(c, tx, *in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	i := slices.Index(u.user.Value.Groups, g.id)
	if i < 0 { // inferred: a user who is not in it is out of it
		return &shape.RemoveUserFromGroupOutput{}, nil
	}
	u.user.Value.Groups = slices.Delete(u.user.Value.Groups, i, i+1)
	return &shape.RemoveUserFromGroupOutput{}, s.save(tx, u)
}

func (s *Service) updateGroup(c *api.Call, tx store.Tx, in *shape.UpdateGroupRequest) (*shape.UpdateGroupOutput, error) {
	g, err := s.named(tx, c.Account, "group", *in.GroupName)
	if err != nil {
		return nil, err
	}
	rename(g.holder, in.NewPath, in.NewGroupName)
	if err := s.save(tx, g); err != nil {
		return nil, conflict(err, taken("Group with name %s already exists.", g.Name))
	}
	c.Touch(g.arn, s.groupParty(g.group).arn)
	return &shape.UpdateGroupOutput{}, nil
}

func (s *Service) deleteGroup(c *api.Call, tx store.Tx, in *shape.DeleteGroupRequest) (*shape.DeleteGroupOutput, error) {
	g, err := s.named(tx, c.Account, "group", *in.GroupName)
	if err != nil {
		return nil, err
	}
	items, err := s.members(tx, g)
	if err != nil {
		return nil, err
	}
	if len(items) > 0 {
		return nil, inUse("remove users from group")
	}
	c.Touch(g.arn)
	return &shape.DeleteGroupOutput{}, s.remove(tx, g)
}

func showGroup(p *party) *shape.Group {
	return &shape.Group{Path: &p.Path, GroupName: &p.Name, GroupId: &p.id, Arn: &p.arn, CreateDate: &p.Created}
}
