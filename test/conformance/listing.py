#!/usr/bin/env python3
"""Every list of EC2's with boto3: pages of five until the end, filters that hold and one that nobody knows, ids that are none; then
calls that only ask (DryRun), and what somebody with fewer rights is told."""

import sys

from network import client, one, stranger, tagged, where
from walk import Session, allow, equal, held, policy, refused

MANY = 11


def build(ec2, region):
    """Eleven of everything, in one VPC where that can be."""
    v = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", number="0"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsHostnames={"Value": True})
    first = None
    for i in range(MANY):
        mark = {"number": str(i), "parity": "odd" if i % 2 else "even"}
        far = ec2.create_vpc(CidrBlock=f"10.{i + 1}.0.0/16", TagSpecifications=tagged("vpc", **mark))["Vpc"]["VpcId"]
        s = ec2.create_subnet(VpcId=v, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=region + "abc"[i % 3], TagSpecifications=tagged("subnet", **mark))["Subnet"]["SubnetId"]
        first = first or s
        g = ec2.create_security_group(VpcId=v, GroupName=f"g{i}", Description="g", TagSpecifications=tagged("security-group", **mark))["GroupId"]
        t = ec2.create_route_table(VpcId=v, TagSpecifications=tagged("route-table", **mark))["RouteTable"]["RouteTableId"]
        ec2.create_network_acl(VpcId=v, TagSpecifications=tagged("network-acl", **mark))
        ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", **mark))
        ec2.create_nat_gateway(SubnetId=s, ConnectivityType="private", TagSpecifications=tagged("natgateway", **mark))
        ec2.create_managed_prefix_list(PrefixListName=f"l{i}", AddressFamily="IPv4", MaxEntries=20, Entries=[{"Cidr": f"192.0.2.{n}/32"} for n in range(12)],
                                       TagSpecifications=tagged("prefix-list", **mark))
        ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": [f"d{i}.example"]}], TagSpecifications=tagged("dhcp-options", **mark))
        ec2.create_vpc_endpoint(VpcId=v, ServiceName=f"com.amazonaws.{region}.s3", RouteTableIds=[t], TagSpecifications=tagged("vpc-endpoint", **mark))
        ec2.create_vpc_peering_connection(VpcId=v, PeerVpcId=far, TagSpecifications=tagged("vpc-peering-connection", **mark))
        e = ec2.create_network_interface(SubnetId=s, Groups=[g], TagSpecifications=tagged("network-interface", **mark))["NetworkInterface"]["NetworkInterfaceId"]
        ec2.create_network_interface_permission(NetworkInterfaceId=e, AwsAccountId="999999999999", Permission="INSTANCE-ATTACH")
    return v, first


# What is listed: operation, key of the answer, key of the id, kind of its tags (None: not tagged here), an id of nothing and its code.
LISTS = [
    ("describe_vpcs", "Vpcs", "VpcId", "vpc", "VpcIds", "vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
    ("describe_subnets", "Subnets", "SubnetId", "subnet", "SubnetIds", "subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
    ("describe_security_groups", "SecurityGroups", "GroupId", "security-group", "GroupIds", "sg-0123456789abcdef0", "InvalidGroup.NotFound"),
    ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId", None, "SecurityGroupRuleIds", "sgr-0123456789abcdef0", "InvalidSecurityGroupRuleId.NotFound"),
    ("describe_route_tables", "RouteTables", "RouteTableId", "route-table", "RouteTableIds", "rtb-0123456789abcdef0", "InvalidRouteTableID.NotFound"),
    ("describe_network_acls", "NetworkAcls", "NetworkAclId", "network-acl", "NetworkAclIds", "acl-0123456789abcdef0", "InvalidNetworkAclID.NotFound"),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId", "internet-gateway", "InternetGatewayIds", "igw-0123456789abcdef0", "InvalidInternetGatewayID.NotFound"),
    ("describe_nat_gateways", "NatGateways", "NatGatewayId", "natgateway", "NatGatewayIds", "nat-0123456789abcdef0", "NatGatewayNotFound"),
    ("describe_managed_prefix_lists", "PrefixLists", "PrefixListId", "prefix-list", "PrefixListIds", "pl-0123456789abcdef0", "InvalidPrefixListID.NotFound"),
    ("describe_dhcp_options", "DhcpOptions", "DhcpOptionsId", "dhcp-options", "DhcpOptionsIds", "dopt-0123456789abcdef0", "InvalidDhcpOptionID.NotFound"),
    ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "vpc-endpoint", "VpcEndpointIds", "vpce-0123456789abcdef0", "InvalidVpcEndpointId.NotFound"),
    ("describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId", "vpc-peering-connection", "VpcPeeringConnectionIds", "pcx-0123456789abcdef0", "InvalidVpcPeeringConnectionID.NotFound"),
    ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", "network-interface", "NetworkInterfaceIds", "eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
    ("describe_network_interface_permissions", "NetworkInterfacePermissions", "NetworkInterfacePermissionId", None, None, None, None),
]


def paged(ec2, operation, key, ident, size=5, **more):
    """All of a list by small pages; whether by pages or at once, it is the same."""
    out, seen = [], 0
    for page in ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **more):
        seen += 1
        if len(page[key]) > size or (page.get("NextToken") and len(page[key]) != size):
            sys.exit(f"FAIL {operation}: a page of {len(page[key])}")
        out += [x[ident] for x in page[key]]
    whole = [x[ident] for x in getattr(ec2, operation)(**more)[key]]
    equal(f"{operation}: {seen} pages", (seen > 2, out == whole, len(set(out)) == len(out)), (True, True, True))
    return out


def lists(ec2):
    for operation, key, ident, kind, ids, none, code in LISTS:
        call = getattr(ec2, operation)
        every = paged(ec2, operation, key, ident)
        which = "Filter" if operation == "describe_nat_gateways" else "Filters"
        if kind:
            def found(*filters):
                return {x[ident] for x in call(**{which: list(filters)})[key]}
            even, odd = ({"Name": "tag:parity", "Values": [p]} for p in ("even", "odd"))
            both = {"Name": "tag:parity", "Values": ["even", "odd"]}
            equal(f"{operation} by tags", [len(found(even)), len(found(odd)), len(found(both)), len(found(even, odd)), len(found(even, {"Name": "tag:number", "Values": ["4", "5"]})),
                                           len(found({"Name": "tag-key", "Values": ["parity"]})), len(found({"Name": "tag:parity", "Values": ["e*"]})), len(found({"Name": "tag:parity", "Values": ["?dd"]}))],
                  [6, 5, 11, 0, 1, 11, 6, 5])
            equal(f"DescribeTags knows them: {kind}", sorted({t["ResourceId"] for t in ec2.describe_tags(Filters=where(resource_type=kind, key="parity"))["Tags"]}), sorted(found(both)))
        refused(f"{operation} with a filter that nobody knows", "InvalidParameterValue", 400, call, **{which: [{"Name": "colour", "Values": ["red"]}]})
        refused(f"{operation} with a token that is none", "InvalidNextToken", 400, call, NextToken="none")
        if ids:
            some = every[:7:3]
            equal(f"{operation} by ids", sorted(x[ident] for x in call(**{ids: some})[key]), sorted(some))
            refused(f"{operation} of nothing", code, 400, call, **{ids: [none]})
            refused(f"{operation} of something and nothing", code, 400, call, **{ids: some + [none]})
            if operation != "describe_managed_prefix_lists":
                refused(f"{operation} by ids and pages", "InvalidParameterCombination", 400, call, **{ids: some, "MaxResults": 5})
    entries = ec2.describe_managed_prefix_lists(Filters=where(prefix_list_name="l0"))["PrefixLists"][0]["PrefixListId"]
    paged(ec2, "get_managed_prefix_list_entries", "Entries", "Cidr", PrefixListId=entries)
    paged(ec2, "describe_vpc_endpoint_services", "ServiceDetails", "ServiceId") if len(ec2.describe_vpc_endpoint_services()["ServiceDetails"]) > 10 else None
    tags = [(t["ResourceId"], t["Key"]) for page in ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 7}) for t in page["Tags"]]
    equal("describe_tags by pages", (len(tags), len(set(tags))), (12 * MANY * 2 + 1, 12 * MANY * 2 + 1))


def dry(ec2, weak, v, subnet):
    """A call with DryRun says what it would have been; nothing has changed."""
    before = [len(ec2.describe_vpcs()["Vpcs"]), len(ec2.describe_subnets()["Subnets"]), len(ec2.describe_tags()["Tags"])]
    for name, members in [("create_vpc", {"CidrBlock": "10.99.0.0/16"}), ("create_subnet", {"VpcId": v, "CidrBlock": "10.0.99.0/24"}), ("delete_vpc", {"VpcId": v}), ("delete_subnet", {"SubnetId": subnet}),
                          ("create_security_group", {"VpcId": v, "GroupName": "dry", "Description": "dry"}), ("create_route_table", {"VpcId": v}), ("create_internet_gateway", {}),
                          ("allocate_address", {"Domain": "vpc"}), ("create_nat_gateway", {"SubnetId": subnet, "ConnectivityType": "private"}), ("create_network_interface", {"SubnetId": subnet}),
                          ("create_network_acl", {"VpcId": v}), ("create_tags", {"Resources": [v], "Tags": [{"Key": "a", "Value": "b"}]}), ("describe_vpcs", {}), ("describe_subnets", {}),
                          ("create_managed_prefix_list", {"PrefixListName": "dry", "AddressFamily": "IPv4", "MaxEntries": 1}), ("describe_availability_zones", {}), ("describe_regions", {}),
                          ("create_vpc_endpoint", {"VpcId": v, "ServiceName": f"com.amazonaws.{ec2.meta.region_name}.s3"}), ("create_default_vpc", {}),
                          ("create_dhcp_options", {"DhcpConfigurations": [{"Key": "domain-name", "Values": ["x.example"]}]})]:
        refused(f"{name} would be allowed", "DryRunOperation", 412, getattr(ec2, name), DryRun=True, **members)
        refused(f"{name} would not be allowed", "UnauthorizedOperation", 403, getattr(weak, name), DryRun=True, **members)
        refused(f"{name} is not allowed", "UnauthorizedOperation", 403, getattr(weak, name), **members)
    equal("nothing has changed", [len(ec2.describe_vpcs()["Vpcs"]), len(ec2.describe_subnets()["Subnets"]), len(ec2.describe_tags()["Tags"])], before)


def tokens(ec2, v, subnet):
    """A token makes one thing; for another it is refused."""
    def again(what, call, ident, other, **members):
        token = {"ClientToken": "token-" + what}
        equal(f"a {what} by its token", ident(call(**members, **token)), ident(call(**members, **token)))
        refused(f"another {what} by that token", "IdempotentParameterMismatch", 400, call, **{**members, **other}, **token)
    far = one(ec2.describe_vpcs(Filters=[{"Name": "tag:number", "Values": ["3"]}])["Vpcs"])["VpcId"]
    again("table", ec2.create_route_table, lambda r: r["RouteTable"]["RouteTableId"], {"VpcId": far}, VpcId=v)
    again("acl", ec2.create_network_acl, lambda r: r["NetworkAcl"]["NetworkAclId"], {"VpcId": far}, VpcId=v)
    again("interface", ec2.create_network_interface, lambda r: r["NetworkInterface"]["NetworkInterfaceId"], {"Description": "other"}, SubnetId=subnet)
    again("nat", ec2.create_nat_gateway, lambda r: r["NatGateway"]["NatGatewayId"], {"SubnetId": one(ec2.describe_subnets(Filters=where(cidr_block="10.0.1.0/24"))["Subnets"])["SubnetId"]},
          SubnetId=subnet, ConnectivityType="private")
    again("list", ec2.create_managed_prefix_list, lambda r: r["PrefixList"]["PrefixListId"], {"MaxEntries": 2}, PrefixListName="t", AddressFamily="IPv4", MaxEntries=1)
    again("endpoint", ec2.create_vpc_endpoint, lambda r: r["VpcEndpoint"]["VpcEndpointId"], {"VpcId": far}, VpcId=v, ServiceName=f"com.amazonaws.{ec2.meta.region_name}.s3")


def weakling(session):
    """Somebody who may do nothing here."""
    iam = session.client("iam")
    iam.create_user(UserName="weak")
    iam.put_user_policy(UserName="weak", PolicyName="none", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))
    key = iam.create_access_key(UserName="weak")["AccessKey"]
    return client(Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]))


def main():
    session = Session()
    ec2 = client(session)
    v, subnet = build(ec2, session.region_name)
    held("eleven of everything")
    lists(ec2)
    dry(ec2, weakling(session), v, subnet)
    tokens(ec2, v, subnet)
    nothing = stranger("777777777777")
    equal("another account sees none of it", [len(getattr(nothing, o)()[k]) for o, k, *_ in LISTS if k not in ("PrefixLists", "DhcpOptions")], [0] * (len(LISTS) - 2))


if __name__ == "__main__":
    main()
