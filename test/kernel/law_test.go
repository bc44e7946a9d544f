package kernel_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// TestModelIsKernel draws random networks and flows and asks both who carry the law: reach.Trace and the kernel. They must
// say the same of each flow. CLOISTER_SEED repeats a run, CLOISTER_NETWORKS makes it longer.
func TestModelIsKernel(t *testing.T) {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("CLOISTER_SEED"), 10, 64); err == nil {
		seed = s
	}
	networks := 8
	if n, err := strconv.Atoi(os.Getenv("CLOISTER_NETWORKS")); err == nil {
		networks = n
	}
	const flows = 40
	t.Logf("CLOISTER_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	f := open(t, linux.Config{})
	seen := map[string]int{}
	for i := range networks {
		g := &guess{Rand: rnd, f: f, drawing: randomVPC(rnd, fmt.Sprintf("vpc-%d", i))}
		for change := range 2 { // the second is a change of the first, under the eyes of the same processes
			if change > 0 {
				g.change()
			}
			d := g.draw()
			set(t, f, d)
			if change == 0 {
				g.serve(t, f, d)
			}
			g.compare(t, d, flows/2, seen)
		}
		if err := f.Remove(soon(t), g.s.VPC.ID); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("verdicts by hop: %v", seen)
	arrived, refused := 0, 0
	for k, n := range seen {
		if strings.HasPrefix(k, "arrives") {
			arrived += n
		} else {
			refused += n
		}
	}
	if !t.Failed() && (arrived < networks*flows/20 || refused < networks*flows/20) {
		t.Errorf("%d flows arrived and %d were refused: the draw is too lopsided to show anything", arrived, refused)
	}
}

// guess is a random network with a process on each port.
type guess struct {
	*rand.Rand
	*drawing
	f       *linux.Fabric
	probers map[string]*prober
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

var servedPorts = []uint16{80, 443, 5432, 8080}

func randomVPC(r *rand.Rand, id string) *drawing {
	base := pick(r, "10.0", "172.16", "192.168")
	d := newVPC(id, base+".0.0/16")
	d.s.VPC.DNSSupport = r.IntN(4) > 0
	subnets := 1 + r.IntN(3)
	for i := range subnets {
		d.subnet(fmt.Sprintf("%s-s%d", id, i), fmt.Sprintf("%s.%d.0/24", base, i))
	}
	groups := 1 + r.IntN(4)
	for i := range groups {
		d.group(fmt.Sprintf("sg-%d", i))
	}
	for i := range groups {
		for _, ingress := range []bool{true, false} {
			for range r.IntN(4) {
				d.allow(fmt.Sprintf("sg-%d", i), ingress, randomRule(r, base, groups))
			}
		}
		if r.IntN(2) == 0 {
			d.allow(fmt.Sprintf("sg-%d", i), false, anywhere)
		}
	}
	for i := range 3 + r.IntN(3) {
		s := r.IntN(subnets)
		var in []string
		for g := range groups {
			if r.IntN(2) == 0 {
				in = append(in, fmt.Sprintf("sg-%d", g))
			}
		}
		d.port(fmt.Sprintf("%s-eni-%d", id, i), fmt.Sprintf("%s-s%d", id, s), fmt.Sprintf("%s.%d.%d", base, s, 10+i), in...)
	}
	d.randomRoutes(r)
	return d
}

// randomRoutes gives each subnet the endpoint or not, and perhaps routes that lead nowhere.
func (d *drawing) randomRoutes(r *rand.Rand) {
	var with []string
	for i := range d.s.RouteTables {
		t := &d.s.RouteTables[i]
		t.Routes = nil
		if r.IntN(2) == 0 && !t.Main {
			with = append(with, strings.TrimPrefix(t.ID, "rtb-"))
		}
		if r.IntN(3) == 0 {
			t.Routes = append(t.Routes, vpc.Route{Dest: netip.MustParsePrefix(pick(r, "0.0.0.0/0", "198.51.100.0/26", "203.0.113.0/24")), Target: "nat-1"})
		}
	}
	d.s.Endpoints = nil
	if r.IntN(4) > 0 {
		d.gateway(with...)
	}
}

func randomRule(r *rand.Rand, base string, groups int) vpc.Rule {
	rule := vpc.Rule{Proto: pick(r, vpc.Any, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP), From: -1, To: -1}
	switch rule.Proto {
	case vpc.TCP, vpc.UDP:
		rule.From = pick(r, 0, 80, 443, 53, 5432, 8000)
		rule.To = max(rule.From, pick(r, 80, 443, 5432, 8080, 65535))
	case vpc.ICMP:
		rule.From = pick(r, -1, 8, 0)
	}
	switch r.IntN(3) {
	case 0:
		rule.Group = fmt.Sprintf("sg-%d", r.IntN(groups))
	case 1:
		rule.CIDR = netip.MustParsePrefix(pick(r, "0.0.0.0/0", base+".0.0/16", base+".1.0/24", base+".0.8/29", base+".0.11/32", "198.51.100.0/24"))
	default:
		rule.PrefixList = vpc.S3PrefixList("us-east-1")
	}
	return rule
}

// change moves the walls: rules, routes, a group of a port, a port that leaves and one that comes.
func (g *guess) change() {
	for i := range g.s.Groups {
		if rules := g.s.Groups[i].Rules; len(rules) > 0 && g.IntN(2) == 0 {
			g.s.Groups[i].Rules = append(rules[:0:0], rules[1:]...)
		}
	}
	g.allow("sg-0", g.IntN(2) == 0, anywhere)
	g.randomRoutes(g.Rand)
	last := &g.s.Interfaces[len(g.s.Interfaces)-1]
	last.Groups = []string{"sg-0"}
}

// serve sits a process on every port and daemon's sockets on the listeners.
func (g *guess) serve(t *testing.T, f *linux.Fabric, d fabric.Desired) {
	g.probers = map[string]*prober{}
	for _, p := range d.Ports {
		pr := sit(t, f, p.ID)
		g.probers[p.ID] = pr
		for _, port := range servedPorts {
			pr.expect("ok", "tcp", fmt.Sprintf(":%d", port))
		}
		pr.expect("ok", "udp", ":53")
	}
	for _, l := range d.Listeners {
		if l.Net == "tcp" {
			in, err := f.Listen(soon(t), d.Network, l)
			if err != nil {
				t.Fatal(err)
			}
			go accept(in, nil)
			continue
		}
		in, err := f.ListenPacket(soon(t), d.Network, l)
		if err != nil {
			t.Fatal(err)
		}
		go echo(in)
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

func (g *guess) flow(d fabric.Desired) reach.Flow {
	self := pick(g.Rand, d.Ports...)
	fl := reach.Flow{From: self.ID, Proto: pick(g.Rand, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP), Type: 8}
	base := d.CIDRs[0].Addr().As4()
	switch g.IntN(11) {
	case 10: // the daemon, from inside the network
		return reach.Flow{Dst: self.Addrs[0], Proto: vpc.TCP, Port: pick[uint16](g.Rand, 80, 5432, 8080, 9999)}
	case 0:
		fl.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(pick(g.Rand, 10, 77, 200))})
	case 1: // what a job asks for
		return reach.Flow{From: self.ID, Dst: vpc.S3Addr, Proto: vpc.TCP, Port: pick[uint16](g.Rand, 80, 443)}
	case 2:
		return reach.Flow{From: self.ID, Dst: vpc.Resolver(d.CIDRs[0]), Proto: pick(g.Rand, vpc.TCP, vpc.UDP), Port: 53}
	case 3:
		fl.Dst = netip.AddrFrom4([4]byte{base[0], base[1], byte(g.IntN(4)), byte(pick(g.Rand, 1, 2, 200))})
	case 4:
		fl.Dst = netip.MustParseAddr(pick(g.Rand, "203.0.113.7", "8.8.8.8", "10.0.0.2", "169.254.169.254"))
	default:
		for fl.Dst = pick(g.Rand, d.Ports...).Addrs[0]; fl.Dst == self.Addrs[0] && g.IntN(8) > 0; {
			fl.Dst = pick(g.Rand, d.Ports...).Addrs[0]
		}
	}
	if fl.Proto != vpc.ICMP {
		fl.Type = 0
		fl.Port = pick[uint16](g.Rand, 53, 80, 443, 5432, 8080, 9999)
	}
	return fl
}

func (g *guess) sendFlow(fl reach.Flow) chan string {
	to, p := netip.AddrPortFrom(fl.Dst, fl.Port).String(), g.probers[fl.From]
	if p == nil {
		return g.dialIn(fl)
	}
	switch fl.Proto {
	case vpc.TCP:
		return p.send("dial", to)
	case vpc.UDP:
		return p.send("ask", to)
	}
	return p.send("ping", fl.Dst.String())
}

// dialIn is a connection that the daemon makes.
func (g *guess) dialIn(fl reach.Flow) chan string {
	ch := make(chan string, 1)
	go func() {
		c, err := g.f.DialPort(context.Background(), g.s.VPC.ID, netip.AddrPortFrom(fl.Dst, fl.Port), patience)
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

// compare sends flows, all at once, and holds each outcome to the model's.
func (g *guess) compare(t *testing.T, d fabric.Desired, n int, seen map[string]int) {
	t.Helper()
	type sent struct {
		flow   reach.Flow
		answer chan string
	}
	var all []sent
	for range n {
		fl := g.flow(d)
		all = append(all, sent{fl, g.sendFlow(fl)})
	}
	for _, s := range all {
		got := <-s.answer
		model := reach.Trace(reach.Only(d), s.flow)
		if got == "dropped" && model.Verdict == reach.Accept {
			got = <-g.sendFlow(s.flow) // late on a busy host? a wall that stands refuses twice
		}
		arrives := model.Verdict == reach.Accept
		word, _, _ := strings.Cut(got, " ")
		agree := (word != "dropped") == arrives
		if model.Deciding.Hop == reach.Listener && !arrives {
			// All walls are passed and nobody serves: an endpoint's address can't even refuse. Echo is the kernel's own.
			agree = word != "open" || s.flow.Proto == vpc.ICMP
		}
		switch {
		case word != "open" && word != "refused" && word != "dropped":
			t.Errorf("%+v: the probe failed: %s", s.flow, got)
		case !agree:
			t.Errorf("%+v: the kernel says %q, the model %s: %+v\n%s", s.flow, got, model.Verdict, model.Hops, fabric.Compile(d).Text())
		}
		verdict := "arrives"
		if !arrives {
			verdict = "refused"
		}
		seen[verdict+" "+string(model.Deciding.Hop)]++
	}
}
