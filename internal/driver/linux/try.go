package linux

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Attempt is one packet of a question: a SYN, an empty datagram, or an echo request.
type Attempt struct {
	Port   string // eni-... that something can sit on
	Proto  int    // 1, 6 or 17
	Dest   netip.AddrPort
	Source uint16 // 0: the kernel chooses
	Millis int    // how long to wait for an answer; 0: three seconds
}

// The outcomes of an attempt. Refused means that the packet arrived, and that nothing listens there.
const (
	Answered = "answered"
	Refused  = "refused"
	Silent   = "silent"
)

type outcome struct{ Outcome string }

// Try sends one packet from a port, through all its walls, and says what came back. A TCP connection that was made is closed
// at once.
func (f *Fabric) Try(ctx context.Context, a Attempt) (string, error) {
	var out outcome
	if _, err := f.call(ctx, opTry, a, &out); err != nil {
		return "", err
	}
	return out.Outcome, nil
}

func (c *child) try(in Attempt) (out outcome, err error) {
	ns := -1
	err = c.sit(in.Port, func(fd int) (err error) { // an attempt may take its time: not under the lock
		ns, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err == nil {
		defer unix.Close(ns)
		err = within(ns, func() (err error) {
			out.Outcome, err = attempt(in)
			return err
		})
	}
	if err != nil {
		err = fmt.Errorf("cannot send to %s from %s: %w", in.Dest, in.Port, err)
	}
	return out, err
}

func attempt(in Attempt) (string, error) {
	if !in.Dest.Addr().Is4() {
		return "", fmt.Errorf("%s is no IPv4 address", in.Dest.Addr())
	}
	kind, proto := unix.SOCK_STREAM, unix.IPPROTO_TCP
	switch in.Proto {
	case unix.IPPROTO_TCP:
	case unix.IPPROTO_UDP:
		kind, proto = unix.SOCK_DGRAM, unix.IPPROTO_UDP
	case unix.IPPROTO_ICMP:
		kind, proto, in.Source = unix.SOCK_DGRAM, unix.IPPROTO_ICMP, 0
	default:
		return "", fmt.Errorf("protocol %d cannot be sent", in.Proto)
	}
	s, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return "", err
	}
	defer unix.Close(s)
	wait := time.Duration(in.Millis) * time.Millisecond
	if wait <= 0 {
		wait = 3 * time.Second
	}
	tv := unix.NsecToTimeval(int64(wait))
	for _, o := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, o, &tv); err != nil {
			return "", err
		}
	}
	if in.Source != 0 {
		if err := unix.Bind(s, inet4(netip.AddrPortFrom(netip.IPv4Unspecified(), in.Source))); err != nil {
			return "", err
		}
	}
	if err := unix.Connect(s, inet4(in.Dest)); err != nil || kind == unix.SOCK_STREAM {
		return said(err)
	}
	var packet []byte
	if proto == unix.IPPROTO_ICMP {
		packet = []byte{8, 0, 0, 0, 0, 0, 0, 1} // the kernel fills in id and checksum
	}
	if _, err := unix.SendmsgN(s, packet, nil, nil, 0); err != nil {
		return said(err)
	}
	_, err = unix.Read(s, make([]byte, 2048))
	return said(err)
}

func said(err error) (string, error) {
	switch {
	case err == nil:
		return Answered, nil
	case errors.Is(err, unix.ECONNREFUSED):
		return Refused, nil
	}
	for _, silent := range []unix.Errno{unix.EINPROGRESS, unix.EAGAIN, unix.ETIMEDOUT, unix.ENETUNREACH, unix.EHOSTUNREACH} {
		if errors.Is(err, silent) {
			return Silent, nil
		}
	}
	return "", err
}
