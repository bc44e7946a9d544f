package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Replaceable are the kinds of analysis whose engine can be another program than ours: those that need no model and no whole corpus.
func Replaceable() []string {
	return []string{"dominant-language-detection", "entities-detection", "key-phrases-detection", "pii-entities-detection", "sentiment-detection", "syntax-detection",
		"targeted-sentiment-detection"}
}

// errShape is of what has another shape than a result; encoding/json's own errors may quote it.
var errShape = errors.New("no JSON of a result of this kind")

// Sound takes a result of such a program, about a text of so many code points, and gives its members as AWS documents them for the kind: all that are
// required, no others, offsets within the text, scores from 0 to 1. An error says what is wrong and quotes nothing of the result. It holds no more in
// memory than some times the result's length, whatever the result is.
func Sound(s Setup, members []byte, runes int) ([]byte, error) {
	var r interface{ sound(runes int) error }
	switch {
	case s.PII != nil && s.PII.Mode == "ONLY_REDACTION":
		r = &redacted{}
	case s.Kind == "dominant-language-detection":
		r = &languagesFound{}
	case s.Kind == "entities-detection":
		r = &entitiesFound{}
	case s.Kind == "key-phrases-detection":
		r = &phrasesFound{}
	case s.Kind == "pii-entities-detection":
		r = &privateFound{}
	case s.Kind == "sentiment-detection":
		r = &feeling{}
	case s.Kind == "syntax-detection":
		r = &tokensFound{}
	case s.Kind == "targeted-sentiment-detection":
		r = &targetsFound{}
	default:
		return nil, errors.New("no such kind of result")
	}
	if !utf8.Valid(members) {
		return nil, errors.New("no UTF-8")
	}
	if json.Unmarshal(members, r) != nil {
		return nil, errShape
	}
	if err := r.sound(runes); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// place is where something is found, in code points of the text.
type place struct{ BeginOffset, EndOffset *int }

func (p place) fits(runes int) error {
	if p.BeginOffset == nil || p.EndOffset == nil {
		return errors.New("BeginOffset or EndOffset is missing")
	}
	if b, e := *p.BeginOffset, *p.EndOffset; b < 0 || e < b || e > runes {
		return fmt.Errorf("offsets outside a text of %d code points, or an end before the beginning", runes) // and not which: numbers can be letters
	}
	return nil
}

func likely(scores ...*float64) error {
	for _, s := range scores {
		if s == nil || *s < 0 || *s > 1 {
			return errors.New("a score is missing or not from 0 to 1")
		}
	}
	return nil
}

// word: a type of entities, of which a program may have its own. As long as those of custom recognisers are at most.
func word(s string) error {
	if s == "" || len(s) > 64 || Plain(s, 64) != s {
		return errors.New("a Type is missing, too long or not plain")
	}
	return nil
}

func oneOf(what, s string, all ...string) error {
	if !slices.Contains(all, s) {
		return errors.New(what + " is missing or none that AWS knows")
	}
	return nil
}

// list is a list of what f checks, one after another: a list of nothing but empty objects would fill many times its length at once.
type list[T any] json.RawMessage

// UnmarshalJSON satisfies json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(b []byte) error { *l = append((*l)[:0], b...); return nil }

// MarshalJSON satisfies json.Marshaler.
func (l list[T]) MarshalJSON() ([]byte, error) { return l, nil }

// each checks every element of a list that must be there, as an empty one when nothing was found, leaves the members that it is to have, and counts.
func (l *list[T]) each(what string, f func(*T) error) (n int, err error) {
	if *l == nil || string(*l) == "null" {
		return 0, errors.New(what + " is missing")
	}
	d := json.NewDecoder(bytes.NewReader(*l))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return 0, errShape
	}
	out := append(make([]byte, 0, len(*l)), '[')
	for ; d.More(); n++ {
		var x T
		if d.Decode(&x) != nil {
			return 0, errShape
		}
		if err := f(&x); err != nil {
			return 0, err
		}
		b, err := json.Marshal(x)
		if err != nil {
			return 0, errShape
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, b...)
	}
	*l = append(out, ']')
	return n, nil
}

type languageFound struct {
	LanguageCode string
	Score        *float64
}

type languagesFound struct{ Languages list[languageFound] }

func (r *languagesFound) sound(int) error {
	_, err := r.Languages.each("Languages", func(l *languageFound) error {
		c := l.LanguageCode
		if len(c) < 2 || len(c) > 12 || strings.Trim(c, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return errors.New("a LanguageCode is missing or no code")
		}
		return likely(l.Score)
	})
	return err
}

type entityFound struct {
	Score *float64
	Type  string
	Text  *string
	place
}

type entitiesFound struct{ Entities list[entityFound] }

func (r *entitiesFound) sound(runes int) error {
	_, err := r.Entities.each("Entities", func(e *entityFound) error {
		if e.Text == nil {
			return errors.New("the Text of an entity is missing")
		}
		return errors.Join(word(e.Type), likely(e.Score), e.fits(runes))
	})
	return err
}

type phraseFound struct {
	Score *float64
	Text  *string
	place
}

type phrasesFound struct{ KeyPhrases list[phraseFound] }

func (r *phrasesFound) sound(runes int) error {
	_, err := r.KeyPhrases.each("KeyPhrases", func(p *phraseFound) error {
		if p.Text == nil {
			return errors.New("the Text of a phrase is missing")
		}
		return errors.Join(likely(p.Score), p.fits(runes))
	})
	return err
}

type privateEntity struct {
	Score *float64
	Type  string
	place
}

type privateFound struct{ Entities list[privateEntity] }

func (r *privateFound) sound(runes int) error {
	_, err := r.Entities.each("Entities", func(e *privateEntity) error {
		return errors.Join(word(e.Type), likely(e.Score), e.fits(runes))
	})
	return err
}

type redacted struct{ Redacted *string }

func (r *redacted) sound(int) error {
	if r.Redacted == nil {
		return errors.New("Redacted is missing")
	}
	return nil
}

type feelingScore struct{ Positive, Negative, Neutral, Mixed *float64 }

type feeling struct {
	Sentiment      string
	SentimentScore feelingScore
}

func (r *feeling) sound(int) error {
	s := r.SentimentScore
	return errors.Join(oneOf("Sentiment", r.Sentiment, "POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"), likely(s.Positive, s.Negative, s.Neutral, s.Mixed))
}

type tokenFound struct {
	TokenId *int
	Text    *string
	place
	PartOfSpeech struct {
		Tag   string
		Score *float64
	}
}

type tokensFound struct{ SyntaxTokens list[tokenFound] }

// Source of the tags: Comprehend API Reference, PartOfSpeechTag.
func (r *tokensFound) sound(runes int) error {
	_, err := r.SyntaxTokens.each("SyntaxTokens", func(t *tokenFound) error {
		if t.TokenId == nil || t.Text == nil {
			return errors.New("TokenId or Text is missing")
		}
		return errors.Join(oneOf("a Tag", t.PartOfSpeech.Tag, "ADJ", "ADP", "ADV", "AUX", "CONJ", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "O", "PART", "PRON", "PROPN", "PUNCT",
			"SCONJ", "SYM", "VERB"), likely(t.PartOfSpeech.Score), t.fits(runes))
	})
	return err
}

type mentionFound struct {
	Score, GroupScore *float64
	Text              *string
	Type              string
	MentionSentiment  feeling
	place
}

type targetFound struct {
	DescriptiveMentionIndex list[*int]
	Mentions                list[mentionFound]
}

type targetsFound struct{ Entities list[targetFound] }

func (r *targetsFound) sound(runes int) error {
	_, err := r.Entities.each("Entities", func(e *targetFound) error { return e.sound(runes) })
	return err
}

func (e *targetFound) sound(runes int) error {
	n, err := e.Mentions.each("Mentions", func(m *mentionFound) error {
		if m.Text == nil {
			return errors.New("the Text of a mention is missing")
		}
		return errors.Join(word(m.Type), likely(m.Score, m.GroupScore), m.fits(runes), m.MentionSentiment.sound(runes))
	})
	if err != nil {
		return err
	}
	_, err = e.DescriptiveMentionIndex.each("DescriptiveMentionIndex", func(i **int) error {
		if *i == nil || **i < 0 || **i >= n {
			return errors.New("DescriptiveMentionIndex names no mention")
		}
		return nil
	})
	return err
}
