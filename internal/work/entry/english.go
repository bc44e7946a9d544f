package entry

import (
	"fmt"
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/phrase"
	"cloister/internal/work/sentiment"
	"cloister/internal/work/syntax"
	"cloister/internal/work/targeted"
)

// english begins an engine that knows English alone.
func english(open func() (analyse.Engine, error)) analyse.Kind {
	return analyse.Kind{Engine: func(s job.Setup, _ io.Reader) (analyse.Engine, error) {
		if s.Language != "" && s.Language != "en" {
			return nil, fmt.Errorf("no engine for %s in language %q", s.Kind, s.Language)
		}
		return open()
	}}
}

// phrases gives Comprehend's members to key phrases.
type phrases struct{ f *phrase.Finder }

func openPhrases() (analyse.Engine, error) {
	f, err := phrase.Open()
	return phrases{f}, err
}

// Analyse satisfies analyse.Engine.
func (p phrases) Analyse(text []byte) (any, error) {
	return struct{ KeyPhrases []phrase.Phrase }{p.f.Find(string(text))}, nil
}

// speech gives Comprehend's members to parts of speech.
type speech struct{ t *syntax.Tagger }

type partOfSpeech struct {
	Tag   string
	Score float64
}

type syntaxToken struct {
	TokenId      int
	Text         string
	BeginOffset  int
	EndOffset    int
	PartOfSpeech partOfSpeech
}

func openSpeech() (analyse.Engine, error) {
	t, err := syntax.Open()
	return speech{t}, err
}

// Analyse satisfies analyse.Engine. Tokens count from 1.
func (s speech) Analyse(text []byte) (any, error) {
	out := struct{ SyntaxTokens []syntaxToken }{[]syntaxToken{}}
	s.t.Sentences(string(text), func(ts []syntax.Token) bool {
		for i, k := range ts {
			out.SyntaxTokens = append(out.SyntaxTokens, syntaxToken{len(out.SyntaxTokens) + 1, k.Text, k.From, k.To, partOfSpeech{syntax.Speech(ts, i), k.Score}})
		}
		return true
	})
	return out, nil
}

// feelings gives Comprehend's members to sentiment.
type feelings struct{ j *sentiment.Judge }

func openFeelings() (analyse.Engine, error) {
	j, err := sentiment.Open()
	return feelings{j}, err
}

// Analyse satisfies analyse.Engine.
func (f feelings) Analyse(text []byte) (any, error) { return f.j.Judge(string(text)), nil }

// targets gives Comprehend's members to targeted sentiment.
type targets struct{ e *targeted.Engine }

func openTargets() (analyse.Engine, error) {
	e, err := targeted.Open()
	return targets{e}, err
}

// Analyse satisfies analyse.Engine.
func (t targets) Analyse(text []byte) (any, error) {
	return struct{ Entities []targeted.Entity }{t.e.Find(string(text))}, nil
}
