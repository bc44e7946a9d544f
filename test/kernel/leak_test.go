package kernel_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// The addresses of the leak suite: an attacker and a neighbor in one subnet, a victim in another, and a stranger with the
// victim's address in another VPC.
const (
	attacker = "10.0.1.10"
	neighbor = "10.0.1.11"
	victim   = "10.0.2.10"
	routerHW = "0e0000000001"
	v4, v6   = "0800", "86dd"
)

func leaky(t *testing.T) (*linux.Fabric, *drawing) {
	f := open(t, linux.Config{})
	v := newVPC("vpc-1", "10.0.0.0/16").subnet("a", "10.0.1.0/24").subnet("b", "10.0.2.0/24").gateway("a").
		group("sg-app").allow("sg-app", false, anywhere).
		group("sg-db").allow("sg-db", false, anywhere).allow("sg-db", true, from(tcp(5432), "sg-app")).
		allow("sg-db", true, from(vpc.Rule{Proto: vpc.UDP, From: 5433, To: 5433}, "sg-app")).
		port("eni-attacker", "a", attacker, "sg-app").port("eni-neighbor", "a", neighbor, "sg-app").port("eni-victim", "b", victim, "sg-db")
	d := v.draw()
	set(t, f, d)
	listenS3(t, f, "vpc-1", nil)
	for _, l := range d.Listeners {
		if l.Net == "udp" {
			c, err := f.ListenPacket(soon(t), "vpc-1", l)
			if err != nil {
				t.Fatal(err)
			}
			go echo(c)
		}
	}
	return f, v
}

// TestLeakWords asks for what no job may have, in the words of ordinary sockets. Beside each: what a VPC of AWS does, which is
// what must happen here.
func TestLeakWords(t *testing.T) {
	f, _ := leaky(t)
	job, db := sit(t, f, "eni-attacker"), sit(t, f, "eni-victim")
	db.expect("ok", "tcp", ":22")
	db.expect("ok", "tcp", ":5432")
	type words struct{ why, want, verb, to string }
	var answers []chan string
	all := []words{
		{"the way that exists", "open", "dial", victim + ":5432"},
		{"the group admits another port", "dropped", "dial", victim + ":22"},
		// Names. Only the VPC's resolver answers; no route leads to others, over UDP or TCP.
		{"the VPC's resolver", "open", "ask", "10.0.0.2:53"},
		{"a public resolver", "dropped", "ask", "8.8.8.8:53"},
		{"a public resolver over TCP", "dropped", "dial", "8.8.8.8:53"},
		{"DNS over TLS", "dropped", "dial", "1.1.1.1:853"},
		{"the link-local resolver: AWS has it as a second name of the first, here base+2 is the only one", "dropped", "ask", "169.254.169.253:53"},
		{"a resolver on a router's address", "dropped", "ask", "10.0.1.1:53"},
		{"the resolver of the subnet, which has none: base+2 of the VPC is the one", "dropped", "ask", "10.0.1.2:53"},
		// Metadata. There is no instance, so no metadata service; credentials are given to a job in its own namespace.
		{"instance metadata", "dropped", "dial", "169.254.169.254:80"},
		{"container credentials", "dropped", "dial", "169.254.170.2:80"},
		{"time service", "dropped", "ask", "169.254.169.123:123"},
		{"other link-local addresses", "dropped", "dial", "169.254.9.1:80"},
		// The endpoint's listener takes every address of a route that leads to it, and no other.
		{"the endpoint", "open", "dial", "198.51.100.10:443"},
		{"behind its prefix list", "dropped", "dial", "198.51.100.200:443"},
		{"on the own subnet's router", "dropped", "dial", "10.0.1.1:443"},
		{"on another subnet's router", "dropped", "dial", "10.0.2.1:443"},
		{"on the resolver", "dropped", "dial", "10.0.0.2:443"},
		{"on the network's address", "dropped", "dial", "10.0.0.0:443"},
		{"on an address that nobody has", "dropped", "dial", "10.0.2.99:443"},
		{"on a loopback address: the job's own, where nothing listens", "refused", "dial", "127.0.0.1:443"},
		// The outside: no route, no way.
		{"the internet", "dropped", "dial", "203.0.113.9:443"},
		{"private ranges that are not the VPC's", "dropped", "dial", "192.168.1.1:80"},
		{"the service network of other jobs", "dropped", "dial", vpc.ServiceAddr.String() + ":80"},
		{"its resolver", "dropped", "ask", vpc.Resolver(vpc.ServiceCIDR).String() + ":53"},
		{"raw and packet sockets: the job's user namespace has no power over the network's", "none", "raw", ""},
	}
	for _, c := range all {
		answers = append(answers, job.send(c.verb, c.to))
	}
	for i, c := range all {
		got := <-answers[i]
		if got == "dropped" && c.want != "dropped" {
			got = job.ask(c.verb, c.to) // late on a busy host
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s %s is %q, want %q", c.why, c.verb, c.to, got, c.want)
		}
	}
	for _, to := range []string{"255.255.255.255:5433", "10.0.2.255:5433", "224.0.0.251:5353"} { // neither broadcast nor multicast
		if got := job.ask("ask", to); strings.HasPrefix(got, "open") || got == "refused" {
			t.Errorf("%s: %q", to, got)
		}
	}
}

// TestLeakFrames sends bytes as they are, from a process that has every power inside its port's namespace. Beside each case
// stands whether the victim may see it: what AWS's network does with a hostile instance.
func TestLeakFrames(t *testing.T) {
	f, v := leaky(t)
	other := newVPC("vpc-2", "10.0.0.0/16").subnet("b", "10.0.2.0/24").group("sg-open").allow("sg-open", true, anywhere).allow("sg-open", false, anywhere).
		port("eni-stranger", "b", victim, "sg-open")
	set(t, f, other.draw())
	a, n, d, s := wild(t, f, "eni-attacker"), wild(t, f, "eni-neighbor"), wild(t, f, "eni-victim"), wild(t, f, "eni-stranger")
	mac := func(addr string) string { return strings.ReplaceAll(vpc.MAC(netip.MustParseAddr(addr)), ":", "") }
	me := mac(attacker)
	wrap := func(kind string, packet []byte) string { return routerHW + me + kind + hex.EncodeToString(packet) }
	token := 0
	next := func() string { token++; return fmt.Sprintf("token-%04d-of-the-leak-suite", token) }
	send := func(src, dst string, proto byte, body []byte) []string {
		return []string{wrap(v4, ip{src: src, dst: dst, proto: proto, id: 7, body: body}.bytes())}
	}
	udp := func(src, dst string, port uint16) func(string) []string {
		return func(x string) []string { return send(src, dst, 17, datagram(4000, port, x)) }
	}
	seg := func(port uint16, flags byte) func(string) []string {
		return func(x string) []string {
			return send(attacker, victim, 6, segment(attacker, victim, 4000, port, flags, x))
		}
	}
	// parts cuts a packet's body at offsets that are multiples of eight; each part is put in by itself.
	type part struct {
		at   int
		more bool
		body []byte
	}
	fragments := func(id uint16, parts ...part) []string {
		var out []string
		for _, p := range parts {
			frag := uint16(p.at / 8)
			if p.more {
				frag |= 0x2000
			}
			out = append(out, wrap(v4, ip{src: attacker, dst: victim, proto: 17, id: id, frag: frag, body: p.body}.bytes()))
		}
		return out
	}
	pad := strings.Repeat("p", 40)
	ipv6 := func(x, dst string) []byte {
		b := make([]byte, 40)
		b[0], b[6], b[7] = 0x60, 17, 64
		body := datagram(4000, 5433, x)
		binary.BigEndian.PutUint16(b[4:], uint16(len(body)))
		from, to := netip.MustParseAddr("fe80::1234").As16(), netip.MustParseAddr(dst).As16()
		copy(b[8:], from[:])
		copy(b[24:], to[:])
		return append(b, body...)
	}
	const yes, no = "seen", "unseen"
	cases := []struct {
		name, want string // of the victim; nobody else ever sees it
		frames     func(x string) []string
	}{
		{"own address, open port: the suite can see", yes, udp(attacker, victim, 5433)},
		{"own address, closed port", no, udp(attacker, victim, 5434)},
		// Sources. AWS: an interface sends from its own addresses only.
		{"a neighbor's address", no, udp(neighbor, victim, 5433)},
		{"an address that nobody has", no, udp("10.0.1.99", victim, 5433)},
		{"the victim's own address", no, udp(victim, victim, 5433)},
		{"the router's address", no, udp("10.0.1.1", victim, 5433)},
		{"the resolver's address", no, udp("10.0.0.2", victim, 5433)},
		{"a loopback address", no, udp("127.0.0.1", victim, 5433)},
		{"no address", no, udp("0.0.0.0", victim, 5433)},
		{"the broadcast address", no, udp("255.255.255.255", victim, 5433)},
		{"a multicast address", no, udp("224.0.0.1", victim, 5433)},
		{"a public address", no, udp("8.8.8.8", victim, 5433)},
		// Destinations that would reach many. AWS: no broadcast, no multicast.
		{"to the broadcast address", no, udp(attacker, "255.255.255.255", 5433)},
		{"to the subnet's broadcast address", no, udp(attacker, "10.0.2.255", 5433)},
		{"to all hosts", no, udp(attacker, "224.0.0.1", 5433)},
		{"to a loopback address", no, udp(attacker, "127.0.0.1", 5433)},
		// Fragments. The first has the ports; the rest is judged with it or not at all.
		{"two fragments to an open port", yes, func(x string) []string {
			b := datagram(4000, 5433, pad+x)
			return fragments(100, part{0, true, b[:32]}, part{32, false, b[32:]})
		}},
		{"two fragments to a closed port", no, func(x string) []string {
			b := datagram(4000, 5434, pad+x)
			return fragments(101, part{0, true, b[:32]}, part{32, false, b[32:]})
		}},
		{"the last fragment alone", no, func(x string) []string { return fragments(102, part{32, false, []byte(pad + x)}) }},
		{"the first fragment alone", no, func(x string) []string {
			return fragments(103, part{0, true, append(datagram(4000, 5433, x), make([]byte, 8-(8+len(x))%8)...)})
		}},
		{"a first fragment again, with a closed port: the one that was judged stays", yes, func(x string) []string {
			good, bad := datagram(4000, 5433, pad+x), datagram(4000, 5434, pad+x)
			return fragments(104, part{0, true, good[:32]}, part{0, true, bad[:32]}, part{32, false, good[32:]})
		}},
		{"a first fragment again, with an open port", no, func(x string) []string {
			good, bad := datagram(4000, 5433, pad+x), datagram(4000, 5434, pad+x)
			return fragments(107, part{0, true, bad[:32]}, part{0, true, good[:32]}, part{32, false, good[32:]})
		}},
		{"a fragment over the ports of the first", no, func(x string) []string {
			b := datagram(4000, 5433, pad+x)
			return fragments(105, part{0, true, b[:32]}, part{8, true, make([]byte, 32)}, part{40, false, b[40:]})
		}},
		{"ports split from the address: a first fragment of eight bytes", yes, func(x string) []string {
			b := datagram(4000, 5433, x+pad)
			return fragments(106, part{0, true, b[:8]}, part{8, false, b[8:]})
		}},
		// TCP without a connection. Groups judge what begins nothing as if it began.
		{"an ACK to a closed port", no, seg(22, 0x10)},
		{"a SYN/ACK to a closed port", no, seg(22, 0x12)},
		{"a RST to a closed port", no, seg(22, 0x04)},
		{"a FIN to a closed port", no, seg(22, 0x01)},
		{"no flags, to a closed port", no, seg(22, 0)},
		{"all flags, to a closed port", no, seg(22, 0x3f)},
		// Other protocols. The victim's group names TCP and UDP.
		{"an echo request", no, func(x string) []string { return send(attacker, victim, 1, message(8, 0, []byte("\x00\x01\x00\x01"+x))) }},
		{"an echo reply that nobody asked for", no, func(x string) []string { return send(attacker, victim, 1, message(0, 0, []byte("\x00\x01\x00\x01"+x))) }},
		{"an unreachable for a flow that never was", no, func(x string) []string {
			inner := ip{src: victim, dst: attacker, proto: 17, body: datagram(9, 9, x)}.bytes()
			return send(attacker, victim, 1, message(3, 4, append([]byte{0, 0, 5, 0}, inner...)))
		}},
		{"a redirect", no, func(x string) []string {
			inner := ip{src: victim, dst: "10.0.1.11", proto: 17, body: datagram(9, 9, x)}.bytes()
			return send(attacker, victim, 1, message(5, 1, append([]byte{10, 0, 1, 10}, inner...)))
		}},
		{"IP in IP, to an open port", no, func(x string) []string {
			return send(attacker, victim, 4, ip{src: neighbor, dst: victim, proto: 17, body: datagram(4000, 5433, x)}.bytes())
		}},
		{"IP in IP, by way of the router", no, func(x string) []string {
			return send(attacker, "10.0.1.1", 4, ip{src: neighbor, dst: victim, proto: 17, body: datagram(4000, 5433, x)}.bytes())
		}},
		{"GRE", no, func(x string) []string { return send(attacker, victim, 47, append([]byte{0, 0, 8, 0}, x...)) }},
		{"SCTP", no, func(x string) []string {
			return send(attacker, victim, 132, []byte("\x0f\xa0\x15\x39\x00\x00\x00\x00\x00\x00\x00\x00"+x))
		}},
		{"UDP-Lite with an open port's number", no, func(x string) []string { return send(attacker, victim, 136, datagram(4000, 5433, x)) }},
		{"loose source routing over the victim", no, func(x string) []string {
			p := ip{src: attacker, dst: "10.0.1.1", proto: 17, options: []byte{1, 131, 7, 4, 10, 0, 2, 10}, body: datagram(4000, 5433, x)}
			return []string{wrap(v4, p.bytes())}
		}},
		// Below and beside IPv4. Each port is alone on a wire to a router that speaks IPv4 and never asks for an address.
		{"ARP request", no, func(x string) []string {
			return []string{"ffffffffffff" + me + "0806" + arp(1, me, attacker, victim) + hex.EncodeToString([]byte(x))}
		}},
		{"ARP announcement of the victim's address", no, func(x string) []string {
			return []string{"ffffffffffff" + me + "0806" + arp(2, me, victim, victim) + hex.EncodeToString([]byte(x))}
		}},
		{"a frame to the victim's hardware address", no, func(x string) []string {
			return []string{mac(victim) + me + v4 + hex.EncodeToString(ip{src: attacker, dst: victim, proto: 17, body: datagram(4000, 5433, x)}.bytes())}
		}},
		{"a frame to everybody", no, func(x string) []string {
			return []string{"ffffffffffff" + me + v4 + hex.EncodeToString(ip{src: attacker, dst: victim, proto: 17, body: datagram(4000, 5434, x)}.bytes())}
		}},
		{"a VLAN of its own", no, func(x string) []string {
			return []string{routerHW + me + "8100" + "0001" + v4 + hex.EncodeToString(ip{src: attacker, dst: victim, proto: 17, body: datagram(4000, 5433, x)}.bytes())}
		}},
		{"IPv6 to the router", no, func(x string) []string { return []string{wrap(v6, ipv6(x, "fe80::c00:ff:fe00:1"))} }},
		{"IPv6 to all nodes", no, func(x string) []string {
			return []string{"333300000001" + me + v6 + hex.EncodeToString(ipv6(x, "ff02::1"))}
		}},
		{"the victim's address inside IPv6", no, func(x string) []string { return []string{wrap(v6, ipv6(x, "::ffff:"+victim))} }},
		{"6to4 in IPv4", no, func(x string) []string { return send(attacker, victim, 41, ipv6(x, "2002:a00:20a::1")) }},
		{"an unknown kind of frame", no, func(x string) []string { return []string{routerHW + me + "88b5" + hex.EncodeToString([]byte(x))} }},
	}
	type look struct {
		name, want string
		answer     chan string
	}
	var looks []look
	for _, c := range cases {
		x := next()
		for _, b := range c.frames(x) {
			if got := a.ask("frame", b); got != "ok" {
				t.Fatalf("%s: %s", c.name, got)
			}
		}
		h := hex.EncodeToString([]byte(x))
		looks = append(looks, look{"the victim: " + c.name, c.want, d.send("look", h)}, look{"the neighbor: " + c.name, no, n.send("look", h)},
			look{"a stranger of the same address in another VPC: " + c.name, no, s.send("look", h)})
	}
	for _, l := range looks {
		if got := <-l.answer; got != l.want {
			t.Errorf("%s: %s, want %s", l.name, got, l.want)
		}
	}
	// Nobody answered an ARP request, and none believed an announcement: the neighbor still gets what is his.
	if got := a.ask("look", "0806"); got != no {
		t.Error("somebody speaks ARP")
	}
	// Interfaces of a group that admits itself, to see that the stranger and the neighbor can see.
	v.allow("sg-app", true, anywhere)
	set(t, f, v.draw())
	x := next()
	a.expect("ok", "frame", udp(attacker, neighbor, 1)(x)[0])
	n.expect(yes, "look", hex.EncodeToString([]byte(x)))
}

// TestLeakForeignFragment puts a neighbor's fragment under the source of another's datagram. AWS: the neighbor's interface does not
// send it, so the datagram is never whole.
func TestLeakForeignFragment(t *testing.T) {
	f, _ := leaky(t)
	a, n, d := wild(t, f, "eni-attacker"), wild(t, f, "eni-neighbor"), wild(t, f, "eni-victim")
	const head, foreign, own = "what-the-owner-begins-with--", "and-what-a-neighbor-put-in", "and-what-the-owner-ends-with"
	send := func(p *prober, addr string, id, frag uint16, body []byte) {
		mac := strings.ReplaceAll(vpc.MAC(netip.MustParseAddr(addr)), ":", "")
		p.expect("ok", "frame", routerHW+mac+v4+hex.EncodeToString(ip{src: attacker, dst: victim, proto: 17, id: id, frag: frag, body: body}.bytes()))
	}
	whole := func(text string) []byte {
		b := datagram(4000, 5433, head+text)
		b[6], b[7] = 0, 0 // without a checksum, which can be guessed anyway
		return b
	}
	bad, good := whole(foreign), whole(own)
	send(n, neighbor, 300, 4, bad[32:])
	send(a, attacker, 300, 0x2000, good[:32])
	d.expect("unseen", "look", hex.EncodeToString([]byte(foreign)))
	send(n, neighbor, 301, 4, bad[32:]) // the owner's own end comes after it
	send(a, attacker, 301, 4, good[32:])
	send(a, attacker, 301, 0x2000, good[:32])
	d.expect("seen", "look", hex.EncodeToString([]byte(own)))
	d.expect("unseen", "look", hex.EncodeToString([]byte(foreign)))
}

// TestErrors: what tells of a flow's trouble reaches its ends, whoever stands between; and who is no end of a flow has nothing to
// say about it: in an error's body any words could go where no rule leads. AWS: an error is let through as part of the flow.
func TestErrors(t *testing.T) {
	f, v := leaky(t)
	v.group("sg-none").port("eni-outcast", "a", "10.0.1.99", "sg-none")
	set(t, f, v.draw())
	a, d, o := sit(t, f, "eni-attacker"), wild(t, f, "eni-victim"), wild(t, f, "eni-outcast")
	a.expect("refused", "ask", victim+":5433") // nobody serves yet
	d.expect("ok", "udp", ":5433")
	a.expect("open", "ask", victim+":5433", attacker+":7777")
	send := func(from *prober, src string, in ip) {
		mac := strings.ReplaceAll(vpc.MAC(netip.MustParseAddr(src)), ":", "")
		body := message(3, 4, append([]byte{0, 0, 2, 0x28}, in.bytes()...))
		from.expect("ok", "frame", routerHW+mac+v4+hex.EncodeToString(ip{src: src, dst: victim, proto: 1, id: 9, body: body}.bytes()))
	}
	const foreign = "words-of-one-who-is-no-end-of-it"
	send(o, "10.0.1.99", ip{src: victim, dst: attacker, proto: 17, body: datagram(5433, 7777, foreign)})
	d.expect("unseen", "look", hex.EncodeToString([]byte(foreign)))

	// Through elastic addresses, a NAT gateway and a peering.
	b := wide("vpc-b2").igw("igw-b2").elastic("10.0.1.10", "198.19.0.1").route("vpc-b2-a", "0.0.0.0/0", "igw-b2")
	c := newVPC("vpc-c2", "10.5.0.0/16").subnet("front", "10.5.1.0/24").subnet("back", "10.5.2.0/24").group("sg-c2").allow("sg-c2", false, anywhere).
		port("eni-c2", "back", "10.5.2.10", "sg-c2").nat("nat-c2", "front", "10.5.1.20").igw("igw-c2").elastic("10.5.1.20", "198.19.0.2").
		route("front", "0.0.0.0/0", "igw-c2").route("back", "0.0.0.0/0", "nat-c2").route("back", "10.0.0.0/16", "pcx-2")
	b.route("vpc-b2-a", "10.5.0.0/16", "pcx-2")
	peer("pcx-2", b, c)
	set(t, f, b.draw())
	set(t, f, c.draw())
	set(t, f, (&world{}).draw(b, c))
	sit(t, f, "vpc-b2-1")
	p := sit(t, f, "eni-c2")
	p.expect("refused", "ask", "198.19.0.1:5999")
	p.expect("refused", "ask", "10.0.1.10:5999")
}

// arp is a message for IPv4 over Ethernet, in hex.
func arp(op byte, mac, from, about string) string {
	f, a := netip.MustParseAddr(from).As4(), netip.MustParseAddr(about).As4()
	return "00010800060400" + hex.EncodeToString([]byte{op}) + mac + hex.EncodeToString(f[:]) + "000000000000" + hex.EncodeToString(a[:])
}

// TestLeakTime is about what was allowed once. AWS: a security group lets tracked connections live on when a rule goes and
// refuses new ones (EC2 User Guide, "Security group connection tracking"); connections that every address may open are not tracked there and
// end at once, here they are tracked as all others (docs/divergences.md). When an interface goes, everything of it ends, and nothing of it is
// its address's next owner's.
func TestLeakTime(t *testing.T) {
	f, v := leaky(t)
	job, db := sit(t, f, "eni-attacker"), sit(t, f, "eni-victim")
	db.expect("ok", "echo", ":5432")
	db.expect("ok", "udp", ":5433")
	job.expect("ok", "open", "line", victim+":5432")
	job.expect("heard", "talk", "line")
	job.expect("open", "ask", victim+":5433", attacker+":7777")

	v.s.Groups[1].Rules = v.s.Groups[1].Rules[:1] // no ingress any more
	set(t, f, v.draw())
	job.expect("heard", "talk", "line")           // tracked: it lives on
	job.expect("dropped", "dial", victim+":5432") // a new one doesn't begin
	job.expect("dropped", "ask", victim+":5433")
	db.expect("dropped", "dial", attacker+":7777") // nor does what was tracked open the way back

	// The victim's interface goes, and its address comes to another of the same groups.
	v.without("eni-victim").port("eni-heir", "b", victim, "sg-db")
	set(t, f, v.draw())
	heir := wild(t, f, "eni-heir")
	if got := job.ask("talk", "line"); got == "heard" {
		t.Error("a connection outlived its interface")
	}
	job.expect("dropped", "ask", victim+":5433", attacker+":7777") // the same five values as the old flow
	heir.expect("unseen", "look", "0a00010a"+"0a00020a")           // not a packet from the attacker to the heir
	db.expect("gone", "talk", "line")
}
