package runner

import (
	"context"
	"errors"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// held is a key of KMS that the job lives on: what its processes hold of it in the clear is theirs only while the key can be used.
type held struct {
	key, grant string
	about      map[string]string
	wrapped    []byte // a data key
	standing   string // before it was opened last
}

// keyCheck is how often keys are used again although nothing is known to have changed: time ends them too.
const keyCheck = 20 * time.Second

// hold remembers a key that was opened, from before it was.
func (w *walk) hold(h held) { w.held = append(w.held, h) }

// stands gives what KMS's answer about a key depends on.
func (w *walk) stands(ctx context.Context, key, grant string) (out string, err error) {
	err = w.Store.View(ctx, func(v store.View) (err error) {
		out, err = w.Keys.Standing(v, key, grant)
		return err
	})
	return out, err
}

// keep watches the keys until ctx ends. It gives the failure of the first that can't be used any more; one that is only not to be asked for now
// is asked for again.
func (w *walk) keep(ctx context.Context) <-chan *failed {
	lost := make(chan *failed, 1)
	if len(w.held) == 0 {
		return lost
	}
	all, as := slices.Clone(w.held), w.asService() // the walk goes on writing beside this
	watch := w.Store.Watch(ctx, w.Keys.Kinds()...) // before the first look, so that no change is missed
	go func() {
		tick := time.NewTicker(w.Limits.Keys)
		defer tick.Stop()
		for due := false; ; {
			for i := range all {
				f, err := w.still(ctx, as, &all[i], due)
				if f != nil {
					lost <- f
					return
				}
				if err != nil && ctx.Err() == nil {
					w.log.Warn("cannot see whether a key can still be used", "key", all[i].key, "error", err)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-watch:
				due = false
			case <-tick.C:
				due = true
			}
		}
	}()
	return lost
}

// still uses a key again if something about it changed, or if that is due.
func (w *walk) still(ctx context.Context, as api.As, h *held, due bool) (*failed, error) {
	now, err := w.stands(ctx, h.key, h.grant)
	if err != nil || now == h.standing && !due {
		return nil, err
	}
	// Not by ask, which writes to the job's row.
	out, _, err := w.Calls.Invoke(ctx, as, "kms", "Decrypt", &kms.DecryptRequest{KeyId: &h.key, CiphertextBlob: h.wrapped, EncryptionContext: h.about})
	if err == nil {
		if r, ok := out.(*kms.DecryptResponse); ok {
			clear(r.Plaintext)
		}
		h.standing = now
		return nil, nil
	}
	if !refusal(err) {
		return nil, err
	}
	var f *failed
	if errors.As(refusedKey(as, "Decrypt", h.key, err), &f) {
		return f, nil
	}
	return nil, err
}
