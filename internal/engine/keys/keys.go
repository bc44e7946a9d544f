// Package keys turns what KMS keys do without being asked: they end with their waiting period, rotate, and lose material that has expired.
// It knows when to look and nothing of keys; a turn that fails is told and tried again.
package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloister/internal/store"
)

// Keeper knows the keys.
type Keeper interface {
	// Due lists the keys for which something is due.
	Due(v store.View) ([]store.Key, error)
	// Settle does it, in a transaction for each; more when it is to be called again.
	Settle(tx store.Tx, k store.Key) (more bool, err error)
}

// Engine looks for due keys.
type Engine struct {
	Store  store.Store
	Keeper Keeper
	Log    *slog.Logger
	Every  time.Duration // 0: a minute
}

// Run looks at once and then regularly, until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	every := e.Every
	if every == 0 {
		every = time.Minute
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := e.Turn(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("cannot settle keys", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Turn settles all that is due now. A key that fails does not keep the others.
func (e *Engine) Turn(ctx context.Context) error {
	var due []store.Key
	if err := e.Store.View(ctx, func(v store.View) (err error) { due, err = e.Keeper.Due(v); return err }); err != nil {
		return fmt.Errorf("cannot list the keys that are due: %w", err)
	}
	var all []error
	for _, k := range due {
		for more := true; more && ctx.Err() == nil; {
			err := e.Store.Update(ctx, func(tx store.Tx) (err error) { more, err = e.Keeper.Settle(tx, k); return err })
			if err != nil {
				all = append(all, fmt.Errorf("cannot settle key %s of %s: %w", k.ID, k.Region, err))
				break
			}
		}
	}
	return errors.Join(all...)
}
