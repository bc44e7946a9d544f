package kms

import (
	"context"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// What happens to keys without being asked: a waiting period ends, material is due to rotate, imported material ends. internal/engine/tend turns
// this; what is due is due for every reader before, see key.state.

// Due lists the keys for which something is due at v's time. Opened material is let go of: whoever read it while its key was being disabled may have
// kept it.
func (s *Service) Due(v store.View) ([]store.Key, error) {
	s.open.drop(func(string, opened) bool { return true })
	all, err := keys.List(v, store.Query{AnyScope: true, Term: store.Term{Name: "timed", Value: "yes"}})
	if err != nil {
		return nil, err
	}
	var out []store.Key
	for _, it := range all {
		if k := (&key{Item: it}); k.due(v.Now()) != "" {
			out = append(out, store.Key{Scope: it.Scope, Kind: keys.Kind, ID: it.ID})
		}
	}
	return out, nil
}

// due is what is to be done; empty: nothing yet.
func (k *key) due(now time.Time) string {
	past := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case k.Value.State == pendingDeletion:
		if past(k.Value.Deletion) {
			return "DeleteKey"
		}
	case past(k.Value.Import.Ends):
		return "DeleteImportedKeyMaterial"
	case k.Value.State == enabled && k.Value.Rotation.Enabled && past(k.Value.Rotation.Next): // AWS rotates no disabled key
		return "RotateKey"
	}
	return ""
}

// batch is how many grants go in one transaction.
const batch = 1000

// Ledger is where Tend writes.
type Ledger interface {
	Update(ctx context.Context, f func(store.Tx) error) error
}

// Tend does all that is due for one key, in small transactions; n counts them. It is recorded as what the service does by itself.
func (s *Service) Tend(ctx context.Context, l Ledger, at store.Key) (n int, err error) {
	for more := true; more && err == nil && ctx.Err() == nil; n++ {
		err = l.Update(ctx, func(tx store.Tx) (err error) { more, err = s.settle(tx, at); return err })
	}
	return n, err
}

// settle does what is due for one key, and says whether there is more to do.
func (s *Service) settle(tx store.Tx, at store.Key) (more bool, err error) {
	k, err := s.byID(tx, at.Scope, at.ID)
	if err != nil {
		return false, err
	}
	what := k.due(tx.Now())
	switch what {
	case "":
		return false, nil
	case "DeleteKey":
		if more, err = s.destroy(tx, k); more || err != nil {
			return more, err
		}
	case "DeleteImportedKeyMaterial":
		err = s.reckon(tx, k)
	case "RotateKey":
		r := &k.Value.Rotation
		for !tx.Now().Before(r.Next) { // a daemon that slept rotates once
			r.Next = r.Next.AddDate(0, 0, int(max(r.Period, 1)))
		}
		err = s.rotate(tx, k, dice{s.dice}, "AUTOMATIC")
	}
	if err != nil {
		return false, err
	}
	s.forget(k.Scope, k.ID)
	const name = "kms.amazonaws.com"
	return false, tx.Record(&trail.Event{ID: s.dice.UUID(), RequestID: s.dice.UUID(), Time: tx.Now(), Service: "kms", Name: what, Account: k.Value.Account, Recipient: k.Value.Account, Region: k.Scope.Region,
		Caller: trail.Caller{Type: "AWSService", InvokedBy: name}, SourceIP: name, UserAgent: name, Resources: []string{k.arn}})
}

// destroy takes a key and all that is of it out of the ledger; true when grants are left for another turn. The database overwrites what it deletes.
func (s *Service) destroy(tx store.Tx, k *key) (more bool, err error) {
	some, err := grants.List(tx, store.Query{Scope: k.Scope, Term: store.Term{Name: "key", Value: k.ID}, Limit: batch})
	if err != nil {
		return false, err
	}
	for _, g := range some {
		if err := grants.Delete(tx, g.Scope, g.ID); err != nil {
			return false, err
		}
	}
	if len(some) == batch {
		return true, nil
	}
	all, err := materials.List(tx, store.Query{Scope: k.Scope, Prefix: k.ID + "/"})
	if err != nil {
		return false, err
	}
	for _, m := range all {
		if err := materials.Delete(tx, m.Scope, m.ID); err != nil {
			return false, err
		}
	}
	own := store.Scope{Partition: k.Scope.Partition, Account: k.Value.Account, Region: k.Scope.Region}
	for _, a := range k.Value.Aliases {
		if err := aliases.Delete(tx, own, a); err != nil {
			return false, err
		}
	}
	if err := tx.RemoveTags(k.arn, nil); err != nil {
		return false, err
	}
	if err := s.leave(tx, k); err != nil {
		return false, err
	}
	return false, keys.Delete(tx, k.Scope, k.ID)
}

// leave tells the keys of other regions that this one is gone. A primary key that waits for its replicas begins to wait for its own end with the last.
func (s *Service) leave(tx store.Tx, k *key) error {
	all, err := s.sisters(tx, k)
	if err != nil {
		return err
	}
	for _, one := range all[1:] {
		var rest []string
		for _, r := range one.Value.Regions {
			if r != k.Scope.Region {
				rest = append(rest, r)
			}
		}
		one.Value.Regions = rest
		if one.Value.State == pendingReplicas && len(rest) == 1 {
			one.Value.State, one.Value.Deletion = pendingDeletion, tx.Now().Add(time.Duration(one.Value.Window)*24*time.Hour)
		}
		if err := keys.Save(tx, &one.Item); err != nil {
			return err
		}
	}
	return nil
}
