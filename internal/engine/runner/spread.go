package runner

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// spread gives the job its other instances, as the first one asked: an interface for each, made as the role, and a pair of processes
// on it. Then the first one is told how it knows them.
func (w *walk) spread(ctx context.Context, first Running, others *crew, cell Cell, n int) (err error) {
	n = min(n, cell.Task.Share.Max)
	at := 0
	if err := w.edit(ctx, func(j *job.Job) {
		j.Instances = n
		at = len(j.Steps)
		j.Steps = append(j.Steps, job.Step{Name: "add-instances", Begun: w.World.Now()})
	}); err != nil {
		return err
	}
	defer func() {
		if eerr := w.edit(ctx, func(j *job.Job) {
			if err != nil {
				j.Steps[at].Err = err.Error()
			} else {
				j.Steps[at].Done = w.World.Now()
			}
		}); err == nil {
			err = eerr
		}
	}()
	subnets, err := w.places(ctx, n)
	if err != nil {
		return err
	}
	w.ports = []string{w.port}
	for i := 1; i < n; i++ {
		w.ports = append(w.ports, w.interfaceID(i))
	}
	if err := w.claim(ctx, w.ports...); err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		if err := w.make(ctx, i, subnets[i]); err != nil {
			return err
		}
		if err := w.attach(ctx, w.ports[i]); err != nil {
			return err
		}
	}
	octx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	for _, p := range w.ports[1:] {
		if err := w.Network.WaitOpen(octx, p); err != nil {
			return fmt.Errorf("cannot open %s: %w", p, err)
		}
	}
	groups, err := w.groups(ctx, n)
	if err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		c := cell
		c.Port, c.Task.Share, c.Task.Group, c.Task.Creds = w.ports[i], job.Share{}, &groups[i], w.creds
		if c.Task.Kind.Corpus { // the first one writes the model
			c.Keep, c.Task.Artifact = "", nil
		}
		run, err := w.Sandbox.Start(ctx, c)
		if err != nil {
			return err
		}
		others.add(ctx, i, run, w.Limits.Exit)
	}
	first.Tell(job.Word{Group: &groups[0]})
	return nil
}

// places chooses the subnets of all instances by what is free now.
func (w *walk) places(ctx context.Context, n int) ([]string, error) {
	res, err := call[ec2.DescribeSubnetsResult](ctx, w, "DescribeSubnets", &ec2.DescribeSubnetsRequest{SubnetIds: w.job.Network.Subnets})
	if err != nil {
		return nil, err
	}
	var all []space
	for _, s := range res.Subnets {
		x := space{subnet: *s.SubnetId, free: *s.AvailableIpAddressCount}
		if s.AvailabilityZone != nil {
			x.zone = *s.AvailabilityZone
		}
		if x.subnet == w.chosen {
			x.free++ // the first instance has its one
		}
		all = append(all, x)
	}
	out, ok := place(all, w.chosen, n)
	if !ok {
		return nil, fail("INSUFFICIENT_FREE_ADDRESSES", "The subnets %v do not have enough free private IP addresses for the %d instances of the job; a job needs %d in a subnet for each instance.",
			w.job.Network.Subnets, n, addressesPerInstance)
	}
	return out, nil
}

// space is what a subnet has room for.
type space struct {
	subnet, zone string
	free         int64 // addresses
}

// place gives every instance a subnet: the zone that has the fewest instances, and there the subnet with most room. The first instance
// has its own already.
func place(all []space, first string, n int) ([]string, bool) {
	used := map[string]int{} // by zone
	out := make([]string, 0, n)
	take := func(i int) {
		all[i].free -= addressesPerInstance
		used[all[i].zone]++
		out = append(out, all[i].subnet)
	}
	for i := range all {
		if all[i].subnet == first && all[i].free >= addressesPerInstance {
			take(i)
			break
		}
	}
	for len(out) > 0 && len(out) < n {
		best := -1
		for i, s := range all {
			if s.free < addressesPerInstance {
				continue
			}
			if best < 0 || used[s.zone] < used[all[best].zone] || used[s.zone] == used[all[best].zone] && s.zone == all[best].zone && s.free > all[best].free {
				best = i
			}
		}
		if best < 0 {
			return nil, false
		}
		take(best)
	}
	return out, len(out) == n
}

// groups makes the keys by which the instances know each other. They are nowhere but in this process and in the agents'.
func (w *walk) groups(ctx context.Context, n int) ([]job.Group, error) {
	at := make([]netip.Addr, n)
	if err := w.Store.View(ctx, func(v store.View) error {
		for i := range at {
			it, err := rows.Interfaces.Get(v, w.scope(), w.ports[i])
			if err == nil && len(it.Value.Addrs) == 0 {
				err = errors.New("it has no address")
			}
			if err != nil {
				return fmt.Errorf("cannot find %s: %w", w.ports[i], err)
			}
			at[i] = it.Value.Addrs[0]
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := make([]job.Group, n)
	for i := range out {
		out[i] = job.Group{Instance: i, Leader: netip.AddrPortFrom(at[0], job.GroupPort), Seed: w.World.Bytes(ed25519.SeedSize), Peers: map[int][]byte{}}
	}
	out[0].From = at[1:]
	public := func(i int) []byte {
		k, _ := ed25519.NewKeyFromSeed(out[i].Seed).Public().(ed25519.PublicKey)
		return k
	}
	for i := 1; i < n; i++ {
		out[0].Peers[i], out[i].Peers[0] = public(i), public(0)
	}
	return out, nil
}

// crew is the other instances that run.
type crew struct {
	runs []Running
	all  sync.WaitGroup
	over chan struct{}
	ends chan gone
}

// gone is an instance that ended.
type gone struct {
	instance int
	report   job.Report // its last one
	err      error
}

func (c *crew) add(ctx context.Context, instance int, run Running, patience time.Duration) {
	if c.over == nil {
		c.over = make(chan struct{})
	}
	c.runs = append(c.runs, run)
	over := c.over
	c.all.Go(func() {
		g := gone{instance: instance}
		for r := range run.Reports() {
			g.report = r
		}
		g.err = await(ctx, run, patience)
		select {
		case c.ends <- g:
		case <-over:
		}
	})
}

func (c *crew) renew(creds job.Credentials) {
	for _, r := range c.runs {
		r.Renew(creds)
	}
}

// end waits for the instances to end by themselves, as they do when the first one did, and ends them then. It may be called again.
func (c *crew) end(patience time.Duration) {
	if c.over == nil {
		return
	}
	close(c.over)
	c.over = nil
	kill := func() {
		for _, r := range c.runs {
			r.Kill()
		}
	}
	if patience == 0 {
		kill()
	} else {
		defer time.AfterFunc(patience, kill).Stop()
	}
	c.all.Wait()
}

// without says whether the job can go on when an instance has ended. It cannot when that never reached the first one: then the walls
// between them would show in no other way.
func (w *walk) without(g gone) *job.Failure {
	f := g.report.Err
	switch {
	case f != nil && f.Stage == "join":
		f.Instance = g.instance
		return f
	case f == nil && g.report.Final: // there was nothing left to do
		return nil
	}
	w.log.Warn("an instance of a job ended early", "instance", g.instance, "error", g.err, "report", f)
	text := fmt.Sprintf("instance %d of the job ended early; the others did its work", g.instance)
	if job.Kinds()[w.job.Kind].Corpus { // the first one fails the job
		text = fmt.Sprintf("instance %d of the job ended early; what it learnt from its share cannot be made up for", g.instance)
	}
	w.notes = append(w.notes, job.Reason{Layer: "instance", Rule: w.ports[g.instance], Text: text})
	return nil
}
