package sts_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/service/iam"
	"cloister/internal/service/sts"
	iamshape "cloister/internal/shape/iam"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
	"cloister/internal/world"
)

const (
	home    = "111122223333"
	foreign = "444455556666"
)

// house is a ledger, iam and sts on it, and a walk that asks the policy engine before a row acts.
type house struct {
	testing.TB
	store store.Store
	iam   *iam.Service
	ops   map[string]api.Operation
	now   time.Time

	between func() // runs once, after the questions of the next call and before its act
}

func build(t testing.TB) *house {
	h := &house{TB: t, ops: map[string]api.Operation{}, now: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)}
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
	for _, o := range append(h.iam.Rows(), sts.New(sts.Config{Roles: h.iam}).Rows()...) {
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

// call asks and acts as p; source is the resource that a service calls for.
func (h *house) call(p *identity.Principal, op, source string, in any) (any, error) {
	o := h.ops[op]
	account := p.Account
	if account == "" {
		account = home
	}
	c := &api.Call{Caller: p, Partition: "aws", Account: account, Region: "us-east-1", Service: o.Service, Name: op, Dice: world.Real{}, Time: h.now, SourceARN: source}
	c.May = func(v store.View, q api.Question) error {
		if !h.allowed(v, c, q) {
			return fault.Of(fault.AccessDenied, "%s on %s", q.Action, q.Resource)
		}
		return nil
	}
	var out any
	err := h.store.View(context.Background(), func(v store.View) error {
		if !o.Free {
			qs, err := o.Questions(c, v, in)
			if err != nil {
				return err
			}
			for _, q := range qs {
				if err := c.May(v, q); err != nil {
					return err
				}
			}
		}
		var err error
		if o.View != nil {
			out, err = o.View(c, v, in)
		}
		return err
	})
	if err != nil || o.View != nil {
		return out, err
	}
	if f := h.between; f != nil {
		h.between = nil
		f()
	}
	err = h.store.Update(context.Background(), func(tx store.Tx) error {
		out, err = o.Act(c, tx, in)
		return err
	})
	return out, err
}

func (h *house) allowed(v store.View, c *api.Call, q api.Question) bool {
	h.Helper()
	all, err := h.iam.Policies(v, c.Caller)
	if err != nil {
		h.Fatal(err)
	}
	read := func(k policy.Kind, l ...iam.Named) (out []policy.Source) {
		for _, n := range l {
			d, err := policy.Read([]byte(n.Text), k)
			if err != nil {
				h.Fatal(err)
			}
			out = append(out, policy.Source{Name: n.Name, Owner: n.Owner, Doc: d})
		}
		return out
	}
	sets := policy.Sets{Identity: read(policy.Identity, all.Identity...), Boundary: read(policy.Boundary, all.Boundary...), Session: read(policy.Session, all.Session...)}
	if all.Session != nil && sets.Session == nil {
		sets.Session = []policy.Source{}
	}
	if q.Policy != nil {
		sets.ResourceKind, _ = policy.KindOf(q.Policy.Kind)
		sets.Resource = &read(sets.ResourceKind, iam.Named{Name: q.Policy.Name, Owner: q.Owner, Text: q.Policy.Text})[0]
	}
	ctx := policy.NewContext(8)
	if c.SourceARN != "" {
		ctx.Set("aws:SourceArn", c.SourceARN)
	}
	return policy.Decide(&policy.Request{Principal: c.Caller, Action: q.Action, Resource: q.Resource, ResourceAccount: q.Owner, Context: ctx.With(q.Keys)}, &sets).Allowed()
}

func do[O any](h *house, p *identity.Principal, op string, in any) *O {
	h.Helper()
	out, err := h.call(p, op, "", in)
	if err != nil {
		h.Fatalf("%s: %v", op, err)
	}
	return out.(*O)
}

func (h *house) root(account string) *identity.Principal {
	p := h.iam.Root(account)
	return &p
}

// user makes a user that may do everything in its account.
func (h *house) user(account, name string) *identity.Principal {
	h.Helper()
	u := do[iamshape.CreateUserResponse](h, h.root(account), "CreateUser", &iamshape.CreateUserRequest{UserName: &name}).User
	do[iamshape.PutUserPolicyOutput](h, h.root(account), "PutUserPolicy", &iamshape.PutUserPolicyRequest{UserName: &name, PolicyName: ptr("all"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
	return &identity.Principal{Kind: identity.User, Partition: "aws", Account: account, ARN: *u.Arn, ID: *u.UserId, UniqueID: *u.UserId, Name: name}
}

// role makes a role in the home account; trust is the inside of its one statement.
func (h *house) role(name, trust string) string {
	h.Helper()
	return *do[iamshape.CreateRoleResponse](h, h.root(home), "CreateRole", &iamshape.CreateRoleRequest{RoleName: &name, Path: ptr("/app/"),
		AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + trust + `}]}`)}).Role.Arn
}

// bearer is the principal that credentials speak for.
func (h *house) bearer(c *shape.Credentials) *identity.Principal {
	h.Helper()
	var out identity.Principal
	err := h.store.View(context.Background(), func(v store.View) error {
		got, err := h.iam.Credential(v, *c.AccessKeyId, *c.SessionToken, h.now)
		if err == nil && (got.Secret != *c.SecretAccessKey || !got.Expires.Equal(*c.Expiration)) {
			h.Error("the secret or the end differs from what was answered")
		}
		out = got.Principal
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return &out
}

func (h *house) kind(err error, want fault.Kind) {
	h.Helper()
	if err == nil || fault.From(err).Kind != want {
		h.Errorf("%v, want %v", err, want)
	}
}

func (h *house) says(err error, code, message string) {
	h.Helper()
	if f := fault.From(err); err == nil || f.Code != code || !strings.HasPrefix(f.Message, message) {
		h.Errorf("%v, want %s: %s", err, code, message)
	}
}

func ptr[T any](v T) *T { return &v }
