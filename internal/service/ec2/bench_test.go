package ec2_test

import (
	"fmt"
	"net/netip"
	"testing"

	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// BenchmarkDescribeVpcs lists ten thousand VPCs, each with a tag, whole and by a page.
func BenchmarkDescribeVpcs(b *testing.B) {
	h := open(b)
	err := h.s.Update(b.Context(), func(tx store.Tx) error {
		for i := range 10000 {
			id := fmt.Sprintf("vpc-%017x", i)
			if err := rows.VPCs.Create(tx, h.call.Scope(), id, &vpc.VPC{ID: id, Account: account, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}); err != nil {
				return err
			}
			if err := tx.SetTags("arn:aws:ec2:us-east-1:"+account+":vpc/"+id, h.call.Scope(), map[string]string{"n": fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, in := range map[string]*shape.DescribeVpcsRequest{"all": {}, "page": {MaxResults: new(int64(100))}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if out := do[shape.DescribeVpcsResult](h, in); len(out.Vpcs) < 100 {
					b.Fatal(len(out.Vpcs))
				}
			}
		})
	}
}
