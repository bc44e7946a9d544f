package organization_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/driver/sqlite"
	"cloister/internal/service/organization"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

const (
	boss  = "111122223333"
	staff = "444455556666"
	other = "777788889999"
	deny  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
	reads = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
)

// house is a ledger with three accounts, and a walk that asks each row's questions of the engine before the row acts.
type house struct {
	testing.TB
	store store.Store
	ops   map[string]api.Operation
	now   time.Time
}

func build(t testing.TB) *house {
	h := &house{TB: t, ops: map[string]api.Operation{}, now: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h.store = s
	for _, o := range organization.Rows() {
		h.ops[o.Name] = o
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		for _, a := range []string{boss, staff, other} {
			if err := rows.Accounts.Create(tx, store.Scope{Partition: "aws"}, a, &rows.Account{ID: a, Name: "n" + a[:1]}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func principal(account string) *identity.Principal {
	return &identity.Principal{Kind: identity.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}
}

// try asks and acts as root of an account; a refusal of the engine is an AccessDenied fault.
func (h *house) try(account, op string, in any) (out any, err error) {
	o, ok := h.ops[op]
	if !ok {
		h.Fatalf("no row %s", op)
	}
	c := &api.Call{Caller: principal(account), Partition: "aws", Account: account, Region: "us-east-1", Service: "cloister", Name: op, Dice: world.Real{}, Time: h.now}
	err = h.store.Update(context.Background(), func(tx store.Tx) error {
		qs, err := o.Questions(c, tx, in)
		if err != nil {
			return err
		}
		for _, q := range qs {
			if !h.may(tx, c.Caller, q) {
				return fault.Of(fault.AccessDenied, "%s on %s", q.Action, q.Resource)
			}
		}
		if o.View != nil {
			out, err = o.View(c, tx, in)
		} else {
			out, err = o.Act(c, tx, in)
		}
		return err
	})
	return out, err
}

func (h *house) may(v store.View, p *identity.Principal, q api.Question) bool {
	h.Helper()
	sets := policy.Sets{SCP: h.limits(v, p)}
	return policy.Decide(&policy.Request{Principal: p, Action: q.Action, Resource: q.Resource, ResourceAccount: q.Owner, Context: policy.NewContext(0)}, &sets).Allowed()
}

func (h *house) limits(v store.View, p *identity.Principal) [][]policy.Source {
	h.Helper()
	named, err := organization.Limits(v, p)
	if err != nil {
		h.Fatal(err)
	}
	var out [][]policy.Source
	for _, level := range named {
		var l []policy.Source
		for _, n := range level {
			d, err := policy.Read([]byte(n.Text), policy.SCP)
			if err != nil {
				h.Fatal(err)
			}
			l = append(l, policy.Source{Name: n.Name, Owner: n.Owner, Doc: d})
		}
		out = append(out, l)
	}
	return out
}

// can asks the service control policies alone.
func (h *house) can(p *identity.Principal, action string) (ok bool) {
	h.Helper()
	err := h.store.View(context.Background(), func(v store.View) error {
		ok = h.may(v, p, api.Question{Action: action, Resource: "*"})
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return ok
}

func do[O any](h *house, account, op string, in any) *O {
	h.Helper()
	out, err := h.try(account, op, in)
	if err != nil {
		h.Fatalf("%s: %v", op, err)
	}
	return out.(*O)
}

func (h *house) refuse(account, op string, in any, code string) {
	h.Helper()
	_, err := h.try(account, op, in)
	f := fault.From(err)
	got := f.Code
	if got == "" {
		got = f.Kind.String()
	}
	if f.Fields["Reason"] != "" {
		got += " " + f.Fields["Reason"]
	}
	if err == nil || got != code {
		h.Errorf("%s as %s: %v, want %s", op, account, err, code)
	}
}

func ptr[T any](v T) *T { return &v }

// found makes an organization with one member and one unit.
func found(t testing.TB) (h *house, org *shape.Organization, unit string) {
	h = build(t)
	org = do[shape.CreateOrganizationResponse](h, boss, "CreateOrganization", &shape.CreateOrganizationRequest{}).Organization
	do[shape.InviteAccountToOrganizationResponse](h, boss, "InviteAccountToOrganization", &shape.InviteAccountToOrganizationRequest{AccountId: ptr(staff)})
	do[shape.JoinOrganizationResponse](h, staff, "JoinOrganization", &shape.JoinOrganizationRequest{OrganizationId: org.Id})
	unit = *do[shape.CreateOrganizationalUnitResponse](h, boss, "CreateOrganizationalUnit", &shape.CreateOrganizationalUnitRequest{ParentId: org.RootId, Name: ptr("Lab")}).OrganizationalUnit.Id
	return h, org, unit
}

func (h *house) policy(name, text string) string {
	h.Helper()
	return *do[shape.CreatePolicyResponse](h, boss, "CreatePolicy", &shape.CreatePolicyRequest{Name: &name, Content: &text}).Policy.PolicySummary.Id
}

// TestLimits: every level must allow, a denial at any level denies, and only members are bound.
func TestLimits(t *testing.T) {
	h, org, unit := found(t)
	if !h.can(principal(staff), "s3:PutObject") {
		t.Error("what is born with full access is limited")
	}
	no, only := h.policy("No", deny), h.policy("Only", reads)
	attach := func(id, target string) {
		t.Helper()
		do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", &shape.AttachPolicyRequest{PolicyId: &id, TargetId: &target})
	}
	detach := func(id, target string) {
		t.Helper()
		do[shape.DetachPolicyResponse](h, boss, "DetachPolicy", &shape.DetachPolicyRequest{PolicyId: &id, TargetId: &target})
	}
	move := func(from, to string) {
		t.Helper()
		do[shape.MoveAccountResponse](h, boss, "MoveAccount", &shape.MoveAccountRequest{AccountId: ptr(staff), SourceParentId: &from, DestinationParentId: &to})
	}
	session := &identity.Principal{Kind: identity.Session, Partition: "aws", Account: staff, RoleARN: "arn:aws:iam::" + staff + ":role/R"}
	linked := &identity.Principal{Kind: identity.Session, Partition: "aws", Account: staff, RoleARN: "arn:aws:iam::" + staff + ":role/aws-service-role/x.amazonaws.com/R"}
	check := func(when, action string, want bool) {
		t.Helper()
		if got := h.can(principal(staff), action); got != want {
			t.Errorf("%s: %s is %v", when, action, got)
		}
		if !h.can(principal(boss), action) || !h.can(principal(other), action) {
			t.Errorf("%s: the management account or a stranger is bound", when)
		}
	}
	attach(no, unit)
	check("outside the unit", "s3:GetObject", true)
	move(*org.RootId, unit)
	check("in the unit", "s3:GetObject", false)
	check("in the unit", "ec2:RunInstances", true)
	detach(no, unit)
	check("after the policy went", "s3:GetObject", true)
	attach(only, *org.RootId)
	check("an allow beside full access", "s3:PutObject", true)
	detach(organization.FullAccess, *org.RootId)
	check("the root allows reads alone", "s3:GetObject", true)
	check("the root allows reads alone", "s3:PutObject", false)
	do[shape.UpdatePolicyResponse](h, boss, "UpdatePolicy", &shape.UpdatePolicyRequest{PolicyId: &only, Content: ptr(deny)})
	check("the policy's text changed", "s3:GetObject", false)

	_ = h.store.View(t.Context(), func(v store.View) error {
		for account, want := range map[string]string{boss: *org.Id + "/" + *org.RootId + "/", staff: *org.Id + "/" + *org.RootId + "/" + unit + "/", other: ""} {
			id, path, err := organization.Membership(v, "aws", account)
			if err != nil || path != want || id != map[bool]string{true: *org.Id}[want != ""] {
				t.Errorf("%s is in %q at %q, %v", account, id, path, err)
			}
		}
		for _, p := range []*identity.Principal{linked, {Kind: identity.Anonymous}, {Kind: identity.Service, Partition: "aws", Service: "ec2.amazonaws.com"}, principal(boss), principal(other)} {
			if l, err := organization.Limits(v, p); l != nil || err != nil {
				t.Errorf("%s is bound: %v %v", p.Kind, l, err)
			}
		}
		l, err := organization.Limits(v, session)
		if err != nil || len(l) != 3 {
			t.Fatalf("%v, %v", l, err)
		}
		for i, want := range []string{"service control policy Only attached to the root " + *org.RootId, "service control policy FullAWSAccess attached to the unit Lab (" + unit + ")",
			"service control policy FullAWSAccess attached to the account " + staff} {
			if len(l[i]) != 1 || l[i][0].Name != want || l[i][0].Owner != map[bool]string{true: boss}[i == 0] {
				t.Errorf("level %d is %+v", i, l[i])
			}
		}
		return nil
	})
	h.refuse(staff, "LeaveOrganization", &shape.LeaveOrganizationRequest{}, "AccessDenied") // the root's policy allows nothing now
	do[shape.RemoveAccountFromOrganizationResponse](h, boss, "RemoveAccountFromOrganization", &shape.RemoveAccountFromOrganizationRequest{AccountId: ptr(staff)})
	check("after it left", "s3:GetObject", true)
}

// TestMembersAreBound: a policy also binds what a member asks of the organization itself.
func TestMembersAreBound(t *testing.T) {
	h, org, _ := found(t)
	stay := h.policy("Stay", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"cloister:LeaveOrganization","Resource":"*"}]}`)
	do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", &shape.AttachPolicyRequest{PolicyId: &stay, TargetId: org.RootId})
	h.refuse(staff, "LeaveOrganization", &shape.LeaveOrganizationRequest{}, "AccessDenied")
	seen := do[shape.DescribeOrganizationResponse](h, staff, "DescribeOrganization", &shape.DescribeOrganizationRequest{}).Organization
	if *seen.Id != *org.Id || *seen.ManagementAccountId != boss || seen.Nodes != nil || seen.RootId != nil {
		t.Errorf("a member sees %+v", seen)
	}
	whole := do[shape.DescribeOrganizationResponse](h, boss, "DescribeOrganization", &shape.DescribeOrganizationRequest{}).Organization
	if len(whole.Nodes) != 4 || len(whole.Invitations) != 0 {
		t.Errorf("the management account sees %+v", whole)
	}
	do[shape.RemoveAccountFromOrganizationResponse](h, boss, "RemoveAccountFromOrganization", &shape.RemoveAccountFromOrganizationRequest{AccountId: ptr(staff)})
	h.refuse(staff, "DescribeOrganization", &shape.DescribeOrganizationRequest{}, "AWSOrganizationsNotInUseException")
}

// TestRefusals are the codes of AWS Organizations.
func TestRefusals(t *testing.T) {
	h, org, unit := found(t)
	root, ghost := *org.RootId, "ou-0000-00000000"
	no := h.policy("No", deny)
	type create = shape.CreatePolicyRequest
	invite := func(id string) any { return &shape.InviteAccountToOrganizationRequest{AccountId: &id} }
	attach := func(id, target string) any { return &shape.AttachPolicyRequest{PolicyId: &id, TargetId: &target} }
	detach := func(id, target string) any { return &shape.DetachPolicyRequest{PolicyId: &id, TargetId: &target} }
	mkunit := func(in, name string) any { return &shape.CreateOrganizationalUnitRequest{ParentId: &in, Name: &name} }
	move := func(id, from, to string) any {
		return &shape.MoveAccountRequest{AccountId: &id, SourceParentId: &from, DestinationParentId: &to}
	}
	do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", attach(no, unit))
	do[shape.MoveAccountResponse](h, boss, "MoveAccount", move(staff, root, unit))
	for _, c := range []struct {
		as, op string
		in     any
		code   string
	}{
		{boss, "CreateOrganization", &shape.CreateOrganizationRequest{}, "AlreadyInOrganizationException"},
		{staff, "CreateOrganization", &shape.CreateOrganizationRequest{}, "AlreadyInOrganizationException"},
		{"000011112222", "CreateOrganization", &shape.CreateOrganizationRequest{}, "AccountNotFoundException"},
		{other, "CreatePolicy", &create{Name: ptr("x"), Content: ptr(deny)}, "AWSOrganizationsNotInUseException"},
		{staff, "CreatePolicy", &create{Name: ptr("x"), Content: ptr(deny)}, "AccessDenied"},
		{staff, "AttachPolicy", attach(no, staff), "AccessDenied"},
		{staff, "DetachPolicy", detach(organization.FullAccess, staff), "AccessDenied"},
		{staff, "ListPolicies", &shape.ListPoliciesRequest{}, "AccessDenied"},
		{staff, "DescribePolicy", &shape.DescribePolicyRequest{PolicyId: &no}, "AccessDenied"},
		{staff, "MoveAccount", move(staff, unit, root), "AccessDenied"},
		{staff, "DeleteOrganization", &shape.DeleteOrganizationRequest{}, "AccessDenied"},
		{boss, "DeleteOrganization", &shape.DeleteOrganizationRequest{}, "OrganizationNotEmptyException"},
		{boss, "LeaveOrganization", &shape.LeaveOrganizationRequest{}, "MasterCannotLeaveOrganizationException"},
		{boss, "RemoveAccountFromOrganization", &shape.RemoveAccountFromOrganizationRequest{AccountId: ptr(boss)}, "MasterCannotLeaveOrganizationException"},
		{boss, "RemoveAccountFromOrganization", &shape.RemoveAccountFromOrganizationRequest{AccountId: ptr(other)}, "AccountNotFoundException"},
		{boss, "InviteAccountToOrganization", invite("000011112222"), "AccountNotFoundException"},
		{boss, "InviteAccountToOrganization", invite(staff), "DuplicateAccountException"},
		{boss, "CancelInvitation", &shape.CancelInvitationRequest{AccountId: ptr(other)}, "HandshakeNotFoundException"},
		{other, "JoinOrganization", &shape.JoinOrganizationRequest{OrganizationId: org.Id}, "HandshakeNotFoundException"},
		{staff, "JoinOrganization", &shape.JoinOrganizationRequest{OrganizationId: org.Id}, "AlreadyInOrganizationException"},
		{boss, "CreateOrganizationalUnit", mkunit(ghost, "x"), "ParentNotFoundException"},
		{boss, "CreateOrganizationalUnit", mkunit(root, "Lab"), "DuplicateOrganizationalUnitException"},
		{boss, "DeleteOrganizationalUnit", &shape.DeleteOrganizationalUnitRequest{OrganizationalUnitId: &ghost}, "OrganizationalUnitNotFoundException"},
		{boss, "DeleteOrganizationalUnit", &shape.DeleteOrganizationalUnitRequest{OrganizationalUnitId: &unit}, "OrganizationalUnitNotEmptyException"},
		{boss, "MoveAccount", move(other, root, unit), "AccountNotFoundException"},
		{boss, "MoveAccount", move(staff, root, unit), "AccountNotFoundException"},
		{boss, "MoveAccount", move(staff, ghost, root), "SourceParentNotFoundException"},
		{boss, "MoveAccount", move(staff, unit, ghost), "DestinationParentNotFoundException"},
		{boss, "MoveAccount", move(staff, unit, unit), "DuplicateAccountException"},
		{boss, "CreatePolicy", &create{Name: ptr("No"), Content: ptr(deny)}, "DuplicatePolicyException"},
		{boss, "CreatePolicy", &create{Name: ptr("FullAWSAccess"), Content: ptr(deny)}, "DuplicatePolicyException"},
		{boss, "CreatePolicy", &create{Name: ptr("x"), Content: ptr(strings.Replace(deny, `"Effect"`, `"Principal":"*","Effect"`, 1))}, "MalformedPolicyDocumentException"},
		{boss, "CreatePolicy", &create{Name: ptr("x"), Content: ptr(strings.Replace(deny, "s3:*", "s3:"+strings.Repeat("a", policy.MaxSCP), 1))}, "ConstraintViolationException POLICY_CONTENT_LIMIT_EXCEEDED"},
		{boss, "UpdatePolicy", &shape.UpdatePolicyRequest{PolicyId: ptr(organization.FullAccess), Content: ptr(deny)}, "InvalidInputException IMMUTABLE_POLICY"},
		{boss, "UpdatePolicy", &shape.UpdatePolicyRequest{PolicyId: ptr("p-0000000000"), Content: ptr(deny)}, "PolicyNotFoundException"},
		{boss, "UpdatePolicy", &shape.UpdatePolicyRequest{PolicyId: &no, Content: ptr("{")}, "MalformedPolicyDocumentException"},
		{boss, "DeletePolicy", &shape.DeletePolicyRequest{PolicyId: &no}, "PolicyInUseException"},
		{boss, "DeletePolicy", &shape.DeletePolicyRequest{PolicyId: ptr(organization.FullAccess)}, "InvalidInputException IMMUTABLE_POLICY"},
		{boss, "AttachPolicy", attach(no, unit), "DuplicatePolicyAttachmentException"},
		{boss, "AttachPolicy", attach("p-0000000000", unit), "PolicyNotFoundException"},
		{boss, "AttachPolicy", attach(no, other), "TargetNotFoundException"},
		{boss, "DetachPolicy", detach(no, root), "PolicyNotAttachedException"},
		{boss, "DetachPolicy", detach(organization.FullAccess, root), "ConstraintViolationException MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"},
		{boss, "ListPolicies", &shape.ListPoliciesRequest{NextToken: ptr("!")}, "InvalidInputException INVALID_NEXT_TOKEN"},
	} {
		h.refuse(c.as, c.op, c.in, c.code)
	}
	for i := range 4 {
		id := h.policy(fmt.Sprint("more", i), deny)
		if i == 3 {
			do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", attach(no, root))
			h.refuse(boss, "AttachPolicy", attach(id, root), "ConstraintViolationException MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
			break
		}
		do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", attach(id, root))
	}
	for i, at := 0, unit; i < 5; i++ {
		if i == 4 {
			h.refuse(boss, "CreateOrganizationalUnit", mkunit(at, "x"), "ConstraintViolationException OU_DEPTH_LIMIT_EXCEEDED")
			break
		}
		at = *do[shape.CreateOrganizationalUnitResponse](h, boss, "CreateOrganizationalUnit", mkunit(at, "x")).OrganizationalUnit.Id
	}
}

// TestPages walks the list of policies, and ends an organization with all that is in it.
func TestPages(t *testing.T) {
	h, org, _ := found(t)
	h.policy("a", deny)
	h.policy("b", deny)
	var names []string
	in := &shape.ListPoliciesRequest{MaxResults: ptr(int64(1))}
	for {
		out := do[shape.ListPoliciesResponse](h, boss, "ListPolicies", in)
		for _, p := range out.Policies {
			names = append(names, *p.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(names) != 3 || names[0] != "FullAWSAccess" || names[1] == names[2] {
		t.Errorf("listed %v", names)
	}
	do[shape.InviteAccountToOrganizationResponse](h, boss, "InviteAccountToOrganization", &shape.InviteAccountToOrganizationRequest{AccountId: ptr(other)})
	h.refuse(boss, "InviteAccountToOrganization", &shape.InviteAccountToOrganizationRequest{AccountId: ptr(other)}, "DuplicateHandshakeException")
	do[shape.LeaveOrganizationResponse](h, staff, "LeaveOrganization", &shape.LeaveOrganizationRequest{})
	do[shape.DeleteOrganizationResponse](h, boss, "DeleteOrganization", &shape.DeleteOrganizationRequest{})
	h.refuse(other, "JoinOrganization", &shape.JoinOrganizationRequest{OrganizationId: org.Id}, "HandshakeNotFoundException")
	again := do[shape.CreateOrganizationResponse](h, boss, "CreateOrganization", &shape.CreateOrganizationRequest{}).Organization
	if len(again.Nodes) != 2 || *again.Id == *org.Id {
		t.Errorf("founded anew: %+v", again)
	}
}
