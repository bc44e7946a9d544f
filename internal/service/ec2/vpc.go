package ec2

import (
	"net/netip"
	"slices"
	"strconv"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) vpcRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateVpcRequest, shape.CreateVpcResult]{
			Name: "CreateVpc", Honours: []string{"CidrBlock", "InstanceTenancy", "TagSpecifications.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateVpcRequest) ([]api.Question, error) {
				return ask(c, v, "CreateVpc").made(aVPC, in.TagSpecifications).done()
			},
			Act: createVpc,
		},
		api.Op[shape.DeleteVpcRequest, shape.DeleteVpcOutput]{
			Name: "DeleteVpc", Honours: []string{"VpcId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteVpcRequest) ([]api.Question, error) {
				return ask(c, v, "DeleteVpc").on(aVPC, in.VpcId).done()
			},
			Act: deleteVpc,
		},
		api.Op[shape.DescribeVpcsRequest, shape.DescribeVpcsResult]{
			Name: "DescribeVpcs", Honours: describeMembers("VpcIds"),
			Questions: describing[shape.DescribeVpcsRequest]("DescribeVpcs"),
			View:      describeVpcs,
		},
		api.Op[shape.ModifyVpcAttributeRequest, shape.ModifyVpcAttributeOutput]{
			Name: "ModifyVpcAttribute", Honours: []string{"VpcId", "EnableDnsSupport.*", "EnableDnsHostnames.*"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifyVpcAttributeRequest) ([]api.Question, error) {
				return ask(c, v, "ModifyVpcAttribute").on(aVPC, in.VpcId, attributes(map[string]*shape.AttributeBooleanValue{
					"EnableDnsSupport": in.EnableDnsSupport, "EnableDnsHostnames": in.EnableDnsHostnames})...).done()
			},
			Act: modifyVpc,
		},
		api.Op[shape.DescribeVpcAttributeRequest, shape.DescribeVpcAttributeResult]{
			Name: "DescribeVpcAttribute", Honours: []string{"VpcId", "Attribute", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DescribeVpcAttributeRequest) ([]api.Question, error) {
				return ask(c, v, "DescribeVpcAttribute").on(aVPC, in.VpcId).done()
			},
			View: describeVpcAttribute,
		},
	}
}

// createVpc makes a VPC with its main route table, its default group and its default network ACL, as AWS does.
func createVpc(c *api.Call, tx store.Tx, in *shape.CreateVpcRequest) (*shape.CreateVpcResult, error) {
	if in.CidrBlock == nil {
		return nil, missing("cidrBlock")
	}
	cidr, err := block(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < 16 || cidr.Bits() > 28 || !usable(cidr) {
		return nil, fault.New("InvalidVpc.Range", "The CIDR '%s' is invalid.", cidr)
	}
	tenancy := "default"
	if in.InstanceTenancy != nil {
		tenancy = *in.InstanceTenancy
	}
	if tenancy != "default" && tenancy != "dedicated" {
		return nil, invalid("Value (%s) for parameter instanceTenancy is invalid.", tenancy)
	}
	n := vpc.VPC{ID: c.Dice.ID("vpc"), Account: c.Account, Region: c.Region, CIDRs: []netip.Prefix{cidr}, Tenancy: tenancy,
		DNSSupport: true, DHCPOptions: defaultDHCP(c), Created: tx.Now()}
	if err := vpcs().holds(c, tx, ""); err != nil {
		return nil, err
	}
	if err := rows.VPCs.Create(tx, c.Scope(), n.ID, &n); err != nil {
		return nil, err
	}
	main := vpc.RouteTable{ID: c.Dice.ID("rtb"), VPC: n.ID, Account: c.Account, Main: true, MainAssociation: c.Dice.ID("rtbassoc")}
	if err := rows.RouteTables.Create(tx, c.Scope(), main.ID, &main); err != nil {
		return nil, err
	}
	g := newGroup(c, n.ID, "default", "default VPC security group")
	g.Rules = append(g.Rules, vpc.Rule{ID: c.Dice.ID("sgr"), Proto: vpc.Any, From: -1, To: -1, Group: g.ID, GroupOwner: c.Account})
	if err := rows.Groups.Create(tx, c.Scope(), g.ID, &g); err != nil {
		return nil, err
	}
	acl := newACL(c, n.ID, true)
	if err := rows.ACLs.Create(tx, c.Scope(), acl.ID, &acl); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aVPC, n.ID, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	c.Touch(aVPC.arn(c, n.ID))
	out := vpcShape(&n, tags)
	out.State = new("pending")
	return &shape.CreateVpcResult{Vpc: &out}, nil
}

var everywhere = netip.MustParsePrefix("0.0.0.0/0")

// usable refuses what a VPC's namespace cannot route, or routes already: loopback, multicast, the S3 prefix list, public addresses.
func usable(p netip.Prefix) bool {
	for _, no := range []netip.Prefix{vpc.S3Prefix, vpc.PublicPool, netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/3")} {
		if p.Overlaps(no) {
			return false
		}
	}
	return true
}

// block reads an IPv4 CIDR block and clears its host bits, as EC2 does.
func block(s, name string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return p, invalid("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", s, name)
	}
	return p.Masked(), nil
}

func deleteVpc(c *api.Call, tx store.Tx, in *shape.DeleteVpcRequest) (*shape.DeleteVpcOutput, error) {
	it, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	snap, err := rows.Snapshot(tx, c.Scope(), it.ID)
	if err != nil {
		return nil, err
	}
	if len(snap.Subnets)+len(snap.Endpoints)+len(snap.Interfaces) > 0 || snap.Internet != nil {
		return nil, depends("vpc", it.ID)
	}
	for _, g := range snap.Groups {
		if g.Name != "default" {
			return nil, depends("vpc", it.ID)
		}
	}
	for _, t := range snap.RouteTables {
		if !t.Main {
			return nil, depends("vpc", it.ID)
		}
	}
	for _, a := range snap.ACLs {
		if !a.Default {
			return nil, depends("vpc", it.ID)
		}
	}
	for _, a := range snap.ACLs {
		if err := drop(c, tx, rows.ACLs, anACL, a.ID); err != nil {
			return nil, err
		}
	}
	for _, g := range snap.Groups {
		if err := dropGroup(c, tx, &g); err != nil {
			return nil, err
		}
	}
	for _, t := range snap.RouteTables {
		if err := drop(c, tx, rows.RouteTables, aTable, t.ID); err != nil {
			return nil, err
		}
	}
	if err := endPeerings(c, tx, it.ID); err != nil {
		return nil, err
	}
	return &shape.DeleteVpcOutput{}, drop(c, tx, rows.VPCs, aVPC, it.ID)
}

// drop removes a row and its tags.
func drop[T any](c *api.Call, tx store.Tx, t store.Table[T], k kind, id string) error {
	if err := t.Delete(tx, c.Scope(), id); err != nil {
		return err
	}
	c.Touch(k.arn(c, id))
	return tx.RemoveTags(k.arn(c, id), nil)
}

func describeVpcs(c *api.Call, v store.View, in *shape.DescribeVpcsRequest) (*shape.DescribeVpcsResult, error) {
	cidrs := func(n *vpc.VPC) (out []string) {
		for _, p := range n.CIDRs {
			out = append(out, p.String())
		}
		return out
	}
	primary := func(n *vpc.VPC) []string { return cidrs(n)[:1] }
	dhcp := func(n *vpc.VPC) []string { return []string{n.DHCPOptions} }
	isDefault := func(n *vpc.VPC) []string { return []string{strconv.FormatBool(n.Default)} }
	all, next, err := describe(c, v, rows.VPCs, aVPC, wanted{in.VpcIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*vpc.VPC) []string{
		"cidr": primary, "cidrBlock": primary, "cidr-block": primary,
		"cidr-block-association.cidr-block": cidrs,
		"cidr-block-association.association-id": func(n *vpc.VPC) (out []string) {
			for _, p := range n.CIDRs {
				out = append(out, blockAssoc(n, p))
			}
			return out
		},
		"cidr-block-association.state": func(*vpc.VPC) []string { return []string{"associated"} },
		"dhcp-options-id":              dhcp, "dhcpOptionsId": dhcp,
		"is-default": isDefault, "isDefault": isDefault,
		"owner-id": func(n *vpc.VPC) []string { return []string{n.Account} },
		"state":    func(*vpc.VPC) []string { return []string{"available"} },
		"vpc-id":   func(n *vpc.VPC) []string { return []string{n.ID} },
	})
	out := &shape.DescribeVpcsResult{Vpcs: []shape.Vpc{}, NextToken: next}
	for i := range all {
		out.Vpcs = append(out.Vpcs, vpcShape(&all[i].Value, tagList(all[i].Tags)))
	}
	return out, err
}

func cidrAssoc(n *vpc.VPC) string { return "vpc-cidr-assoc-" + n.ID[len(aVPC.pre):] }

func vpcShape(n *vpc.VPC, tags []shape.Tag) shape.Vpc {
	cidr := n.CIDRs[0].String()
	blocks := []shape.VpcCidrBlockAssociation{}
	for _, p := range n.CIDRs {
		blocks = append(blocks, blockShape(n, p, "associated"))
	}
	return shape.Vpc{
		VpcId: &n.ID, OwnerId: &n.Account, CidrBlock: &cidr, InstanceTenancy: &n.Tenancy, IsDefault: &n.Default,
		State: new("available"), DhcpOptionsId: &n.DHCPOptions, Tags: tags,
		CidrBlockAssociationSet:     blocks,
		Ipv6CidrBlockAssociationSet: []shape.VpcIpv6CidrBlockAssociation{},
	}
}

func modifyVpc(c *api.Call, tx store.Tx, in *shape.ModifyVpcAttributeRequest) (*shape.ModifyVpcAttributeOutput, error) {
	it, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	switch sup, host := in.EnableDnsSupport, in.EnableDnsHostnames; {
	case sup != nil && host != nil:
		return nil, fault.New("InvalidParameterCombination", "Fields for multiple attribute types specified: enableDnsSupport, enableDnsHostnames")
	case sup != nil && sup.Value != nil:
		it.Value.DNSSupport = *sup.Value
	case host != nil && host.Value != nil:
		it.Value.DNSHostnames = *host.Value
	default:
		return nil, fault.New("InvalidParameterCombination", "No attributes specified.")
	}
	c.Touch(aVPC.arn(c, it.ID))
	return &shape.ModifyVpcAttributeOutput{}, rows.VPCs.Save(tx, &it)
}

func describeVpcAttribute(c *api.Call, v store.View, in *shape.DescribeVpcAttributeRequest) (*shape.DescribeVpcAttributeResult, error) {
	it, err := load(v, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	out := &shape.DescribeVpcAttributeResult{VpcId: &it.ID}
	switch deref(in.Attribute) {
	case "enableDnsSupport":
		out.EnableDnsSupport = &shape.AttributeBooleanValue{Value: &it.Value.DNSSupport}
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &shape.AttributeBooleanValue{Value: &it.Value.DNSHostnames}
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = &shape.AttributeBooleanValue{Value: new(false)}
	case "":
		return nil, missing("attribute")
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", *in.Attribute)
	}
	return out, nil
}

// within reads everything of one VPC from a table.
func within[T any](v store.View, c *api.Call, t store.Table[T], id string) ([]store.Item[T], error) {
	return t.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "vpc", Value: id}})
}

// unique refuses a list that names something twice.
func unique(ids []string, name string) error {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(ids) {
		return invalid("Duplicate values in parameter %s.", name)
	}
	return nil
}
