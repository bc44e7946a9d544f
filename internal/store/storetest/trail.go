package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

func testTrail(e *env) {
	at := func(min int) time.Time { return time.Date(2026, 3, 1, 12, min, 0, 0, time.UTC) }
	var seqs []int64
	for i, c := range []struct{ id, account, name, arn string }{
		{"e1", "1", "CreateVpc", "arn:1"}, {"e2", "2", "CreateVpc", "arn:1"}, {"e3", "1", "DeleteVpc", "arn:2"}, {"e4", "1", "CreateVpc", "arn:2"}, {"e5", "1", "CreateVpc", "arn:1"},
	} {
		ev := event(c.id)
		ev.Time, ev.Recipient, ev.Name, ev.Resources = at(i), c.account, c.name, []string{c.arn, "arn:all", "arn:all"}
		e.update(func(tx store.Tx) error { return tx.Record(ev) })
		if ev.Seq <= 0 || len(seqs) > 0 && ev.Seq <= seqs[len(seqs)-1] {
			e.Fatalf("sequence %v, then %d", seqs, ev.Seq)
		}
		seqs = append(seqs, ev.Seq)
	}
	for _, c := range []struct {
		name string
		q    store.TrailQuery
		want string
	}{
		{"all", store.TrailQuery{}, "e1 e2 e3 e4 e5"},
		{"account", store.TrailQuery{Account: "1"}, "e1 e3 e4 e5"},
		{"nobody", store.TrailQuery{Account: "3"}, ""},
		{"after", store.TrailQuery{AfterSeq: seqs[2]}, "e4 e5"},
		{"before", store.TrailQuery{BeforeSeq: seqs[2]}, "e1 e2"},
		{"a page back", store.TrailQuery{Account: "1", BeforeSeq: seqs[4], Limit: 2, Reverse: true}, "e4 e3"},
		{"request", store.TrailQuery{RequestID: "req-e3"}, "e3"},
		{"request of another account", store.TrailQuery{RequestID: "req-e3", Account: "2"}, ""},
		{"resource", store.TrailQuery{Resource: "arn:1"}, "e1 e2 e5"},
		{"resource and account, reversed", store.TrailQuery{Resource: "arn:1", Account: "1", Reverse: true}, "e5 e1"},
		{"resource named twice", store.TrailQuery{Resource: "arn:all", Limit: 2}, "e1 e2"},
		{"name", store.TrailQuery{Name: "DeleteVpc"}, "e3"},
		{"name and account", store.TrailQuery{Account: "1", Name: "CreateVpc"}, "e1 e4 e5"},
		{"from", store.TrailQuery{From: at(3)}, "e4 e5"},
		{"to", store.TrailQuery{To: at(1)}, "e1 e2"},
		{"from to, in another zone", store.TrailQuery{From: at(1).In(time.FixedZone("", -7200)), To: at(2)}, "e2 e3"},
		{"newest", store.TrailQuery{Limit: 1, Reverse: true}, "e5"},
	} {
		e.wantIDs(c.name, e.events(c.q), strings.Fields(c.want)...)
	}
}

// testLookup: by time, the newest first, by each attribute, over regions and classes, page after page.
func testLookup(e *env) {
	at := func(sec int) time.Time { return time.Date(2026, 3, 1, 12, 0, sec, 0, time.UTC) }
	const vpc, key, bucket = "arn:aws:ec2:eu:1:vpc/vpc-1", "arn:aws:kms:eu:1:key/k", "arn:aws:s3:::b"
	for _, c := range []struct {
		id, account, region, service, name, user, access string
		at                                               int
		read                                             bool
		arns                                             []string
	}{
		{"a", "1", "eu", "ec2", "CreateVpc", "ann", "AKIA1", 5, false, []string{vpc}},
		{"b", "1", "eu", "ec2", "DescribeVpcs", "ben", "AKIA2", 1, true, nil}, // committed late
		{"c", "1", "eu", "s3", "GetObject", "ben", "AKIA2", 6, true, []string{bucket + "/k"}},
		{"d", "1", "eu", "kms", "Decrypt", "ann", "AKIA1", 7, true, []string{key}},
		{"e", "2", "eu", "kms", "Decrypt", "eve", "AKIA3", 7, true, []string{key}},
		{"f", "1", "us", "kms", "Decrypt", "ann", "AKIA1", 8, true, []string{key}},
		{"g", "1", "eu", "kms", "CreateKey", "ann", "", 7, false, []string{key}}, // the same moment as d
	} {
		ev := &trail.Event{ID: c.id, Recipient: c.account, Region: c.region, Service: c.service, Name: c.name, Time: at(c.at), ReadOnly: c.read,
			Caller: trail.Caller{Type: "IAMUser", UserName: c.user, AccessKey: c.access}, Resources: c.arns}
		if err := e.s.Append(e.Context(), ev); err != nil {
			e.Fatal(err)
		}
	}
	cases := []struct {
		name string
		q    store.TrailQuery
		want string
	}{
		{"all of an account", store.TrailQuery{}, "f g d c a b"},
		{"another's", store.TrailQuery{Account: "2"}, "e"},
		{"nobody's", store.TrailQuery{Account: "3"}, ""},
		{"of a region", store.TrailQuery{Region: "eu"}, "g d c a b"},
		{"management", store.TrailQuery{Region: "eu", Management: true}, "g d a b"},
		{"management of all regions", store.TrailQuery{Management: true, Limit: 3}, "f g d"},
		{"that only read", store.TrailQuery{Region: "eu", ReadOnly: new(true)}, "d b"},
		{"that write", store.TrailQuery{Region: "eu", ReadOnly: new(false)}, "g a"},
		{"name", store.TrailQuery{Region: "eu", Management: true, Name: "Decrypt"}, "d"},
		{"name, data too", store.TrailQuery{Region: "eu", Name: "GetObject"}, "c"},
		{"service", store.TrailQuery{Region: "eu", Management: true, Service: "kms"}, "g d"},
		{"service in all regions", store.TrailQuery{Management: true, Service: "kms"}, "f g d"},
		{"user", store.TrailQuery{Region: "eu", Management: true, User: "ben"}, "b"},
		{"key", store.TrailQuery{Region: "eu", Management: true, AccessKey: "AKIA1"}, "d a"},
		{"resource", store.TrailQuery{Resource: key}, "f g d"},
		{"resource in a region", store.TrailQuery{Resource: key, Region: "us", Management: true}, "f"},
		{"resource of data", store.TrailQuery{Resource: bucket + "/k"}, "c"},
		{"resource of data among management", store.TrailQuery{Resource: bucket + "/k", Management: true}, ""},
		{"type", store.TrailQuery{Region: "eu", Kind: "AWS::KMS::Key"}, "g d"},
		{"type of all regions", store.TrailQuery{Kind: "AWS::KMS::Key"}, "f g d"},
		{"span", store.TrailQuery{Region: "eu", Management: true, From: at(5), To: at(7)}, "g d a"},
		{"span of a resource", store.TrailQuery{Resource: key, From: at(8), To: at(8)}, "f"},
	}
	ask := func(when string) {
		for _, c := range cases {
			c.name += when
			if c.q.Account == "" {
				c.q.Account = "1"
			}
			c.q.ByTime = true
			want := strings.Fields(c.want)
			e.wantIDs(c.name, e.events(c.q), want...)
			var paged []string // one event a page
			for q := c.q; c.q.Limit == 0 && len(paged) <= len(want); {
				q.Limit = 1
				var page []trail.Event
				e.view(func(v store.View) (err error) { page, err = v.Trail(q); return err })
				if len(page) == 0 {
					break
				}
				paged = append(paged, page[0].ID)
				q.Before = store.Moment{Time: page[0].Time, Seq: page[0].Seq}
			}
			if c.q.Limit == 0 {
				e.wantIDs(c.name+", by pages", paged, want...)
			}
		}
	}
	ask("")
	// Behind many others, where a driver may find them by another way.
	err := together(4, func(i int) error {
		for j := range 200 {
			ev := event(fmt.Sprintf("other-%d-%d", i, j))
			ev.Recipient, ev.Region = "9", "eu"
			if err := e.s.Append(e.Context(), ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	ask(", among many")
	e.wantIDs("by request, among many", e.events(store.TrailQuery{RequestID: "req-other-1-0"}), "other-1-0")
	if n := len(e.events(store.TrailQuery{Account: "9", ByTime: true, Management: true})); n != 800 {
		e.Errorf("%d of 800 others are found", n)
	}
}

// testPrune: the oldest go, and nothing that is young or wanted; what stays is found as before and the chain goes on.
func testPrune(e *env) {
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var seqs []int64
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		ev := event(id)
		ev.Time, ev.Resources = old.AddDate(0, 0, i), []string{"arn:aws:kms:eu:1:key/k"}
		if err := e.s.Append(e.Context(), ev); err != nil {
			e.Fatal(err)
		}
		seqs = append(seqs, ev.Seq)
	}
	prune := func(before time.Time, through int64, limit, want int, left ...string) {
		e.Helper()
		e.update(func(tx store.Tx) error {
			n, err := tx.Prune(before, through, limit)
			if n != want {
				e.Errorf("%d were pruned, want %d", n, want)
			}
			return err
		})
		e.wantIDs("what is left", e.events(store.TrailQuery{}), left...)
		e.wantIDs("found by resource", e.events(store.TrailQuery{Resource: "arn:aws:kms:eu:1:key/k"}), left...)
	}
	chained := func() {
		e.Helper()
		e.view(func(v store.View) error {
			base, links, err := v.Chain(0, 100)
			prev := base.Hash
			for _, l := range links {
				h := sha256.Sum256(append(bytes.Clone(prev), l.Body...))
				if !bytes.Equal(h[:], l.Hash) {
					e.Errorf("the chain breaks at %d", l.Seq)
				}
				prev = l.Hash
			}
			return err
		})
	}
	prune(old, 1<<40, 10, 0, "a", "b", "c", "d", "e")
	chained()
	prune(old.AddDate(0, 0, 3), 1<<40, 1, 1, "b", "c", "d", "e")
	chained()
	prune(old.AddDate(0, 0, 3), seqs[1], 10, 1, "c", "d", "e")
	prune(old.AddDate(0, 0, 3), 1<<40, 10, 1, "d", "e")
	prune(old.AddDate(1, 0, 0), 1<<40, 10, 2)
	if err := e.s.Append(e.Context(), event("f")); err != nil {
		e.Fatal(err)
	}
	chained()
}

func testTrailFields(e *env) {
	ev := &trail.Event{ID: "e", Time: time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("", 3600)), RequestID: "r", Service: "s3", Name: "GetObject",
		ReadOnly: true, Account: "1", Recipient: "2", Region: "eu", Caller: trail.Caller{Type: "AssumedRole", ARN: "arn:x", Issuer: "arn:y", Unverified: true},
		SourceIP: "10.0.0.1", UserAgent: "curl \u2028", Endpoint: "vpce-1", VPC: "vpc-1", Interface: "eni-1", Request: json.RawMessage(`{"a":1}`),
		Response: json.RawMessage(`{"b":null}`), Resources: []string{"arn:2", "arn:1"}, ErrorCode: "AccessDenied", Error: "no", Explanation: json.RawMessage(`[1]`)}
	if err := e.s.Append(e.Context(), ev); err != nil {
		e.Fatal(err)
	}
	e.view(func(v store.View) error {
		got, err := v.Trail(store.TrailQuery{})
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], *ev) {
			e.Errorf("got %+v, %v\nwant %+v", got, err, *ev)
		}
		return nil
	})
	if want := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC); ev.Time != want {
		e.Errorf("the event's time is %v, want %v", ev.Time, want)
	}
	bad := event("bad")
	bad.Request = json.RawMessage("{")
	if err := e.s.Append(e.Context(), bad, event("beside")); err == nil {
		e.Error("an event that is no JSON was accepted")
	}
	e.wantIDs("nothing of the failed append", e.events(store.TrailQuery{}), "e")
}

func testAppend(e *env) {
	if err := e.s.Append(e.Context()); err != nil {
		e.Errorf("append of nothing: %v", err)
	}
	const callers, each = 16, 20
	seen := make([][]int64, callers)
	err := together(callers, func(i int) error {
		for j := range each {
			a, b := event(fmt.Sprintf("%02d-%02d-a", i, j)), event(fmt.Sprintf("%02d-%02d-b", i, j))
			if err := e.s.Append(e.Context(), a, b); err != nil {
				return err
			}
			if b.Seq <= a.Seq {
				return fmt.Errorf("events of one call are %d and %d", a.Seq, b.Seq)
			}
			seen[i] = append(seen[i], a.Seq, b.Seq)
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	unique := map[int64]bool{}
	for i, s := range seen {
		for j, n := range s {
			if unique[n] || j > 0 && n <= s[j-1] {
				e.Errorf("caller %d got %v", i, s)
			}
			unique[n] = true
		}
	}
	e.view(func(v store.View) error {
		evs, err := v.Trail(store.TrailQuery{})
		if err != nil || len(evs) != callers*each*2 {
			e.Errorf("%d events are kept, %v", len(evs), err)
		}
		for _, ev := range evs {
			if !unique[ev.Seq] {
				e.Errorf("event %s has sequence %d, its caller was told another", ev.ID, ev.Seq)
			}
		}
		return nil
	})
}

// An append waits while the writer is held; cancelled there, it is taken back and does not hurt its neighbours.
func testAppendCancelled(e *env) {
	e.wantErr("a context that is done", e.s.Append(cancelled(), event("never")), context.Canceled)
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		left <- e.s.Update(context.Background(), func(store.Tx) error { close(inside); <-leave; return nil })
	}()
	<-inside
	ctx, cancel := context.WithCancel(e.Context())
	withdrawn, kept := make(chan error), make(chan error)
	go func() { withdrawn <- e.s.Append(ctx, event("withdrawn")) }()
	go func() { kept <- e.s.Append(e.Context(), event("kept")) }()
	cancel()
	e.wantErr("an append that was cancelled in the queue", <-withdrawn, context.Canceled)
	close(leave)
	if err := errors.Join(<-left, <-kept); err != nil {
		e.Errorf("its neighbours: %v", err)
	}
	e.wantIDs("trail", e.events(store.TrailQuery{}), "kept")
}
