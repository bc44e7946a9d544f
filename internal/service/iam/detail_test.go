package iam_test

import (
	"net/url"
	"slices"
	"testing"

	shape "cloister/internal/shape/iam"
)

func TestDetails(t *testing.T) {
	h := build(t)
	const doc = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	p := do[shape.CreatePolicyResponse](h, home, "CreatePolicy", &shape.CreatePolicyRequest{PolicyName: ptr("managed"), PolicyDocument: ptr(doc)}).Policy.Arn
	do[shape.CreatePolicyVersionResponse](h, home, "CreatePolicyVersion", &shape.CreatePolicyVersionRequest{PolicyArn: p, PolicyDocument: ptr(doc), SetAsDefault: ptr(true)})
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada"), PermissionsBoundary: p, Tags: []shape.Tag{{Key: ptr("a"), Value: ptr("1")}}})
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("Bob")})
	do[shape.CreateUserResponse](h, foreign, "CreateUser", &shape.CreateUserRequest{UserName: ptr("far")})
	do[shape.CreateGroupResponse](h, home, "CreateGroup", &shape.CreateGroupRequest{GroupName: ptr("g")})
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", &shape.AddUserToGroupRequest{GroupName: ptr("g"), UserName: ptr("ada")})
	do[shape.PutGroupPolicyOutput](h, home, "PutGroupPolicy", &shape.PutGroupPolicyRequest{GroupName: ptr("g"), PolicyName: ptr("all"), PolicyDocument: ptr(doc)})
	do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("R"), AssumeRolePolicyDocument: ptr(noTrust)})
	do[shape.AttachRolePolicyOutput](h, home, "AttachRolePolicy", &shape.AttachRolePolicyRequest{RoleName: ptr("R"), PolicyArn: p})
	do[shape.CreateInstanceProfileResponse](h, home, "CreateInstanceProfile", &shape.CreateInstanceProfileRequest{InstanceProfileName: ptr("web")})
	do[shape.AddRoleToInstanceProfileOutput](h, home, "AddRoleToInstanceProfile", &shape.AddRoleToInstanceProfileRequest{InstanceProfileName: ptr("web"), RoleName: ptr("R")})

	all := do[shape.GetAccountAuthorizationDetailsResponse](h, home, "GetAccountAuthorizationDetails", &shape.GetAccountAuthorizationDetailsRequest{})
	if len(all.UserDetailList) != 2 || len(all.GroupDetailList) != 1 || len(all.RoleDetailList) != 1 || len(all.Policies) != 1 || *all.IsTruncated {
		t.Fatalf("%+v", all)
	}
	u, g, r, m := all.UserDetailList[0], all.GroupDetailList[0], all.RoleDetailList[0], all.Policies[0]
	if *u.UserName != "ada" || !slices.Equal(u.GroupList, []string{"g"}) || *u.PermissionsBoundary.PermissionsBoundaryArn != *p || len(u.Tags) != 1 || u.UserPolicyList == nil {
		t.Errorf("user %+v", u)
	}
	if text, err := url.PathUnescape(*g.GroupPolicyList[0].PolicyDocument); err != nil || text != doc || *g.GroupPolicyList[0].PolicyName != "all" {
		t.Errorf("group %+v", g)
	}
	if *r.AttachedManagedPolicies[0].PolicyArn != *p || *r.InstanceProfileList[0].InstanceProfileName != "web" || r.AssumeRolePolicyDocument == nil {
		t.Errorf("role %+v", r)
	}
	if *m.AttachmentCount != 1 || *m.PermissionsBoundaryUsageCount != 1 || len(m.PolicyVersionList) != 2 || *m.PolicyVersionList[0].VersionId != "v2" ||
		!*m.PolicyVersionList[0].IsDefaultVersion || m.PolicyVersionList[1].Document == nil {
		t.Errorf("policy %+v", m)
	}

	var got []string
	in := &shape.GetAccountAuthorizationDetailsRequest{MaxItems: ptr(int64(2))}
	for {
		out := do[shape.GetAccountAuthorizationDetailsResponse](h, home, "GetAccountAuthorizationDetails", in)
		for _, x := range out.UserDetailList {
			got = append(got, *x.UserName)
		}
		for _, x := range out.GroupDetailList {
			got = append(got, *x.GroupName)
		}
		for _, x := range out.RoleDetailList {
			got = append(got, *x.RoleName)
		}
		for _, x := range out.Policies {
			got = append(got, *x.PolicyName)
		}
		if in.Marker = out.Marker; !*out.IsTruncated {
			break
		}
	}
	if want := []string{"ada", "Bob", "g", "R", "managed"}; !slices.Equal(got, want) {
		t.Errorf("pages give %v", got)
	}
	some := do[shape.GetAccountAuthorizationDetailsResponse](h, home, "GetAccountAuthorizationDetails", &shape.GetAccountAuthorizationDetailsRequest{Filter: []string{"Group", "AWSManagedPolicy"}})
	if len(some.UserDetailList)+len(some.RoleDetailList)+len(some.Policies) != 0 || len(some.GroupDetailList) != 1 {
		t.Errorf("filtered %+v", some)
	}
}
