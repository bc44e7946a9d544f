package serve

import (
	"context"
	"errors"

	"cloister/internal/core/fault"
	"cloister/internal/core/model"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// remove takes away what a deleted model left: the grant on its key, its bytes, the row of its training and its own. What fails is tried again.
func (e *Engine) remove(ctx context.Context, it store.Item[model.Model]) {
	m := &it.Value
	if m.Job != "" {
		cleaned := true
		err := e.Store.View(ctx, func(v store.View) error {
			j, err := rows.Jobs.Get(v, it.Scope, m.Job)
			cleaned = errors.Is(err, store.ErrNotFound) || err == nil && j.Value.State.Ended() && j.Value.Cleaned
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil || !cleaned { // its end wakes us
			return
		}
	}
	err := e.retire(ctx, it.Scope, m.ARN, m.ModelKey, m.Grant)
	if err == nil && m.Artifact.Blob != "" {
		err = e.Blobs.Remove(ctx, m.Artifact.Blob)
	}
	if err == nil {
		err = e.Store.Update(ctx, func(tx store.Tx) error {
			if err := tx.Delete(store.Key{Scope: it.Scope, Kind: rows.Models.Kind, ID: it.ID}, it.Version); err != nil {
				return err
			}
			if m.Job != "" {
				if err := tx.Delete(store.Key{Scope: it.Scope, Kind: rows.Jobs.Kind, ID: m.Job}, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return tx.RemoveTags(m.ARN, nil)
		})
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
		e.Log.Error("cannot delete a model", "model", m.ARN, "error", err)
	}
}

// retire gives a grant back. That it, or its key, is gone already is no error.
func (e *Engine) retire(ctx context.Context, at store.Scope, arn, key, grant string) error {
	if grant == "" {
		return nil
	}
	_, _, err := e.Calls.Invoke(ctx, as(at, arn), "kms", "RetireGrant", &kms.RetireGrantRequest{KeyId: &key, GrantId: &grant})
	var f *fault.Fault
	if errors.As(err, &f) && (f.Code == "NotFoundException" || f.Kind == fault.AccessDenied) { // of another account's key we are not told which
		return nil
	}
	return err
}
