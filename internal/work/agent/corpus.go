package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloister/internal/core/envelope"
	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/frame"
)

// lesson is what a learner gave back. One of result, refused and err is set, or it was stopped.
type lesson struct {
	parts   []part // of the scratch
	result  []byte // JSON
	sealed  int64  // bytes of the model
	refused *job.Failure
	err     error
	stopped bool
}

// corpus gives one learner the whole input and takes what it made. A learner that refuses says why and reads no more: its word counts,
// not the pipe that broke.
func (a *agent) corpus(ctx context.Context, list []item, others *others) *job.Failure {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fed := make(chan error, 1)
	go func() {
		defer a.ports.To.Close()
		err := a.teach(ctx, list, others)
		fed <- err
		if err != nil { // what was sent so far must not pass for the whole: half a head is no end
			_, _ = a.ports.To.Write([]byte{byte(frame.Object)})
		} else if others != nil {
			others.hear(ctx, a.ports.To)
		}
	}()
	learned := make(chan lesson, 1)
	go func() { learned <- a.learn(others) }()
	for {
		select {
		case f := <-others.broken():
			a.learnt.stopped = true
			return f
		case <-a.stop.Done(): // what is half trained is of no use; the analyser ends with its pipes
			a.learnt.stopped = true
			return nil
		case err := <-fed:
			switch {
			case errors.Is(err, errStop):
				a.learnt.stopped = true
				return nil
			case err != nil && !errors.Is(err, errAnalyser): // else the learner says why
				return a.failure("read", err)
			}
			fed = nil
		case x := <-learned:
			if x.refused != nil {
				return x.refused
			}
			if f := others.why(x.err); f != nil {
				return f
			}
			if x.err == nil && a.task.Artifact != nil && a.task.Artifact.Write && x.sealed == 0 {
				x.err = errors.New("the learner wrote no model")
			}
			if x.err != nil && a.stop.Err() != nil { // its input was cut off for that
				a.learnt.stopped = true
				return nil
			}
			if x.err != nil {
				select {
				case err := <-fed: // the learner ended because its input did
					if err != nil && !errors.Is(err, errAnalyser) {
						return a.failure("read", err)
					}
				default:
				}
				return internal("analyse", "The input could not be analyzed.", x.err)
			}
			a.learnt, a.parts = x, x.parts
			return nil
		}
	}
}

// teach gives every object to the learner, whose bytes are as the user wrote them.
func (a *agent) teach(ctx context.Context, list []item, others *others) error {
	w := bufio.NewWriterSize(a.ports.To, 256<<10)
	if err := a.begin(w); err != nil {
		return err
	}
	send := func(err error) error {
		if err != nil {
			return fmt.Errorf("%w: %w", errAnalyser, err)
		}
		return nil
	}
	if err := send(others.introduce(w)); err != nil {
		return err
	}
	err := a.each(ctx, list, func(o item, body io.Reader) error {
		head, err := json.Marshal(job.Object{Role: o.input.Role, Name: o.name(), Attributes: o.input.Attributes})
		if err != nil {
			return err
		}
		if err := send(frame.Write(w, frame.Object, head)); err != nil {
			return err
		}
		content := frame.Stream(w, frame.Content)
		if _, err := io.Copy(content, body); err != nil {
			var gone *lost
			if errors.As(err, &gone) {
				return err
			}
			return send(err)
		}
		if err := send(content.Close()); err != nil {
			return err
		}
		a.done.Add(1)
		return a.progress()
	})
	if err == nil && others != nil {
		err = send(frame.Write(w, frame.End, nil))
	}
	if ferr := send(w.Flush()); err == nil {
		err = ferr
	}
	return err
}

// Bounds of what a learner may give: its result must fit into a report, its names into an archive.
const (
	learnedMax = 48 << 10
	filesMax   = 100
	nameMax    = 128
)

// learn takes the files and the result of a learner, or its refusal.
func (a *agent) learn(others *others) (x lesson) {
	in := frame.NewReader(bufio.NewReaderSize(a.ports.From, 256<<10))
	for {
		k, err := in.Next()
		if err == nil {
			switch k {
			case frame.Said:
				err = others.tell(in)
			case frame.File:
				err = a.file(in, &x)
			case frame.Result:
				if x.result, err = in.All(nil, learnedMax); err == nil && !json.Valid(x.result) {
					err = errors.New("no JSON")
				}
				if err == nil {
					return x
				}
			case frame.Refusal:
				if x.refused, err = refused(in); err == nil {
					return x
				}
			default:
				err = fmt.Errorf("frame of kind %q", k)
			}
		}
		if err != nil {
			x.err = fmt.Errorf("cannot take what was learnt: %w", err)
			return x
		}
	}
}

// refused reads a refusal, of which no more is told than fits.
func refused(in *frame.Reader) (*job.Failure, error) {
	var r struct{ ErrorCode, ErrorMessage string }
	b, err := in.All(nil, learnedMax)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	code, message := job.Refused(r.ErrorCode, r.ErrorMessage)
	return &job.Failure{Code: code, Message: message, Stage: "analyse", Cause: "input"}, err
}

// file takes one file of a learner into the scratch, or into the model's.
func (a *agent) file(in *frame.Reader, x *lesson) error {
	b, err := in.All(nil, nameMax)
	if err != nil {
		return err
	}
	name := string(b)
	if k, err := in.Next(); err != nil || k != frame.Content {
		return fmt.Errorf("frame of kind %q, %w", k, err)
	}
	switch {
	case name == analyse.ModelFile && x.sealed > 0:
		return errors.New("a second model")
	case name == analyse.ModelFile:
		x.sealed, err = a.takeModel(in)
		return err
	case !plain(name) || len(x.parts) == filesMax:
		return errors.New("a file too many, or of no plain name") // which may be text of a document
	case a.task.OutputURI == "":
		_, err = io.Copy(io.Discard, in)
		return err
	}
	n, err := io.Copy(a.scratch, in)
	x.parts = append(x.parts, part{name, n})
	return err
}

// plain keeps a name from leading out of the archive.
func plain(name string) bool {
	for p := range strings.SplitSeq(name, "/") {
		if p == "" || p[0] == '.' || strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
			return false
		}
	}
	return true
}

// giveModel opens the sealed model while it goes to the analyser.
func (a *agent) giveModel(w io.Writer) error {
	m := a.task.Artifact
	if m == nil || m.Write {
		return errors.New("the setup announces a model, and none was given")
	}
	r, err := envelope.NewReader(a.ports.Model(), envelope.PlainSize(m.Size), m.Key, m.Salt, m.Info)
	clear(m.Key)
	if err != nil {
		return fmt.Errorf("cannot open the model: %w", err)
	}
	defer r.Close()
	s := frame.Stream(w, frame.Model)
	if _, err := io.Copy(s, r); err != nil {
		if errors.Is(err, envelope.ErrDamaged) {
			return fmt.Errorf("cannot open the model: %w", err)
		}
		return fmt.Errorf("%w: %w", errAnalyser, err)
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("%w: %w", errAnalyser, err)
	}
	return nil
}

// takeModel seals what the learner gives, and says how long it is then.
func (a *agent) takeModel(r io.Reader) (int64, error) {
	m := a.task.Artifact
	if m == nil || !m.Write {
		return 0, errors.New("a model that nobody asked for")
	}
	w, err := envelope.NewWriter(a.ports.Model(), m.Key, m.Salt, m.Info)
	clear(m.Key)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	if err != nil {
		w.Discard()
		return 0, err
	}
	return envelope.SealedSize(n), w.Close()
}
