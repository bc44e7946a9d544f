package store

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Table gives rows of one kind a type. It is a value without state: make it a package-level constant-like var.
type Table[T any] struct {
	Kind  string
	Terms func(*T) []Term // index entries; may be nil
}

// Item is a typed row.
type Item[T any] struct {
	Scope   Scope
	ID      string
	Version int64
	Value   T
}

// Get reads one row; ErrNotFound if there is none.
func (t Table[T]) Get(v View, s Scope, id string) (Item[T], error) {
	r, err := v.Get(Key{s, t.Kind, id})
	if err != nil {
		return Item[T]{}, err
	}
	return t.item(r)
}

// Find reads the one row that carries a unique term; ErrNotFound if there is none.
func (t Table[T]) Find(v View, s Scope, name, value string) (Item[T], error) {
	rs, err := v.List(Query{Scope: s, Kind: t.Kind, Term: Term{Name: name, Value: value}, Limit: 1})
	if err != nil {
		return Item[T]{}, err
	}
	if len(rs) == 0 {
		return Item[T]{}, ErrNotFound
	}
	return t.item(rs[0])
}

// List reads rows; q.Kind is set by the table.
func (t Table[T]) List(v View, q Query) ([]Item[T], error) {
	q.Kind = t.Kind
	rs, err := v.List(q)
	if err != nil {
		return nil, err
	}
	out := make([]Item[T], len(rs))
	for i, r := range rs {
		if out[i], err = t.item(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Create writes a new row; ErrConflict if the id or a unique term is taken.
func (t Table[T]) Create(tx Tx, s Scope, id string, v *T) error {
	_, err := t.put(tx, s, id, 0, v)
	return err
}

// Save writes an item back at the version it was read at and raises it.
func (t Table[T]) Save(tx Tx, it *Item[T]) error {
	if it.Version == 0 {
		return errors.New("store: save of an item that was not read")
	}
	v, err := t.put(tx, it.Scope, it.ID, it.Version, &it.Value)
	if err == nil {
		it.Version = v
	}
	return err
}

// Delete removes a row whatever its version.
func (t Table[T]) Delete(tx Tx, s Scope, id string) error { return tx.Delete(Key{s, t.Kind, id}, 0) }

func (t Table[T]) put(tx Tx, s Scope, id string, ver int64, v *T) (int64, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("cannot encode %s %s: %w", t.Kind, id, err)
	}
	r := Row{Key: Key{s, t.Kind, id}, Version: ver, Value: b}
	if t.Terms != nil {
		r.Terms = t.Terms(v)
	}
	return tx.Put(r)
}

func (t Table[T]) item(r Row) (Item[T], error) {
	it := Item[T]{Scope: r.Scope, ID: r.ID, Version: r.Version}
	if err := json.Unmarshal(r.Value, &it.Value); err != nil {
		return it, fmt.Errorf("cannot decode %s %s: %w", t.Kind, r.ID, err)
	}
	return it, nil
}
