package sentiment

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Classes is the number of classes.
const Classes = 4

// The classes, in the order of the model's weights.
const (
	Positive = iota
	Negative
	Neutral
	Mixed
)

// Model is a linear classifier over hashed features, and the lexicon that makes some of them.
type Model struct {
	Lexicon *Lexicon
	Scale   float32 // of a weight's unit
	Weight  []int8  // Buckets * Classes
}

// modelGz, lexiconGz and senseRaw are written by tools/sentimentgen.
//
//go:embed model.gz
var modelGz []byte

//go:embed lexicon.gz
var lexiconGz []byte

//go:embed sense.bin
var senseRaw []byte

// Pack writes the model's weights in the form that load reads: scale, then the weights, packed.
func (m *Model) Pack() ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	raw := binary.LittleEndian.AppendUint32(nil, math.Float32bits(m.Scale))
	for _, w := range m.Weight {
		raw = append(raw, byte(w))
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// OpenLexicon reads the lexicon alone, as training needs it.
func OpenLexicon(packed []byte, s *Sense) (*Lexicon, error) {
	raw, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("cannot read the lexicon: %w", err)
	}
	return parse(string(raw), s), nil
}

func load() (*Model, error) {
	s, err := OpenSense(senseRaw)
	if err != nil {
		return nil, err
	}
	l, err := OpenLexicon(lexiconGz, s)
	if err != nil {
		return nil, err
	}
	raw, err := unpack(modelGz)
	if err != nil {
		return nil, fmt.Errorf("cannot read the model: %w", err)
	}
	if len(raw) != 4+Buckets*Classes {
		return nil, errors.New("cannot read the model: wrong size")
	}
	m := &Model{l, math.Float32frombits(binary.LittleEndian.Uint32(raw)), make([]int8, Buckets*Classes)}
	for i := range m.Weight {
		m.Weight[i] = int8(raw[4+i])
	}
	return m, nil
}

// logits adds the weights of features.
func (m *Model) logits(fs []Feature) (z [Classes]float64) {
	for _, f := range fs {
		row := m.Weight[int(f.Bucket)*Classes:][:Classes]
		for k, w := range row {
			z[k] += float64(f.Value) * float64(w)
		}
	}
	for k := range z {
		z[k] *= float64(m.Scale)
	}
	return z
}

// softmax turns logits into probabilities.
func softmax(z [Classes]float64) (p [Classes]float64) {
	top := max(z[0], z[1], z[2], z[3])
	sum := 0.0
	for k := range z {
		p[k] = math.Exp(z[k] - top)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}
