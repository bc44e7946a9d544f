package whole_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestLastUse: calls leave their mark on the key and, of a job, on its role, whether they are allowed or not; the account's report has it.
func TestLastUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	u := s.user("ada", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}}}))
	used := func() *node {
		t.Helper()
		return s.must("iam", "GetAccessKeyLastUsed", "AccessKeyId", u.Creds.AccessKey)
	}
	if n := used(); n.text("ServiceName") != "N/A" || n.text("LastUsedDate") != "" || n.text("UserName") != "ada" {
		t.Errorf("before any call: %+v", n)
	}
	if _, err := u.ask("ec2", "DescribeVpcs"); err == nil {
		t.Error("the policy does not hold")
	}
	if n := used(); n.text("ServiceName") != "ec2" || n.text("Region") != "us-east-1" || n.text("LastUsedDate") == "" {
		t.Errorf("after a refused call: %+v", n)
	}
	role := func() string {
		t.Helper()
		return s.must("iam", "GetRole", "RoleName", "DataAccess").text("LastUsedDate")
	}
	if d := role(); d != "" {
		t.Errorf("the role was used at %s, before any job", d)
	}
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.completed(nil)
	if role() == "" {
		t.Error("the job's calls left no mark on its role")
	}
	s.must("iam", "GenerateCredentialReport")
	b, err := base64.StdEncoding.DecodeString(s.must("iam", "GetCredentialReport").text("Content"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "<root_account>,") || !strings.HasPrefix(lines[2], "ada,") || !strings.Contains(lines[2], ",us-east-1,ec2,") {
		t.Errorf("the report is\n%s", b)
	}
}
