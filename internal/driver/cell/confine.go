package cell

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arg0 is argv[0] of a process that is about to confine itself.
const arg0 = "cloister-cell"

// confinement is what such a process is told in argv[1].
type confinement struct {
	Name        string
	Network     bool
	Root, Dir   string
	Argv        []string
	Env         []string // of a program in Root
	Files       int
	Tmp         int64
	Nameservers []netip.Addr
	Search      []string
	Memory      int64
	Pids        int
	FileSize    int64
}

// Main is called first in main, after the fabric's. In a process that is to become a cell it raises the walls and
// becomes the program inside; it never returns there. Elsewhere it does nothing.
func Main() {
	if len(os.Args) != 2 || os.Args[0] != arg0 {
		return
	}
	runtime.LockOSThread() // capabilities belong to a thread: this one executes the program
	err := func() error {
		var c confinement
		if err := json.Unmarshal([]byte(os.Args[1]), &c); err != nil {
			return err
		}
		return c.enter()
	}()
	fmt.Fprintln(os.Stderr, "cloister-cell:", err)
	os.Exit(126)
}

// enter raises the walls from the outside in: what needs a capability comes before they are dropped, and the filter that
// forbids the calls of all other steps comes last.
func (c confinement) enter() error {
	exe := 3 + c.Files
	root, filter := c.root, program(c.Network, exe)
	if c.Root != "" {
		root, filter = c.image, foreign(c.Network)
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"die with the fabric", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
		{"make a root", root},
		{"take a name", func() error { return unix.Sethostname([]byte(c.hostname())) }},
		{"set limits", c.limit},
		{"close descriptors", func() error { return unix.CloseRange(uint(exe), ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC) }},
		{"drop capabilities", dropAll},
		{"filter system calls", func() error { return install(filter) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("cannot %s: %w", step.what, err)
		}
	}
	if c.Root != "" {
		if err := await(); err != nil {
			return fmt.Errorf("cannot have the standard descriptors wait: %w", err)
		}
		return fmt.Errorf("cannot become %s: %w", c.Argv[0], c.run())
	}
	return fmt.Errorf("cannot become %s: %w", c.Argv[0], become(exe, c.Argv, os.Environ()))
}

func (c confinement) hostname() string {
	if c.Name == "" {
		return "cell"
	}
	return c.Name[:min(len(c.Name), 63)]
}

// resolv is the resolver's configuration.
func (c confinement) resolv() string {
	var b strings.Builder
	for _, a := range c.Nameservers {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	if len(c.Search) > 0 {
		b.WriteString("search " + strings.Join(c.Search, " ") + "\n")
	}
	b.WriteString("options timeout:2 attempts:3\n")
	return b.String()
}

// root builds an empty tree and moves into it.
func (c confinement) root() error {
	const at = "/proc" // a directory that is there; this mount namespace is our own
	const strict = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	unix.Umask(0)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("cell", at, "tmpfs", strict, "size=64k,nr_inodes=32,mode=0755"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	for _, d := range []string{"dev", "etc", "tmp"} {
		if err := unix.Mkdir(filepath.Join(at, d), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{"dev/null": "", "etc/hosts": "127.0.0.1 localhost\n"}
	if len(c.Nameservers) > 0 {
		files["etc/resolv.conf"] = c.resolv()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o444); err != nil {
			return err
		}
	}
	if err := unix.Mount("/dev/null", at+"/dev/null", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("/dev/null: %w", err)
	}
	if c.Tmp > 0 {
		if err := unix.Mount("scratch", at+"/tmp", "tmpfs", strict, fmt.Sprintf("size=%d,nr_inodes=4096,mode=0700", c.Tmp)); err != nil {
			return fmt.Errorf("/tmp: %w", err)
		}
	}
	if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_RDONLY|strict, "size=64k,nr_inodes=32,mode=0755"); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|strict, ""); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	return enterRoot(at)
}

// enterRoot makes a mount the root. The old one is detached: no path leads back.
func enterRoot(at string) error {
	if err := unix.Chdir(at); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	return unix.Chdir("/")
}

// goOverhead is what a Go program maps besides its heap: arenas are mapped in blocks of 64 MiB before they are used.
const goOverhead = 256 << 20

// descriptors: a stranger may load many libraries, and tell processes of its own by pipes.
func (c confinement) descriptors() uint64 {
	if c.Root != "" {
		return 1024
	}
	return 256
}

// limit sets what the kernel counts without cgroups.
func (c confinement) limit() error {
	all := []struct {
		what int
		to   uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, c.descriptors()},
		{unix.RLIMIT_NPROC, uint64(c.Pids)},
		{unix.RLIMIT_MEMLOCK, 0},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_STACK, 8 << 20},
	}
	for _, l := range all {
		if err := lower(l.what, l.to); err != nil {
			return err
		}
	}
	if c.FileSize > 0 {
		if err := lower(unix.RLIMIT_FSIZE, uint64(c.FileSize)); err != nil {
			return err
		}
	}
	if c.Memory > 0 {
		return lower(unix.RLIMIT_DATA, uint64(c.Memory)+goOverhead)
	}
	return nil
}

// lower never raises a limit that the host set.
func lower(what int, to uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(what, &l); err != nil {
		return err
	}
	l.Max = min(l.Max, to)
	l.Cur = l.Max
	return unix.Prlimit(0, what, &l, nil)
}

// Securebits: uid 0 means nothing, neither at exec nor at setuid, and no capability can be raised; all locked.
const securebits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

func dropAll() error {
	for c := uintptr(0); c < 64; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL {
			break // beyond the kernel's last
		}
		if err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, securebits, 0, 0, 0); err != nil {
		return err
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// become executes the program that a descriptor names: inside there is no path to it.
func become(fd int, argv, env []string) error {
	empty, err := unix.BytePtrFromString("")
	if err != nil {
		return err
	}
	av, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	ev, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	for {
		_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&av[0])),
			uintptr(unsafe.Pointer(&ev[0])), unix.AT_EMPTY_PATH, 0)
		if e != unix.EAGAIN && e != unix.EINTR { // EAGAIN: another thread was just being made
			return e
		}
	}
}
