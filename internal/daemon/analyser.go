package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

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
	setup    job.Setup
	foreign  bool  // an image's: its results are looked at
	trial    bool  // how it ended is wanted
	unsound  error // what was wrong with the first that was none
	log      *slog.Logger
	to, from *os.File
	w        *bufio.Writer
	in       *bufio.Reader // of from
	r        *frame.Reader
	ended    sync.Once
	gone     func() // told when the cell has ended; may be nil
}

// analyser starts one and tells it what to do; model is nil unless the setup announces one. It is ready when its first answer comes. Memory is in bytes, where
// no image does the work.
func (s *sandbox) analyser(ctx context.Context, setup job.Setup, model io.Reader, memory int64) (*analyser, error) {
	return s.begin(ctx, setup, model, memory, func(f *os.File) { s.hint("at once: "+setup.Kind, f) })
}

// begin does so; hear reads its standard error to the end, if it could be started.
func (s *sandbox) begin(ctx context.Context, setup job.Setup, model io.Reader, memory int64, hear func(*os.File)) (*analyser, error) {
	head, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	pipes, err := cell.Pipes(3)
	if err != nil {
		return nil, fmt.Errorf("cannot start an analyser: %w", err)
	}
	docs, results, notes := pipes[0], pipes[1], pipes[2]
	spec := s.analyserSpec(setup)
	if spec.Root == "" {
		spec.Memory = memory
	}
	spec.Stdin, spec.Stdout, spec.Stderr = docs.Out, results.In, notes.In
	p, err := s.driver().Start(ctx, spec)
	if err != nil {
		pipes.Close()
		return nil, fmt.Errorf("cannot start an analyser: %w", err)
	}
	docs.Out.Close()
	results.In.Close()
	notes.In.Close()
	go hear(notes.Out)
	to, from := docs.In, results.Out
	a := &analyser{cell: p, setup: setup, foreign: spec.Root != "", to: to, from: from, w: bufio.NewWriterSize(to, 64<<10), in: bufio.NewReaderSize(from, 64<<10), log: s.d.log}
	a.r = frame.NewReader(a.in)
	defer a.within(ctx)()
	err = frame.Write(a.w, frame.Setup, head)
	if err == nil && setup.Model {
		err = a.teach(model)
	}
	if err == nil {
		err = a.w.Flush()
	}
	if err != nil && !a.foreign { // one that ends before it listens is known by its first answer, and by how it ended
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

// errSurplus: what nobody asked for would be taken for the answer to the next text.
var errSurplus = errors.New("an answer came that no text asked for")

// surplus says whether there is something to read, without waiting for it.
func (a *analyser) surplus() bool {
	if a.in.Buffered() > 0 {
		return true
	}
	n := 0
	c, err := a.from.SyscallConn()
	if err == nil {
		err = c.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	}
	return err == nil && n > 0 // a pipe that is closed tells at the next reading
}

// Ask gives the texts' answers in their order. After an error the analyser is of no more use.
func (a *analyser) Ask(ctx context.Context, texts []string) ([]job.Answer, error) {
	defer a.within(ctx)()
	if a.surplus() {
		if !a.trial { // of which is wanted how it ended
			a.Close()
		}
		return nil, fmt.Errorf("cannot ask an analyser: %w", errSurplus)
	}
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
	if err == nil && a.surplus() {
		err = fmt.Errorf("cannot take an answer: %w", errSurplus)
	}
	if err != nil {
		if a.trial {
			_ = a.to.SetDeadline(time.Unix(1, 0)) // the writing too
		} else {
			a.Close()
		}
	} else if a.foreign {
		a.sift(texts, out)
	}
	if werr := <-wrote; err == nil {
		err = werr
	}
	if cerr := ctx.Err(); err != nil && cerr != nil {
		err = cerr
	}
	return out, err
}

// sift leaves of results the members that they are to have, and puts an error in the place of what is none.
func (a *analyser) sift(texts []string, out []job.Answer) {
	for i := range out {
		if out[i].Code != "" {
			continue
		}
		b, err := job.Sound(a.setup, out[i].Members, utf8.RuneCountInString(texts[i]))
		if err == nil {
			out[i].Members = b
			continue
		}
		if a.unsound == nil {
			a.unsound = fmt.Errorf("what it answers is no result: %w", err)
			a.log.Warn("an image's answer is no result", "kind", a.setup.Kind, "error", err)
		}
		out[i] = job.Answer{Code: "INTERNAL_ERROR", Message: "The document could not be analyzed."}
	}
}

// fate says how the process ended of which an answer was missed, if it does so soon.
func (a *analyser) fate(missed error) error {
	ctx, cancel := context.WithTimeout(context.Background(), analyserExit)
	defer cancel()
	err := a.cell.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		return missed
	case err == nil:
		return errors.New("it ended without an answer, with status 0")
	}
	return fmt.Errorf("it ended: %w", err)
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
