package peer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"cloister/internal/core/job"
)

var errStranger = errors.New("peer: not an instance of this job")

// config is TLS for one end: our key, and whose keys the other end may have.
func config(g job.Group) (*tls.Config, error) {
	if len(g.Seed) != ed25519.SeedSize {
		return nil, errors.New("cannot join the job's instances: no key")
	}
	key := ed25519.NewKeyFromSeed(g.Seed)
	// What is said in the certificate is of no account: the key is pinned.
	form := &x509.Certificate{SerialNumber: big.NewInt(int64(g.Instance) + 1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(nil, form, form, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot join the job's instances: %w", err)
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // VerifyConnection does
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := known(g, s)
			return err
		},
	}, nil
}

// known says which instance holds the other end.
func known(g job.Group, s tls.ConnectionState) (int, error) {
	if len(s.PeerCertificates) != 1 {
		return 0, errStranger
	}
	k, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return 0, errStranger
	}
	for i, p := range g.Peers {
		if len(p) == ed25519.PublicKeySize && bytes.Equal(p, k) {
			return i, nil
		}
	}
	return 0, errStranger
}
