// Package iam holds users, groups, roles, access keys, policies and sessions. It alone reads and writes these rows; whoever else
// needs a principal, its policies or a session asks through the methods of Service.
package iam

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/keyring"
)

// Config is what the service needs from outside.
type Config struct {
	Sealer    keyring.Sealer // seals the secrets of access keys and sessions
	Partition string         // empty: aws
}

// Service is IAM. It keeps no state of its own: all is in the ledger.
type Service struct {
	seal      keyring.Sealer
	partition string
}

// New makes the service.
func New(c Config) *Service {
	if c.Partition == "" {
		c.Partition = "aws"
	}
	return &Service{seal: c.Sealer, partition: c.Partition}
}

// Rows is the table of operations.
func (s *Service) Rows() []api.Operation {
	return api.Rows("iam", slices.Concat(
		s.userRows(), s.keyRows(), s.roleRows(), s.tagRows(), s.inlineRows(),
		s.policyRows(), s.versionRows(), s.attachRows(), s.boundaryRows(), s.groupRows(), s.groupPolicyRows(),
	)...)
}
