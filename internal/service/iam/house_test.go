package iam_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/service/iam"
	"cloister/internal/store"
	"cloister/internal/world"
)

const (
	home    = "111122223333"
	foreign = "444455556666"
)

// house is a ledger with two accounts, and a walk that asks each row's questions of the policy engine before the row acts.
type house struct {
	*testing.T
	store store.Store
	iam   *iam.Service
	ops   map[string]api.Operation
	now   time.Time
}

func build(t *testing.T) *house {
	h := &house{T: t, ops: map[string]api.Operation{}, now: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	seal, err := keyfile.Open(filepath.Join(dir, "key", "root"), filepath.Join(dir, "data"), world.Real{}.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "ledger.db"), func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h.store, h.iam = s, iam.New(iam.Config{Sealer: seal})
	for _, o := range h.iam.Rows() {
		h.ops[o.Name] = o
	}
	h.update(func(tx store.Tx) error {
		if err := h.iam.EnsureAccount(tx, home, "home"); err != nil {
			return err
		}
		return h.iam.EnsureAccount(tx, foreign, "foreign")
	})
	return h
}

func (h *house) update(f func(store.Tx) error) {
	h.Helper()
	if err := h.store.Update(context.Background(), f); err != nil {
		h.Fatal(err)
	}
}

func (h *house) view(f func(store.View) error) {
	h.Helper()
	if err := h.store.View(context.Background(), f); err != nil {
		h.Fatal(err)
	}
}

func (h *house) root(account string) *identity.Principal {
	p := h.iam.Root(account)
	return &p
}

// try asks and acts as p.
func (h *house) try(p *identity.Principal, op string, in any) (any, error) {
	o, ok := h.ops[op]
	if !ok {
		h.Fatalf("no row %s", op)
	}
	c := &api.Call{Caller: p, Partition: "aws", Account: p.Account, Region: "us-east-1", Service: "iam", Name: op, Dice: world.Real{}, Time: h.now}
	var out any
	walk := func(v store.View) error {
		qs, err := o.Questions(c, v, in)
		if err != nil {
			return err
		}
		for _, q := range qs {
			if !allowed(h, v, p, q) {
				return fault.Of(fault.AccessDenied, "%s on %s", q.Action, q.Resource)
			}
		}
		if o.View != nil {
			out, err = o.View(c, v, in)
		}
		return err
	}
	if o.View != nil {
		err := h.store.View(context.Background(), walk)
		return out, err
	}
	err := h.store.Update(context.Background(), func(tx store.Tx) error {
		err := walk(tx)
		if err == nil {
			out, err = o.Act(c, tx, in)
		}
		return err
	})
	return out, err
}

func allowed(h *house, v store.View, p *identity.Principal, q api.Question) bool {
	h.Helper()
	all, err := h.iam.Policies(v, p)
	if err != nil {
		h.Fatal(err)
	}
	read := func(l []iam.Named, k policy.Kind) (out []policy.Source) {
		for _, n := range l {
			d, err := policy.Read([]byte(n.Text), k)
			if err != nil {
				h.Fatal(err)
			}
			out = append(out, policy.Source{Name: n.Name, Owner: n.Owner, Doc: d})
		}
		return out
	}
	sets := policy.Sets{Identity: read(all.Identity, policy.Identity), Boundary: read(all.Boundary, policy.Boundary), Session: read(all.Session, policy.Session)}
	ctx := policy.NewContext(8)
	return policy.Decide(&policy.Request{Principal: p, Action: q.Action, Resource: q.Resource, ResourceAccount: q.Owner, Context: ctx.With(q.Keys)}, &sets).Allowed()
}

// do is an act of root that must succeed.
func do[O any](h *house, account, op string, in any) *O {
	h.Helper()
	out, err := h.try(h.root(account), op, in)
	if err != nil {
		h.Fatalf("%s: %v", op, err)
	}
	return out.(*O)
}

// refuse is an act of root that must be refused with the code and message.
func (h *house) refuse(op string, in any, code, message string) {
	h.Helper()
	_, err := h.try(h.root(home), op, in)
	f := fault.From(err)
	if err == nil || f.Code != code || message != "" && f.Message != message {
		h.Errorf("%s: %v, want %s: %s", op, err, code, message)
	}
}

func (h *house) kind(err error, want fault.Kind) {
	h.Helper()
	if err == nil || fault.From(err).Kind != want {
		h.Errorf("%v, want %v", err, want)
	}
}

func ptr[T any](v T) *T { return &v }
