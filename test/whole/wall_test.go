package whole_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/core/sigv4"
)

// user makes a user with one policy and gives it as an actor.
func (a *actor) user(name, policy string) *actor {
	a.Helper()
	a.must("iam", "CreateUser", "UserName", name)
	a.must("iam", "PutUserPolicy", "UserName", name, "PolicyName", "own", "PolicyDocument", policy)
	k := a.must("iam", "CreateAccessKey", "UserName", name)
	return a.as(sigv4.Credentials{AccessKey: k.text("AccessKeyId"), Secret: k.text("SecretAccessKey")})
}

// TestStartRefused are the walls before anything exists: 403, and no job is written down.
func TestStartRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pass := dict{"Sid": "Pass", "Effect": "Allow", "Action": "iam:PassRole", "Resource": s.role}
	cases := []struct {
		name       string
		statements []dict
		over       dict
		want       []string // words of the message; none: the start is allowed
	}{
		{"nothing allowed", nil, nil, []string{"comprehend:StartDominantLanguageDetectionJob", "no identity-based policy allows"}},
		{"subnets demanded, none given", []dict{pass, {"Effect": "Allow", "Action": "comprehend:*", "Resource": "*",
			"Condition": dict{"ForAllValues:StringEquals": dict{"comprehend:VpcSubnets": []string{s.subnet}}, "Null": dict{"comprehend:VpcSubnets": "false"}}}},
			dict{"VpcConfig": nil}, []string{"comprehend:StartDominantLanguageDetectionJob"}},
		{"denied without subnets", []dict{pass, {"Effect": "Allow", "Action": "comprehend:*", "Resource": "*"},
			{"Effect": "Deny", "Action": "comprehend:Start*", "Resource": "*", "Condition": dict{"Null": dict{"comprehend:VpcSubnets": "true"}}}},
			dict{"VpcConfig": nil}, []string{"comprehend:StartDominantLanguageDetectionJob", "explicit deny in an identity-based policy"}},
		{"another subnet demanded", []dict{pass, {"Effect": "Allow", "Action": "comprehend:*", "Resource": "*",
			"Condition": dict{"ForAllValues:StringEquals": dict{"comprehend:VpcSubnets": []string{"subnet-0"}}}}}, nil, []string{"comprehend:StartDominantLanguageDetectionJob"}},
		{"another group denied", []dict{pass, {"Effect": "Allow", "Action": "comprehend:*", "Resource": "*"},
			{"Effect": "Deny", "Action": "comprehend:*", "Resource": "*", "Condition": dict{"ForAnyValue:StringNotEquals": dict{"comprehend:VpcSecurityGroupIds": []string{"sg-0"}}}}},
			nil, []string{"comprehend:StartDominantLanguageDetectionJob", "explicit deny"}},
		{"role not passed", []dict{{"Effect": "Allow", "Action": "comprehend:*", "Resource": "*"}}, nil, []string{"iam:PassRole", s.role}},
		{"role passed to another service", []dict{{"Effect": "Allow", "Action": "comprehend:*", "Resource": "*"},
			{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": dict{"StringEquals": dict{"iam:PassedToService": "ec2.amazonaws.com"}}}}, nil, []string{"iam:PassRole"}},
		{"tagging not allowed", []dict{pass, {"Effect": "Allow", "Action": "comprehend:StartDominantLanguageDetectionJob", "Resource": "*"}},
			dict{"Tags": []dict{{"Key": "a", "Value": "b"}}}, []string{"comprehend:TagResource"}},
		{"the demanded subnet", []dict{pass, {"Effect": "Allow", "Action": "comprehend:*", "Resource": "*",
			"Condition": dict{"ForAllValues:StringEquals": dict{"comprehend:VpcSubnets": []string{s.subnet}}, "Null": dict{"comprehend:VpcSubnets": "false"}}}}, nil, nil},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			if c.statements == nil {
				c.statements = []dict{pass}
			}
			u := s.user("user-"+string(rune('a'+i)), encode(t, dict{"Version": "2012-10-17", "Statement": c.statements}))
			_, err := u.call("StartDominantLanguageDetectionJob", s.input(c.over))
			jobs, _ := s.call("ListDominantLanguageDetectionJobs", dict{})
			n := len(jobs["DominantLanguageDetectionJobPropertiesList"].([]any))
			if c.want == nil {
				if err != nil || n != 1 {
					t.Errorf("allowed: %v, %d jobs", err, n)
				}
				return
			}
			u.refused(err, 403, "AccessDeniedException", append(c.want, "user/user-")...)
			if n != 0 {
				t.Errorf("%d jobs were written down", n)
			}
		})
	}
}

// TestNineCalls takes each of the nine calls from the role: the job fails by its name and leaves no interface.
func TestNineCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	for _, c := range nine {
		t.Run(c, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			s.role = s.newRole("Without"+c, trust, dataAccess("ec2:"+c))
			why := s.failed(nil, "VPC_ACCESS_DENIED", "ec2:"+c+".")
			holds(t, why, "ec2:"+c, "no identity-based policy allows")
		})
	}
}

// TestTrust: the service principal assumes the role only as the trust policy says.
func TestTrust(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	with := func(cond dict) string {
		return encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Principal": dict{"Service": "comprehend.amazonaws.com"},
			"Action": "sts:AssumeRole", "Condition": cond}}})
	}
	cases := []struct {
		name, trust string
		ok          bool
	}{
		{"OtherService", strings.ReplaceAll(trust, "comprehend", "ec2"), false},
		{"Account", with(dict{"StringEquals": dict{"aws:SourceAccount": s.account}}), true},
		{"OtherAccount", with(dict{"StringEquals": dict{"aws:SourceAccount": "999999999999"}}), false},
		{"Arn", with(dict{"ArnLike": dict{"aws:SourceArn": "arn:aws:comprehend:us-east-1:" + s.account + ":dominant-language-detection-job/*"}}), true},
		{"OtherArn", with(dict{"ArnLike": dict{"aws:SourceArn": "arn:aws:comprehend:us-east-1:" + s.account + ":entities-detection-job/*"}}), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			s.role = s.newRole("Trust"+c.name, c.trust, dataAccess())
			if c.ok {
				s.completed(nil)
				return
			}
			holds(t, s.failed(nil, "INVALID_DATA_ACCESS_ROLE", s.role), "sts:AssumeRole", "trust")
		})
	}
	t.Run("no such role", func(t *testing.T) {
		s := *s
		s.actor = s.with(t)
		s.role = "arn:aws:iam::" + s.account + ":role/Nobody"
		s.failed(nil, "INVALID_DATA_ACCESS_ROLE", s.role)
	})
}

// TestEndpointPolicy: what the endpoint forbids, the job can't do, and explain names statement, policy and endpoint.
func TestEndpointPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.policyOfEndpoint(dict{"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
		dict{"Sid": "NotThisBucket", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []string{"arn:aws:s3:::" + s.bucket, "arn:aws:s3:::" + s.bucket + "/*"}})
	why := s.failed(nil, "NO_READ_ACCESS_TO_INPUT")
	holds(t, why, "NotThisBucket", "statement 1", "policy of endpoint "+s.endpoint, s.table, "s3:ListBucket")
	s.policyOfEndpoint(dict{"Sid": "ReadOnly", "Effect": "Allow", "Principal": "*", "Action": []string{"s3:GetObject", "s3:ListBucket"}, "Resource": "*"})
	why = s.failed(nil, "NO_WRITE_ACCESS_TO_OUTPUT")
	holds(t, why, s.endpoint, "s3:PutObject")
	// The same caller does the same from outside, where no endpoint is on the way.
	s.put(s.bucket, "in/e.txt", []byte(english))
	s.policyOfEndpoint(dict{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": []string{"arn:aws:s3:::" + s.bucket, "arn:aws:s3:::" + s.bucket + "/*"}})
	s.completed(nil)
}

func (s *site) policyOfEndpoint(statements ...dict) {
	s.Helper()
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", s.endpoint, "PolicyDocument", encode(s, dict{"Version": "2012-10-17", "Statement": statements}))
}

// TestNoRoute: without a route to S3 no packet leaves, and explain names the route table.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", s.endpoint, "RemoveRouteTableId.1", s.table)
	why := s.failed(nil, "NO_READ_ACCESS_TO_INPUT")
	holds(t, why, "[route-table, "+s.table+"]", "has no route to com.amazonaws.us-east-1.s3", "ModifyVpcEndpoint "+s.endpoint)
}

// TestNoEgress: a group that admits nothing is named.
func TestNoEgress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.must("ec2", "RevokeSecurityGroupEgress", "GroupId", s.group, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
	why := s.failed(nil, "NO_READ_ACCESS_TO_INPUT")
	holds(t, why, "[security-group, "+s.group+"]", "no egress rule of "+s.group)
	// The one rule that the explanation asks for is enough.
	s.must("ec2", "AuthorizeSecurityGroupEgress", "GroupId", s.group, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "443",
		"IpPermissions.1.ToPort", "443", "IpPermissions.1.PrefixListIds.1.PrefixListId", "pl-63a5400a")
	s.completed(nil)
}

// TestBucketPolicy: the keys of a request's real path, which a public caller has no way to claim.
func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	cases := []struct {
		name      string
		condition dict
		ok        bool // for the job
	}{
		{"endpoint", dict{"StringNotEquals": dict{"aws:SourceVpce": s.endpoint}}, true},
		{"VPC", dict{"StringNotEquals": dict{"aws:SourceVpc": s.vpc}}, true},
		{"address", dict{"NotIpAddress": dict{"aws:VpcSourceIp": "10.0.16.0/20"}}, true},
		{"another endpoint", dict{"StringNotEquals": dict{"aws:SourceVpce": "vpce-0"}}, false},
		{"another VPC", dict{"StringNotEquals": dict{"aws:SourceVpc": "vpc-0"}}, false},
		{"another address", dict{"NotIpAddress": dict{"aws:VpcSourceIp": "10.0.0.0/20"}}, false},
		{"public addresses only", dict{"NotIpAddress": dict{"aws:SourceIp": "10.0.0.0/8"}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			s.bucketPolicy(dict{"Sid": "Fence", "Effect": "Deny", "Principal": "*", "Action": "s3:*Object", "Resource": "arn:aws:s3:::" + s.bucket + "/*", "Condition": c.condition})
			_, err := s.Object(t.Context(), http.MethodGet, s.bucket, "in/d.txt", nil, nil)
			s.refused(err, 403, "AccessDenied", "resource-based policy")
			p := s.finish(s.start(nil))
			if !c.ok {
				if p.JobStatus != "FAILED" {
					t.Errorf("job is %s", p.JobStatus)
				}
				holds(t, s.why(p.JobArn), "Fence", "bucket policy of "+s.bucket)
				s.nothingLeft()
				return
			}
			if p.JobStatus != "COMPLETED" {
				t.Errorf("job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
			}
		})
	}
	// The policy goes; the results of those that were let through are there.
	if _, err := s.Object(t.Context(), http.MethodDelete, s.bucket, "", url.Values{"policy": {""}}, nil); err != nil {
		t.Fatal(err)
	}
}
