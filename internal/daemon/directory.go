package daemon

import (
	"time"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	"cloister/internal/service/iam"
	"cloister/internal/store"
)

// directory tells the gate what IAM knows, in the gate's words.
type directory struct{ iam *iam.Service }

func (d directory) Credential(v store.View, key, token string, now time.Time) (api.Credential, error) {
	c, err := d.iam.Credential(v, key, token, now)
	return api.Credential(c), err
}

func (d directory) Policies(v store.View, p *identity.Principal) (api.PolicySets, error) {
	s, err := d.iam.Policies(v, p)
	return api.PolicySets{Identity: named(s.Identity), Boundary: named(s.Boundary), Session: named(s.Session)}, err
}

func (d directory) Root(account string) identity.Principal { return d.iam.Root(account) }

// named keeps nil apart from empty: no session policy does not limit, an empty list of them does.
func named(in []iam.Named) []api.NamedPolicy {
	if in == nil {
		return nil
	}
	out := make([]api.NamedPolicy, len(in))
	for i, n := range in {
		out[i] = api.NamedPolicy(n)
	}
	return out
}
