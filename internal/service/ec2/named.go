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

// joined are the keys of what joins a VPC to something: its rows have them.
func (a *asker) joined(name, id string, set func(key, val string)) error {
	switch name {
	case "network-acl":
		it, err := rows.ACLs.Get(a.v, a.c.Scope(), id)
		if err == nil {
			set("ec2:Vpc", aVPC.arn(a.c, it.Value.VPC))
		}
		return err
	case "natgateway":
		it, err := rows.NATs.Get(a.v, a.c.Scope(), id)
		if err == nil {
			set("ec2:Vpc", aVPC.arn(a.c, it.Value.VPC))
		}
		return err
	case "elastic-ip":
		it, err := rows.Addresses.Get(a.v, a.c.Scope(), id)
		if err == nil {
			set("ec2:PublicIpAddress", it.Value.Public.String())
			set("ec2:Domain", "vpc")
		}
		return err
	case "vpc-peering-connection":
		p, err := peering(a.c, a.v, id)
		if err == nil {
			set("ec2:RequesterVpc", side(a.c, p.Requester))
			set("ec2:AccepterVpc", side(a.c, p.Accepter))
		}
		return err
	}
	return nil
}

// peering finds a peering connection that the caller's account has a side of, in this region.
func peering(c *api.Call, v store.View, id string) (vpc.Peering, error) {
	it, err := rows.Peerings.Get(v, between(c), id)
	if err == nil && !mine(c, it.Value.Requester) && !mine(c, it.Value.Accepter) {
		return vpc.Peering{}, store.ErrNotFound
	}
	return it.Value, err
}

// side is the ARN of a side's VPC.
func side(c *api.Call, s vpc.PeerSide) string {
	return aVPC.arn(&api.Call{Partition: c.Partition, Account: s.Account, Region: s.Region}, s.VPC)
}

// named puts in what a call does not name itself: the ends of a peering, what an attachment or an association is of.
func named(c *api.Call, v store.View, in any, qs []api.Question) ([]api.Question, error) {
	switch in := in.(type) {
	case *shape.CreateVpcPeeringConnectionRequest:
		ends(c, in, qs[0].Keys)
	case *shape.AcceptVpcPeeringConnectionRequest:
		p, err := peering(c, v, deref(in.VpcPeeringConnectionId))
		if err != nil || !mine(c, p.Accepter) {
			return qs, unlessAbsent(err)
		}
		return qs, become(c, v, &qs[1], aVPC.name, p.Accepter.VPC)
	case *shape.CreateFlowLogsRequest:
		return delivered(c, v, in, qs)
	case *shape.DetachNetworkInterfaceRequest:
		return detached(c, v, in, qs)
	case *shape.AssociateAddressRequest:
		_, err := allocated(c, v, &qs[0], deref(in.AllocationId), "public", deref(in.PublicIp))
		return qs, err
	case *shape.ReleaseAddressRequest:
		_, err := allocated(c, v, &qs[0], deref(in.AllocationId), "public", deref(in.PublicIp))
		return qs, err
	case *shape.DisassociateAddressRequest:
		term, val := "association", deref(in.AssociationId)
		if val == "" {
			term, val = "public", deref(in.PublicIp)
		}
		eni, err := allocated(c, v, &qs[0], "", term, val)
		if err != nil || eni == "" {
			return qs, err
		}
		q := api.Question{Action: qs[0].Action, Keys: map[string][]string{}}
		err = become(c, v, &q, anInterface.name, eni)
		return append(qs, q), err
	case *shape.DisassociateNatGatewayAddressRequest:
		n, err := rows.NATs.Get(v, c.Scope(), deref(in.NatGatewayId))
		if err != nil {
			return qs, unlessAbsent(err)
		}
		other := qs[1]
		for _, a := range n.Value.Addresses {
			if a.Allocation == "" || !slices.Contains(in.AssociationIds, a.Association) {
				continue
			}
			q := api.Question{Action: other.Action, Keys: map[string][]string{}}
			if err := become(c, v, &q, "elastic-ip", a.Allocation); err != nil {
				return nil, err
			}
			if qs[1].Resource == other.Resource {
				qs = qs[:1]
			}
			qs = append(qs, q)
		}
	}
	return qs, nil
}

// become makes a question one about a resource.
func become(c *api.Call, v store.View, q *api.Question, name, id string) error {
	q.Resource = c.ARN("ec2", name+"/"+id)
	return state(c, v, name, q)
}

// allocated makes a question about an address that is not named by its allocation one about that, and gives its interface.
func allocated(c *api.Call, v store.View, q *api.Question, id, term, val string) (string, error) {
	if id != "" || val == "" {
		return "", nil
	}
	it, err := rows.Addresses.Find(v, c.Scope(), term, val)
	if err != nil {
		return "", unlessAbsent(err)
	}
	return it.Value.Interface, become(c, v, q, "elastic-ip", it.ID)
}

func unlessAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}

// ends are the keys of a peering connection that is to be made: both VPCs, the accepter's where its owner and region are.
// Source: Amazon VPC Peering Guide, "Identity and access management".
func ends(c *api.Call, in *shape.CreateVpcPeeringConnectionRequest, keys map[string][]string) {
	if id := deref(in.VpcId); id != "" {
		keys["ec2:RequesterVpc"] = []string{aVPC.arn(c, id)}
	}
	if id := deref(in.PeerVpcId); id != "" {
		keys["ec2:AccepterVpc"] = []string{side(c, vpc.PeerSide{Account: cmp.Or(deref(in.PeerOwnerId), c.Account), Region: cmp.Or(deref(in.PeerRegion), c.Region), VPC: id})}
	}
}

// delivered asks about what a flow log watches, of the kind that ResourceType says, and about the delivery of its records.
// Sources: Service Authorization Reference; VPC User Guide, "Publish flow logs to Amazon S3" (permissions of the IAM
// principal) and "IAM roles for cross account delivery".
func delivered(c *api.Call, v store.View, in *shape.CreateFlowLogsRequest, qs []api.Question) ([]api.Question, error) {
	name := map[string]string{"VPC": "vpc", "Subnet": "subnet", "NetworkInterface": "network-interface", "RegionalNatGateway": "natgateway"}[deref(in.ResourceType)]
	for _, id := range in.ResourceIds {
		q := api.Question{Action: "ec2:CreateFlowLogs", Keys: map[string][]string{}}
		if err := become(c, v, &q, cmp.Or(name, "*"), id); err != nil {
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
	return qs, become(c, v, &qs[0], anInterface.name, all[i].ID)
}
