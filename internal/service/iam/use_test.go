package iam_test

import (
	"testing"
	"time"

	"cloister/internal/service/iam"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func TestLastUsed(t *testing.T) {
	h := build(t)
	if h.ops["GetAccessKeyLastUsed"].View != nil {
		t.Error("a house that notes no uses answers when a key was used")
	}
	for _, o := range iam.New(iam.Config{Uses: true}).Rows() { // the ledger is all they share
		if o.Name == "GetAccessKeyLastUsed" {
			h.ops[o.Name] = o
		}
	}
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
		h.update(func(tx store.Tx) error { return h.iam.Used(tx, id, service, "us-east-1") })
	}
	first := h.now
	note(*key, "ec2")
	note("ASIANOBODY", "ec2")
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
}
