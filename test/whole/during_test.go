package whole_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloister/internal/client"
)

// running starts a slow job and waits until its interface is in use.
func (s *site) running(over dict) (job, eni string) {
	s.Helper()
	s.slow()
	job = s.start(over)
	until(s, 20*time.Second, "the interface", func() bool {
		n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "status", "Filter.1.Value.1", "in-use")
		eni = n.text("networkInterfaceId")
		return eni != ""
	})
	return job, eni
}

// TestHeldInterface: while a job runs, nobody pulls its network away by accident.
func TestHeldInterface(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, eni := s.running(nil)
	_, err := s.ask("ec2", "DeleteNetworkInterface", "NetworkInterfaceId", eni)
	s.refused(err, 400, "InvalidParameterValue", eni)
	_, err = s.ask("ec2", "DeleteSubnet", "SubnetId", s.subnet)
	s.refused(err, 400, "DependencyViolation", s.subnet)
	_, err = s.ask("ec2", "DeleteSecurityGroup", "GroupId", s.group)
	s.refused(err, 400, "DependencyViolation", s.group)
	if p := s.finish(id); p.JobStatus != "COMPLETED" {
		t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
	}
	s.nothingLeft()
	for _, c := range [][]string{{"DeleteSubnet", "SubnetId", s.subnet}, {"DeleteSecurityGroup", "GroupId", s.group}} {
		if _, err := s.ask("ec2", c[0], c[1:]...); err != nil {
			t.Errorf("%s afterwards: %v", c[0], err)
		}
	}
}

// TestRoleChanges: what the role loses, its session loses; the interface goes all the same.
func TestRoleChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *site){
		"loses its policy": func(s *site) {
			s.must("iam", "DeleteRolePolicy", "RoleName", "DataAccess", "PolicyName", "access")
		},
		"is deleted": func(s *site) {
			s.must("iam", "DeleteRolePolicy", "RoleName", "DataAccess", "PolicyName", "access")
			s.must("iam", "DeleteRole", "RoleName", "DataAccess")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			id, _ := s.running(nil)
			change(s)
			p := s.finish(id)
			if p.JobStatus != "FAILED" || !strings.HasPrefix(p.Message, "NO_") {
				t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
			}
			s.nothingLeft()
		})
	}
}

// TestWallRises: a policy that comes in the middle of a job holds from the next request on.
func TestWallRises(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, _ := s.running(nil)
	s.policyOfEndpoint(dict{"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})
	p := s.finish(id)
	if p.JobStatus != "FAILED" {
		t.Errorf("the job is %s", p.JobStatus)
	}
	holds(t, s.why(p.JobArn), "Closed", s.endpoint)
	s.nothingLeft()
}

// TestExplainRequest: a refused call is explained by its request id, to those who may ask.
func TestExplainRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	u := s.user("caged", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Action": []string{"comprehend:*", "iam:PassRole"}, "Resource": "*"},
		{"Sid": "OnlyInVpc", "Effect": "Deny", "Action": "comprehend:Start*", "Resource": "*", "Condition": dict{"Null": dict{"comprehend:VpcSubnets": "true"}}}}}))
	_, err := u.call("StartDominantLanguageDetectionJob", s.input(dict{"VpcConfig": nil}))
	var e *client.Error
	if !errors.As(err, &e) || e.RequestID == "" {
		t.Fatal(err)
	}
	holds(t, s.why(e.RequestID), "OnlyInVpc", "statement 1", "caged", "comprehend:StartDominantLanguageDetectionJob")
	_, err = u.Explain(t.Context(), e.RequestID)
	u.refused(err, http.StatusBadRequest, "AccessDeniedException", "cloister:Explain")
	if _, err := s.house.root(t).Explain(t.Context(), e.RequestID); err == nil {
		t.Error("another account explains the request")
	}
}

// TestQuota: ten jobs of a kind may be active, and one that waits for its turn can be stopped.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	s.slow()
	var ids []string
	for range 10 {
		ids = append(ids, s.start(dict{"VpcConfig": nil}))
	}
	_, err := s.call("StartDominantLanguageDetectionJob", s.input(nil))
	s.refused(err, 400, "TooManyRequestsException", "10")
	for _, id := range ids {
		if _, err := s.call("StopDominantLanguageDetectionJob", dict{"JobId": id}); err != nil {
			t.Error(err)
		}
	}
	for _, id := range ids {
		if p := s.finish(id); p.JobStatus != "STOPPED" {
			t.Errorf("job is %s: %s", p.JobStatus, p.Message)
		}
	}
	s.put(s.bucket, "one/d.txt", []byte(english))
	s.completed(dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/", "InputFormat": "ONE_DOC_PER_LINE"}})
}
