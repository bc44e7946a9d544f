package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// match reports whether the pattern takes the whole of s, byte for byte.
func (p *pattern) match(s string, c *Context) bool {
	switch p.shape {
	case exact:
		return s == p.text
	case prefix:
		return strings.HasPrefix(s, p.text)
	case affixes:
		return len(s) >= len(p.text)+len(p.suffix) && strings.HasPrefix(s, p.text) && strings.HasSuffix(s, p.suffix)
	case holding:
		return strings.HasPrefix(s, p.text) && strings.Contains(s[len(p.text):], p.suffix)
	case gap, openGap:
		if !strings.HasPrefix(s, p.text) {
			return false
		}
		i := strings.IndexByte(s[len(p.text):], ':')
		if i < 0 {
			return false
		}
		s = s[len(p.text)+i:]
		return strings.HasPrefix(s, p.suffix) && (p.shape == openGap || len(s) == len(p.suffix))
	case whole:
		return true
	case nothing:
		return false
	}
	return p.plausible(s) && p.resolvable(c) && p.walk(s, c)
}

// plausible compares the literals at both ends, which refuses most strings at once.
func (p *pattern) plausible(s string) bool {
	last := &p.tokens[len(p.tokens)-1]
	return strings.HasPrefix(s, p.text) && (last.kind != literal || strings.HasSuffix(s, last.text))
}

// walk matches a plausible string.
func (p *pattern) walk(s string, c *Context) bool {
	if p.text != "" {
		return matchTokens(p.tokens[1:], s[len(p.text):], c)
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
	if next == len(toks) || toks[next].kind != literal {
		return at
	}
	t, end := toks[next].text, len(s)
	if part { // the literal begins in this part, or with the colon that ends it
		if i := strings.IndexByte(s[at:], ':'); i >= 0 {
			if t[0] == ':' {
				if strings.HasPrefix(s[at+i:], t) {
					return at + i
				}
				return -1
			}
			end = min(end, at+i+len(t))
		}
	}
	if n := strings.Index(s[at:end], t); n >= 0 {
		return at + n
	}
	return -1
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
	if p.shape == exact {
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
