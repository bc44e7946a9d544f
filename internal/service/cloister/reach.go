package cloister

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/fault"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) reachRow() api.Rower {
	return api.Op[shape.ReachRequest, shape.ReachResponse]{
		Name: "Reach", Honours: []string{"From", "Destination", "Protocol", "Port", "SourcePort"},
		Questions: func(c *api.Call, v store.View, in *shape.ReachRequest) ([]api.Question, error) {
			return []api.Question{{Action: "cloister:Reach", Resource: c.ARN("ec2", "network-interface/"+deref(in.From))}}, nil
		},
		View: s.trace,
	}
}

// trace answers for a connection that nobody makes: what is drawn decides, and whether the kernel holds it is another question.
func (s *Service) trace(c *api.Call, v store.View, in *shape.ReachRequest) (*shape.ReachResponse, error) {
	f, err := flow(in)
	if err != nil {
		return nil, err
	}
	it, err := source(c, v, f.From)
	if err != nil {
		return nil, err
	}
	g := gathering{view: v, world: reach.World{}, owners: map[string]string{}}
	if err := g.around(c.Scope(), it.VPC, f.Dst); err != nil {
		return nil, err
	}
	all, err := rows.Exposures.List(v, store.Query{Scope: store.Scope{Partition: c.Partition}})
	if err != nil {
		return nil, err
	}
	var exposed []netip.Addr
	for _, e := range all {
		exposed = append(exposed, e.Value.Public.Addr())
	}
	g.world[vpc.InternetNetwork] = fabric.DrawInternet(g.drawn, exposed, s.cfg.Uplink, 0)
	return answer(reach.Trace(g.world, f), c.Account, g.owners, f.From+" to "+deref(in.Destination)+", "+asked(f)), nil
}

func source(c *api.Call, v store.View, eni string) (*vpc.Interface, error) {
	it, err := rows.Interfaces.Get(v, c.Scope(), eni)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New("ResourceNotFoundException", "The account %s has no network interface %s in %s.", c.Account, eni, c.Region)
	}
	if err != nil {
		return nil, err
	}
	return &it.Value, nil
}

func asked(f reach.Flow) string {
	switch f.Proto {
	case vpc.TCP:
		return fmt.Sprintf("tcp %d", f.Port)
	case vpc.UDP:
		return fmt.Sprintf("udp %d", f.Port)
	case vpc.ICMP:
		return "ping"
	}
	return fmt.Sprintf("protocol %d", f.Proto)
}

func flow(in *shape.ReachRequest) (reach.Flow, error) {
	f := reach.Flow{From: *in.From}
	wrong := func(text string, args ...any) (reach.Flow, error) {
		return f, fault.New("InvalidInputException", text, args...)
	}
	var err error
	if f.Dst, err = netip.ParseAddr(*in.Destination); err != nil || !f.Dst.Is4() {
		return wrong("The destination %q is not an IPv4 address.", *in.Destination)
	}
	if in.SourcePort != nil {
		f.SrcPort = uint16(*in.SourcePort)
	}
	switch *in.Protocol {
	case "tcp":
		f.Proto = vpc.TCP
	case "udp":
		f.Proto = vpc.UDP
	case "icmp":
		f.Proto, f.Type = vpc.ICMP, 8
	default:
		n, err := strconv.ParseUint(*in.Protocol, 10, 8)
		if err != nil {
			return wrong("The protocol %q is not tcp, udp, icmp or a number below 256.", *in.Protocol)
		}
		if f.Proto = vpc.Proto(n); f.Proto == vpc.ICMP {
			f.Type = 8
		}
	}
	ports := f.Proto == vpc.TCP || f.Proto == vpc.UDP
	if ports != (in.Port != nil) || !ports && in.SourcePort != nil {
		return wrong("A port is given for tcp and udp, and for nothing else.")
	}
	if ports {
		f.Port = uint16(*in.Port)
	}
	return f, nil
}

// gathering is the drawings that a flow may cross, and whose they are.
type gathering struct {
	view   store.View
	world  reach.World
	drawn  []vpc.Snapshot
	owners map[string]string // account by network
}

// around draws a VPC, those it is peered with and, behind its internet gateway, the one that has the public address. A packet
// gets no further: nothing passes through a VPC.
func (g *gathering) around(s store.Scope, id string, dst netip.Addr) error {
	if err := g.draw(s, id); err != nil {
		return err
	}
	peerings, err := rows.Peerings.List(g.view, store.Query{Scope: store.Scope{Partition: s.Partition}, Term: store.Term{Name: "vpc", Value: id}})
	if err != nil {
		return err
	}
	for i := range peerings {
		p := &peerings[i].Value
		for _, side := range []vpc.PeerSide{p.Requester, p.Accepter} {
			if p.Active() && side.VPC != id {
				if err := g.draw(store.Scope{Partition: s.Partition, Account: side.Account, Region: side.Region}, side.VPC); err != nil {
					return err
				}
			}
		}
	}
	publics, err := rows.Addresses.List(g.view, store.Query{AnyScope: true, Term: store.Term{Name: "public", Value: dst.String()}})
	if err != nil {
		return err
	}
	for _, a := range publics {
		if a.Value.VPC != "" && a.Scope.Partition == s.Partition {
			if err := g.draw(a.Scope, a.Value.VPC); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gathering) draw(s store.Scope, id string) error {
	if _, done := g.world[id]; done {
		return nil
	}
	snap, err := rows.Snapshot(g.view, s, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it went while its peering was still there: what leads to it leads nowhere
	}
	if err != nil {
		return err
	}
	g.drawn = append(g.drawn, snap)
	g.world[id], g.owners[id] = fabric.Draw(snap, 0), s.Account
	return nil
}

// answer tells a trace to an account. What another account's network does is told as one verdict, and nothing that follows its
// refusal: else a caller could learn which of its addresses are taken and what its rules say.
func answer(r reach.Result, account string, owners map[string]string, what string) *shape.ReachResponse {
	out := &shape.ReachResponse{Verdict: ptr(r.Verdict.String()), Hops: []shape.ReachHop{}, Shadowing: []shape.ReachHop{}}
	foreign := func(s reach.Step) bool { o := owners[s.Network]; return o != "" && o != account }
	var deciding shape.ReachHop
	refused := false
	for i := 0; i < len(r.Hops); i++ {
		s := r.Hops[i]
		h := hop(s)
		hidden := foreign(s)
		if hidden {
			first, verdict := s, reach.Accept
			for ; i < len(r.Hops) && r.Hops[i].Network == first.Network; i++ {
				verdict = verdict && r.Hops[i].Verdict
			}
			i--
			h = shape.ReachHop{Network: opt(first.Network), Verdict: ptr(verdict.String()),
				Text: ptr("decided in the account " + owners[first.Network] + "; what its network says is for that account to see")}
			s.Verdict = verdict
		}
		out.Hops = append(out.Hops, h)
		switch {
		case s.Verdict == reach.Drop && !refused:
			deciding, refused = h, true
		case s.Verdict == reach.Drop:
			out.Shadowing = append(out.Shadowing, h)
		case !refused && (!s.Back || deciding.Verdict == nil):
			deciding = h
		}
		if hidden && s.Verdict == reach.Drop {
			break
		}
	}
	if deciding.Verdict != nil {
		out.Deciding, out.Change = &deciding, deciding.Change
	}
	if r.Appliance != "" && !foreign(r.Hops[len(r.Hops)-1]) {
		out.Appliance = ptr(r.Appliance)
	}
	out.Summary = ptr(what + ": " + summarize(r, &deciding, out.Appliance))
	return out
}

func summarize(r reach.Result, d *shape.ReachHop, appliance *string) string {
	switch {
	case bool(r.Verdict) && appliance != nil:
		return "arrives at " + *appliance + ", which takes what is meant for others: what it does with it is unknown"
	case bool(r.Verdict) && d.Verdict == nil:
		return "never leaves the interface"
	case bool(r.Verdict):
		return "arrives"
	case d.Back != nil:
		return "arrives, but the answer is lost: " + deref(d.Text)
	}
	return "does not arrive: " + deref(d.Text)
}

func hop(s reach.Step) shape.ReachHop {
	h := shape.ReachHop{Hop: ptr(string(s.Hop)), Network: opt(s.Network), Rule: opt(s.Rule), Verdict: ptr(s.Verdict.String()), Text: opt(s.Text), Change: opt(s.Change)}
	if s.Back {
		h.Back = new(bool)
		*h.Back = true
	}
	return h
}
