package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"cloister/internal/store"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// translate puts SQLite's errors into the contract's words.
func (s *Store) translate(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w (%v)", store.ErrFull, err)
	case sqlite3.SQLITE_IOERR:
		// SQLite tells ENOSPC apart when it writes, not when it syncs or grows the shared memory.
		if s.diskFull() {
			return fmt.Errorf("%w (%v)", store.ErrFull, err)
		}
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process holds the ledger for too long: %w", err)
	}
	return err
}

func (s *Store) diskFull() bool {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(s.path), &st); err != nil {
		return false
	}
	return st.Bavail*uint64(st.Bsize) < 1<<16 || st.Files > 0 && st.Ffree == 0
}
