package classify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// Limits of training data: AWS's (Developer Guide, guidelines and quotas, "Document classification"), and what a cell can hold.
const (
	classesMax   = 1000 // of MULTI_CLASS
	labelsMax    = 100  // of MULTI_LABEL
	labelMax     = 5000 // characters of a label's name
	documentsMin = 10   // of a class
	totalMin     = 50   // documents of MULTI_LABEL
	DocumentMax  = 10 << 20
	held         = 280 << 20 // bytes of features

	heldOfSeveral = 240 << 20 // of each of several instances
)

// Codes of refusals.
const (
	invalid  = "INVALID_TRAINING_DATA"
	tooLarge = "INPUT_LIMIT_EXCEEDED"
	none     = "NO_INPUT_FOUND"
)

// corpus is labelled texts as features. The texts themselves are not kept. Of several instances each reads all of them and keeps the features of
// its share alone; labels, and what a text is like, all of them know of all.
type corpus struct {
	bags
	mesh    *mesh.Mesh
	fills   []fill  // by instance
	words   []place // of all texts, were there no pieces of words; nil of one that is alone
	multi   bool
	hasher  *hasher
	names   []string // labels, in the order of their first use
	numbers map[string]int32
	label   []int32  // of all texts
	from    []uint32 // text i has label[from[i]:from[i+1]]
	tested  []bool   // text i is test data
	room    int64    // bytes for features
	workers int      // do not change the result
}

func newCorpus(multi bool) *corpus {
	return &corpus{mesh: mesh.Alone(), fills: make([]fill, 1), multi: multi, hasher: newHasher(true), numbers: map[string]int32{}, from: []uint32{0}, room: held, workers: workers()}
}

// join makes it a share. There is less room: weights need more.
func (c *corpus) join(m *mesh.Mesh) {
	c.mesh, c.fills, c.room = m, make([]fill, m.Count), heldOfSeveral
}

// keep takes what the hasher has read as text number len(c.at).
func (c *corpus) keep() {
	i := len(c.at)
	words := c.bags.add(c.hasher, c.mesh.Owns(i))
	if c.mesh.Count > 1 && c.hasher.pieces {
		c.words = append(c.words, words)
	}
	c.count(i)
	c.hasher.clear()
}

// count notes the room of text i, whoever keeps it: all instances count alike, so that all do the same where there is too little.
func (c *corpus) count(i int) {
	if c.mesh.Count == 1 {
		c.fills[0].add(c.at[i].n, 24)
		return
	}
	for j := range c.fills {
		n := uint32(0)
		if c.mesh.Owner(i) == j {
			n = c.at[i].n
		}
		c.fills[j].add(n, 48)
	}
}

// size is the room of the fullest instance, in bytes.
func (c *corpus) size() (most int64) {
	for _, f := range c.fills {
		most = max(most, f.size)
	}
	return most
}

func (c *corpus) len() int { return len(c.at) }

// labels gives those of text i, ascending.
func (c *corpus) labels(i int) []int32 { return c.label[c.from[i]:c.from[i+1]] }

// add takes one text. The names are as the user wrote them.
func (c *corpus) add(names []string, text []byte, test bool) error {
	at := len(c.label)
	for _, s := range names {
		k, ok := c.numbers[s]
		if !ok {
			if most := c.most(); len(c.names) == most {
				return analyse.Refuse(invalid, "The training data has more than %d different %s.", most, c.noun())
			}
			s = strings.Clone(s)
			k = int32(len(c.names))
			c.numbers[s], c.names = k, append(c.names, s)
		}
		if !slices.Contains(c.label[at:], k) {
			c.label = append(c.label, k)
		}
	}
	slices.Sort(c.label[at:])
	c.from, c.tested = append(c.from, uint32(len(c.label))), append(c.tested, test)
	c.hasher.read(text)
	c.keep()
	if c.size() <= c.room {
		return nil
	}
	if c.hasher.pieces {
		c.strip()
	}
	if c.size() > c.room {
		of := ""
		if n := c.mesh.Count; n > 1 {
			of = fmt.Sprintf(" by each of %d instances", n)
		}
		return analyse.Refuse(tooLarge, "The training data does not fit: %d documents fill the %d MiB that are kept%s of all documents. Give fewer or shorter ones.", c.len(), c.room>>20, of)
	}
	return nil
}

// strip forgets the pieces of words, which fill most of the room; long texts are known by their words.
func (c *corpus) strip() {
	old, words := c.bags, c.words
	c.bags, c.words = bags{}, nil
	clear(c.fills)
	c.hasher = newHasher(false)
	done := uint32(0)
	for i := range old.at {
		k := old.at[i].chunk
		if k == away {
			c.at = append(c.at, words[i])
			c.count(i)
			continue
		}
		if k > done {
			old.chunks[done] = nil
			done = k
		}
		old.each(i, func(b uint32, n uint16) {
			if b < space {
				c.hasher.touched = append(c.hasher.touched, b)
				c.hasher.count[b] = n
			}
		})
		c.keep()
	}
}

func (c *corpus) most() int {
	if c.multi {
		return labelsMax
	}
	return classesMax
}

func (c *corpus) noun() string {
	if c.multi {
		return "labels"
	}
	return "classes"
}

// check says what AWS says of data that cannot be learnt from (the sentences are ours).
func (c *corpus) check(tested bool) error {
	train, test := make([]int, len(c.names)), make([]int, len(c.names))
	trained := 0
	for i := range c.len() {
		n := train
		if c.tested[i] {
			n = test
		} else {
			trained++
		}
		for _, k := range c.labels(i) {
			n[k]++
		}
	}
	var few, strange, missing []string
	different := 0
	for k, s := range c.names {
		switch {
		case train[k] == 0:
			strange = append(strange, quote(s))
			continue
		case tested && test[k] == 0:
			missing = append(missing, quote(s))
		}
		different++
		if train[k] < documentsMin {
			few = append(few, fmt.Sprintf("%s (%d)", quote(s), train[k]))
		}
	}
	switch {
	case trained == 0:
		return analyse.Refuse(none, "The training data has no documents.")
	case different < 2:
		return analyse.Refuse(invalid, "The training data has only one of the %s: all %d documents are of %s. A classifier needs at least 2.", c.noun(), trained, quote(c.names[0]))
	case len(few) > 0:
		return analyse.Refuse(invalid, "Each of the %s needs at least %d documents. %d of %d have fewer: %s.", c.noun(), documentsMin, len(few), different, some(few))
	case c.multi && trained < totalMin:
		return analyse.Refuse(invalid, "A classifier of mode MULTI_LABEL needs at least %d documents; the training data has %d.", totalMin, trained)
	case len(strange) > 0:
		return analyse.Refuse(invalid, "The test data has %d of the %s that the training data lacks: %s.", len(strange), c.noun(), some(strange))
	case len(missing) > 0:
		return analyse.Refuse(invalid, "The test data must have every label of the training data. It lacks %d of %d: %s.", len(missing), different, some(missing))
	}
	return nil
}

// sort brings the labels into the order of their names, whatever came first.
func (c *corpus) sort() {
	order := slices.Sorted(slices.Values(c.names))
	now := make([]int32, len(order))
	for k, s := range order {
		now[c.numbers[s]] = int32(k)
		c.numbers[s] = int32(k)
	}
	c.names = order
	for i, k := range c.label {
		c.label[i] = now[k]
	}
	for i := range c.len() {
		slices.Sort(c.labels(i))
	}
}

// quote shows a name of the user's, or its beginning.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "..."
	}
	return `"` + s + `"`
}

// some lists the first of many.
func some(s []string) string {
	if len(s) > 10 {
		return strings.Join(s[:10], ", ") + fmt.Sprintf(" and %d more", len(s)-10)
	}
	return strings.Join(s, ", ")
}

// faults counts what is wrong with the rows of one object.
type faults struct {
	what []string
	n    []int
	rows [][]int
}

// faultKinds is how many kinds of faults are told of one object.
const faultKinds = 20

func (f *faults) add(row int, what string) {
	i := slices.Index(f.what, what)
	if i < 0 && len(f.what) >= faultKinds {
		what = "other faults"
		i = slices.Index(f.what, what)
	}
	if i < 0 {
		i = len(f.what)
		f.what, f.n, f.rows = append(f.what, what), append(f.n, 0), append(f.rows, nil)
	}
	f.n[i]++
	if len(f.rows[i]) < 5 {
		f.rows[i] = append(f.rows[i], row)
	}
}

// refusal tells all of them, or nil.
func (f *faults) refusal(object string, rows int) error {
	if len(f.what) == 0 {
		return nil
	}
	var parts []string
	for i, w := range f.what {
		at := strings.Trim(fmt.Sprint(f.rows[i]), "[]")
		list := "rows "
		if f.n[i] == 1 {
			list = "row "
		}
		if f.n[i] > len(f.rows[i]) {
			at += " ..."
		}
		parts = append(parts, fmt.Sprintf("%d with %s (%s%s)", f.n[i], w, list, strings.ReplaceAll(at, " ", ", ")))
	}
	return analyse.Refuse(invalid, "%s has %d rows, of which cannot be used: %s.", quote(object), rows, strings.Join(parts, "; "))
}

// flaw says what is wrong with a row's text, or "".
func flaw(text []byte) string {
	switch {
	case !utf8.Valid(text):
		return "bytes that are not UTF-8"
	case bytes.IndexByte(text, 0) >= 0:
		return "a NUL character"
	case len(bytes.TrimSpace(text)) == 0:
		return "an empty document"
	}
	return ""
}

// flawed says what is wrong with a label, or "".
func flawed(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "bytes that are not UTF-8"
	case strings.TrimSpace(s) == "":
		return "an empty label"
	case utf8.RuneCountInString(s) > labelMax:
		return fmt.Sprintf("a label of more than %d characters", labelMax)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.C, r) }):
		return "control characters in a label"
	}
	return ""
}
