package ec2_test

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/service/ec2"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
	"cloister/test/row"
)

const account = "111122223333"

// house is the service over a real ledger; do calls a row as the gate would, without the gate.
type house struct {
	t    testing.TB
	s    *sqlite.Store
	svc  *ec2.Service
	rows map[string]api.Operation
	now  time.Time
	call api.Call
}

func open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, svc: ec2.New(ec2.Config{}), rows: map[string]api.Operation{}, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h.s = s
	for _, r := range h.svc.Rows() {
		h.rows[r.Name] = r
	}
	h.call = api.Call{Partition: "aws", Account: account, Region: "us-east-1", Service: "ec2", Dice: world.Real{},
		Caller: &identity.Principal{Kind: identity.User, Account: account}}
	return h
}

func (h *house) try(name string, in any) (any, error) {
	h.t.Helper()
	r, ok := h.rows[name]
	if !ok {
		h.t.Fatalf("no row %s", name)
	}
	c := h.call
	c.Name = name
	return row.Walk(context.Background(), h.s, r, &c, in)
}

// do is a call that must succeed.
func do[O any](h *house, in any) *O {
	h.t.Helper()
	out, err := h.try(operation(in), in)
	if err != nil {
		h.t.Fatalf("%s: %v", operation(in), err)
	}
	o, ok := out.(*O)
	if !ok {
		h.t.Fatalf("%s answers %T", operation(in), out)
	}
	return o
}

// refuse is a call that must fail with a code.
func (h *house) refuse(code string, in any) *fault.Fault {
	h.t.Helper()
	_, err := h.try(operation(in), in)
	var f *fault.Fault
	if !errors.As(err, &f) {
		h.t.Fatalf("%s: %v, want %s", operation(in), err, code)
	}
	if got := f.Code; got != code && f.Kind.String() != code {
		h.t.Fatalf("%s: %v, want %s", operation(in), f, code)
	}
	return f
}

func operation(in any) string {
	return strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Request")
}

func (h *house) ask(in any) []api.Question {
	h.t.Helper()
	c := h.call
	var qs []api.Question
	err := h.s.View(h.t.Context(), func(v store.View) (e error) { qs, e = h.rows[operation(in)].Questions(&c, v, in); return e })
	if err != nil {
		h.t.Fatalf("%s: %v", operation(in), err)
	}
	return qs
}

// net is a VPC with one subnet.
func (h *house) net(cidr, sub string) (vpcID, subnet string) {
	h.t.Helper()
	v := do[shape.CreateVpcResult](h, &shape.CreateVpcRequest{CidrBlock: &cidr})
	s := do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: v.Vpc.VpcId, CidrBlock: &sub})
	return *v.Vpc.VpcId, *s.Subnet.SubnetId
}

func (h *house) group(vpcID, name string) string {
	h.t.Helper()
	return *do[shape.CreateSecurityGroupResult](h, &shape.CreateSecurityGroupRequest{VpcId: &vpcID, GroupName: &name, Description: &name}).GroupId
}

func filter(name string, values ...string) []shape.Filter {
	return []shape.Filter{{Name: &name, Values: values}}
}

// attach does what a runner does.
func (h *house) attach(eni, owner string) {
	h.t.Helper()
	err := h.s.Update(h.t.Context(), func(tx store.Tx) error {
		it, err := rows.Interfaces.Get(tx, h.call.Scope(), eni)
		if err != nil {
			return err
		}
		it.Value.Attachment, it.Value.Status = &vpc.Attachment{ID: "eni-attach-1", Owner: owner, At: h.now}, "in-use"
		return rows.Interfaces.Save(tx, &it)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}
