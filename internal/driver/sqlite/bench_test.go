package sqlite

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

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
	return &trail.Event{ID: fmt.Sprintf("%032x", i), RequestID: fmt.Sprintf("%032x", i), Service: "ec2", Name: "DescribeVpcs", Recipient: benchScope.Account,
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
