package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// farEnd is how each network calls the other end of a link: the neighbor is permanent, the address is nobody's.
var farEnd = netip.MustParseAddr("169.254.0.1")

// joint is a link between two networks, with the ends that are drawn. The wire is made when both are, by whoever comes second.
type joint struct {
	ends map[string]*end // by network
	made bool
}

type end struct {
	fabric.Link
	n     *network
	index int
}

// joints are all links of the fabric, and what networks have still to do because another one changed. Its lock is taken inside
// a network's, and no network's inside it.
type joints struct {
	all   map[string]*joint
	stale map[string]*chore // by network
}

// chore is what a network has to do: look at its ways again, and forget flows of addresses that changed hands elsewhere.
type chore struct{ addrs []netip.Addr }

func newJoints() joints { return joints{all: map[string]*joint{}, stale: map[string]*chore{}} }

func (j *joints) mind(network string, addrs ...netip.Addr) {
	c := j.stale[network]
	if c == nil {
		c = &chore{}
		j.stale[network] = c
	}
	c.addrs = append(c.addrs, addrs...)
}

// part takes away the links that d doesn't have, or has otherwise.
func (c *child) part(n *network, d fabric.Desired) error {
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	want := map[string]fabric.Link{}
	for _, l := range d.Links {
		want[l.ID] = l
	}
	var all error
	for id, j := range c.joints.all {
		e := j.ends[n.id]
		if e == nil {
			continue
		}
		w, stays := want[id]
		if stays && w.Alias == e.Alias && w.Peer == e.Peer && w.Far == e.Far && w.Internet == e.Internet {
			n.behind(w.Near, e.Near)
			e.Near = w.Near
			continue
		}
		if j.made {
			if err := delLink(n.rt, e.Alias); err != nil {
				all = errors.Join(all, fmt.Errorf("cannot remove the link %s: %w", id, err))
				continue
			}
		}
		n.behind(nil, e.Near)
		n.outside = n.outside || e.Internet
		c.unlinked(id, j, n)
	}
	return all
}

// unlinked forgets an end; its wire is gone. The other network learns it.
func (c *child) unlinked(id string, j *joint, n *network) {
	delete(j.ends, n.id)
	j.made = false
	for other := range j.ends {
		c.joints.mind(other)
	}
	if len(j.ends) == 0 {
		delete(c.joints.all, id)
	}
}

// join notes the ends that d has and makes the wires whose other end is there.
func (c *child) join(n *network, d fabric.Desired) error {
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	var all error
	for _, l := range d.Links {
		j := c.joints.all[l.ID]
		if j == nil {
			j = &joint{ends: map[string]*end{}}
			c.joints.all[l.ID] = j
		}
		if j.ends[n.id] == nil {
			j.ends[n.id] = &end{Link: l, n: n}
		}
		e, far := j.ends[n.id], j.ends[l.Peer]
		if j.made || far == nil || far == e || far.Peer != n.id || far.Alias != e.Far || far.Far != e.Alias {
			continue
		}
		if err := e.tie(far); err != nil {
			all = errors.Join(all, fmt.Errorf("cannot make the link %s: %w", l.ID, err), delLink(n.rt, e.Alias))
			continue
		}
		j.made = true
		c.joints.mind(l.Peer)
	}
	return all
}

// tie makes the wire. Both networks hold rules for it already, or drop what comes by it.
func (e *end) tie(far *end) error {
	at := netlink.NewLinkAttrs()
	at.Name, at.HardwareAddr, at.MTU, at.NumTxQueues, at.NumRxQueues = e.Alias, routerMAC(), mtu, 1, 1
	err := e.n.rt.LinkAdd(&netlink.Veth{LinkAttrs: at, PeerName: far.Alias, PeerHardwareAddr: routerMAC(), PeerMTU: mtu, PeerNamespace: netlink.NsFd(far.n.ns)})
	if err != nil {
		return err
	}
	h, err := netlink.NewHandleAt(netns.NsHandle(far.n.ns), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := far.up(h); err != nil {
		return err
	}
	if err := e.up(e.n.rt); err != nil {
		return err
	}
	return errors.Join(carries(h, far.Alias), carries(e.n.rt, e.Alias))
}

func (e *end) up(h *netlink.Handle) error {
	l, err := h.LinkByName(e.Alias)
	if err != nil {
		return err
	}
	e.index = l.Attrs().Index
	return errors.Join(h.LinkSetAlias(l, e.ID), h.LinkSetARPOff(l), h.LinkSetUp(l), h.NeighSet(neighbor(e.index, farEnd, routerMAC())))
}

// carries waits until a link passes packets: a kernel worker sees to that after it was set up, and on a busy host takes its
// time. Until then the link swallows what is sent.
func carries(h *netlink.Handle, name string) error {
	for t0 := time.Now(); ; time.Sleep(time.Millisecond) {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Since(t0) > 5*time.Second {
			return fmt.Errorf("its link stays %s", l.Attrs().OperState)
		}
	}
}

// linked gives the indices of the links that stand, by id.
func (c *child) linked(n *network) map[string]int {
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	out := map[string]int{}
	for id, j := range c.joints.all {
		if e := j.ends[n.id]; e != nil && j.made {
			out[id] = e.index
		}
	}
	return out
}

// tell lets the networks behind links know that addresses have changed hands here.
func (c *child) tell(n *network, addrs []netip.Addr) {
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	for _, j := range c.joints.all {
		if j.ends[n.id] == nil {
			continue
		}
		for other := range j.ends {
			if other != n.id {
				c.joints.mind(other, addrs...)
			}
		}
	}
}

// detach takes all links of a network that is going.
func (c *child) detach(n *network) {
	c.jointMu.Lock()
	defer c.jointMu.Unlock()
	for id, j := range c.joints.all {
		if e := j.ends[n.id]; e != nil {
			if j.made {
				_ = delLink(n.rt, e.Alias) // it goes with the namespace at the latest
			}
			c.unlinked(id, j, n)
		}
	}
	delete(c.joints.stale, n.id)
}

// complete does what the change of a network left to do in others. No network may be locked.
func (c *child) complete() error {
	c.jointMu.Lock()
	todo := c.joints.stale
	c.joints.stale = map[string]*chore{}
	c.jointMu.Unlock()
	var all error
	for id, what := range todo {
		n, err := c.standing(id)
		if err != nil {
			continue // it has gone
		}
		for _, a := range what.addrs {
			n.dirty[a] = true
		}
		err = n.route(n.desired, c.linked(n))
		if err == nil && n.flowsLeft() {
			err = n.forget()
		}
		n.mu.Unlock()
		if err != nil {
			all = errors.Join(all, fmt.Errorf("cannot complete %s: %w", id, err))
			c.jointMu.Lock()
			c.joints.mind(id, what.addrs...)
			c.jointMu.Unlock()
		}
	}
	return all
}

// behind notes prefixes that are no longer behind a link: flows with them are another's, if ever.
func (n *network) behind(now, before []netip.Prefix) {
	still := map[netip.Prefix]bool{}
	for _, p := range now {
		still[p] = true
	}
	for _, p := range before {
		if !still[p] {
			n.parted = append(n.parted, p)
		}
	}
}

// unpublish notes elastic addresses that stand for somebody else now, or for nobody.
func (n *network) unpublish(now []fabric.Public) {
	still := map[fabric.Public]bool{}
	for _, p := range now {
		still[p] = true
	}
	for _, p := range n.desired.Public {
		if !still[p] {
			n.dirty[p.Public] = true
		}
	}
}

func delLink(h *netlink.Handle, name string) error {
	l, err := h.LinkByName(name)
	var none netlink.LinkNotFoundError
	if errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	return h.LinkDel(l)
}
