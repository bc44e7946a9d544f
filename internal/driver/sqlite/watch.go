package sqlite

import (
	"context"
	"sync"
)

// watchers are the channels that want to know of commits.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]bool
}

type watcher struct {
	kinds map[string]bool // none: all
	ch    chan struct{}   // capacity 1: pings that nobody took yet are one
}

// Watch pings after each commit of this Store that changed a row of one of the kinds (of any kind, if none is named). The
// channel is closed when ctx ends.
func (s *Store) Watch(ctx context.Context, kinds ...string) <-chan struct{} {
	w := &watcher{kinds: map[string]bool{}, ch: make(chan struct{}, 1)}
	for _, k := range kinds {
		w.kinds[k] = true
	}
	ws := &s.watch
	ws.mu.Lock()
	if ws.all == nil {
		ws.all = map[*watcher]bool{}
	}
	ws.all[w] = true
	ws.mu.Unlock()
	context.AfterFunc(ctx, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		delete(ws.all, w)
		close(w.ch)
	})
	return w.ch
}

// ping tells whom it concerns; it never waits.
func (ws *watchers) ping(kinds map[string]bool) {
	if len(kinds) == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		if w.wants(kinds) {
			select {
			case w.ch <- struct{}{}:
			default:
			}
		}
	}
}

func (w *watcher) wants(changed map[string]bool) bool {
	if len(w.kinds) == 0 || changed[""] {
		return true
	}
	for k := range changed {
		if w.kinds[k] {
			return true
		}
	}
	return false
}
