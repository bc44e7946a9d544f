package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func some(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

var (
	uuid    = "1234abcd-12ab-34cd-56ef-1234567890ab"
	regions = "mrk-1234abcd12ab34cd56ef1234567890ab"
	first   = strings.Repeat("0a", 32)
	one     = Blob{uuid, first}
)

// TestXAES: the vectors of https://c2sp.org/XAES-256-GCM.
func TestXAES(t *testing.T) {
	for _, c := range []struct{ key, nonce, plain, aad, want string }{
		{strings.Repeat("\x01", 32), "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{strings.Repeat("\x03", 32), "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		gcm, err := xaes([]byte(c.key), []byte(c.nonce[:12]))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(gcm.Seal(nil, []byte(c.nonce[12:]), []byte(c.plain), []byte(c.aad))); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// Ciphertexts outlive programs: this one was made once and must open for ever.
func TestBlobStays(t *testing.T) {
	material := bytes.Repeat([]byte{7}, 32)
	context := map[string]string{"aws:s3:arn": "arn:aws:s3:::b/k", "a": ""}
	nonce := bytes.NewReader([]byte("ABCDEFGHIJKLMNOPQRSTUVWX"))
	box, err := Encrypt(Blob{regions, first}, material, []byte("secret"), context, nonce)
	if err != nil {
		t.Fatal(err)
	}
	const want = "0101" + "1234abcd12ab34cd56ef1234567890ab" + "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a" +
		"4142434445464748494a4b4c4d4e4f505152535455565758" + "bdef89a5bd667610ec6268ea11cda562b77b5a23c56d"
	if got := hex.EncodeToString(box); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := Decrypt(material, box, context); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRoundTrip(t *testing.T) {
	material := some(32)
	for _, b := range []Blob{one, {regions, first}, {uuid, strings.Repeat("f", 64)}} {
		for _, n := range []int{0, 1, 32, 4096} {
			for _, context := range []map[string]string{nil, {}, {"a": "b"}, {"a": "b", "c": "", "": "d"}} {
				plain := some(n)
				box, err := Encrypt(b, material, plain, context, rand.Reader)
				if err != nil || len(box) != n+Overhead {
					t.Fatalf("%v: %d bytes, %v", b, len(box), err)
				}
				if got, err := ReadBlob(box); err != nil || got != b {
					t.Errorf("got %v, %v, want %v", got, err, b)
				}
				if got, err := Decrypt(material, box, context); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%v, %d bytes, %v: %v", b, n, context, err)
				}
			}
		}
	}
	box, _ := Encrypt(one, material, []byte("x"), nil, rand.Reader)
	again, _ := Encrypt(one, material, []byte("x"), nil, rand.Reader)
	if bytes.Equal(box, again) {
		t.Error("two ciphertexts are the same")
	}
	if _, err := Decrypt(material, box, map[string]string{}); err != nil {
		t.Errorf("no context and an empty one are one: %v", err)
	}
}

func TestIDs(t *testing.T) {
	for _, b := range []Blob{
		{}, {KeyID: uuid}, {MaterialID: first}, {uuid, first[2:]}, {uuid, first + "00"}, {uuid, strings.ToUpper(first)}, {strings.ToUpper(uuid), first},
		{strings.ReplaceAll(uuid, "-", ""), first}, {uuid[:8] + uuid[9:] + "-", first}, {regions + "00", first}, {"mrk-" + uuid, first}, {"alias/x", first},
		{uuid + "00", first[2:]}, {uuid[2:], first + "00"}, {"arn:aws:kms:eu-west-1:111122223333:key/" + uuid, first},
	} {
		if _, err := Encrypt(b, some(32), nil, nil, rand.Reader); err == nil {
			t.Errorf("%v was taken", b)
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := Encrypt(one, some(n), nil, nil, rand.Reader); !errors.Is(err, ErrInvalid) {
			t.Errorf("material of %d bytes: %v", n, err)
		}
	}
	if _, err := Encrypt(one, some(32), nil, nil, bytes.NewReader(some(23))); err == nil {
		t.Error("sealed without randomness")
	}
}

func TestTampering(t *testing.T) {
	material := some(32)
	context := map[string]string{"a": "b"}
	box, err := Encrypt(one, material, []byte("secret"), context, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		for bit := range 8 {
			bad := bytes.Clone(box)
			bad[i] ^= 1 << bit
			if got, err := Decrypt(material, bad, context); !errors.Is(err, ErrInvalid) || got != nil {
				t.Fatalf("byte %d, bit %d: %q, %v", i, bit, got, err)
			}
		}
	}
	for n := range len(box) {
		if _, err := Decrypt(material, box[:n], context); !errors.Is(err, ErrInvalid) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if _, err := Decrypt(material, append(bytes.Clone(box), 0), context); !errors.Is(err, ErrInvalid) {
		t.Errorf("longer: %v", err)
	}
	if _, err := Decrypt(some(32), box, context); !errors.Is(err, ErrInvalid) {
		t.Errorf("another material: %v", err)
	}
	if _, err := Decrypt(material[:31], box, context); !errors.Is(err, ErrInvalid) {
		t.Errorf("short material: %v", err)
	}
}

// No two contexts may be the same bytes, however their parts are shifted.
func TestContexts(t *testing.T) {
	all := []map[string]string{nil, {"a": "b"}, {"ab": ""}, {"": "ab"}, {"a": "b", "": ""}, {"a": "", "b": ""}, {"A": "b"}, {"a": "B"}, {"a": "b\x00"}, {"b": "a"},
		{"a": "\x00\x00\x00\x01b"}, {"a": "b", "c": "d"}, {"a": "d", "c": "b"}, {"a": "b\x00\x00\x00\x01c\x00\x00\x00\x01d"}}
	seen := map[string]int{}
	for i, c := range all {
		s := string(associated(make([]byte, headerSize), c))
		if j, ok := seen[s]; ok {
			t.Errorf("%v and %v are the same bytes", all[j], c)
		}
		seen[s] = i
	}
	material := some(32)
	for i, c := range all {
		box, err := Encrypt(one, material, []byte("x"), c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for j, d := range all {
			if _, err := Decrypt(material, box, d); (err == nil) != (i == j) {
				t.Errorf("sealed with %v, opened with %v: %v", c, d, err)
			}
		}
	}
}

func FuzzReadBlob(f *testing.F) {
	box, _ := Encrypt(one, some(32), []byte("x"), nil, rand.Reader)
	f.Add(box)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := ReadBlob(in)
		if err != nil {
			return
		}
		h, err := b.header(nil)
		if err != nil || !bytes.Equal(h, in[:headerSize]) {
			t.Errorf("read %v from %x, written %x, %v", b, in[:headerSize], h, err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	material := bytes.Repeat([]byte{7}, 32)
	box, _ := Encrypt(one, material, []byte("secret"), map[string]string{"a": "b"}, bytes.NewReader(make([]byte, 24)))
	f.Add(box, "a", "b")
	f.Add(box[:Overhead], "", "")
	f.Fuzz(func(t *testing.T, in []byte, k, v string) {
		got, err := Decrypt(material, in, map[string]string{k: v})
		if err == nil && (string(got) != "secret" || !bytes.Equal(in, box) || k != "a" || v != "b") {
			t.Errorf("%x opened with %q=%q", in, k, v)
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	material, plain, context := some(32), some(32), map[string]string{"aws:s3:arn": "arn:aws:s3:::documents/2026/11/contract.pdf"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encrypt(one, material, plain, context, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	material, context := some(32), map[string]string{"aws:s3:arn": "arn:aws:s3:::documents/2026/11/contract.pdf"}
	box, err := Encrypt(one, material, some(32), context, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decrypt(material, box, context); err != nil {
			b.Fatal(err)
		}
	}
}
