package kernel_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/driver/linux"
)

const daemonArg = "kernel-daemon"

// daemonMain is a daemon that holds two networks with processes in them, until it is killed. With "drop" it gives root up
// first.
func daemonMain() {
	if len(os.Args) == 0 || os.Args[0] != daemonArg {
		return
	}
	err := func() error {
		f, err := linux.Start(linux.Config{})
		if err != nil {
			return err
		}
		if len(os.Args) > 1 && os.Args[1] == "drop" {
			if err := linux.Drop(65534, 65534); err != nil {
				return err
			}
		}
		ctx := context.Background()
		var held []any
		for _, id := range []string{"vpc-1", "vpc-2"} {
			v := two(id).gateway(id+"-a").port(id+"-1", id+"-a", "10.0.1.10", "sg-app").port(id+"-2", id+"-a", "10.0.1.11", "sg-app")
			d := v.draw()
			s, err := f.Set(ctx, d)
			if err != nil {
				return err
			}
			if s.Err != "" {
				return errors.New(s.Err)
			}
			for _, l := range d.Listeners[:1] {
				in, err := f.Listen(ctx, id, l)
				if err != nil {
					return err
				}
				held = append(held, in)
			}
			for _, port := range []string{id + "-1", id + "-2", ""} {
				r, w, err := os.Pipe()
				if err != nil {
					return err
				}
				if _, err := f.Spawn(ctx, linux.Spec{Port: port, Argv: []string{proberArg}, Stdin: r}); err != nil {
					return err
				}
				held = append(held, w)
			}
		}
		fmt.Println("ready", f.Pid())
		<-f.Done()
		_ = held
		return linux.ErrGone
	}()
	fmt.Println("failed", err)
	os.Exit(1)
}

// startDaemon gives a running one and its fabric's pid.
func startDaemon(t *testing.T, args ...string) (*exec.Cmd, int) {
	t.Helper()
	probe := open(t, linux.Config{}) // or skip
	probe.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{daemonArg}, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	f := strings.Fields(line)
	if err != nil || len(f) != 2 || f[0] != "ready" {
		t.Fatalf("daemon: %q, %v", line, err)
	}
	pid, _ := strconv.Atoi(f[1])
	return cmd, pid
}

// process is one that can't be mistaken for a later one with its number.
type process struct {
	pid   int
	start string
}

// startOf is the time at which a process began, in ticks since boot; empty when there is none.
func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	i := bytes.LastIndexByte(b, ')')
	if err != nil || i < 0 {
		return ""
	}
	return strings.Fields(string(b[i+1:]))[19]
}

// tree gives a process and all that descend from it; 0 gives all that this test can see.
func tree(t *testing.T, root int) map[process]bool {
	t.Helper()
	children, starts := map[int][]int{}, map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range all {
		b, err := os.ReadFile(p)
		i := bytes.LastIndexByte(b, ')')
		if err != nil || i < 0 {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
		f := strings.Fields(string(b[i+1:]))
		parent, _ := strconv.Atoi(f[1])
		if root == 0 {
			parent = 0
		}
		children[parent] = append(children[parent], pid)
		starts[pid] = f[19]
	}
	out := map[process]bool{}
	for todo := []int{root}; len(todo) > 0; todo = todo[1:] {
		out[process{todo[0], starts[todo[0]]}] = true
		todo = append(todo, children[todo[0]]...)
	}
	return out
}

// namespaces gives those of processes that are not this test's own.
func namespaces(ps map[process]bool) map[string]bool {
	out := map[string]bool{}
	for p := range ps {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", p.pid))
		for _, l := range links {
			to, err := os.Readlink(l)
			own, _ := os.Readlink("/proc/self/ns/" + filepath.Base(l))
			if err == nil && to != own {
				out[to] = true
			}
		}
	}
	return out
}

// held says who still holds one of the namespaces: as its member, by a descriptor or by a mount. Only those who ran before
// are asked: the kernel gives a namespace's number to the next one.
func held(ns map[string]bool, before map[process]bool) []string {
	var out []string
	for _, pat := range []string{"/proc/[0-9]*/ns/*", "/proc/[0-9]*/task/*/ns/*", "/proc/[0-9]*/fd/*"} {
		links, _ := filepath.Glob(pat)
		for _, l := range links {
			pid, _ := strconv.Atoi(strings.Split(l, "/")[2])
			if to, err := os.Readlink(l); err == nil && ns[to] && before[process{pid, startOf(pid)}] {
				out = append(out, l+" -> "+to)
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for n := range ns {
		if strings.Contains(string(mounts), n) {
			out = append(out, "a mount of "+n)
		}
	}
	return out
}

func TestKilledDaemonLeavesNothing(t *testing.T) {
	t.Run("as started", func(t *testing.T) { killDaemon(t) })
	if os.Getuid() == 0 {
		t.Run("root given up", func(t *testing.T) { killDaemon(t, "drop") })
	}
}

func killDaemon(t *testing.T, args ...string) {
	before, _ := os.ReadFile("/proc/self/mountinfo")
	cmd, _ := startDaemon(t, args...)
	ps := tree(t, cmd.Process.Pid)
	if len(ps) < 8 { // the daemon, its fabric, six processes
		t.Fatalf("only %d processes", len(ps))
	}
	ns := namespaces(ps)
	all := tree(t, 0)
	if len(ns) < 7 || len(held(ns, all)) == 0 {
		t.Fatalf("only %d namespaces of the daemon's are seen", len(ns))
	}
	if err := syscall.Kill(cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	t0 := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var left []string
		for p := range ps {
			if startOf(p.pid) == p.start {
				left = append(left, fmt.Sprintf("process %d", p.pid))
			}
		}
		if len(left) == 0 {
			left = held(ns, all)
		}
		if len(left) == 0 {
			break
		}
		if time.Since(t0) > 10*time.Second {
			t.Fatalf("after 10 s there are still:\n%s", strings.Join(left, "\n"))
		}
		<-tick.C
	}
	t.Logf("nothing left after %v", time.Since(t0).Round(time.Millisecond))
	if after, _ := os.ReadFile("/proc/self/mountinfo"); !bytes.Equal(before, after) {
		t.Error("the mounts changed")
	}
}

// field gives the numbers of a line of /proc/<pid>/status.
func field(t *testing.T, pid int, name string) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(l, name+":"); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatalf("no %s in the status of %d", name, pid)
	return nil
}

// The fabric and all in it are never the host's root, whoever starts them.
func TestNeverHostRoot(t *testing.T) {
	cmd, pid := startDaemon(t)
	for p := range tree(t, pid) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", p.pid))
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(b))
		if len(f) != 3 || f[1] == "0" {
			t.Errorf("the uid map of %d is %q", p.pid, b)
		}
		for _, name := range []string{"Uid", "Gid"} {
			for _, id := range field(t, p.pid, name) {
				if id == "0" {
					t.Errorf("%d has a host %s of 0", p.pid, name)
				}
			}
		}
		if os.Getuid() == 0 {
			if g := field(t, p.pid, "Groups"); len(g) > 0 {
				t.Errorf("%d has groups %v", p.pid, g)
			}
		} else if got := field(t, p.pid, "Uid")[0]; got != strconv.Itoa(os.Getuid()) {
			t.Errorf("%d runs as %s", p.pid, got)
		}
	}
	_ = cmd
	for _, m := range []linux.Range{{Base: 0, Size: 1}, {Base: 0, Size: 65536}, {Base: -5, Size: 10}} {
		if os.Getuid() != 0 && m == (linux.Range{}) {
			continue
		}
		if f, err := linux.Start(linux.Config{Map: m}); err == nil {
			f.Close()
			t.Errorf("a fabric was started with the map %+v", m)
		}
	}
}

func TestDrop(t *testing.T) {
	if err := linux.Drop(0, 0); err == nil {
		t.Fatal("dropped to root")
	}
	if os.Getuid() != 0 {
		if err := linux.Drop(65534, 65534); err == nil {
			t.Fatal("dropped without being root")
		}
		return
	}
	cmd, _ := startDaemon(t, "drop") // its networks were made and its processes started after the drop
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", cmd.Process.Pid))
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		for _, name := range []string{"Uid", "Gid"} {
			for _, id := range field(t, tid, name) {
				if id != "65534" {
					t.Errorf("thread %d has %s %s", tid, name, id)
				}
			}
		}
		// Files of a process that can't be dumped belong to root.
		var st syscall.Stat_t
		if err := syscall.Stat(fmt.Sprintf("/proc/%d/mem", tid), &st); err != nil || st.Uid != 0 {
			t.Errorf("thread %d can be dumped or traced: %v, owner %d", tid, err, st.Uid)
		}
		for _, name := range []string{"CapEff", "CapPrm"} {
			if got := field(t, tid, name)[0]; got != "0000000000000000" {
				t.Errorf("thread %d has %s %s", tid, name, got)
			}
		}
		if g := field(t, tid, "Groups"); len(g) != 0 {
			t.Errorf("thread %d has groups %v", tid, g)
		}
	}
}

// A process has the descriptors that were listed and no other, seen from outside.
func TestDescriptors(t *testing.T) {
	f := open(t, linux.Config{})
	set(t, f, two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").draw())
	before := tree(t, f.Pid())
	sit(t, f, "eni-1").expect("ok", "tcp", ":1") // it runs, past its exec
	for p := range tree(t, f.Pid()) {
		if before[p] {
			continue
		}
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range fds {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p.pid, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			n, _ := strconv.Atoi(e.Name())
			own := strings.HasPrefix(to, "anon_inode:[event") || strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "/sys/fs/cgroup/") // the runtime's poller and quota, its listener
			program := n == 3 && strings.Contains(to, "memfd:cloister")
			if n > 2 && !own && !program {
				t.Errorf("descriptor %d is %s", n, to)
			}
		}
	}
}

func TestFabricEnds(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app")
	set(t, f, v.draw())
	l, err := f.Listen(soon(t), "vpc-1", fabric.Listener{Name: "x", Net: "tcp", Addr: v.s.VPC.CIDRs[0].Addr(), Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := f.Spawn(soon(t), linux.Spec{Port: "eni-1", Argv: []string{proberArg}, Stdin: r})
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.Pid(), syscall.SIGKILL); err != nil {
		t.Skip("can't kill the fabric: ", err)
	}
	select {
	case <-f.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the end of the fabric wasn't seen")
	}
	if err := p.Wait(soon(t)); !errors.Is(err, linux.ErrGone) {
		t.Errorf("its process: %v", err)
	}
	if _, err := f.Set(soon(t), v.draw()); !errors.Is(err, linux.ErrGone) {
		t.Errorf("set: %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Errorf("its listener: %v", err)
	}
}
