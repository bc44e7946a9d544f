package analyse

import (
	"errors"
	"fmt"
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
	"cloister/internal/work/mesh"
)

// join makes a learner one of several.
func (s *server) join(l Learner) error {
	var p job.Place
	if err := s.json(&p); err != nil {
		return err
	}
	j, ok := l.(Joiner)
	if !ok {
		return errors.New("this kind of learner can't")
	}
	m, err := mesh.New(p.Index, p.Count, link{s})
	if err != nil {
		return err
	}
	j.Join(m)
	return nil
}

// link speaks to the other learners by way of the agent.
type link struct{ s *server }

// Next satisfies mesh.Link.
func (l link) Next() (io.Reader, error) {
	k, err := l.s.in.Next()
	if err == nil && k != frame.Said {
		err = fmt.Errorf("frame of kind %q", k)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot hear the other learners: %w", err)
	}
	return l.s.in, nil
}

// Open satisfies mesh.Link.
func (l link) Open() (io.WriteCloser, error) {
	if l.s.files == nil || l.s.files() {
		return nil, errors.New("cannot speak to the other learners: this is not the time")
	}
	return voice{frame.Stream(l.s.out, frame.Said), l.s}, nil
}

type voice struct {
	*frame.Writer
	s *server
}

// Close sends what is left.
func (w voice) Close() error { return errors.Join(w.Writer.Close(), w.s.out.Flush()) }
