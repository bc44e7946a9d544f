package kms

import (
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
)

// TestForeignKeys: another account uses a key when both accounts say so, and is else not told whether there is one. Source: KMS Developer Guide,
// "Allowing users in other accounts to use a KMS key".
func TestForeignKeys(t *testing.T) {
	h := build(t)
	shut := h.create(kms.CreateKeyRequest{})
	open := h.create(kms.CreateKeyRequest{Policy: ptr(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"` + abroad + `"},"Action":["kms:Encrypt","kms:Decrypt","kms:DescribeKey","kms:DisableKey"],"Resource":"*"}]}`)})
	text := do[kms.EncryptResponse](h, "eve", "Encrypt", &kms.EncryptRequest{KeyId: open.Arn, Plaintext: []byte("letter")}).CiphertextBlob
	if got := do[kms.DecryptResponse](h, "eve", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}); string(got.Plaintext) != "letter" || *got.KeyId != *open.Arn {
		t.Errorf("%+v", got)
	}
	none := strings.Replace(*shut.Arn, *shut.KeyId, "00000000-0000-0000-0000-000000000000", 1)
	alias := strings.Replace(*shut.Arn, "key/"+*shut.KeyId, "alias/none", 1)
	own := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: shut.Arn, Plaintext: []byte("letter")}).CiphertextBlob
	lost := append([]byte{}, own...)
	lost[5] ^= 1 // the id of no key
	sentences := map[string]bool{}
	for name, in := range map[string]any{"a key of theirs": &kms.EncryptRequest{KeyId: shut.Arn, Plaintext: []byte("x")}, "no key": &kms.EncryptRequest{KeyId: &none, Plaintext: []byte("x")},
		"no alias": &kms.EncryptRequest{KeyId: &alias, Plaintext: []byte("x")}} {
		_, err := try[kms.EncryptResponse](h, "eve", "Encrypt", in)
		if err == nil || fault.From(err).Kind != fault.AccessDenied {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sentences[fault.From(err).Message] = true
	}
	if len(sentences) != 1 {
		t.Errorf("the sentences tell keys apart: %v", sentences)
	}
	h.refused("eve", "Decrypt", &kms.DecryptRequest{CiphertextBlob: own}, "AccessDenied", "on this resource because the resource does not exist in this Region")
	h.refused("eve", "Decrypt", &kms.DecryptRequest{CiphertextBlob: lost}, "AccessDenied", "on this resource because the resource does not exist in this Region")
	h.refused("kim", "Encrypt", &kms.EncryptRequest{KeyId: open.Arn, Plaintext: []byte("x")}, "AccessDenied", "on this resource because no identity-based policy allows")
	h.refused("kim", "Encrypt", &kms.EncryptRequest{KeyId: &none, Plaintext: []byte("x")}, "AccessDenied", "on this resource because no identity-based policy allows")
	h.refused("eve", "DisableKey", &kms.DisableKeyRequest{KeyId: open.Arn}, "AccessDenied", "") // not across accounts, whatever the policy says
	h.refused("eve", "DescribeKey", &kms.DescribeKeyRequest{KeyId: open.KeyId}, "NotFoundException", "does not exist")
	h.refused("ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: ptr(strings.Replace(*open.Arn, here, "eu-west-1", 1))}, "NotFoundException", "Invalid arn eu-west-1")
}

// TestUnseen: who may not ask about keys is not told which there are.
func TestUnseen(t *testing.T) {
	h := build(t)
	none := ptr("00000000-0000-0000-0000-000000000000")
	for op, in := range map[string]any{"DescribeKey": &kms.DescribeKeyRequest{KeyId: none}, "Encrypt": &kms.EncryptRequest{KeyId: ptr("alias/none"), Plaintext: []byte("x")},
		"Decrypt": &kms.DecryptRequest{CiphertextBlob: []byte("hello")}, "DeleteAlias": &kms.DeleteAliasRequest{AliasName: ptr("alias/none")},
		"CancelKeyDeletion": &kms.CancelKeyDeletionRequest{KeyId: ptr("x")}, "CreateGrant": &kms.CreateGrantRequest{KeyId: none, GranteePrincipal: ptr(bob), Operations: []string{"Decrypt"}}} {
		h.refused("worker", op, in, "AccessDenied", "no identity-based policy allows the kms:"+op+" action")
	}
}
