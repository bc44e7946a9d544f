package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
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
	lower      string
	hash       uint64
	fallback   string
	hasDefault bool
	broken     bool // not a name at all: never resolves
}

type pattern struct {
	raw    string
	tokens []token
	exact  bool // one literal (exactText), no wildcard, no variable
	all    bool // matches everything
	prefix bool // literal (exactText) and then a star that takes all
	vars   bool
	text   string
}

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
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			t := string(lit)
			p.tokens = append(p.tokens, token{kind: literal, text: t, colon: strings.IndexByte(t, ':') >= 0})
			lit = nil
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
	switch n := len(p.tokens); {
	case n == 0:
		p.exact = true
	case n == 1 && p.tokens[0].kind == literal:
		p.exact, p.text = true, p.tokens[0].text
	case n == 1 && p.tokens[0].kind == star:
		p.all = true
	case n == 2 && p.tokens[0].kind == literal && p.tokens[1].kind == star:
		p.prefix, p.text = true, p.tokens[0].text
	}
	return p
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
	r := &reference{lower: strings.ToLower(strings.TrimSpace(name))}
	r.hash = hashLower(r.lower)
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
	if e := c.find(r.hash, r.lower); e != nil {
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

// match reports whether the pattern takes the whole of s, byte for byte.
func (p *pattern) match(s string, c *Context) bool {
	switch {
	case p.all:
		return true
	case p.exact:
		return s == p.text
	case p.prefix:
		return strings.HasPrefix(s, p.text)
	case !p.plausible(s):
		return false
	}
	return p.resolvable(c) && p.walk(s, c)
}

// plausible compares the literals at both ends, which refuses most strings at once.
func (p *pattern) plausible(s string) bool {
	first, last := &p.tokens[0], &p.tokens[len(p.tokens)-1]
	return (first.kind != literal || strings.HasPrefix(s, first.text)) && (last.kind != literal || strings.HasSuffix(s, last.text))
}

// walk matches a plausible string.
func (p *pattern) walk(s string, c *Context) bool {
	if p.tokens[0].kind == literal {
		return matchTokens(p.tokens[1:], s[len(p.tokens[0].text):], c)
	}
	return matchTokens(p.tokens, s, c)
}

// matchTokens walks once over s and goes back to the last star alone, so its time is at most len(s) * len(tokens).
// Two stars are remembered: the last that stays in its part, and the last that crosses colons. Going back further can't
// help: what a part star skipped ends at a fixed colon, and an earlier crossing star would only match later text.
func matchTokens(toks []token, s string, c *Context) bool {
	ti, si := 0, 0
	wideT, wideS, partT, partS := -1, 0, -1, 0
	for {
		if ti == len(toks) {
			if si == len(s) {
				return true
			}
		} else {
			switch t := &toks[ti]; t.kind {
			case literal:
				if strings.HasPrefix(s[si:], t.text) {
					si += len(t.text)
					ti++
					if t.colon {
						partT = -1
					}
					continue
				}
			case variable:
				if v, ok := t.ref.resolve(c); ok && strings.HasPrefix(s[si:], v) {
					si += len(v)
					ti++
					if partT >= 0 && strings.IndexByte(v, ':') >= 0 {
						partT = -1
					}
					continue
				}
			case one, onePart:
				if si < len(s) && (t.kind == one || s[si] != ':') {
					si += width(s[si:])
					ti++
					continue
				}
			case star:
				if ti++; ti == len(toks) {
					return true
				}
				if wideS = reach(toks, ti, s, si, false); wideS < 0 {
					return false
				}
				wideT, partT, si = ti, -1, wideS
				continue
			case starPart:
				ti++
				if partS = reach(toks, ti, s, si, true); partS >= 0 {
					partT, si = ti, partS
					continue
				}
				partT = -1
			}
		}
		if partT >= 0 {
			if partS = skip(toks, partT, s, partS, true); partS >= 0 {
				ti, si = partT, partS
				continue
			}
			partT = -1
		}
		if wideT < 0 {
			return false
		}
		if wideS = skip(toks, wideT, s, wideS, false); wideS < 0 {
			return false
		}
		ti, si = wideT, wideS
	}
}

// skip lets a star take at least one character more. It gives the new place in s, or -1.
func skip(toks []token, next int, s string, at int, part bool) int {
	if at == len(s) || part && s[at] == ':' {
		return -1
	}
	return reach(toks, next, s, at+width(s[at:]), part)
}

// reach lets a star take as little as it takes to come to the literal that follows it. It gives the place, or -1.
func reach(toks []token, next int, s string, at int, part bool) int {
	if next < len(toks) && toks[next].kind == literal {
		n := strings.Index(s[at:], toks[next].text)
		if n < 0 || part && strings.IndexByte(s[at:at+n], ':') >= 0 {
			return -1
		}
		at += n
	}
	return at
}

func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, w := utf8.DecodeRuneInString(s)
	return w
}

// equalFold compares ignoring case (Unicode simple folding); the pattern has literals and variables only.
func (p *pattern) equalFold(s string, c *Context) bool {
	if p.exact {
		return strings.EqualFold(s, p.text)
	}
	for i := range p.tokens {
		t := p.tokens[i].text
		if p.tokens[i].kind == variable {
			v, ok := p.tokens[i].ref.resolve(c)
			if !ok {
				return false
			}
			t = v
		}
		for _, r := range t {
			if s == "" {
				return false
			}
			r2, w := utf8.DecodeRuneInString(s)
			if !sameFold(r, r2) {
				return false
			}
			s = s[w:]
		}
	}
	return s == ""
}

func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// compileResource compiles an element of Resource or NotResource. "*" takes everything, the bare "*" of actions without
// resource-level permissions too; an ARN pattern never takes that. A short ARN is filled with stars where fill says so.
func compileResource(s string, vars, fill bool) pattern {
	if strings.Trim(s, "*") == "" && s != "" {
		return pattern{raw: s, all: true}
	}
	full := s
	if strings.HasPrefix(s, "arn:") && fill {
		for n := strings.Count(s, ":"); n < 5; n++ {
			full += ":*"
		}
	}
	p := compilePattern(full, syntax{wild: true, vars: vars, arn: true, cross: true, varTail: true})
	p.raw = s
	if !strings.HasPrefix(s, "arn:") { // refused at save; the literal "*" of a request must not slip in
		p.all = false
	}
	return p
}

// foldGlob matches an action name against a lower-case pattern, ignoring ASCII case.
func foldGlob(pat, s string) bool {
	pi, si, starP, starS := 0, 0, -1, 0
	for si < len(s) {
		switch {
		case pi < len(pat) && pat[pi] == '*':
			if pi++; pi == len(pat) {
				return true
			}
			starP, starS = pi, si
		case pi < len(pat) && (pat[pi] == '?' || pat[pi] == lowerByte(s[si])):
			pi++
			si++
		case starP >= 0:
			starS++
			pi, si = starP, starS
		default:
			return false
		}
	}
	for pi < len(pat) && pat[pi] == '*' {
		pi++
	}
	return pi == len(pat)
}
