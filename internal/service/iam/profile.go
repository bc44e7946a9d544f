package iam

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) profileRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateInstanceProfileRequest, shape.CreateInstanceProfileResponse]{
			Name: "CreateInstanceProfile", Honours: []string{"InstanceProfileName", "Path", "Tags.*"},
			Questions: func(c *api.Call, _ store.View, in *shape.CreateInstanceProfileRequest) ([]api.Question, error) {
				return s.creation(c, "instance-profile", "iam:CreateInstanceProfile", "iam:TagInstanceProfile", in.Path, in.InstanceProfileName, nil, in.Tags), nil
			},
			Act: s.createProfile,
		},
		api.Op[shape.GetInstanceProfileRequest, shape.GetInstanceProfileResponse]{
			Name: "GetInstanceProfile", Honours: []string{"InstanceProfileName"},
			Questions: onProfile(s, "iam:GetInstanceProfile", func(in *shape.GetInstanceProfileRequest) *string { return in.InstanceProfileName }),
			View: func(c *api.Call, v store.View, in *shape.GetInstanceProfileRequest) (*shape.GetInstanceProfileResponse, error) {
				it, err := s.profile(v, c.Account, *in.InstanceProfileName)
				if err != nil {
					return nil, err
				}
				out, err := s.showProfile(v, &it, true)
				return &shape.GetInstanceProfileResponse{InstanceProfile: out}, err
			},
		},
		api.Op[shape.ListInstanceProfilesRequest, shape.ListInstanceProfilesResponse]{
			Name: "ListInstanceProfiles", Honours: []string{"PathPrefix", "Marker", "MaxItems"},
			Questions: func(c *api.Call, _ store.View, in *shape.ListInstanceProfilesRequest) ([]api.Question, error) {
				return []api.Question{{Action: "iam:ListInstanceProfiles", Resource: "*"}}, nil
			},
			View: func(c *api.Call, v store.View, in *shape.ListInstanceProfilesRequest) (*shape.ListInstanceProfilesResponse, error) {
				l, err := profiles.List(v, store.Query{Scope: s.global(c.Account)})
				if err != nil {
					return nil, err
				}
				out := &shape.ListInstanceProfilesResponse{}
				out.InstanceProfiles, out.Marker, out.IsTruncated, err = s.profilePage(v, l, in.PathPrefix, in.Marker, in.MaxItems)
				return out, err
			},
		},
		api.Op[shape.ListInstanceProfilesForRoleRequest, shape.ListInstanceProfilesForRoleResponse]{
			Name: "ListInstanceProfilesForRole", Honours: []string{"RoleName", "Marker", "MaxItems"},
			Questions: on(s, "role", "iam:ListInstanceProfilesForRole", func(in *shape.ListInstanceProfilesForRoleRequest) *string { return in.RoleName }),
			View: func(c *api.Call, v store.View, in *shape.ListInstanceProfilesForRoleRequest) (*shape.ListInstanceProfilesForRoleResponse, error) {
				r, err := s.named(v, c.Account, "role", *in.RoleName)
				if err != nil {
					return nil, err
				}
				l, err := s.profilesOf(v, r)
				if err != nil {
					return nil, err
				}
				out := &shape.ListInstanceProfilesForRoleResponse{}
				out.InstanceProfiles, out.Marker, out.IsTruncated, err = s.profilePage(v, l, nil, in.Marker, in.MaxItems)
				return out, err
			},
		},
		api.Op[shape.AddRoleToInstanceProfileRequest, shape.AddRoleToInstanceProfileOutput]{
			Name: "AddRoleToInstanceProfile", Honours: []string{"InstanceProfileName", "RoleName"},
			Questions: s.mayDress, Act: s.dress,
		},
		api.Op[shape.RemoveRoleFromInstanceProfileRequest, shape.RemoveRoleFromInstanceProfileOutput]{
			Name: "RemoveRoleFromInstanceProfile", Honours: []string{"InstanceProfileName", "RoleName"},
			Questions: onProfile(s, "iam:RemoveRoleFromInstanceProfile", func(in *shape.RemoveRoleFromInstanceProfileRequest) *string { return in.InstanceProfileName }),
			Act:       s.undress,
		},
		api.Op[shape.DeleteInstanceProfileRequest, shape.DeleteInstanceProfileOutput]{
			Name: "DeleteInstanceProfile", Honours: []string{"InstanceProfileName"},
			Questions: onProfile(s, "iam:DeleteInstanceProfile", func(in *shape.DeleteInstanceProfileRequest) *string { return in.InstanceProfileName }),
			Act:       s.deleteProfile,
		},
	}
}

// profileTagRows are apart from the others because they are about tags, not about profiles.
func (s *Service) profileTagRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.TagInstanceProfileRequest, shape.TagInstanceProfileOutput]{
			Name: "TagInstanceProfile", Honours: []string{"InstanceProfileName", "Tags.*"},
			Questions: onProfile(s, "iam:TagInstanceProfile", func(in *shape.TagInstanceProfileRequest) *string { return in.InstanceProfileName },
				func(in *shape.TagInstanceProfileRequest, k keyset) { requestTags(k, in.Tags) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagInstanceProfileRequest) (*shape.TagInstanceProfileOutput, error) {
				it, err := s.profile(tx, c.Account, *in.InstanceProfileName)
				if err != nil {
					return nil, err
				}
				c.Touch(s.profileARN(&it))
				return &shape.TagInstanceProfileOutput{}, s.retag(tx, c.Account, s.profileARN(&it), in.Tags)
			},
		},
		api.Op[shape.UntagInstanceProfileRequest, shape.UntagInstanceProfileOutput]{
			Name: "UntagInstanceProfile", Honours: []string{"InstanceProfileName", "TagKeys"},
			Questions: onProfile(s, "iam:UntagInstanceProfile", func(in *shape.UntagInstanceProfileRequest) *string { return in.InstanceProfileName },
				func(in *shape.UntagInstanceProfileRequest, k keyset) { tagKeys(k, in.TagKeys) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagInstanceProfileRequest) (*shape.UntagInstanceProfileOutput, error) {
				it, err := s.profile(tx, c.Account, *in.InstanceProfileName)
				if err != nil {
					return nil, err
				}
				c.Touch(s.profileARN(&it))
				return &shape.UntagInstanceProfileOutput{}, s.drop(tx, s.profileARN(&it), in.TagKeys)
			},
		},
		api.Op[shape.ListInstanceProfileTagsRequest, shape.ListInstanceProfileTagsResponse]{
			Name: "ListInstanceProfileTags", Honours: []string{"InstanceProfileName", "Marker", "MaxItems"},
			Questions: onProfile(s, "iam:ListInstanceProfileTags", func(in *shape.ListInstanceProfileTagsRequest) *string { return in.InstanceProfileName }),
			View: func(c *api.Call, v store.View, in *shape.ListInstanceProfileTagsRequest) (*shape.ListInstanceProfileTagsResponse, error) {
				it, err := s.profile(v, c.Account, *in.InstanceProfileName)
				if err != nil {
					return nil, err
				}
				out := &shape.ListInstanceProfileTagsResponse{}
				out.Tags, out.Marker, out.IsTruncated, err = s.tagPage(v, s.profileARN(&it), in.Marker, in.MaxItems)
				return out, err
			},
		},
	}
}

// onProfile makes the question of an operation on one instance profile; its tags are keys.
func onProfile[I any](s *Service, action string, name func(*I) *string, more ...func(*I, keyset)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		q := api.Question{Action: action, Resource: s.arn(c.Account, "instance-profile/"+deref(name(in))), Keys: keyset{}}
		it, err := s.profile(v, c.Account, deref(name(in)))
		switch {
		case err == nil:
			q.Resource = s.profileARN(&it)
			tags, err := v.Tags(q.Resource)
			if err != nil {
				return nil, err
			}
			for k, val := range tags {
				q.Keys["aws:ResourceTag/"+k] = []string{val}
				q.Keys["iam:ResourceTag/"+k] = []string{val}
			}
		case !gone(err):
			return nil, err
		}
		for _, f := range more {
			f(in, q.Keys)
		}
		return []api.Question{q}, nil
	}
}

// mayDress also asks whether the caller may pass the role: what runs with the profile has the role's rights.
func (s *Service) mayDress(c *api.Call, v store.View, in *shape.AddRoleToInstanceProfileRequest) ([]api.Question, error) {
	qs, err := onProfile(s, "iam:AddRoleToInstanceProfile", func(in *shape.AddRoleToInstanceProfileRequest) *string { return in.InstanceProfileName })(c, v, in)
	if err != nil {
		return nil, err
	}
	pass, _, err := s.about(c, v, "iam:PassRole", "role", deref(in.RoleName))
	if err != nil {
		return nil, err
	}
	keyset(pass.Keys).set(policy.KeyPassedToService, "ec2.amazonaws.com")
	return append(qs, pass), nil
}

func (s *Service) profileARN(it *store.Item[profile]) string {
	return s.arn(it.Scope.Account, "instance-profile"+it.Value.Path+it.Value.Name)
}

func (s *Service) profile(v store.View, account, name string) (store.Item[profile], error) {
	it, err := profiles.Find(v, s.global(account), "name", strings.ToLower(name))
	return it, missing(err, noProfile(name))
}

func (s *Service) profilesOf(v store.View, r *party) ([]store.Item[profile], error) {
	return profiles.List(v, store.Query{Scope: s.global(r.account), Term: store.Term{Name: "role", Value: r.id}})
}

func (s *Service) createProfile(c *api.Call, tx store.Tx, in *shape.CreateInstanceProfileRequest) (*shape.CreateInstanceProfileResponse, error) {
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	p := profile{Name: *in.InstanceProfileName, Path: "/", Created: second(tx)}
	if in.Path != nil {
		p.Path = *in.Path
	}
	if err := s.room(tx, c.Account, profiles.Kind); err != nil {
		return nil, err
	}
	id := c.Dice.Unique("AIPA")
	if err := profiles.Create(tx, s.global(c.Account), id, &p); err != nil {
		return nil, conflict(err, taken("Instance Profile %s already exists.", p.Name))
	}
	it, err := profiles.Get(tx, s.global(c.Account), id)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := tx.SetTags(s.profileARN(&it), s.global(c.Account), tags); err != nil {
			return nil, err
		}
	}
	c.Touch(s.profileARN(&it))
	out, err := s.showProfile(tx, &it, true)
	return &shape.CreateInstanceProfileResponse{InstanceProfile: out}, err
}

func (s *Service) dress(c *api.Call, tx store.Tx, in *shape.AddRoleToInstanceProfileRequest) (*shape.AddRoleToInstanceProfileOutput, error) {
	it, err := s.profile(tx, c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	r, err := s.mutable(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	if it.Value.Role != "" {
		return nil, full("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	it.Value.Role = r.id
	c.Touch(s.profileARN(&it), r.arn)
	return &shape.AddRoleToInstanceProfileOutput{}, profiles.Save(tx, &it)
}

func (s *Service) undress(c *api.Call, tx store.Tx, in *shape.RemoveRoleFromInstanceProfileRequest) (*shape.RemoveRoleFromInstanceProfileOutput, error) {
	it, err := s.profile(tx, c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	r, err := s.named(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	if it.Value.Role != r.id { // inferred: a role that is not in it is as absent as none
		return nil, noRole(*in.RoleName)
	}
	it.Value.Role = ""
	c.Touch(s.profileARN(&it), r.arn)
	return &shape.RemoveRoleFromInstanceProfileOutput{}, profiles.Save(tx, &it)
}

func (s *Service) deleteProfile(c *api.Call, tx store.Tx, in *shape.DeleteInstanceProfileRequest) (*shape.DeleteInstanceProfileOutput, error) {
	it, err := s.profile(tx, c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if it.Value.Role != "" {
		return nil, inUse("remove roles from instance profile")
	}
	if err := tx.RemoveTags(s.profileARN(&it), nil); err != nil {
		return nil, err
	}
	c.Touch(s.profileARN(&it))
	return &shape.DeleteInstanceProfileOutput{}, profiles.Delete(tx, it.Scope, it.ID)
}

func (s *Service) profilePage(v store.View, l []store.Item[profile], prefix, marker *string, most *int64) ([]shape.InstanceProfile, *string, *bool, error) {
	var all []shape.InstanceProfile
	for i := range l {
		if !within(l[i].Value.Path, prefix) {
			continue
		}
		p, err := s.showProfile(v, &l[i], false)
		if err != nil {
			return nil, nil, nil, err
		}
		all = append(all, *p)
	}
	return page(all, func(p *shape.InstanceProfile) string { return sortable(*p.InstanceProfileName) }, marker, most)
}

// showProfile is a profile as answers have it; lists leave the tags out.
func (s *Service) showProfile(v store.View, it *store.Item[profile], whole bool) (*shape.InstanceProfile, error) {
	p, name := &it.Value, s.profileARN(it)
	out := &shape.InstanceProfile{Path: &p.Path, InstanceProfileName: &p.Name, InstanceProfileId: &it.ID, Arn: &name, CreateDate: &p.Created, Roles: []shape.Role{}}
	if p.Role != "" {
		r, err := s.byID(v, it.Scope.Account, "role", p.Role)
		if err != nil { // DeleteRole refuses while it is worn
			return nil, err
		}
		role, err := s.showRole(v, r, false)
		if err != nil {
			return nil, err
		}
		out.Roles = append(out.Roles, *role)
	}
	if !whole {
		return out, nil
	}
	var err error
	out.Tags, err = s.showTags(v, name)
	return out, err
}
