package tagging

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/tagging"
	"cloister/internal/store"
)

// globalRegion is where the resources of no region are shown. Source: API reference, GetResources.
const globalRegion = "us-east-1"

// perPage is how many resources a page has that says nothing of it.
const perPage = 50

// each calls f for the tagged resources that a call may be told of, sorted by ARN, from after one on, until f says no.
func each(c *api.Call, v store.View, key, after string, f func(store.TaggedARN) bool) error {
	scopes := []store.Scope{c.Scope()}
	if c.Region == globalRegion {
		scopes = append(scopes, c.Global())
	}
	const batch = 200
	var next [2][]store.TaggedARN
	last, over := [2]string{after, after}, [2]bool{}
	for {
		least := -1
		for i, s := range scopes {
			if len(next[i]) == 0 && !over[i] {
				got, err := v.Tagged(store.TagQuery{Scope: s, Key: key, After: last[i], Limit: batch})
				if err != nil {
					return err
				}
				next[i], over[i] = got, len(got) < batch
				if len(got) > 0 {
					last[i] = got[len(got)-1].ARN
				}
			}
			if len(next[i]) > 0 && (least < 0 || next[i][0].ARN < next[least][0].ARN) {
				least = i
			}
		}
		if least < 0 {
			return nil
		}
		t := next[least][0]
		next[least] = next[least][1:]
		if _, kind := typeOf(t.ARN); kind != "" && !f(t) {
			return nil
		}
	}
}

// typeOf is the service and type that a resource is filtered by; empty for what the API does not know: users and roles have tags of their
// own API alone (guide, "Services that support the Resource Groups Tagging API").
func typeOf(resource string) (service, kind string) {
	a, err := arn.Parse(resource)
	if err != nil {
		return "", ""
	}
	kind, _ = a.Split()
	if a.Service == "s3" { // whose ARNs name no type
		if kind != "" {
			return "", ""
		}
		kind = "bucket"
	}
	if a.Service == "iam" && kind != "policy" && kind != "instance-profile" {
		return "", ""
	}
	return a.Service, kind
}

func getResources() api.Rower {
	return api.Op[shape.GetResourcesInput, shape.GetResourcesOutput]{
		Name: "GetResources", Honours: []string{"PaginationToken", "TagFilters.*", "ResourcesPerPage", "TagsPerPage", "ResourceTypeFilters", "ResourceARNList"},
		Questions: ask.Ask[shape.GetResourcesInput](sheet, "GetResources"),
		View: func(c *api.Call, v store.View, in *shape.GetResourcesInput) (*shape.GetResourcesOutput, error) {
			if in.ResourceARNList != nil && (deref(in.PaginationToken) != "" || in.ResourcesPerPage != nil || in.TagsPerPage != nil) {
				return nil, invalid("ResourceARNList may not be combined with PaginationToken, ResourcesPerPage or TagsPerPage.")
			}
			if n := deref(in.TagsPerPage); in.TagsPerPage != nil && (n < 100 || n > 500 || n%100 != 0) {
				return nil, invalid("TagsPerPage must be a multiple of 100 from 100 to 500.")
			}
			limit := cmp.Or(int(deref(in.ResourcesPerPage)), perPage)
			if limit < 1 || limit > 100 {
				return nil, invalid("ResourcesPerPage must be from 1 to 100.")
			}
			if in.ResourceARNList != nil {
				limit = len(in.ResourceARNList)
			}
			after, err := readToken(in.PaginationToken)
			if err != nil {
				return nil, err
			}
			out := &shape.GetResourcesOutput{PaginationToken: new(""), ResourceTagMappingList: []shape.ResourceTagMapping{}}
			key := ""
			for _, f := range in.TagFilters {
				key = cmp.Or(key, deref(f.Key))
			}
			tags := 0
			err = each(c, v, key, after, func(t store.TaggedARN) bool {
				if !wanted(in, t) {
					return true
				}
				tags += len(t.Tags)
				if n := len(out.ResourceTagMappingList); n == limit || n > 0 && in.TagsPerPage != nil && tags > int(*in.TagsPerPage) {
					out.PaginationToken = writeToken(*out.ResourceTagMappingList[n-1].ResourceARN)
					return false
				}
				m := shape.ResourceTagMapping{ResourceARN: new(t.ARN), Tags: []shape.Tag{}}
				for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
					m.Tags = append(m.Tags, shape.Tag{Key: new(k), Value: new(t.Tags[k])})
				}
				out.ResourceTagMappingList = append(out.ResourceTagMappingList, m)
				return true
			})
			return out, err
		},
	}
}

// wanted says whether a resource passes all filters: each of the tags with one of its values, one of the types, one of the ARNs.
func wanted(in *shape.GetResourcesInput, t store.TaggedARN) bool {
	for _, f := range in.TagFilters {
		val, ok := t.Tags[deref(f.Key)]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, val) {
			return false
		}
	}
	service, kind := typeOf(t.ARN)
	return (len(in.ResourceTypeFilters) == 0 || slices.Contains(in.ResourceTypeFilters, service) || slices.Contains(in.ResourceTypeFilters, service+":"+kind)) &&
		(in.ResourceARNList == nil || slices.Contains(in.ResourceARNList, t.ARN))
}

func getTagKeys() api.Rower {
	return api.Op[shape.GetTagKeysInput, shape.GetTagKeysOutput]{
		Name: "GetTagKeys", Honours: []string{"PaginationToken"}, Questions: ask.Ask[shape.GetTagKeysInput](sheet, "GetTagKeys"),
		View: func(c *api.Call, v store.View, in *shape.GetTagKeysInput) (*shape.GetTagKeysOutput, error) {
			page, next, err := distinct(c, v, "", in.PaginationToken, func(t store.TaggedARN, add func(string)) {
				for k := range t.Tags {
					add(k)
				}
			})
			return &shape.GetTagKeysOutput{TagKeys: page, PaginationToken: next}, err
		},
	}
}

func getTagValues() api.Rower {
	return api.Op[shape.GetTagValuesInput, shape.GetTagValuesOutput]{
		Name: "GetTagValues", Honours: []string{"PaginationToken", "Key"}, Questions: ask.Ask[shape.GetTagValuesInput](sheet, "GetTagValues"),
		View: func(c *api.Call, v store.View, in *shape.GetTagValuesInput) (*shape.GetTagValuesOutput, error) {
			page, next, err := distinct(c, v, deref(in.Key), in.PaginationToken, func(t store.TaggedARN, add func(string)) { add(t.Tags[*in.Key]) })
			return &shape.GetTagValuesOutput{TagValues: page, PaginationToken: next}, err
		},
	}
}

// distinctPage is how many keys or values a page has.
const distinctPage = 1000

// distinct is a page of what the resources have, each once, sorted.
func distinct(c *api.Call, v store.View, key string, token *string, of func(store.TaggedARN, func(string))) ([]string, *string, error) {
	after, err := readToken(token)
	if err != nil {
		return nil, nil, err
	}
	found := map[string]bool{}
	err = each(c, v, key, "", func(t store.TaggedARN) bool {
		of(t, func(s string) { found[s] = true })
		return true
	})
	all := []string{}
	for _, s := range slices.Sorted(maps.Keys(found)) {
		if deref(token) == "" || s > after {
			all = append(all, s)
		}
	}
	if len(all) > distinctPage {
		return all[:distinctPage], writeToken(all[distinctPage-1]), err
	}
	return all, new(""), err
}

// A token is the last that was told. An empty one says that there is no more.
func writeToken(s string) *string { return new("1" + base64.RawURLEncoding.EncodeToString([]byte(s))) }

func readToken(t *string) (string, error) {
	if deref(t) == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString((*t)[1:])
	if err != nil || (*t)[0] != '1' {
		return "", fault.New("PaginationTokenExpiredException", "The PaginationToken is not valid.")
	}
	return string(b), nil
}

func invalid(format string, args ...any) error {
	return fault.New("InvalidParameterException", format, args...)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
