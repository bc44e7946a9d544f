package ec2

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

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
			Name: "CreateVpcEndpoint", Honours: []string{"VpcEndpointType", "VpcId", "ServiceName", "PolicyDocument", "RouteTableIds", "ClientToken", "TagSpecifications.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateVpcEndpointRequest) ([]api.Question, error) {
				return ask(c, v, "CreateVpcEndpoint").made(anEndpoint, in.TagSpecifications, "ec2:VpceServiceName", deref(in.ServiceName), "ec2:VpceServiceOwner", "amazon").
					on(aVPC, in.VpcId).each(aTable, in.RouteTableIds).done()
			},
			Act: createEndpoint,
		},
		api.Op[shape.ModifyVpcEndpointRequest, shape.ModifyVpcEndpointResult]{
			Name: "ModifyVpcEndpoint", Honours: []string{"VpcEndpointId", "ResetPolicy", "PolicyDocument", "AddRouteTableIds", "RemoveRouteTableIds", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifyVpcEndpointRequest) ([]api.Question, error) {
				return ask(c, v, "ModifyVpcEndpoint").on(anEndpoint, in.VpcEndpointId).each(aTable, in.AddRouteTableIds).each(aTable, in.RemoveRouteTableIds).done()
			},
			Act: modifyEndpoint,
		},
		api.Op[shape.DeleteVpcEndpointsRequest, shape.DeleteVpcEndpointsResult]{
			Name: "DeleteVpcEndpoints", Honours: []string{"VpcEndpointIds", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteVpcEndpointsRequest) ([]api.Question, error) {
				if len(in.VpcEndpointIds) == 0 {
					return ask(c, v, "DeleteVpcEndpoints").on(anEndpoint, nil).done()
				}
				return ask(c, v, "DeleteVpcEndpoints").each(anEndpoint, in.VpcEndpointIds).done()
			},
			Act: deleteEndpoints,
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
	service := deref(in.ServiceName)
	switch typ := cmp.Or(deref(in.VpcEndpointType), "Gateway"); {
	case service == "":
		return nil, missing("serviceName")
	case service != serviceName(c, "s3"):
		return nil, fault.New("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", service)
	case typ != "Gateway":
		return nil, notBuilt("VPC endpoints of type %s are not available; S3 is reached through one of type Gateway.", typ)
	}
	e := vpc.Endpoint{VPC: n.ID, Account: c.Account, Type: "Gateway", Service: service, Policy: deref(in.PolicyDocument), Token: deref(in.ClientToken), Created: tx.Now()}
	if err := checkPolicy(e.Policy); err != nil {
		return nil, err
	}
	if e.Token != "" {
		was, err := rows.Endpoints.Find(tx, c.Scope(), "token", e.Token)
		switch {
		case err == nil && (was.Value.VPC != e.VPC || was.Value.Service != e.Service || was.Value.Policy != e.Policy || !sameSet(was.Value.RouteTables, in.RouteTableIds)):
			return nil, mismatch() // also when it was modified since: an answer would pass for the policy that this call asks for
		case err == nil:
			out, err := endpointShape(c, tx, &was.Value)
			return &shape.CreateVpcEndpointResult{VpcEndpoint: out, ClientToken: in.ClientToken}, err
		case !absent(err):
			return nil, err
		}
	}
	e.ID = c.Dice.ID("vpce")
	if err := addTables(c, tx, &e, in.RouteTableIds); err != nil {
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

func modifyEndpoint(c *api.Call, tx store.Tx, in *shape.ModifyVpcEndpointRequest) (*shape.ModifyVpcEndpointResult, error) {
	it, err := load(tx, c, rows.Endpoints, anEndpoint, in.VpcEndpointId, "vpcEndpointId")
	if err != nil {
		return nil, err
	}
	e := &it.Value
	reset := deref(in.ResetPolicy)
	switch {
	case reset && in.PolicyDocument != nil:
		return nil, fault.New("InvalidParameterCombination", "resetPolicy and policyDocument cannot be specified together")
	case !reset && in.PolicyDocument == nil && len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) == 0:
		return nil, fault.New("InvalidParameterCombination", "No attributes specified.")
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
	c.Touch(anEndpoint.arn(c, it.ID))
	return &shape.ModifyVpcEndpointResult{Return: new(true)}, rows.Endpoints.Save(tx, &it)
}

// deleteEndpoints removes those that exist and tells of the others: the call itself succeeds, as on AWS.
func deleteEndpoints(c *api.Call, tx store.Tx, in *shape.DeleteVpcEndpointsRequest) (*shape.DeleteVpcEndpointsResult, error) {
	if len(in.VpcEndpointIds) == 0 {
		return nil, missing("VpcEndpointId")
	}
	out := &shape.DeleteVpcEndpointsResult{Unsuccessful: []shape.UnsuccessfulItem{}}
	for _, id := range in.VpcEndpointIds {
		if err := anEndpoint.well(id); err != nil {
			return nil, err
		}
		err := drop(c, tx, rows.Endpoints, anEndpoint, id)
		if absent(err) {
			out.Unsuccessful = append(out.Unsuccessful, shape.UnsuccessfulItem{ResourceId: &id, Error: &shape.UnsuccessfulItemError{
				Code: new("InvalidVpcEndpoint.NotFound"), Message: new(anEndpoint.none(id).Message)}})
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func describeEndpoints(c *api.Call, v store.View, in *shape.DescribeVpcEndpointsRequest) (*shape.DescribeVpcEndpointsResult, error) {
	v, err := withTags(c, v, anEndpoint, in.VpcEndpointIds)
	if err != nil {
		return nil, err
	}
	all, next, err := describe(c, v, rows.Endpoints, anEndpoint, wanted{in.VpcEndpointIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*vpc.Endpoint) []string{
		"service-name":       func(e *vpc.Endpoint) []string { return []string{e.Service} },
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
	return &shape.VpcEndpoint{VpcEndpointId: &e.ID, VpcEndpointType: &e.Type, VpcId: &e.VPC, ServiceName: &e.Service, State: new("available"),
		PolicyDocument: new(cmp.Or(e.Policy, openPolicy)), RouteTableIds: append([]string{}, e.RouteTables...), SubnetIds: []string{}, Groups: []shape.SecurityGroupIdentifier{},
		PrivateDnsEnabled: new(false), RequesterManaged: new(false), NetworkInterfaceIds: []string{}, DnsEntries: []shape.DnsEntry{},
		CreationTimestamp: new(e.Created.Truncate(time.Millisecond)), Tags: tagList(tags), OwnerId: &e.Account, ServiceRegion: new(regionOf(e.Service))}, err
}

// regionOf is the region in a service's name: com.amazonaws.<region>.s3.
func regionOf(service string) string {
	return strings.TrimSuffix(strings.TrimPrefix(service, "com.amazonaws."), ".s3")
}
