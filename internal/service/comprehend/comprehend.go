// Package comprehend is Amazon Comprehend's table of operations. It writes down what a job is asked to do and reads what
// became of it; the runner does the work.
package comprehend

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/store"
)

// Principal is the service principal that assumes a job's role.
const Principal = "comprehend.amazonaws.com"

// Rows is the service's table; e analyses for the real-time operations. What is not built is authorised, and then told so.
func Rows(e Engines, who Principals) []api.Operation {
	models := &custom{who}
	own := append(api.Rows("comprehend", append(tagRows(), models.rows()...)...), realtimeRows(e)...)
	for _, f := range families {
		own = append(own, f.rows(models)...)
	}
	for _, k := range kinds {
		k.languages = spoken(e, k.name, k.languages)
		own = append(own, k.rows()...)
	}
	return append(own, sheet.Rest(own...)...)
}

func duplicate(l []string) string {
	for i, s := range l {
		if slices.Contains(l[:i], s) {
			return s
		}
	}
	return ""
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func isNotFound(err error) bool { return err != nil && errors.Is(err, store.ErrNotFound) }

func accountOf(roleARN string) string {
	if p := strings.SplitN(roleARN, ":", 6); len(p) == 6 {
		return p[4]
	}
	return ""
}
