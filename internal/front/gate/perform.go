package gate

import (
	"context"
	"errors"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// perform authorises, validates, acts and records. It is the same for a packet and for a service that asks.
func (g *Gate) perform(ctx context.Context, p *passage) (any, *fault.Fault) {
	p.known = p.call.Caller.Kind != identity.Anonymous
	if p.row == nil {
		return nil, p.recorded(ctx, unbuilt(p.op, ""), nil)
	}
	var out any
	var refused *fault.Fault
	var why *Explained
	defer func() { p.why = why }()
	unnoted := false
	// Authorised and, for a read, answered from one snapshot.
	err := p.view(ctx, func(v store.View) (err error) {
		if unnoted, err = g.Directory.Unnoted(v, p.call.Caller); err != nil {
			return err
		}
		j, err := g.newJudge(v, p)
		if err != nil {
			return err
		}
		p.path = j.path
		if refused, why, err = p.authorised(v, j); err != nil || refused != nil {
			return err
		}
		p.known = true
		if p.row.View == nil && p.row.Act == nil && p.row.Stream == nil {
			return unbuilt(p.op, p.row.Unbuilt)
		}
		if f := p.valid(); f != nil {
			return f
		}
		if p.row.Look != nil {
			p.call.May = j.may(&why)
			return p.row.Look(p.call, v, p.in)
		}
		if p.row.View != nil {
			p.call.May = j.may(&why)
			if out, err = p.row.View(p.call, v, p.in); err == nil {
				err = p.tried()
			}
		}
		return err
	})
	if lerr := p.leave(); err == nil {
		err = lerr
	}
	if unnoted { // by calls that are refused too
		if f := p.used(ctx); f != nil {
			return nil, f
		}
	}
	if refused != nil {
		return nil, p.recorded(ctx, refused, why)
	}
	writes := p.row.Act != nil && errors.Is(err, api.ErrWrite)
	if err != nil && !writes {
		return nil, p.recorded(ctx, faultOf(err), why)
	}
	if p.row.View != nil && !writes {
		return out, p.recorded(ctx, nil, nil)
	}
	committed := false
	if p.row.Act != nil {
		err = g.Store.Update(ctx, func(tx store.Tx) (err error) {
			if out, err = p.act(tx, &why); err != nil {
				return err
			}
			return p.record(tx, out)
		})
		committed = true
	} else {
		if out, err = p.stream(ctx, &why, &committed); err == nil {
			err = p.tried()
		}
	}
	if err != nil {
		return nil, p.recorded(ctx, faultOf(err), why)
	}
	if !committed { // a stream that only read
		if f := p.recorded(ctx, nil, nil); f != nil {
			closeBody(out)
			return nil, f
		}
	}
	return out, nil
}

// view runs f on a snapshot: of a request without a body, for which nobody has to wait, on the same one from its signature to its answer.
func (p *passage) view(ctx context.Context, f func(store.View) error) error {
	if p.held == nil {
		if p.req == nil || p.req.ContentLength != 0 {
			return p.gate.Store.View(ctx, f)
		}
		var err error
		if p.held, p.end, err = p.gate.Store.Snapshot(ctx); err != nil {
			return err
		}
	}
	return f(p.held)
}

// leave ends the call's snapshot, if it has one.
func (p *passage) leave() error {
	if p.held == nil {
		return nil
	}
	p.held = nil
	return p.end()
}

// used notes the caller's key or role as in use. It is a transaction of its own, once an hour, so that a change that fails leaves the
// note standing.
func (p *passage) used(ctx context.Context) *fault.Fault {
	err := p.gate.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		return p.gate.Directory.Used(tx, p.call.Caller, p.service.SigningName, p.call.Region)
	})
	if err != nil {
		return faultOf(err)
	}
	return nil
}

func unbuilt(op *wire.Operation, why string) *fault.Fault {
	if why != "" {
		return fault.Of(fault.NotImplemented, "%s", why)
	}
	return fault.Of(fault.NotImplemented, "The operation %s is known but not built yet.", op.Name)
}

// authorised decides the row's questions on what v shows, and keeps what allowed them for the event.
func (p *passage) authorised(v store.View, j *judge) (*fault.Fault, *Explained, error) {
	if p.row.Free {
		return nil, nil, nil
	}
	qs, err := p.row.Questions(p.call, v, p.in)
	if err != nil {
		if j.path != nil {
			if f, why, ferr := j.filtered(qs); ferr != nil || f != nil {
				return f, why, ferr
			}
		}
		return nil, nil, err
	}
	if qs == nil { // a row that asks no more than its handler does says so by an empty list
		return nil, nil, errors.New("cannot authorise a call: its row asks no question")
	}
	f, why, allowed, err := j.all(qs)
	p.allowed, p.asked = allowed, qs
	if len(qs) > 0 {
		p.owner = qs[0].Owner
	}
	return f, why, err
}

// within authorises again inside the transaction that acts: a name may have come to mean something else since, and a
// policy may have changed.
func (p *passage) within(tx store.View, why **Explained) error {
	j, err := p.gate.newJudge(tx, p)
	if err != nil {
		return err
	}
	f, ex, err := p.authorised(tx, j)
	if err != nil {
		return err
	}
	if f != nil {
		*why = ex
		return f
	}
	p.call.May = j.may(why)
	return nil
}

func (p *passage) act(tx store.Tx, why **Explained) (any, error) {
	if err := p.within(tx, why); err != nil {
		return nil, err
	}
	out, err := p.row.Act(p.call, tx, p.in)
	if err == nil {
		err = p.tried() // which takes the transaction back
	}
	return out, err
}

// tried ends a dry run that came through.
func (p *passage) tried() error {
	if p.trial {
		return dryRun()
	}
	return nil
}

func dryRun() *fault.Fault {
	return fault.Of(fault.DryRun, "Request would have succeeded, but DryRun flag is set.")
}

func (p *passage) stream(ctx context.Context, why **Explained, committed *bool) (any, error) {
	g := p.gate
	p.call.Read = func(ctx context.Context, f func(store.View) error) error {
		return g.Store.View(ctx, func(v store.View) error {
			if err := p.within(v, why); err != nil { // what is read now may not be what was asked about
				return err
			}
			return f(v)
		})
	}
	p.call.Commit = func(ctx context.Context, f func(store.Tx) (any, error)) (any, error) {
		var out any
		err := g.Store.Update(ctx, func(tx store.Tx) error {
			err := p.within(tx, why)
			if err != nil {
				return err
			}
			if out, err = f(tx); err == nil {
				err = p.tried()
			}
			if err != nil {
				return err
			}
			return p.record(tx, out)
		})
		*committed = *committed || err == nil
		return out, err
	}
	p.call.Forward = func(ctx context.Context, service, operation string, in any) (any, error) {
		return g.forward(ctx, p.call, why, service, operation, in)
	}
	return p.row.Stream(ctx, p.call, p.in)
}

// may is Call.May: the explanation of a refusal is kept for the event.
func (j *judge) may(why **Explained) func(store.View, api.Question) error {
	return func(_ store.View, q api.Question) error {
		f, ex, err := j.ask(q)
		if err != nil {
			return err
		}
		if f != nil {
			*why = ex
			return f
		}
		if q.Owner != "" && !slices.ContainsFunc(j.walk.further, func(x api.Question) bool { return x.Owner == q.Owner }) {
			j.walk.further = append(j.walk.further, q)
		}
		return nil
	}
}

// valid checks the model's constraints, that every set member is honoured, and EC2's dry run.
func (p *passage) valid() *fault.Fault {
	for _, m := range p.op.SetMembers(p.in) {
		if !honoured(p.row.Honours, m) {
			f := fault.Of(fault.NotHonoured, "The member %s of %s is not honoured by Cloister, so the call is refused rather than the member ignored.", m, p.op.Name)
			f.Param = m
			return f
		}
	}
	if f := p.op.Validate(p.in); f != nil {
		return f
	}
	if v := reflect.ValueOf(p.in); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if d := v.Elem().FieldByName("DryRun"); d.IsValid() && d.Kind() == reflect.Pointer && !d.IsNil() && d.Elem().Kind() == reflect.Bool && d.Elem().Bool() {
			if !p.row.Trial {
				return dryRun()
			}
			p.trial = true
		}
	}
	return nil
}

// honoured says whether a row obeys a member. DryRun is the gate's own. A structure or list that is named as a whole is empty:
// it is honoured when anything in it is.
func honoured(list []string, member string) bool {
	if member == "DryRun" {
		return true
	}
	return slices.ContainsFunc(list, func(h string) bool {
		if base, ok := strings.CutSuffix(h, ".*"); ok {
			return member == base || strings.HasPrefix(member, base+".")
		}
		return h == member || strings.HasPrefix(h, member+".")
	})
}

// recorded makes the outcome durable before it is answered: f is what to answer, or nil for a success. Calls that nobody
// is known to have made are logged, not recorded. When the record cannot be written, that is the answer.
func (p *passage) recorded(ctx context.Context, f *fault.Fault, why *Explained) *fault.Fault {
	_ = p.leave() // the disk is waited for
	if !p.known {
		return f
	}
	// The answer is owed even to a client that has gone.
	if err := p.gate.Store.Append(context.WithoutCancel(ctx), p.events(nil, f, why)...); err != nil {
		return faultOf(err)
	}
	return f
}

// faultOf maps the ledger's errors too: a full disk and a lost lease are told as what they are.
func faultOf(err error) *fault.Fault {
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, store.ErrFull):
		f = fault.Of(fault.Unavailable, "The disk is full: nothing was changed.")
	case errors.Is(err, store.ErrAway):
		f = fault.Of(fault.Unavailable, "The store that keeps the bytes does not answer: nothing was changed. Please try again.")
	case errors.Is(err, store.ErrFenced):
		f = fault.Of(fault.Unavailable, "Another daemon has taken over.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f = fault.Of(fault.Unavailable, "The call was given up.")
	default:
		return fault.From(err)
	}
	f.Cause = err
	return f
}

// closeBody ends a streaming answer that will not be sent.
func closeBody(out any) {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return
	}
	if b := v.Elem().FieldByName("Body"); b.IsValid() && !b.IsZero() {
		if c, ok := b.Interface().(interface{ Close() error }); ok {
			_ = c.Close()
		}
	}
}

func stack() string { return string(debug.Stack()) }
