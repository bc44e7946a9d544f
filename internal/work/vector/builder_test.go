package vector

import (
	"fmt"
	"testing"
)

// built is a table of n words, each in a leaf of its number.
func built(n int) *Builder {
	b := &Builder{}
	for range Groups {
		b.Codebooks, b.Codes = append(b.Codebooks, make([]float32, 256*Each)), append(b.Codes, make([]byte, n))
	}
	b.Codebooks[3][7*Each+1] = 0.5
	for i := range n {
		b.Words, b.Leaf = append(b.Words, fmt.Sprint("word", i)), append(b.Leaf, int32(i))
		b.Codes[3][i] = byte(i)
	}
	for level := range Levels - 1 {
		up := make([]int32, Clusters[level])
		for i := range up {
			up[i] = int32(i % Clusters[level+1])
		}
		b.Parents = append(b.Parents, up)
	}
	return b
}

func TestBuilder(t *testing.T) {
	raw, left := built(3000).Table()
	if left != 0 {
		t.Fatalf("%d words left out", left)
	}
	table, ok := over(string(raw))
	if !ok {
		t.Fatal("not a table")
	}
	for i := range 3000 {
		w, ok := table.Find(fmt.Sprint("WORD", i))
		if !ok || w.Cluster(0) != i || w.Cluster(1) != i%1024 || w.Cluster(3) != i%64 {
			t.Fatalf("word %d is %v %v", i, w.at, ok)
		}
		want := float32(0)
		if byte(i) == 7 {
			want = 0.5
		}
		if v := w.Vector(); v[1*Groups+3] != want {
			t.Fatalf("word %d has %v", i, v)
		}
		if r := float64(w.Rank()) / float64(i+1); r < 0.9 || r > 1.1 {
			t.Fatalf("word %d has rank %d", i, w.Rank())
		}
	}
	if _, ok := table.Find("word3000"); ok {
		t.Error("word3000 is known")
	}
}

func TestOverRefuses(t *testing.T) {
	raw, _ := built(20).Table()
	for _, n := range []int{0, 3, 100, len(raw) - 1} {
		if _, ok := over(string(raw[:n])); ok {
			t.Errorf("%d bytes of %d are a table", n, len(raw))
		}
	}
	if _, ok := over(string(raw) + "x"); ok {
		t.Error("a byte more is a table")
	}
}
