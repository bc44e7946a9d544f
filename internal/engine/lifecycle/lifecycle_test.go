package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
)

// ledger has a bucket for each of the names; tended are those whose turn came.
type keeper struct {
	names  []string
	tended []string
	turn   chan string
}

func (k *keeper) Ruled(store.View) ([]store.Key, error) {
	var out []store.Key
	for _, n := range k.names {
		out = append(out, store.Key{ID: n})
	}
	return out, nil
}

func (k *keeper) Tend(_ context.Context, b store.Key) (int, error) {
	k.tended = append(k.tended, b.ID)
	if k.turn != nil {
		k.turn <- b.ID
	}
	if b.ID == "broken" {
		return 0, errors.New("cannot tend it")
	}
	return 1, nil
}

func open(t *testing.T) *sqlite.Store {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestOneThatFailsKeepsNoOther(t *testing.T) {
	k := &keeper{names: []string{"a", "broken", "c"}}
	e := &Engine{Store: open(t), Keeper: k, Log: slog.New(slog.DiscardHandler)}
	if err := e.Turn(t.Context()); err == nil || err.Error() != "cannot tend broken: cannot tend it" {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(k.tended, k.names) {
		t.Errorf("tended %q", k.tended)
	}
}

// New rules are looked at when they are written, not an hour later.
func TestRunWakesWhenRulesChange(t *testing.T) {
	s := open(t)
	k := &keeper{names: []string{"a"}, turn: make(chan string)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&Engine{Store: s, Keeper: k, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	<-k.turn // at the beginning
	if err := s.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Put(store.Row{Key: store.Key{Kind: "s3-lifecycle", ID: "a"}, Value: []byte("{}")})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-k.turn:
	case <-time.After(20 * time.Second):
		t.Error("it did not look")
	}
	stop()
	<-done
}
