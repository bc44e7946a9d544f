package classify

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// The bytes of a model: magic with the version, flags, labels, calibration, features (differences of ascending buckets), their weights, a
// CRC-32 of all that. Numbers are varints or little-endian floats.
const magic = "cloister classifier 1\n"

const (
	flagMulti  = 1
	flagPieces = 2
)

// model rounds the weights of each feature to a 127th of its largest.
func (t *trainer) model() *model {
	m := &model{labels: t.c.names, multi: t.c.multi, pieces: t.pieces && t.c.hasher.pieces, index: t.index, idf: t.idf, bias: t.biases.W,
		scale: make([]float32, t.index.n), weight: make([]int8, t.index.n*t.k)}
	for i := range m.scale {
		row := t.weights.W[i*t.k : (i+1)*t.k]
		var top float32
		for _, w := range row {
			top = max(top, w, -w)
		}
		if top == 0 {
			continue
		}
		m.scale[i] = top / 127
		for j, w := range row {
			m.weight[i*t.k+j] = int8(math.Round(float64(w / m.scale[i])))
		}
	}
	return m
}

func (m *model) write(w io.Writer) error {
	sum := crc32.NewIEEE()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	var b []byte
	put := func() {
		_, _ = out.Write(b) // the error stays until Flush
		b = b[:0]
	}
	floats := func(f []float32) {
		for _, x := range f {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			put()
		}
	}
	b = append(b, magic...)
	flags := byte(0)
	if m.multi {
		flags |= flagMulti
	}
	if m.pieces {
		flags |= flagPieces
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(m.labels)))
	for _, s := range m.labels {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
		put()
	}
	floats([]float32{m.slope, m.shift})
	floats(m.bias)
	b = binary.AppendUvarint(b, uint64(m.index.n))
	prev := uint32(0)
	for w, set := range m.index.bits {
		for ; set != 0; set &= set - 1 {
			at := uint32(w*64 + bits.TrailingZeros64(set))
			b = binary.AppendUvarint(b, uint64(at-prev))
			put()
			prev = at
		}
	}
	floats(m.idf)
	floats(m.scale)
	for _, x := range m.weight {
		if err := out.WriteByte(byte(x)); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

var errModel = errors.New("cannot read a classifier")

func broken(what string) error { return fmt.Errorf("%w: %s", errModel, what) }

// summed reads and sums.
type summed struct {
	r   *bufio.Reader
	sum uint32
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	return n, err
}

func (s *summed) ReadByte() (byte, error) {
	c, err := s.r.ReadByte()
	if err == nil {
		s.sum = crc32.Update(s.sum, crc32.IEEETable, []byte{c})
	}
	return c, err
}

// bytes reads n bytes; memory grows with what is there, not with what is said.
func (s *summed) bytes(n int) ([]byte, error) {
	var out []byte
	for n > 0 {
		k := min(n, 1<<20)
		at := len(out)
		out = slices.Grow(out, k)[:at+k]
		if _, err := io.ReadFull(s, out[at:]); err != nil {
			return nil, err
		}
		n -= k
	}
	return out, nil
}

func (s *summed) floats(n int, good func(float64) bool) ([]float32, error) {
	b, err := s.bytes(4 * n)
	if err != nil {
		return nil, err
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if x := float64(out[i]); math.IsNaN(x) || !good(x) {
			return nil, broken("a number out of bounds")
		}
	}
	return out, nil
}

func (s *summed) number(most uint64) (int, error) {
	n, err := binary.ReadUvarint(s)
	if err == nil && n > most {
		err = broken("a length out of bounds")
	}
	return int(n), err
}

// read takes a model. Whatever the bytes, it ends with a model that can be used or with an error.
func read(r io.Reader) (*model, error) {
	in := &summed{r: bufio.NewReaderSize(r, 64<<10)}
	m, err := in.model()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, broken("it ends too early")
	}
	return m, err
}

func (s *summed) model() (*model, error) {
	head, err := s.bytes(len(magic) + 1)
	if err != nil {
		return nil, err
	}
	flags := head[len(magic)]
	if string(head[:len(magic)]) != magic || flags&^(flagMulti|flagPieces) != 0 {
		return nil, broken("no model of this version")
	}
	m := &model{multi: flags&flagMulti != 0, pieces: flags&flagPieces != 0}
	k, err := s.number(classesMax)
	if err != nil {
		return nil, err
	}
	if k < 2 {
		return nil, broken("fewer than two labels")
	}
	for range k {
		n, err := s.number(labelMax * utf8.UTFMax)
		if err != nil {
			return nil, err
		}
		b, err := s.bytes(n)
		if err != nil {
			return nil, err
		}
		if flawed(string(b)) != "" {
			return nil, broken("a label that is none")
		}
		m.labels = append(m.labels, string(b))
	}
	cal, err := s.floats(2, func(x float64) bool { return math.Abs(x) <= 100 })
	if err != nil {
		return nil, err
	}
	m.slope, m.shift = cal[0], cal[1]
	finite := func(x float64) bool { return math.Abs(x) < 1e6 }
	if m.bias, err = s.floats(k, finite); err != nil {
		return nil, err
	}
	n, err := s.number(uint64(min(buckets, room/k)))
	if err != nil {
		return nil, err
	}
	if m.index, err = s.index(n); err != nil {
		return nil, err
	}
	if m.idf, err = s.floats(n, func(x float64) bool { return x >= 0 && x < 100 }); err != nil {
		return nil, err
	}
	if m.scale, err = s.floats(n, finite); err != nil {
		return nil, err
	}
	w, err := s.bytes(n * k)
	if err != nil {
		return nil, err
	}
	m.weight = make([]int8, len(w))
	for i, x := range w {
		m.weight[i] = int8(x)
	}
	want := s.sum
	tail := make([]byte, 4)
	if _, err := io.ReadFull(s.r, tail); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(tail) != want {
		return nil, broken("its sum is wrong")
	}
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, broken("bytes after its end")
	}
	return m, nil
}

func (s *summed) index(n int) (index, error) {
	set := make([]uint64, buckets/64)
	prev := -1
	for range n {
		d, err := s.number(buckets)
		if err != nil {
			return index{}, err
		}
		at := max(prev, 0) + d
		if at <= prev || at >= buckets {
			return index{}, broken("features out of order")
		}
		set[at/64] |= 1 << (at % 64)
		prev = at
	}
	return newIndex(set), nil
}
