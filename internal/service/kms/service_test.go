package kms

import (
	"context"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
)

const comprehends = "comprehend.amazonaws.com"

// as is a service that asks as itself, for one of its resources; with a person's key it asks for the person.
func (h *house) as(account, key, op string, in any) (any, error) {
	out, _, err := h.gate.Invoke(context.Background(), api.As{Partition: "aws", Account: account, Region: h.place, Service: comprehends, AccessKey: key,
		SourceAccount: account, SourceARN: "arn:aws:comprehend:" + h.place + ":" + account + ":document-classifier/c"}, "kms", op, in)
	return out, err
}

// TestServiceGrants: a role grants the use of a key to the service for which it works; the service then uses the key by the grant alone and gives the
// grant back. Sources: KMS Developer Guide, "Grants in AWS KMS" and "RetireGrant"; Comprehend Developer Guide, "KMS encryption in Amazon Comprehend".
func TestServiceGrants(t *testing.T) {
	for name, x := range map[string]struct{ owner, account string }{
		"a key of one's own":       {"ann", home},
		"a key of another account": {"eve", abroad},
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t)
			k := do[kms.CreateKeyResponse](h, x.owner, "CreateKey", &kms.CreateKeyRequest{Policy: ptr(`{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + x.account + `:root"},"Action":"kms:*","Resource":"*"},
				{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:role/worker"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`)}).KeyMetadata
			pairs := map[string]string{"aws:comprehend:arn": "arn:aws:comprehend:" + here + ":" + home + ":document-classifier/c"}
			data := &kms.GenerateDataKeyRequest{KeyId: k.Arn, KeySpec: ptr("AES_256"), EncryptionContext: pairs}
			denied := func(what string, err error) {
				t.Helper()
				if err == nil || fault.From(err).Kind != fault.AccessDenied {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, err := h.as(home, "", "GenerateDataKey", data)
			denied("without a grant", err)
			if x.account == abroad { // the role needs its own account's leave too
				h.who.mu.Lock()
				h.who.all["worker"].policy = strings.Replace(all, `"Action":"*"`, `"Action":"kms:CreateGrant"`, 1)
				h.who.mu.Unlock()
			}
			out, err := h.as(home, "worker", "CreateGrant", &kms.CreateGrantRequest{KeyId: k.Arn, GranteePrincipal: ptr(comprehends), RetiringPrincipal: ptr(comprehends), Name: ptr("m"),
				Operations: []string{"Decrypt", "DescribeKey", "GenerateDataKey", "RetireGrant"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: pairs}})
			if err != nil {
				t.Fatal(err)
			}
			grant := out.(*kms.CreateGrantResponse).GrantId
			if out, err = h.as(home, "", "GenerateDataKey", data); err != nil {
				t.Fatal(err)
			}
			sealed := out.(*kms.GenerateDataKeyResponse)
			open := func() error {
				_, err := h.as(home, "", "Decrypt", &kms.DecryptRequest{KeyId: k.Arn, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: pairs})
				return err
			}
			if err := open(); err != nil {
				t.Errorf("by the grant: %v", err)
			}
			_, err = h.as(home, "", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: k.Arn, KeySpec: ptr("AES_256")})
			denied("without the context", err)
			_, err = h.as(home, "worker", "Decrypt", &kms.DecryptRequest{KeyId: k.Arn, CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: pairs})
			denied("the role, by the service's grant", err)
			// The owner's switch holds for the service.
			do[kms.DisableKeyOutput](h, x.owner, "DisableKey", &kms.DisableKeyRequest{KeyId: k.KeyId})
			if err := open(); err == nil || fault.From(err).Code != "DisabledException" {
				t.Errorf("a disabled key: %v", err)
			}
			do[kms.EnableKeyOutput](h, x.owner, "EnableKey", &kms.EnableKeyRequest{KeyId: k.KeyId})
			if err := open(); err != nil {
				t.Errorf("enabled again: %v", err)
			}
			if _, err := h.as(home, "", "RetireGrant", &kms.RetireGrantRequest{KeyId: k.Arn, GrantId: grant}); err != nil {
				t.Errorf("retire: %v", err)
			}
			denied("after the grant", open())
			seen := 0
			for _, e := range h.events() {
				if e.Name == "Decrypt" && e.Caller.Type == "AWSService" && e.Caller.InvokedBy == comprehends && e.Recipient == x.account && e.Error == "" && len(e.Resources) > 0 && e.Resources[0] == *k.Arn {
					seen++
				}
			}
			if seen != 2 {
				t.Errorf("the trail shows %d uses of the key by the service, want 2", seen)
			}
		})
	}
}
