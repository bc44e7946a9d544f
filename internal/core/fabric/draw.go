package fabric

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/vpc"
)

// Draw says what the kernel must hold for a VPC. Only interfaces with an attachment become ports: an address that nobody
// sits on is not reachable. Whatever cannot be carried (a target that is gone or of an unknown kind) becomes a blackhole,
// and a rule whose prefix list is unknown admits nobody. Everything is sorted: equal snapshots give equal drawings.
func Draw(s vpc.Snapshot, generation int64) Desired {
	d := Desired{Network: s.VPC.ID, Generation: generation, CIDRs: slices.Clone(s.VPC.CIDRs)}
	if s.VPC.DNSSupport && len(s.VPC.CIDRs) > 0 {
		d.Resolver = vpc.Resolver(s.VPC.CIDRs[0])
	}
	for _, i := range s.Interfaces {
		known := slices.ContainsFunc(s.Subnets, func(sn vpc.Subnet) bool { return sn.ID == i.Subnet })
		if i.Attachment != nil && len(i.Addrs) > 0 && known {
			d.Ports = append(d.Ports, drawPort(i))
		}
	}
	slices.SortFunc(d.Ports, func(a, b Port) int { return cmp.Compare(a.ID, b.ID) })
	name(d.Ports)
	d.Links = drawLinks(s)
	d.Public = drawPublic(s, d.Ports)
	for _, sn := range s.Subnets {
		d.Subnets = append(d.Subnets, drawSubnet(s, sn, carriers{s, d.Ports, d.Links}))
	}
	slices.SortFunc(d.Subnets, func(a, b Subnet) int { return cmp.Compare(a.ID, b.ID) })
	number(d.Subnets)
	d.ACLs = drawACLs(s, d.Subnets)
	for _, g := range s.Groups {
		d.Groups = append(d.Groups, drawGroup(g, s.Prefixes))
	}
	d.Groups = append(d.Groups, farGroups(s, d.Groups)...)
	slices.SortFunc(d.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	for _, e := range s.Endpoints {
		if e.Type == "Gateway" {
			d.Gateways = append(d.Gateways, Entries(s, e)...)
		}
	}
	d.Gateways = Merge(d.Gateways)
	d.Listeners = append(listeners(d.Resolver), answers(d.Ports)...)
	return d
}

// Segment is the network of one job that named no VPC: one port, whose only ways lead to S3 and to the resolver.
func Segment(id, port string, generation int64) Desired {
	const group = "sg-service"
	d := Desired{
		Network: id, Generation: generation,
		CIDRs:    []netip.Prefix{vpc.ServiceCIDR},
		Resolver: vpc.Resolver(vpc.ServiceCIDR),
		Subnets: []Subnet{{ID: "subnet-service", CIDR: vpc.ServiceCIDR, Router: vpc.Router(vpc.ServiceCIDR), RouteTable: "rtb-service",
			Routes: []Route{{Dest: vpc.S3Prefix, Action: Deliver, Target: "service"}}}},
		Ports: []Port{{ID: port, Addrs: []netip.Addr{vpc.ServiceAddr}, MAC: vpc.MAC(vpc.ServiceAddr), Subnet: "subnet-service", Groups: []string{group}}},
		Groups: []Group{{ID: group, Egress: []Allow{
			{Rule: "sgr-service-http", Proto: vpc.TCP, From: PortHTTP, To: PortHTTP, Peers: []netip.Prefix{vpc.S3Prefix}},
			{Rule: "sgr-service-https", Proto: vpc.TCP, From: PortHTTPS, To: PortHTTPS, Peers: []netip.Prefix{vpc.S3Prefix}},
		}}},
		Gateways: []netip.Prefix{vpc.S3Prefix},
	}
	number(d.Subnets)
	name(d.Ports)
	d.Listeners = listeners(d.Resolver)
	return d
}

// RouteTable is the table that a subnet's packets ask: the associated one, else the VPC's main one.
func RouteTable(s vpc.Snapshot, subnet string) (vpc.RouteTable, bool) {
	var main *vpc.RouteTable
	for i := range s.RouteTables {
		t := &s.RouteTables[i]
		if slices.ContainsFunc(t.Associations, func(a vpc.Association) bool { return a.Subnet == subnet }) {
			return *t, true
		}
		if t.Main {
			main = t
		}
	}
	if main == nil {
		return vpc.RouteTable{}, false
	}
	return *main, true
}

// Entries are the prefixes of the service that an endpoint leads to; none for a service without a prefix list.
func Entries(s vpc.Snapshot, e vpc.Endpoint) []netip.Prefix {
	if !strings.HasSuffix(e.Service, ".s3") {
		return nil
	}
	return s.Prefixes[vpc.S3PrefixList(s.VPC.Region)]
}

func drawSubnet(s vpc.Snapshot, sn vpc.Subnet, by carriers) Subnet {
	out := Subnet{ID: sn.ID, CIDR: sn.CIDR, Router: vpc.Router(sn.CIDR)}
	t, ok := RouteTable(s, sn.ID)
	if !ok {
		return out
	}
	out.RouteTable = t.ID
	taken := map[netip.Prefix]bool{}
	add := func(p netip.Prefix, a Action, target, via string) {
		if p = p.Masked(); p.Addr().Is4() && !taken[p] {
			taken[p] = true
			out.Routes = append(out.Routes, Route{Dest: p, Action: a, Target: target, Via: via})
		}
	}
	// Endpoints first: one service has one gateway endpoint for each route table, and an equal static route would be stale.
	ends := slices.Clone(s.Endpoints)
	slices.SortFunc(ends, func(a, b vpc.Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	for _, e := range ends {
		if e.Type != "Gateway" || !slices.Contains(e.RouteTables, t.ID) {
			continue
		}
		for _, p := range Entries(s, e) {
			add(p, Deliver, e.ID, "")
		}
	}
	for _, r := range t.Routes {
		dests := s.Prefixes[r.PrefixList]
		if r.PrefixList == "" {
			dests = []netip.Prefix{r.Dest}
		}
		action, via := Blackhole, by.via(r)
		if via != "" {
			action = Forward
		}
		for _, p := range dests {
			if p.IsValid() {
				add(p, action, r.Target, via)
			}
		}
	}
	slices.SortFunc(out.Routes, func(a, b Route) int {
		return cmp.Or(a.Dest.Addr().Compare(b.Dest.Addr()), cmp.Compare(a.Dest.Bits(), b.Dest.Bits()))
	})
	return out
}

func drawPort(i vpc.Interface) Port {
	p := Port{ID: i.ID, Addrs: slices.Clone(i.Addrs), MAC: i.MAC, Subnet: i.Subnet, Groups: slices.Clone(i.Groups), Open: i.NoSourceDestCheck}
	switch i.Type {
	case "vpc_endpoint":
		p.Kind, p.Open = Answer, false
	case "nat_gateway":
		p.Kind, p.Open, p.Groups = Translator, true, nil
	}
	if p.MAC == "" {
		p.MAC = vpc.MAC(i.Addrs[0])
	}
	slices.Sort(p.Groups)
	p.Groups = slices.Compact(p.Groups)
	return p
}

func drawGroup(g vpc.Group, lists map[string][]netip.Prefix) Group {
	out := Group{ID: g.ID}
	for _, r := range g.Rules {
		a := Allow{Rule: r.ID, Proto: r.Proto, From: r.From, To: r.To, Group: r.Group}
		switch {
		case r.Group != "":
		case r.PrefixList != "":
			a.Peers = Merge(lists[r.PrefixList])
		case r.CIDR.IsValid():
			a.Peers = Merge([]netip.Prefix{r.CIDR})
		}
		if r.Egress {
			out.Egress = append(out.Egress, a)
		} else {
			out.Ingress = append(out.Ingress, a)
		}
	}
	byRule := func(a, b Allow) int { return cmp.Compare(a.Rule, b.Rule) }
	slices.SortStableFunc(out.Egress, byRule)
	slices.SortStableFunc(out.Ingress, byRule)
	return out
}

func listeners(resolver netip.Addr) []Listener {
	out := []Listener{
		{Name: "s3-http", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: PortHTTP, Transparent: true},
		{Name: "s3-https", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: PortHTTPS, Transparent: true},
	}
	if resolver.IsValid() {
		out = append(out,
			Listener{Name: "dns-tcp", Net: "tcp", Addr: resolver, Port: PortDNS},
			Listener{Name: "dns-udp", Net: "udp", Addr: resolver, Port: PortDNS})
	}
	return out
}
