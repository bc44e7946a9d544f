package kms

import (
	"maps"
	"slices"

	"cloister/internal/api"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) tagRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.TagResourceRequest, kms.TagResourceOutput]{Name: "TagResource", Honours: []string{"KeyId", "Tags.*"},
			Act: func(c *api.Call, tx store.Tx, in *kms.TagResourceRequest) (*kms.TagResourceOutput, error) {
				k, err := s.changing(c, tx, in.KeyId)
				if err == nil {
					err = k.going()
				}
				if err != nil {
					return nil, err
				}
				have, err := tx.Tags(k.arn)
				if err != nil {
					return nil, err
				}
				tags, err := newTags(in.Tags, have)
				if err != nil {
					return nil, err
				}
				return &kms.TagResourceOutput{}, tx.SetTags(k.arn, c.Scope(), tags)
			}},
		api.Op[kms.UntagResourceRequest, kms.UntagResourceOutput]{Name: "UntagResource", Honours: []string{"KeyId", "TagKeys"},
			Act: func(c *api.Call, tx store.Tx, in *kms.UntagResourceRequest) (*kms.UntagResourceOutput, error) {
				k, err := s.changing(c, tx, in.KeyId)
				if err == nil {
					err = k.going()
				}
				if err != nil || len(in.TagKeys) == 0 {
					return &kms.UntagResourceOutput{}, err
				}
				return &kms.UntagResourceOutput{}, tx.RemoveTags(k.arn, in.TagKeys)
			}},
		api.Op[kms.ListResourceTagsRequest, kms.ListResourceTagsResponse]{Name: "ListResourceTags", Honours: []string{"KeyId", "Limit", "Marker"}, View: s.listTags},
	}
}

func (s *Service) listTags(c *api.Call, v store.View, in *kms.ListResourceTagsRequest) (*kms.ListResourceTagsResponse, error) {
	p, err := paged(in.Limit, in.Marker, 50, 50)
	if err != nil {
		return nil, err
	}
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	tags, err := v.Tags(k.arn)
	if err != nil {
		return nil, err
	}
	out := &kms.ListResourceTagsResponse{Tags: []kms.Tag{}, Truncated: ptr(false)}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if name <= p.after {
			continue
		}
		if len(out.Tags) == p.limit {
			out.Truncated, out.NextMarker = ptr(true), p.next(*out.Tags[p.limit-1].TagKey)
			break
		}
		out.Tags = append(out.Tags, kms.Tag{TagKey: ptr(name), TagValue: ptr(tags[name])})
	}
	return out, nil
}
