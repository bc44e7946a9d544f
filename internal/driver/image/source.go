package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
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
		_, file := a.parts[name]
		if _, link := links[name]; link || file { // which of them another reader takes nobody knows
			return nil, fmt.Errorf("its archive has %s twice", name)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			a.parts[name] = part{at, h.Size}
		case tar.TypeSymlink: // docker save writes a layer once, and links to it
			links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink: // tar does so with files of several names
			links[name] = path.Clean(h.Linkname)
		}
	}
	linked := map[string]part{}
	for name, to := range links {
		if p, ok := a.parts[to]; ok {
			linked[name] = p
		}
	}
	maps.Copy(a.parts, linked) // not before: a link to a link stands for nothing, whichever is looked at first
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
	if twice := ambiguous(json.NewDecoder(bytes.NewReader(b))); twice != "" {
		return nil, "", fmt.Errorf("%s has %q twice in one object: which one another reader takes nobody knows", name, twice)
	}
	return b, is, nil
}

// read are the members that are read of an image's documents, in lower case.
var read = []string{"annotations", "architecture", "cmd", "config", "diff_ids", "digest", "entrypoint", "env", "labels", "layers", "manifests", "mediatype", "os", "platform", "repotags",
	"rootfs", "type", "user", "workingdir"}

// ambiguous gives a member that an object has twice, or twice but for capitals where it is one that is read: encoding/json takes either spelling, and the
// last of all. Of what is no JSON it says nothing.
func ambiguous(d *json.Decoder) string {
	var open []map[string]bool // of each object that is open its names; nil: of an array
	for key := false; ; {      // a string that comes next is a name
		t, err := d.Token()
		if err != nil {
			return ""
		}
		switch v := t.(type) {
		case json.Delim:
			switch v {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if !key {
				break
			}
			if i := slices.IndexFunc(read, func(r string) bool { return strings.EqualFold(r, v) }); i >= 0 {
				v = read[i]
			}
			names := open[len(open)-1]
			if names[v] {
				return v
			}
			names[v] = true
			key = false
			continue
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}
