package ec2

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// quota is how many of a kind there may be: in an account and region, or in one VPC. What one account draws takes memory,
// descriptors and time of all others.
type quota struct {
	kind string
	most int
	code string
	what string
}

// AWS's default quotas (VPC User Guide, quotas), but for VPCs: AWS begins with 5 and gives more to who asks. An internet gateway for
// each VPC, as there.
func vpcs() quota { return quota{rows.VPCs.Kind, 100, "VpcLimitExceeded", "VPCs"} }
func gateways() quota {
	return quota{rows.InternetGateways.Kind, 100, "InternetGatewayLimitExceeded", "internet gateways"}
}
func subnets() quota { return quota{rows.Subnets.Kind, 200, "SubnetLimitExceeded", "subnets"} }
func interfaces() quota {
	return quota{rows.Interfaces.Kind, 5000, "NetworkInterfaceLimitExceeded", "network interfaces"}
}
func groups() quota {
	return quota{rows.Groups.Kind, 2500, "SecurityGroupLimitExceeded", "security groups"}
}
func tables() quota {
	return quota{rows.RouteTables.Kind, 200, "RouteTableLimitExceeded", "route tables"}
}
func acls() quota { return quota{rows.ACLs.Kind, 200, "NetworkAclLimitExceeded", "network ACLs"} }
func customLists() quota {
	return quota{rows.PrefixLists.Kind, 100, "PrefixListLimitExceeded", "prefix lists"}
}

func (q quota) full() error {
	return fault.New(q.code, "The maximum number of %s has been reached.", q.what)
}

// holds refuses one more; id is the VPC that the quota is of, empty for those of a region.
func (q quota) holds(c *api.Call, v store.View, id string) error {
	in := store.Query{Kind: q.kind, Scope: c.Scope(), Limit: q.most}
	if id != "" {
		in.Term = store.Term{Name: "vpc", Value: id}
	}
	all, err := v.List(in)
	if err == nil && len(all) >= q.most {
		return q.full()
	}
	return err
}

// natLimit is AWS's default quota of NAT gateways in a zone, those that failed or were deleted not counted.
const natLimit = 5

func natRoom(c *api.Call, v store.View, zone string) error {
	all, err := rows.NATs.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return err
	}
	n := 0
	for i := range all {
		if all[i].Value.Gone() {
			continue
		}
		sn, err := rows.Subnets.Get(v, c.Scope(), all[i].Value.Subnet)
		if err != nil {
			return err
		}
		if sn.Value.Zone == zone {
			n++
		}
	}
	if n >= natLimit {
		return fault.New("NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached.")
	}
	return nil
}

// AWS's default quotas of a VPC's peerings: active ones, and requests of its own that nobody has answered.
const (
	peeringLimit  = 50
	peeringsAsked = 25
)

// peeringRoom counts a VPC's peerings: asked for with one that is to be asked for, active with one that is to be accepted.
func peeringRoom(v store.View, all []store.Item[vpc.Peering], id string, asking bool) error {
	asked, active := 0, 0
	for i := range all {
		p := &all[i].Value
		switch status, _ := statusOf(p, v.Now()); {
		case status == "active":
			active++
		case status == "pending-acceptance" && p.Requester.VPC == id:
			asked++
		}
	}
	switch {
	case asking && asked >= peeringsAsked:
		return fault.New("OutstandingVpcPeeringConnectionLimitExceeded", "The maximum number of outstanding VPC peering connection requests of %s has been reached.", id)
	case active >= peeringLimit:
		return fault.New("ActiveVpcPeeringConnectionPerVpcLimitExceeded", "The maximum number of active VPC peering connections of %s has been reached.", id)
	}
	return nil
}
