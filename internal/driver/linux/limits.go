package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Capabilities is what a fabric can hold its processes to. Network, root, capabilities and system calls are always
// confined; these depend on the host.
type Capabilities struct {
	// Memory and Pids are what holds a process to its limits: "cgroup" counts all its children together; "rlimit" counts
	// private memory of each process alone, and processes in the user namespace of its own.
	Memory, Pids string
	// OwnIDs: each process has a host uid that nothing else has. Without it all share the daemon's.
	OwnIDs bool

	groups string // the cgroup directory that jobs are put into
}

func (c *child) capabilities() Capabilities {
	return Capabilities{Memory: "rlimit", Pids: "rlimit", OwnIDs: c.uids > 2}
}

const cgroupRoot = "/sys/fs/cgroup"

// delegated finds a cgroup v2 directory that this process was given with memory and pids in it, moves itself into a leaf
// (a group with controllers for its children may have no processes of its own), and removes what an earlier daemon left.
// Empty: there is none.
func delegated() string {
	var fs unix.Statfs_t
	if os.Geteuid() == 0 || unix.Statfs(cgroupRoot, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return ""
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	path, ok := strings.CutPrefix(strings.TrimSpace(string(own)), "0::")
	if err != nil || !ok || strings.Contains(path, "\n") {
		return ""
	}
	dir := filepath.Join(cgroupRoot, path)
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	names := strings.Fields(string(have))
	if err != nil || !slices.Contains(names, "memory") || !slices.Contains(names, "pids") {
		return ""
	}
	leaf := filepath.Join(dir, "cloister-daemon")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return ""
	}
	if os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0) != nil ||
		os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+memory +pids"), 0) != nil {
		return ""
	}
	old, _ := filepath.Glob(filepath.Join(dir, "cloister-job-*"))
	for _, d := range old {
		os.Remove(d) // fails when somebody is in it: then it isn't a leftover
	}
	return dir
}

// cgroup is one process's group; nil is none.
type cgroup struct {
	dir string
	fd  int
}

func (c Capabilities) cgroup(memory int64, pids int) (*cgroup, error) {
	if c.groups == "" || memory <= 0 && pids <= 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp(c.groups, "cloister-job-")
	if err != nil {
		return nil, err
	}
	set := func(name string, v int64) {
		if err == nil && v > 0 {
			err = os.WriteFile(filepath.Join(dir, name), []byte(strconv.FormatInt(v, 10)), 0)
		}
	}
	set("memory.max", memory)
	set("pids.max", int64(pids))
	if err == nil && memory > 0 { // a limit that can be swapped away is none
		if e := os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = e
		}
	}
	g := &cgroup{dir: dir, fd: -1}
	if err == nil {
		g.fd, err = unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		g.remove()
		return nil, fmt.Errorf("cannot make a cgroup: %w", err)
	}
	return g, nil
}

func (g *cgroup) remove() {
	if g == nil {
		return
	}
	if g.fd >= 0 {
		unix.Close(g.fd)
	}
	os.Remove(g.dir)
}
