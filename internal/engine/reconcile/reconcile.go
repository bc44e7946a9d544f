// Package reconcile keeps the kernel as the ledger draws it: read snapshots, draw, set, note what holds, again and again.
// It is level-triggered: it never acts on what happened, only on what is.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
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

// resync is how often everything is set again, whatever the ledger says.
const resync = 30 * time.Second

// retry is how soon what failed is tried again: until then a wall that was drawn does not stand, or an interface is closed.
const retry = time.Second

// Loop is the reconciler.
type Loop struct {
	store  store.Store
	fabric Fabric
	doors  Doors
	log    *slog.Logger
	kick   chan struct{}

	mu       sync.Mutex
	gen      int64
	nets     map[string]*network // what is set
	segments map[string]segment  // wanted service segments
	changed  chan struct{}       // closed and replaced after each pass
}

type segment struct{ port, account, region, partition string }

type network struct {
	desired fabric.Desired // what holds
	asked   fabric.Desired // what was last asked for
	status  fabric.Status
	origins map[netip.Addr]*api.Origin
	doors   map[string]io.Closer
	err     error
}

// New makes a loop; Run drives it.
func New(s store.Store, f Fabric, d Doors, log *slog.Logger) *Loop {
	return &Loop{store: s, fabric: f, doors: d, log: log, kick: make(chan struct{}, 1), nets: map[string]*network{},
		segments: map[string]segment{}, changed: make(chan struct{})}
}

// Run reconciles until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	watch := l.store.Watch(ctx, rows.VPCs.Kind, rows.Subnets.Kind, rows.Groups.Kind, rows.RouteTables.Kind, rows.Endpoints.Kind, rows.Interfaces.Kind,
		rows.Peerings.Kind)
	tick := time.NewTicker(resync)
	defer tick.Stop()
	full := true
	for {
		var again <-chan time.Time
		if !l.pass(ctx, full) {
			again = time.After(retry)
		}
		full = false
		select {
		case <-ctx.Done():
			l.closeAll()
			return
		case <-watch:
		case <-l.kick:
		case <-again:
		case <-tick.C:
			full = true
		}
	}
}

// wanted is one network as it should be.
type wanted struct {
	desired fabric.Desired
	origins map[netip.Addr]*api.Origin
}

// pass says whether all holds.
func (l *Loop) pass(ctx context.Context, full bool) bool {
	want, err := l.want(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Error("cannot read the networks", "error", err)
		}
		return false
	}
	for id, w := range want {
		l.settle(ctx, id, w, full)
	}
	l.mu.Lock()
	var gone []string
	for id := range l.nets {
		if _, ok := want[id]; !ok {
			gone = append(gone, id)
		}
	}
	l.mu.Unlock()
	for _, id := range gone {
		l.remove(ctx, id)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	for id, n := range l.nets {
		if _, ok := want[id]; !ok || n.err != nil {
			return false
		}
	}
	return true
}

// want draws every VPC in which something is attached, and the service segments. A VPC without ports costs nothing.
func (l *Loop) want(ctx context.Context) (map[string]wanted, error) {
	out := map[string]wanted{}
	err := l.store.View(ctx, func(v store.View) error {
		enis, err := rows.Interfaces.List(v, store.Query{AnyScope: true})
		if err != nil {
			return err
		}
		in := map[string][]vpc.Interface{} // by VPC
		for _, e := range enis {
			in[e.Value.VPC] = append(in[e.Value.VPC], e.Value)
		}
		for _, e := range enis {
			if _, done := out[e.Value.VPC]; done || e.Value.Attachment == nil {
				continue
			}
			s, err := rows.Snapshot(v, e.Scope, e.Value.VPC)
			if err != nil { // this one's old rules stay; the others go on
				l.log.Error("cannot read a network", "network", e.Value.VPC, "error", err)
				l.mu.Lock()
				if n := l.nets[e.Value.VPC]; n != nil {
					out[e.Value.VPC] = wanted{n.desired, n.origins}
				}
				l.mu.Unlock()
				continue
			}
			out[s.VPC.ID] = wanted{fabric.Draw(s, 0), origins(s, e.Scope.Partition, in)}
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, s := range l.segments {
		out[id] = wanted{fabric.Segment(id, s.port, 0), map[netip.Addr]*api.Origin{
			vpc.ServiceAddr: {Door: api.Service, Partition: s.partition, Account: s.account, Region: s.region, Interface: s.port},
		}}
	}
	return out, err
}

// origins binds every address of the VPC's ports, and of those that a peering leads from, to what a request from it is told to
// be. An address that two peered VPCs have is nobody's: which of them a packet came from is not known.
func origins(s vpc.Snapshot, partition string, in map[string][]vpc.Interface) map[netip.Addr]*api.Origin {
	m := map[netip.Addr]*api.Origin{}
	bind := func(i *vpc.Interface, from *api.Sender) {
		if i.Attachment == nil {
			return
		}
		for _, a := range i.Addrs {
			_, taken := m[a]
			if m[a] = nil; !taken {
				m[a] = &api.Origin{Door: api.InVPC, Partition: partition, Account: s.VPC.Account, Region: s.VPC.Region,
					VPC: s.VPC.ID, Interface: i.ID, Subnet: i.Subnet, Sender: from}
			}
		}
	}
	for _, p := range s.Peers {
		for _, i := range in[p.VPC] {
			bind(&i, &api.Sender{Peering: p.ID, Account: i.Account, Region: i.Region, VPC: i.VPC})
		}
	}
	for a := range m { // no peer has an address of the VPC's own
		if m[a] == nil || slices.ContainsFunc(s.VPC.CIDRs, func(p netip.Prefix) bool { return p.Contains(a) }) {
			delete(m, a)
		}
	}
	for _, i := range s.Interfaces {
		bind(&i, nil)
	}
	return m
}

func (l *Loop) settle(ctx context.Context, id string, w wanted, full bool) {
	l.mu.Lock()
	n := l.nets[id]
	if n == nil {
		n = &network{doors: map[string]io.Closer{}, origins: map[netip.Addr]*api.Origin{}}
		l.nets[id] = n
	}
	w.desired.Generation = n.desired.Generation
	same := n.err == nil && n.desired.Generation != 0 && reflect.DeepEqual(n.desired, w.desired)
	if same && !full {
		n.origins = w.origins // those behind a peering come and go without a change of the rules
		l.mu.Unlock()
		return
	}
	l.gen++
	w.desired.Generation = l.gen
	before := n.desired.Ports
	n.asked = w.desired
	// An address that changes its owner is nobody's until the new rules hold.
	for a, o := range n.origins {
		if now := w.origins[a]; now == nil || now.Interface != o.Interface {
			delete(n.origins, a)
		}
	}
	l.mu.Unlock()

	st, err := l.fabric.Set(ctx, w.desired)
	if err == nil && st.Err != "" {
		err = errors.New(st.Err)
	}
	for _, p := range before {
		if _, still := st.Ports[p.ID]; err == nil && !still {
			l.doors.Cut(p.ID)
		}
	}
	l.mu.Lock()
	n.err = err
	if err == nil {
		n.desired, n.status, n.origins = w.desired, st, w.origins
	}
	l.mu.Unlock()
	if err != nil { // the old rules stay, and it is tried again
		if ctx.Err() == nil {
			l.log.Error("cannot set a network", "network", id, "error", err)
		}
		return
	}
	l.open(ctx, id, n)
}

// open starts the listeners that the drawing names and closes those it names no more.
func (l *Loop) open(ctx context.Context, id string, n *network) {
	named := map[string]bool{}
	for _, li := range n.desired.Listeners {
		named[li.Name] = true
		if n.doors[li.Name] != nil {
			continue
		}
		c, err := l.doors.Open(ctx, id, li, func(a netip.Addr) *api.Origin {
			l.mu.Lock()
			defer l.mu.Unlock()
			return n.origins[a.Unmap()]
		})
		if err != nil {
			l.mu.Lock()
			n.err = fmt.Errorf("cannot listen for %s: %w", li.Name, err)
			l.mu.Unlock()
			l.log.Error("cannot listen in a network", "network", id, "listener", li.Name, "error", err)
			continue
		}
		n.doors[li.Name] = c
	}
	for name, c := range n.doors {
		if !named[name] {
			_ = c.Close()
			delete(n.doors, name)
		}
	}
}

func (l *Loop) remove(ctx context.Context, id string) {
	l.mu.Lock()
	n := l.nets[id]
	n.origins = map[netip.Addr]*api.Origin{}
	l.mu.Unlock()
	for _, c := range n.doors { // sockets of a namespace hold it
		_ = c.Close()
	}
	for _, p := range n.desired.Ports {
		l.doors.Cut(p.ID)
	}
	n.doors = map[string]io.Closer{}
	if err := l.fabric.Remove(ctx, id); err != nil {
		if ctx.Err() == nil {
			l.log.Error("cannot remove a network", "network", id, "error", err)
		}
		return
	}
	l.mu.Lock()
	delete(l.nets, id)
	l.mu.Unlock()
}

func (l *Loop) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.nets {
		for _, c := range n.doors {
			_ = c.Close()
		}
	}
}

// Kick asks for a pass soon.
func (l *Loop) Kick() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// WaitOpen returns when the interface's rules and link hold in the kernel and every listener of its network answers. It
// fails with what keeps it closed when ctx ends first.
func (l *Loop) WaitOpen(ctx context.Context, eni string) error {
	l.Kick()
	for {
		l.mu.Lock()
		ch, why := l.changed, "no network has it"
		for _, n := range l.nets {
			if s, ok := n.status.Ports[eni]; ok {
				if s == "" && n.err == nil {
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
