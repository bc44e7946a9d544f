package daemon

import (
	"context"
	"errors"

	"cloister/internal/core/job"
	"cloister/internal/service/comprehend"
)

// unready has no engines for the real-time operations: what they are asked is an internal error.
type unready struct{}

var errUnready = errors.New("no analyser serves in real time yet")

// Analyse fails.
func (unready) Analyse(context.Context, job.Setup, []string) ([]comprehend.Answer, error) {
	return nil, errUnready
}

// AnalyseAt fails.
func (unready) AnalyseAt(context.Context, string, job.Setup, []string) ([]comprehend.Answer, error) {
	return nil, errUnready
}
