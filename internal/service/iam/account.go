package iam

import (
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// EnsureAccount makes the account's row if there is none. The id has 12 digits.
func (s *Service) EnsureAccount(tx store.Tx, id, name string) error {
	if !isAccount(id) {
		return fault.New("ValidationError", "An account id has 12 digits, not %q.", id).With(400)
	}
	err := rows.Accounts.Create(tx, s.everywhere(), id, &rows.Account{ID: id, Name: name})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// CreateAccount makes an account and the first key pair of its root; the secret is shown this once. An account that exists
// is refused: RootKey makes further keys.
func (s *Service) CreateAccount(tx store.Tx, dice api.Dice, id, name string) (accessKeyID, secret string, err error) {
	if ok, err := s.hasAccount(tx, id); ok || err != nil {
		if err == nil {
			err = taken("Account %s already exists.", id)
		}
		return "", "", err
	}
	if err := s.EnsureAccount(tx, id, name); err != nil {
		return "", "", err
	}
	return s.RootKey(tx, dice, id)
}

// RootKey makes a key pair for the root of an account that exists; there may be two at a time.
func (s *Service) RootKey(tx store.Tx, dice api.Dice, account string) (accessKeyID, secret string, err error) {
	ok, err := s.hasAccount(tx, account)
	if err == nil && !ok {
		err = fault.New("NoSuchEntity", "Account %s does not exist.", account).With(404)
	}
	if err != nil {
		return "", "", err
	}
	return s.mint(tx, dice, account, "")
}

func (s *Service) hasAccount(v store.View, id string) (bool, error) {
	_, err := rows.Accounts.Get(v, s.everywhere(), id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func isAccount(id string) bool {
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return false
		}
	}
	return len(id) == 12
}
