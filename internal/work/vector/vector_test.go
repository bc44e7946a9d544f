package vector_test

import (
	"math"
	"testing"

	"cloister/internal/work/vector"
)

func TestLikeness(t *testing.T) {
	table := vector.Open()
	for _, c := range []struct{ word, like, unlike string }{
		{"london", "paris", "cheese"},
		{"Tuesday", "friday", "copper"},
		{"john", "Robert", "table"},
		{"good", "great", "copper"},
		{"bank", "banks", "violin"},
		{"Microsoft", "google", "senate"},
	} {
		w, a, b := find(t, table, c.word), find(t, table, c.like), find(t, table, c.unlike)
		if near, far := product(w, a), product(w, b); near < 0.5 || far > 0.4 || near < far+0.25 {
			t.Errorf("%s is %.2f like %s and %.2f like %s", c.word, near, c.like, far, c.unlike)
		}
	}
}

func product(a, b vector.Word) float64 {
	x, y := a.Vector(), b.Vector()
	x[0], y[0] = 0, 0 // tells how frequent they are
	var s, m, n float64
	for i := range x {
		s, m, n = s+float64(x[i]*y[i]), m+float64(x[i]*x[i]), n+float64(y[i]*y[i])
	}
	return s / math.Sqrt(m*n)
}

func find(t *testing.T, table *vector.Table, word string) vector.Word {
	t.Helper()
	w, ok := table.Find(word)
	if !ok {
		t.Fatalf("%q is not known", word)
	}
	return w
}

func TestFind(t *testing.T) {
	table := vector.Open()
	for _, w := range []string{"the", ",", "The", "THE", "$", "well-known", "“"} {
		if _, ok := table.Find(w); !ok {
			t.Errorf("%q is not known", w)
		}
	}
	for _, w := range []string{"", "1998", "'s", "xqzvbnqq", "thhhhe", "qwrtzpsdf", "🙂🙂🙂"} {
		if _, ok := table.Find(w); ok {
			t.Errorf("%q is known", w)
		}
	}
	if a, b := find(t, table, "Monday"), find(t, table, "mONDAY"); a != b {
		t.Error("Monday is two words")
	}
}

func TestClustersNest(t *testing.T) {
	table := vector.Open()
	a, b := find(t, table, "january"), find(t, table, "february")
	for level, n := range vector.Clusters {
		x, y := a.Cluster(level), b.Cluster(level)
		if x < 0 || x >= n {
			t.Errorf("level %d has cluster %d of %d", level, x, n)
		}
		if x != y {
			t.Errorf("january and february part at level %d", level)
		}
	}
	up := map[[2]int]int{}
	for _, s := range []string{"paris", "london", "violin", "cheese", "king", "run", "apple", "microsoft", "doctor", "senate", "blue", "rome"} {
		w := find(t, table, s)
		for level := range vector.Levels - 1 {
			at := [2]int{level, w.Cluster(level)}
			if p, ok := up[at]; ok && p != w.Cluster(level+1) {
				t.Errorf("cluster %v lies within two", at)
			}
			up[at] = w.Cluster(level + 1)
		}
	}
}

func TestRank(t *testing.T) {
	table := vector.Open()
	if r := find(t, table, "the").Rank(); r != 1 {
		t.Errorf("the has rank %d", r)
	}
	if a, b := find(t, table, "house").Rank(), find(t, table, "marzipan").Rank(); a > 1000 || b < 10_000 || b > 260_000 {
		t.Errorf("house has rank %d and marzipan %d", a, b)
	}
}

func TestAdd(t *testing.T) {
	table := vector.Open()
	w := find(t, table, "river")
	v := w.Vector()
	sum := make([]float32, 10)
	w.Add(sum, 2)
	w.Add(sum, -1)
	for i, x := range sum {
		if math.Abs(float64(x-v[i])) > 1e-5 {
			t.Errorf("number %d is %g, not %g", i, x, v[i])
		}
	}
}

func BenchmarkFind(b *testing.B) {
	table := vector.Open()
	words := []string{"the", "House", "of", "Representatives", "xqzvbnqq", "met", "on", "Tuesday"}
	var v [vector.Dims]float32
	for i := range b.N {
		if w, ok := table.Find(words[i%len(words)]); ok {
			w.Add(v[:], 1)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for range b.N {
		vector.Open()
	}
}
