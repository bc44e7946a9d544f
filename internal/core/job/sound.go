package job

import (
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

// Sound takes a result of such a program, about a text of so many code points, and gives its members as AWS documents them for the kind: all that are
// required, no others, offsets within the text, scores from 0 to 1. An error says what is wrong and quotes nothing of the result.
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
	if err := json.Unmarshal(members, r); err != nil {
		return nil, errors.New("no JSON of a result of " + s.Kind) // the error itself may quote it
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
		return fmt.Errorf("offsets %d to %d in a text of %d code points", b, e, runes)
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

// each checks every element of a list that must be there, as an empty one when nothing was found.
func each[T any](what string, all []T, f func(T) error) error {
	if all == nil {
		return errors.New(what + " is missing")
	}
	for _, x := range all {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

type languagesFound struct {
	Languages []struct {
		LanguageCode string
		Score        *float64
	}
}

func (r *languagesFound) sound(int) error {
	return each("Languages", r.Languages, func(l struct {
		LanguageCode string
		Score        *float64
	}) error {
		c := l.LanguageCode
		if len(c) < 2 || len(c) > 12 || strings.Trim(c, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return errors.New("a LanguageCode is missing or no code")
		}
		return likely(l.Score)
	})
}

type entityFound struct {
	Score *float64
	Type  string
	Text  *string
	place
}

type entitiesFound struct{ Entities []entityFound }

func (r *entitiesFound) sound(runes int) error {
	return each("Entities", r.Entities, func(e entityFound) error {
		if e.Text == nil {
			return errors.New("the Text of an entity is missing")
		}
		return errors.Join(word(e.Type), likely(e.Score), e.fits(runes))
	})
}

type phraseFound struct {
	Score *float64
	Text  *string
	place
}

type phrasesFound struct{ KeyPhrases []phraseFound }

func (r *phrasesFound) sound(runes int) error {
	return each("KeyPhrases", r.KeyPhrases, func(p phraseFound) error {
		if p.Text == nil {
			return errors.New("the Text of a phrase is missing")
		}
		return errors.Join(likely(p.Score), p.fits(runes))
	})
}

type privateEntity struct {
	Score *float64
	Type  string
	place
}

type privateFound struct{ Entities []privateEntity }

func (r *privateFound) sound(runes int) error {
	return each("Entities", r.Entities, func(e privateEntity) error {
		return errors.Join(word(e.Type), likely(e.Score), e.fits(runes))
	})
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

type tokensFound struct{ SyntaxTokens []tokenFound }

// Source of the tags: Comprehend API Reference, PartOfSpeechTag.
func (r *tokensFound) sound(runes int) error {
	return each("SyntaxTokens", r.SyntaxTokens, func(t tokenFound) error {
		if t.TokenId == nil || t.Text == nil {
			return errors.New("TokenId or Text is missing")
		}
		return errors.Join(oneOf("a Tag", t.PartOfSpeech.Tag, "ADJ", "ADP", "ADV", "AUX", "CONJ", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "O", "PART", "PRON", "PROPN", "PUNCT",
			"SCONJ", "SYM", "VERB"), likely(t.PartOfSpeech.Score), t.fits(runes))
	})
}

type mentionFound struct {
	Score, GroupScore *float64
	Text              *string
	Type              string
	MentionSentiment  feeling
	place
}

type targetFound struct {
	DescriptiveMentionIndex []int
	Mentions                []mentionFound
}

type targetsFound struct{ Entities []targetFound }

func (r *targetsFound) sound(runes int) error {
	return each("Entities", r.Entities, func(e targetFound) error {
		for _, i := range e.DescriptiveMentionIndex {
			if i < 0 || i >= len(e.Mentions) {
				return errors.New("DescriptiveMentionIndex names no mention")
			}
		}
		if e.DescriptiveMentionIndex == nil {
			return errors.New("DescriptiveMentionIndex is missing")
		}
		return each("Mentions", e.Mentions, func(m mentionFound) error {
			if m.Text == nil {
				return errors.New("the Text of a mention is missing")
			}
			return errors.Join(word(m.Type), likely(m.Score, m.GroupScore), m.fits(runes), m.MentionSentiment.sound(runes))
		})
	})
}
