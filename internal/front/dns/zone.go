package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// TTLs in seconds: S3's own names have a few, what AWS hosts for a VPC has a minute.
const (
	ttlS3     = 5
	ttlHosted = 60
)

// S3 is the zone of a network that leads to S3 alone: its names in one region.
type S3 struct{ Region string }

// Lookup knows the names under which S3 is reached: regional, legacy (s3-<region>), global, dual-stack, virtual hosts of each,
// and the package repositories of Amazon Linux, which are buckets of the region (Amazon VPC guide, gateway endpoints).
func (z S3) Lookup(name string) (Records, bool, error) {
	for _, base := range []string{"s3." + z.Region + ".amazonaws.com", "s3-" + z.Region + ".amazonaws.com", "s3.amazonaws.com", "s3.dualstack." + z.Region + ".amazonaws.com"} {
		if name == base || below(name, base) {
			return s3Records, true, nil
		}
	}
	for _, repo := range []string{"packages.", "repo.", "amazonlinux."} {
		if name == repo+z.Region+".amazonaws.com" {
			return s3Records, true, nil
		}
	}
	return Records{}, false, nil
}

var s3Records = Records{Addrs: []netip.Addr{vpc.S3Addr}, TTL: ttlS3}

func below(name, base string) bool {
	return strings.HasSuffix(name, "."+base) && len(name) > len(base)+1
}

// VPC is the zone of a VPC as the ledger draws it, read anew for each question: names of services that private DNS gives to
// interface endpoints, S3's names, the endpoints' own, and those of the addresses in the VPC and in peered ones that allow it.
type VPC struct {
	Store store.Store
	Scope store.Scope
	ID    string
}

// errOff is what a question meets that was on its way when DNS support was switched off.
var errOff = errors.New("the VPC has no resolver")

// Lookup satisfies Zone.
func (z VPC) Lookup(name string) (r Records, ok bool, err error) {
	err = z.Store.View(context.Background(), func(v store.View) error {
		n, err := rows.VPCs.Get(v, z.Scope, z.ID)
		if err != nil {
			return err
		}
		if !n.Value.DNSSupport {
			return errOff
		}
		q := asking{v, z.Scope, &n.Value}
		for _, try := range []func(string) (Records, error){q.private, q.s3, q.endpoint, q.reverse, q.address} {
			if r, err = try(name); err != nil || r.TTL > 0 {
				ok = err == nil
				return err
			}
		}
		return nil
	})
	return r, ok, err
}

// asking is one question to a VPC. A try without a TTL does not know the name.
type asking struct {
	v     store.View
	scope store.Scope
	n     *vpc.VPC
}

func (q asking) s3(name string) (Records, error) {
	r, _, err := S3{q.scope.Region}.Lookup(name)
	return r, err
}

// private are the services' own names where an interface endpoint has private DNS.
func (q asking) private(name string) (Records, error) {
	if !strings.HasSuffix(name, ".amazonaws.com") {
		return Records{}, nil
	}
	ends, err := rows.Endpoints.List(q.v, store.Query{Scope: q.scope, Term: store.Term{Name: "vpc", Value: q.n.ID}})
	if err != nil {
		return Records{}, err
	}
	for i := range ends {
		e := &ends[i].Value
		svc, known := vpc.ServiceNamed(q.scope.Region, e.Service)
		if known && e.Answers(q.n) && slices.ContainsFunc(svc.Private, func(p string) bool {
			base, wild := strings.CutPrefix(p, "*.")
			return name == p || wild && below(name, base)
		}) {
			return q.standing(q.scope, e, "")
		}
	}
	return Records{}, nil
}

// standing are the addresses of an endpoint, of one zone or of all. One that stands nowhere has a name without records.
func (q asking) standing(s store.Scope, e *vpc.Endpoint, zone string) (Records, error) {
	r := Records{TTL: ttlHosted}
	for _, id := range e.Interfaces {
		i, err := rows.Interfaces.Get(q.v, s, id)
		if err != nil {
			return Records{}, err
		}
		if zone == "" || i.Value.Zone == zone {
			r.Addrs = append(r.Addrs, i.Value.Addrs[0])
		}
	}
	return r, nil
}

// endpoint are the own names of the endpoints of the VPC and of peered ones. AWS hosts them for the world; who has no way to
// their addresses is not told them here.
func (q asking) endpoint(name string) (Records, error) {
	if !strings.HasSuffix(name, ".vpce.amazonaws.com") {
		return Records{}, nil
	}
	sides, err := q.sides()
	if err != nil {
		return Records{}, err
	}
	for _, s := range sides {
		ends, err := rows.Endpoints.List(q.v, store.Query{Scope: s.scope, Term: store.Term{Name: "vpc", Value: s.VPC}})
		if err != nil {
			return Records{}, err
		}
		for i := range ends {
			e := &ends[i].Value
			svc, known := vpc.ServiceNamed(s.Region, e.Service)
			if !known || e.Type != "Interface" {
				continue
			}
			named := func(zone string) bool {
				h := e.Host(&svc, zone)
				return name == h || svc.Wild() && below(name, h)
			}
			if named("") {
				return q.standing(s.scope, e, "")
			}
			for _, id := range e.Subnets {
				sn, err := rows.Subnets.Get(q.v, s.scope, id)
				if err != nil {
					return Records{}, err
				}
				if named(sn.Value.Zone) {
					return q.standing(s.scope, e, sn.Value.Zone)
				}
			}
		}
	}
	return Records{}, nil
}

// side is a VPC whose names may be known: the one that asks, or one that is peered with it.
type side struct {
	vpc.PeerSide
	scope store.Scope
	own   bool
}

// sides are the VPC itself and those to which an active peering leads, itself first.
func (q asking) sides() ([]side, error) {
	out := []side{{vpc.PeerSide{Account: q.scope.Account, Region: q.scope.Region, VPC: q.n.ID, CIDRs: q.n.CIDRs, DNS: q.n.DNSHostnames}, q.scope, true}}
	all, err := rows.Peerings.List(q.v, store.Query{Scope: store.Scope{Partition: q.scope.Partition}, Term: store.Term{Name: "vpc", Value: q.n.ID}})
	for i := range all {
		p := &all[i].Value
		if !p.Active() {
			continue
		}
		far := p.Accepter
		if far.VPC == q.n.ID {
			far = p.Requester
		}
		out = append(out, side{far, store.Scope{Partition: q.scope.Partition, Account: far.Account, Region: far.Region}, false})
	}
	return out, err
}

// named are the sides whose interfaces have names for the VPC: itself with DNS hostnames, others that have them and let a
// peer resolve them.
func (q asking) named() ([]side, error) {
	sides, err := q.sides()
	if err != nil {
		return nil, err
	}
	out := sides[:0]
	for _, s := range sides {
		if !s.own && s.DNS {
			n, err := rows.VPCs.Get(q.v, s.scope, s.VPC)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			s.DNS = err == nil && n.Value.DNSSupport && n.Value.DNSHostnames
		}
		if s.DNS {
			out = append(out, s)
		}
	}
	return out, nil
}

// sits reports whether an interface of a side has the address.
func (q asking) sits(s side, a netip.Addr) (bool, error) {
	_, err := rows.Interfaces.Find(q.v, s.scope, "addr", s.VPC+"/"+a.String())
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// address are the private names of interfaces, and the public ones, which mean the private addresses inside.
func (q asking) address(name string) (Records, error) {
	if !strings.HasPrefix(name, "ip-") && !strings.HasPrefix(name, "ec2-") {
		return Records{}, nil
	}
	sides, err := q.named()
	if err != nil {
		return Records{}, err
	}
	for _, s := range sides {
		a, public, ok := vpc.NamedAddr(s.Region, name)
		if !ok {
			continue
		}
		if public {
			e, err := rows.Addresses.Find(q.v, s.scope, "public", a.String())
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return Records{}, err
			}
			if err == nil && e.Value.VPC == s.VPC {
				return Records{Addrs: []netip.Addr{e.Value.Private}, TTL: ttlHosted}, nil
			}
			continue
		}
		if there, err := q.sits(s, a); err != nil || there {
			return Records{Addrs: []netip.Addr{a}, TTL: ttlHosted}, err
		}
	}
	return Records{}, nil
}

// reverse are the names of addresses: 4.1.0.10.in-addr.arpa.
func (q asking) reverse(name string) (Records, error) {
	digits, ok := strings.CutSuffix(name, ".in-addr.arpa")
	if !ok {
		return Records{}, nil
	}
	parts := strings.Split(digits, ".")
	slices.Reverse(parts)
	a, ok := ipv4(strings.Join(parts, "."))
	if !ok {
		return Records{}, nil
	}
	sides, err := q.named()
	if err != nil {
		return Records{}, err
	}
	for _, s := range sides {
		if there, err := q.sits(s, a); err != nil || there {
			return Records{Name: vpc.PrivateName(s.Region, a), TTL: ttlHosted}, err
		}
	}
	return Records{}, nil
}

func ipv4(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a, err == nil && a.Is4()
}
