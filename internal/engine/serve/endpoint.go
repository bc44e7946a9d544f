package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// post is where an endpoint is served.
type post struct {
	tending sync.Mutex // one change at a time

	mu       sync.Mutex
	serving  *serving  // nil: not served
	tried    time.Time // last look at a model's key, whatever came of it
	standing string    // of the key, at that time
	lost     bool      // the analyser went by itself
}

// serving is an analyser with its model.
type serving struct {
	model string
	kind  string
	asked sync.Mutex // one question at a time
	a     Analyser
}

// due says whether an endpoint needs a look: it or its key changed, it is not served though it should be, or its key was not used for a while.
func (p *post) due(e *model.Endpoint, standing string, now time.Time, check time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.standing != standing {
		return true
	}
	switch e.Status {
	case model.Creating, model.Updating, model.Removing:
		return true
	case model.InService:
		return p.serving == nil || p.lost || now.Sub(p.tried) >= check
	}
	return now.Sub(p.tried) >= check
}

// drop stops serving, once what was asked is answered.
func (p *post) drop() {
	p.mu.Lock()
	s := p.serving
	p.serving = nil
	p.mu.Unlock()
	if s != nil {
		s.asked.Lock()
		defer s.asked.Unlock()
		s.a.Close()
	}
}

// tend makes an endpoint what its row asks for. If that changed meanwhile it is to be looked at again.
func (e *Engine) tend(ctx context.Context, k store.Key) (again bool) {
	p := e.post(k)
	p.tending.Lock()
	defer p.tending.Unlock()
	var it store.Item[model.Endpoint]
	var m model.Model
	standing := ""
	missing := false
	err := e.Store.View(ctx, func(v store.View) (err error) {
		if it, err = rows.ModelEndpoints.Get(v, k.Scope, k.ID); err != nil {
			return err
		}
		x, err := rows.Models.Find(v, k.Scope, "arn", it.Value.DesiredModel)
		missing, m = errors.Is(err, store.ErrNotFound), x.Value
		if missing {
			return nil
		}
		if err == nil {
			standing, err = e.standing(v, &m)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		p.drop()
		return false
	}
	if err == nil && it.Value.Status == model.Removing {
		p.drop()
		err = e.forget(ctx, k)
	} else if err == nil {
		var broken error
		if missing {
			broken = fail("MODEL_UNAVAILABLE", "The model %s is not there.", it.Value.DesiredModel)
			p.drop()
		} else {
			broken = e.serve(ctx, p, it.Scope, &it.Value, &m)
		}
		p.mu.Lock()
		p.standing = standing // as it was before the key was used: what changed meanwhile is seen afterwards
		p.mu.Unlock()
		if ctx.Err() != nil {
			return false
		}
		again, err = e.settle(ctx, k, &it.Value, broken)
	}
	if err != nil && ctx.Err() == nil {
		e.Log.Error("cannot tend an endpoint", "endpoint", it.Value.ARN, "error", err)
	}
	return again
}

// serve starts an analyser with the model, or sees that the one there may go on. A model is served only while its key can be used.
func (e *Engine) serve(ctx context.Context, p *post, at store.Scope, end *model.Endpoint, m *model.Model) error {
	p.mu.Lock()
	p.tried = e.World.Now()
	s, lost := p.serving, p.lost
	p.mu.Unlock()
	if s != nil && s.model == m.ARN && !lost {
		if m.ModelKey == "" {
			return nil
		}
		key, err := e.dataKey(ctx, as(at, end.ARN), m)
		clear(key)
		if err != nil {
			p.drop()
		}
		return err
	}
	a, err := e.start(ctx, at, end, m)
	if errors.Is(err, ErrNoRoom) && s != nil { // but for the one that is to be replaced
		p.drop()
		s = nil
		a, err = e.start(ctx, at, end, m)
	}
	if errors.Is(err, ErrNoRoom) {
		err = fail("INSUFFICIENT_CAPACITY", "This host has no memory left for the endpoint's analyzer. Delete an endpoint, or start the daemon with more -endpoint-memory; the endpoint is tried again.")
	}
	if err != nil {
		p.drop()
		return err
	}
	p.mu.Lock()
	p.serving, p.lost = &serving{model: m.ARN, kind: kindOf(m), a: a}, false
	p.mu.Unlock()
	if s != nil { // what it was asked is answered first
		s.asked.Lock()
		defer s.asked.Unlock()
		s.a.Close()
	}
	return nil
}

func (e *Engine) start(ctx context.Context, at store.Scope, end *model.Endpoint, m *model.Model) (Analyser, error) {
	if !m.Status.Ready() {
		return nil, fail("MODEL_UNAVAILABLE", "The model %s is in the %s state.", m.ARN, m.Status)
	}
	key, err := e.dataKey(ctx, as(at, end.ARN), m)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	r, err := e.reader(ctx, m, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a, err := e.Analysers.Start(ctx, setupOf(m), r, envelope.PlainSize(m.Artifact.Size))
	if err != nil {
		return nil, err
	}
	if _, err := a.Ask(ctx, []string{"."}); err != nil { // it has read its model when it answers
		a.Close()
		if ctx.Err() == nil {
			e.Log.Warn("an analyser does not take a model", "model", m.ARN, "error", err)
		}
		return nil, fail("MODEL_NOT_USABLE", "The analyzer does not take the model %s. A model is bound to the release that trained it: train it anew.", m.ARN)
	}
	return a, nil
}

// setupOf is what the analyser of a model is told. A classifier reads files of one page, too (Comprehend Developer Guide, "Inputs for real-time
// custom analysis").
func setupOf(m *model.Model) job.Setup {
	s := job.Setup{Kind: kindOf(m), Language: m.Language, Model: true}
	if m.Kind == model.Classifier {
		s.Pages, s.Limit = 1, job.FileMax
	}
	return s
}

// kindOf is the kind of analysis that a model serves.
func kindOf(m *model.Model) string {
	if m.Kind == model.Classifier {
		return "document-classification"
	}
	return "entities-detection"
}

// settle writes what became of an endpoint, unless something else was asked of it meanwhile.
func (e *Engine) settle(ctx context.Context, k store.Key, seen *model.Endpoint, broken error) (changed bool, err error) {
	var f *failure
	message := ""
	if broken != nil {
		message = "INTERNAL_ERROR: The endpoint could not be served."
		if errors.As(broken, &f) {
			message = f.Error()
		} else {
			e.Log.Error("cannot serve an endpoint", "endpoint", seen.ARN, "error", broken)
		}
	}
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.ModelEndpoints.Get(tx, k.Scope, k.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		x := &it.Value
		if changed = x.Status == model.Removing || x.DesiredModel != seen.DesiredModel; changed {
			return nil
		}
		was := *x
		x.Status, x.Message = model.Broken, message
		if broken == nil {
			x.Status, x.Model, x.Units, x.RoleARN = model.InService, x.DesiredModel, x.DesiredUnits, x.DesiredRole
		}
		if *x == was {
			return nil
		}
		x.Changed = tx.Now()
		e.Log.Info("an endpoint changed", "endpoint", x.ARN, "status", string(x.Status), "message", message)
		return rows.ModelEndpoints.Save(tx, &it)
	})
	return changed, err
}

// forget takes an endpoint's row away.
func (e *Engine) forget(ctx context.Context, k store.Key) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.ModelEndpoints.Get(tx, k.Scope, k.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tx.RemoveTags(it.Value.ARN, nil); err != nil {
			return err
		}
		return tx.Delete(k, it.Version)
	})
}

// ErrBusy says that the inference units of an endpoint are used up for now.
var ErrBusy = errors.New("serve: the endpoint is busy")

// AnalyseAt analyses texts with the model of an endpoint, within its inference units: ErrBusy when they are used up. The other errors are faults
// that the caller is told, or internal.
func (e *Engine) AnalyseAt(ctx context.Context, endpointARN string, s job.Setup, texts []string) ([]job.Answer, error) {
	select {
	case <-e.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	part := strings.SplitN(endpointARN, ":", 6)
	if len(part) != 6 {
		return nil, fault.New("InvalidRequestException", "The endpoint %s is not an ARN.", endpointARN)
	}
	k := store.Key{Scope: store.Scope{Partition: part[1], Account: part[4], Region: part[3]}, Kind: rows.ModelEndpoints.Kind, ID: part[5]}
	var end model.Endpoint
	standing := ""
	err := e.Store.View(ctx, func(v store.View) error {
		it, err := rows.ModelEndpoints.Get(v, k.Scope, k.ID)
		if end = it.Value; err != nil {
			return err
		}
		m, err := rows.Models.Find(v, k.Scope, "arn", end.DesiredModel)
		if errors.Is(err, store.ErrNotFound) {
			return nil // tending says so
		}
		if err == nil {
			standing, err = e.standing(v, &m.Value)
		}
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fault.New("ResourceNotFoundException", "RESOURCE_NOT_FOUND: Could not find specified resource.")
	case err != nil:
		return nil, err
	case end.Status == model.Broken:
		return nil, fault.New("ResourceUnavailableException", "The endpoint %s is in the FAILED state: %s", endpointARN, end.Message)
	case end.Status != model.InService && end.Status != model.Updating:
		return nil, fault.New("ResourceUnavailableException", "The endpoint %s is in the %s state.", endpointARN, end.Status)
	}
	p := e.post(k)
	p.mu.Lock()
	serving, lost, changed := p.serving, p.lost, p.standing != standing
	p.mu.Unlock()
	if serving == nil || lost || changed { // the daemon has just begun, the analyser is gone, or the key may have been pulled
		e.tend(e.ctx, k)
		p.mu.Lock()
		serving = p.serving
		p.mu.Unlock()
	}
	if serving == nil {
		return nil, fault.New("ResourceUnavailableException", "The endpoint %s cannot be served. DescribeEndpoint says why.", endpointARN)
	}
	if serving.kind != s.Kind {
		return nil, fault.New("InvalidRequestException", "The endpoint %s serves a model of another kind.", endpointARN)
	}
	n := 0
	for _, t := range texts {
		if job.FormOf([]byte(t)) == job.PlainText { // of a file, the text is known afterwards
			n += utf8.RuneCountInString(t)
		}
	}
	if !e.admit(k, end.Units, len(texts), n) {
		return nil, ErrBusy
	}
	type said struct {
		out []job.Answer
		err error
	}
	done := make(chan said, 1)
	go func() { // beside the caller: one that goes away must not end an analyser that others ask
		out, err := e.ask(ctx, p, serving, endpointARN, texts)
		e.owe(k, out)
		done <- said{out, err}
	}()
	select {
	case x := <-done:
		return x.out, x.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask asks what serves at a post, after those who asked before. What has been asked is answered whether the caller still waits or not.
func (e *Engine) ask(caller context.Context, p *post, s *serving, endpointARN string, texts []string) ([]job.Answer, error) {
	s.asked.Lock()
	defer s.asked.Unlock()
	if err := caller.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	current := p.serving
	p.mu.Unlock()
	if current != s {
		if current == nil {
			return nil, fault.New("ResourceUnavailableException", "The endpoint %s cannot be served. DescribeEndpoint says why.", endpointARN)
		}
		return nil, ErrBusy // its model is just being changed
	}
	ctx, cancel := context.WithTimeout(e.ctx, askLimit)
	defer cancel()
	out, err := s.a.Ask(ctx, texts)
	if err != nil {
		p.mu.Lock()
		p.lost = p.lost || p.serving == s
		p.mu.Unlock()
		return nil, fmt.Errorf("cannot analyse at %s: %w", endpointARN, err)
	}
	return out, nil
}

// owe takes from the endpoint's meter what the pages of files needed.
func (e *Engine) owe(k store.Key, out []job.Answer) {
	n := 0
	for _, a := range out {
		if p, ok, err := job.PagedOf(a.Members); ok && err == nil {
			for _, x := range p.Pages {
				n += max(0, min(x.Characters, job.PageMax)) // a longer one is refused
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := e.meters[k]; m != nil {
		m.characters -= float64(min(n, len(out)*job.PageMax)) // an endpoint's file has one page, whatever the analyser says
	}
}

// admit asks the endpoint's meter.
func (e *Engine) admit(k store.Key, units int64, documents, characters int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.meters[k]
	if m == nil {
		m = &meter{}
		e.meters[k] = m
	}
	now := e.World.Now()
	if m.units != units {
		m.set(units, now)
	}
	return m.admit(documents, characters, now)
}
