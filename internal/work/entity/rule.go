package entity

import (
	"strings"

	"cloister/internal/work/token"
)

// Scores of rules: what is unmistakable, what is so nearly always, and what may be something else.
const (
	sure   = 0.99
	likely = 0.95
	maybe  = 0.85
)

// rules finds dates and amounts, from left to right, the longest first.
func rules(ps []Piece) []span {
	g := newGrammar(ps)
	if !g.any {
		return nil
	}
	var out []span
	for i := 0; i < len(ps); {
		if end, score := g.date(i); end > i {
			out = append(out, span{i, end, "DATE", score})
			i = end
			continue
		}
		if end, score := g.quantity(i); end > i {
			out = append(out, span{i, end, "QUANTITY", score})
			i = end
			continue
		}
		i++
	}
	return out
}

// sort is what a piece may be in a date or an amount; several at once.
type sort uint32

const (
	month    sort = 1 << iota // January, Jan.
	doubt                     // a month or a day that is a common word or a name too: May, March, Sun
	weekday                   // Monday
	dayNum                    // 1 to 31
	dayOrd                    // 1st to 31st
	year                      // 1000 to 2099
	decade                    // 1990s, '90s
	full                      // 01/02/2003, 2003-02-01
	clock                     // 12:30
	clockAm                   // 5pm
	am                        // a.m.
	zone                      // GMT
	now                       // today
	which                     // last, next
	span1                     // day, week, year: a stretch of time
	part                      // early, late, mid
	season                    // summer
	moment                    // morning
	number                    // 12  1,000.5  twelve
	scale                     // million
	ordinal                   // 19th, first
	money                     // $
	coin                      // dollars
	percent                   // %
	unit                      // km
	hyphened                  // 10-year
	feast                     // Christmas
)

// grammar looks at the pieces of one sentence.
type grammar struct {
	ps   []Piece
	low  []string
	sort []sort
	any  bool // something may be a date or an amount
}

func newGrammar(ps []Piece) *grammar {
	g := &grammar{ps: ps, low: make([]string, len(ps)), sort: make([]sort, len(ps))}
	for i, p := range ps {
		g.low[i] = strings.ToLower(p.Text)
		g.sort[i] = classify(p, g.low[i])
		g.any = g.any || g.sort[i]&^(which|part|unit|scale|coin|am|zone|span1|moment) != 0 || g.sort[i]&span1 != 0
	}
	return g
}

// is says whether piece i is of one of some sorts.
func (g *grammar) is(i int, s sort) bool { return i >= 0 && i < len(g.sort) && g.sort[i]&s != 0 }

// word says whether piece i is one of some words, in small letters.
func (g *grammar) word(i int, words ...string) bool {
	if i < 0 || i >= len(g.low) {
		return false
	}
	for _, w := range words {
		if g.low[i] == w {
			return true
		}
	}
	return false
}

// skip gives i+1 if piece i is one of some words, else i.
func (g *grammar) skip(i int, words ...string) int {
	if g.word(i, words...) {
		return i + 1
	}
	return i
}

// upper says whether piece i begins with a capital.
func (g *grammar) upper(i int) bool {
	return i >= 0 && i < len(g.ps) && g.ps[i].Text[0] >= 'A' && g.ps[i].Text[0] <= 'Z'
}

// touches says whether no blank stands before piece i.
func (g *grammar) touches(i int) bool { return i > 0 && i < len(g.ps) && g.ps[i-1].To == g.ps[i].From }

// classify tells what a piece may be by itself.
func classify(p Piece, low string) sort {
	switch p.Kind {
	case token.Number:
		return digits(low)
	case token.Symbol:
		return sign(low)
	case token.Punct, token.Address, token.Handle:
		return 0
	}
	if low[0] >= '0' && low[0] <= '9' {
		return mixed(low)
	}
	return words(low, p.Text[0] >= 'A' && p.Text[0] <= 'Z')
}

// sign classes a symbol.
func sign(s string) sort {
	switch s {
	case "$", "€", "£", "¥", "₹", "₽", "₩", "¢":
		return money
	case "%", "‰":
		return percent
	case "°":
		return unit
	}
	return 0
}

// digits classes a number.
func digits(s string) sort {
	seps := strings.IndexAny(s, "/-:.,")
	if seps < 0 {
		n := atoi(s)
		out := number
		if n >= 1 && n <= 31 && len(s) <= 2 {
			out |= dayNum
		}
		if len(s) == 4 && n >= 1000 && n < 2100 {
			out |= year
		}
		return out
	}
	f := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("/-:.,", r) })
	sep := s[seps]
	switch {
	case sep == ':' && len(f) <= 3 && len(f) > 1 && atoi(f[0]) <= 24 && atoi(f[1]) < 60 && len(f[1]) == 2:
		return clock
	case len(f) == 3 && (sep == '/' || sep == '-' || sep == '.') && calendar(f):
		return full
	case sep == '-' && len(f) == 2 && len(f[0]) == 4 && digits(f[0])&year != 0 && (len(f[1]) == 2 || digits(f[1])&year != 0):
		return full // 1990-1995, 1990-95
	case sep == '-' || sep == ':' || sep == '/' && len(f) > 2 || sep == '.' && len(f) > 2:
		if sep == '-' && len(f) == 2 {
			return number // 5-10
		}
		return 0 // telephone numbers, versions
	}
	return number
}

// calendar says whether three numbers are a date in any order in use.
func calendar(f []string) bool {
	a, b, c := atoi(f[0]), atoi(f[1]), atoi(f[2])
	if len(f[0]) == 4 {
		return a >= 1000 && a < 2200 && b >= 1 && b <= 12 && c >= 1 && c <= 31
	}
	ok := len(f[2]) == 4 && c >= 1000 && c < 2200 || len(f[2]) == 2
	return ok && len(f[0]) <= 2 && len(f[1]) <= 2 && a >= 1 && b >= 1 && a <= 31 && b <= 31 && min(a, b) <= 12
}

// atoi reads a small number of ASCII digits; -1 for anything else.
func atoi(s string) int {
	if len(s) == 0 || len(s) > 9 {
		return -1
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// mixed classes a word that begins with a digit.
func mixed(s string) sort {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.' || s[n] == ',' || s[n] == ':') {
		n++
	}
	head, tail := s[:n], strings.TrimSuffix(s[n:], ".")
	v := atoi(head)
	switch tail {
	case "st", "nd", "rd", "th":
		if v >= 1 && v <= 31 {
			return dayOrd | ordinal
		}
		return ordinal
	case "s", "'s":
		if len(head) == 4 || len(head) == 2 && strings.HasSuffix(head, "0") {
			return decade
		}
	case "am", "pm", "a.m", "p.m":
		return clockAm
	case "k", "m", "bn", "mm", "cm", "km", "kg", "g", "mg", "lb", "lbs", "kb", "mb", "gb", "tb", "ghz", "mhz", "ft", "mph", "kmh", "hz", "w", "kw", "mw", "v", "ml", "l", "in", "mi", "hp", "x", "min", "hr", "hrs", "sec":
		return hyphened
	}
	if at := strings.IndexByte(s, '-'); at > 0 && atoi(strings.ReplaceAll(s[:at], ",", "")) >= 0 {
		rest, _, _ := strings.Cut(s[at+1:], "-")
		if words(rest, false)&(unit|span1|scale|coin) != 0 {
			return hyphened
		}
	}
	return 0
}
