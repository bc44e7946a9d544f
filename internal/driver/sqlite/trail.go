package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// record is an event made ready for the disk: what is queried stands in columns.
type record struct {
	time                       int64
	recipient, requestID, name string
	resources                  []string
	event                      []byte
}

// encode brings the event's time to UTC microseconds, as the ledger keeps it.
func encode(e *trail.Event) (record, error) {
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	plain := *e
	plain.Seq = 0 // lives in its column
	b, err := json.Marshal(plain)
	if err != nil {
		return record{}, fmt.Errorf("cannot encode event %s: %w", e.ID, err)
	}
	return record{e.Time.UnixMicro(), e.Recipient, e.RequestID, e.Name, slices.Compact(slices.Sorted(slices.Values(e.Resources))), b}, nil
}

func (t *tx) insert(r record) (int64, error) {
	res, err := t.exec("insert into trail (time, recipient, request_id, name, event) values (?, ?, ?, ?, ?)", r.time, r.recipient, r.requestID, r.name, r.event)
	if err != nil {
		return 0, err
	}
	seq, err := res.LastInsertId()
	if err != nil {
		return 0, t.breakWith(err)
	}
	for _, arn := range r.resources {
		if _, err := t.exec("insert into trail_resources (arn, seq) values (?, ?)", arn, seq); err != nil {
			return 0, err
		}
	}
	return seq, nil
}

func (v *view) Trail(q store.TrailQuery) ([]trail.Event, error) {
	text, args := trailSQL(q)
	var out []trail.Event
	err := v.rows(text, args, func(scan func(...any) error) error {
		var seq int64
		var b []byte
		if err := scan(&seq, &b); err != nil {
			return err
		}
		var e trail.Event
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("cannot decode event %d: %w", seq, err)
		}
		e.Seq = seq
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// queue gathers the events of concurrent Append calls. One goroutine at a time carries them to the disk: while it waits for
// the write slot or the disk, the next group collects.
type queue struct {
	mu      sync.Mutex
	waiting []*parcel
	busy    bool
	running sync.WaitGroup
}

// parcel is what one Append hands in.
type parcel struct {
	records []record
	seqs    []int64
	done    chan error
}

// Append writes the events durably, in one commit with those of concurrent calls, and sets their Seq. If the commit fails,
// every call in it gets the error and none of its events is written. A ctx that ends before the commit begins takes the
// events back; after that Append waits for the outcome.
func (s *Store) Append(ctx context.Context, events ...*trail.Event) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := ctx.Err(); err != nil || len(events) == 0 {
		return err
	}
	p := &parcel{records: make([]record, len(events)), seqs: make([]int64, len(events)), done: make(chan error, 1)}
	for i, e := range events {
		var err error
		if p.records[i], err = encode(e); err != nil {
			return err
		}
	}
	s.post(p)
	var err error
	select {
	case err = <-p.done:
	case <-ctx.Done():
		if s.appends.takeBack(p) {
			return ctx.Err()
		}
		err = <-p.done
	}
	if err != nil {
		return err
	}
	for i, e := range events {
		e.Seq = p.seqs[i]
	}
	return nil
}

func (s *Store) post(p *parcel) {
	q := &s.appends
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	if !q.busy {
		q.busy = true
		q.running.Go(s.carry)
	}
}

func (q *queue) takeBack(p *parcel) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, p)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// carry commits group after group until none waits.
func (s *Store) carry() {
	q := &s.appends
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		var group []*parcel
		err := s.locked(context.Background(), true, func(t *tx) error {
			q.mu.Lock() // taken late: who came during the wait for the slot is of the group
			group, q.waiting = q.waiting, nil
			q.mu.Unlock()
			return t.insertAll(group)
		})
		if err != nil && group == nil { // it failed before the group was taken
			q.mu.Lock()
			group, q.waiting = q.waiting, nil
			q.mu.Unlock()
		}
		for _, p := range group {
			p.done <- err
		}
	}
}

func (t *tx) insertAll(group []*parcel) error {
	for _, p := range group {
		for i, r := range p.records {
			var err error
			if p.seqs[i], err = t.insert(r); err != nil {
				return err
			}
		}
	}
	return nil
}
