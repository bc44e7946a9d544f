package phrase

import (
	"strings"

	"cloister/internal/work/syntax"
	"cloister/internal/work/token"
)

// chunker walks one sentence. Its rules are those of base noun phrases: no phrase contains another, nothing behind the head noun.
type chunker struct{ ts []syntax.Token }

func (c *chunker) tag(i int) string {
	if i < 0 || i >= len(c.ts) {
		return ""
	}
	return c.ts[i].Tag
}

func (c *chunker) low(i int) string {
	if i < 0 || i >= len(c.ts) {
		return ""
	}
	return strings.ToLower(c.ts[i].Text)
}

func noun(t string) bool { return strings.HasPrefix(t, "NN") || t == "FW" }
func adjective(t string) bool {
	return strings.HasPrefix(t, "JJ")
}
func number(t string) bool { return t == "CD" || t == "$" || t == "#" }

// parts are the base phrases in order.
func (c *chunker) parts() []Span {
	var out []Span
	for i := 0; i < len(c.ts); {
		begin, end := c.one(i)
		if end == begin {
			i++
			continue
		}
		out = append(out, Span{Begin: begin, End: end})
		i = end
	}
	return out
}

// one finds the phrase that begins at i, or nothing: begin == end.
func (c *chunker) one(i int) (int, int) {
	t := c.tag(i)
	switch t {
	case "PRP", "EX":
		if t == "PRP" && c.low(i) == "us" && strings.ToUpper(c.ts[i].Text) == c.ts[i].Text && noun(c.tag(i+1)) {
			break // US shares
		}
		return i, i + 1
	case "WP", "WDT":
		if noun(c.tag(i+1)) || adjective(c.tag(i+1)) && noun(c.tag(i+2)) {
			break // what company
		}
		return i, i + 1
	}
	switch c.low(i) {
	case "i.e.", "e.g.", "etc.":
		return i, i
	case "worth", "due", "able", "unable", "likely", "unlikely", "ready", "such":
		if c.low(i) != "such" || c.low(i+1) == "as" {
			return i, i
		}
	case "many", "most", "few", "several", "much", "more", "less", "enough", "plenty":
		if c.low(i+1) == "of" && (adjective(t) || strings.HasPrefix(t, "RB") || t == "DT") {
			return i, i + 1
		}
	}
	j := c.lead(i)
	if j > i {
		if end := c.core(i, j); end > 0 {
			return i, c.extend(i, end)
		}
	}
	switch {
	case t == "PDT" || t == "DT" || t == "PRP$" || t == "WP$" || t == "POS" || t == "WDT" || t == "WP":
		j = c.determiner(i)
		end := c.core(i, j)
		if end == 0 {
			end = c.bare(i, j)
		}
		if end == 0 {
			return i, i
		}
		return i, c.extend(i, end)
	case noun(t) || adjective(t) || number(t) || t == "VBG" || t == "VBN" || t == "VBD" || strings.HasPrefix(t, "RB") || t == "``":
		if (t == "VBG" || t == "VBN" || t == "VBD") && !c.participle(i, i) {
			return i, i
		}
		if t == "``" { // a quote opens inside phrases only
			return i, i
		}
		end := c.core(i, i)
		if end == 0 {
			return i, i
		}
		return i, c.extend(i, end)
	}
	return i, i
}

// lead gives the end of words that measure the number after them, or i: about, more than, up to, at least.
func (c *chunker) lead(i int) int {
	var j int
	w := c.low(i)
	switch w {
	case "about", "around", "roughly", "approximately", "nearly", "almost", "over", "under", "only", "just", "some", "exactly", "virtually", "another", "every", "between", "below", "above", "well", "perhaps", "maybe", "even":
		j = i + 1
		if w == "well" && (c.low(j) == "over" || c.low(j) == "above" || c.low(j) == "below") {
			j++
		} else if w == "well" {
			return i
		}
		switch c.low(j) { // just over, only about
		case "about", "over", "under", "around":
			j++
		}
		if (w == "over" || w == "under" || w == "around" || w == "about" || w == "above" || w == "below") && c.low(j) == "one" {
			return i
		}
	case "more", "less", "fewer", "greater", "higher", "lower", "better", "other", "rather":
		if c.low(i+1) != "than" || w == "other" || w == "rather" || w == "higher" || w == "lower" || w == "better" {
			return i
		}
		j = i + 2
		switch c.low(j) {
		case "half", "double", "twice":
			if c.tag(j+1) == "DT" {
				return c.determiner(j + 1) // more than half a point
			}
			return j
		}
	case "at":
		if c.low(i+1) != "least" && c.low(i+1) != "most" {
			return i
		}
		j = i + 2
	case "up":
		if c.low(i+1) != "to" {
			return i
		}
		j = i + 2
	case "as":
		if (c.low(i+1) == "many" || c.low(i+1) == "much" || c.low(i+1) == "few" || c.low(i+1) == "little") && c.low(i+2) == "as" {
			j = i + 3
		} else {
			return i
		}
	case "twice", "half", "double", "triple":
		if c.tag(i+1) == "DT" && (noun(c.tag(i+2)) || adjective(c.tag(i+2))) {
			return c.determiner(i + 1)
		}
		return i
	case "earlier", "later":
		switch c.low(i + 1) {
		case "this":
			return c.determiner(i + 1)
		case "last", "next":
			return i + 1
		}
		return i
	case "close":
		if c.low(i+1) != "to" {
			return i
		}
		j = i + 2
	default:
		return i
	}
	if number(c.tag(j)) || fraction(c.low(j)) {
		if w == "between" && !(c.low(j+1) == "and" && number(c.tag(j+2))) && !(c.low(j+2) == "and" && number(c.tag(j+3))) {
			return i
		}
		if w == "over" && (c.low(i-1) == "handed" || c.low(i-1) == "take" || c.low(i-1) == "took") {
			return i
		}
		return j
	}
	switch c.low(j) {
	case "twice", "double", "triple": // about twice the average
		if c.tag(j+1) == "DT" || c.tag(j+1) == "PRP$" {
			return c.determiner(j + 1)
		}
	}
	if c.low(j) == "half" && (w == "about" || w == "nearly" || w == "almost" || w == "roughly") {
		return j
	}
	if d := c.low(j); c.tag(j) == "DT" && d != "the" {
		switch w {
		case "nearly", "almost", "virtually", "roughly", "approximately", "more", "less":
			return c.determiner(j) // almost all, nearly every, more than a year
		case "about", "over", "around", "just", "only", "at", "up":
			if (d == "a" || d == "an") && quantity(c.low(j+1)) {
				return c.determiner(j)
			}
		}
	}
	return i
}

// determiner gives the end of the determiners at i: such a, all the, half the, both these.
func (c *chunker) determiner(i int) int {
	j := i
	if c.tag(j) == "PDT" {
		j++
	}
	for n := 0; n < 2; n++ {
		t := c.tag(j)
		if t != "DT" && t != "PRP$" && t != "WP$" && t != "POS" && t != "WDT" && t != "WP" {
			break
		}
		if n == 1 {
			switch c.low(j - 1) {
			case "all", "both", "half", "such", "quite":
			default:
				return j
			}
		}
		j++
	}
	return j
}

// core gives the end of the modifiers and nouns from j on, of a phrase that begins at i; 0 if no noun or number ends it.
func (c *chunker) core(i, j int) int {
	last := -1 // behind the last word that may end a phrase
	quote := -1
	for j < len(c.ts) {
		t := c.tag(j)
		if last == j && c.breaks(i, j) || j > i && c.apart(j) || last == j && c.apart(j-1) {
			break
		}
		switch {
		case noun(t) || adjective(t) && c.coded(j):
			j++
			last = j
		case t == "CD":
			j++
			last = j
		case adjective(t):
			if last == j && j > i && noun(c.tag(j-1)) && !noun(c.tag(j+1)) && !(adjective(c.tag(j+1)) && noun(c.tag(j+2))) {
				return c.unquote(quote, last)
			}
			j++
		case t == "$" || t == "#":
			if last == j && j > i && noun(c.tag(j-1)) && !(c.low(j-1) == "record" && j == i+2) { // a record $3 billion
				return c.unquote(quote, last)
			}
			j++
		case t == "VBN" || t == "VBG" || t == "VBD":
			if (!c.participle(i, j) || last == j) && !c.trade(j) {
				return c.unquote(quote, last)
			}
			j++
		case strings.HasPrefix(t, "RB") && last != j && (adjective(c.tag(j+1)) || c.tag(j+1) == "CD" || (c.tag(j+1) == "VBN" || c.tag(j+1) == "VBG") && j > i ||
			strings.HasPrefix(c.tag(j+1), "RB") && adjective(c.tag(j+2)) && j > i):
			if j == i && !degree(c.low(j)) {
				return 0
			}
			j++
		case (t == "CC" || t == ",") && j > i && last != j && (adjective(c.tag(j-1)) || c.tag(j-1) == "VBN") && (adjective(c.tag(j+1)) || c.tag(j+1) == "VBN" && t == "CC" || strings.HasPrefix(c.tag(j+1), "RB") && adjective(c.tag(j+2))) && c.leads(j+1):
			j++
		case t == "CC" && last == j && c.tag(j-1) == "CD" && (c.tag(j+1) == "CD" || c.tag(j+1) == "$") && (c.low(j) == "or" || c.low(j) == "and" && (c.low(i) == "between" || c.tag(j+1) == "CD" && !noun(c.tag(j-2)) && len(c.ts[j+1].Text) < 4)):
			j++ // two or three; between 5 and 10
		case t == "TO" && last == j && c.tag(j-1) == "CD" && (c.tag(j+1) == "CD" || c.tag(j+1) == "$") && c.ranges(i, j):
			j++ // 10 to 15 people
		case t == ":" && last == j && c.tag(j-1) == "CD" && c.tag(j+1) == "CD" && !c.ts[j].Spaced && !c.ts[j+1].Spaced:
			j++ // 10-15 with a dash
		case t == "``" && j > i && quote < 0 && (noun(c.tag(j+1)) || adjective(c.tag(j+1)) || c.tag(j+1) == "VBN") && (c.tag(j-1) == "DT" || c.tag(j-1) == "PRP$" || c.tag(j-1) == "POS" || adjective(c.tag(j-1)) && last != j):
			quote = j
			j++
		case t == "''" && quote >= 0 && (last == j || adjective(c.tag(j-1))):
			quote = -1
			if last == j {
				last++
			}
			j++
		case t == "&" || t == "CC" && c.ts[j].Text == "&" && last == j && c.tag(j+1) == "NNP":
			j++
		case t == "CC" && last == j && c.low(j) == "and" && c.tag(j-1) == "CD" && c.tag(j+1) == "CD" && strings.Contains(c.ts[j+1].Text, "/"):
			j++
		case t == "," && last == j && c.tag(j-1) == "CD" && c.date(j):
			j += 2 // July 5, 1994
			last = j
		case t == "," && last == j && c.tag(j-1) == "NNP" && c.suffix(j):
			j += 2 // Example, Inc.
			last = j
		default:
			return c.unquote(quote, last)
		}
	}
	return c.unquote(quote, last)
}

// coded says whether an adjective is a name of letters and digits: single-B-2.
func (c *chunker) coded(j int) bool {
	w := c.ts[j].Text
	return strings.Contains(w, "-") && w[len(w)-1] >= '0' && w[len(w)-1] <= '9'
}

// trade says whether a gerund stands inside a compound as a noun does: a bank holding company.
func (c *chunker) trade(j int) bool {
	if c.tag(j) != "VBG" || !noun(c.tag(j-1)) || !noun(c.tag(j+1)) {
		return false
	}
	switch c.low(j) {
	case "holding":
		return strings.HasPrefix(c.low(j+1), "compan")
	case "operating":
		switch c.low(j + 1) {
		case "income", "profit", "profits", "loss", "losses", "officer", "earnings", "costs", "margin", "margins", "system", "systems", "unit", "units":
			return true
		}
	}
	return false
}

// apart says whether token j is a phrase of its own: an address, or a name behind @ or #.
func (c *chunker) apart(j int) bool {
	t := c.ts[j]
	return t.Kind == token.Address || t.Kind == token.Handle && (t.Text[0] != '#' || strings.Trim(t.Text[1:], "0123456789") != "")
}

// unquote leaves out what follows a quote that did not close inside the phrase.
func (c *chunker) unquote(quote, last int) int {
	if last < 0 {
		return 0
	}
	if quote >= 0 && quote < last {
		if q := quote; q > 0 && (noun(c.tag(q-1)) || c.tag(q-1) == "CD") {
			return q
		}
	}
	return last
}

// leads says whether the words from j on are modifiers with a noun behind them.
func (c *chunker) leads(j int) bool {
	for ; j < len(c.ts); j++ {
		t := c.tag(j)
		if noun(t) {
			return true
		}
		if !adjective(t) && t != "VBN" && t != "VBG" && !strings.HasPrefix(t, "RB") && t != "CC" && t != "," {
			return false
		}
	}
	return false
}

// date says whether the comma at j stands between a month's day and a year.
func (c *chunker) date(j int) bool {
	y := c.ts[min(j+1, len(c.ts)-1)]
	return j+1 < len(c.ts) && len(y.Text) == 4 && (y.Text[0] == '1' || y.Text[0] == '2') && y.Kind == token.Number && j >= 2 && month(c.low(j-2))
}

// suffix says whether the comma at j stands before a company's form or a person's rank.
func (c *chunker) suffix(j int) bool {
	switch c.low(j + 1) {
	case "inc.", "inc", "ltd.", "ltd", "llc", "corp.", "jr.", "jr", "sr.", "iii", "p.c.", "l.p.", "s.a.", "plc", "n.v.", "co.":
		return !noun(c.tag(j + 2))
	}
	return false
}

func month(w string) bool {
	switch strings.TrimSuffix(w, ".") {
	case "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
		"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec":
		return true
	}
	return false
}

// ranges says whether the "to" at j stands inside a range of numbers and not between two amounts.
func (c *chunker) ranges(i, j int) bool {
	if c.low(i-1) == "from" {
		return false
	}
	k := j + 2
	if c.tag(j+1) == "$" {
		k++
	}
	if c.tag(k) == "CD" {
		k++
	}
	return noun(c.tag(k)) && !noun(c.tag(j-2)) || i == j-1 && (c.low(i-1) == "of" || c.low(i-1) == "by") && k == j+2
}

// fraction says whether w is a part in one word: one-third, two-fifths.
func fraction(w string) bool {
	head, tail, ok := strings.Cut(w, "-")
	if !ok {
		return false
	}
	switch head {
	case "one", "two", "three", "four", "five", "seven", "nine":
	default:
		return false
	}
	switch strings.TrimSuffix(tail, "s") {
	case "half", "third", "quarter", "fourth", "fifth", "sixth", "seventh", "eighth", "tenth":
		return true
	}
	return false
}

// quantity says whether a noun counts or divides others.
func quantity(w string) bool {
	switch w {
	case "half", "third", "quarter", "fifth", "tenth", "dozen", "hundred", "thousand", "million", "billion", "trillion", "few", "year", "month", "week", "day", "hour",
		"minute", "decade", "century", "mile", "percentage", "point", "couple", "handful", "fraction":
		return true
	}
	return false
}
