// Package tend turns what services do without being asked: KMS keys end, rotate and lose expired material, lifecycle rules delete objects.
// It knows when to look and nothing of what is due; one that fails keeps no other from its turn, and is tried again.
package tend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloister/internal/store"
)

// Keeper knows what is due.
type Keeper interface {
	// Due lists that for which something may be due now.
	Due(v store.View) ([]store.Key, error)
	// Settle does all of it for one, in small transactions; done counts what it did.
	Settle(ctx context.Context, k store.Key) (done int, err error)
}

// Engine looks at what one keeper keeps.
type Engine struct {
	Store  store.Store
	What   string // "keys", "lifecycle rules": for the log
	Keeper Keeper
	Log    *slog.Logger
	Every  time.Duration // how often it looks
	Watch  []string      // kinds of rows whose change makes it look at once
}

// Run looks at once, when what it watches changes, and regularly, until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	var changed <-chan struct{}
	if len(e.Watch) > 0 {
		changed = e.Store.Watch(ctx, e.Watch...)
	}
	t := time.NewTicker(e.Every)
	defer t.Stop()
	for {
		if err := e.Turn(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("cannot settle "+e.What, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-t.C:
		}
	}
}

// Turn settles all that is due now.
func (e *Engine) Turn(ctx context.Context) error {
	var due []store.Key
	if err := e.Store.View(ctx, func(v store.View) (err error) { due, err = e.Keeper.Due(v); return err }); err != nil {
		return fmt.Errorf("cannot list what is due: %w", err)
	}
	var all []error
	for _, k := range due {
		if ctx.Err() != nil {
			break
		}
		n, err := e.Keeper.Settle(ctx, k)
		if err != nil {
			all = append(all, fmt.Errorf("cannot settle %s of %s: %w", k.ID, k.Account, err))
		}
		if n > 0 {
			e.Log.Info("settled "+e.What, "id", k.ID, "account", k.Account, "done", n)
		}
	}
	return errors.Join(all...)
}
