package whole_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/world"
)

// traces is what a running daemon has on the host.
type traces struct {
	processes  map[int]string
	namespaces map[string]bool
}

func look(t testing.TB, h *house) traces {
	t.Helper()
	tr := traces{tree(h.cmd.Process.Pid), map[string]bool{}}
	for pid := range tr.processes {
		for ns := range namespaces(pid) {
			tr.namespaces[ns] = true
		}
	}
	for ns := range namespaces(os.Getpid()) {
		delete(tr.namespaces, ns)
	}
	return tr
}

// namespaces gives those that a process is in: "net:[4026531840]".
func namespaces(pid int) map[string]bool {
	out := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid))
	for _, l := range links {
		if ns, err := os.Readlink(l); err == nil {
			out[ns] = true
		}
	}
	return out
}

// left says what is still there of the traces. What has died and waits for the host's init to take notice is gone: it holds
// nothing, though /proc shows its user namespace.
func (tr traces) left() string {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range all {
		b, err := os.ReadFile(p)
		var pid int
		if _, serr := fmt.Sscanf(p, "/proc/%d/", &pid); err != nil || serr != nil || strings.Contains(string(b), ") Z ") && threads(pid) == 1 {
			continue
		}
		if start, ok := tr.processes[pid]; ok {
			if _, now := stat(pid); now == start {
				cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				return fmt.Sprintf("process %d %q", pid, cmd)
			}
		}
		for ns := range namespaces(pid) {
			if tr.namespaces[ns] {
				return fmt.Sprintf("namespace %s, held by %d", ns, pid)
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for ns := range tr.namespaces {
		if strings.Contains(string(mounts), ns) {
			return "a mount of " + ns
		}
	}
	return ""
}

// threads counts those of a process that are not gone; a process whose first thread has ended looks dead while others run.
func threads(pid int) int {
	l, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(l)
}

// gone waits until nothing is left.
func (tr traces) gone(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		l := tr.left()
		if l == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after 10 s there is still %s", l)
		}
	}
}

// strays are the files of a house that stand outside its data directory, its key and its log; and mounts below it.
func (h *house) strays(t testing.TB) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == h.data:
			return filepath.SkipDir
		case path == h.key || path == h.log || path == h.dir || path == filepath.Dir(h.key) || path == filepath.Join(h.dir, "tmp"):
			return nil
		}
		out = append(out, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, l := range strings.Split(string(mounts), "\n") {
		if strings.Contains(l, h.dir) {
			out = append(out, l)
		}
	}
	return out
}

// again starts the daemon anew; the actor speaks to its new address.
func (s *site) again() {
	s.Helper()
	if err := s.house.serve(); err != nil {
		s.Fatal(err)
	}
	s.Endpoint = s.house.http()
}

// TestKillInJob ends the daemon in the middle of a job, at several moments and in two ways. Nothing is left on the host; the next
// daemon has all resources and finishes the job.
func TestKillInJob(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	s.slow()
	cases := []struct {
		name    string
		moment  func(id string) bool // the blow falls when it is true
		general bool                 // SIGTERM, which the daemon can answer
	}{
		{"killed when submitted", func(string) bool { return true }, false},
		{"killed when the interface exists", func(string) bool {
			return len(s.must("ec2", "DescribeNetworkInterfaces").all("networkInterfaceId")) > 0
		}, false},
		{"killed when the agent runs", func(string) bool { return memory(h, "cloister-agent") > 0 }, false},
		{"ended when the agent runs", func(string) bool { return memory(h, "cloister-agent") > 0 }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			id := s.start(nil)
			until(t, 20*time.Second, "the moment", func() bool { return c.moment(id) })
			if p := s.describe(id); p.JobStatus != "IN_PROGRESS" && p.JobStatus != "SUBMITTED" {
				t.Fatalf("the job was too fast: %s", p.JobStatus)
			}
			tr := look(t, h)
			if len(tr.processes) < 2 || len(tr.namespaces) == 0 {
				t.Fatalf("the daemon has only %v", tr)
			}
			if c.general {
				if err := h.end(); err != nil {
					t.Fatal(err)
				}
			} else {
				h.kill()
			}
			begun := time.Now()
			tr.gone(t)
			t.Logf("%d processes and %d namespaces were gone after %v", len(tr.processes), len(tr.namespaces), time.Since(begun).Round(time.Millisecond))
			if l := h.strays(t); len(l) > 0 {
				t.Errorf("left outside the data: %v", l)
			}
			begun = time.Now()
			s.again()
			ready := time.Since(begun)
			p := s.finish(id)
			if p.JobStatus != "COMPLETED" {
				t.Errorf("the job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
			} else if n := len(s.result(p)); n < 1000 {
				t.Errorf("%d results", n)
			}
			t.Logf("ready after %v, the job's end after %v", ready.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
			s.nothingLeft()
			for what, n := range map[string]int{
				"VPCs":    len(s.must("ec2", "DescribeVpcs", "VpcId.1", s.vpc).all("vpcId")),
				"subnets": len(s.must("ec2", "DescribeSubnets", "SubnetId.1", s.subnet).all("subnetId")),
				"groups":  len(s.must("ec2", "DescribeSecurityGroups", "GroupId.1", s.group).all("groupId")),
				"ends":    len(s.must("ec2", "DescribeVpcEndpoints", "VpcEndpointId.1", s.endpoint).all("vpcEndpointId")),
				"roles":   len(s.must("iam", "GetRole", "RoleName", "DataAccess").all("RoleName")),
			} {
				if n == 0 {
					t.Errorf("the %s are gone", what)
				}
			}
			if b, err := s.Object(t.Context(), http.MethodGet, s.bucket, "", url.Values{"list-type": {"2"}, "prefix": {"in/"}}, nil); err != nil || strings.Count(string(b), "<Key>") != 5 {
				t.Errorf("the input's objects: %s, %v", b, err)
			}
		})
	}
}

// TestKillInCalls kills the daemon under load: every call that was answered stands in the trail, and what it made is there.
func TestKillInCalls(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	a.newBucket("acknowledged")
	type done struct{ id, user, key string }
	var mu sync.Mutex
	var all []done
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ctx.Err() == nil; i++ {
				d := done{}
				r := request{method: "POST", path: "/", creds: a.Creds, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
				switch i % 3 {
				case 0:
					d.user = fmt.Sprintf("user-%d-%d", w, i)
					r.service, r.body = "iam", []byte("Action=CreateUser&Version=2010-05-08&UserName="+d.user)
				case 1:
					r.service, r.body = "ec2", []byte("Action=DescribeVpcs&Version=2016-11-15")
				case 2:
					d.key = fmt.Sprintf("key-%d-%d", w, i)
					r = request{method: "PUT", service: "s3", path: "/acknowledged/" + d.key, body: []byte(d.key), creds: a.Creds}
				}
				var ok bool
				if d.id, ok = r.answered(a.Endpoint); !ok {
					return
				}
				mu.Lock()
				all = append(all, d)
				mu.Unlock()
			}
		}()
	}
	until(t, 20*time.Second, "200 answers", func() bool { mu.Lock(); defer mu.Unlock(); return len(all) > 200 })
	h.kill()
	cancel()
	wg.Wait()
	// The ledger is read where it can do no harm to the daemon's own.
	copied := filepath.Join(h.dir, "copy")
	if err := os.CopyFS(copied, os.DirFS(h.data)); err != nil && !errors.Is(err, os.ErrInvalid) {
		t.Logf("copy: %v", err) // sockets are no files
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(copied, "ledger.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	err = db.View(t.Context(), func(v store.View) error {
		for _, d := range all {
			evs, err := v.Trail(store.TrailQuery{Account: a.account, RequestID: d.id})
			if err != nil {
				return err
			}
			if len(evs) != 1 {
				missing++
			}
		}
		return nil
	})
	if _, _, verr := db.VerifyTrail(t.Context(), func(b sqlite.Broken) { t.Errorf("the trail is broken at %d: %s", b.Seq, b.What) }); verr != nil {
		t.Error(verr)
	}
	if err != nil || missing > 0 {
		t.Errorf("%d of %d answered calls are not in the trail (%v)", missing, len(all), err)
	}
	_ = db.Close()
	_ = os.RemoveAll(copied)
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	a.Endpoint = h.http()
	names := map[string]bool{}
	for marker := ""; ; {
		pairs := []string{"MaxItems", "1000"}
		if marker != "" {
			pairs = append(pairs, "Marker", marker)
		}
		n := a.must("iam", "ListUsers", pairs...)
		for _, u := range n.all("UserName") {
			names[u.Data] = true
		}
		if marker = n.text("Marker"); marker == "" {
			break
		}
	}
	for _, d := range all {
		if d.user != "" && !names[d.user] {
			t.Errorf("the user %s is gone", d.user)
		}
		if d.key != "" {
			if b, err := a.Object(t.Context(), http.MethodGet, "acknowledged", d.key, nil, nil); err != nil || string(b) != d.key {
				t.Errorf("the object %s: %q, %v", d.key, b, err)
			}
		}
	}
	t.Logf("%d answered calls", len(all))
}

// TestSecondDaemon: one directory, one daemon.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	h := common(t)
	out, err := exec.Command(program(t), "serve", "-data", h.data, "-root-key", h.key, "-listen", "127.0.0.1:0").CombinedOutput()
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != 1 || !strings.Contains(string(out), "another daemon holds "+h.data) {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := h.root(t).ask("sts", "GetCallerIdentity"); err != nil {
		t.Errorf("the first daemon: %v", err)
	}
}

// TestKillFabric: without its walls the daemon ends, and with it all processes.
func TestKillFabric(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	s.slow()
	id := s.start(nil)
	until(t, 20*time.Second, "the agent", func() bool { return memory(h, "cloister-agent") > 0 })
	tr := look(t, h)
	fabric := 0
	for pid := range tr.processes {
		if parent, _ := stat(pid); parent == h.cmd.Process.Pid {
			fabric = pid
		}
	}
	if err := syscall.Kill(fabric, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-h.ended:
		if err == nil {
			t.Error("the daemon ended as if all were well")
		}
		h.cmd = nil
	case <-time.After(15 * time.Second):
		t.Fatal("the daemon lives on")
	}
	tr.gone(t)
	if !strings.Contains(h.tail(), "the fabric has ended") {
		t.Error("the daemon does not say why")
	}
	s.again()
	if p := s.finish(id); p.JobStatus != "COMPLETED" {
		t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
	}
	s.nothingLeft()
}
