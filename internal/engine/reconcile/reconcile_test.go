package reconcile

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// kernel is a fabric that remembers what it was told.
type kernel struct {
	mu      sync.Mutex
	set     map[string]fabric.Desired
	removed []string
	fail    error
	times   int // that fail is told; 0: always
	sets    int
	failing string // the one network that fails for ever
	drift   string // told once
}

func (k *kernel) Set(_ context.Context, d fabric.Desired) (fabric.Status, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sets++
	if d.Network == k.failing {
		return fabric.Status{Network: d.Network, Err: "this one does not"}, nil
	}
	if err := k.fail; err != nil {
		if k.times--; k.times == 0 {
			k.fail = nil
		}
		return fabric.Status{}, err
	}
	k.set[d.Network] = d
	st := fabric.Status{Network: d.Network, Generation: d.Generation, Ports: map[string]string{}, Drift: k.drift}
	k.drift = ""
	for _, p := range d.Ports {
		st.Ports[p.ID] = ""
	}
	return st, nil
}

func (k *kernel) Remove(_ context.Context, n string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.set, n)
	k.removed = append(k.removed, n)
	return nil
}

// doorman remembers which doors are open, and can ask who sits where.
type doorman struct {
	mu   sync.Mutex
	open map[string]func(netip.Addr) *api.Origin
	cut  []string
}

type doorCloser func()

func (c doorCloser) Close() error { c(); return nil }

func (d *doorman) Open(_ context.Context, n string, l fabric.Listener, who func(netip.Addr) *api.Origin) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := n + "/" + l.Name
	d.open[key] = who
	return doorCloser(func() { d.mu.Lock(); defer d.mu.Unlock(); delete(d.open, key) }), nil
}

func (d *doorman) Cut(eni string) { d.mu.Lock(); defer d.mu.Unlock(); d.cut = append(d.cut, eni) }

type scene struct {
	t     *testing.T
	store *sqlite.Store
	k     *kernel
	d     *doorman
	loop  *Loop
	scope store.Scope
}

func begin(t *testing.T) *scene {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, store: st, k: &kernel{set: map[string]fabric.Desired{}}, d: &doorman{open: map[string]func(netip.Addr) *api.Origin{}},
		scope: store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}}
	s.update(func(tx store.Tx) error {
		v := vpc.VPC{ID: "vpc-1", Account: s.scope.Account, Region: s.scope.Region, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, DNSSupport: true}
		sn := vpc.Subnet{ID: "subnet-1", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.1.0/24")}
		g := vpc.Group{ID: "sg-1", VPC: "vpc-1", Name: "g"}
		return errors.Join(rows.VPCs.Create(tx, s.scope, v.ID, &v), rows.Subnets.Create(tx, s.scope, sn.ID, &sn), rows.Groups.Create(tx, s.scope, g.ID, &g))
	})
	s.loop = New(Config{Store: st, Fabric: s.k, Doors: s.d, World: world.Real{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Partition: "aws", Account: "999999999999", Region: "us-east-1"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.loop.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; st.Close() })
	return s
}

func (s *scene) update(f func(store.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(s.t.Context(), f); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) attach(id, addr string) {
	s.t.Helper()
	s.update(func(tx store.Tx) error {
		a := netip.MustParseAddr(addr)
		return rows.Interfaces.Create(tx, s.scope, id, &vpc.Interface{ID: id, VPC: "vpc-1", Subnet: "subnet-1", Groups: []string{"sg-1"}, Addrs: []netip.Addr{a},
			MAC: vpc.MAC(a), Attachment: &vpc.Attachment{ID: "eni-attach-1"}})
	})
}

func (s *scene) opens(id string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	return s.loop.WaitOpen(ctx, id)
}

func TestOpensAndCloses(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	s.d.mu.Lock()
	who := s.d.open["vpc-1/s3-https"]
	s.d.mu.Unlock()
	if who == nil {
		t.Fatal("no door for S3")
	}
	o := who(netip.MustParseAddr("10.0.1.10"))
	if o == nil || o.Door != api.InVPC || o.VPC != "vpc-1" || o.Interface != "eni-1" || o.Subnet != "subnet-1" || o.Region != "eu-west-1" || o.Account != s.scope.Account {
		t.Fatalf("origin %+v", o)
	}
	if who(netip.MustParseAddr("10.0.1.11")) != nil {
		t.Error("an address that nobody sits on has an origin")
	}
	s.update(func(tx store.Tx) error { return rows.Interfaces.Delete(tx, s.scope, "eni-1") })
	s.until("the network is removed and its connections are cut", func() bool {
		s.k.mu.Lock()
		defer s.k.mu.Unlock()
		s.d.mu.Lock()
		defer s.d.mu.Unlock()
		return slices.Contains(s.k.removed, "vpc-1") && slices.Contains(s.d.cut, "eni-1") && len(s.d.open) == 0
	})
	if who(netip.MustParseAddr("10.0.1.10")) != nil {
		t.Error("a deleted interface still has an origin")
	}
}

// until waits for passes of the loop, each of which tells its end.
func (s *scene) until(what string, f func() bool) {
	s.t.Helper()
	limit := time.After(10 * time.Second)
	for !f() {
		s.loop.mu.Lock()
		ch := s.loop.changed
		s.loop.mu.Unlock()
		s.loop.Kick()
		select {
		case <-ch:
		case <-limit:
			s.t.Fatalf("never: %s", what)
		}
	}
}

func TestClosedUntilTheKernelAgrees(t *testing.T) {
	s := begin(t)
	s.k.mu.Lock()
	s.k.fail = errors.New("no buffer space")
	s.k.mu.Unlock()
	s.attach("eni-1", "10.0.1.10")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.loop.WaitOpen(ctx, "eni-1"); err == nil || !strings.Contains(err.Error(), "no buffer space") {
		t.Fatalf("open although the kernel refused: %v", err)
	}
	s.d.mu.Lock()
	n := len(s.d.open)
	s.d.mu.Unlock()
	if n != 0 {
		t.Errorf("%d doors are open in a network that does not hold", n)
	}
	s.k.mu.Lock()
	s.k.fail = nil
	s.k.mu.Unlock()
	if err := s.opens("eni-1"); err != nil {
		t.Errorf("not mended: %v", err)
	}
}

// What fails is tried again soon, though nothing changes and nobody asks: a job waits for it for less than a resync.
func TestTriesAgain(t *testing.T) {
	s := begin(t)
	s.k.mu.Lock()
	s.k.fail, s.k.times = errors.New("no buffer space"), 4 // more than a change and a question make
	s.k.mu.Unlock()
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Error(err)
	}
}

func TestQuietWhenNothingChanges(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	s.k.mu.Lock()
	before := s.k.sets
	s.k.mu.Unlock()
	passes := 0
	s.until("three more passes", func() bool { passes++; return passes > 3 })
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if s.k.sets != before {
		t.Errorf("%d sets without a change", s.k.sets-before)
	}
}

func TestSegments(t *testing.T) {
	s := begin(t)
	for _, id := range []string{"job-1", "job-2"} { // equal addresses, networks of their own
		if err := s.loop.OpenSegment(t.Context(), id, id, "aws", s.scope.Account, "eu-west-1"); err != nil {
			t.Fatal(err)
		}
	}
	s.d.mu.Lock()
	o := s.d.open["job-2/s3-http"](vpc.ServiceAddr)
	s.d.mu.Unlock()
	if o == nil || o.Door != api.Service || o.Interface != "job-2" || o.VPC != "" {
		t.Fatalf("origin %+v", o)
	}
	s.loop.CloseSegment("job-1")
	s.until("one segment is gone", func() bool { s.k.mu.Lock(); defer s.k.mu.Unlock(); return slices.Contains(s.k.removed, "job-1") })
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if _, ok := s.k.set["job-2"]; !ok {
		t.Error("the other segment is gone too")
	}
}

// A network that cannot be read keeps what it has, and the others go on.
func TestOneUnreadableNetwork(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	s.update(func(tx store.Tx) error { return rows.VPCs.Delete(tx, s.scope, "vpc-1") })
	if err := s.loop.OpenSegment(t.Context(), "job-1", "job-1", "aws", s.scope.Account, "eu-west-1"); err != nil {
		t.Fatalf("another network does not open: %v", err)
	}
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if _, ok := s.k.set["vpc-1"]; !ok {
		t.Error("the unreadable network was taken down")
	}
}

// TestOpenAnew: an interface that was taken away and made again under its id is open when the kernel has done both.
func TestOpenAnew(t *testing.T) {
	s := begin(t)
	s.attach("eni-1", "10.0.1.10")
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	s.k.mu.Lock() // nothing is set while this is held
	s.update(func(tx store.Tx) error { return rows.Interfaces.Delete(tx, s.scope, "eni-1") })
	s.attach("eni-1", "10.0.1.11")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.loop.WaitOpen(ctx, "eni-1")
	s.k.mu.Unlock()
	if err == nil {
		t.Fatal("open by what held before")
	}
	if err := s.opens("eni-1"); err != nil {
		t.Fatal(err)
	}
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if p := s.k.set["vpc-1"].Ports; len(p) != 1 || p[0].Addrs[0] != netip.MustParseAddr("10.0.1.11") {
		t.Errorf("the kernel has %+v", p)
	}
}
