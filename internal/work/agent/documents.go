package agent

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
)

const perLine = "ONE_DOC_PER_LINE"

// documents has every document analysed: one side feeds them, the other takes results; the queue says whose result comes next.
func (a *agent) documents(ctx context.Context, list []item) *job.Failure {
	queue := make(chan document, 1024)
	fctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var fed error
	go func() {
		defer close(queue)
		defer a.ports.To.Close()
		w := bufio.NewWriterSize(a.ports.To, 256<<10)
		if fed = a.begin(w); fed == nil {
			fed = a.feed(fctx, w, list, queue)
		}
	}()
	in := frame.NewReader(bufio.NewReaderSize(a.ports.From, 256<<10))
	taken := a.collect(in, queue, func(d document, k frame.Kind, result []byte) error {
		if d.begins {
			a.parts = append(a.parts, part{name: d.place})
			return nil
		}
		return a.note(d, k, result)
	})
	cancel()
	for range queue { // the queue's end is the feeder's end: fed is set
	}
	if taken == nil && fed == nil && a.task.Foreign {
		taken = silence(in)
	}
	return a.outcome(taken, fed)
}

// errSurplus: with one answer too many, others were taken for another document's.
var errSurplus = errors.New("an answer came that no document asked for")

// lastWords is how long an analyser that has answered all and has no input any more is listened to.
const lastWords = 2 * time.Second

// silence makes sure that nothing follows the last answer. One that says nothing and doesn't end is left to who started it.
func silence(in *frame.Reader) error {
	heard := make(chan error, 1)
	go func() {
		_, err := in.Next()
		heard <- err
	}()
	select {
	case err := <-heard:
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errSurplus
		}
		return err
	case <-time.After(lastWords):
		return nil
	}
}

// outcome tells what became of both sides.
func (a *agent) outcome(taken, fed error) *job.Failure {
	switch {
	case taken != nil: // a feeder that was cut off then has nothing of its own to say
		return internal("analyse", "The documents could not be analyzed.", taken)
	case errors.Is(fed, errLimit):
		return a.tooMany()
	case errors.Is(fed, errAnalyser):
		return internal("analyse", "The documents could not be analyzed.", fed)
	case fed != nil:
		return a.failure("read", fed)
	}
	return nil
}

func (a *agent) tooMany() *job.Failure {
	return &job.Failure{Code: "INPUT_LIMIT_EXCEEDED", Message: fmt.Sprintf("The input has more than %d documents.", a.task.Kind.Limits.Documents), Stage: "read", Cause: "limit"}
}

// greet tells the analyser what it is to do, before anything else: its engine is made while the input is listed.
func (a *agent) greet() {
	setup, err := json.Marshal(a.task.Setup)
	if err == nil {
		err = frame.Write(a.ports.To, frame.Setup, setup)
	}
	if err != nil {
		a.deaf = fmt.Errorf("%w: %w", errAnalyser, err)
	}
}

// begin gives the analyser the model by which it does its work, if it has one.
func (a *agent) begin(w *bufio.Writer) error {
	if a.deaf == nil && a.task.Setup.Model {
		return a.giveModel(w)
	}
	return a.deaf
}

// feed gives every document of the objects to the analyser, by w, and to the queue.
func (a *agent) feed(ctx context.Context, w *bufio.Writer, list []item, queue chan<- document) error {
	limit := a.task.Kind.Limits.Document
	give := func(d document) error {
		if a.stop.Err() != nil {
			return errStop
		}
		if d.line <= 0 && !d.inner { // a signature is not text
			d.text = bytes.TrimPrefix(d.text, []byte("\xef\xbb\xbf"))
		}
		text := d.text
		d.text, d.bad = nil, !utf8.Valid(text) && !a.hasPages(text)
		if a.task.Foreign {
			d.runes = utf8.RuneCount(text)
		}
		// The document goes first: a result must never be awaited that nobody was asked for.
		if !d.begins {
			if a.fed++; a.fed > a.task.Kind.Limits.Documents {
				return errLimit
			}
			if !d.bad && !d.long {
				if err := frame.Write(w, frame.Document, text); err != nil {
					return fmt.Errorf("%w: %w", errAnalyser, err)
				}
			}
		}
		if len(queue) == cap(queue) || len(queue) < 32 { // the collector waits, or is about to
			if err := w.Flush(); err != nil {
				return fmt.Errorf("%w: %w", errAnalyser, err)
			}
		}
		select {
		case queue <- d:
		case <-ctx.Done():
			return ctx.Err()
		}
		if d.bad {
			return errEncoding
		}
		return nil
	}
	err := a.each(ctx, list, func(o item, body io.Reader) error {
		d := document{file: o.name(), line: -1, begins: true, place: o.place(), inner: o.from > 0}
		if err := give(d); err != nil {
			return err
		}
		d.begins, d.place = false, ""
		var err error
		if o.input.Format == perLine {
			err = lines(body, limit, func(n int, text []byte, long bool) error {
				d.line, d.text, d.long = n, text, long
				return give(d)
			})
		} else if body, d.most, err = a.bound(body); err == nil {
			if d.text, d.long, err = whole(body, d.most); err == nil {
				err = give(d)
			}
		}
		if errors.Is(err, errEncoding) { // the rest of a file that is not UTF-8 is ignored
			return nil
		}
		return err
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	if ferr := w.Flush(); ferr != nil && err == nil { // after an error too: results of what is on the queue are awaited
		err = fmt.Errorf("%w: %w", errAnalyser, ferr)
	}
	return err
}

// resultMax bounds the result of one document, in bytes: each of its words may be a mention with a score.
const resultMax = 256 << 20

// foreignMax bounds one of a program that is not ours, in bytes: it is taken apart and put together again.
const foreignMax = 64 << 20

// collect tells take what came of every document of the queue, in its order, and of files that begin. What it tells is valid until
// take returns.
func (a *agent) collect(in *frame.Reader, queue <-chan document, take func(document, frame.Kind, []byte) error) error {
	var buf []byte
	for d := range queue {
		k := frame.Refusal
		switch {
		case d.begins:
		case d.bad:
			buf = refusal(buf, "UNSUPPORTED_ENCODING", "Document is not in UTF-8 format and all subsequent lines are ignored.")
		case d.long:
			buf = refusal(buf, "DOCUMENT_SIZE_EXCEEDED", fmt.Sprintf("Document size exceeds maximum size limit %d bytes.", cmp.Or(d.most, a.task.Kind.Limits.Document)))
		default:
			var err error
			if k, err = in.Next(); err == nil && k != frame.Result && k != frame.Refusal {
				err = fmt.Errorf("frame of kind %q", k)
			}
			if err == nil {
				most := int64(resultMax)
				if a.task.Foreign {
					most = foreignMax
				}
				buf, err = in.All(buf, most)
			}
			if err != nil {
				return fmt.Errorf("cannot take a result: %w", err)
			}
			if a.task.Foreign {
				k, buf = a.sound(k, d, buf)
			}
		}
		if err := take(d, k, buf); err != nil {
			return err
		}
	}
	return nil
}

// sound gives what came from a program that is not ours the members that it is to have, or puts an error in its place.
func (a *agent) sound(k frame.Kind, d document, result []byte) (frame.Kind, []byte) {
	if k == frame.Refusal {
		var r struct{ ErrorCode, ErrorMessage string }
		_ = json.Unmarshal(result, &r) // then it has no code
		code, message := job.Refused(r.ErrorCode, r.ErrorMessage)
		return k, refusal(result, code, message)
	}
	b, err := job.Sound(a.task.Setup, result, d.runes)
	if err == nil && d.line >= 0 && a.task.Setup.PII != nil && broken(b) {
		err = errors.New("a line feed in a redacted line: what is behind it would be another document's")
	}
	if err == nil {
		return k, b
	}
	a.unsound.Do(func() { fmt.Fprintln(os.Stderr, "the analyser gave what is no result:", err) }) // the first: the others are as many as it likes
	return frame.Refusal, refusal(result, "INTERNAL_ERROR", "The document could not be analyzed.")
}

// broken says of a result whether it is a redacted text of more than one line.
func broken(result []byte) bool {
	var r struct{ Redacted string }
	return json.Unmarshal(result, &r) == nil && strings.Contains(r.Redacted, "\n")
}

// note writes what came of a document behind what came of those before it.
func (a *agent) note(d document, k frame.Kind, result []byte) error {
	if k == frame.Refusal {
		a.failed.Add(1)
	}
	before := a.scratch.Size()
	if err := a.results(d, k, result); err != nil {
		return err
	}
	a.parts[len(a.parts)-1].size += a.scratch.Size() - before
	a.done.Add(1)
	return a.progress()
}

func refusal(buf []byte, code, message string) []byte {
	j, _ := json.Marshal(map[string]string{"ErrorCode": code, "ErrorMessage": message}) // strings
	return append(buf[:0], j...)
}

// line writes one document's result as AWS writes it: a line of JSON, or the text itself where it was redacted.
func (a *agent) line(d document, k frame.Kind, result []byte) error {
	if p := a.task.Setup.PII; p != nil && p.Mode == "ONLY_REDACTION" && k == frame.Result {
		var r struct{ Redacted *string }
		if err := json.Unmarshal(result, &r); err != nil || r.Redacted == nil {
			return errors.New("cannot read a result: no redacted text")
		}
		text := *r.Redacted
		if d.line >= 0 {
			text += "\n"
		}
		_, err := io.WriteString(a.scratch, text)
		return err
	}
	members, err := own(result)
	if err != nil {
		return fmt.Errorf("cannot read a result: %w", err)
	}
	at := append(a.at[:0], ',')
	if len(members) == 2 { // {}
		at = at[:0]
	}
	if d.file != a.named || a.name == nil {
		if a.name, err = json.Marshal(d.file); err != nil {
			return err
		}
		a.named = d.file
	}
	at = append(append(at, `"File":`...), a.name...)
	switch {
	case d.line >= 0 && a.task.Kind.LineText:
		at = append(strconv.AppendInt(append(at, `,"Line":"`...), int64(d.line), 10), '"')
	case d.line >= 0:
		at = strconv.AppendInt(append(at, `,"Line":`...), int64(d.line), 10)
	}
	a.at = append(at, "}\n"...)
	if _, err := a.scratch.Write(members[:len(members)-1]); err != nil {
		return err
	}
	_, err = a.scratch.Write(a.at)
	return err
}
