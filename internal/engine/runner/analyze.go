package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Limits bound a job's processes, which may do anything but what they should.
type Limits struct {
	Run   time.Duration // from their start; 0: three days
	Stop  time.Duration // from the request to stop, for delivering what is done; 0: two minutes
	Exit  time.Duration // from the last report; 0: ten seconds
	Renew time.Duration // between fresh credentials of the role; 0: three quarters of a session's life
	Again time.Duration // from a failure of the ledger; 0: five seconds
	Keys  time.Duration // between uses of its keys that nothing calls for; 0: twenty seconds
}

func (l Limits) orDefault() Limits {
	return Limits{Run: cmp.Or(l.Run, 72*time.Hour), Stop: cmp.Or(l.Stop, 2*time.Minute), Exit: cmp.Or(l.Exit, 10*time.Second), Renew: cmp.Or(l.Renew, session*3/4),
		Again: cmp.Or(l.Again, 5*time.Second), Keys: cmp.Or(l.Keys, keyCheck)}
}

// progressEvery is how often progress is written down at most.
const progressEvery = 500 * time.Millisecond

// othersEnd is how long the other instances may take to end when the first one has ended, which told them to.
const othersEnd = 2 * time.Second

// analyze runs the two processes and waits for the agent's last word.
func (w *walk) analyze(ctx context.Context) error {
	cell := Cell{Job: w.job.ID, Kind: w.job.Kind, Network: w.network, Port: w.port, Servers: w.servers, Search: w.search, Model: w.model, Task: job.Task{
		Job: w.job.ID, Account: w.job.Account, Region: w.job.Region, Kind: job.Kinds()[w.job.Kind], Setup: w.job.Setup, Inputs: w.job.Inputs,
		OutputURI: w.job.OutputObject, OutputKey: w.job.OutputKey, Volume: w.volume, Artifact: w.artifact, Creds: w.creds, CA: w.CA}}
	image := ""
	if w.Analyser != nil {
		image = w.Analyser(w.job.Setup)
	}
	cell.Task.Foreign = image != ""
	if w.trained != nil {
		cell.Keep = w.trained.Blob
	}
	switch {
	case w.job.Network == nil:
	case cell.Task.Kind.Corpus:
		cell.Task.Share = w.Learn
	default:
		cell.Task.Share = w.Share
	}
	run, err := w.Sandbox.Start(ctx, cell)
	if err != nil {
		return err
	}
	others := &crew{ends: make(chan gone)}
	defer others.end(0)
	asked := make(chan struct{})
	tell := sync.OnceFunc(func() { close(asked) })
	stop := func() { run.Stop(); tell() }
	w.mu.Lock()
	w.stops[w.key.ID] = stop
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.stops, w.key.ID)
		w.mu.Unlock()
	}()
	// A stop that was asked before the processes could be told is told now.
	if err := w.edit(ctx, func(j *job.Job) { j.Instances, j.Image = 1, image }); err == nil && w.job.StopAsked {
		stop()
	}
	over := time.NewTimer(w.Limits.Run)
	defer over.Stop()
	kctx, unheld := context.WithCancel(ctx)
	defer unheld()
	pulled := w.keep(kctx)
	renew := time.NewTicker(w.Limits.Renew)
	defer renew.Stop()
	var (
		last     job.Report
		noted    time.Time
		stopping bool
	)
	for open := true; open && !last.Final; {
		select {
		case <-ctx.Done():
			run.Kill()
			_ = run.Wait()
			return ctx.Err()
		case <-asked:
			asked, stopping = nil, true
			over.Reset(w.Limits.Stop)
		case <-renew.C:
			// A role that can no longer be assumed ends the job by itself, when the session it has is over.
			if err := w.assume(ctx); err != nil {
				w.log.Warn("cannot renew the role's session", "error", err)
				break
			}
			run.Renew(w.creds)
			others.renew(w.creds)
		case g := <-others.ends:
			if f := w.without(g); f != nil {
				run.Kill()
				_ = run.Wait()
				return w.judged(ctx, f)
			}
			run.Tell(job.Word{Lost: []int{g.instance}})
		case f := <-pulled: // what the processes still hold in the clear goes with them
			run.Kill()
			_ = run.Wait()
			return f.because(job.Reason{Layer: "key", Text: "a key was taken away while the job ran; its processes were ended"})
		case <-over.C:
			run.Kill()
			_ = run.Wait()
			if stopping {
				return errStopped
			}
			return fail("INTERNAL_ERROR", "The job did not end within %s.", w.Limits.Run)
		case r, ok := <-run.Reports():
			if open = ok; !ok {
				break
			}
			last = r
			if r.Instances > 1 && w.ports == nil && cell.Task.Share.Max > 1 {
				if err := w.spread(ctx, run, others, cell, r.Instances); err != nil {
					run.Kill()
					_ = run.Wait()
					return err
				}
				break
			}
			if !r.Final && time.Since(noted) < progressEvery {
				break
			}
			noted = time.Now()
			if err := w.edit(ctx, func(j *job.Job) { j.Documents = r.Documents }); err != nil {
				run.Kill()
				_ = run.Wait()
				return err
			}
		}
	}
	werr := await(ctx, run, w.Limits.Exit)
	others.end(min(othersEnd, w.Limits.Exit))
	select {
	case <-asked:
		stopping = true
	default:
	}
	switch {
	case !last.Final && ctx.Err() != nil:
		return ctx.Err()
	case !last.Final && stopping: // it ended before it could listen
		return errStopped
	case !last.Final:
		if werr == nil {
			werr = errors.New("the agent ended without a report")
		}
		return werr
	case last.Err != nil:
		err := w.judged(ctx, last.Err)
		var f *failed
		if werr != nil && last.Err.Cause == "internal" && errors.As(err, &f) { // an analyser that was killed, for its memory say
			_ = f.because(job.Reason{Layer: "sandbox", Text: werr.Error()})
		}
		return err
	case last.Stopped:
		return errStopped
	case w.trained != nil && werr != nil: // its model was not kept
		return werr
	}
	if w.trained != nil {
		w.trained.Size = last.Artifact
	}
	if last.Result != nil {
		if err := measured(w.job.Kind, last.Result); err != nil {
			return err
		}
		return w.edit(ctx, func(j *job.Job) { j.Result = last.Result })
	}
	return nil
}

// await gives processes that have said their last word, or can say none any more, a moment to end, and ends them then.
func await(ctx context.Context, run Running, patience time.Duration) error {
	late := time.AfterFunc(patience, run.Kill)
	defer late.Stop()
	defer context.AfterFunc(ctx, run.Kill)()
	return run.Wait()
}

// wordMax is the longest code or id that an agent may say, in bytes.
const wordMax = 64

// judged turns the agent's failure into the job's, with the walls that explain it.
func (w *walk) judged(ctx context.Context, f *job.Failure) error {
	// An agent may be anything: what it says goes to terminals.
	w.noted(ctx, job.Plain(f.RequestID, wordMax))
	out := &failed{code: job.Plain(f.Code, wordMax), message: job.Plain(f.Message, job.MessageMax)}
	if f.RequestID == "" { // else the request's own event says more
		out = out.because(job.Reason{Layer: job.Plain(f.Cause, wordMax), Text: "the agent could not " + job.Plain(f.Stage, wordMax) + ": " + job.Plain(f.Detail, job.MessageMax)})
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
		port := w.port
		if i := f.Instance; i > 0 && i < len(w.ports) {
			port = w.ports[i]
		}
		if f.Stage == "join" {
			return out.because(reach.Between(snap, port, w.port, job.GroupPort)...)
		}
		out = out.because(reach.Explain(snap, port, "s3")...)
		if n := &snap.VPC; f.Cause == "unresolved" && n.DNSSupport && !slices.Contains(w.servers, vpc.Resolver(n.CIDRs[0])) {
			out = out.because(job.Reason{Layer: "dhcp-options", Rule: n.DHCPOptions, Change: "AssociateDhcpOptions with " + n.ID + ": a set whose domain-name-servers is " + vpc.AmazonDNS,
				Text: fmt.Sprintf("the DHCP options of %s name the servers %v for names, and not the VPC's own resolver", n.ID, w.servers)})
		}
	}
	return out
}
