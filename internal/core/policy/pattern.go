package policy

import (
	"strings"
)

// A pattern is compiled once into tokens. Variables stay tokens and are compared as literal text when matching, so that
// a value holding "*" is never a wildcard.

type tokenKind uint8

const (
	literal  tokenKind = iota
	variable           // a policy variable
	one                // ?
	onePart            // ? that is not a colon
	star               // *
	starPart           // * that stays within its part of an ARN
)

type token struct {
	kind  tokenKind
	colon bool // literal: it holds a colon
	text  string
	ref   *reference
}

// reference is ${key} or ${key, 'default'}.
type reference struct {
	keyName
	fallback   string
	hasDefault bool
	broken     bool // not a name at all: never resolves
}

type pattern struct {
	raw    string
	tokens []token
	shape  shape
	vars   bool
	text   string // exact: all of it; else the literal that it begins with, if any
	suffix string // what stands behind the first star, of shapes with a second literal
}

// shape tells patterns that need no walk over their tokens.
type shape uint8

const (
	mixed   shape = iota
	exact         // no wildcard, no variable
	prefix        // a literal and a star that takes all
	affixes       // a literal, a star that takes all, a literal
	holding       // a literal, a star, a literal and a star, both stars taking all
	gap           // a literal, a star that stays in its part, a literal from the next colon on
	openGap       // the same and a star that takes all
	whole         // takes everything
	nothing       // takes nothing
)

// syntax chooses what is special in a pattern's text.
type syntax struct {
	wild    bool // * and ?
	vars    bool // ${...}
	arn     bool // the first five parts end at colons
	cross   bool // a star that ends its part may cross colons (Resource, not ArnLike)
	varTail bool // variables only in the sixth part (Resource)
}

// compilePattern never fails: text that is no pattern is literal.
func compilePattern(s string, x syntax) pattern {
	p := pattern{raw: s}
	if !(x.wild && strings.ContainsAny(s, "*?")) && !(x.vars && strings.Contains(s, "${")) {
		p.shape, p.text = exact, s // most patterns are plain text
		return p
	}
	lit := make([]byte, 0, len(s))
	flush := func() {
		if len(lit) > 0 {
			t := string(lit)
			p.tokens = append(p.tokens, token{kind: literal, text: t, colon: strings.IndexByte(t, ':') >= 0})
			lit = lit[:0]
		}
	}
	put := func(t token) { flush(); p.tokens = append(p.tokens, t) }
	colons := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		inPart := x.arn && colons < 5
		switch {
		case c == '$' && x.vars && i+1 < len(s) && s[i+1] == '{' && !(x.varTail && inPart):
			end := closeVariable(s, i+2)
			if end < 0 {
				lit = append(lit, c)
				continue
			}
			body := s[i+2 : end]
			i = end
			if body == "*" || body == "?" || body == "$" {
				lit = append(lit, body[0])
				continue
			}
			put(token{kind: variable, ref: parseReference(body)})
			p.vars = true
		case c == '*' && x.wild:
			k := star
			if inPart && !(x.cross && (i+1 == len(s) || s[i+1] == ':')) {
				k = starPart
			}
			if n := len(p.tokens); len(lit) == 0 && n > 0 && p.tokens[n-1].kind == k {
				continue // ** is *
			}
			put(token{kind: k})
		case c == '?' && x.wild:
			k := one
			if inPart {
				k = onePart
			}
			put(token{kind: k})
		default:
			if c == ':' {
				colons++
			}
			lit = append(lit, c)
		}
	}
	flush()
	p.shape, p.text, p.suffix = shapeOf(p.tokens)
	return p
}

// shapeOf looks at the tokens; before and behind are the literals that the shape is about.
func shapeOf(t []token) (s shape, before, behind string) {
	if len(t) > 0 && t[0].kind == literal {
		before, t = t[0].text, t[1:]
	}
	if len(t) == 0 {
		return exact, before, ""
	}
	open := t[0].kind == star
	if len(t) == 1 && open {
		if before == "" {
			return whole, "", ""
		}
		return prefix, before, ""
	}
	if len(t) == 1 || len(t) > 3 || t[1].kind != literal || len(t) == 3 && t[2].kind != star {
		return mixed, before, ""
	}
	behind = t[1].text
	switch part := t[0].kind == starPart && behind[0] == ':'; {
	case open && len(t) == 2:
		return affixes, before, behind
	case open:
		return holding, before, behind
	case part && len(t) == 2:
		return gap, before, behind
	case part:
		return openGap, before, behind
	}
	return mixed, before, ""
}

// closeVariable finds the brace that ends a variable; braces inside a quoted default don't count.
func closeVariable(s string, i int) int {
	quoted := false
	for ; i < len(s); i++ {
		switch s[i] {
		case '\'':
			quoted = !quoted
		case '}':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

func parseReference(body string) *reference {
	name, rest, more := strings.Cut(body, ",")
	r := &reference{keyName: nameKey(strings.TrimSpace(name))}
	if more {
		rest = strings.TrimSpace(rest)
		if len(rest) >= 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' {
			r.fallback, r.hasDefault = rest[1:len(rest)-1], true
		} else {
			r.broken = true
		}
	}
	if r.lower == "" {
		r.broken = true
	}
	return r
}

// resolve gives a variable's text. A set of values is no text.
func (r *reference) resolve(c *Context) (string, bool) {
	if r.broken {
		return "", false
	}
	if e := c.find(&r.keyName); e != nil {
		if e.multi {
			return "", false
		}
		return e.values[0], true
	}
	return r.fallback, r.hasDefault
}

// resolvable reports whether all variables have a value. A pattern that isn't matches nothing.
func (p *pattern) resolvable(c *Context) bool {
	if p.vars {
		for i := range p.tokens {
			if p.tokens[i].kind == variable {
				if _, ok := p.tokens[i].ref.resolve(c); !ok {
					return false
				}
			}
		}
	}
	return true
}

// compileResource compiles an element of Resource or NotResource. "*" takes everything, the bare "*" of actions without
// resource-level permissions too; an ARN pattern never takes that. Anything else is refused at save and takes nothing.
// A short ARN is filled with stars where fill says so.
func compileResource(s string, vars, fill bool) pattern {
	if s != "" && strings.Trim(s, "*") == "" {
		return pattern{raw: s, shape: whole}
	}
	if !strings.HasPrefix(s, "arn:") {
		return pattern{raw: s, shape: nothing}
	}
	full := s
	if fill {
		for n := strings.Count(s, ":"); n < 5; n++ {
			full += ":*"
		}
	}
	p := compilePattern(full, syntax{wild: true, vars: vars, arn: true, cross: true, varTail: true})
	p.raw = s
	return p
}
