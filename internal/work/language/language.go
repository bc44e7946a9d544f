// Package language says in which languages a text is written, out of the codes that Amazon Comprehend documents.
// It is deterministic and knows no file, clock or network: one embedded table of n-gram weights and the text decide.
package language

import (
	_ "embed"
	"sync"
)

// table is written by tools/langgen; docs/models/language.md says from what.
//
//go:embed table.bin
var table []byte

// Language is one language of a text.
//
// Score lies in (0, 1]. It is the share of the text's letters times the probability, given the n-grams of each
// stretch of about 200 letters, that the stretch is in this language; the scores of one text sum to at most 1. The
// probability is a softmax with one fixed temperature: docs/models/language.md has how far it lies from the observed
// frequency. AWS's scores are independent of one another; ours are not.
type Language struct {
	Code  string // RFC 5646, two letters where there are two: "en", "ceb", "zh-TW"
	Score float64
}

// Detector identifies languages. It is safe for concurrent use and never changes.
type Detector struct {
	model   *model
	scorers sync.Pool
}

// Open decodes the embedded table (some tens of milliseconds, under 19 MB of memory kept): keep the Detector.
// An error means that the binary was built with a broken table.
func Open() (*Detector, error) {
	m, err := decode(table)
	if err != nil {
		return nil, err
	}
	d := &Detector{model: m}
	d.scorers.New = func() any { return newScorer(m) }
	return d, nil
}

// Detect returns the languages of text, best first; the slice is the caller's. Equal scores stand in the order of
// their codes. Text without a letter of a known script (empty, digits, emoji, an unknown script) has no language
// and gives an empty slice: what a job prints for such a document is the caller's decision. Bytes that are not
// UTF-8 separate words and count for nothing.
func (d *Detector) Detect(text string) []Language {
	s := d.scorers.Get().(*Scorer)
	s.addString(text)
	out := s.Result()
	s.Reset()
	d.scorers.Put(s)
	return out
}

// Codes lists the codes that Detect can produce, sorted.
func (d *Detector) Codes() []string {
	return append([]string(nil), d.model.codes...)
}

// NewScorer returns a Scorer for a text that comes in pieces. Its memory does not grow with the text.
func (d *Detector) NewScorer() *Scorer { return newScorer(d.model) }
