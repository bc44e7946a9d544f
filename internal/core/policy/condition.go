package policy

import (
	"bytes"
	"net/netip"
	"strings"
)

type family uint8

const (
	stringFamily family = iota
	foldFamily
	likeFamily
	numericFamily
	dateFamily
	boolFamily
	binaryFamily
	ipFamily
	arnFamily
	nullFamily
)

type comparison uint8

const (
	equal comparison = iota
	less
	lessEqual
	greater
	greaterEqual
)

func (c comparison) holds(r int) bool {
	switch c {
	case less:
		return r < 0
	case lessEqual:
		return r <= 0
	case greater:
		return r > 0
	case greaterEqual:
		return r >= 0
	}
	return r == 0
}

type operator struct {
	name    string
	family  family
	negated bool
	cmp     comparison
}

// operators is the whole list of the IAM User Guide, "Condition operators".
var operators = [...]operator{
	{"StringEquals", stringFamily, false, equal}, {"StringNotEquals", stringFamily, true, equal},
	{"StringEqualsIgnoreCase", foldFamily, false, equal}, {"StringNotEqualsIgnoreCase", foldFamily, true, equal},
	{"StringLike", likeFamily, false, equal}, {"StringNotLike", likeFamily, true, equal},
	{"NumericEquals", numericFamily, false, equal}, {"NumericNotEquals", numericFamily, true, equal},
	{"NumericLessThan", numericFamily, false, less}, {"NumericLessThanEquals", numericFamily, false, lessEqual},
	{"NumericGreaterThan", numericFamily, false, greater}, {"NumericGreaterThanEquals", numericFamily, false, greaterEqual},
	{"DateEquals", dateFamily, false, equal}, {"DateNotEquals", dateFamily, true, equal},
	{"DateLessThan", dateFamily, false, less}, {"DateLessThanEquals", dateFamily, false, lessEqual},
	{"DateGreaterThan", dateFamily, false, greater}, {"DateGreaterThanEquals", dateFamily, false, greaterEqual},
	{"Bool", boolFamily, false, equal}, {"BinaryEquals", binaryFamily, false, equal},
	{"IpAddress", ipFamily, false, equal}, {"NotIpAddress", ipFamily, true, equal},
	{"ArnEquals", arnFamily, false, equal}, {"ArnNotEquals", arnFamily, true, equal},
	{"ArnLike", arnFamily, false, equal}, {"ArnNotLike", arnFamily, true, equal},
	{"Null", nullFamily, false, equal},
}

type quantifier uint8

const (
	single quantifier = iota
	forAll
	forAny
)

// condition is one key under one operator.
type condition struct {
	name     string // operator as written
	op       operator
	set      quantifier
	ifExists bool
	deny     bool   // of a statement that denies
	key      string // as written
	keyName
	values  []operand
	written []string // the values, for explanations
}

// operand is a value of the policy, read by its operator's family. ok false: it matches nothing.
type operand struct {
	pat    pattern
	num    decimal
	at     instant
	prefix netip.Prefix
	bin    []byte
	truth  bool
	isARN  bool // whatever the pattern takes is an ARN
	ok     bool
}

// parseOperator reads an operator's name; fold takes it in any case.
func parseOperator(name string, fold bool) (c condition, ok bool) {
	c.name = name
	s := name
	has := func(prefix string) bool {
		return strings.HasPrefix(s, prefix) || fold && len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
	}
	if has("ForAllValues:") {
		c.set, s = forAll, s[len("ForAllValues:"):]
	} else if has("ForAnyValue:") {
		c.set, s = forAny, s[len("ForAnyValue:"):]
	}
	if n := len(s) - len("IfExists"); n > 0 && (s[n:] == "IfExists" || fold && strings.EqualFold(s[n:], "IfExists")) {
		c.ifExists, s = true, s[:n]
	}
	for _, op := range operators {
		if op.name == s || fold && strings.EqualFold(op.name, s) {
			c.op = op
			return c, !(op.family == nullFamily && (c.ifExists || c.set != single))
		}
	}
	return c, false
}

// read compiles one value. The result is false when the family can't read it.
func (c *condition) read(s string, vars bool) (o operand, ok bool) {
	switch c.op.family {
	case stringFamily, foldFamily:
		o.pat, o.ok = compilePattern(s, syntax{vars: vars}), true
	case likeFamily:
		o.pat, o.ok = compilePattern(s, syntax{vars: vars, wild: true}), true
	case arnFamily:
		o.pat = compilePattern(s, syntax{vars: vars, wild: true, arn: true})
		o.isARN = !o.pat.vars && isARN(s)
		o.ok = o.pat.vars || o.isARN || strings.ContainsAny(s, "*?")
	case boolFamily: // one page of the guide takes variables here, another doesn't; taking them harms nobody
		o.pat = compilePattern(s, syntax{vars: vars})
		o.truth, o.ok = parseBool(o.pat.text)
		o.ok = o.ok || o.pat.vars
	case numericFamily:
		o.num, o.ok = parseDecimal(s)
	case dateFamily:
		o.at, o.ok = parseInstant(s)
	case ipFamily:
		o.prefix, o.ok = parsePrefix(s)
	case binaryFamily:
		o.bin, o.ok = parseBinary(s, nil)
	case nullFamily:
		o.truth, o.ok = parseBool(s)
	}
	o.pat.raw = s
	return o, o.ok
}

func isARN(s string) bool {
	if !strings.HasPrefix(s, "arn:") {
		return false
	}
	for n, i := 1, 4; i < len(s); i++ { // the colons stand near the start: no need to count all
		if s[i] == ':' {
			if n++; n == 5 {
				return true
			}
		}
	}
	return false
}

// holds is the table of the guide: a missing key satisfies negated operators, IfExists and ForAllValues, never
// ForAnyValue. IfExists is asked first: for ForAnyValue:...IfExists the guide has it both ways. A set of values under an
// operator without ForAllValues or ForAnyValue satisfies nothing, negated operators included.
func (c *condition) holds(ctx *Context) bool {
	e := ctx.find(&c.keyName)
	if c.op.family == nullFamily {
		for i := range c.values {
			if c.values[i].ok && c.values[i].truth == (e == nil) {
				return true
			}
		}
		return false
	}
	if e == nil {
		switch {
		case c.ifExists || c.set == forAll:
			return true
		case c.set == forAny:
			return false
		}
		return c.op.negated
	}
	switch c.set {
	case forAll:
		for _, v := range e.values {
			if c.any(v, ctx) == c.op.negated {
				return false
			}
		}
		return true
	case forAny:
		for _, v := range e.values {
			if c.any(v, ctx) != c.op.negated {
				return true
			}
		}
		return false
	}
	if e.multi {
		return false
	}
	// More than one value: tags whose keys differ in case alone. AWS matches one of them and does not say which, so an Allow wants
	// all of them to agree, and a Deny is content with one.
	some, all := false, true
	for _, v := range e.values {
		hit := c.any(v, ctx)
		some, all = some || hit, all && hit
	}
	if c.deny != c.op.negated {
		return some != c.op.negated
	}
	return all != c.op.negated
}

// any reports whether some value of the policy matches v, before negation.
func (c *condition) any(v string, ctx *Context) bool {
	switch c.op.family {
	case stringFamily, likeFamily:
		for i := range c.values {
			if c.values[i].pat.match(v, ctx) {
				return true
			}
		}
	case foldFamily:
		for i := range c.values {
			if c.values[i].pat.equalFold(v, ctx) {
				return true
			}
		}
	case arnFamily:
		for i := range c.values {
			if o := &c.values[i]; o.ok && o.pat.match(v, ctx) && (o.isARN || isARN(v)) {
				return true
			}
		}
	case numericFamily:
		d, ok := parseDecimal(v)
		for i := range c.values {
			if ok && c.values[i].ok && c.op.cmp.holds(d.compare(c.values[i].num)) {
				return true
			}
		}
	case dateFamily:
		t, ok := parseInstant(v)
		for i := range c.values {
			if ok && c.values[i].ok && c.op.cmp.holds(t.compare(c.values[i].at)) {
				return true
			}
		}
	case ipFamily:
		return c.anyPrefix(v)
	case boolFamily:
		return c.anyBool(v, ctx)
	case binaryFamily:
		return c.anyBinary(v)
	}
	return false
}

func (c *condition) anyBinary(v string) bool {
	var buf [96]byte
	b, ok := parseBinary(v, buf[:])
	for i := range c.values {
		if ok && c.values[i].ok && bytes.Equal(b, c.values[i].bin) {
			return true
		}
	}
	return false
}

func (c *condition) anyPrefix(v string) bool {
	p, ok := parsePrefix(v)
	if !ok {
		return false
	}
	for i := range c.values {
		if o := &c.values[i]; o.ok && o.prefix.Bits() <= p.Bits() && o.prefix.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

func (c *condition) anyBool(v string, ctx *Context) bool {
	b, ok := parseBool(v)
	if !ok {
		return false
	}
	for i := range c.values {
		o := &c.values[i]
		if o.pat.vars {
			if len(o.pat.tokens) == 1 {
				s, found := o.pat.tokens[0].ref.resolve(ctx)
				if t, isBool := parseBool(s); found && isBool && t == b {
					return true
				}
			}
			continue
		}
		if o.ok && o.truth == b {
			return true
		}
	}
	return false
}
