package kms

import (
	"strings"
	"testing"

	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// TestReplicaAgain: a replica that is made again under its id is another key: what was decoded of the old one is not believed.
func TestReplicaAgain(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{MultiRegion: ptr(true)})
	there := "eu-west-1"
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":"kms:*","Resource":"*"}]}`
	do[kms.ReplicateKeyResponse](h, "ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: &there, Policy: &open})
	h.place = there
	arn := keyARN(store.Scope{Partition: "aws", Region: there}, home, *k.KeyId)
	do[kms.EncryptResponse](h, "eve", "Encrypt", &kms.EncryptRequest{KeyId: &arn, Plaintext: []byte("x")})
	do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
	h.clock.pass(8 * day)
	h.settle()
	h.place = here
	do[kms.ReplicateKeyResponse](h, "ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: &there}) // default policy
	h.place = there
	_, err := try[kms.EncryptResponse](h, "eve", "Encrypt", &kms.EncryptRequest{KeyId: &arn, Plaintext: []byte("x")})
	if err == nil {
		t.Error("the old replica's policy holds")
	}
}

// TestEmptyConstraint: a constraint without a pair would pass for one in conditions, and hold nobody.
func TestEmptyConstraint(t *testing.T) {
	h := build(t)
	h.who.all["kim"].policy = all
	pol := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}}}]}`
	k := h.create(kms.CreateKeyRequest{Policy: &pol})
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "b"}}).CiphertextBlob
	if _, err := try[kms.CreateGrantResponse](h, "eve", "CreateGrant", &kms.CreateGrantRequest{KeyId: k.Arn, GranteePrincipal: ptr("arn:aws:iam::" + abroad + ":user/kim"), Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextEquals: map[string]string{}}}); err == nil {
		t.Error("an empty constraint is taken")
	}
	_, err := try[kms.DecryptResponse](h, "kim", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text, EncryptionContext: map[string]string{"a": "b"}})
	if err == nil {
		t.Error("an empty constraint is none")
	}
}

// TestConstraintCase: constraints compare to the letter, though condition keys do not.
func TestConstraintCase(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"DEPT": "it"}}).CiphertextBlob
	text2 := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"dept": "hr", "DEPT": "it"}}).CiphertextBlob
	h.who.all["kim"].policy = all
	do[kms.CreateGrantResponse](h, "ann", "CreateGrant", &kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr("arn:aws:iam::" + abroad + ":user/kim"), Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextEquals: map[string]string{"dept": "it"}}})
	if _, err := try[kms.DecryptResponse](h, "kim", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text, EncryptionContext: map[string]string{"DEPT": "it"}}); err == nil {
		t.Error("constraint by another case")
	}
	n := 0
	for range 50 {
		if _, err := try[kms.DecryptResponse](h, "kim", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text2, EncryptionContext: map[string]string{"dept": "hr", "DEPT": "it"}}); err == nil {
			n++
		}
	}
	if n > 0 {
		t.Errorf("both %d of 50", n)
	}
}

// TestPrimaryAsksReplica: the key that becomes the primary one has a policy too.
func TestPrimaryAsksReplica(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{MultiRegion: ptr(true)})
	there := "eu-west-1"
	pol := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:UpdatePrimaryRegion","Resource":"*"}]}`
	do[kms.ReplicateKeyResponse](h, "ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: &there, Policy: &pol})
	if _, err := try[kms.UpdatePrimaryRegionOutput](h, "ann", "UpdatePrimaryRegion", &kms.UpdatePrimaryRegionRequest{KeyId: k.KeyId, PrimaryRegion: &there}); err == nil {
		t.Error("the replica's policy denies")
	}
}

// TestReplicaRegion: what forbids keys in a region forbids replicas there.
func TestReplicaRegion(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{MultiRegion: ptr(true)})
	there := "eu-west-1"
	h.who.all["ann"].policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"kms:CreateKey","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"us-west-2"}}}]}`
	if _, err := try[kms.ReplicateKeyResponse](h, "ann", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: k.KeyId, ReplicaRegion: &there}); err == nil {
		t.Error("a key in a region where CreateKey is denied")
	}
}

// TestEventSize: what is refused does not fill the ledger.
func TestEventSize(t *testing.T) {
	h := build(t)
	big := strings.Repeat("x", 900<<10)
	_, _ = try[kms.CreateKeyResponse](h, "bob", "CreateKey", &kms.CreateKeyRequest{Description: &big})
	e := h.events()
	if len(e[len(e)-1].Request) > 110<<10 {
		t.Error("the event keeps all of it")
	}
}
