package iam

import (
	"errors"
	"time"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// useGrain is how exact the time of a key's last use is: a write for each call would cost more than the knowledge is worth.
const useGrain = time.Hour

func (s *Service) useRows() []api.Rower {
	if !s.noted {
		return nil
	}
	return []api.Rower{
		api.Op[shape.GetAccessKeyLastUsedRequest, shape.GetAccessKeyLastUsedResponse]{
			Name: "GetAccessKeyLastUsed", Honours: []string{"AccessKeyId"}, Questions: s.mayAskUse, View: s.lastUsed,
		},
	}
}

// Unnoted reports whether Used would write: a call by a long-term key that lies an hour or more after the last one noted. Other
// callers' keys are never noted.
func (s *Service) Unnoted(v store.View, accessKeyID string) (bool, error) {
	if _, err := keys.Get(v, s.everywhere(), accessKeyID); err != nil {
		return false, missing(err, nil)
	}
	it, err := lastUses.Get(v, s.everywhere(), accessKeyID)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err == nil && v.Now().Sub(it.Value.At) >= useGrain, err
}

// Used notes a call by a long-term key at tx.Now(), refused ones too, at most once an hour. service is the signing name, region
// the one that was addressed. The key of a session, or nobody's, is passed over.
func (s *Service) Used(tx store.Tx, accessKeyID, service, region string) error {
	ok, err := s.Unnoted(tx, accessKeyID)
	if err != nil || !ok {
		return err
	}
	now := use{At: second(tx), Service: service, Region: region}
	it, err := lastUses.Get(tx, s.everywhere(), accessKeyID)
	if errors.Is(err, store.ErrNotFound) {
		return lastUses.Create(tx, s.everywhere(), accessKeyID, &now)
	}
	if err != nil {
		return err
	}
	it.Value = now
	return lastUses.Save(tx, &it)
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
