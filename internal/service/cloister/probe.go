package cloister

import (
	"context"
	"net/netip"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
)

// probeRow sends one packet, from an interface of the caller's account: what Reach computes, tried.
func (s *Service) probeRow() api.Rower {
	op := api.Op[shape.ProbeRequest, shape.ProbeResponse]{
		Name: "Probe", Honours: []string{"From", "Destination", "Protocol", "Port", "SourcePort"},
		Questions: func(c *api.Call, v store.View, in *shape.ProbeRequest) ([]api.Question, error) {
			return []api.Question{{Action: "cloister:Probe", Resource: c.ARN("ec2", "network-interface/"+deref(in.From))}}, nil
		},
		Stream: s.probe,
	}
	return op
}

func (s *Service) probe(ctx context.Context, c *api.Call, in *shape.ProbeRequest) (*shape.ProbeResponse, error) {
	f, err := flow(&shape.ReachRequest{From: in.From, Destination: in.Destination, Protocol: in.Protocol, Port: in.Port, SourcePort: in.SourcePort})
	if err != nil {
		return nil, err
	}
	if f.Proto != vpc.TCP && f.Proto != vpc.UDP && f.Proto != vpc.ICMP {
		return nil, fault.New("InvalidInputException", "Only tcp, udp and icmp are sent.")
	}
	there := func() error {
		return c.Read(ctx, func(v store.View) error {
			i, err := source(c, v, f.From)
			if err == nil && (i.Attachment == nil || s.cfg.Probe == nil) {
				err = fault.New("InvalidInputException", "Nothing is attached to %s: there is no network to send from.", f.From)
			}
			return err
		})
	}
	if err := there(); err != nil {
		return nil, err
	}
	said, err := s.cfg.Probe(ctx, f.From, int(f.Proto), netip.AddrPortFrom(f.Dst, f.Port), f.SrcPort)
	if err != nil {
		if gone := there(); gone != nil { // it went in between
			return nil, gone
		}
		return nil, err
	}
	out, err := c.Commit(ctx, func(store.Tx) (any, error) { return &shape.ProbeResponse{Outcome: &said}, nil }) // a packet was sent: it is recorded
	if err != nil {
		return nil, err
	}
	return out.(*shape.ProbeResponse), nil
}
