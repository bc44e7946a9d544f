package ec2_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Every honoured member exists, every row can be asked about an empty call, and says its own name.
func TestRows(t *testing.T) {
	h := open(t)
	if len(h.rows) != len(h.svc.Rows()) {
		t.Error("two rows of one name")
	}
	for name, r := range h.rows {
		in := shape.NewInput(name)
		if in == nil {
			t.Errorf("%s: no such operation", name)
			continue
		}
		for _, p := range r.Honours {
			if err := member(reflect.TypeOf(in).Elem(), strings.Split(p, ".")); err != nil {
				t.Errorf("%s honours %s: %v", name, p, err)
			}
		}
		qs := h.ask(in)
		if len(qs) == 0 || qs[0].Action != "ec2:"+name {
			t.Errorf("%s asks %v", name, qs)
		}
		for _, q := range qs {
			if !slices.Equal(q.Keys["ec2:Region"], []string{"us-east-1"}) || q.Resource != "*" && !strings.HasPrefix(q.Resource, "arn:aws:ec2:us-east-1:"+account+":") {
				t.Errorf("%s asks %+v", name, q)
			}
			for k, v := range q.Keys {
				if len(v) == 0 || v[0] == "" {
					t.Errorf("%s: key %s is empty: an absent key is left out", name, k)
				}
			}
		}
		if (strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "Get")) != r.ReadOnly {
			t.Errorf("%s: read only %v", name, r.ReadOnly)
		}
		if r.View == nil && r.Act == nil && r.Stream == nil {
			continue // not built
		}
		if _, err := h.try(name, in); err != nil { // an empty call is answered or refused, never our fault
			if f := fault.From(err); f.Kind == fault.Internal {
				t.Errorf("%s of nothing: %v", name, err)
			}
		}
	}
}

func member(t reflect.Type, path []string) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if path[0] == "*" {
		if t.Kind() != reflect.Struct {
			return errors.New("nothing lies below it")
		}
		return nil
	}
	f, ok := t.FieldByName(path[0])
	if !ok {
		return fmt.Errorf("no member %s", path[0])
	}
	if len(path) > 1 {
		return member(f.Type, path[1:])
	}
	for t = f.Type; t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice; t = t.Elem() {
	}
	if t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() {
		return errors.New("it is a structure")
	}
	return nil
}

func TestVpc(t *testing.T) {
	h := open(t)
	for cidr, code := range map[string]string{
		"10.0.0.0/8": "InvalidVpc.Range", "10.0.0.0/29": "InvalidVpc.Range", "10.0.0.0/99": "InvalidParameterValue", "x": "InvalidParameterValue",
		"198.51.0.0/16": "InvalidVpc.Range", "127.0.0.0/16": "InvalidVpc.Range", "2001:db8::/32": "InvalidParameterValue",
	} {
		h.refuse(code, &shape.CreateVpcRequest{CidrBlock: &cidr})
	}
	h.refuse("MissingParameter", &shape.CreateVpcRequest{})
	h.refuse("InvalidParameterValue", &shape.CreateVpcRequest{CidrBlock: new("10.0.0.0/16"), InstanceTenancy: new("host")})
	tag := []shape.TagSpecification{{ResourceType: new("vpc"), Tags: []shape.Tag{{Key: new("Name"), Value: new("walls")}}}}
	v := do[shape.CreateVpcResult](h, &shape.CreateVpcRequest{CidrBlock: new("10.0.3.7/16"), TagSpecifications: tag}).Vpc
	if *v.CidrBlock != "10.0.0.0/16" || *v.State != "pending" || *v.Tags[0].Value != "walls" || *v.InstanceTenancy != "default" || *v.IsDefault {
		t.Errorf("%+v", v)
	}
	h.refuse("InvalidParameterValue", &shape.CreateVpcRequest{CidrBlock: new("10.0.0.0/16"), TagSpecifications: []shape.TagSpecification{{ResourceType: new("subnet")}}})
	if n := len(do[shape.DescribeVpcsResult](h, &shape.DescribeVpcsRequest{}).Vpcs); n != 1 {
		t.Fatalf("%d VPCs: a refused call left one behind", n)
	}
	id := *v.VpcId
	tables := do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{Filters: filter("vpc-id", id)}).RouteTables
	if len(tables) != 1 || !*tables[0].Associations[0].Main || *tables[0].Routes[0].GatewayId != "local" {
		t.Errorf("main route table: %+v", tables)
	}
	groups := do[shape.DescribeSecurityGroupsResult](h, &shape.DescribeSecurityGroupsRequest{Filters: filter("vpc-id", id)}).SecurityGroups
	if len(groups) != 1 || *groups[0].GroupName != "default" || *groups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId != *groups[0].GroupId ||
		*groups[0].IpPermissionsEgress[0].IpRanges[0].CidrIp != "0.0.0.0/0" || groups[0].IpPermissionsEgress[0].FromPort != nil {
		t.Errorf("default group: %+v", groups)
	}
	h.refuse("CannotDelete", &shape.DeleteSecurityGroupRequest{GroupId: groups[0].GroupId})
	dhcp := do[shape.DescribeDhcpOptionsResult](h, &shape.DescribeDhcpOptionsRequest{DhcpOptionsIds: []string{*v.DhcpOptionsId}}).DhcpOptions
	if len(dhcp) != 1 || *dhcp[0].DhcpConfigurations[0].Values[0].Value != "ec2.internal" {
		t.Errorf("%+v", dhcp)
	}
	h.refuse("InvalidDhcpOptionID.NotFound", &shape.DescribeDhcpOptionsRequest{DhcpOptionsIds: []string{"dopt-0"}})

	yes := &shape.AttributeBooleanValue{Value: new(true)}
	do[shape.ModifyVpcAttributeOutput](h, &shape.ModifyVpcAttributeRequest{VpcId: &id, EnableDnsHostnames: yes})
	h.refuse("InvalidParameterCombination", &shape.ModifyVpcAttributeRequest{VpcId: &id, EnableDnsHostnames: yes, EnableDnsSupport: yes})
	h.refuse("InvalidParameterCombination", &shape.ModifyVpcAttributeRequest{VpcId: &id})
	if a := do[shape.DescribeVpcAttributeResult](h, &shape.DescribeVpcAttributeRequest{VpcId: &id, Attribute: new("enableDnsHostnames")}); !*a.EnableDnsHostnames.Value {
		t.Errorf("%+v", a)
	}
	s := do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &id, CidrBlock: new("10.0.1.0/24")}).Subnet
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &id})
	do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: s.SubnetId})
	h.group(id, "mine")
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &id})
	mine := do[shape.DescribeSecurityGroupsResult](h, &shape.DescribeSecurityGroupsRequest{Filters: filter("group-name", "mi?e")}).SecurityGroups[0]
	do[shape.DeleteSecurityGroupResult](h, &shape.DeleteSecurityGroupRequest{GroupId: mine.GroupId})
	do[shape.DeleteVpcOutput](h, &shape.DeleteVpcRequest{VpcId: &id})
	h.refuse("InvalidVpcID.NotFound", &shape.DescribeVpcsRequest{VpcIds: []string{id}})
	h.refuse("InvalidVpcID.Malformed", &shape.DescribeVpcsRequest{VpcIds: []string{"subnet-1"}})
	if left := do[shape.DescribeTagsResult](h, &shape.DescribeTagsRequest{}).Tags; len(left) != 0 {
		t.Errorf("tags of the dead: %+v", left)
	}
	_ = h.s.View(t.Context(), func(v store.View) error {
		for _, k := range []string{rows.VPCs.Kind, rows.Subnets.Kind, rows.Groups.Kind, rows.RouteTables.Kind} {
			if rs, err := v.List(store.Query{Kind: k, AnyScope: true}); err != nil || len(rs) != 0 {
				t.Errorf("%s: %d rows left, %v", k, len(rs), err)
			}
		}
		return nil
	})
}

func TestSubnet(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	for cidr, code := range map[string]string{
		"10.1.0.0/24": "InvalidSubnet.Range", "10.0.0.0/15": "InvalidSubnet.Range", "10.0.2.0/29": "InvalidSubnet.Range",
		"10.0.1.128/25": "InvalidSubnet.Conflict", "10.0.0.0/16": "InvalidSubnet.Conflict", "?": "InvalidParameterValue",
	} {
		h.refuse(code, &shape.CreateSubnetRequest{VpcId: &id, CidrBlock: &cidr})
	}
	f := h.refuse("InvalidParameterValue", &shape.CreateSubnetRequest{VpcId: &id, CidrBlock: new("10.0.2.0/24"), AvailabilityZone: new("eu-west-1a")})
	if !strings.Contains(f.Message, "us-east-1a, us-east-1b") {
		t.Errorf("%s", f.Message)
	}
	b := do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &id, CidrBlock: new("10.0.2.0/28"), AvailabilityZoneId: new("use1-az2")}).Subnet
	if *b.AvailabilityZone != "us-east-1b" || *b.AvailableIpAddressCount != 11 {
		t.Errorf("%+v", b)
	}
	do[shape.ModifySubnetAttributeOutput](h, &shape.ModifySubnetAttributeRequest{SubnetId: &sub, MapPublicIpOnLaunch: &shape.AttributeBooleanValue{Value: new(true)}})
	got := do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{Filters: filter("map-public-ip-on-launch", "true")}).Subnets
	if len(got) != 1 || *got[0].SubnetId != sub || *got[0].AvailableIpAddressCount != 251 {
		t.Errorf("%+v", got)
	}
}

func TestGroupRules(t *testing.T) {
	h := open(t)
	id, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	other, _ := h.net("10.0.0.0/16", "10.0.1.0/24") // equal addresses in two VPCs
	g, peer, stranger := h.group(id, "app"), h.group(id, "db"), h.group(other, "app")
	h.refuse("InvalidGroup.Duplicate", &shape.CreateSecurityGroupRequest{VpcId: &id, GroupName: new("app"), Description: new("x")})
	h.refuse("InvalidParameterValue", &shape.CreateSecurityGroupRequest{VpcId: &id, GroupName: new("sg-x"), Description: new("x")})
	h.refuse("InvalidGroup.Reserved", &shape.CreateSecurityGroupRequest{VpcId: &id, GroupName: new("default"), Description: new("x")})

	perm := func(proto string, from, to int64) shape.IpPermission {
		return shape.IpPermission{IpProtocol: &proto, FromPort: &from, ToPort: &to}
	}
	tcp := perm("tcp", 22, 22)
	tcp.IpRanges = []shape.IpRange{{CidrIp: new("10.0.9.9/24"), Description: new("ssh")}, {CidrIp: new("192.0.2.0/24")}}
	tcp.UserIdGroupPairs = []shape.UserIdGroupPair{{GroupId: &g}, {GroupId: &peer, UserId: new(account)}}
	tcp.PrefixListIds = []shape.PrefixListId{{PrefixListId: new("pl-63a5400a")}}
	out := do[shape.AuthorizeSecurityGroupIngressResult](h, &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{tcp},
		TagSpecifications: []shape.TagSpecification{{ResourceType: new("security-group-rule"), Tags: []shape.Tag{{Key: new("k"), Value: new("v")}}}}})
	if len(out.SecurityGroupRules) != 5 || *out.SecurityGroupRules[0].CidrIpv4 != "10.0.9.0/24" || len(out.SecurityGroupRules[0].Tags) != 1 {
		t.Fatalf("%+v", out.SecurityGroupRules)
	}
	// the flat form
	do[shape.AuthorizeSecurityGroupIngressResult](h, &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &g, IpProtocol: new("udp"), FromPort: new(int64(53)), ToPort: new(int64(53)), CidrIp: new("0.0.0.0/0")})
	f := h.refuse("InvalidPermission.Duplicate", &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &g, IpProtocol: new("17"), FromPort: new(int64(53)), ToPort: new(int64(53)), CidrIp: new("0.0.0.0/0")})
	if f.Message != `the specified rule "peer: 0.0.0.0/0, UDP, from port: 53, to port: 53, ALLOW" already exists` {
		t.Error(f.Message)
	}
	bad := func(code string, p shape.IpPermission) {
		t.Helper()
		h.refuse(code, &shape.AuthorizeSecurityGroupEgressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{p}})
	}
	ranges := []shape.IpRange{{CidrIp: new("10.0.0.0/8")}}
	for _, p := range []shape.IpPermission{perm("tcp", 80, 70), perm("tcp", 0, 70000), perm("tcp", -2, 3), perm("icmp", 256, -1), perm("icmp", -1, 3), perm("nonsense", 1, 1), perm("256", 1, 1)} {
		p.IpRanges = ranges
		bad("InvalidParameterValue", p)
	}
	bad("InvalidParameterValue", shape.IpPermission{IpProtocol: new("tcp"), IpRanges: ranges})
	bad("InvalidParameterValue", shape.IpPermission{IpProtocol: new("-1"), IpRanges: []shape.IpRange{{CidrIp: new("nowhere")}}})
	bad("InvalidParameterValue", shape.IpPermission{IpProtocol: new("-1"), IpRanges: append(ranges, ranges[0])})
	bad("InvalidParameterValue", shape.IpPermission{IpProtocol: new("-1"), IpRanges: []shape.IpRange{{CidrIp: new("10.0.0.0/8"), Description: new("<script>")}}})
	bad("InvalidPermission.Duplicate", shape.IpPermission{IpProtocol: new("all"), IpRanges: []shape.IpRange{{CidrIp: new("0.0.0.0/0")}}})
	bad("NotImplemented", shape.IpPermission{IpProtocol: new("icmpv6"), FromPort: new(int64(-1)), ToPort: new(int64(-1)), IpRanges: ranges})
	bad("InvalidGroup.NotFound", shape.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []shape.UserIdGroupPair{{GroupId: new("sg-0")}}})
	bad("InvalidParameter", shape.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []shape.UserIdGroupPair{{GroupId: &stranger}}})
	bad("InvalidGroup.NotFound", shape.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []shape.UserIdGroupPair{{GroupId: &peer, UserId: new("999999999999")}}})
	bad("InvalidPrefixListID.NotFound", shape.IpPermission{IpProtocol: new("-1"), PrefixListIds: []shape.PrefixListId{{PrefixListId: new("pl-0")}}})
	bad("MissingParameter", shape.IpPermission{IpProtocol: new("-1")})
	h.refuse("MissingParameter", &shape.AuthorizeSecurityGroupEgressRequest{GroupId: &g})

	h.refuse("DependencyViolation", &shape.DeleteSecurityGroupRequest{GroupId: &peer})
	h.refuse("InvalidPermission.NotFound", &shape.RevokeSecurityGroupIngressRequest{GroupId: &g, IpProtocol: new("tcp"), FromPort: new(int64(1)), ToPort: new(int64(1)), CidrIp: new("0.0.0.0/0")})
	h.refuse("InvalidSecurityGroupRuleId.NotFound", &shape.RevokeSecurityGroupEgressRequest{GroupId: &g, SecurityGroupRuleIds: []string{*out.SecurityGroupRules[0].SecurityGroupRuleId}})
	rev := do[shape.RevokeSecurityGroupIngressResult](h, &shape.RevokeSecurityGroupIngressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{tcp}})
	if len(rev.RevokedSecurityGroupRules) != 5 {
		t.Errorf("%+v", rev)
	}
	do[shape.DeleteSecurityGroupResult](h, &shape.DeleteSecurityGroupRequest{GroupId: &peer})
	all := do[shape.DescribeSecurityGroupRulesResult](h, &shape.DescribeSecurityGroupRulesRequest{Filters: filter("group-id", g)}).SecurityGroupRules
	if len(all) != 2 {
		t.Errorf("%+v", all)
	}
	byID := do[shape.RevokeSecurityGroupEgressResult](h, &shape.RevokeSecurityGroupEgressRequest{GroupId: &g, SecurityGroupRuleIds: []string{*all[slices.IndexFunc(all, func(r shape.SecurityGroupRule) bool { return *r.IsEgress })].SecurityGroupRuleId}})
	if len(byID.RevokedSecurityGroupRules) != 1 {
		t.Errorf("%+v", byID)
	}
	// the quota, by one call that goes over it, and one that fills it
	many := perm("tcp", 1, 1)
	for i := range 60 {
		many.IpRanges = append(many.IpRanges, shape.IpRange{CidrIp: new(fmt.Sprintf("10.9.%d.0/24", i))})
	}
	h.refuse("RulesPerSecurityGroupLimitExceeded", &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{many}})
	do[shape.AuthorizeSecurityGroupEgressResult](h, &shape.AuthorizeSecurityGroupEgressRequest{GroupId: &g, IpPermissions: []shape.IpPermission{many}})
}

func TestRouteTable(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	_, foreign := h.net("10.7.0.0/16", "10.7.1.0/24")
	main := do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{Filters: append(filter("vpc-id", id), filter("association.main", "true")...)}).RouteTables[0]
	rt := do[shape.CreateRouteTableResult](h, &shape.CreateRouteTableRequest{VpcId: &id, ClientToken: new("once")}).RouteTable
	if again := do[shape.CreateRouteTableResult](h, &shape.CreateRouteTableRequest{VpcId: &id, ClientToken: new("once")}).RouteTable; *again.RouteTableId != *rt.RouteTableId {
		t.Error("a token made two tables")
	}
	h.refuse("InvalidParameterValue", &shape.AssociateRouteTableRequest{RouteTableId: rt.RouteTableId, SubnetId: &foreign})
	as := do[shape.AssociateRouteTableResult](h, &shape.AssociateRouteTableRequest{RouteTableId: rt.RouteTableId, SubnetId: &sub})
	h.refuse("Resource.AlreadyAssociated", &shape.AssociateRouteTableRequest{RouteTableId: main.RouteTableId, SubnetId: &sub})
	h.refuse("DependencyViolation", &shape.DeleteRouteTableRequest{RouteTableId: rt.RouteTableId})
	h.refuse("DependencyViolation", &shape.DeleteRouteTableRequest{RouteTableId: main.RouteTableId})
	h.refuse("InvalidParameterValue", &shape.DisassociateRouteTableRequest{AssociationId: main.Associations[0].RouteTableAssociationId})
	moved := do[shape.ReplaceRouteTableAssociationResult](h, &shape.ReplaceRouteTableAssociationRequest{AssociationId: as.AssociationId, RouteTableId: main.RouteTableId})
	if *moved.NewAssociationId == *as.AssociationId {
		t.Error("a moved association keeps its id")
	}
	newMain := do[shape.ReplaceRouteTableAssociationResult](h, &shape.ReplaceRouteTableAssociationRequest{AssociationId: main.Associations[0].RouteTableAssociationId, RouteTableId: rt.RouteTableId})
	got := do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{Filters: filter("association.route-table-association-id", *newMain.NewAssociationId)}).RouteTables
	if len(got) != 1 || *got[0].RouteTableId != *rt.RouteTableId || !*got[0].Associations[0].Main {
		t.Errorf("%+v", got)
	}
	do[shape.DisassociateRouteTableOutput](h, &shape.DisassociateRouteTableRequest{AssociationId: moved.NewAssociationId})
	h.refuse("InvalidAssociationID.NotFound", &shape.DisassociateRouteTableRequest{AssociationId: moved.NewAssociationId})

	route := func(dest string) *shape.CreateRouteRequest {
		return &shape.CreateRouteRequest{RouteTableId: rt.RouteTableId, DestinationCidrBlock: &dest, GatewayId: new("igw-1")}
	}
	h.refuse("InvalidGatewayID.NotFound", route("0.0.0.0/0"))
	h.refuse("RouteAlreadyExists", route("10.0.0.0/16"))
	h.refuse("InvalidParameterValue", route("10.0.1.0/24"))
	h.refuse("InvalidNatGatewayID.NotFound", &shape.CreateRouteRequest{RouteTableId: rt.RouteTableId, DestinationCidrBlock: new("0.0.0.0/0"), NatGatewayId: new("nat-1")})
	h.refuse("InvalidParameterCombination", &shape.CreateRouteRequest{RouteTableId: rt.RouteTableId, DestinationCidrBlock: new("0.0.0.0/0")})
	h.refuse("InvalidParameterValue", &shape.DeleteRouteRequest{RouteTableId: rt.RouteTableId, DestinationCidrBlock: new("10.0.0.0/16")})
	h.refuse("InvalidRoute.NotFound", &shape.DeleteRouteRequest{RouteTableId: rt.RouteTableId, DestinationCidrBlock: new("0.0.0.0/0")})
	do[shape.DeleteRouteTableOutput](h, &shape.DeleteRouteTableRequest{RouteTableId: main.RouteTableId}) // it is the main one no more
}

func TestEndpointAndPath(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	s3 := "com.amazonaws.us-east-1.s3"
	rt := do[shape.CreateRouteTableResult](h, &shape.CreateRouteTableRequest{VpcId: &id}).RouteTable
	h.refuse("InvalidServiceName", &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: new("com.amazonaws.us-east-1.sqs")})
	h.refuse("InvalidPolicyDocument", &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, PolicyDocument: new(`{"Statement":[{"Effect":"Maybe"}]}`)})
	h.refuse("InvalidRouteTableId.NotFound", &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, RouteTableIds: []string{"rtb-0"}})
	e := do[shape.CreateVpcEndpointResult](h, &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, ClientToken: new("t")}).VpcEndpoint
	again := do[shape.CreateVpcEndpointResult](h, &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, ClientToken: new("t")}).VpcEndpoint
	h.refuse("IdempotentParameterMismatch", &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, ClientToken: new("t"), PolicyDocument: new(`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`)})
	if *again.VpcEndpointId != *e.VpcEndpointId || !strings.Contains(*e.PolicyDocument, `"Principal":"*"`) {
		t.Errorf("%+v %+v", e, again)
	}
	eni := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub}).NetworkInterface
	o := &api.Origin{Door: api.InVPC, Partition: "aws", Account: account, Region: "us-east-1", VPC: id, Interface: *eni.NetworkInterfaceId, Subnet: sub,
		Peer: netip.MustParseAddrPort("10.0.1.4:40000"), Dest: netip.MustParseAddrPort("198.51.100.10:443")}
	path := func(want string) *api.Path {
		t.Helper()
		var p *api.Path
		_ = h.s.View(t.Context(), func(v store.View) error {
			var f *fault.Fault
			p, f = h.svc.Path(v, o, "s3")
			switch {
			case want == "" && f != nil:
				t.Errorf("path: %v", f)
			case want != "" && (f == nil || f.Kind != fault.Unavailable || !strings.Contains(f.Message, want)):
				t.Errorf("path: %+v, %v; want a refusal with %q", p, f, want)
			}
			return nil
		})
		return p
	}
	path("Nothing is attached")
	h.attach(*eni.NetworkInterfaceId, "amazon-test")
	path("has no route to " + s3)
	do[shape.AssociateRouteTableResult](h, &shape.AssociateRouteTableRequest{RouteTableId: rt.RouteTableId, SubnetId: &sub})
	pol := `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`
	do[shape.ModifyVpcEndpointResult](h, &shape.ModifyVpcEndpointRequest{VpcEndpointId: e.VpcEndpointId, AddRouteTableIds: []string{*rt.RouteTableId}, PolicyDocument: &pol})
	if p := path(""); p == nil || p.Endpoint != *e.VpcEndpointId || !p.Gateway || p.PolicyText != pol || p.RouteTable != *rt.RouteTableId {
		t.Errorf("%+v", p)
	}
	o.Peer = netip.MustParseAddrPort("10.0.1.5:40000")
	path("no address")
	o.Peer, o.Dest = netip.MustParseAddrPort("10.0.1.4:40000"), netip.MustParseAddrPort("203.0.113.1:443")
	path("has no route")
	o.Dest = netip.MustParseAddrPort("198.51.100.10:443")

	h.refuse("RouteAlreadyExists", &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3, RouteTableIds: []string{*rt.RouteTableId}})
	h.refuse("InvalidParameterValue", &shape.DeleteRouteRequest{RouteTableId: rt.RouteTableId, DestinationPrefixListId: new("pl-63a5400a")})
	got := do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{Filters: filter("route.gateway-id", *e.VpcEndpointId)}).RouteTables
	if len(got) != 1 || *got[0].Routes[1].DestinationPrefixListId != "pl-63a5400a" {
		t.Errorf("%+v", got)
	}
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &id})
	do[shape.ModifyVpcEndpointResult](h, &shape.ModifyVpcEndpointRequest{VpcEndpointId: e.VpcEndpointId, RemoveRouteTableIds: []string{*rt.RouteTableId}, ResetPolicy: new(true)})
	path("has no route")
	un := do[shape.DeleteVpcEndpointsResult](h, &shape.DeleteVpcEndpointsRequest{VpcEndpointIds: []string{*e.VpcEndpointId, "vpce-0"}}).Unsuccessful
	if len(un) != 1 || *un[0].ResourceId != "vpce-0" {
		t.Errorf("%+v", un)
	}
	o.Door = api.Public
	path("did not come from inside")
}

func TestFiltersAndPages(t *testing.T) {
	h := open(t)
	id, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	for i := 2; i < 14; i++ {
		s := do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &id, CidrBlock: new(fmt.Sprintf("10.0.%d.0/24", i))}).Subnet
		do[shape.CreateTagsOutput](h, &shape.CreateTagsRequest{Resources: []string{*s.SubnetId}, Tags: []shape.Tag{{Key: new("n"), Value: new(fmt.Sprint(i))}, {Key: new("a*b"), Value: new("")}}})
	}
	count := func(f ...[]shape.Filter) int {
		t.Helper()
		return len(do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{Filters: slices.Concat(f...)}).Subnets)
	}
	for want, fs := range map[int][][]shape.Filter{
		13: {filter("vpc-id", id)}, 12: {filter("tag-key", "n")}, 2: {filter("tag:n", "3", "4")}, 1: {filter("tag:n", "3", "4"), filter("cidr-block", "10.0.3.*")},
		4: {filter("tag:n", "1?")}, 0: {filter("tag:n", "3"), filter("tag:n", "4")},
	} {
		if got := count(fs...); got != want {
			t.Errorf("%d subnets, want %d", got, want)
		}
	}
	if n := count(filter("tag-key", `a\*b`)); n != 12 {
		t.Errorf("an escaped star: %d", n)
	}
	if n := count(filter("tag-key", `a\*`)); n != 0 {
		t.Errorf("an escaped star at the end: %d", n)
	}
	f := h.refuse("InvalidParameterValue", &shape.DescribeSubnetsRequest{Filters: filter("colour", "red")})
	if f.Message != "The filter 'colour' is invalid" {
		t.Error(f.Message)
	}
	seen := map[string]bool{}
	var token *string
	for pages := 1; ; pages++ {
		out := do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{MaxResults: new(int64(5)), NextToken: token})
		for _, s := range out.Subnets {
			if seen[*s.SubnetId] {
				t.Errorf("%s twice", *s.SubnetId)
			}
			seen[*s.SubnetId] = true
		}
		if token = out.NextToken; token == nil {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(seen) != 13 {
		t.Errorf("%d of 13", len(seen))
	}
	h.refuse("InvalidNextToken", &shape.DescribeSubnetsRequest{NextToken: new("!")})
	h.refuse("InvalidParameterValue", &shape.DescribeSubnetsRequest{MaxResults: new(int64(4))})
	h.refuse("InvalidParameterCombination", &shape.DescribeSubnetsRequest{MaxResults: new(int64(5)), SubnetIds: []string{"subnet-1"}})

	h.call.Account = "999999999999"
	if n := count(); n != 0 {
		t.Errorf("another account sees %d subnets", n)
	}
	h.call.Account, h.call.Region = account, "eu-west-1"
	if n := count(); n != 0 {
		t.Errorf("another region sees %d subnets", n)
	}
}

func TestTags(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	tag := func(kv ...string) (out []shape.Tag) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, shape.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		return out
	}
	create := func(tags []shape.Tag, ids ...string) *shape.CreateTagsRequest {
		return &shape.CreateTagsRequest{Resources: ids, Tags: tags}
	}
	do[shape.CreateTagsOutput](h, create(tag("a", "1", "b", "2"), id, sub))
	h.refuse("InvalidParameterValue", create(tag("aws:x", "1"), id))
	h.refuse("InvalidParameterValue", create(tag("a", "1", "a", "2"), id))
	h.refuse("InvalidParameterValue", create(tag(strings.Repeat("k", 129), "1"), id))
	h.refuse("InvalidVpcID.NotFound", create(tag("a", "1"), "vpc-0"))
	h.refuse("InvalidID", create(tag("a", "1"), "thing-0"))
	for code, pre := range map[string]string{"InvalidNetworkAclID.NotFound": "acl-", "InvalidInternetGatewayID.NotFound": "igw-", "InvalidAllocationID.NotFound": "eipalloc-",
		"NatGatewayNotFound": "nat-", "InvalidVpcPeeringConnectionID.NotFound": "pcx-", "InvalidPrefixListID.NotFound": "pl-", "InvalidGroup.NotFound": "sg-"} {
		h.refuse(code, create(tag("a", "1"), pre+"0"))
	}
	acl := do[shape.DescribeNetworkAclsResult](h, &shape.DescribeNetworkAclsRequest{Filters: filter("vpc-id", id)}).NetworkAcls[0]
	do[shape.CreateTagsOutput](h, create(tag("a", "1"), *acl.NetworkAclId))
	h.refuse("MissingParameter", create(nil, id))
	many := []shape.Tag{}
	for i := range 49 {
		many = append(many, tag(fmt.Sprint("t", i), "")...)
	}
	h.refuse("TagLimitExceeded", create(many, id))
	got := do[shape.DescribeTagsResult](h, &shape.DescribeTagsRequest{Filters: append(filter("resource-type", "subnet"), filter("key", "b")...)}).Tags
	if len(got) != 1 || *got[0].ResourceId != sub || *got[0].Value != "2" {
		t.Errorf("%+v", got)
	}
	do[shape.DeleteTagsOutput](h, &shape.DeleteTagsRequest{Resources: []string{id}, Tags: []shape.Tag{{Key: new("a")}, {Key: new("b"), Value: new("other")}}})
	if left := do[shape.DescribeTagsResult](h, &shape.DescribeTagsRequest{Filters: filter("resource-id", id)}).Tags; len(left) != 1 || *left[0].Key != "b" {
		t.Errorf("%+v", left)
	}
	do[shape.DeleteTagsOutput](h, &shape.DeleteTagsRequest{Resources: []string{id}})
	if left := do[shape.DescribeTagsResult](h, &shape.DescribeTagsRequest{Filters: filter("resource-id", id)}).Tags; len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestPlaces(t *testing.T) {
	h := open(t)
	for region, first := range map[string]string{"us-east-1": "use1-az1", "eu-central-1": "euc1-az1", "ap-southeast-2": "apse2-az1", "us-gov-west-1": "usgw1-az1", "ap-northeast-1": "apne1-az1"} {
		h.call.Region = region
		z := do[shape.DescribeAvailabilityZonesResult](h, &shape.DescribeAvailabilityZonesRequest{ZoneNames: []string{region + "a"}}).AvailabilityZones
		if len(z) != 1 || *z[0].ZoneId != first {
			t.Errorf("%s: %+v", region, z)
		}
	}
	if r := do[shape.DescribeRegionsResult](h, &shape.DescribeRegionsRequest{RegionNames: []string{"eu-west-1"}}).Regions; len(r) != 1 || *r[0].Endpoint != "ec2.eu-west-1.amazonaws.com" {
		t.Errorf("%+v", r)
	}
	h.call.Region = "us-east-1"
	l := do[shape.DescribePrefixListsResult](h, &shape.DescribePrefixListsRequest{Filters: filter("prefix-list-name", "*.s3")}).PrefixLists
	if len(l) != 1 || *l[0].PrefixListId != "pl-63a5400a" || l[0].Cidrs[0] != "198.51.100.0/25" {
		t.Errorf("%+v", l)
	}
	if s := do[shape.DescribeVpcEndpointServicesResult](h, &shape.DescribeVpcEndpointServicesRequest{Filters: filter("service-type", "Gateway")}).ServiceNames; !slices.Equal(s, []string{"com.amazonaws.us-east-1.s3"}) {
		t.Errorf("%v", s)
	}
	if a := do[shape.DescribeAccountAttributesResult](h, &shape.DescribeAccountAttributesRequest{AttributeNames: []string{"default-vpc"}}).AccountAttributes; len(a) != 1 || *a[0].AttributeValues[0].AttributeValue != "none" {
		t.Errorf("%+v", a)
	}
}
