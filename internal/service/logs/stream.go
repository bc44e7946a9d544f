package logs

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) createLogStream() api.Rower {
	return api.Op[shape.CreateLogStreamRequest, shape.CreateLogStreamOutput]{
		Name: "CreateLogStream", Honours: []string{"logGroupName", "logStreamName"}, Questions: ask.Ask[shape.CreateLogStreamRequest](sheet, "CreateLogStream"),
		Act: func(c *api.Call, tx store.Tx, in *shape.CreateLogStreamRequest) (*shape.CreateLogStreamOutput, error) {
			g, err := findGroup(c, tx, in.LogGroupName)
			if err != nil {
				return nil, err
			}
			c.Touch(streamARN(c, g.ID, deref(in.LogStreamName)))
			st := logbook.Stream{ID: c.Dice.Hex(16), Created: tx.Now()}
			err = rows.LogStreams.Create(tx, g.Scope, g.Value.ID+"/"+deref(in.LogStreamName), &st)
			if errors.Is(err, store.ErrConflict) {
				return nil, fault.New("ResourceAlreadyExistsException", "The specified log stream already exists")
			}
			return &shape.CreateLogStreamOutput{}, err
		},
	}
}

func (s *Service) deleteLogStream() api.Rower {
	return api.Op[shape.DeleteLogStreamRequest, shape.DeleteLogStreamOutput]{
		Name: "DeleteLogStream", Honours: []string{"logGroupName", "logStreamName"}, Questions: ask.Ask[shape.DeleteLogStreamRequest](sheet, "DeleteLogStream"),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteLogStreamRequest) (*shape.DeleteLogStreamOutput, error) {
			g, err := findGroup(c, tx, in.LogGroupName)
			if err != nil {
				return nil, err
			}
			st, err := findStream(c, tx, g.Value, in.LogStreamName)
			if err != nil {
				return nil, err
			}
			if g.Value.Protected {
				return nil, fault.New("ValidationException", "The log stream %s cannot be deleted: the deletion protection of its group is on.", *in.LogStreamName)
			}
			c.Touch(streamARN(c, g.ID, *in.LogStreamName))
			if err := rows.LogStreams.Delete(tx, g.Scope, st.ID); err != nil {
				return nil, err
			}
			return &shape.DeleteLogStreamOutput{}, rows.LogDoomed.Create(tx, g.Scope, g.Value.ID+"/"+st.Value.ID, &logbook.Doomed{At: tx.Now()})
		},
	}
}

func (s *Service) describeLogStreams() api.Rower {
	return api.Op[shape.DescribeLogStreamsRequest, shape.DescribeLogStreamsResponse]{
		Name:      "DescribeLogStreams",
		Honours:   []string{"logGroupName", "logGroupIdentifier", "logStreamNamePrefix", "orderBy", "descending", "nextToken", "limit"},
		Questions: ask.Ask[shape.DescribeLogStreamsRequest](sheet, "DescribeLogStreams"),
		View: func(c *api.Call, v store.View, in *shape.DescribeLogStreamsRequest) (*shape.DescribeLogStreamsResponse, error) {
			g, err := either(c, v, in.LogGroupName, in.LogGroupIdentifier)
			if err != nil {
				return nil, err
			}
			limit := 50
			if in.Limit != nil {
				limit = int(*in.Limit)
			}
			list := byName
			if deref(in.OrderBy) == "LastEventTime" {
				if in.LogStreamNamePrefix != nil {
					return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
				}
				list = byTime
			}
			page, more, err := list(v, g, deref(in.LogStreamNamePrefix), deref(in.Descending), in.NextToken, limit)
			if err != nil {
				return nil, err
			}
			out := &shape.DescribeLogStreamsResponse{LogStreams: []shape.LogStream{}, NextToken: more}
			for _, it := range page {
				out.LogStreams = append(out.LogStreams, described(c, g, it))
			}
			return out, nil
		},
	}
}

func described(c *api.Call, g store.Item[logbook.Group], it store.Item[logbook.Stream]) shape.LogStream {
	name := streamName(it)
	x := shape.LogStream{LogStreamName: &name, CreationTime: new(ms(it.Value.Created)), Arn: new(streamARN(c, g.ID, name)), StoredBytes: new(int64(0)), // as on AWS since 2019
		UploadSequenceToken: sequence(it.Value)}
	if it.Value.Events > 0 {
		x.FirstEventTimestamp, x.LastEventTimestamp, x.LastIngestionTime = new(it.Value.First), new(it.Value.Last), new(it.Value.Ingested)
	}
	return x
}

func streamName(it store.Item[logbook.Stream]) string {
	_, name, _ := strings.Cut(it.ID, "/")
	return name
}

type streams = []store.Item[logbook.Stream]

func byName(v store.View, g store.Item[logbook.Group], prefix string, descending bool, token *string, limit int) (streams, *string, error) {
	last, err := readToken(token)
	if err != nil {
		return nil, nil, err
	}
	q := store.Query{Scope: g.Scope, Prefix: g.Value.ID + "/" + prefix, Limit: limit + 1, Reverse: descending}
	if last != "" && descending {
		q.Before = g.Value.ID + "/" + last
	} else if last != "" {
		q.After = g.Value.ID + "/" + last
	}
	page, err := rows.LogStreams.List(v, q)
	if err != nil || len(page) <= limit {
		return page, nil, err
	}
	return page[:limit], writeToken(streamName(page[limit-1])), nil
}

// byTime sorts all streams by their last event; those without one are the oldest. The token is the one that was told last, and what
// happens between two pages may move a stream from one to the other, as on AWS.
func byTime(v store.View, g store.Item[logbook.Group], _ string, descending bool, token *string, limit int) (streams, *string, error) {
	last, err := readToken(token)
	if err != nil {
		return nil, nil, err
	}
	all, err := rows.LogStreams.List(v, store.Query{Scope: g.Scope, Prefix: g.Value.ID + "/"})
	if err != nil {
		return nil, nil, err
	}
	order := func(a, b store.Item[logbook.Stream]) int {
		n := cmp.Or(cmp.Compare(a.Value.Last, b.Value.Last), cmp.Compare(a.ID, b.ID))
		if descending {
			return -n
		}
		return n
	}
	slices.SortFunc(all, order)
	if last != "" {
		var was store.Item[logbook.Stream]
		at, name, ok := strings.Cut(last, " ")
		if was.Value.Last, err = number(at); err != nil || !ok {
			return nil, nil, invalid("The specified nextToken is invalid.")
		}
		was.ID = g.Value.ID + "/" + name
		i, found := slices.BinarySearchFunc(all, was, order)
		if found {
			i++
		}
		all = all[i:]
	}
	if len(all) <= limit {
		return all, nil, nil
	}
	end := all[limit-1]
	return all[:limit], writeToken(decimal(end.Value.Last) + " " + streamName(end)), nil
}
