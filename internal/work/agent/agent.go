// Package agent is the program inside a job's network: it fetches documents from S3, feeds the analyser and delivers the
// results. It is the only process of a job that holds credentials, and it never looks into a document.
//
// One side feeds the analyser, another takes what comes back into the sealed scratch; when all is there, the scratch is delivered in the
// layout of the job's kind. So a job that fails has delivered nothing.
package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/objects"
	"cloister/internal/work/scratch"
)

// Ports are what the cell gives the agent.
type Ports struct {
	Task    io.Reader       // one job.Task as JSON, fresh credentials after it
	Reports io.Writer       // job.Report lines
	To      io.WriteCloser  // setup, documents and objects to the analyser
	From    io.Reader       // results from it
	Scratch *os.File        // empty
	Model   func() *os.File // the sealed model that Task.Artifact speaks of; only asked for then
	Pieces  func() *os.File // empty; only asked for where Task.Share allows several instances

	heard *heard
}

// Store is what the agent needs of S3. Errors are those of package objects.
type Store interface {
	List(ctx context.Context, bucket, prefix string, f func(objects.Object) error) error
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
	Range(ctx context.Context, bucket, key, tag string, from, to int64) (io.ReadCloser, error)
	Put(ctx context.Context, bucket, key, contentType string, body io.Reader) error
}

// Run does the task. stop is cancelled when the job is to be stopped: an analysis still delivers what was fed until then, a training
// leaves nothing. The final report has been written when Run returns.
func Run(ctx, stop context.Context, p Ports) error {
	var t job.Task
	told := json.NewDecoder(io.LimitReader(p.Task, 16<<20))
	if err := told.Decode(&t); err != nil {
		return fmt.Errorf("cannot read the task: %w", err)
	}
	s3, err := objects.New(t.Region, t.Creds, t.CA, "cloister-job/"+t.Job)
	if err != nil {
		return (&agent{ports: p}).last(job.Report{Err: internal("list", "The job could not be prepared.", err)})
	}
	s3.Seal(t.OutputKey)
	p.heard = newHeard()
	go p.heard.listen(told, s3.Renew)
	return work(ctx, stop, p, &t, s3)
}

func work(ctx, stop context.Context, p Ports, t *job.Task, s3 Store) error {
	a := &agent{task: t, ports: p, stop: stop, s3: s3}
	f := a.run(ctx)
	r := job.Report{Documents: a.done.Load(), Failed: a.failed.Load(), Err: f}
	if f == nil {
		r.Stopped, r.Artifact, r.Result = stop.Err() != nil, a.learnt.sealed, a.learnt.result
	}
	return a.last(r)
}

type agent struct {
	task    *job.Task
	ports   Ports
	stop    context.Context
	s3      Store
	scratch *scratch.File
	pool    *scratch.Pool // of an instance that may lead
	fed     int64
	parts   []part // of the scratch, in its order
	learnt  lesson
	deaf    error  // the analyser could not be told its task
	at      []byte // the end of a line
	named   string // what name is of
	name    []byte // in JSON

	done, failed atomic.Int64
	unsound      sync.Once

	mu   sync.Mutex // of the reports
	said time.Time  // when the last one was written
	over bool       // it was the final one
}

// part is a stretch of the scratch that is delivered under a name of its own.
type part struct {
	name string
	size int64
}

func (a *agent) run(ctx context.Context) *job.Failure {
	var err error
	if a.scratch, err = scratch.New(a.ports.Scratch, a.task.Volume); err != nil {
		return internal("analyse", "The job could not be prepared.", err)
	}
	if a.task.Share.Max > 1 {
		if a.pool, err = scratch.NewPool(a.ports.Pieces(), a.task.Volume); err != nil {
			return internal("analyse", "The job could not be prepared.", err)
		}
	}
	clear(a.task.Volume)
	a.greet()
	if a.task.Group != nil {
		return a.serve(ctx)
	}
	list, f := a.list(ctx) // first: where S3 can't be reached at all, it is the input that can't be read
	if f != nil {
		return f
	}
	if f := a.probe(ctx); f != nil {
		return f
	}
	if n := a.learners(list); a.task.Kind.Corpus && n > 1 {
		f = a.lead(ctx, list, n)
	} else if a.task.Kind.Corpus {
		f = a.corpus(ctx, list, nil)
	} else if shards, n := a.shards(list); n > 1 {
		f = a.shared(ctx, list, shards, n)
	} else {
		f = a.documents(ctx, list)
	}
	if f != nil || a.task.OutputURI == "" || a.learnt.stopped {
		return f
	}
	if err := a.deliver(ctx); err != nil {
		return a.failure("write", err)
	}
	return nil
}

// progress reports how far the job is, once a second.
func (a *agent) progress() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.over || now.Sub(a.said) < time.Second {
		return nil
	}
	a.said = now
	return json.NewEncoder(a.ports.Reports).Encode(job.Report{Documents: a.done.Load(), Failed: a.failed.Load()})
}

// say writes a report that is not the final one.
func (a *agent) say(r job.Report) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return json.NewEncoder(a.ports.Reports).Encode(r)
}

// last writes the final report.
func (a *agent) last(r job.Report) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over, r.Final = true, true
	return json.NewEncoder(a.ports.Reports).Encode(r)
}
