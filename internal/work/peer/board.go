package peer

import (
	"slices"
	"sync"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/scratch"
)

// board is what the first instance knows of the shards.
type board struct {
	mu       sync.Mutex
	cond     *sync.Cond
	shards   []Shard
	window   int
	patience time.Duration
	cursor   int // shards that were handed out
	next     int // shard that is merged next
	retry    []int
	tries    []int
	since    []time.Time // when it was handed out last
	pieces   []*scratch.Piece
	hands    int          // instances that work, or may yet come
	absent   map[int]bool // instances that have not come yet
	stopped  bool
	over     bool
	ended    chan struct{} // closed when it is over
	failure  *job.Failure
	last     *job.Failure // why an instance was lost
}

func newBoard(shards []Shard, peers []int) *board {
	b := &board{shards: shards, window: window * (len(peers) + 1), patience: patience, tries: make([]int, len(shards)), since: make([]time.Time, len(shards)),
		pieces: make([]*scratch.Piece, len(shards)), hands: len(peers) + 1, absent: map[int]bool{}, ended: make(chan struct{})}
	for _, p := range peers {
		b.absent[p] = true
	}
	b.cond = sync.NewCond(&b.mu)
	return b
}

// change does f under the lock and wakes who waits.
func (b *board) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	b.cond.Broadcast()
}

// claim gives a shard to work on, or false when there is nothing more to do, or gone() holds. A shard that is late is given to who
// does not have it.
func (b *board) claim(gone func() bool, has func(int) bool, now func() time.Time) (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		i := -1
		switch n := len(b.shards); {
		case b.over || gone():
			return 0, false
		case len(b.retry) > 0:
			i, b.retry = b.retry[0], b.retry[1:]
		case !b.stopped && b.cursor < n && b.cursor < b.next+b.window:
			i, b.cursor = b.cursor, b.cursor+1
		case b.next < b.cursor && b.pieces[b.next] == nil && !has(b.next) && now().Sub(b.since[b.next]) > b.patience:
			i = b.next // whoever has it may never end it
		}
		if i >= 0 {
			b.since[i] = now()
			return i, true
		}
		b.cond.Wait()
	}
}

// give takes what came of a shard. The second of two is not wanted.
func (b *board) give(i int, p *scratch.Piece) {
	b.change(func() {
		if i < b.next || b.pieces[i] != nil || b.over {
			p.Free()
			return
		}
		b.pieces[i] = p
	})
}

// lost takes a shard back.
func (b *board) lost(i int, f *job.Failure) {
	b.change(func() {
		if i < b.next || b.pieces[i] != nil {
			return
		}
		if b.tries[i]++; b.tries[i] >= tries {
			b.end(f)
			return
		}
		if at, twice := slices.BinarySearch(b.retry, i); !twice {
			b.retry = slices.Insert(b.retry, at, i)
		}
	})
}

// leave says that an instance works no more.
func (b *board) leave(f *job.Failure) {
	b.change(func() {
		b.last = f
		if b.hands--; b.hands == 0 {
			b.end(f)
		}
	})
}

// gone says that an instance ended, which may not even have come.
func (b *board) gone(i int) {
	b.mu.Lock()
	away := b.absent[i]
	delete(b.absent, i)
	b.mu.Unlock()
	if away {
		b.leave(vanished(i, "it ended before it came"))
	}
}

func (b *board) fail(f *job.Failure) { b.change(func() { b.end(f) }) }

func (b *board) end(f *job.Failure) {
	if !b.over {
		b.over, b.failure = true, f
		close(b.ended)
	}
}

// due waits for the next shard's records; false: there are no more.
func (b *board) due() (int, *scratch.Piece, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		limit := len(b.shards)
		if b.stopped {
			limit = b.cursor
		}
		switch {
		case b.over:
			return 0, nil, false
		case b.next < limit:
			if p := b.pieces[b.next]; p != nil {
				return b.next, p, true
			}
		case len(b.absent) == 0 || b.stopped: // a group that keeps its members apart shows, whatever the size of the input
			b.end(nil)
			b.cond.Broadcast()
			return 0, nil, false
		}
		b.cond.Wait()
	}
}

func (b *board) merged() {
	b.change(func() {
		b.pieces[b.next].Free()
		b.pieces[b.next] = nil
		b.next++
	})
}
