package reach

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"slices"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// World is the drawings of the networks that flows may cross, by network id. A link to a network that is not in it leads nowhere.
type World map[string]fabric.Desired

// Only is the world of one network.
func Only(d fabric.Desired) World { return World{d.Network: d} }

// Map is a world prepared for many questions. It never changes: any number may ask it at once.
type Map struct {
	networks map[string]*network
	home     map[string]*port
	sole     *network // of a world of one
}

type network struct {
	d               fabric.Desired
	ports           map[string]*port
	addrs           map[netip.Addr]*port
	subnets         map[string]*subnet
	routers         map[netip.Addr]*subnet
	groups          map[string]*group
	acls            map[string]*fabric.ACL
	links           map[string]*fabric.Link
	public, private map[netip.Addr]netip.Addr // the elastic address of a private one, and back
}

type port struct {
	fabric.Port
	net    *network
	subnet *subnet // nil: unknown
}

// subnet has its routes by length, the longest first.
type subnet struct {
	fabric.Subnet
}

type group struct {
	id              string
	far             map[netip.Addr]bool
	egress, ingress rules
}

// rules are a direction's. To find one that admits, all may have to be looked at: what most differ in lies close together.
type rules struct {
	quick []quick
	all   []fabric.Allow
	peers [][]span // sorted, without overlap
}

// quick is a rule's protocol, its ports, and the range that holds all its peers; of a group's members that is everyone.
type quick struct {
	proto       vpc.Proto
	from, to    int32
	first, last uint32
}

// span is a range of IPv4 addresses, its ends included.
type span struct{ first, last uint32 }

// Index prepares a world. Its work grows with the world; a question's does not grow with the number of ports.
func Index(w World) *Map {
	m := &Map{networks: make(map[string]*network, len(w)), home: map[string]*port{}}
	for _, id := range slices.Sorted(maps.Keys(w)) {
		n := newNetwork(w[id])
		m.networks[id] = n
		for i := range n.d.Ports {
			p := &port{Port: n.d.Ports[i], net: n, subnet: n.subnets[n.d.Ports[i].Subnet]}
			n.ports[p.ID] = p
			if _, taken := m.home[p.ID]; !taken {
				m.home[p.ID] = p
			}
			for _, a := range p.Addrs {
				if _, taken := n.addrs[a]; !taken {
					n.addrs[a] = p
				}
			}
		}
		m.sole = n
	}
	if len(w) != 1 {
		m.sole = nil
	}
	return m
}

func newNetwork(d fabric.Desired) *network {
	n := &network{
		d: d, ports: make(map[string]*port, len(d.Ports)), addrs: make(map[netip.Addr]*port, len(d.Ports)), subnets: make(map[string]*subnet, len(d.Subnets)),
		routers: make(map[netip.Addr]*subnet, len(d.Subnets)), groups: make(map[string]*group, len(d.Groups)),
		acls: make(map[string]*fabric.ACL, len(d.ACLs)), links: make(map[string]*fabric.Link, len(d.Links)),
		public: make(map[netip.Addr]netip.Addr, len(d.Public)), private: make(map[netip.Addr]netip.Addr, len(d.Public)),
	}
	for _, s := range d.Subnets {
		sn := &subnet{s}
		sn.Routes = slices.Clone(s.Routes)
		slices.SortStableFunc(sn.Routes, func(a, b fabric.Route) int { return cmp.Compare(b.Dest.Bits(), a.Dest.Bits()) })
		n.subnets[s.ID] = sn
		if s.Router.IsValid() {
			n.routers[s.Router] = sn
		}
	}
	for _, g := range d.Groups {
		out := &group{id: g.ID, egress: newRules(g.Egress), ingress: newRules(g.Ingress), far: make(map[netip.Addr]bool, len(g.Far))}
		for _, a := range g.Far {
			out.far[a] = true
		}
		n.groups[g.ID] = out
	}
	for i := range d.ACLs {
		n.acls[d.ACLs[i].ID] = &d.ACLs[i]
	}
	for i := range d.Links {
		n.links[d.Links[i].ID] = &d.Links[i]
	}
	for _, p := range d.Public {
		n.public[p.Private], n.private[p.Public] = p.Public, p.Private
	}
	return n
}

func newRules(as []fabric.Allow) rules {
	out := rules{quick: make([]quick, len(as)), all: as, peers: make([][]span, len(as))}
	for i, a := range as {
		q := quick{proto: a.Proto, from: int32(a.From), to: int32(a.To), last: math.MaxUint32}
		if a.Group == "" {
			for _, p := range fabric.Merge(a.Peers) {
				from := number(p.Addr())
				out.peers[i] = append(out.peers[i], span{from, from | uint32(1<<(32-p.Bits())-1)})
			}
			if ps := out.peers[i]; len(ps) > 0 {
				q.first, q.last = ps[0].first, ps[len(ps)-1].last
			} else {
				q.first, q.last = 1, 0 // nobody
			}
		}
		out.quick[i] = q
	}
	return out
}

// number is an IPv4 address as a number.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// holds reports whether an address lies in one of the ranges.
func holds(in []span, a uint32) bool {
	low, high := 0, len(in)
	for low < high {
		if mid := (low + high) / 2; in[mid].last < a {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(in) && in[low].first <= a
}

func within(ps []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}
