// Package kernel_test sends real packets through real namespaces. What the model says and what the kernel does must be
// the same; a host that can't hold a fabric skips, unless CLOISTER_REQUIRE names "kernel".
package kernel_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/driver/cell"
	"cloister/internal/driver/cell/celltest"
	"cloister/internal/driver/linux"
)

func TestMain(m *testing.M) {
	linux.ChildMain()
	cell.Main()
	celltest.Main()
	proberMain()
	daemonMain()
	os.Exit(m.Run())
}

func open(t testing.TB, cfg linux.Config) *linux.Fabric {
	t.Helper()
	f, err := linux.Start(cfg)
	if err != nil {
		if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), "kernel") {
			t.Fatal(err)
		}
		t.Skip("this host can't hold a fabric: ", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func set(t testing.TB, f *linux.Fabric, d fabric.Desired) {
	t.Helper()
	s, err := f.Set(soon(t), d)
	if err != nil || s.Err != "" {
		t.Fatalf("set %s: %v, status %+v", d.Network, err, s)
	}
}

func cells(f *linux.Fabric) *cell.Driver {
	return cell.New(func(ctx context.Context, l cell.Launch) (cell.Process, error) {
		p, err := f.Spawn(ctx, linux.Spec(l))
		if err != nil {
			return nil, err
		}
		return p, nil
	})
}

// TestCell runs the sandbox suite on the built-in cell.
func TestCell(t *testing.T) {
	f := open(t, linux.Config{Program: celltest.Program(t)})
	celltest.Run(t, func(t *testing.T) celltest.Harness {
		v := newVPC("vpc-cell", "10.0.0.0/16").subnet("a", "10.0.1.0/24").group("sg-1").allow("sg-1", false, anywhere).port("eni-1", "a", "10.0.1.10", "sg-1").gateway("a")
		set(t, f, v.draw())
		l, err := f.Listen(soon(t), "vpc-cell", fabric.Listener{Name: "s3", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true})
		if err != nil {
			t.Fatal(err)
		}
		go accept(l, nil)
		return celltest.Harness{Sandbox: cells(f), Port: "eni-1", Reached: netip.MustParseAddrPort("198.51.100.10:443"),
			Unreached: netip.MustParseAddrPort("203.0.113.1:443"), Resolver: netip.MustParseAddr("10.0.0.2")}
	})
}

// accept says to each connection where it came from and where it was going.
func accept(l net.Listener, seen func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if seen != nil {
			seen(c)
		}
		_, _ = c.Write([]byte(c.RemoteAddr().(*net.TCPAddr).IP.String() + ">" + c.LocalAddr().String()))
		c.Close()
	}
}

// BenchmarkCell is the time until the first byte out of a cell arrives: launch, walls, and the program's own start.
func BenchmarkCell(b *testing.B) {
	f := open(b, linux.Config{Program: celltest.Program(b)})
	set(b, f, newVPC("vpc-cell", "10.0.0.0/16").subnet("a", "10.0.1.0/24").group("sg-1").port("eni-1", "a", "10.0.1.10", "sg-1").draw())
	c := cells(f)
	for b.Loop() {
		r, w, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		p, err := c.Start(soon(b), cell.Spec{Port: "eni-1", Argv: []string{"celltest", "hang"}, Stdout: w, Stderr: os.Stderr})
		w.Close()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := p.Wait(soon(b)); err != nil {
			b.Fatal(err)
		}
		r.Close()
		b.StartTimer()
	}
}
