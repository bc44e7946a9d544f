// Package conformance_test asks a daemon with the clients that people have, unmodified. It knows the binary and AWS's
// answers; it imports nothing of the house.
package conformance_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the daemon's program: the one that CLOISTER_BINARY names, else one that is built for these tests.
var binary = os.Getenv("CLOISTER_BINARY")

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if binary != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "conformance")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "cloister")
		build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/cloister")
		build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot build the daemon:", err)
			return 1
		}
		return m.Run()
	}())
}

// daemon is one that runs until its test ends.
type daemon struct {
	data string
	log  *bytes.Buffer
}

// serve starts a daemon with its own data on ports of its own.
func serve(t *testing.T, args ...string) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Started by root, the daemon becomes another user, who must be able to pass.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	d := &daemon{data: filepath.Join(dir, "data"), log: &bytes.Buffer{}}
	cmd := exec.Command(binary, append([]string{"serve", "-data", d.data, "-root-key", filepath.Join(dir, "key", "root.key"), "-listen", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = d.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		if !late.Stop() {
			t.Error("the daemon did not end when it was asked to")
		} else if err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", d.log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready http=") {
		t.Fatalf("the daemon said %q: %v", line, err)
	}
	return d
}

// env puts what `cloister env` prints into the test's environment, and nothing of the host's own AWS configuration.
func (d *daemon) env(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"env", "-data", d.data}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cloister env: %v", err)
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(rest, "=")
			t.Setenv(name, value)
		}
	}
}

// absent skips a test whose client is not installed. CLOISTER_REQUIRE names clients that must be there.
func absent(t *testing.T, client string) {
	t.Helper()
	if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), client) {
		t.Fatalf("%s is required and not installed", client)
	}
	t.Skipf("%s is not installed", client)
}

// doors runs a test over plain HTTP and over TLS.
func doors(t *testing.T, walk func(t *testing.T)) {
	d := serve(t)
	t.Run("http", func(t *testing.T) { d.env(t); walk(t) })
	t.Run("tls", func(t *testing.T) { d.env(t, "-tls"); walk(t) })
}

// documents are one sentence in several languages, and the code of each.
var documents = []struct{ code, text string }{
	{"en", "The committee will meet again next week to discuss the budget for the new library."},
	{"de", "Der Ausschuss trifft sich nächste Woche wieder, um über den Haushalt der neuen Bücherei zu sprechen."},
	{"fr", "Le comité se réunira de nouveau la semaine prochaine pour discuter du budget de la nouvelle bibliothèque."},
	{"es", "El comité se reunirá de nuevo la próxima semana para hablar del presupuesto de la nueva biblioteca."},
	{"ja", "委員会は来週また集まって、新しい図書館の予算について話し合います。"},
	{"ru", "Комитет снова соберётся на следующей неделе, чтобы обсудить бюджет новой библиотеки."},
}

func text() string {
	var lines []string
	for _, d := range documents {
		lines = append(lines, d.text)
	}
	return strings.Join(lines, "\n")
}

// trust lets Comprehend take a role; data is what such a role needs for a bucket and in a VPC
// (Comprehend Developer Guide, "Protect jobs by using an Amazon Virtual Private Cloud").
const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func data(bucket string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Resource":"*","Action":["ec2:CreateNetworkInterface","ec2:CreateNetworkInterfacePermission","ec2:DeleteNetworkInterface",
	"ec2:DeleteNetworkInterfacePermission","ec2:DescribeNetworkInterfaces","ec2:DescribeVpcs","ec2:DescribeDhcpOptions","ec2:DescribeSubnets",
	"ec2:DescribeSecurityGroups"]},
	{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::%[1]s/*"},
	{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::%[1]s"}]}`, bucket)
}

// onlyInVPC lets a user start jobs when they say which VPC.
func onlyInVPC(role string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":"comprehend:*","Resource":"*","Condition":{"Null":{"comprehend:VpcSubnets":"false"}}},
	{"Effect":"Allow","Action":"iam:PassRole","Resource":%q}]}`, role)
}
