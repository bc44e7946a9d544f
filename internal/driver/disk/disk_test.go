package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

const (
	block  = blob.Block
	record = blob.Record
	head   = blob.Head
)

func open(t testing.TB) *Disk {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func id(n int) string { return fmt.Sprintf("%016x%016x", uint64(n)*0x9e3779b97f4a7c15, n) }

func data(n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = c.Read(b)
	return b
}

func put(t testing.TB, d *Disk, id string, b []byte) {
	t.Helper()
	if err := d.Write(t.Context(), id, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, d *Disk, id string) ([]byte, error) {
	t.Helper()
	r, err := d.Open(t.Context(), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func TestRoundTrip(t *testing.T) {
	d := open(t)
	for i, n := range []int{0, 1, 7, block - 1, block, block + 1, 2*block - 4, 2 * block, 2*block + 3, 5*block + 17} {
		want := data(n)
		err := d.Write(t.Context(), id(i+1), func(w io.Writer) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(want)}, make([]byte, 1+n/7))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Open(t.Context(), id(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*blob.Reader).Size(); got != int64(n) {
			t.Errorf("size of %d bytes is %d", n, got)
		}
		if err := iotest.TestReader(r, want); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 1)); n > 0 && err == nil {
			t.Error("a closed blob was read")
		}
	}
}

func TestModes(t *testing.T) {
	d := open(t)
	put(t, d, id(1), data(10))
	err := filepath.WalkDir(d.dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		i, err := e.Info()
		if err == nil && i.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", p, i.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBrokenWriteLeavesNothing(t *testing.T) {
	d := open(t)
	boom := errors.New("boom")
	cases := map[string]struct {
		fill func(io.Writer, func()) error
		want error
	}{
		"reader breaks": {func(w io.Writer, _ func()) error {
			_, err := io.Copy(w, io.MultiReader(bytes.NewReader(data(3*block)), iotest.ErrReader(boom)))
			return err
		}, boom},
		"client leaves": {func(w io.Writer, leave func()) error { leave(); _, err := w.Write(data(2 * block)); return err }, context.Canceled},
	}
	for name, c := range cases {
		ctx, leave := context.WithCancel(t.Context())
		if err := d.Write(ctx, id(1), func(w io.Writer) error { return c.fill(w, leave) }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		leave()
		if _, err := d.Open(t.Context(), id(1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the blob exists: %v", name, err)
		}
		if left, _ := filepath.Glob(d.path("data", "*", "*")); len(left) != 0 {
			t.Errorf("%s: left: %v", name, left)
		}
	}
}

func TestWrittenOnce(t *testing.T) {
	d := open(t)
	put(t, d, id(1), []byte("first"))
	if err := d.Write(t.Context(), id(1), func(io.Writer) error { return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second write: %v", err)
	}
	if b, err := get(t, d, id(1)); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}
	for _, bad := range []string{"", "..", "../../../../etc/passwd", strings.Repeat("A", 32), strings.Repeat("a", 65), strings.Repeat("a", 31) + "/"} {
		if err := d.Write(t.Context(), bad, func(io.Writer) error { return nil }); err == nil {
			t.Errorf("id %q was taken", bad)
		}
		if _, err := d.Open(t.Context(), bad); err == nil {
			t.Errorf("id %q was opened", bad)
		}
	}
}

func TestOneHolder(t *testing.T) {
	d := open(t)
	if _, err := Open(d.dir); !errors.Is(err, ErrBusy) {
		t.Errorf("second holder: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	_ = e.Close()
}

// Every single flipped bit of a sample is found, in the block that holds it; blocks before it are served, nothing of it is.
func TestBitFlip(t *testing.T) {
	d := open(t)
	want := data(2*block + 100)
	put(t, d, id(1), want)
	file := d.file(id(1))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	places := []int{0, 9, head - 1, head, head + block, head + block + 3, head + record, len(whole) - 1}
	for range 40 {
		places = append(places, rnd.IntN(len(whole)))
	}
	for _, at := range places {
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << rnd.IntN(8)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		num := int64(-1)
		if at >= head {
			num = int64(at-head) / record
		}
		got, err := get(t, d, id(1))
		var c *blob.Corrupt
		if !errors.As(err, &c) || c.Block != num || c.ID != id(1) {
			t.Fatalf("flip at %d: %v, want block %d", at, err, num)
		}
		if len(got) != int(max(num, 0)*block) || !bytes.Equal(got, want[:len(got)]) {
			t.Fatalf("flip at %d: %d bytes were served", at, len(got))
		}
	}
	for _, n := range []int{0, 5, head, head + 3, head + record - block, head + 100, head + record, head + record + 2, head + 2*record, len(whole) - 1} {
		if err := os.WriteFile(file, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, d, id(1)); !errors.As(err, new(*blob.Corrupt)) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	put(t, d, id(2), want) // another blob's bytes under this id
	if err := os.Rename(d.file(id(2)), file); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, d, id(1)); !errors.As(err, new(*blob.Corrupt)) {
		t.Errorf("swapped blob: %v", err)
	}
}

func TestSeek(t *testing.T) {
	d := open(t)
	want := data(3*block + 5)
	put(t, d, id(1), want)
	r, err := d.Open(t.Context(), id(1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		off, n := rnd.IntN(len(want)), rnd.IntN(2*block)
		if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		m, _ := io.ReadFull(r, got)
		if end := min(off+n, len(want)); !bytes.Equal(got[:m], want[off:end]) {
			t.Fatalf("bytes %d to %d differ", off, end)
		}
	}
}

func TestSweep(t *testing.T) {
	d := open(t)
	for i := range 20 {
		put(t, d, id(i+1), data(i))
	}
	if err := os.WriteFile(d.path("data", "00", "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := d.Sweep(func(s string) (bool, error) { return s == id(7) || s == id(9), nil })
	if n != 18 || err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("%d removed, %v", n, err)
	}
	for i := range 20 {
		if _, err := get(t, d, id(i+1)); (err == nil) != (i+1 == 7 || i+1 == 9) {
			t.Errorf("blob %d: %v", i+1, err)
		}
	}
	boom := errors.New("boom")
	if n, err := d.Sweep(func(string) (bool, error) { return false, boom }); n != 0 || !errors.Is(err, boom) {
		t.Errorf("an unsure sweep removed %d: %v", n, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{64 << 10, 8 << 20} {
		b.Run(fmt.Sprint(n>>10, "KiB"), func(b *testing.B) {
			d, p := open(b), data(n)
			b.SetBytes(int64(n))
			i := 0
			for b.Loop() {
				i++
				put(b, d, id(i), p)
				_ = d.Remove(b.Context(), id(i))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{64 << 10, 8 << 20} {
		b.Run(fmt.Sprint(n>>10, "KiB"), func(b *testing.B) {
			d := open(b)
			put(b, d, id(1), data(n))
			b.SetBytes(int64(n))
			for b.Loop() {
				r, err := d.Open(b.Context(), id(1))
				if err != nil {
					b.Fatal(err)
				}
				if m, err := io.Copy(io.Discard, r); err != nil || m != int64(n) {
					b.Fatal(m, err)
				}
				_ = r.Close()
			}
		})
	}
}
