package organization

import (
	"time"

	"cloister/internal/core/arn"
	"cloister/internal/store"
)

// All rows live in the partition without account: a member must find its limits by its own number. Ids are o-..., the node's own,
// p-..., and organization/account of an invitation.

type organization struct {
	Management string // account
	Root       string // r-...
	Created    time.Time
}

// The kinds of node.
const (
	root    = "root"
	unit    = "unit"
	account = "account"
)

// node is a place in the tree; its id is r-..., ou-... or the account's number.
type node struct {
	Org, Kind  string
	Management string   // the organization's, which never changes: every call of a member needs it
	Name       string   `json:",omitempty"` // units
	Parent     string   `json:",omitempty"` // none: the root
	Policies   []string // attached policies, the first attached first; never none
	Since      time.Time
}

// control is a service control policy.
type control struct {
	Org, Name, Description, Text string
	Created, Updated             time.Time
}

// invitation waits for its account to join.
type invitation struct {
	Org, Account string
	Created      time.Time
}

var (
	organizations = store.Table[organization]{Kind: "organization", Terms: func(o *organization) []store.Term {
		return []store.Term{{Name: "management", Value: o.Management, Unique: true}}
	}}
	nodes = store.Table[node]{Kind: "organization-node", Terms: func(n *node) []store.Term {
		t := []store.Term{{Name: "org", Value: n.Org}}
		if n.Parent != "" {
			t = append(t, store.Term{Name: "parent", Value: n.Parent})
		}
		if n.Kind == unit {
			t = append(t, store.Term{Name: "name", Value: n.Parent + "/" + n.Name, Unique: true})
		}
		for _, p := range n.Policies {
			t = append(t, store.Term{Name: "policy", Value: n.Org + "/" + p})
		}
		return t
	}}
	controls = store.Table[control]{Kind: "organization-policy", Terms: func(c *control) []store.Term {
		return []store.Term{{Name: "org", Value: c.Org}, {Name: "name", Value: c.Org + "/" + c.Name, Unique: true}}
	}}
	invitations = store.Table[invitation]{Kind: "organization-invitation"}
)

// label names a place for people: policies and explanations have it.
func (n *node) label(id string) string {
	switch n.Kind {
	case root:
		return "the root " + id
	case unit:
		return "the unit " + n.Name + " (" + id + ")"
	}
	return "the account " + id
}

// path is the resource part of a place's ARN.
func (n *node) path(id string) string { return path(n.Kind, n.Org, id) }

func path(kind, org, id string) string {
	if kind == unit {
		kind = "ou"
	}
	return kind + "/" + org + "/" + id
}

func policyPath(org, id string) string {
	if id == FullAccess {
		return "policy/service_control_policy/" + id
	}
	return "policy/" + org + "/service_control_policy/" + id
}

// name is an ARN of an organization: the management account owns all of it.
func name(partition, owner, resource string) string {
	return arn.Make(partition, "cloister", "", owner, resource)
}
