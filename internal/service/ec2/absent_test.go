package ec2_test

import (
	"testing"

	shape "cloister/internal/shape/ec2"
)

// What cannot exist is listed as nothing, and an id of it is nobody's.
func TestAbsent(t *testing.T) {
	h := open(t)
	v, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	table := h.mainTable(v)
	if l := do[shape.DescribeEgressOnlyInternetGatewaysResult](h, &shape.DescribeEgressOnlyInternetGatewaysRequest{}).EgressOnlyInternetGateways; l == nil || len(l) > 0 {
		t.Errorf("%v", l)
	}
	h.refuse("InvalidGatewayID.NotFound", &shape.DescribeEgressOnlyInternetGatewaysRequest{EgressOnlyInternetGatewayIds: []string{"eigw-1"}})
	if l := do[shape.DescribeSecurityGroupVpcAssociationsResult](h, &shape.DescribeSecurityGroupVpcAssociationsRequest{}).SecurityGroupVpcAssociations; l == nil || len(l) > 0 {
		t.Errorf("%v", l)
	}
	if o := do[shape.DescribeVpcBlockPublicAccessOptionsResult](h, &shape.DescribeVpcBlockPublicAccessOptionsRequest{}).VpcBlockPublicAccessOptions; *o.InternetGatewayBlockMode != "off" || *o.AwsAccountId != account {
		t.Errorf("%+v", o)
	}
	h.refuse("InvalidVpcBlockPublicAccessExclusionId.NotFound", &shape.DescribeVpcBlockPublicAccessExclusionsRequest{ExclusionIds: []string{"x"}})
	h.refuse("InvalidGatewayID.NotFound", &shape.EnableVgwRoutePropagationRequest{RouteTableId: &table, GatewayId: ref("vgw-1")})
	h.refuse("InvalidRouteTableID.NotFound", &shape.DisableVgwRoutePropagationRequest{RouteTableId: ref("rtb-1"), GatewayId: ref("vgw-1")})
	h.refuse("MissingParameter", &shape.DisableVgwRoutePropagationRequest{RouteTableId: &table})
}
