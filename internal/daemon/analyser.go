package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/driver/cell"
	"cloister/internal/work/frame"
)

// Bounds of an analyser that answers at once. Memory and the answers of one call in bytes.
const (
	warmMemory = 768 << 20
	answerMax  = 16 << 20
)

// analyser is a cell that stays: it answers texts until it is closed. It has the walls of a job's analyser. One call at a time.
type analyser struct {
	cell     cell.Process
	to, from *os.File
	w        *bufio.Writer
	r        *frame.Reader
	ended    sync.Once
	gone     func() // told when the cell has ended; may be nil
}

// analyser starts one and tells it what to do; model is nil unless the setup announces one. It is ready when its first answer comes. Memory is in bytes.
func (s *sandbox) analyser(ctx context.Context, setup job.Setup, model io.Reader, memory int64) (_ *analyser, err error) {
	head, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	docs, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer docs.Close()
	from, results, err := os.Pipe()
	if err != nil {
		to.Close()
		return nil, err
	}
	defer results.Close()
	notes, notesIn, err := os.Pipe()
	if err != nil {
		to.Close()
		from.Close()
		return nil, err
	}
	defer notesIn.Close()
	spec := analyserSpec(setup.Kind)
	spec.Stdin, spec.Stdout, spec.Stderr, spec.Memory = docs, results, notesIn, memory
	p, err := s.driver().Start(ctx, spec)
	if err != nil {
		to.Close()
		from.Close()
		notes.Close()
		return nil, fmt.Errorf("cannot start an analyser: %w", err)
	}
	go s.hint("at once: "+setup.Kind, notes)
	a := &analyser{cell: p, to: to, from: from, w: bufio.NewWriterSize(to, 64<<10), r: frame.NewReader(bufio.NewReaderSize(from, 64<<10))}
	defer a.within(ctx)()
	err = frame.Write(a.w, frame.Setup, head)
	if err == nil && setup.Model {
		err = a.teach(model)
	}
	if err == nil {
		err = a.w.Flush()
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("cannot tell an analyser its task: %w", err)
	}
	return a, nil
}

func (a *analyser) teach(model io.Reader) error {
	if model == nil {
		return errors.New("the setup announces a model, and none was given")
	}
	m := frame.Stream(a.w, frame.Model)
	if _, err := io.Copy(m, model); err != nil {
		return err
	}
	return m.Close()
}

// within ends what the pipes do with ctx.
func (a *analyser) within(ctx context.Context) (release func()) {
	_ = a.to.SetDeadline(time.Time{})
	_ = a.from.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() {
		_ = a.to.SetDeadline(time.Unix(1, 0))
		_ = a.from.SetDeadline(time.Unix(1, 0))
	})
	return func() { stop() }
}

// Ask gives the texts' answers in their order. After an error the analyser is of no more use.
func (a *analyser) Ask(ctx context.Context, texts []string) ([]job.Answer, error) {
	defer a.within(ctx)()
	wrote := make(chan error, 1)
	go func() { // beside the reading: the pipes hold less than texts and answers may need
		var err error
		for _, t := range texts {
			if err = frame.Write(a.w, frame.Document, []byte(t)); err != nil {
				break
			}
		}
		if err == nil {
			err = a.w.Flush()
		}
		wrote <- err
	}()
	out, err := a.answers(len(texts))
	if err != nil {
		a.Close() // the writing too
	}
	if werr := <-wrote; err == nil {
		err = werr
	}
	if cerr := ctx.Err(); err != nil && cerr != nil {
		err = cerr
	}
	return out, err
}

func (a *analyser) answers(n int) ([]job.Answer, error) {
	out := make([]job.Answer, n)
	left := int64(answerMax)
	for i := range out {
		k, err := a.r.Next()
		if err != nil {
			return nil, fmt.Errorf("cannot take an answer: %w", err)
		}
		b, err := a.r.All(nil, left)
		if err != nil {
			return nil, fmt.Errorf("cannot take an answer: %w", err)
		}
		left -= int64(len(b))
		switch k {
		case frame.Result:
			if !json.Valid(b) {
				return nil, errors.New("cannot take an answer: no JSON")
			}
			out[i].Members = b
		case frame.Refusal:
			var r struct{ ErrorCode, ErrorMessage string }
			if err := json.Unmarshal(b, &r); err != nil || r.ErrorCode == "" {
				return nil, errors.New("cannot take an answer: a refusal without a code")
			}
			out[i].Code, out[i].Message = job.Refused(r.ErrorCode, r.ErrorMessage)
		default:
			return nil, fmt.Errorf("cannot take an answer: frame of kind %q", k)
		}
	}
	return out, nil
}

// Close ends the cell.
func (a *analyser) Close() {
	a.ended.Do(func() {
		_ = a.cell.Kill()
		a.to.Close()
		a.from.Close()
		go func() {
			_ = a.cell.Wait(context.Background())
			if a.gone != nil {
				a.gone()
			}
		}()
	})
}
