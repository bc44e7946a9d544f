package whole_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"cloister/internal/client"
)

// TestRevokedAtOnce: while many read an object, what allows it is taken away and given back, again and again. A read that begins after a
// change was answered goes by the change.
func TestRevokedAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "read.txt", []byte("bytes"))
	allow := encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*"}}})
	deny := encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}}})
	u := s.user("reader", allow)
	s.must("iam", "CreateGroup", "GroupName", "shut")
	s.must("iam", "PutGroupPolicy", "GroupName", "shut", "PolicyName", "own", "PolicyDocument", deny)
	boundary := s.must("iam", "CreatePolicy", "PolicyName", "bound", "PolicyDocument", deny).text("Arn")
	s.must("iam", "TagUser", "UserName", "reader", "Tags.member.1.Key", "team", "Tags.member.1.Value", "in")
	policy := func(method string, body string) {
		if _, err := s.Object(context.Background(), method, s.bucket, "", url.Values{"policy": {""}}, []byte(body)); err != nil {
			t.Error(err)
		}
	}
	byTag := encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*",
		"Condition": dict{"StringEquals": dict{"aws:PrincipalTag/team": "out"}}}}})
	tag := func(value string) func() {
		return func() {
			s.must("iam", "TagUser", "UserName", "reader", "Tags.member.1.Key", "team", "Tags.member.1.Value", value)
		}
	}
	changes := []struct {
		name       string
		take, give func()
	}{
		{"the user's policy", func() { s.must("iam", "DeleteUserPolicy", "UserName", "reader", "PolicyName", "own") },
			func() {
				s.must("iam", "PutUserPolicy", "UserName", "reader", "PolicyName", "own", "PolicyDocument", allow)
			}},
		{"the key", func() {
			s.must("iam", "UpdateAccessKey", "UserName", "reader", "AccessKeyId", u.Creds.AccessKey, "Status", "Inactive")
		}, func() {
			s.must("iam", "UpdateAccessKey", "UserName", "reader", "AccessKeyId", u.Creds.AccessKey, "Status", "Active")
		}},
		{"a group", func() { s.must("iam", "AddUserToGroup", "UserName", "reader", "GroupName", "shut") },
			func() { s.must("iam", "RemoveUserFromGroup", "UserName", "reader", "GroupName", "shut") }},
		{"a boundary", func() {
			s.must("iam", "PutUserPermissionsBoundary", "UserName", "reader", "PermissionsBoundary", boundary)
		}, func() { s.must("iam", "DeleteUserPermissionsBoundary", "UserName", "reader") }},
		{"the bucket's policy", func() {
			policy(http.MethodPut, encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*"}}}))
		}, func() { policy(http.MethodPut, byTag) }},
		{"a tag of the user", tag("out"), tag("in")},
	}
	// Phases in turn: allowed, being taken, taken, being given. A read that began and ended within one phase goes by it.
	var phase atomic.Int64
	var over atomic.Bool
	checked := make(chan int64)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !over.Load() {
				begun := phase.Load()
				_, err := u.Object(context.Background(), http.MethodGet, s.bucket, "read.txt", nil, nil)
				var refused *client.Error
				if phase.Load() != begun || begun%2 == 1 || errors.As(err, &refused) && refused.Code == "SlowDown" { // too many calls with a dead key
					continue
				}
				switch {
				case begun%4 == 0 && err != nil:
					t.Errorf("refused what is allowed: %v", err)
				case begun%4 == 2 && (!errors.As(err, &refused) || refused.Status != 403):
					t.Errorf("allowed what was revoked: %v", err)
				}
				select {
				case checked <- begun:
				default:
				}
			}
		})
	}
	seen := func() { // some reads of this phase
		for n := 0; n < 3; {
			if <-checked == phase.Load() {
				n++
			}
		}
	}
	for _, c := range changes {
		for range 3 {
			for _, change := range []func(){c.take, c.give} {
				seen()
				phase.Add(1)
				change()
				phase.Add(1)
			}
			if t.Failed() {
				t.Log(c.name)
				break
			}
		}
	}
	seen()
	over.Store(true)
	readers.Wait()
}
