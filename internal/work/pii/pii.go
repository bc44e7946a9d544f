// Package pii finds personal data in English text: numbers by their shapes, check digits and the words that introduce them; dates, addresses
// and names by small grammars. It looks at one document at a time and keeps nothing of it.
package pii

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/core/job"
)

// Entity is one find. Offsets are code points, the end exclusive.
type Entity struct {
	Score                  float64
	Type                   string
	BeginOffset, EndOffset int
}

// Names finds names of persons that the grammar of this package doesn't know. A nil one finds none.
type Names func(text string) []Span

// Span is a find, from byte Begin to End. Other ones are names, but not of persons: what they cover is no person's either.
type Span struct {
	Begin, End int
	Score      float64
	Other      bool
}

// Engine finds, or redacts. It satisfies analyse.Engine.
type Engine struct {
	redact bool
	types  map[string]bool // nil: all
	typed  bool            // [NAME] instead of *****
	mask   rune
	more   Names
	by     *sieves
}

// Open prepares an engine for English.
func Open(s job.Setup, more Names) (*Engine, error) {
	if s.Language != "" && s.Language != "en" {
		return nil, fmt.Errorf("cannot find personal data: no rules for language %q", s.Language)
	}
	e := &Engine{mask: '*', more: more, by: newSieves()}
	if s.PII == nil {
		return e, nil
	}
	switch s.PII.Mode {
	case "", "ONLY_OFFSETS":
	case "ONLY_REDACTION":
		e.redact = true
	default:
		return nil, fmt.Errorf("cannot find personal data: mode %q", s.PII.Mode)
	}
	switch s.PII.Mask {
	case "", "MASK":
	case "REPLACE_WITH_PII_ENTITY_TYPE":
		e.typed = true
	default:
		return nil, fmt.Errorf("cannot redact: mask mode %q", s.PII.Mask)
	}
	if r, n := utf8.DecodeRuneInString(s.PII.Char); n > 0 {
		e.mask = r
	}
	for _, t := range s.PII.Types {
		if t == "ALL" {
			e.types = nil
			break
		}
		if !slices.Contains(Types, t) {
			return nil, fmt.Errorf("cannot find personal data: type %q", t)
		}
		if e.types == nil {
			e.types = map[string]bool{}
		}
		e.types[t] = true
	}
	return e, nil
}

// Analyse gives {"Entities"} in the order of the text, or {"Redacted": text}.
func (e *Engine) Analyse(text []byte) (any, error) {
	s := string(text)
	found := e.find(s)
	if e.redact {
		return struct{ Redacted string }{e.redacted(s, found)}, nil
	}
	out := struct{ Entities []Entity }{[]Entity{}}
	at, points := 0, 0
	count := func(to int) int {
		points += utf8.RuneCountInString(s[at:to])
		at = to
		return points
	}
	for _, x := range found {
		begin := count(x.begin)
		out.Entities = append(out.Entities, Entity{math.Round(x.score*1e4) / 1e4, x.kind, begin, count(x.end)})
	}
	return out, nil
}

// span is a find in bytes.
type span struct {
	kind       string
	begin, end int
	score      float64
	guess      bool // nothing names it
}

// find gives the spans of the types that are asked for, in the order of the text, none over another.
func (e *Engine) find(s string) []span {
	d := newDoc(s, e.by)
	d.scan()
	d.stated()
	d.names()
	if e.more != nil {
		d.judge(e.more(s))
	}
	slices.SortFunc(d.out, func(a, b span) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.end-b.begin, a.end-a.begin), cmp.Compare(a.begin, b.begin), cmp.Compare(a.kind, b.kind))
	})
	taken := newCover(len(s))
	var out []span
	for _, x := range d.out {
		if x.begin < x.end && taken.take(x.begin, x.end) && (e.types == nil || e.types[x.kind]) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	return out
}

// cover knows which bytes are taken.
type cover []uint64

func newCover(n int) cover { return make(cover, n/64+1) }

func (c cover) take(from, to int) bool {
	for i := from; i < to; i++ {
		if c[i/64]>>(i%64)&1 == 1 {
			return false
		}
	}
	for i := from; i < to; i++ {
		c[i/64] |= 1 << (i % 64)
	}
	return true
}

// redacted is the text without what was found: every character but blanks becomes the mask, or the whole becomes [TYPE].
func (e *Engine) redacted(s string, found []span) string {
	var b strings.Builder
	at := 0
	for _, x := range found {
		b.WriteString(s[at:x.begin])
		if e.typed {
			b.WriteString("[" + x.kind + "]")
		} else {
			for _, r := range s[x.begin:x.end] {
				if !unicode.IsSpace(r) {
					r = e.mask
				}
				b.WriteRune(r)
			}
		}
		at = x.end
	}
	b.WriteString(s[at:])
	return b.String()
}
