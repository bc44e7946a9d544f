#!/usr/bin/env python3
"""Objects under keys with boto3: SSE-S3 by default, SSE-KMS, bucket keys, default encryption, policies that demand encryption, a key
that is pulled, another account's key, parts, and copies from one key to another."""

import base64
import json

import boto3.s3.transfer
from kms import stranger, user
from walk import Session, allow, equal, held, policy, refused

BODY = b"what lies under keys " * 5000
BUCKET = "sealed-conformance"


def sse(answer):
    return answer.get("ServerSideEncryption"), answer.get("SSEKMSKeyId"), answer.get("BucketKeyEnabled", False)


def read(s3, key, **more):
    out = s3.get_object(Bucket=BUCKET, Key=key, **more)
    return out["Body"].read(), sse(out)


def modes(s3, arn, managed):
    """Each way to ask for encryption, and what the answers say of it."""
    context = base64.b64encode(json.dumps({"team": "red"}).encode()).decode()
    for key, more, want in [
        ("plain", {}, ("AES256", None, False)),
        ("aes", dict(ServerSideEncryption="AES256"), ("AES256", None, False)),
        ("managed", dict(ServerSideEncryption="aws:kms"), ("aws:kms", managed, False)),
        ("arn", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=arn), ("aws:kms", arn, False)),
        ("id", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=arn.split("/")[1]), ("aws:kms", arn, False)),
        ("alias", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/sealed"), ("aws:kms", arn, False)),
        ("context", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=arn, SSEKMSEncryptionContext=context), ("aws:kms", arn, False)),
        ("bucketkey", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=arn, BucketKeyEnabled=True), ("aws:kms", arn, True)),
    ]:
        put = s3.put_object(Bucket=BUCKET, Key=key, Body=BODY, **more)
        body, got = read(s3, key)
        equal(f"{key}: put, get and head", (sse(put), body, got, sse(s3.head_object(Bucket=BUCKET, Key=key))), (want, BODY, want, want))
        equal(f"{key}: a range", read(s3, key, Range="bytes=65530-65545")[0], BODY[65530:65546])
    for what, code, more in [
        ("a mode that is none", "InvalidArgument", dict(ServerSideEncryption="rot13")),
        ("a key without a mode", "InvalidArgument", dict(SSEKMSKeyId=arn)),
        ("a key beside AES256", "InvalidArgument", dict(ServerSideEncryption="AES256", SSEKMSKeyId=arn)),
        ("a key that is none", "KMS.NotFoundException", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId="00000000-0000-0000-0000-000000000000")),
        ("a context of no JSON", "InvalidArgument", dict(ServerSideEncryption="aws:kms", SSEKMSEncryptionContext="e30K!")),
    ]:
        refused(what, code, 400, s3.put_object, Bucket=BUCKET, Key="none", Body=BODY, **more)


def parts(s3, arn):
    big = BODY * 120
    s3.upload_fileobj(__import__("io").BytesIO(big), BUCKET, "big", ExtraArgs=dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=arn),
                      Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    body, got = read(s3, "big")
    equal("parts under a key", (body == big, got), (True, ("aws:kms", arn, False)))
    equal("a range over two parts", read(s3, "big", Range=f"bytes={(5 << 20) - 3}-{(5 << 20) + 3}")[0], big[(5 << 20) - 3:(5 << 20) + 4])
    s3.copy({"Bucket": BUCKET, "Key": "big"}, BUCKET, "big-copy", Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    body, got = read(s3, "big-copy")
    equal("copied by parts, under the default", (body == big, got), (True, ("AES256", None, False)))


def copies(s3, arn, other):
    out = s3.copy_object(Bucket=BUCKET, Key="moved", CopySource={"Bucket": BUCKET, "Key": "arn"}, ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    equal("from one key to another", (sse(out), read(s3, "moved")), (("aws:kms", other, False), (BODY, ("aws:kms", other, False))))
    refused("a copy onto itself", "InvalidRequest", 400, s3.copy_object, Bucket=BUCKET, Key="arn", CopySource={"Bucket": BUCKET, "Key": "arn"})
    s3.copy_object(Bucket=BUCKET, Key="plain", CopySource={"Bucket": BUCKET, "Key": "plain"}, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    equal("onto itself, with a key", read(s3, "plain"), (BODY, ("aws:kms", arn, False)))


def pulled(s3, kms, arn):
    kms.disable_key(KeyId=arn)
    for key in ("arn", "bucketkey", "context", "big"):
        refused(f"{key} while its key is disabled", "KMS.DisabledException", 400, s3.get_object, Bucket=BUCKET, Key=key)
    equal("what it is can still be told", sse(s3.head_object(Bucket=BUCKET, Key="arn")), ("aws:kms", arn, False))
    refused("writing", "KMS.DisabledException", 400, s3.put_object, Bucket=BUCKET, Key="arn", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    refused("beginning an upload", "KMS.DisabledException", 400, s3.create_multipart_upload, Bucket=BUCKET, Key="up", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    refused("copying", "KMS.DisabledException", 400, s3.copy_object, Bucket=BUCKET, Key="stolen", CopySource={"Bucket": BUCKET, "Key": "arn"})
    kms.enable_key(KeyId=arn)
    equal("enabled again", read(s3, "bucketkey")[0], BODY)


def permissions(session, s3, arn):
    """Who may S3 and not the key reads nothing, and the key's use can be bound to S3 and to an object."""
    _, bob = user(session, "sealed-bob", allow("s3:*"), allow("kms:Decrypt", arn, Condition={"StringEquals": {
        "kms:ViaService": f"s3.{s3.meta.region_name}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}/arn"}}))
    mine = bob.client("s3")
    equal("bound to one object", mine.get_object(Bucket=BUCKET, Key="arn")["Body"].read(), BODY)
    e = refused("another object", "AccessDenied", 403, mine.get_object, Bucket=BUCKET, Key="id")
    equal("the refusal names the key's action", "kms:Decrypt on resource: " + arn in str(e), True)
    refused("writing", "AccessDenied", 403, mine.put_object, Bucket=BUCKET, Key="arn", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    refused("past S3", "AccessDeniedException", 400, bob.client("kms").generate_data_key, KeyId=arn, KeySpec="AES_256")
    mine.head_object(Bucket=BUCKET, Key="id")
    held("HEAD asks no key")
    refused("HEAD with checksums", "403", 403, mine.head_object, Bucket=BUCKET, Key="id", ChecksumMode="ENABLED")


def defaults(s3, arn):
    rule = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    equal("a new bucket's default", rule["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}, "BucketKeyEnabled": True}]})
    equal("a bucket's default", sse(s3.put_object(Bucket=BUCKET, Key="default", Body=BODY)), ("aws:kms", arn, True))
    equal("goes behind a request", sse(s3.put_object(Bucket=BUCKET, Key="default", Body=BODY, ServerSideEncryption="AES256")), ("AES256", None, False))
    refused("a key for AES256", "InvalidArgument", 400, s3.put_bucket_encryption, Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": arn}}]})
    s3.delete_bucket_encryption(Bucket=BUCKET)
    equal("and is taken back", sse(s3.put_object(Bucket=BUCKET, Key="default", Body=BODY)), ("AES256", None, False))


def demanded(s3, arn):
    """The policies of the S3 User Guide that demand encryption, by a key."""
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*",
         "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*",
         "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": arn}}}))
    for what, more in [("nothing", {}), ("AES256", dict(ServerSideEncryption="AES256")), ("another key", dict(ServerSideEncryption="aws:kms"))]:
        refused(f"{what}, where a key is demanded", "AccessDenied", 403, s3.put_object, Bucket=BUCKET, Key="late", Body=b"", **more)
        refused(f"{what}, an upload", "AccessDenied", 403, s3.create_multipart_upload, Bucket=BUCKET, Key="late", **more)
        refused(f"{what}, a copy", "AccessDenied", 403, s3.copy_object, Bucket=BUCKET, Key="late", CopySource={"Bucket": BUCKET, "Key": "arn"}, **more)
    s3.put_object(Bucket=BUCKET, Key="late", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    held("with the key")
    s3.delete_bucket_policy(Bucket=BUCKET)


def abroad(session, s3, account):
    """A key of another account, by its ARN: both accounts must allow."""
    theirs = stranger("444455556666").client("kms")
    arn = theirs.create_key(Policy=policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "kms:*", "Resource": "*"}))["KeyMetadata"]["Arn"]
    refused("another account's key", "AccessDenied", 403, s3.put_object, Bucket=BUCKET, Key="abroad", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    theirs.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy(
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}))
    s3.put_object(Bucket=BUCKET, Key="abroad", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    equal("another account's key that is shared", read(s3, "abroad"), (BODY, ("aws:kms", arn, False)))
    _, eve = user(session, "sealed-eve", allow("s3:*"))
    refused("by who may it not at home", "AccessDenied", 403, eve.client("s3").get_object, Bucket=BUCKET, Key="abroad")
    theirs.disable_key(KeyId=arn)
    refused("its owner pulls it", "KMS.DisabledException", 400, s3.get_object, Bucket=BUCKET, Key="abroad")


def main():
    session = Session()
    s3, kms, account = session.client("s3"), session.client("kms"), session.client("sts").get_caller_identity()["Account"]
    s3.create_bucket(Bucket=BUCKET)
    arn, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName="alias/sealed", TargetKeyId=arn)
    managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    defaults(s3, arn)
    modes(s3, arn, managed)
    parts(s3, arn)
    copies(s3, arn, other)
    pulled(s3, kms, arn)
    permissions(session, s3, arn)
    demanded(s3, arn)
    abroad(session, s3, account)


if __name__ == "__main__":
    main()
