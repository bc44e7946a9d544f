package sts

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

// outsideRows open sessions for those whom an identity provider vouches for. No account here has a provider, so no token and no
// assertion is believed: AWS answers so where the provider is missing. The token is the caller's proof of who it is, therefore it is
// judged before anything is asked of a policy, and a signature is neither needed nor looked at.
func outsideRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AssumeRoleWithWebIdentityRequest, shape.AssumeRoleWithWebIdentityResponse]{
			Name: "AssumeRoleWithWebIdentity", ReadOnly: true,
			Honours: []string{"RoleArn", "RoleSessionName", "WebIdentityToken", "ProviderId", "PolicyArns.*", "Policy", "DurationSeconds"},
			Questions: func(_ *api.Call, _ store.View, in *shape.AssumeRoleWithWebIdentityRequest) ([]api.Question, error) {
				return nil, webIdentity(in)
			},
			Act: func(_ *api.Call, _ store.Tx, in *shape.AssumeRoleWithWebIdentityRequest) (*shape.AssumeRoleWithWebIdentityResponse, error) {
				return nil, webIdentity(in)
			},
		},
		api.Op[shape.AssumeRoleWithSAMLRequest, shape.AssumeRoleWithSAMLResponse]{
			Name: "AssumeRoleWithSAML", ReadOnly: true,
			Honours: []string{"RoleArn", "PrincipalArn", "SAMLAssertion", "PolicyArns.*", "Policy", "DurationSeconds"},
			Questions: func(_ *api.Call, _ store.View, in *shape.AssumeRoleWithSAMLRequest) ([]api.Question, error) {
				return nil, samlIdentity(in)
			},
			Act: func(_ *api.Call, _ store.Tx, in *shape.AssumeRoleWithSAMLRequest) (*shape.AssumeRoleWithSAMLResponse, error) {
				return nil, samlIdentity(in)
			},
		},
	}
}

// webIdentity is why a token is not believed. It is never nil.
func webIdentity(in *shape.AssumeRoleWithWebIdentityRequest) error {
	for _, m := range []struct {
		name  string
		value *string
	}{{"roleArn", in.RoleArn}, {"roleSessionName", in.RoleSessionName}, {"webIdentityToken", in.WebIdentityToken}} {
		if m.value == nil {
			return unset(m.name)
		}
	}
	if in.ProviderId != nil {
		return fault.New("IDPCommunicationError", "Cloister asks no identity provider: %s cannot be reached.", *in.ProviderId).With(400)
	}
	issuer, ok := issuerOf(*in.WebIdentityToken)
	if !ok {
		return untrusted("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	return untrusted("No OpenIDConnect provider found in your account for %s", issuer)
}

func samlIdentity(in *shape.AssumeRoleWithSAMLRequest) error {
	for _, m := range []struct {
		name  string
		value *string
	}{{"roleArn", in.RoleArn}, {"principalArn", in.PrincipalArn}, {"sAMLAssertion", in.SAMLAssertion}} {
		if m.value == nil {
			return unset(m.name)
		}
	}
	return untrusted("Specified provider doesn't exist")
}

func unset(member string) error {
	return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

func untrusted(format string, args ...any) error {
	return fault.New("InvalidIdentityToken", format, args...).With(400)
}

// issuerOf reads who a token says it is from (RFC 7519). Nothing about it is proved.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(b, &claims) != nil || claims.Issuer == "" || len(claims.Issuer) > 255 {
		return "", false
	}
	return claims.Issuer, true
}
