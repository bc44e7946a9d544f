package iam

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// An ended session is kept for a day, so that its holder reads "expired" rather than "invalid"; each new one then clears
// away a few of the old, so that their number stays bounded without a clock of its own.
const (
	keepEnded  = 24 * time.Hour
	pruneBatch = 8
	tokenBytes = 180
	timeOrder  = "20060102T150405.000000Z" // fixed width: sorts as time does
)

// Assumable finds the role with that ARN in whatever account. The principal is a session of it that still lacks its name
// (Tags are the role's own); trust is bound to unique ids; longest is its MaxSessionDuration. store.ErrNotFound if there is
// no such role: path and name must match to the letter.
func (s *Service) Assumable(v store.View, roleARN string) (p *identity.Principal, trust string, longest time.Duration, err error) {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return nil, "", 0, store.ErrNotFound
	}
	kind, rest := a.Split()
	if kind != "role" {
		return nil, "", 0, store.ErrNotFound
	}
	r, err := s.named(v, a.Account, "role", rest[strings.LastIndexByte(rest, '/')+1:])
	if gone(err) || err == nil && r.arn != roleARN {
		return nil, "", 0, store.ErrNotFound
	}
	if err != nil {
		return nil, "", 0, err
	}
	p, err = s.prototype(v, r)
	return p, r.role.Value.Trust, time.Duration(r.role.Value.MaxSession) * time.Second, err
}

// prototype is a session of the role without what makes it one session.
func (s *Service) prototype(v store.View, r *party) (*identity.Principal, error) {
	tags, err := v.Tags(r.arn)
	if err != nil {
		return nil, err
	}
	return &identity.Principal{Kind: identity.Session, Partition: s.partition, Account: r.account, UniqueID: r.id, Name: r.Name,
		RoleARN: r.arn, Tags: tags}, nil
}

// sessionARN is how messages print a session: the role's path is dropped.
func sessionARN(p *identity.Principal, name string) string {
	return arn.Make(p.Partition, "sts", "", p.Account, "assumed-role/"+p.Name+"/"+name)
}

// Issue opens a session and gives its credentials, which are shown this once. p.Kind says whose: of the role p.UniqueID
// (Session), of the user p.UniqueID itself (User), of the account's root (Root), or of a federated user named p.Session for whom
// the user p.UniqueID, or root when that is empty, vouches (Federated). It also reads of p: Account, Tags (session tags alone), SourceID,
// InvokedBy and SessionPolicies. transitive are the keys of the tags that go along when the session assumes a further role.
func (s *Service) Issue(tx store.Tx, dice api.Dice, p *identity.Principal, transitive []string, expires time.Time) (accessKeyID, secret, token string, err error) {
	if err := s.prune(tx); err != nil {
		return "", "", "", err
	}
	accessKeyID = dice.Unique("ASIA")
	secret, box, err := s.secret(dice, accessKeyID)
	if err != nil {
		return "", "", "", err
	}
	token = base64.StdEncoding.EncodeToString(dice.Bytes(tokenBytes))
	sum := sha256.Sum256([]byte(token))
	ses := session{Account: p.Account, Name: p.Session, Tags: maps.Clone(p.Tags), Transitive: transitive,
		SourceID: p.SourceID, InvokedBy: p.InvokedBy, Policies: p.SessionPolicies,
		Issued: second(tx), Expires: expires, Secret: box, Token: sum[:]}
	switch p.Kind {
	case identity.User, identity.Root, identity.Federated:
		ses.Kind, ses.User = p.Kind, p.UniqueID
	default:
		ses.Role = p.UniqueID
	}
	if err := sessions.Create(tx, s.everywhere(), accessKeyID, &ses); err != nil {
		return "", "", "", err
	}
	end := expires.UTC().Format(timeOrder) + "/" + accessKeyID
	return accessKeyID, secret, token, expiries.Create(tx, s.everywhere(), end, &expiry{Session: accessKeyID})
}

// prune clears away sessions that ended long ago.
func (s *Service) prune(tx store.Tx) error {
	before := tx.Now().Add(-keepEnded).UTC().Format(timeOrder)
	past, err := expiries.List(tx, store.Query{Scope: s.everywhere(), Before: before, Limit: pruneBatch})
	if err != nil {
		return err
	}
	for _, e := range past {
		if err := sessions.Delete(tx, s.everywhere(), e.Value.Session); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := expiries.Delete(tx, s.everywhere(), e.ID); err != nil {
			return err
		}
	}
	return nil
}

// Inherited gives the session tags that go along from a session to the next role; none for long-term keys.
func (s *Service) Inherited(v store.View, accessKeyID string) (map[string]string, error) {
	it, err := sessions.Get(v, s.everywhere(), accessKeyID)
	if err != nil {
		return nil, missing(err, nil)
	}
	out := map[string]string{}
	for k, val := range it.Value.Tags {
		if slices.Contains(it.Value.Transitive, k) {
			out[k] = val
		}
	}
	return out, nil
}

// PolicyText is the text in force of an account's managed policy; a NoSuchEntity fault if there is none.
func (s *Service) PolicyText(v store.View, account, policyARN string) (string, error) {
	it, err := s.policy(v, account, policyARN)
	if err != nil {
		return "", err
	}
	return it.Value.inForce()
}

// KeyAccount is the account that an access key id belongs to; store.ErrNotFound for one that is nobody's.
func (s *Service) KeyAccount(v store.View, accessKeyID string) (string, error) {
	if k, err := keys.Get(v, s.everywhere(), accessKeyID); err == nil {
		return k.Value.Account, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("cannot read key %s: %w", accessKeyID, err)
	}
	if k, err := retirees.Get(v, s.everywhere(), accessKeyID); err == nil { // AWS reads the account out of the id, whatever became of the key
		return k.Value.Account, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("cannot read key %s: %w", accessKeyID, err)
	}
	ses, err := sessions.Get(v, s.everywhere(), accessKeyID)
	return ses.Value.Account, err
}
