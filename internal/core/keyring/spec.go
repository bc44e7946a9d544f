package keyring

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrUnknown is answered for a key spec, a key usage or an algorithm that is not known here, and for an algorithm that the
// key's spec does not have.
var ErrUnknown = errors.New("not a known spec or algorithm of the key")

// ErrInvalid is answered for a ciphertext, a wrapped key, a public key or key material that does not open, does not parse or
// does not belong to the key. It never says which: that would help a guesser.
var ErrInvalid = errors.New("not valid under the key")

// ErrLength is answered for a plaintext, message or digest of a length that the algorithm does not take.
var ErrLength = errors.New("not a length that the algorithm takes")

// Key specs by kind (KMS API Reference, KeySpec). ECC_SECG_P256K1, SM2 and ML_DSA_* are not among them: the standard library
// has none of them, and the Go libraries for secp256k1 do not sign in constant time.
func rsaBits(spec string) int {
	switch spec {
	case "RSA_2048":
		return 2048
	case "RSA_3072":
		return 3072
	case "RSA_4096":
		return 4096
	}
	return 0
}

func curve(spec string) elliptic.Curve {
	switch spec {
	case "ECC_NIST_P256":
		return elliptic.P256()
	case "ECC_NIST_P384":
		return elliptic.P384()
	case "ECC_NIST_P521":
		return elliptic.P521()
	}
	return nil
}

// secretSize is the length in bytes of a symmetric or HMAC key (KMS Developer Guide, "Key spec reference" and "Requirements
// for imported key material").
func secretSize(spec string) int {
	switch spec {
	case "SYMMETRIC_DEFAULT", "HMAC_256":
		return 32
	case "HMAC_224":
		return 28
	case "HMAC_384":
		return 48
	case "HMAC_512":
		return 64
	}
	return 0
}

const edwards = "ECC_NIST_EDWARDS25519"

// NewMaterial makes the material of a key: raw bytes for SYMMETRIC_DEFAULT and HMAC_*, else the private key as PKCS#8 DER.
// The standard library's generators of RSA and ECC keys take their randomness from the system whatever rand is (Go 1.26,
// "crypto"). It fails with ErrUnknown for other specs.
func NewMaterial(spec string, rand io.Reader) ([]byte, error) {
	if n := secretSize(spec); n > 0 {
		b := make([]byte, n)
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, fmt.Errorf("cannot make key material: %w", err)
		}
		return b, nil
	}
	var key any
	var err error
	switch bits, c := rsaBits(spec), curve(spec); {
	case bits > 0:
		key, err = rsa.GenerateKey(rand, bits)
	case c != nil:
		key, err = ecdsa.GenerateKey(c, rand)
	case spec == edwards:
		_, key, err = ed25519.GenerateKey(rand)
	default:
		return nil, fmt.Errorf("cannot make a key of spec %q: %w", spec, ErrUnknown)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make key material: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// CheckMaterial says whether bytes that somebody brings (ImportKeyMaterial) are material of the spec: of the right length, or
// a PKCS#8 private key of the right kind and size, with nothing behind it. It fails with ErrInvalid or ErrUnknown.
func CheckMaterial(spec string, material []byte) error {
	if n := secretSize(spec); n > 0 {
		if len(material) != n {
			return fmt.Errorf("%d bytes of material for spec %s, want %d: %w", len(material), spec, n, ErrInvalid)
		}
		return nil
	}
	_, err := private(spec, material)
	return err
}

// private parses the material of an asymmetric key and checks that it is of the spec.
func private(spec string, material []byte) (any, error) {
	bits, c := rsaBits(spec), curve(spec)
	if bits == 0 && c == nil && spec != edwards {
		return nil, fmt.Errorf("spec %q has no private key: %w", spec, ErrUnknown)
	}
	var whole asn1.RawValue // the parser takes whatever stands behind the key
	rest, err := asn1.Unmarshal(material, &whole)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("the material is not one DER value: %w", ErrInvalid)
	}
	key, err := x509.ParsePKCS8PrivateKey(material)
	if err != nil {
		return nil, fmt.Errorf("the material is no PKCS#8 private key: %w", ErrInvalid) // the parser's error may quote it
	}
	ok := false
	switch k := key.(type) {
	case *rsa.PrivateKey:
		ok = bits > 0 && k.N.BitLen() == bits && len(k.Primes) == 2
	case *ecdsa.PrivateKey:
		ok = c != nil && k.Curve == c
	case ed25519.PrivateKey:
		ok = spec == edwards
	}
	if !ok {
		return nil, fmt.Errorf("the material is not a key of spec %s: %w", spec, ErrInvalid)
	}
	return key, nil
}

// PublicKey is the public half of an asymmetric key as DER-encoded SubjectPublicKeyInfo (RFC 5280), as GetPublicKey and
// GenerateDataKeyPair give it.
func PublicKey(spec string, material []byte) ([]byte, error) {
	key, err := private(spec, material)
	if err != nil {
		return nil, fmt.Errorf("cannot derive the public key: %w", err)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return x509.MarshalPKIXPublicKey(&k.PublicKey)
	case *ecdsa.PrivateKey:
		return x509.MarshalPKIXPublicKey(&k.PublicKey)
	default:
		return x509.MarshalPKIXPublicKey(key.(ed25519.PrivateKey).Public())
	}
}

// Algorithms are those that a key of the spec has for the usage, in the order in which DescribeKey lists them (KMS Developer
// Guide, "Key spec reference"). All four are empty when the spec cannot be used so, or is unknown.
func Algorithms(spec, usage string) (enc, sign, mac, agree []string) {
	switch usage {
	case "ENCRYPT_DECRYPT":
		if spec == "SYMMETRIC_DEFAULT" {
			enc = []string{"SYMMETRIC_DEFAULT"}
		} else if rsaBits(spec) > 0 {
			enc = []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}
		}
	case "SIGN_VERIFY":
		sign = signing(spec)
	case "GENERATE_VERIFY_MAC":
		if n := secretSize(spec); n > 0 && spec != "SYMMETRIC_DEFAULT" {
			mac = []string{"HMAC_SHA_" + spec[len("HMAC_"):]}
		}
	case "KEY_AGREEMENT":
		if curve(spec) != nil {
			agree = []string{"ECDH"}
		}
	}
	return enc, sign, mac, agree
}

func signing(spec string) []string {
	switch spec {
	case "ECC_NIST_P256":
		return []string{"ECDSA_SHA_256"}
	case "ECC_NIST_P384":
		return []string{"ECDSA_SHA_384"}
	case "ECC_NIST_P521":
		return []string{"ECDSA_SHA_512"}
	case edwards:
		return []string{"ED25519_SHA_512", "ED25519_PH_SHA_512"}
	}
	if rsaBits(spec) > 0 {
		return []string{"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512"}
	}
	return nil
}

func signs(spec, algorithm string) bool { return slices.Contains(signing(spec), algorithm) }
