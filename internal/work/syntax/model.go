package syntax

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/jdkato/prose/v3/tag/aptagmodel"
)

// lexiconGz is written by tools/syntaxgen: lines "word TAG TAG ...", the most usual tag first.
//
//go:embed lexicon.gz
var lexiconGz []byte

// model is an averaged perceptron: features as strings, each with weights of some tags.
type model struct {
	tags    []string
	id      map[string]uint8
	span    map[string]uint64 // feature -> first<<32 | end of its weights
	class   []uint8
	weight  []float32
	sure    map[string]uint8 // words of one tag
	lexicon map[string]string
}

// reader takes prose's flat format apart: magic, version, tags, features, weights, words of one tag; little-endian.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.err = errors.New("the model ends too early")
		return make([]byte, min(max(n, 0), 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() int { return int(binary.LittleEndian.Uint32(r.take(4))) }

func (r *reader) text() string {
	n := int(binary.LittleEndian.Uint16(r.take(2)))
	return string(r.take(n))
}

func load() (*model, error) {
	r := &reader{b: aptagmodel.English}
	if magic, version := string(r.take(8)), r.u32(); magic != "PROSETAG" || version != 1 {
		return nil, fmt.Errorf("unknown format %q %d", magic, version)
	}
	m := &model{id: map[string]uint8{}, sure: map[string]uint8{}, lexicon: map[string]string{}}
	for range r.u32() {
		t := r.text()
		m.id[t] = uint8(len(m.tags))
		m.tags = append(m.tags, t)
		if r.err != nil || len(m.tags) > 255 {
			return nil, errors.New("too many tags")
		}
	}
	features, pairs, length := r.u32(), r.u32(), r.u32()
	blob := string(r.take(length))
	at, first := r.take(4*(features+1)), r.take(4*(features+1))
	m.class = r.take(pairs)
	weights := r.take(4 * pairs)
	if r.err != nil {
		return nil, r.err
	}
	m.weight = make([]float32, pairs)
	for i := range m.weight {
		m.weight[i] = math.Float32frombits(binary.LittleEndian.Uint32(weights[4*i:]))
		if int(m.class[i]) >= len(m.tags) {
			return nil, errors.New("weight of an unknown tag")
		}
	}
	word := func(b []byte, i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4*i:])) }
	m.span = make(map[string]uint64, features)
	for i := range features {
		a, b := word(at, i), word(at, i+1)
		p, q := word(first, i), word(first, i+1)
		if a > b || b > uint64(len(blob)) || p > q || q > uint64(pairs) {
			return nil, errors.New("feature out of bounds")
		}
		m.span[blob[a:b]] = p<<32 | q
	}
	for range r.u32() {
		w := r.text()
		if id := r.take(1)[0]; int(id) < len(m.tags) {
			m.sure[w] = id
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return m, m.words()
}

func (m *model) words() error {
	z, err := gzip.NewReader(bytes.NewReader(lexiconGz))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n") {
		w, tags, _ := strings.Cut(line, " ")
		m.lexicon[w] = tags
	}
	return nil
}

// add adds the weights of a feature to the scores. It says whether the model has the feature.
func (m *model) add(key []byte, scores []float32) bool {
	s, ok := m.span[string(key)]
	if !ok {
		return false
	}
	for i := s >> 32; i < s&math.MaxUint32; i++ {
		scores[m.class[i]] += m.weight[i]
	}
	return true
}
