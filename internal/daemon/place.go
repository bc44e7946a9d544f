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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
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

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) release() { p.lock.Close() }

// giveTo makes everything in the directory the property of the user that root is about to become. Links are not followed.
func (p *place) giveTo(uid, gid int) error {
	return filepath.WalkDir(p.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// write puts a small file into the directory: whole or not at all.
func (p *place) write(name string, b []byte, mode os.FileMode) error {
	tmp := p.path("." + name + ".new")
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return os.Rename(tmp, p.path(name))
}
