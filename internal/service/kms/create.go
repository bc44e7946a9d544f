package kms

import (
	"context"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) keyRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.CreateKeyRequest, kms.CreateKeyResponse]{Name: "CreateKey", Stream: s.createKey,
			Honours: []string{"Policy", "Description", "KeyUsage", "CustomerMasterKeySpec", "KeySpec", "Origin", "BypassPolicyLockoutSafetyCheck", "Tags.*", "MultiRegion"}},
		api.Op[kms.DescribeKeyRequest, kms.DescribeKeyResponse]{Name: "DescribeKey", View: s.describeKey, Honours: []string{"KeyId", "GrantTokens"},
			Act: func(c *api.Call, tx store.Tx, in *kms.DescribeKeyRequest) (*kms.DescribeKeyResponse, error) {
				return first1(s, c, tx, in.KeyId, func() (*kms.DescribeKeyResponse, error) { return s.describeKey(c, tx, in) })
			}},
		api.Op[kms.ListKeysRequest, kms.ListKeysResponse]{Name: "ListKeys", View: s.listKeys, Honours: []string{"Limit", "Marker"}},
		api.Op[kms.UpdateKeyDescriptionRequest, kms.UpdateKeyDescriptionOutput]{Name: "UpdateKeyDescription", Act: s.updateDescription, Honours: []string{"KeyId", "Description"}},
	}
}

// first1 is the Act beside a View: it makes the managed key that the View found missing, then answers.
func first1[O any](s *Service, c *api.Call, tx store.Tx, name *string, answer func() (*O, error)) (*O, error) {
	k, err := s.named(c, tx, name)
	if err == nil {
		err = s.made(c, tx, k)
	}
	if err != nil {
		return nil, err
	}
	return answer()
}

// spec is what kind of key a request wants.
func spec(in *kms.CreateKeyRequest) (spec, usage string, err error) {
	spec, usage = str(in.KeySpec), str(in.KeyUsage)
	if old := str(in.CustomerMasterKeySpec); old != "" {
		if spec != "" && spec != old {
			return "", "", fault.New("ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
		}
		spec = old
	}
	if spec == "" {
		spec = "SYMMETRIC_DEFAULT"
	}
	if usage == "" {
		if spec != "SYMMETRIC_DEFAULT" {
			return "", "", fault.New("ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
		}
		usage = "ENCRYPT_DECRYPT"
	}
	if enc, sign, mac, agree := keyring.Algorithms(spec, usage); len(enc)+len(sign)+len(mac)+len(agree) == 0 {
		for _, u := range []string{"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"} {
			if enc, sign, mac, agree := keyring.Algorithms(spec, u); len(enc)+len(sign)+len(mac)+len(agree) > 0 {
				return "", "", fault.New("ValidationException", "KeyUsage %s is not compatible with KeySpec %s", usage, spec)
			}
		}
		return "", "", fault.New("UnsupportedOperationException", "KeySpec %s is not supported: no well-kept library of constant time has it.", spec)
	}
	return spec, usage, nil
}

// createKey makes the material outside of the transaction: a large RSA key takes its time.
func (s *Service) createKey(ctx context.Context, c *api.Call, in *kms.CreateKeyRequest) (*kms.CreateKeyResponse, error) {
	spec, usage, err := spec(in)
	if err != nil {
		return nil, err
	}
	k := &key{Item: store.Item[Key]{Scope: region(c), ID: c.Dice.UUID(), Value: Key{Account: c.Account, Description: str(in.Description), Spec: spec, Usage: usage, Origin: "AWS_KMS", State: enabled}}}
	if in.MultiRegion != nil && *in.MultiRegion {
		k.ID = "mrk-" + c.Dice.Hex(32)
		k.Value.Primary, k.Value.Regions = c.Region, []string{c.Region}
	}
	k.arn = keyARN(k.Scope, c.Account, k.ID)
	var material []byte
	switch origin := str(in.Origin); origin {
	case "", "AWS_KMS":
		if material, err = keyring.NewMaterial(spec, dice{c.Dice}); err != nil {
			return nil, err
		}
		defer clear(material)
		if asymmetric(spec) {
			if k.Value.Public, err = keyring.PublicKey(spec, material); err != nil {
				return nil, err
			}
		}
		k.Value.Material = c.Dice.Hex(64)
	case "EXTERNAL":
		k.Value.Origin, k.Value.State = origin, pendingImport
	default:
		return nil, fault.New("UnsupportedOperationException", "Origin %s is not supported: there are no custom key stores here.", origin)
	}
	tags, err := newTags(in.Tags, nil)
	if err != nil {
		return nil, err
	}
	out, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
		k.Value.Created = tx.Now()
		text := str(in.Policy)
		if text == "" {
			text = defaultPolicy(c.Partition, c.Account)
		}
		if k.Value.Policy, err = s.compile(c, tx, k.arn, text, in.BypassPolicyLockoutSafetyCheck != nil && *in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
		c.Touch(k.arn)
		if material != nil {
			if err := s.seal(tx, k, k.Value.Material, material, Material{Created: tx.Now()}); err != nil {
				return nil, err
			}
		}
		if len(tags) > 0 {
			if err := tx.SetTags(k.arn, c.Scope(), tags); err != nil {
				return nil, err
			}
		}
		return &kms.CreateKeyResponse{KeyMetadata: k.metadata(tx.Now())}, keys.Create(tx, k.Scope, k.ID, &k.Value)
	})
	if err != nil {
		return nil, err
	}
	return out.(*kms.CreateKeyResponse), nil
}

func asymmetric(spec string) bool { return len(spec) > 3 && (spec[:3] == "RSA" || spec[:3] == "ECC") }

// metadata is what DescribeKey shows.
func (k *key) metadata(now time.Time) *kms.KeyMetadata {
	v := &k.Value
	state, manager := k.state(now), "CUSTOMER"
	if k.managed() {
		manager = "AWS"
	}
	m := &kms.KeyMetadata{AWSAccountId: &v.Account, KeyId: &k.ID, Arn: &k.arn, CreationDate: &v.Created, Enabled: ptr(state == enabled), Description: &v.Description,
		KeyUsage: &v.Usage, KeyState: &state, Origin: &v.Origin, KeyManager: &manager, CustomerMasterKeySpec: &v.Spec, KeySpec: &v.Spec, MultiRegion: ptr(k.multi())}
	m.EncryptionAlgorithms, m.SigningAlgorithms, m.MacAlgorithms, m.KeyAgreementAlgorithms = keyring.Algorithms(v.Spec, v.Usage)
	if v.Usage == "ENCRYPT_DECRYPT" && v.Spec == "SYMMETRIC_DEFAULT" {
		m.CurrentKeyMaterialId = set(v.Material)
	}
	if !v.Deletion.IsZero() {
		m.DeletionDate = &v.Deletion
	}
	if v.State == pendingReplicas {
		m.PendingDeletionWindowInDays = &v.Window
	}
	if v.Origin == "EXTERNAL" && v.Import.Model != "" && state != pendingImport {
		m.ExpirationModel = &v.Import.Model
		if !v.Import.ValidTo.IsZero() {
			m.ValidTo = &v.Import.ValidTo
		}
	}
	if k.multi() {
		at := k.Scope
		sister := func(r string) kms.MultiRegionKey {
			at.Region = r
			return kms.MultiRegionKey{Arn: ptr(keyARN(at, v.Account, k.ID)), Region: ptr(r)}
		}
		m.MultiRegionConfiguration = &kms.MultiRegionConfiguration{MultiRegionKeyType: ptr(k.kind()), PrimaryKey: ptr(sister(v.Primary)), ReplicaKeys: []kms.MultiRegionKey{}}
		for _, r := range v.Regions {
			if r != v.Primary {
				m.MultiRegionConfiguration.ReplicaKeys = append(m.MultiRegionConfiguration.ReplicaKeys, sister(r))
			}
		}
	}
	return m
}

func (s *Service) describeKey(c *api.Call, v store.View, in *kms.DescribeKeyRequest) (*kms.DescribeKeyResponse, error) {
	k, err := s.ready(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyResponse{KeyMetadata: k.metadata(v.Now())}, nil
}

// ready is named for a View that may be about a managed key: one that is not made yet must be written first.
func (s *Service) ready(c *api.Call, v store.View, name *string) (*key, error) {
	k, err := s.named(c, v, name)
	if err == nil && k.Version == 0 {
		return nil, api.ErrWrite
	}
	return k, err
}

func (s *Service) listKeys(c *api.Call, v store.View, in *kms.ListKeysRequest) (*kms.ListKeysResponse, error) {
	p, err := paged(in.Limit, in.Marker, 100, 1000)
	if err != nil {
		return nil, err
	}
	all, err := keys.List(v, store.Query{Scope: region(c), Term: store.Term{Name: "account", Value: c.Account}, After: p.after, Limit: p.limit + 1})
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeysResponse{Keys: []kms.KeyListEntry{}, Truncated: ptr(len(all) > p.limit)}
	for _, it := range all[:min(len(all), p.limit)] {
		out.Keys = append(out.Keys, kms.KeyListEntry{KeyId: ptr(it.ID), KeyArn: ptr(keyARN(it.Scope, c.Account, it.ID))})
	}
	if *out.Truncated {
		out.NextMarker = p.next(all[p.limit-1].ID)
	}
	return out, nil
}

func (s *Service) updateDescription(c *api.Call, tx store.Tx, in *kms.UpdateKeyDescriptionRequest) (*kms.UpdateKeyDescriptionOutput, error) {
	k, err := s.changing(c, tx, in.KeyId)
	if err == nil {
		err = k.going()
	}
	if err != nil {
		return nil, err
	}
	k.Value.Description = str(in.Description)
	return &kms.UpdateKeyDescriptionOutput{}, keys.Save(tx, &k.Item)
}

// changing finds a key of the caller's account for a change that nobody makes to a managed key.
func (s *Service) changing(c *api.Call, tx store.Tx, name *string) (*key, error) {
	k, err := s.own(c, tx, name)
	switch {
	case err != nil:
		return nil, err
	case k.managed():
		return nil, fault.Of(fault.AccessDenied, "%s is an AWS managed key: its service alone changes it.", k.arn)
	}
	return k, nil
}

// newTags reads tags that are to be set beside those that are there. Source: KMS API Reference, TagResource; "TagException".
func newTags(in []kms.Tag, have map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range in {
		k := str(t.TagKey)
		if _, twice := out[k]; twice {
			return nil, fault.New("TagException", "Duplicate tag keys")
		}
		if len(k) >= 4 && (k[:4] == "aws:" || k[:4] == "AWS:") {
			return nil, fault.New("TagException", "Tags beginning with aws: are reserved")
		}
		out[k] = str(t.TagValue)
	}
	n := len(out)
	for k := range have {
		if _, over := out[k]; !over {
			n++
		}
	}
	if n > 50 {
		return nil, fault.New("TagException", "Too many tags")
	}
	return out, nil
}
