package sentiment

import (
	"encoding/binary"
	"errors"
	"math"

	"cloister/internal/work/vector"
)

// Sense is what word vectors tell: the valence of words that no lexicon holds, and how much a text is like a review.
type Sense struct {
	table *vector.Table
	// In, Out give a word's valence: Hidden rows of a vector's weights and a constant, and the weights of the rows and a constant.
	In, Out []float32
	// Genre gives the logit that a text is a review from the mean of its words' vectors and a constant.
	Genre []float32
}

// Hidden is the number of units between a word's vector and its valence.
const Hidden = 16

// NewSense has no weights yet.
func NewSense() *Sense {
	return &Sense{vector.Open(), make([]float32, Hidden*(vector.Dims+1)), make([]float32, Hidden+1), make([]float32, vector.Dims+1)}
}

// Pack writes the weights, 4 bytes each.
func (s *Sense) Pack() (b []byte) {
	for _, part := range [][]float32{s.In, s.Out, s.Genre} {
		for _, x := range part {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	return b
}

// OpenSense reads what Pack wrote.
func OpenSense(raw []byte) (*Sense, error) {
	s := NewSense()
	if len(raw) != len(s.Pack()) {
		return nil, errors.New("cannot read what vectors say: wrong size")
	}
	for _, part := range [][]float32{s.In, s.Out, s.Genre} {
		for i := range part {
			part[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw))
			raw = raw[4:]
		}
	}
	return s, nil
}

// Vector is the vector of a folded word.
func (s *Sense) Vector(w string) (v vector.Vector, rank int, ok bool) {
	if w == "n't" {
		w = "not"
	}
	x, ok := s.table.Find(w)
	if !ok {
		return v, 0, false
	}
	return x.Vector(), x.Rank(), true
}

// Valence is the valence that a vector leads to.
func (s *Sense) Valence(v *vector.Vector) float64 {
	sum := float64(s.Out[Hidden])
	for j := range Hidden {
		row := s.In[j*(vector.Dims+1):][:vector.Dims+1]
		sum += float64(s.Out[j]) * math.Tanh(float64(dot(v[:], row)+row[vector.Dims]))
	}
	return sum
}

func dot(a, b []float32) float32 {
	var s, t float32
	b = b[:len(a)]
	for i := 1; i < len(a); i += 2 {
		s += a[i-1] * b[i-1]
		t += a[i] * b[i]
	}
	if len(a)%2 == 1 {
		s += a[len(a)-1] * b[len(a)-1]
	}
	return s + t
}

// Bounds of the guesses from vectors: smaller ones are none, and of the most frequent words all have been judged.
const (
	faint  = .5
	common = 100
)

// Seen is what vectors say of Words: a guess for each word, and the sums of the vectors of words outside and inside the reach of a negation.
type Seen struct {
	Guess []float64
	Sums  [2]vector.Vector
}

// See looks at words. guess says which of them need one.
func (s *Sense) See(w *Words, guess func(string) bool) *Seen {
	out := &Seen{Guess: make([]float64, len(w.word))}
	size := float32(0)
	for i, k := range w.word {
		v, rank, ok := s.Vector(k)
		if !ok {
			continue
		}
		if rank > common && len(k) > 2 && guess(k) {
			if g := s.Valence(&v); math.Abs(g) >= faint {
				out.Guess[i] = max(-4, min(4, g))
			}
		}
		f := float32(rank) / float32(rank+common) // frequent words say little
		size += f * f
		to := &out.Sums[0]
		if w.scope[i] > 0 {
			to = &out.Sums[1]
		}
		for d := range v {
			to[d] += f * v[d]
		}
	}
	if size > 0 {
		size = float32(1 / math.Sqrt(float64(size)))
	}
	for n := range out.Sums {
		for d := range out.Sums[n] {
			out.Sums[n][d] *= size
		}
	}
	return out
}

// Review is the probability that what was seen is of a review.
func (s *Sense) Review(seen *Seen) float64 {
	z := float64(s.Genre[vector.Dims])
	for d := range vector.Dims {
		z += float64(s.Genre[d]) * float64(seen.Sums[0][d]+seen.Sums[1][d])
	}
	return 1 / (1 + math.Exp(-z))
}
