package linux

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// NoCore turns core dumps to files off, for this process and all that it starts. A core_pattern that pipes does not ask: see
// Undumpable.
func NoCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("cannot turn core dumps off: %w", err)
	}
	return nil
}

// Undumpable keeps this process's memory from core dumps of every kind, and from debuggers and /proc/PID/mem of its own user.
// For a user it must come after Start: the map of ids of a new namespace could not be written any more.
func Undumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot turn core dumps off: %w", err)
	}
	return nil
}

// LockMemory keeps all memory of this process from swap, pages that it will touch later too. It needs root's CAP_IPC_LOCK or an
// unlimited RLIMIT_MEMLOCK: under a limit the allocator would run into it and the process would die, so then it answers false and
// locks nothing. Children do not inherit it. It must come after Start, so that they do not inherit root's limit either.
func LockMemory() (bool, error) {
	all := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &all)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		var have unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &have); err != nil || have.Cur != unix.RLIM_INFINITY {
			return false, err
		}
		err = nil
	}
	if err != nil {
		return false, err
	}
	err = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	return err == nil, err
}
