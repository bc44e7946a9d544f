// Package mesh lets the learners of a job's instances learn as one: each from its share of the documents, and what they found is put
// together in the order of the instances. What another instance says is checked before it counts: its learner may be anything.
package mesh

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Most is how many instances there may be.
const Most = 64

// Link carries what learners say. The first instance hears the others in their order, each once, and answers all of them at once; another
// one says something, and hears the answer.
type Link interface {
	// Next gives what is said next. It is read to its end, or until it is of no use, before the next call.
	Next() (io.Reader, error)
	// Open begins what this instance says; Close ends it. A learner that has begun to write files says no more.
	Open() (io.WriteCloser, error)
}

// Mesh is what a learner knows of the others. The zero value is of no use: see Alone.
type Mesh struct {
	Index, Count int // of this instance, the first being 0; of all
	link         Link
}

// Alone is the mesh of one.
func Alone() *Mesh { return &Mesh{Count: 1} }

// New makes a mesh of several.
func New(index, count int, l Link) (*Mesh, error) {
	if count < 2 || count > Most || index < 0 || index >= count {
		return nil, fmt.Errorf("mesh: instance %d of %d", index, count)
	}
	return &Mesh{index, count, l}, nil
}

// Owner is the instance whose share document i belongs to.
func (m *Mesh) Owner(i int) int { return i % m.Count }

// Owns says whether document i belongs to this instance's share.
func (m *Mesh) Owns(i int) bool { return m.Owner(i) == m.Index }

var errGarbage = errors.New("mesh: another instance said what makes no sense")

// Meeting is one time that all instances speak. Give is what another one than the first says, Hear is how the first takes it; Answer is what
// that says then, and Take is how the others take it. Writers keep their error until the end.
type Meeting struct {
	Give   func(w *bufio.Writer)
	Hear   func(from int, r *bufio.Reader) error
	Answer func(w *bufio.Writer)
	Take   func(r *bufio.Reader) error
}

const buffer = 256 << 10

// Meet has it. Alone it does nothing.
func (m *Mesh) Meet(x Meeting) error {
	switch {
	case m.Count == 1:
		return nil
	case m.Index > 0:
		if err := m.say(x.Give); err != nil {
			return err
		}
		return m.hear(x.Take)
	}
	for i := 1; i < m.Count; i++ {
		if err := m.hear(func(r *bufio.Reader) error { return x.Hear(i, r) }); err != nil {
			return fmt.Errorf("instance %d: %w", i, err)
		}
	}
	return m.say(x.Answer)
}

func (m *Mesh) say(f func(w *bufio.Writer)) error {
	c, err := m.link.Open()
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(c, buffer)
	f(w)
	return errors.Join(w.Flush(), c.Close())
}

// hear takes all that is said, and no less.
func (m *Mesh) hear(f func(r *bufio.Reader) error) error {
	in, err := m.link.Next()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(in, buffer)
	if err := f(r); err != nil {
		return err
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(errGarbage, err)
	}
	return nil
}

// number is what can be summed.
type number interface{ int | int32 | int64 | uint32 }

// Sum makes of every number the sum of what the instances have in its place, the same everywhere. Zeros cost next to nothing.
func Sum[T number](m *Mesh, v []T) error {
	put := func(w *bufio.Writer) {
		b := make([]byte, 0, 2*binary.MaxVarintLen64)
		zeros := uint64(0)
		for _, x := range v {
			if x == 0 {
				zeros++
				continue
			}
			b = binary.AppendVarint(binary.AppendUvarint(b[:0], zeros), int64(x))
			_, _ = w.Write(b)
			zeros = 0
		}
		_, _ = w.Write(binary.AppendUvarint(b[:0], zeros))
	}
	get := func(r *bufio.Reader, f func(i int, x T)) error {
		for i := 0; ; i++ {
			zeros, err := binary.ReadUvarint(r)
			if err != nil || zeros > uint64(len(v)-i) {
				return errors.Join(errGarbage, err)
			}
			if i += int(zeros); i == len(v) {
				return nil
			}
			x, err := binary.ReadVarint(r)
			if err != nil || int64(T(x)) != x {
				return errors.Join(errGarbage, err)
			}
			f(i, T(x))
		}
	}
	return m.Meet(Meeting{
		Give:   put,
		Hear:   func(_ int, r *bufio.Reader) error { return get(r, func(i int, x T) { v[i] += x }) },
		Answer: put,
		Take: func(r *bufio.Reader) error {
			clear(v)
			return get(r, func(i int, x T) { v[i] = x })
		},
	})
}
