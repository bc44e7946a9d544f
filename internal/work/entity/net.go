package entity

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"cloister/internal/work/vector"
)

// Sizes of the net.
const (
	Hidden = 64
	Views  = 11 // words whose vectors it looks at
	Marks  = 1024
	Inputs = Views*vector.Dims + Marks
)

// Net is a small network from the vectors of a name's words and its surroundings to scores of the labels, which a CRF adds to its
// own. It may be shared.
type Net struct {
	Labels int
	In     []float32 // by input (Views times the numbers of a vector, then Marks) and hidden unit
	Out    []float32 // by hidden unit and label
	rows   []float32 // by view, group, code and hidden unit: what a code of a word's vector adds
}

// View is what the net sees of a piece: words (the zero Word for none) and marks that are set, below Marks.
type View struct {
	Words [Views]vector.Word
	Marks []uint16
}

// View tells what the net sees of piece i of the last sentence. It is false for what the net leaves to the CRF: words in small
// letters among others with capitals, signs, numbers.
func (x *Extractor) View(i int, v *View) bool {
	n, sc := x.n, x.sc
	a := &x.at[i+2]
	if !capital(a.class) && a.place == 0 && (sc != small || a.class != caseLower) {
		return false
	}
	p1, p2, n1, n2 := &x.at[i+1], &x.at[i], &x.at[i+3], &x.at[i+4]
	head, tail := a, a
	before, after := p1, n1
	if a.run > 0 {
		h := i + 2 - a.at
		t := h + a.run - 1
		head, tail, before, after = &x.at[h], &x.at[t], &x.at[h-1], &x.at[min(t+1, n+2)]
	}
	noun, last := &x.at[0], &x.at[0] // nothing
	if a.place > 0 {
		noun, last = &x.at[a.noun], &x.at[a.end]
	}
	v.Marks = v.Marks[:0]
	for k, w := range [Views]*attr{a, p1, n1, p2, n2, head, tail, before, after, noun, last} {
		v.Words[k] = w.word
		if w.near[0] == 0 {
			v.Marks = append(v.Marks, uint16(k))
		}
		v.Marks = append(v.Marks, uint16(16+16*k)+uint16(w.class)) // 16 to 191
	}
	first := uint16(0)
	if i == 0 || p1.class == caseNone && p2.low == 11 {
		first = 1
	}
	mark := func(from int, at uint16) { v.Marks = append(v.Marks, uint16(from)+at) }
	mark(192, uint16(a.class)<<3|first<<2|uint16(sc))                // to 271
	mark(272, uint16(min(a.at, 3))<<3|uint16(min(a.run, 6)))         // to 303
	mark(304, uint16(min(max(a.run-a.at, 0), 4))<<2|uint16(a.place)) // to 327
	mark(328, uint16(a.bin)<<1|uint16(a.common))                     // to 343
	mark(344, uint16(min(a.run, 6))<<1|first)                        // to 359
	for _, l := range a.listed {
		mark(384, uint16(l>>1)) // list and place: to 511
	}
	for _, l := range p1.listed {
		mark(512, uint16(l>>1))
	}
	for _, l := range n1.listed {
		mark(640, uint16(l>>1))
	}
	if tail != a {
		for _, l := range tail.listed {
			mark(768, uint16(l>>1))
		}
	}
	return true
}

// score adds the net's scores of a view, by label.
func (n *Net) score(v *View, out []float32) {
	var h [Hidden]float32
	for k, w := range v.Words {
		if w == (vector.Word{}) {
			continue
		}
		codes := w.Codes()
		for g := 0; g < vector.Groups; g += 5 {
			at := (k*vector.Groups + g) * 256
			a, b, c := n.row(at+int(codes[g])), n.row(at+256+int(codes[g+1])), n.row(at+512+int(codes[g+2]))
			d, e := n.row(at+768+int(codes[g+3])), n.row(at+1024+int(codes[g+4]))
			for j := range h {
				h[j] += a[j] + b[j] + c[j] + d[j] + e[j]
			}
		}
	}
	for _, m := range v.Marks {
		row := n.In[(Views*vector.Dims+int(m))*Hidden:][:Hidden]
		for j, y := range row {
			h[j] += y
		}
	}
	for j, y := range h {
		y = Bend(y)
		for k, w := range n.Out[j*n.Labels : (j+1)*n.Labels] {
			out[k] += y * w
		}
	}
}

func (n *Net) row(at int) *[Hidden]float32 { return (*[Hidden]float32)(n.rows[at*Hidden:]) }

// Bend is what a hidden unit makes of its sum: a cheap curve from -1 to 1.
func Bend(x float32) float32 {
	if x < 0 {
		return x / (1 - x)
	}
	return x / (1 + x)
}

// Ready computes what Boost reads from In and the vectors' codes.
func (n *Net) Ready(t *vector.Table) {
	n.rows = make([]float32, Views*vector.Groups*256*Hidden)
	for k := range Views {
		for g := range vector.Groups {
			for c := range 256 {
				row := n.rows[((k*vector.Groups+g)*256+c)*Hidden:][:Hidden]
				for d, x := range t.Code(g, byte(c)) {
					for j, w := range n.In[(k*vector.Dims+d*vector.Groups+g)*Hidden:][:Hidden] {
						row[j] += x * w
					}
				}
			}
		}
	}
}

// A net's file, deflated: magic, labels (1 byte), then for each of the two tables its scale (float32, little endian) and its
// weights in steps of that, a byte each.
const netMagic = "net1"

var errNet = errors.New("not a net of this program")

// Write gives the net to w.
func (n *Net) Write(w io.Writer) error {
	raw := append([]byte(netMagic), byte(n.Labels))
	for _, table := range [][]float32{n.In, n.Out} {
		top := float32(1e-6)
		for _, x := range table {
			top = max(top, x, -x)
		}
		scale := top / 127
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(scale))
		for _, x := range table {
			raw = append(raw, byte(int8(math.Round(float64(x/scale)))))
		}
	}
	z, err := flate.NewWriter(w, 9)
	if err != nil {
		return fmt.Errorf("cannot write a net: %w", err)
	}
	if _, err := z.Write(raw); err != nil {
		return fmt.Errorf("cannot write a net: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("cannot write a net: %w", err)
	}
	return nil
}

// ReadNet takes what Write gave, for the vectors that it was trained with.
func ReadNet(r io.Reader, t *vector.Table) (*Net, error) {
	raw, err := io.ReadAll(flate.NewReader(r))
	if err != nil || len(raw) < 5 || !bytes.HasPrefix(raw, []byte(netMagic)) {
		return nil, errNet
	}
	n := &Net{Labels: int(raw[4])}
	raw = raw[5:]
	for _, part := range []struct {
		to   *[]float32
		size int
	}{{&n.In, Inputs * Hidden}, {&n.Out, Hidden * n.Labels}} {
		if len(raw) < 4+part.size {
			return nil, errNet
		}
		scale := math.Float32frombits(binary.LittleEndian.Uint32(raw))
		if !(scale > 0 && scale < 1) {
			return nil, errNet
		}
		*part.to = make([]float32, part.size)
		for i, b := range raw[4 : 4+part.size] {
			(*part.to)[i] = scale * float32(int8(b))
		}
		raw = raw[4+part.size:]
	}
	if len(raw) != 0 {
		return nil, errNet
	}
	n.Ready(t)
	return n, nil
}
