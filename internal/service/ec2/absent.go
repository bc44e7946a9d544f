package ec2

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// absentRows answer for what cannot exist here: IPv6, VPN gateways, blocked public access, groups lent to other VPCs. A list of
// them is empty, and an id is nobody's; clients that read whole accounts depend on that.
func (s *Service) absentRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribeEgressOnlyInternetGatewaysRequest, shape.DescribeEgressOnlyInternetGatewaysResult]{
			Name: "DescribeEgressOnlyInternetGateways", Honours: describeMembers("EgressOnlyInternetGatewayIds"),
			Questions: asking[shape.DescribeEgressOnlyInternetGatewaysRequest]("DescribeEgressOnlyInternetGateways"),
			View: func(_ *api.Call, _ store.View, in *shape.DescribeEgressOnlyInternetGatewaysRequest) (*shape.DescribeEgressOnlyInternetGatewaysResult, error) {
				if len(in.EgressOnlyInternetGatewayIds) > 0 {
					return nil, fault.New("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", in.EgressOnlyInternetGatewayIds[0])
				}
				return &shape.DescribeEgressOnlyInternetGatewaysResult{EgressOnlyInternetGateways: []shape.EgressOnlyInternetGateway{}}, nil
			},
		},
		api.Op[shape.DescribeSecurityGroupVpcAssociationsRequest, shape.DescribeSecurityGroupVpcAssociationsResult]{
			Name: "DescribeSecurityGroupVpcAssociations", Honours: describeMembers(),
			Questions: asking[shape.DescribeSecurityGroupVpcAssociationsRequest]("DescribeSecurityGroupVpcAssociations"),
			View: func(*api.Call, store.View, *shape.DescribeSecurityGroupVpcAssociationsRequest) (*shape.DescribeSecurityGroupVpcAssociationsResult, error) {
				return &shape.DescribeSecurityGroupVpcAssociationsResult{SecurityGroupVpcAssociations: []shape.SecurityGroupVpcAssociation{}}, nil
			},
		},
		api.Op[shape.DescribeVpcBlockPublicAccessOptionsRequest, shape.DescribeVpcBlockPublicAccessOptionsResult]{
			Name: "DescribeVpcBlockPublicAccessOptions", Honours: []string{"DryRun"},
			Questions: asking[shape.DescribeVpcBlockPublicAccessOptionsRequest]("DescribeVpcBlockPublicAccessOptions"),
			View: func(c *api.Call, _ store.View, _ *shape.DescribeVpcBlockPublicAccessOptionsRequest) (*shape.DescribeVpcBlockPublicAccessOptionsResult, error) {
				return &shape.DescribeVpcBlockPublicAccessOptionsResult{VpcBlockPublicAccessOptions: &shape.VpcBlockPublicAccessOptions{AwsAccountId: &c.Account, AwsRegion: &c.Region,
					State: new("default-state"), InternetGatewayBlockMode: new("off"), ManagedBy: new("account"), ExclusionsAllowed: new("allowed")}}, nil
			},
		},
		api.Op[shape.DescribeVpcBlockPublicAccessExclusionsRequest, shape.DescribeVpcBlockPublicAccessExclusionsResult]{
			Name: "DescribeVpcBlockPublicAccessExclusions", Honours: describeMembers("ExclusionIds"),
			Questions: asking[shape.DescribeVpcBlockPublicAccessExclusionsRequest]("DescribeVpcBlockPublicAccessExclusions"),
			View: func(_ *api.Call, _ store.View, in *shape.DescribeVpcBlockPublicAccessExclusionsRequest) (*shape.DescribeVpcBlockPublicAccessExclusionsResult, error) {
				if len(in.ExclusionIds) > 0 {
					return nil, fault.New("InvalidVpcBlockPublicAccessExclusionId.NotFound", "The exclusion ID '%s' does not exist", in.ExclusionIds[0])
				}
				return &shape.DescribeVpcBlockPublicAccessExclusionsResult{VpcBlockPublicAccessExclusions: []shape.VpcBlockPublicAccessExclusion{}}, nil
			},
		},
		api.Op[shape.EnableVgwRoutePropagationRequest, shape.EnableVgwRoutePropagationOutput]{
			Name: "EnableVgwRoutePropagation", Honours: []string{"GatewayId", "RouteTableId", "DryRun"},
			Questions: asking[shape.EnableVgwRoutePropagationRequest]("EnableVgwRoutePropagation"),
			Act: func(c *api.Call, tx store.Tx, in *shape.EnableVgwRoutePropagationRequest) (*shape.EnableVgwRoutePropagationOutput, error) {
				return nil, noVPN(c, tx, in.RouteTableId, in.GatewayId)
			},
		},
		api.Op[shape.DisableVgwRoutePropagationRequest, shape.DisableVgwRoutePropagationOutput]{
			Name: "DisableVgwRoutePropagation", Honours: []string{"GatewayId", "RouteTableId", "DryRun"},
			Questions: asking[shape.DisableVgwRoutePropagationRequest]("DisableVgwRoutePropagation"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DisableVgwRoutePropagationRequest) (*shape.DisableVgwRoutePropagationOutput, error) {
				return nil, noVPN(c, tx, in.RouteTableId, in.GatewayId)
			},
		},
	}
}

// noVPN is true of every id: there are no VPN gateways here, so no routes are learnt.
func noVPN(c *api.Call, v store.View, table, gateway *string) error {
	if _, err := load(v, c, rows.RouteTables, aTable, table, "routeTableId"); err != nil {
		return err
	}
	if gateway == nil {
		return missing("gatewayId")
	}
	return fault.New("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", *gateway)
}
