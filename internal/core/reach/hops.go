package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// deliver is the way into a port: between two subnets both ACLs, then the groups of both sides.
func (w *walk) deliver(n *network, in entry, q *port, p packet) {
	if from := in.table(); from == nil || from != q.subnet {
		if in.port != nil || in.self != nil {
			w.acl(ACLOut, n, from, p)
		}
		w.acl(ACLIn, n, q.subnet, p)
	}
	w.egress(n, in, p)
	switch {
	case q.Kind == fabric.Translator && !slices.Contains(q.Addrs, p.dst) && !p.back:
		w.say(n, p, Ingress, Accept, q.ID, "", "%s is a NAT gateway's, under no security group", q.ID)
		w.translate(n, q, p)
		return
	case q.Kind == fabric.Translator && p.back:
		w.untranslate(n, q, p)
		return
	case q.Kind == fabric.Translator:
		w.say(n, p, Ingress, Drop, q.ID, "", "%s is a NAT gateway's: it takes no connections", q.ID)
		return
	case p.back && q != w.source && q.Open && !slices.Contains(q.Addrs, p.dst):
		w.appliance = q.ID
		return
	case p.back && q != w.source:
		w.say(n, p, Route, Drop, q.ID, "", "the answer goes to %s, which did not ask", q.ID)
		return
	case p.back:
		return
	}
	w.ingress(n, q, p)
	if slices.Contains(q.Addrs, p.dst) {
		w.back(n, entry{port: q}, p)
	} else {
		w.appliance = q.ID
	}
}

// translate is a NAT gateway: the packet goes on from its first address, by its own subnet's routes.
func (w *walk) translate(n *network, q *port, p packet) {
	came := p
	if p.proto != vpc.TCP && p.proto != vpc.UDP && (p.proto != vpc.ICMP || p.typ != 8) {
		w.say(n, p, Gateway, Drop, q.ID, "", "a NAT gateway carries TCP, UDP and echo requests, not %s", p.service())
		return
	}
	p.src = q.Addrs[0]
	w.remember(q, came, p)
	w.pass(n, entry{port: q}, p)
}

func (w *walk) untranslate(n *network, q *port, p packet) {
	k, ok := w.recall(q, p)
	if !ok {
		w.say(n, p, Ingress, Drop, q.ID, "", "the answer goes to the NAT gateway's %s, through which the connection never went", q.ID)
		return
	}
	p.src, p.dst = k.dst, k.src
	w.pass(n, entry{port: q}, p)
}

// back follows the answer, when the asking packet has a source to answer to.
func (w *walk) back(n *network, from entry, p packet) {
	if a, ok := p.answer(); ok && w.source != nil {
		w.pass(n, from, a)
	}
}

// answerer is the way to an endpoint's interface: a listener of the daemon behind the walls of a port.
func (w *walk) answerer(n *network, in entry, q *port, p packet) {
	if from := in.table(); from == nil || from != q.subnet {
		if in.port != nil {
			w.acl(ACLOut, n, from, p)
		}
		w.acl(ACLIn, n, q.subnet, p)
	}
	w.egress(n, in, p)
	w.ingress(n, q, p)
	if w.listener(n, p, false) {
		w.back(n, entry{self: q}, p)
	}
}

// input is the way to an address that the network itself answers on. No group and no ACL governs it.
func (w *walk) input(n *network, in entry, p packet) {
	if in.link != nil {
		w.say(n, p, Input, Drop, p.dst.String(), "", "%s answers nobody who comes by %s", p.dst, in.link.ID)
		return
	}
	if l := n.listens(p, false); l != nil {
		w.say(n, p, Input, Accept, l.Name, "", "the resolver is under no security group")
		w.say(n, p, Listener, Accept, l.Name, "", "%s listens on %s", l.Name, p.dst)
		return
	}
	if p.proto == vpc.ICMP {
		w.say(n, p, Input, Accept, "icmp", "", "%s answers ICMP", p.dst)
		return
	}
	w.say(n, p, Input, Drop, p.dst.String(), "", "%s offers nothing at %s", p.dst, p.service())
}

// gateway is the way to a gateway endpoint: under the sender's ACL and groups, and its answer under the ACL again.
func (w *walk) gateway(n *network, in entry, p packet) {
	w.acl(ACLOut, n, in.table(), p)
	if within(n.d.Gateways, p.dst) {
		w.say(n, p, Input, Accept, p.dst.String(), "", "a gateway endpoint answers on %s", p.dst)
	} else {
		w.say(n, p, Input, Drop, p.dst.String(), "", "no gateway endpoint answers on %s", p.dst)
	}
	w.egress(n, in, p)
	if w.listener(n, p, true) {
		w.back(n, entry{}, p)
	}
}

func (w *walk) listener(n *network, p packet, transparent bool) bool {
	if l := n.listens(p, transparent); l != nil {
		w.say(n, p, Listener, Accept, l.Name, "", "%s listens on %s", l.Name, p.dst)
		return true
	}
	w.say(n, p, Listener, Drop, p.service(), "use a port that the endpoint serves", "nothing listens at %s of %s", p.service(), p.dst)
	return false
}

func (n *network) listens(p packet, transparent bool) *fabric.Listener {
	i := slices.IndexFunc(n.d.Listeners, func(l fabric.Listener) bool {
		return l.Transparent == transparent && (transparent || l.Addr == p.dst) && l.Port == p.dport &&
			(p.proto == vpc.TCP && l.Net == "tcp" || p.proto == vpc.UDP && l.Net == "udp")
	})
	if i < 0 {
		return nil
	}
	return &n.d.Listeners[i]
}

// internet is the network between the internet gateways: to another gateway's public address, or out by its one listener.
func (w *walk) internet(n *network, in entry, p packet) {
	if !w.spoof(n, in, p) {
		return
	}
	for i := range n.d.Links {
		l := &n.d.Links[i]
		if !within(l.Near, p.dst) {
			continue
		}
		far := w.m.networks[l.Peer]
		if far == nil || far.links[l.ID] == nil {
			w.say(n, p, Route, Drop, l.ID, "", "%s is behind %s, which is not there", p.dst, l.ID)
			return
		}
		w.say(n, p, Route, Accept, l.ID, "", "%s is behind %s", p.dst, l.ID)
		w.pass(far, entry{link: far.links[l.ID]}, p)
		return
	}
	switch {
	case n.d.Catch == nil || !within(n.d.Gateways, p.dst):
		w.say(n, p, Route, Drop, "internet", "start the daemon with an uplink", "the internet here has no %s, and no uplink", p.dst)
	case p.proto != vpc.TCP:
		w.say(n, p, Route, Drop, "internet", "use TCP", "only TCP leaves by the uplink, not %s", p.service())
	default:
		w.say(n, p, Listener, Accept, n.d.Catch.Name, "", "the uplink takes connections to %s; whether it gets there is decided outside", p.dst)
		w.back(n, entry{}, p)
	}
}

// acl asks a subnet's network ACL about the packet's other side: the first entry that matches decides.
func (w *walk) acl(h Hop, n *network, s *subnet, p packet) {
	if s == nil || s.ACL == "" {
		return
	}
	var entries []fabric.ACLEntry
	other, word, call := p.dst, "to", "egress"
	if a := n.acls[s.ACL]; a != nil {
		entries = a.Egress
	}
	if h == ACLIn {
		other, word, call = p.src, "from", "ingress"
		if entries = nil; n.acls[s.ACL] != nil {
			entries = n.acls[s.ACL].Ingress
		}
	}
	what := p.service()
	if p.back {
		what = "the answer, " + what
	}
	port := p.dport
	if p.anyPort() {
		port = EphemeralFirst
	}
	e := first(entries, p, other, port)
	if p.anyPort() && !uniform(entries, p, other) {
		w.say(n, p, h, Drop, s.ACL, fmt.Sprintf("CreateNetworkAclEntry %s %s: allow %s %s %s", s.ACL, call, p.service(), word, other),
			"%s of %s admits only a part of %s %s %s", s.ACL, s.ID, what, word, other)
		return
	}
	rule := s.ACL + " rule *"
	if e != nil {
		rule = s.ACL + " rule " + strconv.Itoa(e.Number)
	}
	if e != nil && e.Allow {
		w.tell(n, p, h, Accept, rule, "", rule+" of "+s.ID+" admits "+what+" "+word+" "+other.String())
		return
	}
	change := fmt.Sprintf("CreateNetworkAclEntry %s %s: allow %s %s %s", s.ACL, call, p.service(), word, other)
	if e != nil {
		change += fmt.Sprintf(", numbered below %d", e.Number)
	}
	w.say(n, p, h, Drop, rule, change, "%s of %s refuses %s %s %s", rule, s.ID, what, word, other)
}

// uniform reports whether an ACL says the same to every ephemeral port.
func uniform(entries []fabric.ACLEntry, p packet, other netip.Addr) bool {
	e := first(entries, p, other, EphemeralFirst)
	want := e != nil && e.Allow
	for _, edge := range entries {
		for _, port := range [2]int{edge.From, edge.To + 1} {
			if port <= EphemeralFirst || port > EphemeralLast {
				continue
			}
			if e := first(entries, p, other, uint16(port)); (e != nil && e.Allow) != want {
				return false
			}
		}
	}
	return true
}

// first is the entry that decides, nil when none takes the packet.
func first(entries []fabric.ACLEntry, p packet, other netip.Addr, port uint16) *fabric.ACLEntry {
	for i := range entries {
		if e := &entries[i]; e.CIDR.Contains(other) && concerns(e.Proto, e.From, e.To, &p, port) {
			return e
		}
	}
	return nil
}

// concerns reports whether protocol and ports of a rule are the packet's. ICMP: from is the type, to the code.
func concerns(proto vpc.Proto, from, to int, p *packet, port uint16) bool {
	if proto == vpc.Any {
		return true
	}
	if proto != p.proto {
		return false
	}
	switch proto {
	case vpc.TCP, vpc.UDP:
		return from < 0 || to <= 65535 && from <= int(port) && int(port) <= to
	case vpc.ICMP:
		return from < 0 || from == int(p.typ) && (to < 0 || to == int(p.code))
	}
	return true
}

func (w *walk) egress(n *network, in entry, p packet) {
	if in.port != nil && !p.back && in.port.Kind == fabric.Guest {
		w.groups(Egress, n, in.port, p, p.dst)
	}
}

func (w *walk) ingress(n *network, q *port, p packet) {
	if !p.back {
		w.groups(Ingress, n, q, p, p.src)
	}
}

// groups asks the groups of a port about the other side: one rule that admits is enough.
func (w *walk) groups(h Hop, n *network, at *port, p packet, other netip.Addr) {
	word := "to"
	if h == Ingress {
		word = "from"
	}
	for _, id := range at.Groups {
		g := n.groups[id]
		if g == nil {
			continue
		}
		rules := &g.egress
		if h == Ingress {
			rules = &g.ingress
		}
		if i := n.admits(rules, &p, other); i >= 0 {
			rule := rules.all[i].Rule
			w.tell(n, p, h, Accept, rule, "", rule+" of "+id+" admits "+p.service()+" "+word+" "+other.String())
			return
		}
	}
	names := cmp.Or(strings.Join(at.Groups, ", "), "no group")
	w.say(n, p, h, Drop, strings.Join(at.Groups, ","), fmt.Sprintf("an %s rule in %s for %s %s %s", h, names, p.service(), word, other),
		"no %s rule of %s (%s) admits %s %s %s", h, at.ID, names, p.service(), word, other)
}

// admits is the first rule that takes the packet, -1 when none does.
func (n *network) admits(rs *rules, p *packet, other netip.Addr) int {
	if !other.Is4() {
		return -1
	}
	addr := number(other)
	for i := range rs.quick {
		q := &rs.quick[i]
		if q.proto != vpc.Any && q.proto != p.proto || addr < q.first || addr > q.last {
			continue
		}
		if !concerns(q.proto, int(q.from), int(q.to), p, p.dport) {
			continue
		}
		if group := rs.all[i].Group; group != "" && n.member(group, other) || group == "" && holds(rs.peers[i], addr) {
			return i
		}
	}
	return -1
}

// member reports whether an address is one of a group's, here or in another network.
func (n *network) member(id string, other netip.Addr) bool {
	g := n.groups[id]
	if g == nil {
		return false
	}
	q := n.addrs[other]
	return g.far[other] || q != nil && slices.Contains(q.Groups, id)
}
