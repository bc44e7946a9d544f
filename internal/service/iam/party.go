package iam

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// party is a user, group or role on its way through an operation.
type party struct {
	*holder
	kind    string // "user", "group" or "role"
	id      string // AIDA..., AGPA... or AROA...
	account string
	arn     string

	user  *store.Item[user] // one of the three is set
	group *store.Item[group]
	role  *store.Item[role]
}

func (s *Service) arn(account, resource string) string {
	return arn.Make(s.partition, "iam", "", account, resource)
}

func (s *Service) userParty(it *store.Item[user]) *party {
	h := &it.Value.holder
	return &party{holder: h, kind: "user", id: it.ID, account: it.Scope.Account, arn: s.arn(it.Scope.Account, "user"+h.Path+h.Name), user: it}
}

func (s *Service) groupParty(it *store.Item[group]) *party {
	h := &it.Value.holder
	return &party{holder: h, kind: "group", id: it.ID, account: it.Scope.Account, arn: s.arn(it.Scope.Account, "group"+h.Path+h.Name), group: it}
}

func (s *Service) roleParty(it *store.Item[role]) *party {
	h := &it.Value.holder
	return &party{holder: h, kind: "role", id: it.ID, account: it.Scope.Account, arn: s.arn(it.Scope.Account, "role"+h.Path+h.Name), role: it}
}

// named finds a user, group or role of an account by its name, without regard to case.
func (s *Service) named(v store.View, account, kind, name string) (*party, error) {
	switch kind {
	case "user":
		it, err := users.Find(v, s.global(account), "name", strings.ToLower(name))
		if err != nil {
			return nil, missing(err, noUser(name))
		}
		return s.userParty(&it), nil
	case "group":
		it, err := groups.Find(v, s.global(account), "name", strings.ToLower(name))
		if err != nil {
			return nil, missing(err, noGroup(name))
		}
		return s.groupParty(&it), nil
	}
	it, err := roles.Find(v, s.global(account), "name", strings.ToLower(name))
	if err != nil {
		return nil, missing(err, noRole(name))
	}
	return s.roleParty(&it), nil
}

// mutable finds one that its account may change: a service-linked role is its service's.
func (s *Service) mutable(v store.View, account, kind, name string) (*party, error) {
	p, err := s.named(v, account, kind, name)
	if err == nil && linked(p) {
		return nil, unmodifiable(p)
	}
	return p, err
}

// byID finds a user, group or role by its unique id; store.ErrNotFound once it is gone.
func (s *Service) byID(v store.View, account, kind, id string) (*party, error) {
	switch kind {
	case "user":
		it, err := users.Get(v, s.global(account), id)
		if err != nil {
			return nil, err
		}
		return s.userParty(&it), nil
	case "group":
		it, err := groups.Get(v, s.global(account), id)
		if err != nil {
			return nil, err
		}
		return s.groupParty(&it), nil
	}
	it, err := roles.Get(v, s.global(account), id)
	if err != nil {
		return nil, err
	}
	return s.roleParty(&it), nil
}

func (s *Service) save(tx store.Tx, p *party) error {
	switch {
	case p.user != nil:
		return users.Save(tx, p.user)
	case p.group != nil:
		return groups.Save(tx, p.group)
	}
	return roles.Save(tx, p.role)
}

// remove deletes a user, group or role; its tags and its entry among the unique ids go with it.
func (s *Service) remove(tx store.Tx, p *party) error {
	if len(p.Attached) > 0 {
		return inUse("detach all policies")
	}
	if len(p.Inline) > 0 {
		return inUse("delete policies")
	}
	if p.group != nil {
		return groups.Delete(tx, p.group.Scope, p.id)
	}
	if err := tx.RemoveTags(p.arn, nil); err != nil {
		return err
	}
	if err := owners.Delete(tx, s.everywhere(), p.id); err != nil {
		return err
	}
	if p.user != nil {
		return users.Delete(tx, p.user.Scope, p.id)
	}
	if err := s.unused(tx, p.id); err != nil {
		return err
	}
	return roles.Delete(tx, p.role.Scope, p.id)
}

// caller is the user name that an operation without UserName means: the caller's own. Root has none: "".
func caller(c *api.Call, name *string) (string, error) {
	switch {
	case name != nil:
		return *name, nil
	case c.Caller.Kind == identity.User:
		return c.Caller.Name, nil
	case c.Caller.Kind == identity.Root:
		return "", nil
	}
	return "", invalid("Must specify userName when calling with non-User credentials")
}

// keyset is the condition keys of one question.
type keyset map[string][]string

func (k keyset) set(name, value string) { k[name] = []string{value} }

// about asks for one action on a user, group or role; its tags and its boundary are keys. One that does not exist is asked for by
// its name alone, so that only who may touch it learns that it is missing.
func (s *Service) about(c *api.Call, v store.View, action, kind, name string) (api.Question, *party, error) {
	q := api.Question{Action: action, Resource: s.arn(c.Account, kind+"/"+name), Keys: keyset{}}
	p, err := s.named(v, c.Account, kind, name)
	if err != nil {
		if gone(err) {
			return q, nil, nil
		}
		return q, nil, err
	}
	q.Resource = p.arn
	return q, p, s.describe(v, p, q.Keys)
}

func (s *Service) describe(v store.View, p *party, keys keyset) error {
	tags, err := v.Tags(p.arn)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for k, val := range tags {
		keys.set("aws:ResourceTag/"+k, val)
		keys.set("iam:ResourceTag/"+k, val)
	}
	if p.Boundary != "" {
		keys.set("iam:PermissionsBoundary", p.Boundary)
	}
	return nil
}

// on makes the questions of an operation on one named user, group or role.
func on[I any](s *Service, kind, action string, name func(*I) *string, more ...func(*I, keyset)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		n, err := callee(c, kind, name(in))
		if err != nil {
			return nil, err
		}
		q, _, err := s.about(c, v, action, kind, n)
		if err != nil {
			return nil, err
		}
		for _, f := range more {
			f(in, q.Keys)
		}
		if kind == "user" && n == "" && c.Caller.Kind == identity.Root {
			q.Resource = c.Caller.ARN
		}
		return []api.Question{q}, nil
	}
}

func callee(c *api.Call, kind string, name *string) (string, error) {
	if kind == "user" {
		return caller(c, name)
	}
	return deref(name), nil
}

// anywhere asks for an action that has no resource.
func anywhere[I any](action string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(*api.Call, store.View, *I) ([]api.Question, error) {
		return []api.Question{{Action: action, Resource: "*"}}, nil
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// sorted gives a map's keys in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
