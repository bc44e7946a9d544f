package kms

import (
	"reflect"
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// TestStates holds each operation against each state of a key. Source: KMS Developer Guide, "Key states of AWS KMS keys", its table.
func TestStates(t *testing.T) {
	const ok, off, going, importing, unlike = "", "DisabledException is disabled.", "KMSInvalidStateException is pending deletion (or pending replica deletion).", "KMSInvalidStateException is pending import.",
		"KMSInvalidStateException is not pending deletion (or pending replica deletion)."
	const foreign = "UnsupportedOperationException origin is EXTERNAL which is not valid for this operation."
	h := build(t)
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: h.create(kms.CreateKeyRequest{}).KeyId, Plaintext: []byte("x")}).CiphertextBlob
	type made struct{ id, arn string }
	keyIn := func(state string, in kms.CreateKeyRequest) made {
		if state == pendingImport {
			in.Origin = ptr("EXTERNAL")
		}
		k := h.create(in)
		switch state {
		case disabled:
			do[kms.DisableKeyOutput](h, "ann", "DisableKey", &kms.DisableKeyRequest{KeyId: k.KeyId})
		case pendingDeletion:
			do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId})
		}
		if got := do[kms.DescribeKeyResponse](h, "ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.KeyId}).KeyMetadata; *got.KeyState != state || *got.Enabled != (state == enabled) {
			t.Fatalf("%+v, want %s", got, state)
		}
		return made{*k.KeyId, *k.Arn}
	}
	for _, x := range []struct {
		op                         string
		of                         kms.CreateKeyRequest
		in                         func(id *string) any
		disabled, going, importing string
	}{
		{"Encrypt", kms.CreateKeyRequest{}, func(id *string) any { return &kms.EncryptRequest{KeyId: id, Plaintext: []byte("x")} }, off, going, importing},
		{"Decrypt", kms.CreateKeyRequest{}, func(id *string) any { return &kms.DecryptRequest{KeyId: id, CiphertextBlob: text} }, off, going, importing},
		{"ReEncrypt", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ReEncryptRequest{DestinationKeyId: id, CiphertextBlob: text} }, off, going, importing},
		{"GenerateDataKey", kms.CreateKeyRequest{}, func(id *string) any { return &kms.GenerateDataKeyRequest{KeyId: id, KeySpec: ptr("AES_128")} }, off, going, importing},
		{"GenerateDataKeyWithoutPlaintext", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.GenerateDataKeyWithoutPlaintextRequest{KeyId: id, NumberOfBytes: ptr(int64(7))}
		}, off, going, importing},
		{"GenerateDataKeyPair", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.GenerateDataKeyPairRequest{KeyId: id, KeyPairSpec: ptr("ECC_NIST_P256")}
		}, off, going, importing},
		{"GenerateDataKeyPairWithoutPlaintext", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.GenerateDataKeyPairWithoutPlaintextRequest{KeyId: id, KeyPairSpec: ptr("ECC_NIST_P256")}
		}, off, going, importing},
		{"GenerateMac", kms.CreateKeyRequest{KeySpec: ptr("HMAC_256"), KeyUsage: ptr("GENERATE_VERIFY_MAC")}, func(id *string) any {
			return &kms.GenerateMacRequest{KeyId: id, Message: []byte("m"), MacAlgorithm: ptr("HMAC_SHA_256")}
		}, off, going, importing},
		{"VerifyMac", kms.CreateKeyRequest{KeySpec: ptr("HMAC_256"), KeyUsage: ptr("GENERATE_VERIFY_MAC")}, func(id *string) any {
			return &kms.VerifyMacRequest{KeyId: id, Message: []byte("m"), MacAlgorithm: ptr("HMAC_SHA_256"), Mac: []byte("m")}
		}, off, going, importing},
		{"Sign", kms.CreateKeyRequest{KeySpec: ptr("ECC_NIST_P256"), KeyUsage: ptr("SIGN_VERIFY")}, func(id *string) any {
			return &kms.SignRequest{KeyId: id, Message: []byte("m"), SigningAlgorithm: ptr("ECDSA_SHA_256")}
		}, off, going, importing},
		{"Verify", kms.CreateKeyRequest{KeySpec: ptr("ECC_NIST_P256"), KeyUsage: ptr("SIGN_VERIFY")}, func(id *string) any {
			return &kms.VerifyRequest{KeyId: id, Message: []byte("m"), Signature: []byte("s"), SigningAlgorithm: ptr("ECDSA_SHA_256")}
		}, off, going, importing},
		{"GetPublicKey", kms.CreateKeyRequest{KeySpec: ptr("ECC_NIST_P256"), KeyUsage: ptr("SIGN_VERIFY")}, func(id *string) any { return &kms.GetPublicKeyRequest{KeyId: id} }, off, going, importing},
		{"CreateGrant", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.CreateGrantRequest{KeyId: id, GranteePrincipal: ptr("arn:aws:iam::" + home + ":user/bob"), Operations: []string{"Decrypt"}}
		}, off, going, importing},
		{"EnableKey", kms.CreateKeyRequest{}, func(id *string) any { return &kms.EnableKeyRequest{KeyId: id} }, ok, going, importing},
		{"DisableKey", kms.CreateKeyRequest{}, func(id *string) any { return &kms.DisableKeyRequest{KeyId: id} }, ok, going, importing},
		{"CreateAlias", kms.CreateKeyRequest{}, func(id *string) any { return &kms.CreateAliasRequest{TargetKeyId: id, AliasName: ptr("alias/" + *id)} }, ok, going, ok},
		{"TagResource", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.TagResourceRequest{KeyId: id, Tags: []kms.Tag{{TagKey: ptr("a"), TagValue: ptr("")}}}
		}, ok, going, ok},
		{"UntagResource", kms.CreateKeyRequest{}, func(id *string) any { return &kms.UntagResourceRequest{KeyId: id, TagKeys: []string{"a"}} }, ok, going, ok},
		{"UpdateKeyDescription", kms.CreateKeyRequest{}, func(id *string) any { return &kms.UpdateKeyDescriptionRequest{KeyId: id, Description: ptr("d")} }, ok, going, ok},
		{"ScheduleKeyDeletion", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ScheduleKeyDeletionRequest{KeyId: id} }, ok, going, ok},
		{"EnableKeyRotation", kms.CreateKeyRequest{}, func(id *string) any { return &kms.EnableKeyRotationRequest{KeyId: id} }, off, going, foreign},
		{"DisableKeyRotation", kms.CreateKeyRequest{}, func(id *string) any { return &kms.DisableKeyRotationRequest{KeyId: id} }, off, going, foreign},
		{"GetKeyRotationStatus", kms.CreateKeyRequest{}, func(id *string) any { return &kms.GetKeyRotationStatusRequest{KeyId: id} }, ok, ok, importing},
		{"CancelKeyDeletion", kms.CreateKeyRequest{}, func(id *string) any { return &kms.CancelKeyDeletionRequest{KeyId: id} }, unlike, ok, unlike},
		{"DescribeKey", kms.CreateKeyRequest{}, func(id *string) any { return &kms.DescribeKeyRequest{KeyId: id} }, ok, ok, ok},
		{"GetKeyPolicy", kms.CreateKeyRequest{}, func(id *string) any { return &kms.GetKeyPolicyRequest{KeyId: id} }, ok, ok, ok},
		{"PutKeyPolicy", kms.CreateKeyRequest{}, func(id *string) any {
			return &kms.PutKeyPolicyRequest{KeyId: id, Policy: ptr(defaultPolicy("aws", home))}
		}, ok, ok, ok},
		{"ListAliases", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ListAliasesRequest{KeyId: id} }, ok, ok, ok},
		{"ListGrants", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ListGrantsRequest{KeyId: id} }, ok, ok, ok},
		{"ListKeyPolicies", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ListKeyPoliciesRequest{KeyId: id} }, ok, ok, ok},
		{"ListResourceTags", kms.CreateKeyRequest{}, func(id *string) any { return &kms.ListResourceTagsRequest{KeyId: id} }, ok, ok, ok},
	} {
		for state, want := range map[string]string{enabled: ok, disabled: x.disabled, pendingDeletion: x.going, pendingImport: x.importing} {
			if state == enabled && (x.op == "Decrypt" || x.op == "Verify" || x.op == "VerifyMac" || x.op == "CancelKeyDeletion") { // it is about another text
				continue
			}
			t.Run(x.op+"/"+state, func(t *testing.T) {
				k := keyIn(state, x.of)
				if in := x.in(&k.id); reflect.ValueOf(in).Elem().FieldByName("DryRun").IsValid() {
					reflect.ValueOf(in).Elem().FieldByName("DryRun").Set(reflect.ValueOf(ptr(true)))
					_, err := h.invoke("ann", "kms", x.op, in)
					f := fault.From(err)
					if got := f.Code + " " + strings.TrimPrefix(f.Message, k.arn+" "); want != "" && got != want || want == "" && f.Kind != fault.DryRun {
						t.Errorf("dry run: got %q, want %q", got, want)
					}
				}
				_, err := h.invoke("ann", "kms", x.op, x.in(&k.id))
				got := ""
				if err != nil {
					f := fault.From(err)
					got = f.Code + " " + strings.TrimPrefix(f.Message, k.arn+" ")
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

// TestDryRunLeavesNothing holds a dry run that would have made something.
func TestDryRunLeavesNothing(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	in := &kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr("arn:aws:iam::" + home + ":user/bob"), Operations: []string{"Decrypt"}, DryRun: ptr(true)}
	if _, err := h.invoke("ann", "kms", "CreateGrant", in); fault.From(err).Kind != fault.DryRun {
		t.Fatal(err)
	}
	if l := do[kms.ListGrantsResponse](h, "ann", "ListGrants", &kms.ListGrantsRequest{KeyId: k.KeyId}); len(l.Grants) != 0 {
		t.Errorf("%+v", l.Grants)
	}
}

func TestDeletionIsCancelled(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x")}).CiphertextBlob
	h.refused("ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(6))}, "ValidationException", "between 7 and 30")
	s := do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
	if *s.KeyId != *k.Arn || s.DeletionDate.Sub(h.clock.Now()).Hours() != 7*24 || *s.KeyState != pendingDeletion {
		t.Errorf("%+v", s)
	}
	do[kms.CancelKeyDeletionResponse](h, "ann", "CancelKeyDeletion", &kms.CancelKeyDeletionRequest{KeyId: k.KeyId})
	h.refused("ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}, "DisabledException", "is disabled") // it comes back disabled
	do[kms.EnableKeyOutput](h, "ann", "EnableKey", &kms.EnableKeyRequest{KeyId: k.KeyId})
	do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text})
}

// Usable tells services that hold data keys whether to go on.
func TestUsable(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	check := func(arn string, want bool) {
		t.Helper()
		err := h.store.View(t.Context(), func(v store.View) error {
			if got, err := h.kms.Usable(v, arn, h.clock.Now()); err != nil || got != want {
				t.Errorf("%s: %v, %v", arn, got, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	check(*k.Arn, true)
	check(strings.Replace(*k.Arn, h.place, "eu-north-1", 1), false)
	do[kms.DisableKeyOutput](h, "ann", "DisableKey", &kms.DisableKeyRequest{KeyId: k.KeyId})
	check(*k.Arn, false)
	do[kms.EnableKeyOutput](h, "ann", "EnableKey", &kms.EnableKeyRequest{KeyId: k.KeyId})
	check(*k.Arn, true)
	do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId})
	check(*k.Arn, false)
}
