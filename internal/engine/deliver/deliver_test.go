package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

var home = store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-central-1"}

// plain seals nothing: the keys of these tests sign nothing of worth.
type plain struct{}

func (plain) Seal(p, aad []byte) ([]byte, error) {
	return append(append([]byte{}, aad...), append([]byte("|"), p...)...), nil
}

func (plain) Open(b, aad []byte) ([]byte, error) {
	if !strings.HasPrefix(string(b), string(aad)+"|") {
		return nil, errors.New("it was sealed for something else")
	}
	return b[len(aad)+1:], nil
}

// clock is a world whose time the test moves.
type clock struct {
	world.Real
	now time.Time
}

func (c *clock) Now() time.Time { return c.now }

// bench is a deliverer with a ledger, and a bucket that keeps what is put.
type bench struct {
	t      *testing.T
	d      *Deliverer
	store  *sqlite.Store
	clock  *clock
	files  map[string][]byte
	meta   map[string]map[string]string
	order  []string
	refuse func(key string) error
	before func(key string) // what happens before a file arrives
}

func (b *bench) Invoke(_ context.Context, as api.As, service, operation string, in any) (any, string, error) {
	if service != "s3" || operation != "PutObject" || as.Service != "cloudtrail.amazonaws.com" || as.SourceARN != "arn:aws:cloudtrail:eu-central-1:111122223333:trail/t" || as.SourceAccount != home.Account {
		b.t.Errorf("unexpected: %s.%s as %+v", service, operation, as)
	}
	p := in.(*s3.PutObjectRequest)
	body, err := io.ReadAll(p.Body)
	if err != nil {
		return nil, "", err
	}
	if b.before != nil {
		b.before(*p.Key)
	}
	if b.refuse != nil {
		if err := b.refuse(*p.Key); err != nil {
			return nil, "", err
		}
	}
	if old, ok := b.files[*p.Key]; ok && string(old) != string(body) {
		b.t.Errorf("the file %s was replaced by another", *p.Key)
	}
	b.files[*p.Key], b.meta[*p.Key] = body, p.Metadata
	b.order = append(b.order, *p.Key)
	return &s3.PutObjectOutput{}, "r", nil
}

func open(t *testing.T) *bench {
	b := &bench{t: t, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, files: map[string][]byte{}, meta: map[string]map[string]string{}}
	var err error
	if b.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), b.clock.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	b.again()
	return b
}

// again is a deliverer as after a restart.
func (b *bench) again() {
	b.d = New(Config{Store: b.store, World: b.clock, Calls: b, Sealer: plain{}, Log: slog.New(slog.DiscardHandler), Digest: time.Hour, Retention: 90 * 24 * time.Hour})
}

func (b *bench) trail(change func(*trail.Trail)) {
	b.t.Helper()
	t := &trail.Trail{ARN: "arn:aws:cloudtrail:eu-central-1:111122223333:trail/t", Name: "t", Account: home.Account, Home: home.Region, Bucket: "b", Global: true, Multi: true, Logging: true, Started: b.clock.now}
	if change != nil {
		change(t)
	}
	b.update(func(tx store.Tx) error {
		st := &rows.TrailState{Windows: []rows.TrailWindow{{}}}
		if t.Validate {
			st.Digests = map[string]*rows.TrailPart{t.Home: {Since: b.clock.now}}
		}
		return errors.Join(rows.Trails.Create(tx, home, "t", t), rows.TrailStates.Create(tx, home, "t", st))
	})
}

func (b *bench) update(f func(store.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(b.t.Context(), f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) happen(region string, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		if err := b.store.Append(b.t.Context(), &trail.Event{ID: id, Time: b.clock.now, Service: "ec2", Name: "CreateVpc", Recipient: home.Account, Region: region}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) turn() {
	b.t.Helper()
	if err := b.d.Turn(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) state() (st rows.TrailState) {
	b.t.Helper()
	if err := b.store.View(b.t.Context(), func(v store.View) error {
		it, err := rows.TrailStates.Get(v, home, "t")
		st = it.Value
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return st
}

// records are the ids of the events in all log files, in the order of delivery.
func (b *bench) records() (out []string) {
	b.t.Helper()
	seen := map[string]bool{}
	for _, key := range b.order {
		if trail.IsDigest(key) || seen[key] {
			continue
		}
		seen[key] = true
		content, err := trail.Unpack(b.files[key])
		var f struct{ Records []struct{ EventID string } }
		if err != nil || json.Unmarshal(content, &f) != nil {
			b.t.Fatalf("the file %s: %v", key, err)
		}
		for _, r := range f.Records {
			out = append(out, r.EventID)
		}
	}
	return out
}

func (b *bench) want(ids ...string) {
	b.t.Helper()
	if got := b.records(); !slices.Equal(got, ids) {
		b.t.Errorf("delivered are %v, want %v", got, ids)
	}
}

func TestDelivery(t *testing.T) {
	b := open(t)
	b.trail(nil)
	b.turn()
	b.want()
	b.happen("eu-central-1", "a", "b")
	b.happen("us-east-1", "c")
	if err := b.store.Append(t.Context(), &trail.Event{ID: "other", Recipient: "444455556666", Region: "eu-central-1"}); err != nil {
		t.Fatal(err)
	}
	b.turn()
	b.want("a", "b", "c")
	for _, key := range b.order {
		if !strings.HasPrefix(key, "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/03/01/111122223333_CloudTrail_eu-central-1_20260301T1200Z_") &&
			!strings.HasPrefix(key, "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/111122223333_CloudTrail_us-east-1_20260301T1200Z_") || !strings.HasSuffix(key, ".json.gz") {
			t.Errorf("a file is named %s", key)
		}
	}
	b.turn()
	if len(b.order) != 2 {
		t.Errorf("nothing new brought %d files", len(b.order))
	}
	var many []string
	for i := range most + 10 {
		many = append(many, fmt.Sprint("m", i))
	}
	b.happen("eu-central-1", many...)
	b.turn()
	b.want(append([]string{"a", "b", "c"}, many...)...)
	if s := b.state(); s.Error != "" || s.Delivered.IsZero() || s.Batch != nil {
		t.Errorf("the state is %+v", s)
	}
}

// TestStopped: what happened after the end of logging is not delivered, what happened before is, also late; a new beginning takes up what is new.
func TestStopped(t *testing.T) {
	b := open(t)
	b.trail(nil)
	b.happen("eu-central-1", "a", "b", "after", "again")
	b.update(func(tx store.Tx) error {
		st, err := rows.TrailStates.Get(tx, home, "t")
		st.Value.Windows = []rows.TrailWindow{{From: 0, To: 2}, {From: 3}}
		return errors.Join(err, rows.TrailStates.Save(tx, &st))
	})
	b.turn()
	b.want("a", "b", "again")
}

// TestRefused: an error is told and tried again, less and less often; nothing is passed over.
func TestRefused(t *testing.T) {
	b := open(t)
	b.trail(nil)
	tries := 0
	b.refuse = func(string) error { tries++; return fault.Of(fault.AccessDenied, "no") }
	b.happen("eu-central-1", "a")
	b.turn()
	if s := b.state(); s.Error != "AccessDenied" || !s.Delivered.IsZero() || s.Attempted.IsZero() {
		t.Errorf("the state is %+v", s)
	}
	b.turn()
	if tries != 1 {
		t.Errorf("%d attempts at once", tries)
	}
	b.happen("eu-central-1", "b")
	for range 5 {
		b.clock.now = b.clock.now.Add(time.Minute)
		b.turn()
	}
	if tries < 2 || tries > 4 {
		t.Errorf("%d attempts in five minutes", tries)
	}
	b.refuse = nil
	b.clock.now = b.clock.now.Add(time.Hour)
	b.turn()
	b.want("a", "b")
	if s := b.state(); s.Error != "" || s.Failures != 0 || !s.Delivered.Equal(b.clock.now) {
		t.Errorf("afterwards the state is %+v", s)
	}
}

// TestCrash ends a delivery at each of its steps. What comes after the restart completes it: each event once, a file that had arrived comes
// again as it was.
func TestCrash(t *testing.T) {
	for fall := 1; fall <= 3; fall++ { // two files and a digest: the second region's has no file at that time
		t.Run(fmt.Sprint("at file ", fall), func(t *testing.T) {
			b := open(t)
			b.trail(func(t *trail.Trail) { t.Validate = true })
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			b.before = func(string) {
				if n++; n == fall {
					cancel() // the file arrives, and nobody writes down that it did
				}
			}
			b.happen("eu-central-1", "a", "b")
			b.happen("us-east-1", "c")
			b.clock.now = b.clock.now.Add(61 * time.Minute)
			if err := b.d.Turn(ctx); err == nil {
				t.Error("the crash went unnoticed")
			}
			b.before = nil
			b.again()
			b.clock.now = b.clock.now.Add(10 * time.Second)
			b.happen("eu-central-1", "d")
			b.turn()
			b.turn()
			got := b.records()
			slices.Sort(got)
			if strings.Join(got, "") != "abcd" {
				t.Errorf("delivered are %v", got)
			}
			b.clock.now = b.clock.now.Add(2 * time.Hour)
			b.turn()
			if r, err := b.check(); err != nil || len(r.Broken) > 0 || r.Records != 4 {
				t.Errorf("verified: %+v, %v", r, err)
			}
		})
	}
}

// TestDigests: each period's names the files of its region, hangs on the one before, and is signed by a key that is published.
func TestDigests(t *testing.T) {
	b := open(t)
	b.trail(func(t *trail.Trail) { t.Validate = true })
	b.happen("eu-central-1", "a")
	b.turn()
	b.clock.now = b.clock.now.Add(30 * time.Minute)
	b.happen("eu-central-1", "b")
	b.happen("us-east-1", "c")
	b.turn()
	b.clock.now = b.clock.now.Add(31 * time.Minute)
	b.turn()
	b.clock.now = b.clock.now.Add(time.Hour)
	b.turn()
	chains := map[string][]string{}
	for _, key := range b.order {
		if trail.IsDigest(key) {
			region := strings.Split(key, "/")[3]
			chains[region] = append(chains[region], key)
		}
	}
	if len(chains["eu-central-1"]) != 2 || len(chains["us-east-1"]) != 2 {
		t.Fatalf("the digests are %v", chains)
	}
	report, err := b.check()
	if err != nil || len(report.Broken) > 0 || report.Digests != 4 || report.Files != 3 || report.Records != 3 {
		t.Errorf("verified: %+v, %v", report, err)
	}
	if s := b.state(); s.Digested.IsZero() || s.DigestError != "" {
		t.Errorf("the state is %+v", s)
	}
	// Whole days without events are one digest.
	before := len(b.order)
	b.clock.now = b.clock.now.AddDate(0, 0, 3)
	b.turn()
	if n := len(b.order) - before; n > 4 {
		t.Errorf("three quiet days made %d digests", n)
	}
}

func (b *bench) check() (trail.Report, error) {
	b.t.Helper()
	return trail.Check(trail.Source{Keys: b.order, Public: b.public(), Read: func(key string) ([]byte, map[string]string, error) {
		return b.files[key], b.meta[key], nil
	}})
}

func (b *bench) public() map[string][]byte {
	out := map[string][]byte{}
	if err := b.store.View(b.t.Context(), func(v store.View) error {
		ks, err := rows.TrailKeys.List(v, store.Query{Scope: home})
		for _, k := range ks {
			out[k.ID] = k.Value.Public
		}
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// TestRetention: old events go, but none that a trail still has to deliver.
func TestRetention(t *testing.T) {
	b := open(t)
	b.trail(nil)
	b.refuse = func(string) error { return fault.New("NoSuchBucket", "gone") }
	b.happen("eu-central-1", "a")
	b.turn()
	left := func(want int) {
		t.Helper()
		if err := b.store.View(t.Context(), func(v store.View) error {
			evs, err := v.Trail(store.TrailQuery{})
			if len(evs) != want {
				t.Errorf("%d events are left, want %d", len(evs), want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	b.clock.now = b.clock.now.AddDate(0, 0, 91)
	b.turn()
	left(1)
	b.refuse = nil
	b.clock.now = b.clock.now.Add(time.Hour)
	b.happen("eu-central-1", "b")
	b.turn()
	b.turn()
	b.want("a", "b")
	left(1)
}
