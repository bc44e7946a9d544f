package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"hash"
	"io"
	"strings"
)

// hashOf is the hash that a signing algorithm's name ends in.
func hashOf(algorithm string) crypto.Hash {
	switch {
	case strings.HasSuffix(algorithm, "SHA_256"):
		return crypto.SHA256
	case strings.HasSuffix(algorithm, "SHA_384"):
		return crypto.SHA384
	default:
		return crypto.SHA512
	}
}

// digested is what is signed of a message: its hash, or the message itself where the caller hashed it. Ed25519 takes messages
// only, Ed25519ph digests only (KMS API Reference, CreateKey, KeySpec).
func digested(algorithm string, message []byte, digest bool) ([]byte, error) {
	h := hashOf(algorithm)
	switch {
	case algorithm == "ED25519_SHA_512" && digest, algorithm == "ED25519_PH_SHA_512" && !digest:
		return nil, fmt.Errorf("algorithm %s does not take this type of message: %w", algorithm, ErrLength)
	case algorithm == "ED25519_SHA_512":
		return message, nil
	case digest && len(message) != h.Size():
		return nil, fmt.Errorf("a digest of %d bytes for algorithm %s, want %d: %w", len(message), algorithm, h.Size(), ErrLength)
	case digest:
		return message, nil
	case h == crypto.SHA256:
		s := sha256.Sum256(message)
		return s[:], nil
	case h == crypto.SHA384:
		s := sha512.Sum384(message)
		return s[:], nil
	}
	s := sha512.Sum512(message)
	return s[:], nil
}

// Sign makes a signature with a private key of the spec: DER (ANSI X9.62) for ECDSA, 64 bytes for Ed25519 (RFC 8032), and for PSS with
// a salt as long as the hash (KMS Developer Guide, "Key spec reference"). digest says that message is the hash already. It
// fails with ErrUnknown for an algorithm that the spec lacks, with ErrLength for a digest of another length or where the
// algorithm takes none, with ErrInvalid for material of another spec.
func Sign(material []byte, spec, algorithm string, message []byte, digest bool, rand io.Reader) ([]byte, error) {
	if !signs(spec, algorithm) {
		return nil, fmt.Errorf("cannot sign by %q with a key of spec %q: %w", algorithm, spec, ErrUnknown)
	}
	d, err := digested(algorithm, message, digest)
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	key, err := private(spec, material)
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	h := hashOf(algorithm)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(algorithm, "RSASSA_PSS") {
			return rsa.SignPSS(rand, k, h, d, pss(h))
		}
		return rsa.SignPKCS1v15(rand, k, h, d)
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand, k, d)
	default:
		return key.(ed25519.PrivateKey).Sign(rand, d, edwardsOptions(algorithm))
	}
}

// Verify says whether a signature is the key's for this message. material is the private key or the public one; errors are
// Sign's.
func Verify(material []byte, spec, algorithm string, message, signature []byte, digest bool) (bool, error) {
	if !signs(spec, algorithm) {
		return false, fmt.Errorf("cannot verify by %q with a key of spec %q: %w", algorithm, spec, ErrUnknown)
	}
	d, err := digested(algorithm, message, digest)
	if err != nil {
		return false, fmt.Errorf("cannot verify: %w", err)
	}
	key, err := public(spec, material)
	if err != nil {
		return false, fmt.Errorf("cannot verify: %w", err)
	}
	h := hashOf(algorithm)
	switch k := key.(type) {
	case *rsa.PublicKey:
		if strings.HasPrefix(algorithm, "RSASSA_PSS") {
			return rsa.VerifyPSS(k, h, d, signature, pss(h)) == nil, nil
		}
		return rsa.VerifyPKCS1v15(k, h, d, signature) == nil, nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, d, signature), nil
	default:
		return ed25519.VerifyWithOptions(key.(ed25519.PublicKey), d, signature, edwardsOptions(algorithm)) == nil, nil
	}
}

func pss(h crypto.Hash) *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: h.Size(), Hash: h} }

func edwardsOptions(algorithm string) *ed25519.Options {
	if algorithm == "ED25519_PH_SHA_512" {
		return &ed25519.Options{Hash: crypto.SHA512}
	}
	return &ed25519.Options{}
}

// public parses the public half of an asymmetric key from its material, or from SubjectPublicKeyInfo.
func public(spec string, material []byte) (any, error) {
	if key, err := x509.ParsePKIXPublicKey(material); err == nil {
		ok := false
		switch k := key.(type) {
		case *rsa.PublicKey:
			ok = k.N.BitLen() == rsaBits(spec)
		case *ecdsa.PublicKey:
			ok = k.Curve == curve(spec)
		case ed25519.PublicKey:
			ok = spec == edwards
		}
		if !ok {
			return nil, fmt.Errorf("the public key is not of spec %s: %w", spec, ErrInvalid)
		}
		return key, nil
	}
	key, err := private(spec, material)
	if err != nil {
		return nil, err
	}
	return key.(crypto.Signer).Public(), nil
}

// MAC is the HMAC (RFC 2104) of a message. It fails with ErrUnknown for another algorithm than HMAC_SHA_224, 256, 384 and 512,
// and with ErrInvalid for a key that is not as long as the algorithm's keys are.
func MAC(material []byte, algorithm string, message []byte) ([]byte, error) {
	var h func() hash.Hash
	switch algorithm {
	case "HMAC_SHA_224":
		h = sha256.New224
	case "HMAC_SHA_256":
		h = sha256.New
	case "HMAC_SHA_384":
		h = sha512.New384
	case "HMAC_SHA_512":
		h = sha512.New
	default:
		return nil, fmt.Errorf("cannot make a MAC by %q: %w", algorithm, ErrUnknown)
	}
	if want := secretSize("HMAC_" + algorithm[len("HMAC_SHA_"):]); len(material) != want {
		return nil, fmt.Errorf("cannot make a MAC by %s: a key of %d bytes, want %d: %w", algorithm, len(material), want, ErrInvalid)
	}
	m := hmac.New(h, material)
	m.Write(message)
	return m.Sum(nil), nil
}
