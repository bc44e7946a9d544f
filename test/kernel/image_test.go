package kernel_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/driver/cell"
	"cloister/internal/driver/image"
	"cloister/internal/driver/image/imagetest"
	"cloister/internal/driver/linux"
)

// stranger is a static program that is not ours: CLOISTER_STRANGER where there is no compiler.
var stranger = sync.OnceValues(func() ([]byte, error) {
	if p := os.Getenv("CLOISTER_STRANGER"); p != "" {
		return os.ReadFile(p)
	}
	dir, err := os.MkdirTemp("", "stranger-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "stranger"), "cloister/test/stranger")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(err.Error() + ": " + string(out))
	}
	return os.ReadFile(filepath.Join(dir, "stranger"))
})

// housed unpacks an image of that program in a folder that its fabric shows, behind a folder that nobody else may enter, and gives its root as cells find it.
func housed(t *testing.T) (*linux.Fabric, string) {
	t.Helper()
	bin, err := stranger()
	if err != nil {
		t.Fatal(err)
	}
	base, err := os.MkdirTemp("", "housed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o711); err != nil {
		t.Fatal(err)
	}
	data, src := filepath.Join(base, "data"), filepath.Join(base, "src")
	dir := filepath.Join(data, "images")
	for _, d := range []string{data, dir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := imagetest.Layout(src, imagetest.Image{Config: map[string]any{"Entrypoint": []string{"stranger", "probe"}},
		Layers: [][]byte{imagetest.Layer(imagetest.File{Name: "stranger", Body: string(bin), Mode: 0o755}, imagetest.File{Name: "setuid", Body: string(bin), Mode: 0o6755}, imagetest.File{Name: "work/x"})}}); err != nil {
		t.Fatal(err)
	}
	m, err := image.Open(src, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := image.Keep(t.Context(), dir, []*image.Image{m}); err != nil {
		t.Fatal(err)
	}
	f := open(t, linux.Config{Roots: dir, Shown: data})
	if os.Geteuid() == 0 {
		dir = data
	}
	return f, filepath.Join(dir, image.Folder(m.Digest))
}

func imageSpec(root string, argv ...string) cell.Spec {
	return cell.Spec{Name: "stranger", Root: root, Dir: "/work", Argv: argv, Env: []string{"PATH=/nowhere:/", "COLOUR=red"}, Tmp: 8 << 20, FileSize: 16 << 20, Memory: 512 << 20, Pids: 64, Stderr: os.Stderr}
}

// TestImageCannotGetOut: a hostile image's program tries everything, and what the cell gives works.
func TestImageCannotGetOut(t *testing.T) {
	f, root := housed(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := imageSpec(root, "stranger", "probe")
	s.Stdout = w
	p, err := cells(f).Start(soon(t), s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if werr := p.Wait(soon(t)); err != nil || werr != nil {
		t.Fatalf("%v, %v: %s", err, werr, b)
	}
	var all []struct {
		What, Met string
		Out, May  bool
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all) < 70 {
		t.Fatalf("%d attempts, %v: %s", len(all), err, b)
	}
	for _, a := range all {
		if a.Out != a.May {
			t.Errorf("%s: worked %v, and it should have %v: %s", a.What, a.Out, a.May, a.Met)
		}
		want := a.Met
		switch a.What {
		case "who am I", "a program that was setuid":
			want = "0 0 0 0 0 0 1 <nil>"
		case "surroundings":
			want = "1 /work stranger red"
		case "read /etc/passwd", "see other processes":
			if !strings.Contains(a.Met, "no such") {
				t.Errorf("%s: %s", a.What, a.Met)
			}
		case "write /x", "remove from the root", "change a mode in the root":
			if !strings.Contains(a.Met, "read-only") {
				t.Errorf("%s: %s", a.What, a.Met)
			}
		}
		if a.Met != want {
			t.Errorf("%s: %q, want %q", a.What, a.Met, want)
		}
	}
}

// TestImageEndsWhole: what a program started ends with it, also what it left behind.
func TestImageEndsWhole(t *testing.T) {
	f, root := housed(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := imageSpec(root, "stranger", "brood")
	s.Stdout = w
	p, err := cells(f).Start(soon(t), s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	count := func() int { return len(tree(t, f.Pid())) }
	if n := count(); n < 3 { // the fabric, the program, its child
		t.Fatalf("%d processes", n)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(soon(t)); err == nil {
		t.Error("killed, and well")
	}
	for end := time.Now().Add(5 * time.Second); count() > 1; {
		if time.Now().After(end) {
			t.Fatalf("%d processes are left", count())
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestImageThatCannotRun: each says why on its standard error, with status 126.
func TestImageThatCannotRun(t *testing.T) {
	f, root := housed(t)
	for name, x := range map[string]struct {
		root, dir, prog, want string
	}{
		"no program":     {root, "", "nothing", "not in /nowhere:/"},
		"no file":        {root, "", "/nothing", "no such file"},
		"not a program":  {root, "", "/work/x", "permission denied"},
		"no directory":   {root, "/nowhere", "/stranger", "its directory /nowhere"},
		"no such folder": {root + "0", "", "/stranger", "the image's folder"},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			s := imageSpec(x.root, x.prog)
			s.Dir, s.Stderr = x.dir, w
			p, err := cells(f).Start(soon(t), s)
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(r)
			var end *linux.ExitError
			if err := p.Wait(soon(t)); !errors.As(err, &end) || end.Code != 126 || !strings.Contains(string(b), x.want) {
				t.Errorf("%v: %s, want %s", err, b, x.want)
			}
		})
	}
}
