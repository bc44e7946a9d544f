package language

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const magic = "cloister language 1\n"

// Row is one language in one script: Kurdish has two, and Norwegian one for each of its written forms.
type Row struct {
	Code   string
	Script Script
}

// Entry is a weight of a row, in steps of two (53 of them are worth about seven nats).
type Entry struct {
	Row    uint8
	Weight int8
}

// model is the decoded table: an open-addressed hash of keys into postings.
type model struct {
	rows     []Row
	codes    []string // sorted
	codeOf   []uint8  // row -> index in codes
	aloneOf  [scriptCount]uint8
	rowsOf   [scriptCount][]uint8
	prior    []float64
	slots    []uint64 // key | offset into postings << keyBits; 0 is free
	shift    uint
	postings []Entry // Row of the first is how many follow
}

// decode reads what Encode wrote.
func decode(packed []byte) (*model, error) {
	if !bytes.HasPrefix(packed, []byte(magic)) {
		return nil, errors.New("cannot open language table: no such format")
	}
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed[len(magic):])))
	if err != nil {
		return nil, fmt.Errorf("cannot open language table: %w", err)
	}
	r := reader{b: raw}
	m := &model{}
	for range r.uvarint() {
		m.rows = append(m.rows, Row{Script: Script(r.byte()), Code: string(r.take(int(r.byte())))})
	}
	keys := r.uvarint()
	if keys > 1<<24 {
		return nil, errors.New("cannot open language table: too many keys")
	}
	size, bits := 1024, uint(10)
	for size < int(keys)*8/5 {
		size, bits = size*2, bits+1
	}
	m.slots, m.shift = make([]uint64, size), 64-bits
	m.postings = make([]Entry, 1, 3*int(keys)+1)
	var key uint64
	for range keys {
		key += r.uvarint()
		n := r.byte()
		m.insert(key, uint64(len(m.postings)))
		m.postings = append(m.postings, Entry{Row: n})
		for range n {
			m.postings = append(m.postings, Entry{Row: r.byte(), Weight: int8(r.byte())})
		}
	}
	if r.short || len(r.b) != 0 {
		return nil, errors.New("cannot open language table: wrong length")
	}
	for _, e := range m.postings {
		if int(e.Row) >= len(m.rows) {
			return nil, errors.New("cannot open language table: no such row")
		}
	}
	return m, m.index()
}

// index derives the lists that scoring walks.
func (m *model) index() error {
	for _, row := range m.rows {
		m.codes = append(m.codes, row.Code)
	}
	for _, code := range alone {
		if code != "" {
			m.codes = append(m.codes, code)
		}
	}
	slices.Sort(m.codes)
	m.codes = slices.Compact(m.codes)
	for i, row := range m.rows {
		if row.Script >= scriptCount {
			return errors.New("cannot open language table: no such script")
		}
		at, _ := slices.BinarySearch(m.codes, row.Code)
		m.codeOf = append(m.codeOf, uint8(at))
		m.rowsOf[row.Script] = append(m.rowsOf[row.Script], uint8(i))
		m.prior = append(m.prior, priorOf(row.Code))
	}
	for script, code := range alone {
		at, _ := slices.BinarySearch(m.codes, code)
		m.aloneOf[script] = uint8(at)
	}
	return nil
}

func (m *model) insert(key, offset uint64) {
	at := hash(Key(key)) >> m.shift
	for m.slots[at] != 0 {
		at = (at + 1) & uint64(len(m.slots)-1)
	}
	m.slots[at] = key | offset<<keyBits
}

// lookup returns the weights of a key, nil if it has none.
func (m *model) lookup(key Key) []Entry {
	at := hash(key) >> m.shift
	for {
		slot := m.slots[at]
		if slot == 0 {
			return nil
		}
		if Key(slot&(1<<keyBits-1)) == key {
			from := slot >> keyBits
			return m.postings[from+1 : from+1+uint64(m.postings[from].Row)]
		}
		at = (at + 1) & uint64(len(m.slots)-1)
	}
}

// hash is Fibonacci hashing: the high bits are good.
func hash(k Key) uint64 { return uint64(k) * 0x9E3779B97F4A7C15 }

// Encode writes a table for Open. Rows number at most 255; no key has more entries than there are rows.
func Encode(w io.Writer, rows []Row, weights map[Key][]Entry) error {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for _, row := range rows {
		b = append(b, byte(row.Script), byte(len(row.Code)))
		b = append(b, row.Code...)
	}
	keys := make([]Key, 0, len(weights))
	for k := range weights {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = binary.AppendUvarint(b, uint64(len(keys)))
	var before Key
	for _, k := range keys {
		b = binary.AppendUvarint(b, uint64(k-before))
		before = k
		b = append(b, byte(len(weights[k])))
		for _, e := range weights[k] {
			b = append(b, e.Row, byte(e.Weight))
		}
	}
	if _, err := io.WriteString(w, magic); err != nil {
		return err
	}
	z, err := flate.NewWriter(w, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(b); err != nil {
		return err
	}
	return z.Close()
}

// reader walks bytes; past the end it gives zeros and says so once.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, n = true, len(r.b)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.short, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}
