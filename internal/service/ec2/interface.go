package ec2

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// groupLimit is AWS's default quota of security groups of an interface.
const groupLimit = 5

func (s *Service) interfaceRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateNetworkInterfaceRequest, shape.CreateNetworkInterfaceResult]{
			Name: "CreateNetworkInterface",
			Honours: []string{"SubnetId", "Description", "Groups", "PrivateIpAddress", "PrivateIpAddresses.*", "SecondaryPrivateIpAddressCount", "InterfaceType",
				"ClientToken", "TagSpecifications.*", "DryRun"},
			Questions: askInterface,
			Act:       createInterface,
		},
		api.Op[shape.DeleteNetworkInterfaceRequest, shape.DeleteNetworkInterfaceOutput]{
			Name: "DeleteNetworkInterface", Honours: []string{"NetworkInterfaceId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteNetworkInterfaceRequest) ([]api.Question, error) {
				return ask(c, v, "DeleteNetworkInterface").on(anInterface, in.NetworkInterfaceId).done()
			},
			Act: s.deleteInterface,
		},
		api.Op[shape.DescribeNetworkInterfacesRequest, shape.DescribeNetworkInterfacesResult]{
			Name: "DescribeNetworkInterfaces", Honours: describeMembers("NetworkInterfaceIds"),
			Questions: describing[shape.DescribeNetworkInterfacesRequest]("DescribeNetworkInterfaces"),
			View:      describeInterfaces,
		},
	}
}

// askInterface asks about the interface that would be made, its subnet and each of its groups, the default one included:
// every resource with its own keys. Source: Service Authorization Reference; the policies of Bedrock's VPC guide need it.
func askInterface(c *api.Call, v store.View, in *shape.CreateNetworkInterfaceRequest) ([]api.Question, error) {
	a := ask(c, v, "CreateNetworkInterface").made(anInterface, in.TagSpecifications).on(aSubnet, in.SubnetId)
	groups := in.Groups
	if len(groups) == 0 {
		sn, err := rows.Subnets.Get(v, c.Scope(), deref(in.SubnetId))
		if err == nil {
			var g store.Item[vpc.Group]
			g, err = rows.Groups.Find(v, c.Scope(), "name", sn.Value.VPC+"/default")
			groups = []string{g.ID}
		}
		if absent(err) {
			return a.done()
		}
		if err != nil {
			return nil, err
		}
	}
	return a.each(aGroup, groups).done()
}

func createInterface(c *api.Call, tx store.Tx, in *shape.CreateNetworkInterfaceRequest) (*shape.CreateNetworkInterfaceResult, error) {
	sn, err := load(tx, c, rows.Subnets, aSubnet, in.SubnetId, "subnetId")
	if err != nil {
		return nil, err
	}
	if t := deref(in.InterfaceType); t != "" && t != "interface" {
		return nil, notBuilt("Network interfaces of type %s are not available.", t)
	}
	i := vpc.Interface{VPC: sn.Value.VPC, Subnet: sn.ID, Account: c.Account, Region: c.Region, Zone: sn.Value.Zone, Description: deref(in.Description),
		Type: "interface", Status: "available", Token: deref(in.ClientToken), Created: tx.Now()}
	if i.Groups, err = interfaceGroups(c, tx, &sn.Value, in.Groups); err != nil {
		return nil, err
	}
	if c.Caller != nil && c.Caller.InvokedBy != "" {
		i.Requester, i.RequesterManaged = alias(c.Caller.InvokedBy), true
	}
	i.ID = c.Dice.ID("eni")
	if i.Token != "" {
		i.ID = vpc.InterfaceFor(c.Account, c.Region, i.Token)
		was, err := rows.Interfaces.Get(tx, c.Scope(), i.ID)
		switch {
		case err == nil && !sameInterface(&was.Value, &i, in):
			return nil, mismatch()
		case err == nil:
			out, err := interfaceShape(c, tx, &was.Value)
			return &shape.CreateNetworkInterfaceResult{NetworkInterface: out, ClientToken: in.ClientToken}, err
		case !absent(err):
			return nil, err
		}
	}
	if i.Addrs, err = addresses(c, tx, &sn.Value, in); err != nil {
		return nil, err
	}
	if err := interfaces().holds(c, tx, ""); err != nil {
		return nil, err
	}
	i.MAC = vpc.MAC(i.Addrs[0])
	if err := rows.Interfaces.Create(tx, c.Scope(), i.ID, &i); err != nil {
		return nil, err
	}
	if _, err := tagNew(c, tx, anInterface, i.ID, in.TagSpecifications); err != nil {
		return nil, err
	}
	c.Touch(anInterface.arn(c, i.ID))
	out, err := interfaceShape(c, tx, &i)
	if out != nil {
		out.Status = new("pending") // it is available when it is described
	}
	return &shape.CreateNetworkInterfaceResult{NetworkInterface: out, ClientToken: in.ClientToken}, err
}

// alias is the name under which a service appears as requester: comprehend.amazonaws.com is amazon-comprehend.
func alias(service string) string {
	name, _, _ := strings.Cut(service, ".")
	return "amazon-" + name
}

func sameInterface(was, now *vpc.Interface, in *shape.CreateNetworkInterfaceRequest) bool {
	n := 0
	for _, p := range in.PrivateIpAddresses {
		if !slices.ContainsFunc(was.Addrs, func(a netip.Addr) bool { return a.String() == deref(p.PrivateIpAddress) }) {
			return false
		}
		if !deref(p.Primary) && deref(p.PrivateIpAddress) != deref(in.PrivateIpAddress) {
			n++
		}
	}
	if len(was.Addrs) != 1+max(n, int(deref(in.SecondaryPrivateIpAddressCount))) {
		return false
	}
	return was.Token == now.Token && was.Subnet == now.Subnet && was.Description == now.Description && slices.Equal(was.Groups, now.Groups) &&
		(in.PrivateIpAddress == nil || *in.PrivateIpAddress == was.Addrs[0].String())
}

// interfaceGroups are the groups of a new interface, the VPC's default group when none is given; sorted.
func interfaceGroups(c *api.Call, v store.View, sn *vpc.Subnet, ids []string) ([]string, error) {
	if len(ids) == 0 {
		g, err := rows.Groups.Find(v, c.Scope(), "name", sn.VPC+"/default")
		if absent(err) {
			return nil, missing("groupId")
		}
		return []string{g.ID}, err
	}
	out := slices.Clone(ids)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > groupLimit {
		return nil, fault.New("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range out {
		g, err := load(v, c, rows.Groups, aGroup, &id, "groupId")
		if err != nil {
			return nil, err
		}
		if g.Value.VPC != sn.VPC {
			return nil, apart("Security group %s and subnet %s", id, sn.ID)
		}
	}
	return out, nil
}

// addresses picks the addresses of a new interface, the primary one first: those that were asked for, else the lowest
// that are free and not in quarantine.
func addresses(c *api.Call, v store.View, sn *vpc.Subnet, in *shape.CreateNetworkInterfaceRequest) ([]netip.Addr, error) {
	others, err := interfacesOf(c, v, sn.ID)
	if err != nil {
		return nil, err
	}
	taken := map[netip.Addr]bool{}
	for _, o := range others {
		for _, a := range o.Value.Addrs {
			taken[a] = true
		}
	}
	for a, until := range sn.Held {
		taken[a] = taken[a] || until.After(v.Now())
	}
	first, last := edges(sn.CIDR)
	claim := func(text string) (netip.Addr, error) {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil || !a.Is4():
			return a, invalid("Invalid IP address: %s", text)
		case !sn.CIDR.Contains(a):
			return a, invalid("Address %s does not fall within the subnet's address range", a)
		case a.Less(first) || last.Less(a):
			return a, invalid("Address %s is in subnet's reserved address range", a)
		case taken[a]:
			return a, fault.New("InvalidIPAddress.InUse", "Address %s is in use.", a)
		}
		taken[a] = true
		return a, nil
	}
	var primary *string
	var more []string
	if in.PrivateIpAddress != nil {
		primary = in.PrivateIpAddress
	}
	for _, p := range in.PrivateIpAddresses {
		switch {
		case p.PrivateIpAddress == nil:
			return nil, missing("privateIpAddress")
		case deref(p.Primary) && primary != nil && *primary != *p.PrivateIpAddress:
			return nil, invalid("Only one primary private IP address can be specified.")
		case deref(p.Primary):
			primary = p.PrivateIpAddress
		case primary == nil || *primary != *p.PrivateIpAddress:
			more = append(more, *p.PrivateIpAddress)
		}
	}
	extra := deref(in.SecondaryPrivateIpAddressCount)
	if extra < 0 || extra > 1<<16 || extra > 0 && len(more) > 0 {
		return nil, fault.New("InvalidParameterCombination", "secondaryPrivateIpAddressCount and secondary private IP addresses cannot be specified together")
	}
	var out []netip.Addr
	want := more
	if primary != nil {
		want = append([]string{*primary}, more...)
	}
	for _, w := range want {
		a, err := claim(w)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	next := first
	pick := func() (netip.Addr, bool) {
		for ; !last.Less(next); next = next.Next() {
			if !taken[next] {
				taken[next] = true
				return next, true
			}
		}
		return next, false
	}
	if primary == nil {
		extra++
	}
	for n := range extra {
		a, ok := pick()
		if !ok {
			return nil, fault.New("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
		}
		if n == 0 && primary == nil { // the primary address leads
			out = append([]netip.Addr{a}, out...)
		} else {
			out = append(out, a)
		}
	}
	return out, nil
}

// deleteInterface refuses what is in use, except for the service that uses it, and keeps its addresses back for a while:
// a packet that is still on its way must not meet a new owner.
func (s *Service) deleteInterface(c *api.Call, tx store.Tx, in *shape.DeleteNetworkInterfaceRequest) (*shape.DeleteNetworkInterfaceOutput, error) {
	it, err := load(tx, c, rows.Interfaces, anInterface, in.NetworkInterfaceId, "networkInterfaceId")
	if err != nil {
		return nil, err
	}
	i := &it.Value
	requester := i.Requester != "" && c.Caller != nil && c.Caller.InvokedBy != "" && alias(c.Caller.InvokedBy) == i.Requester
	if i.Attachment != nil && !requester {
		return nil, invalid("Network interface '%s' is currently in use.", it.ID)
	}
	return &shape.DeleteNetworkInterfaceOutput{}, s.dropInterface(c, tx, it.ID)
}

func describeInterfaces(c *api.Call, v store.View, in *shape.DescribeNetworkInterfacesRequest) (*shape.DescribeNetworkInterfacesResult, error) {
	type eni = vpc.Interface
	addrs := func(i *eni) (out []string) {
		for _, a := range i.Addrs {
			out = append(out, a.String())
		}
		return out
	}
	groups := func(i *eni) []string { return i.Groups }
	attached := func(get func(*vpc.Attachment) string) func(*eni) []string {
		return func(i *eni) []string {
			if i.Attachment == nil {
				return nil
			}
			return []string{get(i.Attachment)}
		}
	}
	v, err := withTags(c, v, anInterface, in.NetworkInterfaceIds)
	if err != nil {
		return nil, err
	}
	all, next, err := describe(c, v, rows.Interfaces, anInterface, wanted{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*eni) []string{
		"addresses.primary": func(i *eni) []string {
			return []string{"true", strconv.FormatBool(len(i.Addrs) < 2)}
		},
		"addresses.private-ip-address": addrs,
		"attachment.attach-time":       attached(func(a *vpc.Attachment) string { return a.At.UTC().Format("2006-01-02T15:04:05.000Z") }),
		"attachment.attachment-id":     attached(func(a *vpc.Attachment) string { return a.ID }),
		"attachment.instance-owner-id": attached(func(a *vpc.Attachment) string { return a.Owner }),
		"attachment.status":            attached(func(*vpc.Attachment) string { return "attached" }),
		"availability-zone":            func(i *eni) []string { return []string{i.Zone} },
		"description":                  func(i *eni) []string { return []string{i.Description} },
		"group-id":                     groups,
		"interface-type":               func(i *eni) []string { return []string{i.Type} },
		"mac-address":                  func(i *eni) []string { return []string{i.MAC} },
		"network-interface-id":         func(i *eni) []string { return []string{i.ID} },
		"owner-id":                     func(i *eni) []string { return []string{i.Account} },
		"private-ip-address":           func(i *eni) []string { return addrs(i)[:1] },
		"private-dns-name":             func(i *eni) []string { return []string{vpc.PrivateName(i.Region, i.Addrs[0])} },
		"requester-id":                 func(i *eni) []string { return []string{i.Requester} },
		"requester-managed":            func(i *eni) []string { return []string{strconv.FormatBool(i.RequesterManaged)} },
		"source-dest-check":            func(i *eni) []string { return []string{strconv.FormatBool(!i.NoSourceDestCheck)} },
		"status":                       func(i *eni) []string { return []string{i.Status} },
		"subnet-id":                    func(i *eni) []string { return []string{i.Subnet} },
		"vpc-id":                       func(i *eni) []string { return []string{i.VPC} },
	})
	if err != nil {
		return nil, err
	}
	out := &shape.DescribeNetworkInterfacesResult{NetworkInterfaces: []shape.NetworkInterface{}, NextToken: next}
	for i := range all {
		x, err := interfaceShape(c, v, &all[i].Value)
		if err != nil {
			return nil, err
		}
		out.NetworkInterfaces = append(out.NetworkInterfaces, *x)
	}
	return out, nil
}

func interfaceShape(c *api.Call, v store.View, i *vpc.Interface) (*shape.NetworkInterface, error) {
	tags, err := v.Tags(anInterface.arn(c, i.ID))
	if err != nil {
		return nil, err
	}
	name := vpc.PrivateName(i.Region, i.Addrs[0])
	out := &shape.NetworkInterface{NetworkInterfaceId: &i.ID, VpcId: &i.VPC, SubnetId: &i.Subnet, OwnerId: &i.Account, AvailabilityZone: &i.Zone,
		Description: &i.Description, InterfaceType: &i.Type, MacAddress: &i.MAC, PrivateIpAddress: new(i.Addrs[0].String()), PrivateDnsName: &name,
		RequesterManaged: &i.RequesterManaged, SourceDestCheck: new(!i.NoSourceDestCheck), Status: &i.Status, TagSet: tagList(tags),
		Groups: []shape.GroupIdentifier{}, Ipv6Addresses: []shape.NetworkInterfaceIpv6Address{}}
	if i.Requester != "" {
		out.RequesterId = &i.Requester
	}
	public, err := rows.Addresses.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "interface", Value: i.ID}})
	if err != nil {
		return nil, err
	}
	for n, a := range i.Addrs {
		p := shape.NetworkInterfacePrivateIpAddress{Primary: new(n == 0), PrivateIpAddress: new(a.String()), PrivateDnsName: new(vpc.PrivateName(i.Region, a))}
		for _, e := range public {
			if e.Value.Private == a {
				p.Association = &shape.NetworkInterfaceAssociation{AllocationId: new(e.ID), AssociationId: new(e.Value.Association), IpOwnerId: new(e.Value.Account), PublicIp: new(e.Value.Public.String()), PublicDnsName: new("")}
			}
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, p)
	}
	out.Association = out.PrivateIpAddresses[0].Association
	for _, id := range i.Groups {
		g, err := rows.Groups.Get(v, c.Scope(), id)
		if err != nil && !absent(err) {
			return nil, err
		}
		out.Groups = append(out.Groups, shape.GroupIdentifier{GroupId: &id, GroupName: &g.Value.Name})
	}
	if a := i.Attachment; a != nil {
		out.Attachment = &shape.NetworkInterfaceAttachment{AttachmentId: &a.ID, AttachTime: &a.At, InstanceOwnerId: &a.Owner, Status: new("attached"),
			DeviceIndex: new(int64(1)), DeleteOnTermination: new(false)}
	}
	return out, nil
}
