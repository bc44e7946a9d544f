package runner

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// troop is a sandbox whose first instance asks for others.
type troop struct {
	asks  int
	other func(i int, m *member) // what another instance does until it ends

	mu      sync.Mutex
	cells   []Cell
	members []*member
	lost    []int
}

type member struct {
	out  chan job.Report
	told chan job.Word
	dead chan struct{}
	once sync.Once

	renewed chan struct{}
	fresh   sync.Once
}

func (m *member) Reports() <-chan job.Report { return m.out }
func (m *member) Tell(w job.Word)            { m.told <- w }
func (m *member) Stop()                      {}
func (m *member) Kill()                      { m.once.Do(func() { close(m.dead) }) }
func (m *member) Wait() error                { return nil }
func (m *member) Renew(job.Credentials)      { m.fresh.Do(func() { close(m.renewed) }) }

func (f *troop) Discard(context.Context, string) error { return nil }

func (f *troop) Start(_ context.Context, c Cell) (Running, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &member{out: make(chan job.Report, 4), told: make(chan job.Word, 16), dead: make(chan struct{}), renewed: make(chan struct{})}
	f.cells, f.members = append(f.cells, c), append(f.members, m)
	go func() {
		defer close(m.out)
		if g := c.Task.Group; g != nil {
			f.other(g.Instance, m)
			return
		}
		f.first(m)
	}()
	return m, nil
}

// first asks twice, goes on when it was told of the group, and ends when the others did.
func (f *troop) first(m *member) {
	m.out <- job.Report{Instances: f.asks}
	m.out <- job.Report{Instances: f.asks + 1}
	var g *job.Group
	for {
		select {
		case w := <-m.told:
			f.mu.Lock()
			f.lost = append(f.lost, w.Lost...)
			n := len(f.lost)
			f.mu.Unlock()
			if w.Group != nil {
				g = w.Group
			}
			if g != nil && n == len(g.Peers) {
				m.out <- job.Report{Final: true, Documents: 7}
				return
			}
		case <-m.dead:
			return
		}
	}
}

func crowd(t *testing.T) (*stage, *troop) {
	s := set(t)
	f := &troop{asks: 3, other: func(_ int, m *member) { m.out <- job.Report{Final: true} }}
	s.cfg.Sandbox, s.cfg.Share = f, job.Share{Max: 4, Bytes: 1}
	s.cloud.vpcOf["subnet-3"], s.cloud.zones = "vpc-1", map[string]string{"subnet-1": "a", "subnet-3": "b"}
	s.update(func(tx store.Tx) error {
		return rows.Subnets.Create(tx, scope, "subnet-3", &vpc.Subnet{ID: "subnet-3", VPC: "vpc-1", CIDR: netip.MustParsePrefix("10.0.3.0/24")})
	})
	s.submit(func(j *job.Job) { j.Network.Subnets = []string{"subnet-1", "subnet-3"} })
	return s, f
}

func TestSpread(t *testing.T) {
	s, f := crowd(t)
	j := s.run(over)
	if j.State != job.Completed || j.Documents != 7 || j.Instances != 3 || s.interfaces() != 0 || len(j.Reasons) != 0 {
		t.Fatalf("%s %s, %d documents, %d instances, %d interfaces, %+v", j.State, j.Message, j.Documents, j.Instances, s.interfaces(), j.Reasons)
	}
	want := []string{"subnet-1 Amazon Comprehend job j1", "subnet-3 Amazon Comprehend job j1, instance 1", "subnet-1 Amazon Comprehend job j1, instance 2"}
	if !slices.Equal(s.cloud.made, want) {
		t.Errorf("made %q", s.cloud.made)
	}
	if n := len(j.Steps); j.Steps[n-1].Name != "add-instances" || j.Steps[n-1].Done.IsZero() || j.Steps[n-2].Name != "analyze" || j.Steps[n-2].Done.IsZero() {
		t.Errorf("%+v", j.Steps)
	}
	if len(f.cells) != 3 || f.cells[0].Task.Share.Max != 4 {
		t.Fatalf("%d cells", len(f.cells))
	}
	ports, first := map[string]bool{}, f.cells[1].Task.Group.Peers[0]
	for i, c := range f.cells {
		ports[c.Port] = true
		if i == 0 {
			continue
		}
		g := c.Task.Group
		if g.Instance != i || g.Leader != netip.MustParseAddrPort("10.0.1.9:7788") || len(g.Peers) != 1 || !bytes.Equal(g.Peers[0], first) || c.Task.Share.Max != 0 || c.Task.Creds.AccessKey == "" {
			t.Errorf("instance %d was told %+v", i, g)
		}
		if bytes.Equal(g.Seed, f.cells[1].Task.Group.Seed) != (i == 1) || bytes.Equal(ed25519.NewKeyFromSeed(g.Seed).Public().(ed25519.PublicKey), first) {
			t.Errorf("instance %d has another one's key", i)
		}
	}
	if len(ports) != 3 {
		t.Errorf("ports %v", ports)
	}
	if f.lost != nil && len(f.lost) != 2 {
		t.Errorf("lost %v", f.lost)
	}
}

// Whom the first instance may ask for others, and for how many.
func TestShares(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*job.Job)
		share  job.Share
		want   int // of the task's share
	}{
		"an analysis":     {nil, job.Share{Max: 2, Bytes: 9}, 2},
		"without a VPC":   {func(j *job.Job) { j.Network = nil }, job.Share{Max: 2, Bytes: 9}, 0},
		"a corpus":        {func(j *job.Job) { j.Kind = "topics-detection" }, job.Share{Max: 2, Bytes: 9}, 0},
		"one, by command": {nil, job.Share{Max: 1, Bytes: 9}, 1},
	} {
		s := set(t)
		s.cfg.Share = c.share
		s.submit(c.change)
		if j := s.run(over); j.State != job.Completed || s.box.tasks[0].Task.Share.Max != c.want || j.Instances != 1 {
			t.Errorf("%s: %s %s, %+v", name, j.State, j.Message, s.box.tasks[0].Task.Share)
		}
	}
	s, f := crowd(t)
	f.asks = 1000
	if j := s.run(over); j.State != job.Completed || len(f.cells) != 4 {
		t.Errorf("%s %s, %d cells", j.State, j.Message, len(f.cells))
	}
}

// Instances that do not reach the first one fail the job, and the wall between them is named.
func TestApart(t *testing.T) {
	s, f := crowd(t)
	f.other = func(i int, m *member) {
		if i == 2 {
			m.out <- job.Report{Final: true, Err: &job.Failure{Code: "INVALID_VPC_CONFIG", Message: "Apart.", Stage: "join", Cause: "unreachable", Detail: "timeout"}}
			return
		}
		<-m.dead
	}
	j := s.run(over)
	if j.State != job.Failed || j.Message != "INVALID_VPC_CONFIG: Apart." || s.interfaces() != 0 {
		t.Fatalf("%s %s, %d interfaces", j.State, j.Message, s.interfaces())
	}
	text := fmt.Sprint(j.Reasons)
	for _, w := range []string{"security-group", "sg-1", "tcp 7788 from members of the same group", vpc.InterfaceFor(scope.Account, scope.Region, "comprehend-j1-2"), "AuthorizeSecurityGroupIngress sg-1"} {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in %s", w, text)
		}
	}
}

func TestInstanceLost(t *testing.T) {
	s, f := crowd(t)
	f.other = func(i int, m *member) {
		if i == 1 {
			m.out <- job.Report{Final: true}
		}
	}
	j := s.run(over)
	if j.State != job.Completed || s.interfaces() != 0 || !slices.Contains(f.lost, 2) {
		t.Errorf("%s %s, lost %v", j.State, j.Message, f.lost)
	}
	if text := fmt.Sprint(j.Reasons); !strings.Contains(text, "instance 2") || strings.Contains(text, "instance 1 ") {
		t.Error(text)
	}
}

// The others live on the role's session as well, and get a fresh one in time.
func TestSpreadRenews(t *testing.T) {
	s, f := crowd(t)
	s.cfg.Limits.Renew = 10 * time.Millisecond
	f.other = func(_ int, m *member) {
		select {
		case <-m.renewed:
			m.out <- job.Report{Final: true}
		case <-m.dead:
		}
	}
	if j := s.run(over); j.State != job.Completed {
		t.Errorf("%s %s", j.State, j.Message)
	}
}

func TestSpreadRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stage)
		says   string
	}{
		"no room":            {func(s *stage) { s.cloud.free = 2 }, "INSUFFICIENT_FREE_ADDRESSES: The subnets [subnet-1 subnet-3] do not have enough free private IP addresses for the 3 instances"},
		"no more interfaces": {func(s *stage) { s.cloud.most = 2 }, "INVALID_VPC_CONFIG: No more."},
	} {
		s, f := crowd(t)
		c.change(s)
		j := s.run(over)
		if j.State != job.Failed || !strings.HasPrefix(j.Message, c.says) || s.interfaces() != 0 || len(f.cells) != 1 {
			t.Errorf("%s: %s %q, %d interfaces, %d cells", name, j.State, j.Message, s.interfaces(), len(f.cells))
		}
		select {
		case <-f.members[0].dead:
		default:
			t.Errorf("%s: the first instance goes on", name)
		}
		if n := len(j.Steps); j.Steps[n-1].Name != "add-instances" || j.Steps[n-1].Err == "" {
			t.Errorf("%s: %+v", name, j.Steps)
		}
	}
}

// A daemon that ends in the middle leaves no instance behind.
func TestSpreadResumes(t *testing.T) {
	s, f := crowd(t)
	f.other = func(_ int, m *member) { <-m.dead }
	s.run(func(job.Job) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.cells) == 3
	})
	if j := s.job(); j.State.Ended() || len(j.Interfaces) != 3 || s.interfaces() != 3 {
		t.Fatalf("%s, %v, %d interfaces", j.State, j.Interfaces, s.interfaces())
	}
	for i, m := range f.members {
		select {
		case <-m.dead:
		default:
			t.Errorf("instance %d outlives the daemon", i)
		}
	}
	f.mu.Lock()
	f.other = func(_ int, m *member) { m.out <- job.Report{Final: true} }
	f.lost = nil
	f.mu.Unlock()
	if j := s.run(over); j.State != job.Completed || j.Attempt != 2 || s.interfaces() != 0 || len(f.cells) != 6 {
		t.Errorf("%s %s, attempt %d, %d interfaces, %d cells", j.State, j.Message, j.Attempt, s.interfaces(), len(f.cells))
	}
}

func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		all  []space
		n    int
		want string
	}{
		"one subnet":              {[]space{{"s1", "a", 9}}, 3, "s1 s1 s1"},
		"too little":              {[]space{{"s1", "a", 5}}, 3, ""},
		"just enough":             {[]space{{"s1", "a", 6}}, 3, "s1 s1 s1"},
		"zones in turn":           {[]space{{"s1", "a", 99}, {"s2", "b", 9}, {"s3", "c", 9}}, 5, "s1 s2 s3 s1 s2"},
		"two subnets of one zone": {[]space{{"s1", "a", 9}, {"s2", "a", 90}, {"s3", "b", 9}}, 4, "s1 s3 s2 s3"},
		"a zone that fills up":    {[]space{{"s1", "a", 9}, {"s2", "b", 2}}, 4, "s1 s2 s1 s1"},
		"odd addresses are none":  {[]space{{"s1", "a", 3}, {"s2", "b", 3}}, 3, ""},
	} {
		got, ok := place(c.all, "s1", c.n)
		if s := strings.Join(got, " "); s != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, s, ok, c.want)
		}
	}
}
