package ec2

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

const tagLimit = 50

func (s *Service) tagRows() []api.Rower {
	resourceQuestions := func(action string, c *api.Call, v store.View, ids []string, tags []shape.Tag) ([]api.Question, error) {
		a := ask(c, v, action)
		if len(ids) == 0 {
			return a.all().done()
		}
		for _, id := range ids {
			k, ok := kindOf(id)
			if !ok {
				k = kind{name: "*"}
			}
			keys, err := a.keys(k, id)
			if err != nil {
				return nil, err
			}
			m := map[string]string{}
			for _, t := range tags {
				if t.Key != nil {
					m[*t.Key] = deref(t.Value)
				}
			}
			requestTags(keys, m)
			a.put(k, id, keys, nil)
		}
		return a.done()
	}
	return []api.Rower{
		api.Op[shape.CreateTagsRequest, shape.CreateTagsOutput]{
			Name: "CreateTags", Honours: []string{"Resources", "Tags.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateTagsRequest) ([]api.Question, error) {
				return resourceQuestions("CreateTags", c, v, in.Resources, in.Tags)
			},
			Act: createTags,
		},
		api.Op[shape.DeleteTagsRequest, shape.DeleteTagsOutput]{
			Name: "DeleteTags", Honours: []string{"Resources", "Tags.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteTagsRequest) ([]api.Question, error) {
				return resourceQuestions("DeleteTags", c, v, in.Resources, in.Tags)
			},
			Act: deleteTags,
		},
		api.Op[shape.DescribeTagsRequest, shape.DescribeTagsResult]{
			Name: "DescribeTags", Honours: []string{"Filters.*", "MaxResults", "NextToken", "DryRun"},
			Questions: describing[shape.DescribeTagsRequest]("DescribeTags"),
			View:      describeTags,
		},
	}
}

func createTags(c *api.Call, tx store.Tx, in *shape.CreateTagsRequest) (*shape.CreateTagsOutput, error) {
	if len(in.Tags) == 0 {
		return nil, missing("Tag")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	arns, err := tagged(c, tx, in.Resources)
	if err != nil {
		return nil, err
	}
	for _, arn := range arns {
		if err := putTags(c, tx, arn, tags); err != nil {
			return nil, err
		}
	}
	return &shape.CreateTagsOutput{}, nil
}

func deleteTags(c *api.Call, tx store.Tx, in *shape.DeleteTagsRequest) (*shape.DeleteTagsOutput, error) {
	arns, err := tagged(c, tx, in.Resources)
	if err != nil {
		return nil, err
	}
	for _, arn := range arns {
		have, err := tx.Tags(arn)
		if err != nil {
			return nil, err
		}
		var gone []string
		if len(in.Tags) == 0 { // all but the system's
			for k := range have {
				if !strings.HasPrefix(k, "aws:") {
					gone = append(gone, k)
				}
			}
		}
		for _, t := range in.Tags { // a value that is given must be the tag's
			if val, ok := have[deref(t.Key)]; ok && (t.Value == nil || *t.Value == val) && !strings.HasPrefix(*t.Key, "aws:") {
				gone = append(gone, *t.Key)
			}
		}
		if len(gone) > 0 {
			if err := tx.RemoveTags(arn, gone); err != nil {
				return nil, err
			}
		}
	}
	return &shape.DeleteTagsOutput{}, nil
}

// tagged gives the ARNs of resources that exist.
func tagged(c *api.Call, v store.View, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, missing("resourceId")
	}
	var out []string
	for _, id := range ids {
		k, ok := kindOf(id)
		if !ok {
			return nil, fault.New("InvalidID", "The ID '%s' is not valid", id)
		}
		if err := exists(c, v, k, id); err != nil {
			return nil, err
		}
		arn := k.arn(c, id)
		c.Touch(arn)
		out = append(out, arn)
	}
	return out, nil
}

func exists(c *api.Call, v store.View, k kind, id string) error {
	var err error
	switch k {
	case aVPC:
		_, err = rows.VPCs.Get(v, c.Scope(), id)
	case aSubnet:
		_, err = rows.Subnets.Get(v, c.Scope(), id)
	case aGroup:
		_, err = rows.Groups.Get(v, c.Scope(), id)
	case aRule:
		_, _, err = ruleByID(c, v, id)
	case aTable:
		_, err = rows.RouteTables.Get(v, c.Scope(), id)
	case anEndpoint:
		_, err = rows.Endpoints.Get(v, c.Scope(), id)
	case anInterface:
		_, err = rows.Interfaces.Get(v, c.Scope(), id)
	case aFlowLog:
		_, err = rows.FlowLogs.Get(v, c.Scope(), id)
	case anACL:
		_, err = rows.ACLs.Get(v, c.Scope(), id)
	case aGateway:
		_, err = rows.InternetGateways.Get(v, c.Scope(), id)
	case anAddress:
		_, err = rows.Addresses.Get(v, c.Scope(), id)
	case aNAT:
		_, err = rows.NATs.Get(v, c.Scope(), id)
	case aPrefixList:
		_, err = rows.PrefixLists.Get(v, c.Scope(), id)
	case aPeering:
		_, err = peering(c, v, id)
	case aDHCP:
		if id != defaultDHCP(c) {
			_, err = rows.DHCPs.Get(v, c.Scope(), id)
		}
	default:
		return fault.New("InvalidID", "The ID '%s' is not valid", id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return k.none(id)
	}
	return err
}

// specified are the tags that a call wants on the resource of kind k that it makes.
func specified(specs []shape.TagSpecification, k kind) map[string]string {
	out := map[string]string{}
	for _, sp := range specs {
		if deref(sp.ResourceType) == k.name {
			for _, t := range sp.Tags {
				if t.Key != nil {
					out[*t.Key] = deref(t.Value)
				}
			}
		}
	}
	return out
}

// tagNew puts the tags of a call on what it has made.
func tagNew(c *api.Call, tx store.Tx, k kind, id string, specs []shape.TagSpecification) ([]shape.Tag, error) {
	all := []shape.Tag{}
	for _, sp := range specs {
		if deref(sp.ResourceType) != k.name {
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", deref(sp.ResourceType))
		}
		all = append(all, sp.Tags...)
	}
	tags, err := tagMap(all)
	if err != nil || len(tags) == 0 {
		return []shape.Tag{}, err
	}
	return tagList(tags), putTags(c, tx, k.arn(c, id), tags)
}

func putTags(c *api.Call, tx store.Tx, arn string, tags map[string]string) error {
	have, err := tx.Tags(arn)
	if err != nil {
		return err
	}
	n := len(have)
	for k := range tags {
		if _, ok := have[k]; !ok {
			n++
		}
	}
	if n > tagLimit {
		return fault.New("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return tx.SetTags(arn, c.Scope(), tags)
}

func tagMap(tags []shape.Tag) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range tags {
		k, v := deref(t.Key), deref(t.Value)
		switch _, twice := out[k]; {
		case k == "":
			return nil, invalid("Tag keys cannot be null or empty.")
		case utf8.RuneCountInString(k) > 128:
			return nil, invalid("Tag key exceeds the maximum length of 128 characters")
		case utf8.RuneCountInString(v) > 256:
			return nil, invalid("Tag value exceeds the maximum length of 256 characters")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return nil, invalid("Tag keys starting with 'aws:' are reserved for internal use")
		case twice:
			return nil, invalid("Duplicate tag key '%s' specified.", k)
		}
		out[k] = v
	}
	return out, nil
}

func tagList(tags map[string]string) []shape.Tag {
	out := make([]shape.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, shape.Tag{Key: &k, Value: new(tags[k])})
	}
	return out
}

func describeTags(c *api.Call, v store.View, in *shape.DescribeTagsRequest) (*shape.DescribeTagsResult, error) {
	pre := c.ARN("ec2", "")
	arns, err := v.Tagged(store.TagQuery{Scope: c.Scope(), Prefix: pre})
	if err != nil {
		return nil, err
	}
	var all []found[shape.TagDescription]
	for _, t := range arns {
		typ, id, _ := strings.Cut(strings.TrimPrefix(t.ARN, pre), "/")
		for _, tag := range tagList(t.Tags) {
			all = append(all, found[shape.TagDescription]{ID: id + "\x00" + *tag.Key,
				Value: shape.TagDescription{Key: tag.Key, Value: tag.Value, ResourceId: &id, ResourceType: &typ}})
		}
	}
	fields := map[string]func(*shape.TagDescription) []string{
		"key":           func(t *shape.TagDescription) []string { return []string{*t.Key} },
		"value":         func(t *shape.TagDescription) []string { return []string{*t.Value} },
		"resource-id":   func(t *shape.TagDescription) []string { return []string{*t.ResourceId} },
		"resource-type": func(t *shape.TagDescription) []string { return []string{*t.ResourceType} },
	}
	for i := range all { // tag:K asks about this tag alone
		all[i].Tags = map[string]string{*all[i].Value.Key: *all[i].Value.Value}
	}
	all, err = sift(all, in.Filters, fields)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found[shape.TagDescription]) int { return strings.Compare(a.ID, b.ID) })
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeTagsResult{Tags: []shape.TagDescription{}, NextToken: next}
	for _, t := range all {
		out.Tags = append(out.Tags, t.Value)
	}
	return out, err
}
