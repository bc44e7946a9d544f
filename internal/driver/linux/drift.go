package linux

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// Nobody but the fabric has a hand in its namespaces. Drift is that somebody had one all the same: it is noticed by comparing
// the kernel with the notes, mended, and told.

// mend looks whether the rules are as they were written. If they aren't, all are taken away and base is loaded, in one transaction.
func (c *child) mend(b *rulebook, base fabric.Ruleset) (drifted bool, err error) {
	now, err := generation(b.conn)
	if err != nil || now == b.gen {
		return false, err
	}
	b.gen, b.have = now, fabric.Ruleset{}
	return true, c.load(b, base, func(c *nftables.Conn) { c.FlushRuleset() })
}

// verify compares links, neighbors, addresses, routes and rules of routing with the notes and mends what differs.
func (c *child) verify(n *network) ([]string, error) {
	var found []string
	note := func(what string, args ...any) { found = append(found, fmt.Sprintf(what, args...)) }
	err := errors.Join(c.verifyLinks(n, note), n.verifyAddrs(note), n.verifyWays(note), n.verifyAsks(note))
	for _, p := range n.ports {
		if p.book == nil || p.closed != "" {
			continue
		}
		drifted, e := c.mend(p.book, fabric.CompileTranslator(p.Port))
		if err = errors.Join(err, e); drifted {
			note("rules of %s", p.ID)
		}
	}
	return found, err
}

// verifyLinks closes ports whose link is gone, so that they are made anew, and unties links between networks.
func (c *child) verifyLinks(n *network, note func(string, ...any)) error {
	links, err := n.rt.LinkList()
	if err != nil {
		return fmt.Errorf("cannot list links: %w", err)
	}
	up := map[string]int{}
	for _, l := range links {
		if a := l.Attrs(); a.Flags&net.FlagUp != 0 && a.OperState == netlink.OperUp {
			up[a.Name] = a.Index
		}
	}
	neighbors, err := n.rt.NeighList(0, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("cannot list neighbors: %w", err)
	}
	type hop struct {
		link int
		addr netip.Addr
	}
	known := map[hop]net.HardwareAddr{}
	for _, x := range neighbors {
		if a, ok := netip.AddrFromSlice(x.IP); ok && x.State == netlink.NUD_PERMANENT {
			known[hop{x.LinkIndex, a.Unmap()}] = x.HardwareAddr
		}
	}
	for _, p := range n.ports {
		if p.Kind == fabric.Answer || p.closed != "" {
			continue
		}
		if up[p.Alias] != p.index {
			p.closed = "its link was taken away"
			note("link of %s", p.ID)
			continue
		}
		mac, _ := net.ParseMAC(p.MAC)
		for _, a := range p.Addrs {
			if !bytes.Equal(known[hop{p.index, a}], mac) {
				note("neighbor %s", a)
				err = errors.Join(err, n.rt.NeighSet(neighbor(p.index, a, mac)))
			}
		}
	}
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	for id, j := range c.joints.all {
		e := j.ends[n.id]
		if e == nil || !j.made {
			continue
		}
		if up[e.Alias] != e.index {
			note("link %s", id)
			err = errors.Join(err, delLink(n.rt, e.Alias))
			j.made = false
			c.joints.mind(e.Peer)
		} else if !bytes.Equal(known[hop{e.index, farEnd}], routerMAC()) {
			note("neighbor of %s", id)
			err = errors.Join(err, n.rt.NeighSet(neighbor(e.index, farEnd, routerMAC())))
		}
	}
	return err
}

func neighbor(link int, a netip.Addr, mac net.HardwareAddr) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: link, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: mac, Family: unix.AF_INET}
}

func (n *network) verifyAddrs(note func(string, ...any)) error {
	have, err := n.rt.AddrList(n.lo, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("cannot list addresses: %w", err)
	}
	there := map[netip.Addr]bool{}
	for _, x := range have {
		a, _ := netip.AddrFromSlice(x.IP)
		a = a.Unmap()
		if there[a] = true; !n.routed.addrs[a] && !a.IsLoopback() {
			note("address %s", a)
			err = errors.Join(err, n.delAddr(a))
		}
	}
	for a := range n.routed.addrs {
		if !there[a] {
			note("address %s", a)
			err = errors.Join(err, n.addAddr(a))
		}
	}
	return err
}

// verifyWays leaves the kernel's own table out, which follows from the addresses.
func (n *network) verifyWays(note func(string, ...any)) error {
	have, err := n.rt.RouteListFiltered(unix.AF_INET, &netlink.Route{}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("cannot list routes: %w", err)
	}
	name := func(r *netlink.Route) string {
		kind := r.Type
		if kind == 0 {
			kind = unix.RTN_UNICAST
		}
		return fmt.Sprintf("%s in table %d (%d, metric %d, link %d, via %s)", r.Dst, r.Table, kind, r.Priority, r.LinkIndex, r.Gw)
	}
	want := map[string]*netlink.Route{}
	for w := range n.routed.ways {
		if w.action != fabric.Forward || n.stands(w.link) {
			r := n.netlinkWay(w)
			want[name(r)] = r
		}
	}
	for p := range n.routed.local {
		want[name(localRoute(p))] = localRoute(p)
	}
	for _, p := range n.ports {
		for _, a := range p.Addrs {
			if p.closed == "" && p.Kind != fabric.Answer {
				want[name(portRoute(p, a))] = portRoute(p, a)
			}
		}
	}
	for i := range have {
		r, k := &have[i], name(&have[i])
		if _, ok := want[k]; !ok && r.Table != unix.RT_TABLE_LOCAL {
			note("route %s", k)
			if e := n.rt.RouteDel(r); e != nil && !missing(e) {
				err = errors.Join(err, e)
			}
		}
		delete(want, k)
	}
	for k, r := range want {
		note("route %s", k)
		err = errors.Join(err, n.rt.RouteAdd(r))
	}
	return err
}

// stands: a link that went took its routes along, and they are not to be had back without it.
func (n *network) stands(link int) bool {
	_, err := n.rt.LinkByIndex(link)
	return err == nil
}

func (n *network) verifyAsks(note func(string, ...any)) error {
	have, err := n.rt.RuleList(unix.AF_INET)
	if err != nil {
		return fmt.Errorf("cannot list rules of routing: %w", err)
	}
	name := func(r *netlink.Rule) string {
		return fmt.Sprintf("%d mark %d from %v iif %s table %d", max(r.Priority, 0), r.Mark, r.Src, r.IifName, r.Table)
	}
	want := map[string]*netlink.Rule{}
	for priority, table := range map[int]int{0: unix.RT_TABLE_LOCAL, fabric.LocalPriority: fabric.LocalTable, 32766: unix.RT_TABLE_MAIN, 32767: unix.RT_TABLE_DEFAULT} {
		r := netlink.NewRule()
		r.Family, r.Priority, r.Table = unix.AF_INET, priority, table
		want[name(r)] = r
	}
	for a := range n.routed.asks {
		want[name(netlinkAsk(a))] = netlinkAsk(a)
	}
	for i := range have {
		k := name(&have[i])
		if _, ok := want[k]; !ok {
			note("rule of routing %s", k)
			have[i].Family = unix.AF_INET
			err = errors.Join(err, n.rt.RuleDel(&have[i]))
		}
		delete(want, k)
	}
	for k, r := range want {
		note("rule of routing %s", k)
		err = errors.Join(err, n.rt.RuleAdd(r))
	}
	return err
}

// told is short: what differs is for a record, its length is not.
func told(found []string) string {
	const most = 8
	if len(found) > most {
		found = append(found[:most:most], fmt.Sprintf("%d more", len(found)-most))
	}
	return strings.Join(found, "; ")
}
