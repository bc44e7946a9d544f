package fabric

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
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

// group makes the chain of one direction of a group, one rule for each kind of peer and protocol, and its door.
func (c *compiler) group(id string, allows []Allow, egress bool) {
	ch := Chain{Fixed: true}
	parties, boxes := boxed(c.admitted(allows, egress))
	if len(boxes) > 0 {
		m := Match{Op: side(egress, SrcServ, DstServ), Set: c.fixed("admits-", Boxes, boxes)}
		ch.Rules = append(ch.Rules, Rule{Matches: []Match{m}, Verdict: Accept, Comment: id})
	}
	for _, p := range parties {
		var who []Match
		if p.who != (Match{}) {
			who = []Match{p.who}
		}
		for i, s := range p.services {
			what := s.matches()
			if s.proto == vpc.TCP || s.proto == vpc.UDP {
				if i > 0 && p.services[i-1].proto == s.proto {
					continue
				}
				what = c.ports(s.proto, p.services[i:])
			}
			ch.Rules = append(ch.Rules, Rule{Matches: slices.Concat(who, what), Verdict: Accept, Comment: id})
		}
	}
	ch.Name = doorOf(id, egress) + "-" + contentName(ch.Rules)
	c.leaves = append(c.leaves, ch)
	c.chains = append(c.chains, Chain{Name: doorOf(id, egress), Rules: []Rule{{Verdict: Jump, Target: ch.Name}}})
}

// party is what one kind of peer is admitted to, sorted. The zero Match is everyone.
type party struct {
	who      Match
	services []service
}

// admitted turns rules round: for each kind of peer, what it is admitted to.
func (c *compiler) admitted(allows []Allow, egress bool) []*party {
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
	var out []*party
	at := map[Match]*party{}
	admit := func(who Match, s service) {
		if at[who] == nil {
			at[who] = &party{who: who}
			out = append(out, at[who])
		}
		at[who].services = append(at[who].services, s)
	}
	for _, s := range slices.SortedFunc(maps.Keys(by), compareServices) {
		p := by[s]
		slices.Sort(p.groups)
		for _, g := range slices.Compact(p.groups) {
			admit(Match{Op: side(egress, SrcSet, DstSet), Set: memberSet(g)}, s)
		}
		if ps := Merge(p.prefixes); len(ps) > 0 {
			who := Match{}
			for _, m := range c.peers(ps, egress) {
				who = m
			}
			admit(who, s)
		}
	}
	return out
}

func compareServices(a, b service) int {
	return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// fewest is how many prefixes must be admitted, each to something else, for a set of boxes to be cheaper than a rule for each.
const fewest = 5

// boxed puts what single prefixes are admitted to over TCP and UDP into one set of prefixes with ports, and gives what is left.
// No two boxes overlap: the kernel takes none that do.
func boxed(all []*party) (rest []*party, boxes []Elem) {
	single := func(p *party) bool { return p.who.Op == SrcIn || p.who.Op == DstIn }
	count := 0
	for _, p := range all {
		if single(p) {
			count++
		}
	}
	if count < fewest {
		return all, nil
	}
	for _, p := range all {
		if !single(p) {
			rest = append(rest, p)
			continue
		}
		left := &party{who: p.who}
		for i, s := range p.services {
			if s.proto != vpc.TCP && s.proto != vpc.UDP {
				left.services = append(left.services, s)
				continue
			}
			if i > 0 && p.services[i-1].proto == s.proto {
				continue
			}
			rs := ranges(s.proto, p.services[i:])
			if rs == nil {
				left.services = append(left.services, s)
			}
			for _, r := range rs {
				r.Prefix, r.Proto = p.who.Prefix, uint8(s.proto)
				if slices.ContainsFunc(boxes, r.meets) {
					left.services = append(left.services, service{s.proto, int(r.Port), int(r.Last)})
					continue
				}
				boxes = append(boxes, r)
			}
		}
		if len(left.services) > 0 {
			rest = append(rest, left)
		}
	}
	return rest, boxes
}

// meets is true for boxes that overlap.
func (e Elem) meets(o Elem) bool {
	return e.Proto == o.Proto && e.Port <= o.Last && o.Port <= e.Last && e.Prefix.Overlaps(o.Prefix)
}

// ranges are the ports of a protocol at the head of sorted services, none of which touch; nil: all ports.
func ranges(proto vpc.Proto, services []service) []Elem {
	var all []Elem
	for _, s := range services {
		if s.proto != proto {
			break
		}
		if s.from < 0 { // it sorts first
			return nil
		}
		if n := len(all); n > 0 && s.from <= int(all[n-1].Last)+1 {
			all[n-1].Last = max(all[n-1].Last, uint16(s.to))
			continue
		}
		all = append(all, Elem{Port: uint16(s.from), Last: uint16(s.to)})
	}
	return all
}

// ports matches the ports of a protocol at the head of sorted services: inline when they are one range, else a set.
func (c *compiler) ports(proto vpc.Proto, services []service) []Match {
	is := Match{Op: IsProto, Proto: uint8(proto)}
	switch all := ranges(proto, services); len(all) {
	case 0:
		return []Match{is}
	case 1:
		return []Match{is, {Op: DstPort, From: all[0].Port, To: all[0].Last}}
	default:
		return []Match{is, {Op: DstPorts, Set: c.fixed("ports-", PortRanges, all)}}
	}
}

// fixed gives the name of a set that is named by its content; those who need the same share it.
func (c *compiler) fixed(pre string, k SetKind, elems []Elem) string {
	s := Set{Kind: k, Fixed: true, Elems: elems}
	h := sha256.New()
	for _, e := range elems {
		h.Write([]byte(e.text(k) + "\n"))
	}
	s.Name = pre + hex.EncodeToString(h.Sum(nil)[:8])
	if !c.seen[s.Name] {
		c.seen[s.Name] = true
		c.sets = append(c.sets, s)
	}
	return s.Name
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
	return []Match{{Op: side(egress, SrcSet, DstSet), Set: c.fixed("peers-", Intervals, prefixElems(ps))}}
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
