package iam

import (
	"encoding/base64"
	"fmt"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// keyQuota is AWS's AccessKeysPerUser.
const keyQuota = 2

func (s *Service) keyRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateAccessKeyRequest, shape.CreateAccessKeyResponse]{
			Name: "CreateAccessKey", Honours: []string{"UserName"},
			Questions: on(s, "user", "iam:CreateAccessKey", func(in *shape.CreateAccessKeyRequest) *string { return in.UserName }),
			Act:       s.createKey,
		},
		api.Op[shape.ListAccessKeysRequest, shape.ListAccessKeysResponse]{
			Name: "ListAccessKeys", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListAccessKeys", func(in *shape.ListAccessKeysRequest) *string { return in.UserName }),
			View:      s.listKeys,
		},
		api.Op[shape.UpdateAccessKeyRequest, shape.UpdateAccessKeyOutput]{
			Name: "UpdateAccessKey", Honours: []string{"UserName", "AccessKeyId", "Status"},
			Questions: on(s, "user", "iam:UpdateAccessKey", func(in *shape.UpdateAccessKeyRequest) *string { return in.UserName }),
			Act:       s.updateKey,
		},
		api.Op[shape.DeleteAccessKeyRequest, shape.DeleteAccessKeyOutput]{
			Name: "DeleteAccessKey", Honours: []string{"UserName", "AccessKeyId"},
			Questions: on(s, "user", "iam:DeleteAccessKey", func(in *shape.DeleteAccessKeyRequest) *string { return in.UserName }),
			Act:       s.deleteKey,
		},
	}
}

// holds finds whose keys a call is about: a user of the account, or its root (id and name empty).
func (s *Service) holds(c *api.Call, v store.View, userName *string) (id, name string, err error) {
	name, err = caller(c, userName)
	if err != nil || (name == "" && c.Caller.Kind == identity.Root) {
		return "", "", err
	}
	p, err := s.named(v, c.Account, "user", name)
	if err != nil {
		return "", "", err
	}
	c.Touch(p.arn)
	return p.id, p.Name, nil
}

func (s *Service) keysOf(v store.View, account, user string) ([]store.Item[accessKey], error) {
	return keys.List(v, store.Query{Scope: s.everywhere(), Term: store.Term{Name: "owner", Value: account + "/" + user}})
}

// keyOf reads a key that must belong to the user: another's key is as absent as none.
func (s *Service) keyOf(v store.View, account, user, id string) (store.Item[accessKey], error) {
	it, err := keys.Get(v, s.everywhere(), id)
	if err != nil {
		return it, missing(err, noKey(id))
	}
	if it.Value.Account != account || it.Value.User != user {
		return it, noKey(id)
	}
	return it, nil
}

func (s *Service) createKey(c *api.Call, tx store.Tx, in *shape.CreateAccessKeyRequest) (*shape.CreateAccessKeyResponse, error) {
	user, name, err := s.holds(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	id, secret, err := s.mint(tx, c.Dice, c.Account, user)
	if err != nil {
		return nil, err
	}
	it, err := keys.Get(tx, s.everywhere(), id)
	if err != nil {
		return nil, err
	}
	m := showKey(&it, name)
	return &shape.CreateAccessKeyResponse{AccessKey: &shape.AccessKey{
		UserName: m.UserName, AccessKeyId: m.AccessKeyId, Status: m.Status, CreateDate: m.CreateDate, SecretAccessKey: &secret,
	}}, nil
}

// mint makes a key pair for a user, or for the account's root when user is empty. The secret leaves the house here and
// never again.
func (s *Service) mint(tx store.Tx, dice api.Dice, account, user string) (id, secret string, err error) {
	held, err := s.keysOf(tx, account, user)
	if err != nil {
		return "", "", err
	}
	if len(held) >= keyQuota {
		return "", "", full("Cannot exceed quota for AccessKeysPerUser: %d", keyQuota)
	}
	id = dice.Unique("AKIA")
	secret, box, err := s.secret(dice, id)
	if err != nil {
		return "", "", err
	}
	k := accessKey{Account: account, User: user, Created: second(tx), Active: true, Secret: box}
	return id, secret, keys.Create(tx, s.everywhere(), id, &k)
}

// secret draws 40 characters and seals them to the id of their key.
func (s *Service) secret(dice api.Dice, id string) (string, []byte, error) {
	secret := base64.StdEncoding.EncodeToString(dice.Bytes(30))
	box, err := s.seal.Seal([]byte(secret), place(id))
	if err != nil {
		return "", nil, fmt.Errorf("cannot seal the secret of %s: %w", id, err)
	}
	return secret, box, nil
}

// place binds a sealed secret to the key that it belongs to.
func place(id string) []byte { return []byte("access-key/" + id) }

func (s *Service) listKeys(c *api.Call, v store.View, in *shape.ListAccessKeysRequest) (*shape.ListAccessKeysResponse, error) {
	user, name, err := s.holds(c, v, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := s.keysOf(v, c.Account, user)
	if err != nil {
		return nil, err
	}
	var all []shape.AccessKeyMetadata
	for i := range held {
		all = append(all, showKey(&held[i], name))
	}
	out := &shape.ListAccessKeysResponse{}
	out.AccessKeyMetadata, out.Marker, out.IsTruncated, err = page(all, func(k *shape.AccessKeyMetadata) string { return *k.AccessKeyId }, in.Marker, in.MaxItems)
	return out, err
}

func (s *Service) updateKey(c *api.Call, tx store.Tx, in *shape.UpdateAccessKeyRequest) (*shape.UpdateAccessKeyOutput, error) {
	user, _, err := s.holds(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	it, err := s.keyOf(tx, c.Account, user, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	switch *in.Status {
	case "Active":
		it.Value.Active = true
	case "Inactive":
		it.Value.Active = false
	default: // the model's enum also has Expired, which is AWS's to set
		return nil, badInput("Status %s is not valid for UpdateAccessKey.", *in.Status)
	}
	return &shape.UpdateAccessKeyOutput{}, keys.Save(tx, &it)
}

func (s *Service) deleteKey(c *api.Call, tx store.Tx, in *shape.DeleteAccessKeyRequest) (*shape.DeleteAccessKeyOutput, error) {
	user, _, err := s.holds(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if _, err := s.keyOf(tx, c.Account, user, *in.AccessKeyId); err != nil {
		return nil, err
	}
	if err := keys.Delete(tx, s.everywhere(), *in.AccessKeyId); err != nil {
		return nil, err
	}
	if err := s.unused(tx, *in.AccessKeyId); err != nil {
		return nil, err
	}
	return &shape.DeleteAccessKeyOutput{}, retirees.Create(tx, s.everywhere(), *in.AccessKeyId, &retired{c.Account})
}

func showKey(it *store.Item[accessKey], user string) shape.AccessKeyMetadata {
	status := "Active"
	if !it.Value.Active {
		status = "Inactive"
	}
	m := shape.AccessKeyMetadata{AccessKeyId: &it.ID, Status: &status, CreateDate: &it.Value.Created}
	if user != "" {
		m.UserName = &user
	}
	return m
}
