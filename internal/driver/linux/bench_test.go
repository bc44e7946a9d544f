package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// BenchmarkSpawn is the time until the first byte of a process on a port arrives.
func BenchmarkSpawn(b *testing.B) {
	f := start(b)
	set(b, f, small("vpc-1", 1))
	for b.Loop() {
		if out, err := run(b, f, "eni-vpc-1-0", "hello"); out != "H" || err != nil {
			b.Fatal(out, err)
		}
	}
}

// BenchmarkThroughput compares port to port under 540 rules with plain routed links, in turns.
func BenchmarkThroughput(b *testing.B) { ratios(b, "throughput", "Gbit/s") }

// BenchmarkConnections compares new connections under a rule for 5,000 sources with routed links that are tracked, in turns.
func BenchmarkConnections(b *testing.B) { ratios(b, "connections", "conn/s") }

func ratios(b *testing.B, what, unit string) {
	start(b).Close() // or skip
	attr, err := identity(Range{})
	if err != nil {
		b.Fatal(err)
	}
	attr.Pdeathsig = 0
	for b.Loop() {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args, cmd.SysProcAttr = []string{"inside", what}, attr
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatal(err, string(out))
		}
		var walled, plain, ratio float64
		if _, err := fmt.Sscan(string(out), &walled, &plain, &ratio); err != nil {
			b.Fatal(string(out))
		}
		b.ReportMetric(walled, unit)
		b.ReportMetric(plain, "plain-"+unit)
		b.ReportMetric(ratio, "ratio")
	}
}

// throughput runs with the fabric child's powers and prints the medians in Gbit/s, and the median of the paired ratios.
func throughput() error {
	d := many(2, 9, 10) // 540 rules
	d.Groups[0].Egress = []fabric.Allow{{Rule: "sgr-all", Proto: vpc.Any, Peers: []netip.Prefix{everything}}}
	return pairs(d, false, func(n *network) (float64, error) { return pour(n, 1000) })
}

// connections are new ones each second, where one rule admits 5,000 sources, compared with a host that routes and tracks.
func connections() error {
	d := many(2, 5, 10)
	d.Groups[0].Egress = []fabric.Allow{{Rule: "sgr-all", Proto: vpc.Any, Peers: []netip.Prefix{everything}}}
	in := fabric.Allow{Rule: "sgr-5000", Proto: vpc.TCP, From: 7000, To: 7000, Peers: []netip.Prefix{netip.MustParsePrefix("10.0.0.4/32")}}
	for i := range 4999 {
		in.Peers = append(in.Peers, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1}), 32))
	}
	d.Groups[4].Ingress = []fabric.Allow{in}
	return pairs(d, true, knock)
}

// pairs measures a walled network and a plain one in turns.
func pairs(d fabric.Desired, tracked bool, measure func(*network) (float64, error)) error {
	c := &child{networks: map[string]*network{}, seats: map[string]*network{}, joints: newJoints(), received: map[string]received{}, procs: map[int]*proc{}, spawner: make(chan func())}
	if err := c.settle(); err != nil {
		return err
	}
	if s := c.set(d); s.Err != "" {
		return fmt.Errorf("%s", s.Err)
	}
	bare := &network{id: "bare", ids: c.uids, ports: map[string]*port{}, dirty: map[netip.Addr]bool{}, routed: newRouting()}
	if err := bare.unwalled(d); err != nil {
		return err
	}
	if tracked {
		book, err := openRulebook(bare.ns)
		if err != nil {
			return err
		}
		track := fabric.Ruleset{Table: "track", Chains: []fabric.Chain{{Name: "forward", Hook: "forward", Rules: []fabric.Rule{
			{Matches: []fabric.Match{{Op: fabric.CtFlow}}, Verdict: fabric.Accept}}}}}
		if err := c.load(book, track); err != nil {
			return err
		}
	}
	var walled, plain, ratio []float64
	for range 7 {
		x, err := measure(c.networks[d.Network])
		if err != nil {
			return err
		}
		y, err := measure(bare)
		if err != nil {
			return err
		}
		walled, plain, ratio = append(walled, x), append(plain, y), append(ratio, x/y)
	}
	for _, v := range [][]float64{walled, plain, ratio} {
		slices.Sort(v)
		fmt.Printf("%.3f ", v[len(v)/2])
	}
	return nil
}

// knock connects from eni-0 to eni-1 again and again for a third of a second and gives connections per second.
func knock(n *network) (float64, error) {
	from, to := n.ports["eni-0"], n.ports["eni-1"]
	dst := netip.AddrPortFrom(to.Addrs[0], 7000)
	var l int
	err := within(to.ns, func() (err error) {
		if l, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(l, inet4(dst)), unix.Listen(l, 512))
	})
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			a, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
			if err != nil && err != unix.EINTR && err != unix.ECONNABORTED {
				return
			}
			if err == nil {
				unix.Close(a)
			}
		}
	}()
	count, t0 := 0, time.Now()
	err = within(from.ns, func() error {
		for ; time.Since(t0) < 333*time.Millisecond; count++ {
			s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			err = errors.Join(unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Connect(s, inet4(dst)))
			unix.Close(s)
			if err != nil {
				return err
			}
		}
		return nil
	})
	rate := float64(count) / time.Since(t0).Seconds()
	return rate, errors.Join(err, unix.Shutdown(l, unix.SHUT_RDWR), unix.Close(l))
}

// unwalled makes the same links and routes without any rule: what a host that only routes would have.
func (n *network) unwalled(d fabric.Desired) (err error) {
	if n.ns, err = newNamespace(); err != nil {
		return err
	}
	if err = sysctls(n.ns, networkSettings()); err != nil {
		return err
	}
	if n.rt, err = netlink.NewHandleAt(netns.NsHandle(n.ns), unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER); err != nil {
		return err
	}
	if n.lo, err = n.rt.LinkByName("lo"); err != nil {
		return err
	}
	if err = n.rt.LinkSetUp(n.lo); err != nil {
		return err
	}
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table = unix.AF_INET, fabric.LocalPriority, fabric.LocalTable
	if err = n.rt.RuleAdd(r); err != nil {
		return err
	}
	if err = n.route(d, nil); err != nil {
		return err
	}
	for _, p := range d.Ports {
		if n.ports[p.ID], err = (&child{}).addPort(n, p, d.Subnets[0]); err != nil {
			return err
		}
		if err = carries(n.rt, p.Alias); err != nil {
			return err
		}
	}
	return nil
}

// pour sends from eni-0 to a port of eni-1 for half a second and gives Gbit/s.
func pour(n *network, at uint16) (float64, error) {
	from, to := n.ports["eni-0"], n.ports["eni-1"]
	dst := netip.AddrPortFrom(to.Addrs[0], at)
	var l, s int
	err := within(to.ns, func() (err error) {
		if l, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if err := unix.Bind(l, inet4(dst)); err != nil {
			return err
		}
		return unix.Listen(l, 1)
	})
	if err != nil {
		return 0, err
	}
	defer unix.Close(l)
	err = within(from.ns, func() (err error) {
		if s, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Connect(s, inet4(dst))
	})
	if err != nil {
		return 0, err
	}
	a, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(a)
	go func() {
		defer unix.Close(s)
		b := make([]byte, 128<<10)
		for t0 := time.Now(); time.Since(t0) < 500*time.Millisecond; {
			if _, err := unix.Write(s, b); err != nil {
				return
			}
		}
	}()
	total, b, t0 := 0, make([]byte, 128<<10), time.Now()
	for {
		k, err := unix.Read(a, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil || k == 0 {
			return float64(total) * 8 / 1e9 / time.Since(t0).Seconds(), err
		}
		total += k
	}
}

// insideMain is what the test binary does in the child's place.
func insideMain() int {
	var err error
	switch strings.Join(os.Args[1:], " ") {
	case "throughput":
		err = throughput()
	case "connections":
		err = connections()
	case "drift":
		err = drift()
	default:
		err = spoof()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
