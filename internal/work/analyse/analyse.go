// Package analyse is the program inside the analyser's cell: documents come in by a pipe, results go out by a pipe. It
// has no network, no credentials and no files, so what it sees can go nowhere else.
package analyse

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
	"cloister/internal/work/mesh"
)

// Engine turns one document, valid UTF-8, into the members of its result, named as AWS names them. It is told one after another.
type Engine interface {
	Analyse(text []byte) (any, error)
}

// Learner takes a whole corpus, object by object, and says what came of it.
type Learner interface {
	// Take reads one object of the input to its end or to an error. Its bytes are as the user wrote them.
	Take(o job.Object, r io.Reader) error
	// Finish gives the members of the result. It writes files by calling create, one after another; the file ModelFile is the model.
	Finish(create func(name string) io.Writer) (any, error)
}

// Joiner is a Learner that can be one of several. All of them take the whole input and must come to the same opinion of it; each learns from its
// share. What Finish of another one than the first gives is passed over, and it writes no files.
type Joiner interface {
	// Join comes before the first Take.
	Join(m *mesh.Mesh)
}

// ModelFile is the name under which a Learner writes the model that it trained.
const ModelFile = "model"

// Kind says how one kind of work begins. One of the two is set. Model is nil unless the setup announces one; it is read before
// the first document.
type Kind struct {
	Engine  func(s job.Setup, model io.Reader) (Engine, error)
	Learner func(s job.Setup) (Learner, error)
}

// Refusal is an error that the user is told: of one document (DOCUMENT_SIZE_EXCEEDED), or of a corpus. The sentence may quote
// what the user wrote; it goes to who may read the job.
type Refusal struct{ Code, Message string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Refuse makes one.
func Refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// setupMax bounds a setup and an object's header, in bytes.
const setupMax = 1 << 20

// Serve reads the setup, begins that kind of work, and answers until r ends.
func Serve(kinds map[string]Kind, r io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(r, 256<<10)
	s := &server{buffered: in, in: frame.NewReader(in), out: bufio.NewWriterSize(w, 256<<10)}
	if k, err := s.in.Next(); err != nil || k != frame.Setup {
		return fmt.Errorf("cannot take a setup: frame of kind %q, %w", k, err)
	}
	var setup job.Setup
	if err := s.json(&setup); err != nil {
		return fmt.Errorf("cannot take a setup: %w", err)
	}
	kind, ok := kinds[setup.Kind]
	switch {
	case !ok:
		return fmt.Errorf("no engine for %q", setup.Kind)
	case kind.Learner != nil:
		l, err := kind.Learner(setup)
		if err != nil {
			return err
		}
		return s.learn(l)
	}
	var model io.Reader
	if setup.Model {
		if k, err := s.in.Next(); err != nil || k != frame.Model {
			return fmt.Errorf("cannot take a model: frame of kind %q, %w", k, err)
		}
		model = s.in
	}
	e, err := kind.Engine(setup, model)
	if err != nil {
		return fmt.Errorf("cannot begin %s: %w", setup.Kind, err)
	}
	limit := setup.Limit
	if limit == 0 {
		limit = frame.Max
	}
	return s.analyse(e, limit)
}

type server struct {
	buffered *bufio.Reader
	in       *frame.Reader
	out      *bufio.Writer
	files    func() bool // whether a learner has begun to write files
}

func (s *server) json(v any) error {
	b, err := s.in.All(nil, setupMax)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (s *server) analyse(e Engine, limit int64) error {
	var buf []byte
	for {
		if s.buffered.Buffered() == 0 { // nothing waits: let the reader of the results go on
			if err := s.out.Flush(); err != nil {
				return fmt.Errorf("cannot give results: %w", err)
			}
		}
		k, err := s.in.Next()
		if errors.Is(err, io.EOF) {
			return s.out.Flush()
		}
		if err == nil && k != frame.Document {
			err = fmt.Errorf("frame of kind %q", k)
		}
		if err == nil {
			buf, err = s.in.All(buf, limit)
		}
		if err != nil {
			return fmt.Errorf("cannot take a document: %w", err)
		}
		res, err := guarded(func() (any, error) { return e.Analyse(buf) })
		if err := s.answer(res, err); err != nil {
			return err
		}
	}
}

func (s *server) learn(l Learner) error {
	for joined, first := false, true; ; first = false {
		k, err := s.in.Next()
		if errors.Is(err, io.EOF) && !joined || err == nil && joined && k == frame.End {
			break
		}
		if err == nil && first && k == frame.Mesh {
			if err := s.join(l); err != nil {
				return fmt.Errorf("cannot learn together: %w", err)
			}
			joined = true
			continue
		}
		if err == nil && k != frame.Object {
			err = fmt.Errorf("frame of kind %q", k)
		}
		var o job.Object
		if err == nil {
			err = s.json(&o)
		}
		if err == nil {
			k, err = s.in.Next()
		}
		if err == nil && k != frame.Content {
			err = fmt.Errorf("frame of kind %q", k)
		}
		if err != nil {
			return fmt.Errorf("cannot take an object: %w", err)
		}
		_, err = guarded(func() (any, error) { return nil, l.Take(o, s.in) })
		if err != nil { // the rest of the input is not wanted
			if err := s.answer(nil, err); err != nil {
				return err
			}
			return s.out.Flush()
		}
	}
	var file *frame.Writer
	var broken error
	s.files = func() bool { return file != nil }
	end := func() {
		if file != nil && broken == nil {
			broken = file.Close()
		}
	}
	res, err := guarded(func() (any, error) {
		return l.Finish(func(name string) io.Writer {
			end()
			if broken == nil {
				broken = frame.Write(s.out, frame.File, []byte(name))
			}
			file = frame.Stream(s.out, frame.Content)
			return file
		})
	})
	end()
	if broken != nil {
		return fmt.Errorf("cannot give a file: %w", broken)
	}
	if err := s.answer(res, err); err != nil {
		return err
	}
	return s.out.Flush()
}

// guarded makes an error of a panic: one document on which an engine breaks is no reason to lose the others. Where it broke goes to the log,
// what it broke on does not.
func guarded(f func() (any, error)) (res any, err error) {
	defer func() {
		if x := recover(); x != nil {
			fmt.Fprintf(os.Stderr, "an engine broke: %T at\n", x)
			pcs := make([]uintptr, 16)
			frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
			for more := true; more; {
				var at runtime.Frame
				at, more = frames.Next()
				fmt.Fprintf(os.Stderr, "%s:%d\n", at.Function, at.Line)
			}
			res, err = nil, errors.New("the engine broke")
		}
	}()
	return f()
}

// answer sends a result, or the refusal that it is instead.
func (s *server) answer(res any, err error) error {
	kind := frame.Result
	if err != nil {
		kind = frame.Refusal
		var r *Refusal
		if !errors.As(err, &r) {
			r = Refuse("INTERNAL_ERROR", "The document could not be analyzed.")
		}
		res = map[string]string{"ErrorCode": r.Code, "ErrorMessage": job.Plain(r.Message, job.MessageMax)} // no longer than is told of it
	}
	j, err := json.Marshal(res)
	if err != nil {
		return fmt.Errorf("cannot encode a result: %w", err)
	}
	if err := frame.Write(s.out, kind, j); err != nil {
		return fmt.Errorf("cannot give results: %w", err)
	}
	return nil
}
