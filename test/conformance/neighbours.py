#!/usr/bin/env python3
"""The lives of what joins a VPC's things to others, with boto3: network interfaces, VPC endpoints, peering with another account."""

import json

from network import FAST, client, labels, one, route, stranger, tagged, where
from walk import Session, equal, refused


def interfaces(ec2, v, subnet, account):
    g = [ec2.create_security_group(VpcId=v, GroupName=n, Description=n)["GroupId"] for n in ("one", "two")]
    made = ec2.create_network_interface(SubnetId=subnet, Groups=g[:1], Description="by hand", PrivateIpAddress="10.0.0.50", ClientToken="eni",
                                        TagSpecifications=tagged("network-interface", Name="eni"))
    e, i = made["NetworkInterface"], made["NetworkInterface"]["NetworkInterfaceId"]
    equal("an interface", (made["ClientToken"], e["Status"], e["PrivateIpAddress"], e["Groups"], e["OwnerId"], e["InterfaceType"], e["RequesterManaged"], e["SourceDestCheck"], labels({"Tags": e["TagSet"]})),
          ("eni", "pending", "10.0.0.50", [{"GroupId": g[0], "GroupName": "one"}], account, "interface", False, True, {"Name": "eni"}))
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[i], WaiterConfig=FAST)
    equal("the same token, the same interface", ec2.create_network_interface(SubnetId=subnet, Groups=g[:1], Description="by hand", PrivateIpAddress="10.0.0.50", ClientToken="eni",
          TagSpecifications=tagged("network-interface", Name="eni"))["NetworkInterface"]["NetworkInterfaceId"], i)
    got = one(ec2.describe_network_interfaces(NetworkInterfaceIds=[i])["NetworkInterfaces"])
    equal("an interface read back", (got["Status"], got["VpcId"], got["SubnetId"], got["AvailabilityZone"][:-1], len(got["MacAddress"]), got["Ipv6Addresses"], "Attachment" in got, "Association" in got,
                                     [(a["PrivateIpAddress"], a["Primary"]) for a in got["PrivateIpAddresses"]]),
          ("available", v, subnet, ec2.meta.region_name, 17, [], False, False, [("10.0.0.50", True)]))
    refused("an address in use", "InvalidIPAddress.InUse", 400, ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress="10.0.0.50")
    refused("a reserved address", "InvalidParameterValue", 400, ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress="10.0.0.2")
    refused("an address outside", "InvalidParameterValue", 400, ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress="10.0.9.9")
    refused("six groups", "SecurityGroupsPerInterfaceLimitExceeded", 400, ec2.create_network_interface, SubnetId=subnet, Groups=[f"sg-0123456789abcdef{n}" for n in range(6)])
    default = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    equal("an interface under no group that is named", [x["GroupName"] for x in default["Groups"]], ["default"])
    ec2.delete_network_interface(NetworkInterfaceId=default["NetworkInterfaceId"])

    free = one(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"])["AvailableIpAddressCount"]
    got = ec2.assign_private_ip_addresses(NetworkInterfaceId=i, PrivateIpAddresses=["10.0.0.51", "10.0.0.52"])
    equal("more addresses", [a["PrivateIpAddress"] for a in got["AssignedPrivateIpAddresses"]], ["10.0.0.51", "10.0.0.52"])
    got = ec2.assign_private_ip_addresses(NetworkInterfaceId=i, SecondaryPrivateIpAddressCount=2)
    equal("and two that are chosen", len(got["AssignedPrivateIpAddresses"]), 2)
    equal("the subnet has as many less", one(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"])["AvailableIpAddressCount"], free - 4)
    equal("found by a second address", one(ec2.describe_network_interfaces(Filters=where(addresses__private_ip_address="10.0.0.52"))["NetworkInterfaces"])["NetworkInterfaceId"], i)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=i, PrivateIpAddresses=["10.0.0.51"])
    refused("the primary address", "InvalidParameterValue", 400, ec2.unassign_private_ip_addresses, NetworkInterfaceId=i, PrivateIpAddresses=["10.0.0.50"])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=i, Groups=g)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=i, Description={"Value": "changed"})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=i, SourceDestCheck={"Value": False})
    equal("attributes", [sorted(x["GroupId"] for x in ec2.describe_network_interface_attribute(NetworkInterfaceId=i, Attribute="groupSet")["Groups"]),
                         ec2.describe_network_interface_attribute(NetworkInterfaceId=i, Attribute="description")["Description"]["Value"],
                         ec2.describe_network_interface_attribute(NetworkInterfaceId=i, Attribute="sourceDestCheck")["SourceDestCheck"]["Value"]], [sorted(g), "changed", False])
    ec2.reset_network_interface_attribute(NetworkInterfaceId=i, SourceDestCheck="true")
    equal("an attribute, reset", one(ec2.describe_network_interfaces(NetworkInterfaceIds=[i])["NetworkInterfaces"])["SourceDestCheck"], True)

    p = ec2.create_network_interface_permission(NetworkInterfaceId=i, AwsAccountId="999999999999", Permission="INSTANCE-ATTACH")["InterfacePermission"]
    equal("a permission", (p["NetworkInterfaceId"], p["AwsAccountId"], p["Permission"], p["PermissionState"]["State"]), (i, "999999999999", "INSTANCE-ATTACH", "granted"))
    equal("permissions of an interface", one(ec2.describe_network_interface_permissions(Filters=where(network_interface_permission__network_interface_id=i))["NetworkInterfacePermissions"]), p)
    equal("a permission goes", ec2.delete_network_interface_permission(NetworkInterfacePermissionId=p["NetworkInterfacePermissionId"])["Return"], True)
    refused("a permission that is gone", "InvalidPermissionID.NotFound", 400, ec2.delete_network_interface_permission, NetworkInterfacePermissionId=p["NetworkInterfacePermissionId"])
    refused("no instance to attach it to", "InvalidInstanceID.NotFound", 400, ec2.attach_network_interface, NetworkInterfaceId=i, InstanceId="i-0123456789abcdef0", DeviceIndex=1)

    t = ec2.create_route_table(VpcId=v)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=t, DestinationCidrBlock="172.16.0.0/12", NetworkInterfaceId=i)
    r = route(ec2, t, NetworkInterfaceId=i)
    equal("a route to an interface without a body", (r["State"], r["Origin"]), ("blackhole", "CreateRoute"))
    ec2.delete_network_interface(NetworkInterfaceId=i)
    equal("a route to one that is gone", route(ec2, t, NetworkInterfaceId=i)["State"], "blackhole")
    ec2.delete_route_table(RouteTableId=t)
    refused("an interface that is gone", "InvalidNetworkInterfaceID.NotFound", 400, ec2.describe_network_interfaces, NetworkInterfaceIds=[i])
    refused("deleting it again", "InvalidNetworkInterfaceID.NotFound", 400, ec2.delete_network_interface, NetworkInterfaceId=i)
    for x in g:
        ec2.delete_security_group(GroupId=x)


def document(action):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}]})


def endpoint(ec2, e):
    return one(ec2.describe_vpc_endpoints(VpcEndpointIds=[e])["VpcEndpoints"])


def gateway(ec2, v, region, account):
    name = f"com.amazonaws.{region}.s3"
    offered = [(s["ServiceName"], s["ServiceType"][0]["ServiceType"]) for s in ec2.describe_vpc_endpoint_services(ServiceNames=[name])["ServiceDetails"]]
    equal("S3 is offered both ways", sorted(offered), [(name, "Gateway"), (name, "Interface")])
    t = ec2.create_route_table(VpcId=v)["RouteTable"]["RouteTableId"]
    made = ec2.create_vpc_endpoint(VpcId=v, ServiceName=name, RouteTableIds=[t], ClientToken="gw", TagSpecifications=tagged("vpc-endpoint", Name="s3"))
    e = made["VpcEndpoint"]["VpcEndpointId"]
    equal("the same token, the same endpoint", ec2.create_vpc_endpoint(VpcId=v, ServiceName=name, RouteTableIds=[t], ClientToken="gw",
          TagSpecifications=tagged("vpc-endpoint", Name="s3"))["VpcEndpoint"]["VpcEndpointId"], e)
    got = endpoint(ec2, e)
    equal("a gateway endpoint read back", (got["State"], got["VpcEndpointType"], got["RouteTableIds"], got["SubnetIds"], got["Groups"], got["NetworkInterfaceIds"], got["DnsEntries"], got["PrivateDnsEnabled"],
                                           got["RequesterManaged"], got["OwnerId"], got["ServiceName"], labels(got), json.loads(got["PolicyDocument"])["Statement"][0]["Action"]),
          ("available", "Gateway", [t], [], [], [], [], False, False, account, name, {"Name": "s3"}, "*"))
    lists = one(ec2.describe_prefix_lists(Filters=where(prefix_list_name=name))["PrefixLists"])["PrefixListId"]
    r = route(ec2, t, GatewayId=e)
    equal("its route", (r["DestinationPrefixListId"], r["State"], r["Origin"]), (lists, "active", "CreateRoute"))
    refused("its route by hand", "InvalidParameterValue", 400, ec2.delete_route, RouteTableId=t, DestinationPrefixListId=lists)
    ec2.modify_vpc_endpoint(VpcEndpointId=e, PolicyDocument=document("s3:GetObject"))
    equal("a policy", json.loads(endpoint(ec2, e)["PolicyDocument"]), json.loads(document("s3:GetObject")))
    ec2.modify_vpc_endpoint(VpcEndpointId=e, ResetPolicy=True)
    equal("the policy, reset", json.loads(endpoint(ec2, e)["PolicyDocument"])["Statement"][0]["Action"], "*")
    main = one(ec2.describe_route_tables(Filters=where(vpc_id=v, association__main="true"))["RouteTables"])["RouteTableId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=e, AddRouteTableIds=[main], RemoveRouteTableIds=[t])
    equal("other tables", endpoint(ec2, e)["RouteTableIds"], [main])
    refused("a service that is none", "InvalidServiceName", 400, ec2.create_vpc_endpoint, VpcId=v, ServiceName=f"com.amazonaws.{region}.none")
    refused("a policy that is none", "InvalidPolicyDocument", 400, ec2.create_vpc_endpoint, VpcId=v, ServiceName=name, PolicyDocument="{")
    refused("a VPC with an endpoint", "DependencyViolation", 400, ec2.delete_vpc, VpcId=v)
    equal("an endpoint goes", ec2.delete_vpc_endpoints(VpcEndpointIds=[e]).get("Unsuccessful", []), [])
    refused("an endpoint that is gone", "InvalidVpcEndpointId.NotFound", 400, ec2.describe_vpc_endpoints, VpcEndpointIds=[e])
    ec2.delete_route_table(RouteTableId=t)


def interface(ec2, v, subnets, region, account):
    name = f"com.amazonaws.{region}.kms"
    offer = one(ec2.describe_vpc_endpoint_services(ServiceNames=[name])["ServiceDetails"])
    equal("KMS is offered", (offer["ServiceType"], offer["PrivateDnsName"], offer["VpcEndpointPolicySupported"], offer["AcceptanceRequired"], offer["Owner"]),
          ([{"ServiceType": "Interface"}], f"kms.{region}.amazonaws.com", True, False, "amazon"))
    g = [ec2.create_security_group(VpcId=v, GroupName=n, Description=n)["GroupId"] for n in ("ends", "more")]
    ask = dict(VpcId=v, VpcEndpointType="Interface", ServiceName=name, SubnetIds=subnets[:1], SecurityGroupIds=g[:1], PrivateDnsEnabled=True)
    refused("private names need names", "InvalidParameter", 400, ec2.create_vpc_endpoint, **ask)
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsHostnames={"Value": True})
    made = ec2.create_vpc_endpoint(**ask, TagSpecifications=tagged("vpc-endpoint", Name="kms"))["VpcEndpoint"]
    e = made["VpcEndpointId"]
    got = endpoint(ec2, e)
    equal("an interface endpoint read back", (got["State"], got["VpcEndpointType"], got["SubnetIds"], [x["GroupId"] for x in got["Groups"]], got["RouteTableIds"], got["PrivateDnsEnabled"], got["IpAddressType"],
                                              got["DnsOptions"]["DnsRecordIpType"], len(got["NetworkInterfaceIds"]), labels(got)),
          ("available", "Interface", subnets[:1], g[:1], [], True, "ipv4", "ipv4", 1, {"Name": "kms"}))
    equal("its names", (got["DnsEntries"][0]["DnsName"].startswith(e), got["DnsEntries"][-1]["DnsName"], all(d["HostedZoneId"] for d in got["DnsEntries"])), (True, f"kms.{region}.amazonaws.com", True))
    eni = one(ec2.describe_network_interfaces(NetworkInterfaceIds=got["NetworkInterfaceIds"])["NetworkInterfaces"])
    equal("its interface", (eni["InterfaceType"], eni["RequesterManaged"], eni["Status"], eni["SubnetId"], eni["Description"]), ("vpc_endpoint", True, "in-use", subnets[0], f"VPC Endpoint Interface {e}"))
    refused("deleting its interface", "InvalidParameterValue", 400, ec2.delete_network_interface, NetworkInterfaceId=eni["NetworkInterfaceId"])
    refused("detaching its interface", "OperationNotPermitted", 400, ec2.detach_network_interface, AttachmentId=eni["Attachment"]["AttachmentId"], Force=True)
    refused("a second endpoint with private names", "InvalidParameter", 400, ec2.create_vpc_endpoint, **ask)
    refused("a group in use", "DependencyViolation", 400, ec2.delete_security_group, GroupId=g[0])
    refused("a subnet with an endpoint", "DependencyViolation", 400, ec2.delete_subnet, SubnetId=subnets[0])
    ec2.modify_vpc_endpoint(VpcEndpointId=e, AddSubnetIds=subnets[1:], AddSecurityGroupIds=g[1:], RemoveSecurityGroupIds=g[:1], PolicyDocument=document("kms:*"))
    got = endpoint(ec2, e)
    equal("an endpoint, changed", (sorted(got["SubnetIds"]), [x["GroupId"] for x in got["Groups"]], len(got["NetworkInterfaceIds"])), (sorted(subnets), g[1:], 2))
    ec2.modify_vpc_endpoint(VpcEndpointId=e, RemoveSubnetIds=subnets[:1], PrivateDnsEnabled=False)
    got = endpoint(ec2, e)
    equal("less of an endpoint", (got["SubnetIds"], got["PrivateDnsEnabled"], [d["DnsName"] for d in got["DnsEntries"] if d["DnsName"].startswith("kms.")]), (subnets[1:], False, []))
    refused("a service that has no gateway", "InvalidParameter", 400, ec2.create_vpc_endpoint, VpcId=v, VpcEndpointType="Gateway", ServiceName=name)
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[e, "vpce-0123456789abcdef0"])["Unsuccessful"]
    equal("what could not be deleted is told", [(u["ResourceId"], u["Error"]["Code"]) for u in answer], [("vpce-0123456789abcdef0", "InvalidVpcEndpoint.NotFound")])
    equal("an endpoint that is gone", ec2.describe_vpc_endpoints(Filters=where(vpc_endpoint_id=e))["VpcEndpoints"], [])
    equal("and its interfaces", ec2.describe_network_interfaces(Filters=where(interface_type="vpc_endpoint"))["NetworkInterfaces"], [])
    for x in g:
        ec2.delete_security_group(GroupId=x)


def peering(ec2, other, v, account, number):
    far = other.create_vpc(CidrBlock="10.200.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=v, PeerVpcId=far, PeerOwnerId=number, TagSpecifications=tagged("vpc-peering-connection", Name="pcx"))["VpcPeeringConnection"]
    p = made["VpcPeeringConnectionId"]
    equal("a peering is asked for", (made["Status"]["Code"], made["RequesterVpcInfo"]["VpcId"], made["RequesterVpcInfo"]["OwnerId"], made["AccepterVpcInfo"]["OwnerId"], labels(made)),
          ("initiating-request", v, account, number, {"Name": "pcx"}))

    def seen(who):
        return one(who.describe_vpc_peering_connections(VpcPeeringConnectionIds=[p])["VpcPeeringConnections"])
    ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[p], WaiterConfig=FAST)
    equal("both see it", (seen(ec2)["Status"]["Code"], seen(other)["Status"]["Code"], seen(other)["Tags"]), ("pending-acceptance", "pending-acceptance", []))
    refused("who asked can't accept", "OperationNotPermitted", 400, ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=p)
    got = other.accept_vpc_peering_connection(VpcPeeringConnectionId=p)["VpcPeeringConnection"]
    equal("accepted", (got["Status"]["Code"] in ("provisioning", "active"), seen(ec2)["Status"]["Code"]), (True, "active"))
    got = seen(ec2)
    equal("a peering read back", (got["AccepterVpcInfo"]["CidrBlock"], got["AccepterVpcInfo"]["CidrBlockSet"], got["RequesterVpcInfo"]["Region"],
                                  got["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"]), ("10.200.0.0/16", [{"CidrBlock": "10.200.0.0/16"}], ec2.meta.region_name, False))
    ec2.modify_vpc_attribute(VpcId=v, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=p, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True})
    equal("its options", seen(other)["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"], True)
    refused("the other side's options", "OperationNotPermitted", 400, ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=p, AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True})
    t = one(ec2.describe_route_tables(Filters=where(vpc_id=v, association__main="true"))["RouteTables"])["RouteTableId"]
    ec2.create_route(RouteTableId=t, DestinationCidrBlock="10.200.0.0/16", VpcPeeringConnectionId=p)
    equal("a route to the peer", route(ec2, t, VpcPeeringConnectionId=p)["State"], "active")
    theirs = other.create_security_group(VpcId=far, GroupName="theirs", Description="theirs")["GroupId"]
    mine = ec2.create_security_group(VpcId=v, GroupName="mine", Description="mine")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=mine, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": theirs, "UserId": number}]}])
    pair = one(one(one(ec2.describe_security_groups(GroupIds=[mine])["SecurityGroups"])["IpPermissions"])["UserIdGroupPairs"])
    equal("a group of the other account", (pair["GroupId"], pair["UserId"]), (theirs, number))
    equal("they are told", [(x["GroupId"], x["ReferencingVpcId"], x["VpcPeeringConnectionId"]) for x in other.describe_security_group_references(GroupId=[theirs])["SecurityGroupReferenceSet"]], [(theirs, v, p)])
    refused("a second peering of the two", "VpcPeeringConnectionAlreadyExists", 400, other.create_vpc_peering_connection, VpcId=far, PeerVpcId=v, PeerOwnerId=account)
    refused("the other account does not see our VPC", "InvalidVpcID.NotFound", 400, other.describe_vpcs, VpcIds=[v])
    refused("nor deletes it", "InvalidVpcID.NotFound", 400, other.delete_vpc, VpcId=v)

    equal("a peering ends", other.delete_vpc_peering_connection(VpcPeeringConnectionId=p)["Return"], True)
    ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[p], WaiterConfig=FAST)
    equal("it is told for a while", (seen(ec2)["Status"]["Code"], route(ec2, t, VpcPeeringConnectionId=p)["State"]), ("deleted", "blackhole"))
    ec2.delete_route(RouteTableId=t, DestinationCidrBlock="10.200.0.0/16")
    equal("stale rules are found", [g["GroupId"] for g in ec2.describe_stale_security_groups(VpcId=v)["StaleSecurityGroupSet"]], [mine])
    ec2.delete_security_group(GroupId=mine)
    other.delete_security_group(GroupId=theirs)
    again = ec2.create_vpc_peering_connection(VpcId=v, PeerVpcId=far, PeerOwnerId=number)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.reject_vpc_peering_connection(VpcPeeringConnectionId=again)
    equal("a peering that is refused", one(ec2.describe_vpc_peering_connections(Filters=where(status_code="rejected"))["VpcPeeringConnections"])["VpcPeeringConnectionId"], again)
    same = other.create_vpc(CidrBlock="10.0.128.0/17")["Vpc"]["VpcId"]
    clash = ec2.create_vpc_peering_connection(VpcId=v, PeerVpcId=same, PeerOwnerId=number)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    equal("networks that overlap can't be peers", one(ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[clash])["VpcPeeringConnections"])["Status"]["Code"], "failed")
    refused("a peering that is none", "InvalidVpcPeeringConnectionID.NotFound", 400, ec2.delete_vpc_peering_connection, VpcPeeringConnectionId="pcx-0123456789abcdef0")
    other.delete_vpc(VpcId=far)
    other.delete_vpc(VpcId=same)


def main():
    session = Session()
    ec2 = client(session)
    account, number = session.client("sts").get_caller_identity()["Account"], "555555555555"
    v = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=v, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{session.region_name}{z}")["Subnet"]["SubnetId"] for i, z in enumerate("ab")]
    interfaces(ec2, v, subnets[0], account)
    gateway(ec2, v, session.region_name, account)
    interface(ec2, v, subnets, session.region_name, account)
    peering(ec2, stranger(number), v, account, number)
    for s in subnets:
        ec2.delete_subnet(SubnetId=s)
    ec2.delete_vpc(VpcId=v)
    equal("nothing is left", [ec2.describe_vpc_endpoints()["VpcEndpoints"], ec2.describe_network_interfaces()["NetworkInterfaces"], ec2.describe_security_groups()["SecurityGroups"]], [[], [], []])


if __name__ == "__main__":
    main()
