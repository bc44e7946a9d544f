package flow

import (
	"net/netip"
	"time"

	"cloister/internal/core/fabric"
)

// Key tells records of one interval apart.
type Key struct {
	Interface                string
	Src, Dst, PktSrc, PktDst netip.Addr
	SrcPort, DstPort         uint16
	Proto                    uint8
	Reject, Egress           bool
	Path                     Path
}

// Status is a record's log-status.
type Status uint8

// The statuses.
const (
	OK Status = iota
	NoData
	SkipData
)

// Record is one line of a log. Those that are not OK have no flow.
type Record struct {
	Key
	Of                     *Interface
	Count                  Count
	Start, End             time.Time
	Flags                  uint8
	Status                 Status
	SrcService, DstService string
}

// Book keeps the records of one network's open interval. It is not safe for concurrent use.
type Book struct {
	m       *Map
	since   time.Time // beginning of the interval
	read    time.Time // last full reading
	live    map[id]*live
	records map[Key]*Record
	gone    map[string]*Interface // by link name: their last packets may still be told
	present map[string]*Interface // of this interval
	skipped map[string]bool       // interfaces of which something was missed; "" stands for all
	open    map[Tuple][]*refusals // since the last reading
	unlike  int                   // refusals in open
	late    map[debt]Count        // refused packets that the tracker has counted, until its totals are read
}

type id struct {
	id   uint32
	orig Tuple
}

type live struct {
	c       Connection // as last read
	way     [2]way
	quiet   bool // unlogged
	flags   [2]uint8
	missing int // readings that did not have it
	seen    bool
}

// NewBook opens a book. known are the connections that were there before: only what they carry from now on is recorded.
func NewBook(m *Map, now time.Time, known []Connection) *Book {
	b := &Book{m: m, since: now, read: now, live: map[id]*live{}, records: map[Key]*Record{}, gone: map[string]*Interface{},
		present: map[string]*Interface{}, skipped: map[string]bool{}, late: map[debt]Count{}, open: map[Tuple][]*refusals{}}
	for _, c := range known {
		b.live[id{c.ID, c.Orig}] = b.meet(c)
	}
	b.Redraw(m)
	return b
}

// Redraw takes a new map. Interfaces that leave are remembered until the interval ends.
func (b *Book) Redraw(m *Map) {
	for alias, x := range b.m.byAlias {
		if m.byAlias[alias] == nil {
			b.gone[alias] = x
		}
	}
	b.m = m
	for n, x := range m.byID {
		b.present[n] = x
	}
}

// meet notes a connection and who its ends are now: they stay the same for its life.
func (b *Book) meet(c Connection) *live {
	in := c.inner()
	out := b.m.way(in[0])
	back := way{from: out.to, to: out.from}
	if back.from != nil { // the way back is the sender's, not the reverse of the way out
		back.path = b.m.way(Tuple{Src: back.from.Primary, Dst: in[1].Dst}).path
	}
	l := &live{c: c, way: [2]way{out, back}, quiet: b.m.unlogged(in[0])}
	l.flags = c.flags()
	return l
}

// Read takes a reading of all live connections. One that is missing without having ended for two readings took its last
// figures with it: that is a loss.
func (b *Book) Read(all []Connection, now time.Time) (lost int) {
	for _, l := range b.live {
		l.seen = false
	}
	since := map[Tuple]time.Time{}
	for i := range all {
		if len(b.open) == 0 {
			break
		}
		for _, t := range all[i].inner() {
			since[t] = all[i].Start
		}
	}
	for t, xs := range b.open {
		at, ok := since[t]
		for _, x := range xs {
			b.decide(t, x, ok && !at.After(x.first))
		}
	}
	b.open, b.unlike = map[Tuple][]*refusals{}, 0
	for _, c := range all {
		b.told(c, now).seen = true
	}
	for k, l := range b.live {
		if l.seen {
			l.missing = 0
			continue
		}
		if l.missing++; l.missing > 1 {
			delete(b.live, k)
			if !l.quiet {
				lost++
				b.skip(l.way[0].from, l.way[0].to)
			}
		}
	}
	b.read = now
	return lost
}

// Ended takes a connection's last totals.
func (b *Book) Ended(c Connection, now time.Time) {
	for _, t := range c.inner() {
		var later []*refusals
		for _, x := range b.open[t] {
			if c.Start.After(x.first) {
				later = append(later, x)
				continue
			}
			b.decide(t, x, true)
			b.unlike--
		}
		if len(later) > 0 {
			b.open[t] = later
		} else {
			delete(b.open, t)
		}
	}
	b.told(c, now)
	delete(b.live, id{c.ID, c.Orig})
}

// told records what a connection carried since it was last read.
func (b *Book) told(c Connection, now time.Time) *live {
	k := id{c.ID, c.Orig}
	l := b.live[k]
	start := b.read
	if l == nil {
		fresh := c
		fresh.Count, fresh.TCP = [2]Count{}, TCP{}
		l = b.meet(fresh)
		b.live[k] = l
		if c.Start.After(start) {
			start = c.Start
		}
	}
	if !c.TCP.Known {
		c.TCP = l.c.TCP
	}
	before := l.c
	for i := range c.Count { // an id that was given again to the same addresses begins anew
		if c.Count[i].Packets < before.Count[i].Packets {
			before.Count, l.flags = [2]Count{}, [2]uint8{}
			break
		}
	}
	l.c = c
	if l.quiet {
		return l
	}
	end := now
	if !c.Stop.IsZero() && c.Stop.Before(end) {
		end = c.Stop
	}
	flags := c.flags()
	for i, t := range c.inner() {
		n := Count{c.Count[i].Packets - before.Count[i].Packets, c.Count[i].Bytes - before.Count[i].Bytes}
		out, in := b.settle(t, n)
		fresh := flags[i] &^ l.flags[i]
		if flags[i]&SYNACK == SYNACK && l.flags[i]&SYNACK != SYNACK {
			fresh |= SYNACK
		}
		l.flags[i] |= flags[i]
		if in.Packets > 0 && l.way[i].to != nil {
			b.add(t, false, false, l.way[i], in, start, end, fresh)
		}
		if out.Packets > 0 && l.way[i].from != nil {
			b.add(t, false, true, l.way[i], out, start, end, fresh)
		}
	}
	return l
}

// debt is of packets that a wall refused after the tracker had counted them: those that the sender's walls did, or the receiver's.
type debt struct {
	t   Tuple
	out bool
}

// settle takes away what the tracker counted and a wall refused. What was refused on the way in was let out by the sender.
func (b *Book) settle(t Tuple, n Count) (from, to Count) {
	pay := func(n Count, d debt) Count {
		owed, ok := b.late[d]
		if !ok {
			return n
		}
		p, y := min(n.Packets, owed.Packets), min(n.Bytes, owed.Bytes)
		if owed.Packets == p {
			delete(b.late, d)
		} else {
			b.late[d] = Count{owed.Packets - p, owed.Bytes - y}
		}
		return Count{n.Packets - p, n.Bytes - y}
	}
	from = pay(n, debt{t, true})
	return from, pay(from, debt{t, false})
}

// refusals counts those that are alike.
type refusals struct {
	hop         fabric.Hop
	in, out     string
	n           Count
	first, last time.Time
	flags       uint8
}

// openLimit is how many unlike refusals are kept between two readings; what is beyond is missed, and said to be.
const openLimit = 200_000

// Refused takes a packet that a rule dropped. Whether the tracker has counted it is known at the next reading: a connection
// counts its packets before any wall but the first sees them.
func (b *Book) Refused(r Refusal) {
	t := r.Packet
	if b.m.unlogged(t) {
		return
	}
	var x *refusals
	for _, o := range b.open[t] {
		if o.hop == r.Hop && o.in == r.In && o.out == r.Out {
			x = o
		}
	}
	if x == nil {
		if b.unlike >= openLimit {
			b.Missed()
			return
		}
		b.unlike++
		x = &refusals{hop: r.Hop, in: r.In, out: r.Out, first: r.At}
		b.open[t] = append(b.open[t], x)
	}
	x.n = Count{x.n.Packets + 1, x.n.Bytes + r.Bytes}
	x.last, x.flags = r.At, x.flags|r.Flags
}

// decide records refusals. Who refused follows from the hop; an interface whose own walls let a packet pass has it as accepted.
func (b *Book) decide(t Tuple, x *refusals, tracked bool) {
	w := b.m.way(t)
	if p := b.at(x.in); p != nil {
		w.from = p
	}
	if p := b.at(x.out); p != nil {
		w.to = p
	}
	add := func(reject, egress bool) {
		if egress && w.from != nil || !egress && w.to != nil {
			b.add(t, reject, egress, w, x.n, x.first, x.last, x.flags)
		}
	}
	owe := func(out bool) {
		if tracked {
			d := debt{t, out}
			b.late[d] = Count{b.late[d].Packets + x.n.Packets, b.late[d].Bytes + x.n.Bytes}
		}
	}
	switch x.hop {
	case fabric.HopSpoof: // the addresses say nothing of who sent it
		w = way{from: b.at(x.in)}
		add(true, true)
	case fabric.HopACLOut, fabric.HopEgress:
		owe(true)
		add(true, true)
	case fabric.HopACLIn, fabric.HopIngress:
		owe(false)
		if !tracked {
			add(false, true)
		}
		add(true, false)
	case fabric.HopGateway: // the interface's own walls are behind it
		owe(false)
		if !tracked {
			add(false, true)
		}
	}
}

func (b *Book) at(alias string) *Interface {
	if x := b.m.byAlias[alias]; x != nil {
		return x
	}
	return b.gone[alias]
}

// add counts one direction at one end. The interface's own address in a record is always its primary one, whatever the
// packet's.
func (b *Book) add(t Tuple, reject, egress bool, w way, n Count, start, end time.Time, flags uint8) {
	x := w.to
	k := Key{PktSrc: t.Src, PktDst: t.Dst, Src: t.Src, Dst: t.Dst, SrcPort: t.SrcPort, DstPort: t.DstPort, Proto: t.Proto, Reject: reject, Egress: egress}
	if egress {
		x, k.Src, k.Path = w.from, w.from.Primary, w.path
	} else {
		k.Dst = x.Primary
	}
	k.Interface = x.ID
	r := b.records[k]
	if r == nil {
		r = &Record{Key: k, Of: x, Start: start, End: end, SrcService: b.m.aws(t.Src), DstService: b.m.aws(t.Dst)}
		b.records[k] = r
	}
	r.merge(&Record{Count: n, Start: start, End: end, Flags: flags})
}

func (r *Record) merge(o *Record) {
	r.Count = Count{r.Count.Packets + o.Count.Packets, r.Count.Bytes + o.Count.Bytes}
	r.Flags |= o.Flags
	if o.Start.Before(r.Start) {
		r.Start = o.Start
	}
	if o.End.After(r.End) {
		r.End = o.End
	}
}

// Missed marks the interval of every interface: something was not told, and nobody knows of whom.
func (b *Book) Missed() { b.skipped[""] = true }

func (b *Book) skip(all ...*Interface) {
	for _, x := range all {
		if x != nil {
			b.skipped[x.ID] = true
		}
	}
}

// Cut ends the interval and begins the next.
func (b *Book) Cut(now time.Time) Interval {
	out := Interval{Start: b.since, End: now, Present: b.present, Skipped: map[string]bool{}}
	for _, r := range b.records {
		out.Records = append(out.Records, r)
	}
	for n := range b.present {
		if b.skipped[""] || b.skipped[n] {
			out.Skipped[n] = true
		}
	}
	kept := map[debt]Count{} // of what still lives
	for _, l := range b.live {
		for _, t := range l.c.inner() {
			for _, d := range []debt{{t, true}, {t, false}} {
				if n, ok := b.late[d]; ok {
					kept[d] = n
				}
			}
		}
	}
	b.late = kept
	b.since, b.records, b.skipped = now, map[Key]*Record{}, map[string]bool{}
	b.gone, b.present = map[string]*Interface{}, map[string]*Interface{}
	for n, x := range b.m.byID {
		b.present[n] = x
	}
	return out
}
