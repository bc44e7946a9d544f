package fabric

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/vpc"
)

// service is what a rule admits without its peers. ICMP: from is the type, to the code.
type service struct {
	proto    vpc.Proto
	from, to int
}

// doorOf is the chain that stands for one direction of a group. All it does is to lead to the group's rules: a change of those is
// a change of this one rule, however many ports carry the group.
func doorOf(id string, egress bool) string { return side(egress, "ingress-", "egress-") + id }

func door(c Chain) int {
	if c.Fixed {
		return 0
	}
	return 1
}

// group makes the chain of one direction of a group, one rule for each service and kind of peer, and its door.
func (c *compiler) group(id string, allows []Allow, egress bool) {
	type peers struct {
		prefixes []netip.Prefix
		groups   []string
	}
	by := map[service]*peers{}
	for _, a := range allows {
		s, ok := serviceOf(a)
		if !ok {
			continue
		}
		p := by[s]
		if p == nil {
			p = &peers{}
			by[s] = p
		}
		if _, member := c.members[a.Group]; member {
			p.groups = append(p.groups, a.Group)
		} else if a.Group == "" {
			p.prefixes = append(p.prefixes, a.Peers...)
		}
	}
	services := make([]service, 0, len(by))
	for s := range by {
		services = append(services, s)
	}
	slices.SortFunc(services, func(a, b service) int {
		return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	ch := Chain{Fixed: true}
	for _, s := range services {
		p := by[s]
		slices.Sort(p.groups)
		for _, g := range slices.Compact(p.groups) {
			m := Match{Op: side(egress, SrcSet, DstSet), Set: memberSet(g)}
			ch.Rules = append(ch.Rules, Rule{Matches: append([]Match{m}, s.matches()...), Verdict: Accept, Comment: id})
		}
		if ps := Merge(p.prefixes); len(ps) > 0 {
			ch.Rules = append(ch.Rules, Rule{Matches: append(c.peers(ps, egress), s.matches()...), Verdict: Accept, Comment: id})
		}
	}
	ch.Name = doorOf(id, egress) + "-" + contentName(ch.Rules)
	c.leaves = append(c.leaves, ch)
	c.chains = append(c.chains, Chain{Name: doorOf(id, egress), Rules: []Rule{{Verdict: Jump, Target: ch.Name}}})
}

// port makes the chain of a combination of groups; ports with the same groups share it.
func (c *compiler) port(pre string, groups []string, egress bool) string {
	key := pre + strings.Join(groups, " ")
	if name, ok := c.combined[key]; ok {
		return name
	}
	var rules []Rule
	for _, g := range groups {
		if _, known := c.members[g]; known {
			rules = append(rules, Rule{Verdict: Jump, Target: doorOf(g, egress), Comment: g})
		}
	}
	if c.combined == nil {
		c.combined = map[string]string{}
	}
	c.combined[key] = c.own(pre, rules...)
	return c.combined[key]
}

// peers matches the other side: nothing to match when it is everyone, inline when it is one prefix, else a set.
func (c *compiler) peers(ps []netip.Prefix, egress bool) []Match {
	if len(ps) == 1 {
		if ps[0].Bits() == 0 {
			return nil
		}
		return []Match{{Op: side(egress, SrcIn, DstIn), Prefix: ps[0]}}
	}
	s := Set{Kind: Intervals, Fixed: true, Elems: prefixElems(ps)}
	h := sha256.New()
	for _, p := range ps {
		h.Write([]byte(p.String() + "\n"))
	}
	s.Name = "peers-" + hex.EncodeToString(h.Sum(nil)[:8])
	if !c.seen[s.Name] {
		c.seen[s.Name] = true
		c.sets = append(c.sets, s)
	}
	return []Match{{Op: side(egress, SrcSet, DstSet), Set: s.Name}}
}

// serviceOf brings a rule into one form: all ports and no ports are the same, unused bounds are -1. Rules that can match
// no IPv4 packet are left out.
func serviceOf(a Allow) (service, bool) {
	s := service{a.Proto, -1, -1}
	switch a.Proto {
	case vpc.TCP, vpc.UDP:
		if a.From < 0 || a.From == 0 && a.To == 65535 {
			return s, true
		}
		s.from, s.to = a.From, a.To
		return s, a.From <= a.To && a.To <= 65535
	case vpc.ICMP:
		s.from = max(a.From, -1)
		if s.from >= 0 {
			s.to = max(a.To, -1)
		}
		return s, s.from <= 255 && s.to <= 255
	}
	return s, a.Proto == vpc.Any || a.Proto >= 0 && a.Proto <= 255
}

func (s service) matches() []Match {
	if s.proto == vpc.Any {
		return nil
	}
	m := []Match{{Op: IsProto, Proto: uint8(s.proto)}}
	switch {
	case s.from < 0:
	case s.proto == vpc.ICMP:
		m = append(m, Match{Op: ICMPType, From: uint16(s.from)})
		if s.to >= 0 {
			m = append(m, Match{Op: ICMPCode, From: uint16(s.to)})
		}
	default:
		m = append(m, Match{Op: DstPort, From: uint16(s.from), To: uint16(s.to)})
	}
	return m
}

func side[T any](egress bool, ingress, out T) T {
	if egress {
		return out
	}
	return ingress
}
