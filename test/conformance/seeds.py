#!/usr/bin/env python3
"""The promises of the documents that Cloister was made from, with boto3: a policy demands a VPC and keys, one user keeps to it and
one does not, and the one who does not is refused before anything exists. A role that may not be passed likewise. And a policy that
changes is seen by the very next call."""

import os
import subprocess
import sys
import time

import botocore.exceptions
from botocore.config import Config
from walk import Session, allow, documents, equal, held, network, policy, refused, role

ONCE = Config(retries={"total_max_attempts": 1})
JOBS = ["StartDocumentClassificationJob", "StartDominantLanguageDetectionJob", "StartEntitiesDetectionJob", "StartKeyPhrasesDetectionJob",
        "StartSentimentDetectionJob", "StartTargetedSentimentDetectionJob", "StartTopicsDetectionJob"]
NOWHERE = ["StartEventsDetectionJob", "StartPiiEntitiesDetectionJob"]  # these have no VPC and no volume
KNOWN = set()  # jobs and models that were allowed
NAMES = ("JobId", "DocumentClassifierArn", "EntityRecognizerArn")


def every(subnets, groups, *more):
    """All three keys and the VPC must be set, to anything: our reading of the blog's first policy."""
    keys = ["VolumeKmsKey", "OutputKmsKey", "ModelKmsKey", "VpcSecurityGroupIds", "VpcSubnets"]
    return policy(allow("comprehend:CreateDocumentClassifier", Condition={"Null": {f"comprehend:{k}": "false" for k in keys}}), *more)


def pinned(subnets, groups, volume, output, model, *more):
    """These keys, these subnets, these groups and no others: our reading of the second. A statement for each group of operations,
    since they do not have the same keys."""
    place = {"ForAllValues:StringEquals": {"comprehend:VpcSubnets": subnets, "comprehend:VpcSecurityGroupIds": groups},
             "Null": {"comprehend:VpcSubnets": "false", "comprehend:VpcSecurityGroupIds": "false"}}

    def keys(**named):
        return dict(place, ArnEquals={f"comprehend:{k}": v for k, v in named.items()})

    return policy(
        allow("comprehend:CreateDocumentClassifier", Condition=keys(VolumeKmsKey=volume, OutputKmsKey=output, ModelKmsKey=model)),
        allow("comprehend:CreateEntityRecognizer", Condition=keys(VolumeKmsKey=volume, ModelKmsKey=model)),
        allow([f"comprehend:{j}" for j in JOBS], Condition=keys(VolumeKmsKey=volume, OutputKmsKey=output)),
        allow([f"comprehend:{j}" for j in NOWHERE], Condition={"ArnEquals": {"comprehend:OutputKmsKey": output}}), *more)


class User:
    """A user with keys and, perhaps, a managed policy: the blog's do not fit into an inline one."""

    def __init__(self, session, name, document=None):
        self.session, self.name, self.iam = session, name, session.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        if document:
            self.policy = self.iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
            self.iam.attach_user_policy(UserName=name, PolicyArn=self.policy)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.pair = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    def may(self, document):
        self.iam.create_policy_version(PolicyArn=self.policy, PolicyDocument=document, SetAsDefault=True)

    def client(self, service):
        return self.session.client(service, config=ONCE, **self.pair)


def allowed(what, call, **members):
    """A call that policy lets through. It may be refused for another reason; a refusal by policy is none of these."""
    try:
        answer = call(**members)
    except botocore.exceptions.ClientError as e:
        status = e.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 403 or "AccessDenied" in e.response["Error"]["Code"]:
            sys.exit(f"FAIL {what}: {e}")
        held(f"{what}: allowed, and then {status} {e.response['Error']['Code']}")
        return None
    KNOWN.update(answer[n] for n in NAMES if n in answer)
    held(f"{what}: allowed")
    return answer


def denied(session, what, who, action, call, **members):
    """A refusal, its sentence, and the event that keeps its reasons."""
    e = refused(what, "AccessDeniedException", 403, call, **members)
    want = f"User: {who.arn} is not authorized to perform: {action} on resource: "
    end = f" because no identity-based policy allows the {action} action"
    message = e.response["Error"]["Message"]
    if not message.startswith(want) or not message.endswith(end):
        sys.exit(f"FAIL {what}: it says {message!r}")
    explained = explain(e.response["ResponseMetadata"]["RequestId"])
    if action not in explained or who.arn not in explained:
        sys.exit(f"FAIL {what}: the event says {explained}")


def explain(request):
    """What the house keeps of a refusal. The program is named by the tests; without it nothing is asked."""
    program = os.environ.get("CLOISTER_BINARY")
    if not program:
        sys.exit("FAIL CLOISTER_BINARY must name the program")
    return subprocess.run([program, "explain", "-json", request], check=True, capture_output=True, text=True).stdout


def nothing(session, vpc, what):
    """No job of any kind and no model but those that were allowed, and no interface when those have ended."""
    comprehend, ec2 = session.client("comprehend", config=ONCE), session.client("ec2")
    jobs = []
    for method, operation in sorted(comprehend.meta.method_to_api_mapping.items()):
        if not operation.startswith("List") or not operation.endswith(("Jobs", "Classifiers", "Recognizers")):
            continue
        answer = getattr(comprehend, method)()
        jobs += [j for key, value in answer.items() if key.endswith("List") for j in value if not KNOWN & {j.get(n) for n in NAMES}]
    until = time.monotonic() + 60
    while True:
        interfaces = ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"]
        if not interfaces or time.monotonic() > until:
            break
        time.sleep(0.1)
    equal(what, (jobs, interfaces), ([], []))


def two_users(session, account, bucket, role_arn, vpc, subnet, group):
    kms = session.client("kms")
    volume, output, model = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3))
    session.client("iam").put_role_policy(RoleName=role_arn.rpartition("/")[2], PolicyName="keys", PolicyDocument=policy(
        allow("kms:CreateGrant", [volume, model]), allow(["kms:Decrypt", "kms:GenerateDataKey"], output)))
    place = {"SecurityGroupIds": [group], "Subnets": [subnet]}
    classifier = dict(DocumentClassifierName="seed", DataAccessRoleArn=role_arn, LanguageCode="en", InputDataConfig={"S3Uri": f"s3://{bucket}/in/"})
    out = {"S3Uri": f"s3://{bucket}/out"}
    sealed = dict(classifier, VolumeKmsKeyId=volume, ModelKmsKeyId=model, OutputDataConfig=dict(out, KmsKeyId=output))
    start = dict(DataAccessRoleArn=role_arn, InputDataConfig={"S3Uri": f"s3://{bucket}/in/"}, OutputDataConfig=out)
    sealed_job = dict(start, VolumeKmsKeyId=volume, OutputDataConfig=dict(out, KmsKeyId=output))
    ids = sealed_job["VolumeKmsKeyId"].rpartition("/")[2]
    passes = allow("iam:PassRole", role_arn)
    other = "subnet-0123456789abcdef0"

    # User 1 keeps to the policy, User 2 has it too and does not.
    one = User(session, "user-1", every([subnet], [group], passes))
    two = User(session, "user-2", every([subnet], [group], passes))
    create, name = "create_document_classifier", "comprehend:CreateDocumentClassifier"
    allowed("every key and a VPC are demanded: User 1 has them", getattr(one.client("comprehend"), create), VpcConfig=place, **sealed)
    lacking = [("no VPC", sealed), ("no key at all", dict(classifier, VpcConfig=place, OutputDataConfig=out)), ("nothing of it", classifier),
               ("no model key", {k: v for k, v in dict(sealed, VpcConfig=place).items() if k != "ModelKmsKeyId"}),
               ("no volume key", {k: v for k, v in dict(sealed, VpcConfig=place).items() if k != "VolumeKmsKeyId"}),
               ("no output key", dict(sealed, VpcConfig=place, OutputDataConfig=out))]
    for what, members in lacking:
        denied(session, f"every key and a VPC are demanded: User 2 has {what}", two, name, getattr(two.client("comprehend"), create), **members)
    nothing(session, vpc, "User 2 made nothing")

    exact = pinned([subnet], [group], volume, output, model, passes)
    one.may(exact)
    two.may(exact)
    allowed("keys and VPC are pinned: User 1's classifier", getattr(one.client("comprehend"), create), VpcConfig=place, **sealed)
    job = one.client("comprehend").start_dominant_language_detection_job
    finished(session, allowed("keys and VPC are pinned: User 1's job", job, VpcConfig=place, **sealed_job)["JobId"])
    allowed("keys and VPC are pinned: the key by its id alone", job, VpcConfig=place, **dict(sealed_job, VolumeKmsKeyId=ids))
    for what, members in lacking + [("another subnet", dict(sealed, VpcConfig=dict(place, Subnets=[other]))),
                                    ("another subnet beside it", dict(sealed, VpcConfig=dict(place, Subnets=[subnet, other]))),
                                    ("another group", dict(sealed, VpcConfig=dict(place, SecurityGroupIds=["sg-0123456789abcdef0"]))),
                                    ("another key", dict(sealed, VpcConfig=place, ModelKmsKeyId=volume))]:
        denied(session, f"keys and VPC are pinned: User 2 has {what}", two, name, getattr(two.client("comprehend"), create), **members)
    action, job = "comprehend:StartDominantLanguageDetectionJob", two.client("comprehend").start_dominant_language_detection_job
    for what, members in [("no VPC", sealed_job), ("no key", dict(start, VpcConfig=place)), ("another subnet", dict(sealed_job, VpcConfig=dict(place, Subnets=[other]))),
                          ("another subnet beside it", dict(sealed_job, VpcConfig=dict(place, Subnets=[subnet, other]))),
                          ("another key", dict(sealed_job, VpcConfig=place, VolumeKmsKeyId=output))]:
        denied(session, f"keys and VPC are pinned: User 2's job has {what}", two, action, job, **members)
    kinds(session, one, two, place, sealed_job, dict(start, OutputDataConfig=out), model)
    nothing(session, vpc, "User 2 started nothing")

    # With the VPC alone pinned.
    only = policy(allow(action, Condition={"ForAllValues:StringEquals": {"comprehend:VpcSubnets": [subnet], "comprehend:VpcSecurityGroupIds": [group]},
                                           "Null": {"comprehend:VpcSubnets": "false", "comprehend:VpcSecurityGroupIds": "false"}}), passes)
    one.may(only)
    two.may(only)
    denied(session, "the VPC is pinned: User 2 has none", two, action, job, **start)
    denied(session, "the VPC is pinned: User 2 has another subnet", two, action, job, VpcConfig=dict(place, Subnets=[other]), **start)
    nothing(session, vpc, "still nothing")
    made = one.client("comprehend").start_dominant_language_detection_job(VpcConfig=place, **start)
    listed = session.client("comprehend").list_dominant_language_detection_jobs()["DominantLanguageDetectionJobPropertiesList"]
    equal("the VPC is pinned: User 1's job is there", [(j["JobId"], j["VpcConfig"]) for j in listed if j["JobId"] not in KNOWN], [(made["JobId"], place)])
    finished(session, made["JobId"])


def kinds(session, one, two, place, sealed, bare, model):
    """The other kinds of jobs, and the recognizer: what is demanded of one is demanded of all."""
    first, second = one.client("comprehend"), two.client("comprehend")
    methods = {o: m for m, o in first.meta.method_to_api_mapping.items()}
    for operation in JOBS + NOWHERE + ["CreateEntityRecognizer"]:
        shape = first.meta.service_model.operation_model(operation).input_shape
        more = dict(LanguageCode="en", Mode="ONLY_OFFSETS", TargetEventTypes=["BANKRUPTCY"], RecognizerName="seed", VpcConfig=place)
        if operation == "StartDocumentClassificationJob":
            account = bare["DataAccessRoleArn"].split(":")[4]
            more["DocumentClassifierArn"] = f"arn:aws:comprehend:{first.meta.region_name}:{account}:document-classifier/seed"
        good, poor = dict(sealed, **more), dict(bare, **more)
        if operation == "CreateEntityRecognizer":
            good["ModelKmsKeyId"] = model
            good["InputDataConfig"] = poor["InputDataConfig"] = {"EntityTypes": [{"Type": "SEED"}], "Documents": {"S3Uri": bare["InputDataConfig"]["S3Uri"]}}
        good, poor = ({k: v for k, v in members.items() if k in shape.members} for members in (good, poor))
        allowed(f"keys and VPC are pinned: User 1's {operation}", getattr(first, methods[operation]), **good)
        call, action = getattr(second, methods[operation]), "comprehend:" + operation
        denied(session, f"keys and VPC are pinned: User 2's {operation} has no keys", two, action, call, **poor)
        if operation not in NOWHERE:
            del good["VpcConfig"]
            denied(session, f"keys and VPC are pinned: User 2's {operation} has no VPC", two, action, call, **good)


def finished(session, job):
    comprehend, until = session.client("comprehend"), time.monotonic() + 60
    while True:
        p = comprehend.describe_dominant_language_detection_job(JobId=job)["DominantLanguageDetectionJobProperties"]
        if p["JobStatus"] == "COMPLETED":
            KNOWN.add(job)
            return held("and is done")
        if p["JobStatus"] not in ("SUBMITTED", "IN_PROGRESS") or time.monotonic() > until:
            sys.exit(f"FAIL the job is {p['JobStatus']}: {p.get('Message')}")
        time.sleep(0.1)


def pass_role(session, bucket, role_arn, vpc, subnet, group):
    """Starting a job takes more than the right to start jobs: its role must be one that the caller may pass, to Comprehend."""
    start = dict(DataAccessRoleArn=role_arn, InputDataConfig={"S3Uri": f"s3://{bucket}/in/"}, OutputDataConfig={"S3Uri": f"s3://{bucket}/out"},
                 VpcConfig={"SecurityGroupIds": [group], "Subnets": [subnet]})
    jobs = allow("comprehend:*")
    another = role_arn.replace(":role/", ":role/other-")
    for name, what, statements, reason in [
        ("pass-none", "no role", [jobs], "because no identity-based policy allows the iam:PassRole action"),
        ("pass-other", "another role", [jobs, allow("iam:PassRole", another)], "because no identity-based policy allows the iam:PassRole action"),
        ("pass-denied", "roles, but denied", [jobs, allow("iam:*"), dict(Effect="Deny", Action="iam:PassRole", Resource=role_arn)],
         "with an explicit deny in an identity-based policy"),
        ("pass-service", "roles to EC2 alone", [jobs, allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})],
         "because no identity-based policy allows the iam:PassRole action"),
    ]:
        user = User(session, name, policy(*statements))
        e = refused(f"a job by a user who may pass {what}", "AccessDeniedException", 403,
                    user.client("comprehend").start_dominant_language_detection_job, **start)
        equal("and the reason", e.response["Error"]["Message"],
              f"User: {user.arn} is not authorized to perform: iam:PassRole on resource: {role_arn} {reason}")
    nothing(session, vpc, "nothing was made without the right to pass the role")
    to_comprehend = policy(jobs, allow("iam:PassRole", role_arn, Condition={"StringEquals": {"iam:PassedToService": "comprehend.amazonaws.com"}}))
    user = User(session, "pass-right", to_comprehend)
    made = user.client("comprehend").start_dominant_language_detection_job(**start)
    finished(session, made["JobId"])

    iam = session.client("iam")
    iam.create_instance_profile(InstanceProfileName="pass")
    dresser = User(session, "pass-dresser", policy(allow("iam:AddRoleToInstanceProfile")))
    members = dict(InstanceProfileName="pass", RoleName=role_arn.rpartition("/")[2])
    e = refused("a role in a profile, by a user who may pass none", "AccessDenied", 403, dresser.client("iam").add_role_to_instance_profile, **members)
    if f"is not authorized to perform: iam:PassRole on resource: {role_arn} because" not in str(e):
        sys.exit(f"FAIL {e}")
    equal("the profile is empty", iam.get_instance_profile(InstanceProfileName="pass")["InstanceProfile"]["Roles"], [])
    iam.put_user_policy(UserName=dresser.name, PolicyName="more", PolicyDocument=policy(allow("iam:PassRole")))
    dresser.client("iam").add_role_to_instance_profile(**members)
    equal("the profile has it now", len(iam.get_instance_profile(InstanceProfileName="pass")["InstanceProfile"]["Roles"]), 1)


def at_once(session, bucket):
    """A policy that is put, or taken away, holds for the next call. There is no cache that could be stale."""
    user = User(session, "flipped")
    s3, iam = user.client("s3"), session.client("iam")
    ways = [
        (lambda: iam.put_user_policy(UserName="flipped", PolicyName="p", PolicyDocument=policy(allow("s3:GetObject"))),
         lambda: iam.delete_user_policy(UserName="flipped", PolicyName="p")),
        (lambda: iam.delete_user_policy(UserName="flipped", PolicyName="q"), lambda: iam.put_user_policy(
            UserName="flipped", PolicyName="q", PolicyDocument=policy(dict(Effect="Deny", Action="s3:*", Resource="*")))),
    ]
    began, stale = time.monotonic(), 0
    for way, (open_, close) in enumerate(ways):
        if way:  # the second takes a deny away and puts it back, beside what allows
            ways[0][0]()
            close()
        for _ in range(50):
            open_()
            stale += not may(s3, bucket)
            close()
            stale += may(s3, bucket)
    equal(f"200 changes of a policy, each seen by the next call, {time.monotonic() - began:.1f} s: answers that were stale", stale, 0)


def may(s3, bucket):
    try:
        s3.get_object(Bucket=bucket, Key="in/docs.txt")["Body"].read()
        return True
    except botocore.exceptions.ClientError as e:
        if e.response["Error"]["Code"] != "AccessDenied":
            raise
        return False


def main():
    session = Session()
    iam, ec2, s3 = (session.client(n) for n in ("iam", "ec2", "s3"))
    account = session.client("sts").get_caller_identity()["Account"]
    bucket = "seeds-bucket"
    documents(session, s3, bucket)
    role_arn = role(iam, bucket)
    vpc, subnet, group = network(ec2, session.region_name)
    pass_role(session, bucket, role_arn, vpc, subnet, group)
    two_users(session, account, bucket, role_arn, vpc, subnet, group)
    at_once(session, bucket)


if __name__ == "__main__":
    main()
