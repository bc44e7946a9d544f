package scratch

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	s, err := New(f, nil)
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
			return slices.Concat(b[:salt], b[salt+k:salt+2*k], b[salt:salt+k], b[salt+2*k:])
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

// Who has the data key, and nobody else, opens the file by what the package says of its form; two files of one data key share no key stream.
func TestSealedUnderTheDataKey(t *testing.T) {
	key := bytes.Repeat([]byte{7}, KeySize)
	var raw [2][]byte
	for i := range raw {
		p := filepath.Join(t.TempDir(), "s")
		f, err := os.Create(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, err := New(f, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("a secret document")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reader(); err != nil {
			t.Fatal(err)
		}
		if raw[i], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	open := func(key []byte) ([]byte, error) {
		own, err := hkdf.Key(sha256.New, key, raw[0][:32], "cloister scratch v1", 32)
		if err != nil {
			t.Fatal(err)
		}
		b, err := aes.NewCipher(own)
		if err != nil {
			t.Fatal(err)
		}
		a, err := cipher.NewGCM(b)
		if err != nil {
			t.Fatal(err)
		}
		return a.Open(nil, make([]byte, 12), raw[0][32:], nil)
	}
	if got, err := open(key); err != nil || string(got) != "a secret document" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := open(make([]byte, KeySize)); err == nil {
		t.Error("another key opens it")
	}
	if bytes.Equal(raw[0][32:], raw[1][32:]) {
		t.Error("two files are sealed alike")
	}
	if _, err := New(nil, key[:16]); err == nil {
		t.Error("a short key is taken")
	}
}
