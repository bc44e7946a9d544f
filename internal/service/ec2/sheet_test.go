package ec2

import "testing"

func TestSheet(t *testing.T) {
	var built []string
	for _, r := range New(Config{}).Rows() {
		if r.View != nil || r.Act != nil || r.Stream != nil {
			built = append(built, r.Name)
		}
	}
	for _, err := range sheet.Verify(built,
		"ec2:Region", // the call's, on every question
		"ec2:CreateAction", "ec2:ResourceTag/*",
		// Ids and state of resources, from their rows (asker.keys).
		"ec2:AllocationId", "ec2:AvailabilityZone", "ec2:AvailabilityZoneId", "ec2:DhcpOptionsID", "ec2:InternetGatewayID", "ec2:NetworkAclID", "ec2:NetworkInterfaceID",
		"ec2:RouteTableID", "ec2:SecurityGroupID", "ec2:Subnet", "ec2:SubnetID", "ec2:Tenancy", "ec2:Vpc", "ec2:VpcID", "ec2:VpcPeeringConnectionID",
		"ec2:AccepterVpc", "ec2:RequesterVpc", // ends
		"ec2:Attribute*", // changed
		// Of permissions of an interface, which their own operations make; and of interfaces with an address of their own or of a managed instance.
		"ec2:AuthorizedService", "ec2:AuthorizedUser", "ec2:Permission", "ec2:AssociatePublicIpAddress", "ec2:ManagedResourceOperator",
		// Of what was made by a launch template, of instances, of lists that a resolver keeps: Cloister has none.
		"ec2:IsLaunchTemplateResource", "ec2:LaunchTemplate", "ec2:IpamPrefixListResolverTargetId", "ec2:Instance*", "ec2:Metadata*", "ec2:CpuOptionsAmdSevSnp", "ec2:EbsOptimized",
		"ec2:NewInstanceProfile", "ec2:PlacementGroup", "ec2:ProductCode", "ec2:RootDeviceType",
		// The reference does not say which values these have (docs/divergences.md).
		"ec2:VpceMultiRegion", "ec2:VpceServiceRegion", "ec2:VpceSupportedRegion",
	) {
		t.Error(err)
	}
}
