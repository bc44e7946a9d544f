package runner

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func TestWalk(t *testing.T) {
	s := set(t)
	s.submit(nil)
	j := s.run(over)
	if j.State != job.Completed || j.Documents != 3 || j.Ended.IsZero() || len(j.Steps) != 5 || s.interfaces() != 0 {
		t.Fatalf("%+v, %d interfaces", j, s.interfaces())
	}
	for _, op := range nine {
		if !slices.Contains(s.cloud.asked, op) {
			t.Errorf("ec2:%s was not asked", op)
		}
	}
	c := s.box.tasks[0]
	if c.Port != vpc.InterfaceFor(scope.Account, scope.Region, "comprehend-j1") || c.Network != "vpc-1" || !slices.Equal(c.Servers, []netip.Addr{netip.MustParseAddr("10.0.0.2")}) || c.Task.Creds.Token != "t" {
		t.Errorf("the cell was told %+v", c)
	}
}

func TestEachMissingPermissionFailsByName(t *testing.T) {
	for _, op := range nine {
		s := set(t)
		s.cloud.refuse[op] = true
		s.submit(nil)
		j := s.run(over)
		if j.State != job.Failed || !strings.HasPrefix(j.Message, "VPC_ACCESS_DENIED: ") || !strings.Contains(j.Message, "ec2:"+op+".") {
			t.Errorf("%s: %s %q", op, j.State, j.Message)
		}
		if last := j.Steps[len(j.Steps)-1]; !slices.Contains(last.RequestIDs, "req-"+op) {
			t.Errorf("%s: the refused request is not noted: %v", op, last.RequestIDs)
		}
		if n := s.interfaces(); n != 0 || len(s.box.tasks) != 0 {
			t.Errorf("%s: %d interfaces left, %d cells started", op, n, len(s.box.tasks))
		}
	}
}

func TestNetworksThatCannotCarryAJob(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stage)
		job    func(*job.Job)
		code   string
	}{
		"unknown subnet":          {nil, func(j *job.Job) { j.Network.Subnets = []string{"subnet-9"} }, "INVALID_VPC_CONFIG"},
		"subnets of two VPCs":     {nil, func(j *job.Job) { j.Network.Subnets = []string{"subnet-1", "subnet-2"} }, "INVALID_VPC_CONFIG"},
		"a group of another VPC":  {nil, func(j *job.Job) { j.Network.Groups = []string{"sg-2"} }, "INVALID_VPC_CONFIG"},
		"one free address":        {func(s *stage) { s.cloud.free = 1 }, nil, "INSUFFICIENT_FREE_ADDRESSES"},
		"dedicated tenancy":       {func(s *stage) { s.cloud.tenant = "dedicated" }, nil, "INVALID_VPC_CONFIG"},
		"role not assumable":      {func(s *stage) { s.cloud.refuse["AssumeRole"] = true }, nil, "INVALID_DATA_ACCESS_ROLE"},
		"no limits, but required": {func(s *stage) { s.cfg.Refuse = "This host cannot." }, nil, "HOST_CANNOT_ENFORCE"},
		"interrupted too often":   {nil, func(j *job.Job) { j.Attempt, j.State = maxAttempts, job.InProgress }, "INTERNAL_ERROR"},
		"the agent failed": {func(s *stage) {
			s.box.report.Err = &job.Failure{Code: "NO_READ_ACCESS_TO_INPUT", Message: "m", Cause: "denied", RequestID: "req-s3"}
		}, nil, "NO_READ_ACCESS_TO_INPUT"},
		"the agent vanished": {func(s *stage) { s.box.report.Final = false }, nil, "INTERNAL_ERROR"},
	} {
		s := set(t)
		if c.change != nil {
			c.change(s)
		}
		s.submit(c.job)
		if j := s.run(over); j.State != job.Failed || !strings.HasPrefix(j.Message, c.code+": ") || s.interfaces() != 0 {
			t.Errorf("%s: %s %q, %d interfaces", name, j.State, j.Message, s.interfaces())
		}
	}
}

func TestServiceNetwork(t *testing.T) {
	s := set(t)
	s.submit(func(j *job.Job) { j.Network = nil })
	if j := s.run(over); j.State != job.Completed || len(s.cloud.asked) != 1 {
		t.Fatalf("%s, asked %v", j.State, s.cloud.asked)
	}
	if !slices.Contains(s.wires.opened, "job-j1") || !slices.Contains(s.wires.closed, "job-j1") {
		t.Errorf("segments opened %v, closed %v", s.wires.opened, s.wires.closed)
	}
}

func TestStop(t *testing.T) {
	s := set(t)
	s.box.hold = make(chan struct{})
	s.submit(nil)
	j := s.run(s.stopThen(over))
	if j.State != job.Stopped || s.interfaces() != 0 {
		t.Errorf("%s, %d interfaces", j.State, s.interfaces())
	}
}

// stopThen asks for a stop once the processes run.
func (s *stage) stopThen(f func(job.Job) bool) func(job.Job) bool {
	asked := false
	return func(j job.Job) bool {
		s.box.mu.Lock()
		begun := len(s.box.tasks) > 0
		s.box.mu.Unlock()
		if begun && !asked {
			asked = true
			s.update(func(tx store.Tx) error {
				it, err := rows.Jobs.Get(tx, scope, "j1")
				if err != nil {
					return err
				}
				it.Value.State, it.Value.StopAsked = job.StopRequested, true
				return rows.Jobs.Save(tx, &it)
			})
		}
		return f(j)
	}
}

// Processes that do not do what they should end all the same, and hold neither a slot nor the daemon's end.
func TestBounds(t *testing.T) {
	const never, soon = time.Hour, 50 * time.Millisecond
	for name, c := range map[string]struct {
		box    func(*box)
		limits Limits
		stop   bool
		state  job.State
		says   string
	}{
		"never ends":             {func(b *box) { b.hold, b.deaf, b.stays = make(chan struct{}), true, true }, Limits{Run: soon, Stop: never, Exit: never}, false, job.Failed, "did not end within"},
		"deaf to a stop":         {func(b *box) { b.hold, b.deaf, b.stays = make(chan struct{}), true, true }, Limits{Run: never, Stop: soon, Exit: never}, true, job.Stopped, ""},
		"closes its reports":     {func(b *box) { b.mute, b.stays = true, true }, Limits{Run: never, Stop: never, Exit: soon}, false, job.Failed, "INTERNAL_ERROR"},
		"stays after its report": {func(b *box) { b.stays = true }, Limits{Run: never, Stop: never, Exit: soon}, false, job.Completed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t)
			c.box(s.box)
			s.cfg.Limits = c.limits
			s.submit(nil)
			done := over
			if c.stop {
				done = s.stopThen(over)
			}
			j := s.run(done)
			s.box.mu.Lock()
			defer s.box.mu.Unlock()
			if j.State != c.state || !strings.Contains(j.Message, c.says) || !s.box.killed {
				t.Errorf("%s %q, killed: %v", j.State, j.Message, s.box.killed)
			}
		})
	}
	t.Run("the daemon ends", func(t *testing.T) {
		s := set(t)
		s.box.mute, s.box.stays = true, true
		s.cfg.Limits = Limits{Run: never, Stop: never, Exit: never}
		s.submit(nil)
		s.run(func(job.Job) bool { // run returns when the runner has
			s.box.mu.Lock()
			defer s.box.mu.Unlock()
			return len(s.box.tasks) > 0
		})
		if j := s.job(); j.State.Ended() {
			t.Errorf("an interrupted job is %s", j.State)
		}
	})
}

// When the fabric ends under a job, the daemon follows: the next one takes the job up, it has not failed.
func TestFabricEnds(t *testing.T) {
	s := set(t)
	s.box.mute, s.box.err = true, fmt.Errorf("the agent: %w", ErrGone)
	s.submit(nil)
	looks := 0
	s.run(func(j job.Job) bool {
		if n := len(j.Steps); n == 0 || j.Steps[n-1].Err == "" {
			return j.State.Ended()
		}
		// Writers take turns: a runner that goes on gets many before this ends.
		s.update(func(tx store.Tx) error {
			it, err := rows.Jobs.Get(tx, scope, "j1")
			if err != nil {
				return err
			}
			return rows.Jobs.Save(tx, &it)
		})
		looks++
		return j.State.Ended() || looks > 50
	})
	if j := s.job(); j.State.Ended() || len(j.Interfaces) == 0 {
		t.Errorf("the job is %s with %v", j.State, j.Interfaces)
	}
}

// A daemon that ends in the middle leaves the job as it is; the next one takes away what was made and begins anew.
func TestResume(t *testing.T) {
	s := set(t)
	s.box.hold = make(chan struct{})
	s.submit(nil)
	j := s.run(func(job.Job) bool { s.box.mu.Lock(); defer s.box.mu.Unlock(); return len(s.box.tasks) > 0 })
	if j.State != job.InProgress || s.interfaces() != 1 || !s.box.killed {
		t.Fatalf("after the first daemon: %s, %d interfaces, killed %v", j.State, s.interfaces(), s.box.killed)
	}
	close(s.box.hold)
	j = s.run(over)
	if j.State != job.Completed || j.Attempt != 2 || len(s.box.tasks) != 2 || s.interfaces() != 0 {
		t.Errorf("after the second: %s, attempt %d, %d cells, %d interfaces", j.State, j.Attempt, len(s.box.tasks), s.interfaces())
	}
}

// A role that lost its rights while the job ran cannot keep the interface from going.
func TestInterfaceGoesWithoutTheRole(t *testing.T) {
	s := set(t)
	s.box.hold = make(chan struct{})
	s.submit(nil)
	once := false
	s.run(func(j job.Job) bool {
		s.box.mu.Lock()
		begun := len(s.box.tasks) > 0
		s.box.mu.Unlock()
		if begun && !once {
			once = true
			s.cloud.mu.Lock()
			s.cloud.refuse["DeleteNetworkInterface"] = true
			s.cloud.mu.Unlock()
			close(s.box.hold)
		}
		return over(j)
	})
	if s.interfaces() != 0 {
		t.Fatal("the interface stayed")
	}
	if err := s.store.View(t.Context(), func(v store.View) error {
		sub, err := rows.Subnets.Get(v, scope, "subnet-1")
		if err == nil && sub.Value.Held[netip.MustParseAddr("10.0.1.9")].IsZero() {
			t.Error("its address is not held back")
		}
		evs, terr := v.Trail(store.TrailQuery{Name: "DeleteNetworkInterface"})
		if len(evs) != 1 || evs[0].Caller.InvokedBy != "comprehend.amazonaws.com" {
			t.Errorf("its deletion is not recorded: %+v", evs)
		}
		return errors.Join(err, terr)
	}); err != nil {
		t.Fatal(err)
	}
}

// One account's jobs never hold every slot.
func TestAccountsShare(t *testing.T) {
	s := set(t)
	s.cfg.Parallel = 2
	s.box.hold = make(chan struct{})
	for _, id := range []string{"a", "b"} {
		s.update(func(tx store.Tx) error {
			return rows.Jobs.Create(tx, scope, id, &job.Job{ID: id, ARN: "arn:" + id, Kind: "k", Partition: "aws", Account: scope.Account, Region: scope.Region, RoleARN: "r", State: job.Submitted})
		})
	}
	s.submit(func(j *job.Job) { j.Account, j.Network = "999999999999", nil })
	begun := func() (n int, other bool) {
		s.box.mu.Lock()
		defer s.box.mu.Unlock()
		for _, c := range s.box.tasks {
			other = other || c.Task.Account == "999999999999"
		}
		return len(s.box.tasks), other
	}
	s.run(func(job.Job) bool { n, other := begun(); return n == 2 && other })
	if n, _ := begun(); n != 2 {
		t.Errorf("%d jobs run in 2 slots", n)
	}
}

// A job outlives its first session: the role is assumed again while it runs.
func TestRenewsTheSession(t *testing.T) {
	s := set(t)
	s.cfg.Limits.Renew = 20 * time.Millisecond
	s.box.hold = make(chan struct{})
	s.submit(nil)
	if j := s.run(over); j.State != job.Completed {
		t.Fatalf("%s %s", j.State, j.Message)
	}
	n := 0
	for _, op := range s.cloud.asked {
		if op == "AssumeRole" {
			n++
		}
	}
	if s.box.renewed < 2 || n < 3 {
		t.Errorf("renewed %d times, assumed %d times", s.box.renewed, n)
	}
}
