package kernel_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/driver/linux"
)

// wild is a process with every power over a port's network namespace: it stands for a job that broke out of its cell and its
// user namespace, and has nothing left against it but the walls of the network.
func wild(t *testing.T, f *linux.Fabric, port string) *prober {
	t.Helper()
	tag := fmt.Sprintf("%s-%d", port, time.Now().UnixNano())
	seat(t, f, port, proberArg, tag).expect("ok", "ready")
	pid := pidOf(t, proberArg+"\x00"+tag+"\x00")
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	args := []string{"--user=/proc/" + parent(t, pid) + "/ns/user", "--net=/proc/" + pid + "/ns/net"}
	if os.Geteuid() != 0 {
		args = append(args, "--preserve-credentials")
	}
	cmd := exec.Command("nsenter", append(args, "/proc/self/fd/3", proberArg)...)
	cmd.Dir, cmd.Stderr, cmd.ExtraFiles = "/", os.Stderr, []*os.File{exe}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal("nsenter, of util-linux: ", err)
	}
	p := &prober{t: t, in: in, wait: map[string]chan string{}}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	go p.read(out)
	p.expect("ok", "watch")
	return p
}

// pidOf finds a process by its command line, as the host counts.
func pidOf(t *testing.T, line string) string {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && string(b) == line {
			return strings.Split(path, "/")[2]
		}
	}
	t.Fatalf("no process %q", line)
	return ""
}

func parent(t *testing.T, pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "PPid:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatal("no parent")
	return ""
}

// frames is what a wild prober saw coming in on eth0.
type frames struct {
	mu   sync.Mutex
	news *sync.Cond
	all  [][]byte
}

func (s *frames) watch() string {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		return "error " + err.Error()
	}
	s.mu.Lock()
	s.news = sync.NewCond(&s.mu)
	s.mu.Unlock()
	go func() {
		b := make([]byte, 65536)
		for {
			n, from, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				return
			}
			if a, ok := from.(*unix.SockaddrLinklayer); ok && a.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			s.mu.Lock()
			s.all = append(s.all, bytes.Clone(b[:n]))
			s.news.Broadcast()
			s.mu.Unlock()
		}
	}()
	return "ok"
}

// look says whether a frame that holds the bytes comes in time.
func (s *frames) look(text string) string {
	want, err := hex.DecodeString(text)
	if err != nil {
		return "error " + err.Error()
	}
	late := false
	timer := time.AfterFunc(patience, func() { s.mu.Lock(); late = true; s.news.Broadcast(); s.mu.Unlock() })
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := 0; ; {
		for ; at < len(s.all); at++ {
			if bytes.Contains(s.all[at], want) {
				return "seen"
			}
		}
		if late {
			return "unseen"
		}
		s.news.Wait()
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// frame sends bytes as they are out of eth0.
func frame(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil {
		return "error " + err.Error()
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "error " + err.Error()
	}
	defer unix.Close(fd)
	i := index("eth0")
	if i == 0 {
		return "error no eth0"
	}
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrLinklayer{Ifindex: i}); err != nil {
		return "error " + err.Error()
	}
	return "ok"
}

// index asks the kernel, since /sys shows another namespace's links.
func index(name string) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil || unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r) != nil {
		return 0
	}
	return int(r.Uint32())
}

// ip is an IPv4 packet to be; frag is the flags and offset word in host order.
type ip struct {
	src, dst string
	proto    byte
	frag     uint16
	id       uint16
	options  []byte // a multiple of four
	body     []byte
}

func (p ip) bytes() []byte {
	size := 20 + len(p.options)
	h := make([]byte, size, size+len(p.body))
	h[0] = 0x40 | byte(size/4)
	binary.BigEndian.PutUint16(h[2:], uint16(size+len(p.body)))
	binary.BigEndian.PutUint16(h[4:], p.id)
	binary.BigEndian.PutUint16(h[6:], p.frag)
	h[8], h[9] = 64, p.proto
	src, dst := netip.MustParseAddr(p.src).As4(), netip.MustParseAddr(p.dst).As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	copy(h[20:], p.options)
	binary.BigEndian.PutUint16(h[10:], sum(h))
	return append(h, p.body...)
}

func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s>>16 > 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// datagram is a UDP message without a checksum, which IPv4 allows.
func datagram(from, to uint16, text string) []byte {
	b := make([]byte, 8, 8+len(text))
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(text)))
	return append(b, text...)
}

// segment is a TCP segment with a text, its checksum for the given addresses.
func segment(src, dst string, from, to uint16, flags byte, text string) []byte {
	b := make([]byte, 20, 20+len(text))
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint32(b[4:], 1000)
	binary.BigEndian.PutUint32(b[8:], 2000)
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 4096)
	b = append(b, text...)
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	pseudo := append(append(append([]byte{}, s[:]...), d[:]...), 0, 6, byte(len(b)>>8), byte(len(b)))
	pseudo = append(pseudo, b...)
	if len(pseudo)%2 > 0 {
		pseudo = append(pseudo, 0)
	}
	binary.BigEndian.PutUint16(b[16:], sum(pseudo))
	return b
}

// message is one of ICMP.
func message(typ, code byte, body []byte) []byte {
	b := append([]byte{typ, code, 0, 0}, body...)
	if len(b)%2 > 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], sum(b))
	return b
}

// raws tries to open sockets that could speak past the kernel's own protocols: "none" when all were refused.
func raws() string {
	for name, s := range map[string][3]int{
		"raw ip": {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW}, "raw icmp": {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		"raw udp": {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP}, "raw ipv6": {unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_RAW},
		"packet": {unix.AF_PACKET, unix.SOCK_RAW, int(htons(unix.ETH_P_ALL))}, "packet ip": {unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_IP))},
	} {
		if fd, err := unix.Socket(s[0], s[1]|unix.SOCK_CLOEXEC, s[2]); err == nil {
			unix.Close(fd)
			return name
		}
	}
	return "none"
}

// conns are connections that stay open, by name.
type conns struct{ all sync.Map }

func (c *conns) open(name, dest string, source ...string) string {
	d := net.Dialer{Timeout: patience}
	if len(source) > 0 {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source[0]))
	}
	x, err := d.Dial("tcp4", dest)
	if err != nil {
		return outcome(nil, err)
	}
	c.all.Store(name, x)
	return "ok"
}

// talk says a word and waits for its echo.
func (c *conns) talk(name string) string {
	x, ok := c.all.Load(name)
	if !ok {
		return "error no connection"
	}
	line := x.(net.Conn)
	_ = line.SetDeadline(time.Now().Add(patience))
	if _, err := line.Write([]byte("w")); err != nil {
		return outcome(nil, err)
	}
	if _, err := line.Read(make([]byte, 1)); err != nil {
		return outcome(nil, err)
	}
	return "heard"
}
