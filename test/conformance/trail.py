"""CloudTrail through boto3 and the AWS CLI: lookups, a trail to a bucket, its digests, and the CLI's own validation of them.

The daemon of this test delivers every second and digests every two."""
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = os.environ["AWS_REGION"]
CONFIG = Config(retries={"total_max_attempts": 1})


def client(service):
    return boto3.client(service, region_name=REGION, config=CONFIG)


trail, s3, sts, ec2 = client("cloudtrail"), client("s3"), client("sts"), client("ec2")
account = sts.get_caller_identity()["Account"]
failures = []


def check(what, ok, more=""):
    print("ok  " if ok else "FAIL", what, "" if ok else more)
    if not ok:
        failures.append(what)


def refused(what, code, f, **kw):
    try:
        f(**kw)
        check(what, False, "it was allowed")
    except ClientError as e:
        check(what, e.response["Error"]["Code"] == code, e)


def until(what, f, seconds=30):
    end = time.time() + seconds
    while True:
        v = f()
        if v:
            return v
        if time.time() > end:
            check(what, False, "it does not happen")
            sys.exit(1)
        time.sleep(0.3)


# Lookups.
vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
ec2.describe_vpcs()


def lookup(**kw):
    attributes = [{"AttributeKey": k, "AttributeValue": v} for k, v in kw.items()]
    return trail.lookup_events(LookupAttributes=attributes)["Events"]


made = lookup(EventName="CreateVpc")
check("by name", len(made) == 1 and made[0]["ReadOnly"] == "false" and made[0]["EventSource"] == "ec2.amazonaws.com", made)
record = json.loads(made[0]["CloudTrailEvent"])
check("the record", record["eventVersion"] == "1.11" and record["eventName"] == "CreateVpc" and record["recipientAccountId"] == account and record["requestParameters"]["cidrBlock"] == "10.77.0.0/16", record)
for attribute, value in {"EventId": made[0]["EventId"], "ResourceName": vpc, "ResourceType": "AWS::EC2::VPC", "EventSource": "ec2.amazonaws.com", "Username": made[0]["Username"],
                         "AccessKeyId": made[0]["AccessKeyId"], "ReadOnly": "false"}.items():
    check("by " + attribute, made[0]["EventId"] in [e["EventId"] for e in lookup(**{attribute: value})])
paged = []
for page in trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2}):
    check("a page", len(page["Events"]) <= 2)
    paged += [e["EventId"] for e in page["Events"]]
    if len(paged) > 12:
        break
check("pages do not repeat", len(paged) == len(set(paged)) and made[0]["EventId"] in paged or len(paged) > 12)
refused("two attributes", "InvalidLookupAttributesException", trail.lookup_events, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "a"}, {"AttributeKey": "EventName", "AttributeValue": "b"}])
refused("a token of nobody", "InvalidNextTokenException", trail.lookup_events, NextToken="eyJ9")

# A trail.
bucket, name = "trail-" + account, "everything"
arn = f"arn:aws:cloudtrail:{REGION}:{account}:trail/{name}"
refused("a bucket that is not there", "S3BucketDoesNotExistException", trail.create_trail, Name=name, S3BucketName=bucket)
location = {} if REGION == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
s3.create_bucket(Bucket=bucket, **location)
refused("a bucket whose policy is silent", "InsufficientS3BucketPolicyException", trail.create_trail, Name=name, S3BucketName=bucket)


def policy(source, prefix=""):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}",
         "Condition": {"StringEquals": {"aws:SourceArn": source}}},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{account}/*",
         "Condition": {"StringEquals": {"aws:SourceArn": source, "s3:x-amz-acl": "bucket-owner-full-control"}}}]}))


policy(arn + "-other")
refused("a bucket whose policy means another trail", "InsufficientS3BucketPolicyException", trail.create_trail, Name=name, S3BucketName=bucket)
policy(arn, "logs/")
refused("a prefix that the policy leaves out", "InsufficientS3BucketPolicyException", trail.create_trail, Name=name, S3BucketName=bucket)
refused("a bad name", "InvalidTrailNameException", trail.create_trail, Name="a..b", S3BucketName=bucket)
created = trail.create_trail(Name=name, S3BucketName=bucket, S3KeyPrefix="logs", EnableLogFileValidation=True, IsMultiRegionTrail=True, TagsList=[{"Key": "team", "Value": "blue"}])
check("created", created["TrailARN"] == arn and created["LogFileValidationEnabled"], created)
refused("twice", "TrailAlreadyExistsException", trail.create_trail, Name=name, S3BucketName=bucket, S3KeyPrefix="logs")
check("described", trail.describe_trails()["trailList"][0]["TrailARN"] == arn and trail.get_trail(Name=name)["Trail"]["HomeRegion"] == REGION)
check("listed", trail.list_trails()["Trails"][0]["Name"] == name)
check("tags", trail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "team", "Value": "blue"}])
check("not logging", not trail.get_trail_status(Name=name)["IsLogging"])
check("what is selected unasked", trail.get_event_selectors(TrailName=name)["EventSelectors"][0]["IncludeManagementEvents"])
refused("selectors of what is not recorded", "InvalidEventSelectorsException", trail.put_event_selectors, TrailName=name,
        EventSelectors=[{"DataResources": [{"Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"]}]}])
s3.create_bucket(Bucket="watched-" + account, **location)
trail.put_event_selectors(TrailName=name, AdvancedEventSelectors=[
    {"Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
    {"Name": "objects", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                                           {"Field": "resources.ARN", "StartsWith": [f"arn:aws:s3:::watched-{account}/in/"]}]}])
trail.start_logging(Name=name)
begun = time.time()
s3.put_object(Bucket="watched-" + account, Key="in/seen", Body=b"x" * 100)
s3.put_object(Bucket="watched-" + account, Key="out/unseen", Body=b"x")
ec2.create_vpc(CidrBlock="10.78.0.0/16")


def keys(part):
    out = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="logs/AWSLogs/" + account + part):
        out += [o["Key"] for o in page.get("Contents", []) if o["Key"].endswith(".gz")]
    return out


def records():
    out = []
    for k in keys("/CloudTrail/"):
        body = s3.get_object(Bucket=bucket, Key=k)["Body"].read()
        out += json.loads(gzip.decompress(body))["Records"]
    return out


got = until("delivery", lambda: [r for r in records() if r["eventName"] == "CreateVpc"] and records())
names = [r["eventName"] for r in got]
check("what began the log", "StartLogging" in names, names)
objects = [r["requestParameters"]["key"] for r in got if r["eventName"] == "PutObject"]
check("data events as they were selected", objects == ["in/seen"], objects)
put = [r for r in got if r["eventName"] == "PutObject"][0]
check("a data event", put["eventCategory"] == "Data" and put["managementEvent"] is False and put["additionalEventData"]["bytesTransferredIn"] == 100 and
      {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::watched-{account}/in/seen"} in put["resources"], put)
check("no event of the delivery itself", not [r for r in got if r["userIdentity"].get("invokedBy") == "cloudtrail.amazonaws.com"])
check("each once", len({r["eventID"] for r in got}) == len(got))
status = trail.get_trail_status(Name=name)
check("status", status["IsLogging"] and "LatestDeliveryTime" in status and "LatestDeliveryError" not in status, status)

# Digests, and AWS's own validation of them.
until("a digest that names files", lambda: [k for k in keys("/CloudTrail-Digest/") if json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=k)["Body"].read()))["logFiles"]])
ec2.create_vpc(CidrBlock="10.79.0.0/16")
count = len(keys("/CloudTrail-Digest/"))
until("two more digests", lambda: len(keys("/CloudTrail-Digest/")) > count + 1)
trail.stop_logging(Name=name)
until("the end of the log", lambda: "StopLogging" in [r["eventName"] for r in records()])
check("public keys", len(trail.list_public_keys()["PublicKeyList"]) == 1)
start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun - 5))


def validate():
    p = subprocess.run(["aws", "cloudtrail", "validate-logs", "--trail-arn", arn, "--start-time", start, "--verbose", "--region", REGION], capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


gone = keys("/CloudTrail-Digest/")[1]
named = [f["s3Object"] for k in keys("/CloudTrail-Digest/") if k != gone for f in json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=k)["Body"].read()))["logFiles"]]
cli = shutil.which("aws")
if cli:
    code, out = validate()
    check("the CLI finds all valid", code == 0 and "INVALID" not in out and "digest files valid" in out and "log files valid" in out, out)
    body = s3.get_object(Bucket=bucket, Key=named[0])["Body"].read()
    s3.put_object(Bucket=bucket, Key=named[0], Body=gzip.compress(gzip.decompress(body).replace(b'"1.11"', b'"1.12"', 1)))
    code, out = validate()
    check("the CLI finds a changed file", "INVALID: hash value doesn't match" in out and named[0] in out, out)
    s3.put_object(Bucket=bucket, Key=named[0], Body=body)
s3.delete_object(Bucket=bucket, Key=gone)
if cli:
    code, out = validate()
    check("the CLI finds a digest that is gone", "INVALID" in out, out)

# Our own verification: of a copy, offline, and of the ledger; and who used what.
def program(*args):
    p = subprocess.run([os.environ["CLOISTER_BINARY"], "trail", *args], capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


with tempfile.TemporaryDirectory() as copy:
    for k in keys("/"):
        path = os.path.join(copy, k)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(s3.get_object(Bucket=bucket, Key=k)["Body"].read())
    code, out = program("verify", copy)
    check("verify names the digest that is gone", code == 1 and gone in out and out.count("BROKEN") == 1, out)
    path = os.path.join(copy, named[-1])
    with open(path, "rb") as f:
        changed = gzip.decompress(f.read()).replace(b'"1.11"', b'"1.12"', 1)
    with open(path, "wb") as f:
        f.write(gzip.compress(changed))
    code, out = program("verify", copy)
    check("verify names the file that was changed", code == 1 and "BROKEN " + named[-1] in out, out)
code, out = program("verify", "-ledger")
check("the ledger's chain holds", code == 0 and "nothing was changed" in out, out)
code, out = program("-resource", f"arn:aws:s3:::watched-{account}/in/seen")
check("who used an object", code == 0 and "s3:PutObject" in out and "127.0.0.1" in out and "done" in out, out)

refused("its selectors elsewhere", "InvalidHomeRegionException", boto3.client("cloudtrail", region_name="ap-south-1", config=CONFIG).stop_logging, Name=name)
refused("insights", "UnsupportedOperationException", trail.put_insight_selectors, TrailName=name, InsightSelectors=[{"InsightType": "ApiCallRateInsight"}])
# Files under a key of KMS.
kms = client("kms")
key = kms.create_key()["KeyMetadata"]["Arn"]
refused("a key that does not let CloudTrail in", "InsufficientEncryptionPolicyException", trail.update_trail, Name=name, KmsKeyId=key)
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*",
     "Condition": {"StringEquals": {"aws:SourceArn": arn}, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{account}:trail/*"}}}]}))
trail.update_trail(Name=name, KmsKeyId=key)
before = set(keys("/CloudTrail/"))
trail.start_logging(Name=name)
ec2.create_vpc(CidrBlock="10.80.0.0/16")
new = until("a file under the key", lambda: set(keys("/CloudTrail/")) - before).pop()
check("sealed by the key", s3.head_object(Bucket=bucket, Key=new).get("SSEKMSKeyId") == key, s3.head_object(Bucket=bucket, Key=new))
check("that can be read", json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=new)["Body"].read()))["Records"])

# Files to CloudWatch Logs.
logs, iam = client("logs"), client("iam")
logs.create_log_group(logGroupName="trails")
group = f"arn:aws:logs:{REGION}:{account}:log-group:trails:*"
role = iam.create_role(RoleName="lines", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
refused("a role that may not write", "InvalidCloudWatchLogsRoleArnException", trail.update_trail, Name=name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
iam.put_role_policy(RoleName="lines", PolicyName="write", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"arn:aws:logs:{REGION}:{account}:log-group:trails:log-stream:{account}_CloudTrail_*"}]}))
trail.update_trail(Name=name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
ec2.create_vpc(CidrBlock="10.81.0.0/16")
lines = until("lines", lambda: [e for e in logs.get_log_events(logGroupName="trails", logStreamName=f"{account}_CloudTrail_{REGION}", startFromHead=True)["events"] if "10.81.0.0" in e["message"]])
check("a line is a record", json.loads(lines[0]["message"])["eventName"] == "CreateVpc")
check("the status tells of it", "LatestCloudWatchLogsDeliveryTime" in trail.get_trail_status(Name=name))
code, out = program("-resource", key, "-json")
used = [json.loads(l) for l in out.splitlines()]
check("who used the key, for what, from where", any(u["record"]["eventName"] == "GenerateDataKey" and u.get("cause", {}).get("eventName") == "PutObject" for u in used), out)
trail.delete_trail(Name=name)
refused("deleted", "TrailNotFoundException", trail.get_trail_status, Name=name)

if failures:
    sys.exit("failed: " + ", ".join(failures))
print("trail: all well")
