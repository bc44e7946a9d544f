package kms

import (
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// Limits of rotation. Source: KMS Developer Guide, "Rotate AWS KMS keys", and "Resource quotas" for those on demand.
const (
	usualPeriod = 365
	maxOnDemand = 25
)

func (s *Service) rotateRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.EnableKeyRotationRequest, kms.EnableKeyRotationOutput]{Name: "EnableKeyRotation", Honours: []string{"KeyId", "RotationPeriodInDays"},
			Act: func(c *api.Call, tx store.Tx, in *kms.EnableKeyRotationRequest) (*kms.EnableKeyRotationOutput, error) {
				k, err := s.rotating(c, tx, in.KeyId, true)
				if err != nil {
					return nil, err
				}
				r := &k.Value.Rotation
				r.Enabled, r.Period = true, usualPeriod
				if in.RotationPeriodInDays != nil {
					r.Period = *in.RotationPeriodInDays
				}
				r.Next = tx.Now().AddDate(0, 0, int(r.Period))
				return &kms.EnableKeyRotationOutput{}, keys.Save(tx, &k.Item)
			}},
		api.Op[kms.DisableKeyRotationRequest, kms.DisableKeyRotationOutput]{Name: "DisableKeyRotation", Honours: []string{"KeyId"},
			Act: func(c *api.Call, tx store.Tx, in *kms.DisableKeyRotationRequest) (*kms.DisableKeyRotationOutput, error) {
				k, err := s.rotating(c, tx, in.KeyId, true)
				if err != nil {
					return nil, err
				}
				k.Value.Rotation = Rotation{OnDemand: k.Value.Rotation.OnDemand}
				return &kms.DisableKeyRotationOutput{}, keys.Save(tx, &k.Item)
			}},
		api.Op[kms.GetKeyRotationStatusRequest, kms.GetKeyRotationStatusResponse]{Name: "GetKeyRotationStatus", View: s.rotationStatus, Honours: []string{"KeyId"}},
		api.Op[kms.RotateKeyOnDemandRequest, kms.RotateKeyOnDemandResponse]{Name: "RotateKeyOnDemand", Act: s.rotateNow, Honours: []string{"KeyId"}},
		api.Op[kms.ListKeyRotationsRequest, kms.ListKeyRotationsResponse]{Name: "ListKeyRotations", View: s.listRotations, Honours: []string{"KeyId", "IncludeKeyMaterial", "Limit", "Marker"}},
	}
}

// rotating finds a key whose rotation is to be changed. By itself only material that KMS made can rotate.
func (s *Service) rotating(c *api.Call, tx store.Tx, name *string, byItself bool) (*key, error) {
	k, err := s.changing(c, tx, name)
	if err == nil {
		err = k.turns(byItself)
	}
	if err == nil {
		err = k.usable(tx.Now())
	}
	return k, err
}

func (k *key) turns(byItself bool) error {
	switch {
	case k.Value.Spec != symmetric:
		return fault.New("UnsupportedOperationException", "%s has key spec %s: only symmetric encryption keys rotate.", k.arn, k.Value.Spec)
	case byItself && k.Value.Origin != "AWS_KMS":
		return fault.New("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.arn, k.Value.Origin)
	case k.replica():
		return fault.New("UnsupportedOperationException", "%s is a multi-region replica key: it rotates with its primary key.", k.arn)
	}
	return nil
}

func (s *Service) rotationStatus(c *api.Call, v store.View, in *kms.GetKeyRotationStatusRequest) (*kms.GetKeyRotationStatusResponse, error) {
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.Value.Spec != symmetric {
		return nil, k.turns(true)
	}
	if k.state(v.Now()) == pendingImport {
		return nil, k.usable(v.Now())
	}
	r := k.Value.Rotation
	out := &kms.GetKeyRotationStatusResponse{KeyId: &k.arn, KeyRotationEnabled: ptr(r.Enabled && k.going() == nil)}
	if *out.KeyRotationEnabled {
		out.RotationPeriodInDays = &r.Period
		if k.Value.State == enabled {
			out.NextRotationDate = &r.Next
		}
	}
	return out, nil
}

// rotateNow takes effect with its transaction, so no rotation is ever in progress.
func (s *Service) rotateNow(c *api.Call, tx store.Tx, in *kms.RotateKeyOnDemandRequest) (*kms.RotateKeyOnDemandResponse, error) {
	k, err := s.rotating(c, tx, in.KeyId, false)
	if err != nil {
		return nil, err
	}
	if k.Value.Rotation.OnDemand >= maxOnDemand {
		return nil, fault.New("LimitExceededException", "%s was rotated on demand %d times, and may be no more.", k.arn, maxOnDemand)
	}
	if k.Value.Origin == "EXTERNAL" && k.multi() {
		return nil, fault.New("UnsupportedOperationException", "%s is a multi-region key with imported key material: its rotation is not supported.", k.arn)
	}
	k.Value.Rotation.OnDemand++
	if k.Value.Origin == "EXTERNAL" {
		err = s.adopt(tx, k)
	} else {
		err = s.rotate(tx, k, dice{c.Dice}, "ON_DEMAND")
	}
	if err != nil {
		return nil, err
	}
	return &kms.RotateKeyOnDemandResponse{KeyId: &k.arn}, nil
}

// rotate gives a key, and its replicas, new material. What went before stays, for what was encrypted under it.
func (s *Service) rotate(tx store.Tx, k *key, d dice, kind string) error {
	b, err := keyring.NewMaterial(k.Value.Spec, d)
	if err != nil {
		return err
	}
	defer clear(b)
	id := d.Hex(64)
	all, err := s.sisters(tx, k)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := s.seal(tx, one, id, b, Material{Created: tx.Now(), Kind: kind}); err != nil {
			return err
		}
		one.Value.Material = id
		if err := keys.Save(tx, &one.Item); err != nil {
			return err
		}
	}
	return nil
}

// sisters are k and the keys of its other regions.
func (s *Service) sisters(tx store.Tx, k *key) ([]*key, error) {
	out := []*key{k}
	for _, r := range k.Value.Regions {
		if r == k.Scope.Region {
			continue
		}
		at := k.Scope
		at.Region = r
		one, err := s.byID(tx, at, k.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// history lists a key's materials, the oldest first.
func (s *Service) history(v store.View, k *key) ([]store.Item[Material], error) {
	all, err := materials.List(v, store.Query{Scope: k.Scope, Prefix: k.ID + "/"})
	slices.SortStableFunc(all, func(a, b store.Item[Material]) int { return a.Value.Created.Compare(b.Value.Created) })
	return all, err
}

func (s *Service) listRotations(c *api.Call, v store.View, in *kms.ListKeyRotationsRequest) (*kms.ListKeyRotationsResponse, error) {
	p, err := paged(in.Limit, in.Marker, 100, 1000)
	if err != nil {
		return nil, err
	}
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.Value.Spec != symmetric {
		return nil, k.turns(true)
	}
	list, err := s.history(v, k)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeyRotationsResponse{Rotations: []kms.RotationsListEntry{}, Truncated: ptr(false)}
	passed := p.after == ""
	for i := range list {
		m, id := &list[i].Value, strings.TrimPrefix(list[i].ID, k.ID+"/")
		if m.Kind == "" && str(in.IncludeKeyMaterial) != "ALL_KEY_MATERIAL" {
			continue
		}
		if !passed {
			passed = id == p.after
			continue
		}
		if len(out.Rotations) == p.limit {
			out.Truncated, out.NextMarker = ptr(true), p.next(*out.Rotations[p.limit-1].KeyMaterialId)
			break
		}
		out.Rotations = append(out.Rotations, m.entry(k, id, v.Now()))
	}
	return out, nil
}

func (m *Material) entry(k *key, id string, now time.Time) kms.RotationsListEntry {
	e := kms.RotationsListEntry{KeyId: &k.arn, KeyMaterialId: &id, KeyMaterialState: ptr("NON_CURRENT"), RotationType: set(m.Kind)}
	if m.Kind != "" {
		e.RotationDate = &m.Created
	}
	switch {
	case id == k.Value.Material:
		e.KeyMaterialState = ptr("CURRENT")
	case m.Pending:
		e.KeyMaterialState = ptr("PENDING_ROTATION")
	}
	if k.Value.Origin == "EXTERNAL" {
		e.ImportState, e.KeyMaterialDescription, e.ExpirationModel = ptr("IMPORTED"), set(m.Description), set(m.Model)
		if m.gone(now) {
			e.ImportState = ptr("PENDING_IMPORT")
		} else if !m.ValidTo.IsZero() {
			e.ValidTo = &m.ValidTo
		}
	}
	return e
}

// gone says that imported material was deleted or has ended.
func (m *Material) gone(now time.Time) bool {
	return len(m.Sealed) == 0 || !m.ValidTo.IsZero() && !now.Before(m.ValidTo)
}

// adopt makes imported material that waits for a rotation the current one.
func (s *Service) adopt(tx store.Tx, k *key) error {
	list, err := s.history(tx, k)
	if err != nil {
		return err
	}
	for _, m := range list {
		if !m.Value.Pending || m.Value.gone(tx.Now()) {
			continue
		}
		m.Value.Pending, m.Value.Kind, m.Value.Created = false, "ON_DEMAND", tx.Now()
		if err := materials.Save(tx, &m); err != nil {
			return err
		}
		k.Value.Material = strings.TrimPrefix(m.ID, k.ID+"/")
		return keys.Save(tx, &k.Item)
	}
	return fault.New("KMSInvalidStateException", "%s has no imported key material that waits for a rotation.", k.arn)
}
