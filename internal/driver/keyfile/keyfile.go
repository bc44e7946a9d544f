// Package keyfile is the root of trust in a file of 32 bytes. Its law: the key lies where neither the data directory nor
// anybody else can give it away, or the daemon does not start.
//
// Whoever has the data directory alone (a backup, a stolen disk) has only sealed boxes. There is no rotation by replacing the
// file: a new key opens no old box, and Open says so with both key ids.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"cloister/internal/core/keyring"
)

const keySize = keyring.MasterSize

// create writes a new key durably. A start that is cut off here leaves a short file: the next one refuses it, and nothing
// was sealed yet.
func create(path string, key []byte) error {
	if len(key) != keySize {
		return fmt.Errorf("the source of randomness gave %d bytes, want %d", len(key), keySize)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read opens first and looks then, so that what is checked is what is read.
func read(path string, credential bool) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a symbolic link; name the file itself")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkFile(f, credential); err != nil {
		return nil, err
	}
	key, err := io.ReadAll(io.LimitReader(f, keySize+1))
	if err != nil {
		return nil, err
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("it does not hold exactly %d bytes; put the right key there, or delete the file if nothing was ever sealed with it", keySize)
	}
	return key, nil
}

func checkFile(f *os.File, credential bool) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	st := fi.Sys().(*syscall.Stat_t)
	if err := ownedByUs(st); err != nil {
		return err
	}
	if st.Nlink != 1 {
		return errors.New("it has a second name (hard link)")
	}
	if fi.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if credential && fi.Mode().Perm()&0o037 == 0 {
		if alone, err := grantsOnlyUs(f); err != nil || alone {
			return err
		}
	}
	return fmt.Errorf("its mode is %04o, want no permission for group and others: chmod 0600", fi.Mode().Perm())
}

func checkDir(dir string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := ownedByUs(fi.Sys().(*syscall.Stat_t)); err != nil {
		return fmt.Errorf("its directory: %w", err)
	}
	if fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to its directory (mode %04o): chmod 0700", fi.Mode().Perm())
	}
	return nil
}

func ownedByUs(st *syscall.Stat_t) error {
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("it belongs to user %d, want %d or root", st.Uid, os.Geteuid())
	}
	return nil
}

// outside fails if path lies in dir, also by way of symbolic links.
func outside(path, dir string) error {
	p, err := resolve(path)
	if err != nil {
		return err
	}
	d, err := resolve(dir)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(d, p)
	if err != nil {
		return err
	}
	if rel != ".." && !strings.HasPrefix(rel, "../") {
		return fmt.Errorf("it lies in the data directory %s, whose copies would carry the key along; keep it elsewhere", dir)
	}
	return nil
}

// resolve follows the symbolic links of the part of path that exists.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) && path != "/" {
		dir, err := resolve(filepath.Dir(path))
		return filepath.Join(dir, filepath.Base(path)), err
	}
	return real, err
}
