package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloister/internal/store"
)

// act writes one of everything, so that a test can see whether all or nothing of it stayed.
func act(tx store.Tx, id string) error {
	_, err := tx.Put(store.Row{Key: key("vpc", id), Value: []byte(id), Terms: []store.Term{{Name: "name", Value: id, Unique: true}}})
	return errors.Join(err, tx.SetTags("arn:"+id, home, map[string]string{"k": "v"}), tx.Record(event(id)))
}

func (e *env) wantActs(what string, ids ...string) {
	e.Helper()
	e.wantIDs(what+": rows", e.list(store.Query{Scope: home, Kind: "vpc"}), ids...)
	e.wantIDs(what+": events", e.events(store.TrailQuery{}), ids...)
	e.view(func(v store.View) error {
		ts, err := v.Tagged(store.TagQuery{Scope: home})
		if len(ts) != len(ids) {
			e.Errorf("%s: tags %v", what, ts)
		}
		return err
	})
	for _, id := range ids {
		e.wantIDs(what+": term", e.list(store.Query{Scope: home, Kind: "vpc", Term: store.Term{Name: "name", Value: id}}), id)
	}
}

func testAtomic(e *env) {
	no := errors.New("no")
	err := e.s.Update(e.Context(), func(tx store.Tx) error { return errors.Join(act(tx, "a"), no) })
	e.wantErr("update", err, no)
	e.wantActs("after an error")
	e.update(func(tx store.Tx) error { return act(tx, "b") })
	e.wantActs("after a commit", "b")
	err = e.s.Update(e.Context(), func(tx store.Tx) error {
		return errors.Join(tx.Delete(key("vpc", "b"), 0), tx.RemoveTags("arn:b", nil), no)
	})
	e.wantErr("update", err, no)
	e.wantActs("after a deletion that failed", "b")
}

func testPanic(e *env) {
	for range 3 { // more often than anything is pooled
		func() {
			defer func() {
				if r := recover(); r != "oh" {
					e.Errorf("recovered %v", r)
				}
			}()
			_ = e.s.Update(e.Context(), func(tx store.Tx) error { _ = act(tx, "a"); panic("oh") })
		}()
		func() {
			defer func() { _ = recover() }()
			_ = e.s.View(e.Context(), func(v store.View) error { _, _ = v.Get(key("vpc", "a")); panic("oh") })
		}()
	}
	e.update(func(tx store.Tx) error { return act(tx, "b") })
	e.wantActs("after panics", "b")
}

func testCancel(e *env) {
	never := func(store.Tx) error { e.Error("f ran"); return nil }
	e.wantErr("update, context done", e.s.Update(cancelled(), never), context.Canceled)
	e.wantErr("view, context done", e.s.View(cancelled(), func(store.View) error { e.Error("f ran"); return nil }), context.Canceled)

	ctx, cancel := context.WithCancel(e.Context())
	err := e.s.Update(ctx, func(tx store.Tx) error {
		if err := act(tx, "a"); err != nil {
			return err
		}
		cancel()
		return nil
	})
	e.wantErr("cancelled before the commit", err, context.Canceled)
	ctx, cancel = context.WithCancel(e.Context())
	_ = e.s.Update(ctx, func(tx store.Tx) error {
		cancel()
		e.wantErr("put after cancel", act(tx, "a"), context.Canceled)
		return nil
	})
	e.wantActs("after cancels")

	// One that waits for the writer gives up as well.
	e.update(func(tx store.Tx) error {
		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error)
		go func() { gone <- e.s.Update(ctx, never) }()
		cancel()
		e.wantErr("cancelled while waiting", <-gone, context.Canceled)
		return act(tx, "b")
	})
	e.wantActs("after the wait", "b")
}

// What escapes its transaction is dead.
func testOver(e *env) {
	var v store.View
	var tx store.Tx
	e.view(func(x store.View) error { v = x; return nil })
	e.update(func(x store.Tx) error { tx = x; return nil })
	if _, err := v.List(store.Query{Kind: "vpc"}); err == nil {
		e.Error("a view outlived its snapshot")
	}
	if act(tx, "a") == nil {
		e.Error("a transaction outlived its commit")
	}
	e.wantActs("after all")
}

func testOneTime(e *env) {
	e.update(func(tx store.Tx) error {
		t := tx.Now()
		e.clock.Advance(time.Hour)
		if tx.Now() != t || t.Location() != time.UTC || t.Nanosecond()%1000 != 0 {
			e.Errorf("the time was %v and is %v", t, tx.Now())
		}
		return act(tx, "a")
	})
	before, err := e.get(key("vpc", "a"))
	if err != nil {
		e.Fatal(err)
	}
	e.view(func(v store.View) error {
		if got := v.Now().Sub(before.Updated); got != time.Hour {
			e.Errorf("the next transaction is %v later, want 1h", got)
		}
		return nil
	})
}

func testSnapshot(e *env) {
	e.put(key("vpc", "a"), "old")
	e.view(func(v store.View) error {
		first, err := v.Get(key("vpc", "a"))
		if err != nil {
			return err
		}
		done := make(chan error)
		go func() {
			done <- e.s.Update(e.Context(), func(tx store.Tx) error {
				_, err := tx.Put(store.Row{Key: key("vpc", "a"), Version: 1, Value: []byte("new")})
				return errors.Join(err, act(tx, "b"))
			})
		}()
		if err := <-done; err != nil {
			return err
		}
		again, err := v.Get(key("vpc", "a"))
		if err != nil || string(first.Value) != "old" || string(again.Value) != "old" {
			e.Errorf("the snapshot read %q, then %q, %v", first.Value, again.Value, err)
		}
		if _, err := v.Get(key("vpc", "b")); !errors.Is(err, store.ErrNotFound) {
			e.Errorf("the snapshot sees a later row: %v", err)
		}
		return nil
	})
	if r, _ := e.get(key("vpc", "a")); string(r.Value) != "new" {
		e.Errorf("after the snapshot: %q", r.Value)
	}
}

// Views inside views and inside updates end, however many, and see what is committed.
func testNestedViews(e *env) {
	e.put(key("vpc", "a"), "1")
	var dive func(depth int) error
	dive = func(depth int) error {
		return e.s.View(e.Context(), func(v store.View) error {
			if _, err := v.Get(key("vpc", "a")); err != nil || depth == 0 {
				return err
			}
			return dive(depth - 1)
		})
	}
	if err := together(3, func(int) error { return dive(3) }); err != nil {
		e.Error(err)
	}
	e.update(func(tx store.Tx) error {
		if _, err := tx.Put(store.Row{Key: key("vpc", "b")}); err != nil {
			return err
		}
		return e.s.View(e.Context(), func(v store.View) error {
			if _, err := v.Get(key("vpc", "b")); !errors.Is(err, store.ErrNotFound) {
				e.Errorf("a view sees an uncommitted row: %v", err)
			}
			_, err := v.Get(key("vpc", "a"))
			return err
		})
	})
}

func testOwnWrites(e *env) {
	e.update(func(tx store.Tx) error {
		if err := act(tx, "a"); err != nil {
			return err
		}
		r, err := tx.Get(key("vpc", "a"))
		if err != nil || r.Updated != tx.Now() {
			e.Errorf("get: %+v, %v", r, err)
		}
		rs, err := tx.List(store.Query{Scope: home, Kind: "vpc", Term: store.Term{Name: "name", Value: "a"}})
		if err != nil || len(rs) != 1 {
			e.Errorf("list: %v, %v", rs, err)
		}
		evs, err := tx.Trail(store.TrailQuery{RequestID: "req-a"})
		if err != nil || len(evs) != 1 {
			e.Errorf("trail: %v, %v", evs, err)
		}
		_, err = tx.Put(store.Row{Key: key("vpc", "b"), Terms: []store.Term{{Name: "name", Value: "a", Unique: true}}})
		e.wantErr("a term taken in the same transaction", err, store.ErrConflict)
		return nil
	})
}

func testWatch(e *env) {
	vpcs, jobs, all := e.s.Watch(e.Context(), "vpc", "subnet"), e.s.Watch(e.Context(), "job"), e.s.Watch(e.Context())
	e.silent("before anything", vpcs)
	e.put(key("vpc", "a"), "1")
	e.pinged(vpcs)
	e.pinged(all)
	e.silent("a watcher of other kinds", jobs)
	e.put(key("vpc", "a"), "2")
	e.put(key("subnet", "a"), "2")
	e.pinged(vpcs)
	e.silent("two commits are one ping", vpcs)
	e.pinged(all)

	_ = e.s.Update(e.Context(), func(tx store.Tx) error {
		_, _ = tx.Put(store.Row{Key: key("vpc", "b")})
		return errors.New("no")
	})
	e.silent("a commit that failed", vpcs)
	e.view(func(v store.View) error { _, err := v.List(store.Query{Kind: "vpc"}); return err })
	e.update(func(tx store.Tx) error { return tx.SetTags("arn:a", home, map[string]string{"k": "v"}) })
	if err := e.s.Append(e.Context(), event("e")); err != nil {
		e.Fatal(err)
	}
	e.silent("reading, tags and events", all)
	e.update(func(tx store.Tx) error {
		e.silent("before the commit", vpcs)
		return tx.Delete(key("vpc", "a"), 0)
	})
	e.pinged(vpcs)
	// A ping means that the change can be read.
	go func() { _ = e.s.Update(e.Context(), func(tx store.Tx) error { return act(tx, "c") }) }()
	e.pinged(vpcs)
	if _, err := e.get(key("vpc", "c")); err != nil {
		e.Errorf("after the ping: %v", err)
	}
}

func testWatchEnds(e *env) {
	ctx, cancel := context.WithCancel(e.Context())
	ch := e.s.Watch(ctx, "vpc")
	other := e.s.Watch(e.Context(), "vpc")
	cancel()
	select {
	case _, open := <-ch:
		if open {
			e.Error("a ping instead of the end")
		}
	case <-time.After(10 * time.Second):
		e.Fatal("the channel stays open")
	}
	e.put(key("vpc", "a"), "1")
	e.pinged(other)
}

func testManyWriters(e *env) {
	const writers, each = 16, 25
	type counter struct{ N int }
	counters := store.Table[counter]{Kind: "counter"}
	e.update(func(tx store.Tx) error { return counters.Create(tx, home, "shared", &counter{}) })
	err := together(writers, func(i int) error {
		for j := range each {
			if err := e.s.Update(e.Context(), func(tx store.Tx) error {
				it, err := counters.Get(tx, home, "shared")
				if err != nil {
					return err
				}
				it.Value.N++
				return errors.Join(counters.Save(tx, &it), act(tx, fmt.Sprintf("%02d-%02d", i, j)))
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	e.view(func(v store.View) error {
		it, err := counters.Get(v, home, "shared")
		if err != nil || it.Value.N != writers*each || it.Version != writers*each+1 {
			e.Errorf("counter %+v, %v", it, err)
		}
		return nil
	})
	if n := len(e.events(store.TrailQuery{})); n != writers*each {
		e.Errorf("%d events, want %d", n, writers*each)
	}
}

// Writers, appenders and readers at once: each row's event is seen together with it or not at all.
func testMixed(e *env) {
	const rounds = 30
	err := together(16, func(i int) error {
		for j := range rounds {
			id := fmt.Sprintf("%02d-%02d", i, j)
			var err error
			switch i % 3 {
			case 0:
				err = e.s.Update(e.Context(), func(tx store.Tx) error { return act(tx, id) })
			case 1:
				ev := event(id)
				ev.Name = "DescribeVpcs"
				err = e.s.Append(e.Context(), ev)
			case 2:
				err = e.s.View(e.Context(), func(v store.View) error {
					rs, err := v.List(store.Query{Scope: home, Kind: "vpc"})
					if err != nil {
						return err
					}
					evs, err := v.Trail(store.TrailQuery{Name: "CreateVpc"})
					if err == nil && len(rs) != len(evs) {
						err = fmt.Errorf("%d rows but %d events", len(rs), len(evs))
					}
					return err
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
}
