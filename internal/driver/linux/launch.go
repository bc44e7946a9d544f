package linux

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// proc is something that was started here. Its pid is its own until it was reaped, which happens under procMu.
type proc struct {
	pid   int
	port  string
	end   exited
	ended bool
	done  chan struct{}
}

const cellFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// spawn starts the program in namespaces of its own, in the network namespace of its port or, without a port, in an
// empty one. It has no power over the fabric: its user namespace is a child of the fabric's. It owns fds.
func (c *child) spawn(in spawnRequest, fds []int) (spawned, error) {
	defer closeAll(fds)
	if len(in.Argv) == 0 || in.Argv[0] == childArg {
		return spawned{}, errors.New("nothing to start")
	}
	attr := &syscall.SysProcAttr{Cloneflags: cellFlags, Setsid: true, Pdeathsig: syscall.SIGKILL}
	files := fds
	if in.Cgroup {
		if len(fds) == 0 {
			return spawned{}, errors.New("no cgroup came along")
		}
		attr.UseCgroupFD, attr.CgroupFD = true, fds[len(fds)-1]
		files = fds[:len(fds)-1]
	}
	if len(files) < 3 {
		return spawned{}, errors.New("descriptors 0, 1 and 2 are missing")
	}
	var out spawned
	start := func(ns int) error {
		done := make(chan error, 1)
		c.spawner <- func() { done <- c.forkIn(ns, in, files, attr, &out) }
		return <-done
	}
	var err error
	if in.Port == "" {
		attr.Cloneflags |= unix.CLONE_NEWNET
		err = start(-1)
	} else {
		err = c.sit(in.Port, start)
	}
	if err != nil {
		return spawned{}, fmt.Errorf("cannot start %s: %w", in.Argv[0], err)
	}
	return out, nil
}

// forkIn runs on the spawner's thread. A child inherits the thread's network namespace.
func (c *child) forkIn(ns int, in spawnRequest, files []int, attr *syscall.SysProcAttr, out *spawned) error {
	if ns >= 0 {
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(home)
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		defer func() {
			if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
				// A spawner that can't come home would start others on this port.
				fmt.Fprintln(os.Stderr, "cloister-fabric: the spawner is lost:", err)
				os.Exit(1)
			}
		}()
	}
	c.procMu.Lock()
	defer c.procMu.Unlock()
	c.last++
	// Where there are ids to give, each process gets one of its own: it shares none with the fabric.
	id := 0
	if c.uids > 2 {
		id = 1 + c.last%(c.uids-1)
		attr.Credential = &syscall.Credential{Uid: 0, Gid: 0, Groups: []uint32{}}
		attr.GidMappingsEnableSetgroups = true
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	pa := &syscall.ProcAttr{Dir: "/", Env: in.Env, Sys: attr}
	for _, f := range files {
		pa.Files = append(pa.Files, uintptr(f))
	}
	pa.Files = append(pa.Files, uintptr(c.exe)) // the descriptor after the last is the program itself
	pid, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", c.exe), in.Argv, pa)
	if err != nil {
		return err
	}
	c.procs[c.last] = &proc{pid: pid, port: in.Port, done: make(chan struct{})}
	*out = spawned{Proc: c.last, Pid: pid}
	return nil
}

// reap collects all that has ended: those started here and, since this is PID 1, what they left behind.
func (c *child) reap() {
	c.procMu.Lock()
	defer c.procMu.Unlock()
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for _, p := range c.procs {
			if p.pid != pid || p.ended {
				continue
			}
			p.ended = true
			p.end = exited{Code: ws.ExitStatus()}
			if ws.Signaled() {
				p.end = exited{Code: -1, Signal: int(ws.Signal())}
			}
			close(p.done)
		}
	}
}

func (c *child) wait(handle int) (exited, error) {
	c.procMu.Lock()
	p := c.procs[handle]
	c.procMu.Unlock()
	if p == nil {
		return exited{}, errors.New("no such process")
	}
	<-p.done
	c.procMu.Lock()
	defer c.procMu.Unlock()
	delete(c.procs, handle)
	return p.end, nil
}

func (c *child) signal(handle, sig int) error {
	c.procMu.Lock()
	defer c.procMu.Unlock()
	p := c.procs[handle]
	if p == nil || p.ended {
		return nil // it has ended: there is nothing to tell
	}
	return unix.Kill(p.pid, unix.Signal(sig))
}

// killPort ends all that sits on a port and waits until it has. Each is PID 1 of its namespace: its children go with it.
func (c *child) killPort(port string) {
	c.procMu.Lock()
	var all []*proc
	for _, p := range c.procs {
		if p.port == port && !p.ended {
			_ = unix.Kill(p.pid, unix.SIGKILL) // it isn't reaped yet, so there it is
			all = append(all, p)
		}
	}
	c.procMu.Unlock()
	for _, p := range all {
		<-p.done
	}
}
