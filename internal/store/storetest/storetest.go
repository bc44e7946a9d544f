// Package storetest is the conformance suite of the ledger. A driver is a store.Store when Run passes: no test here knows
// which one it runs on.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// Opener opens the ledger of a place: an empty directory that the suite made. The same place gives the same ledger, also
// while another Store of it is open. The suite closes what it opens.
type Opener func(t testing.TB, place string, clock func() time.Time) store.Store

// Clock is a time that tests move by hand. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed moment that is neither UTC nor a whole microsecond: drivers must bring it to both.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 3, 1, 13, 30, 0, 123456789, time.FixedZone("", 3600))}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// env is what each test gets.
type env struct {
	*testing.T
	open  Opener
	place string
	clock *Clock
	s     store.Store
}

// Run runs the suite, each test on a ledger of its own.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		f    func(*env)
	}{
		{"rows", testRows}, {"versions", testVersions}, {"bad keys", testBadKeys}, {"odd bytes", testOddBytes},
		{"unique terms", testUnique}, {"terms follow their row", testTermsFollow}, {"conflict leaves nothing", testConflictLeavesNothing},
		{"scopes", testScopes}, {"list", testList}, {"any scope", testAnyScope},
		{"table", testTable}, {"tags", testTags}, {"tagged", testTagged},
		{"trail", testTrail}, {"lookup", testLookup}, {"prune", testPrune}, {"trail fields", testTrailFields}, {"append", testAppend}, {"append cancelled", testAppendCancelled},
		{"atomic", testAtomic}, {"panic", testPanic}, {"cancel", testCancel}, {"over", testOver},
		{"one time", testOneTime}, {"snapshot", testSnapshot}, {"nested views", testNestedViews}, {"own writes", testOwnWrites},
		{"watch", testWatch}, {"watch ends", testWatchEnds},
		{"leases", testLeases}, {"fence", testFence}, {"reset", testReset}, {"reopen", testReopen}, {"closed", testClosed},
		{"stamp", testStamp}, {"memo", testMemo}, {"memo weighs", testMemoWeighs}, {"memo is never old", testMemoFresh},
		{"two stores", testTwoStores}, {"many writers", testManyWriters}, {"many kinds of callers", testMixed},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &env{T: t, open: open, place: t.TempDir(), clock: NewClock()}
			e.s = e.another()
			c.f(e)
		})
	}
}

// another opens the test's ledger once more.
func (e *env) another() store.Store {
	s := e.open(e, e.place, e.clock.Now)
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("close: %v", err)
		}
	})
	return s
}

func (e *env) update(f func(store.Tx) error) {
	e.Helper()
	if err := e.s.Update(e.Context(), f); err != nil {
		e.Fatalf("update: %v", err)
	}
}

func (e *env) view(f func(store.View) error) {
	e.Helper()
	if err := e.s.View(e.Context(), f); err != nil {
		e.Fatalf("view: %v", err)
	}
}

// put writes a row whatever its version and returns the new one.
func (e *env) put(k store.Key, value string, terms ...store.Term) (version int64) {
	e.Helper()
	e.update(func(tx store.Tx) error {
		old, err := tx.Get(k)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		version, err = tx.Put(store.Row{Key: k, Version: old.Version, Value: []byte(value), Terms: terms})
		return err
	})
	return version
}

func (e *env) get(k store.Key) (r store.Row, err error) {
	e.Helper()
	e.view(func(v store.View) error { r, err = v.Get(k); return nil })
	return r, err
}

func (e *env) list(q store.Query) (ids []string) {
	e.Helper()
	e.view(func(v store.View) error {
		rs, err := v.List(q)
		for _, r := range rs {
			ids = append(ids, r.ID)
		}
		return err
	})
	return ids
}

func (e *env) events(q store.TrailQuery) (ids []string) {
	e.Helper()
	e.view(func(v store.View) error {
		evs, err := v.Trail(q)
		for _, ev := range evs {
			ids = append(ids, ev.ID)
		}
		return err
	})
	return ids
}

func (e *env) wantIDs(what string, got []string, want ...string) {
	e.Helper()
	if !slices.Equal(got, want) {
		e.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func (e *env) wantErr(what string, got, want error) {
	e.Helper()
	if !errors.Is(got, want) {
		e.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// pinged waits for a ping; the deadline only ends a broken run.
func (e *env) pinged(ch <-chan struct{}) {
	e.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		e.Fatal("no ping")
	}
}

func (e *env) silent(what string, ch <-chan struct{}) {
	e.Helper()
	select {
	case <-ch:
		e.Errorf("%s: a ping that nothing caused", what)
	default:
	}
}

var home = store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-central-1"}

func key(kind, id string) store.Key { return store.Key{Scope: home, Kind: kind, ID: id} }

func event(id string) *trail.Event {
	return &trail.Event{ID: id, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), RequestID: "req-" + id, Service: "ec2", Name: "CreateVpc",
		Recipient: home.Account, Region: home.Region}
}

// together runs f n times at once and waits.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := f(i); err != nil {
				errs[i] = fmt.Errorf("caller %d: %w", i, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
