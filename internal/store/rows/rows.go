// Package rows lists the tables that more than one room reads. A table that only one service knows stays in that service.
package rows

import (
	"cloister/internal/core/job"
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
)

// Jobs holds every asynchronous job, in its account and region; the id is the job's.
var Jobs = store.Table[job.Job]{Kind: "job", Terms: func(j *job.Job) []store.Term {
	t := []store.Term{{Name: "kind", Value: j.Kind}, {Name: "arn", Value: j.ARN, Unique: true}}
	if !j.State.Ended() || !j.Cleaned {
		t = append(t, store.Term{Name: "live", Value: "yes"})
	}
	if j.Token != "" {
		t = append(t, store.Term{Name: "token", Value: j.Kind + "/" + j.Token, Unique: true})
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
	out.Prefixes = vpc.ManagedPrefixes(s.Region)
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
