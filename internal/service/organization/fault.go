package organization

import (
	"errors"

	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// The codes are those of AWS Organizations; the sentences are ours where the API reference has none.

// missing gives a fault of that code in place of the ledger's ErrNotFound.
func missing(err error, code, format string, args ...any) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(code, format, args...).With(400)
	}
	return err
}

// taken gives a fault of that code in place of the ledger's ErrConflict.
func taken(err error, code, format string, args ...any) error {
	if errors.Is(err, store.ErrConflict) {
		return fault.New(code, format, args...).With(400)
	}
	return err
}

func limit(reason, format string, args ...any) error {
	return fault.New("ConstraintViolationException", format, args...).With(400).Field("Reason", reason)
}

func invalid(reason, format string, args ...any) error {
	return fault.New("InvalidInputException", format, args...).With(400).Field("Reason", reason)
}
