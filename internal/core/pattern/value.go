package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// regex reads %...%. What may stand in it is the guide's list, which RE2 runs in linear time; there are no groups.
func (p *parser) regex() (test, error) {
	end := strings.IndexByte(p.rest[1:], '%')
	if end < 0 {
		return nil, errors.New("a regular expression has no % at its end")
	}
	text := p.rest[1 : end+1]
	p.rest = p.rest[end+2:]
	p.regexes++
	for _, r := range text {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" :_#=@/;,-^$?[]{}|\\*+.", r) {
			return nil, fmt.Errorf("a regular expression may not hold %q", r)
		}
	}
	re, err := regexp.Compile(text)
	if err != nil || text == "" {
		return nil, fmt.Errorf("%%%s%% is no regular expression", text)
	}
	return re.MatchString, nil
}

// operators are those of comparisons, the longer ones first. "=!" stands in the guide's examples of space-delimited patterns.
var operators = []string{"<=", ">=", "!=", "=!", "=", "<", ">"}

func (p *parser) operator() (string, bool) {
	for _, op := range operators {
		if p.eat(op) {
			if op == "=!" {
				op = "!="
			}
			return op, true
		}
	}
	return "", false
}

// value is what a comparison compares with.
type value struct {
	op     string
	text   string // a literal, without the stars at its ends
	head   bool   // a star begins it
	tail   bool   // a star ends it
	number float64
	isNum  bool // an unquoted number
	quoted bool
	regex  test
}

// value reads the right side of a comparison; stop are the characters that end an unquoted one.
func (p *parser) value(op, stop string) (value, error) {
	v := value{op: op}
	p.blanks()
	ordered := op != "=" && op != "!="
	switch {
	case strings.HasPrefix(p.rest, "%"):
		if ordered {
			return v, fmt.Errorf("%s compares with a number, not with a regular expression", op)
		}
		var err error
		v.regex, err = p.regex()
		return v, err
	case strings.HasPrefix(p.rest, `"`):
		var err error
		if v.text, err = p.quoted(); err != nil {
			return v, err
		}
		v.quoted = true
	default:
		end := strings.IndexFunc(p.rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(stop, r) })
		if end < 0 {
			end = len(p.rest)
		}
		if v.text, p.rest = p.rest[:end], p.rest[end:]; v.text == "" {
			return v, fmt.Errorf("nothing is said to compare with after %s", op)
		}
		v.number, v.isNum = number(v.text)
	}
	if ordered && !v.isNum {
		return v, fmt.Errorf("%s compares with a number, and %q is none", op, v.text)
	}
	if !v.isNum {
		if v.text, v.head = strings.CutPrefix(v.text, "*"); v.text != "" {
			v.text, v.tail = strings.CutSuffix(v.text, "*")
		} else {
			v.tail = v.head // a star alone
		}
	}
	return v, nil
}

// number reads an integer or decimal with an optional sign and exponent, and nothing else that strconv takes.
func number(s string) (float64, bool) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune("+-.eE", r) }) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// compare says whether a value of an event compares as wanted. isNum is whether it is a number there.
func (v *value) compare(s string, isNum bool) bool {
	switch v.op {
	case "=":
		return v.equal(s, isNum)
	case "!=":
		return !v.equal(s, isNum)
	}
	n, ok := number(s)
	if !ok || !isNum {
		return false
	}
	switch v.op {
	case "<":
		return n < v.number
	case "<=":
		return n <= v.number
	case ">":
		return n > v.number
	}
	return n >= v.number
}

func (v *value) equal(s string, isNum bool) bool {
	switch {
	case v.regex != nil:
		return v.regex(s)
	case v.isNum && isNum:
		n, ok := number(s)
		return ok && n == v.number
	case v.head && v.tail:
		return strings.Contains(s, v.text)
	case v.head:
		return strings.HasSuffix(s, v.text)
	case v.tail:
		return strings.HasPrefix(s, v.text)
	}
	return s == v.text
}
