package kms

import (
	"bytes"
	"strings"
	"testing"

	"cloister/internal/shape/kms"
	"cloister/internal/shape/s3"
)

func TestDataKeys(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	context := map[string]string{"Department": "IT", "a": ""}
	d := do[kms.GenerateDataKeyResponse](h, "ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256"), EncryptionContext: context})
	if len(d.Plaintext) != 32 || *d.KeyId != *k.Arn || len(*d.KeyMaterialId) != 64 || bytes.Contains(d.CiphertextBlob, d.Plaintext) {
		t.Fatalf("%+v", d)
	}
	back := do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, EncryptionContext: context})
	if !bytes.Equal(back.Plaintext, d.Plaintext) || *back.KeyId != *k.Arn || *back.EncryptionAlgorithm != symmetric || *back.KeyMaterialId != *d.KeyMaterialId {
		t.Errorf("%+v", back)
	}
	broken := bytes.Clone(d.CiphertextBlob)
	broken[len(broken)-1] ^= 1
	other := h.create(kms.CreateKeyRequest{})
	for _, x := range []struct {
		name string
		in   kms.DecryptRequest
		code string
	}{
		{"without its context", kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob}, "InvalidCiphertextException"},
		{"a context of more", kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, EncryptionContext: map[string]string{"Department": "IT", "a": "", "b": ""}}, "InvalidCiphertextException"},
		{"a bit flipped", kms.DecryptRequest{CiphertextBlob: broken, EncryptionContext: context}, "InvalidCiphertextException"},
		{"no ciphertext", kms.DecryptRequest{CiphertextBlob: []byte("hello"), EncryptionContext: context}, "InvalidCiphertextException"},
		{"as another key's", kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, EncryptionContext: context, KeyId: other.KeyId}, "IncorrectKeyException"},
		{"by an algorithm the key lacks", kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, KeyId: k.KeyId, EncryptionAlgorithm: ptr("RSAES_OAEP_SHA_1")}, "InvalidKeyUsageException"},
	} {
		t.Run(x.name, func(t *testing.T) { h.refused("ann", "Decrypt", &x.in, x.code, "") })
	}
	h.refused("ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId}, "ValidationException", "number of bytes or key spec")
	h.refused("ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: ptr("x"), KeySpec: ptr("AES_256")}, "NotFoundException", "Invalid keyId 'x'")
	h.refused("ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256"), DryRun: ptr(true)}, "DryRun", "")
	h.refused("bob", "Decrypt", &kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, EncryptionContext: context}, "AccessDenied", "kms:Decrypt on resource: "+*k.Arn+" because no identity-based policy")
	for _, e := range h.events() {
		if e.Name != "GenerateDataKey" && e.Name != "Decrypt" || e.ErrorCode == "NotFoundException" || strings.Contains(string(e.Request), `"KeyId":"x"`) {
			continue
		}
		if !e.ReadOnly || e.Response != nil {
			t.Errorf("%s: read only %t, response %s", e.Name, e.ReadOnly, e.Response)
		}
	}
}

func TestManagedKey(t *testing.T) {
	h := build(t)
	name := "alias/aws/s3"
	out, err := h.invoke("ann", "s3", "HeadObject", &s3.HeadObjectRequest{Bucket: ptr("b"), Key: &name})
	if err != nil {
		t.Fatal(err)
	}
	arn := *out.(*s3.HeadObjectOutput).SSEKMSKeyId
	again, err := h.invoke("ann", "s3", "HeadObject", &s3.HeadObjectRequest{Bucket: ptr("b"), Key: &name})
	if err != nil || *again.(*s3.HeadObjectOutput).SSEKMSKeyId != arn {
		t.Fatalf("%v: another key", err)
	}
	m := do[kms.DescribeKeyResponse](h, "ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: &name}).KeyMetadata
	if *m.Arn != arn || *m.KeyManager != "AWS" || *m.KeyState != enabled {
		t.Errorf("%+v", m)
	}
	// Only through its service, and only by its account.
	h.refused("ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: &name, KeySpec: ptr("AES_256")}, "AccessDenied", "no resource-based policy allows the kms:GenerateDataKey action")
	h.refused("ann", "UpdateKeyDescription", &kms.UpdateKeyDescriptionRequest{KeyId: m.KeyId, Description: ptr("mine")}, "AccessDenied", "")
	if out, err := h.invoke("eve", "s3", "HeadObject", &s3.HeadObjectRequest{Bucket: ptr("b"), Key: &arn}); err == nil {
		t.Errorf("another account used it: %v", out)
	}
	ebs := do[kms.DescribeKeyResponse](h, "ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: ptr("alias/aws/ebs")}).KeyMetadata // makes it
	if *ebs.Arn == arn || *ebs.KeyManager != "AWS" {
		t.Errorf("%+v", ebs)
	}
	h.refused("ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: ptr("alias/aws/nothing")}, "NotFoundException", "is not found")
	seen := map[string]int{}
	for _, e := range h.events() {
		seen[e.Name]++
		if strings.Contains(string(e.Request)+string(e.Response), "laintext") && !strings.Contains(string(e.Request)+string(e.Response), "HIDDEN") {
			t.Errorf("%s records %s %s", e.Name, e.Request, e.Response)
		}
	}
	if seen["GenerateDataKey"] != 4 || seen["Decrypt"] != 2 {
		t.Errorf("events %v", seen)
	}
}
