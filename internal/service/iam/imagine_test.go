package iam_test

import (
	"fmt"
	"slices"
	"testing"

	shape "cloister/internal/shape/iam"
)

const readHome = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": {"StringLike": {"s3:prefix": "${aws:username, 'x'}/*"}}},
    {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/secret/*"}
  ]
}`

func result(r *shape.EvaluationResult) string {
	t := *r.EvalDecision
	for _, m := range r.MatchedStatements {
		t += fmt.Sprintf(" %s@%d:%d-%d:%d", *m.SourcePolicyId, *m.StartPosition.Line, *m.StartPosition.Column, *m.EndPosition.Line, *m.EndPosition.Column)
	}
	return t
}

func TestSimulateCustom(t *testing.T) {
	h := build(t)
	ada := []shape.ContextEntry{{ContextKeyName: ptr("AWS:username"), ContextKeyValues: []string{"ada"}, ContextKeyType: ptr("string")}}
	const boundary = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ada"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}`
	for _, c := range []struct {
		name string
		in   shape.SimulatePrincipalPolicyRequest
		want []string
	}{
		{"an allow and where it stands", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/ada/k"}, ContextEntries: ada},
			[]string{"allowed PolicyInputList.1@4:5-4:98"}},
		{"a denial by one statement", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/secret/k"}},
			[]string{"explicitDeny PolicyInputList.1@6:5-6:80"}},
		{"nothing said", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:GetObject", "s3:PutObject"}}, []string{"implicitDeny", "implicitDeny"}},
		{"each on each", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:GetObject", "s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::b/ada/k", "arn:aws:s3:::b/secret/k"}, ContextEntries: ada},
			[]string{"allowed PolicyInputList.1@4:5-4:98", "explicitDeny PolicyInputList.1@6:5-6:80", "implicitDeny", "explicitDeny PolicyInputList.1@6:5-6:80"}},
		{"within a boundary", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:GetObject", "s3:ListBucket"}, ResourceArns: []string{"arn:aws:s3:::b/ada/k"}, PermissionsBoundaryPolicyInputList: []string{boundary},
			ContextEntries: append(ada[:1:1], shape.ContextEntry{ContextKeyName: ptr("s3:prefix"), ContextKeyValues: []string{"ada/x"}})},
			[]string{"allowed PermissionsBoundaryPolicyInputList.1@1:37-1:89 PolicyInputList.1@4:5-4:98", "implicitDeny"}},
		{"by a bucket policy", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, ResourcePolicy: &open, CallerArn: ptr("arn:aws:iam::111122223333:user/ada")},
			[]string{"allowed ResourcePolicy@1:38-1:167"}},
		{"another caller than it names", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, ResourcePolicy: &open, CallerArn: ptr("arn:aws:iam::111122223333:user/eve")},
			[]string{"implicitDeny"}},
		{"another account's resource", shape.SimulatePrincipalPolicyRequest{ActionNames: []string{"s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, ResourcePolicy: &open, CallerArn: ptr("arn:aws:iam::111122223333:user/ada"), ResourceOwner: ptr("arn:aws:iam::444455556666:root")},
			[]string{"implicitDeny"}},
	} {
		in := &shape.SimulateCustomPolicyRequest{PolicyInputList: []string{readHome}, PermissionsBoundaryPolicyInputList: c.in.PermissionsBoundaryPolicyInputList, ActionNames: c.in.ActionNames,
			ResourceArns: c.in.ResourceArns, ResourcePolicy: c.in.ResourcePolicy, CallerArn: c.in.CallerArn, ResourceOwner: c.in.ResourceOwner, ContextEntries: c.in.ContextEntries}
		out := do[shape.SimulatePolicyResponse](h, home, "SimulateCustomPolicy", in)
		var got []string
		for i := range out.EvaluationResults {
			r := &out.EvaluationResults[i]
			got = append(got, result(r))
			if n := len(r.ResourceSpecificResults); (n == 1) != (len(in.ResourceArns) > 0) {
				t.Errorf("%s: %d specific results", c.name, n)
			}
			if b := r.PermissionsBoundaryDecisionDetail; (b != nil) != (in.PermissionsBoundaryPolicyInputList != nil) || b != nil && *b.AllowedByPermissionsBoundary != (i == 0) {
				t.Errorf("%s: boundary %v", c.name, b)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", c.name, got, c.want)
		}
	}
	out := do[shape.SimulatePolicyResponse](h, home, "SimulateCustomPolicy", &shape.SimulateCustomPolicyRequest{PolicyInputList: []string{readHome}, ActionNames: []string{"s3:GetObject"}, ContextEntries: ada})
	if m := out.EvaluationResults[0].MissingContextValues; !slices.Equal(m, []string{"s3:prefix"}) {
		t.Errorf("missing %v", m)
	}
}

func TestSimulatePages(t *testing.T) {
	h := build(t)
	in := &shape.SimulateCustomPolicyRequest{PolicyInputList: []string{readHome}, MaxItems: ptr(int64(2))}
	for i := range 5 {
		in.ActionNames = append(in.ActionNames, fmt.Sprintf("s3:Get%c", 'A'+i))
	}
	var got []string
	for {
		out := do[shape.SimulatePolicyResponse](h, home, "SimulateCustomPolicy", in)
		for _, r := range out.EvaluationResults {
			got = append(got, *r.EvalActionName)
		}
		if in.Marker = out.Marker; !*out.IsTruncated {
			break
		}
	}
	if !slices.Equal(got, in.ActionNames) {
		t.Errorf("%v", got)
	}
}

func TestSimulateRefusals(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		in   shape.SimulateCustomPolicyRequest
		want string
	}{
		{shape.SimulateCustomPolicyRequest{ActionNames: []string{"s3:*"}}, "Invalid Action: s3:*"},
		{shape.SimulateCustomPolicyRequest{ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"b"}}, "Invalid Resource Arn: b"},
		{shape.SimulateCustomPolicyRequest{PolicyInputList: []string{"{"}}, ""},
		{shape.SimulateCustomPolicyRequest{PermissionsBoundaryPolicyInputList: []string{readHome, readHome}}, "PermissionsBoundaryPolicyInputList may hold one policy."},
		{shape.SimulateCustomPolicyRequest{ResourcePolicy: ptr("{}")}, "You must specify a CallerArn when you include a ResourcePolicy."},
		{shape.SimulateCustomPolicyRequest{ResourcePolicy: ptr("{"), CallerArn: ptr("arn:aws:iam::111122223333:user/ada")}, ""},
		{shape.SimulateCustomPolicyRequest{CallerArn: ptr("arn:aws:iam::111122223333:role/r")}, ""},
		{shape.SimulateCustomPolicyRequest{ResourceOwner: ptr("111122223333")}, ""},
		{shape.SimulateCustomPolicyRequest{ContextEntries: []shape.ContextEntry{{ContextKeyName: ptr("a:b"), ContextKeyValues: []string{"1", "2"}, ContextKeyType: ptr("string")}}}, ""},
		{shape.SimulateCustomPolicyRequest{ContextEntries: []shape.ContextEntry{{ContextKeyName: ptr("a:b")}, {ContextKeyName: ptr("A:B")}}}, ""},
	} {
		if c.in.PolicyInputList == nil {
			c.in.PolicyInputList = []string{readHome}
		}
		if c.in.ActionNames == nil {
			c.in.ActionNames = []string{"s3:GetObject"}
		}
		h.refuse("SimulateCustomPolicy", &c.in, "InvalidInput", c.want)
	}
	h.refuse("SimulatePrincipalPolicy", &shape.SimulatePrincipalPolicyRequest{PolicySourceArn: ptr("arn:aws:iam::111122223333:user/none"), ActionNames: []string{"s3:GetObject"}}, "NoSuchEntity", "The user with name none cannot be found.")
	h.refuse("SimulatePrincipalPolicy", &shape.SimulatePrincipalPolicyRequest{PolicySourceArn: ptr("x"), ActionNames: []string{"s3:GetObject"}}, "InvalidInput", "")
}

func TestSimulatePrincipal(t *testing.T) {
	h := build(t)
	u := do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")}).User
	g := do[shape.CreateGroupResponse](h, home, "CreateGroup", &shape.CreateGroupRequest{GroupName: ptr("g")}).Group
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", &shape.AddUserToGroupRequest{GroupName: ptr("g"), UserName: ptr("ada")})
	r := do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("R"), AssumeRolePolicyDocument: ptr(noTrust)}).Role
	allow := func(action string) *string {
		return ptr(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*"}}`)
	}
	do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("own"), PolicyDocument: allow("ec2:RunA")})
	do[shape.PutGroupPolicyOutput](h, home, "PutGroupPolicy", &shape.PutGroupPolicyRequest{GroupName: ptr("g"), PolicyName: ptr("all"), PolicyDocument: allow("ec2:RunB")})
	p := do[shape.CreatePolicyResponse](h, home, "CreatePolicy", &shape.CreatePolicyRequest{PolicyName: ptr("managed"), PolicyDocument: allow("ec2:RunC")}).Policy.Arn
	do[shape.AttachRolePolicyOutput](h, home, "AttachRolePolicy", &shape.AttachRolePolicyRequest{RoleName: ptr("R"), PolicyArn: p})
	ask := func(source string, more ...string) []string {
		out := do[shape.SimulatePolicyResponse](h, home, "SimulatePrincipalPolicy", &shape.SimulatePrincipalPolicyRequest{PolicySourceArn: &source, ActionNames: []string{"ec2:RunA", "ec2:RunB", "ec2:RunC"}, PolicyInputList: more})
		var l []string
		for _, r := range out.EvaluationResults {
			t := *r.EvalDecision
			if len(r.MatchedStatements) > 0 {
				t += " " + *r.MatchedStatements[0].SourcePolicyId
			}
			l = append(l, t)
		}
		return l
	}
	const no = "implicitDeny"
	for _, c := range []struct {
		source string
		more   []string
		want   []string
	}{
		{*u.Arn, nil, []string{"allowed user_ada_own", "allowed group_g_all", no}},
		{*u.Arn, []string{*allow("ec2:RunC")}, []string{"allowed user_ada_own", "allowed group_g_all", "allowed PolicyInputList.1"}},
		{*g.Arn, nil, []string{no, "allowed group_g_all", no}},
		{*r.Arn, nil, []string{no, no, "allowed managed"}},
	} {
		if got := ask(c.source, c.more...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.source, got, c.want)
		}
	}
	do[shape.PutUserPermissionsBoundaryOutput](h, home, "PutUserPermissionsBoundary", &shape.PutUserPermissionsBoundaryRequest{UserName: ptr("ada"), PermissionsBoundary: p})
	if got := ask(*u.Arn); !slices.Equal(got, []string{no, no, no}) {
		t.Errorf("bounded: %q", got)
	}
}

func TestContextKeys(t *testing.T) {
	h := build(t)
	out := do[shape.GetContextKeysForPolicyResponse](h, home, "GetContextKeysForCustomPolicy", &shape.GetContextKeysForCustomPolicyRequest{PolicyInputList: []string{readHome,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"${aws:old}","Condition":{"Bool":{"AWS:UserName":"true"},"StringLike":{"s3:x":["a${*}","${s3:y}"]}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","NotResource":["a${$}b","${aws:PrincipalTag/a}"]}}`}})
	if want := []string{"aws:PrincipalTag/a", "aws:username", "s3:prefix", "s3:x"}; !slices.Equal(out.ContextKeyNames, want) {
		t.Errorf("%q", out.ContextKeyNames)
	}
	u := do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")}).User
	in := &shape.GetContextKeysForPrincipalPolicyRequest{PolicySourceArn: u.Arn}
	if l := do[shape.GetContextKeysForPolicyResponse](h, home, "GetContextKeysForPrincipalPolicy", in); l.ContextKeyNames == nil || len(l.ContextKeyNames) != 0 {
		t.Errorf("%q", l.ContextKeyNames)
	}
	do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("own"), PolicyDocument: ptr(readHome)})
	if l := do[shape.GetContextKeysForPolicyResponse](h, home, "GetContextKeysForPrincipalPolicy", in); !slices.Equal(l.ContextKeyNames, []string{"aws:username", "s3:prefix"}) {
		t.Errorf("%q", l.ContextKeyNames)
	}
	h.refuse("GetContextKeysForCustomPolicy", &shape.GetContextKeysForCustomPolicyRequest{PolicyInputList: []string{"["}}, "InvalidInput", "")
}
