package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	_ "embed"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/openssl.txt
var openssl string

// foreign are the bytes that OpenSSL made.
func foreign(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for line := range strings.Lines(openssl) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			out[name] = unhex(t, value)
		}
	}
	return out
}

var specs = []string{"RSA_2048", "RSA_3072", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", edwards}

func material(t testing.TB, spec string) []byte {
	t.Helper()
	if spec == "RSA_2048" {
		return foreign(t)["private"]
	}
	m, err := NewMaterial(spec, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMaterial(t *testing.T) {
	for spec, n := range map[string]int{"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		m, err := NewMaterial(spec, rand.Reader)
		if err != nil || len(m) != n || bytes.Equal(m, make([]byte, n)) {
			t.Errorf("%s: %d bytes, %v", spec, len(m), err)
		}
		if err := CheckMaterial(spec, m); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		for _, bad := range [][]byte{nil, m[1:], append(m, 0)} {
			if err := CheckMaterial(spec, bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %d bytes: %v", spec, len(bad), err)
			}
		}
		if _, err := PublicKey(spec, m); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s has a public key: %v", spec, err)
		}
		if _, err := NewMaterial(spec, bytes.NewReader(m[1:])); err == nil {
			t.Errorf("%s: made without randomness", spec)
		}
	}
	for _, spec := range specs {
		m := material(t, spec)
		for _, other := range append(specs, "RSA_4096") {
			if err := CheckMaterial(other, m); (err == nil) != (other == spec) || err != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("%s checked as %s: %v", spec, other, err)
			}
		}
		for _, bad := range [][]byte{nil, m[:len(m)-1], append(bytes.Clone(m), 0)} {
			if err := CheckMaterial(spec, bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %d bytes: %v", spec, len(bad), err)
			}
		}
		pub, err := PublicKey(spec, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x509.ParsePKIXPublicKey(pub); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	for _, spec := range []string{"", "SM2", "ECC_SECG_P256K1", "ML_DSA_44", "RSA_1024", "HMAC_1"} {
		if _, err := NewMaterial(spec, rand.Reader); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", spec, err)
		}
		if err := CheckMaterial(spec, some(32)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	f := foreign(t)
	if got, err := PublicKey("RSA_2048", f["private"]); err != nil || !bytes.Equal(got, f["public"]) {
		t.Errorf("another public key than OpenSSL's: %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	const rsa = "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512"
	for _, c := range []struct{ spec, usage, want string }{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT|||"},
		{"SYMMETRIC_DEFAULT", "GENERATE_VERIFY_MAC", "|||"}, {"SYMMETRIC_DEFAULT", "SIGN_VERIFY", "|||"}, {"SYMMETRIC_DEFAULT", "", "|||"},
		{"RSA_4096", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256|||"}, {"RSA_4096", "SIGN_VERIFY", "|" + rsa + "||"}, {"RSA_4096", "KEY_AGREEMENT", "|||"},
		{"ECC_NIST_P256", "SIGN_VERIFY", "|ECDSA_SHA_256||"}, {"ECC_NIST_P384", "SIGN_VERIFY", "|ECDSA_SHA_384||"}, {"ECC_NIST_P521", "SIGN_VERIFY", "|ECDSA_SHA_512||"},
		{"ECC_NIST_P521", "KEY_AGREEMENT", "|||ECDH"}, {"ECC_NIST_P521", "ENCRYPT_DECRYPT", "|||"},
		{edwards, "SIGN_VERIFY", "|ED25519_SHA_512 ED25519_PH_SHA_512||"}, {edwards, "KEY_AGREEMENT", "|||"},
		{"HMAC_384", "GENERATE_VERIFY_MAC", "||HMAC_SHA_384|"}, {"HMAC_384", "ENCRYPT_DECRYPT", "|||"}, {"SM2", "SIGN_VERIFY", "|||"},
	} {
		var got []string
		enc, sign, mac, agree := Algorithms(c.spec, c.usage)
		for _, l := range [][]string{enc, sign, mac, agree} {
			got = append(got, strings.Join(l, " "))
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s for %s: %s, want %s", c.spec, c.usage, s, c.want)
		}
	}
}

func TestSignatures(t *testing.T) {
	message := []byte("the contract")
	for _, spec := range specs {
		m := material(t, spec)
		pub, err := PublicKey(spec, m)
		if err != nil {
			t.Fatal(err)
		}
		_, algorithms, _, _ := Algorithms(spec, "SIGN_VERIFY")
		for _, a := range algorithms {
			d256, d384, d512 := sha256.Sum256(message), sha512.Sum384(message), sha512.Sum512(message)
			digest := map[string][]byte{"256": d256[:], "384": d384[:], "512": d512[:]}[a[len(a)-3:]]
			raw, hashed := a != "ED25519_PH_SHA_512", a != "ED25519_SHA_512"
			for _, kind := range []bool{false, true} {
				in := message
				if kind {
					in = digest
				}
				sig, err := Sign(m, spec, a, in, kind, rand.Reader)
				if takes := raw && !kind || hashed && kind; !takes {
					if !errors.Is(err, ErrLength) {
						t.Errorf("%s %s, digest %t: %v", spec, a, kind, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s %s: %v", spec, a, err)
				}
				for _, key := range [][]byte{m, pub} {
					if raw {
						if ok, err := Verify(key, spec, a, message, sig, false); !ok || err != nil {
							t.Errorf("%s %s: %t, %v", spec, a, ok, err)
						}
					}
					if hashed {
						if ok, err := Verify(key, spec, a, digest, sig, true); !ok || err != nil {
							t.Errorf("%s %s of a digest: %t, %v", spec, a, ok, err)
						}
					}
					other := append(bytes.Clone(in), 0)[1:]
					if ok, err := Verify(key, spec, a, other, sig, kind); ok || err != nil {
						t.Errorf("%s %s of another message: %t, %v", spec, a, ok, err)
					}
					for i := 0; i < len(sig); i += 13 {
						bad := bytes.Clone(sig)
						bad[i] ^= 4
						if ok, _ := Verify(key, spec, a, in, bad, kind); ok {
							t.Fatalf("%s %s: byte %d of the signature does not matter", spec, a, i)
						}
					}
				}
			}
			if hashed {
				if _, err := Sign(m, spec, a, digest[1:], true, rand.Reader); !errors.Is(err, ErrLength) {
					t.Errorf("%s %s: a short digest: %v", spec, a, err)
				}
				if _, err := Verify(m, spec, a, digest[1:], nil, true); !errors.Is(err, ErrLength) {
					t.Errorf("%s %s: a short digest: %v", spec, a, err)
				}
			}
		}
		for _, other := range specs {
			_, theirs, _, _ := Algorithms(other, "SIGN_VERIFY")
			for _, a := range theirs {
				if slices.Contains(algorithms, a) {
					if other != spec {
						if _, err := Sign(m, other, a, make([]byte, 64), a == "ED25519_PH_SHA_512", rand.Reader); !errors.Is(err, ErrInvalid) {
							t.Errorf("%s signed as %s: %v", spec, other, err)
						}
						if _, err := Verify(pub, other, a, make([]byte, 64), nil, a == "ED25519_PH_SHA_512"); !errors.Is(err, ErrInvalid) {
							t.Errorf("%s verified as %s: %v", spec, other, err)
						}
					}
				} else if _, err := Sign(m, spec, a, message, false, rand.Reader); !errors.Is(err, ErrUnknown) {
					t.Errorf("%s by %s: %v", spec, a, err)
				}
			}
		}
	}
}

// TestForeignRSA: what OpenSSL encrypted, signed and wrapped.
func TestForeignRSA(t *testing.T) {
	f := foreign(t)
	_, sign, _, _ := Algorithms("RSA_2048", "SIGN_VERIFY")
	for _, a := range sign {
		if ok, err := Verify(f["public"], "RSA_2048", a, f["message"], f[a], false); !ok || err != nil {
			t.Errorf("%s: %t, %v", a, ok, err)
		}
		if a[:9] == "RSASSA_PK" { // has no randomness
			if got, err := Sign(f["private"], "RSA_2048", a, f["message"], false, rand.Reader); err != nil || !bytes.Equal(got, f[a]) {
				t.Errorf("%s: another signature, %v", a, err)
			}
		}
	}
	for i, a := range []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"} {
		if got, err := DecryptRSA(f["private"], a, f[a], rand.Reader); err != nil || !bytes.Equal(got, f["message"]) {
			t.Errorf("%s: %q, %v", a, got, err)
		}
		if got, err := Unwrap(f["private"], a, f[a]); err != nil || !bytes.Equal(got, f["message"]) {
			t.Errorf("%s unwrapped: %q, %v", a, got, err)
		}
		wrap := strings.Replace(a, "RSAES_OAEP", "RSA_AES_KEY_WRAP", 1)
		got, err := Unwrap(f["private"], wrap, f[wrap])
		if err != nil || !bytes.Equal(got, f["imported"]) {
			t.Errorf("%s: %d bytes, %v", wrap, len(got), err)
		}
		if err := CheckMaterial("ECC_NIST_P521", got); err != nil {
			t.Error(err)
		}
		// The largest plaintexts are the API reference's of Encrypt: 214 and 190 bytes for RSA_2048.
		most := []int{214, 190}[i]
		for _, key := range [][]byte{f["private"], f["public"]} {
			box, err := EncryptRSA(key, a, some(most), rand.Reader)
			if err != nil || len(box) != 256 {
				t.Errorf("%s of %d bytes: %v", a, most, err)
			}
			if _, err := EncryptRSA(key, a, some(most+1), rand.Reader); !errors.Is(err, ErrLength) {
				t.Errorf("%s of %d bytes: %v", a, most+1, err)
			}
		}
	}
	for name, err := range map[string]error{
		"changed":               second(DecryptRSA(f["private"], "RSAES_OAEP_SHA_1", f["RSAES_OAEP_SHA_256"], nil)),
		"cut":                   second(DecryptRSA(f["private"], "RSAES_OAEP_SHA_1", f["RSAES_OAEP_SHA_1"][1:], nil)),
		"empty":                 second(DecryptRSA(f["private"], "RSAES_OAEP_SHA_1", nil, nil)),
		"public key":            second(DecryptRSA(f["public"], "RSAES_OAEP_SHA_1", f["RSAES_OAEP_SHA_1"], nil)),
		"curve":                 second(DecryptRSA(f["imported"], "RSAES_OAEP_SHA_1", f["RSAES_OAEP_SHA_1"], nil)),
		"encrypted by a curve":  second(EncryptRSA(f["imported"], "RSAES_OAEP_SHA_1", nil, rand.Reader)),
		"wrapped, cut":          second(Unwrap(f["private"], "RSA_AES_KEY_WRAP_SHA_1", f["RSA_AES_KEY_WRAP_SHA_1"][:256])),
		"wrapped, cut more":     second(Unwrap(f["private"], "RSA_AES_KEY_WRAP_SHA_1", f["RSA_AES_KEY_WRAP_SHA_1"][:255])),
		"wrapped, another hash": second(Unwrap(f["private"], "RSA_AES_KEY_WRAP_SHA_1", f["RSA_AES_KEY_WRAP_SHA_256"])),
		"wrapped, longer":       second(Unwrap(f["private"], "RSA_AES_KEY_WRAP_SHA_1", append(f["RSA_AES_KEY_WRAP_SHA_1"], make([]byte, 8)...))),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []string{"", "RSAES_PKCS1_V1_5", "RSA_AES_KEY_WRAP_SHA_384", "RSA_AES_KEY_WRAP_", "SM2PKE"} {
		if _, err := Unwrap(f["private"], a, f["RSAES_OAEP_SHA_1"]); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestECDSA: RFC 6979 appendix A.2.5, P-256 with SHA-256, message "sample".
func TestECDSA(t *testing.T) {
	point := unhex(t, "04"+"60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"+"7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299")
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := x509.MarshalPKIXPublicKey(key)
	number := func(s string) *big.Int { return new(big.Int).SetBytes(unhex(t, s)) }
	sig, _ := asn1.Marshal(struct{ R, S *big.Int }{number("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"), number("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")})
	if ok, err := Verify(pub, "ECC_NIST_P256", "ECDSA_SHA_256", []byte("sample"), sig, false); !ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
}

// TestEdwards: RFC 8032 sections 7.1 (TEST 2) and 7.3 (TEST abc).
func TestEdwards(t *testing.T) {
	abc := sha512.Sum512([]byte("abc"))
	for _, c := range []struct {
		seed, algorithm string
		message         []byte
		digest          bool
		want            string
	}{
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "ED25519_SHA_512", []byte{0x72}, false,
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "ED25519_PH_SHA_512", abc[:], true,
			"98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"},
	} {
		m, _ := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(unhex(t, c.seed)))
		if got, err := Sign(m, edwards, c.algorithm, c.message, c.digest, rand.Reader); err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, %v", c.algorithm, got, err)
		}
	}
}

// TestMAC: RFC 4231 test case 2. HMAC fills its key with zeros, so the key "Jefe" is also one of the algorithm's length.
func TestMAC(t *testing.T) {
	for algorithm, want := range map[string]string{
		"HMAC_SHA_224": "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
		"HMAC_SHA_256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"HMAC_SHA_384": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		"HMAC_SHA_512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} {
		key := append([]byte("Jefe"), make([]byte, 60)...)[:secretSize("HMAC_"+algorithm[9:])]
		if got, err := MAC(key, algorithm, []byte("what do ya want for nothing?")); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, %v", algorithm, got, err)
		}
		if _, err := MAC(key[1:], algorithm, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: a short key: %v", algorithm, err)
		}
	}
	if _, err := MAC(some(32), "HMAC_SHA_1", nil); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// TestAgreeVector: RFC 5903 section 8.1.
func TestAgreeVector(t *testing.T) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433"))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := x509.MarshalPKCS8PrivateKey(key)
	peer, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, "04"+"D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"+"56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB"))
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := x509.MarshalPKIXPublicKey(peer)
	got, err := Agree(m, pub)
	if want := "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestAgree(t *testing.T) {
	for spec, size := range map[string]int{"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66} {
		a, b := material(t, spec), material(t, spec)
		pa, _ := PublicKey(spec, a)
		pb, _ := PublicKey(spec, b)
		x, err := Agree(a, pb)
		y, err2 := Agree(b, pa)
		if err != nil || err2 != nil || !bytes.Equal(x, y) || len(x) != size {
			t.Errorf("%s: %x and %x, %v, %v", spec, x, y, err, err2)
		}
		for _, other := range specs {
			if other == spec {
				continue
			}
			p, _ := PublicKey(other, material(t, other))
			if _, err := Agree(a, p); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s with %s: %v", spec, other, err)
			}
		}
		for _, bad := range [][]byte{nil, pa[:len(pa)-1], append(bytes.Clone(pa[:len(pa)-1]), pa[len(pa)-1]^1)} {
			if _, err := Agree(a, bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s with a broken public key: %v", spec, err)
			}
		}
	}
	if _, err := Agree(material(t, "RSA_2048"), nil); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// TestPadding: the two examples of RFC 5649 section 6.
func TestPadding(t *testing.T) {
	kek := unhex(t, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
	for wrapped, want := range map[string]string{
		"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a": "c37b7e6492584340bed12207808941155068f738",
		"afbeb0f07dfbf5419200f2ccb50bb24f":                                 "466f7250617369",
	} {
		in := unhex(t, wrapped)
		if got, err := unpad(kek, in); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("got %x, %v", got, err)
		}
		for i := range in {
			bad := bytes.Clone(in)
			bad[i] ^= 1
			if _, err := unpad(kek, bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("byte %d changed: %v", i, err)
			}
		}
		for n := range in {
			if _, err := unpad(kek, in[:n]); !errors.Is(err, ErrInvalid) {
				t.Errorf("cut to %d: %v", n, err)
			}
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	x := foreign(f)
	for name := range x {
		if strings.HasPrefix(name, "RSA_AES") || strings.HasPrefix(name, "RSAES") {
			f.Add(name, x[name])
		}
	}
	f.Fuzz(func(t *testing.T, algorithm string, wrapped []byte) {
		if _, err := Unwrap(x["private"], algorithm, wrapped); err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		if _, err := unpad(wrapped[:min(32, len(wrapped))], wrapped); err != nil && !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, spec := range []string{"RSA_2048", "ECC_NIST_P256", edwards} {
		m := material(b, spec)
		_, a, _, _ := Algorithms(spec, "SIGN_VERIFY")
		b.Run(spec, func(b *testing.B) {
			for b.Loop() {
				if _, err := Sign(m, spec, a[0], []byte("x"), false, rand.Reader); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
