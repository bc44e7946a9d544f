package iam

import (
	"cloister/internal/api"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) summaryRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.GetAccountSummaryInput, shape.GetAccountSummaryResponse]{
			Name: "GetAccountSummary", Questions: anywhere[shape.GetAccountSummaryInput]("iam:GetAccountSummary"), View: s.summary,
		},
	}
}

// summary counts what the account has. Quotas stand in it only where this service keeps them.
func (s *Service) summary(c *api.Call, v store.View, _ *shape.GetAccountSummaryInput) (*shape.GetAccountSummaryResponse, error) {
	m := map[string]int64{
		"AccessKeysPerUserQuota": keyQuota, "GroupsPerUserQuota": groupQuota, "VersionsPerPolicyQuota": versionQuota,
		"AttachedPoliciesPerUserQuota": attachQuota, "AttachedPoliciesPerGroupQuota": attachQuota, "AttachedPoliciesPerRoleQuota": attachQuota,
		"UserPolicySizeQuota": policy.MaxUserInline, "GroupPolicySizeQuota": policy.MaxGroupInline, "RolePolicySizeQuota": policy.MaxRoleInline,
		"PolicySizeQuota": policy.MaxManaged, "AssumeRolePolicySizeQuota": policy.MaxTrust,
		// None of these exists here.
		"AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
		"MFADevices": 0, "MFADevicesInUse": 0, "ServerCertificates": 0, "Providers": 0,
	}
	for _, kind := range []string{users.Kind, groups.Kind, roles.Kind, profiles.Kind, policies.Kind} {
		l, err := v.List(store.Query{Scope: s.global(c.Account), Kind: kind})
		if err != nil {
			return nil, err
		}
		name, most := quotas(kind)
		m[name], m[name+"Quota"] = int64(len(l)), int64(most)
	}
	l, err := policies.List(v, store.Query{Scope: s.global(c.Account)})
	if err != nil {
		return nil, err
	}
	m["PolicyVersionsInUse"] = 0
	for i := range l {
		m["PolicyVersionsInUse"] += int64(len(l[i].Value.Versions))
	}
	held, err := s.keysOf(v, c.Account, "")
	m["AccountAccessKeysPresent"] = int64(min(len(held), 1))
	return &shape.GetAccountSummaryResponse{SummaryMap: m}, err
}
