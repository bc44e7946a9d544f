package main

import (
	"math"
	"math/rand/v2"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/vector"
)

// teacher trains a net together with the CRF that it helps: in each step the CRF tells how its scores should change.
type teacher struct {
	net       *entity.Net
	squareIn  []float32
	squareOut []float32
	rng       *rand.Rand
	rate      float64
	drop      float64
	views     []*entity.View // of the sentence at hand, nil where the net is silent
	hidden    [][entity.Hidden]float32
	mask      [][entity.Hidden]float32
	vectors   map[vector.Word]*vector.Vector
}

// stretch is how much longer the vectors are taken in training, so that one step suits marks and vectors alike.
const stretch = 3

func newTeacher(labels crf.Labels, rate, drop float64, seed uint64) *teacher {
	n := len(labels)
	t := &teacher{net: &entity.Net{Labels: n, In: make([]float32, entity.Inputs*entity.Hidden), Out: make([]float32, entity.Hidden*n)}, rate: rate, drop: drop,
		rng: rand.New(rand.NewPCG(seed, 21)), vectors: map[vector.Word]*vector.Vector{}}
	t.squareIn, t.squareOut = make([]float32, entity.Inputs), make([]float32, len(t.net.Out))
	for i := range t.squareIn { // so that the first steps are no leaps
		t.squareIn[i] = 0.01
	}
	for i := range t.squareOut {
		t.squareOut[i] = 0.05
	}
	for i := range t.net.In {
		t.net.In[i] = float32(t.rng.NormFloat64() * 0.1)
	}
	for i := range t.net.Out {
		t.net.Out[i] = float32(t.rng.NormFloat64() * 0.05)
	}
	return t
}

// see gives the views of the extractor's last sentence.
func see(x *entity.Extractor) []*entity.View {
	out := make([]*entity.View, len(x.Offs)-1)
	var v entity.View
	for i := range out {
		if x.View(i, &v) {
			out[i] = &entity.View{Words: v.Words, Marks: append([]uint16(nil), v.Marks...)}
		}
	}
	return out
}

func (t *teacher) vector(w vector.Word) *vector.Vector {
	v := t.vectors[w]
	if v == nil {
		v = &vector.Vector{}
		w.Add(v[:], stretch)
		t.vectors[w] = v
	}
	return v
}

// boost computes the net's scores of a sentence, by piece and label, some hidden units left out by chance.
func (t *teacher) boost(views []*entity.View, out []float32) []float32 {
	t.views = views
	n := t.net.Labels
	out = out[:0]
	for len(t.hidden) < len(views) {
		t.hidden, t.mask = append(t.hidden, [entity.Hidden]float32{}), append(t.mask, [entity.Hidden]float32{})
	}
	keep := float32(1 / (1 - t.drop))
	for i, v := range views {
		at := len(out)
		for range n {
			out = append(out, 0)
		}
		if v == nil {
			continue
		}
		var h [entity.Hidden]float32
		for k, w := range v.Words {
			if w == (vector.Word{}) {
				continue
			}
			in := t.net.In[k*vector.Dims*entity.Hidden : (k+1)*vector.Dims*entity.Hidden]
			x := t.vector(w)
			for d := 0; d < vector.Dims; d += 4 {
				four(&h, in[d*entity.Hidden:], x[d], x[d+1], x[d+2], x[d+3])
			}
		}
		for _, m := range v.Marks {
			row := t.net.In[(entity.Views*vector.Dims+int(m))*entity.Hidden:][:entity.Hidden]
			for j, y := range row {
				h[j] += y
			}
		}
		t.hidden[i] = h
		for j, y := range h {
			t.mask[i][j] = 0
			if t.rng.Float64() < t.drop {
				continue
			}
			t.mask[i][j] = keep
			y = keep * entity.Bend(y)
			for k, w := range t.net.Out[j*n : (j+1)*n] {
				out[at+k] += y * w
			}
		}
	}
	return out
}

// four adds four rows to h, each times its factor.
func four(h *[entity.Hidden]float32, rows []float32, x0, x1, x2, x3 float32) {
	r0, r1 := (*[entity.Hidden]float32)(rows), (*[entity.Hidden]float32)(rows[entity.Hidden:])
	r2, r3 := (*[entity.Hidden]float32)(rows[2*entity.Hidden:]), (*[entity.Hidden]float32)(rows[3*entity.Hidden:])
	for j := range h {
		h[j] += x0*r0[j] + x1*r1[j] + x2*r2[j] + x3*r3[j]
	}
}

// learn takes a step: grad is of the scores of piece i.
func (t *teacher) learn(i int, grad []float32, progress float64) {
	v := t.views[i]
	if v == nil {
		return
	}
	n := t.net.Labels
	rate := float32(t.rate * (1 - 0.9*progress))
	var back [entity.Hidden]float32
	for j, x := range t.hidden[i] {
		m := t.mask[i][j]
		if m == 0 {
			continue
		}
		y := m * entity.Bend(x)
		var sum float32
		w, q := t.net.Out[j*n:(j+1)*n], t.squareOut[j*n:(j+1)*n]
		for k, g := range grad {
			sum += g * w[k]
			d := g * y
			q[k] += d * d
			w[k] += rate * d / root(q[k])
		}
		slope := 1 + max(x, -x)
		back[j] = sum * m / (slope * slope)
	}
	var size float32
	for _, b := range back {
		size += b * b
	}
	size /= entity.Hidden
	for k, w := range v.Words {
		if w == (vector.Word{}) {
			continue
		}
		for d, x := range t.vector(w) {
			t.push(k*vector.Dims+d, x, size, &back, rate)
		}
	}
	for _, m := range v.Marks {
		t.push(entity.Views*vector.Dims+int(m), 1, size, &back, rate)
	}
}

// push takes the step of one input's weights, whose size AdaGrad decides for all of them together.
func (t *teacher) push(input int, x, size float32, back *[entity.Hidden]float32, rate float32) {
	q := &t.squareIn[input]
	*q += x * x * size
	step := rate * x / root(*q)
	w := (*[entity.Hidden]float32)(t.net.In[input*entity.Hidden:])
	for j := range w {
		w[j] += step * back[j]
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) + 1e-3 }

// ready gives the net as the engine has it.
func (t *teacher) ready(table *vector.Table) *entity.Net {
	for i := range entity.Views * vector.Dims * entity.Hidden {
		t.net.In[i] *= stretch
	}
	t.net.Ready(table)
	return t.net
}
