package iam

import "cloister/internal/store"

// quotas are AWS's default numbers of things in one account, by the kind of row.
func quotas(kind string) (name string, most int) {
	switch kind {
	case users.Kind:
		return "Users", 5000
	case groups.Kind:
		return "Groups", 300
	case roles.Kind:
		return "Roles", 1000
	case policies.Kind:
		return "Policies", 1500
	case profiles.Kind:
		return "InstanceProfiles", 1000
	}
	return "", 0
}

// room fails when an account has as many of a kind as it may.
func (s *Service) room(v store.View, account, kind string) error {
	name, most := quotas(kind)
	l, err := v.List(store.Query{Scope: s.global(account), Kind: kind, Limit: most})
	if err == nil && len(l) >= most {
		return full("Cannot exceed quota for %sPerAccount: %d", name, most)
	}
	return err
}
