package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWay(t *testing.T) {
	host := func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil }
	lost := func() ([]netip.Addr, error) { return nil, errors.New("no netlink") }
	closed := way{host: host}
	open := way{open: true, host: host}
	allowed := way{open: true, allow: prefixes("192.168.1.0/24", "127.0.0.0/8", "169.254.0.0/16"), host: host}
	for _, c := range []struct {
		name string
		way  way
		to   string
		why  string // a part of it; empty: let through
	}{
		{"no uplink", closed, "1.1.1.1", "no uplink"},
		{"a public address", open, "1.1.1.1", ""},
		{"loopback", open, "127.0.0.1", "loopback"},
		{"loopback beyond .1", open, "127.8.8.8", "loopback"},
		{"loopback is never allowed", allowed, "127.0.0.1", "loopback"},
		{"this network", open, "0.0.0.0", "loopback"},
		{"metadata", open, "169.254.169.254", "link-local"},
		{"link-local is never allowed", allowed, "169.254.169.254", "link-local"},
		{"multicast", open, "224.0.0.251", "multicast"},
		{"broadcast", open, "255.255.255.255", "reserved"},
		{"the host itself", open, "93.184.216.34", "this host"},
		{"private", open, "10.1.2.3", "private"},
		{"private, second", open, "172.31.0.1", "private"},
		{"beside private", open, "172.32.0.1", ""},
		{"private, third", open, "192.168.1.1", "private"},
		{"private and allowed", allowed, "192.168.1.1", ""},
		{"private, beside what is allowed", allowed, "192.168.2.1", "private"},
		{"carrier's", open, "100.64.0.1", "private"},
		{"benchmark", open, "198.19.0.7", "private"},
		{"S3's here", open, "198.51.100.10", "private"},
		{"mapped", open, "::ffff:127.0.0.1", "loopback"},
		{"IPv6", open, "2606:4700::1", "IPv4"},
		{"the host is unknown", way{open: true, host: lost}, "1.1.1.1", "not known"},
	} {
		got := c.way.refuse(netip.MustParseAddr(c.to))
		if (c.why == "") != (got == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %s: %q, want %q", c.name, c.to, got, c.why)
		}
	}
}

func TestExposable(t *testing.T) {
	for at, ok := range map[string]bool{"198.19.255.10:5432": true, "1.1.1.1:53": true, "10.0.0.1:80": false, "127.0.0.1:80": false, "169.254.169.254:80": false,
		"198.18.0.4:80": false, "198.51.100.10:443": false, "198.19.255.10:0": false, "[2606:4700::1]:80": false} {
		if why := exposable(netip.MustParseAddrPort(at)); (why == "") != ok {
			t.Errorf("%s: %q", at, why)
		}
	}
	for text, ok := range map[string]bool{"localhost:80": true, "127.0.0.1:80": true, "192.168.1.1:5432": true, "[::1]:80": true, "example.com:80": false, "localhost": false,
		"localhost:0": false, "localhost:99999": false, "0.0.0.0:80": false, "169.254.169.254:80": false, "224.0.0.1:80": false} {
		if _, err := target(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// carried joins a client to a server through an uplink that exposes it, and gives the client's end.
func carried(t *testing.T, u *uplink) (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go u.serve(l)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c, c.SetDeadline(time.Now().Add(20 * time.Second))
}

// Each side may end its words and still hear the other's.
func TestUplinkHalfCloses(t *testing.T) {
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		c, err := s.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c) // until the client's end
		_, _ = c.Write([]byte(strings.ToUpper(string(b))))
	}()
	to := netip.MustParseAddrPort(s.Addr().String())
	u := newUplink(way{host: hostAddresses}, slog.New(slog.DiscardHandler), func(context.Context, netip.AddrPort) ([]netip.AddrPort, error) { return []netip.AddrPort{to}, nil })
	c, err := carried(t, u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "words"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || string(b) != "WORDS" {
		t.Errorf("%q, %v", b, err)
	}
	if n := u.traffic(); n.Passed != 1 || len(n.Refused) != 0 {
		t.Errorf("%+v", n)
	}
}

// A refusal is a reset, never an end that looks like an empty answer, and it is counted.
func TestUplinkResets(t *testing.T) {
	none := func(context.Context, netip.AddrPort) ([]netip.AddrPort, error) { return nil, nil }
	for what, c := range map[string]struct {
		way     way
		exposed func(context.Context, netip.AddrPort) ([]netip.AddrPort, error)
		why     string
	}{
		"no uplink":    {way{host: hostAddresses}, none, "no uplink"},
		"this host":    {way{open: true, host: hostAddresses}, none, "loopback"},
		"unknown":      {way{open: true, host: hostAddresses}, func(context.Context, netip.AddrPort) ([]netip.AddrPort, error) { return nil, errors.New("no ledger") }, "not known"},
		"nobody there": {way{open: true, host: hostAddresses}, func(context.Context, netip.AddrPort) ([]netip.AddrPort, error) { return []netip.AddrPort{free(t)}, nil }, "does not answer"},
	} {
		t.Run(what, func(t *testing.T) {
			u := newUplink(c.way, slog.New(slog.DiscardHandler), c.exposed)
			conn, err := carried(t, u)
			if err == nil { // else it was told so at once
				_, err = conn.Read(make([]byte, 1))
			}
			if !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("%v: want a reset", err)
			}
			got := u.traffic()
			for why, n := range got.Refused {
				if !strings.Contains(why, c.why) || n != 1 {
					t.Errorf("%d times %q", n, why)
				}
			}
			if len(got.Refused) != 1 || got.Passed != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// free is an address that nobody listens on.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// What says nothing for long is reset at both ends; what speaks now and then is not.
func TestUplinkEndsIdleness(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pair := func() (near, far net.Conn) {
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if far, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		if err := near.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close() })
		return near, far
	}
	client, a := pair()
	server, b := pair()
	const limit = 300 * time.Millisecond
	go join(a, b, limit, limit/10)
	for range 10 { // twice the limit in all
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
			t.Fatalf("ended while it spoke: %v", err)
		}
		<-time.After(limit / 5)
	}
	for who, c := range map[string]net.Conn{"client": client, "server": server} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the %s meets %v, want a reset", who, err)
		}
	}
}

func TestUplinkIsBounded(t *testing.T) {
	u := newUplink(way{}, slog.New(slog.DiscardHandler), nil)
	a := netip.MustParseAddr("198.19.0.7")
	for range uplinkEach {
		if why := u.enter(a); why != "" {
			t.Fatal(why)
		}
	}
	if u.enter(a) == "" {
		t.Error("one address has more than its share")
	}
	if why := u.enter(a.Next()); why != "" {
		t.Errorf("another address: %s", why)
	}
	u.leave(a)
	if why := u.enter(a); why != "" {
		t.Errorf("what was given back: %s", why)
	}
}
