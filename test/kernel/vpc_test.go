package kernel_test

import (
	"fmt"
	"net/netip"
	"slices"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

var anywhere = vpc.Rule{Proto: vpc.Any, CIDR: netip.MustParsePrefix("0.0.0.0/0")}

// drawing is a VPC as the ledger would keep it, written down fast.
type drawing struct {
	s    vpc.Snapshot
	rule int
	gen  int64
}

func newVPC(id, cidr string) *drawing {
	return &drawing{s: vpc.Snapshot{
		VPC:         vpc.VPC{ID: id, Region: "us-east-1", CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}, DNSSupport: true},
		RouteTables: []vpc.RouteTable{{ID: "rtb-main-" + id, VPC: id, Main: true}},
		Prefixes:    vpc.ManagedPrefixes("us-east-1"),
	}}
}

// subnet has a route table of its own, named after it.
func (d *drawing) subnet(id, cidr string) *drawing {
	d.s.Subnets = append(d.s.Subnets, vpc.Subnet{ID: id, VPC: d.s.VPC.ID, CIDR: netip.MustParsePrefix(cidr)})
	d.s.RouteTables = append(d.s.RouteTables, vpc.RouteTable{ID: "rtb-" + id, VPC: d.s.VPC.ID, Associations: []vpc.Association{{ID: "rtbassoc-" + id, Subnet: id}}})
	return d
}

func (d *drawing) group(id string) *drawing {
	d.s.Groups = append(d.s.Groups, vpc.Group{ID: id, VPC: d.s.VPC.ID})
	return d
}

// allow adds an ingress rule, or an egress rule.
func (d *drawing) allow(group string, ingress bool, r vpc.Rule) *drawing {
	d.rule++
	r.ID, r.Egress = fmt.Sprintf("sgr-%d", d.rule), !ingress
	for i := range d.s.Groups {
		if d.s.Groups[i].ID == group {
			d.s.Groups[i].Rules = append(d.s.Groups[i].Rules, r)
		}
	}
	return d
}

func (d *drawing) port(id, subnet, addr string, groups ...string) *drawing {
	a := netip.MustParseAddr(addr)
	d.s.Interfaces = append(d.s.Interfaces, vpc.Interface{ID: id, VPC: d.s.VPC.ID, Subnet: subnet, Groups: groups, Addrs: []netip.Addr{a},
		MAC: vpc.MAC(a), Attachment: &vpc.Attachment{ID: "eni-attach-1"}})
	return d
}

func (d *drawing) without(port string) *drawing {
	d.s.Interfaces = slices.DeleteFunc(d.s.Interfaces, func(i vpc.Interface) bool { return i.ID == port })
	return d
}

// gateway leads from a subnet to S3.
func (d *drawing) gateway(subnets ...string) *drawing {
	e := vpc.Endpoint{ID: "vpce-1", VPC: d.s.VPC.ID, Type: "Gateway", Service: "com.amazonaws.us-east-1.s3"}
	for _, s := range subnets {
		e.RouteTables = append(e.RouteTables, "rtb-"+s)
	}
	d.s.Endpoints = []vpc.Endpoint{e}
	return d
}

// draw gives the next generation.
func (d *drawing) draw() fabric.Desired {
	d.gen++
	return fabric.Draw(d.s, d.gen)
}
