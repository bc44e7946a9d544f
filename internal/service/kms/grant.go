package kms

import (
	"cloister/internal/api"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// granted adds the grants of the key that are the caller's.
func (s *Service) granted(c *api.Call, v store.View, in any, k *key, q *api.Question) error {
	if g, ok := in.(*kms.CreateGrantRequest); ok && g.Constraints != nil {
		switch equals, subset := g.Constraints.EncryptionContextEquals != nil, g.Constraints.EncryptionContextSubset != nil; { // one value: of both it says nothing
		case equals && !subset:
			q.Keys["kms:GrantConstraintType"] = []string{"EncryptionContextEquals"}
		case subset && !equals:
			q.Keys["kms:GrantConstraintType"] = []string{"EncryptionContextSubset"}
		}
	}
	return nil
}
