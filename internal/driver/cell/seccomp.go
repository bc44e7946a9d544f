package cell

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter admits what a Go program needs to compute, to read and write its descriptors and, with a network, to use
// TCP and UDP over IPv4. All else is EPERM; another architecture's numbers end the process.

// Offsets in struct seccomp_data; arguments are 64 bit, little endian on both architectures.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// test is a condition on the low 32 bits of one argument; the high ones must be zero unless loose.
type test struct {
	arg   int
	any   []uint32 // one of these
	mask  uint32   // of the bits that are looked at; 0: all
	loose bool     // the argument is an int: the kernel ignores the high half
}

// call is an admitted system call; all tests must hold.
type call struct {
	nr    uintptr
	tests []test
}

func plain() []uintptr {
	return []uintptr{
		// memory, but for what is executable (see filtered)
		unix.SYS_MUNMAP, unix.SYS_BRK, unix.SYS_MADVISE, unix.SYS_MREMAP, unix.SYS_MEMBARRIER,
		// threads, signals, time
		unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_TGKILL, unix.SYS_RESTART_SYSCALL,
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
		unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETRANDOM,
		// who am I
		unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
		unix.SYS_UNAME, unix.SYS_GETRLIMIT, unix.SYS_GETRUSAGE, unix.SYS_SYSINFO, unix.SYS_CAPGET, unix.SYS_GETCPU,
		// descriptors
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_LSEEK, unix.SYS_CLOSE,
		unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_FSTAT, unix.SYS_FSTATFS, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
		unix.SYS_SENDFILE, unix.SYS_SPLICE, unix.SYS_COPY_FILE_RANGE, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
		unix.SYS_EVENTFD2, unix.SYS_PPOLL,
		// files: the root is read-only, /tmp is a scratch without execution
		unix.SYS_OPENAT, unix.SYS_GETDENTS64, unix.SYS_READLINKAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_STATX, unix.SYS_GETCWD,
		unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_RENAMEAT, unix.SYS_FCHMOD, unix.SYS_UMASK,
	}
}

// described is what fcntl may do: nothing that stays with the file. Locks, leases, hints and news of a file are those of everybody who has it open, and cells
// share files: /dev/null with the whole host, an image's with the other cells of that image. What one leaves there another could read.
var described = call{unix.SYS_FCNTL, []test{{arg: 1, any: []uint32{unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_GETPIPE_SZ,
	unix.F_SETPIPE_SZ}, loose: true}}}

// mapped are the bits of mmap's flags that filters look at. MAP_GROWSDOWN is in none: the kernel counts such memory as a stack, and not as data.
const mapped = unix.MAP_TYPE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN

func filtered(exe int) []call {
	noExec := []test{{arg: 2, any: []uint32{0}, mask: unix.PROT_EXEC, loose: true}}
	self := []test{{arg: 0, any: []uint32{0}, loose: true}}
	return []call{
		described,
		{unix.SYS_MMAP, append(slices.Clone(noExec), test{arg: 3, any: []uint32{unix.MAP_PRIVATE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, unix.MAP_DROPPABLE | unix.MAP_ANONYMOUS}, mask: mapped, loose: true})},
		{unix.SYS_MPROTECT, noExec},
		{unix.SYS_CLONE, []test{{arg: 0, any: []uint32{unix.CLONE_THREAD}, mask: unix.CLONE_THREAD}}}, // threads, no processes
		{unix.SYS_PRLIMIT64, self},
		{unix.SYS_PRCTL, []test{{arg: 0, any: []uint32{unix.PR_SET_NAME, unix.PR_SET_VMA, unix.PR_GET_SECCOMP,
			unix.PR_GET_NO_NEW_PRIVS, unix.PR_CAPBSET_READ, unix.PR_GET_SECUREBITS, unix.PR_GET_PDEATHSIG}, loose: true}}},
		// The one execution: of the program itself, by the process that installs this. Afterwards the number is free,
		// but nothing that could be opened under it may be executed.
		{unix.SYS_EXECVEAT, []test{{arg: 0, any: []uint32{uint32(exe)}, loose: true}, {arg: 4, any: []uint32{unix.AT_EMPTY_PATH}, loose: true}}},
	}
}

func networked() []call {
	out := []call{{unix.SYS_SOCKET, []test{
		{arg: 0, any: []uint32{unix.AF_INET}, loose: true},
		{arg: 1, any: []uint32{unix.SOCK_STREAM, unix.SOCK_DGRAM}, mask: 0xf, loose: true},
		{arg: 2, any: []uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP}, loose: true},
	}}}
	for _, nr := range []uintptr{unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
		unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN} {
		out = append(out, call{nr: nr})
	}
	return out
}

func ret(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
func load(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
}
func jump(code uint16, k uint32, jt, jf uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, K: k, Jt: jt, Jf: jf}
}

const errno = unix.SECCOMP_RET_ERRNO

// program compiles the filter of our own programs. exe is the descriptor of the program that is executed once.
func program(network bool, exe int) []unix.SockFilter {
	calls := filtered(exe)
	if network {
		calls = append(calls, networked()...)
	}
	return end(append(begin(), admit(append(plain(), legacy()...))...), calls)
}

// begin loads the number of a call of this architecture.
func begin() []unix.SockFilter {
	return []unix.SockFilter{
		load(offArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(offNr),
		jump(unix.BPF_JGE, 0x40000000, 0, 1), // x32 numbers; none lie there elsewhere
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		// A C library falls back from clone3, whose flags a filter can't read, to clone.
		jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1),
		ret(errno | uint32(unix.ENOSYS)),
	}
}

func admit(all []uintptr) (p []unix.SockFilter) {
	for _, nr := range all {
		p = append(p, jump(unix.BPF_JEQ, uint32(nr), 0, 1), ret(unix.SECCOMP_RET_ALLOW))
	}
	return p
}

// end decides the calls that have tests, and refuses the rest.
func end(p []unix.SockFilter, calls []call) []unix.SockFilter {
	for _, c := range calls {
		p = append(p, c.compile()...)
	}
	return append(p, ret(errno|uint32(unix.EPERM)))
}

// compile gives a block that falls through when the number is another, and decides when it is this one.
func (c call) compile() []unix.SockFilter {
	var body []unix.SockFilter
	for _, t := range c.tests {
		if !t.loose {
			body = append(body, load(uint32(offArgs+8*t.arg+4)), jump(unix.BPF_JEQ, 0, 1, 0), ret(errno|uint32(unix.EPERM)))
		}
		body = append(body, load(uint32(offArgs+8*t.arg)))
		if t.mask != 0 {
			body = append(body, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: t.mask})
		}
		for i, v := range t.any {
			body = append(body, jump(unix.BPF_JEQ, v, uint8(len(t.any)-i), 0)) // over the refusal
		}
		body = append(body, ret(errno|uint32(unix.EPERM)))
	}
	body = append(body, ret(unix.SECCOMP_RET_ALLOW))
	return append([]unix.SockFilter{jump(unix.BPF_JEQ, uint32(c.nr), 0, uint8(len(body)))}, body...)
}

// install puts the filter onto all threads.
func install(p []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return e
	}
	return nil
}
