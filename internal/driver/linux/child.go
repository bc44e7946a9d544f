package linux

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// childArg is argv[0] of the fabric's child; descriptors 3 and 4 are its socket and the program. Where there is an argv[1], descriptor 5 is a mount to be shown there.
const (
	childArg   = "cloister-fabric"
	childSock  = 3
	childExe   = 4
	childRoots = 5
)

// The child's main thread must stay out of the pool: a thread that has moved into a network's namespace has to end, and
// the main thread never ends. The runtime promises that thread to main only when it is locked here.
func init() {
	if len(os.Args) > 0 && os.Args[0] == childArg {
		runtime.LockOSThread()
	}
}

// ChildMain is the first thing that main calls. In the fabric's child it never returns, elsewhere it does nothing.
func ChildMain() {
	if len(os.Args) == 0 || os.Args[0] != childArg {
		return
	}
	// Whoever started the daemon may have left it open descriptors of its own: none goes further.
	if err := unix.CloseRange(childSock, 1<<31, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, "cloister-fabric: cannot mark descriptors:", err)
		os.Exit(1)
	}
	w, err := newWire(childSock)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloister-fabric: not started by a daemon:", err)
		os.Exit(1)
	}
	// Out of the way of the descriptors that a process gets: its program is executed after they were put into their places.
	exe, err := unix.FcntlInt(childExe, unix.F_DUPFD_CLOEXEC, 3+maxRights)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloister-fabric: no program:", err)
		os.Exit(1)
	}
	unix.Close(childExe)
	c := &child{w: w, exe: exe, networks: map[string]*network{}, seats: map[string]*network{}, joints: newJoints(), received: map[string]received{}, procs: map[int]*proc{}, spawner: make(chan func())}
	hello := message{}
	if err := c.settle(); err != nil {
		hello.Err = err.Error()
	} else {
		hello.Body, _ = json.Marshal(c.capabilities())
	}
	if w.send(hello) != nil || hello.Err != "" {
		os.Exit(1)
	}
	c.serve()
	os.Exit(0) // the daemon is gone; this is PID 1, so all that was started here goes too
}

// child is the fabric: the only process that holds the namespaces.
type child struct {
	w       *wire
	exe     int         // the program
	spawner chan func() // runs on one thread that lives as long as the child

	nft      sync.Mutex // the netlink encoder numbers its sets in a package variable
	mu       sync.Mutex
	networks map[string]*network
	seats    map[string]*network // by port id
	received map[string]received // by network

	jointMu sync.Mutex
	joints  joints

	procMu sync.Mutex // held from fork to registration, so that no exit is reaped before its process is known
	procs  map[int]*proc
	last   int // handle
	uids   int // ids of the fabric's own map
}

// settle makes the child's own surroundings.
func (c *child) settle() error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	lim.Cur = lim.Max // a descriptor for each port
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_NOFILE, &lim), unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})); err != nil {
		return fmt.Errorf("cannot set limits: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("cannot mount proc: %w", err)
	}
	if len(os.Args) > 1 && os.Args[0] == childArg {
		if err := show(os.Args[1]); err != nil {
			return fmt.Errorf("cannot show %s: %w", os.Args[1], err)
		}
	}
	c.uids = mapSize("/proc/self/uid_map")
	// A terminal or a service manager signals whole groups; the daemon decides when the fabric ends.
	quiet := make(chan os.Signal, 1)
	signal.Notify(quiet, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	go func() {
		for range died {
			c.reap()
		}
	}()
	go func() { // PDEATHSIG of what is started here speaks of this thread
		runtime.LockOSThread()
		for f := range c.spawner {
			f()
		}
	}()
	return nil
}

// mapSize reads how many ids a user namespace has.
func mapSize(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 1
	}
	var in, out, n int
	if _, err := fmt.Sscan(string(b), &in, &out, &n); err != nil || n < 1 {
		return 1
	}
	return n
}

// serve answers until the daemon's end of the socket closes.
func (c *child) serve() {
	for {
		m, fds, err := c.w.receive()
		if err != nil {
			return
		}
		go func() {
			out, send, err := c.handle(m, fds)
			r := message{ID: m.ID}
			if err == nil && out != nil {
				r.Body, err = json.Marshal(out)
			}
			if err != nil {
				r.Err = err.Error()
			}
			if e := c.w.send(r, send...); e != nil && !errors.Is(e, syscall.EPIPE) {
				_ = c.w.send(message{ID: m.ID, Err: e.Error()}) // if that fails too, the daemon is gone
			}
			closeAll(send)
		}()
	}
}

// handle owns fds; the descriptors of its answer are closed after they were sent.
func (c *child) handle(m message, fds []int) (out any, send []int, err error) {
	switch m.Op {
	case opReading:
		return reply2(decode(m, func(in readingRequest) (any, error) { return nil, c.reading(in, fds) }))
	case opSpawn:
		return reply2(decode(m, func(in spawnRequest) (any, error) { return c.spawn(in, fds) }))
	}
	closeAll(fds)
	switch m.Op {
	case opSet:
		return reply2(decode(m, func(in setRequest) (any, error) { return c.receive(in) }))
	case opRemove:
		return reply2(decode(m, func(in networkRequest) (any, error) { c.remove(in.Network); return nil, nil }))
	case opStatus:
		return c.status(), nil, nil
	case opListen:
		return replyFD(decode(m, c.listen))
	case opDial:
		return replyFD(decode(m, c.dial))
	case opFlows:
		send, err = decode(m, c.flows)
		return nil, send, err
	case opWait:
		return reply2(decode(m, func(in procRequest) (any, error) { return c.wait(in.Proc) }))
	case opSignal:
		return reply2(decode(m, func(in procRequest) (any, error) { return nil, c.signal(in.Proc, in.Signal) }))
	case opTry:
		return reply2(decode(m, func(in Attempt) (any, error) { return c.try(in) }))
	case opProbe:
		return c.probe(), nil, nil
	}
	return nil, nil, fmt.Errorf("unknown operation %q", m.Op)
}

func decode[In, Out any](m message, f func(In) (Out, error)) (Out, error) {
	var in In
	if err := json.Unmarshal(m.Body, &in); err != nil {
		var none Out
		return none, fmt.Errorf("cannot read %s: %w", m.Op, err)
	}
	return f(in)
}

func reply2(out any, err error) (any, []int, error) { return out, nil, err }

func replyFD(fd int, err error) (any, []int, error) {
	if err != nil {
		return nil, nil, err
	}
	return nil, []int{fd}, nil
}
