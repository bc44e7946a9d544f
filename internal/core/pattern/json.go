package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// node is a part of a JSON pattern.
type node interface {
	match(v any) bool
	needs() []string
}

type (
	and []node
	or  []node
	// leaf is a comparison of what a selector points to.
	leaf struct {
		path []step
		is   string // NULL, TRUE, FALSE, or EXISTS: it does not; empty: value
		value
	}
	// step goes from a value into it: to a property, or to an element of an array.
	step struct {
		key   string
		index int // -1: each element; -2: key
	}
)

const (
	each  = -1
	keyed = -2
)

func (a and) match(v any) bool {
	for _, n := range a {
		if !n.match(v) {
			return false
		}
	}
	return true
}

func (o or) match(v any) bool {
	for _, n := range o {
		if n.match(v) {
			return true
		}
	}
	return false
}

func (a and) needs() (out []string) {
	for _, n := range a {
		out = append(out, n.needs()...)
	}
	return out
}

func (o or) needs() []string {
	if len(o) == 1 {
		return o[0].needs()
	}
	return nil
}

// needs: an event without the name of the property, or the text that it is to be equal to, need not be decoded.
func (l *leaf) needs() []string {
	if l.is == "EXISTS" {
		return nil
	}
	var out []string
	for _, s := range l.path {
		if s.index == keyed {
			out = append(out, s.key)
		}
	}
	if l.is == "" && l.op == "=" && l.regex == nil && !l.isNum {
		out = append(out, l.text)
	}
	return out
}

// match: a selector that points to nothing, or to an object or array, compares with nothing, not even as different.
func (l *leaf) match(v any) bool {
	found := false
	any := reach(v, l.path, func(x any) bool {
		found = true
		switch x := x.(type) {
		case nil:
			return l.is == "NULL"
		case bool:
			return l.is == "TRUE" && x || l.is == "FALSE" && !x || l.is == "" && l.op == "=" && l.head && l.text == ""
		case string:
			return l.is == "" && l.compare(x, false)
		case json.Number:
			return l.is == "" && l.compare(x.String(), true)
		}
		return l.is == "" && l.op == "=" && l.head && l.text == "" // "= *": it is there
	})
	if l.is == "EXISTS" {
		return !found
	}
	return any
}

// reach calls f for what a path leads to, until it is content.
func reach(v any, path []step, f func(any) bool) bool {
	if len(path) == 0 {
		return f(v)
	}
	s := path[0]
	if s.index == keyed {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		x, ok := m[s.key]
		return ok && reach(x, path[1:], f)
	}
	list, ok := v.([]any)
	switch {
	case !ok:
		return false
	case s.index == each:
		for _, x := range list {
			if reach(x, path[1:], f) {
				return true
			}
		}
		return false
	}
	return s.index < len(list) && reach(list[s.index], path[1:], f)
}

// decode reads an event that is a JSON object.
func decode(event string) (any, bool) {
	if !strings.HasPrefix(strings.TrimLeft(event, " \t\r\n"), "{") {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(event))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

func (p *parser) object() (node, error) {
	p.rest = p.rest[1:]
	stars := 0
	n, err := p.either(&stars, 0)
	if err != nil {
		return nil, err
	}
	if !p.eat("}") {
		return nil, fmt.Errorf("a JSON pattern ends in }, and here stands %q", p.rest)
	}
	if stars > 3 {
		return nil, errors.New("a pattern has at most 3 selectors with [*]")
	}
	return n, nil
}

// maxDepth is how deeply parentheses may be nested.
const maxDepth = 50

func (p *parser) either(stars *int, depth int) (node, error) {
	if depth > maxDepth {
		return nil, errors.New("the parentheses are nested too deeply")
	}
	var out or
	for {
		n, err := p.both(stars, depth)
		if err != nil {
			return nil, err
		}
		if out = append(out, n); !p.eat("||") {
			return out, nil
		}
	}
}

func (p *parser) both(stars *int, depth int) (node, error) {
	var out and
	for {
		var n node
		var err error
		if p.eat("(") {
			if n, err = p.either(stars, depth+1); err == nil && !p.eat(")") {
				err = fmt.Errorf("a ) is missing before %q", p.rest)
			}
		} else {
			n, err = p.leaf(stars)
		}
		if err != nil {
			return nil, err
		}
		if out = append(out, n); !p.eat("&&") {
			return out, nil
		}
	}
}

func (p *parser) leaf(stars *int) (node, error) {
	path, err := p.selector()
	if err != nil {
		return nil, err
	}
	l := &leaf{path: path}
	for _, s := range path {
		if s.index == each {
			*stars++
		}
	}
	for _, w := range [][2]string{{"IS", "NULL"}, {"IS", "TRUE"}, {"IS", "FALSE"}, {"NOT", "EXISTS"}} {
		was := p.rest
		if p.keyword(w[0]) && p.keyword(w[1]) {
			l.is = w[1]
			return l, nil
		}
		p.rest = was
	}
	op, ok := p.operator()
	if !ok {
		return nil, fmt.Errorf("after a selector stands an operator, IS NULL, IS TRUE, IS FALSE or NOT EXISTS, and here stands %q", p.rest)
	}
	l.value, err = p.value(op, "&|(){}\"")
	return l, err
}

// keyword takes a word in any case.
func (p *parser) keyword(w string) bool {
	p.blanks()
	if len(p.rest) < len(w) || !strings.EqualFold(p.rest[:len(w)], w) || len(p.rest) > len(w) && word(rune(p.rest[len(w)])) {
		return false
	}
	p.rest = p.rest[len(w):]
	return true
}

// selector reads $.a.b[0].c.
func (p *parser) selector() ([]step, error) {
	if !p.eat("$.") {
		return nil, fmt.Errorf("a selector begins with $., and here stands %q", p.rest)
	}
	var out []step
	for {
		end := strings.IndexFunc(p.rest, func(r rune) bool { return r != '-' && !word(r) })
		if end < 0 {
			end = len(p.rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("the name of a property is missing before %q", p.rest)
		}
		out = append(out, step{p.rest[:end], keyed})
		p.rest = p.rest[end:]
		for strings.HasPrefix(p.rest, "[") {
			inner, after, ok := strings.Cut(p.rest[1:], "]")
			n, err := strconv.Atoi(inner)
			switch {
			case ok && inner == "*":
				for _, s := range out {
					if s.index == each {
						return nil, errors.New("a selector has at most one [*]")
					}
				}
				n = each
			case !ok || err != nil || n < 0:
				return nil, fmt.Errorf("%q is no place in an array", p.rest)
			}
			out = append(out, step{"", n})
			p.rest = after
		}
		if !strings.HasPrefix(p.rest, ".") {
			return out, nil
		}
		p.rest = p.rest[1:]
	}
}
