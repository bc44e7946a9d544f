package comprehend

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/api/page"
	"cloister/internal/core/fault"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// filter is the one condition a List* call may set.
type filter struct {
	name, status  *string
	before, after *time.Time
	mirrored      bool // lists of its kind rise where those of the others fall
}

// rises says whether a list begins with the oldest. Source: Comprehend API Reference, the filters: what was submitted before a time is listed from
// the oldest, all else from the newest; of topics and recognisers it is told the other way round.
func (f filter) rises() bool {
	if f.mirrored {
		return f.after != nil
	}
	return f.before != nil
}

// query finds the jobs of a kind that are admitted: each condition is an index, or a span of ids, which begin with the time.
func (f filter) query(c *api.Call, kind string) store.Query {
	q := store.Query{Scope: c.Scope(), Term: store.Term{Name: "kind", Value: kind}, Reverse: !f.rises()}
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

// listing is a call for a list: who asks what, how much of it, and from where on.
type listing struct {
	c    *api.Call
	in   any
	most int
	from string // the last place that was told; empty: none
}

// most is how much of a list is given unasked. Source: Comprehend API Reference, MaxResults.
const most = 100

func listed(c *api.Call, in any) (listing, error) {
	var r struct {
		NextToken  *string
		MaxResults *int64
	}
	carry(&r, in)
	l := listing{c: c, in: in, most: most}
	if r.MaxResults != nil {
		l.most = int(*r.MaxResults)
	}
	if r.NextToken == nil {
		return l, nil
	}
	from, ok, err := page.Place(c, in, *r.NextToken)
	if err == nil && !ok {
		err = fault.New("InvalidRequestException", "The next token is not valid: it is not of this list with these conditions.")
	}
	l.from = from
	return l, err
}

// told writes the token into an answer that ends at a place, and is not the last.
func (l listing) told(out any, last string) error {
	token, err := page.Token(l.c, l.in, last)
	carry(out, &struct{ NextToken *string }{token})
	return err
}

// paged gives a page of what is there, in the order of its places, and writes the token into the answer.
func paged[T any](l listing, out any, all []T, rises bool, at func(*T) string) ([]T, error) {
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(at(&a), at(&b)) })
	all = slices.DeleteFunc(all, func(x T) bool {
		return l.from != "" && (rises && at(&x) <= l.from || !rises && at(&x) >= l.from)
	})
	if !rises {
		slices.Reverse(all)
	}
	if len(all) <= l.most {
		return all, nil
	}
	return all[:l.most], l.told(out, at(&all[l.most-1]))
}

// list gives the account's jobs of the kind, a page at a time.
func (k kind) list(c *api.Call, v store.View, in, out any) (any, error) {
	var r struct {
		Filter *struct {
			JobName, JobStatus                *string
			SubmitTimeBefore, SubmitTimeAfter *time.Time
		}
	}
	carry(&r, in)
	f := filter{mirrored: k.mirrored}
	if x := r.Filter; x != nil {
		f = filter{x.JobName, x.JobStatus, x.SubmitTimeBefore, x.SubmitTimeAfter, k.mirrored}
	}
	if err := f.single(); err != nil {
		return nil, err
	}
	at, err := listed(c, in)
	if err != nil {
		return nil, err
	}
	q := f.query(c, k.name)
	switch {
	case at.from == "":
	case q.Reverse && (q.Before == "" || at.from < q.Before):
		q.Before = at.from
	case !q.Reverse && at.from > q.After:
		q.After = at.from
	}
	q.Limit = at.most + 1
	items, err := rows.Jobs.List(v, q)
	if err != nil {
		return nil, err
	}
	if len(items) > at.most {
		items = items[:at.most]
		if err := at.told(out, items[at.most-1].ID); err != nil {
			return nil, err
		}
	}
	l := member(out, k.operation+"PropertiesList")
	l.Set(reflect.MakeSlice(l.Type(), len(items), len(items)))
	for i := range items {
		if _, err := k.shown(&items[i].Value, l.Index(i).Addr().Interface()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
