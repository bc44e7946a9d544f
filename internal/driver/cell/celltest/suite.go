// Package celltest is what every sandbox driver must pass. It asks from the inside: a process tries all that is
// forbidden and says what happened.
package celltest

import (
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/driver/cell"
)

// Sandbox is what a driver must offer.
type Sandbox interface {
	Start(context.Context, cell.Spec) (cell.Process, error)
	Pair(ctx context.Context, agent, analyser cell.Spec) (*cell.Pair, error)
}

// Harness is a sandbox with a port to sit on. The port's network has a TCP listener at Reached and nothing at Unreached.
type Harness struct {
	Sandbox            Sandbox
	Port               string
	Reached, Unreached netip.AddrPort
	Resolver           netip.Addr
}

// Program gives the path of this test's binary, linked statically: what runs in a sandbox has no loader. When the running
// one isn't (the race detector needs C), another is built.
func Program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return self
	}
	out := filepath.Join(t.TempDir(), "static.test")
	cmd := exec.Command("go", "test", "-c", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a static test binary: %v\n%s", err, b)
	}
	return out
}

// Run is the suite.
func Run(t *testing.T, open func(*testing.T) Harness) {
	h := open(t)
	for _, networked := range []bool{false, true} {
		name, port := "analyser", ""
		if networked {
			name, port = "agent", h.Port
		}
		t.Run(name, func(t *testing.T) {
			files := []*os.File{pipeEnd(t), pipeEnd(t)}
			r := report(t, h, cell.Spec{Name: name, Port: port, Files: files, Tmp: 1 << 20})
			powerless(t, r)
			if want := []int{0, 1, 2, 3, 4}; !slices.Equal(r.Descriptors, want) {
				t.Errorf("descriptors %v, want %v", r.Descriptors, want)
			}
			for kind, err := range r.Sockets {
				if allowed := networked && (kind == "tcp" || kind == "udp"); allowed != (err == "") {
					t.Errorf("socket %s: %q", kind, err)
				}
			}
			for path, err := range r.Writes {
				if (path == "/tmp/x") != (err == "") {
					t.Errorf("write to %s: %q", path, err)
				}
			}
		})
	}
	t.Run("no scratch", func(t *testing.T) {
		if r := report(t, h, cell.Spec{}); r.Writes["/tmp/x"] == "" {
			t.Error("a cell without a scratch wrote to /tmp")
		}
	})
	t.Run("network", func(t *testing.T) {
		out := output(t, h, cell.Spec{Port: h.Port, Argv: []string{arg0, "dial", h.Reached.String(), h.Unreached.String()}})
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 2 || strings.TrimSpace(lines[0]) != h.Reached.String() || !strings.HasPrefix(lines[1], h.Unreached.String()+" dial") {
			t.Errorf("dials: %q", out)
		}
	})
	t.Run("kill", func(t *testing.T) { kill(t, h) })
	t.Run("stop", func(t *testing.T) { stop(t, h) })
	t.Run("surroundings", func(t *testing.T) {
		out := output(t, h, cell.Spec{Name: "box", Argv: []string{arg0, "surroundings"}, Env: []string{"COLOUR=red"}, Nameservers: []netip.Addr{h.Resolver, netip.MustParseAddr("10.0.0.9")},
			Search: []string{"a.example", "b.example"}})
		if want := "box\nred\nnameserver " + h.Resolver.String() + "|nameserver 10.0.0.9|search a.example b.example\n"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
		if out := output(t, h, cell.Spec{Argv: []string{arg0, "surroundings"}}); strings.Contains(out, "red") || strings.Contains(out, "nameserver") {
			t.Errorf("what wasn't given is there: %q", out)
		}
	})
	t.Run("memory", func(t *testing.T) {
		out, err := try(t, h, cell.Spec{Argv: []string{arg0, "eat"}, Memory: 128 << 20})
		if err == nil {
			t.Errorf("2 GiB fitted into 128 MiB: %s", out)
		}
	})
	t.Run("file size", func(t *testing.T) {
		f, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		out := output(t, h, cell.Spec{Argv: []string{arg0, "fill"}, Files: []*os.File{f}, FileSize: 3 << 20})
		if want := fmt.Sprintln(3<<20, word(syscall.EFBIG), word(syscall.EFBIG)); out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
	t.Run("pair", func(t *testing.T) { pair(t, h) })
}

// powerless is true of every process in a sandbox.
func powerless(t *testing.T, r Report) {
	t.Helper()
	if r.Effective|r.Permitted|r.Inheritable|r.Bounding != 0 {
		t.Errorf("capabilities: effective %x, permitted %x, inheritable %x, bounding %x", r.Effective, r.Permitted, r.Inheritable, r.Bounding)
	}
	if r.NoNewPrivs != 1 || r.Seccomp != 2 {
		t.Errorf("no_new_privs %d, want 1; seccomp %d, want 2", r.NoNewPrivs, r.Seccomp)
	}
	if r.Pid != 1 {
		t.Errorf("pid %d, want 1: the first and only in its namespace", r.Pid)
	}
	for name, err := range r.Calls {
		if err != "EPERM" {
			t.Errorf("%s: %q, want EPERM", name, err)
		}
	}
	if len(r.Calls) < 20 {
		t.Errorf("only %d calls were tried", len(r.Calls))
	}
	for path := range r.Seen {
		t.Errorf("%s is there", path)
	}
	if want := []string{"dev", "etc", "tmp"}; !slices.Equal(r.Root, want) {
		t.Errorf("root has %v, want %v", r.Root, want)
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func pipeEnd(t *testing.T) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r
}

// try runs a process to its end and gives what it wrote.
func try(t *testing.T, h Harness, s cell.Spec) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.Stdout, s.Stderr = w, w
	p, err := h.Sandbox.Start(soon(t), s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), p.Wait(soon(t))
}

func output(t *testing.T, h Harness, s cell.Spec) string {
	t.Helper()
	out, err := try(t, h, s)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out
}

func report(t *testing.T, h Harness, s cell.Spec) Report {
	t.Helper()
	s.Argv = []string{arg0, "report"}
	out := output(t, h, s)
	var r Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// stop: a process that listens is told, though it is the first in its namespace.
func stop(t *testing.T, h Harness) {
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p, err := h.Sandbox.Start(soon(t), cell.Spec{Argv: []string{arg0, "await"}, Stdout: w})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(out)
	if err != nil || string(b) != "told\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := p.Wait(soon(t)); err != nil {
		t.Error(err)
	}
}

func kill(t *testing.T, h Harness) {
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p, err := h.Sandbox.Start(soon(t), cell.Spec{Argv: []string{arg0, "hang"}, Stdin: in, Stdout: w})
	in.Close()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(out, b); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(soon(t)); err == nil {
		t.Error("a killed process ended well")
	}
	if n, err := out.Read(b); n != 0 || err != io.EOF {
		t.Errorf("its pipe is still open: %d, %v", n, err)
	}
}

// pair: both run, and the analyser is the one without sockets.
func pair(t *testing.T, h Harness) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := h.Sandbox.Pair(soon(t), cell.Spec{Name: "agent", Port: h.Port, Argv: []string{arg0, "report"}, Stdout: w},
		cell.Spec{Name: "analyser", Argv: []string{arg0, "drain"}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var rep Report
	if err := json.NewDecoder(r).Decode(&rep); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, cell.ToAnalyser, cell.FromAnalyser}; !slices.Equal(rep.Descriptors, want) {
		t.Errorf("the agent's descriptors %v, want %v", rep.Descriptors, want)
	}
	// The agent has ended and with it the only writer of the analyser's input: the analyser reads its end.
	for name, p := range map[string]cell.Process{"agent": p.Agent, "analyser": p.Analyser} {
		if err := p.Wait(soon(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Sandbox.Pair(soon(t), cell.Spec{Argv: []string{arg0}}, cell.Spec{Argv: []string{arg0}}); err == nil {
		t.Error("an agent without a port was started")
	}
	if _, err := h.Sandbox.Pair(soon(t), cell.Spec{Port: h.Port, Argv: []string{arg0}}, cell.Spec{Port: h.Port, Argv: []string{arg0}}); err == nil {
		t.Error("an analyser with a port was started")
	}
}
