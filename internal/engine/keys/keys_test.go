package keys

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
)

// keeper has one key that is due for ever, in two batches, and one that fails.
type keeper struct {
	looks   chan struct{}
	settled map[string]int
}

func (k *keeper) Due(store.View) ([]store.Key, error) {
	k.looks <- struct{}{}
	return []store.Key{{ID: "bad"}, {ID: "good"}}, nil
}

func (k *keeper) Settle(_ store.Tx, key store.Key) (bool, error) {
	k.settled[key.ID]++
	if key.ID == "bad" {
		return true, errors.New("cannot settle it")
	}
	return k.settled[key.ID]%2 == 1, nil
}

// TestRun: it looks at once and again, goes on until a key has no more, and tells what fails.
func TestRun(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	k := &keeper{looks: make(chan struct{}), settled: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&Engine{Store: db, Keeper: k, Log: slog.New(slog.NewTextHandler(&log, nil)), Every: time.Millisecond}).Run(ctx)
	}()
	for range 3 {
		<-k.looks
	}
	stop() // within the third turn, or after it
	for {
		select {
		case <-k.looks:
			continue
		case <-done:
		}
		break
	}
	if k.settled["good"] < 4 || k.settled["bad"] < 2 || !strings.Contains(log.String(), "cannot settle key bad") {
		t.Errorf("%v, %s", k.settled, log.String())
	}
}
