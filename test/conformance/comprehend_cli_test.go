package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/comprehend"
)

// TestAWSCLIComprehend calls each of Comprehend's operations by the AWS CLI with input that AWS would take. It gets an answer that can be read, or
// the refusal that docs/divergences.md speaks of. Which operations there are, AWS's own SDK says.
func TestAWSCLIComprehend(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		absent(t, "aws")
	}
	serve(t).env(t)
	a := cli{T: t, endpoint: os.Getenv("AWS_ENDPOINT_URL"), env: append(os.Environ(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "PYTHONUTF8=1")}
	w := &whole{cli: a, asked: map[string]bool{}, bucket: "comprehend-by-cli"}
	w.oneProcess()
	w.role = a.aws("Role.Arn", "iam", "create-role", "--role-name", "reader", "--assume-role-policy-document", trust)
	a.aws("", "iam", "put-role-policy", "--role-name", "reader", "--policy-name", "data", "--policy-document", data(w.bucket))
	w.corpus()
	w.walk()
	for _, op := range operations() {
		if !w.asked[op] {
			t.Errorf("%s was not asked", op)
		}
	}
	t.Logf("%d operations", len(w.asked))
}

// operations are the methods of the SDK's client.
func operations() []string {
	var out []string
	c := reflect.TypeFor[*comprehend.Client]()
	for i := range c.NumMethod() {
		if m := c.Method(i); m.Name != "Options" {
			out = append(out, m.Name)
		}
	}
	return out
}

// whole is the walk through all of Comprehend.
type whole struct {
	cli
	asked        map[string]bool
	bucket, role string
	run          func(args ...string) (out, stderr string, ok bool)
}

// oneProcess runs the CLI's commands in a process that stays, since most of a command's time goes into its start. That needs the CLI as a package
// of Python, which its first version is; without, each command is a process.
func (w *whole) oneProcess() {
	w.run = func(args ...string) (string, string, bool) {
		cmd := w.command(args...)
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		err := cmd.Run()
		return out.String(), stderr.String(), err == nil
	}
	i := slices.IndexFunc(pythons, func(p string) bool { return exec.Command(p, "-c", "import awscli.clidriver").Run() == nil })
	if i < 0 {
		return
	}
	cmd := exec.Command(pythons[i], "aws_cli.py")
	cmd.Env, cmd.Stderr = append(w.env, "PYTHONDONTWRITEBYTECODE=1"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			w.Errorf("the CLI's process: %v", err)
		}
	})
	var one sync.Mutex
	to, from := json.NewEncoder(in), json.NewDecoder(answers)
	w.run = func(args ...string) (string, string, bool) {
		one.Lock()
		defer one.Unlock()
		var a struct {
			Status   int
			Out, Err string
		}
		if err := to.Encode(append([]string{"--endpoint-url", w.endpoint, "--output", "json"}, args...)); err != nil {
			return "", err.Error(), false
		}
		if err := from.Decode(&a); err != nil {
			return "", err.Error(), false
		}
		return a.Out, a.Err, a.Status == 0
	}
}

// command is one command. The answer is what query picks, as compact JSON, and must be want as a whole; or the refusal must be says.
type command struct {
	op          string
	args        []string
	query, want string // JMESPath; regular expression
	says        string
}

// answers is a call that is answered, refuses one that is refused with a code and a sentence.
func answers(op, query, want string, args ...string) command {
	return command{op: op, query: query, want: want, args: args}
}

func refuses(op, code, sentence string, args ...string) command {
	return command{op: op, says: fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", code, op, sentence), args: args}
}

// all makes calls, a few at a time, and gives what they picked: of text, the text.
func (w *whole) all(calls ...command) []string {
	w.Helper()
	out := make([]string, len(calls))
	var group sync.WaitGroup
	free := make(chan struct{}, 4)
	for i, c := range calls {
		w.asked[c.op] = true
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			out[i] = w.one(c)
		})
	}
	group.Wait()
	if w.Failed() {
		w.FailNow()
	}
	return out
}

func (w *whole) one(c command) string {
	args := append([]string{"comprehend", kebab(c.op)}, c.args...)
	if c.query != "" {
		args = append(args, "--query", c.query)
	}
	out, stderr, ok := w.run(args...)
	if c.says != "" {
		if ok || !strings.Contains(stderr, c.says) {
			w.Errorf("aws %s: %s%s\nwant %q", strings.Join(args, " "), out, stderr, c.says)
		}
		return ""
	}
	if !ok {
		w.Errorf("aws %s: %s", strings.Join(args, " "), stderr)
		return ""
	}
	var got bytes.Buffer
	if strings.TrimSpace(out) != "" {
		if err := json.Compact(&got, []byte(out)); err != nil {
			w.Errorf("aws %s: %v: %s", strings.Join(args, " "), err, out)
			return ""
		}
	}
	if !regexp.MustCompile(`^(?:` + c.want + `)$`).MatchString(got.String()) {
		w.Errorf("aws %s: %s\nwant %s", strings.Join(args, " "), got.String(), c.want)
	}
	var s string
	if json.Unmarshal(got.Bytes(), &s) == nil {
		return s
	}
	return got.String()
}

// becomes asks until the answer is want; an answer that matches none of meanwhile ends the test.
func (w *whole) becomes(want, meanwhile string, calls ...command) {
	w.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	until := time.Now().Add(2 * time.Minute)
	for i := range calls {
		calls[i].want = `"(` + want + `|` + meanwhile + `)"`
	}
	for len(calls) > 0 {
		if time.Now().After(until) {
			w.Fatalf("%s %v is not %s after two minutes", calls[0].op, calls[0].args, want)
		}
		var left []command
		for i, got := range w.all(calls...) {
			if got != want {
				left = append(left, calls[i])
			}
		}
		if calls = left; len(calls) > 0 {
			<-tick.C
		}
	}
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// kebab is an operation as the CLI has it.
func kebab(op string) string { return strings.ToLower(hump.ReplaceAllString(op, "$1-$2")) }

// corpus puts documents and labels into the bucket: a few lines, many lines, and what a classifier and a recogniser learn from.
func (w *whole) corpus() {
	dir := w.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	const line = "Maria Lopez of Acme Corporation opened the new library in Lisbon on March 3rd. The readers loved the bright rooms, but the café was terribly slow.\n"
	var labels, devices strings.Builder
	marks := bytes.NewBufferString("File,Line,Begin Offset,End Offset,Type\n")
	for i := range 60 {
		fmt.Fprintf(&labels, "kitchen,Stir the soup of %d carrots and add salt.\ngarden,Water the %d roses before the sun is high.\n", i, i)
		before, name := "On Monday the ", fmt.Sprintf("Cantor R%d", 100+7*i)
		fmt.Fprintf(&devices, "%s%s stopped without a warning.\n", before, name)
		fmt.Fprintf(marks, "devices.txt,%d,%d,%d,DEVICE\n", i, len(before), len(before)+len(name))
	}
	write("few.txt", strings.Repeat(line, 5))
	write("many.txt", strings.Repeat(line, 150_000))
	write("labels.csv", labels.String())
	write("devices.txt", devices.String())
	write("marks.csv", marks.String())
	w.aws("", "s3", "mb", "s3://"+w.bucket)
	w.aws("", "s3", "sync", dir, "s3://"+w.bucket+"/in/", "--only-show-errors")
}
