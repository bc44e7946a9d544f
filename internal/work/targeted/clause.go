package targeted

import (
	"strings"

	"cloister/internal/work/phrase"
	"cloister/internal/work/sentiment"
	"cloister/internal/work/syntax"
	"cloister/internal/work/token"
)

// clauses judges mentions of one sentence by the clauses that hold them.
type clauses struct {
	ts     []syntax.Token
	tokens []token.Token
	text   string
	judge  *sentiment.Judge
	chunks []phrase.Span
	cuts   []int // where clauses begin; nil until asked
	keep   []token.Token
}

// around is the number of tokens on each side of a mention that are looked at.
const around = 40

// of gives the sentiment towards a mention. Who speaks is not what is spoken of: the first person is neutral by definition, as in AWS's example.
func (c *clauses) of(m *mention) sentiment.Result {
	begin, end := c.clause(m)
	m.clause = begin
	if m.form == pronoun && (m.key == "i" || m.key == "we" || m.key == "you") {
		return sentiment.Name([sentiment.Classes]float64{sentiment.Neutral: 1})
	}
	begin, end = max(begin, m.begin-around), min(end, m.end+around)
	own := phrase.Span{Begin: m.begin, End: m.end}
	for _, s := range c.chunks {
		if s.Begin <= m.begin && s.End >= m.end {
			own = s
		}
	}
	if own.Begin > 0 && c.aside(m.Type, own.Begin-1) { // in May, at the bank: what is said there is not said of it
		begin, end = own.Begin, own.End
	}
	c.keep = c.keep[:0]
	chunk := 0
	for i := begin; i < end; i++ {
		for chunk < len(c.chunks) && c.chunks[chunk].End <= i {
			chunk++
		}
		inside := chunk < len(c.chunks) && c.chunks[chunk].Begin <= i
		t := c.ts[i].Tag
		if inside && c.chunks[chunk].Begin != own.Begin && c.other(c.chunks[chunk]) && (strings.HasPrefix(t, "JJ") || t == "VBN" || t == "VBG" || strings.HasPrefix(t, "RB")) {
			continue // another thing's adjective
		}
		if m.form == name && i >= m.begin && i < m.end {
			continue // what a thing is called says nothing of it: the Grand Hotel
		}
		c.keep = append(c.keep, c.tokens[i])
	}
	return sentiment.Name(c.judge.Opinion(c.text, c.keep))
}

// clause gives the tokens of the clause that holds a mention.
func (c *clauses) clause(m *mention) (begin, end int) {
	if c.cuts == nil {
		c.cut()
	}
	end = len(c.ts)
	for _, k := range c.cuts {
		if k > m.begin {
			return begin, k
		}
		begin = k
	}
	return begin, end
}

// other says whether the adjectives of a phrase are its own. Those of a complement are the subject's: it is a great phone.
func (c *clauses) other(s phrase.Span) bool {
	for i := s.Begin - 1; i >= 0 && i > s.Begin-4; i-- {
		switch strings.ToLower(c.ts[i].Text) {
		case "is", "are", "was", "were", "be", "been", "'s", "’s", "'re", "’re", "am", "became", "becomes", "remains", "makes", "made", "has", "have", "had", "offers", "offered", "serves", "served", "provides", "gives", "gave", "with":
			return false
		}
		if !strings.HasPrefix(c.ts[i].Tag, "RB") && c.ts[i].Tag != "DT" {
			break
		}
	}
	return true
}

// aside says whether the word at i puts a time, a place or an amount beside what is said.
func (c *clauses) aside(kind string, i int) bool {
	switch kind {
	case "DATE", "QUANTITY", "LOCATION", "FACILITY", "EVENT", "ORGANIZATION":
	default:
		return false
	}
	switch strings.ToLower(c.ts[i].Text) {
	case "in", "on", "at", "during", "since", "until", "till", "from", "to", "after", "before", "near", "by", "within", "over", "through", "into", "outside", "inside":
		return true
	}
	return false
}

// cut finds where clauses begin: at words of contrast, and where both sides of a comma or of "and" have a verb of their own.
func (c *clauses) cut() {
	c.cuts = []int{0}
	last := 0
	for i := 1; i < len(c.ts); i++ {
		w, t := strings.ToLower(c.ts[i].Text), c.ts[i].Tag
		switch {
		case contrast(w) && (finite(c.ts[last:i]) || t == ":"):
		case (w == "and" || w == "or" || w == "so" || w == "," || w == "then") && finite(c.ts[last:i]) && c.opens(i+1):
		default:
			continue
		}
		c.cuts = append(c.cuts, i)
		last = i
	}
}

func contrast(w string) bool {
	switch w {
	case "but", "however", "although", "though", "whereas", "while", "yet", ";", "—", "–", "--", "except", "unfortunately", "sadly", "luckily", "thankfully", "fortunately":
		return true
	}
	return false
}

// opens says whether a clause with a subject of its own begins at i.
func (c *clauses) opens(i int) bool {
	if i < len(c.ts) && (c.ts[i].Tag == "CC" || strings.HasPrefix(c.ts[i].Tag, "RB")) {
		i++
	}
	for _, s := range c.chunks {
		if s.Begin == i {
			end := s.End
			for j := range c.chunks { // the size of the room
				if c.chunks[j].Begin > end && c.chunks[j].Begin == end+1 && end < len(c.ts) && c.ts[end].Tag == "IN" {
					end = c.chunks[j].End
				}
			}
			return subject(c.ts, end)
		}
	}
	return false
}

// finite says whether a verb that makes a clause is among ts.
func finite(ts []syntax.Token) bool {
	for i := range ts {
		switch ts[i].Tag {
		case "MD", "VBZ", "VBD", "VBP", "VB":
			return true
		}
	}
	return false
}
