#!/usr/bin/env python3
"""The walk with boto3, unmodified: from an empty account to a job's result in S3, and the refusals on the way.

It takes everything from the environment: eval "$(bin/cloister env)"; python3 test/conformance/walk.py
It prints a line for each thing that held and ends with status 1 at the first that did not.
"""

import contextlib
import datetime
import io
import json
import os
import ssl
import sys
import tarfile
import time
import types
import urllib.request
import uuid

import boto3
import botocore.auth
from botocore.config import Config
from botocore.exceptions import ClientError

DOCS = [
    ("en", "The committee will meet again next week to discuss the budget for the new library."),
    ("de", "Der Ausschuss trifft sich nächste Woche wieder, um über den Haushalt der neuen Bücherei zu sprechen."),
    ("fr", "Le comité se réunira de nouveau la semaine prochaine pour discuter du budget de la nouvelle bibliothèque."),
    ("es", "El comité se reunirá de nuevo la próxima semana para hablar del presupuesto de la nueva biblioteca."),
    ("ja", "委員会は来週また集まって、新しい図書館の予算について話し合います。"),
    ("ru", "Комитет снова соберётся на следующей неделе, чтобы обсудить бюджет новой библиотеки."),
]

# What a data access role needs in a VPC (Comprehend Developer Guide, "Protect jobs by using an Amazon VPC").
INTERFACES = [
    "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs",
    "ec2:DescribeDhcpOptions", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
]

TAG = "py" + uuid.uuid4().hex[:8]


class Session(boto3.session.Session):
    """Names the endpoint, which boto3 before 1.28 does not take from the environment, and asks once."""

    def client(self, service, **more):
        more.setdefault("config", Config(retries={"max_attempts": 1}))
        return super().client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], **more)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return dict(Effect="Allow", Action=action, Resource=resource, **more)


def held(what):
    print("ok  " + what, flush=True)


def refused(what, code, status, call, **members):
    """A call that must be refused, with AWS's code and status."""
    try:
        call(**members)
    except ClientError as e:
        got = (e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
        if got != (code, status):
            sys.exit(f"FAIL {what}: refused with {got}, want {(code, status)}: {e}")
        held(f"{what}: {status} {code}")
        return e
    sys.exit(f"FAIL {what}: it was not refused")


def equal(what, got, want):
    if got != want:
        sys.exit(f"FAIL {what}: got {got!r}, want {want!r}")
    held(what)


def role(iam, bucket):
    name = TAG + "-data"
    trust = policy({"Effect": "Allow", "Principal": {"Service": "comprehend.amazonaws.com"}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=policy(
        allow(INTERFACES), allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*"),
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")))
    equal("iam gives the trust policy back as a document",
          iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"],
          {"Service": "comprehend.amazonaws.com"})
    return arn


def network(ec2, region):
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName=TAG, Description="jobs of the walk")["GroupId"]
    described = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    equal("a new security group lets everything out and nothing in",
          (described["IpPermissions"], [p["IpProtocol"] for p in described["IpPermissionsEgress"]]), ([], ["-1"]))
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3", RouteTableIds=[table])
    endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    equal("the gateway endpoint is a route of the main table",
          [r["GatewayId"] for r in routes if "DestinationPrefixListId" in r], [endpoint])
    return vpc, subnet, group


def endpoints(ec2, region):
    """An interface endpoint's life, and options for what stands in the VPC."""
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.30.{i}.0/24", AvailabilityZone=z)["Subnet"]["SubnetId"] for i, z in enumerate(zones)]
    service = f"com.amazonaws.{region}.sts"
    named = ec2.describe_vpc_endpoint_services(Filters=[{"Name": "service-type", "Values": ["Interface"]}])["ServiceNames"]
    equal("STS is among the services that an interface endpoint leads to", service in named, True)
    asked = {"VpcEndpointType": "Interface", "VpcId": vpc, "ServiceName": service, "SubnetIds": subnets[:1]}
    refused("private DNS without DNS hostnames", "InvalidParameter", 400, ec2.create_vpc_endpoint, **asked)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    made = ec2.create_vpc_endpoint(**asked)["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    names = [d["DnsName"] for d in made["DnsEntries"]]
    equal("its names are its own, its zone's and the service's",
          (len(names), names[0].startswith(endpoint), f"-{zones[0]}.sts." in names[1], names[2]), (3, True, True, f"sts.{region}.amazonaws.com"))
    refused("a second one with the same names", "InvalidParameter", 400, ec2.create_vpc_endpoint, **asked)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=subnets[1:])
    made = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    enis = ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"]
    equal("it has an interface of its own in each subnet",
          (sorted(e["SubnetId"] for e in enis), {e["InterfaceType"] for e in enis}, {e["RequesterManaged"] for e in enis}), (sorted(subnets), {"vpc_endpoint"}, {True}))
    refused("deleting its interface", "InvalidParameterValue", 400, ec2.delete_network_interface, NetworkInterfaceId=enis[0]["NetworkInterfaceId"])
    options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
                                                          {"Key": "domain-name", "Values": ["docs.example"]}])["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
    equal("the VPC has the options", ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"], options)
    refused("deleting options in use", "DependencyViolation", 400, ec2.delete_dhcp_options, DhcpOptionsId=options)
    equal("it is deleted", ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"], [])
    refused("an endpoint that is gone", "InvalidVpcEndpointId.NotFound", 400, ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    ec2.delete_dhcp_options(DhcpOptionsId=options)


def documents(session, s3, bucket):
    s3.create_bucket(Bucket=bucket)
    body = "\n".join(text for _, text in DOCS).encode()
    s3.put_object(Bucket=bucket, Key="in/docs.txt", Body=body)
    equal("an object comes back as it was put", s3.get_object(Bucket=bucket, Key="in/docs.txt")["Body"].read(), body)
    # Left alone, boto3 still presigns with signature version 2 in us-east-1, which S3 refuses for buckets made since 2020.
    presigner = session.client("s3", config=Config(signature_version="s3v4"))
    url = presigner.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "in/docs.txt"}, ExpiresIn=60)
    trusted = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    with urllib.request.urlopen(url, context=trusted) as answer:
        equal("a presigned GET needs no client", answer.read(), body)
    big = os.urandom(1 << 20) * 11 + b"end"
    s3.upload_fileobj(io.BytesIO(big), bucket, "big")  # in parts of 8 MiB
    out = io.BytesIO()
    s3.download_fileobj(bucket, "big", out)
    equal("an upload in parts comes back whole", out.getvalue() == big, True)
    equal("its ETag counts its parts", s3.head_object(Bucket=bucket, Key="big")["ETag"].strip('"')[-2:], "-2")
    equal("the listing has both", [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]], ["big", "in/docs.txt"])
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "big"}, {"Key": "none"}]})
    equal("several objects are deleted at once", [d["Key"] for d in gone["Deleted"]], ["big", "none"])
    equal("the listing has the other", [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]], ["in/docs.txt"])


def job(comprehend, s3, bucket, role_arn, vpc_config):
    """Runs a job to its end and reads what it wrote."""
    more = {"VpcConfig": vpc_config} if vpc_config else {}
    started = comprehend.start_dominant_language_detection_job(
        JobName=TAG, DataAccessRoleArn=role_arn,
        InputDataConfig={"S3Uri": f"s3://{bucket}/in/", "InputFormat": "ONE_DOC_PER_LINE"},
        OutputDataConfig={"S3Uri": f"s3://{bucket}/out"}, **more)
    where = "in a VPC" if vpc_config else "without a VPC"
    equal(f"a job {where} is SUBMITTED", started["JobStatus"], "SUBMITTED")
    until = time.monotonic() + 60
    while True:
        p = comprehend.describe_dominant_language_detection_job(JobId=started["JobId"])["DominantLanguageDetectionJobProperties"]
        if p["JobStatus"] not in ("SUBMITTED", "IN_PROGRESS"):
            break
        if time.monotonic() > until:
            sys.exit(f"FAIL the job {where} is {p['JobStatus']} after a minute")
        time.sleep(0.1)
    if p["JobStatus"] != "COMPLETED":
        sys.exit(f"FAIL the job {where}: {p['JobStatus']}: {p.get('Message')}")
    equal(f"the job {where} says which VPC it had", p.get("VpcConfig"), vpc_config)
    uri = p["OutputDataConfig"]["S3Uri"]
    if not uri.startswith(f"s3://{bucket}/") or not uri.endswith(f"-LANGUAGE-{started['JobId']}/output/output.tar.gz"):
        sys.exit(f"FAIL the output's place is {uri}")
    body = s3.get_object(Bucket=bucket, Key=uri.split("/", 3)[3])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
        equal(f"the output {where} is one file", tar.getnames(), ["output"])
        lines = [json.loads(line) for line in tar.extractfile("output").read().decode().splitlines()]
    equal(f"each line {where} has a line of output", [(line["File"], line["Line"]) for line in lines],
          [("docs.txt", i) for i in range(len(DOCS))])
    equal(f"the languages found {where}", [max(line["Languages"], key=lambda x: x["Score"])["LanguageCode"] for line in lines],
          [code for code, _ in DOCS])


def walls(session, iam, bucket, role_arn):
    """A user whose policy demands a VPC."""
    name = TAG + "-analyst"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="only-in-a-vpc", PolicyDocument=policy(
        allow("comprehend:*", Condition={"Null": {"comprehend:VpcSubnets": "false"}}), allow("iam:PassRole", role_arn)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    pair = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    comprehend = session.client("comprehend", **pair)
    e = refused("a job without a VPC, by a user who needs one", "AccessDeniedException", 403,
                comprehend.start_dominant_language_detection_job, DataAccessRoleArn=role_arn,
                InputDataConfig={"S3Uri": f"s3://{bucket}/in/"}, OutputDataConfig={"S3Uri": f"s3://{bucket}/out"})
    if f":user/{name} is not authorized to perform: comprehend:StartDominantLanguageDetectionJob" not in str(e):
        sys.exit(f"FAIL the refusal does not say who may not do what: {e}")
    refused("reading a bucket that no policy opens", "AccessDenied", 403,
            session.client("s3", **pair).get_object, Bucket=bucket, Key="in/docs.txt")
    refused("drawing a network without leave", "UnauthorizedOperation", 403,
            session.client("ec2", **pair).create_vpc, CidrBlock="10.0.0.0/16")


def strangers(session):
    """Every protocol's way to say that a signature is wrong or late."""
    asks = [
        ("ec2", "describe_vpcs", ("AuthFailure", 401), ("RequestExpired", 400)),
        ("iam", "list_users", ("SignatureDoesNotMatch", 403), ("SignatureDoesNotMatch", 403)),
        ("sts", "get_caller_identity", ("SignatureDoesNotMatch", 403), ("SignatureDoesNotMatch", 403)),
        ("s3", "list_buckets", ("SignatureDoesNotMatch", 403), ("RequestTimeTooSkewed", 403)),
        ("comprehend", "list_dominant_language_detection_jobs", ("InvalidSignatureException", 400), ("InvalidSignatureException", 400)),
    ]
    good = session.get_credentials()
    for service, operation, wrong, skewed in asks:
        thief = session.client(service, aws_access_key_id=good.access_key, aws_secret_access_key="x" * 40)
        refused(f"{service} with a wrong secret", *wrong, getattr(thief, operation))
        client = session.client(service)
        with half_an_hour_late():
            refused(f"{service} half an hour late", *skewed, getattr(client, operation))


def signers():
    """The modules that sign: botocore's own, and the one that takes its place where the common runtime is installed."""
    yield botocore.auth
    with contextlib.suppress(ImportError):
        from botocore.crt import auth

        yield auth


@contextlib.contextmanager
def half_an_hour_late():
    """Lets the signers see another time."""

    def ago(remove_tzinfo=True):
        then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=30)
        return then.replace(tzinfo=None) if remove_tzinfo else then

    class Late(datetime.datetime):
        utcnow = staticmethod(ago)

    saved = []
    for module in signers():
        name, other = "get_current_datetime", ago
        if not hasattr(module, name):  # older ones ask the datetime module
            name, other = "datetime", types.SimpleNamespace(datetime=Late, timezone=datetime.timezone)
        saved.append((module, name, getattr(module, name)))
        setattr(module, name, other)
    try:
        yield
    finally:
        for old in saved:
            setattr(*old)


def main():
    print(f"boto3 {boto3.__version__}, Python {sys.version.split()[0]}, {os.environ.get('AWS_ENDPOINT_URL')}")
    session = Session()
    iam, ec2, s3, comprehend, sts = (session.client(n) for n in ("iam", "ec2", "s3", "comprehend", "sts"))
    account = sts.get_caller_identity()["Account"]
    equal("the environment's key is the account's root", sts.get_caller_identity()["Arn"], f"arn:aws:iam::{account}:root")
    bucket = f"{TAG}-walk"
    documents(session, s3, bucket)
    role_arn = role(iam, bucket)
    endpoints(ec2, session.region_name)
    vpc, subnet, group = network(ec2, session.region_name)
    job(comprehend, s3, bucket, role_arn, {"SecurityGroupIds": [group], "Subnets": [subnet]})
    equal("the job's interface is gone",
          ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkInterfaces"], [])
    job(comprehend, s3, bucket, role_arn, None)
    walls(session, iam, bucket, role_arn)
    refused("a key that is not there", "NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    refused("a bucket that is not there", "NoSuchBucket", 404, s3.list_objects_v2, Bucket=TAG + "-none")
    refused("a VPC that is not there", "InvalidVpcID.NotFound", 400, ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"])
    refused("a role that is not there", "NoSuchEntity", 404, iam.get_role, RoleName=TAG + "-none")
    refused("a job that is not there", "JobNotFoundException", 400, comprehend.describe_dominant_language_detection_job, JobId="0" * 32)
    refused("a VPC with interfaces or subnets in it", "DependencyViolation", 400, ec2.delete_vpc, VpcId=vpc)
    strangers(session)
    print("the walk held")


if __name__ == "__main__":
    main()
