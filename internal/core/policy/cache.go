package policy

import "sync"

// Cache compiles each text once. It keeps the texts that were asked for lately, at most twice Size, and is safe for
// concurrent use. The zero Cache is ready. Documents are compiled with Read: they were judged when they were saved.
type Cache struct {
	Size int // texts a generation; 0: 1024

	mu         sync.RWMutex
	young, old map[cacheKey]*Document
}

type cacheKey struct {
	text string
	kind Kind
}

// Get compiles the text or gives what was compiled before. Errors are *SyntaxError and aren't kept.
func (c *Cache) Get(text string, kind Kind) (*Document, error) {
	k := cacheKey{text, kind}
	c.mu.RLock()
	d := c.young[k]
	aged := d == nil
	if aged {
		d = c.old[k]
	}
	c.mu.RUnlock()
	if d != nil && !aged {
		return d, nil
	}
	if d == nil {
		var err error
		if d, err = compile(text, kind, false); err != nil {
			return nil, err
		}
	}
	size := c.Size
	if size <= 0 {
		size = 1024
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= size {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = make(map[cacheKey]*Document, min(size, 64))
	}
	c.young[k] = d
	return d, nil
}
