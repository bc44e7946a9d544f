package organization

import (
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
)

func everywhere(c *api.Call) store.Scope { return store.Scope{Partition: c.Partition} }

// home is the organization that the call's account belongs to; store.ErrNotFound if it is in none.
func home(c *api.Call, v store.View) (store.Item[organization], error) {
	at, err := nodes.Get(v, everywhere(c), c.Account)
	if err != nil {
		return store.Item[organization]{}, err
	}
	it, err := organizations.Get(v, everywhere(c), at.Value.Org)
	if errors.Is(err, store.ErrNotFound) {
		return it, errors.New("cannot read an organization: an account is in one that is not there")
	}
	return it, err
}

// member is home for who must be in one.
func member(c *api.Call, v store.View) (store.Item[organization], error) {
	it, err := home(c, v)
	if errors.Is(err, store.ErrNotFound) {
		return it, fault.New("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.").With(400)
	}
	return it, err
}

// manage is home for the management account alone. The question has refused the others already: what they ask about is
// another account's.
func manage(c *api.Call, v store.View) (store.Item[organization], error) {
	it, err := member(c, v)
	if err == nil && it.Value.Management != c.Account {
		return it, fault.New("AccessDeniedException", "You don't have permissions to access this resource.").With(400)
	}
	return it, err
}

// about makes the questions of an operation on parts of the caller's organization, which belong to its management account. Outside
// of one the caller asks about what would be its own, and the act says what is missing.
func about[I any](action string, resources func(org string, in *I) []string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		it, err := home(c, v)
		if errors.Is(err, store.ErrNotFound) {
			it.ID, it.Value.Management, err = "*", c.Account, nil
		}
		if err != nil {
			return nil, err
		}
		var out []api.Question
		for _, r := range resources(it.ID, in) {
			owner := it.Value.Management
			if r == policyPath("", FullAccess) {
				owner = "aws"
			}
			out = append(out, api.Question{Action: "cloister:" + action, Resource: name(c.Partition, owner, r), Owner: it.Value.Management})
		}
		return out, nil
	}
}

// itself asks for what an account does for its own part.
func itself[I any](action string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(*api.Call, store.View, *I) ([]api.Question, error) {
		return []api.Question{{Action: "cloister:" + action, Resource: "*"}}, nil
	}
}

// place is the resource of a root, unit or account by the look of its id, whether it exists or not.
func place(org string, id *string) string {
	s := deref(id)
	kind := account
	switch {
	case s == "":
		s = "*"
	case s[0] == 'r':
		kind = root
	case s[0] == 'o':
		kind = unit
	}
	return path(kind, org, s)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
