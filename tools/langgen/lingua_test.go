package main

import (
	"archive/zip"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestWordsComeBack counts a text as lingua-go does, writes its files, and holds that short words come out as often as they stood in the text.
func TestWordsComeBack(t *testing.T) {
	text := map[string]int{"ab": 4, "abc": 2, "b": 1, "bcab": 1}
	dir := filepath.Join(t.TempDir(), "language-models", "xx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	letters := 0
	for w, n := range text {
		letters += n * len(w)
		for i := range w {
			for j := i + 1; j <= min(len(w), i+linguaOrder); j++ {
				counts[w[i:j]] += n
			}
		}
	}
	for n, name := range []string{"uni", "bi", "tri", "quadri", "five"} {
		var raw []byte
		for g, c := range counts {
			if len(g) != n+1 {
				continue
			}
			below := letters
			if n > 0 {
				below = counts[g[:n]]
			}
			set := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(float64(c)/float64(below)))
			set = append(append(set, 2<<3|2, byte(len(g))), g...)
			raw = append(append(raw, 4<<3|2, byte(len(set))), set...)
		}
		zipped(t, filepath.Join(dir, name+"grams.pb.bin.zip"), raw)
	}
	m, err := readLingua(filepath.Dir(filepath.Dir(dir)), "xx")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	got := map[string]int{}
	for range 8000 {
		got[m.word(rng)]++
	}
	for w, n := range text {
		if want := n * 1000; got[w] < want*9/10 || got[w] > want*11/10 {
			t.Errorf("%q came %d times of 8000, want about %d", w, got[w], want)
		}
	}
	if len(got) != len(text) {
		t.Errorf("words made: %v", got)
	}
}

func zipped(t *testing.T, path string, raw []byte) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("grams.pb.bin")
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
