package linux

import (
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

// BenchmarkThroughput compares port to port under 300 rules with plain routed links, in turns.
func BenchmarkThroughput(b *testing.B) {
	start(b).Close() // or skip
	attr, err := identity(Range{})
	if err != nil {
		b.Fatal(err)
	}
	attr.Pdeathsig = 0
	for b.Loop() {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args, cmd.SysProcAttr = []string{"inside", "throughput"}, attr
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatal(err, string(out))
		}
		var ruled, plain, ratio float64
		if _, err := fmt.Sscan(string(out), &ruled, &plain, &ratio); err != nil {
			b.Fatal(string(out))
		}
		b.ReportMetric(ruled, "Gbit/s")
		b.ReportMetric(plain, "plain-Gbit/s")
		b.ReportMetric(ratio, "ratio")
	}
}

// throughput runs with the fabric child's powers and prints the medians in Gbit/s, and the median of the paired ratios.
func throughput() error {
	c := &child{networks: map[string]*network{}, seats: map[string]*network{}, joints: newJoints(), received: map[string]received{}, procs: map[int]*proc{}, spawner: make(chan func())}
	if err := c.settle(); err != nil {
		return err
	}
	d := many(2, 5, 10)
	d.Groups[0].Egress = []fabric.Allow{{Rule: "sgr-all", Proto: vpc.Any, Peers: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}
	if s := c.set(d); s.Err != "" {
		return fmt.Errorf("%s", s.Err)
	}
	bare := &network{id: "bare", ids: c.uids, ports: map[string]*port{}, dirty: map[netip.Addr]bool{}, routed: newRouting()}
	if err := bare.unwalled(d); err != nil {
		return err
	}
	var ruled, plain, ratio []float64
	for range 7 {
		x, err := pour(c.networks[d.Network], 1000)
		if err != nil {
			return err
		}
		y, err := pour(bare, 1000)
		if err != nil {
			return err
		}
		ruled, plain, ratio = append(ruled, x), append(plain, y), append(ratio, x/y)
	}
	for _, v := range [][]float64{ruled, plain, ratio} {
		slices.Sort(v)
		fmt.Printf("%.3f ", v[len(v)/2])
	}
	return nil
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
