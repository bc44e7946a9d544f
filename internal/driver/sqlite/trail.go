package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// record is an event made ready for the disk.
type record struct {
	time                       int64
	recipient, requestID, name string
	terms, event               []byte // JSON
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
	t, err := json.Marshal(termsOf(e))
	if err != nil {
		return record{}, fmt.Errorf("cannot encode event %s: %w", e.ID, err)
	}
	return record{e.Time.UnixMicro(), e.Recipient, e.RequestID, e.Name, t, b}, nil
}

// termsOf lists by what an event is found. Of data events, which are many, there are fewer.
func termsOf(e *trail.Event) []string {
	class := e.Class()
	out := []string{classTerm(class, e.Region)}
	if e.RequestID != "" {
		out = append(out, "request/"+e.RequestID)
	}
	for _, arn := range e.Resources {
		out = append(out, "arn/"+arn)
		if k := trail.Kind(arn); k != "" && class != trail.Data {
			out = append(out, term("kind", k, e.Region))
		}
	}
	if class != trail.Data {
		for _, x := range [][2]string{{"name", e.Name}, {"service", e.Service}, {"user", e.User()}, {"key", e.Caller.AccessKey}} {
			if x[1] != "" {
				out = append(out, term(x[0], x[1], e.Region))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func term(what, value, region string) string { return what + "/" + value + " " + region }

func classTerm(c trail.Class, region string) string {
	return term("class", strconv.Itoa(int(c)), region)
}

func (t *tx) insert(r record) (int64, error) {
	if t.last == nil {
		if err := t.head(); err != nil {
			return 0, err
		}
	}
	hash := link(t.last, r.event, r.terms)
	res, err := t.exec("insert into trail (time, recipient, request_id, name, terms, event, hash) values (?, ?, ?, ?, cast(? as text), ?, ?)", r.time, r.recipient, r.requestID, r.name, r.terms, r.event, hash)
	if err != nil {
		return 0, err
	}
	t.last = hash
	if t.newest, err = res.LastInsertId(); err != nil {
		return 0, t.breakWith(err)
	}
	return t.newest, nil
}

// indexEvery is how many events wait for the index. More make the commits between two times cheaper, and lookups dearer.
const indexEvery = 512

// index brings what waits into the index, in the order of the index. It happens in the transaction that makes it due.
func (t *tx) indexTrail(due int64) error {
	if t.newest-t.indexed < due {
		return nil
	}
	if _, err := t.exec(`insert into trail_terms (name, recipient, time, seq)
		select j.value, e.recipient, e.time, e.seq from trail e, json_each(e.terms) j where e.seq > ? and e.seq <= ? order by 1, 2, 3, 4`, t.indexed, t.newest); err != nil {
		return err
	}
	_, err := t.exec("insert into trail_state (id, indexed, pruned, hash) values (1, ?, 0, x'') on conflict (id) do update set indexed = excluded.indexed", t.newest)
	t.indexed = t.newest
	return err
}

func (v *view) Trail(q store.TrailQuery) ([]trail.Event, error) {
	if q.ByTime {
		return v.lookup(q)
	}
	if q.RequestID != "" || q.Resource != "" {
		return v.found(q)
	}
	text, args := trailSQL(q)
	return v.events(text, args)
}

func (v *view) events(text string, args []any) ([]trail.Event, error) {
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
		runtime.Gosched() // who is about to hand in shares the commit
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
