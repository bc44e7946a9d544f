package recogniser

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

// Engine finds entities with a trained model. It satisfies analyse.Engine and is not for two goroutines.
type Engine struct {
	m      *crf.Model
	types  []string
	x      entity.Extractor
	l      crf.Lattice
	pieces []entity.Piece
}

func newEngine(m *crf.Model, x *entity.Lexicon, v *vector.Table) *Engine {
	return &Engine{m: m, types: m.Labels.Types(), x: entity.Extractor{Lexicon: x, Vectors: v, Bits: m.Bits()}}
}

// A model's file: magic, a sum over the lexicon, vectors and the features that it was trained with (uint32, little endian), the CRF.
const magic = "rec1"

var errModel = errors.New("not a model of this program")

// Open reads a model that a Learner wrote. One that was trained with other features than this program has is refused: it would
// answer, and wrongly.
func Open(r io.Reader) (*Engine, error) {
	x, err := entity.OpenLexicon()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(r)
	head := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(in, head); err != nil || string(head[:len(magic)]) != magic {
		return nil, errModel
	}
	v := vector.Open()
	switch trained := binary.LittleEndian.Uint32(head[len(magic):]); {
	case entity.Fits(trained, v):
	case entity.Fits(trained, nil): // of another language than English, or trained before there were vectors
		v = nil
	default:
		return nil, errors.New("the model was trained by another release, whose features differ: train it again")
	}
	m, err := crf.Read(in)
	if err != nil {
		return nil, err
	}
	for _, t := range m.Labels.Types() {
		if !named(t) {
			return nil, errModel
		}
	}
	return newEngine(m, x, v), nil
}

// named says whether an entity type has the name of one (API Reference, EntityTypesListItem: no line break, tab or comma).
func named(t string) bool {
	return t != "" && utf8.ValidString(t) && !strings.ContainsAny(t, "\n\r\t,")
}

func (e *Engine) write(w io.Writer) error {
	if _, err := w.Write(binary.LittleEndian.AppendUint32([]byte(magic), entity.Features(e.x.Vectors))); err != nil {
		return fmt.Errorf("cannot write a model: %w", err)
	}
	return e.m.Write(w, 1)
}

// least is the probability below which an entity is not told; longest the most pieces of one.
const (
	least   = 0.35
	longest = 40
)

// find tells each entity of a text: its span, first piece and last piece.
func (e *Engine) find(text string, tell func(s crf.Span, first, last entity.Piece)) {
	tokens := token.Split(text)
	for _, s := range token.Sentences(text, tokens) {
		e.pieces = entity.Pieces(text, tokens[s.Begin:s.End], e.pieces[:0])
		e.x.Sentence(e.pieces)
		e.m.Run(&e.l, e.x.Feats, e.x.Offs, nil)
		for _, n := range e.l.Spans(least, longest) {
			tell(n, e.pieces[n.Begin], e.pieces[n.End-1])
		}
	}
}

// Find gives the entities of a text in their order.
func (e *Engine) Find(text string) []entity.Entity {
	var out []entity.Entity
	e.find(text, func(s crf.Span, a, b entity.Piece) {
		out = append(out, entity.Entity{BeginOffset: int(a.From), EndOffset: int(b.To), Score: s.Score, Text: text[a.Begin : int(b.Begin)+len(b.Text)], Type: e.types[s.Type]})
	})
	return out
}
