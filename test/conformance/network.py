#!/usr/bin/env python3
"""The lives of a VPC's things with boto3, in the order in which the Terraform provider calls: made with tags, waited for, read back,
changed, deleted in the wrong and in the right order, looked for in vain. Each answer is held to the SDK's own model."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

from botocore.exceptions import WaiterError
from walk import Session, equal, held, refused

FAST = {"Delay": 1, "MaxAttempts": 15}
ALL = "0.0.0.0/0"


def unknown(e, shape, path):
    """The first element of an answer that the model does not know: a client would lose it."""
    if shape.type_name == "list":
        for i in e:
            if i.tag.split("}")[-1] != "item":
                return f"{path}/{i.tag}"
            if found := unknown(i, shape.member, path):
                return found
    elif shape.type_name == "structure":
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        for i in e:
            tag = i.tag.split("}")[-1]
            if tag == "requestId":
                continue
            if tag not in names:
                return f"{path}/{tag}"
            if found := unknown(i, names[tag], f"{path}/{tag}"):
                return found
    elif len(e):
        return f"{path}: {shape.type_name} with elements"
    return None


def modelled(http_response, model, **_):
    if http_response.status_code == 200 and model.output_shape is not None:
        if found := unknown(ET.fromstring(http_response.content), model.output_shape, model.name):
            sys.exit(f"FAIL an answer has what the SDK's model has not: {found}")


def client(session):
    ec2 = session.client("ec2")
    ec2.meta.events.register("after-call.ec2.*", modelled)
    return ec2


def stranger(number):
    """Another account's root, with EC2."""
    out = subprocess.run([os.environ["CLOISTER_BINARY"], "account", "create", number], check=True, capture_output=True, text=True).stdout
    key = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines())
    return client(Session(aws_access_key_id=key["AWS_ACCESS_KEY_ID"], aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"]))


def tagged(kind, **pairs):
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in pairs.items()]}]


def where(**pairs):
    """Filters; an underscore stands for a dash, two for a dot."""
    return [{"Name": k.replace("__", ".").replace("_", "-"), "Values": v if isinstance(v, list) else [v]} for k, v in pairs.items()]


def labels(thing):
    return {t["Key"]: t["Value"] for t in thing["Tags"]}


def one(found):
    if len(found) != 1:
        sys.exit(f"FAIL {len(found)} were found: {found}")
    return found[0]


def vpcs(ec2, account):
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="default", TagSpecifications=tagged("vpc", Name="main", Team="net"))["Vpc"]
    v = made["VpcId"]
    equal("a VPC is born", (made["State"], made["CidrBlock"], made["IsDefault"], made["OwnerId"], labels(made)),
          ("pending", "10.0.0.0/16", False, account, {"Name": "main", "Team": "net"}))
    ec2.get_waiter("vpc_exists").wait(VpcIds=[v], WaiterConfig=FAST)
    ec2.get_waiter("vpc_available").wait(VpcIds=[v], WaiterConfig=FAST)
    got = one(ec2.describe_vpcs(VpcIds=[v])["Vpcs"])
    block = one(got["CidrBlockAssociationSet"])
    equal("a VPC read back", (got["State"], got["InstanceTenancy"], got.get("Ipv6CidrBlockAssociationSet", []), block["CidrBlock"], block["CidrBlockState"]["State"], labels(got)),
          ("available", "default", [], "10.0.0.0/16", "associated", {"Name": "main", "Team": "net"}))

    def attribute(name):
        return ec2.describe_vpc_attribute(VpcId=v, Attribute=name)[name[0].upper() + name[1:]]["Value"]
    equal("its attributes", [attribute(n) for n in ("enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics")], [True, False, False])
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsSupport={"Value": False})
    equal("its attributes, changed", [attribute("enableDnsSupport"), attribute("enableDnsHostnames")], [False, True])
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsSupport={"Value": True})
    refused("two attributes at once", "InvalidParameterCombination", 400, ec2.modify_vpc_attribute, VpcId=v, EnableDnsSupport={"Value": True}, EnableDnsHostnames={"Value": True})
    equal("what a VPC is born with", [len(ec2.describe_network_acls(Filters=where(default="true", vpc_id=v))["NetworkAcls"]),
                                      len(ec2.describe_route_tables(Filters=where(association__main="true", vpc_id=v))["RouteTables"]),
                                      len(ec2.describe_security_groups(Filters=where(group_name="default", vpc_id=v))["SecurityGroups"])], [1, 1, 1])

    more = ec2.associate_vpc_cidr_block(VpcId=v, CidrBlock="10.1.0.0/16")
    assoc = more["CidrBlockAssociation"]["AssociationId"]
    equal("a second block is on its way", (more["VpcId"], more["CidrBlockAssociation"]["CidrBlockState"]["State"]), (v, "associating"))
    got = one(ec2.describe_vpcs(Filters=where(cidr_block_association__association_id=assoc))["Vpcs"])
    equal("and is there", [b["CidrBlockState"]["State"] for b in got["CidrBlockAssociationSet"] if b["AssociationId"] == assoc], ["associated"])
    refused("a block that overlaps", "InvalidVpc.Conflict", 400, ec2.associate_vpc_cidr_block, VpcId=v, CidrBlock="10.1.128.0/17")
    inside = ec2.create_subnet(VpcId=v, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    refused("a block in use", "InvalidCidrBlock.InUse", 400, ec2.disassociate_vpc_cidr_block, AssociationId=assoc)
    refused("the first block", "OperationNotPermitted", 400, ec2.disassociate_vpc_cidr_block, AssociationId=block["AssociationId"])
    ec2.delete_subnet(SubnetId=inside)
    equal("the second block goes", ec2.disassociate_vpc_cidr_block(AssociationId=assoc)["CidrBlockAssociation"]["CidrBlockState"]["State"], "disassociating")
    refused("a block that is gone", "InvalidVpcCidrBlockAssociationID.NotFound", 400, ec2.disassociate_vpc_cidr_block, AssociationId=assoc)

    ec2.create_tags(Resources=[v], Tags=[{"Key": "Team", "Value": "data"}, {"Key": "Stage", "Value": ""}])
    ec2.delete_tags(Resources=[v], Tags=[{"Key": "Name", "Value": "another"}])
    ec2.delete_tags(Resources=[v], Tags=[{"Key": "Stage"}])
    equal("tags, changed", labels(one(ec2.describe_vpcs(VpcIds=[v])["Vpcs"])), {"Name": "main", "Team": "data"})
    refused("a reserved tag", "InvalidParameterValue", 400, ec2.create_tags, Resources=[v], Tags=[{"Key": "aws:x", "Value": "1"}])
    refused("tags for another kind", "InvalidParameterValue", 400, ec2.create_vpc, CidrBlock="10.9.0.0/16", TagSpecifications=tagged("subnet", a="1"))
    for cidr in ("10.0.0.0/8", "10.0.0.0/29"):
        refused(f"a VPC of {cidr}", "InvalidVpc.Range", 400, ec2.create_vpc, CidrBlock=cidr)
    refused("a VPC of no block", "InvalidParameterValue", 400, ec2.create_vpc, CidrBlock="ten")
    refused("a tenancy that is none", "InvalidParameterValue", 400, ec2.create_vpc, CidrBlock="10.9.0.0/16", InstanceTenancy="mine")
    dedicated = ec2.create_vpc(CidrBlock="10.9.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    ec2.modify_vpc_tenancy(VpcId=dedicated, InstanceTenancy="default")
    equal("a tenancy, changed", one(ec2.describe_vpcs(VpcIds=[dedicated])["Vpcs"])["InstanceTenancy"], "default")
    ec2.delete_vpc(VpcId=dedicated)
    refused("a VPC that is gone", "InvalidVpcID.NotFound", 400, ec2.describe_vpcs, VpcIds=[dedicated])
    refused("deleting it again", "InvalidVpcID.NotFound", 400, ec2.delete_vpc, VpcId=dedicated)
    equal("looked for by filter it is no fault", ec2.describe_vpcs(Filters=where(vpc_id=dedicated))["Vpcs"], [])
    refused("an id that is none", "InvalidVpcID.Malformed", 400, ec2.describe_vpcs, VpcIds=["subnet-1"])
    return v


def default_vpc(ec2):
    equal("no default VPC", [a["AttributeValue"] for a in one(ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"])["AttributeValues"]], ["none"])
    made = ec2.create_default_vpc()["Vpc"]
    v = made["VpcId"]
    equal("the default VPC", (made["IsDefault"], made["CidrBlock"]), (True, "172.31.0.0/16"))
    refused("a second one", "DefaultVpcAlreadyExists", 400, ec2.create_default_vpc)
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones(Filters=where(state="available", opt_in_status="opt-in-not-required"))["AvailabilityZones"]]
    subnets = ec2.describe_subnets(Filters=where(vpc_id=v, default_for_az="true"))["Subnets"]
    equal("a default subnet for each zone", sorted((s["AvailabilityZone"], s["MapPublicIpOnLaunch"], s["CidrBlock"][-3:]) for s in subnets), [(z, True, "/20") for z in sorted(zones)])
    gateway = one(ec2.describe_internet_gateways(Filters=where(attachment__vpc_id=v))["InternetGateways"])["InternetGatewayId"]
    routes = one(ec2.describe_route_tables(Filters=where(vpc_id=v))["RouteTables"])["Routes"]
    equal("it leads to the internet", [(r["DestinationCidrBlock"], r["GatewayId"], r["State"]) for r in routes],
          [("172.31.0.0/16", "local", "active"), (ALL, gateway, "active")])
    equal("it is the account's", [a["AttributeValues"][0]["AttributeValue"] for a in ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]], [v])
    group = ec2.create_security_group(GroupName="launch", Description="without a VPC named")["GroupId"]
    equal("a group without a VPC is the default VPC's", one(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])["VpcId"], v)
    equal("a group is found by its name there", one(ec2.describe_security_groups(GroupNames=["launch"])["SecurityGroups"])["GroupId"], group)
    ec2.delete_security_group(GroupName="launch")
    refused("a group of that name is gone", "InvalidGroup.NotFound", 400, ec2.describe_security_groups, GroupNames=["launch"])
    refused("a second default subnet", "DefaultSubnetAlreadyExistsInAvailabilityZone", 400, ec2.create_default_subnet, AvailabilityZone=zones[0])
    first = one([s for s in subnets if s["AvailabilityZone"] == zones[0]])["SubnetId"]
    ec2.delete_subnet(SubnetId=first)
    equal("a default subnet made again", ec2.create_default_subnet(AvailabilityZone=zones[0])["Subnet"]["DefaultForAz"], True)
    for s in ec2.describe_subnets(Filters=where(vpc_id=v))["Subnets"]:
        ec2.delete_subnet(SubnetId=s["SubnetId"])
    refused("with a gateway it stays", "DependencyViolation", 400, ec2.delete_vpc, VpcId=v)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=v)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=v)
    refused("no VPC for a group", "VPCIdNotSpecified", 400, ec2.create_security_group, GroupName="x", Description="x")


def subnets(ec2, v):
    zones = ec2.describe_availability_zones(Filters=where(zone_type="availability-zone"))["AvailabilityZones"]
    equal("zones", (len(zones) >= 3, {(z["State"], z["OptInStatus"], z["ZoneType"], z["RegionName"] == z["GroupName"]) for z in zones}),
          (True, {("available", "opt-in-not-required", "availability-zone", True)}))
    refused("a zone that is none", "InvalidParameterValue", 400, ec2.describe_availability_zones, ZoneNames=["nowhere-1a"])
    made = []
    for i, z in enumerate(zones[:2]):
        s = ec2.create_subnet(VpcId=v, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=z["ZoneName"], TagSpecifications=tagged("subnet", Name=f"s{i}"))["Subnet"]
        equal(f"subnet {i}", (s["AvailableIpAddressCount"], s["AvailabilityZoneId"], s["MapPublicIpOnLaunch"], s["DefaultForAz"], s["AssignIpv6AddressOnCreation"],
                              s["Ipv6CidrBlockAssociationSet"], s["SubnetArn"].split("/")[1], labels(s)), (251, z["ZoneId"], False, False, False, [], s["SubnetId"], {"Name": f"s{i}"}))
        made.append(s["SubnetId"])
    ec2.get_waiter("subnet_available").wait(SubnetIds=made, WaiterConfig=FAST)
    ec2.modify_subnet_attribute(SubnetId=made[0], MapPublicIpOnLaunch={"Value": True})
    got = one(ec2.describe_subnets(SubnetIds=made[:1])["Subnets"])
    equal("a subnet read back", (got["State"], got["MapPublicIpOnLaunch"], got["PrivateDnsNameOptionsOnLaunch"]["HostnameType"], got["EnableDns64"], got["Ipv6Native"]),
          ("available", True, "ip-name", False, False))
    refused("an overlapping subnet", "InvalidSubnet.Conflict", 400, ec2.create_subnet, VpcId=v, CidrBlock="10.0.1.128/25")
    refused("a subnet outside", "InvalidSubnet.Range", 400, ec2.create_subnet, VpcId=v, CidrBlock="10.77.0.0/24")
    refused("a subnet that is too small", "InvalidSubnet.Range", 400, ec2.create_subnet, VpcId=v, CidrBlock="10.0.200.0/29")
    refused("a subnet in no zone", "InvalidParameterValue", 400, ec2.create_subnet, VpcId=v, CidrBlock="10.0.200.0/24", AvailabilityZone="nowhere-1a")
    refused("a subnet in no VPC", "InvalidVpcID.NotFound", 400, ec2.create_subnet, VpcId="vpc-0123456789abcdef0", CidrBlock="10.0.200.0/24")
    refused("a VPC with subnets", "DependencyViolation", 400, ec2.delete_vpc, VpcId=v)
    tiny = ec2.create_subnet(VpcId=v, CidrBlock="10.0.200.0/28")["Subnet"]["SubnetId"]
    full = ec2.create_network_interface(SubnetId=tiny, SecondaryPrivateIpAddressCount=10)["NetworkInterface"]["NetworkInterfaceId"]
    equal("a subnet without a free address", one(ec2.describe_subnets(SubnetIds=[tiny])["Subnets"])["AvailableIpAddressCount"], 0)
    refused("an interface too many", "InsufficientFreeAddressesInSubnet", 400, ec2.create_network_interface, SubnetId=tiny)
    refused("a subnet in use", "DependencyViolation", 400, ec2.delete_subnet, SubnetId=tiny)
    ec2.delete_network_interface(NetworkInterfaceId=full)
    ec2.delete_subnet(SubnetId=tiny)
    refused("a subnet that is gone", "InvalidSubnetID.NotFound", 400, ec2.describe_subnets, SubnetIds=[tiny])
    refused("deleting it again", "InvalidSubnetID.NotFound", 400, ec2.delete_subnet, SubnetId=tiny)
    return made


def route(ec2, table, **pairs):
    found = one(ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"])["Routes"]
    return one([r for r in found if all(r.get(k) == v for k, v in pairs.items())])


def tables(ec2, v, subnet, account):
    main = one(ec2.describe_route_tables(Filters=where(vpc_id=v, association__main="true"))["RouteTables"])
    made = ec2.create_route_table(VpcId=v, ClientToken="once", TagSpecifications=tagged("route-table", Name="rt"))["RouteTable"]
    t = made["RouteTableId"]
    equal("a route table", (made["Associations"], made["PropagatingVgws"], made["OwnerId"], labels(made), [(r["GatewayId"], r["Origin"], r["State"]) for r in made["Routes"]]),
          ([], [], account, {"Name": "rt"}, [("local", "CreateRouteTable", "active")]))
    equal("the same token gives the same table", ec2.create_route_table(VpcId=v, ClientToken="once")["RouteTable"]["RouteTableId"], t)
    a = ec2.associate_route_table(RouteTableId=t, SubnetId=subnet)
    equal("an association", a["AssociationState"]["State"], "associated")
    got = one(one(ec2.describe_route_tables(Filters=where(association__route_table_association_id=a["AssociationId"]))["RouteTables"])["Associations"])
    equal("an association read back", (got["Main"], got["RouteTableId"], got["SubnetId"], got["AssociationState"]["State"]), (False, t, subnet, "associated"))
    refused("a second table for a subnet", "Resource.AlreadyAssociated", 400, ec2.associate_route_table, RouteTableId=main["RouteTableId"], SubnetId=subnet)
    refused("a table in use", "DependencyViolation", 400, ec2.delete_route_table, RouteTableId=t)
    refused("the main table", "DependencyViolation", 400, ec2.delete_route_table, RouteTableId=main["RouteTableId"])
    refused("the main association", "InvalidParameterValue", 400, ec2.disassociate_route_table, AssociationId=main["Associations"][0]["RouteTableAssociationId"])
    other = ec2.create_route_table(VpcId=v)["RouteTable"]["RouteTableId"]
    moved = ec2.replace_route_table_association(AssociationId=a["AssociationId"], RouteTableId=other)["NewAssociationId"]
    equal("a replaced association", one(ec2.describe_route_tables(Filters=where(association__subnet_id=subnet))["RouteTables"])["RouteTableId"], other)
    refused("the association that it was", "InvalidAssociationID.NotFound", 400, ec2.disassociate_route_table, AssociationId=a["AssociationId"])
    ec2.disassociate_route_table(AssociationId=moved)
    equal("a subnet without a table of its own", ec2.describe_route_tables(Filters=where(association__subnet_id=subnet))["RouteTables"], [])
    new_main = ec2.replace_route_table_association(AssociationId=main["Associations"][0]["RouteTableAssociationId"], RouteTableId=other)["NewAssociationId"]
    equal("another main table", one(ec2.describe_route_tables(Filters=where(vpc_id=v, association__main="true"))["RouteTables"])["RouteTableId"], other)
    ec2.replace_route_table_association(AssociationId=new_main, RouteTableId=main["RouteTableId"])
    ec2.delete_route_table(RouteTableId=other)
    refused("a table that is gone", "InvalidRouteTableID.NotFound", 400, ec2.describe_route_tables, RouteTableIds=[other])
    refused("deleting it again", "InvalidRouteTableID.NotFound", 400, ec2.delete_route_table, RouteTableId=other)

    refused("a route to nothing", "InvalidParameterCombination", 400, ec2.create_route, RouteTableId=t, DestinationCidrBlock=ALL)
    refused("a route to a gateway that is none", "InvalidGatewayID.NotFound", 400, ec2.create_route, RouteTableId=t, DestinationCidrBlock=ALL, GatewayId="igw-0123456789abcdef0")
    refused("changing a route that is none", "InvalidParameterValue", 400, ec2.replace_route, RouteTableId=t, DestinationCidrBlock=ALL, GatewayId="local")
    refused("deleting a route that is none", "InvalidRoute.NotFound", 400, ec2.delete_route, RouteTableId=t, DestinationCidrBlock=ALL)
    refused("deleting the local route", "InvalidParameterValue", 400, ec2.delete_route, RouteTableId=t, DestinationCidrBlock="10.0.0.0/16")
    return t


def internet(ec2, v, t):
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", Name="igw"))["InternetGateway"]
    g = made["InternetGatewayId"]
    equal("an internet gateway", (made["Attachments"], labels(made)), ([], {"Name": "igw"}))
    refused("detached it is no way", "InvalidParameterValue", 400, ec2.create_route, RouteTableId=t, DestinationCidrBlock=ALL, GatewayId=g)
    ec2.attach_internet_gateway(InternetGatewayId=g, VpcId=v)
    ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[g], WaiterConfig=FAST)
    got = one(one(ec2.describe_internet_gateways(InternetGatewayIds=[g])["InternetGateways"])["Attachments"])
    equal("an attachment", (got["State"], got["VpcId"]), ("available", v))
    refused("attached twice", "Resource.AlreadyAssociated", 400, ec2.attach_internet_gateway, InternetGatewayId=g, VpcId=v)
    second = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    refused("a second gateway", "InvalidParameterValue", 400, ec2.attach_internet_gateway, InternetGatewayId=second, VpcId=v)
    refused("detaching what is not attached", "Gateway.NotAttached", 400, ec2.detach_internet_gateway, InternetGatewayId=second, VpcId=v)
    ec2.delete_internet_gateway(InternetGatewayId=second)
    refused("a gateway that is gone", "InvalidInternetGatewayID.NotFound", 400, ec2.describe_internet_gateways, InternetGatewayIds=[second])
    refused("a gateway in use", "DependencyViolation", 400, ec2.delete_internet_gateway, InternetGatewayId=g)
    equal("a route is made", ec2.create_route(RouteTableId=t, DestinationCidrBlock=ALL, GatewayId=g)["Return"], True)
    r = route(ec2, t, DestinationCidrBlock=ALL)
    equal("a route read back", (r["GatewayId"], r["Origin"], r["State"]), (g, "CreateRoute", "active"))
    refused("another route for the same", "RouteAlreadyExists", 400, ec2.create_route, RouteTableId=t, DestinationCidrBlock=ALL, NatGatewayId="nat-0123456789abcdef0")
    return g


def addresses(ec2, v, subnet, t, g):
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name="nat"))
    a = made["AllocationId"]
    got = one(ec2.describe_addresses(AllocationIds=[a])["Addresses"])
    equal("an elastic address", (got["PublicIp"], got["Domain"], "AssociationId" in got, labels(got)), (made["PublicIp"], "vpc", False, {"Name": "nat"}))
    equal("its name", ec2.describe_addresses_attribute(AllocationIds=[a], Attribute="domain-name")["Addresses"][0]["AllocationId"], a)
    equal("found by its address", one(ec2.describe_addresses(PublicIps=[made["PublicIp"]])["Addresses"])["AllocationId"], a)
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    i = eni["NetworkInterfaceId"]
    assoc = ec2.associate_address(AllocationId=a, NetworkInterfaceId=i)["AssociationId"]
    got = one(ec2.describe_addresses(Filters=where(association_id=assoc))["Addresses"])
    equal("associated", (got["AssociationId"], got["NetworkInterfaceId"], got["PrivateIpAddress"], got["NetworkInterfaceOwnerId"]), (assoc, i, eni["PrivateIpAddress"], eni["OwnerId"]))
    got = one(ec2.describe_network_interfaces(NetworkInterfaceIds=[i])["NetworkInterfaces"])["Association"]
    equal("the interface has it", (got["PublicIp"], got["AllocationId"], got["AssociationId"]), (made["PublicIp"], a, assoc))
    refused("an address in use", "InvalidIPAddress.InUse", 400, ec2.release_address, AllocationId=a)
    refused("a gateway whose addresses are in use", "DependencyViolation", 400, ec2.detach_internet_gateway, InternetGatewayId=g, VpcId=v)
    again = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    refused("taking an address", "Resource.AlreadyAssociated", 400, ec2.associate_address, AllocationId=a, NetworkInterfaceId=again, AllowReassociation=False)
    assoc = ec2.associate_address(AllocationId=a, NetworkInterfaceId=again, AllowReassociation=True)["AssociationId"]
    equal("allowed to, it is taken", one(ec2.describe_addresses(AllocationIds=[a])["Addresses"])["NetworkInterfaceId"], again)
    ec2.disassociate_address(AssociationId=assoc)
    refused("an association that is gone", "InvalidAssociationID.NotFound", 400, ec2.disassociate_address, AssociationId=assoc)
    for x in (i, again):
        ec2.delete_network_interface(NetworkInterfaceId=x)
    spare = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.release_address(AllocationId=spare)
    refused("an address that is gone", "InvalidAllocationID.NotFound", 400, ec2.describe_addresses, AllocationIds=[spare])
    refused("releasing it again", "InvalidAllocationID.NotFound", 400, ec2.release_address, AllocationId=spare)
    return a


def nat(ec2, v, subnet, t, a):
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=a, ClientToken="nat", TagSpecifications=tagged("natgateway", Name="nat"))
    n = made["NatGateway"]["NatGatewayId"]
    equal("a NAT gateway", (made["ClientToken"], made["NatGateway"]["State"], made["NatGateway"]["ConnectivityType"]), ("nat", "pending", "public"))
    equal("the same token, the same gateway", ec2.create_nat_gateway(SubnetId=subnet, AllocationId=a, ClientToken="nat")["NatGateway"]["NatGatewayId"], n)
    refused("the same token for another", "IdempotentParameterMismatch", 400, ec2.create_nat_gateway, SubnetId=subnet, ConnectivityType="private", ClientToken="nat")
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[n], WaiterConfig=FAST)
    got = one(ec2.describe_nat_gateways(NatGatewayIds=[n])["NatGateways"])
    at = one(got["NatGatewayAddresses"])
    equal("a NAT gateway read back", (got["VpcId"], got["SubnetId"], at["AllocationId"], at["IsPrimary"], at["Status"], at["PublicIp"], labels(got)),
          (v, subnet, a, True, "succeeded", one(ec2.describe_addresses(AllocationIds=[a])["Addresses"])["PublicIp"], {"Name": "nat"}))
    eni = one(ec2.describe_network_interfaces(NetworkInterfaceIds=[at["NetworkInterfaceId"]])["NetworkInterfaces"])
    equal("its interface", (eni["InterfaceType"], eni["RequesterManaged"], eni["Status"], eni["SourceDestCheck"], eni["PrivateIpAddress"]), ("nat_gateway", True, "in-use", False, at["PrivateIp"]))
    refused("deleting the interface of a service", "InvalidParameterValue", 400, ec2.delete_network_interface, NetworkInterfaceId=eni["NetworkInterfaceId"])
    for what, call in [("addresses for", lambda **m: ec2.assign_private_ip_addresses(SecondaryPrivateIpAddressCount=1, **m)),
                       ("checks of", lambda **m: ec2.modify_network_interface_attribute(SourceDestCheck={"Value": True}, **m))]:
        refused(f"{what} the interface of a service", "OperationNotPermitted", 400, call, NetworkInterfaceId=eni["NetworkInterfaceId"])
    ec2.create_route(RouteTableId=t, DestinationCidrBlock="8.0.0.0/8", NatGatewayId=n)
    equal("a route to it", route(ec2, t, NatGatewayId=n)["State"], "active")
    refused("a subnet with it", "DependencyViolation", 400, ec2.delete_subnet, SubnetId=subnet)
    refused("a public gateway without an address", "MissingParameter", 400, ec2.create_nat_gateway, SubnetId=subnet)
    private = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    equal("deletion", ec2.delete_nat_gateway(NatGatewayId=n)["NatGatewayId"], n)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[n], WaiterConfig=FAST)
    equal("a deleted gateway is told for a while", one(ec2.describe_nat_gateways(Filter=where(state=["deleted", "deleting"]))["NatGateways"])["NatGatewayId"], n)
    equal("its route leads nowhere", route(ec2, t, NatGatewayId=n)["State"], "blackhole")
    ec2.delete_route(RouteTableId=t, DestinationCidrBlock="8.0.0.0/8")
    refused("deleting no gateway", "NatGatewayNotFound", 400, ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdef0")
    refused("describing no gateway", "NatGatewayNotFound", 400, ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"])
    ec2.delete_nat_gateway(NatGatewayId=private)
    ec2.release_address(AllocationId=a)
    broke = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])["NatGateway"]
    equal("one with all it needs does not fail", one(ec2.describe_nat_gateways(NatGatewayIds=[broke["NatGatewayId"]])["NatGateways"])["State"], "available")
    ec2.delete_nat_gateway(NatGatewayId=broke["NatGatewayId"])
    for x in ec2.describe_addresses()["Addresses"]:
        ec2.release_address(AllocationId=x["AllocationId"])


def detached(ec2, v, t, g):
    ec2.detach_internet_gateway(InternetGatewayId=g, VpcId=v)
    equal("a route whose gateway was detached", route(ec2, t, GatewayId=g)["State"], "blackhole")
    ec2.delete_internet_gateway(InternetGatewayId=g)
    equal("a route whose gateway is gone", route(ec2, t, GatewayId=g)["State"], "blackhole")
    ec2.delete_route(RouteTableId=t, DestinationCidrBlock=ALL)
    try:
        ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[g], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
        sys.exit("FAIL the gateway is there")
    except WaiterError:
        held("nobody waits for a gateway that is gone")


def main():
    session = Session()
    ec2 = client(session)
    account = session.client("sts").get_caller_identity()["Account"]
    equal("no VPC yet", ec2.describe_vpcs()["Vpcs"], [])
    equal("the region", [r["RegionName"] for r in ec2.describe_regions(RegionNames=[session.region_name])["Regions"]], [session.region_name])
    v = vpcs(ec2, account)
    default_vpc(ec2)
    made = subnets(ec2, v)
    t = tables(ec2, v, made[0], account)
    g = internet(ec2, v, t)
    a = addresses(ec2, v, made[0], t, g)
    nat(ec2, v, made[0], t, a)
    detached(ec2, v, t, g)
    refused("a VPC in use", "DependencyViolation", 400, ec2.delete_vpc, VpcId=v)
    ec2.delete_route_table(RouteTableId=t)
    for s in made:
        ec2.delete_subnet(SubnetId=s)
    ec2.delete_vpc(VpcId=v)
    equal("nothing is left", [len(ec2.describe_vpcs()["Vpcs"]), len(ec2.describe_subnets()["Subnets"]), len(ec2.describe_route_tables()["RouteTables"]),
                              len(ec2.describe_network_interfaces()["NetworkInterfaces"]), len(ec2.describe_network_acls()["NetworkAcls"]),
                              len(ec2.describe_security_groups()["SecurityGroups"]), len(ec2.describe_tags(Filters=where(resource_type="vpc"))["Tags"])], [0] * 7)


if __name__ == "__main__":
    main()
