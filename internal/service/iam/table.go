package iam

import (
	"strings"
	"time"

	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// holder is what users, groups and roles have in common: a name, and the policies that hang on it.
type holder struct {
	Name, Path string
	Created    time.Time
	Inline     map[string]string `json:",omitempty"` // policy name -> text
	Attached   []string          `json:",omitempty"` // ARNs of managed policies
	Boundary   string            `json:",omitempty"` // ARN of a managed policy
}

func (h *holder) terms() []store.Term {
	// Names are kept as written and compared without case.
	t := []store.Term{{Name: "name", Value: strings.ToLower(h.Name), Unique: true}}
	for _, a := range h.Attached {
		t = append(t, store.Term{Name: "policy", Value: a})
	}
	if h.Boundary != "" {
		t = append(t, store.Term{Name: "boundary", Value: h.Boundary})
	}
	return t
}

// user lives in its account without region; the id is AIDA...
type user struct {
	holder
	Groups []string `json:",omitempty"` // AGPA...
}

// group lives in its account without region; the id is AGPA... It is no principal: policies can't name it.
type group struct{ holder }

// role lives in its account without region; the id is AROA...
type role struct {
	holder
	Trust       string // principals bound to unique ids
	Description string
	MaxSession  int64 // seconds
}

// accessKey lives in the partition without account, so that a key id alone finds it; the id is AKIA...
type accessKey struct {
	Account string
	User    string // AIDA...; empty: the account's root
	Created time.Time
	Active  bool
	Secret  []byte // sealed with access-key/<id>
}

// retired remembers the id of a key that was deleted: it was issued here, so it is never a stranger's. It lives where access
// keys do.
type retired struct{ Account string }

// use is when and where a long-term key or a role was last used; it lives where access keys do, under the key's or the role's id. It is
// apart from them, so that noting a use never competes with a change of the key or the role.
type use struct {
	At              time.Time
	Service, Region string
}

// session is what temporary credentials stand for; it lives where access keys do; the id is ASIA...
type session struct {
	Account    string
	Kind       identity.Kind `json:",omitempty"` // empty: a role's session; else user, root (GetSessionToken) or federated-user
	Role       string        // AROA...; empty unless it is a role's
	User       string        `json:",omitempty"` // AIDA... of the user whose session it is, or who opened a federated one; empty: root
	Name       string        // session name, or the federated user's name
	Tags       map[string]string
	Transitive []string // keys of Tags that go along to the next role
	SourceID   string
	InvokedBy  string   // the service that holds the session
	Policies   []string // session policies; nil (null in the row): none were passed, which does not limit
	Issued     time.Time
	Expires    time.Time
	Secret     []byte // sealed with access-key/<id>
	Token      []byte // SHA-256 of the session token
}

// expiry lists sessions by their end, so that the past can be pruned: its id is the end, then the session's id.
type expiry struct{ Session string }

// owner finds a user or role by its unique id alone, in the partition without account.
type owner struct{ Account, Kind string }

// managed is a customer managed policy; it lives in its account without region; the id is ANPA...
type managed struct {
	Name, Path, Description string
	Created, Updated        time.Time
	Default                 string // id of the version in force
	Last                    int    // number of the newest version ever made: numbers are not used again
	Versions                []version
}

// profile is an instance profile: a role under another name, as EC2 wants it. It lives in its account without region; the id
// is AIPA...
type profile struct {
	Name, Path string
	Created    time.Time
	Role       string `json:",omitempty"` // AROA...
}

// alias is an account's further name; it lives in the partition without account, for it is nobody else's.
type alias struct{ Account string }

// deletion is the task that removed a service-linked role; it lives in its account without region.
type deletion struct{ Role string }

type version struct {
	ID      string // v1, v2, ...
	Text    string
	Created time.Time
}

var (
	users = store.Table[user]{Kind: "iam-user", Terms: func(u *user) []store.Term {
		t := u.terms()
		for _, g := range u.Groups {
			t = append(t, store.Term{Name: "group", Value: g})
		}
		return t
	}}
	groups = store.Table[group]{Kind: "iam-group", Terms: func(g *group) []store.Term { return g.terms() }}
	roles  = store.Table[role]{Kind: "iam-role", Terms: func(r *role) []store.Term { return r.terms() }}
	keys   = store.Table[accessKey]{Kind: "access-key", Terms: func(k *accessKey) []store.Term {
		return []store.Term{{Name: "owner", Value: k.Account + "/" + k.User}}
	}}
	retirees = store.Table[retired]{Kind: "access-key-retired"}
	lastUses = store.Table[use]{Kind: "access-key-use"}
	sessions = store.Table[session]{Kind: "iam-session"}
	expiries = store.Table[expiry]{Kind: "iam-session-end"}
	owners   = store.Table[owner]{Kind: "iam-principal"}
	policies = store.Table[managed]{Kind: "iam-policy", Terms: func(m *managed) []store.Term {
		return []store.Term{{Name: "name", Value: strings.ToLower(m.Name), Unique: true}}
	}}
	profiles = store.Table[profile]{Kind: "iam-instance-profile", Terms: func(p *profile) []store.Term {
		t := []store.Term{{Name: "name", Value: strings.ToLower(p.Name), Unique: true}}
		if p.Role != "" {
			t = append(t, store.Term{Name: "role", Value: p.Role})
		}
		return t
	}}
	aliases = store.Table[alias]{Kind: "account-alias", Terms: func(a *alias) []store.Term {
		return []store.Term{{Name: "account", Value: a.Account}}
	}}
	deletions = store.Table[deletion]{Kind: "iam-role-deletion"}
)

// everywhere is the scope of what is found by its id alone.
func (s *Service) everywhere() store.Scope { return store.Scope{Partition: s.partition} }

// global is the scope of an account's users, roles and policies.
func (s *Service) global(account string) store.Scope {
	return store.Scope{Partition: s.partition, Account: account}
}
