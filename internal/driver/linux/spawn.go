package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Spec is a process that the fabric starts. It runs this same program: Argv[0] is what main recognizes, and the
// descriptor after the last of Files is the program, for an exec without a path.
type Spec struct {
	Port                  string // eni-...; empty: an empty network namespace, its loopback down
	Argv                  []string
	Env                   []string // all of it
	Stdin, Stdout, Stderr *os.File // nil: /dev/null
	Files                 []*os.File
	Memory                int64 // bytes, 0: no limit; held by a cgroup where there is one
	Pids                  int   // processes and threads, 0: no limit; held by a cgroup where there is one
}

// Process is PID 1 of a namespace of its own in the fabric.
type Process struct {
	f      *Fabric
	handle int
	group  *cgroup
	done   chan struct{}
	err    error
}

// ExitError is how a process ended otherwise than with status 0.
type ExitError struct {
	Code   int // -1 when a signal ended it
	Signal syscall.Signal
}

func (e *ExitError) Error() string {
	if e.Code < 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Spawn starts a process on a port. Its namespaces for users, processes, mounts, IPC, host name and cgroups are its own;
// what else confines it is for the program to do first (see package cell). The files stay the caller's.
func (f *Fabric) Spawn(ctx context.Context, s Spec) (*Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	var fds []int
	for _, file := range append([]*os.File{s.Stdin, s.Stdout, s.Stderr}, s.Files...) {
		if file == nil {
			file = null
		}
		fds = append(fds, fdOf(file))
	}
	group, err := f.caps.cgroup(s.Memory, s.Pids)
	if err != nil {
		return nil, fmt.Errorf("cannot limit the process: %w", err)
	}
	req := spawnRequest{Port: s.Port, Argv: s.Argv, Env: s.Env}
	if group != nil {
		req.Cgroup = true
		fds = append(fds, group.fd)
	}
	var out spawned
	_, err = f.call(ctx, opSpawn, req, &out, fds...)
	runtime.KeepAlive(s) // only descriptors went along
	if err != nil {
		group.remove()
		return nil, err
	}
	p := &Process{f: f, handle: out.Proc, group: group, done: make(chan struct{})}
	go p.watch()
	return p, nil
}

// fdOf doesn't turn the file blocking, as Fd would.
func fdOf(f *os.File) int {
	fd := -1
	if rc, err := f.SyscallConn(); err == nil && rc.Control(func(x uintptr) { fd = int(x) }) != nil {
		return -1
	}
	return fd
}

func (p *Process) watch() {
	var end exited
	_, err := p.f.call(context.Background(), opWait, procRequest{Proc: p.handle}, &end)
	switch {
	case err != nil:
		p.err = err
	case end.Code != 0:
		p.err = &ExitError{Code: end.Code, Signal: syscall.Signal(end.Signal)}
	}
	p.group.remove()
	close(p.done)
}

// Wait gives nil for exit status 0, an *ExitError for any other end, ErrGone when the fabric ended first.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Signal sends a signal; a process that has ended doesn't mind.
func (p *Process) Signal(sig syscall.Signal) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := p.f.call(ctx, opSignal, procRequest{Proc: p.handle, Signal: int(sig)}, nil)
	if errors.Is(err, ErrGone) {
		return nil // so has everything in it
	}
	return err
}

// Kill ends the process and all its children.
func (p *Process) Kill() error { return p.Signal(unix.SIGKILL) }
