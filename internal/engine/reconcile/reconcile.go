// Package reconcile keeps the kernel as the ledger draws it: read snapshots, draw, set, note what holds, again and again.
// It is level-triggered: it never acts on what happened, only on what is.
package reconcile

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/trail"
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

// Doors serve what arrives inside a network.
type Doors interface {
	// Open listens in a network. who names the origin of an address; nil means that nobody sits there.
	Open(ctx context.Context, network string, l fabric.Listener, who func(netip.Addr) *api.Origin) (io.Closer, error)
	// Cut closes every connection that is bound to an interface.
	Cut(eni string)
}

// Config is what a loop needs.
type Config struct {
	Store  store.Store
	Fabric Fabric
	Doors  Doors
	World  world.World
	Log    *slog.Logger
	// Uplink: the network that stands for the internet leads out of this host. The doors decide where to.
	Uplink bool
	// The owner of what belongs to no account, in the trail.
	Partition, Account, Region string
}

// resync is how often everything is set again, whatever the ledger says; step, how often a part of it is.
const (
	resync = 30 * time.Second
	step   = time.Second
)

// retry is how soon what failed is tried again: until then a wall that was drawn does not stand, or an interface is closed.
const retry = time.Second

// Loop is the reconciler.
type Loop struct {
	Config
	kick chan struct{}

	// Of the goroutine of Run alone.
	mirror *mirror
	want   map[string]wanted
	steps  int
	credit int   // networks times steps that nothing was set for
	turn   int64 // counts what was set
	read   int64 // the last look that read the tables

	mu       sync.Mutex
	looks    int64           // counts them
	done     int64           // the last look whose networks were all tried
	owed     []*trail.Event  // not recorded yet
	stale    map[string]bool // tables that may have changed
	gen      int64
	nets     map[string]*network // what is set
	segments map[string]segment  // wanted service segments
	changed  chan struct{}       // closed and replaced after each network that was set, and each pass
}

type segment struct{ port, account, region, partition string }

type network struct {
	desired fabric.Desired // what holds
	asked   fabric.Desired // what was last asked for
	status  fabric.Status
	origins map[netip.Addr]*api.Origin
	doors   map[string]door
	err     error
	told    string // the last error that was logged
	turn    int64
	look    int64 // the last for which it was tried
	unread  bool  // the drawing is older than the tables
}

type door struct {
	io.Closer
	at fabric.Listener
}

// New makes a loop; Run drives it.
func New(c Config) *Loop {
	l := &Loop{Config: c, kick: make(chan struct{}, 1), mirror: newMirror(), want: map[string]wanted{}, stale: map[string]bool{}, nets: map[string]*network{},
		segments: map[string]segment{}, changed: make(chan struct{})}
	l.soil()
	return l
}

// soil has every table read again.
func (l *Loop) soil() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.mirror.kinds {
		l.stale[k] = true
	}
}

// Run reconciles until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	for kind := range l.mirror.kinds {
		go func(ch <-chan struct{}) {
			for range ch {
				l.mu.Lock()
				l.stale[kind] = true
				l.mu.Unlock()
				l.Kick()
			}
		}(l.Store.Watch(ctx, kind))
	}
	tick := time.NewTicker(step)
	defer tick.Stop()
	ticked := false
	for {
		var again <-chan time.Time
		if !l.pass(ctx, ticked) {
			again = time.After(retry)
		}
		ticked = false
		select {
		case <-ctx.Done():
			l.closeAll()
			return
		case <-l.kick:
		case <-again:
		case <-tick.C:
			ticked = true
			if l.steps++; l.steps%int(resync/step) == 0 {
				l.soil() // another process may have written
			}
		}
	}
}

// pass says whether all holds. When it ticked, a part of the networks is set again although nothing changed: what others did to the
// kernel is found so.
func (l *Loop) pass(ctx context.Context, ticked bool) bool {
	now, ok := l.look(ctx)
	if ticked {
		for _, id := range l.due() {
			now[id] = true
		}
	}
	l.settleAll(ctx, now)
	l.mu.Lock()
	l.done = l.read
	var gone []string
	for id, n := range l.nets {
		if _, wanted := l.want[id]; !wanted {
			gone = append(gone, id)
		} else if n.err != nil {
			ok = false
		}
	}
	l.mu.Unlock()
	for _, id := range gone {
		ok = l.remove(ctx, id) && ok
	}
	l.tell()
	return l.record(ctx) && ok
}

// tell wakes those who wait for a network.
func (l *Loop) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Kick asks for a pass soon.
func (l *Loop) Kick() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// WaitOpen returns when the interface's rules and link hold in the kernel and every listener of its network answers. It
// fails with what keeps it closed when ctx ends first. What held before the call counts for nothing: the interface may have been
// taken away and made again since under the same id, and the kernel may have to do both still.
func (l *Loop) WaitOpen(ctx context.Context, eni string) error {
	l.mu.Lock()
	l.stale[rows.Interfaces.Kind] = true // whoever watches the table may not have been told yet
	since := l.looks + 1
	l.mu.Unlock()
	l.Kick()
	for {
		l.mu.Lock()
		ch, why := l.changed, "no network has it"
		for _, n := range l.nets {
			if s, ok := n.status.Ports[eni]; ok {
				if s == "" && n.err == nil && !n.unread && max(n.look, l.done) >= since {
					l.mu.Unlock()
					return nil
				}
				why = s
			}
			if n.err != nil && drawn(n.asked, eni) {
				why = n.err.Error()
			}
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot open %s: %s: %w", eni, why, ctx.Err())
		case <-ch:
		}
	}
}

func drawn(d fabric.Desired, eni string) bool {
	for _, p := range d.Ports {
		if p.ID == eni {
			return true
		}
	}
	return false
}

// OpenSegment gives a job without VpcConfig a network of its own and returns when it is open.
func (l *Loop) OpenSegment(ctx context.Context, id, port, partition, account, region string) error {
	l.mu.Lock()
	l.segments[id] = segment{port, account, region, partition}
	l.mu.Unlock()
	return l.WaitOpen(ctx, port)
}

// CloseSegment takes it away again.
func (l *Loop) CloseSegment(id string) {
	l.mu.Lock()
	delete(l.segments, id)
	l.mu.Unlock()
	l.Kick()
}

// wantedSegments draws the service segments.
func (l *Loop) wantedSegments() map[string]wanted {
	l.mu.Lock()
	segments := maps.Clone(l.segments)
	l.mu.Unlock()
	out := map[string]wanted{}
	for id, s := range segments {
		out[id] = wanted{desired: fabric.Segment(id, s.port, 0), segment: true, owner: store.Scope{Partition: s.partition, Account: s.account, Region: s.region},
			origins: map[netip.Addr]*api.Origin{vpc.ServiceAddr: {Door: api.Service, Partition: s.partition, Account: s.account, Region: s.region, Interface: s.port}}}
	}
	return out
}
