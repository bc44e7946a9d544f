package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// Ledger is the part of the store that deleting by rules needs.
type Ledger interface {
	View(ctx context.Context, f func(store.View) error) error
	Update(ctx context.Context, f func(store.Tx) error) error
}

// Ruled lists the buckets that have lifecycle rules, of all accounts.
func (s *Service) Ruled(v store.View) ([]store.Key, error) {
	rows, err := lifecycles.List(v, store.Query{AnyScope: true})
	out := make([]store.Key, len(rows))
	for i, r := range rows {
		out[i] = store.Key{Scope: r.Scope, Kind: lifecycles.Kind, ID: r.ID}
	}
	return out, err
}

// doom is one thing that a rule takes.
type doom struct {
	key, version, rule string
	o                  Object
	visible            bool
}

// ward is a walk over a bucket by its rules. What it knows of the key that it is at goes on from page to page.
type ward struct {
	bucket  store.Item[Bucket]
	rules   []shape.LifecycleRule
	sieves  []sieve
	key, id string // where the page begins
	last    string // the key of the entry before
	since   int64  // when that entry was made: since then the next one is not the newest
	newer   int64  // noncurrent versions of the key so far
	lone    *doom  // a delete marker that goes if it is all that its key has
	done    bool
}

// wardPage is how many versions are looked at in one transaction.
const wardPage = 200

// Tend deletes what the rules of a bucket take at the ledger's time, in transactions of at most wardPage versions, each with its events.
// What is locked stays. n is how much went.
func (s *Service) Tend(ctx context.Context, l Ledger, dice api.Dice, bucket store.Key) (n int, err error) {
	for w := (ward{}); !w.done && err == nil && ctx.Err() == nil; {
		var due []doom
		next := w
		if err = l.View(ctx, func(v store.View) (err error) { due, err = next.page(v, bucket); return err }); err != nil {
			break
		}
		if len(due) > 0 {
			var t trash
			err = l.Update(ctx, func(tx store.Tx) (err error) {
				next, t = w, trash{}
				if due, err = next.page(tx, bucket); err != nil { // again, for it may have changed
					return err
				}
				for _, d := range due {
					if err := s.take(tx, dice, bucket.Scope, next.bucket, d, &t); err != nil {
						return fmt.Errorf("cannot expire %q: %w", d.key, err)
					}
				}
				return nil
			})
			if err == nil {
				n += len(due)
				s.empty(ctx, t)
			}
		}
		w = next
	}
	m, err2 := s.tendUploads(ctx, l, dice, bucket)
	return n + m, errors.Join(err, err2)
}

// never is no dice: for ids that nobody keeps.
type never struct{ api.Dice }

func (never) Bytes(n int) []byte { return make([]byte, n) }

// load reads the bucket and its rules; done when there are none any more.
func (w *ward) load(v store.View, k store.Key) error {
	b, err := buckets.Get(v, store.Scope{Partition: k.Partition}, k.ID)
	if err == nil {
		w.bucket = b
		var l store.Item[Lifecycle]
		if l, err = lifecycles.Get(v, k.Scope, k.ID); err == nil {
			w.rules = l.Value.Rules
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		w.done, w.rules, err = true, nil, nil
	}
	w.sieves = nil
	for i := range w.rules {
		w.sieves = append(w.sieves, sieveOf(&w.rules[i]))
	}
	return err
}

// page looks at the next versions and says which of them are due.
func (w *ward) page(v store.View, k store.Key) (due []doom, err error) {
	if err := w.load(v, k); err != nil || w.done {
		return nil, err
	}
	p, err := walkVersions(v, listing{scope: k.Scope, bucket: k.ID, max: wardPage}, w.bucket, w.key, opt(w.id))
	if err != nil {
		return nil, err
	}
	now := v.Now()
	for i := range p.items {
		e := &p.items[i]
		if w.lone != nil {
			if w.last != e.key {
				due = append(due, *w.lone)
			}
			w.lone = nil
		}
		if e.key != w.last {
			w.newer = 0
		}
		d := doom{key: e.key, version: idOf(e.o), o: e.o, visible: e.latest}
		switch {
		case e.latest && e.o.Marker:
			if d.rule = w.marker(now, &d); d.rule != "" {
				w.lone = &d
			}
		case e.latest:
			d.rule = w.visible(now, &d)
		default:
			d.rule = w.noncurrent(now, &d)
			w.newer++
		}
		if d.rule != "" && w.lone == nil && !(d.visible && d.o.Marker) {
			due = append(due, d)
		}
		w.last, w.since = e.key, e.o.made()
	}
	if w.done = !p.more; !w.done { // behind a moment, for the version itself may be gone when the walk goes on
		w.key, w.id = p.lastKey, newVersion(never{}, p.items[len(p.items)-1].o.made())
	}
	if w.done && w.lone != nil {
		due = append(due, *w.lone)
	}
	return due, nil
}

// visible is the rule by which what is visible has expired, empty if none.
func (w *ward) visible(now time.Time, d *doom) string {
	for i := range w.rules {
		if at, ok := expires(&w.rules[i], &d.o); ok && !now.Before(at) && w.sieves[i].takes(d.key, &d.o) {
			return str(w.rules[i].ID)
		}
	}
	return ""
}

// marker is the rule that takes a delete marker with nothing behind it: one that says so, or one by age.
func (w *ward) marker(now time.Time, d *doom) string {
	for i := range w.rules {
		r := &w.rules[i]
		if str(r.Status) != enabled || r.Expiration == nil || !w.sieves[i].takes(d.key, &d.o) {
			continue
		}
		if at, ok := expires(r, &d.o); ok && !now.Before(at) || yes(r.Expiration.ExpiredObjectDeleteMarker) {
			return str(r.ID)
		}
	}
	return ""
}

// noncurrent is the rule that takes a version which is not the newest: its age counts from the day that the next one came.
func (w *ward) noncurrent(now time.Time, d *doom) string {
	for i := range w.rules {
		x := w.rules[i].NoncurrentVersionExpiration
		if str(w.rules[i].Status) != enabled || x == nil || !w.sieves[i].takes(d.key, &d.o) || x.NewerNoncurrentVersions != nil && w.newer < *x.NewerNoncurrentVersions {
			continue
		}
		if !now.Before(midnight(time.UnixMicro(w.since), *x.NoncurrentDays)) {
			return str(w.rules[i].ID)
		}
	}
	return ""
}

// take deletes one thing and records it.
func (s *Service) take(tx store.Tx, dice api.Dice, sc store.Scope, b store.Item[Bucket], d doom, t *trash) (err error) {
	c := &api.Call{Dice: dice, Partition: sc.Partition, Account: sc.Account, Region: sc.Region}
	name, id := "ExpireObject", d.version
	if d.visible && !d.o.Marker {
		var made deleted
		if made, err = remove(c, tx, b, sc, d.key, condition{}, t); made.marker {
			name, id = "CreateDeleteMarker", made.version
		}
	} else {
		_, err = expunge(tx, b, sc, d.key, d.version, false, condition{}, t)
	}
	var f *fault.Fault
	if errors.As(err, &f) && f.Code == "AccessDenied" {
		return nil
	}
	if err != nil {
		return err
	}
	return told(c, tx, name, b, d.key, map[string]string{"versionId": id, "ruleId": d.rule})
}

// told records what a rule did, as the service's own event. S3 tells of such things in access logs alone; here nothing goes unrecorded.
func told(c *api.Call, tx store.Tx, name string, b store.Item[Bucket], key string, more map[string]string) error {
	const self = "lifecycle.s3.amazonaws.com"
	extra, err := json.Marshal(more)
	if err != nil {
		return err
	}
	request, err := json.Marshal(map[string]string{"bucketName": b.ID, "key": key})
	if err != nil {
		return err
	}
	return tx.Record(&trail.Event{ID: c.Dice.UUID(), Type: "AwsServiceEvent", Time: tx.Now(), RequestID: c.Dice.UUID(), Service: "s3", Name: name, Account: c.Account, Recipient: c.Account, Region: c.Region,
		Caller: trail.Caller{Type: "AWSService", InvokedBy: self}, SourceIP: self, UserAgent: self, Request: request, Additional: extra,
		Resources: []string{objectARN(c, b.ID, key)}, Owner: b.Value.Owner})
}

// tendUploads aborts uploads that were begun too long ago.
func (s *Service) tendUploads(ctx context.Context, l Ledger, dice api.Dice, bucket store.Key) (n int, err error) {
	for after := ""; ctx.Err() == nil; {
		var w ward
		late := func(v store.View) (ids []string, rules []string, next string, err error) {
			if err := w.load(v, bucket); err != nil || w.done {
				return nil, nil, "", err
			}
			rows, err := uploads.List(v, store.Query{Scope: bucket.Scope, Prefix: bucket.ID + "\x00", After: after, Limit: wardPage})
			for _, u := range rows {
				key := keyOfUpload(u.ID[len(bucket.ID)+1:])
				for i := range w.rules {
					x := w.rules[i].AbortIncompleteMultipartUpload
					if x != nil && str(w.rules[i].Status) == enabled && w.sieves[i].takes(key, &Object{}) && !v.Now().Before(midnight(u.Value.Initiated, *x.DaysAfterInitiation)) {
						ids, rules = append(ids, u.ID), append(rules, str(w.rules[i].ID))
						break
					}
				}
			}
			if len(rows) == wardPage {
				next = rows[len(rows)-1].ID
			}
			return ids, rules, next, err
		}
		var ids []string
		var next string
		if err := l.View(ctx, func(v store.View) (err error) { ids, _, next, err = late(v); return err }); err != nil {
			return n, err
		}
		if len(ids) > 0 {
			var t trash
			err := l.Update(ctx, func(tx store.Tx) error {
				t = trash{}
				ids, rules, _, err := late(tx)
				if err != nil {
					return err
				}
				c := &api.Call{Dice: dice, Partition: bucket.Partition, Account: bucket.Account, Region: bucket.Region}
				for i, id := range ids {
					upload := id[strings.LastIndexByte(id, 0)+1:]
					if err := t.upload(tx, bucket.Scope, id, upload, nil); err != nil {
						return err
					}
					if err := told(c, tx, "AbortMultipartUpload", w.bucket, keyOfUpload(id[len(bucket.ID)+1:]), map[string]string{"uploadId": upload, "ruleId": rules[i]}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return n, fmt.Errorf("cannot abort uploads to %s: %w", bucket.ID, err)
			}
			s.empty(ctx, t)
			n += len(ids)
		}
		if after = next; after == "" {
			break
		}
	}
	return n, nil
}
