package authority

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

// box is a sealer that checks its AAD and hides the plaintext by inversion: enough to see that the key goes through it.
type box struct{}

func (box) Seal(p, aad []byte) ([]byte, error) {
	out := append([]byte(string(aad)+"|"), p...)
	for i := len(aad) + 1; i < len(out); i++ {
		out[i] = ^out[i]
	}
	return out, nil
}

func (box) Open(b, aad []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(b, []byte(string(aad)+"|"))
	if !ok {
		return nil, errors.New("wrong place")
	}
	out := bytes.Clone(rest)
	for i := range out {
		out[i] = ^out[i]
	}
	return out, nil
}

func TestSpeaksForItsNamesOnly(t *testing.T) {
	_, st, err := Create(box{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Load(box{}, st, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKCS8PrivateKey(st.SealedKey[len("authority|"):]); err == nil {
		t.Fatal("the stored key is in clear")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("the bundle cannot be read")
	}
	for name, want := range map[string]bool{"s3.us-east-1.amazonaws.com": true, "b.s3.us-east-1.amazonaws.com": true, "localhost": true, "b.localhost": true,
		"example.com": false, "amazonaws.com.example.com": false, "notamazonaws.com": false} {
		c, err := a.leaf(&tls.ClientHelloInfo{ServerName: name})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want {
			if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// Even a stolen key cannot speak for others: the constraint is in the certificate that clients trust.
	c, err := a.issue("example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: "example.com", Roots: pool}); err == nil {
		t.Error("a certificate for example.com is trusted")
	}
	c, err = a.leaf(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: "127.0.0.1", Roots: pool}); err != nil {
		t.Errorf("by address: %v", err)
	}
}
