package sqlite

import (
	"context"
	"errors"
	"time"

	"cloister/internal/store"
)

type held struct {
	holder string
	epoch  int64
	until  int64
}

func (t *tx) lease(name string) (h held, ok bool, err error) {
	ok, err = t.one("select holder, epoch, until from leases where name = ?", []any{name}, &h.holder, &h.epoch, &h.until)
	return h, ok, err
}

// Acquire takes or renews a lease. The epoch stays while the holder renews, even late; it rises when the lease was released
// or another holder takes it over after its end.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (store.Lease, error) {
	if name == "" || holder == "" || ttl <= 0 {
		return store.Lease{}, errors.New("cannot acquire a lease: it needs a name, a holder and a time to live")
	}
	var l store.Lease
	err := s.transact(ctx, false, func(t *tx) error {
		h, _, err := t.lease(name)
		if err != nil {
			return err
		}
		if h.holder != holder {
			if h.holder != "" && h.until > t.now.UnixMicro() {
				return store.ErrConflict
			}
			h.epoch++
		}
		until := t.now.Add(ttl).Truncate(time.Microsecond)
		l = store.Lease{Name: name, Holder: holder, Epoch: h.epoch, Until: until}
		_, err = t.exec(`insert into leases (name, holder, epoch, until) values (?, ?, ?, ?)
			on conflict (name) do update set holder = excluded.holder, epoch = excluded.epoch, until = excluded.until`,
			name, holder, h.epoch, until.UnixMicro())
		return err
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Release ends a lease that is held; a lease that was lost stays with its new holder.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	return s.transact(ctx, false, func(t *tx) error {
		_, err := t.exec("update leases set holder = '', until = 0 where name = ? and holder = ? and epoch = ?", l.Name, l.Holder, l.Epoch)
		return err
	})
}

// FenceWith makes every later Update, Append and Reset check l inside its own transaction. The zero Lease takes the fence away.
func (s *Store) FenceWith(l store.Lease) {
	if l.Name == "" {
		s.fence.Store(nil)
		return
	}
	s.fence.Store(&l)
}

// Fence asks for holder and epoch, not for the time: a lease past its end that nobody else took is still a right to write.
func (t *tx) Fence(l store.Lease) error {
	h, ok, err := t.lease(l.Name)
	if err != nil {
		return err
	}
	if !ok || h.holder != l.Holder || h.epoch != l.Epoch {
		return store.ErrFenced
	}
	return nil
}
