package policy

import (
	"os"
	"testing"
)

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

// The output bucket's policy is meant for the VPC alone, and so it shuts out the console user too: the key is missing
// there, and a negated operator is true on a missing key. Its key is written aws:sourceVpc.
func TestSeedOutputBucket(t *testing.T) {
	sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket, Resource: load(t, Bucket, "output-bucket.bucket.json")}
	for vpc, want := range map[string]Decision{"": ExplicitlyDenied, "vpc-other": ExplicitlyDenied, "your-vpc-id": Allowed} {
		req := &Request{Principal: who(t, "alice"), Action: "s3:PutObject", Resource: "arn:aws:s3:::output-bucket/k", ResourceAccount: acct}
		if vpc != "" {
			req.Context.Set(KeySourceVpc, vpc)
		}
		if v := Decide(req, sets); v.Decision != want {
			t.Errorf("from %q: %+v", vpc, v)
		}
	}
}

// A deny-only endpoint policy, taken literally, blocks everything.
func TestSeedEndpointPolicies(t *testing.T) {
	for _, c := range []struct {
		file, resource string
		want           Decision
	}{
		{"endpoint-buckets.endpoint.json", "arn:aws:s3:::any/k", Allowed},
		{"md-buckets.endpoint.json", "arn:aws:s3:::any/k", Allowed},
		{"training-bucket.endpoint.json", "arn:aws:s3:::training-bucket/k", Allowed},
		{"training-bucket.endpoint.json", "arn:aws:s3:::output-bucket/k", ImplicitlyDenied},
		{"endpoint-packages1.endpoint.json", "arn:aws:s3:::any/k", ImplicitlyDenied},
		{"endpoint-packages1.endpoint.json", "arn:aws:s3:::packages.us-west-2.amazonaws.com/x.rpm", ExplicitlyDenied},
		{"endpoint-packages2.endpoint.json", "arn:aws:s3:::amazonlinux.us-west-2.amazonaws.com/x.rpm", ExplicitlyDenied},
	} {
		req := &Request{Principal: who(t, "session"), Action: "s3:GetObject", Resource: c.resource, ResourceAccount: acct}
		sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket, Endpoint: load(t, Endpoint, c.file), EndpointGateway: true}
		if v := Decide(req, sets); v.Decision != c.want {
			t.Errorf("%s on %s: %+v", c.file, c.resource, v)
		}
	}
}

// Both pages' role policies carry the nine calls of a job, under the language of 2008.
func TestSeedRoles(t *testing.T) {
	for _, file := range []string{"role-network.identity.json", "md-role.identity.json"} {
		sets := &Sets{Identity: []Source{*load(t, Identity, file)}}
		for _, a := range []string{"CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission",
			"DescribeNetworkInterfaces", "DescribeVpcs", "DescribeDhcpOptions", "DescribeSubnets", "DescribeSecurityGroups"} {
			if v := Decide(&Request{Principal: who(t, "session"), Action: "ec2:" + a, Resource: "*"}, sets); !v.Allowed() {
				t.Errorf("%s %s: %+v", file, a, v)
			}
		}
		if Decide(&Request{Principal: who(t, "session"), Action: "ec2:CreateTags", Resource: "*"}, sets).Allowed() {
			t.Error("ec2:CreateTags is not listed")
		}
	}
}

// CreateNetworkInterface asks about each resource with its own keys: aws:RequestTag stands on the new interface alone.
func TestSeedCustomizationRole(t *testing.T) {
	sets := &Sets{Identity: []Source{*load(t, Identity, "customization-role-mended.identity.json")}}
	tagged := keys{"aws:RequestTag/BedrockManaged": {"true"}, "aws:RequestTag/bedrockmodelcustomizationjobarn": {"arn:aws:bedrock:region:account-id:model-customization-job/j"}}
	for _, c := range []struct {
		action, resource string
		keys             keys
		want             bool
	}{
		{"ec2:CreateNetworkInterface", "arn:aws:ec2:region:account-id:network-interface/*", tagged, true},
		{"ec2:CreateNetworkInterface", "arn:aws:ec2:region:account-id:network-interface/*", nil, false},
		{"ec2:CreateNetworkInterface", "arn:aws:ec2:region:account-id:subnet/subnet-id", nil, true},
		{"ec2:CreateNetworkInterface", "arn:aws:ec2:region:account-id:subnet/subnet-id3", tagged, false},
		{"ec2:CreateNetworkInterface", "arn:aws:ec2:region:account-id:security-group/security-group-id", nil, true},
		{"ec2:DeleteNetworkInterface", "arn:aws:ec2:region:account-id:network-interface/eni-1", keys{"ec2:Subnet": {"arn:aws:ec2:region:account-id:subnet/subnet-id"},
			"ec2:ResourceTag/BedrockManaged": {"true"}, "ec2:ResourceTag/BedrockModelCustomizationJobArn": {"arn:aws:bedrock:region:account-id:model-customization-job/j"}}, true},
		{"ec2:DeleteNetworkInterface", "arn:aws:ec2:region:account-id:network-interface/eni-1", keys{"ec2:Subnet": {"arn:aws:ec2:region:account-id:subnet/subnet-id"}}, false},
		{"ec2:CreateTags", "arn:aws:ec2:region:account-id:network-interface/*", keys{"ec2:CreateAction": {"CreateNetworkInterface"}, "aws:TagKeys": {"BedrockManaged"}}, true},
		{"ec2:CreateTags", "arn:aws:ec2:region:account-id:network-interface/*", keys{"ec2:CreateAction": {"CreateNetworkInterface"}, "aws:TagKeys": {"BedrockManaged", "Owner"}}, false},
		{"ec2:DescribeVpcs", "*", nil, true},
	} {
		req := &Request{Principal: who(t, "session"), Action: c.action, Resource: c.resource, Context: *contextOf(c.keys)}
		if v, reasons := Explain(req, sets); v.Allowed() != c.want {
			t.Errorf("%s on %s: %v\n%v", c.action, c.resource, v.Decision, reasons)
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
