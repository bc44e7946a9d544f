package reconcile

import (
	"net/netip"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// network draws another VPC of another account with one attached interface.
func (s *scene) network(id, account, cidr, eni, addr string) {
	s.t.Helper()
	at := store.Scope{Partition: "aws", Account: account, Region: s.scope.Region}
	s.update(func(tx store.Tx) error {
		n := vpc.VPC{ID: id, Account: account, Region: at.Region, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}}
		if err := rows.VPCs.Create(tx, at, id, &n); err != nil {
			return err
		}
		return rows.Subnets.Create(tx, at, "subnet-"+id, &vpc.Subnet{ID: "subnet-" + id, VPC: id, CIDR: netip.MustParsePrefix(cidr)})
	})
	s.sit(id, account, eni, addr)
}

func (s *scene) sit(id, account, eni, addr string) {
	s.t.Helper()
	a := netip.MustParseAddr(addr)
	s.update(func(tx store.Tx) error {
		return rows.Interfaces.Create(tx, store.Scope{Partition: "aws", Account: account, Region: s.scope.Region}, eni, &vpc.Interface{ID: eni, VPC: id, Account: account,
			Region: s.scope.Region, Subnet: "subnet-" + id, Addrs: []netip.Addr{a}, MAC: vpc.MAC(a), Attachment: &vpc.Attachment{ID: "eni-attach-" + eni}})
	})
}

func (s *scene) peering(id, far, account, cidr string) {
	s.t.Helper()
	s.update(func(tx store.Tx) error {
		return rows.Peerings.Create(tx, store.Scope{Partition: "aws"}, id, &vpc.Peering{ID: id, Status: "active",
			Requester: vpc.PeerSide{Account: s.scope.Account, Region: s.scope.Region, VPC: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}},
			Accepter:  vpc.PeerSide{Account: account, Region: s.scope.Region, VPC: far, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}}})
	})
}

// who asks the door of vpc-1 until the answer fits, or fails.
func (s *scene) who(addr string, fits func(*api.Origin) bool) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		s.loop.mu.Lock()
		ch := s.loop.changed
		s.loop.mu.Unlock()
		s.d.mu.Lock()
		who := s.d.open["vpc-1/s3-https"]
		s.d.mu.Unlock()
		if who != nil && fits(who(netip.MustParseAddr(addr))) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is %+v", addr, who(netip.MustParseAddr(addr)))
		}
		s.loop.Kick()
		select {
		case <-ch:
		case <-time.After(time.Second):
		}
	}
}

// What comes by a peering is told where it was sent; an address that two peered VPCs have is nobody's.
func TestOriginsBehindPeerings(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	const far, third = "444455556666", "777788889999"
	nobody := func(o *api.Origin) bool { return o == nil }
	s.network("vpc-2", far, "10.9.0.0/16", "eni-2", "10.9.1.4")
	s.who("10.9.1.4", nobody)
	s.peering("pcx-1", "vpc-2", far, "10.9.0.0/16")
	s.who("10.9.1.4", func(o *api.Origin) bool {
		return o != nil && o.VPC == "vpc-1" && o.Account == s.scope.Account && o.Interface == "eni-2" && o.Subnet == "subnet-vpc-2" &&
			o.Sender != nil && *o.Sender == api.Sender{Peering: "pcx-1", Account: far, Region: s.scope.Region, VPC: "vpc-2"}
	})
	s.who("10.0.1.10", func(o *api.Origin) bool { return o != nil && o.Sender == nil && o.Interface == "eni-1" })
	// A neighbour there changes no rule here, and is known all the same.
	s.sit("vpc-2", far, "eni-3", "10.9.1.5")
	s.who("10.9.1.5", func(o *api.Origin) bool { return o != nil && o.Interface == "eni-3" })
	// An interface with an address of this VPC's own is not behind any peering.
	s.sit("vpc-2", far, "eni-4", "10.0.1.77")
	// Nor has a peer that grows after acceptance a say over addresses of another peer.
	s.network("vpc-4", third, "10.8.0.0/16", "eni-6", "10.9.1.5")
	s.peering("pcx-4", "vpc-4", third, "10.8.0.0/16")
	s.sit("vpc-4", third, "eni-7", "10.8.1.4")
	s.who("10.8.1.4", func(o *api.Origin) bool { return o != nil && o.Interface == "eni-7" })
	s.who("10.9.1.5", func(o *api.Origin) bool { return o != nil && o.Interface == "eni-3" })
	s.network("vpc-3", third, "10.9.0.0/16", "eni-5", "10.9.1.4")
	s.peering("pcx-2", "vpc-3", third, "10.9.0.0/16")
	s.who("10.9.1.4", nobody)
	s.who("10.0.1.77", nobody)
	s.who("10.9.1.5", func(o *api.Origin) bool { return o != nil && o.Interface == "eni-3" })
}
