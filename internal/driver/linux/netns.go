package linux

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// within runs f on a thread of its own that sits in the network namespace and ends with f. Nothing in f may start a
// goroutine that touches the network: it would sit elsewhere.
func within(fd int, f func() error) error {
	ch := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread must not return to the pool
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			ch <- fmt.Errorf("cannot enter a network namespace: %w", err)
			return
		}
		ch <- f()
	}()
	return <-ch
}

// newNamespace makes a network namespace that lives as long as the descriptor.
func newNamespace() (int, error) {
	type made struct {
		fd  int
		err error
	}
	ch := make(chan made, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ch <- made{-1, fmt.Errorf("cannot make a network namespace: %w", err)}
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			err = fmt.Errorf("cannot hold a network namespace: %w", err)
		}
		ch <- made{fd, err}
	}()
	m := <-ch
	return m.fd, m.err
}

type setting struct{ path, value string }

// sysctls writes settings of the namespace that fd names: /proc/sys/net follows the writing thread.
func sysctls(fd int, all []setting) error {
	return within(fd, func() error {
		for _, s := range all {
			err := os.WriteFile("/proc/sys/"+s.path, []byte(s.value), 0)
			if os.IsNotExist(err) && len(s.path) > 8 && s.path[:8] == "net/ipv6" {
				continue // a kernel without IPv6 has nothing to turn off
			}
			if err != nil {
				return fmt.Errorf("cannot set %s: %w", s.path, err)
			}
		}
		return nil
	})
}

// bufferSettings bound what the kernel holds for one TCP socket, in bytes: least, first, most. That memory counts as no process's and
// has a limit for the whole host, so a job with many sockets could take it from all others. Within one
// kernel little is ever on its way.
func bufferSettings() []setting {
	return []setting{{"net/ipv4/tcp_rmem", "4096 131072 524288"}, {"net/ipv4/tcp_wmem", "4096 16384 262144"}}
}

// networkSettings turn a namespace into a router that speaks IPv4 alone and changes nobody's routes.
func networkSettings() []setting {
	return append(bufferSettings(), []setting{
		{"net/ipv6/conf/all/disable_ipv6", "1"},
		{"net/ipv6/conf/default/disable_ipv6", "1"},
		{"net/ipv4/ip_forward", "1"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv4/conf/default/send_redirects", "0"},
		{"net/ipv4/conf/all/accept_redirects", "0"},
		{"net/ipv4/conf/default/accept_redirects", "0"},
		{"net/ipv4/conf/all/accept_source_route", "0"}, // what follows is the host's otherwise
		{"net/ipv4/conf/default/accept_source_route", "0"},
		{"net/ipv4/conf/all/route_localnet", "0"},
		{"net/ipv4/conf/default/route_localnet", "0"},
		{"net/ipv4/ip_unprivileged_port_start", "0"},
	}...)
}

// flowSettings exist only once conntrack is in use.
func flowSettings() []setting {
	return []setting{
		{"net/netfilter/nf_conntrack_acct", "1"},
		{"net/netfilter/nf_conntrack_timestamp", "1"},
		{"net/netfilter/nf_conntrack_events", "1"},
	}
}

// portSettings let all groups of the fabric, ids many, send echo requests.
func portSettings(ids int) []setting {
	return append(bufferSettings(), []setting{
		{"net/ipv6/conf/all/disable_ipv6", "1"},
		{"net/ipv6/conf/default/disable_ipv6", "1"},
		{"net/ipv4/conf/all/accept_redirects", "0"},
		{"net/ipv4/conf/default/accept_redirects", "0"},
		{"net/ipv4/ping_group_range", fmt.Sprintf("0 %d", ids-1)},
		{"net/ipv4/ip_unprivileged_port_start", "0"},
	}...)
}

// translatorSettings make a port's namespace forward what it is handed.
func translatorSettings(ids int) []setting {
	return append(portSettings(ids), []setting{
		{"net/ipv4/ip_forward", "1"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv4/conf/default/send_redirects", "0"},
		{"net/ipv4/conf/all/accept_source_route", "0"},
		{"net/ipv4/conf/default/accept_source_route", "0"},
	}...)
}
