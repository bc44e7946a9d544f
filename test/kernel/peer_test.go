package kernel_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// peers are two VPCs with two subnets each, peered, of which the first ones know the way to each other.
func peers() (a, b *drawing) {
	a, b = wide("vpc-a"), newVPC("vpc-b", "10.1.0.0/16").subnet("vpc-b-a", "10.1.1.0/24").subnet("vpc-b-b", "10.1.2.0/24").
		group("sg-b").allow("sg-b", false, anywhere).allow("sg-b", true, anywhere).gateway("vpc-b-a").
		port("vpc-b-1", "vpc-b-a", "10.1.1.10", "sg-b").port("vpc-b-3", "vpc-b-b", "10.1.2.10", "sg-b")
	a.route("vpc-a-a", "10.1.0.0/16", "pcx-1")
	b.route("vpc-b-a", "10.0.0.0/16", "pcx-1")
	peer("pcx-1", a, b)
	return a, b
}

// A peering leads to interfaces of the other side, if both route tables say so, whoever was set first; and to nothing else there.
func TestPeering(t *testing.T) {
	for _, first := range []string{"requester first", "accepter first"} {
		t.Run(first, func(t *testing.T) {
			f := open(t, linux.Config{})
			a, b := peers()
			one, two := a, b
			if first != "requester first" {
				one, two = b, a
			}
			set(t, f, one.draw()) // the other network is not there yet: no error, and closed
			sit(t, f, one.s.Interfaces[0].ID).expect("dropped", "dial", two.s.Interfaces[0].Addrs[0].String()+":80")
			set(t, f, two.draw())
			listenS3(t, f, "vpc-b", nil)
			pa, pa3, pb, pb3 := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-a-3"), sit(t, f, "vpc-b-1"), sit(t, f, "vpc-b-3")
			for _, p := range []*prober{pa, pa3, pb, pb3} {
				p.expect("ok", "tcp", ":80")
			}
			pa.expect("open 10.0.1.10>10.1.1.10:80", "dial", "10.1.1.10:80")
			pb.expect("open 10.1.1.10>10.0.1.10:80", "dial", "10.0.1.10:80")
			pa.expect("open", "ping", "10.1.1.10")
			pa3.expect("dropped", "dial", "10.1.1.10:80") // its subnet knows no way
			pa.expect("dropped", "dial", "10.1.2.10:80")  // and here the other side knows none back
			pa.expect("dropped", "ping", "10.1.1.1")      // a router
			pa.expect("dropped", "ask", "10.1.0.2:53")    // the resolver
			set(t, f, a.route("vpc-a-a", "198.51.100.0/25", "pcx-1").gateway("vpc-a-b").draw())
			pa.expect("dropped", "dial", "198.51.100.10:443") // its gateway endpoint

			// The far group, and ACLs of both sides.
			b.s.Groups[0].Rules = []vpc.Rule{{ID: "sgr-1", Proto: vpc.TCP, From: 80, To: 80, Group: "sg-all"}}
			set(t, f, b.draw())
			pa.expect("open", "dial", "10.1.1.10:80")
			pa.expect("dropped", "ping", "10.1.1.10")
			b.s.Peers[0].Members["sg-all"] = nil
			set(t, f, b.draw())
			pa.expect("dropped", "dial", "10.1.1.10:80")
			b.allow("sg-b", true, anywhere)
			set(t, f, b.acl("acl-b", []string{"vpc-b-a"}, every(1, "in"), entry(1, "out", true, vpc.TCP, 1024, 65535, "10.0.1.10/32")).draw())
			pa.expect("open", "dial", "10.1.1.10:80")
			pa.expect("dropped", "ping", "10.1.1.10")
			set(t, f, b.acl("acl-b", []string{"vpc-b-a"}, every(1, "out")).draw())
			pa.expect("dropped", "dial", "10.1.1.10:80")
			b.s.ACLs = nil
			set(t, f, b.draw())
			pa.expect("open", "dial", "10.1.1.10:80")

			// One side lets go, and takes hold again.
			held := two.s.Peers
			two.s.Peers = nil
			set(t, f, two.draw())
			pa.expect("dropped", "dial", "10.1.1.10:80")
			two.s.Peers = held
			set(t, f, two.draw())
			pa.expect("open", "dial", "10.1.1.10:80")
			// A network goes as a whole, and comes again.
			if err := f.Remove(soon(t), "vpc-b"); err != nil {
				t.Fatal(err)
			}
			pa.expect("dropped", "dial", "10.1.1.10:80")
			set(t, f, b.draw())
			sit(t, f, "vpc-b-1").expect("ok", "tcp", ":80")
			pa.expect("open", "dial", "10.1.1.10:80")
		})
	}
}

// Two peerings are no way from one to the other, and what comes by one has its other side's addresses.
func TestPeeringIsNotTransitive(t *testing.T) {
	f := open(t, linux.Config{})
	a, b := peers()
	c := newVPC("vpc-c", "10.2.0.0/16").subnet("vpc-c-a", "10.2.1.0/24").group("sg-c").allow("sg-c", false, anywhere).allow("sg-c", true, anywhere).
		port("vpc-c-1", "vpc-c-a", "10.2.1.10", "sg-c").route("vpc-c-a", "10.0.0.0/8", "pcx-2")
	peer("pcx-2", b, c)
	b.route("vpc-b-a", "10.2.0.0/16", "pcx-2").port("eni-fw", "vpc-b-a", "10.1.1.66", "sg-b").is(open4)
	a.route("vpc-a-a", "10.2.0.0/16", "pcx-1").port("eni-fw-a", "vpc-a-a", "10.0.1.66", "sg-all").is(open4)
	for _, d := range []*drawing{a, b, c} {
		set(t, f, d.draw())
	}
	pa, pb, pc := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-b-1"), sit(t, f, "vpc-c-1")
	pc.expect("ok", "tcp", ":80")
	pb.expect("open", "dial", "10.2.1.10:80")
	pa.expect("dropped", "dial", "10.2.1.10:80")
	// a's appliance sends by the peering from an address that isn't a's.
	spy, fw := wild(t, f, "vpc-b-3"), wild(t, f, "eni-fw-a")
	set(t, f, b.route("vpc-b-b", "10.0.0.0/16", "pcx-1").draw())
	fw.expect("ok", "frame", udpFrame("10.0.1.66", "10.0.77.7", "10.1.2.10", 53))
	spy.expect("seen", "look", addrHex("10.0.77.7")+addrHex("10.1.2.10")) // a's range
	for _, src := range []string{"10.2.1.10", "10.1.1.10", "203.0.113.7", "10.1.2.1"} {
		fw.expect("ok", "frame", udpFrame("10.0.1.66", src, "10.1.2.10", 53))
		spy.expect("unseen", "look", addrHex(src)+addrHex("10.1.2.10"))
	}
}

// An interface endpoint has no process: the daemon answers on its addresses, under its groups and those of who asks.
func TestAnswer(t *testing.T) {
	f := open(t, linux.Config{})
	a, b := peers()
	b.group("sg-ep").allow("sg-ep", true, tcpFrom(443, "10.1.1.0/24")).allow("sg-ep", true, tcpFrom(443, "10.0.1.0/24")).
		port("eni-ep", "vpc-b-a", "10.1.1.40", "sg-ep").is(answer4)
	set(t, f, a.draw())
	d := b.draw()
	set(t, f, d)
	ports := make(chan string, 64)
	for _, l := range d.Listeners {
		if l.Addr != netip.MustParseAddr("10.1.1.40") || l.Name != fmt.Sprintf("eni-ep-%s", map[uint16]string{443: "https", 80: "http"}[l.Port]) || l.Transparent {
			continue
		}
		in, err := f.Listen(soon(t), "vpc-b", l)
		if err != nil {
			t.Fatal(err)
		}
		go accept(in, func(c net.Conn) { ports <- c.(interface{ Port() string }).Port() })
	}
	near, other, far := sit(t, f, "vpc-b-1"), sit(t, f, "vpc-b-3"), sit(t, f, "vpc-a-1")
	near.expect("open 10.1.1.10>10.1.1.40:443", "dial", "10.1.1.40:443")
	if got := <-ports; got != "vpc-b-1" {
		t.Errorf("the connection is %q's", got)
	}
	near.expect("dropped", "dial", "10.1.1.40:80")   // its groups admit no such thing
	other.expect("dropped", "dial", "10.1.1.40:443") // nor this one's
	near.expect("dropped", "ping", "10.1.1.40")
	far.expect("open 10.0.1.10>10.1.1.40:443", "dial", "10.1.1.40:443") // peers reach it
	if got := <-ports; got != "pcx-1" {
		t.Errorf("the connection is %q's", got)
	}
	if _, err := f.Spawn(soon(t), linux.Spec{Port: "eni-ep", Argv: []string{proberArg}}); err == nil {
		t.Error("a process in an endpoint")
	}
	if c, err := f.DialPort(soon(t), "vpc-b", netip.MustParseAddrPort("10.1.1.40:443"), patience); err == nil {
		c.Close()
		t.Error("the daemon dialled itself")
	}
	b.allow("sg-ep", true, vpc.Rule{Proto: vpc.Any, CIDR: netip.MustParsePrefix("10.1.0.0/16")})
	set(t, f, b.draw())
	other.expect("open", "dial", "10.1.1.40:443")
	near.expect("refused", "dial", "10.1.1.40:81") // admitted, and nobody listens
	near.expect("open", "ping", "10.1.1.40")

	// ACLs: none within the subnet, both across, replies too.
	acl := func(out, in bool, outB, inB bool) {
		t.Helper()
		e := func(on bool, dir string) vpc.ACLEntry {
			return entry(1, dir, on, vpc.Any, -1, -1, "0.0.0.0/0")
		}
		set(t, f, b.acl("acl-b", []string{"vpc-b-b"}, e(out, "out"), e(in, "in")).acl("acl-a", []string{"vpc-b-a"}, e(outB, "out"), e(inB, "in")).draw())
	}
	for i, c := range []struct{ out, in, outA, inA bool }{{true, true, true, true}, {false, true, true, true}, {true, false, true, true}, {true, true, false, true}, {true, true, true, false}} {
		acl(c.out, c.in, c.outA, c.inA)
		want := "dropped"
		if i == 0 {
			want = "open"
		}
		other.expect(want, "dial", "10.1.1.40:443")
		near.expect("open", "dial", "10.1.1.40:443")
		if !c.outA || !c.inA {
			far.expect("dropped", "dial", "10.1.1.40:443")
		} else {
			far.expect("open", "dial", "10.1.1.40:443")
		}
	}
	b.s.ACLs = nil
	// The asker's egress.
	b.s.Groups[0].Rules = b.s.Groups[0].Rules[1:]
	set(t, f, b.draw())
	near.expect("dropped", "dial", "10.1.1.40:443")
	far.expect("open", "dial", "10.1.1.40:443")
	set(t, f, b.without("eni-ep").draw())
	far.expect("dropped", "dial", "10.1.1.40:443")
}

func tcpFrom(port int, cidr string) vpc.Rule {
	r := tcp(port)
	r.CIDR = netip.MustParsePrefix(cidr)
	return r
}
