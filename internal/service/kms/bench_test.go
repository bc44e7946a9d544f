package kms

import (
	"context"
	"syscall"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/policy"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/world"
)

// BenchmarkGenerateDataKey is what a call costs between the gate's door and its record: one snapshot, the question, the decision, the data key.
func BenchmarkGenerateDataKey(b *testing.B) {
	h := build(b)
	k := h.create(kms.CreateKeyRequest{})
	row := func() api.Operation {
		for _, r := range h.kms.Rows() {
			if r.Name == "GenerateDataKey" {
				return r
			}
		}
		panic("no row")
	}()
	doc, err := policy.Parse([]byte(all), policy.Identity)
	if err != nil {
		b.Fatal(err)
	}
	own, err := policy.Parse([]byte(defaultPolicy("aws", home)), policy.Key)
	if err != nil {
		b.Fatal(err)
	}
	in := &kms.GenerateDataKeyRequest{KeyId: k.Arn, KeySpec: ptr("AES_256"), EncryptionContext: map[string]string{"aws:s3:arn": "arn:aws:s3:::bucket/key"}}
	p := h.who.all["ann"].Principal
	one := func() error {
		return h.store.View(context.Background(), func(v store.View) error {
			c := &api.Call{Time: h.clock.Now(), Caller: &p, Partition: "aws", Account: home, Region: here, Service: "kms", Name: "GenerateDataKey", Dice: world.Real{}}
			qs, err := row.Questions(c, v, in)
			if err != nil {
				return err
			}
			for _, q := range qs {
				ctx := policy.NewContext(16)
				r := &policy.Request{Principal: &p, Action: q.Action, Resource: q.Resource, ResourceAccount: q.Owner, Context: ctx.With(q.Keys)}
				if !policy.Decide(r, &policy.Sets{Identity: []policy.Source{{Name: "all", Owner: home, Doc: doc}}, ResourceKind: policy.Key, Resource: &policy.Source{Name: "key", Owner: home, Doc: own}, Grants: q.Grants}).Allowed() {
					b.Error("refused")
				}
			}
			_, err = row.View(c, v, in)
			return err
		})
	}
	b.ReportAllocs()
	before := spent()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := one(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "keys/s")
	b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-µs/op") // says more than the time where others use the machine too
}

// spent is the processor time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
