#!/usr/bin/env python3
"""The lives of what decides over packets, with boto3: security groups and their rules, network ACLs, prefix lists, DHCP options."""

from network import ALL, client, labels, one, tagged, where
from walk import Session, equal, refused

WEB = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}


def cidr(block=ALL, **more):
    return {**WEB, "IpRanges": [{"CidrIp": block, **more}]}


def groups(ec2, v, account):
    made = ec2.create_security_group(VpcId=v, GroupName="web", Description="Managed by Terraform", TagSpecifications=tagged("security-group", Name="web"))
    g = made["GroupId"]
    equal("a group", (labels(made), made["SecurityGroupArn"].split("/")[1]), ({"Name": "web"}, g))
    ec2.get_waiter("security_group_exists").wait(GroupIds=[g], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    got = one(ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"])
    out = one(got["IpPermissionsEgress"])
    equal("a group read back", (got["GroupName"], got["Description"], got["OwnerId"], got["VpcId"], got["IpPermissions"], labels(got), out["IpProtocol"], out["IpRanges"],
                                "FromPort" in out, out["Ipv6Ranges"], out["PrefixListIds"], out["UserIdGroupPairs"]),
          ("web", "Managed by Terraform", account, v, [], {"Name": "web"}, "-1", [{"CidrIp": ALL}], False, [], [], []))
    refused("a group of the same name", "InvalidGroup.Duplicate", 400, ec2.create_security_group, VpcId=v, GroupName="web", Description="x")
    refused("a group named default", "InvalidGroup.Reserved", 400, ec2.create_security_group, VpcId=v, GroupName="default", Description="x")
    refused("a name like an id", "InvalidParameterValue", 400, ec2.create_security_group, VpcId=v, GroupName="sg-x", Description="x")

    # The provider takes away the rule that lets everything out, then adds what is declared.
    ec2.revoke_security_group_egress(GroupId=g, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ALL}]}])
    refused("revoked again", "InvalidPermission.NotFound", 400, ec2.revoke_security_group_egress, GroupId=g, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ALL}]}])
    made = ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[cidr("10.0.0.0/8", Description="inside")], TagSpecifications=tagged("security-group-rule", Name="r"))
    rule = one(made["SecurityGroupRules"])
    r = rule["SecurityGroupRuleId"]
    equal("a rule", (made["Return"], rule["GroupId"], rule["GroupOwnerId"], rule["IsEgress"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIpv4"], rule["Description"], labels(rule)),
          (True, g, account, False, "tcp", 443, 443, "10.0.0.0/8", "inside", {"Name": "r"}))
    refused("the rule again", "InvalidPermission.Duplicate", 400, ec2.authorize_security_group_ingress, GroupId=g, IpPermissions=[cidr("10.0.0.0/8")])
    ec2.modify_security_group_rules(GroupId=g, SecurityGroupRules=[{"SecurityGroupRuleId": r, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv4": "10.0.0.0/9", "Description": "changed"}}])
    got = one(ec2.describe_security_group_rules(SecurityGroupRuleIds=[r])["SecurityGroupRules"])
    equal("a rule, changed in its place", (got["FromPort"], got["ToPort"], got["CidrIpv4"], got["Description"], labels(got)), (80, 81, "10.0.0.0/9", "changed", {"Name": "r"}))
    ec2.update_security_group_rule_descriptions_ingress(GroupId=g, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": r, "Description": "told"}])
    equal("a rule's description", one(ec2.describe_security_group_rules(Filters=where(group_id=g))["SecurityGroupRules"])["Description"], "told")
    ec2.create_tags(Resources=[r], Tags=[{"Key": "Name", "Value": "R"}])
    equal("a rule by its tag", one(ec2.describe_security_group_rules(Filters=[{"Name": "tag:Name", "Values": ["R"]}])["SecurityGroupRules"])["SecurityGroupRuleId"], r)
    refused("a rule that is none", "InvalidSecurityGroupRuleId.NotFound", 400, ec2.describe_security_group_rules, SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    for what, bad in [("a host with other bits", {**WEB, "IpRanges": [{"CidrIp": "10.0.0.1/33"}]}), ("a protocol that is none", {"IpProtocol": "carrier-pigeon", "IpRanges": [{"CidrIp": ALL}]}),
                      ("ports in the wrong order", {"IpProtocol": "tcp", "FromPort": 90, "ToPort": 80, "IpRanges": [{"CidrIp": ALL}]})]:
        refused(f"a rule with {what}", "InvalidParameterValue", 400, ec2.authorize_security_group_ingress, GroupId=g, IpPermissions=[bad])

    db = ec2.create_security_group(VpcId=v, GroupName="db", Description="db")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=db, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": g, "Description": "web"}]}])
    pair = one(one(one(ec2.describe_security_groups(GroupIds=[db])["SecurityGroups"])["IpPermissions"])["UserIdGroupPairs"])
    equal("a reference", pair, {"GroupId": g, "UserId": account, "Description": "web"})
    equal("a reference as a rule", one([x["ReferencedGroupInfo"]["GroupId"] for x in ec2.describe_security_group_rules(Filters=where(group_id=db))["SecurityGroupRules"] if not x["IsEgress"]]), g)
    refused("a reference to no group", "InvalidGroup.NotFound", 400, ec2.authorize_security_group_ingress, GroupId=db,
            IpPermissions=[{**WEB, "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}])
    equal("found by what its rules say", one(ec2.describe_security_groups(Filters=where(ip_permission__group_id=g))["SecurityGroups"])["GroupId"], db)
    refused("a group that rules refer to", "DependencyViolation", 400, ec2.delete_security_group, GroupId=g)
    subnet = ec2.create_subnet(VpcId=v, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    eni = ec2.create_network_interface(SubnetId=subnet, Groups=[db])["NetworkInterface"]["NetworkInterfaceId"]
    equal("who uses a group", one(ec2.describe_network_interfaces(Filters=where(group_id=db))["NetworkInterfaces"])["NetworkInterfaceId"], eni)
    refused("a group in use", "DependencyViolation", 400, ec2.delete_security_group, GroupId=db)
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    default = one(ec2.describe_security_groups(Filters=where(vpc_id=v, group_name="default"))["SecurityGroups"])["GroupId"]
    refused("the default group", "CannotDelete", 400, ec2.delete_security_group, GroupId=default)

    many = [{"IpProtocol": "udp", "FromPort": p, "ToPort": p, "IpRanges": [{"CidrIp": ALL}]} for p in range(61)]
    refused("rules above the quota", "RulesPerSecurityGroupLimitExceeded", 400, ec2.authorize_security_group_egress, GroupId=g, IpPermissions=many)
    equal("none of them is there", ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"][0]["IpPermissionsEgress"], [])
    made = ec2.authorize_security_group_egress(GroupId=g, IpPermissions=many[:60])["SecurityGroupRules"]
    equal("as many as may be", len(made), 60)
    got = ec2.revoke_security_group_egress(GroupId=g, SecurityGroupRuleIds=[m["SecurityGroupRuleId"] for m in made])
    equal("revoked by their ids", (got["Return"], len(got.get("RevokedSecurityGroupRules", []))), (True, 60))

    ec2.delete_security_group(GroupId=db)
    ec2.delete_security_group(GroupId=g)
    refused("a group that is gone", "InvalidGroup.NotFound", 400, ec2.describe_security_groups, GroupIds=[g])
    refused("deleting it again", "InvalidGroup.NotFound", 400, ec2.delete_security_group, GroupId=g)
    refused("its rules are gone", "InvalidSecurityGroupRuleId.NotFound", 400, ec2.describe_security_group_rules, SecurityGroupRuleIds=[r])
    equal("and the tags of its rules", ec2.describe_tags(Filters=where(resource_id=r))["Tags"], [])
    return subnet


def acls(ec2, v, subnet, account):
    default = one(ec2.describe_network_acls(Filters=where(vpc_id=v, default="true"))["NetworkAcls"])
    equal("the default ACL", [(e["RuleNumber"], e["Egress"], e["RuleAction"], e["Protocol"], e["CidrBlock"]) for e in default["Entries"]],
          [(100, True, "allow", "-1", ALL), (32767, True, "deny", "-1", ALL), (100, False, "allow", "-1", ALL), (32767, False, "deny", "-1", ALL)])
    a = one(default["Associations"])
    made = ec2.create_network_acl(VpcId=v, ClientToken="acl", TagSpecifications=tagged("network-acl", Name="acl"))["NetworkAcl"]
    n = made["NetworkAclId"]
    equal("an ACL", (made["IsDefault"], made["Associations"], made["OwnerId"], labels(made), len(made["Entries"])), (False, [], account, {"Name": "acl"}, 2))
    equal("the same token, the same ACL", ec2.create_network_acl(VpcId=v, ClientToken="acl")["NetworkAcl"]["NetworkAclId"], n)
    ec2.create_network_acl_entry(NetworkAclId=n, RuleNumber=10, Egress=False, Protocol="6", RuleAction="allow", CidrBlock=ALL, PortRange={"From": 443, "To": 444})
    ec2.create_network_acl_entry(NetworkAclId=n, RuleNumber=20, Egress=False, Protocol="1", RuleAction="deny", CidrBlock="10.0.0.0/8", IcmpTypeCode={"Type": 8, "Code": -1})
    refused("an entry's number twice", "NetworkAclEntryAlreadyExists", 400, ec2.create_network_acl_entry, NetworkAclId=n, RuleNumber=10, Egress=False, Protocol="-1", RuleAction="deny", CidrBlock=ALL)
    refused("a number that is none", "InvalidParameterValue", 400, ec2.create_network_acl_entry, NetworkAclId=n, RuleNumber=32767, Egress=False, Protocol="-1", RuleAction="deny", CidrBlock=ALL)
    refused("TCP without ports", "InvalidParameterValue", 400, ec2.create_network_acl_entry, NetworkAclId=n, RuleNumber=30, Egress=False, Protocol="6", RuleAction="deny", CidrBlock=ALL)
    ec2.replace_network_acl_entry(NetworkAclId=n, RuleNumber=10, Egress=False, Protocol="17", RuleAction="allow", CidrBlock=ALL, PortRange={"From": 53, "To": 53})
    got = one(ec2.describe_network_acls(NetworkAclIds=[n])["NetworkAcls"])["Entries"]
    equal("entries read back", [(e["RuleNumber"], e["Protocol"], e["RuleAction"], e.get("PortRange"), e.get("IcmpTypeCode")) for e in got if not e["Egress"]],
          [(10, "17", "allow", {"From": 53, "To": 53}, None), (20, "1", "deny", None, {"Type": 8, "Code": -1}), (32767, "-1", "deny", None, None)])
    refused("replacing an entry that is none", "InvalidNetworkAclEntry.NotFound", 400, ec2.replace_network_acl_entry, NetworkAclId=n, RuleNumber=11, Egress=False, Protocol="-1", RuleAction="deny", CidrBlock=ALL)
    new = ec2.replace_network_acl_association(AssociationId=a["NetworkAclAssociationId"], NetworkAclId=n)["NewAssociationId"]
    got = one(one(ec2.describe_network_acls(Filters=where(association__subnet_id=subnet))["NetworkAcls"])["Associations"])
    equal("an association", (got["NetworkAclAssociationId"], got["NetworkAclId"], got["SubnetId"]), (new, n, subnet))
    refused("the association that it was", "InvalidAssociationID.NotFound", 400, ec2.replace_network_acl_association, AssociationId=a["NetworkAclAssociationId"], NetworkAclId=n)
    refused("an ACL in use", "DependencyViolation", 400, ec2.delete_network_acl, NetworkAclId=n)
    refused("the default ACL", "InvalidParameterValue", 400, ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl_entry(NetworkAclId=n, RuleNumber=10, Egress=False)
    refused("deleting an entry again", "InvalidNetworkAclEntry.NotFound", 400, ec2.delete_network_acl_entry, NetworkAclId=n, RuleNumber=10, Egress=False)
    ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl(NetworkAclId=n)
    refused("an ACL that is gone", "InvalidNetworkAclID.NotFound", 400, ec2.describe_network_acls, NetworkAclIds=[n])
    refused("deleting it again", "InvalidNetworkAclID.NotFound", 400, ec2.delete_network_acl, NetworkAclId=n)


def lists(ec2, v, region, account):
    made = ec2.create_managed_prefix_list(PrefixListName="partners", AddressFamily="IPv4", MaxEntries=5, ClientToken="pl", TagSpecifications=tagged("prefix-list", Name="pl"),
                                          Entries=[{"Cidr": "192.0.2.0/24", "Description": "one"}, {"Cidr": "198.51.100.0/24"}])["PrefixList"]
    p = made["PrefixListId"]
    equal("a list", (made["State"], made["Version"], made["OwnerId"], made["MaxEntries"], made["AddressFamily"], labels(made)), ("create-in-progress", 1, account, 5, "IPv4", {"Name": "pl"}))
    equal("it is there", one(ec2.describe_managed_prefix_lists(PrefixListIds=[p])["PrefixLists"])["State"], "create-complete")
    equal("the same token, the same list", ec2.create_managed_prefix_list(PrefixListName="partners", AddressFamily="IPv4", MaxEntries=5, ClientToken="pl",
          Entries=[{"Cidr": "192.0.2.0/24", "Description": "one"}, {"Cidr": "198.51.100.0/24"}], TagSpecifications=tagged("prefix-list", Name="pl"))["PrefixList"]["PrefixListId"], p)
    refused("more entries than the list takes", "PrefixListMaxEntriesExceeded", 400, ec2.modify_managed_prefix_list, PrefixListId=p, CurrentVersion=1,
            AddEntries=[{"Cidr": f"203.0.113.{i}/32"} for i in range(4)])
    got = ec2.modify_managed_prefix_list(PrefixListId=p, CurrentVersion=1, AddEntries=[{"Cidr": "203.0.113.0/24"}], RemoveEntries=[{"Cidr": "198.51.100.0/24"}])["PrefixList"]
    equal("a second version", got["Version"], 2)
    equal("it is complete", one(ec2.describe_managed_prefix_lists(PrefixListIds=[p])["PrefixLists"])["State"], "modify-complete")
    equal("its entries", sorted((e["Cidr"], e.get("Description")) for e in ec2.get_managed_prefix_list_entries(PrefixListId=p)["Entries"]), [("192.0.2.0/24", "one"), ("203.0.113.0/24", None)])
    equal("those of the first version", sorted(e["Cidr"] for e in ec2.get_managed_prefix_list_entries(PrefixListId=p, TargetVersion=1)["Entries"]), ["192.0.2.0/24", "198.51.100.0/24"])
    refused("a change of another version", "PrefixListVersionMismatch", 400, ec2.modify_managed_prefix_list, PrefixListId=p, CurrentVersion=1, AddEntries=[{"Cidr": "203.0.113.9/32"}])
    equal("a new name is no new version", ec2.modify_managed_prefix_list(PrefixListId=p, PrefixListName="renamed")["PrefixList"]["Version"], 2)
    g = ec2.create_security_group(VpcId=v, GroupName="pl", Description="pl")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[{**WEB, "PrefixListIds": [{"PrefixListId": p, "Description": "them"}]}])
    equal("a rule with the list", one(one(one(ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"])["IpPermissions"])["PrefixListIds"]), {"PrefixListId": p, "Description": "them"})
    refused("a list counts as many rules as it may hold", "RulesPerSecurityGroupLimitExceeded", 400, ec2.authorize_security_group_ingress, GroupId=g,
            IpPermissions=[{"IpProtocol": "udp", "FromPort": i, "ToPort": i, "IpRanges": [{"CidrIp": ALL}]} for i in range(56)])
    t = ec2.create_route_table(VpcId=v)["RouteTable"]["RouteTableId"]
    igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=v)
    ec2.create_route(RouteTableId=t, DestinationPrefixListId=p, GatewayId=igw)
    r = one([x for x in one(ec2.describe_route_tables(RouteTableIds=[t])["RouteTables"])["Routes"] if "DestinationPrefixListId" in x])
    equal("a route for the list", (r["DestinationPrefixListId"], r["GatewayId"], r["State"], "DestinationCidrBlock" in r), (p, igw, "active", False))
    equal("who uses it", sorted(a["ResourceId"] for a in ec2.get_managed_prefix_list_associations(PrefixListId=p)["PrefixListAssociations"]), sorted([g, t]))
    refused("a list in use", "DependencyViolation", 400, ec2.delete_managed_prefix_list, PrefixListId=p)
    ec2.delete_route(RouteTableId=t, DestinationPrefixListId=p)
    ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=v)
    ec2.delete_internet_gateway(InternetGatewayId=igw)
    ec2.delete_route_table(RouteTableId=t)
    ec2.delete_security_group(GroupId=g)
    equal("a list goes", ec2.delete_managed_prefix_list(PrefixListId=p)["PrefixList"]["State"], "delete-in-progress")
    refused("a list that is gone", "InvalidPrefixListID.NotFound", 400, ec2.describe_managed_prefix_lists, PrefixListIds=[p])
    refused("deleting it again", "InvalidPrefixListID.NotFound", 400, ec2.delete_managed_prefix_list, PrefixListId=p)
    name = f"com.amazonaws.{region}.s3"
    aws = one(ec2.describe_managed_prefix_lists(Filters=where(prefix_list_name=name, owner_id="AWS"))["PrefixLists"])
    old = one(ec2.describe_prefix_lists(Filters=where(prefix_list_name=name))["PrefixLists"])
    equal("AWS's own list for S3", (aws["PrefixListId"], aws["OwnerId"], old["PrefixListName"], len(old["Cidrs"]) > 0), (old["PrefixListId"], "AWS", name, True))
    refused("it is not ours to change", "OperationNotPermitted", 400, ec2.delete_managed_prefix_list, PrefixListId=aws["PrefixListId"])


def dhcp(ec2, v, account):
    default = one(ec2.describe_vpcs(VpcIds=[v])["Vpcs"])["DhcpOptionsId"]
    got = one(ec2.describe_dhcp_options(DhcpOptionsIds=[default])["DhcpOptions"])
    equal("the default options", sorted(c["Key"] for c in got["DhcpConfigurations"]), ["domain-name", "domain-name-servers"])
    made = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example"]}, {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
                                                       {"Key": "ntp-servers", "Values": ["10.0.0.9"]}], TagSpecifications=tagged("dhcp-options", Name="d"))["DhcpOptions"]
    d = made["DhcpOptionsId"]
    equal("options", (made["OwnerId"], labels(made)), (account, {"Name": "d"}))
    got = one(ec2.describe_dhcp_options(Filters=where(dhcp_options_id=d))["DhcpOptions"])
    equal("options read back", {c["Key"]: [x["Value"] for x in c["Values"]] for c in got["DhcpConfigurations"]},
          {"domain-name": ["corp.example"], "domain-name-servers": ["AmazonProvidedDNS"], "ntp-servers": ["10.0.0.9"]})
    ec2.associate_dhcp_options(DhcpOptionsId=d, VpcId=v)
    equal("the VPC has them", one(ec2.describe_vpcs(Filters=where(dhcp_options_id=d))["Vpcs"])["VpcId"], v)
    refused("options in use", "DependencyViolation", 400, ec2.delete_dhcp_options, DhcpOptionsId=d)
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=v)
    equal("the default again", one(ec2.describe_vpcs(VpcIds=[v])["Vpcs"])["DhcpOptionsId"], "default")
    ec2.delete_dhcp_options(DhcpOptionsId=d)
    refused("options that are gone", "InvalidDhcpOptionID.NotFound", 400, ec2.describe_dhcp_options, DhcpOptionsIds=[d])
    refused("deleting them again", "InvalidDhcpOptionID.NotFound", 400, ec2.delete_dhcp_options, DhcpOptionsId=d)
    refused("an option that is none", "InvalidParameterValue", 400, ec2.create_dhcp_options, DhcpConfigurations=[{"Key": "colour", "Values": ["red"]}])
    refused("no VPC has options that are none", "InvalidDhcpOptionID.NotFound", 400, ec2.associate_dhcp_options, DhcpOptionsId="dopt-0123456789abcdef0", VpcId=v)


def main():
    session = Session()
    ec2 = client(session)
    account = session.client("sts").get_caller_identity()["Account"]
    v = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = groups(ec2, v, account)
    acls(ec2, v, subnet, account)
    lists(ec2, v, session.region_name, account)
    dhcp(ec2, v, account)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=v)
    equal("nothing is left", [ec2.describe_security_groups()["SecurityGroups"], ec2.describe_security_group_rules()["SecurityGroupRules"], ec2.describe_tags()["Tags"]], [[], [], []])


if __name__ == "__main__":
    main()
