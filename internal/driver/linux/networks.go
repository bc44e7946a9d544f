package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
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
	now := ownersOf(d)
	h.admit(now)
	s, err := f.post(ctx, h, d)
	if err != nil {
		return fabric.Status{}, err
	}
	if s.Err == "" && s.Generation == d.Generation {
		h.confine(now)
	}
	return s, nil
}

// post sends a drawing, as what differs from the last one where the child has that.
func (f *Fabric) post(ctx context.Context, h *holdings, d fabric.Desired) (fabric.Status, error) {
	for {
		in, next, err := h.sent.write(d)
		if err != nil {
			return fabric.Status{}, err
		}
		before := h.sent
		h.sent = letter{serial: next.serial} // until it is known to have arrived
		var out setReply
		if _, err := f.call(ctx, opSet, in, &out); err != nil {
			return fabric.Status{}, err
		}
		if !out.Again {
			s := next.heard(before, out)
			h.sent = next
			return s, nil
		}
	}
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
// client asked for, RemoteAddr the client's address in the network, and its method Port() string the client's port (eni-...), or
// the link that it came by (pcx-..., igw-...). Connections end when their port or link leaves.
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
