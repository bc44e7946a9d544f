package linux

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	flows "cloister/internal/core/flow"
)

// The netlink sockets of a network's reader, in the order in which they are handed out.
const (
	flowRefusals = iota // NFLOG
	flowEnds            // conntrack, the ends of connections
	flowReadings        // conntrack, dumps
	flowLinks           // route, names of links
	flowSockets
)

type flowsRequest struct {
	Network string
	Buffer  int
}

type readingRequest struct{ Sequence uint32 }

// flows opens netlink sockets inside the network and subscribes them. A socket belongs to the namespace that it was made in, whoever
// reads it; only to ask something of it takes the rights that the fabric alone has for certain.
func (c *child) flows(in flowsRequest) ([]int, error) {
	n, err := c.standing(in.Network)
	if err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	var fds []int
	err = within(n.ns, func() error {
		for i := range flowSockets {
			proto := unix.NETLINK_NETFILTER
			if i == flowLinks {
				proto = unix.NETLINK_ROUTE
			}
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
			if err != nil {
				return err
			}
			fds = append(fds, fd)
			if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = subscribe(fds, in.Buffer)
	}
	if err != nil {
		closeAll(fds)
		return nil, fmt.Errorf("cannot read the flows of %s: %w", in.Network, err)
	}
	return fds, nil
}

// subscribe has the kernel tell of refusals and of the ends of connections.
func subscribe(fds []int, buffer int) error {
	opts := []struct{ fd, level, name, value int }{
		{fds[flowRefusals], unix.SOL_SOCKET, unix.SO_RCVBUF, buffer},
		{fds[flowEnds], unix.SOL_SOCKET, unix.SO_RCVBUF, buffer},
		{fds[flowEnds], unix.SOL_NETLINK, unix.NETLINK_BROADCAST_ERROR, 1}, // the end of a connection that found no room is told again later
		{fds[flowEnds], unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, nfnlgrpConntrackDestroy},
	}
	for _, o := range opts {
		if err := unix.SetsockoptInt(o.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("cannot set netlink option %d: %w", o.name, err)
		}
	}
	// Bind the group; the packet's first 96 bytes; a sequence number with each; told within 50 ms.
	var cfg attributes
	cfg.add(nfulaCfgCmd, []byte{nfulnlCfgCmdBind})
	cfg.add(nfulaCfgMode, []byte{0, 0, 0, 96, nfulnlCopyPacket, 0})
	cfg.add(nfulaCfgTimeout, []byte{0, 0, 0, 5})
	cfg.add(nfulaCfgThreshold, []byte{0, 0, 0, 32})
	cfg.add(nfulaCfgFlags, []byte{0, nfulnlCfgSeq})
	dup, err := unix.FcntlInt(uintptr(fds[flowRefusals]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s := &netlinkSocket{f: os.NewFile(uintptr(dup), "netlink")}
	defer s.f.Close()
	if err := s.send(subsysLog<<8|nfulnlMsgConfig, unix.NLM_F_REQUEST|unix.NLM_F_ACK, nfgen(unix.AF_UNSPEC, fabric.LogGroup), cfg); err != nil {
		return err
	}
	if err := s.answer(nil); err != nil {
		return fmt.Errorf("cannot bind log group %d: %w", fabric.LogGroup, err)
	}
	return nil
}

// reading asks for all connections on a socket of flows; whoever holds the socket reads the answer.
func (c *child) reading(in readingRequest, fds []int) error {
	if len(fds) != 1 {
		closeAll(fds)
		return errors.New("a reading without its socket")
	}
	s := &netlinkSocket{f: os.NewFile(uintptr(fds[0]), "netlink"), seq: in.Sequence - 1}
	defer s.f.Close()
	return s.send(subsysConntrack<<8|ctGet, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, nfgen(unix.AF_INET, 0), nil)
}

// FlowBuffer is what a reader asks the kernel to keep of what it has not read yet, in bytes; net.core.rmem_max bounds it.
const FlowBuffer = 8 << 20

// Flows reads what a network's kernel tells of packets. Close it, or remove the network: until then it keeps the namespace.
type Flows struct {
	fabric  *Fabric
	h       *holdings
	socks   [flowSockets]*netlinkSocket
	sink    func(flows.Event)
	done    sync.WaitGroup
	mu      sync.Mutex // of readings and names
	names   map[uint32]string
	order   uint32 // sequence number of the last refusal
	ordered bool
	ended   sync.Once
}

// Flows begins to read the refusals and the ends of connections of a network that was set; sink gets them as they come, from
// more than one goroutine. buffer is in bytes, zero means FlowBuffer. When the network is removed, sink gets all that still lives
// first. What was lost on the way is told as a flows.Loss, never left out.
func (f *Fabric) Flows(ctx context.Context, network string, buffer int, sink func(flows.Event)) (*Flows, error) {
	if buffer == 0 {
		buffer = FlowBuffer
	}
	fds, err := f.call(ctx, opFlows, flowsRequest{network, buffer}, nil)
	if err != nil {
		return nil, err
	}
	if len(fds) != flowSockets {
		closeAll(fds)
		return nil, errors.New("the fabric gave no sockets")
	}
	r := &Flows{fabric: f, h: f.holdings(network), sink: sink, names: map[uint32]string{}}
	for i, fd := range fds {
		r.socks[i] = &netlinkSocket{f: os.NewFile(uintptr(fd), "netlink")}
	}
	r.done.Add(2)
	go r.follow(flowRefusals, "refusals", r.refused)
	go r.follow(flowEnds, "connections", r.finished)
	if !r.h.hold(r) {
		_ = r.Close()
		return nil, fmt.Errorf("cannot read the flows of %s: it was removed", network)
	}
	return r, nil
}

// follow reads one socket until it is closed.
func (r *Flows) follow(i int, what string, each func(kind uint16, body []byte)) {
	defer r.done.Done()
	buf := make([]byte, 1<<18)
	for {
		n, err := r.socks[i].f.Read(buf)
		if errors.Is(err, unix.ENOBUFS) {
			r.sink(flows.Event{Lost: &flows.Loss{What: what}})
			continue
		}
		if err != nil {
			return
		}
		for kind, body := range messages(buf[:n]) {
			each(kind, body)
		}
	}
}

func (r *Flows) finished(kind uint16, body []byte) {
	if kind != subsysConntrack<<8|ctDelete || len(body) < 4 {
		return
	}
	if c, ok := connection(body[4:]); ok {
		r.sink(flows.Event{Ended: &c})
	}
}

func (r *Flows) refused(kind uint16, body []byte) {
	if kind != subsysLog<<8|nfulnlMsgPacket || len(body) < 4 {
		return
	}
	p := packet(body[4:])
	if p.ordered {
		if r.ordered && p.order != r.order+1 {
			r.sink(flows.Event{Lost: &flows.Loss{What: "refusals", Packets: uint64(p.order - r.order - 1)}})
		}
		r.order, r.ordered = p.order, true
	}
	if p.hop == "" {
		return
	}
	x := p.refusal
	if x.At.IsZero() { // the kernel stamps none on the way out
		x.At = time.Now().UTC()
	}
	x.Hop, x.In, x.Out = p.hop, r.name(p.in), r.name(p.out)
	r.sink(flows.Event{Refused: &x})
}

// name is a link's name by its index; an index is not given again in a namespace.
func (r *Flows) name(index uint32) string {
	if index == 0 {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.names[index]; ok {
		return n
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	s := r.socks[flowLinks]
	if s.send(unix.RTM_GETLINK, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, body, nil) != nil {
		return ""
	}
	_ = s.answer(func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWLINK || len(body) < unix.SizeofIfInfomsg {
			return
		}
		for t, v := range attrs(body[unix.SizeofIfInfomsg:]) {
			if t == unix.IFLA_IFNAME {
				r.names[binary.NativeEndian.Uint32(body[4:])] = text(v)
			}
		}
	})
	return r.names[index]
}

// Read gives all connections that live, with what they carried since they began.
func (r *Flows) Read() ([]flows.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []flows.Connection
	err := r.ask()
	if err == nil {
		err = r.socks[flowReadings].answer(func(_ uint16, body []byte) {
			if len(body) < 4 {
				return
			}
			if c, ok := connection(body[4:]); ok {
				out = append(out, c)
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read connections: %w", err)
	}
	return out, nil
}

// ask has the fabric ask for a reading.
func (r *Flows) ask() error {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	s := r.socks[flowReadings]
	rc, err := s.f.SyscallConn()
	if err != nil {
		return err
	}
	dup := -1
	if e := rc.Control(func(fd uintptr) { dup, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); e != nil || err != nil {
		return errors.Join(e, err)
	}
	defer unix.Close(dup)
	s.seq++
	_, err = r.fabric.call(ctx, opReading, readingRequest{s.seq}, nil, dup)
	return err
}

// shut is the network's end: what lives now is read once more.
func (r *Flows) shut() {
	all, err := r.Read()
	if err != nil {
		r.sink(flows.Event{Lost: &flows.Loss{What: "connections"}})
	}
	r.stop()
	r.sink(flows.Event{Final: append([]flows.Connection{}, all...)})
}

// Close ends the reading. It must not be called from the sink.
func (r *Flows) Close() error {
	r.h.release(r)
	r.stop()
	return nil
}

func (r *Flows) stop() {
	r.ended.Do(func() {
		r.closeSockets()
		r.done.Wait()
	})
}

func (r *Flows) closeSockets() {
	for _, s := range r.socks {
		_ = s.f.Close()
	}
}

// netlinkSocket is one that another process made.
type netlinkSocket struct {
	f   *os.File
	seq uint32
}

// requestLimit is how long the kernel may take over an answer.
const requestLimit = 10 * time.Second

func (s *netlinkSocket) send(kind uint16, flags uint16, body []byte, attrs attributes) error {
	s.seq++
	m := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)+len(attrs)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, flags)
	m = binary.NativeEndian.AppendUint32(m, s.seq)
	m = binary.NativeEndian.AppendUint32(m, 0)
	_, err := s.f.Write(append(append(m, body...), attrs...))
	return err
}

// answer reads what the last request is answered with, to its end.
func (s *netlinkSocket) answer(each func(kind uint16, body []byte)) error {
	if err := s.f.SetDeadline(time.Now().Add(requestLimit)); err != nil {
		return err
	}
	defer func() { _ = s.f.SetDeadline(time.Time{}) }()
	buf := make([]byte, 1<<17)
	for {
		n, err := s.f.Read(buf)
		if err != nil {
			return err
		}
		b := buf[:n]
		for len(b) >= unix.NLMSG_HDRLEN {
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.NLMSG_HDRLEN || size > len(b) {
				break
			}
			kind, seq, body := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[unix.NLMSG_HDRLEN:size]
			b = b[min(len(b), (size+3)&^3):]
			switch {
			case seq != s.seq: // of an earlier request that was given up
			case kind == unix.NLMSG_DONE:
				return nil
			case kind == unix.NLMSG_ERROR && len(body) >= 4:
				if e := int32(binary.NativeEndian.Uint32(body)); e != 0 {
					return unix.Errno(-e)
				}
				return nil
			case each != nil:
				each(kind, body)
			}
		}
	}
}
