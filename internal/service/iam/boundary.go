package iam

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) boundaryRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.PutUserPermissionsBoundaryRequest, shape.PutUserPermissionsBoundaryOutput]{
			Name: "PutUserPermissionsBoundary", Honours: []string{"UserName", "PermissionsBoundary"},
			Questions: on(s, "user", "iam:PutUserPermissionsBoundary", func(in *shape.PutUserPermissionsBoundaryRequest) *string { return in.UserName },
				func(in *shape.PutUserPermissionsBoundaryRequest, k keyset) { boundaryKey(k, in.PermissionsBoundary) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutUserPermissionsBoundaryRequest) (*shape.PutUserPermissionsBoundaryOutput, error) {
				return &shape.PutUserPermissionsBoundaryOutput{}, s.bound(c, tx, "user", *in.UserName, *in.PermissionsBoundary)
			},
		},
		api.Op[shape.DeleteUserPermissionsBoundaryRequest, shape.DeleteUserPermissionsBoundaryOutput]{
			Name: "DeleteUserPermissionsBoundary", Honours: []string{"UserName"},
			Questions: on(s, "user", "iam:DeleteUserPermissionsBoundary", func(in *shape.DeleteUserPermissionsBoundaryRequest) *string { return in.UserName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteUserPermissionsBoundaryRequest) (*shape.DeleteUserPermissionsBoundaryOutput, error) {
				return &shape.DeleteUserPermissionsBoundaryOutput{}, s.unbound(c, tx, "user", *in.UserName)
			},
		},
		api.Op[shape.PutRolePermissionsBoundaryRequest, shape.PutRolePermissionsBoundaryOutput]{
			Name: "PutRolePermissionsBoundary", Honours: []string{"RoleName", "PermissionsBoundary"},
			Questions: on(s, "role", "iam:PutRolePermissionsBoundary", func(in *shape.PutRolePermissionsBoundaryRequest) *string { return in.RoleName },
				func(in *shape.PutRolePermissionsBoundaryRequest, k keyset) { boundaryKey(k, in.PermissionsBoundary) }),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutRolePermissionsBoundaryRequest) (*shape.PutRolePermissionsBoundaryOutput, error) {
				return &shape.PutRolePermissionsBoundaryOutput{}, s.bound(c, tx, "role", *in.RoleName, *in.PermissionsBoundary)
			},
		},
		api.Op[shape.DeleteRolePermissionsBoundaryRequest, shape.DeleteRolePermissionsBoundaryOutput]{
			Name: "DeleteRolePermissionsBoundary", Honours: []string{"RoleName"},
			Questions: on(s, "role", "iam:DeleteRolePermissionsBoundary", func(in *shape.DeleteRolePermissionsBoundaryRequest) *string { return in.RoleName }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteRolePermissionsBoundaryRequest) (*shape.DeleteRolePermissionsBoundaryOutput, error) {
				return &shape.DeleteRolePermissionsBoundaryOutput{}, s.unbound(c, tx, "role", *in.RoleName)
			},
		},
	}
}

// boundaryKey: the key is the boundary that the request would set, not the one that is there.
func boundaryKey(k keyset, policyARN *string) {
	if policyARN != nil {
		k.set("iam:PermissionsBoundary", *policyARN)
	}
}

// boundable fails unless the account has that policy to serve as a boundary.
func (s *Service) boundable(c *api.Call, v store.View, policyARN string) error {
	_, err := s.policy(v, c.Account, policyARN)
	if gone(err) {
		return fault.New("NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", policyARN).With(404)
	}
	return err
}

func (s *Service) bound(c *api.Call, tx store.Tx, kind, name, policyARN string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	if err := s.boundable(c, tx, policyARN); err != nil {
		return err
	}
	p.Boundary = policyARN
	c.Touch(p.arn, policyARN)
	return s.save(tx, p)
}

func (s *Service) unbound(c *api.Call, tx store.Tx, kind, name string) error {
	p, err := s.mutable(tx, c.Account, kind, name)
	if err != nil {
		return err
	}
	if p.Boundary == "" {
		return fault.New("NoSuchEntity", "%s %s does not have a permissions boundary.", kind, p.Name).With(404)
	}
	p.Boundary = ""
	c.Touch(p.arn)
	return s.save(tx, p)
}
