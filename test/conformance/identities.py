#!/usr/bin/env python3
"""The lives of IAM's things with boto3: made, read back as the Terraform provider does, changed, listed by pages, deleted in the
wrong and in the right order. Then what STS makes of them."""

import json
import os
import time
import urllib.parse

from botocore.config import Config
from walk import Session, allow, equal, held, policy, refused

TRUST = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
READ = policy(allow("s3:GetObject"))
WRITE = policy(allow("s3:PutObject"))
FAST = {"Delay": 1, "MaxAttempts": 5}


def tags(**pairs):
    return [{"Key": k, "Value": v} for k, v in pairs.items()]


def pages(iam, operation, key, size=2, **more):
    """What a paginator gives with small pages; there must be more than two of them."""
    out, seen = [], 0
    for page in iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **more):
        seen += 1
        if len(page[key]) > size:
            raise SystemExit(f"FAIL {operation}: a page of {len(page[key])}")
        if page["IsTruncated"] != ("Marker" in page):
            raise SystemExit(f"FAIL {operation}: IsTruncated is {page['IsTruncated']} and the marker {page.get('Marker')!r}")
        out += page[key]
    if seen < 3:
        raise SystemExit(f"FAIL {operation}: {seen} pages only")
    return out


def named(items, key):
    return [i[key] for i in items]


def kinds_of_tags(iam, kind, ident, name):
    """Tag, list by pages, change, untag: the same for users, roles, policies and profiles."""
    tag, untag = getattr(iam, f"tag_{kind}"), getattr(iam, f"untag_{kind}")
    who = {ident: name}
    tag(**who, Tags=tags(a="1", b="2", c="3", d="4", e=""))
    tag(**who, Tags=tags(A="changed"))  # keys are compared without case
    got = []
    marker = {}
    while True:
        page = getattr(iam, f"list_{kind}_tags")(**who, MaxItems=2, **marker)
        got += page["Tags"]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    equal(f"the tags of a {kind}, by pages", sorted((t["Key"].lower(), t["Value"]) for t in got),
          [("a", "changed"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "")])
    untag(**who, TagKeys=["a", "b", "none"])
    equal(f"the tags of a {kind} after some are gone", sorted(named(getattr(iam, f"list_{kind}_tags")(**who)["Tags"], "Key")), ["c", "d", "e"])
    refused(f"a reserved tag on a {kind}", "InvalidInput", 400, tag, **who, Tags=tags(**{"aws:x": "1"}))
    refused(f"too many tags on a {kind}", "LimitExceeded", 409, tag, **who, Tags=tags(**{f"k{i}": "" for i in range(49)}))
    untag(**who, TagKeys=["c", "d", "e"])


def policies(iam, account):
    made = iam.create_policy(PolicyName="life", Path="/team/", Description="of life", PolicyDocument=READ, Tags=tags(a="1"))["Policy"]
    arn = made["Arn"]
    equal("a policy's ARN has its path", arn, f"arn:aws:iam::{account}:policy/team/life")
    iam.get_waiter("policy_exists").wait(PolicyArn=arn, WaiterConfig=FAST)
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    equal("a policy as it is read back", (got["PolicyId"][:4], got["DefaultVersionId"], got["AttachmentCount"], got["IsAttachable"],
                                         got["Description"], got["Tags"]), ("ANPA", "v1", 0, True, "of life", tags(a="1")))
    equal("its document", iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"], json.loads(READ))
    refused("a policy of the same name", "EntityAlreadyExists", 409, iam.create_policy, PolicyName="LIFE", PolicyDocument=READ)
    for what, document in [("no JSON", "{"), ("a principal", policy({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})),
                           ("an unknown operator", policy(allow("*", Condition={"Like": {"a": "b"}}))), ("no statement", '{"Version":"2012-10-17"}'),
                           ("a duplicate key", '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}')]:
        refused(f"a policy with {what}", "MalformedPolicyDocument", 400, iam.create_policy, PolicyName="bad", PolicyDocument=document)
    refused("a policy above 6144 characters", "LimitExceeded", 409, iam.create_policy, PolicyName="big",
            PolicyDocument=policy(allow([f"s3:Get{'x' * 60}{i}" for i in range(100)])))
    for i in range(2, 6):
        v = iam.create_policy_version(PolicyArn=arn, PolicyDocument=WRITE, SetAsDefault=i == 3)["PolicyVersion"]
        equal(f"version {i}", (v["VersionId"], v["IsDefaultVersion"]), (f"v{i}", i == 3))
    refused("a sixth version", "LimitExceeded", 409, iam.create_policy_version, PolicyArn=arn, PolicyDocument=READ)
    equal("its versions, by pages", [(v["VersionId"], v["IsDefaultVersion"]) for v in pages(iam, "list_policy_versions", "Versions", PolicyArn=arn)],
          [(f"v{i}", i == 3) for i in (5, 4, 3, 2, 1)])
    refused("deleting the version in force", "DeleteConflict", 409, iam.delete_policy_version, PolicyArn=arn, VersionId="v3")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    equal("the version in force", iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v3")
    refused("a version that is gone", "NoSuchEntity", 404, iam.get_policy_version, PolicyArn=arn, VersionId="v3")
    refused("setting a version that is gone", "NoSuchEntity", 404, iam.set_default_policy_version, PolicyArn=arn, VersionId="v3")
    equal("numbers are not used again", iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"]["VersionId"], "v6")
    kinds_of_tags(iam, "policy", "PolicyArn", arn)
    refused("a policy with versions", "DeleteConflict", 409, iam.delete_policy, PolicyArn=arn)
    for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not v["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=v["VersionId"])
    more = [iam.create_policy(PolicyName=f"more-{i}", PolicyDocument=READ)["Policy"]["Arn"] for i in range(5)]
    equal("all policies, by pages", sorted(named(pages(iam, "list_policies", "Policies", Scope="Local"), "PolicyName")),
          ["life"] + [f"more-{i}" for i in range(5)])
    equal("policies below a path", named(iam.list_policies(PathPrefix="/team/")["Policies"], "PolicyName"), ["life"])
    for a in more[1:]:
        iam.delete_policy(PolicyArn=a)
    refused("a policy that is gone", "NoSuchEntity", 404, iam.get_policy, PolicyArn=more[1])
    refused("deleting it again", "NoSuchEntity", 404, iam.delete_policy, PolicyArn=more[1])
    return arn, more[0]


def inline(iam, kind, ident, name):
    """Policies that are written into a user, group or role."""
    who = {ident: name}
    put, get = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"get_{kind}_policy")
    delete = getattr(iam, f"delete_{kind}_policy")
    for i in range(5):
        put(**who, PolicyName=f"p{i}", PolicyDocument=READ)
    put(**who, PolicyName="p0", PolicyDocument=WRITE)
    equal(f"an inline policy of a {kind}", get(**who, PolicyName="p0")["PolicyDocument"], json.loads(WRITE))
    equal(f"inline policies of a {kind}, by pages", pages(iam, f"list_{kind}_policies", "PolicyNames", **who), [f"p{i}" for i in range(5)])
    refused(f"a malformed inline policy of a {kind}", "MalformedPolicyDocument", 400, put, **who, PolicyName="bad", PolicyDocument="[]")
    refused(f"inline policies of a {kind} above the quota", "LimitExceeded", 409, put, **who, PolicyName="big",
            PolicyDocument=policy(allow([f"s3:Get{'x' * 60}{i}" for i in range(160)])))
    for i in range(1, 5):
        delete(**who, PolicyName=f"p{i}")
    refused(f"an inline policy of a {kind} that is gone", "NoSuchEntity", 404, get, **who, PolicyName="p1")
    refused(f"deleting an inline policy of a {kind} again", "NoSuchEntity", 404, delete, **who, PolicyName="p1")


def attached(iam, kind, ident, name, arn, account):
    who = {ident: name}
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    many = [iam.create_policy(PolicyName=f"{kind}-{i}", PolicyDocument=READ)["Policy"]["Arn"] for i in range(4)]
    for a in [arn] + many:
        attach(**who, PolicyArn=a)
        attach(**who, PolicyArn=a)  # once more is no fault
    got = pages(iam, f"list_attached_{kind}_policies", "AttachedPolicies", **who)
    equal(f"policies attached to a {kind}, by pages", sorted(named(got, "PolicyArn")), sorted([arn] + many))
    equal(f"the policy counts its {kind}", iam.get_policy(PolicyArn=many[0])["Policy"]["AttachmentCount"], 1)
    key = {"user": "PolicyUsers", "group": "PolicyGroups", "role": "PolicyRoles"}[kind]
    equal(f"the policy names its {kind}", named(iam.list_entities_for_policy(PolicyArn=many[0])[key], f"{kind.title()}Name"), [name])
    refused(f"deleting a policy that a {kind} has", "DeleteConflict", 409, iam.delete_policy, PolicyArn=many[0])
    none = f"arn:aws:iam::{account}:policy/none"
    refused(f"attaching no policy to a {kind}", "NoSuchEntity", 404, attach, **who, PolicyArn=none)
    refused(f"detaching no policy from a {kind}", "NoSuchEntity", 404, detach, **who, PolicyArn=none)
    for a in many:
        detach(**who, PolicyArn=a)
        iam.delete_policy(PolicyArn=a)


def boundary(iam, kind, ident, name, arn):
    who = {ident: name}
    getattr(iam, f"put_{kind}_permissions_boundary")(**who, PermissionsBoundary=arn)
    got = getattr(iam, f"get_{kind}")(**who)[kind.title()]["PermissionsBoundary"]
    equal(f"the boundary of a {kind}", got, {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn})
    equal("the policy counts whom it bounds", iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"], 1)
    refused("deleting a policy that is a boundary", "DeleteConflict", 409, iam.delete_policy, PolicyArn=arn)
    getattr(iam, f"delete_{kind}_permissions_boundary")(**who)
    equal(f"the boundary of a {kind} is gone", "PermissionsBoundary" in getattr(iam, f"get_{kind}")(**who)[kind.title()], False)


def users(iam, account, arn, other):
    made = iam.create_user(UserName="ann", Path="/team/", Tags=tags(a="1"), PermissionsBoundary=other)["User"]
    equal("a user's ARN has its path", (made["Arn"], made["UserId"][:4]), (f"arn:aws:iam::{account}:user/team/ann", "AIDA"))
    iam.get_waiter("user_exists").wait(UserName="ann", WaiterConfig=FAST)
    got = iam.get_user(UserName="ann")["User"]
    equal("a user as it is read back", (got["UserId"], got["Path"], got["Tags"], got["PermissionsBoundary"]["PermissionsBoundaryArn"]),
          (made["UserId"], "/team/", tags(a="1"), other))
    iam.delete_user_permissions_boundary(UserName="ann")
    refused("a user of the same name", "EntityAlreadyExists", 409, iam.create_user, UserName="ANN")
    refused("a user with a boundary that is not there", "NoSuchEntity", 404, iam.create_user, UserName="bob",
            PermissionsBoundary=f"arn:aws:iam::{account}:policy/none")
    refused("a user with an impossible name", "ValidationError", 400, iam.create_user, UserName="a b")
    inline(iam, "user", "UserName", "ann")
    attached(iam, "user", "UserName", "ann", arn, account)
    boundary(iam, "user", "UserName", "ann", other)
    kinds_of_tags(iam, "user", "UserName", "ann")

    key = iam.create_access_key(UserName="ann")["AccessKey"]
    second = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    refused("a third key", "LimitExceeded", 409, iam.create_access_key, UserName="ann")
    equal("a user's keys", sorted(named(iam.list_access_keys(UserName="ann")["AccessKeyMetadata"], "AccessKeyId")), sorted([key["AccessKeyId"], second]))
    iam.update_access_key(UserName="ann", AccessKeyId=second, Status="Inactive")
    equal("a key put out of use", [k["Status"] for k in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"] if k["AccessKeyId"] == second], ["Inactive"])
    equal("a key that was never used", iam.get_access_key_last_used(AccessKeyId=second)["AccessKeyLastUsed"]["ServiceName"], "N/A")

    refused("a user with keys", "DeleteConflict", 409, iam.delete_user, UserName="ann")
    iam.delete_access_key(UserName="ann", AccessKeyId=second)
    refused("a key that is gone", "NoSuchEntity", 404, iam.delete_access_key, UserName="ann", AccessKeyId=second)
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    refused("a user with an attached policy", "DeleteConflict", 409, iam.delete_user, UserName="ann")
    iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    refused("a user with an inline policy", "DeleteConflict", 409, iam.delete_user, UserName="ann")
    iam.delete_user_policy(UserName="ann", PolicyName="p0")
    iam.update_user(UserName="ann", NewUserName="anna", NewPath="/other/")
    refused("the old name", "NoSuchEntity", 404, iam.get_user, UserName="ann")
    got = iam.get_user(UserName="anna")["User"]
    equal("a renamed user", (got["UserId"], got["Arn"]), (made["UserId"], f"arn:aws:iam::{account}:user/other/anna"))
    for i in range(5):
        iam.create_user(UserName=f"u{i}", Path="/many/")
    refused("a name that is taken", "EntityAlreadyExists", 409, iam.update_user, UserName="u0", NewUserName="u1")
    equal("users below a path, by pages", named(pages(iam, "list_users", "Users", PathPrefix="/many/"), "UserName"), [f"u{i}" for i in range(5)])
    # What the Terraform provider asks before it deletes a user by force: each must be answerable.
    for operation, key in [("list_mfa_devices", "MFADevices"), ("list_ssh_public_keys", "SSHPublicKeys"), ("list_virtual_mfa_devices", "VirtualMFADevices"),
                           ("list_signing_certificates", "Certificates"), ("list_groups_for_user", "Groups")]:
        more = {} if operation == "list_virtual_mfa_devices" else {"UserName": "anna"}
        equal(f"{operation} of a user without any", getattr(iam, operation)(**more)[key], [])
    login(iam)
    iam.delete_user(UserName="anna")
    refused("a user that is gone", "NoSuchEntity", 404, iam.get_user, UserName="anna")
    refused("deleting a user again", "NoSuchEntity", 404, iam.delete_user, UserName="anna")
    again = iam.create_user(UserName="ann", Path="/team/")["User"]
    equal("a user made again is another", again["UserId"] != made["UserId"], True)
    iam.delete_user(UserName="ann")


def login(iam):
    """Nobody here logs in with a password, which is an answer: NoSuchEntity."""
    refused("a login that is not there", "NoSuchEntity", 404, iam.get_login_profile, UserName="anna")
    refused("deleting a login that is not there", "NoSuchEntity", 404, iam.delete_login_profile, UserName="anna")


def groups(iam, account, arn):
    made = iam.create_group(GroupName="staff", Path="/team/")["Group"]
    equal("a group's ARN has its path", (made["Arn"], made["GroupId"][:4]), (f"arn:aws:iam::{account}:group/team/staff", "AGPA"))
    refused("a group of the same name", "EntityAlreadyExists", 409, iam.create_group, GroupName="Staff")
    inline(iam, "group", "GroupName", "staff")
    attached(iam, "group", "GroupName", "staff", arn, account)
    for i in range(5):
        iam.add_user_to_group(GroupName="staff", UserName=f"u{i}")
    iam.add_user_to_group(GroupName="staff", UserName="u0")
    equal("a group's members, by pages", named(pages(iam, "get_group", "Users", GroupName="staff"), "UserName"), [f"u{i}" for i in range(5)])
    equal("a user's groups", named(iam.list_groups_for_user(UserName="u0")["Groups"], "GroupName"), ["staff"])
    refused("a member that is not there", "NoSuchEntity", 404, iam.add_user_to_group, GroupName="staff", UserName="none")
    refused("a user in a group", "DeleteConflict", 409, iam.delete_user, UserName="u0")
    refused("a group with members", "DeleteConflict", 409, iam.delete_group, GroupName="staff")
    iam.update_group(GroupName="staff", NewGroupName="crew", NewPath="/")
    for i in range(5):
        iam.remove_user_from_group(GroupName="crew", UserName=f"u{i}")
    equal("nobody is left", iam.get_group(GroupName="crew")["Users"], [])
    refused("a group with policies", "DeleteConflict", 409, iam.delete_group, GroupName="crew")
    iam.detach_group_policy(GroupName="crew", PolicyArn=arn)
    iam.delete_group_policy(GroupName="crew", PolicyName="p0")
    for i in range(5):
        iam.create_group(GroupName=f"g{i}")
        iam.add_user_to_group(GroupName=f"g{i}", UserName="u0")
    equal("groups, by pages", named(pages(iam, "list_groups", "Groups"), "GroupName"), ["crew"] + [f"g{i}" for i in range(5)])
    equal("groups of a user, by pages", named(pages(iam, "list_groups_for_user", "Groups", UserName="u0"), "GroupName"), [f"g{i}" for i in range(5)])
    for i in range(5):
        iam.remove_user_from_group(GroupName=f"g{i}", UserName="u0")
        iam.delete_group(GroupName=f"g{i}")
    for i in range(5):
        iam.delete_user(UserName=f"u{i}")
    iam.delete_group(GroupName="crew")
    refused("a group that is gone", "NoSuchEntity", 404, iam.get_group, GroupName="crew")


def roles(iam, account, arn, other):
    made = iam.create_role(RoleName="worker", Path="/team/", AssumeRolePolicyDocument=TRUST, Description="works", MaxSessionDuration=7200,
                           Tags=tags(a="1"), PermissionsBoundary=other)["Role"]
    equal("a role's ARN has its path", (made["Arn"], made["RoleId"][:4]), (f"arn:aws:iam::{account}:role/team/worker", "AROA"))
    iam.get_waiter("role_exists").wait(RoleName="worker", WaiterConfig=FAST)
    got = iam.get_role(RoleName="worker")["Role"]
    equal("a role as it is read back", (got["RoleId"], got["Description"], got["MaxSessionDuration"], got["Tags"], got["AssumeRolePolicyDocument"],
                                       got["PermissionsBoundary"]["PermissionsBoundaryArn"]),
          (made["RoleId"], "works", 7200, tags(a="1"), json.loads(TRUST), other))
    iam.delete_role_permissions_boundary(RoleName="worker")
    refused("a role of the same name", "EntityAlreadyExists", 409, iam.create_role, RoleName="Worker", AssumeRolePolicyDocument=TRUST)
    for what, document in [("a resource", policy(dict(allow("sts:AssumeRole"), Principal="*"))), ("no principal", policy({"Effect": "Allow", "Action": "sts:AssumeRole"})),
                           ("a principal that is not there", policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
                               "AWS": f"arn:aws:iam::{account}:user/none"}})), ("no JSON", "no")]:
        refused(f"a trust policy with {what}", "MalformedPolicyDocument", 400, iam.create_role, RoleName="bad", AssumeRolePolicyDocument=document)
    inline(iam, "role", "RoleName", "worker")
    attached(iam, "role", "RoleName", "worker", arn, account)
    boundary(iam, "role", "RoleName", "worker", other)
    kinds_of_tags(iam, "role", "RoleName", "worker")
    both = policy({"Effect": "Allow", "Principal": {"Service": ["comprehend.amazonaws.com", "ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=both)
    iam.update_role(RoleName="worker", Description="rests", MaxSessionDuration=3600)
    got = iam.get_role(RoleName="worker")["Role"]
    equal("a changed role", (got["AssumeRolePolicyDocument"], got["Description"], got["MaxSessionDuration"]), (json.loads(both), "rests", 3600))
    refused("a malformed trust policy", "MalformedPolicyDocument", 400, iam.update_assume_role_policy, RoleName="worker", PolicyDocument="{}")
    profiles(iam, account)
    refused("a role in a profile", "DeleteConflict", 409, iam.delete_role, RoleName="worker")
    iam.remove_role_from_instance_profile(InstanceProfileName="p0", RoleName="worker")
    for i in range(5):
        iam.delete_instance_profile(InstanceProfileName=f"p{i}")
    refused("a profile that is gone", "NoSuchEntity", 404, iam.get_instance_profile, InstanceProfileName="p0")
    refused("a role with an attached policy", "DeleteConflict", 409, iam.delete_role, RoleName="worker")
    iam.detach_role_policy(RoleName="worker", PolicyArn=arn)
    refused("a role with an inline policy", "DeleteConflict", 409, iam.delete_role, RoleName="worker")
    iam.delete_role_policy(RoleName="worker", PolicyName="p0")
    for i in range(5):
        iam.create_role(RoleName=f"r{i}", Path="/many/", AssumeRolePolicyDocument=TRUST)
    equal("roles below a path, by pages", named(pages(iam, "list_roles", "Roles", PathPrefix="/many/"), "RoleName"), [f"r{i}" for i in range(5)])
    for r in [f"r{i}" for i in range(5)] + ["worker"]:
        iam.delete_role(RoleName=r)
    refused("a role that is gone", "NoSuchEntity", 404, iam.get_role, RoleName="worker")
    refused("deleting a role again", "NoSuchEntity", 404, iam.delete_role, RoleName="worker")
    linked(iam, account)


def profiles(iam, account):
    for i in range(5):
        iam.create_instance_profile(InstanceProfileName=f"p{i}", Path="/many/", Tags=tags(a="1"))
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="p0", WaiterConfig=FAST)
    refused("a profile of the same name", "EntityAlreadyExists", 409, iam.create_instance_profile, InstanceProfileName="P0")
    iam.add_role_to_instance_profile(InstanceProfileName="p0", RoleName="worker")
    refused("a second role in a profile", "LimitExceeded", 409, iam.add_role_to_instance_profile, InstanceProfileName="p0", RoleName="worker")
    got = iam.get_instance_profile(InstanceProfileName="p0")["InstanceProfile"]
    equal("a profile as it is read back", (got["Arn"], got["InstanceProfileId"][:4], named(got["Roles"], "RoleName"), got["Tags"]),
          (f"arn:aws:iam::{account}:instance-profile/many/p0", "AIPA", ["worker"], tags(a="1")))
    equal("the profiles of a role", named(iam.list_instance_profiles_for_role(RoleName="worker")["InstanceProfiles"], "InstanceProfileName"), ["p0"])
    equal("profiles, by pages", named(pages(iam, "list_instance_profiles", "InstanceProfiles", PathPrefix="/many/"), "InstanceProfileName"), [f"p{i}" for i in range(5)])
    kinds_of_tags(iam, "instance_profile", "InstanceProfileName", "p0")
    refused("a profile with a role", "DeleteConflict", 409, iam.delete_instance_profile, InstanceProfileName="p0")
    refused("a role that is not there in a profile", "NoSuchEntity", 404, iam.add_role_to_instance_profile, InstanceProfileName="p1", RoleName="none")


def linked(iam, account):
    role = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com", Description="of ECS")["Role"]
    equal("a service-linked role", role["Arn"], f"arn:aws:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    refused("a second one", "InvalidInput", 400, iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com")
    refused("a suffix where none may be", "InvalidInput", 400, iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com", CustomSuffix="x")
    refused("changing what is the service's", "UnmodifiableEntity", 400, iam.put_role_policy, RoleName="AWSServiceRoleForECS", PolicyName="p", PolicyDocument=READ)
    refused("deleting it as a role", "UnmodifiableEntity", 400, iam.delete_role, RoleName="AWSServiceRoleForECS")
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    until = time.monotonic() + 10
    while (status := iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"]) != "SUCCEEDED":
        if status == "FAILED" or time.monotonic() > until:
            raise SystemExit(f"FAIL the deletion is {status}")
        time.sleep(0.1)
    refused("a service-linked role that is gone", "NoSuchEntity", 404, iam.get_role, RoleName="AWSServiceRoleForECS")


def alias(iam):
    iam.create_account_alias(AccountAlias="cloister-life")
    equal("the account's alias", iam.list_account_aliases()["AccountAliases"], ["cloister-life"])
    refused("an alias that is not there", "NoSuchEntity", 404, iam.delete_account_alias, AccountAlias="another")
    iam.delete_account_alias(AccountAlias="cloister-life")
    equal("no alias", iam.list_account_aliases()["AccountAliases"], [])


def everything(iam):
    iam.create_user(UserName="detail")
    iam.put_user_policy(UserName="detail", PolicyName="own", PolicyDocument=READ)
    users_ = [u for p in iam.get_paginator("get_account_authorization_details").paginate(Filter=["User"]) for u in p["UserDetailList"]]
    equal("the account's details hold the documents", [u["UserPolicyList"] for u in users_ if u["UserName"] == "detail"],
          [[{"PolicyName": "own", "PolicyDocument": json.loads(READ)}]])
    arn = iam.get_user(UserName="detail")["User"]["Arn"]
    r = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject", "s3:PutObject"])["EvaluationResults"]
    equal("the simulator decides as the gate would", [(e["EvalActionName"], e["EvalDecision"]) for e in r],
          [("s3:GetObject", "allowed"), ("s3:PutObject", "implicitDeny")])
    equal("the summary counts", iam.get_account_summary()["SummaryMap"]["Users"] >= 1, True)


def tokens(session, account):
    """STS: who may become whom, for how long, and with what left of it."""
    iam = session.client("iam")
    bucket = "sts-bucket"
    s3 = session.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    user = iam.create_user(UserName="sts-user")["User"]["Arn"]
    key = iam.create_access_key(UserName="sts-user")["AccessKey"]
    own = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    sts = session.client("sts", **own)
    trust = policy({"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}},
                   {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:TagSession"})
    role = iam.create_role(RoleName="sts-role", Path="/app/", AssumeRolePolicyDocument=trust, MaxSessionDuration=7200)["Role"]
    iam.put_role_policy(RoleName="sts-role", PolicyName="own", PolicyDocument=policy(allow(["s3:*", "sts:AssumeRole"]), allow(
        "ec2:DescribeVpcs", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})))
    take = dict(RoleArn=role["Arn"], RoleSessionName="work")
    refused("a role without its external id", "AccessDenied", 403, sts.assume_role, **take)
    refused("a role with another external id", "AccessDenied", 403, sts.assume_role, ExternalId="wrong", **take)
    refused("a session above the role's longest", "ValidationError", 400, sts.assume_role, ExternalId="secret", DurationSeconds=7201, **take)
    e = refused("a role that is not there", "AccessDenied", 403, sts.assume_role, RoleArn=f"arn:aws:iam::{account}:role/none", RoleSessionName="nobody")
    if "is not authorized to perform: sts:AssumeRole on resource" not in str(e):
        raise SystemExit(f"FAIL {e}")

    def taken(answer):
        c = answer["Credentials"]
        return dict(aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])

    answer = sts.assume_role(ExternalId="secret", DurationSeconds=7200, Tags=tags(team="blue"), TransitiveTagKeys=["team"], **take)
    full = taken(answer)
    equal("the session's ARN drops the path", answer["AssumedRoleUser"], {"Arn": f"arn:aws:sts::{account}:assumed-role/sts-role/work",
                                                                          "AssumedRoleId": role["RoleId"] + ":work"})
    who = session.client("sts", **full).get_caller_identity()
    equal("the session knows who it is", (who["Arn"], who["UserId"]), (answer["AssumedRoleUser"]["Arn"], role["RoleId"] + ":work"))
    equal("the session reads", session.client("s3", **full).get_object(Bucket=bucket, Key="a")["Body"].read(), b"a")
    held(f"a session's tag opens what asks for it: {len(session.client('ec2', **full).describe_vpcs()['Vpcs'])} VPCs")
    untagged = taken(sts.assume_role(ExternalId="secret", **take))
    refused("without the tag", "UnauthorizedOperation", 403, session.client("ec2", **untagged).describe_vpcs)
    narrow = taken(sts.assume_role(ExternalId="secret", Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")), **take))
    session.client("s3", **narrow).get_object(Bucket=bucket, Key="a")["Body"].read()
    e = refused("what the session policy leaves out", "AccessDenied", 403, session.client("s3", **narrow).put_object, Bucket=bucket, Key="b", Body=b"")
    if "because no session policy allows the s3:PutObject action" not in str(e):
        raise SystemExit(f"FAIL {e}")
    refused("a malformed session policy", "MalformedPolicyDocument", 400, sts.assume_role, ExternalId="secret", Policy="{}", **take)
    for what, token in [("another token", "x" * 100), ("no token", None)]:
        broken = dict(full, aws_session_token=token)
        refused(f"a session with {what}", "InvalidClientTokenId", 403, session.client("sts", **broken).get_caller_identity)

    iam.create_role(RoleName="sts-next", AssumeRolePolicyDocument=policy({"Effect": "Allow", "Principal": {"AWS": role["Arn"]},
                                                                          "Action": ["sts:AssumeRole", "sts:TagSession"]}), MaxSessionDuration=43200)
    chain = session.client("sts", **full)
    onward = dict(RoleArn=f"arn:aws:iam::{account}:role/sts-next", RoleSessionName="next")
    refused("chained sessions of more than an hour", "ValidationError", 400, chain.assume_role, DurationSeconds=3601, **onward)
    iam.put_role_policy(RoleName="sts-role", PolicyName="tag", PolicyDocument=policy(allow("sts:TagSession")))
    chained = taken(chain.assume_role(DurationSeconds=3600, **onward))
    iam.put_role_policy(RoleName="sts-next", PolicyName="own", PolicyDocument=policy(allow(
        "ec2:DescribeVpcs", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})))
    held(f"a transitive tag goes along: {len(session.client('ec2', **chained).describe_vpcs()['Vpcs'])} VPCs")

    token = taken(sts.get_session_token(DurationSeconds=900))
    equal("GetSessionToken is the user himself", session.client("sts", **token).get_caller_identity()["Arn"], user)
    refused("a session token opens no further one", "AccessDenied", 403, session.client("sts", **token).get_session_token)
    refused("a federation nobody allowed", "AccessDenied", 403, sts.get_federation_token, Name="guest", Policy=policy(allow("s3:*")))
    iam.put_user_policy(UserName="sts-user", PolicyName="own", PolicyDocument=policy(allow(["sts:GetFederationToken", "s3:GetObject", "s3:PutObject"])))
    answer = sts.get_federation_token(Name="guest", Policy=policy(allow(["s3:GetObject", "s3:ListBucket"])))
    equal("a federated user", answer["FederatedUser"], {"Arn": f"arn:aws:sts::{account}:federated-user/guest", "FederatedUserId": f"{account}:guest"})
    guest = session.client("s3", **taken(answer))
    equal("a federated user reads", guest.get_object(Bucket=bucket, Key="a")["Body"].read(), b"a")
    refused("what the federation left out", "AccessDenied", 403, guest.put_object, Bucket=bucket, Key="b", Body=b"")
    refused("what its user may not", "AccessDenied", 403, guest.list_objects_v2, Bucket=bucket)
    bare = session.client("s3", **taken(sts.get_federation_token(Name="bare")))
    refused("a federated user without a policy", "AccessDenied", 403, bare.get_object, Bucket=bucket, Key="a")
    equal("a key tells its account", session.client("sts").get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"], account)
    refusal(session, user, own)


def refusal(session, user, own):
    """What a real refusal of EC2 says when it is decoded."""
    e = refused("a VPC nobody allowed", "UnauthorizedOperation", 403, session.client("ec2", **own).create_vpc, CidrBlock="10.9.0.0/16")
    message = e.response["Error"]["Message"].partition("Encoded authorization failure message: ")[2]
    decoded = json.loads(session.client("sts").decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    context = decoded["context"]
    equal("the message decoded", (decoded["allowed"], decoded["explicitDeny"], decoded["matchedStatements"], context["action"], context["principal"]["arn"]),
          (False, False, {"items": []}, "ec2:CreateVpc", user))
    keys = {c["key"].lower(): [v["value"] for v in c["values"]["items"]] for c in context["conditions"]["items"]}
    equal("its condition keys", (keys.get("aws:username"), keys.get("aws:requestedregion")), (["sts-user"], [session.region_name]))
    refused("decoding without leave", "AccessDenied", 403, session.client("sts", **own).decode_authorization_message, EncodedMessage=message)
    half = len(message) // 2
    forged = message[:half] + ("A" if message[half] != "A" else "B") + message[half + 1:]
    refused("decoding what was altered", "InvalidAuthorizationMessageException", 400, session.client("sts").decode_authorization_message, EncodedMessage=forged)


def main():
    session = Session()
    iam = session.client("iam", config=Config(retries={"total_max_attempts": 1}))
    account = session.client("sts").get_caller_identity()["Account"]
    arn, other = policies(iam, account)
    users(iam, account, arn, other)
    groups(iam, account, arn)
    roles(iam, account, arn, other)
    for a in (arn, other):
        iam.delete_policy(PolicyArn=a)
    equal("nothing is left", (iam.list_policies(Scope="Local")["Policies"], iam.list_users()["Users"], iam.list_groups()["Groups"],
                              iam.list_roles()["Roles"], iam.list_instance_profiles()["InstanceProfiles"]), ([], [], [], [], []))
    alias(iam)
    everything(iam)
    tokens(session, account)


if __name__ == "__main__":
    main()
