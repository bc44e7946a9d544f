package linux

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// listen makes a socket inside the network and hands it out: what arrives there, the daemon reads.
func (c *child) listen(in listenRequest) (int, error) {
	n, err := c.standing(in.Network)
	if err != nil {
		return -1, err
	}
	defer n.mu.Unlock()
	l, s := in.Listener, -1
	err = within(n.ns, func() (err error) {
		kind := unix.SOCK_STREAM
		if l.Net == "udp" {
			kind = unix.SOCK_DGRAM
		} else if l.Net != "tcp" {
			return fmt.Errorf("unknown transport %q", l.Net)
		}
		if s, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		// Freebind: a listener may be asked for before its address stands.
		opts := [][2]int{{unix.SOL_SOCKET, unix.SO_REUSEADDR}, {unix.SOL_IP, unix.IP_FREEBIND}}
		if kind == unix.SOCK_STREAM {
			// An interface endpoint listens on its own address beside the transparent listener for all; the narrower one is asked.
			opts = append(opts, [2]int{unix.SOL_SOCKET, unix.SO_REUSEPORT})
		}
		if l.Transparent {
			opts = append(opts, [2]int{unix.SOL_IP, unix.IP_TRANSPARENT})
		}
		for _, o := range opts {
			if err := unix.SetsockoptInt(s, o[0], o[1], 1); err != nil {
				return fmt.Errorf("cannot set socket option %d: %w", o[1], err)
			}
		}
		if err := unix.Bind(s, inet4(netip.AddrPortFrom(l.Addr, l.Port))); err != nil {
			return fmt.Errorf("cannot bind %s:%d: %w", l.Addr, l.Port, err)
		}
		if kind == unix.SOCK_STREAM {
			return unix.Listen(s, 1024)
		}
		return nil
	})
	if err != nil {
		if s >= 0 {
			unix.Close(s)
		}
		return -1, fmt.Errorf("cannot listen in %s for %s: %w", in.Network, l.Name, err)
	}
	return s, nil
}

// dial connects from the network's own namespace: the ingress rules of the destination are asked, by the output hook.
func (c *child) dial(in dialRequest) (int, error) {
	n, err := c.standing(in.Network)
	if err != nil {
		return -1, err
	}
	ns, err := unix.FcntlInt(uintptr(n.ns), unix.F_DUPFD_CLOEXEC, 0) // a dial may take its time: not under the lock
	n.mu.Unlock()
	if err != nil {
		return -1, err
	}
	defer unix.Close(ns)
	s := -1
	err = within(ns, func() (err error) {
		if s, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		tv := unix.NsecToTimeval(int64(max(in.Millis, 1)) * 1e6)
		if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
			return err
		}
		if in.Source.IsValid() {
			if err := unix.Bind(s, inet4(netip.AddrPortFrom(in.Source, 0))); err != nil {
				return err
			}
		}
		if err := unix.Connect(s, inet4(in.Dest)); err != nil {
			if err == unix.EINPROGRESS {
				err = unix.ETIMEDOUT
			}
			return err
		}
		return unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{})
	})
	if err != nil {
		if s >= 0 {
			unix.Close(s)
		}
		return -1, fmt.Errorf("cannot dial %s in %s: %w", in.Dest, in.Network, err)
	}
	return s, nil
}

func inet4(a netip.AddrPort) *unix.SockaddrInet4 {
	sa := &unix.SockaddrInet4{Port: int(a.Port())}
	if a.Addr().Is4() {
		sa.Addr = a.Addr().As4()
	}
	return sa
}
