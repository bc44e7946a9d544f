package ec2_test

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// asked writes questions as lines: action, resource without what all of EC2's have in common, owner if another's, keys but the region.
func asked(qs []api.Question) []string {
	var out []string
	for _, q := range qs {
		l := q.Action + " " + strings.TrimPrefix(q.Resource, "arn:aws:ec2:us-east-1:"+account+":")
		if q.Owner != "" && q.Owner != account {
			l += " of " + q.Owner
		}
		for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
			if k != "ec2:Region" {
				l += " " + k + "=" + strings.Join(q.Keys[k], ",")
			}
		}
		out = append(out, l)
	}
	return out
}

// Resources, keys and dependent actions are those of the Service Authorization Reference, "Actions, resources, and condition
// keys for Amazon EC2"; where a guide says more it is named.
func TestAsked(t *testing.T) {
	h := open(t)
	vpcID, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	g := h.group(vpcID, "g")
	eni := *do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{g}}).NetworkInterface.NetworkInterfaceId
	h.attach(eni, "amazon-comprehend")
	table := *do[shape.CreateRouteTableResult](h, &shape.CreateRouteTableRequest{VpcId: &vpcID}).RouteTable.RouteTableId
	do[shape.CreateTagsOutput](h, &shape.CreateTagsRequest{Resources: []string{vpcID}, Tags: []shape.Tag{{Key: new("Purpose"), Value: new("Peering")}}})
	sc := h.call.Scope()
	ours, theirs := vpc.PeerSide{Account: account, Region: "us-east-1", VPC: vpcID}, vpc.PeerSide{Account: "444455556666", Region: "us-east-1", VPC: "vpc-b"}
	if err := h.s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			rows.Addresses.Create(tx, sc, "eipalloc-8", &vpc.Address{ID: "eipalloc-8", Account: account, Public: netip.MustParseAddr("203.0.113.8"), Association: "eipassoc-8", Interface: eni, VPC: vpcID}),
			rows.NATs.Create(tx, sc, "nat-8", &vpc.NAT{ID: "nat-8", VPC: vpcID, Account: account, Addresses: []vpc.NATAddress{{Allocation: "eipalloc-8", Association: "eipassoc-8"}}}),
			rows.Peerings.Create(tx, store.Scope{Partition: "aws"}, "pcx-8", &vpc.Peering{ID: "pcx-8", Requester: theirs, Accepter: ours}),
			rows.Peerings.Create(tx, store.Scope{Partition: "aws"}, "pcx-7", &vpc.Peering{ID: "pcx-7", Requester: theirs, Accepter: theirs}))
	}); err != nil {
		t.Fatal(err)
	}
	arn := func(rest string) string { return "arn:aws:ec2:us-east-1:" + account + ":" + rest }
	spec := func(kind string) []shape.TagSpecification {
		return []shape.TagSpecification{{ResourceType: &kind, Tags: []shape.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("")}}}}
	}
	const tags = " aws:RequestTag/a=1 aws:RequestTag/b= aws:TagKeys=a,b"
	ofVPC := " vpc/" + vpcID + " aws:ResourceTag/Purpose=Peering ec2:ResourceTag/Purpose=Peering ec2:Tenancy=default ec2:VpcID=" + vpcID
	ofSubnet := " subnet/" + sub + " ec2:AvailabilityZone=us-east-1a ec2:AvailabilityZoneId=use1-az1 ec2:Subnet=" + arn("subnet/"+sub) + " ec2:SubnetID=" + sub + " ec2:Vpc=" + arn("vpc/"+vpcID)
	ofInterface := " network-interface/" + eni + " ec2:AvailabilityZone=us-east-1a ec2:NetworkInterfaceID=" + eni + " ec2:Subnet=" + arn("subnet/"+sub) + " ec2:Vpc=" + arn("vpc/"+vpcID)
	for _, c := range []struct {
		why  string
		in   any
		want []string
	}{
		{"two resources, both there", &shape.AttachInternetGatewayRequest{InternetGatewayId: new("igw-1"), VpcId: &vpcID}, []string{
			"ec2:AttachInternetGateway internet-gateway/igw-1 ec2:InternetGatewayID=igw-1", "ec2:AttachInternetGateway" + ofVPC}},
		{"a VPC that is not there", &shape.AttachInternetGatewayRequest{InternetGatewayId: new("igw-1"), VpcId: new("vpc-0")}, []string{
			"ec2:AttachInternetGateway internet-gateway/igw-1 ec2:InternetGatewayID=igw-1", "ec2:AttachInternetGateway vpc/vpc-0 ec2:VpcID=vpc-0"}},
		{"nothing is named", &shape.AttachInternetGatewayRequest{}, []string{"ec2:AttachInternetGateway internet-gateway/*", "ec2:AttachInternetGateway vpc/*"}},
		{"tags are of what is made alone", &shape.CreateNatGatewayRequest{SubnetId: &sub, AllocationId: new("eipalloc-1"), SecondaryAllocationIds: []string{"eipalloc-2", "eipalloc-3"},
			TagSpecifications: spec("natgateway")}, []string{
			"ec2:CreateNatGateway natgateway/*" + tags, "ec2:CreateNatGateway" + ofSubnet,
			"ec2:CreateNatGateway elastic-ip/eipalloc-1 ec2:AllocationId=eipalloc-1", "ec2:CreateNatGateway elastic-ip/eipalloc-2 ec2:AllocationId=eipalloc-2",
			"ec2:CreateNatGateway elastic-ip/eipalloc-3 ec2:AllocationId=eipalloc-3",
			"ec2:CreateTags natgateway/*" + tags + " ec2:CreateAction=CreateNatGateway"}},
		{"no tags, no CreateTags", &shape.CreateInternetGatewayRequest{}, []string{"ec2:CreateInternetGateway internet-gateway/*"}},
		{"the requester's and the accepter's VPC", &shape.CreateVpcPeeringConnectionRequest{VpcId: &vpcID, PeerVpcId: new("vpc-b"), PeerOwnerId: new("444455556666"), PeerRegion: new("eu-west-1"),
			TagSpecifications: spec("vpc-peering-connection")}, []string{
			"ec2:CreateVpcPeeringConnection vpc-peering-connection/*" + tags + " ec2:AccepterVpc=arn:aws:ec2:eu-west-1:444455556666:vpc/vpc-b ec2:RequesterVpc=" + arn("vpc/"+vpcID),
			"ec2:CreateVpcPeeringConnection" + ofVPC,
			"ec2:CreateTags vpc-peering-connection/*" + tags + " ec2:CreateAction=CreateVpcPeeringConnection"}},
		{"a peer of the same account and region", &shape.CreateVpcPeeringConnectionRequest{VpcId: &vpcID, PeerVpcId: new("vpc-b")}, []string{
			"ec2:CreateVpcPeeringConnection vpc-peering-connection/* ec2:AccepterVpc=" + arn("vpc/vpc-b") + " ec2:RequesterVpc=" + arn("vpc/"+vpcID),
			"ec2:CreateVpcPeeringConnection" + ofVPC}},
		{"the accepter's VPC is asked about too", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: new("pcx-1")}, []string{
			"ec2:AcceptVpcPeeringConnection vpc-peering-connection/pcx-1 ec2:VpcPeeringConnectionID=pcx-1", "ec2:AcceptVpcPeeringConnection vpc/*"}},
		// VPC User Guide, "Publish flow logs to CloudWatch Logs": the role is passed.
		{"a flow log's subjects and its role", &shape.CreateFlowLogsRequest{ResourceType: new("Subnet"), ResourceIds: []string{sub}, DeliverLogsPermissionArn: new("arn:aws:iam::" + account + ":role/logs"),
			TagSpecifications: spec("vpc-flow-log")}, []string{
			"ec2:CreateFlowLogs vpc-flow-log/*" + tags, "ec2:CreateTags vpc-flow-log/*" + tags + " ec2:CreateAction=CreateFlowLogs",
			"iam:PassRole arn:aws:iam::" + account + ":role/logs iam:PassedToService=vpc-flow-logs.amazonaws.com", "ec2:CreateFlowLogs" + ofSubnet}},
		// VPC User Guide, "Publish flow logs to Amazon S3": the principal needs both actions on "*".
		{"a flow log into a bucket", &shape.CreateFlowLogsRequest{ResourceType: new("VPC"), ResourceIds: []string{vpcID}, LogDestinationType: new("s3"), LogDestination: new("arn:aws:s3:::b")}, []string{
			"ec2:CreateFlowLogs vpc-flow-log/*", "ec2:CreateFlowLogs" + ofVPC, "logs:CreateLogDelivery *", "logs:DeleteLogDelivery *"}},
		{"an address asked for", &shape.AllocateAddressRequest{Domain: new("vpc"), Address: new("203.0.113.9"), PublicIpv4Pool: new("ipv4pool-ec2-1")}, []string{
			"ec2:AllocateAddress elastic-ip/* ec2:Domain=vpc ec2:PublicIpAddress=203.0.113.9", "ec2:AllocateAddress ipv4pool-ec2/ipv4pool-ec2-1"}},
		{"an address and what it goes to", &shape.AssociateAddressRequest{AllocationId: new("eipalloc-1"), NetworkInterfaceId: &eni}, []string{
			"ec2:AssociateAddress elastic-ip/eipalloc-1 ec2:AllocationId=eipalloc-1", "ec2:AssociateAddress" + ofInterface}},
		{"an address by itself", &shape.AssociateAddressRequest{PublicIp: new("203.0.113.9"), InstanceId: new("i-1")}, []string{
			"ec2:AssociateAddress elastic-ip/* ec2:PublicIpAddress=203.0.113.9", "ec2:AssociateAddress instance/i-1 ec2:InstanceID=i-1"}},
		{"the interface that an attachment is of", &shape.DetachNetworkInterfaceRequest{AttachmentId: new("eni-attach-1")}, []string{
			"ec2:DetachNetworkInterface" + ofInterface, "ec2:DetachNetworkInterface instance/*"}},
		{"no such attachment", &shape.DetachNetworkInterfaceRequest{AttachmentId: new("eni-attach-2")}, []string{
			"ec2:DetachNetworkInterface network-interface/*", "ec2:DetachNetworkInterface instance/*"}},
		// EC2 User Guide, "Condition keys": ec2:Attribute.
		{"an attribute and its value", &shape.ModifyVpcTenancyRequest{VpcId: &vpcID, InstanceTenancy: new("default")}, []string{
			strings.Replace("ec2:ModifyVpcTenancy"+ofVPC, " ec2:ResourceTag", " ec2:Attribute=InstanceTenancy ec2:Attribute/InstanceTenancy=default ec2:ResourceTag", 1)}},
		{"an attribute of no plain value", &shape.ModifyManagedPrefixListRequest{PrefixListId: new("pl-1"), AddEntries: []shape.AddPrefixListEntry{{Cidr: new("10.0.0.0/8")}}, MaxEntries: new(int64(9))}, []string{
			"ec2:ModifyManagedPrefixList prefix-list/pl-1 ec2:Attribute=AddEntries,MaxEntries ec2:Attribute/MaxEntries=9"}},
		// VPC User Guide, "AWS-managed prefix lists": their owner is AWS.
		{"a list of AWS's own", &shape.GetManagedPrefixListEntriesRequest{PrefixListId: new("pl-63a5400a")}, []string{
			"ec2:GetManagedPrefixListEntries arn:aws:ec2:us-east-1:aws:prefix-list/pl-63a5400a"}},
		{"a pool's key on what it gives to", &shape.AssociateVpcCidrBlockRequest{VpcId: &vpcID, Ipv4IpamPoolId: new("ipam-pool-1"), Ipv4NetmaskLength: new(int64(24))}, []string{
			strings.Replace("ec2:AssociateVpcCidrBlock"+ofVPC, " ec2:ResourceTag", " ec2:Ipv4IpamPoolId=ipam-pool-1 ec2:ResourceTag", 1),
			"ec2:AssociateVpcCidrBlock arn:aws:ec2::" + account + ":ipam-pool/ipam-pool-1"}},
		{"a private name", &shape.CreateVpcEndpointServiceConfigurationRequest{PrivateDnsName: new("x.example.com")}, []string{
			"ec2:CreateVpcEndpointServiceConfiguration vpc-endpoint-service/* ec2:VpceServicePrivateDnsName=x.example.com"}},
		{"what an address stands for", &shape.DisassociateAddressRequest{AssociationId: new("eipassoc-8")}, []string{
			"ec2:DisassociateAddress elastic-ip/eipalloc-8 ec2:AllocationId=eipalloc-8 ec2:Domain=vpc ec2:PublicIpAddress=203.0.113.8", "ec2:DisassociateAddress" + ofInterface}},
		{"no such association", &shape.DisassociateAddressRequest{AssociationId: new("eipassoc-0")}, []string{"ec2:DisassociateAddress elastic-ip/*"}},
		{"an address that is there, by itself", &shape.ReleaseAddressRequest{PublicIp: new("203.0.113.8")}, []string{
			"ec2:ReleaseAddress elastic-ip/eipalloc-8 ec2:AllocationId=eipalloc-8 ec2:Domain=vpc ec2:PublicIpAddress=203.0.113.8"}},
		{"a NAT gateway's addresses", &shape.DisassociateNatGatewayAddressRequest{NatGatewayId: new("nat-8"), AssociationIds: []string{"eipassoc-8", "eipassoc-7"}}, []string{
			"ec2:DisassociateNatGatewayAddress natgateway/nat-8 ec2:Vpc=" + arn("vpc/"+vpcID),
			"ec2:DisassociateNatGatewayAddress elastic-ip/eipalloc-8 ec2:AllocationId=eipalloc-8 ec2:Domain=vpc ec2:PublicIpAddress=203.0.113.8"}},
		// Amazon VPC Peering Guide, "Identity and access management": the connection has both VPCs, the accepter's VPC is a resource.
		{"a peering that is there", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: new("pcx-8")}, []string{
			"ec2:AcceptVpcPeeringConnection vpc-peering-connection/pcx-8 ec2:AccepterVpc=" + arn("vpc/"+vpcID) + " ec2:RequesterVpc=arn:aws:ec2:us-east-1:444455556666:vpc/vpc-b ec2:VpcPeeringConnectionID=pcx-8",
			"ec2:AcceptVpcPeeringConnection" + ofVPC}},
		{"a peering of others", &shape.DeleteVpcPeeringConnectionRequest{VpcPeeringConnectionId: new("pcx-7")}, []string{
			"ec2:DeleteVpcPeeringConnection vpc-peering-connection/pcx-7 ec2:VpcPeeringConnectionID=pcx-7"}},
		{"several of one kind", &shape.DeleteFlowLogsRequest{FlowLogIds: []string{"fl-1", "fl-2"}}, []string{"ec2:DeleteFlowLogs vpc-flow-log/fl-1", "ec2:DeleteFlowLogs vpc-flow-log/fl-2"}},
		{"a table and a gateway", &shape.EnableVgwRoutePropagationRequest{RouteTableId: &table, GatewayId: new("vgw-1")}, []string{
			"ec2:EnableVgwRoutePropagation route-table/" + table + " ec2:RouteTableID=" + table + " ec2:Vpc=" + arn("vpc/"+vpcID), "ec2:EnableVgwRoutePropagation vpn-gateway/vgw-1"}},
		{"no resource-level permissions", &shape.DescribeNatGatewaysRequest{NatGatewayIds: []string{"nat-1"}}, []string{"ec2:DescribeNatGateways *"}},
		{"a description with them", &shape.DescribeSecurityGroupReferencesRequest{GroupId: []string{g}}, []string{
			"ec2:DescribeSecurityGroupReferences security-group/" + g + " ec2:SecurityGroupID=" + g + " ec2:Vpc=" + arn("vpc/"+vpcID)}},
	} {
		qs := h.ask(c.in)
		if got := asked(qs); !slices.Equal(got, c.want) {
			t.Errorf("%s: %s asks\n%s\nwant\n%s", c.why, operation(c.in), strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		for _, q := range qs {
			if strings.HasPrefix(q.Action, "ec2:") && !slices.Equal(q.Keys["ec2:Region"], []string{"us-east-1"}) {
				t.Errorf("%s: the region is missing: %+v", c.why, q)
			}
		}
	}
}
