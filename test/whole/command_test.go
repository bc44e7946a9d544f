package whole_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"cloister/internal/client"
	"cloister/internal/core/sigv4"
)

// run gives a command's output and exit status; the environment is empty but for what is given.
func run(t testing.TB, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestCommands are those that ask a running daemon: as its operator, or with a client's own keys.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.house
	out, code := run(t, nil, "env", "-data", h.data)
	for _, want := range []string{"export AWS_ENDPOINT_URL=http://" + h.op.HTTP, "export AWS_REGION=us-east-1", "export AWS_ACCESS_KEY_ID=" + h.op.AccessKey, "export AWS_CA_BUNDLE=" + h.op.CA,
		"unset AWS_SESSION_TOKEN AWS_PROFILE"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("env lacks %q (%d): %s", want, code, out)
		}
	}
	if out, code := run(t, nil, "env", "-data", h.data, "-tls"); code != 0 || !strings.Contains(out, "https://"+h.op.TLS) {
		t.Errorf("env -tls (%d): %s", code, out)
	}
	if out, code := run(t, nil, "env", "-data", t.TempDir()); code != 1 || !strings.Contains(out, "no daemon answers") {
		t.Errorf("env without a daemon (%d): %s", code, out)
	}
	pair := regexp.MustCompile(`^export AWS_ACCESS_KEY_ID=(AKIA[A-Z0-9]{16})\nexport AWS_SECRET_ACCESS_KEY=(\S{40})\n$`)
	out, code = run(t, nil, "account", "create", "-data", h.data, "210000000001", "team")
	m := pair.FindStringSubmatch(out)
	if code != 0 || m == nil {
		t.Fatalf("account create (%d): %s", code, out)
	}
	if n, err := s.as(sigv4.Credentials{AccessKey: m[1], Secret: m[2]}).ask("sts", "GetCallerIdentity"); err != nil || n.text("Arn") != "arn:aws:iam::210000000001:root" {
		t.Errorf("the new account's root: %v", err)
	}
	for _, id := range []string{"210000000001", "12", "000000000000"} {
		if out, code := run(t, nil, "account", "create", "-data", h.data, id); code == 0 || strings.Contains(out, "export") {
			t.Errorf("account create %s (%d): %s", id, code, out)
		}
	}
	// A failed job of this site's account, asked with its own keys.
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.role = s.newRole("Nothing", trust, dataAccess("s3:ListBucket"))
	p := s.finish(s.start(dict{"VpcConfig": nil}))
	keys := []string{"AWS_ENDPOINT_URL=" + s.Endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=" + s.Creds.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.Creds.Secret}
	out, code = run(t, keys, "explain", p.JobArn)
	if code != 0 {
		t.Errorf("explain (%d)", code)
	}
	holds(t, out, "is FAILED: NO_READ_ACCESS_TO_INPUT", "s3:ListBucket")
	if out, code = run(t, nil, "explain", "-data", h.data, p.JobArn); code == 0 {
		t.Errorf("the default account's root explains another account's job: %s", out)
	}
	if out, code = run(t, keys, "explain", "-json", p.JobArn); code != 0 || !strings.HasPrefix(out, "{") {
		t.Errorf("explain -json (%d): %s", code, out)
	}
}

// TestTLS: the second listener is trusted by the bundle that env names, for AWS's names and loopback and no others.
func TestTLS(t *testing.T) {
	t.Parallel()
	h := common(t)
	hc, err := client.Trusting(h.op.CA)
	if err != nil {
		t.Fatal(err)
	}
	a := h.root(t)
	c := *a.Client
	c.Endpoint, c.HTTP = "https://"+h.op.TLS, hc
	a.Client = &c
	if _, err := a.ask("sts", "GetCallerIdentity"); err != nil {
		t.Errorf("a call over TLS: %v", err)
	}
	pem, err := os.ReadFile(h.op.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	for name, ok := range map[string]bool{"localhost": true, "s3.us-east-1.amazonaws.com": true, "docs.s3.us-east-1.amazonaws.com": true, "a.dotted.bucket.s3.us-east-1.amazonaws.com": true,
		"ec2.us-east-1.amazonaws.com": true, "example.com": false, "amazonaws.com.example.com": false} {
		conn, err := tls.Dial("tcp", h.op.TLS, &tls.Config{RootCAs: pool, ServerName: name})
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}
