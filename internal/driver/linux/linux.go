// Package linux is the fabric on one Linux host: networks are namespaces, walls are nftables, and a child process owns
// them all. Nothing it makes outlives the daemon: when the child dies, the kernel takes everything down.
package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrGone says that the fabric's child has ended. The daemon must stop: no wall stands any more.
var ErrGone = errors.New("the fabric has ended")

// Config says how a fabric is started. The zero Config is right for an ordinary user.
type Config struct {
	// Map is the host's range of user and group ids that the fabric gets when root starts it. Zero: PickRange chooses.
	// An ordinary user gets no range, the fabric's 0 is that user. A range that contains the host's 0 is refused.
	Map Range
	// Log receives what the fabric has to say besides its answers. Nil: os.Stderr.
	Log *os.File
	// Roots is a folder whose folders can be roots of cells; empty: there is none. Started by root, the fabric's processes find it where Shown says,
	// and an ordinary user's where it is: they share no id with root's files, so it is shown to them before root is given up, read-only.
	Roots, Shown string
	// Program is the path of the binary that the fabric and all in it run. Empty: this one. What runs in a cell must be
	// linked statically.
	Program string
}

// Fabric is a running child and the daemon's end of its socket. It is safe for concurrent use.
type Fabric struct {
	w    *wire
	pid  int
	exe  int // memfd of the program
	done chan struct{}
	caps Capabilities

	mu       sync.Mutex
	next     uint64
	wait     map[uint64]chan answer
	gone     bool
	networks map[string]*holdings
}

type answer struct {
	m   message
	fds []int
}

// Start makes the fabric's child and returns when it stands. Errors: the host lacks what Check lists.
func Start(cfg Config) (*Fabric, error) {
	attr, err := identity(cfg.Map)
	if err != nil {
		return nil, fmt.Errorf("cannot start the fabric: %w", err)
	}
	exe, err := program(cfg.Program)
	if err != nil {
		return nil, fmt.Errorf("cannot start the fabric: %w", err)
	}
	f := &Fabric{exe: exe, done: make(chan struct{}), wait: map[uint64]chan answer{}, networks: map[string]*holdings{}}
	groups := delegated() // before the child: it starts in the daemon's leaf
	hello := make(chan answer, 1)
	f.wait[0] = hello // the child's first word
	if err := f.spawnChild(cfg, attr); err != nil {
		unix.Close(exe)
		return nil, fmt.Errorf("cannot start the fabric: %w", err)
	}
	a, ok := <-hello
	if !ok {
		f.Close()
		return nil, errors.New("cannot start the fabric: its child ended before it stood")
	}
	if a.m.Err != "" {
		f.Close()
		return nil, fmt.Errorf("cannot start the fabric: %s", a.m.Err)
	}
	if err := json.Unmarshal(a.m.Body, &f.caps); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot start the fabric: %w", err)
	}
	f.caps.groups = groups
	if groups != "" {
		f.caps.Memory, f.caps.Pids = "cgroup", "cgroup"
	}
	return f, nil
}

func (f *Fabric) spawnChild(cfg Config, attr *syscall.SysProcAttr) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w, err := newWire(pair[0])
	if err != nil {
		unix.Close(pair[1])
		return err
	}
	f.w = w
	log := cfg.Log
	if log == nil {
		log = os.Stderr
	}
	far := os.NewFile(uintptr(pair[1]), "fabric")
	roots, err := shownTree(cfg.Roots)
	if err != nil {
		far.Close()
		w.c.Close()
		return err
	}
	if roots != nil {
		defer roots.Close()
	}
	dup, err := unix.FcntlInt(uintptr(f.exe), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		far.Close()
		w.c.Close()
		return err
	}
	exe := os.NewFile(uintptr(dup), "program")
	cmd := &exec.Cmd{
		Path:        fmt.Sprintf("/proc/self/fd/%d", f.exe),
		Args:        []string{childArg},
		Env:         []string{},
		Dir:         "/",
		Stdout:      log,
		Stderr:      log,
		ExtraFiles:  []*os.File{far, exe},
		SysProcAttr: attr,
	}
	if roots != nil { // descriptor childRoots
		cmd.Args, cmd.ExtraFiles = append(cmd.Args, cfg.Shown), append(cmd.ExtraFiles, roots)
	}
	// PDEATHSIG fires when the forking thread ends: this one never does.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			select {}
		}
	}()
	err = <-started
	far.Close()
	exe.Close()
	if err != nil {
		w.c.Close()
		return err
	}
	f.pid = cmd.Process.Pid
	go func() {
		f.read()
		w.c.Close()    // the child ends when it reads the end of the socket
		_ = cmd.Wait() // how it ended says nothing: it never ends well
		f.drop()
		close(f.done)
	}()
	return nil
}

// read hands answers to those who wait for them, until the socket ends.
func (f *Fabric) read() {
	for {
		m, fds, err := f.w.receive()
		if err != nil {
			break
		}
		f.mu.Lock()
		ch := f.wait[m.ID]
		delete(f.wait, m.ID)
		f.mu.Unlock()
		if ch == nil { // its caller has left
			closeAll(fds)
			continue
		}
		ch <- answer{m, fds}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	for id, ch := range f.wait {
		delete(f.wait, id)
		close(ch)
	}
}

// drop closes what the daemon holds of the networks: a socket would keep its namespace alive.
func (f *Fabric) drop() {
	f.mu.Lock()
	all := f.networks
	f.networks = map[string]*holdings{}
	f.mu.Unlock()
	for _, h := range all {
		h.close()
	}
}

// call asks the child. The descriptors of its answer are the caller's. A caller whose context ends leaves; what it asked
// for goes on, every operation may be asked again.
func (f *Fabric) call(ctx context.Context, op string, in, out any, fds ...int) ([]int, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ch := make(chan answer, 1)
	f.mu.Lock()
	if f.gone {
		f.mu.Unlock()
		return nil, ErrGone
	}
	f.next++
	id := f.next
	f.wait[id] = ch
	f.mu.Unlock()
	if err := f.w.send(message{ID: id, Op: op, Body: b}, fds...); err != nil {
		f.mu.Lock()
		delete(f.wait, id)
		gone := f.gone
		f.mu.Unlock()
		if gone || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, net.ErrClosed) {
			return nil, ErrGone
		}
		return nil, err
	}
	select {
	case a, ok := <-ch:
		return f.settle(a, ok, out)
	case <-ctx.Done():
		f.mu.Lock()
		_, pending := f.wait[id]
		delete(f.wait, id)
		f.mu.Unlock()
		if !pending { // the answer is on its way into ch
			a, ok := <-ch
			if ok {
				closeAll(a.fds)
			}
		}
		return nil, ctx.Err()
	}
}

func (f *Fabric) settle(a answer, ok bool, out any) ([]int, error) {
	if !ok {
		return nil, ErrGone
	}
	if a.m.Err != "" {
		closeAll(a.fds)
		return nil, errors.New(a.m.Err)
	}
	if out != nil {
		if err := json.Unmarshal(a.m.Body, out); err != nil {
			closeAll(a.fds)
			return nil, err
		}
	}
	return a.fds, nil
}

// Done is closed when the child has ended and nothing of the fabric is left.
func (f *Fabric) Done() <-chan struct{} { return f.done }

// Pid is the child's process id as the daemon sees it, for diagnosis.
func (f *Fabric) Pid() int { return f.pid }

// Capabilities says what this fabric can enforce besides what it always does.
func (f *Fabric) Capabilities() Capabilities { return f.caps }

// Close ends the child and all that it holds, and waits for that.
func (f *Fabric) Close() error {
	f.mu.Lock()
	exe := f.exe
	f.exe = -1
	f.mu.Unlock()
	if exe < 0 {
		<-f.done
		return nil
	}
	unix.Close(exe)
	f.w.c.Close()
	<-f.done
	return nil
}
