package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// cidrLimit is AWS's quota of IPv4 CIDR blocks of a VPC (VPC User Guide, quotas).
const cidrLimit = 5

func (s *Service) cidrRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AssociateVpcCidrBlockRequest, shape.AssociateVpcCidrBlockResult]{
			Name: "AssociateVpcCidrBlock", Honours: []string{"VpcId", "CidrBlock"},
			Questions: asking[shape.AssociateVpcCidrBlockRequest]("AssociateVpcCidrBlock"),
			Act:       addBlock,
		},
		api.Op[shape.DisassociateVpcCidrBlockRequest, shape.DisassociateVpcCidrBlockResult]{
			Name: "DisassociateVpcCidrBlock", Honours: []string{"AssociationId"},
			Questions: func(c *api.Call, v store.View, in *shape.DisassociateVpcCidrBlockRequest) ([]api.Question, error) {
				n, _, err := blockOf(c, v, deref(in.AssociationId))
				if err != nil && !absent(err) {
					return nil, err
				}
				return ask(c, v, "DisassociateVpcCidrBlock").on(aVPC, &n.ID).done()
			},
			Act: removeBlock,
		},
		api.Op[shape.ModifyVpcTenancyRequest, shape.ModifyVpcTenancyResult]{
			Name: "ModifyVpcTenancy", Honours: []string{"VpcId", "InstanceTenancy", "DryRun"},
			Questions: asking[shape.ModifyVpcTenancyRequest]("ModifyVpcTenancy"),
			Act: func(c *api.Call, tx store.Tx, in *shape.ModifyVpcTenancyRequest) (*shape.ModifyVpcTenancyResult, error) {
				it, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
				if err != nil {
					return nil, err
				}
				if deref(in.InstanceTenancy) != "default" {
					return nil, invalid("Value (%s) for parameter instanceTenancy is invalid. Tenancy can be changed to default only.", deref(in.InstanceTenancy))
				}
				it.Value.Tenancy = "default"
				c.Touch(aVPC.arn(c, it.ID))
				return &shape.ModifyVpcTenancyResult{ReturnValue: new(true)}, rows.VPCs.Save(tx, &it)
			},
		},
	}
}

// blockAssoc is the id under which a VPC has a CIDR block: it follows from both.
func blockAssoc(n *vpc.VPC, p netip.Prefix) string {
	if p == n.CIDRs[0] {
		return cidrAssoc(n)
	}
	h := sha256.Sum256([]byte(n.ID + "/" + p.String()))
	return "vpc-cidr-assoc-" + hex.EncodeToString(h[:])[:17]
}

func blockShape(n *vpc.VPC, p netip.Prefix, state string) shape.VpcCidrBlockAssociation {
	return shape.VpcCidrBlockAssociation{AssociationId: new(blockAssoc(n, p)), CidrBlock: new(p.String()), CidrBlockState: &shape.VpcCidrBlockState{State: &state}}
}

// kin are the ranges that a VPC of one of them may not grow into (VPC User Guide, CIDR block association restrictions). The
// shared range 100.64.0.0/10 and public ranges go with each.
var kin = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.19.0.0/16")}

func family(p netip.Prefix) int {
	return slices.IndexFunc(kin, func(k netip.Prefix) bool { return k.Overlaps(p) })
}

func addBlock(c *api.Call, tx store.Tx, in *shape.AssociateVpcCidrBlockRequest) (*shape.AssociateVpcCidrBlockResult, error) {
	it, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, missing("cidrBlock")
	}
	p, err := block(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	n := &it.Value
	if p.Bits() < 16 || p.Bits() > 28 || !usable(p) {
		return nil, fault.New("InvalidVpc.Range", "The CIDR '%s' is invalid.", p)
	}
	if a, b := family(n.CIDRs[0]), family(p); b == 3 || a >= 0 && b >= 0 && a != b {
		return nil, fault.New("InvalidVpc.Range", "The CIDR '%s' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR.", p)
	}
	if len(n.CIDRs) >= cidrLimit {
		return nil, fault.New("CidrLimitExceeded", "The maximum number of CIDR blocks has been reached.")
	}
	if overlap(n.CIDRs, []netip.Prefix{p}) {
		return nil, fault.New("InvalidVpc.Conflict", "The CIDR '%s' conflicts with another CIDR of the VPC.", p)
	}
	snap, err := rows.Snapshot(tx, c.Scope(), it.ID)
	if err != nil {
		return nil, err
	}
	for _, x := range snap.Peers {
		if overlap(x.CIDRs, []netip.Prefix{p}) {
			return nil, fault.New("InvalidVpc.Conflict", "The CIDR '%s' conflicts with that of the peering connection %s.", p, x.ID)
		}
	}
	for _, t := range snap.RouteTables {
		for _, r := range t.Routes {
			if r.PrefixList == "" && p.Overlaps(r.Dest) && p.Bits() >= r.Dest.Bits() && r.Dest.Bits() > 0 {
				return nil, invalid("The CIDR '%s' lies within the destination %s of a route of %s.", p, r.Dest, t.ID)
			}
		}
	}
	n.CIDRs = append(n.CIDRs, p)
	c.Touch(aVPC.arn(c, it.ID))
	return &shape.AssociateVpcCidrBlockResult{VpcId: &it.ID, CidrBlockAssociation: new(blockShape(n, p, "associating"))}, rows.VPCs.Save(tx, &it)
}

// blockOf finds the VPC and the block of an association.
func blockOf(c *api.Call, v store.View, id string) (store.Item[vpc.VPC], netip.Prefix, error) {
	all, err := rows.VPCs.List(v, store.Query{Scope: c.Scope()})
	for _, it := range all {
		for _, p := range it.Value.CIDRs {
			if blockAssoc(&it.Value, p) == id {
				return it, p, nil
			}
		}
	}
	if err == nil {
		err = store.ErrNotFound
	}
	return store.Item[vpc.VPC]{}, netip.Prefix{}, err
}

func removeBlock(c *api.Call, tx store.Tx, in *shape.DisassociateVpcCidrBlockRequest) (*shape.DisassociateVpcCidrBlockResult, error) {
	id := deref(in.AssociationId)
	if id == "" {
		return nil, missing("associationId")
	}
	it, p, err := blockOf(c, tx, id)
	if absent(err) {
		return nil, fault.New("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", id)
	}
	if err != nil {
		return nil, err
	}
	n := &it.Value
	if p == n.CIDRs[0] {
		return nil, fault.New("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", id)
	}
	subnets, err := within(tx, c, rows.Subnets, it.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range subnets {
		if p.Overlaps(s.Value.CIDR) {
			return nil, fault.New("InvalidCidrBlock.InUse", "The vpc %s currently has a subnet within CIDR block %s", it.ID, p)
		}
	}
	out := blockShape(n, p, "disassociating")
	n.CIDRs = without(n.CIDRs, func(o netip.Prefix) bool { return o == p })
	c.Touch(aVPC.arn(c, it.ID))
	return &shape.DisassociateVpcCidrBlockResult{VpcId: &it.ID, CidrBlockAssociation: &out}, rows.VPCs.Save(tx, &it)
}

// defaultBlock is the CIDR of a default VPC; its subnets are the first /20s of it, one in each zone.
var defaultBlock = netip.MustParsePrefix("172.31.0.0/16")

func (s *Service) defaultRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateDefaultVpcRequest, shape.CreateDefaultVpcResult]{
			Name: "CreateDefaultVpc", Honours: []string{"DryRun"},
			Questions: asking[shape.CreateDefaultVpcRequest]("CreateDefaultVpc"),
			Act:       createDefault,
		},
		api.Op[shape.CreateDefaultSubnetRequest, shape.CreateDefaultSubnetResult]{
			Name: "CreateDefaultSubnet", Honours: []string{"AvailabilityZone", "AvailabilityZoneId", "DryRun"},
			Questions: asking[shape.CreateDefaultSubnetRequest]("CreateDefaultSubnet"),
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateDefaultSubnetRequest) (*shape.CreateDefaultSubnetResult, error) {
				n, err := defaultVPC(c, tx)
				if absent(err) {
					return nil, fault.New("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
				}
				if err != nil {
					return nil, err
				}
				z, err := pickZone(c, &shape.CreateSubnetRequest{AvailabilityZone: in.AvailabilityZone, AvailabilityZoneId: in.AvailabilityZoneId})
				if err != nil {
					return nil, err
				}
				if in.AvailabilityZone == nil && in.AvailabilityZoneId == nil {
					return nil, missing("availabilityZone")
				}
				sn, err := defaultSubnet(c, tx, n.ID, z)
				if err != nil {
					return nil, err
				}
				out := subnetShape(c, sn, free(sn, 0, tx.Now()), []shape.Tag{})
				return &shape.CreateDefaultSubnetResult{Subnet: &out}, nil
			},
		},
	}
}

func defaultVPC(c *api.Call, v store.View) (store.Item[vpc.VPC], error) {
	all, err := rows.VPCs.List(v, store.Query{Scope: c.Scope()})
	for _, it := range all {
		if it.Value.Default {
			return it, nil
		}
	}
	if err == nil {
		err = store.ErrNotFound
	}
	return store.Item[vpc.VPC]{}, err
}

// createDefault makes what AWS gives each account in each region: a VPC with an internet gateway, a route to it, and a public
// subnet in each zone. Here nobody has one unasked.
func createDefault(c *api.Call, tx store.Tx, _ *shape.CreateDefaultVpcRequest) (*shape.CreateDefaultVpcResult, error) {
	if _, err := defaultVPC(c, tx); err == nil {
		return nil, fault.New("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
	} else if !absent(err) {
		return nil, err
	}
	made, err := createVpc(c, tx, &shape.CreateVpcRequest{CidrBlock: new(defaultBlock.String())})
	if err != nil {
		return nil, err
	}
	it, err := rows.VPCs.Get(tx, c.Scope(), *made.Vpc.VpcId)
	if err != nil {
		return nil, err
	}
	it.Value.Default, it.Value.DNSHostnames = true, true
	if err := rows.VPCs.Save(tx, &it); err != nil {
		return nil, err
	}
	g := vpc.InternetGateway{ID: c.Dice.ID("igw"), Account: c.Account, VPC: it.ID}
	if err := rows.InternetGateways.Create(tx, c.Scope(), g.ID, &g); err != nil {
		return nil, err
	}
	t, err := rows.RouteTables.Find(tx, c.Scope(), "main", it.ID)
	if err != nil {
		return nil, err
	}
	t.Value.Routes = append(t.Value.Routes, vpc.Route{Dest: everywhere, Target: g.ID, Origin: "CreateRoute"})
	if err := rows.RouteTables.Save(tx, &t); err != nil {
		return nil, err
	}
	for _, z := range zones(c.Region) {
		if _, err := defaultSubnet(c, tx, it.ID, z); err != nil {
			return nil, err
		}
	}
	out := vpcShape(&it.Value, []shape.Tag{})
	out.State = new("pending")
	return &shape.CreateDefaultVpcResult{Vpc: &out}, nil
}

// defaultSubnet makes a zone's default subnet in the first free /20.
func defaultSubnet(c *api.Call, tx store.Tx, id string, z zone) (*vpc.Subnet, error) {
	all, err := within(tx, c, rows.Subnets, id)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Value.Default && o.Value.Zone == z.name {
			return nil, fault.New("DefaultSubnetAlreadyExistsInAvailabilityZone", "A default subnet already exists in the availability zone %s: %s", z.name, o.ID)
		}
	}
	b := defaultBlock.Addr().As4()
	for i := range 16 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{b[0], b[1], byte(i * 16), 0}), 20)
		if slices.ContainsFunc(all, func(o store.Item[vpc.Subnet]) bool { return p.Overlaps(o.Value.CIDR) }) {
			continue
		}
		sn := vpc.Subnet{ID: c.Dice.ID("subnet"), VPC: id, Account: c.Account, CIDR: p, Zone: z.name, ZoneID: z.id, Default: true, MapPublic: true}
		if err := rows.Subnets.Create(tx, c.Scope(), sn.ID, &sn); err != nil {
			return nil, err
		}
		c.Touch(aSubnet.arn(c, sn.ID))
		return &sn, underDefault(c, tx, id, sn.ID)
	}
	return nil, fault.New("InsufficientFreeAddressesInSubnet", "The default VPC %s has no free block for another subnet.", id)
}
