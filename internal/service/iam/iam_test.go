package iam_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

const (
	anybody   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`
)

func (h *house) role(name, trust string) *shape.Role {
	h.Helper()
	return do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: &name, AssumeRolePolicyDocument: &trust}).Role
}

func (h *house) user(name string) *shape.User {
	h.Helper()
	return do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: &name}).User
}

// Every member that a row honours exists, and every row's types are those of its operation.
func TestRows(t *testing.T) {
	h := build(t)
	for name, o := range h.ops {
		in, out := shape.NewInput(name), shape.NewOutput(name)
		if in == nil || out == nil || (o.View == nil) == (o.Act == nil) || o.Questions == nil {
			t.Errorf("%s is no whole row of iam", name)
			continue
		}
		for _, m := range o.Honours {
			typ := reflect.TypeOf(in).Elem()
			for _, part := range strings.Split(strings.TrimSuffix(m, ".*"), ".") {
				f, ok := typ.FieldByName(part)
				if !ok {
					t.Errorf("%s honours %s, which it has not", name, m)
					break
				}
				for typ = f.Type; typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer; {
					typ = typ.Elem()
				}
			}
		}
	}
}

func TestUser(t *testing.T) {
	h := build(t)
	u := do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("Ada"), Path: ptr("/lab/"),
		Tags: []shape.Tag{{Key: ptr("Team"), Value: ptr("blue")}}}).User
	if *u.Arn != "arn:aws:iam::111122223333:user/lab/Ada" || !strings.HasPrefix(*u.UserId, "AIDA") || len(*u.UserId) != 20 || *u.Tags[0].Value != "blue" {
		t.Errorf("created %+v", u)
	}
	h.refuse("CreateUser", &shape.CreateUserRequest{UserName: ptr("ADA")}, "EntityAlreadyExists", "User with name ADA already exists.")
	h.refuse("GetUser", &shape.GetUserRequest{UserName: ptr("Bob")}, "NoSuchEntity", "The user with name Bob cannot be found.")
	h.refuse("CreateUser", &shape.CreateUserRequest{UserName: ptr("x"), Path: ptr("/aws-service-role/ec2/")}, "InvalidInput", "")

	do[shape.UpdateUserOutput](h, home, "UpdateUser", &shape.UpdateUserRequest{UserName: ptr("ada"), NewUserName: ptr("Eve"), NewPath: ptr("/")})
	u = do[shape.GetUserResponse](h, home, "GetUser", &shape.GetUserRequest{UserName: ptr("eve")}).User
	if *u.Arn != "arn:aws:iam::111122223333:user/Eve" || len(u.Tags) != 1 {
		t.Errorf("renamed to %s with %d tags", *u.Arn, len(u.Tags))
	}
	me := do[shape.GetUserResponse](h, home, "GetUser", &shape.GetUserRequest{}).User
	if *me.Arn != "arn:aws:iam::111122223333:root" || me.UserName != nil {
		t.Errorf("root is %+v", me)
	}

	do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("Eve"), PolicyName: ptr("p"), PolicyDocument: ptr(allowAll)})
	h.refuse("DeleteUser", &shape.DeleteUserRequest{UserName: ptr("Eve")}, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	do[shape.DeleteUserPolicyOutput](h, home, "DeleteUserPolicy", &shape.DeleteUserPolicyRequest{UserName: ptr("Eve"), PolicyName: ptr("p")})
	do[shape.DeleteUserOutput](h, home, "DeleteUser", &shape.DeleteUserRequest{UserName: ptr("Eve")})
	again := h.user("Eve")
	if *again.UserId == *u.UserId || len(again.Tags) != 0 {
		t.Errorf("made again as %+v", again)
	}
	if other := do[shape.ListUsersResponse](h, foreign, "ListUsers", &shape.ListUsersRequest{}); len(other.Users) != 0 || other.Users == nil {
		t.Errorf("the other account sees %v", other.Users)
	}
}

func TestKeys(t *testing.T) {
	h := build(t)
	h.user("ada")
	in := &shape.CreateAccessKeyRequest{UserName: ptr("ada")}
	k := do[shape.CreateAccessKeyResponse](h, home, "CreateAccessKey", in).AccessKey
	if len(*k.AccessKeyId) != 20 || !strings.HasPrefix(*k.AccessKeyId, "AKIA") || len(*k.SecretAccessKey) != 40 || *k.Status != "Active" {
		t.Errorf("made %+v", k)
	}
	do[shape.CreateAccessKeyResponse](h, home, "CreateAccessKey", in)
	h.refuse("CreateAccessKey", in, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	h.refuse("DeleteUser", &shape.DeleteUserRequest{UserName: ptr("ada")}, "DeleteConflict", "")
	if l := do[shape.ListAccessKeysResponse](h, home, "ListAccessKeys", &shape.ListAccessKeysRequest{UserName: ptr("ada")}); len(l.AccessKeyMetadata) != 2 || *l.IsTruncated {
		t.Errorf("lists %+v", l)
	}

	// No row holds the secret in clear.
	h.view(func(v store.View) error {
		rows, err := v.List(store.Query{Kind: "access-key", AnyScope: true})
		for _, r := range rows {
			if strings.Contains(string(r.Value), *k.SecretAccessKey) {
				t.Error("a secret lies open in the ledger")
			}
		}
		if len(rows) != 2 {
			t.Errorf("%d rows", len(rows))
		}
		return err
	})

	cred := func(id, token string) (identity.Principal, string, error) {
		var p identity.Principal
		var secret string
		var err error
		h.view(func(v store.View) error {
			c, e := h.iam.Credential(v, id, token, h.now)
			p, secret, err = c.Principal, c.Secret, e
			return nil
		})
		return p, secret, err
	}
	issued := func(id string, want bool) {
		t.Helper()
		h.view(func(v store.View) error {
			if got, err := h.iam.Issued(v, id); got != want || err != nil {
				t.Errorf("issued %s: %v %v", id, got, err)
			}
			return nil
		})
	}
	issued(*k.AccessKeyId, true)
	issued("AKIAQQQQQQQQQQQQQQQQ", false)
	p, secret, err := cred(*k.AccessKeyId, "")
	if err != nil || secret != *k.SecretAccessKey || p.Kind != identity.User || p.ARN != "arn:aws:iam::111122223333:user/ada" || p.ID != p.UniqueID || p.Account != home {
		t.Errorf("the key gives %+v %v", p, err)
	}
	_, _, err = cred(*k.AccessKeyId, "token")
	h.kind(err, fault.BadToken)
	_, _, err = cred("AKIAQQQQQQQQQQQQQQQQ", "")
	h.kind(err, fault.UnknownKey)
	status := &shape.UpdateAccessKeyRequest{UserName: ptr("ada"), AccessKeyId: k.AccessKeyId, Status: ptr("Inactive")}
	do[shape.UpdateAccessKeyOutput](h, home, "UpdateAccessKey", status)
	_, _, err = cred(*k.AccessKeyId, "")
	h.kind(err, fault.UnknownKey)

	h.user("eve") // another's key is as absent as none
	h.refuse("DeleteAccessKey", &shape.DeleteAccessKeyRequest{UserName: ptr("eve"), AccessKeyId: k.AccessKeyId}, "NoSuchEntity", "")
	do[shape.DeleteAccessKeyOutput](h, home, "DeleteAccessKey", &shape.DeleteAccessKeyRequest{UserName: ptr("ada"), AccessKeyId: k.AccessKeyId})
	_, _, err = cred(*k.AccessKeyId, "")
	h.kind(err, fault.UnknownKey)
	issued(*k.AccessKeyId, true) // once: --dev does not make it a stranger's

	var id string
	h.update(func(tx store.Tx) (err error) {
		id, secret, err = h.iam.CreateAccount(tx, worldDice, "777788889999", "new")
		return err
	})
	p, opened, err := cred(id, "")
	if err != nil || opened != secret || p.Kind != identity.Root || p.ARN != "arn:aws:iam::777788889999:root" || p.ID != "777788889999" {
		t.Errorf("the root key gives %+v %v", p, err)
	}
}

func TestTrustIsBound(t *testing.T) {
	h := build(t)
	friend := do[shape.CreateUserResponse](h, foreign, "CreateUser", &shape.CreateUserRequest{UserName: ptr("Friend"), Path: ptr("/x/")}).User
	trust := "{\n \"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"" + *friend.Arn + "\"}, \"Action\": \"sts:AssumeRole\"}]\n}"
	r := h.role("Reader", trust)
	shown := func() string {
		doc := *do[shape.GetRoleResponse](h, home, "GetRole", &shape.GetRoleRequest{RoleName: ptr("Reader")}).Role.AssumeRolePolicyDocument
		if strings.ContainsAny(doc, "{}\" /:") {
			t.Errorf("the document is not encoded: %s", doc)
		}
		text, err := url.PathUnescape(doc)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := shown(); got != trust {
		t.Errorf("shows %s", got)
	}
	h.view(func(v store.View) error {
		_, bound, _, err := h.iam.Assumable(v, *r.Arn)
		if strings.Contains(bound, *friend.Arn) || !strings.Contains(bound, `"`+*friend.UserId+`"`) {
			t.Errorf("kept as %s", bound)
		}
		if id, ok := h.iam.ResolvePrincipal(v, *friend.Arn); !ok || id != *friend.UserId {
			t.Errorf("resolves to %s", id)
		}
		if _, ok := h.iam.ResolvePrincipal(v, "arn:aws:iam::444455556666:user/Friend"); ok {
			t.Error("the path does not matter")
		}
		if a, ok := h.iam.RenderPrincipal(v, *friend.UserId); !ok || a != *friend.Arn {
			t.Errorf("renders %s", a)
		}
		return err
	})
	do[shape.DeleteUserOutput](h, foreign, "DeleteUser", &shape.DeleteUserRequest{UserName: ptr("Friend")})
	do[shape.CreateUserResponse](h, foreign, "CreateUser", &shape.CreateUserRequest{UserName: ptr("Friend"), Path: ptr("/x/")})
	if got := shown(); !strings.Contains(got, *friend.UserId) || strings.Contains(got, *friend.Arn) {
		t.Errorf("one who is gone is shown as %s", got)
	}
	for _, c := range []struct{ doc, code, message string }{
		{strings.ReplaceAll(trust, "/x/Friend", "/Nobody"), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::444455556666:user/Nobody"`},
		{strings.ReplaceAll(trust, *friend.Arn, *friend.UserId), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"` + *friend.UserId + `"`},
		{`{"Version":`, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{strings.Replace(anybody, "{", `{"Id":"`+strings.Repeat("x", 2048)+`",`, 1), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
	} {
		_, err := h.try(h.root(home), "UpdateAssumeRolePolicy", &shape.UpdateAssumeRolePolicyRequest{RoleName: ptr("reader"), PolicyDocument: &c.doc})
		if f := fault.From(err); err == nil || f.Code != c.code || !strings.HasPrefix(f.Message, c.message) {
			t.Errorf("%v, want %s", err, c.message)
		}
	}
}

func TestRole(t *testing.T) {
	h := build(t)
	r := do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("Data"), Path: ptr("/jobs/"), AssumeRolePolicyDocument: ptr(anybody),
		Description: ptr("reads"), MaxSessionDuration: ptr(int64(7200))}).Role
	if *r.Arn != "arn:aws:iam::111122223333:role/jobs/Data" || !strings.HasPrefix(*r.RoleId, "AROA") || *r.MaxSessionDuration != 7200 || r.CreateDate.IsZero() {
		t.Errorf("made %+v", r)
	}
	h.refuse("CreateRole", &shape.CreateRoleRequest{RoleName: ptr("data"), AssumeRolePolicyDocument: ptr(anybody)}, "EntityAlreadyExists", "Role with name data already exists.")
	h.refuse("GetRole", &shape.GetRoleRequest{RoleName: ptr("None")}, "NoSuchEntity", "The role with name None cannot be found.")
	do[shape.UpdateRoleResponse](h, home, "UpdateRole", &shape.UpdateRoleRequest{RoleName: ptr("Data"), MaxSessionDuration: ptr(int64(3600))})
	put := &shape.PutRolePolicyRequest{RoleName: ptr("Data"), PolicyName: ptr("Read"), PolicyDocument: ptr(allowRead)}
	do[shape.PutRolePolicyOutput](h, home, "PutRolePolicy", put)
	got := do[shape.GetRolePolicyResponse](h, home, "GetRolePolicy", &shape.GetRolePolicyRequest{RoleName: ptr("data"), PolicyName: ptr("Read")})
	if text, _ := url.PathUnescape(*got.PolicyDocument); text != allowRead || *got.RoleName != "Data" {
		t.Errorf("gives %+v", got)
	}
	h.refuse("GetRolePolicy", &shape.GetRolePolicyRequest{RoleName: ptr("Data"), PolicyName: ptr("x")}, "NoSuchEntity", "The role policy with name x cannot be found.")
	h.refuse("DeleteRole", &shape.DeleteRoleRequest{RoleName: ptr("Data")}, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	put.PolicyDocument = ptr(anybody)
	_, err := h.try(h.root(home), "PutRolePolicy", put)
	if f := fault.From(err); f.Code != "MalformedPolicyDocument" || !strings.HasPrefix(f.Message, "Policy document should not specify a principal.") {
		t.Errorf("a principal in a role's policy: %v", err)
	}
	put.PolicyName, put.PolicyDocument = ptr("Big"), ptr(strings.Replace(allowRead, `"iam:Get*"`, `"iam:Get*`+strings.Repeat("x", 10200)+`"`, 1))
	h.refuse("PutRolePolicy", put, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role Data")
}

func TestPages(t *testing.T) {
	h := build(t)
	for _, n := range []string{"b", "C", "a", "E", "d"} {
		h.role(n, anybody)
	}
	var got []string
	var marker *string
	for range 9 {
		out := do[shape.ListRolesResponse](h, home, "ListRoles", &shape.ListRolesRequest{MaxItems: ptr(int64(2)), Marker: marker})
		for _, r := range out.Roles {
			got = append(got, *r.RoleName)
		}
		if marker = out.Marker; (marker != nil) != *out.IsTruncated {
			t.Error("marker and IsTruncated differ")
		}
		if marker == nil {
			break
		}
	}
	if strings.Join(got, "") != "abCdE" {
		t.Errorf("pages give %v", got)
	}
	h.refuse("ListRoles", &shape.ListRolesRequest{Marker: ptr("%%")}, "ValidationError", "Invalid Marker.")
}

func TestTags(t *testing.T) {
	h := build(t)
	h.role("r", anybody)
	tag := func(kv ...string) *shape.TagRoleRequest {
		in := &shape.TagRoleRequest{RoleName: ptr("r")}
		for i := 0; i < len(kv); i += 2 {
			in.Tags = append(in.Tags, shape.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		return in
	}
	do[shape.TagRoleOutput](h, home, "TagRole", tag("Cost", "1", "team", "a"))
	do[shape.TagRoleOutput](h, home, "TagRole", tag("cost", "2"))
	out := do[shape.ListRoleTagsResponse](h, home, "ListRoleTags", &shape.ListRoleTagsRequest{RoleName: ptr("r")})
	if len(out.Tags) != 2 || *out.Tags[0].Key != "cost" || *out.Tags[0].Value != "2" {
		t.Errorf("tags are %v", out.Tags)
	}
	h.refuse("TagRole", tag("x", "1", "X", "2"), "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	h.refuse("TagRole", tag("aws:x", "1"), "InvalidInput", "")
	do[shape.UntagRoleOutput](h, home, "UntagRole", &shape.UntagRoleRequest{RoleName: ptr("r"), TagKeys: []string{"COST", "none"}})
	if out = do[shape.ListRoleTagsResponse](h, home, "ListRoleTags", &shape.ListRoleTagsRequest{RoleName: ptr("r")}); len(out.Tags) != 1 {
		t.Errorf("tags are %v", out.Tags)
	}
}

// Questions come before validation: members may be missing, and so may the members of list elements.
func TestQuestionsOfEmptyInput(t *testing.T) {
	h := build(t)
	u := h.user("ada")
	callers := []*identity.Principal{h.root(home), h.as(u), {Kind: identity.Session, Account: home}, {Kind: identity.Service, Service: "comprehend.amazonaws.com"}}
	for name, o := range h.ops {
		bare, hollow := shape.NewInput(name), shape.NewInput(name)
		v := reflect.ValueOf(hollow).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Slice {
				f.Set(reflect.MakeSlice(f.Type(), 2, 2))
			}
		}
		for _, p := range callers {
			for _, in := range []any{bare, hollow} {
				c := &api.Call{Caller: p, Partition: "aws", Account: home}
				h.view(func(v store.View) error {
					qs, err := o.Questions(c, v, in)
					if err == nil && len(qs) == 0 {
						t.Errorf("%s asks nothing of %s", name, p.Kind)
					}
					for _, q := range qs {
						if q.Action == "" || q.Resource == "" {
							t.Errorf("%s asks %+v", name, q)
						}
						for k, l := range q.Keys {
							if len(l) == 0 {
								t.Errorf("%s: %s has no values", name, k)
							}
						}
					}
					return nil
				})
			}
		}
	}
}
