// Package crf is a linear-chain conditional random field over hashed features: it gives each label of each token a
// probability, and each span too. It knows neither text nor entities, and computes the same from the same always.
package crf

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// MaxLabels bounds the labels: sets of them are bits of one word.
const MaxLabels = 64

// Labels are O, and B-T and I-T for each type: I-T follows B-T or I-T alone.
type Labels []string

// NewLabels gives the labels of some types: O first, then B and I of each type in the order given.
func NewLabels(types []string) Labels {
	out := Labels{"O"}
	for _, t := range types {
		out = append(out, "B-"+t, "I-"+t)
	}
	return out
}

// Types gives the types of the labels in their order.
func (l Labels) Types() []string {
	var out []string
	for i := 1; i < len(l); i += 2 {
		out = append(out, strings.TrimPrefix(l[i], "B-"))
	}
	return out
}

// Index gives the place of a label, or -1.
func (l Labels) Index(label string) int { return slices.Index(l, label) }

// follows says whether label k may stand after p; p < 0 is the beginning.
func follows(p, k int) bool {
	return k == 0 || k&1 == 1 || p == k || p == k-1
}

// Model scores labels by the features of tokens.
type Model struct {
	Labels Labels
	bits   uint
	scale  float32
	weight []int8    // by bucket and label
	trans  []float32 // by label and the one after it; the last row is the beginning
	exp    []float32 // of trans; 0 where one may not follow
}

// Bucket is the place of a feature's hash in the model's tables.
func Bucket(hash uint64, bits uint) uint32 { return uint32(hash >> (64 - bits)) }

// Bits is the width of the model's buckets.
func (m *Model) Bits() uint { return m.bits }

func exps(trans []float32, n int, out []float32) []float32 {
	out = slices.Grow(out[:0], len(trans))[:len(trans)]
	for p := 0; p <= n; p++ {
		from := p
		if p == n {
			from = -1
		}
		for k := range n {
			out[p*n+k] = 0
			if follows(from, k) {
				out[p*n+k] = float32(math.Exp(float64(trans[p*n+k])))
			}
		}
	}
	return out
}

// Lattice is the room in which one sequence is computed. The zero value is ready; it is not for two goroutines.
type Lattice struct {
	n, labels   int
	emit        []float32 // exp of scores, by token and label
	alpha, beta []float32
	norm        []float32
	exp         []float32
	sum         []int32
}

// floor bounds how far below the best label's score another one's counts, so that nothing underflows.
const floor = -30

// Run computes a sequence: Feature buckets of token i are feats[offs[i]:offs[i+1]]. boost, if not nil, is added to the scores, by
// token and label.
func (m *Model) Run(l *Lattice, feats []uint32, offs []int32, boost []float32) {
	n := len(m.Labels)
	l.reset(len(offs)-1, n)
	l.exp = m.exp
	for i := range l.n {
		clear(l.sum)
		for _, f := range feats[offs[i]:offs[i+1]] {
			row := m.weight[int(f)*n : int(f)*n+n]
			for k, w := range row {
				l.sum[k] += int32(w)
			}
		}
		e := l.emit[i*n : i*n+n]
		for k := range e {
			e[k] = float32(l.sum[k]) * m.scale
			if boost != nil {
				e[k] += boost[i*n+k]
			}
		}
		soften(e)
	}
	l.sweep(nil)
}

// Emit appends what the lattice knows of its tokens by themselves, by token and label: what Again takes.
func (l *Lattice) Emit(out []float32) []float32 { return append(out, l.emit...) }

// Again computes a sequence from what Emit gave, with boost added to the scores.
func (m *Model) Again(l *Lattice, emit, boost []float32) {
	n := len(m.Labels)
	l.reset(len(emit)/n, n)
	l.exp = m.exp
	copy(l.emit, emit)
	for i, b := range boost {
		if b != 0 {
			l.emit[i] *= float32(math.Exp(float64(b)))
		}
	}
	l.sweep(nil)
}

// soften turns scores into exponentials, the best of them 1.
func soften(e []float32) {
	top := slices.Max(e)
	for k := range e {
		e[k] = float32(math.Exp(float64(max(e[k]-top, floor))))
	}
}

func (l *Lattice) reset(n, labels int) {
	l.n, l.labels = n, labels
	size := n * labels
	l.emit = slices.Grow(l.emit[:0], size)[:size]
	l.alpha = slices.Grow(l.alpha[:0], size)[:size]
	l.beta = slices.Grow(l.beta[:0], size)[:size]
	l.norm = slices.Grow(l.norm[:0], n)[:n]
	l.sum = slices.Grow(l.sum[:0], labels)[:labels]
}

// sweep runs forward and backward. mask, if not nil, holds the labels that each token may have. It says whether any sequence of
// labels is possible.
func (l *Lattice) sweep(mask []uint64) bool {
	n := l.labels
	for i := range l.n {
		a, e := l.alpha[i*n:i*n+n], l.emit[i*n:i*n+n]
		if i == 0 {
			copy(a, l.exp[n*n:])
		} else {
			clear(a)
			for p, v := range l.alpha[(i-1)*n : i*n] {
				if v == 0 {
					continue
				}
				row := l.exp[p*n : p*n+n]
				for k, x := range row {
					a[k] += v * x
				}
			}
		}
		var sum float32
		for k := range a {
			a[k] *= e[k]
			if mask != nil && mask[i]>>uint(k)&1 == 0 {
				a[k] = 0
			}
			sum += a[k]
		}
		if sum == 0 {
			return false
		}
		l.norm[i] = sum
		for k := range a {
			a[k] /= sum
		}
	}
	for i := l.n - 1; i >= 0; i-- {
		b := l.beta[i*n : i*n+n]
		if i == l.n-1 {
			for k := range b {
				b[k] = 1
			}
			continue
		}
		after, e, c := l.beta[(i+1)*n:(i+2)*n], l.emit[(i+1)*n:(i+2)*n], l.norm[i+1]
		if mask == nil {
			for p := range b {
				var s float32
				for k, x := range l.exp[p*n : p*n+n] {
					s += x * e[k] * after[k]
				}
				b[p] = s / c
			}
			continue
		}
		clear(b)
		for set := mask[i+1]; set != 0; set &= set - 1 {
			k := bits.TrailingZeros64(set)
			v := e[k] * after[k] / c
			for p := range b {
				b[p] += l.exp[p*n+k] * v
			}
		}
	}
	return true
}

// Label is the probability that token i has label k.
func (l *Lattice) Label(i, k int) float32 { return l.alpha[i*l.labels+k] * l.beta[i*l.labels+k] }

// Span is an entity: the tokens [Begin, End) have the type at place Type of Labels.Types, with a probability of Score.
type Span struct {
	Begin, End, Type int
	Score            float64
}

// Spans gives the spans whose probability is at least least, the likelier first where two of them overlap; they are in the order
// of the text and don't overlap. No span is longer than longest tokens.
func (l *Lattice) Spans(least float64, longest int) []Span {
	var all []Span
	n := l.labels
	for i := range l.n {
		for t := range n / 2 {
			b := 2*t + 1
			if float64(l.Label(i, b)) < least {
				continue
			}
			p := float64(l.alpha[i*n+b])
			last := b
			for j := i + 1; ; j++ {
				if s := p * float64(l.leaves(j, last, b+1)); s >= least {
					all = append(all, Span{i, j, t, min(s, 1)})
				}
				if j == l.n || j-i == longest {
					break
				}
				p *= float64(l.exp[last*n+b+1] * l.emit[j*n+b+1] / l.norm[j])
				last = b + 1
				if p*float64(l.beta[j*n+last]) < least {
					break
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Span) int {
		switch {
		case a.Score != b.Score:
			if a.Score > b.Score {
				return -1
			}
			return 1
		}
		return a.Begin - b.Begin
	})
	var out []Span
	for _, s := range all {
		if !slices.ContainsFunc(out, func(o Span) bool { return s.Begin < o.End && o.Begin < s.End }) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Span) int { return a.Begin - b.Begin })
	return out
}

// leaves is the weight of all ways on from label last before token j but the one that goes on with label in.
func (l *Lattice) leaves(j, last, in int) float32 {
	if j == l.n {
		return 1
	}
	n := l.labels
	var s float32
	for q, x := range l.exp[last*n : last*n+n] {
		if q != in {
			s += x * l.emit[j*n+q] * l.beta[j*n+q]
		}
	}
	return s / l.norm[j]
}
