package ec2

import (
	"cmp"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func describeEndpoints(c *api.Call, v store.View, in *shape.DescribeVpcEndpointsRequest) (*shape.DescribeVpcEndpointsResult, error) {
	v, err := withTags(c, v, anEndpoint, in.VpcEndpointIds)
	if err != nil {
		return nil, err
	}
	all, next, err := describe(c, v, rows.Endpoints, anEndpoint, wanted{in.VpcEndpointIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*vpc.Endpoint) []string{
		"ip-address-type":    func(*vpc.Endpoint) []string { return []string{"ipv4"} },
		"service-name":       func(e *vpc.Endpoint) []string { return []string{e.Service} },
		"service-region":     func(*vpc.Endpoint) []string { return []string{c.Region} },
		"vpc-endpoint-id":    func(e *vpc.Endpoint) []string { return []string{e.ID} },
		"vpc-endpoint-type":  func(e *vpc.Endpoint) []string { return []string{e.Type} },
		"vpc-endpoint-state": func(*vpc.Endpoint) []string { return []string{"available"} },
		"vpc-id":             func(e *vpc.Endpoint) []string { return []string{e.VPC} },
	})
	if err != nil {
		return nil, err
	}
	out := &shape.DescribeVpcEndpointsResult{VpcEndpoints: []shape.VpcEndpoint{}, NextToken: next}
	for i := range all {
		e, err := endpointShape(c, v, &all[i].Value)
		if err != nil {
			return nil, err
		}
		out.VpcEndpoints = append(out.VpcEndpoints, *e)
	}
	return out, nil
}

func endpointShape(c *api.Call, v store.View, e *vpc.Endpoint) (*shape.VpcEndpoint, error) {
	tags, err := v.Tags(anEndpoint.arn(c, e.ID))
	if err != nil {
		return nil, err
	}
	out := &shape.VpcEndpoint{VpcEndpointId: &e.ID, VpcEndpointType: &e.Type, VpcId: &e.VPC, ServiceName: &e.Service, State: new("available"),
		PolicyDocument: new(cmp.Or(e.Policy, openPolicy)), RouteTableIds: append([]string{}, e.RouteTables...), SubnetIds: append([]string{}, e.Subnets...),
		Groups: []shape.SecurityGroupIdentifier{}, PrivateDnsEnabled: &e.PrivateDNS, RequesterManaged: new(false),
		NetworkInterfaceIds: append([]string{}, e.Interfaces...), DnsEntries: []shape.DnsEntry{}, IpAddressType: new("ipv4"),
		CreationTimestamp: new(e.Created.Truncate(time.Millisecond)), Tags: tagList(tags), OwnerId: &e.Account, ServiceRegion: new(c.Region)}
	if e.Type == "Gateway" {
		return out, nil
	}
	out.DnsOptions = &shape.DnsOptions{DnsRecordIpType: new("ipv4")}
	if e.PrivateDNS {
		out.DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint = &e.InboundOnly
	}
	for _, id := range e.Groups {
		g, err := rows.Groups.Get(v, c.Scope(), id)
		if err != nil && !absent(err) {
			return nil, err
		}
		out.Groups = append(out.Groups, shape.SecurityGroupIdentifier{GroupId: &id, GroupName: &g.Value.Name})
	}
	out.DnsEntries, err = entries(c, v, e)
	return out, err
}

// entries are an endpoint's names: its own, one for each zone, and those of the service where private DNS gives it them.
func entries(c *api.Call, v store.View, e *vpc.Endpoint) ([]shape.DnsEntry, error) {
	svc, ok := vpc.ServiceNamed(c.Region, e.Service)
	if !ok {
		return []shape.DnsEntry{}, nil
	}
	var own []string
	for _, id := range e.Subnets {
		sn, err := rows.Subnets.Get(v, c.Scope(), id)
		if err != nil {
			return nil, err
		}
		own = append(own, e.Host(&svc, sn.Value.Zone))
	}
	slices.Sort(own)
	out := []shape.DnsEntry{}
	for _, n := range slices.Insert(own, 0, e.Host(&svc, "")) {
		zone := vpc.HostedZone(svc.Domain)
		if svc.Wild() {
			n = "*." + n
		}
		out = append(out, shape.DnsEntry{DnsName: &n, HostedZoneId: &zone})
	}
	if e.PrivateDNS {
		for _, n := range svc.Private {
			zone := vpc.HostedZone(e.ID + "/" + svc.Private[0])
			out = append(out, shape.DnsEntry{DnsName: &n, HostedZoneId: &zone})
		}
	}
	return out, nil
}

// endpointServiceRows tell what an endpoint can be made for. Services of one's own would stand behind load balancers, of which
// there are none here: so there are no configurations, connections and permissions of such services either.
func (s *Service) endpointServiceRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribeVpcEndpointServicesRequest, shape.DescribeVpcEndpointServicesResult]{
			Name: "DescribeVpcEndpointServices", Honours: describeMembers("ServiceNames", "ServiceRegions"),
			Questions: describing[shape.DescribeVpcEndpointServicesRequest]("DescribeVpcEndpointServices"),
			View:      describeServices,
		},
		api.Op[shape.DescribeVpcEndpointAssociationsRequest, shape.DescribeVpcEndpointAssociationsResult]{
			Name: "DescribeVpcEndpointAssociations", Honours: describeMembers("VpcEndpointIds"),
			Questions: asking[shape.DescribeVpcEndpointAssociationsRequest]("DescribeVpcEndpointAssociations"),
			View: func(c *api.Call, v store.View, in *shape.DescribeVpcEndpointAssociationsRequest) (*shape.DescribeVpcEndpointAssociationsResult, error) {
				for _, id := range in.VpcEndpointIds {
					if _, err := load(v, c, rows.Endpoints, anEndpoint, &id, "vpcEndpointId"); err != nil {
						return nil, err
					}
				}
				return &shape.DescribeVpcEndpointAssociationsResult{VpcEndpointAssociations: []shape.VpcEndpointAssociation{}}, nil
			},
		},
		api.Op[shape.DescribeVpcEndpointConnectionsRequest, shape.DescribeVpcEndpointConnectionsResult]{
			Name: "DescribeVpcEndpointConnections", Honours: describeMembers(),
			Questions: asking[shape.DescribeVpcEndpointConnectionsRequest]("DescribeVpcEndpointConnections"),
			View: func(*api.Call, store.View, *shape.DescribeVpcEndpointConnectionsRequest) (*shape.DescribeVpcEndpointConnectionsResult, error) {
				return &shape.DescribeVpcEndpointConnectionsResult{VpcEndpointConnections: []shape.VpcEndpointConnection{}}, nil
			},
		},
		api.Op[shape.DescribeVpcEndpointServiceConfigurationsRequest, shape.DescribeVpcEndpointServiceConfigurationsResult]{
			Name: "DescribeVpcEndpointServiceConfigurations", Honours: describeMembers("ServiceIds"),
			Questions: asking[shape.DescribeVpcEndpointServiceConfigurationsRequest]("DescribeVpcEndpointServiceConfigurations"),
			View: func(_ *api.Call, _ store.View, in *shape.DescribeVpcEndpointServiceConfigurationsRequest) (*shape.DescribeVpcEndpointServiceConfigurationsResult, error) {
				for _, id := range in.ServiceIds {
					return nil, noService(id)
				}
				return &shape.DescribeVpcEndpointServiceConfigurationsResult{ServiceConfigurations: []shape.ServiceConfiguration{}}, nil
			},
		},
		api.Op[shape.DescribeVpcEndpointServicePermissionsRequest, shape.DescribeVpcEndpointServicePermissionsResult]{
			Name: "DescribeVpcEndpointServicePermissions", Honours: describeMembers("ServiceId"),
			Questions: asking[shape.DescribeVpcEndpointServicePermissionsRequest]("DescribeVpcEndpointServicePermissions"),
			View: func(_ *api.Call, _ store.View, in *shape.DescribeVpcEndpointServicePermissionsRequest) (*shape.DescribeVpcEndpointServicePermissionsResult, error) {
				if deref(in.ServiceId) == "" {
					return nil, missing("serviceId")
				}
				return nil, noService(*in.ServiceId)
			},
		},
	}
}

func noService(id string) error {
	return fault.New("InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '%s' does not exist", id)
}

// details are the services of a region: S3 twice, as on AWS, once for each type of endpoint.
func details(region string) []found[shape.ServiceDetail] {
	var out []found[shape.ServiceDetail]
	for _, s := range vpc.Services(region) {
		for _, typ := range []string{"Gateway", "Interface"} {
			if typ == "Gateway" && !s.Gateway {
				continue
			}
			d := shape.ServiceDetail{ServiceName: &s.Name, ServiceId: new("vpce-svc-" + vpc.ServiceID(s.Name, typ)), ServiceType: []shape.ServiceTypeDetail{{ServiceType: &typ}},
				ServiceRegion: &region, AvailabilityZones: []string{}, AvailabilityZoneIds: []string{}, Owner: new("amazon"), BaseEndpointDnsNames: []string{s.Domain + ".vpce.amazonaws.com"},
				VpcEndpointPolicySupported: new(true), AcceptanceRequired: new(false), ManagesVpcEndpoints: new(false), Tags: []shape.Tag{}, SupportedIpAddressTypes: []string{"ipv4"}}
			if typ == "Gateway" {
				d.BaseEndpointDnsNames = []string{s.Private[0]}
			} else {
				d.PrivateDnsName, d.PrivateDnsNameVerificationState = &s.Private[0], new("verified")
				for _, n := range s.Private {
					d.PrivateDnsNames = append(d.PrivateDnsNames, shape.PrivateDnsDetails{PrivateDnsName: &n})
				}
			}
			for _, z := range zones(region) {
				d.AvailabilityZones, d.AvailabilityZoneIds = append(d.AvailabilityZones, z.name), append(d.AvailabilityZoneIds, z.id)
			}
			out = append(out, found[shape.ServiceDetail]{ID: s.Name + "/" + typ, Value: d})
		}
	}
	return out
}

// describeServices lists what an endpoint of this region can be made for.
func describeServices(c *api.Call, _ store.View, in *shape.DescribeVpcEndpointServicesRequest) (*shape.DescribeVpcEndpointServicesResult, error) {
	all := details(c.Region)
	for _, n := range in.ServiceNames {
		if _, ok := vpc.ServiceNamed(c.Region, n); !ok {
			return nil, fault.New("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", n)
		}
	}
	all = slices.DeleteFunc(all, func(x found[shape.ServiceDetail]) bool {
		return len(in.ServiceNames) > 0 && !slices.Contains(in.ServiceNames, *x.Value.ServiceName) || len(in.ServiceRegions) > 0 && !slices.Contains(in.ServiceRegions, c.Region)
	})
	all, err := sift(all, in.Filters, map[string]func(*shape.ServiceDetail) []string{
		"owner":                      func(d *shape.ServiceDetail) []string { return []string{*d.Owner} },
		"service-name":               func(d *shape.ServiceDetail) []string { return []string{*d.ServiceName} },
		"service-region":             func(d *shape.ServiceDetail) []string { return []string{*d.ServiceRegion} },
		"service-type":               func(d *shape.ServiceDetail) []string { return []string{*d.ServiceType[0].ServiceType} },
		"supported-ip-address-types": func(d *shape.ServiceDetail) []string { return d.SupportedIpAddressTypes },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeVpcEndpointServicesResult{ServiceNames: []string{}, ServiceDetails: []shape.ServiceDetail{}, NextToken: next}
	for _, x := range all {
		if !slices.Contains(out.ServiceNames, *x.Value.ServiceName) {
			out.ServiceNames = append(out.ServiceNames, *x.Value.ServiceName)
		}
		out.ServiceDetails = append(out.ServiceDetails, x.Value)
	}
	return out, err
}
