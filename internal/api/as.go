package api

import (
	"time"

	"cloister/internal/core/identity"
)

// As says for whom a service asks through the gate: as itself for one of its resources (Service, SourceAccount,
// SourceARN), or with a role session's key, which is looked up anew for each call.
type As struct {
	Partition, Account, Region string
	Service                    string // comprehend.amazonaws.com
	SourceAccount, SourceARN   string
	AccessKey, Token           string // empty: as the service itself
}

// Credential is what an access key id stands for. Secret never leaves the gate.
type Credential struct {
	Principal identity.Principal
	Secret    string
	Expires   time.Time // zero: does not
}

// NamedPolicy is a policy text with the name that refusals give it and the account that owns it.
type NamedPolicy struct{ Name, Owner, Text string }

// PolicySets are the policies that hang on a principal. Session nil means that no session policy was passed.
type PolicySets struct {
	Identity, Boundary, Session []NamedPolicy
	SCP                         [][]NamedPolicy
}
