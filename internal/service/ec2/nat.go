package ec2

import (
	"net/netip"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// natKept is how long a deleted gateway is described (VPC User Guide, NAT gateways: about an hour).
const natKept = time.Hour

func (s *Service) natRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateNatGatewayRequest, shape.CreateNatGatewayResult]{
			Name: "CreateNatGateway", Honours: []string{"SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "TagSpecifications.*", "ClientToken", "DryRun"},
			Questions: asking[shape.CreateNatGatewayRequest]("CreateNatGateway"),
			Act:       createNAT,
		},
		api.Op[shape.DeleteNatGatewayRequest, shape.DeleteNatGatewayResult]{
			Name: "DeleteNatGateway", Honours: []string{"NatGatewayId", "DryRun"},
			Questions: asking[shape.DeleteNatGatewayRequest]("DeleteNatGateway"),
			Act:       s.deleteNAT,
		},
		api.Op[shape.DescribeNatGatewaysRequest, shape.DescribeNatGatewaysResult]{
			Name: "DescribeNatGateways", Honours: []string{"NatGatewayIds", "Filter.*", "MaxResults", "NextToken", "DryRun"},
			Questions: asking[shape.DescribeNatGatewaysRequest]("DescribeNatGateways"),
			View:      describeNATs,
		},
	}
}

// createNAT makes a gateway and its interface. What AWS finds out while it provisions (no internet gateway, an address in use)
// is found out at once: the gateway is there, and has failed.
func createNAT(c *api.Call, tx store.Tx, in *shape.CreateNatGatewayRequest) (*shape.CreateNatGatewayResult, error) {
	sn, err := load(tx, c, rows.Subnets, aSubnet, in.SubnetId, "subnetId")
	if err != nil {
		return nil, err
	}
	n := vpc.NAT{VPC: sn.Value.VPC, Subnet: sn.ID, Account: c.Account, State: "available", Created: tx.Now()}
	switch deref(in.ConnectivityType) {
	case "", "public":
		n.Public = true
	case "private":
		if in.AllocationId != nil {
			return nil, fault.New("InvalidParameterCombination", "An elastic IP address cannot be specified for a private NAT gateway.")
		}
	default:
		return nil, invalid("Value (%s) for parameter connectivityType is invalid.", *in.ConnectivityType)
	}
	params := sn.ID + "/" + deref(in.AllocationId) + "/" + deref(in.ConnectivityType)
	if was, err := repeated(c, tx, rows.NATs, "nat-gateway", in.ClientToken, params); err != nil {
		return nil, err
	} else if was != nil {
		tags, err := tx.Tags(aNAT.arn(c, was.ID))
		return &shape.CreateNatGatewayResult{ClientToken: in.ClientToken, NatGateway: new(natShape(&was.Value, tagList(tags)))}, err
	}
	if err := natRoom(c, tx, sn.Value.Zone); err != nil {
		return nil, err
	}
	var eip store.Item[vpc.Address]
	if n.Public {
		if eip, err = load(tx, c, rows.Addresses, anAddress, in.AllocationId, "allocationId"); err != nil {
			return nil, err
		}
	}
	n.ID = c.Dice.ID("nat")
	eni := vpc.Interface{ID: c.Dice.ID("eni"), VPC: n.VPC, Subnet: n.Subnet, Account: c.Account, Region: c.Region, Zone: sn.Value.Zone, Type: "nat_gateway",
		Description: "Interface for NAT Gateway " + n.ID, Requester: c.Account, RequesterManaged: true, NoSourceDestCheck: true, Status: "in-use", Created: tx.Now(),
		Attachment: &vpc.Attachment{ID: c.Dice.ID("ela-attach"), Owner: "amazon-aws", At: tx.Now()}}
	if eni.Addrs, err = addresses(c, tx, &sn.Value, &shape.CreateNetworkInterfaceRequest{PrivateIpAddress: in.PrivateIpAddress}); err != nil {
		return nil, err
	}
	eni.MAC = vpc.MAC(eni.Addrs[0])
	n.Addresses = []vpc.NATAddress{{Interface: eni.ID, Private: eni.Addrs[0]}}
	if n.Public {
		switch err := tie(c, tx, &eip, &eni, eni.Addrs[0], false); {
		case err == nil:
			n.Addresses[0].Allocation, n.Addresses[0].Association, n.Addresses[0].Public = eip.ID, eip.Value.Association, eip.Value.Public
		default:
			f := fault.From(err)
			if f.Kind == fault.Internal {
				return nil, err
			}
			n.State, n.FailureCode, n.Failure, n.Deleted = "failed", f.Code, f.Message, tx.Now()
			n.Addresses = nil
		}
	}
	if n.State == "available" {
		if err := rows.Interfaces.Create(tx, c.Scope(), eni.ID, &eni); err != nil {
			return nil, err
		}
	}
	if err := prune(c, tx); err != nil {
		return nil, err
	}
	if err := rows.NATs.Create(tx, c.Scope(), n.ID, &n); err != nil {
		return nil, err
	}
	if err := remember(c, tx, "nat-gateway", in.ClientToken, n.ID, params); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aNAT, n.ID, in.TagSpecifications)
	c.Touch(aNAT.arn(c, n.ID))
	out := natShape(&n, tags)
	out.State = new("pending")
	return &shape.CreateNatGatewayResult{ClientToken: in.ClientToken, NatGateway: &out}, err
}

// prune forgets gateways that were deleted long ago.
func prune(c *api.Call, tx store.Tx) error {
	all, err := rows.NATs.List(tx, store.Query{Scope: c.Scope()})
	for _, n := range all {
		if err == nil && forgotten(&n.Value, tx.Now()) {
			err = drop(c, tx, rows.NATs, aNAT, n.ID)
		}
	}
	return err
}

func forgotten(n *vpc.NAT, now time.Time) bool { return n.Gone() && now.Sub(n.Deleted) > natKept }

// deleteNAT takes the gateway's interface away at once. Its elastic address stays with the account.
func (s *Service) deleteNAT(c *api.Call, tx store.Tx, in *shape.DeleteNatGatewayRequest) (*shape.DeleteNatGatewayResult, error) {
	it, err := load(tx, c, rows.NATs, aNAT, in.NatGatewayId, "natGatewayId")
	if err != nil {
		return nil, err
	}
	if forgotten(&it.Value, tx.Now()) {
		return nil, aNAT.none(it.ID)
	}
	out := &shape.DeleteNatGatewayResult{NatGatewayId: &it.ID}
	if it.Value.Gone() {
		return out, nil
	}
	for _, a := range it.Value.Addresses {
		if err := s.dropInterface(c, tx, a.Interface); err != nil {
			return nil, err
		}
	}
	it.Value.State, it.Value.Deleted = "deleted", tx.Now()
	c.Touch(aNAT.arn(c, it.ID))
	return out, rows.NATs.Save(tx, &it)
}

// dropInterface removes an interface that a resource of ours made for itself; its addresses go into quarantine.
func (s *Service) dropInterface(c *api.Call, tx store.Tx, id string) error {
	it, err := rows.Interfaces.Get(tx, c.Scope(), id)
	if err != nil {
		return err
	}
	sn, err := rows.Subnets.Get(tx, c.Scope(), it.Value.Subnet)
	if err != nil {
		return err
	}
	for a, until := range sn.Value.Held {
		if !until.After(tx.Now()) {
			delete(sn.Value.Held, a)
		}
	}
	sn.Value.Hold(it.Value.Addrs, tx.Now().Add(s.cfg.Quarantine))
	if err := rows.Subnets.Save(tx, &sn); err != nil {
		return err
	}
	if err := untieAll(c, tx, id, func(netip.Addr) bool { return true }); err != nil {
		return err
	}
	return drop(c, tx, rows.Interfaces, anInterface, id)
}

func describeNATs(c *api.Call, v store.View, in *shape.DescribeNatGatewaysRequest) (*shape.DescribeNatGatewaysResult, error) {
	all, next, err := describe(c, v, rows.NATs, aNAT, wanted{in.NatGatewayIds, in.Filter, in.MaxResults, in.NextToken}, map[string]func(*vpc.NAT) []string{
		"nat-gateway-id": func(n *vpc.NAT) []string { return []string{n.ID} },
		"state":          func(n *vpc.NAT) []string { return []string{n.State} },
		"subnet-id":      func(n *vpc.NAT) []string { return []string{n.Subnet} },
		"vpc-id":         func(n *vpc.NAT) []string { return []string{n.VPC} },
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(n found[vpc.NAT]) bool { return forgotten(&n.Value, v.Now()) })
	if len(in.NatGatewayIds) > 0 && len(all) == 0 && len(in.Filter) == 0 {
		return nil, aNAT.none(in.NatGatewayIds[0])
	}
	out := &shape.DescribeNatGatewaysResult{NatGateways: []shape.NatGateway{}, NextToken: next}
	for i := range all {
		out.NatGateways = append(out.NatGateways, natShape(&all[i].Value, tagList(all[i].Tags)))
	}
	return out, nil
}

func natShape(n *vpc.NAT, tags []shape.Tag) shape.NatGateway {
	out := shape.NatGateway{NatGatewayId: &n.ID, VpcId: &n.VPC, SubnetId: &n.Subnet, State: &n.State, CreateTime: &n.Created, ConnectivityType: new("private"),
		Tags: tags, NatGatewayAddresses: []shape.NatGatewayAddress{}}
	if n.Public {
		out.ConnectivityType = new("public")
	}
	if !n.Deleted.IsZero() {
		out.DeleteTime = &n.Deleted
	}
	if n.FailureCode != "" {
		out.FailureCode, out.FailureMessage = &n.FailureCode, &n.Failure
	}
	for i := range n.Addresses {
		a := &n.Addresses[i]
		x := shape.NatGatewayAddress{NetworkInterfaceId: &a.Interface, PrivateIp: new(a.Private.String()), IsPrimary: new(i == 0), Status: new("succeeded")}
		if a.Allocation != "" {
			x.AllocationId, x.AssociationId, x.PublicIp = &a.Allocation, &a.Association, new(a.Public.String())
		}
		out.NatGatewayAddresses = append(out.NatGatewayAddresses, x)
	}
	return out
}
