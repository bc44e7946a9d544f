// Package syntax finds the words of English text and their parts of speech, by the tags of the Penn Treebank and by AWS's. It is
// deterministic and pure: a tagger is read-only once opened, and what it says of a sentence depends on nothing but that sentence.
package syntax

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/token"
)

// Token is one word, number or sign.
type Token struct {
	Text       string  // as it stands in the text
	Begin, End int     // bytes
	From, To   int     // Unicode code points, To exclusive
	Tag        string  // Penn Treebank
	Score      float64 // the tagger's probability of Tag
	Kind       token.Kind
	Spaced     bool // a blank stands before it
}

// Tagger knows the model. It may be used by many at once.
type Tagger struct{ m *model }

// Open reads the model, in a tenth of a second or two.
func Open() (*Tagger, error) {
	m, err := load()
	if err != nil {
		return nil, fmt.Errorf("cannot read the model of English tags: %w", err)
	}
	return &Tagger{m}, nil
}

// Sentences yields the tagged tokens of each sentence of text, in order. The slice is valid until the next call.
func (t *Tagger) Sentences(text string, yield func([]Token) bool) {
	tokens := token.Split(text)
	var out []Token
	s := scorer{m: t.m, scores: make([]float32, len(t.m.tags))}
	quoted := false
	for _, sent := range token.Sentences(text, tokens) {
		out = out[:0]
		for _, k := range tokens[sent.Begin:sent.End] {
			out = append(out, Token{Text: k.In(text), Begin: int(k.Begin), End: int(k.End), From: int(k.From), To: int(k.To),
				Kind: k.Kind, Spaced: k.Gap != token.None})
			if k.Gap == token.Paragraph {
				quoted = false
			}
		}
		quoted = s.tag(out, quoted)
		t.m.repair(out)
		if !yield(out) {
			return
		}
	}
}

// scorer tags sentences one after another.
type scorer struct {
	m      *model
	scores []float32
	key    []byte
	words  []string // as the model was trained on them, with two words of padding at each end
}

// tag fills Tag and Score. open says whether a double quote is open before, the result whether one is after.
func (s *scorer) tag(ts []Token, open bool) bool {
	s.words = append(s.words[:0], "-START-", "-START2-")
	loud := shouted(ts)
	forms := make([]string, len(ts))
	for i := range ts {
		forms[i], open = form(ts[i], open, loud)
		s.words = append(s.words, normal(forms[i]))
	}
	s.words = append(s.words, "-END-", "-END2-")
	p1, p2 := "-START-", "-START2-"
	for i := range ts {
		ts[i].Tag, ts[i].Score = s.one(ts, i, forms[i], p1, p2)
		p2, p1 = p1, ts[i].Tag
	}
	return open
}

// shouted says whether a sentence is written in capitals, whose words then say nothing about names.
func shouted(ts []Token) bool {
	upper, words := 0, 0
	for i := range ts {
		if ts[i].Kind == token.Word && len(ts[i].Text) > 1 {
			words++
			if strings.ToUpper(ts[i].Text) == ts[i].Text {
				upper++
			}
		}
	}
	return words >= 3 && upper*10 >= words*8
}

// form is the spelling of a token that the model was trained on.
func form(t Token, open, loud bool) (string, bool) {
	switch t.Text {
	case `"`, "”", "“", "«", "»", "``", "''", "„", "‟":
		if t.Text == "``" || t.Text == "“" || t.Text == "«" || t.Text == "„" || t.Text == `"` && !open {
			return "``", true
		}
		return "''", false
	case "‘", "`":
		return "`", open
	case "'", "’":
		return "'", open
	case "[", "{":
		return "(", open
	case "]", "}":
		return ")", open
	case "…":
		return "...", open
	case "–", "—", "-", "―":
		return "--", open
	}
	w := t.Text
	if strings.Contains(w, "’") {
		w = strings.ReplaceAll(w, "’", "'")
	}
	if loud {
		w = strings.ToLower(w)
	}
	return w, open
}

// normal folds a word to the key under which the model knows it.
func normal(w string) string {
	switch {
	case w[0] != '-' && strings.IndexByte(w, '-') >= 0:
		return "!HYPHEN"
	case len(w) == 4 && digits(w):
		return "!YEAR"
	case w[0] >= '0' && w[0] <= '9':
		return "!DIGITS"
	}
	return strings.ToLower(w)
}

func digits(w string) bool { return strings.Trim(w, "0123456789") == "" }

// What the lexicon adds to a tag's score, and the temperature that makes scores probabilities: see the card.
const (
	listed      = 3.0 // the lexicon lists the tag
	first       = 1.5 // it is the word's most usual tag
	unseen      = 2.0 // times that if the model never saw the word
	temperature = 2.2
)

// one finds the tag of token i, and its probability.
func (s *scorer) one(ts []Token, i int, word, p1, p2 string) (string, float64) {
	if tag := sign(ts[i], word); tag != "" {
		return tag, 1
	}
	if id, ok := s.m.sure[word]; ok {
		return s.m.tags[id], .995
	}
	if i == 0 || opens(ts[i-1].Text) { // a capital that may be the sentence's
		if low := strings.ToLower(word); low != word && low != "may" && low != "will" && low != "march" {
			if id, ok := s.m.sure[low]; ok && !noun(s.m.tags[id]) {
				return s.m.tags[id], .99
			}
		}
	}
	clear(s.scores)
	w := s.words[i : i+5]
	s.feature("bias")
	s.feature("i suffix ", tail(word))
	s.feature("i pref1 ", word[:1])
	s.feature("i-1 tag ", p1)
	s.feature("i-2 tag ", p2)
	s.feature("i tag+i-2 tag ", p1, " ", p2)
	known := s.feature("i word ", w[2])
	s.feature("i-1 tag+i word ", p1, " ", w[2])
	s.feature("i-1 word ", w[1])
	s.feature("i-1 suffix ", tail(w[1]))
	s.feature("i-2 word ", w[0])
	s.feature("i+1 word ", w[3])
	s.feature("i+1 suffix ", tail(w[3]))
	s.feature("i+2 word ", w[4])
	s.consult(ts, i, word, known)
	best := 0
	for c := range s.scores {
		if s.scores[c] > s.scores[best] {
			best = c
		}
	}
	sum := 0.0
	for c := range s.scores {
		sum += math.Exp(float64(s.scores[c]-s.scores[best]) / temperature)
	}
	return s.m.tags[best], 1 / sum
}

func (s *scorer) feature(parts ...string) bool {
	s.key = s.key[:0]
	for _, p := range parts {
		s.key = append(s.key, p...)
	}
	return s.m.add(s.key, s.scores)
}

// tail is the last three bytes, as the model was trained.
func tail(w string) string { return w[max(0, len(w)-3):] }

// consult adds what the lexicon knows of the word.
func (s *scorer) consult(ts []Token, i int, word string, known bool) {
	tags, ok := s.m.lexicon[word]
	r, _ := utf8.DecodeRuneInString(word)
	if begins := i == 0 || opens(ts[i-1].Text); unicode.IsUpper(r) && (!ok || begins) {
		if low, has := s.m.lexicon[strings.ToLower(word)]; has && (begins || !ok && title(ts)) {
			if ok && tags != low {
				tags += " " + low
			} else {
				tags = low
			}
			ok = true
		}
	}
	if !ok {
		if unicode.IsUpper(r) && i > 0 && !opens(ts[i-1].Text) && !title(ts) {
			s.bonus("NNP", listed)
		}
		return
	}
	scale := float32(1)
	if !known {
		scale = unseen
	}
	lead := float32(first)
	for tag := range strings.FieldsSeq(tags) {
		s.bonus(tag, scale*(listed+lead))
		lead = 0
	}
}

func (s *scorer) bonus(tag string, x float32) {
	if id, ok := s.m.id[tag]; ok {
		s.scores[id] += x
	}
}

// opens says whether a capital after w may be that of a sentence.
func opens(w string) bool {
	switch w {
	case `"`, "“", "``", "‘", "'", "(", "-", "–", "—", "--", "•", "*", ":", "...", "…":
		return true
	}
	return false
}

// title says whether most words have capitals, as in headlines.
func title(ts []Token) bool {
	upper, words := 0, 0
	for i := range ts {
		if ts[i].Kind == token.Word && len(ts[i].Text) > 3 {
			words++
			if r, _ := utf8.DecodeRuneInString(ts[i].Text); unicode.IsUpper(r) {
				upper++
			}
		}
	}
	return words > 2 && upper*10 >= words*7
}

// sign gives the tag of what is no word, or "".
func sign(t Token, w string) string {
	switch w {
	case ",":
		return ","
	case ".", "!", "?", "。", "！", "？":
		return "."
	case ":", ";", "--", "...":
		return ":"
	case "``", "`":
		return "``"
	case "''":
		return "''"
	case "'":
		return "'" // a quote or a possessive: repair decides
	case "(", ")":
		return w
	case "$", "£", "€", "¥", "₹", "US$", "A$", "C$":
		return "$"
	case "#":
		return "#"
	case "%", "°":
		return "NN"
	case "&":
		return "CC"
	}
	low := strings.ToLower(w)
	switch low {
	case "hello", "hi", "hey", "wow", "oh", "ouch", "yay", "hooray", "ugh", "hmm", "lol", "bye", "goodbye", "oops", "aw":
		return "UH"
	case "i.e.", "e.g.", "etc.":
		return "FW"
	case "i":
		return "PRP"
	}
	if numeral(low) {
		return "CD"
	}
	if t.Kind == token.Word && len(w) > 3 && strings.ContainsAny(w, "0123456789") && strings.IndexByte(w, '-') > 0 && strings.ContainsAny(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strings.ToUpper(w) == w {
		return "NN" // the number of an account, a part or a flight
	}
	switch t.Kind {
	case token.Number:
		return "CD"
	case token.Address:
		return "NN"
	case token.Handle:
		return "NNP"
	case token.Symbol:
		return "SYM"
	case token.Punct:
		if strings.Trim(w, "!?") == "" {
			return "."
		}
		return ":"
	}
	return ""
}

// numeral says whether w is the word of a number; one is not, as it may be a pronoun.
func numeral(w string) bool {
	switch w {
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
		"eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "billion", "trillion":
		return true
	}
	return false
}
