package organization_test

import (
	"testing"

	"cloister/internal/service/organization"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
)

// BenchmarkLimits is what an organization adds to each call of an account: outside of one, and under three levels.
func BenchmarkLimits(b *testing.B) {
	h, org, unit := found(b)
	id := h.policy("No", deny)
	do[shape.AttachPolicyResponse](h, boss, "AttachPolicy", &shape.AttachPolicyRequest{PolicyId: &id, TargetId: &unit})
	do[shape.MoveAccountResponse](h, boss, "MoveAccount", &shape.MoveAccountRequest{AccountId: ptr(staff), SourceParentId: org.RootId, DestinationParentId: &unit})
	for name, account := range map[string]string{"outside": other, "member": staff, "management": boss} {
		b.Run(name, func(b *testing.B) {
			err := h.store.View(b.Context(), func(v store.View) error {
				for b.Loop() {
					if _, err := organization.Limits(v, principal(account)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
