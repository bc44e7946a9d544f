package ec2

import (
	"cmp"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// ruleLimit is AWS's default quota of rules of a group in each direction.
const ruleLimit = 60

func (s *Service) ruleRows() []api.Rower {
	perms := []string{"GroupId", "IpPermissions.IpProtocol", "IpPermissions.FromPort", "IpPermissions.ToPort",
		"IpPermissions.IpRanges.*", "IpPermissions.PrefixListIds.*", "IpPermissions.UserIdGroupPairs.GroupId",
		"IpPermissions.UserIdGroupPairs.UserId", "IpPermissions.UserIdGroupPairs.Description", "DryRun"}
	// A group has no IPv6 rule, so to revoke one is answered as AWS answers it; to authorize one is refused by the gate.
	gone := []string{"IpPermissions.Ipv6Ranges.*", "SecurityGroupRuleIds"}
	flat := []string{"IpProtocol", "FromPort", "ToPort", "CidrIp"}
	return []api.Rower{
		api.Op[shape.AuthorizeSecurityGroupIngressRequest, shape.AuthorizeSecurityGroupIngressResult]{
			Name: "AuthorizeSecurityGroupIngress", Honours: slices.Concat(perms, flat, []string{"TagSpecifications.*"}),
			Questions: func(c *api.Call, v store.View, in *shape.AuthorizeSecurityGroupIngressRequest) ([]api.Question, error) {
				return askRules(c, v, "AuthorizeSecurityGroupIngress", in.GroupId, in.TagSpecifications)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.AuthorizeSecurityGroupIngressRequest) (*shape.AuthorizeSecurityGroupIngressResult, error) {
				rs, err := authorize(c, tx, in.GroupId, false, flatten(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
				return &shape.AuthorizeSecurityGroupIngressResult{Return: new(true), SecurityGroupRules: rs}, err
			},
		},
		api.Op[shape.AuthorizeSecurityGroupEgressRequest, shape.AuthorizeSecurityGroupEgressResult]{
			Name: "AuthorizeSecurityGroupEgress", Honours: slices.Concat(perms, flat, []string{"TagSpecifications.*"}),
			Questions: func(c *api.Call, v store.View, in *shape.AuthorizeSecurityGroupEgressRequest) ([]api.Question, error) {
				return askRules(c, v, "AuthorizeSecurityGroupEgress", in.GroupId, in.TagSpecifications)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.AuthorizeSecurityGroupEgressRequest) (*shape.AuthorizeSecurityGroupEgressResult, error) {
				rs, err := authorize(c, tx, in.GroupId, true, flatten(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
				return &shape.AuthorizeSecurityGroupEgressResult{Return: new(true), SecurityGroupRules: rs}, err
			},
		},
		api.Op[shape.RevokeSecurityGroupIngressRequest, shape.RevokeSecurityGroupIngressResult]{
			Name: "RevokeSecurityGroupIngress", Honours: slices.Concat(perms, flat, gone),
			Questions: func(c *api.Call, v store.View, in *shape.RevokeSecurityGroupIngressRequest) ([]api.Question, error) {
				return ask(c, v, "RevokeSecurityGroupIngress").on(aGroup, in.GroupId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.RevokeSecurityGroupIngressRequest) (*shape.RevokeSecurityGroupIngressResult, error) {
				rs, err := revoke(c, tx, in.GroupId, false, flatten(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
				return &shape.RevokeSecurityGroupIngressResult{Return: new(true), RevokedSecurityGroupRules: rs, UnknownIpPermissions: []shape.IpPermission{}}, err
			},
		},
		api.Op[shape.RevokeSecurityGroupEgressRequest, shape.RevokeSecurityGroupEgressResult]{
			Name: "RevokeSecurityGroupEgress", Honours: slices.Concat(perms, flat, gone),
			Questions: func(c *api.Call, v store.View, in *shape.RevokeSecurityGroupEgressRequest) ([]api.Question, error) {
				return ask(c, v, "RevokeSecurityGroupEgress").on(aGroup, in.GroupId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.RevokeSecurityGroupEgressRequest) (*shape.RevokeSecurityGroupEgressResult, error) {
				rs, err := revoke(c, tx, in.GroupId, true, flatten(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
				return &shape.RevokeSecurityGroupEgressResult{Return: new(true), RevokedSecurityGroupRules: rs, UnknownIpPermissions: []shape.IpPermission{}}, err
			},
		},
	}
}

// askRules: the group always, the rules that are made only when they are tagged. Source: Service Authorization Reference.
func askRules(c *api.Call, v store.View, action string, group *string, specs []shape.TagSpecification) ([]api.Question, error) {
	a := ask(c, v, action).on(aGroup, group)
	if len(specified(specs, aRule)) > 0 {
		a.made(aRule, specs)
	}
	return a.done()
}

func authorize(c *api.Call, tx store.Tx, id *string, egress bool, perms []shape.IpPermission, specs []shape.TagSpecification) ([]shape.SecurityGroupRule, error) {
	g, err := load(tx, c, rows.Groups, aGroup, id, "groupId")
	if err != nil {
		return nil, err
	}
	fresh, err := parseRules(c, tx, &g.Value, egress, perms)
	if err != nil {
		return nil, err
	}
	out := []shape.SecurityGroupRule{}
	for _, r := range fresh {
		if slices.ContainsFunc(g.Value.Rules, func(o vpc.Rule) bool { return same(o, r) }) {
			return nil, fault.New("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", spelled(r))
		}
		r.ID = c.Dice.ID("sgr")
		tags, err := tagNew(c, tx, aRule, r.ID, specs)
		if err != nil {
			return nil, err
		}
		g.Value.Rules = append(g.Value.Rules, r)
		out = append(out, ruleShape(c, &g.Value, r, tags))
	}
	n := 0
	for _, r := range g.Value.Rules {
		if r.Egress == egress {
			w, err := weight(c, tx, r.PrefixList)
			if err != nil {
				return nil, err
			}
			n += w
		}
	}
	if n > ruleLimit {
		return nil, fault.New("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	c.Touch(aGroup.arn(c, g.ID))
	return out, rows.Groups.Save(tx, &g)
}

func revoke(c *api.Call, tx store.Tx, id *string, egress bool, perms []shape.IpPermission, ids []string) ([]shape.RevokedSecurityGroupRule, error) {
	g, err := load(tx, c, rows.Groups, aGroup, id, "groupId")
	if err != nil {
		return nil, err
	}
	if len(perms) > 0 && len(ids) > 0 {
		return nil, fault.New("InvalidParameterCombination", "You cannot specify both security group rule IDs and IP permissions.")
	}
	var gone []vpc.Rule
	take := func(fits func(vpc.Rule) bool) bool {
		i := slices.IndexFunc(g.Value.Rules, func(r vpc.Rule) bool { return r.Egress == egress && fits(r) })
		if i < 0 {
			return false
		}
		gone = append(gone, g.Value.Rules[i])
		g.Value.Rules = slices.Delete(g.Value.Rules, i, i+1)
		return true
	}
	for _, rule := range ids {
		if err := aRule.well(rule); err != nil {
			return nil, err
		}
		if !take(func(r vpc.Rule) bool { return r.ID == rule }) {
			return nil, aRule.none(rule)
		}
	}
	if slices.ContainsFunc(perms, func(p shape.IpPermission) bool { return len(p.Ipv6Ranges) > 0 }) {
		return nil, fault.New("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
	}
	if len(ids) == 0 {
		old, err := parseRules(c, tx, &g.Value, egress, perms)
		if err != nil {
			return nil, err
		}
		for _, o := range old {
			if !take(func(r vpc.Rule) bool { return same(r, o) }) {
				return nil, fault.New("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
		}
	}
	out := []shape.RevokedSecurityGroupRule{}
	for _, r := range gone {
		if err := tx.RemoveTags(aRule.arn(c, r.ID), nil); err != nil {
			return nil, err
		}
		s := ruleShape(c, &g.Value, r, nil)
		rev := shape.RevokedSecurityGroupRule{SecurityGroupRuleId: s.SecurityGroupRuleId, GroupId: s.GroupId, IsEgress: s.IsEgress, IpProtocol: s.IpProtocol,
			FromPort: s.FromPort, ToPort: s.ToPort, CidrIpv4: s.CidrIpv4, PrefixListId: s.PrefixListId, Description: s.Description}
		if r.Group != "" {
			rev.ReferencedGroupId = &r.Group
		}
		out = append(out, rev)
	}
	c.Touch(aGroup.arn(c, g.ID))
	return out, rows.Groups.Save(tx, &g)
}

func ruleShape(c *api.Call, g *vpc.Group, r vpc.Rule, tags []shape.Tag) shape.SecurityGroupRule {
	out := shape.SecurityGroupRule{SecurityGroupRuleId: &r.ID, SecurityGroupRuleArn: new(aRule.arn(c, r.ID)), GroupId: &g.ID, GroupOwnerId: &g.Account,
		IsEgress: &r.Egress, IpProtocol: new(protoName(r.Proto)), FromPort: new(int64(r.From)), ToPort: new(int64(r.To)), Tags: tags}
	if r.Description != "" {
		out.Description = &r.Description
	}
	switch {
	case r.Group != "":
		out.ReferencedGroupInfo = &shape.ReferencedSecurityGroup{GroupId: &r.Group, UserId: &r.GroupOwner, VpcId: &g.VPC}
	case r.PrefixList != "":
		out.PrefixListId = &r.PrefixList
	default:
		out.CidrIpv4 = new(r.CIDR.String())
	}
	return out
}

// ruleByID finds a rule in the groups of the call's account and region.
func ruleByID(c *api.Call, v store.View, id string) (vpc.Group, vpc.Rule, error) {
	all, err := rows.Groups.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return vpc.Group{}, vpc.Rule{}, err
	}
	for _, g := range all {
		for _, r := range g.Value.Rules {
			if r.ID == id {
				return g.Value, r, nil
			}
		}
	}
	return vpc.Group{}, vpc.Rule{}, store.ErrNotFound
}

func describeRules(c *api.Call, v store.View, in *shape.DescribeSecurityGroupRulesRequest) (*shape.DescribeSecurityGroupRulesResult, error) {
	if len(in.SecurityGroupRuleIds) > 0 && in.MaxResults != nil {
		return nil, fault.New("InvalidParameterCombination", "The parameter maxResults cannot be used with a list of IDs")
	}
	groups, err := rows.Groups.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	if v, err = withTags(c, v, aRule, in.SecurityGroupRuleIds); err != nil {
		return nil, err
	}
	var all []found[shape.SecurityGroupRule]
	seen := map[string]bool{}
	for i := range groups {
		for _, r := range groups[i].Value.Rules {
			if len(in.SecurityGroupRuleIds) > 0 && !slices.Contains(in.SecurityGroupRuleIds, r.ID) {
				continue
			}
			tags, err := v.Tags(aRule.arn(c, r.ID))
			if err != nil {
				return nil, err
			}
			seen[r.ID] = true
			all = append(all, found[shape.SecurityGroupRule]{ID: r.ID, Tags: tags, Value: ruleShape(c, &groups[i].Value, r, tagList(tags))})
		}
	}
	for _, id := range in.SecurityGroupRuleIds {
		if err := aRule.well(id); err != nil {
			return nil, err
		}
		if !seen[id] {
			return nil, aRule.none(id)
		}
	}
	all, err = sift(all, in.Filters, map[string]func(*shape.SecurityGroupRule) []string{
		"group-id":               func(r *shape.SecurityGroupRule) []string { return []string{*r.GroupId} },
		"security-group-rule-id": func(r *shape.SecurityGroupRule) []string { return []string{*r.SecurityGroupRuleId} },
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found[shape.SecurityGroupRule]) int { return cmp.Compare(a.ID, b.ID) })
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeSecurityGroupRulesResult{SecurityGroupRules: []shape.SecurityGroupRule{}, NextToken: next}
	for _, r := range all {
		out.SecurityGroupRules = append(out.SecurityGroupRules, r.Value)
	}
	return out, err
}
