package ec2

import (
	"strings"

	"cloister/internal/api"
	sheets "cloister/internal/api/ask"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// asking are the questions of an operation of the sheet, for its row.
func asking[I any](operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	f := questions(operation)
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return f(c, v, in) }
}

// rest are the rows of what is not built: authorised, and then told so.
func rest(built []api.Operation) []api.Operation {
	out := sheet.Rest(built...)
	for i := range out {
		out[i].Questions = questions(out[i].Name)
	}
	return out
}

// questions are the sheet's, with what a sheet cannot say.
func questions(operation string) func(*api.Call, store.View, any) ([]api.Question, error) {
	f := sheet.Questions(operation)
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		if err != nil || len(qs) == 0 {
			return qs, err
		}
		for _, x := range changed(in) {
			qs[0].Keys["ec2:Attribute"] = append(qs[0].Keys["ec2:Attribute"], x.name)
			if x.value != "" {
				qs[0].Keys["ec2:Attribute/"+x.name] = []string{x.value}
			}
		}
		return named(c, v, in, qs)
	}
}

// sheet is what the operations that are not built ask. A resource that an association names and not the call is any of its
// kind here, and found afterwards. Sources: Service Authorization Reference, Amazon EC2, and the EC2 API Reference.
var sheet = &sheets.Sheet{
	Service: "ec2", Principal: "vpc-flow-logs.amazonaws.com", Roles: "DeliverLogsPermissionArn", Tags: "TagSpecifications.Tags",
	Keys: map[string]string{
		"ec2:Domain":                    "Domain",
		"ec2:PublicIpAddress":           "Address|PublicIp",
		"ec2:Ipv4IpamPoolId":            "Ipv4IpamPoolId",
		"ec2:Ipv6IpamPoolId":            "Ipv6IpamPoolId",
		"ec2:VpceServicePrivateDnsName": "PrivateDnsName",
	},
	Operations: map[string]string{
		"AllocateAddress":            "elastic-ip ipam-pool=IpamPoolId? ipv4pool-ec2=PublicIpv4Pool?",
		"AssociateAddress":           "elastic-ip=AllocationId instance=InstanceId? network-interface=NetworkInterfaceId?",
		"DisassociateAddress":        "elastic-ip",
		"ReleaseAddress":             "elastic-ip=AllocationId",
		"ModifyAddressAttribute":     "elastic-ip=AllocationId",
		"ResetAddressAttribute":      "elastic-ip=AllocationId",
		"DescribeAddresses":          "",
		"DescribeAddressesAttribute": "",

		"AssignIpv6Addresses":            "network-interface=NetworkInterfaceId",
		"AssignPrivateIpAddresses":       "network-interface=NetworkInterfaceId",
		"UnassignIpv6Addresses":          "network-interface=NetworkInterfaceId",
		"UnassignPrivateIpAddresses":     "network-interface=NetworkInterfaceId",
		"ResetNetworkInterfaceAttribute": "network-interface=NetworkInterfaceId",
		"AttachNetworkInterface":         "network-interface=NetworkInterfaceId instance=InstanceId",
		"DetachNetworkInterface":         "network-interface instance",

		"CreateInternetGateway":              "internet-gateway",
		"DeleteInternetGateway":              "internet-gateway=InternetGatewayId",
		"AttachInternetGateway":              "internet-gateway=InternetGatewayId vpc=VpcId",
		"DetachInternetGateway":              "internet-gateway=InternetGatewayId vpc=VpcId",
		"DescribeInternetGateways":           "",
		"CreateEgressOnlyInternetGateway":    "egress-only-internet-gateway vpc=VpcId",
		"DeleteEgressOnlyInternetGateway":    "egress-only-internet-gateway=EgressOnlyInternetGatewayId",
		"DescribeEgressOnlyInternetGateways": "",

		"CreateNatGateway": "natgateway subnet=SubnetId? vpc=VpcId? elastic-ip=AllocationId? elastic-ip=SecondaryAllocationIds? " +
			"elastic-ip=AvailabilityZoneAddresses.AllocationIds?",
		"DeleteNatGateway":                 "natgateway=NatGatewayId",
		"DescribeNatGateways":              "",
		"AssociateNatGatewayAddress":       "natgateway=NatGatewayId elastic-ip=AllocationIds",
		"DisassociateNatGatewayAddress":    "natgateway=NatGatewayId elastic-ip",
		"AssignPrivateNatGatewayAddress":   "natgateway=NatGatewayId",
		"UnassignPrivateNatGatewayAddress": "natgateway=NatGatewayId",

		"CreateManagedPrefixList":          "prefix-list",
		"DeleteManagedPrefixList":          "prefix-list=PrefixListId",
		"ModifyManagedPrefixList":          "prefix-list=PrefixListId",
		"GetManagedPrefixListAssociations": "prefix-list=PrefixListId",
		"GetManagedPrefixListEntries":      "prefix-list=PrefixListId",

		"CreateVpcPeeringConnection":        "vpc-peering-connection vpc=VpcId",
		"AcceptVpcPeeringConnection":        "vpc-peering-connection=VpcPeeringConnectionId vpc", // the accepter's
		"DeleteVpcPeeringConnection":        "vpc-peering-connection=VpcPeeringConnectionId",
		"RejectVpcPeeringConnection":        "vpc-peering-connection=VpcPeeringConnectionId",
		"ModifyVpcPeeringConnectionOptions": "vpc-peering-connection=VpcPeeringConnectionId",
		"DescribeVpcPeeringConnections":     "",

		"CreateFlowLogs":   "vpc-flow-log",
		"DeleteFlowLogs":   "vpc-flow-log=FlowLogIds",
		"DescribeFlowLogs": "",

		"CreateDhcpOptions":           "dhcp-options",
		"DeleteDhcpOptions":           "dhcp-options=DhcpOptionsId",
		"AssociateDhcpOptions":        "dhcp-options=DhcpOptionsId vpc=VpcId",
		"CreateDefaultVpc":            "",
		"CreateDefaultSubnet":         "",
		"ModifyVpcTenancy":            "vpc=VpcId",
		"AssociateVpcCidrBlock":       "vpc=VpcId ipam-pool=Ipv4IpamPoolId? ipam-pool=Ipv6IpamPoolId? ipv6pool-ec2=Ipv6Pool?",
		"DisassociateVpcCidrBlock":    "vpc",
		"AssociateSubnetCidrBlock":    "subnet=SubnetId ipam-pool=Ipv6IpamPoolId?",
		"DisassociateSubnetCidrBlock": "subnet",

		"AssociateSecurityGroupVpc":            "security-group=GroupId vpc=VpcId",
		"DisassociateSecurityGroupVpc":         "security-group=GroupId vpc=VpcId",
		"GetSecurityGroupsForVpc":              "vpc=VpcId",
		"DescribeSecurityGroupReferences":      "security-group=GroupId",
		"DescribeSecurityGroupVpcAssociations": "",
		"DescribeStaleSecurityGroups":          "",

		"EnableVgwRoutePropagation":  "route-table=RouteTableId vpn-gateway=GatewayId",
		"DisableVgwRoutePropagation": "route-table=RouteTableId vpn-gateway=GatewayId",

		"CreateVpcEndpointServiceConfiguration":    "vpc-endpoint-service",
		"DeleteVpcEndpointServiceConfigurations":   "vpc-endpoint-service=ServiceIds",
		"ModifyVpcEndpointServiceConfiguration":    "vpc-endpoint-service=ServiceId",
		"ModifyVpcEndpointServicePermissions":      "vpc-endpoint-service=ServiceId",
		"AcceptVpcEndpointConnections":             "vpc-endpoint-service=ServiceId",
		"RejectVpcEndpointConnections":             "vpc-endpoint-service=ServiceId",
		"DescribeVpcEndpointServiceConfigurations": "",
		"DescribeVpcEndpointServicePermissions":    "vpc-endpoint-service=ServiceId",
		"DescribeVpcEndpointConnections":           "",
		"DescribeVpcEndpointAssociations":          "",

		"DescribeInstances":                      "",
		"DescribeInstanceTypes":                  "",
		"DescribeVpcBlockPublicAccessExclusions": "",
		"DescribeVpcBlockPublicAccessOptions":    "",
	},
	Find: state,
}

// state adds the keys that a resource has by its id and its state, as the asker of the built rows does.
func state(c *api.Call, v store.View, name string, q *api.Question) error {
	k := kind{name: name}
	for _, known := range append(taggable(), aPrefixList) {
		if known.name == name {
			k = known
		}
	}
	keys := (&asker{c: c}).base()
	id, ours := strings.CutPrefix(q.Resource, k.arn(c, ""))
	if ours && name != "" && id != "*" {
		var err error
		if keys, err = (&asker{c: c, v: v}).keys(k, id); err != nil {
			return err
		}
		if k == aPrefixList && id == vpc.S3PrefixList(c.Region) { // AWS's own list
			q.Resource = "arn:" + c.Partition + ":ec2:" + c.Region + ":aws:prefix-list/" + id
		}
	}
	for key, val := range keys {
		q.Keys[key] = val
	}
	return nil
}
