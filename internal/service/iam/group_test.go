package iam_test

import (
	"testing"

	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// What a group may, its members may, as long as they are in it.
func TestGroup(t *testing.T) {
	h := build(t)
	ada, eve, readers := h.user("ada"), h.user("eve"), h.policy("Readers", allowRead)
	g := do[shape.CreateGroupResponse](h, home, "CreateGroup", &shape.CreateGroupRequest{GroupName: ptr("Staff"), Path: ptr("/x/")}).Group
	if *g.Arn != "arn:aws:iam::111122223333:group/x/Staff" || len(*g.GroupId) != 20 {
		t.Errorf("made %+v", g)
	}
	h.refuse("CreateGroup", &shape.CreateGroupRequest{GroupName: ptr("staff")}, "EntityAlreadyExists", "Group with name staff already exists.")
	h.refuse("GetGroup", &shape.GetGroupRequest{GroupName: ptr("None")}, "NoSuchEntity", "The group with name None cannot be found.")
	join := &shape.AddUserToGroupRequest{GroupName: ptr("Staff"), UserName: ptr("ada")}
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", join)
	do[shape.AddUserToGroupOutput](h, home, "AddUserToGroup", join)
	if m := do[shape.GetGroupResponse](h, home, "GetGroup", &shape.GetGroupRequest{GroupName: ptr("staff")}); len(m.Users) != 1 || *m.Users[0].UserName != "ada" {
		t.Errorf("members are %v", m.Users)
	}
	if l := do[shape.ListGroupsForUserResponse](h, home, "ListGroupsForUser", &shape.ListGroupsForUserRequest{UserName: ptr("ada")}); len(l.Groups) != 1 || *l.Groups[0].GroupName != "Staff" {
		t.Errorf("ada is in %v", l.Groups)
	}

	list := func(u *shape.User) error {
		_, err := h.try(h.as(u), "ListUsers", &shape.ListUsersRequest{})
		return err
	}
	h.kind(list(ada), fault.AccessDenied)
	do[shape.AttachGroupPolicyOutput](h, home, "AttachGroupPolicy", &shape.AttachGroupPolicyRequest{GroupName: ptr("Staff"), PolicyArn: &readers})
	if err := list(ada); err != nil {
		t.Error(err)
	}
	h.kind(list(eve), fault.AccessDenied)
	if e := do[shape.ListEntitiesForPolicyResponse](h, home, "ListEntitiesForPolicy", &shape.ListEntitiesForPolicyRequest{PolicyArn: &readers}); len(e.PolicyGroups) != 1 || len(e.PolicyUsers)+len(e.PolicyRoles) != 0 {
		t.Errorf("entities are %+v", e)
	}
	do[shape.DetachGroupPolicyOutput](h, home, "DetachGroupPolicy", &shape.DetachGroupPolicyRequest{GroupName: ptr("Staff"), PolicyArn: &readers})
	h.kind(list(ada), fault.AccessDenied)
	do[shape.PutGroupPolicyOutput](h, home, "PutGroupPolicy", &shape.PutGroupPolicyRequest{GroupName: ptr("Staff"), PolicyName: ptr("p"), PolicyDocument: ptr(allowRead)})
	if err := list(ada); err != nil {
		t.Error(err)
	}

	h.refuse("DeleteUser", &shape.DeleteUserRequest{UserName: ptr("ada")}, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	h.refuse("DeleteGroup", &shape.DeleteGroupRequest{GroupName: ptr("Staff")}, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	do[shape.RemoveUserFromGroupOutput](h, home, "RemoveUserFromGroup", &shape.RemoveUserFromGroupRequest{GroupName: ptr("Staff"), UserName: ptr("ada")})
	h.kind(list(ada), fault.AccessDenied)
	h.refuse("DeleteGroup", &shape.DeleteGroupRequest{GroupName: ptr("Staff")}, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	do[shape.DeleteGroupPolicyOutput](h, home, "DeleteGroupPolicy", &shape.DeleteGroupPolicyRequest{GroupName: ptr("Staff"), PolicyName: ptr("p")})
	do[shape.DeleteGroupOutput](h, home, "DeleteGroup", &shape.DeleteGroupRequest{GroupName: ptr("Staff")})
	if l := do[shape.ListGroupsResponse](h, home, "ListGroups", &shape.ListGroupsRequest{}); len(l.Groups) != 0 {
		t.Errorf("groups are %v", l.Groups)
	}

	// A group is no principal.
	h.view(func(v store.View) error {
		if id, ok := h.iam.ResolvePrincipal(v, *g.Arn); ok {
			t.Errorf("a group resolves to %s", id)
		}
		return nil
	})
}
