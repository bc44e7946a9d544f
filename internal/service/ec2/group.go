package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) groupRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateSecurityGroupRequest, shape.CreateSecurityGroupResult]{
			Name: "CreateSecurityGroup", Honours: []string{"GroupName", "Description", "VpcId", "TagSpecifications.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateSecurityGroupRequest) ([]api.Question, error) {
				in, err := atHome(c, v, in)
				if err != nil {
					return nil, err
				}
				return ask(c, v, "CreateSecurityGroup").made(aGroup, in.TagSpecifications).on(aVPC, in.VpcId).done()
			},
			Act: createGroup,
		},
		api.Op[shape.DeleteSecurityGroupRequest, shape.DeleteSecurityGroupResult]{
			Name: "DeleteSecurityGroup", Honours: []string{"GroupId", "GroupName", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteSecurityGroupRequest) ([]api.Question, error) {
				id, err := groupNamed(c, v, in.GroupId, in.GroupName)
				if err != nil {
					return nil, err
				}
				return ask(c, v, "DeleteSecurityGroup").on(aGroup, id).done()
			},
			Act: deleteGroup,
		},
		api.Op[shape.DescribeSecurityGroupsRequest, shape.DescribeSecurityGroupsResult]{
			Name: "DescribeSecurityGroups", Honours: describeMembers("GroupIds", "GroupNames"),
			Questions: describing[shape.DescribeSecurityGroupsRequest]("DescribeSecurityGroups"),
			View:      describeGroups,
		},
		api.Op[shape.DescribeSecurityGroupRulesRequest, shape.DescribeSecurityGroupRulesResult]{
			Name: "DescribeSecurityGroupRules", Honours: describeMembers("SecurityGroupRuleIds"),
			Questions: describing[shape.DescribeSecurityGroupRulesRequest]("DescribeSecurityGroupRules"),
			View:      describeRules,
		},
	}
}

// newGroup is a group as it is born: everything may go out, nothing may come in.
func newGroup(c *api.Call, network, name, about string) vpc.Group {
	return vpc.Group{ID: c.Dice.ID("sg"), VPC: network, Account: c.Account, Name: name, Description: about, Rules: []vpc.Rule{
		{ID: c.Dice.ID("sgr"), Egress: true, Proto: vpc.Any, From: -1, To: -1, CIDR: netip.MustParsePrefix("0.0.0.0/0")}}}
}

// atHome puts a group for which no VPC is named into the default one, if there is one.
func atHome(c *api.Call, v store.View, in *shape.CreateSecurityGroupRequest) (*shape.CreateSecurityGroupRequest, error) {
	if in.VpcId != nil {
		return in, nil
	}
	out := *in
	switch n, err := defaultVPC(c, v); {
	case err == nil:
		out.VpcId = &n.ID
	case !absent(err):
		return nil, err
	}
	return &out, nil
}

// groupNamed is the id of the default VPC's group that a name means where no id is given; nil if there is none.
func groupNamed(c *api.Call, v store.View, id, name *string) (*string, error) {
	if id != nil || deref(name) == "" {
		return id, nil
	}
	n, err := defaultVPC(c, v)
	if err == nil {
		var g store.Item[vpc.Group]
		if g, err = rows.Groups.Find(v, c.Scope(), "name", n.ID+"/"+*name); err == nil {
			return &g.ID, nil
		}
	}
	if absent(err) {
		return nil, nil
	}
	return nil, err
}

func notInDefault(name string) *fault.Fault {
	return fault.New(aGroup.notFound, "The security group '%s' does not exist in default VPC", name)
}

func createGroup(c *api.Call, tx store.Tx, in *shape.CreateSecurityGroupRequest) (*shape.CreateSecurityGroupResult, error) {
	in, err := atHome(c, tx, in)
	if err != nil {
		return nil, err
	}
	name, about := deref(in.GroupName), deref(in.Description)
	switch {
	case name == "":
		return nil, missing("groupName")
	case about == "":
		return nil, missing("groupDescription")
	case in.VpcId == nil:
		return nil, fault.New("VPCIdNotSpecified", "No default VPC for this user")
	case len(name) > 255 || strings.HasPrefix(strings.ToLower(name), "sg-") || !printable(name):
		return nil, invalid("Invalid value '%s' for groupName. The name may not begin with sg- and has at most 255 printable ASCII characters.", name)
	case len(about) > 255 || !printable(about):
		return nil, invalid("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", about)
	case name == "default":
		return nil, fault.New("InvalidGroup.Reserved", "The security group name '%s' is reserved", name)
	}
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	switch _, err := rows.Groups.Find(tx, c.Scope(), "name", n.ID+"/"+name); {
	case err == nil:
		return nil, fault.New("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, n.ID)
	case !absent(err):
		return nil, err
	}
	if err := groups().holds(c, tx, ""); err != nil {
		return nil, err
	}
	g := newGroup(c, n.ID, name, about)
	if err := rows.Groups.Create(tx, c.Scope(), g.ID, &g); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aGroup, g.ID, in.TagSpecifications)
	c.Touch(aGroup.arn(c, g.ID))
	return &shape.CreateSecurityGroupResult{GroupId: &g.ID, SecurityGroupArn: new(aGroup.arn(c, g.ID)), Tags: tags}, err
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func deleteGroup(c *api.Call, tx store.Tx, in *shape.DeleteSecurityGroupRequest) (*shape.DeleteSecurityGroupResult, error) {
	id, err := groupNamed(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if id == nil && in.GroupName != nil {
		return nil, notInDefault(*in.GroupName)
	}
	it, err := load(tx, c, rows.Groups, aGroup, id, "groupId")
	if err != nil {
		return nil, err
	}
	if it.Value.Name == "default" {
		return nil, fault.New("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", it.ID)
	}
	used, err := rows.Interfaces.List(tx, store.Query{Scope: c.Scope(), Term: store.Term{Name: "group", Value: it.ID}, Limit: 1})
	if err != nil {
		return nil, err
	}
	others, err := within(tx, c, rows.Groups, it.Value.VPC)
	if err != nil {
		return nil, err
	}
	referred := slices.ContainsFunc(others, func(o store.Item[vpc.Group]) bool {
		return o.ID != it.ID && slices.ContainsFunc(o.Value.Rules, func(r vpc.Rule) bool { return r.Group == it.ID })
	})
	if len(used) > 0 || referred {
		return nil, fault.New("DependencyViolation", "resource %s has a dependent object", it.ID)
	}
	return &shape.DeleteSecurityGroupResult{Return: new(true), GroupId: &it.ID}, dropGroup(c, tx, &it.Value)
}

// dropGroup removes a group with the tags of its rules.
func dropGroup(c *api.Call, tx store.Tx, g *vpc.Group) error {
	for _, r := range g.Rules {
		if err := tx.RemoveTags(aRule.arn(c, r.ID), nil); err != nil {
			return err
		}
	}
	return drop(c, tx, rows.Groups, aGroup, g.ID)
}

func describeGroups(c *api.Call, v store.View, in *shape.DescribeSecurityGroupsRequest) (*shape.DescribeSecurityGroupsResult, error) {
	ids := slices.Clone(in.GroupIds)
	for i := range in.GroupNames { // names alone are of the default VPC
		id, err := groupNamed(c, v, nil, &in.GroupNames[i])
		if err != nil {
			return nil, err
		}
		if id == nil {
			return nil, notInDefault(in.GroupNames[i])
		}
		ids = append(ids, *id)
	}
	all, next, err := describe(c, v, rows.Groups, aGroup, wanted{ids, in.Filters, in.MaxResults, in.NextToken}, groupFields())
	out := &shape.DescribeSecurityGroupsResult{SecurityGroups: []shape.SecurityGroup{}, NextToken: next}
	for i := range all {
		g := &all[i].Value
		out.SecurityGroups = append(out.SecurityGroups, shape.SecurityGroup{GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description,
			VpcId: &g.VPC, OwnerId: &g.Account, SecurityGroupArn: new(aGroup.arn(c, g.ID)), Tags: tagList(all[i].Tags),
			IpPermissions: permissions(g.Rules, false), IpPermissionsEgress: permissions(g.Rules, true)})
	}
	return out, err
}

// groupFields are the filters of DescribeSecurityGroups; those on rules hold when any rule of the direction fits.
func groupFields() map[string]func(*vpc.Group) []string {
	out := map[string]func(*vpc.Group) []string{
		"description": func(g *vpc.Group) []string { return []string{g.Description} },
		"group-id":    func(g *vpc.Group) []string { return []string{g.ID} },
		"group-name":  func(g *vpc.Group) []string { return []string{g.Name} },
		"owner-id":    func(g *vpc.Group) []string { return []string{g.Account} },
		"vpc-id":      func(g *vpc.Group) []string { return []string{g.VPC} },
	}
	for pre, egress := range map[string]bool{"ip-permission.": false, "egress.ip-permission.": true} {
		for name, get := range map[string]func(vpc.Rule) string{
			"cidr": func(r vpc.Rule) string {
				if r.CIDR.IsValid() {
					return r.CIDR.String()
				}
				return ""
			},
			"from-port":      func(r vpc.Rule) string { return itoa(r.From) },
			"to-port":        func(r vpc.Rule) string { return itoa(r.To) },
			"group-id":       func(r vpc.Rule) string { return r.Group },
			"user-id":        func(r vpc.Rule) string { return r.GroupOwner },
			"prefix-list-id": func(r vpc.Rule) string { return r.PrefixList },
			"protocol":       func(r vpc.Rule) string { return protoName(r.Proto) },
		} {
			out[pre+name] = func(g *vpc.Group) (vals []string) {
				for _, r := range g.Rules {
					if val := get(r); r.Egress == egress && val != "" {
						vals = append(vals, val)
					}
				}
				return vals
			}
		}
	}
	return out
}

// permissions groups rules as IpPermissions does: one entry for each protocol and port range.
func permissions(rules []vpc.Rule, egress bool) []shape.IpPermission {
	out := []shape.IpPermission{}
	type key struct {
		p        vpc.Proto
		from, to int
	}
	at := map[key]int{}
	for _, r := range rules {
		if r.Egress != egress {
			continue
		}
		k := key{r.Proto, r.From, r.To}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			p := shape.IpPermission{IpProtocol: new(protoName(r.Proto)), IpRanges: []shape.IpRange{}, Ipv6Ranges: []shape.Ipv6Range{},
				PrefixListIds: []shape.PrefixListId{}, UserIdGroupPairs: []shape.UserIdGroupPair{}}
			if ported(r.Proto) {
				p.FromPort, p.ToPort = new(int64(r.From)), new(int64(r.To))
			}
			out = append(out, p)
		}
		var about *string
		if r.Description != "" {
			about = &r.Description
		}
		switch p := &out[i]; {
		case r.Group != "":
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, shape.UserIdGroupPair{GroupId: &r.Group, UserId: &r.GroupOwner, Description: about})
		case r.PrefixList != "":
			p.PrefixListIds = append(p.PrefixListIds, shape.PrefixListId{PrefixListId: &r.PrefixList, Description: about})
		default:
			p.IpRanges = append(p.IpRanges, shape.IpRange{CidrIp: new(r.CIDR.String()), Description: about})
		}
	}
	return out
}
