package conformance_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	bytesof "encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestGoSDKImport brings keys of our own, in every way to wrap them, and takes them away again.
func TestGoSDKImport(t *testing.T) {
	serve(t).env(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	w := &walker{T: t, ctx: ctx, cfg: cfg}
	w.must(err)
	l := &locksmith{w, kms.NewFromConfig(cfg)}
	l.symmetric()
	l.macKey()
	l.privateKey()
}

func (l *locksmith) external(spec types.KeySpec, usage types.KeyUsageType) *string {
	l.Helper()
	out, err := l.kms.CreateKey(l.ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage, Origin: "EXTERNAL"})
	l.must(err)
	if m := out.KeyMetadata; m.KeyState != "PendingImport" || m.Origin != "EXTERNAL" || m.Enabled {
		l.Errorf("a key without material is %s, enabled %t", m.KeyState, m.Enabled)
	}
	return out.KeyMetadata.KeyId
}

// wrap encrypts material as the KMS Developer Guide says, "Encrypt the key material".
func (l *locksmith) wrap(public []byte, algorithm types.AlgorithmSpec, material []byte) []byte {
	l.Helper()
	pub, err := x509.ParsePKIXPublicKey(public)
	l.must(err)
	oaep := func(b []byte) []byte {
		h := sha256.New()
		if strings.HasSuffix(string(algorithm), "SHA_1") {
			h = sha1.New()
		}
		out, err := rsa.EncryptOAEP(h, rand.Reader, pub.(*rsa.PublicKey), b, nil)
		l.must(err)
		return out
	}
	if strings.HasPrefix(string(algorithm), "RSAES") {
		return oaep(material)
	}
	kek := make([]byte, 32)
	_, _ = rand.Read(kek)
	return append(oaep(kek), pad(kek, material)...)
}

// pad is AES Key Wrap with Padding (RFC 5649, section 4.1), for more than eight bytes.
func pad(kek, in []byte) []byte {
	block, _ := aes.NewCipher(kek)
	a := bytesof.BigEndian.AppendUint32([]byte{0xa6, 0x59, 0x59, 0xa6}, uint32(len(in)))
	r := append(bytes.Clone(in), make([]byte, (8-len(in)%8)%8)...)
	n := len(r) / 8
	b := make([]byte, 16)
	for t := 1; t <= 6*n; t++ {
		i := 8 * ((t - 1) % n)
		copy(b, a)
		copy(b[8:], r[i:i+8])
		block.Encrypt(b, b)
		bytesof.BigEndian.PutUint64(a, bytesof.BigEndian.Uint64(b)^uint64(t))
		copy(r[i:], b[8:])
	}
	return append(a, r...)
}

func (l *locksmith) bring(key *string, spec types.WrappingKeySpec, algorithm types.AlgorithmSpec, material []byte) error {
	l.Helper()
	p, err := l.kms.GetParametersForImport(l.ctx, &kms.GetParametersForImportInput{KeyId: key, WrappingAlgorithm: algorithm, WrappingKeySpec: spec})
	l.must(err)
	_, err = l.kms.ImportKeyMaterial(l.ctx, &kms.ImportKeyMaterialInput{KeyId: key, ImportToken: p.ImportToken, EncryptedKeyMaterial: l.wrap(p.PublicKey, algorithm, material), ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE"})
	return err
}

func (l *locksmith) symmetric() {
	key := l.external("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
	_, err := l.kms.Encrypt(l.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("early")})
	l.refused(err, "KMSInvalidStateException", 400)
	material := make([]byte, 32)
	_, _ = rand.Read(material)

	l.refused(l.bring(key, "RSA_2048", "RSAES_OAEP_SHA_256", material[:31]), "IncorrectKeyMaterialException", 400)
	p, err := l.kms.GetParametersForImport(l.ctx, &kms.GetParametersForImportInput{KeyId: key, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"})
	l.must(err)
	in := &kms.ImportKeyMaterialInput{KeyId: key, ImportToken: p.ImportToken, EncryptedKeyMaterial: make([]byte, 256), ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	_, err = l.kms.ImportKeyMaterial(l.ctx, in)
	l.refused(err, "InvalidCiphertextException", 400)
	in.ImportToken = append(bytes.Clone(p.ImportToken[:len(p.ImportToken)-1]), p.ImportToken[len(p.ImportToken)-1]^1)
	in.EncryptedKeyMaterial = l.wrap(p.PublicKey, "RSAES_OAEP_SHA_256", material)
	_, err = l.kms.ImportKeyMaterial(l.ctx, in)
	l.refused(err, "InvalidImportTokenException", 400)

	l.must(l.bring(key, "RSA_3072", "RSAES_OAEP_SHA_1", material))
	out, err := l.kms.Encrypt(l.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("secret")})
	l.must(err)
	l.opens(out.CiphertextBlob)

	_, err = l.kms.DeleteImportedKeyMaterial(l.ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: key})
	l.must(err)
	_, err = l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})
	l.refused(err, "KMSInvalidStateException", 400)
	other := bytes.Clone(material)
	other[0] ^= 1
	l.refused(l.bring(key, "RSA_2048", "RSAES_OAEP_SHA_256", other), "IncorrectKeyMaterialException", 400)
	for _, a := range []types.AlgorithmSpec{"RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"} {
		if err := l.bring(key, "RSA_2048", a, material); err != nil {
			l.Errorf("the same material again by %s: %v", a, err)
			continue
		}
		l.opens(out.CiphertextBlob)
		_, err = l.kms.DeleteImportedKeyMaterial(l.ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: key})
		l.must(err)
	}
	_, err = l.kms.EnableKeyRotation(l.ctx, &kms.EnableKeyRotationInput{KeyId: key, RotationPeriodInDays: aws.Int32(365)})
	if err == nil {
		l.Error("material of our own rotates by itself")
	}
}

func (l *locksmith) opens(text []byte) {
	l.Helper()
	back, err := l.kms.Decrypt(l.ctx, &kms.DecryptInput{CiphertextBlob: text})
	if err != nil || string(back.Plaintext) != "secret" {
		l.Errorf("it does not open: %v", err)
	}
}

// macKey: the MAC of a key of our own is the one that we make of it.
func (l *locksmith) macKey() {
	key := l.external("HMAC_256", "GENERATE_VERIFY_MAC")
	material := make([]byte, 32)
	_, _ = rand.Read(material)
	l.must(l.bring(key, "RSA_2048", "RSAES_OAEP_SHA_256", material))
	out, err := l.kms.GenerateMac(l.ctx, &kms.GenerateMacInput{KeyId: key, Message: []byte("the contract"), MacAlgorithm: "HMAC_SHA_256"})
	l.must(err)
	m := hmac.New(sha256.New, material)
	m.Write([]byte("the contract"))
	if !hmac.Equal(m.Sum(nil), out.Mac) {
		l.Error("another MAC than ours of the same key")
	}
}

func (l *locksmith) privateKey() {
	key := l.external("ECC_NIST_P256", "SIGN_VERIFY")
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.must(err)
	der, err := x509.MarshalPKCS8PrivateKey(mine)
	l.must(err)
	wrong, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	l.must(err)
	wder, err := x509.MarshalPKCS8PrivateKey(wrong)
	l.must(err)
	l.refused(l.bring(key, "RSA_4096", "RSA_AES_KEY_WRAP_SHA_256", wder), "IncorrectKeyMaterialException", 400)
	l.must(l.bring(key, "RSA_4096", "RSA_AES_KEY_WRAP_SHA_256", der))
	pub, err := l.kms.GetPublicKey(l.ctx, &kms.GetPublicKeyInput{KeyId: key})
	l.must(err)
	if want, _ := x509.MarshalPKIXPublicKey(&mine.PublicKey); !bytes.Equal(pub.PublicKey, want) {
		l.Error("the public key is not ours")
	}
	out, err := l.kms.Sign(l.ctx, &kms.SignInput{KeyId: key, Message: []byte("the contract"), SigningAlgorithm: "ECDSA_SHA_256"})
	l.must(err)
	if d := sha256.Sum256([]byte("the contract")); !ecdsa.VerifyASN1(&mine.PublicKey, d[:], out.Signature) {
		l.Error("the signature does not hold under our key")
	}
}
