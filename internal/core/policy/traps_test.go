package policy

import (
	"strings"
	"testing"

	"cloister/internal/core/identity"
)

// The traps into which evaluators fall, each with the smallest case that shows it. What an engine alone can't show (which
// resource a Decrypt is authorised on, that a running job's next call sees a new policy) stands in the tests of the gate,
// the questions and the services.
func TestTraps(t *testing.T) {
	const bucket, key, role = "arn:aws:s3:::b/k", "arn:aws:kms:us-west-2:111122223333:key/1", "arn:aws:iam::111122223333:role/R"
	id := func(s ...string) Sets { return Sets{Identity: []Source{*source(t, Identity, s...)}} }
	resource := func(kind Kind, identity []Source, s ...string) Sets {
		return Sets{Identity: identity, ResourceKind: kind, Resource: source(t, kind, s...)}
	}
	with := func(sets Sets, change func(*Sets)) Sets { change(&sets); return sets }
	when := func(effect, condition string) Sets {
		return id(allow("ec2:*", "*", ""), stmt(effect, "s3:*", "*", "", condition))
	}
	for _, c := range []struct {
		trap             string
		who              string
		action, resource string
		keys             keys
		sets             Sets
		want             Decision
	}{
		{"1 StringNotEquals on a missing key is true", "alice", "s3:GetObject", bucket, nil, when("Allow", `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`), Allowed},
		{"1 ... and denies", "alice", "s3:GetObject", bucket, nil, when("Deny", `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`), ExplicitlyDenied},
		{"2 ForAllValues on a missing key is true", "alice", "s3:GetObject", bucket, nil, when("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`), Allowed},
		{"2 ... unless Null wants the key", "alice", "s3:GetObject", bucket, nil, when("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}}`), ImplicitlyDenied},
		{"3 through an endpoint there is no SourceIp", "alice", "s3:GetObject", bucket, keys{"aws:SourceVpc": {"vpc-1"}, "aws:VpcSourceIp": {"10.0.0.1"}},
			when("Allow", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), ImplicitlyDenied},
		{"3 ... so NotIpAddress is true", "alice", "s3:GetObject", bucket, keys{"aws:VpcSourceIp": {"10.0.0.1"}}, when("Deny", `{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), ExplicitlyDenied},
		{"4 aws:PrincipalArn is the role", "session", "s3:GetObject", bucket, keys{"aws:PrincipalArn": {"arn:aws:iam::111122223333:role/app/Job"}},
			when("Allow", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::111122223333:assumed-role/Job/*"}}`), ImplicitlyDenied},
		{"5 :root is the whole account", "alice", "s3:GetObject", bucket, nil, resource(Bucket, all(t, Identity), deny("s3:*", "*", `{"AWS":"arn:aws:iam::111122223333:root"}`)), ExplicitlyDenied},
		{"5 ... but in a gateway endpoint's policy", "alice", "s3:GetObject", bucket, nil,
			Sets{Identity: all(t, Identity), Endpoint: source(t, Endpoint, allow("*", "*", `{"AWS":"arn:aws:iam::111122223333:root"}`)), EndpointGateway: true}, ImplicitlyDenied},
		{"5 ... where the root user passes", "root", "s3:GetObject", bucket, nil,
			Sets{Endpoint: source(t, Endpoint, allow("*", "*", `{"AWS":"arn:aws:iam::111122223333:root"}`)), EndpointGateway: true}, Allowed},
		{"5 aws:PrincipalArn of :root is the root user alone", "alice", "s3:GetObject", bucket, keys{"aws:PrincipalArn": {"arn:aws:iam::111122223333:user/alice"}},
			when("Allow", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:root"}}`), ImplicitlyDenied},
		{"6 a role in the bucket policy is limited by the boundary", "session", "s3:GetObject", bucket, nil,
			with(resource(Bucket, nil, allow("s3:*", "*", `{"AWS":"arn:aws:iam::111122223333:role/app/Job"}`)), func(s *Sets) { s.Boundary = none(t, Boundary) }), ImplicitlyDenied},
		{"6 its session is not", "session", "s3:GetObject", bucket, nil,
			with(resource(Bucket, nil, allow("s3:*", "*", `{"AWS":"arn:aws:sts::111122223333:assumed-role/Job/s1"}`)), func(s *Sets) { s.Boundary = none(t, Boundary) }), Allowed},
		{"6 nor is everybody", "session", "s3:GetObject", bucket, nil,
			with(resource(Bucket, nil, allow("s3:*", "*", `"*"`)), func(s *Sets) { s.Session = none(t, Session) }), Allowed},
		{"7 KMS needs the key policy", "alice", "kms:Decrypt", key, nil, resource(Key, all(t, Identity), allow("kms:*", "*", `{"AWS":"444455556666"}`)), ImplicitlyDenied},
		{"7 ... even for the root user", "root", "kms:Decrypt", key, nil, resource(Key, nil, allow("kms:*", "*", `{"AWS":"444455556666"}`)), ImplicitlyDenied},
		{"7 the default key policy leaves it to IAM", "alice", "kms:Decrypt", key, nil, resource(Key, all(t, Identity), allow("kms:*", "*", `{"AWS":"arn:aws:iam::111122223333:root"}`)), Allowed},
		{"8 AssumeRole needs the trust policy even for admins", "alice", "sts:AssumeRole", role, nil,
			resource(Trust, all(t, Identity), stmt("Allow", "sts:AssumeRole", "", `{"Service":"comprehend.amazonaws.com"}`, "")), ImplicitlyDenied},
		{"9 a Decrypt is about the key that it was authorised on", "alice", "kms:Decrypt", key, nil,
			resource(Key, []Source{*source(t, Identity, allow("kms:Decrypt", "arn:aws:kms:us-west-2:111122223333:key/2", ""))}, allow("kms:*", "*", `{"AWS":"111122223333"}`)), ImplicitlyDenied},
		{"11 a star in a value is no wildcard", "alice", "s3:GetObject", "arn:aws:s3:::b/home/bob/x", keys{"aws:PrincipalTag/home": {"*"}},
			id(allow("s3:*", "arn:aws:s3:::b/home/${aws:PrincipalTag/home}/*", "")), ImplicitlyDenied},
		{"11 ... but the very star", "alice", "s3:GetObject", "arn:aws:s3:::b/home/*/x", keys{"aws:PrincipalTag/home": {"*"}},
			id(allow("s3:*", "arn:aws:s3:::b/home/${aws:PrincipalTag/home}/*", "")), Allowed},
		{"11 a variable in a value stays text", "alice", "s3:GetObject", bucket, keys{"aws:username": {"${aws:userid}"}, "aws:userid": {"AIDA"}, "k:x": {"AIDA"}},
			when("Allow", `{"StringEquals":{"k:x":"${aws:username}"}}`), ImplicitlyDenied},
		{"14 RequestTag stands on what is made alone", "alice", "ec2:CreateNetworkInterface", "arn:aws:ec2:r:1:subnet/s", nil,
			id(stmt("Allow", "ec2:*", "*", "", `{"StringEquals":{"aws:RequestTag/a":"b"}}`)), ImplicitlyDenied},
		{"15 PassRole is a decision of its own", "alice", "iam:PassRole", role, keys{"iam:PassedToService": {"sagemaker.amazonaws.com"}},
			id(stmt("Allow", "iam:PassRole", role, "", `{"StringEquals":{"iam:PassedToService":"comprehend.amazonaws.com"}}`)), ImplicitlyDenied},
		{"15 ... that the job's own permission doesn't hold", "alice", "iam:PassRole", role, nil, id(allow("comprehend:*", "*", "")), ImplicitlyDenied},
		{"16 a policy of Denies alone blocks all that comes through the endpoint", "alice", "s3:GetObject", bucket, nil,
			Sets{Identity: all(t, Identity), Endpoint: source(t, Endpoint, deny("s3:GetObject", "arn:aws:s3:::c/*", `"*"`))}, ImplicitlyDenied},
		{"17 ArnLike keeps a star in its part", "alice", "s3:GetObject", bucket, keys{"k:x": {"arn:aws:sns:us-east-1:123456789012:finance/team/x"}},
			when("Allow", `{"ArnLike":{"k:x":"arn:aws:sns:*:finance/*"}}`), ImplicitlyDenied},
		{"17 StringLike does not", "alice", "s3:GetObject", bucket, keys{"k:x": {"arn:aws:sns:us-east-1:123456789012:finance/team/x"}},
			when("Allow", `{"StringLike":{"k:x":"arn:aws:sns:*:finance/*"}}`), Allowed},
		{"18 actions in any case", "alice", "S3:GETOBJECT", bucket, nil, id(allow("s3:gEtObJect", "*", "")), Allowed},
		{"18 resources as they are", "alice", "s3:GetObject", bucket, nil, id(allow("s3:*", "arn:aws:s3:::B/k", "")), ImplicitlyDenied},
		{"19 tag keys in any case", "alice", "s3:GetObject", bucket, keys{"aws:ResourceTag/EC2": {"x"}}, when("Allow", `{"StringEquals":{"aws:resourcetag/ec2":"x"}}`), Allowed},
		{"19 ... their values as they are", "alice", "s3:GetObject", bucket, keys{"aws:ResourceTag/EC2": {"X"}}, when("Allow", `{"StringEquals":{"aws:ResourceTag/EC2":"x"}}`), ImplicitlyDenied},
		{"21 a service's role session obeys SCPs", "session", "s3:GetObject", bucket, nil, Sets{Identity: all(t, Identity), SCP: [][]Source{none(t, SCP)}}, ExplicitlyDenied},
		{"21 a service does not", "service", "s3:GetObject", bucket, nil,
			with(resource(Bucket, nil, allow("s3:*", "*", `{"Service":"comprehend.amazonaws.com"}`)), func(s *Sets) { s.SCP = [][]Source{none(t, SCP)} }), Allowed},
		{"23 a newline is a character", "alice", "s3:GetObject", "arn:aws:s3:::b/a\nb", nil, id(allow("s3:*", "arn:aws:s3:::b/a*b", "")), Allowed},
		{"23 a dot is a dot", "alice", "s3:GetObject", "arn:aws:s3:::bxc/k", nil, id(allow("s3:*", "arn:aws:s3:::b.c/*", "")), ImplicitlyDenied},
		{"23 brackets are brackets", "alice", "s3:GetObject", "arn:aws:s3:::b/[a-z]+(", nil, id(allow("s3:*", "arn:aws:s3:::b/[a-z]+(", "")), Allowed},

		// actions without resource-level permissions are asked about as "*"
		{"an ARN does not take in an action without resources", "alice", "ec2:DescribeVpcs", "*", nil, id(allow("ec2:*", "arn:aws:ec2:*:*:*", "")), ImplicitlyDenied},
		{"... nor deny it", "alice", "ec2:DescribeVpcs", "*", nil, id(allow("ec2:*", "*", ""), deny("ec2:*", "arn:aws:ec2:*:*:*", "")), Allowed},
		{"Deny with NotResource does", "alice", "ec2:DescribeVpcs", "*", nil, id(allow("ec2:*", "*", ""), `{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::b/*"}`), ExplicitlyDenied},
		{"NotAction with the buckets does not reach EC2", "alice", "ec2:DescribeVpcs", "*", nil, id(`{"Effect":"Allow","NotAction":"iam:*","Resource":"arn:aws:s3:::*"}`), ImplicitlyDenied},
		{"ListAllMyBuckets by star", "alice", "s3:ListAllMyBuckets", "arn:aws:s3:::*", nil, id(allow("s3:ListAllMyBuckets", "*", "")), Allowed},
		{"ListAllMyBuckets by the buckets", "alice", "s3:ListAllMyBuckets", "arn:aws:s3:::*", nil, id(allow("s3:ListAllMyBuckets", "arn:aws:s3:::*", "")), Allowed},
		{"ListAllMyBuckets not by one bucket", "alice", "s3:ListAllMyBuckets", "arn:aws:s3:::*", nil, id(allow("s3:ListAllMyBuckets", "arn:aws:s3:::b", "")), ImplicitlyDenied},
		{"a short ARN is filled in an identity policy", "alice", "s3:GetObject", bucket, nil, id(allow("s3:*", "arn:aws:s3:*", "")), Allowed},
		{"a short ARN in an SCP is not", "alice", "s3:GetObject", bucket, nil, with(id(allow("*", "*", "")), func(s *Sets) { s.SCP = [][]Source{{*source(t, SCP, allow("s3:*", "arn:aws:s3", ""))}} }), ExplicitlyDenied},
		{"... unless it ends in a star", "alice", "s3:GetObject", bucket, nil, with(id(allow("*", "*", "")), func(s *Sets) { s.SCP = [][]Source{{*source(t, SCP, allow("s3:*", "arn:aws:s3:*", ""))}} }), Allowed},
		{"a bucket is no object", "alice", "s3:ListBucket", "arn:aws:s3:::b", nil, id(allow("s3:*", "arn:aws:s3:::b/*", "")), ImplicitlyDenied},
		{"text that is no ARN names no resource", "alice", "ec2:DescribeVpcs", "*", nil, id(allow("ec2:*", "?", "")), ImplicitlyDenied},
		{"a single key that was given a set matches nothing", "alice", "s3:GetObject", bucket, keys{"k:x": {"a", "b"}}, when("Allow", `{"StringNotEqualsIfExists":{"k:x":"z"}}`), ImplicitlyDenied},
		{"a set operator on a single value", "alice", "s3:GetObject", bucket, keys{"aws:SourceVpc": {"vpc-1"}}, when("Allow", `{"ForAnyValue:StringEquals":{"aws:SourceVpc":["vpc-2","vpc-1"]}}`), Allowed},
		{"an unknown key is kept and never there", "alice", "s3:GetObject", bucket, nil, when("Allow", `{"StringEquals":{"nosuch:Key":"x"}}`), ImplicitlyDenied},
		{"a foreign service-linked role's PassRole", "root", "iam:PassRole", "arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX", nil, Sets{}, ImplicitlyDenied},
	} {
		t.Run(c.trap, func(t *testing.T) {
			req := &Request{Principal: who(t, c.who), Action: c.action, Resource: c.resource, ResourceAccount: acct, Context: *contextOf(c.keys)}
			v, reasons := Explain(req, &c.sets)
			if v.Decision != c.want || v != Decide(req, &c.sets) {
				t.Errorf("%+v, want %s\n%v", v, c.want, reasons)
			}
		})
	}
}

// Trap 10: in documents of 2008, and in those without a Version, ${...} is text; all else is as in 2012.
func TestTrapVersion(t *testing.T) {
	const statement = `"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"${*}"},"Null":{"aws:TagKeys":"false"}}}]}`
	for _, c := range []struct {
		version, resource string
		tags              []string
		want              Decision
	}{
		{`"Version":"2012-10-17",`, "arn:aws:s3:::b/alice/k", nil, Allowed},
		{`"Version":"2012-10-17",`, "arn:aws:s3:::b/${aws:username}/k", nil, ImplicitlyDenied},
		{`"Version":"2012-10-17",`, "arn:aws:s3:::b/alice/k", []string{"*"}, ExplicitlyDenied},
		{`"Version":"2008-10-17",`, "arn:aws:s3:::b/alice/k", nil, ImplicitlyDenied},
		{`"Version":"2008-10-17",`, "arn:aws:s3:::b/${aws:username}/k", nil, Allowed},
		{`"Version":"2008-10-17",`, "arn:aws:s3:::b/${aws:username}/k", []string{"*"}, Allowed},
		{`"Version":"2008-10-17",`, "arn:aws:s3:::b/${aws:username}/k", []string{"${*}"}, ExplicitlyDenied},
		{``, "arn:aws:s3:::b/alice/k", nil, ImplicitlyDenied},
		{``, "arn:aws:s3:::b/${aws:username}/k", nil, Allowed},
	} {
		d, err := Parse([]byte("{"+c.version+statement), Identity)
		if err != nil {
			t.Fatal(err)
		}
		req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: c.resource, Context: *contextOf(keys{"aws:username": {"alice"}, "aws:TagKeys": c.tags})}
		if v := Decide(req, &Sets{Identity: []Source{{Doc: d}}}); v.Decision != c.want {
			t.Errorf("%s %s %v: %+v", c.version, c.resource, c.tags, v)
		}
	}
}

// Trap 13: one call, many resources, each with keys of its own. All must pass; here the subnet passes and the interface fails.
func TestTrapManyResources(t *testing.T) {
	sets := &Sets{Identity: []Source{*source(t, Identity,
		stmt("Allow", "ec2:CreateNetworkInterface", "arn:aws:ec2:*:*:network-interface/*", "", `{"StringEquals":{"aws:RequestTag/Owner":"us"}}`),
		allow("ec2:CreateNetworkInterface", "arn:aws:ec2:*:*:subnet/subnet-1", ""), allow("ec2:CreateNetworkInterface", "arn:aws:ec2:*:*:security-group/*", ""))}}
	base := NewContext(2)
	base.Set("aws:SourceIp", "203.0.113.7")
	for _, c := range []struct {
		resource string
		own      keys
		want     bool
	}{
		{"arn:aws:ec2:us-west-2:111122223333:network-interface/*", keys{"aws:RequestTag/Owner": {"us"}}, true},
		{"arn:aws:ec2:us-west-2:111122223333:network-interface/*", nil, false},
		{"arn:aws:ec2:us-west-2:111122223333:subnet/subnet-1", keys{"ec2:Vpc": {"arn:aws:ec2:us-west-2:111122223333:vpc/vpc-1"}}, true},
		{"arn:aws:ec2:us-west-2:111122223333:subnet/subnet-2", nil, false},
		{"arn:aws:ec2:us-west-2:111122223333:security-group/sg-1", nil, true},
	} {
		req := &Request{Principal: who(t, "alice"), Action: "ec2:CreateNetworkInterface", Resource: c.resource, ResourceAccount: acct, Context: base.With(c.own)}
		if v := Decide(req, sets); v.Allowed() != c.want {
			t.Errorf("%s: %+v", c.resource, v)
		}
	}
	if base.Len() != 1 {
		t.Error("the keys of one resource stay on it")
	}
}

// Traps 12 and 22 in the engine: a document with a key twice is nobody's policy, and a session drops its role's path but
// aws:PrincipalArn keeps it.
func TestTrapNames(t *testing.T) {
	for _, text := range []string{`{"Statement":[],"Statement":[]}`, `{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","\u0045ffect":"Deny","Action":"*","Resource":"*"}}`} {
		for _, compile := range []func([]byte, Kind) (*Document, error){Parse, Read} {
			if _, err := compile([]byte(text), Identity); err == nil || !strings.Contains(err.Error(), "stands twice") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	p := who(t, "session")
	if p.PrincipalARN() != "arn:aws:iam::111122223333:role/app/Job" || p.Kind != identity.Session {
		t.Error(p.PrincipalARN())
	}
	for principal, want := range map[string]bool{"arn:aws:iam::111122223333:role/app/Job": true, "arn:aws:iam::111122223333:role/Job": false,
		"arn:aws:sts::111122223333:assumed-role/Job/s1": true, "arn:aws:sts::111122223333:assumed-role/app/Job/s1": false, "arn:aws:sts::111122223333:assumed-role/Job/s2": false} {
		req := &Request{Principal: p, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
		if v := Decide(req, &Sets{ResourceKind: Bucket, Resource: source(t, Bucket, allow("s3:*", "*", `{"AWS":"`+principal+`"}`))}); v.Allowed() != want {
			t.Errorf("%s: %+v", principal, v)
		}
	}
}

// aws:PrincipalArn is the role, and a trust policy that names a service can bind the job that it acts for.
func TestTrapPrincipalAndSource(t *testing.T) {
	trust := source(t, Trust, stmt("Allow", "sts:AssumeRole", "", `{"Service":"comprehend.amazonaws.com"}`,
		`{"StringEquals":{"aws:SourceAccount":"111122223333"},"ArnEquals":{"aws:SourceArn":"arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/*"}}`))
	for _, c := range []struct {
		account, arn string
		want         bool
	}{
		{acct, "arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/1", true},
		{acct, "arn:aws:comprehend:us-west-2:111122223333:entities-detection-job/1", false},
		{other, "arn:aws:comprehend:us-west-2:444455556666:pii-entities-detection-job/1", false},
		{acct, "", false},
	} {
		req := &Request{Principal: who(t, "service"), Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/Data", ResourceAccount: acct}
		req.Context.Set(KeySourceAccount, c.account)
		if c.arn != "" {
			req.Context.Set(KeySourceArn, c.arn)
		}
		if v := Decide(req, &Sets{ResourceKind: Trust, Resource: trust}); v.Allowed() != c.want {
			t.Errorf("%s %s: %+v", c.account, c.arn, v)
		}
	}
	bucket := source(t, Bucket, stmt("Allow", "s3:GetObject", "*", `"*"`, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app/Job"}}`))
	req := &Request{Principal: who(t, "session"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
	req.Context.Set(KeyPrincipalArn, req.Principal.PrincipalARN())
	if !Decide(req, &Sets{ResourceKind: Bucket, Resource: bucket}).Allowed() {
		t.Error("aws:PrincipalArn must be the role's ARN with its path")
	}
}
