package logs

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
)

// maxTags is how many a group has at most. Source: API reference, TagResource.
const maxTags = 50

// setTags merges tags into a group's.
func setTags(c *api.Call, tx store.Tx, name *string, tags map[string]string) error {
	g, err := findGroup(c, tx, name)
	if err != nil {
		return err
	}
	arn := groupARN(c, g.ID)
	c.Touch(arn)
	if err := checkTags(tags); err != nil {
		return err
	}
	all, err := tx.Tags(arn)
	if err != nil {
		return err
	}
	for k, v := range tags {
		all[k] = v
	}
	if len(all) > maxTags {
		return fault.New("TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
	}
	return tx.SetTags(arn, g.Scope, tags)
}

func removeTags(c *api.Call, tx store.Tx, name *string, keys []string) error {
	g, err := findGroup(c, tx, name)
	if err != nil {
		return err
	}
	c.Touch(groupARN(c, g.ID))
	if keys == nil {
		keys = []string{}
	}
	return tx.RemoveTags(groupARN(c, g.ID), keys)
}

func listTags(c *api.Call, v store.View, name *string) (map[string]string, error) {
	g, err := findGroup(c, v, name)
	if err != nil {
		return nil, err
	}
	return v.Tags(groupARN(c, g.ID))
}

func (s *Service) tagRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.TagResourceRequest, shape.TagResourceOutput]{
			Name: "TagResource", Honours: []string{"resourceArn", "tags"}, Questions: ask.Ask[shape.TagResourceRequest](sheet, "TagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagResourceRequest) (*shape.TagResourceOutput, error) {
				name, err := nameOf(c, in.ResourceArn)
				if err == nil {
					err = setTags(c, tx, name, in.Tags)
				}
				return &shape.TagResourceOutput{}, err
			},
		},
		api.Op[shape.UntagResourceRequest, shape.UntagResourceOutput]{
			Name: "UntagResource", Honours: []string{"resourceArn", "tagKeys"}, Questions: ask.Ask[shape.UntagResourceRequest](sheet, "UntagResource"),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagResourceRequest) (*shape.UntagResourceOutput, error) {
				name, err := nameOf(c, in.ResourceArn)
				if err == nil {
					err = removeTags(c, tx, name, in.TagKeys)
				}
				return &shape.UntagResourceOutput{}, err
			},
		},
		api.Op[shape.ListTagsForResourceRequest, shape.ListTagsForResourceResponse]{
			Name: "ListTagsForResource", Honours: []string{"resourceArn"}, Questions: ask.Ask[shape.ListTagsForResourceRequest](sheet, "ListTagsForResource"),
			View: func(c *api.Call, v store.View, in *shape.ListTagsForResourceRequest) (*shape.ListTagsForResourceResponse, error) {
				name, err := nameOf(c, in.ResourceArn)
				if err != nil {
					return nil, err
				}
				tags, err := listTags(c, v, name)
				return &shape.ListTagsForResourceResponse{Tags: tags}, err
			},
		},
		// The older three, by name.
		api.Op[shape.TagLogGroupRequest, shape.TagLogGroupOutput]{
			Name: "TagLogGroup", Honours: []string{"logGroupName", "tags"}, Questions: ask.Ask[shape.TagLogGroupRequest](sheet, "TagLogGroup"),
			Act: func(c *api.Call, tx store.Tx, in *shape.TagLogGroupRequest) (*shape.TagLogGroupOutput, error) {
				return &shape.TagLogGroupOutput{}, setTags(c, tx, in.LogGroupName, in.Tags)
			},
		},
		api.Op[shape.UntagLogGroupRequest, shape.UntagLogGroupOutput]{
			Name: "UntagLogGroup", Honours: []string{"logGroupName", "tags"}, Questions: ask.Ask[shape.UntagLogGroupRequest](sheet, "UntagLogGroup"),
			Act: func(c *api.Call, tx store.Tx, in *shape.UntagLogGroupRequest) (*shape.UntagLogGroupOutput, error) {
				return &shape.UntagLogGroupOutput{}, removeTags(c, tx, in.LogGroupName, in.Tags)
			},
		},
		api.Op[shape.ListTagsLogGroupRequest, shape.ListTagsLogGroupResponse]{
			Name: "ListTagsLogGroup", Honours: []string{"logGroupName"}, Questions: ask.Ask[shape.ListTagsLogGroupRequest](sheet, "ListTagsLogGroup"),
			View: func(c *api.Call, v store.View, in *shape.ListTagsLogGroupRequest) (*shape.ListTagsLogGroupResponse, error) {
				tags, err := listTags(c, v, in.LogGroupName)
				return &shape.ListTagsLogGroupResponse{Tags: tags}, err
			},
		},
	}
}
