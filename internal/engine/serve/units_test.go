package serve

import (
	"encoding/json"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/store"
)

func TestMeter(t *testing.T) {
	start := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	type ask struct {
		after      time.Duration
		characters int
		want       bool
	}
	many := func(n int, a ask) []ask {
		out := make([]ask, n)
		for i := range out {
			out[i] = a
		}
		return out
	}
	for _, x := range []struct {
		name  string
		units int64
		asks  []ask
	}{
		{"documents of a unit", 1, append(many(4, ask{0, 10, true}), ask{0, 10, false}, ask{499 * time.Millisecond, 10, false}, ask{time.Millisecond, 10, true}, ask{0, 10, false})},
		{"documents of two units", 2, append(many(8, ask{0, 10, true}), ask{0, 10, false}, ask{250 * time.Millisecond, 10, true})},
		{"what was not used is lost", 1, append([]ask{{time.Hour, 10, true}}, append(many(3, ask{0, 10, true}), ask{0, 10, false})...)},
		{"a long document is owed for", 1, []ask{{0, 5000, true}, {0, 1, false}, {47 * time.Second, 1, false}, {1500 * time.Millisecond, 1, true}}},
		{"characters of a unit", 1, []ask{{0, 200, true}, {time.Second, 50, true}, {0, 50, true}, {0, 50, false}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			now := start
			var m meter
			m.set(x.units, now)
			for i, a := range x.asks {
				now = now.Add(a.after)
				if got := m.admit(1, a.characters, now); got != a.want {
					t.Fatalf("question %d: %v, with %.1f documents and %.0f characters left", i, got, m.documents, m.characters)
				}
			}
		})
	}
}

func TestMeterChanges(t *testing.T) {
	now := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	var m meter
	m.set(10, now)
	m.set(1, now)
	n := 0
	for m.admit(1, 1, now) {
		n++
	}
	if n != 4 {
		t.Errorf("%d documents after ten units became one", n)
	}
	m.set(3, now)
	now = now.Add(time.Second)
	for n = 0; m.admit(1, 1, now); n++ {
	}
	if n != 6 {
		t.Errorf("%d documents in the second after one unit became three", n)
	}
}

// TestOwe: what the page of a file needed is taken afterwards, and never more than a page may have, whatever the analyser says of it.
func TestOwe(t *testing.T) {
	k, now := store.Key{ID: "e"}, time.Unix(1_000_000, 0)
	for said, want := range map[int]time.Duration{0: 0, 150: 0, 1_000: 8 * time.Second, 1 << 40: 98 * time.Second, -5: 0} {
		m := &meter{}
		m.set(1, now)
		e := &Engine{meters: map[store.Key]*meter{k: m}}
		b, err := json.Marshal(job.Paged{Pages: []job.Page{{Number: 1, Characters: said}}})
		if err != nil {
			t.Fatal(err)
		}
		e.owe(k, []job.Answer{{Members: b}})
		if want > 0 && m.admit(1, 0, now.Add(want-time.Second)) {
			t.Errorf("%d characters: it admits before %s", said, want)
		}
		if !m.admit(1, 0, now.Add(want+time.Second)) {
			t.Errorf("%d characters: it does not admit after %s", said, want)
		}
	}
}
