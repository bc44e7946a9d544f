package cell

import "golang.org/x/sys/unix"

// newest is the highest number that this filter was written for. A C library tries newer calls and falls back when there are none.
const newest = unix.SYS_FCHMODAT2

// namespaces are the flags of clone that make one. That of time namespaces is clone3's alone.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// stranger is what programs need besides that use processes, a C library and files.
func stranger() []uintptr {
	return []uintptr{
		// processes and their signals: there are none but its own
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGSUSPEND,
		unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_SIGNALFD4, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL,
		unix.SYS_SETPGID, unix.SYS_GETPGID, unix.SYS_SETSID, unix.SYS_GETSID, unix.SYS_GETGROUPS, unix.SYS_GETRESUID, unix.SYS_GETRESGID,
		unix.SYS_GETPRIORITY, unix.SYS_SETPRIORITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER,
		unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_SETRLIMIT, unix.SYS_TIMES,
		// memory that may be code; what is shared without a file is not counted by any limit of a process: see mmap
		unix.SYS_MPROTECT, unix.SYS_MSYNC, unix.SYS_MLOCK, unix.SYS_MUNLOCK, unix.SYS_PKEY_ALLOC, unix.SYS_PKEY_FREE, unix.SYS_PKEY_MPROTECT,
		// waiting
		unix.SYS_GETITIMER, unix.SYS_TIMER_GETTIME, unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMERFD_CREATE, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMERFD_GETTIME,
		unix.SYS_PSELECT6, unix.SYS_EPOLL_PWAIT2, unix.SYS_FUTEX_WAITV, unix.SYS_GET_ROBUST_LIST,
		// descriptors
		unix.SYS_CLOSE_RANGE, unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_TEE, unix.SYS_VMSPLICE,
		unix.SYS_FALLOCATE, unix.SYS_SYNC_FILE_RANGE, unix.SYS_READAHEAD,
		// files: the root is read-only, /tmp is a scratch without execution
		unix.SYS_OPENAT2, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_STATFS, unix.SYS_TRUNCATE, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2,
		unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT,
		// a pair of sockets between its own processes
		unix.SYS_SHUTDOWN, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	}
}

func strangerFiltered() []call {
	const private, shared, both, anonymous = unix.MAP_PRIVATE, unix.MAP_SHARED, unix.MAP_SHARED_VALIDATE, unix.MAP_ANONYMOUS
	noUrgent := func(flags int) []test { return []test{{arg: flags, any: []uint32{0}, mask: unix.MSG_OOB, loose: true}} }
	plainly := []test{{arg: 5, any: []uint32{0}, loose: true}} // RWF_NOWAIT tells what is cached, RWF_DONTCACHE drops it: of files that others have too
	return []call{
		described,
		{unix.SYS_CLONE, []test{{arg: 0, any: []uint32{0}, mask: namespaces}}},
		{unix.SYS_MMAP, []test{{arg: 3, any: []uint32{private, private | anonymous, unix.MAP_DROPPABLE | anonymous, shared, both}, mask: mapped, loose: true}}},
		{unix.SYS_PREADV2, plainly},
		{unix.SYS_PWRITEV2, plainly},
		{unix.SYS_FADVISE64, []test{{arg: 3, any: []uint32{unix.FADV_NORMAL, unix.FADV_RANDOM, unix.FADV_SEQUENTIAL, unix.FADV_WILLNEED, unix.FADV_NOREUSE}, loose: true}}}, // not DONTNEED
		{unix.SYS_SENDTO, noUrgent(3)},
		{unix.SYS_RECVFROM, noUrgent(3)},
		{unix.SYS_SENDMSG, noUrgent(2)},
		{unix.SYS_RECVMSG, noUrgent(2)},
		{unix.SYS_SETSOCKOPT, []test{{arg: 1, any: []uint32{unix.SOL_SOCKET}, loose: true}, {arg: 2, any: []uint32{unix.SO_SNDBUF, unix.SO_RCVBUF, unix.SO_REUSEADDR, unix.SO_KEEPALIVE,
			unix.SO_LINGER, unix.SO_PASSCRED, unix.SO_RCVTIMEO, unix.SO_SNDTIMEO}, loose: true}}}, // no programs for the kernel
		{unix.SYS_PRLIMIT64, []test{{arg: 0, any: []uint32{0}, loose: true}}},
		{unix.SYS_SOCKETPAIR, []test{{arg: 0, any: []uint32{unix.AF_UNIX}, loose: true}}},
		{unix.SYS_PERSONALITY, []test{{arg: 0, any: []uint32{0xffffffff}, loose: true}}}, // asks which it has
		{unix.SYS_IOCTL, []test{{arg: 1, any: []uint32{unix.TCGETS, unix.TIOCGWINSZ, unix.TIOCINQ, fionbio, fioclex, fionclex}, loose: true}}},
		{unix.SYS_PRCTL, []test{{arg: 0, any: []uint32{unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_GET_DUMPABLE, unix.PR_GET_SECCOMP, unix.PR_SET_NO_NEW_PRIVS,
			unix.PR_GET_NO_NEW_PRIVS, unix.PR_CAPBSET_READ, unix.PR_GET_SECUREBITS, unix.PR_GET_KEEPCAPS, unix.PR_SET_PDEATHSIG, unix.PR_GET_PDEATHSIG,
			unix.PR_SET_CHILD_SUBREAPER, unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK}, loose: true}}},
	}
}

// Requests of ioctl, the same on both architectures.
const (
	fionbio  = 0x5421
	fionclex = 0x5450
	fioclex  = 0x5451
)

// foreign compiles the filter of a program that is not ours: processes, code that it loads or makes, a C library's ways. What could reach beyond
// the cell or change its walls is EPERM like everything else: namespaces, mounts, tracing, other processes' memory, keys, BPF, counters,
// user faults, rings, handles of files, modules, quotas, clocks, SysV and POSIX messages, and sockets unless there is a network.
func foreign(network bool) []unix.SockFilter {
	p := begin()
	p = append(p, jump(unix.BPF_JGT, newest, 0, 1), ret(errno|uint32(unix.ENOSYS)))
	for _, all := range [][]uintptr{plain(), legacy(), stranger(), strangerLegacy()} {
		p = append(p, admit(all)...)
	}
	calls := strangerFiltered()
	if network {
		calls = append(calls, networked()...)
	}
	return end(p, calls)
}
