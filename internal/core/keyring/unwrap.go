package keyring

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Unwrap opens key material that somebody wrapped for import, with the private half of the wrapping key (PKCS#8 DER, RSA).
// RSAES_OAEP_SHA_1 and _SHA_256 hold the material itself; RSA_AES_KEY_WRAP_SHA_1 and _SHA_256 hold an AES-256 key under OAEP and
// behind it the material under that key, wrapped by RFC 5649 (KMS Developer Guide, "Select a wrapping algorithm"; PKCS#11,
// CKM_RSA_AES_KEY_WRAP). It fails with ErrUnknown for other algorithms and with ErrInvalid for what does not open.
func Unwrap(private []byte, algorithm string, wrapped []byte) ([]byte, error) {
	suffix, both := strings.CutPrefix(algorithm, "RSA_AES_KEY_WRAP_")
	if !both {
		return DecryptRSA(private, algorithm, wrapped, nil)
	}
	if _, err := oaep("RSAES_OAEP_" + suffix); err != nil {
		return nil, fmt.Errorf("cannot unwrap by %q: %w", algorithm, ErrUnknown)
	}
	k, err := rsaPrivate(private)
	if err != nil {
		return nil, fmt.Errorf("cannot unwrap: %w", err)
	}
	if len(wrapped) < k.Size() {
		return nil, fmt.Errorf("cannot unwrap %d bytes: %w", len(wrapped), ErrInvalid)
	}
	key, err := DecryptRSA(private, "RSAES_OAEP_"+suffix, wrapped[:k.Size()], nil)
	if err != nil {
		return nil, err
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("cannot unwrap: an AES key of %d bytes, want 32: %w", len(key), ErrInvalid)
	}
	return unpad(key, wrapped[k.Size():])
}

// unpad is the unwrapping of AES Key Wrap with Padding (RFC 5649 section 4.2, over the W^-1 of RFC 3394). Time may tell
// where it fails: who wraps has chosen the key.
func unpad(key, in []byte) ([]byte, error) {
	n := len(in)/8 - 1
	if len(in)%8 != 0 || n < 1 {
		return nil, fmt.Errorf("cannot unwrap %d bytes: %w", len(in), ErrInvalid)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cannot unwrap: %w", ErrInvalid)
	}
	out := make([]byte, len(in))
	copy(out, in)
	if n == 1 {
		block.Decrypt(out, out)
	} else {
		var b [16]byte
		for t := 6 * n; t > 0; t-- {
			r := out[8*((t-1)%n+1):][:8]
			binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(out)^uint64(t))
			copy(b[8:], r)
			block.Decrypt(b[:], b[:])
			copy(out, b[:8])
			copy(r, b[8:])
		}
	}
	size := int64(binary.BigEndian.Uint32(out[4:]))
	if [4]byte(out) != [4]byte{0xa6, 0x59, 0x59, 0xa6} || size <= int64(8*(n-1)) || size > int64(8*n) {
		return nil, fmt.Errorf("cannot unwrap: %w", ErrInvalid)
	}
	for _, c := range out[8+size:] {
		if c != 0 {
			return nil, fmt.Errorf("cannot unwrap: %w", ErrInvalid)
		}
	}
	return out[8 : 8+size], nil
}
