package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word finds the end of a word or number that begins at i.
func (l *lexer) word(i int) (int, Kind) {
	start, piece := i, i // piece begins after the last dot
	letters, dotted := false, true
	var last rune
	for i < len(l.s) && i-start < Max {
		r, n := l.rune(i)
		if wordly(r) {
			if unicode.Is(unicode.Han, r) { // no blanks between words: each is its own token
				if i == start {
					return i + n, Word
				}
				break
			}
			letters = letters || unicode.IsLetter(r)
			last = r
			i += n
			continue
		}
		if r == '\u00ad' || r == '\u200c' || r == '\u200d' || r == '_' { // soft hyphen, joiners
			i += n
			continue
		}
		q, _ := l.rune(i + n)
		if q < 0 || !wordly(q) || !l.joins(r, last, q, l.s[piece:i]) {
			break
		}
		if r == '.' {
			dotted = dotted && utf8.RuneCountInString(l.s[piece:i]) == 1
			piece = i + n
		}
		i += n
	}
	if !letters {
		return i, Number
	}
	w := l.s[start:i]
	switch { // C++ and C#
	case len(w) == 1 && strings.HasPrefix(l.s[i:], "++"):
		return i + 2, Word
	case len(w) == 1 && w >= "A" && w <= "Z" && strings.HasPrefix(l.s[i:], "#"):
		return i + 1, Word
	}
	if strings.HasPrefix(l.s[i:], ".") && !strings.HasPrefix(l.s[i:], "..") && l.abbreviated(w, piece > start && dotted && utf8.RuneCountInString(l.s[piece:i]) == 1, i+1) {
		return i + 1, Word
	}
	return i, Word
}

// joins says whether the sign r holds a word together between last and next; piece is the word since its last dot.
func (l *lexer) joins(r, last, next rune, piece string) bool {
	numbers := digit(last) && digit(next)
	switch r {
	case '-', '\u2010', '\u2011':
		return true
	case '\'', '’':
		return unicode.IsLetter(next)
	case '.':
		if numbers {
			return true
		}
		// U.S. and example.com, but not two sentences that touch: "the end.The next"
		return unicode.IsLetter(next) && unicode.IsLetter(last) && (unicode.IsLower(next) || len(piece) == 1)
	case ',', ':', '/':
		return numbers
	case '&':
		return unicode.IsUpper(last) && unicode.IsUpper(next)
	}
	return false
}

// abbreviated says whether the dot after w belongs to it. after is the place behind the dot.
func (l *lexer) abbreviated(w string, dotted bool, after int) bool {
	if dotted { // U.S  a.m  z.B
		return true
	}
	r, n := utf8.DecodeRuneInString(w)
	if n == len(w) { // an initial
		return unicode.IsUpper(r)
	}
	if len(w) > longest {
		return false
	}
	k := strings.ToLower(w)
	if k == "no" || k == "art" || k == "fig" || k == "p" || k == "pp" { // words, unless a number follows
		q, _ := l.rune(after)
		for q == ' ' {
			after++
			q, _ = l.rune(after)
		}
		return digit(q)
	}
	return abbreviation(k) != 0
}

// clitic gives where an English clitic begins in w, or 0: John|'s, do|n't.
func clitic(w string) int {
	at := strings.LastIndexAny(w, "'’")
	if at <= 0 {
		return 0
	}
	tail := w[at:]
	_, n := utf8.DecodeRuneInString(tail)
	switch tail[n:] {
	case "s", "S", "re", "RE", "ve", "VE", "ll", "LL", "d", "D", "m", "M":
		return at
	case "t", "T":
		if at > 1 && (w[at-1] == 'n' || w[at-1] == 'N') {
			return at - 1
		}
	}
	return 0
}

// loose gives the end of a clitic whose apostrophe ends at i, or 0.
func (l *lexer) loose(i int) int {
	for _, c := range []string{"s", "S", "re", "ve", "ll", "d", "m"} {
		if strings.HasPrefix(l.s[i:], c) {
			if r, _ := l.rune(i + len(c)); !wordly(r) {
				return i + len(c)
			}
		}
	}
	return 0
}

// elision gives the end of a French or Italian article or pronoun that lost its vowel, or 0: l'|homme. L'Oréal stays whole.
func elision(w string) int {
	at := strings.IndexAny(w, "'’")
	if at <= 0 || at > len("lorsqu") {
		return 0
	}
	_, n := utf8.DecodeRuneInString(w[at:])
	if len(w) == at+n {
		return 0
	}
	switch strings.ToLower(w[:at]) {
	case "l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "dell", "nell", "sull", "all", "dall", "un", "quell", "quest", "gl":
	default:
		return 0
	}
	if strings.EqualFold(w[:at], "n") && strings.EqualFold(w[at+n:], "t") { // do n't, in text that is spaced by tokens
		return 0
	}
	first, _ := utf8.DecodeRuneInString(w)
	next, _ := utf8.DecodeRuneInString(w[at+n:])
	if unicode.IsUpper(first) && unicode.IsUpper(next) {
		return 0
	}
	if clitic(w) == at { // d's, m's
		return 0
	}
	return at + n
}
