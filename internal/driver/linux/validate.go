package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// validate refuses what would make one port's walls another's, and what the kernel could not hold.
func validate(d fabric.Desired) error {
	if d.Network == "" {
		return errors.New("a network without an id")
	}
	subnets, tables := map[string]bool{}, map[int]bool{}
	for _, s := range d.Subnets {
		if !s.CIDR.IsValid() || !s.CIDR.Addr().Is4() || !s.Router.Is4() || s.Table < lowestTable || s.Table > 1<<31-1 || subnets[s.ID] || tables[s.Table] {
			return fmt.Errorf("subnet %s can't be routed", s.ID)
		}
		subnets[s.ID], tables[s.Table] = true, true
		for _, r := range s.Routes {
			if !r.Dest.IsValid() {
				return fmt.Errorf("subnet %s has a route that leads nowhere", s.ID)
			}
		}
	}
	for _, p := range slices.Concat(d.CIDRs, d.Gateways) {
		if !p.IsValid() {
			return fmt.Errorf("network %s has a prefix that is none", d.Network)
		}
	}
	names := map[string]bool{"lo": true}
	name := func(alias string) bool {
		ok := alias != "" && len(alias) < unix.IFNAMSIZ && !names[alias]
		names[alias] = true
		return ok
	}
	ids, addrs := map[string]bool{}, map[netip.Addr]bool{}
	for _, p := range d.Ports {
		if !subnets[p.Subnet] || len(p.Addrs) == 0 || ids[p.ID] || p.Kind > fabric.Translator || p.Kind != fabric.Answer && !name(p.Alias) {
			return fmt.Errorf("port %s can't be linked", p.ID)
		}
		ids[p.ID] = true
		for _, a := range p.Addrs {
			if !a.Is4() || addrs[a] {
				return fmt.Errorf("port %s: address %s can't be used", p.ID, a)
			}
			addrs[a] = true
		}
	}
	for _, l := range d.Links {
		if l.ID == "" || ids[l.ID] || !name(l.Alias) || l.Far == "" || len(l.Far) >= unix.IFNAMSIZ || l.Peer == "" || l.Peer == d.Network {
			return fmt.Errorf("link %s can't be made", l.ID)
		}
		ids[l.ID] = true
		for _, p := range l.Near {
			if !p.IsValid() || slices.ContainsFunc(d.CIDRs, p.Overlaps) {
				return fmt.Errorf("link %s: %s can't be behind it", l.ID, p)
			}
		}
	}
	return validatePublic(d)
}

func validatePublic(d fabric.Desired) error {
	pub := map[netip.Addr]bool{}
	for _, p := range d.Public {
		if !p.Private.Is4() || !p.Public.Is4() || pub[p.Private] || pub[p.Public] {
			return fmt.Errorf("elastic address %s can't stand for %s", p.Public, p.Private)
		}
		pub[p.Private], pub[p.Public] = true, true
	}
	if d.Catch != nil && d.Catch.Port == 0 {
		return errors.New("nothing can be caught without a port")
	}
	return nil
}

// lowestTable: below lie the kernel's tables, the local one, and marks that stand for no subnet.
const lowestTable = 1000

// same: nothing about the port's wire has changed, whatever further addresses it has.
func (p *port) same(w fabric.Port, s fabric.Subnet) bool {
	return p.closed == "" && p.Alias == w.Alias && p.MAC == w.MAC && p.Subnet == w.Subnet && p.Kind == w.Kind && p.Addrs[0] == w.Addrs[0] &&
		p.subnet.CIDR == s.CIDR && p.subnet.Router == s.Router
}
