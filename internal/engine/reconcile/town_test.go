package reconcile

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func TestMain(m *testing.M) {
	linux.ChildMain()
	os.Exit(m.Run())
}

// BenchmarkTown sets 100 VPCs of ten interfaces each in the real kernel, then changes one group and attaches one interface again and
// again, while the loop goes round as it does in a daemon.
func BenchmarkTown(b *testing.B) {
	const vpcs, enis = 100, 10
	f, err := linux.Start(linux.Config{})
	if err != nil {
		b.Skip("this host can't hold a fabric: ", err)
	}
	defer f.Close()
	l, _, c, scope := town(b, vpcs, enis)
	l = New(Config{Store: c, Fabric: f, Doors: l.Doors, World: l.World, Log: l.Log, Partition: "aws"})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	start := time.Now()
	go func() { defer close(done); l.Run(ctx) }()
	defer func() { cancel(); <-done }()
	wait := func(eni string) {
		wctx, stop := context.WithTimeout(ctx, 2*time.Minute)
		defer stop()
		if err := l.WaitOpen(wctx, eni); err != nil {
			b.Fatal(err)
		}
	}
	for n := range vpcs {
		wait(fmt.Sprintf("eni-vpc-%03d-0", n))
	}
	up := time.Since(start)
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(up.Seconds()*1000, "ms/all")
	})
	b.Run("attach", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			id, a := fmt.Sprintf("eni-new-%d-%d", b.N, n), netip.AddrFrom4([4]byte{10, 0, 1, byte(100 + n/vpcs)})
			v := fmt.Sprintf("vpc-%03d", n%vpcs)
			if err := c.Update(ctx, func(tx store.Tx) error {
				return rows.Interfaces.Create(tx, scope, id, &vpc.Interface{ID: id, VPC: v, Subnet: "subnet-" + v, Groups: []string{"sg-" + v}, Addrs: []netip.Addr{a}, MAC: vpc.MAC(a),
					Attachment: &vpc.Attachment{ID: "eni-attach-1"}})
			}); err != nil {
				b.Fatal(err)
			}
			wait(id)
		}
	})
	b.Run("group", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			touch(b, l, c, scope, n%vpcs, 1+n%60000)
			l.mu.Lock()
			ch := l.changed
			l.mu.Unlock()
			l.Kick()
			<-ch
		}
	})
}
