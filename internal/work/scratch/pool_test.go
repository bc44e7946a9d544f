package scratch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func pool(t *testing.T) (*Pool, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p, err := NewPool(f, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p, name
}

func TestPieces(t *testing.T) {
	p, name := pool(t)
	sizes := []int{0, 1, block - 1, block, block + 1, 3*block + 7}
	var grown int64
	for round := range 3 {
		pieces := make([]*Piece, len(sizes))
		for i := range pieces {
			pieces[i] = p.New()
		}
		for part := range 4 { // written by turns, so that their segments lie mixed
			for i, n := range sizes {
				from, to := n*part/4, n*(part+1)/4
				if _, err := pieces[i].Write(bytes.Repeat([]byte{byte('a' + i)}, to-from)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, n := range sizes {
			r, err := pieces[i].Reader()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte('a' + i)}, n)) || pieces[i].Size() != int64(n) {
				t.Errorf("round %d, piece of %d: %d bytes back, %v", round, n, len(got), err)
			}
			pieces[i].Free()
		}
		raw, err := os.ReadFile(name)
		if err != nil || bytes.Contains(raw, []byte("ffff")) {
			t.Fatalf("plaintext on the disk, %v", err)
		}
		if round == 0 {
			grown = p.end
		} else if p.end != grown {
			t.Errorf("round %d: the pool grew from %d to %d", round, grown, p.end)
		}
	}
}

// What lay in a place before does not open in it again.
func TestPieceFindsTampering(t *testing.T) {
	p, name := pool(t)
	old := p.New()
	old.Write([]byte("old"))
	old.Reader()
	was, _ := os.ReadFile(name)
	old.Free()
	s := p.New()
	s.Write([]byte("new"))
	r, err := s.Reader()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, was, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, ErrTorn) {
		t.Errorf("%v, want ErrTorn", err)
	}
	if err := os.Truncate(name, 40); err != nil {
		t.Fatal(err)
	}
	if r, _ = s.Reader(); r != nil {
		if _, err := io.ReadAll(r); !errors.Is(err, ErrTorn) {
			t.Errorf("cut: %v, want ErrTorn", err)
		}
	}
}
