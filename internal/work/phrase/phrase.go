// Package phrase finds the noun phrases of English text, as Comprehend's key phrases are. It is deterministic: rules over the tags
// of internal/work/syntax decide, and a score is the tagger's probability of the phrase's least sure word.
package phrase

import (
	"cloister/internal/work/syntax"
)

// Phrase is one noun phrase. Offsets are Unicode code points, End exclusive.
type Phrase struct {
	BeginOffset int
	EndOffset   int
	Score       float64
	Text        string
}

// Finder finds phrases. It may be used by many at once.
type Finder struct{ tagger *syntax.Tagger }

// Open reads the tagger's model.
func Open() (*Finder, error) {
	t, err := syntax.Open()
	if err != nil {
		return nil, err
	}
	return &Finder{t}, nil
}

// Find gives the key phrases of a text in their order. They don't overlap.
func (f *Finder) Find(text string) []Phrase {
	out := []Phrase{}
	f.tagger.Sentences(text, func(ts []syntax.Token) bool {
		for _, s := range Chunks(ts) {
			b, e := ts[s.Begin], ts[s.End-1]
			out = append(out, Phrase{b.From, e.To, s.Score, text[b.Begin:e.End]})
		}
		return true
	})
	return out
}

// Span is the tokens [Begin, End) of one phrase.
type Span struct {
	Begin, End int
	Score      float64
}

// Chunks gives the noun phrases of one tagged sentence as Comprehend lists them: possessives inside, pronouns left out.
func Chunks(ts []syntax.Token) []Span {
	c := chunker{ts: ts}
	parts := c.parts()
	out := parts[:0]
	for i := 0; i < len(parts); i++ {
		p := parts[i]
		for i+1 < len(parts) && parts[i+1].Begin == p.End && ts[p.End].Tag == "POS" { // the company | 's shares
			i++
			p.End = parts[i].End
		}
		if c.pronoun(p) {
			continue
		}
		p.Score = score(ts[p.Begin:p.End])
		out = append(out, p)
	}
	return out
}

// Base gives the base noun phrases of one tagged sentence as CoNLL-2000 draws them: a possessive 's begins one, pronouns are some.
// Measurements use it.
func Base(ts []syntax.Token) []Span { return (&chunker{ts: ts}).parts() }
