package reconcile

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// counting is a ledger that counts the rows that are read.
type counting struct {
	*sqlite.Store
	rows atomic.Int64
}

func (c *counting) View(ctx context.Context, f func(store.View) error) error {
	return c.Store.View(ctx, func(v store.View) error { return f(countingView{v, c}) })
}

type countingView struct {
	store.View
	c *counting
}

func (v countingView) List(q store.Query) ([]store.Row, error) {
	out, err := v.View.List(q)
	v.c.rows.Add(int64(len(out)))
	return out, err
}

// town is a ledger of many VPCs and a loop that nothing but the test drives.
func town(t testing.TB, vpcs, enis int) (*Loop, *kernel, *counting, store.Scope) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	scope := store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	err = st.Update(t.Context(), func(tx store.Tx) error {
		for n := range vpcs {
			id := fmt.Sprintf("vpc-%03d", n)
			v := vpc.VPC{ID: id, Account: scope.Account, Region: scope.Region, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, DNSSupport: true}
			sn := vpc.Subnet{ID: "subnet-" + id, VPC: id, CIDR: netip.MustParsePrefix("10.0.1.0/24")}
			g := vpc.Group{ID: "sg-" + id, VPC: id, Name: "g"}
			rt := vpc.RouteTable{ID: "rtb-" + id, VPC: id, Main: true, MainAssociation: "rtbassoc-" + id}
			for _, err := range []error{rows.VPCs.Create(tx, scope, id, &v), rows.Subnets.Create(tx, scope, sn.ID, &sn), rows.Groups.Create(tx, scope, g.ID, &g), rows.RouteTables.Create(tx, scope, rt.ID, &rt)} {
				if err != nil {
					return err
				}
			}
			for i := range enis {
				a := netip.AddrFrom4([4]byte{10, 0, 1, byte(10 + i)})
				e := vpc.Interface{ID: fmt.Sprintf("eni-%s-%d", id, i), VPC: id, Subnet: sn.ID, Groups: []string{g.ID}, Addrs: []netip.Addr{a}, MAC: vpc.MAC(a),
					Attachment: &vpc.Attachment{ID: "eni-attach-1"}}
				if err := rows.Interfaces.Create(tx, scope, e.ID, &e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, k := &counting{Store: st}, &kernel{set: map[string]fabric.Desired{}}
	l := New(Config{Store: c, Fabric: k, Doors: &doorman{open: map[string]func(netip.Addr) *api.Origin{}}, World: world.Real{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Partition: "aws"})
	if !l.pass(t.Context(), false) || len(k.set) != vpcs {
		t.Fatalf("%d networks are set, want %d", len(k.set), vpcs)
	}
	return l, k, c, scope
}

// touch changes the n-th VPC's group and says so as the ledger's watch does.
func touch(t testing.TB, l *Loop, c *counting, s store.Scope, n, port int) {
	t.Helper()
	err := c.Update(t.Context(), func(tx store.Tx) error {
		g, err := rows.Groups.Get(tx, s, fmt.Sprintf("sg-vpc-%03d", n))
		if err != nil {
			return err
		}
		g.Value.Rules = []vpc.Rule{{ID: "sgr-1", Proto: vpc.TCP, From: port, To: port, CIDR: netip.MustParsePrefix("10.0.0.0/8")}}
		return rows.Groups.Save(tx, &g)
	})
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.stale[rows.Groups.Kind] = true
	l.mu.Unlock()
}

// A change of one VPC is a reading and a setting of that one.
func TestOneChangeAmongMany(t *testing.T) {
	const vpcs, enis = 100, 10
	l, k, c, scope := town(t, vpcs, enis)
	c.rows.Store(0)
	sets := k.sets
	if !l.pass(t.Context(), false) || c.rows.Load() != 0 || k.sets != sets {
		t.Errorf("nothing changed: %d rows were read, %d networks set", c.rows.Load(), k.sets-sets)
	}
	touch(t, l, c, scope, 7, 5432)
	if !l.pass(t.Context(), false) || k.sets != sets+1 {
		t.Errorf("one group changed: %d networks were set", k.sets-sets)
	}
	if g := k.set["vpc-007"].Groups; len(g) != 1 || len(g[0].Ingress) != 1 || g[0].Ingress[0].From != 5432 {
		t.Errorf("the change did not arrive: %+v", g)
	}
	if n := c.rows.Load(); n > vpcs+4*enis {
		t.Errorf("one group changed: %d rows were read", n)
	}
	// Everything has its turn within a resync, a few at a time.
	sets, most := k.sets, 0
	for range int(resync / step) {
		was := k.sets
		l.pass(t.Context(), true)
		most = max(most, k.sets-was)
	}
	if k.sets-sets != vpcs || most > vpcs*int(step)/int(resync)+1 {
		t.Errorf("a round set %d networks, %d at most in one step", k.sets-sets, most)
	}
}

func BenchmarkPass(b *testing.B) {
	l, _, c, scope := town(b, 100, 10)
	b.Run("quiet", func(b *testing.B) {
		for b.Loop() {
			l.pass(b.Context(), false)
		}
	})
	b.Run("all read, nothing changed", func(b *testing.B) {
		for b.Loop() {
			l.soil()
			l.pass(b.Context(), false)
		}
	})
	for _, kind := range []string{rows.Groups.Kind, rows.Interfaces.Kind} {
		b.Run("one group changed, "+kind+" read", func(b *testing.B) {
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				touch(b, l, c, scope, n%100, 1+n%60000)
				l.mu.Lock()
				l.stale[kind] = true
				l.mu.Unlock()
				b.StartTimer()
				l.pass(b.Context(), false)
			}
		})
	}
}
