package celltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const arg0 = "celltest"

// Main is called in TestMain after cell.Main: in a sandboxed process it tries everything that must fail there, writes a
// Report to standard output and ends. Elsewhere it does nothing.
func Main() {
	if len(os.Args) == 0 || os.Args[0] != arg0 {
		return
	}
	runtime.LockOSThread()
	fds := openDescriptors() // before anything in here opens its own
	verb := "report"
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	switch verb {
	case "report":
		r := look()
		r.Descriptors = fds
		if json.NewEncoder(os.Stdout).Encode(r) != nil {
			os.Exit(1)
		}
	case "hang":
		fmt.Println("up")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "await": // a request to stop
		told := make(chan os.Signal, 1)
		signal.Notify(told, unix.SIGTERM)
		fmt.Println("up")
		<-told
		fmt.Println("told")
	case "surroundings":
		host, _ := os.Hostname()
		resolv, _ := os.ReadFile("/etc/resolv.conf")
		fmt.Printf("%s\n%s\n%s\n", host, os.Getenv("COLOUR"), strings.TrimSuffix(strings.ReplaceAll(strings.TrimSuffix(string(resolv), "\n"), "\n", "|"), "|options timeout:2 attempts:3"))
	case "fill": // descriptor 3, a MiB at a time, then by a hole
		signal.Ignore(unix.SIGXFSZ)
		n, err := 0, error(nil)
		for b := make([]byte, 1<<20); err == nil && n < 16<<20; {
			var k int
			k, err = unix.Write(3, b)
			n += max(k, 0)
		}
		fmt.Println(n, word(err), word(unix.Ftruncate(3, 16<<20)))
	case "drain":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "eat": // until a limit ends it
		var all [][]byte
		for i := 0; ; i++ {
			b := make([]byte, 16<<20)
			for j := 0; j < len(b); j += 4096 {
				b[j] = 1
			}
			all = append(all, b)
			fmt.Println(len(all) * 16)
			if len(all) > 128 {
				os.Exit(0)
			}
		}
	case "dial":
		for _, a := range os.Args[2:] {
			c, err := net.DialTimeout("tcp4", a, time.Second)
			if err == nil {
				c.Close()
			}
			fmt.Println(a, word(err))
		}
	}
	os.Exit(0)
}

// Report is what a process found in its sandbox. An empty error means that the attempt succeeded.
type Report struct {
	Effective, Permitted, Inheritable uint64
	Bounding                          uint64
	NoNewPrivs, Seccomp, Securebits   int
	Pid, UID                          int
	Descriptors                       []int
	Calls                             map[string]string // system call -> error
	Sockets                           map[string]string // kind -> error
	Writes                            map[string]string // path -> error
	Seen                              map[string]bool   // paths that must not be there
	Root                              []string
}

func word(err error) string {
	var e unix.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return unix.ErrnoName(e)
	}
	return err.Error()
}

func openDescriptors() []int {
	var out []int
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			continue
		}
		// The runtime's own poller is an anonymous inode; it was opened in here.
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == 0 {
			continue
		}
		out = append(out, fd)
	}
	return out
}

func look() Report {
	r := Report{Calls: map[string]string{}, Sockets: map[string]string{}, Writes: map[string]string{}, Seen: map[string]bool{}}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if unix.Capget(&hdr, &d[0]) != nil {
		r.Effective = ^uint64(0)
	} else {
		r.Effective = uint64(d[0].Effective) | uint64(d[1].Effective)<<32
		r.Permitted = uint64(d[0].Permitted) | uint64(d[1].Permitted)<<32
		r.Inheritable = uint64(d[0].Inheritable) | uint64(d[1].Inheritable)<<32
	}
	for c := range 64 {
		if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil && v == 1 {
			r.Bounding |= 1 << c
		}
	}
	r.NoNewPrivs, _ = unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	r.Seccomp, _ = unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	r.Securebits, _ = unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	r.Pid, r.UID = os.Getpid(), os.Getuid()
	r.calls()
	r.sockets()
	for _, p := range []string{"/x", "/etc/x", "/dev/x", "/etc/hosts", "/tmp/x"} {
		r.Writes[p] = word(os.WriteFile(p, []byte("x"), 0o644))
	}
	for _, p := range []string{"/proc/1", "/proc/self", "/sys/kernel", "/root", "/home", "/usr", "/bin", "/var", "/run", "/dev/fuse", "/dev/tty", "/dev/kmsg"} {
		if _, err := os.Lstat(p); err == nil {
			r.Seen[p] = true
		}
	}
	if all, err := os.ReadDir("/"); err == nil {
		for _, e := range all {
			r.Root = append(r.Root, e.Name())
		}
	}
	sort.Strings(r.Root)
	return r
}

func (r *Report) calls() {
	raw := func(name string, nr uintptr, a ...uintptr) {
		a = append(a, 0, 0, 0, 0, 0, 0)
		_, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if e == 0 {
			r.Calls[name] = ""
			return
		}
		r.Calls[name] = unix.ErrnoName(e)
	}
	str := func(s string) uintptr {
		p, _ := unix.BytePtrFromString(s)
		return uintptr(unsafe.Pointer(p))
	}
	raw("unshare user", unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
	raw("unshare net", unix.SYS_UNSHARE, unix.CLONE_NEWNET)
	raw("setns", unix.SYS_SETNS, 0, 0)
	raw("mount", unix.SYS_MOUNT, str("t"), str("/tmp"), str("tmpfs"))
	raw("umount2", unix.SYS_UMOUNT2, str("/tmp"))
	raw("fsopen", unix.SYS_FSOPEN, str("tmpfs"))
	raw("open_tree", unix.SYS_OPEN_TREE, 0, str("/"))
	raw("pivot_root", unix.SYS_PIVOT_ROOT, str("."), str("."))
	raw("chroot", unix.SYS_CHROOT, str("/tmp"))
	raw("ptrace", unix.SYS_PTRACE, unix.PTRACE_TRACEME)
	raw("process_vm_readv", unix.SYS_PROCESS_VM_READV, 1)
	raw("bpf", unix.SYS_BPF)
	raw("keyctl", unix.SYS_KEYCTL)
	raw("add_key", unix.SYS_ADD_KEY)
	raw("perf_event_open", unix.SYS_PERF_EVENT_OPEN)
	raw("io_uring_setup", unix.SYS_IO_URING_SETUP, 1)
	raw("userfaultfd", unix.SYS_USERFAULTFD)
	raw("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT)
	raw("init_module", unix.SYS_INIT_MODULE)
	raw("kexec_load", unix.SYS_KEXEC_LOAD)
	raw("personality", unix.SYS_PERSONALITY, 0xffffffff)
	raw("sethostname", unix.SYS_SETHOSTNAME, str("x"), 1)
	raw("setuid", unix.SYS_SETUID, 0)
	raw("mknodat", unix.SYS_MKNODAT, ^uintptr(99), str("/tmp/n"), unix.S_IFCHR|0o666, 1<<8|3)
	raw("memfd_create", unix.SYS_MEMFD_CREATE, str("x"))
	raw("execve", unix.SYS_EXECVE, str("/tmp/x"))
	raw("execveat", unix.SYS_EXECVEAT, 0, str(""), 0, 0, unix.AT_EMPTY_PATH)
	raw("kill", unix.SYS_KILL, 1, 0)
	raw("pidfd_open", unix.SYS_PIDFD_OPEN, 1)
	raw("pidfd_getfd", unix.SYS_PIDFD_GETFD, 1)
	raw("prctl set", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1)
	raw("mmap exec", unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0))
	// A fork without its memory shared would run the rest of this twice: the invalid signal number keeps it from starting.
	raw("fork", unix.SYS_CLONE, unix.CLONE_SIGHAND)
}

func (r *Report) sockets() {
	for _, s := range []struct {
		name                string
		domain, kind, proto int
	}{
		{"tcp", unix.AF_INET, unix.SOCK_STREAM, 0},
		{"udp", unix.AF_INET, unix.SOCK_DGRAM, 0},
		{"ping", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP},
		{"tcp6", unix.AF_INET6, unix.SOCK_STREAM, 0},
		{"unix", unix.AF_UNIX, unix.SOCK_STREAM, 0},
		{"netlink", unix.AF_NETLINK, unix.SOCK_RAW, 0},
		{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0},
		{"raw", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		{"vsock", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"alg", unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
	} {
		fd, err := unix.Socket(s.domain, s.kind, s.proto)
		if err == nil {
			unix.Close(fd)
		}
		r.Sockets[s.name] = word(err)
	}
	if strings.Contains(r.Sockets["tcp"], "EPERM") {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		r.Sockets["pair"] = word(err)
	}
}
