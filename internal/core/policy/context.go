package policy

import (
	"maps"
	"slices"
	"strings"
)

// Context holds the condition keys of one request. It is built once and then read only: a plain copy shares its table,
// so whoever wants to add keys to a finished context takes With. The zero Context has no keys. Key names are compared ignoring case.
type Context struct {
	entries []entry
	// index is an open-addressed table of places in entries, counted from 1; its length is a power of two.
	index []uint32
}

type entry struct {
	hash   uint64
	lower  string
	name   string // as given, for explanations
	values []string
	multi  bool
}

// NewContext makes an empty context with room for n keys.
func NewContext(n int) Context {
	c := Context{entries: make([]entry, 0, n)}
	c.reindex(n)
	return c
}

// Set gives a key its values. No values at all leave the key out: an empty set never stands in a context.
func (c *Context) Set(name string, values ...string) {
	lower := strings.ToLower(name)
	h := hashLower(lower)
	e := c.find(h, lower)
	switch {
	case e != nil && len(values) > 0:
		e.values, e.multi = values, isMulti(lower, len(values))
	case e != nil:
		c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return e.lower == lower })
		c.reindex(len(c.entries))
	case len(values) > 0:
		c.entries = append(c.entries, entry{h, lower, name, values, isMulti(lower, len(values))})
		if 2*len(c.entries) > len(c.index) {
			c.reindex(2 * len(c.entries))
			return
		}
		c.place(len(c.entries))
	}
}

// reindex makes a table that is at most half full with n keys.
func (c *Context) reindex(n int) {
	size := 8
	for size < 2*n {
		size *= 2
	}
	c.index = make([]uint32, size)
	for i := range c.entries {
		c.place(i + 1)
	}
}

func (c *Context) place(n int) {
	mask := uint64(len(c.index) - 1)
	i := c.entries[n-1].hash & mask
	for c.index[i] != 0 {
		i = (i + 1) & mask
	}
	c.index[i] = uint32(n)
}

// Add gives a key one more value. Tags whose keys differ in case alone meet here: a comparison may match either.
func (c *Context) Add(name, value string) {
	lower := strings.ToLower(name)
	if e := c.find(hashLower(lower), lower); e != nil {
		e.values = append(slices.Clip(e.values), value)
		e.multi = isMulti(lower, len(e.values))
		return
	}
	c.Set(name, value)
}

// With copies the context and adds the keys of one resource. An empty list leaves its key out.
func (c *Context) With(keys map[string][]string) Context {
	out := Context{entries: make([]entry, len(c.entries), len(c.entries)+len(keys))}
	copy(out.entries, c.entries)
	out.reindex(len(c.entries) + len(keys))
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

// find gives nil for a missing key.
func (c *Context) find(h uint64, lower string) *entry {
	if len(c.index) == 0 {
		return nil
	}
	mask := uint64(len(c.index) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		n := c.index[i]
		if n == 0 {
			return nil
		}
		if e := &c.entries[n-1]; e.hash == h && e.lower == lower {
			return e
		}
	}
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
