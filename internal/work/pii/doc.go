package pii

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// doc is one text while it is read.
type doc struct {
	s, low string // low: ASCII letters in lower case, as long as s
	out    []span
	*sieves

	near     []near // the labels before nearAt
	nearAt   int
	blank    int // the first blank from where web last looked, or the end
	scheme   int // the first "://" likewise
	lastLink int // where the last address of the web ends
	local    int // where the signs end that may stand before a mail address's, from where web last looked
	lastMail int // the last such sign that has been decided about
}

func newDoc(s string, by *sieves) *doc {
	low := []byte(s)
	for i, c := range low {
		if c >= 'A' && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return &doc{s: s, low: string(low), sieves: by, nearAt: -1, blank: -1, scheme: -1, local: -1, lastMail: -1}
}

func (d *doc) add(kind string, begin, end int, score float64) {
	d.out = append(d.out, span{kind: kind, begin: begin, end: end, score: score})
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }

// alnum also takes bytes of letters beyond ASCII.
func alnum(c byte) bool { return letter(c) || digit(c) || c >= utf8.RuneSelf }

// before gives the byte before i, or 0.
func (d *doc) before(i int) byte {
	if i <= 0 {
		return 0
	}
	return d.s[i-1]
}

func (d *doc) at(i int) byte {
	if i < 0 || i >= len(d.s) {
		return 0
	}
	return d.s[i]
}

// alone says whether the bytes from begin to end are not a part of something longer.
func (d *doc) alone(begin, end int) bool {
	p, q := d.before(begin), d.at(end)
	const joins = "-./:"
	switch {
	case alnum(p) || p == '_' || p == '$', alnum(q) && d.at(end-1) != '.' || q == '_':
		return false
	case begin > 1 && strings.IndexByte(joins, p) >= 0 && digit(d.s[begin-2]):
		return false
	case end < len(d.s) && strings.IndexByte(joins, q) >= 0 && digit(d.at(end+1)):
		return false
	}
	return (q != '-' || !alnum(d.at(end+1))) && !d.thousands(begin-1) && !d.thousands(end)
}

// thousands says whether the comma at i parts the digits of one number: three stand behind it. In a row of a table more or fewer do.
func (d *doc) thousands(i int) bool {
	if d.at(i) != ',' || !digit(d.before(i)) {
		return false
	}
	n := 1
	for n < 5 && digit(d.at(i+n)) {
		n++
	}
	return n == 4
}

// reach is how far before a number the words that introduce it may stand, in bytes.
const reach = 60

// label is a phrase that introduces personal data of a kind, or, when kind is empty, a number that is none.
type label struct {
	kind   string
	phrase string
	caps   bool // only in upper case
	far    int  // at most so many bytes away
}

// near is a label that stands before a place.
type near struct {
	label
	gap int
}

// labelled gives the labels before i, the nearest first. Of those that end at one place the longest counts.
func (d *doc) labelled(i int) []near {
	if d.nearAt != i {
		d.near, d.nearAt = d.look(i), i
	}
	return d.near
}

func (d *doc) look(i int) []near {
	from := max(0, i-reach)
	window := strings.ReplaceAll(d.low[from:i], "_", " ") // as names of fields have it
	if p := strings.LastIndex(window, "\n\n"); p >= 0 {
		from += p + 2
		window = window[p+2:]
	}
	var out []near
	var end int
	for j := len(window) - 1; j >= 0; j-- { // each word's end, backwards
		if !wordEnd(window, j) {
			continue
		}
		end = j + 1
		best := -1
		for _, k := range byLast[window[j]] {
			l := &labels[k]
			b := end - len(l.phrase)
			if b < 0 || window[b:end] != l.phrase || b > 0 && (alnum(window[b-1]) || window[b-1] == '_') || b == 0 && from > 0 && alnum(d.s[from-1]) {
				continue
			}
			if l.caps && strings.ContainsFunc(d.s[from+b:from+end], unicode.IsLower) || len(window)-end > l.far {
				continue
			}
			if best < 0 || len(l.phrase) > len(labels[best].phrase) {
				best = k
			}
		}
		if best >= 0 {
			out = append(out, near{labels[best], len(window) - end})
			j = max(0, end-len(labels[best].phrase))
		}
	}
	return out
}

// wordEnd says whether a word, or a sign that belongs to a label, ends at j. A plural counts as its singular's end.
func wordEnd(w string, j int) bool {
	if j+1 == len(w) || !alnum(w[j+1]) {
		return true
	}
	return w[j+1] == 's' && (j+2 == len(w) || !alnum(w[j+2]))
}

// sentence gives the bytes of the line around i, at most n on each side, in lower case.
func (d *doc) around(i, n int) string {
	from, to := max(0, i-n), min(len(d.low), i+n)
	if p := strings.LastIndexByte(d.low[from:i], '\n'); p >= 0 {
		from += p + 1
	}
	if p := strings.IndexByte(d.low[i:to], '\n'); p >= 0 {
		to = i + p
	}
	return d.low[from:to]
}

// has says whether one of the words stands in s as a word.
func has(s string, words ...string) bool {
	for _, w := range words {
		for at := 0; ; {
			p := strings.Index(s[at:], w)
			if p < 0 {
				break
			}
			b, e := at+p, at+p+len(w)
			if (b == 0 || !alnum(s[b-1])) && (e == len(s) || !alnum(s[e]) || s[e] == 's') {
				return true
			}
			at = e
		}
	}
	return false
}

// find asks an expression where a sieve says that it may match.
func (d *doc) find(may bit, re *regexp.Regexp, s string) []int {
	if may == 0 {
		return nil
	}
	return re.FindStringIndex(s)
}

// parts asks for its groups, too.
func (d *doc) parts(may bit, re *regexp.Regexp, s string) []int {
	if may == 0 {
		return nil
	}
	return re.FindStringSubmatchIndex(s)
}
