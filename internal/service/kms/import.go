package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// Limits of imports. Source: KMS API Reference, GetParametersForImport and ImportKeyMaterial.
const (
	tokenLife   = 24 * time.Hour
	longestLife = 365 * 24 * time.Hour
)

func (s *Service) importRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.GetParametersForImportRequest, kms.GetParametersForImportResponse]{Name: "GetParametersForImport", Stream: s.importParameters, ReadOnly: true,
			Honours: []string{"KeyId", "WrappingAlgorithm", "WrappingKeySpec"}},
		api.Op[kms.ImportKeyMaterialRequest, kms.ImportKeyMaterialResponse]{Name: "ImportKeyMaterial", Act: s.importMaterial,
			Honours: []string{"KeyId", "ImportToken", "EncryptedKeyMaterial", "ValidTo", "ExpirationModel", "ImportType", "KeyMaterialDescription", "KeyMaterialId"}},
		api.Op[kms.DeleteImportedKeyMaterialRequest, kms.DeleteImportedKeyMaterialResponse]{Name: "DeleteImportedKeyMaterial", Act: s.deleteMaterial, Honours: []string{"KeyId", "KeyMaterialId"}},
	}
}

// importing is an import token in clear: the half of the wrapping key that nobody else has. It travels sealed and is nowhere kept.
type importing struct {
	Algorithm string
	Private   []byte // PKCS#8
	Ends      time.Time
}

func importPlace(k *key) []byte { return append([]byte("kms import token|"), place(k, "")...) }

func (s *Service) external(c *api.Call, v store.View, name *string) (*key, error) {
	k, err := s.named(c, v, name)
	if err == nil && k.Value.Origin != "EXTERNAL" {
		err = fault.New("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.arn, k.Value.Origin)
	}
	return k, err
}

func (s *Service) importParameters(ctx context.Context, c *api.Call, in *kms.GetParametersForImportRequest) (*kms.GetParametersForImportResponse, error) {
	var k *key
	var now time.Time
	if err := c.Read(ctx, func(v store.View) (err error) {
		now = v.Now()
		if k, err = s.external(c, v, in.KeyId); err == nil {
			err = k.going()
		}
		return err
	}); err != nil {
		return nil, err
	}
	a := *in.WrappingAlgorithm
	switch wraps := strings.HasPrefix(a, "RSA_AES_KEY_WRAP_"); {
	case !wraps && !strings.HasPrefix(a, "RSAES_OAEP_"):
		return nil, fault.New("UnsupportedOperationException", "WrappingAlgorithm %s is not supported: take one of RSAES_OAEP_SHA_1 and _SHA_256, RSA_AES_KEY_WRAP_SHA_1 and _SHA_256.", a)
	case !wraps && strings.HasPrefix(k.Value.Spec, "RSA"):
		return nil, fault.New("ValidationException", "Key material of spec %s is too long for %s: take RSA_AES_KEY_WRAP_SHA_256.", k.Value.Spec, a)
	}
	private, err := keyring.NewMaterial(*in.WrappingKeySpec, dice{c.Dice})
	if err != nil || !strings.HasPrefix(*in.WrappingKeySpec, "RSA_") {
		return nil, fault.New("UnsupportedOperationException", "WrappingKeySpec %s is not supported: take RSA_2048, RSA_3072 or RSA_4096.", *in.WrappingKeySpec)
	}
	defer clear(private)
	public, err := keyring.PublicKey(*in.WrappingKeySpec, private)
	if err != nil {
		return nil, err
	}
	ends := now.Add(tokenLife)
	plain, err := json.Marshal(importing{a, private, ends})
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	token, err := s.sealer.Seal(plain, importPlace(k))
	if err != nil {
		return nil, err
	}
	return &kms.GetParametersForImportResponse{KeyId: &k.arn, ImportToken: token, PublicKey: public, ParametersValidTo: &ends}, nil
}

// unwrap opens what somebody brings: the material and nothing else.
func (s *Service) unwrap(k *key, now time.Time, token, wrapped []byte) ([]byte, error) {
	plain, err := s.sealer.Open(token, importPlace(k))
	var t importing
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return nil, fault.New("InvalidImportTokenException", "The import token is not one of %s.", k.arn)
	}
	defer clear(plain)
	defer clear(t.Private)
	if !now.Before(t.Ends) {
		return nil, fault.New("ExpiredImportTokenException", "The import token ended at %s.", t.Ends.Format(time.RFC3339))
	}
	m, err := keyring.Unwrap(t.Private, t.Algorithm, wrapped)
	if errors.Is(err, keyring.ErrInvalid) || errors.Is(err, keyring.ErrLength) {
		return nil, fault.New("InvalidCiphertextException", "")
	}
	if err != nil {
		return nil, err
	}
	if err := keyring.CheckMaterial(k.Value.Spec, m); err != nil {
		return nil, fault.New("IncorrectKeyMaterialException", "The key material is not of key spec %s.", k.Value.Spec)
	}
	return m, nil
}

// materialID of imported material follows from it, so that the same is known again, and tells nothing of it.
func materialID(k *key, m []byte) string {
	own := sha256.Sum256(append([]byte("cloister imported material id v2\x00"), m...)) // a key of its own: of an HMAC key it would be a MAC that anybody reads
	h := hmac.New(sha256.New, own[:])
	h.Write([]byte("cloister imported material\x00" + k.Value.Account + "\x00" + k.ID))
	return hex.EncodeToString(h.Sum(nil))
}

// life reads when the material is to end; zero: never.
func life(in *kms.ImportKeyMaterialRequest, now time.Time) (model string, end time.Time, err error) {
	model = str(in.ExpirationModel)
	if model == "" {
		model = "KEY_MATERIAL_EXPIRES"
	}
	bad := func(s string) (string, time.Time, error) {
		return "", time.Time{}, fault.New("ValidationException", "%s", s)
	}
	switch {
	case model == "KEY_MATERIAL_DOES_NOT_EXPIRE" && in.ValidTo != nil:
		return bad("A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
	case model == "KEY_MATERIAL_DOES_NOT_EXPIRE":
		return model, time.Time{}, nil
	case in.ValidTo == nil:
		return bad("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
	case !in.ValidTo.After(now) || in.ValidTo.Sub(now) > longestLife:
		return bad("The validTo date must be in the future, by at most 365 days.")
	}
	return model, in.ValidTo.UTC(), nil
}

func (s *Service) importMaterial(c *api.Call, tx store.Tx, in *kms.ImportKeyMaterialRequest) (*kms.ImportKeyMaterialResponse, error) {
	k, err := s.external(c, tx, in.KeyId)
	if err == nil {
		err = k.going()
	}
	if err != nil {
		return nil, err
	}
	model, end, err := life(in, tx.Now())
	if err != nil {
		return nil, err
	}
	b, err := s.unwrap(k, tx.Now(), in.ImportToken, in.EncryptedKeyMaterial)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	id := materialID(k, b)
	if in.KeyMaterialId != nil && *in.KeyMaterialId != id {
		return nil, fault.New("IncorrectKeyMaterialException", "The key material is not the one of the id %s.", *in.KeyMaterialId)
	}
	list, err := s.history(tx, k)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(m store.Item[Material]) bool { return m.ID == k.ID+"/"+id })
	fresh := len(list) == 0
	if in.ImportType != nil {
		if k.Value.Spec != symmetric {
			return nil, fault.New("ValidationException", "ImportType is for symmetric encryption keys; the spec of %s is %s.", k.arn, k.Value.Spec)
		}
		fresh = *in.ImportType == "NEW_KEY_MATERIAL"
	}
	m := Material{Created: tx.Now(), Description: str(in.KeyMaterialDescription), Model: model, ValidTo: end}
	switch waits := slices.ContainsFunc(list, func(m store.Item[Material]) bool { return m.Value.Pending }); {
	case fresh && at >= 0, !fresh && at < 0:
		return nil, fault.New("IncorrectKeyMaterialException", "The key material is %s of %s.", map[bool]string{true: "already one", false: "not one that was imported before"}[fresh], k.arn)
	case fresh && waits:
		return nil, fault.New("KMSInvalidStateException", "%s has key material that waits for a rotation.", k.arn)
	case fresh:
		m.Pending = len(list) > 0
		if err := s.seal(tx, k, id, b, m); err != nil {
			return nil, err
		}
		if !m.Pending {
			k.Value.Material = id
		}
	default:
		old := &list[at].Value
		if old.Sealed, err = s.sealer.Seal(b, place(k, id)); err != nil {
			return nil, err
		}
		old.Model, old.ValidTo = model, end
		if in.KeyMaterialDescription != nil {
			old.Description = *in.KeyMaterialDescription
		}
		if err := materials.Save(tx, &list[at]); err != nil {
			return nil, err
		}
	}
	if asymmetric(k.Value.Spec) {
		if k.Value.Public, err = keyring.PublicKey(k.Value.Spec, b); err != nil {
			return nil, err
		}
	}
	return &kms.ImportKeyMaterialResponse{KeyId: &k.arn, KeyMaterialId: &id}, s.reckon(tx, k)
}

func (s *Service) deleteMaterial(c *api.Call, tx store.Tx, in *kms.DeleteImportedKeyMaterialRequest) (*kms.DeleteImportedKeyMaterialResponse, error) {
	k, err := s.external(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	id := k.Value.Material
	if in.KeyMaterialId != nil {
		id = *in.KeyMaterialId
	}
	out := &kms.DeleteImportedKeyMaterialResponse{KeyId: &k.arn, KeyMaterialId: set(id)}
	if id == "" { // "the operation does not change a key without material"
		return out, nil
	}
	m, err := materials.Get(tx, k.Scope, k.ID+"/"+id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New("IncorrectKeyMaterialException", "%s has no key material %s.", k.arn, id)
	}
	if err != nil {
		return nil, err
	}
	if m.Value.Pending {
		err = materials.Delete(tx, m.Scope, m.ID)
	} else {
		m.Value.Sealed = nil
		err = materials.Save(tx, &m)
	}
	if err != nil {
		return nil, err
	}
	return out, s.reckon(tx, k)
}

// reckon brings the state of an imported key up to date: it is there when all that it ever had is. Source: KMS Developer Guide, "Importing key material",
// on keys with several.
func (s *Service) reckon(tx store.Tx, k *key) error {
	list, err := s.history(tx, k)
	if err != nil {
		return err
	}
	whole := len(list) > 0
	i := Import{}
	sooner := func(t *time.Time, e time.Time) {
		if !e.IsZero() && (t.IsZero() || e.Before(*t)) {
			*t = e
		}
	}
	for j := range list {
		m := &list[j].Value
		if m.gone(tx.Now()) {
			if len(m.Sealed) > 0 {
				m.Sealed = nil
				if err := materials.Save(tx, &list[j]); err != nil {
					return err
				}
			}
			whole = whole && m.Pending
			continue
		}
		sooner(&i.Ends, m.ValidTo)
		if !m.Pending {
			sooner(&i.ValidTo, m.ValidTo)
			i.Model = "KEY_MATERIAL_DOES_NOT_EXPIRE"
			if !i.ValidTo.IsZero() {
				i.Model = "KEY_MATERIAL_EXPIRES"
			}
		}
	}
	k.Value.Import = i
	switch k.Value.State {
	case enabled, disabled:
		if !whole {
			k.Value.State = pendingImport
		}
	case pendingImport:
		if whole {
			k.Value.State = enabled
		}
	}
	s.forget(k.Scope, k.ID)
	return keys.Save(tx, &k.Item)
}
