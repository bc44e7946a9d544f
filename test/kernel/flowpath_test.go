package kernel_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/flow"
	"cloister/internal/driver/linux"
)

// trails writes an interval's records without ports and counts, each once.
func trails(iv flow.Interval) []string {
	out := map[string]bool{}
	for _, r := range iv.Records {
		s := fmt.Sprintf("%s %s>%s", r.Interface, r.Src, r.Dst)
		if r.Src != r.PktSrc || r.Dst != r.PktDst {
			s += fmt.Sprintf(" [%s>%s]", r.PktSrc, r.PktDst)
		}
		if r.Reject {
			s += " REJECT"
		}
		if r.Egress {
			s += fmt.Sprintf(" out by %d", r.Path)
		}
		out[s] = true
	}
	return slices.Sorted(maps.Keys(out))
}

// settled waits until closing connections have closed and nothing more comes: the last packets of one that was given up may
// still be on their way through the gateways when its end is told, and would be counted in the next interval.
func (w *watch) settled() {
	w.t.Helper()
	ctx := soon(w.t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for before, same := "", 0; same < 2; {
		all, err := w.tap.Read()
		if err != nil {
			w.t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b flow.Connection) int { return cmp.Compare(a.ID, b.ID) })
		now, closing := "", false
		for _, c := range all {
			now += fmt.Sprint(c.ID, c.Count, c.TCP.State, "\n")
			closing = closing || c.TCP.State >= finWait && c.TCP.State <= lastACK
		}
		if same++; now != before || closing {
			before, same = now, 0
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("connections do not come to rest:\n%s", now)
		case <-tick.C:
		}
	}
}

// States of a connection in the kernel's tracker, between the first FIN and the last answer to one (linux/netfilter/nf_conntrack_tcp.h).
const finWait, lastACK = 4, 6

func (w *watch) want(what string, lines ...string) {
	w.t.Helper()
	w.settled()
	slices.Sort(lines)
	if got := trails(w.cut()); !slices.Equal(got, lines) {
		w.t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(lines, "\n     "))
	}
}

// TestFlowPaths: the records of what gateways translate and hand on are those of AWS's page "Flow log record examples", traffic through
// a NAT gateway, with the kernel's own word for each step.
func TestFlowPaths(t *testing.T) {
	f := open(t, linux.Config{})
	a := wide("vpc-a").igw("igw-a").nat("nat-1", "vpc-a-b", "10.0.2.20").elastic("10.0.2.20", "198.19.0.7").
		route("vpc-a-a", "0.0.0.0/0", "nat-1").route("vpc-a-b", "0.0.0.0/0", "igw-a")
	b := newVPC("vpc-b", "10.8.0.0/16").subnet("vpc-b-a", "10.8.1.0/24").group("sg-b").allow("sg-b", false, anywhere).allow("sg-b", true, tcpFrom(80, "0.0.0.0/0")).
		port("vpc-b-1", "vpc-b-a", "10.8.1.10", "sg-b").igw("igw-b").elastic("10.8.1.10", "198.19.0.2").route("vpc-b-a", "0.0.0.0/0", "igw-b")
	w := &world{}
	da, db := a.draw(), b.draw()
	for _, d := range []fabric.Desired{da, db, w.draw(a, b)} {
		set(t, f, d)
	}
	wa, wb := observe(t, f, da, 0), observe(t, f, db, 0)
	one, three, pb := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-a-3"), sit(t, f, "vpc-b-1")
	pb.expect("ok", "tcp", ":80")

	one.expect("open 198.19.0.7>10.8.1.10:80", "dial", "198.19.0.2:80")
	wa.want("by the NAT gateway",
		"vpc-a-1 10.0.1.10>198.19.0.2 out by 1", "vpc-a-1 198.19.0.2>10.0.1.10",
		"eni-of-nat-1 10.0.1.10>10.0.2.20 [10.0.1.10>198.19.0.2]", "eni-of-nat-1 10.0.2.20>10.0.1.10 [198.19.0.2>10.0.1.10] out by 1",
		"eni-of-nat-1 10.0.2.20>198.19.0.2 out by 8", "eni-of-nat-1 198.19.0.2>10.0.2.20")
	wb.want("at the public address", "vpc-b-1 198.19.0.7>10.8.1.10", "vpc-b-1 10.8.1.10>198.19.0.7 out by 8")

	one.expect("dropped", "dial", "198.19.0.2:81")
	wb.refusals(1)
	wb.want("refused over there", "vpc-b-1 198.19.0.7>10.8.1.10 REJECT")
	wa.want("and let out here", "vpc-a-1 10.0.1.10>198.19.0.2 out by 1", "eni-of-nat-1 10.0.1.10>10.0.2.20 [10.0.1.10>198.19.0.2]", "eni-of-nat-1 10.0.2.20>198.19.0.2 out by 8")

	three.expect("dropped", "dial", "198.19.0.2:80")
	wa.refusals(1)
	wa.want("without a public address", "vpc-a-3 10.0.2.10>198.19.0.2 out by 8")

	pb.expect("dropped", "dial", "198.19.0.7:80") // nobody comes in by a NAT gateway
	wa.refusals(2)
	wa.want("to the NAT gateway", "eni-of-nat-1 198.19.0.2>10.0.2.20 REJECT")
}

// TestFlowPeersAndEndpoints: each VPC has its own side of a peering; an interface endpoint is an interface like any other.
func TestFlowPeersAndEndpoints(t *testing.T) {
	f := open(t, linux.Config{})
	a, b := peers()
	b.group("sg-ep").allow("sg-ep", true, tcpFrom(443, "10.1.1.0/24")).port("eni-ep", "vpc-b-a", "10.1.1.40", "sg-ep").is(answer4)
	da, db := a.draw(), b.draw()
	set(t, f, da)
	set(t, f, db)
	for _, l := range db.Listeners {
		if l.Addr == netip.MustParseAddr("10.1.1.40") {
			in, err := f.Listen(soon(t), "vpc-b", l)
			if err != nil {
				t.Fatal(err)
			}
			go accept(in, nil)
		}
	}
	wa, wb := observe(t, f, da, 0), observe(t, f, db, 0)
	pa, pb := sit(t, f, "vpc-a-1"), sit(t, f, "vpc-b-1")
	pa.expect("open", "ping", "10.1.1.10")
	wa.want("the peering, from here", "vpc-a-1 10.0.1.10>10.1.1.10 out by 4", "vpc-a-1 10.1.1.10>10.0.1.10")
	wb.want("and from there", "vpc-b-1 10.0.1.10>10.1.1.10", "vpc-b-1 10.1.1.10>10.0.1.10 out by 4")
	pb.expect("open", "dial", "10.1.1.40:443")
	wb.want("an interface endpoint", "vpc-b-1 10.1.1.10>10.1.1.40 out by 1", "vpc-b-1 10.1.1.40>10.1.1.10", "eni-ep 10.1.1.10>10.1.1.40", "eni-ep 10.1.1.40>10.1.1.10 out by 1")
	pb.expect("dropped", "dial", "10.1.1.40:80")
	wb.refusals(1)
	wb.want("and its groups", "vpc-b-1 10.1.1.10>10.1.1.40 out by 1", "eni-ep 10.1.1.10>10.1.1.40 REJECT")
	pb.expect("dropped", "ask", "10.1.0.2:54")
	wb.refusals(2)
	wb.want("the resolver's address is in no record")
}
