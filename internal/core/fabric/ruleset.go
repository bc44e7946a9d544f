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

// Set is a set, or a map when its kind says so. Elems are sorted and do not overlap.
type Set struct {
	Name  string
	Kind  SetKind
	Fixed bool
	Elems []Elem
}

// SetKind is the type of a set's elements.
type SetKind uint8

// The kinds of sets. An interval that ends at 255.255.255.255, or at port 65535, has no end element in the kernel.
const (
	Intervals    SetKind = iota // ipv4_addr, flags interval: Elem.Prefix
	Addresses                   // ipv4_addr: Elem.Addr
	Names                       // ifname: Elem.Link
	Services                    // ipv4_addr . inet_proto . inet_service: Elem.Addr, Elem.Proto, Elem.Port
	MarkLinks                   // mark . ifname: Elem.Mark, Elem.Link
	MarkAddrs                   // mark . ipv4_addr: Elem.Mark, Elem.Addr
	Verdicts                    // map ifname : verdict: Elem.Link, Elem.Jump
	AddrVerdicts                // map ipv4_addr : verdict: Elem.Addr, Elem.Jump
	MarkVerdicts                // map mark : verdict: Elem.Mark, Elem.Jump
	Marks                       // map ifname . ipv4_addr : mark: Elem.Link, Elem.Addr, Elem.Mark
	LinkMarks                   // map ifname : mark: Elem.Link, Elem.Mark
	AddrMarks                   // map ipv4_addr : mark: Elem.Addr, Elem.Mark
	AddrPairs                   // map ipv4_addr : ipv4_addr: Elem.Addr, Elem.To
	PortRanges                  // inet_service, flags interval: Elem.Port to Elem.Last
	Boxes                       // ipv4_addr . inet_proto . inet_service, flags interval: Elem.Prefix, Elem.Proto, Elem.Port to Elem.Last
)

// Elem is one element; its set's kind says which fields are in use.
type Elem struct {
	Prefix netip.Prefix
	Addr   netip.Addr
	Link   string
	Proto  uint8
	Port   uint16
	Last   uint16
	Mark   uint32
	To     netip.Addr
	Jump   string // chain
}

// Chain is a list of rules. A base chain has a hook, all others are entered by a jump and return at their end.
type Chain struct {
	Name     string
	Fixed    bool
	Hook     string // prerouting | input | forward | output | postrouting; empty: not a base chain
	NAT      bool   // a base chain that only the first packet of a connection meets
	Priority int
	Drop     bool // the policy of a base chain
	Rules    []Rule
}

// Rule applies when all its matches hold. Mark, when set, becomes the packet's mark before the verdict, and Log writes
// LogPrefix+Log to NFLOG group LogGroup.
type Rule struct {
	Matches []Match
	Mark    uint32
	Log     Hop
	Verdict Verdict
	Target  string // Jump and Goto: the chain; others: the map
	To      netip.Addr
	Port    uint16
	Comment string // the group or interface it was made for; at most 128 bytes
}

// Verdict is what a rule does.
type Verdict uint8

// The verdicts. Those that ask the map Target go on to the next rule when it has no element.
const (
	Accept Verdict = iota
	Drop
	Jump
	Goto
	LookupIn     // Verdicts, by the incoming link
	LookupOut    // Verdicts, by the outgoing link
	LookupDst    // AddrVerdicts, by the destination address
	LookupMark   // MarkVerdicts
	MarkPort     // Marks, by the incoming link and the source address: the packet is marked and accepted
	MarkSrc      // AddrMarks, by the source address: the packet is marked and goes on to the next rule
	MarkDst      // AddrMarks, by the destination address
	MarkLinkOut  // LinkMarks, by the outgoing link
	TranslateSrc // AddrPairs, by the source address, which is replaced
	TranslateDst // AddrPairs, by the destination address, which is replaced
	Masquerade   // the source address becomes To
	Catch        // to the transparent listener at Port, whatever the destination; without one, the next rule. Mark only if there is
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
	LinksIn             // Set of Names: incoming link
	LinksOut            // Set of Names: outgoing link
	MarkOut             // Set of MarkLinks: mark and outgoing link
	MarkAddr            // Set of MarkAddrs: mark and destination address
	Marked              // Mark
	DstServ             // Set of Services or Boxes: destination address, protocol, destination port
	SrcServ             // Set of Boxes: source address, protocol, destination port
	IsProto             // Proto
	DstPort             // From, To: destination port, after IsProto TCP or UDP
	DstPorts            // Set of PortRanges: destination port, after IsProto TCP or UDP
	ICMPType            // From: the type, after IsProto ICMP
	ICMPCode            // From: the code, after IsProto ICMP
	CtFlow              // the connection is established or related
	CtInvalid           // conntrack cannot place the packet
	CtRelated           // an ICMP error about a connection
	CtEnd               // Set of Marks: incoming link and an address of the connection, which From says: 0 source, 1 destination, 2 and 3 of its answers
	LocalDst            // fib: the destination is an address of this namespace
	LocalSrc            // fib: the source is
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
	Mark     uint32
}
