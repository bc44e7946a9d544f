package token

import (
	"strings"
	"unicode"
)

// handle gives the end of the name behind @ or # that begins at i, or i.
func (l *lexer) handle(i int) int {
	if r, _ := l.rune(i); !unicode.IsLetter(r) && r != '_' {
		return i
	}
	return l.run(i, func(r rune) bool { return wordly(r) || r == '_' })
}

// url gives the end of a URL that begins at i, or 0. Signs that end a sentence don't belong to it.
func (l *lexer) url(i int) int {
	rest := l.s[i:]
	n := 0
	switch {
	case len(rest) < 6:
		return 0
	case fold(rest, "http://"):
		n = 7
	case fold(rest, "https://"):
		n = 8
	case fold(rest, "ftp://"):
		n = 6
	case fold(rest, "www."):
		n = 4
	default:
		return 0
	}
	end := l.run(i+n, func(r rune) bool {
		return !blank(r) && !strings.ContainsRune("<>\"“”«»{}|^`", r) && (r < 0x80 || unicode.IsLetter(r) || unicode.IsMark(r))
	})
	if end-i > Max {
		return end // it is cut there, wherever it ends
	}
	for end > i+n && strings.IndexByte(".,;:!?'*", l.s[end-1]) >= 0 {
		end--
	}
	for end > i+n && (l.s[end-1] == ')' && strings.Count(l.s[i:end], "(") < strings.Count(l.s[i:end], ")") || l.s[end-1] == ']' && !strings.Contains(l.s[i:end], "[")) {
		end--
	}
	if end == i+n {
		return 0
	}
	return end
}

// fold is strings.HasPrefix for ASCII of either case.
func fold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// mail gives the end of an e-mail address that begins at i, or 0.
func (l *lexer) mail(i int, gap Gap) int {
	if gap == None && len(l.out) > 0 && l.out[len(l.out)-1].Kind == Word { // its first part would have been seen there
		return 0
	}
	end := min(len(l.s), i+320) // RFC 5321: 64 + 1 + 255
	at := i
	for at < end && local(l.s[at]) {
		at++
	}
	if at == end || at == i || l.s[at] != '@' {
		return 0
	}
	e, dot := at+1, 0
	for e < end && (alnum(l.s[e]) || l.s[e] == '-' || l.s[e] == '.' && e+1 < end && alnum(l.s[e+1])) {
		if l.s[e] == '.' {
			dot = e
		}
		e++
	}
	if dot == 0 || e-dot < 3 {
		return 0
	}
	return e
}

func alnum(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

func local(c byte) bool { return alnum(c) || strings.IndexByte("._%+-'", c) >= 0 }

// emoticon gives the end of one that begins at i, or 0. It stands between blanks.
func (l *lexer) emoticon(i int, gap Gap) int {
	if gap == None || i+1 >= len(l.s) || strings.IndexByte(":;=8<", l.s[i]) < 0 {
		return 0
	}
	e := i + 1
	switch {
	case l.s[i] == '<' && l.s[e] == '3':
	case l.s[i] == '<':
		return 0
	default:
		if (l.s[e] == '-' || l.s[e] == '\'') && e+1 < len(l.s) {
			e++
		}
		if strings.IndexByte(")(DPpOo][/\\|*3", l.s[e]) < 0 || l.s[i] == '8' && l.s[e] != ')' {
			return 0
		}
	}
	e++
	if r, _ := l.rune(e); r >= 0 && !blank(r) && r != '.' && r != ',' {
		return 0
	}
	return e
}
