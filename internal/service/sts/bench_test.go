package sts_test

import (
	"context"
	"testing"

	iamshape "cloister/internal/shape/iam"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

// What each call of a session costs before its questions are decided: key, secret, role, tags and policies.
func BenchmarkWho(b *testing.B) {
	h := build(b)
	ada := h.user(home, "ada")
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	for _, n := range []string{"a", "b"} {
		do[iamshape.PutRolePolicyOutput](h, h.root(home), "PutRolePolicy", &iamshape.PutRolePolicyRequest{RoleName: ptr("Data"), PolicyName: ptr(n),
			PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)})
	}
	c := do[shape.AssumeRoleResponse](h, ada, "AssumeRole", ask(role)).Credentials
	b.ResetTimer()
	for b.Loop() {
		err := h.store.View(context.Background(), func(v store.View) error {
			got, err := h.iam.Credential(v, *c.AccessKeyId, *c.SessionToken, h.now)
			if err != nil {
				return err
			}
			_, err = h.iam.Policies(v, &got.Principal)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
