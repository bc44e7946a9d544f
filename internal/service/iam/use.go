package iam

import (
	"errors"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// useGrain is how exact the time of a key's last use is: a write for each call would cost more than the knowledge is worth.
const useGrain = time.Hour

func (s *Service) useRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.GetAccessKeyLastUsedRequest, shape.GetAccessKeyLastUsedResponse]{
			Name: "GetAccessKeyLastUsed", Honours: []string{"AccessKeyId"}, Questions: s.mayAskUse, View: s.lastUsed,
		},
	}
}

// spent is whose use a call is noted for: the role of a session, else the long-term key of a user or root. Empty: nobody's. Sessions
// of users and of root are passed over, as are keys that were not given out here.
func spent(p *identity.Principal) string {
	switch {
	case p.Unverified:
	case p.Kind == identity.Session:
		return p.UniqueID
	case p.IssuedAt.IsZero() && (p.Kind == identity.User || p.Kind == identity.Root):
		return p.AccessKey
	}
	return ""
}

// Unnoted reports whether Used would write: a call that lies an hour or more after the last one noted for the same key or role.
func (s *Service) Unnoted(v store.View, p *identity.Principal) (bool, error) {
	id := spent(p)
	if id == "" {
		return false, nil
	}
	at, err := s.noted.Get(v, id, func(v store.View) (time.Time, error) {
		it, err := lastUses.Get(v, s.everywhere(), id)
		return it.Value.At, err
	})
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err == nil && v.Now().Sub(at) >= useGrain, err
}

// Used notes a call at tx.Now(), refused ones too, at most once an hour for a key or role. service is the signing name, region the
// one that was addressed.
func (s *Service) Used(tx store.Tx, p *identity.Principal, service, region string) error {
	ok, err := s.Unnoted(tx, p)
	if err != nil || !ok {
		return err
	}
	id, kind := spent(p), keys.Kind
	where := s.everywhere()
	if p.Kind == identity.Session {
		kind, where = roles.Kind, s.global(p.Account)
	}
	if _, err := tx.Get(store.Key{Scope: where, Kind: kind, ID: id}); err != nil {
		return missing(err, nil) // deleted since: it is not to leave a trace that nobody clears away
	}
	now := use{At: second(tx), Service: service, Region: region}
	it, err := lastUses.Get(tx, s.everywhere(), id)
	if errors.Is(err, store.ErrNotFound) {
		return lastUses.Create(tx, s.everywhere(), id, &now)
	}
	if err != nil {
		return err
	}
	it.Value = now
	return lastUses.Save(tx, &it)
}

// unused forgets when a key or role was last used.
func (s *Service) unused(tx store.Tx, id string) error {
	return missing(lastUses.Delete(tx, s.everywhere(), id), nil)
}

// roleUse is when a role's sessions last called; empty if they never did, as on AWS.
func (s *Service) roleUse(v store.View, id string) (*shape.RoleLastUsed, error) {
	it, err := lastUses.Get(v, s.everywhere(), id)
	if err != nil {
		return &shape.RoleLastUsed{}, missing(err, nil)
	}
	return &shape.RoleLastUsed{LastUsedDate: &it.Value.At, Region: &it.Value.Region}, nil
}

// keyHere finds a key of the call's account and the user who has it, nil for root's.
func (s *Service) keyHere(c *api.Call, v store.View, id string) (*party, error) {
	it, err := keys.Get(v, s.everywhere(), id)
	if err != nil {
		return nil, missing(err, noKey(id))
	}
	if it.Value.Account != c.Account {
		return nil, noKey(id)
	}
	if it.Value.User == "" {
		return nil, nil
	}
	return s.byID(v, c.Account, "user", it.Value.User)
}

// mayAskUse asks about the user who has the key. A key that is not the account's is asked for as any user's, so that only who may
// ask at all learns that it is missing.
func (s *Service) mayAskUse(c *api.Call, v store.View, in *shape.GetAccessKeyLastUsedRequest) ([]api.Question, error) {
	q := api.Question{Action: "iam:GetAccessKeyLastUsed", Resource: "*", Keys: keyset{}}
	p, err := s.keyHere(c, v, deref(in.AccessKeyId))
	if gone(err) || err == nil && p == nil {
		return []api.Question{q}, nil
	}
	if err != nil {
		return nil, err
	}
	q.Resource = p.arn
	return []api.Question{q}, s.describe(v, p, q.Keys)
}

func (s *Service) lastUsed(c *api.Call, v store.View, in *shape.GetAccessKeyLastUsedRequest) (*shape.GetAccessKeyLastUsedResponse, error) {
	p, err := s.keyHere(c, v, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	never := "N/A" // AWS's word for a key that was not used
	out := &shape.GetAccessKeyLastUsedResponse{AccessKeyLastUsed: &shape.AccessKeyLastUsed{ServiceName: &never, Region: &never}}
	if p != nil {
		out.UserName = &p.Name
	}
	it, err := lastUses.Get(v, s.everywhere(), *in.AccessKeyId)
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	out.AccessKeyLastUsed = &shape.AccessKeyLastUsed{LastUsedDate: &it.Value.At, ServiceName: &it.Value.Service, Region: &it.Value.Region}
	return out, err
}
