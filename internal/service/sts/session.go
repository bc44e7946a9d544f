package sts

import (
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

const (
	halfDay     = 12 * time.Hour // GetSessionToken and GetFederationToken, when nothing is asked for
	longest     = 36 * time.Hour
	rootSession = time.Hour // root's sessions are cut to it, not refused
)

type asking = func(*api.Call, store.View, any) ([]api.Question, error)

// closed leaves to the sessions of GetSessionToken nothing here but AssumeRole, and to federated users nothing at all
// (API references of both). The sentence is AWS's for the two operations themselves.
func closed(ask asking) asking {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		if p := c.Caller; temporary(p) && p.Kind != identity.Session && (p.Kind == identity.Federated || c.Name != "AssumeRole") {
			return nil, unfit(c)
		}
		return ask(c, v, in)
	}
}

func temporary(p *identity.Principal) bool { return !p.IssuedAt.IsZero() }

func unfit(c *api.Call) error {
	return fault.Of(fault.AccessDenied, "Cannot call %s with session credentials", c.Name)
}

// own refuses callers other than a user or root with keys of their own.
func own(c *api.Call) error {
	if temporary(c.Caller) || c.Caller.Kind != identity.User && c.Caller.Kind != identity.Root {
		return unfit(c)
	}
	return nil
}

// span is how long a session of a user or of root lasts.
func span(c *api.Call, seconds *int64) (time.Duration, error) {
	d := halfDay
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
		if *seconds < int64(shortest/time.Second) || *seconds > int64(longest/time.Second) {
			return 0, invalid("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 129600", *seconds)
		}
	}
	if c.Caller.Kind == identity.Root {
		d = min(d, rootSession)
	}
	return d, nil
}

func (s *Service) sessionToken(c *api.Call, tx store.Tx, in *shape.GetSessionTokenRequest) (*shape.GetSessionTokenResponse, error) {
	if err := own(c); err != nil {
		return nil, err
	}
	d, err := span(c, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	p := &identity.Principal{Kind: c.Caller.Kind, Account: c.Caller.Account, UniqueID: c.Caller.UniqueID}
	out, err := s.issue(c, tx, p, d)
	return &shape.GetSessionTokenResponse{Credentials: out}, err
}

func (s *Service) issue(c *api.Call, tx store.Tx, p *identity.Principal, d time.Duration) (*shape.Credentials, error) {
	expires := tx.Now().Add(d).Truncate(time.Second)
	key, secret, token, err := s.roles.Issue(tx, c.Dice, p, nil, expires)
	if err != nil {
		return nil, err
	}
	return &shape.Credentials{AccessKeyId: &key, SecretAccessKey: &secret, SessionToken: &token, Expiration: &expires}, nil
}

// mayFederate asks about the federated user that would be; its tags are a further action on it.
func mayFederate(c *api.Call, _ store.View, in *shape.GetFederationTokenRequest) ([]api.Question, error) {
	if err := own(c); err != nil {
		return nil, err
	}
	q := api.Question{Action: "sts:GetFederationToken", Resource: "*", Keys: map[string][]string{}}
	if in.Name != nil {
		q.Resource = federated(c, *in.Name)
	}
	names := requestTags(q.Keys, in.Tags)
	if len(names) == 0 {
		return []api.Question{q}, nil
	}
	q.Keys["aws:TagKeys"] = names
	return []api.Question{q, also(q, "sts:TagSession")}, nil
}

func federated(c *api.Call, name string) string {
	return arn.Make(c.Partition, "sts", "", c.Account, "federated-user/"+name)
}

func (s *Service) federationToken(c *api.Call, tx store.Tx, in *shape.GetFederationTokenRequest) (*shape.GetFederationTokenResponse, error) {
	d, err := span(c, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	p := &identity.Principal{Kind: identity.Federated, Account: c.Caller.Account, UniqueID: c.Caller.UniqueID, Session: *in.Name}
	if p.Tags, _, err = s.sessionTags(c, tx, in.Tags, nil); err != nil {
		return nil, err
	}
	if p.SessionPolicies, err = s.sessionPolicies(tx, in.Policy, in.PolicyArns, p.Account); err != nil {
		return nil, err
	}
	creds, err := s.issue(c, tx, p, d)
	if err != nil {
		return nil, err
	}
	id, name := p.Account+":"+p.Session, federated(c, p.Session)
	c.Touch(name)
	// PackedPolicySize stays out, as with AssumeRole.
	return &shape.GetFederationTokenResponse{Credentials: creds, FederatedUser: &shape.FederatedUser{FederatedUserId: &id, Arn: &name}}, nil
}

func (s *Service) decode(c *api.Call, _ store.View, in *shape.DecodeAuthorizationMessageRequest) (*shape.DecodeAuthorizationMessageResponse, error) {
	b, err := s.roles.Decode(c.Account, *in.EncodedMessage)
	if err != nil {
		return nil, fault.New("InvalidAuthorizationMessageException", "Message is not valid").With(400)
	}
	text := string(b)
	return &shape.DecodeAuthorizationMessageResponse{DecodedMessage: &text}, nil
}
