package kernel_test

import (
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// addrs gives an interface these addresses, the first of which it keeps.
func (d *drawing) addrs(port string, all ...string) *drawing {
	for i := range d.s.Interfaces {
		if x := &d.s.Interfaces[i]; x.ID == port {
			x.Addrs = nil
			for _, a := range all {
				x.Addrs = append(x.Addrs, netip.MustParseAddr(a))
			}
		}
	}
	return d
}

// Secondary addresses come and go while a process sits on the interface: what it has open on its first address goes on.
func TestSecondaryAddresses(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-a", "10.0.1.11", "sg-app").port("eni-3", "vpc-1-b", "10.0.2.10", "sg-app").gateway("vpc-1-a").
		allow("sg-app", true, vpc.Rule{Proto: vpc.TCP, From: 7000, To: 7000, CIDR: netip.MustParsePrefix("10.0.1.0/24")})
	set(t, f, v.draw())
	listenS3(t, f, "vpc-1", nil)
	one, two, far := sit(t, f, "eni-1"), sit(t, f, "eni-2"), sit(t, f, "eni-3")
	for _, p := range []*prober{one, two, far} {
		p.expect("ok", "echo", ":7000")
		p.expect("ok", "tcp", ":7001")
	}
	one.expect("ok", "open", "first", "10.0.2.10:7000")
	far.expect("ok", "open", "back", "10.0.1.10:7000")
	still := func(when string) {
		t.Helper()
		for p, name := range map[*prober]string{one: "first", far: "back"} {
			if got := p.ask("talk", name); got != "heard" && p.ask("talk", name) != "heard" {
				t.Errorf("%s: the first address's connection says %q", when, got)
			}
		}
	}
	far.expect("dropped", "dial", "10.0.1.20:7001")

	// One comes: it can be reached and sent from, and the groups hold for it.
	set(t, f, v.addrs("eni-1", "10.0.1.10", "10.0.1.20", "10.0.1.21").draw())
	still("a second address came")
	far.expect("open 10.0.2.10>10.0.1.20:7001", "dial", "10.0.1.20:7001")
	one.expect("open 10.0.1.20>10.0.2.10:7001", "dial", "10.0.2.10:7001", "10.0.1.20:0")
	one.expect("open 10.0.1.20>198.51.100.10:443", "dial", "198.51.100.10:443", "10.0.1.20:0")
	one.expect("open 10.0.1.10>10.0.2.10:7001", "dial", "10.0.2.10:7001") // nothing else changes by itself
	one.expect("ok", "open", "second", "10.0.2.10:7000", "10.0.1.20:0")
	far.expect("ok", "open", "to-second", "10.0.1.20:7000")
	one.expect("ok", "open", "third", "10.0.2.10:7000", "10.0.1.21:0")
	c, err := f.DialPort(soon(t), "vpc-1", netip.MustParseAddrPort("10.0.1.20:7000"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	// It goes: nothing is left of it, and the others don't notice.
	set(t, f, v.addrs("eni-1", "10.0.1.10", "10.0.1.21").draw())
	still("an address went")
	one.expect("heard", "talk", "third")
	if got := one.ask("talk", "second"); !strings.HasPrefix(got, "error") {
		t.Errorf("a connection from the address that went: %q", got)
	}
	far.expect("dropped", "talk", "to-second")
	far.expect("dropped", "dial", "10.0.1.20:7001")
	one.expect("error", "dial", "10.0.2.10:7001", "10.0.1.20:0")
	if got := one.ask("ifs"); strings.Contains(got, "10.0.1.20") || !strings.Contains(got, "10.0.1.21") {
		t.Errorf("the interface has %s", got)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the daemon's connection to the address that went is still open")
	}

	// It moves to another in one change, which takes its own from the first: no flow goes along.
	set(t, f, v.addrs("eni-1", "10.0.1.10").addrs("eni-2", "10.0.1.11", "10.0.1.20", "10.0.1.21").draw())
	still("addresses moved")
	far.expect("open 10.0.2.10>10.0.1.21:7001", "dial", "10.0.1.21:7001")
	if got := far.ask("talk", "to-second"); got == "heard" { // the new holder, whom the groups admit, knows nothing of it
		t.Error("a connection went along with its address")
	}
	two.expect("open 10.0.1.21>10.0.2.10:7001", "dial", "10.0.2.10:7001", "10.0.1.21:0")
	one.expect("refused", "dial", "10.0.1.21:7002", "10.0.1.10:0") // a neighbor's now, where nothing listens
	set(t, f, v.addrs("eni-1", "10.0.1.10", "10.0.1.21").addrs("eni-2", "10.0.1.11").draw())
	one.expect("open 10.0.1.21>10.0.2.10:7001", "dial", "10.0.2.10:7001", "10.0.1.21:0")
	still("an address came back")

	// The same drawing again finds nothing amiss.
	if s, err := f.Set(soon(t), v.draw()); err != nil || s.Err != "" || s.Drift != "" || s.Ports["eni-1"] != "" {
		t.Errorf("the same again: %+v, %v", s, err)
	}
}

// Endpoints and NAT gateways get and lose further addresses in place as well.
func TestSecondaryAddressesWithoutProcess(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-b", "10.0.2.40", "sg-app").port("eni-3", "vpc-1-b", "10.0.2.41", "sg-app")
	v.s.Interfaces[1].Type, v.s.Interfaces[2].Type = "vpc_endpoint", "nat_gateway"
	v.allow("sg-app", true, vpc.Rule{Proto: vpc.TCP, From: 443, To: 443, CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	set(t, f, v.draw())
	one := sit(t, f, "eni-1")
	l, err := f.Listen(soon(t), "vpc-1", fabric.Listener{Name: "eni-2-https", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true})
	if err != nil {
		t.Fatal(err)
	}
	go accept(l, nil)
	one.expect("open 10.0.1.10>10.0.2.40:443", "dial", "10.0.2.40:443")
	one.expect("dropped", "dial", "10.0.2.50:443")
	set(t, f, v.addrs("eni-2", "10.0.2.40", "10.0.2.50").addrs("eni-3", "10.0.2.41", "10.0.2.51").draw())
	one.expect("open 10.0.1.10>10.0.2.50:443", "dial", "10.0.2.50:443")
	one.expect("dropped", "dial", "10.0.2.51:443") // a NAT gateway's takes nothing
	set(t, f, v.addrs("eni-2", "10.0.2.40").addrs("eni-3", "10.0.2.41").draw())
	one.expect("open 10.0.1.10>10.0.2.40:443", "dial", "10.0.2.40:443")
	one.expect("dropped", "dial", "10.0.2.50:443")
	if s, err := f.Set(soon(t), v.draw()); err != nil || s.Err != "" || s.Drift != "" {
		t.Errorf("the same again: %+v, %v", s, err)
	}
}
