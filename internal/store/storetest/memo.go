package storetest

import (
	"errors"
	"fmt"
	"strconv"

	"cloister/internal/store"
)

func (e *env) stamp() (n int64) {
	e.Helper()
	e.view(func(v store.View) error {
		stamp, settled, err := v.Stamp()
		if n = stamp; !settled {
			e.Error("the stamp of a snapshot is not settled")
		}
		return err
	})
	return n
}

var errBack = errors.New("take it back")

// Every change of a tag or of a row that is not busy moves the stamp; nothing else does.
func testStamp(e *env) {
	other := e.another()
	arn := "arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1"
	put := func(kind, id string) func(store.Tx) error {
		return func(tx store.Tx) error {
			old, err := tx.Get(key(kind, id))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			_, err = tx.Put(store.Row{Key: key(kind, id), Version: old.Version, Value: []byte("1")})
			return err
		}
	}
	for _, c := range []struct {
		what  string
		moves bool
		f     func(store.Tx) error
	}{
		{"a new row", true, put("vpc", "a")},
		{"a changed row", true, put("vpc", "a")},
		{"a row that is gone", true, func(tx store.Tx) error { return tx.Delete(key("vpc", "a"), 0) }},
		{"a new object", false, put("s3-object", "a")},
		{"a changed object", false, put("s3-object", "a")},
		{"an object that is gone", false, func(tx store.Tx) error { return tx.Delete(key("s3-object", "a"), 0) }},
		{"a kind that nobody knows", true, put("surprise", "a")},
		{"a tag", true, func(tx store.Tx) error { return tx.SetTags(arn, home, map[string]string{"a": "b"}) }},
		{"another value of it", true, func(tx store.Tx) error { return tx.SetTags(arn, home, map[string]string{"a": "c"}) }},
		{"a tag that is gone", true, func(tx store.Tx) error { return tx.RemoveTags(arn, nil) }},
		{"an event", false, func(tx store.Tx) error { return tx.Record(event("1")) }},
		{"nothing", false, func(store.Tx) error { return nil }},
		{"another process", true, nil},
	} {
		before := e.stamp()
		if c.f == nil {
			if err := other.Update(e.Context(), put("vpc", "b")); err != nil {
				e.Fatal(err)
			}
		} else {
			e.update(c.f)
		}
		if after := e.stamp(); (after > before) != c.moves || after < before {
			e.Errorf("%s: the stamp went from %d to %d", c.what, before, after)
		}
	}
	before := e.stamp()
	err := e.s.Update(e.Context(), func(tx store.Tx) error {
		first, settled, err := tx.Stamp()
		if err := errors.Join(err, put("vpc", "c")(tx)); err != nil {
			return err
		}
		second, still, err := tx.Stamp()
		if first != before || second <= first || settled || still || err != nil {
			e.Errorf("in a transaction the stamp went from %d to %d (%v, %v), %v", first, second, settled, still, err)
		}
		return errBack
	})
	e.wantErr("the transaction", err, errBack)
	if after := e.stamp(); after != before {
		e.Errorf("a transaction that was taken back moved the stamp from %d to %d", before, after)
	}
	e.put(key("vpc", "d"), "1")
	before = e.stamp()
	if err := e.s.Reset(e.Context()); err != nil {
		e.Fatal(err)
	}
	if after := e.stamp(); after <= before {
		e.Errorf("the reset moved the stamp from %d to %d", before, after)
	}
}

// A Memo works once for each state of the ledger, keeps no errors, and nothing of a transaction, of busy rows or of the time.
func testMemo(e *env) {
	var m store.Memo[string, string]
	worked := 0
	read := func(kind string) func(store.View) (string, error) {
		return func(v store.View) (string, error) {
			worked++
			r, err := v.Get(key(kind, "a"))
			return string(r.Value), err
		}
	}
	want := func(what, id string, work func(store.View) (string, error), value string, times int) {
		e.Helper()
		before := worked
		for range 2 {
			e.view(func(v store.View) error {
				if got, err := m.Get(v, id, work); got != value || (err == nil) != (value != "") {
					e.Errorf("%s: %q, %v; want %q", what, got, err, value)
				}
				return nil
			})
		}
		if worked-before != times {
			e.Errorf("%s: worked %d times, want %d", what, worked-before, times)
		}
	}
	want("an error", "x", read("vpc"), "", 2)
	e.put(key("vpc", "a"), "one")
	want("a row", "x", read("vpc"), "one", 1)
	want("the same again", "x", read("vpc"), "one", 0)
	want("another key", "y", read("vpc"), "one", 1)
	e.put(key("s3-object", "a"), "bytes")
	want("the row after an object came", "x", read("vpc"), "one", 0)
	want("a busy row", "z", read("s3-object"), "bytes", 2)
	e.put(key("vpc", "a"), "two")
	want("the changed row", "x", read("vpc"), "two", 1)
	want("the time", "t", func(v store.View) (string, error) { worked++; return v.Now().Format("2006"), nil }, e.clock.Now().UTC().Format("2006"), 2)
	err := e.s.Update(e.Context(), func(tx store.Tx) error {
		if got, err := m.Get(tx, "x", read("vpc")); got != "two" || err != nil {
			e.Errorf("in a transaction: %q, %v", got, err)
		}
		r, err := tx.Get(key("vpc", "a"))
		if err == nil {
			_, err = tx.Put(store.Row{Key: r.Key, Version: r.Version, Value: []byte("three")})
		}
		if err != nil {
			return err
		}
		if got, err := m.Get(tx, "x", read("vpc")); got != "three" || err != nil {
			e.Errorf("behind its own change: %q, %v", got, err)
		}
		return errBack
	})
	e.wantErr("the transaction", err, errBack)
	e.put(key("vpc", "a"), "four") // its stamp is the one that was taken back
	want("behind what was taken back", "x", read("vpc"), "four", 1)
}

// What a Memo weighs is bounded in bytes: it lets go of what it has for what comes, and keeps nothing too heavy.
func testMemoWeighs(e *env) {
	const heavy = 12 << 20
	m := store.Memo[string, string]{Weigh: func(k, _ string) int {
		if k == "giant" {
			return 1 << 30
		}
		return heavy
	}}
	worked := ""
	for _, c := range []struct{ ask, want string }{{"a", "a"}, {"a", ""}, {"b", "b"}, {"a", ""}, {"giant", "giant"}, {"giant", "giant"}, {"b", ""}, {"c", "c"}, {"c", ""}, {"a", "a"}} {
		worked = ""
		e.view(func(v store.View) error {
			_, err := m.Get(v, c.ask, func(store.View) (string, error) { worked += c.ask; return c.ask, nil })
			return err
		})
		if worked != c.want {
			e.Errorf("for %s it worked out %q, want %q", c.ask, worked, c.want)
		}
	}
}

// While a row changes, no view is given what was worked out before it.
func testMemoFresh(e *env) {
	var m store.Memo[int, string]
	e.put(key("vpc", "a"), "0")
	const rounds = 150
	err := together(4, func(i int) error {
		for n := range rounds {
			if i == 0 {
				if err := e.s.Update(e.Context(), func(tx store.Tx) error {
					r, err := tx.Get(key("vpc", "a"))
					if err == nil {
						_, err = tx.Put(store.Row{Key: r.Key, Version: r.Version, Value: []byte(strconv.Itoa(n))})
					}
					if err == nil && n%3 == 0 {
						err = errBack
					}
					return err
				}); err != nil && !errors.Is(err, errBack) {
					return err
				}
				continue
			}
			if err := e.s.View(e.Context(), func(v store.View) error {
				work := func(v store.View) (string, error) {
					r, err := v.Get(key("vpc", "a"))
					return string(r.Value), err
				}
				got, err := m.Get(v, i%2, work)
				now, err2 := work(v)
				if got != now {
					return fmt.Errorf("the memo gives %s, the view shows %s", got, now)
				}
				return errors.Join(err, err2)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		e.Error(err)
	}
}
