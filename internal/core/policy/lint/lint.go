// Package lint finds in policies what hardly does what its author means, beside what AWS refuses to save.
// It is pure: text in, findings with positions out; it decides nothing and reports each finding once, in order.
//
// Sources: the Service Authorization Reference (internal/core/action) and the pages of the IAM, S3 and VPC guides that
// internal/core/policy names.
package lint

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/policy"
)

// Severities. An error is refused by AWS or never has an effect; a warning can be meant, and mostly is not.
const (
	Error   = "error"
	Warning = "warning"
)

// Finding is one fault of a document and its place in the checked text.
type Finding struct {
	Line      int    `json:"line"`   // from 1
	Column    int    `json:"column"` // from 1, in characters
	Severity  string `json:"severity"`
	Statement int    `json:"statement"` // index in its document; -1: the whole document
	Sid       string `json:"sid,omitempty"`
	Text      string `json:"text"`
	Hint      string `json:"hint,omitempty"`
}

// String is the finding without its place: "error: TEXT (HINT)".
func (f Finding) String() string {
	s := f.Severity + ": " + f.Text
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Check reads a text that holds a policy, a list of answers with policies inside ({"PolicyDocument": ...}, also as a
// string), or by mistake several policies one after the other, and gives its findings in the order of their places.
// Kind None guesses the kind of each document with Guess.
func Check(text []byte, kind policy.Kind) []Finding {
	s := string(text)
	lines := newPlaces(s)
	var out []Finding
	parts := split(s)
	if len(parts) > 1 && !parts[0].wrapped {
		k := kind
		if k == policy.None {
			k = Guess(text)
		}
		if f, ok := refusal(s, k); ok {
			f.Line, f.Column = lines.of(f.off)
			out = append(out, f.Finding)
		}
	}
	for _, p := range parts {
		k := kind
		if k == policy.None {
			k = p.kind()
		}
		for _, f := range checkOne(p.text, k) {
			f.Line, f.Column = lines.of(p.place(f.off))
			out = append(out, f.Finding)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(out)
}

// placed is a finding whose place is still an offset in its document.
type placed struct {
	Finding
	off int
}

// refusal is what the service would say when somebody saved the text.
func refusal(text string, kind policy.Kind) (placed, bool) {
	_, err := policy.Parse([]byte(text), kind)
	var bad *policy.SyntaxError
	if !errors.As(err, &bad) {
		return placed{}, false
	}
	return placed{Finding{Severity: Error, Statement: -1, Text: bad.Message, Hint: bad.Hint}, bad.Offset}, true
}

// checker walks one document.
type checker struct {
	kind    policy.Kind
	refused bool
	found   []placed
	list    []statement
	at      *statement // what is looked at; nil: the document
}

func (c *checker) say(severity string, n *node, text, hint string) {
	f := placed{Finding{Severity: severity, Statement: -1, Text: text, Hint: hint}, n.off}
	if c.at != nil {
		f.Statement, f.Sid = c.at.index, c.at.sid
	}
	c.found = append(c.found, f)
}

func checkOne(text string, kind policy.Kind) []placed {
	c := &checker{kind: kind}
	if f, bad := refusal(text, kind); bad {
		c.refused = true
		c.found = append(c.found, f)
	}
	doc, err := policy.Read([]byte(text), kind)
	if err != nil {
		return c.found
	}
	root, ok := readTree(text)
	if !ok {
		return c.found
	}
	c.list = statements(root)
	c.document(root)
	for i := range c.list {
		c.at = &c.list[i]
		c.actions(c.at)
	}
	for i := range c.list {
		c.at = &c.list[i]
		c.principals(c.at)
		c.breadth(c.at)
		c.resources(c.at)
		c.conditions(c.at)
	}
	c.warnings(doc)
	return c.found
}

// warnings passes on what the engine itself warns of.
func (c *checker) warnings(doc *policy.Document) {
	for _, w := range doc.Warnings() {
		if w.Statement >= len(c.list) {
			continue
		}
		c.at = &c.list[w.Statement]
		text := strings.TrimPrefix(w.Text, "statement "+strconv.Itoa(w.Statement)+": ")
		n, severity := c.at.node, Warning
		for i := range c.at.conditions {
			x := &c.at.conditions[i]
			if strings.Contains(text, x.op.name+" on "+x.key.text) || strings.Contains(text, x.key.text+" holds a set of values: "+x.op.name) {
				n = x.key
				if x.op.set == "" && policy.Multivalued(x.key.text) {
					severity = Error
				}
				break
			}
		}
		text, hint := cutHint(text)
		c.say(severity, n, text, hint)
	}
}

func cutHint(s string) (text, hint string) {
	if i := strings.LastIndex(s, ": add {"); i > 0 {
		return s[:i], s[i+2:]
	}
	return s, ""
}
