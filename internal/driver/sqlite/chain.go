package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// body is what of an event is chained.
func body(event, terms []byte) []byte {
	return append(append(bytes.Clone(event), '\n'), terms...)
}

// link is the hash of an event behind prev.
func link(prev, event, terms []byte) []byte {
	h := sha256.New()
	h.Write(prev)
	h.Write(event)
	h.Write([]byte{'\n'})
	h.Write(terms)
	return h.Sum(nil)
}

// head reads on what the next event hangs, and how far the index goes. It is read anew in each transaction: another process may have written
// since.
func (t *tx) head() error {
	var pruned, newest *int64
	var base, last []byte
	if _, err := t.one(`select coalesce(s.indexed, 0), s.pruned, s.hash, e.seq, e.hash from (select 1) left join trail_state s
		left join (select seq, hash from trail order by seq desc limit 1) e`, nil, &t.indexed, &pruned, &base, &newest, &last); err != nil {
		return err
	}
	switch {
	case newest != nil: // its hash is none when it is older than the chain
		t.newest, t.last = *newest, append([]byte{}, last...)
	case pruned != nil:
		t.newest, t.last = *pruned, append([]byte{}, base...)
	default:
		t.newest, t.last = 0, []byte{}
	}
	return nil
}

// state is the last event that retention took, and up to which the index goes.
func (v *view) state() (base store.Link, indexed int64, err error) {
	base.Hash = []byte{}
	_, err = v.one("select indexed, pruned, hash from trail_state", nil, &indexed, &base.Seq, &base.Hash)
	return base, indexed, err
}

// Chain gives the links after a sequence number.
func (v *view) Chain(after int64, limit int) (store.Link, []store.Link, error) {
	base, _, err := v.state()
	if err != nil {
		return base, nil, err
	}
	var out []store.Link
	err = v.rows("select seq, hash, event, terms from trail where seq > ? order by seq limit ?", []any{after, limit}, func(scan func(...any) error) error {
		var l store.Link
		var event, terms []byte
		err := scan(&l.Seq, &l.Hash, &event, &terms)
		l.Body = body(event, terms)
		out = append(out, l)
		return err
	})
	return base, out, err
}

// Prune drops the oldest events. It stops at the first that is to be kept, so that the chain loses its beginning and nothing else.
func (t *tx) Prune(before time.Time, through int64, limit int) (int, error) {
	if t.last == nil {
		if err := t.head(); err != nil {
			return 0, err
		}
	}
	n, last := 0, store.Link{}
	stop := false
	err := t.rows("select seq, time, hash from trail where seq <= ? order by seq limit ?", []any{through, limit}, func(scan func(...any) error) error {
		var l store.Link
		var at int64
		if err := scan(&l.Seq, &at, &l.Hash); err != nil {
			return err
		}
		if stop = stop || at >= before.UnixMicro(); !stop {
			n, last = n+1, l
		}
		return nil
	})
	if err != nil || n == 0 {
		return 0, err
	}
	if err := t.indexTrail(1); err != nil { // so that nothing comes into it afterwards
		return 0, err
	}
	if _, err := t.exec(`delete from trail_terms where (name, recipient, time, seq) in
		(select j.value, e.recipient, e.time, e.seq from trail e, json_each(e.terms) j where e.seq <= ?)`, last.Seq); err != nil {
		return 0, err
	}
	if _, err := t.exec("delete from trail where seq <= ?", last.Seq); err != nil {
		return 0, err
	}
	_, err = t.exec("insert into trail_state (id, indexed, pruned, hash) values (1, ?1, ?2, ?3) on conflict (id) do update set pruned = ?2, hash = ?3", t.indexed, last.Seq, append([]byte{}, last.Hash...))
	return n, err
}

// Given is the highest sequence number that an event ever had: fewer events than that at the end are ones that somebody took.
func (v *view) given() (int64, error) {
	var n int64
	_, err := v.one("select seq from sqlite_sequence where name = 'trail'", nil, &n)
	return n, err
}

// Broken is a fault in the chain of events.
type Broken struct {
	Seq  int64 // of the event where it shows
	What string
}

// VerifyTrail walks the whole trail and tells what is not as it was written: events that are changed, removed or in another order, columns
// that contradict their event, and a missing end. It gives the last link and how many events it saw.
func (s *Store) VerifyTrail(ctx context.Context, report func(Broken)) (last store.Link, events int, err error) {
	err = s.View(ctx, func(sv store.View) error {
		v := sv.(*view)
		base, _, err := v.state()
		if err != nil {
			return err
		}
		last = base
		prev, began := base.Hash, base.Seq > 0
		if err := v.rows("select seq, hash, event, time, recipient, request_id, name, terms from trail order by seq", nil, func(scan func(...any) error) error {
			var seq, at int64
			var hash, b []byte
			var got [3]string
			var terms []byte
			if err := scan(&seq, &hash, &b, &at, &got[0], &got[1], &got[2], &terms); err != nil {
				return err
			}
			events++
			if hash == nil {
				if began {
					report(Broken{seq, "the event has no hash, though the one before has"})
				}
				return nil
			}
			if began && !bytes.Equal(hash, link(prev, b, terms)) || !began && !bytes.Equal(hash, link(nil, b, terms)) {
				report(Broken{seq, fmt.Sprintf("the event does not follow the one before it (%d): one of the two was changed, or events between them were removed or moved", last.Seq)})
			}
			prev, began = hash, true
			last = store.Link{Seq: seq, Hash: hash}
			var e trail.Event
			if bad := json.Unmarshal(b, &e); bad != nil {
				report(Broken{seq, "the event cannot be read: " + bad.Error()})
				return nil //nolint:nilerr // it is reported
			}
			if want := [3]string{e.Recipient, e.RequestID, e.Name}; got != want || at != e.Time.UnixMicro() {
				report(Broken{seq, "the columns by which the event is found contradict it"})
			}
			return nil
		}); err != nil {
			return err
		}
		if err := v.unfound(report); err != nil {
			return err
		}
		given, err := v.given()
		if err == nil && events > 0 && given != last.Seq {
			report(Broken{given, fmt.Sprintf("the newest events are gone: numbers were given up to %d, the last event has %d", given, last.Seq)})
		}
		return err
	})
	return last, events, err
}

// unfound tells of events that the index should have and has not.
func (v *view) unfound(report func(Broken)) error {
	_, indexed, err := v.state()
	if err != nil {
		return err
	}
	return v.rows(`select distinct e.seq from trail e, json_each(e.terms) j where e.seq <= ? and not exists
		(select 1 from trail_terms x where x.name = j.value and x.recipient = e.recipient and x.time = e.time and x.seq = e.seq)`, []any{indexed}, func(scan func(...any) error) error {
		var seq int64
		err := scan(&seq)
		report(Broken{seq, "the event is missing from the index by which it is found"})
		return err
	})
}
