package runner

import (
	"context"
	"errors"

	"cloister/internal/core/job"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// analyze runs the two processes and waits for the agent's last word.
func (w *walk) analyze(ctx context.Context) error {
	run, err := w.Sandbox.Start(ctx, Cell{Job: w.job.ID, Kind: w.job.Kind, Network: w.network, Port: w.port, Resolver: w.dns, Task: job.Task{
		Job: w.job.ID, Account: w.job.Account, Region: w.job.Region, InputURI: w.job.InputURI, Format: w.job.InputFormat,
		OutputURI: w.job.OutputObject, Member: "output", Creds: w.creds, CA: w.CA, Limits: job.LanguageLimits}})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.stops[w.key.ID] = run.Stop
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.stops, w.key.ID)
		w.mu.Unlock()
	}()
	// A stop that was asked before the processes could be told is told now.
	if err := w.edit(ctx, func(*job.Job) {}); err == nil && w.job.StopAsked {
		run.Stop()
	}
	var last job.Report
	for open := true; open; {
		select {
		case <-ctx.Done():
			run.Kill()
			_ = run.Wait()
			return ctx.Err()
		case r, ok := <-run.Reports():
			if open = ok; !ok {
				break
			}
			last = r
			if err := w.edit(ctx, func(j *job.Job) { j.Documents = r.Documents }); err != nil {
				run.Kill()
				_ = run.Wait()
				return err
			}
		}
	}
	werr := run.Wait()
	switch {
	case !last.Final:
		if werr == nil {
			werr = errors.New("the agent ended without a report")
		}
		return werr
	case last.Err != nil:
		return w.judged(ctx, last.Err)
	case last.Stopped:
		return errStopped
	}
	return nil
}

// judged turns the agent's failure into the job's, with the walls that explain it.
func (w *walk) judged(ctx context.Context, f *job.Failure) error {
	w.noted(ctx, f.RequestID)
	out := &failed{code: f.Code, message: f.Message}
	if f.RequestID == "" { // else the request's own event says more
		out = out.because(job.Reason{Layer: f.Cause, Text: "the agent could not " + f.Stage + ": " + f.Detail})
	}
	if (f.Cause == "unreachable" || f.Cause == "unresolved") && w.job.Network != nil {
		var snap vpc.Snapshot
		err := w.Store.View(ctx, func(v store.View) (err error) {
			snap, err = rows.Snapshot(v, w.scope(), w.vpcID)
			return err
		})
		if err != nil {
			return err
		}
		out = out.because(reach.Explain(snap, w.port, "s3")...)
	}
	return out
}
