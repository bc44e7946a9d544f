package ec2

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// reserved are the addresses of a subnet that nobody gets: the first four and the last.
const reserved = 5

func (s *Service) subnetRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateSubnetRequest, shape.CreateSubnetResult]{
			Name: "CreateSubnet", Honours: []string{"VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateSubnetRequest) ([]api.Question, error) {
				return ask(c, v, "CreateSubnet").made(aSubnet, in.TagSpecifications).on(aVPC, in.VpcId).done()
			},
			Act: createSubnet,
		},
		api.Op[shape.DeleteSubnetRequest, shape.DeleteSubnetOutput]{
			Name: "DeleteSubnet", Honours: []string{"SubnetId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteSubnetRequest) ([]api.Question, error) {
				return ask(c, v, "DeleteSubnet").on(aSubnet, in.SubnetId).done()
			},
			Act: deleteSubnet,
		},
		api.Op[shape.DescribeSubnetsRequest, shape.DescribeSubnetsResult]{
			Name: "DescribeSubnets", Honours: describeMembers("SubnetIds"),
			Questions: describing[shape.DescribeSubnetsRequest]("DescribeSubnets"),
			View:      describeSubnets,
		},
		api.Op[shape.ModifySubnetAttributeRequest, shape.ModifySubnetAttributeOutput]{
			Name: "ModifySubnetAttribute", Honours: []string{"SubnetId", "MapPublicIpOnLaunch.*"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifySubnetAttributeRequest) ([]api.Question, error) {
				return ask(c, v, "ModifySubnetAttribute").on(aSubnet, in.SubnetId,
					attributes(map[string]*shape.AttributeBooleanValue{"MapPublicIpOnLaunch": in.MapPublicIpOnLaunch})...).done()
			},
			Act: modifySubnet,
		},
	}
}

func createSubnet(c *api.Call, tx store.Tx, in *shape.CreateSubnetRequest) (*shape.CreateSubnetResult, error) {
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, missing("cidrBlock")
	}
	cidr, err := block(*in.CidrBlock, "cidrBlock")
	if err != nil {
		return nil, err
	}
	inside := false
	for _, p := range n.Value.CIDRs {
		inside = inside || p.Bits() <= cidr.Bits() && p.Contains(cidr.Addr())
	}
	if !inside || cidr.Bits() < 16 || cidr.Bits() > 28 {
		return nil, fault.New("InvalidSubnet.Range", "The CIDR '%s' is invalid.", cidr)
	}
	others, err := within(tx, c, rows.Subnets, n.ID)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if o.Value.CIDR.Overlaps(cidr) {
			return nil, fault.New("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
		}
	}
	if len(others) >= subnets().most {
		return nil, subnets().full()
	}
	z, err := pickZone(c, in)
	if err != nil {
		return nil, err
	}
	sn := vpc.Subnet{ID: c.Dice.ID("subnet"), VPC: n.ID, Account: c.Account, CIDR: cidr, Zone: z.name, ZoneID: z.id}
	if err := rows.Subnets.Create(tx, c.Scope(), sn.ID, &sn); err != nil {
		return nil, err
	}
	if err := underDefault(c, tx, n.ID, sn.ID); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aSubnet, sn.ID, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	c.Touch(aSubnet.arn(c, sn.ID))
	out := subnetShape(c, &sn, free(&sn, 0, tx.Now()), tags)
	return &shape.CreateSubnetResult{Subnet: &out}, nil
}

func pickZone(c *api.Call, in *shape.CreateSubnetRequest) (zone, error) {
	zs := zones(c.Region)
	if in.AvailabilityZone != nil && in.AvailabilityZoneId != nil {
		return zone{}, fault.New("InvalidParameterCombination", "You cannot specify both AvailabilityZone and AvailabilityZoneId")
	}
	if in.AvailabilityZone == nil && in.AvailabilityZoneId == nil {
		return zs[0], nil
	}
	var names []string
	for _, z := range zs {
		if z.name == deref(in.AvailabilityZone) || z.id == deref(in.AvailabilityZoneId) {
			return z, nil
		}
		names = append(names, z.name)
	}
	return zone{}, invalid("Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
		cmp.Or(deref(in.AvailabilityZone), deref(in.AvailabilityZoneId)), strings.Join(names, ", "))
}

func deleteSubnet(c *api.Call, tx store.Tx, in *shape.DeleteSubnetRequest) (*shape.DeleteSubnetOutput, error) {
	it, err := load(tx, c, rows.Subnets, aSubnet, in.SubnetId, "subnetId")
	if err != nil {
		return nil, err
	}
	used, err := interfacesOf(c, tx, it.ID)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, depends("subnet", it.ID)
	}
	t, err := rows.RouteTables.Find(tx, c.Scope(), "subnet", it.ID)
	switch {
	case err == nil:
		t.Value.Associations = without(t.Value.Associations, func(a vpc.Association) bool { return a.Subnet == it.ID })
		if err := rows.RouteTables.Save(tx, &t); err != nil {
			return nil, err
		}
	case !absent(err):
		return nil, err
	}
	if err := leaveACL(c, tx, it.ID); err != nil {
		return nil, err
	}
	return &shape.DeleteSubnetOutput{}, drop(c, tx, rows.Subnets, aSubnet, it.ID)
}

func interfacesOf(c *api.Call, v store.View, subnet string) ([]store.Item[vpc.Interface], error) {
	return rows.Interfaces.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "subnet", Value: subnet}})
}

// free counts the addresses that can be given out now. used is how many interfaces' addresses there are.
func free(sn *vpc.Subnet, used int, now time.Time) int64 {
	n := int64(1)<<(32-sn.CIDR.Bits()) - reserved - int64(used)
	for _, until := range sn.Held {
		if until.After(now) {
			n--
		}
	}
	return max(n, 0)
}

func describeSubnets(c *api.Call, v store.View, in *shape.DescribeSubnetsRequest) (*shape.DescribeSubnetsResult, error) {
	enis, err := rows.Interfaces.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	used := map[string]int{}
	for _, e := range enis {
		used[e.Value.Subnet] += len(e.Value.Addrs)
	}
	left := func(s *vpc.Subnet) int64 { return free(s, used[s.ID], v.Now()) }
	cidr := func(s *vpc.Subnet) []string { return []string{s.CIDR.String()} }
	zoneName := func(s *vpc.Subnet) []string { return []string{s.Zone} }
	isDefault := func(s *vpc.Subnet) []string { return []string{strconv.FormatBool(s.Default)} }
	all, next, err := describe(c, v, rows.Subnets, aSubnet, wanted{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*vpc.Subnet) []string{
		"availability-zone": zoneName, "availabilityZone": zoneName,
		"availability-zone-id":       func(s *vpc.Subnet) []string { return []string{s.ZoneID} },
		"available-ip-address-count": func(s *vpc.Subnet) []string { return []string{strconv.FormatInt(left(s), 10)} },
		"cidr-block":                 cidr, "cidr": cidr, "cidrBlock": cidr,
		"default-for-az": isDefault, "defaultForAz": isDefault,
		"map-public-ip-on-launch": func(s *vpc.Subnet) []string { return []string{strconv.FormatBool(s.MapPublic)} },
		"owner-id":                func(s *vpc.Subnet) []string { return []string{s.Account} },
		"state":                   func(*vpc.Subnet) []string { return []string{"available"} },
		"subnet-arn":              func(s *vpc.Subnet) []string { return []string{aSubnet.arn(c, s.ID)} },
		"subnet-id":               func(s *vpc.Subnet) []string { return []string{s.ID} },
		"vpc-id":                  func(s *vpc.Subnet) []string { return []string{s.VPC} },
	})
	out := &shape.DescribeSubnetsResult{Subnets: []shape.Subnet{}, NextToken: next}
	for i := range all {
		out.Subnets = append(out.Subnets, subnetShape(c, &all[i].Value, left(&all[i].Value), tagList(all[i].Tags)))
	}
	return out, err
}

func subnetShape(c *api.Call, sn *vpc.Subnet, left int64, tags []shape.Tag) shape.Subnet {
	return shape.Subnet{
		SubnetId: &sn.ID, SubnetArn: new(aSubnet.arn(c, sn.ID)), VpcId: &sn.VPC, OwnerId: &sn.Account, CidrBlock: new(sn.CIDR.String()),
		AvailabilityZone: &sn.Zone, AvailabilityZoneId: &sn.ZoneID, AvailableIpAddressCount: &left, DefaultForAz: &sn.Default,
		MapPublicIpOnLaunch: &sn.MapPublic, AssignIpv6AddressOnCreation: new(false), Ipv6CidrBlockAssociationSet: []shape.SubnetIpv6CidrBlockAssociation{},
		MapCustomerOwnedIpOnLaunch: new(false), EnableDns64: new(false), Ipv6Native: new(false), State: new("available"), Tags: tags,
		PrivateDnsNameOptionsOnLaunch: &shape.PrivateDnsNameOptionsOnLaunch{HostnameType: new("ip-name"),
			EnableResourceNameDnsARecord: new(false), EnableResourceNameDnsAAAARecord: new(false)},
	}
}

func modifySubnet(c *api.Call, tx store.Tx, in *shape.ModifySubnetAttributeRequest) (*shape.ModifySubnetAttributeOutput, error) {
	it, err := load(tx, c, rows.Subnets, aSubnet, in.SubnetId, "subnetId")
	if err != nil {
		return nil, err
	}
	if in.MapPublicIpOnLaunch == nil || in.MapPublicIpOnLaunch.Value == nil {
		return nil, fault.New("InvalidParameterCombination", "No attributes specified.")
	}
	it.Value.MapPublic = *in.MapPublicIpOnLaunch.Value
	c.Touch(aSubnet.arn(c, it.ID))
	return &shape.ModifySubnetAttributeOutput{}, rows.Subnets.Save(tx, &it)
}

// edges are the first and the last address of a subnet that can be given out.
func edges(p netip.Prefix) (first, last netip.Addr) {
	first = p.Masked().Addr()
	for range reserved - 1 {
		first = first.Next()
	}
	b := p.Masked().Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n += 1<<(32-p.Bits()) - 2
	return first, netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
