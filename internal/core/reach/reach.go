// Package reach says, without a kernel, what happens to a flow in drawn networks and which rule decided. It is the law's
// second implementation: for every drawing and flow its verdict must be the one that the compiled rules give.
package reach

import (
	"fmt"
	"net/netip"
	"strconv"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// Hop is a station on the way; the names are those of the base chains and log prefixes.
type Hop = fabric.Hop

// The hops, in the order in which a packet meets them.
const (
	Spoof    = fabric.HopSpoof
	Route    = fabric.HopRoute
	ACLOut   = fabric.HopACLOut
	ACLIn    = fabric.HopACLIn
	Egress   = fabric.HopEgress
	Ingress  = fabric.HopIngress
	Gateway  = fabric.HopGateway
	Input    = fabric.HopInput
	Output   = fabric.HopOutput
	Listener = fabric.HopListener
)

// Flow is the first packet of a connection: a SYN, a question, an echo request.
type Flow struct {
	From       string     // eni-...; empty: the daemon, from inside Network
	Network    string     // of a flow without From; empty: the world's only one
	Src        netip.Addr // zero: From's first address, or the router of the destination's subnet
	Dst        netip.Addr
	Proto      vpc.Proto
	Port       uint16 // TCP and UDP: the destination port
	SrcPort    uint16 // TCP and UDP; 0: whichever the sender picks between EphemeralFirst and EphemeralLast
	Type, Code uint8  // ICMP
}

// The ports that Linux picks for the source of a connection (net.ipv4.ip_local_port_range). AWS advises 1024 to 65535 for
// network ACLs, which holds them.
const (
	EphemeralFirst = 32768
	EphemeralLast  = 60999
)

// Verdict is Accept or Drop.
type Verdict bool

// The verdicts.
const (
	Drop   Verdict = false
	Accept Verdict = true
)

// String names the verdict.
func (v Verdict) String() string {
	if v {
		return "accept"
	}
	return "drop"
}

// Step is what one hop says. Rule is the id of what decided: sgr- when a group's rule admitted, the groups when none did,
// "acl-... rule 100" (the last rule of an ACL, that refuses all, is "*"), rtb-, vpce-, nat-, pcx-, igw- or "local" for routes.
// Change says what would turn a refusal. Network is where it was decided. Back steps are met by the answer.
type Step struct {
	Hop     Hop
	Network string
	Rule    string
	Verdict Verdict
	Text    string
	Change  string
	Back    bool
}

// Result is a flow's way and its answer's. Accept means that a connection would be established: the first packet arrives and
// so does its answer (TCP: SYN/ACK; UDP: an answer from the same port; ICMP: the echo reply). Whether a process on an
// interface listens is not asked. A refusal does not end the way: Shadowing lists the later hops that would refuse as well.
// Deciding is the first refusal, or the last hop of a flow that arrives; zero for a flow that stays within its interface.
//
// An answer to a source port that is not given must pass for every ephemeral port: an ACL that admits a part of them refuses, and says so.
type Result struct {
	Verdict   Verdict
	Hops      []Step
	Deciding  Step
	Shadowing []Step
	Change    string
	// Appliance is the interface without source/destination check that the flow was handed to on its way. What that does with
	// it is unknown, the verdict is only about the way to it.
	Appliance string
}

// Trace follows a flow through drawn networks. Many questions about one world are better asked of its Index.
func Trace(w World, f Flow) Result { return Index(w).Trace(f) }

// Trace follows a flow.
func (m *Map) Trace(f Flow) Result {
	w := walk{m: m, steps: make([]Step, 0, 12)}
	p := packet{src: f.Src.Unmap(), dst: f.Dst.Unmap(), proto: f.Proto, dport: f.Port, sport: f.SrcPort, typ: f.Type, code: f.Code}
	if f.From == "" {
		n := m.networks[f.Network]
		if f.Network == "" {
			n = m.sole
		}
		w.fromDaemon(n, f.Network, p)
	} else {
		w.fromPort(f.From, p)
	}
	return w.result()
}

// packet is what the hops look at. A sport or, on the way back, a dport of 0 stands for every ephemeral port.
type packet struct {
	src, dst     netip.Addr
	proto        vpc.Proto
	sport, dport uint16
	typ, code    uint8
	back         bool
}

// answer is the packet that goes back; none to a message that asks for none.
func (p packet) answer() (packet, bool) {
	p.src, p.dst, p.sport, p.dport, p.back = p.dst, p.src, p.dport, p.sport, true
	if p.proto == vpc.ICMP {
		if p.typ != 8 {
			return p, false
		}
		p.typ, p.code = 0, 0
	}
	return p, true
}

// anyPort reports a packet to an ephemeral port that is not known.
func (p packet) anyPort() bool {
	return p.back && p.dport == 0 && (p.proto == vpc.TCP || p.proto == vpc.UDP)
}

// service names what a packet asks for: "tcp 443", "icmp 8/0".
func (p packet) service() string {
	name := "tcp"
	switch p.proto {
	case vpc.UDP:
		name = "udp"
	case vpc.ICMP:
		return fmt.Sprintf("icmp %d/%d", p.typ, p.code)
	case vpc.TCP:
	default:
		return fmt.Sprintf("protocol %d", p.proto)
	}
	if p.anyPort() {
		return fmt.Sprintf("%s %d-%d", name, EphemeralFirst, EphemeralLast)
	}
	return name + " " + strconv.Itoa(int(p.dport))
}
