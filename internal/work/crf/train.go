package crf

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"cloister/internal/work/mesh"
)

// Example is one sequence to learn from: as Model.Run takes it, and the set of labels (bits, by place) that each token may have.
// A token with several may have any of them.
type Example struct {
	Feats  []uint32
	Offs   []int32
	Labels []uint64
	Boost  []float32 // added to the scores, by token and label, if not nil: another model's
	// Learn, if not nil, is told for each token how the likelihood grows with the score of each label, so that the other model
	// learns too; progress rises from 0 to 1 over the training.
	Learn func(i int, grad []float32, progress float64)
}

// Corpus is what a model learns from. At fills e, whose slices it may reuse.
type Corpus interface {
	Len() int
	At(i int, e *Example)
}

// Options of training. The zero value of none is useful: begin with Usual.
type Options struct {
	Bits    uint    // 2 to this power buckets
	Epochs  int     // passes over the corpus
	Rate    float64 // step of AdaGrad
	Decay   float64 // pull of the weights towards 0
	Dropout float64 // share of the features that a step leaves out, so that no one of them is trusted alone
	Seed    uint64
}

// Usual are options that served well for entities.
func Usual() Options {
	return Options{Bits: 20, Epochs: 8, Rate: 0.15, Decay: 1e-6, Dropout: 0.2, Seed: 1}
}

// Memory is what Train needs for its tables, in bytes.
func (o Options) Memory(labels int) int64 { return int64(9*labels) << o.Bits }

// Train fits a model: it maximises the likelihood of the allowed labels, sequence by sequence, in an order that Seed decides.
func Train(labels Labels, corpus Corpus, o Options) *Model {
	m, _ := TrainTogether(mesh.Alone(), labels, corpus, o) // who is alone has no errors
	return m
}

// mixes is how often an epoch the instances put together what they learnt. Twice as often is no better.
const mixes = 4

// TrainTogether is Train by several instances, each with a corpus of its own. All have the same model then.
func TrainTogether(m *mesh.Mesh, labels Labels, corpus Corpus, o Options) (*Model, error) {
	n := len(labels)
	rows, trans := mesh.NewRows(m, 1<<o.Bits, n), mesh.NewRows(m, 1, (n+1)*n)
	t := &trainer{n: n, weight: rows.W, square: rows.G, touched: rows.Touched, trans: trans.W, transSquare: trans.G, o: o}
	t.grad, t.gradTrans = make([]float32, n), make([]float32, (n+1)*n)
	parts := 1
	if m.Count > 1 {
		parts = mixes
	}
	rng := rand.New(rand.NewPCG(o.Seed, 7+uint64(m.Index))) //nolint:gosec // not for secrets: the order must repeat
	order := make([]int, corpus.Len())
	for i := range order {
		order[i] = i
	}
	var e Example
	for epoch := range o.Epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		t.progress = float64(epoch) / float64(o.Epochs)
		t.rate = float32(o.Rate * (1 - 0.9*t.progress))
		for p := range parts {
			for _, i := range order[len(order)*p/parts : len(order)*(p+1)/parts] {
				corpus.At(i, &e)
				if len(e.Offs) > 1 {
					t.step(&e, rng)
				}
			}
			if m.Count > 1 {
				trans.Touched[0] = true
				if err := m.Mix(rows, trans); err != nil {
					return nil, err
				}
			}
		}
	}
	return quantise(labels, o.Bits, t.weight, t.trans), nil
}

type trainer struct {
	n                  int
	o                  Options
	rate               float32
	progress           float64
	weight, square     []float32
	touched            []bool // rows of weights that were moved; nil: nobody asks
	trans, transSquare []float32
	free, bound        Lattice
	exp                []float32
	grad, gradTrans    []float32
	feats              []uint32
	offs               []int32
}

func (t *trainer) step(e *Example, rng *rand.Rand) {
	n := t.n
	feats, offs := e.Feats, e.Offs
	if t.o.Dropout > 0 {
		feats, offs = t.drop(e, rng)
	}
	t.exp = exps(t.trans, n, t.exp)
	t.free.reset(len(offs)-1, n)
	t.bound.reset(len(offs)-1, n)
	t.free.exp, t.bound.exp = t.exp, t.exp
	keep := float32(1 / (1 - t.o.Dropout))
	for i := range t.free.n {
		s := t.free.emit[i*n : i*n+n]
		clear(s)
		for _, f := range feats[offs[i]:offs[i+1]] {
			for k, w := range t.weight[int(f)*n : int(f)*n+n] {
				s[k] += w
			}
		}
		for k := range s {
			s[k] *= keep
		}
		if e.Boost != nil {
			for k, b := range e.Boost[i*n : i*n+n] {
				s[k] += b
			}
		}
		soften(s)
	}
	copy(t.bound.emit, t.free.emit)
	if !t.free.sweep(nil) || !t.bound.sweep(e.Labels) {
		return
	}
	clear(t.gradTrans)
	decay := float32(t.o.Decay)
	for i := range t.free.n {
		var far float32
		for k := range t.grad {
			g := t.bound.Label(i, k) - t.free.Label(i, k)
			t.grad[k] = g
			far = max(far, g, -g)
		}
		t.expect(i, &t.bound, 1, e.Labels)
		t.expect(i, &t.free, -1, nil)
		if far < 1e-3 {
			continue
		}
		if e.Learn != nil {
			e.Learn(i, t.grad, t.progress)
		}
		for _, f := range feats[offs[i]:offs[i+1]] {
			at := int(f) * n
			w, q := t.weight[at:at+n], t.square[at:at+n]
			if t.touched != nil {
				t.touched[f] = true
			}
			for k, g := range t.grad {
				g -= decay * w[k]
				q[k] += g * g
				if q[k] > 0 {
					w[k] += t.rate * g / root(q[k])
				}
			}
		}
	}
	for k, g := range t.gradTrans {
		if g != 0 {
			t.transSquare[k] += g * g
			t.trans[k] += t.rate * g / root(t.transSquare[k])
		}
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) + 1e-3 }

// drop leaves features out by chance.
func (t *trainer) drop(e *Example, rng *rand.Rand) ([]uint32, []int32) {
	t.feats, t.offs = t.feats[:0], append(t.offs[:0], 0)
	limit := uint32(t.o.Dropout * math.MaxUint32)
	for i := range len(e.Offs) - 1 {
		for _, f := range e.Feats[e.Offs[i]:e.Offs[i+1]] {
			if rng.Uint32() >= limit {
				t.feats = append(t.feats, f)
			}
		}
		t.offs = append(t.offs, int32(len(t.feats)))
	}
	return t.feats, t.offs
}

// expect adds the expected transitions into token i.
func (t *trainer) expect(i int, l *Lattice, sign float32, mask []uint64) {
	n := t.n
	if i == 0 {
		for k := range n {
			t.gradTrans[n*n+k] += sign * l.Label(0, k)
		}
		return
	}
	e, b, c := l.emit[i*n:i*n+n], l.beta[i*n:i*n+n], l.norm[i]
	for p, v := range l.alpha[(i-1)*n : i*n] {
		if v == 0 {
			continue
		}
		v *= sign / c
		x, g := t.exp[p*n:p*n+n], t.gradTrans[p*n:p*n+n]
		if mask == nil {
			for k := range n {
				g[k] += v * x[k] * e[k] * b[k]
			}
			continue
		}
		for set := mask[i]; set != 0; set &= set - 1 {
			k := bits.TrailingZeros64(set)
			g[k] += v * x[k] * e[k] * b[k]
		}
	}
}

// clip is the greatest weight that is kept as it is; few are greater.
const clip = 4

func quantise(labels Labels, bits uint, weight, trans []float32) *Model {
	m := &Model{Labels: slices.Clone(labels), bits: bits, weight: make([]int8, len(weight)), trans: trans}
	var top float32
	for _, w := range weight {
		top = max(top, w, -w)
	}
	m.scale = max(min(top, clip), 1e-6) / 127
	for i, w := range weight {
		m.weight[i] = int8(math.Round(float64(max(min(w/m.scale, 127), -127))))
	}
	m.exp = exps(m.trans, len(labels), nil)
	return m
}

// Mean gives the model whose scores are the means of the models' scores. They have the same labels and bits.
func Mean(models []*Model) *Model {
	first := models[0]
	weight, trans := make([]float32, len(first.weight)), make([]float32, len(first.trans))
	share := 1 / float32(len(models))
	for _, m := range models {
		for i, w := range m.weight {
			weight[i] += share * m.scale * float32(w)
		}
		for i, t := range m.trans {
			trans[i] += share * t
		}
	}
	return quantise(first.Labels, first.bits, weight, trans)
}
