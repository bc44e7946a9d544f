package kms

import (
	"encoding/base64"

	"cloister/internal/core/fault"
)

// page is what a list asks for.
type page struct {
	after string
	limit int
}

// paged reads Limit and Marker; usual is the limit of who gives none.
func paged(limit *int64, marker *string, usual, most int) (page, error) {
	p := page{limit: usual}
	if limit != nil {
		if *limit > int64(most) {
			return p, fault.New("ValidationException", "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", *limit, most)
		}
		p.limit = int(*limit)
	}
	if marker != nil {
		b, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil || len(b) == 0 {
			return p, fault.New("InvalidMarkerException", "Could not deserialize marker '%s'", *marker)
		}
		p.after = string(b)
	}
	return p, nil
}

func (p page) next(last string) *string {
	return ptr(base64.RawURLEncoding.EncodeToString([]byte(last)))
}
