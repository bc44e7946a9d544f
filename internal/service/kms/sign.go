package kms

import (
	"crypto/hmac"
	"errors"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) signRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.SignRequest, kms.SignResponse]{Name: "Sign", View: s.sign, Honours: []string{"KeyId", "Message", "MessageType", "GrantTokens", "SigningAlgorithm"}},
		api.Op[kms.VerifyRequest, kms.VerifyResponse]{Name: "Verify", View: s.verify, Honours: []string{"KeyId", "Message", "MessageType", "Signature", "GrantTokens", "SigningAlgorithm"}},
		api.Op[kms.GenerateMacRequest, kms.GenerateMacResponse]{Name: "GenerateMac", Honours: []string{"KeyId", "Message", "MacAlgorithm", "GrantTokens"},
			View: func(c *api.Call, v store.View, in *kms.GenerateMacRequest) (*kms.GenerateMacResponse, error) {
				k, mac, err := s.mac(c, v, in.KeyId, *in.MacAlgorithm, in.Message)
				if err != nil {
					return nil, err
				}
				return &kms.GenerateMacResponse{Mac: mac, MacAlgorithm: in.MacAlgorithm, KeyId: &k.arn}, nil
			}},
		api.Op[kms.VerifyMacRequest, kms.VerifyMacResponse]{Name: "VerifyMac", Honours: []string{"KeyId", "Message", "MacAlgorithm", "Mac", "GrantTokens"},
			View: func(c *api.Call, v store.View, in *kms.VerifyMacRequest) (*kms.VerifyMacResponse, error) {
				k, mac, err := s.mac(c, v, in.KeyId, *in.MacAlgorithm, in.Message)
				if err != nil {
					return nil, err
				}
				if !hmac.Equal(mac, in.Mac) {
					return nil, fault.New("KMSInvalidMacException", "")
				}
				return &kms.VerifyMacResponse{MacValid: ptr(true), MacAlgorithm: in.MacAlgorithm, KeyId: &k.arn}, nil
			}},
		api.Op[kms.DeriveSharedSecretRequest, kms.DeriveSharedSecretResponse]{Name: "DeriveSharedSecret", View: s.derive, Honours: []string{"KeyId", "KeyAgreementAlgorithm", "PublicKey", "GrantTokens"}},
		api.Op[kms.GetPublicKeyRequest, kms.GetPublicKeyResponse]{Name: "GetPublicKey", View: s.publicKey, Honours: []string{"KeyId", "GrantTokens"}},
	}
}

// digest reads MessageType: whether the message is a digest already.
func digest(kind *string) (bool, error) {
	switch str(kind) {
	case "", "RAW":
		return false, nil
	case "DIGEST":
		return true, nil
	}
	return false, fault.New("UnsupportedOperationException", "MessageType %s is for ML-DSA keys, which are not supported.", *kind)
}

// signed maps what the cryptography refuses.
func signed(err error, algorithm string, k *key) error {
	switch {
	case errors.Is(err, keyring.ErrUnknown):
		return incompatible(algorithm, k)
	case errors.Is(err, keyring.ErrLength):
		return fault.New("ValidationException", "Digest is invalid length for algorithm %s.", algorithm)
	}
	return err
}

// signing finds a key for signatures and checks the algorithm.
func (s *Service) signing(c *api.Call, v store.View, name *string, algorithm string) (*key, error) {
	k, err := s.using(c, v, name, "SIGN_VERIFY")
	if err != nil {
		return nil, err
	}
	if _, sign, _, _ := keyring.Algorithms(k.Value.Spec, k.Value.Usage); !slices.Contains(sign, algorithm) {
		return nil, incompatible(algorithm, k)
	}
	return k, nil
}

func (s *Service) sign(c *api.Call, v store.View, in *kms.SignRequest) (*kms.SignResponse, error) {
	d, err := digest(in.MessageType)
	if err != nil {
		return nil, err
	}
	k, err := s.signing(c, v, in.KeyId, *in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	m, err := s.current(v, k)
	if err != nil {
		return nil, err
	}
	sig, err := keyring.Sign(m, k.Value.Spec, *in.SigningAlgorithm, in.Message, d, dice{c.Dice})
	if err != nil {
		return nil, signed(err, *in.SigningAlgorithm, k)
	}
	return &kms.SignResponse{KeyId: &k.arn, Signature: sig, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) verify(c *api.Call, v store.View, in *kms.VerifyRequest) (*kms.VerifyResponse, error) {
	d, err := digest(in.MessageType)
	if err != nil {
		return nil, err
	}
	k, err := s.signing(c, v, in.KeyId, *in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	ok, err := keyring.Verify(k.Value.Public, k.Value.Spec, *in.SigningAlgorithm, in.Message, in.Signature, d)
	if err != nil {
		return nil, signed(err, *in.SigningAlgorithm, k)
	}
	if !ok {
		return nil, fault.New("KMSInvalidSignatureException", "")
	}
	return &kms.VerifyResponse{KeyId: &k.arn, SignatureValid: &ok, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) mac(c *api.Call, v store.View, name *string, algorithm string, message []byte) (*key, []byte, error) {
	k, err := s.using(c, v, name, "GENERATE_VERIFY_MAC")
	if err != nil {
		return nil, nil, err
	}
	if _, _, mac, _ := keyring.Algorithms(k.Value.Spec, k.Value.Usage); !slices.Contains(mac, algorithm) {
		return nil, nil, incompatible(algorithm, k)
	}
	m, err := s.current(v, k)
	if err != nil {
		return nil, nil, err
	}
	out, err := keyring.MAC(m, algorithm, message)
	return k, out, err
}

func (s *Service) derive(c *api.Call, v store.View, in *kms.DeriveSharedSecretRequest) (*kms.DeriveSharedSecretResponse, error) {
	k, err := s.using(c, v, in.KeyId, "KEY_AGREEMENT")
	if err != nil {
		return nil, err
	}
	m, err := s.current(v, k)
	if err != nil {
		return nil, err
	}
	secret, err := keyring.Agree(m, in.PublicKey)
	if errors.Is(err, keyring.ErrInvalid) {
		return nil, fault.New("ValidationException", "The public key is not valid, or not of the curve of %s.", k.arn)
	}
	if err != nil {
		return nil, err
	}
	return &kms.DeriveSharedSecretResponse{KeyId: &k.arn, SharedSecret: secret, KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: &k.Value.Origin}, nil
}

func (s *Service) publicKey(c *api.Call, v store.View, in *kms.GetPublicKeyRequest) (*kms.GetPublicKeyResponse, error) {
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !asymmetric(k.Value.Spec) {
		return nil, fault.New("UnsupportedOperationException", "%s is not an asymmetric key: it has no public key.", k.arn)
	}
	if err := k.usable(v.Now()); err != nil {
		return nil, err
	}
	out := &kms.GetPublicKeyResponse{KeyId: &k.arn, PublicKey: k.Value.Public, CustomerMasterKeySpec: &k.Value.Spec, KeySpec: &k.Value.Spec, KeyUsage: &k.Value.Usage}
	out.EncryptionAlgorithms, out.SigningAlgorithms, _, out.KeyAgreementAlgorithms = keyring.Algorithms(k.Value.Spec, k.Value.Usage)
	return out, nil
}
