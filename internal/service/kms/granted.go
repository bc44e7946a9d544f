package kms

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// granted adds what grants say to a question about a key: those of the caller's that bear on the action. Whether a grant holds is the engine's to
// decide, but for what only this room knows: CreateGrant by a grant may hand on no more than the grant gives, and RetireGrant has a rule of its own.
func (s *Service) granted(c *api.Call, v store.View, in any, k *key, q *api.Question) error {
	switch in := in.(type) {
	case *kms.CreateGrantRequest:
		if in.Constraints != nil {
			if kind := constraintType(in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset); kind != "" {
				q.Keys["kms:GrantConstraintType"] = []string{kind}
			}
		}
	case *kms.RetireGrantRequest:
		return s.retires(c, v, in, k, q)
	}
	if k.Value.Grants == 0 {
		return nil
	}
	_, short, _ := strings.Cut(q.Action, ":")
	if !slices.Contains(able(k), short) {
		return nil
	}
	for _, form := range forms(c) {
		all, err := grants.List(v, store.Query{Scope: k.Scope, Term: store.Term{Name: "grantee", Value: k.ID + "/" + form}})
		if err != nil {
			return err
		}
		for _, g := range all {
			if !slices.Contains(g.Value.Operations, short) {
				continue
			}
			out := g.Value.policy(c, g.ID)
			switch short {
			case "DescribeKey": // constraints are not applied to it
				out.Equals, out.Subset = nil, nil
			case "CreateGrant":
				if r, ok := in.(*kms.CreateGrantRequest); !ok || !g.Value.holds(r) {
					continue
				}
				out.Equals, out.Subset = nil, nil
			default:
				if !g.Value.fits(q.Keys) {
					continue
				}
			}
			q.Grants = append(q.Grants, out)
		}
	}
	return nil
}

// fits holds the encryption context of a question to the grant's constraints to the letter; the engine, like all conditions, does not tell
// apart the case of a key. Source: KMS API Reference, GrantConstraints.
func (g *Grant) fits(keys map[string][]string) bool {
	const pre = "kms:EncryptionContext:"
	for _, m := range []map[string]string{g.Equals, g.Subset} {
		for n, v := range m {
			if have := keys[pre+n]; len(have) != 1 || have[0] != v {
				return false
			}
		}
	}
	n := 0
	for k := range keys {
		if strings.HasPrefix(k, pre) {
			n++
		}
	}
	return g.Equals == nil || n == len(g.Equals)
}

// policy is the grant as the engine reads it. The row was found by what the caller is, whatever the engine compares.
func (g *Grant) policy(c *api.Call, id string) policy.Grant {
	who := c.Caller.ARN
	if who == "" {
		who = c.Caller.Service
	}
	return policy.Grant{Name: "grant " + id, Grantee: who, Operations: g.Operations, Equals: g.Equals, Subset: g.Subset}
}

// holds reports whether what is asked for is no more than the grant gives: its operations, and constraints at least as strict. Source: KMS
// Developer Guide, "Granting CreateGrant permission".
func (g *Grant) holds(in *kms.CreateGrantRequest) bool {
	for _, o := range in.Operations {
		if !slices.Contains(g.Operations, o) {
			return false
		}
	}
	var equals, subset map[string]string
	if in.Constraints != nil {
		equals, subset = in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset
	}
	if g.Equals != nil && !(equals != nil && maps.Equal(g.Equals, equals)) {
		return false
	}
	for n, v := range g.Subset {
		if a, ok := equals[n]; ok && a == v {
			continue
		}
		if a, ok := subset[n]; ok && a == v {
			continue
		}
		return false
	}
	return true
}

func constraintType(equals, subset map[string]string) string {
	switch {
	case equals != nil && subset == nil:
		return "EncryptionContextEquals"
	case subset != nil && equals == nil:
		return "EncryptionContextSubset"
	}
	return "" // the key has one value: of a grant with both it says nothing
}

// retires makes RetireGrant's question: the grant itself says who may, the key's policy does not. Source: KMS Developer Guide, "Retiring and revoking
// grants", and API Reference, RetireGrant: the retiring principal, the account in which the grant was made, and a grantee to whom it gives RetireGrant.
func (s *Service) retires(c *api.Call, v store.View, in *kms.RetireGrantRequest, k *key, q *api.Question) error {
	q.Policy.Name, q.Policy.Text = "the grant", ""
	it, err := s.retirable(c, v, in)
	if err == nil && it.Value.Key != k.ID {
		err = fault.New("NotFoundException", "Grant ID %s not found", it.ID)
	}
	if err != nil {
		if !mine(c, k.Value.Account) { // nobody allows it then
			return nil
		}
		return err
	}
	g := &it.Value
	q.Policy.Name = "grant " + it.ID
	if kind := constraintType(g.Equals, g.Subset); kind != "" {
		q.Keys["kms:GrantConstraintType"] = []string{kind}
	}
	for _, m := range []map[string]string{g.Equals, g.Subset} {
		for n, val := range m {
			q.Keys["kms:EncryptionContext:"+n] = []string{val}
			q.Keys["kms:EncryptionContextKeys"] = append(q.Keys["kms:EncryptionContextKeys"], n)
		}
	}
	slices.Sort(q.Keys["kms:EncryptionContextKeys"])
	type statement struct {
		Sid, Effect, Action, Resource string
		Principal                     map[string]string
	}
	say := []statement{{"IssuingAccount", "Allow", "kms:RetireGrant", "*", map[string]string{"AWS": "arn:" + c.Partition + ":iam::" + g.Account + ":root"}}}
	mineToo := forms(c)
	switch {
	case g.Retiring == "" || !slices.Contains(mineToo, g.Retiring):
	case c.Caller.Service == g.Retiring:
		say = append(say, statement{"RetiringPrincipal", "Allow", "kms:RetireGrant", "*", map[string]string{"Service": g.Retiring}})
	case strings.Contains(g.Retiring, ":"): // a session, a federated user or a root user, which the caller is
		say = append(say, statement{"RetiringPrincipal", "Allow", "kms:RetireGrant", "*", map[string]string{"AWS": c.Caller.ARN}})
	default:
		say = append(say, statement{"RetiringPrincipal", "Allow", "kms:RetireGrant", "*", map[string]string{"AWS": g.Retiring}})
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": say})
	if err != nil {
		return err
	}
	q.Policy.Text = string(b)
	if slices.Contains(mineToo, g.Grantee) && slices.Contains(g.Operations, "RetireGrant") {
		out := g.policy(c, it.ID)
		out.Equals, out.Subset = nil, nil
		q.Grants = append(q.Grants, out)
	}
	return nil
}

// tokens checks the grant tokens that a call brings. They say nothing new: the ledger knows a grant as soon as it is made.
func (s *Service) tokens(c *api.Call, in any) error {
	for _, t := range tokensOf(in) {
		if _, err := s.token(c, t); err != nil {
			return err
		}
	}
	return nil
}

func tokensOf(in any) []string {
	switch in := in.(type) {
	case *kms.EncryptRequest:
		return in.GrantTokens
	case *kms.DecryptRequest:
		return in.GrantTokens
	case *kms.ReEncryptRequest:
		return in.GrantTokens
	case *kms.GenerateDataKeyRequest:
		return in.GrantTokens
	case *kms.GenerateDataKeyWithoutPlaintextRequest:
		return in.GrantTokens
	case *kms.GenerateDataKeyPairRequest:
		return in.GrantTokens
	case *kms.GenerateDataKeyPairWithoutPlaintextRequest:
		return in.GrantTokens
	case *kms.SignRequest:
		return in.GrantTokens
	case *kms.VerifyRequest:
		return in.GrantTokens
	case *kms.GenerateMacRequest:
		return in.GrantTokens
	case *kms.VerifyMacRequest:
		return in.GrantTokens
	case *kms.DeriveSharedSecretRequest:
		return in.GrantTokens
	case *kms.GetPublicKeyRequest:
		return in.GrantTokens
	case *kms.DescribeKeyRequest:
		return in.GrantTokens
	case *kms.CreateGrantRequest:
		return in.GrantTokens
	}
	return nil
}
