package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
	"cloister/internal/work/peer"
)

// heard is what comes after the task.
type heard struct {
	group chan job.Group
	lost  chan int
}

func newHeard() *heard { return &heard{group: make(chan job.Group, 1), lost: make(chan int, 64)} }

// listen hears words until they end.
func (h *heard) listen(told *json.Decoder, renew func(job.Credentials)) {
	defer close(h.lost)
	for {
		var w job.Word
		if told.Decode(&w) != nil {
			return
		}
		if w.Creds != nil {
			renew(*w.Creds)
		}
		if w.Group != nil {
			select {
			case h.group <- *w.Group:
			default: // there is one
			}
		}
		for _, i := range w.Lost {
			select {
			case h.lost <- i:
			default: // nobody listens
			}
		}
	}
}

// shards cuts the input, and says how many instances are to share it.
func (a *agent) shards(list []item) ([]peer.Shard, int) {
	if a.pool == nil || a.ports.heard == nil || len(a.task.Inputs) != 1 {
		return nil, 1
	}
	var total int64
	objects := make([]peer.Object, len(list))
	for i, o := range list {
		objects[i] = peer.Object{Key: o.key, Tag: o.tag, Size: o.size}
		total += o.size
	}
	n := a.task.Share.Instances(total)
	if n < 2 {
		return nil, 1
	}
	shards := peer.Cut(objects, a.task.Inputs[0].Format == perLine, n)
	return shards, min(n, len(shards))
}

// ended is the kind of a record after which nothing of its file counts. Other kinds are those of frames.
const ended = 'U'

// shared has the documents analysed by n instances, of which this is the first.
func (a *agent) shared(ctx context.Context, list []item, shards []peer.Shard, n int) *job.Failure {
	defer a.ports.To.Close()
	l := &peer.Lead{Shards: shards, Pool: a.pool, Do: a.desk(), Lost: a.ports.heard.lost}
	stop := a.stop
	group, ln, f := a.call(ctx, n)
	if group == nil {
		return f
	}
	l.Group = *group
	a.stop = context.Background() // what was handed out is ended
	bad := -1
	begin := func(object int) {
		for len(a.parts) <= object {
			a.parts = append(a.parts, part{name: list[len(a.parts)].place()})
		}
	}
	l.Take = func(p peer.Part, r peer.Record) error {
		begin(p.Object)
		k := frame.Kind(r.Kind)
		switch {
		case p.Object == bad: // the rest of a file that is not UTF-8 is ignored
			return nil
		case r.Kind == ended:
			bad, k = p.Object, frame.Refusal
		case k != frame.Result && k != frame.Refusal:
			return fmt.Errorf("record of kind %q", r.Kind)
		}
		if a.done.Load() >= a.task.Kind.Limits.Documents {
			return &peer.Told{Failure: a.tooMany()}
		}
		return a.note(document{file: list[p.Object].name(), line: r.Line}, k, r.Body)
	}
	if f := l.Run(ctx, stop, ln); f != nil {
		return f
	}
	if stop.Err() == nil {
		begin(len(list) - 1)
	}
	return nil
}

// call asks for n instances and opens the door to them. No group and no failure: the job was stopped meanwhile.
func (a *agent) call(ctx context.Context, n int) (*job.Group, net.Listener, *job.Failure) {
	const sentence = "The job could not be shared."
	if err := a.say(job.Report{Instances: n}); err != nil {
		return nil, nil, internal("analyse", sentence, err)
	}
	select {
	case g := <-a.ports.heard.group:
		ln, err := net.Listen("tcp4", g.Leader.String())
		if err != nil {
			return nil, nil, internal("analyse", sentence, err)
		}
		return &g, ln, nil
	case <-a.stop.Done():
		return nil, nil, nil
	case <-ctx.Done():
		return nil, nil, internal("analyse", sentence, ctx.Err())
	}
}

// serve is another instance's part: to do what the first one hands out.
func (a *agent) serve(ctx context.Context) *job.Failure {
	if a.task.Kind.Corpus {
		return a.attend(ctx)
	}
	defer a.ports.To.Close()
	a.stop = context.Background()
	return peer.Serve(ctx, *a.task.Group, a.desk())
}

// desk has shards analysed, one after the other, by the one analyser that there is.
func (a *agent) desk() peer.Do {
	w, from := bufio.NewWriterSize(a.ports.To, 256<<10), bufio.NewReaderSize(a.ports.From, 256<<10)
	in, begun := frame.NewReader(from), false
	return func(ctx context.Context, s peer.Shard, emit func(peer.Record) error) *job.Failure {
		if !begun {
			begun = true
			if err := a.begin(w); err != nil {
				return a.outcome(nil, err)
			}
		}
		list := make([]item, len(s.Parts))
		bucket, _ := cut(a.task.Inputs[0].URI)
		for i, p := range s.Parts {
			list[i] = item{input: &a.task.Inputs[0], bucket: bucket, key: p.Key, size: p.Size, whole: p.Size, tag: p.Tag, pinned: true, from: p.From, to: p.To}
			if !p.Whole() {
				list[i].size = p.To - p.From
			}
		}
		queue := make(chan document, 1024)
		fctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var fed error
		go func() {
			defer close(queue)
			fed = a.feed(fctx, w, list, queue)
		}()
		at := -1
		taken := a.collect(in, queue, func(d document, k frame.Kind, result []byte) error {
			if d.begins {
				at++
				return nil
			}
			r := peer.Record{Part: at, Line: d.line, Kind: byte(k), Body: result}
			if d.bad {
				r.Kind = ended
			}
			return emit(r)
		})
		cancel()
		for range queue { // as in documents
		}
		if taken == nil && fed == nil && from.Buffered() > 0 { // of what has come by now; documents waits for what may follow
			taken = errSurplus
		}
		return a.outcome(taken, fed)
	}
}

// open opens an object, or the lines of a stretch of it.
func (a *agent) open(ctx context.Context, o item) (io.ReadCloser, error) {
	switch {
	case !o.pinned:
		return a.s3.Get(ctx, o.bucket, o.key)
	case o.to == 0:
		return a.s3.Range(ctx, o.bucket, o.key, o.tag, 0, 0)
	}
	s := &stretch{at: max(o.from-1, 0), next: o.to + 64<<10, size: o.whole, open: func(from, to int64) (io.ReadCloser, error) {
		return a.s3.Range(ctx, o.bucket, o.key, o.tag, from, to)
	}}
	if err := s.more(); err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{peer.Window(s, o.from, o.to), s}, nil
}

// stretch reads an object from at on, by one request for what is expected and further ones for what a long line needs.
type stretch struct {
	open     func(from, to int64) (io.ReadCloser, error)
	body     io.ReadCloser
	at, next int64 // of the next byte; where the request ends
	size     int64 // of the object
}

// further is how much is asked for when a line goes on, in bytes.
const further = 1 << 20

func (s *stretch) more() (err error) {
	s.body, err = s.open(s.at, s.next)
	return err
}

// Read satisfies io.Reader.
func (s *stretch) Read(p []byte) (int, error) {
	for {
		n, err := s.body.Read(p)
		s.at += int64(n)
		if n > 0 || !errors.Is(err, io.EOF) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		if s.at >= s.size {
			return 0, io.EOF
		}
		_ = s.body.Close()
		s.next = s.at + further
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// Close satisfies io.Closer.
func (s *stretch) Close() error { return s.body.Close() }
