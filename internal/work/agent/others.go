package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
	"cloister/internal/work/peer"
)

// others are the instances that learn with this one. nil is none.
type others struct {
	place job.Place
	at    interface {
		Next(ctx context.Context) (io.ReadCloser, error) // what the learner is told next
		Send(r io.Reader) error                          // what it says
		Broken() <-chan *job.Failure
	}
}

// introduce tells the learner who it is.
func (o *others) introduce(w *bufio.Writer) error {
	if o == nil {
		return nil
	}
	b, err := json.Marshal(o.place)
	if err != nil {
		return err
	}
	return frame.Write(w, frame.Mesh, b)
}

func (o *others) broken() <-chan *job.Failure {
	if o == nil {
		return nil
	}
	return o.at.Broken()
}

// why is the failure of the others because of which the learner failed, if there is one.
func (o *others) why(err error) *job.Failure {
	if o == nil || err == nil {
		return nil
	}
	select {
	case f := <-o.at.Broken():
		return f
	default:
		return nil
	}
}

// hear tells the learner what the others say, until that or ctx ends.
func (o *others) hear(ctx context.Context, to io.Writer) {
	for {
		r, err := o.at.Next(ctx)
		if err != nil {
			return // it is broken, or over: a learner that waits for more ends with the pipe
		}
		s := frame.Stream(to, frame.Said)
		_, err = io.Copy(s, r)
		_ = r.Close()
		if err == nil {
			err = s.Close()
		}
		if err != nil { // the learner hears no more, or half a word: it ends with the pipe
			return
		}
	}
}

// tell tells the others what the learner says.
func (o *others) tell(in *frame.Reader) error {
	if o == nil {
		return errors.New("a learner that is alone speaks to others")
	}
	return o.at.Send(in)
}

// learners says how many instances are to learn together.
func (a *agent) learners(list []item) int {
	if a.pool == nil || a.ports.heard == nil {
		return 1
	}
	var total int64
	for _, o := range list {
		total += o.size
	}
	return a.task.Share.Instances(total)
}

// lead has n instances learn together, of which this is the first. Objects stay as they were listed: else it fails.
func (a *agent) lead(ctx context.Context, list []item, n int) *job.Failure {
	group, ln, f := a.call(ctx, n)
	if group == nil {
		a.learnt.stopped = f == nil
		return f
	}
	objects := make([]peer.Object, len(list))
	for i := range list {
		o := &list[i]
		o.pinned = true
		objects[i] = peer.Object{Key: o.key, Tag: o.tag, Size: o.size}
		for j := range a.task.Inputs {
			if o.input == &a.task.Inputs[j] {
				objects[i].Input = j
			}
		}
	}
	c := peer.Convene(ctx, *group, ln, a.pool, a.ports.heard.lost, peer.Cut(objects, false, 1))
	f = a.corpus(ctx, list, &others{place: job.Place{Count: n}, at: c})
	c.Close(f)
	return f
}

// attend is another instance's part: it reads the same input, and what it learns goes to the first one.
func (a *agent) attend(ctx context.Context) *job.Failure {
	a.stop = context.Background()
	s, f := peer.Attend(ctx, *a.task.Group)
	if f != nil {
		a.ports.To.Close()
		return f
	}
	var list []item
	for _, p := range s.Input {
		if p.Input < 0 || p.Input >= len(a.task.Inputs) {
			a.ports.To.Close()
			f = internal("analyse", "The job could not be shared.", errors.New("an object of no input"))
			s.Close(f)
			return f
		}
		in := &a.task.Inputs[p.Input]
		bucket, _ := cut(in.URI)
		list = append(list, item{input: in, bucket: bucket, key: p.Key, size: p.Size, whole: p.Size, tag: p.Tag, pinned: true})
	}
	f = a.corpus(ctx, list, &others{place: s.Place, at: s})
	s.Close(f)
	return f
}
