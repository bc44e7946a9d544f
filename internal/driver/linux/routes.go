package linux

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// lastMetric is that of the blackhole that ends each subnet's table: any other route wins.
const lastMetric = 1 << 20

// routing is what a network's tables hold, besides the ways to its ports. It is comparable piece by piece, so that a
// change touches only what differs.
type routing struct {
	local map[netip.Prefix]bool // the VPC's own prefixes: what no port takes is dropped
	addrs map[netip.Addr]bool   // on lo: routers and the resolver
	asks  map[ask]bool
	ways  map[way]bool
}

type ask struct { // packets from here ask this table
	from  netip.Prefix
	table int
}

type way struct {
	table  int
	dest   netip.Prefix
	action fabric.Action
	last   bool
}

func newRouting() routing {
	return routing{local: map[netip.Prefix]bool{}, addrs: map[netip.Addr]bool{}, asks: map[ask]bool{}, ways: map[way]bool{}}
}

func wanted(d fabric.Desired) routing {
	r := newRouting()
	for _, p := range d.CIDRs {
		if p.Addr().Is4() {
			r.local[p.Masked()] = true
		}
	}
	if d.Resolver.Is4() {
		r.addrs[d.Resolver] = true
	}
	for _, s := range d.Subnets {
		r.addrs[s.Router] = true
		r.asks[ask{s.CIDR.Masked(), s.Table}] = true
		r.ways[way{s.Table, netip.MustParsePrefix("0.0.0.0/0"), fabric.Blackhole, true}] = true
		for _, t := range s.Routes {
			if t.Dest.Addr().Is4() {
				r.ways[way{s.Table, t.Dest.Masked(), t.Action, false}] = true
			}
		}
	}
	return r
}

// route brings the tables to what is desired: what leaves goes first, so that nothing is open that neither state opens.
func (n *network) route(d fabric.Desired) error {
	want := wanted(d)
	return errors.Join(
		turn(n.routed.ways, want.ways, n.delWay, nil),
		turn(n.routed.asks, want.asks, n.delAsk, nil),
		turn(n.routed.addrs, want.addrs, n.delAddr, n.addAddr),
		turn(n.routed.local, want.local, n.delLocal, n.addLocal),
		turn(n.routed.ways, want.ways, nil, n.addWay),
		turn(n.routed.asks, want.asks, nil, n.addAsk),
	)
}

// turn takes away what isn't wanted and adds what isn't there, and notes each step that was taken.
func turn[T comparable](have, want map[T]bool, del, add func(T) error) error {
	var all error
	if del != nil {
		for t := range have {
			if !want[t] {
				if err := del(t); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENOENT) {
					all = errors.Join(all, fmt.Errorf("cannot remove %v: %w", t, err))
					continue
				}
				delete(have, t)
			}
		}
	}
	if add != nil {
		for t := range want {
			if !have[t] {
				if err := add(t); err != nil && !errors.Is(err, unix.EEXIST) {
					all = errors.Join(all, fmt.Errorf("cannot add %v: %w", t, err))
					continue
				}
				have[t] = true
			}
		}
	}
	return all
}

func (n *network) netlinkWay(w way) *netlink.Route {
	r := &netlink.Route{Dst: prefixNet(w.dest), Table: w.table, Type: unix.RTN_BLACKHOLE}
	if w.last {
		r.Priority = lastMetric
	}
	if w.action == fabric.Deliver {
		r.Type, r.Scope, r.LinkIndex = unix.RTN_LOCAL, unix.RT_SCOPE_HOST, n.lo.Attrs().Index
	}
	return r
}

func (n *network) addWay(w way) error { return n.rt.RouteAdd(n.netlinkWay(w)) }
func (n *network) delWay(w way) error { return n.rt.RouteDel(n.netlinkWay(w)) }

func netlinkAsk(a ask) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table, r.Src = unix.AF_INET, fabric.SubnetPriority, a.table, prefixNet(a.from)
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
