package crf_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"cloister/internal/work/crf"
)

// corpus is a made-up language: the word's number decides its label, but 5 is of the type of the word before it.
type corpus [][]int

func (c corpus) Len() int { return len(c) }

func (c corpus) At(i int, e *crf.Example) {
	e.Feats, e.Offs, e.Labels = e.Feats[:0], append(e.Offs[:0], 0), e.Labels[:0]
	last := 0
	for _, w := range c[i] {
		e.Feats = append(e.Feats, uint32(w))
		e.Offs = append(e.Offs, int32(len(e.Feats)))
		switch w {
		case 1:
			last = 1
		case 2:
			last = 3
		case 5:
			if last == 1 || last == 3 {
				last++
			}
		default:
			last = 0
		}
		e.Labels = append(e.Labels, 1<<last)
	}
}

func train(t testing.TB) (*crf.Model, crf.Labels) {
	t.Helper()
	labels := crf.NewLabels([]string{"A", "B"})
	return crf.Train(labels, made(), options()), labels
}

func made() corpus {
	var c corpus
	for range 60 {
		c = append(c, []int{0, 1, 5, 0, 3}, []int{3, 2, 5, 5, 4}, []int{2, 0, 1}, []int{4, 0, 5, 3}, []int{1, 5, 2, 5})
	}
	return c
}

func options() crf.Options {
	o := crf.Usual()
	o.Bits, o.Epochs, o.Dropout, o.Rate = 4, 10, 0, 0.2
	return o
}

func offs(n int) []int32 {
	out := make([]int32, n+1)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func TestLearns(t *testing.T) {
	m, _ := train(t)
	var l crf.Lattice
	m.Run(&l, []uint32{0, 2, 5, 5, 0, 1, 3}, offs(7), nil)
	got := l.Spans(0.5, 10)
	if len(got) != 2 || got[0].Begin != 1 || got[0].End != 4 || got[0].Type != 1 || got[1].Begin != 5 || got[1].End != 6 || got[1].Type != 0 {
		t.Fatalf("got %+v", got)
	}
}

// The probability of a span must be the sum over all sequences of labels that hold exactly it.
func TestSpanProbabilityIsExact(t *testing.T) {
	m, labels := train(t)
	words := []uint32{1, 7, 5, 2}
	var l crf.Lattice
	m.Run(&l, words, offs(4), nil)
	spans := map[[3]int]float64{}
	for b := range 4 {
		var sum float64
		for k := range labels {
			sum += float64(l.Label(b, k))
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Fatalf("labels of %d sum to %v", b, sum)
		}
	}
	total := 0.0
	var walk func(i int, way []int)
	walk = func(i int, way []int) {
		if i == 4 {
			p := probability(m, words, way, len(labels))
			total += p
			for b := range 4 {
				if way[b]&1 == 1 {
					e := b + 1
					for e < 4 && way[e] == way[b]+1 {
						e++
					}
					spans[[3]int{b, e, way[b] / 2}] += p
				}
			}
			return
		}
		for k := range labels {
			if k == 0 || k&1 == 1 || i > 0 && (way[i-1] == k || way[i-1] == k-1) {
				walk(i+1, append(way[:i:i], k))
			}
		}
	}
	walk(0, nil)
	if math.Abs(total-1) > 1e-3 {
		t.Fatalf("all ways sum to %v", total)
	}
	seen := 0
	for _, s := range l.Spans(0.02, 10) {
		seen++
		if want := spans[[3]int{s.Begin, s.End, s.Type}]; math.Abs(want-s.Score) > 1e-3 {
			t.Errorf("span %+v: want %v", s, want)
		}
	}
	if seen == 0 {
		t.Fatal("no span seen")
	}
}

// probability of one way: what the lattice says of its first label, then of each next one given those before, by boosting them.
func probability(m *crf.Model, words []uint32, way []int, n int) float64 {
	var l crf.Lattice
	p := 1.0
	boost := make([]float32, len(words)*n)
	for i, k := range way {
		m.Run(&l, words, offs(len(words)), boost)
		p *= float64(l.Label(i, k))
		boost[i*n+k] = 25
	}
	return p
}

// Again with a boost must be Run with it; without any, Run.
func TestAgain(t *testing.T) {
	m, labels := train(t)
	words := []uint32{1, 7, 5, 2}
	boost := make([]float32, 4*len(labels))
	for range 2 {
		var want, got crf.Lattice
		m.Run(&want, words, offs(4), nil)
		emit := want.Emit(nil)
		m.Run(&want, words, offs(4), boost)
		m.Again(&got, emit, boost)
		for i := range words {
			for k := range labels {
				if math.Abs(float64(want.Label(i, k)-got.Label(i, k))) > 1e-4 {
					t.Errorf("label %d of %d: %v, not %v", k, i, got.Label(i, k), want.Label(i, k))
				}
			}
		}
		boost[0], boost[len(labels)+3] = 2, 1.5
	}
}

// The mean of a model and of itself is it; that of models that disagree is between them.
func TestMean(t *testing.T) {
	m, labels := train(t)
	other := made()
	for _, words := range other {
		for i, w := range words {
			if w == 1 || w == 2 {
				words[i] = 3 - w
			}
		}
	}
	swapped := crf.Train(labels, relabelled{other}, options())
	label := func(m *crf.Model) float32 {
		var l crf.Lattice
		m.Run(&l, []uint32{1}, offs(1), nil)
		return l.Label(0, 1)
	}
	if a, b := label(m), label(crf.Mean([]*crf.Model{m, m})); math.Abs(float64(a-b)) > 0.01 || a < 0.8 {
		t.Errorf("label %v, of the mean %v", a, b)
	}
	if a, b, c := label(m), label(swapped), label(crf.Mean([]*crf.Model{m, swapped})); b > 0.2 || c > a-0.1 || c < b+0.1 {
		t.Errorf("labels %v and %v, of the mean %v", a, b, c)
	}
}

// relabelled is a corpus in which 1 means what 2 means elsewhere.
type relabelled struct{ corpus }

func (c relabelled) At(i int, e *crf.Example) {
	c.corpus.At(i, e)
	for j, f := range e.Feats {
		if f == 1 || f == 2 {
			e.Feats[j] = 3 - f
		}
	}
}

func TestFile(t *testing.T) {
	m, _ := train(t)
	var b bytes.Buffer
	if err := m.Write(&b, 1); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	r, err := crf.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var one, two crf.Lattice
	m.Run(&one, []uint32{1, 5, 0}, offs(3), nil)
	r.Run(&two, []uint32{1, 5, 0}, offs(3), nil)
	for i := range 3 {
		for k := range 5 {
			if one.Label(i, k) != two.Label(i, k) {
				t.Fatalf("label %d of %d differs", k, i)
			}
		}
	}
	again, _ := train(t)
	var c bytes.Buffer
	if err := again.Write(&c, 1); err != nil || !bytes.Equal(raw, c.Bytes()) {
		t.Error("training twice gives two models")
	}
	for cut := range len(raw) {
		if _, err := crf.Read(bytes.NewReader(raw[:cut])); err == nil {
			t.Fatalf("a model cut at %d was read", cut)
		}
	}
	if _, err := crf.Read(strings.NewReader("not a model")); err == nil {
		t.Error("no model was read")
	}
}

func FuzzRead(f *testing.F) {
	m, _ := train(f)
	var b bytes.Buffer
	if err := m.Write(&b, 1); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := crf.Read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		var l crf.Lattice
		m.Run(&l, []uint32{0, 1}, offs(2), nil)
		for _, s := range l.Spans(0.01, 5) {
			if math.IsNaN(s.Score) || s.Score < 0 || s.Score > 1 {
				t.Fatalf("score %v", s.Score)
			}
		}
	})
}

// helped is a corpus whose features all read alike; the other model, a score for each word and label, must learn alone what the
// words tell.
type helped struct {
	corpus
	scores [6][5]float32
	at     int
}

func (c *helped) At(i int, e *crf.Example) {
	c.corpus.At(i, e)
	c.at = i
	e.Boost = e.Boost[:0]
	for j, w := range c.corpus[i] {
		e.Feats[j] = 9
		e.Boost = append(e.Boost, c.scores[w][:]...)
	}
	e.Learn = func(i int, grad []float32, progress float64) {
		if progress < 0 || progress >= 1 {
			panic("progress")
		}
		for k, g := range grad {
			c.scores[c.corpus[c.at][i]][k] += 0.2 * g
		}
	}
}

func TestOtherModelLearns(t *testing.T) {
	c := &helped{corpus: made()}
	o := crf.Usual()
	o.Bits, o.Epochs, o.Dropout = 4, 10, 0
	m := crf.Train(crf.NewLabels([]string{"A", "B"}), c, o)
	var boost []float32
	for _, w := range []int{0, 2, 5, 5, 0, 1, 3} {
		boost = append(boost, c.scores[w][:]...)
	}
	var l crf.Lattice
	m.Run(&l, []uint32{9, 9, 9, 9, 9, 9, 9}, offs(7), boost)
	got := l.Spans(0.5, 10)
	if len(got) != 2 || got[0].Begin != 1 || got[0].End != 4 || got[0].Type != 1 || got[1].Begin != 5 || got[1].End != 6 || got[1].Type != 0 {
		t.Fatalf("got %+v", got)
	}
}
