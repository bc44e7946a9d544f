#!/usr/bin/env python3
"""Comprehend's jobs with boto3, of every kind: in a VPC, under the keys that the kind takes, read by a reader of AWS's documentation."""

import os
import sys
import time

import outputs
from walk import INTERFACES, TAG, Session, allow, equal, held, network, policy, refused

ENGLISH = [
    "Maria Lopez of Acme Corporation opened the new library in Lisbon on March 3rd.",
    "The readers loved the bright rooms, but the café was terribly slow.",
    "Write to maria.lopez@example.com or call 206-555-0123 before you pay with the card 4111 1111 1111 1111.",
    "Trains to Porto leave every hour from the old station.",
]


def documents(s3, bucket):
    """Two objects of two lines, and four objects of one document: the texts by the places that results name."""
    by_line, by_file = {}, {}
    for i in range(2):
        s3.put_object(Bucket=bucket, Key=f"lines/part-{i}.txt", Body="\n".join(ENGLISH[2 * i:2 * i + 2]).encode())
        for j in range(2):
            by_line[(f"part-{i}.txt", j)] = ENGLISH[2 * i + j]
    for i, text in enumerate(ENGLISH):
        s3.put_object(Bucket=bucket, Key=f"files/doc-{i}.txt", Body=text.encode())
        by_file[(f"doc-{i}.txt", None)] = text
    return {"ONE_DOC_PER_LINE": ("lines", by_line), "ONE_DOC_PER_FILE": ("files", by_file)}


class Site:
    """An account with a VPC, a bucket, a data access role as the guide writes it, and a key for each purpose."""

    def __init__(self, session):
        self.region = session.region_name
        self.s3, self.kms, self.comprehend, self.ec2 = (session.client(n) for n in ("s3", "kms", "comprehend", "ec2"))
        self.account = session.client("sts").get_caller_identity()["Account"]
        self.bucket = f"{TAG}-analyses"
        self.s3.create_bucket(Bucket=self.bucket)
        self.vpc, subnet, group = network(self.ec2, self.region)
        self.vpc_config = {"SecurityGroupIds": [group], "Subnets": [subnet]}
        self.keys = {name: self.kms.create_key(Description=name)["KeyMetadata"]["Arn"] for name in ("volume", "output", "model")}
        self.role = self.data_access(session.client("iam"))
        self.inputs = documents(self.s3, self.bucket)

    def data_access(self, iam):
        """Developer Guide, "Permissions required to use KMS encryption": CreateGrant, and Decrypt and GenerateDataKey by way of S3."""
        trust = policy({"Effect": "Allow", "Principal": {"Service": "comprehend.amazonaws.com"}, "Action": "sts:AssumeRole"})
        name = TAG + "-analyses"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=policy(
            allow(INTERFACES), allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{self.bucket}/*"), allow("s3:ListBucket", f"arn:aws:s3:::{self.bucket}"),
            allow("kms:CreateGrant", list(self.keys.values())),
            allow(["kms:Decrypt", "kms:GenerateDataKey"], self.keys["output"], Condition={"StringEquals": {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}})))
        return arn

    def run(self, kind, form, secluded=True, **more):
        """Runs a job of a kind to its end and gives its properties and the documents that it was given."""
        where, texts = self.inputs[form]
        if secluded:
            more.update(VpcConfig=self.vpc_config, VolumeKmsKeyId=self.keys["volume"])
        asked = dict(JobName=f"{TAG}-{kind}", DataAccessRoleArn=self.role, InputDataConfig={"S3Uri": f"s3://{self.bucket}/{where}/", "InputFormat": form},
                     OutputDataConfig={"S3Uri": f"s3://{self.bucket}/out", "KmsKeyId": self.keys["output"]}, **more)
        started = getattr(self.comprehend, f"start_{kind}_job")(**asked)
        p = self.finish(kind, started["JobId"])
        if p["JobStatus"] != "COMPLETED":
            sys.exit(f"FAIL {kind}: {p['JobStatus']}: {p.get('Message')}")
        told = dict(asked, OutputDataConfig=dict(asked["OutputDataConfig"], S3Uri=p["OutputDataConfig"]["S3Uri"]))
        equal(f"{kind}: Describe tells what was asked", {k: p.get(k) for k in told}, told)
        listed = getattr(self.comprehend, f"list_{kind}_jobs")(Filter={"JobName": asked["JobName"]})
        equal(f"{kind}: List tells the same", [v for k, v in listed.items() if k.endswith("PropertiesList")][0][0], p)
        return p, texts

    def finish(self, kind, job):
        until = time.monotonic() + 120
        while True:
            answer = getattr(self.comprehend, f"describe_{kind}_job")(JobId=job)
            p = next(v for k, v in answer.items() if k.endswith("Properties"))
            if p["JobStatus"] not in ("SUBMITTED", "IN_PROGRESS", "STOP_REQUESTED"):
                return p
            if time.monotonic() > until:
                sys.exit(f"FAIL {kind}: {p['JobStatus']} after two minutes")
            time.sleep(0.1)

    def sealed(self, kind, uri):
        """What was delivered lies under the key of the output."""
        bucket, key = outputs.split(uri)
        for o in self.s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]:
            head = self.s3.head_object(Bucket=bucket, Key=o["Key"])
            equal(f"{kind}: {o['Key'].rsplit('/', 1)[1]} lies under the key", (head["ServerSideEncryption"], head["SSEKMSKeyId"]), ("aws:kms", self.keys["output"]))

    def place(self, kind, code, p, end):
        want = f"s3://{self.bucket}/out/{self.account}-{code}-{p['JobId']}/output/{end}"
        equal(f"{kind}: the output's place", p["OutputDataConfig"]["S3Uri"], want)


def by_lines(site):
    """The kinds whose archive has one file of lines."""
    for kind, code, more, check, word in [
        ("dominant_language_detection", "LANGUAGE", {}, outputs.language, '"en"'),
        ("entities_detection", "NER", {"LanguageCode": "en"}, outputs.entities(), '"Maria Lopez"'),
        ("key_phrases_detection", "KP", {"LanguageCode": "en"}, outputs.phrases, '"the old station"'),
        ("sentiment_detection", "SENTIMENT", {"LanguageCode": "en"}, outputs.sentiment, '"NEUTRAL"'),
    ]:
        for form in site.inputs:
            p, texts = site.run(kind, form, **more)
            site.place(kind, code, p, "output.tar.gz")
            site.sealed(kind, p["OutputDataConfig"]["S3Uri"])
            files = outputs.archive(site.s3, p["OutputDataConfig"]["S3Uri"])
            equal(f"{kind}, {form}: one file", list(files), ["output"])
            equal(f"{kind}, {form}: it says {word}", word in files["output"], True)
            _, failed = outputs.by_place(outputs.lines(files["output"]), texts, check)
            equal(f"{kind}, {form}: all documents are analysed", failed, {})
    equal("the jobs' interfaces are gone", site.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [site.vpc]}])["NetworkInterfaces"], [])


def by_objects(site):
    """Targeted sentiment: a file for each object in the archive."""
    kind = "targeted_sentiment_detection"
    for form in site.inputs:
        p, texts = site.run(kind, form, LanguageCode="en")
        site.place(kind, "TS", p, "output.tar.gz")
        site.sealed(kind, p["OutputDataConfig"]["S3Uri"])
        files = outputs.archive(site.s3, p["OutputDataConfig"]["S3Uri"])
        equal(f"{kind}, {form}: a file for each object", sorted(files), sorted({f + ".out" for f, _ in texts}))
        found, failed = outputs.by_place([d for text in files.values() for d in outputs.lines(text)], texts, outputs.targeted)
        equal(f"{kind}, {form}: all documents are analysed", failed, {})
        at = next(k for k, t in texts.items() if "rooms" in t)
        said = {m["Text"]: m["MentionSentiment"]["Sentiment"] for e in found[at]["Entities"] for m in e["Mentions"]}
        told = {text: how for text, how in said.items() for word in ("rooms", "café") if word in text}
        equal(f"{kind}, {form}: what was loved and what was slow", sorted(told.values()), ["NEGATIVE", "POSITIVE"])


def subjects(site):
    """Topics: two files of CSV about all documents; the documents of one subject share a topic."""
    kind = "topics_detection"
    rows = labelled()
    site.s3.put_object(Bucket=site.bucket, Key="topics/all.txt", Body="\n".join(f"{t} {t}" for _, t in rows).encode())
    site.inputs["ONE_DOC_PER_LINE"] = ("topics", {("all.txt", i): t for i, (_, t) in enumerate(rows)})
    p, texts = site.run(kind, "ONE_DOC_PER_LINE", NumberOfTopics=3)
    site.place(kind, "TOPICS", p, "output.tar.gz")
    site.sealed(kind, p["OutputDataConfig"]["S3Uri"])
    terms, shares = outputs.topics(outputs.archive(site.s3, p["OutputDataConfig"]["S3Uri"]), 3, {f"{f}:{i}" for f, i in texts})
    equal(f"{kind}: each topic has terms", sorted(terms), ["000", "001", "002"])
    equal(f"{kind}: each document has topics", len(shares), len(rows))


def personal(site):
    """PII: places alone, and texts with what was found masked. These jobs take no VPC and no key of a volume."""
    kind = "pii_entities_detection"
    for form in site.inputs:
        p, texts = site.run(kind, form, secluded=False, LanguageCode="en", Mode="ONLY_OFFSETS")
        site.place(kind, "PII", p, "")
        site.sealed(kind, p["OutputDataConfig"]["S3Uri"])
        files = outputs.folder(site.s3, p["OutputDataConfig"]["S3Uri"])
        equal(f"{kind}, {form}: a file for each object", sorted(files), sorted({f + ".out" for f, _ in texts}))
        found, failed = outputs.by_place([d for text in files.values() for d in outputs.lines(text)], texts, outputs.pii)
        equal(f"{kind}, {form}: all documents are analysed", failed, {})
        at = next(k for k, t in texts.items() if "4111" in t)
        equal(f"{kind}, {form}: what is in one of them", {(x["Type"], texts[at][x["BeginOffset"]:x["EndOffset"]]) for x in found[at]["Entities"]},
              {("EMAIL", "maria.lopez@example.com"), ("PHONE", "206-555-0123"), ("CREDIT_DEBIT_NUMBER", "4111 1111 1111 1111")})
    for config, want in [
        (dict(MaskMode="MASK", MaskCharacter="#", PiiEntityTypes=["EMAIL", "CREDIT_DEBIT_NUMBER"]),
         "Write to ####################### or call 206-555-0123 before you pay with the card #### #### #### ####."),
        (dict(MaskMode="REPLACE_WITH_PII_ENTITY_TYPE", PiiEntityTypes=["ALL"]), "Write to [EMAIL] or call [PHONE] before you pay with the card [CREDIT_DEBIT_NUMBER]."),
    ]:
        p, texts = site.run(kind, "ONE_DOC_PER_LINE", secluded=False, LanguageCode="en", Mode="ONLY_REDACTION", RedactionConfig=config)
        files = outputs.folder(site.s3, p["OutputDataConfig"]["S3Uri"])
        equal(f"{kind}: redacted by {config['MaskMode']}", files["part-1.txt.out"].splitlines(), [want, ENGLISH[3]])


SUBJECTS = {
    "HARBOUR": ["The pilot steers", "A tugboat pulls", "The crane lifts", "Two sailors tie", "The ferry carries", "A diver checks"],
    "KITCHEN": ["The cook stirs", "A baker kneads", "The oven browns", "Two guests taste", "The knife cuts", "A kettle warms"],
    "MOUNTAIN": ["The climber crosses", "A goat jumps over", "The guide marks", "Two hikers see", "The snow hides", "An eagle circles above"],
}
OBJECTS = {
    "HARBOUR": ["the anchor of the ship", "a rope at the quay", "containers on deck", "the hull below the water", "the mast of the yacht"],
    "KITCHEN": ["the soup with pepper", "dough for the bread", "onions in butter", "the sauce of tomatoes", "a cake of almonds"],
    "MOUNTAIN": ["the ridge under the summit", "a glacier in the valley", "rocks along the trail", "the pass near the hut", "the cliff at dawn"],
}


def labelled():
    return [(name, f"{a} {b}.") for name in SUBJECTS for a in SUBJECTS[name] for b in OBJECTS[name]]


def trained(describe):
    until = time.monotonic() + 180
    while True:
        p = describe()
        if p["Status"] not in ("SUBMITTED", "TRAINING"):
            break
        if time.monotonic() > until:
            sys.exit(f"FAIL the training is {p['Status']} after three minutes")
        time.sleep(0.1)
    if p["Status"] != "TRAINED":
        sys.exit(f"FAIL the training: {p['Status']}: {p.get('Message')}")
    return p


def classification(site):
    """Training, jobs and an endpoint of classifiers of both modes, in the VPC and under all three keys."""
    site.inputs = {"ONE_DOC_PER_LINE": ("lines", site.inputs["ONE_DOC_PER_LINE"][1])}
    texts = ["The sailor ties the rope of the yacht.", "Stir the dough with butter."]
    site.s3.put_object(Bucket=site.bucket, Key="fresh/new.txt", Body="\n".join(texts).encode())
    site.inputs["ONE_DOC_PER_LINE"] = ("fresh", {("new.txt", i): t for i, t in enumerate(texts)})
    for mode in ("MULTI_CLASS", "MULTI_LABEL"):
        rows = labelled() if mode == "MULTI_CLASS" else [(name + ("|OUTDOORS" if name != "KITCHEN" else "|INDOORS"), t) for name, t in labelled()]
        site.s3.put_object(Bucket=site.bucket, Key=f"labelled/{mode}.csv", Body="".join(f"{name},{t}\n" for name, t in rows).encode())
        name = f"{TAG}-{mode.lower().replace('_', '-')}"
        arn = site.comprehend.create_document_classifier(
            DocumentClassifierName=name, Mode=mode, LanguageCode="en", DataAccessRoleArn=site.role, InputDataConfig={"S3Uri": f"s3://{site.bucket}/labelled/{mode}.csv"},
            OutputDataConfig={"S3Uri": f"s3://{site.bucket}/out", "KmsKeyId": site.keys["output"]}, VolumeKmsKeyId=site.keys["volume"], ModelKmsKeyId=site.keys["model"],
            VpcConfig=site.vpc_config)["DocumentClassifierArn"]
        p = trained(lambda: site.comprehend.describe_document_classifier(DocumentClassifierArn=arn)["DocumentClassifierProperties"])
        m = p["ClassifierMetadata"]
        known = set(SUBJECTS) | ({"OUTDOORS", "INDOORS"} if mode == "MULTI_LABEL" else set())
        equal(f"{mode}: what was learned", (m["NumberOfLabels"], m["NumberOfTrainedDocuments"] + m["NumberOfTestDocuments"]), (len(known), len(rows)))
        equal(f"{mode}: it was learned well", m["EvaluationMetrics"]["F1Score"] > 0.8, True)
        site.sealed(mode, p["OutputDataConfig"]["S3Uri"])
        equal(f"{mode}: the model lives on a grant", [g["Operations"] != [] for g in site.kms.list_grants(KeyId=site.keys["model"])["Grants"]][:1], [True])
        done, texts = site.run("document_classification", "ONE_DOC_PER_LINE", DocumentClassifierArn=arn)
        site.place("document_classification", "CLN", done, "output.tar.gz")
        site.sealed("document_classification", done["OutputDataConfig"]["S3Uri"])
        files = outputs.archive(site.s3, done["OutputDataConfig"]["S3Uri"])
        equal(f"{mode}: one file", list(files), ["predictions.jsonl"])
        check = outputs.classes(known) if mode == "MULTI_CLASS" else outputs.labels(known)
        found, _ = outputs.by_place(outputs.lines(files["predictions.jsonl"]), texts, check, number=str)
        best = [max(d.get("Classes") or d["Labels"], key=lambda x: x["Score"] if x["Name"] in SUBJECTS else 0)["Name"] for _, d in sorted(found.items())]
        equal(f"{mode}: the documents are told apart", best, ["HARBOUR", "KITCHEN"])
        at_endpoint(site, arn, name, list(texts.values()), best)
        site.comprehend.delete_document_classifier(DocumentClassifierArn=arn)
    wait("the models' grants end with them", lambda: site.kms.list_grants(KeyId=site.keys["model"])["Grants"] == [])
    equal("no job's grant is left", site.kms.list_grants(KeyId=site.keys["volume"])["Grants"], [])


VESSELS = ["Aurora", "Blue Heron", "Calypso", "Dawn Treader", "Estrella", "Far Horizon", "Golden Hind", "Halcyon", "Iron Duke", "Juno"]
BERTHS = ["Pier Nine", "North Quay", "Basin Four", "Tar Wharf", "Lock Seven"]
SENTENCES = ["The {} lies at {} until Friday.", "We moved the {} from {} before the storm.", "Nobody had seen the {} near {} all week.", "Since dawn the {} has been waiting off {}."]


def moored():
    """Texts with their entities: (begin, end, type)."""
    out = []
    for i, vessel in enumerate(VESSELS):
        for j, berth in enumerate(BERTHS):
            text = SENTENCES[(i + j) % len(SENTENCES)].format(vessel, berth)
            out.append((text, [(text.index(x), text.index(x) + len(x), kind) for x, kind in ((vessel, "VESSEL"), (berth, "BERTH"))]))
    return out


def recognition(site):
    """Training, a job and an endpoint of a recogniser of annotated lines, in the VPC and under the keys of volume and model."""
    rows = moored()
    site.s3.put_object(Bucket=site.bucket, Key="moored/texts.txt", Body="\n".join(t for t, _ in rows).encode())
    marks = [f"texts.txt,{i},{b},{e},{kind}" for i, (_, found) in enumerate(rows) for b, e, kind in found]
    site.s3.put_object(Bucket=site.bucket, Key="annotations.csv", Body="\n".join(["File,Line,Begin Offset,End Offset,Type", *marks]).encode())
    name = f"{TAG}-moored"
    arn = site.comprehend.create_entity_recognizer(
        RecognizerName=name, LanguageCode="en", DataAccessRoleArn=site.role, VolumeKmsKeyId=site.keys["volume"], ModelKmsKeyId=site.keys["model"], VpcConfig=site.vpc_config,
        InputDataConfig={"EntityTypes": [{"Type": "VESSEL"}, {"Type": "BERTH"}], "Documents": {"S3Uri": f"s3://{site.bucket}/moored/", "InputFormat": "ONE_DOC_PER_LINE"},
                         "Annotations": {"S3Uri": f"s3://{site.bucket}/annotations.csv"}})["EntityRecognizerArn"]
    p = trained(lambda: site.comprehend.describe_entity_recognizer(EntityRecognizerArn=arn)["EntityRecognizerProperties"])
    m = p["RecognizerMetadata"]
    equal("recogniser: what was learned", ({t["Type"] for t in m["EntityTypes"]}, m["NumberOfTrainedDocuments"] + m["NumberOfTestDocuments"]), ({"VESSEL", "BERTH"}, len(rows)))
    equal("recogniser: metrics are of the scale 0-100", 80 < m["EvaluationMetrics"]["F1Score"] <= 100, True)
    texts = ["Yesterday the Calypso was off Tar Wharf.", "Nothing happened."]
    site.s3.put_object(Bucket=site.bucket, Key="seen/new.txt", Body="\n".join(texts).encode())
    site.inputs["ONE_DOC_PER_LINE"] = ("seen", {("new.txt", i): t for i, t in enumerate(texts)})
    done, given = site.run("entities_detection", "ONE_DOC_PER_LINE", LanguageCode="en", EntityRecognizerArn=arn)
    site.place("entities_detection", "NER", done, "output.tar.gz")
    found, _ = outputs.by_place(outputs.lines(outputs.archive(site.s3, done["OutputDataConfig"]["S3Uri"])["output"]), given, outputs.entities({"VESSEL", "BERTH"}))
    want = {("VESSEL", "Calypso"), ("BERTH", "Tar Wharf")}
    equal("recogniser: what a job finds", {(x["Type"], x["Text"]) for x in found[("new.txt", 0)]["Entities"]}, want)
    end = site.comprehend.create_endpoint(EndpointName=name, ModelArn=arn, DesiredInferenceUnits=1)["EndpointArn"]
    wait("the endpoint serves", lambda: site.comprehend.describe_endpoint(EndpointArn=end)["EndpointProperties"]["Status"] == "IN_SERVICE")
    out = site.comprehend.detect_entities(EndpointArn=end, Text=texts[0])
    equal("recogniser: what the endpoint finds", {(x["Type"], x["Text"]) for x in out["Entities"]}, want)
    site.comprehend.delete_endpoint(EndpointArn=end)


def at_endpoint(site, model, name, texts, best):
    arn = site.comprehend.create_endpoint(EndpointName=name[:40], ModelArn=model, DesiredInferenceUnits=1)["EndpointArn"]
    wait("the endpoint serves", lambda: site.comprehend.describe_endpoint(EndpointArn=arn)["EndpointProperties"]["Status"] == "IN_SERVICE")
    for i, document in enumerate([dict(Text=texts[0]), dict(Bytes=texts[1].encode())]):
        until = time.monotonic() + 60
        while True:
            try:
                out = site.comprehend.classify_document(EndpointArn=arn, **document)
                break
            except site.comprehend.exceptions.TooManyRequestsException:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        first = max(out.get("Classes") or out["Labels"], key=lambda x: x["Score"] if x["Name"] in SUBJECTS else 0)
        equal(f"the endpoint says {best[i]} of {next(iter(document))}", first["Name"], best[i])
        equal("bytes have a type and pages", [t["Type"] for t in out.get("DocumentType", [])], ["PLAIN_TEXT"] * i)
    refused("a PDF file", "InvalidRequestException", 400, site.comprehend.classify_document, EndpointArn=arn, Bytes=b"%PDF-1.7")
    refused("a model that serves", "ResourceInUseException", 400, site.comprehend.delete_document_classifier, DocumentClassifierArn=model)
    site.comprehend.delete_endpoint(EndpointArn=arn)

    def gone():
        try:
            site.comprehend.describe_endpoint(EndpointArn=arn)
        except site.comprehend.exceptions.ResourceNotFoundException:
            return True
        return False

    wait("the endpoint is gone", gone)


def wait(what, holds):
    until = time.monotonic() + 60
    while not holds():
        if time.monotonic() > until:
            sys.exit(f"FAIL {what}: not after a minute")
        time.sleep(0.1)
    held(what)


def early(site):
    """What Start refuses."""
    base = dict(DataAccessRoleArn=site.role, InputDataConfig={"S3Uri": f"s3://{site.bucket}/lines/"}, OutputDataConfig={"S3Uri": f"s3://{site.bucket}/out"})
    start = site.comprehend
    refused("Japanese key phrases", "UnsupportedLanguageException", 400, start.start_key_phrases_detection_job, LanguageCode="ja", **base)
    refused("a redaction without its configuration", "InvalidRequestException", 400, start.start_pii_entities_detection_job, LanguageCode="en", Mode="ONLY_REDACTION", **base)
    refused("an alias for the volume", "KmsKeyValidationException", 400, start.start_topics_detection_job, VolumeKmsKeyId="alias/x", **base)
    refused("101 topics", "ValidationException", 400, start.start_topics_detection_job, NumberOfTopics=101, **base)
    refused("a classification without a classifier", "InvalidRequestException", 400, start.start_document_classification_job, **base)
    refused("a recogniser that is none", "ResourceNotFoundException", 400, start.start_entities_detection_job, LanguageCode="en",
            EntityRecognizerArn=f"arn:aws:comprehend:{site.region}:{site.account}:entity-recognizer/none", **base)
    refused("events", "InvalidRequestException", 400, start.start_events_detection_job, LanguageCode="en", TargetEventTypes=["BANKRUPTCY"], **base)
    equal("there are none of them", start.list_events_detection_jobs()["EventsDetectionJobPropertiesList"], [])


def main():
    site = Site(Session())
    early(site)
    by_lines(site)
    by_objects(site)
    personal(site)
    subjects(site)
    classification(site)
    recognition(site)
    held(f"every kind of job, at {os.environ['AWS_ENDPOINT_URL']}")


if __name__ == "__main__":
    main()
