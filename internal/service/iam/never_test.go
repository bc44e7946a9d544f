package iam_test

import (
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
)

// TestNever: what nobody can have here is not found in AWS's words, or refused with the reason, and only to who may ask.
func TestNever(t *testing.T) {
	h := build(t)
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	ada, bob := ptr("ada"), ptr("bob")
	provider := ptr("arn:aws:iam::" + home + ":oidc-provider/id.example.com")
	const notBuilt = ""
	for _, c := range []struct {
		op            string
		in            any
		code, message string
	}{
		{"CreateLoginProfile", &shape.CreateLoginProfileRequest{UserName: ada, Password: ptr("x")}, notBuilt, "Cloister has no console and no passwords, so a login profile cannot be made."},
		{"CreateLoginProfile", &shape.CreateLoginProfileRequest{UserName: bob, Password: ptr("x")}, "NoSuchEntity", "The user with name bob cannot be found."},
		{"GetLoginProfile", &shape.GetLoginProfileRequest{UserName: ada}, "NoSuchEntity", "Login Profile for User ada cannot be found."},
		{"GetLoginProfile", &shape.GetLoginProfileRequest{UserName: bob}, "NoSuchEntity", "The user with name bob cannot be found."},
		{"UpdateLoginProfile", &shape.UpdateLoginProfileRequest{UserName: ada}, "NoSuchEntity", "Login Profile for User ada cannot be found."},
		{"DeleteLoginProfile", &shape.DeleteLoginProfileRequest{UserName: ada}, "NoSuchEntity", "Login Profile for User ada cannot be found."},
		{"DeactivateMFADevice", &shape.DeactivateMFADeviceRequest{UserName: ada, SerialNumber: ptr("x")}, "NoSuchEntity", "MFA device with serial number x does not exist."},
		{"DeleteSSHPublicKey", &shape.DeleteSSHPublicKeyRequest{UserName: ada, SSHPublicKeyId: ptr("x")}, "NoSuchEntity", "The Public Key with id x cannot be found."},
		{"DeleteSigningCertificate", &shape.DeleteSigningCertificateRequest{UserName: ada, CertificateId: ptr("x")}, "NoSuchEntity", "The Certificate with id x cannot be found."},
		{"DeleteServiceSpecificCredential", &shape.DeleteServiceSpecificCredentialRequest{UserName: ada, ServiceSpecificCredentialId: ptr("x")}, "NoSuchEntity", "No such credential x exists"},
		{"GetAccountPasswordPolicy", &shape.GetAccountPasswordPolicyInput{}, "NoSuchEntity", "The Password Policy with domain name " + home + " cannot be found."},
		{"UpdateAccountPasswordPolicy", &shape.UpdateAccountPasswordPolicyRequest{}, notBuilt, "Cloister has no console and no passwords, so a policy for them would hold nobody."},
		{"DeleteAccountPasswordPolicy", &shape.DeleteAccountPasswordPolicyInput{}, "NoSuchEntity", "The account policy with name PasswordPolicy cannot be found."},
		{"CreateOpenIDConnectProvider", &shape.CreateOpenIDConnectProviderRequest{Url: ptr("https://id.example.com"), Tags: []shape.Tag{{Key: ptr("a"), Value: ptr("b")}}}, notBuilt,
			"Cloister asks no identity provider for its keys, so one that could never be believed is not made."},
		{"GetOpenIDConnectProvider", &shape.GetOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", "OpenIDConnect Provider not found for arn " + *provider},
		{"ListOpenIDConnectProviderTags", &shape.ListOpenIDConnectProviderTagsRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
		{"AddClientIDToOpenIDConnectProvider", &shape.AddClientIDToOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
		{"RemoveClientIDFromOpenIDConnectProvider", &shape.RemoveClientIDFromOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
		{"UpdateOpenIDConnectProviderThumbprint", &shape.UpdateOpenIDConnectProviderThumbprintRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
		{"TagOpenIDConnectProvider", &shape.TagOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
		{"UntagOpenIDConnectProvider", &shape.UntagOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider}, "NoSuchEntity", ""},
	} {
		h.refuse(c.op, c.in, c.code, c.message)
		_, err := h.try(h.root(home), c.op, c.in)
		if k := fault.From(err).Kind; (k == fault.NotImplemented) != (c.code == notBuilt) {
			t.Errorf("%s is refused as %s", c.op, k)
		}
		user := &identity.Principal{Kind: identity.User, Partition: "aws", Account: home, UniqueID: "AIDANOBODY", Name: "ada"}
		_, err = h.try(user, c.op, c.in)
		h.kind(err, fault.AccessDenied)
	}
	if out := do[shape.ListOpenIDConnectProvidersResponse](h, home, "ListOpenIDConnectProviders", &shape.ListOpenIDConnectProvidersRequest{}); out.OpenIDConnectProviderList == nil || len(out.OpenIDConnectProviderList) > 0 {
		t.Errorf("providers: %+v", out)
	}
	do[shape.DeleteOpenIDConnectProviderOutput](h, home, "DeleteOpenIDConnectProvider", &shape.DeleteOpenIDConnectProviderRequest{OpenIDConnectProviderArn: provider})
}
