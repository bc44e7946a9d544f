package linux

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// serveGateway lets the daemon answer at the gateway, so that a dial tells whether packets pass.
func serveGateway(t testing.TB, f *Fabric, network string) {
	t.Helper()
	l, err := f.Listen(within10s(t), network, fabric.Listener{Name: "s3", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(c, "%s>%s", c.RemoteAddr().(*net.TCPAddr).IP, c.LocalAddr())
			c.Close()
		}
	}()
}

// many is a drawing with more rules than one batch holds: groups of 60 rules each, one of them with many prefixes.
func many(ports, groups, prefixes int) fabric.Desired {
	d := small("vpc-1", 1)
	var all []string
	d.Groups = nil
	for g := range groups {
		id := fmt.Sprintf("sg-%d", g)
		all = append(all, id)
		gr := fabric.Group{ID: id}
		for r := range 60 {
			gr.Ingress = append(gr.Ingress, fabric.Allow{Rule: fmt.Sprintf("sgr-%d-%d", g, r), Proto: vpc.TCP, From: 1000 + 100*g + r, To: 1000 + 100*g + r,
				Peers: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}})
		}
		d.Groups = append(d.Groups, gr)
	}
	last := &d.Groups[groups-1]
	last.Egress = []fabric.Allow{{Rule: "sgr-out", Proto: vpc.TCP, From: 443, To: 443, Peers: []netip.Prefix{vpc.S3Prefix}}}
	for i := range prefixes {
		last.Egress[0].Peers = append(last.Egress[0].Peers, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 25))
	}
	d.Ports = nil
	for i := range ports {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(4 + i)})
		d.Ports = append(d.Ports, fabric.Port{ID: fmt.Sprintf("eni-%d", i), Alias: fmt.Sprintf("e%d", i), Addrs: []netip.Addr{a}, MAC: vpc.MAC(a), Subnet: "subnet-1", Groups: all})
	}
	return d
}

// Many rules, members and prefixes go in by batches that a stock host's buffers hold, and what they say holds.
func TestLargeRuleset(t *testing.T) {
	f := start(t)
	d := many(60, 5, 3000)
	t0 := time.Now()
	set(t, f, d)
	t.Logf("60 ports, 300 rules, 3000 prefixes: %v", time.Since(t0))
	serveGateway(t, f, "vpc-1")
	for _, port := range []string{"eni-0", "eni-59"} {
		if out, _ := run(t, f, port, "dial", "198.51.100.10:443"); !strings.HasPrefix(out, "OK") {
			t.Errorf("%s: %q", port, out)
		}
	}
	t0 = time.Now()
	d.Generation++
	d.Groups[4].Egress[0].Peers = d.Groups[4].Egress[0].Peers[1:] // S3 leaves
	set(t, f, d)
	t.Logf("a change of one rule: %v", time.Since(t0))
	if out, _ := run(t, f, "eni-0", "dial", "198.51.100.10:443"); strings.HasPrefix(out, "OK") {
		t.Errorf("a rule that left still admits: %q", out)
	}
	t0 = time.Now()
	set(t, f, d)
	t.Logf("no change: %v", time.Since(t0))
}

// What the kernel refuses changes nothing, and the next drawing is taken.
func TestRefusedRules(t *testing.T) {
	f := start(t)
	d := small("vpc-1", 1)
	set(t, f, d)
	serveGateway(t, f, "vpc-1")
	bad := small("vpc-1", 2)
	bad.Groups = append(bad.Groups, fabric.Group{ID: "sg-" + strings.Repeat("x", 300)}) // longer than a set's name
	bad.Ports = bad.Ports[:1]
	s, err := f.Set(within10s(t), bad)
	if err != nil || s.Err == "" || s.Generation != 1 || len(s.Ports) != 2 {
		t.Fatalf("status %+v, %v", s, err)
	}
	if out, _ := run(t, f, "eni-vpc-1-1", "dial", "198.51.100.10:443"); !strings.HasPrefix(out, "OK") {
		t.Errorf("what stood before fell: %q", out)
	}
	d = small("vpc-1", 3)
	d.Groups[0].Egress = nil
	set(t, f, d)
	if out, _ := run(t, f, "eni-vpc-1-1", "dial", "198.51.100.10:443"); strings.HasPrefix(out, "OK") {
		t.Errorf("without an egress rule: %q", out)
	}
}

// Only a port's own address may leave it, even for somebody with power over its namespace.
func TestSpoof(t *testing.T) {
	start(t).Close() // or skip
	attr, err := identity(Range{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.SysProcAttr = []string{"inside"}, attr
	attr.Pdeathsig = 0 // of a thread that may end
	out, err := cmd.CombinedOutput()
	if want := "real true\nspoofed false\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// spoof runs as the fabric's child would, with its powers.
func spoof() error {
	c := &child{networks: map[string]*network{}, seats: map[string]*network{}, joints: newJoints(), received: map[string]received{}, procs: map[int]*proc{}, spawner: make(chan func())}
	if err := c.settle(); err != nil {
		return err
	}
	d := small("vpc-1", 1)
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	d.Groups[0].Ingress = []fabric.Allow{{Rule: "sgr-1", Proto: vpc.Any, Peers: all}}
	if s := c.set(d); s.Err != "" {
		return fmt.Errorf("%s", s.Err)
	}
	n := c.networks["vpc-1"]
	from, to := n.ports["eni-vpc-1-0"], n.ports["eni-vpc-1-1"]
	h, err := netlink.NewHandleAt(netns.NsHandle(from.ns), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	other := netip.MustParseAddr("10.0.0.99")
	if err := h.AddrAdd(lo, &netlink.Addr{IPNet: hostNet(other)}); err != nil {
		return err
	}
	for _, try := range []struct {
		name     string
		src      netip.Addr
		patience time.Duration
	}{{"real", from.Addrs[0], 5 * time.Second}, {"spoofed", other, 500 * time.Millisecond}} {
		got, err := deliver(from.ns, to.ns, try.src, to.Addrs[0], try.patience)
		if err != nil {
			return err
		}
		fmt.Println(try.name, got)
	}
	return nil
}

// deliver sends a datagram from one namespace to another and says whether it came.
func deliver(from, to int, src, dst netip.Addr, patience time.Duration) (bool, error) {
	return deliverTo(from, to, src, netip.AddrPortFrom(dst, 9000), patience)
}

func deliverTo(from, to int, src netip.Addr, dst netip.AddrPort, patience time.Duration) (bool, error) {
	var r int
	err := within(to, func() (err error) {
		if r, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		tv := unix.NsecToTimeval(int64(patience))
		if err := unix.SetsockoptTimeval(r, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
			return err
		}
		return unix.Bind(r, inet4(dst))
	})
	if err != nil {
		return false, err
	}
	defer unix.Close(r)
	err = within(from, func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		if err := unix.Bind(s, inet4(netip.AddrPortFrom(src, 0))); err != nil {
			return err
		}
		return unix.Sendto(s, []byte("x"), 0, inet4(dst))
	})
	if err != nil {
		return false, err
	}
	_, _, err = unix.Recvfrom(r, make([]byte, 1), 0)
	return err == nil, nil
}

func TestCheck(t *testing.T) {
	start(t).Close() // or skip
	all := Check()
	if len(all) < 8 {
		t.Errorf("only %d findings", len(all))
	}
	for _, f := range all {
		t.Logf("%+v", f)
		if f.Name == "static program" && !f.OK {
			continue // the race detector's binary
		}
		if f.Required && !f.OK || f.OK != (f.Remedy == "") {
			t.Errorf("%+v", f)
		}
	}
}

func TestFreeRange(t *testing.T) {
	for _, c := range []struct {
		taken []Range
		want  int
	}{
		{nil, 231072},
		{[]Range{{100000, 65536}, {165536, 65536}}, 231072},
		{[]Range{{231072, 65536}}, 296608},
		{[]Range{{250000, 1}, {296608 + 65535, 1}}, 362144},
		{[]Range{{0, 1 << 31}}, 0},
	} {
		got, err := freeRange(c.taken)
		if (err != nil) != (c.want == 0) || got.Base != c.want {
			t.Errorf("%v: %v, %v; want %d", c.taken, got, err, c.want)
		}
	}
}
