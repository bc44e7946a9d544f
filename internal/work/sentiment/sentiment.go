// Package sentiment says whether English text speaks well or ill of things. It is deterministic and pure: a linear classifier over words and
// over what a lexicon says of them, read-only once opened.
package sentiment

import (
	"math"

	"cloister/internal/work/token"
)

// Result is a document's sentiment. The four scores add up to 1.
type Result struct {
	Sentiment      string // POSITIVE NEGATIVE NEUTRAL MIXED
	SentimentScore Scores
}

// Scores are probabilities.
type Scores struct{ Mixed, Negative, Neutral, Positive float64 }

// Judge knows the model. It may be used by many at once.
type Judge struct{ m *Model }

// Open reads the model.
func Open() (*Judge, error) {
	m, err := load()
	if err != nil {
		return nil, err
	}
	return New(m), nil
}

// New judges by a model, as training does.
func New(m *Model) *Judge { return &Judge{m} }

// Cut prepares a whole text for the features, as training does.
func Cut(text string) *Words { return cut(text, token.Split(text)) }

// whole is the number of words up to which a document is judged in one piece, as the comments of the training set were.
const whole = 60

// Judge gives the sentiment of a document. A long one is what its sentences are, each weighed by how little neutral it is.
func (j *Judge) Judge(text string) Result {
	tokens := token.Split(text)
	if len(tokens) == 0 {
		return Name([Classes]float64{Neutral: 1})
	}
	return Name(j.document(text, tokens))
}

func (j *Judge) document(text string, tokens []token.Token) [Classes]float64 {
	var v view
	var fs []Feature
	sentences := token.Sentences(text, tokens)
	var p [Classes]float64
	for _, s := range sentences {
		ts := tokens[s.Begin:s.End]
		p = j.of(text, ts, &fs)
		v.sentence(p)
		begin := 0
		for i := 1; i < len(ts); i++ {
			if turns(ts[i].In(text)) && i-begin > 2 && len(ts)-i > 2 {
				v.clause(j.of(text, ts[begin:i], &fs))
				begin = i
			}
		}
		if begin == 0 {
			v.clause(p)
		} else {
			v.clause(j.of(text, ts[begin:], &fs))
		}
	}
	switch {
	case len(tokens) > whole:
		p = v.mean()
	case len(sentences) > 1:
		p = j.of(text, tokens, &fs)
	}
	return v.mix(p)
}

// Opinion gives the probabilities of what tokens say of a thing, in the order Positive, Negative, Neutral, Mixed. They are read as a review's: a few
// words don't tell by themselves.
func (j *Judge) Opinion(text string, ts []token.Token) [Classes]float64 {
	w := cut(text, ts)
	w.review = true
	return softmax(j.m.logits(j.m.Lexicon.Features(nil, w)))
}

func (j *Judge) of(text string, ts []token.Token, fs *[]Feature) [Classes]float64 {
	*fs = j.m.Lexicon.Features((*fs)[:0], cut(text, ts))
	return softmax(j.m.logits(*fs))
}

// turns says whether a clause that w begins may say the opposite of the one before.
func turns(w string) bool {
	switch fold(w) {
	case "but", "however", "although", "though", "yet", "whereas", "while", "except", "unfortunately", "sadly", "luckily", "thankfully", "fortunately", "still", "nevertheless", ";", "—", "–":
		return true
	}
	return false
}

// view gathers what sentences and clauses say.
type view struct {
	sum         [Classes]float64
	weight      float64
	pos, neg    float64 // of clauses, added up
	best, worst float64 // the most positive and the most negative clause
}

func (v *view) sentence(p [Classes]float64) {
	w := 1.05 - p[Neutral]
	for k := range p {
		v.sum[k] += w * p[k]
	}
	v.weight += w
}

func (v *view) clause(p [Classes]float64) {
	v.pos, v.neg = v.pos+p[Positive], v.neg+p[Negative]
	v.best, v.worst = max(v.best, p[Positive]), max(v.worst, p[Negative])
}

func (v *view) mean() (p [Classes]float64) {
	for k := range p {
		p[k] = v.sum[k] / v.weight
	}
	return p
}

// opposed is how sure two clauses must be for a document to be MIXED by rule.
const opposed = .7

// mix raises MIXED to the probability that one clause is positive and another negative, less the less they balance.
func (v *view) mix(p [Classes]float64) [Classes]float64 {
	if v.best < opposed || v.worst < opposed {
		return p
	}
	m := v.best * v.worst * math.Pow(2*min(v.pos, v.neg)/(v.pos+v.neg), 2)
	if m <= p[Mixed] {
		return p
	}
	rest := 1 - p[Mixed]
	for k := range p {
		if k != Mixed {
			p[k] *= (1 - m) / rest
		}
	}
	p[Mixed] = m
	return p
}

// Name gives AWS's form to probabilities. Ties are NEUTRAL.
func Name(p [Classes]float64) Result {
	best := Neutral
	for _, k := range []int{Positive, Negative, Mixed} {
		if p[k] > p[best] {
			best = k
		}
	}
	return Result{[]string{"POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"}[best], Scores{p[Mixed], p[Negative], p[Neutral], p[Positive]}}
}
