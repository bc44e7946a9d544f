// Package organization joins accounts under one management account and hangs service control policies on the root, the units
// and the accounts of the tree. It alone reads and writes that tree; whoever decides a call asks Limits.
//
// Names, ids, quotas and errors are those of AWS Organizations (API reference, user guide on quotas); the operations are our own
// service's, for there is no Organizations endpoint here.
package organization

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// FullAccess is the policy that each root, unit and account is born with. It is AWS's own: nobody changes it.
const (
	FullAccess     = "p-FullAWSAccess"
	fullAccessName = "FullAWSAccess"
	fullAccessText = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// Quotas of AWS Organizations.
const (
	mostAttached = 5 // policies on one target
	mostDepth    = 5 // units between the root and an account
	mostUnits    = 1000
	mostPolicies = 1000
)

// Rows is the table of operations; they belong to our own service.
func Rows() []api.Operation {
	return api.Rows("cloister", slices.Concat(treeRows(), unitRows(), memberRows(), policyRows(), attachRows())...)
}

// Limits gives the service control policies that bear on a principal, a level each for the root, the units and the account, in
// that order. Nil where none do: outside an organization, in its management account, for service-linked roles, and for whoever
// has no account. Every level of the answer has at least one policy.
// Source: AWS Organizations user guide, "Service control policies".
func Limits(v store.View, p *identity.Principal) ([][]api.NamedPolicy, error) {
	if p.Account == "" || p.Kind == identity.Service || p.Kind == identity.Anonymous || strings.Contains(p.RoleARN, ":role/aws-service-role/") {
		return nil, nil
	}
	s := store.Scope{Partition: p.Partition}
	at, err := nodes.Get(v, s, p.Account)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || at.Value.Management == p.Account {
		return nil, err
	}
	var out [][]api.NamedPolicy
	for {
		level, err := level(v, s, &at)
		if err != nil {
			return nil, err
		}
		out = append(out, level)
		if at.Value.Parent == "" {
			break
		}
		if at, err = nodes.Get(v, s, at.Value.Parent); err != nil { // not ErrNotFound to the caller: it is a broken tree
			return nil, fmt.Errorf("cannot read the organization's tree: %v", err)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// Membership is the organization that an account belongs to and the account's path in it, from the organization over the root and
// the units: "o-.../r-.../ou-.../". Both are empty outside of one. It is the value of aws:PrincipalOrgPaths and its kin.
func Membership(v store.View, partition, account string) (id, path string, err error) {
	p, err := placeOf(v, partition, account)
	return p.id, p.path, err
}

// Places is Membership for who asks at each call. The zero Places is ready.
type Places struct {
	memo store.Memo[[2]string, whereabouts]
}

type whereabouts struct{ id, path string }

// Membership is the function of that name.
func (m *Places) Membership(v store.View, partition, account string) (id, path string, err error) {
	p, err := m.memo.Get(v, [2]string{partition, account}, func(v store.View) (whereabouts, error) { return placeOf(v, partition, account) })
	return p.id, p.path, err
}

func placeOf(v store.View, partition, account string) (p whereabouts, err error) {
	var path string
	s := store.Scope{Partition: partition}
	at, err := nodes.Get(v, s, account)
	if errors.Is(err, store.ErrNotFound) {
		return whereabouts{}, nil
	}
	for err == nil && at.Value.Parent != "" {
		path = at.Value.Parent + "/" + path
		at, err = nodes.Get(v, s, at.Value.Parent)
	}
	if err != nil {
		return whereabouts{}, fmt.Errorf("cannot read the organization's tree: %v", err)
	}
	return whereabouts{at.Value.Org, at.Value.Org + "/" + path}, nil
}

// level is what is attached to one place of the tree. A policy cannot be missing: DeletePolicy refuses while it is attached. If it
// is all the same, nothing is decided.
func level(v store.View, s store.Scope, at *store.Item[node]) ([]api.NamedPolicy, error) {
	out := make([]api.NamedPolicy, 0, len(at.Value.Policies))
	for _, id := range at.Value.Policies {
		n := api.NamedPolicy{Name: "service control policy " + fullAccessName, Text: fullAccessText}
		if id != FullAccess {
			it, err := controls.Get(v, s, id)
			if err != nil {
				return nil, fmt.Errorf("cannot read service control policy %s: %v", id, err)
			}
			n = api.NamedPolicy{Name: "service control policy " + it.Value.Name, Owner: at.Value.Management, Text: it.Value.Text}
		}
		n.Name += " attached to " + at.Value.label(at.ID)
		out = append(out, n)
	}
	return out, nil
}
