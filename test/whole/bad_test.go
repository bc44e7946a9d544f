package whole_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/client"
)

// TestBadNetwork: what VpcConfig names is looked at before anything is made, and what can't carry the job is named.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	vpc := s.must("ec2", "CreateVpc", "CidrBlock", "10.1.0.0/16").text("vpcId")
	subnet, group := s.newSubnet(vpc, "10.1.0.0/24"), s.newGroup(vpc, "other")
	apart := s.must("ec2", "CreateVpc", "CidrBlock", "10.2.0.0/16", "InstanceTenancy", "dedicated").text("vpcId")
	apartSubnet, apartGroup := s.newSubnet(apart, "10.2.0.0/24"), s.newGroup(apart, "dedicated")
	small := s.newSubnet(s.vpc, "10.0.0.0/28")
	for range 10 { // 16 less the five that are AWS's leaves 11
		s.must("ec2", "CreateNetworkInterface", "SubnetId", small, "Description", "by hand")
	}
	list := func(l ...string) []string { return l }
	cases := []struct {
		name            string
		subnets, groups []string
		code            string
		words           []string
	}{
		{"unknown subnet", list("subnet-00000000000000001"), list(s.group), "INVALID_VPC_CONFIG", list("subnet-00000000000000001")},
		{"one unknown subnet of two", list(s.subnet, "subnet-00000000000000001"), list(s.group), "INVALID_VPC_CONFIG", list("subnet-00000000000000001")},
		{"unknown group", list(s.subnet), list("sg-00000000000000001"), "INVALID_VPC_CONFIG", list("sg-00000000000000001")},
		{"group of another VPC", list(s.subnet), list(group), "INVALID_VPC_CONFIG", list(group, s.vpc)},
		{"subnets of two VPCs", list(s.subnet, subnet), list(s.group), "INVALID_VPC_CONFIG", list(s.subnet, subnet)},
		{"too few addresses", list(small), list(s.group), "INSUFFICIENT_FREE_ADDRESSES", list(small, "2")},
		{"dedicated tenancy", list(apartSubnet), list(apartGroup), "INVALID_VPC_CONFIG", list(apart, "dedicated")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			s.failed(dict{"VpcConfig": dict{"SecurityGroupIds": c.groups, "Subnets": c.subnets}}, c.code, c.words...)
		})
	}
	t.Run("one subnet of two has addresses", func(t *testing.T) {
		s := *s
		s.actor = s.with(t)
		s.completed(dict{"VpcConfig": dict{"SecurityGroupIds": list(s.group), "Subnets": list(small, s.subnet)}})
		s.nothingLeft()
	})
}

// TestBadData: what the URIs name is missing or may not be touched.
func TestBadData(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	from := func(uri string) dict {
		return dict{"InputDataConfig": dict{"S3Uri": uri, "InputFormat": "ONE_DOC_PER_LINE"}}
	}
	cases := []struct {
		name, code string
		over       dict
		why        string
	}{
		{"missing bucket", "NO_READ_ACCESS_TO_INPUT", from("s3://nobody-has-" + s.account + "/in/"), "NoSuchBucket"},
		{"nothing under the prefix", "NO_INPUT_FOUND", from("s3://" + s.bucket + "/none/"), "none"},
		{"missing output bucket", "NO_WRITE_ACCESS_TO_OUTPUT", dict{"OutputDataConfig": dict{"S3Uri": "s3://nobody-has-" + s.account + "/out"}}, "NoSuchBucket"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			holds(t, s.failed(c.over, c.code), c.why)
		})
	}
	for _, a := range []struct{ action, code string }{{"s3:ListBucket", "NO_READ_ACCESS_TO_INPUT"}, {"s3:GetObject", "NO_READ_ACCESS_TO_INPUT"}, {"s3:PutObject", "NO_WRITE_ACCESS_TO_OUTPUT"}} {
		t.Run("role without "+a.action, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			s.role = s.newRole("No"+strings.TrimPrefix(a.action, "s3:"), trust, dataAccess(a.action))
			holds(t, s.failed(nil, a.code), a.action, "no identity-based policy allows")
		})
	}
}

// TestBadStart are inputs that the model or the service refuses at once: 400, and no job is written down.
func TestBadStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	vpc := func(subnets, groups []string) dict {
		return dict{"VpcConfig": dict{"SecurityGroupIds": groups, "Subnets": subnets}}
	}
	cases := []struct {
		name string
		over dict
		code string
		word string
	}{
		{"no input", dict{"InputDataConfig": nil}, "ValidationException", "inputDataConfig"},
		{"no role", dict{"DataAccessRoleArn": nil}, "ValidationException", "dataAccessRoleArn"},
		{"a role that is no ARN", dict{"DataAccessRoleArn": "DataAccess"}, "ValidationException", "dataAccessRoleArn"},
		{"an input that is no S3 URI", dict{"InputDataConfig": dict{"S3Uri": "http://example.com/"}}, "ValidationException", "s3Uri"},
		{"an unknown format", dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/in/", "InputFormat": "ONE_DOC"}}, "ValidationException", "inputFormat"},
		{"no subnets", vpc([]string{}, []string{s.group}), "ValidationException", "subnets"},
		{"a subnet twice", vpc([]string{s.subnet, s.subnet}, []string{s.group}), "InvalidRequestException", s.subnet},
		{"a group twice", vpc([]string{s.subnet}, []string{s.group, s.group}), "InvalidRequestException", s.group},
		{"six groups", vpc([]string{s.subnet}, []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-6"}), "ValidationException", "securityGroupIds"},
		{"a tag of AWS", dict{"Tags": []dict{{"Key": "aws:team", "Value": "a"}}}, "InvalidRequestException", "aws:"},
		{"a wrong type", dict{"JobName": []string{"a"}}, "SerializationException", ""},
		{"a key that is none", dict{"VolumeKmsKeyId": "none"}, "KmsKeyValidationException", "VolumeKmsKeyId"},
		{"an alias for the volume", dict{"VolumeKmsKeyId": "alias/jobs"}, "KmsKeyValidationException", "VolumeKmsKeyId"},
		{"a key of another region", dict{"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out", "KmsKeyId": "arn:aws:kms:eu-west-1:" + s.account + ":alias/jobs"}},
			"KmsKeyValidationException", "us-east-1"},
		// A member that no job of this kind honours.
		{"DocumentReaderConfig", dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/in/", "DocumentReaderConfig": dict{"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"}}},
			"ValidationException", "InputDataConfig.DocumentReaderConfig"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			_, err := s.call("StartDominantLanguageDetectionJob", s.input(c.over))
			s.refused(err, 400, c.code, c.word)
		})
	}
	_, err := s.call("StartDominantLanguageDetectionJob", s.input(dict{"DataAccessRoleArn": "arn:aws:iam::999999999999:role/DataAccess"}))
	s.refused(err, 403, "AccessDeniedException", "iam:PassRole", "999999999999") // a role is not passed across accounts
	out, err := s.call("ListDominantLanguageDetectionJobs", dict{})
	if err != nil || len(out["DominantLanguageDetectionJobPropertiesList"].([]any)) != 0 {
		t.Errorf("jobs were written down: %v, %v", out, err)
	}
}

// TestBadPolicies: a text that is no policy is refused by the call that would have hung it somewhere.
func TestBadPolicies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	texts := map[string]string{
		"no JSON":        `{"Version":`,
		"no statement":   `{"Version":"2012-10-17"}`,
		"unknown effect": `{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Principal":"*","Action":"s3:*","Resource":"*"}]}`,
		"unknown member": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Colour":"red"}]}`,
		"unknown test":   `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringLooksLike":{"aws:SourceVpc":"a"}}}]}`,
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			a := s.with(t)
			_, err := a.Object(t.Context(), http.MethodPut, s.bucket, "", url.Values{"policy": {""}}, []byte(text))
			a.refused(err, 400, "MalformedPolicy")
			_, err = a.ask("ec2", "ModifyVpcEndpoint", "VpcEndpointId", s.endpoint, "PolicyDocument", text)
			a.refused(err, 400, "InvalidPolicyDocument")
			_, err = a.ask("iam", "CreateRole", "RoleName", "Bad", "AssumeRolePolicyDocument", text)
			a.refused(err, 400, "MalformedPolicyDocument")
			_, err = a.ask("iam", "PutRolePolicy", "RoleName", "DataAccess", "PolicyName", "bad", "PolicyDocument", strings.ReplaceAll(text, `"Principal":"*",`, ""))
			a.refused(err, 400, "MalformedPolicyDocument")
		})
	}
	if n := s.must("iam", "ListRoles").all("RoleName"); len(n) != 1 {
		t.Errorf("%d roles", len(n))
	}
	if n := s.must("iam", "ListRolePolicies", "RoleName", "DataAccess").all("member"); len(n) != 1 {
		t.Errorf("%d policies", len(n))
	}
	var e *client.Error
	_, err := s.Object(context.Background(), http.MethodGet, s.bucket, "", url.Values{"policy": {""}}, nil)
	if !errors.As(err, &e) || e.Code != "NoSuchBucketPolicy" {
		t.Errorf("the bucket has a policy: %v", err)
	}
}

// TestUnhonouredHeaders: S3 refuses what it would have to keep, and writes nothing.
func TestUnhonouredHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for k, c := range map[string]struct {
		value  string
		status int
		code   string
	}{
		"X-Amz-Server-Side-Encryption":                    {"aws:kms:dsse", 501, "NotImplemented"},
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id":     {"k", 400, "InvalidArgument"}, // without a mode
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": {"AES256", 403, "AccessDenied"},
		"X-Amz-Acl":              {"public-read", 400, "AccessControlListNotSupported"}, // as AWS's new buckets
		"X-Amz-Grant-Read":       {"id=1", 501, "NotImplemented"},
		"X-Amz-Storage-Class":    {"GLACIER", 501, "NotImplemented"},
		"X-Amz-Object-Lock-Mode": {"GOVERNANCE", 400, "InvalidArgument"}, // without an end
	} {
		t.Run(k, func(t *testing.T) {
			r := request{method: http.MethodPut, service: "s3", path: "/" + s.bucket + "/key", header: http.Header{k: {c.value}}, body: []byte("text"), creds: s.Creds}
			status, code := c.status, "<Code>"+c.code+"</Code>"
			if res, b := r.send(t, s.Endpoint); res.StatusCode != status || !strings.Contains(string(b), code) {
				t.Errorf("%d %s", res.StatusCode, b)
			}
			_, err := s.Object(t.Context(), http.MethodGet, s.bucket, "key", nil, nil)
			s.with(t).refused(err, 404, "NoSuchKey")
		})
	}
}
