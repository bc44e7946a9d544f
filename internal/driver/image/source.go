package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// source is the files of an image, by their slash paths: a folder, or an archive that is not unpacked.
type source interface {
	has(name string) bool
	open(name string) (io.ReadCloser, error)
	Close() error
}

func openSource(path string) (source, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		r, err := os.OpenRoot(path)
		if err != nil {
			return nil, err
		}
		return folder{r}, nil
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is neither a folder nor an archive")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a, err := openArchive(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

// folder is a source that os.Root keeps to itself.
type folder struct{ *os.Root }

func (f folder) has(name string) bool {
	st, err := f.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

func (f folder) open(name string) (io.ReadCloser, error) {
	if !f.has(name) { // a pipe would wait for ever
		return nil, fmt.Errorf("there is no file %s", name)
	}
	return f.Open(name)
}

// archive is a tar whose entries are read where they lie.
type archive struct {
	file  *os.File
	parts map[string]part
}

type part struct{ at, size int64 }

// archiveMax is how many entries an archive of an image may have: some for each layer.
const archiveMax = 10_000

func openArchive(f *os.File) (*archive, error) {
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err == nil && (bytes.HasPrefix(magic, []byte{0x1f, 0x8b}) || bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd})) {
		return nil, errors.New("the archive is compressed: unpack it once (gunzip, unzstd) and name the .tar")
	}
	a := &archive{f, map[string]part{}}
	links := map[string]string{}
	for r, n := tar.NewReader(f), 0; ; n++ { // it reads whole blocks and seeks over the rest, so the file stands where an entry's bytes begin
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("it is no archive (tar): %w", err)
		}
		if n == archiveMax {
			return nil, fmt.Errorf("its archive has more than %d entries", archiveMax)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			if _, twice := a.parts[name]; twice {
				return nil, fmt.Errorf("its archive has %s twice", name)
			}
			a.parts[name] = part{at, h.Size}
		case tar.TypeSymlink: // docker save writes a layer once, and links to it
			links[name] = path.Join(path.Dir(name), h.Linkname)
		}
	}
	for name, to := range links {
		if p, ok := a.parts[to]; ok {
			a.parts[name] = p
		}
	}
	return a, nil
}

func (a *archive) has(name string) bool { _, ok := a.parts[path.Clean(name)]; return ok }

func (a *archive) open(name string) (io.ReadCloser, error) {
	p, ok := a.parts[path.Clean(name)]
	if !ok {
		return nil, fmt.Errorf("there is no file %s in its archive", name)
	}
	return io.NopCloser(io.NewSectionReader(a.file, p.at, p.size)), nil
}

func (a *archive) Close() error { return a.file.Close() }

// document reads a small file whole, and holds it to its digest unless that is empty.
func document(s source, name, digest string) ([]byte, string, error) {
	r, err := s.open(name)
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, documentMax+1))
	if err != nil {
		return nil, "", err
	}
	if len(b) > documentMax {
		return nil, "", fmt.Errorf("%s is longer than %d bytes", name, documentMax)
	}
	sum := sha256.Sum256(b)
	is := "sha256:" + hex.EncodeToString(sum[:])
	if digest != "" && is != digest {
		return nil, "", fmt.Errorf("%s has the digest %s, and %s is demanded", name, is, digest)
	}
	return b, is, nil
}
