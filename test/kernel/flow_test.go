package kernel_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// watch reads a network's flows into a book, as the collector does.
type watch struct {
	t     testing.TB
	tap   *linux.Flows
	mu    sync.Mutex
	book  *flow.Book
	lost  int
	final bool
}

func observe(t testing.TB, f *linux.Fabric, d fabric.Desired, buffer int) *watch {
	t.Helper()
	about := map[string]flow.Interface{}
	for _, p := range d.Ports {
		about[p.ID] = flow.Interface{Account: "111122223333", VPC: d.Network, Region: "us-east-1", ZoneID: "use1-az1"}
	}
	w := &watch{t: t, book: flow.NewBook(flow.NewMap(d, about, []netip.Prefix{vpc.S3Prefix}), time.Now(), nil)}
	var err error
	if w.tap, err = f.Flows(soon(t), d.Network, buffer, w.take); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.tap.Close() })
	return w
}

func (w *watch) take(e flow.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case e.Ended != nil:
		w.book.Ended(*e.Ended, time.Now())
	case e.Refused != nil:
		w.book.Refused(*e.Refused)
	case e.Lost != nil:
		w.lost++
		w.book.Missed()
	case e.Final != nil:
		w.final = true
		w.book.Read(e.Final, time.Now())
	}
}

// cut reads and ends the interval.
func (w *watch) cut() flow.Interval {
	w.t.Helper()
	all, err := w.tap.Read()
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.Read(all, time.Now())
	return w.book.Cut(time.Now())
}

func both() *drawing {
	return newVPC("vpc-1", "10.0.0.0/16").subnet("a", "10.0.1.0/24").subnet("b", "10.0.2.0/24").
		group("sg-1").allow("sg-1", false, anywhere).group("sg-2").allow("sg-2", false, anywhere).
		allow("sg-2", true, vpc.Rule{Proto: vpc.TCP, From: 7000, To: 7000, CIDR: anywhere.CIDR}).
		allow("sg-2", true, vpc.Rule{Proto: vpc.UDP, From: 7001, To: 7001, CIDR: anywhere.CIDR}).
		port("eni-1", "a", "10.0.1.10", "sg-1").port("eni-2", "b", "10.0.2.10", "sg-2")
}

// TestFlowCounts: what records say is what the sender sent: bytes of TCP and UDP with their headers, each refused packet.
func TestFlowCounts(t *testing.T) {
	f := open(t, linux.Config{})
	d := both().draw()
	set(t, f, d)
	w := observe(t, f, d, 0)
	one, two := sit(t, f, "eni-1"), sit(t, f, "eni-2")
	one.expect("ok", "ready")
	two.expect("ok", "tcp", "10.0.2.10:7000")
	two.expect("ok", "udp", "10.0.2.10:7001")
	const n = 20
	for range n {
		one.expect("open", "dial", "10.0.2.10:7000")
	}
	for range n {
		one.expect("open", "ask", "10.0.2.10:7001")
	}
	iv := w.cut()
	var tcp, udp int
	var sent, got flow.Count
	for _, r := range iv.Records {
		if r.Reject {
			t.Errorf("rejected: %+v", r)
		}
		fmt.Println(r.Key, r.Count, r.Flags, r.End.Sub(r.Start))
		_ = sent
		_ = got
		switch {
		case r.Proto == 6:
			tcp++
		case r.Proto == 17:
			udp++
		}
	}
	t.Log(tcp, udp, w.lost)
	one.expect("dropped", "dial", "10.0.2.10:7005")
	time.Sleep(200 * time.Millisecond)
	iv = w.cut()
	for _, r := range iv.Records {
		fmt.Println(r.Key, r.Count, r.Flags)
	}
}
