package kms

import (
	"fmt"
	"strings"
	"testing"

	"cloister/internal/shape/kms"
)

func TestAliases(t *testing.T) {
	h := build(t)
	one, two := h.create(kms.CreateKeyRequest{}), h.create(kms.CreateKeyRequest{})
	mac := h.create(kms.CreateKeyRequest{KeySpec: ptr("HMAC_256"), KeyUsage: ptr("GENERATE_VERIFY_MAC")})
	name := ptr("alias/finance/2026")
	for bad, code := range map[string]string{"finance": "ValidationException", "alias/aws/mine": "NotAuthorizedException", "alias/": "InvalidAliasNameException", "alias/a:b": "InvalidAliasNameException"} {
		h.refused("ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: &bad, TargetKeyId: one.KeyId}, code, "")
	}
	do[kms.CreateAliasOutput](h, "ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: name, TargetKeyId: one.Arn})
	h.refused("ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: name, TargetKeyId: two.KeyId}, "AlreadyExistsException", "already exists")
	h.refused("ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: ptr("alias/x"), TargetKeyId: name}, "NotFoundException", "")
	arn := "arn:aws:kms:" + here + ":" + home + ":" + *name
	for _, id := range []*string{name, &arn, one.KeyId, one.Arn} {
		if got := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: id, Plaintext: []byte("x")}); *got.KeyId != *one.Arn {
			t.Errorf("%s is %s", *id, *got.KeyId)
		}
	}
	h.refused("ann", "DisableKey", &kms.DisableKeyRequest{KeyId: name}, "NotFoundException", "Invalid keyId")
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: name, Plaintext: []byte("x")}).CiphertextBlob
	h.refused("ann", "UpdateAlias", &kms.UpdateAliasRequest{AliasName: name, TargetKeyId: mac.KeyId}, "ValidationException", "another type or usage")
	do[kms.UpdateAliasOutput](h, "ann", "UpdateAlias", &kms.UpdateAliasRequest{AliasName: name, TargetKeyId: two.KeyId})
	do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}) // the text names the key, not the alias
	h.refused("ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text, KeyId: name}, "IncorrectKeyException", "")
	// A policy about aliases holds for the key, whatever it is called by.
	h.who.mu.Lock()
	h.who.all["bob"].policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/finance/*"}}}]}`
	h.who.mu.Unlock()
	do[kms.EncryptResponse](h, "bob", "Encrypt", &kms.EncryptRequest{KeyId: two.KeyId, Plaintext: []byte("x")})
	h.refused("bob", "Encrypt", &kms.EncryptRequest{KeyId: one.KeyId, Plaintext: []byte("x")}, "AccessDenied", "")
	list := do[kms.ListAliasesResponse](h, "ann", "ListAliases", &kms.ListAliasesRequest{}).Aliases
	if len(list) != 1 || *list[0].AliasName != *name || *list[0].AliasArn != arn || *list[0].TargetKeyId != *two.KeyId {
		t.Errorf("%+v", list)
	}
	do[kms.DeleteAliasOutput](h, "ann", "DeleteAlias", &kms.DeleteAliasRequest{AliasName: name})
	h.refused("ann", "Encrypt", &kms.EncryptRequest{KeyId: name, Plaintext: []byte("x")}, "NotFoundException", "Alias "+arn+" is not found.")
	h.refused("ann", "DeleteAlias", &kms.DeleteAliasRequest{AliasName: name}, "NotFoundException", "is not found")
	for i := range maxAliases {
		do[kms.CreateAliasOutput](h, "ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: ptr(fmt.Sprintf("alias/%02d", i)), TargetKeyId: one.KeyId})
	}
	h.refused("ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: ptr("alias/more"), TargetKeyId: one.KeyId}, "LimitExceededException", "")
	page := do[kms.ListAliasesResponse](h, "ann", "ListAliases", &kms.ListAliasesRequest{KeyId: one.KeyId, Limit: ptr(int64(30))})
	rest := do[kms.ListAliasesResponse](h, "ann", "ListAliases", &kms.ListAliasesRequest{KeyId: one.KeyId, Limit: ptr(int64(30)), Marker: page.NextMarker})
	if len(page.Aliases) != 30 || !*page.Truncated || len(rest.Aliases) != 20 || *rest.Truncated || *rest.Aliases[0].AliasName != "alias/30" {
		t.Errorf("%d and %d", len(page.Aliases), len(rest.Aliases))
	}
}

func TestPolicies(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	get := func() string {
		return *do[kms.GetKeyPolicyResponse](h, "ann", "GetKeyPolicy", &kms.GetKeyPolicyRequest{KeyId: k.KeyId}).Policy
	}
	if get() != defaultPolicy("aws", home) {
		t.Error(get())
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::` + home + `:user/ann","arn:aws:iam::` + home + `:role/worker"]},"Action":"kms:*","Resource":"*"}]}`
	do[kms.PutKeyPolicyOutput](h, "ann", "PutKeyPolicy", &kms.PutKeyPolicyRequest{KeyId: k.KeyId, Policy: &text})
	if get() != text {
		t.Error(get())
	}
	do[kms.EncryptResponse](h, "worker", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x")})                               // the policy alone allows
	h.refused("root"+home, "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x")}, "AccessDenied", "no resource-based policy") // root too has no more than it says
	for name, x := range map[string]struct{ policy, code, words string }{
		"a lock-out":   {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:user/bob"},"Action":"kms:*","Resource":"*"}]}`, "MalformedPolicyDocumentException", "will not allow you to update"},
		"a stranger":   {strings.Replace(text, "role/worker", "role/nobody", 1), "MalformedPolicyDocumentException", "invalid principals"},
		"no policy":    {`{"Statement":`, "MalformedPolicyDocumentException", ""},
		"a large one":  {strings.Replace(text, `"kms:*"`, `"kms:*","Sid":"`+strings.Repeat("a", 33000)+`"`, 1), "LimitExceededException", ""},
		"another name": {text, "NotFoundException", ""},
	} {
		in := &kms.PutKeyPolicyRequest{KeyId: k.KeyId, Policy: &x.policy}
		if name == "another name" {
			in.PolicyName = ptr("mine")
		}
		t.Run(name, func(t *testing.T) { h.refused("ann", "PutKeyPolicy", in, x.code, x.words) })
	}
	locked := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:user/bob"},"Action":"kms:*","Resource":"*"}]}`
	do[kms.PutKeyPolicyOutput](h, "ann", "PutKeyPolicy", &kms.PutKeyPolicyRequest{KeyId: k.KeyId, Policy: &locked, BypassPolicyLockoutSafetyCheck: ptr(true)})
	h.refused("ann", "GetKeyPolicy", &kms.GetKeyPolicyRequest{KeyId: k.KeyId}, "AccessDenied", "")
}

func TestSignatures(t *testing.T) {
	h := build(t)
	m := []byte("message")
	for _, x := range []struct{ spec, algorithm string }{{"ECC_NIST_P384", "ECDSA_SHA_384"}, {"RSA_2048", "RSASSA_PSS_SHA_256"}, {"ECC_NIST_EDWARDS25519", "ED25519_SHA_512"}} {
		k := h.create(kms.CreateKeyRequest{KeySpec: &x.spec, KeyUsage: ptr("SIGN_VERIFY")})
		s := do[kms.SignResponse](h, "ann", "Sign", &kms.SignRequest{KeyId: k.KeyId, Message: m, SigningAlgorithm: &x.algorithm})
		do[kms.VerifyResponse](h, "ann", "Verify", &kms.VerifyRequest{KeyId: k.KeyId, Message: m, Signature: s.Signature, SigningAlgorithm: &x.algorithm})
		h.refused("ann", "Verify", &kms.VerifyRequest{KeyId: k.KeyId, Message: []byte("other"), Signature: s.Signature, SigningAlgorithm: &x.algorithm}, "KMSInvalidSignatureException", "")
		h.refused("ann", "Sign", &kms.SignRequest{KeyId: k.KeyId, Message: m, SigningAlgorithm: ptr("RSASSA_PKCS1_V1_5_SHA_512"), MessageType: ptr("DIGEST")}, map[bool]string{true: "ValidationException", false: "InvalidKeyUsageException"}[x.spec == "RSA_2048"], "")
		h.refused("ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: m}, "InvalidKeyUsageException", *k.Arn+" key usage is SIGN_VERIFY which is not valid for Encrypt.")
		if p := do[kms.GetPublicKeyResponse](h, "ann", "GetPublicKey", &kms.GetPublicKeyRequest{KeyId: k.KeyId}); len(p.PublicKey) == 0 || len(p.SigningAlgorithms) == 0 {
			t.Errorf("%+v", p)
		}
	}
	rsa := h.create(kms.CreateKeyRequest{KeySpec: ptr("RSA_2048"), KeyUsage: ptr("ENCRYPT_DECRYPT")})
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: rsa.KeyId, Plaintext: m, EncryptionAlgorithm: ptr("RSAES_OAEP_SHA_256")}).CiphertextBlob
	if got := do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{KeyId: rsa.KeyId, CiphertextBlob: text, EncryptionAlgorithm: ptr("RSAES_OAEP_SHA_256")}); string(got.Plaintext) != string(m) {
		t.Errorf("%q", got.Plaintext)
	}
	h.refused("ann", "Encrypt", &kms.EncryptRequest{KeyId: rsa.KeyId, Plaintext: make([]byte, 191), EncryptionAlgorithm: ptr("RSAES_OAEP_SHA_256")}, "ValidationException", "cannot encrypt data larger than 190 bytes.")
	h.refused("ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: rsa.KeyId, KeySpec: ptr("AES_256")}, "InvalidKeyUsageException", "")
	mac := h.create(kms.CreateKeyRequest{KeySpec: ptr("HMAC_512"), KeyUsage: ptr("GENERATE_VERIFY_MAC")})
	a := do[kms.GenerateMacResponse](h, "ann", "GenerateMac", &kms.GenerateMacRequest{KeyId: mac.KeyId, Message: m, MacAlgorithm: ptr("HMAC_SHA_512")})
	do[kms.VerifyMacResponse](h, "ann", "VerifyMac", &kms.VerifyMacRequest{KeyId: mac.KeyId, Message: m, Mac: a.Mac, MacAlgorithm: ptr("HMAC_SHA_512")})
	h.refused("ann", "VerifyMac", &kms.VerifyMacRequest{KeyId: mac.KeyId, Message: m, Mac: a.Mac[1:], MacAlgorithm: ptr("HMAC_SHA_512")}, "KMSInvalidMacException", "")
	h.refused("ann", "GenerateMac", &kms.GenerateMacRequest{KeyId: mac.KeyId, Message: m, MacAlgorithm: ptr("HMAC_SHA_256")}, "InvalidKeyUsageException", "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_512.")
	x, y := h.create(kms.CreateKeyRequest{KeySpec: ptr("ECC_NIST_P256"), KeyUsage: ptr("KEY_AGREEMENT")}), h.create(kms.CreateKeyRequest{KeySpec: ptr("ECC_NIST_P256"), KeyUsage: ptr("KEY_AGREEMENT")})
	derive := func(own, peer *kms.KeyMetadata) string {
		p := do[kms.GetPublicKeyResponse](h, "ann", "GetPublicKey", &kms.GetPublicKeyRequest{KeyId: peer.KeyId})
		return string(do[kms.DeriveSharedSecretResponse](h, "ann", "DeriveSharedSecret", &kms.DeriveSharedSecretRequest{KeyId: own.KeyId, KeyAgreementAlgorithm: ptr("ECDH"), PublicKey: p.PublicKey}).SharedSecret)
	}
	if s := derive(x, y); s != derive(y, x) || len(s) != 32 {
		t.Error("the two do not share a secret")
	}
	h.refused("ann", "CreateKey", &kms.CreateKeyRequest{KeySpec: ptr("HMAC_256")}, "ValidationException", "You must specify a KeyUsage value")
	h.refused("ann", "CreateKey", &kms.CreateKeyRequest{KeySpec: ptr("ECC_SECG_P256K1"), KeyUsage: ptr("SIGN_VERIFY")}, "UnsupportedOperationException", "")
	h.refused("ann", "CreateKey", &kms.CreateKeyRequest{KeySpec: ptr("HMAC_256"), KeyUsage: ptr("SIGN_VERIFY")}, "ValidationException", "not compatible")
}
