// Package topic finds the topics of a corpus: latent Dirichlet allocation by Gibbs sampling. The same corpus gives the same topics; what
// does not fit into its memory is refused before the sampling begins.
package topic

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// Learner finds topics. It satisfies analyse.Learner.
type Learner struct {
	topics int
	lines  bool
	limit  int64
	c      *corpus
	left   int // documents left out
	large  int // words
}

// Learn begins.
func Learn(s job.Setup) (*Learner, error) {
	l := &Learner{topics: s.Topics, lines: s.Format == "ONE_DOC_PER_LINE", limit: s.Limit, c: newCorpus(), large: large}
	if l.topics == 0 {
		l.topics = 10
	}
	if l.topics < 1 || l.topics > 100 {
		return nil, fmt.Errorf("cannot find %d topics: 1 to 100", l.topics)
	}
	if l.limit <= 0 {
		l.limit = 100 << 20
	}
	return l, nil
}

// Join makes it one of several that find topics together. It satisfies analyse.Joiner.
func (l *Learner) Join(m *mesh.Mesh) { l.c.mesh, l.c.sizes = m, make([]int, m.Count) }

// Take reads one object. Documents that are not UTF-8, or longer than the limit, are left out.
func (l *Learner) Take(o job.Object, r io.Reader) error {
	if o.Role != "" && o.Role != job.Documents {
		return fmt.Errorf("cannot find topics in an object of role %q", o.Role)
	}
	c := l.c
	file := uint32(len(c.files))
	if c.names += len(o.Name) + 16; c.names > namesMax {
		return analyse.Refuse("INPUT_LIMIT_EXCEEDED", "The names of the input's files are longer than %d MiB.", namesMax>>20)
	}
	c.files = append(c.files, o.Name)
	in := bufio.NewReaderSize(r, 256<<10)
	if head, err := in.Peek(3); err == nil && string(head) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3)
	}
	t := &reader{in: in, lines: l.lines, limit: l.limit}
	for line := uint32(0); ; line++ {
		more, err := t.document(c)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		if t.bad {
			c.doc = c.doc[:0]
			l.left++
			continue
		}
		if len(c.docs) == documentsMax {
			return analyse.Refuse("INPUT_LIMIT_EXCEEDED", "The input has more than %d documents.", documentsMax)
		}
		c.end(file, line)
		if sum, most := c.words(); most > wordsMax || len(c.df) > idsMax {
			return analyse.Refuse("INPUT_LIMIT_EXCEEDED", "The input does not fit: %d documents have %d words besides stop words; %d can be kept, of %d different ones.", len(c.docs), sum, wordsMax*c.mesh.Count, idsMax)
		}
	}
}

// reader cuts an object into documents, and those into words.
type reader struct {
	in    *bufio.Reader
	lines bool
	limit int64
	word  []byte
	bad   bool // the document cannot be used
	after bool // a carriage return ended the last line
	done  bool
}

// document reads one; more is false where there is none.
func (t *reader) document(c *corpus) (more bool, err error) {
	var size int64
	t.bad = false
	if t.done {
		return false, nil
	}
	for {
		r, n, err := t.in.ReadRune()
		if errors.Is(err, io.EOF) {
			t.end(c)
			t.done = true
			return size > 0 || !t.lines, nil
		}
		if err != nil {
			return false, err
		}
		if t.after {
			t.after = false
			if r == '\n' {
				continue
			}
		}
		if t.lines && (r == '\n' || r == '\r') {
			t.after = r == '\r'
			t.end(c)
			return true, nil
		}
		if size += int64(n); size > t.limit || r == utf8.RuneError && n == 1 {
			t.bad = true
		}
		switch {
		case t.bad:
		case 'a' <= r && r <= 'z':
			t.word = append(t.word, byte(r))
		case 'A' <= r && r <= 'Z':
			t.word = append(t.word, byte(r)+'a'-'A')
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r)):
			t.word = utf8.AppendRune(t.word, unicode.ToLower(r))
		default:
			t.end(c)
		}
		if len(t.word) > 4*longestWord { // no word; its letters go on being read
			t.word = t.word[:4*longestWord]
		}
	}
}

func (t *reader) end(c *corpus) {
	if n := letters(t.word); n >= shortestWord && n <= longestWord && !t.bad {
		c.word(t.word)
	}
	t.word = t.word[:0]
}

// Result says how many documents the topics are of.
type Result struct {
	NumberOfDocuments        int
	NumberOfDocumentsLeftOut int
}

const termsOfTopic = 10

// Finish finds the topics and writes topic-terms.csv and doc-topics.csv.
func (l *Learner) Finish(create func(name string) io.Writer) (any, error) {
	docs := len(l.c.docs)
	t := l.c.compile()
	all := []int{len(t.word)}
	if err := mesh.Sum(l.c.mesh, all); err != nil {
		return nil, err
	}
	if all[0] == 0 {
		return nil, analyse.Refuse("NO_INPUT_FOUND", "No document has words that topics could be made of: %d documents were read, %d left out.", docs, l.left)
	}
	m, err := learn(l.c.mesh, t, all[0], l.topics, l.large)
	if err != nil {
		return nil, err
	}
	each, err := l.told(m, t) // before the first file: the learner says one thing at a time
	if err != nil || l.c.mesh.Index > 0 {
		return nil, err
	}
	w := csv.NewWriter(create("topic-terms.csv"))
	_ = w.Write([]string{"topic", "term", "weight"}) // the error stays until Flush
	for k := range m.k {
		for _, x := range m.terms(k, termsOfTopic) {
			_ = w.Write([]string{fmt.Sprintf("%03d", k), t.names[x.word], number(x.weight)})
		}
	}
	if w.Flush(); w.Error() != nil {
		return nil, w.Error()
	}
	w = csv.NewWriter(create("doc-topics.csv"))
	_ = w.Write([]string{"docname", "topic", "proportion"})
	if err := each(func(i int, of []share) {
		d := l.c.docs[i]
		name := l.c.files[d.file]
		if l.lines {
			name += ":" + strconv.Itoa(int(d.line))
		}
		for _, s := range of {
			_ = w.Write([]string{name, fmt.Sprintf("%03d", s.topic), number(s.weight)})
		}
	}); err != nil {
		return nil, err
	}
	if w.Flush(); w.Error() != nil {
		return nil, w.Error()
	}
	return Result{docs, l.left}, nil
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', 9, 64) }

// share is how much of a document a topic has.
type share struct {
	topic  int
	weight float64
}

// least is the smallest share that is told. The largest one always is.
const least = .01

// shares gives the topics of a document, the largest first; a document without known words has none.
func (m *model) shares(words []uint32) []share {
	if len(words) == 0 {
		return nil
	}
	theta := m.fold(words)
	var out []share
	for k, x := range theta {
		out = append(out, share{k, x})
	}
	slices.SortStableFunc(out, func(a, b share) int { return cmp.Compare(b.weight, a.weight) })
	n := 1
	for n < len(out) && out[n].weight >= least {
		n++
	}
	return out[:n]
}
