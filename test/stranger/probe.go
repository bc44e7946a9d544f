package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attempt is one try and how it ended.
type Attempt struct {
	What string
	Out  bool   // it worked
	Met  string // what stopped it, or what it reached
	May  bool   // it may work: the cell gives this
}

func probe() (out []Attempt) {
	add := func(what string, may bool, f func() (string, error)) {
		got, err := f()
		a := Attempt{What: what, Out: err == nil, Met: got, May: may}
		if err != nil {
			a.Met = err.Error()
		}
		out = append(out, a)
	}
	no := func(what string, f func() error) { add(what, false, func() (string, error) { return "", f() }) }
	may := func(what string, f func() (string, error)) { add(what, true, f) }
	sys := func(what string, nr uintptr, args ...uintptr) {
		var a [6]uintptr
		copy(a[:], args)
		no(what, func() error {
			if _, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); e != 0 {
				return e
			}
			return nil
		})
	}
	for what, s := range map[string][2]int{"TCP": {unix.AF_INET, unix.SOCK_STREAM}, "UDP": {unix.AF_INET, unix.SOCK_DGRAM}, "raw": {unix.AF_INET, unix.SOCK_RAW}, "IPv6": {unix.AF_INET6, unix.SOCK_STREAM},
		"Unix": {unix.AF_UNIX, unix.SOCK_STREAM}, "netlink": {unix.AF_NETLINK, unix.SOCK_RAW}, "packet": {unix.AF_PACKET, unix.SOCK_RAW}, "virtual-machine": {unix.AF_VSOCK, unix.SOCK_STREAM}} {
		no("a socket: "+what, func() error { _, err := unix.Socket(s[0], s[1], 0); return err })
	}
	for _, a := range []string{"127.0.0.1:4566", "198.18.0.2:53", "169.254.169.254:80", "1.1.1.1:53"} {
		no("connect to "+a, func() error { _, err := net.DialTimeout("tcp", a, time.Second); return err })
	}
	for _, p := range []string{"/etc/passwd", "/proc/1/environ", "/proc/self/mem", "/sys/kernel", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/fuse", "/bin/sh", "/../../etc/shadow"} {
		no("read "+p, func() error { _, err := os.ReadFile(p); return err })
	}
	for _, p := range []string{"/x", "/dev/x", "/stranger", "/proc/x", "/sys/x", "/etc/x"} {
		no("write "+p, func() error {
			f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY, 0o600)
			if err == nil {
				f.Close()
			}
			return err
		})
	}
	no("make a folder in the root", func() error { return os.Mkdir("/y", 0o755) })
	no("remove from the root", func() error { return os.Remove("/stranger") })
	no("change a mode in the root", func() error { return os.Chmod("/stranger", 0o4755) })
	for what, f := range map[string]uintptr{"users": unix.CLONE_NEWUSER, "mounts": unix.CLONE_NEWNS, "network": unix.CLONE_NEWNET, "processes": unix.CLONE_NEWPID, "IPC": unix.CLONE_NEWIPC, "time": unix.CLONE_NEWTIME} {
		no("unshare "+what, func() error { return unix.Unshare(int(f)) })
		no("a process with namespaces: "+what, func() error {
			c := exec.Command("/stranger", "who")
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: f}
			if f == unix.CLONE_NEWTIME { // its bit belongs to the signal
				return errors.New("not by clone")
			}
			return c.Run()
		})
	}
	no("mount a tmpfs", func() error { return unix.Mount("x", "/tmp", "tmpfs", 0, "") })
	no("mount proc", func() error { return unix.Mount("proc", "/proc", "proc", 0, "") })
	no("remount the root for writing", func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") })
	no("unmount /dev", func() error { return unix.Unmount("/dev", unix.MNT_DETACH) })
	no("pivot_root", func() error { return unix.PivotRoot("/tmp", "/tmp") })
	no("chroot", func() error { return unix.Chroot("/tmp") })
	no("trace process 1", func() error { return unix.PtraceAttach(1) })
	no("a device", func() error { return unix.Mknod("/tmp/dev", unix.S_IFBLK|0o600, 0x0700) })
	no("another user", func() error { return unix.Setuid(1000) })
	no("root of the host", func() error { return unix.Setresuid(0, 0, 0) })
	no("other groups", func() error { return unix.Setgroups([]int{0}) })
	no("the clock", func() error { return unix.Settimeofday(&unix.Timeval{}) })
	no("the host's name", func() error { return unix.Sethostname([]byte("x")) })
	no("more processes", func() error { return unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}) })
	no("more memory", func() error { return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}) })
	var buf [64]byte
	at := uintptr(unsafe.Pointer(&buf))
	sys("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, 0, at, 0)
	sys("a keyring", unix.SYS_KEYCTL, 0, ^uintptr(2))
	sys("bpf", unix.SYS_BPF, 0, at, 64)
	sys("perf counters", unix.SYS_PERF_EVENT_OPEN, at, 0, ^uintptr(0), ^uintptr(0))
	sys("a ring", unix.SYS_IO_URING_SETUP, 1, at)
	sys("user faults", unix.SYS_USERFAULTFD, 0)
	sys("a file in memory", unix.SYS_MEMFD_CREATE, at, 0)
	sys("shared memory without a file", unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS, ^uintptr(0))
	sys("SysV memory", unix.SYS_SHMGET, 0, 4096, 0o1600)
	sys("another personality", unix.SYS_PERSONALITY, 0x0400000)
	sys("memory of process 1", unix.SYS_PROCESS_VM_READV, 1, at, 1, at, 1)
	no("shared memory of a device", func() error {
		return onFile("/dev/zero", os.O_RDWR, func(fd int) error {
			_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		})
	})
	sys("memory that is called a stack", unix.SYS_MMAP, 0, 1<<30, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN, ^uintptr(0))
	// What other cells of the same image, or of this host, could see.
	for _, p := range []string{"/stranger", "/dev/null", "/"} {
		no("flock of "+p, func() error {
			return onFile(p, os.O_RDONLY, func(fd int) error { return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) })
		})
		for what, cmd := range map[string]int{"a lock": unix.F_SETLK, "a lock of the open file": unix.F_OFD_SETLK, "asking for locks": unix.F_GETLK} {
			no(what+" of "+p, func() error {
				return onFile(p, os.O_RDONLY, func(fd int) error {
					return unix.FcntlFlock(uintptr(fd), cmd, &unix.Flock_t{Type: unix.F_RDLCK, Start: 0x5ec7e7, Len: 7})
				})
			})
		}
		no("a lease of "+p, func() error {
			return onFile(p, os.O_RDONLY, func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); return err })
		})
		no("news of "+p, func() error {
			return onFile(p, os.O_RDONLY, func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_NOTIFY, 1); return err })
		})
		no("the times of "+p, func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, p, nil, 0) })
		no("dropping what is cached of "+p, func() error {
			return onFile(p, os.O_RDONLY, func(fd int) error { return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) })
		})
	}
	no("reading only what is cached", func() error {
		return onFile("/stranger", os.O_RDONLY, func(fd int) error { _, err := unix.Preadv2(fd, [][]byte{buf[:]}, 0, unix.RWF_NOWAIT); return err })
	})
	no("what is cached", func() error {
		return onFile("/stranger", os.O_RDONLY, func(fd int) error {
			b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
			if err != nil {
				return fmt.Errorf("mmap: %w", err)
			}
			var in [1]byte
			if _, _, e := unix.RawSyscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), 4096, uintptr(unsafe.Pointer(&in))); e != 0 {
				return e
			}
			return nil
		})
	})
	pair, _ := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) // zero where there is none
	no("a filter on a socket", func() error {
		code := []unix.SockFilter{{Code: unix.BPF_RET, K: 1}}
		return unix.SetsockoptSockFprog(pair[0], unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &code[0]})
	})
	no("urgent data", func() error { return unix.Sendto(pair[0], []byte("x"), unix.MSG_OOB, nil) })
	no("see other processes", func() error {
		for pid := 2; pid < 100_000; pid++ {
			if there(pid) {
				return nil
			}
		}
		return unix.ESRCH
	})
	no("run what was written", func() error {
		b, err := os.ReadFile("/stranger")
		if err == nil {
			err = os.WriteFile("/tmp/run", b, 0o755)
		}
		if err != nil {
			return err
		}
		return exec.Command("/tmp/run", "who").Run()
	})
	no("more in /tmp than is given", func() error {
		f, err := os.Create("/tmp/full")
		if err != nil {
			return err
		}
		defer os.Remove("/tmp/full")
		defer f.Close()
		for range 1024 {
			if _, err := f.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return nil
	})
	// What the cell gives.
	may("write /tmp", func() (string, error) { return "", os.WriteFile("/tmp/x", []byte("x"), 0o600) })
	may("shared memory in /dev/shm", func() (string, error) { return "", os.WriteFile("/dev/shm/x", []byte("x"), 0o600) })
	may("read /dev/urandom", func() (string, error) {
		f, err := os.Open("/dev/urandom")
		if err == nil {
			_, err = f.Read(buf[:])
		}
		return "", err
	})
	may("write /dev/null", func() (string, error) { return "", os.WriteFile("/dev/null", []byte("x"), 0) })
	may("a program that was setuid", func() (string, error) {
		b, err := exec.Command("/setuid", "who").CombinedOutput()
		return strings.TrimSpace(string(b)), err
	})
	may("who am I", func() (string, error) {
		b, err := exec.Command("/stranger", "who").CombinedOutput()
		return strings.TrimSpace(string(b)), err
	})
	may("standard descriptors wait", func() (string, error) { // C libraries and Python take EAGAIN for an end
		for fd := range uintptr(3) {
			if f, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || f&unix.O_NONBLOCK != 0 {
				return "", fmt.Errorf("%d: %#x, %v", fd, f, err)
			}
		}
		return "", nil
	})
	may("a pair of sockets", func() (string, error) { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return "", err })
	may("surroundings", func() (string, error) {
		d, err := os.Getwd()
		host, _ := os.Hostname()
		return fmt.Sprintf("%d %s %s %s", os.Getpid(), d, host, os.Getenv("COLOUR")), err
	})
	return out
}

func onFile(path string, flags int, f func(fd int) error) error {
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", path, err)
	}
	defer unix.Close(fd)
	return f(fd)
}

// there says whether a number is that of another process; a thread of its own is none.
func there(pid int) bool {
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) && errors.Is(unix.Tgkill(os.Getpid(), pid, 0), unix.ESRCH)
}

// who prints its ids, its capabilities and whether it may gain any.
func who() {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	err := unix.Capget(&hdr, &d[0])
	gain, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	bound := 0
	for c := range 64 {
		if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil {
			bound += v
		}
	}
	fmt.Println(os.Getuid(), os.Geteuid(), d[0].Effective|d[1].Effective, d[0].Permitted|d[1].Permitted, d[0].Inheritable|d[1].Inheritable, bound, gain, err)
}
