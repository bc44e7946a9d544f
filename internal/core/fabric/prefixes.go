package fabric

import (
	"net/netip"
	"slices"
)

// Merge gives the smallest sorted list of IPv4 prefixes that covers the same addresses: no prefix lies in another, two
// halves are joined. Prefixes of other families are left out.
func Merge(in []netip.Prefix) []netip.Prefix {
	ps := make([]netip.Prefix, 0, len(in))
	for _, p := range in {
		if p.IsValid() && p.Addr().Is4() {
			ps = append(ps, p.Masked())
		}
	}
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	out := ps[:0]
	for _, p := range ps {
		if n := len(out); n > 0 && out[n-1].Contains(p.Addr()) {
			continue
		}
		out = append(out, p)
		for n := len(out); n > 1; n = len(out) { // join halves upwards
			up, ok := parent(out[n-2], out[n-1])
			if !ok {
				break
			}
			out = append(out[:n-2], up)
		}
	}
	return out
}

// parent is the prefix whose two halves are a and b.
func parent(a, b netip.Prefix) (netip.Prefix, bool) {
	if a.Bits() != b.Bits() || a.Bits() == 0 {
		return netip.Prefix{}, false
	}
	up := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
	return up, up.Addr() == a.Addr() && up.Contains(b.Addr())
}
