package linux

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// holdings are the daemon's sockets in one network. They must go with it: each would keep its namespace alive.
type holdings struct {
	setting sync.Mutex
	sent    letter // under setting
	mu      sync.Mutex
	gone    bool
	owners  owners
	all     map[closer]bool
}

// owners says whose an address in a network is: a port's, or behind a link.
type owners struct {
	ports map[netip.Addr]string
	links map[netip.Prefix]string
}

func ownersOf(d fabric.Desired) owners {
	o := owners{make(map[netip.Addr]string, len(d.Ports)), map[netip.Prefix]string{}}
	for _, p := range d.Ports {
		if p.Kind == fabric.Answer { // it opens no connection, and is reached by none of the daemon's
			continue
		}
		for _, a := range p.Addrs {
			o.ports[a] = p.ID
		}
	}
	for _, l := range d.Links {
		for _, p := range l.Near {
			o.links[p] = l.ID
		}
	}
	return o
}

// of gives the id of a port or a link; empty: nobody's.
func (o owners) of(a netip.Addr) string {
	if id, ok := o.ports[a]; ok {
		return id
	}
	for bits := 32; bits >= 0 && a.Is4(); bits-- {
		if p, err := a.Prefix(bits); err == nil && o.links[p] != "" {
			return o.links[p]
		}
	}
	return ""
}

type closer interface{ shut() }

func (f *Fabric) holdings(network string) *holdings {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.networks[network]
	if h == nil {
		h = &holdings{owners: ownersOf(fabric.Desired{}), all: map[closer]bool{}, gone: f.gone}
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
func (h *holdings) admit(now owners) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, port := range now.ports {
		if h.owners.of(a) == "" {
			h.owners.ports[a] = port
		}
	}
	for p, link := range now.links {
		if _, ok := h.owners.links[p]; !ok {
			h.owners.links[p] = link
		}
	}
}

// confine ends the connections of all that are no longer who they were.
func (h *holdings) confine(now owners) {
	h.mu.Lock()
	h.owners = now
	var out []closer
	for c := range h.all {
		if t, ok := c.(*flow); ok && (t.port == "" || now.of(t.peer()) != t.port) {
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
	f.port = h.owners.of(f.peer())
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

// Port is the id of the port or link at the other end, as it was when the connection began.
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
