package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestGoSDKNetworks walks a VPC's things through their lives with the client that the Terraform provider is built on, reading the
// members that it reads: what must be nil is nil, what must be a list is one.
func TestGoSDKNetworks(t *testing.T) {
	serve(t).env(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	w := &walker{T: t, ctx: ctx, cfg: cfg}
	w.must(err)
	n := &town{walker: w, ec2: ec2.NewFromConfig(cfg)}
	n.network()
	n.ways()
	n.rules()
	n.ends()
	n.many()
	n.remove()
}

type town struct {
	*walker
	ec2                  *ec2.Client
	vpc, main, igw, acl  string
	subnets              []string
	table, group, prefix string
}

const soon = 10 * time.Second

func filter(pairs ...string) (out []types.Filter) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, types.Filter{Name: &pairs[i], Values: []string{pairs[i+1]}})
	}
	return out
}

func tagged(kind types.ResourceType, name string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}}}
}

// same holds what was read to what must be.
func same[T any](n *town, what string, got, want T) {
	n.Helper()
	if g, x := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != x {
		n.Errorf("%s: got %s, want %s", what, g, x)
	}
}

// only gives the one element of a list.
func only[T any](n *town, list []T) T {
	n.Helper()
	if len(list) != 1 {
		n.Fatalf("%d elements, want 1: %+v", len(list), list)
	}
	return list[0]
}

// network: VPC, attributes, what it is born with, subnets.
func (n *town) network() {
	made, err := n.ec2.CreateVpc(n.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), InstanceTenancy: types.TenancyDefault, TagSpecifications: tagged(types.ResourceTypeVpc, "main")})
	n.must(err)
	n.vpc = *made.Vpc.VpcId
	n.must(ec2.NewVpcAvailableWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}}, soon))
	for _, a := range []types.VpcAttributeName{types.VpcAttributeNameEnableDnsHostnames, types.VpcAttributeNameEnableDnsSupport, types.VpcAttributeNameEnableNetworkAddressUsageMetrics} {
		got, err := n.ec2.DescribeVpcAttribute(n.ctx, &ec2.DescribeVpcAttributeInput{VpcId: &n.vpc, Attribute: a})
		n.must(err)
		same(n, "attributes besides "+string(a), []bool{got.EnableDnsHostnames != nil, got.EnableDnsSupport != nil, got.EnableNetworkAddressUsageMetrics != nil},
			[]bool{a == types.VpcAttributeNameEnableDnsHostnames, a == types.VpcAttributeNameEnableDnsSupport, a == types.VpcAttributeNameEnableNetworkAddressUsageMetrics})
	}
	_, err = n.ec2.ModifyVpcAttribute(n.ctx, &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	n.must(err)
	tables, err := n.ec2.DescribeRouteTables(n.ctx, &ec2.DescribeRouteTablesInput{Filters: filter("association.main", "true", "vpc-id", n.vpc)})
	n.must(err)
	n.main = *only(n, tables.RouteTables).RouteTableId
	acls, err := n.ec2.DescribeNetworkAcls(n.ctx, &ec2.DescribeNetworkAclsInput{Filters: filter("default", "true", "vpc-id", n.vpc)})
	n.must(err)
	n.acl = *only(n, acls.NetworkAcls).NetworkAclId
	more, err := n.ec2.AssociateVpcCidrBlock(n.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &n.vpc, CidrBlock: aws.String("10.1.0.0/16")})
	n.must(err)
	got, err := n.ec2.DescribeVpcs(n.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}})
	n.must(err)
	v := only(n, got.Vpcs)
	same(n, "a VPC", []any{v.State, len(v.CidrBlockAssociationSet), len(v.Ipv6CidrBlockAssociationSet), v.InstanceTenancy, *v.IsDefault, *v.Tags[0].Value}, []any{types.VpcStateAvailable, 2, 0, types.TenancyDefault, false, "main"})
	_, err = n.ec2.DisassociateVpcCidrBlock(n.ctx, &ec2.DisassociateVpcCidrBlockInput{AssociationId: more.CidrBlockAssociation.AssociationId})
	n.must(err)

	zones, err := n.ec2.DescribeAvailabilityZones(n.ctx, &ec2.DescribeAvailabilityZonesInput{Filters: filter("state", "available")})
	n.must(err)
	for i, z := range zones.AvailabilityZones[:2] {
		s, err := n.ec2.CreateSubnet(n.ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZoneId: z.ZoneId, TagSpecifications: tagged(types.ResourceTypeSubnet, "s")})
		n.must(err)
		same(n, "a subnet", []any{*s.Subnet.AvailabilityZone, *s.Subnet.AvailableIpAddressCount, *s.Subnet.MapPublicIpOnLaunch, s.Subnet.CustomerOwnedIpv4Pool, s.Subnet.OutpostArn, len(s.Subnet.Ipv6CidrBlockAssociationSet)},
			[]any{*z.ZoneName, int32(251), false, (*string)(nil), (*string)(nil), 0})
		n.subnets = append(n.subnets, *s.Subnet.SubnetId)
	}
	n.must(ec2.NewSubnetAvailableWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeSubnetsInput{SubnetIds: n.subnets}, soon))
	_, err = n.ec2.DeleteVpc(n.ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
	n.refused(err, "DependencyViolation", 400)
}

// ways: table, gateways, addresses, routes.
func (n *town) ways() {
	t, err := n.ec2.CreateRouteTable(n.ctx, &ec2.CreateRouteTableInput{VpcId: &n.vpc, ClientToken: aws.String("t"), TagSpecifications: tagged(types.ResourceTypeRouteTable, "t")})
	n.must(err)
	n.table = *t.RouteTable.RouteTableId
	a, err := n.ec2.AssociateRouteTable(n.ctx, &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &n.subnets[0]})
	n.must(err)
	same(n, "an association", a.AssociationState.State, types.RouteTableAssociationStateCodeAssociated)
	found, err := n.ec2.DescribeRouteTables(n.ctx, &ec2.DescribeRouteTablesInput{Filters: filter("association.route-table-association-id", *a.AssociationId)})
	n.must(err)
	same(n, "a table by its association", *only(n, found.RouteTables).RouteTableId, n.table)
	igw, err := n.ec2.CreateInternetGateway(n.ctx, &ec2.CreateInternetGatewayInput{})
	n.must(err)
	n.igw = *igw.InternetGateway.InternetGatewayId
	_, err = n.ec2.AttachInternetGateway(n.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc})
	n.must(err)
	n.must(ec2.NewInternetGatewayExistsWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{n.igw}}, soon))
	eip, err := n.ec2.AllocateAddress(n.ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	n.must(err)
	nat, err := n.ec2.CreateNatGateway(n.ctx, &ec2.CreateNatGatewayInput{SubnetId: &n.subnets[0], AllocationId: eip.AllocationId, ClientToken: aws.String("nat"), TagSpecifications: tagged(types.ResourceTypeNatgateway, "nat")})
	n.must(err)
	id := *nat.NatGateway.NatGatewayId
	n.must(ec2.NewNatGatewayAvailableWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}, soon))
	nats, err := n.ec2.DescribeNatGateways(n.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	n.must(err)
	g := only(n, nats.NatGateways)
	at := only(n, g.NatGatewayAddresses)
	same(n, "a NAT gateway", []any{g.State, g.ConnectivityType, g.FailureCode, g.DeleteTime, *at.AllocationId, *at.IsPrimary, *at.PublicIp, at.PrivateIp != nil, at.NetworkInterfaceId != nil, at.AssociationId != nil},
		[]any{types.NatGatewayStateAvailable, types.ConnectivityTypePublic, (*string)(nil), (*time.Time)(nil), *eip.AllocationId, true, *eip.PublicIp, true, true, true})
	for _, r := range []*ec2.CreateRouteInput{{GatewayId: &n.igw, DestinationCidrBlock: aws.String("0.0.0.0/0")}, {NatGatewayId: &id, DestinationCidrBlock: aws.String("8.0.0.0/8")}} {
		r.RouteTableId = &n.table
		_, err = n.ec2.CreateRoute(n.ctx, r)
		n.must(err)
	}
	same(n, "routes", n.routes(), "0.0.0.0/0 active; 10.0.0.0/16 active; 8.0.0.0/8 active")
	_, err = n.ec2.DetachInternetGateway(n.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc})
	n.refused(err, "DependencyViolation", 400)
	_, err = n.ec2.ReleaseAddress(n.ctx, &ec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
	n.refused(err, "InvalidIPAddress.InUse", 400)
	_, err = n.ec2.DeleteNatGateway(n.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &id})
	n.must(err)
	n.must(ec2.NewNatGatewayDeletedWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}, soon))
	same(n, "routes without the gateway", n.routes(), "0.0.0.0/0 active; 10.0.0.0/16 active; 8.0.0.0/8 blackhole")
	_, err = n.ec2.ReleaseAddress(n.ctx, &ec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
	n.must(err)
	_, err = n.ec2.DescribeAddresses(n.ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{*eip.AllocationId}})
	n.refused(err, "InvalidAllocationID.NotFound", 400)
	_, err = n.ec2.DetachInternetGateway(n.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.igw, VpcId: &n.vpc})
	n.must(err)
	_, err = n.ec2.DeleteInternetGateway(n.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &n.igw})
	n.must(err)
	same(n, "routes without either", n.routes(), "0.0.0.0/0 blackhole; 10.0.0.0/16 active; 8.0.0.0/8 blackhole")
	_, err = n.ec2.DeleteRouteTable(n.ctx, &ec2.DeleteRouteTableInput{RouteTableId: &n.table})
	n.refused(err, "DependencyViolation", 400)
	_, err = n.ec2.DisassociateRouteTable(n.ctx, &ec2.DisassociateRouteTableInput{AssociationId: a.AssociationId})
	n.must(err)
	_, err = n.ec2.DeleteRouteTable(n.ctx, &ec2.DeleteRouteTableInput{RouteTableId: &n.table})
	n.must(err)
	_, err = n.ec2.DescribeRouteTables(n.ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{n.table}})
	n.refused(err, "InvalidRouteTableID.NotFound", 400)
}

func (n *town) routes() string {
	n.Helper()
	got, err := n.ec2.DescribeRouteTables(n.ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{n.table}})
	n.must(err)
	var all []string
	for _, r := range only(n, got.RouteTables).Routes {
		all = append(all, *r.DestinationCidrBlock+" "+string(r.State))
	}
	slices.Sort(all)
	out := ""
	for i, r := range all {
		if i > 0 {
			out += "; "
		}
		out += r
	}
	return out
}

// rules: a group without its first rule, rules with tags, a prefix list, an ACL.
func (n *town) rules() {
	g, err := n.ec2.CreateSecurityGroup(n.ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: aws.String("g"), Description: aws.String("Managed by Terraform")})
	n.must(err)
	n.group = *g.GroupId
	open := []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	_, err = n.ec2.RevokeSecurityGroupEgress(n.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &n.group, IpPermissions: open})
	n.must(err)
	pl, err := n.ec2.CreateManagedPrefixList(n.ctx, &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("pl"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(3),
		Entries: []types.AddPrefixListEntry{{Cidr: aws.String("192.0.2.0/24")}}})
	n.must(err)
	n.prefix = *pl.PrefixList.PrefixListId
	_, err = n.ec2.ModifyManagedPrefixList(n.ctx, &ec2.ModifyManagedPrefixListInput{PrefixListId: &n.prefix, CurrentVersion: pl.PrefixList.Version, AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("198.51.100.0/24"), Description: aws.String("d")}}})
	n.must(err)
	entries, err := n.ec2.GetManagedPrefixListEntries(n.ctx, &ec2.GetManagedPrefixListEntriesInput{PrefixListId: &n.prefix})
	n.must(err)
	for _, e := range entries.Entries {
		same(n, "the description of "+*e.Cidr, e.Description != nil, *e.Cidr == "198.51.100.0/24")
	}
	made, err := n.ec2.AuthorizeSecurityGroupIngress(n.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.group, TagSpecifications: tagged(types.ResourceTypeSecurityGroupRule, "r"),
		IpPermissions: []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), PrefixListIds: []types.PrefixListId{{PrefixListId: &n.prefix}}}}})
	n.must(err)
	r := only(n, made.SecurityGroupRules)
	same(n, "a rule", []any{r.CidrIpv4, r.CidrIpv6, r.Description, r.ReferencedGroupInfo, *r.PrefixListId, *r.FromPort, *r.IsEgress, len(r.Tags)},
		[]any{(*string)(nil), (*string)(nil), (*string)(nil), (*types.ReferencedSecurityGroup)(nil), n.prefix, int32(443), false, 1})
	_, err = n.ec2.ModifySecurityGroupRules(n.ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: &n.group, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{SecurityGroupRuleId: r.SecurityGroupRuleId,
		SecurityGroupRule: &types.SecurityGroupRuleRequest{IpProtocol: aws.String("-1"), CidrIpv4: aws.String("10.0.0.0/8")}}}})
	n.must(err)
	groups, err := n.ec2.DescribeSecurityGroups(n.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{n.group}})
	n.must(err)
	p := only(n, only(n, groups.SecurityGroups).IpPermissions)
	same(n, "a permission for everything", []any{*p.IpProtocol, p.FromPort, p.ToPort, *only(n, p.IpRanges).CidrIp, len(p.PrefixListIds), len(groups.SecurityGroups[0].IpPermissionsEgress)},
		[]any{"-1", (*int32)(nil), (*int32)(nil), "10.0.0.0/8", 0, 0})
	_, err = n.ec2.RevokeSecurityGroupIngress(n.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &n.group, SecurityGroupRuleIds: []string{*r.SecurityGroupRuleId}})
	n.must(err)
	_, err = n.ec2.DescribeSecurityGroupRules(n.ctx, &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{*r.SecurityGroupRuleId}})
	n.refused(err, "InvalidSecurityGroupRuleId.NotFound", 400)
	_, err = n.ec2.DeleteManagedPrefixList(n.ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: &n.prefix})
	n.must(err)

	acl, err := n.ec2.CreateNetworkAcl(n.ctx, &ec2.CreateNetworkAclInput{VpcId: &n.vpc})
	n.must(err)
	_, err = n.ec2.CreateNetworkAclEntry(n.ctx, &ec2.CreateNetworkAclEntryInput{NetworkAclId: acl.NetworkAcl.NetworkAclId, RuleNumber: aws.Int32(1), Egress: aws.Bool(false), Protocol: aws.String("-1"),
		RuleAction: types.RuleActionAllow, CidrBlock: aws.String("0.0.0.0/0")})
	n.must(err)
	acls, err := n.ec2.DescribeNetworkAcls(n.ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{*acl.NetworkAcl.NetworkAclId}})
	n.must(err)
	for _, e := range only(n, acls.NetworkAcls).Entries {
		same(n, "an entry for everything", []any{e.PortRange, e.IcmpTypeCode, e.Ipv6CidrBlock, *e.Protocol}, []any{(*types.PortRange)(nil), (*types.IcmpTypeCode)(nil), (*string)(nil), "-1"})
	}
	_, err = n.ec2.DeleteNetworkAcl(n.ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: acl.NetworkAcl.NetworkAclId})
	n.must(err)
	_, err = n.ec2.DeleteNetworkAcl(n.ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &n.acl})
	n.refused(err, "InvalidParameterValue", 400)
}

// ends: endpoints of both kinds, DHCP options, an interface.
func (n *town) ends() {
	region := n.cfg.Region
	for _, in := range []*ec2.CreateVpcEndpointInput{
		{ServiceName: aws.String("com.amazonaws." + region + ".s3"), RouteTableIds: []string{n.main}, VpcEndpointType: types.VpcEndpointTypeGateway},
		{ServiceName: aws.String("com.amazonaws." + region + ".kms"), SubnetIds: n.subnets, SecurityGroupIds: []string{n.group}, VpcEndpointType: types.VpcEndpointTypeInterface, PrivateDnsEnabled: aws.Bool(true)},
	} {
		in.VpcId = &n.vpc
		made, err := n.ec2.CreateVpcEndpoint(n.ctx, in)
		n.must(err)
		id := *made.VpcEndpoint.VpcEndpointId
		got, err := n.ec2.DescribeVpcEndpoints(n.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
		n.must(err)
		e := only(n, got.VpcEndpoints)
		same(n, "an endpoint", []any{e.State == "available", e.VpcEndpointType, len(e.RouteTableIds), len(e.SubnetIds), len(e.Groups), len(e.NetworkInterfaceIds), *e.PrivateDnsEnabled, e.PolicyDocument != nil, e.LastError, *e.RequesterManaged},
			[]any{true, in.VpcEndpointType, len(in.RouteTableIds), len(in.SubnetIds), len(in.SecurityGroupIds), len(in.SubnetIds), aws.ToBool(in.PrivateDnsEnabled), true, (*types.LastError)(nil), false})
		_, err = n.ec2.DeleteVpc(n.ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
		n.refused(err, "DependencyViolation", 400)
		gone, err := n.ec2.DeleteVpcEndpoints(n.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
		n.must(err)
		same(n, "what was not deleted", len(gone.Unsuccessful), 0)
		_, err = n.ec2.DescribeVpcEndpoints(n.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
		n.refused(err, "InvalidVpcEndpointId.NotFound", 400)
	}
	d, err := n.ec2.CreateDhcpOptions(n.ctx, &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{{Key: aws.String("domain-name"), Values: []string{"corp.example"}}}})
	n.must(err)
	_, err = n.ec2.AssociateDhcpOptions(n.ctx, &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: d.DhcpOptions.DhcpOptionsId, VpcId: &n.vpc})
	n.must(err)
	_, err = n.ec2.DeleteDhcpOptions(n.ctx, &ec2.DeleteDhcpOptionsInput{DhcpOptionsId: d.DhcpOptions.DhcpOptionsId})
	n.refused(err, "DependencyViolation", 400)
	_, err = n.ec2.AssociateDhcpOptions(n.ctx, &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: aws.String("default"), VpcId: &n.vpc})
	n.must(err)
	_, err = n.ec2.DeleteDhcpOptions(n.ctx, &ec2.DeleteDhcpOptionsInput{DhcpOptionsId: d.DhcpOptions.DhcpOptionsId})
	n.must(err)
	eni, err := n.ec2.CreateNetworkInterface(n.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &n.subnets[0], Groups: []string{n.group}, ClientToken: aws.String("eni")})
	n.must(err)
	id := *eni.NetworkInterface.NetworkInterfaceId
	n.must(ec2.NewNetworkInterfaceAvailableWaiter(n.ec2).Wait(n.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}}, soon))
	got, err := n.ec2.DescribeNetworkInterfaces(n.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}})
	n.must(err)
	i := only(n, got.NetworkInterfaces)
	same(n, "an interface", []any{i.Status, i.InterfaceType, i.Attachment, i.Association, *i.SourceDestCheck, len(i.PrivateIpAddresses), len(i.Ipv6Addresses), len(i.TagSet)},
		[]any{types.NetworkInterfaceStatusAvailable, types.NetworkInterfaceTypeInterface, (*types.NetworkInterfaceAttachment)(nil), (*types.NetworkInterfaceAssociation)(nil), true, 1, 0, 0})
	_, err = n.ec2.DeleteSecurityGroup(n.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &n.group})
	n.refused(err, "DependencyViolation", 400)
	_, err = n.ec2.DeleteNetworkInterface(n.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &id})
	n.must(err)
	_, err = n.ec2.DescribeNetworkInterfaces(n.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}})
	n.refused(err, "InvalidNetworkInterfaceID.NotFound", 400)
}

// many: paginators, and calls that only ask.
func (n *town) many() {
	for i := range 11 {
		_, err := n.ec2.CreateSecurityGroup(n.ctx, &ec2.CreateSecurityGroupInput{VpcId: &n.vpc, GroupName: aws.String(fmt.Sprintf("many-%d", i)), Description: aws.String("d")})
		n.must(err)
	}
	seen, count := 0, 0
	for p := ec2.NewDescribeSecurityGroupsPaginator(n.ec2, &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(5), Filters: filter("group-name", "many-*")}); p.HasMorePages(); seen++ {
		o, err := p.NextPage(n.ctx)
		n.must(err)
		for _, g := range o.SecurityGroups {
			_, err = n.ec2.DeleteSecurityGroup(n.ctx, &ec2.DeleteSecurityGroupInput{GroupId: g.GroupId}) // a page is right though rows go
			n.must(err)
			count++
		}
	}
	same(n, "pages and groups", []int{seen, count}, []int{3, 11})
	_, err := n.ec2.CreateVpc(n.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16"), DryRun: aws.Bool(true)})
	n.refused(err, "DryRunOperation", 412)
}

func (n *town) remove() {
	for _, s := range n.subnets {
		_, err := n.ec2.DeleteSubnet(n.ctx, &ec2.DeleteSubnetInput{SubnetId: &s})
		n.must(err)
		_, err = n.ec2.DescribeSubnets(n.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{s}})
		n.refused(err, "InvalidSubnetID.NotFound", 400)
	}
	_, err := n.ec2.DeleteSecurityGroup(n.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &n.group})
	n.must(err)
	_, err = n.ec2.DeleteVpc(n.ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
	n.must(err)
	_, err = n.ec2.DescribeVpcs(n.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{n.vpc}})
	n.refused(err, "InvalidVpcID.NotFound", 400)
}
