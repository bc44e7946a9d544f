// Package dns is the resolver at a VPC's base address plus two. It knows the names of the services that are reached from
// inside and nothing else: a name it does not know does not exist, and nothing is asked elsewhere.
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

// TTL of an answer, in seconds: S3's own names have a few seconds.
const TTL = 5

// Zone is what one network's resolver knows.
type Zone struct {
	Region string
	S3     netip.Addr
}

// Lookup resolves a name (lower case, without the final dot). ok is false for a name that does not exist.
func (z Zone) Lookup(name string) (addr netip.Addr, ok bool) {
	if z.s3(name) {
		return z.S3, true
	}
	return netip.Addr{}, false
}

// s3 knows the names under which S3 is reached: regional, legacy (s3-<region>), global, dual-stack, virtual hosts of each,
// and the package repositories of Amazon Linux, which are buckets of the region (Amazon VPC guide, gateway endpoints).
func (z Zone) s3(name string) bool {
	for _, base := range []string{"s3." + z.Region + ".amazonaws.com", "s3-" + z.Region + ".amazonaws.com", "s3.amazonaws.com", "s3.dualstack." + z.Region + ".amazonaws.com"} {
		if name == base || strings.HasSuffix(name, "."+base) && len(name) > len(base)+1 {
			return true
		}
	}
	for _, repo := range []string{"packages.", "repo.", "amazonlinux."} {
		if name == repo+z.Region+".amazonaws.com" {
			return true
		}
	}
	return false
}

// Answer makes the response to one query message; nil for what is no query.
func (z Zone) Answer(query []byte) []byte {
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
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	addr, ok := z.Lookup(name)
	switch {
	case q.Class != dnsmessage.ClassINET:
		r.RCode = dnsmessage.RCodeRefused
	case !ok:
		r.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		return pack(r, &q, &dnsmessage.AResource{A: addr.As4()})
	}
	return pack(r, &q, nil) // the name exists, without records of that type
}

func pack(h dnsmessage.Header, q *dnsmessage.Question, a *dnsmessage.AResource) []byte {
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	if q != nil {
		if b.StartQuestions() != nil || b.Question(*q) != nil {
			return nil
		}
	}
	if a != nil {
		if b.StartAnswers() != nil || b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: TTL}, *a) != nil {
			return nil
		}
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

// ServePacket answers UDP until c is closed. zone says what the asker's resolver knows; an address that nobody sits on gets
// no answer.
func ServePacket(c net.PacketConn, zone func(netip.Addr) (Zone, bool)) error {
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
		z, ok := zone(ap.Addr().Unmap())
		if !ok {
			continue
		}
		if out := z.Answer(buf[:n]); out != nil {
			_, _ = c.WriteTo(out, from) // a lost answer is asked for again
		}
	}
}

// tcpLimit is how long a TCP client may keep a connection without asking.
const tcpLimit = 10 * time.Second

// ServeStream answers one TCP connection.
func (z Zone) ServeStream(c net.Conn) {
	defer c.Close()
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
		out := z.Answer(q)
		if out == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}
