package comprehend

import (
	"context"
	"errors"

	"cloister/internal/core/job"
)

// ErrBusy says that an endpoint's inference units are used up for now.
var ErrBusy = errors.New("comprehend: the endpoint is busy")

// Engines analyse texts for the real-time operations. The daemon has them.
type Engines interface {
	// Analyse runs an account's texts through one analyser in a cell without a network, which sees no other account's; there is an answer to each
	// text, in their order.
	Analyse(ctx context.Context, account string, s job.Setup, texts []string) ([]Answer, error)
	// AnalyseAt does so with the model of an endpoint, within its inference units: ErrBusy when they are used up.
	AnalyseAt(ctx context.Context, endpointARN string, s job.Setup, texts []string) ([]Answer, error)
	// Languages are those of another program that does a kind of analysis in the built-in engine's place; "*": it refuses itself what it can't read.
	// Nil: the built-in engine does it.
	Languages(kind string) []string
}

// Answer is what an analyser says about one text.
type Answer = job.Answer
