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
func (s *Store) View(ctx context.Context, f func(store.View) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.readers.get(ctx)
	if err != nil {
		return s.translate(err)
	}
	v := &view{ctx: ctx, store: s, s: r}
	// Deferred, so that the connection also comes back from a panic.
	defer func() {
		v.broken = errOver
		if _, err := r.exec("rollback"); err != nil {
			s.readers.drop(r)
			return
		}
		s.readers.put(r)
	}()
	if err := r.begin(context.Background(), "begin"); err != nil {
		return s.translate(err)
	}
	v.now = s.now()
	if err := f(v); err != nil {
		return err
	}
	return v.broken
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
