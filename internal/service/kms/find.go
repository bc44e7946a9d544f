package kms

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// questions completes what the sheet asks: whatever a call names becomes the key itself before anybody is asked, so that a policy about the
// key holds whichever way leads to it. That a key is not there is told to those alone whom their own policies let ask.
func (s *Service) questions(operation string) func(*api.Call, store.View, any) ([]api.Question, error) {
	ask := s.asks.Questions(operation)
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := ask(c, v, in)
		if err != nil {
			return nil, err
		}
		first := s.tokens(c, in)
		var found []*key
		c.Found = &memo{view: v}
		for i := range qs {
			q := &qs[i]
			switch {
			case q.Action == "kms:CreateKey":
				s.fresh(c, q, found)
				elsewhere(c, in, q)
			case operation == "CreateKey" || operation == "ReplicateKey" && i > 0: // tags of a key that is to be made
				caller(c, q)
				elsewhere(c, in, q)
			case q.Resource == "*":
			case i == 0 && strings.HasSuffix(operation, "Alias"): // no key: "You can't use condition keys in a policy statement where the resource is an alias"
				q.Resource = strings.Replace(q.Resource, ":alias/alias/", ":alias/", 1)
			default:
				k, err := s.complete(c, v, in, q)
				if err != nil && first == nil {
					first = err
				}
				found = append(found, k)
			}
		}
		if operation == "ReEncrypt" && len(found) == 2 && found[0] != nil && found[1] != nil {
			for i := range qs {
				qs[i].Keys["kms:ReEncryptOnSameKey"] = []string{strconv.FormatBool(found[0].arn == found[1].arn)}
			}
		}
		var f *fault.Fault
		if r, ok := in.(*kms.RetireGrantRequest); first != nil && (!errors.As(first, &f) || ok && r.GrantToken != nil) { // whoever has a token may hear of it
			return nil, first
		}
		c.Found.(*memo).fault = first
		return qs, nil
	}
}

// told makes a row tell, once it is authorised, what its questions could not find.
func told(r api.Operation) api.Operation {
	late := func(c *api.Call) error {
		if m, ok := c.Found.(*memo); ok {
			return m.fault
		}
		return nil
	}
	if view := r.View; view != nil {
		r.View = func(c *api.Call, v store.View, in any) (any, error) {
			if err := late(c); err != nil {
				return nil, err
			}
			return view(c, v, in)
		}
	}
	if act := r.Act; act != nil {
		r.Act = func(c *api.Call, tx store.Tx, in any) (any, error) {
			if err := late(c); err != nil {
				return nil, err
			}
			return act(c, tx, in)
		}
	}
	return r
}

// elsewhere: a replica is made in its own region, and whoever may not make keys there makes none. Source: KMS Developer Guide, "Controlling access to
// multi-Region keys": kms:CreateKey in the replica's region.
func elsewhere(c *api.Call, in any, q *api.Question) {
	if r, ok := in.(*kms.ReplicateKeyRequest); ok && r.ReplicaRegion != nil {
		q.Keys["aws:RequestedRegion"] = []string{*r.ReplicaRegion}
		q.Resource = strings.Replace(q.Resource, ":kms:"+c.Region+":", ":kms:"+*r.ReplicaRegion+":", 1)
	}
}

// caller adds the account that asks.
func caller(c *api.Call, q *api.Question) {
	if c.Caller != nil && c.Caller.Account != "" && supports(q.Action, "kms:CallerAccount") {
		q.Keys["kms:CallerAccount"] = []string{c.Caller.Account}
	}
}

func supports(name, key string) bool {
	a, _ := action.Lookup(name)
	return slices.Contains(a.Keys, key)
}

// fresh completes what is asked about a key that is to be made; a replica is what its primary is.
func (s *Service) fresh(c *api.Call, q *api.Question, found []*key) {
	caller(c, q)
	if c.Name == "ReplicateKey" {
		for _, k := range []string{"kms:KeySpec", "kms:KeyUsage", "kms:KeyOrigin"} {
			delete(q.Keys, k)
		}
		if len(found) > 0 && found[0] != nil {
			of := &found[0].Value
			q.Keys["kms:KeySpec"], q.Keys["kms:KeyUsage"], q.Keys["kms:KeyOrigin"] = []string{of.Spec}, []string{of.Usage}, []string{of.Origin}
		}
		q.Keys["kms:MultiRegion"], q.Keys["kms:MultiRegionKeyType"] = []string{"true"}, []string{"REPLICA"}
	} else if slices.Equal(q.Keys["kms:MultiRegion"], []string{"true"}) {
		q.Keys["kms:MultiRegionKeyType"] = []string{"PRIMARY"}
	}
	// Deprecated names that go on working.
	for now, once := range map[string]string{"kms:KeySpec": "kms:CustomerMasterKeySpec", "kms:KeyUsage": "kms:CustomerMasterKeyUsage"} {
		if q.Keys[now] != nil {
			q.Keys[once] = q.Keys[now]
		}
	}
}

// complete makes the question one about the key that the call means. What is not there, or is another account's and not to be used from here, is
// left as a question that no policy can allow where another account is concerned; where it is the caller's own, the identity's policies decide, and the
// fault is told to who may ask.
func (s *Service) complete(c *api.Call, v store.View, in any, q *api.Question) (*key, error) {
	caller(c, q)
	if t, err := time.Parse(time.RFC3339, first(q.Keys["kms:ValidTo"])); err == nil {
		// Numeric operators compare it in the guide, and date operators read it too.
		q.Keys["kms:ValidTo"] = []string{strconv.FormatInt(t.Unix(), 10)}
	}
	asked, name := q.Resource, q.Resource
	if rest, own := strings.CutPrefix(name, c.ARN("kms", "key/")); own {
		name = rest
	}
	k, g, err := s.meant(c, v, in, q, name)
	if g.alias != "" {
		if supports(q.Action, "kms:RequestAlias") {
			q.Keys["kms:RequestAlias"] = []string{g.alias}
		}
		q.Resource = keyARN(region(c), g.account, "*")
	}
	if errors.Is(err, errUnnamed) { // validation will say so: the question is about any key
		return nil, nil
	}
	q.Policy = &api.ResourcePolicy{Kind: "key"}
	switch {
	case errors.Is(err, errUnseen):
		q.Owner = g.account
		return nil, nil
	case err != nil:
		q.Policy = nil
		return nil, err
	}
	q.Owner = k.Value.Account
	if !mine(c, k.Value.Account) && !slices.Contains(foreign, c.Name) {
		return nil, nil
	}
	if q.Resource = k.arn; !mine(c, k.Value.Account) && !strings.Contains(name, k.ID) { // an alias or a ciphertext: what it stands for is its owner's to know
		q.Veiled = keyARN(region(c), k.Value.Account, "*")
	}
	if m, ok := c.Found.(*memo); ok {
		m.names, m.keys = append(m.names, strings.TrimPrefix(name, "*")), append(m.keys, k)
	}
	if q.Veiled == "" && !slices.Contains(c.Touched(), k.arn) { // a question that is allowed is in the event anyway
		c.Touch(k.arn)
	}
	q.Policy.Name, q.Policy.Text = "policy of key "+k.ID, k.Value.Policy
	if k.arn != asked {
		tags, err := v.Tags(k.arn)
		if err != nil {
			return nil, err
		}
		for t, val := range tags {
			q.Keys["aws:ResourceTag/"+t] = []string{val}
		}
	}
	k.describe(q.Keys)
	return k, s.granted(c, v, in, k, q)
}

// describe adds what a key is: keys of every question about it.
func (k *key) describe(keys map[string][]string) {
	keys["kms:KeySpec"], keys["kms:KeyUsage"], keys["kms:KeyOrigin"] = []string{k.Value.Spec}, []string{k.Value.Usage}, []string{k.Value.Origin}
	keys["kms:MultiRegion"] = []string{strconv.FormatBool(k.multi())}
	if k.multi() {
		keys["kms:MultiRegionKeyType"] = []string{k.kind()}
	}
	if len(k.Value.Aliases) > 0 {
		keys["kms:ResourceAliases"] = k.Value.Aliases
	}
}

func (k *key) kind() string {
	if k.replica() {
		return "REPLICA"
	}
	return "PRIMARY"
}

// foreign operations may be about a key of another account. Source: KMS API Reference, "Cross-account use" of each operation.
var foreign = []string{"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "GetPublicKey", "DescribeKey", "GetKeyRotationStatus", "CreateGrant", "ListGrants", "RetireGrant", "RevokeGrant"}

// aliased operations take an alias for a key. Source: KMS API Reference, the member KeyId of each operation.
var aliased = []string{"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "GetPublicKey", "DescribeKey",
	"DeleteAlias", "UpdateAlias"} // these name their alias as such

// errUnseen stands for a key of another account that is not there: whoever may not use it is not told whether it is.
var errUnseen = errors.New("kms: no such key in that account")

// errUnnamed stands for the key of a call that names none.
var errUnnamed = errors.New("kms: the call names no key")

// nobody is the account of an id that is nobody's.
const nobody = "000000000000"

// meant finds the key that a question is about: the one that the call names, or the one that its ciphertext or grant token names.
func (s *Service) meant(c *api.Call, v store.View, in any, q *api.Question, name string) (*key, given, error) {
	if name == "*" {
		switch in := in.(type) {
		case *kms.DecryptRequest:
			return s.byBlob(c, v, in.CiphertextBlob)
		case *kms.ReEncryptRequest:
			if in.SourceKeyId == nil && q.Action == "kms:ReEncryptFrom" {
				return s.byBlob(c, v, in.CiphertextBlob)
			}
		case *kms.RetireGrantRequest:
			if in.GrantToken != nil {
				return s.byToken(c, v, in)
			}
		}
		return nil, given{}, errUnnamed
	}
	return s.find(c, v, name)
}

// find resolves what a call calls a key. The errors are faults, or errUnseen.
func (s *Service) find(c *api.Call, v store.View, name string) (*key, given, error) {
	g, err := read(c, name)
	if err != nil {
		return nil, g, err
	}
	if g.alias != "" && !slices.Contains(aliased, c.Name) {
		return nil, g, fault.New("NotFoundException", "Invalid keyId '%s'", name)
	}
	at := region(c)
	if g.alias != "" {
		if k, err := s.managedFor(c, v, g); k != nil || err != nil {
			return k, g, err
		}
		a, err := aliases.Get(v, store.Scope{Partition: c.Partition, Account: g.account, Region: c.Region}, g.alias)
		switch {
		case errors.Is(err, store.ErrNotFound) && mine(c, g.account):
			return nil, g, noAlias(c, g.alias)
		case errors.Is(err, store.ErrNotFound):
			return nil, g, errUnseen
		case err != nil:
			return nil, g, err
		}
		k, err := s.byID(v, at, a.Value.Key)
		return k, g, err
	}
	k, err := s.byID(v, at, g.id)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return nil, g, err
	case err == nil && k.Value.Account == g.account:
		return k, g, nil
	case mine(c, g.account):
		return nil, g, fault.New("NotFoundException", "Key '%s' does not exist", keyARN(at, g.account, g.id))
	}
	return nil, g, errUnseen
}

func noAlias(c *api.Call, name string) error {
	return fault.New("NotFoundException", "Alias %s is not found.", c.ARN("kms", name))
}

// byBlob finds the key that a ciphertext names, whoever owns it.
func (s *Service) byBlob(c *api.Call, v store.View, text []byte) (*key, given, error) {
	b, err := keyring.ReadBlob(text)
	if err != nil {
		return nil, given{account: nobody}, fault.New("InvalidCiphertextException", "")
	}
	k, err := s.byID(v, region(c), b.KeyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, given{account: nobody, id: b.KeyID}, errUnseen
	}
	if err != nil {
		return nil, given{}, err
	}
	return k, given{account: k.Value.Account, id: k.ID}, nil
}

// byToken finds the key of the grant that a token stands for, whoever owns it.
func (s *Service) byToken(c *api.Call, v store.View, in *kms.RetireGrantRequest) (*key, given, error) {
	g, err := s.retirable(c, v, in)
	if err != nil {
		return nil, given{account: nobody}, err
	}
	k, err := s.byID(v, g.Scope, g.Value.Key)
	if err != nil {
		return nil, given{account: nobody}, err
	}
	return k, given{account: k.Value.Account, id: k.ID}, nil
}

// memo is what a call's Questions found, by what the call calls it; "" is what a ciphertext or token names. It holds for the snapshot or
// transaction that it was found in, and keeps it from being taken for another.
type memo struct {
	view  store.View
	names []string
	keys  []*key
	fault error // for those who may ask
}

// noted is what the questions of the call found under a name in v; nil: nothing.
func noted(c *api.Call, v store.View, name string) *key {
	m, ok := c.Found.(*memo)
	if !ok || m.view != v {
		return nil
	}
	i := slices.Index(m.names, name)
	if i < 0 {
		if own, ok := strings.CutPrefix(name, c.ARN("kms", "key/")); ok { // an ARN of the call's own account and region
			i = slices.Index(m.names, own)
		}
	}
	if i < 0 {
		return nil
	}
	return m.keys[i]
}

// named is find for a handler, whose question about the key has been allowed.
func (s *Service) named(c *api.Call, v store.View, name *string) (*key, error) {
	if k := noted(c, v, str(name)); k != nil {
		return k, nil
	}
	k, _, err := s.find(c, v, str(name))
	if errors.Is(err, errUnseen) {
		return nil, fault.Of(fault.AccessDenied, "Access to the key is denied.")
	}
	return k, err
}

// own is named for a change: the key as it stands in the transaction.
func (s *Service) own(c *api.Call, tx store.Tx, name *string) (*key, error) {
	return s.named(c, tx, name)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
