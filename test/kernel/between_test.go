package kernel_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// TestLeakBetween is the leak suite for what joins networks. A hostile VPC, whose owner rules over its routes, its interfaces and
// what they send, has a peer; the peer has another peer, an internet gateway, a NAT gateway and endpoints. Beside each case
// stands what AWS does: a peering leads to interfaces of the peer alone, and only from the addresses of the VPC at its other end.
func TestLeakBetween(t *testing.T) {
	f := open(t, linux.Config{})
	all := anywhere
	a := newVPC("vpc-a", "10.0.0.0/16").subnet("a", "10.0.1.0/24").group("sg-a").allow("sg-a", false, all).allow("sg-a", true, all).
		port("eni-a", "a", "10.0.1.10", "sg-a").port("eni-fw", "a", "10.0.1.20", "sg-a").is(open4).igw("igw-a").elastic("10.0.1.10", "203.0.113.1").
		route("a", "0.0.0.0/0", "pcx-ab").route("a", "203.0.113.0/24", "igw-a")
	b := newVPC("vpc-b", "10.1.0.0/16").subnet("b", "10.1.1.0/24").gateway("b").group("sg-b").allow("sg-b", false, all).allow("sg-b", true, all).
		port("eni-b", "b", "10.1.1.10", "sg-b").port("eni-vpce", "b", "10.1.1.40", "sg-b").is(answer4).nat("nat-b", "b", "10.1.1.20").
		igw("igw-b").elastic("10.1.1.10", "203.0.113.2").elastic("10.1.1.20", "203.0.113.20").
		route("b", "10.0.0.0/16", "pcx-ab").route("b", "10.2.0.0/16", "pcx-bc").route("b", "0.0.0.0/0", "igw-b")
	c := newVPC("vpc-c", "10.2.0.0/16").subnet("c", "10.2.1.0/24").group("sg-c").allow("sg-c", false, all).allow("sg-c", true, all).
		port("eni-c", "c", "10.2.1.10", "sg-c").route("c", "0.0.0.0/0", "pcx-bc")
	peer("pcx-ab", a, b)
	peer("pcx-bc", b, c)
	w := &world{uplink: true}
	for _, d := range []*drawing{a, b, c} {
		set(t, f, d.draw())
	}
	net := w.draw(a, b, c)
	set(t, f, net)
	w.catch(t, f, net, nil)
	for _, id := range []string{"vpc-a", "vpc-b"} {
		listenS3(t, f, id, nil)
	}
	for _, l := range b.draw().Listeners {
		if l.Net == "udp" {
			x, err := f.ListenPacket(soon(t), "vpc-b", l)
			if err != nil {
				t.Fatal(err)
			}
			go echo(x)
		} else if l.Addr.IsValid() && !l.Transparent {
			x, err := f.Listen(soon(t), "vpc-b", l)
			if err != nil {
				t.Fatal(err)
			}
			go accept(x, nil)
		}
	}
	job, pb, pc := sit(t, f, "eni-a"), sit(t, f, "eni-b"), sit(t, f, "eni-c")
	pb.expect("ok", "tcp", ":80")
	pc.expect("ok", "tcp", ":80")

	type words struct{ why, want, verb, to string }
	cases := []words{
		{"the peer", "open", "dial", "10.1.1.10:80"},
		{"its interface endpoint: AWS lets peers use one", "open", "dial", "10.1.1.40:443"},
		{"the peer's peer: peering is not transitive", "dropped", "dial", "10.2.1.10:80"},
		{"the peer's resolver", "dropped", "ask", "10.1.0.2:53"},
		{"the same over TCP", "dropped", "dial", "10.1.0.2:53"},
		{"a router of the peer", "dropped", "ping", "10.1.1.1"},
		{"the peer's gateway endpoint", "dropped", "dial", "198.51.100.10:443"},
		{"the gateway endpoint's listener, on a router of the peer", "dropped", "dial", "10.1.1.1:443"},
		{"the same, on the peer's resolver", "dropped", "dial", "10.1.0.2:443"},
		{"the same, on an address that nobody has there", "dropped", "dial", "10.1.1.99:443"},
		{"the peer's NAT gateway itself", "dropped", "dial", "10.1.1.20:443"},
		{"the internet, through the peer: no edge is passed on", "dropped", "dial", "8.8.8.8:443"},
		{"an address of the link's own", "dropped", "dial", "169.254.0.1:443"},
		{"another interface's public address", "open", "dial", "203.0.113.2:80"},
		{"the public address of a NAT gateway takes nothing", "dropped", "dial", "203.0.113.20:443"},
		{"datagrams beyond the internet's addresses", "dropped", "ask", "203.0.113.77:53"},
	}
	var answers []chan string
	for _, x := range cases {
		answers = append(answers, job.send(x.verb, x.to))
	}
	for i, x := range cases {
		got := <-answers[i]
		if got == "dropped" && x.want != "dropped" {
			got = job.ask(x.verb, x.to) // late on a busy host
		}
		if !strings.HasPrefix(got, x.want) {
			t.Errorf("%s: %s %s is %q, want %q", x.why, x.verb, x.to, got, x.want)
		}
	}
	if got := pc.ask("dial", "8.8.8.8:443"); got != "dropped" { // the other end of the chain
		t.Errorf("out by the peer's internet gateway: %q", got)
	}

	// Frames of an interface without source check: whatever it writes, it stays in its VPC unless the source is its VPC's.
	fw, eb, ec := wild(t, f, "eni-fw"), wild(t, f, "eni-b"), wild(t, f, "eni-c")
	mac := strings.ReplaceAll(vpc.MAC(netip.MustParseAddr("10.0.1.20")), ":", "")
	frames := []struct{ why, want, src, dst string }{
		{"its own address: the suite can see", "seen", "10.0.1.20", "10.1.1.10"},
		{"an address of its VPC that nobody has: the appliance speaks for others", "seen", "10.0.9.9", "10.1.1.10"},
		{"a neighbor's address: the check is off", "seen", "10.0.1.10", "10.1.1.10"},
		{"its VPC's router", "unseen", "10.0.1.1", "10.1.1.10"},
		{"its VPC's resolver", "unseen", "10.0.0.2", "10.1.1.10"},
		{"an address of the peer", "unseen", "10.1.1.11", "10.1.1.10"},
		{"the receiver's own", "unseen", "10.1.1.10", "10.1.1.10"},
		{"the peer's endpoint", "unseen", "10.1.1.40", "10.1.1.10"},
		{"the peer's peer", "unseen", "10.2.1.10", "10.1.1.10"},
		{"a public address", "unseen", "8.8.8.8", "10.1.1.10"},
		{"the receiver's public address", "unseen", "203.0.113.2", "10.1.1.10"},
		{"a loopback address", "unseen", "127.0.0.1", "10.1.1.10"},
		{"link-local", "unseen", "169.254.0.1", "10.1.1.10"},
		{"its own, to the peer's peer", "unseen", "10.0.1.20", "10.2.1.10"},
		{"the peer's, to the peer's peer", "unseen", "10.1.1.10", "10.2.1.10"},
		{"its own, which has no public address, to a public one", "unseen", "10.0.1.20", "203.0.113.2"},
		{"a public one that is another's, to a public one", "unseen", "203.0.113.20", "203.0.113.2"},
		{"a public one of nobody, to a public one", "unseen", "8.8.8.8", "203.0.113.2"},
	}
	type look struct {
		why, want string
		all       []chan string
	}
	var looks []look
	for i, x := range frames {
		text := fmt.Sprintf("between-%04d-of-the-leak-suite", i)
		b := ip{src: x.src, dst: x.dst, proto: 17, id: uint16(i + 1), body: datagram(4000, 5000, text)}.bytes()
		fw.expect("ok", "frame", routerHW+mac+v4+hex.EncodeToString(b))
		h := hex.EncodeToString([]byte(text))
		looks = append(looks, look{x.why, x.want, []chan string{eb.send("look", h), ec.send("look", h)}})
	}
	for _, l := range looks {
		got := "unseen"
		for _, ch := range l.all {
			if <-ch == "seen" {
				got = "seen"
			}
		}
		if got != l.want {
			t.Errorf("%s: %s, want %s", l.why, got, l.want)
		}
	}

	// A peer's address may be another peer's as well: a group that names members of one doesn't admit the other.
	twin := newVPC("vpc-d", "10.0.0.0/16").subnet("d", "10.0.1.0/24").group("sg-d").allow("sg-d", false, all).
		port("eni-d", "d", "10.0.1.10", "sg-d").route("d", "10.1.0.0/16", "pcx-bd")
	peer("pcx-bd", b, twin)
	b.s.Groups[0].Rules = b.s.Groups[0].Rules[:1]
	b.allow("sg-b", true, from(all, "sg-a"))
	set(t, f, b.draw())
	set(t, f, twin.draw())
	x := hex.EncodeToString(ip{src: "10.0.1.10", dst: "10.1.1.10", proto: 17, id: 99, body: datagram(4000, 5000, "twin-of-a-member")}.bytes())
	wild(t, f, "eni-d").expect("ok", "frame", routerHW+strings.ReplaceAll(vpc.MAC(netip.MustParseAddr("10.0.1.10")), ":", "")+v4+x)
	eb.expect("unseen", "look", hex.EncodeToString([]byte("twin-of-a-member")))
}

// TestLeakRecords: a network ACL forgets nothing and remembers nothing: when it changes, what is under way meets it at once (AWS: network
// ACLs are stateless). A security group's change leaves what is tracked.
func TestLeakRecords(t *testing.T) {
	f, v := leaky(t)
	job, db := sit(t, f, "eni-attacker"), sit(t, f, "eni-victim")
	db.expect("ok", "echo", ":5432")
	job.expect("ok", "open", "line", victim+":5432")
	job.expect("heard", "talk", "line")
	set(t, f, v.acl("acl-b", []string{"b"}, every(1, "out"), entry(1, "in", false, vpc.TCP, 5432, 5432, "10.0.1.0/24"), every(2, "in")).draw())
	job.expect("dropped", "talk", "line")
	v.s.ACLs = nil
	set(t, f, v.acl("acl-b", []string{"b"}, every(1, "in"), entry(1, "out", false, vpc.TCP, 1024, 65535, "10.0.1.0/24"), every(2, "out")).draw())
	job.expect("dropped", "talk", "line") // the answers don't pass
}
