package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
)

// abreast is how many networks are set at once: one that is slow does not hold the others up.
const abreast = 4

// settleAll sets networks, those that are true although nothing changed.
func (l *Loop) settleAll(ctx context.Context, now map[string]bool) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, abreast)
	for id, force := range now {
		w, ok := l.want[id]
		if !ok {
			continue
		}
		slots <- struct{}{}
		l.turn++
		turn := l.turn
		wg.Go(func() {
			defer func() { <-slots }()
			l.settle(ctx, id, w, turn, force)
		})
	}
	wg.Wait()
}

func (l *Loop) settle(ctx context.Context, id string, w wanted, turn int64, force bool) {
	l.mu.Lock()
	n := l.nets[id]
	if n == nil {
		n = &network{doors: map[string]door{}, origins: map[netip.Addr]*api.Origin{}}
		l.nets[id] = n
	}
	n.turn = turn
	w.desired.Generation = n.desired.Generation
	same := n.err == nil && n.desired.Generation != 0 && reflect.DeepEqual(n.desired, w.desired)
	if same && !force {
		n.origins, n.look = w.origins, l.read // those behind a peering come and go without a change of the rules
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

	st, err := l.Fabric.Set(ctx, w.desired)
	if err == nil && st.Err != "" {
		err = errors.New(st.Err)
	}
	for _, p := range before {
		if _, still := st.Ports[p.ID]; err == nil && !still {
			l.Doors.Cut(p.ID)
		}
	}
	l.mu.Lock()
	n.err = err
	if err == nil {
		n.desired, n.status, n.origins, n.told, n.look = w.desired, st, w.origins, "", l.read
	}
	l.mu.Unlock()
	if st.Drift != "" {
		l.drifted(id, w, st.Drift)
	}
	if err != nil { // the old rules stay, and it is tried again
		if ctx.Err() == nil {
			l.complain(id, "cannot set a network", err)
		}
		return
	}
	l.open(ctx, id, n)
	l.tell()
}

// open starts the listeners that the drawing names and closes those it names no more.
func (l *Loop) open(ctx context.Context, id string, n *network) {
	all := n.desired.Listeners
	if n.desired.Catch != nil {
		all = append(all[:len(all):len(all)], *n.desired.Catch)
	}
	named := map[string]fabric.Listener{}
	for _, li := range all {
		named[li.Name] = li
	}
	for name, c := range n.doors {
		if li, ok := named[name]; !ok || li != c.at {
			_ = c.Close()
			delete(n.doors, name)
		}
	}
	for _, li := range all {
		if _, there := n.doors[li.Name]; there {
			continue
		}
		c, err := l.Doors.Open(ctx, id, li, func(a netip.Addr) *api.Origin {
			l.mu.Lock()
			defer l.mu.Unlock()
			return n.origins[a.Unmap()]
		})
		if err != nil {
			err = fmt.Errorf("cannot listen for %s: %w", li.Name, err)
			l.complain(id, "cannot listen in a network", err)
			l.mu.Lock()
			n.err = err
			l.mu.Unlock()
			continue
		}
		n.doors[li.Name] = door{c, li}
	}
}

func (l *Loop) remove(ctx context.Context, id string) bool {
	l.mu.Lock()
	n := l.nets[id]
	n.origins = map[netip.Addr]*api.Origin{}
	l.mu.Unlock()
	for _, c := range n.doors { // sockets of a namespace hold it
		_ = c.Close()
	}
	for _, p := range n.desired.Ports {
		l.Doors.Cut(p.ID)
	}
	n.doors = map[string]door{}
	if err := l.Fabric.Remove(ctx, id); err != nil {
		if ctx.Err() == nil {
			l.complain(id, "cannot remove a network", err)
		}
		return false
	}
	l.mu.Lock()
	delete(l.nets, id)
	l.mu.Unlock()
	return true
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

// drifted tells that somebody else changed the kernel, and that it is mended: in the log, and in the trail of the network's owner.
func (l *Loop) drifted(id string, w wanted, what string) {
	l.Log.Warn("a network had drifted and was mended", "network", id, "drift", what)
	text, err := json.Marshal(map[string]string{"network": id, "mended": what})
	if err != nil {
		return
	}
	e := &trail.Event{ID: l.World.UUID(), Time: l.World.Now(), RequestID: l.World.UUID(), Service: "cloister", Name: "NetworkDrift", Account: w.owner.Account,
		Recipient: w.owner.Account, Region: w.owner.Region, SourceIP: "cloister", Caller: trail.Caller{Type: "AWSService", InvokedBy: "cloister"}, Response: text}
	if !w.segment && id != vpc.InternetNetwork {
		e.VPC = id
		e.Resources = []string{"arn:" + w.owner.Partition + ":ec2:" + w.owner.Region + ":" + w.owner.Account + ":vpc/" + id}
	}
	l.mu.Lock()
	l.owed = append(l.owed, e)
	l.mu.Unlock()
}

// record writes down what drifted; what cannot be written stays owed.
func (l *Loop) record(ctx context.Context) bool {
	l.mu.Lock()
	owed := l.owed
	l.mu.Unlock()
	if len(owed) == 0 {
		return true
	}
	if err := l.Store.Append(ctx, owed...); err != nil {
		if ctx.Err() == nil {
			l.Log.Error("cannot record a drift", "error", err)
		}
		return false
	}
	l.mu.Lock()
	l.owed = l.owed[len(owed):]
	l.mu.Unlock()
	return true
}
