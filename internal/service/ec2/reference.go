package ec2

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) referenceRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribeSecurityGroupReferencesRequest, shape.DescribeSecurityGroupReferencesResult]{
			Name: "DescribeSecurityGroupReferences", Honours: []string{"GroupId", "DryRun"},
			Questions: asking[shape.DescribeSecurityGroupReferencesRequest]("DescribeSecurityGroupReferences"),
			View:      groupReferences,
		},
		api.Op[shape.DescribeStaleSecurityGroupsRequest, shape.DescribeStaleSecurityGroupsResult]{
			Name: "DescribeStaleSecurityGroups", Honours: []string{"VpcId", "MaxResults", "NextToken", "DryRun"},
			Questions: asking[shape.DescribeStaleSecurityGroupsRequest]("DescribeStaleSecurityGroups"),
			View:      staleGroups,
		},
		api.Op[shape.GetSecurityGroupsForVpcRequest, shape.GetSecurityGroupsForVpcResult]{
			Name: "GetSecurityGroupsForVpc", Honours: append([]string{"VpcId"}, describeMembers()...),
			Questions: asking[shape.GetSecurityGroupsForVpcRequest]("GetSecurityGroupsForVpc"),
			View:      groupsOf,
		},
	}
}

// beside finds a group of another VPC that an active peering joins to this one: rules may refer to it. owner is empty for the
// call's own account.
func beside(c *api.Call, v store.View, home, id, owner string) (bool, error) {
	all, err := rows.Peerings.List(v, store.Query{Scope: between(c), Term: store.Term{Name: "vpc", Value: home}})
	if err != nil {
		return false, err
	}
	for _, it := range all {
		p := &it.Value
		far := p.Accepter
		if far.VPC == home {
			far = p.Requester
		}
		if !p.Active() || owner != "" && owner != far.Account {
			continue
		}
		g, err := rows.Groups.Get(v, store.Scope{Partition: c.Partition, Account: far.Account, Region: far.Region}, id)
		if err == nil && g.Value.VPC == far.VPC {
			return true, nil
		}
		if err != nil && !absent(err) {
			return false, err
		}
	}
	return false, nil
}

// far is a rule's group that is of another VPC.
func far(g *vpc.Group, known map[string]bool) func(vpc.Rule) bool {
	return func(r vpc.Rule) bool { return r.Group != "" && !known[r.Group] && r.Group != g.ID }
}

// groupReferences tells in which peered VPCs rules refer to the account's groups.
func groupReferences(c *api.Call, v store.View, in *shape.DescribeSecurityGroupReferencesRequest) (*shape.DescribeSecurityGroupReferencesResult, error) {
	out := &shape.DescribeSecurityGroupReferencesResult{SecurityGroupReferenceSet: []shape.SecurityGroupReference{}}
	for i := range in.GroupId {
		g, err := load(v, c, rows.Groups, aGroup, &in.GroupId[i], "groupId")
		if err != nil {
			return nil, err
		}
		all, err := rows.Peerings.List(v, store.Query{Scope: between(c), Term: store.Term{Name: "vpc", Value: g.Value.VPC}})
		if err != nil {
			return nil, err
		}
		for _, it := range all {
			other := it.Value.Accepter
			if other.VPC == g.Value.VPC {
				other = it.Value.Requester
			}
			if !it.Value.Active() {
				continue
			}
			theirs, err := rows.Groups.List(v, store.Query{Scope: store.Scope{Partition: c.Partition, Account: other.Account, Region: other.Region}, Term: store.Term{Name: "vpc", Value: other.VPC}})
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(theirs, func(o store.Item[vpc.Group]) bool {
				return slices.ContainsFunc(o.Value.Rules, func(r vpc.Rule) bool { return r.Group == g.ID })
			}) {
				out.SecurityGroupReferenceSet = append(out.SecurityGroupReferenceSet, shape.SecurityGroupReference{GroupId: new(g.ID), ReferencingVpcId: new(other.VPC), VpcPeeringConnectionId: new(it.ID)})
			}
		}
	}
	return out, nil
}

// staleGroups lists the groups whose rules refer to groups that are gone, or beyond a peering that is.
func staleGroups(c *api.Call, v store.View, in *shape.DescribeStaleSecurityGroupsRequest) (*shape.DescribeStaleSecurityGroupsResult, error) {
	n, err := load(v, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	groups, err := within(v, c, rows.Groups, n.ID)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[g.ID] = true
	}
	var all []found[shape.StaleSecurityGroup]
	for i := range groups {
		g := &groups[i].Value
		var dead []vpc.Rule
		for _, r := range g.Rules {
			if !far(g, known)(r) {
				continue
			}
			ok, err := beside(c, v, n.ID, r.Group, r.GroupOwner)
			if err != nil {
				return nil, err
			}
			if !ok {
				dead = append(dead, r)
			}
		}
		if len(dead) == 0 {
			continue
		}
		x := shape.StaleSecurityGroup{GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, VpcId: &g.VPC}
		for _, egress := range []bool{false, true} {
			list := []shape.StaleIpPermission{}
			for _, p := range permissions(dead, egress) {
				list = append(list, shape.StaleIpPermission{IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort, UserIdGroupPairs: p.UserIdGroupPairs, IpRanges: []string{}, PrefixListIds: []string{}})
			}
			if egress {
				x.StaleIpPermissionsEgress = list
			} else {
				x.StaleIpPermissions = list
			}
		}
		all = append(all, found[shape.StaleSecurityGroup]{ID: g.ID, Value: x})
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeStaleSecurityGroupsResult{StaleSecurityGroupSet: []shape.StaleSecurityGroup{}, NextToken: next}
	for _, x := range all {
		out.StaleSecurityGroupSet = append(out.StaleSecurityGroupSet, x.Value)
	}
	return out, err
}

// groupsOf lists the groups that interfaces of a VPC may carry: its own.
func groupsOf(c *api.Call, v store.View, in *shape.GetSecurityGroupsForVpcRequest) (*shape.GetSecurityGroupsForVpcResult, error) {
	n, err := load(v, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	groups, err := within(v, c, rows.Groups, n.ID)
	if err != nil {
		return nil, err
	}
	if v, err = withTags(c, v, aGroup, nil); err != nil {
		return nil, err
	}
	var all []found[vpc.Group]
	for _, g := range groups {
		tags, err := v.Tags(aGroup.arn(c, g.ID))
		if err != nil {
			return nil, err
		}
		all = append(all, found[vpc.Group]{ID: g.ID, Value: g.Value, Tags: tags})
	}
	fields := groupFields()
	all, err = sift(all, in.Filters, map[string]func(*vpc.Group) []string{"group-id": fields["group-id"], "group-name": fields["group-name"], "description": fields["description"],
		"owner-id": fields["owner-id"], "primary-vpc-id": fields["vpc-id"]})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.GetSecurityGroupsForVpcResult{SecurityGroupForVpcs: []shape.SecurityGroupForVpc{}, NextToken: next}
	for i := range all {
		g := &all[i].Value
		out.SecurityGroupForVpcs = append(out.SecurityGroupForVpcs, shape.SecurityGroupForVpc{GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, OwnerId: &g.Account,
			PrimaryVpcId: &g.VPC, Tags: tagList(all[i].Tags)})
	}
	return out, err
}
