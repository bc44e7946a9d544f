package flow

import (
	"net/netip"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// Interface is what records say of the interface that they are of.
type Interface struct {
	ID, Account, VPC, Subnet, Region, ZoneID string
	Primary                                  netip.Addr
}

// Path is the way that egress takes; zero: none that has a number. Source: "Flow log records", traffic-path.
type Path uint8

// The paths that there are here.
const (
	SameVPC         Path = 1 // through another resource in the same VPC
	Peered          Path = 4 // through a peering connection within the region
	GatewayEndpoint Path = 7
	InternetGateway Path = 8
)

// Map finds the interfaces of one network by what packets say of themselves.
type Map struct {
	drawing fabric.Desired
	byID    map[string]*Interface
	byAddr  map[netip.Addr]*Interface
	byAlias map[string]*Interface
	subnets map[string]*fabric.Subnet
	service []netip.Prefix // of S3
}

// NewMap makes a map of a drawing. about says what records need of an interface and the drawing lacks; s3 are the addresses
// that stand for Amazon S3.
func NewMap(d fabric.Desired, about map[string]Interface, s3 []netip.Prefix) *Map {
	m := &Map{drawing: d, byID: map[string]*Interface{}, byAddr: map[netip.Addr]*Interface{}, byAlias: map[string]*Interface{},
		subnets: map[string]*fabric.Subnet{}, service: s3}
	for i := range d.Subnets {
		m.subnets[d.Subnets[i].ID] = &d.Subnets[i]
	}
	for _, p := range d.Ports {
		x, ok := about[p.ID]
		if !ok || len(p.Addrs) == 0 {
			continue
		}
		x.ID, x.Subnet, x.Primary = p.ID, p.Subnet, p.Addrs[0]
		m.byID[p.ID] = &x
		for _, a := range p.Addrs {
			m.byAddr[a] = &x
		}
		if p.Alias != "" {
			m.byAlias[p.Alias] = &x
		}
	}
	return m
}

// Interfaces are all that the map knows, by id.
func (m *Map) Interfaces() map[string]*Interface { return m.byID }

// way is who sees a packet: the sender's interface, the receiver's, and the path between.
type way struct {
	from, to *Interface
	path     Path
}

// way finds the ends of a packet by its addresses.
func (m *Map) way(t Tuple) way {
	w := way{from: m.byAddr[t.Src], to: m.byAddr[t.Dst]}
	if w.to != nil {
		w.path = SameVPC
		return w
	}
	if w.from == nil {
		return w
	}
	sn := m.subnets[w.from.Subnet]
	if sn == nil {
		return w
	}
	var best *fabric.Route
	for i := range sn.Routes {
		r := &sn.Routes[i]
		if r.Dest.Contains(t.Dst) && (best == nil || r.Dest.Bits() > best.Dest.Bits()) {
			best = r
		}
	}
	switch {
	case best == nil:
	case best.Action == fabric.Deliver:
		w.path = GatewayEndpoint
	case best.Action == fabric.Forward && m.byID[best.Via] != nil: // a NAT gateway or an appliance takes it over
		w.to, w.path = m.byID[best.Via], SameVPC
	case best.Action == fabric.Forward && strings.HasPrefix(best.Via, "igw-"):
		w.path = InternetGateway
	case best.Action == fabric.Forward && strings.HasPrefix(best.Via, "pcx-"):
		w.path = Peered
	}
	return w
}

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// unlogged is traffic that flow logs leave out: with the VPC's resolver, to its routers, and link-local services (instance
// metadata, time, credentials). Source: "Flow log limitations".
func (m *Map) unlogged(t Tuple) bool {
	own := func(a netip.Addr) bool {
		if a == m.drawing.Resolver || linkLocal.Contains(a) {
			return true
		}
		for _, s := range m.drawing.Subnets {
			if a == s.Router {
				return true
			}
		}
		return false
	}
	if linkLocal.Contains(t.Src) || m.drawing.Resolver.IsValid() && t.Src == m.drawing.Resolver {
		return true
	}
	return own(t.Dst)
}

// aws names the service whose public address this is; empty: none.
func (m *Map) aws(a netip.Addr) string {
	for _, p := range m.service {
		if p.Contains(a) {
			return "S3"
		}
	}
	return ""
}

// S3 are the addresses of S3 in a snapshot's prefix lists.
func S3(lists map[string][]netip.Prefix, region string) []netip.Prefix {
	return lists[vpc.S3PrefixList(region)]
}
