package daemon

import (
	"context"
	"errors"
	"fmt"

	"cloister/internal/config"
	"cloister/internal/core/keyring"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/world"
)

// RootKey says of a ledger, whose daemon does not run, which root key seals its key, and which key that is.
func RootKey(ctx context.Context, cfg config.Config) (root, key string, err error) {
	err = offline(ctx, cfg, func(_ *sqlite.Store, w *wrapped) error { root, key = w.Root, w.ID; return nil })
	return root, key, err
}

// Recovery opens the ledger's key by its root key and writes it for paper. Whoever reads it opens the whole ledger.
func Recovery(ctx context.Context, cfg config.Config) (text string, err error) {
	err = offline(ctx, cfg, func(_ *sqlite.Store, w *wrapped) error {
		key, err := opened(cfg, w)
		if err != nil {
			return err
		}
		text, err = keyring.Recovery(key)
		return err
	})
	return text, err
}

// Rewrap seals the ledger's key by another root key; the one before opens it no more. What the key sealed stays as it is, so it
// takes no time. The key comes from its recovery copy where that is given, else from the root key of from.
func Rewrap(ctx context.Context, from, to config.Config, recovery string) (root string, err error) {
	err = offline(ctx, from, func(s *sqlite.Store, w *wrapped) error {
		var key []byte
		var err error
		if recovery == "" {
			key, err = opened(from, w)
		} else {
			key, err = keyring.ReadRecovery(recovery)
		}
		if err != nil {
			return err
		}
		random := world.Real{}.Bytes
		m, err := keyring.NewMaster(key, random)
		if err != nil {
			return err
		}
		if m.ID() != w.ID {
			return fmt.Errorf("the recovery copy is of the key %s, but the ledger's is %s", m.ID(), w.ID)
		}
		r, err := openRoot(to, random, true)
		if err != nil {
			return err
		}
		next, err := r.wrap(key, w.ID)
		if err != nil {
			return err
		}
		if _, err := r.open(next); err != nil { // before the old one is gone
			return err
		}
		root = next.Root
		return s.Update(ctx, func(tx store.Tx) error {
			it, err := wrappedKeys.Get(tx, everywhere, ledgerKey)
			if err != nil {
				return err
			}
			it.Value = *next
			return wrappedKeys.Save(tx, &it)
		})
	})
	return root, err
}

func opened(cfg config.Config, w *wrapped) ([]byte, error) {
	r, err := openRoot(cfg, world.Real{}.Bytes, false)
	if err != nil {
		return nil, err
	}
	return r.open(w)
}

// offline holds a ledger as its daemon would, which must not run meanwhile.
func offline(ctx context.Context, cfg config.Config, f func(*sqlite.Store, *wrapped) error) error {
	if !founded(cfg.Data) {
		return fmt.Errorf("there is no ledger in %s", cfg.Data)
	}
	p, err := hold(cfg.Data)
	if err != nil {
		return err
	}
	defer p.release()
	s, err := sqlite.Open(ctx, p.path(ledgerName), world.Real{}.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	lease, err := s.Acquire(ctx, "daemon", holder(), leaseLife)
	if err != nil {
		return fmt.Errorf("cannot take over the ledger: %w", err)
	}
	s.FenceWith(lease)
	defer func() { _ = s.Release(context.WithoutCancel(ctx), lease) }()
	var w *wrapped
	err = s.View(ctx, func(v store.View) error {
		it, err := wrappedKeys.Get(v, everywhere, ledgerKey)
		w = &it.Value
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("the ledger is from before it had a key of its own: its root key file seals everything in it, and stays")
	}
	if err != nil {
		return fmt.Errorf("cannot read the ledger's key: %w", err)
	}
	return f(s, w)
}
