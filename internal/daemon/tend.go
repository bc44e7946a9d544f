package daemon

import (
	"context"

	"cloister/internal/service/kms"
	"cloister/internal/service/s3"
	"cloister/internal/store"
)

// ruling gives S3 the ledger when the lifecycle rules of a bucket are due (tend.Keeper).
type ruling struct {
	s *s3.Service
	d *Daemon
}

func (r ruling) Due(v store.View) ([]store.Key, error) { return r.s.Ruled(v) }
func (r ruling) Settle(ctx context.Context, bucket store.Key) (int, error) {
	return r.s.Tend(ctx, r.d.store, r.d.world, bucket)
}

// aging gives KMS the ledger when a key is due (tend.Keeper).
type aging struct {
	s *kms.Service
	d *Daemon
}

func (a aging) Due(v store.View) ([]store.Key, error) { return a.s.Due(v) }
func (a aging) Settle(ctx context.Context, k store.Key) (int, error) {
	return a.s.Tend(ctx, a.d.store, k)
}
