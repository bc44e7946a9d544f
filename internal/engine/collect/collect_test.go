package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fabric"
	"cloister/internal/core/fault"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

const account = "111122223333"

var (
	scope = store.Scope{Partition: "aws", Account: account, Region: "us-east-1"}
	start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

// bench is a collector over a real ledger, on a kernel and beside a bucket that do as they are told.
type bench struct {
	world.Real
	t      *testing.T
	store  *sqlite.Store
	c      *Collector
	now    time.Time
	taps   map[string]*tap
	opened int
	deaf   error // of opening a reader
	puts   []put
	calls  []string
	fail   error  // of puts
	policy string // of the bucket
}

type put struct {
	key   string
	as    api.As
	lines []string
}

// tap is a network's reader.
type tap struct {
	b      *bench
	sink   func(flow.Event)
	live   []flow.Connection
	closed bool
	reads  int
}

func (t *tap) Read() ([]flow.Connection, error) {
	t.reads++
	if t.closed {
		return nil, errors.New("closed")
	}
	return slices.Clone(t.live), nil
}

func (t *tap) Close() error { t.closed = true; return nil }

func (b *bench) Now() time.Time { return b.now }

func (b *bench) Set(_ context.Context, d fabric.Desired) (fabric.Status, error) {
	return fabric.Status{Network: d.Network, Generation: d.Generation}, nil
}

// Remove does what the driver does: the last reading, then the sockets.
func (b *bench) Remove(_ context.Context, id string) error {
	if t := b.taps[id]; t != nil && !t.closed {
		t.closed = true
		t.sink(flow.Event{Final: append([]flow.Connection{}, t.live...)})
	}
	return nil
}

func (b *bench) Invoke(_ context.Context, as api.As, service, op string, in any) (any, string, error) {
	who := as.Service
	if as.AccessKey != "" {
		who = as.AccessKey
	}
	b.calls = append(b.calls, who+" "+service+":"+op)
	switch in := in.(type) {
	case *s3.PutObjectRequest:
		if b.fail != nil {
			return nil, "", b.fail
		}
		z, err := gzip.NewReader(in.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil || *in.ACL != "bucket-owner-full-control" || *in.Bucket != "logs" {
			b.t.Errorf("%v, %s, %s", err, *in.ACL, *in.Bucket)
		}
		b.puts = append(b.puts, put{*in.Key, as, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")})
	case *s3.GetBucketPolicyRequest:
		if b.policy == "" {
			return nil, "", fault.New("NoSuchBucketPolicy", "none").With(404)
		}
		return &s3.GetBucketPolicyOutput{Policy: &b.policy}, "", nil
	case *s3.PutBucketPolicyRequest:
		b.policy = *in.Policy
	}
	return nil, "", nil
}

func open(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: start, taps: map[string]*tap{}}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), func() time.Time { return b.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b.store = s
	b.update(func(tx store.Tx) error {
		return errors.Join(
			rows.Subnets.Create(tx, scope, "subnet-a", &vpc.Subnet{ID: "subnet-a", VPC: "vpc-1", ZoneID: "use1-az1"}),
			rows.Interfaces.Create(tx, scope, "eni-a", &vpc.Interface{ID: "eni-a", VPC: "vpc-1", Subnet: "subnet-a", Addrs: []netip.Addr{netip.MustParseAddr("10.0.1.5")}, Attachment: &vpc.Attachment{ID: "x"}}),
			rows.Interfaces.Create(tx, scope, "eni-b", &vpc.Interface{ID: "eni-b", VPC: "vpc-1", Subnet: "subnet-a", Addrs: []netip.Addr{netip.MustParseAddr("10.0.1.6")}}))
	})
	b.boot()
	return b
}

// boot starts a collector on the ledger, as a daemon does.
func (b *bench) boot() {
	b.t.Helper()
	b.taps = map[string]*tap{}
	b.c = New(Config{Store: b.store, World: b, Calls: b, Fabric: b, Log: slog.New(slog.DiscardHandler), Open: func(_ context.Context, n string, sink func(flow.Event)) (Tap, error) {
		if b.deaf != nil {
			return nil, b.deaf
		}
		b.opened++
		b.taps[n] = &tap{b: b, sink: sink}
		return b.taps[n], nil
	}})
	if err := b.c.Begin(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) update(f func(store.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(context.Background(), f); err != nil {
		b.t.Fatal(err)
	}
}

// log makes a flow log of the VPC.
func (b *bench) log(id string, interval int, creator string) {
	b.t.Helper()
	b.update(func(tx store.Tx) error {
		return rows.FlowLogs.Create(tx, scope, id, &vpc.FlowLog{ID: id, Account: account, Region: "us-east-1", Resource: "vpc-1", VPC: "vpc-1", Traffic: "ALL", Destination: "s3", Bucket: "logs",
			Format: "${interface-id} ${srcaddr} ${dstaddr} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${az-id}", Interval: interval, Creator: creator, Created: b.now})
	})
}

func (b *bench) state(id string) vpc.FlowState {
	b.t.Helper()
	var out vpc.FlowState
	err := b.store.View(b.t.Context(), func(v store.View) error {
		it, err := rows.FlowStates.Get(v, scope, id)
		out = it.Value
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// drawing has one port, or also another.
func drawing(ports ...string) fabric.Desired {
	d := fabric.Desired{Network: "vpc-1", Generation: 1, Subnets: []fabric.Subnet{{ID: "subnet-a", CIDR: netip.MustParsePrefix("10.0.1.0/24"), Router: netip.MustParseAddr("10.0.1.1")}}}
	for i, p := range ports {
		d.Ports = append(d.Ports, fabric.Port{ID: p, Alias: "e" + p, Subnet: "subnet-a", Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(5 + i)})}})
	}
	return d
}

func (b *bench) set(d fabric.Desired) {
	b.t.Helper()
	if _, err := b.c.Set(b.t.Context(), d); err != nil {
		b.t.Fatal(err)
	}
}

// at goes to a second and beats.
func (b *bench) at(sec int) {
	b.now = start.Add(time.Duration(sec) * time.Second)
	b.c.beat(b.t.Context(), b.now)
	b.c.deliver(b.t.Context())
}

// datagrams are a connection from eni-a to a host that never answers.
func datagrams(n uint64) flow.Connection {
	o := flow.Tuple{Src: netip.MustParseAddr("10.0.1.5"), Dst: netip.MustParseAddr("192.0.2.1"), SrcPort: 1, DstPort: 2, Proto: 17}
	return flow.Connection{ID: 1, Orig: o, Reply: flow.Tuple{Src: o.Dst, Dst: o.Src, SrcPort: 2, DstPort: 1, Proto: 17}, Count: [2]flow.Count{{Packets: n, Bytes: 30 * n}}, Start: start.Add(5 * time.Second)}
}

// lines are those of all files that were put, times as seconds since the start, headers left out.
func (b *bench) lines() (out []string) {
	for _, p := range b.puts {
		for _, l := range p.lines[1:] {
			f := strings.Fields(l)
			for _, i := range []int{5, 6} {
				var n int64
				_, _ = fmt.Sscan(f[i], &n)
				f[i] = fmt.Sprint(n - start.Unix())
			}
			out = append(out, strings.Join(f, " "))
		}
	}
	return out
}

func (b *bench) want(lines ...string) {
	b.t.Helper()
	if got := b.lines(); !slices.Equal(got, lines) {
		b.t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(lines, "\n     "))
	}
	b.puts = nil
}

// TestIntervals: a log of a minute delivers each minute, one of ten minutes every ten, both the same packets; what is quiet is
// NODATA. Files are put by log delivery for the log's account.
func TestIntervals(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.set(drawing("eni-a")) // finds the log by itself
	b.at(10)
	b.taps["vpc-1"].live = []flow.Connection{datagrams(3)}
	b.at(20)
	if len(b.puts) != 0 {
		t.Errorf("put before the interval was over: %+v", b.puts)
	}
	b.at(60)
	if len(b.puts) != 1 {
		t.Fatalf("%+v", b.puts)
	}
	p := b.puts[0]
	if p.lines[0] != "interface-id srcaddr dstaddr packets bytes start end action log-status az-id" || !strings.HasPrefix(p.key, "AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/11/01/111122223333_vpcflowlogs_us-east-1_fl-1_20261101T1200Z_") {
		t.Errorf("%+v", p)
	}
	if want := (api.As{Partition: "aws", Account: account, Region: "us-east-1", Service: "delivery.logs.amazonaws.com", SourceAccount: account, SourceARN: "arn:aws:logs:us-east-1:111122223333:*"}); p.as != want {
		t.Errorf("as %+v", p.as)
	}
	b.want("eni-a 10.0.1.5 192.0.2.1 3 90 10 20 ACCEPT OK use1-az1")
	if s := b.state("fl-1"); s.Status != "SUCCESS" || !s.Covered.Equal(b.now) || s.Clean {
		t.Errorf("%+v", s)
	}
	b.log("fl-2", 600, "")
	b.now = start.Add(65 * time.Second)
	b.c.load(t.Context())
	for sec := 70; sec < 600; sec += 10 {
		if sec == 130 {
			b.taps["vpc-1"].live = []flow.Connection{datagrams(5)}
		}
		if sec == 430 {
			b.taps["vpc-1"].live = []flow.Connection{datagrams(6)}
		}
		b.at(sec)
	}
	if n := len(b.puts); n != 8 {
		t.Errorf("%d files", n)
	}
	b.puts = nil
	b.at(600)
	b.want("eni-a - - - - 540 600 - NODATA use1-az1", "eni-a 10.0.1.5 192.0.2.1 3 90 120 430 ACCEPT OK use1-az1")
	if b.opened != 1 {
		t.Errorf("opened %d times", b.opened)
	}
}

// TestUnwatched: a network that no log asks for is not read; a log that is made or deleted begins and ends it.
func TestUnwatched(t *testing.T) {
	b := open(t)
	b.set(drawing("eni-a"))
	b.at(10)
	if b.opened != 0 {
		t.Error("read for nobody")
	}
	b.log("fl-1", 60, "")
	b.c.load(t.Context())
	if b.opened != 1 {
		t.Error("not read for a new log")
	}
	b.update(func(tx store.Tx) error { return rows.FlowLogs.Delete(tx, scope, "fl-1") })
	b.c.load(t.Context())
	if !b.taps["vpc-1"].closed {
		t.Error("still read")
	}
	b.at(60)
	b.want()
}

// TestLeaving: who leaves is read before, and the records of a network that is removed are kept.
func TestLeaving(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.set(drawing("eni-a", "eni-b"))
	b.taps["vpc-1"].live = []flow.Connection{datagrams(3)}
	b.now = start.Add(15 * time.Second)
	d := drawing("eni-a", "eni-b")
	d.Ports = d.Ports[1:]
	b.set(d) // eni-a leaves
	c := datagrams(4)
	b.taps["vpc-1"].live = nil
	b.taps["vpc-1"].sink(flow.Event{Ended: &c})
	b.now = start.Add(20 * time.Second)
	if err := b.c.Remove(t.Context(), "vpc-1"); err != nil {
		t.Fatal(err)
	}
	b.at(60)
	b.want("eni-b - - - - 0 60 - NODATA use1-az1", "eni-a 10.0.1.5 192.0.2.1 4 120 5 15 ACCEPT OK use1-az1")
}

// TestLoss: what the kernel dropped is skipped data of every interface, in its interval.
func TestLoss(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.set(drawing("eni-a"))
	b.taps["vpc-1"].sink(flow.Event{Lost: &flow.Loss{What: "refusals", Packets: 9}})
	b.at(60)
	b.at(120)
	b.want("eni-a - - - - 0 60 - SKIPDATA use1-az1", "eni-a - - - - 60 120 - NODATA use1-az1")
}

// TestDeaf: a network that could not be read is skipped data for as long.
func TestDeaf(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.deaf = errors.New("no")
	b.set(drawing("eni-a"))
	for sec := 10; sec <= 70; sec += 10 {
		b.at(sec)
	}
	b.deaf = nil
	for sec := 80; sec <= 180; sec += 10 {
		b.at(sec)
	}
	b.want("eni-a - - - - 0 60 - SKIPDATA use1-az1", "eni-a - - - - 60 120 - SKIPDATA use1-az1", "eni-a - - - - 120 180 - NODATA use1-az1")
}

// TestRefusedDelivery: a bucket that takes nothing makes the status FAILED; the files wait and arrive in their order.
func TestRefusedDelivery(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.set(drawing("eni-a"))
	b.fail = fault.Of(fault.AccessDenied, "no")
	b.at(60)
	b.at(120)
	if s := b.state("fl-1"); s.Status != "FAILED" || s.Message != "Access error" {
		t.Errorf("%+v", s)
	}
	b.fail = fault.Of(fault.Unavailable, "full")
	b.at(130)
	if s := b.state("fl-1"); s.Message != "Unknown error" {
		t.Errorf("%+v", s)
	}
	b.fail = nil
	b.at(140)
	b.want("eni-a - - - - 0 60 - NODATA use1-az1", "eni-a - - - - 60 120 - NODATA use1-az1")
	if s := b.state("fl-1"); s.Status != "SUCCESS" || s.Message != "" {
		t.Errorf("%+v", s)
	}
	b.at(150)
	b.want()
}

// TestRestart: a daemon that ended as it should leaves nothing open; after one that was killed, the time since the last interval is
// skipped data of those that were attached, and files that waited still arrive.
func TestRestart(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.set(drawing("eni-a"))
	b.fail = errors.New("down")
	b.at(60)
	b.taps["vpc-1"].live = []flow.Connection{datagrams(3)} // and killed
	b.now = start.Add(75 * time.Second)
	b.fail = nil
	b.boot()
	b.set(drawing("eni-a"))
	b.at(80)
	b.want("eni-a - - - - 0 60 - NODATA use1-az1")
	b.taps["vpc-1"].live = []flow.Connection{datagrams(2)}
	b.now = start.Add(90 * time.Second)
	b.c.end(t.Context())
	b.want("eni-a - - - - 60 90 - SKIPDATA use1-az1", "eni-a 10.0.1.5 192.0.2.1 2 60 80 90 ACCEPT OK use1-az1")
	if s := b.state("fl-1"); !s.Clean {
		t.Errorf("%+v", s)
	}
	b.now = start.Add(100 * time.Second)
	b.boot()
	b.set(drawing("eni-a"))
	b.at(120)
	b.want("eni-a - - - - 100 120 - NODATA use1-az1")
}

// TestBacklog: a destination that takes nothing for ever costs the oldest files, and that is told.
func TestBacklog(t *testing.T) {
	b := open(t)
	b.log("fl-1", 60, "")
	b.update(func(tx store.Tx) error {
		for i := range backlog {
			if err := rows.FlowFiles.Create(tx, scope, fmt.Sprintf("fl-1/2026%04d", i), &vpc.FlowFile{Log: "fl-1", Bucket: "logs", Key: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	b.fail = errors.New("down")
	b.set(drawing("eni-a"))
	b.at(60)
	if s := b.state("fl-1"); s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
	var left []store.Item[vpc.FlowFile]
	if err := b.store.View(t.Context(), func(v store.View) (err error) {
		left, err = rows.FlowFiles.List(v, store.Query{Scope: scope})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(left) != backlog || left[0].Value.Key != "1" || !bytes.Contains([]byte(left[backlog-1].Value.Key), []byte("vpcflowlogs")) {
		t.Errorf("%d files, from %s", len(left), left[0].Value.Key)
	}
	b.update(func(tx store.Tx) error {
		for _, f := range left {
			if err := rows.FlowFiles.Delete(tx, scope, f.ID); err != nil {
				return err
			}
		}
		return nil
	})
	b.fail = nil
	b.at(120)
	b.want("eni-a - - - - 60 120 - SKIPDATA use1-az1")
}

// TestGrant: log delivery is let in as the creator, once; what the policy had stays.
func TestGrant(t *testing.T) {
	b := open(t)
	b.policy = `{"Version":"2012-10-17","Statement":{"Sid":"AWSLogDeliveryWrite","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::logs/x"}}`
	b.log("fl-1", 60, "AKIAME")
	b.c.load(t.Context())
	b.c.deliver(t.Context())
	b.c.deliver(t.Context())
	if want := []string{"AKIAME s3:GetBucketPolicy", "AKIAME s3:PutBucketPolicy", "delivery.logs.amazonaws.com s3:HeadBucket"}; !slices.Equal(b.calls, want) {
		t.Errorf("%v", b.calls)
	}
	var p struct {
		Statement []struct {
			Sid, Effect string
			Action      any
			Resource    string
			Condition   map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(b.policy), &p); err != nil || len(p.Statement) != 3 {
		t.Fatalf("%v: %s", err, b.policy)
	}
	s := p.Statement[1]
	if p.Statement[0].Effect != "Deny" || s.Sid == p.Statement[0].Sid || s.Resource != "arn:aws:s3:::logs/AWSLogs/111122223333/*" || s.Condition["StringEquals"]["aws:SourceAccount"] != account ||
		s.Condition["StringEquals"]["s3:x-amz-acl"] != "bucket-owner-full-control" || s.Condition["ArnLike"]["aws:SourceArn"] != "arn:aws:logs:us-east-1:111122223333:*" || p.Statement[2].Resource != "arn:aws:s3:::logs" {
		t.Errorf("%s", b.policy)
	}
	b.calls = nil
	b.log("fl-2", 600, "AKIAME") // the same statements again: nothing to do
	b.c.load(t.Context())
	b.c.deliver(t.Context())
	if want := []string{"AKIAME s3:GetBucketPolicy", "delivery.logs.amazonaws.com s3:HeadBucket"}; !slices.Equal(b.calls, want) {
		t.Errorf("%v", b.calls)
	}
}

// What leaves is read before the kernel forgets it: a port, and an address that a port loses or another takes over.
func TestLeaves(t *testing.T) {
	draw := func(ports map[string]string) (d fabric.Desired) {
		for id, addrs := range ports {
			p := fabric.Port{ID: id}
			for a := range strings.FieldsSeq(addrs) {
				p.Addrs = append(p.Addrs, netip.MustParseAddr(a))
			}
			d.Ports = append(d.Ports, p)
		}
		return d
	}
	old := draw(map[string]string{"eni-1": "10.0.0.4 10.0.0.9", "eni-2": "10.0.0.5"})
	for name, c := range map[string]struct {
		now  map[string]string
		want bool
	}{
		"the same":          {map[string]string{"eni-1": "10.0.0.4 10.0.0.9", "eni-2": "10.0.0.5"}, false},
		"one more":          {map[string]string{"eni-1": "10.0.0.4 10.0.0.9 10.0.0.8", "eni-2": "10.0.0.5", "eni-3": "10.0.0.6"}, false},
		"a port goes":       {map[string]string{"eni-1": "10.0.0.4 10.0.0.9"}, true},
		"an address goes":   {map[string]string{"eni-1": "10.0.0.4", "eni-2": "10.0.0.5"}, true},
		"an address moves":  {map[string]string{"eni-1": "10.0.0.4", "eni-2": "10.0.0.5 10.0.0.9"}, true},
		"a port is another": {map[string]string{"eni-1": "10.0.0.4 10.0.0.9", "eni-3": "10.0.0.5"}, true},
	} {
		if got := leaves(old, draw(c.now)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
