package daemon

import (
	"context"
	"errors"
	"io"

	"cloister/internal/core/job"
	"cloister/internal/engine/serve"
	"cloister/internal/service/comprehend"
)

// engines answer the real-time operations.
type engines struct {
	*pool
	d *Daemon // whose endpoints are made after the gate
}

func newEngines(s *sandbox) engines {
	return engines{newPool(func(ctx context.Context, setup job.Setup) (warm, error) {
		a, err := s.analyser(ctx, setup, nil)
		if err != nil {
			return nil, err
		}
		return a, nil
	}), s.d}
}

// AnalyseAt satisfies comprehend.Engines.
func (e engines) AnalyseAt(ctx context.Context, endpoint string, s job.Setup, texts []string) ([]comprehend.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, poolCall)
	defer cancel()
	out, err := e.d.endpoints.AnalyseAt(ctx, endpoint, s, texts)
	if errors.Is(err, serve.ErrBusy) {
		err = comprehend.ErrBusy
	}
	return out, err
}

// analysers start the analyser of an endpoint.
type analysers struct{ *sandbox }

// Start satisfies serve.Analysers.
func (s analysers) Start(ctx context.Context, setup job.Setup, model io.Reader) (serve.Analyser, error) {
	a, err := s.analyser(ctx, setup, model)
	if err != nil {
		return nil, err
	}
	return a, nil
}
