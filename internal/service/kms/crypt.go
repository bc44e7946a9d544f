package kms

import (
	"errors"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

const symmetric = "SYMMETRIC_DEFAULT"

func (s *Service) cryptRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.EncryptRequest, kms.EncryptResponse]{Name: "Encrypt", View: s.encrypt, Honours: []string{"KeyId", "Plaintext", "EncryptionContext", "GrantTokens", "EncryptionAlgorithm"},
			Act: func(c *api.Call, tx store.Tx, in *kms.EncryptRequest) (*kms.EncryptResponse, error) {
				return first1(s, c, tx, in.KeyId, func() (*kms.EncryptResponse, error) { return s.encrypt(c, tx, in) })
			}},
		api.Op[kms.DecryptRequest, kms.DecryptResponse]{Name: "Decrypt", View: s.decrypt, Honours: []string{"KeyId", "CiphertextBlob", "EncryptionContext", "GrantTokens", "EncryptionAlgorithm"}},
		api.Op[kms.ReEncryptRequest, kms.ReEncryptResponse]{Name: "ReEncrypt", View: s.reEncrypt, Honours: []string{"CiphertextBlob", "SourceEncryptionContext", "SourceKeyId", "DestinationKeyId",
			"DestinationEncryptionContext", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm", "GrantTokens"},
			Act: func(c *api.Call, tx store.Tx, in *kms.ReEncryptRequest) (*kms.ReEncryptResponse, error) {
				return first1(s, c, tx, in.DestinationKeyId, func() (*kms.ReEncryptResponse, error) { return s.reEncrypt(c, tx, in) })
			}},
	}
}

// using finds a key for a cryptographic operation that keys of the usage do.
func (s *Service) using(c *api.Call, v store.View, name *string, usage string) (*key, error) {
	k, err := s.ready(c, v, name)
	if err != nil {
		return nil, err
	}
	return k, k.serves(c, v, usage)
}

// serves refuses a key that is not for this, or not now.
func (k *key) serves(c *api.Call, v store.View, usage string) error {
	if k.Value.Usage != usage {
		return fault.New("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.arn, k.Value.Usage, c.Name)
	}
	return k.usable(v.Now())
}

// maxContext is how many characters a context may have in all. Source: KMS API Reference, Encrypt.
const maxContext = 8192

func checkContext(context map[string]string, algorithm string) error {
	if len(context) > 0 && algorithm != symmetric {
		return fault.New("ValidationException", "EncryptionContext is not supported with the encryption algorithm %s.", algorithm)
	}
	n := 0
	for k, v := range context {
		if k == "" {
			return fault.New("ValidationException", "The encryption context has an empty key.")
		}
		n += len(k) + len(v)
	}
	if n > maxContext {
		return fault.New("ValidationException", "The encryption context is larger than %d characters.", maxContext)
	}
	return nil
}

// algorithm is the one that a request names, or the symmetric one.
func (k *key) encrypts(name *string) (string, error) {
	a := symmetric
	if name != nil {
		a = *name
	}
	if enc, _, _, _ := keyring.Algorithms(k.Value.Spec, k.Value.Usage); !slices.Contains(enc, a) {
		return "", incompatible(a, k)
	}
	return a, nil
}

func incompatible(algorithm string, k *key) error {
	return fault.New("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Value.Spec)
}

// lock encrypts under the key's current material.
func (s *Service) lock(c *api.Call, v store.View, k *key, algorithm string, plain []byte, context map[string]string) ([]byte, error) {
	if err := checkContext(context, algorithm); err != nil {
		return nil, err
	}
	if algorithm != symmetric {
		out, err := keyring.EncryptRSA(k.Value.Public, algorithm, plain, dice{c.Dice})
		if errors.Is(err, keyring.ErrLength) {
			return nil, fault.New("ValidationException", "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Value.Spec, largest(k.Value.Spec, algorithm))
		}
		return out, err
	}
	m, err := s.current(v, k)
	if err != nil {
		return nil, err
	}
	return keyring.Encrypt(keyring.Blob{KeyID: k.ID, MaterialID: k.Value.Material}, m, plain, context, dice{c.Dice})
}

// largest is how many bytes RSAES-OAEP takes (RFC 8017, 7.1.1).
func largest(spec, algorithm string) int {
	n := map[string]int{"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512}[spec]
	if algorithm == "RSAES_OAEP_SHA_1" {
		return n - 42
	}
	return n - 66
}

// unlock is lock's inverse, with the material that the ciphertext names. Why it fails is not told: that would help a guesser.
func (s *Service) unlock(c *api.Call, v store.View, k *key, algorithm string, text []byte, context map[string]string) (plain []byte, material string, err error) {
	if err := checkContext(context, algorithm); err != nil {
		return nil, "", err
	}
	broken := fault.New("InvalidCiphertextException", "")
	if algorithm != symmetric {
		m, err := s.current(v, k)
		if err != nil {
			return nil, "", err
		}
		plain, err = keyring.DecryptRSA(m, algorithm, text, dice{c.Dice})
		if errors.Is(err, keyring.ErrInvalid) || errors.Is(err, keyring.ErrLength) {
			err = broken
		}
		return plain, "", err
	}
	b, err := keyring.ReadBlob(text)
	if err != nil {
		return nil, "", broken
	}
	if b.KeyID != k.ID {
		return nil, "", fault.New("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	m, err := s.material(v, k, b.MaterialID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", broken
	}
	if err != nil {
		return nil, "", err
	}
	plain, err = keyring.Decrypt(m, text, context)
	if errors.Is(err, keyring.ErrInvalid) {
		err = broken
	}
	return plain, b.MaterialID, err
}

func (s *Service) encrypt(c *api.Call, v store.View, in *kms.EncryptRequest) (*kms.EncryptResponse, error) {
	k, err := s.using(c, v, in.KeyId, "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, err
	}
	a, err := k.encrypts(in.EncryptionAlgorithm)
	if err != nil {
		return nil, err
	}
	text, err := s.lock(c, v, k, a, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.EncryptResponse{CiphertextBlob: text, KeyId: &k.arn, EncryptionAlgorithm: &a}, nil
}

// source finds the key to decrypt with: the one that is named, else the one that the ciphertext names.
func (s *Service) source(c *api.Call, v store.View, name *string, text []byte, algorithm *string) (*key, string, error) {
	var k *key
	var err error
	switch {
	case name != nil:
		k, err = s.named(c, v, name)
	case algorithm != nil && *algorithm != symmetric:
		return nil, "", fault.New("ValidationException", "KeyId is required with the encryption algorithm %s.", *algorithm)
	default:
		if k = noted(c, v, ""); k == nil {
			k, _, err = s.byBlob(c, v, text)
		}
	}
	switch {
	case errors.Is(err, errUnseen):
		return nil, "", fault.Of(fault.AccessDenied, "Access to the key is denied.")
	case err != nil:
		return nil, "", err
	case k.Version == 0: // nothing was ever encrypted with it
		return nil, "", fault.New("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	if k.Value.Usage != "ENCRYPT_DECRYPT" {
		return nil, "", fault.New("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	if err := k.usable(v.Now()); err != nil {
		return nil, "", err
	}
	a, err := k.encrypts(algorithm)
	return k, a, err
}

func (s *Service) decrypt(c *api.Call, v store.View, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
	k, a, err := s.source(c, v, in.KeyId, in.CiphertextBlob, in.EncryptionAlgorithm)
	if err != nil {
		return nil, err
	}
	plain, material, err := s.unlock(c, v, k, a, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.DecryptResponse{KeyId: &k.arn, Plaintext: plain, EncryptionAlgorithm: &a, KeyMaterialId: set(material)}, nil
}

func (s *Service) reEncrypt(c *api.Call, v store.View, in *kms.ReEncryptRequest) (*kms.ReEncryptResponse, error) {
	from, a, err := s.source(c, v, in.SourceKeyId, in.CiphertextBlob, in.SourceEncryptionAlgorithm)
	if err != nil {
		return nil, err
	}
	to, err := s.using(c, v, in.DestinationKeyId, "ENCRYPT_DECRYPT")
	if err != nil {
		return nil, err
	}
	b, err := to.encrypts(in.DestinationEncryptionAlgorithm)
	if err != nil {
		return nil, err
	}
	plain, material, err := s.unlock(c, v, from, a, in.CiphertextBlob, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	text, err := s.lock(c, v, to, b, plain, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	out := &kms.ReEncryptResponse{CiphertextBlob: text, SourceKeyId: &from.arn, KeyId: &to.arn, SourceEncryptionAlgorithm: &a, DestinationEncryptionAlgorithm: &b, SourceKeyMaterialId: set(material)}
	if b == symmetric {
		out.DestinationKeyMaterialId = set(to.Value.Material)
	}
	return out, nil
}
