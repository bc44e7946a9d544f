package logs

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// The limits of PutLogEvents. Source: its page in the API reference.
const (
	batchBytes = 1 << 20
	batchSpan  = 24 * time.Hour
	tooNew     = 2 * time.Hour
	tooOld     = 14 * 24 * time.Hour
)

// Blocks hold at most blockBytes; to one of less than smallBytes the next batch of its stream is added, so that many small batches
// are few rows.
const (
	blockBytes = 128 << 10
	smallBytes = 32 << 10
)

func (s *Service) putLogEvents() api.Rower {
	return api.Op[shape.PutLogEventsRequest, shape.PutLogEventsResponse]{
		Name: "PutLogEvents", Honours: []string{"logGroupName", "logStreamName", "logEvents.*", "sequenceToken"}, Questions: ask.Ask[shape.PutLogEventsRequest](sheet, "PutLogEvents"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.PutLogEventsRequest) (*shape.PutLogEventsResponse, error) {
			if err := checkBatch(in.LogEvents); err != nil {
				return nil, err
			}
			arn := groupARN(c, deref(in.LogGroupName))
			c.Touch(streamARN(c, deref(in.LogGroupName), deref(in.LogStreamName)))
			for {
				var g store.Item[logbook.Group]
				var seal logbook.Seal
				err := c.Read(ctx, func(v store.View) (err error) {
					if g, err = findGroup(c, v, in.LogGroupName); err != nil {
						return err
					}
					if _, err = findStream(c, v, g.Value, in.LogStreamName); err != nil {
						return err
					}
					seal, err = sealOf(v, g, g.Value.Seal)
					return err
				})
				if err != nil {
					return nil, err
				}
				key, err := s.open(ctx, c, arn, &g.Value, g.Value.Seal, seal)
				if err != nil {
					return nil, err
				}
				out, err := c.Commit(ctx, func(tx store.Tx) (any, error) { return keep(c, tx, g.Value, key, in) })
				if errors.Is(err, errResealed) {
					continue
				}
				if err != nil {
					return nil, err
				}
				return out.(*shape.PutLogEventsResponse), nil
			}
		},
	}
}

// checkBatch holds a batch to the limits that no clock is needed for.
func checkBatch(events []shape.InputLogEvent) error {
	size, last := int64(0), int64(0)
	for i := range events {
		e := &events[i]
		n := int64(len(deref(e.Message))) + logbook.Overhead
		if size += n; n > batchBytes {
			return invalid("Log event too large: %d bytes exceeds limit of %d", n, batchBytes)
		}
		if deref(e.Timestamp) < last {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		last = deref(e.Timestamp)
	}
	switch {
	case size > batchBytes:
		return invalid("Upload too large: %d bytes exceeds limit of %d", size, batchBytes)
	case len(events) > 0 && last-deref(events[0].Timestamp) > batchSpan.Milliseconds():
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// errResealed says that the group has got another key, or is another group, since its key was opened.
var errResealed = errors.New("the log group has another key")

// keep writes a batch into the ledger.
func keep(c *api.Call, tx store.Tx, was logbook.Group, key cipher.AEAD, in *shape.PutLogEventsRequest) (*shape.PutLogEventsResponse, error) {
	g, err := findGroup(c, tx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.Value.ID != was.ID || g.Value.Seal != was.Seal {
		return nil, errResealed
	}
	st, err := findStream(c, tx, g.Value, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	from, to, info := accepted(in.LogEvents, g.Value, tx.Now())
	now := ms(tx.Now())
	events := make([]logbook.Event, 0, to-from)
	var size int64
	for _, e := range in.LogEvents[from:to] {
		events = append(events, logbook.Event{At: *e.Timestamp, Ordinal: st.Value.Events + int64(len(events)), Ingested: now, Message: *e.Message})
		size += events[len(events)-1].Size()
	}
	out := &shape.PutLogEventsResponse{RejectedLogEventsInfo: info}
	if len(events) > 0 {
		if err := write(c, tx, g, &st, key, events); err != nil {
			return nil, err
		}
		x := &st.Value
		if x.Events == 0 || events[0].At < x.First {
			x.First = events[0].At
		}
		x.Last, x.Ingested = max(x.Last, events[len(events)-1].At), now
		x.Events += int64(len(events))
		if err := rows.LogStreams.Save(tx, &st); err != nil {
			return nil, err
		}
		u, err := rows.LogUsages.Get(tx, g.Scope, g.Value.ID)
		if err != nil {
			return nil, err
		}
		u.Value.Stored += size
		if err := rows.LogUsages.Save(tx, &u); err != nil {
			return nil, err
		}
	}
	out.NextSequenceToken = sequence(st.Value)
	return out, nil
}

// accepted is the part of a batch that is neither too old, too new nor past the group's retention, and what is told of the rest.
func accepted(events []shape.InputLogEvent, g logbook.Group, now time.Time) (from, to int, info *shape.RejectedLogEventsInfo) {
	before := func(at int64) int {
		i, _ := slices.BinarySearchFunc(events, at, func(e shape.InputLogEvent, at int64) int {
			if *e.Timestamp < at {
				return -1
			}
			return 1
		})
		return i
	}
	old, expired := before(ms(now.Add(-tooOld))), before(expiry(g, now))
	from, to = max(old, expired), before(ms(now.Add(tooNew))+1)
	if old == 0 && expired == 0 && to == len(events) {
		return from, to, nil
	}
	info = &shape.RejectedLogEventsInfo{}
	if old > 0 {
		info.TooOldLogEventEndIndex = new(int64(old))
	}
	if expired > 0 {
		info.ExpiredLogEventEndIndex = new(int64(expired))
	}
	if to < len(events) {
		info.TooNewLogEventStartIndex = new(int64(to))
	}
	return from, max(from, to), info
}

// write puts events, which are in order, into blocks of a stream; what is in its last block, if that is small, goes with them.
func write(c *api.Call, tx store.Tx, g store.Item[logbook.Group], st *store.Item[logbook.Stream], key cipher.AEAD, events []logbook.Event) error {
	var spare []int64 // the number of a block that is replaced
	if st.Value.Tail != "" {
		old, n, err := takeTail(tx, g, st.Value, key, events)
		if err != nil {
			return err
		}
		if old != nil {
			events, spare = merged(old, events), []int64{n}
		}
	}
	for len(events) > 0 {
		n := cut(events)
		number := st.Value.Blocks
		if len(spare) > 0 {
			number, spare = spare[0], nil
		} else {
			st.Value.Blocks++
		}
		id := logbook.BlockID(g.Value.ID, events[0].At, st.Value.ID, number)
		b, err := logbook.Write(events[:n], g.Value.Seal, key, c.Dice.Bytes(key.NonceSize()), id)
		if err != nil {
			return err
		}
		if _, err := tx.Put(store.Row{Key: store.Key{Scope: g.Scope, Kind: rows.LogBlocks, ID: id}, Value: b, Terms: []store.Term{{Name: rows.LogStream, Value: st.Value.ID}}}); err != nil {
			return fmt.Errorf("cannot write the block %s: %w", id, err)
		}
		st.Value.Tail = id
		events = events[n:]
	}
	return nil
}

// takeTail takes the last block away if the events may be added to it.
func takeTail(tx store.Tx, g store.Item[logbook.Group], st logbook.Stream, key cipher.AEAD, events []logbook.Event) ([]logbook.Event, int64, error) {
	r, err := tx.Get(store.Key{Scope: g.Scope, Kind: rows.LogBlocks, ID: st.Tail})
	if errors.Is(err, store.ErrNotFound) { // it has expired
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	h, err := logbook.ReadHead(r.Value)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read the block %s: %w", r.ID, err)
	}
	if h.Bytes >= smallBytes || h.Seal != g.Value.Seal || events[0].At-h.First >= logbook.Span || h.Last-events[0].At >= logbook.Span {
		return nil, 0, nil
	}
	old, err := h.Read(key, r.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read the block %s: %w", r.ID, err)
	}
	n, err := logbook.NumberOf(r.ID)
	if err != nil {
		return nil, 0, err
	}
	return old, n, tx.Delete(r.Key, r.Version)
}

// merged is one list in order of two.
func merged(a, b []logbook.Event) []logbook.Event {
	out := append(a, b...)
	slices.SortStableFunc(out, func(x, y logbook.Event) int {
		if x.Before(&y) {
			return -1
		}
		return 1
	})
	return out
}

// cut is how many events go into the next block.
func cut(events []logbook.Event) int {
	var size int64
	for i := range events {
		if size += events[i].Size(); i > 0 && (size > blockBytes || events[i].At-events[0].At >= logbook.Span) {
			return i
		}
	}
	return len(events)
}

// sequence is a token that nobody looks at any more: the API reference has it that PutLogEvents takes each.
func sequence(st logbook.Stream) *string { return new(fmt.Sprintf("%056d", st.Events+1)) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func number(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
