package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// wanted is one network as it should be.
type wanted struct {
	desired  fabric.Desired
	origins  map[netip.Addr]*api.Origin
	owner    store.Scope
	segment  bool
	snapshot *vpc.Snapshot // of a VPC with an internet gateway: the internet is drawn from it
}

// look brings want up to date and gives the networks that may have to be set, none of them by force. It is false when something could not be read: that
// keeps its old rules, and the others go on.
func (l *Loop) look(ctx context.Context) (map[string]bool, bool) {
	l.mu.Lock()
	stale := l.stale
	l.stale = map[string]bool{}
	l.looks++
	this := l.looks
	now := map[string]bool{}
	for id, n := range l.nets {
		if n.err != nil {
			now[id] = false
		}
	}
	l.mu.Unlock()
	m, ok, missed := l.mirror, true, map[string]error{}
	err := l.Store.View(ctx, func(v store.View) error {
		for kind := range stale {
			if err := m.read(v, kind); err != nil {
				missed[kind] = err
			}
		}
		m.spread()
		live := m.live()
		for id := range l.want {
			if _, there := live[id]; !there && !l.want[id].segment && id != vpc.InternetNetwork {
				m.dirty[vpc.InternetNetwork] = m.dirty[vpc.InternetNetwork] || l.want[id].snapshot != nil
				delete(l.want, id)
			}
		}
		for id, scope := range live {
			if _, drawn := l.want[id]; drawn && !m.dirty[id] {
				continue
			}
			if err := l.draw(v, scope, id); err != nil {
				l.complain(id, "cannot read a network", err)
				ok = false
				l.blind(id, true)
				continue // it stays dirty
			}
			l.blind(id, false)
			delete(m.dirty, id)
			now[id] = false
		}
		for id := range m.dirty {
			if _, there := live[id]; !there && id != vpc.InternetNetwork { // nothing sits there: nothing to draw
				delete(m.dirty, id)
			}
		}
		return nil
	})
	for kind, e := range missed {
		err = errors.Join(err, e)
		stale[kind] = true
	}
	if err != nil {
		l.mu.Lock()
		maps.Copy(l.stale, stale)
		l.mu.Unlock()
		if ctx.Err() == nil {
			l.Log.Error("cannot read the networks", "error", err)
		}
		ok = false
	} else {
		l.read = this
	}
	if m.dirty[vpc.InternetNetwork] {
		l.drawInternet()
		delete(m.dirty, vpc.InternetNetwork)
		now[vpc.InternetNetwork] = false
	}
	segments := l.wantedSegments()
	for id, w := range l.want {
		if _, there := segments[id]; w.segment && !there {
			delete(l.want, id)
		}
	}
	for id, w := range segments {
		if _, there := l.want[id]; !there {
			now[id] = false
		}
		l.want[id] = w
	}
	return now, ok
}

// blind notes whether a network's drawing is older than the tables.
func (l *Loop) blind(id string, unread bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.nets[id]; n != nil {
		n.unread = unread
	}
}

// draw reads a VPC and draws it.
func (l *Loop) draw(v store.View, scope store.Scope, id string) error {
	s, err := rows.Snapshot(v, scope, id)
	if err != nil {
		return err
	}
	in := map[string][]vpc.Interface{} // of the VPCs that peerings lead to
	for _, p := range s.Peers {
		if in[p.VPC] != nil {
			continue
		}
		all, err := rows.Interfaces.List(v, store.Query{AnyScope: true, Term: store.Term{Name: "vpc", Value: p.VPC}})
		if err != nil {
			return err
		}
		for _, e := range all {
			in[p.VPC] = append(in[p.VPC], e.Value)
		}
	}
	w := wanted{desired: fabric.Draw(s, 0), origins: origins(s, scope.Partition, in), owner: scope}
	if s.Internet != nil {
		w.snapshot = &s
	}
	if w.snapshot != nil || l.want[id].snapshot != nil {
		l.mirror.dirty[vpc.InternetNetwork] = true
	}
	l.want[id] = w
	return nil
}

// drawInternet draws the network that internet gateways lead to, while there is one.
func (l *Loop) drawInternet() {
	var all []vpc.Snapshot
	for _, w := range l.want {
		if w.snapshot != nil {
			all = append(all, *w.snapshot)
		}
	}
	if len(all) == 0 {
		delete(l.want, vpc.InternetNetwork)
		return
	}
	l.want[vpc.InternetNetwork] = wanted{desired: fabric.DrawInternet(all, l.mirror.exposed(), l.Uplink, 0),
		owner: store.Scope{Partition: l.Partition, Account: l.Account, Region: l.Region}}
}

// due are the networks whose turn it is to be set again: those that were set longest ago, so many at each step that all have had
// their turn within resync.
func (l *Loop) due() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const parts = int(resync / step)
	l.credit += len(l.nets)
	n := min(l.credit/parts, len(l.nets))
	l.credit %= parts
	all := slices.SortedFunc(maps.Keys(l.nets), func(a, b string) int { return cmp.Compare(l.nets[a].turn, l.nets[b].turn) })
	return all[:n]
}

// origins binds every address of the VPC's ports, and of those that a peering leads from, to what a request from it is told to
// be. An address that two peered VPCs have is nobody's: which of them a packet came from is not known.
func origins(s vpc.Snapshot, partition string, in map[string][]vpc.Interface) map[netip.Addr]*api.Origin {
	m := map[netip.Addr]*api.Origin{}
	bind := func(i *vpc.Interface, in []netip.Prefix, from *api.Sender) {
		if i.Attachment == nil {
			return
		}
		for _, a := range i.Addrs {
			if from != nil && !slices.ContainsFunc(in, func(p netip.Prefix) bool { return p.Contains(a) }) {
				continue // the peering does not lead there, and may hide nobody of another
			}
			_, taken := m[a]
			if m[a] = nil; !taken {
				m[a] = &api.Origin{Door: api.InVPC, Partition: partition, Account: s.VPC.Account, Region: s.VPC.Region,
					VPC: s.VPC.ID, Interface: i.ID, Subnet: i.Subnet, Sender: from}
			}
		}
	}
	for _, p := range s.Peers {
		for _, i := range in[p.VPC] {
			bind(&i, p.CIDRs, &api.Sender{Peering: p.ID, Account: i.Account, Region: i.Region, VPC: i.VPC})
		}
	}
	for a := range m { // no peer has an address of the VPC's own
		if m[a] == nil || slices.ContainsFunc(s.VPC.CIDRs, func(p netip.Prefix) bool { return p.Contains(a) }) {
			delete(m, a)
		}
	}
	for _, i := range s.Interfaces {
		bind(&i, nil, nil)
	}
	return m
}

// complain logs an error of a network once, and again when it is another.
func (l *Loop) complain(id, what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.nets[id]; n != nil {
		if n.told == err.Error() {
			return
		}
		n.told = err.Error()
	}
	l.Log.Error(what, "network", id, "error", err)
}
