package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// A box is
//
//	version (1) | key id (8) | salt (32) | nonce (12) | ciphertext and tag (n + 16)
//
// sealed by AES-256-GCM under a key of its own: HKDF-SHA256 of the root key with the salt. So no number of boxes wears the
// root key out. The header is authenticated together with the caller's aad; its length is fixed, so the two cannot be
// shifted into each other.
const (
	boxVersion = 1
	idSize     = 8
	saltSize   = 32
	boxNonce   = 12
	boxHead    = 1 + idSize + saltSize + boxNonce

	// BoxOverhead is how much longer a Master's box is than its plaintext, in bytes.
	BoxOverhead = boxHead + tagSize

	// MasterSize is the length of a Master's key, in bytes.
	MasterSize = 32

	purposeID  = "cloister root key id v1"
	purposeBox = "cloister sealed box v1 aes-256-gcm"
)

// ErrDamaged is answered for a box that was changed, cut, or is opened with another aad than it was sealed with: these
// cannot be told apart.
var ErrDamaged = errors.New("the sealed box is damaged or belongs to another place")

// OtherKeyError is answered for a box that another root key sealed. Ids are hex and no secret.
type OtherKeyError struct{ Box, Own string }

func (e *OtherKeyError) Error() string {
	return fmt.Sprintf("the box was sealed by root key %s, but this is root key %s: start with the key that belongs to this data", e.Box, e.Own)
}

// Master is a Sealer that has its key itself. It is safe for concurrent use, and prints as its id.
type Master struct {
	key    []byte
	id     [idSize]byte
	random func(n int) []byte
}

// NewMaster takes a key of 32 bytes, which the caller no longer changes; random gives n random bytes.
func NewMaster(key []byte, random func(n int) []byte) (*Master, error) {
	if len(key) != MasterSize {
		return nil, fmt.Errorf("cannot use a key of %d bytes, want %d", len(key), MasterSize)
	}
	s := &Master{key: key, random: random}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(purposeID))
	copy(s.id[:], m.Sum(nil))
	return s, nil
}

// ID names the root key without giving it away: 16 hex digits.
func (s Master) ID() string { return hex.EncodeToString(s.id[:]) }

// Format keeps the key out of logs, whatever the verb.
func (s Master) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "root key "+s.ID()) }

// Seal makes a box of len(plaintext)+BoxOverhead bytes that opens with the same aad only.
func (s *Master) Seal(plaintext, aad []byte) ([]byte, error) {
	chance := s.random(saltSize + boxNonce)
	if len(chance) != saltSize+boxNonce {
		return nil, fmt.Errorf("cannot seal: the source of randomness gave %d bytes", len(chance))
	}
	box := make([]byte, 0, len(plaintext)+BoxOverhead)
	box = append(box, boxVersion)
	box = append(box, s.id[:]...)
	box = append(box, chance...)
	gcm, err := s.cipher(box)
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	return gcm.Seal(box, box[boxHead-boxNonce:], plaintext, bound(box, aad)), nil
}

// Open gives the plaintext of a box, or an *OtherKeyError, or ErrDamaged.
func (s *Master) Open(box, aad []byte) ([]byte, error) {
	if len(box) < BoxOverhead {
		return nil, fmt.Errorf("cannot open a box of %d bytes: %w", len(box), ErrDamaged)
	}
	if box[0] != boxVersion {
		return nil, fmt.Errorf("cannot open a box of version %d, this program knows version %d: %w", box[0], boxVersion, ErrDamaged)
	}
	if id := box[1 : 1+idSize]; !hmac.Equal(id, s.id[:]) {
		return nil, &OtherKeyError{Box: hex.EncodeToString(id), Own: s.ID()}
	}
	gcm, err := s.cipher(box)
	if err != nil {
		return nil, fmt.Errorf("cannot open a box: %w", err)
	}
	plain, err := gcm.Open(nil, box[boxHead-boxNonce:boxHead], box[boxHead:], bound(box, aad))
	if err != nil {
		return nil, fmt.Errorf("cannot open a box: %w", ErrDamaged) // the cipher's own error says no more
	}
	return plain, nil
}

// cipher derives the key of one box from its salt.
func (s *Master) cipher(box []byte) (cipher.AEAD, error) {
	salt := box[1+idSize : 1+idSize+saltSize]
	k, err := hkdf.Key(sha256.New, s.key, salt, purposeBox, 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func bound(box, aad []byte) []byte {
	return append(append(make([]byte, 0, boxHead+len(aad)), box[:boxHead]...), aad...)
}
