package kernel_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

func listenS3(t testing.TB, f *linux.Fabric, network string, seen func(net.Conn)) {
	t.Helper()
	l, err := f.Listen(soon(t), network, fabric.Listener{Name: "s3-https", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true})
	if err != nil {
		t.Fatal(err)
	}
	go accept(l, seen)
}

func tcp(port int) vpc.Rule { return vpc.Rule{Proto: vpc.TCP, From: port, To: port} }
func from(r vpc.Rule, group string) vpc.Rule {
	r.Group = group
	return r
}

// two is a VPC with an app group that admits itself and a db group that admits the app on one port.
func two(id string) *drawing {
	return newVPC(id, "10.0.0.0/16").subnet(id+"-a", "10.0.1.0/24").subnet(id+"-b", "10.0.2.0/24").
		group("sg-app").allow("sg-app", false, anywhere).allow("sg-app", true, from(vpc.Rule{Proto: vpc.Any}, "sg-app")).
		group("sg-db").allow("sg-db", false, anywhere).allow("sg-db", true, from(tcp(5432), "sg-app"))
}

func TestGroups(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-a", "10.0.1.11", "sg-app").port("eni-3", "vpc-1-b", "10.0.2.10", "sg-db")
	set(t, f, v.draw())
	app, app2, db := sit(t, f, "eni-1"), sit(t, f, "eni-2"), sit(t, f, "eni-3")
	app2.expect("ok", "tcp", ":8080")
	db.expect("ok", "tcp", ":5432")
	app.expect("open 10.0.1.10>10.0.1.11:8080", "dial", "10.0.1.11:8080") // a group that admits itself
	app.expect("refused", "dial", "10.0.1.11:8081")                       // arrives where nothing listens
	app.expect("open 10.0.1.10>10.0.2.10:5432", "dial", "10.0.2.10:5432") // a group that admits another
	app.expect("dropped", "dial", "10.0.2.10:5433")
	db.expect("dropped", "dial", "10.0.1.11:8080") // not the other way
	app.expect("dropped", "dial", "10.0.1.99:8080")
	app.expect("dropped", "dial", "203.0.113.9:80") // no route
	app.expect("open", "ping", "10.0.1.11")
	app.expect("dropped", "ping", "10.0.2.10")
	app.expect("open", "ping", "10.0.1.1")

	// Rules that change hold for the ports that are there.
	v.allow("sg-db", true, from(tcp(5433), "sg-app"))
	set(t, f, v.draw())
	app.expect("refused", "dial", "10.0.2.10:5433")
	v.s.Groups[1].Rules = v.s.Groups[1].Rules[:1]
	set(t, f, v.draw())
	app.expect("dropped", "dial", "10.0.2.10:5432")
}

func TestEqualAddressesNeverMeet(t *testing.T) {
	f := open(t, linux.Config{})
	for _, id := range []string{"vpc-1", "vpc-2"} {
		v := two(id).port(id+"-1", id+"-a", "10.0.1.10", "sg-app").port(id+"-2", id+"-a", "10.0.1.11", "sg-app")
		if id == "vpc-2" {
			v.port(id+"-3", id+"-a", "10.0.1.12", "sg-app")
		}
		set(t, f, v.draw())
	}
	a, b := sit(t, f, "vpc-1-1"), sit(t, f, "vpc-2-1")
	served := sit(t, f, "vpc-2-2")
	served.expect("ok", "tcp", ":8080")
	b.expect("open 10.0.1.10>10.0.1.11:8080", "dial", "10.0.1.11:8080")
	a.expect("refused", "dial", "10.0.1.11:8080") // its own neighbor, who serves nothing
	b.expect("refused", "dial", "10.0.1.12:1")
	a.expect("dropped", "dial", "10.0.1.12:1") // only the other has this one

	// And removal of one leaves the other.
	if err := f.Remove(soon(t), "vpc-1"); err != nil {
		t.Fatal(err)
	}
	if got := a.ask("dial", "10.0.1.11:8080"); got != "gone" {
		t.Errorf("a process of a removed network: %q", got)
	}
	b.expect("open", "dial", "10.0.1.11:8080")
	if err := f.Remove(soon(t), "vpc-1"); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if all, err := f.Status(soon(t)); err != nil || len(all) != 1 || all[0].Network != "vpc-2" {
		t.Errorf("status: %+v, %v", all, err)
	}
}

func TestGateway(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").gateway("vpc-1-a").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-b", "10.0.2.10", "sg-app").
		group("sg-none").port("eni-3", "vpc-1-a", "10.0.1.12", "sg-none")
	d := v.draw()
	set(t, f, d)
	listenS3(t, f, "vpc-1", nil)
	for _, l := range d.Listeners {
		if l.Net != "udp" {
			continue
		}
		c, err := f.ListenPacket(soon(t), "vpc-1", l)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			b := make([]byte, 512)
			for {
				_, a, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo([]byte(a.String()), a)
			}
		}()
	}
	with, without, mute := sit(t, f, "eni-1"), sit(t, f, "eni-2"), sit(t, f, "eni-3")
	with.expect("open 10.0.1.10>198.51.100.10:443", "dial", "198.51.100.10:443")
	with.expect("open 10.0.1.10>198.51.100.77:443", "dial", "198.51.100.77:443")
	with.expect("dropped", "dial", "198.51.100.200:443") // behind the prefix list
	without.expect("dropped", "dial", "198.51.100.10:443")
	mute.expect("dropped", "dial", "198.51.100.10:443") // the route is there, the group isn't
	with.expect("dropped", "dial", "10.0.1.1:443")      // a transparent listener answers on no router's address
	with.expect("dropped", "dial", "10.0.0.2:443")
	with.expect("open 10.0.1.10", "ask", "10.0.0.2:53")
	mute.expect("open 10.0.1.12", "ask", "10.0.0.2:53") // no group governs the resolver
	with.expect("dropped", "ask", "10.0.1.1:53")
	with.expect("dropped", "ask", "10.0.0.3:53")

	// The route leaves, and with it the way.
	set(t, f, v.gateway().draw())
	with.expect("dropped", "dial", "198.51.100.10:443")
	set(t, f, v.gateway("vpc-1-b").draw())
	with.expect("dropped", "dial", "198.51.100.10:443")
	without.expect("open 10.0.2.10>198.51.100.10:443", "dial", "198.51.100.10:443")
}

func TestNoIPv6(t *testing.T) {
	f := open(t, linux.Config{})
	set(t, f, two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").draw())
	p := sit(t, f, "eni-1")
	if got := p.ask("ifs"); strings.TrimSpace(got) != "127.0.0.1/8 10.0.1.10/24" {
		t.Errorf("addresses %q", got)
	}
	for _, to := range []string{"[::1]:80", "[fe80::1]:80", "[2001:db8::1]:80"} {
		if got := p.ask("dial6", to); strings.HasPrefix(got, "open") || got == "refused" || got == "dropped" {
			t.Errorf("%s: %q", to, got)
		}
	}
}

// A port that leaves is shut at once: its process, its connections, and the flows that conntrack remembers.
func TestPortLeaves(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").gateway("vpc-1-a").allow("sg-db", true, from(vpc.Rule{Proto: vpc.UDP, From: 9000, To: 9000}, "sg-app")).group("sg-none").
		port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-a", "10.0.1.11", "sg-db")
	set(t, f, v.draw())
	ended := make(chan error, 1)
	accepted := make(chan net.Conn, 1)
	listenS3(t, f, "vpc-1", func(c net.Conn) {
		accepted <- c
		_, err := c.Read(make([]byte, 1))
		ended <- err
	})
	app, db := sit(t, f, "eni-1"), sit(t, f, "eni-2")
	db.expect("ok", "udp", ":9000")
	app.expect("open", "ask", "10.0.1.11:9000", "10.0.1.10:7777")
	held := db.send("hold", "198.51.100.10:443")
	select {
	case <-accepted:
	case got := <-held:
		t.Fatalf("no connection: %q", got)
	}

	// The same address for another, who admits nobody.
	v.without("eni-2").port("eni-3", "vpc-1-a", "10.0.1.11", "sg-none")
	d := v.draw()
	set(t, f, d)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a byte from a port that left")
		}
	case <-time.After(5 * time.Second):
		t.Error("the connection of a port that left is still open")
	}
	if got := <-held; got != "gone" {
		t.Errorf("the process of a port that left says %q", got)
	}
	next := sit(t, f, "eni-3")
	next.expect("ok", "udp", ":9000")
	app.expect("dropped", "ask", "10.0.1.11:9000", "10.0.1.10:7777") // the old flow, to its new owner

	// An older drawing changes nothing, the same may come again.
	old := d
	old.Generation -= 1
	old.Ports = nil
	s, err := f.Set(soon(t), old)
	if err != nil || s.Generation != d.Generation || len(s.Ports) != 2 {
		t.Errorf("an older generation: %+v, %v", s, err)
	}
	set(t, f, d)
	next.expect("ok", "udp", ":9001")
}

// A connection that nobody accepted in time is not taken for its address's next owner's.
func TestQueueLeaves(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").gateway("vpc-1-a").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app")
	set(t, f, v.draw())
	l, err := f.Listen(soon(t), "vpc-1", fabric.Listener{Name: "s3-https", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true})
	if err != nil {
		t.Fatal(err)
	}
	sit(t, f, "eni-1").expect("open", "dial", "198.51.100.10:443") // the kernel's answer: it waits in the queue
	set(t, f, v.without("eni-1").port("eni-2", "vpc-1-a", "10.0.1.10", "sg-app").draw())
	owners := make(chan string, 8)
	go accept(l, func(c net.Conn) { owners <- c.(interface{ Port() string }).Port() })
	sit(t, f, "eni-2").expect("open 10.0.1.10", "dial", "198.51.100.10:443")
	if got := <-owners; got != "eni-2" || len(owners) > 0 {
		t.Errorf("the first to be accepted is %s's, %d more waited", got, len(owners))
	}
}

// What can't be drawn leaves what stood.
func TestBadDrawing(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-a", "10.0.1.11", "sg-app")
	set(t, f, v.draw())
	a := sit(t, f, "eni-1")
	for name, spoil := range map[string]func(*fabric.Desired){
		"two ports, one address": func(d *fabric.Desired) { d.Ports[1].Addrs = d.Ports[0].Addrs },
		"two ports, one link":    func(d *fabric.Desired) { d.Ports[1].Alias = d.Ports[0].Alias },
		"a name too long":        func(d *fabric.Desired) { d.Ports[1].Alias = "e0123456789abcde" },
		"no subnet":              func(d *fabric.Desired) { d.Ports[1].Subnet = "subnet-x" },
		"IPv6":                   func(d *fabric.Desired) { d.Ports[1].Addrs = []netip.Addr{netip.MustParseAddr("2001:db8::1")} },
	} {
		d := v.draw()
		spoil(&d)
		s, err := f.Set(soon(t), d)
		if err != nil || s.Err == "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		a.expect("refused", "dial", "10.0.1.11:8080")
	}
	if _, err := f.Spawn(soon(t), linux.Spec{Port: "eni-9", Argv: []string{proberArg}}); err == nil {
		t.Error("a process on a port that isn't there")
	}
	if _, err := f.Listen(soon(t), "vpc-9", fabric.Listener{Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 1}); err == nil {
		t.Error("a listener in a network that isn't there")
	}
}

// The daemon's own connections into a network are under the ingress rules of whom they reach.
func TestDialPort(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").allow("sg-app", true, vpc.Rule{Proto: vpc.TCP, From: 8080, To: 8080, CIDR: netip.MustParsePrefix("10.0.1.0/24")}).
		port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app")
	set(t, f, v.draw())
	p := sit(t, f, "eni-1")
	p.expect("ok", "tcp", ":8080")
	p.expect("ok", "tcp", ":8081")
	c, err := f.DialPort(soon(t), "vpc-1", netip.MustParseAddrPort("10.0.1.10:8080"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if c, err := f.DialPort(soon(t), "vpc-1", netip.MustParseAddrPort("10.0.1.10:8081"), patience); err == nil {
		c.Close()
		t.Error("the daemon went around the ingress rules")
	}
}
