package kernel_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/driver/linux"
)

const proberArg = "kernel-prober"

// patience is how long a packet may take before it counts as dropped.
const patience = 400 * time.Millisecond

// proberMain is a process on a port that does as it is told: a line "id verb args", answered by "id words".
func proberMain() {
	if len(os.Args) == 0 || os.Args[0] != proberArg && (len(os.Args) < 2 || os.Args[1] != proberArg) {
		return
	}
	seen := &frames{}
	lines := &conns{}
	var mu sync.Mutex
	say := func(id, text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(id, text)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f := strings.Fields(in.Text())
		go func() {
			switch verb, args := f[1], f[2:]; verb {
			case "ready":
				say(f[0], "ok")
			case "watch": // what comes in by eth0
				say(f[0], seen.watch())
			case "look": // hex
				say(f[0], seen.look(args[0]))
			case "frame": // hex
				say(f[0], frame(args[0]))
			case "open": // name dest [source]
				say(f[0], lines.open(args[0], args[1], args[2:]...))
			case "talk": // name
				say(f[0], lines.talk(args[0]))
			default:
				say(f[0], probe(verb, args))
			}
		}()
	}
	os.Exit(0)
}

func probe(verb string, args []string) string {
	switch verb {
	case "tcp": // serve
		l, err := net.Listen("tcp4", args[0])
		if err != nil {
			return "error " + err.Error()
		}
		go accept(l, nil)
		return "ok"
	case "udp": // serve
		c, err := net.ListenPacket("udp4", args[0])
		if err != nil {
			return "error " + err.Error()
		}
		go func() {
			b := make([]byte, 64)
			for {
				n, a, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(b[:n], a)
			}
		}()
		return "ok"
	case "dial": // dest [source]
		d := net.Dialer{Timeout: patience}
		if len(args) > 1 {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(args[1]))
		}
		c, err := d.Dial("tcp4", args[0])
		return outcome(c, err)
	case "hold": // dest: connects and then answers whether another byte still comes
		c, err := net.DialTimeout("tcp4", args[0], patience)
		if err != nil {
			return outcome(c, err)
		}
		b := make([]byte, 1)
		_, err = c.Read(b)
		return "ended " + fmt.Sprint(err)
	case "ask": // udp dest [source]
		d := net.Dialer{}
		if len(args) > 1 {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(args[1]))
		}
		c, err := d.Dial("udp4", args[0])
		if err != nil {
			return outcome(nil, err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("q")); err != nil {
			return outcome(nil, err)
		}
		b := make([]byte, 64)
		n, err := c.Read(b)
		if err != nil {
			return outcome(nil, err)
		}
		return "open " + string(b[:n])
	case "echo": // serve, over tcp, what it hears
		l, err := net.Listen("tcp4", args[0])
		if err != nil {
			return "error " + err.Error()
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(c, c) }()
			}
		}()
		return "ok"
	case "pump": // dest bytes: to an echo server and back
		return pump(args[0], args[1])
	case "flood": // dest n: datagrams that nobody answers
		return flood(args[0], args[1])
	case "spray": // dest n: one datagram from each of n ports
		for range atoi(args[1]) {
			if said := flood(args[0], "1"); said != "ok" {
				return said
			}
		}
		return "ok"
	case "count": // what eth0 has received and sent
		return count()
	case "raw": // every socket that could speak past the kernel's own protocols
		return raws()
	case "ping":
		return ping(args[0], args[1:]...)
	case "dial6":
		c, err := net.DialTimeout("tcp6", args[0], patience)
		return outcome(c, err)
	case "ifs":
		out := ""
		all, _ := net.InterfaceAddrs()
		for _, a := range all {
			out += a.String() + " "
		}
		return out
	}
	return "error unknown verb " + verb
}

// outcome: "open" something answered, "refused" the packet arrived where nothing listens, "dropped" no answer came.
func outcome(c net.Conn, err error) string {
	var ne net.Error
	switch {
	case err == nil:
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 256)
		n, _ := c.Read(b)
		return "open " + string(b[:n])
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &ne) && ne.Timeout():
		return "dropped"
	}
	return "error " + err.Error()
}

// ping sends an echo request, with the id that is given.
func ping(to string, id ...string) string {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return "error " + err.Error()
	}
	defer unix.Close(s)
	if len(id) > 0 {
		n, _ := strconv.Atoi(id[0])
		if err := unix.Bind(s, &unix.SockaddrInet4{Port: n}); err != nil {
			return "error " + err.Error()
		}
	}
	tv := unix.NsecToTimeval(int64(patience))
	_ = unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	if err := unix.Sendto(s, []byte{8, 0, 0, 0, 0, 0, 0, 1}, 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(to).As4()}); err != nil {
		return "error " + err.Error()
	}
	if _, _, err := unix.Recvfrom(s, make([]byte, 64), 0); err != nil {
		return "dropped"
	}
	return "open"
}

// prober talks to one.
type prober struct {
	t    testing.TB
	in   io.WriteCloser
	mu   sync.Mutex
	next int
	wait map[string]chan string
}

// sit starts a prober on a port.
func sit(t testing.TB, f *linux.Fabric, port string) *prober {
	t.Helper()
	return seat(t, f, port, proberArg)
}

func seat(t testing.TB, f *linux.Fabric, port string, argv ...string) *prober {
	t.Helper()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Spawn(soon(t), linux.Spec{Port: port, Argv: argv, Stdin: inR, Stdout: outW, Stderr: os.Stderr})
	inR.Close()
	outW.Close()
	if err != nil {
		t.Fatal(err)
	}
	p := &prober{t: t, in: inW, wait: map[string]chan string{}}
	t.Cleanup(func() { inW.Close(); outR.Close() })
	go p.read(outR)
	return p
}

func (p *prober) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		id, text, _ := strings.Cut(s.Text(), " ")
		p.mu.Lock()
		ch := p.wait[id]
		delete(p.wait, id)
		p.mu.Unlock()
		if ch != nil {
			ch <- text
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ch := range p.wait {
		ch <- "gone" // it ended before it answered
	}
	p.wait = nil
}

// ask gives the answer, "gone" when the prober has ended.
func (p *prober) ask(words ...string) string {
	p.t.Helper()
	return <-p.send(words...)
}

func (p *prober) send(words ...string) chan string {
	ch := make(chan string, 1)
	p.mu.Lock()
	if p.wait == nil {
		p.mu.Unlock()
		ch <- "gone"
		return ch
	}
	p.next++
	id := fmt.Sprint(p.next)
	p.wait[id] = ch
	p.mu.Unlock()
	_, _ = fmt.Fprintln(p.in, id, strings.Join(words, " "))
	return ch
}

// expect asks again when an answer that should have come didn't: on a busy host it may have been late, while a wall that
// stands refuses twice.
func (p *prober) expect(want string, words ...string) {
	p.t.Helper()
	got := p.ask(words...)
	if got == "dropped" && want != "dropped" {
		got = p.ask(words...)
	}
	if !strings.HasPrefix(got, want) {
		p.t.Errorf("%v: %q, want %q", words, got, want)
	}
}
