package fabric

import "net/netip"

// Ruleset is one nftables table of family ip, as data. Sets come before the chains that look them up, chains before those
// that jump to them, base chains last.
//
// What is Fixed is named by a digest of its content: it never changes, a driver may write it in as many batches as it
// needs, since nothing refers to it yet. What is not Fixed exists from the first load on and changes by its elements only.
// The change of those elements is the one transaction that switches from the old rules to the new (see Diff).
type Ruleset struct {
	Table  string
	Sets   []Set
	Chains []Chain
}

// Set is a set, or a verdict map when its kind is Verdicts. Elems are sorted and do not overlap.
type Set struct {
	Name  string
	Kind  SetKind
	Fixed bool
	Elems []Elem
}

// SetKind is the type of a set's elements.
type SetKind uint8

// The kinds of sets. An interval that ends at 255.255.255.255 has no end element in the kernel.
const (
	Intervals SetKind = iota // ipv4_addr, flags interval: Elem.Prefix
	Addresses                // ipv4_addr: Elem.Addr
	Links                    // ifname . ipv4_addr: Elem.Link, Elem.Addr
	Services                 // ipv4_addr . inet_proto . inet_service: Elem.Addr, Elem.Proto, Elem.Port
	Verdicts                 // map ifname : verdict: Elem.Link, Elem.Jump
)

// Elem is one element; its set's kind says which fields are in use.
type Elem struct {
	Prefix netip.Prefix
	Addr   netip.Addr
	Link   string
	Proto  uint8
	Port   uint16
	Jump   string // chain
}

// Chain is a list of rules. A base chain has a hook, all others are entered by a jump and return at their end.
type Chain struct {
	Name     string
	Fixed    bool
	Hook     string // prerouting | input | forward | output; empty: not a base chain
	Priority int
	Drop     bool // the policy of a base chain
	Rules    []Rule
}

// Rule applies when all its matches hold. Log, when set, writes LogPrefix+Log to NFLOG group LogGroup before the verdict.
type Rule struct {
	Matches []Match
	Log     Hop
	Verdict Verdict
	Target  string // Jump and Goto: the chain; LookupIn and LookupOut: the verdict map
	Comment string // the group or interface it was made for; at most 128 bytes
}

// Verdict is what a rule does.
type Verdict uint8

// The verdicts. LookupIn and LookupOut ask the map Target with the incoming or outgoing link; no element: the next rule.
const (
	Accept Verdict = iota
	Drop
	Jump
	Goto
	LookupIn
	LookupOut
)

// Op says what a match looks at.
type Op uint8

// The operations of a match, with the fields that they use.
const (
	LinkIn    Op = iota // Link (a trailing * matches any rest)
	LinkOut             // Link
	SrcIn               // Prefix, Not
	DstIn               // Prefix, Not
	SrcSet              // Set of Intervals or Addresses, Not
	DstSet              // Set of Intervals or Addresses, Not
	LinkSrc             // Set of Links: incoming link and source address
	DstServ             // Set of Services: destination address, protocol, destination port
	IsProto             // Proto
	DstPort             // From, To: destination port, after IsProto TCP or UDP
	ICMPType            // From: the type, after IsProto ICMP
	ICMPCode            // From: the code, after IsProto ICMP
	CtFlow              // the connection is established or related
	CtInvalid           // conntrack cannot place the packet
	LocalDst            // fib: the destination is an address of this namespace
)

// Match is one condition. It is comparable.
type Match struct {
	Op       Op
	Not      bool
	Link     string
	Prefix   netip.Prefix
	Set      string
	Proto    uint8
	From, To uint16
}

// Delta is the way from one ruleset to another in three steps: write Sets and Chains (Fixed, not referred to yet, any
// number of batches); apply Elems, in one transaction; remove OldChains, then OldSets. Between a failed and a repeated
// attempt nothing is wider open than before or after: a driver that must split Elems takes all Del before the first Add.
type Delta struct {
	Sets      []Set
	Chains    []Chain
	Elems     []Change
	OldChains []string // in an order in which each can be removed
	OldSets   []string
}

// Change is what happens to the elements of a set that is not Fixed. Of a set that leaves (a group is gone) nothing is
// said here: the chains that read it are removed first.
type Change struct {
	Set      Set // without elements
	Del, Add []Elem
}

// Diff plans the way from have to want. have may be the zero Ruleset; then all of want is in Sets and Chains, the elements
// of sets that are not Fixed excepted.
func Diff(have, want Ruleset) Delta {
	var d Delta
	oldSets, oldChains := map[string]*Set{}, map[string]bool{}
	for i := range have.Sets {
		oldSets[have.Sets[i].Name] = &have.Sets[i]
	}
	for i := range have.Chains {
		oldChains[have.Chains[i].Name] = true
	}
	kept := map[string]bool{}
	for _, s := range want.Sets {
		kept[s.Name] = true
		was := oldSets[s.Name]
		bare := s
		if !s.Fixed {
			bare.Elems = nil
		}
		if was == nil {
			d.Sets = append(d.Sets, bare)
		}
		if s.Fixed {
			continue
		}
		c := Change{Set: bare}
		if was != nil {
			c.Del = missing(was.Elems, s.Elems)
			c.Add = missing(s.Elems, was.Elems)
		} else {
			c.Add = s.Elems
		}
		if len(c.Del)+len(c.Add) > 0 {
			d.Elems = append(d.Elems, c)
		}
	}
	for _, c := range want.Chains {
		kept["chain "+c.Name] = true
		if !oldChains[c.Name] {
			d.Chains = append(d.Chains, c)
		}
	}
	for i := len(have.Chains) - 1; i >= 0; i-- { // those that jump before those that are jumped to
		if !kept["chain "+have.Chains[i].Name] {
			d.OldChains = append(d.OldChains, have.Chains[i].Name)
		}
	}
	for _, s := range have.Sets {
		if !kept[s.Name] {
			// A set that leaves with elements is emptied by its removal; its readers left before it.
			d.OldSets = append(d.OldSets, s.Name)
		}
	}
	return d
}

// missing gives the elements of a that are not in b, in a's order.
func missing(a, b []Elem) []Elem {
	in := make(map[Elem]bool, len(b))
	for _, e := range b {
		in[e] = true
	}
	var out []Elem
	for _, e := range a {
		if !in[e] {
			out = append(out, e)
		}
	}
	return out
}
