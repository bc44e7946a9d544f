package classify

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Features are hashed into two spaces of 2^spaceBits buckets: words and pairs of words below, pieces of words above.
const (
	spaceBits = 22
	space     = 1 << spaceBits
	buckets   = 2 * space
)

// Pieces of words are of these lengths, in letters; a word's ends count as letters.
const (
	shortest = 3
	longest  = 5
)

// wordMax is how many letters of a word are read: what is longer is no word, and its pieces would be without number.
const wordMax = 64

// hasher counts the features of one text after another. Its memory is the same whatever the text.
type hasher struct {
	count   []uint16 // by bucket
	touched []uint32
	word    []rune
	pieces  bool
}

func newHasher(pieces bool) *hasher {
	n := space
	if pieces {
		n = buckets
	}
	return &hasher{count: make([]uint16, n), pieces: pieces}
}

const (
	seed  = 14695981039346656037
	prime = 1099511628211
)

// mix spreads a sum over all bits (the last steps of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func (h *hasher) add(bucket uint32) {
	switch n := h.count[bucket]; n {
	case 0:
		h.touched = append(h.touched, bucket)
		h.count[bucket] = 1
	case math.MaxUint16:
	default:
		h.count[bucket] = n + 1
	}
}

// read counts a text; the features wait in touched, ascending, until clear.
func (h *hasher) read(text []byte) {
	var last uint64
	for len(text) > 0 {
		r, n := rune(text[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text)
		}
		text = text[n:]
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '\'':
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r == '!' || r == '?' || r == '$' || r == '%':
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)):
			r = unicode.ToLower(r)
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Sc, unicode.So): // money and emoji are words of their own
			last = h.end(last)
			h.word = append(h.word[:0], r)
			last = h.end(last)
			continue
		default:
			last = h.end(last)
			continue
		}
		if len(h.word) < wordMax {
			h.word = append(h.word, r)
		}
	}
	h.end(last)
	slices.Sort(h.touched)
}

// end closes the word that is being read, if there is one, and gives its sum.
func (h *hasher) end(last uint64) uint64 {
	if len(h.word) == 0 {
		return last
	}
	sum := uint64(seed)
	for _, r := range h.word {
		sum = (sum ^ uint64(r)) * prime
	}
	sum = mix(sum)
	h.add(uint32(sum) & (space - 1))
	h.add(uint32(mix(last*3+sum)) & (space - 1)) // with the word before, or with the text's beginning
	if h.pieces {
		h.cut()
	}
	h.word = h.word[:0]
	return sum
}

// cut adds the pieces of the word.
func (h *hasher) cut() {
	n := len(h.word)
	at := func(i int) uint64 {
		switch i {
		case 0:
			return '<'
		case n + 1:
			return '>'
		}
		return uint64(h.word[i-1])
	}
	for i := range n + 2 {
		sum := uint64(seed)
		for j := i; j < n+2 && j < i+longest; j++ {
			sum = (sum ^ at(j)) * prime
			if j-i+1 >= shortest {
				h.add(space + uint32(mix(sum))&(space-1))
			}
		}
	}
}

func (h *hasher) clear() {
	for _, b := range h.touched {
		h.count[b] = 0
	}
	h.touched = h.touched[:0]
}

// tf is what a count weighs.
func tf(n uint16) float32 { return tfs[min(int(n), len(tfs)-1)] }

var tfs = func() (t [64]float32) {
	for i := 1; i < len(t); i++ {
		t[i] = float32(1 + math.Log(float64(i)))
	}
	return t
}()

// bags keeps the features of many texts, each as differences of ascending buckets with their counts, in few large pieces.
type bags struct {
	chunks [][]byte
	at     []place
	buf    []byte
}

type place struct {
	chunk, from, n uint32
	sum            uint64 // of the features, so that equal texts are known
}

const chunk = 1 << 20

// away is the chunk of a text that another instance keeps.
const away = math.MaxUint32

// add keeps what the hasher has read, or only what it is like. It gives the place that it would have without pieces of words.
func (b *bags) add(h *hasher, keep bool) (words place) {
	c := b.buf[:0]
	var prev uint32
	sum := uint64(seed)
	words = place{chunk: away}
	inWords := true
	for _, bucket := range h.touched {
		if inWords && bucket >= space {
			inWords = false
			words.n, words.sum = uint32(len(c)), sum
		}
		n := h.count[bucket]
		d := uint64(bucket-prev) << 1
		if n > 1 {
			c = binary.AppendUvarint(c, d|1)
			c = binary.AppendUvarint(c, uint64(n))
		} else {
			c = binary.AppendUvarint(c, d)
		}
		sum = mix(sum*prime + uint64(bucket)<<16 + uint64(n))
		prev = bucket
	}
	b.buf = c
	if inWords {
		words.n, words.sum = uint32(len(c)), sum
	}
	if !keep {
		b.at = append(b.at, place{away, 0, uint32(len(c)), sum})
		return words
	}
	k := len(b.chunks) - 1
	if k < 0 || cap(b.chunks[k])-len(b.chunks[k]) < len(c) {
		b.chunks = append(b.chunks, make([]byte, 0, max(chunk, len(c))))
		k++
	}
	b.at = append(b.at, place{uint32(k), uint32(len(b.chunks[k])), uint32(len(c)), sum})
	b.chunks[k] = append(b.chunks[k], c...)
	return words
}

// fill is how much room the texts of one instance take.
type fill struct {
	size int64 // bytes
	left int   // of its last chunk
}

func (f *fill) add(n uint32, other int64) {
	if f.left < int(n) {
		f.left = max(chunk, int(n))
		f.size += int64(f.left)
	}
	f.left -= int(n)
	f.size += other
}

// each gives the buckets and counts of text i, ascending.
func (b *bags) each(i int, f func(bucket uint32, n uint16)) {
	p := b.at[i]
	c := b.chunks[p.chunk][p.from : p.from+p.n]
	var bucket uint32
	for len(c) > 0 {
		var v uint64
		if c[0] < 0x80 {
			v, c = uint64(c[0]), c[1:]
		} else {
			var k int
			v, k = binary.Uvarint(c)
			c = c[k:]
		}
		n := uint64(1)
		bucket += uint32(v >> 1)
		if v&1 == 1 {
			var k int
			n, k = binary.Uvarint(c)
			c = c[k:]
		}
		f(bucket, uint16(n))
	}
}
