package topic

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// billion is what a share is told in: the digits that are written.
const billion = 1e9

// toldMax bounds what the first instance keeps of the others' shares, in bytes; one takes five.
const toldMax = 256 << 20

var errStrange = errors.New("topic: another instance said what makes no sense")

// told has every instance find the topics of its documents, which the first one is told. It can give those of all, in order, then.
func (l *Learner) told(m *model, t *texts) (func(f func(i int, of []share)) error, error) {
	mm := l.c.mesh
	find := func(i int) []share { return m.shares(t.word[t.from[i]:t.from[i+1]]) }
	others := make([]bytes.Buffer, mm.Count)
	sum := 0
	if err := mm.Meet(mesh.Meeting{
		Give: func(w *bufio.Writer) {
			var b []byte
			for i := range l.c.docs {
				if mm.Owns(i) {
					b = appendShares(b[:0], find(i))
					_, _ = w.Write(b)
				}
			}
		},
		Hear: func(instance int, r *bufio.Reader) error {
			var b []byte
			for i := range l.c.docs {
				if mm.Owner(i) != instance {
					continue
				}
				of, err := readShares(r, m.k)
				if err != nil {
					return err
				}
				b = appendShares(b[:0], of)
				_, _ = others[instance].Write(b)
				if sum += len(b); sum > toldMax {
					return analyse.Refuse("INPUT_LIMIT_EXCEEDED", "The topics of the documents take more than %d MiB. Ask for fewer topics, or give fewer documents.", toldMax>>20)
				}
			}
			return nil
		},
		Answer: func(*bufio.Writer) {},
		Take:   func(*bufio.Reader) error { return nil },
	}); err != nil {
		return nil, err
	}
	return func(f func(i int, of []share)) error {
		for i := range l.c.docs {
			if mm.Owns(i) {
				f(i, find(i))
				continue
			}
			of, err := readShares(&others[mm.Owner(i)], m.k)
			if err != nil {
				return err
			}
			f(i, of)
		}
		return nil
	}, nil
}

func appendShares(b []byte, of []share) []byte {
	b = binary.AppendUvarint(b, uint64(len(of)))
	for _, s := range of {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.topic)), uint64(math.Round(s.weight*billion)))
	}
	return b
}

func readShares(r interface{ ReadByte() (byte, error) }, topics int) ([]share, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > uint64(topics) {
		return nil, errors.Join(errStrange, err)
	}
	out := make([]share, n)
	for i := range out {
		topic, err1 := binary.ReadUvarint(r)
		weight, err2 := binary.ReadUvarint(r)
		if err := errors.Join(err1, err2); err != nil || topic >= uint64(topics) || weight > billion {
			return nil, errors.Join(errStrange, err)
		}
		out[i] = share{int(topic), float64(weight) / billion}
	}
	return out, nil
}
