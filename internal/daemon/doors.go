package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/front/dns"
	"cloister/internal/front/gate"
	"cloister/internal/store"
)

// doors serves the listeners inside the networks. A connection belongs to the interface that it came from: when that goes,
// so does the connection.
type doors struct {
	d     *Daemon
	mu    sync.Mutex
	conns map[string]map[*boundConn]struct{} // by eni
}

func newDoors(d *Daemon) *doors { return &doors{d: d, conns: map[string]map[*boundConn]struct{}{}} }

// Open satisfies reconcile.Doors.
func (s *doors) Open(ctx context.Context, network string, l fabric.Listener, who func(netip.Addr) *api.Origin) (io.Closer, error) {
	if network == vpc.InternetNetwork {
		return s.openUplink(ctx, l)
	}
	if l.Net == "udp" {
		pc, err := s.d.fabric.ListenPacket(ctx, network, l)
		if err != nil {
			return nil, err
		}
		go func() {
			zone := func(a netip.Addr) (dns.Zone, bool) { return s.zone(who(a)) }
			for {
				err := dns.ServePacket(pc, zone)
				if err == nil { // closed
					return
				}
				s.d.log.Error("a resolver was interrupted", "network", network, "error", err)
				time.Sleep(acceptPause)
			}
		}()
		return pc, nil
	}
	raw, err := s.d.fabric.Listen(ctx, network, l)
	if err != nil {
		return nil, err
	}
	bound := &boundListener{Listener: raw, doors: s, who: who}
	if l.Port == fabric.PortDNS {
		go func() {
			for {
				c, err := bound.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil { // out of descriptors or memory: it passes
					s.d.log.Error("a resolver was interrupted", "network", network, "error", err)
					time.Sleep(acceptPause)
					continue
				}
				z, ok := s.zone(c.(*boundConn).origin)
				if !ok {
					_ = c.Close()
					continue
				}
				go dns.ServeStream(z, c)
			}
		}()
		return bound, nil
	}
	var lis net.Listener = bound
	if l.Port == fabric.PortHTTPS {
		lis = tls.NewListener(bound, s.d.authority.Config())
	}
	srv := s.d.server(originOf)
	go func() { _ = srv.Serve(lis) }()
	return closer(func() error { return srv.Close() }), nil
}

// zone is what an asker's resolver knows; false for one that has none: nobody, and who came by a peering.
func (s *doors) zone(o *api.Origin) (dns.Zone, bool) {
	switch {
	case o == nil || o.Sender != nil:
		return nil, false
	case o.Door == api.InVPC:
		return dns.VPC{Store: s.d.store, Scope: store.Scope{Partition: o.Partition, Account: o.Account, Region: o.Region}, ID: o.VPC}, true
	}
	return dns.S3{Region: o.Region}, true
}

type closer func() error

func (c closer) Close() error { return c() }

// acceptPause lets what an accept lacked come back.
const acceptPause = 100 * time.Millisecond

// perInterface is how many connections one interface may hold at once, so that none takes the daemon's descriptors from
// the others. A job's agent keeps 16.
const perInterface = 256

// Cut satisfies reconcile.Doors.
func (s *doors) Cut(eni string) {
	s.mu.Lock()
	cs := s.conns[eni]
	delete(s.conns, eni)
	s.mu.Unlock()
	for c := range cs {
		_ = c.Conn.Close()
	}
}

// boundListener gives connections their origin at accept and drops those of nobody.
type boundListener struct {
	net.Listener
	doors *doors
	who   func(netip.Addr) *api.Origin
}

type boundConn struct {
	net.Conn
	origin *api.Origin
	doors  *doors
}

func (l *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, perr := netip.ParseAddrPort(c.RemoteAddr().String())
		dest, derr := netip.ParseAddrPort(c.LocalAddr().String())
		if perr != nil || derr != nil {
			_ = c.Close()
			continue
		}
		o := l.who(peer.Addr().Unmap())
		if o == nil {
			_ = c.Close()
			continue
		}
		own := *o
		own.Peer, own.Dest = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()), netip.AddrPortFrom(dest.Addr().Unmap(), dest.Port())
		b := &boundConn{c, &own, l.doors}
		l.doors.mu.Lock()
		if len(l.doors.conns[own.Interface]) >= perInterface {
			l.doors.mu.Unlock()
			_ = c.Close()
			continue
		}
		if l.doors.conns[own.Interface] == nil {
			l.doors.conns[own.Interface] = map[*boundConn]struct{}{}
		}
		l.doors.conns[own.Interface][b] = struct{}{}
		l.doors.mu.Unlock()
		// The interface may have gone between the look and the note: then Cut did not see this connection.
		if again := l.who(peer.Addr().Unmap()); again == nil || again.Interface != own.Interface {
			_ = b.Close()
			continue
		}
		return b, nil
	}
}

func (b *boundConn) Close() error {
	b.doors.mu.Lock()
	if cs := b.doors.conns[b.origin.Interface]; cs != nil {
		delete(cs, b)
		if len(cs) == 0 {
			delete(b.doors.conns, b.origin.Interface)
		}
	}
	b.doors.mu.Unlock()
	return b.Conn.Close()
}

// originOf finds what Accept bound, below TLS too.
func originOf(c net.Conn) *api.Origin {
	for {
		switch x := c.(type) {
		case *boundConn:
			return x.origin
		case *tls.Conn:
			c = x.NetConn()
		default:
			return nil
		}
	}
}

// publicOrigin is the origin of a connection to the daemon's own listeners.
func publicOrigin(c net.Conn) *api.Origin {
	peer, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	dest, _ := netip.ParseAddrPort(c.LocalAddr().String())
	return &api.Origin{Door: api.Public, Peer: netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()), Dest: dest, Loopback: peer.Addr().Unmap().IsLoopback()}
}

// server makes an HTTP server whose requests know their origin. Bodies may be long; headers and idleness may not.
func (d *Daemon) server(origin func(net.Conn) *api.Origin) *http.Server {
	return &http.Server{
		Handler:           d.gate,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			o := origin(c)
			if o == nil {
				return ctx
			}
			_, o.TLS = c.(*tls.Conn)
			return gate.WithOrigin(ctx, o)
		},
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug), // strangers' broken handshakes are no errors of ours
	}
}

// serve starts the public listeners and the operator's socket.
func (d *Daemon) serve(stop context.CancelCauseFunc) error {
	plain := d.server(publicOrigin)
	plain.Handler = d.public()
	secure := d.server(publicOrigin)
	secure.Handler = d.public()
	d.servers = append(d.servers, plain, secure)
	run := func(name string, s *http.Server, l net.Listener) {
		if err := s.Serve(l); err != nil && err != http.ErrServerClosed && !strings.Contains(err.Error(), "use of closed") {
			stop(fmt.Errorf("the %s listener ended: %w", name, err))
		}
	}
	go run("HTTP", plain, d.http)
	go run("TLS", secure, tls.NewListener(d.tls, d.authority.Config()))
	return d.serveAdmin()
}
