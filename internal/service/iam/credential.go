package iam

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// AWS gives the same sentence for a key that is nobody's, one that is inactive and one whose token is wrong.
const badToken = "The security token included in the request is invalid."

// Credential finds the holder of an access key id. The session token is empty for long-term keys. Faults: UnknownKey for
// a key that is nobody's, or inactive, or whose user or role is gone; BadToken for a token that is missing, wrong or one
// too many; ExpiredToken once a session is over.
func (s *Service) Credential(v store.View, accessKeyID, sessionToken string, now time.Time) (Credential, error) {
	if strings.HasPrefix(accessKeyID, "ASIA") {
		return s.temporary(v, accessKeyID, sessionToken, now)
	}
	h, err := s.longTerm.Get(v, accessKeyID, func(v store.View) (holding, error) { return s.holding(v, accessKeyID) })
	if err != nil {
		return Credential{}, missing(err, unknownKey())
	}
	if !h.key.Active {
		return Credential{}, unknownKey()
	}
	if sessionToken != "" {
		return Credential{}, fault.Of(fault.BadToken, badToken)
	}
	if h.who == nil {
		return Credential{}, unknownKey()
	}
	secret, err := s.open(accessKeyID, h.key.Secret)
	return Credential{Principal: *h.who, Secret: secret}, err
}

// Issued reports whether a key id was given out here, even if nothing can be done with it any more: it is inactive or deleted,
// or its user or role is gone. A session's is forgotten a day after its end.
func (s *Service) Issued(v store.View, accessKeyID string) (bool, error) {
	for _, kind := range []string{keys.Kind, retirees.Kind, sessions.Kind} {
		_, err := v.Get(store.Key{Scope: s.everywhere(), Kind: kind, ID: accessKeyID})
		if !errors.Is(err, store.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

func unknownKey() error { return fault.Of(fault.UnknownKey, badToken) }

// holding reads a long-term key and the principal behind it.
func (s *Service) holding(v store.View, id string) (holding, error) {
	it, err := keys.Get(v, s.everywhere(), id)
	if err != nil {
		return holding{}, err
	}
	h := holding{key: it.Value}
	if h.key.User == "" {
		p := s.Root(h.key.Account)
		h.who = &p
	} else if h.who, err = s.userPrincipal(v, h.key.Account, h.key.User); err != nil {
		return h, missing(err, nil)
	}
	h.who.AccessKey = id
	return h, nil
}

func (s *Service) userPrincipal(v store.View, account, id string) (*identity.Principal, error) {
	u, err := s.byID(v, account, "user", id)
	if err != nil {
		return nil, err
	}
	tags, err := v.Tags(u.arn)
	if err != nil {
		return nil, err
	}
	return &identity.Principal{Kind: identity.User, Partition: s.partition, Account: account, ARN: u.arn, ID: u.id, UniqueID: u.id,
		Name: u.Name, Tags: tags}, nil
}

// Root is the principal of an account's root user.
func (s *Service) Root(account string) identity.Principal {
	return identity.Principal{Kind: identity.Root, Partition: s.partition, Account: account, ARN: s.arn(account, "root"), ID: account}
}

// temporary is Credential for the keys of sessions. The token is compared before the clock is: who has not got it learns
// nothing about the session.
func (s *Service) temporary(v store.View, id, token string, now time.Time) (Credential, error) {
	h, err := s.temporaries.Get(v, id, func(v store.View) (lending, error) { return s.lending(v, id) })
	if err != nil {
		return Credential{}, missing(err, unknownKey())
	}
	sum := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(sum[:], h.session.Token) != 1 {
		return Credential{}, fault.Of(fault.BadToken, badToken)
	}
	if !now.Before(h.session.Expires) {
		return Credential{}, fault.Of(fault.ExpiredToken, "The security token included in the request is expired")
	}
	if h.who == nil {
		return Credential{}, unknownKey()
	}
	secret, err := s.open(id, h.session.Secret)
	return Credential{Principal: *h.who, Secret: secret, Expires: h.session.Expires}, err
}

// lending reads a session and the principal whom it speaks for.
func (s *Service) lending(v store.View, id string) (lending, error) {
	it, err := sessions.Get(v, s.everywhere(), id)
	if err != nil {
		return lending{}, err
	}
	ses := &it.Value
	p, err := s.bearer(v, ses)
	if err != nil {
		return lending{session: *ses}, missing(err, nil)
	}
	p.SourceID, p.InvokedBy, p.IssuedAt, p.AccessKey, p.SessionPolicies = ses.SourceID, ses.InvokedBy, ses.Issued, id, ses.Policies
	return lending{*ses, p}, nil
}

// bearer is whom a session speaks for; store.ErrNotFound once its role or user is gone.
func (s *Service) bearer(v store.View, ses *session) (*identity.Principal, error) {
	switch ses.Kind {
	case identity.Root:
		p := s.Root(ses.Account)
		return &p, nil
	case identity.User:
		return s.userPrincipal(v, ses.Account, ses.User)
	case identity.Federated:
		issuer := s.Root(ses.Account)
		if ses.User != "" {
			u, err := s.userPrincipal(v, ses.Account, ses.User)
			if err != nil {
				return nil, err
			}
			issuer = *u
		}
		return &identity.Principal{Kind: identity.Federated, Partition: s.partition, Account: ses.Account, UniqueID: issuer.UniqueID,
			ARN: arn.Make(s.partition, "sts", "", ses.Account, "federated-user/"+ses.Name), ID: ses.Account + ":" + ses.Name,
			Name: ses.Name, Session: ses.Name, RoleARN: issuer.ARN, Tags: overlay(issuer.Tags, ses.Tags)}, nil
	}
	r, err := s.byID(v, ses.Account, "role", ses.Role)
	if err != nil {
		return nil, err
	}
	p, err := s.prototype(v, r)
	if err != nil {
		return nil, err
	}
	p.Tags, p.Session = overlay(p.Tags, ses.Tags), ses.Name
	p.ARN, p.ID = sessionARN(p, ses.Name), p.UniqueID+":"+ses.Name
	return p, nil
}

// overlay lays session tags over the role's own. Tag keys are the same whatever their case.
func overlay(base, over map[string]string) map[string]string {
	out := make(map[string]string, len(base)+len(over))
	for k, v := range base {
		if len(matching(over, []string{k})) == 0 {
			out[k] = v
		}
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}

func (s *Service) open(id string, box []byte) (string, error) {
	b, err := s.seal.Open(box, place(id))
	if err != nil {
		return "", fmt.Errorf("cannot open the secret of %s: %w", id, err)
	}
	return string(b), nil
}

// The answers to the gate are the contract's.
type (
	Credential = api.Credential
	Named      = api.NamedPolicy
	Policies   = api.PolicySets
)

// everything is what an account's root may do: a session that it opened for a federated user is limited by what was passed alone.
const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// Policies gives the policies of a principal as they stand in v. Session is nil when none were passed, which does not limit;
// a federated user without any has an empty one, which allows nothing. Root has only what limits its account from above, services and
// strangers not even that. A user or role that is gone has no policies either: nothing is allowed to it.
func (s *Service) Policies(v store.View, p *identity.Principal) (Policies, error) {
	return s.hung.Get(v, nameOf(p), func(v store.View) (Policies, error) { return s.policies(v, p) })
}

func (s *Service) policies(v store.View, p *identity.Principal) (Policies, error) {
	var out Policies
	var err error
	if out.SCP, err = s.limits(v, p); err != nil {
		return out, fmt.Errorf("cannot read the limits of account %s: %v", p.Account, err)
	}
	kind := map[identity.Kind]string{identity.User: "user", identity.Federated: "user", identity.Session: "role"}[p.Kind]
	if kind == "" {
		return out, nil
	}
	if p.SessionPolicies != nil || p.Kind == identity.Federated {
		out.Session = []Named{}
		for i, text := range p.SessionPolicies {
			out.Session = append(out.Session, Named{Name: fmt.Sprintf("session policy %d of %s", i+1, p.ARN), Owner: p.Account, Text: text})
		}
	}
	if p.Kind == identity.Federated && p.UniqueID == "" {
		out.Identity = []Named{{Name: "rights of the root user of account " + p.Account, Owner: p.Account, Text: everything}}
		return out, nil
	}
	h, err := s.byID(v, p.Account, kind, p.UniqueID)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return out, nil
		}
		return out, err
	}
	if out.Identity, err = s.texts(v, h); err != nil {
		return out, err
	}
	if h.user != nil {
		for _, id := range h.user.Value.Groups {
			g, err := s.byID(v, p.Account, "group", id)
			if err != nil {
				return out, fmt.Errorf("cannot read group %s: %v", id, err)
			}
			texts, err := s.texts(v, g)
			if err != nil {
				return out, err
			}
			out.Identity = append(out.Identity, texts...)
		}
	}
	if h.Boundary != "" {
		n, err := s.managedText(v, p.Account, h.Boundary, "permissions boundary %s of "+kind+" "+h.Name)
		if err != nil {
			return out, err
		}
		out.Boundary = []Named{n}
	}
	return out, nil
}

// texts are the inline and managed policies of a user, group or role.
func (s *Service) texts(v store.View, h *party) ([]Named, error) {
	var out []Named
	for _, name := range sorted(h.Inline) {
		out = append(out, Named{Name: fmt.Sprintf("inline policy %s of %s %s", name, h.kind, h.Name), Owner: h.account, Text: h.Inline[name]})
	}
	for _, a := range slices.Sorted(slices.Values(h.Attached)) {
		n, err := s.managedText(v, h.account, a, "managed policy %s of "+h.kind+" "+h.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// managedText reads a policy that hangs on somebody. It cannot be missing: DeletePolicy refuses while it is in use. If it
// is all the same, the caller fails rather than leave a limit out.
func (s *Service) managedText(v store.View, account, policyARN, name string) (Named, error) {
	it, err := s.policy(v, account, policyARN)
	if err != nil {
		return Named{}, fmt.Errorf("cannot read policy %s: %v", policyARN, err)
	}
	text, err := it.Value.inForce()
	return Named{Name: fmt.Sprintf(name, it.Value.Name), Owner: account, Text: text}, err
}
