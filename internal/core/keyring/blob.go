package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Blob is what a ciphertext says of itself: the key that made it and which of the key's materials, since rotation keeps the
// old ones.
type Blob struct {
	KeyID      string // a UUID in lower case, or "mrk-" and 32 hex digits (a multi-region key)
	MaterialID string // 64 lower-case hex digits (KMS API Reference, KeyMaterialId)
}

// A ciphertext is
//
//	version (1) | kind of id (1) | key id (16) | material id (32) | nonce (24) | ciphertext and tag (n + 16)
//
// sealed by XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key that is derived for this message from the
// material and the first half of a random nonce of 192 bits. So random nonces stay safe for 2^80 messages of one key, where plain
// GCM ends at 2^32. Everything before the nonce is authenticated, together with the encryption context.
const (
	blobVersion = 1
	kindUUID    = 0
	kindRegions = 1

	headerSize = 2 + 16 + 32
	nonceSize  = 24
	tagSize    = 16

	// Overhead is how much longer a ciphertext is than its plaintext, in bytes.
	Overhead = headerSize + nonceSize + tagSize
)

// ReadBlob reads what a ciphertext says of itself. Nothing of it is authenticated before Decrypt. It fails with ErrInvalid.
func ReadBlob(ciphertext []byte) (Blob, error) {
	if len(ciphertext) < Overhead || ciphertext[0] != blobVersion || ciphertext[1] > kindRegions {
		return Blob{}, fmt.Errorf("cannot read a ciphertext of %d bytes: %w", len(ciphertext), ErrInvalid)
	}
	id := hex.EncodeToString(ciphertext[2:18])
	if ciphertext[1] == kindRegions {
		id = "mrk-" + id
	} else {
		id = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	}
	return Blob{KeyID: id, MaterialID: hex.EncodeToString(ciphertext[18:headerSize])}, nil
}

// header writes what ReadBlob reads. It takes ids in their one spelling only, so that what is read is what was written.
func (b Blob) header(h []byte) ([]byte, error) {
	id, regions := strings.CutPrefix(b.KeyID, "mrk-")
	h = append(h, blobVersion, kindRegions)
	var ok bool
	if regions {
		h, ok = digits(h, id, 16)
	} else {
		h[1] = kindUUID
		if ok = len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-'; ok {
			from := 0
			for _, to := range [5]int{8, 13, 18, 23, 36} {
				part := false
				h, part = digits(h, id[from:to], (to-from)/2)
				ok = ok && part
				from = to + 1
			}
		}
	}
	if !ok {
		return nil, errors.New("the key's id is neither a UUID in lower case nor mrk- and 32 digits")
	}
	if h, ok = digits(h, b.MaterialID, 32); !ok {
		return nil, errors.New("the material's id is not 64 digits in lower case")
	}
	return h, nil
}

// digits appends the n bytes that s is in lower-case hexadecimal.
func digits(h []byte, s string, n int) ([]byte, bool) {
	if len(s) != 2*n {
		return h, false
	}
	for i := 0; i < len(s); i += 2 {
		hi, lo := digit(s[i]), digit(s[i+1])
		if hi > 15 || lo > 15 {
			return h, false
		}
		h = append(h, hi<<4|lo)
	}
	return h, true
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// Encrypt makes a ciphertext of len(plaintext)+Overhead bytes that names its key and opens with the same context only. The
// material has 32 bytes. rand must give 24 bytes for each call.
func Encrypt(b Blob, material, plaintext []byte, context map[string]string, rand io.Reader) ([]byte, error) {
	out, err := b.header(make([]byte, 0, len(plaintext)+Overhead))
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt as key %q, material %q: %w", b.KeyID, b.MaterialID, err)
	}
	aad := associated(out, context)
	out = out[:headerSize+nonceSize]
	if _, err := io.ReadFull(rand, out[headerSize:]); err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	gcm, err := xaes(material, out[headerSize:headerSize+12])
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	return gcm.Seal(out, out[headerSize+12:], plaintext, aad), nil
}

// Decrypt opens a ciphertext with the material that ReadBlob names. It fails with ErrInvalid for another material, another
// context, or a ciphertext that was changed: these cannot be told apart.
func Decrypt(material, ciphertext []byte, context map[string]string) ([]byte, error) {
	if _, err := ReadBlob(ciphertext); err != nil {
		return nil, err
	}
	nonce := ciphertext[headerSize : headerSize+nonceSize]
	gcm, err := xaes(material, nonce[:12])
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", err)
	}
	plain, err := gcm.Open(nil, nonce[12:], ciphertext[headerSize+nonceSize:], associated(ciphertext[:headerSize], context))
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", ErrInvalid) // the cipher's own error says no more
	}
	return plain, nil
}

// associated is what a ciphertext is bound to: its header and the context in one form, sorted by key, with lengths before
// every part, so that no two contexts are the same bytes. No context and an empty one are one.
func associated(header []byte, context map[string]string) []byte {
	n := len(header) + 4
	for k, v := range context {
		n += 8 + len(k) + len(v)
	}
	b := append(make([]byte, 0, n), header...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(context)))
	if len(context) == 1 { // the usual case sorts nothing
		for k, v := range context {
			return pair(b, k, v)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(context)) {
		b = pair(b, k, context[k])
	}
	return b
}

func pair(b []byte, k, v string) []byte {
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(k))), k...)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// xaes derives the key of one message from its half nonce (12 bytes): SP 800-108 in counter mode with CMAC, over two blocks,
// as XAES-256-GCM fixes it.
func xaes(material, half []byte) (cipher.AEAD, error) {
	if len(material) != 32 {
		return nil, fmt.Errorf("the material has %d bytes, want 32: %w", len(material), ErrInvalid)
	}
	block, err := aes.NewCipher(material)
	if err != nil {
		return nil, err
	}
	var k1, m [16]byte
	var key [32]byte
	block.Encrypt(k1[:], k1[:]) // CMAC's subkey (SP 800-38B): the encrypted zero block, doubled in GF(2^128)
	carry := k1[0] >> 7
	for i := range 15 {
		k1[i] = k1[i]<<1 | k1[i+1]>>7
	}
	k1[15] = k1[15]<<1 ^ carry*0x87 // no branch on a bit of it
	for i := range 2 {
		m = [16]byte{0, byte(i + 1), 'X', 0}
		copy(m[4:], half)
		for j := range m {
			m[j] ^= k1[j]
		}
		block.Encrypt(key[16*i:16*i+16], m[:])
	}
	derived, err := aes.NewCipher(key[:])
	clear(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(derived)
}
