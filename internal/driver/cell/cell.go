// Package cell is the sandbox that needs nothing installed: one process confined by the kernel alone. It knows nothing
// of networks: who launches it puts it onto a port, and an empty port means no network at all.
package cell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
)

// Spec is one process in a cell. Without a Root it runs this same program, which must be linked statically: inside there is nothing
// but an empty read-only root with /dev/null, /etc/hosts and what is asked for here. With one it runs a program of that folder, and others that
// this one starts: a stranger, behind a wider filter (see foreign).
type Spec struct {
	Name                  string       // host name inside
	Port                  string       // eni-...; empty: no network, and no sockets
	Root                  string       // a folder, as the launcher's processes find it: the root inside, read-only, with a /dev and a /tmp of the cell's own
	Dir                   string       // working directory in Root; empty: /
	Argv                  []string     // Argv[0] is what main recognizes; in Root a path, or a name that is looked for in PATH
	Env                   []string     // all of it, besides GOMEMLIMIT and GOMAXPROCS that follow from the limits; no secrets
	Stdin, Stdout, Stderr *os.File     // nil: /dev/null
	Files                 []*os.File   // descriptors 3, 4, ...; nothing else is open
	Tmp                   int64        // bytes of a tmpfs at /tmp, 0: none
	Nameservers           []netip.Addr // in /etc/resolv.conf; none: no such file
	Search                []string     // domains that are tried behind a name, in that file
	Memory                int64        // bytes, 0: no limit
	Pids                  int          // processes and threads, 0: DefaultPids
	FileSize              int64        // bytes to which a file may grow by its writes, 0: no limit
}

// DefaultPids is the limit of processes and threads of a cell that asks for none. A Go program needs some tens.
const DefaultPids = 256

// Launch is what a cell asks of its launcher: Argv[0] is recognized by Main, the descriptor after the last of Files is the
// program itself. Its fields are those of linux.Spec, so that one converts to the other.
type Launch struct {
	Port                  string
	Argv                  []string
	Env                   []string
	Stdin, Stdout, Stderr *os.File
	Files                 []*os.File
	Memory                int64
	Pids                  int
}

// Launcher starts this program in namespaces of its own (user, process, mount, IPC, host name, cgroup; network as the port
// says), with all capabilities in the user namespace, which the cell uses to confine itself and then drops.
type Launcher func(context.Context, Launch) (Process, error)

// Process is what was started; its end is the end of all its children.
type Process interface {
	Wait(context.Context) error // nil: it ended with status 0
	Signal(syscall.Signal) error
	Kill() error
}

// Driver starts cells.
type Driver struct{ launch Launcher }

// New gives a driver that starts its processes with l.
func New(l Launcher) *Driver { return &Driver{l} }

// Start starts one process. The files stay the caller's.
func (d *Driver) Start(ctx context.Context, s Spec) (Process, error) {
	if len(s.Argv) == 0 || s.Argv[0] == arg0 {
		return nil, errors.New("cannot start a cell: nothing to run")
	}
	if s.Pids <= 0 {
		s.Pids = DefaultPids
	}
	c := confinement{Name: s.Name, Network: s.Port != "", Root: s.Root, Dir: s.Dir, Argv: s.Argv, Files: len(s.Files), Tmp: s.Tmp, Nameservers: s.Nameservers, Search: s.Search,
		Memory: s.Memory, Pids: s.Pids, FileSize: s.FileSize}
	env := slices.Concat(s.Env, bounds(s))
	if s.Root != "" { // a stranger's environment is not for our own program, which comes first
		c.Env, env = env, nil
	}
	walls, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("cannot start a cell: %w", err)
	}
	p, err := d.launch(ctx, Launch{Port: s.Port, Argv: []string{arg0, string(walls)}, Env: env, Stdin: s.Stdin, Stdout: s.Stdout,
		Stderr: s.Stderr, Files: s.Files, Memory: s.Memory, Pids: s.Pids})
	if err != nil {
		return nil, fmt.Errorf("cannot start a cell: %w", err)
	}
	return p, nil
}

// bounds tells a Go program its limits before it runs into them. What the spec's Env says comes first and wins.
func bounds(s Spec) []string {
	out := []string{fmt.Sprintf("GOMAXPROCS=%d", max(1, min(runtime.NumCPU(), s.Pids/8)))}
	if s.Memory > 0 {
		out = append(out, fmt.Sprintf("GOMEMLIMIT=%d", s.Memory/10*9))
	}
	return out
}

// Descriptors of the agent of a pair, before its own Files.
const (
	ToAnalyser   = 3 // the agent writes documents here
	FromAnalyser = 4 // the agent reads results here
)

// Pair is a job: an agent with a network and credentials that understands no document, and an analyser that reads
// documents and has neither.
type Pair struct{ Agent, Analyser Process }

// Pair starts both, joined by two pipes: the analyser's standard input and output are the agent's descriptors
// ToAnalyser and FromAnalyser. When one can't be started, neither runs.
func (d *Driver) Pair(ctx context.Context, agent, analyser Spec) (*Pair, error) {
	if agent.Port == "" {
		return nil, errors.New("cannot start a pair: the agent has no port")
	}
	if analyser.Port != "" || analyser.Stdin != nil || analyser.Stdout != nil || len(analyser.Files) > 0 {
		return nil, errors.New("cannot start a pair: the analyser has the agent's pipes and nothing else")
	}
	pipes, err := Pipes(2)
	if err != nil {
		return nil, err
	}
	defer pipes.Close()
	docs, results := pipes[0], pipes[1]
	analyser.Stdin, analyser.Stdout = docs.Out, results.In
	b, err := d.Start(ctx, analyser)
	if err != nil {
		return nil, err
	}
	agent.Files = append([]*os.File{docs.In, results.Out}, agent.Files...)
	a, err := d.Start(ctx, agent)
	if err != nil {
		return nil, errors.Join(err, b.Kill())
	}
	return &Pair{Agent: a, Analyser: b}, nil
}
