package envelope

import (
	"errors"
	"fmt"
	"io"
)

// Reader opens a stream, from any offset of its plaintext. It is for one goroutine.
type Reader struct {
	s    stream
	r    io.ReadSeeker
	size int64 // of the plaintext
	off  int64 // in the plaintext
	at   int64 // of r, in the stream; -1 is unknown
	buf  *buffer
	have int64  // the segment that plain is, or -1
	open []byte // its plaintext, in buf
	used int
}

// NewReader opens the stream that r holds from its beginning to its end; size is the length of the plaintext, which the caller
// kept. It fails with ErrDamaged when r is not as long as the stream of that size is. Close gives its memory back.
func NewReader(r io.ReadSeeker, size int64, key, salt, info []byte) (*Reader, error) {
	if size < 0 || size > MaxSize {
		return nil, fmt.Errorf("cannot open %d bytes: no stream is so long", size)
	}
	s, err := derive(key, salt, info)
	if err != nil {
		return nil, fmt.Errorf("cannot open: %w", err)
	}
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("cannot open: %w", err)
	}
	if want := SealedSize(size); end != want {
		return nil, fmt.Errorf("cannot open segment %d of %d, of a stream of %d bytes that should have %d: %w", min(end/(Segment+Tag), segments(size)-1), segments(size), end, want, ErrDamaged)
	}
	x := &Reader{s: s, r: r, size: size, at: -1, have: -1, buf: spare.Get().(*buffer)}
	if size == 0 { // no Read will come past this segment
		if err := x.load(0); err != nil {
			x.Close()
			return nil, err
		}
	}
	return x, nil
}

// length is how much plaintext a segment has.
func (r *Reader) length(segment int64) int { return int(min(Segment, r.size-segment*Segment)) }

// sealed reads a segment as it lies there.
func (r *Reader) sealed(segment int64) ([]byte, error) {
	if from := segment * (Segment + Tag); r.at != from {
		r.at = -1
		if _, err := r.r.Seek(from, io.SeekStart); err != nil {
			return nil, fmt.Errorf("cannot read segment %d: %w", segment, err)
		}
		r.at = from
	}
	c := r.buf[:r.length(segment)+Tag]
	r.have, r.open = -1, nil
	n, err := io.ReadFull(r.r, c)
	r.at += int64(n)
	r.used = max(r.used, n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("cannot open segment %d of %d, which is cut off: %w", segment, segments(r.size), ErrDamaged)
	}
	if err != nil {
		r.at = -1
		return nil, fmt.Errorf("cannot read segment %d: %w", segment, err)
	}
	return c, nil
}

// unseal authenticates a segment and only then gives its plaintext, in to's memory. A cipher that fails clears it.
func (r *Reader) unseal(to []byte, segment int64, c []byte) ([]byte, error) {
	p, err := r.s.aead.Open(to, r.s.at(segment, segment == segments(r.size)-1), c, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot open segment %d of %d: %w", segment, segments(r.size), ErrDamaged)
	}
	return p, nil
}

// load opens a segment into the buffer.
func (r *Reader) load(segment int64) error {
	if r.have == segment {
		return nil
	}
	c, err := r.sealed(segment)
	if err != nil {
		return err
	}
	p, err := r.unseal(c[:0], segment, c)
	if err != nil {
		return err
	}
	r.have, r.open = segment, p
	return nil
}

// Read gives plaintext. Its errors wrap ErrDamaged, or are the underlying reader's.
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case r.buf == nil:
		return 0, errEnded
	case len(p) == 0:
		return 0, nil
	case r.off >= r.size:
		return 0, io.EOF
	}
	segment, skip := r.off/Segment, r.off%Segment
	if r.have != segment && skip == 0 && len(p) >= r.length(segment) { // all of it fits: no copy
		c, err := r.sealed(segment)
		if err != nil {
			return 0, err
		}
		out, err := r.unseal(p[:0], segment, c)
		r.off += int64(len(out))
		return len(out), err
	}
	if err := r.load(segment); err != nil {
		return 0, err
	}
	n := copy(p, r.open[skip:])
	r.off += int64(n)
	return n, nil
}

// WriteTo writes the rest of the plaintext to w, segment by segment, without copying it.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	if r.buf == nil {
		return 0, errEnded
	}
	for r.off < r.size {
		if err := r.load(r.off / Segment); err != nil {
			return total, err
		}
		p := r.open[r.off%Segment:]
		n, err := w.Write(p)
		total, r.off = total+int64(n), r.off+int64(n)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Seek sets the offset of the next Read in the plaintext. Nothing is read yet.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.size
	case io.SeekStart:
	default:
		return 0, fmt.Errorf("cannot seek from %d", whence)
	}
	if offset < 0 {
		return 0, fmt.Errorf("cannot seek to %d", offset)
	}
	r.off = offset
	return offset, nil
}

// Close clears and gives back the Reader's memory. It does not close what is below.
func (r *Reader) Close() error {
	release(&r.buf, r.used)
	r.open, r.have = nil, -1
	return nil
}
