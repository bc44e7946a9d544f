package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cloister/internal/driver/image/imagetest"
)

// hole is a layer's entry of a sparse file (GNU tar, PAX format 0.1) that holds nothing at all, whatever its size says.
func hole(name string, size int64) []byte {
	var records string
	for _, r := range []string{fmt.Sprintf("GNU.sparse.size=%d\n", size), "GNU.sparse.numblocks=1\n", "GNU.sparse.map=0,0\n"} {
		n := len(r) + 3
		records += fmt.Sprintf("%d %s", n, r)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	_ = w.WriteHeader(&tar.Header{Name: "PaxHeaders/" + name, Size: int64(len(records)), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}) // memory
	_, _ = w.Write([]byte(records))
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})
	_ = w.Flush()
	b := out.Bytes()
	head := b[:512]
	head[156] = 'x'
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// TestHoles: files that are empty in the archive and great on the disk are counted together.
func TestHoles(t *testing.T) {
	var layer []byte
	for i := range 5 {
		layer = append(layer, hole(fmt.Sprint("a", i), 400<<10)...)
	}
	layer = append(layer, make([]byte, 1024)...)
	r := tar.NewReader(bytes.NewReader(layer))
	for n := 0; ; n++ {
		h, err := r.Next()
		if err != nil {
			if n < 5 {
				t.Fatal(err)
			}
			break
		}
		if h.Typeflag == tar.TypeReg && strings.HasPrefix(h.Name, "a") && h.Size != 400<<10 {
			t.Fatalf("%s has %d bytes", h.Name, h.Size)
		}
	}
	if _, err := kept(t, bounds{1 << 20, 100}, layer); err == nil || !strings.Contains(err.Error(), "too big") {
		t.Errorf("2 MiB in 1 MiB: %v", err)
	}
	if _, err := kept(t, bounds{4 << 20, 100}, layer); err != nil {
		t.Error(err)
	}
}

// TestDeep: what is deeper than anything that is used could be unpacked, and not be removed any more.
func TestDeep(t *testing.T) {
	long := strings.Repeat("d/", 300)
	steps := []file{{Name: "a", Link: strings.Repeat("d/", 100), Type: tar.TypeSymlink}, {Name: strings.Repeat("d/", 100), Type: tar.TypeDir}}
	for at := strings.Repeat("d/", 100); len(steps) < 10; at += "s/" { // through links, each name short
		steps = append(steps, file{Name: at + "s", Link: strings.Repeat("e/", 60), Type: tar.TypeSymlink}, file{Name: at + "s/x", Body: "1"})
	}
	for name, files := range map[string][]file{"a name": {{Name: long + "x", Body: "1"}}, "a folder": {{Name: long, Type: tar.TypeDir}}, "through links": steps,
		"a link": {{Name: "a", Link: strings.Repeat("x", 5000), Type: tar.TypeSymlink}}} {
		if _, err := kept(t, usual, imagetest.Layer(files...)); err == nil || !strings.Contains(err.Error(), "too deep") && !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhiteoutNames: a whiteout hides what has a name.
func TestWhiteoutNames(t *testing.T) {
	for _, name := range []string{".wh..", "d/.wh..", ".wh...", "d/e/.wh..."} {
		_, err := kept(t, usual, imagetest.Layer(file{Name: "d/e/x", Body: "1"}), imagetest.Layer(file{Name: name}))
		if err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// layoutOf writes a layout whose index is what it is given, and blobs.
func layoutOf(t *testing.T, index any, blobs ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(p string, b []byte) {
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range blobs {
		write(filepath.Join(at, Folder(imagetest.Digest(b))), b)
	}
	b, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "index.json"), b)
	return dir
}

type dict = map[string]any

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

// TestNestedIndexes: lists of lists of lists, each of which is small, end at a bound.
func TestNestedIndexes(t *testing.T) {
	list := func(of []byte) []byte {
		var all []dict
		for range 200 {
			all = append(all, dict{"mediaType": indexType, "digest": imagetest.Digest(of)})
		}
		b, _ := json.Marshal(dict{"manifests": all})
		return b
	}
	c := []byte(`{"manifests":[]}`)
	b := list(c)
	a := list(b)
	dir := layoutOf(t, dict{"manifests": []dict{{"mediaType": indexType, "digest": imagetest.Digest(a)}}}, a, b, c)
	if _, err := Open(dir, runtime.GOARCH); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}

// TestAmbiguous: what two readers could take for two images is none. Source: CVE-2021-41190, and image-spec, manifest.md: a manifest has no "manifests".
func TestAmbiguous(t *testing.T) {
	m := made{Config: program, Layers: [][]byte{imagetest.Layer(file{Name: "a", Body: "1"})}}
	cfg := imagetest.Config(m)
	layer := dict{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": imagetest.Digest(m.Layers[0])}
	config := dict{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": imagetest.Digest(cfg)}
	good := dict{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []dict{layer}}
	raw := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	with := func(more string) string { return strings.TrimSuffix(raw(good), "}") + "," + more + "}" }
	for name, x := range map[string]struct{ manifest, config, kind, want string }{
		"as it should be":               {raw(good), string(cfg), manifestType, ""},
		"a manifest that is an index":   {with(`"manifests":[]`), string(cfg), manifestType, "both"},
		"an index that is a manifest":   {with(`"manifests":[]`), string(cfg), indexType, "both"},
		"another type than was said":    {strings.Replace(raw(good), manifestType, indexType, 1), string(cfg), manifestType, "says that it is"},
		"two lists of layers":           {with(`"layers":[]`), string(cfg), manifestType, "twice"},
		"two but for capitals":          {with(`"Layers":[]`), string(cfg), manifestType, "twice"},
		"two by another letter":         {with(`"layerſ":[]`), string(cfg), manifestType, "twice"},
		"two entrypoints":               {"", strings.Replace(string(cfg), `"Entrypoint":`, `"entrypoint":["/other"],"Entrypoint":`, 1), manifestType, "twice"},
		"labels that differ by capital": {"", strings.Replace(string(cfg), `"Labels":{`, `"Labels":{"Maintainer":"a","maintainer":"b",`, 1), manifestType, ""},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := x.manifest
			if manifest == "" {
				manifest = strings.ReplaceAll(raw(good), imagetest.Digest(cfg), imagetest.Digest([]byte(x.config)))
			}
			dir := layoutOf(t, dict{"manifests": []dict{{"mediaType": x.kind, "digest": imagetest.Digest([]byte(manifest))}}}, []byte(manifest), []byte(x.config), m.Layers[0])
			got, err := Open(dir, runtime.GOARCH)
			if err == nil {
				got.Close()
			}
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}
}

// TestArchiveLinks: a link in an archive stands for a file of it, and for no other name that is there.
func TestArchiveLinks(t *testing.T) {
	m := made{Config: program, Layers: [][]byte{imagetest.Layer(file{Name: "a", Body: "1"})}}
	cfg := imagetest.Config(m)
	list, _ := json.Marshal([]dict{{"Config": "c.json", "Layers": []string{"two/layer.tar"}}})
	base := []file{{Name: "manifest.json", Body: string(list)}, {Name: "c.json", Body: string(cfg)}, {Name: "one/layer.tar", Body: string(m.Layers[0])}}
	link := func(name, to string) file { return file{Name: name, Link: to, Type: tar.TypeSymlink} }
	for name, x := range map[string]struct {
		files []file
		want  string
	}{
		"to a file":           {[]file{link("two/layer.tar", "../one/layer.tar")}, ""},
		"to a link":           {[]file{link("three", "one/layer.tar"), link("two/layer.tar", "../three")}, "no file"},
		"in a file's place":   {[]file{{Name: "two/layer.tar", Body: string(m.Layers[0])}, link("two/layer.tar", "../one/layer.tar")}, "twice"},
		"a file in its place": {[]file{link("two/layer.tar", "../one/layer.tar"), {Name: "./two/layer.tar", Body: string(m.Layers[0])}}, "twice"},
		"two links":           {[]file{link("two/layer.tar", "../one/layer.tar"), link("two/layer.tar", "../c.json")}, "twice"},
		"a hard link":         {[]file{{Name: "two/layer.tar", Link: "one/layer.tar", Type: tar.TypeLink}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for range 8 { // whatever order names come in
				p := filepath.Join(t.TempDir(), "a.tar")
				if err := os.WriteFile(p, imagetest.Layer(append(base[:3:3], x.files...)...), 0o644); err != nil {
					t.Fatal(err)
				}
				got, err := Open(p, runtime.GOARCH)
				if err == nil {
					err = Keep(t.Context(), t.TempDir(), []*Image{got})
					got.Close()
				}
				if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
					t.Fatalf("%v, want %q", err, x.want)
				}
			}
		})
	}
}
