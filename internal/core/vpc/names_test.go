package vpc

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestNamedAddr(t *testing.T) {
	for _, c := range []struct {
		region, name string
		want         string // address, with a star when it is public
	}{
		{"us-east-1", "ip-10-0-1-4.ec2.internal", "10.0.1.4"},
		{"eu-west-1", "ip-10-0-1-4.eu-west-1.compute.internal", "10.0.1.4"},
		{"eu-west-1", "ip-10-0-1-4.ec2.internal", ""},
		{"us-east-1", "ec2-198-19-0-5.compute-1.amazonaws.com", "198.19.0.5*"},
		{"eu-west-1", "ec2-198-19-0-5.eu-west-1.compute.amazonaws.com", "198.19.0.5*"},
		{"us-east-1", "ip-010-0-1-4.ec2.internal", ""},
		{"us-east-1", "ip-10-0-1.ec2.internal", ""},
		{"us-east-1", "ip-10-0-1-4.ec2.internal.evil", ""},
		{"us-east-1", "ip-.ec2.internal", ""},
		{"us-east-1", "", ""},
	} {
		got := ""
		if a, public, ok := NamedAddr(c.region, c.name); ok {
			got = a.String()
			if public {
				got += "*"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	n := VPC{Region: "eu-west-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, DNSSupport: true}
	off := n
	off.DNSSupport = false
	none := n
	none.DHCPOptions = NoDHCP
	custom := &DHCP{Options: map[string][]string{"domain-name": {"a.example b.example"}, "domain-name-servers": {"10.0.9.9", AmazonDNS}}}
	for i, c := range []struct {
		n    VPC
		o    *DHCP
		want string
	}{
		{n, nil, "[10.0.0.2] [eu-west-1.compute.internal]"},
		{none, nil, "[] []"},
		{off, nil, "[] [eu-west-1.compute.internal]"},
		{n, custom, "[10.0.9.9 10.0.0.2] [a.example b.example]"},
		{off, custom, "[10.0.9.9] [a.example b.example]"},
		{n, &DHCP{Options: map[string][]string{"ntp-servers": {"10.0.0.5"}}}, "[] []"},
	} {
		servers, search := c.n.Names(c.o)
		if got := fmt.Sprint(servers, search); got != c.want {
			t.Errorf("case %d: %s, want %s", i, got, c.want)
		}
	}
}
