package deliver

import (
	"context"
	"math"
	"time"

	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// patience is how much longer events stay that a trail could not deliver. As on AWS ("CloudTrail attempts redelivery for 30 days"), it ends: nobody's broken
// bucket keeps everybody's events.
const patience = 30 * 24 * time.Hour

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
			if n, err = tx.Prune(tx.Now().Add(-d.Retention), through, pruneChunk); n == 0 && err == nil {
				n, err = tx.Prune(tx.Now().Add(-d.Retention-patience), math.MaxInt64, pruneChunk)
			}
			return err
		})
		if err != nil || n < pruneChunk {
			return err
		}
	}
	return ctx.Err()
}
