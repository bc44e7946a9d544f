package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// Limits of what leaves by the uplink. AWS's NAT gateway ends a connection that was idle for 350 seconds with a reset (VPC User
// Guide, NAT gateways, connectivity).
const (
	uplinkAll  = 2048 // connections at once
	uplinkEach = 256  // of one elastic address
	uplinkDial = 10 * time.Second
	uplinkIdle = 350 * time.Second
	uplinkLook = 10 * time.Second // how often idleness is looked at
)

// uplink connects, from the host, what came out of a VPC by an internet gateway: to exposed ports of this host, and to where the
// administrator lets it. It takes addresses and no names: what a name means is settled before it is asked.
type uplink struct {
	way     way
	log     *slog.Logger
	exposed func(ctx context.Context, at netip.AddrPort) ([]netip.AddrPort, error) // none: not exposed

	mu      sync.Mutex
	conns   map[netip.Addr]int
	all     int
	passed  int64
	refused map[string]int64 // by reason
	told    map[string]bool  // refusals that were logged
}

func newUplink(w way, log *slog.Logger, exposed func(context.Context, netip.AddrPort) ([]netip.AddrPort, error)) *uplink {
	return &uplink{way: w, log: log, exposed: exposed, conns: map[netip.Addr]int{}, refused: map[string]int64{}, told: map[string]bool{}}
}

// serve answers a listener that catches what is sent to any address until the listener closes.
func (u *uplink) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors or memory: it passes
			u.log.Error("the uplink was interrupted", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		go u.carry(c)
	}
}

func (u *uplink) carry(c net.Conn) {
	from, ferr := netip.ParseAddrPort(c.RemoteAddr().String())
	to, terr := netip.ParseAddrPort(c.LocalAddr().String())
	if ferr != nil || terr != nil {
		reset(c)
		return
	}
	from, to = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	why := u.enter(from.Addr())
	if why != "" {
		u.refuse(c, from, to, why)
		return
	}
	defer u.leave(from.Addr())
	far, why := u.dial(to)
	if why != "" {
		u.refuse(c, from, to, why)
		return
	}
	u.mu.Lock()
	u.passed++
	u.mu.Unlock()
	u.log.Debug("uplink", "from", from, "to", to, "by", far.RemoteAddr().String())
	join(c, far, uplinkIdle, uplinkLook)
}

// dial connects as the policy says; why is the reason of a refusal.
func (u *uplink) dial(to netip.AddrPort) (_ net.Conn, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), uplinkDial)
	defer cancel()
	targets, err := u.exposed(ctx, to)
	if err != nil {
		u.log.Error("cannot know what is exposed", "address", to, "error", err)
		return nil, "what is exposed is not known"
	}
	meant := len(targets) > 0
	if !meant {
		if why := u.way.refuse(to.Addr()); why != "" {
			return nil, why
		}
		targets = []netip.AddrPort{to}
	}
	for _, t := range targets {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.String())
		if err != nil {
			continue
		}
		// Routes may give this host addresses that no interface has: it would speak with itself.
		if !meant && hostOf(c.LocalAddr()) == hostOf(c.RemoteAddr()) {
			reset(c)
			return nil, "an address of this host"
		}
		return c, ""
	}
	return nil, "the destination does not answer"
}

func hostOf(a net.Addr) netip.Addr {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

func (u *uplink) enter(from netip.Addr) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= uplinkAll || u.conns[from] >= uplinkEach {
		return "too many connections"
	}
	u.all++
	u.conns[from]++
	return ""
}

func (u *uplink) leave(from netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.conns[from]--; u.conns[from] == 0 {
		delete(u.conns, from)
	}
}

// refuse resets a connection, counts it, and logs the first of its kind: a flood of them fills no disk.
func (u *uplink) refuse(c net.Conn, from, to netip.AddrPort, why string) {
	defer reset(c)
	key := from.Addr().String() + ">" + to.String() + " " + why
	u.mu.Lock()
	u.refused[why]++
	if len(u.told) >= 1024 {
		clear(u.told)
	}
	first := !u.told[key]
	u.told[key] = true
	u.mu.Unlock()
	if first {
		u.log.Warn("the uplink refused a connection", "from", from.Addr(), "to", to, "reason", why)
	}
}

// reset ends a connection so that its client sees a refusal and no farewell.
func reset(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}

// join copies both ways; an end of one side's words is told to the other, which may go on speaking. Both end with a reset when
// either breaks or nothing passes for long.
func join(a, b net.Conn, limit, every time.Duration) {
	done := make(chan error, 2)
	one := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if h, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
			err = h.CloseWrite()
		}
		done <- err
	}
	go one(a, b)
	go one(b, a)
	look := time.NewTicker(every)
	defer look.Stop()
	for left := 2; left > 0; {
		select {
		case err := <-done:
			if left--; err != nil && left > 0 {
				reset(a)
				reset(b)
			}
		case <-look.C:
			if idle(a, limit) && idle(b, limit) {
				reset(a)
				reset(b)
			}
		}
	}
	_ = a.Close()
	_ = b.Close()
}

// idle asks the kernel when data last went either way, so that the copying itself need not.
func idle(c net.Conn, limit time.Duration) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	quiet := true
	err = raw.Control(func(fd uintptr) {
		i, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
		quiet = err != nil || time.Duration(min(i.Last_data_recv, i.Last_data_sent))*time.Millisecond >= limit
	})
	return quiet || err != nil
}

// Traffic is what the uplink has carried since the daemon's start.
type Traffic struct {
	Open    bool             // -uplink
	Allowed []string         // -uplink-allow
	Now     int              // connections
	Passed  int64            // connections that were made
	Refused map[string]int64 // by reason
}

func (u *uplink) traffic() Traffic {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := Traffic{Open: u.way.open, Now: u.all, Passed: u.passed, Refused: map[string]int64{}}
	for _, p := range u.way.allow {
		t.Allowed = append(t.Allowed, p.String())
	}
	for why, n := range u.refused {
		t.Refused[why] = n
	}
	return t
}

// openUplink listens in the network that stands for the internet.
func (s *doors) openUplink(ctx context.Context, l fabric.Listener) (io.Closer, error) {
	raw, err := s.d.fabric.Listen(ctx, vpc.InternetNetwork, l)
	if err != nil {
		return nil, fmt.Errorf("cannot open the uplink: %w", err)
	}
	go s.d.uplink.serve(raw)
	return raw, nil
}
