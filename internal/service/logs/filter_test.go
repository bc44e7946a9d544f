package logs

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	shape "cloister/internal/shape/logs"
)

// filter follows the tokens and gives stream:message of each event.
func (h *house) filter(in *shape.FilterLogEventsRequest) (all []string, ids map[string]bool, pages int) {
	h.t.Helper()
	ids = map[string]bool{}
	for {
		out := do[shape.FilterLogEventsResponse](h, in)
		pages++
		for _, e := range out.Events {
			all = append(all, *e.LogStreamName+":"+*e.Message)
			ids[*e.EventId] = true
			if len(*e.EventId) != 56 {
				h.t.Errorf("event id %s", *e.EventId)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, ids, pages
		}
	}
}

func TestFilter(t *testing.T) {
	h := open(t)
	h.group("g")
	for _, s := range []string{"web/1", "web/2", "db"} {
		h.stream("g", s)
	}
	h.put("g", "web/1", h.at(0, "ERROR one"), h.at(2*time.Second, "INFO two"))
	h.put("g", "web/2", h.at(time.Second, "ERROR three"), h.at(3*time.Second, "ERROR four"))
	h.put("g", "db", h.at(-time.Hour, `{"level":"ERROR","ms":12}`))
	at := func(d time.Duration) *int64 { return new(h.now.Add(d).UnixMilli()) }
	for _, x := range []struct {
		name string
		in   shape.FilterLogEventsRequest
		want string
	}{
		{"all, in the order of time", shape.FilterLogEventsRequest{}, `db:{"level":"ERROR","ms":12} web/1:ERROR one web/2:ERROR three web/1:INFO two web/2:ERROR four`},
		{"a pattern", shape.FilterLogEventsRequest{FilterPattern: new("ERROR -four")}, `db:{"level":"ERROR","ms":12} web/1:ERROR one web/2:ERROR three`},
		{"a selector", shape.FilterLogEventsRequest{FilterPattern: new(`{ $.ms > 10 }`)}, `db:{"level":"ERROR","ms":12}`},
		{"a prefix", shape.FilterLogEventsRequest{LogStreamNamePrefix: new("web/"), FilterPattern: new("INFO")}, `web/1:INFO two`},
		{"names", shape.FilterLogEventsRequest{LogStreamNames: []string{"web/2", "db"}, FilterPattern: new("ERROR")}, `db:{"level":"ERROR","ms":12} web/2:ERROR three web/2:ERROR four`},
		{"a prefix that none has", shape.FilterLogEventsRequest{LogStreamNamePrefix: new("x")}, ``},
		{"both times are in", shape.FilterLogEventsRequest{StartTime: at(time.Second), EndTime: at(2 * time.Second)}, `web/2:ERROR three web/1:INFO two`},
		{"by ARN", shape.FilterLogEventsRequest{LogGroupIdentifier: new("arn:aws:logs:us-west-2:111122223333:log-group:g"), EndTime: at(-time.Second)}, `db:{"level":"ERROR","ms":12}`},
	} {
		if x.in.LogGroupIdentifier == nil {
			x.in.LogGroupName = new("g")
		}
		if got, _, _ := h.filter(&x.in); strings.Join(got, " ") != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
	h.refuse("InvalidParameterException", "Invalid character(s) in term 'a-b'", &shape.FilterLogEventsRequest{LogGroupName: new("g"), FilterPattern: new("a-b")})
	h.refuse("ResourceNotFoundException", "log stream", &shape.FilterLogEventsRequest{LogGroupName: new("g"), LogStreamNames: []string{"none"}})
	h.refuse("InvalidParameterException", "mutually exclusive", &shape.FilterLogEventsRequest{LogGroupName: new("g"), LogStreamNames: []string{"db"}, LogStreamNamePrefix: new("d")})
	h.refuse("InvalidParameterException", "nextToken", &shape.FilterLogEventsRequest{LogGroupName: new("g"), NextToken: new("eHg")})
	do[shape.DeleteLogStreamOutput](h, &shape.DeleteLogStreamRequest{LogGroupName: new("g"), LogStreamName: new("db")})
	if got, _, _ := h.filter(&shape.FilterLogEventsRequest{LogGroupName: new("g"), FilterPattern: new("level")}); got != nil {
		t.Errorf("of a deleted stream: %v", got)
	}
}

// Pages of every size give what came, once, in the order of time, whatever the order in which it came.
func TestFilterPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := open(t)
	h.group("g")
	type event struct {
		at   int64
		text string
	}
	var all []event
	for i := range 5 {
		h.stream("g", fmt.Sprint(i))
	}
	for i := range 50 {
		var batch []shape.InputLogEvent
		d, s := time.Duration(r.IntN(3600))*time.Second, r.IntN(5)
		for range 1 + r.IntN(30) {
			e := h.at(d, fmt.Sprintf("%d-%d %s", i, len(batch), strings.Repeat("x", r.IntN(3000))))
			batch = append(batch, e)
			all = append(all, event{*e.Timestamp, fmt.Sprint(s) + ":" + *e.Message})
			d += time.Duration(r.IntN(90)) * time.Second
		}
		h.put("g", fmt.Sprint(s), batch...)
	}
	for _, limit := range []int64{50, 333, 10000} {
		got, ids, pages := h.filter(&shape.FilterLogEventsRequest{LogGroupName: new("g"), Limit: &limit})
		if len(got) != len(all) || len(ids) != len(all) || limit < 100 && pages < len(all)/50 {
			t.Errorf("by %d: %d events, %d ids, want %d; %d pages", limit, len(got), len(ids), len(all), pages)
			continue
		}
		when := map[string]int64{}
		for _, e := range all {
			when[e.text] = e.at
		}
		if !slices.IsSortedFunc(got, func(a, b string) int { return cmp.Compare(when[a], when[b]) }) {
			t.Errorf("by %d: not in the order of time", limit)
		}
	}
}

func TestTestMetricFilter(t *testing.T) {
	h := open(t)
	out := do[shape.TestMetricFilterResponse](h, &shape.TestMetricFilterRequest{FilterPattern: new("[ip, code=4*]"), LogEventMessages: []string{"1.1.1.1 200", "2.2.2.2 404"}})
	if len(out.Matches) != 1 || *out.Matches[0].EventNumber != 2 || *out.Matches[0].EventMessage != "2.2.2.2 404" || out.Matches[0].ExtractedValues["$code"] != "404" {
		t.Errorf("%+v", out.Matches)
	}
	h.refuse("InvalidParameterException", "Invalid filter pattern", &shape.TestMetricFilterRequest{FilterPattern: new("[a"), LogEventMessages: []string{"x"}})
}

// BenchmarkFilter: a million events of a day, an hour of them searched, and all of them.
func BenchmarkFilter(b *testing.B) {
	h := open(b)
	h.group("g")
	h.stream("g", "s")
	const batches, each = 200, 5000
	for i := range batches {
		batch := make([]shape.InputLogEvent, each)
		for j := range batch {
			n := i*each + j
			batch[j] = h.at(-24*time.Hour+time.Duration(n)*86*time.Millisecond, fmt.Sprintf(`10.0.%d.%d - - "GET /documents/%d HTTP/1.1" %d %d`, n%7, n%251, n, 200+n%5*50, n%9973))
		}
		h.put("g", "s", batch...)
	}
	for name, from := range map[string]time.Duration{"all": 24 * time.Hour, "hour": time.Hour} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, _, _ := h.filter(&shape.FilterLogEventsRequest{LogGroupName: new("g"), FilterPattern: new(`"/documents/999999 "`), StartTime: new(h.now.Add(-from).UnixMilli())}); len(got) != 1 {
					b.Fatal(got)
				}
			}
		})
	}
}

// BenchmarkPut: 1,000 events a call.
func BenchmarkPut(b *testing.B) {
	h := open(b)
	h.group("g")
	h.stream("g", "s")
	batch := make([]shape.InputLogEvent, 1000)
	for j := range batch {
		batch[j] = h.at(time.Duration(j)*time.Millisecond, fmt.Sprintf(`10.0.%d.%d - - "GET /documents/%d HTTP/1.1" %d %d`, j%7, j%251, j, 200+j%5*50, j*7919%9973))
	}
	for b.Loop() {
		h.put("g", "s", batch...)
	}
}
