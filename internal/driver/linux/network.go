package linux

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// network is one namespace and what has been put into it.
type network struct {
	id  string
	ns  int
	ids int // user and group ids of the fabric

	mu       sync.Mutex
	gone     bool
	gen      int64
	err      string // why the desired state doesn't hold
	rt       *netlink.Handle
	lo       netlink.Link
	book     *rulebook
	compiler fabric.Compiler
	ports    map[string]*port
	routed   routing
	// Whose old flows conntrack may still know: addresses, prefixes, and whatever lies outside the network.
	dirty   map[netip.Addr]bool
	parted  []netip.Prefix
	outside bool
	desired fabric.Desired    // what was last asked for
	told    map[string]string // of its ports; nil: to be looked up
	drift   []string          // what the last Set found changed by others
}

// port is one interface: a namespace for those who sit on it and a link into the network.
type port struct {
	fabric.Port
	subnet fabric.Subnet
	ns     int       // -1: an Answer has none
	index  int       // of its link
	closed string    // why it isn't open
	book   *rulebook // a Translator's
}

// leave closes what holds the port's namespace.
func (p *port) leave() {
	p.book.close()
	p.book = nil
	if p.ns >= 0 {
		unix.Close(p.ns)
		p.ns = -1
	}
}

// set makes the kernel agree with d. Rules go first: a link that comes up before its rules would still be closed, since
// it is in no set, and one that leaves is shut before it is torn down. It never panics on d: what can't be is an error.
func (c *child) set(d fabric.Desired) fabric.Status {
	n, err := c.network(d.Network)
	if err != nil {
		return fabric.Status{Network: d.Network, Err: err.Error()}
	}
	st := c.setOne(n, d)
	if err := c.complete(); err != nil && st.Err == "" {
		st.Err = err.Error()
	}
	return st
}

func (c *child) setOne(n *network, d fabric.Desired) fabric.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return fabric.Status{Network: d.Network, Err: "the network is being removed"}
	}
	if d.Generation < n.gen {
		return n.status()
	}
	n.drift = nil
	if err := c.apply(n, d); err != nil {
		n.err = err.Error()
	} else {
		n.err = ""
		n.gen = d.Generation
	}
	return n.status()
}

func (c *child) apply(n *network, d fabric.Desired) error {
	stands := n.err == "" && n.desired.SameButRules(d) // all but the rules of groups
	if !stands {
		if err := validate(d); err != nil {
			return err
		}
	}
	drifted, err := c.mend(n.book, base(n.id))
	if drifted {
		n.drift = append(n.drift, "rules")
	}
	if err == nil {
		err = c.load(n.book, n.compiler.Compile(d))
	}
	if err != nil {
		return fmt.Errorf("cannot load the rules of %s: %w", n.id, err)
	}
	if stands && !drifted && !n.desired.Same(d) {
		n.desired = d
		return nil
	}
	n.told = nil
	if drifted || stands {
		found, err := c.verify(n)
		if n.drift = append(n.drift, found...); err != nil {
			return fmt.Errorf("cannot mend %s: %w", n.id, err)
		}
	}
	want := map[string]fabric.Port{}
	subnets := map[string]fabric.Subnet{}
	for _, s := range d.Subnets {
		subnets[s.ID] = s
	}
	for _, p := range d.Ports {
		want[p.ID] = p
	}
	var leave []*port
	for id, p := range n.ports {
		if w, ok := want[id]; !ok || !p.same(w, subnets[w.Subnet]) {
			leave = append(leave, p)
		}
	}
	n.unpublish(d.Public)
	n.desired = d
	if err := c.part(n, d); err != nil {
		return err
	}
	if err := c.removePorts(n, leave); err != nil {
		return err
	}
	for id, p := range n.ports { // before any port gets an address that was another's
		if err := n.shed(p, want[id].Addrs); err != nil {
			return err
		}
	}
	if err := c.cut(n); err != nil {
		return err
	}
	if err := n.route(d, c.linked(n)); err != nil {
		return fmt.Errorf("cannot route %s: %w", n.id, err)
	}
	var failed error
	var made []*port
	var todo []fabric.Port
	for _, w := range d.Ports {
		if p := n.ports[w.ID]; p != nil && p.closed == "" {
			failed = errors.Join(failed, n.grow(p, w.Addrs))
			w.Addrs = p.Addrs // what it has
			p.Port = w
			continue
		}
		todo = append(todo, w)
	}
	for p, err := range c.addPorts(n, todo, subnets) {
		n.ports[p.ID] = p
		c.seat(p.ID, n)
		if err != nil {
			p.closed = err.Error()
			failed = errors.Join(failed, fmt.Errorf("cannot open %s: %w", p.ID, err))
			continue
		}
		made = append(made, p)
	}
	for _, p := range made {
		if p.Kind == fabric.Answer {
			continue
		}
		if err := carries(n.rt, p.Alias); err != nil {
			p.closed = err.Error()
			failed = errors.Join(failed, fmt.Errorf("cannot open %s: %w", p.ID, err))
		}
	}
	failed = errors.Join(failed, c.join(n, d))
	// Once more, for the ways through ports and links that stand only now.
	if err := n.route(d, c.linked(n)); err != nil {
		failed = errors.Join(failed, fmt.Errorf("cannot route %s: %w", n.id, err))
	}
	return failed
}

// network gives the namespace of an id, made when there is none: closed, since no rules admit anything yet.
func (c *child) network(id string) (*network, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.networks[id]; n != nil {
		return n, nil
	}
	n := &network{id: id, ids: c.uids, gen: -1 << 63, ports: map[string]*port{}, dirty: map[netip.Addr]bool{}, routed: newRouting()}
	ns, err := newNamespace()
	if err != nil {
		return nil, err
	}
	n.ns = ns
	if err := c.found(n); err != nil {
		n.close()
		return nil, fmt.Errorf("cannot make the network %s: %w", id, err)
	}
	c.networks[id] = n
	return n, nil
}

func (c *child) found(n *network) (err error) {
	if err = sysctls(n.ns, networkSettings()); err != nil {
		return err
	}
	if n.rt, err = netlink.NewHandleAt(netns.NsHandle(n.ns), unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER); err != nil {
		return err
	}
	if n.lo, err = n.rt.LinkByName("lo"); err != nil {
		return err
	}
	if n.book, err = openRulebook(n.ns); err != nil {
		return err
	}
	if err = c.load(n.book, base(n.id)); err != nil {
		return err
	}
	if err = sysctls(n.ns, flowSettings()); err != nil {
		return err
	}
	if err = n.rt.LinkSetUp(n.lo); err != nil {
		return err
	}
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table = unix.AF_INET, fabric.LocalPriority, fabric.LocalTable
	return n.rt.RuleAdd(r)
}

// base are the rules of a network that admits nobody.
func base(id string) fabric.Ruleset { return fabric.Compile(fabric.Desired{Network: id}) }

// close gives up what holds the namespace; the kernel takes it down.
func (n *network) close() {
	n.gone = true
	for _, p := range n.ports {
		p.leave()
	}
	n.ports = nil
	n.book.close()
	if n.rt != nil {
		n.rt.Close()
	}
	unix.Close(n.ns)
}

// remove takes a network down with all who sit in it. A network that isn't there is no error.
func (c *child) remove(id string) {
	c.mu.Lock()
	n := c.networks[id]
	c.mu.Unlock()
	if n == nil {
		return
	}
	n.mu.Lock()
	if n.gone {
		n.mu.Unlock()
		return
	}
	// Links, routes, rules and flows go with the namespace, once nobody sits in it.
	for id := range n.ports {
		c.killPort(id)
	}
	c.mu.Lock()
	delete(c.networks, id)
	delete(c.received, id)
	for id := range n.ports {
		if c.seats[id] == n {
			delete(c.seats, id)
		}
	}
	c.mu.Unlock()
	c.detach(n)
	n.close()
	n.mu.Unlock()
	_ = c.complete() // what could not be done is tried at the next change
}

// status is not to be changed: its map is told again as long as it is true.
func (n *network) status() fabric.Status {
	s := fabric.Status{Network: n.id, Generation: n.gen, Err: n.err, Drift: told(n.drift)}
	if n.gen == -1<<63 {
		s.Generation = 0
	}
	if n.told == nil {
		n.told = make(map[string]string, len(n.ports))
		for id, p := range n.ports {
			n.told[id] = p.closed
		}
	}
	s.Ports = n.told
	return s
}

func (c *child) status() []fabric.Status {
	out := []fabric.Status{}
	for _, n := range c.all() {
		n.mu.Lock()
		if !n.gone {
			out = append(out, n.status())
		}
		n.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b fabric.Status) int { return strings.Compare(a.Network, b.Network) })
	return out
}

// sit runs f while the port stands; ns is its namespace. What sits on a port and its removal exclude each other.
func (c *child) sit(id string, f func(ns int) error) error {
	c.mu.Lock()
	n := c.seats[id]
	c.mu.Unlock()
	if n == nil {
		return fmt.Errorf("no port %s", id)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.ports[id]
	if p == nil {
		return fmt.Errorf("no port %s", id)
	}
	if p.closed != "" {
		return fmt.Errorf("port %s is closed: %s", id, p.closed)
	}
	if p.ns < 0 || p.Kind != fabric.Guest {
		return fmt.Errorf("nothing can sit on port %s", id)
	}
	return f(p.ns)
}

// seat notes in which network a port is; nil: in none.
func (c *child) seat(id string, n *network) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n == nil {
		delete(c.seats, id)
		return
	}
	c.seats[id] = n
}

func (c *child) all() []*network {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.networks))
}

// standing gives a network that was set, locked.
func (c *child) standing(id string) (*network, error) {
	c.mu.Lock()
	n := c.networks[id]
	c.mu.Unlock()
	if n != nil {
		n.mu.Lock()
		if !n.gone {
			return n, nil
		}
		n.mu.Unlock()
	}
	return nil, fmt.Errorf("no network %s", id)
}
