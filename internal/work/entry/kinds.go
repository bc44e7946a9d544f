package entry

import (
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/classify"
	"cloister/internal/work/language"
	"cloister/internal/work/recogniser"
	"cloister/internal/work/topic"
)

// kinds are the engines of this program, by the kind of job that they serve.
var kinds = map[string]analyse.Kind{
	"dominant-language-detection": {Engine: func(job.Setup, io.Reader) (analyse.Engine, error) {
		d, err := language.Open()
		return languages{d}, err
	}},
	"document-classifier":     {Learner: func(s job.Setup) (analyse.Learner, error) { return classify.Learn(s) }},
	"document-classification": {Engine: paged(func(s job.Setup, m io.Reader) (analyse.Engine, error) { return classify.Open(s, m) })},
	"key-phrases-detection":   english(openPhrases),
	"syntax-detection":        english(openSpeech),
	"entities-detection":      {Engine: openEntities},
	"entity-recognizer":       {Learner: func(s job.Setup) (analyse.Learner, error) { return recogniser.Learn(s) }},
	"topics-detection":        {Learner: func(s job.Setup) (analyse.Learner, error) { return topic.Learn(s) }},
	"pii-entities-detection":  {Engine: openPII},
	"sentiment-detection":     english(openFeelings),

	"targeted-sentiment-detection": english(openTargets),
}

// languages gives Comprehend's members to what the detector finds.
type languages struct{ d *language.Detector }

type found struct {
	LanguageCode string
	Score        float64
}

// Analyse satisfies analyse.Engine. A text without letters has no language.
func (l languages) Analyse(text []byte) (any, error) {
	out := struct{ Languages []found }{[]found{}}
	s := l.d.NewScorer()
	s.Add(text)
	for _, x := range s.Result() {
		out.Languages = append(out.Languages, found{x.Code, x.Score})
	}
	return out, nil
}
