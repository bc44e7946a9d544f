package fabric

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"

	"cloister/internal/core/vpc"
)

// TableName is the one table of a network's namespace.
const TableName = "cloister"

// Names of the sets and maps that exist in every network. A group's members are the set "members-" + group id.
const (
	setPorts     = "ports"      // which link may send from which address, and the mark of its subnet
	setLinks     = "links"      // ends of links to other networks
	setServices  = "services"   // listeners that no group governs: the resolver's
	setGateways  = "gateways"   // prefixes of gateway endpoints; in the internet network: what its catch takes
	setRelays    = "relays"     // links that carry what others sent: ends of links, translators and open ports
	setAnswers   = "answers"    // addresses of interface endpoints
	setWithin    = "within"     // which link is in which subnet
	setWithinAt  = "within_at"  // which endpoint's address is in which subnet
	setInternet  = "internet"   // the link to the internet network
	setPublished = "published"  // private addresses that have a public one
	setReached   = "reached"    // of the internet network alone: addresses behind its links
	mapOrigins   = "origin_of"  // links that send from more than listed addresses
	mapEgress    = "egress_of"  // by the link of the sender
	mapIngress   = "ingress_of" // by the link of the receiver
	mapIngressAt = "ingress_at" // by the address of an interface endpoint, as all that end in _at
	mapACLOut    = "acl_out"    // by the mark of the sender's subnet
	mapACLIn     = "acl_in"     // by the mark of the receiver's
	mapSubnetOf  = "subnet_of"  // the mark of a receiver; links to other networks have one that is no subnet's
	mapSubnetAt  = "subnet_at"
	mapPublics   = "publics"  // private address to public
	mapPrivates  = "privates" // and back
)

// Compile turns a drawing into rules. A port that is in no element of the maps is closed, and so is a network that was
// never compiled with ports: Compile(Desired{Network: id}) is the base that a driver loads before the first link.
func Compile(d Desired) Ruleset { return new(Compiler).Compile(d) }

// Compiler remembers what it compiled last: what a change does not touch is not compiled again. It is for one network, and not
// for concurrent use. What it is given and what it gives share memory and must not be changed in place.
type Compiler struct {
	last   Desired
	base   compiler
	acl    bool
	groups map[string]compiledGroup
}

type compiledGroup struct {
	group          Group
	sets           []Set
	leaves, chains []Chain
}

// Compile is as the function of that name.
func (m *Compiler) Compile(d Desired) Ruleset {
	if m.groups == nil || !m.last.SameButRules(d) {
		m.groups = map[string]compiledGroup{}
		m.base, m.acl = compileRest(d)
	}
	m.last = d
	r := Ruleset{Table: TableName, Sets: slices.Clone(m.base.sets)}
	leaves, chains := slices.Clone(m.base.leaves), slices.Clone(m.base.chains)
	seen := map[string]bool{}
	for _, s := range m.base.sets {
		seen[s.Name] = true
	}
	for _, g := range d.Groups {
		was, ok := m.groups[g.ID]
		if !ok || !sameAllows(was.group.Egress, g.Egress) || !sameAllows(was.group.Ingress, g.Ingress) {
			c := compiler{seen: map[string]bool{}, members: m.base.members}
			c.group(g.ID, g.Egress, true)
			c.group(g.ID, g.Ingress, false)
			sortElems(c.sets)
			was = compiledGroup{g, c.sets, c.leaves, c.chains}
			m.groups[g.ID] = was
		}
		for _, s := range was.sets {
			if !seen[s.Name] {
				seen[s.Name] = true
				r.Sets = append(r.Sets, s)
			}
		}
		leaves, chains = append(leaves, was.leaves...), append(chains, was.chains...)
	}
	slices.SortFunc(r.Sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(leaves, byName)
	slices.SortFunc(chains, func(a, b Chain) int { // doors of groups before what leads to them
		return cmp.Or(-cmp.Compare(door(a), door(b)), byName(a, b))
	})
	r.Chains = slices.Concat(leaves, chains, baseChains(d, m.acl))
	return r
}

// compileRest compiles all but the rules of groups.
func compileRest(d Desired) (compiler, bool) {
	c := compiler{seen: map[string]bool{}, at: map[string]int{}, members: map[string][]Elem{}}
	for _, s := range []Set{
		{Name: setPorts, Kind: Marks}, {Name: setLinks, Kind: Names}, {Name: setRelays, Kind: Names}, {Name: setServices, Kind: Services}, {Name: setGateways, Kind: Intervals},
		{Name: setAnswers, Kind: Addresses}, {Name: setWithin, Kind: MarkLinks}, {Name: setWithinAt, Kind: MarkAddrs},
		{Name: setInternet, Kind: Names}, {Name: setPublished, Kind: Addresses}, {Name: mapOrigins, Kind: Verdicts},
		{Name: mapEgress, Kind: Verdicts}, {Name: mapIngress, Kind: Verdicts}, {Name: mapIngressAt, Kind: AddrVerdicts},
		{Name: mapACLOut, Kind: MarkVerdicts}, {Name: mapACLIn, Kind: MarkVerdicts}, {Name: mapSubnetOf, Kind: LinkMarks}, {Name: mapSubnetAt, Kind: AddrMarks},
		{Name: mapPublics, Kind: AddrPairs}, {Name: mapPrivates, Kind: AddrPairs},
	} {
		c.at[s.Name] = len(c.sets)
		c.sets = append(c.sets, s)
	}
	if d.Network == vpc.InternetNetwork {
		c.at[setReached] = len(c.sets)
		c.sets = append(c.sets, Set{Name: setReached, Kind: Intervals})
	}
	c.groups(d)
	c.drawn(d)
	c.links(d)
	for _, p := range d.Public {
		c.add(setPublished, Elem{Addr: p.Private})
		c.add(mapPublics, Elem{Addr: p.Private, To: p.Public})
		c.add(mapPrivates, Elem{Addr: p.Public, To: p.Private})
	}
	acl := c.acls(d)
	c.add(setGateways, prefixElems(Merge(d.Gateways))...)
	sortElems(c.sets)
	return c, acl
}

func sortElems(sets []Set) {
	for i := range sets {
		slices.SortFunc(sets[i].Elems, compareElems)
		sets[i].Elems = slices.Compact(sets[i].Elems)
	}
}

type compiler struct {
	sets           []Set
	at             map[string]int // places of the sets that exist in every network
	leaves, chains []Chain        // leaves jump nowhere
	seen           map[string]bool
	members        map[string][]Elem // by group
	combined       map[string]string // chains of ports by their groups
}

func (c *compiler) add(set string, elems ...Elem) {
	s := &c.sets[c.at[set]]
	s.Elems = append(s.Elems, elems...)
}

// groups makes the sets of members.
func (c *compiler) groups(d Desired) {
	for _, g := range d.Groups {
		c.members[g.ID] = nil
		for _, a := range g.Far {
			c.members[g.ID] = append(c.members[g.ID], Elem{Addr: a})
		}
	}
	for _, p := range d.Ports {
		if p.Kind == Translator {
			continue
		}
		for _, g := range p.Groups {
			if _, known := c.members[g]; known {
				for _, a := range p.Addrs {
					c.members[g] = append(c.members[g], Elem{Addr: a})
				}
			}
		}
	}
	for id, elems := range c.members {
		c.sets = append(c.sets, Set{Name: memberSet(id), Kind: Addresses, Elems: elems})
	}
}

// drawn makes the walls of the ports.
func (c *compiler) drawn(d Desired) {
	marks := map[string]uint32{}
	for _, s := range d.Subnets {
		marks[s.ID] = uint32(s.Table)
	}
	answers := map[netip.Addr]bool{}
	for _, p := range d.Ports {
		if p.Kind == Answer {
			for _, a := range p.Addrs {
				answers[a] = true
				c.add(setAnswers, Elem{Addr: a})
				c.add(mapIngressAt, Elem{Addr: a, Jump: c.port("in-", p.Groups, false)})
			}
			continue
		}
		for _, a := range p.Addrs {
			c.add(setPorts, Elem{Link: p.Alias, Addr: a, Mark: marks[p.Subnet]})
		}
		if p.Open || p.Kind == Translator {
			c.add(setRelays, Elem{Link: p.Alias})
			c.add(mapOrigins, Elem{Link: p.Alias, Jump: c.own("any-", refuse(HopSpoof, Match{Op: LocalSrc}), Rule{Mark: marks[p.Subnet], Verdict: Accept})})
		}
		if p.Kind == Translator {
			c.add(mapEgress, Elem{Link: p.Alias, Jump: c.pass()})
			c.add(mapIngress, Elem{Link: p.Alias, Jump: c.through(p)})
			continue
		}
		c.add(mapEgress, Elem{Link: p.Alias, Jump: c.port("out-", p.Groups, true)})
		c.add(mapIngress, Elem{Link: p.Alias, Jump: c.port("in-", p.Groups, false)})
	}
	for _, l := range d.Listeners {
		if !l.Transparent && l.Addr.IsValid() && !answers[l.Addr] {
			c.add(setServices, Elem{Addr: l.Addr, Proto: uint8(protoOf(l.Net)), Port: l.Port})
		}
	}
}

// links opens the ends of links for the sources behind them. Groups ask nothing of a link: they were asked, or will be, at
// the port.
func (c *compiler) links(d Desired) {
	for _, l := range d.Links {
		c.add(setLinks, Elem{Link: l.Alias})
		c.add(setRelays, Elem{Link: l.Alias})
		c.add(mapEgress, Elem{Link: l.Alias, Jump: c.pass()})
		c.add(mapIngress, Elem{Link: l.Alias, Jump: c.pass()})
		if l.Internet {
			c.add(setInternet, Elem{Link: l.Alias})
			rules := []Rule{refuse(HopSpoof, Match{Op: LocalSrc})}
			if own := Merge(d.CIDRs); len(own) > 0 {
				rules = append([]Rule{refuse(HopSpoof, c.peers(own, false)...)}, rules...)
			}
			c.add(mapOrigins, Elem{Link: l.Alias, Jump: c.own("far-", append(rules, Rule{Verdict: Accept})...)})
			continue
		}
		near := Merge(l.Near)
		if d.Network == vpc.InternetNetwork {
			c.add(setReached, prefixElems(near)...)
		}
		near = slices.DeleteFunc(near, func(p netip.Prefix) bool {
			if p.IsSingleIP() {
				c.add(setPorts, Elem{Link: l.Alias, Addr: p.Addr()})
			}
			return p.IsSingleIP()
		})
		if len(near) > 0 {
			c.add(mapOrigins, Elem{Link: l.Alias, Jump: c.own("near-", Rule{Matches: c.peers(near, false), Verdict: Accept})})
		}
	}
}

// own makes a chain that is named by its content; those who need the same share it.
func (c *compiler) own(pre string, rules ...Rule) string {
	ch := Chain{Name: pre + contentName(rules), Fixed: true, Rules: rules}
	if !c.seen[ch.Name] {
		c.seen[ch.Name] = true
		c.chains = append(c.chains, ch)
	}
	return ch.Name
}

func (c *compiler) pass() string { return c.own("pass-", Rule{Verdict: Accept}) }

// through admits what a translator is handed on its way elsewhere, and nothing that is meant for itself.
func (c *compiler) through(p Port) string {
	var rules []Rule
	for _, a := range p.Addrs {
		rules = append(rules, refuse(HopIngress, Match{Op: DstIn, Prefix: netip.PrefixFrom(a, a.BitLen())}))
	}
	return c.own("through-", append(rules, Rule{Verdict: Accept})...)
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
		a.Addr.Compare(b.Addr), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Last, b.Last), cmp.Compare(a.Mark, b.Mark),
		a.To.Compare(b.To), cmp.Compare(a.Jump, b.Jump))
}

func itoa[T ~int | ~uint16](n T) string { return strconv.Itoa(int(n)) }

func byName(a, b Chain) int { return cmp.Compare(a.Name, b.Name) }

// contentName is a digest of rules: equal rules, equal name, in every process.
func contentName(rules []Rule) string {
	h := sha256.New()
	for _, r := range rules {
		h.Write([]byte(r.Text() + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
