// Package entity finds names, dates and amounts in English text. Names are found by a trained model and have its probabilities;
// dates and amounts are found by rules and have a fixed score for each rule. It is pure and the same text gives the same answer.
package entity

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"cloister/internal/work/crf"
	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

//go:embed entity.crf
var modelFile []byte

//go:embed entity.net
var netFile []byte

//go:embed lexicon.bin
var lexiconFile []byte

// Entity is a stretch of text: the Unicode code points [Begin, End).
type Entity struct {
	BeginOffset, EndOffset int
	Score                  float64 // 0 to 1
	Text                   string
	Type                   string // PERSON LOCATION ORGANIZATION COMMERCIAL_ITEM EVENT TITLE OTHER DATE QUANTITY
}

// Model finds entities. It is made once and shared; each goroutine takes a Detector of its own.
type Model struct {
	crf     *crf.Model
	nets    Nets
	lexicon *Lexicon
	vectors *vector.Table
	types   []string
}

// Open reads the built-in model.
func Open() (*Model, error) {
	x, err := OpenLexicon()
	if err != nil {
		return nil, err
	}
	m, err := crf.Read(bytes.NewReader(modelFile))
	if err != nil {
		return nil, fmt.Errorf("cannot open the entity model: %w", err)
	}
	v := vector.Open()
	n, err := ReadNets(netFile, v)
	if err != nil || n[0].Labels != len(m.Labels) {
		return nil, fmt.Errorf("cannot open the entity nets: %w", cmp.Or(err, errNet))
	}
	return &Model{m, n, x, v, m.Labels.Types()}, nil
}

// OpenLexicon reads the built-in lexicon alone.
func OpenLexicon() (*Lexicon, error) {
	x, err := ReadLexicon(bytes.NewReader(lexiconFile))
	if err != nil {
		return nil, fmt.Errorf("cannot open the entity lexicon: %w", err)
	}
	return x, nil
}

// Detector finds entities in one text after another. It is not for two goroutines.
type Detector struct {
	m     *Model
	x     Extractor
	l     crf.Lattice
	echo  Echo
	boost []float32
}

// NewDetector gives a detector of the model.
func (m *Model) NewDetector() *Detector {
	return &Detector{m: m, x: Extractor{Lexicon: m.lexicon, Vectors: m.vectors, Bits: m.crf.Bits()}}
}

// least is the probability below which a name is not told. Below one half, because a name missed and a name invented are equal
// errors and the likeliest labels together miss more than they invent.
const least = 0.35

// longest is the most pieces of a name.
const longest = 14

// Find gives the entities of a text in their order. They don't overlap.
func (d *Detector) Find(text string) []Entity {
	tokens := token.Split(text)
	sentences := token.Sentences(text, tokens)
	pieces, names := make([][]Piece, len(sentences)), make([][]crf.Span, len(sentences))
	d.echo.Reset(d.m.crf.Labels)
	for i, s := range sentences {
		pieces[i] = Pieces(text, tokens[s.Begin:s.End], nil)
		d.x.Sentence(pieces[i])
		d.boost = d.m.nets.Boost(&d.x, d.boost)
		Address(&d.x, pieces[i], d.m.crf.Labels, d.boost)
		d.m.crf.Run(&d.l, d.x.Feats, d.x.Offs, d.boost)
		names[i] = d.l.Spans(least, longest)
		d.echo.Add(&d.x, &d.l)
	}
	var out []Entity
	for i, ps := range pieces {
		if d.echo.Again(i, d.m.crf, &d.l) {
			names[i] = d.l.Spans(least, longest)
		}
		var found []span
		for _, n := range names[i] {
			if s, ok := trim(ps, span{n.Begin, n.End, d.m.types[n.Type], n.Score}); ok {
				found = append(found, s)
			}
		}
		for _, f := range merge(found, rules(ps)) {
			a, b := ps[f.begin], ps[f.end-1]
			out = append(out, Entity{int(a.From), int(b.To), f.score, text[a.Begin : int(b.Begin)+len(b.Text)], f.kind})
		}
	}
	return out
}

// span is an entity as pieces [begin, end) of a sentence.
type span struct {
	begin, end int
	kind       string
	score      float64
}

// trim takes from a name what does not belong to it: forms of address, a possessive, signs.
func trim(ps []Piece, s span) (span, bool) {
	for s.begin < s.end && (outside(ps[s.begin]) || s.kind == "PERSON" && s.end-s.begin > 1 && honorific(ps[s.begin].Text)) {
		s.begin++
	}
	for s.end > s.begin {
		p := ps[s.end-1]
		if outside(p) && p.Text != ")" && p.Text != "!" || p.Text == "'s" || p.Text == "’s" || p.Text == ")" && !hasPiece(ps[s.begin:s.end], "(") {
			s.end--
			continue
		}
		break
	}
	if s.begin == s.end {
		return s, false
	}
	for _, p := range ps[s.begin:s.end] {
		if p.Kind == token.Word || p.Kind == token.Number && s.kind != "PERSON" {
			return s, true
		}
	}
	return s, false
}

func outside(p Piece) bool {
	return p.Kind == token.Punct || p.Kind == token.Symbol || p.Kind == token.Address || p.Kind == token.Handle
}

func hasPiece(ps []Piece, text string) bool {
	return slices.ContainsFunc(ps, func(p Piece) bool { return p.Text == text })
}

func honorific(w string) bool {
	switch strings.TrimSuffix(strings.ToLower(w), ".") {
	case "mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam", "mister", "messrs", "rev", "hon":
		return true
	}
	return false
}

// merge puts names and rules together. A rule wins over a name, unless it is a part of a likely one (the 2008 Summer Olympics).
func merge(names, rules []span) []span {
	out := slices.Clone(names)
	for _, r := range rules {
		wins := true
		for _, n := range names {
			if n.begin <= r.begin && n.end >= r.end && n.end-n.begin > r.end-r.begin && n.score >= 0.5 {
				wins = false
			}
		}
		if wins {
			out = slices.DeleteFunc(out, func(n span) bool { return r.begin < n.end && n.begin < r.end })
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return a.begin - b.begin })
	return out
}

// plain and features count changes of an Extractor without and with vectors: what was trained before one does not fit after it.
const (
	plainFeatures = 2
	features      = 3
)

// lexiconBefore is the sum of the lexicon of the first releases. It had another guess of how often five words that share a place with
// others (razor1, ps4, md5, db2, x86) are written with a capital, and else what this one has: models that were trained with it fit.
const lexiconBefore = 0xa7774e70

// Features is a sum over how an Extractor with the built-in lexicon makes features, with the built-in vectors or without.
func Features(vectors *vector.Table) uint32 {
	return sum(crc32.ChecksumIEEE(lexiconFile), vectors)
}

// Fits says whether a model that was trained under the sum suits the features of today.
func Fits(trained uint32, vectors *vector.Table) bool {
	return trained == Features(vectors) || trained == sum(lexiconBefore, vectors)
}

func sum(lexicon uint32, vectors *vector.Table) uint32 {
	if vectors == nil {
		return lexicon ^ plainFeatures
	}
	return lexicon ^ vectors.Sum() ^ features
}
