package daemon

import (
	"context"
	"errors"
	"fmt"

	"cloister/internal/driver/authority"
	"cloister/internal/store"
)

// rootPair is the first key pair of the default account's root, kept so that `cloister env` can give it to the operator.
type rootPair struct {
	AccessKey string
	Sealed    []byte
}

type localAuthority struct{ Stored authority.Stored }

var (
	authorities = store.Table[localAuthority]{Kind: "authority"}
	rootPairs   = store.Table[rootPair]{Kind: "first-root-key"}
)

// settle makes what a ledger must have before it serves: the authority, the default account and its root's key.
func (d *Daemon) settle(ctx context.Context) error {
	everywhere := store.Scope{Partition: Partition}
	d.keyLock.Lock()
	defer d.keyLock.Unlock()
	err := d.store.Update(ctx, func(tx store.Tx) error {
		if err := d.root.keep(tx); err != nil {
			return err
		}
		if err := d.certify(tx, everywhere); err != nil {
			return err
		}
		if err := d.iam.EnsureAccount(tx, d.cfg.Account, "default"); err != nil {
			return err
		}
		aad := []byte("first-root-key/" + d.cfg.Account)
		k, err := rootPairs.Get(tx, everywhere, d.cfg.Account)
		if err == nil {
			secret, err := d.sealer.Open(k.Value.Sealed, aad)
			d.rootKey = credentials{k.Value.AccessKey, string(secret)}
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		id, secret, err := d.iam.RootKey(tx, d.world, d.cfg.Account)
		if err != nil {
			return err
		}
		box, err := d.sealer.Seal([]byte(secret), aad)
		if err != nil {
			return err
		}
		d.rootKey = credentials{id, secret}
		return rootPairs.Create(tx, everywhere, d.cfg.Account, &rootPair{id, box})
	})
	if err != nil {
		return fmt.Errorf("cannot settle the ledger: %w", err)
	}
	return d.place.write("ca.pem", d.authority.PEM(), 0o644)
}

// certify loads the authority, or makes it at the first start. After a reset the one in memory goes on.
func (d *Daemon) certify(tx store.Tx, s store.Scope) error {
	it, err := authorities.Get(tx, s, "local")
	if err == nil {
		d.stored = it.Value.Stored
		d.authority, err = authority.Load(d.sealer, d.stored, d.world.Now)
		return err
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if d.authority == nil {
		if d.authority, d.stored, err = authority.Create(d.sealer, d.world.Now); err != nil {
			return err
		}
	}
	return authorities.Create(tx, s, "local", &localAuthority{d.stored})
}
