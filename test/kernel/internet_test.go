package kernel_test

import (
	"net"
	"net/netip"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

func (d *drawing) igw(id string) *drawing {
	d.s.Internet = &vpc.InternetGateway{ID: id, VPC: d.s.VPC.ID}
	return d
}

// elastic gives an address of the VPC a public one.
func (d *drawing) elastic(private, public string) *drawing {
	d.s.Addresses = append(d.s.Addresses, vpc.Address{ID: "eipalloc-" + public, Private: netip.MustParseAddr(private), Public: netip.MustParseAddr(public)})
	return d
}

// world is the internet network, drawn again with each change.
type world struct {
	gen     int64
	uplink  bool
	exposed []netip.Addr
}

func (w *world) draw(all ...*drawing) fabric.Desired {
	w.gen++
	var s []vpc.Snapshot
	for _, d := range all {
		s = append(s, d.s)
	}
	return fabric.DrawInternet(s, w.exposed, w.uplink, w.gen)
}

func (w *world) catch(t *testing.T, f *linux.Fabric, d fabric.Desired, seen func(net.Conn)) {
	t.Helper()
	l, err := f.Listen(soon(t), d.Network, *d.Catch)
	if err != nil {
		t.Fatal(err)
	}
	go accept(l, seen)
}

// An internet gateway translates one private address to one public; without one nothing passes. Beyond it is nothing, unless
// there is an uplink, which takes TCP.
func TestInternetGateway(t *testing.T) {
	f := open(t, linux.Config{})
	a := wide("vpc-a").igw("igw-a").elastic("10.0.1.10", "198.19.0.1").route("vpc-a-a", "0.0.0.0/0", "igw-a")
	b := newVPC("vpc-b", "10.0.0.0/16").subnet("vpc-b-a", "10.0.1.0/24").group("sg-b").allow("sg-b", false, anywhere).
		allow("sg-b", true, tcpFrom(80, "198.19.0.1/32")).port("vpc-b-1", "vpc-b-a", "10.0.1.10", "sg-b").
		igw("igw-b").elastic("10.0.1.10", "198.19.0.2").route("vpc-b-a", "0.0.0.0/0", "igw-b")
	w := &world{}
	set(t, f, a.draw())
	set(t, f, w.draw(a, b))
	set(t, f, b.draw())
	one, two, far, pb := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-a-2"), sit(t, f, "vpc-a-3"), sit(t, f, "vpc-b-1")
	for _, p := range []*prober{one, two, pb} {
		p.expect("ok", "tcp", ":80")
		p.expect("ok", "tcp", ":81")
		p.expect("ok", "udp", ":53")
	}
	one.expect("open 198.19.0.1>10.0.1.10:80", "dial", "198.19.0.2:80") // equal addresses in both, each told by its public one
	one.expect("dropped", "dial", "198.19.0.2:81")                      // the far group, on the real source
	two.expect("dropped", "dial", "198.19.0.2:80")                      // no public address
	far.expect("dropped", "dial", "198.19.0.2:80")                      // no route
	pb.expect("open 198.19.0.2>10.0.1.10:81", "dial", "198.19.0.1:81")
	pb.expect("open", "ping", "198.19.0.1")
	pb.expect("open", "ask", "198.19.0.1:53")
	one.expect("open 198.19.0.1>10.0.1.10:80", "dial", "198.19.0.1:80") // to itself, by the way round
	pb.expect("dropped", "dial", "198.19.0.9:80")                       // nobody's
	one.expect("dropped", "dial", "203.0.113.9:80")                     // nothing is beyond
	// ACLs at the border of the subnet, with the real address of the other side.
	set(t, f, a.acl("acl-a", []string{"vpc-a-a"}, every(1, "out"), entry(1, "in", false, vpc.TCP, 81, 81, "198.19.0.2/32"), every(2, "in")).draw())
	pb.expect("dropped", "dial", "198.19.0.1:81")
	pb.expect("open", "dial", "198.19.0.1:80")
	a.s.ACLs = nil
	set(t, f, a.draw())

	// The uplink takes what goes elsewhere, and nothing else.
	w.uplink = true
	d := w.draw(a, b)
	set(t, f, d)
	came := make(chan string, 64)
	w.catch(t, f, d, func(c net.Conn) { came <- c.(interface{ Port() string }).Port() })
	one.expect("open 198.19.0.1>203.0.113.9:8443", "dial", "203.0.113.9:8443")
	if got := <-came; got != "igw-a" {
		t.Errorf("the connection came by %q", got)
	}
	one.expect("open 198.19.0.1>10.0.1.10:80", "dial", "198.19.0.2:80") // still straight through
	one.expect("dropped", "ask", "203.0.113.9:53")                      // no UDP, no ICMP
	one.expect("dropped", "ping", "203.0.113.9")
	two.expect("dropped", "dial", "203.0.113.9:8443")
	one.expect("dropped", "dial", "169.254.169.254:80")

	// Only what is exposed.
	w.uplink, w.exposed = false, []netip.Addr{netip.MustParseAddr("203.0.113.5")}
	set(t, f, w.draw(a, b))
	one.expect("open", "dial", "203.0.113.5:22")
	one.expect("dropped", "dial", "203.0.113.9:22")
	w.exposed = nil
	set(t, f, w.draw(a, b))
	one.expect("dropped", "dial", "203.0.113.5:22")

	// The address moves on, and with it everything.
	a.s.Addresses = nil
	a.elastic("10.0.1.11", "198.19.0.1")
	set(t, f, a.draw())
	one.expect("dropped", "dial", "198.19.0.2:80")
	two.expect("open 198.19.0.1>10.0.1.10:80", "dial", "198.19.0.2:80")
	pb.expect("open 198.19.0.2>10.0.1.11:80", "dial", "198.19.0.1:80")
	// The gateway is detached.
	a.s.Internet = nil
	set(t, f, a.draw())
	set(t, f, w.draw(a, b))
	two.expect("dropped", "dial", "198.19.0.2:80")
	pb.expect("dropped", "dial", "198.19.0.1:80")
}

// A public NAT gateway: private subnets go out by it, as its elastic address, and nobody comes in by it.
func TestPublicNAT(t *testing.T) {
	f := open(t, linux.Config{})
	a := wide("vpc-a").igw("igw-a").nat("nat-1", "vpc-a-b", "10.0.2.20").elastic("10.0.2.20", "198.19.0.7").
		route("vpc-a-a", "0.0.0.0/0", "nat-1").route("vpc-a-b", "0.0.0.0/0", "igw-a")
	b := newVPC("vpc-b", "10.8.0.0/16").subnet("vpc-b-a", "10.8.1.0/24").group("sg-b").allow("sg-b", false, anywhere).allow("sg-b", true, anywhere).
		port("vpc-b-1", "vpc-b-a", "10.8.1.10", "sg-b").igw("igw-b").elastic("10.8.1.10", "198.19.0.2").route("vpc-b-a", "0.0.0.0/0", "igw-b")
	w := &world{uplink: true}
	set(t, f, a.draw())
	set(t, f, b.draw())
	d := w.draw(a, b)
	set(t, f, d)
	w.catch(t, f, d, nil)
	one, two, three, pb := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-a-2"), sit(t, f, "vpc-a-3"), sit(t, f, "vpc-b-1")
	pb.expect("ok", "tcp", ":80")
	pb.expect("ok", "udp", ":53")
	one.expect("ok", "tcp", ":80")
	one.expect("open 198.19.0.7>10.8.1.10:80", "dial", "198.19.0.2:80")
	two.expect("open 198.19.0.7>10.8.1.10:80", "dial", "198.19.0.2:80")
	one.expect("open", "ask", "198.19.0.2:53")
	one.expect("open", "ping", "198.19.0.2")
	one.expect("open 198.19.0.7>203.0.113.9:443", "dial", "203.0.113.9:443")
	three.expect("dropped", "dial", "198.19.0.2:80") // its own subnet goes by the gateway, and it has no public address
	pb.expect("dropped", "dial", "198.19.0.7:80")
	pb.expect("dropped", "ping", "198.19.0.7")
	a.s.Addresses = nil
	set(t, f, a.draw())
	one.expect("dropped", "dial", "198.19.0.2:80")
}

// The internet's side of a gateway can send from any address but the VPC's own.
func TestInternetSpoof(t *testing.T) {
	f := open(t, linux.Config{})
	a := wide("vpc-a").igw("igw-a").elastic("10.0.1.10", "198.19.0.1").route("vpc-a-a", "0.0.0.0/0", "igw-a")
	b := newVPC("vpc-b", "10.8.0.0/16").subnet("vpc-b-a", "10.8.1.0/24").group("sg-b").allow("sg-b", false, anywhere).allow("sg-b", true, anywhere).
		port("eni-fw", "vpc-b-a", "10.8.1.10", "sg-b").is(open4).igw("igw-b").elastic("10.8.1.10", "198.19.0.2").route("vpc-b-a", "0.0.0.0/0", "igw-b")
	w := &world{}
	for _, d := range []fabric.Desired{a.draw(), b.draw(), w.draw(a, b)} {
		set(t, f, d)
	}
	spy, fw := wild(t, f, "vpc-a-1"), wild(t, f, "eni-fw")
	fw.expect("ok", "frame", udpFrame("10.8.1.10", "10.8.1.10", "198.19.0.1", 53))
	spy.expect("seen", "look", addrHex("198.19.0.2")+addrHex("10.0.1.10"))
	for _, src := range []string{"10.0.1.11", "10.0.2.10", "203.0.113.4", "198.19.0.1", "198.19.0.3"} {
		fw.expect("ok", "frame", udpFrame("10.8.1.10", src, "198.19.0.1", 53))
		spy.expect("unseen", "look", addrHex(src)+addrHex("10.0.1.10"))
	}
}
