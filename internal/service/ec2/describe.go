package ec2

import (
	"encoding/base64"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
)

// found is a resource on its way to an answer.
type found[T any] struct {
	ID    string
	Value T
	Tags  map[string]string
}

// wanted is what every Describe call may say.
type wanted struct {
	ids     []string
	filters []shape.Filter
	max     *int64
	token   *string
}

// labelled is a view that answers for the tags of one kind's resources from one reading of them.
type labelled struct {
	store.View
	prefix string
	tags   map[string]map[string]string // by ARN
}

// Tags answers from what was read, and asks for what was not.
func (l labelled) Tags(arn string) (map[string]string, error) {
	if strings.HasPrefix(arn, l.prefix) {
		return l.tags[arn], nil
	}
	return l.View.Tags(arn)
}

// withTags reads the tags of all resources of a kind at once, where a call is about more than a few of them.
func withTags(c *api.Call, v store.View, k kind, ids []string) (store.View, error) {
	if len(ids) > 0 && len(ids) < 20 {
		return v, nil
	}
	l := labelled{View: v, prefix: k.arn(c, ""), tags: map[string]map[string]string{}}
	all, err := v.Tagged(store.TagQuery{Scope: c.Scope(), Prefix: l.prefix})
	for _, t := range all {
		l.tags[t.ARN] = t.Tags
	}
	return l, err
}

// describe lists the rows of a table: by ids (each must exist), by filters (values or, filters and), page by page.
func describe[T any](c *api.Call, v store.View, t store.Table[T], k kind, w wanted, fields map[string]func(*T) []string) ([]found[T], *string, error) {
	if len(w.ids) > 0 && w.max != nil {
		return nil, nil, fault.New("InvalidParameterCombination", "The parameter maxResults cannot be used with a list of IDs")
	}
	var all []found[T]
	whole := true
	if len(w.ids) == 0 {
		q := store.Query{Scope: c.Scope()}
		if len(w.filters) == 0 && w.max != nil && *w.max > 0 { // no more than the page, and one row to know that there is another
			after, err := position(w.token)
			if err != nil {
				return nil, nil, err
			}
			q.After, q.Limit, whole = after, int(min(*w.max, pageLimit))+1, false
		}
		items, err := t.List(v, q)
		if err != nil {
			return nil, nil, err
		}
		for _, it := range items {
			all = append(all, found[T]{ID: it.ID, Value: it.Value})
		}
	}
	ids := slices.Clone(w.ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		it, err := load(v, c, t, k, &id, k.name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found[T]{ID: it.ID, Value: it.Value})
	}
	if whole {
		var err error
		if v, err = withTags(c, v, k, w.ids); err != nil {
			return nil, nil, err
		}
	}
	for i := range all {
		tags, err := v.Tags(k.arn(c, all[i].ID))
		if err != nil {
			return nil, nil, err
		}
		all[i].Tags = tags
	}
	all, err := sift(all, w.filters, fields)
	if err != nil {
		return nil, nil, err
	}
	return page(all, w.max, w.token)
}

// sift keeps what passes every filter. A filter that nobody knows is refused: an ignored one would answer too much.
func sift[T any](all []found[T], filters []shape.Filter, fields map[string]func(*T) []string) ([]found[T], error) {
	for _, f := range filters {
		name := deref(f.Name)
		key, tag := strings.CutPrefix(name, "tag:")
		field := fields[name]
		if field == nil && !tag && name != "tag-key" && name != "tag-value" {
			return nil, invalid("The filter '%s' is invalid", name)
		}
		if len(f.Values) == 0 {
			return nil, invalid("The filter '%s' has no values", name)
		}
		kept := make([]found[T], 0, len(all))
		for _, x := range all {
			var vals []string
			switch {
			case field != nil:
				vals = field(&x.Value)
			case tag:
				if val, ok := x.Tags[key]; ok {
					vals = []string{val}
				}
			case name == "tag-key":
				for k := range x.Tags {
					vals = append(vals, k)
				}
			default:
				for _, val := range x.Tags {
					vals = append(vals, val)
				}
			}
			if slices.ContainsFunc(vals, func(s string) bool {
				return slices.ContainsFunc(f.Values, func(p string) bool { return glob(p, s) })
			}) {
				kept = append(kept, x)
			}
		}
		all = kept
	}
	return all, nil
}

// glob matches * and ? as filters do; a backslash takes the next character as it is. Case matters.
func glob(p, s string) bool {
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		switch {
		case pi < len(p) && p[pi] == '*':
			star, mark = pi, si
			pi++
		case pi < len(p) && p[pi] == '?':
			pi, si = pi+1, si+1
		case pi+1 < len(p) && p[pi] == '\\' && p[pi+1] == s[si]:
			pi, si = pi+2, si+1
		case pi < len(p) && p[pi] != '\\' && p[pi] == s[si]:
			pi, si = pi+1, si+1
		case star >= 0:
			mark++
			pi, si = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[pi:], "*") == ""
}

// pageLimit is the most that a page may hold.
const pageLimit = 1000

// position is the id after which a page begins; empty: at the start.
func position(token *string) (string, error) {
	if token == nil || *token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(b) < 2 || b[0] != '>' {
		return "", fault.New("InvalidNextToken", "The token '%s' is invalid", *token)
	}
	return string(b[1:]), nil
}

// page cuts a sorted list. The token names the last id that was answered, so that a page is right even if rows come and go.
func page[T any](all []found[T], most *int64, token *string) ([]found[T], *string, error) {
	after, err := position(token)
	if err != nil {
		return nil, nil, err
	}
	if after != "" {
		i, hit := slices.BinarySearchFunc(all, after, func(x found[T], id string) int { return strings.Compare(x.ID, id) })
		if hit {
			i++
		}
		all = all[i:]
	}
	if most == nil {
		return all, nil, nil
	}
	if *most < 5 || *most > pageLimit {
		return nil, nil, invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value between 5 and %d.", *most, pageLimit)
	}
	if int64(len(all)) <= *most {
		return all, nil, nil
	}
	all = all[:*most]
	next := base64.RawURLEncoding.EncodeToString([]byte(">" + all[len(all)-1].ID))
	return all, &next, nil
}

// describing are the questions of a Describe call: the action on everything.
func describing[I any](action string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, _ *I) ([]api.Question, error) { return ask(c, v, action).all().done() }
}

// describeMembers are what a Describe call honours besides its list of ids.
func describeMembers(more ...string) []string {
	return append([]string{"Filters.*", "MaxResults", "NextToken", "DryRun"}, more...)
}
