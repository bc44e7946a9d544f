package fabric

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/vpc"
)

// carriers are the ports and links that a route's target may be.
type carriers struct {
	s     vpc.Snapshot
	ports []Port
	links []Link
}

// via is the id of the port or link that carries what a route takes; empty: nothing does, the route is a blackhole.
func (c carriers) via(r vpc.Route) string {
	kind, _, _ := strings.Cut(r.Target, "-")
	switch kind {
	case "igw", "pcx":
		if slices.ContainsFunc(c.links, func(l Link) bool { return l.ID == r.Target }) {
			return r.Target
		}
	case "eni":
		// With the check on, an interface drops what is not its own.
		if slices.ContainsFunc(c.ports, func(p Port) bool { return p.ID == r.Target && p.Kind == Guest && p.Open }) {
			return r.Target
		}
	case "nat":
		for _, n := range c.s.NATs {
			if n.ID != r.Target || n.State != "available" || len(n.Addresses) == 0 {
				continue
			}
			eni := n.Addresses[0].Interface
			if slices.ContainsFunc(c.ports, func(p Port) bool { return p.ID == eni && p.Kind == Translator }) {
				return eni
			}
		}
	}
	return ""
}

// drawLinks draws the internet gateway's link and those to peers that are there. A peer whose addresses overlap with the VPC's
// own is left out: who sends from them could not be told.
func drawLinks(s vpc.Snapshot) []Link {
	var out []Link
	link := func(id, peer string) Link {
		return Link{ID: id, Alias: LinkAlias(id, s.VPC.ID), Peer: peer, Far: LinkAlias(id, peer)}
	}
	if s.Internet != nil && s.Internet.ID != "" {
		l := link(s.Internet.ID, vpc.InternetNetwork)
		l.Internet = true
		out = append(out, l)
	}
	for _, p := range s.Peers {
		overlaps := slices.ContainsFunc(p.CIDRs, func(a netip.Prefix) bool {
			return slices.ContainsFunc(s.VPC.CIDRs, func(b netip.Prefix) bool { return a.Overlaps(b) })
		})
		if p.Live && !overlaps && p.VPC != s.VPC.ID {
			l := link(p.ID, p.VPC)
			l.Near = Merge(p.CIDRs)
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Link) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b Link) bool { return a.ID == b.ID })
}

// drawPublic pairs addresses of the ports with their elastic ones. One public address stands for one private address, and the
// other way round.
func drawPublic(s vpc.Snapshot, ports []Port) []Public {
	var all []Public
	for _, a := range s.Addresses {
		all = append(all, Public{a.Private, a.Public})
	}
	for _, n := range s.NATs {
		if !n.Gone() {
			for _, a := range n.Addresses {
				all = append(all, Public{a.Private, a.Public})
			}
		}
	}
	slices.SortFunc(all, func(a, b Public) int { return cmp.Or(a.Private.Compare(b.Private), a.Public.Compare(b.Public)) })
	var out []Public
	taken := map[netip.Addr]bool{}
	for _, a := range all {
		here := slices.ContainsFunc(ports, func(p Port) bool { return p.Kind != Answer && slices.Contains(p.Addrs, a.Private) })
		if here && a.Public.Is4() && !taken[a.Private] && !taken[a.Public] {
			taken[a.Private], taken[a.Public] = true, true
			out = append(out, a)
		}
	}
	return out
}

// drawACLs draws the network ACLs that subnets have, and notes at each subnet which it is.
func drawACLs(s vpc.Snapshot, subnets []Subnet) []ACL {
	var out []ACL
	for _, a := range s.ACLs {
		used := false
		for i := range subnets {
			if slices.ContainsFunc(a.Associations, func(as vpc.Association) bool { return as.Subnet == subnets[i].ID }) {
				subnets[i].ACL, used = a.ID, true
			}
		}
		if !used {
			continue
		}
		d := ACL{ID: a.ID}
		for _, e := range a.Entries {
			x := ACLEntry{Number: e.Number, Allow: e.Allow, Proto: e.Proto, From: e.From, To: e.To, CIDR: e.CIDR}
			if e.Egress {
				d.Egress = append(d.Egress, x)
			} else {
				d.Ingress = append(d.Ingress, x)
			}
		}
		byNumber := func(a, b ACLEntry) int { return cmp.Compare(a.Number, b.Number) }
		slices.SortStableFunc(d.Egress, byNumber)
		slices.SortStableFunc(d.Ingress, byNumber)
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b ACL) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// farGroups are the groups of peers that rules here refer to. A member is known by its address alone, so one that another peer
// could have as well, since their prefixes overlap, is not admitted by its group: a stranger could take its place.
func farGroups(s vpc.Snapshot, own []Group) []Group {
	members := map[string][]netip.Addr{}
	for _, g := range own {
		for _, a := range slices.Concat(g.Egress, g.Ingress) {
			if a.Group == "" || slices.ContainsFunc(own, func(o Group) bool { return o.ID == a.Group }) {
				continue
			}
			for _, p := range s.Peers {
				if far, ok := p.Members[a.Group]; ok {
					members[a.Group] = slices.DeleteFunc(slices.Clone(far), func(m netip.Addr) bool { return !only(s.Peers, p.ID, m) })
				}
			}
		}
	}
	var out []Group
	for _, id := range slices.Sorted(maps.Keys(members)) {
		far := slices.DeleteFunc(slices.Clone(members[id]), func(a netip.Addr) bool { return !a.Is4() })
		slices.SortFunc(far, netip.Addr.Compare)
		out = append(out, Group{ID: id, Far: slices.Compact(far)})
	}
	return out
}

// only reports whether an address lies behind one peering and behind no other.
func only(peers []vpc.Peer, id string, a netip.Addr) bool {
	here := false
	for _, p := range peers {
		in := slices.ContainsFunc(p.CIDRs, func(c netip.Prefix) bool { return c.Contains(a) })
		if in && p.ID != id {
			return false
		}
		here = here || in
	}
	return here
}

// answers are the listeners of interface endpoints.
func answers(ports []Port) []Listener {
	var out []Listener
	for _, p := range ports {
		if p.Kind == Answer {
			out = append(out,
				Listener{Name: p.ID + "-http", Net: "tcp", Addr: p.Addrs[0], Port: PortHTTP},
				Listener{Name: p.ID + "-https", Net: "tcp", Addr: p.Addrs[0], Port: PortHTTPS})
		}
	}
	return out
}

// DrawInternet draws the network that internet gateways lead to: a link to each VPC that has one attached and something to
// lead to, with the VPC's elastic addresses behind it. What is exposed is caught, and with an uplink every other address as
// well; without both everything else is dropped.
func DrawInternet(all []vpc.Snapshot, exposed []netip.Addr, uplink bool, generation int64) Desired {
	d := Desired{Network: vpc.InternetNetwork, Generation: generation}
	taken := map[netip.Addr]bool{}
	for _, s := range slices.SortedFunc(slices.Values(all), func(a, b vpc.Snapshot) int { return cmp.Compare(a.VPC.ID, b.VPC.ID) }) {
		if s.Internet == nil || !s.Live() {
			continue
		}
		own := Draw(s, 0)
		l := Link{ID: s.Internet.ID, Alias: LinkAlias(s.Internet.ID, vpc.InternetNetwork), Peer: s.VPC.ID, Far: LinkAlias(s.Internet.ID, s.VPC.ID)}
		for _, p := range own.Public {
			if !taken[p.Public] {
				taken[p.Public] = true
				l.Near = append(l.Near, netip.PrefixFrom(p.Public, 32))
			}
		}
		slices.SortFunc(l.Near, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		d.Links = append(d.Links, l)
	}
	slices.SortFunc(d.Links, func(a, b Link) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range exposed {
		if a.Is4() {
			d.Gateways = append(d.Gateways, netip.PrefixFrom(a, 32))
		}
	}
	if uplink {
		d.Gateways = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	}
	if d.Gateways = Merge(d.Gateways); len(d.Gateways) > 0 {
		d.Catch = &Listener{Name: "catch", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: PortCatch, Transparent: true}
	}
	return d
}
