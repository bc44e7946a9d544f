package policy

import (
	"slices"
	"strings"
)

// Document is a compiled policy. It is immutable and safe for concurrent use.
type Document struct {
	kind       Kind
	version    string
	id         string
	text       string
	statements []statement
	exact      []exactAction // sorted by hash, then statement
	wild       []wildAction  // in statement order
	inverse    []int32       // statements with NotAction
}

type statement struct {
	sid          string
	allow        bool
	off          int
	principals   []principalRef
	notPrincipal bool
	actions      []string // as written
	lowered      []string // for NotAction
	notAction    bool
	resources    []pattern
	notResource  bool
	anyResource  bool // a trust policy has no Resource
	conditions   []condition
	// principals and resources as written, for explanations
	shown, written []string
}

type exactAction struct {
	hash      uint64
	name      string // lower case
	statement int32
}

type wildAction struct {
	head      string // lower case, what stands before the first wildcard
	pattern   string // lower case
	statement int32
}

// Parse reads a document that somebody wants to save. It holds the document to the grammar of its kind and refuses
// what AWS refuses, with a *SyntaxError.
func Parse(text []byte, kind Kind) (*Document, error) { return compile(string(text), kind, true) }

// Read compiles a document that was saved before, or a hypothetical one. It demands strict JSON and the shape of a
// policy, but takes values that Parse would refuse: they match nothing. Operators may be in any case.
func Read(text []byte, kind Kind) (*Document, error) { return compile(string(text), kind, false) }

func compile(text string, kind Kind, strict bool) (*Document, error) {
	b := &builder{doc: &Document{kind: kind, text: text}, strict: strict, worst: refusals}
	root, jerr := readJSON(text)
	if jerr != nil {
		r := badJSON
		if strings.TrimLeft(text, " \t\r\n") == "" || text[0] != '{' {
			r = badFirstByte
		}
		b.refuse(r, jerr.off, "", jerr.hint)
		return nil, b.err
	}
	b.document(root)
	if b.err != nil {
		return nil, b.err
	}
	b.index()
	return b.doc, nil
}

// index sorts the statements by the actions that they can concern.
func (b *builder) index() {
	d := b.doc
	for at := range d.statements {
		s := &d.statements[at]
		if s.notAction {
			d.inverse = append(d.inverse, int32(at))
			continue
		}
		for _, a := range s.lowered {
			if i := strings.IndexAny(a, "*?"); i >= 0 {
				d.wild = append(d.wild, wildAction{a[:i], a, int32(at)})
				continue
			}
			d.exact = append(d.exact, exactAction{hashLower(a), a, int32(at)})
		}
	}
	slices.SortFunc(d.exact, func(a, b exactAction) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return int(a.statement - b.statement)
	})
}

// Kind is the kind it was compiled as.
func (d *Document) Kind() Kind { return d.kind }

// Version is "2012-10-17" or "2008-10-17"; an absent Version is the latter.
func (d *Document) Version() string { return d.version }

// Text is the JSON text it was compiled from.
func (d *Document) Text() string { return d.text }

// Len is the number of statements.
func (d *Document) Len() int { return len(d.statements) }

// Sid is the Sid of a statement; empty if it has none.
func (d *Document) Sid(i int) string {
	if i < 0 || i >= len(d.statements) {
		return ""
	}
	return d.statements[i].sid
}

// Resources lists all elements of Resource and NotResource as they were written, for checks against the resource that
// the policy hangs on.
func (d *Document) Resources() []string {
	var out []string
	for i := range d.statements {
		out = append(out, d.statements[i].written...)
	}
	return out
}

// Actions lists all elements of Action and NotAction as they were written.
func (d *Document) Actions() []string {
	var out []string
	for i := range d.statements {
		out = append(out, d.statements[i].actions...)
	}
	return out
}

// Inverted says whether a statement names actions or resources by what they are not.
func (d *Document) Inverted() bool {
	for i := range d.statements {
		if s := &d.statements[i]; s.notAction || s.notResource {
			return true
		}
	}
	return false
}

// action is a request's action, folded and hashed once.
type action struct {
	name string
	hash uint64
	room [64]byte // the name in ASCII lower case
	long []byte   // the same for a name that is longer than any of AWS's
}

func (a *action) set(name string) {
	a.name = name
	if len(name) > len(a.room) {
		a.long = make([]byte, len(name))
	}
	lower, h := a.lower(), uint64(hashStart)
	for i := range lower {
		c := lowerByte(name[i])
		lower[i], h = c, hashByte(h, c)
	}
	a.hash = h
}

func (a *action) lower() []byte {
	if a.long != nil {
		return a.long
	}
	return a.room[:len(a.name)]
}

func (w *wildAction) match(a *action) bool {
	n := len(w.head)
	if len(a.name) < n || string(a.lower()[:n]) != w.head {
		return false
	}
	return n+1 == len(w.pattern) && w.pattern[n] == '*' || foldGlob(w.pattern[n:], a.name[n:])
}

// cursor walks the statements that concern an action. A statement may come twice, and not in order.
type cursor struct {
	doc  *Document
	act  *action
	step int // index in exact while < len(exact), then wild, then inverse
}

func (d *Document) concerning(a *action) cursor {
	lo, hi := 0, len(d.exact)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if d.exact[m].hash < a.hash {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return cursor{d, a, lo}
}

// next gives a statement's index, or -1 at the end.
func (c *cursor) next() int {
	d := c.doc
	for c.step < len(d.exact) {
		e := &d.exact[c.step]
		if e.hash != c.act.hash {
			c.step = len(d.exact)
			break
		}
		c.step++
		if e.name == string(c.act.lower()) {
			return int(e.statement)
		}
	}
	for c.step < len(d.exact)+len(d.wild) {
		w := &d.wild[c.step-len(d.exact)]
		c.step++
		if w.match(c.act) {
			return int(w.statement)
		}
	}
	for base := len(d.exact) + len(d.wild); c.step < base+len(d.inverse); {
		i := d.inverse[c.step-base]
		c.step++
		if !d.statements[i].listsAction(c.act.name) {
			return int(i)
		}
	}
	return -1
}

func (s *statement) listsAction(name string) bool {
	for _, p := range s.lowered {
		if foldGlob(p, name) {
			return true
		}
	}
	return false
}
