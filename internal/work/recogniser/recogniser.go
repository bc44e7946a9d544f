// Package recogniser learns to find entities of the user's own types, from documents whose entities are annotated or listed, and
// finds them. It holds all documents in memory while it learns, refuses what it could not hold, and never tells a document's text
// but where the user's own file is wrong.
package recogniser

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// Limits of training data: AWS's (Developer Guide, "Guidelines and quotas", custom entity recognition), and what a cell can hold.
const (
	typesMax       = 25
	documentMax    = 5000      // bytes of a document
	documentsMin   = 3         // documents
	documentsMax   = 200_000   // documents
	corpusMax      = 200 << 20 // bytes of all documents
	annotationsMin = 25        // of a type
	matchesMin     = 200       // of a type of an entity list
	entriesMax     = 1_000_000 // of an entity list
	rowMax         = 32 << 10  // bytes of a row of a CSV file
	annotationsMax = 2_000_000 // rows of all annotation files
)

// Codes of refusals.
const (
	invalid  = "INVALID_TRAINING_DATA"
	tooLarge = "INPUT_LIMIT_EXCEEDED"
	none     = "NO_INPUT_FOUND"
)

// quote gives a user's word back, cut if it is long.
func quote(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:60]) + "..."
	}
	return `"` + strings.ToValidUTF8(s, "\ufffd") + `"`
}

// faults counts what is wrong with the rows of an object, by kind.
type faults struct {
	kinds []string
	rows  map[string][]int // the first five of a kind
	count map[string]int
}

func (f *faults) add(row int, format string, a ...any) {
	what := fmt.Sprintf(format, a...)
	if f.rows == nil {
		f.rows, f.count = map[string][]int{}, map[string]int{}
	}
	if f.count[what] == 0 {
		if len(f.kinds) == 20 {
			what = "other faults"
		}
		if f.count[what] == 0 {
			f.kinds = append(f.kinds, what)
		}
	}
	f.count[what]++
	if len(f.rows[what]) < 5 {
		f.rows[what] = append(f.rows[what], row)
	}
}

// refusal tells all of them, or nil. A row is a row or a line, as unit says.
func (f *faults) refusal(object, unit string) error {
	if len(f.kinds) == 0 {
		return nil
	}
	var parts []string
	for _, k := range f.kinds {
		at := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(f.rows[k]), "[]")), ", ")
		more := ""
		if n := f.count[k] - len(f.rows[k]); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		plural := "s"
		if f.count[k] == 1 {
			plural = ""
		}
		parts = append(parts, fmt.Sprintf("%s (%s%s %s%s)", k, unit, plural, at, more))
	}
	return analyse.Refuse(invalid, "%s cannot be used: %s.", quote(object), strings.Join(parts, "; "))
}

// told is how many of many are listed.
const told = 10

// some lists the first of many.
func some(s []string) string {
	if len(s) > told {
		return strings.Join(s[:told], ", ") + fmt.Sprintf(" and %d more", len(s)-told)
	}
	return strings.Join(s, ", ")
}

// mention is an entity of a document: the code points [begin, end) are of the type at place kind.
type mention struct {
	begin, end int32
	kind       int32
}

// document is one text to learn from.
type document struct {
	text     string // of another instance's share: not kept
	length   int32  // code points
	file     int32
	line     int32
	mentions []mention
}

// place is where a document was found.
func place(file, line int32) int64 { return int64(file)<<32 | int64(line) }

// corpus is the documents that are learned from, or those that are tested on.
type corpus struct {
	mesh      *mesh.Mesh
	documents []document
	files     map[string]int32
	next      int32
	ambiguous map[string]bool // names of two files
	at        map[int64]int32 // documents by place; a blank line has none
	bytes     int64
	notes     []annotation
}

func newCorpus() *corpus {
	return &corpus{mesh: mesh.Alone(), files: map[string]int32{}, ambiguous: map[string]bool{}, at: map[int64]int32{}}
}

// file gives the number of a file that begins now. Annotations can't tell two files of one name apart.
func (c *corpus) file(name string) int32 {
	n := c.next
	c.next++
	if _, ok := c.files[name]; ok {
		c.ambiguous[name] = true
	}
	c.files[name] = n
	return n
}

// add takes a document.
func (c *corpus) add(text string, file, line int32, mentions []mention) error {
	if len(c.documents) == documentsMax {
		return analyse.Refuse(tooLarge, "The training data has more than %d documents.", documentsMax)
	}
	if c.bytes += int64(len(text)); c.bytes > corpusMax {
		return analyse.Refuse(tooLarge, "The training data has more than %d MiB of documents.", corpusMax>>20)
	}
	i := len(c.documents)
	c.at[place(file, line)] = int32(i)
	d := document{length: int32(utf8.RuneCountInString(text)), file: file, line: line, mentions: mentions}
	if c.mesh.Owns(i) {
		d.text = text
	}
	c.documents = append(c.documents, d)
	return nil
}
