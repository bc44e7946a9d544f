package kms

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// Grant is a row beside its key; the id is the grant's. Principals are as bind makes them.
type Grant struct {
	Key        string
	Account    string // in which it was made
	Created    time.Time
	Name       string `json:",omitempty"`
	Grantee    string
	Retiring   string `json:",omitempty"`
	Operations []string
	Equals     map[string]string `json:",omitempty"`
	Subset     map[string]string `json:",omitempty"`
	Same       string            `json:",omitempty"` // named: hash of all that makes another request the same
}

var grants = store.Table[Grant]{Kind: "kms-grant", Terms: func(g *Grant) []store.Term {
	t := []store.Term{{Name: "key", Value: g.Key}, {Name: "grantee", Value: g.Key + "/" + g.Grantee}}
	if g.Retiring != "" {
		t = append(t, store.Term{Name: "retiring", Value: g.Retiring})
	}
	if g.Same != "" {
		t = append(t, store.Term{Name: "same", Value: g.Same, Unique: true})
	}
	return t
}}

// Limits. Source: KMS Developer Guide, "Resource quotas"; KMS API Reference, GrantConstraints.
const (
	maxGrants      = 50_000
	maxPairs       = 8
	maxConstrained = 384
)

func (s *Service) grantRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.CreateGrantRequest, kms.CreateGrantResponse]{Name: "CreateGrant", Act: s.createGrant,
			Honours: []string{"KeyId", "GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints.*", "GrantTokens", "Name"}},
		api.Op[kms.ListGrantsRequest, kms.ListGrantsResponse]{Name: "ListGrants", View: s.listGrants, Honours: []string{"KeyId", "Limit", "Marker", "GrantId", "GranteePrincipal"}},
		api.Op[kms.ListRetirableGrantsRequest, kms.ListGrantsResponse]{Name: "ListRetirableGrants", View: s.listRetirable, Honours: []string{"Limit", "Marker", "RetiringPrincipal"}},
		api.Op[kms.RetireGrantRequest, kms.RetireGrantOutput]{Name: "RetireGrant", Honours: []string{"GrantToken", "KeyId", "GrantId"},
			Act: func(c *api.Call, tx store.Tx, in *kms.RetireGrantRequest) (*kms.RetireGrantOutput, error) {
				g, err := s.retirable(c, tx, in)
				if err != nil {
					return nil, err
				}
				return &kms.RetireGrantOutput{}, s.end(c, tx, g)
			}},
		api.Op[kms.RevokeGrantRequest, kms.RevokeGrantOutput]{Name: "RevokeGrant", Honours: []string{"KeyId", "GrantId"},
			Act: func(c *api.Call, tx store.Tx, in *kms.RevokeGrantRequest) (*kms.RevokeGrantOutput, error) {
				k, err := s.named(c, tx, in.KeyId)
				if err != nil {
					return nil, err
				}
				g, err := s.grantOf(tx, k, *in.GrantId)
				if err != nil {
					return nil, err
				}
				return &kms.RevokeGrantOutput{}, s.end(c, tx, g)
			}},
	}
}

// bind turns a principal into what stays true of it: the unique id of a user or role, so that the grant dies with it; the role's id and the
// session's name; an account's root user, a federated user or a service as they are called.
func (s *Service) bind(c *api.Call, v store.View, name string) (string, error) {
	bad := fault.New("InvalidArnException", "%s does not name a principal that exists.", name)
	p := strings.SplitN(name, ":", 6)
	switch {
	case !strings.HasPrefix(name, "arn:"):
		// A service is a grantee only of what a service asks for somebody. Source: KMS Developer Guide, kms:GrantIsForAWSResource.
		if strings.HasSuffix(name, ".amazonaws.com") && (len(c.Via) > 0 || c.Caller.InvokedBy != "" || c.Caller.Service != "") {
			return name, nil
		}
		return "", bad
	case len(p) != 6 || p[1] != c.Partition || len(p[4]) != 12:
		return "", bad
	case p[2] == "iam" && p[5] == "root", p[2] == "sts" && strings.HasPrefix(p[5], "federated-user/"):
		return name, nil
	case p[2] == "iam":
		if id, ok := s.principals.ResolvePrincipal(v, name); ok {
			return id, nil
		}
	case p[2] == "sts":
		role, session, ok := strings.Cut(strings.TrimPrefix(p[5], "assumed-role/"), "/")
		if id, known := s.principals.ResolvePrincipal(v, "arn:"+p[1]+":iam::"+p[4]+":role/"+role); ok && known {
			return id + ":" + session, nil
		}
	}
	return "", bad
}

// render is bind's inverse for readers; the id of who is gone stays bare.
func (s *Service) render(v store.View, bound string) string {
	id, session, some := strings.Cut(bound, ":")
	if strings.HasPrefix(bound, "arn:") {
		return bound
	}
	arn, ok := s.principals.RenderPrincipal(v, id)
	if !ok {
		return bound
	}
	if p := strings.SplitN(arn, ":", 6); some && len(p) == 6 {
		return "arn:" + p[1] + ":sts::" + p[4] + ":assumed-role/" + p[5][strings.LastIndexByte(p[5], '/')+1:] + "/" + session
	}
	return arn
}

// forms are how grants may name the caller.
func forms(c *api.Call) []string {
	p := c.Caller
	if p == nil {
		return nil
	}
	out := make([]string, 0, 3)
	for _, f := range []string{p.UniqueID, p.Service} {
		if f != "" {
			out = append(out, f)
		}
	}
	switch p.Kind {
	case "role-session":
		out = append(out, p.ID)
	case "root", "federated-user":
		out = append(out, p.ARN)
	}
	return out
}

// able are the operations that a grant of a key may hold. Source: KMS Developer Guide, "Grant operations".
func able(k *key) []string {
	out := []string{"CreateGrant", "RetireGrant", "DescribeKey"}
	switch k.Value.Usage {
	case "ENCRYPT_DECRYPT":
		out = append(out, "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo")
		if k.Value.Spec == symmetric {
			out = append(out, "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
		}
	case "SIGN_VERIFY":
		out = append(out, "Sign", "Verify")
	case "GENERATE_VERIFY_MAC":
		out = append(out, "GenerateMac", "VerifyMac")
	case "KEY_AGREEMENT":
		out = append(out, "DeriveSharedSecret")
	}
	if asymmetric(k.Value.Spec) {
		out = append(out, "GetPublicKey")
	}
	return out
}

func (s *Service) createGrant(c *api.Call, tx store.Tx, in *kms.CreateGrantRequest) (*kms.CreateGrantResponse, error) {
	k, err := s.named(c, tx, in.KeyId)
	if err == nil {
		err = s.made(c, tx, k)
	}
	if err == nil {
		err = k.usable(tx.Now())
	}
	if err != nil {
		return nil, err
	}
	g := Grant{Key: k.ID, Account: c.Account, Created: tx.Now(), Name: str(in.Name), Operations: slices.Compact(slices.Sorted(slices.Values(in.Operations)))}
	if len(g.Operations) == 0 {
		return nil, fault.New("ValidationException", "A grant must allow at least one operation.")
	}
	for _, o := range g.Operations {
		if !slices.Contains(able(k), o) {
			return nil, fault.New("ValidationException", "The grant operation %s is not supported for %s: its spec is %s and its usage %s.", o, k.arn, k.Value.Spec, k.Value.Usage)
		}
	}
	if in.Constraints != nil {
		g.Equals, g.Subset = in.Constraints.EncryptionContextEquals, in.Constraints.EncryptionContextSubset
	}
	if err := constrains(k, g.Equals, g.Subset); err != nil {
		return nil, err
	}
	if g.Grantee, err = s.bind(c, tx, *in.GranteePrincipal); err != nil {
		return nil, err
	}
	if in.RetiringPrincipal != nil {
		if g.Retiring, err = s.bind(c, tx, *in.RetiringPrincipal); err != nil {
			return nil, err
		}
	}
	if g.Name != "" {
		g.Same = g.hash()
		it, err := grants.Find(tx, k.Scope, "same", g.Same)
		if err == nil {
			return s.given(k, it.ID)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	if k.Value.Grants >= maxGrants {
		return nil, fault.New("LimitExceededException", "%s has %d grants, and may have no more.", k.arn, maxGrants)
	}
	id := c.Dice.Hex(64)
	if err := grants.Create(tx, k.Scope, id, &g); err != nil {
		return nil, err
	}
	k.Value.Grants++
	if err := keys.Save(tx, &k.Item); err != nil {
		return nil, err
	}
	return s.given(k, id)
}

func constrains(k *key, equals, subset map[string]string) error {
	if len(equals)+len(subset) > 0 && k.Value.Spec != symmetric {
		return fault.New("ValidationException", "Encryption context constraints are for symmetric encryption keys; the spec of %s is %s.", k.arn, k.Value.Spec)
	}
	for _, m := range []map[string]string{equals, subset} {
		if m != nil && len(m) == 0 { // it would be kept as none, and yet count as a constraint in kms:GrantConstraintType
			return fault.New("ValidationException", "A grant constraint must have a pair.")
		}
		if len(m) > maxPairs {
			return fault.New("ValidationException", "A grant constraint may have %d pairs.", maxPairs)
		}
		for n, v := range m {
			if n == "" || len(n) > maxConstrained || len(v) > maxConstrained {
				return fault.New("ValidationException", "A key and a value of a grant constraint may have %d characters each, and a key must have one.", maxConstrained)
			}
		}
	}
	return nil
}

// hash is equal for requests that are the same.
func (g Grant) hash() string {
	g.Created, g.Same = time.Time{}, ""
	b, _ := json.Marshal(g)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

const tokenPlace = "kms grant token"

// given answers with a new token: the grant's id, which nobody else can write.
func (s *Service) given(k *key, id string) (*kms.CreateGrantResponse, error) {
	b, err := s.sealer.Seal([]byte(k.Scope.Region+"/"+id), []byte(tokenPlace))
	if err != nil {
		return nil, err
	}
	return &kms.CreateGrantResponse{GrantId: &id, GrantToken: ptr(base64.RawURLEncoding.EncodeToString(b))}, nil
}

// token reads the grant that a token stands for.
func (s *Service) token(c *api.Call, text string) (string, error) {
	bad := fault.New("InvalidGrantTokenException", "The grant token is not valid.")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", bad
	}
	plain, err := s.sealer.Open(b, []byte(tokenPlace))
	at, id, ok := strings.Cut(string(plain), "/")
	if err != nil || !ok || at != c.Region {
		return "", bad
	}
	return id, nil
}

// grantOf finds a grant of a key.
func (s *Service) grantOf(v store.View, k *key, id string) (store.Item[Grant], error) {
	g, err := grants.Get(v, k.Scope, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && g.Value.Key != k.ID {
		return g, fault.New("NotFoundException", "Grant ID %s not found", id)
	}
	return g, err
}

// retirable finds the grant that is to be retired, and by whichever way its key.
func (s *Service) retirable(c *api.Call, v store.View, in *kms.RetireGrantRequest) (store.Item[Grant], error) {
	if (in.GrantToken == nil) == (in.KeyId == nil || in.GrantId == nil) {
		return store.Item[Grant]{}, fault.New("ValidationException", "You must specify a GrantToken, or a KeyId and a GrantId.")
	}
	if in.GrantToken == nil {
		k, err := s.named(c, v, in.KeyId)
		if err != nil {
			return store.Item[Grant]{}, err
		}
		return s.grantOf(v, k, *in.GrantId)
	}
	id, err := s.token(c, *in.GrantToken)
	if err != nil {
		return store.Item[Grant]{}, err
	}
	g, err := grants.Get(v, region(c), id)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New("NotFoundException", "Grant ID %s not found", id)
	}
	return g, err
}

// end takes a grant away.
func (s *Service) end(c *api.Call, tx store.Tx, g store.Item[Grant]) error {
	k, err := s.byID(tx, g.Scope, g.Value.Key)
	if err != nil {
		return err
	}
	if err := grants.Delete(tx, g.Scope, g.ID); err != nil {
		return err
	}
	k.Value.Grants--
	return keys.Save(tx, &k.Item)
}

func (s *Service) listGrants(c *api.Call, v store.View, in *kms.ListGrantsRequest) (*kms.ListGrantsResponse, error) {
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	term := store.Term{Name: "key", Value: k.ID}
	if in.GranteePrincipal != nil {
		form := *in.GranteePrincipal // also of who is gone, by its id
		if bound, err := s.bind(c, v, form); err == nil {
			form = bound
		}
		term = store.Term{Name: "grantee", Value: k.ID + "/" + form}
	}
	if in.GrantId != nil {
		g, err := s.grantOf(v, k, *in.GrantId)
		if err != nil {
			return nil, fault.New("InvalidGrantIdException", "Grant ID %s is not one of %s", *in.GrantId, k.arn)
		}
		out := &kms.ListGrantsResponse{Grants: []kms.GrantListEntry{}, Truncated: ptr(false)}
		if term.Name == "key" || term.Value == k.ID+"/"+g.Value.Grantee {
			out.Grants = append(out.Grants, s.entry(v, g, k.Value.Account))
		}
		return out, nil
	}
	return s.listed(c, v, term, in.Limit, in.Marker)
}

// listRetirable shows what a principal of the caller's account may retire, in keys of whatever account.
func (s *Service) listRetirable(c *api.Call, v store.View, in *kms.ListRetirableGrantsRequest) (*kms.ListGrantsResponse, error) {
	if p := strings.SplitN(*in.RetiringPrincipal, ":", 6); len(p) == 6 && p[4] != c.Account {
		return nil, fault.Of(fault.AccessDenied, "The retiring principal must be of the caller's account.")
	}
	form, err := s.bind(c, v, *in.RetiringPrincipal)
	if err != nil {
		return nil, err
	}
	return s.listed(c, v, store.Term{Name: "retiring", Value: form}, in.Limit, in.Marker)
}

func (s *Service) listed(c *api.Call, v store.View, term store.Term, limit *int64, marker *string) (*kms.ListGrantsResponse, error) {
	p, err := paged(limit, marker, 50, 100)
	if err != nil {
		return nil, err
	}
	all, err := grants.List(v, store.Query{Scope: region(c), Term: term, After: p.after, Limit: p.limit + 1})
	if err != nil {
		return nil, err
	}
	out := &kms.ListGrantsResponse{Grants: []kms.GrantListEntry{}, Truncated: ptr(len(all) > p.limit)}
	for _, g := range all[:min(len(all), p.limit)] {
		k, err := s.byID(v, g.Scope, g.Value.Key)
		if err != nil {
			return nil, err
		}
		out.Grants = append(out.Grants, s.entry(v, g, k.Value.Account))
	}
	if *out.Truncated {
		out.NextMarker = p.next(all[p.limit-1].ID)
	}
	return out, nil
}

func (s *Service) entry(v store.View, g store.Item[Grant], account string) kms.GrantListEntry {
	e := kms.GrantListEntry{KeyId: ptr(keyARN(g.Scope, account, g.Value.Key)), GrantId: &g.ID, Name: &g.Value.Name, CreationDate: &g.Value.Created, GranteePrincipal: ptr(s.render(v, g.Value.Grantee)),
		IssuingAccount: ptr("arn:" + g.Scope.Partition + ":iam::" + g.Value.Account + ":root"), Operations: g.Value.Operations}
	if g.Value.Retiring != "" {
		e.RetiringPrincipal = ptr(s.render(v, g.Value.Retiring))
	}
	if g.Value.Equals != nil || g.Value.Subset != nil {
		e.Constraints = &kms.GrantConstraints{EncryptionContextEquals: g.Value.Equals, EncryptionContextSubset: g.Value.Subset}
	}
	return e
}
