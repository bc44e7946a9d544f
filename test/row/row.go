// Package row walks a call through its row over a ledger, as the gate would. It asks nobody whether it may, and is for tests alone.
package row

import (
	"context"
	"fmt"

	"cloister/internal/api"
	"cloister/internal/core/trail"
	"cloister/internal/store"
	"cloister/internal/world"
)

// Walk runs the row: what it does is recorded in the transaction in which it does it. The call gets its Read and Commit.
func Walk(ctx context.Context, db store.Store, r api.Operation, c *api.Call, in any) (out any, err error) {
	c.Read = db.View
	c.Commit = func(ctx context.Context, f func(store.Tx) (any, error)) (out any, err error) {
		err = db.Update(ctx, func(tx store.Tx) error {
			if out, err = f(tx); err != nil {
				return err
			}
			return tx.Record(&trail.Event{ID: world.Real{}.UUID(), Time: tx.Now(), Service: c.Service, Name: c.Name, Recipient: c.Account, Resources: c.Touched()})
		})
		return out, err
	}
	switch {
	case r.View != nil:
		err = db.View(ctx, func(v store.View) (err error) { out, err = r.View(c, v, in); return err })
	case r.Act != nil:
		out, err = c.Commit(ctx, func(tx store.Tx) (any, error) { return r.Act(c, tx, in) })
	case r.Stream != nil:
		out, err = r.Stream(ctx, c, in)
	default:
		err = fmt.Errorf("%s is not built", r.Name)
	}
	return out, err
}
