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

func machine(t *testing.T, network bool, exe int) *bpf.VM {
	t.Helper()
	var raw []bpf.RawInstruction
	for _, f := range program(network, exe) {
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
		{"memory", auditArch, unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_WRITE}, allow, allow},
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
		if got := ask(t, machine(t, false, 5), c.arch, c.nr, c.args...); got != c.analyser {
			t.Errorf("%s in an analyser: %#x, want %#x", c.name, got, c.analyser)
		}
		if got := ask(t, machine(t, true, 5), c.arch, c.nr, c.args...); got != c.agent {
			t.Errorf("%s in an agent: %#x, want %#x", c.name, got, c.agent)
		}
	}
}
