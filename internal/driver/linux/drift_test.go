package linux

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// What others change inside a network is noticed at the next Set, mended and told.
func TestDrift(t *testing.T) {
	start(t).Close() // or skip
	attr, err := identity(Range{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.SysProcAttr = []string{"inside", "drift"}, attr
	attr.Pdeathsig = 0
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	want := strings.Split(`as set: told "", within true, peer true, beyond true, walled true
flushed: told "rules", within true, peer true, beyond true, walled true
table gone: told "rules", within true, peer true, beyond true, walled true
another table: told "rules", within true, peer true, beyond true, walled true
a route: told "route", within true, peer true, beyond true, walled true
a route too many: told "route", within true, peer true, beyond true, walled true
a port's route: told "route", within true, peer true, beyond true, walled true
a rule: told "rule", within true, peer true, beyond true, walled true
a rule too many: told "rule", within true, peer true, beyond true, walled true
a router: told "address", within true, peer true, beyond true, walled true
a neighbor: told "neighbor", within true, peer true, beyond true, walled true
a port's link: told "link", within true, peer true, beyond true, walled true
a link between: told "link", within true, peer true, beyond true, walled true
a translator's rules: told "rules", within true, peer true, beyond true, walled true
nothing: told "", within true, peer true, beyond true, walled true
`, "\n")
	for i, line := range strings.Split(string(out), "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("got %q", line)
		}
	}
	if n := strings.Count(string(out), "\n"); n != len(want)-1 {
		t.Errorf("%d lines, want %d", n, len(want)-1)
	}
}

// drifting has a network with two ports and a translator, and a peer with one.
func drifting() (a, b fabric.Desired) {
	a, b = small("vpc-1", 1), small("vpc-2", 1)
	all := []netip.Prefix{everything}
	for _, d := range []*fabric.Desired{&a, &b} {
		d.Groups[0].Ingress = []fabric.Allow{{Rule: "sgr-1", Proto: vpc.UDP, From: 9000, To: 9000, Peers: all}}
		for i := range d.Ports {
			d.Ports[i].ID = fmt.Sprintf("eni-%s-%d", d.Network, i)
		}
	}
	b.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")}
	b.Resolver = netip.MustParseAddr("10.1.0.2")
	b.Subnets[0].CIDR, b.Subnets[0].Router = b.CIDRs[0], netip.MustParseAddr("10.1.0.1")
	b.Ports = b.Ports[:1]
	b.Ports[0].Addrs = []netip.Addr{netip.MustParseAddr("10.1.0.4")}
	a.Ports = append(a.Ports, fabric.Port{ID: "eni-nat", Alias: "enat", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}, MAC: vpc.MAC(netip.MustParseAddr("10.0.0.9")),
		Subnet: "subnet-1", Kind: fabric.Translator, Open: true})
	a.Links = []fabric.Link{{ID: "pcx-1", Alias: "p1", Far: "p2", Peer: "vpc-2", Near: b.CIDRs}}
	b.Links = []fabric.Link{{ID: "pcx-1", Alias: "p2", Far: "p1", Peer: "vpc-1", Near: a.CIDRs}}
	a.Subnets[0].Routes = append(a.Subnets[0].Routes, fabric.Route{Dest: b.CIDRs[0], Action: fabric.Forward, Via: "pcx-1", Target: "pcx-1"})
	b.Subnets[0].Routes = append(b.Subnets[0].Routes, fabric.Route{Dest: a.CIDRs[0], Action: fabric.Forward, Via: "pcx-1", Target: "pcx-1"})
	return a, b
}

// drift runs as the fabric's child would, and does what nobody should.
func drift() error {
	c := &child{networks: map[string]*network{}, seats: map[string]*network{}, joints: newJoints(), received: map[string]received{}, procs: map[int]*proc{}, spawner: make(chan func())}
	if err := c.settle(); err != nil {
		return err
	}
	a, b := drifting()
	for _, d := range []fabric.Desired{a, b} {
		if s := c.set(d); s.Err != "" {
			return fmt.Errorf("%s", s.Err)
		}
	}
	n := c.networks["vpc-1"]
	rules := func(ns int, f func(*nftables.Conn)) func() error {
		return func() error {
			conn, err := nftables.New(nftables.WithNetNSFd(ns))
			if err != nil {
				return err
			}
			f(conn)
			return conn.Flush()
		}
	}
	table := &nftables.Table{Name: fabric.TableName, Family: nftables.TableFamilyIPv4}
	link := func(name string) netlink.Link {
		l, err := n.rt.LinkByName(name)
		if err != nil {
			fmt.Println(err)
		}
		return l
	}
	foreign := netlink.NewRule()
	foreign.Family, foreign.Priority, foreign.Table = unix.AF_INET, 50, 77
	for _, x := range []struct {
		name string
		hand func() error
	}{
		{"as set", func() error { return nil }},
		{"flushed", rules(n.ns, func(c *nftables.Conn) { c.FlushTable(table) })},
		{"table gone", rules(n.ns, func(c *nftables.Conn) { c.DelTable(table) })},
		{"another table", rules(n.ns, func(c *nftables.Conn) { c.AddTable(&nftables.Table{Name: "other", Family: nftables.TableFamilyINet}) })},
		{"a route", func() error {
			return n.rt.RouteDel(&netlink.Route{Dst: prefixNet(b.CIDRs[0]), Table: 1001, LinkIndex: link("p1").Attrs().Index})
		}},
		{"a route too many", func() error {
			return n.rt.RouteAdd(&netlink.Route{Dst: prefixNet(netip.MustParsePrefix("203.0.113.0/24")), Table: 1001, LinkIndex: link("e0").Attrs().Index})
		}},
		{"a port's route", func() error { return n.rt.RouteDel(portRoute(n.ports["eni-vpc-1-1"], a.Ports[1].Addrs[0])) }},
		{"a rule", func() error { return n.rt.RuleDel(netlinkAsk(ask{mark: 1001, table: 1001})) }},
		{"a rule too many", func() error { return n.rt.RuleAdd(foreign) }},
		{"a router", func() error { return n.delAddr(a.Subnets[0].Router) }},
		{"a neighbor", func() error {
			return n.rt.NeighDel(neighbor(link("e1").Attrs().Index, a.Ports[1].Addrs[0], nil))
		}},
		{"a port's link", func() error { return n.rt.LinkDel(link("e1")) }},
		{"a link between", func() error { return n.rt.LinkDel(link("p1")) }},
		{"a translator's rules", rules(n.ports["eni-nat"].ns, func(c *nftables.Conn) { c.FlushTable(table) })},
		{"nothing", func() error { return nil }},
	} {
		if err := x.hand(); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		a.Generation++
		s := c.set(a)
		if s.Err != "" {
			return fmt.Errorf("%s: %s", x.name, s.Err)
		}
		if err := report(c, x.name, s); err != nil {
			return err
		}
	}
	return nil
}

// report sends a datagram each way that should be open and one that should not.
func report(c *child, name string, s fabric.Status) error {
	n, m := c.networks["vpc-1"], c.networks["vpc-2"]
	from, to, far := n.ports["eni-vpc-1-0"], n.ports["eni-vpc-1-1"], m.ports["eni-vpc-2-0"]
	got := [4]bool{}
	for i, x := range []struct {
		to   *port
		src  netip.Addr
		port uint16
	}{{to, from.Addrs[0], 9000}, {far, from.Addrs[0], 9000}, {to, from.Addrs[0], 9001}} {
		patience := 2 * time.Second
		if i == 2 {
			patience = 100 * time.Millisecond
		}
		var err error
		if got[i], err = deliverTo(from.ns, x.to.ns, x.src, netip.AddrPortFrom(x.to.Addrs[0], x.port), patience); err != nil {
			return err
		}
	}
	beyond, err := deliverTo(far.ns, to.ns, far.Addrs[0], netip.AddrPortFrom(to.Addrs[0], 9000), 2*time.Second)
	if err != nil {
		return err
	}
	what, _, _ := strings.Cut(s.Drift, " ")
	fmt.Printf("%s: told %q, within %v, peer %v, beyond %v, walled %v\n", name, what, got[0], got[1], beyond, !got[2])
	return nil
}
