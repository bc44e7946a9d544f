package reach_test

import (
	"fmt"
	"net/netip"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
)

// BenchmarkTrace is a question about 10,000 interfaces in 20 subnets of two peered networks, each under an ACL of 20 entries
// and five groups of 60 rules, of which the last admits.
func BenchmarkTrace(b *testing.B) {
	w := reach.World{}
	for n := range 2 {
		id, other := fmt.Sprint("vpc-", n), fmt.Sprint("vpc-", 1-n)
		d := fabric.Desired{Network: id, CIDRs: pfxs(fmt.Sprintf("10.%d.0.0/16", n)),
			Links: []fabric.Link{{ID: "pcx-1", Alias: "p", Peer: other, Near: pfxs(fmt.Sprintf("10.%d.0.0/16", 1-n))}}}
		a := fabric.ACL{ID: "acl-1"}
		for e := range 20 {
			x := fabric.ACLEntry{Number: 100 + e, Allow: e == 19, Proto: vpc.TCP, From: 0, To: 65535, CIDR: pfx("0.0.0.0/0")}
			if e < 19 {
				x.CIDR = pfx(fmt.Sprintf("172.16.%d.0/24", e))
			}
			a.Egress, a.Ingress = append(a.Egress, x), append(a.Ingress, x)
		}
		d.ACLs = []fabric.ACL{a}
		var groups []string
		for g := range 5 {
			gr := fabric.Group{ID: fmt.Sprint("sg-", g)}
			for r := range 60 {
				x := fabric.Allow{Rule: fmt.Sprint("sgr-", g, "-", r), Proto: vpc.TCP, From: 1, To: 65535, Peers: pfxs(fmt.Sprintf("172.17.%d.0/24", r))}
				if g == 4 && r == 59 {
					x.Peers = pfxs("10.0.0.0/8")
				}
				gr.Egress, gr.Ingress = append(gr.Egress, x), append(gr.Ingress, x)
			}
			d.Groups, groups = append(d.Groups, gr), append(groups, gr.ID)
		}
		for s := range 10 {
			sn := fabric.Subnet{ID: fmt.Sprint("subnet-", n, "-", s), CIDR: pfx(fmt.Sprintf("10.%d.%d.0/22", n, s*4)), ACL: "acl-1", RouteTable: "rtb-1",
				Routes: []fabric.Route{{Dest: pfx(fmt.Sprintf("10.%d.0.0/16", 1-n)), Action: fabric.Forward, Target: "pcx-1", Via: "pcx-1"}}}
			sn.Router = vpc.Router(sn.CIDR)
			d.Subnets = append(d.Subnets, sn)
			for p := range 500 {
				d.Ports = append(d.Ports, fabric.Port{ID: fmt.Sprint("eni-", n, "-", s, "-", p), Subnet: sn.ID, Groups: groups,
					Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n), byte(s*4 + (p+4)/256), byte((p + 4) % 256)})}})
			}
		}
		w[id] = d
	}
	f := reach.Flow{From: "eni-0-0-100", Dst: w["vpc-1"].Ports[4000].Addrs[0], Proto: vpc.TCP, Port: 5432}
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			reach.Index(w)
		}
	})
	b.Run("flow", func(b *testing.B) {
		m := reach.Index(w)
		for b.Loop() {
			if r := m.Trace(f); r.Verdict != reach.Accept {
				b.Fatalf("%+v", r)
			}
		}
	})
}
