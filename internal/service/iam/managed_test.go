package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
	"cloister/internal/world"
)

var worldDice api.Dice = world.Real{}

func (h *house) policy(name, text string) string {
	h.Helper()
	return *do[shape.CreatePolicyResponse](h, home, "CreatePolicy", &shape.CreatePolicyRequest{PolicyName: &name, PolicyDocument: &text}).Policy.Arn
}

// as is the principal of a user.
func (h *house) as(u *shape.User) *identity.Principal {
	return &identity.Principal{Kind: identity.User, Partition: "aws", Account: home, ARN: *u.Arn, ID: *u.UserId, UniqueID: *u.UserId, Name: *u.UserName}
}

func TestManagedPolicy(t *testing.T) {
	h := build(t)
	h.role("r", anybody)
	arn := h.policy("Readers", allowRead)
	if arn != "arn:aws:iam::111122223333:policy/Readers" {
		t.Errorf("made %s", arn)
	}
	h.refuse("CreatePolicy", &shape.CreatePolicyRequest{PolicyName: ptr("readers"), PolicyDocument: ptr(allowRead)}, "EntityAlreadyExists",
		"A policy called readers already exists. Duplicate names are not allowed.")
	for _, wrong := range []string{arn + "x", "arn:aws:iam::111122223333:policy/x/Readers", "arn:aws:iam::444455556666:policy/Readers", "arn:aws:iam::111122223333:role/Readers"} {
		h.refuse("GetPolicy", &shape.GetPolicyRequest{PolicyArn: &wrong}, "NoSuchEntity", "Policy "+wrong+" was not found.")
	}
	h.refuse("AttachRolePolicy", &shape.AttachRolePolicyRequest{RoleName: ptr("r"), PolicyArn: ptr("arn:aws:iam::aws:policy/ReadOnlyAccess")}, "NoSuchEntity",
		"Policy arn:aws:iam::aws:policy/ReadOnlyAccess does not exist or is not attachable.")

	attach := &shape.AttachRolePolicyRequest{RoleName: ptr("r"), PolicyArn: &arn}
	do[shape.AttachRolePolicyOutput](h, home, "AttachRolePolicy", attach)
	do[shape.AttachRolePolicyOutput](h, home, "AttachRolePolicy", attach) // once more is no error and no second attachment
	p := do[shape.GetPolicyResponse](h, home, "GetPolicy", &shape.GetPolicyRequest{PolicyArn: &arn}).Policy
	if *p.AttachmentCount != 1 || *p.DefaultVersionId != "v1" {
		t.Errorf("policy is %+v", p)
	}
	l := do[shape.ListAttachedRolePoliciesResponse](h, home, "ListAttachedRolePolicies", &shape.ListAttachedRolePoliciesRequest{RoleName: ptr("r")})
	if len(l.AttachedPolicies) != 1 || *l.AttachedPolicies[0].PolicyName != "Readers" {
		t.Errorf("attached are %+v", l)
	}
	if e := do[shape.ListEntitiesForPolicyResponse](h, home, "ListEntitiesForPolicy", &shape.ListEntitiesForPolicyRequest{PolicyArn: &arn}); len(e.PolicyRoles) != 1 || len(e.PolicyUsers) != 0 {
		t.Errorf("entities are %+v", e)
	}
	h.refuse("DeletePolicy", &shape.DeletePolicyRequest{PolicyArn: &arn}, "DeleteConflict", "Cannot delete a policy attached to entities.")
	h.refuse("DeleteRole", &shape.DeleteRoleRequest{RoleName: ptr("r")}, "DeleteConflict", "Cannot delete entity, must detach all policies first.")

	for i := range 4 {
		v := do[shape.CreatePolicyVersionResponse](h, home, "CreatePolicyVersion", &shape.CreatePolicyVersionRequest{PolicyArn: &arn, PolicyDocument: ptr(allowAll), SetAsDefault: ptr(i == 3)})
		if *v.PolicyVersion.IsDefaultVersion != (i == 3) {
			t.Errorf("version %+v", v.PolicyVersion)
		}
	}
	h.refuse("CreatePolicyVersion", &shape.CreatePolicyVersionRequest{PolicyArn: &arn, PolicyDocument: ptr(allowAll)}, "LimitExceeded", "")
	h.refuse("DeletePolicyVersion", &shape.DeletePolicyVersionRequest{PolicyArn: &arn, VersionId: ptr("v5")}, "DeleteConflict", "Cannot delete the default version of a policy.")
	do[shape.SetDefaultPolicyVersionOutput](h, home, "SetDefaultPolicyVersion", &shape.SetDefaultPolicyVersionRequest{PolicyArn: &arn, VersionId: ptr("v2")})
	do[shape.DeletePolicyVersionOutput](h, home, "DeletePolicyVersion", &shape.DeletePolicyVersionRequest{PolicyArn: &arn, VersionId: ptr("v5")})
	v := do[shape.CreatePolicyVersionResponse](h, home, "CreatePolicyVersion", &shape.CreatePolicyVersionRequest{PolicyArn: &arn, PolicyDocument: ptr(allowAll)})
	if *v.PolicyVersion.VersionId != "v6" {
		t.Errorf("a number is used again: %s", *v.PolicyVersion.VersionId)
	}
	if vs := do[shape.ListPolicyVersionsResponse](h, home, "ListPolicyVersions", &shape.ListPolicyVersionsRequest{PolicyArn: &arn}).Versions; len(vs) != 5 || *vs[0].VersionId != "v6" {
		t.Errorf("versions are %v", vs)
	}

	h.view(func(view store.View) error {
		all, err := h.iam.Policies(view, &identity.Principal{Kind: identity.Session, Account: home, UniqueID: *do[shape.GetRoleResponse](h, home, "GetRole", &shape.GetRoleRequest{RoleName: ptr("r")}).Role.RoleId})
		if len(all.Identity) != 1 || all.Identity[0].Text != allowAll || all.Identity[0].Name != "managed policy Readers of role r" || all.Identity[0].Owner != home || all.Session != nil {
			t.Errorf("the role has %+v", all)
		}
		return err
	})
	do[shape.DetachRolePolicyOutput](h, home, "DetachRolePolicy", &shape.DetachRolePolicyRequest{RoleName: ptr("r"), PolicyArn: &arn})
	h.refuse("DetachRolePolicy", &shape.DetachRolePolicyRequest{RoleName: ptr("r"), PolicyArn: &arn}, "NoSuchEntity", "")
}

func TestQuotas(t *testing.T) {
	h := build(t)
	h.role("r", anybody)
	for i := range 11 {
		arn := h.policy("P"+string(rune('a'+i)), allowRead)
		in := &shape.AttachRolePolicyRequest{RoleName: ptr("r"), PolicyArn: &arn}
		if i < 10 {
			do[shape.AttachRolePolicyOutput](h, home, "AttachRolePolicy", in)
		} else {
			h.refuse("AttachRolePolicy", in, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
		}
	}
	in := &shape.TagRoleRequest{RoleName: ptr("r")}
	for i := range 50 {
		in.Tags = append(in.Tags, shape.Tag{Key: ptr(strings.Repeat("k", i+1)), Value: ptr("v")})
	}
	do[shape.TagRoleOutput](h, home, "TagRole", in)
	do[shape.TagRoleOutput](h, home, "TagRole", in) // the same ones again are no more
	in.Tags = []shape.Tag{{Key: ptr("one more"), Value: ptr("v")}}
	h.refuse("TagRole", in, "LimitExceeded", "The number of tags has reached the maximum limit.")
}

func TestPolicyTagsAndLists(t *testing.T) {
	h := build(t)
	h.user("ada")
	var arns []string
	for _, n := range []string{"A", "B", "C"} {
		arns = append(arns, h.policy(n, allowRead))
	}
	do[shape.TagPolicyOutput](h, home, "TagPolicy", &shape.TagPolicyRequest{PolicyArn: &arns[0], Tags: []shape.Tag{{Key: ptr("k"), Value: ptr("v")}}})
	if l := do[shape.ListPolicyTagsResponse](h, home, "ListPolicyTags", &shape.ListPolicyTagsRequest{PolicyArn: &arns[0]}); len(l.Tags) != 1 {
		t.Errorf("tags are %v", l.Tags)
	}
	do[shape.UntagPolicyOutput](h, home, "UntagPolicy", &shape.UntagPolicyRequest{PolicyArn: &arns[0], TagKeys: []string{"K"}})
	if l := do[shape.ListPolicyTagsResponse](h, home, "ListPolicyTags", &shape.ListPolicyTagsRequest{PolicyArn: &arns[0]}); len(l.Tags) != 0 {
		t.Errorf("tags are %v", l.Tags)
	}
	do[shape.AttachUserPolicyOutput](h, home, "AttachUserPolicy", &shape.AttachUserPolicyRequest{UserName: ptr("ada"), PolicyArn: &arns[0]})
	do[shape.PutUserPermissionsBoundaryOutput](h, home, "PutUserPermissionsBoundary", &shape.PutUserPermissionsBoundaryRequest{UserName: ptr("ada"), PermissionsBoundary: &arns[1]})
	for _, c := range []struct {
		in   shape.ListPoliciesRequest
		want string
	}{
		{shape.ListPoliciesRequest{}, "ABC"},
		{shape.ListPoliciesRequest{Scope: ptr("AWS")}, ""},
		{shape.ListPoliciesRequest{OnlyAttached: ptr(true)}, "AB"},
		{shape.ListPoliciesRequest{PolicyUsageFilter: ptr("PermissionsPolicy")}, "A"},
		{shape.ListPoliciesRequest{PolicyUsageFilter: ptr("PermissionsBoundary")}, "B"},
		{shape.ListPoliciesRequest{PathPrefix: ptr("/x/")}, ""},
		{shape.ListPoliciesRequest{MaxItems: ptr(int64(2))}, "AB"},
	} {
		got := ""
		for _, p := range do[shape.ListPoliciesResponse](h, home, "ListPolicies", &c.in).Policies {
			got += *p.PolicyName
		}
		if got != c.want {
			t.Errorf("lists %q, want %q", got, c.want)
		}
	}
}

// A boundary limits what the user's own policies allow, and who sets one can be held to a certain one.
func TestBoundary(t *testing.T) {
	h := build(t)
	u, limit := h.user("ada"), h.policy("Limit", allowRead)
	do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("all"), PolicyDocument: ptr(allowAll)})
	make := func(boundary *string) error {
		_, err := h.try(h.as(u), "CreateUser", &shape.CreateUserRequest{UserName: ptr("x"), PermissionsBoundary: boundary})
		return err
	}
	do[shape.PutUserPermissionsBoundaryOutput](h, home, "PutUserPermissionsBoundary", &shape.PutUserPermissionsBoundaryRequest{UserName: ptr("ada"), PermissionsBoundary: &limit})
	h.kind(make(nil), fault.AccessDenied)
	if _, err := h.try(h.as(u), "ListUsers", &shape.ListUsersRequest{}); err != nil {
		t.Error(err)
	}
	h.refuse("DeletePolicy", &shape.DeletePolicyRequest{PolicyArn: &limit}, "DeleteConflict", "")
	do[shape.DeleteUserPermissionsBoundaryOutput](h, home, "DeleteUserPermissionsBoundary", &shape.DeleteUserPermissionsBoundaryRequest{UserName: ptr("ada")})

	do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("all"), PolicyDocument: ptr(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"` + limit + `"}}}]}`)})
	h.kind(make(nil), fault.AccessDenied)
	if err := make(&limit); err != nil {
		t.Error(err)
	}
	if got := do[shape.GetUserResponse](h, home, "GetUser", &shape.GetUserRequest{UserName: ptr("x")}).User; got.PermissionsBoundary == nil || *got.PermissionsBoundary.PermissionsBoundaryArn != limit {
		t.Errorf("born with %+v", got.PermissionsBoundary)
	}
	h.refuse("PutUserPermissionsBoundary", &shape.PutUserPermissionsBoundaryRequest{UserName: ptr("ada"), PermissionsBoundary: ptr(limit + "x")}, "NoSuchEntity",
		"Scope ARN: "+limit+"x does not exist or is not attachable.")
}

// Tags and paths decide who may touch what; birth with tags is a second action.
func TestQuestions(t *testing.T) {
	h := build(t)
	u := h.user("ada")
	may := func(statement string) {
		t.Helper()
		do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("p"),
			PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)})
	}
	blue := []shape.Tag{{Key: ptr("team"), Value: ptr("blue")}}
	create := &shape.CreateRoleRequest{RoleName: ptr("r"), Path: ptr("/app/"), AssumeRolePolicyDocument: ptr(anybody), Tags: blue}
	try := func(want bool, op string, in any) {
		t.Helper()
		_, err := h.try(h.as(u), op, in)
		if want && err != nil {
			t.Errorf("%s: %v", op, err)
		}
		if !want {
			h.kind(err, fault.AccessDenied)
		}
	}
	may(`{"Effect":"Allow","Action":"iam:CreateRole","Resource":"arn:aws:iam::*:role/app/*"}`)
	try(false, "CreateRole", create)
	may(`{"Effect":"Allow","Action":["iam:CreateRole","iam:TagRole"],"Resource":"arn:aws:iam::*:role/other/*"}`)
	try(false, "CreateRole", create)
	may(`{"Effect":"Allow","Action":["iam:CreateRole","iam:TagRole"],"Resource":"arn:aws:iam::*:role/app/*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"}}}`)
	try(true, "CreateRole", create)

	may(`{"Effect":"Allow","Action":["iam:GetRole","iam:DeleteRole"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}`)
	try(false, "GetRole", &shape.GetRoleRequest{RoleName: ptr("R")})
	may(`{"Effect":"Allow","Action":["iam:GetRole","iam:DeleteRole"],"Resource":"arn:aws:iam::111122223333:role/app/r","Condition":{"StringEquals":{"iam:ResourceTag/team":"blue"}}}`)
	try(true, "GetRole", &shape.GetRoleRequest{RoleName: ptr("R")})
	try(false, "GetRole", &shape.GetRoleRequest{RoleName: ptr("missing")}) // who may not look does not learn that it is missing

	may(`{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"arn:aws:iam::*:user/${aws:username}"}`)
	h.kind(func() error { _, err := h.try(h.as(u), "CreateAccessKey", &shape.CreateAccessKeyRequest{}); return err }(), fault.AccessDenied) // the test's context has no aws:username
	may(`{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"` + *u.Arn + `"}`)
	try(true, "CreateAccessKey", &shape.CreateAccessKeyRequest{})
	session := &identity.Principal{Kind: identity.Session, Account: home}
	if _, err := h.try(session, "CreateAccessKey", &shape.CreateAccessKeyRequest{}); !fault.Is(err, "ValidationError") {
		t.Errorf("a session without UserName: %v", err)
	}
	may(`{"Effect":"Allow","Action":"iam:UpdateUser","Resource":"` + *u.Arn + `"}`)
	try(false, "UpdateUser", &shape.UpdateUserRequest{UserName: ptr("ada"), NewPath: ptr("/admin/")})
}

// TestKeysOfActions: a question has the keys that the reference gives its action, whoever else it shares its making with.
func TestKeysOfActions(t *testing.T) {
	h := build(t)
	limit := h.policy("Limit", allowRead)
	tags := []shape.Tag{{Key: ptr("team"), Value: ptr("blue")}}
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada"), PermissionsBoundary: &limit, Tags: tags})
	ask := func(op string, in any) (all []string) {
		t.Helper()
		h.view(func(v store.View) error {
			qs, err := h.ops[op].Questions(&api.Call{Caller: h.root(home), Partition: "aws", Account: home, Service: "iam", Name: op}, v, in)
			for _, q := range qs {
				all = append(all, q.Action+" "+strings.Join(slices.Sorted(maps.Keys(q.Keys)), " "))
			}
			return err
		})
		return all
	}
	for _, c := range []struct {
		op   string
		in   any
		want []string
	}{
		{"CreateUser", &shape.CreateUserRequest{UserName: ptr("bob"), PermissionsBoundary: &limit, Tags: tags},
			[]string{"iam:CreateUser aws:RequestTag/team aws:TagKeys iam:PermissionsBoundary", "iam:TagUser aws:RequestTag/team aws:TagKeys"}},
		{"GetUser", &shape.GetUserRequest{UserName: ptr("ada")}, []string{"iam:GetUser aws:ResourceTag/team iam:ResourceTag/team"}},
		{"PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada")}, []string{"iam:PutUserPolicy aws:ResourceTag/team iam:PermissionsBoundary iam:ResourceTag/team"}},
		{"AttachUserPolicy", &shape.AttachUserPolicyRequest{UserName: ptr("ada"), PolicyArn: &limit},
			[]string{"iam:AttachUserPolicy aws:ResourceTag/team iam:PermissionsBoundary iam:PolicyARN iam:ResourceTag/team"}},
	} {
		if got := ask(c.op, c.in); !slices.Equal(got, c.want) {
			t.Errorf("%s asks %q, want %q", c.op, got, c.want)
		}
	}
}

// TestAccountQuotas: an account is full at AWS's number, and what goes makes room.
func TestAccountQuotas(t *testing.T) {
	h := build(t)
	h.update(func(tx store.Tx) error {
		for i := range 300 {
			name := fmt.Sprintf("g%03d", i)
			if _, err := tx.Put(store.Row{Key: store.Key{Scope: store.Scope{Partition: "aws", Account: home}, Kind: "iam-group", ID: "AGPA" + name}, Value: []byte(`{"Name":"` + name + `","Path":"/"}`),
				Terms: []store.Term{{Name: "name", Value: name, Unique: true}}}); err != nil {
				return err
			}
		}
		return nil
	})
	in := &shape.CreateGroupRequest{GroupName: ptr("one-more")}
	h.refuse("CreateGroup", in, "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300")
	do[shape.DeleteGroupOutput](h, home, "DeleteGroup", &shape.DeleteGroupRequest{GroupName: ptr("g007")})
	do[shape.CreateGroupResponse](h, home, "CreateGroup", in)
	if m := do[shape.GetAccountSummaryResponse](h, home, "GetAccountSummary", &shape.GetAccountSummaryInput{}).SummaryMap; m["Groups"] != 300 || m["GroupsQuota"] != 300 || m["UsersQuota"] != 5000 {
		t.Errorf("the summary has %v", m)
	}
}
