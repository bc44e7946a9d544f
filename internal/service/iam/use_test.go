package iam_test

import (
	"reflect"
	"testing"
	"time"

	"cloister/internal/core/identity"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func TestLastUsed(t *testing.T) {
	h := build(t)
	do[shape.CreateUserResponse](h, home, "CreateUser", &shape.CreateUserRequest{UserName: ptr("ada")})
	key := do[shape.CreateAccessKeyResponse](h, home, "CreateAccessKey", &shape.CreateAccessKeyRequest{UserName: ptr("ada")}).AccessKey.AccessKeyId
	in := &shape.GetAccessKeyLastUsedRequest{AccessKeyId: key}
	get := func() *shape.AccessKeyLastUsed {
		t.Helper()
		out := do[shape.GetAccessKeyLastUsedResponse](h, home, "GetAccessKeyLastUsed", in)
		if *out.UserName != "ada" {
			t.Errorf("of %s", *out.UserName)
		}
		return out.AccessKeyLastUsed
	}
	if u := get(); u.LastUsedDate != nil || *u.ServiceName != "N/A" || *u.Region != "N/A" {
		t.Errorf("unused: %+v", u)
	}
	note := func(id, service string) {
		h.update(func(tx store.Tx) error {
			return h.iam.Used(tx, &identity.Principal{Kind: identity.User, Account: home, AccessKey: id}, service, "us-east-1")
		})
	}
	first := h.now
	note(*key, "ec2")
	note("AKIANOBODY", "ec2") // of a key that was deleted while its call was on the way
	h.now = first.Add(59 * time.Minute)
	note(*key, "s3")
	if u := get(); !u.LastUsedDate.Equal(first) || *u.ServiceName != "ec2" || *u.Region != "us-east-1" {
		t.Errorf("within the hour: %+v", u)
	}
	h.now = first.Add(time.Hour)
	note(*key, "s3")
	if u := get(); !u.LastUsedDate.Equal(h.now) || *u.ServiceName != "s3" {
		t.Errorf("after it: %+v", u)
	}
	if _, err := h.try(h.root(foreign), "GetAccessKeyLastUsed", in); err == nil {
		t.Error("another account reads it")
	}
	h.refuse("GetAccessKeyLastUsed", &shape.GetAccessKeyLastUsedRequest{AccessKeyId: ptr("AKIANOBODYATALLHERE")}, "NoSuchEntity", "The Access Key with id AKIANOBODYATALLHERE cannot be found.")
	do[shape.DeleteAccessKeyOutput](h, home, "DeleteAccessKey", &shape.DeleteAccessKeyRequest{UserName: ptr("ada"), AccessKeyId: key})
	h.refuse("GetAccessKeyLastUsed", in, "NoSuchEntity", "")
	h.view(func(v store.View) error {
		if account, err := h.iam.KeyAccount(v, *key); account != home || err != nil {
			t.Errorf("the deleted key is account %q's, %v", account, err)
		}
		return nil
	})
}

// TestRoleLastUsed: a role's sessions leave their mark on the role, and it goes with the role.
func TestRoleLastUsed(t *testing.T) {
	h := build(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	id := do[shape.CreateRoleResponse](h, home, "CreateRole", &shape.CreateRoleRequest{RoleName: ptr("R"), AssumeRolePolicyDocument: &trust}).Role.RoleId
	used := func() *shape.RoleLastUsed {
		t.Helper()
		one := do[shape.GetRoleResponse](h, home, "GetRole", &shape.GetRoleRequest{RoleName: ptr("R")}).Role.RoleLastUsed
		all := do[shape.GetAccountAuthorizationDetailsResponse](h, home, "GetAccountAuthorizationDetails", &shape.GetAccountAuthorizationDetailsRequest{}).RoleDetailList
		if !reflect.DeepEqual(one, all[0].RoleLastUsed) {
			t.Errorf("GetRole says %+v, the details %+v", one, all[0].RoleLastUsed)
		}
		return one
	}
	if u := used(); u == nil || u.LastUsedDate != nil || u.Region != nil {
		t.Errorf("unused: %+v", u)
	}
	caller := &identity.Principal{Kind: identity.Session, Account: home, UniqueID: *id, AccessKey: "ASIA", IssuedAt: h.now}
	h.update(func(tx store.Tx) error { return h.iam.Used(tx, caller, "s3", "eu-west-1") })
	if u := used(); u.LastUsedDate == nil || !u.LastUsedDate.Equal(h.now) || *u.Region != "eu-west-1" {
		t.Errorf("used: %+v", u)
	}
	h.view(func(v store.View) error {
		for _, c := range []struct {
			p    *identity.Principal
			want bool
		}{
			{caller, false},
			{&identity.Principal{Kind: identity.Root, Account: home, AccessKey: "AKIANEW"}, true},
			{&identity.Principal{Kind: identity.Root, Account: home, AccessKey: "anything", Unverified: true}, false},
			{&identity.Principal{Kind: identity.User, Account: home, AccessKey: "ASIA", IssuedAt: h.now}, false},
			{&identity.Principal{Kind: identity.Service, Service: "ec2.amazonaws.com"}, false},
			{&identity.Principal{Kind: identity.Anonymous}, false},
		} {
			if got, err := h.iam.Unnoted(v, c.p); got != c.want || err != nil {
				t.Errorf("%+v is unnoted: %v, %v", c.p, got, err)
			}
		}
		return nil
	})
	do[shape.DeleteRoleOutput](h, home, "DeleteRole", &shape.DeleteRoleRequest{RoleName: ptr("R")})
	h.update(func(tx store.Tx) error { return h.iam.Used(tx, caller, "s3", "eu-west-1") })
	h.view(func(v store.View) error {
		if l, err := v.List(store.Query{Scope: store.Scope{Partition: "aws"}, Kind: "access-key-use"}); len(l) > 0 || err != nil {
			t.Errorf("left behind: %v, %v", l, err)
		}
		return nil
	})
}
