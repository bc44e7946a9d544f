package linux

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// Finding is one thing that the host can or can't do. Each was tried, none was looked up.
type Finding struct {
	Name     string // "user namespaces", "nftables", ...
	OK       bool
	Required bool   // without it no job runs
	Detail   string // what was seen
	Remedy   string // what to do, empty when OK
}

// Check tries everything that a fabric needs in a fabric that it throws away. The order is that of dependence: what
// follows a required finding that isn't OK was not tried.
func Check() []Finding {
	f, err := Start(Config{})
	if err != nil {
		return []Finding{{Name: "user namespaces", Required: true, Detail: err.Error(), Remedy: usernsRemedy()}}
	}
	defer f.Close()
	out := []Finding{{Name: "user namespaces", OK: true, Required: true, Detail: fmt.Sprintf("the fabric runs as host uid %s", hostUID(f.pid))}}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var inner []Finding
	if _, err := f.call(ctx, opProbe, struct{}{}, &inner); err != nil {
		return append(out, Finding{Name: "fabric", Required: true, Detail: err.Error(), Remedy: "look at the daemon's log"})
	}
	out = append(append(out, inner...), staticFinding("/proc/self/exe"))
	limits := Finding{Name: "cgroup limits", OK: f.caps.Memory == "cgroup", Detail: "memory: " + f.caps.Memory + ", processes: " + f.caps.Pids}
	if !limits.OK {
		limits.Remedy = "run the daemon as an ordinary user in a cgroup v2 subtree with memory and pids: systemd-run --user --scope -p Delegate=yes, or Delegate=yes in its unit"
	}
	return append(out, limits)
}

// Static says why this program cannot run in a cell, or nil.
func Static() error {
	if f := staticFinding("/proc/self/exe"); !f.OK {
		return fmt.Errorf("no job could run: %s; %s", f.Detail, f.Remedy)
	}
	return nil
}

// staticFinding: a cell has no loader and no libraries.
func staticFinding(path string) Finding {
	f := Finding{Name: "static program", Required: true}
	bin, err := elf.Open(path)
	if err != nil {
		f.Detail, f.Remedy = err.Error(), "build with CGO_ENABLED=0"
		return f
	}
	defer bin.Close()
	for _, p := range bin.Progs {
		if p.Type == elf.PT_INTERP {
			f.Detail, f.Remedy = "this binary needs a loader", "build with CGO_ENABLED=0"
			return f
		}
	}
	f.OK = true
	return f
}

func hostUID(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err == nil {
		for _, l := range strings.Split(string(b), "\n") {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "Uid:" {
				return f[1]
			}
		}
	}
	return "unknown"
}

// usernsRemedy looks for the switch that is off; the trial itself has failed already.
func usernsRemedy() string {
	for _, s := range []struct{ path, bad, remedy string }{
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "install an AppArmor profile for the binary with \"userns,\" in it, or set kernel.apparmor_restrict_unprivileged_userns=0"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "set kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/user/max_user_namespaces", "0", "set user.max_user_namespaces to 10000 or more"},
		{"/proc/sys/user/max_net_namespaces", "0", "set user.max_net_namespaces to 10000 or more"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.bad {
			return s.remedy
		}
	}
	return "a kernel with user namespaces is needed; inside a container they and a full /proc must be allowed (for Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
}

// probe tries, inside the fabric, what each network needs.
func (c *child) probe() []Finding {
	var out []Finding
	try := func(name, remedy string, f func() error) bool {
		err := f()
		r := Finding{Name: name, OK: err == nil, Required: true}
		if err != nil {
			r.Detail, r.Remedy = err.Error(), remedy
		}
		out = append(out, r)
		return err == nil
	}
	const id = "probe"
	addr := netip.MustParseAddr
	d := fabric.Desired{Network: id, Generation: 1,
		CIDRs:    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
		Subnets:  []fabric.Subnet{{ID: "subnet-probe", CIDR: netip.MustParsePrefix("10.0.0.0/24"), Router: addr("10.0.0.1"), Table: 1000}},
		Ports:    []fabric.Port{{ID: "eni-probe", Alias: "eprobe", Addrs: []netip.Addr{addr("10.0.0.4")}, MAC: "0e:cc:0a:00:00:04", Subnet: "subnet-probe", Groups: []string{"sg-probe"}}},
		Groups:   []fabric.Group{{ID: "sg-probe"}},
		Gateways: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/25")},
	}
	defer c.remove(id)
	if !try("nftables and conntrack", "load the modules nf_tables, nft_ct, nft_fib_ipv4, nft_log, nf_conntrack and nf_conntrack_netlink (CONFIG_NF_TABLES_IPV4=y)", func() error {
		_, err := c.network(id)
		return err
	}) {
		return out
	}
	if !try("virtual links", "load the module veth", func() error {
		if s := c.set(d); s.Err != "" {
			return errors.New(s.Err)
		}
		return nil
	}) {
		return out
	}
	n, err := c.standing(id)
	if err != nil {
		return out
	}
	try("conntrack tables", "load the module nf_conntrack_netlink", func() error {
		_, err := n.rt.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
		return err
	})
	n.mu.Unlock()
	try("list of connections", "load the module tcp_diag: without it connections that wait to be accepted outlive their port", func() error {
		return within(n.ns, func() error {
			_, err := netlink.SocketDiagTCP(unix.AF_INET)
			return err
		})
	})
	out[len(out)-1].Required = false // an address rests before it is given out again
	try("transparent sockets", "IP_TRANSPARENT must be allowed in user namespaces: look for a security module that forbids it", func() error {
		s, err := c.listen(listenRequest{id, fabric.Listener{Name: "probe", Net: "tcp", Addr: netip.IPv4Unspecified(), Port: 443, Transparent: true}})
		if err == nil {
			unix.Close(s)
		}
		return err
	})
	try("packet log (NFLOG)", "load the module nfnetlink_log", func() error { return within(n.ns, bindNFLOG) })
	try("seccomp filters", "a kernel with CONFIG_SECCOMP_FILTER", func() error {
		act := uint32(unix.SECCOMP_RET_ERRNO)
		if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&act))); e != 0 {
			return e
		}
		return nil
	})
	try("close_range", "a kernel since 5.11", func() error { return unix.CloseRange(1<<20, 1<<20, unix.CLOSE_RANGE_CLOEXEC) })
	return out
}

// bindNFLOG asks for the log group as a collector does.
func bindNFLOG() error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if err := unix.Bind(s, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	// nlmsghdr, nfgenmsg (group 1), NFULA_CFG_CMD = NFULNL_CFG_CMD_BIND
	const size = 16 + 4 + 8
	m := make([]byte, size)
	ne := binary.NativeEndian
	ne.PutUint32(m[0:], size)
	ne.PutUint16(m[4:], unix.NFNL_SUBSYS_ULOG<<8|1)
	ne.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	m[16], m[19] = unix.AF_INET, fabric.LogGroup
	ne.PutUint16(m[20:], 5)
	ne.PutUint16(m[22:], 1)
	m[24] = 1
	if err := unix.Sendto(s, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	b := make([]byte, 4096)
	k, _, err := unix.Recvfrom(s, b, 0)
	if err != nil {
		return err
	}
	if k < 20 {
		return errors.New("no acknowledgement")
	}
	if code := int32(ne.Uint32(b[16:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
