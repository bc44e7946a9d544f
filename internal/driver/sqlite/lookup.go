package sqlite

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// lookup reads events by time, the newest first. Equal terms stand in the index in the order of time: each term asked for is a strand,
// read as far as it must be, and the strands are merged with what the index does not have yet.
func (v *view) lookup(q store.TrailQuery) ([]trail.Event, error) {
	terms, err := v.strands(q)
	if err != nil {
		return nil, err
	}
	_, indexed, err := v.state()
	if err != nil {
		return nil, err
	}
	var out []trail.Event
	for _, name := range terms {
		es, err := v.strand(q, name)
		if err != nil {
			return nil, err
		}
		out = append(out, es...)
	}
	young, err := v.young(q, terms, indexed)
	if err != nil {
		return nil, err
	}
	out = append(out, young...)
	slices.SortFunc(out, func(a, b trail.Event) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Seq, a.Seq)) })
	out = slices.CompactFunc(out, func(a, b trail.Event) bool { return a.Seq == b.Seq })
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, nil
}

// found reads the events of a request or a resource in the order of their sequence.
func (v *view) found(q store.TrailQuery) ([]trail.Event, error) {
	all := q
	all.Limit, all.ByTime = 0, true
	out, err := v.lookup(all)
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(e trail.Event) bool {
		return q.AfterSeq > 0 && e.Seq <= q.AfterSeq || q.BeforeSeq > 0 && e.Seq >= q.BeforeSeq
	})
	slices.SortFunc(out, func(a, b trail.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	if q.Reverse {
		slices.Reverse(out)
	}
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, nil
}

// strands are the terms that together have all that is asked for: one that is narrow, in each region.
func (v *view) strands(q store.TrailQuery) ([]string, error) {
	switch {
	case q.RequestID != "":
		return []string{"request/" + q.RequestID}, nil
	case q.Resource != "":
		return []string{"arn/" + q.Resource}, nil
	}
	regions := []string{q.Region}
	if q.Region == "" {
		var err error
		if regions, err = v.regions(); err != nil {
			return nil, err
		}
	}
	managed := q.Management || q.ReadOnly != nil
	var out []string
	for _, r := range regions {
		switch {
		case q.Kind != "":
			out = append(out, term("kind", q.Kind, r))
		case managed && q.AccessKey != "":
			out = append(out, term("key", q.AccessKey, r))
		case managed && q.User != "":
			out = append(out, term("user", q.User, r))
		case managed && q.Name != "":
			out = append(out, term("name", q.Name, r))
		case managed && q.Service != "":
			out = append(out, term("service", q.Service, r))
		default:
			for c := trail.Write; c <= trail.Data; c++ {
				if match(q, c == trail.Read, c) {
					out = append(out, classTerm(c, r))
				}
			}
		}
	}
	return out, nil
}

// regions lists those that there are events of, by one step through the index for each.
func (v *view) regions() ([]string, error) {
	seen := map[string]bool{}
	for c := trail.Write; c <= trail.Data; c++ {
		prefix := "class/" + strconv.Itoa(int(c)) + " "
		for after := prefix; ; {
			var next *string
			if _, err := v.one("select min(name) from trail_terms where name >= ? and name < ?", []any{after, successor(prefix)}, &next); err != nil {
				return nil, err
			}
			if next == nil {
				break
			}
			seen[strings.TrimPrefix(*next, prefix)] = true
			after = *next + "\x00"
		}
	}
	_, indexed, err := v.state()
	if err != nil {
		return nil, err
	}
	err = v.rows("select distinct j.value from trail e, json_each(e.terms) j where e.seq > ? and j.value like 'class/%'", []any{indexed}, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		_, r, _ := strings.Cut(name, " ")
		seen[r] = true
		return err
	})
	var out []string
	for r := range seen {
		out = append(out, r)
	}
	slices.Sort(out)
	return out, err
}

// match says whether events of a class are asked for.
func match(q store.TrailQuery, read bool, c trail.Class) bool {
	switch {
	case q.ReadOnly != nil:
		return c != trail.Data && read == *q.ReadOnly
	case q.Management || q.Kind != "":
		return c != trail.Data
	}
	return true
}

// wanted says whether an event is what is asked for beyond its term.
func wanted(q store.TrailQuery, e *trail.Event) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(q.Account, e.Recipient) && is(q.RequestID, e.RequestID) && is(q.Region, e.Region) && is(q.Name, e.Name) && is(q.Service, e.Service) && is(q.User, e.User()) &&
		is(q.AccessKey, e.Caller.AccessKey) && match(q, e.ReadOnly, e.Class())
}

// strandChunk is how many events of a strand are read at a time, when no limit says less.
const strandChunk = 1000

// strand reads the events of a term that are wanted, up to the limit.
func (v *view) strand(q store.TrailQuery, name string) ([]trail.Event, error) {
	var out []trail.Event
	for {
		size := strandChunk
		if q.Limit > 0 && q.Limit < size {
			size = q.Limit
		}
		text, args := strandSQL(q, name, size)
		es, err := v.events(text, args)
		if err != nil {
			return nil, err
		}
		for i := range es {
			if wanted(q, &es[i]) {
				out = append(out, es[i])
			}
		}
		if len(es) < size || q.Limit > 0 && len(out) >= q.Limit {
			return out, nil
		}
		last := es[len(es)-1]
		q.Before = store.Moment{Time: last.Time, Seq: last.Seq}
	}
}

func strandSQL(q store.TrailQuery, name string, limit int) (string, []any) {
	var c clause
	c.and("x.name = ?", name)
	if q.Account != "" {
		c.and("x.recipient = ?", q.Account)
	}
	if !q.From.IsZero() {
		c.and("x.time >= ?", q.From.UnixMicro())
	}
	to := q.To
	if !q.Before.Time.IsZero() {
		at := q.Before.Time.UnixMicro()
		c.and("(x.time < ? or x.seq < ?)", at, q.Before.Seq)
		if to.IsZero() || q.Before.Time.Before(to) {
			to = q.Before.Time
		}
	}
	if !to.IsZero() {
		c.and("x.time <= ?", to.UnixMicro())
	}
	return "select e.seq, e.event from trail_terms x cross join trail e on e.seq = x.seq" + c.where() + " order by x.time desc, x.seq desc" + c.limit(limit), c.args
}

// young reads the events that the index does not have yet.
func (v *view) young(q store.TrailQuery, terms []string, indexed int64) ([]trail.Event, error) {
	var c clause
	c.and("seq > ?", indexed)
	if q.Account != "" {
		c.and("recipient = ?", q.Account)
	}
	c.span(q)
	if !q.Before.Time.IsZero() {
		at := q.Before.Time.UnixMicro()
		c.and("time <= ?", at)
		c.and("(time < ? or seq < ?)", at, q.Before.Seq)
	}
	if len(terms) == 0 {
		return nil, nil
	}
	args := make([]any, len(terms))
	for i, t := range terms {
		args[i] = t
	}
	c.and("exists (select 1 from json_each(terms) where value in (?"+strings.Repeat(", ?", len(terms)-1)+"))", args...)
	es, err := v.events("select seq, event from trail"+c.where(), c.args)
	return slices.DeleteFunc(es, func(e trail.Event) bool { return !wanted(q, &e) }), err
}
