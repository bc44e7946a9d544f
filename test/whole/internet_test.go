package whole_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// leadOut gives the site's subnet a NAT gateway and its VPC an internet gateway; it gives the address that is seen beyond.
func (s *site) leadOut() string {
	s.Helper()
	public := s.newSubnet(s.vpc, "10.0.64.0/24")
	igw := s.must("ec2", "CreateInternetGateway").text("internetGatewayId")
	s.must("ec2", "AttachInternetGateway", "InternetGatewayId", igw, "VpcId", s.vpc)
	table := s.must("ec2", "CreateRouteTable", "VpcId", s.vpc).text("routeTableId")
	s.must("ec2", "AssociateRouteTable", "RouteTableId", table, "SubnetId", public)
	s.must("ec2", "CreateRoute", "RouteTableId", table, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", igw)
	eip := s.must("ec2", "AllocateAddress", "Domain", "vpc")
	nat := s.must("ec2", "CreateNatGateway", "SubnetId", public, "AllocationId", eip.text("allocationId")).text("natGatewayId")
	s.must("ec2", "CreateRoute", "RouteTableId", s.table, "DestinationCidrBlock", "0.0.0.0/0", "NatGatewayId", nat)
	return eip.text("publicIp")
}

// TestInternet: a private subnet reaches an exposed port through a NAT gateway and an internet gateway; nothing else of the host.
func TestInternet(t *testing.T) {
	t.Parallel()
	h := open(t, "-uplink")
	s := siteIn(t, h)
	eip := s.leadOut()

	seen := make(chan string, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.RemoteAddr
		_, _ = io.WriteString(w, "the host's")
	}))
	defer srv.Close()
	local := srv.Listener.Addr().String()
	expose := func(args ...string) (string, int) {
		return run(t, nil, append([]string{"expose", "-data", h.data}, args...)...)
	}
	if out, code := expose("-address", "198.19.255.10:80", local); code != 0 {
		t.Fatalf("expose (%d): %s", code, out)
	}
	for _, args := range [][]string{{"-address", "10.0.0.9:80", local}, {"-address", "198.19.255.11:80", "example.com:80"}, {"-address", "198.19.255.11:80", h.op.HTTP},
		{"-address", eip + ":80", local}, {"-remove", "198.19.255.12:80"}} {
		if out, code := expose(args...); code != 1 {
			t.Errorf("expose %v (%d): %s", args, code, out)
		}
	}
	in := "-quiet -subnet " + s.subnet + " -security-group " + s.group
	if out, told, code := s.says(in, "get", "http://198.19.255.10/"); code != 0 || out != "the host's" {
		t.Fatalf("an exposed port (%d): %q %s", code, out, told)
	}
	if from := <-seen; !strings.HasPrefix(from, "127.0.0.1:") {
		t.Errorf("the host's server was asked by %s", from)
	}
	_, hostPort, err := net.SplitHostPort(local)
	if err != nil {
		t.Fatal(err)
	}
	// The rest of the host stays out of reach, with an uplink too.
	for _, c := range []struct{ to, want, why string }{
		{"198.19.255.10:81", "reset", "a port that is not exposed"},
		{"198.19.255.99:80", "reset", "an address that is not exposed"},
		{"127.0.0.1:" + hostPort, "refused", "the command's own loopback"},
		{"169.254.169.254:80", "lost", "metadata"},
		{"192.168.77.1:80", "reset", "a private range"},
		{"100.64.0.1:80", "reset", "a carrier's range"},
	} {
		if out, told, _ := s.says(in, "connect", c.to); out != c.want+"\n" {
			t.Errorf("%s, %s: %q, want %s %s", c.why, c.to, out, c.want, told)
		}
	}
	all, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	_, port, _ := net.SplitHostPort(all.Addr().String())
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil || n.IP.IsLoopback() {
			continue
		}
		if out, told, _ := s.says(in, "connect", net.JoinHostPort(n.IP.String(), port)); out != "reset\n" {
			t.Errorf("an address of the host, %s: %q %s", n.IP, out, told)
		}
	}
	out, code := expose()
	holds(t, out, "198.19.255.10:80 -> "+local, "uplink open", "a private or reserved range")
	if code != 0 {
		t.Errorf("expose (%d)", code)
	}
	if out, code := expose("-remove", "198.19.255.10:80"); code != 0 {
		t.Errorf("expose -remove (%d): %s", code, out)
	}
	if out, _, _ := s.says(in, "connect", "198.19.255.10:80"); out != "reset\n" {
		t.Errorf("what is no more exposed: %q", out)
	}
}

// alone is set where TestUplink has a host's network of its own.
const alone = "CLOISTER_WHOLE_ALONE"

// TestUplink: with an uplink, what is beyond the host answers, private ranges only where they are allowed, and the host never. The
// test's second half runs in a network namespace that stands for a host's, with another beyond it.
func TestUplink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can stand in for a host's network")
	}
	if os.Getenv(alone) == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^TestUplink$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1", "CLOISTER_BINARY="+program(t))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestUplink ") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	beyond(t)
	own, err := net.Listen("tcp4", "0.0.0.0:8000")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	go func() {
		_ = http.Serve(own, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the host") }))
	}()
	const public, private, host, local = "93.184.216.34", "10.213.77.2", "10.213.77.1", "93.184.217.5"
	for _, c := range []struct {
		flags []string
		want  map[string]string
	}{
		{[]string{"-uplink"}, map[string]string{public: "beyond", private: "", host: "", local: ""}},
		{[]string{"-uplink", "-uplink-allow", "10.213.77.0/30"}, map[string]string{public: "beyond", private: "beyond", host: "", local: ""}},
		{nil, map[string]string{public: "", private: "", host: "", local: ""}},
	} {
		s := siteIn(t, open(t, c.flags...))
		s.leadOut()
		for to, want := range c.want {
			out, told, code := s.says("-quiet -subnet "+s.subnet+" -security-group "+s.group, "get", "http://"+to+":8000/")
			if want != "" && (code != 0 || out != want) || want == "" && code != 1 {
				t.Errorf("%v: %s (%d): %q %s, want %q", c.flags, to, code, out, told, want)
			}
		}
	}
}

// beyond makes a network behind this one, where a public and a private address answer, and gives this host addresses that no
// interface has.
func beyond(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	up := func(h *netlink.Handle, name string, addrs ...string) {
		t.Helper()
		l, err := h.LinkByName(name)
		must(err)
		for _, a := range addrs {
			addr, err := netlink.ParseAddr(a)
			must(err)
			must(h.AddrAdd(l, addr))
		}
		must(h.LinkSetUp(l))
	}
	type place struct {
		ns  int
		l   net.Listener
		err error
	}
	made := make(chan place)
	go func() {
		runtime.LockOSThread() // and never home again
		p := place{}
		if p.err = unix.Unshare(unix.CLONE_NEWNET); p.err == nil {
			if p.ns, p.err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); p.err == nil {
				p.l, p.err = net.Listen("tcp4", "0.0.0.0:8000")
			}
		}
		made <- p
	}()
	p := <-made
	must(p.err)
	t.Cleanup(func() { p.l.Close(); unix.Close(p.ns) })
	go func() {
		_ = http.Serve(p.l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "beyond") }))
	}()
	here, err := netlink.NewHandle()
	must(err)
	defer here.Close()
	there, err := netlink.NewHandleAt(netns.NsHandle(p.ns))
	must(err)
	defer there.Close()
	must(here.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a0"}, PeerName: "b0", PeerNamespace: netlink.NsFd(p.ns)}))
	up(here, "lo")
	up(here, "a0", "10.213.77.1/30")
	up(there, "lo", "93.184.216.34/32")
	up(there, "b0", "10.213.77.2/30")
	prefix := func(s string) *net.IPNet {
		n, err := netlink.ParseIPNet(s)
		must(err)
		return n
	}
	lo, err := here.LinkByName("lo")
	must(err)
	must(here.RouteAdd(&netlink.Route{Dst: prefix("93.184.216.34/32"), Gw: netip.MustParseAddr("10.213.77.2").AsSlice()}))
	must(here.RouteAdd(&netlink.Route{Dst: prefix("93.184.217.0/24"), LinkIndex: lo.Attrs().Index, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST}))
}
