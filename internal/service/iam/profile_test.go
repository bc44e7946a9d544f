package iam_test

import (
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
	"cloister/internal/world"
)

const noTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestInstanceProfiles(t *testing.T) {
	h := build(t)
	for _, n := range []string{"Web", "Other"} {
		do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: &n, AssumeRolePolicyDocument: ptr(noTrust)})
	}
	p := do[shape.CreateInstanceProfileResponse](h, home, "CreateInstanceProfile", &shape.CreateInstanceProfileRequest{InstanceProfileName: ptr("web"), Path: ptr("/app/"),
		Tags: []shape.Tag{{Key: ptr("a"), Value: ptr("1")}}}).InstanceProfile
	if *p.Arn != "arn:aws:iam::111122223333:instance-profile/app/web" || !strings.HasPrefix(*p.InstanceProfileId, "AIPA") || len(p.Roles) != 0 || len(p.Tags) != 1 {
		t.Errorf("made %+v", p)
	}
	h.refuse("CreateInstanceProfile", &shape.CreateInstanceProfileRequest{InstanceProfileName: ptr("WEB")}, "EntityAlreadyExists", "Instance Profile WEB already exists.")
	add := func(role string) *shape.AddRoleToInstanceProfileRequest {
		return &shape.AddRoleToInstanceProfileRequest{InstanceProfileName: ptr("web"), RoleName: &role}
	}
	h.refuse("AddRoleToInstanceProfile", add("None"), "NoSuchEntity", "The role with name None cannot be found.")
	do[shape.AddRoleToInstanceProfileOutput](h, home, "AddRoleToInstanceProfile", add("Web"))
	h.refuse("AddRoleToInstanceProfile", add("Other"), "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	h.refuse("DeleteRole", &shape.DeleteRoleRequest{RoleName: ptr("Web")}, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	h.refuse("DeleteInstanceProfile", &shape.DeleteInstanceProfileRequest{InstanceProfileName: ptr("web")}, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	for role, want := range map[string]int{"Web": 1, "Other": 0} {
		l := do[shape.ListInstanceProfilesForRoleResponse](h, home, "ListInstanceProfilesForRole", &shape.ListInstanceProfilesForRoleRequest{RoleName: &role})
		if len(l.InstanceProfiles) != want || l.InstanceProfiles == nil {
			t.Errorf("%s is worn by %v", role, l.InstanceProfiles)
		}
	}
	got := do[shape.GetInstanceProfileResponse](h, home, "GetInstanceProfile", &shape.GetInstanceProfileRequest{InstanceProfileName: ptr("web")}).InstanceProfile
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "Web" {
		t.Errorf("holds %+v", got.Roles)
	}
	do[shape.TagInstanceProfileOutput](h, home, "TagInstanceProfile", &shape.TagInstanceProfileRequest{InstanceProfileName: ptr("web"), Tags: []shape.Tag{{Key: ptr("b"), Value: ptr("2")}}})
	do[shape.UntagInstanceProfileOutput](h, home, "UntagInstanceProfile", &shape.UntagInstanceProfileRequest{InstanceProfileName: ptr("web"), TagKeys: []string{"A"}})
	if l := do[shape.ListInstanceProfileTagsResponse](h, home, "ListInstanceProfileTags", &shape.ListInstanceProfileTagsRequest{InstanceProfileName: ptr("web")}); len(l.Tags) != 1 || *l.Tags[0].Key != "b" {
		t.Errorf("tags %v", l.Tags)
	}
	for prefix, want := range map[string]int{"/": 1, "/app/": 1, "/x/": 0} {
		if l := do[shape.ListInstanceProfilesResponse](h, home, "ListInstanceProfiles", &shape.ListInstanceProfilesRequest{PathPrefix: &prefix}); len(l.InstanceProfiles) != want {
			t.Errorf("%s: %d", prefix, len(l.InstanceProfiles))
		}
	}
	out := &shape.RemoveRoleFromInstanceProfileRequest{InstanceProfileName: ptr("web"), RoleName: ptr("Other")}
	h.refuse("RemoveRoleFromInstanceProfile", out, "NoSuchEntity", "")
	out.RoleName = ptr("Web")
	do[shape.RemoveRoleFromInstanceProfileOutput](h, home, "RemoveRoleFromInstanceProfile", out)
	do[shape.DeleteRoleOutput](h, home, "DeleteRole", &shape.DeleteRoleRequest{RoleName: ptr("Web")})
	do[shape.DeleteInstanceProfileOutput](h, home, "DeleteInstanceProfile", &shape.DeleteInstanceProfileRequest{InstanceProfileName: ptr("web")})
	h.refuse("GetInstanceProfile", &shape.GetInstanceProfileRequest{InstanceProfileName: ptr("web")}, "NoSuchEntity", "Instance Profile web cannot be found.")
}

// Who may change profiles but not pass the role gives it to nobody.
func TestProfileNeedsPassRole(t *testing.T) {
	h := build(t)
	do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("Web"), AssumeRolePolicyDocument: ptr(noTrust)})
	do[shape.CreateInstanceProfileResponse](h, home, "CreateInstanceProfile", &shape.CreateInstanceProfileRequest{InstanceProfileName: ptr("web")})
	grant := func(text string) {
		do[shape.PutUserPolicyOutput](h, home, "PutUserPolicy", &shape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("p"), PolicyDocument: &text})
	}
	u := do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")}).User
	ada := &identity.Principal{Kind: identity.User, Partition: "aws", Account: home, ARN: *u.Arn, ID: *u.UserId, UniqueID: *u.UserId, Name: "ada"}
	in := &shape.AddRoleToInstanceProfileRequest{InstanceProfileName: ptr("web"), RoleName: ptr("Web")}
	grant(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}]}`)
	_, err := h.try(ada, "AddRoleToInstanceProfile", in)
	h.kind(err, fault.AccessDenied)
	grant(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`)
	if _, err := h.try(ada, "AddRoleToInstanceProfile", in); err != nil {
		t.Error(err)
	}
}

func TestLinkedRoles(t *testing.T) {
	h := build(t)
	const name = "AWSServiceRoleForCloudTrail"
	link := &shape.CreateServiceLinkedRoleRequest{AWSServiceName: ptr("cloudtrail.amazonaws.com")}
	r := do[shape.CreateServiceLinkedRoleResponse](h, home, "CreateServiceLinkedRole", link).Role
	if *r.Arn != "arn:aws:iam::111122223333:role/aws-service-role/cloudtrail.amazonaws.com/"+name {
		t.Errorf("made %s", *r.Arn)
	}
	h.refuse("CreateServiceLinkedRole", link, "InvalidInput", "Service role name "+name+" has been taken in this account, please try a different suffix.")
	h.refuse("CreateServiceLinkedRole", &shape.CreateServiceLinkedRoleRequest{AWSServiceName: ptr("x.amazonaws.com")}, "InvalidInput", "")
	h.refuse("CreateServiceLinkedRole", &shape.CreateServiceLinkedRoleRequest{AWSServiceName: ptr("rds.amazonaws.com"), CustomSuffix: ptr("a")}, "InvalidInput", "Custom suffix is not allowed for rds.amazonaws.com")
	s := do[shape.CreateServiceLinkedRoleResponse](h, home, "CreateServiceLinkedRole", &shape.CreateServiceLinkedRoleRequest{AWSServiceName: ptr("autoscaling.amazonaws.com"), CustomSuffix: ptr("a")}).Role
	if *s.RoleName != "AWSServiceRoleForAutoScaling_a" {
		t.Errorf("made %s", *s.RoleName)
	}
	h.refuse("CreateUser", &shape.CreateUserRequest{UserName: ptr("u"), Path: ptr("/aws-service-role/x/")}, "InvalidInput", "")

	const text = "Cannot perform the operation on the protected role '" + name + "' - this role is only modifiable by AWS"
	doc := ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	arn := do[shape.CreatePolicyResponse](h, home, "CreatePolicy", &shape.CreatePolicyRequest{PolicyName: ptr("p"), PolicyDocument: doc}).Policy.Arn
	do[shape.CreateInstanceProfileResponse](h, home, "CreateInstanceProfile", &shape.CreateInstanceProfileRequest{InstanceProfileName: ptr("web")})
	for op, in := range map[string]any{
		"DeleteRole":                    &shape.DeleteRoleRequest{RoleName: ptr(name)},
		"AttachRolePolicy":              &shape.AttachRolePolicyRequest{RoleName: ptr(name), PolicyArn: arn},
		"DetachRolePolicy":              &shape.DetachRolePolicyRequest{RoleName: ptr(name), PolicyArn: arn},
		"PutRolePolicy":                 &shape.PutRolePolicyRequest{RoleName: ptr(name), PolicyName: ptr("p"), PolicyDocument: doc},
		"DeleteRolePolicy":              &shape.DeleteRolePolicyRequest{RoleName: ptr(name), PolicyName: ptr("p")},
		"PutRolePermissionsBoundary":    &shape.PutRolePermissionsBoundaryRequest{RoleName: ptr(name), PermissionsBoundary: arn},
		"DeleteRolePermissionsBoundary": &shape.DeleteRolePermissionsBoundaryRequest{RoleName: ptr(name)},
		"UpdateAssumeRolePolicy":        &shape.UpdateAssumeRolePolicyRequest{RoleName: ptr(name), PolicyDocument: ptr(noTrust)},
		"UpdateRole":                    &shape.UpdateRoleRequest{RoleName: ptr(name), MaxSessionDuration: ptr(int64(7200))},
		"AddRoleToInstanceProfile":      &shape.AddRoleToInstanceProfileRequest{InstanceProfileName: ptr("web"), RoleName: ptr(name)},
	} {
		if op == "AddRoleToInstanceProfile" { // it cannot even be passed
			_, err := h.try(h.root(home), op, in)
			h.kind(err, fault.AccessDenied)
			continue
		}
		h.refuse(op, in, "UnmodifiableEntity", text)
	}
	do[shape.UpdateRoleResponse](h, home, "UpdateRole", &shape.UpdateRoleRequest{RoleName: ptr(name), Description: ptr("d")})

	task := do[shape.DeleteServiceLinkedRoleResponse](h, home, "DeleteServiceLinkedRole", &shape.DeleteServiceLinkedRoleRequest{RoleName: ptr(name)}).DeletionTaskId
	if !strings.HasPrefix(*task, "task/aws-service-role/cloudtrail.amazonaws.com/"+name+"/") {
		t.Errorf("task %s", *task)
	}
	st := do[shape.GetServiceLinkedRoleDeletionStatusResponse](h, home, "GetServiceLinkedRoleDeletionStatus", &shape.GetServiceLinkedRoleDeletionStatusRequest{DeletionTaskId: task})
	if *st.Status != "SUCCEEDED" {
		t.Error(*st.Status)
	}
	h.refuse("GetRole", &shape.GetRoleRequest{RoleName: ptr(name)}, "NoSuchEntity", "")
	h.refuse("GetServiceLinkedRoleDeletionStatus", &shape.GetServiceLinkedRoleDeletionStatusRequest{DeletionTaskId: ptr("task/x")}, "NoSuchEntity", "")
	do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("Own"), AssumeRolePolicyDocument: ptr(noTrust)})
	h.refuse("DeleteServiceLinkedRole", &shape.DeleteServiceLinkedRoleRequest{RoleName: ptr("Own")}, "InvalidInput", "")
}

func TestAliases(t *testing.T) {
	h := build(t)
	list := func(account string) []string {
		return do[shape.ListAccountAliasesResponse](h, account, "ListAccountAliases", &shape.ListAccountAliasesRequest{}).AccountAliases
	}
	if l := list(home); l == nil || len(l) != 0 {
		t.Errorf("none is %v", l)
	}
	for _, a := range []string{"first", "second", "second"} {
		do[shape.CreateAccountAliasOutput](h, home, "CreateAccountAlias", &shape.CreateAccountAliasRequest{AccountAlias: &a})
	}
	if l := list(home); len(l) != 1 || l[0] != "second" {
		t.Errorf("%v", l)
	}
	do[shape.CreateAccountAliasOutput](h, foreign, "CreateAccountAlias", &shape.CreateAccountAliasRequest{AccountAlias: ptr("theirs")})
	h.refuse("CreateAccountAlias", &shape.CreateAccountAliasRequest{AccountAlias: ptr("theirs")}, "EntityAlreadyExists", "The account alias theirs already exists.")
	h.refuse("DeleteAccountAlias", &shape.DeleteAccountAliasRequest{AccountAlias: ptr("theirs")}, "NoSuchEntity", "")
	for _, bad := range []string{"123456789012", "a--b", "-ab", "ab-"} {
		h.refuse("CreateAccountAlias", &shape.CreateAccountAliasRequest{AccountAlias: &bad}, "ValidationError", "")
	}
	do[shape.DeleteAccountAliasOutput](h, home, "DeleteAccountAlias", &shape.DeleteAccountAliasRequest{AccountAlias: ptr("second")})
	if l := list(home); len(l) != 0 || len(list(foreign)) != 1 {
		t.Errorf("%v", l)
	}
}

// What does not exist here is listed as empty, for users who exist.
func TestAbsent(t *testing.T) {
	h := build(t)
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	for _, name := range []*string{ptr("ada"), nil} {
		if l := do[shape.ListMFADevicesResponse](h, home, "ListMFADevices", &shape.ListMFADevicesRequest{UserName: name}); l.MFADevices == nil || *l.IsTruncated {
			t.Errorf("%+v", l)
		}
		do[shape.ListSigningCertificatesResponse](h, home, "ListSigningCertificates", &shape.ListSigningCertificatesRequest{UserName: name})
		do[shape.ListSSHPublicKeysResponse](h, home, "ListSSHPublicKeys", &shape.ListSSHPublicKeysRequest{UserName: name})
		do[shape.ListServiceSpecificCredentialsResponse](h, home, "ListServiceSpecificCredentials", &shape.ListServiceSpecificCredentialsRequest{UserName: name})
	}
	do[shape.ListVirtualMFADevicesResponse](h, home, "ListVirtualMFADevices", &shape.ListVirtualMFADevicesRequest{})
	for op, in := range map[string]any{"ListMFADevices": &shape.ListMFADevicesRequest{UserName: ptr("eve")}, "ListSSHPublicKeys": &shape.ListSSHPublicKeysRequest{UserName: ptr("eve")},
		"ListSigningCertificates":        &shape.ListSigningCertificatesRequest{UserName: ptr("eve")},
		"ListServiceSpecificCredentials": &shape.ListServiceSpecificCredentialsRequest{UserName: ptr("eve")}} {
		h.refuse(op, in, "NoSuchEntity", "The user with name eve cannot be found.")
	}
}

func TestSummary(t *testing.T) {
	h := build(t)
	h.update(func(tx store.Tx) error { _, _, err := h.iam.RootKey(tx, world.Real{}, home); return err })
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	do[shape.CreateUserResponse](h, foreign, "CreateUser", &shape.CreateUserRequest{UserName: ptr("far")})
	m := do[shape.GetAccountSummaryResponse](h, home, "GetAccountSummary", &shape.GetAccountSummaryInput{}).SummaryMap
	for k, want := range map[string]int64{"Users": 1, "Groups": 0, "Roles": 0, "Policies": 0, "PolicyVersionsInUse": 0, "InstanceProfiles": 0, "AccountAccessKeysPresent": 1, "AccountMFAEnabled": 0, "AccessKeysPerUserQuota": 2} {
		if got, ok := m[k]; !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", k, got, ok, want)
		}
	}
}

func TestUpdateGroup(t *testing.T) {
	h := build(t)
	for _, n := range []string{"g", "other"} {
		do[shape.CreateGroupResponse](h, home, "CreateGroup", &shape.CreateGroupRequest{GroupName: &n})
	}
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", &shape.AddUserToGroupRequest{GroupName: ptr("g"), UserName: ptr("ada")})
	do[shape.UpdateGroupOutput](h, home, "UpdateGroup", &shape.UpdateGroupRequest{GroupName: ptr("g"), NewGroupName: ptr("h"), NewPath: ptr("/x/")})
	got := do[shape.GetGroupResponse](h, home, "GetGroup", &shape.GetGroupRequest{GroupName: ptr("h")})
	if *got.Group.Arn != "arn:aws:iam::111122223333:group/x/h" || len(got.Users) != 1 {
		t.Errorf("is %s with %d", *got.Group.Arn, len(got.Users))
	}
	h.refuse("UpdateGroup", &shape.UpdateGroupRequest{GroupName: ptr("h"), NewGroupName: ptr("OTHER")}, "EntityAlreadyExists", "Group with name OTHER already exists.")
	h.refuse("UpdateGroup", &shape.UpdateGroupRequest{GroupName: ptr("g"), NewGroupName: ptr("k")}, "NoSuchEntity", "The group with name g cannot be found.")
}
