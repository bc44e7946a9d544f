package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"cloister/internal/core/job"
	"cloister/internal/work/objects"
)

// item is one object of the input.
type item struct {
	input       *job.Input
	bucket, key string
	size        int64
	tag         string // its ETag
	pinned      bool   // another ETag is another object
	whole       int64  // bytes of the object of which this is a stretch
	from, to    int64  // the lines that begin there; both 0: all
}

// name is how results call it: the last part of its key.
func (o item) name() string { return path.Base(o.key) }

// place is its key below the folder that the input's URI names, by which objects of one name in several folders are told apart.
func (o item) place() string {
	_, prefix := cut(o.input.URI)
	return o.key[strings.LastIndexByte(prefix, '/')+1:]
}

func (o item) uri() string { return "s3://" + o.bucket + "/" + o.key }

func cut(uri string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	return bucket, key
}

// list finds every object of the inputs, in the order of inputs and keys.
func (a *agent) list(ctx context.Context) ([]item, *job.Failure) {
	var all []item
	var total int64
	l := a.task.Kind.Limits
	for i := range a.task.Inputs {
		in := &a.task.Inputs[i]
		bucket, prefix := cut(in.URI)
		before := len(all)
		err := a.s3.List(ctx, bucket, prefix, func(o objects.Object) error {
			if o.Size == 0 && (strings.HasSuffix(o.Key, "/") || path.Base(o.Key) == accessFile) {
				return nil // a folder's marker, or what another job left where the output is also input
			}
			all, total = append(all, item{input: in, bucket: bucket, key: o.Key, size: o.Size, tag: o.Tag}), total+o.Size
			if total > l.Total || int64(len(all)) > l.Documents {
				return errLimit
			}
			return nil
		})
		switch {
		case errors.Is(err, errLimit):
			return nil, &job.Failure{Code: "INPUT_LIMIT_EXCEEDED", Message: fmt.Sprintf("The input exceeds %d bytes or %d documents.", l.Total, l.Documents), Stage: "list", Cause: "limit"}
		case err != nil:
			return nil, a.failure("list", err)
		case len(all) == before:
			return nil, &job.Failure{Code: "NO_INPUT_FOUND", Message: "No object begins with the input S3 URI " + in.URI + ".", Stage: "list", Cause: "missing"}
		}
	}
	return all, nil
}

// Small objects are fetched ahead of their turn, several at once: what they wait for is the network. So much memory is held at most:
// ahead times small.
const (
	ahead = 32
	small = 1 << 20
)

// fetched is an object that is there. A body of nil is one to be opened when its turn comes.
type fetched struct {
	body io.ReadCloser
	err  error
}

// each opens every object in its order.
func (a *agent) each(ctx context.Context, list []item, f func(item, io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan fetched, ahead-1)
	go func() {
		for _, o := range list {
			slot := make(chan fetched, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return
			}
			if o.size > small {
				slot <- fetched{}
				continue
			}
			go func() { slot <- a.fetch(ctx, o) }()
		}
	}()
	for _, o := range list {
		if a.stop.Err() != nil {
			return errStop
		}
		got := <-<-queue
		if got.err == nil && got.body == nil {
			got.body, got.err = a.open(ctx, o)
		}
		if got.err != nil {
			return &lost{o.uri(), got.err}
		}
		err := f(o, reading{got.body, o})
		_ = got.body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch reads a small object whole. One that has grown since it was listed is read again in its turn.
func (a *agent) fetch(ctx context.Context, o item) fetched {
	body, err := a.open(ctx, o)
	if err != nil {
		return fetched{err: err}
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, small+1))
	if err != nil {
		return fetched{err: err}
	}
	if len(b) > small {
		return fetched{}
	}
	return fetched{body: io.NopCloser(bytes.NewReader(b))}
}

// reading tells errors of an object's bytes from those of who takes them.
type reading struct {
	io.Reader
	of item
}

func (r reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &lost{r.of.uri(), err}
	}
	return n, err
}
