package lint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/action"
	"cloister/internal/core/policy"
)

// show writes findings as "SEVERITY@STATEMENT: a line", cut to what the case wants to see.
func show(fs []Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s@%d: %s (%s)", f.Severity, f.Statement, f.Text, f.Hint))
	}
	return out
}

// want compares findings with patterns "SEVERITY part of the text or hint | another part", one a finding, in any order.
func want(t *testing.T, name string, got []Finding, patterns ...string) {
	t.Helper()
	lines := show(got)
	ok := len(lines) == len(patterns)
	for _, p := range patterns {
		severity, rest, _ := strings.Cut(p, " ")
		ok = ok && slices.ContainsFunc(lines, func(l string) bool {
			for part := range strings.SplitSeq(rest, " | ") {
				if !strings.Contains(l, part) {
					return false
				}
			}
			return strings.HasPrefix(l, severity)
		})
	}
	if !ok {
		t.Errorf("%s:\n got  %s\n want %s", name, strings.Join(lines, "\n      "), strings.Join(patterns, "\n      "))
	}
}

func TestRules(t *testing.T) {
	one := func(s string) string { return `{"Version":"2012-10-17","Statement":[{` + s + `}]}` }
	allow := func(action, resource, condition string) string {
		s := `"Effect":"Allow","Action":` + action + `,"Resource":` + resource
		if condition != "" {
			s += `,"Condition":` + condition
		}
		return one(s)
	}
	deny := func(action, resource, condition string) string {
		return strings.Replace(allow(action, resource, condition), "Allow", "Deny", 1)
	}
	trust := func(principal, condition string) string {
		s := `"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"`
		if condition != "" {
			s += `,"Condition":` + condition
		}
		return one(s)
	}
	bucket := func(principal, rest string) string {
		return one(`"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"` + rest)
	}
	const all, objects, object = `"*"`, `"arn:aws:s3:::b/*"`, `"s3:GetObject"`
	for _, c := range []struct {
		name string
		kind policy.Kind
		text string
		want []string
	}{
		{"clean", 0, allow(object, objects, ``), nil},
		{"refused", 0, `{"Version":"2012-10-17",}`, []string{"error trailing comma"}},
		{"refused and linted", 0, allow(`["s3:GetObjct","s3 GetObject"]`, all, ``), []string{"error prefaced by a vendor", "error s3:GetObjct matches no action | did you mean s3:GetObject?"}},

		{"unknown service", 0, allow(`"ss3:GetObject"`, all, ``), []string{`warning no service here has the prefix "ss3" | did you mean s3?`}},
		{"foreign service", 0, allow(`"dynamodb:GetItem"`, all, ``), []string{`warning prefix "dynamodb" | ()`}},
		{"typo", 0, allow(`"comprehend:DetectSentimnet"`, all, ``), []string{"error matches no action of comprehend | did you mean comprehend:DetectSentiment?"}},
		{"pattern without a match", 0, allow(`"s3:Gett*"`, all, ``), []string{"error s3:Gett* matches no action"}},
		{"action outside the trimmed reference", 0, allow(`"ec2:RunInstances"`, all, ``), []string{"warning matches no known action of ec2"}},
		{"stack on an ARN", 0, allow(`"cloudformation:CreateStack"`, `"arn:aws:cloudformation:*:*:stack/x/*"`, ``), nil},
		{"tags of all on an ARN", 0, allow(`["cloudformation:CreateStack","tag:GetResources"]`, `"arn:aws:cloudformation:*:*:stack/x/*"`, ``), []string{`error tag:GetResources has no resources of its own | "Resource": "*"`}},
		{"typo in NotAction", 0, one(`"Effect":"Deny","NotAction":"s3:GetObjet","Resource":"*"`), []string{"error did you mean s3:GetObject?"}},
		{"case does not matter", 0, allow(`"S3:getobject"`, objects, ``), nil},

		{"describe on an ARN", 0, allow(`"ec2:DescribeVpcs"`, `"arn:aws:ec2:*:*:vpc/*"`, ``), []string{`error ec2:DescribeVpcs has no resources of its own | "Resource": "*"`}},
		{"object action on a bucket", 0, allow(object, `"arn:aws:s3:::b"`, ``), []string{"error s3:GetObject acts on accesspointobject, object | write arn:aws:s3:::b/*"}},
		{"bucket action on objects", 0, allow(`"s3:ListBucket"`, objects, ``), []string{"error s3:ListBucket acts on accesspoint, bucket | write arn:aws:s3:::b)"}},
		{"both on both", 0, allow(`["s3:GetObject","s3:ListBucket"]`, `["arn:aws:s3:::b","arn:aws:s3:::b/*"]`, ``), nil},
		{"one star for both", 0, allow(`["s3:GetObject","s3:ListBucket"]`, `"arn:aws:s3:::b*"`, ``), nil},
		{"list of all buckets", 0, allow(`"s3:ListAllMyBuckets"`, `"arn:aws:s3:::*"`, ``), nil},
		{"pattern of actions on a bucket", 0, allow(`"s3:GetObject*"`, `"arn:aws:s3:::b"`, ``), []string{"error none of the"}},
		{"resource that nothing takes", 0, allow(object, `["arn:aws:s3:::b/*","arn:aws:s3:::c"]`, ``), []string{"warning no action of this statement acts on arn:aws:s3:::c"}},
		{"another service's ARN", 0, allow(`"kms:Decrypt"`, `"arn:aws:s3:::b/*"`, ``), []string{"error kms:Decrypt acts on key"}},
		{"single letters", 0, allow(object, `"arn:aws:s3:::b?/x?"`, ``), nil},
		{"a variable", 0, allow(object, `"arn:aws:s3:::b/${aws:username}/*"`, ``), nil},
		{"role", 0, allow(`"iam:PassRole"`, `"arn:aws:iam::*:role/*Comprehend*"`, ``), nil},
		{"user for a role", 0, allow(`"iam:PassRole"`, `"arn:aws:iam::111122223333:user/u"`, ``), []string{"error iam:PassRole acts on role"}},
		{"type outside the trimmed reference", 0, allow(`"ec2:CreateTags"`, `"arn:aws:ec2:*:*:instance/*"`, ``), nil},
		{"wrong type of EC2", 0, allow(`"ec2:DeleteSubnet"`, `"arn:aws:ec2:*:*:vpc/*"`, ``), []string{"error ec2:DeleteSubnet acts on subnet"}},
		{"training of Bedrock", 0, allow(`"bedrock:CreateModelCustomizationJob"`, `"arn:aws:bedrock:*:*:model-customization-job/*"`, ``), nil},
		{"NotResource is not judged", 0, one(`"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::b"`), nil},

		{"key that the action lacks", 0, allow(`"comprehend:CreateEntityRecognizer"`, all, `{"ArnEquals":{"comprehend:OutputKmsKey":"arn:aws:kms:us-east-1:111122223333:key/k"}}`),
			[]string{"error comprehend:OutputKmsKey is never in a request for comprehend:CreateEntityRecognizer: the statement never allows it | no action of the statement has this key"}},
		{"Null false on a key that never exists", 0, allow(`"comprehend:DetectSentiment"`, all,
			`{"ForAllValues:StringEquals":{"comprehend:VpcSubnets":"s"},"Null":{"comprehend:VpcSubnets":"false"}}`),
			[]string{"error comprehend:VpcSubnets is never in a request for comprehend:DetectSentiment"}},
		{"one of two lacks the key", 0, allow(`["s3:GetObject","s3:ListBucket"]`, all, `{"StringEquals":{"s3:prefix":"a"}}`),
			[]string{"error s3:prefix is never in a request for s3:GetObject | in another statement"}},
		{"many lack the key", 0, allow(`["s3:GetObject","s3:PutObject","s3:DeleteObject","s3:GetObjectAcl","s3:PutObjectAcl","s3:ListBucket"]`, all, `{"StringEquals":{"s3:prefix":"a"}}`),
			[]string{"error for s3:GetObject, s3:PutObject, s3:DeleteObject, s3:GetObjectAcl and 1 more: the statement never allows them | allow them in another statement"}},
		{"one of two lacks the key in a deny", 0, deny(`["s3:GetObject","s3:ListBucket"]`, all, `{"StringEquals":{"s3:prefix":"a"}}`), []string{"error never denies it | deny it in another statement"}},
		{"deny that never denies", 0, deny(object, all, `{"StringEquals":{"s3:prefix":"a"}}`), []string{"error the statement never denies it"}},
		{"one of a pattern lacks the key", 0, allow(`"comprehend:Start*Job"`, all, `{"ArnEquals":{"comprehend:VolumeKmsKey":"arn:aws:kms:us-east-1:111122223333:key/k"}}`),
			[]string{"warning for 2 of the 9 actions that comprehend:Start*Job matches, such as comprehend:StartEventsDetectionJob"}},
		{"a whole service is meant broadly", 0, allow(`"comprehend:*"`, all, `{"ArnEquals":{"comprehend:VolumeKmsKey":"arn:aws:kms:us-east-1:111122223333:key/k"}}`), nil},
		{"everything", 0, allow(all, all, `{"StringEquals":{"aws:RequestTag/a":"b"}}`), nil},
		{"IfExists", 0, allow(object, all, `{"StringEqualsIfExists":{"s3:prefix":"a"}}`), nil},
		{"Null true on a key that never exists", 0, deny(`"comprehend:DetectSentiment"`, all, `{"Null":{"comprehend:VpcSubnets":"true"}}`),
			[]string{"warning Null always holds for it"}},
		{"negated in a deny", 0, deny(object, all, `{"StringNotEquals":{"s3:prefix":"a"}}`), []string{"warning StringNotEquals always holds for it"}},
		{"tags of the request on a read", 0, allow(object, objects, `{"StringEquals":{"aws:RequestTag/a":"b"}}`), []string{"error aws:RequestTag/a is never in a request for s3:GetObject"}},
		{"tags of the request on the wrong resource", 0, allow(`"ec2:CreateNetworkInterface"`, `"arn:aws:ec2:*:*:subnet/*"`, `{"StringEquals":{"aws:RequestTag/a":"b"}}`),
			[]string{"error aws:RequestTag/a is never in a request for ec2:CreateNetworkInterface"}},
		{"tags of the request on each resource", 0, allow(`"ec2:CreateNetworkInterface"`, all, `{"StringEquals":{"aws:RequestTag/a":"b"}}`),
			[]string{"warning aws:RequestTag/a belongs to network-interface only | also asked for on subnet"}},
		{"the others allowed elsewhere", 0, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/a":"b"}}},` +
			`{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":"arn:aws:ec2:*:*:subnet/*"}]}`, nil},
		{"external id beside session tags", policy.Trust, strings.Replace(trust(`{"AWS":"111122223333"}`, `{"StringEquals":{"sts:ExternalId":"x"}}`), `"sts:AssumeRole"`, `["sts:AssumeRole","sts:TagSession"]`, 1), nil},
		{"passed service", 0, allow(`["iam:PassRole"]`, all, `{"StringEquals":{"iam:PassedToService":"comprehend.amazonaws.com"}}`), nil},
		{"unknown key", 0, allow(object, all, `{"StringEquals":{"aws:SourceVpcc":"v"}}`), []string{"error there is no condition key aws:SourceVpcc | never allows | did you mean aws:SourceVpc?"}},
		{"unknown key, negated, in a deny", 0, deny(object, all, `{"StringNotEquals":{"aws:SourceVpcc":"v"}}`), []string{"warning always holds"}},
		{"unknown key of a trimmed service", 0, allow(`"ec2:CreateVpc"`, all, `{"StringEquals":{"ec2:VolumeType":"t"}}`), []string{"warning no known condition key is called ec2:VolumeType"}},
		{"key of an identity provider", policy.Trust, one(`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example.com"},"Action":"sts:AssumeRoleWithWebIdentity",` +
			`"Condition":{"StringEquals":{"token.example.com:sub":"x"}}`), nil},
		{"inside and outside", 0, allow(object, all, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"aws:sourceVpce":"vpce-1"}}`),
			[]string{"error aws:SourceIp is absent | aws:sourceVpce is present only then"}},
		{"neither inside nor outside", 0, deny(object, all, `{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`), nil},

		{"address operator on a string", 0, allow(object, all, `{"IpAddress":{"aws:SourceVpc":"10.0.0.0/8"}}`), []string{"error aws:SourceVpc holds a string, which IpAddress does not compare | StringEquals"}},
		{"number operator on an ARN", 0, allow(object, all, `{"NumericEquals":{"aws:PrincipalArn":"1"}}`), []string{"error holds an ARN, which NumericEquals does not compare | ArnEquals"}},
		{"string operator on an address", 0, allow(object, all, `{"StringEquals":{"aws:SourceIp":"10.0.0.1"}}`), []string{"warning aws:SourceIp holds an address"}},
		{"ARN operator on a string", 0, allow(object, all, `{"ArnLike":{"aws:SourceVpc":"arn:aws:ec2:*:*:vpc/v"}}`), []string{"warning aws:SourceVpc holds a string, which ArnLike"}},
		{"number operator on epoch seconds", 0, allow(object, all, `{"NumericLessThan":{"aws:EpochTime":"1"}}`), nil},
		{"string operators on ARN and bool", 0, allow(object, all, `{"StringLike":{"aws:PrincipalArn":"a*"},"StringEquals":{"aws:SecureTransport":"true"}}`), nil},
		{"tags hold anything", 0, allow(object, all, `{"NumericLessThan":{"aws:PrincipalTag/level":"3"},"ArnLike":{"aws:PrincipalTag/home":"arn:aws:s3:::*"}}`), nil},

		{"set without an operator for sets", 0, allow(`"comprehend:CreateDocumentClassifier"`, all, `{"StringEquals":{"comprehend:VpcSubnets":"s"}}`),
			[]string{"error comprehend:VpcSubnets holds a set of values | without ForAllValues or ForAnyValue never matches"}},
		{"operator for sets on one value", 0, allow(object, all, `{"ForAnyValue:StringEquals":{"aws:SourceVpc":"v"}}`), []string{"warning aws:SourceVpc holds one value | write StringEquals"}},
		{"ForAllValues without Null", 0, allow(`"comprehend:CreateDocumentClassifier"`, all, `{"ForAllValues:StringEquals":{"comprehend:VpcSubnets":"s"}}`),
			[]string{`warning also true when the key is missing | add {"Null": {"comprehend:VpcSubnets": "false"}}`}},
		{"ForAllValues with Null", 0, allow(`"comprehend:CreateDocumentClassifier"`, all, `{"ForAllValues:StringEquals":{"comprehend:VpcSubnets":"s"},"Null":{"comprehend:VpcSubnets":"false"}}`), nil},
		{"wildcard under StringEquals", 0, allow(`"s3:ListBucket"`, all, `{"StringEquals":{"s3:prefix":["a/*","b"]}}`), []string{`warning StringEquals takes the wildcard in "a/*" as a letter | StringLike`}},
		{"escaped wildcard", 0, allow(`"s3:ListBucket"`, all, `{"StringEquals":{"s3:prefix":"a${*}"}}`), nil},
		{"negated wildcard", 0, deny(`"s3:ListBucket"`, all, `{"StringNotEqualsIgnoreCase":{"s3:prefix":"a?"}}`), []string{"warning did you mean StringNotLike?"}},
		{"variable in the old language", 0, strings.Replace(allow(object, `"arn:aws:s3:::b/${aws:username}/*"`, ``), "2012-10-17", "2008-10-17", 1), []string{"warning is plain text without"}},
		{"variable without a version", 0, strings.Replace(allow(object, `"arn:aws:s3:::b/${aws:username}/*"`, ``), `"Version":"2012-10-17",`, "", 1), []string{"warning is plain text without"}},

		{"allow of all but", 0, one(`"Effect":"Allow","NotAction":"iam:CreateUser","Resource":"*"`), []string{"warning Allow with NotAction"}},
		{"allow on all but", 0, one(`"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::b/*"`), []string{"warning Allow with NotResource"}},
		{"deny of all but", 0, one(`"Effect":"Deny","NotAction":"iam:CreateUser","Resource":"*"`), nil},
		{"allow for all but", policy.Bucket, strings.Replace(bucket(`{"AWS":"111122223333"}`, ``), "Principal", "NotPrincipal", 1), []string{"error NotPrincipal goes with Deny only"}},

		{"endpoint that blocks everything", policy.Endpoint, one(`"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"`), []string{"error nothing but Deny blocks every call"}},
		{"endpoint that allows something", policy.Endpoint, one(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"`), nil},
		{"account at a gateway", policy.Endpoint, one(`"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:user/u"]},"Action":"s3:GetObject","Resource":"*"`),
			[]string{"warning root user alone", "warning root user alone"}},
		{"account at an interface", policy.Endpoint, one(`"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"comprehend:DetectSentiment","Resource":"*"`), nil},
		{"service without a source", policy.Trust, trust(`{"Service":"comprehend.amazonaws.com"}`, ``), []string{"warning comprehend.amazonaws.com may assume the role on behalf of any account | aws:SourceAccount"}},
		{"service with a source", policy.Trust, trust(`{"Service":"comprehend.amazonaws.com"}`, `{"StringEquals":{"aws:SourceAccount":"111122223333"}}`), nil},
		{"EC2 has no source", policy.Trust, trust(`{"Service":"ec2.amazonaws.com"}`, ``), nil},
		{"anybody's role", policy.Trust, trust(`{"AWS":"*"}`, ``), []string{"warning anybody in any account whose own policies"}},
		{"anybody's role with an external id", policy.Trust, trust(`{"AWS":"*"}`, `{"StringEquals":{"sts:ExternalId":"x"}}`), nil},
		{"public bucket", policy.Bucket, bucket(`"*"`, ``), []string{`warning Principal "*" without a condition`}},
		{"bucket for a VPC", policy.Bucket, bucket(`"*"`, `,"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), nil},
		{"misfit that the bucket refuses", policy.Bucket, strings.Replace(bucket(`{"AWS":"111122223333"}`, ``), "b/*", "b", 1), []string{"error s3:GetObject acts on objects"}},
	} {
		kind := c.kind
		if kind == policy.None {
			kind = policy.Identity
		}
		want(t, c.name, Check([]byte(c.text), kind), c.want...)
	}
}

func TestPlaces(t *testing.T) {
	text := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Sid\": \"Straße\", \"Effect\": \"Allow\",\n" +
		"    \"Action\": [\"s3:GetObject\", \"s3:ListBuckt\"],\n    \"Resource\": \"*\",\n    \"Condition\": {\"StringEquals\": {\"s3:prefix\": \"ä*\"}}\n  }]\n}\n"
	text = strings.Replace(text, "Straße", "Strasse", 1)
	var got []string
	for _, f := range Check([]byte(text), policy.Identity) {
		got = append(got, fmt.Sprintf("%d:%d %s %d %s", f.Line, f.Column, f.Severity, f.Statement, f.Sid))
	}
	if want := []string{"5:32 error 0 Strasse", "7:36 error 0 Strasse", "7:49 warning 0 Strasse"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Documents inside answers of the API, as objects and as strings; places are those of the file.
func TestWrapped(t *testing.T) {
	inner := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObjct","Resource":"*"}]}`
	at := strings.Index(inner, `"s3:`) + 1
	quoted, _ := json.Marshal(inner)
	escaped := strings.ReplaceAll(strings.ReplaceAll(string(quoted), "O", `\u004f`), "Stat", `\u0053\u0074at`)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	for _, c := range []struct {
		text   string
		column int
		want   string
	}{
		{`{"PolicyDocument":` + inner + `}`, 18 + at, "error s3:GetObjct"},
		{`{"PolicyDocument":` + string(quoted) + `}`, 18 + strings.Index(string(quoted), `\"s3:`) + 1, "error s3:GetObjct"},
		{`{"PolicyDocument":` + escaped + `}`, 18 + strings.Index(escaped, `\"s3:`) + 1, "error s3:GetObjct"},
		{`{"PolicyVersion":{"Document":` + inner + `,"VersionId":"v1"}}`, 29 + at, "error s3:GetObjct"},
		{`{"Policies":[{"PolicyDocument":` + inner + `}]}`, 31 + at, "error s3:GetObjct"},
		{`{"Role":{"AssumeRolePolicyDocument":` + trust + `}}`, 36 + strings.Index(trust, `"compre`) + 1, "warning on behalf of any account"},
	} {
		got := Check([]byte(c.text), policy.None)
		want(t, c.text, got, c.want)
		if len(got) == 1 && got[0].Column != c.column {
			t.Errorf("%s: column %d, want %d", c.text, got[0].Column, c.column)
		}
	}
}

func TestGuess(t *testing.T) {
	st := func(s string) string { return `{"Statement":[{"Effect":"Allow",` + s + `}]}` }
	for text, want := range map[string]policy.Kind{
		st(`"Action":"s3:GetObject","Resource":"*"`):                                                       policy.Identity,
		st(`"Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:TagSession"]`):              policy.Trust,
		st(`"Principal":"*","Action":"s3:GetObject","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]`):     policy.Bucket,
		st(`"Principal":"*","Action":"s3:GetObject","Resource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"]`):   policy.Endpoint,
		st(`"Principal":"*","Action":"s3:GetObject","Resource":"*"`):                                       policy.Endpoint,
		st(`"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::packages.*.amazonaws.com/*"`): policy.Endpoint,
		st(`"Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"`):         policy.Key,
		`{"Statement":[{"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole",}]}`:                  policy.Trust,
		`{"Statement":[{"Principal":"*","Action":"*",}]}`:                                                  policy.Endpoint,
		`{"Statement":[{"Action":"*",}]}`:                                                                  policy.Identity,
		``:                                                                                                 policy.Identity,
	} {
		if got := Guess([]byte(text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// The seeds' own policies, mistakes and all.
func TestSeeds(t *testing.T) {
	const blocks = "error nothing but Deny blocks every call"
	twice := []string{blocks, "error a second document begins here", blocks}
	expected := map[string][]string{
		"customization-role-mended.identity.json": {"warning ForAllValues:StringEquals on aws:TagKeys is also true when the key is missing"},
		"customization-role.bad.json":             {"error trailing comma"},
		"endpoint-buckets.endpoint.json":          nil,
		"endpoint-packages-twice.bad.json":        twice,
		"endpoint-packages1.endpoint.json":        {blocks},
		"endpoint-packages2.endpoint.json":        {blocks},
		"endpoint-yaml.bad.txt":                   {"error this looks like YAML"},
		"md-buckets.endpoint.json":                nil,
		"md-packages-twice.bad.json":              twice,
		"md-role.identity.json":                   nil,
		"output-bucket.bucket.json":               nil,
		"processing-packages-twice.bad.json":      twice,
		"role-network.identity.json":              nil,
		"training-bucket.endpoint.json":           nil,
	}
	files, err := filepath.Glob(filepath.Join("..", "testdata", "seeds", "*"))
	if err != nil || len(files) != len(expected) {
		t.Fatalf("%d seeds, %d expectations, %v", len(files), len(expected), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		kind := policy.None
		if _, ok := expected[name]; !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		if p := strings.Split(name, "."); p[1] != "bad" {
			kind, _ = policy.KindOf(p[1])
		}
		want(t, name, Check(text, kind), expected[name]...)
	}
}

// The blog's two policies, and two that are often written in their place.
func TestBlogPolicies(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "blog-policies.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || len(all) != 4 {
		t.Fatalf("%d policies, %v", len(all), err)
	}
	expected := map[string][]string{"P1": nil, "P2": nil, "P2deny": nil, "P2naive": {
		"error comprehend:OutputKmsKey is never in a request for comprehend:CreateEntityRecognizer",
		"error comprehend:ModelKmsKey is never in a request for comprehend:Start*Job",
		"warning comprehend:VolumeKmsKey is never in a request for 2 of the 9",
		"warning comprehend:VpcSubnets is also true when the key is missing",
		"warning comprehend:VpcSecurityGroupIds is also true when the key is missing",
	}}
	for name, text := range all {
		want(t, name, Check(text, policy.Identity), expected[name]...)
	}
}

// Policies as their authors write them every day, in the words of AWS's own examples: none is a finding, guessed or told.
func TestNoFalseAlarm(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "clean", "*.json"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		kind, ok := policy.KindOf(strings.Split(filepath.Base(f), ".")[1])
		if !ok || Guess(text) != kind {
			t.Errorf("%s: guessed %s", f, Guess(text))
		}
		want(t, f, Check(text, kind))
		want(t, f, Check(text, policy.None))
	}
}

// The engine's list of keys that hold sets is the reference's.
func TestEngineKnowsSets(t *testing.T) {
	keys := action.GlobalKeys()
	for _, s := range action.Services() {
		keys = append(keys, action.Keys(s)...)
	}
	for _, k := range keys {
		if _, multi, _ := action.KeyType(k); multi != policy.Multivalued(k) {
			t.Errorf("%s: the reference says %v", k, multi)
		}
	}
	if len(keys) < 300 {
		t.Errorf("%d keys", len(keys))
	}
}

// Our own service stands in no reference, and its actions are real.
func TestOwnService(t *testing.T) {
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloister:Explain","cloister:*"],"Resource":"*"}]}`
	if found := Check([]byte(text), policy.Identity); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}
