// Package vector knows English words by the company that they keep: a vector and clusters for each of the 250,000 most frequent.
// It is a table that is used where it lies in the program, read by many goroutines at once, and can't tell which words it knows.
package vector

import (
	_ "embed"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// table.bin is written by tools/vectorgen.
//
//go:embed table.bin
var file string

// Sizes of the table.
const (
	Dims   = Groups * Each
	Groups = 25 // of dimensions that have a code of one byte together
	Each   = 4  // dimensions of a group
	books  = Groups * 256 * Each
)

// Clusters are how many there are at each level: the finest first. Each lies within one of the next level.
var Clusters = [Levels]int{4096, 1024, 256, 64}

// Levels of clusters.
const Levels = 4

// Table finds words. It is safe for many goroutines.
type Table struct {
	sum    uint32
	books  []float32 // by group, code, and dimension of the group
	up     string    // by finest cluster: the broader ones, a uint16 each
	index  string    // by the first 16 bits of a hash: where its words begin, a uint32
	keys   string    // by word: the next 16 bits, rising within the same first 16
	ranks  string
	leaves string
	codes  string // by word: Groups bytes
}

// Open gives the built-in table. It takes well below a millisecond and 0.1 MB.
func Open() *Table {
	t, ok := over(file)
	if !ok {
		panic("the table of word vectors is not of this program") // it is embedded: only a broken build has another
	}
	return t
}

// Sum is a sum over what decides all vectors: another table has another.
func (t *Table) Sum() uint32 { return t.sum }

const magic = "vec1"

// over lays a table over the bytes of Builder.Table.
func over(raw string) (*Table, bool) {
	const head = len(magic) + 4 + 4*books
	if len(raw) < head || raw[:len(magic)] != magic {
		return nil, false
	}
	n := int(u32(raw, len(magic)))
	t := &Table{sum: crc32.ChecksumIEEE([]byte(raw[:head])), books: make([]float32, books)}
	for i := range t.books {
		t.books[i] = math.Float32frombits(u32(raw, len(magic)+4+4*i))
	}
	raw = raw[head:]
	for _, part := range []struct {
		to   *string
		size int
	}{{&t.up, 2 * (Levels - 1) * Clusters[0]}, {&t.index, 4 * (1<<16 + 1)}, {&t.keys, 2 * n}, {&t.ranks, n}, {&t.leaves, 2 * n}, {&t.codes, Groups * n}} {
		if len(raw) < part.size {
			return nil, false
		}
		*part.to, raw = raw[:part.size], raw[part.size:]
	}
	return t, len(raw) == 0 && int(u32(t.index, 4<<16)) == n
}

func u32(s string, at int) uint32 {
	return uint32(s[at]) | uint32(s[at+1])<<8 | uint32(s[at+2])<<16 | uint32(s[at+3])<<24
}

func u16(s string, at int) uint16 { return uint16(s[at]) | uint16(s[at+1])<<8 }

// Word is a word that the table knows. The zero value is none.
type Word struct {
	t  *Table
	at int
}

// Find gives what is known of a word of letters, with hyphens or not, large and small alike. Single signs (",", "$") are words too; numbers, "'s", "n't" and "U.S."
// are not known. About one unknown word in 17,000 is taken for another.
func (t *Table) Find(word string) (Word, bool) {
	h := hash(word)
	i, end := int(u32(t.index, 4*int(h>>16))), int(u32(t.index, 4*int(h>>16)+4))
	for ; i < end; i++ {
		if u16(t.keys, 2*i) == uint16(h) {
			return Word{t, i}, true
		}
	}
	return Word{}, false
}

// hash is FNV-1a over the word in small letters, mixed and cut.
func hash(word string) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(word) {
		b := word[i]
		if b >= utf8.RuneSelf {
			return hashLow(strings.ToLower(strings.ReplaceAll(word, "’", "'")))
		}
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		h = (h ^ uint64(b)) * 1099511628211
	}
	return finish(h)
}

func hashLow(word string) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(word) {
		h = (h ^ uint64(word[i])) * 1099511628211
	}
	return finish(h)
}

func finish(h uint64) uint32 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint32(h >> 32)
}

// Vector is a place among the words. Its length is about 1, the mean of all words is about 0, and its numbers are in falling order of
// their variance, so that the first of them alone serve as well as so few can. The first of all is mostly how frequent a word is.
// The product of two vectors, without their first numbers and over their lengths, is their likeness: .6 to 1 for words of one kind (cities,
// months), -.2 to .3 for strangers.
type Vector [Dims]float32

// Vector gives the word's vector.
func (w Word) Vector() (v Vector) {
	w.Add(v[:], 1)
	return v
}

// Add adds the first len(sum) numbers of the word's vector, times factor, to sum, which holds Dims at most.
func (w Word) Add(sum []float32, factor float32) {
	code := w.Codes()
	for d := range sum {
		g := d % Groups
		sum[d] += factor * w.t.books[(g*256+int(code[g]))*Each+d/Groups]
	}
}

// Codes are what the word's vector is made of: for each group a byte, the number of its Code.
func (w Word) Codes() string { return w.t.codes[w.at*Groups : (w.at+1)*Groups] }

// Code gives the numbers that code c of a group stands for: those of the dimensions group, group+Groups ...
func (t *Table) Code(group int, c byte) []float32 {
	at := (group*256 + int(c)) * Each
	return t.books[at : at+Each]
}

// Rank is about the place of the word by frequency in newspapers and encyclopedias, 1 for the most frequent, exact to a tenth.
func (w Word) Rank() int { return int(math.Round(math.Exp2(float64(w.t.ranks[w.at]) / rankSteps))) }

// rankSteps are steps of a rank that double it.
const rankSteps = 8

// Cluster is the number of the word's cluster at a level (0 the finest), below Clusters[level].
func (w Word) Cluster(level int) int {
	leaf := int(u16(w.t.leaves, 2*w.at))
	if level == 0 {
		return leaf
	}
	return int(u16(w.t.up, 2*(leaf*(Levels-1)+level-1)))
}

// Builder holds what a table is made of: by word, the most frequent first.
type Builder struct {
	Words     []string    // in small letters
	Codebooks [][]float32 // by group: 256 codes of Each dimensions; group g has the dimensions g, g+Groups ...
	Codes     [][]byte    // by group and word
	Leaf      []int32     // the finest cluster
	Parents   [][]int32   // by level: of each cluster, the one that it lies within
}

// Table gives the bytes of a table, and how many words it leaves out because a more frequent one has the same hash.
func (b *Builder) Table() (raw []byte, left int) {
	first := map[uint32]int{}
	for i, w := range b.Words {
		h := hash(w)
		if _, ok := first[h]; ok {
			left++
			continue
		}
		first[h] = i
	}
	keys := slices.Sorted(maps.Keys(first))
	raw = binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(keys)))
	for _, book := range b.Codebooks {
		for _, x := range book {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	for c := range Clusters[0] {
		at := int32(c)
		for _, up := range b.Parents {
			at = up[at]
			raw = binary.LittleEndian.AppendUint16(raw, uint16(at))
		}
	}
	i := 0
	for top := range uint32(1<<16 + 1) {
		for i < len(keys) && keys[i]>>16 < top {
			i++
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(i))
	}
	for _, k := range keys {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(k))
	}
	for _, k := range keys {
		raw = append(raw, byte(math.Round(rankSteps*math.Log2(float64(first[k]+1)))))
	}
	for _, k := range keys {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(b.Leaf[first[k]]))
	}
	for _, k := range keys {
		for _, c := range b.Codes {
			raw = append(raw, c[first[k]])
		}
	}
	return raw, left
}
