package peer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"cloister/internal/core/job"
)

// Seat is another instance's end of what learners tell each other.
type Seat struct {
	Place job.Place
	Input []Part // all of it, in its order

	l      *link
	words  chan *io.PipeReader
	broken chan *job.Failure
	over   context.CancelFunc
	ended  chan struct{} // nothing more is received
	beats  sync.WaitGroup
	number int // of this instance

	mu      sync.Mutex
	waiting bool           // it has said something and was not answered
	done    bool           // nobody asks any more
	answer  *io.PipeReader // the last
}

// partsMax is how many objects an input has at most.
const partsMax = 2_000_000

// Attend goes to the first instance and hears what the input is. The failure is that of Serve.
func Attend(ctx context.Context, g job.Group) (*Seat, *job.Failure) {
	conn, err := join(ctx, g)
	if err != nil {
		return nil, apart(g, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Seat{l: newLink(conn, silence), words: make(chan *io.PipeReader, 1), broken: make(chan *job.Failure, 1), over: cancel, ended: make(chan struct{}), number: g.Instance}
	s.beats.Go(func() { s.l.beat(ctx, beatEvery) })
	if err := s.enrol(); err != nil {
		cancel()
		s.beats.Wait()
		return nil, missed(g.Instance, err.Error())
	}
	go func() {
		defer close(s.ended)
		err := s.receive()
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err == nil:
			s.broken <- nil
		case !s.done:
			s.broken <- missed(g.Instance, err.Error())
		}
	}()
	return s, nil
}

func (s *Seat) enrol() error {
	kind, b, err := s.l.receive()
	var e enrolment
	if err == nil && kind != msgEnrol {
		err = errMessage
	}
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	for i := 0; err == nil && i < e.Shards; i++ {
		var x Shard
		if kind, b, err = s.l.receive(); err == nil && kind != msgTask {
			err = errMessage
		}
		if err == nil {
			err = json.Unmarshal(b, &x)
		}
		if s.Input = append(s.Input, x.Parts...); len(s.Input) > partsMax {
			err = errMessage
		}
	}
	s.Place = e.Place
	return err
}

// receive hands on the answers, each while it comes. It ends with nil when the first instance says that it is over.
func (s *Seat) receive() error {
	var w *io.PipeWriter
	defer func() {
		if w != nil {
			w.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	for {
		kind, body, err := s.l.receive()
		if err != nil {
			return err
		}
		if kind == msgEnd {
			return nil
		}
		if kind != msgSay && kind != msgSaid {
			return errMessage
		}
		if w == nil {
			s.mu.Lock()
			asked := s.waiting && !s.done
			s.answer, w = io.Pipe()
			r := s.answer
			s.mu.Unlock()
			if !asked {
				return errMessage
			}
			s.words <- r
		}
		if kind == msgSay {
			if _, err := w.Write(body); err != nil {
				return err
			}
			continue
		}
		s.mu.Lock()
		s.waiting = false // before the learner can have seen the end
		s.mu.Unlock()
		w.Close()
		w = nil
	}
}

// Next gives the first instance's answer.
func (s *Seat) Next(ctx context.Context) (io.ReadCloser, error) {
	select {
	case r := <-s.words:
		return r, nil
	case <-s.ended:
		return nil, io.ErrUnexpectedEOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send tells the first instance what this one's learner said. There is an answer before the next.
func (s *Seat) Send(r io.Reader) error {
	s.mu.Lock()
	twice := s.waiting
	s.waiting = true
	s.mu.Unlock()
	if twice {
		return errMessage
	}
	return say(r, s.l)
}

// Broken gives why it cannot go on; nil: the first instance has ended it.
func (s *Seat) Broken() <-chan *job.Failure { return s.broken }

// Close says what came of this instance and stays until the first one has ended it all.
func (s *Seat) Close(f *job.Failure) {
	s.mu.Lock()
	s.done = true
	if s.answer != nil {
		s.answer.Close() // which nobody may read
	}
	s.mu.Unlock()
	if s.l.sendJSON(msgDone, done{Failure: f}) == nil {
		<-s.ended
	}
	s.over()
	<-s.ended
	s.beats.Wait()
}

// apart is the failure of an instance that does not get to the first one.
func apart(g job.Group, err error) *job.Failure {
	f := &job.Failure{Code: "INVALID_VPC_CONFIG", Stage: "join", Cause: "unreachable", Detail: err.Error(), Instance: g.Instance, Message: Apart}
	if errors.Is(err, errStranger) {
		f.Code, f.Cause, f.Message = "INTERNAL_ERROR", "internal", "The instances of the job could not be joined."
	}
	return f
}
