package scratch

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Pool holds many pieces in one file. Room that a piece gives back is used again. Its file begins with a salt of 32 random bytes; its
// key is HKDF-SHA256(data key, salt, "cloister pool v1"); segments are sealed as a File's are, numbered as they are written.
type Pool struct {
	f    *os.File
	aead cipher.AEAD

	mu    sync.Mutex
	free  []int64 // segments' places
	end   int64
	seals uint64
}

// NewPool starts an empty pool in f under a data key of 32 bytes; nil takes a fresh one from the kernel, which nobody else has.
func NewPool(f *os.File, key []byte) (*Pool, error) {
	head := make([]byte, 32)
	_, _ = rand.Read(head) // never fails
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key)
	}
	own, err := hkdf.Key(sha256.New, key, head, "cloister pool v1", 32)
	if err != nil {
		return nil, fmt.Errorf("cannot make a pool's key: %w", err)
	}
	b, err := aes.NewCipher(own)
	clear(own)
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, fmt.Errorf("cannot write a pool: %w", err)
	}
	return &Pool{f: f, aead: a, end: int64(len(head))}, nil
}

// New begins a piece. Pieces of one pool may be used at the same time, each by one goroutine.
func (p *Pool) New() *Piece { return &Piece{p: p} }

// Piece is written once, then read, then freed.
type Piece struct {
	p    *Pool
	buf  []byte
	segs []segment
	size int64
}

type segment struct {
	at     int64
	number uint64
	sealed int // bytes
}

// Size is the length of the plaintext, in bytes.
func (s *Piece) Size() int64 { return s.size }

// Write seals p, segment by segment.
func (s *Piece) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(block-len(s.buf), len(p))
		s.buf, p = append(s.buf, p[:k]...), p[k:]
		if len(s.buf) == block {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
	}
	s.size += int64(n)
	return n, nil
}

func (s *Piece) flush() error {
	g := s.p.place()
	sealed := s.p.aead.Seal(nil, numbered(s.p.aead, g.number), s.buf, nil)
	g.sealed = len(sealed)
	s.segs = append(s.segs, g) // also one that failed has its place to give back
	if _, err := s.p.f.WriteAt(sealed, g.at); err != nil {
		return fmt.Errorf("cannot write a pool: %w", err)
	}
	s.buf = s.buf[:0]
	return nil
}

func (p *Pool) place() segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := segment{number: p.seals}
	p.seals++
	if n := len(p.free); n > 0 {
		g.at, p.free = p.free[n-1], p.free[:n-1]
		return g
	}
	g.at = p.end
	p.end += block + int64(p.aead.Overhead())
	return g
}

func numbered(a cipher.AEAD, i uint64) []byte {
	n := make([]byte, a.NonceSize())
	binary.BigEndian.PutUint64(n[len(n)-8:], i)
	return n
}

// Reader ends the writing and gives the plaintext from its start.
func (s *Piece) Reader() (io.Reader, error) {
	if len(s.buf) > 0 {
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
	s.buf = nil
	return &pieceReader{s: s}, nil
}

// Free gives the room back. The piece is not used afterwards.
func (s *Piece) Free() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for _, g := range s.segs {
		s.p.free = append(s.p.free, g.at)
	}
	s.segs, s.buf = nil, nil
}

type pieceReader struct {
	s    *Piece
	i    int
	buf  []byte
	left bytes.Reader
}

func (r *pieceReader) Read(p []byte) (int, error) {
	for r.left.Len() == 0 {
		if r.i == len(r.s.segs) {
			return 0, io.EOF
		}
		g := r.s.segs[r.i]
		if cap(r.buf) < g.sealed {
			r.buf = make([]byte, g.sealed)
		}
		b := r.buf[:g.sealed]
		if n, err := r.s.p.f.ReadAt(b, g.at); n < len(b) && (err == nil || errors.Is(err, io.EOF)) {
			return 0, ErrTorn
		} else if n < len(b) {
			return 0, fmt.Errorf("%w: %v", ErrTorn, err)
		}
		plain, err := r.s.p.aead.Open(b[:0], numbered(r.s.p.aead, g.number), b, nil)
		if err != nil {
			return 0, ErrTorn
		}
		r.i++
		r.left.Reset(plain)
	}
	return r.left.Read(p)
}
