package entity

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"

	"cloister/internal/work/token"
)

// Word is what the lexicon knows of a word by itself. It is found by a hash of the word in small letters.
type Word struct {
	Fine, Coarse uint16 // clusters of words that stand in like places; 0: none
	Bin          uint8  // how often it is written with a capital within sentences, 1 (never) to 7 (always); 0: too rare to say
	Common       uint8  // 1: a common word of the dictionary
}

// Lexicon knows lists of names and statistics of words, by hash alone: it can't tell which names it knows.
type Lexicon struct {
	words   table[Word]
	phrases table[uint32] // set of the lists that hold a name
	heads   table[uint8]  // length in pieces of the longest name with that first word
}

// table finds values by hashes. Those that begin with the 16 bits n lie at [index[n], index[n+1]).
type table[V any] struct {
	index []uint32
	keys  []uint32
	vals  []V
}

func (t *table[V]) get(hash uint64) (v V, ok bool) {
	k := uint32(hash >> 32)
	for i := t.index[k>>16]; i < t.index[k>>16+1]; i++ {
		if t.keys[i] == k {
			return t.vals[i], true
		}
	}
	return v, false
}

// Builder gathers what a lexicon knows.
type Builder struct {
	words   map[uint32]Word
	phrases map[uint32]uint32
	heads   map[uint32]uint8
}

// NewBuilder makes an empty one.
func NewBuilder() *Builder {
	return &Builder{map[uint32]Word{}, map[uint32]uint32{}, map[uint32]uint8{}}
}

// longestName is the most pieces of a name in a list.
const longestName = 6

// Low is the hash of a word in small letters with its digits made equal.
func Low(text string) uint64 {
	var a attr
	a.fill(Piece{Text: text, Kind: token.Word}, plain)
	return a.low
}

// AddWord sets what is known of a word.
func (x *Builder) AddWord(low uint64, w Word) { x.words[uint32(low>>32)] = w }

// AddName puts a name, cut to pieces, on a list below 32.
func (x *Builder) AddName(ps []Piece, list int) {
	if len(ps) == 0 || len(ps) > longestName {
		return
	}
	var h uint64
	for _, p := range ps {
		h = extend(h, Low(p.Text))
	}
	x.phrases[uint32(h>>32)] |= 1 << list
	head := uint32(Low(ps[0].Text) >> 32)
	x.heads[head] = max(x.heads[head], uint8(len(ps)))
}

func extend(h, low uint64) uint64 { return finish((h ^ low) * prime) }

// mark sets what the lexicon knows in the attributes of a sentence's pieces.
func (x *Lexicon) mark(ps []Piece, at []attr, sc uint64) {
	end := 0 // of the longest name so far
	for i := range ps {
		a := &at[i]
		if w, ok := x.words.get(a.low); ok {
			a.fine, a.coarse, a.bin, a.common = uint64(w.Fine), uint64(w.Coarse), uint64(w.Bin), uint64(w.Common)
		}
		if a.class == caseNone || sc != small && a.class == caseLower {
			continue
		}
		head, _ := x.heads.get(a.low)
		longest := int(head)
		var h uint64
		var found uint32
		size := 0
		for j := i; j < len(ps) && j-i < longest; j++ {
			h = extend(h, at[j].low)
			if s, ok := x.phrases.get(h); ok {
				found, size = s, j-i+1
			}
		}
		if size == 0 || i+size <= end { // within a longer one
			continue
		}
		end = i + size
		for ; found != 0; found &= found - 1 {
			list := uint64(bits.TrailingZeros32(found))
			for j := range size {
				place := uint64(1) // inside
				switch {
				case size == 1:
					place = 0
				case j == 0:
					place = 2
				case j == size-1:
					place = 3
				}
				at[i+j].listed = append(at[i+j].listed, list<<3|place<<1|1)
			}
		}
	}
}

// A lexicon's file, deflated: magic, then words, names and heads, each as a count (uint32, little endian) and its entries in rising
// order of hash: uint32, and 6, 4 or 1 bytes.
const lexiconMagic = "lex1"

var errLexicon = errors.New("not a lexicon of this program")

// Write gives the lexicon to w, the same bytes for the same content.
func (x *Builder) Write(w io.Writer) error {
	z, err := flate.NewWriter(w, 9)
	if err != nil {
		return fmt.Errorf("cannot write a lexicon: %w", err)
	}
	b := bufio.NewWriter(z)
	_, _ = b.WriteString(lexiconMagic) // a bufio.Writer keeps its first error for Flush
	dump(b, x.words, func(e []byte, v Word) []byte {
		return append(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(e, v.Fine), v.Coarse), v.Bin, v.Common)
	})
	dump(b, x.phrases, binary.LittleEndian.AppendUint32)
	dump(b, x.heads, func(e []byte, v uint8) []byte { return append(e, v) })
	if err := b.Flush(); err != nil {
		return fmt.Errorf("cannot write a lexicon: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("cannot write a lexicon: %w", err)
	}
	return nil
}

func dump[V any](b *bufio.Writer, m map[uint32]V, enc func([]byte, V) []byte) {
	e := binary.LittleEndian.AppendUint32(nil, uint32(len(m)))
	_, _ = b.Write(e)
	for _, k := range sorted(m) {
		e = enc(binary.LittleEndian.AppendUint32(e[:0], k), m[k])
		_, _ = b.Write(e)
	}
}

// ReadLexicon takes what Write gave.
func ReadLexicon(r io.Reader) (*Lexicon, error) {
	b := bufio.NewReaderSize(flate.NewReader(r), 1<<16)
	head := make([]byte, len(lexiconMagic))
	if _, err := io.ReadFull(b, head); err != nil || string(head) != lexiconMagic {
		return nil, errLexicon
	}
	x := &Lexicon{}
	var err error
	if x.words, err = entries(b, 6, func(e []byte) Word {
		return Word{binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:]), e[4], e[5]}
	}); err != nil {
		return nil, err
	}
	if x.phrases, err = entries(b, 4, binary.LittleEndian.Uint32); err != nil {
		return nil, err
	}
	x.heads, err = entries(b, 1, func(e []byte) uint8 { return e[0] })
	return x, err
}

func entries[V any](r io.Reader, size int, dec func([]byte) V) (t table[V], err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return t, errLexicon
	}
	n := binary.LittleEndian.Uint32(head)
	if n > 1<<21 {
		return t, errLexicon
	}
	raw := make([]byte, int(n)*(4+size))
	if _, err := io.ReadFull(r, raw); err != nil {
		return t, errLexicon
	}
	t = table[V]{make([]uint32, 1<<16+1), make([]uint32, n), make([]V, n)}
	for i := range int(n) {
		e := raw[i*(4+size) : (i+1)*(4+size)]
		t.keys[i], t.vals[i] = binary.LittleEndian.Uint32(e), dec(e[4:])
		if i > 0 && t.keys[i] <= t.keys[i-1] {
			return t, errLexicon
		}
		t.index[t.keys[i]>>16+1]++
	}
	for i := range 1 << 16 {
		t.index[i+1] += t.index[i]
	}
	return t, nil
}

func sorted[V any](m map[uint32]V) []uint32 {
	return slices.Sorted(maps.Keys(m))
}
