package reconcile

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// holds waits until what the kernel was told of a network is as it should be; nil: it was told of none.
func (s *scene) holds(what, network string, f func(*fabric.Desired) bool) {
	s.t.Helper()
	s.until(what, func() bool {
		s.k.mu.Lock()
		defer s.k.mu.Unlock()
		d, ok := s.k.set[network]
		if !ok {
			return f(nil)
		}
		return f(&d)
	})
}

func TestInternetFollowsGateways(t *testing.T) {
	s := begin(t)
	none := func(d *fabric.Desired) bool { return d == nil }
	s.update(func(tx store.Tx) error {
		return rows.InternetGateways.Create(tx, s.scope, "igw-1", &vpc.InternetGateway{ID: "igw-1", VPC: "vpc-1"})
	})
	s.holds("a gateway without a network leads nowhere", vpc.InternetNetwork, none)
	s.attach("eni-1", "10.0.1.10")
	s.holds("a live VPC has its link, and nothing is caught", vpc.InternetNetwork, func(d *fabric.Desired) bool {
		return d != nil && len(d.Links) == 1 && d.Links[0].ID == "igw-1" && d.Catch == nil
	})
	all := store.Scope{Partition: s.scope.Partition}
	at := netip.MustParseAddrPort("198.19.255.10:5432")
	s.update(func(tx store.Tx) error {
		return rows.Exposures.Create(tx, all, at.String(), &vpc.Exposure{Public: at, Target: "localhost:5432"})
	})
	s.holds("what is exposed is caught", vpc.InternetNetwork, func(d *fabric.Desired) bool {
		return d != nil && d.Catch != nil && len(d.Gateways) == 1 && d.Gateways[0] == netip.PrefixFrom(at.Addr(), 32)
	})
	s.until("the catch has a door", func() bool {
		s.d.mu.Lock()
		defer s.d.mu.Unlock()
		return s.d.open[vpc.InternetNetwork+"/catch"] != nil
	})
	s.update(func(tx store.Tx) error { return rows.Exposures.Delete(tx, all, at.String()) })
	s.holds("nothing is caught again", vpc.InternetNetwork, func(d *fabric.Desired) bool { return d != nil && d.Catch == nil })
	s.until("the door is shut", func() bool {
		s.d.mu.Lock()
		defer s.d.mu.Unlock()
		return s.d.open[vpc.InternetNetwork+"/catch"] == nil
	})
	s.update(func(tx store.Tx) error {
		g, err := rows.InternetGateways.Get(tx, s.scope, "igw-1")
		g.Value.VPC = ""
		return errors.Join(err, rows.InternetGateways.Save(tx, &g))
	})
	s.holds("a detached gateway has no network", vpc.InternetNetwork, none)
}

// Who sits on the other side of a peering is seen here.
func TestPeersSeeEachOther(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	s.update(func(tx store.Tx) error {
		v := vpc.VPC{ID: "vpc-2", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
		sn := vpc.Subnet{ID: "subnet-2", VPC: "vpc-2", CIDR: netip.MustParsePrefix("10.1.1.0/24")}
		g := vpc.Group{ID: "sg-2", VPC: "vpc-2", Name: "g"}
		side := func(id, cidr string) vpc.PeerSide {
			return vpc.PeerSide{Account: s.scope.Account, Region: s.scope.Region, VPC: id, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}}
		}
		p := vpc.Peering{ID: "pcx-1", Requester: side("vpc-1", "10.0.0.0/16"), Accepter: side("vpc-2", "10.1.0.0/16"), Status: "active"}
		own, err := rows.Groups.Get(tx, s.scope, "sg-1")
		own.Value.Rules = []vpc.Rule{{ID: "sgr-1", Proto: vpc.TCP, From: 80, To: 80, Group: "sg-2"}}
		return errors.Join(err, rows.VPCs.Create(tx, s.scope, v.ID, &v), rows.Subnets.Create(tx, s.scope, sn.ID, &sn), rows.Groups.Create(tx, s.scope, g.ID, &g),
			rows.Peerings.Create(tx, store.Scope{Partition: s.scope.Partition}, p.ID, &p), rows.Groups.Save(tx, &own))
	})
	far := func(want ...string) func(*fabric.Desired) bool {
		return func(d *fabric.Desired) bool {
			if d == nil {
				return false
			}
			var got []string
			for _, g := range d.Groups {
				for _, a := range g.Far {
					got = append(got, a.String())
				}
			}
			return strings.Join(got, " ") == strings.Join(want, " ")
		}
	}
	s.holds("nobody is there", "vpc-1", far())
	s.update(func(tx store.Tx) error {
		a := netip.MustParseAddr("10.1.1.10")
		return rows.Interfaces.Create(tx, s.scope, "eni-2", &vpc.Interface{ID: "eni-2", VPC: "vpc-2", Subnet: "subnet-2", Groups: []string{"sg-2"}, Addrs: []netip.Addr{a}, MAC: vpc.MAC(a),
			Attachment: &vpc.Attachment{ID: "eni-attach-2"}})
	})
	s.holds("a member came", "vpc-1", far("10.1.1.10"))
	s.update(func(tx store.Tx) error { return rows.Interfaces.Delete(tx, s.scope, "eni-2") })
	s.holds("the member left", "vpc-1", far())
}

func TestOneFailureHoldsNobodyUp(t *testing.T) {
	s := begin(t)
	s.k.mu.Lock()
	s.k.failing = "vpc-1"
	s.k.mu.Unlock()
	s.attach("eni-1", "10.0.1.10")
	if err := s.loop.OpenSegment(t.Context(), "job-1", "job-1", "aws", s.scope.Account, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	s.k.mu.Lock()
	s.k.failing = ""
	s.k.mu.Unlock()
	if err := s.opens("eni-1"); err != nil {
		t.Error(err)
	}
}

// What others did to the kernel is mended, and the owner can read of it.
func TestDriftIsRecorded(t *testing.T) {
	s := begin(t)
	s.k.mu.Lock()
	s.k.drift = "3 rules were missing"
	s.k.mu.Unlock()
	s.attach("eni-1", "10.0.1.10")
	var got []trail.Event
	s.until("an event", func() bool {
		if err := s.store.View(t.Context(), func(v store.View) (err error) {
			got, err = v.Trail(store.TrailQuery{Account: s.scope.Account, Name: "NetworkDrift"})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if e := got[0]; len(got) != 1 || e.VPC != "vpc-1" || e.Service != "cloister" || !strings.Contains(string(e.Response), "3 rules were missing") || len(e.Resources) != 1 {
		t.Errorf("%d events, the first %+v", len(got), e)
	}
}
