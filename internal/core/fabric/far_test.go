package fabric_test

import (
	"net/netip"
	"slices"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// A group of a peer admits its members, but not by an address that another peer could have.
func TestFarMembers(t *testing.T) {
	pfx, adr := netip.MustParsePrefix, netip.MustParseAddr
	s := vpc.Snapshot{
		VPC:    vpc.VPC{ID: "vpc-a", Region: "us-east-1", CIDRs: []netip.Prefix{pfx("10.0.0.0/16")}},
		Groups: []vpc.Group{{ID: "sg-a", Rules: []vpc.Rule{{ID: "sgr-1", Proto: vpc.Any, From: -1, To: -1, Group: "sg-b"}}}},
		Peers: []vpc.Peer{
			{ID: "pcx-b", VPC: "vpc-b", CIDRs: []netip.Prefix{pfx("10.1.0.0/16")}, Live: true,
				Members: map[string][]netip.Addr{"sg-b": {adr("10.1.0.10"), adr("10.1.9.10"), adr("172.16.0.10")}}},
			{ID: "pcx-c", VPC: "vpc-c", CIDRs: []netip.Prefix{pfx("10.1.9.0/24")}, Live: true},
		},
	}
	d := fabric.Draw(s, 1)
	i := slices.IndexFunc(d.Groups, func(g fabric.Group) bool { return g.ID == "sg-b" })
	if i < 0 || !slices.Equal(d.Groups[i].Far, []netip.Addr{adr("10.1.0.10")}) {
		t.Errorf("%+v", d.Groups)
	}
}
