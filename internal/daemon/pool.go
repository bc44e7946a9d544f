package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/core/job"
)

// Bounds of the pool: analysers in all, how long one waits for work before it is ended, and how long a call may take, its wait and the
// start of an analyser included.
const (
	poolSize = 8
	poolPart = 6 // of them at work for one account
	poolIdle = 5 * time.Minute
	poolCall = 30 * time.Second
)

// warm is an analyser as the pool sees it.
type warm interface {
	Ask(ctx context.Context, texts []string) ([]job.Answer, error)
	Close()
}

// pool keeps analysers warm for calls that are answered at once. One serves the calls of one account with one setup, one after another: an engine
// keeps nothing of a text, but one that a hostile text has taken over would, and must not meet another account's. One that fails is ended, and
// another takes its place.
type pool struct {
	start func(context.Context, job.Setup) (warm, error)
	size  int
	part  int
	idle  time.Duration
	call  time.Duration

	mu     sync.Mutex
	rest   []resting      // the longest first
	taken  int            // at work, or being started
	held   map[string]int // of these, each account's
	queued map[string]int // calls that wait, by account
	change chan struct{}
	closed bool
}

type resting struct {
	warm
	key   string
	since time.Time
}

func newPool(start func(context.Context, job.Setup) (warm, error)) *pool {
	return &pool{start: start, size: poolSize, part: poolPart, idle: poolIdle, call: poolCall, held: map[string]int{}, queued: map[string]int{}, change: make(chan struct{})}
}

// Analyse satisfies comprehend.Engines.
func (p *pool) Analyse(ctx context.Context, account string, setup job.Setup, texts []string) ([]job.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.call)
	defer cancel()
	// What an analyser does is not given up with its caller: a new one costs more than the answer that nobody takes, and who begins and gives up
	// calls without end would have the host start one for each.
	work, done := context.WithTimeout(context.WithoutCancel(ctx), p.call)
	defer done()
	b, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	key := account + string(b)
	for {
		w, used, err := p.take(ctx, work, account, key, setup)
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			p.give(account, key, w, true)
			return nil, err
		}
		out, err := w.Ask(work, texts)
		p.give(account, key, w, err == nil)
		if err == nil || !used || work.Err() != nil || ctx.Err() != nil { // a used one may have ended while it rested
			return out, err
		}
	}
}

// take gives an analyser that rests, else a new one. At the pool's bound the one that has rested longest makes room; when all work, or the account
// has its part of them, or another one that waits has fewer, the call waits until ctx ends. A new one is started within work.
func (p *pool) take(ctx, work context.Context, account, key string, setup job.Setup) (w warm, used bool, err error) {
	p.mu.Lock()
	for !p.closed {
		if p.may(account) {
			p.taken++
			tally(p.held, account, 1)
			p.wake() // who waits for this one's turn to be over
			for i := len(p.rest) - 1; i >= 0; i-- {
				if r := p.rest[i]; r.key == key {
					p.rest = append(p.rest[:i], p.rest[i+1:]...)
					p.mu.Unlock()
					return r.warm, true, nil
				}
			}
			if p.taken+len(p.rest) > p.size {
				p.rest[0].Close()
				p.rest = p.rest[1:]
			}
			p.mu.Unlock()
			if w, err = p.start(work, setup); err != nil {
				p.give(account, key, nil, false)
			}
			return w, false, err
		}
		wait := p.change
		tally(p.queued, account, 1)
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
		p.mu.Lock()
		tally(p.queued, account, -1)
		if ctx.Err() != nil {
			p.wake() // who gave way to it
			p.mu.Unlock()
			return nil, false, fault.New("TooManyRequestsException", "All analyzers are busy. Try your request again later.")
		}
	}
	p.mu.Unlock()
	return nil, false, fmt.Errorf("cannot analyse: the daemon ends")
}

// may says whether it is an account's turn.
func (p *pool) may(account string) bool {
	if p.taken >= p.size || p.held[account] >= p.part {
		return false
	}
	for other := range p.queued {
		if p.held[other] < p.held[account] {
			return false
		}
	}
	return true
}

// wake lets those that wait look again.
func (p *pool) wake() {
	close(p.change)
	p.change = make(chan struct{})
}

func tally(m map[string]int, account string, by int) {
	if m[account] += by; m[account] == 0 {
		delete(m, account)
	}
}

// give brings an analyser back, or says that it is gone.
func (p *pool) give(account, key string, w warm, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	tally(p.held, account, -1)
	switch {
	case well && !p.closed:
		p.rest = append(p.rest, resting{w, key, time.Now()})
	case w != nil:
		w.Close()
	}
	p.wake()
}

// Run ends those that rest too long, and all of them when ctx ends.
func (p *pool) Run(ctx context.Context) {
	tick := time.NewTicker(p.idle / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.end(0)
			return
		case <-tick.C:
			p.end(p.idle)
		}
	}
}

func (p *pool) end(idle time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = idle == 0
	n := 0
	for n < len(p.rest) && (p.closed || time.Since(p.rest[n].since) >= idle) {
		p.rest[n].Close()
		n++
	}
	p.rest = p.rest[n:]
}
