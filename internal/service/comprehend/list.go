package comprehend

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// filter is the one condition a List* call may set.
type filter struct {
	name, status  *string
	before, after *time.Time
}

// list gives the account's jobs of the kind, the newest first, a page at a time. The token names the last job given.
func (k kind) list(c *api.Call, v store.View, f filter, token *string, max *int64) ([]job.Job, *string, error) {
	set := 0
	for _, b := range []bool{f.name != nil, f.status != nil, f.before != nil || f.after != nil} {
		if b {
			set++
		}
	}
	if set > 1 || f.before != nil && f.after != nil {
		return nil, nil, fault.New("InvalidFilterException", "Only one filter can be set at a time.")
	}
	items, err := rows.Jobs.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "kind", Value: k.name}})
	if err != nil {
		return nil, nil, err
	}
	var js []job.Job
	for _, it := range items {
		j := it.Value
		at := j.Submitted.Truncate(time.Millisecond) // as Describe told it
		if f.name != nil && j.Name != *f.name || f.status != nil && string(j.State) != *f.status ||
			f.before != nil && !at.Before(*f.before) || f.after != nil && !at.After(*f.after) {
			continue
		}
		js = append(js, j)
	}
	slices.SortFunc(js, func(a, b job.Job) int { return strings.Compare(cursor(&b), cursor(&a)) })
	if token != nil {
		at, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, fault.New("InvalidRequestException", "The next token is not valid.")
		}
		i := slices.IndexFunc(js, func(j job.Job) bool { return cursor(&j) < string(at) })
		if i < 0 {
			i = len(js)
		}
		js = js[i:]
	}
	n := 100
	if max != nil {
		n = int(*max)
	}
	if len(js) <= n {
		return js, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(cursor(&js[n-1])))
	return js[:n], &next, nil
}

// cursor sorts jobs by time, then id.
func cursor(j *job.Job) string { return j.Submitted.UTC().Format("20060102150405.000000") + j.ID }

// tagged fails unless the ARN names something of ours that exists.
func tagged(c *api.Call, v store.View, arn *string) error {
	_, err := rows.Jobs.Find(v, c.Scope(), "arn", *arn)
	if isNotFound(err) {
		_, err = rows.Models.Find(v, c.Scope(), "arn", *arn)
	}
	if isNotFound(err) {
		_, err = rows.ModelEndpoints.Find(v, c.Scope(), "arn", *arn)
	}
	if isNotFound(err) {
		return fault.New("ResourceNotFoundException", "RESOURCE_NOT_FOUND: Could not find specified resource.")
	}
	return err
}

func tag(c *api.Call, tx store.Tx, arn *string, tags []shape.Tag) error {
	if err := tagged(c, tx, arn); err != nil {
		return err
	}
	old, err := tx.Tags(*arn)
	if err != nil {
		return err
	}
	m := map[string]string{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return fault.New("InvalidRequestException", "Tag keys starting with \"aws:\" are reserved for AWS.")
		}
		m[*t.Key] = deref(t.Value)
		delete(old, *t.Key)
	}
	if len(old)+len(m) > 50 {
		return fault.New("TooManyTagsException", "A resource can have at most 50 tags.")
	}
	c.Touch(*arn)
	return tx.SetTags(*arn, c.Scope(), m)
}

func shapeTags(m map[string]string) []shape.Tag {
	out := []shape.Tag{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		val := m[k]
		out = append(out, shape.Tag{Key: &k, Value: &val})
	}
	return out
}
