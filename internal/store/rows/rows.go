// Package rows lists the tables that more than one room reads. A table that only one service knows stays in that service.
package rows

import (
	"net/netip"

	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// The EC2 tables. Rows live in the owner's account and region; the id is EC2's.
var (
	VPCs = store.Table[vpc.VPC]{Kind: "vpc"}

	Subnets = store.Table[vpc.Subnet]{Kind: "subnet", Terms: func(s *vpc.Subnet) []store.Term {
		return []store.Term{{Name: "vpc", Value: s.VPC}}
	}}
	Groups = store.Table[vpc.Group]{Kind: "security-group", Terms: func(g *vpc.Group) []store.Term {
		return []store.Term{{Name: "vpc", Value: g.VPC}, {Name: "name", Value: g.VPC + "/" + g.Name, Unique: true}}
	}}
	RouteTables = store.Table[vpc.RouteTable]{Kind: "route-table", Terms: func(r *vpc.RouteTable) []store.Term {
		t := []store.Term{{Name: "vpc", Value: r.VPC}}
		for _, a := range r.Associations {
			t = append(t, store.Term{Name: "subnet", Value: a.Subnet, Unique: true}, store.Term{Name: "association", Value: a.ID, Unique: true})
		}
		if r.Main {
			t = append(t, store.Term{Name: "association", Value: r.MainAssociation, Unique: true}, store.Term{Name: "main", Value: r.VPC, Unique: true})
		}
		return t
	}}
	Endpoints = store.Table[vpc.Endpoint]{Kind: "vpc-endpoint", Terms: func(e *vpc.Endpoint) []store.Term {
		t := []store.Term{{Name: "vpc", Value: e.VPC}}
		if e.Token != "" {
			t = append(t, store.Term{Name: "token", Value: e.Token, Unique: true})
		}
		return t
	}}
	Interfaces = store.Table[vpc.Interface]{Kind: "network-interface", Terms: func(i *vpc.Interface) []store.Term {
		t := []store.Term{{Name: "vpc", Value: i.VPC}, {Name: "subnet", Value: i.Subnet}}
		for _, g := range i.Groups {
			t = append(t, store.Term{Name: "group", Value: g})
		}
		for _, a := range i.Addrs {
			t = append(t, store.Term{Name: "addr", Value: i.VPC + "/" + a.String(), Unique: true})
		}
		return t
	}}
	ACLs = store.Table[vpc.ACL]{Kind: "network-acl", Terms: func(a *vpc.ACL) []store.Term {
		t := []store.Term{{Name: "vpc", Value: a.VPC}}
		for _, x := range a.Associations {
			t = append(t, store.Term{Name: "subnet", Value: x.Subnet, Unique: true}, store.Term{Name: "association", Value: x.ID, Unique: true})
		}
		if a.Default {
			t = append(t, store.Term{Name: "default", Value: a.VPC, Unique: true})
		}
		return t
	}}
	InternetGateways = store.Table[vpc.InternetGateway]{Kind: "internet-gateway", Terms: func(g *vpc.InternetGateway) []store.Term {
		if g.VPC == "" {
			return nil
		}
		return []store.Term{{Name: "vpc", Value: g.VPC, Unique: true}}
	}}
	Addresses = store.Table[vpc.Address]{Kind: "elastic-address", Terms: func(a *vpc.Address) []store.Term {
		t := []store.Term{{Name: "public", Value: a.Public.String(), Unique: true}}
		if a.Association != "" {
			t = append(t, store.Term{Name: "vpc", Value: a.VPC}, store.Term{Name: "interface", Value: a.Interface},
				store.Term{Name: "private", Value: a.Interface + "/" + a.Private.String(), Unique: true}, store.Term{Name: "association", Value: a.Association, Unique: true})
		}
		return t
	}}
	NATs = store.Table[vpc.NAT]{Kind: "nat-gateway", Terms: func(n *vpc.NAT) []store.Term {
		return []store.Term{{Name: "vpc", Value: n.VPC}, {Name: "subnet", Value: n.Subnet}}
	}}
	PrefixLists = store.Table[vpc.PrefixList]{Kind: "prefix-list"}
	DHCPs       = store.Table[vpc.DHCP]{Kind: "dhcp-options"}
	// Peerings belong to two accounts: they live in the partition, without account and region.
	Peerings = store.Table[vpc.Peering]{Kind: "vpc-peering", Terms: func(p *vpc.Peering) []store.Term {
		var t []store.Term
		for _, s := range []vpc.PeerSide{p.Requester, p.Accepter} {
			side := store.Term{Name: "side", Value: s.Account + "/" + s.Region}
			if len(t) == 0 || t[0] != side {
				t = append(t, side)
			}
		}
		return append(t, store.Term{Name: "vpc", Value: p.Requester.VPC}, store.Term{Name: "vpc", Value: p.Accepter.VPC})
	}}
)

// Jobs holds every asynchronous job, in its account and region; the id is the job's.
var Jobs = store.Table[job.Job]{Kind: "job", Terms: func(j *job.Job) []store.Term {
	t := []store.Term{{Name: "kind", Value: j.Kind}, {Name: "arn", Value: j.ARN, Unique: true}, {Name: "state", Value: j.Kind + "/" + string(j.State)}}
	if j.Name != "" {
		t = append(t, store.Term{Name: "job-name", Value: j.Kind + "/" + j.Name})
	}
	if !j.State.Ended() || !j.Cleaned {
		t = append(t, store.Term{Name: "live", Value: "yes"})
	}
	if j.Token != "" {
		t = append(t, store.Term{Name: "token", Value: j.Kind + "/" + j.Token, Unique: true})
	}
	return t
}}

// Models holds the versions of custom models, in their account and region; the id is the resource part of the ARN
// (document-classifier/NAME or document-classifier/NAME/version/VERSION).
var Models = store.Table[model.Model]{Kind: "model", Terms: func(m *model.Model) []store.Term {
	t := []store.Term{{Name: "arn", Value: m.ARN, Unique: true}, {Name: "kind", Value: m.Kind}, {Name: "name", Value: m.Kind + "/" + m.Name}}
	if m.Token != "" {
		t = append(t, store.Term{Name: "token", Value: m.Kind + "/" + m.Token, Unique: true})
	}
	if m.Artifact.Blob != "" {
		t = append(t, store.Term{Name: "blob", Value: m.Artifact.Blob, Unique: true})
	}
	return t
}}

// ModelEndpoints holds what serves models, in its account and region; the id is the resource part of the ARN
// (document-classifier-endpoint/NAME).
var ModelEndpoints = store.Table[model.Endpoint]{Kind: "model-endpoint", Terms: func(e *model.Endpoint) []store.Term {
	t := []store.Term{{Name: "arn", Value: e.ARN, Unique: true}, {Name: "model", Value: e.Model}}
	if e.Token != "" {
		t = append(t, store.Term{Name: "token", Value: e.Token, Unique: true})
	}
	return t
}}

// Account is a 12-digit account that exists here.
type Account struct{ ID, Name string }

// Accounts lives in the partition's scope without account and region.
var Accounts = store.Table[Account]{Kind: "account"}

// Snapshot gathers everything that decides the paths of one VPC.
func Snapshot(v store.View, s store.Scope, id string) (vpc.Snapshot, error) {
	var out vpc.Snapshot
	it, err := VPCs.Get(v, s, id)
	if err != nil {
		return out, err
	}
	out.VPC = it.Value
	q := store.Query{Scope: s, Term: store.Term{Name: "vpc", Value: id}}
	if out.Subnets, err = values(Subnets, v, q); err != nil {
		return out, err
	}
	if out.Groups, err = values(Groups, v, q); err != nil {
		return out, err
	}
	if out.RouteTables, err = values(RouteTables, v, q); err != nil {
		return out, err
	}
	if out.Endpoints, err = values(Endpoints, v, q); err != nil {
		return out, err
	}
	if out.Interfaces, err = values(Interfaces, v, q); err != nil {
		return out, err
	}
	if out.ACLs, err = values(ACLs, v, q); err != nil {
		return out, err
	}
	gates, err := values(InternetGateways, v, q)
	if err != nil {
		return out, err
	}
	if len(gates) > 0 {
		out.Internet = &gates[0]
	}
	if out.NATs, err = values(NATs, v, q); err != nil {
		return out, err
	}
	if out.Addresses, err = values(Addresses, v, q); err != nil {
		return out, err
	}
	if out.Peers, err = peers(v, s, id); err != nil {
		return out, err
	}
	out.Prefixes = vpc.ManagedPrefixes(s.Region)
	lists, err := PrefixLists.List(v, store.Query{Scope: s})
	for _, l := range lists {
		ps := []netip.Prefix{} // an empty list is known, and admits nobody
		for _, e := range l.Value.Entries {
			ps = append(ps, e.CIDR)
		}
		out.Prefixes[l.ID] = ps
	}
	return out, err
}

// peers gathers what the active peerings of a VPC show of the other sides.
func peers(v store.View, s store.Scope, id string) ([]vpc.Peer, error) {
	all, err := Peerings.List(v, store.Query{Scope: store.Scope{Partition: s.Partition}, Term: store.Term{Name: "vpc", Value: id}})
	if err != nil {
		return nil, err
	}
	var out []vpc.Peer
	for _, it := range all {
		p := &it.Value
		if !p.Active() {
			continue
		}
		far := p.Accepter
		if far.VPC == id {
			far = p.Requester
		}
		x := vpc.Peer{ID: it.ID, VPC: far.VPC, CIDRs: far.CIDRs, Members: map[string][]netip.Addr{}}
		enis, err := values(Interfaces, v, store.Query{Scope: store.Scope{Partition: s.Partition, Account: far.Account, Region: far.Region}, Term: store.Term{Name: "vpc", Value: far.VPC}})
		if err != nil {
			return nil, err
		}
		for _, e := range enis {
			if e.Attachment == nil {
				continue
			}
			x.Live = true
			for _, g := range e.Groups {
				x.Members[g] = append(x.Members[g], e.Addrs...)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

func values[T any](t store.Table[T], v store.View, q store.Query) ([]T, error) {
	items, err := t.List(v, q)
	out := make([]T, len(items))
	for i := range items {
		out[i] = items[i].Value
	}
	return out, err
}
