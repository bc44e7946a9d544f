package logs

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
)

// What one answer holds at most. Source: API reference, GetLogEvents and FilterLogEvents.
const (
	answerBytes  = 1 << 20
	answerEvents = 10000
)

func (s *Service) getLogEvents() api.Rower {
	return api.Op[shape.GetLogEventsRequest, shape.GetLogEventsResponse]{
		Name: "GetLogEvents", ReadOnly: true,
		Honours:   []string{"logGroupName", "logGroupIdentifier", "logStreamName", "startTime", "endTime", "nextToken", "limit", "startFromHead"},
		Questions: asked[shape.GetLogEventsRequest]("GetLogEvents"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.GetLogEventsRequest) (*shape.GetLogEventsResponse, error) {
			edge, forward, given, err := readEdge(in.NextToken)
			if err != nil {
				return nil, err
			}
			if !given {
				forward = deref(in.StartFromHead)
			}
			var out *shape.GetLogEventsResponse
			err = s.reading(ctx, c, func(v store.View) (store.Item[logbook.Group], error) {
				return either(c, v, in.LogGroupName, in.LogGroupIdentifier)
			},
				func(v store.View, g store.Item[logbook.Group], have keys) error {
					st, err := findStream(c, v, g.Value, in.LogStreamName)
					if err != nil {
						return err
					}
					w := s.walk(c, v, g, have, in.StartTime, in.EndTime)
					w.stream, w.backward = st.Value.ID, !forward
					switch {
					case given:
						w.after = edge.position(st.Value.ID, forward)
					case !forward:
						w.after = position{math.MaxInt64, "", 0}
					}
					out, err = page(w, in, edge)
					return err
				})
			return out, err
		},
	}
}

// page reads what goes into one answer.
func page(w *walk, in *shape.GetLogEventsRequest, edge edge) (*shape.GetLogEventsResponse, error) {
	limit := int64(answerEvents)
	if in.Limit != nil {
		limit = *in.Limit
	}
	var size int64
	var got []logbook.Event
	for int64(len(got)) < limit {
		e, _, err := w.next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
		if size += e.Size(); size > answerBytes && len(got) > 0 {
			break
		}
		got = append(got, *e)
	}
	if w.backward {
		slices.Reverse(got)
	}
	out := &shape.GetLogEventsResponse{Events: make([]shape.OutputLogEvent, len(got))}
	for i := range got {
		e := &got[i]
		out.Events[i] = shape.OutputLogEvent{Timestamp: &e.At, Message: &e.Message, IngestionTime: &e.Ingested}
	}
	// At an end the token is the one that was given.
	first, last := edge, edge
	if n := len(got); n > 0 {
		first, last = edgeOf(&got[0], false), edgeOf(&got[n-1], true)
	}
	out.NextForwardToken, out.NextBackwardToken = last.token("f/"), first.token("b/")
	return out, nil
}

// edge is a place in a stream: right before or after an event.
type edge struct {
	at, ordinal int64
	after       bool
}

func edgeOf(e *logbook.Event, after bool) edge { return edge{e.At, e.Ordinal, after} }

// position is the last place that is not read, forward or backward from the edge.
func (e edge) position(stream string, forward bool) position {
	p := position{e.at, stream, e.ordinal}
	switch {
	case forward && !e.after:
		p.ordinal--
	case !forward && e.after:
		p.ordinal++
	}
	return p
}

// token writes an edge as AWS's tokens look: a direction, 56 digits, and an s.
func (e edge) token(direction string) *string {
	n := new(big.Int).Lsh(big.NewInt(e.at), 65)
	low := new(big.Int).Lsh(big.NewInt(e.ordinal), 1)
	if e.after {
		low.SetBit(low, 0, 1)
	}
	return new(fmt.Sprintf("%s%056d/s", direction, n.Or(n, low)))
}

func readEdge(t *string) (e edge, forward, given bool, err error) {
	if t == nil {
		return e, false, false, nil
	}
	bad := invalid("The specified nextToken is invalid.")
	body, ok := strings.CutSuffix(*t, "/s")
	if forward = strings.HasPrefix(body, "f/"); !ok || !forward && !strings.HasPrefix(body, "b/") {
		return e, false, false, bad
	}
	n, ok := new(big.Int).SetString(body[2:], 10)
	if !ok || len(body) != 58 || n.Sign() < 0 || n.BitLen() > 65+62 {
		return e, false, false, bad
	}
	e.after = n.Bit(0) == 1
	low := new(big.Int).And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 65), big.NewInt(1)))
	e.ordinal, e.at = low.Rsh(low, 1).Int64(), n.Rsh(n, 65).Int64()
	if e.ordinal < 0 {
		return e, false, false, bad
	}
	return e, forward, true, nil
}

// walk begins a reading of a group. What has expired is not seen, though it may still be there.
func (s *Service) walk(c *api.Call, v store.View, g store.Item[logbook.Group], have keys, start, end *int64) *walk {
	w := &walk{v: v, group: g, keys: have, from: expiry(g.Value, v.Now()), to: math.MaxInt64, after: position{-1, "", 0}}
	w.open = func(id string) error {
		seal, err := sealOf(v, g, id)
		if err != nil {
			return err
		}
		if seal.Key != "" {
			return &locked{id}
		}
		have[id], err = s.open(context.Background(), c, "", &g.Value, id, seal)
		return err
	}
	if start != nil {
		w.from = max(w.from, *start)
	}
	if end != nil {
		w.to = *end
	}
	return w
}
