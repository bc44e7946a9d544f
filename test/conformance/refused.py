#!/usr/bin/env python3
"""Each operation of each service, asked with boto3 by a user without any policy: all must refuse him, in AWS's words.

testdata/operations.json says what to ask and which action a refusal may name. Then the other reasons for a refusal: an
explicit deny, a boundary, a session policy.
"""

import concurrent.futures
import json
import os
import re
import sys
import time

import botocore
import botocore.exceptions
from botocore.config import Config
from walk import Session, allow, held, policy


# A refusal's code and status, by the protocol. That of Comprehend is 403, as docs/divergences.md admits.
JSON = ("AccessDeniedException", 400)
REFUSAL = {
    "comprehend": ("AccessDeniedException", 403), "bedrock": ("AccessDeniedException", 403), "bedrock-runtime": ("AccessDeniedException", 403),
    "sagemaker": JSON, "kms": JSON, "cloudtrail": JSON, "logs": JSON, "resourcegroupstaggingapi": JSON,
    "ec2": ("UnauthorizedOperation", 403), "iam": ("AccessDenied", 403), "sts": ("AccessDenied", 403),
    "s3": ("AccessDenied", 403), "s3control": ("AccessDenied", 403), "cloudformation": ("AccessDenied", 403),
}

# What no policy can refuse, and why.
FREE = {
    "sts.GetCallerIdentity": "everybody may know who he is",
    "sts.GetSessionToken": "the call only authenticates (IAM User Guide, permissions for GetSessionToken)",
}

# Older models demand members that AWS has since made optional; the table is of botocore 1.43.
OLD = tuple(int(n) for n in botocore.__version__.split(".")[:2]) < (1, 43)

ROLE = "arn:aws:iam::123456789012:role/least-role"

# boto3's names where they are not our table's.
NAMES = {"bedrockruntime": "bedrock-runtime", "tagging": "resourcegroupstaggingapi"}


class Asker:
    """A caller with one client for each service."""

    def __init__(self, session, arn, **pair):
        self.session, self.arn, self.pair, self.clients = session, arn, pair, {}

    def client(self, service):
        if service not in self.clients:
            config = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, max_pool_connections=16)
            client = self.clients[service] = self.session.client(service, config=config, **self.pair)
            # S3 Control puts the account before the host's name, which then is none that a resolver here knows.
            client.meta.events.register("before-sign.s3-control", lambda request, **_: setattr(
                request, "url", re.sub(r"//\d{12}\.", "//", request.url)))
        return self.clients[service]

    def ask(self, service, operation, members):
        """The answer to a call: (code, status, message), or None when it was not refused."""
        client = self.client(service)
        name = next(m for m, o in client.meta.method_to_api_mapping.items() if o == operation)
        try:
            answer = getattr(client, name)(**members)
        except botocore.exceptions.ClientError as e:
            status = e.response["ResponseMetadata"]["HTTPStatusCode"]
            return e.response["Error"].get("Code"), status, e.response["Error"].get("Message")
        if operation == "DeleteObjects" and "Deleted" not in answer:  # it refuses key by key, in an answer that succeeds
            error = answer["Errors"][0]
            return error["Code"], 403, error["Message"]
        return None


def read(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata", name), encoding="utf-8") as f:
        return json.load(f)


# Action -> the resources that a refusal may name.
RESOURCES = read("resources.json")
# And what AWS's refusals, or ours, name although the reference has it otherwise.
GROUPS = "arn:aws:logs:us-east-1:123456789012:log-group::log-stream:"
RESOURCES["logs:DescribeLogGroups"].append(GROUPS)
RESOURCES["logs:DescribeResourcePolicies"].append(GROUPS)
RESOURCES["logs:PutResourcePolicy"].append(GROUPS)
RESOURCES["s3:ListAllMyBuckets"].append("arn:aws:s3:::*")
RESOURCES["iam:GetAccessKeyLastUsed"].append("*")  # the key is nobody's


def fault(service, operation, asked, arn, answer, reason=None):
    """What is wrong with a refusal; empty when nothing is."""
    if answer is None:
        return "it was not refused"
    code, status, message = answer
    if operation in ("HeadBucket", "HeadObject"):  # an answer to HEAD has no body
        return "" if (code, status) == ("403", 403) else f"it answers {answer}"
    if (code, status) != REFUSAL[service]:
        return f"it answers {status} {code}: {message}"
    actions = "|".join(re.escape(a) for a in asked["actions"])
    resource = r'(?P<resource>"arn:aws:s3:[^"]*"|"\*")' if service == "s3" else r"(?P<resource>\*|arn:aws:[^ ]+)"
    if reason is None:
        reason = "because no identity-based policy allows the (?P=action) action"
    want = rf"User: {re.escape(arn)} is not authorized to perform: (?P<action>{actions})(?: on resource: {resource})? {reason}"
    if service == "s3control":
        want = want.replace(r"(?P<resource>\*|arn:aws:[^ ]+)", r'(?P<resource>"[^"]+")')
    if service == "ec2":
        want = r"You are not authorized to perform this operation\. " + want + r"\. Encoded authorization failure message: [A-Za-z0-9_=-]{60,}"
    said = re.fullmatch(want, message or "")
    if not said:
        return f"it says {message!r}, want {want!r}"
    templates = RESOURCES.get(said["action"])
    resource = (said["resource"] or "*").strip('"')  # a refusal that names none is about all
    if templates and not any(re.fullmatch(pattern(t), resource) for t in templates):
        return f"it says {said['action']} on {said['resource']}, want one of {templates}"
    return ""


def pattern(template):
    """An ARN of the reference with its ${places} open."""
    return "".join(".+" if i % 2 else re.escape(part) for i, part in enumerate(re.split(r"\$\{(\w+)\}", template)))


def fixtures(session):
    """What the smallest inputs name, so that a refusal is about permission and nothing else; and the caller."""
    s3, iam = session.client("s3"), session.client("iam")
    s3.create_bucket(Bucket="least-bucket")
    s3.put_object(Bucket="least-bucket", Key="least-key", Body=b"secret")
    account = session.client("sts").get_caller_identity()["Account"]
    trust = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName="least-role", AssumeRolePolicyDocument=trust)
    iam.create_user(UserName="least-user")
    iam.create_group(GroupName="least-group")
    iam.create_policy(PolicyName="least-policy", PolicyDocument=policy(allow("s3:*")))
    iam.create_instance_profile(InstanceProfileName="least-profile")


def somebody(session, name, *statements, **more):
    """A user with keys and, perhaps, a policy."""
    iam = session.client("iam")
    arn = iam.create_user(UserName=name, **more)["User"]["Arn"]
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Asker(session, arn, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def everything(session, table):
    """The operations that this boto3 knows: (service, operation, what is to be asked)."""
    known = set(session.get_available_services())
    for ours, operations in table.items():
        service = NAMES.get(ours, ours)
        if service not in known:
            print(f"    this boto3 has no {service}")
            continue
        model = session._session.get_service_model(service)
        strange = sorted(set(operations) - set(model.operation_names))
        if strange:
            print(f"    this boto3 lacks of {service}: {' '.join(strange)}")
        for operation in sorted(set(operations) & set(model.operation_names)):
            asked = operations[operation]
            shape = model.operation_model(operation).input_shape
            if shape is None or set(asked["input"]) <= set(shape.members):
                yield service, operation, asked


def answered(who, calls):
    """The answers to many calls, several at a time."""

    def ask(call):
        service, operation, asked = call
        try:
            return who.ask(service, operation, asked["input"])
        except botocore.exceptions.ParamValidationError as e:  # boto3 would not send it
            return "unsent", 0, str(e)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, calls))


def all_allowed(session, table):
    """Who may do everything is refused nothing: what is not built says so, and nothing breaks. This goes last: it deletes, too."""
    somebody_else = somebody(session, "least-admin", allow("*"))
    calls = [c for c in everything(session, table) if not c[2].get("unsigned")]
    for service in sorted({c[0] for c in calls}):
        somebody_else.client(service)
    wrong, kinds = [], {"done": 0, "not built": 0, "faults": 0}
    for (service, operation, _), answer in zip(calls, answered(somebody_else, calls)):
        if answer is None:
            kinds["done"] += 1
            continue
        code, status, message = answer
        kinds["not built" if status == 501 else "faults"] += 1
        if status in (403, REFUSAL[service][1]) and code in (REFUSAL[service][0], "403") or status >= 500 and status != 501:
            wrong.append(f"{service}.{operation}: {status} {code}: {message}")
    print(f"    {kinds}")
    if wrong:
        sys.exit("FAIL a caller who may do everything:\n  " + "\n  ".join(wrong))
    held("a caller who may do everything is refused nothing")


def all_refused(session, table, nobody, what, reason=None):
    calls = [c for c in everything(session, table) if not c[2].get("unsigned")]
    for service in sorted({c[0] for c in calls}):
        nobody.client(service)  # clients are shared by threads and not made by them
    began = time.monotonic()
    answers = answered(nobody, calls)
    wrong, unsent, count = [], [], {}
    for (service, operation, asked), answer in zip(calls, answers):
        name = f"{service}.{operation}"
        if name in FREE:
            bad = "" if answer is None else f"it is free ({FREE[name]}) and answers {answer}"
        elif answer and answer[0] == "unsent" and OLD:
            unsent.append(name)
            continue
        else:
            bad = fault(service, operation, asked, nobody.arn, answer, reason)
        if bad:
            wrong.append(f"{name}: {bad}")
        else:
            count[service] = count.get(service, 0) + 1
    print(f"    {len(calls)} operations in {time.monotonic() - began:.1f} s; refused in AWS's words: {count}")
    if unsent:
        print(f"    this old boto3 demands more of {' '.join(unsent)}")
    if wrong:
        sys.exit(f"FAIL {what}:\n  " + "\n  ".join(wrong))
    held(f"each operation refuses {what}")
    bucket = session.client("s3").get_object(Bucket="least-bucket", Key="least-key")["Body"].read()
    if bucket != b"secret":
        sys.exit("FAIL a refused call changed an object")


# One of each protocol, reads and changes.
HANDFUL = [
    ("comprehend", "ListDominantLanguageDetectionJobs"), ("comprehend", "StartDominantLanguageDetectionJob"), ("ec2", "CreateVpc"),
    ("ec2", "DescribeSubnets"), ("iam", "CreateUser"), ("iam", "GetRole"), ("sts", "AssumeRole"), ("sts", "DecodeAuthorizationMessage"),
    ("s3", "GetObject"), ("s3", "PutObject"), ("s3", "CreateBucket"),
]


def reasons(session, table):
    """The other layers, each with its own words."""
    actions = sorted({a for s, o in HANDFUL for a in table[s][o]["actions"]})
    others = ["comprehend:*", "ec2:*", "iam:*", "sts:*", "s3:*"]
    iam = session.client("iam")
    narrow = iam.create_policy(PolicyName="least-boundary", PolicyDocument=policy(allow("logs:*")))["Policy"]["Arn"]
    deny = iam.create_policy(PolicyName="denying-boundary", PolicyDocument=policy(
        allow("*"), dict(Effect="Deny", Action=actions, Resource="*")))["Policy"]["Arn"]
    for what, who, reason in [
        ("an explicit deny", somebody(session, "least-denied", allow(others), dict(Effect="Deny", Action=actions, Resource="*")),
         "with an explicit deny in an identity-based policy"),
        ("a boundary that lacks the action", somebody(session, "least-bound", allow(others), PermissionsBoundary=narrow),
         "because no permissions boundary allows the (?P=action) action"),
        ("a boundary that denies", somebody(session, "least-forbidden", allow(others), PermissionsBoundary=deny),
         "with an explicit deny in a permissions boundary"),
        ("a session policy that lacks the action", assumed(session, others, allow("logs:*")),
         "because no session policy allows the (?P=action) action"),
        ("a session policy that denies", assumed(session, others, allow("*"), dict(Effect="Deny", Action=actions, Resource="*")),
         "with an explicit deny in a session policy"),
    ]:
        for service, operation in HANDFUL:
            asked = table[service][operation]
            if service == "iam" and operation == "CreateUser":
                asked = dict(asked, input={"UserName": "never-made"})
            answer = who.ask(service, operation, asked["input"])
            bad = fault(service, operation, asked, who.arn, answer, reason)
            if bad:
                sys.exit(f"FAIL {what}: {service}.{operation}: {bad}")
        held(f"{what} is named as the reason by {len(HANDFUL)} operations")


def no_role(session, table):
    """Who may do everything but pass roles: each operation that takes one refuses him, and says which."""
    who = somebody(session, "least-passless", dict(Effect="Allow", NotAction="iam:PassRole", Resource="*"))
    count, without, wrong = 0, [], []
    for service, operation, asked in everything(session, table):
        if "iam:PassRole" not in asked["actions"]:
            continue
        members = dict(asked["input"])
        if ROLE not in json.dumps(members):  # it may be given
            shape = session._session.get_service_model(service).operation_model(operation).input_shape
            members.update((m, ROLE) for m in shape.members if re.search("(?i)RoleArn$|^DeliverLogsPermissionArn$", m))
        if ROLE not in json.dumps(members):
            without.append(f"{service}.{operation}")
            continue
        try:
            answer = who.ask(service, operation, members)
        except botocore.exceptions.ParamValidationError:
            continue  # an old boto3
        bad = fault(service, operation, dict(asked, actions=["iam:PassRole"]), who.arn, answer)
        if not bad and f"on resource: {ROLE} because" not in answer[2]:
            bad = f"it says {answer[2]!r}"
        if bad:
            wrong.append(f"{service}.{operation}: {bad}")
        count += 1
    if wrong:
        sys.exit("FAIL a caller who may not pass roles:\n  " + "\n  ".join(wrong))
    if without:
        print(f"    no role was given to {' '.join(without)}")
    if count < 10:
        sys.exit(f"FAIL only {count} operations take a role")
    held(f"{count} operations refuse a caller who may not pass their role")


def assumed(session, actions, *limits):
    """A session of a role that may do all, which the session's policy narrows."""
    iam = session.client("iam")
    name = f"least-session-{len(limits)}"
    user = somebody(session, name + "-user", allow("sts:AssumeRole"))
    trust = policy({"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(allow(actions)))
    taken = user.client("sts").assume_role(RoleArn=role, RoleSessionName="narrow", Policy=policy(*limits))
    c = taken["Credentials"]
    return Asker(session, taken["AssumedRoleUser"]["Arn"], aws_access_key_id=c["AccessKeyId"],
                 aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])


def main():
    table = read("operations.json")
    session = Session()
    fixtures(session)
    all_refused(session, table, somebody(session, "least-caller"), "a caller without permission")
    denied = somebody(session, "least-refused", allow("*"), dict(Effect="Deny", Action="*", Resource="*"))
    all_refused(session, table, denied, "a caller whom his policy denies everything", "with an explicit deny in an identity-based policy")
    reasons(session, table)
    no_role(session, table)
    all_allowed(session, table)


if __name__ == "__main__":
    main()
