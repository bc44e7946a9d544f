package comprehend

import (
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// maxTags is how many tags a resource has at most. Source: Comprehend API Reference, TooManyTagsException.
const maxTags = 50

func tagRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.ListTagsForResourceRequest, shape.ListTagsForResourceResponse]{
			Name: "ListTagsForResource", Honours: []string{"ResourceArn"},
			Questions: ask.Ask[shape.ListTagsForResourceRequest](sheet, "ListTagsForResource"),
			View: func(c *api.Call, v store.View, in *shape.ListTagsForResourceRequest) (*shape.ListTagsForResourceResponse, error) {
				if err := tagged(c, v, in.ResourceArn); err != nil {
					return nil, err
				}
				tags, err := v.Tags(*in.ResourceArn)
				return &shape.ListTagsForResourceResponse{ResourceArn: in.ResourceArn, Tags: shapeTags(tags)}, err
			},
		},
		api.Op[shape.TagResourceRequest, shape.TagResourceResponse]{
			Name: "TagResource", Honours: []string{"ResourceArn", "Tags.*"},
			Questions: ask.Ask[shape.TagResourceRequest](sheet, "TagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagResourceRequest) (*shape.TagResourceResponse, error) {
				return &shape.TagResourceResponse{}, tag(c, tx, in.ResourceArn, in.Tags)
			},
		},
		api.Op[shape.UntagResourceRequest, shape.UntagResourceResponse]{
			Name: "UntagResource", Honours: []string{"ResourceArn", "TagKeys"},
			Questions: ask.Ask[shape.UntagResourceRequest](sheet, "UntagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagResourceRequest) (*shape.UntagResourceResponse, error) {
				if err := tagged(c, tx, in.ResourceArn); err != nil {
					return nil, err
				}
				if n := len(in.TagKeys); n > maxTags {
					return nil, refuse("TooManyTagKeysException", "There are %d.", n)
				}
				c.Touch(*in.ResourceArn)
				return &shape.UntagResourceResponse{}, tx.RemoveTags(*in.ResourceArn, in.TagKeys)
			},
		},
	}
}

// tagged fails unless the ARN names something of ours that exists.
func tagged(c *api.Call, v store.View, arn *string) error {
	_, err := rows.Jobs.Find(v, c.Scope(), "arn", *arn)
	if isNotFound(err) {
		_, err = rows.Models.Find(v, c.Scope(), "arn", *arn)
	}
	if isNotFound(err) {
		_, err = rows.ModelEndpoints.Find(v, c.Scope(), "arn", *arn)
	}
	if isNotFound(err) {
		return notFound()
	}
	return err
}

func tag(c *api.Call, tx store.Tx, arn *string, tags []shape.Tag) error {
	if err := tagged(c, tx, arn); err != nil {
		return err
	}
	old, err := tx.Tags(*arn)
	if err != nil {
		return err
	}
	m := map[string]string{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return fault.New("InvalidRequestException", "Tag keys starting with \"aws:\" are reserved for AWS.")
		}
		m[*t.Key] = deref(t.Value)
		delete(old, *t.Key)
	}
	if len(old)+len(m) > maxTags {
		return refuse("TooManyTagsException", "There would be %d.", len(old)+len(m))
	}
	c.Touch(*arn)
	return tx.SetTags(*arn, c.Scope(), m)
}

func shapeTags(m map[string]string) []shape.Tag {
	out := []shape.Tag{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		val := m[k]
		out = append(out, shape.Tag{Key: &k, Value: &val})
	}
	return out
}
