// Package sts turns a trust policy into temporary credentials. It keeps nothing: roles, keys and sessions belong to
// another room, which it knows by the interface Roles alone.
package sts

import (
	"errors"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

// Roles is what sts needs of whoever holds roles and sessions.
type Roles interface {
	// Assumable finds a role by its ARN: a session of it that still lacks its name (Tags are the role's own), its trust
	// policy with principals bound to unique ids, its MaxSessionDuration. store.ErrNotFound if there is none.
	Assumable(v store.View, roleARN string) (p *identity.Principal, trust string, longest time.Duration, err error)
	// Issue opens a session: of a role (p.Kind is Session), of a user or root itself, or of a federated user for whom the user
	// p.UniqueID vouches, or root when that is empty. Tags of p are the session's alone, transitive those of them that go
	// along to the next role.
	Issue(tx store.Tx, dice api.Dice, p *identity.Principal, transitive []string, expires time.Time) (accessKeyID, secret, token string, err error)
	// Inherited gives the tags that go along from the session with that key.
	Inherited(v store.View, accessKeyID string) (map[string]string, error)
	// PolicyText is the text in force of an account's managed policy; a NoSuchEntity fault if there is none.
	PolicyText(v store.View, account, policyARN string) (string, error)
	// KeyAccount is whose an access key is; store.ErrNotFound if nobody's.
	KeyAccount(v store.View, accessKeyID string) (string, error)
	// Decode opens the encoded text of a refusal of that account.
	Decode(account, text string) ([]byte, error)
}

// Config is what the service needs from outside.
type Config struct {
	Roles Roles
}

// Service is STS.
type Service struct {
	roles Roles
}

// New makes the service.
func New(c Config) *Service { return &Service{roles: c.Roles} }

// Rows is the table of operations.
func (s *Service) Rows() []api.Operation {
	out := api.Rows("sts",
		api.Op[shape.GetCallerIdentityRequest, shape.GetCallerIdentityResponse]{
			Name: "GetCallerIdentity", Free: true, View: callerIdentity,
		},
		api.Op[shape.GetAccessKeyInfoRequest, shape.GetAccessKeyInfoResponse]{
			Name: "GetAccessKeyInfo", Honours: []string{"AccessKeyId"},
			Questions: func(*api.Call, store.View, *shape.GetAccessKeyInfoRequest) ([]api.Question, error) {
				return []api.Question{{Action: "sts:GetAccessKeyInfo", Resource: "*"}}, nil
			},
			View: s.keyInfo,
		},
		api.Op[shape.AssumeRoleRequest, shape.AssumeRoleResponse]{
			Name: "AssumeRole",
			Honours: []string{"RoleArn", "RoleSessionName", "Policy", "PolicyArns.*", "DurationSeconds", "ExternalId", "SourceIdentity",
				"Tags.*", "TransitiveTagKeys"},
			// CloudTrail counts AssumeRole among the reads, although it makes a session.
			ReadOnly:  true,
			Questions: s.mayAssume, Act: s.assume,
		},
		api.Op[shape.GetSessionTokenRequest, shape.GetSessionTokenResponse]{
			// SerialNumber and TokenCode are a second factor's, which nobody has here.
			Name: "GetSessionToken", Honours: []string{"DurationSeconds"},
			// No policy permits or forbids it: the call authenticates (IAM User Guide, "Permissions for GetSessionToken").
			Free: true, ReadOnly: true, Act: s.sessionToken,
		},
		api.Op[shape.GetFederationTokenRequest, shape.GetFederationTokenResponse]{
			Name: "GetFederationToken", Honours: []string{"Name", "Policy", "PolicyArns.*", "DurationSeconds", "Tags.*"},
			ReadOnly:  true,
			Questions: mayFederate, Act: s.federationToken,
		},
		api.Op[shape.DecodeAuthorizationMessageRequest, shape.DecodeAuthorizationMessageResponse]{
			Name: "DecodeAuthorizationMessage", Honours: []string{"EncodedMessage"},
			Questions: func(*api.Call, store.View, *shape.DecodeAuthorizationMessageRequest) ([]api.Question, error) {
				return []api.Question{{Action: "sts:DecodeAuthorizationMessage", Resource: "*"}}, nil
			},
			View: s.decode,
		},
	)
	for i := range out {
		if !out[i].Free {
			out[i].Questions = closed(out[i].Questions)
		}
	}
	return append(out, api.Rows("sts", outsideRows()...)...)
}

func callerIdentity(c *api.Call, _ store.View, _ *shape.GetCallerIdentityRequest) (*shape.GetCallerIdentityResponse, error) {
	p := c.Caller
	return &shape.GetCallerIdentityResponse{UserId: &p.ID, Account: &p.Account, Arn: &p.ARN}, nil
}

func (s *Service) keyInfo(_ *api.Call, v store.View, in *shape.GetAccessKeyInfoRequest) (*shape.GetAccessKeyInfoResponse, error) {
	account, err := s.roles.KeyAccount(v, *in.AccessKeyId)
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalid("Access key id %s is invalid", *in.AccessKeyId) // inferred: AWS reads the account out of the id
	}
	if err != nil {
		return nil, err
	}
	return &shape.GetAccessKeyInfoResponse{Account: &account}, nil
}

func invalid(format string, args ...any) error {
	return fault.New("ValidationError", format, args...).With(400)
}

func badValue(format string, args ...any) error {
	return fault.New("InvalidParameterValue", format, args...).With(400)
}
