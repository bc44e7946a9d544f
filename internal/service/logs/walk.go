package logs

import (
	"container/heap"
	"fmt"
	"math"

	"cloister/internal/core/logbook"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// position is a place between events: all that sort before it lie on one side.
type position struct {
	at      int64 // ms since 1970
	stream  string
	ordinal int64
}

func (p position) less(o position) bool {
	if p.at != o.at {
		return p.at < o.at
	}
	if p.stream != o.stream {
		return p.stream < o.stream
	}
	return p.ordinal < o.ordinal
}

// cursor is a block on the way: closed until its turn comes.
type cursor struct {
	id     string
	head   logbook.Head
	stream string
	open   bool
	events []logbook.Event // forward the first is the next one, backward the last
}

// walk gives a group's events in the order of time, those of one time by stream and arrival. It reads a block only when its turn
// comes, so that what a reader does not ask for costs nothing but its head.
type walk struct {
	v        store.View
	group    store.Item[logbook.Group]
	keys     keys
	open     func(seal string) error // makes keys hold it; *locked when KMS must be asked
	want     func(stream string) bool
	stream   string // the only one, if not empty
	backward bool
	from, to int64    // from inclusive, to exclusive
	after    position // forward: nothing at it or before; backward: nothing at it or after

	heap   heaped
	page   []store.Row
	edge   string // id of the last block that was seen
	ended  bool
	opened int64 // bytes of events in blocks that were read
}

// pageRows is how many blocks are fetched at a time.
const pageRows = 32

// more fetches blocks; false if there are none.
func (w *walk) more() (bool, error) {
	if len(w.page) > 0 || w.ended {
		return len(w.page) > 0, nil
	}
	q := store.Query{Scope: w.group.Scope, Kind: rows.LogBlocks, Prefix: w.group.Value.ID + "/", Limit: pageRows, Reverse: w.backward,
		After: logbook.After(w.group.Value.ID, w.from-logbook.Span)}
	if w.to < math.MaxInt64 {
		q.Before = logbook.After(w.group.Value.ID, w.to)
	}
	if w.edge != "" && w.backward {
		q.Before = w.edge
	} else if w.edge != "" {
		q.After = w.edge
	}
	if w.stream != "" {
		q.Term = store.Term{Name: rows.LogStream, Value: w.stream}
	}
	var err error
	if w.page, err = w.v.List(q); err != nil {
		return false, err
	}
	if len(w.page) > 0 {
		w.edge = w.page[len(w.page)-1].ID
	}
	w.ended = len(w.page) < pageRows
	return len(w.page) > 0, nil
}

// next is the next event and its stream's id; nil at the end.
func (w *walk) next() (*logbook.Event, string, error) {
	w.heap.backward = w.backward
	for {
		some, err := w.more()
		if err != nil {
			return nil, "", err
		}
		if some {
			r := &w.page[0]
			h, err := logbook.ReadHead(r.Value)
			if err != nil {
				return nil, "", fmt.Errorf("cannot read the block %s: %w", r.ID, err)
			}
			// Its turn is now unless something else comes first: blocks come by their first event, and hold no more than a span.
			if len(w.heap.list) == 0 || !w.backward && h.First <= w.heap.list[0].first().at || w.backward && h.First+logbook.Span > w.heap.list[0].last().at {
				if stream := logbook.StreamOf(r.ID); h.Last >= w.from && h.First < w.to && (w.stream != "" || w.want(stream)) {
					heap.Push(&w.heap, &cursor{id: r.ID, head: h, stream: stream})
				}
				w.page = w.page[1:]
				continue
			}
		}
		if len(w.heap.list) == 0 {
			return nil, "", nil
		}
		c := w.heap.list[0]
		if !c.open {
			if err := w.read(c); err != nil {
				return nil, "", err
			}
			w.settle(c)
			continue
		}
		var e logbook.Event
		if w.backward {
			e, c.events = c.events[len(c.events)-1], c.events[:len(c.events)-1]
		} else {
			e, c.events = c.events[0], c.events[1:]
		}
		w.settle(c)
		return &e, c.stream, nil
	}
}

// settle puts the first cursor where it belongs after it has moved.
func (w *walk) settle(c *cursor) {
	if len(c.events) == 0 {
		heap.Pop(&w.heap)
	} else {
		heap.Fix(&w.heap, 0)
	}
}

// read opens a block and leaves out what is not asked for.
func (w *walk) read(c *cursor) error {
	if w.keys[c.head.Seal] == nil {
		if err := w.open(c.head.Seal); err != nil {
			return err
		}
	}
	all, err := c.head.Read(w.keys[c.head.Seal], c.id)
	if err != nil {
		return fmt.Errorf("cannot read the block %s: %w", c.id, err)
	}
	w.opened += c.head.Bytes
	c.head, c.open = logbook.Head{}, true
	at := func(i int) position { return position{all[i].At, c.stream, all[i].Ordinal} }
	lo, hi := 0, len(all)
	for lo < hi && (all[lo].At < w.from || !w.backward && !w.after.less(at(lo))) {
		lo++
	}
	for lo < hi && (all[hi-1].At >= w.to || w.backward && !at(hi-1).less(w.after)) {
		hi--
	}
	c.events = all[lo:hi]
	return nil
}

// first is where the events of a cursor begin that come forward, last where those begin that come backward: a closed block is before
// all of its own time, so that it is opened before any of them is told.
func (c *cursor) first() position {
	if !c.open {
		return position{c.head.First, "", -1}
	}
	return position{c.events[0].At, c.stream, c.events[0].Ordinal}
}

func (c *cursor) last() position {
	if !c.open {
		return position{c.head.Last, "\xff", math.MaxInt64}
	}
	e := &c.events[len(c.events)-1]
	return position{e.At, c.stream, e.Ordinal}
}

// heaped is a heap of cursors, the one whose event comes next first.
type heaped struct {
	list     []*cursor
	backward bool
}

func (h *heaped) Len() int      { return len(h.list) }
func (h *heaped) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *heaped) Push(x any)    { h.list = append(h.list, x.(*cursor)) }
func (h *heaped) Pop() any {
	n := len(h.list) - 1
	c := h.list[n]
	h.list = h.list[:n]
	return c
}
func (h *heaped) Less(i, j int) bool {
	if h.backward {
		return h.list[j].last().less(h.list[i].last())
	}
	return h.list[i].first().less(h.list[j].first())
}
