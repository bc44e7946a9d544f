package ec2

import (
	"cmp"
	"slices"
	"strconv"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// attribute is one that a call changes. Only those of plain values have a key for the value.
type attribute struct{ name, value string }

// changed are the attributes that a call changes, in the order of its members. Source: EC2 User Guide, "Condition keys",
// ec2:Attribute: names are the parameters'.
func changed(in any) []attribute {
	var out []attribute
	text := func(name string, p *string) {
		if p != nil {
			out = append(out, attribute{name, *p})
		}
	}
	number := func(name string, p *int64) {
		if p != nil {
			out = append(out, attribute{name, strconv.FormatInt(*p, 10)})
		}
	}
	flag := func(name string, p *bool) {
		if p != nil {
			out = append(out, attribute{name, strconv.FormatBool(*p)})
		}
	}
	other := func(name string, set bool) {
		if set {
			out = append(out, attribute{name: name})
		}
	}
	switch in := in.(type) {
	case *shape.ModifyVpcTenancyRequest:
		text("InstanceTenancy", in.InstanceTenancy)
	case *shape.ModifyAddressAttributeRequest:
		text("DomainName", in.DomainName)
	case *shape.ModifyManagedPrefixListRequest:
		text("PrefixListName", in.PrefixListName)
		other("AddEntries", in.AddEntries != nil)
		other("RemoveEntries", in.RemoveEntries != nil)
		number("MaxEntries", in.MaxEntries)
		flag("IpamPrefixListResolverSyncEnabled", in.IpamPrefixListResolverSyncEnabled)
	case *shape.ModifyVpcPeeringConnectionOptionsRequest:
		other("AccepterPeeringConnectionOptions", in.AccepterPeeringConnectionOptions != nil)
		other("RequesterPeeringConnectionOptions", in.RequesterPeeringConnectionOptions != nil)
	case *shape.ModifyVpcEndpointServicePermissionsRequest:
		other("AddAllowedPrincipals", in.AddAllowedPrincipals != nil)
		other("RemoveAllowedPrincipals", in.RemoveAllowedPrincipals != nil)
	case *shape.ModifyVpcEndpointServiceConfigurationRequest:
		text("PrivateDnsName", in.PrivateDnsName)
		flag("RemovePrivateDnsName", in.RemovePrivateDnsName)
		flag("AcceptanceRequired", in.AcceptanceRequired)
		other("AddNetworkLoadBalancerArns", in.AddNetworkLoadBalancerArns != nil)
		other("RemoveNetworkLoadBalancerArns", in.RemoveNetworkLoadBalancerArns != nil)
		other("AddGatewayLoadBalancerArns", in.AddGatewayLoadBalancerArns != nil)
		other("RemoveGatewayLoadBalancerArns", in.RemoveGatewayLoadBalancerArns != nil)
		other("AddSupportedIpAddressTypes", in.AddSupportedIpAddressTypes != nil)
		other("RemoveSupportedIpAddressTypes", in.RemoveSupportedIpAddressTypes != nil)
		other("AddSupportedRegions", in.AddSupportedRegions != nil)
		other("RemoveSupportedRegions", in.RemoveSupportedRegions != nil)
	}
	return out
}

// ends are the keys of a peering connection that is to be made: both VPCs, the accepter's where its owner and region are.
// Source: Amazon VPC Peering Guide, "Identity and access management".
func ends(c *api.Call, in *shape.CreateVpcPeeringConnectionRequest, keys map[string][]string) {
	if id := deref(in.VpcId); id != "" {
		keys["ec2:RequesterVpc"] = []string{aVPC.arn(c, id)}
	}
	if id := deref(in.PeerVpcId); id != "" {
		there := api.Call{Partition: c.Partition, Account: cmp.Or(deref(in.PeerOwnerId), c.Account), Region: cmp.Or(deref(in.PeerRegion), c.Region)}
		keys["ec2:AccepterVpc"] = []string{aVPC.arn(&there, id)}
	}
}

// delivered asks about what a flow log watches, of the kind that ResourceType says, and about the delivery of its records.
// Sources: Service Authorization Reference; VPC User Guide, "Publish flow logs to Amazon S3" (permissions of the IAM
// principal) and "IAM roles for cross account delivery".
func delivered(c *api.Call, v store.View, in *shape.CreateFlowLogsRequest, qs []api.Question) ([]api.Question, error) {
	name := map[string]string{"VPC": "vpc", "Subnet": "subnet", "NetworkInterface": "network-interface", "RegionalNatGateway": "natgateway"}[deref(in.ResourceType)]
	for _, id := range in.ResourceIds {
		q := api.Question{Action: "ec2:CreateFlowLogs", Resource: c.ARN("ec2", cmp.Or(name, "*")+"/"+id), Keys: map[string][]string{}}
		if err := state(c, v, name, &q); err != nil {
			return nil, err
		}
		qs = append(qs, q)
	}
	if to := deref(in.LogDestinationType); to == "s3" || to == "kinesis-data-firehose" {
		for _, action := range []string{"logs:CreateLogDelivery", "logs:DeleteLogDelivery"} {
			qs = append(qs, api.Question{Action: action, Resource: "*"})
		}
	}
	if role := deref(in.DeliverCrossAccountRole); role != "" {
		r, _ := arn.Parse(role)
		qs = append(qs, api.Question{Action: "iam:PassRole", Resource: role, Owner: r.Account, Keys: map[string][]string{"iam:PassedToService": {"delivery.logs.amazonaws.com"}}})
	}
	return qs, nil
}

// detached puts the interface that an attachment names into the question about it.
func detached(c *api.Call, v store.View, in *shape.DetachNetworkInterfaceRequest, qs []api.Question) ([]api.Question, error) {
	all, err := rows.Interfaces.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(it store.Item[vpc.Interface]) bool {
		return it.Value.Attachment != nil && it.Value.Attachment.ID == deref(in.AttachmentId)
	})
	if i < 0 {
		return qs, nil
	}
	qs[0].Resource = anInterface.arn(c, all[i].ID)
	return qs, state(c, v, anInterface.name, &qs[0])
}
