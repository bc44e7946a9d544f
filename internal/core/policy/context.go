package policy

import (
	"maps"
	"slices"
	"strings"
)

// Context holds the condition keys of one request. It is built once and then read only; copies share their values.
// The zero Context has no keys. Key names are compared ignoring case.
type Context struct{ entries []entry } // sorted by hash

type entry struct {
	hash   uint64
	lower  string
	name   string // as given, for explanations
	values []string
	multi  bool
}

// NewContext makes an empty context with room for n keys.
func NewContext(n int) Context { return Context{make([]entry, 0, n)} }

// Set gives a key its values. No values at all leave the key out: an empty set never stands in a context.
func (c *Context) Set(name string, values ...string) {
	lower := strings.ToLower(name)
	h := hashLower(lower)
	i, found := c.search(h, lower)
	if found {
		if len(values) == 0 {
			c.entries = slices.Delete(c.entries, i, i+1)
			return
		}
		c.entries[i].values, c.entries[i].multi = values, isMulti(lower, len(values))
		return
	}
	if len(values) > 0 {
		c.entries = slices.Insert(c.entries, i, entry{h, lower, name, values, isMulti(lower, len(values))})
	}
}

// Add gives a key one more value. Tags whose keys differ in case alone meet here: a comparison may match either.
func (c *Context) Add(name, value string) {
	lower := strings.ToLower(name)
	if i, found := c.search(hashLower(lower), lower); found {
		e := &c.entries[i]
		e.values = append(slices.Clip(e.values), value)
		e.multi = isMulti(lower, len(e.values))
		return
	}
	c.Set(name, value)
}

// With copies the context and adds the keys of one resource. An empty list leaves its key out.
func (c *Context) With(keys map[string][]string) Context {
	out := Context{make([]entry, len(c.entries), len(c.entries)+len(keys))}
	copy(out.entries, c.entries)
	var seen map[string]bool
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		lower := strings.ToLower(k)
		if tagKey(lower) && seen[lower] {
			for _, v := range keys[k] {
				out.Add(k, v)
			}
			continue
		}
		if tagKey(lower) {
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[lower] = true
		}
		if len(keys[k]) > 0 {
			out.Set(k, keys[k]...)
		}
	}
	return out
}

// Get gives the values of a key; nil when it is missing.
func (c *Context) Get(name string) []string {
	lower := strings.ToLower(name)
	if e := c.find(hashLower(lower), lower); e != nil {
		return e.values
	}
	return nil
}

// Len is the number of keys.
func (c *Context) Len() int { return len(c.entries) }

// All calls f for each key in alphabetical order, with the name as it was given.
func (c *Context) All(f func(name string, values []string)) {
	s := slices.Clone(c.entries)
	slices.SortFunc(s, func(a, b entry) int { return strings.Compare(a.lower, b.lower) })
	for _, e := range s {
		f(e.name, e.values)
	}
}

// isMulti tells a set from a single value. A key of unknown nature that was given several values is a set; a tag is not.
func isMulti(lower string, n int) bool { return multivalued(lower) || n > 1 && !tagKey(lower) }

func (c *Context) search(h uint64, lower string) (int, bool) {
	lo, hi := 0, len(c.entries)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.entries[m].hash < h {
			lo = m + 1
		} else {
			hi = m
		}
	}
	for ; lo < len(c.entries) && c.entries[lo].hash == h; lo++ {
		if c.entries[lo].lower == lower {
			return lo, true
		}
	}
	return lo, false
}

// find gives nil for a missing key and for one that somebody gave an empty set.
func (c *Context) find(h uint64, lower string) *entry {
	if i, ok := c.search(h, lower); ok && len(c.entries[i].values) > 0 {
		return &c.entries[i]
	}
	return nil
}

// hashLower is FNV-1a.
func hashLower(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// hashFold is hashLower of s in ASCII lower case, without making it.
func hashFold(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(lowerByte(s[i]))) * 1099511628211
	}
	return h
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
