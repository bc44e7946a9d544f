package kms

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"

	"cloister/internal/store"
)

// Kinds are the rows on which it depends whether a key can be used.
func (*Service) Kinds() []string { return []string{keys.Kind, grants.Kind} }

// Standing sums up what decides whether a key, by its ARN, can be used by a grant of it: the key's state and policy, and the grant. It is another
// one after each change of these, and says nothing of what they are: who needs the key asks for it then. A key that is not there has one too.
func (s *Service) Standing(v store.View, arn, grant string) (string, error) {
	at, id, err := placed(arn)
	if err != nil {
		return "", err
	}
	k, err := s.byID(v, at, id)
	if errors.Is(err, store.ErrNotFound) {
		return "no key", nil
	}
	if err != nil {
		return "", err
	}
	g, err := grants.Get(v, at, grant)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %v %v %v", k.Value.State, k.Value.Policy, k.Value.Import.ValidTo.UnixNano(), g.Version, err == nil))
	return hex.EncodeToString(sum[:]), nil
}

// GrantsOf finds the grants of a key, by its ARN, that an account made for a grantee under a name with just that EncryptionContextSubset: what a
// service was granted and lost sight of when its daemon died.
func (*Service) GrantsOf(v store.View, arn, account, grantee, name string, about map[string]string) (ids []string, err error) {
	at, id, err := placed(arn)
	if err != nil {
		return nil, err
	}
	all, err := grants.List(v, store.Query{Scope: at, Term: store.Term{Name: "grantee", Value: id + "/" + grantee}})
	for _, g := range all {
		if g.Value.Account == account && g.Value.Name == name && maps.Equal(g.Value.Subset, about) {
			ids = append(ids, g.ID)
		}
	}
	return ids, err
}

// placed says where a key's row is.
func placed(arn string) (at store.Scope, id string, err error) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 {
		return at, "", fmt.Errorf("%s is not the ARN of a key", arn)
	}
	return store.Scope{Partition: p[1], Region: p[3]}, strings.TrimPrefix(p[5], "key/"), nil
}
