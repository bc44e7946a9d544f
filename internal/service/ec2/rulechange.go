package ec2

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) ruleChangeRows() []api.Rower {
	rule := "SecurityGroupRules.SecurityGroupRule."
	about := []string{"GroupId", "SecurityGroupRuleDescriptions.*", "IpPermissions.IpProtocol", "IpPermissions.FromPort", "IpPermissions.ToPort", "IpPermissions.IpRanges.*",
		"IpPermissions.PrefixListIds.*", "IpPermissions.UserIdGroupPairs.GroupId", "IpPermissions.UserIdGroupPairs.UserId", "IpPermissions.UserIdGroupPairs.Description", "DryRun"}
	return []api.Rower{
		api.Op[shape.ModifySecurityGroupRulesRequest, shape.ModifySecurityGroupRulesResult]{
			Name: "ModifySecurityGroupRules",
			Honours: []string{"GroupId", "SecurityGroupRules.SecurityGroupRuleId", rule + "IpProtocol", rule + "FromPort", rule + "ToPort", rule + "CidrIpv4",
				rule + "PrefixListId", rule + "ReferencedGroupId", rule + "Description", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifySecurityGroupRulesRequest) ([]api.Question, error) {
				a := ask(c, v, "ModifySecurityGroupRules").on(aGroup, in.GroupId)
				for _, u := range in.SecurityGroupRules {
					a.on(aRule, u.SecurityGroupRuleId)
				}
				return a.done()
			},
			Act: modifyRules,
		},
		api.Op[shape.UpdateSecurityGroupRuleDescriptionsIngressRequest, shape.UpdateSecurityGroupRuleDescriptionsIngressResult]{
			Name: "UpdateSecurityGroupRuleDescriptionsIngress", Honours: about,
			Questions: func(c *api.Call, v store.View, in *shape.UpdateSecurityGroupRuleDescriptionsIngressRequest) ([]api.Question, error) {
				return ask(c, v, "UpdateSecurityGroupRuleDescriptionsIngress").on(aGroup, in.GroupId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.UpdateSecurityGroupRuleDescriptionsIngressRequest) (*shape.UpdateSecurityGroupRuleDescriptionsIngressResult, error) {
				return &shape.UpdateSecurityGroupRuleDescriptionsIngressResult{Return: new(true)}, redescribe(c, tx, in.GroupId, false, in.IpPermissions, in.SecurityGroupRuleDescriptions)
			},
		},
		api.Op[shape.UpdateSecurityGroupRuleDescriptionsEgressRequest, shape.UpdateSecurityGroupRuleDescriptionsEgressResult]{
			Name: "UpdateSecurityGroupRuleDescriptionsEgress", Honours: about,
			Questions: func(c *api.Call, v store.View, in *shape.UpdateSecurityGroupRuleDescriptionsEgressRequest) ([]api.Question, error) {
				return ask(c, v, "UpdateSecurityGroupRuleDescriptionsEgress").on(aGroup, in.GroupId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.UpdateSecurityGroupRuleDescriptionsEgressRequest) (*shape.UpdateSecurityGroupRuleDescriptionsEgressResult, error) {
				return &shape.UpdateSecurityGroupRuleDescriptionsEgressResult{Return: new(true)}, redescribe(c, tx, in.GroupId, true, in.IpPermissions, in.SecurityGroupRuleDescriptions)
			},
		},
	}
}

// modifyRules rewrites rules in place: they keep their ids, tags and direction.
func modifyRules(c *api.Call, tx store.Tx, in *shape.ModifySecurityGroupRulesRequest) (*shape.ModifySecurityGroupRulesResult, error) {
	g, err := load(tx, c, rows.Groups, aGroup, in.GroupId, "groupId")
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRules) == 0 {
		return nil, missing("securityGroupRules")
	}
	for _, u := range in.SecurityGroupRules {
		i, err := ruleAt(&g.Value, u.SecurityGroupRuleId)
		if err != nil {
			return nil, err
		}
		w := u.SecurityGroupRule
		if w == nil {
			return nil, missing("securityGroupRule")
		}
		p := shape.IpPermission{IpProtocol: w.IpProtocol, FromPort: w.FromPort, ToPort: w.ToPort}
		if w.CidrIpv4 != nil {
			p.IpRanges = []shape.IpRange{{CidrIp: w.CidrIpv4, Description: w.Description}}
		}
		if w.PrefixListId != nil {
			p.PrefixListIds = []shape.PrefixListId{{PrefixListId: w.PrefixListId, Description: w.Description}}
		}
		if w.ReferencedGroupId != nil {
			p.UserIdGroupPairs = []shape.UserIdGroupPair{{GroupId: w.ReferencedGroupId, Description: w.Description}}
		}
		old := g.Value.Rules[i]
		fresh, err := parseRules(c, tx, &g.Value, old.Egress, []shape.IpPermission{p})
		if err != nil {
			return nil, err
		}
		if len(fresh) != 1 {
			return nil, fault.New("InvalidParameterCombination", "A rule has exactly one of cidrIpv4, prefixListId, referencedGroupId")
		}
		fresh[0].ID = old.ID
		g.Value.Rules[i] = fresh[0]
	}
	for i, r := range g.Value.Rules {
		if slices.ContainsFunc(g.Value.Rules[:i], func(o vpc.Rule) bool { return same(o, r) }) {
			return nil, fault.New("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", spelled(r))
		}
	}
	c.Touch(aGroup.arn(c, g.ID))
	return &shape.ModifySecurityGroupRulesResult{Return: new(true)}, rows.Groups.Save(tx, &g)
}

func ruleAt(g *vpc.Group, id *string) (int, error) {
	want, err := aRule.id(id, "securityGroupRuleId")
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(g.Rules, func(r vpc.Rule) bool { return r.ID == want })
	if i < 0 {
		return 0, aRule.none(want)
	}
	return i, nil
}

// redescribe gives rules of one direction new descriptions: rules by id, or those that equal the permissions.
func redescribe(c *api.Call, tx store.Tx, id *string, egress bool, perms []shape.IpPermission, byID []shape.SecurityGroupRuleDescription) error {
	g, err := load(tx, c, rows.Groups, aGroup, id, "groupId")
	if err != nil {
		return err
	}
	if (len(perms) == 0) == (len(byID) == 0) {
		return fault.New("InvalidParameterCombination", "The request must contain exactly one of ipPermissions, securityGroupRuleDescriptions")
	}
	for _, d := range byID {
		i, err := ruleAt(&g.Value, d.SecurityGroupRuleId)
		if err != nil {
			return err
		}
		if g.Value.Rules[i].Egress != egress {
			return aRule.none(*d.SecurityGroupRuleId)
		}
		if err := describable(deref(d.Description)); err != nil {
			return err
		}
		g.Value.Rules[i].Description = deref(d.Description)
	}
	if len(perms) > 0 {
		want, err := parseRules(c, tx, &g.Value, egress, perms)
		if err != nil {
			return err
		}
		for _, w := range want {
			i := slices.IndexFunc(g.Value.Rules, func(r vpc.Rule) bool { return same(r, w) })
			if i < 0 {
				return fault.New("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			g.Value.Rules[i].Description = w.Description
		}
	}
	c.Touch(aGroup.arn(c, g.ID))
	return rows.Groups.Save(tx, &g)
}
