package logs

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Source: API reference, PutLogEvents.
func TestLimits(t *testing.T) {
	h := open(t)
	h.group("g")
	h.stream("g", "s")
	in := func(events ...shape.InputLogEvent) *shape.PutLogEventsRequest {
		return &shape.PutLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s"), LogEvents: events}
	}
	big := strings.Repeat("x", 1<<20-26)
	h.refuse("InvalidParameterException", "chronological", in(h.at(0, "a"), h.at(-1*time.Millisecond, "b")))
	h.refuse("InvalidParameterException", "24 hours", in(h.at(-24*time.Hour-time.Millisecond, "a"), h.at(0, "b")))
	h.refuse("InvalidParameterException", "Log event too large: 1048577 bytes", in(h.at(0, big+"x")))
	h.refuse("InvalidParameterException", "Upload too large: 1048603 bytes exceeds limit of 1048576", in(h.at(0, big), h.at(0, "x")))
	many := slices.Repeat([]shape.InputLogEvent{h.at(0, "x")}, 10001)
	h.refuse("Invalid", "less than or equal to 10000", in(many...))
	h.refuse("Invalid", "logEvents", in())
	h.refuse("Invalid", "message", in(h.at(0, "")))
	h.refuse("ResourceNotFoundException", "log stream", &shape.PutLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("none"), LogEvents: many[:1]})
	if out := do[shape.PutLogEventsResponse](h, in(h.at(-24*time.Hour, "a"), h.at(0, "b"))); out.RejectedLogEventsInfo != nil || len(*out.NextSequenceToken) != 56 {
		t.Errorf("a good batch: %+v", out)
	}
	do[shape.PutLogEventsResponse](h, in(many[:10000]...))
	do[shape.PutLogEventsResponse](h, in(h.at(0, big)))
	wrong := in(h.at(0, "c"))
	wrong.SequenceToken = new("anything")
	do[shape.PutLogEventsResponse](h, wrong)

	day := 24 * time.Hour
	for _, x := range []struct {
		name   string
		events []shape.InputLogEvent
		retain int64
		old    *int64
		expire *int64
		late   *int64
	}{
		{"too old", []shape.InputLogEvent{h.at(-14*day-2, "a"), h.at(-14*day-time.Millisecond, "b"), h.at(-14*day, "c")}, 0, new(int64(2)), nil, nil},
		{"too new", []shape.InputLogEvent{h.at(0, "a"), h.at(2*time.Hour, "b"), h.at(2*time.Hour+time.Millisecond, "c")}, 0, nil, nil, new(int64(2))},
		{"expired", []shape.InputLogEvent{h.at(-day-time.Millisecond, "a"), h.at(-day, "b")}, 1, nil, new(int64(1)), nil},
		{"all expired", []shape.InputLogEvent{h.at(-20*day, "a"), h.at(-20*day, "b")}, 1, new(int64(2)), new(int64(2)), nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			name := strings.ReplaceAll(x.name, " ", "-")
			h.group(name)
			h.stream(name, "s")
			if x.retain != 0 {
				do[shape.PutRetentionPolicyOutput](h, &shape.PutRetentionPolicyRequest{LogGroupName: &name, RetentionInDays: &x.retain})
			}
			got := h.put(name, "s", x.events...).RejectedLogEventsInfo
			if !same(got.TooOldLogEventEndIndex, x.old) || !same(got.ExpiredLogEventEndIndex, x.expire) || !same(got.TooNewLogEventStartIndex, x.late) {
				t.Errorf("rejected %+v", got)
			}
			bad := deref(x.old)
			if x.expire != nil {
				bad = max(bad, *x.expire)
			}
			want := int64(len(x.events)) - bad
			if x.late != nil {
				want = *x.late
			}
			if n := len(h.read(name, "s", true, 0)); int64(n) != want {
				t.Errorf("%d events are there, want %d", n, want)
			}
		})
	}
}

func same(a, b *int64) bool { return (a == nil) == (b == nil) && deref(a) == deref(b) }

// read pages through a stream, from its head or its end, and follows the tokens until they stay.
func (h *house) read(group, stream string, head bool, limit int64) []string {
	h.t.Helper()
	in := &shape.GetLogEventsRequest{LogGroupName: &group, LogStreamName: &stream, StartFromHead: &head}
	if limit > 0 {
		in.Limit = &limit
	}
	var all []string
	for {
		out := do[shape.GetLogEventsResponse](h, in)
		var page []string
		for _, e := range out.Events {
			page = append(page, *e.Message)
		}
		next := out.NextForwardToken
		if head {
			all = append(all, page...)
		} else {
			all = append(page, all...)
			next = out.NextBackwardToken
		}
		if in.NextToken != nil && *in.NextToken == *next {
			if len(page) > 0 {
				h.t.Errorf("the token stays with %d events", len(page))
			}
			return all
		}
		in.NextToken = next
	}
}

// Batches come late, overlap and are of all sizes: every way to read gives what came, in the order of time and arrival.
func TestReadsWhatCame(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			h := open(t)
			h.group("g")
			type event struct {
				at, n   int64
				stream  string
				message string
			}
			var all []event
			for _, s := range []string{"s0", "s1", "s2"} {
				h.stream("g", s)
			}
			for i := range 60 {
				stream := fmt.Sprintf("s%d", r.IntN(3))
				base := time.Duration(r.IntN(5*3600)) * time.Second
				var batch []shape.InputLogEvent
				for range 1 + r.IntN(40) {
					size := 1 + r.IntN(200)
					if r.IntN(20) == 0 {
						size = 20000
					}
					e := h.at(-base, fmt.Sprintf("%d/%d %s", i, len(batch), strings.Repeat("é", size)))
					batch = append(batch, e)
					all = append(all, event{*e.Timestamp, int64(len(all)), stream, *e.Message})
					base -= time.Duration(r.IntN(3)*r.IntN(60)) * time.Second
				}
				h.put("g", stream, batch...)
			}
			slices.SortStableFunc(all, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
			for _, s := range []string{"s0", "s1", "s2"} {
				var want []string
				for _, e := range all {
					if e.stream == s {
						want = append(want, e.message)
					}
				}
				for _, head := range []bool{true, false} {
					for _, limit := range []int64{0, 30 + int64(r.IntN(50))} {
						if got := h.read("g", s, head, limit); !slices.Equal(got, want) {
							t.Errorf("%s from head %v by %d: %d events, want %d; or another order", s, head, limit, len(got), len(want))
						}
					}
				}
			}
			// A span of time: the start is in, the end is not.
			from, to := all[len(all)/3].at, all[2*len(all)/3].at
			var want []string
			for _, e := range all {
				if e.stream == "s1" && e.at >= from && e.at < to {
					want = append(want, e.message)
				}
			}
			for _, head := range []bool{true, false} {
				var got []string
				for _, e := range do[shape.GetLogEventsResponse](h, &shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s1"), StartTime: &from, EndTime: &to, StartFromHead: &head}).Events {
					got = append(got, *e.Message)
				}
				if size := len(strings.Join(want, "")); size < 1<<20 && !slices.Equal(got, want) {
					t.Errorf("of a span: %d events, want %d", len(got), len(want))
				}
			}
		})
	}
}

// Who follows a stream sees what comes after the last page, by the token of that page.
func TestFollow(t *testing.T) {
	h := open(t)
	h.group("g")
	h.stream("g", "s")
	in := &shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s"), StartFromHead: new(true)}
	for i := range 5 {
		out := do[shape.GetLogEventsResponse](h, in)
		if i > 0 && (len(out.Events) != 1 || *out.Events[0].Message != fmt.Sprint(i-1)) {
			t.Fatalf("at %d: %+v", i, out.Events)
		}
		in.NextToken = out.NextForwardToken
		again := do[shape.GetLogEventsResponse](h, in)
		if len(again.Events) != 0 || *again.NextForwardToken != *in.NextToken {
			t.Errorf("at the end: %+v", again)
		}
		if back := do[shape.GetLogEventsResponse](h, &shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s"), NextToken: again.NextBackwardToken}); len(back.Events) != i {
			t.Errorf("back from the end: %d events, want %d", len(back.Events), i)
		}
		h.put("g", "s", h.at(0, fmt.Sprint(i))) // all at the same millisecond
	}
	for _, bad := range []string{"f/1/s", "x/" + strings.Repeat("0", 56) + "/s", "f/" + strings.Repeat("9", 56) + "/s", "f/" + strings.Repeat("x", 56) + "/s", "f/" + strings.Repeat("0", 56)} {
		in.NextToken = &bad
		h.refuse("InvalidParameterException", "nextToken", in)
	}
}

// Small batches share blocks, so that a thousand of them are few rows.
func TestFewRows(t *testing.T) {
	h := open(t)
	h.group("g")
	h.stream("g", "s")
	for i := range 400 {
		h.put("g", "s", h.at(time.Duration(i)*time.Second, strings.Repeat("x", 100)))
	}
	var n []store.Row
	err := h.ledger.View(t.Context(), func(v store.View) (err error) {
		n, err = v.List(store.Query{AnyScope: true, Kind: rows.LogBlocks})
		return err
	})
	if err != nil || len(n) > 4 {
		t.Errorf("%d rows, %v", len(n), err)
	}
	for _, r := range n {
		if strings.Contains(string(r.Value), "xxxxxx") {
			t.Error("a message lies in clear")
		}
		h, err := logbook.ReadHead(r.Value)
		if err != nil || h.Last-h.First >= logbook.Span {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if got := h.read("g", "s", true, 0); len(got) != 400 {
		t.Errorf("%d events", len(got))
	}
}

// What has expired is not shown, whether or not it is still there.
func TestExpired(t *testing.T) {
	h := open(t)
	h.group("g")
	h.stream("g", "s")
	h.put("g", "s", h.at(-10*24*time.Hour, "old"))
	h.put("g", "s", h.at(0, "new"))
	do[shape.PutRetentionPolicyOutput](h, &shape.PutRetentionPolicyRequest{LogGroupName: new("g"), RetentionInDays: new(int64(7))})
	if got := h.read("g", "s", true, 0); len(got) != 1 || got[0] != "new" {
		t.Error(got)
	}
}
