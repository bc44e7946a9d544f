package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// bounds of one unpacked image.
type bounds struct {
	bytes   int64 // of all files that its layers write, and as much of their archives
	entries int   // files, folders and links that its layers write
}

var usual = bounds{32 << 30, 1_000_000}

// Bounds of a path. What is deeper could be unpacked, but neither reached in a cell nor removed with the descriptors of a process.
const (
	pathMax  = 4095
	partsMax = 256
)

// unpacker applies layers to a folder.
type unpacker struct {
	place
	left  bounds
	holes int64           // bytes that files may have yet, what no archive holds among them
	mine  map[string]bool // what this layer wrote, and the folders above it
}

// unpack writes an image's files below root, layer by layer. Modes are levelled: everything may be read, what somebody may execute everybody may, and
// nothing else of them is kept; no owners, no times, no extended attributes, no devices.
func (m *Image) unpack(ctx context.Context, root *os.Root, b bounds) error {
	u := &unpacker{place: place{root}, left: b, holes: b.bytes}
	for i, l := range m.layers {
		if err := u.layer(ctx, m.src, l); err != nil {
			return fmt.Errorf("layer %d (%s): %w", i+1, l.diff, err)
		}
	}
	return u.finish(m.Config.WorkingDir)
}

// finish makes the folders on which the cell mounts. A link in the place of one would lead the mount away.
func (u *unpacker) finish(dir string) error {
	for _, name := range []string{"dev", "proc", "sys", "tmp"} {
		st, err := u.root.Lstat(name)
		if err == nil && !st.IsDir() {
			err = u.root.Remove(name)
			st = nil
		}
		if err == nil && st == nil || errors.Is(err, fs.ErrNotExist) {
			err = u.mkdir(name)
		}
		if err != nil {
			return err
		}
	}
	if dir == "" {
		return nil
	}
	_, err := u.folder(clean(dir)) // as other runtimes make it
	if err != nil {
		return fmt.Errorf("cannot make the working directory %s: %w", dir, err)
	}
	return nil
}

func (u *unpacker) layer(ctx context.Context, src source, l layer) error {
	f, err := src.open(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	outer := &hashed{r: f, h: sha256.New()}
	plain, done, err := decompress(bufio.NewReaderSize(outer, 1<<20))
	if err != nil {
		return err
	}
	defer done()
	inner := &hashed{r: plain, h: sha256.New(), left: &u.left.bytes}
	u.mine = map[string]bool{}
	if err := u.entries(ctx, tar.NewReader(inner)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, inner); err != nil { // what lies behind the archive's end is in the digests too
		return err
	}
	if got := inner.sum(); got != l.diff {
		return fmt.Errorf("its content has the digest %s", got)
	}
	if _, err := io.Copy(io.Discard, outer); err != nil {
		return err
	}
	if got := outer.sum(); l.digest != "" && got != l.digest {
		return fmt.Errorf("its file has the digest %s, and %s is demanded", got, l.digest)
	}
	return nil
}

func (u *unpacker) entries(ctx context.Context, r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("cannot read it: %w", err)
		}
		if u.left.entries--; u.left.entries < 0 {
			return errTooMany
		}
		if err := u.entry(h, r); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
}

// What whiteouts begin with (OCI image specification, layer.md).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

var (
	errTooMany = errors.New("the image has too many files")
	errTooBig  = errors.New("the image is too big")
	errOutside = errors.New("it leads out of the image")
	errTooDeep = fmt.Errorf("its path is too deep: more than %d bytes or %d parts", pathMax, partsMax)
)

func (u *unpacker) entry(h *tar.Header, body io.Reader) error {
	if escapes(h.Name) {
		return errOutside
	}
	if deep(h.Name) || deep(h.Linkname) {
		return errTooDeep
	}
	dir, base := path.Split(clean(h.Name))
	if base == "" {
		return nil // the root itself
	}
	if strings.HasPrefix(base, whiteout) && h.Typeflag == tar.TypeReg {
		at, err := u.resolve(clean(dir))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing to hide
		}
		switch {
		case err != nil:
			return err
		case base == opaque:
			return u.clear(at, false)
		case strings.HasPrefix(base, whiteout+whiteout), base == whiteout:
			return nil // notes of another file system
		case base == whiteout+".", base == whiteout+"..":
			return errOutside
		}
		return u.clear(path.Join(at, strings.TrimPrefix(base, whiteout)), true)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader: // no devices, no pipes
		return nil
	default:
		return fmt.Errorf("entries of type %q are not known", h.Typeflag)
	}
	at, err := u.folder(clean(dir))
	if err != nil {
		return err
	}
	at = path.Join(at, base)
	var old string // of a link
	if h.Typeflag == tar.TypeLink {
		if escapes(h.Linkname) {
			return errOutside
		}
		d, b := path.Split(clean(h.Linkname))
		if old, err = u.resolve(clean(d)); err != nil {
			return err
		}
		if old = path.Join(old, b); old == at {
			return nil
		}
	}
	u.own(at)
	if h.Typeflag == tar.TypeDir {
		return u.dir(at)
	}
	if err := u.root.RemoveAll(at); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		return u.root.Symlink(h.Linkname, at) // followed in the cell alone, whose root this is
	case tar.TypeLink:
		return u.link(old, at)
	}
	return u.file(at, h, body)
}

func (u *unpacker) dir(at string) error {
	st, err := u.root.Lstat(at)
	if err == nil && st.IsDir() {
		return nil
	}
	if err == nil {
		err = u.root.Remove(at)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return u.mkdir(at)
}

// mkdir makes a folder that everybody may enter, whatever the umask is.
func (p place) mkdir(at string) error {
	if err := p.root.Mkdir(at, 0o755); err != nil {
		return err
	}
	return p.root.Chmod(at, 0o755)
}

func (u *unpacker) link(old, at string) error {
	st, err := u.root.Lstat(old)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() && st.Mode()&fs.ModeSymlink == 0 {
		return errors.New("it links to what is no file")
	}
	return u.root.Link(old, at)
}

func (u *unpacker) file(at string, h *tar.Header, body io.Reader) error {
	if u.holes -= h.Size; u.holes < 0 { // a hole costs nothing in the archive
		return errTooBig
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if err == nil {
		err = f.Chmod(mode) // whatever the umask is
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// hashed sums what is read, and ends at a bound.
type hashed struct {
	r    io.Reader
	h    hash.Hash
	left *int64
}

// Read satisfies io.Reader.
func (x *hashed) Read(p []byte) (int, error) {
	n, err := x.r.Read(p)
	x.h.Write(p[:n])
	if x.left != nil {
		if *x.left -= int64(n); *x.left < 0 {
			return n, errTooBig
		}
	}
	return n, err
}

func (x *hashed) sum() string { return "sha256:" + hex.EncodeToString(x.h.Sum(nil)) }

// decompress knows archives by how they begin. What the media type says is not needed: the digests say what the content is.
func decompress(r *bufio.Reader) (io.Reader, func(), error) {
	b, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case bytes.Equal(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}
