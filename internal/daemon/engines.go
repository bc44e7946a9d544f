package daemon

import (
	"context"
	"errors"
	"io"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/engine/serve"
	"cloister/internal/service/comprehend"
)

// engines answer the real-time operations.
type engines struct {
	*pool
	d      *Daemon // whose endpoints are made after the gate
	spoken map[string][]string
}

func newEngines(s *sandbox) engines {
	return engines{newPool(func(ctx context.Context, setup job.Setup) (warm, error) {
		a, err := s.analyser(ctx, setup, nil, warmMemory)
		if err != nil {
			return nil, err
		}
		return a, nil
	}), s.d, s.d.spoken()}
}

// Languages satisfies comprehend.Engines.
func (e engines) Languages(kind string) []string { return e.spoken[kind] }

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
type analysers struct {
	*sandbox
	room *room
}

// Start satisfies serve.Analysers. What it took of the room comes back when its cell has ended.
func (s analysers) Start(ctx context.Context, setup job.Setup, model io.Reader, size int64) (serve.Analyser, error) {
	need := modelMemory(size)
	give, ok := s.room.take(need)
	if !ok {
		return nil, serve.ErrNoRoom
	}
	a, err := s.analyser(ctx, setup, model, need)
	if err != nil {
		give()
		return nil, err
	}
	left := make(chan struct{})
	a.gone = func() { give(); close(left) }
	return lodger{a, left}, nil
}

// lodger is an analyser that has a part of the room.
type lodger struct {
	*analyser
	left chan struct{} // closed when its part is given back
}

// Close waits for the cell's end, but not for ever: who closes it may want its part of the room next.
func (l lodger) Close() {
	l.analyser.Close()
	select {
	case <-l.left:
	case <-time.After(analyserExit):
	}
}
