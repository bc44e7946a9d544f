// Package entry is where a job's processes begin inside their cells. It reads descriptors and nothing else of the world:
// no flags, no environment, no files.
package entry

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"cloister/internal/work/agent"
	"cloister/internal/work/analyse"
	"cloister/internal/work/probe"
)

// Descriptors of the agent, as the cell's pair numbers them.
const (
	toAnalyser   = 3
	fromAnalyser = 4
	scratchFile  = 5
	modelFile    = 6
	piecesFile   = 7
)

// Agent runs the job agent and gives its exit status.
func Agent() int {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	signal.Ignore(syscall.SIGXFSZ) // a scratch at its limit is an error of a write
	return status(agent.Run(context.Background(), stop, agent.Ports{Task: os.Stdin, Reports: os.Stdout, To: os.NewFile(toAnalyser, "documents"),
		From: os.NewFile(fromAnalyser, "results"), Scratch: os.NewFile(scratchFile, "scratch"),
		Model:  func() *os.File { return os.NewFile(modelFile, "model") },
		Pieces: func() *os.File { return os.NewFile(piecesFile, "pieces") }}))
}

// Probe is the kind of analyser that tries to get out instead of reading documents.
const Probe = "probe"

// Analyser runs the analyser and gives its exit status. Which kind it is to be comes with its setup.
func Analyser(kind string) int {
	if kind == Probe {
		return status(json.NewEncoder(os.Stdout).Encode(probe.Run()))
	}
	return status(analyse.Serve(kinds, os.Stdin, os.Stdout))
}

func status(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
