package reach_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func adr(s string) netip.Addr   { return netip.MustParseAddr(s) }

func snapshot() vpc.Snapshot {
	at := &vpc.Attachment{ID: "eni-attach-1"}
	return vpc.Snapshot{
		VPC:     vpc.VPC{ID: "vpc-1", Region: "us-east-1", CIDRs: []netip.Prefix{pfx("10.0.0.0/16")}, DNSSupport: true},
		Subnets: []vpc.Subnet{{ID: "subnet-a", CIDR: pfx("10.0.1.0/24")}, {ID: "subnet-b", CIDR: pfx("10.0.2.0/24")}},
		RouteTables: []vpc.RouteTable{
			{ID: "rtb-main", Main: true, Routes: []vpc.Route{{Dest: pfx("198.51.0.0/16"), Target: "igw-1"}}},
			{ID: "rtb-s3", Associations: []vpc.Association{{ID: "rtbassoc-1", Subnet: "subnet-a"}},
				Routes: []vpc.Route{{Dest: pfx("198.51.0.0/16"), Target: "igw-1"}}},
		},
		Endpoints: []vpc.Endpoint{{ID: "vpce-1", Type: "Gateway", Service: "com.amazonaws.us-east-1.s3", RouteTables: []string{"rtb-s3"}}},
		Groups: []vpc.Group{
			{ID: "sg-job", Rules: []vpc.Rule{
				{ID: "sgr-s3", Egress: true, Proto: vpc.TCP, From: 443, To: 443, PrefixList: "pl-63a5400a"},
				{ID: "sgr-ssh", Egress: true, Proto: vpc.TCP, From: 22, To: 22, CIDR: pfx("0.0.0.0/0")},
				{ID: "sgr-db", Egress: true, Proto: vpc.TCP, From: 5432, To: 5433, Group: "sg-db"},
				{ID: "sgr-self", Proto: vpc.Any, From: -1, To: -1, Group: "sg-job"},
				{ID: "sgr-out", Egress: true, Proto: vpc.UDP, From: 0, To: 65535, Group: "sg-job"},
			}},
			{ID: "sg-db", Rules: []vpc.Rule{
				{ID: "sgr-in", Proto: vpc.TCP, From: 5432, To: 5432, Group: "sg-job"},
				{ID: "sgr-ping", Proto: vpc.ICMP, From: 8, To: -1, CIDR: pfx("0.0.0.0/0")},
				{ID: "sgr-all", Egress: true, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("0.0.0.0/0")},
				{ID: "sgr-lb", Proto: vpc.TCP, From: 8080, To: 8080, CIDR: pfx("10.0.2.1/32")},
			}},
		},
		Interfaces: []vpc.Interface{
			{ID: "eni-1", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.10")}, Groups: []string{"sg-job"}, Attachment: at},
			{ID: "eni-2", Subnet: "subnet-b", Addrs: []netip.Addr{adr("10.0.2.10")}, Groups: []string{"sg-db"}, Attachment: at},
			{ID: "eni-3", Subnet: "subnet-b", Addrs: []netip.Addr{adr("10.0.2.11")}, Groups: []string{"sg-job"}, Attachment: at},
			{ID: "eni-4", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.12")}, Groups: []string{"sg-db"}, Attachment: at},
			{ID: "eni-idle", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.11")}, Groups: []string{"sg-job"}},
		},
		Prefixes: vpc.ManagedPrefixes("us-east-1"),
	}
}

func TestTrace(t *testing.T) {
	d := fabric.Draw(snapshot(), 1)
	tcp := func(from, dst string, port uint16) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.TCP, Port: port}
	}
	udp := func(from, dst string, port uint16) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.UDP, Port: port}
	}
	ping := func(from, dst string) reach.Flow {
		return reach.Flow{From: from, Dst: adr(dst), Proto: vpc.ICMP, Type: 8}
	}
	spoofed := tcp("eni-1", "10.0.2.10", 5432)
	spoofed.Src = adr("10.0.1.99")
	for _, c := range []struct {
		name      string
		flow      reach.Flow
		want      reach.Verdict
		hop       reach.Hop
		rule      string
		shadowing string // hops, in order
	}{
		{"group refers to group", tcp("eni-1", "10.0.2.10", 5432), reach.Accept, reach.Ingress, "sgr-in", ""},
		{"egress wider than ingress", tcp("eni-1", "10.0.2.10", 5433), reach.Drop, reach.Ingress, "sg-db", ""},
		{"neither side admits", tcp("eni-1", "10.0.2.10", 6000), reach.Drop, reach.Egress, "sg-job", "ingress"},
		{"not the other way round", tcp("eni-2", "10.0.1.10", 5432), reach.Drop, reach.Ingress, "sg-job", ""},
		{"self reference, other subnet", udp("eni-1", "10.0.2.11", 9), reach.Accept, reach.Ingress, "sgr-self", ""},
		{"unattached address", udp("eni-1", "10.0.1.11", 9), reach.Drop, reach.Route, "local", "egress"},
		{"own address", tcp("eni-1", "10.0.1.10", 1), reach.Accept, "", "", ""},
		{"loopback", tcp("eni-1", "127.0.0.1", 1), reach.Accept, "", "", ""},
		{"ping", ping("eni-2", "10.0.1.12"), reach.Accept, reach.Ingress, "sgr-ping", ""},
		{"other icmp", reach.Flow{From: "eni-2", Dst: adr("10.0.1.12"), Proto: vpc.ICMP, Type: 13}, reach.Drop, reach.Ingress, "sg-db", ""},
		{"spoofed", spoofed, reach.Drop, reach.Spoof, "eni-1", "ingress"},
		{"router answers ping", ping("eni-1", "10.0.1.1"), reach.Accept, reach.Input, "icmp", ""},
		{"another subnet's router", ping("eni-1", "10.0.2.1"), reach.Accept, reach.Input, "icmp", ""},
		{"router offers nothing else", tcp("eni-1", "10.0.1.1", 443), reach.Drop, reach.Input, "10.0.1.1", ""},
		{"resolver, no group admits it", udp("eni-1", "10.0.0.2", 53), reach.Accept, reach.Listener, "dns-udp", ""},
		{"resolver by tcp", tcp("eni-1", "10.0.0.2", 53), reach.Accept, reach.Listener, "dns-tcp", ""},
		{"resolver, other port", tcp("eni-1", "10.0.0.2", 80), reach.Drop, reach.Input, "10.0.0.2", ""},
		{"s3", tcp("eni-1", "198.51.100.10", 443), reach.Accept, reach.Listener, "s3-https", ""},
		{"s3, no group", tcp("eni-1", "198.51.100.10", 80), reach.Drop, reach.Egress, "sg-job", ""},
		{"s3, no listener", tcp("eni-1", "198.51.100.10", 22), reach.Drop, reach.Listener, "tcp 22", ""},
		{"s3, ping", ping("eni-4", "198.51.100.10"), reach.Drop, reach.Listener, "icmp 8/0", ""},
		{"s3, subnet without route", tcp("eni-3", "198.51.100.10", 443), reach.Drop, reach.Route, "igw-1", ""},
		{"longest prefix is not S3's", tcp("eni-1", "198.51.99.1", 443), reach.Drop, reach.Route, "igw-1", "egress"},
		{"no route at all", tcp("eni-1", "8.8.8.8", 22), reach.Drop, reach.Route, "rtb-s3", ""},
		{"ipv6", tcp("eni-1", "2001:db8::1", 22), reach.Drop, reach.Route, "rtb-s3", "egress"},
		{"multicast", tcp("eni-1", "224.0.0.1", 22), reach.Drop, reach.Route, "rtb-s3", ""},
		{"unknown interface", tcp("eni-9", "10.0.1.10", 22), reach.Drop, reach.Spoof, "eni-9", ""},
		{"unattached interface", tcp("eni-idle", "10.0.1.10", 22), reach.Drop, reach.Spoof, "eni-idle", ""},
		{"daemon, admitted", tcp("", "10.0.2.10", 8080), reach.Accept, reach.Ingress, "sgr-lb", ""},
		{"daemon, not admitted", tcp("", "10.0.2.10", 8081), reach.Drop, reach.Ingress, "sg-db", ""},
		{"daemon, from another router", tcp("", "10.0.1.12", 8080), reach.Drop, reach.Ingress, "sg-db", ""},
		{"daemon to nobody", tcp("", "10.0.2.77", 8080), reach.Drop, reach.Route, "local", ""},
		{"daemon to the outside", tcp("", "8.8.8.8", 8080), reach.Drop, reach.Route, "local", ""},
		{"daemon to the resolver", udp("", "10.0.0.2", 53), reach.Accept, reach.Output, "local", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := reach.Trace(reach.Only(d), c.flow)
			var shadow []string
			for _, s := range got.Shadowing {
				shadow = append(shadow, string(s.Hop))
			}
			if got.Verdict != c.want || got.Deciding.Hop != c.hop || got.Deciding.Rule != c.rule || strings.Join(shadow, " ") != c.shadowing {
				t.Errorf("%s at %s by %q, shadowing %v\n%+v", got.Verdict, got.Deciding.Hop, got.Deciding.Rule, shadow, got.Hops)
			}
			if got.Verdict == reach.Drop && got.Change != got.Deciding.Change {
				t.Errorf("change %q is not the deciding hop's %q", got.Change, got.Deciding.Change)
			}
		})
	}
}

func TestSegment(t *testing.T) {
	d := fabric.Segment("seg-1", "eni-9", 1)
	for _, c := range []struct {
		dst   string
		proto vpc.Proto
		port  uint16
		want  reach.Verdict
	}{
		{"198.51.100.10", vpc.TCP, 443, reach.Accept}, {"198.51.100.10", vpc.TCP, 80, reach.Accept},
		{"198.18.0.2", vpc.UDP, 53, reach.Accept}, {"198.18.0.2", vpc.TCP, 80, reach.Drop},
		{"198.51.100.10", vpc.TCP, 22, reach.Drop}, {"8.8.8.8", vpc.TCP, 443, reach.Drop}, {"198.18.0.5", vpc.TCP, 443, reach.Drop},
	} {
		if got := reach.Trace(reach.Only(d), reach.Flow{From: "eni-9", Dst: adr(c.dst), Proto: c.proto, Port: c.port}); got.Verdict != c.want {
			t.Errorf("%s %d %d: %s at %+v", c.dst, c.proto, c.port, got.Verdict, got.Deciding)
		}
	}
}

// front puts an interface endpoint for S3 with private DNS into the subnet of the first interface.
func front(s *vpc.Snapshot) {
	s.VPC.DNSHostnames = true
	everybody := vpc.Rule{ID: "sgr-door", Proto: vpc.TCP, From: 443, To: 443, CIDR: netip.MustParsePrefix("0.0.0.0/0")}
	out := everybody
	out.ID, out.Egress = "sgr-door-out", true
	for i := range s.Groups {
		if s.Groups[i].ID == "sg-job" {
			s.Groups[i].Rules = append(s.Groups[i].Rules, out)
		}
	}
	s.Groups = append(s.Groups, vpc.Group{ID: "sg-door", VPC: s.VPC.ID, Rules: []vpc.Rule{everybody}}, vpc.Group{ID: "sg-shut", VPC: s.VPC.ID})
	s.Interfaces = append(s.Interfaces, vpc.Interface{ID: "eni-door", VPC: s.VPC.ID, Subnet: s.Interfaces[0].Subnet, Groups: []string{"sg-door"}, Type: "vpc_endpoint",
		Addrs: []netip.Addr{s.Interfaces[0].Addrs[0].Next().Next().Next().Next()}, Attachment: &vpc.Attachment{ID: "ela-attach-1"}})
	s.Endpoints = append(s.Endpoints, vpc.Endpoint{ID: "vpce-door", VPC: s.VPC.ID, Type: "Interface", Service: "com.amazonaws." + s.VPC.Region + ".s3", PrivateDNS: true,
		Subnets: []string{s.Interfaces[0].Subnet}, Interfaces: []string{"eni-door"}})
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name, eni string
		change    func(*vpc.Snapshot)
		want      string // layer=rule, space separated
		hint      string // in the change of the first
	}{
		{"reaches it", "eni-1", nil, "", ""},
		{"reaches it once attached", "eni-idle", nil, "", ""},
		{"no route", "eni-3", nil, "route-table=rtb-main", "ModifyVpcEndpoint vpce-1 AddRouteTableIds rtb-main"},
		{"no endpoint", "eni-1", func(s *vpc.Snapshot) { s.Endpoints = nil }, "endpoint=vpc-1", "CreateVpcEndpoint"},
		{"no group", "eni-1", func(s *vpc.Snapshot) { s.Groups[0].Rules = nil }, "security-group=sg-job", "AuthorizeSecurityGroupEgress sg-job"},
		{"http is enough", "eni-1", func(s *vpc.Snapshot) { s.Groups[0].Rules[0].From, s.Groups[0].Rules[0].To = 80, 80 }, "", ""},
		{"all walls", "eni-3", func(s *vpc.Snapshot) { s.Groups[0].Rules = nil; s.VPC.DNSSupport = false },
			"dns=vpc-1 route-table=rtb-main security-group=sg-job", "EnableDnsSupport"},
		{"no route table", "eni-3", func(s *vpc.Snapshot) { s.RouteTables = s.RouteTables[1:] }, "route-table=subnet-b", "AssociateRouteTable"},
		{"no such interface", "eni-9", nil, "network=eni-9", ""},
		{"by an interface endpoint", "eni-1", func(s *vpc.Snapshot) { front(s) }, "", ""},
		{"an interface endpoint that admits nobody", "eni-1", func(s *vpc.Snapshot) { front(s); s.Interfaces[len(s.Interfaces)-1].Groups = []string{"sg-shut"} }, "network=sg-shut", ""},
		{"an interface endpoint for inbound resolvers alone", "eni-3", func(s *vpc.Snapshot) { front(s); s.Endpoints[len(s.Endpoints)-1].InboundOnly = true },
			"route-table=rtb-main", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := snapshot()
			if c.change != nil {
				c.change(&s)
			}
			rs := reach.Explain(s, c.eni, "s3")
			var got []string
			for _, r := range rs {
				got = append(got, r.Layer+"="+r.Rule)
				if r.Text == "" {
					t.Errorf("%+v has no text", r)
				}
			}
			if strings.Join(got, " ") != c.want || len(rs) > 0 && !strings.Contains(rs[0].Change, c.hint) {
				t.Errorf("%+v", rs)
			}
		})
	}
	if rs := reach.Explain(snapshot(), "eni-1", "dynamodb"); len(rs) != 1 || rs[0].Layer != "endpoint" {
		t.Errorf("dynamodb: %+v", rs)
	}
	s := snapshot()
	if reach.Explain(s, "eni-idle", "s3"); s.Interfaces[4].Attachment != nil {
		t.Error("Explain changed its snapshot")
	}
}

// FuzzTrace: no flow makes it panic, a refusal always has a hop, and an accepted flow has no refusing hop.
func FuzzTrace(f *testing.F) {
	f.Add("eni-1", []byte{10, 0, 2, 10}, []byte{}, int16(6), uint16(443), byte(0), uint32(0))
	f.Add("", []byte{}, []byte{1}, int16(-1), uint16(0), byte(8), uint32(7))
	f.Fuzz(func(t *testing.T, from string, dst, src []byte, proto int16, port uint16, typ byte, mess uint32) {
		fl := reach.Flow{From: from, Proto: vpc.Proto(proto), Port: port, Type: typ}
		fl.Dst, _ = netip.AddrFromSlice(dst)
		fl.Src, _ = netip.AddrFromSlice(src)
		s := snapshot()
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], mess)
		if b[0]&1 > 0 {
			s.RouteTables = nil
		}
		if b[0]&2 > 0 {
			s.VPC.CIDRs = nil
		}
		s.Groups[0].Rules[int(b[1])%5].From = int(b[2]) - 2
		s.Groups[0].Rules[int(b[1])%5].Proto = vpc.Proto(b[3])
		for _, d := range []fabric.Desired{fabric.Draw(s, 1), {}, fabric.Segment("x", from, 1)} {
			r := reach.Trace(reach.Only(d), fl)
			if bad := slices.ContainsFunc(r.Hops, func(s reach.Step) bool { return s.Verdict == reach.Drop }); bad == (r.Verdict == reach.Accept) {
				t.Fatalf("%+v", r)
			}
			fabric.Compile(d)
		}
		reach.Explain(s, from, "s3")
	})
}
