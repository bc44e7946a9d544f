package iam

import (
	"errors"
	"strings"

	"cloister/internal/core/arn"
	"cloister/internal/store"
)

// ResolvePrincipal gives the unique id (AIDA..., AROA...) of the user or role with that ARN, in whatever account. ok is
// false for an ARN of nobody, and when the ledger fails: a policy is then refused rather than saved unbound.
func (s *Service) ResolvePrincipal(v store.View, principal string) (uniqueID string, ok bool) {
	id, ok, err := s.resolve(v, principal)
	return id, ok && err == nil
}

// RenderPrincipal gives the ARN of the user or role with that unique id; ok is false once it is gone.
func (s *Service) RenderPrincipal(v store.View, uniqueID string) (principal string, ok bool) {
	a, ok, err := s.render(v, uniqueID)
	return a, ok && err == nil
}

// resolve wants path and name to match to the letter, as principals in policies do.
func (s *Service) resolve(v store.View, principal string) (uniqueID string, ok bool, err error) {
	a, err := arn.Parse(principal)
	if err != nil || a.Service != "iam" || a.Partition != s.partition {
		return "", false, nil //nolint:nilerr // what is no ARN names nobody
	}
	kind, rest := a.Split()
	if kind != "user" && kind != "role" {
		return "", false, nil
	}
	p, err := s.named(v, a.Account, kind, rest[strings.LastIndexByte(rest, '/')+1:])
	if gone(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return p.id, p.arn == principal, nil
}

func (s *Service) render(v store.View, uniqueID string) (principal string, ok bool, err error) {
	o, err := owners.Get(v, s.everywhere(), uniqueID)
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	p, err := s.byID(v, o.Value.Account, o.Value.Kind, uniqueID)
	if err != nil {
		return "", false, err
	}
	return p.arn, true, nil
}
