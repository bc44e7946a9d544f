package ec2

import (
	"cmp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
)

// serviceName is the full name of an endpoint service in the call's region.
func serviceName(c *api.Call, short string) string { return "com.amazonaws." + c.Region + "." + short }

// listOf is the prefix list of an endpoint service; empty for one without.
func listOf(c *api.Call, service string) string {
	if strings.HasSuffix(service, ".s3") {
		return vpc.S3PrefixList(c.Region)
	}
	return ""
}

func (s *Service) prefixRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribePrefixListsRequest, shape.DescribePrefixListsResult]{
			Name: "DescribePrefixLists", Honours: describeMembers("PrefixListIds"),
			Questions: describing[shape.DescribePrefixListsRequest]("DescribePrefixLists"),
			View: func(c *api.Call, _ store.View, in *shape.DescribePrefixListsRequest) (*shape.DescribePrefixListsResult, error) {
				all, next, err := lists(c, in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken)
				out := &shape.DescribePrefixListsResult{PrefixLists: []shape.PrefixList{}, NextToken: next}
				for _, l := range all {
					out.PrefixLists = append(out.PrefixLists, shape.PrefixList{PrefixListId: &l.Value.id, PrefixListName: &l.Value.name, Cidrs: l.Value.cidrs})
				}
				return out, err
			},
		},
	}
}

type prefixList struct {
	id, name string
	cidrs    []string
}

// lists are the prefix lists that AWS manages: those of the services that a gateway endpoint can lead to.
func lists(c *api.Call, ids []string, filters []shape.Filter, most *int64, token *string) ([]found[prefixList], *string, error) {
	var all []found[prefixList]
	managed := vpc.ManagedPrefixes(c.Region)
	for id, ps := range managed {
		l := prefixList{id: id, name: serviceName(c, "s3"), cidrs: []string{}}
		for _, p := range ps {
			l.cidrs = append(l.cidrs, p.String())
		}
		if len(ids) == 0 || slices.Contains(ids, id) {
			all = append(all, found[prefixList]{ID: id, Value: l})
		}
	}
	for _, id := range ids {
		if err := aPrefixList.well(id); err != nil {
			return nil, nil, err
		}
		if _, ok := managed[id]; !ok {
			return nil, nil, aPrefixList.none(id)
		}
	}
	all, err := sift(all, filters, map[string]func(*prefixList) []string{
		"prefix-list-id":   func(l *prefixList) []string { return []string{l.id} },
		"prefix-list-name": func(l *prefixList) []string { return []string{l.name} },
		"owner-id":         func(*prefixList) []string { return []string{"AWS"} },
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(all, func(a, b found[prefixList]) int { return cmp.Compare(a.ID, b.ID) })
	return page(all, most, token)
}
