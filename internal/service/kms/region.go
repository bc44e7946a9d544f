package kms

import (
	"fmt"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) regionRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.ReplicateKeyRequest, kms.ReplicateKeyResponse]{Name: "ReplicateKey", Act: s.replicate,
			Honours: []string{"KeyId", "ReplicaRegion", "Policy", "BypassPolicyLockoutSafetyCheck", "Description", "Tags.*"}},
		api.Op[kms.UpdatePrimaryRegionRequest, kms.UpdatePrimaryRegionOutput]{Name: "UpdatePrimaryRegion", Act: s.updatePrimary, Honours: []string{"KeyId", "PrimaryRegion"}},
	}
}

// primary finds the primary key of a multi-region key, in the region of the call.
func (s *Service) primary(c *api.Call, tx store.Tx, name *string) (*key, error) {
	k, err := s.changing(c, tx, name)
	switch {
	case err != nil:
		return nil, err
	case !k.multi():
		return nil, fault.New("UnsupportedOperationException", "%s is not a multi-region key.", k.arn)
	case k.replica():
		return nil, fault.New("UnsupportedOperationException", "%s is a replica key; its primary key is in %s.", k.arn, k.Value.Primary)
	}
	return k, k.going()
}

// replicate makes the key once more in another region: the same id and material, and a policy, description, aliases, tags and grants of its own. It
// takes effect with its transaction, so a replica is never seen in the state Creating.
func (s *Service) replicate(c *api.Call, tx store.Tx, in *kms.ReplicateKeyRequest) (*kms.ReplicateKeyResponse, error) {
	k, err := s.primary(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	there := *in.ReplicaRegion
	if slices.Contains(k.Value.Regions, there) {
		return nil, fault.New("AlreadyExistsException", "%s is in %s already.", k.arn, there)
	}
	at := k.Scope
	at.Region = there
	v := k.Value
	r := &key{Item: store.Item[Key]{Scope: at, ID: k.ID, Value: Key{Account: v.Account, Created: tx.Now(), Description: str(in.Description), Spec: v.Spec, Usage: v.Usage, Origin: v.Origin,
		State: enabled, Public: v.Public, Material: v.Material, Primary: v.Primary}}, arn: keyARN(at, v.Account, k.ID)}
	text := str(in.Policy)
	if text == "" {
		text = defaultPolicy(c.Partition, c.Account)
	}
	if r.Value.Policy, err = s.compile(c, tx, r.arn, text, in.BypassPolicyLockoutSafetyCheck != nil && *in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags, nil)
	if err != nil {
		return nil, err
	}
	if v.Origin == "EXTERNAL" { // whoever has the material imports it there too
		r.Value.State, r.Value.Public, r.Value.Material = pendingImport, nil, ""
	} else if err := s.copyMaterials(tx, k, r); err != nil {
		return nil, err
	}
	all, err := s.sisters(tx, k)
	if err != nil {
		return nil, err
	}
	regions := append(slices.Clone(v.Regions), there)
	slices.Sort(regions)
	for _, one := range all {
		one.Value.Regions = regions
		if err := keys.Save(tx, &one.Item); err != nil {
			return nil, err
		}
	}
	r.Value.Regions = regions
	if len(tags) > 0 {
		if err := tx.SetTags(r.arn, store.Scope{Partition: at.Partition, Account: v.Account, Region: there}, tags); err != nil {
			return nil, err
		}
	}
	c.Touch(r.arn)
	shown, err := s.shown(tx, r.Value.Policy)
	if err != nil {
		return nil, err
	}
	if err := keys.Create(tx, at, r.ID, &r.Value); err != nil {
		return nil, err
	}
	out := &kms.ReplicateKeyResponse{ReplicaKeyMetadata: r.metadata(tx.Now()), ReplicaPolicy: &shown, ReplicaTags: in.Tags}
	return out, nil
}

// copyMaterials seals all of a key's materials once more, for another region.
func (s *Service) copyMaterials(tx store.Tx, from, to *key) error {
	all, err := s.history(tx, from)
	if err != nil {
		return err
	}
	for _, m := range all {
		id := strings.TrimPrefix(m.ID, from.ID+"/")
		b, err := s.sealer.Open(m.Value.Sealed, place(from, id))
		if err != nil {
			return fmt.Errorf("cannot open the material of key %s: %w", from.ID, err)
		}
		err = s.seal(tx, to, id, b, m.Value)
		clear(b)
		if err != nil {
			return err
		}
	}
	return nil
}

// consents asks the replica too: the caller needs UpdatePrimaryRegion on both keys, each in its region. Source: KMS API Reference, UpdatePrimaryRegion.
func (s *Service) consents(c *api.Call, tx store.Tx, k *key, there string) error {
	q := api.Question{Action: "kms:UpdatePrimaryRegion", Resource: k.arn, Owner: k.Value.Account, Policy: &api.ResourcePolicy{Kind: "key", Name: "policy of key " + k.ID, Text: k.Value.Policy},
		Keys: map[string][]string{"kms:PrimaryRegion": {there}, "aws:RequestedRegion": {there}}}
	caller(c, &q)
	tags, err := tx.Tags(k.arn)
	if err != nil {
		return err
	}
	for t, v := range tags {
		q.Keys["aws:ResourceTag/"+t] = []string{v}
	}
	k.describe(q.Keys)
	return c.May(tx, q)
}

func (s *Service) updatePrimary(c *api.Call, tx store.Tx, in *kms.UpdatePrimaryRegionRequest) (*kms.UpdatePrimaryRegionOutput, error) {
	k, err := s.primary(c, tx, in.KeyId)
	if err == nil {
		err = k.usable(tx.Now())
	}
	if err != nil {
		return nil, err
	}
	there := *in.PrimaryRegion
	if there == c.Region {
		return &kms.UpdatePrimaryRegionOutput{}, nil
	}
	all, err := s.sisters(tx, k)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(o *key) bool { return o.Scope.Region == there })
	if at < 0 {
		return nil, fault.New("NotFoundException", "%s has no replica key in %s.", k.arn, there)
	}
	if err := all[at].usable(tx.Now()); err != nil {
		return nil, err
	}
	if err := s.consents(c, tx, all[at], there); err != nil {
		return nil, err
	}
	all[at].Value.Rotation, k.Value.Rotation = k.Value.Rotation, Rotation{} // the primary key rotates for all
	for _, one := range all {
		one.Value.Primary = there
		if err := keys.Save(tx, &one.Item); err != nil {
			return nil, err
		}
	}
	return &kms.UpdatePrimaryRegionOutput{}, nil
}
