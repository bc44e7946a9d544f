package policy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The policies of the five documents that the project starts from, as people paste them: each with the requests that its
// text is about, the verdict, the policy and statement that decided, and a line of the explanation.

// load reads one of the seeds' policies.
func load(t *testing.T, kind Kind, name string) *Source {
	t.Helper()
	b, err := os.ReadFile("testdata/seeds/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(b, kind)
	if err != nil {
		t.Fatal(err)
	}
	return &Source{Name: name, Owner: acct, Doc: d}
}

// asked is a request and what must come of it. statement -1: an absence decided.
type asked struct {
	who, action, resource string
	keys                  keys
	want                  Decision
	layer                 Layer
	statement             int
	line                  string // a part of one line of the explanation
}

func (a asked) of(t *testing.T, name string, sets *Sets) {
	t.Helper()
	req := &Request{Principal: who(t, a.who), Action: a.action, Resource: a.resource, ResourceAccount: acct, Context: *contextOf(a.keys)}
	v, reasons := Explain(req, sets)
	if v.Decision != a.want || v.Layer != a.layer || v.Statement != a.statement {
		t.Errorf("%s: %s %s on %s: %s by %s, statement %d; want %s by %s, statement %d\n%v", name, a.who, a.action, a.resource, v.Decision, v.Layer, v.Statement, a.want, a.layer, a.statement, reasons)
	}
	for _, r := range reasons {
		if strings.Contains(r.String(), a.line) {
			return
		}
	}
	t.Errorf("%s: %s %s on %s: nothing says %q\n%v", name, a.who, a.action, a.resource, a.line, reasons)
}

const (
	obj       = "arn:aws:s3:::any/k"
	rpm       = "arn:aws:s3:::packages.us-west-2.amazonaws.com/x.rpm"
	repo      = "arn:aws:s3:::repo.us-west-2.amazonaws.com/x.rpm"
	rpm2      = "arn:aws:s3:::amazonlinux.us-west-2.amazonaws.com/x.rpm"
	ec2       = "arn:aws:ec2:region:account-id:"
	ours      = "your-vpc-id"
	noNetwork = "no statement is about"
)

// network is what both pages of the Comprehend guide ask of a job's role, under the language of 2008.
func network(file string) []asked {
	var out []asked
	for _, a := range []string{"CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission",
		"DescribeNetworkInterfaces", "DescribeVpcs", "DescribeDhcpOptions", "DescribeSubnets", "DescribeSecurityGroups"} {
		out = append(out, asked{"session", "ec2:" + a, "*", nil, Allowed, LayerIdentity, 0, "statement 0 of " + file + " allows ec2:" + a})
	}
	return append(out,
		asked{"session", "ec2:CreateTags", "*", nil, ImplicitlyDenied, LayerIdentity, -1, file + ": no statement is about ec2:CreateTags"},
		asked{"session", "s3:GetObject", obj, nil, ImplicitlyDenied, LayerIdentity, -1, noNetwork})
}

func buckets(file string) []asked {
	return []asked{
		{"session", "s3:GetObject", obj, nil, Allowed, LayerIdentity, 0, "statement 0 of " + file + " allows s3:GetObject"},
		{"anonymous", "s3:PutObject", obj, nil, ImplicitlyDenied, LayerResource, -1, "statement 0 of " + file + " allows s3:PutObject"}, // the endpoint filters, it grants nothing
		{"session", "s3:DeleteBucket", "arn:aws:s3:::any", nil, ImplicitlyDenied, LayerEndpoint, -1, file + ": no statement is about s3:DeleteBucket"},
	}
}

func TestSeedVerdicts(t *testing.T) {
	jobTags := keys{"aws:RequestTag/BedrockManaged": {"true"}, "aws:RequestTag/bedrockmodelcustomizationjobarn": {"arn:aws:bedrock:region:account-id:model-customization-job/j"}}
	itsENI := keys{"ec2:Subnet": {ec2 + "subnet/subnet-id"}, "ec2:ResourceTag/BedrockManaged": {"true"},
		"ec2:ResourceTag/BedrockModelCustomizationJobArn": {"arn:aws:bedrock:region:account-id:model-customization-job/j"}}
	const role = "customization-role-mended.identity.json"
	table := map[string][]asked{
		"role-network.identity.json":     network("role-network.identity.json"),
		"md-role.identity.json":          network("md-role.identity.json"),
		"endpoint-buckets.endpoint.json": buckets("endpoint-buckets.endpoint.json"),
		"md-buckets.endpoint.json":       buckets("md-buckets.endpoint.json"),
		// taken literally, a policy of Denies alone blocks everything
		"endpoint-packages1.endpoint.json": {
			{"session", "s3:GetObject", rpm, nil, ExplicitlyDenied, LayerEndpoint, 0, "(AmazonLinuxAMIRepositoryAccess) of endpoint-packages1.endpoint.json denies s3:GetObject"},
			{"session", "s3:GetObject", repo, nil, ExplicitlyDenied, LayerEndpoint, 0, "must no longer match"},
			{"session", "s3:GetObject", obj, nil, ImplicitlyDenied, LayerEndpoint, -1, "the VPC endpoint policy: no Allow matches s3:GetObject"},
			{"session", "s3:PutObject", obj, nil, ImplicitlyDenied, LayerEndpoint, -1, "no statement is about s3:PutObject"},
			{"root", "s3:PutObject", obj, nil, ImplicitlyDenied, LayerEndpoint, -1, "a VPC endpoint policy needs a statement that allows s3:PutObject"},
		},
		"endpoint-packages2.endpoint.json": {
			{"session", "s3:GetObject", rpm2, nil, ExplicitlyDenied, LayerEndpoint, 0, "(AmazonLinux2AMIRepositoryAccess)"},
			{"session", "s3:GetObject", rpm, nil, ImplicitlyDenied, LayerEndpoint, -1, `does not apply: Resource "arn:aws:s3:::amazonlinux.*.amazonaws.com/*" does not take in`},
		},
		"training-bucket.endpoint.json": {
			{"session", "s3:GetObject", "arn:aws:s3:::training-bucket/k", nil, Allowed, LayerIdentity, 0, "(RestrictAccessToTrainingBucket) of training-bucket.endpoint.json allows"},
			{"session", "s3:ListBucket", "arn:aws:s3:::training-bucket", nil, Allowed, LayerIdentity, 0, "allows s3:ListBucket"},
			{"session", "s3:GetObject", "arn:aws:s3:::output-bucket/k", nil, ImplicitlyDenied, LayerEndpoint, -1, "would allow it but for its resource"},
			{"session", "s3:PutObject", "arn:aws:s3:::training-bucket/k", nil, ImplicitlyDenied, LayerEndpoint, -1, "no statement is about s3:PutObject"},
		},
		// the key is missing outside a VPC, and a negated operator is true on a missing key: the console user is out too
		"output-bucket.bucket.json": {
			{"alice", "s3:PutObject", "arn:aws:s3:::output-bucket/k", nil, ExplicitlyDenied, LayerResource, 0, "(RestrictAccessToOutputBucket) of output-bucket.bucket.json denies s3:PutObject"},
			{"alice", "s3:PutObject", "arn:aws:s3:::output-bucket/k", keys{"aws:SourceIp": {"203.0.113.7"}}, ExplicitlyDenied, LayerResource, 0, "must no longer match"},
			{"root", "s3:ListBucket", "arn:aws:s3:::output-bucket", nil, ExplicitlyDenied, LayerResource, 0, "denies s3:ListBucket"},
			{"session", "s3:GetObject", "arn:aws:s3:::output-bucket/k", keys{"aws:SourceVpc": {"vpc-other"}}, ExplicitlyDenied, LayerResource, 0, "denies s3:GetObject"},
			{"session", "s3:PutObject", "arn:aws:s3:::output-bucket/k", keys{"aws:SourceVpc": {ours}}, Allowed, LayerIdentity, 0, `condition StringNotEquals aws:sourceVpc "your-vpc-id" fails: aws:sourceVpc is "your-vpc-id"`},
			{"alice", "s3:DeleteObject", "arn:aws:s3:::output-bucket/k", nil, Allowed, LayerIdentity, 0, noNetwork + " s3:DeleteObject"}, // not listed
			{"anonymous", "s3:GetObject", "arn:aws:s3:::output-bucket/k", nil, ExplicitlyDenied, LayerResource, 0, "denies s3:GetObject"},
		},
		// CreateNetworkInterface asks about each resource with its own keys: aws:RequestTag stands on the new interface alone
		role: {
			{"session", "ec2:DescribeVpcs", "*", nil, Allowed, LayerIdentity, 0, "allows ec2:DescribeVpcs"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "network-interface/*", jobTags, Allowed, LayerIdentity, 1, "statement 1 of " + role + " allows"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "network-interface/*", nil, ImplicitlyDenied, LayerIdentity, -1, "aws:RequestTag/BedrockManaged is missing from the request"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "network-interface/*", keys{"aws:RequestTag/BedrockManaged": {"true"}}, ImplicitlyDenied, LayerIdentity, -1, "would allow it but for its condition aws:RequestTag/BedrockModelCustomizationJobArn"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "subnet/subnet-id", nil, Allowed, LayerIdentity, 2, "statement 2 of " + role + " allows"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "subnet/subnet-id2", nil, Allowed, LayerIdentity, 2, "allows"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "subnet/subnet-id3", jobTags, ImplicitlyDenied, LayerIdentity, -1, "but for its resource"},
			{"session", "ec2:CreateNetworkInterface", ec2 + "security-group/security-group-id", nil, Allowed, LayerIdentity, 2, "allows"},
			{"session", "ec2:DeleteNetworkInterface", ec2 + "network-interface/eni-1", itsENI, Allowed, LayerIdentity, 3, "statement 3 of " + role + " allows"},
			{"session", "ec2:CreateNetworkInterfacePermission", ec2 + "network-interface/eni-1", itsENI, Allowed, LayerIdentity, 3, "allows"},
			{"session", "ec2:DeleteNetworkInterface", ec2 + "network-interface/eni-1", keys{"ec2:Subnet": {ec2 + "subnet/subnet-id"}}, ImplicitlyDenied, LayerIdentity, -1, "ec2:ResourceTag/BedrockManaged is missing"},
			{"session", "ec2:CreateTags", ec2 + "network-interface/*", keys{"ec2:CreateAction": {"CreateNetworkInterface"}, "aws:TagKeys": {"BedrockManaged"}}, Allowed, LayerIdentity, 4, "allows"},
			{"session", "ec2:CreateTags", ec2 + "network-interface/*", keys{"ec2:CreateAction": {"CreateNetworkInterface"}, "aws:TagKeys": {"BedrockManaged", "Owner"}}, ImplicitlyDenied, LayerIdentity, -1, `aws:TagKeys is ["BedrockManaged", "Owner"]`},
			{"session", "ec2:CreateTags", ec2 + "network-interface/*", keys{"aws:TagKeys": {"BedrockManaged"}}, ImplicitlyDenied, LayerIdentity, -1, "but for its condition ec2:CreateAction"},
		},
	}
	files, err := filepath.Glob("testdata/seeds/*")
	if err != nil || len(files) != 14 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		part := strings.Split(name, ".")
		if part[1] == "bad" {
			continue // TestSeedMistakes
		}
		kind, ok := KindOf(part[1])
		if !ok || len(table[name]) == 0 {
			t.Fatalf("%s has no cases", name)
		}
		doc := load(t, kind, name)
		for _, a := range table[name] {
			sets := &Sets{Identity: all(t, Identity), EndpointGateway: true}
			if strings.HasPrefix(a.action, "s3:") {
				sets.ResourceKind = Bucket
			}
			switch kind {
			case Identity:
				sets.Identity = []Source{*doc}
			case Endpoint:
				sets.Endpoint = doc
			case Bucket:
				sets.Resource = doc
			}
			a.of(t, name, sets)
		}
	}
}

// The seeds' text means its Denies to be added to the policy that allows the buckets.
func TestSeedDeniesAsMeant(t *testing.T) {
	var list []json.RawMessage
	for _, name := range []string{"endpoint-buckets", "endpoint-packages1", "endpoint-packages2"} {
		b, err := os.ReadFile("testdata/seeds/" + name + ".endpoint.json")
		var d struct{ Statement []json.RawMessage }
		if err != nil || json.Unmarshal(b, &d) != nil {
			t.Fatal(name, err)
		}
		list = append(list, d.Statement...)
	}
	text, err := json.Marshal(map[string]any{"Version": "2008-10-17", "Statement": list})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(text, Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket, Endpoint: &Source{Name: "whole", Doc: d}, EndpointGateway: true}
	for _, a := range []asked{
		{"session", "s3:GetObject", obj, nil, Allowed, LayerIdentity, 0, "statement 0 of whole allows"},
		{"session", "s3:GetObject", rpm, nil, ExplicitlyDenied, LayerEndpoint, 1, "statement 1 (AmazonLinuxAMIRepositoryAccess) of whole denies"},
		{"session", "s3:GetObject", rpm2, nil, ExplicitlyDenied, LayerEndpoint, 2, "statement 2 (AmazonLinux2AMIRepositoryAccess) of whole denies"},
		{"session", "s3:PutObject", rpm, nil, Allowed, LayerIdentity, 0, "allows s3:PutObject"},
	} {
		a.of(t, "whole", sets)
	}
}

// What is wrong with the broken ones, and where.
func TestSeedMistakes(t *testing.T) {
	const second = "a second document begins here: a policy is one document; put all statements into one Statement list"
	for _, c := range []struct {
		name         string
		line, column int
		hint         string
	}{
		{"customization-role.bad.json", 1, 291, "trailing comma: remove the comma before ']'"},
		{"endpoint-packages-twice.bad.json", 1, 230, second},
		{"md-packages-twice.bad.json", 18, 1, second},
		{"processing-packages-twice.bad.json", 1, 230, second},
		{"endpoint-yaml.bad.txt", 1, 1, "this looks like YAML: a policy document is JSON and begins with '{'"},
	} {
		b, err := os.ReadFile("testdata/seeds/" + c.name)
		if err != nil {
			t.Fatal(err)
		}
		for k := Identity; k <= Endpoint; k++ {
			_, err := Parse(b, k)
			var se *SyntaxError
			if !errors.As(err, &se) || se.Line != c.line || se.Column != c.column || se.Hint != c.hint {
				t.Errorf("%s as %s: %v", c.name, k, err)
			}
		}
	}
	// The role policy has three stray commas and lacks a brace: each is told in its turn, and then the policy is the mended one.
	bad, err := os.ReadFile("testdata/seeds/customization-role.bad.json")
	if err != nil {
		t.Fatal(err)
	}
	text, comma := string(bad), regexp.MustCompile(`,(\s*\])`)
	for range 3 {
		at := comma.FindStringIndex(text)
		var se *SyntaxError
		if _, err := Parse([]byte(text), Identity); !errors.As(err, &se) || se.Offset != at[0] {
			t.Fatalf("%v, want offset %d", err, at[0])
		}
		text = text[:at[0]] + text[at[0]+1:]
	}
	var se *SyntaxError
	_, err = Parse([]byte(text), Identity)
	end := strings.LastIndexByte(text, ']')
	if !errors.As(err, &se) || se.Offset != end || !strings.HasPrefix(se.Hint, "'}' is expected here: it closes what was opened at line 1, column ") {
		t.Fatalf("%v, want offset %d", err, end)
	}
	mended, err := os.ReadFile("testdata/seeds/customization-role-mended.identity.json")
	if err != nil || text[:end]+"} "+text[end:] != string(mended) {
		t.Errorf("%v:\n%s\n%s", err, text[:end]+"} "+text[end:], mended)
	}
}

// The blog's policies, as they were rebuilt from its text (docs/divergences.md): User 1 sets VPC and keys, User 2 nothing.
func TestBlogVerdicts(t *testing.T) {
	b, err := os.ReadFile("lint/testdata/blog-policies.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(b, &texts); err != nil || len(texts) != 4 {
		t.Fatal(texts, err)
	}
	const kms = "arn:aws:kms:us-west-2:111122223333:key/"
	key := func(lists ...keys) keys {
		out := keys{}
		for _, l := range lists {
			for k, v := range l {
				out["comprehend:"+k] = v
			}
		}
		return out
	}
	var (
		network = keys{"VpcSubnets": {"subnet-a", "subnet-b"}, "VpcSecurityGroupIds": {"sg-1"}}
		foreign = keys{"VpcSubnets": {"subnet-a", "subnet-z"}, "VpcSecurityGroupIds": {"sg-1"}}
		volume  = keys{"VolumeKmsKey": {kms + "vol"}}
		output  = keys{"OutputKmsKey": {kms + "out"}}
		model   = keys{"ModelKmsKey": {kms + "model"}}
		wrong   = keys{"OutputKmsKey": {kms + "other"}}
	)
	classifier, recognizer := "arn:aws:comprehend:us-west-2:111122223333:document-classifier/c", "arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r"
	job, pii := "arn:aws:comprehend:us-west-2:111122223333:sentiment-detection-job/*", "arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/*"
	create, train, start, hide := "comprehend:CreateDocumentClassifier", "comprehend:CreateEntityRecognizer", "comprehend:StartSentimentDetectionJob", "comprehend:StartPiiEntitiesDetectionJob"
	no := func(action, resource string, k keys, line string) asked {
		return asked{"alice", action, resource, k, ImplicitlyDenied, LayerIdentity, -1, line}
	}
	yes := func(action, resource string, k keys, statement int) asked {
		return asked{"alice", action, resource, k, Allowed, LayerIdentity, statement, "allows " + action}
	}
	for name, list := range map[string][]asked{
		"P1": {
			yes(create, classifier, key(network, volume, output, model), 0),
			yes(create, classifier, key(foreign, volume, wrong, model), 0), // any value will do
			no(create, classifier, nil, "wants comprehend:VolumeKmsKey to be present; it is missing"),
			no(create, classifier, key(network, output, model), "but for its condition comprehend:VolumeKmsKey"),
			no(create, classifier, key(network, volume, model), "but for its condition comprehend:OutputKmsKey"),
			no(create, classifier, key(network, volume, output), "but for its condition comprehend:ModelKmsKey"),
			no(create, classifier, key(volume, output, model), "wants comprehend:VpcSubnets to be present"),
			no(train, recognizer, key(network, volume, model), "no statement is about comprehend:CreateEntityRecognizer"),
		},
		"P2": {
			yes(create, classifier, key(network, volume, output, model), 0),
			no(create, classifier, nil, "statement 0 (Classifier) of P2 (Allow) does not apply"),
			no(create, classifier, key(foreign, volume, output, model), `comprehend:VpcSubnets is ["subnet-a", "subnet-z"]`),
			no(create, classifier, key(network, volume, wrong, model), "but for its condition comprehend:OutputKmsKey"),
			no(create, classifier, key(volume, output, model), "wants comprehend:VpcSubnets to be present"),
			yes(train, recognizer, key(network, volume, model), 1),
			yes(start, job, key(network, volume, output), 2),
			no(start, job, key(network, output), "but for its condition comprehend:VolumeKmsKey"),
			yes(hide, pii, key(output), 3),
			no(hide, pii, nil, "comprehend:OutputKmsKey is missing"),
		},
		// one statement for all calls can't work: a positive operator fails on the key that a call never has
		"P2naive": {
			yes(create, classifier, key(network, volume, output, model), 0),
			yes(create, classifier, key(volume, output, model), 0), // ForAllValues without Null lets a call without a VPC through
			no(train, recognizer, key(network, volume, model), "comprehend:OutputKmsKey is missing from the request"),
			no(start, job, key(network, volume, output), "comprehend:ModelKmsKey is missing from the request"),
			no(create, classifier, nil, "does not apply"),
		},
		"P2deny": {
			yes(create, classifier, key(network), 0),
			{"alice", create, classifier, nil, ExplicitlyDenied, LayerIdentity, 1, "statement 1 (DenyNoVpc) of P2deny denies"},
			{"alice", create, classifier, key(foreign), ExplicitlyDenied, LayerIdentity, 2, "statement 2 (DenyOtherSubnet) of P2deny denies"},
			{"alice", start, job, nil, ExplicitlyDenied, LayerIdentity, 1, "must no longer match"},
			yes(hide, pii, nil, 0), // has no VPC keys, and ForAnyValue is false on a missing one
		},
	} {
		doc, err := Parse(texts[name], Identity)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, a := range list {
			a.of(t, name, &Sets{Identity: []Source{{Name: name, Owner: acct, Doc: doc}}})
		}
	}
}
