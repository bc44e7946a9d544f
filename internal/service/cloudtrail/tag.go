package cloudtrail

import (
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
)

// mostTags is how many a resource may have.
const mostTags = 50

// tagged is a trail by its ARN, which alone names what has tags.
func tagged(c *api.Call, v store.View, id *string) (string, error) {
	if id == nil || !strings.HasPrefix(*id, "arn:") {
		return "", fault.New("CloudTrailARNInvalidException", "The resource must be given by its ARN: %s", deref(id))
	}
	if a, err := arn.Parse(*id); err == nil && a.Service == "cloudtrail" && !strings.HasPrefix(a.Resource, "trail/") {
		return "", fault.New("ResourceTypeNotSupportedException", "Only trails have tags here: %s", *id)
	}
	it, err := find(c, v, id)
	if fault.Is(err, "TrailNotFoundException") {
		return "", fault.New("ResourceNotFoundException", "Resource %s not found.", *id)
	}
	return it.Value.ARN, err
}

func setTags(c *api.Call, tx store.Tx, arn string, tags []shape.Tag) error {
	have, err := tx.Tags(arn)
	if err != nil {
		return err
	}
	for _, t := range tags {
		k, v := deref(t.Key), deref(t.Value)
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return fault.New("InvalidTagParameterException", "The tag %q is not valid: keys have 1 to 128 characters and do not begin with aws:, values at most 256.", k)
		}
		have[k] = v
	}
	if len(have) > mostTags {
		return fault.New("TagsLimitExceededException", "A resource has at most %d tags.", mostTags)
	}
	return tx.SetTags(arn, c.Scope(), have)
}

func addTagsRow() api.Rower {
	return api.Op[shape.AddTagsRequest, shape.AddTagsResponse]{Name: "AddTags", Honours: []string{"ResourceId", "TagsList.*"}, Questions: asks[shape.AddTagsRequest]("AddTags"),
		Act: func(c *api.Call, tx store.Tx, in *shape.AddTagsRequest) (*shape.AddTagsResponse, error) {
			name, err := tagged(c, tx, in.ResourceId)
			if err != nil {
				return nil, err
			}
			c.Touch(name)
			return &shape.AddTagsResponse{}, setTags(c, tx, name, in.TagsList)
		}}
}

func removeTagsRow() api.Rower {
	return api.Op[shape.RemoveTagsRequest, shape.RemoveTagsResponse]{Name: "RemoveTags", Honours: []string{"ResourceId", "TagsList.*"}, Questions: asks[shape.RemoveTagsRequest]("RemoveTags"),
		Act: func(c *api.Call, tx store.Tx, in *shape.RemoveTagsRequest) (*shape.RemoveTagsResponse, error) {
			name, err := tagged(c, tx, in.ResourceId)
			if err != nil {
				return nil, err
			}
			c.Touch(name)
			keys := []string{}
			for _, t := range in.TagsList {
				keys = append(keys, deref(t.Key))
			}
			return &shape.RemoveTagsResponse{}, tx.RemoveTags(name, keys)
		}}
}

func listTagsRow() api.Rower {
	return api.Op[shape.ListTagsRequest, shape.ListTagsResponse]{Name: "ListTags", Honours: []string{"ResourceIdList"}, Questions: asks[shape.ListTagsRequest]("ListTags"),
		View: func(c *api.Call, v store.View, in *shape.ListTagsRequest) (*shape.ListTagsResponse, error) {
			out := &shape.ListTagsResponse{ResourceTagList: []shape.ResourceTag{}}
			for _, id := range in.ResourceIdList {
				name, err := tagged(c, v, &id)
				if err != nil {
					return nil, err
				}
				tags, err := v.Tags(name)
				if err != nil {
					return nil, err
				}
				r := shape.ResourceTag{ResourceId: &name, TagsList: []shape.Tag{}}
				for _, k := range slices.Sorted(maps.Keys(tags)) {
					r.TagsList = append(r.TagsList, shape.Tag{Key: &k, Value: new(tags[k])})
				}
				out.ResourceTagList = append(out.ResourceTagList, r)
			}
			return out, nil
		}}
}
