package store

import (
	"sync"
	"time"

	"cloister/internal/core/trail"
)

// Busy says whether a kind changes with the work that is done and not with what somebody decided: the rows of objects, jobs, log events
// and progress. Stamp passes over them, and nothing that was read from them is kept by a Memo. A driver has the same list.
func Busy(kind string) bool {
	switch kind {
	case "s3-object", "s3-version", "s3-upload", "s3-part", "s3-manifest",
		"job", "counter", "trail-state", "flow-log-state", "flow-log-file",
		"log-block", "log-stream", "log-usage", "log-seal":
		return true
	}
	return false
}

// Bounds of what a Memo holds: entries, and of those that it weighs, bytes.
const (
	maxKept   = 4096
	maxWeight = 32 << 20
)

// Memo keeps what was worked out of the ledger until anything changes of which it may have been made, so that it is never older than the
// view it is asked on. It is safe for concurrent use; the zero Memo is ready. What it gives out is shared: nobody may change it.
//
// The work may depend on the key and on the view alone. What it makes of busy rows, of the trail or of the time is given out and not kept.
type Memo[K comparable, T any] struct {
	// Weigh says about how many bytes an entry holds; nil: next to none. It is set before the first Get.
	Weigh func(K, T) int

	mu     sync.RWMutex
	stamp  int64
	kept   map[K]T
	weight int
}

// Get gives what work makes of v for the key. Errors are not kept.
func (m *Memo[K, T]) Get(v View, k K, work func(View) (T, error)) (T, error) {
	stamp, settled, err := v.Stamp()
	if err != nil {
		var none T
		return none, err
	}
	m.mu.RLock()
	t, ok := m.kept[k]
	ok = ok && m.stamp == stamp
	m.mu.RUnlock()
	if ok {
		return t, nil
	}
	w := &watched{View: v}
	if t, err = work(w); err != nil || w.fickle || !settled {
		return t, err
	}
	n := 0
	if m.Weigh != nil {
		if n = m.Weigh(k, t); n > maxWeight {
			return t, nil
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stamp < stamp || len(m.kept) >= maxKept || m.weight+n > maxWeight {
		m.kept, m.weight = nil, 0
	}
	if m.stamp <= stamp { // else a newer view was faster
		m.weight += n
		if m.kept == nil {
			m.kept = map[K]T{}
		}
		m.stamp, m.kept[k] = stamp, t
	}
	return t, nil
}

// watched is a view that notes when something is read that the stamp does not speak of.
type watched struct {
	View
	fickle bool
}

func (w *watched) Now() time.Time { w.fickle = true; return w.View.Now() }

func (w *watched) Get(k Key) (Row, error) {
	w.fickle = w.fickle || Busy(k.Kind)
	return w.View.Get(k)
}

func (w *watched) List(q Query) ([]Row, error) {
	w.fickle = w.fickle || Busy(q.Kind)
	return w.View.List(q)
}

func (w *watched) Trail(q TrailQuery) ([]trail.Event, error) {
	w.fickle = true
	return w.View.Trail(q)
}

func (w *watched) Chain(after int64, limit int) (Link, []Link, error) {
	w.fickle = true
	return w.View.Chain(after, limit)
}
