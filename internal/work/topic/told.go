package topic

import (
	"bufio"
	"encoding/binary"
	"errors"
	"math"

	"cloister/internal/work/mesh"
)

// block is of how many documents the instances tell the first one at a time.
const block = 20_000

// billion is what a share is told in: the digits that are written.
const billion = 1e9

var errStrange = errors.New("topic: another instance said what makes no sense")

// told gives the topics of every document to f, in order, at the first instance. Each finds those of its share.
func (l *Learner) told(m *model, t *texts, f func(i int, of []share)) error {
	mm := l.c.mesh
	find := func(i int) []share { return m.shares(t.word[t.from[i]:t.from[i+1]]) }
	for from := 0; from < len(l.c.docs); from += block {
		to := min(from+block, len(l.c.docs))
		others := make([][]share, to-from)
		if err := mm.Meet(mesh.Meeting{
			Give: func(w *bufio.Writer) {
				var b []byte
				for i := from; i < to; i++ {
					if mm.Owns(i) {
						b = appendShares(b[:0], find(i))
						_, _ = w.Write(b)
					}
				}
			},
			Hear: func(instance int, r *bufio.Reader) (err error) {
				for i := from; i < to && err == nil; i++ {
					if mm.Owner(i) == instance {
						others[i-from], err = readShares(r, m.k)
					}
				}
				return err
			},
			Answer: func(*bufio.Writer) {},
			Take:   func(*bufio.Reader) error { return nil },
		}); err != nil {
			return err
		}
		for i := from; i < to && f != nil; i++ {
			of := others[i-from]
			if mm.Owns(i) {
				of = find(i)
			}
			f(i, of)
		}
	}
	return nil
}

func appendShares(b []byte, of []share) []byte {
	b = binary.AppendUvarint(b, uint64(len(of)))
	for _, s := range of {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.topic)), uint64(math.Round(s.weight*billion)))
	}
	return b
}

func readShares(r *bufio.Reader, topics int) ([]share, error) {
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
