"""Reads what Comprehend's jobs deliver, written from AWS's documentation alone: Amazon Comprehend Developer Guide, "Asynchronous batch
processing" (outputs of each analysis, errors of documents), "Outputs for asynchronous analysis" (custom classification), "Topic
modeling", "Detecting PII entities". Each reader checks all that the guide says of a result, and fails at the first that is different.
"""

import csv
import io
import json
import tarfile

ENTITIES = {"PERSON", "LOCATION", "ORGANIZATION", "COMMERCIAL_ITEM", "EVENT", "DATE", "QUANTITY", "TITLE", "OTHER"}
TARGETS = {"PERSON", "LOCATION", "ORGANIZATION", "FACILITY", "BRAND", "COMMERCIAL_ITEM", "MOVIE", "MUSIC", "BOOK", "SOFTWARE", "GAME",
           "PERSONAL_TITLE", "EVENT", "DATE", "QUANTITY", "ATTRIBUTE", "OTHER"}
PII = set("""ADDRESS AGE AWS_ACCESS_KEY AWS_SECRET_KEY CREDIT_DEBIT_CVV CREDIT_DEBIT_EXPIRY CREDIT_DEBIT_NUMBER DATE_TIME DRIVER_ID EMAIL
    INTERNATIONAL_BANK_ACCOUNT_NUMBER IP_ADDRESS LICENSE_PLATE MAC_ADDRESS NAME PASSWORD PHONE PIN SWIFT_CODE URL USERNAME VEHICLE_IDENTIFICATION_NUMBER
    CA_HEALTH_NUMBER CA_SOCIAL_INSURANCE_NUMBER IN_AADHAAR IN_NREGA IN_PERMANENT_ACCOUNT_NUMBER IN_VOTER_NUMBER UK_NATIONAL_HEALTH_SERVICE_NUMBER
    UK_NATIONAL_INSURANCE_NUMBER UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER BANK_ACCOUNT_NUMBER BANK_ROUTING PASSPORT_NUMBER
    US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER SSN""".split())
SENTIMENTS = {"POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"}


def need(condition, what, *more):
    if not condition:
        raise ValueError(what + ": " + ", ".join(repr(m) for m in more))


def members(d, *names):
    need(set(d) == set(names), "the members are not " + " ".join(names), d)


def score(x):
    need(isinstance(x, (int, float)) and 0 <= x <= 1, "a score is from 0 to 1", x)


def split(uri):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return bucket, key


def archive(s3, uri):
    """The files in output.tar.gz, by name."""
    bucket, key = split(uri)
    need(key.endswith("/output/output.tar.gz"), "the output is an archive", uri)
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()), mode="r:gz") as tar:
        return {m.name: tar.extractfile(m).read().decode() for m in tar.getmembers()}


def folder(s3, uri):
    """The objects below a prefix, by name."""
    bucket, prefix = split(uri)
    need(prefix.endswith("/output/"), "the output is a folder", uri)
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return {k.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=k)["Body"].read().decode() for k in keys}


def lines(text):
    need(text.endswith("\n") or not text, "the last line ends")
    return [json.loads(line) for line in text.splitlines()]


def place(d):
    """File and line that a result is about, taken out of it."""
    file, line = d.pop("File"), d.pop("Line", None)
    return file, line


def by_place(results, documents, check, number=int):
    """Each document has one result, which `check` reads; documents are {(file, line): text}. Those with an error instead are told apart."""
    left, failed, out = dict(documents), {}, {}
    for d in results:
        at = place(d)
        need(at[1] is None or isinstance(at[1], number), "a line's number", at)
        at = (at[0], None if at[1] is None else int(at[1]))
        need(at in left, "a result without its document, or two of one", at)
        text = left.pop(at)
        if "ErrorCode" in d:
            members(d, "ErrorCode", "ErrorMessage")
            failed[at] = d["ErrorCode"]
            continue
        check(d, text)
        out[at] = d
    need(not left, "documents without a result", sorted(left))
    return out, failed


def quoted(x, text):
    """A span's text is what stands between its offsets, in code points."""
    need(text[x["BeginOffset"]:x["EndOffset"]] == x["Text"] and x["BeginOffset"] < x["EndOffset"], "the offsets are those of the text", x)
    score(x["Score"])


def language(d, _):
    members(d, "Languages")
    for x in d["Languages"]:
        members(x, "LanguageCode", "Score")
        score(x["Score"])


def entities(kinds=None):
    def check(d, text):
        members(d, "Entities")
        for x in d["Entities"]:
            members(x, "BeginOffset", "EndOffset", "Score", "Text", "Type")
            quoted(x, text)
            need(x["Type"] in (kinds or ENTITIES), "a type of entity", x)
    return check


def phrases(d, text):
    members(d, "KeyPhrases")
    for x in d["KeyPhrases"]:
        members(x, "BeginOffset", "EndOffset", "Score", "Text")
        quoted(x, text)


def sentiment(d, _):
    members(d, "Sentiment", "SentimentScore")
    need(d["Sentiment"] in SENTIMENTS, "a sentiment", d)
    members(d["SentimentScore"], "Mixed", "Negative", "Neutral", "Positive")
    for x in d["SentimentScore"].values():
        score(x)
    need(abs(sum(d["SentimentScore"].values()) - 1) < 0.01, "the scores are of one distribution", d)
    best = max(d["SentimentScore"], key=d["SentimentScore"].get)
    need(best.upper() == d["Sentiment"], "the sentiment is the one of the best score", d)


def targeted(d, text):
    members(d, "Entities")
    for e in d["Entities"]:
        members(e, "DescriptiveMentionIndex", "Mentions")
        need(e["Mentions"] and all(0 <= i < len(e["Mentions"]) for i in e["DescriptiveMentionIndex"]), "the mentions that describe it", e)
        for m in e["Mentions"]:
            members(m, "BeginOffset", "EndOffset", "Score", "GroupScore", "Text", "Type", "MentionSentiment")
            quoted(m, text)
            score(m["GroupScore"])
            need(m["Type"] in TARGETS, "a type of target", m)
            sentiment(dict(m["MentionSentiment"]), text)


def pii(d, text):
    members(d, "Entities")
    for x in d["Entities"]:
        members(x, "BeginOffset", "EndOffset", "Score", "Type")
        score(x["Score"])
        need(x["Type"] in PII and 0 <= x["BeginOffset"] < x["EndOffset"] <= len(text), "a type and a place", x)


def classes(known):
    def check(d, _):
        members(d, "Classes")
        need(1 <= len(d["Classes"]) <= 3, "the best three", d)
        for x in d["Classes"]:
            members(x, "Name", "Score")
            score(x["Score"])
            need(x["Name"] in known, "a class", x)
        scores = [x["Score"] for x in d["Classes"]]
        need(scores == sorted(scores, reverse=True), "the best is first", d)
    return check


def labels(known):
    def check(d, _):
        members(d, "Labels")
        for x in d["Labels"]:
            members(x, "Name", "Score")
            score(x["Score"])
            need(x["Name"] in known, "a label", x)
    return check


def topics(files, count, documents):
    """topic-terms.csv and doc-topics.csv."""
    need(set(files) == {"topic-terms.csv", "doc-topics.csv"}, "the files", sorted(files))
    terms = list(csv.DictReader(io.StringIO(files["topic-terms.csv"])))
    need(list(terms[0]) == ["topic", "term", "weight"], "the header", terms[0])
    by = {}
    for t in terms:
        need(len(t["topic"]) == 3 and t["topic"].isdigit() and int(t["topic"]) < count and t["term"], "a term of a topic", t)
        score(float(t["weight"]))
        by.setdefault(t["topic"], []).append(t["term"])
    need(all(len(set(v)) == len(v) <= 10 for v in by.values()), "ten terms a topic at most, each once", by)
    shares = {}
    for d in csv.DictReader(io.StringIO(files["doc-topics.csv"])):
        need(list(d) == ["docname", "topic", "proportion"], "the header", d)
        need(d["docname"] in documents and d["topic"] in by, "a document and a topic", d)
        score(float(d["proportion"]))
        shares.setdefault(d["docname"], {})[d["topic"]] = float(d["proportion"])
    for name, s in shares.items():
        need(sum(s.values()) < 1.01, "the shares of a document", name, s)
    return by, shares
