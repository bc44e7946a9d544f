// Package scratch is a job's working storage on a disk that must not be trusted: everything is sealed before it is
// written, under a key that never lies on a disk in clear.
//
// A file begins with a salt of 32 random bytes; its key is HKDF-SHA256(data key, salt, "cloister scratch v1"). Segments of 64 KiB of plaintext
// follow, each AES-256-GCM with a tag of 16 bytes; the nonce of a segment is its number, from 0.
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
)

const (
	block = 64 << 10 // plaintext of one sealed segment, in bytes
	salt  = 32       // bytes before the first

	// KeySize is the length of a data key, in bytes.
	KeySize = 32
)

// ErrTorn is answered when a segment does not open: the file was changed or cut.
var ErrTorn = errors.New("scratch: a segment does not open")

// File is written once, then read once.
type File struct {
	f     *os.File
	aead  cipher.AEAD
	buf   []byte // plaintext not yet sealed
	segs  uint64
	size  int64
	ended bool
}

// New starts an empty scratch in f under a data key of KeySize bytes, which several files may share; nil takes a fresh one from the kernel,
// which nobody else has.
func New(f *os.File, key []byte) (*File, error) {
	head := make([]byte, salt)
	_, _ = rand.Read(head) // never fails
	if key == nil {
		key = make([]byte, KeySize)
		_, _ = rand.Read(key)
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("cannot use a scratch key of %d bytes", len(key))
	}
	own, err := hkdf.Key(sha256.New, key, head, "cloister scratch v1", KeySize)
	if err != nil {
		return nil, fmt.Errorf("cannot make a scratch key: %w", err)
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
	if _, err := f.Write(head); err != nil {
		return nil, fmt.Errorf("cannot write scratch: %w", err)
	}
	return &File{f: f, aead: a, buf: make([]byte, 0, block)}, nil
}

// Write seals p, segment by segment.
func (s *File) Write(p []byte) (int, error) {
	if s.ended {
		return 0, errors.New("scratch: written after it was read")
	}
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

// Size is the length of the plaintext, in bytes.
func (s *File) Size() int64 { return s.size }

// nonce is the segment's number: a key seals each number once.
func (s *File) nonce(i uint64) []byte {
	n := make([]byte, s.aead.NonceSize())
	binary.BigEndian.PutUint64(n[len(n)-8:], i)
	return n
}

func (s *File) flush() error {
	sealed := s.aead.Seal(nil, s.nonce(s.segs), s.buf, nil)
	if _, err := s.f.Write(sealed); err != nil {
		return fmt.Errorf("cannot write scratch: %w", err)
	}
	s.segs, s.buf = s.segs+1, s.buf[:0]
	return nil
}

// Reader ends the writing and gives the plaintext from its start.
func (s *File) Reader() (io.Reader, error) {
	if !s.ended {
		s.ended = true
		if len(s.buf) > 0 {
			if err := s.flush(); err != nil {
				return nil, err
			}
		}
	}
	if _, err := s.f.Seek(salt, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot read scratch: %w", err)
	}
	return &reader{s: s}, nil
}

type reader struct {
	s    *File
	i    uint64
	left bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	for r.left.Len() == 0 {
		if r.i == r.s.segs {
			return 0, io.EOF
		}
		want := int64(block)
		if r.i == r.s.segs-1 {
			want = r.s.size - int64(r.i)*block
		}
		b := make([]byte, want+int64(r.s.aead.Overhead()))
		if _, err := io.ReadFull(r.s.f, b); err != nil {
			return 0, fmt.Errorf("%w: %v", ErrTorn, err)
		}
		plain, err := r.s.aead.Open(b[:0], r.s.nonce(r.i), b, nil)
		if err != nil {
			return 0, ErrTorn
		}
		r.i++
		r.left.Reset(plain)
	}
	return r.left.Read(p)
}
