#!/usr/bin/env python3
"""Custom models with boto3: a recogniser is trained in a VPC and under keys, served and asked; versions, summaries, policies; what AWS refuses."""

import json
import os

from analyses import Site, wait
from walk import TAG, Session, equal, held, refused

NAMES = ["Borealis", "Cantor", "Dynamo", "Elbrus", "Fennel"]
SENTENCES = ["The technician repaired the {} in the northern hall.", "Nobody had tested the {} before the flood.",
             "We ordered the {} for the laboratory in May.", "On Monday the {} stopped without a warning."]


def annotated(count):
    """Sentences with a device each, and their annotations as the guide writes them."""
    lines, marks = [], ["File,Line,Begin Offset,End Offset,Type"]
    for i in range(count):
        device = f"{NAMES[i % 5]} {'XKR'[i % 3]}{100 + 7 * i}"
        line = SENTENCES[i % 4].format(device)
        at = line.index(device)
        lines.append(line)
        marks.append(f"docs.txt,{i},{at},{at + len(device)},DEVICE")
    return "\n".join(lines).encode(), "\n".join(marks).encode()


def train(site, **more):
    c = site.comprehend
    asked = dict(RecognizerName=f"{TAG}-devices", LanguageCode="en", DataAccessRoleArn=site.role, VolumeKmsKeyId=site.keys["volume"], ModelKmsKeyId=site.keys["model"], VpcConfig=site.vpc_config,
                 InputDataConfig={"DataFormat": "COMPREHEND_CSV", "EntityTypes": [{"Type": "DEVICE"}],
                                  "Documents": {"S3Uri": f"s3://{site.bucket}/devices/docs.txt", "InputFormat": "ONE_DOC_PER_LINE"}, "Annotations": {"S3Uri": f"s3://{site.bucket}/devices/marks.csv"}}, **more)
    arn = c.create_entity_recognizer(**asked)["EntityRecognizerArn"]
    wait("the recogniser is trained", lambda: c.describe_entity_recognizer(EntityRecognizerArn=arn)["EntityRecognizerProperties"]["Status"] not in ("SUBMITTED", "TRAINING"))
    p = c.describe_entity_recognizer(EntityRecognizerArn=arn)["EntityRecognizerProperties"]
    told = {k: v for k, v in asked.items() if k not in ("RecognizerName", "Tags", "ClientRequestToken")}
    equal("Describe tells what was asked", {k: p.get(k) for k in told}, told)
    equal("it is trained", (p["Status"], p.get("Message")), ("TRAINED", None))
    return arn, p


def managed(site):
    """A classifier in the order of calls of Terraform's aws_comprehend_document_classifier: created, read, tagged, given another version, destroyed."""
    c, name = site.comprehend, f"{TAG}-managed"
    rows = "\n".join(f"{kind},{text} number {i}" for i in range(20) for kind, text in (("kitchen", "Stir the soup"), ("garden", "Water the roses")))
    site.s3.put_object(Bucket=site.bucket, Key="managed/rows.csv", Body=rows.encode())
    status = lambda arn: c.describe_document_classifier(DocumentClassifierArn=arn)["DocumentClassifierProperties"]["Status"]

    def publish(version, key="managed/rows.csv", end="TRAINED"):
        arn = c.create_document_classifier(DocumentClassifierName=name, VersionName=version, ClientRequestToken=f"terraform-{version}", LanguageCode="en", Mode="MULTI_CLASS", DataAccessRoleArn=site.role,
                                           InputDataConfig={"DataFormat": "COMPREHEND_CSV", "S3Uri": f"s3://{site.bucket}/{key}"}, OutputDataConfig={"S3Uri": f"s3://{site.bucket}/managed/out"},
                                           Tags=[{"Key": "by", "Value": "terraform"}])["DocumentClassifierArn"]
        wait(f"version {version} is {end}", lambda: status(arn) not in ("SUBMITTED", "TRAINING"))
        equal(f"version {version}", status(arn), end)
        equal("its tags", c.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "by", "Value": "terraform"}])
        return arn

    def gone(arn):
        try:
            return status(arn) not in ("DELETING",)
        except c.exceptions.ResourceNotFoundException:
            return True

    first, second = publish("one"), publish("two")
    broken = publish("three", key="managed/none.csv", end="IN_ERROR")
    c.tag_resource(ResourceArn=second, Tags=[{"Key": "by", "Value": "hand"}])
    c.untag_resource(ResourceArn=second, TagKeys=["by"])
    for arn in (broken, second):  # Terraform stops what it is about to delete, whatever its status is
        c.stop_training_document_classifier(DocumentClassifierArn=arn)
        equal("stopping does nothing", status(arn) in ("TRAINED", "IN_ERROR"), True)
    versions = [v for page in c.get_paginator("list_document_classifiers").paginate(Filter={"DocumentClassifierName": name}, PaginationConfig={"PageSize": 1}) for v in page["DocumentClassifierPropertiesList"]]
    equal("all versions are listed, the newest first", [v["DocumentClassifierArn"] for v in versions], [broken, second, first])
    for v in versions:
        c.delete_document_classifier(DocumentClassifierArn=v["DocumentClassifierArn"])
    for v in versions:
        wait("it is gone", lambda arn=v["DocumentClassifierArn"]: gone(arn))
    refused("a deleted version", "ResourceNotFoundException", 400, c.stop_training_document_classifier, DocumentClassifierArn=first)


def main():
    site = Site(Session())
    c = site.comprehend
    docs, marks = annotated(120)
    site.s3.put_object(Bucket=site.bucket, Key="devices/docs.txt", Body=docs)
    site.s3.put_object(Bucket=site.bucket, Key="devices/marks.csv", Body=marks)
    arn, p = train(site, VersionName="one", ClientRequestToken="once", Tags=[{"Key": "team", "Value": "red"}])
    m = p["RecognizerMetadata"]
    equal("documents are told", m["NumberOfTrainedDocuments"] + m["NumberOfTestDocuments"], 120)
    equal("metrics are on AWS's scale", 50 < m["EvaluationMetrics"]["F1Score"] <= 100, True)
    equal("types have their own", [(t["Type"], t["EvaluationMetrics"]["F1Score"] > 50, t["NumberOfTrainMentions"] > 50) for t in m["EntityTypes"]], [("DEVICE", True, True)])
    equal("its tags", c.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "red"}])
    base = dict(LanguageCode="en", DataAccessRoleArn=site.role, InputDataConfig=p["InputDataConfig"])
    refused("the version again", "ResourceInUseException", 400, c.create_entity_recognizer, RecognizerName=f"{TAG}-devices", VersionName="one", **base)
    refused("the name without a version", "ResourceInUseException", 400, c.create_entity_recognizer, RecognizerName=f"{TAG}-devices", **base)
    refused("Japanese", "UnsupportedLanguageException", 400, c.create_entity_recognizer, RecognizerName="other", **dict(base, LanguageCode="ja"))
    refused("an alias for the model", "KmsKeyValidationException", 400, c.create_entity_recognizer, RecognizerName="other", ModelKmsKeyId="alias/x", **base)
    equal("the summaries", [(s["RecognizerName"], s["NumberOfVersions"], s["LatestVersionName"], s["LatestVersionStatus"]) for s in c.list_entity_recognizer_summaries()["EntityRecognizerSummariesList"]],
          [(f"{TAG}-devices", 1, "one", "TRAINED")])
    equal("the list", [r["EntityRecognizerArn"] for r in c.list_entity_recognizers(Filter={"Status": "TRAINED"})["EntityRecognizerPropertiesList"]], [arn])

    end = c.create_endpoint(EndpointName=f"{TAG}-devices"[:40], ModelArn=arn, DesiredInferenceUnits=2)["EndpointArn"]
    wait("the endpoint serves", lambda: c.describe_endpoint(EndpointArn=end)["EndpointProperties"]["Status"] == "IN_SERVICE")
    text = "Last week – at last – we ordered the Cantor R512 for the laboratory."
    found = c.detect_entities(EndpointArn=end, Text=text)["Entities"]
    equal("the device is found", [(e["Type"], e["Text"], text[e["BeginOffset"]:e["EndOffset"]]) for e in found], [("DEVICE", "Cantor R512", "Cantor R512")])
    equal("its score is a probability", 0 < found[0]["Score"] <= 1, True)
    equal("the list of endpoints", [e["EndpointArn"] for e in c.list_endpoints(Filter={"ModelArn": arn})["EndpointPropertiesList"]], [end])
    refused("eleven units", "ResourceLimitExceededException", 400, c.update_endpoint, EndpointArn=end, DesiredInferenceUnits=11)
    refused("a flywheel", "InvalidRequestException", 400, c.update_endpoint, EndpointArn=end, FlywheelArn=f"arn:aws:comprehend:{site.region}:{site.account}:flywheel/f")
    refused("a recogniser that serves", "ResourceInUseException", 400, c.delete_entity_recognizer, EntityRecognizerArn=arn)

    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "comprehend:ImportModel", "Resource": arn}]})
    revision = c.put_resource_policy(ResourceArn=arn, ResourcePolicy=text)["PolicyRevisionId"]
    equal("the policy", (json.loads(c.describe_resource_policy(ResourceArn=arn)["ResourcePolicy"])["Statement"][0]["Action"], c.describe_resource_policy(ResourceArn=arn)["PolicyRevisionId"]),
          ("comprehend:ImportModel", revision))
    c.delete_resource_policy(ResourceArn=arn, PolicyRevisionId=revision)
    refused("no policy", "ResourceNotFoundException", 400, c.describe_resource_policy, ResourceArn=arn)
    refused("an encrypted model without a role", "InvalidRequestException", 400, c.import_model, SourceModelArn=arn, ModelName=f"{TAG}-copy")
    equal("no flywheels", c.list_flywheels()["FlywheelSummaryList"], [])

    c.delete_endpoint(EndpointArn=end)
    wait("the endpoint is gone", lambda: c.list_endpoints()["EndpointPropertiesList"] == [])
    c.delete_entity_recognizer(EntityRecognizerArn=arn)
    wait("the recogniser is gone", lambda: c.list_entity_recognizers()["EntityRecognizerPropertiesList"] == [])
    equal("no grant is left", site.kms.list_grants(KeyId=site.keys["model"])["Grants"], [])
    managed(site)
    held(f"custom models, at {os.environ['AWS_ENDPOINT_URL']}")


if __name__ == "__main__":
    main()
