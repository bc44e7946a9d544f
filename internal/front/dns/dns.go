// Package dns is the resolver at a VPC's base address plus two. It knows the names of the services that are reached from
// inside and of what the VPC holds, and nothing else: a name it does not know does not exist, and nothing is asked elsewhere.
package dns

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone is what one network's resolver knows.
type Zone interface {
	// Lookup resolves a name (lower case, without the final dot). ok is false for a name that does not exist; an error is the house's own.
	Lookup(name string) (r Records, ok bool, err error)
}

// Records are what a name has. TTL is in seconds.
type Records struct {
	Addrs []netip.Addr
	Name  string // of an address: what it is called
	TTL   uint32
}

// Answer makes the response to one query message; nil for what is no query.
func Answer(z Zone, query []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil
	}
	r := dnsmessage.Header{ID: h.ID, Response: true, OpCode: h.OpCode, RecursionDesired: h.RecursionDesired, RecursionAvailable: true}
	if h.OpCode != 0 {
		r.RCode = dnsmessage.RCodeNotImplemented
		return pack(r, nil, nil)
	}
	q, err := p.Question()
	if err != nil {
		r.RCode = dnsmessage.RCodeFormatError
		return pack(r, nil, nil)
	}
	if q.Class != dnsmessage.ClassINET {
		r.RCode = dnsmessage.RCodeRefused
		return pack(r, &q, nil)
	}
	found, ok, err := z.Lookup(strings.ToLower(strings.TrimSuffix(q.Name.String(), ".")))
	switch {
	case err != nil:
		r.RCode = dnsmessage.RCodeServerFailure
	case !ok:
		r.RCode = dnsmessage.RCodeNameError
	default: // a name without records of that type has an empty answer
		return pack(r, &q, func(b *dnsmessage.Builder) error { return found.write(b, q, int(h.ID)) })
	}
	return pack(r, &q, nil)
}

// write puts the records of the question's type into a message, another address first each time.
func (r *Records) write(b *dnsmessage.Builder, q dnsmessage.Question, turn int) error {
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: r.TTL}
	switch q.Type {
	case dnsmessage.TypeA:
		for i := range r.Addrs {
			if err := b.AResource(h, dnsmessage.AResource{A: r.Addrs[(i+turn)%len(r.Addrs)].As4()}); err != nil {
				return err
			}
		}
	case dnsmessage.TypePTR:
		if r.Name == "" {
			return nil
		}
		n, err := dnsmessage.NewName(r.Name + ".")
		if err != nil {
			return err
		}
		return b.PTRResource(h, dnsmessage.PTRResource{PTR: n})
	}
	return nil
}

func pack(h dnsmessage.Header, q *dnsmessage.Question, answers func(*dnsmessage.Builder) error) []byte {
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	if q != nil {
		if b.StartQuestions() != nil || b.Question(*q) != nil {
			return nil
		}
	}
	if answers != nil {
		if b.StartAnswers() != nil || answers(&b) != nil {
			return nil
		}
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

// perSecond is how many questions of one address are answered (VPC User Guide, "DNS quotas": 1,024 packets a second of an
// interface; the rest is dropped).
const perSecond = 1024

// pace counts the questions of each address within a second.
type pace struct {
	second int64
	asked  map[netip.Addr]int
}

// admits counts one more question; false for one too many.
func (p *pace) admits(a netip.Addr, now time.Time) bool {
	if s := now.Unix(); s != p.second || p.asked == nil {
		p.second, p.asked = s, map[netip.Addr]int{}
	}
	p.asked[a]++
	return p.asked[a] <= perSecond
}

// ServePacket answers UDP until c is closed. zone says what the asker's resolver knows; an address that nobody sits on gets
// no answer, and one that asks too much none for the rest of the second.
func ServePacket(c net.PacketConn, zone func(netip.Addr) (Zone, bool)) error {
	var asked pace
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		ap, err := netip.ParseAddrPort(from.String())
		if err != nil {
			continue
		}
		a := ap.Addr().Unmap()
		if !asked.admits(a, time.Now()) {
			continue
		}
		z, ok := zone(a)
		if !ok {
			continue
		}
		if out := Answer(z, buf[:n]); out != nil {
			_, _ = c.WriteTo(out, from) // a lost answer is asked for again
		}
	}
}

// tcpLimit is how long a TCP client may keep a connection without asking.
const tcpLimit = 10 * time.Second

// ServeStream answers one TCP connection. It ends with the question that is one too many within a second.
func ServeStream(z Zone, c net.Conn) {
	defer c.Close()
	var asked pace
	var h [2]byte
	for {
		_ = c.SetDeadline(time.Now().Add(tcpLimit))
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(h[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		if !asked.admits(netip.Addr{}, time.Now()) {
			return
		}
		out := Answer(z, q)
		if out == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}
