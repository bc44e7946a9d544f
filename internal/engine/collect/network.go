package collect

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// network is one that stands. Only with a tap it is read.
type network struct {
	id      string
	drawing fabric.Desired
	tap     Tap
	feed    *feed
	cut     time.Time      // end of the last interval
	leaving bool           // it is being removed: its reader ends by itself
	drawn   fabric.Desired // what the book's map is of
	dark    time.Time      // since when it should be read and is not; zero: it is
	failed  bool           // since then it could not be
}

// feed is where a network's events arrive, whoever else is busy.
type feed struct {
	mu      sync.Mutex
	now     func() time.Time
	book    *flow.Book // nil: not yet begun
	early   []flow.Event
	lost    map[string]lost
	unnamed int // connections that vanished without their last figures
}

type lost struct{ times, packets uint64 }

func (f *feed) take(e flow.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.book == nil {
		f.early = append(f.early, e)
		return
	}
	f.apply(e)
}

func (f *feed) apply(e flow.Event) {
	switch {
	case e.Ended != nil:
		f.book.Ended(*e.Ended, f.now())
	case e.Refused != nil:
		f.book.Refused(*e.Refused)
	case e.Lost != nil:
		x := f.lost[e.Lost.What]
		f.lost[e.Lost.What] = lost{x.times + 1, x.packets + e.Lost.Packets}
		f.book.Missed()
	case e.Final != nil:
		f.unnamed += f.book.Read(e.Final, f.now())
	}
}

// follow begins to read a network that a log asks for, ends it where none does any more, and knows its newest drawing.
func (c *Collector) follow(ctx context.Context, n *network) error {
	watched := false
	for _, j := range c.logs {
		watched = watched || j.VPC == n.id
	}
	if !watched || c.shut || n.leaving {
		if n.tap != nil && !n.leaving {
			c.leave(n)
		}
		if !watched {
			n.dark = time.Time{}
		}
		return nil
	}
	if n.tap != nil && reflect.DeepEqual(n.drawn.Ports, n.drawing.Ports) && reflect.DeepEqual(n.drawn.Subnets, n.drawing.Subnets) && n.drawn.Resolver == n.drawing.Resolver {
		return nil
	}
	m, err := c.draw(ctx, n)
	if err != nil {
		return err
	}
	if n.tap != nil {
		n.feed.mu.Lock()
		n.feed.book.Redraw(m)
		n.feed.mu.Unlock()
		n.drawn = n.drawing
		return nil
	}
	if n.dark.IsZero() {
		n.dark = c.World.Now() // until the reader stands
	}
	f := &feed{now: c.World.Now, lost: map[string]lost{}}
	tap, err := c.Open(ctx, n.id, f.take)
	if err != nil {
		n.failed = true
		c.blind(n, m)
		return err
	}
	known, err := tap.Read()
	if err != nil {
		n.failed = true
		c.blind(n, m)
		return errors.Join(err, tap.Close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.book = flow.NewBook(m, c.World.Now(), known)
	for _, e := range f.early {
		f.apply(e)
	}
	if n.failed { // what went by meanwhile is told as missed
		c.blind(n, m)
	}
	n.tap, n.feed, n.cut, n.drawn, n.dark, n.failed, f.early = tap, f, c.World.Now(), n.drawing, time.Time{}, false, nil
	return nil
}

// blind tells the logs that a network was not read since it should have been.
func (c *Collector) blind(n *network, m *flow.Map) {
	for _, j := range c.logs {
		if j.VPC != n.id {
			continue
		}
		for _, x := range m.Interfaces() {
			if j.covers(x) {
				j.window.Skip(x, later(n.dark, j.window.Start()))
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// draw knows the interfaces of a network by what packets show of them.
func (c *Collector) draw(ctx context.Context, n *network) (*flow.Map, error) {
	about := map[string]flow.Interface{}
	region := ""
	err := c.Store.View(ctx, func(v store.View) error {
		q := store.Query{AnyScope: true, Term: store.Term{Name: "vpc", Value: n.id}}
		subs, err := rows.Subnets.List(v, q)
		if err != nil {
			return err
		}
		zones := map[string]string{}
		for _, s := range subs {
			zones[s.ID] = s.Value.ZoneID
		}
		enis, err := rows.Interfaces.List(v, q)
		for _, e := range enis {
			region = e.Scope.Region
			about[e.ID] = flow.Interface{Account: e.Scope.Account, VPC: n.id, Region: region, ZoneID: zones[e.Value.Subnet]}
		}
		return err
	})
	return flow.NewMap(n.drawing, about, flow.S3(vpc.ManagedPrefixes(region), region)), err
}

// read takes a reading, and says in the log what was missed since the last.
func (c *Collector) read(n *network) {
	all, err := n.tap.Read()
	f := n.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.book.Missed()
		c.Log.Error("cannot read the flows of a network", "network", n.id, "error", err)
		return
	}
	f.unnamed += f.book.Read(all, c.World.Now())
	c.confess(n)
}

// confess tells the daemon's log what records will tell as skipped.
func (c *Collector) confess(n *network) {
	for what, x := range n.feed.lost {
		c.Log.Warn("the kernel dropped records of flows", "network", n.id, "of", what, "times", x.times, "packets", x.packets)
	}
	clear(n.feed.lost)
	if n.feed.unnamed > 0 {
		c.Log.Warn("connections vanished without their last figures", "network", n.id, "count", n.feed.unnamed)
		n.feed.unnamed = 0
	}
}

// cut gives a network's interval to the logs.
func (c *Collector) cut(n *network, now time.Time) {
	if n.tap == nil {
		return
	}
	n.feed.mu.Lock()
	c.confess(n)
	iv := n.feed.book.Cut(now)
	n.feed.mu.Unlock()
	n.cut = now
	for _, j := range c.logs {
		if j.VPC == n.id {
			j.window.Take(iv, j.covers, j.Traffic)
		}
	}
}

func (c *Collector) leave(n *network) {
	if n.tap != nil {
		_ = n.tap.Close()
	}
	n.tap, n.feed = nil, nil
}
