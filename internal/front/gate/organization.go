package gate

import (
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
)

// membership is an account's place in an organization; the zero value is outside of one.
type membership struct{ id, path string }

// organization finds an account's place, once for each account of a call.
func (j *judge) organization(account string) (membership, error) {
	if account == "" || j.gate.Organization == nil {
		return membership{}, nil
	}
	if m, ok := j.orgs[account]; ok {
		return m, nil
	}
	id, path, err := j.gate.Organization(j.view, j.gate.Partition, account)
	if err != nil {
		return membership{}, err
	}
	if j.orgs == nil {
		j.orgs = map[string]membership{}
	}
	j.orgs[account] = membership{id, path}
	return j.orgs[account], nil
}

// belongs sets the keys ORG-ID and ORG-PATHS of somebody; outside of an organization they are absent. Source: IAM User Guide, global
// condition context keys.
func (j *judge) belongs(k *policy.Context, whose, account string) error {
	m, err := j.organization(account)
	if err != nil || m.id == "" {
		return err
	}
	k.Set("aws:"+whose+"OrgID", m.id)
	k.Set("aws:"+whose+"OrgPaths", m.path)
	return nil
}

// belonging sets them for the caller and for the owner of the network.
func (j *judge) belonging() error {
	if p := j.call.Caller; p.Kind != identity.Anonymous && p.Kind != identity.Service {
		if err := j.belongs(&j.base, "Principal", p.Account); err != nil {
			return err
		}
	}
	if j.path == nil {
		return nil
	}
	return j.belongs(&j.base, "Vpce", j.call.Origin.Account)
}
