package fabric

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"

	"cloister/internal/core/vpc"
)

// TableName is the one table of a network's namespace.
const TableName = "cloister"

// Names of the sets and maps that exist in every network. A group's members are the set "members-" + group id.
const (
	setPorts    = "ports"    // which link may send from which address
	setAnswers  = "answers"  // services of the network that no group governs: the resolver
	setGateways = "gateways" // prefixes of gateway endpoints
	mapEgress   = "egress_of"
	mapIngress  = "ingress_of"
)

// Compile turns a drawing into rules. A port that is in no element of the maps is closed, and so is a network that was
// never compiled with ports: Compile(Desired{}) is the base that a driver loads before the first link.
func Compile(d Desired) Ruleset {
	c := compiler{seen: map[string]bool{}}
	members := map[string][]Elem{}
	for _, g := range d.Groups {
		members[g.ID] = nil
	}
	ports, out, in := Set{Name: setPorts, Kind: Links}, Set{Name: mapEgress, Kind: Verdicts}, Set{Name: mapIngress, Kind: Verdicts}
	for _, p := range d.Ports {
		for _, a := range p.Addrs {
			ports.Elems = append(ports.Elems, Elem{Link: p.Alias, Addr: a})
			for _, g := range p.Groups {
				if _, known := members[g]; known {
					members[g] = append(members[g], Elem{Addr: a})
				}
			}
		}
	}
	for id, elems := range members {
		c.sets = append(c.sets, Set{Name: memberSet(id), Kind: Addresses, Elems: elems})
	}
	egress, ingress := map[string]string{}, map[string]string{}
	for _, g := range d.Groups {
		egress[g.ID] = c.group(g.ID, g.Egress, true, members)
		ingress[g.ID] = c.group(g.ID, g.Ingress, false, members)
	}
	for _, p := range d.Ports {
		out.Elems = append(out.Elems, Elem{Link: p.Alias, Jump: c.port("out-", p.Groups, egress)})
		in.Elems = append(in.Elems, Elem{Link: p.Alias, Jump: c.port("in-", p.Groups, ingress)})
	}
	answers := Set{Name: setAnswers, Kind: Services}
	for _, l := range d.Listeners {
		if !l.Transparent && l.Addr.IsValid() {
			answers.Elems = append(answers.Elems, Elem{Addr: l.Addr, Proto: uint8(protoOf(l.Net)), Port: l.Port})
		}
	}
	gates := Set{Name: setGateways, Kind: Intervals, Elems: prefixElems(Merge(d.Gateways))}
	r := Ruleset{Table: TableName, Sets: append(c.sets, ports, answers, gates, out, in)}
	for i := range r.Sets {
		slices.SortFunc(r.Sets[i].Elems, compareElems)
		r.Sets[i].Elems = slices.Compact(r.Sets[i].Elems)
	}
	slices.SortFunc(r.Sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.leaves, byName)
	slices.SortFunc(c.ports, byName)
	r.Chains = slices.Concat(c.leaves, c.ports, baseChains())
	return r
}

type compiler struct {
	sets          []Set
	leaves, ports []Chain
	seen          map[string]bool
}

// service is what a rule admits without its peers. ICMP: from is the type, to the code.
type service struct {
	proto    vpc.Proto
	from, to int
}

// group makes the chain of one direction of a group: one rule for each service and kind of peer.
func (c *compiler) group(id string, allows []Allow, egress bool, known map[string][]Elem) string {
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
		if _, member := known[a.Group]; member {
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
	ch.Name = side(egress, "ingress-", "egress-") + id + "-" + contentName(ch.Rules)
	c.leaves = append(c.leaves, ch)
	return ch.Name
}

// port makes the chain of a combination of groups; ports with the same groups share it.
func (c *compiler) port(pre string, groups []string, chains map[string]string) string {
	ch := Chain{Fixed: true}
	for _, g := range groups {
		if to, ok := chains[g]; ok {
			ch.Rules = append(ch.Rules, Rule{Verdict: Jump, Target: to, Comment: g})
		}
	}
	ch.Name = pre + contentName(ch.Rules)
	if !c.seen[ch.Name] {
		c.seen[ch.Name] = true
		c.ports = append(c.ports, ch)
	}
	return ch.Name
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

func memberSet(group string) string { return "members-" + group }

func protoOf(network string) vpc.Proto {
	if network == "udp" {
		return vpc.UDP
	}
	return vpc.TCP
}

func prefixElems(ps []netip.Prefix) []Elem {
	out := make([]Elem, len(ps))
	for i, p := range ps {
		out[i].Prefix = p
	}
	return out
}

func compareElems(a, b Elem) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Link, b.Link),
		a.Addr.Compare(b.Addr), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Jump, b.Jump))
}

func byName(a, b Chain) int { return cmp.Compare(a.Name, b.Name) }

// contentName is a digest of rules: equal rules, equal name, in every process.
func contentName(rules []Rule) string {
	h := sha256.New()
	for _, r := range rules {
		h.Write([]byte(r.Text() + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
