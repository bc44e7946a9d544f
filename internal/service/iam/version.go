package iam

import (
	"fmt"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) versionRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreatePolicyVersionRequest, shape.CreatePolicyVersionResponse]{
			Name: "CreatePolicyVersion", Honours: []string{"PolicyArn", "PolicyDocument", "SetAsDefault"},
			Questions: onPolicy(s, "iam:CreatePolicyVersion", func(in *shape.CreatePolicyVersionRequest) *string { return in.PolicyArn }),
			Act:       s.createVersion,
		},
		api.Op[shape.GetPolicyVersionRequest, shape.GetPolicyVersionResponse]{
			Name: "GetPolicyVersion", Honours: []string{"PolicyArn", "VersionId"},
			Questions: onPolicy(s, "iam:GetPolicyVersion", func(in *shape.GetPolicyVersionRequest) *string { return in.PolicyArn }),
			View: func(c *api.Call, v store.View, in *shape.GetPolicyVersionRequest) (*shape.GetPolicyVersionResponse, error) {
				it, i, err := s.version(v, c.Account, *in.PolicyArn, *in.VersionId)
				if err != nil {
					return nil, err
				}
				out := it.Value.show(i)
				out.Document = escape(it.Value.Versions[i].Text)
				return &shape.GetPolicyVersionResponse{PolicyVersion: &out}, nil
			},
		},
		api.Op[shape.ListPolicyVersionsRequest, shape.ListPolicyVersionsResponse]{
			Name: "ListPolicyVersions", Honours: []string{"PolicyArn", "Marker", "MaxItems"},
			Questions: onPolicy(s, "iam:ListPolicyVersions", func(in *shape.ListPolicyVersionsRequest) *string { return in.PolicyArn }),
			View:      s.listVersions,
		},
		api.Op[shape.SetDefaultPolicyVersionRequest, shape.SetDefaultPolicyVersionOutput]{
			Name: "SetDefaultPolicyVersion", Honours: []string{"PolicyArn", "VersionId"},
			Questions: onPolicy(s, "iam:SetDefaultPolicyVersion", func(in *shape.SetDefaultPolicyVersionRequest) *string { return in.PolicyArn }),
			Act: func(c *api.Call, tx store.Tx, in *shape.SetDefaultPolicyVersionRequest) (*shape.SetDefaultPolicyVersionOutput, error) {
				it, _, err := s.version(tx, c.Account, *in.PolicyArn, *in.VersionId)
				if err != nil {
					return nil, err
				}
				it.Value.Default, it.Value.Updated = *in.VersionId, second(tx)
				c.Touch(*in.PolicyArn)
				return &shape.SetDefaultPolicyVersionOutput{}, policies.Save(tx, &it)
			},
		},
		api.Op[shape.DeletePolicyVersionRequest, shape.DeletePolicyVersionOutput]{
			Name: "DeletePolicyVersion", Honours: []string{"PolicyArn", "VersionId"},
			Questions: onPolicy(s, "iam:DeletePolicyVersion", func(in *shape.DeletePolicyVersionRequest) *string { return in.PolicyArn }),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeletePolicyVersionRequest) (*shape.DeletePolicyVersionOutput, error) {
				it, i, err := s.version(tx, c.Account, *in.PolicyArn, *in.VersionId)
				if err != nil {
					return nil, err
				}
				if it.Value.Default == *in.VersionId {
					return nil, deleteConflict("Cannot delete the default version of a policy.")
				}
				it.Value.Versions = slices.Delete(it.Value.Versions, i, i+1)
				it.Value.Updated = second(tx)
				c.Touch(*in.PolicyArn)
				return &shape.DeletePolicyVersionOutput{}, policies.Save(tx, &it)
			},
		},
	}
}

// version finds a policy and the place of one of its versions.
func (s *Service) version(v store.View, account, policyARN, id string) (store.Item[managed], int, error) {
	it, err := s.policy(v, account, policyARN)
	if err != nil {
		return it, 0, err
	}
	for i, ver := range it.Value.Versions {
		if ver.ID == id {
			return it, i, nil
		}
	}
	return it, 0, fault.New("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", policyARN, id).With(404)
}

func (s *Service) createVersion(c *api.Call, tx store.Tx, in *shape.CreatePolicyVersionRequest) (*shape.CreatePolicyVersionResponse, error) {
	it, err := s.policy(tx, c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	m := &it.Value
	if len(m.Versions) >= versionQuota {
		return nil, full("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", versionQuota)
	}
	m.Last++
	m.Updated = second(tx)
	m.Versions = append(m.Versions, version{ID: fmt.Sprintf("v%d", m.Last), Text: *in.PolicyDocument, Created: m.Updated})
	i := len(m.Versions) - 1
	if deref(in.SetAsDefault) {
		m.Default = m.Versions[i].ID
	}
	c.Touch(*in.PolicyArn)
	out := m.show(i)
	return &shape.CreatePolicyVersionResponse{PolicyVersion: &out}, policies.Save(tx, &it)
}

func (s *Service) listVersions(c *api.Call, v store.View, in *shape.ListPolicyVersionsRequest) (*shape.ListPolicyVersionsResponse, error) {
	it, err := s.policy(v, c.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var all []shape.PolicyVersion
	for i := range it.Value.Versions {
		all = append(all, it.Value.show(i))
	}
	out := &shape.ListPolicyVersionsResponse{}
	// AWS lists the newest first; numbers of other lengths must not be sorted as text.
	newest := func(p *shape.PolicyVersion) string {
		var n int
		_, _ = fmt.Sscanf(*p.VersionId, "v%d", &n)
		return fmt.Sprintf("%019d", int64(1<<62)-int64(n))
	}
	out.Versions, out.Marker, out.IsTruncated, err = page(all, newest, in.Marker, in.MaxItems)
	return out, err
}

func (m *managed) show(i int) shape.PolicyVersion {
	v := &m.Versions[i]
	isDefault := v.ID == m.Default
	return shape.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: &isDefault, CreateDate: &v.Created}
}
