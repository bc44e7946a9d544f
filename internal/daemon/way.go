package daemon

import (
	"net"
	"net/netip"
	"slices"
)

// never are the destinations that no flag opens: this host itself, its links, and what is no host's address.
var never = prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")

// private are the ranges that the real internet does not lead to: -uplink-allow opens them one by one. Source: IANA IPv4
// Special-Purpose Address Registry.
var private4 = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")

func prefixes(all ...string) (out []netip.Prefix) {
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func within(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}

// way is where the host may be asked to connect for somebody in a VPC.
type way struct {
	open  bool           // -uplink
	allow []netip.Prefix // -uplink-allow
	// host gives the addresses of this host; an error refuses everything.
	host func() ([]netip.Addr, error)
}

// refuse says why the host does not connect to an address for a VPC; empty when it does.
func (w way) refuse(a netip.Addr) string {
	a = a.Unmap()
	switch {
	case !w.open:
		return "no uplink and not exposed"
	case !a.Is4():
		return "no IPv4 address"
	case within(never, a):
		return "loopback, link-local, multicast or reserved"
	}
	own, err := w.host()
	switch {
	case err != nil:
		return "the host's addresses are not known"
	case slices.Contains(own, a):
		return "an address of this host"
	case within(private4, a) && !within(w.allow, a):
		return "a private or reserved range that -uplink-allow does not name"
	}
	return ""
}

// hostAddresses are those of all interfaces.
func hostAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, x := range all {
		if n, ok := x.(*net.IPNet); ok {
			if a, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, a.Unmap())
			}
		}
	}
	return out, nil
}
