package storetest

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"cloister/internal/store"
)

func testRows(e *env) {
	k := key("vpc", "vpc-1")
	_, err := e.get(k)
	e.wantErr("get of nothing", err, store.ErrNotFound)

	if v := e.put(k, `{"a":1}`); v != 1 {
		e.Errorf("first version is %d", v)
	}
	r, err := e.get(k)
	if err != nil || string(r.Value) != `{"a":1}` || r.Key != k || r.Version != 1 || r.Terms != nil {
		e.Errorf("got %+v, %v", r, err)
	}
	if want := e.clock.Now().UTC().Truncate(time.Microsecond); !r.Updated.Equal(want) || r.Updated.Location() != time.UTC {
		e.Errorf("updated %v, want %v in UTC", r.Updated, want)
	}
	e.update(func(tx store.Tx) error { return tx.Delete(k, 0) })
	_, err = e.get(k)
	e.wantErr("get after delete", err, store.ErrNotFound)
	err = e.s.Update(e.Context(), func(tx store.Tx) error { return tx.Delete(k, 0) })
	e.wantErr("delete of nothing", err, store.ErrNotFound)

	big := strings.Repeat("x", 1<<20)
	e.put(k, big)
	if r, err := e.get(k); err != nil || string(r.Value) != big {
		e.Errorf("a value of 1 MiB came back with %d bytes, %v", len(r.Value), err)
	}
	e.put(k, "")
	if r, err := e.get(k); err != nil || len(r.Value) != 0 {
		e.Errorf("the empty value came back as %q, %v", r.Value, err)
	}
	e.update(func(tx store.Tx) error { _, err := tx.Put(store.Row{Key: key("vpc", "vpc-nil")}); return err })
}

func testVersions(e *env) {
	k := key("vpc", "vpc-1")
	e.put(k, "1")
	try := func(version int64) error {
		return e.s.Update(e.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Row{Key: k, Version: version, Value: []byte("2")})
			return err
		})
	}
	e.wantErr("create of what exists", try(0), store.ErrConflict)
	e.wantErr("put at a version that is to come", try(2), store.ErrConflict)
	if err := try(1); err != nil {
		e.Errorf("put at the stored version: %v", err)
	}
	e.wantErr("put at a version that is gone", try(1), store.ErrConflict)
	del := func(version int64) error {
		return e.s.Update(e.Context(), func(tx store.Tx) error { return tx.Delete(k, version) })
	}
	e.wantErr("delete at a version that is gone", del(1), store.ErrConflict)
	if err := del(2); err != nil {
		e.Errorf("delete at the stored version: %v", err)
	}
	e.wantErr("put of a row that is gone", try(2), store.ErrConflict)
}

func testBadKeys(e *env) {
	for _, r := range []store.Row{
		{Key: key("", "id")}, {Key: key("vpc", "")}, {Key: key("vpc", "v"), Version: -1},
		{Key: key("vpc", "v"), Terms: []store.Term{{Value: "nameless"}}},
	} {
		if err := e.s.Update(e.Context(), func(tx store.Tx) error { _, err := tx.Put(r); return err }); err == nil {
			e.Errorf("put %+v was accepted", r)
		}
	}
	e.wantIDs("rows", e.list(store.Query{Scope: home, Kind: "vpc"}))
}

// Object keys are any UTF-8 up to 1024 bytes, and compare as bytes.
func testOddBytes(e *env) {
	ids := []string{" ", "%", "'; drop table rows; --", "A", "a", "a\tb", "a/b", "z", "ä", "\u07ff", "\ue000", "\U0001f600", strings.Repeat("\U0001f600", 256)}
	value := bytes.Repeat([]byte{0, 1, 0xff, 0xfe}, 300)
	for _, id := range ids {
		e.put(key("obj", id), string(value), store.Term{Name: "same", Value: id})
	}
	got := e.list(store.Query{Scope: home, Kind: "obj"})
	sorted := append([]string(nil), ids...)
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1] >= sorted[i] {
			e.Fatalf("the test's own list is not sorted at %q", sorted[i])
		}
	}
	e.wantIDs("bytewise order", got, sorted...)
	for _, id := range ids {
		r, err := e.get(key("obj", id))
		if err != nil || !bytes.Equal(r.Value, value) {
			e.Errorf("%q came back with %d bytes, %v", id, len(r.Value), err)
		}
		e.wantIDs("by term", e.list(store.Query{Scope: home, Kind: "obj", Term: store.Term{Name: "same", Value: id}}), id)
		if got := e.list(store.Query{Scope: home, Kind: "obj", Prefix: id}); len(got) == 0 || got[0] != id {
			e.Errorf("prefix %q: got %q", id, got)
		}
	}
	e.wantIDs("prefix at the end of a byte's range", e.list(store.Query{Scope: home, Kind: "obj", Prefix: "\xf0\x9f"}), ids[11], ids[12])
}

func testUnique(e *env) {
	name := func(v string) store.Term { return store.Term{Name: "name", Value: v, Unique: true} }
	e.put(key("role", "AROA1"), "1", name("x"))
	create := func(k store.Key, terms ...store.Term) error {
		return e.s.Update(e.Context(), func(tx store.Tx) error { _, err := tx.Put(store.Row{Key: k, Terms: terms}); return err })
	}
	e.wantErr("a taken term", create(key("role", "AROA2"), name("x")), store.ErrConflict)
	if err := create(key("role", "AROA2"), name("X"), store.Term{Name: "name", Value: "x"}); err != nil {
		e.Errorf("the same pair, not unique: %v", err)
	}
	elsewhere := key("role", "AROA1")
	elsewhere.Account = "444455556666"
	if err := create(elsewhere, name("x")); err != nil {
		e.Errorf("the same term in another account: %v", err)
	}
	if err := create(key("user", "AIDA1"), name("x")); err != nil {
		e.Errorf("the same term of another kind: %v", err)
	}
	if err := create(key("role", "AROA3"), name("y"), name("y"), store.Term{Name: "name", Value: "y"}); err != nil {
		e.Errorf("a term said thrice: %v", err)
	}
	e.wantErr("a term said thrice is still unique", create(key("role", "AROA4"), name("y")), store.ErrConflict)
	e.wantErr("a taken term beside a free one", create(key("role", "AROA4"), name("free"), name("y")), store.ErrConflict)

	e.put(key("role", "AROA1"), "1", name("x")) // its own term again
	e.put(key("role", "AROA1"), "1", name("z")) // renamed: x is free
	if err := create(key("role", "AROA5"), name("x")); err != nil {
		e.Errorf("a freed term: %v", err)
	}
	e.update(func(tx store.Tx) error { return tx.Delete(key("role", "AROA5"), 0) })
	if err := create(key("role", "AROA6"), name("x")); err != nil {
		e.Errorf("the term of a deleted row: %v", err)
	}
	e.put(key("role", "AROA6"), "1", store.Term{Name: "name", Value: "x"}) // no longer unique
	if err := create(key("role", "AROA7"), name("x")); err != nil {
		e.Errorf("a term that is no longer unique: %v", err)
	}
}

func testTermsFollow(e *env) {
	in := func(v string) []store.Term { return []store.Term{{Name: "vpc", Value: v}, {Name: "az", Value: "a"}} }
	by := func(name, value string) []string {
		return e.list(store.Query{Scope: home, Kind: "subnet", Term: store.Term{Name: name, Value: value}})
	}
	e.put(key("subnet", "s2"), "", in("v1")...)
	e.put(key("subnet", "s1"), "", in("v1")...)
	e.wantIDs("both", by("vpc", "v1"), "s1", "s2")
	e.put(key("subnet", "s1"), "", in("v2")...)
	e.wantIDs("one left", by("vpc", "v1"), "s2")
	e.wantIDs("one came", by("vpc", "v2"), "s1")
	e.wantIDs("another term stayed", by("az", "a"), "s1", "s2")
	e.put(key("subnet", "s1"), "")
	e.wantIDs("none", by("vpc", "v2"))
	e.update(func(tx store.Tx) error { return tx.Delete(key("subnet", "s2"), 0) })
	e.wantIDs("after delete", by("az", "a"))
}

// A Put that fails with ErrConflict may be ignored by the caller: then it must have changed nothing.
func testConflictLeavesNothing(e *env) {
	name := func(v string) store.Term { return store.Term{Name: "name", Value: v, Unique: true} }
	e.put(key("role", "r1"), "1", name("one"))
	e.put(key("role", "r2"), "2", name("two"))
	e.update(func(tx store.Tx) error {
		_, err := tx.Put(store.Row{Key: key("role", "r2"), Version: 1, Value: []byte("changed"), Terms: []store.Term{name("three"), name("one")}})
		e.wantErr("put", err, store.ErrConflict)
		_, err = tx.Put(store.Row{Key: key("role", "r3"), Terms: []store.Term{name("three"), name("one")}})
		e.wantErr("create", err, store.ErrConflict)
		_, err = tx.Put(store.Row{Key: key("role", "r4"), Value: []byte("4")})
		return err
	})
	e.wantIDs("rows", e.list(store.Query{Scope: home, Kind: "role"}), "r1", "r2", "r4")
	if r, _ := e.get(key("role", "r2")); string(r.Value) != "2" || r.Version != 1 {
		e.Errorf("r2 became %q at version %d", r.Value, r.Version)
	}
	e.wantIDs("the old term", e.list(store.Query{Scope: home, Kind: "role", Term: name("two")}), "r2")
	e.wantIDs("the new term", e.list(store.Query{Scope: home, Kind: "role", Term: name("three")}))
}

func testScopes(e *env) {
	scopes := []store.Scope{
		{Partition: "aws"}, {Partition: "aws", Account: "1"}, {Partition: "aws", Account: "1", Region: "r"},
		{Partition: "aws", Account: "2", Region: "r"}, {Partition: "aws", Account: "1", Region: "q"}, {Partition: "aws-cn", Account: "1", Region: "r"},
	}
	for i, s := range scopes {
		e.put(store.Key{Scope: s, Kind: "k", ID: "same"}, string(rune('a'+i)))
	}
	for i, s := range scopes {
		e.view(func(v store.View) error {
			rs, err := v.List(store.Query{Scope: s, Kind: "k"})
			if err != nil || len(rs) != 1 || rs[0].Scope != s || string(rs[0].Value) != string(rune('a'+i)) {
				e.Errorf("%+v: got %+v, %v", s, rs, err)
			}
			return nil
		})
	}
}

func testList(e *env) {
	for _, id := range []string{"b1", "a", "b3", "c", "b2"} {
		e.put(key("k", id), id)
	}
	e.put(key("other", "b4"), "")
	for _, c := range []struct {
		name string
		q    store.Query
		want string
	}{
		{"all", store.Query{}, "a b1 b2 b3 c"},
		{"reverse", store.Query{Reverse: true}, "c b3 b2 b1 a"},
		{"prefix", store.Query{Prefix: "b"}, "b1 b2 b3"},
		{"prefix of none", store.Query{Prefix: "bb"}, ""},
		{"after", store.Query{After: "b1"}, "b2 b3 c"},
		{"after what is not there", store.Query{After: "b"}, "b1 b2 b3 c"},
		{"before", store.Query{Before: "b2"}, "a b1"},
		{"between", store.Query{After: "a", Before: "c"}, "b1 b2 b3"},
		{"limit", store.Query{Limit: 2}, "a b1"},
		{"limit beyond", store.Query{Limit: 9}, "a b1 b2 b3 c"},
		{"a page of a prefix", store.Query{Prefix: "b", After: "b1", Limit: 1}, "b2"},
		{"a page back", store.Query{Prefix: "b", Before: "b3", Limit: 1, Reverse: true}, "b2"},
		{"prefix 0xff", store.Query{Prefix: "\xff"}, ""},
	} {
		c.q.Scope, c.q.Kind = home, "k"
		e.wantIDs(c.name, e.list(c.q), strings.Fields(c.want)...)
	}
	e.view(func(v store.View) error {
		rs, err := v.List(store.Query{Scope: home, Kind: "k", Limit: 1})
		if err != nil || len(rs) != 1 || rs[0].Key != key("k", "a") || rs[0].Version != 1 || string(rs[0].Value) != "a" || rs[0].Updated.IsZero() {
			e.Errorf("a listed row: %+v, %v", rs, err)
		}
		return nil
	})
}

func testAnyScope(e *env) {
	there := store.Scope{Partition: "aws", Account: "444455556666", Region: "us-east-1"}
	open := store.Term{Name: "open", Value: "yes"}
	e.put(store.Key{Scope: there, Kind: "job", ID: "j1"}, "", open)
	e.put(key("job", "j2"), "", open)
	e.put(store.Key{Scope: there, Kind: "job", ID: "j3"}, "")
	e.put(key("job", "j4"), "", open)
	for _, c := range []struct {
		name string
		q    store.Query
		want string
	}{
		{"all", store.Query{}, "j1 j2 j3 j4"},
		{"term", store.Query{Term: open}, "j1 j2 j4"},
		{"term reverse after", store.Query{Term: open, After: "j1", Reverse: true}, "j4 j2"},
		{"page", store.Query{After: "j1", Limit: 2}, "j2 j3"},
		{"a scope that is ignored", store.Query{Scope: home}, "j1 j2 j3 j4"},
	} {
		c.q.Kind, c.q.AnyScope = "job", true
		e.wantIDs(c.name, e.list(c.q), strings.Fields(c.want)...)
	}
	e.view(func(v store.View) error {
		rs, err := v.List(store.Query{Kind: "job", AnyScope: true})
		if err != nil || len(rs) != 4 || rs[0].Scope != there || rs[1].Scope != home {
			e.Errorf("scopes: %+v, %v", rs, err)
		}
		return err
	})
}

type subnet struct{ VPC, Name string }

var subnets = store.Table[subnet]{Kind: "subnet", Terms: func(s *subnet) []store.Term {
	return []store.Term{{Name: "vpc", Value: s.VPC}, {Name: "name", Value: s.Name, Unique: true}}
}}

func testTable(e *env) {
	e.update(func(tx store.Tx) error {
		return errors.Join(subnets.Create(tx, home, "s2", &subnet{"v1", "two"}), subnets.Create(tx, home, "s1", &subnet{"v1", "one"}))
	})
	err := e.s.Update(e.Context(), func(tx store.Tx) error { return subnets.Create(tx, home, "s3", &subnet{"v1", "two"}) })
	e.wantErr("create with a taken name", err, store.ErrConflict)
	var stale store.Item[subnet]
	e.update(func(tx store.Tx) error {
		it, err := subnets.Find(tx, home, "name", "two")
		if err != nil || it.ID != "s2" || it.Value != (subnet{"v1", "two"}) || it.Version != 1 || it.Scope != home {
			e.Errorf("find: %+v, %v", it, err)
		}
		stale = it
		it.Value.VPC = "v2"
		if err := subnets.Save(tx, &it); err != nil || it.Version != 2 {
			e.Errorf("save: version %d, %v", it.Version, err)
		}
		it.Value.Name = "deux"
		return subnets.Save(tx, &it)
	})
	err = e.s.Update(e.Context(), func(tx store.Tx) error { return subnets.Save(tx, &stale) })
	e.wantErr("save of a stale item", err, store.ErrConflict)
	if err := e.s.Update(e.Context(), func(tx store.Tx) error { return subnets.Save(tx, &store.Item[subnet]{}) }); err == nil {
		e.Error("save of an item that was not read was accepted")
	}
	e.view(func(v store.View) error {
		it, err := subnets.Get(v, home, "s2")
		if err != nil || it.Value != (subnet{"v2", "deux"}) || it.Version != 3 {
			e.Errorf("get: %+v, %v", it, err)
		}
		_, err = subnets.Find(v, home, "name", "two")
		e.wantErr("find by the old name", err, store.ErrNotFound)
		its, err := subnets.List(v, store.Query{Scope: home, Term: store.Term{Name: "vpc", Value: "v1"}})
		if err != nil || len(its) != 1 || its[0].ID != "s1" {
			e.Errorf("list: %+v, %v", its, err)
		}
		return nil
	})
	e.update(func(tx store.Tx) error { return subnets.Delete(tx, home, "s2") })
	e.view(func(v store.View) error {
		_, err := subnets.Get(v, home, "s2")
		e.wantErr("get after delete", err, store.ErrNotFound)
		return nil
	})
	e.put(key("subnet", "s9"), "not json")
	e.view(func(v store.View) error {
		if _, err := subnets.Get(v, home, "s9"); err == nil {
			e.Error("a row that is no subnet was read as one")
		}
		return nil
	})
}
