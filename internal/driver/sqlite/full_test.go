package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// limitPages lets the file grow by n pages and no more; negative: as it likes.
func limitPages(t *testing.T, s *Store, n int) {
	t.Helper()
	s.slot <- struct{}{}
	defer func() { <-s.slot }()
	if s.writer == nil {
		var err error
		if s.writer, err = dial(t.Context(), s.db); err != nil {
			t.Fatal(err)
		}
	}
	limit := 1 << 30
	if n >= 0 {
		if err := s.writer.one("pragma page_count", nil, &limit); err != nil {
			t.Fatal(err)
		}
		limit += n
	}
	if _, err := s.writer.exec(fmt.Sprintf("pragma max_page_count = %d", limit)); err != nil {
		t.Fatal(err)
	}
}

// fill writes rows, each with its event, until the disk is full, and returns what was acknowledged.
func fill(t *testing.T, s *Store, round string) (acked []string, err error) {
	t.Helper()
	for i := range 10000 {
		id := fmt.Sprintf("%s-%04d", round, i)
		if err := s.Update(t.Context(), func(tx store.Tx) error { return put(tx, id, 6000) }); err != nil {
			return acked, err
		}
		acked = append(acked, id)
	}
	t.Fatal("it never gets full")
	return nil, nil
}

func put(tx store.Tx, id string, size int) error {
	_, err := tx.Put(store.Row{Key: store.Key{Kind: "blob", ID: id}, Value: make([]byte, size), Terms: []store.Term{{Name: "id", Value: id, Unique: true}}})
	return errors.Join(err, tx.Record(&trail.Event{ID: id}))
}

// wantAll looks for exactly the acknowledged rows and events.
func wantAll(t *testing.T, s *Store, acked []string) {
	t.Helper()
	if err := s.View(t.Context(), func(v store.View) error {
		rows, err := v.List(store.Query{Kind: "blob"})
		evs, err2 := v.Trail(store.TrailQuery{})
		if len(rows) != len(acked) || len(evs) != len(acked) {
			t.Errorf("%d rows and %d events, want %d", len(rows), len(evs), len(acked))
		}
		for i := range min(len(rows), len(evs), len(acked)) {
			if rows[i].ID != acked[i] || evs[i].ID != acked[i] {
				t.Errorf("row %s and event %s, want %s", rows[i].ID, evs[i].ID, acked[i])
			}
		}
		return errors.Join(err, err2)
	}); err != nil {
		t.Error(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFull(t *testing.T) {
	s := fresh(t)
	limitPages(t, s, 20)
	acked, err := fill(t, s, "a")
	if !errors.Is(err, store.ErrFull) || len(acked) == 0 {
		t.Fatalf("after %d rows: %v", len(acked), err)
	}
	wantAll(t, s, acked)

	// Who ignores the error inside an Update still gets it from there, and nothing of the Update stays.
	limitPages(t, s, 0)
	err = s.Update(t.Context(), func(tx store.Tx) error {
		_ = put(tx, "b-big", 1<<16)
		_ = put(tx, "b-small", 1)
		return nil
	})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("the ignored error: %v", err)
	}
	wantAll(t, s, acked)

	limitPages(t, s, 0)
	if err := s.Append(t.Context(), &trail.Event{ID: strings.Repeat("x", 1<<16)}); !errors.Is(err, store.ErrFull) {
		t.Errorf("append: %v", err)
	}
	limitPages(t, s, -1)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return put(tx, "c", 6000) }); err != nil {
		t.Errorf("with room again: %v", err)
	}
	wantAll(t, s, append(acked, "c"))
}

const fullPlace = "SQLITE_TEST_FULL_PLACE"

// A file system without space, as the kernel says it: the test runs itself in a mount namespace of its own.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(fullPlace); dir != "" {
		onSmallDisk(t, dir)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.count=1", "-test.v")
	child.Env = append(os.Environ(), fullPlace+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EACCES) {
		if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), "kernel") {
			t.Fatalf("this host allows no user namespace: %v", err)
		}
		t.Skipf("this host allows no user namespace: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDiskFull") {
		t.Errorf("%v\n%s", err, out)
	}
}

func onSmallDisk(t *testing.T, dir string) {
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 600<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ledger.db")
	s := openAt(t, path, time.Now)
	acked, err := fill(t, s, "a")
	if !errors.Is(err, store.ErrFull) || len(acked) == 0 {
		t.Fatalf("after %d rows: %v", len(acked), err)
	}
	if err := s.Append(context.Background(), &trail.Event{ID: strings.Repeat("x", 1<<20)}); !errors.Is(err, store.ErrFull) {
		t.Errorf("append: %v", err)
	}
	wantAll(t, s, acked)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return put(tx, "b", 6000) }); err != nil {
		t.Errorf("with room again: %v", err)
	}
	wantAll(t, s, append(acked, "b"))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = openAt(t, path, time.Now)
	wantAll(t, s, append(acked, "b"))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}
