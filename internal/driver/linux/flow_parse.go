package linux

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
	flows "cloister/internal/core/flow"
)

// Numbers of nfnetlink that x/sys lacks. Sources: linux/netfilter/nfnetlink.h, nfnetlink_log.h, nfnetlink_conntrack.h.
const (
	subsysConntrack         = 1
	subsysLog               = 4
	nfnlgrpConntrackDestroy = 3

	nfulnlMsgPacket   = 0
	nfulnlMsgConfig   = 1
	nfulaCfgCmd       = 1
	nfulaCfgMode      = 2
	nfulaCfgTimeout   = 4 // 1/100 s
	nfulaCfgThreshold = 5
	nfulaCfgFlags     = 6
	nfulnlCfgCmdBind  = 1
	nfulnlCopyPacket  = 2
	nfulnlCfgSeq      = 1

	nfulaTime    = 3
	nfulaIn      = 4
	nfulaOut     = 5
	nfulaPayload = 9
	nfulaPrefix  = 10
	nfulaSeq     = 12

	ctGet    = 1
	ctDelete = 2

	ctaOrig       = 1
	ctaReply      = 2
	ctaStatus     = 3
	ctaProtoinfo  = 4
	ctaCountOrig  = 9
	ctaCountReply = 10
	ctaID         = 12
	ctaTimestamp  = 20

	ctSure = 1 << 2 // IPS_ASSURED
)

func nfgen(family uint8, resource uint16) []byte {
	return []byte{family, 0, byte(resource >> 8), byte(resource)}
}

type attributes []byte

func (a *attributes) add(kind uint16, v []byte) {
	b := binary.NativeEndian.AppendUint16(*a, uint16(4+len(v)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	*a = b
}

// messages walks a datagram. What is cut short ends it.
func messages(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.NLMSG_HDRLEN {
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.NLMSG_HDRLEN || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:size]) {
				return
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}

// attrs walks attributes; flags of their types are left out.
func attrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			size := int(binary.NativeEndian.Uint16(b))
			if size < 4 || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&0x3fff, b[4:size]) {
				return
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}

func be16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func be32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func be64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// connection reads a conntrack entry; false: it is no IPv4 flow.
func connection(b []byte) (flows.Connection, bool) {
	var c flows.Connection
	for t, v := range attrs(b) {
		switch t {
		case ctaOrig:
			c.Orig = tuple(v)
		case ctaReply:
			c.Reply = tuple(v)
		case ctaStatus:
			c.TCP.Sure = be32(v)&ctSure != 0
		case ctaProtoinfo:
			for t, v := range attrs(v) {
				if t != 1 { // CTA_PROTOINFO_TCP
					continue
				}
				c.TCP.Known = true
				for t, v := range attrs(v) {
					switch {
					case t == 1 && len(v) > 0: // state
						c.TCP.State = v[0]
					case (t == 4 || t == 5) && len(v) > 0: // flags and mask, original and reply
						c.TCP.Notes[t-4] = v[0]
					}
				}
			}
		case ctaCountOrig, ctaCountReply:
			for u, v := range attrs(v) {
				switch u {
				case 1:
					c.Count[t-ctaCountOrig].Packets = be64(v)
				case 2:
					c.Count[t-ctaCountOrig].Bytes = be64(v)
				}
			}
		case ctaID:
			c.ID = be32(v)
		case ctaTimestamp:
			for t, v := range attrs(v) {
				at := time.Unix(0, int64(be64(v))).UTC()
				if t == 1 {
					c.Start = at
				} else if t == 2 {
					c.Stop = at
				}
			}
		}
	}
	return c, c.Orig.Src.Is4() && c.Reply.Src.Is4()
}

func tuple(b []byte) (t flows.Tuple) {
	for k, v := range attrs(b) {
		switch k {
		case 1: // CTA_TUPLE_IP
			for k, v := range attrs(v) {
				if len(v) != 4 {
					continue
				}
				a := netip.AddrFrom4([4]byte(v))
				if k == 1 {
					t.Src = a
				} else if k == 2 {
					t.Dst = a
				}
			}
		case 2: // CTA_TUPLE_PROTO
			for k, v := range attrs(v) {
				switch {
				case k == 1 && len(v) > 0:
					t.Proto = v[0]
				case k == 2:
					t.SrcPort = be16(v)
				case k == 3:
					t.DstPort = be16(v)
				}
			}
		}
	}
	return t
}

// logged is one message of NFLOG.
type logged struct {
	hop     fabric.Hop
	in, out uint32
	order   uint32
	ordered bool
	refusal flows.Refusal
}

func packet(b []byte) (p logged) {
	for t, v := range attrs(b) {
		switch t {
		case nfulaIn:
			p.in = be32(v)
		case nfulaOut:
			p.out = be32(v)
		case nfulaPrefix:
			if hop, ok := strings.CutPrefix(text(v), fabric.LogPrefix); ok {
				p.hop = fabric.Hop(hop)
			}
		case nfulaSeq:
			p.order, p.ordered = be32(v), true
		case nfulaTime:
			if len(v) == 16 {
				p.refusal.At = time.Unix(int64(be64(v)), int64(be64(v[8:]))*1000).UTC()
			}
		case nfulaPayload:
			if !head(v, &p.refusal) {
				p.hop = ""
			}
		}
	}
	return p
}

// head reads an IPv4 packet's beginning. Of later fragments the ports are not known.
func head(b []byte, r *flows.Refusal) bool {
	if len(b) < 20 || b[0]>>4 != 4 {
		return false
	}
	size := int(b[0]&15) * 4
	r.Bytes = uint64(binary.BigEndian.Uint16(b[2:]))
	r.Packet = flows.Tuple{Src: netip.AddrFrom4([4]byte(b[12:16])), Dst: netip.AddrFrom4([4]byte(b[16:20])), Proto: b[9]}
	if first := binary.BigEndian.Uint16(b[6:])&0x1fff == 0; !first || size < 20 || len(b) < size+4 {
		return true
	}
	switch l4 := b[size:]; r.Packet.Proto {
	case unix.IPPROTO_TCP:
		if len(l4) >= 14 {
			r.Flags = flows.Flags(l4[13])
		}
		fallthrough
	case unix.IPPROTO_UDP, unix.IPPROTO_UDPLITE, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP:
		r.Packet.SrcPort, r.Packet.DstPort = binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	}
	return true
}
