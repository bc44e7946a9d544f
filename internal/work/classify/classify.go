// Package classify learns to tell classes of documents apart from labelled ones, and tells them. It keeps no text: a document is
// sums of its words before the next one is read, and a model is weights of such sums.
package classify

import (
	"cmp"
	"errors"
	"io"
	"math"
	"slices"

	"cloister/internal/core/job"
)

// Engine classifies with a trained model. It satisfies analyse.Engine.
type Engine struct {
	m *model
	h *hasher
	v vector
	z []float32
}

// Open reads the model that Learner.Finish wrote.
func Open(_ job.Setup, r io.Reader) (*Engine, error) {
	if r == nil {
		return nil, errors.New("cannot classify without a model")
	}
	m, err := read(r)
	if err != nil {
		return nil, err
	}
	return &Engine{m: m, h: newHasher(m.pieces), z: make([]float32, len(m.labels))}, nil
}

// Class is a class of a document. Score is from 0 to 1.
type Class struct {
	Name  string
	Score float64
}

// best is how many classes of a document are told, and least is what a label of MULTI_LABEL must score to be told.
const (
	best  = 3
	least = .01
)

// Analyse tells the classes of a text, best first: {"Classes"} with the three best, or {"Labels"} with those of .01 and more, the best one
// always. A text without a word has the scores of the classes' frequencies.
func (e *Engine) Analyse(text []byte) (any, error) {
	e.h.read(text)
	e.v.reset()
	for _, b := range e.h.touched {
		e.v.add(&e.m.index, e.m.idf, b, e.h.count[b])
	}
	e.h.clear()
	e.v.norm(&e.m.index)
	e.m.logits(&e.v, e.z)
	e.m.probabilities(e.z)
	all := make([]Class, len(e.z))
	for k, p := range e.z {
		all[k] = Class{e.m.labels[k], math.Round(float64(p)*1e6) / 1e6}
	}
	slices.SortStableFunc(all, func(a, b Class) int { return cmp.Compare(b.Score, a.Score) })
	if !e.m.multi {
		return struct{ Classes []Class }{all[:min(best, len(all))]}, nil
	}
	n := 1
	for n < len(all) && all[n].Score >= least {
		n++
	}
	return struct{ Labels []Class }{all[:n]}, nil
}
