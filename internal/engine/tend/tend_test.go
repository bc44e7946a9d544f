package tend

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
)

// keeper has something due for each of the names, for ever.
type keeper struct {
	names   []string
	settled []string
	turn    chan string
}

func (k *keeper) Due(store.View) ([]store.Key, error) {
	var out []store.Key
	for _, n := range k.names {
		out = append(out, store.Key{ID: n})
	}
	return out, nil
}

func (k *keeper) Settle(_ context.Context, x store.Key) (int, error) {
	k.settled = append(k.settled, x.ID)
	if k.turn != nil {
		k.turn <- x.ID
	}
	if x.ID == "broken" {
		return 0, errors.New("no")
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
	if err := e.Turn(t.Context()); err == nil || err.Error() != "cannot settle broken of : no" {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(k.settled, k.names) {
		t.Errorf("settled %q", k.settled)
	}
}

// run drives an engine until the test has seen enough.
func run(t *testing.T, e *Engine, k *keeper, see func()) {
	e.Store, e.Keeper, e.What = open(t), k, "rules"
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	see()
	stop()
	for {
		select {
		case <-k.turn:
		case <-done:
			return
		}
	}
}

func TestRunLooksAgainAndTellsWhatFails(t *testing.T) {
	var log bytes.Buffer
	k := &keeper{names: []string{"broken"}, turn: make(chan string)}
	run(t, &Engine{Log: slog.New(slog.NewTextHandler(&log, nil)), Every: time.Millisecond}, k, func() {
		for range 3 {
			<-k.turn
		}
	})
	if !strings.Contains(log.String(), "cannot settle rules") || !strings.Contains(log.String(), "cannot settle broken") {
		t.Errorf("%s", log.String())
	}
}

// What is new is looked at when it is written, not an hour later.
func TestRunWakesWhenRowsChange(t *testing.T) {
	k := &keeper{names: []string{"a"}, turn: make(chan string)}
	e := &Engine{Log: slog.New(slog.DiscardHandler), Every: time.Hour, Watch: []string{"rule"}}
	run(t, e, k, func() {
		<-k.turn // at the beginning
		if err := e.Store.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Row{Key: store.Key{Kind: "rule", ID: "a"}, Value: []byte("{}")})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-k.turn:
		case <-time.After(20 * time.Second):
			t.Error("it did not look")
		}
	})
}
