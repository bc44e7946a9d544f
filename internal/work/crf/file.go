package crf

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A model's file, deflated: magic, bits (1 byte), labels (length as varint, joined by line breaks), scale and transitions (float32,
// little endian), then each row that is not all zero: distance of its bucket from the last one's (varint, never 0), a weight a byte
// for each label; a 0 ends it.
const magic = "crf1"

// Write gives the model to w. Weights smaller than least steps (of 127) in every label of a row are left out.
func (m *Model) Write(w io.Writer, least int8) error {
	z, err := flate.NewWriter(w, 9)
	if err != nil {
		return fmt.Errorf("cannot write a model: %w", err)
	}
	b := bufio.NewWriter(z)
	n := len(m.Labels)
	head := append([]byte(magic), byte(m.bits))
	names := strings.Join(m.Labels, "\n")
	head = binary.AppendUvarint(head, uint64(len(names)))
	head = append(head, names...)
	head = binary.LittleEndian.AppendUint32(head, math.Float32bits(m.scale))
	for _, t := range m.trans {
		head = binary.LittleEndian.AppendUint32(head, math.Float32bits(t))
	}
	_, _ = b.Write(head) // a bufio.Writer keeps its first error for Flush
	last := -1
	for f := range len(m.weight) / n {
		row := m.weight[f*n : f*n+n]
		far := int8(0)
		for _, v := range row {
			far = max(far, v, -v)
		}
		if far < max(least, 1) {
			continue
		}
		head = binary.AppendUvarint(head[:0], uint64(f-last))
		last = f
		for _, v := range row {
			head = append(head, byte(v))
		}
		_, _ = b.Write(head)
	}
	_ = b.WriteByte(0)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("cannot write a model: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("cannot write a model: %w", err)
	}
	return nil
}

var errModel = errors.New("not a model of this program")

// maxBits bounds what Read makes room for.
const maxBits = 22

// maxWeights bounds them as well: a short file may announce many.
const maxWeights = 1 << 27

// Read takes a model that Write gave. It trusts no byte of it.
func Read(r io.Reader) (*Model, error) {
	b := bufio.NewReader(flate.NewReader(r))
	head := make([]byte, len(magic)+1)
	if _, err := io.ReadFull(b, head); err != nil || string(head[:len(magic)]) != magic || head[len(magic)] == 0 || head[len(magic)] > maxBits {
		return nil, errModel
	}
	m := &Model{bits: uint(head[len(magic)])}
	size, err := binary.ReadUvarint(b)
	if err != nil || size > 1<<16 {
		return nil, errModel
	}
	names := make([]byte, size)
	if _, err := io.ReadFull(b, names); err != nil {
		return nil, errModel
	}
	m.Labels = strings.Split(string(names), "\n")
	n := len(m.Labels)
	if n > MaxLabels || n&1 == 0 || !slices.Equal(m.Labels, NewLabels(m.Labels.Types())) || n<<m.bits > maxWeights {
		return nil, errModel
	}
	floats := make([]byte, 4*(1+(n+1)*n))
	if _, err := io.ReadFull(b, floats); err != nil {
		return nil, errModel
	}
	at := func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(floats[4*i:])) }
	m.scale = at(0)
	m.trans = make([]float32, (n+1)*n)
	for i := range m.trans {
		m.trans[i] = at(i + 1)
		if v := float64(m.trans[i]); math.IsNaN(v) || math.Abs(v) > 80 {
			return nil, errModel
		}
	}
	if v := float64(m.scale); !(v >= 0 && v < 1) {
		return nil, errModel
	}
	m.exp = exps(m.trans, n, nil)
	m.weight = make([]int8, n<<m.bits)
	row := make([]byte, n)
	for f := -1; ; {
		step, err := binary.ReadUvarint(b)
		if err != nil {
			return nil, errModel
		}
		if step == 0 {
			if _, err := b.ReadByte(); !errors.Is(err, io.EOF) {
				return nil, errModel
			}
			return m, nil
		}
		if step > 1<<m.bits || f+int(step) >= 1<<m.bits {
			return nil, errModel
		}
		f += int(step)
		if _, err := io.ReadFull(b, row); err != nil {
			return nil, errModel
		}
		for k, v := range row {
			m.weight[f*n+k] = int8(v)
		}
	}
}
