package keyring

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" // OAEP needs no collision resistance, and AWS has it
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io"
)

// oaep is the hash of an OAEP algorithm, for the label and for MGF1 both.
func oaep(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case "RSAES_OAEP_SHA_1":
		return sha1.New(), nil
	case "RSAES_OAEP_SHA_256":
		return sha256.New(), nil
	}
	return nil, fmt.Errorf("algorithm %q: %w", algorithm, ErrUnknown)
}

func rsaPrivate(material []byte) (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(material)
	k, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("the material is no RSA private key: %w", ErrInvalid)
	}
	return k, nil
}

// EncryptRSA encrypts with RSAES-OAEP (RFC 8017) and an empty label. material is the private key or the public one as
// SubjectPublicKeyInfo. It fails with ErrLength when in is longer than the key takes: its size in bytes - 2 * hash - 2 (KMS API
// Reference, Encrypt).
func EncryptRSA(material []byte, algorithm string, in []byte, rand io.Reader) ([]byte, error) {
	h, err := oaep(algorithm)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	var pub *rsa.PublicKey
	if key, err := x509.ParsePKIXPublicKey(material); err == nil {
		k, ok := key.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("cannot encrypt: the public key is not RSA's: %w", ErrInvalid)
		}
		pub = k
	} else {
		k, err := rsaPrivate(material)
		if err != nil {
			return nil, fmt.Errorf("cannot encrypt: %w", err)
		}
		pub = &k.PublicKey
	}
	out, err := rsa.EncryptOAEP(h, rand, pub, in, nil)
	if errors.Is(err, rsa.ErrMessageTooLong) {
		return nil, fmt.Errorf("cannot encrypt %d bytes by %s: %w", len(in), algorithm, ErrLength)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	return out, nil
}

// DecryptRSA opens what EncryptRSA made. It fails with ErrInvalid. rand is not used: the standard library blinds by itself.
func DecryptRSA(material []byte, algorithm string, in []byte, rand io.Reader) ([]byte, error) {
	h, err := oaep(algorithm)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", err)
	}
	k, err := rsaPrivate(material)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", err)
	}
	out, err := rsa.DecryptOAEP(h, rand, k, in, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", ErrInvalid)
	}
	return out, nil
}

// Agree is the ECDH shared secret of a private key and a peer's public key (SubjectPublicKeyInfo) on the same NIST curve: the
// x coordinate, as raw bytes of the curve's size (SP 800-56A; KMS API Reference, DeriveSharedSecret). It fails with ErrInvalid
// for a public key that is not a point of that curve.
func Agree(material []byte, peer []byte) ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(material)
	k, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("cannot agree: the material is no elliptic-curve key: %w", ErrInvalid)
	}
	other, err := x509.ParsePKIXPublicKey(peer)
	p, ok := other.(*ecdsa.PublicKey)
	if err != nil || !ok || p.Curve != k.Curve {
		return nil, fmt.Errorf("cannot agree: the public key is not on the key's curve: %w", ErrInvalid)
	}
	priv, err := k.ECDH()
	if err != nil {
		return nil, fmt.Errorf("cannot agree: %w", ErrInvalid)
	}
	pub, err := p.ECDH()
	if err != nil {
		return nil, fmt.Errorf("cannot agree: %w", ErrInvalid)
	}
	secret, err := priv.ECDH(pub)
	if err != nil {
		return nil, fmt.Errorf("cannot agree: %w", ErrInvalid)
	}
	return secret, nil
}
