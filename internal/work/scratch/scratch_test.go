package scratch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T) (*File, string) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "s")
	f, err := os.OpenFile(p, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s, err := New(f)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestReadsBackAndHidesPlaintext(t *testing.T) {
	for _, n := range []int{0, 1, block - 1, block, block + 1, 3*block + 7} {
		s, p := open(t)
		want := bytes.Repeat([]byte("a secret document. "), n/19+1)[:n]
		for rest := want; len(rest) > 0; {
			k := min(1000, len(rest))
			if _, err := s.Write(rest[:k]); err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		r, err := s.Reader()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) || s.Size() != int64(n) {
			t.Fatalf("n=%d: %d bytes back, size %d, %v", n, len(got), s.Size(), err)
		}
		raw, err := os.ReadFile(p)
		if err != nil || bytes.Contains(raw, []byte("secret")) {
			t.Fatalf("n=%d: plaintext on disk (%v)", n, err)
		}
		if _, err := s.Write([]byte("x")); err == nil {
			t.Fatal("written after reading")
		}
	}
}

func TestFindsTampering(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"flipped bit": func(b []byte) []byte { b[100] ^= 1; return b },
		"cut":         func(b []byte) []byte { return b[:len(b)-1] },
		"swapped parts": func(b []byte) []byte {
			k := block + 16
			return append(append(append([]byte{}, b[k:2*k]...), b[:k]...), b[2*k:]...)
		},
	} {
		s, p := open(t)
		if _, err := s.Write(make([]byte, 2*block+5)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Reader()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, spoil(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, ErrTorn) {
			t.Errorf("%s: %v, want ErrTorn", name, err)
		}
	}
}
