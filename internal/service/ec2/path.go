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

// Path says by which endpoint a request from inside a VPC comes to a service ("s3"), as the network is drawn now: the
// interface's subnet, its route table, the endpoint that the table leads to. A connection outlives changes, so this is
// asked for each request; when nothing carries the request any more it is refused.
func (s *Service) Path(v store.View, o *api.Origin, service string) (*api.Path, *fault.Fault) {
	p, err := path(v, o, service)
	if err != nil {
		return nil, fault.From(err)
	}
	return p, nil
}

func path(v store.View, o *api.Origin, service string) (*api.Path, error) {
	closed := func(format string, args ...any) error { return fault.Of(fault.Unavailable, format, args...) }
	if o == nil || o.Door != api.InVPC {
		return nil, closed("The request did not come from inside a VPC.")
	}
	sc := store.Scope{Partition: o.Partition, Account: o.Account, Region: o.Region}
	i, err := rows.Interfaces.Get(v, sc, o.Interface)
	switch {
	case absent(err):
		return nil, closed("The network interface %s does not exist any more.", o.Interface)
	case err != nil:
		return nil, err
	case i.Value.Attachment == nil || i.Value.VPC != o.VPC:
		return nil, closed("Nothing is attached to the network interface %s of %s.", o.Interface, o.VPC)
	case o.Peer.IsValid() && !slices.Contains(i.Value.Addrs, o.Peer.Addr().Unmap()):
		return nil, closed("%s is no address of the network interface %s.", o.Peer.Addr(), o.Interface)
	}
	t, err := rows.RouteTables.Find(v, sc, "subnet", i.Value.Subnet)
	if absent(err) {
		t, err = rows.RouteTables.Find(v, sc, "main", i.Value.VPC)
	}
	if absent(err) {
		return nil, closed("The subnet %s has no route table.", i.Value.Subnet)
	}
	if err != nil {
		return nil, err
	}
	ends, err := rows.Endpoints.List(v, store.Query{Scope: sc, Term: store.Term{Name: "vpc", Value: i.Value.VPC}})
	if err != nil {
		return nil, err
	}
	name := "com.amazonaws." + o.Region + "." + service
	for _, e := range ends {
		if e.Value.Type == "Gateway" && e.Value.Service == name && slices.Contains(e.Value.RouteTables, t.ID) && leads(o.Dest.Addr(), o.Region, service) {
			return &api.Path{Endpoint: e.ID, Gateway: true, PolicyText: e.Value.Policy, RouteTable: t.ID}, nil
		}
	}
	return nil, closed("Route table %s of subnet %s has no route to %s.", t.ID, i.Value.Subnet, name)
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
