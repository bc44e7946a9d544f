package iam_test

import (
	"strings"
	"testing"
	"time"

	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func TestCredentialReport(t *testing.T) {
	h := build(t)
	get := func() string {
		t.Helper()
		out := do[shape.GetCredentialReportResponse](h, home, "GetCredentialReport", &shape.GetCredentialReportInput{})
		if *out.ReportFormat != "text/csv" || !out.GeneratedTime.Equal(time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%s of %s", *out.ReportFormat, out.GeneratedTime)
		}
		return string(out.Content)
	}
	generate := func(want string) {
		t.Helper()
		if s := *do[shape.GenerateCredentialReportResponse](h, home, "GenerateCredentialReport", &shape.GenerateCredentialReportInput{}).State; s != want {
			t.Errorf("state %s, want %s", s, want)
		}
	}
	h.refuse("GetCredentialReport", &shape.GetCredentialReportInput{}, "ReportNotPresent", "")
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	one := do[shape.CreateAccessKeyResponse](h, home, "CreateAccessKey", &shape.CreateAccessKeyRequest{UserName: ptr("ada")}).AccessKey.AccessKeyId
	h.update(func(tx store.Tx) error {
		return h.iam.Used(tx, &identity.Principal{Kind: identity.User, Account: home, AccessKey: *one}, "s3", "us-east-1")
	})
	generate("STARTED")
	generate("COMPLETE")
	const none = "N/A,N/A,N/A,N/A"
	want := []string{
		"user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated," +
			"access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date," +
			"access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated",
		"<root_account>,arn:aws:iam::" + home + ":root,N/A,not_supported,N/A,not_supported,not_supported,false,false," + none + ",false," + none + ",false,N/A,false,N/A",
		"ada,arn:aws:iam::" + home + ":user/ada,2026-11-03T09:00:00+00:00,false,N/A,N/A,N/A,false,true,2026-11-03T09:00:00+00:00,2026-11-03T09:00:00+00:00,us-east-1,s3,false," + none + ",false,N/A,false,N/A",
	}
	if got := get(); got != strings.Join(want, "\n") {
		t.Errorf("the report is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	h.now = h.now.Add(4*time.Hour - time.Second)
	generate("COMPLETE")
	h.now = h.now.Add(time.Second)
	h.refuse("GetCredentialReport", &shape.GetCredentialReportInput{}, "ReportExpired", "")
	generate("STARTED")
}

func TestPoliciesGrantingServiceAccess(t *testing.T) {
	h := build(t)
	policy := func(statement string) *string { return ptr(`{"Version":"2012-10-17","Statement":` + statement + `}`) }
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	do[shape.CreateGroupResponse](h, home, "CreateGroup", &shape.CreateGroupRequest{GroupName: ptr("crew")})
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", &shape.AddUserToGroupRequest{GroupName: ptr("crew"), UserName: ptr("ada")})
	put := func(name, statement string) {
		t.Helper()
		do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: &name, PolicyDocument: policy(statement)})
	}
	put("read", `[{"Effect":"Deny","Action":"ec2:*","Resource":"*"},{"Effect":"Allow","Action":["S3:Get*"],"Resource":"*"}]`)
	put("rest", `{"Effect":"Allow","NotAction":["s3:*","iam:Get*"],"Resource":"*"}`)
	do[shape.PutGroupPolicyOutput](h, home, "PutGroupPolicy", &shape.PutGroupPolicyRequest{GroupName: ptr("crew"), PolicyName: ptr("all"), PolicyDocument: policy(`{"Effect":"Allow","Action":"*","Resource":"*"}`)})
	made := do[shape.CreatePolicyResponse](h, home, "CreatePolicy", &shape.CreatePolicyRequest{PolicyName: ptr("own"), PolicyDocument: policy(`{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}`)}).Policy.Arn
	do[shape.AttachUserPolicyOutput](h, home, "AttachUserPolicy", &shape.AttachUserPolicyRequest{UserName: ptr("ada"), PolicyArn: made})
	in := &shape.ListPoliciesGrantingServiceAccessRequest{Arn: ptr("arn:aws:iam::" + home + ":user/ada"), ServiceNamespaces: []string{"s3", "ec2", "iam", "s3"}}
	got := map[string]string{}
	out := do[shape.ListPoliciesGrantingServiceAccessResponse](h, home, "ListPoliciesGrantingServiceAccess", in)
	for _, e := range out.PoliciesGrantingServiceAccess {
		for _, p := range e.Policies {
			got[*e.ServiceNamespace] += *p.PolicyName + " " + *p.PolicyType + ";"
			if *p.PolicyName == "all" && (*p.EntityType != "GROUP" || *p.EntityName != "crew") || *p.PolicyName == "own" && *p.PolicyArn != *made {
				t.Errorf("%+v", p)
			}
		}
	}
	want := map[string]string{"s3": "read INLINE;all INLINE;", "ec2": "rest INLINE;all INLINE;", "iam": "rest INLINE;own MANAGED;all INLINE;"}
	for ns, w := range want {
		if got[ns] != w {
			t.Errorf("%s is granted by %q, want %q", ns, got[ns], w)
		}
	}
	if len(out.PoliciesGrantingServiceAccess) != 3 || *out.IsTruncated {
		t.Errorf("%d services", len(out.PoliciesGrantingServiceAccess))
	}
	in.Arn = ptr("arn:aws:iam::" + home + ":user/bob")
	h.refuse("ListPoliciesGrantingServiceAccess", in, "NoSuchEntity", "")
}
