package linux

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Range is a run of host ids: user and group ids Base to Base+Size-1.
type Range struct{ Base, Size int }

const rangeSize = 1 << 16

// PickRange finds 65,536 host ids from 231072 on that no line of /etc/subuid, /etc/subgid, /etc/passwd or /etc/group
// names. The choice is the same at every start as long as those files are.
func PickRange() (Range, error) {
	var taken []Range
	for _, p := range []string{"/etc/subuid", "/etc/subgid"} {
		taken = append(taken, idsOf(p, true)...)
	}
	for _, p := range []string{"/etc/passwd", "/etc/group"} {
		taken = append(taken, idsOf(p, false)...)
	}
	return freeRange(taken)
}

func freeRange(taken []Range) (Range, error) {
next:
	for base := 231072; base < 1<<31-rangeSize; base += rangeSize {
		for _, t := range taken {
			if t.Base < base+rangeSize && base < t.Base+t.Size {
				continue next
			}
		}
		return Range{base, rangeSize}, nil
	}
	return Range{}, errors.New("no free range of 65536 ids")
}

// idsOf reads name:start:count lines when ranged, else name:x:id. A file that isn't there names nothing.
func idsOf(path string, ranged bool) []Range {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []Range
	for s := bufio.NewScanner(f); s.Scan(); {
		p := strings.Split(s.Text(), ":")
		if len(p) < 3 {
			continue
		}
		r := Range{Size: 1}
		at := 2
		if ranged {
			at = 1
			if r.Size, err = strconv.Atoi(p[2]); err != nil {
				continue
			}
		}
		if r.Base, err = strconv.Atoi(p[at]); err != nil {
			continue
		}
		out = append(out, r)
	}
	return out
}

const fabricFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// identity says as whom the child runs: never as the host's root.
func identity(m Range) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Cloneflags: fabricFlags, Pdeathsig: syscall.SIGKILL, Setsid: true}
	if uid := os.Geteuid(); uid != 0 {
		if m != (Range{}) && m != (Range{uid, 1}) {
			return nil, errors.New("a range of ids needs root")
		}
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		return attr, nil
	}
	if m == (Range{}) {
		var err error
		if m, err = PickRange(); err != nil {
			return nil, err
		}
	}
	if m.Base <= 0 || m.Size < 1 {
		return nil, fmt.Errorf("the range %d:%d contains the host's root", m.Base, m.Size)
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: m.Base, Size: m.Size}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: m.Base, Size: m.Size}}
	// Without a credential the child stays an unmapped id and has no capability after exec. Root's supplementary groups
	// would open root's files: they are laid down here.
	attr.GidMappingsEnableSetgroups = true
	attr.Credential = &syscall.Credential{Uid: 0, Gid: 0, Groups: []uint32{}}
	return attr, nil
}

// Drop gives root up for good: no supplementary groups, gid and uid on every thread, no core dumps. It is for a daemon
// that root started, after Start. Errors: not root, ids that aren't unprivileged, or root could be had back.
func Drop(uid, gid int) error {
	if uid <= 0 || gid <= 0 {
		return fmt.Errorf("cannot drop to %d:%d: that is root", uid, gid)
	}
	if os.Geteuid() != 0 {
		return errors.New("cannot drop privileges: not root")
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot turn core dumps off: %w", err)
	}
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("cannot drop groups: %w", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("cannot drop to group %d: %w", gid, err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("cannot drop to user %d: %w", uid, err)
	}
	if syscall.Setresuid(-1, 0, -1) == nil || syscall.Setresgid(-1, 0, -1) == nil {
		return errors.New("cannot drop privileges: root could be had back")
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot turn core dumps off: %w", err)
	}
	if os.Geteuid() != uid || os.Getegid() != gid {
		return errors.New("cannot drop privileges: the ids did not change")
	}
	return nil
}
