package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// together starts the updates while nobody may write, and lets go when all wait.
func together(s *Store, fs ...func() error) []error {
	s.slot <- struct{}{}
	errs := make([]error, len(fs))
	var all sync.WaitGroup
	for i, f := range fs {
		all.Go(func() { errs[i] = f() })
		for s.groups.waiting.Load() != int32(i+1) {
			runtime.Gosched()
		}
	}
	<-s.slot
	all.Wait()
	return errs
}

func ids(t *testing.T, s *Store) (rows, events []string) {
	t.Helper()
	if err := s.View(t.Context(), func(v store.View) error {
		rs, err := v.List(store.Query{Kind: "blob"})
		evs, err2 := v.Trail(store.TrailQuery{})
		for _, r := range rs {
			rows = append(rows, r.ID)
		}
		for _, e := range evs {
			events = append(events, e.ID)
		}
		return errors.Join(err, err2)
	}); err != nil {
		t.Fatal(err)
	}
	return rows, events
}

// TestGroup: callers that share a commit stand or fall on their own.
func TestGroup(t *testing.T) {
	s := fresh(t)
	write := func(id string, then error) func() error {
		return func() error {
			return s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(put(tx, id, 10), then) })
		}
	}
	given := errors.New("given up")
	ctx, cancel := context.WithCancel(t.Context())
	panicked := false
	errs := together(s,
		write("a", nil),
		write("b", given),
		func() error {
			defer func() { panicked = recover() == "broken" }()
			return s.Update(t.Context(), func(tx store.Tx) error { _ = put(tx, "c", 10); panic("broken") })
		},
		func() error { return s.Append(t.Context(), &trail.Event{ID: "d"}) },
		write("a", nil), // its neighbour's row is there already
		func() error {
			return s.Update(ctx, func(tx store.Tx) error { cancel(); return put(tx, "e", 10) })
		},
		write("f", nil),
	)
	for i, want := range []error{nil, given, nil, nil, store.ErrConflict, context.Canceled, nil} {
		if !errors.Is(errs[i], want) || want == nil && errs[i] != nil {
			t.Errorf("caller %d: %v, want %v", i, errs[i], want)
		}
	}
	if !panicked {
		t.Error("the panic did not come through")
	}
	rows, events := ids(t, s)
	slices.Sort(events)
	if fmt.Sprint(rows) != "[a f]" || fmt.Sprint(events) != "[a d f]" {
		t.Errorf("rows %v, events %v", rows, events)
	}
	// The first one that fails leaves the others their own.
	errs = together(s, write("g", given), write("h", nil), write("i", nil))
	if rows, _ := ids(t, s); !errors.Is(errs[0], given) || errs[1] != nil || errs[2] != nil || fmt.Sprint(rows) != "[a f h i]" {
		t.Errorf("%v, rows %v", errs, rows)
	}
	if s.groups.open != nil || s.groups.waiting.Load() != 0 {
		t.Error("a group stays open")
	}
}

// TestGroupFull: what was acknowledged is there and nothing else, when a disk fills up under many callers.
func TestGroupFull(t *testing.T) {
	s := fresh(t)
	limitPages(t, s, 60)
	var mu sync.Mutex
	var acked []string
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				id := fmt.Sprintf("%d-%03d", w, i)
				err := s.Update(t.Context(), func(tx store.Tx) error { return put(tx, id, 3000*(1+i%3)) })
				if errors.Is(err, store.ErrFull) {
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				mu.Lock()
				acked = append(acked, id)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	rows, events := ids(t, s)
	slices.Sort(acked)
	slices.Sort(rows)
	slices.Sort(events)
	if len(acked) == 0 || len(acked) == 1600 || !slices.Equal(acked, rows) || !slices.Equal(acked, events) {
		t.Errorf("%d acknowledged, %d rows, %d events", len(acked), len(rows), len(events))
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	limitPages(t, s, -1)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return put(tx, "z", 10) }); err != nil {
		t.Error(err)
	}
}
