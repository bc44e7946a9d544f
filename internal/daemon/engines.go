package daemon

import (
	"context"
	"errors"

	"cloister/internal/core/job"
	"cloister/internal/service/comprehend"
)

// engines answer the real-time operations.
type engines struct{ *pool }

var errUnready = errors.New("no endpoint serves yet")

func newEngines(s *sandbox) engines {
	return engines{newPool(func(ctx context.Context, setup job.Setup) (warm, error) {
		a, err := s.analyser(ctx, setup, nil)
		if err != nil {
			return nil, err
		}
		return a, nil
	})}
}

// AnalyseAt fails.
func (engines) AnalyseAt(context.Context, string, job.Setup, []string) ([]comprehend.Answer, error) {
	return nil, errUnready
}
