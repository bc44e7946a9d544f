// Package iam holds users, groups, roles, access keys, policies and sessions. It alone reads and writes these rows; whoever else
// needs a principal, its policies or a session asks through the methods of Service.
package iam

import (
	"maps"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/keyring"
	"cloister/internal/store"
)

// Config is what the service needs from outside.
type Config struct {
	Sealer    keyring.Sealer // seals the secrets of access keys and sessions
	Partition string         // empty: aws
	// Limits gives the service control policies that bear on a principal, a level each from the root of its organization down to its
	// account; nil where none do. Nil: there are no organizations.
	Limits func(v store.View, p *identity.Principal) ([][]api.NamedPolicy, error)
}

// Service is IAM. It keeps no state of its own: all is in the ledger, and what is kept of it is never older than it.
type Service struct {
	memos
	seal      keyring.Sealer
	partition string
	limits    func(v store.View, p *identity.Principal) ([][]api.NamedPolicy, error)
}

// New makes the service.
func New(c Config) *Service {
	if c.Partition == "" {
		c.Partition = "aws"
	}
	if c.Limits == nil {
		c.Limits = func(store.View, *identity.Principal) ([][]api.NamedPolicy, error) { return nil, nil }
	}
	s := &Service{seal: c.Sealer, partition: c.Partition, limits: c.Limits}
	s.hung.Weigh = weigh
	return s
}

// Rows is the table of operations.
func (s *Service) Rows() []api.Operation {
	out := api.Rows("iam", slices.Concat(
		s.userRows(), s.keyRows(), s.roleRows(), s.tagRows(), s.inlineRows(),
		s.policyRows(), s.versionRows(), s.attachRows(), s.boundaryRows(), s.groupRows(), s.groupPolicyRows(),
		s.profileRows(), s.profileTagRows(), s.linkedRows(), s.aliasRows(), s.absentRows(), s.neverRows(), s.providerRows(), s.reportRows(), s.grantingRows(),
		s.summaryRows(), s.simulationRows(), s.detailRows(), s.useRows(),
	)...)
	for i := range out {
		out[i].Questions = closed(out[i].Questions)
	}
	return out
}

// closed keeps the sessions of GetSessionToken and GetFederationToken out of IAM. AWS lets the former in with a second factor,
// which does not exist here; it calls the token invalid (API references of both operations).
func closed(ask asking) asking {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		if c.Caller.Kind != identity.Session && !c.Caller.IssuedAt.IsZero() {
			return nil, fault.Of(fault.BadToken, badToken)
		}
		qs, err := ask(c, v, in)
		for i := range qs {
			known(&qs[i])
		}
		return qs, err
	}
}

// known leaves a question the condition keys that its action has: a user has a boundary, and yet iam:GetUser has no key for it.
// Source: Service Authorization Reference.
func known(q *api.Question) {
	a, ok := action.Lookup(q.Action)
	if !ok || !a.Complete {
		return
	}
	q.Keys = maps.Clone(q.Keys) // questions may share theirs
	maps.DeleteFunc(q.Keys, func(key string, _ []string) bool {
		name, ok := action.CanonicalKey(key)
		return !ok || !slices.Contains(a.Keys, name) && !slices.ContainsFunc(a.Resources, func(r action.ResourceType) bool { return slices.Contains(r.Keys, name) })
	})
}

type asking = func(*api.Call, store.View, any) ([]api.Question, error)
