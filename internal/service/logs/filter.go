package logs

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/logbook"
	"cloister/internal/core/pattern"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// scanBytes is how many bytes of events one call looks through: who searches for what is rare gets empty pages with a token, as on
// AWS, and no call holds a snapshot for long.
const scanBytes = 64 << 20

func (s *Service) filterLogEvents() api.Rower {
	return api.Op[shape.FilterLogEventsRequest, shape.FilterLogEventsResponse]{
		Name: "FilterLogEvents", ReadOnly: true,
		Honours: []string{"logGroupName", "logGroupIdentifier", "logStreamNames", "logStreamNamePrefix", "startTime", "endTime", "filterPattern", "nextToken", "limit",
			"interleaved"}, // which it always is, as on AWS since 2019
		Questions: asked[shape.FilterLogEventsRequest]("FilterLogEvents"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.FilterLogEventsRequest) (*shape.FilterLogEventsResponse, error) {
			p, err := compiled(in.FilterPattern)
			if err != nil {
				return nil, err
			}
			after, err := readPosition(in.NextToken)
			if err != nil {
				return nil, err
			}
			if in.LogStreamNames != nil && in.LogStreamNamePrefix != nil {
				return nil, invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
			}
			var end *int64
			if in.EndTime != nil && *in.EndTime < math.MaxInt64 { // it is the last time that is in
				end = new(*in.EndTime + 1)
			}
			var out *shape.FilterLogEventsResponse
			err = s.reading(ctx, c, func(v store.View) (store.Item[logbook.Group], error) {
				return either(c, v, in.LogGroupName, in.LogGroupIdentifier)
			},
				func(v store.View, g store.Item[logbook.Group], have keys) error {
					names, err := searched(v, g, in)
					if err != nil {
						return err
					}
					w := s.walk(c, v, g, have, in.StartTime, end)
					w.want = func(id string) bool { return names[id] != "" }
					for id := range names {
						if len(names) == 1 {
							w.stream = id
						}
					}
					if after != nil {
						w.after, w.from = *after, max(w.from, after.at)
					}
					out, err = search(w, names, p, in.Limit)
					return err
				})
			return out, err
		},
	}
}

func compiled(text *string) (*pattern.Pattern, error) {
	p, err := pattern.Compile(deref(text))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	return p, nil
}

// searched are the names of the streams that a call searches, by their ids. A name that no stream has is refused.
func searched(v store.View, g store.Item[logbook.Group], in *shape.FilterLogEventsRequest) (map[string]string, error) {
	names := map[string]string{}
	for i := range in.LogStreamNames {
		it, err := rows.LogStreams.Get(v, g.Scope, g.Value.ID+"/"+in.LogStreamNames[i])
		if err != nil {
			if notFound(err) {
				err = noStream()
			}
			return nil, err
		}
		names[it.Value.ID] = in.LogStreamNames[i]
	}
	if len(in.LogStreamNames) > 0 {
		return names, nil
	}
	all, err := rows.LogStreams.List(v, store.Query{Scope: g.Scope, Prefix: g.Value.ID + "/" + deref(in.LogStreamNamePrefix)})
	for _, it := range all {
		names[it.Value.ID] = streamName(it)
	}
	return names, err
}

// search gives a page of what matches.
func search(w *walk, names map[string]string, p *pattern.Pattern, wanted *int64) (*shape.FilterLogEventsResponse, error) {
	limit := answerEvents
	if wanted != nil {
		limit = int(*wanted)
	}
	out := &shape.FilterLogEventsResponse{Events: []shape.FilteredLogEvent{}, SearchedLogStreams: []shape.SearchedLogStream{}} // empty since 2020, says the reference
	if len(names) == 0 {
		return out, nil
	}
	var size int64
	last := w.after
	for {
		e, stream, err := w.next()
		if err != nil || e == nil {
			return out, err
		}
		if p.Match(e.Message) {
			if size += e.Size(); len(out.Events) == limit || size > answerBytes && len(out.Events) > 0 {
				out.NextToken = last.token()
				return out, nil
			}
			name := names[stream]
			out.Events = append(out.Events, shape.FilteredLogEvent{LogStreamName: &name, Timestamp: &e.At, Message: &e.Message, IngestionTime: &e.Ingested, EventId: eventID(e, stream)})
		}
		last = position{e.At, stream, e.Ordinal}
		if w.opened > scanBytes {
			out.NextToken = last.token()
			return out, nil
		}
	}
}

// eventID is 56 digits that stay with an event: its time, its stream and its place there.
func eventID(e *logbook.Event, stream string) *string {
	n := big.NewInt(e.At)
	id, _ := new(big.Int).SetString(stream, 16)
	if id == nil {
		id = new(big.Int)
	}
	n.Lsh(n, 64).Or(n, id)
	n.Lsh(n, 48).Or(n, big.NewInt(e.Ordinal&(1<<48-1)))
	return new(fmt.Sprintf("%056d", n))
}

// token is a position as a client carries it.
func (p position) token() *string {
	return new(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "1 %d %s %d", p.at, p.stream, p.ordinal)))
}

func readPosition(t *string) (*position, error) {
	text, err := readToken(t)
	if t == nil || err != nil {
		return nil, err
	}
	var p position
	if n, err := fmt.Sscanf(text, "1 %d %s %d", &p.at, &p.stream, &p.ordinal); n != 3 || err != nil {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &p, nil
}

func (s *Service) testMetricFilter() api.Rower {
	return api.Op[shape.TestMetricFilterRequest, shape.TestMetricFilterResponse]{
		Name: "TestMetricFilter", Honours: []string{"filterPattern", "logEventMessages"}, Questions: ask.Ask[shape.TestMetricFilterRequest](sheet, "TestMetricFilter"),
		View: func(_ *api.Call, _ store.View, in *shape.TestMetricFilterRequest) (*shape.TestMetricFilterResponse, error) {
			p, err := compiled(in.FilterPattern)
			if err != nil {
				return nil, err
			}
			out := &shape.TestMetricFilterResponse{Matches: []shape.MetricFilterMatchRecord{}}
			for i := range in.LogEventMessages {
				if got, ok := p.Extract(in.LogEventMessages[i]); ok {
					out.Matches = append(out.Matches, shape.MetricFilterMatchRecord{EventNumber: new(int64(i + 1)), EventMessage: &in.LogEventMessages[i], ExtractedValues: got})
				}
			}
			return out, nil
		},
	}
}
