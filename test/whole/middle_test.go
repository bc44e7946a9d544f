package whole_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// reads counts the objects that a job, or all, have read: one that has any has listed its input.
func (h *house) reads(t testing.TB, job string) int {
	t.Helper()
	b, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for l := range strings.Lines(string(b)) {
		if strings.Contains(l, `"operation":"GetObject"`) && strings.Contains(l, "/comprehend-"+job) {
			n++
		}
	}
	return n
}

// held starts a job of n instances and holds their analysers while the agents, which have listed the input and read of it, wait for them.
func (s *site) held(n int, over dict) (id string, release func()) {
	s.Helper()
	release = s.hold(n, func() { id = s.start(over) })
	if p := s.describe(id); p.JobStatus != "IN_PROGRESS" {
		s.Fatalf("the job was too fast: %s %s", p.JobStatus, p.Message)
	}
	return id, release
}

// hold holds the n analysers of what begin starts, when its input is read.
func (s *site) hold(n int, begin func()) (release func()) {
	s.Helper()
	were, had := analysers(s.house), s.house.reads(s, "")
	begin()
	var pids []int
	until(s, 30*time.Second, "the input to be read", func() bool {
		pids = slices.DeleteFunc(analysers(s.house), func(pid int) bool { return slices.Contains(were, pid) })
		return len(pids) == n && s.house.reads(s, "") > had
	})
	s.signal(pids, syscall.SIGSTOP)
	return func() { s.signal(pids, syscall.SIGCONT) }
}

func (s *site) signal(pids []int, sig syscall.Signal) {
	s.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			s.Fatalf("signal %v: %v", sig, err)
		}
	}
}

// fails demands that a job failed as the row of docs/reference/failures.md says.
func (s *site) fails(p properties, code, when string) {
	s.Helper()
	for _, f := range elsewhereJobs {
		if f.code != code || f.when != when {
			continue
		}
		got := regexp.MustCompile(`s3://docs-ACCOUNT/in/[ab].txt`).ReplaceAllString(s.spell(p.Message), "URI")
		if p.JobStatus != "FAILED" || got != f.message || f.test != strings.Split(s.Name(), "/")[0] {
			s.Errorf("%s %q, want FAILED %q, which %s sees", p.JobStatus, got, f.message, f.test)
		}
		return
	}
	s.Errorf("there is no row %s: %s", code, when)
}

func (s *site) remove(key string) {
	s.Helper()
	if _, err := s.Object(context.Background(), http.MethodDelete, s.bucket, key, nil, nil); err != nil {
		s.Fatal(err)
	}
}

// inTurn puts lines of text under in/: one short object, which is read at once, and two that are opened in their turn.
func (s *site) inTurn() {
	s.Helper()
	part := strings.Repeat(english+"\n"+french+"\n", 1+1<<20/(len(english)+len(french)+2))
	s.put(s.bucket, "in/0.txt", []byte(english))
	s.put(s.bucket, "in/a.txt", []byte(strings.Repeat(part, 3)))
	s.put(s.bucket, "in/b.txt", []byte(part))
}

// TestInputGoes: an object that was listed and is gone when its turn comes fails the job, which names it; one that was replaced is read as it is then.
func TestInputGoes(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	s.inTurn()
	id, release := s.held(1, nil)
	s.put(s.bucket, "in/b.txt", []byte(strings.Repeat(german+"\n", 3)))
	release()
	p := s.finish(id)
	if p.JobStatus != "COMPLETED" {
		t.Fatalf("%s %s", p.JobStatus, p.Message)
	}
	n := 0
	for _, l := range s.result(p) {
		if strings.Contains(l, `"b.txt"`) {
			n++
			holds(t, short(t, l), " de")
		}
	}
	if n != 3 {
		t.Errorf("%d lines of the new object", n)
	}
	s.inTurn()
	id, release = s.held(1, nil)
	s.remove("in/b.txt")
	release()
	p = s.finish(id)
	s.fails(p, "NO_INPUT_FOUND", "an object was listed and is gone when it is read")
	holds(t, s.why(p.JobArn), "GetObject", "NoSuchKey")
	s.nothingLeft()
}

// TestInputChanges: several instances read one input, so an object that is replaced meanwhile fails the job.
func TestInputChanges(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t, "-instances", "2", "-instance-bytes", "1500000"))
	s.admitGroup(s.group, s.group, 7788)
	s.inTurn()
	id, release := s.held(2, nil)
	s.put(s.bucket, "in/a.txt", []byte(german))
	s.put(s.bucket, "in/b.txt", []byte(german))
	release()
	p := s.finish(id)
	s.fails(p, "INPUT_CHANGED", "an object was replaced while several instances read it")
	holds(t, s.why(p.JobArn), "PreconditionFailed")
	s.nothingLeft()
}

// TestKilled: a job that loses a process of its own fails at once; one that loses its daemon begins anew, three times.
func TestKilled(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	s.inTurn()
	for when, of := range map[string]func(*house) []int{"its analyser ends": analysers, "its agent ends": agents} {
		id, release := s.held(1, nil)
		s.signal(of(h), syscall.SIGKILL)
		if when == "its agent ends" {
			release()
		}
		p := s.finish(id)
		s.fails(p, "INTERNAL_ERROR", when)
		holds(t, s.why(p.JobArn), "killed")
		s.nothingLeft()
	}
	id, _ := s.held(1, nil)
	for range 3 {
		h.kill()
		was := h.reads(t, id)
		s.again()
		until(t, 30*time.Second, "the job to go on or to end", func() bool { return h.reads(t, id) > was || s.describe(id).JobStatus == "FAILED" })
	}
	p := s.finish(id)
	s.fails(p, "INTERNAL_ERROR", "daemons die with it")
	s.nothingLeft()
	s.put(s.bucket, "one/d.txt", []byte(english))
	s.completed(dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/"}})
}

// TestLimitsRequired: a host that cannot limit a job as a whole runs none when it is told to.
func TestLimitsRequired(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t, "-require-limits"))
	s.put(s.bucket, "in/d.txt", []byte(english))
	out, _ := exec.Command(program(t), "doctor").CombinedOutput()
	p := s.finish(s.start(nil))
	if strings.Contains(string(out), "less cgroup limits") {
		s.fails(p, "HOST_CANNOT_ENFORCE", "the daemon was started with -require-limits on a host without cgroups")
	} else if p.JobStatus != "COMPLETED" {
		t.Errorf("%s: %s", p.JobStatus, p.Message)
	}
	s.nothingLeft()
}
