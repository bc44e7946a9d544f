package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// fields is a space-delimited pattern.
type fields struct {
	list []field
	rest int // index before which an ellipsis stands for any number of fields; -1: there is none
}

type field struct {
	name string    // empty: it has only a number
	cond [][]value // any of these, all of each
}

func (p *parser) delimited() (*fields, error) {
	p.rest = p.rest[1:]
	f := &fields{rest: -1}
	for {
		p.blanks()
		if p.eat("...") || p.eat("…") {
			if f.rest >= 0 {
				return nil, errors.New("a pattern has at most one ellipsis")
			}
			f.rest = len(f.list)
		} else {
			x, err := p.field()
			if err != nil {
				return nil, err
			}
			f.list = append(f.list, x)
		}
		if p.eat("]") {
			return f, nil
		}
		if !p.eat(",") {
			return nil, fmt.Errorf("fields are parted by commas and end in ], and here stands %q", p.rest)
		}
	}
}

// field reads a name, if there is one, and its conditions.
func (p *parser) field() (field, error) {
	var f field
	f.name = p.name()
	was := p.rest
	if _, ok := p.operator(); !ok {
		return f, nil
	}
	if p.rest = was; f.name == "" {
		return f, errors.New("a field with a condition has a name")
	}
	all := []value{}
	for {
		op, ok := p.operator()
		if !ok {
			return f, fmt.Errorf("a condition of the field %s has an operator, and here stands %q", f.name, p.rest)
		}
		v, err := p.value(op, "&|,]\"")
		if err != nil {
			return f, err
		}
		all = append(all, v)
		switch {
		case p.eat("&&"):
		case p.eat("||"):
			f.cond, all = append(f.cond, all), []value{}
		default:
			f.cond = append(f.cond, all)
			return f, nil
		}
		if n := p.name(); n != f.name {
			return f, fmt.Errorf("the conditions of the field %s are about itself, not about %q", f.name, n)
		}
	}
}

func (p *parser) name() string {
	p.blanks()
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r != '-' && !word(r) })
	if end < 0 {
		end = len(p.rest)
	}
	n := p.rest[:end]
	p.rest = p.rest[end:]
	return n
}

// match gives the fields of an event that matches, by name, or by number where the pattern has no name.
func (f *fields) match(event string) (map[string]string, bool) {
	got := split(event)
	if len(got) < len(f.list) || f.rest < 0 && len(got) > len(f.list) {
		return nil, false
	}
	skipped := len(got) - len(f.list)
	out := make(map[string]string, len(got))
	for i, s := range got {
		at := i
		switch {
		case f.rest < 0 || i < f.rest:
		case i < f.rest+skipped:
			out["$"+strconv.Itoa(i+1)] = s
			continue
		default:
			at -= skipped
		}
		x := &f.list[at]
		if !x.match(s) {
			return nil, false
		}
		if x.name == "" {
			out["$"+strconv.Itoa(i+1)] = s
		} else {
			out["$"+x.name] = s
		}
	}
	return out, true
}

func (f *field) match(s string) bool {
	_, isNum := number(s)
	for _, all := range f.cond {
		ok := true
		for i := range all {
			ok = ok && all[i].compare(s, isNum)
		}
		if ok {
			return true
		}
	}
	return len(f.cond) == 0
}

// split parts an event at blanks; what stands between brackets or quotes is one field, without them.
func split(event string) []string {
	var out []string
	var open [256]bool
	for {
		event = strings.TrimLeft(event, " \t\r\n")
		if event == "" {
			return out
		}
		end := byte(0)
		switch event[0] {
		case '[':
			end = ']'
		case '"':
			end = '"'
		}
		if end != 0 && !open[end] {
			if i := strings.IndexByte(event[1:], end); i >= 0 {
				out = append(out, event[1:i+1])
				event = event[i+2:]
				continue
			}
			open[end] = true // no end comes any more: looking for it at each field would take the square of the time
		}
		i := strings.IndexAny(event, " \t\r\n")
		if i < 0 {
			return append(out, event)
		}
		out, event = append(out, event[:i]), event[i:]
	}
}
