package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

func TestMain(m *testing.M) {
	ChildMain()
	if len(os.Args) > 0 && os.Args[0] == "inside" {
		os.Exit(insideMain())
	}
	if len(os.Args) > 1 && os.Args[0] == "probe" {
		os.Exit(probe(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// probe is what the tests start inside.
func probe(args []string) int {
	fail := func(err error) int {
		fmt.Println("FAIL", err)
		return 1
	}
	switch args[0] {
	case "hello":
		fmt.Print("H")
	case "exit":
		return 3
	case "hang":
		fmt.Print("H")
		_, _ = io.Copy(io.Discard, os.Stdin)
		select {}
	case "swallow": // what the kernel takes for a peer that never reads
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return fail(err)
		}
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			return fail(err)
		}
		_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, _ := c.Write(make([]byte, 64<<20))
		fmt.Print(n)
	case "dial":
		c, err := net.DialTimeout("tcp4", args[1], 700*time.Millisecond)
		if err != nil {
			return fail(err)
		}
		b, _ := io.ReadAll(c)
		fmt.Printf("OK %s", b)
	}
	return 0
}

func start(t testing.TB) *Fabric {
	t.Helper()
	f, err := Start(Config{})
	if err != nil {
		if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), "kernel") {
			t.Fatal(err)
		}
		t.Skip("this host can't hold a fabric: ", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func within10s(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// small is a network with two ports of one group that admits itself, and a gateway.
func small(id string, gen int64) fabric.Desired {
	cidr := netip.MustParsePrefix("10.0.0.0/24")
	d := fabric.Desired{Network: id, Generation: gen, CIDRs: []netip.Prefix{cidr}, Resolver: netip.MustParseAddr("10.0.0.2"),
		Subnets: []fabric.Subnet{{ID: "subnet-1", CIDR: cidr, Router: netip.MustParseAddr("10.0.0.1"), Table: 1001,
			Routes: []fabric.Route{{Dest: vpc.S3Prefix, Action: fabric.Deliver, Target: "vpce-1"}}}},
		Groups: []fabric.Group{{ID: "sg-1",
			Egress:  []fabric.Allow{{Rule: "sgr-1", Proto: vpc.Any, Peers: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}},
			Ingress: []fabric.Allow{{Rule: "sgr-2", Proto: vpc.TCP, From: 8080, To: 8090, Group: "sg-1"}}}},
		Gateways: []netip.Prefix{vpc.S3Prefix},
	}
	for i := range 2 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(4 + i)})
		d.Ports = append(d.Ports, fabric.Port{ID: fmt.Sprintf("eni-%s-%d", id, i), Alias: fmt.Sprintf("e%d", i), Addrs: []netip.Addr{a},
			MAC: vpc.MAC(a), Subnet: "subnet-1", Groups: []string{"sg-1"}})
	}
	return d
}

func set(t testing.TB, f *Fabric, d fabric.Desired) {
	t.Helper()
	s, err := f.Set(within10s(t), d)
	if err != nil || s.Err != "" {
		t.Fatalf("set: %v, status %+v", err, s)
	}
}

// run starts the probe on a port and gives its output.
func run(t testing.TB, f *Fabric, port string, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := f.Spawn(within10s(t), Spec{Port: port, Argv: append([]string{"probe"}, args...), Stdout: w, Stderr: w})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), p.Wait(within10s(t))
}

func TestSetAndSpawn(t *testing.T) {
	f := start(t)
	set(t, f, small("vpc-1", 1))
	if out, err := run(t, f, "eni-vpc-1-0", "hello"); out != "H" || err != nil {
		t.Fatalf("got %q, %v", out, err)
	}
	if out, err := run(t, f, "", "hello"); out != "H" || err != nil {
		t.Fatalf("without a port: got %q, %v", out, err)
	}
	var exit *ExitError
	if _, err := run(t, f, "", "exit"); !errors.As(err, &exit) || exit.Code != 3 {
		t.Fatalf("exit status: %v", err)
	}
	serveGateway(t, f, "vpc-1")
	if out, _ := run(t, f, "eni-vpc-1-0", "dial", "198.51.100.10:443"); out != "OK 10.0.0.4>198.51.100.10:443" {
		t.Fatalf("gateway: %q", out)
	}
}

// What the kernel keeps for a socket is nobody's memory and the whole host's: inside it is little.
func TestSocketsHoldLittle(t *testing.T) {
	f := start(t)
	set(t, f, small("vpc-1", 1))
	out, err := run(t, f, "eni-vpc-1-0", "swallow")
	if n, e := strconv.Atoi(out); err != nil || e != nil || n <= 0 || n > 2<<20 {
		t.Errorf("one connection took %q bytes, %v", out, err)
	}
}

// What comes and goes leaves no descriptor, process or network behind, however much goes on at once.
func TestComingAndGoing(t *testing.T) {
	f := start(t)
	open := func() int {
		all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.Pid()))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	round := func(t *testing.T, id string) {
		t.Helper()
		d := small(id, 1)
		set(t, f, d)
		l, err := f.Listen(within10s(t), id, fabric.Listener{Name: "x", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 80, Transparent: true})
		if err != nil {
			t.Error(err)
			return
		}
		if out, err := run(t, f, d.Ports[0].ID, "hello"); out != "H" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		d.Generation, d.Ports = 2, d.Ports[1:]
		set(t, f, d)
		if _, err := f.Spawn(within10s(t), Spec{Port: "eni-" + id + "-0", Argv: []string{"probe", "hello"}}); err == nil {
			t.Error("a process on a port that left")
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		defer w.Close()
		p, err := f.Spawn(within10s(t), Spec{Port: d.Ports[0].ID, Argv: []string{"probe", "hang"}, Stdin: r})
		r.Close()
		if err != nil {
			t.Error(err)
			return
		}
		if err := f.Remove(within10s(t), id); err != nil {
			t.Error(err)
		}
		if err := p.Wait(within10s(t)); err == nil {
			t.Error("a process outlived its network")
		}
		if _, err := l.Accept(); err == nil {
			t.Error("a listener outlived its network")
		}
	}
	round(t, "vpc-0") // what is opened once is open now
	before := open()
	t.Run("at once", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for range 3 {
					round(t, fmt.Sprintf("vpc-%d", i))
				}
			})
		}
	})
	if after := open(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if s, err := f.Status(within10s(t)); err != nil || len(s) != 0 {
		t.Errorf("status %v, %v", s, err)
	}
}

// The program may lie where the fabric's user can't walk to.
func TestProgramOutOfReach(t *testing.T) {
	start(t).Close() // or skip
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, self, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := Start(Config{Program: path})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil { // nor need it stay
		t.Fatal(err)
	}
	if out, err := run(t, f, "", "hello"); out != "H" || err != nil {
		t.Fatalf("got %q, %v", out, err)
	}
}
