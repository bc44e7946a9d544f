package sqlite

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

var benchScope = store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-central-1"}

func benchPut(tx store.Tx, n int64) error {
	id := fmt.Sprintf("vpc-%017x", n)
	_, err := tx.Put(store.Row{Key: store.Key{Scope: benchScope, Kind: "vpc", ID: id}, Value: make([]byte, 1500), Terms: []store.Term{{Name: "cidr", Value: id}}})
	return err
}

// parallel runs f from n callers.
func parallel(b *testing.B, n int, f func(i int64) error) {
	var count atomic.Int64
	b.SetParallelism(max(1, n/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(count.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

// One row of 1.5 KB with a term, durable.
func BenchmarkUpdate(b *testing.B) {
	s := fresh(b)
	b.ResetTimer()
	for i := range b.N {
		if err := s.Update(b.Context(), func(tx store.Tx) error { return benchPut(tx, int64(i)) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

func BenchmarkUpdate16(b *testing.B) {
	s := fresh(b)
	parallel(b, 16, func(i int64) error {
		return s.Update(b.Context(), func(tx store.Tx) error { return benchPut(tx, i) })
	})
}

func benchGet(b *testing.B, callers int) {
	s := fresh(b)
	if err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range int64(1000) {
			if err := benchPut(tx, i); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	parallel(b, callers, func(i int64) error {
		return s.View(b.Context(), func(v store.View) error {
			_, err := v.Get(store.Key{Scope: benchScope, Kind: "vpc", ID: fmt.Sprintf("vpc-%017x", i%1000)})
			return err
		})
	})
}

func BenchmarkGet(b *testing.B)   { benchGet(b, 1) }
func BenchmarkGet16(b *testing.B) { benchGet(b, 16) }

func benchEvent(i int64) *trail.Event {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond)
	id := trail.ID(at, []byte(fmt.Sprintf("%010x", i)))
	return &trail.Event{ID: id, RequestID: id, Time: at, Service: "ec2", Name: "DescribeVpcs", ReadOnly: i%8 != 0, Recipient: benchScope.Account, Region: benchScope.Region,
		Caller:    trail.Caller{Type: "IAMUser", UserName: fmt.Sprintf("user-%d", i%50), AccessKey: fmt.Sprintf("AKIA%016d", i%50)},
		Resources: []string{"arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1"}}
}

func BenchmarkAppend(b *testing.B) {
	s := fresh(b)
	b.ResetTimer()
	for i := range b.N {
		if err := s.Append(b.Context(), benchEvent(int64(i))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

func BenchmarkAppend16(b *testing.B) {
	s := fresh(b)
	parallel(b, 16, func(i int64) error { return s.Append(b.Context(), benchEvent(i)) })
}

// One page of LookupEvents over a million events: what is common, what is rare, and what nobody has.
func BenchmarkLookup(b *testing.B) {
	s := fresh(b)
	const million = 1_000_000
	for i := int64(0); i < million; {
		if err := s.Update(b.Context(), func(tx store.Tx) error {
			for range 50_000 {
				e := benchEvent(i)
				if i%4 != 0 {
					e.Service, e.Name, e.Resources = "kms", "Decrypt", []string{"arn:aws:kms:eu-central-1:111122223333:key/k"}
				}
				if i == million/2 {
					e.Service, e.Name, e.Caller.UserName, e.Resources = "iam", "CreateUser", "rare", []string{"arn:aws:iam::111122223333:user/rare"}
				}
				if err := tx.Record(e); err != nil {
					return err
				}
				i++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	begin := benchEvent(0).Time
	for _, c := range []struct {
		name string
		q    store.TrailQuery
	}{
		{"all", store.TrailQuery{}}, {"writes", store.TrailQuery{ReadOnly: new(false)}}, {"name", store.TrailQuery{Name: "Decrypt"}},
		{"rare name", store.TrailQuery{Name: "CreateUser"}}, {"no name", store.TrailQuery{Name: "x"}}, {"user", store.TrailQuery{User: "user-7"}},
		{"rare user", store.TrailQuery{User: "rare"}}, {"key", store.TrailQuery{AccessKey: "AKIA0000000000000007"}}, {"service", store.TrailQuery{Service: "iam"}},
		{"resource", store.TrailQuery{Resource: "arn:aws:kms:eu-central-1:111122223333:key/k"}}, {"type", store.TrailQuery{Kind: "AWS::KMS::Key"}},
		{"span in the middle", store.TrailQuery{From: begin.Add(300 * time.Second), To: begin.Add(301 * time.Second)}},
		{"page in the middle", store.TrailQuery{Before: store.Moment{Time: begin.Add(500 * time.Second)}}}, {"all regions", store.TrailQuery{Region: ""}},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := c.q
			q.Account, q.Management, q.ByTime, q.Limit = benchScope.Account, true, true, 51
			if c.name != "all regions" {
				q.Region = benchScope.Region
			}
			for b.Loop() {
				if err := s.View(b.Context(), func(v store.View) error { _, err := v.Trail(q); return err }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
