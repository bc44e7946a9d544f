package iam

import (
	"strings"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// tagQuota is the most tags a user, role or policy may have.
const tagQuota = 50

func (s *Service) tagRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.TagUserRequest, shape.TagUserOutput]{
			Name: "TagUser", Honours: []string{"UserName", "Tags.*"},
			Questions: on(s, "user", "iam:TagUser", func(in *shape.TagUserRequest) *string { return in.UserName },
				func(in *shape.TagUserRequest, k keyset) { requestTags(k, in.Tags) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagUserRequest) (*shape.TagUserOutput, error) {
				return &shape.TagUserOutput{}, s.tag(c, tx, "user", *in.UserName, in.Tags)
			},
		},
		api.Op[shape.UntagUserRequest, shape.UntagUserOutput]{
			Name: "UntagUser", Honours: []string{"UserName", "TagKeys"},
			Questions: on(s, "user", "iam:UntagUser", func(in *shape.UntagUserRequest) *string { return in.UserName },
				func(in *shape.UntagUserRequest, k keyset) { tagKeys(k, in.TagKeys) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagUserRequest) (*shape.UntagUserOutput, error) {
				return &shape.UntagUserOutput{}, s.untag(c, tx, "user", *in.UserName, in.TagKeys)
			},
		},
		api.Op[shape.ListUserTagsRequest, shape.ListUserTagsResponse]{
			Name: "ListUserTags", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListUserTags", func(in *shape.ListUserTagsRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListUserTagsRequest) (*shape.ListUserTagsResponse, error) {
				tags, next, more, err := s.tags(c, v, "user", *in.UserName, in.Marker, in.MaxItems)
				return &shape.ListUserTagsResponse{Tags: tags, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.TagRoleRequest, shape.TagRoleOutput]{
			Name: "TagRole", Honours: []string{"RoleName", "Tags.*"},
			Questions: on(s, "role", "iam:TagRole", func(in *shape.TagRoleRequest) *string { return in.RoleName },
				func(in *shape.TagRoleRequest, k keyset) { requestTags(k, in.Tags) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagRoleRequest) (*shape.TagRoleOutput, error) {
				return &shape.TagRoleOutput{}, s.tag(c, tx, "role", *in.RoleName, in.Tags)
			},
		},
		api.Op[shape.UntagRoleRequest, shape.UntagRoleOutput]{
			Name: "UntagRole", Honours: []string{"RoleName", "TagKeys"},
			Questions: on(s, "role", "iam:UntagRole", func(in *shape.UntagRoleRequest) *string { return in.RoleName },
				func(in *shape.UntagRoleRequest, k keyset) { tagKeys(k, in.TagKeys) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagRoleRequest) (*shape.UntagRoleOutput, error) {
				return &shape.UntagRoleOutput{}, s.untag(c, tx, "role", *in.RoleName, in.TagKeys)
			},
		},
		api.Op[shape.ListRoleTagsRequest, shape.ListRoleTagsResponse]{
			Name: "ListRoleTags", Honours: []string{"RoleName", "Marker", "MaxItems"},
			Questions: on(s, "role", "iam:ListRoleTags", func(in *shape.ListRoleTagsRequest) *string { return in.RoleName }),
			View: func(c *api.Call, v store.View, in *shape.ListRoleTagsRequest) (*shape.ListRoleTagsResponse, error) {
				tags, next, more, err := s.tags(c, v, "role", *in.RoleName, in.Marker, in.MaxItems)
				return &shape.ListRoleTagsResponse{Tags: tags, Marker: next, IsTruncated: more}, err
			},
		},
		api.Op[shape.TagPolicyRequest, shape.TagPolicyOutput]{
			Name: "TagPolicy", Honours: []string{"PolicyArn", "Tags.*"},
			Questions: onPolicy(s, "iam:TagPolicy", func(in *shape.TagPolicyRequest) *string { return in.PolicyArn },
				func(in *shape.TagPolicyRequest, k keyset) { requestTags(k, in.Tags) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagPolicyRequest) (*shape.TagPolicyOutput, error) {
				if _, err := s.policy(tx, c.Account, *in.PolicyArn); err != nil {
					return nil, err
				}
				c.Touch(*in.PolicyArn)
				return &shape.TagPolicyOutput{}, s.retag(tx, c.Account, *in.PolicyArn, in.Tags)
			},
		},
		api.Op[shape.UntagPolicyRequest, shape.UntagPolicyOutput]{
			Name: "UntagPolicy", Honours: []string{"PolicyArn", "TagKeys"},
			Questions: onPolicy(s, "iam:UntagPolicy", func(in *shape.UntagPolicyRequest) *string { return in.PolicyArn },
				func(in *shape.UntagPolicyRequest, k keyset) { tagKeys(k, in.TagKeys) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagPolicyRequest) (*shape.UntagPolicyOutput, error) {
				if _, err := s.policy(tx, c.Account, *in.PolicyArn); err != nil {
					return nil, err
				}
				c.Touch(*in.PolicyArn)
				return &shape.UntagPolicyOutput{}, s.drop(tx, *in.PolicyArn, in.TagKeys)
			},
		},
		api.Op[shape.ListPolicyTagsRequest, shape.ListPolicyTagsResponse]{
			Name: "ListPolicyTags", Honours: []string{"PolicyArn", "Marker", "MaxItems"},
			Questions: onPolicy(s, "iam:ListPolicyTags", func(in *shape.ListPolicyTagsRequest) *string { return in.PolicyArn }),
			View: func(c *api.Call, v store.View, in *shape.ListPolicyTagsRequest) (*shape.ListPolicyTagsResponse, error) {
				if _, err := s.policy(v, c.Account, *in.PolicyArn); err != nil {
					return nil, err
				}
				tags, next, more, err := s.tagPage(v, *in.PolicyArn, in.Marker, in.MaxItems)
				return &shape.ListPolicyTagsResponse{Tags: tags, Marker: next, IsTruncated: more}, err
			},
		},
	}
}

// requestTags puts the tags of a request among the keys of its question.
func requestTags(k keyset, tags []shape.Tag) {
	names := make([]string, 0, len(tags))
	for _, t := range tags {
		if t.Key != nil {
			names = append(names, *t.Key)
			k.set("aws:RequestTag/"+*t.Key, deref(t.Value))
		}
	}
	tagKeys(k, names)
}

func tagKeys(k keyset, names []string) {
	if len(names) > 0 {
		k["aws:TagKeys"] = names
	}
}

// tagMap lays new tags over those that are there. IAM's tag keys are the same whatever their case; the new spelling stays.
func tagMap(have map[string]string, tags []shape.Tag) (map[string]string, error) {
	spelt := map[string]string{}
	for k := range have {
		spelt[strings.ToLower(k)] = k
	}
	out := map[string]string{}
	for _, t := range tags {
		low := strings.ToLower(*t.Key)
		if strings.HasPrefix(low, "aws:") {
			return nil, badInput("Tag keys that start with aws: are reserved for system use.")
		}
		for k := range out {
			if strings.ToLower(k) == low {
				return nil, badInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
		out[*t.Key] = *t.Value
		spelt[low] = *t.Key
	}
	if len(spelt) > tagQuota {
		return nil, full("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

func (s *Service) tag(c *api.Call, tx store.Tx, kind, name string, tags []shape.Tag) error {
	p, err := s.named(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	c.Touch(p.arn)
	return s.retag(tx, c.Account, p.arn, tags)
}

func (s *Service) retag(tx store.Tx, account, arn string, tags []shape.Tag) error {
	have, err := tx.Tags(arn)
	if err != nil {
		return err
	}
	set, err := tagMap(have, tags)
	if err != nil {
		return err
	}
	if old := matching(have, sorted(set)); len(old) > 0 {
		if err := tx.RemoveTags(arn, old); err != nil {
			return err
		}
	}
	return tx.SetTags(arn, s.global(account), set)
}

// matching lists the keys of have that are among names, case apart.
func matching(have map[string]string, names []string) []string {
	var out []string
	for k := range have {
		for _, n := range names {
			if strings.EqualFold(k, n) {
				out = append(out, k)
				break
			}
		}
	}
	return out
}

func (s *Service) untag(c *api.Call, tx store.Tx, kind, name string, names []string) error {
	p, err := s.named(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	c.Touch(p.arn)
	return s.drop(tx, p.arn, names)
}

// drop removes tags by their keys, whatever their case.
func (s *Service) drop(tx store.Tx, arn string, names []string) error {
	have, err := tx.Tags(arn)
	if err != nil {
		return err
	}
	if old := matching(have, names); len(old) > 0 {
		return tx.RemoveTags(arn, old)
	}
	return nil
}

func (s *Service) tags(c *api.Call, v store.View, kind, name string, marker *string, most *int64) ([]shape.Tag, *string, *bool, error) {
	p, err := s.named(v, c.Account, kind, name)
	if err != nil {
		return nil, nil, nil, err
	}
	return s.tagPage(v, p.arn, marker, most)
}

func (s *Service) tagPage(v store.View, arn string, marker *string, most *int64) ([]shape.Tag, *string, *bool, error) {
	all, err := s.showTags(v, arn)
	if err != nil {
		return nil, nil, nil, err
	}
	return page(all, func(t *shape.Tag) string { return *t.Key }, marker, most)
}

func (s *Service) showTags(v store.View, arn string) ([]shape.Tag, error) {
	m, err := v.Tags(arn)
	if err != nil {
		return nil, err
	}
	var out []shape.Tag
	for _, k := range sorted(m) {
		val := m[k]
		out = append(out, shape.Tag{Key: &k, Value: &val})
	}
	return out, nil
}
