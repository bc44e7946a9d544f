package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// session is one connection with its prepared statements. It belongs to one goroutine at a time.
//
// Statements run without the caller's context: they are short, and one that is never interrupted leaves no doubt whether
// it took effect. The context is looked at between them.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func dial(ctx context.Context, db *sql.DB) (*session, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: c, stmts: map[string]*sql.Stmt{}}, nil
}

func (s *session) close() {
	for _, st := range s.stmts {
		_ = st.Close()
	}
	_ = s.conn.Close()
}

// stmt prepares q once. The texts are few: constants and the shapes of queries.
func (s *session) stmt(q string) (*sql.Stmt, error) {
	if st, ok := s.stmts[q]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), q)
	if err != nil {
		return nil, err
	}
	s.stmts[q] = st
	return st, nil
}

func (s *session) exec(q string, args ...any) (sql.Result, error) {
	st, err := s.stmt(q)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(context.Background(), args...)
}

// one reads the first row of q into dest; sql.ErrNoRows if there is none.
func (s *session) one(q string, args []any, dest ...any) error {
	st, err := s.stmt(q)
	if err != nil {
		return err
	}
	return st.QueryRowContext(context.Background(), args...).Scan(dest...)
}

// begin starts a transaction: "begin" for a snapshot, "begin immediate" for the write lock (another process may hold it,
// so this one wait can be cancelled).
func (s *session) begin(ctx context.Context, how string) error {
	st, err := s.stmt(how)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx)
	return err
}

// verify makes sure that the settings took: a file system without shared memory silently keeps another journal mode.
func (s *session) verify() error {
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := s.one("pragma "+pragma, nil, &got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("this file system does not allow %s=%s (it is %s)", pragma, want, got)
		}
	}
	return nil
}

const (
	keepReaders  = 4                      // connections kept open
	maxReaders   = 64                     // with those opened under need
	readersGrace = 100 * time.Millisecond // a wait that is longer is taken for nested Views
)

// readers lends connections for snapshots. Views are short, so a few suffice; one that waits for long may be waiting for
// itself (a View inside a View), hence more are opened then.
type readers struct {
	db   *sql.DB
	idle chan *session
	mu   sync.Mutex
	open int
}

func (r *readers) init(db *sql.DB) { r.db, r.idle = db, make(chan *session, keepReaders) }

func (r *readers) get(ctx context.Context) (*session, error) {
	select {
	case s := <-r.idle:
		return s, nil
	default:
	}
	if r.grow(keepReaders) {
		return r.dial(ctx)
	}
	t := time.NewTicker(readersGrace)
	defer t.Stop()
	for {
		select {
		case s := <-r.idle:
			return s, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
			if r.grow(maxReaders) {
				return r.dial(ctx)
			}
		}
	}
}

func (r *readers) grow(limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open >= limit {
		return false
	}
	r.open++
	return true
}

func (r *readers) dial(ctx context.Context) (*session, error) {
	s, err := dial(ctx, r.db)
	if err == nil {
		if _, err = s.exec("pragma query_only = 1"); err == nil {
			return s, nil
		}
	}
	r.drop(s)
	return nil, err
}

// put takes a session back, which must be outside any transaction.
func (r *readers) put(s *session) {
	select {
	case r.idle <- s:
	default:
		r.drop(s)
	}
}

func (r *readers) drop(s *session) {
	if s != nil {
		s.close()
	}
	r.mu.Lock()
	r.open--
	r.mu.Unlock()
}

func (r *readers) close() {
	for {
		select {
		case s := <-r.idle:
			r.drop(s)
		default:
			return
		}
	}
}
