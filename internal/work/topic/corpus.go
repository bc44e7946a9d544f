package topic

import (
	_ "embed"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"cloister/internal/work/mesh"
)

// stopList are the stop words of twenty languages (stopwords-iso), a line for each behind its code.
//
//go:embed stopwords.txt
var stopList string

// stops says of each word in which languages it is a stop word, a bit for each.
func stops() map[string]uint32 {
	out := map[string]uint32{}
	bit := uint32(0)
	for line := range strings.Lines(stopList) {
		if strings.HasPrefix(line, "#") {
			bit = max(1, bit<<1)
			continue
		}
		for _, w := range strings.Fields(line) {
			out[w] |= bit
		}
	}
	return out
}

// Bounds of what is kept of a corpus.
const (
	documentsMax  = 1_000_000
	wordsMax      = 60_000_000 // words of all documents that are no stop words
	vocabularyMax = 1_500_000  // different words at a time; words of one document are forgotten when there are more
	idsMax        = 8_000_000  // different words in all
	namesMax      = 128 << 20  // bytes
	shortestWord  = 3          // letters
	longestWord   = 40
)

// corpus is documents as numbers of words. Of several instances each reads all of them, so that all number and count words alike, and keeps the
// words of its share alone.
type corpus struct {
	mesh  *mesh.Mesh
	sizes []int // words of the documents of each instance
	stop  map[string]uint32
	ids   map[string]uint32
	df    []uint32 // documents of a word
	seen  []uint32 // the last document, counted from 1, that had the word
	flags []uint32 // stop languages of a word
	hits  [32]int  // stop words so far, by language

	chunks [][]byte // varints
	docs   []document
	files  []string
	names  int

	doc []uint32 // words of the document that is read
}

type document struct {
	file        uint32
	line        uint32
	chunk, from uint32
	n           uint32 // words that are kept
}

func newCorpus() *corpus {
	return &corpus{mesh: mesh.Alone(), sizes: make([]int, 1), stop: stops(), ids: map[string]uint32{}}
}

// words is how many the documents of all instances have, and how many those of the fullest.
func (c *corpus) words() (sum, most int) {
	for _, n := range c.sizes {
		sum, most = sum+n, max(most, n)
	}
	return sum, most
}

// word takes one word, in lower case, of the document that is read.
func (c *corpus) word(w []byte) {
	id, ok := c.ids[string(w)]
	if !ok {
		if len(c.ids) >= vocabularyMax {
			c.prune()
		}
		id = uint32(len(c.df))
		s := string(w)
		c.ids[s] = id
		c.df, c.seen, c.flags = append(c.df, 0), append(c.seen, 0), append(c.flags, c.stop[s])
	}
	c.doc = append(c.doc, id)
}

// prune forgets the rarest words, until there is room again: should they come back, they are new.
func (c *corpus) prune() {
	now := make(map[uint32]bool, len(c.doc))
	for _, id := range c.doc {
		now[id] = true
	}
	for rare := uint32(1); len(c.ids) > vocabularyMax/4*3; rare *= 2 {
		for w, id := range c.ids {
			if c.df[id] <= rare && (!now[id] || rare > uint32(len(c.docs))) {
				delete(c.ids, w)
			}
		}
	}
}

// end closes a document, whose stop words it leaves out: those of the language that has most of them here, or so far where the document is
// too short to tell.
func (c *corpus) end(file, line uint32) {
	var hits [32]int
	sum := 0
	for _, id := range c.doc {
		for f := c.flags[id]; f != 0; f &= f - 1 {
			hits[bits.TrailingZeros32(f)]++
			sum++
		}
	}
	judge := &hits
	for l, n := range hits {
		c.hits[l] += n
	}
	if sum < 12 {
		judge = &c.hits
	}
	best := 0
	for l, n := range judge {
		if n > judge[best] {
			best = l
		}
	}
	bit := uint32(0)
	if judge[best] > 0 {
		bit = 1 << best
	}
	owner := c.mesh.Owner(len(c.docs))
	own := owner == c.mesh.Index
	k := len(c.chunks) - 1
	need := 0
	if own {
		need = len(c.doc) * binary.MaxVarintLen32
	}
	if k < 0 || cap(c.chunks[k])-len(c.chunks[k]) < need {
		c.chunks = append(c.chunks, make([]byte, 0, max(1<<20, need)))
		k++
	}
	number := uint32(len(c.docs)) + 1
	d := document{file: file, line: line, chunk: uint32(k), from: uint32(len(c.chunks[k]))}
	for _, id := range c.doc {
		if c.flags[id]&bit != 0 {
			continue
		}
		if c.seen[id] != number {
			c.seen[id] = number
			c.df[id]++
		}
		c.sizes[owner]++
		if !own {
			continue
		}
		c.chunks[k] = binary.AppendUvarint(c.chunks[k], uint64(id))
		d.n++
	}
	if cap(c.chunks[k]) > 1<<20 { // a long document: keep what it needs
		c.chunks[k] = slices.Clip(slices.Clone(c.chunks[k]))
	}
	c.docs = append(c.docs, d)
	c.doc = c.doc[:0]
}

// texts are documents whose words are numbered by frequency, all in one piece.
type texts struct {
	word  []uint32
	from  []uint32 // document i has word[from[i]:from[i+1]]
	names []string // of words
	df    []uint32
}

const learnt = 100_000 // different words that topics are made of

// compile keeps the words that tell documents apart: not those of fewer than least documents nor of more than a share of all.
func (c *corpus) compile() *texts {
	least := uint32(2)
	switch n := len(c.docs); {
	case n < 20:
		least = 1
	case n >= 2000:
		least = 5
	case n >= 500:
		least = 3
	}
	most := uint32(float64(len(c.docs)) * common)
	if len(c.docs) < 20 {
		most = uint32(len(c.docs))
	}
	type known struct {
		name string
		id   uint32
	}
	var all []known
	for w, id := range c.ids {
		if n := c.df[id]; n >= least && n <= most {
			all = append(all, known{w, id})
		}
	}
	slices.SortFunc(all, func(a, b known) int {
		if x, y := c.df[a.id], c.df[b.id]; x != y {
			return int(int64(y) - int64(x))
		}
		return strings.Compare(a.name, b.name)
	})
	all = all[:min(len(all), learnt)]
	number := make([]int32, len(c.df))
	for i := range number {
		number[i] = -1
	}
	t := &texts{from: make([]uint32, 1, len(c.docs)+1)}
	for i, k := range all {
		number[k.id] = int32(i)
		t.names, t.df = append(t.names, k.name), append(t.df, c.df[k.id])
	}
	c.ids, c.seen, c.flags, c.df = nil, nil, nil, nil
	t.word = make([]uint32, 0, c.sizes[c.mesh.Index])
	for i, d := range c.docs {
		b := c.chunks[d.chunk][d.from:]
		for range d.n {
			id, k := binary.Uvarint(b)
			b = b[k:]
			if n := number[id]; n >= 0 {
				t.word = append(t.word, uint32(n))
			}
		}
		t.from = append(t.from, uint32(len(t.word)))
		if i+1 == len(c.docs) || c.docs[i+1].chunk != d.chunk {
			c.chunks[d.chunk] = nil
		}
	}
	return t
}

// common is the share of documents above which a word says nothing.
const common = .25

// letters counts those of a word.
func letters(w []byte) int { return utf8.RuneCount(w) }
