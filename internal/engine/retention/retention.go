// Package retention deletes log events that have expired, and what is left of log groups and streams that were deleted. It deletes
// nothing that a reader could still be shown: what it takes is hidden from them already.
package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cloister/internal/core/logbook"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// Config is what the engine needs.
type Config struct {
	Store store.Store
	World world.World
	Log   *slog.Logger
	// Every is how often what has expired is looked for. Zero: ten minutes.
	Every time.Duration
}

// batch is how many rows one transaction deletes: others who write wait no longer than that.
const batch = 200

// Engine deletes.
type Engine struct{ Config }

// New makes an engine; Run drives it.
func New(c Config) *Engine {
	if c.Every == 0 {
		c.Every = 10 * time.Minute
	}
	return &Engine{c}
}

// Run deletes until ctx ends: at once when something was deleted or got another retention, else now and then.
func (e *Engine) Run(ctx context.Context) {
	watch := e.Store.Watch(ctx, rows.LogGroups.Kind, rows.LogDoomed.Kind)
	for ctx.Err() == nil {
		if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("cannot delete expired log events", "error", err)
		}
		t := time.NewTimer(e.Every)
		select {
		case <-ctx.Done():
		case <-watch:
		case <-t.C:
		}
		t.Stop()
	}
}

// Sweep deletes all that is to be deleted now.
func (e *Engine) Sweep(ctx context.Context) error {
	var groups []store.Item[logbook.Group]
	var doomed []store.Item[logbook.Doomed]
	err := e.Store.View(ctx, func(v store.View) (err error) {
		if groups, err = rows.LogGroups.List(v, store.Query{AnyScope: true}); err != nil {
			return err
		}
		doomed, err = rows.LogDoomed.List(v, store.Query{AnyScope: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot look for expired log events: %w", err)
	}
	now := e.World.Now()
	for _, g := range groups {
		if g.Value.Retention == 0 {
			continue
		}
		if err := e.expire(ctx, g, now.Add(-time.Duration(g.Value.Retention)*24*time.Hour).UnixMilli()); err != nil {
			return fmt.Errorf("cannot delete the expired events of %s: %w", g.ID, err)
		}
	}
	for _, d := range doomed {
		if err := e.empty(ctx, d); err != nil {
			return fmt.Errorf("cannot empty %s: %w", d.ID, err)
		}
	}
	return nil
}

// expire deletes the blocks of a group whose events are all older than a time. Of the others the young are still shown.
func (e *Engine) expire(ctx context.Context, g store.Item[logbook.Group], before int64) error {
	after, more := "", true
	for more {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			now, err := rows.LogGroups.Get(tx, g.Scope, g.ID)
			if errors.Is(err, store.ErrNotFound) || err == nil && (now.Value.ID != g.Value.ID || now.Value.Retention != g.Value.Retention) {
				more = false // the next round knows better
				return nil
			}
			if err != nil {
				return err
			}
			list, err := tx.List(store.Query{Scope: g.Scope, Kind: rows.LogBlocks, Prefix: g.Value.ID + "/", After: after, Before: logbook.After(g.Value.ID, before), Limit: batch})
			if err != nil {
				return err
			}
			more = len(list) == batch
			var freed int64
			for _, r := range list {
				after = r.ID
				h, err := logbook.ReadHead(r.Value)
				if err != nil {
					return fmt.Errorf("cannot read the block %s: %w", r.ID, err)
				}
				if h.Last >= before {
					continue
				}
				if err := tx.Delete(r.Key, r.Version); err != nil {
					return err
				}
				freed += h.Bytes
			}
			return free(tx, g.Scope, g.Value.ID, freed)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// free takes what was deleted from what a group is said to store.
func free(tx store.Tx, s store.Scope, group string, n int64) error {
	if n == 0 {
		return nil
	}
	u, err := rows.LogUsages.Get(tx, s, group)
	if errors.Is(err, store.ErrNotFound) { // the group is gone
		return nil
	}
	if err != nil {
		return err
	}
	u.Value.Stored -= n
	return rows.LogUsages.Save(tx, &u)
}

// empty deletes what a deleted group or stream has left, and then the note that says so.
func (e *Engine) empty(ctx context.Context, d store.Item[logbook.Doomed]) error {
	group, stream, _ := strings.Cut(d.ID, "/")
	qs := []store.Query{{Scope: d.Scope, Kind: rows.LogBlocks, Prefix: group + "/", Limit: batch}, {Scope: d.Scope, Kind: rows.LogStreams.Kind, Prefix: group + "/", Limit: batch}}
	if stream != "" {
		qs = qs[:1]
		qs[0].Term = store.Term{Name: rows.LogStream, Value: stream}
	}
	for len(qs) > 0 {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			list, err := tx.List(qs[0])
			if err != nil {
				return err
			}
			if len(list) < batch {
				qs = qs[1:]
			}
			var freed int64
			for _, r := range list {
				if h, err := logbook.ReadHead(r.Value); r.Kind == rows.LogBlocks && err == nil {
					freed += h.Bytes
				}
				if err := tx.Delete(r.Key, r.Version); err != nil {
					return err
				}
			}
			if err := free(tx, d.Scope, group, freed); err != nil || len(qs) > 0 {
				return err
			}
			return rows.LogDoomed.Delete(tx, d.Scope, d.ID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
