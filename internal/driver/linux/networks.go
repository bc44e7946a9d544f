package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// Set makes the kernel agree with d and says what holds. An older generation than the last is ignored, the same may be
// set again. Status.Err is why d doesn't hold: the rules that stood before stand still, or a port is closed. The error is
// for the fabric itself: ErrGone, or the context's end.
func (f *Fabric) Set(ctx context.Context, d fabric.Desired) (fabric.Status, error) {
	h := f.holdings(d.Network)
	h.setting.Lock() // one at a time for a network, in the order of their arrival
	defer h.setting.Unlock()
	owners := map[netip.Addr]string{}
	for _, p := range d.Ports {
		for _, a := range p.Addrs {
			owners[a] = p.ID
		}
	}
	h.admit(owners)
	var s fabric.Status
	if _, err := f.call(ctx, opSet, setRequest{d}, &s); err != nil {
		return fabric.Status{}, err
	}
	if s.Err == "" && s.Generation == d.Generation {
		h.confine(owners)
	}
	return s, nil
}

// Remove takes a network down: its processes, listeners, connections, links and its namespace. What isn't there is no error.
func (f *Fabric) Remove(ctx context.Context, network string) error {
	f.mu.Lock()
	h := f.networks[network]
	delete(f.networks, network)
	f.mu.Unlock()
	if h != nil {
		h.close()
	}
	if _, err := f.call(ctx, opRemove, networkRequest{network}, nil); err != nil {
		return fmt.Errorf("cannot remove network %s: %w", network, err)
	}
	return nil
}

// Status says what holds in all networks, sorted by id.
func (f *Fabric) Status(ctx context.Context) ([]fabric.Status, error) {
	var out []fabric.Status
	_, err := f.call(ctx, opStatus, struct{}{}, &out)
	return out, err
}

// Listen opens a TCP listener inside a network that was set. LocalAddr of a connection is the destination that its
// client asked for, RemoteAddr the client's address in the network, and its method Port() string the client's port (eni-...).
// Connections end when their port leaves.
func (f *Fabric) Listen(ctx context.Context, network string, l fabric.Listener) (net.Listener, error) {
	file, err := f.socket(ctx, network, l)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("cannot listen in %s: %w", network, err)
	}
	h := f.holdings(network)
	out := &listener{Listener: in, h: h}
	if !h.hold(out) {
		in.Close()
		return nil, fmt.Errorf("cannot listen in %s: it was removed", network)
	}
	return out, nil
}

// ListenPacket opens a UDP socket inside a network that was set.
func (f *Fabric) ListenPacket(ctx context.Context, network string, l fabric.Listener) (net.PacketConn, error) {
	file, err := f.socket(ctx, network, l)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("cannot listen in %s: %w", network, err)
	}
	h := f.holdings(network)
	out := &packets{PacketConn: in, h: h}
	if !h.hold(out) {
		in.Close()
		return nil, fmt.Errorf("cannot listen in %s: it was removed", network)
	}
	return out, nil
}

func (f *Fabric) socket(ctx context.Context, network string, l fabric.Listener) (*os.File, error) {
	return f.oneFile(ctx, opListen, listenRequest{network, l})
}

func (f *Fabric) oneFile(ctx context.Context, op string, in any) (*os.File, error) {
	fds, err := f.call(ctx, op, in, nil)
	if err != nil {
		return nil, err
	}
	if len(fds) != 1 {
		closeAll(fds)
		return nil, errors.New("the fabric gave no socket")
	}
	return os.NewFile(uintptr(fds[0]), op), nil
}

// DialPort connects to an address inside a network, from the network itself; the destination's ingress rules apply.
// A zero timeout means three seconds.
func (f *Fabric) DialPort(ctx context.Context, network string, to netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		timeout = 3 * time.Second
	}
	file, err := f.oneFile(ctx, opDial, dialRequest{Network: network, Dest: to, Millis: int(timeout.Milliseconds())})
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.SetNonblock(int(file.Fd()), true); err != nil {
		return nil, err
	}
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	h := f.holdings(network)
	t, ok := c.(*net.TCPConn)
	if !ok {
		c.Close()
		return nil, errors.New("not a TCP connection")
	}
	out, ok := h.holdFlow(t)
	if !ok {
		out.shut()
		return nil, fmt.Errorf("cannot dial in %s: %s is no port's", network, to.Addr())
	}
	return out, nil
}

// holdings are the daemon's sockets in one network. They must go with it: each would keep its namespace alive.
type holdings struct {
	setting sync.Mutex
	mu      sync.Mutex
	gone    bool
	owners  map[netip.Addr]string // port ids
	all     map[closer]bool
}

type closer interface{ shut() }

func (f *Fabric) holdings(network string) *holdings {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.networks[network]
	if h == nil {
		h = &holdings{owners: map[netip.Addr]string{}, all: map[closer]bool{}, gone: f.gone}
		if !f.gone {
			f.networks[network] = h
		}
	}
	return h
}

func (h *holdings) hold(c closer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return false
	}
	h.all[c] = true
	return true
}

func (h *holdings) release(c closer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, c)
}

// admit adds addresses; one that has an owner keeps it until the change holds.
func (h *holdings) admit(owners map[netip.Addr]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, port := range owners {
		if _, ok := h.owners[a]; !ok {
			h.owners[a] = port
		}
	}
}

// confine ends the connections of all that are no longer who they were.
func (h *holdings) confine(owners map[netip.Addr]string) {
	h.mu.Lock()
	h.owners = owners
	var out []closer
	for c := range h.all {
		if t, ok := c.(*flow); ok && (t.port == "" || owners[t.peer()] != t.port) {
			out = append(out, c)
			delete(h.all, c)
		}
	}
	h.mu.Unlock()
	for _, c := range out {
		c.shut()
	}
}

// holdFlow notes a connection as its address's present owner's.
func (h *holdings) holdFlow(t *net.TCPConn) (*flow, bool) {
	f := &flow{TCPConn: t, h: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	f.port = h.owners[f.peer()]
	if h.gone || f.port == "" {
		return f, false
	}
	h.all[f] = true
	return f, true
}

func (h *holdings) close() {
	h.mu.Lock()
	all := h.all
	h.all, h.gone = nil, true
	h.mu.Unlock()
	for c := range all {
		c.shut()
	}
}

type listener struct {
	net.Listener
	h *holdings
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		t, ok := c.(*net.TCPConn)
		if !ok {
			c.Close()
			continue
		}
		// One that waited in the queue while its port left is nobody's.
		out, ok := l.h.holdFlow(t)
		if ok && !out.ended() {
			return out, nil
		}
		l.h.release(out)
		out.shut()
	}
}

func (l *listener) shut() { _ = l.Listener.Close() }
func (l *listener) Close() error {
	l.h.release(l)
	return l.Listener.Close()
}

type packets struct {
	net.PacketConn
	h *holdings
}

func (p *packets) shut() { _ = p.PacketConn.Close() }
func (p *packets) Close() error {
	p.h.release(p)
	return p.PacketConn.Close()
}

// flow is a connection with something inside a network.
type flow struct {
	*net.TCPConn
	h    *holdings
	port string // eni-..., whose connection it is
}

// Port is the id of the port at the other end, as it was when the connection began.
func (c *flow) Port() string { return c.port }

func (c *flow) peer() netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// ended: the fabric has aborted it. What its client had sent could still be read, and its address may be another's by now.
func (c *flow) ended() bool {
	const tcpClose = 7 // include/net/tcp_states.h
	gone := true
	rc, err := c.SyscallConn()
	if err != nil {
		return true
	}
	err = rc.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
		gone = err != nil || info.State == tcpClose
	})
	return gone || err != nil
}

// shut resets: the other side is no longer there to hear a farewell.
func (c *flow) shut() {
	_ = c.SetLinger(0)
	_ = c.TCPConn.Close()
}

func (c *flow) Close() error {
	c.h.release(c)
	return c.TCPConn.Close()
}
