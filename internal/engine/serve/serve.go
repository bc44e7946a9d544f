// Package serve keeps custom models at work: it serves their endpoints, copies models that are imported, and takes away those that are
// deleted. It never holds a model whose key it could not use when it last asked, and asks again and again.
package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/job"
	"cloister/internal/core/keyring"
	"cloister/internal/core/model"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// Principal is the service principal that uses models' keys.
const Principal = "comprehend.amazonaws.com"

// Calls is the gate: keys are asked for as anybody asks, authorised and recorded.
type Calls interface {
	Invoke(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error)
}

// Blobs is where the sealed bytes of models lie.
type Blobs interface {
	Open(ctx context.Context, id string) (io.ReadSeekCloser, error)
	Write(ctx context.Context, id string, fill func(io.Writer) error) error
	Remove(ctx context.Context, id string) error
}

// Analysers starts processes that analyse, each in a cell without a network. The context bounds the start alone; the model, of size bytes, is
// read to its end. ErrNoRoom says that the host has no memory left for it.
type Analysers interface {
	Start(ctx context.Context, s job.Setup, model io.Reader, size int64) (Analyser, error)
}

// Analyser is such a process. It takes one question at a time; an error means that it is of no use any more.
type Analyser interface {
	Ask(ctx context.Context, texts []string) ([]job.Answer, error)
	Close()
}

// ErrNoRoom says that the memory that all analysers of endpoints may have is used up.
var ErrNoRoom = errors.New("serve: no memory is left for an analyser")

// askLimit is how long an analyser may take for an answer, before it is ended.
const askLimit = 30 * time.Second

// Keys knows on what it depends whether a model's key can be used. It is told when to ask again; the answer is KMS's own.
type Keys interface {
	Kinds() []string // of rows
	// Standing is another one after each change that may matter to who uses a key by a grant.
	Standing(v store.View, key, grant string) (string, error)
	// GrantsOf finds the ids of those that an account made for a key's grantee under a name with just that EncryptionContextSubset.
	GrantsOf(v store.View, key, account, grantee, name string, about map[string]string) ([]string, error)
}

// Config is what the engine needs.
type Config struct {
	Store     store.Store
	World     world.World
	Calls     Calls
	Keys      Keys
	Blobs     Blobs
	Sealer    keyring.Sealer // of data keys of models without a key of KMS
	Analysers Analysers
	Log       *slog.Logger
	Check     time.Duration // between two uses of a served model's key, and of what failed; 0: 20 seconds
}

// Engine serves until its context ends.
type Engine struct {
	Config
	mu     sync.Mutex
	posts  map[store.Key]*post
	busy   map[store.Key]bool // what something is being done about
	missed map[store.Key]bool // of these: what is to be looked at once more then
	meters map[store.Key]*meter
	wg     sync.WaitGroup
	begun  chan struct{} // closed when Run has begun
	again  chan struct{} // a change came while something was done about the same
	ctx    context.Context
}

// New makes an engine.
func New(c Config) *Engine {
	if c.Check == 0 {
		c.Check = 20 * time.Second
	}
	return &Engine{Config: c, posts: map[store.Key]*post{}, busy: map[store.Key]bool{}, missed: map[store.Key]bool{}, meters: map[store.Key]*meter{}, begun: make(chan struct{}), again: make(chan struct{}, 1)}
}

// Run does what rows ask for, now and whenever one changes. When it returns, every analyser of an endpoint is gone.
func (e *Engine) Run(ctx context.Context) {
	e.ctx = ctx
	close(e.begun)
	watch := e.Store.Watch(ctx, append([]string{rows.Models.Kind, rows.ModelEndpoints.Kind}, e.Keys.Kinds()...)...)
	tick := time.NewTicker(e.Check)
	defer tick.Stop()
	for {
		e.sweep(ctx)
		select {
		case <-ctx.Done():
			e.wg.Wait()
			e.mu.Lock()
			defer e.mu.Unlock()
			for _, p := range e.posts {
				p.drop()
			}
			return
		case <-watch:
		case <-e.again:
		case <-tick.C:
		}
	}
}

// sweep looks at every endpoint and model; what is to be done is done beside it, one thing for each at a time.
func (e *Engine) sweep(ctx context.Context) {
	var ends []store.Item[model.Endpoint]
	var models []store.Item[model.Model]
	standing := map[string]string{} // of the models' keys, by model
	err := e.Store.View(ctx, func(v store.View) (err error) {
		if ends, err = rows.ModelEndpoints.List(v, store.Query{AnyScope: true}); err != nil {
			return err
		}
		if models, err = rows.Models.List(v, store.Query{AnyScope: true}); err != nil || len(ends) == 0 {
			return err
		}
		for i := range models {
			m := &models[i].Value
			if standing[m.ARN], err = e.standing(v, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() == nil {
			e.Log.Error("cannot list models", "error", err)
		}
		return
	}
	there := map[store.Key]bool{}
	for _, it := range ends {
		k := store.Key{Scope: it.Scope, Kind: rows.ModelEndpoints.Kind, ID: it.ID}
		there[k] = true
		p := e.post(k)
		if !p.due(&it.Value, standing[it.Value.DesiredModel], e.World.Now(), e.Check) {
			continue
		}
		e.beside(k, func() bool { return e.tend(ctx, k) })
	}
	for _, it := range models {
		k := store.Key{Scope: it.Scope, Kind: rows.Models.Kind, ID: it.ID}
		switch m := &it.Value; {
		case m.Status == model.Deleting:
			e.beside(k, func() bool { e.remove(ctx, it); return false })
		case m.Source != "" && !m.Status.Ended():
			e.beside(k, func() bool { e.copy(ctx, it); return false })
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, p := range e.posts { // the ledger forgot it (reset)
		if !there[k] && !e.busy[k] {
			p.drop()
			delete(e.posts, k)
			delete(e.meters, k)
		}
	}
}

// beside does something about a row, unless that goes on already.
func (e *Engine) beside(k store.Key, f func() (again bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy[k] {
		e.missed[k] = true
		return
	}
	e.busy[k] = true
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		again := f()
		e.mu.Lock()
		again = again || e.missed[k]
		delete(e.busy, k)
		delete(e.missed, k)
		e.mu.Unlock()
		if again {
			select {
			case e.again <- struct{}{}:
			default:
			}
		}
	}()
}

func (e *Engine) post(k store.Key) *post {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.posts[k]
	if p == nil {
		p = &post{}
		e.posts[k] = p
	}
	return p
}
