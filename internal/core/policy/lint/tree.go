package lint

import (
	"encoding/json"
	"sort"
	"strings"
	"unicode/utf8"
)

// node is a JSON value and where it stands. The engine's own reader has refused what is no strict JSON before a tree is
// made, so the standard decoder's leniency does no harm here.
type node struct {
	kind     byte // '{', '[', '"' or 0 for anything else
	off, end int
	text     string // of a string its value, of the rest what is written
	members  []member
	items    []*node
}

type member struct {
	name  string
	off   int
	value *node
}

const maxDepth = 64

// readTree reads exactly one value.
func readTree(s string) (*node, bool) {
	r := &reader{s: s, dec: json.NewDecoder(strings.NewReader(s))}
	r.dec.UseNumber()
	n, ok := r.value(0)
	if !ok || strings.TrimLeft(s[n.end:], " \t\r\n") != "" {
		return nil, false
	}
	return n, true
}

type reader struct {
	s   string
	dec *json.Decoder
}

// start is where the next token begins.
func (r *reader) start() int {
	i := int(r.dec.InputOffset())
	for i < len(r.s) && strings.IndexByte(" \t\r\n,:", r.s[i]) >= 0 {
		i++
	}
	return i
}

func (r *reader) value(depth int) (*node, bool) {
	n := &node{off: r.start()}
	t, err := r.dec.Token()
	if err != nil || depth > maxDepth {
		return nil, false
	}
	switch v := t.(type) {
	case string:
		n.kind, n.text = '"', v
	case json.Delim:
		n.kind = byte(v)
		for r.dec.More() {
			var m member
			if n.kind == '{' {
				m.off = r.start()
				k, err := r.dec.Token()
				name, ok := k.(string)
				if err != nil || !ok {
					return nil, false
				}
				m.name = name
			}
			x, ok := r.value(depth + 1)
			if !ok {
				return nil, false
			}
			if m.value = x; n.kind == '{' {
				n.members = append(n.members, m)
			} else {
				n.items = append(n.items, x)
			}
		}
		if _, err := r.dec.Token(); err != nil {
			return nil, false
		}
	}
	n.end = int(r.dec.InputOffset())
	if n.kind == 0 {
		n.text = r.s[n.off:n.end]
	}
	return n, true
}

// get gives a member by its name; nil when there is none.
func (n *node) get(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// list gives a value's elements: a list's, or the value alone. A nil node has none.
func (n *node) list() []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == '[':
		return n.items
	}
	return []*node{n}
}

// places turns offsets into lines and columns.
type places struct {
	s     string
	lines []int // offsets of the lines' first bytes
	marks []int // characters before each stride bytes: policies stand on one line as often as not
}

const stride = 256

func newPlaces(s string) places {
	p := places{s: s, lines: []int{0}}
	n := 0
	for i := range len(s) {
		if i%stride == 0 {
			p.marks = append(p.marks, n)
		}
		if utf8.RuneStart(s[i]) {
			n++
		}
		if s[i] == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	p.marks = append(p.marks, n)
	return p
}

// characters counts those before an offset.
func (p places) characters(off int) int {
	i := off / stride
	n := p.marks[i]
	for j := i * stride; j < off; j++ {
		if utf8.RuneStart(p.s[j]) {
			n++
		}
	}
	return n
}

func (p places) of(off int) (line, column int) {
	off = min(off, len(p.s))
	line = sort.SearchInts(p.lines, off+1)
	return line, 1 + p.characters(off) - p.characters(p.lines[line-1])
}
