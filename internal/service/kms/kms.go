// Package kms is AWS Key Management Service: keys, their policies, grants and aliases, and the cryptography that is done with them.
// Key material leaves the ledger's seal inside this package alone, and no answer, event, error or log holds it.
//
// What a call asks is said by the sheet (sheet.go) and completed by find.go, which turns what a call names into a key before anything is
// authorised. Cryptographic operations are Views: decided and answered from one snapshot.
package kms

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/keyring"
	"cloister/internal/store"
)

// Principals binds the principals of policies and grants to unique ids, so that a permission dies with its user or role.
type Principals interface {
	// ResolvePrincipal gives the unique id (AIDA..., AROA...) behind a user's or role's ARN.
	ResolvePrincipal(v store.View, arn string) (id string, ok bool)
	// RenderPrincipal is its inverse; not ok when the principal is gone.
	RenderPrincipal(v store.View, id string) (arn string, ok bool)
}

// Config is what the service needs.
type Config struct {
	Sealer     keyring.Sealer
	Principals Principals
	Dice       api.Dice // for what happens without a call
}

// Service answers the KMS operations.
type Service struct {
	sealer     keyring.Sealer
	principals Principals
	dice       api.Dice
	asks       *ask.Sheet
	known      cache[known]  // decoded keys, by region, id and version
	open       cache[opened] // opened material, by region, key and material
}

// New makes the service.
func New(c Config) *Service {
	return &Service{sealer: c.Sealer, principals: c.Principals, dice: c.Dice, asks: sheet(), known: newCache[known](4096), open: newCache[opened](1024)}
}

// Rows is the service's table.
func (s *Service) Rows() []api.Operation {
	built := api.Rows("kms", slices.Concat(s.keyRows(), s.stateRows(), s.aliasRows(), s.tagRows(), s.cryptRows(), s.dataRows(), s.signRows(), s.grantRows(), s.rotateRows(), s.importRows(), s.regionRows())...)
	rows := append(built, s.asks.Rest(built...)...)
	for i, r := range rows {
		rows[i].Trial = true // "Checks if your request will succeed" (KMS API Reference, DryRun): that depends on the key's state, too
		rows[i].ReadOnly = r.ReadOnly || slices.Contains(cryptographic, r.Name)
		rows[i].Questions = s.questions(r.Name)
		rows[i] = told(rows[i])
	}
	return rows
}

// cryptographic operations change nothing, though the reference calls them "Write": CloudTrail's events of them are read-only
// (KMS Developer Guide, "Examples of AWS KMS log entries").
var cryptographic = []string{"Decrypt", "DeriveSharedSecret", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"GenerateDataKeyWithoutPlaintext", "GenerateMac", "GenerateRandom", "ReEncrypt", "Sign", "Verify", "VerifyMac"}

// dice is a call's randomness as a reader.
type dice struct{ api.Dice }

func (d dice) Read(b []byte) (int, error) { return copy(b, d.Bytes(len(b))), nil }

func ptr[T any](v T) *T { return &v }

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// set is what stands behind p, nil for what is empty.
func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
