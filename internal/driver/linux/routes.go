package linux

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// lastMetric is that of the blackholes that lie under a route through a link: they take over when the link goes, before a
// wider route could.
const lastMetric = 1 << 20

var everything = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// routing is what a network's tables hold, besides the ways to its ports. It is comparable piece by piece, so that a
// change touches only what differs.
type routing struct {
	local map[netip.Prefix]bool // the VPC's own prefixes, and those that lead nowhere: what no port takes is dropped
	addrs map[netip.Addr]bool   // on lo: routers, the resolver and interface endpoints
	asks  map[ask]bool
	ways  map[way]bool
}

// ask says who asks a table: packets with a mark, or what the network itself sends from a prefix.
type ask struct {
	mark  uint32
	from  netip.Prefix
	table int
}

type way struct {
	table  int
	dest   netip.Prefix
	action fabric.Action
	last   bool
	via    netip.Addr // Forward: a permanent neighbor of the link
	link   int        // its index: a link that was made anew has another
}

func newRouting() routing {
	return routing{local: map[netip.Prefix]bool{}, addrs: map[netip.Addr]bool{}, asks: map[ask]bool{}, ways: map[way]bool{}}
}

// wanted is what d wants of the tables, as far as its ports and links stand.
func (n *network) wanted(d fabric.Desired, links map[string]int) routing {
	r := newRouting()
	// What no table takes vanishes: who is forwarded here learns nothing of it.
	r.ways[way{table: unix.RT_TABLE_MAIN, dest: everything, last: true}] = true
	for _, p := range append(fabric.Unroutable(), d.CIDRs...) {
		if p.Addr().Is4() {
			r.local[p.Masked()] = true
		}
	}
	if d.Resolver.Is4() {
		r.addrs[d.Resolver] = true
	}
	answering := map[string]bool{}
	for _, p := range d.Ports {
		if p.Kind == fabric.Answer {
			answering[p.Subnet] = true
			for _, a := range p.Addrs {
				r.addrs[a] = true
			}
		}
	}
	for _, s := range d.Subnets {
		r.addrs[s.Router] = true
		r.asks[ask{mark: uint32(s.Table), table: s.Table}] = true
		if answering[s.ID] {
			r.asks[ask{from: s.CIDR.Masked(), table: s.Table}] = true
		}
		r.ways[way{table: s.Table, dest: everything, last: true}] = true
		for _, t := range s.Routes {
			w := way{table: s.Table, dest: t.Dest.Masked(), action: t.Action}
			if !t.Dest.Addr().Is4() {
				continue
			}
			if t.Action == fabric.Forward {
				r.ways[way{table: s.Table, dest: w.dest, last: true}] = true
				if w.via, w.link = n.carrier(t.Via, links); w.link == 0 {
					continue
				}
			}
			r.ways[w] = true
		}
	}
	if d.Network == vpc.InternetNetwork {
		for _, l := range d.Links {
			for _, p := range l.Near {
				if ix := links[l.ID]; ix != 0 && p.Addr().Is4() {
					r.ways[way{table: fabric.LocalTable, dest: p.Masked(), action: fabric.Forward, via: farEnd, link: ix}] = true
				}
			}
		}
	}
	if d.Catch != nil {
		r.asks[ask{mark: fabric.CatchMark, table: fabric.CatchTable}] = true
		r.ways[way{table: fabric.CatchTable, dest: everything, action: fabric.Deliver}] = true
	}
	return r
}

// carrier is the neighbor that a route hands its packets to; no link: it does not stand.
func (n *network) carrier(id string, links map[string]int) (netip.Addr, int) {
	if p := n.ports[id]; p != nil && p.closed == "" {
		return p.Addrs[0], p.index
	}
	return farEnd, links[id]
}

// route brings the tables to what is desired. What catches the rest comes first and goes last, and what leaves goes before
// what comes: nothing is open that neither state opens.
func (n *network) route(d fabric.Desired, links map[string]int) error {
	want := n.wanted(d, links)
	return errors.Join(
		turn(n.routed.ways, want.ways, nil, n.addWay, func(w way) bool { return w.last }),
		turn(n.routed.ways, want.ways, n.delWay, nil, func(w way) bool { return !w.last }),
		turn(n.routed.asks, want.asks, n.delAsk, nil, nil),
		turn(n.routed.addrs, want.addrs, n.delAddr, n.addAddr, nil),
		turn(n.routed.local, want.local, n.delLocal, n.addLocal, nil),
		turn(n.routed.ways, want.ways, n.delWay, n.addWay, nil),
		turn(n.routed.asks, want.asks, nil, n.addAsk, nil),
	)
}

// turn takes away what isn't wanted and adds what isn't there, of those that are meant, and notes each step that was taken.
func turn[T comparable](have, want map[T]bool, del, add func(T) error, meant func(T) bool) error {
	var all error
	if del != nil {
		for t := range have {
			if want[t] || meant != nil && !meant(t) {
				continue
			}
			if err := del(t); err != nil && !missing(err) {
				all = errors.Join(all, fmt.Errorf("cannot remove %v: %w", t, err))
				continue
			}
			delete(have, t)
		}
	}
	if add != nil {
		for t := range want {
			if have[t] || meant != nil && !meant(t) {
				continue
			}
			if err := add(t); err != nil && !errors.Is(err, unix.EEXIST) {
				all = errors.Join(all, fmt.Errorf("cannot add %v: %w", t, err))
				continue
			}
			have[t] = true
		}
	}
	return all
}

// missing: what should be removed has gone already, by itself or with its link.
func missing(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func (n *network) netlinkWay(w way) *netlink.Route {
	r := &netlink.Route{Dst: prefixNet(w.dest), Table: w.table, Type: unix.RTN_BLACKHOLE}
	if w.last {
		r.Priority = lastMetric
	}
	switch w.action {
	case fabric.Deliver:
		r.Type, r.Scope, r.LinkIndex = unix.RTN_LOCAL, unix.RT_SCOPE_HOST, n.lo.Attrs().Index
	case fabric.Forward:
		r.Type, r.LinkIndex, r.Gw, r.Flags = unix.RTN_UNICAST, w.link, w.via.AsSlice(), int(netlink.FLAG_ONLINK)
	}
	return r
}

func (n *network) addWay(w way) error { return n.rt.RouteAdd(n.netlinkWay(w)) }
func (n *network) delWay(w way) error { return n.rt.RouteDel(n.netlinkWay(w)) }

func netlinkAsk(a ask) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table = unix.AF_INET, fabric.SubnetPriority, a.table
	if a.mark != 0 {
		all := ^uint32(0)
		r.Mark, r.Mask = a.mark, &all
	} else {
		r.Src, r.IifName = prefixNet(a.from), "lo"
	}
	return r
}

func (n *network) addAsk(a ask) error { return n.rt.RuleAdd(netlinkAsk(a)) }
func (n *network) delAsk(a ask) error { return n.rt.RuleDel(netlinkAsk(a)) }

func (n *network) addAddr(a netip.Addr) error {
	return n.rt.AddrAdd(n.lo, &netlink.Addr{IPNet: hostNet(a)})
}
func (n *network) delAddr(a netip.Addr) error {
	return n.rt.AddrDel(n.lo, &netlink.Addr{IPNet: hostNet(a)})
}

func localRoute(p netip.Prefix) *netlink.Route {
	return &netlink.Route{Dst: prefixNet(p), Table: fabric.LocalTable, Type: unix.RTN_BLACKHOLE}
}

func (n *network) addLocal(p netip.Prefix) error { return n.rt.RouteAdd(localRoute(p)) }
func (n *network) delLocal(p netip.Prefix) error { return n.rt.RouteDel(localRoute(p)) }
