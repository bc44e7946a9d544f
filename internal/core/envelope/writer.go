package envelope

import (
	"errors"
	"fmt"
	"io"
)

var errEnded = errors.New("the stream has ended")

// Writer seals what is written to it. It is for one goroutine.
type Writer struct {
	s    stream
	w    io.Writer
	held *buffer // plaintext that may be the last segment
	out  *buffer // a sealed segment
	n    int     // bytes in held
	used int     // most bytes that held ever had
	next int64   // number of the segment that held is
	err  error   // the first one; it stays
}

// NewWriter starts a stream of its own key on w: key has 32 bytes, salt 32 random bytes that no other stream has, info names
// what the stream belongs to. Close or Discard must follow.
func NewWriter(w io.Writer, key, salt, info []byte) (*Writer, error) {
	s, err := derive(key, salt, info)
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	return &Writer{s: s, w: w, held: spare.Get().(*buffer), out: spare.Get().(*buffer)}, nil
}

// Write seals p. The last segment, up to 64 KiB, is held back until Close: it has a mark that nothing else has.
func (w *Writer) Write(p []byte) (int, error) {
	done := 0
	for w.err == nil && done < len(p) {
		rest := p[done:]
		if w.n == Segment { // more comes, so it is not the last
			w.seal(w.held[:Segment], false)
			w.n = 0
			continue
		}
		if w.n == 0 && len(rest) > Segment { // need not be held
			if w.seal(rest[:Segment], false) {
				done += Segment
			}
			continue
		}
		k := copy(w.held[w.n:Segment], rest)
		w.grow(k)
		done += k
	}
	return done, w.err
}

// ReadFrom seals everything that r gives. When r fails (a client that goes away) the stream can no longer be closed, so that a
// piece never passes for the whole.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	empty := 0
	for w.err == nil {
		k, err := r.Read(w.held[w.n : Segment+1]) // one byte more tells that the segment is not the last
		w.grow(k)
		total += int64(k)
		if w.n > Segment && w.seal(w.held[:Segment], false) {
			w.held[0], w.n = w.held[Segment], 1
		}
		if w.ended(err, k, &empty) {
			break
		}
	}
	return total, w.err
}

// ended keeps the clean end (io.EOF alone) apart from a source that breaks off: net/http says io.ErrUnexpectedEOF of a client
// that went away, which io.ReadFull also says of a clean short end.
func (w *Writer) ended(err error, n int, empty *int) bool {
	switch {
	case err == io.EOF: //nolint:errorlint // only io.EOF itself is a clean end
		return true
	case err != nil:
		if w.err == nil {
			w.err = err
		}
		return true
	case n > 0:
		*empty = 0
	default:
		if *empty++; *empty == 100 {
			w.err = io.ErrNoProgress
			return true
		}
	}
	return false
}

func (w *Writer) grow(k int) {
	w.n += k
	w.used = max(w.used, w.n)
}

// seal writes one segment; false means that w.err is set.
func (w *Writer) seal(p []byte, last bool) bool {
	if w.next >= MaxSize/Segment {
		w.err = fmt.Errorf("cannot seal more than %d bytes", MaxSize)
		return false
	}
	c := w.s.aead.Seal(w.out[:0], w.s.at(w.next, last), p, nil)
	n, err := w.w.Write(c)
	if err == nil && n < len(c) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = err
		return false
	}
	w.next++
	return true
}

// Close seals the last segment. It is called only once everything is known to be there: the caller's checksums first. After
// an error of Write or ReadFrom it answers that error and seals nothing; a second Close does nothing.
func (w *Writer) Close() error {
	if w.held == nil {
		if errors.Is(w.err, errEnded) {
			return nil
		}
		return w.err
	}
	if w.err == nil {
		w.seal(w.held[:w.n], true)
	}
	err := w.err
	w.Discard()
	return err
}

// Discard ends the stream without its last segment: no Reader takes what was written. After Close it does nothing.
func (w *Writer) Discard() {
	if w.err == nil {
		w.err = errEnded
	}
	release(&w.held, w.used)
	release(&w.out, 0) // ciphertext
}
