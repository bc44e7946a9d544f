package vpc

import (
	"net/netip"
	"strings"
)

// Domain is what the private names of a region's interfaces end in. Source: VPC User Guide, "DNS attributes for your VPC".
func Domain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// PrivateName is the private name of an address: ip-10-0-1-4.ec2.internal.
func PrivateName(region string, a netip.Addr) string {
	return "ip-" + strings.ReplaceAll(a.String(), ".", "-") + "." + Domain(region)
}

// PublicName is the public name of an elastic address: ec2-198-19-0-5.compute-1.amazonaws.com.
func PublicName(region string, a netip.Addr) string {
	domain := region + ".compute"
	if region == "us-east-1" {
		domain = "compute-1"
	}
	return "ec2-" + strings.ReplaceAll(a.String(), ".", "-") + "." + domain + suffix
}

// NamedAddr reads the address in a private or a public name of a region; false when it is neither.
func NamedAddr(region, name string) (a netip.Addr, public, ok bool) {
	first, _, _ := strings.Cut(name, ".")
	kind, digits, _ := strings.Cut(first, "-")
	a, err := netip.ParseAddr(strings.ReplaceAll(digits, "-", "."))
	if err != nil || !a.Is4() {
		return a, false, false
	}
	switch public = kind == "ec2"; {
	case public:
		return a, true, name == PublicName(region, a)
	default:
		return a, false, name == PrivateName(region, a)
	}
}

// NoDHCP stands in a VPC for a set of options when it has none (EC2 API Reference, AssociateDhcpOptions, "default").
const NoDHCP = "default"

// Names are the name servers and the search domains that an interface of the VPC learns by DHCP; o is nil for the default set,
// and where there is none. AmazonProvidedDNS is the VPC's resolver, where there is one.
func (n *VPC) Names(o *DHCP) (servers []netip.Addr, search []string) {
	options := map[string][]string{"domain-name": {Domain(n.Region)}, "domain-name-servers": {AmazonDNS}}
	switch {
	case o != nil:
		options = o.Options
	case n.DHCPOptions == NoDHCP:
		return nil, nil
	}
	for _, s := range options["domain-name-servers"] {
		if s == AmazonDNS {
			if n.DNSSupport && len(n.CIDRs) > 0 {
				servers = append(servers, Resolver(n.CIDRs[0]))
			}
			continue
		}
		if a, err := netip.ParseAddr(s); err == nil {
			servers = append(servers, a)
		}
	}
	for _, d := range options["domain-name"] {
		search = append(search, strings.Fields(d)...)
	}
	return servers, search
}
