package cell

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ask runs the filter as the kernel would. The interpreter reads big-endian words, so the data is laid out that way.
func ask(t *testing.T, vm *bpf.VM, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	data := make([]byte, offArgs+8*6)
	binary.BigEndian.PutUint32(data[offNr:], nr)
	binary.BigEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offArgs+8*i+4:], uint32(a>>32))
	}
	v, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

func machine(t *testing.T, filter []unix.SockFilter) *bpf.VM {
	t.Helper()
	var raw []bpf.RawInstruction
	for _, f := range filter {
		raw = append(raw, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K})
	}
	all, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("the filter has instructions that nobody knows")
	}
	vm, err := bpf.NewVM(all)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestFilter(t *testing.T) {
	const (
		allow  = uint32(unix.SECCOMP_RET_ALLOW)
		kill   = uint32(unix.SECCOMP_RET_KILL_PROCESS)
		eperm  = errno | uint32(unix.EPERM)
		enosys = errno | uint32(unix.ENOSYS)
		thread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	)
	other := uint32(unix.AUDIT_ARCH_AARCH64)
	if auditArch == other {
		other = unix.AUDIT_ARCH_X86_64
	}
	for _, c := range []struct {
		name            string
		arch, nr        uint32
		args            []uint64
		analyser, agent uint32
	}{
		{"read", auditArch, unix.SYS_READ, nil, allow, allow},
		{"another architecture", other, unix.SYS_READ, nil, kill, kill},
		{"32 bit", unix.AUDIT_ARCH_I386, 3, nil, kill, kill},
		{"x32", auditArch, 0x40000000, nil, kill, kill},
		{"an unknown number", auditArch, 2000, nil, eperm, eperm},
		{"bpf", auditArch, unix.SYS_BPF, nil, eperm, eperm},
		{"clone3", auditArch, unix.SYS_CLONE3, nil, enosys, enosys},
		{"a thread", auditArch, unix.SYS_CLONE, []uint64{thread}, allow, allow},
		{"a process", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, eperm, eperm},
		{"a namespace", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, eperm, eperm},
		{"memory", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE}, allow, allow},
		{"memory for secrets", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_DROPPABLE | unix.MAP_ANONYMOUS}, allow, allow},
		{"memory that no limit counts", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, eperm, eperm},
		{"a shared file", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_SHARED}, eperm, eperm},
		{"memory that counts as a stack", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN}, eperm, eperm},
		{"another descriptor", auditArch, unix.SYS_FCNTL, []uint64{0, unix.F_DUPFD_CLOEXEC}, allow, allow},
		{"a lock", auditArch, unix.SYS_FCNTL, []uint64{0, unix.F_SETLK}, eperm, eperm},
		{"what is cached", auditArch, unix.SYS_MINCORE, nil, eperm, eperm},
		{"code", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_EXEC}, eperm, eperm},
		{"memory to code", auditArch, unix.SYS_MPROTECT, []uint64{0, 1, unix.PROT_EXEC}, eperm, eperm},
		{"the program", auditArch, unix.SYS_EXECVEAT, []uint64{5, 0, 0, 0, unix.AT_EMPTY_PATH}, allow, allow},
		{"another program", auditArch, unix.SYS_EXECVEAT, []uint64{4, 0, 0, 0, unix.AT_EMPTY_PATH}, eperm, eperm},
		{"a program by path", auditArch, unix.SYS_EXECVEAT, []uint64{5, 0, 0, 0, 0}, eperm, eperm},
		{"execve", auditArch, unix.SYS_EXECVE, nil, eperm, eperm},
		{"own limits", auditArch, unix.SYS_PRLIMIT64, []uint64{0, 7}, allow, allow},
		{"other's limits", auditArch, unix.SYS_PRLIMIT64, []uint64{2, 7}, eperm, eperm},
		{"naming memory", auditArch, unix.SYS_PRCTL, []uint64{unix.PR_SET_VMA}, allow, allow},
		{"dumpable", auditArch, unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE, 1}, eperm, eperm},
		{"tcp", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, 0}, eperm, allow},
		{"udp", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, eperm, allow},
		{"ping", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}, eperm, eperm},
		{"raw", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW, 0}, eperm, eperm},
		{"IPv6", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, 0}, eperm, eperm},
		{"unix", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, eperm, eperm},
		{"netlink", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, 0}, eperm, eperm},
		{"connect", auditArch, unix.SYS_CONNECT, nil, eperm, allow},
		{"recvmsg", auditArch, unix.SYS_RECVMSG, nil, eperm, allow},
	} {
		if got := ask(t, machine(t, program(false, 5)), c.arch, c.nr, c.args...); got != c.analyser {
			t.Errorf("%s in an analyser: %#x, want %#x", c.name, got, c.analyser)
		}
		if got := ask(t, machine(t, program(true, 5)), c.arch, c.nr, c.args...); got != c.agent {
			t.Errorf("%s in an agent: %#x, want %#x", c.name, got, c.agent)
		}
	}
}

// TestForeignFilter: a program that is not ours may have processes, code and files, and nothing that reaches beyond its cell.
func TestForeignFilter(t *testing.T) {
	const (
		allow  = uint32(unix.SECCOMP_RET_ALLOW)
		kill   = uint32(unix.SECCOMP_RET_KILL_PROCESS)
		eperm  = errno | uint32(unix.EPERM)
		enosys = errno | uint32(unix.ENOSYS)
	)
	vm, networked := machine(t, foreign(false)), machine(t, foreign(true))
	other := uint32(unix.AUDIT_ARCH_AARCH64)
	if auditArch == other {
		other = unix.AUDIT_ARCH_X86_64
	}
	for _, c := range []struct {
		name     string
		arch, nr uint32
		args     []uint64
		want     uint32
	}{
		{"read", auditArch, unix.SYS_READ, nil, allow},
		{"another architecture", other, unix.SYS_READ, nil, kill},
		{"32 bit", unix.AUDIT_ARCH_I386, 11, nil, kill},
		{"x32", auditArch, 0x40000000, nil, kill},
		{"what is newer", auditArch, unix.SYS_FCHMODAT2 + 1, nil, enosys},
		{"execve", auditArch, unix.SYS_EXECVE, nil, allow},
		{"a process", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, allow},
		{"clone3", auditArch, unix.SYS_CLONE3, nil, enosys},
		{"code", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE}, allow},
		{"memory", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE}, allow},
		{"a shared file", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_SHARED}, allow},
		{"memory that no limit counts", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, eperm},
		{"memory that counts as a stack", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN}, eperm},
		{"memory that no limit counts, as a file", auditArch, unix.SYS_MEMFD_CREATE, nil, eperm},
		{"memory that no limit counts, by SysV", auditArch, unix.SYS_SHMGET, nil, eperm},
		{"memory to code", auditArch, unix.SYS_MPROTECT, []uint64{0, 1, unix.PROT_EXEC}, allow},
		{"wait", auditArch, unix.SYS_WAIT4, nil, allow},
		{"own limits", auditArch, unix.SYS_PRLIMIT64, []uint64{0, 7}, allow},
		{"other's limits", auditArch, unix.SYS_PRLIMIT64, []uint64{2, 7}, eperm},
		{"a pair of sockets", auditArch, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, allow},
		{"a pair of others", auditArch, unix.SYS_SOCKETPAIR, []uint64{unix.AF_TIPC, unix.SOCK_STREAM}, eperm},
		{"a socket", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, eperm},
		{"tcp", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM}, eperm},
		{"which personality", auditArch, unix.SYS_PERSONALITY, []uint64{0xffffffff}, allow},
		{"another personality", auditArch, unix.SYS_PERSONALITY, []uint64{0x0400000}, eperm},
		{"is it a terminal", auditArch, unix.SYS_IOCTL, []uint64{0, unix.TCGETS}, allow},
		{"type into a terminal", auditArch, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, eperm},
		{"another descriptor", auditArch, unix.SYS_FCNTL, []uint64{0, unix.F_DUPFD}, allow},
		{"read at a place", auditArch, unix.SYS_PREADV2, []uint64{0, 0, 1, 0, 0, 0}, allow},
		{"read what is cached", auditArch, unix.SYS_PREADV2, []uint64{0, 0, 1, 0, 0, unix.RWF_NOWAIT}, eperm},
		{"read ahead", auditArch, unix.SYS_FADVISE64, []uint64{0, 0, 0, unix.FADV_WILLNEED}, allow},
		{"drop what is cached", auditArch, unix.SYS_FADVISE64, []uint64{0, 0, 0, unix.FADV_DONTNEED}, eperm},
		{"tell another process", auditArch, unix.SYS_SENDTO, []uint64{0, 0, 1, unix.MSG_NOSIGNAL}, allow},
		{"urgently", auditArch, unix.SYS_SENDTO, []uint64{0, 0, 1, unix.MSG_OOB}, eperm},
		{"a message", auditArch, unix.SYS_SENDMSG, []uint64{0, 0, unix.MSG_NOSIGNAL}, allow},
		{"hear what is urgent", auditArch, unix.SYS_RECVMSG, []uint64{0, 0, unix.MSG_OOB}, eperm},
		{"a buffer", auditArch, unix.SYS_SETSOCKOPT, []uint64{0, unix.SOL_SOCKET, unix.SO_SNDBUF}, allow},
		{"a program in the kernel", auditArch, unix.SYS_SETSOCKOPT, []uint64{0, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}, eperm},
		{"type into a terminal, high half", auditArch, unix.SYS_IOCTL, []uint64{0, 1<<32 | unix.TIOCSTI}, eperm},
	} {
		if got := ask(t, vm, c.arch, c.nr, c.args...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	for _, f := range []uint64{unix.CLONE_NEWNS, unix.CLONE_NEWUTS, unix.CLONE_NEWIPC, unix.CLONE_NEWUSER, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWCGROUP, 1 << 40} {
		if got := ask(t, vm, auditArch, unix.SYS_CLONE, f|uint64(unix.SIGCHLD)); got != eperm {
			t.Errorf("clone with %#x: %#x", f, got)
		}
	}
	for _, nr := range []uint32{unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN,
		unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
		unix.SYS_PROCESS_MADVISE, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP,
		unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_IO_SETUP, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT, unix.SYS_INOTIFY_INIT1,
		unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT, unix.SYS_SWAPON,
		unix.SYS_REBOOT, unix.SYS_SYSLOG, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_VHANGUP,
		unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_SHMAT, unix.SYS_MQ_OPEN, unix.SYS_SECCOMP, unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_MEMFD_SECRET, unix.SYS_MKNODAT, unix.SYS_CAPSET,
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETRESUID, unix.SYS_SETGROUPS, unix.SYS_SETFSUID, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES, unix.SYS_MBIND, unix.SYS_SETXATTR,
		unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_FLOCK, unix.SYS_MINCORE} {
		if got := ask(t, vm, auditArch, nr); got != eperm {
			t.Errorf("call %d: %#x", nr, got)
		}
	}
	for _, c := range []uint64{unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW, unix.F_SETLEASE, unix.F_GETLEASE, unix.F_NOTIFY, unix.F_SET_RW_HINT} {
		if got := ask(t, vm, auditArch, unix.SYS_FCNTL, 0, c); got != eperm {
			t.Errorf("fcntl %d: %#x", c, got)
		}
	}
	for _, o := range []uint64{unix.PR_SET_MM, unix.PR_SET_SECCOMP, unix.PR_SET_DUMPABLE, unix.PR_SET_SECUREBITS, unix.PR_CAP_AMBIENT, unix.PR_CAPBSET_DROP, unix.PR_SET_PTRACER, unix.PR_SET_KEEPCAPS} {
		if got := ask(t, vm, auditArch, unix.SYS_PRCTL, o); got != eperm {
			t.Errorf("prctl %d: %#x", o, got)
		}
	}
	if got := ask(t, networked, auditArch, unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM); got != allow {
		t.Errorf("tcp with a network: %#x", got)
	}
	if got := ask(t, networked, auditArch, unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW); got != eperm {
		t.Errorf("raw with a network: %#x", got)
	}
}
