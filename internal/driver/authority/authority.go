// Package authority is the local certificate authority. It can only speak for amazonaws.com and localhost: its
// certificate is name-constrained, its key is sealed, and it is never installed system-wide.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"cloister/internal/core/keyring"
)

// Names the authority may speak for; every subdomain included.
var permitted = []string{"amazonaws.com", "localhost"}

const (
	rootYears = 10
	leafLife  = 90 * 24 * time.Hour
	maxLeaves = 1000 // certificates kept; a client chooses the names
)

// Authority issues server certificates by name.
type Authority struct {
	cert *x509.Certificate
	der  []byte
	key  crypto.Signer
	now  func() time.Time

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// Stored is what the ledger keeps of an authority. SealedKey opens with the sealer and the AAD "authority".
type Stored struct {
	Certificate []byte // DER
	SealedKey   []byte
}

var aad = []byte("authority")

// Create makes an authority and what is to be stored of it.
func Create(s keyring.Sealer, now func() time.Time) (*Authority, Stored, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, Stored{}, fmt.Errorf("cannot make the authority's key: %w", err)
	}
	loop4, loop6 := net.IPNet{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, net.IPNet{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}
	t := now()
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Cloister local authority", Organization: []string{"Cloister"}},
		NotBefore: t.Add(-time.Hour), NotAfter: t.AddDate(rootYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: permitted,
		PermittedIPRanges: []*net.IPNet{&loop4, &loop6},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, Stored{}, fmt.Errorf("cannot sign the authority: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, Stored{}, err
	}
	sealed, err := s.Seal(raw, aad)
	clear(raw)
	if err != nil {
		return nil, Stored{}, fmt.Errorf("cannot seal the authority's key: %w", err)
	}
	st := Stored{der, sealed}
	a, err := Load(s, st, now)
	return a, st, err
}

// Load opens a stored authority.
func Load(s keyring.Sealer, st Stored, now func() time.Time) (*Authority, error) {
	raw, err := s.Open(st.SealedKey, aad)
	if err != nil {
		return nil, fmt.Errorf("cannot open the authority's key: %w", err)
	}
	defer clear(raw)
	k, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot read the authority's key: %w", err)
	}
	cert, err := x509.ParseCertificate(st.Certificate)
	if err != nil {
		return nil, fmt.Errorf("cannot read the authority: %w", err)
	}
	return &Authority{cert: cert, der: st.Certificate, key: k.(crypto.Signer), now: now, leaves: map[string]*tls.Certificate{}}, nil
}

// PEM is the authority's certificate, for AWS_CA_BUNDLE.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})
}

// Config is a TLS server's configuration.
func (a *Authority) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.leaf, NextProtos: []string{"http/1.1"}}
}

// leaf gives the certificate for the name that a client asks for; without a name, for this host's loopback.
func (a *Authority) leaf(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
	if name == "" {
		name = "localhost"
	}
	if !may(name) {
		return nil, errors.New("no certificate for that name")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil && a.now().Before(c.Leaf.NotAfter.Add(-24*time.Hour)) {
		return c, nil
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	c, err := a.issue(name)
	if err != nil {
		return nil, err
	}
	a.leaves[name] = c
	return c, nil
}

func may(name string) bool {
	for _, p := range permitted {
		if name == p || strings.HasSuffix(name, "."+p) {
			return true
		}
	}
	return false
}

func (a *Authority) issue(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := a.now()
	tmpl := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: t.Add(-time.Hour), NotAfter: t.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{name}}
	if name == "localhost" {
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
		tmpl.DNSNames = append(tmpl.DNSNames, "*.localhost")
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("cannot issue a certificate for %s: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.der}, PrivateKey: key, Leaf: leaf}, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return new(big.Int).SetBytes(b)
}
