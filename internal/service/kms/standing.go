package kms

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"cloister/internal/store"
)

// Kinds are the rows on which it depends whether a key can be used.
func (*Service) Kinds() []string { return []string{keys.Kind, grants.Kind} }

// Standing sums up what decides whether a key, by its ARN, can be used by a grant of it: the key's state and policy, and the grant. It is another
// one after each change of these, and says nothing of what they are: who needs the key asks for it then. A key that is not there has one too.
func (s *Service) Standing(v store.View, arn, grant string) (string, error) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 {
		return "", fmt.Errorf("%s is not the ARN of a key", arn)
	}
	at := store.Scope{Partition: p[1], Region: p[3]}
	k, err := s.byID(v, at, strings.TrimPrefix(p[5], "key/"))
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
