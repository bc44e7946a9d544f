#!/usr/bin/env python3
"""CloudWatch Logs and the Tagging API with boto3: a log group's life, events in and out by every way to read, patterns, keys of KMS, roles
with fewer rights, and the tags of things of many services."""

import json
import sys
import time

from walk import Session, allow, equal, held, policy, refused

GROUP = "/conformance/app"


def now():
    return int(time.time() * 1000)


def groups(logs, account, region):
    logs.create_log_group(logGroupName=GROUP, tags={"team": "red"})
    refused("a group twice", "ResourceAlreadyExistsException", 400, logs.create_log_group, logGroupName=GROUP)
    for i in range(5):
        logs.create_log_group(logGroupName=f"/conformance/page/{i}")
    found = [g["logGroupName"] for p in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/conformance/page/", PaginationConfig={"PageSize": 2}) for g in p["logGroups"]]
    equal("groups by pages", found, [f"/conformance/page/{i}" for i in range(5)])
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=14)
    refused("a retention that there is not", "InvalidParameterException", 400, logs.put_retention_policy, logGroupName=GROUP, retentionInDays=8)
    g = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]
    equal("retention", g["retentionInDays"], 14)
    equal("the group's ARN", g["logGroupArn"], f"arn:aws:logs:{region}:{account}:log-group:{GROUP}")
    logs.tag_resource(resourceArn=g["logGroupArn"], tags={"env": "test"})
    equal("tags", logs.list_tags_for_resource(resourceArn=g["logGroupArn"])["tags"], {"team": "red", "env": "test"})
    logs.put_log_group_deletion_protection(logGroupIdentifier=g["logGroupArn"], deletionProtectionEnabled=True)
    refused("a protected group", "ValidationException", 400, logs.delete_log_group, logGroupName=GROUP)
    logs.put_log_group_deletion_protection(logGroupIdentifier=g["logGroupArn"], deletionProtectionEnabled=False)
    held("groups have a life")
    return g["logGroupArn"]


def events(logs):
    for s in ("web", "db"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=s)
    refused("a stream that there is not", "ResourceNotFoundException", 400, logs.put_log_events, logGroupName=GROUP, logStreamName="x", logEvents=[{"timestamp": now(), "message": "m"}])
    t = now() - 100_000
    web = [{"timestamp": t + 10 * i, "message": f"10.0.0.{i % 4} GET /doc/{i} {200 if i % 5 else 404} {i}"} for i in range(1000)]
    db = [{"timestamp": t + 10 * i + 5, "message": json.dumps({"level": "ERROR" if i % 7 == 0 else "INFO", "ms": i, "who": {"name": f"user-{i % 3}"}})} for i in range(1000)]
    out = logs.put_log_events(logGroupName=GROUP, logStreamName="web", logEvents=web, sequenceToken="any")
    equal("nothing rejected", out.get("rejectedLogEventsInfo"), None)
    logs.put_log_events(logGroupName=GROUP, logStreamName="db", logEvents=db)
    out = logs.put_log_events(logGroupName=GROUP, logStreamName="db", logEvents=[{"timestamp": now() + 3 * 3600_000, "message": "of the future"}])
    equal("what is too new", out["rejectedLogEventsInfo"], {"tooNewLogEventStartIndex": 0})
    refused("events out of order", "InvalidParameterException", 400, logs.put_log_events, logGroupName=GROUP, logStreamName="web", logEvents=web[1:2] + web[:1])

    for head in (True, False):
        got, token = [], None
        while True:
            page = logs.get_log_events(logGroupName=GROUP, logStreamName="web", startFromHead=head, limit=300, **({"nextToken": token} if token else {}))
            batch = [e["message"] for e in page["events"]]
            got = got + batch if head else batch + got
            nxt = page["nextForwardToken" if head else "nextBackwardToken"]
            if nxt == token:
                break
            token = nxt
        equal(f"a stream from its {'head' if head else 'end'}", got, [e["message"] for e in web])

    def find(pattern, **more):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern=pattern, PaginationConfig={"PageSize": 150}, **more)
        return [e for p in pages for e in p["events"]]

    everything = find("")
    equal("all events", len(everything), 2000)
    equal("in the order of time", [e["timestamp"] for e in everything], sorted(e["timestamp"] for e in everything))
    equal("each once", len({e["eventId"] for e in everything}), 2000)
    equal("a phrase without another", len(find('"GET /doc/" -" 404 "', logStreamNames=["web"])), 800)
    equal("fields", len(find("[ip = 10.0.0.1, method, path, status = 4*, size > 500]")), 25)
    equal("selectors", len(find('{ $.level = "ERROR" && ($.ms >= 700 || $.who.name = "*-1") }')), 76)
    equal("an expression", len(find("%doc.[78]0 %")), 2)
    equal("a span of time", len(find("", startTime=t, endTime=t + 95)), 20)
    refused("a pattern that is none", "InvalidParameterException", 400, logs.filter_log_events, logGroupName=GROUP, filterPattern="{ $.a = ")
    m = logs.test_metric_filter(filterPattern="[ip, ..., code = 4*]", logEventMessages=["1.1.1.1 x 404", "1.1.1.1 x 200"])["matches"]
    equal("what a filter extracts", [x["extractedValues"] for x in m], [{"$ip": "1.1.1.1", "$2": "x", "$code": "404"}])
    order = [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)["logStreams"]]
    equal("streams by their last event", order, ["db", "web"])

    # As `aws logs tail --follow` asks: again from the last event on, what was shown left out.
    shown, since = {e["eventId"] for e in everything}, everything[-1]["timestamp"]
    logs.put_log_events(logGroupName=GROUP, logStreamName="web", logEvents=[{"timestamp": now(), "message": "the newest"}])
    equal("a tail", [e["message"] for e in find("", startTime=since) if e["eventId"] not in shown], ["the newest"])
    held("events are found by every way")


def sealed(logs, kms, account, region):
    name = "/conformance/sealed"
    arn = f"arn:aws:logs:{region}:{account}:log-group:{name}"
    statement = {"Effect": "Allow", "Principal": {"Service": f"logs.{region}.amazonaws.com"}, "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                 "Resource": "*", "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}}}
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    closed = kms.create_key()["KeyMetadata"]["Arn"]
    refused("a key that is closed to logs", "AccessDeniedException", 400, logs.create_log_group, logGroupName=name, kmsKeyId=closed)
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [own, statement]}))["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName=name, kmsKeyId=key)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    put = dict(logGroupName=name, logStreamName="s")
    logs.put_log_events(**put, logEvents=[{"timestamp": now(), "message": "under the key"}])
    kms.disable_key(KeyId=key)
    refused("a disabled key", "AccessDeniedException", 400, logs.get_log_events, **put)
    refused("a disabled key", "AccessDeniedException", 400, logs.put_log_events, **put, logEvents=[{"timestamp": now(), "message": "x"}])
    logs.disassociate_kms_key(logGroupName=name)
    logs.put_log_events(**put, logEvents=[{"timestamp": now(), "message": "under no key"}])
    kms.enable_key(KeyId=key)
    equal("both", [e["message"] for e in logs.get_log_events(**put, startFromHead=True)["events"]], ["under the key", "under no key"])
    held("a key that is pulled stops its events")


def lesser(session, iam):
    """Who may read one group reads no other."""
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=policy(allow(["logs:FilterLogEvents", "logs:GetLogEvents"], f"arn:aws:logs:*:*:log-group:{GROUP}:*")))
    k = iam.create_access_key(UserName="reader")["AccessKey"]
    logs = Session(aws_access_key_id=k["AccessKeyId"], aws_secret_access_key=k["SecretAccessKey"]).client("logs")
    equal("its own", len(logs.filter_log_events(logGroupName=GROUP, limit=1)["events"]), 1)
    equal("its own", len(logs.get_log_events(logGroupName=GROUP, logStreamName="web", limit=1)["events"]), 1)
    refused("another group", "AccessDeniedException", 400, logs.filter_log_events, logGroupName="/conformance/page/0")
    refused("to write", "AccessDeniedException", 400, logs.put_log_events, logGroupName=GROUP, logStreamName="web", logEvents=[{"timestamp": now(), "message": "m"}])
    held("rights are of groups")


def tags(session, group, account, region):
    t, s3, ec2 = session.client("resourcegroupstaggingapi"), session.client("s3"), session.client("ec2")
    bucket = f"conformance-tags-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "kept", "Value": "1"}]})
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    mine = sorted([group, f"arn:aws:s3:::{bucket}", f"arn:aws:ec2:{region}:{account}:vpc/{vpc}", key])
    out = t.tag_resources(ResourceARNList=mine + [f"arn:aws:ec2:{region}:{account}:vpc/vpc-0123456789abcdef0"], Tags={"project": "conformance"})
    equal("what failed", list(out["FailedResourcesMap"]), [f"arn:aws:ec2:{region}:{account}:vpc/vpc-0123456789abcdef0"])

    def found(**more):
        pages = t.get_paginator("get_resources").paginate(TagFilters=[{"Key": "project", "Values": ["conformance"]}], PaginationConfig={"PageSize": 2}, **more)
        return [r["ResourceARN"] for p in pages for r in p["ResourceTagMappingList"]]

    equal("by tag", found(), mine)
    equal("by type", found(ResourceTypeFilters=["ec2:vpc", "s3"]), sorted([mine[0], f"arn:aws:s3:::{bucket}"]))
    equal("a bucket keeps its tags", sorted(x["Key"] for x in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]), ["kept", "project"])
    equal("keys", "project" in t.get_tag_keys()["TagKeys"], True)
    equal("values", t.get_tag_values(Key="project")["TagValues"], ["conformance"])
    iam = session.client("iam")
    iam.create_user(UserName="tagger")
    iam.put_user_policy(UserName="tagger", PolicyName="p", PolicyDocument=policy(allow(["tag:*", "ec2:CreateTags"])))
    k = iam.create_access_key(UserName="tagger")["AccessKey"]
    few = Session(aws_access_key_id=k["AccessKeyId"], aws_secret_access_key=k["SecretAccessKey"]).client("resourcegroupstaggingapi")
    failed = few.tag_resources(ResourceARNList=mine, Tags={"project": "taken"})["FailedResourcesMap"]
    equal("who may tag a VPC alone", sorted(failed), [r for r in mine if ":vpc/" not in r])
    equal("is told so", {f["ErrorCode"] for f in failed.values()}, {"AccessDeniedException"})
    t.untag_resources(ResourceARNList=mine, TagKeys=["project"])
    equal("nothing is left", found(), [])
    held("tags of many services")


def main():
    session = Session()
    account = session.client("sts").get_caller_identity()["Account"]
    logs, region = session.client("logs"), session.region_name or "us-east-1"
    group = groups(logs, account, region)
    events(logs)
    sealed(logs, session.client("kms"), account, region)
    lesser(session, session.client("iam"))
    tags(session, group, account, region)
    logs.delete_log_group(logGroupName=GROUP)
    refused("a deleted group", "ResourceNotFoundException", 400, logs.filter_log_events, logGroupName=GROUP)
    held("all of it is gone")


if __name__ == "__main__":
    sys.exit(main())
