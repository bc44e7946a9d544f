package ec2

import (
	"net/netip"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// A peering that nobody accepts expires; one that ended is described for a while (VPC Peering Guide, life cycle).
const (
	peeringOpen    = 7 * 24 * time.Hour
	peeringKept    = 2 * time.Hour
	peeringExpired = 48 * time.Hour // of one that nobody accepted
)

func (s *Service) peeringRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateVpcPeeringConnectionRequest, shape.CreateVpcPeeringConnectionResult]{
			Name: "CreateVpcPeeringConnection", Honours: []string{"VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications.*", "DryRun"},
			Questions: asking[shape.CreateVpcPeeringConnectionRequest]("CreateVpcPeeringConnection"),
			Act:       createPeering,
		},
		api.Op[shape.AcceptVpcPeeringConnectionRequest, shape.AcceptVpcPeeringConnectionResult]{
			Name: "AcceptVpcPeeringConnection", Honours: []string{"VpcPeeringConnectionId", "DryRun"},
			Questions: asking[shape.AcceptVpcPeeringConnectionRequest]("AcceptVpcPeeringConnection"),
			Act:       acceptPeering,
		},
		api.Op[shape.RejectVpcPeeringConnectionRequest, shape.RejectVpcPeeringConnectionResult]{
			Name: "RejectVpcPeeringConnection", Honours: []string{"VpcPeeringConnectionId", "DryRun"},
			Questions: asking[shape.RejectVpcPeeringConnectionRequest]("RejectVpcPeeringConnection"),
			Act: func(c *api.Call, tx store.Tx, in *shape.RejectVpcPeeringConnectionRequest) (*shape.RejectVpcPeeringConnectionResult, error) {
				it, err := loadPeering(c, tx, in.VpcPeeringConnectionId)
				if err != nil {
					return nil, err
				}
				if !accepts(c, &it.Value) {
					return nil, notAccepter(c, it.ID)
				}
				if it.Value.Status != "pending-acceptance" {
					return nil, badStep(&it.Value, "rejected")
				}
				return &shape.RejectVpcPeeringConnectionResult{Return: new(true)}, endPeering(c, tx, &it, "rejected", "Rejected by "+c.Account)
			},
		},
		api.Op[shape.DeleteVpcPeeringConnectionRequest, shape.DeleteVpcPeeringConnectionResult]{
			Name: "DeleteVpcPeeringConnection", Honours: []string{"VpcPeeringConnectionId", "DryRun"},
			Questions: asking[shape.DeleteVpcPeeringConnectionRequest]("DeleteVpcPeeringConnection"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteVpcPeeringConnectionRequest) (*shape.DeleteVpcPeeringConnectionResult, error) {
				it, err := loadPeering(c, tx, in.VpcPeeringConnectionId)
				if err != nil {
					return nil, err
				}
				// Either side may end it; before it is accepted the requester alone takes it back.
				if !it.Value.Active() && (it.Value.Status != "pending-acceptance" || !mine(c, it.Value.Requester)) {
					return nil, badStep(&it.Value, "deleted")
				}
				return &shape.DeleteVpcPeeringConnectionResult{Return: new(true)}, endPeering(c, tx, &it, "deleted", "Deleted by "+c.Account)
			},
		},
		api.Op[shape.ModifyVpcPeeringConnectionOptionsRequest, shape.ModifyVpcPeeringConnectionOptionsResult]{
			Name: "ModifyVpcPeeringConnectionOptions", Honours: []string{"VpcPeeringConnectionId", "AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc",
				"RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc", "DryRun"},
			Questions: asking[shape.ModifyVpcPeeringConnectionOptionsRequest]("ModifyVpcPeeringConnectionOptions"),
			Act:       modifyPeering,
		},
		api.Op[shape.DescribeVpcPeeringConnectionsRequest, shape.DescribeVpcPeeringConnectionsResult]{
			Name: "DescribeVpcPeeringConnections", Honours: describeMembers("VpcPeeringConnectionIds"),
			Questions: asking[shape.DescribeVpcPeeringConnectionsRequest]("DescribeVpcPeeringConnections"),
			View:      describePeerings,
		},
	}
}

// between is where peerings live: they are two accounts'.
func between(c *api.Call) store.Scope { return store.Scope{Partition: c.Partition} }

// mine reports whether a side is the caller's account, in the region that was asked.
func mine(c *api.Call, s vpc.PeerSide) bool { return s.Account == c.Account && s.Region == c.Region }

func accepts(c *api.Call, p *vpc.Peering) bool { return mine(c, p.Accepter) }

// statusOf is the status as time has made it: a request that nobody accepted has expired.
func statusOf(p *vpc.Peering, now time.Time) (status, message string) {
	if p.Status == "pending-acceptance" && now.After(p.Expires) {
		return "expired", "Expired"
	}
	return p.Status, p.Message
}

// shown reports whether a peering is still told of.
func shown(p *vpc.Peering, now time.Time) bool {
	if p.Status == "pending-acceptance" {
		return now.Sub(p.Expires) < peeringExpired
	}
	return p.Ended.IsZero() || now.Sub(p.Ended) < peeringKept
}

// forget removes the peerings that nobody is told of any more: they would be read with every change of the VPC.
func forget(c *api.Call, tx store.Tx, all []store.Item[vpc.Peering]) error {
	for _, it := range all {
		if shown(&it.Value, tx.Now()) {
			continue
		}
		if err := rows.Peerings.Delete(tx, between(c), it.ID); err != nil {
			return err
		}
		for _, s := range []vpc.PeerSide{it.Value.Requester, it.Value.Accepter} { // each account tags it for itself
			if err := tx.RemoveTags("arn:"+c.Partition+":ec2:"+s.Region+":"+s.Account+":"+aPeering.name+"/"+it.ID, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func loadPeering(c *api.Call, v store.View, p *string) (store.Item[vpc.Peering], error) {
	id, err := aPeering.id(p, "vpcPeeringConnectionId")
	if err != nil {
		return store.Item[vpc.Peering]{}, err
	}
	it, err := rows.Peerings.Get(v, between(c), id)
	if absent(err) || err == nil && (!mine(c, it.Value.Requester) && !mine(c, it.Value.Accepter) || !shown(&it.Value, v.Now())) {
		return it, aPeering.none(id)
	}
	it.Value.Status, it.Value.Message = statusOf(&it.Value, v.Now())
	return it, err
}

func badStep(p *vpc.Peering, to string) *fault.Fault {
	return fault.New("InvalidStateTransition", "Invalid state transition for %s, attempted to transition from %s to %s", p.ID, p.Status, to)
}

func notAccepter(c *api.Call, id string) *fault.Fault {
	return fault.New("OperationNotPermitted", "User %s cannot accept or reject peering %s", c.Account, id)
}

// createPeering asks another VPC, perhaps another account's. A VPC that is not there, or whose addresses overlap, is found out at
// once: the connection is made, and has failed.
func createPeering(c *api.Call, tx store.Tx, in *shape.CreateVpcPeeringConnectionRequest) (*shape.CreateVpcPeeringConnectionResult, error) {
	own, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	peer, err := aVPC.id(in.PeerVpcId, "peerVpcId")
	if err != nil {
		return nil, err
	}
	far := vpc.PeerSide{Account: c.Account, Region: c.Region, VPC: peer}
	if in.PeerOwnerId != nil {
		far.Account = *in.PeerOwnerId
	}
	if in.PeerRegion != nil {
		far.Region = *in.PeerRegion
	}
	if peer == own.ID {
		return nil, invalid("Cannot peer a VPC with itself: %s", peer)
	}
	p := vpc.Peering{ID: c.Dice.ID("pcx"), Created: tx.Now(), Expires: tx.Now().Add(peeringOpen), Status: "pending-acceptance", Message: "Pending Acceptance by " + far.Account,
		Requester: vpc.PeerSide{Account: c.Account, Region: c.Region, VPC: own.ID, CIDRs: own.Value.CIDRs}, Accepter: far}
	all, err := rows.Peerings.List(tx, store.Query{Scope: between(c), Term: store.Term{Name: "vpc", Value: own.ID}})
	if err != nil {
		return nil, err
	}
	if err := forget(c, tx, all); err != nil {
		return nil, err
	}
	for _, o := range all {
		status, _ := statusOf(&o.Value, tx.Now())
		if (status == "active" || status == "pending-acceptance") && (o.Value.Requester.VPC == peer || o.Value.Accepter.VPC == peer) {
			return nil, fault.New("VpcPeeringConnectionAlreadyExists", "A VPC peering connection between %s and %s exists: %s", own.ID, peer, o.ID)
		}
	}
	if err := peeringRoom(tx, all, own.ID, true); err != nil {
		return nil, err
	}
	it, err := rows.VPCs.Get(tx, store.Scope{Partition: c.Partition, Account: far.Account, Region: far.Region}, peer)
	switch {
	case err == nil:
		p.Accepter.CIDRs = it.Value.CIDRs
	case !absent(err):
		return nil, err
	}
	out := shape.CreateVpcPeeringConnectionResult{}
	answer := p // the answer is the first state; what is stored is how it ends
	answer.Status, answer.Message = "initiating-request", "Initiating Request to "+far.Account
	if absent(err) || overlap(p.Requester.CIDRs, p.Accepter.CIDRs) {
		p.Status, p.Message, p.Ended = "failed", "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range", tx.Now()
		p.Accepter.CIDRs = nil
	}
	if err := rows.Peerings.Create(tx, between(c), p.ID, &p); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aPeering, p.ID, in.TagSpecifications)
	c.Touch(aPeering.arn(c, p.ID))
	out.VpcPeeringConnection = new(peeringShape(&answer, tx.Now(), tags))
	return &out, err
}

func overlap(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

func acceptPeering(c *api.Call, tx store.Tx, in *shape.AcceptVpcPeeringConnectionRequest) (*shape.AcceptVpcPeeringConnectionResult, error) {
	it, err := loadPeering(c, tx, in.VpcPeeringConnectionId)
	if err != nil {
		return nil, err
	}
	p := &it.Value
	if !accepts(c, p) {
		return nil, notAccepter(c, p.ID)
	}
	if p.Status != "pending-acceptance" {
		return nil, badStep(p, "active")
	}
	for _, s := range []*vpc.PeerSide{&p.Requester, &p.Accepter} { // they may have grown, or gone, since
		v, err := rows.VPCs.Get(tx, store.Scope{Partition: c.Partition, Account: s.Account, Region: s.Region}, s.VPC)
		if absent(err) {
			return nil, badStep(p, "active")
		}
		if err != nil {
			return nil, err
		}
		s.CIDRs = v.Value.CIDRs
	}
	if overlap(p.Requester.CIDRs, p.Accepter.CIDRs) {
		return nil, invalid("The CIDR blocks of %s and %s overlap", p.Requester.VPC, p.Accepter.VPC)
	}
	for _, s := range []vpc.PeerSide{p.Requester, p.Accepter} {
		all, err := rows.Peerings.List(tx, store.Query{Scope: between(c), Term: store.Term{Name: "vpc", Value: s.VPC}})
		if err == nil {
			err = peeringRoom(tx, all, s.VPC, false)
		}
		if err != nil {
			return nil, err
		}
	}
	p.Status, p.Message, p.Expires = "active", "Active", time.Time{}
	if err := rows.Peerings.Save(tx, &it); err != nil {
		return nil, err
	}
	c.Touch(aPeering.arn(c, p.ID))
	tags, err := tx.Tags(aPeering.arn(c, p.ID))
	return &shape.AcceptVpcPeeringConnectionResult{VpcPeeringConnection: new(peeringShape(p, tx.Now(), tagList(tags)))}, err
}

func endPeering(c *api.Call, tx store.Tx, it *store.Item[vpc.Peering], status, message string) error {
	it.Value.Status, it.Value.Message, it.Value.Ended = status, message, tx.Now()
	c.Touch(aPeering.arn(c, it.ID))
	return rows.Peerings.Save(tx, it)
}

// endPeerings ends what a VPC that goes was joined to.
func endPeerings(c *api.Call, tx store.Tx, id string) error {
	all, err := rows.Peerings.List(tx, store.Query{Scope: between(c), Term: store.Term{Name: "vpc", Value: id}})
	for i := range all {
		if err == nil && all[i].Value.Ended.IsZero() {
			err = endPeering(c, tx, &all[i], "deleted", "Deleted with "+id)
		}
	}
	return err
}

func modifyPeering(c *api.Call, tx store.Tx, in *shape.ModifyVpcPeeringConnectionOptionsRequest) (*shape.ModifyVpcPeeringConnectionOptionsResult, error) {
	it, err := loadPeering(c, tx, in.VpcPeeringConnectionId)
	if err != nil {
		return nil, err
	}
	p := &it.Value
	if !p.Active() {
		return nil, fault.New("OperationNotPermitted", "Peering connection %s is not active.", p.ID)
	}
	out := &shape.ModifyVpcPeeringConnectionOptionsResult{}
	set := func(s *vpc.PeerSide, o *shape.PeeringConnectionOptionsRequest) (*shape.PeeringConnectionOptions, error) {
		if o == nil {
			return nil, nil
		}
		if !mine(c, *s) {
			return nil, fault.New("OperationNotPermitted", "User %s cannot modify the options of the other side of %s", c.Account, p.ID)
		}
		s.DNS = deref(o.AllowDnsResolutionFromRemoteVpc)
		return &shape.PeeringConnectionOptions{AllowDnsResolutionFromRemoteVpc: &s.DNS, AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false)}, nil
	}
	if out.RequesterPeeringConnectionOptions, err = set(&p.Requester, in.RequesterPeeringConnectionOptions); err != nil {
		return nil, err
	}
	if out.AccepterPeeringConnectionOptions, err = set(&p.Accepter, in.AccepterPeeringConnectionOptions); err != nil {
		return nil, err
	}
	c.Touch(aPeering.arn(c, p.ID))
	return out, rows.Peerings.Save(tx, &it)
}

func describePeerings(c *api.Call, v store.View, in *shape.DescribeVpcPeeringConnectionsRequest) (*shape.DescribeVpcPeeringConnectionsResult, error) {
	if len(in.VpcPeeringConnectionIds) > 0 && in.MaxResults != nil {
		return nil, fault.New("InvalidParameterCombination", "The parameter maxResults cannot be used with a list of IDs")
	}
	v, err := withTags(c, v, aPeering, nil)
	if err != nil {
		return nil, err
	}
	var all []found[vpc.Peering]
	add := func(it store.Item[vpc.Peering]) error {
		tags, err := v.Tags(aPeering.arn(c, it.ID))
		it.Value.Status, it.Value.Message = statusOf(&it.Value, v.Now())
		all = append(all, found[vpc.Peering]{ID: it.ID, Value: it.Value, Tags: tags})
		return err
	}
	for i := range in.VpcPeeringConnectionIds {
		it, err := loadPeering(c, v, &in.VpcPeeringConnectionIds[i])
		if err != nil {
			return nil, err
		}
		if err := add(it); err != nil {
			return nil, err
		}
	}
	if len(in.VpcPeeringConnectionIds) == 0 {
		items, err := rows.Peerings.List(v, store.Query{Scope: between(c), Term: store.Term{Name: "side", Value: c.Account + "/" + c.Region}})
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if shown(&it.Value, v.Now()) {
				if err := add(it); err != nil {
					return nil, err
				}
			}
		}
	}
	sides := func(get func(vpc.PeerSide) []string, accepter bool) func(*vpc.Peering) []string {
		return func(p *vpc.Peering) []string {
			if accepter {
				return get(p.Accepter)
			}
			return get(p.Requester)
		}
	}
	cidrs := func(s vpc.PeerSide) (out []string) {
		for _, p := range s.CIDRs {
			out = append(out, p.String())
		}
		return out
	}
	owner := func(s vpc.PeerSide) []string { return []string{s.Account} }
	network := func(s vpc.PeerSide) []string { return []string{s.VPC} }
	all, err = sift(all, in.Filters, map[string]func(*vpc.Peering) []string{
		"accepter-vpc-info.cidr-block":  sides(cidrs, true),
		"accepter-vpc-info.owner-id":    sides(owner, true),
		"accepter-vpc-info.vpc-id":      sides(network, true),
		"requester-vpc-info.cidr-block": sides(cidrs, false),
		"requester-vpc-info.owner-id":   sides(owner, false),
		"requester-vpc-info.vpc-id":     sides(network, false),
		"status-code":                   func(p *vpc.Peering) []string { return []string{p.Status} },
		"status-message":                func(p *vpc.Peering) []string { return []string{p.Message} },
		"vpc-peering-connection-id":     func(p *vpc.Peering) []string { return []string{p.ID} },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeVpcPeeringConnectionsResult{VpcPeeringConnections: []shape.VpcPeeringConnection{}, NextToken: next}
	for i := range all {
		out.VpcPeeringConnections = append(out.VpcPeeringConnections, peeringShape(&all[i].Value, v.Now(), tagList(all[i].Tags)))
	}
	return out, err
}

func peeringShape(p *vpc.Peering, now time.Time, tags []shape.Tag) shape.VpcPeeringConnection {
	status, message := statusOf(p, now)
	info := func(s *vpc.PeerSide) *shape.VpcPeeringConnectionVpcInfo {
		i := &shape.VpcPeeringConnectionVpcInfo{OwnerId: &s.Account, VpcId: &s.VPC, Region: &s.Region}
		// What the other side's addresses are is told once it has accepted.
		if s != &p.Accepter || status == "active" {
			for n, c := range s.CIDRs {
				if n == 0 {
					i.CidrBlock = new(c.String())
				}
				i.CidrBlockSet = append(i.CidrBlockSet, shape.CidrBlock{CidrBlock: new(c.String())})
			}
			i.PeeringOptions = &shape.VpcPeeringConnectionOptionsDescription{AllowDnsResolutionFromRemoteVpc: &s.DNS,
				AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false)}
		}
		return i
	}
	out := shape.VpcPeeringConnection{VpcPeeringConnectionId: &p.ID, RequesterVpcInfo: info(&p.Requester), AccepterVpcInfo: info(&p.Accepter),
		Status: &shape.VpcPeeringConnectionStateReason{Code: &status, Message: &message}, Tags: tags}
	if !p.Expires.IsZero() {
		out.ExpirationTime = &p.Expires
	}
	return out
}
