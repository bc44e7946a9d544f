package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/store"
	"cloister/internal/store/storetest"
)

func opener(t testing.TB, place string, clock func() time.Time) store.Store {
	return openAt(t, filepath.Join(place, "ledger.db"), clock)
}

func openAt(t testing.TB, path string, clock func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) { storetest.Run(t, opener) }
