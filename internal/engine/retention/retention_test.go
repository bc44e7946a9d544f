package retention

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/core/logbook"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

var here = store.Scope{Partition: "aws", Account: "111122223333", Region: "us-west-2"}

// clock is a world whose time is set.
type clock struct {
	world.Real
	now time.Time
}

func (c *clock) Now() time.Time { return c.now }

func open(t *testing.T, c *clock) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fill makes a group with streams of n blocks each, an hour between two, the last now.
func fill(t *testing.T, s *sqlite.Store, now time.Time, id string, days, streams, n int) {
	t.Helper()
	b, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := cipher.NewGCM(b)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		err := rows.LogGroups.Create(tx, here, "group-"+id, &logbook.Group{ID: id, Retention: days})
		var stored int64
		for i := range streams {
			stream := fmt.Sprintf("%016x", i)
			err = errors.Join(err, rows.LogStreams.Create(tx, here, id+"/s"+stream, &logbook.Stream{ID: stream}))
			for j := range n {
				at := now.Add(-time.Duration(j) * time.Hour).UnixMilli()
				e := []logbook.Event{{At: at, Message: "0123456789"}, {At: at + 1000, Message: "0123456789"}}
				row := logbook.BlockID(id, at, stream, int64(j))
				v, werr := logbook.Write(e, "seal", key, world.Real{}.Bytes(12), row)
				_, perr := tx.Put(store.Row{Key: store.Key{Scope: here, Kind: rows.LogBlocks, ID: row}, Value: v, Terms: []store.Term{{Name: rows.LogStream, Value: stream}}})
				err = errors.Join(err, werr, perr)
				stored += 72
			}
		}
		return errors.Join(err, rows.LogUsages.Create(tx, here, id, &logbook.Usage{Stored: stored}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s store.Store, kind, prefix string) (n int) {
	t.Helper()
	err := s.View(context.Background(), func(v store.View) error {
		rs, err := v.List(store.Query{AnyScope: true, Kind: kind, Prefix: prefix})
		n = len(rs)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExpire(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s := open(t, c)
	const day, for1, forever = "1111111111111111", "2222222222222222", "3333333333333333"
	fill(t, s, c.now, day, 1, 3, 120)
	fill(t, s, c.now, for1, 400, 1, 30)
	fill(t, s, c.now, forever, 0, 1, 30)
	e := New(Config{Store: s, World: c, Log: slog.New(slog.DiscardHandler)})
	for range 2 { // the second finds nothing
		if err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The block of a day ago has an event that is a second younger: it is still shown.
		if n := count(t, s, rows.LogBlocks, day); n != 3*25 {
			t.Errorf("%d blocks are left", n)
		}
	}
	if a, b := count(t, s, rows.LogBlocks, for1), count(t, s, rows.LogBlocks, forever); a != 30 || b != 30 {
		t.Errorf("of the others are left %d and %d", a, b)
	}
	if err := s.View(t.Context(), func(v store.View) error {
		u, err := rows.LogUsages.Get(v, here, day)
		if u.Value.Stored != 3*25*72 {
			t.Errorf("%d bytes are said to be there", u.Value.Stored)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestEmpty(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s := open(t, c)
	const gone, kept = "1111111111111111", "2222222222222222"
	fill(t, s, c.now, gone, 0, 5, 100)
	fill(t, s, c.now, kept, 0, 2, 250)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(rows.LogGroups.Delete(tx, here, "group-"+gone), rows.LogUsages.Delete(tx, here, gone), rows.LogDoomed.Create(tx, here, gone, &logbook.Doomed{}),
			rows.LogStreams.Delete(tx, here, kept+"/s0000000000000001"), rows.LogDoomed.Create(tx, here, kept+"/0000000000000001", &logbook.Doomed{}))
	}); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{Store: s, World: c, Log: slog.New(slog.DiscardHandler)}).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		kind, prefix string
		want         int
	}{{rows.LogBlocks, gone, 0}, {rows.LogStreams.Kind, gone, 0}, {rows.LogBlocks, kept, 250}, {rows.LogStreams.Kind, kept, 1}, {rows.LogDoomed.Kind, "", 0}} {
		if n := count(t, s, x.kind, x.prefix); n != x.want {
			t.Errorf("%d rows of %s %s, want %d", n, x.kind, x.prefix, x.want)
		}
	}
	if err := s.View(t.Context(), func(v store.View) error {
		u, err := rows.LogUsages.Get(v, here, kept)
		if u.Value.Stored != 250*72 {
			t.Errorf("%d bytes are said to be there", u.Value.Stored)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Run deletes as soon as something is doomed, and whenever its time has come.
func TestRun(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s := open(t, c)
	fill(t, s, c.now, "1111111111111111", 0, 1, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	watch := s.Watch(t.Context(), rows.LogDoomed.Kind)
	go func() {
		defer close(done)
		New(Config{Store: s, World: c, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(rows.LogGroups.Delete(tx, here, "group-1111111111111111"), rows.LogDoomed.Create(tx, here, "1111111111111111", &logbook.Doomed{}))
	}); err != nil {
		t.Fatal(err)
	}
	for count(t, s, rows.LogBlocks, "") > 0 || count(t, s, rows.LogDoomed.Kind, "") > 0 {
		select {
		case <-watch:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is deleted")
		}
	}
	cancel()
	<-done
}
