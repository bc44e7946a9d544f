package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloister/internal/core/model"
	"cloister/internal/driver/bucket"
	"cloister/internal/driver/disk"
	"cloister/internal/service/s3"
	"cloister/internal/store"
	tables "cloister/internal/store/rows"
)

// blobs is where the bytes of objects lie: the data directory, or a bucket of another store.
type blobs interface {
	s3.Blobs
	Close() error
}

// objectStore is the row of a ledger whose objects lie in a bucket; without one they lie in the data directory. What is known of
// blobs is this ledger's alone, so it and its store must never be parted: each would take the other's for lost.
type objectStore struct {
	ID    string // what the store's cloister.json says
	Where string // for who reads it: the endpoint may change
}

var objectStores = store.Table[objectStore]{Kind: "object-store"}

const objectsRow = "objects"

// prepareObjects reads the credentials of a store while the starter's rights are there.
func (d *Daemon) prepareObjects(ctx context.Context) error {
	if d.cfg.Objects == "" {
		return nil
	}
	p, err := bucket.Parse(d.cfg.Objects)
	if err != nil {
		return err
	}
	d.bucket, err = bucket.New(ctx, p)
	return err
}

// openObjects opens where the bytes lie. A directory is swept of what a crash left before anything is written; a bucket is asked whose it
// is, and swept beside the work (Run).
func (d *Daemon) openObjects(ctx context.Context) error {
	row, err := d.boundTo(ctx)
	if err != nil {
		return err
	}
	switch {
	case d.bucket == nil && row != nil:
		return fmt.Errorf("the objects of this data directory lie in %s: start with -objects", row.Where)
	case d.bucket != nil:
		if row == nil {
			row = &objectStore{ID: d.world.UUID()}
		}
		if err := d.bucket.Claim(ctx, row.ID); err != nil {
			return err
		}
		row.Where = d.cfg.Objects
		d.bound, d.blobs = row, d.bucket
		return d.bind(ctx)
	}
	dir, err := disk.Open(d.place.path("objects"))
	if err != nil {
		return err
	}
	d.directory, d.blobs = dir, dir
	d.later(func() { _ = dir.Close() })
	return d.sweep(ctx)
}

// boundTo reads the row; a ledger without one must hold no objects when a bucket is to keep them.
func (d *Daemon) boundTo(ctx context.Context) (row *objectStore, err error) {
	err = d.store.View(ctx, func(v store.View) error {
		it, err := objectStores.Get(v, store.Scope{Partition: Partition}, objectsRow)
		if err == nil {
			row = &it.Value
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) || d.bucket == nil {
			return ignore(err, store.ErrNotFound)
		}
		any, err := anyBytes(v)
		if err == nil && any {
			err = errors.New("cannot use -objects: this data directory holds objects already; bytes are not moved from one store to another")
		}
		return err
	})
	return row, err
}

func ignore(err, which error) error {
	if errors.Is(err, which) {
		return nil
	}
	return err
}

// bind writes the row, at each start and after a reset.
func (d *Daemon) bind(ctx context.Context) error {
	if d.bound == nil {
		return nil
	}
	return d.store.Update(ctx, func(tx store.Tx) error {
		sc := store.Scope{Partition: Partition}
		it, err := objectStores.Get(tx, sc, objectsRow)
		if errors.Is(err, store.ErrNotFound) {
			return objectStores.Create(tx, sc, objectsRow, d.bound)
		}
		if err != nil || it.Value == *d.bound {
			return err
		}
		it.Value = *d.bound
		return objectStores.Save(tx, &it)
	})
}

// held says whether a row holds the blob: of an object, or of a custom model.
func held(v store.View, id string) (bool, error) {
	if ok, err := s3.Known(v, id); ok || err != nil {
		return ok, err
	}
	ms, err := tables.Models.List(v, store.Query{AnyScope: true, Term: store.Term{Name: "blob", Value: id}, Limit: 1})
	return len(ms) > 0, err
}

// anyBytes says whether the ledger knows of any bytes.
func anyBytes(v store.View) (bool, error) {
	if any, err := s3.Any(v); any || err != nil {
		return any, err
	}
	ms, err := tables.Models.List(v, store.Query{AnyScope: true})
	return slices.ContainsFunc(ms, func(m store.Item[model.Model]) bool { return m.Value.Artifact.Blob != "" }), err
}

// sweep removes the bytes that no row knows: what a crash left between a write and its commit.
func (d *Daemon) sweep(ctx context.Context) error {
	return d.store.View(ctx, func(v store.View) error {
		n, err := d.directory.Sweep(func(id string) (bool, error) { return held(v, id) })
		if err != nil {
			return fmt.Errorf("cannot sweep the objects: %w", err)
		}
		d.swept(n)
		return nil
	})
}

func (d *Daemon) swept(n int) {
	if n > 0 {
		d.log.Info("swept objects that no row knows", "count", n)
	}
}

// sweepAgain is how long a store that cannot be swept is left alone.
const sweepAgain = time.Minute

// sweepBucket is sweep for a bucket, which may hold more than a start can wait for.
func (d *Daemon) sweepBucket(ctx context.Context) {
	if d.bucket == nil {
		return
	}
	for {
		n, err := d.bucket.Sweep(ctx, func(ids []string) (known map[string]bool, err error) {
			known = map[string]bool{}
			err = d.store.View(ctx, func(v store.View) error {
				for _, id := range ids {
					if known[id], err = held(v, id); err != nil {
						return err
					}
				}
				return nil
			})
			return known, err
		})
		d.swept(n)
		if err == nil || ctx.Err() != nil {
			return
		}
		d.log.Error("cannot sweep the object store", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepAgain):
		}
	}
}

// clear removes every blob: of a ledger that was emptied.
func (d *Daemon) clear(ctx context.Context) (err error) {
	if d.bucket != nil {
		_, err = d.bucket.Sweep(ctx, func([]string) (map[string]bool, error) { return nil, nil })
	} else {
		_, err = d.directory.Sweep(func(string) (bool, error) { return false, nil })
	}
	return err
}
