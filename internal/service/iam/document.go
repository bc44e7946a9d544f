package iam

import (
	"errors"

	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	"cloister/internal/store"
)

// check holds a document to the grammar of its kind.
func check(text string, kind policy.Kind) error {
	_, err := policy.Parse([]byte(text), kind)
	return refused(err)
}

// refused makes the client's fault of a document that can't be saved: AWS's sentence, then the place and what may help.
func refused(err error) error {
	var e *policy.SyntaxError
	if !errors.As(err, &e) {
		return err
	}
	if e.Code == "LimitExceeded" {
		return full("%s", e.Message)
	}
	return fault.New(e.Code, "%s", e.Error()).With(400)
}

// bindTrust checks a trust policy and binds the users and roles that it names to their unique ids: one who is deleted and
// made again under the same name must not come back to the old grant.
func (s *Service) bindTrust(v store.View, text string) (string, error) {
	doc, err := policy.Parse([]byte(text), policy.Trust)
	if err != nil {
		return "", refused(err)
	}
	for _, id := range doc.UniqueIDs() {
		_, ok, err := s.render(v, id)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", malformed("Invalid principal in policy: \"AWS\":%q", id)
		}
	}
	var broken error // the ledger's failure is not the client's mistake
	bound, err := doc.Bind(func(principal string) (string, bool) {
		id, ok, err := s.resolve(v, principal)
		broken = errors.Join(broken, err)
		return id, ok
	})
	if broken != nil {
		return "", broken
	}
	return string(bound), refused(err)
}

// renderTrust writes ARNs for the ids in a bound trust policy; the id of one who is gone stays bare.
func (s *Service) renderTrust(v store.View, text string) (string, error) {
	doc, err := policy.Read([]byte(text), policy.Trust)
	if err != nil {
		return "", err
	}
	var broken error
	shown := doc.Unbind(func(id string) (string, bool) {
		principal, ok, err := s.render(v, id)
		broken = errors.Join(broken, err)
		return principal, ok
	})
	return string(shown), broken
}
