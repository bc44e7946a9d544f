package kernel_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
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

	refused, ends int
	packets       uint64 // known to be missing
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
		w.ends++
		w.book.Ended(*e.Ended, time.Now())
	case e.Refused != nil:
		w.refused++
		w.book.Refused(*e.Refused)
	case e.Lost != nil:
		w.lost++
		w.packets += e.Lost.Packets
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

// pump sends bytes to an echo server and reads them back.
func pump(dest, size string) string {
	n := atoi(size)
	c, err := net.DialTimeout("tcp4", dest, patience)
	if err != nil {
		return outcome(nil, err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = c.Write(make([]byte, n)) }()
	if got, err := io.Copy(io.Discard, io.LimitReader(c, int64(n))); err != nil || got != int64(n) {
		return fmt.Sprintf("error %d of %d bytes: %v", got, n, err)
	}
	return "ok"
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func flood(dest, times string) string {
	n := atoi(times)
	c, err := net.Dial("udp4", dest)
	if err != nil {
		return "error " + err.Error()
	}
	defer c.Close()
	for range n {
		if _, err := c.Write([]byte("q")); err != nil {
			return "error " + err.Error()
		}
	}
	return "ok"
}

// count gives eth0's own figures: bytes and packets received, bytes and packets sent, link headers included.
func count() string {
	b, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return "error " + err.Error()
	}
	for _, l := range strings.Split(string(b), "\n") {
		if name, rest, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "eth0" {
			f := strings.Fields(rest)
			return strings.Join([]string{f[0], f[1], f[8], f[9]}, " ")
		}
	}
	return "error no eth0"
}

// counted are the figures of eth0 without link headers.
func (p *prober) counted() (in, out flow.Count) {
	p.t.Helper()
	said := p.ask("count")
	if _, err := fmt.Sscan(said, &in.Bytes, &in.Packets, &out.Bytes, &out.Packets); err != nil {
		p.t.Fatalf("%s: %v", said, err)
	}
	const header = 14
	in.Bytes -= header * in.Packets
	out.Bytes -= header * out.Packets
	return in, out
}

func minus(a, b flow.Count) flow.Count {
	return flow.Count{Packets: a.Packets - b.Packets, Bytes: a.Bytes - b.Bytes}
}

// sums of an interval's records of one interface.
type sums struct{ in, out, refusedIn, refusedOut flow.Count }

func tally(iv flow.Interval, eni string) (s sums) {
	for _, r := range iv.Records {
		if r.Interface != eni {
			continue
		}
		to := &s.in
		switch {
		case r.Egress && r.Reject:
			to = &s.refusedOut
		case r.Egress:
			to = &s.out
		case r.Reject:
			to = &s.refusedIn
		}
		*to = flow.Count{Packets: to.Packets + r.Count.Packets, Bytes: to.Bytes + r.Count.Bytes}
	}
	return s
}

// refusals waits until the kernel has told of so many refusals.
func (w *watch) refusals(n int) {
	w.t.Helper()
	ctx := soon(w.t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		w.mu.Lock()
		have := w.refused + int(w.packets)
		w.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("the kernel told of %d refusals, not of %d", have, n)
		case <-tick.C:
		}
	}
}

func both() *drawing {
	return newVPC("vpc-1", "10.0.0.0/16").subnet("a", "10.0.1.0/24").subnet("b", "10.0.2.0/24").
		group("sg-1").allow("sg-1", false, anywhere).group("sg-2").allow("sg-2", false, anywhere).
		allow("sg-2", true, vpc.Rule{Proto: vpc.TCP, From: 7000, To: 7000, CIDR: anywhere.CIDR}).
		allow("sg-2", true, vpc.Rule{Proto: vpc.UDP, From: 7001, To: 7001, CIDR: anywhere.CIDR}).
		allow("sg-2", true, vpc.Rule{Proto: vpc.ICMP, From: -1, To: -1, CIDR: anywhere.CIDR}).
		port("eni-1", "a", "10.0.1.10", "sg-1").port("eni-2", "b", "10.0.2.10", "sg-2")
}

// TestFlowCounts: what records say is what the two ends counted themselves, to the packet and the byte: connections with payload,
// datagrams, echo requests, and what the receiver's group refused.
func TestFlowCounts(t *testing.T) {
	f := open(t, linux.Config{})
	d := both().draw()
	set(t, f, d)
	w := observe(t, f, d, 0)
	one, two := sit(t, f, "eni-1"), sit(t, f, "eni-2")
	two.expect("ok", "echo", "10.0.2.10:7000")
	two.expect("ok", "udp", "10.0.2.10:7001")
	in1, out1 := one.counted()
	in2, out2 := two.counted()
	const n, refused = 20, 7
	for i := range n {
		one.expect("ok", "pump", "10.0.2.10:7000", fmt.Sprint(1000*(i+1)))
	}
	one.expect("ok", "pump", "10.0.2.10:7000", "3000000")
	for range n {
		one.expect("open", "ask", "10.0.2.10:7001")
	}
	one.expect("open", "ping", "10.0.2.10")
	one.expect("ok", "flood", "10.0.2.10:9", fmt.Sprint(refused))
	one.expect("dropped", "dial", "10.0.2.10:7005")
	w.refusals(refused + 1)
	now1, sent1 := one.counted()
	now2, sent2 := two.counted()
	iv := w.cut()
	if w.lost > 0 || len(iv.Skipped) > 0 {
		t.Errorf("%d losses, skipped: %v", w.lost, iv.Skipped)
	}
	a, b := tally(iv, "eni-1"), tally(iv, "eni-2")
	if got, want := a.out, minus(sent1, out1); got != want {
		t.Errorf("eni-1 sent %+v, its records have %+v", want, got)
	}
	if got, want := a.in, minus(now1, in1); got != want {
		t.Errorf("eni-1 received %+v, its records have %+v", want, got)
	}
	if got, want := b.in, minus(now2, in2); got != want {
		t.Errorf("eni-2 received %+v, its records have %+v", want, got)
	}
	if got, want := b.out, minus(sent2, out2); got != want {
		t.Errorf("eni-2 sent %+v, its records have %+v", want, got)
	}
	if got := minus(a.out, b.in); got != b.refusedIn || b.refusedIn.Packets < refused+1 {
		t.Errorf("%+v were on their way and did not arrive, %+v are rejected", got, b.refusedIn)
	}
	if a.refusedIn != (flow.Count{}) || a.refusedOut != (flow.Count{}) || b.refusedOut != (flow.Count{}) {
		t.Errorf("refused elsewhere: %+v %+v", a, b)
	}
	flows := map[string]int{}
	asked := map[uint16]bool{} // ports that questions came from: two of them may have come from one, and are one flow then
	for _, r := range iv.Records {
		if r.Proto == 17 && r.Interface == "eni-1" && r.Egress && r.DstPort == 7001 {
			asked[r.SrcPort] = true
		}
		flows[fmt.Sprintf("%d %v %v flags %d", r.Proto, r.Egress, r.Reject, r.Flags)]++
		if age := iv.End.Sub(r.Start); age < 0 || age > 30*time.Second || r.End.Before(r.Start) {
			t.Errorf("%v to %v of %+v", r.Start, r.End, r.Key)
		}
	}
	if len(asked) < n-3 {
		t.Errorf("%d questions came from %d ports", n, len(asked))
	}
	for what, want := range map[string]int{
		"6 true false flags 3": n + 1, "6 false false flags 3": n + 1, "6 true false flags 18": n + 1, "6 false false flags 18": n + 1, // both ends, both directions; the server keeps its half open
		"6 true false flags 2": 1, "6 false true flags 2": 1, // the SYN that was let out and refused
		"17 true false flags 0": 2*len(asked) + 1, "17 false false flags 0": 2 * len(asked), "17 false true flags 0": 1,
		"1 true false flags 0": 2, "1 false false flags 0": 2,
	} {
		if flows[what] != want {
			t.Errorf("%d records of %s, want %d (%v)", flows[what], what, want, flows)
		}
	}
	// The next interval has only what comes then.
	if iv = w.cut(); len(iv.Records) != 0 {
		t.Errorf("%d records of nothing", len(iv.Records))
	}
	one.expect("open", "ping", "10.0.2.10")
	if iv = w.cut(); len(iv.Records) != 4 {
		t.Errorf("%d records of a ping", len(iv.Records))
	}
}

// TestFlowAnswerRefused: an answer that a network ACL refuses is rejected where it was sent, and nobody's otherwise.
func TestFlowAnswerRefused(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1").acl("acl-a", []string{"vpc-1-a"}, every(100, "in"), every(100, "out")).
		acl("acl-b", []string{"vpc-1-b"}, every(100, "in"))
	d := v.draw()
	set(t, f, d)
	w := observe(t, f, d, 0)
	one := sit(t, f, "vpc-1-1")
	sit(t, f, "vpc-1-3").expect("ok", "ready")
	one.expect("dropped", "ping", "10.0.2.10")
	w.refusals(1)
	iv := w.cut()
	a, b := tally(iv, "vpc-1-1"), tally(iv, "vpc-1-3")
	if a.out.Packets == 0 || a.out != b.in || b.refusedOut != b.in || a.in.Packets+a.refusedIn.Packets+b.out.Packets+a.refusedOut.Packets != 0 {
		t.Errorf("%+v %+v", a, b)
	}
}

// TestFlowOverrun: a buffer that is too small, and a reader that does not come: what was not told is known to be missing, to the
// packet, and the interval of every interface is marked. The next one is whole again.
func TestFlowOverrun(t *testing.T) {
	f := open(t, linux.Config{})
	d := both().draw()
	set(t, f, d)
	w := observe(t, f, d, 1) // the kernel's least
	one := sit(t, f, "eni-1")
	const n = 20_000
	w.mu.Lock()
	said := one.ask("flood", "10.0.2.10:9", fmt.Sprint(n))
	w.mu.Unlock()
	if said != "ok" {
		t.Fatal(said)
	}
	one.expect("dropped", "dial", "10.0.2.10:7005") // the next number tells how many are missing
	w.refusals(n + 1)
	iv := w.cut()
	if w.lost == 0 || !iv.Skipped["eni-1"] || !iv.Skipped["eni-2"] {
		t.Errorf("%d losses, skipped: %v", w.lost, iv.Skipped)
	}
	got := tally(iv, "eni-2").refusedIn.Packets
	if want := uint64(w.refused); got != want || got+w.packets < n+1 || w.packets == 0 {
		t.Errorf("%d records, %d were told, %d are known to be missing of %d", got, want, w.packets, n+1)
	}
	one.expect("open", "ping", "10.0.2.10")
	if iv = w.cut(); len(iv.Skipped) > 0 || len(iv.Records) != 4 {
		t.Errorf("afterwards: %d records, skipped %v", len(iv.Records), iv.Skipped)
	}
}

// TestFlowEnd: a port that leaves and a network that is removed take no figures with them.
func TestFlowEnd(t *testing.T) {
	f := open(t, linux.Config{})
	v := both()
	d := v.draw()
	set(t, f, d)
	w := observe(t, f, d, 0)
	one, two := sit(t, f, "eni-1"), sit(t, f, "eni-2")
	two.expect("ok", "echo", "10.0.2.10:7000")
	for range 50 {
		one.expect("ok", "pump", "10.0.2.10:7000", "1000")
	}
	_, sent := one.counted()
	set(t, f, v.without("eni-1").draw()) // its connections are flushed
	for end := soon(t); ; {
		w.mu.Lock()
		n := w.ends
		w.mu.Unlock()
		if n >= 50 {
			break
		}
		select {
		case <-end.Done():
			t.Fatalf("the kernel told of %d ends", n)
		case <-time.After(5 * time.Millisecond):
		}
	}
	iv := w.cut()
	if a := tally(iv, "eni-1"); a.out != sent || len(iv.Skipped) > 0 {
		t.Errorf("eni-1 sent %+v, its records have %+v, skipped %v", sent, a.out, iv.Skipped)
	}
	if err := f.Remove(soon(t), "vpc-1"); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.final {
		t.Error("the network went without a last reading")
	}
}

// BenchmarkFlowRead is a reading of 5,000 connections, from asking to records.
func BenchmarkFlowRead(b *testing.B) {
	f := open(b, linux.Config{})
	d := both().draw()
	set(b, f, d)
	w := observe(b, f, d, 0)
	one := sit(b, f, "eni-1")
	sit(b, f, "eni-2").expect("ok", "udp", "10.0.2.10:7001")
	one.expect("ok", "spray", "10.0.2.10:7001", "5000")
	for b.Loop() {
		w.cut()
	}
}

// BenchmarkFlowRefusals is 20,000 packets that are refused and told of, as fast as a sender can; lost is how many were not.
func BenchmarkFlowRefusals(b *testing.B) {
	f := open(b, linux.Config{})
	d := both().draw()
	set(b, f, d)
	w := observe(b, f, d, 0)
	one := sit(b, f, "eni-1")
	one.expect("ok", "ready")
	for i := 1; b.Loop(); i++ {
		one.expect("ok", "flood", "10.0.2.10:9", "20000")
		w.refusals(20_000 * i)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b.ReportMetric(float64(w.packets)/float64(w.refused+int(w.packets)), "lost/packet")
}
