package kms

import "sync"

// cache keeps up to limit values; when it is full, some make room. What it holds can always be read again.
type cache[T any] struct {
	mu    *sync.RWMutex
	held  map[string]T
	limit int
}

func newCache[T any](limit int) cache[T] {
	return cache[T]{mu: &sync.RWMutex{}, held: map[string]T{}, limit: limit}
}

func (c *cache[T]) get(k string) (T, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.held[k]
	return v, ok
}

func (c *cache[T]) put(k string, v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= c.limit {
		for old := range c.held { // any
			delete(c.held, old)
			if len(c.held) <= c.limit*7/8 {
				break
			}
		}
	}
	c.held[k] = v
}

// drop forgets all that gone says.
func (c *cache[T]) drop(gone func(k string, v T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, v := range c.held {
		if gone(k, v) {
			delete(c.held, k)
		}
	}
}
