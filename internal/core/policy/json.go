package policy

import (
	"strings"
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
	names    map[string]int // of large objects: places in members
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
	s    string
	i    int
	err  *jsonError
	room []node // for the next values
}

func (sc *scanner) node(n node) *node {
	if len(sc.room) == 0 {
		sc.room = make([]node, 32)
	}
	p := &sc.room[0]
	*p, sc.room = n, sc.room[1:]
	return p
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
		return sc.node(node{kind: text, off: off, end: sc.i, text: s})
	case c == '-' || '0' <= c && c <= '9':
		return sc.number()
	}
	for _, w := range [...]struct {
		s string
		k nodeKind
	}{{"true", boolean}, {"false", boolean}, {"null", null}} {
		if strings.HasPrefix(sc.s[off:], w.s) {
			sc.i += len(w.s)
			return sc.node(node{kind: w.k, off: off, end: sc.i, text: w.s})
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
	n := sc.node(node{kind: object, off: sc.i})
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
		if first := n.first(name); first != nil {
			return sc.fail(off, "the key \""+name+"\" stands twice in one object; the first is at "+sc.place(first.off)+": merge them")
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
		n.add(member{name, off, v})
	}
}

func (sc *scanner) list(depth int) *node {
	n := sc.node(node{kind: list, off: sc.i})
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

// many is the number of members from which a map finds them faster than a walk.
const many = 16

func (n *node) first(name string) *member {
	if n.names != nil {
		if i, ok := n.names[name]; ok {
			return &n.members[i]
		}
		return nil
	}
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

func (n *node) add(m member) {
	n.members = append(n.members, m)
	switch {
	case n.names != nil:
		n.names[m.name] = len(n.members) - 1
	case len(n.members) == many:
		n.names = make(map[string]int, 4*many)
		for i := range n.members {
			n.names[n.members[i].name] = i
		}
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
