package policy

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A document is read by a scanner of our own: encoding/json takes duplicate keys in silence and knows no positions.

type nodeKind uint8

const (
	object nodeKind = iota
	list
	text
	number
	boolean
	null
)

var nodeNames = [...]string{"an object", "a list", "a string", "a number", "a boolean", "null"}

// node is a JSON value and where it stands. text is a string's value, or a number or boolean as it was written.
type node struct {
	kind     nodeKind
	off, end int
	text     string
	members  []member
	items    []*node
}

type member struct {
	name  string
	off   int
	value *node
}

// jsonError is a position and what may help.
type jsonError struct {
	off  int
	hint string
}

const maxDepth = 40

type scanner struct {
	s   string
	i   int
	err *jsonError
}

// readJSON reads exactly one document.
func readJSON(s string) (*node, *jsonError) {
	sc := &scanner{s: s}
	if strings.HasPrefix(s, "\ufeff") {
		return nil, &jsonError{0, "remove the byte order mark at the start"}
	}
	sc.space()
	if sc.i == len(s) {
		return nil, &jsonError{sc.i, "the document is empty"}
	}
	if s[sc.i] != '{' {
		return nil, &jsonError{sc.i, firstByteHint(s[sc.i:])}
	}
	n := sc.value(0)
	if sc.err != nil {
		return nil, sc.err
	}
	sc.space()
	if sc.i < len(s) {
		hint := "remove what follows the closing brace"
		if s[sc.i] == '{' || s[sc.i] == ',' {
			hint = "a second document begins here: a policy is one document; put all statements into one Statement list"
		} else if s[sc.i] == '}' || s[sc.i] == ']' {
			hint = "one closing bracket too many"
		}
		return nil, &jsonError{sc.i, hint}
	}
	return n, nil
}

func firstByteHint(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	switch {
	case s[0] == '[':
		return "a policy is an object, not a list: begin with {\"Version\": \"2012-10-17\", \"Statement\": [...]}"
	case strings.HasPrefix(s, "//") || strings.HasPrefix(s, "/*") || s[0] == '#':
		return "JSON has no comments"
	case strings.Contains(line, ":") && s[0] != '"':
		return "this looks like YAML: a policy document is JSON and begins with '{'"
	}
	return "a policy document is JSON and begins with '{'"
}

func (sc *scanner) fail(off int, hint string) *node {
	if sc.err == nil {
		sc.err = &jsonError{off, hint}
	}
	return nil
}

func (sc *scanner) space() {
	for sc.i < len(sc.s) && strings.IndexByte(" \t\r\n", sc.s[sc.i]) >= 0 {
		sc.i++
	}
}

func (sc *scanner) value(depth int) *node {
	sc.space()
	off := sc.i
	if depth > maxDepth {
		return sc.fail(off, "nested too deeply")
	}
	if off == len(sc.s) {
		return sc.fail(off, "the document ends too early: a bracket or brace is not closed")
	}
	switch c := sc.s[off]; {
	case c == '{':
		return sc.object(depth)
	case c == '[':
		return sc.list(depth)
	case c == '"':
		s, ok := sc.string()
		if !ok {
			return nil
		}
		return &node{kind: text, off: off, end: sc.i, text: s}
	case c == '-' || '0' <= c && c <= '9':
		return sc.number()
	}
	for _, w := range [...]struct {
		s string
		k nodeKind
	}{{"true", boolean}, {"false", boolean}, {"null", null}} {
		if strings.HasPrefix(sc.s[off:], w.s) {
			sc.i += len(w.s)
			return &node{kind: w.k, off: off, end: sc.i, text: w.s}
		}
	}
	return sc.fail(off, sc.strayHint(off))
}

// strayHint is for a byte that begins no value.
func (sc *scanner) strayHint(off int) string {
	rest := sc.s[off:]
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '}' || r == ']':
		return "a value is missing before '" + string(r) + "'"
	case r == ',':
		return "a value is missing before the comma"
	case r == '\'':
		return "JSON strings stand in double quotes"
	case r == '\u201c' || r == '\u201d' || r == '\u2018' || r == '\u2019':
		return "typographic quotes: write plain double quotes"
	case strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") || r == '#':
		return "JSON has no comments"
	}
	return "a string, number, true, false, list or object is expected here"
}

func (sc *scanner) object(depth int) *node {
	n := &node{kind: object, off: sc.i}
	sc.i++
	for first := true; ; first = false {
		sc.space()
		switch {
		case sc.i == len(sc.s):
			return sc.fail(sc.i, "the document ends too early: the brace opened at "+sc.place(n.off)+" is not closed")
		case sc.s[sc.i] == '}':
			sc.i++
			n.end = sc.i
			return n
		case !first && sc.s[sc.i] != ',':
			return sc.fail(sc.i, sc.betweenHint('}', n.off))
		case !first:
			comma := sc.i
			sc.i++
			sc.space()
			if sc.i < len(sc.s) && sc.s[sc.i] == '}' {
				return sc.fail(comma, "trailing comma: remove the comma before '}'")
			}
		}
		off := sc.i
		if off == len(sc.s) || sc.s[off] != '"' {
			return sc.fail(off, "an element name in double quotes is expected here")
		}
		name, ok := sc.string()
		if !ok {
			return nil
		}
		for _, m := range n.members {
			if m.name == name {
				return sc.fail(off, "the key \""+name+"\" stands twice in one object; the first is at "+sc.place(m.off)+": merge them")
			}
		}
		sc.space()
		if sc.i == len(sc.s) || sc.s[sc.i] != ':' {
			return sc.fail(sc.i, "a colon is expected after \""+name+"\"")
		}
		sc.i++
		v := sc.value(depth + 1)
		if v == nil {
			return nil
		}
		n.members = append(n.members, member{name, off, v})
	}
}

func (sc *scanner) list(depth int) *node {
	n := &node{kind: list, off: sc.i}
	sc.i++
	for first := true; ; first = false {
		sc.space()
		switch {
		case sc.i == len(sc.s):
			return sc.fail(sc.i, "the document ends too early: the bracket opened at "+sc.place(n.off)+" is not closed")
		case sc.s[sc.i] == ']':
			sc.i++
			n.end = sc.i
			return n
		case !first && sc.s[sc.i] != ',':
			return sc.fail(sc.i, sc.betweenHint(']', n.off))
		case !first:
			comma := sc.i
			sc.i++
			sc.space()
			if sc.i < len(sc.s) && sc.s[sc.i] == ']' {
				return sc.fail(comma, "trailing comma: remove the comma before ']'")
			}
		}
		v := sc.value(depth + 1)
		if v == nil {
			return nil
		}
		n.items = append(n.items, v)
	}
}

// betweenHint is for a byte that stands where a comma or a closing bracket should.
func (sc *scanner) betweenHint(closing byte, opened int) string {
	switch c := sc.s[sc.i]; c {
	case '"', '{', '[':
		return "a comma is missing before this"
	case '}', ']':
		return "'" + string(closing) + "' is expected here: it closes what was opened at " + sc.place(opened)
	}
	return "a comma or '" + string(closing) + "' is expected here"
}

func (sc *scanner) place(off int) string {
	line, col := position(sc.s, off)
	return "line " + itoa(line) + ", column " + itoa(col)
}

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
	return &node{kind: number, off: off, end: sc.i, text: s[off:sc.i]}
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
	if off > len(s) {
		off = len(s)
	}
	before := s[:off]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
