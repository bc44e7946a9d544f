package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// walk is one question. passed is what connection tracking remembers of the way there: on the way back it lets the answer
// pass the stateful hops, and undoes translations.
type walk struct {
	m         *Map
	steps     []Step
	passed    []passage
	source    *port
	legs      int
	appliance string
}

// passage is a packet that went through a network, or through a NAT gateway: as it came and as it left.
type passage struct {
	at              any // *network or *port
	src, dst        netip.Addr
	leftSrc, leftTo netip.Addr
}

// entry is how a packet gets into a network: through a port, through a link, or made by the network itself (an answer, on
// behalf of an endpoint's interface or of none).
type entry struct {
	port *port
	link *fabric.Link
	self *port
}

// maxLegs is how many networks and gateways a packet may pass: gateways that hand it to each other would never end.
const maxLegs = 12

func (w *walk) say(n *network, p packet, h Hop, v Verdict, rule, change, text string, args ...any) {
	w.tell(n, p, h, v, rule, change, fmt.Sprintf(text, args...))
}

func (w *walk) tell(n *network, p packet, h Hop, v Verdict, rule, change, text string) {
	s := Step{Hop: h, Rule: rule, Verdict: v, Text: text, Change: change, Back: p.back}
	if n != nil {
		s.Network = n.d.Network
	}
	w.steps = append(w.steps, s)
}

func (w *walk) result() Result {
	t := Result{Verdict: Accept, Hops: w.steps, Appliance: w.appliance}
	for _, s := range w.steps {
		switch {
		case s.Verdict == Drop && t.Verdict == Accept:
			t.Verdict, t.Deciding, t.Change = Drop, s, s.Change
		case s.Verdict == Drop:
			t.Shadowing = append(t.Shadowing, s)
		case t.Verdict == Accept && (!s.Back || t.Deciding.Hop == ""):
			t.Deciding = s
		}
	}
	return t
}

func (w *walk) fromPort(id string, p packet) {
	from := w.m.home[id]
	switch {
	case from == nil:
		w.say(nil, p, Spoof, Drop, id, "attach something to "+id, "nothing is attached to %s", id)
		return
	case from.Kind != fabric.Guest:
		w.say(from.net, p, Spoof, Drop, id, "", "%s opens no connections: it belongs to %s", id, word(from.Kind))
		return
	}
	if !p.src.IsValid() && len(from.Addrs) > 0 {
		p.src = from.Addrs[0]
	}
	if p.dst.IsLoopback() || p.dst.IsUnspecified() || slices.Contains(from.Addrs, p.dst) {
		return // never leaves the interface's own namespace
	}
	w.source = from
	w.pass(from.net, entry{port: from}, p)
}

func word(k fabric.PortKind) string {
	if k == fabric.Translator {
		return "a NAT gateway"
	}
	return "an endpoint"
}

func (w *walk) fromDaemon(n *network, id string, p packet) {
	if n == nil {
		w.say(nil, p, Route, Drop, id, "", "there is no network %s to send from", id)
		return
	}
	q, to := n.local(p.dst)
	switch to {
	case toSelf, toAnswer:
		w.say(n, p, Output, Accept, "local", "", "%s is an address of the network itself", p.dst)
	case toPort:
		if !p.src.IsValid() && q.subnet != nil {
			p.src = q.subnet.Router
		}
		w.say(n, p, Route, Accept, "local", "", "%s is an address of %s", p.dst, q.ID)
		w.say(n, p, Output, Accept, "", "", "the daemon connects from %s", p.src)
		w.ingress(n, q, p)
	default:
		w.say(n, p, Route, Drop, "local", "", "no attached interface of %s has %s", n.d.Network, p.dst)
	}
}

// own reports an address that the network itself answers on.
func (n *network) own(a netip.Addr) bool {
	_, to := n.local(a)
	return to == toSelf || to == toAnswer
}

var unroutable = fabric.Unroutable()

type place uint8

const (
	elsewhere place = iota
	toPort          // an attached interface, or a NAT gateway's
	toAnswer        // an endpoint's interface
	toSelf          // a router's address or the resolver's
	toNobody        // in the network's CIDRs, but nobody's
	nowhere         // link-local, or nobody's at all
)

// local is the local route: it goes before every route table.
func (n *network) local(dst netip.Addr) (*port, place) {
	if !dst.IsValid() {
		return nil, elsewhere
	}
	if dst == n.d.Resolver || n.routers[dst] != nil {
		return nil, toSelf
	}
	if q := n.addrs[dst]; q != nil {
		if q.Kind == fabric.Answer {
			return q, toAnswer
		}
		return q, toPort
	}
	if within(n.d.CIDRs, dst) {
		return nil, toNobody
	}
	if within(unroutable, dst) {
		return nil, nowhere
	}
	return nil, elsewhere
}

// recall finds what the network remembers of a packet that this one answers.
func (w *walk) recall(at any, p packet) (passage, bool) {
	i := slices.IndexFunc(w.passed, func(k passage) bool { return k.at == at && k.leftSrc == p.dst && k.leftTo == p.src })
	if i < 0 {
		return passage{}, false
	}
	return w.passed[i], true
}

func (w *walk) remember(at any, came, left packet) {
	if !came.back {
		w.passed = append(w.passed, passage{at, came.src, came.dst, left.src, left.dst})
	}
}

// pass takes a packet through a network: into a port, an address of the network itself, or a link to the next.
func (w *walk) pass(n *network, in entry, p packet) {
	if w.legs++; w.legs > maxLegs {
		w.say(n, p, Route, Drop, "", "", "the routes hand the packet around in a circle")
		return
	}
	if n.d.Network == vpc.InternetNetwork {
		w.internet(n, in, p)
		return
	}
	came := p
	if !w.spoof(n, in, p) {
		return
	}
	leaves := p.src // the source it leaves with
	if p.back {
		k, ok := w.recall(n, p)
		if !ok {
			w.say(n, p, Route, Drop, n.d.Network, "", "the answer comes to %s on a way that the connection never took", n.d.Network)
			return
		}
		p.dst, leaves = k.src, k.dst
	} else if in.link != nil && in.link.Internet {
		private, ok := n.private[p.dst]
		if !ok {
			w.say(n, p, Gateway, Drop, in.link.ID, "associate "+p.dst.String()+" with an interface", "%s stands for no interface of %s", p.dst, n.d.Network)
			return
		}
		w.say(n, p, Gateway, Accept, in.link.ID, "", "%s stands for %s", p.dst, private)
		p.dst, leaves = private, p.src
	}
	q, to := n.local(p.dst)
	switch to {
	case toPort:
		w.tell(n, p, Route, Accept, "local", "", p.dst.String()+" is an address of "+q.ID)
		w.remember(n, came, p)
		w.deliver(n, in, q, p)
	case toAnswer:
		w.say(n, p, Route, Accept, "local", "", "%s is an address of %s", p.dst, q.ID)
		w.remember(n, came, p)
		w.answerer(n, in, q, p)
	case toSelf:
		w.say(n, p, Route, Accept, "local", "", "%s is an address of the network itself", p.dst)
		w.input(n, in, p)
	case toNobody:
		w.say(n, p, Route, Drop, "local", "attach an interface that has "+p.dst.String(), "no attached interface of %s has %s", n.d.Network, p.dst)
		w.leaving(n, in, p)
	case nowhere:
		w.say(n, p, Route, Drop, "local", "", "no route table leads to %s", p.dst)
		w.leaving(n, in, p)
	default:
		w.byTable(n, in, came, p, leaves)
	}
}

// spoof reports whether the packet goes on: one that only pretends its source does, so that the later walls are told as well.
func (w *walk) spoof(n *network, in entry, p packet) bool {
	switch {
	case in.port != nil && p.back:
	case in.port != nil && in.port.Open && n.own(p.src):
		w.say(n, p, Spoof, Drop, in.port.ID, "", "%s is an address of the network itself", p.src)
		w.source = nil
	case in.port != nil && slices.Contains(in.port.Addrs, p.src):
		w.tell(n, p, Spoof, Accept, in.port.ID, "", p.src.String()+" is an address of "+in.port.ID)
	case in.port != nil && in.port.Open:
		w.say(n, p, Spoof, Accept, in.port.ID, "", "%s may send from any address", in.port.ID)
	case in.port != nil:
		w.say(n, p, Spoof, Drop, in.port.ID, "send from an address of "+in.port.ID, "%s is no address of %s", p.src, in.port.ID)
		w.source = nil // its answer would be another's
	case in.link != nil:
		ok := within(in.link.Near, p.src)
		if in.link.Internet && len(in.link.Near) == 0 {
			ok = !within(n.d.CIDRs, p.src)
		}
		if !ok {
			w.say(n, p, Spoof, Drop, in.link.ID, "", "%s does not lie behind %s", p.src, in.link.ID)
			return false
		}
		w.tell(n, p, Spoof, Accept, in.link.ID, "", p.src.String()+" lies behind "+in.link.ID)
	}
	return true
}

// table is whose subnet's routes a packet takes: only what begins or is translated in the network has one.
func (in entry) table() *subnet {
	switch {
	case in.port != nil:
		return in.port.subnet
	case in.self != nil:
		return in.self.subnet
	}
	return nil
}

// byTable asks the route table of the subnet that the packet left: the longest prefix wins.
func (w *walk) byTable(n *network, in entry, came, p packet, leaves netip.Addr) {
	s := in.table()
	if in.link != nil {
		w.say(n, p, Route, Drop, in.link.ID, "", "what comes by %s goes no further than %s, which has no %s", in.link.ID, n.d.Network, p.dst)
		return
	}
	if s == nil {
		s = &subnet{}
	}
	var r *fabric.Route
	if i := slices.IndexFunc(s.Routes, func(r fabric.Route) bool { return r.Dest.Contains(p.dst) }); i >= 0 && !p.dst.IsMulticast() {
		r = &s.Routes[i]
	}
	table := cmp.Or(s.RouteTable, "(none)")
	if r == nil {
		w.say(n, p, Route, Drop, table, "add a route for "+p.dst.String()+" to "+table, "route table %s of %s has no route for %s", table, s.ID, p.dst)
		w.leaving(n, in, p)
		return
	}
	via, link, far := n.via(r), n.links[r.Via], (*network)(nil)
	if link != nil {
		far = w.m.networks[link.Peer]
		if far != nil && far.links[link.ID] == nil {
			far = nil
		}
	}
	open := r.Action == fabric.Deliver || r.Action == fabric.Forward && (via != nil || far != nil)
	if !open {
		w.say(n, p, Route, Drop, cmp.Or(r.Target, table), "replace the route for "+r.Dest.String()+" in "+table,
			"route table %s sends %s to %s, which leads nowhere", table, r.Dest, r.Target)
		w.leaving(n, in, p)
		return
	}
	w.tell(n, p, Route, Accept, r.Target, "", "route table "+table+" sends "+r.Dest.String()+" to "+r.Target)
	switch {
	case r.Action == fabric.Deliver:
		w.remember(n, came, p)
		w.gateway(n, in, p)
	case via != nil:
		w.remember(n, came, p)
		w.deliver(n, in, via, p)
	default:
		w.leaving(n, in, p)
		w.cross(n, link, far, came, p, leaves)
	}
}

// via is the port that a Forward route hands to.
func (n *network) via(r *fabric.Route) *port {
	if r.Action != fabric.Forward {
		return nil
	}
	return n.ports[r.Via]
}

// leaving is what is asked of a packet that leaves its subnet for a place without a port of this network.
func (w *walk) leaving(n *network, in entry, p packet) {
	from := in.table()
	w.acl(ACLOut, n, from, p)
	w.egress(n, in, p)
}

// cross hands the packet to the other end of a link.
func (w *walk) cross(n *network, l *fabric.Link, far *network, came, p packet, leaves netip.Addr) {
	switch {
	case p.back:
		p.src = leaves
	case l.Internet:
		public, ok := n.public[p.src]
		if !ok {
			w.say(n, p, Gateway, Drop, l.ID, "associate an elastic address with "+p.src.String(), "%s has no public address, so %s does not take it", p.src, l.ID)
			return
		}
		w.say(n, p, Gateway, Accept, l.ID, "", "%s goes on as %s", p.src, public)
		p.src = public
	}
	w.remember(n, came, p)
	w.pass(far, entry{link: far.links[l.ID]}, p)
}
