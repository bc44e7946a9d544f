package iam

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// refusing makes a row of what cannot be done here: who may not ask is refused as ever, who may is told why.
func refusing[I, O any](name string, honours []string, ask func(*api.Call, store.View, *I) ([]api.Question, error), why func(c *api.Call, v store.View, in *I) error) api.Rower {
	return api.Op[I, O]{Name: name, Honours: honours, Questions: ask, Act: func(c *api.Call, tx store.Tx, in *I) (*O, error) { return nil, why(c, tx, in) }}
}

func cannot(format string, args ...any) error { return fault.Of(fault.NotImplemented, format, args...) }

func absent(format string, args ...any) error {
	return fault.New("NoSuchEntity", format, args...).With(404)
}

const noPasswords = "Cloister has no console and no passwords, so %s."

// neverRows change or show what no user here can have: passwords, second factors, certificates, SSH keys, credentials of single
// services. Where AWS would not find it, it is not found.
func (s *Service) neverRows() []api.Rower {
	return []api.Rower{
		refusing[shape.CreateLoginProfileRequest, shape.CreateLoginProfileResponse]("CreateLoginProfile", []string{"UserName", "Password", "PasswordResetRequired"},
			on(s, "user", "iam:CreateLoginProfile", func(in *shape.CreateLoginProfileRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.CreateLoginProfileRequest) error {
				return s.lacking(c, v, in.UserName, func(string) error { return cannot(noPasswords, "a login profile cannot be made") })
			}),
		api.Op[shape.GetLoginProfileRequest, shape.GetLoginProfileResponse]{Name: "GetLoginProfile", Honours: []string{"UserName"},
			Questions: on(s, "user", "iam:GetLoginProfile", func(in *shape.GetLoginProfileRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.GetLoginProfileRequest) (*shape.GetLoginProfileResponse, error) {
				return nil, s.lacking(c, v, in.UserName, noLogin)
			},
		},
		refusing[shape.UpdateLoginProfileRequest, shape.UpdateLoginProfileOutput]("UpdateLoginProfile", []string{"UserName", "Password", "PasswordResetRequired"},
			on(s, "user", "iam:UpdateLoginProfile", func(in *shape.UpdateLoginProfileRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.UpdateLoginProfileRequest) error {
				return s.lacking(c, v, in.UserName, noLogin)
			}),
		refusing[shape.DeleteLoginProfileRequest, shape.DeleteLoginProfileOutput]("DeleteLoginProfile", []string{"UserName"},
			on(s, "user", "iam:DeleteLoginProfile", func(in *shape.DeleteLoginProfileRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.DeleteLoginProfileRequest) error {
				return s.lacking(c, v, in.UserName, noLogin)
			}),
		refusing[shape.DeactivateMFADeviceRequest, shape.DeactivateMFADeviceOutput]("DeactivateMFADevice", []string{"UserName", "SerialNumber"},
			on(s, "user", "iam:DeactivateMFADevice", func(in *shape.DeactivateMFADeviceRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.DeactivateMFADeviceRequest) error {
				return s.lacking(c, v, in.UserName, func(string) error {
					return absent("MFA device with serial number %s does not exist.", *in.SerialNumber)
				}) // inferred
			}),
		refusing[shape.DeleteSSHPublicKeyRequest, shape.DeleteSSHPublicKeyOutput]("DeleteSSHPublicKey", []string{"UserName", "SSHPublicKeyId"},
			on(s, "user", "iam:DeleteSSHPublicKey", func(in *shape.DeleteSSHPublicKeyRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.DeleteSSHPublicKeyRequest) error {
				return s.lacking(c, v, in.UserName, func(string) error { return absent("The Public Key with id %s cannot be found.", *in.SSHPublicKeyId) })
			}),
		refusing[shape.DeleteSigningCertificateRequest, shape.DeleteSigningCertificateOutput]("DeleteSigningCertificate", []string{"UserName", "CertificateId"},
			on(s, "user", "iam:DeleteSigningCertificate", func(in *shape.DeleteSigningCertificateRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.DeleteSigningCertificateRequest) error {
				return s.lacking(c, v, in.UserName, func(string) error { return absent("The Certificate with id %s cannot be found.", *in.CertificateId) })
			}),
		refusing[shape.DeleteServiceSpecificCredentialRequest, shape.DeleteServiceSpecificCredentialOutput]("DeleteServiceSpecificCredential", []string{"UserName", "ServiceSpecificCredentialId"},
			on(s, "user", "iam:DeleteServiceSpecificCredential", func(in *shape.DeleteServiceSpecificCredentialRequest) *string { return in.UserName }),
			func(c *api.Call, v store.View, in *shape.DeleteServiceSpecificCredentialRequest) error {
				return s.lacking(c, v, in.UserName, func(string) error { return absent("No such credential %s exists", *in.ServiceSpecificCredentialId) })
			}),
		api.Op[shape.GetAccountPasswordPolicyInput, shape.GetAccountPasswordPolicyResponse]{Name: "GetAccountPasswordPolicy",
			Questions: anywhere[shape.GetAccountPasswordPolicyInput]("iam:GetAccountPasswordPolicy"),
			View: func(c *api.Call, _ store.View, _ *shape.GetAccountPasswordPolicyInput) (*shape.GetAccountPasswordPolicyResponse, error) {
				return nil, absent("The Password Policy with domain name %s cannot be found.", c.Account)
			},
		},
		refusing[shape.UpdateAccountPasswordPolicyRequest, shape.UpdateAccountPasswordPolicyOutput]("UpdateAccountPasswordPolicy", []string{"MinimumPasswordLength", "RequireSymbols",
			"RequireNumbers", "RequireUppercaseCharacters", "RequireLowercaseCharacters", "AllowUsersToChangePassword", "MaxPasswordAge", "PasswordReusePrevention", "HardExpiry"},
			anywhere[shape.UpdateAccountPasswordPolicyRequest]("iam:UpdateAccountPasswordPolicy"),
			func(*api.Call, store.View, *shape.UpdateAccountPasswordPolicyRequest) error {
				return cannot(noPasswords, "a policy for them would hold nobody")
			}),
		refusing[shape.DeleteAccountPasswordPolicyInput, shape.DeleteAccountPasswordPolicyOutput]("DeleteAccountPasswordPolicy", nil,
			anywhere[shape.DeleteAccountPasswordPolicyInput]("iam:DeleteAccountPasswordPolicy"),
			func(*api.Call, store.View, *shape.DeleteAccountPasswordPolicyInput) error {
				return absent("The account policy with name PasswordPolicy cannot be found.")
			}),
	}
}

// lacking gives the fault for a user who has none of what is asked about; a user that does not exist is told first.
func (s *Service) lacking(c *api.Call, v store.View, userName *string, none func(user string) error) error {
	_, name, err := s.holds(c, v, userName)
	if err != nil {
		return err
	}
	return none(name)
}

func noLogin(user string) error { return absent("Login Profile for User %s cannot be found.", user) }
