// Package probe is a program that tries to get out of the cell it is in. It holds back nothing, and reports what it met.
package probe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Attempt is one try and how it ended.
type Attempt struct {
	What string
	Out  bool   // it got out: a wall is missing
	Met  string // what stopped it, or what it reached
}

// Run tries everything.
func Run() []Attempt {
	var out []Attempt
	try := func(what string, f func() (string, error)) {
		got, err := f()
		if err != nil {
			out = append(out, Attempt{what, false, reason(err)})
			return
		}
		out = append(out, Attempt{what, true, got})
	}
	for _, s := range []struct {
		what         string
		family, kind int
	}{
		{"open an IPv4 TCP socket", syscall.AF_INET, syscall.SOCK_STREAM},
		{"open an IPv4 UDP socket", syscall.AF_INET, syscall.SOCK_DGRAM},
		{"open an IPv6 socket", syscall.AF_INET6, syscall.SOCK_STREAM},
		{"open a Unix socket", syscall.AF_UNIX, syscall.SOCK_STREAM},
		{"open a netlink socket", syscall.AF_NETLINK, syscall.SOCK_RAW},
		{"open a packet socket", syscall.AF_PACKET, syscall.SOCK_RAW},
		{"open a virtual-machine socket", 40, syscall.SOCK_STREAM},
	} {
		try(s.what, func() (string, error) {
			fd, err := syscall.Socket(s.family, s.kind, 0)
			if err == nil {
				err = syscall.Close(fd)
			}
			return "a socket", err
		})
	}
	for _, a := range []string{"198.51.100.10:443", "198.18.0.2:53", "127.0.0.1:4566", "169.254.169.254:80", "1.1.1.1:53"} {
		try("connect to "+a, func() (string, error) {
			c, err := net.DialTimeout("tcp", a, time.Second)
			if err == nil {
				err = c.Close()
			}
			return "a connection", err
		})
	}
	for _, p := range []string{"/etc/passwd", "/proc/1/environ", "/sys/kernel", "/dev/mem", "/bin/sh"} {
		try("read "+p, func() (string, error) {
			f, err := os.Open(p)
			if err == nil {
				err = f.Close()
			}
			return "a file", err
		})
	}
	for _, p := range []string{"/x", "/tmp/x", "/dev/shm/x"} {
		try("write "+p, func() (string, error) {
			f, err := os.Create(p)
			if err == nil {
				err = f.Close()
			}
			return "a file", err
		})
	}
	try("leave its namespaces (unshare)", func() (string, error) {
		return "new namespaces", syscall.Unshare(syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET)
	})
	try("mount", func() (string, error) { return "a mount", syscall.Mount("x", "/tmp", "tmpfs", 0, "") })
	try("trace a process", func() (string, error) { return "a tracer", syscall.PtraceAttach(1) })
	return out
}

// reason names an error without its wrapping.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return fmt.Sprint(err)
}
