package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
	"cloister/internal/store/storetest"
)

func opener(t testing.TB, place string, clock func() time.Time) store.Store {
	return openAt(t, filepath.Join(place, "ledger.db"), clock)
}

func openAt(t testing.TB, path string, clock func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh opens a ledger that is closed at the test's end.
func fresh(t testing.TB) *Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) { storetest.Run(t, opener) }

func TestCrash(t *testing.T) {
	storetest.Crash(t, opener, func(s store.Store) error { return s.(*Store).Check(t.Context()) })
}

// raw runs SQL on the file without the driver's help.
func raw(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"a newer schema", func(t *testing.T, path string) {
			if err := openAt(t, path, time.Now).Close(); err != nil {
				t.Fatal(err)
			}
			raw(t, path, "pragma user_version = 99")
		}, "its schema is version 99, this program knows versions up to 3"},
		{"another program's database", func(t *testing.T, path string) { raw(t, path, "create table bookmarks (a)") }, "a database of another program"},
		{"another program's mark", func(t *testing.T, path string) { raw(t, path, "pragma application_id = 7") }, "a database of another program"},
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("plain text\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a database"},
		{"a symlink", func(t *testing.T, path string) {
			if err := os.Symlink("elsewhere", path); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			c.make(t, path)
			s, err := Open(t.Context(), path, time.Now)
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %q, want the path and %q", err, c.want)
			}
		})
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "ledger.db"), time.Now); err == nil {
		t.Error("a ledger in a directory that is not there was opened")
	}
}

// Whatever the umask and an earlier mode: nobody else reads the ledger, its log or its shared memory.
func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	look := func() {
		t.Helper()
		for _, f := range []string{path, path + "-wal", path + "-shm"} {
			fi, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if fi.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", f, fi.Mode())
			}
		}
	}
	s := openAt(t, path, time.Now)
	look()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) != 0 {
		t.Errorf("close left %v", left)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, time.Now)
	defer s.Close()
	look()
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=memory", "a#b", "a%20b", "ä", "a&b=c"} {
		dir := t.TempDir()
		s := openAt(t, filepath.Join(dir, name), time.Now)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 || files[0].Name() != name {
			t.Errorf("%q made %v, %v", name, files, err)
		}
	}
}

func TestCheckFindsDamage(t *testing.T) {
	s := fresh(t)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Row{Key: store.Key{Kind: "k", ID: "i"}, Terms: []store.Term{{Name: "n"}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("a sound ledger: %v", err)
	}
	raw(t, s.path, "pragma foreign_keys = 0; delete from rows")
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "without its row") {
		t.Errorf("a term without its row: %v", err)
	}
}

// No query walks a whole table: each has its index, and the common ones come in order without sorting.
func TestPlans(t *testing.T) {
	s := fresh(t)
	home := store.Scope{Partition: "aws", Account: "1", Region: "r"}
	type text struct {
		q    string
		args []any
	}
	list := func(q store.Query) text { q.Kind = "k"; a, b := listSQL(q); return text{a, b} }
	tagged := func(q store.TagQuery) text { q.Scope = home; a, b := taggedSQL(q); return text{a, b} }
	events := func(q store.TrailQuery) text { a, b := trailSQL(q); return text{a, b} }
	look := func(q store.TrailQuery) text {
		switch q.Account {
		case "":
			q.Account = "1"
		case "all":
			q.Account = ""
		}
		a, b := strandSQL(q, "arn/x", 51)
		return text{a, b}
	}
	term := store.Term{Name: "n", Value: "v"}
	for _, c := range []struct {
		name string
		text text
		sort bool   // may sort the few rows that it found
		by   string // the access path that it must take
	}{
		{"scope", list(store.Query{Scope: home, Prefix: "p", After: "a", Limit: 9}), false, "PRIMARY KEY (partition=? AND account=? AND region=? AND kind=? AND id>?"},
		{"scope reversed", list(store.Query{Scope: home, Before: "z", Reverse: true}), false, "PRIMARY KEY (partition=? AND account=? AND region=? AND kind=? AND id<?"},
		{"any scope", list(store.Query{AnyScope: true, After: "a"}), false, "rows_by_kind (kind=? AND id>?"},
		{"term", list(store.Query{Scope: home, Term: term, After: "a"}), false, "terms_by_value (kind=? AND name=? AND value=? AND partition=? AND account=? AND region=? AND id>?"},
		{"term in any scope", list(store.Query{AnyScope: true, Term: term}), true, "terms_by_value (kind=? AND name=? AND value=?"},
		{"tags of a scope", tagged(store.TagQuery{Prefix: "arn:", After: "a", Limit: 9}), false, "tags_by_scope (partition=? AND account=? AND region=? AND arn>?"},
		{"tags by key", tagged(store.TagQuery{Key: "k"}), false, "tags_by_scope (partition=? AND account=? AND region=?"},
		{"tags by key and value", tagged(store.TagQuery{Key: "k", Value: "v", Limit: 9}), false, "tags_by_key (partition=? AND account=? AND region=? AND key=? AND value=?"},
		{"trail pages", events(store.TrailQuery{AfterSeq: 9, Limit: 9}), false, "INTEGER PRIMARY KEY (rowid>?"},
		{"lookup", look(store.TrailQuery{}), false, "(name=? AND recipient=?)"},
		{"lookup of a span", look(store.TrailQuery{From: time.Now(), To: time.Now()}), false, "(name=? AND recipient=? AND time>? AND time<?)"},
		{"lookup of a page", look(store.TrailQuery{Before: store.Moment{Time: time.Now()}}), false, "(name=? AND recipient=? AND time<?)"},
		{"lookup of all accounts", look(store.TrailQuery{Account: "all"}), true, "(name=?)"},
	} {
		var plan []string
		err := s.View(t.Context(), func(v store.View) error {
			return v.(*view).rows("explain query plan "+c.text.q, c.text.args, func(scan func(...any) error) error {
				var id, parent, unused int
				var detail string
				err := scan(&id, &parent, &unused, &detail)
				plan = append(plan, detail)
				return err
			})
		})
		got := strings.Join(plan, "; ")
		if err != nil || len(plan) == 0 || strings.Contains(got, "SCAN e") || strings.Contains(got, "SCAN r") || !strings.Contains(got, c.by) || !c.sort && strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%s: %s %v", c.name, got, err)
		}
	}
}

// What a reset leaves behind by mistake might not show in any answer.
func TestResetEmptiesTables(t *testing.T) {
	s := fresh(t)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Row{Key: store.Key{Kind: "k", ID: "i"}, Terms: []store.Term{{Name: "n"}}})
		return errors.Join(err, tx.SetTags("arn", store.Scope{}, map[string]string{"k": "v"}), tx.Record(&trail.Event{Resources: []string{"old"}}),
			tx.Record(&trail.Event{Time: time.Now(), Resources: []string{"arn"}}))
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), "daemon", "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		n, err := tx.Prune(time.Now().Add(-time.Hour), 9, 9)
		if n != 1 {
			t.Errorf("%d events were pruned", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	count := func() (full, empty []string) {
		err := s.View(t.Context(), func(v store.View) error {
			var tables []string
			if err := v.(*view).rows("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name", nil, func(scan func(...any) error) error {
				tables = append(tables, "")
				return scan(&tables[len(tables)-1])
			}); err != nil {
				return err
			}
			for _, name := range tables {
				var n int
				if _, err := v.(*view).one("select count(*) from "+name, nil, &n); err != nil {
					return err
				}
				if n > 0 {
					full = append(full, name)
				} else {
					empty = append(empty, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return full, empty
	}
	if _, empty := count(); len(empty) != 0 {
		t.Fatalf("the test fills no %v", empty)
	}
	if err := s.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if full, _ := count(); !slices.Equal(full, []string{"busy", "leases", "stamp"}) {
		t.Errorf("after the reset there is something in %v", full)
	}
}

// What the triggers pass over must be what Memo does not keep.
func TestBusyKinds(t *testing.T) {
	s, n := fresh(t), 0
	err := s.View(t.Context(), func(v store.View) error {
		return v.(*view).rows("select kind from busy", nil, func(scan func(...any) error) error {
			var kind string
			if err := scan(&kind); err != nil {
				return err
			}
			if n++; !store.Busy(kind) {
				t.Errorf("changes of %s are not counted, and what is made of it is kept", kind)
			}
			return nil
		})
	})
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
}

// An append that is cancelled in the queue is taken out of it; its neighbour there is not.
func TestAppendTakenBack(t *testing.T) {
	s := fresh(t)
	queued := func(n int) {
		for {
			s.appends.mu.Lock()
			got := len(s.appends.waiting)
			s.appends.mu.Unlock()
			if got == n {
				return
			}
			runtime.Gosched()
		}
	}
	s.slot <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	gone, kept := make(chan error), make(chan error)
	go func() { gone <- s.Append(ctx, &trail.Event{ID: "gone"}) }()
	queued(1)
	go func() { kept <- s.Append(t.Context(), &trail.Event{ID: "kept"}) }()
	queued(2)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled one: %v", err)
	}
	<-s.slot
	if err := <-kept; err != nil {
		t.Errorf("its neighbour: %v", err)
	}
	if err := s.View(t.Context(), func(v store.View) error {
		evs, err := v.Trail(store.TrailQuery{})
		if len(evs) != 1 || evs[0].ID != "kept" {
			t.Errorf("the trail holds %+v", evs)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
