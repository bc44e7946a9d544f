package ec2

import (
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// frontage is what a call wants of an interface endpoint: where it stands, under which groups, and which names lead there.
type frontage struct {
	subnets     []string
	addrs       map[string]string // by subnet, those that were asked for
	groups      []string
	private     bool
	inboundOnly bool
}

// subnetsOf are all subnets that a call names, those first that are only named.
func subnetsOf(ids []string, configs []shape.SubnetConfiguration) []string {
	out := slices.Clone(ids)
	for _, s := range configs {
		if id := deref(s.SubnetId); id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func wantedAddrs(configs []shape.SubnetConfiguration) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range configs {
		switch id := deref(s.SubnetId); {
		case id == "":
			return nil, missing("subnetId")
		case out[id] != "":
			return nil, invalid("Duplicate values in parameter SubnetConfigurations.")
		case s.Ipv4 != nil:
			out[id] = *s.Ipv4
		}
	}
	return out, nil
}

// kindsOfAddress takes IPv4 and nothing else.
func kindsOfAddress(kind *string, d *shape.DnsOptionsSpecification) error {
	if k := deref(kind); k != "" && k != "ipv4" {
		return fault.New("InvalidParameter", "The IP address type %s is not supported by the VPC endpoint service.", k)
	}
	if d != nil && d.DnsRecordIpType != nil && *d.DnsRecordIpType != "ipv4" && *d.DnsRecordIpType != "service-defined" {
		return fault.New("InvalidParameter", "The DNS record IP type %s is not supported by the VPC endpoint service.", *d.DnsRecordIpType)
	}
	return nil
}

// asked reads what a call wants. Private DNS is on unless it is switched off, but for S3, where it is off unless it is switched
// on, and then for inbound resolver endpoints alone unless that is switched off.
func asked(c *api.Call, v store.View, n *vpc.VPC, svc *vpc.Service, in *shape.CreateVpcEndpointRequest) (*frontage, error) {
	if len(in.RouteTableIds) > 0 {
		return nil, fault.New("InvalidParameter", "Route table Ids are only supported for Gateway type VPC Endpoint.")
	}
	if err := kindsOfAddress(in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	if err := unique(in.SubnetIds, "subnetIds"); err != nil {
		return nil, err
	}
	addrs, err := wantedAddrs(in.SubnetConfigurations)
	if err != nil {
		return nil, err
	}
	f := &frontage{subnets: subnetsOf(in.SubnetIds, in.SubnetConfigurations), addrs: addrs, private: !svc.Wild()}
	if in.PrivateDnsEnabled != nil {
		f.private = *in.PrivateDnsEnabled
	}
	f.inboundOnly = f.private && svc.Wild()
	if d := in.DnsOptions; d != nil && d.PrivateDnsOnlyForInboundResolverEndpoint != nil {
		f.inboundOnly = *d.PrivateDnsOnlyForInboundResolverEndpoint
	}
	f.groups, err = endpointGroups(c, v, n.ID, in.SecurityGroupIds)
	return f, err
}

// endpointGroups are an endpoint's groups, the VPC's default one when none is given.
func endpointGroups(c *api.Call, v store.View, vpcID string, ids []string) ([]string, error) {
	for _, id := range ids {
		g, err := load(v, c, rows.Groups, aGroup, &id, "groupId")
		if err != nil {
			return nil, err
		}
		if g.Value.VPC != vpcID {
			return nil, apart("Security group %s and VPC %s", id, vpcID)
		}
	}
	return interfaceGroups(c, v, &vpc.Subnet{VPC: vpcID}, ids)
}

// same reports whether an endpoint is what the call wants.
func (f *frontage) same(e *vpc.Endpoint) bool {
	return sameSet(e.Subnets, f.subnets) && sameSet(e.Groups, f.groups) && e.PrivateDNS == f.private && e.InboundOnly == f.inboundOnly
}

// build makes the endpoint's interfaces.
func (f *frontage) build(c *api.Call, tx store.Tx, n *vpc.VPC, svc *vpc.Service, e *vpc.Endpoint) error {
	e.Groups, e.PrivateDNS, e.InboundOnly = f.groups, f.private, f.inboundOnly
	if err := names(c, tx, n, svc, e); err != nil {
		return err
	}
	for _, id := range f.subnets {
		if err := stand(c, tx, e, id, f.addrs[id]); err != nil {
			return err
		}
	}
	return nil
}

// names holds an endpoint's private DNS to the rules: the VPC resolves, no other endpoint has the names, and what is for
// inbound resolver endpoints alone leaves a way for all others.
func names(c *api.Call, v store.View, n *vpc.VPC, svc *vpc.Service, e *vpc.Endpoint) error {
	no := func(format string, args ...any) error { return fault.New("InvalidParameter", format, args...) }
	switch {
	case e.InboundOnly && !svc.Wild():
		return no("PrivateDnsOnlyForInboundResolverEndpoint is not supported for the service %s.", e.Service)
	case e.InboundOnly && !e.PrivateDNS:
		return no("To set PrivateDnsOnlyForInboundResolverEndpoint to true, private DNS must be enabled.")
	case !e.PrivateDNS:
		return nil
	case !n.DNSSupport || !n.DNSHostnames:
		return no("Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", n.ID)
	}
	others, err := within(v, c, rows.Endpoints, n.ID)
	if err != nil {
		return err
	}
	gateway := false
	for _, o := range others {
		if o.ID == e.ID || o.Value.Service != e.Service {
			continue
		}
		if o.Value.PrivateDNS {
			return no("private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s", svc.Private[0], n.ID)
		}
		gateway = gateway || o.Value.Type == "Gateway"
	}
	if e.InboundOnly && !gateway {
		return no("To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC %s must have a Gateway endpoint for the service.", n.ID)
	}
	return nil
}

// neededBy names the interface endpoint whose private DNS a gateway endpoint makes possible; empty: none, or there is
// another gateway endpoint for the service.
func neededBy(c *api.Call, v store.View, e *vpc.Endpoint) (string, error) {
	if e.Type != "Gateway" {
		return "", nil
	}
	others, err := within(v, c, rows.Endpoints, e.VPC)
	if err != nil {
		return "", err
	}
	by := ""
	for _, o := range others {
		switch {
		case o.ID == e.ID || o.Value.Service != e.Service:
		case o.Value.Type == "Gateway":
			return "", nil
		case o.Value.InboundOnly:
			by = o.ID
		}
	}
	return by, nil
}

// stand puts an endpoint into a subnet: one in each zone.
func stand(c *api.Call, tx store.Tx, e *vpc.Endpoint, subnet, addr string) error {
	sn, err := load(tx, c, rows.Subnets, aSubnet, &subnet, "subnetId")
	if err != nil {
		return err
	}
	if sn.Value.VPC != e.VPC {
		return apart("subnet %s and VPC %s", sn.ID, e.VPC)
	}
	for _, id := range e.Subnets {
		other, err := rows.Subnets.Get(tx, c.Scope(), id)
		if err != nil {
			return err
		}
		if other.Value.Zone == sn.Value.Zone {
			return fault.New("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s. "+
				"VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service.", sn.ID)
		}
	}
	i := vpc.Interface{ID: c.Dice.ID("eni"), VPC: e.VPC, Subnet: sn.ID, Account: c.Account, Region: c.Region, Zone: sn.Value.Zone, Groups: e.Groups, Type: "vpc_endpoint",
		Description: "VPC Endpoint Interface " + e.ID, Requester: "amazon-aws", RequesterManaged: true, Status: "in-use", Created: tx.Now(),
		Attachment: &vpc.Attachment{ID: c.Dice.ID("ela-attach"), Owner: "amazon-aws", At: tx.Now()}}
	in := &shape.CreateNetworkInterfaceRequest{}
	if addr != "" {
		in.PrivateIpAddress = &addr
	}
	if i.Addrs, err = addresses(c, tx, &sn.Value, in); err != nil {
		return err
	}
	i.MAC = vpc.MAC(i.Addrs[0])
	if err := rows.Interfaces.Create(tx, c.Scope(), i.ID, &i); err != nil {
		return err
	}
	c.Touch(anInterface.arn(c, i.ID))
	e.Subnets, e.Interfaces = append(e.Subnets, sn.ID), append(e.Interfaces, i.ID)
	return nil
}

// frontChange reports whether a call changes what only an interface endpoint has.
func frontChange(in *shape.ModifyVpcEndpointRequest) bool {
	return len(in.AddSubnetIds)+len(in.RemoveSubnetIds)+len(in.SubnetConfigurations)+len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) > 0 ||
		in.PrivateDnsEnabled != nil || in.DnsOptions != nil || in.IpAddressType != nil
}

// rebuild changes an interface endpoint: what goes goes first, so that a subnet may take another's zone.
func (s *Service) rebuild(c *api.Call, tx store.Tx, e *vpc.Endpoint, in *shape.ModifyVpcEndpointRequest) error {
	if err := kindsOfAddress(in.IpAddressType, in.DnsOptions); err != nil {
		return err
	}
	addrs, err := wantedAddrs(in.SubnetConfigurations)
	if err != nil {
		return err
	}
	n, err := rows.VPCs.Get(tx, c.Scope(), e.VPC)
	if err != nil {
		return err
	}
	svc, _ := vpc.ServiceNamed(c.Region, e.Service)
	if p := in.PrivateDnsEnabled; p != nil && *p != e.PrivateDNS {
		e.PrivateDNS, e.InboundOnly = *p, *p && svc.Wild()
	}
	if d := in.DnsOptions; d != nil && d.PrivateDnsOnlyForInboundResolverEndpoint != nil {
		e.InboundOnly = *d.PrivateDnsOnlyForInboundResolverEndpoint
	}
	if in.PrivateDnsEnabled != nil || in.DnsOptions != nil { // rules of a VPC that changed since bind those alone who touch them
		if err := names(c, tx, &n.Value, &svc, e); err != nil {
			return err
		}
	}
	for _, id := range in.RemoveSubnetIds {
		at := slices.Index(e.Subnets, id)
		if at < 0 {
			return fault.New("InvalidSubnetId.NotFound", "The subnet %s is not associated with %s", id, e.ID)
		}
		if err := s.dropInterface(c, tx, e.Interfaces[at]); err != nil {
			return err
		}
		e.Subnets, e.Interfaces = slices.Delete(slices.Clone(e.Subnets), at, at+1), slices.Delete(slices.Clone(e.Interfaces), at, at+1)
	}
	if err := regroup(c, tx, e, in); err != nil {
		return err
	}
	for _, id := range subnetsOf(in.AddSubnetIds, in.SubnetConfigurations) {
		if slices.Contains(e.Subnets, id) {
			if a := addrs[id]; a != "" {
				if err := holds(c, tx, e, id, a); err != nil {
					return err
				}
			}
			continue
		}
		if err := stand(c, tx, e, id, addrs[id]); err != nil {
			return err
		}
	}
	return nil
}

// holds refuses another address for an interface that stands.
func holds(c *api.Call, v store.View, e *vpc.Endpoint, subnet, addr string) error {
	i, err := rows.Interfaces.Get(v, c.Scope(), e.Interfaces[slices.Index(e.Subnets, subnet)])
	if err != nil {
		return err
	}
	if a, err := netip.ParseAddr(addr); err != nil || !slices.Contains(i.Value.Addrs, a) {
		return notBuilt("The address of an endpoint's interface cannot be changed; remove the subnet %s and add it again.", subnet)
	}
	return nil
}

// regroup changes the groups of an endpoint and of each of its interfaces.
func regroup(c *api.Call, tx store.Tx, e *vpc.Endpoint, in *shape.ModifyVpcEndpointRequest) error {
	if len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) == 0 {
		return nil
	}
	for _, id := range in.RemoveSecurityGroupIds {
		if !slices.Contains(e.Groups, id) {
			return fault.New("InvalidGroup.NotFound", "The security group %s is not associated with %s", id, e.ID)
		}
	}
	left := without(e.Groups, func(id string) bool { return slices.Contains(in.RemoveSecurityGroupIds, id) })
	left = append(left, in.AddSecurityGroupIds...)
	if len(left) == 0 {
		return fault.New("InvalidParameter", "The VPC endpoint %s must have at least one security group.", e.ID)
	}
	var err error
	if e.Groups, err = endpointGroups(c, tx, e.VPC, left); err != nil {
		return err
	}
	for _, id := range e.Interfaces {
		i, err := rows.Interfaces.Get(tx, c.Scope(), id)
		if err != nil {
			return err
		}
		i.Value.Groups = e.Groups
		if err := rows.Interfaces.Save(tx, &i); err != nil {
			return err
		}
	}
	return nil
}
