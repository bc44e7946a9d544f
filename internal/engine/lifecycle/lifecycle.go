// Package lifecycle does what the lifecycle rules of buckets say, without being asked. It knows when to look and nothing of objects; a
// bucket that fails keeps no other from its turn.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloister/internal/store"
)

// Keeper knows buckets and their rules.
type Keeper interface {
	// Ruled lists the buckets that have rules.
	Ruled(v store.View) ([]store.Key, error)
	// Tend deletes what the rules of one take now, in small transactions; n is how much went.
	Tend(ctx context.Context, bucket store.Key) (n int, err error)
}

// Engine looks at buckets.
type Engine struct {
	Store  store.Store
	Keeper Keeper
	Log    *slog.Logger
	// Every is how often it looks, beside at once when rules change. Zero: an hour; rules speak of days.
	Every time.Duration
}

// Run looks at once, when rules change, and regularly, until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	every := e.Every
	if every == 0 {
		every = time.Hour
	}
	changed := e.Store.Watch(ctx, "s3-lifecycle")
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := e.Turn(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("cannot tend buckets", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-t.C:
		}
	}
}

// Turn does all that is due now.
func (e *Engine) Turn(ctx context.Context) error {
	var ruled []store.Key
	if err := e.Store.View(ctx, func(v store.View) (err error) { ruled, err = e.Keeper.Ruled(v); return err }); err != nil {
		return fmt.Errorf("cannot list the buckets that have rules: %w", err)
	}
	var all []error
	for _, k := range ruled {
		n, err := e.Keeper.Tend(ctx, k)
		if err != nil {
			all = append(all, fmt.Errorf("cannot tend %s: %w", k.ID, err))
		}
		if n > 0 {
			e.Log.Info("lifecycle rules applied", "bucket", k.ID, "deleted", n)
		}
	}
	return errors.Join(all...)
}
