package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func master(t *testing.T, key []byte, random func(int) []byte) *Master {
	t.Helper()
	m, err := NewMaster(key, random)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBoxes(t *testing.T) {
	s := master(t, some(MasterSize), some)
	aad := []byte("access-key/AKIA1")
	for _, plain := range [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("long"), 5000)} {
		a, err := s.Seal(plain, aad)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := s.Seal(plain, aad)
		if len(a) != len(plain)+BoxOverhead || bytes.Equal(a, b) || len(plain) > 8 && bytes.Contains(a, plain[:8]) {
			t.Errorf("%d bytes became a box of %d, twice the same: %v", len(plain), len(a), bytes.Equal(a, b))
		}
		if got, err := s.Open(a, aad); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(plain))
		}
	}
	noAAD, _ := s.Seal([]byte("x"), nil)
	if _, err := s.Open(noAAD, []byte{}); err != nil {
		t.Errorf("no aad and the empty one are one: %v", err)
	}
}

func TestBoxTampering(t *testing.T) {
	s := master(t, some(MasterSize), some)
	aad := []byte("access-key/AKIA1")
	box, err := s.Seal([]byte("secret"), aad)
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		for _, bit := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(box)
			bad[i] ^= bit
			got, err := s.Open(bad, aad)
			var other *OtherKeyError
			inID := i >= 1 && i < 1+idSize
			if err == nil || got != nil || errors.As(err, &other) != inID || errors.Is(err, ErrDamaged) == inID {
				t.Fatalf("byte %d changed by %#x: %q, %v", i, bit, got, err)
			}
		}
	}
	for n := range len(box) {
		if _, err := s.Open(box[:n], aad); err == nil {
			t.Errorf("a box cut to %d bytes was opened", n)
		}
	}
	if _, err := s.Open(append(bytes.Clone(box), 0), aad); !errors.Is(err, ErrDamaged) {
		t.Errorf("a longer box: %v", err)
	}
	for _, wrong := range []string{"", "access-key/AKIA2", "access-key/AKIA", "access-key/AKIA1\x00"} {
		if _, err := s.Open(box, []byte(wrong)); !errors.Is(err, ErrDamaged) {
			t.Errorf("aad %q: %v", wrong, err)
		}
	}
}

func TestOtherKey(t *testing.T) {
	a, b := master(t, some(MasterSize), some), master(t, some(MasterSize), some)
	box, err := a.Seal([]byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Open(box, nil)
	var other *OtherKeyError
	if !errors.As(err, &other) || other.Box != a.ID() || other.Own != b.ID() || !strings.Contains(err.Error(), a.ID()) || !strings.Contains(err.Error(), b.ID()) {
		t.Errorf("got %v, want the ids %s and %s", err, a.ID(), b.ID())
	}
}

// Boxes outlive programs: this one was made once and must open for ever.
func TestFormatStays(t *testing.T) {
	count := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}
	s := master(t, count(MasterSize), count)
	box, err := s.Seal([]byte("secret"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "01151068d4398f9aed000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
		"202122232425262728292a2ba9479397f5a78218b6119812858fdd1595d60ea05683"
	if got := fmt.Sprintf("%x", box); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPoorMaster(t *testing.T) {
	if _, err := master(t, some(MasterSize), func(int) []byte { return []byte{1} }).Seal(nil, nil); err == nil {
		t.Error("a box was sealed without randomness")
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := NewMaster(some(n), some); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	s := master(t, bytes.Repeat([]byte("K"), MasterSize), some)
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(f, s) + fmt.Sprintf(f, *s) + fmt.Sprintf(f, struct{ S any }{s})
		if strings.Contains(out, "KKK") || strings.Contains(out, "4b4b") || strings.Contains(out, "75 75") || strings.Contains(out, "0x4b") {
			t.Errorf("%s prints %s", f, out)
		}
	}
}
