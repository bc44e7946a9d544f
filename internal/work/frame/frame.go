// Package frame carries documents and results through a pipe. A frame never exceeds Max, so neither side can be made to
// hold more.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Max is the longest payload, in bytes: a document at its limit with room to spare.
const Max = 2 << 20

// Kind tells what a payload is.
type Kind byte

// The kinds. Document goes to the analyser; Result (a JSON object) and Refusal (a JSON object with ErrorCode) come back in order.
const (
	Document Kind = 'D'
	Result   Kind = 'R'
	Refusal  Kind = 'E'
)

// ErrTooLong is answered for a frame over Max.
var ErrTooLong = errors.New("frame: too long")

// Write sends one frame.
func Write(w io.Writer, k Kind, p []byte) error {
	if len(p) > Max {
		return ErrTooLong
	}
	var h [5]byte
	h[0] = byte(k)
	binary.BigEndian.PutUint32(h[1:], uint32(len(p)))
	if _, err := w.Write(h[:]); err != nil {
		return err
	}
	_, err := w.Write(p)
	return err
}

// Read receives one frame into buf, which it grows as needed and returns. io.EOF only between frames.
func Read(r io.Reader, buf []byte) (Kind, []byte, error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, buf, err
	}
	k, n := Kind(h[0]), binary.BigEndian.Uint32(h[1:])
	if k != Document && k != Result && k != Refusal {
		return 0, buf, fmt.Errorf("frame: unknown kind %q", h[0])
	}
	if n > Max {
		return 0, buf, ErrTooLong
	}
	if uint32(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, buf, err
	}
	return k, buf, nil
}
