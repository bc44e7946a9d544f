package storetest

import (
	"context"
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
