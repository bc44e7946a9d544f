// Package identity says who a caller can be. It holds names, never secrets.
package identity

import "time"

// Kind is aws:PrincipalType in our words.
type Kind string

// The kinds of principal.
const (
	Anonymous Kind = "anonymous"
	Root      Kind = "root"
	User      Kind = "user"
	Session   Kind = "role-session"
	Federated Kind = "federated-user"
	Service   Kind = "service"
)

// Principal is an authenticated caller, or the anonymous one.
type Principal struct {
	Kind      Kind
	Partition string // aws
	Account   string // 12 digits; empty for anonymous and service principals
	ARN       string // as messages print it; for a session arn:aws:sts::A:assumed-role/NAME/SESSION
	ID        string // aws:userid: AIDA..., AROA...:session, the account id for root, "anonymous"
	UniqueID  string // AIDA... or AROA...: the key of the user's or role's row
	Name      string // user name or role name
	RoleARN   string // sessions: the role's ARN with its path (aws:PrincipalArn)
	Session   string // sessions: the session name
	Service   string // service principals: comprehend.amazonaws.com
	AccessKey string // access key id used
	IssuedAt  time.Time
	Tags      map[string]string // aws:PrincipalTag/*
	SourceID  string            // aws:SourceIdentity
	InvokedBy string            // the service that makes this call with the session (comprehend.amazonaws.com); for the trail
	// Policies passed with AssumeRole and the like (JSON); nil means none were passed, which does not limit.
	SessionPolicies []string
	Unverified      bool // --dev: the key was not issued here and the signature was not checked
}

// PrincipalARN is the value of aws:PrincipalArn: the role for sessions, else the ARN itself.
func (p *Principal) PrincipalARN() string {
	if p.Kind == Session {
		return p.RoleARN
	}
	return p.ARN
}
