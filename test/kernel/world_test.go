package kernel_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
)

// cosmos is some random VPCs that are joined, and the internet between their gateways.
type cosmos struct {
	*rand.Rand
	vpcs   []*drawing
	bases  []string // "10.0" of each
	peers  []peering
	uplink bool
	public byte // the last elastic address that was given out
	gen    int64
}

// peering joins two VPCs, by their places.
type peering struct {
	id   string
	a, b int
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// often is true in n of ten cases.
func (c *cosmos) often(n int) bool { return c.IntN(10) < n }

func randomCosmos(r *rand.Rand, name string) *cosmos {
	c := &cosmos{Rand: r, uplink: r.IntN(3) > 0}
	// The third may have the addresses of the second: they are not joined to each other, and the first chooses by its routes.
	c.bases = []string{"10.0", "10.1", pick(r, "10.1", "10.2")}[:1+r.IntN(3)]
	for i, base := range c.bases {
		c.vpcs = append(c.vpcs, newVPC(fmt.Sprintf("vpc-%s%d", name, i), base+".0.0/16"))
	}
	for a := range c.bases {
		for b := range a {
			if c.bases[a] != c.bases[b] && c.often(8) {
				c.peers = append(c.peers, peering{fmt.Sprintf("pcx-%s%d%d", name, b, a), b, a})
			}
		}
	}
	for i := range c.vpcs {
		c.people(i)
	}
	for i := range c.vpcs {
		c.rules(i)
		c.acls(i)
		c.routes(i)
	}
	return c
}

// people fills a VPC with subnets and what sits in them.
func (c *cosmos) people(i int) {
	d, base, id := c.vpcs[i], c.bases[i], c.vpcs[i].s.VPC.ID
	d.s.VPC.DNSSupport = c.often(8)
	subnets := 1 + c.IntN(3)
	for s := range subnets {
		d.subnet(fmt.Sprintf("%s-s%d", id, s), fmt.Sprintf("%s.%d.0/24", base, s))
	}
	for g := range 2 + c.IntN(3) {
		d.group(fmt.Sprintf("sg-%s-%d", id, g))
	}
	if c.often(7) {
		d.s.Internet = &vpc.InternetGateway{ID: "igw-" + id, VPC: id}
	}
	place := func(host int) (subnet, addr string) {
		s := c.IntN(subnets)
		return fmt.Sprintf("%s-s%d", id, s), fmt.Sprintf("%s.%d.%d", base, s, host)
	}
	last := func() *vpc.Interface { return &d.s.Interfaces[len(d.s.Interfaces)-1] }
	for p := range 3 + c.IntN(2) {
		subnet, addr := place(10 + p)
		eni := fmt.Sprintf("eni-%s-%d", id, p)
		d.port(eni, subnet, addr, c.someGroups(i)...)
		last().NoSourceDestCheck = p == 0 && c.often(3)
		if d.s.Internet != nil && c.often(5) {
			d.s.Addresses = append(d.s.Addresses, vpc.Address{ID: "eipalloc-" + eni, Interface: eni, Private: last().Addrs[0], Public: c.elastic(), VPC: id})
		}
	}
	if c.often(6) {
		subnet, addr := place(40)
		d.port("eni-"+id+"-vpce", subnet, addr, c.someGroups(i)...)
		last().Type = "vpc_endpoint"
	}
	if c.often(7) {
		subnet, addr := place(20)
		eni := "eni-" + id + "-nat"
		d.port(eni, subnet, addr)
		last().Type = "nat_gateway"
		n := vpc.NAT{ID: "nat-" + id, VPC: id, Subnet: subnet, State: pick(c.Rand, "available", "available", "available", "available", "pending"),
			Addresses: []vpc.NATAddress{{Interface: eni, Private: last().Addrs[0]}}}
		if d.s.Internet != nil {
			n.Addresses[0].Public = c.elastic()
		}
		d.s.NATs = []vpc.NAT{n}
	}
}

func (c *cosmos) elastic() netip.Addr {
	c.public++
	return netip.AddrFrom4([4]byte{203, 0, 113, c.public})
}

func (c *cosmos) someGroups(i int) []string {
	var out []string
	for _, g := range c.vpcs[i].s.Groups {
		if c.often(6) {
			out = append(out, g.ID)
		}
	}
	return out
}

// rules gives each group its own: narrow ones, and often one that is wide.
func (c *cosmos) rules(i int) {
	d := c.vpcs[i]
	d.s.Prefixes["pl-own"] = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/23"), netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("203.0.113.0/28")}
	for g := range d.s.Groups {
		d.s.Groups[g].Rules = nil
		for _, ingress := range []bool{true, false} {
			for range c.IntN(4) {
				d.allow(d.s.Groups[g].ID, ingress, c.rule(i))
			}
		}
		if c.often(8) {
			d.allow(d.s.Groups[g].ID, false, anywhere)
		}
		if c.often(3) {
			d.allow(d.s.Groups[g].ID, true, vpc.Rule{Proto: vpc.Any, CIDR: netip.MustParsePrefix(pick(c.Rand, "10.0.0.0/8", "0.0.0.0/0"))})
		}
	}
}

// around are the places of the VPCs that one is joined to.
func (c *cosmos) around(i int) (out []int) {
	for _, p := range c.peers {
		switch i {
		case p.a:
			out = append(out, p.b)
		case p.b:
			out = append(out, p.a)
		}
	}
	return out
}

func (c *cosmos) rule(i int) vpc.Rule {
	r := vpc.Rule{From: -1, To: -1, Proto: pick(c.Rand, vpc.Any, vpc.Any, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP)}
	switch r.Proto {
	case vpc.TCP, vpc.UDP:
		r.From = pick(c.Rand, 0, 53, 80, 443, 5432, 8000)
		r.To = max(r.From, pick(c.Rand, 80, 443, 5432, 8080, 65535))
	case vpc.ICMP:
		r.From = pick(c.Rand, -1, 8, 0)
	}
	near := c.around(i)
	switch n := c.IntN(8); {
	case n < 3:
		r.Group = pick(c.Rand, c.vpcs[i].s.Groups...).ID
	case n < 6 && len(near) > 0: // a group of a peer
		r.Group = pick(c.Rand, c.vpcs[pick(c.Rand, near...)].s.Groups...).ID
	case n < 7:
		r.CIDR = c.prefix(i)
	default:
		r.PrefixList = pick(c.Rand, vpc.S3PrefixList("us-east-1"), "pl-own", "pl-unknown")
	}
	return r
}

func (c *cosmos) prefix(i int) netip.Prefix {
	other := pick(c.Rand, c.bases...)
	return netip.MustParsePrefix(pick(c.Rand, "0.0.0.0/0", "10.0.0.0/8", other+".0.0/16", other+".1.0/24", other+".0.8/29", c.bases[i]+".0.0/24",
		c.bases[i]+".0.11/32", "198.51.100.0/24", "203.0.113.0/24", "203.0.113.2/31"))
}

// acls gives subnets network ACLs, sometimes one to two of them.
func (c *cosmos) acls(i int) {
	d := c.vpcs[i]
	d.s.ACLs = nil
	for s, sn := range d.s.Subnets {
		as := vpc.Association{ID: "aclassoc-" + sn.ID, Subnet: sn.ID}
		if n := len(d.s.ACLs); n > 0 && c.often(3) {
			d.s.ACLs[n-1].Associations = append(d.s.ACLs[n-1].Associations, as)
			continue
		}
		if c.often(5) {
			continue
		}
		a := vpc.ACL{ID: fmt.Sprintf("acl-%s-%d", d.s.VPC.ID, s), Associations: []vpc.Association{as}}
		for _, egress := range []bool{true, false} {
			for n := range c.IntN(3) {
				e := c.entry(i)
				e.Number, e.Egress, e.Allow = 10+n, egress, c.often(4)
				a.Entries = append(a.Entries, e)
			}
			if c.often(9) { // what most write: the services, and the ports of answers
				e := vpc.ACLEntry{Number: 100, Egress: egress, Allow: true, Proto: vpc.Any, From: -1, To: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}
				if c.often(3) {
					e.Proto, e.From, e.To = vpc.TCP, pick(c.Rand, 0, 80, 443, 1024), 65535
				}
				a.Entries = append(a.Entries, e)
			}
		}
		d.s.ACLs = append(d.s.ACLs, a)
	}
}

func (c *cosmos) entry(i int) vpc.ACLEntry {
	e := vpc.ACLEntry{Proto: pick(c.Rand, vpc.Any, vpc.TCP, vpc.UDP, vpc.ICMP), From: -1, To: -1, CIDR: c.prefix(i)}
	switch e.Proto {
	case vpc.TCP, vpc.UDP:
		e.From = pick(c.Rand, 0, 53, 80, 443, 1024, 5432, 32768, 40000)
		e.To = max(e.From, pick(c.Rand, 443, 1023, 8080, 36000, 60999, 65535))
	case vpc.ICMP:
		e.From = pick(c.Rand, -1, 0, 8)
	}
	return e
}

// routes gives each subnet its ways: the endpoint or not, a default or not, peers or not, and what leads nowhere.
func (c *cosmos) routes(i int) {
	d := c.vpcs[i]
	id := d.s.VPC.ID
	var with []string
	for t := range d.s.RouteTables {
		rt := &d.s.RouteTables[t]
		rt.Routes = nil
		add := func(dest, target string) {
			rt.Routes = append(rt.Routes, vpc.Route{Dest: netip.MustParsePrefix(dest), Target: target})
		}
		if c.often(5) && !rt.Main {
			with = append(with, strings.TrimPrefix(rt.ID, "rtb-"))
		}
		if c.often(8) {
			add("0.0.0.0/0", pick(c.Rand, "igw-"+id, "igw-"+id, "nat-"+id, "nat-"+id, "eni-gone"))
		}
		for _, p := range c.peers {
			far := p.b
			if far == i {
				far = p.a
			} else if p.a != i {
				continue
			}
			if c.often(8) { // the longest prefix chooses between equal peers
				add(c.bases[far]+pick(c.Rand, ".0.0/16", ".0.0/16", ".0.0/23", ".1.0/24"), p.id)
			}
		}
		if c.often(2) {
			rt.Routes = append(rt.Routes, vpc.Route{PrefixList: "pl-own", Target: pick(c.Rand, "nat-"+id, "igw-"+id, "pcx-gone")})
		}
		if c.often(3) {
			add(pick(c.Rand, "198.51.100.0/26", "203.0.113.0/24", "10.1.0.0/24", "10.2.0.0/16"), pick(c.Rand, "nat-gone", "nat-"+id))
		}
		if c.often(3) {
			add("172.31.0.0/16", fmt.Sprintf("eni-%s-0", id))
		}
		seen := map[netip.Prefix]bool{} // AWS keeps one route for each destination
		rt.Routes = slices.DeleteFunc(rt.Routes, func(r vpc.Route) bool {
			again := seen[r.Dest] && r.PrefixList == ""
			seen[r.Dest] = true
			return again
		})
	}
	d.s.Endpoints = nil
	if c.often(8) {
		d.gateway(with...)
	}
}

// change moves walls: a VPC's rules, its ACLs, its routes, the groups of a port, a peering that goes.
func (c *cosmos) change() {
	for i, d := range c.vpcs {
		switch c.IntN(4) {
		case 0:
			c.rules(i)
		case 1:
			c.acls(i)
		case 2:
			c.routes(i)
		default:
			d.s.Interfaces[0].Groups = c.someGroups(i)
		}
	}
	if len(c.peers) > 1 && c.often(2) {
		c.peers = c.peers[1:]
	}
}

// draw gives the world as it is now.
func (c *cosmos) draw() reach.World {
	c.gen++
	var all []vpc.Snapshot
	for i, d := range c.vpcs {
		d.s.Peers = nil
		for _, p := range c.peers {
			for _, side := range [][2]int{{p.a, p.b}, {p.b, p.a}} {
				if side[0] != i {
					continue
				}
				far := c.vpcs[side[1]]
				x := vpc.Peer{ID: p.id, VPC: far.s.VPC.ID, CIDRs: far.s.VPC.CIDRs, Live: true, Members: map[string][]netip.Addr{}}
				for _, e := range far.s.Interfaces {
					for _, g := range e.Groups {
						x.Members[g] = append(x.Members[g], e.Addrs...)
					}
				}
				d.s.Peers = append(d.s.Peers, x)
			}
		}
		all = append(all, d.s)
	}
	w := reach.World{vpc.InternetNetwork: fabric.DrawInternet(all, nil, c.uplink, c.gen)}
	for _, s := range all {
		w[s.VPC.ID] = fabric.Draw(s, c.gen)
	}
	return w
}

// guests are the ports that a process sits on, by id.
func guests(w reach.World) (out []fabric.Port) {
	for _, id := range slices.Sorted(maps.Keys(w)) {
		for _, p := range w[id].Ports {
			if p.Kind == fabric.Guest {
				out = append(out, p)
			}
		}
	}
	return out
}
