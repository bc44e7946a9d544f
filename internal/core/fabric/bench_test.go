package fabric_test

import (
	"fmt"
	"net/netip"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// wide is a VPC at AWS's default quotas: 1,000 interfaces with 5 groups each, 100 groups of 60 rules in each direction.
func wide() vpc.Snapshot {
	s := small()
	s.Groups, s.Interfaces = nil, nil
	s.Subnets = []vpc.Subnet{{ID: "subnet-w", CIDR: pfx("10.0.0.0/20")}}
	for g := range 100 {
		gr := vpc.Group{ID: fmt.Sprintf("sg-%03d", g)}
		for r := range 120 {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(g), byte(r), 0}), 24)
			gr.Rules = append(gr.Rules, vpc.Rule{ID: fmt.Sprintf("sgr-%03d-%03d", g, r), Egress: r%2 == 0, Proto: vpc.TCP, From: r % 7, To: r % 7, CIDR: p})
		}
		s.Groups = append(s.Groups, gr)
	}
	a := netip.MustParseAddr("10.0.0.4")
	for i := range 1000 {
		e := vpc.Interface{ID: fmt.Sprintf("eni-%04d", i), Subnet: "subnet-w", Addrs: []netip.Addr{a}, Attachment: &vpc.Attachment{}}
		for g := range 5 {
			e.Groups = append(e.Groups, fmt.Sprintf("sg-%03d", (i*7+g*13)%100))
		}
		s.Interfaces = append(s.Interfaces, e)
		a = a.Next()
	}
	return s
}

func BenchmarkDraw(b *testing.B) {
	s := wide()
	b.ReportAllocs()
	for b.Loop() {
		fabric.Draw(s, 1)
	}
}

func BenchmarkCompile(b *testing.B) {
	d := fabric.Draw(wide(), 1)
	b.ReportAllocs()
	for b.Loop() {
		fabric.Compile(d)
	}
}

func BenchmarkDiffOnePort(b *testing.B) {
	s := wide()
	have := fabric.Compile(fabric.Draw(s, 1))
	s.Interfaces = s.Interfaces[1:]
	want := fabric.Compile(fabric.Draw(s, 2))
	b.ReportAllocs()
	for b.Loop() {
		fabric.Diff(have, want)
	}
}
