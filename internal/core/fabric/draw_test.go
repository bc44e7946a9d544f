package fabric_test

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// full is small with everything that leads elsewhere: ACLs, a NAT gateway, an appliance, an interface endpoint, a peer, and
// an internet gateway with two elastic addresses.
func full() vpc.Snapshot {
	s := small()
	at := &vpc.Attachment{ID: "eni-attach-2"}
	s.Interfaces = append(s.Interfaces,
		vpc.Interface{ID: "eni-nat", Subnet: "subnet-b", Type: "nat_gateway", Addrs: []netip.Addr{adr("10.0.2.20")}, Groups: []string{"sg-job"}, Attachment: at},
		vpc.Interface{ID: "eni-fw", Subnet: "subnet-b", NoSourceDestCheck: true, Addrs: []netip.Addr{adr("10.0.2.21")}, Groups: []string{"sg-job"}, Attachment: at},
		vpc.Interface{ID: "eni-vpce", Subnet: "subnet-a", Type: "vpc_endpoint", Addrs: []netip.Addr{adr("10.0.1.30")}, Groups: []string{"sg-db"}, Attachment: at})
	s.Internet = &vpc.InternetGateway{ID: "igw-1", VPC: "vpc-1"}
	s.NATs = []vpc.NAT{{ID: "nat-1", State: "available", Addresses: []vpc.NATAddress{{Interface: "eni-nat", Private: adr("10.0.2.20"), Public: adr("198.19.0.2")}}}}
	s.Addresses = []vpc.Address{
		{ID: "eipalloc-1", Public: adr("198.19.0.1"), Private: adr("10.0.2.10"), Interface: "eni-2"},
		{ID: "eipalloc-2", Public: adr("198.19.0.2"), Private: adr("10.0.2.20"), Interface: "eni-nat"},
		{ID: "eipalloc-3", Public: adr("198.19.0.3"), Private: adr("10.0.1.12"), Interface: "eni-idle"},
	}
	s.Peers = []vpc.Peer{
		{ID: "pcx-1", VPC: "vpc-2", CIDRs: []netip.Prefix{pfx("10.1.0.0/16")}, Live: true, Members: map[string][]netip.Addr{"sg-far": {adr("10.1.0.5"), adr("10.1.0.4")}, "sg-unasked": {adr("10.1.0.9")}}},
		{ID: "pcx-2", VPC: "vpc-3", CIDRs: []netip.Prefix{pfx("10.2.0.0/16")}},
		{ID: "pcx-3", VPC: "vpc-4", CIDRs: []netip.Prefix{pfx("10.0.128.0/17")}, Live: true},
	}
	s.Groups[1].Rules = append(s.Groups[1].Rules, vpc.Rule{ID: "sgr-9", Proto: vpc.TCP, From: 443, To: 443, Group: "sg-far"})
	s.RouteTables[0].Routes = []vpc.Route{{Dest: pfx("0.0.0.0/0"), Target: "igw-1"}, {Dest: pfx("10.1.0.0/16"), Target: "pcx-1"}, {Dest: pfx("10.2.0.0/16"), Target: "pcx-2"}}
	s.RouteTables[1].Routes = []vpc.Route{{Dest: pfx("0.0.0.0/0"), Target: "nat-1"}, {Dest: pfx("10.9.0.0/16"), Target: "eni-fw"}, {Dest: pfx("10.8.0.0/16"), Target: "eni-2"}, {Dest: pfx("10.7.0.0/16"), Target: "nat-9"}}
	s.ACLs = []vpc.ACL{
		{ID: "acl-open", Associations: []vpc.Association{{Subnet: "subnet-b"}}, Entries: []vpc.ACLEntry{
			{Number: 100, Egress: true, Allow: true, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("0.0.0.0/0")},
			{Number: 100, Allow: true, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("0.0.0.0/0")}}},
		{ID: "acl-tight", Associations: []vpc.Association{{Subnet: "subnet-a"}}, Entries: []vpc.ACLEntry{
			{Number: 200, Allow: true, Proto: vpc.TCP, From: 1024, To: 65535, CIDR: pfx("0.0.0.0/0")},
			{Number: 100, Allow: false, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("10.0.2.128/25")},
			{Number: 150, Egress: true, Allow: true, Proto: vpc.ICMP, From: 8, To: -1, CIDR: pfx("10.0.0.0/16")},
			{Number: 160, Egress: true, Allow: true, Proto: vpc.TCP, From: 443, To: 443, CIDR: pfx("::/0")}}},
		{ID: "acl-unused"},
	}
	return s
}

func TestDrawWays(t *testing.T) {
	d := fabric.Draw(full(), 1)
	a, b := d.Subnets[0], d.Subnets[1]
	wantA := []fabric.Route{
		{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "nat-1", Via: "eni-nat"},
		{Dest: pfx("10.7.0.0/16"), Action: fabric.Blackhole, Target: "nat-9"},
		{Dest: pfx("10.8.0.0/16"), Action: fabric.Blackhole, Target: "eni-2"}, // takes only its own
		{Dest: pfx("10.9.0.0/16"), Action: fabric.Forward, Target: "eni-fw", Via: "eni-fw"},
		{Dest: vpc.S3Prefix, Action: fabric.Deliver, Target: "vpce-1"},
	}
	if !reflect.DeepEqual(a.Routes, wantA) || a.ACL != "acl-tight" {
		t.Errorf("subnet-a: %s %+v", a.ACL, a.Routes)
	}
	wantB := []fabric.Route{
		{Dest: pfx("0.0.0.0/0"), Action: fabric.Forward, Target: "igw-1", Via: "igw-1"},
		{Dest: pfx("10.1.0.0/16"), Action: fabric.Forward, Target: "pcx-1", Via: "pcx-1"},
		{Dest: pfx("10.2.0.0/16"), Action: fabric.Blackhole, Target: "pcx-2"}, // nobody is there
	}
	if !reflect.DeepEqual(b.Routes, wantB) || b.ACL != "acl-open" || len(d.ACLs) != 2 {
		t.Errorf("subnet-b: %s %+v", b.ACL, b.Routes)
	}
	if len(d.Links) != 2 || !d.Links[0].Internet || d.Links[1].ID != "pcx-1" || d.Links[1].Alias != fabric.LinkAlias("pcx-1", "vpc-1") || d.Links[1].Far != fabric.LinkAlias("pcx-1", "vpc-2") {
		t.Errorf("links %+v: a peer that overlaps is none", d.Links)
	}
	if want := []fabric.Public{{Private: adr("10.0.2.10"), Public: adr("198.19.0.1")}, {Private: adr("10.0.2.20"), Public: adr("198.19.0.2")}}; !slices.Equal(d.Public, want) {
		t.Errorf("public %v, want %v", d.Public, want)
	}
	if g := d.Groups[1]; g.ID != "sg-far" || !slices.Equal(g.Far, []netip.Addr{adr("10.1.0.4"), adr("10.1.0.5")}) || len(d.Groups) != 4 {
		t.Errorf("groups %+v", d.Groups)
	}
	kinds := map[string]fabric.PortKind{}
	for _, p := range d.Ports {
		kinds[p.ID] = p.Kind
		if (p.Kind == fabric.Answer) != (p.Alias == "") || p.Open != (p.ID == "eni-nat" || p.ID == "eni-fw") {
			t.Errorf("%+v", p)
		}
	}
	if kinds["eni-nat"] != fabric.Translator || kinds["eni-vpce"] != fabric.Answer || kinds["eni-fw"] != fabric.Guest {
		t.Errorf("kinds %v", kinds)
	}
	s := full()
	s.NATs[0].State, s.Interfaces[6].Attachment, s.Peers[0].Live, s.Internet = "deleting", nil, false, nil
	for _, sn := range fabric.Draw(s, 2).Subnets {
		for _, r := range sn.Routes {
			if r.Action == fabric.Forward {
				t.Errorf("%+v leads through what has gone", r)
			}
		}
	}
}

func TestDrawInternet(t *testing.T) {
	other := full()
	other.VPC.ID, other.Internet = "vpc-9", &vpc.InternetGateway{ID: "igw-9"}
	other.Addresses, other.NATs = other.Addresses[:1], nil
	other.Addresses[0].Public = adr("198.19.0.9")
	idle := full()
	idle.VPC.ID, idle.Interfaces = "vpc-8", nil
	d := fabric.DrawInternet([]vpc.Snapshot{other, idle, full()}, nil, false, 3)
	if d.Network != vpc.InternetNetwork || d.Catch != nil || len(d.Links) != 2 || d.Links[0].Peer != "vpc-1" || d.Links[0].Far != fabric.Draw(full(), 1).Links[0].Alias ||
		!slices.Equal(d.Links[0].Near, []netip.Prefix{pfx("198.19.0.1/32"), pfx("198.19.0.2/32")}) {
		t.Errorf("%+v", d)
	}
	if d = fabric.DrawInternet(nil, []netip.Addr{adr("203.0.113.5")}, false, 3); d.Catch == nil || len(d.Gateways) != 1 || d.Gateways[0] != pfx("203.0.113.5/32") {
		t.Errorf("exposed: %+v", d)
	}
	if d = fabric.DrawInternet(nil, nil, true, 3); d.Catch == nil || !d.Catch.Transparent || d.Gateways[0] != pfx("0.0.0.0/0") {
		t.Errorf("uplink: %+v", d)
	}
}
