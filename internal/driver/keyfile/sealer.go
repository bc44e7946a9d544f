package keyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cloister/internal/core/keyring"
)

// Open reads the root key at path and makes it (mode 0600, in a directory of mode 0700) if there is none. dataDir is the
// directory that the key must not lie in. random gives n random bytes.
//
// It refuses a key that is not a regular file of exactly 32 bytes with one name, belongs to neither this user nor root, or has any permission
// for group or others; and a directory that others can write to.
func Open(path, dataDir string, random func(n int) []byte) (*keyring.Master, error) {
	return use(path, dataDir, random, true)
}

// Load is Open for a ledger that is there already: a key that is missing is an error (os.ErrNotExist), since a new one would
// open nothing.
func Load(path, dataDir string, random func(n int) []byte) (*keyring.Master, error) {
	return use(path, dataDir, random, false)
}

func use(path, dataDir string, random func(n int) []byte, create bool) (*keyring.Master, error) {
	s, err := find(path, dataDir, random, create)
	if err != nil {
		return nil, fmt.Errorf("cannot use the root key %s: %w", path, err)
	}
	return s, nil
}

// OpenCredential reads the root key that the service manager put into dir, the value of CREDENTIALS_DIRECTORY (systemd's
// LoadCredentialEncrypted= keeps it sealed by the TPM or the host's key until then). It never makes one.
func OpenCredential(dir, name, dataDir string, random func(n int) []byte) (*keyring.Master, error) {
	path := filepath.Join(dir, name)
	if name != filepath.Base(name) || !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("cannot use the root key %s: a credential is a plain name in an absolute directory", path)
	}
	err := outside(path, dataDir)
	var key []byte
	if err == nil {
		key, err = read(path, true)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the root key %s: %w", path, err)
	}
	return keyring.NewMaster(key, random)
}

func find(path, dataDir string, random func(n int) []byte, mayCreate bool) (*keyring.Master, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := outside(path, dataDir); err != nil { // before anything is made
		return nil, err
	}
	dir := filepath.Dir(path)
	if mayCreate {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	key, err := read(path, false)
	if mayCreate && errors.Is(err, os.ErrNotExist) {
		if err = create(path, random(keySize)); err == nil || errors.Is(err, os.ErrExist) {
			key, err = read(path, false)
		}
	}
	if err != nil {
		return nil, err
	}
	return keyring.NewMaster(key, random)
}
