#!/usr/bin/env python3
"""Keys with boto3: an account's own, another user's by a grant, another account's by policy and grant. Data keys as the AWS
Encryption SDK uses them, states, aliases, tags, policies, pages. What needs cryptography of the client's own is in keys_test.go."""

import json
import os
import subprocess

from walk import Session, allow, equal, held, policy, refused

CONTEXT = {"purpose": "conformance", "tenant": "blue"}


def user(session, name, *statements):
    """A new user's own session."""
    iam = session.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    arn = iam.get_user(UserName=name)["User"]["Arn"]
    return arn, Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def stranger(number):
    """Another account's root."""
    out = subprocess.run([os.environ["CLOISTER_BINARY"], "account", "create", number], check=True, capture_output=True, text=True).stdout
    key = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines())
    return Session(aws_access_key_id=key["AWS_ACCESS_KEY_ID"], aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"])


def lives(kms, account, region):
    """A key from its making to its end."""
    made = kms.create_key(Description="conformance", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]
    key, arn = made["KeyId"], made["Arn"]
    equal("a key's ARN", arn, f"arn:aws:kms:{region}:{account}:key/{key}")
    equal("a new key", {k: made[k] for k in ("AWSAccountId", "Enabled", "Description", "KeyUsage", "KeyState", "Origin", "KeyManager", "KeySpec", "EncryptionAlgorithms", "MultiRegion")},
          dict(AWSAccountId=account, Enabled=True, Description="conformance", KeyUsage="ENCRYPT_DECRYPT", KeyState="Enabled", Origin="AWS_KMS", KeyManager="CUSTOMER",
               KeySpec="SYMMETRIC_DEFAULT", EncryptionAlgorithms=["SYMMETRIC_DEFAULT"], MultiRegion=False))
    equal("DescribeKey says the same by id and ARN", [kms.describe_key(KeyId=k)["KeyMetadata"] for k in (key, arn)], [made, made])
    kms.update_key_description(KeyId=key, Description="another")
    equal("its description changes", kms.describe_key(KeyId=key)["KeyMetadata"]["Description"], "another")
    refused("a key that is none", "NotFoundException", 400, kms.describe_key, KeyId="00000000-0000-0000-0000-000000000000")

    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "cost", "TagValue": "1"}])
    kms.untag_resource(KeyId=key, TagKeys=["team"])
    equal("its tags", kms.list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "cost", "TagValue": "1"}])

    text = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=CONTEXT)["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    equal("it is disabled", (lambda m: (m["Enabled"], m["KeyState"]))(kms.describe_key(KeyId=key)["KeyMetadata"]), (False, "Disabled"))
    for name, call in dict(encrypt=lambda: kms.encrypt(KeyId=key, Plaintext=b"x"), decrypt=lambda: kms.decrypt(CiphertextBlob=text, EncryptionContext=CONTEXT),
                           data=lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256")).items():
        refused(f"{name} with a disabled key", "DisabledException", 400, call)
    kms.enable_key(KeyId=key)
    equal("enabled, it opens what it sealed", kms.decrypt(CiphertextBlob=text, EncryptionContext=CONTEXT)["Plaintext"], b"secret")

    refused("deletion after a day", "ValidationException", 400, kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=1)
    out = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    equal("it is to be deleted", (out["KeyId"], out["KeyState"], out["PendingWindowInDays"]), (arn, "PendingDeletion", 7))
    refused("decrypt with it", "KMSInvalidStateException", 400, kms.decrypt, CiphertextBlob=text, EncryptionContext=CONTEXT)
    refused("enabling it", "KMSInvalidStateException", 400, kms.enable_key, KeyId=key)
    equal("it is kept", kms.cancel_key_deletion(KeyId=key)["KeyId"], arn)
    equal("and disabled", kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled")
    refused("keeping what is not going", "KMSInvalidStateException", 400, kms.cancel_key_deletion, KeyId=key)
    kms.enable_key(KeyId=key)
    return key, arn


def data_keys(kms, key, arn):
    """As the Encryption SDK does: a data key with its context, kept beside the message; the context is needed to open it."""
    for spec in ({"KeySpec": "AES_256"}, {"KeySpec": "AES_128"}, {"NumberOfBytes": 64}):
        size = spec.get("NumberOfBytes") or int(spec["KeySpec"][4:]) // 8
        out = kms.generate_data_key(KeyId=key, EncryptionContext=CONTEXT, **spec)
        equal(f"a data key of {size} bytes", (len(out["Plaintext"]), out["KeyId"]), (size, arn))
        back = kms.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=dict(reversed(CONTEXT.items())))
        equal("it opens with its context", (back["Plaintext"], back["KeyId"], back["EncryptionAlgorithm"], back["KeyMaterialId"] == out["KeyMaterialId"]),
              (out["Plaintext"], arn, "SYMMETRIC_DEFAULT", True))
        for name, context in {"no context": {}, "another value": {**CONTEXT, "tenant": "red"}, "less": {"purpose": "conformance"}, "more": {**CONTEXT, "x": ""},
                              "another case": {**{k: v for k, v in CONTEXT.items() if k != "tenant"}, "Tenant": "blue"}}.items():
            refused(f"{name}", "InvalidCiphertextException", 400, kms.decrypt, CiphertextBlob=out["CiphertextBlob"], EncryptionContext=context)
        blob = out["CiphertextBlob"]
        for at in (0, len(blob) // 2, len(blob) - 1):
            refused(f"byte {at} changed", "InvalidCiphertextException", 400, kms.decrypt, CiphertextBlob=blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:], EncryptionContext=CONTEXT)
        refused("cut", "InvalidCiphertextException", 400, kms.decrypt, CiphertextBlob=blob[:-1], EncryptionContext=CONTEXT)
    blind = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    equal("a data key that nobody saw", ("Plaintext" in blind, len(kms.decrypt(CiphertextBlob=blind["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"])), (False, 32))
    refused("both sizes", "ValidationException", 400, kms.generate_data_key, KeyId=key, KeySpec="AES_256", NumberOfBytes=32)
    refused("no size", "ValidationException", 400, kms.generate_data_key, KeyId=key)
    most = kms.encrypt(KeyId=key, Plaintext=b"x" * 4096)
    equal("4,096 bytes are encrypted", len(kms.decrypt(CiphertextBlob=most["CiphertextBlob"])["Plaintext"]), 4096)
    equal("randomness", len(kms.generate_random(NumberOfBytes=33)["Plaintext"]), 33)

    other = kms.create_key()["KeyMetadata"]
    text = kms.encrypt(KeyId=key, Plaintext=b"move me", EncryptionContext=CONTEXT)["CiphertextBlob"]
    refused("decrypt with a key that did not encrypt", "IncorrectKeyException", 400, kms.decrypt, KeyId=other["KeyId"], CiphertextBlob=text, EncryptionContext=CONTEXT)
    refused("ReEncrypt with another context", "InvalidCiphertextException", 400, kms.re_encrypt, CiphertextBlob=text, DestinationKeyId=other["KeyId"])
    moved = kms.re_encrypt(CiphertextBlob=text, SourceEncryptionContext=CONTEXT, DestinationKeyId=other["KeyId"], DestinationEncryptionContext={"new": "one"})
    equal("ReEncrypt moves it", (moved["SourceKeyId"], moved["KeyId"], moved["SourceEncryptionAlgorithm"]), (arn, other["Arn"], "SYMMETRIC_DEFAULT"))
    equal("it opens under the other key and context", kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"new": "one"})["Plaintext"], b"move me")
    return other["KeyId"]


def aliases(kms, key, arn, other, account, region):
    kms.create_alias(AliasName="alias/conformance", TargetKeyId=key)
    refused("the same alias again", "AlreadyExistsException", 400, kms.create_alias, AliasName="alias/conformance", TargetKeyId=other)
    refused("an alias of AWS's", "NotAuthorizedException", 400, kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=key)
    named = f"arn:aws:kms:{region}:{account}:alias/conformance"
    mine = [a for a in kms.list_aliases(KeyId=key)["Aliases"]]
    equal("a key's aliases", [(a["AliasName"], a["AliasArn"], a["TargetKeyId"]) for a in mine], [("alias/conformance", named, key)])
    for name in ("alias/conformance", named):
        text = kms.encrypt(KeyId=name, Plaintext=b"by alias")
        equal(f"Encrypt by {name}", text["KeyId"], arn)
    kms.update_alias(AliasName="alias/conformance", TargetKeyId=other)
    equal("the alias moves, and old ciphertexts open", (kms.describe_key(KeyId=named)["KeyMetadata"]["KeyId"], kms.decrypt(CiphertextBlob=text["CiphertextBlob"])["Plaintext"]), (other, b"by alias"))
    refused("decrypt by the alias, which is another key's now", "IncorrectKeyException", 400, kms.decrypt, KeyId="alias/conformance", CiphertextBlob=text["CiphertextBlob"])
    kms.delete_alias(AliasName="alias/conformance")
    refused("the alias is gone", "NotFoundException", 400, kms.describe_key, KeyId="alias/conformance")


def pages(kms, key):
    for i in range(7):
        kms.create_alias(AliasName=f"alias/page-{i}", TargetKeyId=key)
    got = [a["AliasName"] for page in kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 2}) for a in page["Aliases"]]
    equal("aliases by pages", got, [f"alias/page-{i}" for i in range(7)])
    for i in range(7):
        kms.delete_alias(AliasName=f"alias/page-{i}")
    keys = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}) for k in page["Keys"]]
    equal("keys by pages, each once", (len(keys) == len(set(keys)), key in keys), (True, True))


def rotation(kms):
    """New material for what is encrypted from now on; what was encrypted before opens as ever."""
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    seen, texts = [], []
    for i in range(3):
        if i:
            kms.rotate_key_on_demand(KeyId=key)
        out = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
        seen.append(out["KeyMaterialId"])
        texts.append(out)
        equal("the current material", kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"], seen[-1])
    equal("each rotation brings another material", len(set(seen)), 3)
    back = [kms.decrypt(CiphertextBlob=t["CiphertextBlob"], EncryptionContext=CONTEXT) for t in texts]
    equal("old ciphertexts open, each with its own", [(b["Plaintext"], b["KeyMaterialId"]) for b in back], [(t["Plaintext"], m) for t, m in zip(texts, seen)])
    again = kms.re_encrypt(CiphertextBlob=texts[0]["CiphertextBlob"], SourceEncryptionContext=CONTEXT, DestinationKeyId=key, DestinationEncryptionContext=CONTEXT)
    equal("ReEncrypt brings a ciphertext to the newest", (again["SourceKeyMaterialId"], again["DestinationKeyMaterialId"]), (seen[0], seen[-1]))
    equal("its rotations", [(r["KeyId"].endswith(key), r["RotationType"]) for r in kms.list_key_rotations(KeyId=key)["Rotations"]], 2 * [(True, "ON_DEMAND")])
    equal("rotation by itself is off", kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    equal("rotation every 90 days", (status["KeyRotationEnabled"], status["RotationPeriodInDays"], "NextRotationDate" in status), (True, 90, True))
    kms.disable_key_rotation(KeyId=key)
    equal("rotation is off again", kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)
    pair = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    refused("rotation of a key pair", "UnsupportedOperationException", 400, kms.enable_key_rotation, KeyId=pair)
    kms.disable_key(KeyId=key)
    refused("rotation of a disabled key", "DisabledException", 400, kms.rotate_key_on_demand, KeyId=key)


def policies(kms, key, account):
    document = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    equal("a new key's policy leaves it to the account", [(s["Effect"], s["Principal"], s["Action"], s["Resource"]) for s in document["Statement"]],
          [("Allow", {"AWS": f"arn:aws:iam::{account}:root"}, "kms:*", "*")])
    equal("the names of policies", kms.list_key_policies(KeyId=key)["PolicyNames"], ["default"])
    refused("a policy that locks its author out", "MalformedPolicyDocumentException", 400, kms.put_key_policy, KeyId=key, PolicyName="default",
            Policy=policy(dict(Effect="Allow", Principal={"AWS": f"arn:aws:iam::{account}:root"}, Action="kms:DescribeKey", Resource="*")))
    refused("a policy that is none", "MalformedPolicyDocumentException", 400, kms.put_key_policy, KeyId=key, PolicyName="default", Policy='{"Version":')


def grants(session, kms, key, arn):
    """Two users without any policy of their own: one uses the key by a grant, hands a part of it on, and both end."""
    ann, anns = user(session, "kms-ann")
    ben, bens = user(session, "kms-ben")
    a, b = anns.client("kms"), bens.client("kms")
    refused("without a grant", "AccessDeniedException", 400, a.generate_data_key, KeyId=arn, KeySpec="AES_256")
    made = kms.create_grant(KeyId=key, GranteePrincipal=ann, RetiringPrincipal=ben, Name="conformance", Operations=["GenerateDataKey", "Decrypt", "CreateGrant", "DescribeKey"],
                            Constraints={"EncryptionContextSubset": {"tenant": "blue"}})
    token = {"GrantTokens": [made["GrantToken"]]}
    again = kms.create_grant(KeyId=key, GranteePrincipal=ann, RetiringPrincipal=ben, Name="conformance", Operations=["GenerateDataKey", "Decrypt", "CreateGrant", "DescribeKey"],
                             Constraints={"EncryptionContextSubset": {"tenant": "blue"}})
    equal("the same grant again is the same", again["GrantId"], made["GrantId"])
    out = a.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT, **token)
    equal("by the grant, also without its token", a.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], out["Plaintext"])
    refused("outside of its context", "AccessDeniedException", 400, a.generate_data_key, KeyId=arn, KeySpec="AES_256", EncryptionContext={"tenant": "red"}, **token)
    refused("without a context", "AccessDeniedException", 400, a.generate_data_key, KeyId=arn, KeySpec="AES_256", **token)
    refused("an operation that it lacks", "AccessDeniedException", 400, a.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext=CONTEXT, **token)
    equal("DescribeKey has no context", a.describe_key(KeyId=arn)["KeyMetadata"]["Arn"], arn)

    refused("handing on more than it has", "AccessDeniedException", 400, a.create_grant, KeyId=arn, GranteePrincipal=ben, Operations=["Decrypt", "Encrypt"],
            Constraints={"EncryptionContextSubset": {"tenant": "blue"}})
    refused("handing on without its constraint", "AccessDeniedException", 400, a.create_grant, KeyId=arn, GranteePrincipal=ben, Operations=["Decrypt"])
    handed = a.create_grant(KeyId=arn, GranteePrincipal=ben, Operations=["Decrypt"], Constraints={"EncryptionContextEquals": CONTEXT})
    equal("a part of it, handed on", b.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], out["Plaintext"])

    listed = {g["GrantId"]: g for g in kms.list_grants(KeyId=key)["Grants"]}
    g = listed[made["GrantId"]]
    equal("the grant as it is listed", (g["KeyId"], g["Name"], g["GranteePrincipal"], g["RetiringPrincipal"], sorted(g["Operations"]), g["Constraints"]),
          (arn, "conformance", ann, ben, ["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"], {"EncryptionContextSubset": {"tenant": "blue"}}))
    equal("both grants are there", set(listed) >= {made["GrantId"], handed["GrantId"]}, True)
    refused("retiring by the grantee, who may not", "AccessDeniedException", 400, a.retire_grant, KeyId=arn, GrantId=made["GrantId"])
    b.retire_grant(KeyId=arn, GrantId=made["GrantId"])
    held("its retiring principal retires it")
    refused("the grant has ended", "AccessDeniedException", 400, a.generate_data_key, KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    kms.revoke_grant(KeyId=key, GrantId=handed["GrantId"])
    refused("the other was revoked", "AccessDeniedException", 400, b.decrypt, CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)
    refused("revoking it again", "NotFoundException", 400, kms.revoke_grant, KeyId=key, GrantId=handed["GrantId"])
    equal("no grant is left", kms.list_grants(KeyId=key)["Grants"], [])


def accounts(session, kms, account):
    """Another account's key needs both: the key's policy or a grant there, and a policy here."""
    far = stranger("666666666666")
    theirs = far.client("kms")
    key = theirs.create_key()["KeyMetadata"]
    arn = key["Arn"]
    mine, session2 = user(session, "kms-far", allow(["kms:GenerateDataKey", "kms:Decrypt"], arn))
    nobody, session3 = user(session, "kms-none")
    k2, k3 = session2.client("kms"), session3.client("kms")
    refused("another account's key, which says nothing of us", "AccessDeniedException", 400, k2.generate_data_key, KeyId=arn, KeySpec="AES_256")
    root = dict(Sid="own", Effect="Allow", Principal={"AWS": "arn:aws:iam::666666666666:root"}, Action="kms:*", Resource="*")
    theirs.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy(root, dict(
        Sid="far", Effect="Allow", Principal={"AWS": f"arn:aws:iam::{account}:root"}, Action=["kms:GenerateDataKey", "kms:Decrypt"], Resource="*",
        Condition={"StringEquals": {"kms:EncryptionContext:tenant": "blue"}})))
    out = k2.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    equal("both say yes", (out["KeyId"], theirs.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"]), (arn, out["Plaintext"]))
    equal("decrypt without naming the key", k2.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], out["Plaintext"])
    refused("the key's condition holds abroad", "AccessDeniedException", 400, k2.generate_data_key, KeyId=arn, KeySpec="AES_256", EncryptionContext={"tenant": "red"})
    refused("a user whose account gave it nothing", "AccessDeniedException", 400, k3.decrypt, CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)
    refused("changing another account's key", "AccessDeniedException", 400, kms.disable_key, KeyId=arn)
    theirs.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy(root))
    refused("the key's policy says no more", "AccessDeniedException", 400, k2.decrypt, CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)
    theirs.create_grant(KeyId=key["KeyId"], GranteePrincipal=mine, Operations=["Decrypt"])
    equal("a grant across accounts", k2.decrypt(CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"], out["Plaintext"])
    theirs.disable_key(KeyId=key["KeyId"])
    refused("pulling the key stops everybody", "DisabledException", 400, k2.decrypt, CiphertextBlob=out["CiphertextBlob"], EncryptionContext=CONTEXT)


def main():
    session = Session()
    kms, region = session.client("kms"), session.region_name
    account = session.client("sts").get_caller_identity()["Account"]
    key, arn = lives(kms, account, region)
    other = data_keys(kms, key, arn)
    aliases(kms, key, arn, other, account, region)
    pages(kms, key)
    rotation(kms)
    policies(kms, key, account)
    grants(session, kms, key, arn)
    accounts(session, kms, account)


if __name__ == "__main__":
    main()
