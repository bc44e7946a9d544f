package ec2

import (
	"cmp"
	"errors"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// openPolicy is what an endpoint without a policy of its own shows; it allows everything. Source: VPC User Guide.
const openPolicy = `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`

// policyLimit counts white space. Source: VPC User Guide, endpoint policies.
const policyLimit = 20480

func (s *Service) endpointRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateVpcEndpointRequest, shape.CreateVpcEndpointResult]{
			Name: "CreateVpcEndpoint",
			Honours: []string{"VpcEndpointType", "VpcId", "ServiceName", "PolicyDocument", "RouteTableIds", "SubnetIds", "SecurityGroupIds", "SubnetConfigurations.SubnetId", "SubnetConfigurations.Ipv4",
				"PrivateDnsEnabled", "DnsOptions.DnsRecordIpType", "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "IpAddressType", "ServiceRegion", "ClientToken", "TagSpecifications.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateVpcEndpointRequest) ([]api.Question, error) {
				return ask(c, v, "CreateVpcEndpoint").made(anEndpoint, in.TagSpecifications, "ec2:VpceServiceName", deref(in.ServiceName), "ec2:VpceServiceOwner", "amazon").
					on(aVPC, in.VpcId).each(aTable, in.RouteTableIds).each(aSubnet, subnetsOf(in.SubnetIds, in.SubnetConfigurations)).each(aGroup, in.SecurityGroupIds).done()
			},
			Act: createEndpoint,
		},
		api.Op[shape.ModifyVpcEndpointRequest, shape.ModifyVpcEndpointResult]{
			Name: "ModifyVpcEndpoint",
			Honours: []string{"VpcEndpointId", "ResetPolicy", "PolicyDocument", "AddRouteTableIds", "RemoveRouteTableIds", "AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds",
				"RemoveSecurityGroupIds", "SubnetConfigurations.SubnetId", "SubnetConfigurations.Ipv4", "PrivateDnsEnabled", "DnsOptions.DnsRecordIpType",
				"DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "IpAddressType", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifyVpcEndpointRequest) ([]api.Question, error) {
				return ask(c, v, "ModifyVpcEndpoint").on(anEndpoint, in.VpcEndpointId).each(aTable, in.AddRouteTableIds).each(aTable, in.RemoveRouteTableIds).
					each(aSubnet, subnetsOf(in.AddSubnetIds, in.SubnetConfigurations)).each(aSubnet, in.RemoveSubnetIds).
					each(aGroup, in.AddSecurityGroupIds).each(aGroup, in.RemoveSecurityGroupIds).done()
			},
			Act: s.modifyEndpoint,
		},
		api.Op[shape.DeleteVpcEndpointsRequest, shape.DeleteVpcEndpointsResult]{
			Name: "DeleteVpcEndpoints", Honours: []string{"VpcEndpointIds", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteVpcEndpointsRequest) ([]api.Question, error) {
				if len(in.VpcEndpointIds) == 0 {
					return ask(c, v, "DeleteVpcEndpoints").on(anEndpoint, nil).done()
				}
				return ask(c, v, "DeleteVpcEndpoints").each(anEndpoint, in.VpcEndpointIds).done()
			},
			Act: s.deleteEndpoints,
		},
		api.Op[shape.DescribeVpcEndpointsRequest, shape.DescribeVpcEndpointsResult]{
			Name: "DescribeVpcEndpoints", Honours: describeMembers("VpcEndpointIds"),
			Questions: describing[shape.DescribeVpcEndpointsRequest]("DescribeVpcEndpoints"),
			View:      describeEndpoints,
		},
	}
}

func createEndpoint(c *api.Call, tx store.Tx, in *shape.CreateVpcEndpointRequest) (*shape.CreateVpcEndpointResult, error) {
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	e := vpc.Endpoint{VPC: n.ID, Account: c.Account, Type: cmp.Or(deref(in.VpcEndpointType), "Gateway"), Service: deref(in.ServiceName), Policy: deref(in.PolicyDocument),
		Token: deref(in.ClientToken), Created: tx.Now()}
	svc, err := offered(c, &e, in.ServiceRegion)
	if err != nil {
		return nil, err
	}
	if err := checkPolicy(e.Policy); err != nil {
		return nil, err
	}
	var want *frontage
	switch e.Type {
	case "Gateway":
		err = gatewayOnly(in)
	default:
		want, err = asked(c, tx, &n.Value, &svc, in)
	}
	if err != nil {
		return nil, err
	}
	if e.Token != "" {
		was, err := rows.Endpoints.Find(tx, c.Scope(), "token", e.Token)
		switch {
		case err == nil && (was.Value.VPC != e.VPC || was.Value.Service != e.Service || was.Value.Type != e.Type || was.Value.Policy != e.Policy ||
			!sameSet(was.Value.RouteTables, in.RouteTableIds) || want != nil && !want.same(&was.Value)):
			return nil, mismatch() // also when it was modified since: an answer would pass for the policy that this call asks for
		case err == nil:
			out, err := endpointShape(c, tx, &was.Value)
			return &shape.CreateVpcEndpointResult{VpcEndpoint: out, ClientToken: in.ClientToken}, err
		case !absent(err):
			return nil, err
		}
	}
	if err := room(c, tx, &e); err != nil {
		return nil, err
	}
	e.ID = c.Dice.ID("vpce")
	if e.Type == "Gateway" {
		err = addTables(c, tx, &e, in.RouteTableIds)
	} else {
		err = want.build(c, tx, &n.Value, &svc, &e)
	}
	if err != nil {
		return nil, err
	}
	if err := rows.Endpoints.Create(tx, c.Scope(), e.ID, &e); err != nil {
		return nil, err
	}
	if _, err := tagNew(c, tx, anEndpoint, e.ID, in.TagSpecifications); err != nil {
		return nil, err
	}
	c.Touch(anEndpoint.arn(c, e.ID))
	out, err := endpointShape(c, tx, &e)
	return &shape.CreateVpcEndpointResult{VpcEndpoint: out, ClientToken: in.ClientToken}, err
}

// offered finds the service that an endpoint of this type may lead to.
func offered(c *api.Call, e *vpc.Endpoint, region *string) (vpc.Service, error) {
	if e.Type != "Gateway" && e.Type != "Interface" {
		if slices.Contains([]string{"GatewayLoadBalancer", "Resource", "ServiceNetwork"}, e.Type) {
			return vpc.Service{}, notBuilt("VPC endpoints of type %s are not available.", e.Type)
		}
		return vpc.Service{}, invalid("Value (%s) for parameter vpcEndpointType is invalid.", e.Type)
	}
	if r := deref(region); r != "" && r != c.Region {
		return vpc.Service{}, notBuilt("Services of another region (%s) are not reached by an endpoint.", r)
	}
	if e.Service == "" {
		return vpc.Service{}, missing("serviceName")
	}
	svc, ok := vpc.ServiceNamed(c.Region, e.Service)
	if !ok {
		return svc, fault.New("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", e.Service)
	}
	if e.Type == "Gateway" && !svc.Gateway {
		return svc, fault.New("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface]).")
	}
	return svc, nil
}

// gatewayOnly refuses what only an interface endpoint has.
func gatewayOnly(in *shape.CreateVpcEndpointRequest) error {
	only := func(what string) error {
		return fault.New("InvalidParameter", "%s only supported for Interface type VPC Endpoint.", what)
	}
	switch d := in.DnsOptions; {
	case len(in.SubnetIds)+len(in.SubnetConfigurations) > 0:
		return only("Subnet Ids are")
	case len(in.SecurityGroupIds) > 0:
		return only("Security Group Ids are")
	case deref(in.PrivateDnsEnabled):
		return only("Private DNS is")
	case d != nil && d.PrivateDnsOnlyForInboundResolverEndpoint != nil:
		return fault.New("InvalidParameter", "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints.")
	}
	return kindsOfAddress(in.IpAddressType, in.DnsOptions)
}

// Quotas of AWS: gateway endpoints of a region, interface endpoints of a VPC.
const (
	gatewayLimit  = 20
	frontageLimit = 50
	limitExceeded = "VpcEndpointLimitExceeded"
	limitSentence = "The maximum number of VPC endpoints has been reached."
)

func room(c *api.Call, v store.View, e *vpc.Endpoint) error {
	q, most := store.Query{Scope: c.Scope()}, gatewayLimit
	if e.Type == "Interface" {
		q.Term, most = store.Term{Name: "vpc", Value: e.VPC}, frontageLimit
	}
	all, err := rows.Endpoints.List(v, q)
	if err != nil {
		return err
	}
	n := 0
	for _, o := range all {
		if o.Value.Type == e.Type {
			n++
		}
	}
	if n >= most {
		return fault.New(limitExceeded, limitSentence)
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// checkPolicy holds a text to the grammar of endpoint policies. Empty is the default.
func checkPolicy(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > policyLimit {
		return fault.New("InvalidPolicyDocument", "The policy document is larger than %d characters.", policyLimit)
	}
	_, err := policy.Parse([]byte(text), policy.Endpoint)
	var bad *policy.SyntaxError
	if errors.As(err, &bad) {
		return fault.New("InvalidPolicyDocument", "%s", bad.Error())
	}
	return err
}

// addTables gives an endpoint route tables of its own VPC. A table has one route to a service: a second endpoint for it
// is refused.
func addTables(c *api.Call, v store.View, e *vpc.Endpoint, ids []string) error {
	if err := unique(ids, "routeTableIds"); err != nil {
		return err
	}
	others, err := within(v, c, rows.Endpoints, e.VPC)
	if err != nil {
		return err
	}
	for _, id := range ids {
		t, err := load(v, c, rows.RouteTables, aTable, &id, "routeTableId")
		if fault.Is(err, aTable.notFound) { // this call's own spelling of the code
			return fault.New("InvalidRouteTableId.NotFound", aTable.sentence, id)
		}
		if err != nil {
			return err
		}
		if t.Value.VPC != e.VPC {
			return apart("route table %s and VPC %s", id, e.VPC)
		}
		for _, o := range others {
			if o.ID != e.ID && o.Value.Service == e.Service && slices.Contains(o.Value.RouteTables, id) {
				return fault.New("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", id, listOf(c, e.Service))
			}
		}
		if !slices.Contains(e.RouteTables, id) {
			e.RouteTables = append(e.RouteTables, id)
		}
	}
	return nil
}

func (s *Service) modifyEndpoint(c *api.Call, tx store.Tx, in *shape.ModifyVpcEndpointRequest) (*shape.ModifyVpcEndpointResult, error) {
	it, err := load(tx, c, rows.Endpoints, anEndpoint, in.VpcEndpointId, "vpcEndpointId")
	if err != nil {
		return nil, err
	}
	e := &it.Value
	reset, tables, front := deref(in.ResetPolicy), len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) > 0, frontChange(in)
	switch {
	case reset && in.PolicyDocument != nil:
		return nil, fault.New("InvalidParameterCombination", "resetPolicy and policyDocument cannot be specified together")
	case !reset && in.PolicyDocument == nil && !tables && !front:
		return nil, fault.New("InvalidParameterCombination", "No attributes specified.")
	case tables && e.Type != "Gateway":
		return nil, fault.New("InvalidParameter", "Route table Ids are only supported for Gateway type VPC Endpoint.")
	case front && e.Type != "Interface":
		return nil, fault.New("InvalidParameter", "Subnets, security groups and DNS options are only supported for Interface type VPC Endpoint.")
	case reset:
		e.Policy = ""
	case in.PolicyDocument != nil:
		if err := checkPolicy(*in.PolicyDocument); err != nil {
			return nil, err
		}
		e.Policy = *in.PolicyDocument
	}
	for _, id := range in.RemoveRouteTableIds {
		if !slices.Contains(e.RouteTables, id) {
			return nil, fault.New("InvalidRouteTableId.NotFound", "The route table %s is not associated with %s", id, it.ID)
		}
		e.RouteTables = without(e.RouteTables, func(t string) bool { return t == id })
	}
	if err := addTables(c, tx, e, in.AddRouteTableIds); err != nil {
		return nil, err
	}
	if front {
		if err := s.rebuild(c, tx, e, in); err != nil {
			return nil, err
		}
	}
	c.Touch(anEndpoint.arn(c, it.ID))
	return &shape.ModifyVpcEndpointResult{Return: new(true)}, rows.Endpoints.Save(tx, &it)
}

// deleteEndpoints removes those that exist and tells of the others: the call itself succeeds, as on AWS.
func (s *Service) deleteEndpoints(c *api.Call, tx store.Tx, in *shape.DeleteVpcEndpointsRequest) (*shape.DeleteVpcEndpointsResult, error) {
	if len(in.VpcEndpointIds) == 0 {
		return nil, missing("VpcEndpointId")
	}
	out := &shape.DeleteVpcEndpointsResult{Unsuccessful: []shape.UnsuccessfulItem{}}
	not := func(id, code, why string) {
		out.Unsuccessful = append(out.Unsuccessful, shape.UnsuccessfulItem{ResourceId: &id, Error: &shape.UnsuccessfulItemError{Code: &code, Message: &why}})
	}
	for _, id := range in.VpcEndpointIds {
		if err := anEndpoint.well(id); err != nil {
			return nil, err
		}
		it, err := rows.Endpoints.Get(tx, c.Scope(), id)
		if absent(err) {
			not(id, "InvalidVpcEndpoint.NotFound", anEndpoint.none(id).Message)
			continue
		}
		if err != nil {
			return nil, err
		}
		needs, err := neededBy(c, tx, &it.Value)
		if err != nil {
			return nil, err
		}
		if needs != "" {
			not(id, "DependencyViolation", "The Gateway endpoint "+id+" is needed by the private DNS of "+needs+", which is for inbound Resolver endpoints only.")
			continue
		}
		for _, eni := range it.Value.Interfaces {
			if err := s.dropInterface(c, tx, eni); err != nil {
				return nil, err
			}
		}
		if err := drop(c, tx, rows.Endpoints, anEndpoint, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}
