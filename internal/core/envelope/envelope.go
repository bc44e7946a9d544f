// Package envelope is the sealed form of an object's bytes, readable from any offset. No byte of it is given out before the
// segment that holds it was authenticated, and no unfinished stream can be read as a whole one.
//
// A stream is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over AES-256-GCM: segments of 64 KiB of plaintext, each with a tag of
// 16 bytes, the last one shorter or full; an empty object is one empty segment. The nonce of segment i is
//
//	zero (7) | i (4, big endian) | 1 for the last, else 0 (1)
//
// and the key is HKDF-SHA256(data key, salt, label | info). The salt is random and used for one stream, so the key is, and the
// nonces may count from zero. Nothing stands before or between the segments: salt, plaintext size and wrapped data key are
// kept by the caller. So a stream cannot be cut, extended, reordered or moved to another place without notice, and the length
// of one follows from that of the other.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

const (
	Segment  = 64 << 10 // plaintext bytes in every segment but the last
	Tag      = 16       // bytes of authentication behind every segment
	KeySize  = 32       // bytes of a data key
	SaltSize = 32       // random bytes, new for every stream: also for a part that is uploaded again

	// MaxSize is the longest plaintext: segments are counted in 32 bits.
	MaxSize = int64(Segment) << 32

	label = "cloister envelope v1 aes-256-gcm 64k\n"
)

// ErrDamaged is answered for a stream that was cut, extended, reordered or changed, was never finished, or is read with
// another size, key, salt or info than it was written with. What wraps it names the segment, counted from 0.
var ErrDamaged = errors.New("the sealed bytes are damaged or belong to another place")

// SealedSize is the length of the stream of n bytes of plaintext: n + 16 for each begun 64 KiB, at least one.
func SealedSize(n int64) int64 { return n + Tag*segments(n) }

// PlainSize is SealedSize's inverse.
func PlainSize(sealed int64) int64 { return sealed - Tag*max(1, (sealed+Segment+Tag-1)/(Segment+Tag)) }

func segments(n int64) int64 { return max(1, (n+Segment-1)/Segment) }

// stream is one derived key.
type stream struct {
	aead  cipher.AEAD
	nonce [12]byte
}

func derive(key, salt, info []byte) (stream, error) {
	if len(key) != KeySize || len(salt) != SaltSize {
		return stream{}, fmt.Errorf("a data key of %d bytes and a salt of %d, want %d and %d", len(key), len(salt), KeySize, SaltSize)
	}
	k, err := hkdf.Key(sha256.New, key, salt, label+string(info), 32)
	if err != nil {
		return stream{}, err
	}
	block, err := aes.NewCipher(k)
	clear(k)
	if err != nil {
		return stream{}, err
	}
	gcm, err := cipher.NewGCM(block)
	return stream{aead: gcm}, err
}

// at is the nonce of a segment.
func (s *stream) at(segment int64, last bool) []byte {
	binary.BigEndian.PutUint32(s.nonce[7:11], uint32(segment))
	s.nonce[11] = 0
	if last {
		s.nonce[11] = 1
	}
	return s.nonce[:]
}

// buffer is memory for a segment in one form or the other.
type buffer [Segment + Tag]byte

// spare holds nothing but memory that was cleared.
var spare = sync.Pool{New: func() any { return new(buffer) }}

// release clears what was used of a buffer: nobody's plaintext waits in the pool.
func release(b **buffer, used int) {
	if *b != nil {
		clear((*b)[:used])
		spare.Put(*b)
		*b = nil
	}
}
