package ec2_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
)

func TestInterface(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/28")
	other, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	g, foreign := h.group(id, "job"), h.group(other, "job")
	h.call.Caller.InvokedBy = "comprehend.amazonaws.com"
	in := &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{g}, Description: new("a job"), ClientToken: new("job-1")}
	n := do[shape.CreateNetworkInterfaceResult](h, in).NetworkInterface
	if *n.NetworkInterfaceId != vpc.InterfaceFor(account, "us-east-1", "job-1") || *n.PrivateIpAddress != "10.0.1.4" || !*n.RequesterManaged || *n.RequesterId != "amazon-comprehend" || *n.Status != "pending" || *n.MacAddress != "0e:cc:0a:00:01:04" {
		t.Errorf("%+v", n)
	}
	if again := do[shape.CreateNetworkInterfaceResult](h, in).NetworkInterface; *again.NetworkInterfaceId != *n.NetworkInterfaceId || *again.PrivateIpAddress != "10.0.1.4" {
		t.Errorf("not idempotent: %+v", again)
	}
	h.refuse("IdempotentParameterMismatch", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{g}, ClientToken: new("job-1")})
	more := *in
	more.SecondaryPrivateIpAddressCount = new(int64(1))
	h.refuse("IdempotentParameterMismatch", &more)
	h.refuse("InvalidParameter", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{foreign}})
	h.refuse("InvalidSubnetID.NotFound", &shape.CreateNetworkInterfaceRequest{SubnetId: new("subnet-0")})
	h.refuse("InvalidGroup.NotFound", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{"sg-0"}})
	h.refuse("SecurityGroupsPerInterfaceLimitExceeded", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-6"}})
	h.refuse("NotImplemented", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, InterfaceType: new("efa")})
	for addr, code := range map[string]string{"10.0.1.4": "InvalidIPAddress.InUse", "10.0.1.3": "InvalidParameterValue", "10.0.1.15": "InvalidParameterValue", "10.0.2.9": "InvalidParameterValue", "x": "InvalidParameterValue"} {
		h.refuse(code, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, PrivateIpAddress: &addr})
	}
	h.refuse("DependencyViolation", &shape.DeleteSecurityGroupRequest{GroupId: &g})
	h.refuse("DependencyViolation", &shape.DeleteSubnetRequest{SubnetId: &sub})

	// in use: only the service that uses it may take it away
	h.attach(*n.NetworkInterfaceId, "amazon-comprehend")
	h.call.Caller.InvokedBy = ""
	h.refuse("InvalidParameterValue", &shape.DeleteNetworkInterfaceRequest{NetworkInterfaceId: n.NetworkInterfaceId})
	if at := do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{Filters: filter("attachment.status", "attached")}).NetworkInterfaces; len(at) != 1 || *at[0].Attachment.InstanceOwnerId != "amazon-comprehend" {
		t.Errorf("%+v", at)
	}
	h.call.Caller.InvokedBy = "comprehend.amazonaws.com"
	do[shape.DeleteNetworkInterfaceOutput](h, &shape.DeleteNetworkInterfaceRequest{NetworkInterfaceId: n.NetworkInterfaceId})

	// its address waits, then it comes back
	free := func() int64 {
		return *do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{SubnetIds: []string{sub}}).Subnets[0].AvailableIpAddressCount
	}
	if free() != 10 {
		t.Errorf("%d addresses free in quarantine", free())
	}
	h.call.Caller.InvokedBy = ""
	h.refuse("InvalidIPAddress.InUse", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, PrivateIpAddress: new("10.0.1.4")})
	m := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, SecondaryPrivateIpAddressCount: new(int64(9))}).NetworkInterface
	if *m.PrivateIpAddress != "10.0.1.5" || len(m.PrivateIpAddresses) != 10 || *m.RequesterManaged || *m.Groups[0].GroupName != "default" {
		t.Errorf("%+v", m)
	}
	h.refuse("InsufficientFreeAddressesInSubnet", &shape.CreateNetworkInterfaceRequest{SubnetId: &sub})
	h.now = h.now.Add(61 * time.Second)
	if free() != 1 {
		t.Errorf("%d addresses free after the quarantine", free())
	}
	x := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub}).NetworkInterface
	if *x.PrivateIpAddress != "10.0.1.4" {
		t.Errorf("%s", *x.PrivateIpAddress)
	}
}

func TestPermission(t *testing.T) {
	h := open(t)
	_, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	n := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub}).NetworkInterface
	req := func(acct, svc, perm *string) *shape.CreateNetworkInterfacePermissionRequest {
		return &shape.CreateNetworkInterfacePermissionRequest{NetworkInterfaceId: n.NetworkInterfaceId, AwsAccountId: acct, AwsService: svc, Permission: perm}
	}
	at := new("INSTANCE-ATTACH")
	h.refuse("InvalidParameterCombination", req(nil, nil, at))
	h.refuse("InvalidParameterValue", req(new("12"), nil, at))
	h.refuse("InvalidParameterValue", req(nil, new("example.com"), at))
	h.refuse("InvalidParameterValue", req(new(account), nil, new("ALL")))
	p := do[shape.CreateNetworkInterfacePermissionResult](h, req(nil, new("comprehend.amazonaws.com"), at)).InterfacePermission
	got := do[shape.DescribeNetworkInterfacePermissionsResult](h, &shape.DescribeNetworkInterfacePermissionsRequest{
		Filters: filter("network-interface-permission.aws-service", "comprehend.*")}).NetworkInterfacePermissions
	if len(got) != 1 || *got[0].NetworkInterfacePermissionId != *p.NetworkInterfacePermissionId || *got[0].PermissionState.State != "granted" {
		t.Errorf("%+v", got)
	}
	h.attach(*n.NetworkInterfaceId, "amazon-comprehend")
	h.refuse("OperationNotPermitted", &shape.DeleteNetworkInterfacePermissionRequest{NetworkInterfacePermissionId: p.NetworkInterfacePermissionId})
	do[shape.DeleteNetworkInterfacePermissionResult](h, &shape.DeleteNetworkInterfacePermissionRequest{NetworkInterfacePermissionId: p.NetworkInterfacePermissionId, Force: new(true)})
	h.refuse("InvalidPermissionID.NotFound", &shape.DeleteNetworkInterfacePermissionRequest{NetworkInterfacePermissionId: p.NetworkInterfacePermissionId})
}

// The questions of CreateNetworkInterface are those that Bedrock's guide writes its policies for: tags of the request on
// the interface alone, the subnet's and groups' own keys on theirs, tagging apart.
func TestQuestions(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	g := h.group(id, "job")
	do[shape.CreateTagsOutput](h, &shape.CreateTagsRequest{Resources: []string{sub}, Tags: []shape.Tag{{Key: new("tier"), Value: new("data")}}})
	arn := func(rest string) string { return "arn:aws:ec2:us-east-1:" + account + ":" + rest }
	base := map[string][]string{"ec2:Region": {"us-east-1"}}
	with := func(m map[string][]string) map[string][]string { c := maps.Clone(base); maps.Copy(c, m); return c }
	spec := []shape.TagSpecification{{ResourceType: new("network-interface"), Tags: []shape.Tag{{Key: new("BedrockManaged"), Value: new("true")}}}}
	tags := map[string][]string{"aws:RequestTag/BedrockManaged": {"true"}, "aws:TagKeys": {"BedrockManaged"}}
	n := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sub, TagSpecifications: spec}).NetworkInterface
	subKeys := with(map[string][]string{"ec2:SubnetID": {sub}, "ec2:Subnet": {arn("subnet/" + sub)}, "ec2:Vpc": {arn("vpc/" + id)}, "ec2:AvailabilityZone": {"us-east-1a"},
		"ec2:AvailabilityZoneId": {"use1-az1"}, "aws:ResourceTag/tier": {"data"}, "ec2:ResourceTag/tier": {"data"}})
	for _, c := range []struct {
		in   any
		want []api.Question
	}{
		{&shape.CreateNetworkInterfaceRequest{SubnetId: &sub, Groups: []string{g}, TagSpecifications: spec}, []api.Question{
			{Action: "ec2:CreateNetworkInterface", Resource: arn("network-interface/*"), Keys: with(tags)},
			{Action: "ec2:CreateTags", Resource: arn("network-interface/*"), Keys: with(map[string][]string{"ec2:CreateAction": {"CreateNetworkInterface"},
				"aws:RequestTag/BedrockManaged": {"true"}, "aws:TagKeys": {"BedrockManaged"}})},
			{Action: "ec2:CreateNetworkInterface", Resource: arn("subnet/" + sub), Keys: subKeys},
			{Action: "ec2:CreateNetworkInterface", Resource: arn("security-group/" + g), Keys: with(map[string][]string{"ec2:SecurityGroupID": {g}, "ec2:Vpc": {arn("vpc/" + id)}})},
		}},
		{&shape.CreateNetworkInterfacePermissionRequest{NetworkInterfaceId: n.NetworkInterfaceId, AwsService: new("comprehend.amazonaws.com"), Permission: new("INSTANCE-ATTACH")}, []api.Question{
			{Action: "ec2:CreateNetworkInterfacePermission", Resource: arn("network-interface/" + *n.NetworkInterfaceId), Keys: with(map[string][]string{
				"ec2:NetworkInterfaceID": {*n.NetworkInterfaceId}, "ec2:Subnet": {arn("subnet/" + sub)}, "ec2:Vpc": {arn("vpc/" + id)}, "ec2:AvailabilityZone": {"us-east-1a"},
				"aws:ResourceTag/BedrockManaged": {"true"}, "ec2:ResourceTag/BedrockManaged": {"true"}, "ec2:AuthorizedService": {"comprehend.amazonaws.com"}, "ec2:Permission": {"INSTANCE-ATTACH"}})},
		}},
		{&shape.DeleteSubnetRequest{SubnetId: new("subnet-0")}, []api.Question{
			{Action: "ec2:DeleteSubnet", Resource: arn("subnet/subnet-0"), Keys: with(map[string][]string{"ec2:SubnetID": {"subnet-0"}, "ec2:Subnet": {arn("subnet/subnet-0")}})}}},
		{&shape.DescribeSubnetsRequest{}, []api.Question{{Action: "ec2:DescribeSubnets", Resource: "*", Keys: base}}},
	} {
		if got := h.ask(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %+v\nwant %+v", operation(c.in), got, c.want)
		}
	}
	if qs := h.ask(&shape.CreateNetworkInterfaceRequest{SubnetId: &sub}); len(qs) != 3 || !strings.Contains(qs[2].Resource, "security-group/sg-") {
		t.Errorf("the default group is asked about too: %+v", qs)
	}
}
