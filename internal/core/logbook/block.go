package logbook

import (
	"bytes"
	"compress/flate"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Event is one event of a stream.
type Event struct {
	At       int64 // ms since 1970
	Ordinal  int64 // in its stream, in the order of arrival
	Ingested int64 // ms since 1970
	Message  string
}

// Before is the order of events within a stream.
func (e *Event) Before(o *Event) bool { return e.At < o.At || e.At == o.At && e.Ordinal < o.Ordinal }

// Size is what an event counts, in bytes.
func (e *Event) Size() int64 { return int64(len(e.Message)) + Overhead }

// Head is what is known of a block without its key.
type Head struct {
	First, Last int64 // ms since 1970
	Count       int64
	Bytes       int64  // the sum of Size
	Seal        string // its id
	rest        []byte // nonce and ciphertext
	clear       []byte // the head as it is written
}

// The first byte says how the rest is written.
const version = 1

var errBlock = errors.New("the block is damaged")

// ReadHead reads a block's head.
func ReadHead(b []byte) (Head, error) {
	var h Head
	if len(b) == 0 || b[0] != version {
		return h, errBlock
	}
	r := reader{b: b[1:]}
	h.First = r.uint()
	h.Last = h.First + r.uint()
	h.Count, h.Bytes = r.uint(), r.uint()
	h.Seal = string(r.take(r.uint()))
	if r.bad {
		return h, errBlock
	}
	h.rest, h.clear = r.b, b[:len(b)-len(r.b)]
	return h, nil
}

// Write makes a block of events that are in order. aad is the id of its row: a block that lies elsewhere does not open. The nonce
// must be new for each block.
func Write(events []Event, seal string, key cipher.AEAD, nonce []byte, id string) ([]byte, error) {
	if len(events) == 0 {
		return nil, errors.New("cannot write a block without events")
	}
	first, last := events[0], events[len(events)-1]
	var size int64
	for i := range events {
		size += events[i].Size()
	}
	plain := make([]byte, 0, size)
	prev := Event{At: first.At}
	for _, e := range events {
		plain = binary.AppendUvarint(plain, uint64(e.At-prev.At))
		plain = binary.AppendVarint(plain, e.Ordinal-prev.Ordinal)
		plain = binary.AppendVarint(plain, e.Ingested-prev.Ingested)
		plain = binary.AppendUvarint(plain, uint64(len(e.Message)))
		plain = append(plain, e.Message...)
		prev = e
	}
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err = z.Write(plain); err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot pack a block: %w", err)
	}
	b := []byte{version}
	for _, n := range []int64{first.At, last.At - first.At, int64(len(events)), size} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(seal)))
	b = append(b, seal...)
	aad := bound(b, id)
	b = append(b, nonce...)
	return key.Seal(b, nonce, packed.Bytes(), aad), nil
}

func bound(head []byte, id string) []byte {
	return append(append(make([]byte, 0, len(head)+len(id)), head...), id...)
}

// Read gives the events of a block in their order.
func (h *Head) Read(key cipher.AEAD, id string) ([]Event, error) {
	n := key.NonceSize()
	if len(h.rest) < n {
		return nil, errBlock
	}
	packed, err := key.Open(nil, h.rest[:n], h.rest[n:], bound(h.clear, id))
	if err != nil {
		return nil, errBlock
	}
	// The head is authentic now, so its numbers hold; a few bytes of each event are its other members.
	plain := bytes.NewBuffer(make([]byte, 0, h.Bytes+bytes.MinRead))
	if _, err := io.Copy(plain, flate.NewReader(bytes.NewReader(packed))); err != nil {
		return nil, errBlock
	}
	text := plain.String() // once: messages are parts of it
	r := reader{b: plain.Bytes()}
	out := make([]Event, 0, h.Count)
	prev := Event{At: h.First}
	for len(r.b) > 0 {
		e := Event{At: prev.At + r.uint(), Ordinal: prev.Ordinal + r.int(), Ingested: prev.Ingested + r.int()}
		size := r.uint()
		at := len(text) - len(r.b)
		if r.take(size); r.bad {
			return nil, errBlock
		}
		e.Message = text[at : at+int(size)]
		out = append(out, e)
		prev = e
	}
	if int64(len(out)) != h.Count {
		return nil, errBlock
	}
	return out, nil
}

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<62 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.bad = true
		return nil
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}
