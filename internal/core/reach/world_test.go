package reach_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
)

func pfxs(ss ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range ss {
		out = append(out, pfx(s))
	}
	return out
}

func drawnPort(id, subnet, addr string, groups ...string) fabric.Port {
	return fabric.Port{ID: id, Alias: id, Addrs: []netip.Addr{adr(addr)}, Subnet: subnet, Groups: groups}
}

func acl(id string, entries ...string) fabric.ACL {
	a := fabric.ACL{ID: id}
	for _, e := range entries {
		var n, proto, from, to int
		var dir, verdict, cidr string
		if _, err := fmt.Sscan(e, &dir, &n, &verdict, &proto, &from, &to, &cidr); err != nil {
			panic(err)
		}
		x := fabric.ACLEntry{Number: n, Allow: verdict == "allow", Proto: vpc.Proto(proto), From: from, To: to, CIDR: pfx(cidr)}
		if dir == "out" {
			a.Egress = append(a.Egress, x)
		} else {
			a.Ingress = append(a.Ingress, x)
		}
	}
	return a
}

// everyone is a group's rules that admit all.
func everyone(rule string) []fabric.Allow {
	return []fabric.Allow{{Rule: rule, Proto: vpc.Any, From: -1, To: -1, Peers: pfxs("0.0.0.0/0")}}
}

// world is two peered VPCs and the internet. vpc-a: subnets pub (route to igw-a), app (route to nat-1, vpc-b, S3 and an
// appliance), db (under an ACL that answers to high ports only). vpc-b: subnet b, whose way back to vpc-a is a route, and
// subnet b2, which has none.
func world() reach.World {
	a := fabric.Desired{
		Network: "vpc-a", CIDRs: pfxs("10.0.0.0/16"), Resolver: adr("10.0.0.2"),
		Subnets: []fabric.Subnet{
			{ID: "pub", CIDR: pfx("10.0.0.0/24"), Router: adr("10.0.0.1"), RouteTable: "rtb-pub", Routes: []fabric.Route{
				{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "igw-a", Via: "igw-a"}}},
			{ID: "app", CIDR: pfx("10.0.1.0/24"), Router: adr("10.0.1.1"), RouteTable: "rtb-app", Routes: []fabric.Route{
				{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "nat-1", Via: "eni-nat"},
				{Dest: pfx("10.1.0.0/16"), Action: fabric.Forward, Target: "pcx-1", Via: "pcx-1"},
				{Dest: pfx("10.1.9.0/24"), Action: fabric.Blackhole, Target: "pcx-gone"},
				{Dest: pfx("198.51.100.0/25"), Action: fabric.Deliver, Target: "vpce-s3"},
				{Dest: pfx("172.20.0.0/16"), Action: fabric.Forward, Target: "eni-fw", Via: "eni-fw"}}},
			{ID: "db", CIDR: pfx("10.0.2.0/24"), Router: adr("10.0.2.1"), RouteTable: "rtb-db", ACL: "acl-db", Routes: []fabric.Route{
				{Dest: pfx("198.51.100.0/25"), Action: fabric.Deliver, Target: "vpce-s3"}}},
		},
		Ports: []fabric.Port{
			drawnPort("eni-web", "pub", "10.0.0.10", "sg-all"), drawnPort("eni-bare", "pub", "10.0.0.11", "sg-all"),
			drawnPort("eni-app", "app", "10.0.1.10", "sg-all"), drawnPort("eni-db", "db", "10.0.2.10", "sg-all"), drawnPort("eni-db2", "db", "10.0.2.11", "sg-all"),
			drawnPort("eni-far", "app", "10.0.1.30", "sg-far"),
			{ID: "eni-nat", Alias: "n", Addrs: []netip.Addr{adr("10.0.0.20")}, Subnet: "pub", Kind: fabric.Translator, Open: true},
			{ID: "eni-fw", Alias: "f", Addrs: []netip.Addr{adr("10.0.1.20")}, Subnet: "app", Groups: []string{"sg-all"}, Open: true},
			{ID: "eni-vpce", Alias: "v", Addrs: []netip.Addr{adr("10.0.1.40")}, Subnet: "app", Groups: []string{"sg-vpce"}, Kind: fabric.Answer},
		},
		Groups: []fabric.Group{
			{ID: "sg-all", Egress: everyone("sgr-out"), Ingress: everyone("sgr-in")},
			{ID: "sg-far", Egress: everyone("sgr-fout"), Ingress: []fabric.Allow{{Rule: "sgr-b", Proto: vpc.TCP, From: 5432, To: 5432, Group: "sg-b"}}},
			{ID: "sg-vpce", Ingress: []fabric.Allow{{Rule: "sgr-vpce", Proto: vpc.TCP, From: 443, To: 443, Peers: pfxs("10.0.0.0/8")}}},
			{ID: "sg-b", Far: []netip.Addr{adr("10.1.0.10")}},
		},
		ACLs: []fabric.ACL{acl("acl-db",
			"in 90 deny 6 5433 5433 0.0.0.0/0", "in 100 allow 6 5432 5440 0.0.0.0/0", "in 110 allow 6 1024 65535 198.51.100.0/24", "in 120 allow 1 8 -1 0.0.0.0/0",
			"out 100 allow 6 1024 65535 10.0.1.0/24", "out 110 allow 6 443 443 198.51.100.0/24", "out 120 allow 6 1024 40000 10.0.0.0/24")},
		Links: []fabric.Link{
			{ID: "igw-a", Alias: "ia", Peer: vpc.InternetNetwork, Internet: true},
			{ID: "pcx-1", Alias: "pa", Peer: "vpc-b", Near: pfxs("10.1.0.0/16")}},
		Public:   []fabric.Public{{Private: adr("10.0.0.10"), Public: adr("203.0.113.10")}, {Private: adr("10.0.0.20"), Public: adr("203.0.113.20")}},
		Gateways: pfxs("198.51.100.0/25"),
		Listeners: []fabric.Listener{{Name: "s3-https", Net: "tcp", Port: 443, Transparent: true},
			{Name: "eni-vpce-https", Net: "tcp", Addr: adr("10.0.1.40"), Port: 443}, {Name: "dns-udp", Net: "udp", Addr: adr("10.0.0.2"), Port: 53}},
	}
	b := fabric.Desired{
		Network: "vpc-b", CIDRs: pfxs("10.1.0.0/16"), Resolver: adr("10.1.0.2"),
		Subnets: []fabric.Subnet{
			{ID: "b", CIDR: pfx("10.1.0.0/24"), Router: adr("10.1.0.1"), RouteTable: "rtb-b", Routes: []fabric.Route{
				{Dest: pfx("10.0.0.0/16"), Action: fabric.Forward, Target: "pcx-1", Via: "pcx-1"},
				{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "igw-b", Via: "igw-b"}}},
			{ID: "b2", CIDR: pfx("10.1.1.0/24"), Router: adr("10.1.1.1"), RouteTable: "rtb-b2"}},
		Ports:  []fabric.Port{drawnPort("eni-b", "b", "10.1.0.10", "sg-b"), drawnPort("eni-b2", "b2", "10.1.1.10", "sg-b"), drawnPort("eni-b3", "b", "10.1.0.11", "sg-bx")},
		Groups: []fabric.Group{{ID: "sg-b", Egress: everyone("sgr-bout"), Ingress: everyone("sgr-bin")}, {ID: "sg-bx", Egress: everyone("sgr-bxout")}},
		Links: []fabric.Link{{ID: "pcx-1", Alias: "pb", Peer: "vpc-a", Near: pfxs("10.0.0.0/16")},
			{ID: "igw-b", Alias: "ib", Peer: vpc.InternetNetwork, Internet: true}},
		Public: []fabric.Public{{Private: adr("10.1.0.10"), Public: adr("203.0.113.30")}, {Private: adr("10.1.1.10"), Public: adr("203.0.113.31")}},
	}
	net := fabric.Desired{Network: vpc.InternetNetwork,
		Links: []fabric.Link{
			{ID: "igw-a", Alias: "xa", Peer: "vpc-a", Near: pfxs("203.0.113.10/32", "203.0.113.20/32")},
			{ID: "igw-b", Alias: "xb", Peer: "vpc-b", Near: pfxs("203.0.113.30/32", "203.0.113.31/32")}},
		Gateways: pfxs("0.0.0.0/0"), Catch: &fabric.Listener{Name: "catch", Net: "tcp", Port: 9999, Transparent: true},
	}
	return reach.World{"vpc-a": a, "vpc-b": b, vpc.InternetNetwork: net}
}

func TestWorld(t *testing.T) {
	tcp := func(from, dst string, port uint16) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.TCP, Port: port}
	}
	udp := func(from, dst string, port uint16) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.UDP, Port: port}
	}
	ping := func(from, dst string) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.ICMP, Type: 8}
	}
	with := func(f reach.Flow, src string, sport uint16) reach.Flow {
		if src != "" {
			f.Src = adr(src)
		}
		f.SrcPort = sport
		return f
	}
	m := reach.Index(world())
	for _, c := range []struct {
		name   string
		flow   reach.Flow
		want   string // deciding: network hop rule, "<" before the hop on the way back; "" and Accept: no hop
		shadow string
	}{
		// Network ACLs.
		{"admitted by both ACL and groups", tcp("eni-app", "10.0.2.10", 5432), "+vpc-a ingress sgr-in", ""},
		{"an entry before it refuses", tcp("eni-app", "10.0.2.10", 5433), "-vpc-a acl-in acl-db rule 90", ""},
		{"no entry takes it", tcp("eni-app", "10.0.2.10", 22), "-vpc-a acl-in acl-db rule *", ""},
		{"the answer has no entry", udp("eni-app", "10.0.2.10", 5432), "-vpc-a acl-in acl-db rule *", "<acl-out"},
		{"a ping in, no answer out", ping("eni-app", "10.0.2.10"), "-vpc-a <acl-out acl-db rule *", ""},
		{"the answer passes for some ports only", tcp("eni-web", "10.0.2.10", 5432), "-vpc-a <acl-out acl-db", ""},
		{"a source port among those", with(tcp("eni-web", "10.0.2.10", 5432), "", 40000), "+vpc-a ingress sgr-in", ""},
		{"a source port behind those", with(tcp("eni-web", "10.0.2.10", 5432), "", 40001), "-vpc-a <acl-out acl-db rule *", ""},
		{"within the subnet nobody asks", tcp("eni-db2", "10.0.2.10", 22), "+vpc-a ingress sgr-in", ""},
		{"gateway endpoint through an ACL", tcp("eni-db", "198.51.100.10", 443), "+vpc-a listener s3-https", ""},
		{"the ACL stands before the endpoint", tcp("eni-db", "198.51.100.10", 80), "-vpc-a acl-out acl-db rule *", "listener"},
		{"interface endpoint through an ACL", tcp("eni-db", "10.0.1.40", 443), "-vpc-a acl-out acl-db rule *", "<acl-in"},
		{"the resolver is under none", udp("eni-db", "10.0.0.2", 53), "+vpc-a listener dns-udp", ""},
		// Interface endpoints.
		{"interface endpoint", tcp("eni-app", "10.0.1.40", 443), "+vpc-a listener eni-vpce-https", ""},
		{"its groups", tcp("eni-app", "10.0.1.40", 80), "-vpc-a ingress sg-vpce", "listener"},
		{"from the peer", tcp("eni-b", "10.0.1.40", 443), "+vpc-a listener eni-vpce-https", ""},
		{"nothing comes from it", tcp("eni-vpce", "10.0.1.10", 443), "-vpc-a spoof eni-vpce", ""},
		// Peering.
		{"to the peer", tcp("eni-app", "10.1.0.10", 80), "+vpc-b ingress sgr-bin", ""},
		{"the peer has no way back", tcp("eni-app", "10.1.1.10", 80), "-vpc-b <route rtb-b2", ""},
		{"the peer's group refuses", tcp("eni-app", "10.1.0.11", 80), "-vpc-b ingress sg-bx", ""},
		{"nobody has it there", tcp("eni-app", "10.1.0.99", 80), "-vpc-b route local", ""},
		{"the longest prefix is a blackhole", tcp("eni-app", "10.1.9.1", 80), "-vpc-a route pcx-gone", ""},
		{"no route in the source's subnet", tcp("eni-db", "10.1.0.10", 80), "-vpc-a route rtb-db", "acl-out"},
		{"a group of the peer is referred to", tcp("eni-b", "10.0.1.30", 5432), "+vpc-a ingress sgr-b", ""},
		{"not its other ports", tcp("eni-b", "10.0.1.30", 5433), "-vpc-a ingress sg-far", ""},
		{"not other groups", tcp("eni-b3", "10.0.1.30", 5432), "-vpc-a ingress sg-far", ""},
		{"the peer's resolver", udp("eni-b", "10.0.0.2", 53), "-vpc-a input 10.0.0.2", ""},
		{"the peer's router", ping("eni-b", "10.0.1.1"), "-vpc-a input 10.0.1.1", ""},
		{"the peer's NAT gateway", tcp("eni-b", "10.0.0.20", 80), "-vpc-a ingress eni-nat", ""},
		{"the ACL of the far side", tcp("eni-b", "10.0.2.10", 22), "-vpc-a acl-in acl-db rule *", "<route <acl-out"},
		// NAT and the internet.
		{"out through NAT", tcp("eni-app", "8.8.8.8", 443), "+internet listener catch", ""},
		{"no UDP beyond", udp("eni-app", "8.8.8.8", 53), "-internet route internet", ""},
		{"NAT to another VPC's public address", udp("eni-app", "203.0.113.30", 53), "+vpc-b ingress sgr-bin", ""},
		{"ping through NAT", ping("eni-app", "203.0.113.30"), "+vpc-b ingress sgr-bin", ""},
		{"an answer without a way to the gateway", tcp("eni-app", "203.0.113.31", 80), "-vpc-b <route rtb-b2", ""},
		{"to a NAT gateway itself", tcp("eni-app", "10.0.0.20", 80), "-vpc-a ingress eni-nat", ""},
		{"to its public address", tcp("eni-b", "203.0.113.20", 80), "-vpc-a ingress eni-nat", ""},
		{"own public address", tcp("eni-web", "8.8.8.8", 443), "+internet listener catch", ""},
		{"none", tcp("eni-bare", "8.8.8.8", 443), "-vpc-a gateway igw-a", ""},
		{"round about to itself", tcp("eni-web", "203.0.113.10", 80), "+vpc-a ingress sgr-in", ""},
		{"from outside to a subnet without a route", tcp("eni-b", "203.0.113.10", 80), "+vpc-a ingress sgr-in", ""},
		{"a public address of nobody", udp("eni-b", "203.0.113.99", 80), "-internet route internet", ""},
		// Appliances.
		{"handed to an appliance", tcp("eni-app", "172.20.0.1", 80), "+vpc-a ingress sgr-in", ""},
		{"an appliance sends for another", with(tcp("eni-fw", "10.0.1.10", 80), "172.20.0.1", 0), "+vpc-a ingress sgr-in", ""},
		{"but not for the network itself", with(tcp("eni-fw", "10.0.1.10", 80), "10.0.1.40", 0), "-vpc-a spoof eni-fw", ""},
		{"and the answer has no way", with(tcp("eni-fw", "10.0.2.10", 5432), "172.20.0.1", 0), "-vpc-a <route rtb-db", "<acl-out"},
		// The daemon.
		{"the daemon meets no ACL", reach.Flow{Network: "vpc-a", Dst: adr("10.0.2.10"), Proto: vpc.TCP, Port: 22}, "+vpc-a ingress sgr-in", ""},
		{"no such network", reach.Flow{Network: "vpc-c", Dst: adr("10.0.2.10"), Proto: vpc.TCP, Port: 22}, "- route vpc-c", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := m.Trace(c.flow)
			hop := func(s reach.Step) string {
				if s.Back {
					return "<" + string(s.Hop)
				}
				return string(s.Hop)
			}
			got := map[reach.Verdict]string{reach.Accept: "+", reach.Drop: "-"}[r.Verdict] + r.Deciding.Network + " " + hop(r.Deciding) + " " + r.Deciding.Rule
			var shadow []string
			for _, s := range r.Shadowing {
				shadow = append(shadow, hop(s))
			}
			if got != c.want || strings.Join(shadow, " ") != c.shadow {
				t.Errorf("%s, shadowing %q", got, strings.Join(shadow, " "))
				for _, s := range r.Hops {
					t.Logf("%+v", s)
				}
			}
			for _, s := range r.Hops {
				if s.Text == "" {
					t.Errorf("%+v has no text", s)
				}
			}
		})
	}
	if r := m.Trace(tcp("eni-app", "172.20.0.1", 80)); r.Appliance != "eni-fw" {
		t.Errorf("appliance %q", r.Appliance)
	}
	if r := m.Trace(tcp("eni-app", "10.0.2.10", 5433)); !strings.Contains(r.Change, "acl-db") || !strings.Contains(r.Change, "below 90") {
		t.Errorf("change %q", r.Change)
	}
}

// What a world lacks is not there, and gateways that hand packets to each other end somewhere.
func TestWorldEnds(t *testing.T) {
	w := world()
	delete(w, "vpc-b")
	if r := reach.Trace(w, reach.Flow{From: "eni-app", Dst: adr("10.1.0.10"), Proto: vpc.TCP, Port: 80}); r.Verdict || r.Deciding.Rule != "pcx-1" {
		t.Errorf("%+v", r.Deciding)
	}
	w = world()
	a := w["vpc-a"]
	a.Subnets[0].Routes[0] = fabric.Route{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "nat-1", Via: "eni-nat"}
	if r := reach.Trace(w, reach.Flow{From: "eni-app", Dst: adr("8.8.8.8"), Proto: vpc.TCP, Port: 80}); r.Verdict || r.Deciding.Hop != reach.Route {
		t.Errorf("%+v", r.Deciding)
	}
	n := w[vpc.InternetNetwork]
	n.Catch = nil
	w = world()
	w[vpc.InternetNetwork] = n
	if r := reach.Trace(w, reach.Flow{From: "eni-app", Dst: adr("8.8.8.8"), Proto: vpc.TCP, Port: 80}); r.Verdict || r.Deciding.Network != vpc.InternetNetwork {
		t.Errorf("%+v", r.Deciding)
	}
}
