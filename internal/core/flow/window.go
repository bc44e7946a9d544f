package flow

import (
	"cmp"
	"slices"
	"time"
)

// Interval is what one network's book held.
type Interval struct {
	Start, End time.Time
	Records    []*Record
	Present    map[string]*Interface // those that were attached at some time in it
	Skipped    map[string]bool
}

// Window gathers the intervals of one log until its own is over.
type Window struct {
	start   time.Time
	records map[Key]*Record
	present map[string]*Interface
	skipped map[string]time.Time // since when
	traffic map[string]bool      // any, whether this log asks for it or not
}

// NewWindow begins at a time.
func NewWindow(start time.Time) *Window {
	return &Window{start: start, records: map[Key]*Record{}, present: map[string]*Interface{}, skipped: map[string]time.Time{}, traffic: map[string]bool{}}
}

// Start is when the window began.
func (w *Window) Start() time.Time { return w.start }

// Take adds what the log asks for: covers says of which interfaces, traffic is ACCEPT, REJECT or ALL.
func (w *Window) Take(iv Interval, covers func(*Interface) bool, traffic string) {
	for n, x := range iv.Present {
		if covers(x) {
			w.present[n] = x
			if iv.Skipped[n] {
				w.Skip(x, iv.Start)
			}
		}
	}
	for _, r := range iv.Records {
		if !covers(r.Of) {
			continue
		}
		w.traffic[r.Of.ID] = true
		w.present[r.Of.ID] = r.Of
		if traffic != "ALL" && r.Reject != (traffic == "REJECT") {
			continue
		}
		if have := w.records[r.Key]; have != nil {
			have.merge(r)
		} else {
			c := *r
			w.records[r.Key] = &c
		}
	}
}

// Skip notes that from a time on not all was told of an interface.
func (w *Window) Skip(x *Interface, since time.Time) {
	if have, ok := w.skipped[x.ID]; !ok || since.Before(have) {
		w.skipped[x.ID] = since
	}
	w.present[x.ID] = x
}

// Close gives the window's records in their order, with one for each interface that had no traffic, and one for each of which
// something was missed.
func (w *Window) Close(end time.Time) []*Record {
	var out []*Record
	for _, r := range w.records {
		out = append(out, r)
	}
	for n, x := range w.present {
		if since, ok := w.skipped[n]; ok {
			out = append(out, &Record{Key: Key{Interface: n}, Of: x, Start: since, End: end, Status: SkipData})
		} else if !w.traffic[n] {
			out = append(out, &Record{Key: Key{Interface: n}, Of: x, Start: w.start, End: end, Status: NoData})
		}
	}
	slices.SortFunc(out, func(a, b *Record) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Status, b.Status), a.PktSrc.Compare(b.PktSrc), a.PktDst.Compare(b.PktDst),
			cmp.Compare(a.SrcPort, b.SrcPort), cmp.Compare(a.DstPort, b.DstPort), cmp.Compare(a.Proto, b.Proto), side(a.Key)-side(b.Key))
	})
	return out
}

func side(k Key) int {
	n := 0
	if k.Reject {
		n += 2
	}
	if k.Egress {
		n++
	}
	return n
}

// Each visits the interfaces that the window knows.
func (w *Window) Each(f func(*Interface)) {
	for _, x := range w.present {
		f(x)
	}
}
