package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestAWSCLINetworks walks a VPC's things through their lives by the CLI: its short forms, its waiters, its pages.
func TestAWSCLINetworks(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		absent(t, "aws")
	}
	serve(t).env(t)
	a := cli{T: t, endpoint: os.Getenv("AWS_ENDPOINT_URL"), env: append(os.Environ(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "PYTHONUTF8=1")}
	ec2 := func(query string, args ...string) string {
		t.Helper()
		return a.aws(query, append([]string{"ec2"}, args...)...)
	}
	no := func(code string, args ...string) {
		t.Helper()
		a.refused("("+code+")", append([]string{"ec2"}, args...)...)
	}
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	gone := func(code, describe, flag, remove, member, id string) {
		t.Helper()
		ec2("", remove, "--"+member, id)
		no(code, describe, "--"+flag, id)
	}

	v := ec2("Vpc.VpcId", "create-vpc", "--cidr-block", "10.0.0.0/16", "--tag-specifications", "ResourceType=vpc,Tags=[{Key=Name,Value=main},{Key=Team,Value=net}]")
	ec2("", "wait", "vpc-available", "--vpc-ids", v)
	ec2("", "modify-vpc-attribute", "--vpc-id", v, "--enable-dns-hostnames")
	is("an attribute", ec2("to_string(EnableDnsHostnames.Value)", "describe-vpc-attribute", "--vpc-id", v, "--attribute", "enableDnsHostnames"), "true")
	is("found by two tags", ec2("Vpcs[].VpcId | [0]", "describe-vpcs", "--filters", "Name=tag:Name,Values=ma*", "Name=tag:Team,Values=net,other"), v)
	block := ec2("CidrBlockAssociation.AssociationId", "associate-vpc-cidr-block", "--vpc-id", v, "--cidr-block", "10.1.0.0/16")
	ec2("", "disassociate-vpc-cidr-block", "--association-id", block)
	no("InvalidVpcCidrBlockAssociationID.NotFound", "disassociate-vpc-cidr-block", "--association-id", block)
	s := ec2("Subnet.SubnetId", "create-subnet", "--vpc-id", v, "--cidr-block", "10.0.0.0/24", "--availability-zone", os.Getenv("AWS_REGION")+"a")
	ec2("", "wait", "subnet-available", "--subnet-ids", s)
	ec2("", "modify-subnet-attribute", "--subnet-id", s, "--map-public-ip-on-launch")
	no("InvalidSubnet.Conflict", "create-subnet", "--vpc-id", v, "--cidr-block", "10.0.0.128/25")
	no("DependencyViolation", "delete-vpc", "--vpc-id", v)

	table := ec2("RouteTable.RouteTableId", "create-route-table", "--vpc-id", v)
	assoc := ec2("AssociationId", "associate-route-table", "--route-table-id", table, "--subnet-id", s)
	igw := ec2("InternetGateway.InternetGatewayId", "create-internet-gateway")
	ec2("", "attach-internet-gateway", "--internet-gateway-id", igw, "--vpc-id", v)
	ec2("", "create-route", "--route-table-id", table, "--destination-cidr-block", "0.0.0.0/0", "--gateway-id", igw)
	eip := ec2("AllocationId", "allocate-address", "--domain", "vpc")
	nat := ec2("NatGateway.NatGatewayId", "create-nat-gateway", "--subnet-id", s, "--allocation-id", eip)
	ec2("", "wait", "nat-gateway-available", "--nat-gateway-ids", nat)
	ec2("", "create-route", "--route-table-id", table, "--destination-cidr-block", "8.0.0.0/8", "--nat-gateway-id", nat)
	no("InvalidIPAddress.InUse", "release-address", "--allocation-id", eip)
	no("DependencyViolation", "detach-internet-gateway", "--internet-gateway-id", igw, "--vpc-id", v)
	ec2("", "delete-nat-gateway", "--nat-gateway-id", nat)
	ec2("", "wait", "nat-gateway-deleted", "--nat-gateway-ids", nat)
	is("a route to what is gone", ec2("RouteTables[0].Routes[?NatGatewayId].State | [0]", "describe-route-tables", "--route-table-ids", table), "blackhole")
	gone("InvalidAllocationID.NotFound", "describe-addresses", "allocation-ids", "release-address", "allocation-id", eip)
	ec2("", "detach-internet-gateway", "--internet-gateway-id", igw, "--vpc-id", v)
	no("Gateway.NotAttached", "detach-internet-gateway", "--internet-gateway-id", igw, "--vpc-id", v)
	gone("InvalidInternetGatewayID.NotFound", "describe-internet-gateways", "internet-gateway-ids", "delete-internet-gateway", "internet-gateway-id", igw)
	no("DependencyViolation", "delete-route-table", "--route-table-id", table)
	ec2("", "disassociate-route-table", "--association-id", assoc)
	gone("InvalidRouteTableID.NotFound", "describe-route-tables", "route-table-ids", "delete-route-table", "route-table-id", table)

	g := ec2("GroupId", "create-security-group", "--vpc-id", v, "--group-name", "web", "--description", "web")
	rule := ec2("SecurityGroupRules[0].SecurityGroupRuleId", "authorize-security-group-ingress", "--group-id", g, "--protocol", "tcp", "--port", "80-81", "--cidr", "10.0.0.0/8")
	is("a rule in the short form", ec2("SecurityGroupRules[0].[FromPort,ToPort,CidrIpv4] | join(' ', [to_string([0]), to_string([1]), [2]])", "describe-security-group-rules", "--security-group-rule-ids", rule), "80 81 10.0.0.0/8")
	no("InvalidPermission.Duplicate", "authorize-security-group-ingress", "--group-id", g, "--protocol", "tcp", "--port", "80-81", "--cidr", "10.0.0.0/8")
	ec2("", "modify-security-group-rules", "--group-id", g, "--security-group-rules", "SecurityGroupRuleId="+rule+",SecurityGroupRule={IpProtocol=icmp,FromPort=8,ToPort=-1,CidrIpv4=10.0.0.0/8}")
	ec2("", "revoke-security-group-ingress", "--group-id", g, "--security-group-rule-ids", rule)
	ec2("", "authorize-security-group-ingress", "--group-id", g, "--ip-permissions", "IpProtocol=tcp,FromPort=5432,ToPort=5432,UserIdGroupPairs=[{GroupId="+g+",Description=own}]")
	is("a reference", ec2("SecurityGroups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId", "describe-security-groups", "--group-ids", g), g)

	acl := ec2("NetworkAcl.NetworkAclId", "create-network-acl", "--vpc-id", v)
	ec2("", "create-network-acl-entry", "--network-acl-id", acl, "--ingress", "--rule-number", "10", "--protocol", "tcp", "--port-range", "From=22,To=22", "--cidr-block", "0.0.0.0/0", "--rule-action", "allow")
	no("NetworkAclEntryAlreadyExists", "create-network-acl-entry", "--network-acl-id", acl, "--ingress", "--rule-number", "10", "--protocol", "-1", "--cidr-block", "0.0.0.0/0", "--rule-action", "deny")
	ec2("", "delete-network-acl-entry", "--network-acl-id", acl, "--ingress", "--rule-number", "10")
	gone("InvalidNetworkAclID.NotFound", "describe-network-acls", "network-acl-ids", "delete-network-acl", "network-acl-id", acl)

	pl := ec2("PrefixList.PrefixListId", "create-managed-prefix-list", "--prefix-list-name", "pl", "--address-family", "IPv4", "--max-entries", "5", "--entries", "Cidr=192.0.2.0/24,Description=one", "Cidr=198.51.100.0/24")
	ec2("", "modify-managed-prefix-list", "--prefix-list-id", pl, "--current-version", "1", "--remove-entries", "Cidr=192.0.2.0/24")
	is("entries of both versions", ec2("length(Entries) | to_string(@)", "get-managed-prefix-list-entries", "--prefix-list-id", pl)+ec2("length(Entries) | to_string(@)", "get-managed-prefix-list-entries", "--prefix-list-id", pl, "--target-version", "1"), "12")
	gone("InvalidPrefixListID.NotFound", "describe-managed-prefix-lists", "prefix-list-ids", "delete-managed-prefix-list", "prefix-list-id", pl)

	end := ec2("VpcEndpoint.VpcEndpointId", "create-vpc-endpoint", "--vpc-id", v, "--vpc-endpoint-type", "Interface", "--service-name", "com.amazonaws."+os.Getenv("AWS_REGION")+".sts", "--subnet-ids", s, "--security-group-ids", g)
	face := ec2("VpcEndpoints[0].NetworkInterfaceIds[0]", "describe-vpc-endpoints", "--vpc-endpoint-ids", end)
	no("InvalidParameterValue", "delete-network-interface", "--network-interface-id", face)
	no("DependencyViolation", "delete-security-group", "--group-id", g)
	ec2("", "delete-vpc-endpoints", "--vpc-endpoint-ids", end)
	no("InvalidVpcEndpointId.NotFound", "describe-vpc-endpoints", "--vpc-endpoint-ids", end)

	eni := ec2("NetworkInterface.NetworkInterfaceId", "create-network-interface", "--subnet-id", s, "--groups", g, "--description", "cli", "--private-ip-address", "10.0.0.50")
	ec2("", "wait", "network-interface-available", "--network-interface-ids", eni)
	ec2("", "assign-private-ip-addresses", "--network-interface-id", eni, "--private-ip-addresses", "10.0.0.51")
	ec2("", "modify-network-interface-attribute", "--network-interface-id", eni, "--no-source-dest-check")
	is("a check", ec2("to_string(SourceDestCheck.Value)", "describe-network-interface-attribute", "--network-interface-id", eni, "--attribute", "sourceDestCheck"), "false")
	no("InvalidIPAddress.InUse", "create-network-interface", "--subnet-id", s, "--private-ip-address", "10.0.0.51")
	gone("InvalidNetworkInterfaceID.NotFound", "describe-network-interfaces", "network-interface-ids", "delete-network-interface", "network-interface-id", eni)

	peer := ec2("Vpc.VpcId", "create-vpc", "--cidr-block", "10.2.0.0/16")
	pcx := ec2("VpcPeeringConnection.VpcPeeringConnectionId", "create-vpc-peering-connection", "--vpc-id", v, "--peer-vpc-id", peer)
	ec2("", "wait", "vpc-peering-connection-exists", "--vpc-peering-connection-ids", pcx)
	ec2("", "accept-vpc-peering-connection", "--vpc-peering-connection-id", pcx)
	is("a peering", ec2("VpcPeeringConnections[0].Status.Code", "describe-vpc-peering-connections", "--vpc-peering-connection-ids", pcx), "active")
	ec2("", "delete-vpc-peering-connection", "--vpc-peering-connection-id", pcx)
	ec2("", "wait", "vpc-peering-connection-deleted", "--vpc-peering-connection-ids", pcx)

	permissions := []string{"authorize-security-group-ingress", "--group-id", g, "--ip-permissions"}
	for i := range 11 {
		permissions = append(permissions, fmt.Sprintf("IpProtocol=udp,FromPort=%d,ToPort=%d,IpRanges=[{CidrIp=10.0.0.0/8}]", i, i))
	}
	ec2("", permissions...)
	var ids []string
	out := ec2("SecurityGroupRules[].SecurityGroupRuleId", "describe-security-group-rules", "--filters", "Name=group-id,Values="+g, "--page-size", "5")
	if err := json.Unmarshal([]byte(out), &ids); err != nil || len(ids) != 13 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 13 {
		t.Errorf("by pages: %v, %s", err, out)
	}
	no("DryRunOperation", "create-vpc", "--cidr-block", "10.9.0.0/16", "--dry-run")
	if out := ec2("AccountAttributes[].AttributeName", "describe-account-attributes"); !strings.Contains(out, "default-vpc") {
		t.Errorf("the account's attributes: %s", out)
	}
	ec2("", "delete-security-group", "--group-id", g)
	ec2("", "delete-subnet", "--subnet-id", s)
	ec2("", "delete-vpc", "--vpc-id", peer)
	gone("InvalidVpcID.NotFound", "describe-vpcs", "vpc-ids", "delete-vpc", "vpc-id", v)
}
