package kms

import (
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
)

const bob = "arn:aws:iam::" + home + ":user/bob"

func (h *house) grant(who string, in kms.CreateGrantRequest) *kms.CreateGrantResponse {
	h.Helper()
	return do[kms.CreateGrantResponse](h, who, "CreateGrant", &in)
}

// may says whether a data key is refused, by code.
func (h *house) may(who string, key *string, context map[string]string) string {
	_, err := try[kms.GenerateDataKeyResponse](h, who, "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: key, KeySpec: ptr("AES_256"), EncryptionContext: context})
	if err == nil {
		return "yes"
	}
	f := fault.From(err)
	return f.Code + f.Kind.String()
}

// TestGrants: KMS Developer Guide, "Grants in AWS KMS".
func TestGrants(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	const no = "AccessDenied"
	if got := h.may("bob", k.Arn, nil); !strings.Contains(got, no) {
		t.Fatalf("bob before: %s", got)
	}
	g := h.grant("ann", kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr(bob), Operations: []string{"GenerateDataKey", "DescribeKey"}, Name: ptr("one"),
		Constraints: &kms.GrantConstraints{EncryptionContextSubset: map[string]string{"team": "red"}}})
	for _, x := range []struct {
		who     string
		context map[string]string
		want    string
	}{
		{"bob", map[string]string{"team": "red"}, "yes"},
		{"bob", map[string]string{"team": "red", "more": "x"}, "yes"},
		{"bob", map[string]string{"team": "blue"}, no},
		{"bob", nil, no},
		{"worker", map[string]string{"team": "red"}, no},
		{"kim", map[string]string{"team": "red"}, no},
	} {
		if got := h.may(x.who, k.Arn, x.context); !strings.Contains(got, x.want) {
			t.Errorf("%s with %v: %s, want %s", x.who, x.context, got, x.want)
		}
	}
	do[kms.DescribeKeyResponse](h, "bob", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.Arn, GrantTokens: []string{*g.GrantToken}}) // constraints are not applied
	h.refused("bob", "DescribeKey", &kms.DescribeKeyRequest{KeyId: k.Arn, GrantTokens: []string{"x"}}, "InvalidGrantTokenException", "")
	// The same request is the same grant, with a token of its own.
	again := h.grant("ann", kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr(bob), Operations: []string{"DescribeKey", "GenerateDataKey"}, Name: ptr("one"),
		Constraints: &kms.GrantConstraints{EncryptionContextSubset: map[string]string{"team": "red"}}})
	other := h.grant("ann", kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr(bob), Operations: []string{"DescribeKey"}, Name: ptr("one")})
	if *again.GrantId != *g.GrantId || *again.GrantToken == *g.GrantToken || *other.GrantId == *g.GrantId {
		t.Errorf("%s %s %s", *g.GrantId, *again.GrantId, *other.GrantId)
	}
	list := do[kms.ListGrantsResponse](h, "ann", "ListGrants", &kms.ListGrantsRequest{KeyId: k.KeyId, GranteePrincipal: ptr(bob)}).Grants
	if len(list) != 2 || *list[0].GranteePrincipal != bob || *list[0].KeyId != *k.Arn || *list[0].IssuingAccount != "arn:aws:iam::"+home+":root" {
		t.Errorf("%+v", list)
	}
	// A grant dies with its user: another of the name is another.
	h.who.mu.Lock()
	h.who.all["bob"].UniqueID, h.who.all["bob"].ID = unique("AIDA", "bobby"), unique("AIDA", "bobby")
	h.who.mu.Unlock()
	if got := h.may("bob", k.Arn, map[string]string{"team": "red"}); !strings.Contains(got, no) {
		t.Errorf("a namesake: %s", got)
	}
	if got := do[kms.ListGrantsResponse](h, "ann", "ListGrants", &kms.ListGrantsRequest{KeyId: k.KeyId}).Grants; *got[0].GranteePrincipal != unique("AIDA", "bob") {
		t.Errorf("who is gone is shown as %s", *got[0].GranteePrincipal)
	}
	for name, x := range map[string]struct {
		in   kms.CreateGrantRequest
		code string
	}{
		"an operation the key cannot do": {kms.CreateGrantRequest{GranteePrincipal: ptr(bob), Operations: []string{"Sign"}}, "ValidationException"},
		"nobody":                         {kms.CreateGrantRequest{GranteePrincipal: ptr("arn:aws:iam::" + home + ":user/nobody"), Operations: []string{"Decrypt"}}, "InvalidArnException"},
		"a service, asked by a person":   {kms.CreateGrantRequest{GranteePrincipal: ptr("s3.amazonaws.com"), Operations: []string{"Decrypt"}}, "InvalidArnException"},
		"no operation":                   {kms.CreateGrantRequest{GranteePrincipal: ptr(bob), Operations: []string{}}, "ValidationException"},
	} {
		x.in.KeyId = k.KeyId
		t.Run(name, func(t *testing.T) { h.refused("ann", "CreateGrant", &x.in, x.code, "") })
	}
	for _, e := range h.events() {
		if strings.Contains(string(e.Request)+string(e.Response), *g.GrantToken) {
			t.Errorf("%s records a token", e.Name)
		}
	}
}

// TestGrantsHandOn: what is granted by a grant is no more than the grant. Source: KMS Developer Guide, "Granting CreateGrant permission".
func TestGrantsHandOn(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{})
	red := map[string]string{"team": "red"}
	wide := map[string]string{"team": "red", "x": "y"}
	h.grant("ann", kms.CreateGrantRequest{KeyId: k.KeyId, GranteePrincipal: ptr("arn:aws:iam::" + home + ":role/worker"), Operations: []string{"CreateGrant", "Decrypt"},
		Constraints: &kms.GrantConstraints{EncryptionContextSubset: red}})
	for name, x := range map[string]struct {
		in kms.CreateGrantRequest
		ok bool
	}{
		"less":                      {kms.CreateGrantRequest{Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: red}}, true},
		"a stricter subset":         {kms.CreateGrantRequest{Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: wide}}, true},
		"exactly one context":       {kms.CreateGrantRequest{Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextEquals: wide}}, true},
		"the same":                  {kms.CreateGrantRequest{Operations: []string{"CreateGrant", "Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: red}}, true},
		"another operation":         {kms.CreateGrantRequest{Operations: []string{"Encrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: red}}, false},
		"no constraint":             {kms.CreateGrantRequest{Operations: []string{"Decrypt"}}, false},
		"another team":              {kms.CreateGrantRequest{Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextSubset: map[string]string{"team": "blue"}}}, false},
		"a constraint of something": {kms.CreateGrantRequest{Operations: []string{"Decrypt"}, Constraints: &kms.GrantConstraints{EncryptionContextEquals: map[string]string{"x": "y"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x.in.KeyId, x.in.GranteePrincipal = k.KeyId, ptr(bob)
			if _, err := try[kms.CreateGrantResponse](h, "worker", "CreateGrant", &x.in); (err == nil) != x.ok {
				t.Errorf("%v, want allowed %t", err, x.ok)
			}
		})
	}
}

// TestRetire: KMS API Reference, RetireGrant.
func TestRetire(t *testing.T) {
	h := build(t)
	k := h.create(kms.CreateKeyRequest{Policy: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:user/ann"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:user/eve"},"Action":"kms:*","Resource":"*"}]}`)})
	make1 := func(in kms.CreateGrantRequest) *kms.CreateGrantResponse {
		in.KeyId, in.Operations = k.KeyId, append(in.Operations, "Decrypt")
		return h.grant("ann", in)
	}
	worker := "arn:aws:iam::" + home + ":role/worker"
	g := make1(kms.CreateGrantRequest{GranteePrincipal: ptr(bob), RetiringPrincipal: &worker})
	// The key's policy allows eve everything, and yet not this.
	h.refused("eve", "RetireGrant", &kms.RetireGrantRequest{KeyId: k.Arn, GrantId: g.GrantId}, "AccessDenied", "")
	h.refused("eve", "RetireGrant", &kms.RetireGrantRequest{GrantToken: g.GrantToken}, "AccessDenied", "")
	h.refused("bob", "RetireGrant", &kms.RetireGrantRequest{GrantToken: g.GrantToken}, "AccessDenied", "")
	h.refused("worker", "RetireGrant", &kms.RetireGrantRequest{GrantToken: ptr("forged")}, "InvalidGrantTokenException", "")
	do[kms.RetireGrantOutput](h, "worker", "RetireGrant", &kms.RetireGrantRequest{GrantToken: g.GrantToken})
	h.refused("worker", "RetireGrant", &kms.RetireGrantRequest{GrantToken: g.GrantToken}, "NotFoundException", "")
	g = make1(kms.CreateGrantRequest{GranteePrincipal: ptr(bob), Operations: []string{"RetireGrant"}})
	do[kms.RetireGrantOutput](h, "bob", "RetireGrant", &kms.RetireGrantRequest{KeyId: k.Arn, GrantId: g.GrantId})
	g = make1(kms.CreateGrantRequest{GranteePrincipal: ptr(bob)})
	do[kms.RetireGrantOutput](h, "ann", "RetireGrant", &kms.RetireGrantRequest{KeyId: k.Arn, GrantId: g.GrantId}) // by IAM, of the account that made it
	g = make1(kms.CreateGrantRequest{GranteePrincipal: ptr(bob), RetiringPrincipal: &worker})
	list := do[kms.ListGrantsResponse](h, "ann", "ListRetirableGrants", &kms.ListRetirableGrantsRequest{RetiringPrincipal: &worker}).Grants
	if len(list) != 1 || *list[0].GrantId != *g.GrantId || *list[0].RetiringPrincipal != worker {
		t.Errorf("%+v", list)
	}
	h.refused("bob", "RevokeGrant", &kms.RevokeGrantRequest{KeyId: k.Arn, GrantId: g.GrantId}, "AccessDenied", "")
	do[kms.RevokeGrantOutput](h, "ann", "RevokeGrant", &kms.RevokeGrantRequest{KeyId: k.Arn, GrantId: g.GrantId})
	h.refused("ann", "RevokeGrant", &kms.RevokeGrantRequest{KeyId: k.Arn, GrantId: g.GrantId}, "NotFoundException", "")
}
