package ec2

import (
	"cmp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
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
		api.Op[shape.DescribeVpcEndpointServicesRequest, shape.DescribeVpcEndpointServicesResult]{
			Name: "DescribeVpcEndpointServices", Honours: describeMembers("ServiceNames"),
			Questions: describing[shape.DescribeVpcEndpointServicesRequest]("DescribeVpcEndpointServices"),
			View:      describeServices,
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

// describeServices lists what an endpoint can be made for: S3, by a gateway.
func describeServices(c *api.Call, _ store.View, in *shape.DescribeVpcEndpointServicesRequest) (*shape.DescribeVpcEndpointServicesResult, error) {
	name := serviceName(c, "s3")
	for _, n := range in.ServiceNames {
		if n != name {
			return nil, fault.New("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", n)
		}
	}
	d := shape.ServiceDetail{ServiceName: &name, ServiceId: new("vpce-svc-" + listOf(c, name)[len(aPrefixList.pre):]),
		ServiceType: []shape.ServiceTypeDetail{{ServiceType: new("Gateway")}}, ServiceRegion: &c.Region, AvailabilityZones: []string{},
		Owner: new("amazon"), BaseEndpointDnsNames: []string{"s3." + c.Region + ".amazonaws.com"}, VpcEndpointPolicySupported: new(true),
		AcceptanceRequired: new(false), ManagesVpcEndpoints: new(false), Tags: []shape.Tag{}, SupportedIpAddressTypes: []string{"ipv4"}}
	for _, z := range zones(c.Region) {
		d.AvailabilityZones = append(d.AvailabilityZones, z.name)
	}
	all, err := sift([]found[shape.ServiceDetail]{{ID: name, Value: d}}, in.Filters, map[string]func(*shape.ServiceDetail) []string{
		"service-name":   func(*shape.ServiceDetail) []string { return []string{name} },
		"service-type":   func(*shape.ServiceDetail) []string { return []string{"Gateway"} },
		"service-region": func(*shape.ServiceDetail) []string { return []string{c.Region} },
		"owner":          func(*shape.ServiceDetail) []string { return []string{"amazon"} },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeVpcEndpointServicesResult{ServiceNames: []string{}, ServiceDetails: []shape.ServiceDetail{}, NextToken: next}
	for _, x := range all {
		out.ServiceNames = append(out.ServiceNames, *x.Value.ServiceName)
		out.ServiceDetails = append(out.ServiceDetails, x.Value)
	}
	return out, err
}
