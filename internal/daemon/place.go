package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// place is the data directory, held by this process alone.
type place struct {
	dir  string
	lock *os.File
}

// hold makes the directory when it is missing and locks it; a second daemon on this host is told so at once.
func hold(dir string) (*place, error) {
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	if err := ours(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another daemon holds %s", dir)
		}
		return nil, fmt.Errorf("cannot lock the data directory: %w", err)
	}
	return &place{dir, f}, nil
}

// private makes a directory for its owner alone, when it is missing. Parents that it makes let others pass, since root
// becomes one of them.
func private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// ours refuses a directory in which somebody else keeps things: root would give all of them to the daemon's user.
func ours(dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot read the data directory: %w", err)
	}
	other := ""
	for _, e := range all {
		switch {
		case e.Name() == "lock" && e.Type().IsRegular(): // the first thing that any daemon puts there
			return nil
		case e.Name() != "lost+found": // of a file system that is the directory's own
			other = e.Name()
		}
	}
	if other != "" {
		return fmt.Errorf("%s is no data directory: it holds %s and no lock of a daemon; name an empty or new one", dir, other)
	}
	return nil
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) release() { p.lock.Close() }

// giveTo makes everything in the directory the property of the user that root is about to become. No link is followed,
// whatever is swapped for one meanwhile.
func (p *place) giveTo(uid, gid int) error {
	r, err := os.OpenRoot(p.dir)
	if err != nil {
		return err
	}
	defer r.Close()
	return fs.WalkDir(r.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return r.Lchown(path, uid, gid)
	})
}

// reach says whether the user that root became can walk to the directory: its parents are not the daemon's to change.
func (p *place) reach(uid int) error {
	if _, err := os.Stat(p.path("lock")); err != nil {
		return fmt.Errorf("cannot enter the data directory as user %d, which a daemon started by root becomes: let others pass its parents (chmod o+x) or choose another with -data: %w", uid, err)
	}
	return nil
}

// write puts a small file into the directory: whole or not at all.
func (p *place) write(name string, b []byte, mode os.FileMode) error {
	tmp := p.path("." + name + ".new")
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return os.Rename(tmp, p.path(name))
}
