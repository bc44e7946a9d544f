package kms

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// maxAliases of a key. Source: KMS Developer Guide, "Resource quotas".
const maxAliases = 50

func (s *Service) aliasRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.CreateAliasRequest, kms.CreateAliasOutput]{Name: "CreateAlias", Act: s.createAlias, Honours: []string{"AliasName", "TargetKeyId"}},
		api.Op[kms.UpdateAliasRequest, kms.UpdateAliasOutput]{Name: "UpdateAlias", Act: s.updateAlias, Honours: []string{"AliasName", "TargetKeyId"}},
		api.Op[kms.DeleteAliasRequest, kms.DeleteAliasOutput]{Name: "DeleteAlias", Act: s.deleteAlias, Honours: []string{"AliasName"}},
		api.Op[kms.ListAliasesRequest, kms.ListAliasesResponse]{Name: "ListAliases", View: s.listAliases, Honours: []string{"KeyId", "Limit", "Marker"}},
	}
}

// aliasName checks a name that somebody gives an alias.
func aliasName(name string) error {
	switch {
	case !strings.HasPrefix(name, "alias/"):
		return fault.New("ValidationException", `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.HasPrefix(name, reserved):
		return fault.New("NotAuthorizedException", "Aliases that begin with %s belong to AWS managed keys.", reserved)
	case name == "alias/" || strings.Contains(name, ":"):
		return fault.New("InvalidAliasNameException", "%s contains invalid characters for an alias", name)
	}
	return nil
}

// target finds the key that an alias is to name: by its id or ARN.
func (s *Service) target(c *api.Call, tx store.Tx, name *string) (*key, error) {
	if g, err := read(c, str(name)); err != nil || g.alias != "" {
		if err == nil {
			err = fault.New("NotFoundException", "Invalid keyId '%s'", *name)
		}
		return nil, err
	}
	k, err := s.changing(c, tx, name)
	if err == nil {
		err = k.going()
	}
	if err == nil && len(k.Value.Aliases) >= maxAliases {
		err = fault.New("LimitExceededException", "%s has %d aliases, and may have no more.", k.arn, maxAliases)
	}
	return k, err
}

func (k *key) alias(name string) {
	k.Value.Aliases = append(slices.Clone(k.Value.Aliases), name)
	slices.Sort(k.Value.Aliases)
}

func (k *key) unalias(name string) {
	k.Value.Aliases = slices.DeleteFunc(slices.Clone(k.Value.Aliases), func(a string) bool { return a == name })
}

func (s *Service) createAlias(c *api.Call, tx store.Tx, in *kms.CreateAliasRequest) (*kms.CreateAliasOutput, error) {
	if err := aliasName(*in.AliasName); err != nil {
		return nil, err
	}
	k, err := s.target(c, tx, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	c.Touch(c.ARN("kms", *in.AliasName))
	err = aliases.Create(tx, c.Scope(), *in.AliasName, &Alias{Key: k.ID, Created: tx.Now(), Updated: tx.Now()})
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.New("AlreadyExistsException", "An alias with the name %s already exists", c.ARN("kms", *in.AliasName))
	}
	if err != nil {
		return nil, err
	}
	k.alias(*in.AliasName)
	return &kms.CreateAliasOutput{}, keys.Save(tx, &k.Item)
}

// held finds an alias of the account and the key that it names.
func (s *Service) held(c *api.Call, tx store.Tx, name string) (store.Item[Alias], *key, error) {
	if err := aliasName(name); err != nil {
		return store.Item[Alias]{}, nil, err
	}
	c.Touch(c.ARN("kms", name))
	a, err := aliases.Get(tx, c.Scope(), name)
	if errors.Is(err, store.ErrNotFound) {
		err = noAlias(c, name)
	}
	if err != nil {
		return a, nil, err
	}
	k, err := s.byID(tx, region(c), a.Value.Key)
	return a, k, err
}

// updateAlias lets an alias name another key of the same kind and usage, so that nobody's text becomes unreadable by it. Source: KMS API
// Reference, UpdateAlias.
func (s *Service) updateAlias(c *api.Call, tx store.Tx, in *kms.UpdateAliasRequest) (*kms.UpdateAliasOutput, error) {
	a, old, err := s.held(c, tx, *in.AliasName)
	if err != nil {
		return nil, err
	}
	k, err := s.target(c, tx, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if old.ID == k.ID {
		return &kms.UpdateAliasOutput{}, nil
	}
	if sort(old.Value.Spec) != sort(k.Value.Spec) || old.Value.Usage != k.Value.Usage {
		return nil, fault.New("ValidationException", "%s cannot name a key of another type or usage: its key is %s for %s, the new one is %s for %s.", *in.AliasName,
			old.Value.Spec, old.Value.Usage, k.Value.Spec, k.Value.Usage)
	}
	old.unalias(*in.AliasName)
	k.alias(*in.AliasName)
	a.Value.Key, a.Value.Updated = k.ID, tx.Now()
	if err := aliases.Save(tx, &a); err != nil {
		return nil, err
	}
	if err := keys.Save(tx, &old.Item); err != nil {
		return nil, err
	}
	return &kms.UpdateAliasOutput{}, keys.Save(tx, &k.Item)
}

// sort is symmetric, HMAC or asymmetric.
func sort(spec string) string {
	switch {
	case asymmetric(spec):
		return "asymmetric"
	case strings.HasPrefix(spec, "HMAC"):
		return "HMAC"
	}
	return "symmetric"
}

func (s *Service) deleteAlias(c *api.Call, tx store.Tx, in *kms.DeleteAliasRequest) (*kms.DeleteAliasOutput, error) {
	a, k, err := s.held(c, tx, *in.AliasName)
	if err != nil {
		return nil, err
	}
	k.unalias(a.ID)
	if err := aliases.Delete(tx, a.Scope, a.ID); err != nil {
		return nil, err
	}
	return &kms.DeleteAliasOutput{}, keys.Save(tx, &k.Item)
}

func (s *Service) listAliases(c *api.Call, v store.View, in *kms.ListAliasesRequest) (*kms.ListAliasesResponse, error) {
	p, err := paged(in.Limit, in.Marker, 50, 100)
	if err != nil {
		return nil, err
	}
	var all []store.Item[Alias]
	if in.KeyId == nil {
		all, err = aliases.List(v, store.Query{Scope: c.Scope(), After: p.after, Limit: p.limit + 1})
	} else {
		var k *key
		if k, err = s.named(c, v, in.KeyId); err == nil && !mine(c, k.Value.Account) {
			err = fault.Of(fault.AccessDenied, "The aliases of a key of another account are not shown.")
		}
		if err == nil {
			for _, name := range k.Value.Aliases {
				if name <= p.after {
					continue
				}
				var a store.Item[Alias]
				if a, err = aliases.Get(v, c.Scope(), name); err != nil {
					break
				}
				all = append(all, a)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	out := &kms.ListAliasesResponse{Aliases: []kms.AliasListEntry{}, Truncated: ptr(len(all) > p.limit)}
	for _, a := range all[:min(len(all), p.limit)] {
		out.Aliases = append(out.Aliases, kms.AliasListEntry{AliasName: ptr(a.ID), AliasArn: ptr(c.ARN("kms", a.ID)), TargetKeyId: ptr(a.Value.Key),
			CreationDate: ptr(a.Value.Created), LastUpdatedDate: ptr(a.Value.Updated)})
	}
	if *out.Truncated {
		out.NextMarker = p.next(all[p.limit-1].ID)
	}
	return out, nil
}
