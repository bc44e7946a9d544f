package deliver

import (
	"context"
	"math"

	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// pruneChunk is how many events go in one transaction, which others wait for.
const pruneChunk = 1000

// prune drops the events that are older than the retention and that no trail waits for.
func (d *Deliverer) prune(ctx context.Context) error {
	if d.Retention <= 0 {
		return nil
	}
	for ctx.Err() == nil {
		n := 0
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			through := int64(math.MaxInt64)
			states, err := rows.TrailStates.List(tx, store.Query{AnyScope: true})
			if err != nil {
				return err
			}
			for _, s := range states {
				if len(s.Value.Windows) > 0 {
					through = min(through, s.Value.Windows[0].From)
				}
			}
			n, err = tx.Prune(tx.Now().Add(-d.Retention), through, pruneChunk)
			return err
		})
		if err != nil || n < pruneChunk {
			return err
		}
	}
	return ctx.Err()
}
