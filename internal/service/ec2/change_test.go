package ec2_test

import (
	"slices"
	"testing"

	shape "cloister/internal/shape/ec2"
)

func TestRuleChanges(t *testing.T) {
	h := open(t)
	id, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	g := h.group(id, "app")
	in := &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &g, IpProtocol: new("tcp"), FromPort: new(int64(80)), ToPort: new(int64(80)), CidrIp: new("10.0.0.0/8")}
	rule := do[shape.AuthorizeSecurityGroupIngressResult](h, in).SecurityGroupRules[0].SecurityGroupRuleId
	rules := func() []shape.SecurityGroupRule {
		t.Helper()
		return do[shape.DescribeSecurityGroupRulesResult](h, &shape.DescribeSecurityGroupRulesRequest{SecurityGroupRuleIds: []string{*rule}}).SecurityGroupRules
	}
	change := func(w *shape.SecurityGroupRuleRequest, id *string) *shape.ModifySecurityGroupRulesRequest {
		return &shape.ModifySecurityGroupRulesRequest{GroupId: &g, SecurityGroupRules: []shape.SecurityGroupRuleUpdate{{SecurityGroupRuleId: id, SecurityGroupRule: w}}}
	}
	do[shape.ModifySecurityGroupRulesResult](h, change(&shape.SecurityGroupRuleRequest{IpProtocol: new("udp"), FromPort: new(int64(53)), ToPort: new(int64(54)), ReferencedGroupId: &g, Description: new("dns")}, rule))
	if r := rules()[0]; *r.IpProtocol != "udp" || *r.ToPort != 54 || *r.ReferencedGroupInfo.GroupId != g || *r.Description != "dns" || *r.IsEgress {
		t.Errorf("%+v", r)
	}
	do[shape.AuthorizeSecurityGroupIngressResult](h, in) // the old rule is free again
	same := &shape.SecurityGroupRuleRequest{IpProtocol: new("tcp"), FromPort: new(int64(80)), ToPort: new(int64(80)), CidrIpv4: new("10.0.0.0/8")}
	h.refuse("InvalidPermission.Duplicate", change(same, rule))
	h.refuse("InvalidSecurityGroupRuleId.NotFound", change(same, new("sgr-0")))
	h.refuse("InvalidSecurityGroupRuleId.Malformed", change(same, new("sgr-<0>")))
	h.refuse("InvalidParameterCombination", change(&shape.SecurityGroupRuleRequest{IpProtocol: new("-1"), CidrIpv4: new("10.0.0.0/8"), ReferencedGroupId: &g}, rule))
	h.refuse("MissingParameter", change(nil, rule))

	by := func(text string) *shape.UpdateSecurityGroupRuleDescriptionsIngressRequest {
		return &shape.UpdateSecurityGroupRuleDescriptionsIngressRequest{GroupId: &g, SecurityGroupRuleDescriptions: []shape.SecurityGroupRuleDescription{{SecurityGroupRuleId: rule, Description: &text}}}
	}
	do[shape.UpdateSecurityGroupRuleDescriptionsIngressResult](h, by("names"))
	if *rules()[0].Description != "names" {
		t.Errorf("%+v", rules())
	}
	h.refuse("InvalidParameterValue", by("a<b>c"))
	out := by("x")
	h.refuse("InvalidSecurityGroupRuleId.NotFound", &shape.UpdateSecurityGroupRuleDescriptionsEgressRequest{GroupId: &g, SecurityGroupRuleDescriptions: out.SecurityGroupRuleDescriptions})
	everyone := []shape.IpPermission{{IpProtocol: new("-1"), IpRanges: []shape.IpRange{{CidrIp: new("0.0.0.0/0"), Description: new("all")}}}}
	do[shape.UpdateSecurityGroupRuleDescriptionsEgressResult](h, &shape.UpdateSecurityGroupRuleDescriptionsEgressRequest{GroupId: &g, IpPermissions: everyone})
	h.refuse("InvalidPermission.NotFound", &shape.UpdateSecurityGroupRuleDescriptionsIngressRequest{GroupId: &g, IpPermissions: everyone})
	h.refuse("InvalidParameterCombination", &shape.UpdateSecurityGroupRuleDescriptionsIngressRequest{GroupId: &g})
	// Terraform revokes the default IPv6 rule of every new group and expects this answer where there is none.
	h.refuse("InvalidPermission.NotFound", &shape.RevokeSecurityGroupEgressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{
		{IpProtocol: new("-1"), FromPort: new(int64(0)), ToPort: new(int64(0)), Ipv6Ranges: []shape.Ipv6Range{{CidrIpv6: new("::/0")}}}}})
}

func TestInterfaceAttributes(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	other, _ := h.net("10.1.0.0/16", "10.1.1.0/24")
	a, b, foreign := h.group(id, "a"), h.group(id, "b"), h.group(other, "a")
	n := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub}).NetworkInterface.NetworkInterfaceId
	do[shape.ModifyNetworkInterfaceAttributeOutput](h, &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Groups: []string{b, a}})
	do[shape.ModifyNetworkInterfaceAttributeOutput](h, &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Description: &shape.AttributeValue{Value: new("mine")}})
	got := do[shape.DescribeNetworkInterfaceAttributeResult](h, &shape.DescribeNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Attribute: new("groupSet")})
	ids := []string{*got.Groups[0].GroupId, *got.Groups[1].GroupId}
	want := []string{a, b}
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	if d := do[shape.DescribeNetworkInterfaceAttributeResult](h, &shape.DescribeNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Attribute: new("description")}); *d.Description.Value != "mine" {
		t.Errorf("%+v", d)
	}
	h.refuse("InvalidParameter", &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Groups: []string{foreign}})
	h.refuse("InvalidParameterCombination", &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: n})
	h.refuse("InvalidParameterValue", &shape.DescribeNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Attribute: new("colour")})
	if qs := h.ask(&shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: n, Groups: []string{a}}); len(qs) != 2 || qs[0].Keys["ec2:Attribute"][0] != "GroupSet" {
		t.Errorf("%+v", qs)
	}
}
