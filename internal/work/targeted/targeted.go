// Package targeted says what English text feels about each thing that it names: experimental. It is deterministic and pure: mentions come from
// the entity engine and from noun phrases, groups from rules, sentiment from the words of the clause around a mention.
package targeted

import (
	"fmt"

	"cloister/internal/work/entity"
	"cloister/internal/work/phrase"
	"cloister/internal/work/sentiment"
	"cloister/internal/work/syntax"
	"cloister/internal/work/token"
)

// Entity is one thing and all its mentions in their order.
type Entity struct {
	DescriptiveMentionIndex []int
	Mentions                []Mention
}

// Mention is one place where a thing is named. Offsets are Unicode code points, EndOffset exclusive.
type Mention struct {
	BeginOffset      int
	EndOffset        int
	Score            float64
	GroupScore       float64
	Text             string
	Type             string
	MentionSentiment sentiment.Result
}

// Engine finds entities and what is felt of them. It may be used by many at once.
type Engine struct {
	tagger *syntax.Tagger
	names  *entity.Model
	judge  *sentiment.Judge
	nouns  map[string]noun
}

// Open reads the models.
func Open() (*Engine, error) {
	t, err := syntax.Open()
	if err != nil {
		return nil, err
	}
	n, err := entity.Open()
	if err != nil {
		return nil, err
	}
	j, err := sentiment.Open()
	if err != nil {
		return nil, err
	}
	nouns, err := readNouns()
	if err != nil {
		return nil, fmt.Errorf("cannot read the noun table: %w", err)
	}
	return &Engine{t, n, j, nouns}, nil
}

// Find gives the entities of a text in the order of their first mentions.
func (e *Engine) Find(text string) []Entity {
	names := e.names.NewDetector().Find(text)
	tokens := token.Split(text)
	var all []mention
	base, sentence := 0, 0
	e.tagger.Sentences(text, func(ts []syntax.Token) bool {
		own := tokens[base : base+len(ts)]
		for len(names) > 0 && names[0].EndOffset <= ts[0].From {
			names = names[1:]
		}
		n := 0
		for n < len(names) && names[n].BeginOffset < ts[len(ts)-1].To {
			n++
		}
		ms := e.mentions(ts, names[:n])
		c := clauses{ts: ts, tokens: own, text: text, judge: e.judge, chunks: phrase.Base(ts)}
		for i := range ms {
			ms[i].sentence = sentence
			ms[i].Text = text[ts[ms[i].begin].Begin:ts[ms[i].end-1].End]
			ms[i].BeginOffset, ms[i].EndOffset = ts[ms[i].begin].From, ts[ms[i].end-1].To
			ms[i].MentionSentiment = c.of(&ms[i])
		}
		all = append(all, ms...)
		base += len(ts)
		sentence++
		return true
	})
	return group(all)
}
