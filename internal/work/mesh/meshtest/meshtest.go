// Package meshtest joins learners of one process. It is for tests: nothing of it is in a cell.
package meshtest

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"cloister/internal/work/mesh"
)

// ErrGone is what the others meet when one has failed.
var ErrGone = errors.New("meshtest: another instance failed")

// Hall is where instances meet.
type Hall struct {
	Spoil func(from int, said []byte) []byte // of what is said, if set: another instance's learner that may be anything

	gifts, answers []chan []byte
	once           sync.Once
	gone           chan struct{}
}

// New makes a hall for n instances.
func New(n int) *Hall {
	h := &Hall{gone: make(chan struct{})}
	for range n {
		h.gifts, h.answers = append(h.gifts, make(chan []byte, 1)), append(h.answers, make(chan []byte, 1))
	}
	return h
}

// Run has f done by all instances at once and gives the errors by instance.
func (h *Hall) Run(f func(m *mesh.Mesh) error) []error {
	n := len(h.gifts)
	out := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			m := mesh.Alone()
			if n > 1 {
				if m, out[i] = mesh.New(i, n, &link{h: h, index: i}); out[i] != nil {
					return
				}
			}
			if out[i] = f(m); out[i] != nil {
				h.once.Do(func() { close(h.gone) })
			}
		})
	}
	all.Wait()
	return out
}

type link struct {
	h     *Hall
	index int
	turn  int // of the first: whom it hears
}

// Next satisfies mesh.Link.
func (l *link) Next() (io.Reader, error) {
	from := l.h.answers[l.index]
	if l.index == 0 {
		from = l.h.gifts[1+l.turn%(len(l.h.gifts)-1)]
		l.turn++
	}
	select {
	case b := <-from:
		return bytes.NewReader(b), nil
	case <-l.h.gone:
		return nil, ErrGone
	}
}

// Open satisfies mesh.Link.
func (l *link) Open() (io.WriteCloser, error) { return &speech{l: l}, nil }

type speech struct {
	bytes.Buffer
	l *link
}

// Close says it.
func (s *speech) Close() error {
	b := s.Bytes()
	h := s.l.h
	if h.Spoil != nil {
		b = h.Spoil(s.l.index, b)
	}
	to := h.gifts[s.l.index : s.l.index+1]
	if s.l.index == 0 {
		to = h.answers[1:]
	}
	for _, c := range to {
		select {
		case c <- b:
		case <-h.gone:
			return ErrGone
		}
	}
	return nil
}
