package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"cloister/internal/engine/tend"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

const day = 24 * time.Hour

// aging is the daemon's.
type aging struct {
	*Service
	l Ledger
}

func (a aging) Settle(ctx context.Context, k store.Key) (int, error) { return a.Tend(ctx, a.l, k) }

// settle turns the engine once.
func (h *house) settle() {
	h.Helper()
	e := tend.Engine{Store: h.store, Keeper: aging{h.kms, h.store}, Log: slog.New(slog.DiscardHandler)}
	if err := e.Turn(context.Background()); err != nil {
		h.Fatal(err)
	}
}

// TestDeletion: when the waiting period ends, nothing of the key is left, in the database's file either.
func TestDeletion(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{Tags: []kms.Tag{{TagKey: ptr("a"), TagValue: ptr("b")}}})
	text := do[kms.EncryptResponse](h, "ann", "Encrypt", &kms.EncryptRequest{KeyId: k.KeyId, Plaintext: []byte("x")}).CiphertextBlob
	do[kms.CreateAliasOutput](h, "ann", "CreateAlias", &kms.CreateAliasRequest{AliasName: ptr("alias/gone"), TargetKeyId: k.KeyId})
	h.grant("ann", kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr(bob), Operations: []string{"Decrypt"}})
	do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
	var sealed []byte
	look := func() (left int) {
		err := h.store.View(t.Context(), func(v store.View) error {
			for _, kind := range []string{"kms-key", "kms-material", "kms-alias", "kms-grant"} {
				rows, err := v.List(store.Query{AnyScope: true, Kind: kind})
				if err != nil {
					return err
				}
				left += len(rows)
				for _, r := range rows {
					if kind == "kms-material" {
						m, err := materials.Get(v, r.Scope, r.ID)
						if err != nil {
							return err
						}
						sealed = m.Value.Sealed
					}
				}
			}
			tags, err := v.Tags(*k.Arn)
			left += len(tags)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	h.clock.pass(7*day - time.Second)
	h.settle()
	if n := look(); n != 5 {
		t.Fatalf("%d things are left before the end, want 5", n)
	}
	h.clock.pass(time.Second)
	h.refused("ann", "CancelKeyDeletion", &kms.CancelKeyDeletionRequest{KeyId: k.KeyId}, "KMSInvalidStateException", "has ended")
	h.settle()
	if n := look(); n != 0 {
		t.Errorf("%d things are left", n)
	}
	h.refused("ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: text}, "AccessDenied", "does not exist")
	h.refused("ann", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.KeyId}, "NotFoundException", "does not exist")
	e := h.events()
	last := e[len(e)-3]
	if last.Name != "DeleteKey" || last.Caller.Type != "AWSService" || last.Resources[0] != *k.Arn || last.Recipient != home {
		t.Errorf("%+v", last)
	}
	path := h.file
	if err := h.store.Close(); err != nil { // empties the log into the file
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(b, []byte(base64.StdEncoding.EncodeToString(sealed))); i >= 0 {
		t.Errorf("the sealed material is still in the file, at %d", i)
	}
}

func TestRotation(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	seal := func() *kms.GenerateDataKeyResponse {
		return do[kms.GenerateDataKeyResponse](h, "ann", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.KeyId, KeySpec: ptr("AES_256")})
	}
	first := seal()
	if s := do[kms.GetKeyRotationStatusResponse](h, "ann", "GetKeyRotationStatus", &kms.GetKeyRotationStatusRequest{KeyId: k.KeyId}); *s.KeyRotationEnabled {
		t.Error("it rotates unasked")
	}
	do[kms.EnableKeyRotationOutput](h, "ann", "EnableKeyRotation", &kms.EnableKeyRotationRequest{KeyId: k.KeyId, RotationPeriodInDays: ptr(int64(90))})
	s := do[kms.GetKeyRotationStatusResponse](h, "ann", "GetKeyRotationStatus", &kms.GetKeyRotationStatusRequest{KeyId: k.KeyId})
	if !*s.KeyRotationEnabled || *s.RotationPeriodInDays != 90 || s.NextRotationDate.Sub(h.clock.Now()) != 90*day {
		t.Errorf("%+v", s)
	}
	h.clock.pass(91 * day)
	h.settle()
	h.settle() // once
	second := seal()
	h.clock.pass(time.Hour)
	do[kms.RotateKeyOnDemandResponse](h, "ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: k.KeyId})
	third := seal()
	if *first.KeyMaterialId == *second.KeyMaterialId || *second.KeyMaterialId == *third.KeyMaterialId {
		t.Error("the material did not change")
	}
	for i, d := range []*kms.GenerateDataKeyResponse{first, second, third} {
		got := do[kms.DecryptResponse](h, "ann", "Decrypt", &kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob})
		if !bytes.Equal(got.Plaintext, d.Plaintext) || *got.KeyMaterialId != *d.KeyMaterialId {
			t.Errorf("data key %d does not open", i)
		}
	}
	list := do[kms.ListKeyRotationsResponse](h, "ann", "ListKeyRotations", &kms.ListKeyRotationsRequest{KeyId: k.KeyId}).Rotations
	if len(list) != 2 || *list[0].RotationType != "AUTOMATIC" || *list[1].RotationType != "ON_DEMAND" || *list[1].KeyMaterialState != "CURRENT" || *list[0].KeyMaterialState != "NON_CURRENT" {
		t.Errorf("%+v", list)
	}
	if got := do[kms.ListKeyRotationsResponse](h, "ann", "ListKeyRotations", &kms.ListKeyRotationsRequest{KeyId: k.KeyId, IncludeKeyMaterial: ptr("ALL_KEY_MATERIAL")}).Rotations; len(got) != 3 || *got[0].KeyMaterialId != *first.KeyMaterialId {
		t.Errorf("%+v", got)
	}
	do[kms.DisableKeyOutput](h, "ann", "DisableKey", &kms.DisableKeyRequest{KeyId: k.KeyId})
	h.refused("ann", "EnableKeyRotation", &kms.EnableKeyRotationRequest{KeyId: k.KeyId}, "DisabledException", "")
	mac := h.create(kms.CreateKeyRequest{KeySpec: ptr("HMAC_256"), KeyUsage: ptr("GENERATE_VERIFY_MAC")})
	h.refused("ann", "EnableKeyRotation", &kms.EnableKeyRotationRequest{KeyId: mac.KeyId}, "UnsupportedOperationException", "")
	h.refused("ann", "RotateKeyOnDemand", &kms.RotateKeyOnDemandRequest{KeyId: mac.KeyId}, "UnsupportedOperationException", "")
	n := 0
	for _, e := range h.events() {
		if e.Name == "RotateKey" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d rotations by itself are recorded", n)
	}
}

// TestSettleFails: a key that cannot be settled does not keep the others from it.
func TestSettleFails(t *testing.T) {
	h := build(t)
	for range 2 {
		k := h.create(kms.CreateKeyRequest{})
		do[kms.ScheduleKeyDeletionResponse](h, "ann", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: k.KeyId, PendingWindowInDays: ptr(int64(7))})
	}
	h.clock.pass(8 * day)
	f := &failing{Ledger: h.store}
	e := tend.Engine{Store: h.store, Keeper: aging{h.kms, f}, Log: slog.New(slog.DiscardHandler)}
	if err := e.Turn(t.Context()); !errors.Is(err, errTest) || f.done != 2 {
		t.Errorf("%v after %d", err, f.done)
	}
	h.settle()
	if out := do[kms.ListKeysResponse](h, "ann", "ListKeys", &kms.ListKeysRequest{}); len(out.Keys) != 0 {
		t.Errorf("%d keys are left", len(out.Keys))
	}
}

var errTest = errors.New("a disk that fails")

type failing struct {
	Ledger
	done int
}

func (f *failing) Update(ctx context.Context, change func(store.Tx) error) error {
	f.done++
	return f.Ledger.Update(ctx, func(tx store.Tx) error {
		if err := change(tx); err != nil || f.done > 1 {
			return err
		}
		return errTest // nothing of it may stay
	})
}
