// Package disk keeps blobs, bytes under an id, in a directory of the local file system. A blob is written once, whole and
// synced before anybody hears of its id, and no byte leaves that has not been checked against the checksum of its block.
//
// Blobs lie as they come, under modes 0700 and 0600; what seals them is the layer above.
//
// Layout: DIR/lock is held while the directory is open; DIR/data/xx/ID holds a blob, where xx are the first two digits of its id. A blob is
// written under its own name: the sync of a new file brings its name to the disk along with its bytes, where a rename would cost a second
// journal commit. What a crash leaves half written has an id that nobody was told; Sweep removes it.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

// ErrBusy is returned by Open when another process holds the directory.
var ErrBusy = errors.New("disk: directory is in use by another process")

// Disk is an open directory of blobs. It is safe for concurrent use.
type Disk struct {
	dir  string
	lock *os.File
	bufs sync.Pool // *blob.Buffer
}

// Open takes the directory, and makes it if it is absent (its parent must exist). ErrBusy if another process has it.
func Open(dir string) (*Disk, error) {
	d := &Disk{dir: dir, bufs: sync.Pool{New: func() any { return new(blob.Buffer) }}}
	if err := d.open(); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("cannot open blob directory %s: %w", dir, err)
	}
	return d, nil
}

func (d *Disk) open() error {
	for _, p := range []string{d.dir, d.path("data")} {
		if err := os.Mkdir(p, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := os.Chmod(d.dir, 0o700); err != nil {
		return err
	}
	var err error
	if d.lock, err = os.OpenFile(d.path("lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err = syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	} else if err != nil {
		return err
	}
	for i := range 256 {
		if err = os.Mkdir(d.path("data", fmt.Sprintf("%02x", i)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// The fan-out is made once and synced here, so that a later blob needs its own directory synced and no other.
	for _, p := range []string{d.path("data"), d.dir, filepath.Dir(d.dir)} {
		if err := syncDir(p); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the directory back. Readers that are open stay readable.
func (d *Disk) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

// Write makes the blob id from what fill writes. When Write returns nil the blob is whole and durable; on any error, also
// one of fill's (returned as it is, maybe wrapped), nothing is left under the id. An id that exists is an error, for a blob never
// changes. A full disk is store.ErrFull. Memory: one block, whatever the size.
func (d *Disk) Write(ctx context.Context, id string, fill func(io.Writer) error) (err error) {
	if err := blob.Check(id); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot write blob %s: %w", id, full(err))
		}
	}()
	name := d.file(id)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(name)
		}
	}()
	buf := d.bufs.Get().(*blob.Buffer)
	defer d.bufs.Put(buf)
	w := blob.NewWriter(alive{ctx, f}, id, buf)
	if err = fill(w); err != nil {
		return err
	}
	if err = w.Finish(); err != nil { // also what fill may have swallowed
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = ctx.Err(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// Open reads the blob id; store.ErrNotFound if there is none, *blob.Corrupt if its head is not what was written. Each block is
// checked before any of it is given out.
func (d *Disk) Open(_ context.Context, id string) (io.ReadSeekCloser, error) {
	if err := blob.Check(id); err != nil {
		return nil, err
	}
	f, err := os.Open(d.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read blob %s: %w", id, store.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("cannot read blob %s: %w", id, err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot read blob %s: %w", id, err)
	}
	buf := d.bufs.Get().(*blob.Buffer)
	give := func(b *blob.Buffer) { d.bufs.Put(b) }
	r, err := blob.Open(f, id, st.Size(), buf, give)
	if err != nil {
		give(buf)
		_ = f.Close()
		return nil, err
	}
	return r, nil
}

// Remove deletes the blob id; it is no error if there is none. The deletion need not be durable: Sweep finds what comes back.
func (d *Disk) Remove(_ context.Context, id string) error {
	if err := blob.Check(id); err != nil {
		return err
	}
	if err := os.Remove(d.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove blob %s: %w", id, err)
	}
	return nil
}

// Sweep removes every blob that known denies and says how many they were. Call it before the first Write: a blob is not
// known between its Write and its index row. Files that are no blobs are left alone and reported as an error.
func (d *Disk) Sweep(known func(id string) (bool, error)) (removed int, err error) {
	var strange []error
	for i := range 256 {
		fan := fmt.Sprintf("%02x", i)
		files, err := os.ReadDir(d.path("data", fan))
		if err != nil {
			return removed, fmt.Errorf("cannot sweep: %w", err)
		}
		for _, e := range files {
			id := e.Name()
			if blob.Check(id) != nil || id[:2] != fan || !e.Type().IsRegular() {
				strange = append(strange, fmt.Errorf("cannot sweep %s: not a blob", d.path("data", fan, id)))
				continue
			}
			ok, err := known(id)
			if err != nil {
				return removed, fmt.Errorf("cannot sweep blob %s: %w", id, err)
			}
			if ok {
				continue
			}
			if err := os.Remove(d.file(id)); err != nil {
				return removed, fmt.Errorf("cannot sweep blob %s: %w", id, err)
			}
			removed++
		}
	}
	return removed, errors.Join(strange...)
}

func (d *Disk) path(p ...string) string { return filepath.Join(append([]string{d.dir}, p...)...) }
func (d *Disk) file(id string) string   { return d.path("data", id[:2], id) }

func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}

func syncDir(p string) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// alive writes while somebody waits for it.
type alive struct {
	ctx context.Context
	f   *os.File
}

func (a alive) Write(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.f.Write(p)
}
