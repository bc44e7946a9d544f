package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cloister/internal/config"
	"cloister/internal/core/keyring"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/linux"
	"cloister/internal/driver/transit"
	"cloister/internal/store"
)

// root is the root of trust: a file or a key in a server. It seals one key, the ledger's, which seals everything else; so the
// root is asked once at each start, however slow it is, and another root takes over by sealing that key anew.
type root struct {
	keyring.Sealer
	name string // of its kind, and which
	key  *wrapped
}

// wrapped is the ledger's row of its key.
type wrapped struct {
	Root string // by which it is sealed
	ID   string // the key's own: what opens with another id is not it
	Box  []byte
}

var wrappedKeys = store.Table[wrapped]{Kind: "ledger-key"}

const (
	ledgerKey  = "1"
	ledgerName = "ledger.db"
)

// place binds the sealed key to what it is.
func (w *wrapped) place() []byte { return []byte("cloister ledger key " + w.ID) }

// openRoot opens the root key: the server's where one is named, else systemd's credential where there is one, else the file, which
// is made where it may be. What it reads from files it reads now, with the starter's rights.
func openRoot(cfg config.Config, random func(int) []byte, mayCreate bool) (*root, error) {
	if t := cfg.Transit; t != nil {
		r, err := transit.Open(transit.Config{Address: t.Address, Mount: t.Mount, Key: t.Key, Namespace: t.Namespace, CA: t.CA, Token: t.Token})
		if err != nil {
			return nil, err
		}
		return &root{Sealer: r, name: r.Name()}, nil
	}
	m, err := openFile(cfg, random, mayCreate)
	if err != nil {
		return nil, err
	}
	return &root{Sealer: m, name: "file " + m.ID()}, nil
}

func openFile(cfg config.Config, random func(int) []byte, mayCreate bool) (*keyring.Master, error) {
	if cfg.Credentials != "" {
		return keyfile.OpenCredential(cfg.Credentials, "root.key", cfg.Data, random)
	}
	if !mayCreate {
		m, err := keyfile.Load(cfg.RootKey, cfg.Data, random)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w: the ledger in %s is there and its root key is not; put its copy back, or seal the ledger's key anew from its recovery copy with `cloister root-key restore`", err, cfg.Data)
		}
		return m, err
	}
	if err := private(filepath.Dir(cfg.RootKey)); err != nil {
		return nil, fmt.Errorf("cannot make the root key's directory: %w", err)
	}
	return keyfile.Open(cfg.RootKey, cfg.Data, random)
}

// founded says whether there is a ledger: then a root key that is missing is lost, and a new one would open nothing.
func founded(data string) bool {
	_, err := os.Stat(filepath.Join(data, ledgerName))
	return err == nil
}

// unlock opens the ledger's key, or makes it for a new ledger.
func (d *Daemon) unlock(ctx context.Context) error {
	d.root.key = nil
	old := false // a ledger from before there was such a key
	err := d.store.View(ctx, func(v store.View) error {
		it, err := wrappedKeys.Get(v, everywhere, ledgerKey)
		if err == nil {
			d.root.key = &it.Value
		} else if errors.Is(err, store.ErrNotFound) {
			_, err = authorities.Get(v, everywhere, "local")
			old = err == nil
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot read the ledger's key: %w", err)
	}
	if old {
		if d.cfg.Transit != nil {
			return errors.New("cannot open the ledger: it is from before its key could be sealed by a server; start it with its root key file")
		}
		d.sealer = d.root.Sealer
		return nil
	}
	var key []byte
	if d.root.key == nil {
		key, err = d.root.fresh(d.world.Bytes)
	} else {
		key, err = d.root.open(d.root.key)
	}
	if err != nil {
		return err
	}
	d.sealer, err = keyring.NewMaster(key, d.world.Bytes)
	return err
}

// fresh makes a key for a ledger that has none; keep writes it.
func (r *root) fresh(random func(int) []byte) ([]byte, error) {
	key := random(keyring.MasterSize)
	m, err := keyring.NewMaster(key, random)
	if err != nil {
		return nil, err
	}
	r.key, err = r.wrap(key, m.ID())
	return key, err
}

func (r *root) wrap(key []byte, id string) (*wrapped, error) {
	w := &wrapped{Root: r.name, ID: id}
	var err error
	if w.Box, err = r.Seal(key, w.place()); err != nil {
		return nil, fmt.Errorf("cannot seal the ledger's key: %w", err)
	}
	return w, nil
}

// open opens the ledger's key and checks that it is the one that sealed the ledger. A wrong root is told as such: nothing was
// read yet that could look damaged.
func (r *root) open(w *wrapped) ([]byte, error) {
	if w.Root != r.name {
		return nil, fmt.Errorf("cannot open the ledger: its key is sealed by the root key %q, and this is %q; start with the former, or seal the key anew with `cloister root-key rewrap` or `restore`", w.Root, r.name)
	}
	key, err := r.Open(w.Box, w.place())
	if err != nil {
		return nil, fmt.Errorf("cannot open the ledger's key: %w", err)
	}
	m, err := keyring.NewMaster(key, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot open the ledger's key: %w", err)
	}
	if m.ID() != w.ID {
		return nil, fmt.Errorf("cannot open the ledger: its key is %s, but what the root key opened is %s", w.ID, m.ID())
	}
	return key, nil
}

// keep writes the row of the ledger's key where it is missing: at the first start, and after a reset.
func (r *root) keep(tx store.Tx) error {
	if r.key == nil {
		return nil
	}
	_, err := wrappedKeys.Get(tx, everywhere, ledgerKey)
	if errors.Is(err, store.ErrNotFound) {
		return wrappedKeys.Create(tx, everywhere, ledgerKey, r.key)
	}
	return err
}

// hide keeps the daemon's memory, in which keys are, from core dumps, other processes and, where the host allows it, swap.
func (d *Daemon) hide() error {
	if err := linux.Undumpable(); err != nil {
		return err
	}
	locked, err := linux.LockMemory()
	if err != nil {
		return fmt.Errorf("cannot lock the memory: %w", err)
	}
	if !locked {
		d.log.Info("the memory may be swapped: start as root or with an unlimited RLIMIT_MEMLOCK (LimitMEMLOCK=infinity), or encrypt the swap")
	}
	return nil
}
