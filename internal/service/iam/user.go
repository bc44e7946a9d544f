package iam

import (
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) userRows() []api.Rower {
	name := func(in *shape.GetUserRequest) *string { return in.UserName }
	return []api.Rower{
		api.Op[shape.CreateUserRequest, shape.CreateUserResponse]{
			Name: "CreateUser", Honours: []string{"UserName", "Path", "PermissionsBoundary", "Tags.*"},
			Questions: func(c *api.Call, _ store.View, in *shape.CreateUserRequest) ([]api.Question, error) {
				return s.creation(c, "user", "iam:CreateUser", "iam:TagUser", in.Path, in.UserName, in.PermissionsBoundary, in.Tags), nil
			},
			Act: s.createUser,
		},
		api.Op[shape.GetUserRequest, shape.GetUserResponse]{
			Name: "GetUser", Honours: []string{"UserName"},
			Questions: on(s, "user", "iam:GetUser", name), View: s.getUser,
		},
		api.Op[shape.ListUsersRequest, shape.ListUsersResponse]{
			Name: "ListUsers", Honours: []string{"PathPrefix", "Marker", "MaxItems"},
			Questions: anywhere[shape.ListUsersRequest]("iam:ListUsers"), View: s.listUsers,
		},
		api.Op[shape.UpdateUserRequest, shape.UpdateUserOutput]{
			Name: "UpdateUser", Honours: []string{"UserName", "NewPath", "NewUserName"},
			Questions: func(c *api.Call, v store.View, in *shape.UpdateUserRequest) ([]api.Question, error) {
				return s.renaming(c, v, "user", "iam:UpdateUser", in.UserName, in.NewPath, in.NewUserName)
			},
			Act: s.updateUser,
		},
		api.Op[shape.DeleteUserRequest, shape.DeleteUserOutput]{
			Name: "DeleteUser", Honours: []string{"UserName"},
			Questions: on(s, "user", "iam:DeleteUser", func(in *shape.DeleteUserRequest) *string { return in.UserName }),
			Act:       s.deleteUser,
		},
	}
}

// creation makes the questions of CreateUser and CreateRole: the thing itself, and its tags if it is born with some.
func (s *Service) creation(c *api.Call, kind, action, tagging string, path, name, boundary *string, tags []shape.Tag) []api.Question {
	at := "/"
	if path != nil {
		at = *path
	}
	keys := keyset{}
	requestTags(keys, tags)
	if boundary != nil {
		keys.set("iam:PermissionsBoundary", *boundary)
	}
	q := api.Question{Action: action, Resource: s.arn(c.Account, kind+at+deref(name)), Keys: keys}
	if len(tags) == 0 {
		return []api.Question{q}
	}
	tag := q
	tag.Action = tagging
	return []api.Question{q, tag}
}

func (s *Service) createUser(c *api.Call, tx store.Tx, in *shape.CreateUserRequest) (*shape.CreateUserResponse, error) {
	h, tags, err := s.newHolder(c, tx, in.UserName, in.Path, in.PermissionsBoundary, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.room(tx, c.Account, users.Kind); err != nil {
		return nil, err
	}
	id := c.Dice.Unique("AIDA")
	u := user{holder: h}
	if err := users.Create(tx, s.global(c.Account), id, &u); err != nil {
		return nil, conflict(err, taken("User with name %s already exists.", h.Name))
	}
	p, err := s.born(c, tx, "user", id, tags)
	if err != nil {
		return nil, err
	}
	out, err := s.showUser(tx, p, true)
	return &shape.CreateUserResponse{User: out}, err
}

// newHolder checks what users and roles are born with.
func (s *Service) newHolder(c *api.Call, v store.View, name, path, boundary *string, tags []shape.Tag) (holder, map[string]string, error) {
	h := holder{Name: *name, Path: "/", Created: second(v)}
	if path != nil {
		h.Path = *path
	}
	// Service control policies spare service-linked roles, so nobody may make a thing that looks like one. Inferred text.
	if strings.HasPrefix(strings.ToLower(h.Path), "/aws-service-role/") {
		return h, nil, badInput("The path %s is reserved for service-linked roles.", h.Path)
	}
	t, err := tagMap(nil, tags)
	if err != nil {
		return h, nil, err
	}
	if boundary != nil {
		if err := s.boundable(c, v, *boundary); err != nil {
			return h, nil, err
		}
		h.Boundary = *boundary
	}
	return h, t, nil
}

// born enters a new user or role among the unique ids and gives it its tags.
func (s *Service) born(c *api.Call, tx store.Tx, kind, id string, tags map[string]string) (*party, error) {
	if err := owners.Create(tx, s.everywhere(), id, &owner{Account: c.Account, Kind: kind}); err != nil {
		return nil, err
	}
	p, err := s.byID(tx, c.Account, kind, id)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := tx.SetTags(p.arn, s.global(c.Account), tags); err != nil {
			return nil, err
		}
	}
	c.Touch(p.arn)
	return p, nil
}

func (s *Service) getUser(c *api.Call, v store.View, in *shape.GetUserRequest) (*shape.GetUserResponse, error) {
	name, err := caller(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" && c.Caller.Kind == identity.Root {
		return &shape.GetUserResponse{User: &shape.User{UserId: &c.Caller.Account, Arn: &c.Caller.ARN}}, nil
	}
	p, err := s.named(v, c.Account, "user", name)
	if err != nil {
		return nil, err
	}
	out, err := s.showUser(v, p, true)
	return &shape.GetUserResponse{User: out}, err
}

func (s *Service) listUsers(c *api.Call, v store.View, in *shape.ListUsersRequest) (*shape.ListUsersResponse, error) {
	items, err := users.List(v, store.Query{Scope: s.global(c.Account)})
	if err != nil {
		return nil, err
	}
	var all []shape.User
	for i := range items {
		if within(items[i].Value.Path, in.PathPrefix) {
			u, err := s.showUser(v, s.userParty(&items[i]), false)
			if err != nil {
				return nil, err
			}
			all = append(all, *u)
		}
	}
	out := &shape.ListUsersResponse{}
	out.Users, out.Marker, out.IsTruncated, err = page(all, func(u *shape.User) string { return sortable(*u.UserName) }, in.Marker, in.MaxItems)
	return out, err
}

// renaming asks for a user or group under both its names.
func (s *Service) renaming(c *api.Call, v store.View, kind, action string, name, newPath, newName *string) ([]api.Question, error) {
	q, p, err := s.about(c, v, action, kind, deref(name))
	if err != nil || p == nil {
		return []api.Question{q}, err
	}
	to := *p.holder
	rename(&to, newPath, newName)
	if after := s.arn(c.Account, kind+to.Path+to.Name); after != q.Resource {
		return []api.Question{q, {Action: q.Action, Resource: after, Keys: q.Keys}}, nil
	}
	return []api.Question{q}, nil
}

func rename(h *holder, path, name *string) {
	if path != nil {
		h.Path = *path
	}
	if name != nil {
		h.Name = *name
	}
}

func (s *Service) updateUser(c *api.Call, tx store.Tx, in *shape.UpdateUserRequest) (*shape.UpdateUserOutput, error) {
	p, err := s.named(tx, c.Account, "user", *in.UserName)
	if err != nil {
		return nil, err
	}
	rename(p.holder, in.NewPath, in.NewUserName)
	if err := s.save(tx, p); err != nil {
		return nil, conflict(err, taken("User with name %s already exists.", p.Name))
	}
	// The tags hang on the ARN, which is another one now.
	after := s.userParty(p.user).arn
	if after != p.arn {
		tags, err := tx.Tags(p.arn)
		if err != nil {
			return nil, err
		}
		if len(tags) > 0 {
			if err := tx.RemoveTags(p.arn, nil); err != nil {
				return nil, err
			}
			if err := tx.SetTags(after, s.global(c.Account), tags); err != nil {
				return nil, err
			}
		}
	}
	c.Touch(p.arn, after)
	return &shape.UpdateUserOutput{}, nil
}

func (s *Service) deleteUser(c *api.Call, tx store.Tx, in *shape.DeleteUserRequest) (*shape.DeleteUserOutput, error) {
	p, err := s.named(tx, c.Account, "user", *in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := s.keysOf(tx, c.Account, p.id)
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		return nil, inUse("delete access keys")
	}
	if len(p.user.Value.Groups) > 0 {
		return nil, inUse("remove users from group")
	}
	c.Touch(p.arn)
	return &shape.DeleteUserOutput{}, s.remove(tx, p)
}

// showUser is a user as answers have it. Lists leave tags and boundary out, as AWS does.
func (s *Service) showUser(v store.View, p *party, whole bool) (*shape.User, error) {
	out := &shape.User{Path: &p.Path, UserName: &p.Name, UserId: &p.id, Arn: &p.arn, CreateDate: &p.Created}
	if !whole {
		return out, nil
	}
	out.PermissionsBoundary = boundary(p)
	var err error
	out.Tags, err = s.showTags(v, p.arn)
	return out, err
}

func boundary(p *party) *shape.AttachedPermissionsBoundary {
	if p.Boundary == "" {
		return nil
	}
	kind := "Policy"
	return &shape.AttachedPermissionsBoundary{PermissionsBoundaryArn: &p.Boundary, PermissionsBoundaryType: &kind}
}

// second is the transaction's time as IAM keeps it.
func second(v store.View) time.Time { return v.Now().Truncate(time.Second) }
