package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// unfinished begins the name of a folder that is being filled.
const unfinished = ".new-"

// Keep unpacks images into folders of dir named by their digests (see Folder), those that are not there yet, and removes everything else: images that
// are used no more, and what was half unpacked when a daemon died. A folder that has its name is whole, and on the disk.
func Keep(ctx context.Context, dir string, all []*Image) error {
	return keep(ctx, dir, all, usual)
}

// Folder is the name of an image's folder.
func Folder(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func keep(ctx context.Context, dir string, all []*Image, b bounds) error {
	wanted := map[string]bool{}
	for _, m := range all {
		if !isDigest(m.Digest) {
			return fmt.Errorf("cannot keep the image %s: it has no digest", m.Name)
		}
		wanted[Folder(m.Digest)] = true
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot read the folder of images: %w", err)
	}
	for _, e := range have {
		if !wanted[e.Name()] {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("cannot remove an image that is used no more: %w", err)
			}
		}
	}
	for _, m := range all {
		if err := m.keep(ctx, dir, b); err != nil {
			return fmt.Errorf("cannot unpack the image %s: %w", m.Name, err)
		}
	}
	return nil
}

func (m *Image) keep(ctx context.Context, dir string, b bounds) (err error) {
	final := filepath.Join(dir, Folder(m.Digest))
	if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp := filepath.Join(dir, unfinished+Folder(m.Digest))
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(tmp)
		}
	}()
	root, err := os.OpenRoot(tmp)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Chmod(".", 0o755); err != nil { // whatever the umask is
		return err
	}
	if err := m.unpack(ctx, root, b); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	return d.Sync()
}
