package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// A port that stays may get and lose secondary addresses: whoever sits on it keeps what he has open on the others. The first
// address is the port's for good.

// shed takes from a port that stays the addresses that it isn't to have any more. Their rules must be gone already; what was
// open with them is left to cut.
func (n *network) shed(p *port, want []netip.Addr) error {
	for _, a := range lacking(p.Addrs, want) {
		if p.Kind != fabric.Answer { // whose addresses go with the network's own
			if err := n.unseat(p, a); err != nil {
				return fmt.Errorf("cannot take %s from %s: %w", a, p.ID, err)
			}
		}
		n.dirty[a] = true
		p.Addrs = lacking(p.Addrs, []netip.Addr{a})
	}
	return nil
}

// unseat takes the ways to an address first, then the address, and then ends what its holder had open with it: nothing new
// can arise in between.
func (n *network) unseat(p *port, a netip.Addr) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return err
	}
	if err := n.rt.RouteDel(portRoute(p, a)); err != nil && !missing(err) {
		return err
	}
	if err := n.rt.NeighDel(neighbor(p.index, a, mac)); err != nil && !missing(err) {
		return err
	}
	err = p.eth(func(h *netlink.Handle, eth netlink.Link) error { return h.AddrDel(eth, p.addr(a)) })
	if err != nil && !missing(err) {
		return err
	}
	return abort(p.ns, []netip.Addr{a})
}

// grow gives a port that stands the addresses that it lacks. Their rules are there already; the ways to an address come last.
func (n *network) grow(p *port, want []netip.Addr) error {
	for _, a := range lacking(want, p.Addrs) {
		if p.Kind != fabric.Answer {
			if err := n.give(p, a); err != nil {
				return fmt.Errorf("cannot give %s to %s: %w", a, p.ID, err)
			}
		}
		p.Addrs = append(slices.Clone(p.Addrs), a)
	}
	return nil
}

func (n *network) give(p *port, a netip.Addr) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return err
	}
	err = p.eth(func(h *netlink.Handle, eth netlink.Link) error { return h.AddrAdd(eth, p.addr(a)) })
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return n.lead(p, a, mac)
}

// lead makes the ways to an address of a port. Nobody asks for hardware addresses: all neighbors are permanent.
func (n *network) lead(p *port, a netip.Addr, mac net.HardwareAddr) error {
	if err := n.rt.NeighSet(neighbor(p.index, a, mac)); err != nil {
		return fmt.Errorf("cannot set its neighbor: %w", err)
	}
	if err := n.rt.RouteReplace(portRoute(p, a)); err != nil {
		return fmt.Errorf("cannot route %s to it: %w", a, err)
	}
	return nil
}

// portRoute leads to an address of a port. Src is whom the network's own connections come from.
func portRoute(p *port, a netip.Addr) *netlink.Route {
	return &netlink.Route{LinkIndex: p.index, Table: fabric.LocalTable, Scope: netlink.SCOPE_LINK, Dst: hostNet(a), Src: p.subnet.Router.AsSlice()}
}

// addr is how the one who sits on a port sees an address of it.
func (p *port) addr(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(p.subnet.CIDR.Bits(), 32)}, Flags: unix.IFA_F_NOPREFIXROUTE}
}

// eth runs f on the end of the wire that is in the port's namespace.
func (p *port) eth(f func(*netlink.Handle, netlink.Link) error) error {
	h, err := netlink.NewHandleAt(netns.NsHandle(p.ns), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	eth, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	return f(h, eth)
}

// lacking gives those of a that are not in b, in a slice of its own.
func lacking(a, b []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}
