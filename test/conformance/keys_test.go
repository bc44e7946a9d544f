package conformance_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestBoto3KMS: other accounts are made by the program.
func TestBoto3KMS(t *testing.T) {
	python(t)
	d := serve(t)
	d.env(t)
	t.Setenv("CLOISTER_DATA_DIR", d.data)
	boto(t, "kms.py")
}

// locksmith is the Go SDK with keys.
type locksmith struct {
	*walker
	kms *kms.Client
}

// TestGoSDKKeys checks with the standard library what KMS seals, signs and derives.
func TestGoSDKKeys(t *testing.T) {
	serve(t).env(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	w := &walker{T: t, ctx: ctx, cfg: cfg}
	w.must(err)
	l := &locksmith{w, kms.NewFromConfig(cfg)}
	l.messages()
	for spec, usage := range map[types.KeySpec]types.KeyUsageType{"RSA_2048": "SIGN_VERIFY", "RSA_3072": "SIGN_VERIFY", "RSA_4096": "SIGN_VERIFY", "ECC_NIST_P256": "SIGN_VERIFY",
		"ECC_NIST_P384": "SIGN_VERIFY", "ECC_NIST_P521": "SIGN_VERIFY", "ECC_NIST_EDWARDS25519": "SIGN_VERIFY"} {
		l.signatures(spec, usage)
	}
	for _, spec := range []types.KeySpec{"RSA_2048", "RSA_3072"} {
		l.encrypts(spec)
	}
	for _, spec := range []types.KeySpec{"HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"} {
		l.macs(spec)
	}
	for spec, curve := range map[types.KeySpec]ecdh.Curve{"ECC_NIST_P256": ecdh.P256(), "ECC_NIST_P384": ecdh.P384(), "ECC_NIST_P521": ecdh.P521()} {
		l.agrees(spec, curve)
	}
	for _, spec := range []types.DataKeyPairSpec{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519"} {
		l.pairs(spec)
	}
}

func (l *locksmith) key(spec types.KeySpec, usage types.KeyUsageType) *string {
	l.Helper()
	out, err := l.kms.CreateKey(l.ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	l.must(err)
	return out.KeyMetadata.KeyId
}

// message is what the AWS Encryption SDK keeps: an encrypted data key beside a body that is bound to the context.
type message struct {
	EncryptedKey, Nonce, Body []byte
	Context                   map[string]string
}

func (m *message) sealed(l *locksmith, key []byte) cipher.AEAD {
	l.Helper()
	block, err := aes.NewCipher(key)
	l.must(err)
	gcm, err := cipher.NewGCM(block)
	l.must(err)
	return gcm
}

func (m *message) aad() []byte { b, _ := json.Marshal(m.Context); return b }

func (l *locksmith) messages() {
	key := l.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	m := &message{Context: map[string]string{"document": "contract-7", "team": "legal"}, Nonce: make([]byte, 12)}
	out, err := l.kms.GenerateDataKey(l.ctx, &kms.GenerateDataKeyInput{KeyId: key, KeySpec: "AES_256", EncryptionContext: m.Context})
	l.must(err)
	m.EncryptedKey = out.CiphertextBlob
	m.Body = m.sealed(l, out.Plaintext).Seal(nil, m.Nonce, []byte("the contract"), m.aad())

	back, err := l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: m.EncryptedKey, EncryptionContext: m.Context})
	l.must(err)
	text, err := m.sealed(l, back.Plaintext).Open(nil, m.Nonce, m.Body, m.aad())
	if err != nil || string(text) != "the contract" {
		l.Errorf("the message opens as %q, %v", text, err)
	}
	for _, c := range []map[string]string{nil, {"document": "contract-8", "team": "legal"}, {"document": "contract-7"}} {
		_, err := l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: m.EncryptedKey, EncryptionContext: c})
		l.refused(err, "InvalidCiphertextException", 400)
		as[*types.InvalidCiphertextException](l.walker, err)
	}
	_, err = l.kms.DisableKey(l.ctx, &kms.DisableKeyInput{KeyId: key})
	l.must(err)
	_, err = l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: m.EncryptedKey, EncryptionContext: m.Context})
	l.refused(err, "DisabledException", 400)
	as[*types.DisabledException](l.walker, err)
}

func hashed(algorithm string, b []byte) (crypto.Hash, []byte) {
	switch {
	case strings.HasSuffix(algorithm, "256"):
		s := sha256.Sum256(b)
		return crypto.SHA256, s[:]
	case strings.HasSuffix(algorithm, "384"):
		s := sha512.Sum384(b)
		return crypto.SHA384, s[:]
	}
	s := sha512.Sum512(b)
	return crypto.SHA512, s[:]
}

// holds checks a signature as anybody with the public key would.
func holds(pub any, algorithm string, digest, text, sig []byte, h crypto.Hash) bool {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if strings.HasPrefix(algorithm, "RSASSA_PSS") {
			return rsa.VerifyPSS(k, h, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, h, digest, sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, sig)
	case ed25519.PublicKey:
		if algorithm == "ED25519_PH_SHA_512" {
			return ed25519.VerifyWithOptions(k, digest, sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(k, text, sig)
	}
	return false
}

func (l *locksmith) signatures(spec types.KeySpec, usage types.KeyUsageType) {
	key := l.key(spec, usage)
	got, err := l.kms.GetPublicKey(l.ctx, &kms.GetPublicKeyInput{KeyId: key})
	l.must(err)
	pub, err := x509.ParsePKIXPublicKey(got.PublicKey)
	l.must(err)
	if len(got.SigningAlgorithms) == 0 {
		l.Errorf("%s has no signing algorithm", spec)
	}
	text := []byte("the contract")
	for _, a := range got.SigningAlgorithms {
		h, digest := hashed(string(a), text)
		kinds := map[types.MessageType][]byte{"RAW": text, "DIGEST": digest}
		switch a {
		case "ED25519_SHA_512":
			delete(kinds, "DIGEST")
		case "ED25519_PH_SHA_512":
			delete(kinds, "RAW")
		}
		for kind, in := range kinds {
			out, err := l.kms.Sign(l.ctx, &kms.SignInput{KeyId: key, Message: in, MessageType: kind, SigningAlgorithm: a})
			if err != nil {
				l.Errorf("%s by %s, %s: %v", spec, a, kind, err)
				continue
			}
			if !holds(pub, string(a), digest, text, out.Signature, h) {
				l.Errorf("%s by %s, %s: the signature does not hold", spec, a, kind)
			}
			ask := &kms.VerifyInput{KeyId: key, Message: in, MessageType: kind, SigningAlgorithm: a, Signature: out.Signature}
			if v, err := l.kms.Verify(l.ctx, ask); err != nil || !v.SignatureValid {
				l.Errorf("%s by %s, %s: %v", spec, a, kind, err)
			}
			ask.Message = append([]byte{in[0] ^ 1}, in[1:]...)
			_, err = l.kms.Verify(l.ctx, ask)
			l.refused(err, "KMSInvalidSignatureException", 400)
			as[*types.KMSInvalidSignatureException](l.walker, err)
		}
	}
	_, err = l.kms.Encrypt(l.ctx, &kms.EncryptInput{KeyId: key, Plaintext: text})
	l.refused(err, "InvalidKeyUsageException", 400)
}

func (l *locksmith) encrypts(spec types.KeySpec) {
	key := l.key(spec, "ENCRYPT_DECRYPT")
	got, err := l.kms.GetPublicKey(l.ctx, &kms.GetPublicKeyInput{KeyId: key})
	l.must(err)
	pub, err := x509.ParsePKIXPublicKey(got.PublicKey)
	l.must(err)
	text := []byte("a data key of somebody without credentials")
	for a, h := range map[types.EncryptionAlgorithmSpec]hash.Hash{"RSAES_OAEP_SHA_1": sha1.New(), "RSAES_OAEP_SHA_256": sha256.New()} {
		far, err := rsa.EncryptOAEP(h, rand.Reader, pub.(*rsa.PublicKey), text, nil)
		l.must(err)
		near, err := l.kms.Encrypt(l.ctx, &kms.EncryptInput{KeyId: key, Plaintext: text, EncryptionAlgorithm: a})
		l.must(err)
		for _, box := range [][]byte{far, near.CiphertextBlob} {
			out, err := l.kms.Decrypt(l.ctx, &kms.DecryptInput{KeyId: key, CiphertextBlob: box, EncryptionAlgorithm: a})
			if err != nil || !bytes.Equal(out.Plaintext, text) {
				l.Errorf("%s by %s: %v", spec, a, err)
			}
			box[0] ^= 1
			_, err = l.kms.Decrypt(l.ctx, &kms.DecryptInput{KeyId: key, CiphertextBlob: box, EncryptionAlgorithm: a})
			l.refused(err, "InvalidCiphertextException", 400)
		}
	}
	_, err = l.kms.Encrypt(l.ctx, &kms.EncryptInput{KeyId: key, Plaintext: text, EncryptionAlgorithm: "RSAES_OAEP_SHA_256", EncryptionContext: map[string]string{"a": "b"}})
	l.refused(err, "ValidationException", 400)
}

func (l *locksmith) macs(spec types.KeySpec) {
	key := l.key(spec, "GENERATE_VERIFY_MAC")
	a := types.MacAlgorithmSpec("HMAC_SHA_" + strings.TrimPrefix(string(spec), "HMAC_"))
	out, err := l.kms.GenerateMac(l.ctx, &kms.GenerateMacInput{KeyId: key, Message: []byte("the contract"), MacAlgorithm: a})
	l.must(err)
	if want := map[types.KeySpec]int{"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}[spec]; len(out.Mac) != want {
		l.Errorf("%s: a MAC of %d bytes", spec, len(out.Mac))
	}
	ask := &kms.VerifyMacInput{KeyId: key, Message: []byte("the contract"), MacAlgorithm: a, Mac: out.Mac}
	if v, err := l.kms.VerifyMac(l.ctx, ask); err != nil || !v.MacValid {
		l.Errorf("%s: %v", spec, err)
	}
	ask.Message = []byte("another contract")
	_, err = l.kms.VerifyMac(l.ctx, ask)
	l.refused(err, "KMSInvalidMacException", 400)
	as[*types.KMSInvalidMacException](l.walker, err)
}

func (l *locksmith) agrees(spec types.KeySpec, curve ecdh.Curve) {
	key := l.key(spec, "KEY_AGREEMENT")
	got, err := l.kms.GetPublicKey(l.ctx, &kms.GetPublicKeyInput{KeyId: key})
	l.must(err)
	theirs, err := x509.ParsePKIXPublicKey(got.PublicKey)
	l.must(err)
	pub, err := theirs.(*ecdsa.PublicKey).ECDH()
	l.must(err)
	mine, err := curve.GenerateKey(rand.Reader)
	l.must(err)
	der, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
	l.must(err)
	want, err := mine.ECDH(pub)
	l.must(err)
	out, err := l.kms.DeriveSharedSecret(l.ctx, &kms.DeriveSharedSecretInput{KeyId: key, KeyAgreementAlgorithm: "ECDH", PublicKey: der})
	l.must(err)
	if !hmac.Equal(out.SharedSecret, want) {
		l.Errorf("%s: another secret than ours", spec)
	}
}

func (l *locksmith) pairs(spec types.DataKeyPairSpec) {
	key := l.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	c := map[string]string{"pair": "1"}
	out, err := l.kms.GenerateDataKeyPair(l.ctx, &kms.GenerateDataKeyPairInput{KeyId: key, KeyPairSpec: spec, EncryptionContext: c})
	l.must(err)
	private, err := x509.ParsePKCS8PrivateKey(out.PrivateKeyPlaintext)
	l.must(err)
	der, err := x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public())
	l.must(err)
	if !bytes.Equal(der, out.PublicKey) {
		l.Errorf("%s: the halves do not belong together", spec)
	}
	back, err := l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: out.PrivateKeyCiphertextBlob, EncryptionContext: c})
	if err != nil || !bytes.Equal(back.Plaintext, out.PrivateKeyPlaintext) {
		l.Errorf("%s: %v", spec, err)
	}
	_, err = l.kms.GenerateDataKeyPair(l.ctx, &kms.GenerateDataKeyPairInput{KeyId: aws.String("alias/none"), KeyPairSpec: spec})
	l.refused(err, "NotFoundException", 400)
}
