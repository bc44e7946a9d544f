package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"cloister/internal/shape/kms"
)

// wrap asks for import parameters and wraps material as a customer does.
func (h *house) wrap(key *string, material []byte) (token, wrapped []byte) {
	h.Helper()
	p := do[kms.GetParametersForImportResponse](h, "ann", "GetParametersForImport", &kms.GetParametersForImportRequest{KeyId: key, WrappingAlgorithm: ptr("RSAES_OAEP_SHA_256"), WrappingKeySpec: ptr("RSA_2048")})
	public, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		h.Fatal(err)
	}
	wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
	if err != nil {
		h.Fatal(err)
	}
	return p.ImportToken, wrapped
}

// TestImport: KMS Developer Guide, "Importing key material".
func TestImport(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{Origin: ptr("EXTERNAL")})
	state := func(want string) {
		t.Helper()
		if got := do[kms.DescribeKeyResponse](h, "ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.KeyId}).KeyMetadata; *got.KeyState != want {
			t.Fatalf("%s, want %s", *got.KeyState, want)
		}
	}
	state(pendingImport)
	one, two := []byte("0123456789abcdef0123456789abcdef"), []byte("another key of thirty-two bytes!")
	put := func(material []byte, in kms.ImportKeyMaterialRequest) (*kms.ImportKeyMaterialResponse, error) {
		t.Helper()
		in.KeyId = k.KeyId
		in.ImportToken, in.EncryptedKeyMaterial = h.wrap(k.KeyId, material)
		return try[kms.ImportKeyMaterialResponse](h, "ann", "ImportKeyMaterial", &in)
	}
	must := func(out *kms.ImportKeyMaterialResponse, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return *out.KeyMaterialId
	}
	token, wrapped := h.wrap(k.KeyId, one)
	never := ptr("KEY_MATERIAL_DOES_NOT_EXPIRE")
	other := h.create(kms.CreateKeyRequest{Origin: ptr("EXTERNAL")})
	h.refused("ann", "ImportKeyMaterial", &kms.ImportKeyMaterialRequest{KeyId: k.KeyId, ImportToken: token, EncryptedKeyMaterial: wrapped}, "ValidationException", "A validTo date must be set")
	h.refused("ann", "ImportKeyMaterial", &kms.ImportKeyMaterialRequest{KeyId: other.KeyId, ImportToken: token, EncryptedKeyMaterial: wrapped, ExpirationModel: never}, "InvalidImportTokenException", "")
	h.refused("ann", "ImportKeyMaterial", &kms.ImportKeyMaterialRequest{KeyId: k.KeyId, ImportToken: token, EncryptedKeyMaterial: wrapped[1:], ExpirationModel: never}, "InvalidCiphertextException", "")
	h.clock.pass(25 * time.Hour)
	h.refused("ann", "ImportKeyMaterial", &kms.ImportKeyMaterialRequest{KeyId: k.KeyId, ImportToken: token, EncryptedKeyMaterial: wrapped, ExpirationModel: never}, "ExpiredImportTokenException", "")
	if _, err := put([]byte("short"), kms.ImportKeyMaterialRequest{ExpirationModel: never}); err == nil {
		t.Error("five bytes are imported as an AES-256 key")
	}
	id := must(put(one, kms.ImportKeyMaterialRequest{ValidTo: ptr(h.clock.Now().Add(2 * day))}))
	state(enabled)
	d := do[kms.GenerateDataKeyResponse](h, "ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256")})
	open := &kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob}
	do[kms.DecryptResponse](h, "ann", "Decrypt", open)
	if _, err := put(two, kms.ImportKeyMaterialRequest{ExpirationModel: never}); err == nil {
		t.Error("other material is taken for what was there")
	}
	h.clock.pass(2 * day) // it ends by itself, before anybody turns the engine
	h.refused("ann", "Decrypt", open, "KMSInvalidStateException", "is pending import")
	h.settle()
	state(pendingImport)
	if again := must(put(one, kms.ImportKeyMaterialRequest{ExpirationModel: never})); again != id {
		t.Errorf("the same material has another id: %s, %s", again, id)
	}
	do[kms.DecryptResponse](h, "ann", "Decrypt", open)
	// New material waits for a rotation on demand, and the old still opens.
	h.clock.pass(time.Hour)
	fresh := must(put(two, kms.ImportKeyMaterialRequest{ExpirationModel: never, ImportType: ptr("NEW_KEY_MATERIAL")}))
	if d := do[kms.GenerateDataKeyResponse](h, "ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256")}); *d.KeyMaterialId != id {
		t.Error("it rotated with the import")
	}
	do[kms.RotateKeyOnDemandResponse](h, "ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: k.KeyId})
	if d := do[kms.GenerateDataKeyResponse](h, "ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256")}); *d.KeyMaterialId != fresh {
		t.Error("it did not rotate")
	}
	do[kms.DecryptResponse](h, "ann", "Decrypt", open)
	h.refused("ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: k.KeyId}, "KMSInvalidStateException", "waits")
	h.refused("ann", "EnableKeyRotation", &kms.EnableKeyRotationRequest{KeyId: k.KeyId}, "UnsupportedOperationException", "origin is EXTERNAL")
	// Without any one of them the key cannot be used.
	do[kms.DeleteImportedKeyMaterialResponse](h, "ann", "DeleteImportedKeyMaterial", &kms.DeleteImportedKeyMaterialRequest{KeyId: k.KeyId, KeyMaterialId: &id})
	state(pendingImport)
	h.refused("ann", "Decrypt", open, "KMSInvalidStateException", "is pending import")
	must(put(one, kms.ImportKeyMaterialRequest{ExpirationModel: never}))
	do[kms.DecryptResponse](h, "ann", "Decrypt", open)
	aws := h.create(kms.CreateKeyRequest{})
	h.refused("ann", "GetParametersForImport", &kms.GetParametersForImportRequest{KeyId: aws.KeyId, WrappingAlgorithm: ptr("RSAES_OAEP_SHA_256"), WrappingKeySpec: ptr("RSA_2048")},
		"UnsupportedOperationException", "origin is AWS_KMS which is not valid for this operation.")
}

// TestRegions: KMS Developer Guide, "Multi-Region keys in AWS KMS".
func TestRegions(t *testing.T) {
	const there = "eu-west-1"
	h := build(t)
	in := func(region string, f func()) { h.place = region; f(); h.place = here }
	k := h.create(kms.CreateKeyRequest{MultiRegion: ptr(true)})
	if *k.MultiRegionConfiguration.MultiRegionKeyType != "PRIMARY" || (*k.KeyId)[:4] != "mrk-" {
		t.Fatalf("%+v", k)
	}
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x")}).CiphertextBlob
	single := h.create(kms.CreateKeyRequest{})
	h.refused("ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: single.KeyId, ReplicaRegion: ptr(there)}, "UnsupportedOperationException", "not a multi-region key")
	in(there, func() {
		h.refused("ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}, "AccessDenied", "does not exist in this Region")
	})
	r := do[kms.ReplicateKeyResponse](h, "ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: ptr(there), Description: ptr("far")}).ReplicaKeyMetadata
	if *r.KeyId != *k.KeyId || *r.Arn == *k.Arn || *r.MultiRegionConfiguration.MultiRegionKeyType != "REPLICA" || *r.MultiRegionConfiguration.PrimaryKey.Region != here {
		t.Errorf("%+v", r)
	}
	h.refused("ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: ptr(there)}, "AlreadyExistsException", "")
	in(there, func() {
		if got := do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}); string(got.Plaintext) != "x" || *got.KeyId != *r.Arn {
			t.Errorf("%+v", got)
		}
		do[kms.DisableKeyOutput](h, "ann", "DisableKey", &kms.DisableKeyRequest{KeyId: k.KeyId}) // here alone
		h.refused("ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: k.KeyId}, "UnsupportedOperationException", "replica")
		do[kms.EnableKeyOutput](h, "ann", "EnableKey", &kms.EnableKeyRequest{KeyId: k.KeyId})
	})
	do[kms.RotateKeyOnDemandResponse](h, "ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: k.KeyId})
	later := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("y")}).CiphertextBlob
	in(there, func() { do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: later}) })
	do[kms.UpdatePrimaryRegionOutput](h, "ann", "UpdatePrimaryRegion", &kms.UpdatePrimaryRegionRequest{KeyId: k.KeyId, PrimaryRegion: ptr(there)})
	// A primary key waits for its replicas to go.
	in(there, func() {
		s := do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
		if *s.KeyState != pendingReplicas || s.DeletionDate != nil {
			t.Errorf("%+v", s)
		}
	})
	do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
	h.clock.pass(7 * day)
	h.settle()
	in(there, func() {
		m := do[kms.DescribeKeyResponse](h, "ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.KeyId}).KeyMetadata
		if *m.KeyState != pendingDeletion || m.DeletionDate.Sub(h.clock.Now()) != 7*day || len(m.MultiRegionConfiguration.ReplicaKeys) != 0 {
			t.Errorf("%+v", m)
		}
	})
	h.clock.pass(7 * day)
	h.settle()
	in(there, func() {
		h.refused("ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.KeyId}, "NotFoundException", "")
	})
}
