package iam

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) aliasRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateAccountAliasRequest, shape.CreateAccountAliasOutput]{
			Name: "CreateAccountAlias", Honours: []string{"AccountAlias"},
			Questions: anywhere[shape.CreateAccountAliasRequest]("iam:CreateAccountAlias"), Act: s.createAlias,
		},
		api.Op[shape.DeleteAccountAliasRequest, shape.DeleteAccountAliasOutput]{
			Name: "DeleteAccountAlias", Honours: []string{"AccountAlias"},
			Questions: anywhere[shape.DeleteAccountAliasRequest]("iam:DeleteAccountAlias"), Act: s.deleteAlias,
		},
		api.Op[shape.ListAccountAliasesRequest, shape.ListAccountAliasesResponse]{
			Name: "ListAccountAliases", Honours: []string{"Marker", "MaxItems"},
			Questions: anywhere[shape.ListAccountAliasesRequest]("iam:ListAccountAliases"), View: s.listAliases,
		},
	}
}

func (s *Service) aliasesOf(v store.View, account string) ([]store.Item[alias], error) {
	return aliases.List(v, store.Query{Scope: s.everywhere(), Term: store.Term{Name: "account", Value: account}})
}

// createAlias replaces the alias that the account had: it has one at most.
func (s *Service) createAlias(c *api.Call, tx store.Tx, in *shape.CreateAccountAliasRequest) (*shape.CreateAccountAliasOutput, error) {
	name := *in.AccountAlias
	if isAccount(name) || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
		return nil, invalid("1 validation error detected: Value '%s' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", name)
	}
	had, err := s.aliasesOf(tx, c.Account)
	if err != nil {
		return nil, err
	}
	for _, a := range had {
		if a.ID == name {
			return &shape.CreateAccountAliasOutput{}, nil
		}
		if err := aliases.Delete(tx, s.everywhere(), a.ID); err != nil {
			return nil, err
		}
	}
	err = aliases.Create(tx, s.everywhere(), name, &alias{Account: c.Account})
	return &shape.CreateAccountAliasOutput{}, conflict(err, taken("The account alias %s already exists.", name))
}

func (s *Service) deleteAlias(c *api.Call, tx store.Tx, in *shape.DeleteAccountAliasRequest) (*shape.DeleteAccountAliasOutput, error) {
	it, err := aliases.Get(tx, s.everywhere(), *in.AccountAlias)
	none := fault.New("NoSuchEntity", "The account alias %s does not exist.", *in.AccountAlias).With(404) // inferred
	if err != nil {
		return nil, missing(err, none)
	}
	if it.Value.Account != c.Account {
		return nil, none
	}
	return &shape.DeleteAccountAliasOutput{}, aliases.Delete(tx, s.everywhere(), it.ID)
}

func (s *Service) listAliases(c *api.Call, v store.View, in *shape.ListAccountAliasesRequest) (*shape.ListAccountAliasesResponse, error) {
	l, err := s.aliasesOf(v, c.Account)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, a := range l {
		all = append(all, a.ID)
	}
	out := &shape.ListAccountAliasesResponse{}
	out.AccountAliases, out.Marker, out.IsTruncated, err = page(all, itself, in.Marker, in.MaxItems)
	return out, err
}
