// Package host becomes a command of this host on an interface of a VPC. It is no sandbox: the command sees the host's files as the
// user that it runs as, and only its network is the VPC's.
package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// SpecFile is the descriptor that a Spec is read from, as JSON.
const SpecFile = 3

// Exit statuses of what went wrong before the command could say anything, as env(1) has them.
const (
	Failed   = 125
	Unusable = 126
	Missing  = 127
)

// Spec is the command.
type Spec struct {
	Path     string // of the program
	Argv     []string
	Env      []string
	Dir      string
	UID, GID int    // as which it sees itself
	Resolv   string // its /etc/resolv.conf
}

// Forwarded are the signals that the command's user may send it.
func Forwarded() []os.Signal {
	return []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2}
}

// Main runs in namespaces of its own for users, mounts and processes, as their root and their first process. It gives the command's
// exit status, or 128 and its signal.
func Main() int {
	runtime.LockOSThread() // what may be gained by exec belongs to a thread: this one starts the command
	heard := make(chan os.Signal, 16)
	signal.Notify(heard, Forwarded()...)
	pid, code, err := begin()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloister exec:", err)
		return code
	}
	go func() {
		for s := range heard {
			if n, ok := s.(syscall.Signal); ok {
				_ = unix.Kill(-pid, n) // it and what it started
			}
		}
	}()
	for { // orphans come here too
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return Failed
		case got != pid:
		case ws.Signaled():
			return 128 + int(ws.Signal())
		case ws.Exited():
			return ws.ExitStatus()
		}
	}
}

func begin() (pid, code int, err error) {
	in := os.NewFile(SpecFile, "spec")
	b, err := io.ReadAll(in)
	if err != nil {
		return 0, Failed, err
	}
	_ = in.Close()
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, Failed, err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"die with the fabric", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
		{"keep descriptors back", func() error { return unix.CloseRange(3, 1<<31, unix.CLOSE_RANGE_CLOEXEC) }},
		{"make mounts private", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"give it the VPC's resolver", func() error { return resolver(s.Resolv) }},
		{"mount proc", func() error {
			return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}},
		{"go to " + s.Dir, func() error { return os.Chdir(s.Dir) }},
		{"forbid new privileges", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
	} {
		if err := step.do(); err != nil {
			return 0, Failed, fmt.Errorf("cannot %s: %w", step.what, err)
		}
	}
	pid, err = s.start()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, Missing, fmt.Errorf("cannot run %s: %w", s.Path, err)
	case err != nil:
		return 0, Unusable, fmt.Errorf("cannot run %s: %w", s.Path, err)
	}
	return pid, 0, nil
}

// start leaves the command no capability: its user namespace has one user, who is nobody's root.
func (s Spec) start() (int, error) {
	return syscall.ForkExec(s.Path, s.Argv, &syscall.ProcAttr{Env: s.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: s.UID, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: s.GID, HostID: 0, Size: 1}},
		Setpgid:     true,
		Pdeathsig:   syscall.SIGKILL,
	}})
}

// answerers are directories of sockets by which the C library would ask the host's resolver instead of the VPC's.
var answerers = []string{"/run/systemd/resolve", "/run/nscd", "/var/run/nscd", "/run/avahi-daemon"}

// resolver puts a file of our own over /etc/resolv.conf, in this mount namespace alone.
func resolver(text string) error {
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("the host has no /etc/resolv.conf that could be replaced: %w", err)
	}
	covered := ""
	for _, dir := range answerers {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil { // not there
			continue
		}
		if err := unix.Mount("cloister", real, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=64k,nr_inodes=16,mode=0755"); err != nil {
			return fmt.Errorf("%s: %w", real, err)
		}
		if strings.HasPrefix(target, real+"/") {
			covered = target
		}
	}
	if covered != "" {
		return os.WriteFile(covered, []byte(text), 0o444)
	}
	const at = "/proc" // a directory that is there and gets its own mount next
	if err := unix.Mount("cloister", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=64k,nr_inodes=16,mode=0755"); err != nil {
		return err
	}
	if err := os.WriteFile(at+"/resolv.conf", []byte(text), 0o444); err != nil {
		return err
	}
	if err := unix.Mount(at+"/resolv.conf", target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return unix.Unmount(at, unix.MNT_DETACH)
}
