package targeted

import (
	"strings"

	"cloister/internal/work/entity"
	"cloister/internal/work/phrase"
	"cloister/internal/work/syntax"
)

// form is how a thing is named.
type form uint8

const (
	name form = iota
	common
	pronoun
)

// mention is one mention and what groups need to know of it.
type mention struct {
	Mention
	begin, end int // tokens of its sentence
	form       form
	key        string // what mentions of one thing share
	head       string // the last word, folded
	plural     bool
	subject    bool // a verb follows
	male       int8 // 1 male, -1 female, 0 unknown
	sentence   int
	clause     int // where its clause begins
}

// mentions finds the mentions of one sentence: what the entity engine names, nouns that the table knows, pronouns.
func (e *Engine) mentions(ts []syntax.Token, names []entity.Entity) []mention {
	var out []mention
	k := 0
	for _, c := range append(phrase.Base(ts), phrase.Span{Begin: len(ts), End: len(ts)}) {
		from := 1 << 30
		to := from
		if c.Begin < len(ts) {
			from, to = ts[c.Begin].From, ts[c.End-1].To
		}
		held := false
		for k < len(names) && names[k].BeginOffset < to {
			if m, ok := named(ts, names[k]); ok {
				out = append(out, m)
				held = held || names[k].EndOffset > from && (names[k].EndOffset >= ts[c.End-1].From || names[k].Type == "QUANTITY" || names[k].Type == "DATE")
			}
			k++
		}
		if n := len(out); n > 0 && out[n-1].form == name && c.Begin < len(ts) && out[n-1].end > c.Begin {
			held = held || out[n-1].end >= c.End
		}
		if c.Begin == len(ts) || held {
			continue
		}
		if m, ok := e.plain(ts, c); ok && (len(out) == 0 || out[len(out)-1].end <= m.begin) {
			out = append(out, m)
		}
	}
	for i := range out {
		out[i].subject = subject(ts, out[i].end)
	}
	return out
}

// named makes a mention of what the entity engine found.
func named(ts []syntax.Token, n entity.Entity) (mention, bool) {
	begin, end := -1, 0
	for i := range ts {
		if ts[i].From >= n.BeginOffset && ts[i].To <= n.EndOffset {
			if begin < 0 {
				begin = i
			}
			end = i + 1
		}
	}
	if begin < 0 {
		return mention{}, false
	}
	for _, t := range ts[begin:end] {
		if n.Score < .9 && (strings.HasPrefix(t.Tag, "PRP") || t.Tag == "MD" || t.Tag == "VBZ" || t.Tag == "VBD" || t.Tag == "VBP") {
			return mention{}, false // a whole clause taken for a name
		}
	}
	kind := n.Type
	if kind == "TITLE" {
		kind = work(ts, begin, end)
	}
	m := mention{begin: begin, end: end, form: name, head: strings.ToLower(ts[end-1].Text)}
	m.Score, m.Type = n.Score, kind
	m.key = strings.ToLower(n.Text)
	if begin > 0 {
		switch strings.TrimSuffix(strings.ToLower(ts[begin-1].Text), ".") {
		case "mr", "sir", "king", "lord":
			m.male = 1
		case "mrs", "ms", "miss", "lady", "queen":
			m.male = -1
		}
	}
	m.plural = ts[end-1].Tag == "NNPS" || ts[end-1].Tag == "NNS"
	return m, true
}

// work tells the kinds of titled works apart by words near the title.
func work(ts []syntax.Token, begin, end int) string {
	for i := max(0, begin-5); i < min(len(ts), end+4); i++ {
		switch strings.ToLower(ts[i].Text) {
		case "film", "movie", "director", "watched", "sequel", "starring", "screening":
			return "MOVIE"
		case "book", "novel", "author", "read", "chapter", "wrote":
			return "BOOK"
		case "song", "album", "band", "singer", "listened", "track":
			return "MUSIC"
		case "game", "played", "console":
			return "GAME"
		case "app", "software", "installed":
			return "SOFTWARE"
		}
	}
	return "OTHER"
}

// plain makes a mention of a pronoun, or of the nouns that end a phrase.
func (e *Engine) plain(ts []syntax.Token, c phrase.Span) (mention, bool) {
	m := mention{begin: c.Begin, end: c.End}
	last := ts[c.End-1]
	if c.End-c.Begin == 1 && last.Tag == "PRP" {
		m.form, m.Score, m.key = pronoun, last.Score, person(strings.ToLower(last.Text))
		m.Type = "PERSON"
		switch m.key {
		case "":
			return m, false
		case "he":
			m.male = 1
		case "she":
			m.male = -1
		case "we", "they":
			m.plural = true
		}
		return m, true
	}
	if !strings.HasPrefix(last.Tag, "NN") {
		return m, false
	}
	begin := c.End - 1
	for begin > c.Begin && (strings.HasPrefix(ts[begin-1].Tag, "NN")) {
		begin--
	}
	key, n, ok := e.lemma(last.Text)
	if !ok {
		return m, false // of no type
	}
	m.begin, m.form, m.Type, m.Score = begin, common, n.kind, n.share*last.Score
	m.head, m.plural = key, last.Tag == "NNS"
	m.key = key
	if begin < c.End-1 {
		m.key = strings.ToLower(ts[c.End-2].Text) + " " + key
	}
	return m, true
}

// person folds the forms of a pronoun.
func person(w string) string {
	switch w {
	case "i", "me", "myself", "mine":
		return "i"
	case "we", "us", "ourselves", "ours":
		return "we"
	case "you", "yourself", "yours", "yourselves":
		return "you"
	case "he", "him", "himself":
		return "he"
	case "she", "her", "herself", "hers":
		return "she"
	case "they", "them", "themselves", "theirs":
		return "they"
	case "it", "itself":
		return "it"
	}
	return ""
}

// subject says whether a verb follows at i.
func subject(ts []syntax.Token, i int) bool {
	for ; i < len(ts); i++ {
		switch t := ts[i].Tag; {
		case strings.HasPrefix(t, "RB"):
		case t == "MD", t == "VBZ", t == "VBD", t == "VBP":
			return true
		default:
			return false
		}
	}
	return false
}
