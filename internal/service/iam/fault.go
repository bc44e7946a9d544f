package iam

import (
	"errors"

	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// The sentences are AWS's (recorded answers and the IAM API reference); where none is known the comment says so.

func noUser(name string) error {
	return fault.New("NoSuchEntity", "The user with name %s cannot be found.", name).With(404)
}

func noRole(name string) error {
	return fault.New("NoSuchEntity", "The role with name %s cannot be found.", name).With(404)
}

func noGroup(name string) error {
	return fault.New("NoSuchEntity", "The group with name %s cannot be found.", name).With(404)
}

func noPolicy(arn string) error {
	return fault.New("NoSuchEntity", "Policy %s was not found.", arn).With(404)
}

func notAttachable(arn string) error {
	return fault.New("NoSuchEntity", "Policy %s does not exist or is not attachable.", arn).With(404)
}

func noKey(id string) error {
	return fault.New("NoSuchEntity", "The Access Key with id %s cannot be found.", id).With(404)
}

func noInline(kind, name string) error {
	return fault.New("NoSuchEntity", "The %s policy with name %s cannot be found.", kind, name).With(404)
}

func noProfile(name string) error {
	return fault.New("NoSuchEntity", "Instance Profile %s cannot be found.", name).With(404)
}

func unmodifiable(p *party) error {
	return fault.New("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", p.Name).With(400)
}

func taken(format string, args ...any) error {
	return fault.New("EntityAlreadyExists", format, args...).With(409)
}

func inUse(what string) error {
	return fault.New("DeleteConflict", "Cannot delete entity, must %s first.", what).With(409)
}

func full(format string, args ...any) error {
	return fault.New("LimitExceeded", format, args...).With(409)
}

func malformed(format string, args ...any) error {
	return fault.New("MalformedPolicyDocument", format, args...).With(400)
}

func badInput(format string, args ...any) error {
	return fault.New("InvalidInput", format, args...).With(400)
}

func invalid(format string, args ...any) error {
	return fault.New("ValidationError", format, args...).With(400)
}

// missing gives f in place of the ledger's ErrNotFound.
func missing(err, f error) error {
	if errors.Is(err, store.ErrNotFound) {
		return f
	}
	return err
}

// conflict gives f in place of the ledger's ErrConflict.
func conflict(err, f error) error {
	if errors.Is(err, store.ErrConflict) {
		return f
	}
	return err
}

// gone reports whether err says that an entity does not exist.
func gone(err error) bool { return fault.Is(err, "NoSuchEntity") }

func deleteConflict(sentence string) error {
	return fault.New("DeleteConflict", "%s", sentence).With(409)
}
