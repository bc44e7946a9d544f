// Package whole_test drives the real binary from outside, as its users do: clients over the public listeners, signals,
// and what the host shows. It reaches into a room only where a law is about that room's tables. A host that can't hold
// a fabric skips, unless CLOISTER_REQUIRE names "kernel".
package whole_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// ground is the directory of everything these tests make; a daemon that was started by root must be able to walk into it.
var ground = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cloister-whole-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
})

// binary builds the program once; cells need it static, whatever these tests were built as. CLOISTER_BINARY names one that was
// built already.
var binary = sync.OnceValues(func() (string, error) {
	if p := os.Getenv("CLOISTER_BINARY"); p != "" {
		return p, nil
	}
	dir, err := ground()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "cloister")
	cmd := exec.Command("go", "build", "-o", path, "cloister/cmd/cloister")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the program: %w: %s", err, out)
	}
	return path, os.Chmod(path, 0o755)
})

// able says why this host can't run jobs; empty when it can. Limits of memory by cgroup are not needed for them.
var able = sync.OnceValues(func() (string, error) {
	bin, err := binary()
	if err != nil {
		return "", err
	}
	out, _ := exec.Command(bin, "doctor").CombinedOutput()
	var why []string
	for _, l := range strings.Split(string(out), "\n") {
		if rest, bad := strings.CutPrefix(l, "FAIL "); bad && !strings.HasPrefix(rest, "cgroup limits") {
			why = append(why, rest)
		}
	}
	return strings.Join(why, "; "), nil
})

// program gives the built binary, or ends the test on a host that can't hold a fabric.
func program(t testing.TB) string {
	t.Helper()
	why, err := able()
	if err != nil {
		t.Fatal(err)
	}
	if why != "" {
		if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), "kernel") {
			t.Fatal("this host can't hold a fabric: ", why)
		}
		t.Skip("this host can't hold a fabric: ", why)
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// shared is the daemon that most tests use, each in an account of its own.
var shared struct {
	once  sync.Once
	house *house
	err   error
}

var accounts atomic.Int64

// The process's first thread stays where it is: a test that enters another network on a thread of its own must never get it, for
// /proc/self would then speak of that network.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == neighbourArg {
		os.Exit(neighbour(os.Args[2:]))
	}
	code := m.Run()
	if shared.house != nil {
		if err := shared.house.end(); err != nil {
			fmt.Fprintln(os.Stderr, "the shared daemon:", err)
			code = 1
		}
	}
	if dir, err := ground(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}
