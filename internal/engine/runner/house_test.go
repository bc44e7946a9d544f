package runner

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

var scope = store.Scope{Partition: "aws", Account: "111122223333", Region: "us-east-1"}

// cloud answers the calls of a job over the real tables, and refuses those that it is told to.
type cloud struct {
	t      *testing.T
	store  store.Store
	mu     sync.Mutex
	refuse map[string]bool
	asked  []string
	free   int64
	vpcOf  map[string]string // group -> VPC, subnet -> VPC
	zones  map[string]string // subnet -> zone
	tenant string
	vault  *vault   // KMS
	made   []string // subnet and description of the interfaces that were made
	most   int      // interfaces that may be made; 0: any number
}

func p[T any](v T) *T { return &v }

func (c *cloud) Invoke(ctx context.Context, as api.As, service, op string, in any) (any, string, error) {
	c.mu.Lock()
	c.asked = append(c.asked, op)
	no := c.refuse[op]
	c.mu.Unlock()
	if as.SourceARN == "" || op != "AssumeRole" && service != "kms" && as.AccessKey == "" {
		c.t.Errorf("%s is asked without saying for whom: %+v", op, as)
	}
	if no {
		return nil, "req-" + op, fault.Of(fault.AccessDenied, "no")
	}
	if service == "kms" {
		c.mu.Lock()
		defer c.mu.Unlock()
		out, err := c.vault.answer(as, in)
		return out, "req-" + op, err
	}
	switch x := in.(type) {
	case *sts.AssumeRoleRequest:
		return &sts.AssumeRoleResponse{Credentials: &sts.Credentials{AccessKeyId: p("ASIA1"), SecretAccessKey: p("s"), SessionToken: p("t")}}, "r", nil
	case *ec2.DescribeSubnetsRequest:
		out := &ec2.DescribeSubnetsResult{}
		for _, id := range x.SubnetIds {
			v, ok := c.vpcOf[id]
			if !ok {
				return nil, "r", fault.New("InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", id)
			}
			out.Subnets = append(out.Subnets, ec2.Subnet{SubnetId: p(id), VpcId: p(v), AvailableIpAddressCount: p(c.free), AvailabilityZone: p(c.zones[id])})
		}
		return out, "r", nil
	case *ec2.DescribeSecurityGroupsRequest:
		out := &ec2.DescribeSecurityGroupsResult{}
		for _, id := range x.GroupIds {
			out.SecurityGroups = append(out.SecurityGroups, ec2.SecurityGroup{GroupId: p(id), VpcId: p(c.vpcOf[id])})
		}
		return out, "r", nil
	case *ec2.DescribeVpcsRequest:
		return &ec2.DescribeVpcsResult{Vpcs: []ec2.Vpc{{VpcId: p(x.VpcIds[0]), InstanceTenancy: p(c.tenant), DhcpOptionsId: p("default")}}}, "r", nil
	case *ec2.DescribeDhcpOptionsRequest:
		return &ec2.DescribeDhcpOptionsResult{}, "r", nil
	case *ec2.CreateNetworkInterfaceRequest:
		id := vpc.InterfaceFor(as.Account, as.Region, *x.ClientToken)
		c.mu.Lock()
		at := byte(9 + len(c.made))
		c.made = append(c.made, *x.SubnetId+" "+*x.Description)
		full := c.most > 0 && len(c.made) > c.most
		c.mu.Unlock()
		if full {
			return nil, "req-full", fault.New("NetworkInterfaceLimitExceeded", "No more.")
		}
		err := c.store.Update(ctx, func(tx store.Tx) error {
			err := rows.Interfaces.Create(tx, scope, id, &vpc.Interface{ID: id, VPC: "vpc-1", Subnet: *x.SubnetId, Groups: x.Groups, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, at})},
				Permissions: []vpc.Permission{{ID: "eni-perm-1"}}})
			if errors.Is(err, store.ErrConflict) { // idempotent, as EC2 is
				return nil
			}
			return err
		})
		return &ec2.CreateNetworkInterfaceResult{NetworkInterface: &ec2.NetworkInterface{NetworkInterfaceId: p(id)}}, "r", err
	case *ec2.CreateNetworkInterfacePermissionRequest:
		return &ec2.CreateNetworkInterfacePermissionResult{InterfacePermission: &ec2.NetworkInterfacePermission{NetworkInterfacePermissionId: p("eni-perm-1")}}, "r", nil
	case *ec2.DescribeNetworkInterfacesRequest:
		return &ec2.DescribeNetworkInterfacesResult{}, "r", nil
	case *ec2.DeleteNetworkInterfacePermissionRequest:
		if x.DryRun != nil {
			return nil, "r", fault.Of(fault.DryRun, "")
		}
		return &ec2.DeleteNetworkInterfacePermissionResult{}, "r", nil
	case *ec2.DeleteNetworkInterfaceRequest:
		if x.DryRun != nil {
			return nil, "r", fault.Of(fault.DryRun, "")
		}
		return nil, "r", c.store.Update(ctx, func(tx store.Tx) error { return rows.Interfaces.Delete(tx, scope, *x.NetworkInterfaceId) })
	}
	c.t.Errorf("unexpected call %s.%s", service, op)
	return nil, "", errors.New("unexpected")
}

type wires struct {
	mu             sync.Mutex
	opened, closed []string
}

func (w *wires) WaitOpen(context.Context, string) error { return nil }
func (w *wires) OpenSegment(_ context.Context, id, _, _, _, _ string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened = append(w.opened, id)
	return nil
}
func (w *wires) CloseSegment(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = append(w.closed, id)
}
func (w *wires) Kick() {}

// box is a sandbox whose agent says what it is told, once it may.
type box struct {
	report  job.Report
	hold    chan struct{} // nil: report at once
	mu      sync.Mutex
	tasks   []Cell
	gone    []string // blobs that were discarded
	stop    chan struct{}
	killed  bool
	renewed int
	mute    bool  // the agent reports nothing, not even its end
	deaf    bool  // it does not hear a stop
	err     error // how the processes ended
	stays   bool  // it does not end when it has reported, or can't any more
}

func (b *box) Discard(_ context.Context, blob string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = append(b.gone, blob)
	return nil
}

func (b *box) Start(_ context.Context, c Cell) (Running, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, c)
	r := &process{b: b, out: make(chan job.Report, 1), dead: make(chan struct{})}
	b.stop = make(chan struct{})
	stop := b.stop
	go func() {
		defer close(r.out)
		if b.mute {
			return
		}
		rep := b.report
		if b.hold != nil {
			select {
			case <-b.hold:
			case <-stop:
				rep.Stopped = true
			case <-r.dead:
				return
			}
		}
		r.out <- rep
	}()
	return r, nil
}

type process struct {
	b    *box
	out  chan job.Report
	dead chan struct{}
	once sync.Once
	kill sync.Once
}

func (p *process) Reports() <-chan job.Report { return p.out }
func (p *process) Stop() {
	if !p.b.deaf {
		p.once.Do(func() { close(p.b.stop) })
	}
}
func (p *process) Tell(job.Word) {}
func (p *process) Renew(c job.Credentials) {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	if p.b.renewed++; p.b.renewed == 2 {
		close(p.b.hold)
	}
}
func (p *process) Kill() {
	p.b.mu.Lock()
	p.b.killed = true
	p.b.mu.Unlock()
	p.kill.Do(func() { close(p.dead) })
}
func (p *process) Wait() error {
	if p.b.stays {
		<-p.dead
	}
	return p.b.err
}

type stage struct {
	t     *testing.T
	store *sqlite.Store
	cloud *cloud
	wires *wires
	box   *box
	cfg   Config
}

func set(t *testing.T) *stage {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s := &stage{t: t, store: st, wires: &wires{}, box: &box{report: job.Report{Final: true, Documents: 3}},
		cloud: &cloud{t: t, store: st, refuse: map[string]bool{}, free: 9, tenant: "default",
			vpcOf: map[string]string{"subnet-1": "vpc-1", "subnet-2": "vpc-2", "sg-1": "vpc-1", "sg-2": "vpc-2"}}}
	s.cfg = Config{Store: st, World: world.Real{}, Calls: s.cloud, Network: s.wires, Sandbox: s.box, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	s.update(func(tx store.Tx) error {
		return errors.Join(rows.VPCs.Create(tx, scope, "vpc-1", &vpc.VPC{ID: "vpc-1", Account: scope.Account, Region: scope.Region, CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, DNSSupport: true}),
			rows.Subnets.Create(tx, scope, "subnet-1", &vpc.Subnet{ID: "subnet-1", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.1.0/24")}))
	})
	return s
}

func (s *stage) update(f func(store.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(s.t.Context(), f); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) submit(change func(*job.Job)) {
	s.t.Helper()
	j := &job.Job{ID: "j1", ARN: "arn:aws:comprehend:us-east-1:111122223333:dominant-language-detection-job/j1", Kind: "dominant-language-detection", Partition: "aws",
		Account: scope.Account, Region: scope.Region, Service: "comprehend.amazonaws.com", RoleARN: "arn:aws:iam::111122223333:role/R", State: job.Submitted,
		Network: &job.Network{Subnets: []string{"subnet-1"}, Groups: []string{"sg-1"}}}
	if change != nil {
		change(j)
	}
	s.update(func(tx store.Tx) error { return rows.Jobs.Create(tx, scope, j.ID, j) })
}

func (s *stage) job() job.Job {
	s.t.Helper()
	var out job.Job
	if err := s.store.View(s.t.Context(), func(v store.View) error {
		it, err := rows.Jobs.Get(v, scope, "j1")
		out = it.Value
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// run runs a runner until f holds of the job.
func (s *stage) run(f func(job.Job) bool) job.Job {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); New(s.cfg).Run(ctx) }()
	defer func() { cancel(); <-done }()
	watch := s.store.Watch(ctx, rows.Jobs.Kind)
	limit := time.After(20 * time.Second)
	for {
		if j := s.job(); f(j) {
			return j
		}
		select {
		case <-watch:
		case <-limit:
			s.t.Fatalf("the job is still %+v", s.job())
		}
	}
}

func over(j job.Job) bool { return j.State.Ended() && j.Cleaned }

func (s *stage) interfaces() int {
	s.t.Helper()
	n := 0
	if err := s.store.View(s.t.Context(), func(v store.View) error {
		l, err := rows.Interfaces.List(v, store.Query{AnyScope: true})
		n = len(l)
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// nine are the calls that the Comprehend guide's role policy allows.
var nine = []string{"CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission",
	"DescribeNetworkInterfaces", "DescribeVpcs", "DescribeDhcpOptions", "DescribeSubnets", "DescribeSecurityGroups"}
