package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	const (
		syntax = "Syntax errors in policy."
		legacy = "The policy failed legacy parsing"
		arnish = `must be in ARN format or "*".`
	)
	one := func(s string) string { return `{"Version":"2012-10-17","Statement":[{` + s + `}]}` }
	const rest = `,"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`
	const trust = `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`
	cond := func(c string) string { return one(`"Condition":` + c + rest) }
	for _, c := range []struct {
		kind          Kind
		text, message string
		hint          string // a part of it
	}{
		{Identity, ``, syntax, "empty"},
		{Identity, "\ufeff{}", syntax, "byte order mark"},
		{Identity, `[]`, syntax, "not a list"},
		{Identity, "Version: '2012-10-17'", syntax, "YAML"},
		{Identity, "// a\n{}", syntax, "comments"},
		{Identity, `{"Statement":[/*x*/]}`, syntax, "comments"},
		{Identity, `{'Version':1}`, syntax, "element name in double quotes"},
		{Identity, "{\"Version\":\u201c2012-10-17\u201d}", syntax, "typographic"},
		{Identity, `{"Version":'2012-10-17'}`, syntax, "double quotes"},
		{Identity, `{"Version":"2012-10-17" "Statement":[]}`, syntax, "comma is missing"},
		{Identity, `{"Version":"2012-10-17",}`, syntax, "trailing comma"},
		{Identity, one(`"Action":["a:b",]`), syntax, "trailing comma"},
		{Identity, one(`"Action":[,"a:b"]`), syntax, "missing before the comma"},
		{Identity, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}`, syntax, "not closed"},
		{Identity, `{"Statement":[{"Effect":"Allow"]}`, syntax, "'}' is expected"},
		{Identity, `{"Version":"2012-10-17"}}`, syntax, "too many"},
		{Identity, `{"Version":"2012-10-17"} {"Version":"2012-10-17"}`, syntax, "second document"},
		{Identity, `{"Version":"2012-10-17","Version":"2012-10-17"}`, syntax, "stands twice"},
		{Identity, "{\"Version\":\"2012\n-10\"}", syntax, "end of the line"},
		{Identity, "{\"Version\":\"\xff\"}", syntax, "UTF-8"},
		{Identity, `{"Version":"\x"}`, syntax, "escape"},
		{Identity, `{"Version":"\ud800"}`, syntax, "escape"},
		{Identity, `{"Version":012}`, syntax, "JSON number"},
		{Identity, `{"Version":nul}`, syntax, "expected here"},
		{Identity, `{"Version":"x`, syntax, "not closed"},
		{Identity, strings.Repeat(`{"a":`, 100), syntax, "deeply"},
		{Identity, `{"version":"2012-10-17","Statement":[]}`, syntax, `did you mean "Version"`},
		{Identity, `{"Version":"2012-10-17","Statements":[]}`, syntax, `did you mean "Statement"`},
		{Identity, `{"Version":"2012-10-17"}`, syntax, "no Statement"},
		{Identity, `{"Version":"2012-10-17","Statement":[]}`, syntax, "empty list"},
		{Identity, `{"Version":"2012-10-17","Statement":"x"}`, syntax, "an object or a list"},
		{Identity, `{"Version":"2012-10-17","Statement":["x"]}`, syntax, "an object, not a string"},
		{Identity, `{"Version":"2026-11-22",` + one(rest[1:])[len(`{"Version":"2012-10-17",`):], syntax, "2012-10-17"},
		{Identity, `{"Version":20121017,"Statement":[]}`, syntax, "a string, not a number"},
		{Identity, `{"Id":"x",` + one(rest[1:])[1:], syntax, "Id is not allowed"},
		{Identity, one(`"Action":"s3:*","Resource":"*"`), syntax, "no Effect"},
		{Identity, one(`"Effect":"allow","Action":"s3:*","Resource":"*"`), legacy, "capital"},
		{Identity, one(`"Effect":"Permit","Action":"s3:*","Resource":"*"`), syntax, "Permit"},
		{Identity, one(`"Effect":["Allow"],"Action":"s3:*","Resource":"*"`), syntax, "a string, not a list"},
		{Identity, one(`"Principal":"*"` + rest), "Policy document should not specify a principal.", "no Principal"},
		{Identity, one(`"NotPrincipal":"*"` + rest), "Policy document should not specify a principal.", "no Principal"},
		{Identity, one(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions.", "no Action"},
		{Identity, one(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions.", "nothing"},
		{Identity, one(`"Effect":"Allow","Action":[1],"Resource":"*"`), syntax, "a string, not a number"},
		{Identity, one(`"NotAction":"a:b"` + rest), syntax, "not both"},
		{Identity, one(`"NotResource":"*"` + rest), syntax, "not both"},
		{Identity, one(`"Effect":"Allow","Action":"s3:*"`), "Policy statement must contain resources.", "no Resource"},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":[]`), "Policy statement must contain resources.", "nothing"},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"bucket"`), "Resource bucket " + arnish, "partition"},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:gcp:s3:::b"`), `Partition "gcp" is not valid for resource "arn:gcp:s3:::b".`, ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s?:::b"`), "Resource vendor must be fully qualified and cannot contain regexes.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam:us-east-1:1:role/x"`), "IAM resource arn:aws:iam:us-east-1:1:role/x cannot contain region information.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam::1:rolle/x"`), "IAM resource path must", ""},
		{Identity, one(`"Effect":"Allow","Action":"GetObject","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:a:b","Resource":"*"`), "Actions/Condition can contain only one colon.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s*:Get","Resource":"*"`), "Vendor s* is not valid", ""},
		{Identity, one(`"Sid":"a b"` + rest), "Statement IDs (SID) must be alpha-numeric", ""},
		{Identity, `{"Statement":[{"Sid":"a"` + rest + `},{"Sid":"a"` + rest + `}]}`, "Statement IDs (SID) in a single policy must be unique.", ""},
		{Identity, cond(`[]`), syntax, "an object"},
		{Identity, cond(`{"StringIs":{"a:b":"c"}}`), syntax, "no condition operator"},
		{Identity, cond(`{"stringequals":{"a:b":"c"}}`), syntax, "StringEquals"},
		{Identity, cond(`{"NullIfExists":{"a:b":"true"}}`), syntax, "IfExists"},
		{Identity, cond(`{"aws:SourceVpc":"vpc-1"}`), syntax, "condition key"},
		{Identity, cond(`{"StringEquals":"x"}`), syntax, "an object"},
		{Identity, cond(`{"StringEquals":{"a:b":{}}}`), syntax, "a string, number"},
		{Identity, cond(`{"StringEquals":{"a:b":null}}`), syntax, "null"},
		{Identity, cond(`{"StringEquals":{"a:b":"c","A:B":"d"}}`), syntax, "ignore case"},
		{Identity, cond(`{"StringEquals":{"ab":"c"}}`), syntax, "service:Name"},
		{Identity, cond(`{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), legacy, "a date"},
		{Identity, cond(`{"NumericEquals":{"a:b":"12abc"}}`), legacy, "a number"},
		{Identity, cond(`{"IpAddress":{"a:b":"10.0.0.0/33"}}`), legacy, "an address"},
		{Identity, cond(`{"Bool":{"a:b":"yes"}}`), legacy, "true or false"},
		{Identity, cond(`{"Null":{"a:b":"absent"}}`), legacy, "absent"},
		{Identity, cond(`{"BinaryEquals":{"a:b":"%"}}`), legacy, "base64"},
		{Identity, cond(`{"ArnLike":{"a:b":"key"}}`), legacy, "an ARN"},
		{Identity, `{"Version":"2012-10-17","Statement":`, syntax, "ends too early"},
		{Identity, `{"Version":}`, syntax, "a value is missing before '}'"},
		{Identity, `{"Version":2012x}`, syntax, "a comma or '}' is expected"},
		{Identity, `{"Version":[1}`, syntax, "']' is expected here"},
		{Identity, `{"Version":[1 2]}`, syntax, "a comma or ']' is expected"},
		{Identity, `{"Version":["a"b]}`, syntax, "a comma or ']' is expected"},
		{Identity, `{"Version":["a" "b"]}`, syntax, "comma is missing"},
		{Identity, `{"Version":[1`, syntax, "the bracket opened at line 1, column 12 is not closed"},
		{Identity, `{"Version":1.}`, syntax, "JSON number"},
		{Identity, `{"Version":1.5e}`, syntax, "JSON number"},
		{Identity, `{"Version":-}`, syntax, "JSON number"},
		{Identity, `{"Version":1.5e+3}`, syntax, "a string, not a number"},
		{Identity, `{"Version":"\`, syntax, "ends in an escape"},
		{Identity, `{"Version":"\u12`, syntax, "escape"},
		{Identity, `{"Version":"\u12g4"}`, syntax, "escape"},
		{Identity, `{"Version":"\ud800\u0041"}`, syntax, "escape"},
		{Identity, `{"Ver\x":1}`, syntax, "escape"},
		{Identity, `{"Version":#}`, syntax, "comments"},
		{Identity, `{"Version" 1}`, syntax, "a colon is expected"},
		{Identity, `"text"`, syntax, "begins with '{'"},
		{Identity, `{"Version":"2012-10-17"},`, syntax, "second document"},
		{Identity, `{"Version":"2012-10-17"} x`, syntax, "remove what follows"},
		{Identity, one(`"Effect":"Allow","Action":{"a":1},"Resource":"*"`), syntax, "a string or a list of strings, not an object"},
		{Identity, one(`"Sid":1` + rest), syntax, "Sid must be a string"},
		{Identity, `{"Id":1,` + one(rest[1:])[1:], syntax, "Id"},
		{Identity, one(`"Effect":"Allow","Action":"s3:","Resource":"*"`), syntax, "missing after the colon"},
		{Identity, one(`"Effect":"Allow","Action":":Get","Resource":"*"`), "Vendor  is not valid", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"`), "Resource vendor must be fully qualified and cannot contain regexes.", ""},
		{Identity, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws::::b"`), "Resource vendor must be fully qualified and cannot contain regexes.", ""},
		{Identity, cond(`{"NullIfExists":{"a:b":"true"}}`), syntax, "Null takes neither"},
		{Identity, cond(`{"forallvalues:stringequalsifexists":{"a:b":"c"}}`), syntax, "operators are spelt exactly: ForAllValues:StringEqualsIfExists"},
		{Identity, cond(`{"StringEquals":{":b":"c"}}`), syntax, "service:Name"},
		{Identity, cond(`{"StringEquals":{"a:b":[[]]}}`), syntax, "not a list"},
		{Identity, cond(`{"NumericEquals":{"a:b":true}}`), legacy, "a number"},
		// a syntax error is told before a wrong-case Effect, wherever they stand
		{Identity, `{"Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Is":{"a:b":"c"}}}]}`, syntax, "Is"},
		{Identity, `{"Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3","NotAction":"s3:*","Resource":"*"}]}`, syntax, "not both"},
		// of two that break the same rule, the first in the text
		{Identity, `{"Statement":[{"Effect":"Allow","Action":"a","Resource":"*"},{"Effect":"Allow","Action":"b","Resource":"*"}]}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", ""},
		// the first rule of IAM's order wins, wherever it is broken
		{Identity, `{"Statement":[{"Effect":"Allow","Action":"x","Resource":"*"},{"Efect":"Allow"}]}`, syntax, "Efect"},

		{Trust, `nope`, "This policy contains invalid Json", ""},
		{Trust, `{"Version":"1","Statement":[]}`, "Could not parse the policy: Statement is empty!", ""},
		{Trust, `{"Version":"1","Statement":[{` + trust + `}]}`, "The policy must contain a valid version string", ""},
		{Trust, one(`"Principal":"*","Action":"sts:AssumeRole"`), "Missing required field Effect", ""},
		{Trust, one(`"Effect":"Allow","Action":"sts:AssumeRole"`), "Missing required field Principal", ""},
		{Trust, one(`"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"`), "Missing required field Principal cannot be empty!", ""},
		{Trust, one(`"Effect":"Allow","Principal":"*"`), "Missing required field Action", ""},
		{Trust, one(trust + `,"Resource":"*"`), "Has prohibited field Resource", ""},
		{Trust, one(trust + `,"NotResource":"*"`), "AssumeRole policy must not contain resources.", ""},
		{Trust, one(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject"`), "AssumeRole policy may only specify STS AssumeRole actions.", "its own policies"},
		{Trust, one(`"Effect":"Allow","Principal":"*","Action":"*"`), "AssumeRole policy may only specify STS AssumeRole actions.", ""},
		{Trust, one(`"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`), "Allow with NotPrincipal is not allowed.", ""},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"`, "wildcards"},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/g"`, "group"},
		{Trust, one(`"Effect":"Allow","Principal":{"Service":"comprehend"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "Service":"comprehend"`, "comprehend.amazonaws.com"},
		{Trust, one(`"Effect":"Yes","Principal":"*","Action":"sts:AssumeRole"`), "Invalid effect: Yes", ""},
		{Trust, one(`"Effect":"Allow","Principal":{"Aws":"*"},"Action":"sts:AssumeRole"`), syntax, `did you mean "AWS"`},
		{Trust, `{"Statement":[{"Sid":"a",` + trust + `},{"Sid":"a",` + trust + `}]}`, "The Statement Ids in the policy are not unique", ""},
		{Trust, one(trust + `,"Condition":{"StringEquals":{"sts:ExternalId":"` + strings.Repeat("x", 2048) + `"}}`), "Cannot exceed quota for ACLSizePerRole: 2048", ""},

		{Trust, one(`"Principal":"*","NotPrincipal":"*","Effect":"Deny","Action":"sts:AssumeRole"`), syntax, "not both"},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":[]},"Action":"sts:AssumeRole"`), "Missing required field Principal cannot be empty!", ""},
		{Trust, one(`"Effect":"Allow","Principal":["*"],"Action":"sts:AssumeRole"`), syntax, "Principal must be an object"},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:s3:::b"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:s3:::b"`, "names no account"},
		{Trust, one(`"Effect":"Allow","Principal":{"Federated":"*"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "Federated":"*"`, "wildcards"},
		{Trust, one(`"Effect":"Allow","Principal":{"CanonicalUser":""},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "CanonicalUser":""`, ""},
		{Endpoint, one(`"Effect":"Allow","Action":"s3:*","Resource":"*"`), syntax, "an endpoint policy says in each statement for whom"},
		{SCP, one(`"Principal":"*"` + rest), "Policy document should not specify a principal.", "an scp policy has no Principal"},
		{Bucket, one(`"Principal":"*","Condition":{"StringEquals":{"s3:NoSuchKey":"x"}}` + rest), "Policy has an invalid condition key", "S3 knows no key s3:NoSuchKey"},
		{Bucket, one(`"Principal":"*","Condition":{"StringEquals":{"aws:SourceVcp":"x"}}` + rest), "Policy has an invalid condition key", "S3 knows no key aws:SourceVcp"},
		{Bucket, `Version: 1`, "Policies must be valid JSON and the first byte must be '{'", "YAML"},
		{Bucket, `{"Version"}`, "This policy contains invalid Json", ""},
		{Bucket, `{}`, "Missing required field Statement", ""},
		{Bucket, one(rest[1:]), "Missing required field Principal", ""},
		{Bucket, one(`"Principal":"bob"` + rest), "Invalid principal in policy", ""},
		{Bucket, one(`"Principal":{"AWS":"bob"}` + rest), "Invalid principal in policy", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"ec2:Run","Resource":"arn:aws:s3:::b"`), "Policy has invalid action", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:ListObjects","Resource":"arn:aws:s3:::b"`), "Policy has invalid action", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:Get?","Resource":"arn:aws:s3:::b"`), "Policy has invalid action", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:","Resource":"arn:aws:s3:::b"`), "Policy has invalid action", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":[],"Resource":"arn:aws:s3:::b"`), "Policy has invalid action", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:GetObject","Resource":[]`), "Policy has invalid resource", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:ec2:::b/x"`), "Policy has invalid resource", ""},
		{Bucket, one(`"Principal":"*","Condition":{"StringEquals":{"ec2:Vpc":"x"}}` + rest), "Policy has an invalid condition key", ""},
		{Bucket, one(`"Principal":"*","Condition":{"Equals":{"aws:x":"x"}}` + rest), "Invalid Condition type : Equals", ""},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b"`), "Action does not apply to any resource(s) in statement", "arn:aws:s3:::b/*"},
		{Bucket, one(`"Principal":"*","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b/*"`), "Action does not apply to any resource(s) in statement", "without a path"},
		{Bucket, one(`"Principal":"*","Extra":1` + rest), "Invalid policy syntax.", "Extra"},
		{Key, one(`"Effect":"Allow","Action":"kms:*","Resource":"*"`), syntax, "Principal"},
		{Endpoint, one(`"Effect":"Allow","Action":"s3:*","Resource":"*"`), syntax, "Principal"},
		{Endpoint, one(`"Principal":"*","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}` + rest), legacy, "no wildcards"},
		{Endpoint, one(`"Principal":"*","Condition":{"NumericEquals":{"aws:PrincipalAccount":1}}` + rest), legacy, "no numeric"},
		{Endpoint, one(`"Principal":"*","Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:*:1111*:vpc/*"`), "Resource arn:aws:ec2:*:1111*:vpc/* is not valid.", ""},
	} {
		_, err := Parse([]byte(c.text), c.kind)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%s %s: taken (%v)", c.kind, c.text, err)
			continue
		}
		if !strings.HasPrefix(se.Message, c.message) || !strings.Contains(se.Hint, c.hint) {
			t.Errorf("%s %.120s:\n got %v\nwant %s ... %s", c.kind, c.text, se, c.message, c.hint)
		}
		if se.Offset < 0 || se.Offset > len(c.text) || se.Line < 1 || se.Column < 1 || se.Code == "" {
			t.Errorf("%s: place %+v", c.text, se)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
	}{
		{Identity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		{Identity, " \n{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"\",\"Effect\":\"Deny\",\"NotAction\":[\"iam:*\"],\"NotResource\":[\"arn:aws:s3:*\"],\"Condition\":{}}]}\t"},
		{Identity, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/*Comprehend*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":300},"Bool":{"aws:SecureTransport":true}}}]}`},
		{Identity, `{"Statement":{"Effect":"Allow","Action":"s3:Get\u004fbject","Resource":"arn:aws:s3:::\ud83d\ude00/*"}}`},
		{Trust, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com","AWS":["111122223333","AROAEXAMPLEEXAMPLE01"]},"Action":["sts:AssumeRole","sts:TagSession"]}]}`},
		{Bucket, `{"Id":"P1","Statement":[{"Sid":"with space","Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}`},
		{Bucket, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"StringEquals":{"aws:sourceVpc":"v","s3:prefix":"p","s3:x-amz-acl":"a","s3:ExistingObjectTag/Team":"t","s3:RequestObjectTag/Team":"t","aws:PrincipalTag/Team":"t","aws:RequestTag/A":"b","S3:Signatureversion":"AWS4-HMAC-SHA256","aws:PrincipalOrgID":"o-1"}}}}`},
		{Identity, `{"Statement":{"Effect":"Allow","Action":"iam:*","Resource":["arn:aws:iam::111122223333:role*","arn:aws:iam::111122223333:root","arn:aws:iam::*:*","arn:aws:s3:*","arn:aws:ec2:*:*:*/*","arn:*:s3:::b","arn:aws-cn:s3:::b"]}}`},
		{Endpoint, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},"Action":"s3:*","Resource":"arn:aws:ec2:*:111122223333:vpc/*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"},"StringLike":{"aws:PrincipalArn":"arn:*"}}}]}`},
		{Key, `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`},
		{Endpoint, `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`},
	} {
		d, err := Parse([]byte(c.text), c.kind)
		if err != nil {
			t.Errorf("%s %s: %v", c.kind, c.text, err)
			continue
		}
		if d.Len() != 1 || d.Text() != c.text || d.Kind() != c.kind {
			t.Errorf("%s: %+v", c.text, d)
		}
	}
}

func TestReadIsLenient(t *testing.T) {
	d, err := Read([]byte(`{"Statement":[{"Effect":"Allow","Action":"x","Resource":"bucket","Condition":{"NUMERICEQUALS":{"a":"12abc"}}}]}`), Identity)
	if err != nil || d.Len() != 1 {
		t.Fatal(err)
	}
	if _, err := Read([]byte(`{"Statement":[{"Effect":"Allow","Action":"x","Resource":"*","Condition":{"Is":{"a":"b"}}}]}`), Identity); err == nil {
		t.Error("an unknown operator can't be evaluated")
	}
}
