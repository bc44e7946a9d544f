package main

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// madeLines is how many lines are made for a row, madeWeight the weight of those by lingua-go's figures among the kinds of text, and madeShare how many of
// the texts that the tuning draws are made ones.
const (
	madeLines  = 12_000
	madeWeight = 2
	madeShare  = 0.5
)

// linguaOrder is the length of the longest n-grams that lingua-go counts.
const linguaOrder = 5

// wordModel makes words by lingua-go's figures: those tell for each run of up to five letters within words how likely its last letter is after the
// others. What is missing from one is how likely a word ends there, and what a run's share exceeds the sum of its longer runs by is how often it begins
// a word. So words up to four letters come out as often as in lingua-go's text, and longer ones are put together from runs of five.
type wordModel struct {
	begin map[string]choice // the letters that began a word -> what follows
	after map[string]choice // any four letters -> what follows
}

// choice is a distribution over letters; end is the rune 0.
type choice struct {
	letters []rune
	upTo    []float64
}

func (c choice) draw(rng *rand.Rand) rune {
	if len(c.letters) == 0 {
		return 0
	}
	at, _ := slices.BinarySearch(c.upTo, rng.Float64()*c.upTo[len(c.upTo)-1])
	return c.letters[min(at, len(c.letters)-1)]
}

// word makes one word of at most 30 letters.
func (m *wordModel) word(rng *rand.Rand) string {
	var w []rune
	for len(w) < 30 {
		var next rune
		if len(w) < linguaOrder-1 {
			next = m.begin[string(w)].draw(rng)
		} else {
			next = m.after[string(w[len(w)-linguaOrder+1:])].draw(rng)
		}
		if next == 0 {
			break
		}
		w = append(w, next)
	}
	return string(w)
}

// lines makes n lines of twelve words.
func (m *wordModel) lines(rng *rand.Rand, n int) []string {
	out := make([]string, n)
	words := make([]string, 12)
	for i := range out {
		for j := range words {
			words[j] = m.word(rng)
		}
		out[i] = strings.Join(words, " ")
	}
	return out
}

// readLingua reads the figures of one language from the module's folder.
func readLingua(dir, code string) (*wordModel, error) {
	var tables [linguaOrder + 1]map[string]float64
	for n, name := range []string{"", "uni", "bi", "tri", "quadri", "five"} {
		if n == 0 {
			continue
		}
		t, err := readLinguaTable(fmt.Sprintf("%s/language-models/%s/%sgrams.pb.bin.zip", dir, code, name))
		if err != nil {
			return nil, err
		}
		tables[n] = t
	}
	share := map[string]float64{}
	begins := map[string]float64{} // what a run's share exceeds the sum of its longer runs by
	for n := 1; n <= linguaOrder; n++ {
		for g, p := range tables[n] {
			_, last := utf8.DecodeLastRuneInString(g)
			if n > 1 {
				p *= share[g[:len(g)-last]]
			}
			share[g] = p
		}
		for _, g := range sorted(tables[n]) {
			_, size := utf8.DecodeRuneInString(g)
			if n < linguaOrder {
				begins[g] += share[g]
			}
			if n > 1 {
				begins[g[size:]] -= share[g]
			}
		}
	}
	m := &wordModel{begin: map[string]choice{}, after: map[string]choice{}}
	grow := func(into map[string]choice, context string, r rune, mass float64) {
		c := into[context]
		if len(c.upTo) > 0 {
			mass += c.upTo[len(c.upTo)-1]
		}
		into[context] = choice{append(c.letters, r), append(c.upTo, mass)}
	}
	for n := 1; n < linguaOrder; n++ {
		for _, g := range sorted(tables[n]) {
			if b := begins[g]; b > 1e-9 { // below is the noise of the subtraction
				r, size := utf8.DecodeLastRuneInString(g)
				grow(m.begin, g[:len(g)-size], r, b)
			}
		}
	}
	for _, g := range sorted(tables[linguaOrder]) {
		r, size := utf8.DecodeLastRuneInString(g)
		grow(m.after, g[:len(g)-size], r, tables[linguaOrder][g])
	}
	for _, context := range sorted(m.begin) {
		c := m.begin[context]
		if rest := begins[context] - c.upTo[len(c.upTo)-1]; context != "" && rest > 1e-9 {
			grow(m.begin, context, 0, rest)
		}
	}
	for _, context := range sorted(m.after) {
		c := m.after[context]
		if rest := 1 - c.upTo[len(c.upTo)-1]; rest > 1e-6 {
			grow(m.after, context, 0, rest)
		}
	}
	return m, nil
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// readLinguaTable reads one zipped protocol buffer: repeated field 4 holds sets of n-grams, a probability (field 1) and its n-grams (field 2) each.
func readLinguaTable(path string) (map[string]float64, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.File[0].Open()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	err = fields(raw, func(number int, set []byte, _ uint64) error {
		if number != 4 {
			return nil
		}
		var p float64
		return fields(set, func(number int, gram []byte, bits uint64) error {
			switch number {
			case 1:
				p = math.Float64frombits(bits)
			case 2:
				out[string(gram)] = p
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return out, nil
}

// fields walks a protocol buffer's fields of the wire types 0, 1 and 2.
func fields(b []byte, yield func(number int, payload []byte, bits uint64) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		b = b[n:]
		var payload []byte
		var bits uint64
		switch tag & 7 {
		case 0:
			if bits, n = binary.Uvarint(b); n <= 0 {
				return io.ErrUnexpectedEOF
			}
			b = b[n:]
		case 1:
			if len(b) < 8 {
				return io.ErrUnexpectedEOF
			}
			bits, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return io.ErrUnexpectedEOF
			}
			payload, b = b[n:n+int(size)], b[n+int(size):]
		default:
			return fmt.Errorf("wire type %d", tag&7)
		}
		if err := yield(int(tag>>3), payload, bits); err != nil {
			return err
		}
	}
	return nil
}
