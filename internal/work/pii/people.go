package pii

import (
	"strings"

	"cloister/internal/work/entity"
)

// People takes names of persons from the engine of entities, and what it holds to be places and organizations, which are none.
func People(d *entity.Detector) Names {
	return func(text string) (out []Span) {
		at, points := 0, 0
		for _, e := range d.Find(text) {
			if e.Type != "PERSON" && e.Type != "LOCATION" && e.Type != "ORGANIZATION" || e.BeginOffset < points {
				continue
			}
			for points < e.BeginOffset && at < len(text) {
				at += runeLen(text[at])
				points++
			}
			s := Span{Begin: at, End: at + len(e.Text), Score: e.Score, Other: e.Type != "PERSON"}
			if s.End <= len(text) && text[s.Begin:s.End] == e.Text {
				out = append(out, s.untitled(text))
			}
		}
		return out
	}
}

func runeLen(first byte) int {
	switch {
	case first < 0xc0:
		return 1
	case first < 0xe0:
		return 2
	case first < 0xf0:
		return 3
	}
	return 4
}

// untitled takes titles off the beginning of a name, as AWS does.
func (s Span) untitled(text string) Span {
	for !s.Other {
		w, rest, more := strings.Cut(text[s.Begin:s.End], " ")
		if !more || !titles[strings.TrimSuffix(w, ".")] && !greetings[w] {
			break
		}
		s.Begin = s.End - len(rest)
	}
	return s
}
