// Package pattern is the filter pattern language of CloudWatch Logs: terms, JSON selectors, space-delimited fields. A pattern that is
// not understood is refused whole; none is matched in part.
//
// Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
package pattern

import (
	"fmt"
	"strings"
	"unicode"
)

// Pattern is a compiled filter pattern. The zero value matches every event.
type Pattern struct {
	terms  *terms
	json   node
	needs  []string // what an event that matches json holds, if it has no escapes
	fields *fields
}

// Compile reads a pattern. The error is a sentence for the client.
func Compile(text string) (*Pattern, error) {
	p := &parser{rest: text}
	p.blanks()
	out := &Pattern{}
	var err error
	switch {
	case p.rest == "":
	case p.rest[0] == '{':
		if out.json, err = p.object(); err == nil {
			out.needs = out.json.needs()
		}
	case p.rest[0] == '[':
		out.fields, err = p.delimited()
	default:
		out.terms, err = p.terms()
	}
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.rest != "" {
		return nil, fmt.Errorf("nothing may follow the pattern, and %q does", p.rest)
	}
	if p.regexes > 2 {
		return nil, fmt.Errorf("a pattern has at most 2 regular expressions, and this has %d", p.regexes)
	}
	return out, nil
}

// Match says whether an event matches.
func (p *Pattern) Match(event string) bool {
	switch {
	case p.json != nil:
		if !strings.Contains(event, `\`) {
			for _, n := range p.needs {
				if !strings.Contains(event, n) {
					return false
				}
			}
		}
		v, ok := decode(event)
		return ok && p.json.match(v)
	case p.fields != nil:
		_, ok := p.fields.match(event)
		return ok
	case p.terms != nil:
		return p.terms.match(event)
	}
	return true
}

// Extract is Match, and gives the fields of a space-delimited pattern by name ("$name", "$3"); of others none.
func (p *Pattern) Extract(event string) (map[string]string, bool) {
	if p.fields != nil {
		return p.fields.match(event)
	}
	return map[string]string{}, p.Match(event)
}

// terms are words of an event. Optional ones count when there are no others: the guide has it that "?" is ignored beside them.
type terms struct{ all, any, none []test }

// test says whether a text holds something.
type test func(string) bool

func (t *terms) match(s string) bool {
	for _, f := range t.none {
		if f(s) {
			return false
		}
	}
	for _, f := range t.all {
		if !f(s) {
			return false
		}
	}
	if len(t.any) == 0 || len(t.all)+len(t.none) > 0 {
		return true
	}
	for _, f := range t.any {
		if f(s) {
			return true
		}
	}
	return false
}

type parser struct {
	rest    string
	regexes int
}

func (p *parser) blanks() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

// eat takes a token that comes next, blanks before it too.
func (p *parser) eat(token string) bool {
	p.blanks()
	if strings.HasPrefix(p.rest, token) {
		p.rest = p.rest[len(token):]
		return true
	}
	return false
}

func (p *parser) terms() (*terms, error) {
	t := &terms{}
	for p.blanks(); p.rest != ""; p.blanks() {
		list := &t.all
		switch p.rest[0] {
		case '?':
			list = &t.any
			p.rest = p.rest[1:]
		case '-':
			list = &t.none
			p.rest = p.rest[1:]
			p.blanks() // as the guide writes it: "ERROR" - "Exiting"
		}
		f, err := p.term()
		if err != nil {
			return nil, err
		}
		*list = append(*list, f)
	}
	return t, nil
}

func (p *parser) term() (test, error) {
	switch {
	case strings.HasPrefix(p.rest, `"`):
		s, err := p.quoted()
		return func(e string) bool { return strings.Contains(e, s) }, err
	case strings.HasPrefix(p.rest, "%"):
		return p.regex()
	}
	end := strings.IndexFunc(p.rest, unicode.IsSpace)
	if end < 0 {
		end = len(p.rest)
	}
	s := p.rest[:end]
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !word(r) }) {
		return nil, fmt.Errorf("Invalid character(s) in term '%s'", s)
	}
	p.rest = p.rest[end:]
	return func(e string) bool { return strings.Contains(e, s) }, nil
}

// word says whether a term may hold a character outside quotes.
func word(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quoted reads a phrase in quotes; a backslash takes the next quote or backslash as it is.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(p.rest) && (p.rest[i+1] == '"' || p.rest[i+1] == '\\'):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the quote of %s is not closed", p.rest)
}
