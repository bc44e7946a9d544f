// Package flow turns what a kernel tells of packets into the records of VPC flow logs. It is pure: it is told what was seen and
// when, and neither looks at a clock nor guesses at what it was not told.
//
// Sources for what a record says: VPC User Guide, "Flow log records" and "Flow log record examples".
package flow

import (
	"net/netip"
	"time"

	"cloister/internal/core/fabric"
)

// Tuple is what the packets of one direction have in common. ICMP has no ports.
type Tuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            uint8 // IANA number
}

// Count is packets, and their bytes from the IP header on.
type Count struct{ Packets, Bytes uint64 }

// Connection is what a connection tracker says of one: totals since it began. Reply is the direction of the answers, with the
// addresses that they come in with; where addresses are translated it is more than Orig turned round.
type Connection struct {
	ID          uint32
	Orig, Reply Tuple
	Count       [2]Count // of Orig, of Reply
	Start, Stop time.Time
	TCP         TCP
}

// TCP is how far the tracker saw a TCP connection come: the state, and what it noted of each direction.
type TCP struct {
	State uint8
	Notes [2]uint8
	Sure  bool // it was established at some time
	Known bool // false: nothing was said
}

// Refusal is a packet that a rule dropped. In and Out are link names, empty where it had none.
type Refusal struct {
	Hop     fabric.Hop
	In, Out string
	Packet  Tuple
	Bytes   uint64
	Flags   uint8 // as records have them
	At      time.Time
}

// Event is one thing that a network's reader was told: exactly one member is set.
type Event struct {
	Ended   *Connection // its last totals
	Refused *Refusal
	Lost    *Loss
	Final   []Connection // the network is about to go: all that still lives
}

// Loss is what a reader knows that it was not told. Packets is how many refusals are missing; zero: nobody knows.
type Loss struct {
	What    string // refusals | connections
	Packets uint64
}

// The states and notes of the kernel's tracker. Source: linux/netfilter/nf_conntrack_tcp.h.
const (
	synSent    = 1
	synRecv    = 2
	lastAck    = 6
	timeWait   = 7
	closed     = 8
	synSent2   = 9
	noteScale  = 0x01
	noteSack   = 0x02
	noteClosed = 0x04 // this side sent the first FIN
	noteLoose  = 0x08 // its beginning was not seen
)

// The flags that records have, as a sum. An ACK counts only beside a SYN.
const (
	FIN    = 1
	SYN    = 2
	RST    = 4
	SYNACK = 18
)

// Flags makes of a TCP header's flags those that records have.
func Flags(header uint8) uint8 {
	out := header & (FIN | SYN | RST)
	if header&SYNACK == SYNACK {
		out |= SYNACK
	}
	return out
}

// flags are those that each direction has shown so far. The tracker does not say which side reset a connection that was
// established: such an RST is in no record.
func (c *Connection) flags() (out [2]uint8) {
	t := c.TCP
	if !t.Known || c.Orig.Proto != 6 {
		return out
	}
	if t.Notes[0]&noteLoose == 0 {
		out[0] = SYN
		switch {
		case t.State == synSent || c.Count[1].Packets == 0:
		case t.State == synSent2:
			out[1] = SYN
		case t.State == closed && !t.Sure && t.Notes[1]&(noteScale|noteSack) == 0: // the answer to the SYN had no options: a refusal
			out[1] = RST
		case t.State >= synRecv:
			out[1] = SYNACK
		}
	}
	for i := range out {
		if t.Notes[i]&noteClosed != 0 || t.State == lastAck || t.State == timeWait {
			out[i] |= FIN
		}
	}
	return out
}

// inner are the directions as the network's own interfaces see them: past the translation of what came in, before that of
// what goes out.
func (c *Connection) inner() [2]Tuple {
	o := Tuple{c.Orig.Src, c.Reply.Src, c.Orig.SrcPort, c.Reply.SrcPort, c.Orig.Proto}
	return [2]Tuple{o, o.turned()}
}

func (t Tuple) turned() Tuple { return Tuple{t.Dst, t.Src, t.DstPort, t.SrcPort, t.Proto} }
