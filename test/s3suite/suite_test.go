// Package s3suite_test holds the daemon to the S3 functional tests of versitygw, unmodified. What is expected to fail stands in
// expected.tsv with its reason, and fails these tests when it passes.
package s3suite_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/versity/versitygw/tests/integration"
)

// limit is what one test may take; it cannot be stopped, and goes on beside the next ones.
const limit = time.Minute

// elsewhere are tests of what is not S3, of a gateway started in another way, and of what versitygw does not implement.
var elsewhere = regexp.MustCompile(`^(IAM[A-Z]|S3IAM|WebsiteHosting_|NoAclMode_)|_not_implemented$`)

// lonely tests look at all buckets of an account.
var lonely = regexp.MustCompile(`^ListBuckets_|^CreateBucket_|^IAM_|^PublicBucket_|_race_`)

// versioned tests make versions and leave some for the suite to tidy up.
var versioned = regexp.MustCompile(`^(Versioning_|ListObjectVersions_|GetBucketVersioning_|PutBucketVersioning_)`)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "versitygw" { // the suite's own administration runs ./versitygw
		os.Exit(administer(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// failure is why a test fails: n/a, it wants what Cloister says that it does not have, or what versitygw has beside S3; differs, versitygw
// departs from S3, and the reason says where S3's rule stands; open, ours to do.
type failure struct{ class, reason string }

// expected reads the names that fail, and why.
func expected(t *testing.T) map[string]failure {
	b, err := os.ReadFile("expected.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]failure{}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 3 || !slices.Contains([]string{"n/a", "differs", "open"}, f[1]) || strings.TrimSpace(f[2]) == "" {
			t.Fatalf("expected.tsv: %q is not a name, a class and a reason", line)
		}
		name := f[0]
		if _, twice := out[name]; twice {
			t.Fatalf("expected.tsv: %s stands twice", name)
		}
		out[name] = failure{f[1], f[2]}
	}
	return out
}

// TestS3 runs each test of the suite on its own. S3SUITE, a regular expression, selects tests by name.
func TestS3(t *testing.T) {
	reasons := expected(t)
	only, err := regexp.Compile(os.Getenv("S3SUITE"))
	if err != nil {
		t.Fatal(err)
	}
	d := serve(t)
	desk := newDesk(t, d)
	work := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(work, "versitygw")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Unsetenv("AWS_CA_BUNDLE")
	quiet(t)

	conf := func(more ...integration.Option) *integration.S3Conf {
		return integration.NewS3Conf(append(more, integration.WithAccess(d.env["AWS_ACCESS_KEY_ID"]), integration.WithSecret(d.env["AWS_SECRET_ACCESS_KEY"]),
			integration.WithRegion("us-east-1"), integration.WithEndpoint(desk.url), integration.WithPartSize(5<<20), integration.WithConcurrency(1))...)
	}
	plain, versions := conf(), conf(integration.WithVersioningEnabled())

	all := integration.GetIntTests()
	var names, alone []string
	for name := range all {
		switch {
		case elsewhere.MatchString(name) || !only.MatchString(name):
		case lonely.MatchString(name):
			alone = append(alone, name)
		default:
			names = append(names, name)
		}
	}
	for name := range reasons {
		if all[name] == nil || elsewhere.MatchString(name) {
			t.Errorf("expected.tsv: the suite has no %s", name)
		}
	}
	if len(names)+len(alone) == 0 {
		t.Fatal("no test is selected")
	}
	slices.Sort(names)
	slices.Sort(alone)
	var mu sync.Mutex
	passed, listed := 0, map[string]int{}
	one := func(name string) {
		c := plain
		if versioned.MatchString(name) {
			c = versions
		}
		began := time.Now()
		err := run(all[name], c)
		mu.Lock()
		defer mu.Unlock()
		if took := time.Since(began); took > 10*time.Second {
			t.Logf("slow: %s took %v", name, took.Round(time.Second))
		}
		reason, known := reasons[name]
		switch {
		case err == nil && known:
			t.Errorf("PASSES, but is expected to fail: %s\t%s", name, reason.reason)
		case err == nil:
			passed++
		case known:
			listed[reason.class]++
			if testing.Verbose() && os.Getenv("S3SUITE") != "" {
				t.Logf("fails as expected: %s\t%s: %s (%v)", name, reason.class, reason.reason, err)
			}
		default:
			t.Errorf("FAILS: %s\t%v", name, strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	next := make(chan string)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for name := range next {
				one(name)
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	wg.Wait()
	for _, name := range alone {
		one(name)
	}
	// A test that fails and is not listed counts as ours to do.
	n := len(names) + len(alone)
	ours := n - passed - listed["n/a"] - listed["differs"]
	t.Logf("%d tests: %d pass, %d n/a, %d differ from S3, %d open: %.1f %% of what applies passes", n, passed, listed["n/a"], listed["differs"], ours,
		100*float64(passed)/float64(max(passed+ours, 1)))
}

// run is one test of the suite; a panic of its own costs only itself.
func run(f func(*integration.S3Conf) error, c *integration.S3Conf) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v", r)
			}
		}()
		done <- f(c)
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("no result after %v", limit)
	}
}

// quiet takes the suite's own chatter away; the tests' errors are what it says.
func quiet(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := os.Stdout
	os.Stdout = null
	t.Cleanup(func() { os.Stdout = out; null.Close() })
}

// daemon is one that runs until its test ends.
type daemon struct{ env map[string]string }

// serve builds the program, unless CLOISTER_BINARY names one, and starts it with data of its own.
func serve(t *testing.T) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "s3suite")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Started by root, the daemon becomes another user, who must be able to pass.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	binary := os.Getenv("CLOISTER_BINARY")
	if binary == "" {
		binary = filepath.Join(dir, "cloister")
		build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/cloister")
		build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			t.Fatal(err)
		}
	}
	log := &bytes.Buffer{}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(binary, "serve", "-data", data, "-root-key", filepath.Join(dir, "key", "root.key"), "-listen", "127.0.0.1:0")
	cmd.Stderr = log
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
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "level=ERROR") {
				t.Errorf("the daemon's log: %s", line)
			}
		}
		if to := os.Getenv("S3SUITE_LOG"); to != "" {
			_ = os.WriteFile(to, log.Bytes(), 0o600)
		}
	})
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready http=") {
		t.Fatalf("the daemon said %q: %v\n%s", line, err, log)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	printed, err := exec.Command(binary, "env", "-data", data).Output()
	if err != nil {
		var ee *exec.ExitError
		errors.As(err, &ee)
		t.Fatalf("cloister env: %v %v", err, ee)
	}
	d := &daemon{env: map[string]string{}}
	for line := range strings.Lines(string(printed)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(rest, "=")
			d.env[name] = value
		}
	}
	return d
}
