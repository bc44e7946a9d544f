package kms

import (
	"context"
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) dataRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.GenerateDataKeyRequest, kms.GenerateDataKeyResponse]{Name: "GenerateDataKey", View: s.generateDataKey, Honours: []string{"KeyId", "EncryptionContext", "NumberOfBytes", "KeySpec", "GrantTokens"},
			Act: func(c *api.Call, tx store.Tx, in *kms.GenerateDataKeyRequest) (*kms.GenerateDataKeyResponse, error) {
				return first1(s, c, tx, in.KeyId, func() (*kms.GenerateDataKeyResponse, error) { return s.generateDataKey(c, tx, in) })
			}},
		api.Op[kms.GenerateDataKeyWithoutPlaintextRequest, kms.GenerateDataKeyWithoutPlaintextResponse]{Name: "GenerateDataKeyWithoutPlaintext", View: s.generateSealed,
			Honours: []string{"KeyId", "EncryptionContext", "NumberOfBytes", "KeySpec", "GrantTokens"},
			Act: func(c *api.Call, tx store.Tx, in *kms.GenerateDataKeyWithoutPlaintextRequest) (*kms.GenerateDataKeyWithoutPlaintextResponse, error) {
				return first1(s, c, tx, in.KeyId, func() (*kms.GenerateDataKeyWithoutPlaintextResponse, error) { return s.generateSealed(c, tx, in) })
			}},
		api.Op[kms.GenerateDataKeyPairRequest, kms.GenerateDataKeyPairResponse]{Name: "GenerateDataKeyPair", Stream: s.generatePair, Honours: []string{"KeyId", "EncryptionContext", "KeyPairSpec", "GrantTokens"}},
		api.Op[kms.GenerateDataKeyPairWithoutPlaintextRequest, kms.GenerateDataKeyPairWithoutPlaintextResponse]{Name: "GenerateDataKeyPairWithoutPlaintext",
			Honours: []string{"KeyId", "EncryptionContext", "KeyPairSpec", "GrantTokens"},
			Stream: func(ctx context.Context, c *api.Call, in *kms.GenerateDataKeyPairWithoutPlaintextRequest) (*kms.GenerateDataKeyPairWithoutPlaintextResponse, error) {
				p, err := s.generatePair(ctx, c, &kms.GenerateDataKeyPairRequest{KeyId: in.KeyId, EncryptionContext: in.EncryptionContext, KeyPairSpec: in.KeyPairSpec})
				if err != nil {
					return nil, err
				}
				clear(p.PrivateKeyPlaintext)
				return &kms.GenerateDataKeyPairWithoutPlaintextResponse{PrivateKeyCiphertextBlob: p.PrivateKeyCiphertextBlob, PublicKey: p.PublicKey, KeyId: p.KeyId,
					KeyPairSpec: p.KeyPairSpec, KeyMaterialId: p.KeyMaterialId}, nil
			}},
		api.Op[kms.GenerateRandomRequest, kms.GenerateRandomResponse]{Name: "GenerateRandom", Honours: []string{"NumberOfBytes"},
			View: func(c *api.Call, _ store.View, in *kms.GenerateRandomRequest) (*kms.GenerateRandomResponse, error) {
				if in.NumberOfBytes == nil {
					return nil, fault.New("ValidationException", "NumberOfBytes is required.")
				}
				return &kms.GenerateRandomResponse{Plaintext: c.Dice.Bytes(int(*in.NumberOfBytes))}, nil
			}},
	}
}

// wrapping finds the key that data keys are encrypted under.
func (s *Service) wrapping(c *api.Call, v store.View, name *string) (*key, error) {
	k, err := s.using(c, v, name, "ENCRYPT_DECRYPT")
	if err == nil && k.Value.Spec != symmetric {
		err = fault.New("InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK")
	}
	return k, err
}

func (s *Service) generateDataKey(c *api.Call, v store.View, in *kms.GenerateDataKeyRequest) (*kms.GenerateDataKeyResponse, error) {
	if (in.NumberOfBytes == nil) == (in.KeySpec == nil) {
		return nil, fault.New("ValidationException", "Please specify either number of bytes or key spec.")
	}
	n := 32
	switch {
	case in.NumberOfBytes != nil:
		n = int(*in.NumberOfBytes)
	case *in.KeySpec == "AES_128":
		n = 16
	}
	k, err := s.wrapping(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	plain := c.Dice.Bytes(n)
	text, err := s.lock(c, v, k, symmetric, plain, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyResponse{CiphertextBlob: text, Plaintext: plain, KeyId: &k.arn, KeyMaterialId: &k.Value.Material}, nil
}

func (s *Service) generateSealed(c *api.Call, v store.View, in *kms.GenerateDataKeyWithoutPlaintextRequest) (*kms.GenerateDataKeyWithoutPlaintextResponse, error) {
	d, err := s.generateDataKey(c, v, &kms.GenerateDataKeyRequest{KeyId: in.KeyId, EncryptionContext: in.EncryptionContext, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes})
	if err != nil {
		return nil, err
	}
	clear(d.Plaintext)
	return &kms.GenerateDataKeyWithoutPlaintextResponse{CiphertextBlob: d.CiphertextBlob, KeyId: d.KeyId, KeyMaterialId: d.KeyMaterialId}, nil
}

// generatePair looks at the key before and after it makes the pair: a large RSA key takes longer than a snapshot is to be held.
func (s *Service) generatePair(ctx context.Context, c *api.Call, in *kms.GenerateDataKeyPairRequest) (*kms.GenerateDataKeyPairResponse, error) {
	find := func(v store.View) error {
		_, err := s.wrapping(c, v, in.KeyId)
		if errors.Is(err, api.ErrWrite) { // no service asks this of its managed key
			err = noAlias(c, str(in.KeyId))
		}
		return err
	}
	if err := c.Read(ctx, find); err != nil {
		return nil, err
	}
	spec := str(in.KeyPairSpec)
	if !asymmetric(spec) {
		return nil, fault.New("UnsupportedOperationException", "KeyPairSpec %s is not supported: no well-kept library has it.", spec)
	}
	private, err := keyring.NewMaterial(spec, dice{c.Dice})
	if err != nil {
		return nil, fault.New("UnsupportedOperationException", "KeyPairSpec %s is not supported: no well-kept library of constant time has it.", spec)
	}
	public, err := keyring.PublicKey(spec, private)
	if err != nil {
		return nil, err
	}
	out := &kms.GenerateDataKeyPairResponse{PrivateKeyPlaintext: private, PublicKey: public, KeyPairSpec: &spec}
	err = c.Read(ctx, func(v store.View) error {
		k, err := s.wrapping(c, v, in.KeyId)
		if err != nil {
			return err
		}
		out.KeyId, out.KeyMaterialId = &k.arn, &k.Value.Material
		out.PrivateKeyCiphertextBlob, err = s.lock(c, v, k, symmetric, private, in.EncryptionContext)
		return err
	})
	if err != nil {
		clear(private)
		return nil, err
	}
	return out, nil
}
