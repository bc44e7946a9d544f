package kernel_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

func (d *drawing) route(subnet, dest, target string) *drawing {
	for i := range d.s.RouteTables {
		if t := &d.s.RouteTables[i]; t.ID == "rtb-"+subnet {
			t.Routes = append(t.Routes, vpc.Route{Dest: netip.MustParsePrefix(dest), Target: target})
		}
	}
	return d
}

// is changes the last interface that was drawn.
func (d *drawing) is(change func(*vpc.Interface)) *drawing {
	change(&d.s.Interfaces[len(d.s.Interfaces)-1])
	return d
}

func open4(i *vpc.Interface)   { i.NoSourceDestCheck = true }
func answer4(i *vpc.Interface) { i.Type = "vpc_endpoint" }

// nat puts a NAT gateway into a subnet.
func (d *drawing) nat(id, subnet, addr string) *drawing {
	d.port("eni-of-"+id, subnet, addr).is(func(i *vpc.Interface) { i.Type = "nat_gateway" })
	d.s.NATs = append(d.s.NATs, vpc.NAT{ID: id, VPC: d.s.VPC.ID, Subnet: subnet, State: "available",
		Addresses: []vpc.NATAddress{{Interface: "eni-of-" + id, Private: netip.MustParseAddr(addr)}}})
	return d
}

// peer joins two drawings, each of which is live.
func peer(id string, a, b *drawing) {
	for _, p := range [][2]*drawing{{a, b}, {b, a}} {
		members := map[string][]netip.Addr{}
		for _, i := range p[1].s.Interfaces {
			for _, g := range i.Groups {
				members[g] = append(members[g], i.Addrs...)
			}
		}
		p[0].s.Peers = append(p[0].s.Peers, vpc.Peer{ID: id, VPC: p[1].s.VPC.ID, CIDRs: p[1].s.VPC.CIDRs, Live: true, Members: members})
	}
}

func addrHex(a string) string {
	b := netip.MustParseAddr(a).As4()
	return hex.EncodeToString(b[:])
}

// An interface whose check is off takes what a route hands it and sends from any address; another does neither.
func TestAppliance(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1").port("eni-fw", "vpc-1-b", "10.0.2.20", "sg-all").is(open4).port("eni-shut", "vpc-1-b", "10.0.2.21", "sg-all").
		route("vpc-1-a", "203.0.113.0/24", "eni-fw").route("vpc-1-a", "192.0.2.0/24", "eni-shut")
	set(t, f, v.draw())
	one := sit(t, f, "vpc-1-1")
	fw, shut, two := wild(t, f, "eni-fw"), wild(t, f, "eni-shut"), wild(t, f, "vpc-1-3")
	out := addrHex("10.0.1.10") + addrHex("203.0.113.9")
	one.expect("dropped", "dial", "203.0.113.9:80")
	fw.expect("seen", "look", out)
	one.expect("dropped", "dial", "192.0.2.9:80") // its check is on: the route is a blackhole
	shut.expect("unseen", "look", addrHex("192.0.2.9"))

	// From a foreign address: only the appliance may, and never from the network's own.
	for _, c := range []struct {
		from *prober
		src  string
		port string
		want string
	}{{fw, "203.0.113.9", "10.0.2.20", "seen"}, {shut, "203.0.113.8", "10.0.2.21", "unseen"}, {fw, "10.0.2.1", "10.0.2.20", "unseen"}, {fw, "10.0.0.2", "10.0.2.20", "unseen"}} {
		c.from.expect("ok", "frame", udpFrame(c.port, c.src, "10.0.2.10", 53))
		two.expect(c.want, "look", addrHex(c.src)+addrHex("10.0.2.10"))
	}
	// Its groups hold for what it takes: without ingress nothing is handed to it.
	v.group("sg-mute").allow("sg-mute", false, anywhere)
	for i := range v.s.Interfaces {
		if v.s.Interfaces[i].ID == "eni-fw" {
			v.s.Interfaces[i].Groups = []string{"sg-mute"}
		}
	}
	set(t, f, v.draw())
	one.expect("dropped", "dial", "203.0.113.77:80")
	fw.expect("unseen", "look", addrHex("203.0.113.77"))
	// It leaves, and its route is a blackhole, whatever wider route there is.
	set(t, f, v.without("eni-fw").route("vpc-1-a", "0.0.0.0/0", "eni-9").draw())
	one.expect("dropped", "dial", "203.0.113.9:80")
}

// A NAT gateway lets through what goes out and its replies, from its own address, and is closed to everything else.
func TestNAT(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1").nat("nat-1", "vpc-1-b", "10.0.2.20").port("eni-fw", "vpc-1-b", "10.0.2.30", "sg-all").is(open4).
		route("vpc-1-a", "0.0.0.0/0", "nat-1").route("vpc-1-b", "0.0.0.0/0", "eni-fw")
	set(t, f, v.draw())
	one, fw := sit(t, f, "vpc-1-1"), wild(t, f, "eni-fw")
	one.expect("dropped", "dial", "203.0.113.9:80") // nobody answers, but it left by its subnet's route
	fw.expect("seen", "look", addrHex("10.0.2.20")+addrHex("203.0.113.9"))
	fw.expect("unseen", "look", addrHex("10.0.1.10")+addrHex("203.0.113.9"))
	one.expect("dropped", "dial", "10.0.2.20:80") // it serves nothing
	one.expect("dropped", "ping", "10.0.2.20")
	if _, err := f.Spawn(soon(t), linux.Spec{Port: "eni-of-nat-1", Argv: []string{proberArg}}); err == nil {
		t.Error("a process in a NAT gateway")
	}
	// ACLs of its subnet hold for both passages.
	set(t, f, v.acl("acl-b", []string{"vpc-1-b"}, every(1, "out"), entry(1, "in", false, vpc.TCP, 80, 80, "0.0.0.0/0"), every(2, "in")).draw())
	one.expect("dropped", "dial", "203.0.113.7:80")
	fw.expect("unseen", "look", addrHex("203.0.113.7"))
	one.expect("dropped", "dial", "203.0.113.7:81")
	fw.expect("seen", "look", addrHex("10.0.2.20")+addrHex("203.0.113.7"))
	v.s.NATs[0].State = "deleting"
	set(t, f, v.draw())
	one.expect("dropped", "dial", "203.0.113.6:81")
	fw.expect("unseen", "look", addrHex("203.0.113.6"))
}

// udpFrame is a datagram from a port's wire to the router.
func udpFrame(port, src, dst string, to uint16) string {
	a, b := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	ip := []byte{0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]}
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(ip[i])<<8 | uint32(ip[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	ip[10], ip[11] = byte(^sum>>8), byte(^sum)
	udp := []byte{0x10, 0x92, byte(to >> 8), byte(to), 0, 9, 0, 0, 'x'}
	mac := strings.ReplaceAll(vpc.MAC(netip.MustParseAddr(port)), ":", "")
	return "0e0000000001" + mac + "0800" + hex.EncodeToString(append(ip, udp...))
}
