package linux

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

const tcpListen = 10 // include/net/tcp_states.h

// mtu is that of AWS inside a VPC: jumbo frames.
const mtu = 9001

// routerMAC is the network's end of every wire: each port is alone on its own, so all may be equal.
func routerMAC() net.HardwareAddr { return net.HardwareAddr{0x0e, 0, 0, 0, 0, 1} }

// addPorts adds several at a time: most of it is waiting for the kernel.
func (c *child) addPorts(n *network, all []fabric.Port, subnets map[string]fabric.Subnet) iter.Seq2[*port, error] {
	const atOnce = 4
	made, errs := make([]*port, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, w := range all {
		free <- struct{}{}
		group.Go(func() {
			made[i], errs[i] = c.addPort(n, w, subnets[w.Subnet])
			<-free
		})
	}
	group.Wait()
	return func(yield func(*port, error) bool) {
		for i := range made {
			if !yield(made[i], errs[i]) {
				return
			}
		}
	}
}

// addPort makes the namespace, the wire and the ways in both directions. The port it gives is never nil; on an error nothing of it is left but its entry.
func (c *child) addPort(n *network, w fabric.Port, s fabric.Subnet) (*port, error) {
	p := &port{Port: w, subnet: s, ns: -1}
	if w.Kind == fabric.Answer { // its addresses are the network's own, see wanted
		return p, nil
	}
	if err := c.link(n, p); err != nil {
		if e := n.unlink(p); e != nil {
			err = errors.Join(err, e)
		}
		return p, err
	}
	return p, nil
}

func (c *child) link(n *network, p *port) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return err
	}
	if p.ns, err = newNamespace(); err != nil {
		return err
	}
	settings := portSettings(n.ids)
	if p.Kind == fabric.Translator {
		settings = translatorSettings(n.ids)
	}
	if err := sysctls(p.ns, settings); err != nil {
		return err
	}
	if p.Kind == fabric.Translator {
		if p.book, err = openRulebook(p.ns); err != nil {
			return err
		}
		if err := c.load(p.book, fabric.CompileTranslator(p.Port)); err != nil {
			return fmt.Errorf("cannot load its rules: %w", err)
		}
	}
	at := netlink.NewLinkAttrs()
	at.Name, at.Alias, at.HardwareAddr, at.MTU, at.NumTxQueues, at.NumRxQueues = p.Alias, p.ID, routerMAC(), mtu, 1, 1
	err = n.rt.LinkAdd(&netlink.Veth{LinkAttrs: at, PeerName: "eth0", PeerHardwareAddr: mac, PeerMTU: mtu, PeerNamespace: netlink.NsFd(p.ns)})
	if err != nil {
		return fmt.Errorf("cannot make its link: %w", err)
	}
	l, err := n.rt.LinkByName(p.Alias)
	if err != nil {
		return err
	}
	p.index = l.Attrs().Index
	if err := errors.Join(n.rt.LinkSetAlias(l, p.ID), n.rt.LinkSetARPOff(l), n.rt.LinkSetUp(l)); err != nil {
		return err
	}
	for _, a := range p.Addrs {
		if err := n.lead(p, a, mac); err != nil {
			return err
		}
	}
	return p.inside()
}

// inside sets up the end that a job sees.
func (p *port) inside() error {
	h, err := netlink.NewHandleAt(netns.NsHandle(p.ns), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	eth, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	ix := eth.Attrs().Index
	if err := errors.Join(h.LinkSetUp(lo), h.LinkSetARPOff(eth)); err != nil {
		return err
	}
	for _, a := range p.Addrs {
		if err := h.AddrAdd(eth, p.addr(a)); err != nil {
			return fmt.Errorf("cannot give it %s: %w", a, err)
		}
	}
	if err := h.LinkSetUp(eth); err != nil {
		return err
	}
	router := net.IP(p.subnet.Router.AsSlice())
	err = h.NeighSet(&netlink.Neigh{LinkIndex: ix, State: netlink.NUD_PERMANENT, IP: router, HardwareAddr: routerMAC(), Family: unix.AF_INET})
	if err != nil {
		return fmt.Errorf("cannot set its router: %w", err)
	}
	err = h.RouteReplace(&netlink.Route{LinkIndex: ix, Dst: prefixNet(netip.MustParsePrefix("0.0.0.0/0")), Gw: router,
		Flags: int(netlink.FLAG_ONLINK), Src: p.Addrs[0].AsSlice()})
	if err != nil {
		return fmt.Errorf("cannot set its default route: %w", err)
	}
	return nil
}

// removePorts ends those who sit on the ports and takes their links away. Their rules must be gone already; what was open with
// their addresses is left to cut.
func (c *child) removePorts(n *network, all []*port) error {
	for _, p := range all {
		c.killPort(p.ID)
		if err := n.unlink(p); err != nil {
			return fmt.Errorf("cannot remove %s: %w", p.ID, err)
		}
		for _, a := range p.Addrs {
			n.dirty[a] = true
		}
		delete(n.ports, p.ID)
		c.seat(p.ID, nil)
	}
	return nil
}

// cut ends and forgets what was open with addresses that nobody has any more: nothing new can have arisen since.
func (c *child) cut(n *network) error {
	if addrs := slices.Collect(maps.Keys(n.dirty)); len(addrs) > 0 {
		if err := abort(n.ns, addrs); err != nil {
			return err
		}
		c.tell(n, addrs)
	}
	if !n.flowsLeft() {
		return nil
	}
	return n.forget()
}

func (n *network) unlink(p *port) error {
	if p.Kind == fabric.Answer {
		return nil
	}
	if err := delLink(n.rt, p.Alias); err != nil {
		return fmt.Errorf("cannot remove its link: %w", err)
	}
	p.leave()
	return nil
}

// abort ends a namespace's own connections with addresses, those included that nobody has accepted yet: their next
// owner must not be taken for them. A kernel without that (CONFIG_INET_DIAG_DESTROY) is left with the flush of flows.
func abort(ns int, addrs []netip.Addr) error {
	return within(ns, func() error {
		all, err := netlink.SocketDiagTCP(unix.AF_INET)
		if err != nil {
			if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
				return nil
			}
			return fmt.Errorf("cannot list connections: %w", err)
		}
		for _, s := range all {
			a, ok := netip.AddrFromSlice(s.ID.Destination)
			own, _ := netip.AddrFromSlice(s.ID.Source)
			if !ok || !slices.Contains(addrs, a.Unmap()) && (!slices.Contains(addrs, own.Unmap()) || s.State == tcpListen) {
				continue
			}
			err := netlink.SocketDestroy(&net.TCPAddr{IP: s.ID.Source, Port: int(s.ID.SourcePort)}, &net.TCPAddr{IP: s.ID.Destination, Port: int(s.ID.DestinationPort)})
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
				return fmt.Errorf("cannot end a connection of %s: %w", a, err)
			}
		}
		return nil
	})
}

// forget flushes the flows of those that changed hands, so that the next owner's packets are asked about anew.
func (n *network) forget() error {
	if _, err := n.rt.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, flowsOf{n}); err != nil {
		return fmt.Errorf("cannot flush flows: %w", err)
	}
	clear(n.dirty)
	n.parted, n.outside = nil, false
	return nil
}

func (n *network) flowsLeft() bool { return len(n.dirty) > 0 || len(n.parted) > 0 || n.outside }

// flowsOf matches flows with one of those that changed hands at either end of either direction.
type flowsOf struct{ n *network }

func (f flowsOf) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	for _, ip := range []net.IP{c.Forward.SrcIP, c.Forward.DstIP, c.Reverse.SrcIP, c.Reverse.DstIP} {
		a, ok := netip.AddrFromSlice(ip)
		a = a.Unmap()
		if !ok {
			continue
		}
		if f.n.dirty[a] || within4(f.n.parted, a) || f.n.outside && !within4(f.n.desired.CIDRs, a) && !within4(f.n.desired.Gateways, a) {
			return true
		}
	}
	return false
}

func within4(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}

func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}
}

func prefixNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
