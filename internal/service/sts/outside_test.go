package sts_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/sts"
)

// TestOutside: nobody is believed on the word of a provider, signed or not, and the answer is AWS's for one that is missing.
func TestOutside(t *testing.T) {
	h := build(t)
	token := func(claims string) *string {
		s := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
		return &s
	}
	role, name := "arn:aws:iam::"+home+":role/R", "s"
	web := func(token, provider *string) any {
		return &shape.AssumeRoleWithWebIdentityRequest{RoleArn: &role, RoleSessionName: &name, WebIdentityToken: token, ProviderId: provider}
	}
	plain, amazon, long := "not a token", "www.amazon.com", `{"iss":"`+strings.Repeat("x", 300)+`"}`
	root := h.iam.Root(home)
	for _, c := range []struct {
		op            string
		in            any
		code, message string
	}{
		{"AssumeRoleWithWebIdentity", web(token(`{"iss":"https://id.example.com","sub":"a"}`), nil), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://id.example.com"},
		{"AssumeRoleWithWebIdentity", web(&plain, nil), "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
		{"AssumeRoleWithWebIdentity", web(token(`{}`), nil), "InvalidIdentityToken", ""},
		{"AssumeRoleWithWebIdentity", web(token(long), nil), "InvalidIdentityToken", ""},
		{"AssumeRoleWithWebIdentity", web(&plain, &amazon), "IDPCommunicationError", ""},
		{"AssumeRoleWithWebIdentity", &shape.AssumeRoleWithWebIdentityRequest{RoleArn: &role, RoleSessionName: &name}, "ValidationError", ""},
		{"AssumeRoleWithSAML", &shape.AssumeRoleWithSAMLRequest{RoleArn: &role, PrincipalArn: &role, SAMLAssertion: &plain}, "InvalidIdentityToken", "Specified provider doesn't exist"},
		{"AssumeRoleWithSAML", &shape.AssumeRoleWithSAMLRequest{RoleArn: &role}, "ValidationError", ""},
	} {
		for _, p := range []*identity.Principal{&root, {Kind: identity.Anonymous, ID: "anonymous"}, {Kind: identity.Federated, Account: home, IssuedAt: h.now}} {
			_, err := h.call(p, c.op, "", c.in)
			f := fault.From(err)
			if err == nil || f.Code != c.code || c.message != "" && f.Message != c.message {
				t.Errorf("%s as %s: %v, want %s: %s", c.op, p.Kind, err, c.code, c.message)
			}
		}
	}
}
