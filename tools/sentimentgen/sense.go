package main

import (
	"fmt"
	"maps"
	"math"
	"math/rand"
	"slices"
	"strings"

	"cloister/internal/work/sentiment"
	"cloister/internal/work/vector"
)

// place is a word's vector and the valence that it should have.
type place struct {
	v              vector.Vector
	valence, trust float64
}

// fitValence fits the way from vectors to valences: the words of the lexicon, and as neutral ones a quarter of the words that are frequent in texts
// and that the lexicon lacks.
func fitValence(s *sentiment.Sense, lex *lexicon, texts []example) {
	var ps []place
	for _, w := range slices.Sorted(maps.Keys(lex.known)) {
		if v, _, ok := s.Vector(w); ok && !strings.Contains(w, "_") {
			ps = append(ps, place{v, lex.known[w], 1})
		}
	}
	count := map[string]int{}
	for _, e := range texts {
		for w := range strings.FieldsSeq(strings.ToLower(e.text)) {
			count[w]++
		}
	}
	n := 0
	for _, w := range slices.Sorted(maps.Keys(count)) {
		if count[w] < 5 || lex.known[w] != 0 || lex.guessed[w] != 0 {
			continue
		}
		if v, _, ok := s.Vector(w); ok && n%2 == 0 {
			ps = append(ps, place{v, 0, .3})
		}
		n++
	}
	const passes, rate, decay, width = 20, .03, 1e-4, vector.Dims + 1
	rng := rand.New(rand.NewSource(seed))
	in, out := make([]float64, len(s.In)), make([]float64, len(s.Out))
	for i := range in {
		in[i] = rng.NormFloat64() * .5
	}
	for j := range sentiment.Hidden {
		in[j*width+vector.Dims] = 0
		out[j] = rng.NormFloat64() * .1
	}
	var h [sentiment.Hidden]float64
	for e := range passes {
		r := rate * (1 - float64(e)/passes)
		off := 0.0
		for _, i := range rng.Perm(len(ps)) {
			p := &ps[i]
			y := out[sentiment.Hidden]
			for j := range h {
				row := in[j*width : (j+1)*width]
				a := row[vector.Dims]
				for k, x := range p.v {
					a += row[k] * float64(x)
				}
				h[j] = math.Tanh(a)
				y += out[j] * h[j]
			}
			d := p.trust * (y - p.valence)
			off += d * d
			for j := range h {
				g := d * out[j] * (1 - h[j]*h[j])
				out[j] -= r * (d*h[j] + decay*out[j])
				row := in[j*width : (j+1)*width]
				for k, x := range p.v {
					row[k] -= r * (g*float64(x) + decay*row[k])
				}
				row[vector.Dims] -= r * g
			}
			out[sentiment.Hidden] -= r * d
		}
		if e == passes-1 {
			fmt.Printf("valence from vectors: %d words, mean square %.3f\n", len(ps), off/float64(len(ps)))
		}
	}
	for i, x := range in {
		s.In[i] = float32(x)
	}
	for i, x := range out {
		s.Out[i] = float32(x)
	}
}

// fitGenre fits how much a text is like a review, by the reviews and an eighth of the talk, either weighing the same.
func fitGenre(s *sentiment.Sense, talk, reviews []example) {
	type text struct {
		x       []float64
		y, much float64
	}
	var ts []text
	add := func(e example, y, much float64) {
		seen := s.See(sentiment.Cut(e.text), func(string) bool { return false })
		x := make([]float64, vector.Dims+1)
		for d := range vector.Dims {
			x[d] = float64(seen.Sums[0][d] + seen.Sums[1][d])
		}
		x[vector.Dims] = 1
		ts = append(ts, text{x, y, much})
	}
	for i := 0; i < len(talk); i += 8 {
		add(talk[i], 0, 1)
	}
	much := float64(len(ts)) / float64(len(reviews)) / 2
	for _, e := range reviews {
		add(e, 1, much)
	}
	u := make([]float64, vector.Dims+1)
	rng := rand.New(rand.NewSource(seed))
	for e := range 10 {
		r := .1 / float64(e+1)
		for _, i := range rng.Perm(len(ts)) {
			t := &ts[i]
			z := 0.0
			for d, x := range t.x {
				z += u[d] * x
			}
			g := t.much * (1/(1+math.Exp(-z)) - t.y)
			for d, x := range t.x {
				u[d] -= r * (g*x + 1e-4*u[d])
			}
		}
	}
	for d, x := range u {
		s.Genre[d] = float32(x)
	}
}
