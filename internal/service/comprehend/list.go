package comprehend

import (
	"encoding/base64"
	"reflect"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// filter is the one condition a List* call may set.
type filter struct {
	name, status  *string
	before, after *time.Time
}

// query finds the jobs of a kind that are admitted: each condition is an index, or a span of ids, which begin with the time.
func (f filter) query(c *api.Call, kind string) store.Query {
	q := store.Query{Scope: c.Scope(), Term: store.Term{Name: "kind", Value: kind}, Reverse: true}
	switch {
	case f.name != nil:
		q.Term = store.Term{Name: "job-name", Value: kind + "/" + *f.name}
	case f.status != nil:
		q.Term = store.Term{Name: "state", Value: kind + "/" + *f.status}
	case f.before != nil: // times are told in milliseconds
		q.Before = stamp(f.before.Add(time.Millisecond - 1).UnixMilli())
	case f.after != nil:
		q.After = stamp(f.after.UnixMilli() + 1)
	}
	return q
}

// list gives the account's jobs of the kind, the newest first, a page at a time. The token names the last job given.
func (k kind) list(c *api.Call, v store.View, in, out any) (any, error) {
	var r struct {
		Filter *struct {
			JobName, JobStatus                *string
			SubmitTimeBefore, SubmitTimeAfter *time.Time
		}
		NextToken  *string
		MaxResults *int64
	}
	carry(&r, in)
	var f filter
	if x := r.Filter; x != nil {
		f = filter{x.JobName, x.JobStatus, x.SubmitTimeBefore, x.SubmitTimeAfter}
	}
	if err := f.single(); err != nil {
		return nil, err
	}
	q := f.query(c, k.name)
	if r.NextToken != nil {
		at, err := base64.RawURLEncoding.DecodeString(*r.NextToken)
		if err != nil || len(at) == 0 {
			return nil, fault.New("InvalidRequestException", "The next token is not valid.")
		}
		if q.Before == "" || string(at) < q.Before {
			q.Before = string(at)
		}
	}
	n := 100
	if r.MaxResults != nil {
		n = int(*r.MaxResults)
	}
	q.Limit = n + 1
	items, err := rows.Jobs.List(v, q)
	if err != nil {
		return nil, err
	}
	var next struct{ NextToken *string }
	if len(items) > n {
		items = items[:n]
		next.NextToken = new(base64.RawURLEncoding.EncodeToString([]byte(items[n-1].ID)))
	}
	l := member(out, k.operation+"PropertiesList")
	l.Set(reflect.MakeSlice(l.Type(), len(items), len(items)))
	for i := range items {
		if _, err := k.shown(&items[i].Value, l.Index(i).Addr().Interface()); err != nil {
			return nil, err
		}
	}
	carry(out, &next)
	return out, nil
}
