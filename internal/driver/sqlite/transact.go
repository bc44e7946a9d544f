package sqlite

import (
	"context"
	"errors"
	"time"

	"cloister/internal/store"
)

var errOver = errors.New("the transaction is over")

// now is the time of a transaction: UTC, in the microseconds that the ledger keeps.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// View runs f on a snapshot, which is taken at the first read.
func (s *Store) View(ctx context.Context, f func(store.View) error) (err error) {
	v, end, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	// Deferred, so that the connection also comes back from a panic.
	defer func() {
		if broken := end(); err == nil {
			err = broken
		}
	}()
	return f(v)
}

// Snapshot is what View runs on. A second end does nothing.
func (s *Store) Snapshot(ctx context.Context) (store.View, func() error, error) {
	if err := s.enter(); err != nil {
		return nil, nil, err
	}
	v, err := s.snapshot(ctx)
	if err != nil {
		s.calls.Done()
		return nil, nil, err
	}
	return v, v.end, nil
}

func (s *Store) snapshot(ctx context.Context) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := s.readers.get(ctx)
	if err != nil {
		return nil, s.translate(err)
	}
	if err := r.begin(context.Background(), "begin"); err != nil {
		s.readers.drop(r)
		return nil, s.translate(err)
	}
	return &view{ctx: ctx, store: s, s: r, now: s.now()}, nil
}

// end gives a snapshot's connection back, and says what broke it.
func (v *view) end() error {
	r, broken := v.s, v.broken
	if errors.Is(broken, errOver) {
		return nil
	}
	v.broken = errOver
	defer v.store.calls.Done()
	if _, err := r.exec("rollback"); err != nil {
		v.store.readers.drop(r)
	} else {
		v.store.readers.put(r)
	}
	return broken
}

// Update runs f in the one write transaction and commits if f returns nil and ctx is not done. If f panics, nothing is
// written and the panic goes on. An error of the disk breaks the transaction: even if f ignores it, Update returns it.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.transact(ctx, true, func(t *tx) error { return f(t) })
}

// transact is Update; without fenced the daemon's lease is not asked for (to take one).
func (s *Store) transact(ctx context.Context, fenced bool, f func(*tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.locked(ctx, fenced, f)
}

// Reset deletes every row, tag and event. Schema, leases and the trail's sequence stay: no number is given twice.
func (s *Store) Reset(ctx context.Context) error {
	return s.transact(ctx, true, func(t *tx) error {
		t.touch("")
		for _, table := range []string{"terms", "rows", "tags", "trail_terms", "trail_state", "trail"} {
			if _, err := t.exec("delete from " + table); err != nil {
				return err
			}
		}
		return nil
	})
}
