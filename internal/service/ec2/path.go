package ec2

import (
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Path says by which endpoint a request from inside a VPC comes to a service ("s3"), as the network is drawn now. An address of
// an interface endpoint is that endpoint; else it is the one that the route table of the sender's subnet leads to. A connection
// outlives changes, so this is asked for each request; when nothing carries the request any more it is refused.
func (s *Service) Path(v store.View, o *api.Origin, service string) (*api.Path, *fault.Fault) {
	if o == nil {
		o = &api.Origin{}
	}
	k := way{origin: *o, service: service}
	if o.Sender != nil {
		k.sender, k.origin.Sender = *o.Sender, nil
	}
	k.origin.Peer = netip.AddrPortFrom(o.Peer.Addr(), 0) // of each connection another
	p, err := s.ways.Get(v, k, func(v store.View) (api.Path, error) {
		p, err := path(v, o, service)
		if err != nil {
			return api.Path{}, err
		}
		return *p, nil
	})
	if err != nil {
		return nil, fault.From(err)
	}
	return &p, nil
}

// way is all on which a path depends, beside the ledger.
type way struct {
	origin  api.Origin
	sender  api.Sender
	service string
}

func closed(format string, args ...any) error { return fault.Of(fault.Unavailable, format, args...) }

func path(v store.View, o *api.Origin, service string) (*api.Path, error) {
	if o == nil || o.Door != api.InVPC {
		return nil, closed("The request did not come from inside a VPC.")
	}
	sender, err := sent(v, o)
	if err != nil {
		return nil, err
	}
	if o.Dest.IsValid() {
		at, err := rows.Interfaces.Find(v, scopeOf(o), "addr", o.VPC+"/"+o.Dest.Addr().Unmap().String())
		switch {
		case err == nil:
			return frontDoor(v, o, &at.Value, service)
		case !absent(err):
			return nil, err
		}
	}
	if o.Sender != nil { // a peering leads to interfaces alone
		return nil, closed("%s is no address of an endpoint of %s.", o.Dest.Addr(), o.VPC)
	}
	return gateway(v, o, sender.Subnet, service)
}

func scopeOf(o *api.Origin) store.Scope {
	return store.Scope{Partition: o.Partition, Account: o.Account, Region: o.Region}
}

// sent finds the interface that a request came from, and the peering that carried it.
func sent(v store.View, o *api.Origin) (*vpc.Interface, error) {
	sc, home := scopeOf(o), o.VPC
	if p := o.Sender; p != nil {
		sc.Account, sc.Region, home = p.Account, p.Region, p.VPC
		it, err := rows.Peerings.Get(v, store.Scope{Partition: o.Partition}, p.Peering)
		if err != nil && !absent(err) {
			return nil, err
		}
		ends := []string{it.Value.Requester.VPC, it.Value.Accepter.VPC}
		if err != nil || !it.Value.Active() || !slices.Contains(ends, o.VPC) || !slices.Contains(ends, home) {
			return nil, closed("The peering %s between %s and %s carries nothing any more.", p.Peering, home, o.VPC)
		}
	}
	i, err := rows.Interfaces.Get(v, sc, o.Interface)
	switch {
	case absent(err):
		return nil, closed("The network interface %s does not exist any more.", o.Interface)
	case err != nil:
		return nil, err
	case i.Value.Attachment == nil || i.Value.VPC != home:
		return nil, closed("Nothing is attached to the network interface %s of %s.", o.Interface, home)
	case o.Peer.IsValid() && !slices.Contains(i.Value.Addrs, o.Peer.Addr().Unmap()):
		return nil, closed("%s is no address of the network interface %s.", o.Peer.Addr(), o.Interface)
	}
	return &i.Value, nil
}

// frontDoor is the interface endpoint at whose address a request arrived. It answers for its own service alone, whatever name
// the client had for it.
func frontDoor(v store.View, o *api.Origin, at *vpc.Interface, service string) (*api.Path, error) {
	ends, err := rows.Endpoints.List(v, store.Query{Scope: scopeOf(o), Term: store.Term{Name: "vpc", Value: o.VPC}})
	if err != nil {
		return nil, err
	}
	for _, e := range ends {
		if !slices.Contains(e.Value.Interfaces, at.ID) {
			continue
		}
		svc, _ := vpc.ServiceNamed(o.Region, e.Value.Service)
		if !slices.Contains(svc.Serves, service) {
			return nil, fault.Of(fault.BadSignature, "Credential should be scoped to correct service: the VPC endpoint %s leads to %s alone.", e.ID, e.Value.Service)
		}
		return &api.Path{Endpoint: e.ID, PolicyText: e.Value.Policy}, nil
	}
	return nil, closed("%s is no address of an endpoint of %s.", o.Dest.Addr(), o.VPC)
}

// gateway is the gateway endpoint that the route table of a subnet leads to.
func gateway(v store.View, o *api.Origin, subnet, service string) (*api.Path, error) {
	t, err := rows.RouteTables.Find(v, scopeOf(o), "subnet", subnet)
	if absent(err) {
		t, err = rows.RouteTables.Find(v, scopeOf(o), "main", o.VPC)
	}
	if absent(err) {
		return nil, closed("The subnet %s has no route table.", subnet)
	}
	if err != nil {
		return nil, err
	}
	ends, err := rows.Endpoints.List(v, store.Query{Scope: scopeOf(o), Term: store.Term{Name: "vpc", Value: o.VPC}})
	if err != nil {
		return nil, err
	}
	name := "com.amazonaws." + o.Region + "." + service
	for _, e := range ends {
		if e.Value.Type == "Gateway" && e.Value.Service == name && slices.Contains(e.Value.RouteTables, t.ID) && leads(o.Dest.Addr(), o.Region, service) {
			return &api.Path{Endpoint: e.ID, Gateway: true, PolicyText: e.Value.Policy, RouteTable: t.ID}, nil
		}
	}
	return nil, closed("Route table %s of subnet %s has no route to %s.", t.ID, subnet, name)
}

// leads reports whether a service's prefix list holds the destination; an unknown destination is not asked about.
func leads(dst netip.Addr, region, service string) bool {
	if !dst.IsValid() {
		return true
	}
	if service != "s3" {
		return false
	}
	return slices.ContainsFunc(vpc.ManagedPrefixes(region)[vpc.S3PrefixList(region)], func(p netip.Prefix) bool { return p.Contains(dst.Unmap()) })
}
