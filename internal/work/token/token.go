// Package token cuts text into words, numbers and signs, and those into sentences. It is pure: it knows no language's
// dictionary beyond abbreviations, never fails, and looks at each byte a bounded number of times.
package token

import (
	"unicode"
	"unicode/utf8"
)

// Kind says what a token is made of.
type Kind uint8

// The kinds.
const (
	Word    Kind = iota // has a letter: Berlin, U.S., 3rd, well-known, AT&T; a clitic: 's, n't, l'
	Number              // digits and their separators: 1,000.50  12:30  01/02/2003
	Punct               // . , ( " and runs of one sign: ... -- !?!
	Symbol              // $ % + emoji :-)
	Address             // an e-mail address or a URL
	Handle              // @name or #name
)

// Gap is what stands before a token.
type Gap uint8

// The gaps, in rising order.
const (
	None      Gap = iota // nothing: it touches the token before it
	Blank                // blanks
	Line                 // one line break
	Paragraph            // an empty line, or the beginning of the text
)

// Max is the length in bytes at which a token is cut in two; nothing that anybody wrote as a word is so long.
const Max = 1024

// Token is one piece of a text: the bytes [Begin, End), which are the Unicode code points [From, To).
type Token struct {
	Begin, End int32
	From, To   int32
	Kind       Kind
	Gap        Gap
}

// In is the token's own text.
func (t Token) In(text string) string { return text[t.Begin:t.End] }

// Split gives the tokens of a text of less than 2 GiB in their order. They don't overlap, none is empty, and between them
// stand only blanks and control characters. Invalid UTF-8 counts one code point a byte.
func Split(text string) []Token {
	l := lexer{s: text, out: make([]Token, 0, len(text)/5+1)}
	gap, lines, i := Paragraph, 0, 0
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if blank(r) {
			switch {
			case r == '\n' && i > 0 && text[i-1] == '\r': // one break
			case r == '\n' || r == '\r' || r == '\u2029' || r == '\u0085':
				lines++
			}
			switch {
			case lines >= 2:
				gap = Paragraph
			case lines == 1:
				gap = max(gap, Line)
			default:
				gap = max(gap, Blank)
			}
			i += n
			continue
		}
		end, kind := l.next(i, r, n, gap)
		if end-i > Max {
			end = i + Max
			for !utf8.RuneStart(text[end]) && end > i+Max-utf8.UTFMax {
				end--
			}
		}
		l.add(i, end, kind, gap)
		i, gap, lines = end, None, 0
	}
	return l.out
}

type lexer struct {
	s     string
	out   []Token
	at    int   // bytes whose code points are counted
	point int32 // their number
}

// add appends a token and cuts clitics off it.
func (l *lexer) add(begin, end int, kind Kind, gap Gap) {
	if kind == Word {
		if c := elision(l.s[begin:end]); c > 0 {
			l.put(begin, begin+c, kind, gap)
			begin, gap = begin+c, None
		}
		if c := clitic(l.s[begin:end]); c > 0 {
			l.put(begin, begin+c, kind, gap)
			begin, gap = begin+c, None
		}
	}
	l.put(begin, end, kind, gap)
}

func (l *lexer) put(begin, end int, kind Kind, gap Gap) {
	from := l.count(begin)
	l.out = append(l.out, Token{int32(begin), int32(end), from, l.count(end), kind, gap})
}

// count gives the code points of the first n bytes; n never falls from call to call.
func (l *lexer) count(n int) int32 {
	l.point += int32(utf8.RuneCountInString(l.s[l.at:n]))
	l.at = n
	return l.point
}

// rune gives the code point at i, or -1 at the end.
func (l *lexer) rune(i int) (rune, int) {
	if i >= len(l.s) {
		return -1, 0
	}
	return utf8.DecodeRuneInString(l.s[i:])
}

// next finds the end of the token that begins at i with r of n bytes.
func (l *lexer) next(i int, r rune, n int, gap Gap) (int, Kind) {
	if r == '@' || r == '#' {
		if e := l.handle(i + n); e > i+n {
			return e, Handle
		}
	}
	if e := l.emoticon(i, gap); e > 0 {
		return e, Symbol
	}
	switch {
	case wordly(r):
		if e := l.url(i); e > 0 {
			return e, Address
		}
		if e := l.mail(i, gap); e > 0 {
			return e, Address
		}
		return l.word(i)
	case r == '\'' || r == '’':
		if e := l.loose(i + n); e > 0 && len(l.out) > 0 && l.out[len(l.out)-1].Kind == Word {
			return e, Word // a clitic that stands apart: John 's
		}
		return i + n, Punct
	case r == '!' || r == '?':
		return l.run(i, func(q rune) bool { return q == '!' || q == '?' }), Punct
	case r == '.' || r == '-' || r == '_' || r == '*' || r == '=' || r == '~' || r == '#' || r == '`':
		return l.run(i, func(q rune) bool { return q == r }), Punct
	case unicode.IsPunct(r) && r != '%' && r != '&' && r != '@' && r != '#' && r != '§':
		return i + n, Punct
	}
	// a symbol, and what colours or joins it: emoji are sequences
	e := i + n
	for q, m := l.rune(e); e-i <= Max && (q == '\u200d' || unicode.Is(unicode.Mn, q) || unicode.Is(unicode.Sk, q) && q > 0xffff); q, m = l.rune(e) {
		e += m
		if q == '\u200d' {
			if after, k := l.rune(e); unicode.Is(unicode.So, after) {
				e += k
			}
		}
	}
	return e, Symbol
}

// run gives the end of a run of runes from i on, or a place behind Max, where it is cut anyway: so no byte is looked at once for each cut before it.
func (l *lexer) run(i int, same func(rune) bool) int {
	for start := i; i-start <= Max; {
		r, n := l.rune(i)
		if n == 0 || !same(r) {
			break
		}
		i += n
	}
	return i
}

// blank says whether r stands between tokens: space, control characters, and what is not seen.
func blank(r rune) bool {
	return r == ' ' || r < 0x20 || r >= 0x7f && (unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff' || r == '\u2060' || r == '\u200e' || r == '\u200f')
}

// wordly says whether r is a part of a word wherever it stands.
func wordly(r rune) bool {
	if r < utf8.RuneSelf {
		return r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)
}

func digit(r rune) bool { return r >= '0' && r <= '9' || r >= utf8.RuneSelf && unicode.IsDigit(r) }
