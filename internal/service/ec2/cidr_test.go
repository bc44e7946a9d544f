package ec2_test

import (
	"testing"

	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// TestCIDRBlocks: what a VPC may grow by. Source: VPC User Guide, CIDR block association restrictions.
func TestCIDRBlocks(t *testing.T) {
	h := open(t)
	v, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	grow := func(p string) *shape.AssociateVpcCidrBlockRequest {
		return &shape.AssociateVpcCidrBlockRequest{VpcId: &v, CidrBlock: &p}
	}
	made := do[shape.AssociateVpcCidrBlockResult](h, grow("10.1.0.0/16"))
	if *made.CidrBlockAssociation.CidrBlockState.State != "associating" {
		t.Errorf("%+v", made.CidrBlockAssociation)
	}
	for p, code := range map[string]string{"10.0.128.0/17": "InvalidVpc.Conflict", "10.2.0.0/15": "InvalidVpc.Range", "172.16.0.0/16": "InvalidVpc.Range", "192.168.0.0/24": "InvalidVpc.Range",
		"198.19.1.0/24": "InvalidVpc.Range", "127.0.0.0/16": "InvalidVpc.Range", "ten": "InvalidParameterValue"} {
		t.Run(p, func(t *testing.T) { h.refuse(code, grow(p)) })
	}
	for _, p := range []string{"100.64.0.0/20", "9.9.0.0/16", "10.3.0.0/24"} {
		do[shape.AssociateVpcCidrBlockResult](h, grow(p))
	}
	h.refuse("CidrLimitExceeded", grow("10.4.0.0/24"))
	got := do[shape.DescribeVpcsResult](h, &shape.DescribeVpcsRequest{VpcIds: []string{v}}).Vpcs[0]
	if len(got.CidrBlockAssociationSet) != 5 || *got.CidrBlock != "10.0.0.0/16" {
		t.Errorf("%+v", got)
	}
	sn := *do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &v, CidrBlock: ref("10.1.7.0/24")}).Subnet.SubnetId
	id := made.CidrBlockAssociation.AssociationId
	h.refuse("InvalidCidrBlock.InUse", &shape.DisassociateVpcCidrBlockRequest{AssociationId: id})
	h.refuse("OperationNotPermitted", &shape.DisassociateVpcCidrBlockRequest{AssociationId: got.CidrBlockAssociationSet[0].AssociationId})
	h.refuse("InvalidVpcCidrBlockAssociationID.NotFound", &shape.DisassociateVpcCidrBlockRequest{AssociationId: ref("vpc-cidr-assoc-1")})
	do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: &sn})
	do[shape.DisassociateVpcCidrBlockResult](h, &shape.DisassociateVpcCidrBlockRequest{AssociationId: id})
	h.refuse("InvalidSubnet.Range", &shape.CreateSubnetRequest{VpcId: &v, CidrBlock: ref("10.1.7.0/24")})
}

func TestDefaultVPC(t *testing.T) {
	h := open(t)
	h.refuse("DefaultVpcDoesNotExist", &shape.CreateDefaultSubnetRequest{AvailabilityZone: ref("us-east-1a")})
	made := do[shape.CreateDefaultVpcResult](h, &shape.CreateDefaultVpcRequest{}).Vpc
	h.refuse("DefaultVpcAlreadyExists", &shape.CreateDefaultVpcRequest{})
	if !*made.IsDefault || *made.CidrBlock != "172.31.0.0/16" {
		t.Errorf("%+v", made)
	}
	subnets := do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{Filters: []shape.Filter{{Name: ref("default-for-az"), Values: []string{"true"}}}}).Subnets
	zones := map[string]bool{}
	for _, s := range subnets {
		zones[*s.AvailabilityZone] = *s.MapPublicIpOnLaunch
	}
	if len(subnets) != 6 || len(zones) != 6 || !zones["us-east-1f"] {
		t.Errorf("%d subnets in %v", len(subnets), zones)
	}
	if s := h.routeState(h.mainTable(*made.VpcId), "0.0.0.0/0"); s != "active" {
		t.Errorf("the way out is %s", s)
	}
	attr := do[shape.DescribeAccountAttributesResult](h, &shape.DescribeAccountAttributesRequest{AttributeNames: []string{"default-vpc"}}).AccountAttributes[0]
	if *attr.AttributeValues[0].AttributeValue != *made.VpcId {
		t.Errorf("%+v", attr)
	}
	h.refuse("DefaultSubnetAlreadyExistsInAvailabilityZone", &shape.CreateDefaultSubnetRequest{AvailabilityZone: ref("us-east-1a")})
	for _, s := range subnets {
		if *s.AvailabilityZone == "us-east-1b" {
			do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: s.SubnetId})
			again := do[shape.CreateDefaultSubnetResult](h, &shape.CreateDefaultSubnetRequest{AvailabilityZone: ref("us-east-1b")}).Subnet
			if *again.CidrBlock != *s.CidrBlock {
				t.Errorf("%s for %s", *again.CidrBlock, *s.CidrBlock)
			}
		}
	}
}

func TestAssignAddresses(t *testing.T) {
	h := open(t)
	_, sn, _ := h.gated("10.0.0.0/16", "10.0.1.0/24")
	a, b := h.eni(sn), h.eni(sn)
	addrs := func(id string) (out []string) {
		h.t.Helper()
		for _, p := range do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: []string{id}}).NetworkInterfaces[0].PrivateIpAddresses {
			out = append(out, *p.PrivateIpAddress)
		}
		return out
	}
	first := addrs(a)[0]
	got := do[shape.AssignPrivateIpAddressesResult](h, &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a, SecondaryPrivateIpAddressCount: ref(int64(2))}).AssignedPrivateIpAddresses
	do[shape.AssignPrivateIpAddressesResult](h, &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a, PrivateIpAddresses: []string{"10.0.1.99", "10.0.1.98"}})
	if all := addrs(a); len(got) != 2 || len(all) != 5 || all[0] != first || all[3] != "10.0.1.99" {
		t.Errorf("%v", all)
	}
	for name, bad := range map[string]struct {
		code string
		in   *shape.AssignPrivateIpAddressesRequest
	}{
		"neither": {"InvalidParameterCombination", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a}},
		"both":    {"InvalidParameterCombination", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a, PrivateIpAddresses: []string{"10.0.1.50"}, SecondaryPrivateIpAddressCount: ref(int64(1))}},
		"taken":   {"InvalidIPAddress.InUse", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, PrivateIpAddresses: []string{"10.0.1.99"}}},
		"outside": {"InvalidParameterValue", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, PrivateIpAddresses: []string{"10.0.2.1"}}},
		"many":    {"PrivateIpAddressLimitExceeded", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, SecondaryPrivateIpAddressCount: ref(int64(50))}},
		"none":    {"InvalidParameterValue", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, SecondaryPrivateIpAddressCount: ref(int64(0))}},
	} {
		t.Run(name, func(t *testing.T) { h.refuse(bad.code, bad.in) })
	}
	// A secondary address may move; a primary one never.
	do[shape.AssignPrivateIpAddressesResult](h, &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, PrivateIpAddresses: []string{"10.0.1.99"}, AllowReassignment: ref(true)})
	if x, y := addrs(a), addrs(b); len(x) != 4 || len(y) != 2 {
		t.Errorf("%v and %v", x, y)
	}
	h.refuse("InvalidIPAddress.InUse", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &b, PrivateIpAddresses: []string{first}, AllowReassignment: ref(true)})
	alloc, _ := h.eip()
	do[shape.AssociateAddressResult](h, &shape.AssociateAddressRequest{AllocationId: &alloc, NetworkInterfaceId: &b, PrivateIpAddress: ref("10.0.1.99")})
	h.refuse("InvalidParameterValue", &shape.UnassignPrivateIpAddressesRequest{NetworkInterfaceId: &a, PrivateIpAddresses: []string{first}})
	h.refuse("InvalidParameterValue", &shape.UnassignPrivateIpAddressesRequest{NetworkInterfaceId: &a, PrivateIpAddresses: []string{"10.0.1.200"}})
	do[shape.UnassignPrivateIpAddressesOutput](h, &shape.UnassignPrivateIpAddressesRequest{NetworkInterfaceId: &b, PrivateIpAddresses: []string{"10.0.1.99"}})
	if e := do[shape.DescribeAddressesResult](h, &shape.DescribeAddressesRequest{}).Addresses[0]; e.AssociationId != nil {
		t.Errorf("its elastic address is let go: %+v", e)
	}
	h.refuse("InvalidIPAddress.InUse", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a, PrivateIpAddresses: []string{"10.0.1.99"}}) // in quarantine
}

func TestSourceDestCheck(t *testing.T) {
	h := open(t)
	_, sn := h.net("10.0.0.0/16", "10.0.1.0/24")
	a := h.eni(sn)
	off := &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: &a, SourceDestCheck: &shape.AttributeBooleanValue{Value: ref(false)}}
	check := func() bool {
		return *do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: []string{a}}).NetworkInterfaces[0].SourceDestCheck
	}
	do[shape.ModifyNetworkInterfaceAttributeOutput](h, off)
	if check() {
		t.Error("it is still checked")
	}
	do[shape.ResetNetworkInterfaceAttributeOutput](h, &shape.ResetNetworkInterfaceAttributeRequest{NetworkInterfaceId: &a})
	if !check() {
		t.Error("it is not checked again")
	}
	h.refuse("InvalidInstanceID.NotFound", &shape.AttachNetworkInterfaceRequest{NetworkInterfaceId: &a, InstanceId: ref("i-1")})
	h.refuse("InvalidAttachmentID.NotFound", &shape.DetachNetworkInterfaceRequest{AttachmentId: ref("eni-attach-1")})
	// What a service made is the service's.
	err := h.s.Update(t.Context(), func(tx store.Tx) error {
		it, err := rows.Interfaces.Get(tx, h.call.Scope(), a)
		if err != nil {
			return err
		}
		it.Value.RequesterManaged, it.Value.Requester, it.Value.Attachment = true, "amazon-comprehend", &vpc.Attachment{ID: "eni-attach-1"}
		return rows.Interfaces.Save(tx, &it)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.refuse("OperationNotPermitted", off)
	h.refuse("OperationNotPermitted", &shape.DetachNetworkInterfaceRequest{AttachmentId: ref("eni-attach-1")})
	h.refuse("OperationNotPermitted", &shape.AssignPrivateIpAddressesRequest{NetworkInterfaceId: &a, SecondaryPrivateIpAddressCount: ref(int64(1))})
}

// TestPeeredGroups: rules may refer to groups beyond a peering, and are stale when it ends.
func TestPeeredGroups(t *testing.T) {
	h := open(t)
	a, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	b, _ := h.net("10.1.0.0/16", "10.1.1.0/24")
	group := func(v string) string {
		return *do[shape.CreateSecurityGroupResult](h, &shape.CreateSecurityGroupRequest{GroupName: ref("g"), Description: ref("d"), VpcId: &v}).GroupId
	}
	ga, gb := group(a), group(b)
	rule := &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &ga, IpPermissions: []shape.IpPermission{{IpProtocol: ref("tcp"), FromPort: ref(int64(443)), ToPort: ref(int64(443)),
		UserIdGroupPairs: []shape.UserIdGroupPair{{GroupId: &gb}}}}}
	h.refuse("InvalidParameter", rule)
	id := *do[shape.CreateVpcPeeringConnectionResult](h, &shape.CreateVpcPeeringConnectionRequest{VpcId: &a, PeerVpcId: &b}).VpcPeeringConnection.VpcPeeringConnectionId
	h.refuse("InvalidParameter", rule) // not yet active
	do[shape.AcceptVpcPeeringConnectionResult](h, &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	do[shape.AuthorizeSecurityGroupIngressResult](h, rule)
	refs := do[shape.DescribeSecurityGroupReferencesResult](h, &shape.DescribeSecurityGroupReferencesRequest{GroupId: []string{gb}}).SecurityGroupReferenceSet
	if len(refs) != 1 || *refs[0].ReferencingVpcId != a || *refs[0].VpcPeeringConnectionId != id {
		t.Errorf("%+v", refs)
	}
	stale := func() []shape.StaleSecurityGroup {
		return do[shape.DescribeStaleSecurityGroupsResult](h, &shape.DescribeStaleSecurityGroupsRequest{VpcId: &a}).StaleSecurityGroupSet
	}
	if s := stale(); len(s) != 0 {
		t.Errorf("%+v", s)
	}
	do[shape.DeleteVpcPeeringConnectionResult](h, &shape.DeleteVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	if s := stale(); len(s) != 1 || *s[0].GroupId != ga || len(s[0].StaleIpPermissions) != 1 || *s[0].StaleIpPermissions[0].UserIdGroupPairs[0].GroupId != gb {
		t.Errorf("%+v", s)
	}
	if l := do[shape.GetSecurityGroupsForVpcResult](h, &shape.GetSecurityGroupsForVpcRequest{VpcId: &a}).SecurityGroupForVpcs; len(l) != 2 {
		t.Errorf("%d groups", len(l))
	}
}
