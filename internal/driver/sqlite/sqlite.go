// Package sqlite is the ledger in one SQLite file. Its law: what was answered as written is on the disk, and everything
// of one transaction is there or nothing is.
//
// The file is in WAL mode with synchronous=FULL. One connection writes, a few read from snapshots. Two processes may
// open the same file; leases and fences keep the loser from writing. Watch tells of commits made through its own Store.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloister/internal/store"

	"modernc.org/sqlite"
)

var _ store.Store = (*Store)(nil)

var errClosed = errors.New("the ledger is closed")

// Store is a ledger in one file. It is safe for concurrent use.
//
// Neither Update, Append, Acquire nor Reset may be called inside an Update's function: they would wait for the write slot which
// that Update holds (use Tx.Record and Tx.Fence there). View inside Update or View is allowed; it does not see what the
// surrounding transaction has not committed.
type Store struct {
	path  string
	clock func() time.Time
	db    *sql.DB

	slot    chan struct{} // holds the one right to write; waiters are served in order
	writer  *session      // belongs to the holder of the slot; nil after a failure, then opened anew
	readers readers
	groups  groups

	fence   atomic.Pointer[store.Lease]
	watch   watchers
	appends queue

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// Open opens the ledger at path, creates it with mode 0600 if there is none, and brings its schema up to date. It refuses
// a schema that is newer than this program and a file that is not a ledger. The directory must exist. clock gives the
// time of transactions and leases.
func Open(ctx context.Context, path string, clock func() time.Time) (*Store, error) {
	s, err := open(ctx, path, clock)
	if err != nil {
		return nil, fmt.Errorf("cannot open the ledger %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, clock func() time.Time) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := ensureFile(path); err != nil {
		return nil, err
	}
	c, err := sqlite.NewConnector(dsn(path))
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, clock: clock, db: sql.OpenDB(c), slot: make(chan struct{}, 1)}
	s.db.SetMaxIdleConns(-1) // a connection that is given back is closed: we keep our own
	s.readers.init(s.db)
	if err := s.start(ctx); err != nil {
		_ = s.db.Close()
		return nil, s.translate(err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) (err error) {
	if s.writer, err = dial(ctx, s.db); err != nil {
		return err
	}
	if err = s.writer.verify(); err == nil {
		err = migrate(s.writer)
	}
	if err != nil {
		s.writer.close()
	}
	return err
}

// dsn names the file and the settings of every connection. SQLite's defaults differ between builds, so all are said.
func dsn(path string) string {
	q := url.Values{"_dqs": {"0"}, "_pragma": {
		"busy_timeout(5000)",
		"journal_mode(wal)",
		"synchronous(full)",
		"foreign_keys(1)",
		"trusted_schema(0)",
		"temp_store(memory)", // sorting leaves no file outside the data directory
		"cache_size(-4000)",
		"secure_delete(1)", // what is deleted (the material of a key) is overwritten
		"journal_size_limit(67108864)",
	}}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// ensureFile makes the file before SQLite does, so that it is never readable by others (the -wal and -shm files take its
// mode). An existing file is only looked at by name: closing any descriptor of it would drop the locks that this process
// holds on it through SQLite.
func ensureFile(path string) error {
	fi, err := os.Lstat(path)
	switch {
	case err == nil && !fi.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case err == nil && fi.Mode().Perm()&0o077 != 0:
		return os.Chmod(path, 0o600)
	case err == nil || !errors.Is(err, os.ErrNotExist):
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return ensureFile(path) // another process was faster
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// enter counts a call in; Close waits until all are out.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.calls.Add(1)
	return nil
}

// Close waits for the calls in flight, moves the write-ahead log into the file and closes it. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.calls.Wait()
	s.appends.running.Wait()
	s.readers.close()
	var err error
	if s.writer != nil {
		_, err = s.writer.exec("pragma wal_checkpoint(truncate)")
		s.writer.close()
	}
	if err = errors.Join(err, s.db.Close()); err != nil {
		return fmt.Errorf("cannot close the ledger %s: %w", s.path, s.translate(err))
	}
	return nil
}

// Check reads the whole file and reports what is damaged: pages, indexes, references. It may take long.
func (s *Store) Check(ctx context.Context) error {
	return s.View(ctx, func(v store.View) error {
		for _, q := range []string{"pragma integrity_check", "select 'a term without its row in ' || \"table\" from pragma_foreign_key_check"} {
			err := v.(*view).rows(q, nil, func(scan func(...any) error) error {
				var word string
				if err := scan(&word); err != nil {
					return err
				}
				if word != "ok" {
					return fmt.Errorf("the ledger %s is damaged: %s", s.path, word)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
