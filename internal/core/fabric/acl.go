package fabric

import "net/netip"

// elsewhere marks what leaves by a link: no subnet of this network.
const elsewhere = 2

// acls fills the maps that say which network ACL is asked where, and reports whether there is any to ask: one that admits
// everything asks nothing. The maps that lead to the ACLs have one element for each subnet, so that a change of an ACL is
// one small transaction: there is no moment without the old one and the new one.
func (c *compiler) acls(d Desired) bool {
	byID := map[string]*ACL{}
	for i := range d.ACLs {
		byID[d.ACLs[i].ID] = &d.ACLs[i]
	}
	asked, marks := false, map[string]uint32{}
	for _, s := range d.Subnets {
		mark := uint32(s.Table)
		marks[s.ID] = mark
		if s.ACL == "" {
			continue
		}
		a := byID[s.ACL]
		if a == nil { // an ACL that is not drawn admits nothing
			a = &ACL{ID: s.ACL}
		}
		for set, chain := range map[string]string{mapACLOut: c.acl(a, true), mapACLIn: c.acl(a, false)} {
			if chain != "" {
				asked = true
				c.add(set, Elem{Mark: mark, Jump: chain})
			}
		}
	}
	if !asked {
		return false
	}
	for _, p := range d.Ports {
		mark := marks[p.Subnet]
		if p.Kind != Answer {
			c.add(setWithin, Elem{Mark: mark, Link: p.Alias})
			c.add(mapSubnetOf, Elem{Link: p.Alias, Mark: mark})
			continue
		}
		for _, a := range p.Addrs {
			c.add(setWithinAt, Elem{Mark: mark, Addr: a})
			c.add(mapSubnetAt, Elem{Addr: a, Mark: mark})
		}
	}
	for _, l := range d.Links {
		c.add(mapSubnetOf, Elem{Link: l.Alias, Mark: elsewhere})
	}
	return true
}

// acl makes the chain of one direction of a network ACL. Its entries are about the other side: the destination of what
// leaves, the source of what comes. Empty: the direction admits everything.
func (c *compiler) acl(a *ACL, egress bool) string {
	hop, entries := HopACLIn, a.Ingress
	if egress {
		hop, entries = HopACLOut, a.Egress
	}
	var rules []Rule
	for _, e := range entries {
		s, ok := serviceOf(Allow{Proto: e.Proto, From: e.From, To: e.To})
		if !ok || !e.CIDR.IsValid() || !e.CIDR.Addr().Is4() {
			continue
		}
		m := append(c.peers([]netip.Prefix{e.CIDR.Masked()}, egress), s.matches()...)
		if e.Allow && len(m) == 0 && len(rules) == 0 {
			return ""
		}
		r := Rule{Matches: m, Verdict: Accept}
		if !e.Allow {
			r = refuse(hop, m...)
		}
		r.Comment = a.ID + " " + itoa(e.Number)
		rules = append(rules, r)
		if len(m) == 0 { // it takes everything that is left
			return c.own(string(hop)+"-"+a.ID+"-", rules...)
		}
	}
	return c.own(string(hop)+"-"+a.ID+"-", append(rules, refuse(hop))...)
}
