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
	poolIdle = 5 * time.Minute
	poolCall = 30 * time.Second
)

// warm is an analyser as the pool sees it.
type warm interface {
	Ask(ctx context.Context, texts []string) ([]job.Answer, error)
	Close()
}

// pool keeps analysers warm for calls that are answered at once. One serves the calls of one setup, one after another, whosever they are:
// an engine keeps nothing of a text. One that fails is ended, and another takes its place.
type pool struct {
	start func(context.Context, job.Setup) (warm, error)
	size  int
	idle  time.Duration
	call  time.Duration

	mu     sync.Mutex
	rest   []resting // the longest first
	taken  int       // at work, or being started
	change chan struct{}
	closed bool
}

type resting struct {
	warm
	key   string
	since time.Time
}

func newPool(start func(context.Context, job.Setup) (warm, error)) *pool {
	return &pool{start: start, size: poolSize, idle: poolIdle, call: poolCall, change: make(chan struct{})}
}

// Analyse satisfies comprehend.Engines.
func (p *pool) Analyse(ctx context.Context, setup job.Setup, texts []string) ([]job.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.call)
	defer cancel()
	b, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	key := string(b)
	for {
		w, used, err := p.take(ctx, key, setup)
		if err != nil {
			return nil, err
		}
		out, err := w.Ask(ctx, texts)
		p.give(key, w, err == nil)
		if err == nil || !used || ctx.Err() != nil { // a used one may have ended while it rested
			return out, err
		}
	}
}

// take gives an analyser that rests, else a new one. At the pool's bound the one that has rested longest makes room; when all work,
// the call waits.
func (p *pool) take(ctx context.Context, key string, setup job.Setup) (w warm, used bool, err error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, false, fmt.Errorf("cannot analyse: the daemon ends")
		}
		for i := len(p.rest) - 1; i >= 0; i-- {
			if r := p.rest[i]; r.key == key {
				p.rest = append(p.rest[:i], p.rest[i+1:]...)
				p.taken++
				p.mu.Unlock()
				return r.warm, true, nil
			}
		}
		if p.taken+len(p.rest) < p.size || len(p.rest) > 0 {
			if p.taken+len(p.rest) >= p.size {
				p.rest[0].Close()
				p.rest = p.rest[1:]
			}
			p.taken++
			p.mu.Unlock()
			if w, err = p.start(ctx, setup); err != nil {
				p.give(key, nil, false)
			}
			return w, false, err
		}
		wait := p.change
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, false, fault.New("TooManyRequestsException", "All analyzers are busy. Try your request again later.")
		}
	}
}

// give brings an analyser back, or says that it is gone.
func (p *pool) give(key string, w warm, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	switch {
	case well && !p.closed:
		p.rest = append(p.rest, resting{w, key, time.Now()})
	case w != nil:
		w.Close()
	}
	close(p.change)
	p.change = make(chan struct{})
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
