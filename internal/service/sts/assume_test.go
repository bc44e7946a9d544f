package sts_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	iamshape "cloister/internal/shape/iam"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

func ask(role string) *shape.AssumeRoleRequest {
	return &shape.AssumeRoleRequest{RoleArn: &role, RoleSessionName: ptr("s1")}
}

func TestAssume(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"`+ada.ARN+`"},"Action":"sts:AssumeRole"`)
	out := do[shape.AssumeRoleResponse](h, ada, "AssumeRole", ask(role))
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::111122223333:assumed-role/Data/s1" || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":s1") ||
		!strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.SessionToken) < 200 || !out.Credentials.Expiration.Equal(h.now.Add(time.Hour)) {
		t.Errorf("answers %+v %+v", out.AssumedRoleUser, out.Credentials)
	}
	p := h.bearer(out.Credentials)
	if p.Kind != identity.Session || p.ARN != *out.AssumedRoleUser.Arn || p.ID != *out.AssumedRoleUser.AssumedRoleId || p.RoleARN != role || p.PrincipalARN() != role || p.SessionPolicies != nil {
		t.Errorf("speaks for %+v", p)
	}
	who := do[shape.GetCallerIdentityResponse](h, p, "GetCallerIdentity", &shape.GetCallerIdentityRequest{})
	if *who.Arn != p.ARN || *who.UserId != p.ID || *who.Account != home {
		t.Errorf("is %+v", who)
	}
	if info := do[shape.GetAccessKeyInfoResponse](h, ada, "GetAccessKeyInfo", &shape.GetAccessKeyInfoRequest{AccessKeyId: out.Credentials.AccessKeyId}); *info.Account != home {
		t.Errorf("the key is of %s", *info.Account)
	}

	bad := func(token string, at time.Time, want fault.Kind) {
		t.Helper()
		_ = h.store.View(context.Background(), func(v store.View) error {
			_, err := h.iam.Credential(v, *out.Credentials.AccessKeyId, token, at)
			h.kind(err, want)
			return nil
		})
	}
	end := h.now.Add(time.Hour)
	bad("", h.now, fault.BadToken)
	bad(*out.Credentials.SessionToken+"x", h.now, fault.BadToken)
	bad("x", end, fault.BadToken) // who has not the token does not learn that the session is over
	bad(*out.Credentials.SessionToken, end, fault.ExpiredToken)
	do[iamshape.DeleteRoleOutput](h, h.root(home), "DeleteRole", &iamshape.DeleteRoleRequest{RoleName: ptr("Data")})
	bad(*out.Credentials.SessionToken, h.now, fault.UnknownKey)
}

func TestWhoMayAssume(t *testing.T) {
	h := build(t)
	ada, eve, far := h.user(home, "ada"), h.user(home, "eve"), h.user(foreign, "far")
	poor := h.user(home, "poor")
	do[iamshape.DeleteUserPolicyOutput](h, h.root(home), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("poor"), PolicyName: ptr("all")})
	comprehend := &identity.Principal{Kind: identity.Service, Partition: "aws", Service: "comprehend.amazonaws.com"}
	const job = "arn:aws:comprehend:us-east-1:111122223333:dominant-language-detection-job/1"

	weak := h.user(foreign, "weak")
	do[iamshape.DeleteUserPolicyOutput](h, h.root(foreign), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("weak"), PolicyName: ptr("all")})

	toPoor := h.role("ToPoor", `"Principal":{"AWS":["`+poor.ARN+`","`+weak.ARN+`"]},"Action":"sts:AssumeRole"`)
	toAda := h.role("ToAda", `"Principal":{"AWS":"`+ada.ARN+`"},"Action":"sts:AssumeRole"`)
	toHome := h.role("ToHome", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	toFar := h.role("ToFar", `"Principal":{"AWS":"`+far.ARN+`"},"Action":"sts:AssumeRole"`)
	secret := h.role("Secret", `"Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"42"}}`)
	service := h.role("Service", `"Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:comprehend:*:111122223333:*"}}`)
	named := h.role("Named", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:RoleSessionName":"${aws:username}-*"}}`)

	for _, c := range []struct {
		name   string
		who    *identity.Principal
		role   string
		source string
		id     *string
		want   bool
	}{
		{"the user it names", ada, toAda, "", nil, true},
		{"an administrator it does not name", eve, toAda, "", nil, false},
		{"an administrator of the account it names", eve, toHome, "", nil, true},
		{"a user without rights of the account it names", poor, toHome, "", nil, false},
		{"a user without rights of its own, by name", poor, toPoor, "", nil, true},
		{"such a user of another account, by name", weak, toPoor, "", nil, false},
		{"a user of another account, by name", far, toFar, "", nil, true},
		{"an administrator here of a role that trusts elsewhere", ada, toFar, "", nil, false},
		{"another account without the external id", far, secret, "", nil, false},
		{"another account with a wrong external id", far, secret, "", ptr("41"), false},
		{"another account with the external id", far, secret, "", ptr("42"), true},
		{"the service for its job", comprehend, service, job, nil, true},
		{"the service for another account's job", comprehend, service, strings.Replace(job, home, foreign, 1), nil, false},
		{"a user of a service role", ada, service, job, nil, false},
		{"a name that may not be", ada, named, "", nil, false},
		{"a role that does not exist", ada, strings.Replace(toHome, "ToHome", "None", 1), "", nil, false},
		{"a role on another path", ada, strings.Replace(toHome, "/app/", "/", 1), "", nil, false},
	} {
		in := ask(c.role)
		in.ExternalId = c.id
		out, err := h.call(c.who, "AssumeRole", c.source, in)
		switch {
		case !c.want:
			if err == nil || fault.From(err).Kind != fault.AccessDenied {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.who == comprehend && h.bearer(out.(*shape.AssumeRoleResponse).Credentials).InvokedBy != "comprehend.amazonaws.com":
			t.Error("the session does not say which service holds it")
		}
	}
	_, err := h.call(h.root(home), "AssumeRole", "", ask(toHome))
	if f := fault.From(err); f.Kind != fault.AccessDenied || f.Message != "Roles may not be assumed by root accounts." {
		t.Errorf("root: %v", err)
	}
	for _, arn := range []string{"nothing-valid-in-here", "arn:a:a::aaaaaaaaaa:", "arn::b:::something/test-role", "arn:a::::something/test-role"} {
		_, err := h.call(ada, "AssumeRole", "", ask(arn))
		h.says(err, "ValidationError", arn+" is invalid")
	}

	// Who is deleted and made again is another one.
	do[iamshape.DeleteUserPolicyOutput](h, h.root(foreign), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("far"), PolicyName: ptr("all")})
	do[iamshape.DeleteUserOutput](h, h.root(foreign), "DeleteUser", &iamshape.DeleteUserRequest{UserName: ptr("far")})
	_, err = h.call(h.user(foreign, "far"), "AssumeRole", "", ask(toFar))
	h.kind(err, fault.AccessDenied)
}

func TestDuration(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	first := h.role("First", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	do[iamshape.UpdateRoleResponse](h, h.root(home), "UpdateRole", &iamshape.UpdateRoleRequest{RoleName: ptr("First"), MaxSessionDuration: ptr(int64(7200))})
	do[iamshape.PutRolePolicyOutput](h, h.root(home), "PutRolePolicy", &iamshape.PutRolePolicyRequest{RoleName: ptr("First"), PolicyName: ptr("p"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)})
	try := func(p *identity.Principal, seconds int64) (*shape.Credentials, error) {
		in := ask(first)
		in.DurationSeconds = &seconds
		out, err := h.call(p, "AssumeRole", "", in)
		if err != nil {
			return nil, err
		}
		return out.(*shape.AssumeRoleResponse).Credentials, nil
	}
	_, err := try(ada, 7201)
	h.says(err, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	_, err = try(ada, 899)
	h.says(err, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds'")
	c, err := try(ada, 7200)
	if err != nil || !c.Expiration.Equal(h.now.Add(2*time.Hour)) {
		t.Fatalf("%v %v", c, err)
	}
	session := h.bearer(c)
	_, err = try(session, 3601)
	h.says(err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	if _, err = try(session, 3600); err != nil {
		t.Error(err)
	}
}

func TestSessionPolicies(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	do[iamshape.PutRolePolicyOutput](h, h.root(home), "PutRolePolicy", &iamshape.PutRolePolicyRequest{RoleName: ptr("Data"), PolicyName: ptr("p"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`)})
	readers := do[iamshape.CreatePolicyResponse](h, h.root(home), "CreatePolicy", &iamshape.CreatePolicyRequest{PolicyName: ptr("Readers"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}`)}).Policy.Arn
	in := ask(role)
	in.Policy = ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:ListUsers","s3:*"],"Resource":"*"}]}`)
	in.PolicyArns = []shape.PolicyDescriptorType{{Arn: readers}}
	p := h.bearer(do[shape.AssumeRoleResponse](h, ada, "AssumeRole", in).Credentials)
	if len(p.SessionPolicies) != 2 {
		t.Fatalf("session policies %q", p.SessionPolicies)
	}
	do[iamshape.ListUsersResponse](h, p, "ListUsers", &iamshape.ListUsersRequest{})
	do[iamshape.ListRolesResponse](h, p, "ListRoles", &iamshape.ListRolesRequest{})
	_, err := h.call(p, "ListPolicies", "", &iamshape.ListPoliciesRequest{}) // the role may, the session may not
	h.kind(err, fault.AccessDenied)

	in.PolicyArns = nil
	p = h.bearer(do[shape.AssumeRoleResponse](h, ada, "AssumeRole", in).Credentials)
	_, err = h.call(p, "ListRoles", "", &iamshape.ListRolesRequest{})
	h.kind(err, fault.AccessDenied)

	in.Policy = ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",}]}`)
	_, err = h.call(ada, "AssumeRole", "", in)
	h.says(err, "MalformedPolicyDocument", "Syntax errors in policy.")
	in.Policy, in.PolicyArns = nil, []shape.PolicyDescriptorType{{Arn: ptr(*readers + "x")}}
	_, err = h.call(ada, "AssumeRole", "", in)
	h.says(err, "NoSuchEntity", "Policy "+*readers+"x was not found.")
}

func TestSessionTags(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	all := `"Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`
	plain := h.role("Plain", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	untagged := h.role("Untagged", `"Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]`)
	one, two := h.role("One", all), h.role("Two", all)
	do[iamshape.TagRoleOutput](h, h.root(home), "TagRole", &iamshape.TagRoleRequest{RoleName: ptr("One"), Tags: []iamshape.Tag{{Key: ptr("Team"), Value: ptr("role")}, {Key: ptr("own"), Value: ptr("1")}}})
	do[iamshape.PutRolePolicyOutput](h, h.root(home), "PutRolePolicy", &iamshape.PutRolePolicyRequest{RoleName: ptr("One"), PolicyName: ptr("p"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)})
	tagged := func(role string, transitive []string, kv ...string) *shape.AssumeRoleRequest {
		in := ask(role)
		in.TransitiveTagKeys = transitive
		for i := 0; i < len(kv); i += 2 {
			in.Tags = append(in.Tags, shape.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		return in
	}
	_, err := h.call(ada, "AssumeRole", "", tagged(plain, nil, "a", "1"))
	h.kind(err, fault.AccessDenied) // the role does not let itself be tagged
	for _, c := range []struct {
		in      *shape.AssumeRoleRequest
		message string
	}{
		{tagged(one, nil, "a", "1", "A", "2"), "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{tagged(one, []string{"b"}, "a", "1"), "The specified transitive tag key must be included in the requested tags."},
		{tagged(one, nil, "aws:x", "1"), "Tag keys that start with aws: are reserved"},
	} {
		_, err := h.call(ada, "AssumeRole", "", c.in)
		h.says(err, "InvalidParameterValue", c.message)
	}

	in := tagged(one, []string{"TEAM"}, "team", "blue", "once", "1")
	in.SourceIdentity = ptr("ada")
	p := h.bearer(do[shape.AssumeRoleResponse](h, ada, "AssumeRole", in).Credentials)
	if len(p.Tags) != 3 || p.Tags["team"] != "blue" || p.Tags["own"] != "1" || p.SourceID != "ada" {
		t.Errorf("first session: %v %q", p.Tags, p.SourceID)
	}
	_, err = h.call(p, "AssumeRole", "", ask(plain))
	h.kind(err, fault.AccessDenied) // tags and source identity go along, so the next role must take them
	_, err = h.call(p, "AssumeRole", "", ask(untagged))
	h.kind(err, fault.AccessDenied)
	out := do[shape.AssumeRoleResponse](h, p, "AssumeRole", ask(two))
	q := h.bearer(out.Credentials)
	if len(q.Tags) != 1 || q.Tags["team"] != "blue" || q.SourceID != "ada" || out.SourceIdentity == nil {
		t.Errorf("second session: %v %q", q.Tags, q.SourceID)
	}
	_, err = h.call(p, "AssumeRole", "", tagged(two, nil, "Team", "red"))
	h.says(err, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts")
	in = ask(two)
	in.SourceIdentity = ptr("eve")
	_, err = h.call(p, "AssumeRole", "", in)
	h.kind(err, fault.AccessDenied)
}

// Sessions that ended long ago make room; others stay.
func TestPrune(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	for range 3 {
		do[shape.AssumeRoleResponse](h, ada, "AssumeRole", ask(role))
	}
	count := func() (n int) {
		_ = h.store.View(context.Background(), func(v store.View) error {
			ids := []string{}
			for _, kind := range []string{"iam-session", "iam-session-end"} {
				rows, err := v.List(store.Query{Kind: kind, AnyScope: true})
				if err != nil {
					t.Fatal(err)
				}
				n = len(rows)
				for _, r := range rows {
					ids = append(ids, r.ID[max(0, len(r.ID)-20):])
				}
			}
			slices.Sort(ids)
			if len(ids) != 2*n || len(slices.Compact(ids)) != n {
				t.Errorf("sessions and their ends differ: %v", ids)
			}
			return nil
		})
		return n
	}
	h.now = h.now.Add(24 * time.Hour)
	do[shape.AssumeRoleResponse](h, ada, "AssumeRole", ask(role))
	if n := count(); n != 4 {
		t.Errorf("%d sessions a day later", n)
	}
	h.now = h.now.Add(2 * time.Hour)
	do[shape.AssumeRoleResponse](h, ada, "AssumeRole", ask(role))
	if n := count(); n != 2 {
		t.Errorf("%d sessions after that", n)
	}
}

// The owner of a missing role reads in explain that it is missing; nobody reads it in an answer.
func TestMissingRole(t *testing.T) {
	h := build(t)
	for account, want := range map[string]string{home: "trust policy of role None, which does not exist", foreign: "trust policy of role None"} {
		c := &api.Call{Caller: h.user(account, "ada"), Partition: "aws", Account: account}
		_ = h.store.View(context.Background(), func(v store.View) error {
			qs, err := h.ops["AssumeRole"].Questions(c, v, ask("arn:aws:iam::111122223333:role/None"))
			if err != nil || len(qs) != 1 || qs[0].Policy.Name != want || qs[0].Owner != home {
				t.Errorf("%s asks %+v %v", account, qs, err)
			}
			return nil
		})
	}
}

// A trust policy that changed between the questions and the act decides as it is now.
func TestTrustChangesMeanwhile(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	h.between = func() {
		do[iamshape.UpdateAssumeRolePolicyOutput](h, h.root(home), "UpdateAssumeRolePolicy", &iamshape.UpdateAssumeRolePolicyRequest{RoleName: ptr("Data"),
			PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"}]}`)})
	}
	_, err := h.call(ada, "AssumeRole", "", ask(role))
	h.kind(err, fault.AccessDenied)
}

// Questions come before validation: members may be missing, and so may the members of list elements.
func TestQuestionsOfEmptyInput(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	for _, in := range []*shape.AssumeRoleRequest{{}, {RoleArn: &role}, {RoleArn: ptr("")}, {RoleArn: &role, Tags: make([]shape.Tag, 2), PolicyArns: make([]shape.PolicyDescriptorType, 1), TransitiveTagKeys: []string{""}}} {
		_ = h.store.View(context.Background(), func(v store.View) error {
			qs, err := h.ops["AssumeRole"].Questions(&api.Call{Caller: ada, Partition: "aws", Account: home}, v, in)
			if err == nil && len(qs) == 0 {
				t.Errorf("nothing is asked of %+v", in)
			}
			return nil
		})
	}
}
