// Package collect gathers the records of flow logs and brings them to where they were asked for. It stands between the
// reconciler and the fabric, so that a network is read before anything can send in it, and only while a flow log asks for it;
// what it was not told is told as skipped.
package collect

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// Fabric makes a kernel agree with a drawing.
type Fabric interface {
	Set(ctx context.Context, d fabric.Desired) (fabric.Status, error)
	Remove(ctx context.Context, network string) error
}

// Tap reads one network.
type Tap interface {
	Read() ([]flow.Connection, error) // all that live
	Close() error
}

// Calls is the gate: files are put by the service principal of log delivery, authorised and recorded.
type Calls interface {
	Invoke(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error)
}

// Config is what a collector needs.
type Config struct {
	Store  store.Store
	World  world.World
	Calls  Calls
	Fabric Fabric
	// Open begins to read a network that stands; events come to sink as they happen.
	Open func(ctx context.Context, network string, sink func(flow.Event)) (Tap, error)
	Log  *slog.Logger
	// Window is how long the shortest aggregation interval lasts, the longest ten times that. Zero: a minute.
	Window time.Duration
}

// beats is how often a window is read. Between two readings only the ends of connections and refusals are told.
const beats = 6

// Collector is a Fabric that reads what it sets.
type Collector struct {
	Config
	turn sync.Mutex // of beats and of changes to what is read
	nets map[string]*network
	logs map[string]*journal
	kick chan struct{} // there is something to deliver
	shut bool          // no more is read
}

// journal is one flow log.
type journal struct {
	vpc.FlowLog
	scope  store.Scope
	format *flow.Format
	window *flow.Window
}

func (j *journal) covers(x *flow.Interface) bool { return j.Covers(x.VPC, x.Subnet, x.ID) }

// New makes a collector; Run drives it.
func New(c Config) *Collector {
	if c.Window == 0 {
		c.Window = time.Minute
	}
	return &Collector{Config: c, nets: map[string]*network{}, logs: map[string]*journal{}, kick: make(chan struct{}, 1)}
}

// Set makes the kernel agree and reads the network from then on. What leaves is read before it does: afterwards nobody could
// say whose it was.
func (c *Collector) Set(ctx context.Context, d fabric.Desired) (fabric.Status, error) {
	c.turn.Lock()
	n := c.nets[d.Network]
	if n != nil && n.tap != nil && leaves(n.drawing, d) {
		c.read(n)
	}
	c.turn.Unlock()
	st, err := c.Fabric.Set(ctx, d)
	if err != nil || st.Err != "" {
		return st, err
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	if n = c.nets[d.Network]; n == nil {
		n = &network{id: d.Network}
		c.nets[d.Network] = n
		c.load(ctx) // a log may have been made since the last look
	}
	n.drawing = d
	if err := c.follow(ctx, n); err != nil && ctx.Err() == nil {
		c.Log.Error("cannot read the flows of a network", "network", n.id, "error", err)
	}
	return st, nil
}

// leaves reports whether a port goes, or an address of one.
func leaves(old, now fabric.Desired) bool {
	here := map[netip.Addr]string{}
	for _, p := range now.Ports {
		for _, a := range p.Addrs {
			here[a] = p.ID
		}
	}
	for _, p := range old.Ports {
		for _, a := range p.Addrs {
			if here[a] != p.ID {
				return true
			}
		}
	}
	return false
}

// Remove takes a network down. What was read of it goes to its logs.
func (c *Collector) Remove(ctx context.Context, id string) error {
	c.turn.Lock()
	n := c.nets[id]
	if n != nil {
		n.leaving = true
	}
	c.turn.Unlock()
	err := c.Fabric.Remove(ctx, id) // the last reading comes with it
	if n == nil {
		return err
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	n.leaving = false
	c.cut(n, c.World.Now())
	c.leave(n)
	if err == nil {
		delete(c.nets, id)
	}
	return err
}

// Begin takes up what an earlier daemon left, before anything stands: of the time between its last interval and its end nothing is
// known, unless it ended as it should.
func (c *Collector) Begin(ctx context.Context) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	return c.reload(ctx)
}

// Run collects until ctx ends; then what is there is written down and delivered, as far as that goes quickly.
func (c *Collector) Run(ctx context.Context) {
	watch := c.Store.Watch(ctx, rows.FlowLogs.Kind)
	sent := make(chan struct{})
	go func() { defer close(sent); c.deliveries(ctx) }()
	beat := c.Window / beats
	for ctx.Err() == nil {
		now := c.World.Now()
		next := time.NewTimer(now.Truncate(beat).Add(beat).Sub(now))
		select {
		case <-ctx.Done():
		case <-watch:
			c.turn.Lock()
			c.load(ctx)
			c.turn.Unlock()
		case <-next.C:
			c.beat(ctx, c.World.Now())
		}
		next.Stop()
	}
	<-sent
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*time.Second)
	defer cancel()
	c.end(last)
}

// beat reads every network that is read; at the end of an interval its records go to the logs.
func (c *Collector) beat(ctx context.Context, now time.Time) {
	c.turn.Lock()
	defer c.turn.Unlock()
	over := now.Truncate(c.Window)
	for _, n := range c.nets {
		if n.leaving {
			continue
		}
		if n.tap == nil { // no log asks, or it could not be read before
			if err := c.follow(ctx, n); err != nil && ctx.Err() == nil {
				c.Log.Error("cannot read the flows of a network", "network", n.id, "error", err)
			}
			continue
		}
		c.read(n)
		if n.cut.Before(over) {
			c.cut(n, now)
		}
	}
	var due []*journal
	for _, j := range c.logs {
		if j.window.Start().Before(now.Truncate(c.length(j))) {
			due = append(due, j)
		}
	}
	c.keep(ctx, due, now, false)
}

// length is how long a log's windows are.
func (c *Collector) length(j *journal) time.Duration {
	if j.Interval == 60 {
		return c.Window
	}
	return 10 * c.Window
}

func (c *Collector) end(ctx context.Context) {
	c.turn.Lock()
	now := c.World.Now()
	for _, n := range c.nets {
		if n.tap == nil || n.leaving {
			continue
		}
		c.read(n)
		c.cut(n, now)
		c.leave(n)
	}
	c.shut = true
	var all []*journal
	for _, j := range c.logs {
		all = append(all, j)
	}
	c.keep(ctx, all, now, true)
	c.turn.Unlock()
	c.deliver(ctx)
}
