package policy

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The scanner's numbers and strings.

func (sc *scanner) number() *node {
	off, s := sc.i, sc.s
	digits := func() bool {
		from := sc.i
		for sc.i < len(s) && '0' <= s[sc.i] && s[sc.i] <= '9' {
			sc.i++
		}
		return sc.i > from
	}
	if s[sc.i] == '-' {
		sc.i++
	}
	zero := sc.i < len(s) && s[sc.i] == '0'
	from := sc.i
	ok := digits() && !(zero && sc.i > from+1)
	if ok && sc.i < len(s) && s[sc.i] == '.' {
		sc.i++
		ok = digits()
	}
	if ok && sc.i < len(s) && (s[sc.i] == 'e' || s[sc.i] == 'E') {
		sc.i++
		if sc.i < len(s) && (s[sc.i] == '+' || s[sc.i] == '-') {
			sc.i++
		}
		ok = digits()
	}
	if !ok {
		return sc.fail(off, "not a JSON number; account ids with leading zeros are strings")
	}
	return sc.node(node{kind: number, off: off, end: sc.i, text: s[off:sc.i]})
}

// string reads a string whose opening quote is at sc.i.
func (sc *scanner) string() (string, bool) {
	start := sc.i
	sc.i++
	from := sc.i
	var b []byte
	for sc.i < len(sc.s) {
		switch c := sc.s[sc.i]; {
		case c == '"':
			part := sc.s[from:sc.i]
			sc.i++
			if b == nil {
				return part, true
			}
			return string(append(b, part...)), true
		case c == '\\':
			b = append(b, sc.s[from:sc.i]...)
			r, ok := sc.escape()
			if !ok {
				return "", false
			}
			b = utf8.AppendRune(b, r)
			from = sc.i
		case c < 0x20:
			sc.fail(sc.i, "a string does not go over the end of the line: close the quote opened at "+sc.place(start))
			return "", false
		case c < utf8.RuneSelf:
			sc.i++
		default:
			r, w := utf8.DecodeRuneInString(sc.s[sc.i:])
			if r == utf8.RuneError && w == 1 {
				sc.fail(sc.i, "not valid UTF-8")
				return "", false
			}
			sc.i += w
		}
	}
	sc.fail(start, "this string is not closed")
	return "", false
}

func (sc *scanner) escape() (rune, bool) {
	off := sc.i
	sc.i += 2
	if sc.i > len(sc.s) {
		sc.fail(off, "the document ends in an escape")
		return 0, false
	}
	if j := strings.IndexByte(`"\/bfnrt`, sc.s[off+1]); j >= 0 {
		return rune("\"\\/\b\f\n\r\t"[j]), true
	}
	if sc.s[off+1] == 'u' {
		if r, ok := sc.hex(); ok {
			if !utf16.IsSurrogate(r) {
				return r, true
			}
			if strings.HasPrefix(sc.s[sc.i:], `\u`) {
				sc.i += 2
				if r2, ok := sc.hex(); ok {
					if r = utf16.DecodeRune(r, r2); r != utf8.RuneError {
						return r, true
					}
				}
			}
		}
	}
	sc.fail(off, "not a JSON escape")
	return 0, false
}

func (sc *scanner) hex() (rune, bool) {
	if sc.i+4 > len(sc.s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(sc.s[sc.i : sc.i+4]) {
		j := strings.IndexByte("0123456789abcdef", lowerByte(c))
		if j < 0 {
			return 0, false
		}
		r = r<<4 | rune(j)
	}
	sc.i += 4
	return r, true
}

// position gives line and column, both from 1; the column counts characters.
func position(s string, off int) (line, col int) {
	before := s[:off]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
