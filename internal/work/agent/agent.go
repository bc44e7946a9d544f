// Package agent is the program inside a job's network: it fetches documents from S3, feeds the analyser and delivers the
// results. It is the only process of a job that holds credentials, and it never looks into a document.
package agent

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
	"cloister/internal/work/objects"
	"cloister/internal/work/scratch"
)

// Ports are what the cell gives the agent.
type Ports struct {
	Task    io.Reader      // one job.Task as JSON
	Reports io.Writer      // job.Report lines
	To      io.WriteCloser // documents to the analyser
	From    io.Reader      // results from it
	Scratch *scratch.File
}

// Run does the task. stop is cancelled when the job is to be stopped: what was fed until then is still delivered.
// The final report has been written when Run returns.
func Run(ctx, stop context.Context, p Ports) error {
	var t job.Task
	told := json.NewDecoder(io.LimitReader(p.Task, 1<<20))
	if err := told.Decode(&t); err != nil {
		return fmt.Errorf("cannot read the task: %w", err)
	}
	a := &agent{task: t, ports: p, stop: stop, told: told, out: json.NewEncoder(p.Reports)}
	f := a.run(ctx)
	r := job.Report{Documents: a.done.Load(), Failed: a.failed.Load(), Final: true, Stopped: f == nil && stop.Err() != nil, Err: f}
	return a.out.Encode(r)
}

type agent struct {
	task         job.Task
	ports        Ports
	stop         context.Context
	told         *json.Decoder // fresh credentials follow the task
	s3           *objects.Client
	out          *json.Encoder
	fed          int64
	done, failed atomic.Int64
}

func (a *agent) run(ctx context.Context) *job.Failure {
	var err error
	if a.s3, err = objects.New(a.task.Region, a.task.Creds, a.task.CA, "cloister-job/"+a.task.Job); err != nil {
		return internal("list", "The job could not be prepared.", err)
	}
	go func() {
		for {
			var c job.Credentials
			if a.told.Decode(&c) != nil {
				return
			}
			a.s3.Renew(c)
		}
	}()
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(a.task.Inputs[0].URI, "s3://"), "/")
	var list []objects.Object
	var total int64
	err = a.s3.List(ctx, bucket, prefix, func(o objects.Object) error {
		if o.Size == 0 && strings.HasSuffix(o.Key, "/") {
			return nil // a folder's marker
		}
		list, total = append(list, o), total+o.Size
		if total > a.task.Kind.Limits.Total || int64(len(list)) > a.task.Kind.Limits.Documents {
			return errLimit
		}
		return nil
	})
	switch {
	case errors.Is(err, errLimit):
		return &job.Failure{Code: "INPUT_LIMIT_EXCEEDED", Message: fmt.Sprintf("The input exceeds %d bytes or %d documents.", a.task.Kind.Limits.Total, a.task.Kind.Limits.Documents), Stage: "list", Cause: "limit"}
	case err != nil:
		return a.failure("list", err)
	case len(list) == 0:
		return &job.Failure{Code: "NO_INPUT_FOUND", Message: "No object begins with the input S3 URI " + a.task.Inputs[0].URI + ".", Stage: "list", Cause: "missing"}
	}
	// One side feeds documents, the other takes results; the queue says whose result comes next.
	queue := make(chan document, 1024)
	fctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var fed error
	go func() {
		defer close(queue)
		defer a.ports.To.Close()
		fed = a.feed(fctx, bucket, list, queue)
	}()
	taken := a.collect(queue)
	cancel()
	for range queue { // the queue's end is the feeder's end: fed is set
	}
	switch {
	case taken != nil: // a feeder that was cut off then has nothing of its own to say
		return internal("analyse", "The documents could not be analyzed.", taken)
	case errors.Is(fed, errLimit):
		return &job.Failure{Code: "INPUT_LIMIT_EXCEEDED", Message: fmt.Sprintf("The input has more than %d documents.", a.task.Kind.Limits.Documents), Stage: "read", Cause: "limit"}
	case errors.Is(fed, errAnalyser):
		return internal("analyse", "The documents could not be analyzed.", fed)
	case fed != nil:
		return a.failure("read", fed)
	}
	if err := a.deliver(ctx); err != nil {
		return a.failure("write", err)
	}
	return nil
}

var (
	errLimit    = errors.New("input limit")
	errStop     = errors.New("stopped") // ends the feeding without being a failure
	errEncoding = errors.New("not UTF-8")
	errAnalyser = errors.New("the analyser does not take documents")
)

func internal(stage, message string, err error) *job.Failure {
	return &job.Failure{Code: "INTERNAL_ERROR", Message: message, Stage: stage, Cause: "internal", Detail: err.Error()}
}

// feed gives every document of the objects to the analyser and to the queue.
func (a *agent) feed(ctx context.Context, bucket string, list []objects.Object, queue chan<- document) error {
	w := bufio.NewWriterSize(a.ports.To, 256<<10)
	setup, err := json.Marshal(a.task.Setup)
	if err != nil {
		return err
	}
	if err := frame.Write(w, frame.Setup, setup); err != nil {
		return fmt.Errorf("%w: %w", errAnalyser, err)
	}
	give := func(d document) error {
		if a.stop.Err() != nil {
			return errStop
		}
		if a.fed++; a.fed > a.task.Kind.Limits.Documents {
			return errLimit
		}
		text := d.text
		d.text, d.bad = nil, !utf8.Valid(text)
		// The document goes first: a result must never be awaited that nobody was asked for.
		if !d.bad && !d.long {
			if err := frame.Write(w, frame.Document, text); err != nil {
				return fmt.Errorf("%w: %w", errAnalyser, err)
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
	for _, o := range list {
		err := a.object(ctx, bucket, o, give)
		if errors.Is(err, errStop) {
			break
		}
		if err != nil && !errors.Is(err, errEncoding) { // the rest of a file that is not UTF-8 is ignored
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errAnalyser, err)
	}
	return nil
}

func (a *agent) object(ctx context.Context, bucket string, o objects.Object, give func(document) error) error {
	body, err := a.s3.Get(ctx, bucket, o.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	name := path.Base(o.Key)
	if a.task.Inputs[0].Format == "ONE_DOC_PER_LINE" {
		return lines(body, a.task.Kind.Limits.Document, func(n int, text []byte, long bool) error {
			return give(document{file: name, line: n, text: text, long: long})
		})
	}
	text, long, err := whole(body, a.task.Kind.Limits.Document)
	if err != nil {
		return err
	}
	return give(document{file: name, line: -1, text: text, long: long})
}

// resultMax bounds the result of one document, in bytes: each of its words may be a mention with a score.
const resultMax = 256 << 20

// collect writes one line for every document of the queue, in its order.
func (a *agent) collect(queue <-chan document) error {
	in := frame.NewReader(bufio.NewReaderSize(a.ports.From, 256<<10))
	var buf []byte
	last := time.Now()
	for d := range queue {
		res := map[string]any{}
		switch {
		case d.bad:
			res["ErrorCode"], res["ErrorMessage"] = "UNSUPPORTED_ENCODING", "Document is not in UTF-8 format and all subsequent lines are ignored."
			a.failed.Add(1)
		case d.long:
			res["ErrorCode"], res["ErrorMessage"] = "DOCUMENT_SIZE_EXCEEDED", fmt.Sprintf("Document size exceeds maximum size limit %d bytes.", a.task.Kind.Limits.Document)
			a.failed.Add(1)
		default:
			k, err := in.Next()
			if err == nil && k != frame.Result && k != frame.Refusal {
				err = fmt.Errorf("frame of kind %q", k)
			}
			if err == nil {
				buf, err = in.All(buf, resultMax)
			}
			if err != nil {
				return fmt.Errorf("cannot take a result: %w", err)
			}
			var m map[string]json.RawMessage
			if err := json.Unmarshal(buf, &m); err != nil {
				return fmt.Errorf("cannot read a result: %w", err)
			}
			for key, v := range m {
				res[key] = v
			}
			if k == frame.Refusal {
				a.failed.Add(1)
			}
		}
		res["File"] = d.file // last: an analyser that read one document must not speak for another
		delete(res, "Line")
		if d.line >= 0 {
			res["Line"] = d.line
		}
		j, err := json.Marshal(res)
		if err != nil {
			return err
		}
		if _, err := a.ports.Scratch.Write(append(j, '\n')); err != nil {
			return err
		}
		a.done.Add(1)
		if now := time.Now(); now.Sub(last) > time.Second {
			last = now
			if err := a.out.Encode(job.Report{Documents: a.done.Load(), Failed: a.failed.Load()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver packs the results as AWS does (one file in a tar.gz) and uploads them while they are packed.
func (a *agent) deliver(ctx context.Context) error {
	src, err := a.ports.Scratch.Reader()
	if err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(a.task.OutputURI, "s3://"), "/")
	pr, pw := io.Pipe()
	go func() {
		gz := gzip.NewWriter(pw)
		tw := tar.NewWriter(gz)
		err := tw.WriteHeader(&tar.Header{Name: a.task.Kind.Member, Mode: 0o644, Size: a.ports.Scratch.Size(), ModTime: time.Now(), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = io.Copy(tw, src)
		}
		if err == nil {
			err = tw.Close()
		}
		if err == nil {
			err = gz.Close()
		}
		pw.CloseWithError(err)
	}()
	err = a.s3.Put(ctx, bucket, key, "application/x-gzip", pr)
	pr.CloseWithError(err)
	return err
}

// failure says in AWS's words what kept the agent from S3. Stage is list, read or write.
func (a *agent) failure(stage string, err error) *job.Failure {
	f := &job.Failure{Stage: stage, Detail: err.Error(), Code: "NO_READ_ACCESS_TO_INPUT",
		Message: "The provided data access role does not have proper access to the input data."}
	if stage == "write" {
		f.Code, f.Message = "NO_WRITE_ACCESS_TO_OUTPUT", "The provided data access role does not have write access to the output S3 URI"
	}
	var se *objects.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &se):
		f.RequestID, f.Cause = se.RequestID, "denied"
		if se.Status == 404 {
			f.Cause = "missing"
		} else if se.Status >= 500 {
			f.Cause, f.Code, f.Message = "internal", "INTERNAL_ERROR", "S3 could not serve the job."
		}
	case errors.As(err, &dns):
		f.Cause = "unresolved"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNRESET), isTimeout(err):
		f.Cause = "unreachable"
	default:
		f.Cause, f.Code, f.Message = "internal", "INTERNAL_ERROR", "The job failed while it moved its data."
	}
	return f
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
