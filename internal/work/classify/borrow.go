package classify

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"cloister/internal/work/mesh"
)

var errStrange = errors.New("classify: another instance said what makes no sense")

// borrow gives every instance the features of these texts, which all of them keep until the function that it returns is called.
func (c *corpus) borrow(docs []int) (giveBack func(), err error) {
	if c.mesh.Count == 1 {
		return func() {}, nil
	}
	var lent []int
	size := uint32(0)
	for _, d := range docs {
		if !c.mesh.Owns(d) {
			lent = append(lent, d)
			size += c.at[d].n
		}
	}
	room := make([]byte, size)
	c.chunks = append(c.chunks, room)
	number, from := uint32(len(c.chunks)-1), uint32(0)
	for _, d := range lent {
		p := &c.at[d]
		p.chunk, p.from = number, from
		from += p.n
	}
	giveBack = func() {
		for _, d := range lent {
			c.at[d].chunk, c.at[d].from = away, 0
		}
		c.chunks = c.chunks[:number]
	}
	bytes := func(d int) []byte {
		p := c.at[d]
		return c.chunks[p.chunk][p.from : p.from+p.n]
	}
	put := func(w *bufio.Writer, d int) { _, _ = w.Write(bytes(d)) }
	get := func(r *bufio.Reader, d int) error {
		b := bytes(d)
		if _, err := io.ReadFull(r, b); err != nil {
			return errors.Join(errStrange, err)
		}
		return c.sound(b)
	}
	err = c.mesh.Meet(mesh.Meeting{
		Give: func(w *bufio.Writer) {
			for _, d := range docs {
				if c.mesh.Owns(d) {
					put(w, d)
				}
			}
		},
		Hear: func(from int, r *bufio.Reader) error {
			for _, d := range docs {
				if c.mesh.Owner(d) == from {
					if err := get(r, d); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Answer: func(w *bufio.Writer) {
			for _, d := range docs {
				put(w, d)
			}
		},
		Take: func(r *bufio.Reader) error {
			for _, d := range docs {
				if c.mesh.Owns(d) {
					if _, err := r.Discard(int(c.at[d].n)); err != nil {
						return errors.Join(errStrange, err)
					}
				} else if err := get(r, d); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		giveBack()
		return nil, err
	}
	return giveBack, nil
}

// sound says whether bytes are features as bags.add writes them.
func (c *corpus) sound(b []byte) error {
	bucket := uint64(0)
	for first := true; len(b) > 0; first = false {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return errStrange
		}
		b = b[k:]
		if v&1 == 1 {
			n, k := binary.Uvarint(b)
			if k <= 0 || n < 2 || n > math.MaxUint16 {
				return errStrange
			}
			b = b[k:]
		}
		step := v >> 1
		if bucket += step; step >= buckets || bucket >= uint64(len(c.hasher.count)) || step == 0 && !first {
			return errStrange
		}
	}
	return nil
}
