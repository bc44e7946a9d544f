// Package runner walks a job through persisted steps, each with its undo. A step is written down before it is begun, so
// whatever a crash leaves behind is known and taken away by the next daemon.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/job"
	"cloister/internal/core/keyring"
	"cloister/internal/core/model"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// Calls is the gate: a service asks other services as AWS does, authorised and recorded.
type Calls interface {
	Invoke(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error)
}

// Keys knows the grants on keys, and when to ask again whether a key can be used; the answer is KMS's own.
type Keys interface {
	Kinds() []string // of rows on which it depends whether a key can be used
	// Standing is another one after each change that may matter to who uses a key by a grant.
	Standing(v store.View, key, grant string) (string, error)
	// GrantsOf finds the ids of those that an account made for a key's grantee under a name with just that EncryptionContextSubset.
	GrantsOf(v store.View, key, account, grantee, name string, about map[string]string) ([]string, error)
}

// Network opens interfaces and service segments in the kernel.
type Network interface {
	WaitOpen(ctx context.Context, eni string) error
	OpenSegment(ctx context.Context, id, port, partition, account, region string) error
	CloseSegment(id string)
	Kick()
}

// Sandbox starts a job's two processes: the agent on the port's network, the analyser without any.
type Sandbox interface {
	Start(ctx context.Context, c Cell) (Running, error)
	Discard(ctx context.Context, blob string) error // of a Cell's Keep, that nobody will know; one that is not there is no fault
}

// Cell is what a job's processes are told.
type Cell struct {
	Job, Kind string
	Network   string       // VPC id or segment id
	Port      string       // eni-... in that network
	Servers   []netip.Addr // name servers that DHCP tells, in order; none: no names
	Search    []string     // domains that DHCP tells
	Task      job.Task
	Model     string // blob of the sealed model that the agent reads; empty: none
	Keep      string // blob to be made of the one that it writes
}

// Running is a started job.
type Running interface {
	Reports() <-chan job.Report // closed at the end
	Renew(job.Credentials)      // go on with these
	Tell(job.Word)
	Stop()       // deliver what is done, then end
	Kill()       // may be called again, and after the end
	Wait() error // after Reports is closed; says how the processes ended, unless well
}

// ErrGone is the answer of a sandbox under which everything has ended. The daemon ends then too.
var ErrGone = errors.New("the sandbox has ended")

// Config is what a runner needs.
type Config struct {
	Store    store.Store
	World    world.World
	Calls    Calls
	Keys     Keys
	Network  Network
	Sandbox  Sandbox
	Sealer   keyring.Sealer // of the data keys of models without a key of KMS
	Log      *slog.Logger
	CA       string // PEM, handed to the agents
	Parallel int    // jobs at once; 0: 4
	// Refuse fails every job with this sentence before it is begun; empty: jobs run. Notes are told with every job's explanation.
	Refuse string
	Notes  []job.Reason
	Limits Limits
	// Analyser names the image that does such work in the built-in engine's place; empty: none does. Nil: none ever.
	Analyser func(job.Setup) string
	// Share says how many instances an analysis in a VPC may have, Learn how many a training or topic modelling; zero: one.
	Share, Learn job.Share
}

// maxAttempts is how often a job is begun before a daemon that dies with it gives it up.
const maxAttempts = 3

// openLimit is how long the kernel may take to open an interface.
const openLimit = 20 * time.Second

// Runner runs jobs until its context ends.
type Runner struct {
	Config
	mu     sync.Mutex
	active map[string]context.CancelFunc // job id -> end of its walk
	held   map[string]int                // account -> jobs taken
	stops  map[string]func()             // job id -> stop its processes
	wg     sync.WaitGroup
	slots  chan struct{}
	freed  chan struct{}
}

// New makes a runner.
func New(c Config) *Runner {
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	c.Limits = c.Limits.orDefault()
	return &Runner{Config: c, active: map[string]context.CancelFunc{}, held: map[string]int{}, stops: map[string]func(){}, slots: make(chan struct{}, c.Parallel), freed: make(chan struct{}, 1)}
}

// Run takes up every job that is not ended and cleaned, now and whenever one appears. It returns when ctx has ended and
// all processes are gone; interrupted jobs are taken up by the next Run.
func (r *Runner) Run(ctx context.Context) {
	watch := r.Store.Watch(ctx, rows.Jobs.Kind)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		r.sweep(ctx)
		select {
		case <-ctx.Done():
			r.wg.Wait()
			return
		case <-watch:
		case <-r.freed:
		case <-tick.C:
		}
	}
}

func (r *Runner) sweep(ctx context.Context) {
	var live []store.Item[job.Job]
	err := r.Store.View(ctx, func(v store.View) (err error) {
		live, err = rows.Jobs.List(v, store.Query{AnyScope: true, Term: store.Term{Name: "live", Value: "yes"}})
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Error("cannot list jobs", "error", err)
		}
		return
	}
	for _, it := range live {
		r.mu.Lock()
		_, taken := r.active[it.ID]
		if !taken && r.held[it.Value.Account] >= max(1, r.Parallel-1) {
			r.mu.Unlock() // one account never holds every slot
			continue
		}
		if taken && it.Value.StopAsked {
			if stop := r.stops[it.ID]; stop != nil {
				stop()
			}
		}
		if !taken {
			jctx, cancel := context.WithCancel(ctx)
			r.active[it.ID] = cancel
			r.held[it.Value.Account]++
			r.wg.Add(1)
			go r.take(jctx, cancel, it)
		}
		r.mu.Unlock()
	}
}

func (r *Runner) take(ctx context.Context, cancel context.CancelFunc, it store.Item[job.Job]) {
	defer r.wg.Done()
	defer func() {
		cancel()
		r.mu.Lock()
		delete(r.active, it.ID)
		r.held[it.Value.Account]--
		select {
		case r.freed <- struct{}{}: // who waited for the account's turn
		default:
		}
		r.mu.Unlock()
	}()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return
	}
	w := &walk{Runner: r, key: it, log: r.Log.With("job", it.Value.ARN)}
	defer r.Network.CloseSegment("job-" + it.ID) // also when the ledger forgot the job (reset)
	err := w.run(ctx)
	if errors.Is(err, errForgotten) {
		return
	}
	if err != nil && ctx.Err() == nil {
		// The ledger itself failed: the job stays live and a later sweep takes it up.
		w.log.Error("cannot carry on a job", "error", err)
		select {
		case <-time.After(r.Limits.Again):
		case <-ctx.Done():
		}
	}
}

// walk is one job being walked.
type walk struct {
	*Runner
	key store.Item[job.Job]
	log *slog.Logger

	job     job.Job // as last written
	creds   job.Credentials
	chosen  string // subnet
	vpcID   string
	network string
	port    string   // of the first instance
	ports   []string // of all, where there are others
	servers []netip.Addr
	search  []string
	notes   []job.Reason // besides those of the runner

	held     []held          // keys that it lives on
	volume   []byte          // data key of the scratch
	artifact *job.Artifact   // of the model that is read or written
	model    string          // blob of the one that is read
	trained  *model.Artifact // what will be known of the one that is written
}

// failed ends a job with a message of AWS's form and reasons for explain.
type failed struct {
	code, message string
	reasons       []job.Reason
}

func (f *failed) Error() string { return f.code + ": " + f.message }

func fail(code, format string, args ...any) *failed {
	return &failed{code: code, message: fmt.Sprintf(format, args...)}
}

func (f *failed) because(rs ...job.Reason) *failed { f.reasons = append(f.reasons, rs...); return f }

// errStopped ends a job that was asked to stop.
var errStopped = errors.New("stopped")

// errForgotten: the ledger has no such job any more, since a reset.
var errForgotten = errors.New("the ledger forgot the job")

type step struct {
	name string
	do   func(context.Context) error
}

func (w *walk) steps() []step {
	all := []step{{"assume-role", w.assume}}
	if w.keyed() {
		all = append(all, step{"check-keys", w.keys})
	}
	if w.job.Network == nil {
		return append(all, step{"open-segment", w.segment}, step{"analyze", w.analyze})
	}
	return append(all, step{"check-network", w.check}, step{"create-interface", w.create}, step{"open-interface", w.open}, step{"analyze", w.analyze})
}

func (w *walk) run(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	var err error
	if !w.job.State.Ended() {
		err = w.forward(ctx)
	}
	if errors.Is(err, ErrGone) {
		<-ctx.Done() // which follows: it is not the job that failed
	}
	if ctx.Err() != nil {
		return ctx.Err() // the daemon ends: the next one undoes and begins again
	}
	ledger := w.undo(ctx, err == nil && !w.job.State.Ended())
	if ledger == nil {
		ledger = w.end(ctx, err)
	}
	w.forsake(ctx) // an attempt that the ledger stopped is followed by another, with another model; and a model may be deleted meanwhile
	return ledger
}

// forsake takes the bytes of a trained model away, unless the ledger knows them: a commit that failed may have been one. What it leaves the next
// start takes away.
func (w *walk) forsake(ctx context.Context) {
	if w.trained == nil {
		return
	}
	err := w.Store.View(ctx, func(v store.View) error {
		_, err := rows.Models.Find(v, w.key.Scope, "blob", w.trained.Blob)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		if err = w.Sandbox.Discard(ctx, w.trained.Blob); err == nil {
			w.trained = nil
		}
	}
	if err != nil {
		w.log.Error("cannot take away a model that nobody keeps", "error", err)
	}
}

// begin counts an attempt. What an earlier attempt left is undone first.
func (w *walk) begin(ctx context.Context) error {
	if err := w.edit(ctx, func(j *job.Job) { j.Attempt++ }); err != nil {
		return err
	}
	if w.job.Attempt > 1 && len(w.job.Steps) > 0 {
		if err := w.undo(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) forward(ctx context.Context) error {
	if w.Refuse != "" {
		return fail("HOST_CANNOT_ENFORCE", "%s", w.Refuse)
	}
	if w.job.Attempt > maxAttempts {
		return fail("INTERNAL_ERROR", "The job was interrupted %d times and is given up.", maxAttempts)
	}
	for _, s := range w.steps() {
		if w.job.StopAsked {
			return errStopped
		}
		err := w.edit(ctx, func(j *job.Job) {
			if j.State == job.Submitted {
				j.State = job.InProgress
			}
			j.Steps = append(j.Steps, job.Step{Name: s.name, Begun: w.World.Now()})
		})
		if err != nil {
			return err
		}
		at := len(w.job.Steps) - 1
		start := time.Now()
		err = s.do(ctx)
		w.log.Debug("walked a step", "step", s.name, "took", time.Since(start), "error", err)
		if err2 := w.edit(ctx, func(j *job.Job) {
			st := &j.Steps[at]
			if err == nil {
				st.Done = w.World.Now()
			} else {
				st.Err = err.Error()
			}
		}); err2 != nil {
			return err2
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end writes the outcome. Nothing of the job is left when its final state can be seen.
func (w *walk) end(ctx context.Context, err error) error {
	var f *failed
	state := job.Completed
	switch {
	case err == nil:
	case errors.Is(err, errStopped):
		state = job.Stopped
	case errors.As(err, &f):
		state = job.Failed
	default:
		w.log.Error("a job failed for a reason of ours", "error", err)
		message := "The job could not be run."
		if errors.Is(err, store.ErrFull) || errors.Is(err, syscall.ENOSPC) {
			message = job.NoSpace
		}
		state, f = job.Failed, fail("INTERNAL_ERROR", "%s", message).because(job.Reason{Layer: "daemon", Text: err.Error()})
	}
	if state != job.Completed { // it may have been kept before something else failed
		w.forsake(ctx)
	}
	return w.change(ctx, func(tx store.Tx, j *job.Job) error {
		j.Cleaned = true
		if j.State.Ended() {
			return nil
		}
		j.State, j.Ended = state, w.World.Now()
		if f != nil {
			j.Message, j.Reasons = f.Error(), f.reasons
		}
		j.Reasons = slices.Concat(j.Reasons, w.notes, w.Notes)
		return w.learned(tx, j)
	})
}

// edit changes the job's row. Another writer (a stop) may come between: the change is made to what is there.
func (w *walk) edit(ctx context.Context, f func(*job.Job)) error {
	return w.change(ctx, func(_ store.Tx, j *job.Job) error { f(j); return nil })
}

func (w *walk) change(ctx context.Context, f func(store.Tx, *job.Job) error) error {
	return w.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.Jobs.Get(tx, w.key.Scope, w.key.ID)
		if errors.Is(err, store.ErrNotFound) {
			return errForgotten
		}
		if err != nil {
			return err
		}
		if err := f(tx, &it.Value); err != nil {
			return err
		}
		if err := rows.Jobs.Save(tx, &it); err != nil {
			return err
		}
		w.job = it.Value
		return nil
	})
}

// noted adds a call's request id to the step that made it.
func (w *walk) noted(ctx context.Context, id string) {
	if id == "" {
		return
	}
	if err := w.edit(ctx, func(j *job.Job) {
		if n := len(j.Steps); n > 0 {
			j.Steps[n-1].RequestIDs = append(j.Steps[n-1].RequestIDs, id)
		}
	}); err != nil {
		w.log.Error("cannot note a request", "request_id", id, "error", err)
	}
}

func (w *walk) as() api.As {
	return api.As{Partition: w.job.Partition, Account: w.job.Account, Region: w.job.Region, Service: w.job.Service,
		SourceAccount: w.job.Account, SourceARN: w.job.ARN, AccessKey: w.creds.AccessKey, Token: w.creds.Token}
}

// scope is where the job's own rows and those of its VPC live.
func (w *walk) scope() store.Scope {
	return store.Scope{Partition: w.job.Partition, Account: w.job.Account, Region: w.job.Region}
}

// token names an instance's interface; its id follows from it before it exists.
func (w *walk) token(instance int) string {
	if instance == 0 {
		return "comprehend-" + w.job.ID
	}
	return fmt.Sprintf("comprehend-%s-%d", w.job.ID, instance)
}

func (w *walk) interfaceID(instance int) string {
	return vpc.InterfaceFor(w.job.Account, w.job.Region, w.token(instance))
}
