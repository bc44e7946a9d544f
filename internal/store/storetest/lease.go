package storetest

import (
	"errors"
	"fmt"
	"time"

	"cloister/internal/store"
)

func testLeases(e *env) {
	ctx := e.Context()
	a, err := e.s.Acquire(ctx, "daemon", "a", time.Minute)
	if err != nil || a.Name != "daemon" || a.Holder != "a" || a.Epoch < 1 || !a.Until.Equal(e.clock.Now().UTC().Truncate(time.Microsecond).Add(time.Minute)) {
		e.Fatalf("acquire: %+v, %v", a, err)
	}
	_, err = e.s.Acquire(ctx, "daemon", "b", time.Minute)
	e.wantErr("a lease that is held", err, store.ErrConflict)
	if l, err := e.s.Acquire(ctx, "other", "b", time.Minute); err != nil || l.Epoch < 1 {
		e.Errorf("another lease: %+v, %v", l, err)
	}
	e.clock.Advance(50 * time.Second)
	renewed, err := e.s.Acquire(ctx, "daemon", "a", time.Minute)
	if err != nil || renewed.Epoch != a.Epoch || !renewed.Until.After(a.Until) {
		e.Errorf("renewal: %+v, %v", renewed, err)
	}
	e.clock.Advance(50 * time.Second)
	_, err = e.s.Acquire(ctx, "daemon", "b", time.Minute)
	e.wantErr("a lease that was renewed", err, store.ErrConflict)
	e.clock.Advance(10 * time.Second)
	b, err := e.s.Acquire(ctx, "daemon", "b", time.Minute)
	if err != nil || b.Epoch <= a.Epoch {
		e.Fatalf("a lease at its end: %+v, %v", b, err)
	}
	_, err = e.s.Acquire(ctx, "daemon", "a", time.Minute)
	e.wantErr("the first holder again", err, store.ErrConflict)
	if err := e.s.Release(ctx, a); err != nil {
		e.Errorf("release of a lost lease: %v", err)
	}
	_, err = e.s.Acquire(ctx, "daemon", "a", time.Minute)
	e.wantErr("after the release of a lost lease", err, store.ErrConflict)
	if err := e.s.Release(ctx, b); err != nil {
		e.Errorf("release: %v", err)
	}
	again, err := e.s.Acquire(ctx, "daemon", "b", time.Minute)
	if err != nil || again.Epoch <= b.Epoch {
		e.Errorf("after a release the epoch rises, even for the same holder: %+v, %v", again, err)
	}
	for _, c := range []struct {
		name, holder string
		ttl          time.Duration
	}{{"", "a", 1}, {"x", "", time.Minute}, {"x", "a", 0}} {
		if _, err := e.s.Acquire(ctx, c.name, c.holder, c.ttl); err == nil {
			e.Errorf("acquire %+v was accepted", c)
		}
	}
	// Many at once: one wins.
	won := make(chan string, 8)
	if err := together(8, func(i int) error {
		holder := fmt.Sprint("h", i)
		_, err := e.s.Acquire(ctx, "race", holder, time.Minute)
		if err == nil {
			won <- holder
		} else if errors.Is(err, store.ErrConflict) {
			err = nil
		}
		return err
	}); err != nil || len(won) != 1 {
		e.Errorf("%d won the race, %v", len(won), err)
	}
}

// Two daemons on one ledger: the one whose lease was taken over cannot write by any way.
func testFence(e *env) {
	ctx := e.Context()
	old, next := e.s, e.another()
	l1, err := old.Acquire(ctx, "daemon", "old", time.Minute)
	if err != nil {
		e.Fatal(err)
	}
	old.FenceWith(l1)
	e.update(func(tx store.Tx) error { return errors.Join(tx.Fence(l1), act(tx, "a")) })
	e.clock.Advance(2 * time.Minute)
	e.update(func(tx store.Tx) error { return act(tx, "b") }) // late, but nobody else took it

	l2, err := next.Acquire(ctx, "daemon", "new", time.Minute)
	if err != nil {
		e.Fatal(err)
	}
	next.FenceWith(l2)
	e.wantErr("update", old.Update(ctx, func(store.Tx) error { e.Error("f ran"); return nil }), store.ErrFenced)
	e.wantErr("append", old.Append(ctx, event("c")), store.ErrFenced)
	e.wantErr("reset", old.Reset(ctx), store.ErrFenced)
	err = next.Update(ctx, func(tx store.Tx) error { return tx.Fence(l1) })
	e.wantErr("fence by hand", err, store.ErrFenced)
	if err := next.Update(ctx, func(tx store.Tx) error { return errors.Join(tx.Fence(l2), act(tx, "d")) }); err != nil {
		e.Errorf("the new holder: %v", err)
	}
	if err := next.Append(ctx, event("e")); err != nil {
		e.Errorf("the new holder appends: %v", err)
	}
	e.wantIDs("rows, read by the fenced one", e.list(store.Query{Scope: home, Kind: "vpc"}), "a", "b", "d")
	e.wantIDs("events", e.events(store.TrailQuery{}), "a", "b", "d", "e")

	if err := next.Release(ctx, l2); err != nil {
		e.Fatal(err)
	}
	e.wantErr("after its release", next.Append(ctx, event("f")), store.ErrFenced)
	l3, err := old.Acquire(ctx, "daemon", "old", time.Minute)
	if err != nil || l3.Epoch <= l2.Epoch {
		e.Fatalf("a fenced daemon may acquire anew: %+v, %v", l3, err)
	}
	e.wantErr("the old fence still stands", old.Append(ctx, event("g")), store.ErrFenced)
	old.FenceWith(l3)
	if err := old.Append(ctx, event("h")); err != nil {
		e.Errorf("with the new lease: %v", err)
	}
	next.FenceWith(store.Lease{})
	if err := next.Append(ctx, event("i")); err != nil {
		e.Errorf("without a fence: %v", err)
	}
}

func testReset(e *env) {
	ctx := e.Context()
	l, err := e.s.Acquire(ctx, "daemon", "a", time.Minute)
	if err != nil {
		e.Fatal(err)
	}
	e.s.FenceWith(l)
	e.update(func(tx store.Tx) error { return errors.Join(act(tx, "a"), act(tx, "b")) })
	last := event("last")
	if err := e.s.Append(ctx, last); err != nil {
		e.Fatal(err)
	}
	ch := e.s.Watch(ctx, "vpc")
	if err := e.s.Reset(ctx); err != nil {
		e.Fatal(err)
	}
	e.pinged(ch)
	e.wantActs("after the reset")
	e.wantIDs("by resource", e.events(store.TrailQuery{Resource: "arn:a"}))
	_, err = e.s.Acquire(ctx, "daemon", "b", time.Minute)
	e.wantErr("the lease stays", err, store.ErrConflict)
	e.update(func(tx store.Tx) error { return act(tx, "a") }) // its name is free again
	e.view(func(v store.View) error {
		evs, err := v.Trail(store.TrailQuery{})
		if err != nil || len(evs) != 1 || evs[0].Seq <= last.Seq {
			e.Errorf("the sequence went from %d to %+v, %v", last.Seq, evs, err)
		}
		return nil
	})
}

func testReopen(e *env) {
	ctx := e.Context()
	e.update(func(tx store.Tx) error { return act(tx, "a") })
	l, err := e.s.Acquire(ctx, "daemon", "a", time.Minute)
	if err != nil {
		e.Fatal(err)
	}
	last := event("b")
	if err := e.s.Append(ctx, last); err != nil {
		e.Fatal(err)
	}
	if err := e.s.Close(); err != nil {
		e.Fatal(err)
	}
	e.s = e.another()
	if r, err := e.get(key("vpc", "a")); err != nil || string(r.Value) != "a" || r.Version != 1 {
		e.Errorf("row: %+v, %v", r, err)
	}
	e.wantIDs("events", e.events(store.TrailQuery{}), "a", "b")
	e.wantTags("arn:a", map[string]string{"k": "v"})
	_, err = e.s.Acquire(ctx, "daemon", "b", time.Minute)
	e.wantErr("the lease", err, store.ErrConflict)
	e.update(func(tx store.Tx) error { return tx.Fence(l) })
	next := event("c")
	if err := e.s.Append(ctx, next); err != nil || next.Seq <= last.Seq {
		e.Errorf("sequence %d after %d, %v", next.Seq, last.Seq, err)
	}
}

func testClosed(e *env) {
	ctx := e.Context()
	inside, leave, left, closed := make(chan struct{}), make(chan struct{}), make(chan error), make(chan error)
	go func() {
		left <- e.s.Update(ctx, func(tx store.Tx) error { close(inside); <-leave; return act(tx, "a") })
	}()
	<-inside
	go func() { closed <- e.s.Close() }()
	close(leave)
	if err := errors.Join(<-left, <-closed); err != nil {
		e.Errorf("close waits for a call in flight: %v", err)
	}
	_, acquire := e.s.Acquire(ctx, "daemon", "a", time.Minute)
	for name, err := range map[string]error{
		"view":    e.s.View(ctx, func(store.View) error { return nil }),
		"update":  e.s.Update(ctx, func(store.Tx) error { return nil }),
		"append":  e.s.Append(ctx, event("e")),
		"acquire": acquire,
	} {
		if err == nil {
			e.Errorf("%s on a closed ledger was accepted", name)
		}
	}
	if err := e.s.Close(); err != nil {
		e.Errorf("a second close: %v", err)
	}
	e.s = e.another()
	e.wantActs("what was in flight", "a")
}

// Two processes' worth of stores write the same ledger: no update is lost, no number given twice.
func testTwoStores(e *env) {
	stores := []store.Store{e.s, e.another()}
	const each = 40
	if err := together(4, func(i int) error {
		for j := range each {
			if err := stores[i%2].Update(e.Context(), func(tx store.Tx) error { return act(tx, fmt.Sprintf("%d-%02d", i, j)) }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		e.Fatal(err)
	}
	for i, s := range stores {
		if err := s.View(e.Context(), func(v store.View) error {
			rs, err := v.List(store.Query{Scope: home, Kind: "vpc"})
			evs, err2 := v.Trail(store.TrailQuery{})
			if len(rs) != 4*each || len(evs) != 4*each {
				e.Errorf("store %d sees %d rows and %d events", i, len(rs), len(evs))
			}
			return errors.Join(err, err2)
		}); err != nil {
			e.Error(err)
		}
	}
}
