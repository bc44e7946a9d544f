package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/scratch"
)

// saidMax bounds what one learner says at a time, in bytes: twice the weights that it may have.
const saidMax = 1 << 30

// enrolment tells another instance of a learning who it is, and how many messages say what the input is.
type enrolment struct {
	Place  job.Place
	Shards int
}

// Council is the first instance's end of what learners tell each other. The others' words wait in the pool until it is their turn; a word
// of the first one goes to all others. It knows nothing of what is said.
type Council struct {
	group  job.Group
	pool   *scratch.Pool
	input  []Shard
	words  []chan *scratch.Piece // by instance; of the first one nil
	broken chan *job.Failure
	over   context.CancelFunc
	all    sync.WaitGroup
	ln     net.Listener
	turn   int

	mu    sync.Mutex
	links map[int]*link
	done  map[int]bool // that have no more to say
}

// Convene lets the others in, who come to ln, and tells them the input. Each reads all of it. lost says which of them ended.
func Convene(ctx context.Context, g job.Group, ln net.Listener, pool *scratch.Pool, lost <-chan int, input []Shard) *Council {
	ctx, cancel := context.WithCancel(ctx)
	c := &Council{group: g, pool: pool, input: input, words: make([]chan *scratch.Piece, len(g.Peers)+1), broken: make(chan *job.Failure, 1), over: cancel, ln: ln,
		links: map[int]*link{}, done: map[int]bool{}}
	for i := range g.Peers {
		c.words[i] = make(chan *scratch.Piece, 1)
	}
	c.all.Go(func() {
		came := map[int]bool{}
		var mu sync.Mutex
		err := admit(ctx, g, ln, func(i int) (bool, bool) {
			mu.Lock()
			defer mu.Unlock()
			if came[i] {
				return false, false
			}
			came[i] = true
			return true, len(came) == len(g.Peers)
		}, func(i int, conn net.Conn) { c.session(ctx, i, conn) })
		if len(came) < len(g.Peers) && ctx.Err() == nil {
			c.fail(missed(0, err.Error()))
		}
	})
	c.all.Go(func() { c.watch(ctx, lost) })
	return c
}

func missed(instance int, detail string) *job.Failure {
	return &job.Failure{Code: "INTERNAL_ERROR", Message: "An instance of the job was lost.", Stage: "analyse", Cause: "internal", Detail: fmt.Sprintf("instance %d: %s", instance, detail), Instance: instance}
}

func (c *Council) fail(f *job.Failure) {
	select {
	case c.broken <- f:
	default: // the first one counts
	}
}

// watch ends the patience with who does not come, and hears of instances that ended: without one's share nothing can be learnt.
func (c *Council) watch(ctx context.Context, lost <-chan int) {
	late := time.NewTimer(absentLimit)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case i, ok := <-lost:
			if !ok {
				lost = nil
				break
			}
			c.mu.Lock()
			done := c.done[i]
			c.mu.Unlock()
			if !done {
				c.fail(missed(i, "it ended"))
			}
		case <-late.C:
			c.mu.Lock()
			for i := range c.group.Peers {
				if c.links[i] == nil {
					c.fail(&job.Failure{Code: "INVALID_VPC_CONFIG", Stage: "join", Cause: "unreachable", Detail: "it did not come", Instance: i, Message: Apart})
				}
			}
			c.mu.Unlock()
		}
	}
}

func (c *Council) session(ctx context.Context, i int, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k := newLink(conn, silence)
	var beats sync.WaitGroup
	beats.Go(func() { k.beat(ctx, beatEvery) })
	c.mu.Lock()
	c.links[i] = k
	c.mu.Unlock()
	err := k.sendJSON(msgEnrol, enrolment{job.Place{Index: i, Count: len(c.group.Peers) + 1}, len(c.input)})
	for j := 0; j < len(c.input) && err == nil; j++ {
		err = k.sendJSON(msgTask, c.input[j])
	}
	if err == nil {
		err = c.listen(k, i)
	}
	c.mu.Lock()
	done := c.done[i]
	c.mu.Unlock()
	if !done && ctx.Err() == nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the connection ended")
		}
		c.fail(missed(i, err.Error()))
	}
	cancel()
	beats.Wait()
}

// listen takes what an instance says, which waits for the first one in the pool.
func (c *Council) listen(k *link, i int) error {
	p := c.pool.New()
	defer func() { p.Free() }()
	for {
		kind, body, err := k.receive()
		if err != nil {
			return err
		}
		switch kind {
		case msgSay:
			if p.Size()+int64(len(body)) > saidMax {
				return errMessage
			}
			if _, err := p.Write(body); err != nil {
				return err
			}
		case msgSaid:
			c.mu.Lock()
			done := c.done[i]
			c.mu.Unlock()
			if done {
				return errMessage
			}
			select {
			case c.words[i] <- p:
				p = c.pool.New()
			default: // it was not answered yet
				return errMessage
			}
		case msgDone:
			var d done
			if err := json.Unmarshal(body, &d); err != nil {
				return errors.Join(errMessage, err)
			}
			c.mu.Lock()
			twice := c.done[i]
			c.done[i] = true
			c.mu.Unlock()
			if twice {
				return errMessage
			}
			close(c.words[i])
			if d.Failure != nil {
				d.Failure.Instance = i
				c.fail(d.Failure)
			}
		default:
			return errMessage
		}
	}
}

// Next gives what another instance's learner said: in the order of the instances, again and again. io.EOF: that one says no more.
func (c *Council) Next(ctx context.Context) (io.ReadCloser, error) {
	c.turn = c.turn%len(c.group.Peers) + 1
	select {
	case p, ok := <-c.words[c.turn]:
		if !ok {
			return nil, io.EOF
		}
		r, err := p.Reader()
		if err != nil {
			p.Free()
			return nil, err
		}
		return word{r, p}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// word is a piece that is freed when it is closed.
type word struct {
	io.Reader
	p *scratch.Piece
}

func (w word) Close() error { w.p.Free(); return nil }

// Send tells all others what the first one's learner said.
func (c *Council) Send(r io.Reader) error {
	c.mu.Lock()
	links := make([]*link, 0, len(c.links))
	for i := 1; i <= len(c.group.Peers); i++ {
		if k := c.links[i]; k != nil {
			links = append(links, k)
		}
	}
	c.mu.Unlock()
	if len(links) < len(c.group.Peers) {
		return errMessage // a learner that answers nobody
	}
	return say(r, links...)
}

func say(r io.Reader, to ...*link) error {
	buf := make([]byte, resultSize)
	sum := int64(0)
	for {
		n, err := io.ReadFull(r, buf)
		if sum += int64(n); sum > saidMax {
			return errMessage
		}
		for _, k := range to {
			if n > 0 {
				if err := k.send(msgSay, buf[:n]); err != nil {
					return err
				}
			}
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return err
		}
		for _, k := range to {
			if err := k.send(msgSaid, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// Broken gives why it cannot go on.
func (c *Council) Broken() <-chan *job.Failure { return c.broken }

// Close tells the others that it is over. How it ended is the first one's to say.
func (c *Council) Close(*job.Failure) {
	late := time.AfterFunc(2*time.Second, c.over) // who does not listen
	defer late.Stop()
	c.mu.Lock()
	links := slices.Collect(maps.Values(c.links))
	c.mu.Unlock()
	for _, k := range links {
		_ = k.send(msgEnd, nil)
	}
	c.ln.Close()
	c.over()
	c.all.Wait()
}
