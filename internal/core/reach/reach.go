// Package reach says, without a kernel, what happens to a flow in a drawn network and which rule decided. It is the law's
// second implementation: for every drawing and flow its verdict must be the one that the compiled rules give.
package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// Hop is a station on the way; the names are those of the base chains and log prefixes.
type Hop = fabric.Hop

// The hops, in the order in which a packet meets them.
const (
	Spoof    = fabric.HopSpoof
	Route    = fabric.HopRoute
	Egress   = fabric.HopEgress
	Ingress  = fabric.HopIngress
	Input    = fabric.HopInput
	Output   = fabric.HopOutput
	Listener = fabric.HopListener
)

// Flow is the first packet of a connection.
type Flow struct {
	From       string     // eni-...; empty: the daemon, from inside the network
	Src        netip.Addr // zero: From's first address, or the router of the destination's subnet
	Dst        netip.Addr
	Proto      vpc.Proto
	Port       uint16 // TCP and UDP: the destination port
	Type, Code uint8  // ICMP
}

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
// rtb-, vpce- or "local" for routes. Change says what would turn a refusal.
type Step struct {
	Hop     Hop
	Rule    string
	Verdict Verdict
	Text    string
	Change  string
}

// Result is a flow's way. A refusal does not end it: Shadowing lists the later hops that would refuse as well. Deciding is
// the first refusal, or the last hop of a flow that arrives; zero for a flow that stays within its interface.
type Result struct {
	Verdict   Verdict
	Hops      []Step
	Deciding  Step
	Shadowing []Step
	Change    string
}

// Trace follows a flow through a drawn network.
func Trace(d fabric.Desired, f Flow) Result {
	w := walk{d: d, f: f}
	w.f.Dst, w.f.Src = f.Dst.Unmap(), f.Src.Unmap()
	if f.From == "" {
		w.fromDaemon()
	} else {
		w.fromPort()
	}
	return w.result()
}

type walk struct {
	d     fabric.Desired
	f     Flow
	steps []Step
}

func (w *walk) say(h Hop, v Verdict, rule, change, text string, args ...any) {
	w.steps = append(w.steps, Step{Hop: h, Rule: rule, Verdict: v, Text: fmt.Sprintf(text, args...), Change: change})
}

func (w *walk) result() Result {
	t := Result{Verdict: Accept, Hops: w.steps}
	for _, s := range w.steps {
		switch {
		case s.Verdict == Drop && t.Verdict == Accept:
			t.Verdict, t.Deciding, t.Change = Drop, s, s.Change
		case s.Verdict == Drop:
			t.Shadowing = append(t.Shadowing, s)
		case t.Verdict == Accept:
			t.Deciding = s
		}
	}
	return t
}

func (w *walk) fromPort() {
	p, ok := w.port(func(p fabric.Port) bool { return p.ID == w.f.From })
	if !ok {
		w.say(Spoof, Drop, w.f.From, "attach something to "+w.f.From, "nothing is attached to %s in %s", w.f.From, w.d.Network)
		return
	}
	if !w.f.Src.IsValid() && len(p.Addrs) > 0 {
		w.f.Src = p.Addrs[0]
	}
	if w.f.Dst.IsLoopback() || w.f.Dst.IsUnspecified() || slices.Contains(p.Addrs, w.f.Dst) {
		return // never leaves the interface's own namespace
	}
	if slices.Contains(p.Addrs, w.f.Src) {
		w.say(Spoof, Accept, p.ID, "", "%s is an address of %s", w.f.Src, p.ID)
	} else {
		w.say(Spoof, Drop, p.ID, "send from an address of "+p.ID, "%s is no address of %s", w.f.Src, p.ID)
	}
	switch q, to := w.local(); to {
	case toPort:
		w.say(Route, Accept, "local", "", "%s is an address of %s", w.f.Dst, q.ID)
		w.groups(Egress, p, w.f.Dst)
		w.groups(Ingress, q, w.f.Src)
	case toSelf:
		w.say(Route, Accept, "local", "", "%s is an address of the network itself", w.f.Dst)
		w.input()
	case toNobody:
		w.say(Route, Drop, "local", "attach an interface that has "+w.f.Dst.String(), "no attached interface of %s has %s", w.d.Network, w.f.Dst)
		w.groups(Egress, p, w.f.Dst)
	default:
		if w.subnetRoute() {
			w.gateway(p)
		} else {
			w.groups(Egress, p, w.f.Dst)
		}
	}
}

func (w *walk) fromDaemon() {
	q, to := w.local()
	switch to {
	case toSelf:
		w.say(Output, Accept, "local", "", "%s is an address of the network itself", w.f.Dst)
	case toPort:
		if !w.f.Src.IsValid() {
			for _, s := range w.d.Subnets {
				if s.CIDR.Contains(w.f.Dst) {
					w.f.Src = s.Router
				}
			}
		}
		w.say(Route, Accept, "local", "", "%s is an address of %s", w.f.Dst, q.ID)
		w.say(Output, Accept, "", "", "the daemon connects from %s", w.f.Src)
		w.groups(Ingress, q, w.f.Src)
	default:
		w.say(Route, Drop, "local", "", "no attached interface of %s has %s", w.d.Network, w.f.Dst)
	}
}

type place uint8

const (
	elsewhere place = iota
	toPort          // an attached interface
	toSelf          // a router's address or the resolver's
	toNobody        // in the network's CIDRs, but nobody's
)

// local is the local route: it goes before every route table.
func (w *walk) local() (fabric.Port, place) {
	dst := w.f.Dst
	if dst == w.d.Resolver && dst.IsValid() {
		return fabric.Port{}, toSelf
	}
	for _, s := range w.d.Subnets {
		if s.Router == dst && dst.IsValid() {
			return fabric.Port{}, toSelf
		}
	}
	if q, ok := w.port(func(p fabric.Port) bool { return slices.Contains(p.Addrs, dst) }); ok {
		return q, toPort
	}
	for _, c := range w.d.CIDRs {
		if c.Contains(dst) {
			return fabric.Port{}, toNobody
		}
	}
	return fabric.Port{}, elsewhere
}

// subnetRoute asks the route table of the source address's subnet: the longest prefix wins.
func (w *walk) subnetRoute() bool {
	var sn fabric.Subnet
	for _, s := range w.d.Subnets {
		if s.CIDR.Contains(w.f.Src) {
			sn = s
		}
	}
	var best *fabric.Route
	for i, r := range sn.Routes {
		if r.Dest.Contains(w.f.Dst) && (best == nil || r.Dest.Bits() > best.Dest.Bits()) {
			best = &sn.Routes[i]
		}
	}
	table := cmp.Or(sn.RouteTable, "(none)")
	switch {
	case best == nil || w.f.Dst.IsMulticast():
		w.say(Route, Drop, table, "add a route for "+w.f.Dst.String()+" to "+table, "route table %s of %s has no route for %s", table, sn.ID, w.f.Dst)
		return false
	case best.Action != fabric.Deliver:
		w.say(Route, Drop, cmp.Or(best.Target, table), "replace the route for "+best.Dest.String()+" in "+table,
			"route table %s sends %s to %s, which leads nowhere", table, best.Dest, best.Target)
		return false
	}
	w.say(Route, Accept, best.Target, "", "route table %s sends %s to %s", table, best.Dest, best.Target)
	return true
}

// input is the way to an address that the network itself answers on. No group governs it.
func (w *walk) input() {
	f := w.f
	for _, l := range w.d.Listeners {
		if !l.Transparent && l.Addr == f.Dst && l.Port == f.Port && (f.Proto == vpc.TCP && l.Net == "tcp" || f.Proto == vpc.UDP && l.Net == "udp") {
			w.say(Input, Accept, l.Name, "", "the resolver is under no security group")
			w.say(Listener, Accept, l.Name, "", "%s listens on %s", l.Name, f.Dst)
			return
		}
	}
	if f.Proto == vpc.ICMP {
		w.say(Input, Accept, "icmp", "", "%s answers ICMP", f.Dst)
		return
	}
	w.say(Input, Drop, f.Dst.String(), "", "%s offers nothing at %s", f.Dst, f.service())
}

// gateway is the way to a gateway endpoint: under the sender's groups.
func (w *walk) gateway(p fabric.Port) {
	in := slices.ContainsFunc(w.d.Gateways, func(g netip.Prefix) bool { return g.Contains(w.f.Dst) })
	if in {
		w.say(Input, Accept, w.f.Dst.String(), "", "a gateway endpoint answers on %s", w.f.Dst)
	} else {
		w.say(Input, Drop, w.f.Dst.String(), "", "no gateway endpoint answers on %s", w.f.Dst)
	}
	w.groups(Egress, p, w.f.Dst)
	for _, l := range w.d.Listeners {
		if l.Transparent && l.Port == w.f.Port && (w.f.Proto == vpc.TCP && l.Net == "tcp" || w.f.Proto == vpc.UDP && l.Net == "udp") {
			w.say(Listener, Accept, l.Name, "", "%s listens on %s", l.Name, w.f.Dst)
			return
		}
	}
	w.say(Listener, Drop, w.f.service(), "use a port that the endpoint serves", "nothing listens at %s of %s", w.f.service(), w.f.Dst)
}

// groups asks the groups of a port about the other side: one rule that admits is enough.
func (w *walk) groups(h Hop, p fabric.Port, other netip.Addr) {
	word := "to"
	if h == Ingress {
		word = "from"
	}
	for _, id := range p.Groups {
		for _, g := range w.d.Groups {
			if g.ID != id {
				continue
			}
			rules := g.Egress
			if h == Ingress {
				rules = g.Ingress
			}
			for _, a := range rules {
				if w.admits(a, other) {
					w.say(h, Accept, a.Rule, "", "%s of %s admits %s %s %s", a.Rule, id, w.f.service(), word, other)
					return
				}
			}
		}
	}
	names := cmp.Or(strings.Join(p.Groups, ", "), "no group")
	w.say(h, Drop, strings.Join(p.Groups, ","), fmt.Sprintf("an %s rule in %s for %s %s %s", h, names, w.f.service(), word, other),
		"no %s rule of %s (%s) admits %s %s %s", h, p.ID, names, w.f.service(), word, other)
}

func (w *walk) admits(a fabric.Allow, other netip.Addr) bool {
	if a.Proto != vpc.Any && a.Proto != w.f.Proto {
		return false
	}
	switch a.Proto {
	case vpc.TCP, vpc.UDP:
		if a.From >= 0 && (a.To > 65535 || int(w.f.Port) < a.From || int(w.f.Port) > a.To) {
			return false
		}
	case vpc.ICMP:
		if a.From >= 0 && (a.From != int(w.f.Type) || a.To >= 0 && a.To != int(w.f.Code)) {
			return false
		}
	}
	if a.Group == "" {
		return slices.ContainsFunc(a.Peers, func(p netip.Prefix) bool { return p.Contains(other) })
	}
	if !slices.ContainsFunc(w.d.Groups, func(g fabric.Group) bool { return g.ID == a.Group }) {
		return false
	}
	_, member := w.port(func(p fabric.Port) bool { return slices.Contains(p.Addrs, other) && slices.Contains(p.Groups, a.Group) })
	return member
}

func (w *walk) port(is func(fabric.Port) bool) (fabric.Port, bool) {
	if i := slices.IndexFunc(w.d.Ports, is); i >= 0 {
		return w.d.Ports[i], true
	}
	return fabric.Port{}, false
}

// service names what a flow asks for: "tcp 443", "icmp 8/0".
func (f Flow) service() string {
	switch f.Proto {
	case vpc.TCP:
		return fmt.Sprintf("tcp %d", f.Port)
	case vpc.UDP:
		return fmt.Sprintf("udp %d", f.Port)
	case vpc.ICMP:
		return fmt.Sprintf("icmp %d/%d", f.Type, f.Code)
	}
	return fmt.Sprintf("protocol %d", f.Proto)
}
