package entity

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"

	"cloister/internal/work/vector"
)

// Nets are nets that were trained apart, with the same labels. Their scores are the means of the nets' scores.
type Nets []*Net

// Boost gives the nets' scores of the pieces of x's last sentence, by piece and label, in out's room.
func (ns Nets) Boost(x *Extractor, out []float32) []float32 {
	out = out[:0]
	labels := ns[0].Labels
	share := 1 / float32(len(ns))
	for i := range x.n {
		at := len(out)
		for range labels {
			out = append(out, 0)
		}
		if !x.View(i, &x.view) {
			continue
		}
		for _, n := range ns {
			n.score(&x.view, out[at:])
		}
		for k := range out[at:] {
			out[at+k] *= share
		}
	}
	return out
}

// The file of nets: magic, their number (1 byte), then each net's length (uint32, little endian) and file.
const netsMagic = "nets"

// Write gives the nets to w.
func (ns Nets) Write(w io.Writer) error {
	raw := append([]byte(netsMagic), byte(len(ns)))
	for _, n := range ns {
		var one bytes.Buffer
		if err := n.Write(&one); err != nil {
			return err
		}
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(one.Len())), one.Bytes()...)
	}
	if _, err := w.Write(raw); err != nil {
		return fmt.Errorf("cannot write nets: %w", err)
	}
	return nil
}

// ReadNets takes what Write gave, for the vectors that the nets were trained with. There is at least one, and all have the same labels.
func ReadNets(raw []byte, t *vector.Table) (Nets, error) {
	rest, ok := bytes.CutPrefix(raw, []byte(netsMagic))
	if !ok || len(rest) == 0 || rest[0] == 0 {
		return nil, errNet
	}
	ns := make(Nets, rest[0])
	rest = rest[1:]
	for i := range ns {
		if len(rest) < 4 {
			return nil, errNet
		}
		size := int(binary.LittleEndian.Uint32(rest))
		rest = rest[4:]
		if size > len(rest) {
			return nil, errNet
		}
		n, err := ReadNet(bytes.NewReader(rest[:size]), t)
		if err != nil || n.Labels != cmp.Or(ns[0], n).Labels {
			return nil, errNet
		}
		ns[i], rest = n, rest[size:]
	}
	if len(rest) != 0 {
		return nil, errNet
	}
	return ns, nil
}
