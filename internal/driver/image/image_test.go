package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cloister/internal/driver/image/imagetest"
)

type (
	file = imagetest.File
	made = imagetest.Image
)

var program = map[string]any{"Entrypoint": []string{"/run"}, "Env": []string{"A=b"}, "WorkingDir": "/work/here", "Labels": map[string]string{"l": "v"}}

// kept unpacks an image of these layers and lists what is there: name, kind and mode, content or target. It also holds the surroundings to what they were.
func kept(t *testing.T, b bounds, layers ...[]byte) (map[string]string, error) {
	t.Helper()
	base := t.TempDir()
	dir, src := filepath.Join(base, "images"), filepath.Join(base, "src")
	for name, text := range map[string]string{"secret": "untouched"} {
		if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ds, err := imagetest.Layout(src, made{Config: program, Layers: layers})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(src, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	kerr := keep(t.Context(), dir, []*Image{m}, b)
	if s, err := os.ReadFile(filepath.Join(base, "secret")); err != nil || string(s) != "untouched" {
		t.Errorf("what lies beside the folder is %q, %v", s, err)
	}
	all, err := os.ReadDir(base)
	if err != nil || len(all) != 3 {
		t.Errorf("beside the folder there is %v, %v", all, err)
	}
	in, err := os.ReadDir(dir)
	if want := 0; kerr != nil && len(in) != want || err != nil {
		t.Errorf("a failure left %v, %v", in, err)
	}
	if kerr != nil {
		return nil, kerr
	}
	out := map[string]string{}
	root := filepath.Join(dir, Folder(ds[0]))
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		st, err := os.Lstat(p)
		if err != nil {
			return err
		}
		what := st.Mode().String()
		switch {
		case st.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what += " " + string(b)
		case st.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what = "-> " + to
		}
		out[strings.TrimPrefix(p, root)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"/dev", "/proc", "/sys", "/tmp", "/work", "/work/here"} {
		if out[d] != "drwxr-xr-x" {
			t.Errorf("%s is %q", d, out[d])
		}
		delete(out, d)
	}
	return out, nil
}

// TestLayers: what layers write, replace and remove (OCI image specification, layer.md).
func TestLayers(t *testing.T) {
	dir := func(name string) file { return file{Name: name, Type: tar.TypeDir, Mode: 0o700} }
	link := func(name, to string) file { return file{Name: name, Link: to, Type: tar.TypeSymlink} }
	same := func(name, to string) file { return file{Name: name, Link: to, Type: tar.TypeLink} }
	for name, x := range map[string]struct {
		layers [][]file
		want   map[string]string
	}{
		"modes are levelled": {[][]file{{dir("d/"), {Name: "d/prog", Body: "p", Mode: 0o4510}, {Name: "./d/text", Body: "t", Mode: 0o600}, {Name: "/d/w", Body: "w", Mode: 0o777}}},
			map[string]string{"/d": "drwxr-xr-x", "/d/prog": "-rwxr-xr-x p", "/d/text": "-rw-r--r-- t", "/d/w": "-rwxr-xr-x w"}},
		"devices and pipes are left out": {[][]file{{{Name: "null", Type: tar.TypeChar}, {Name: "disk", Type: tar.TypeBlock}, {Name: "pipe", Type: tar.TypeFifo}, {Name: "a", Body: "a"}}},
			map[string]string{"/a": "-rw-r--r-- a"}},
		"a later layer wins":    {[][]file{{{Name: "a", Body: "1"}, {Name: "b", Body: "1"}}, {{Name: "a", Body: "2"}}}, map[string]string{"/a": "-rw-r--r-- 2", "/b": "-rw-r--r-- 1"}},
		"a folder for a file":   {[][]file{{{Name: "a", Body: "1"}}, {dir("a"), {Name: "a/b", Body: "2"}}}, map[string]string{"/a": "drwxr-xr-x", "/a/b": "-rw-r--r-- 2"}},
		"a file for a folder":   {[][]file{{{Name: "a/b/c", Body: "1"}}, {{Name: "a", Body: "2"}}}, map[string]string{"/a": "-rw-r--r-- 2"}},
		"a folder for a link":   {[][]file{{dir("x"), link("a", "x")}, {dir("a"), {Name: "a/b", Body: "2"}}}, map[string]string{"/x": "drwxr-xr-x", "/a": "drwxr-xr-x", "/a/b": "-rw-r--r-- 2"}},
		"a whiteout":            {[][]file{{{Name: "d/a", Body: "1"}, {Name: "d/b", Body: "1"}}, {{Name: "d/.wh.a"}}}, map[string]string{"/d": "drwxr-xr-x", "/d/b": "-rw-r--r-- 1"}},
		"a whiteout of nothing": {[][]file{{{Name: "a", Body: "1"}}, {{Name: "no/.wh.x"}, {Name: ".wh.y"}, {Name: ".wh..wh.plnk"}}}, map[string]string{"/a": "-rw-r--r-- 1"}},
		"a whiteout of a folder that comes back": {[][]file{{{Name: "d/old", Body: "1"}}, {dir("d"), {Name: "d/new", Body: "2"}, {Name: ".wh.d"}}},
			map[string]string{"/d": "drwxr-xr-x", "/d/new": "-rw-r--r-- 2"}},
		"an opaque folder hides what was below": {[][]file{{{Name: "d/old", Body: "1"}, {Name: "d/e/old", Body: "1"}}, {{Name: "d/e/new", Body: "2"}, {Name: "d/.wh..wh..opq"}, {Name: "d/late", Body: "2"}}},
			map[string]string{"/d": "drwxr-xr-x", "/d/e": "drwxr-xr-x", "/d/e/new": "-rw-r--r-- 2", "/d/late": "-rw-r--r-- 2"}},
		"a link to a folder is followed":  {[][]file{{dir("usr/lib"), link("lib", "usr/lib")}, {{Name: "lib/x", Body: "1"}}}, map[string]string{"/usr": "drwxr-xr-x", "/usr/lib": "drwxr-xr-x", "/usr/lib/x": "-rw-r--r-- 1", "/lib": "-> usr/lib"}},
		"an absolute one is the image's":  {[][]file{{link("var/run", "/run")}, {{Name: "var/run/x", Body: "1"}}}, map[string]string{"/var": "drwxr-xr-x", "/var/run": "-> /run", "/run": "drwxr-xr-x", "/run/x": "-rw-r--r-- 1"}},
		"one that goes up ends at its /":  {[][]file{{link("a", "../../../../secret.d"), {Name: "a/x", Body: "1"}}}, map[string]string{"/a": "-> ../../../../secret.d", "/secret.d": "drwxr-xr-x", "/secret.d/x": "-rw-r--r-- 1"}},
		"a file is not written by a link": {[][]file{{link("a", "/etc/passwd")}, {{Name: "a", Body: "1"}}}, map[string]string{"/a": "-rw-r--r-- 1"}},
		"hard links":                      {[][]file{{{Name: "a", Body: "1"}, same("b", "a"), same("c", "/a"), same("a", "a")}}, map[string]string{"/a": "-rw-r--r-- 1", "/b": "-rw-r--r-- 1", "/c": "-rw-r--r-- 1"}},
		"a linked file is replaced alone": {[][]file{{{Name: "a", Body: "1"}, same("b", "a")}, {{Name: "b", Body: "2"}}}, map[string]string{"/a": "-rw-r--r-- 1", "/b": "-rw-r--r-- 2"}},
		"whiteouts do not follow links":   {[][]file{{{Name: "d/x", Body: "1"}, link("l", "d")}, {{Name: ".wh.l"}}}, map[string]string{"/d": "drwxr-xr-x", "/d/x": "-rw-r--r-- 1"}},
		"a whiteout through a link":       {[][]file{{{Name: "d/x", Body: "1"}, link("l", "/d")}, {{Name: "l/.wh.x"}}}, map[string]string{"/d": "drwxr-xr-x", "/l": "-> /d"}},
		"links where the cell mounts":     {[][]file{{link("tmp", "/etc"), link("dev", "../.."), {Name: "proc", Body: "x"}}}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range x.layers {
				layers = append(layers, imagetest.Layer(l...))
			}
			got, err := kept(t, usual, layers...)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(x.want) {
				t.Errorf("got  %v\nwant %v", got, x.want)
			}
		})
	}
}

// TestHostileLayers: each is refused, and leaves nothing.
func TestHostileLayers(t *testing.T) {
	loop := []file{{Name: "a", Link: "b", Type: tar.TypeSymlink}, {Name: "b", Link: "a", Type: tar.TypeSymlink}, {Name: "a/x", Body: "1"}}
	many := make([]file, 200)
	for i := range many {
		many[i] = file{Name: fmt.Sprintf("f%d", i)}
	}
	for name, x := range map[string]struct {
		files []file
		want  string
	}{
		"up":                               {[]file{{Name: "../secret", Body: "x"}}, "leads out"},
		"up from within":                   {[]file{{Name: "a/../../secret", Body: "x"}}, "leads out"},
		"a folder above":                   {[]file{{Name: "..", Type: tar.TypeDir}}, "leads out"},
		"a whiteout above":                 {[]file{{Name: "../.wh.secret"}}, "leads out"},
		"a hard link above":                {[]file{{Name: "s", Link: "../../secret", Type: tar.TypeLink}}, "leads out"},
		"a hard link through a link":       {[]file{{Name: "up", Link: "../..", Type: tar.TypeSymlink}, {Name: "s", Link: "up/secret", Type: tar.TypeLink}}, "no such file"},
		"a hard link to a folder":          {[]file{{Name: "d", Type: tar.TypeDir}, {Name: "s", Link: "d", Type: tar.TypeLink}}, "no file"},
		"links in a ring":                  {loop, "too many links"},
		"a file as a folder":               {[]file{{Name: "a", Body: "1"}, {Name: "a/b", Body: "1"}}, "no folder"},
		"too many files":                   {many, "too many files"},
		"too many folders":                 {[]file{{Name: strings.Repeat("d/", 150) + "f", Body: "1"}}, "too many files"},
		"too many bytes":                   {[]file{{Name: "a", Body: strings.Repeat("x", 1<<21)}}, "too big"},
		"what nobody knows":                {[]file{{Name: "a", Type: 'Z'}}, "not known"},
		"a name that no file system takes": {[]file{{Name: strings.Repeat("n", 300), Body: "1"}}, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kept(t, bounds{1 << 20, 100}, imagetest.Layer(x.files...))
			if x.want == "too big" || strings.HasPrefix(name, "too many") {
				if err == nil || !strings.Contains(err.Error(), x.want) {
					t.Errorf("%v, want %s", err, x.want)
				}
				return
			}
			if _, err = kept(t, usual, imagetest.Layer(x.files...)); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %s", err, x.want)
			}
		})
	}
}

// TestBombs: a little file that becomes a great one is left when the bound is met, also where it holds nothing.
func TestBombs(t *testing.T) {
	for name, layer := range map[string][]byte{
		"a file":     imagetest.Layer(file{Name: "z", Body: strings.Repeat("\x00", 8<<20)}),
		"behind all": append(imagetest.Layer(file{Name: "a"}), make([]byte, 8<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			dir, src := t.TempDir(), t.TempDir()
			z, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			for kind, packed := range map[string][]byte{"gzip": imagetest.Gzip(layer), "zstd": z.EncodeAll(layer, nil)} {
				if _, err := imagetest.Layout(src, made{Config: program, Layers: [][]byte{layer}, Files: [][]byte{packed}}); err != nil {
					t.Fatal(err)
				}
				m, err := Open(src, runtime.GOARCH)
				if err != nil {
					t.Fatal(err)
				}
				if err := keep(t.Context(), dir, []*Image{m}, bounds{1 << 20, 100}); err == nil || !strings.Contains(err.Error(), "too big") {
					t.Errorf("%s: %v", kind, err)
				}
				if err := keep(t.Context(), dir, []*Image{m}, usual); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				if err := keep(t.Context(), dir, nil, usual); err != nil {
					t.Error(err)
				}
				m.Close()
			}
		})
	}
}

// TestDigests: a byte that is another anywhere is found, before anything has its name.
func TestDigests(t *testing.T) {
	layer := imagetest.Layer(file{Name: "a", Body: strings.Repeat("x", 1000)})
	src := t.TempDir()
	ds, err := imagetest.Layout(src, made{Config: program, Layers: [][]byte{layer}, Files: [][]byte{imagetest.Gzip(layer)}})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(src, "blobs", "sha256", "*"))
	if err != nil || len(blobs) != 3 {
		t.Fatal(blobs, err)
	}
	unpack := func() error {
		m, err := Open(src, runtime.GOARCH)
		if err != nil {
			return err
		}
		defer m.Close()
		dir := t.TempDir()
		err = Keep(t.Context(), dir, []*Image{m})
		if _, there := os.Stat(filepath.Join(dir, Folder(ds[0]))); (there == nil) != (err == nil) {
			t.Errorf("the folder is there: %v, and the error is %v", there, err)
		}
		return err
	}
	if err := unpack(); err != nil {
		t.Fatal(err)
	}
	for _, p := range blobs {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range [][]byte{append(slices.Clone(b[:len(b)-1]), b[len(b)-1]^1), append(slices.Clone(b), '\n'), b[:len(b)-1]} {
			if err := os.WriteFile(p, other, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := unpack(); err == nil {
				t.Errorf("%s may be another", p)
			}
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		if err := unpack(); err == nil {
			t.Errorf("%s may be missing", p)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// A content that is another than the configuration says.
	if _, err := imagetest.Layout(src, made{Config: program, Layers: [][]byte{layer}, Files: [][]byte{imagetest.Gzip(append(layer, 0))}}); err != nil {
		t.Fatal(err)
	}
	if err := unpack(); err == nil || !strings.Contains(err.Error(), "its content has the digest") {
		t.Error(err)
	}
}

// TestOpen: layouts, archives of them and of docker save, by tag, digest and platform.
func TestOpen(t *testing.T) {
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	one, two := imagetest.Layer(file{Name: "one", Body: "1"}), imagetest.Layer(file{Name: "two", Body: "2"})
	a := made{Config: program, Layers: [][]byte{one}, Tag: "v1", Platform: true}
	b := made{Config: program, Layers: [][]byte{one, two}, Tag: "example.com/ner:v2"}
	other := made{Config: program, Layers: [][]byte{one}, Tag: "v1", Arch: "other", Platform: true}
	mute := made{Layers: [][]byte{one}}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ds, err := imagetest.Layout(at("two"), a, b, other)
	must(nil, err)
	must(imagetest.Layout(at("one"), a))
	must(imagetest.Layout(at("other"), made{Config: program, Arch: "other"}))
	must(imagetest.Layout(at("mute"), mute))
	must(imagetest.Layout(at("great"), made{Config: map[string]any{"Cmd": []string{"a"}, "Env": []string{strings.Repeat("x", 1<<17)}}}))
	must(nil, imagetest.Archive(at("two"), at("two.tar")))
	saved := at("saved")
	must(nil, os.MkdirAll(filepath.Join(saved, "l1"), 0o755))
	must(nil, os.WriteFile(filepath.Join(saved, "l1", "layer.tar"), one, 0o644))
	cfg := imagetest.Config(a)
	id := imagetest.Digest(cfg)
	must(nil, os.WriteFile(filepath.Join(saved, Folder(id)+".json"), cfg, 0o644))
	list, _ := json.Marshal([]map[string]any{{"Config": Folder(id) + ".json", "RepoTags": []string{"ner:latest"}, "Layers": []string{"l1/layer.tar"}}})
	must(nil, os.WriteFile(filepath.Join(saved, "manifest.json"), list, 0o644))
	must(nil, imagetest.Archive(saved, at("saved.tar")))
	must(nil, os.WriteFile(at("x.tar.gz"), imagetest.Gzip([]byte("x")), 0o644))
	must(nil, os.WriteFile(at("text"), bytes.Repeat([]byte("no archive\n"), 100), 0o644))
	must(nil, os.Mkdir(at("empty"), 0o755))
	for ref, want := range map[string]string{
		"one": ds[0], "two:v1": ds[0], "two:v2": ds[1], "two:example.com/ner:v2": "no such file", "two@" + ds[1]: ds[1], "two.tar:v1": ds[0], "two.tar@" + ds[0]: ds[0],
		"saved": id, "saved.tar": id, "saved.tar:latest": id, "saved.tar@" + id: id,
		"two": "name one by :TAG", "two:v3": "no image in it has the tag v3; it has v1, example.com/ner:v2", "two@" + ds[2]: "no image", "one@sha256:" + strings.Repeat("0", 64): "no image",
		"other": "for linux/other, and this host is linux/" + runtime.GOARCH, "mute": "no entrypoint", "great": "bytes, more than", "saved.tar:v9": "0 images in it fit",
		"x.tar.gz": "is compressed", "text": "no archive", "empty": "neither index.json", "nowhere": "no such file",
	} {
		m, err := Open(at(ref), runtime.GOARCH)
		if err != nil {
			if strings.HasPrefix(want, "sha256:") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", ref, err, want)
			}
			continue
		}
		if m.Digest != want || m.Config.Entrypoint[0] != "/run" || m.Config.Env[0] != "A=b" || m.Config.WorkingDir != "/work/here" || m.Config.Labels["l"] != "v" {
			t.Errorf("%s: %+v, want %s", ref, m, want)
		}
		if err := Keep(t.Context(), t.TempDir(), []*Image{m}); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
		m.Close()
	}
}

// TestKeep: images that are used stay as they are, all else goes.
func TestKeep(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	open := func(body string) *Image {
		t.Helper()
		if _, err := imagetest.Layout(src, made{Config: program, Layers: [][]byte{imagetest.Layer(file{Name: "a", Body: body})}}); err != nil {
			t.Fatal(err)
		}
		m, err := Open(src, runtime.GOARCH)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m
	}
	names := func() (out []string) {
		all, _ := os.ReadDir(dir)
		for _, e := range all {
			out = append(out, e.Name())
		}
		slices.Sort(out)
		return out
	}
	one, two := open("1"), open("2")
	if err := Keep(t.Context(), dir, []*Image{one, two, two}); err != nil {
		t.Fatal(err)
	}
	want := []string{Folder(one.Digest), Folder(two.Digest)}
	slices.Sort(want)
	if got := names(); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	mark := filepath.Join(dir, Folder(two.Digest), "a")
	if err := os.WriteFile(mark, []byte("not written again"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, unfinished+Folder(one.Digest), "half"), 0o755); err != nil { // a daemon died
		t.Fatal(err)
	}
	if err := Keep(t.Context(), dir, []*Image{two}); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{Folder(two.Digest)}) {
		t.Error(got)
	}
	if b, _ := os.ReadFile(mark); string(b) != "not written again" {
		t.Error("what was whole was unpacked again")
	}
	if err := Keep(t.Context(), dir, nil); err != nil || len(names()) != 0 {
		t.Error(names(), err)
	}
}
