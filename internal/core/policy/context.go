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
	// slots holds the frequent keys' places in entries, counted from 1.
	slots [len(frequent)]uint32
	// index is an open-addressed table of the other keys' places; its length is a power of two.
	index []uint32
}

type entry struct {
	keyName
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
	c.set(nameKey(name), name, values)
}

func (c *Context) set(k keyName, name string, values []string) {
	e := c.find(&k)
	switch {
	case e != nil && len(values) > 0:
		e.values, e.multi = values, isMulti(k.lower, len(values))
	case e != nil:
		c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return e.lower == k.lower })
		c.reindex(len(c.entries))
	case len(values) > 0:
		c.entries = append(c.entries, entry{k, name, values, isMulti(k.lower, len(values))})
		if 2*len(c.entries) > len(c.index) {
			c.reindex(2 * len(c.entries))
			return
		}
		c.enter(len(c.entries))
	}
}

// reindex makes a table that is at most half full with n keys.
func (c *Context) reindex(n int) {
	size := 8
	for size < 2*n {
		size *= 2
	}
	c.index, c.slots = make([]uint32, size), [len(frequent)]uint32{}
	for i := range c.entries {
		c.enter(i + 1)
	}
}

// enter makes the n-th entry findable.
func (c *Context) enter(n int) {
	k := &c.entries[n-1].keyName
	if k.slot != 0 {
		c.slots[k.slot] = uint32(n)
		return
	}
	mask := uint64(len(c.index) - 1)
	i := k.hash & mask
	for c.index[i] != 0 {
		i = (i + 1) & mask
	}
	c.index[i] = uint32(n)
}

// Add gives a key one more value. Tags whose keys differ in case alone meet here (see condition.holds).
func (c *Context) Add(name, value string) {
	k := nameKey(name)
	if e := c.find(&k); e != nil {
		e.values = append(slices.Clip(e.values), value)
		e.multi = isMulti(k.lower, len(e.values))
		return
	}
	c.set(k, name, []string{value})
}

// With copies the context and adds the keys of one resource. An empty list leaves its key out.
func (c *Context) With(keys map[string][]string) Context {
	room := len(c.entries) + len(keys) + 8 // what the caller adds costs no second copy
	out := Context{entries: make([]entry, len(c.entries), room)}
	copy(out.entries, c.entries)
	out.reindex(room)
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
	k := nameKey(name)
	if e := c.find(&k); e != nil {
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
func (c *Context) find(k *keyName) *entry {
	if k.slot == 0 {
		return c.search(k)
	}
	if n := c.slots[k.slot]; n != 0 {
		return &c.entries[n-1]
	}
	return nil
}

func (c *Context) search(k *keyName) *entry {
	if len(c.index) == 0 {
		return nil
	}
	mask := uint64(len(c.index) - 1)
	for i := k.hash & mask; ; i = (i + 1) & mask {
		n := c.index[i]
		if n == 0 {
			return nil
		}
		if e := &c.entries[n-1]; e.hash == k.hash && e.lower == k.lower {
			return e
		}
	}
}

// hashLower is FNV-1a.
func hashLower(s string) uint64 {
	h := uint64(hashStart)
	for i := 0; i < len(s); i++ {
		h = hashByte(h, s[i])
	}
	return h
}

const hashStart = 14695981039346656037

func hashByte(h uint64, c byte) uint64 { return (h ^ uint64(c)) * 1099511628211 }

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
