// Package frame carries documents and results through a pipe. A frame never exceeds Max, so neither side can be made to
// hold more; what is longer goes in several, the first of which has its kind.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Max is the longest payload of one frame, in bytes.
const Max = 2 << 20

// piece is how much of a long payload goes into one frame, in bytes.
const piece = 256 << 10

// Kind tells what a payload is.
type Kind byte

// The kinds that go to an analyser: one Setup (JSON of job.Setup) comes first, then Model if the setup announces one; then
// Documents, or, for a corpus, Objects, each followed by its Content.
const (
	Setup    Kind = 'S'
	Model    Kind = 'M' // what an earlier training gave
	Document Kind = 'D' // valid UTF-8
	Object   Kind = 'O' // JSON of job.Object
	Content  Kind = 'B' // its bytes
)

// The kinds of a learner that is one of several. Mesh comes before the first Object; End comes after the last one, whose pipe stays open then: what
// the learner is told by the others follows, and what it tells them comes back, each as Said.
const (
	Mesh Kind = 'I' // JSON of job.Place
	End  Kind = 'N' // empty
	Said Kind = 'G' // whatever learners understand
)

// The kinds that come back: for every document, in order, a Result (a JSON object) or a Refusal (a JSON object with ErrorCode and
// ErrorMessage); for a corpus, Files, each followed by its Content, and one Result or Refusal at the end.
const (
	Result  Kind = 'R'
	Refusal Kind = 'E'
	File    Kind = 'F' // its name
)

const (
	kinds = "SMDOBREFING"
	rest  = 'C'     // goes on with the payload of the frame before
	more  = 1 << 31 // in a frame's length: another frame has the rest
)

// Errors of a stream that does not follow the rules.
var (
	ErrTooLong = errors.New("frame: too long")
	errOrder   = errors.New("frame: out of order")
)

// Write sends one payload, whatever its length.
func Write(w io.Writer, k Kind, p []byte) error {
	s := Writer{w: w, kind: byte(k)}
	for len(p) > Max {
		if err := s.send(p[:Max], true); err != nil {
			return err
		}
		p = p[Max:]
	}
	return s.send(p, false)
}

// Writer sends one payload whose length is not known yet. Close ends it.
type Writer struct {
	w    io.Writer
	kind byte
	buf  []byte
}

// Stream begins a payload.
func Stream(w io.Writer, k Kind) *Writer { return &Writer{w: w, kind: byte(k)} }

// Write satisfies io.Writer.
func (s *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(s.buf) == piece { // only now is it known that more follows
			if err := s.send(s.buf, true); err != nil {
				return 0, err
			}
			s.buf = s.buf[:0]
		}
		k := min(piece-len(s.buf), len(p))
		s.buf, p = append(s.buf, p[:k]...), p[k:]
	}
	return n, nil
}

// Close sends what is left, and with it the payload's end.
func (s *Writer) Close() error { return s.send(s.buf, false) }

func (s *Writer) send(p []byte, on bool) error {
	var h [5]byte
	h[0] = s.kind
	n := uint32(len(p))
	if on {
		n |= more
	}
	binary.BigEndian.PutUint32(h[1:], n)
	if _, err := s.w.Write(h[:]); err != nil {
		return err
	}
	s.kind = rest
	_, err := s.w.Write(p)
	return err
}

// Reader takes payloads one after another.
type Reader struct {
	r    io.Reader
	left uint32 // of the frame that is being read
	on   bool   // and another follows
}

// NewReader reads payloads from r, which it does not buffer.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next gives the kind of the next payload, which is then read with Read; one that was not read to its end is passed over.
// io.EOF only between payloads.
func (r *Reader) Next() (Kind, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, err
	}
	k, err := r.head()
	if err != nil {
		return 0, err
	}
	for i := range len(kinds) {
		if kinds[i] == k {
			return Kind(k), nil
		}
	}
	if k == rest {
		return 0, errOrder
	}
	return 0, fmt.Errorf("frame: unknown kind %q", k)
}

func (r *Reader) head() (byte, error) {
	var h [5]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	r.left, r.on = n&^more, n&more != 0
	if r.left > Max {
		return 0, ErrTooLong
	}
	return h[0], nil
}

// Read satisfies io.Reader for the payload that Next began.
func (r *Reader) Read(p []byte) (int, error) {
	for r.left == 0 {
		if !r.on {
			return 0, io.EOF
		}
		k, err := r.head()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && k != rest {
			err = errOrder
		}
		if err != nil {
			return 0, err
		}
	}
	if uint32(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.r.Read(p)
	r.left -= uint32(n)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF
	} else if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// All reads the payload that Next began into buf, which it grows as needed and returns. One of more than limit bytes is ErrTooLong.
func (r *Reader) All(buf []byte, limit int64) ([]byte, error) {
	buf = buf[:0]
	for {
		if int64(len(buf))+int64(r.left) > limit {
			return buf, ErrTooLong
		}
		if n := len(buf) + int(r.left); n > cap(buf) {
			buf = append(make([]byte, 0, max(n, 2*cap(buf))), buf...)
		} else if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}
