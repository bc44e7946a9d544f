package logbook

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func sealer(t testing.TB, b byte) cipher.AEAD {
	t.Helper()
	c, err := aes.NewCipher(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	g, err := cipher.NewGCM(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func some(n int) []Event {
	r := rand.New(rand.NewPCG(1, 2))
	at := int64(1793534400000)
	var out []Event
	for i := range n {
		at += int64(r.IntN(3) * r.IntN(100))
		out = append(out, Event{At: at, Ordinal: int64(r.IntN(1000)), Ingested: at + int64(r.IntN(1000)) - 500, Message: strings.Repeat("é\x00", r.IntN(40)) + fmt.Sprint(i)})
	}
	return out
}

const id = "1111111111111111/01a196f0ac00/2222222222222222/00000007"

func TestBlocks(t *testing.T) {
	key, nonce := sealer(t, 1), bytes.Repeat([]byte{9}, 12)
	for _, n := range []int{1, 2, 1000} {
		want := some(n)
		b, err := Write(want, "seal", key, nonce, id)
		if err != nil {
			t.Fatal(err)
		}
		h, err := ReadHead(b)
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		for i := range want {
			size += want[i].Size()
		}
		if h.First != want[0].At || h.Last != want[n-1].At || h.Count != int64(n) || h.Bytes != size || h.Seal != "seal" {
			t.Errorf("%+v", h)
		}
		if got, err := h.Read(key, id); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d events come back as %d, %v", n, len(got), err)
		}
		// Under another key, in another place, or changed anywhere it does not open.
		if _, err := h.Read(sealer(t, 2), id); err == nil {
			t.Error("another key opens it")
		}
		if _, err := h.Read(key, strings.Replace(id, "2222", "3333", 1)); err == nil {
			t.Error("it opens as another stream's")
		}
		for i := 0; i < len(b); i += 1 + len(b)/300 {
			x := bytes.Clone(b)
			x[i] ^= 0x10
			if h, err := ReadHead(x); err == nil {
				if _, err := h.Read(key, id); err == nil {
					t.Errorf("a change of byte %d is not seen", i)
				}
			}
			if h, err := ReadHead(b[:i]); err == nil {
				if _, err := h.Read(key, id); err == nil {
					t.Errorf("%d bytes of %d are enough", i, len(b))
				}
			}
		}
	}
	if _, err := Write(nil, "seal", key, nonce, id); err == nil {
		t.Error("a block of nothing was written")
	}
}

func TestIDs(t *testing.T) {
	a, b := BlockID("1111111111111111", 1000, "2222222222222222", 7), BlockID("1111111111111111", 1001, "0000000000000000", 1)
	if a >= b || After("1111111111111111", 1000) >= a || After("1111111111111111", 1001) <= a || After("1111111111111111", -5) > a {
		t.Error("ids do not sort by time")
	}
	if n, err := NumberOf(a); n != 7 || err != nil || StreamOf(a) != "2222222222222222" || StreamOf("x/y") != "" {
		t.Errorf("%d %v", n, err)
	}
}

func FuzzHead(f *testing.F) {
	b, err := Write(some(5), "seal", sealer(f, 1), make([]byte, 12), id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	key := sealer(f, 1)
	f.Fuzz(func(_ *testing.T, b []byte) {
		if h, err := ReadHead(b); err == nil {
			_, _ = h.Read(key, id)
		}
	})
}
