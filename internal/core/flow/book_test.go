package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fabric"
)

var begin = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func at(sec float64) time.Time { return begin.Add(time.Duration(sec * float64(time.Second))) }

// plan is a VPC with two private subnets, one of which leads to a NAT gateway in a public one, a peering, and S3.
func plan() *Map {
	p := netip.MustParsePrefix
	s3 := []netip.Prefix{p("198.51.100.0/25")}
	d := fabric.Desired{Network: "vpc-1", CIDRs: []netip.Prefix{p("10.0.0.0/16")}, Resolver: addr("10.0.0.2"),
		Subnets: []fabric.Subnet{
			{ID: "subnet-a", CIDR: p("10.0.1.0/24"), Router: addr("10.0.1.1"), Routes: []fabric.Route{
				{Dest: p("0.0.0.0/0"), Action: fabric.Forward, Target: "nat-1", Via: "eni-nat"},
				{Dest: p("172.16.0.0/16"), Action: fabric.Forward, Target: "pcx-1", Via: "pcx-1"},
				{Dest: s3[0], Action: fabric.Deliver, Target: "vpce-1"}}},
			{ID: "subnet-b", CIDR: p("10.0.2.0/24"), Router: addr("10.0.2.1")},
			{ID: "subnet-p", CIDR: p("10.0.0.0/24"), Router: addr("10.0.0.1"), Routes: []fabric.Route{{Dest: p("0.0.0.0/0"), Action: fabric.Forward, Target: "igw-1", Via: "igw-1"}}}},
		Ports: []fabric.Port{
			{ID: "eni-a", Alias: "ea", Addrs: []netip.Addr{addr("10.0.1.5"), addr("10.0.1.6")}, Subnet: "subnet-a"},
			{ID: "eni-b", Alias: "eb", Addrs: []netip.Addr{addr("10.0.2.5")}, Subnet: "subnet-b"},
			{ID: "eni-nat", Alias: "en", Addrs: []netip.Addr{addr("10.0.0.220")}, Subnet: "subnet-p", Kind: fabric.Translator}}}
	about := map[string]Interface{}
	for _, x := range d.Ports {
		about[x.ID] = Interface{Account: "1", VPC: "vpc-1"}
	}
	return NewMap(d, about, s3)
}

func tup(proto uint8, src string, sport uint16, dst string, dport uint16) Tuple {
	return Tuple{addr(src), addr(dst), sport, dport, proto}
}

// conn is a connection without translation.
func conn(n uint32, o Tuple, out, in Count) Connection {
	return Connection{ID: n, Orig: o, Reply: o.turned(), Count: [2]Count{out, in}, Start: at(1)}
}

// tell writes records short: interface, addresses (the packet's in brackets where they differ), action, count, direction and path.
func tell(iv Interval) []string {
	var out []string
	for _, r := range iv.Records {
		pkt := ""
		if r.Src != r.PktSrc || r.Dst != r.PktDst {
			pkt = fmt.Sprintf(" [%s>%s]", r.PktSrc, r.PktDst)
		}
		dir, act := "in", "ACCEPT"
		if r.Egress {
			dir = fmt.Sprintf("out%d", r.Path)
		}
		if r.Reject {
			act = "REJECT"
		}
		svc := r.SrcService + r.DstService
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s>%s%s %s %d/%d %s %s", r.Interface, r.Src, r.Dst, pkt, act, r.Count.Packets, r.Count.Bytes, dir, svc)))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, iv Interval, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := tell(iv); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestEnds: who sees a flow, and by which path it leaves. Source: "Flow log record examples" (NAT gateway), "Flow log limitations"
// (primary addresses, what is not logged).
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Connection
		want []string
	}{
		{"two interfaces of the VPC: both see both directions", conn(1, tup(6, "10.0.1.5", 4000, "10.0.2.5", 22), Count{3, 300}, Count{2, 200}), []string{
			"eni-a 10.0.1.5>10.0.2.5 ACCEPT 3/300 out1", "eni-b 10.0.1.5>10.0.2.5 ACCEPT 3/300 in", "eni-b 10.0.2.5>10.0.1.5 ACCEPT 2/200 out1", "eni-a 10.0.2.5>10.0.1.5 ACCEPT 2/200 in"}},
		{"a secondary address", conn(1, tup(17, "10.0.2.5", 1, "10.0.1.6", 2), Count{1, 30}, Count{}), []string{
			"eni-b 10.0.2.5>10.0.1.6 ACCEPT 1/30 out1", "eni-a 10.0.2.5>10.0.1.5 [10.0.2.5>10.0.1.6] ACCEPT 1/30 in"}},
		{"S3 by a gateway endpoint", conn(1, tup(6, "10.0.1.5", 4000, "198.51.100.10", 443), Count{3, 300}, Count{2, 200}), []string{
			"eni-a 10.0.1.5>198.51.100.10 ACCEPT 3/300 out7 S3", "eni-a 198.51.100.10>10.0.1.5 ACCEPT 2/200 in S3"}},
		{"before the NAT gateway", conn(1, tup(6, "10.0.1.5", 4000, "203.0.113.5", 80), Count{3, 300}, Count{2, 200}), []string{
			"eni-a 10.0.1.5>203.0.113.5 ACCEPT 3/300 out1", "eni-nat 10.0.1.5>10.0.0.220 [10.0.1.5>203.0.113.5] ACCEPT 3/300 in",
			"eni-nat 10.0.0.220>10.0.1.5 [203.0.113.5>10.0.1.5] ACCEPT 2/200 out1", "eni-a 203.0.113.5>10.0.1.5 ACCEPT 2/200 in"}},
		{"behind it, translated by the internet gateway", Connection{ID: 1, Orig: tup(6, "10.0.0.220", 4000, "203.0.113.5", 80), Reply: tup(6, "203.0.113.5", 80, "198.51.100.200", 4000), Count: [2]Count{{3, 300}, {2, 200}}}, []string{
			"eni-nat 10.0.0.220>203.0.113.5 ACCEPT 3/300 out8", "eni-nat 203.0.113.5>10.0.0.220 ACCEPT 2/200 in"}},
		{"from the internet to a public address", Connection{ID: 1, Orig: tup(6, "203.0.113.5", 4000, "198.51.100.200", 80), Reply: tup(6, "10.0.0.220", 80, "203.0.113.5", 4000), Count: [2]Count{{3, 300}, {2, 200}}}, []string{
			"eni-nat 203.0.113.5>10.0.0.220 ACCEPT 3/300 in", "eni-nat 10.0.0.220>203.0.113.5 ACCEPT 2/200 out8"}},
		{"a peer", conn(1, tup(17, "10.0.1.5", 1, "172.16.0.9", 2), Count{1, 30}, Count{1, 40}), []string{
			"eni-a 10.0.1.5>172.16.0.9 ACCEPT 1/30 out4", "eni-a 172.16.0.9>10.0.1.5 ACCEPT 1/40 in"}},
		{"from a peer", conn(1, tup(17, "172.16.0.9", 1, "10.0.1.5", 2), Count{1, 30}, Count{1, 40}), []string{
			"eni-a 172.16.0.9>10.0.1.5 ACCEPT 1/30 in", "eni-a 10.0.1.5>172.16.0.9 ACCEPT 1/40 out4"}},
		{"the resolver", conn(1, tup(17, "10.0.1.5", 1, "10.0.0.2", 53), Count{1, 30}, Count{1, 40}), nil},
		{"a router", conn(1, tup(1, "10.0.1.5", 0, "10.0.1.1", 0), Count{1, 30}, Count{1, 40}), nil},
		{"instance metadata", conn(1, tup(6, "10.0.1.5", 1, "169.254.169.254", 80), Count{1, 30}, Count{1, 40}), nil},
		{"another name server", conn(1, tup(17, "10.0.1.5", 1, "10.0.2.5", 53), Count{1, 30}, Count{}), []string{"eni-a 10.0.1.5>10.0.2.5 ACCEPT 1/30 out1", "eni-b 10.0.1.5>10.0.2.5 ACCEPT 1/30 in"}},
	} {
		b := NewBook(plan(), begin, nil)
		b.Read([]Connection{c.c}, at(10))
		same(t, c.name, b.Cut(at(60)), c.want...)
	}
}

// TestTotals: each reading adds what came since, from the first on; a connection that was there before begins at what it had.
func TestTotals(t *testing.T) {
	o := tup(17, "10.0.1.5", 1, "172.16.0.9", 2)
	old := conn(7, tup(17, "10.0.1.5", 9, "172.16.0.9", 9), Count{100, 1000}, Count{})
	b := NewBook(plan(), begin, []Connection{old})
	b.Read([]Connection{conn(1, o, Count{1, 30}, Count{}), old}, at(10))
	b.Read([]Connection{conn(1, o, Count{4, 90}, Count{}), old}, at(20))
	b.Ended(conn(1, o, Count{5, 100}, Count{2, 60}), at(25))
	iv := b.Cut(at(60))
	same(t, "first interval", iv, "eni-a 10.0.1.5>172.16.0.9 ACCEPT 5/100 out4", "eni-a 172.16.0.9>10.0.1.5 ACCEPT 2/60 in")
	for _, r := range iv.Records {
		if r.Egress && (!r.Start.Equal(at(1)) || !r.End.Equal(at(25))) || !r.Egress && !r.Start.Equal(at(20)) {
			t.Errorf("%v to %v of %+v", r.Start, r.End, r.Key)
		}
	}
	old.Count[0] = Count{101, 1010}
	b.Read([]Connection{conn(1, o, Count{2, 20}, Count{}), old}, at(70)) // the id again
	same(t, "second interval", b.Cut(at(120)), "eni-a 10.0.1.5>172.16.0.9 ACCEPT 2/20 out4", "eni-a 10.0.1.5>172.16.0.9 ACCEPT 1/10 out4")
	same(t, "third interval", b.Cut(at(180)))
}

// TestVanished: a connection that is missed twice and never ended is a loss, told of its interfaces alone.
func TestVanished(t *testing.T) {
	c := conn(1, tup(17, "10.0.1.5", 1, "172.16.0.9", 2), Count{1, 30}, Count{})
	b := NewBook(plan(), begin, nil)
	if n := b.Read([]Connection{c}, at(10)) + b.Read(nil, at(20)); n != 0 {
		t.Errorf("%d are lost already", n)
	}
	if n := b.Read(nil, at(30)); n != 1 {
		t.Errorf("%d are lost", n)
	}
	if iv := b.Cut(at(60)); !iv.Skipped["eni-a"] || iv.Skipped["eni-b"] {
		t.Errorf("%v", iv.Skipped)
	}
	b.Read([]Connection{c}, at(70))
	b.Read(nil, at(80))
	b.Ended(c, at(81))
	if n := b.Read(nil, at(90)); n != 0 {
		t.Errorf("%d that ended are lost", n)
	}
	b.Missed()
	if iv := b.Cut(at(120)); len(iv.Skipped) != 3 {
		t.Errorf("%v", iv.Skipped)
	}
}

// TestRefused: a packet is refused by one interface's walls, and another's may have let it pass; packets of a connection that the
// tracker has counted are taken away again. Source: "Flow log record examples", security group and network ACL rules.
func TestRefused(t *testing.T) {
	ab := tup(6, "10.0.1.5", 4000, "10.0.2.5", 22)
	ping := tup(1, "172.16.0.9", 0, "10.0.1.5", 0)
	for _, c := range []struct {
		name string
		r    []Refusal
		then []Connection
		want []string
	}{
		{"by the sender's groups", []Refusal{{Hop: fabric.HopEgress, In: "ea", Out: "eb", Packet: ab, Bytes: 60, At: at(2)}}, nil, []string{"eni-a 10.0.1.5>10.0.2.5 REJECT 1/60 out1"}},
		{"by the receiver's groups", []Refusal{{Hop: fabric.HopIngress, In: "ea", Out: "eb", Packet: ab, Bytes: 60, At: at(2)}, {Hop: fabric.HopIngress, In: "ea", Out: "eb", Packet: ab, Bytes: 60, At: at(3)}}, nil, []string{
			"eni-a 10.0.1.5>10.0.2.5 ACCEPT 2/120 out1", "eni-b 10.0.1.5>10.0.2.5 REJECT 2/120 in"}},
		{"refused and then let in", []Refusal{{Hop: fabric.HopIngress, In: "ea", Out: "eb", Packet: ab, Bytes: 60, At: at(0.5)}}, []Connection{conn(1, ab, Count{3, 300}, Count{})}, []string{
			"eni-a 10.0.1.5>10.0.2.5 ACCEPT 4/360 out1", "eni-b 10.0.1.5>10.0.2.5 REJECT 1/60 in", "eni-b 10.0.1.5>10.0.2.5 ACCEPT 3/300 in"}},
		{"an answer that the ACL of its subnet refuses", []Refusal{{Hop: fabric.HopACLOut, In: "ea", Out: "p1", Packet: ping.turned(), Bytes: 84, At: at(2)}}, []Connection{conn(1, ping, Count{4, 336}, Count{1, 84})}, []string{
			"eni-a 172.16.0.9>10.0.1.5 ACCEPT 4/336 in", "eni-a 10.0.1.5>172.16.0.9 REJECT 1/84 out4"}},
		{"a packet under way that the receiver's ACL refuses", []Refusal{{Hop: fabric.HopACLIn, In: "ea", Out: "eb", Packet: ab, Bytes: 100, At: at(2)}}, []Connection{conn(1, ab, Count{3, 300}, Count{})}, []string{
			"eni-a 10.0.1.5>10.0.2.5 ACCEPT 3/300 out1", "eni-b 10.0.1.5>10.0.2.5 ACCEPT 2/200 in", "eni-b 10.0.1.5>10.0.2.5 REJECT 1/100 in"}},
		{"no public address", []Refusal{{Hop: fabric.HopGateway, In: "en", Out: "p2", Packet: tup(6, "10.0.0.220", 1, "203.0.113.5", 80), Bytes: 60, At: at(2)}}, nil, []string{"eni-nat 10.0.0.220>203.0.113.5 ACCEPT 1/60 out8"}},
		{"a foreign source", []Refusal{{Hop: fabric.HopSpoof, In: "ea", Packet: tup(6, "10.0.2.5", 1, "203.0.113.5", 80), Bytes: 60, At: at(2)}}, nil, []string{"eni-a 10.0.1.5>203.0.113.5 [10.0.2.5>203.0.113.5] REJECT 1/60 out0"}},
		{"the resolver's other ports", []Refusal{{Hop: fabric.HopInput, In: "ea", Packet: tup(6, "10.0.1.5", 1, "10.0.0.2", 80), Bytes: 60, At: at(2)}}, nil, nil},
		{"S3, by the sender's groups", []Refusal{{Hop: fabric.HopEgress, In: "ea", Packet: tup(6, "10.0.1.5", 1, "198.51.100.10", 80), Bytes: 60, At: at(2)}}, nil, []string{"eni-a 10.0.1.5>198.51.100.10 REJECT 1/60 out7 S3"}},
	} {
		b := NewBook(plan(), begin, nil)
		for _, r := range c.r {
			b.Refused(r)
		}
		b.Read(c.then, at(10))
		same(t, c.name, b.Cut(at(60)), c.want...)
		if len(c.then) > 0 { // the same, told by the connection's end
			b = NewBook(plan(), begin, nil)
			for _, r := range c.r {
				b.Refused(r)
			}
			b.Ended(c.then[0], at(9))
			b.Read(nil, at(10))
			same(t, c.name+", ended", b.Cut(at(60)), c.want...)
		}
	}
}

// TestLeft: an interface that has left keeps its flows and its last refusals.
func TestLeft(t *testing.T) {
	m := plan()
	b := NewBook(m, begin, nil)
	c := conn(1, tup(6, "10.0.1.5", 4000, "10.0.2.5", 22), Count{1, 60}, Count{})
	b.Read([]Connection{c}, at(10))
	d := m.drawing
	d.Ports = d.Ports[1:]
	b.Redraw(NewMap(d, map[string]Interface{"eni-b": {Account: "1"}, "eni-nat": {Account: "1"}}, nil))
	c.Count[0] = Count{2, 160}
	b.Refused(Refusal{Hop: fabric.HopEgress, In: "ea", Packet: tup(6, "10.0.1.5", 1, "10.0.2.5", 23), Bytes: 60, At: at(11)})
	b.Ended(c, at(12))
	b.Read(nil, at(20))
	iv := b.Cut(at(60))
	same(t, "left", iv, "eni-a 10.0.1.5>10.0.2.5 ACCEPT 2/160 out1", "eni-b 10.0.1.5>10.0.2.5 ACCEPT 2/160 in", "eni-a 10.0.1.5>10.0.2.5 REJECT 1/60 out1")
	if iv.Present["eni-a"] == nil || b.Cut(at(120)).Present["eni-a"] != nil {
		t.Error("it was there for one interval")
	}
}

// TestFlags: "Flow log record examples", TCP flag sequence: 2 and 18 where a connection opens, 1 where it closes, 3 and 19 where it
// does both.
func TestFlags(t *testing.T) {
	o := tup(6, "10.0.1.5", 4000, "172.16.0.9", 22)
	with := func(n int, tcp TCP) Connection {
		c := conn(1, o, Count{uint64(n), uint64(n) * 60}, Count{uint64(n), uint64(n) * 60})
		c.TCP = tcp
		c.TCP.Known = true
		return c
	}
	opts := [2]uint8{noteScale | noteSack, noteScale | noteSack}
	fin := [2]uint8{opts[0] | noteClosed, opts[1]}
	for _, c := range []struct {
		name string
		seen []Connection // one an interval
		want [][2]uint8
	}{
		{"opens, then closes", []Connection{with(2, TCP{State: 3, Notes: opts, Sure: true}), with(3, TCP{State: 3, Notes: opts, Sure: true}), with(5, TCP{State: timeWait, Notes: fin, Sure: true})}, [][2]uint8{{2, 18}, {0, 0}, {1, 1}}},
		{"short", []Connection{with(4, TCP{State: timeWait, Notes: fin, Sure: true})}, [][2]uint8{{3, 19}}},
		{"half closed", []Connection{with(4, TCP{State: 5, Notes: fin, Sure: true})}, [][2]uint8{{3, 18}}},
		{"refused by the other host", []Connection{with(1, TCP{State: closed, Notes: [2]uint8{noteSack, 0}})}, [][2]uint8{{2, 4}}},
		{"taken up in its middle", []Connection{with(9, TCP{State: 3, Notes: [2]uint8{noteLoose | noteSack, noteLoose | noteSack}, Sure: true})}, [][2]uint8{{0, 0}}},
	} {
		b := NewBook(plan(), begin, nil)
		for i, x := range c.seen {
			b.Read([]Connection{x}, at(float64(i)*60+10))
			var got [2]uint8
			for _, r := range b.Cut(at(float64(i)*60 + 60)).Records {
				if r.Egress {
					got[0] = r.Flags
				} else {
					got[1] = r.Flags
				}
			}
			if got != c.want[i] {
				t.Errorf("%s, interval %d: %v, want %v", c.name, i+1, got, c.want[i])
			}
		}
	}
	for h, want := range map[uint8]uint8{0x02: 2, 0x12: 18, 0x10: 0, 0x11: 1, 0x14: 4, 0x18: 0} {
		if got := Flags(h); got != want {
			t.Errorf("%#x: %d, want %d", h, got, want)
		}
	}
}

// TestWindow: what a log asks for, over several intervals.
func TestWindow(t *testing.T) {
	b := NewBook(plan(), begin, nil)
	o := tup(17, "10.0.1.5", 1, "172.16.0.9", 2)
	b.Refused(Refusal{Hop: fabric.HopEgress, In: "ea", Packet: o, Bytes: 30, At: at(5)})
	c := conn(1, tup(17, "10.0.1.5", 9, "172.16.0.9", 9), Count{1, 30}, Count{})
	b.Read([]Connection{c}, at(10))
	first := b.Cut(at(60))
	c.Count[0] = Count{3, 90}
	b.Read([]Connection{c}, at(70))
	second := b.Cut(at(120))
	second.Skipped["eni-b"] = true
	all := func(*Interface) bool { return true }
	a := func(x *Interface) bool { return x.ID == "eni-a" }
	for _, x := range []struct {
		name, traffic string
		covers        func(*Interface) bool
		want          string
	}{
		{"all", "ALL", all, "eni-a ACCEPT 3/90 OK, eni-nat 0-120 NODATA, eni-a REJECT 1/30 OK, eni-b 60-120 SKIPDATA"},
		{"rejected, of one", "REJECT", a, "eni-a REJECT 1/30 OK"},
		{"accepted, of one", "ACCEPT", a, "eni-a ACCEPT 3/90 OK"},
		{"rejected, of one without", "REJECT", func(x *Interface) bool { return x.ID == "eni-nat" }, "eni-nat 0-120 NODATA"},
	} {
		w := NewWindow(begin)
		w.Take(first, x.covers, x.traffic)
		w.Take(second, x.covers, x.traffic)
		var got []string
		f, _ := ParseFormat("${interface-id} ${action} ${packets} ${bytes} ${start} ${end} ${log-status}")
		for _, r := range w.Close(at(120)) {
			v := strings.Fields(f.Line(r))
			if r.Status == OK {
				got = append(got, v[0]+" "+v[1]+" "+v[2]+"/"+v[3]+" "+v[6])
			} else {
				got = append(got, fmt.Sprintf("%s %d-%d %s", v[0], r.Start.Sub(begin)/time.Second, r.End.Sub(begin)/time.Second, v[6]))
			}
		}
		want := strings.Split(x.want, ", ")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", x.name, got, want)
		}
	}
}
