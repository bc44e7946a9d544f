package iam

import (
	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// absentRows list what does not exist here and cannot be made: second factors, certificates, SSH keys and passwords of single
// services. The empty list is the truth; tools ask for them before they delete a user. A user that does not exist is
// refused all the same.
func (s *Service) absentRows() []api.Rower {
	no := false
	return []api.Rower{
		api.Op[shape.ListMFADevicesRequest, shape.ListMFADevicesResponse]{
			Name: "ListMFADevices", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListMFADevices", func(in *shape.ListMFADevicesRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListMFADevicesRequest) (*shape.ListMFADevicesResponse, error) {
				_, _, err := s.holds(c, v, in.UserName)
				return &shape.ListMFADevicesResponse{MFADevices: []shape.MFADevice{}, IsTruncated: &no}, err
			},
		},
		api.Op[shape.ListVirtualMFADevicesRequest, shape.ListVirtualMFADevicesResponse]{
			Name: "ListVirtualMFADevices", Honours: []string{"AssignmentStatus", "Marker", "MaxItems"},
			Questions: anywhere[shape.ListVirtualMFADevicesRequest]("iam:ListVirtualMFADevices"),
			View: func(*api.Call, store.View, *shape.ListVirtualMFADevicesRequest) (*shape.ListVirtualMFADevicesResponse, error) {
				return &shape.ListVirtualMFADevicesResponse{VirtualMFADevices: []shape.VirtualMFADevice{}, IsTruncated: &no}, nil
			},
		},
		api.Op[shape.ListSigningCertificatesRequest, shape.ListSigningCertificatesResponse]{
			Name: "ListSigningCertificates", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListSigningCertificates", func(in *shape.ListSigningCertificatesRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListSigningCertificatesRequest) (*shape.ListSigningCertificatesResponse, error) {
				_, _, err := s.holds(c, v, in.UserName)
				return &shape.ListSigningCertificatesResponse{Certificates: []shape.SigningCertificate{}, IsTruncated: &no}, err
			},
		},
		api.Op[shape.ListSSHPublicKeysRequest, shape.ListSSHPublicKeysResponse]{
			Name: "ListSSHPublicKeys", Honours: []string{"UserName", "Marker", "MaxItems"},
			Questions: on(s, "user", "iam:ListSSHPublicKeys", func(in *shape.ListSSHPublicKeysRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListSSHPublicKeysRequest) (*shape.ListSSHPublicKeysResponse, error) {
				_, _, err := s.holds(c, v, in.UserName)
				return &shape.ListSSHPublicKeysResponse{SSHPublicKeys: []shape.SSHPublicKeyMetadata{}, IsTruncated: &no}, err
			},
		},
		api.Op[shape.ListServiceSpecificCredentialsRequest, shape.ListServiceSpecificCredentialsResponse]{
			Name: "ListServiceSpecificCredentials", Honours: []string{"UserName", "ServiceName"},
			Questions: on(s, "user", "iam:ListServiceSpecificCredentials", func(in *shape.ListServiceSpecificCredentialsRequest) *string { return in.UserName }),
			View: func(c *api.Call, v store.View, in *shape.ListServiceSpecificCredentialsRequest) (*shape.ListServiceSpecificCredentialsResponse, error) {
				_, _, err := s.holds(c, v, in.UserName)
				return &shape.ListServiceSpecificCredentialsResponse{ServiceSpecificCredentials: []shape.ServiceSpecificCredentialMetadata{}, IsTruncated: &no}, err
			},
		},
	}
}
