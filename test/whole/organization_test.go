package whole_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloister/internal/client"
)

// cli runs the program with the actor's keys; the test fails when the command does.
func (a *actor) cli(args ...string) string {
	a.Helper()
	out, code := a.tries(args...)
	if code != 0 {
		a.Fatalf("%v (%d): %s", args, code, out)
	}
	return out
}

func (a *actor) tries(args ...string) (string, int) {
	a.Helper()
	return run(a.TB, []string{"AWS_ENDPOINT_URL=" + a.Endpoint, "AWS_REGION=" + a.Region, "AWS_ACCESS_KEY_ID=" + a.Creds.AccessKey, "AWS_SECRET_ACCESS_KEY=" + a.Creds.Secret}, args...)
}

// TestOrganization: what the management account hangs above a member binds its root, its users and its running jobs at the next request.
func TestOrganization(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss := s.house.root(t)
	boss.newBucket("boss-" + boss.account)
	boss.put("boss-"+boss.account, "key", []byte("abc"))
	s.put(s.bucket, "key", []byte("abc"))
	read := func(a *actor, bucket string) error {
		_, err := a.Object(t.Context(), http.MethodGet, bucket, "key", nil, nil)
		return err
	}
	user := s.user("ada", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Action": "*", "Resource": "*"}}}))

	holds(t, boss.cli("org", "create"), "managed by account "+boss.account, "FullAWSAccess")
	var org client.Organization
	if err := json.Unmarshal([]byte(boss.cli("org", "show", "-json")), &org); err != nil {
		t.Fatal(err)
	}
	if out, code := s.tries("org", "join", org.Id); code == 0 || !strings.Contains(out, "HandshakeNotFoundException") {
		t.Errorf("an account joins uninvited: %s", out)
	}
	boss.cli("org", "invite", s.account)
	s.cli("org", "join", org.Id)
	boss.cli("org", "unit", "root", "Lab")
	boss.cli("org", "move", s.account, "Lab")
	file := filepath.Join(t.TempDir(), "scp.json")
	write := func(text string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	boss.cli("scp", "put", "NoS3", write(`{"Version":"2012-10-17","Statement":[{"Sid":"Hidden","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`))
	if err := read(s.actor, s.bucket); err != nil {
		t.Errorf("a policy that hangs nowhere denies: %v", err)
	}

	// The boundary of data that policies draw around an organization: its accounts pass, others do not.
	stranger := s.house.root(t)
	statement := dict{"Sid": "OursAlone", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*",
		"Condition": dict{"StringEquals": dict{"aws:PrincipalOrgID": org.Id, "aws:ResourceOrgID": org.Id}, "ForAnyValue:StringLike": dict{"aws:PrincipalOrgPaths": org.Id + "/*"}}}
	s.bucketPolicy(statement)
	if err := read(boss, s.bucket); err != nil {
		t.Errorf("an account of the organization: %v", err)
	}
	stranger.refused(read(stranger, s.bucket), 403, "AccessDenied")

	job, _ := s.running(nil)
	boss.cli("scp", "attach", "NoS3", "Lab")
	holds(t, boss.cli("org", "show"), "[FullAWSAccess, NoS3]", "unit ou-", "which no policy binds")
	for _, a := range []*actor{s.actor, user} {
		err := read(a, s.bucket)
		a.refused(err, 403, "AccessDenied", "with an explicit deny in a service control policy")
		var e *client.Error
		if errors.As(err, &e) {
			told := s.why(e.RequestID)
			holds(t, told, "service control policy", "the unit Lab (ou-", "management account "+boss.account)
			if strings.Contains(told, "Hidden") || strings.Contains(told, "NoS3") {
				t.Errorf("a member reads what the management account wrote: %s", told)
			}
		}
	}
	if err := read(boss, "boss-"+boss.account); err != nil {
		t.Errorf("the management account is bound: %v", err)
	}
	p := s.finish(job)
	if told := s.why(p.JobArn); p.JobStatus != "FAILED" || !strings.Contains(told, "a service control policy attached to the unit Lab") {
		t.Errorf("a running job outlives the policy: %s: %s\n%s", p.JobStatus, p.Message, told)
	}
	s.nothingLeft()
	if n := s.must("iam", "SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::"+s.account+":user/ada", "ActionNames.member.1", "s3:GetObject"); n.text("EvalDecision") != "explicitDeny" ||
		n.text("AllowedByOrganizations") != "false" || !strings.HasPrefix(n.text("SourcePolicyId"), "service control policy attached to the unit Lab") || n.text("StartPosition") != "" {
		t.Errorf("simulated: %s, %s, by %q", n.text("EvalDecision"), n.text("AllowedByOrganizations"), n.text("SourcePolicyId"))
	}

	// A level that allows only what it names: nothing else passes, whatever the other levels say.
	boss.cli("scp", "detach", "NoS3", "Lab")
	if err := read(s.actor, s.bucket); err != nil {
		t.Errorf("a policy that was taken away denies: %v", err)
	}
	boss.cli("scp", "put", "NoS3", write(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","cloister:*"],"Resource":"*"}]}`))
	boss.cli("scp", "attach", "NoS3", "Lab")
	boss.cli("scp", "detach", "FullAWSAccess", "Lab")
	if err := read(s.actor, s.bucket); err != nil {
		t.Errorf("what every level allows is denied: %v", err)
	}
	_, err := s.ask("iam", "ListUsers")
	s.refused(err, 403, "AccessDenied", "because no service control policy allows the iam:ListUsers action")
	if out, code := boss.tries("scp", "detach", "NoS3", "Lab"); code == 0 || !strings.Contains(out, "ConstraintViolationException") {
		t.Errorf("the last policy goes: %s", out)
	}
	if out, code := s.tries("scp", "list"); code == 0 || !strings.Contains(out, "AccessDenied") {
		t.Errorf("a member lists the policies: %s", out)
	}
	if out, code := boss.tries("scp", "put", "Bad", write(`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"},]}`)); code == 0 || !strings.Contains(out, "MalformedPolicyDocumentException") {
		t.Errorf("a text that is no policy is saved: %s", out)
	}
	s.cli("org", "leave")
	if _, err := s.ask("iam", "ListUsers"); err != nil {
		t.Errorf("after it left: %v", err)
	}
	boss.cli("org", "drop", "Lab")
	boss.cli("scp", "delete", "NoS3")
	boss.cli("org", "delete")
}
