// Package daemon builds all rooms in their order and runs them. It is the only room that knows all others.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/config"
	"cloister/internal/core/fault"
	"cloister/internal/core/flow"
	"cloister/internal/core/job"
	"cloister/internal/core/keyring"
	"cloister/internal/core/trail"
	"cloister/internal/driver/authority"
	"cloister/internal/driver/bucket"
	"cloister/internal/driver/disk"
	"cloister/internal/driver/linux"
	"cloister/internal/driver/sqlite"
	"cloister/internal/engine/collect"
	"cloister/internal/engine/deliver"
	"cloister/internal/engine/reconcile"
	"cloister/internal/engine/retention"
	"cloister/internal/engine/runner"
	"cloister/internal/engine/serve"
	"cloister/internal/engine/tend"
	"cloister/internal/front/gate"
	"cloister/internal/front/wire"
	"cloister/internal/service/cloister"
	"cloister/internal/service/cloudtrail"
	"cloister/internal/service/ec2"
	"cloister/internal/service/iam"
	"cloister/internal/service/kms"
	"cloister/internal/service/logs"
	"cloister/internal/service/organization"
	"cloister/internal/service/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

// Partition is the only one there is.
const Partition = "aws"

// leaseLife is how long a daemon that stopped renewing keeps others from writing.
const leaseLife = 15 * time.Second

// Daemon is a running Cloister.
type Daemon struct {
	cfg   config.Config
	log   *slog.Logger
	world world.World

	place     *place
	fabric    *linux.Fabric
	store     *sqlite.Store
	lease     store.Lease
	iam       *iam.Service
	authority *authority.Authority
	stored    authority.Stored
	gate      *gate.Gate
	collector *collect.Collector
	deliverer *deliver.Deliverer
	objects   *s3.Service
	loop      *reconcile.Loop
	runner    *runner.Runner
	engines   engines
	endpoints *serve.Engine
	doors     *doors
	uplink    *uplink
	execs     *execs
	networks  *ec2.Service
	minds     map[string]*mind // images that analyse, by kind
	dropped   bool             // root started this process, which is nobody now
	blobs     blobs
	directory *disk.Disk     // one of these
	bucket    *bucket.Bucket // two is blobs
	bound     *objectStore

	http, tls net.Listener
	admin     net.Listener
	servers   []*http.Server
	sealer    keyring.Sealer // of everything in the ledger
	root      *root
	keys      *kms.Service
	keyLock   sync.Mutex
	rootKey   credentials
	closers   []func()
}

// Open builds a daemon; nothing is served until Run. Started by root, the process is an unprivileged user afterwards.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (_ *Daemon, err error) {
	d := &Daemon{cfg: cfg, log: log, world: world.Real{}} // no result has its name: a return of nil would take it from the closers
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	// The root key, credentials and the data directory first: they may need the starter's rights.
	if err = linux.NoCore(); err != nil {
		return nil, err
	}
	if d.root, err = openRoot(cfg, d.world.Bytes, !founded(cfg.Data)); err != nil {
		return nil, err
	}
	if err = d.prepareObjects(ctx); err != nil {
		return nil, err
	}
	if d.place, err = hold(cfg.Data); err != nil {
		return nil, err
	}
	d.later(d.place.release)
	if err = d.openImages(); err != nil {
		return nil, err
	}
	// Ports below 1024 may need them too.
	if d.http, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	d.later(func() { d.http.Close() })
	if d.tls, err = net.Listen("tcp", cfg.ListenTLS); err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	d.later(func() { d.tls.Close() })
	// The fabric before any thread, file or secret that it need not inherit; then the rights go.
	if err = d.raise(); err != nil {
		return nil, err
	}
	if d.store, err = sqlite.Open(ctx, d.place.path(ledgerName), d.world.Now); err != nil {
		return nil, err
	}
	d.later(func() { d.store.Close() })
	if d.lease, err = d.store.Acquire(ctx, "daemon", holder(), leaseLife); err != nil {
		return nil, fmt.Errorf("cannot take over the ledger: %w", err)
	}
	d.store.FenceWith(d.lease)
	// A wrong root key ends the start before anything changes.
	if err = d.unlock(ctx); err != nil {
		return nil, err
	}
	if err = d.openObjects(ctx); err != nil {
		return nil, err
	}
	d.iam = iam.New(iam.Config{Sealer: d.sealer, Partition: Partition, Limits: organization.Limits})
	if err = d.settle(ctx); err != nil {
		return nil, err
	}
	// Images last of what may be wrong: they may take long, and nothing asks them yet.
	if err = d.unpackImages(ctx); err != nil {
		return nil, err
	}
	if err = d.build(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Daemon) later(f func()) { d.closers = append(d.closers, f) }

// raise starts the fabric. Root gives it a range of ids without power on the host and becomes a user outside that range.
func (d *Daemon) raise() (err error) {
	if err := linux.Static(); err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	var c linux.Config
	if len(d.minds) > 0 {
		c.Roots, c.Shown = d.place.path(imagesName), d.place.dir
	}
	uid := -1
	if os.Geteuid() == 0 {
		r, err := linux.PickRange()
		if err != nil {
			return fmt.Errorf("cannot give up root: %w", err)
		}
		uid = r.Base // the daemon's own id is not among the fabric's
		c.Map = linux.Range{Base: r.Base + 1, Size: r.Size - 1}
		if err := d.place.giveTo(uid, uid); err != nil {
			return fmt.Errorf("cannot give up root: %w", err)
		}
	}
	if d.fabric, err = linux.Start(c); err != nil {
		return err
	}
	d.later(func() { d.fabric.Close() })
	if err := d.hide(); err != nil {
		return err
	}
	if uid >= 0 {
		if err := linux.Drop(uid, uid); err != nil {
			return err
		}
		d.dropped = true
		return d.place.reach(uid)
	}
	return nil
}

// holder names this host's boot: the directory's lock says that the last holder on it is gone, so its lease is taken over
// at once; a daemon on another host waits for the lease to end.
func holder() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return "boot/" + strings.TrimSpace(string(b))
}

// build makes everything that serves: services give rows, the gate walks them, the doors lead to the gate, the engines
// turn.
func (d *Daemon) build() error {
	ec2s := ec2.New(ec2.Config{})
	d.engines = newEngines(&sandbox{d})
	d.keys = kms.New(kms.Config{Sealer: d.sealer, Principals: d.iam, Dice: d.world})
	objects := s3.New(d.blobs, d.iam, d.sealer, d.keys)
	d.objects = objects
	lines := logs.New(logs.Config{Sealer: d.sealer, Invoke: func(ctx context.Context, as api.As, service, operation string, in any) (any, string, error) {
		return d.gate.Invoke(ctx, as, service, operation, in) // which is made of the rows
	}})
	trails := cloudtrail.New(cloudtrail.Config{Check: func(ctx context.Context, partition string, t *trail.Trail) error {
		return d.deliverer.Check(ctx, partition, t) // which asks the gate
	}})
	g, err := gate.New(gate.Config{
		Registry: wire.Open(), Store: d.store, World: d.world, Directory: d.iam, Path: ec2s.Path, Organization: new(organization.Places).Membership, Sharing: objects.Shared,
		Rows: rows(ec2s, d.iam, objects, d.keys, lines, trails, cloister.New(cloister.Config{Uplink: d.cfg.Uplink, Probe: d.probe}), d.engines), Log: d.log, Partition: Partition, Region: d.cfg.Region, Account: d.cfg.Account, Dev: d.cfg.Dev,
	})
	if err != nil {
		return err
	}
	d.gate = g
	d.endpoints = serve.New(serve.Config{Store: d.store, World: d.world, Calls: g, Keys: d.keys, Blobs: d.blobs, Sealer: d.sealer, Analysers: analysers{&sandbox{d}, &room{free: endpointRoom(d.cfg.EndpointMemory)}}, Log: d.log})
	d.networks, d.execs = ec2s, newExecs(d)
	d.doors = newDoors(d)
	d.deliverer = deliver.New(deliver.Config{Store: d.store, World: d.world, Calls: g, Sealer: d.sealer, Log: d.log,
		Interval: d.cfg.TrailInterval, Digest: d.cfg.TrailDigest, Retention: d.cfg.TrailRetention})
	d.collector = collect.New(collect.Config{Store: d.store, World: d.world, Calls: g, Fabric: d.fabric, Open: d.tap, Log: d.log})
	d.uplink = newUplink(way{open: d.cfg.Uplink, allow: d.cfg.UplinkAllow, host: hostAddresses}, d.log, d.exposedAt)
	d.loop = reconcile.New(reconcile.Config{Store: d.store, Fabric: d.collector, Doors: d.doors, World: d.world, Log: d.log, Uplink: d.cfg.Uplink,
		Partition: Partition, Account: d.cfg.Account, Region: d.cfg.Region})
	rc := runner.Config{Store: d.store, World: d.world, Calls: g, Keys: d.keys, Network: d.loop, Sandbox: &sandbox{d}, Sealer: d.sealer, Log: d.log, CA: string(d.authority.PEM()),
		Analyser: func(s job.Setup) string {
			if m := d.mind(s); m != nil {
				return m.image.Digest
			}
			return ""
		},
		Share: job.Share{Max: d.cfg.Instances, Bytes: d.cfg.InstanceBytes}, Learn: job.Share{Max: d.cfg.Instances, Bytes: d.cfg.TrainingBytes}}
	if c := d.fabric.Capabilities(); c.Memory != "cgroup" || c.Pids != "cgroup" {
		rc.Notes = []job.Reason{{Layer: "limits", Text: "this host limits memory by " + c.Memory + " and processes by " + c.Pids + ": each process of the job alone, not the job as a whole",
			Change: "cgroup v2 with memory and pids delegated to the daemon; see `cloister doctor`"}}
		if d.cfg.RequireLimits {
			rc.Refuse = "The host cannot limit the job's memory and processes by cgroup, and the daemon was started with -require-limits."
		}
	}
	d.runner = runner.New(rc)
	return nil
}

// openLimit is how long a probe waits for the kernel to hold what the ledger says.
const openLimit = 10 * time.Second

// probe sends one packet from an interface that something is attached to, once the kernel holds what is drawn: what was attached this
// moment, or before a restart, may still be on its way there.
func (d *Daemon) probe(ctx context.Context, eni string, proto int, to netip.AddrPort, source uint16) (string, error) {
	wait, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	if err := d.loop.WaitOpen(wait, eni); err != nil {
		f := fault.Of(fault.Unavailable, "The network of %s is not open yet.", eni)
		f.Cause = err
		return "", f
	}
	return d.fabric.Try(ctx, linux.Attempt{Port: eni, Proto: proto, Dest: to, Source: source, Millis: 2000})
}

// tap reads a network of the fabric for the collector.
func (d *Daemon) tap(ctx context.Context, network string, sink func(flow.Event)) (collect.Tap, error) {
	t, err := d.fabric.Flows(ctx, network, 0, sink)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Addrs are the bound addresses of the two public listeners.
func (d *Daemon) Addrs() (http, tls string) { return d.http.Addr().String(), d.tls.Addr().String() }

// Run serves until ctx ends, the fabric dies or the lease is lost; ready is called once everything answers. It returns when
// every job's processes are gone.
func (d *Daemon) Run(ctx context.Context, ready func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	run := func(f func(context.Context)) {
		wg.Add(1)
		go func() { defer wg.Done(); f(ctx) }()
	}
	if err := d.collector.Begin(ctx); err != nil { // before anything stands
		return fmt.Errorf("cannot take up the flow logs: %w", err)
	}
	cctx, cstop := context.WithCancel(context.Background())
	defer cstop()
	collected := make(chan struct{})
	go func() { defer close(collected); d.collector.Run(cctx) }() // outlives the loop, so that nothing stands unread
	lctx, lstop := context.WithCancel(context.Background())
	defer lstop()
	loopDone := make(chan struct{})
	go func() { defer close(loopDone); d.loop.Run(lctx) }() // outlives the runner, which opens and closes networks
	run(d.runner.Run)
	run(d.deliverer.Run)
	run(d.engines.Run)
	run(d.endpoints.Run)
	run(d.execs.Run)
	run((&tend.Engine{Store: d.store, What: "keys", Keeper: aging{d.keys, d}, Log: d.log, Every: time.Minute}).Run)
	run(d.sweepBucket)
	run((&tend.Engine{Store: d.store, What: "lifecycle rules", Keeper: ruling{d.objects, d}, Log: d.log, Every: time.Hour, Watch: []string{"s3-lifecycle"}}).Run)
	run(retention.New(retention.Config{Store: d.store, World: d.world, Log: d.log}).Run)
	run(func(ctx context.Context) { d.keepLease(ctx, cancel) })
	if err := d.serve(cancel); err != nil {
		cancel(err)
	} else {
		ready()
	}
	select {
	case <-ctx.Done():
	case <-d.fabric.Done():
		// No wall stands any more: nothing may go on.
		cancel(errors.New("the fabric has ended"))
	}
	sctx, scancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer scancel()
	for _, s := range d.servers {
		_ = s.Shutdown(sctx)
	}
	wg.Wait()
	lstop()
	<-loopDone
	cstop()
	<-collected
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (d *Daemon) keepLease(ctx context.Context, stop context.CancelCauseFunc) {
	t := time.NewTicker(leaseLife / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if _, err := d.store.Acquire(ctx, "daemon", holder(), leaseLife); err != nil && ctx.Err() == nil {
				if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrFenced) {
					stop(fmt.Errorf("the ledger has another holder: %w", err))
					return
				}
				d.log.Error("cannot renew the lease", "error", err)
			}
		}
	}
}

// Close gives everything back, the last first.
func (d *Daemon) Close() {
	if d.store != nil && d.lease.Name != "" {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = d.store.Release(ctx, d.lease)
		cancel()
	}
	for _, f := range slices.Backward(d.closers) {
		f()
	}
	d.closers = nil
}

// credentials are an access key pair.
type credentials struct{ AccessKey, Secret string }

var _ api.Dice = world.Real{}
