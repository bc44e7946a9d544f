package mesh

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Rows are weights in rows of K, which AdaGrad moves: G are the sums of the squares by which it divides. The instances move theirs apart,
// each with its own documents, and Mix brings them together again.
type Rows struct {
	K       int
	W, G    []float32
	Touched []bool // rows that were moved since the last Mix; nil of one that is alone

	w, g []float32 // as the last Mix left them; the first instance's
}

// NewRows makes n rows of weights of 0. It needs 8 bytes for a weight, at the first of several instances 16.
func NewRows(m *Mesh, n, k int) *Rows {
	r := &Rows{K: k, W: make([]float32, n*k), G: make([]float32, n*k)}
	if m.Count > 1 {
		r.Touched = make([]bool, n)
		if m.Index == 0 {
			r.w, r.g = make([]float32, n*k), make([]float32, n*k)
		}
	}
	return r
}

// Mix gives all instances the same weights: the squares are added up, and of each instance's way the part is taken that it would have gone
// had it divided by all of them. So a weight that one instance alone has moved is where that left it, and one that all have moved goes
// further than their mean. (The mean, as of R. McDonald et al., "Distributed training strategies for the structured perceptron", 2010, would all but
// forget what is rare.)
func (m *Mesh) Mix(all ...*Rows) error {
	put := func(w *bufio.Writer) {
		for _, r := range all {
			r.put(w)
		}
	}
	if err := m.Meet(Meeting{
		Give: put,
		Hear: func(_ int, in *bufio.Reader) error {
			for _, r := range all {
				if err := r.get(in, r.merge); err != nil {
					return err
				}
			}
			return nil
		},
		Answer: put,
		Take: func(in *bufio.Reader) error {
			for _, r := range all {
				if err := r.get(in, func(at int, w, g float32) { r.W[at], r.G[at] = w, g }); err != nil {
					return err
				}
			}
			return nil
		},
	}); err != nil {
		return err
	}
	for _, r := range all {
		r.settle()
	}
	return nil
}

// put writes the rows that were moved: each with how many were passed over before it, the weights, and the squares.
func (r *Rows) put(w *bufio.Writer) {
	var b []byte
	gap := uint64(0)
	for i, moved := range r.Touched {
		if !moved {
			gap++
			continue
		}
		b = binary.AppendUvarint(b[:0], gap)
		for at := i * r.K; at < (i+1)*r.K; at++ {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.W[at]))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.G[at]))
		}
		_, _ = w.Write(b)
		gap = 0
	}
	_, _ = w.Write(binary.AppendUvarint(b[:0], gap))
}

func (r *Rows) get(in *bufio.Reader, f func(at int, w, g float32)) error {
	n := len(r.Touched)
	b := make([]byte, 8*r.K)
	for i := 0; ; i++ {
		gap, err := binary.ReadUvarint(in)
		if err != nil || gap > uint64(n-i) {
			return errors.Join(errGarbage, err)
		}
		if i += int(gap); i == n {
			return nil
		}
		if _, err := io.ReadFull(in, b); err != nil {
			return errors.Join(errGarbage, err)
		}
		r.Touched[i] = true
		for j := range r.K {
			w := math.Float32frombits(binary.LittleEndian.Uint32(b[8*j:]))
			g := math.Float32frombits(binary.LittleEndian.Uint32(b[8*j+4:]))
			if !(w >= -huge && w <= huge && g >= 0 && g <= huge) { // no number, either
				return errGarbage
			}
			f(i*r.K+j, w, g)
		}
	}
}

// huge is what no weight and no sum of squares comes near.
const huge = 1e15

// merge adds what another instance did to one weight.
func (r *Rows) merge(at int, w, g float32) {
	w0, g0 := r.w[at], r.g[at]
	sum := r.G[at] + (g - g0)
	if w == w0 && g == g0 || sum <= 0 {
		return
	}
	r.W[at] = w0 + (r.W[at]-w0)*root(r.G[at]/sum) + (w-w0)*root(g/sum)
	r.G[at] = sum
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func (r *Rows) settle() {
	for i, moved := range r.Touched {
		if !moved {
			continue
		}
		r.Touched[i] = false
		if r.w != nil {
			copy(r.w[i*r.K:(i+1)*r.K], r.W[i*r.K:(i+1)*r.K])
			copy(r.g[i*r.K:(i+1)*r.K], r.G[i*r.K:(i+1)*r.K])
		}
	}
}
