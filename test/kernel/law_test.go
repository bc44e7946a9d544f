package kernel_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// TestModelIsKernel draws random worlds and flows and asks both who carry the law: reach.Trace and the kernel. They must say
// the same of each flow. CLOISTER_SEED repeats a run, CLOISTER_NETWORKS makes it longer.
//
// It draws until every hop has decided some of them, there and back: a draw in which one never did shows nothing of it. All but spoof,
// since an ordinary socket can't send from an address that is not its interface's (TestLeakFrames does).
func TestModelIsKernel(t *testing.T) {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("CLOISTER_SEED"), 10, 64); err == nil {
		seed = s
	}
	worlds, most := 24, 96
	if n, err := strconv.Atoi(os.Getenv("CLOISTER_NETWORKS")); err == nil {
		worlds, most = n, n
	}
	const flows = 190 // of each drawing
	t.Logf("CLOISTER_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	f := open(t, linux.Config{})
	seen, total := map[string]int{}, 0
	for i := 0; i < worlds || i < most && rarest(seen) != ""; i++ {
		g := &guess{cosmos: randomCosmos(rnd, string(rune('a'+i%26))), f: f, port: reach.EphemeralFirst}
		for change := range 2 { // the second is a change of the first, under the eyes of the same processes
			if change > 0 {
				g.change()
			}
			w := g.draw()
			for _, id := range slices.Sorted(maps.Keys(w)) {
				set(t, f, w[id])
			}
			if change == 0 {
				g.serve(t, w)
			}
			total += g.compare(t, w, flows, seen)
		}
		g.leave()
		for _, d := range append(g.vpcs, &drawing{s: vpc.Snapshot{VPC: vpc.VPC{ID: vpc.InternetNetwork}}}) {
			if err := f.Remove(soon(t), d.s.VPC.ID); err != nil {
				t.Fatal(err)
			}
		}
		if t.Failed() {
			t.Logf("world %d of this seed", i)
			return
		}
	}
	t.Logf("%d flows, by verdict and deciding hop: %v", total, seen)
	if worlds < 24 {
		return
	}
	if hop := rarest(seen); hop != "" {
		t.Errorf("%d flows %s: the draw is too lopsided to show anything", seen[hop], hop)
	}
	if total < 5000 {
		t.Errorf("only %d flows were compared", total)
	}
}

// rarest names what has decided too few flows to show anything; empty when all have.
func rarest(seen map[string]int) string {
	for _, hop := range []string{"arrives ingress", "arrives listener", "arrives input", "refused route", "refused egress", "refused ingress", "refused acl-out",
		"refused acl-in", "refused input", "refused gateway", "refused listener", "refused <acl-out", "refused <acl-in", "refused <route",
		"by a prefix", "by a prefix list", "by a group", "by a peer's group"} {
		if seen[hop] < 3 {
			return hop
		}
	}
	return ""
}

// guess is a random world with a process on each port that one can sit on.
type guess struct {
	*cosmos
	f       *linux.Fabric
	probers map[string]*prober
	ports   []fabric.Port
	port    uint16 // the source port of the next flow: no two share one, so none is part of another's connection
}

var served = []uint16{53, 80, 443, 5432, 8080}

// serve sits a process on every port and daemon's sockets on the listeners.
func (g *guess) serve(t *testing.T, w reach.World) {
	g.probers, g.ports = map[string]*prober{}, guests(w)
	type answer struct {
		want string
		ch   chan string
	}
	var ready []answer
	for _, p := range g.ports {
		pr := sit(t, g.f, p.ID)
		g.probers[p.ID] = pr
		for _, port := range served {
			for _, kind := range []string{"tcp", "udp"} {
				ready = append(ready, answer{p.ID + " " + kind, pr.send(kind, fmt.Sprintf(":%d", port))})
			}
		}
	}
	for _, d := range w {
		all := d.Listeners
		if d.Catch != nil {
			all = append(slices.Clone(all), *d.Catch)
		}
		for _, l := range all {
			if l.Net == "tcp" {
				in, err := g.f.Listen(soon(t), d.Network, l)
				if err != nil {
					t.Fatal(err)
				}
				go accept(in, nil)
				continue
			}
			in, err := g.f.ListenPacket(soon(t), d.Network, l)
			if err != nil {
				t.Fatal(err)
			}
			go echo(in)
		}
	}
	for _, r := range ready {
		if got := <-r.ch; got != "ok" {
			t.Fatalf("%s: %s", r.want, got)
		}
	}
}

// leave ends the processes.
func (g *guess) leave() {
	for _, p := range g.probers {
		p.in.Close()
	}
}

func echo(c net.PacketConn) {
	b := make([]byte, 64)
	for {
		n, a, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(b[:n], a)
	}
}

func (g *guess) flow(w reach.World) reach.Flow {
	self := pick(g.Rand, g.ports...)
	fl := reach.Flow{From: self.ID, Src: self.Addrs[0], Proto: pick(g.Rand, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP)}
	home := g.home(self.ID)
	d := w[home.s.VPC.ID]
	far := d
	if near := g.around(slices.Index(g.vpcs, home)); len(near) > 0 {
		far = w[g.vpcs[pick(g.Rand, near...)].s.VPC.ID]
	}
	switch n := g.IntN(20); {
	case n == 0: // the daemon, from inside the network
		return reach.Flow{Network: home.s.VPC.ID, Dst: self.Addrs[0], Proto: vpc.TCP, Port: pick[uint16](g.Rand, 80, 5432, 8080, 9999)}
	case n == 1: // what a job asks for
		fl.Dst, fl.Proto, fl.Port = vpc.S3Addr, vpc.TCP, pick[uint16](g.Rand, 80, 443)
	case n == 2:
		fl.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(pick(g.Rand, 10, 77, 200))})
	case n == 3: // names, one's own network's or another's
		fl.Dst, fl.Proto, fl.Port = vpc.Resolver(pick(g.Rand, d, d, far).CIDRs[0]), pick(g.Rand, vpc.TCP, vpc.UDP), 53
	case n == 4: // routers, and addresses that nobody has
		b := pick(g.Rand, d, far).CIDRs[0].Addr().As4()
		fl.Dst = netip.AddrFrom4([4]byte{b[0], b[1], byte(g.IntN(4)), byte(pick(g.Rand, 1, 2, 200))})
	case n == 5:
		fl.Dst = netip.MustParseAddr(pick(g.Rand, "8.8.8.8", "203.0.113.200", "169.254.169.254", "172.31.0.1", "10.2.0.10"))
	case n < 9: // a public address
		fl.Dst = netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + g.IntN(int(g.public)+1))})
	case n < 14: // whatever is in a peer
		fl.Dst = g.other(far, self)
	case n == 14: // endpoints and NAT gateways
		fl.Dst = netip.AddrFrom4([4]byte{10, byte(g.IntN(2)), byte(g.IntN(3)), byte(pick(g.Rand, 20, 40))})
	default:
		fl.Dst = g.other(d, self)
	}
	switch {
	case fl.Proto == vpc.ICMP:
		fl.Type = 8
	case fl.Port > 0:
	case fl.Proto == vpc.UDP: // served ones only: what refuses a datagram is an ICMP message, of which the model says nothing
		fl.Port = pick(g.Rand, served...)
	default:
		fl.Port = pick(g.Rand, append([]uint16{9999}, served...)...)
	}
	return fl
}

// other is an address of another port, seldom of the same.
func (g *guess) other(d fabric.Desired, self fabric.Port) netip.Addr {
	p := pick(g.Rand, d.Ports...)
	for p.ID == self.ID && !g.often(1) {
		p = pick(g.Rand, d.Ports...)
	}
	return p.Addrs[0]
}

// admitted says what kind of rule it was.
func (g *guess) admitted(by reach.Step) string {
	for _, d := range g.vpcs {
		for _, own := range d.s.Groups {
			for _, r := range own.Rules {
				switch here := func(x vpc.Group) bool { return x.ID == r.Group }; {
				case d.s.VPC.ID != by.Network || r.ID != by.Rule:
				case r.PrefixList != "":
					return "by a prefix list"
				case r.Group == "":
					return "by a prefix"
				case slices.ContainsFunc(d.s.Groups, here):
					return "by a group"
				default:
					return "by a peer's group"
				}
			}
		}
	}
	return "by nothing"
}

func (g *guess) home(eni string) *drawing {
	i := slices.IndexFunc(g.vpcs, func(d *drawing) bool {
		return slices.ContainsFunc(d.s.Interfaces, func(i vpc.Interface) bool { return i.ID == eni })
	})
	return g.vpcs[i]
}

// send gives the flow a source port of its own.
func (g *guess) send(fl *reach.Flow) chan string {
	g.port++
	if fl.From == "" {
		return g.dialIn(*fl)
	}
	to, from, p := netip.AddrPortFrom(fl.Dst, fl.Port).String(), netip.AddrPortFrom(fl.Src, g.port).String(), g.probers[fl.From]
	switch fl.Proto {
	case vpc.TCP:
		fl.SrcPort = g.port
		return p.send("dial", to, from)
	case vpc.UDP:
		fl.SrcPort = g.port
		return p.send("ask", to, from)
	}
	return p.send("ping", fl.Dst.String(), strconv.Itoa(int(g.port)))
}

// dialIn is a connection that the daemon makes.
func (g *guess) dialIn(fl reach.Flow) chan string {
	ch := make(chan string, 1)
	go func() {
		c, err := g.f.DialPort(context.Background(), fl.Network, netip.AddrPortFrom(fl.Dst, fl.Port), patience)
		switch {
		case err == nil:
			c.Close()
			ch <- "open"
		case strings.Contains(err.Error(), unix.ECONNREFUSED.Error()):
			ch <- "refused"
		case strings.Contains(err.Error(), unix.ETIMEDOUT.Error()):
			ch <- "dropped"
		default:
			ch <- "error " + err.Error()
		}
	}()
	return ch
}

// compare sends flows, all at once, holds each outcome to the model's, and says how many there were.
func (g *guess) compare(t *testing.T, w reach.World, n int, seen map[string]int) int {
	t.Helper()
	type sent struct {
		flow   reach.Flow
		answer chan string
	}
	var all []sent
	m := reach.Index(w)
	for range n {
		fl := g.flow(w)
		if m.Trace(fl).Appliance != "" {
			continue // what an appliance does is its own affair
		}
		ch := g.send(&fl)
		all = append(all, sent{fl, ch})
	}
	for _, s := range all {
		got := <-s.answer
		model := m.Trace(s.flow)
		for try := 0; got == "dropped" && model.Verdict == reach.Accept && try < 3; try++ {
			got = <-g.send(&s.flow) // late on a busy host? a wall that stands refuses each time
			model = m.Trace(s.flow)
		}
		arrives := bool(model.Verdict)
		word, _, _ := strings.Cut(got, " ")
		agree := (word != "dropped") == arrives
		if model.Deciding.Hop == reach.Listener && !arrives {
			// All walls are passed and nobody serves: an endpoint's address may refuse or be silent. Echo is the kernel's own.
			agree = word != "open" || s.flow.Proto == vpc.ICMP
		}
		switch {
		case word != "open" && word != "refused" && word != "dropped":
			t.Errorf("%+v: the probe failed: %s", s.flow, got)
		case !agree:
			t.Errorf("%+v: the kernel says %q, the model %s", s.flow, got, model.Verdict)
			for _, h := range model.Hops {
				t.Logf("  %+v", h)
			}
			if os.Getenv("CLOISTER_SEED") != "" {
				t.Log(fabric.Compile(w[model.Deciding.Network]).Text())
			}
		}
		any := s.flow
		if any.SrcPort = 0; bool(m.Trace(any).Verdict) && !arrives {
			t.Errorf("%+v arrives from every port but this", s.flow)
		}
		verdict, back := "arrives ", ""
		if !arrives {
			verdict = "refused "
		}
		if model.Deciding.Back {
			back = "<"
		}
		seen[verdict+back+string(model.Deciding.Hop)]++
		if arrives && model.Deciding.Hop == reach.Ingress {
			seen[g.admitted(model.Deciding)]++
		}
	}
	return len(all)
}
