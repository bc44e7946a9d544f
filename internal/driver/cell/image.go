package cell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// devices that a stranger finds, the host's own: none keeps anything. Not zero: what is mapped of it and shared is memory that no limit of a process counts.
var devices = []string{"null", "full", "random", "urandom"}

// image makes a folder the root: read-only, without setuid and devices, whatever flags its mount has kept. Only /dev and /tmp are the cell's own;
// both must be folders there.
func (c confinement) image() error {
	const at = "/proc" // a directory that is there; this mount namespace is our own
	const strict = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	unix.Umask(0)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount(c.Root, at, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("the image's folder: %w", err)
	}
	for _, d := range []string{"dev", "tmp"} { // a link would lead the mount away
		st, err := os.Lstat(filepath.Join(at, d))
		if err == nil && !st.IsDir() {
			err = errors.New("no folder")
		}
		if err != nil {
			return fmt.Errorf("/%s of the image: %w", d, err)
		}
	}
	if err := unix.Mount("dev", at+"/dev", "tmpfs", strict, "size=64k,nr_inodes=32,mode=0755"); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, d := range devices {
		p := filepath.Join(at, "dev", d)
		if err := os.WriteFile(p, nil, 0o444); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+d, p, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
		// It may still be written, but its times are the host's.
		if err := unix.MountSetattr(unix.AT_FDCWD, p, unix.AT_SYMLINK_NOFOLLOW, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("/dev/%s read-only: %w", d, err)
		}
	}
	if c.Tmp > 0 {
		if err := unix.Symlink("/tmp", at+"/dev/shm"); err != nil { // where C libraries look for shared memory
			return err
		}
		if err := unix.Mount("scratch", at+"/tmp", "tmpfs", strict, fmt.Sprintf("size=%d,nr_inodes=16384,mode=1777", c.Tmp)); err != nil {
			return fmt.Errorf("/tmp: %w", err)
		}
	}
	for _, m := range []struct {
		path string
		add  uint64
	}{{at + "/dev", unix.MOUNT_ATTR_RDONLY}, {at, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}} {
		// Flags that are locked from outside stay: this only adds.
		if err := unix.MountSetattr(unix.AT_FDCWD, m.path, unix.AT_SYMLINK_NOFOLLOW, &unix.MountAttr{Attr_set: m.add}); err != nil {
			return fmt.Errorf("read-only: %w", err)
		}
	}
	return enterRoot(at)
}

// await lets reads and writes of the standard descriptors wait, as programs expect it. Go makes pipes that don't.
func await() error {
	for fd := range uintptr(3) {
		f, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err == nil && f&unix.O_NONBLOCK != 0 {
			_, err = unix.FcntlInt(fd, unix.F_SETFL, f&^unix.O_NONBLOCK)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run becomes the program in the root that was entered.
func (c confinement) run() error {
	if c.Dir != "" {
		if err := unix.Chdir(c.Dir); err != nil {
			return fmt.Errorf("its directory %s: %w", c.Dir, err)
		}
	}
	path, err := c.find(c.Argv[0])
	if err != nil {
		return err
	}
	for {
		err := syscall.Exec(path, c.Argv, c.Env)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) { // EAGAIN: another thread was just being made
			return err
		}
	}
}

// usualPath is where programs are looked for when the environment does not say it.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find looks for a program as execvp does.
func (c confinement) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	where := usualPath
	for _, e := range c.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			where = v
			break
		}
	}
	for _, d := range filepath.SplitList(where) {
		p := filepath.Join(d, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("not in %s: %w", where, fs.ErrNotExist)
}
