package peer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/scratch"
)

// Lead is the first instance's part.
type Lead struct {
	Group  job.Group
	Shards []Shard
	Pool   *scratch.Pool            // keeps records until it is their turn
	Do     Do                       // this instance works too
	Take   func(Part, Record) error // lines are counted from the object's beginning
	Lost   <-chan int               // instances that ended
}

// strangers is how many connections may be at their handshake at once: of the instances' addresses, which others in the VPC cannot have.
const strangers = 32

// Run shares the shards with all who come to ln, which it closes, and takes the records of all shards in the input's order, in this
// goroutine. When stop ends, it hands out no more. A lost instance's shards are done by the others.
func (l *Lead) Run(ctx, stop context.Context, ln net.Listener) *job.Failure {
	var peers []int
	for i := range l.Group.Peers {
		peers = append(peers, i)
	}
	b := newBoard(l.Shards, peers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		b.fail(lostFailure("the instance is ended"))
	})()
	defer context.AfterFunc(stop, func() { b.change(func() { b.stopped = true }) })()
	var all sync.WaitGroup
	all.Go(func() { l.watch(ctx, b) })
	all.Go(func() { l.accept(ctx, b, ln) })
	local := make(chan struct{})
	go func() { defer close(local); l.work(ctx, b) }()
	f := l.merge(b)
	// The others are told that it is over by their own goroutines; what hangs in this instance's analyser is left to its end.
	ln.Close()
	late := time.AfterFunc(2*time.Second, cancel)
	all.Wait()
	late.Stop()
	cancel()
	select {
	case <-local:
	case <-time.After(2 * time.Second):
	}
	return f
}

func (l *Lead) merge(b *board) *job.Failure {
	lines := 0 // of the object, before the shard
	for {
		i, p, ok := b.due()
		if !ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.failure
		}
		r, err := p.Reader()
		s := l.Shards[i]
		if s.Parts[0].From == 0 {
			lines = 0
		}
		base := lines
		if err == nil {
			err = records(r, len(s.Parts), func(r Record) error {
				if r.Line >= 0 && !s.Parts[r.Part].Whole() {
					r.Line += base
					lines = r.Line + 1
				}
				return l.Take(s.Parts[r.Part], r)
			})
		}
		if err != nil {
			f := lostFailure(err.Error())
			var told *Told
			if errors.As(err, &told) {
				f = told.Failure
			}
			b.fail(f)
			return f
		}
		b.merged()
	}
}

// Told is an error of Take that ends the job with a failure of its own.
type Told struct{ *job.Failure }

func (t *Told) Error() string { return t.Code }

func lostFailure(detail string) *job.Failure {
	return &job.Failure{Code: "INTERNAL_ERROR", Message: "The documents could not be analyzed.", Stage: "analyse", Cause: "internal", Detail: detail}
}

func vanished(instance int, detail string) *job.Failure {
	f := lostFailure(fmt.Sprintf("instance %d: %s", instance, detail))
	f.Instance = instance
	return f
}

// watch hears of instances that ended, ends the patience with those that do not come, and lets claims be made anew.
func (l *Lead) watch(ctx context.Context, b *board) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	late := time.NewTimer(absentLimit)
	defer late.Stop()
	lost := l.Lost
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.ended:
			return
		case i, ok := <-lost:
			if !ok {
				lost = nil
				break
			}
			b.gone(i)
		case <-t.C:
			b.change(func() {})
		case <-late.C:
			b.change(func() {
				for i := range b.absent {
					b.end(&job.Failure{Code: "INVALID_VPC_CONFIG", Stage: "join", Cause: "unreachable", Detail: "it did not come", Instance: i, Message: Apart})
				}
			})
		}
	}
}

// work is what this instance does itself.
func (l *Lead) work(ctx context.Context, b *board) {
	for {
		i, ok := b.claim(func() bool { return false }, func(int) bool { return false }, time.Now)
		if !ok {
			return
		}
		p := l.Pool.New()
		var buf []byte
		f := l.Do(ctx, l.Shards[i], func(r Record) error {
			buf = appendRecord(buf[:0], r)
			_, err := p.Write(buf)
			return err
		})
		if f == nil {
			b.give(i, p)
			continue
		}
		p.Free()
		if f.Cause != "internal" {
			b.fail(f)
			return
		}
		b.lost(i, f)
		b.leave(f)
		return
	}
}

// accept lets instances in, each once. Who comes from elsewhere is hung up on, so that nobody in the VPC keeps the instances out by connections
// that say nothing; everybody else's handshake fails. It listens until all have come.
func (l *Lead) accept(ctx context.Context, b *board, ln net.Listener) {
	err := admit(ctx, l.Group, ln, func(i int) (came, last bool) {
		b.change(func() {
			came = b.absent[i]
			delete(b.absent, i)
			last = len(b.absent) == 0
		})
		return came, last
	}, func(i int, conn net.Conn) { l.session(ctx, b, i, conn) })
	b.mu.Lock()
	early := len(b.absent) > 0
	b.mu.Unlock()
	if early {
		b.fail(lostFailure("cannot listen: " + err.Error()))
	}
}

// admit lets instances in until ln is closed, which it does itself after the last one. comes says of an instance that has shown its key whether
// it may come in, and whether it is the last; session is one that did, and admit returns when all of them have ended.
func admit(ctx context.Context, g job.Group, ln net.Listener, comes func(int) (came, last bool), session func(int, net.Conn)) error {
	c, err := config(g)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, strangers)
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		if !slices.Contains(g.From, origin(conn)) {
			conn.Close()
			continue
		}
		select {
		case free <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		all.Go(func() {
			t := tls.Server(conn, c)
			defer t.Close()
			hctx, cancel := context.WithTimeout(ctx, dialLimit)
			err := t.HandshakeContext(hctx)
			cancel()
			<-free
			if err != nil {
				return
			}
			i, err := known(g, t.ConnectionState())
			if err != nil {
				return
			}
			came, last := comes(i)
			if last {
				ln.Close()
			}
			if came {
				session(i, t)
			}
		})
	}
}

// origin is the address at the other end.
func origin(c net.Conn) netip.Addr {
	a, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return a.Addr().Unmap()
}

// session is one instance that came. It ends with the job or with the connection.
func (l *Lead) session(ctx context.Context, b *board, instance int, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	k := newLink(conn, silence)
	var (
		gone    atomic.Bool
		mu      sync.Mutex
		pending []int // shards that it has, in order
		all     sync.WaitGroup
	)
	room := make(chan struct{}, ahead)
	all.Go(func() { k.beat(ctx, beatEvery) })
	all.Go(func() {
		for {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			i, ok := b.claim(gone.Load, func(i int) bool {
				mu.Lock()
				defer mu.Unlock()
				return slices.Contains(pending, i)
			}, time.Now)
			if !ok {
				if !gone.Load() && k.send(msgEnd, nil) != nil {
					conn.Close()
				}
				return
			}
			mu.Lock()
			pending = append(pending, i)
			mu.Unlock()
			if k.sendJSON(msgTask, l.Shards[i]) != nil {
				conn.Close() // the receiver says the rest
				return
			}
		}
	})
	fatal, err := l.receive(b, k, func() int {
		mu.Lock()
		defer mu.Unlock()
		if len(pending) == 0 {
			return -1
		}
		return pending[0]
	}, func() {
		mu.Lock()
		pending = slices.Delete(pending, 0, 1)
		mu.Unlock()
		<-room
	})
	b.change(func() { gone.Store(true) })
	cancel()
	all.Wait()
	if fatal != nil {
		fatal.Instance = instance
		b.fail(fatal)
		return
	}
	f := vanished(instance, err.Error())
	for _, i := range pending {
		b.lost(i, f)
	}
	b.leave(f)
}

// receive takes what an instance sends until the connection ends. The failure is one that no other instance can help.
func (l *Lead) receive(b *board, k *link, current func() int, next func()) (*job.Failure, error) {
	p := l.Pool.New()
	defer func() { p.Free() }()
	for {
		kind, body, err := k.receive()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the connection ended")
			}
			return nil, err
		}
		i := current()
		switch {
		case i < 0:
			return nil, errMessage
		case kind == msgResult:
			if _, err := p.Write(body); err != nil {
				return lostFailure(err.Error()), nil
			}
		case kind == msgDone:
			var d done
			if err := json.Unmarshal(body, &d); err != nil || d.Shard != i {
				return nil, errors.Join(errMessage, err)
			}
			if d.Failure != nil {
				if d.Failure.Cause != "internal" {
					return d.Failure, nil
				}
				return nil, errors.New(d.Failure.Detail)
			}
			b.give(i, p)
			p = l.Pool.New()
			next()
		default:
			return nil, errMessage
		}
	}
}
