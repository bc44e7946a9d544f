package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/driver/disk"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/world"
	"cloister/test/row"
)

// host runs rows over a real ledger and a real directory, as the gate does but for the policy decision: may decides further questions.
type host struct {
	t       testing.TB
	dir     string
	ledger  *sqlite.Store
	blobs   *disk.Disk
	service *Service
	rows    map[string]api.Operation
	people  people
	may     func(api.Question) error
	keys    *keys // KMS, as far as S3 asks it
	clock   *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

// people are the users and roles that exist: ARN -> unique id.
type people map[string]string

func (p people) ResolvePrincipal(_ store.View, arn string) (string, bool) {
	id, ok := p[arn]
	return id, ok
}
func (p people) RenderPrincipal(_ store.View, id string) (string, bool) {
	for a, i := range p {
		if i == id {
			return a, true
		}
	}
	return "", false
}

func start(t testing.TB) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), people: people{}, keys: newKeys(), clock: &clock{now: time.Date(2026, 5, 17, 12, 0, 0, 123456000, time.UTC)}}
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *host) open() {
	h.t.Helper()
	var err error
	if h.ledger, err = sqlite.Open(context.Background(), filepath.Join(h.dir, "ledger.db"), h.clock.Now); err != nil {
		h.t.Fatal(err)
	}
	if h.blobs, err = disk.Open(filepath.Join(h.dir, "blobs")); err != nil {
		h.t.Fatal(err)
	}
	beside := h.dir + "-root"
	if err := os.MkdirAll(beside, 0o700); err != nil {
		h.t.Fatal(err)
	}
	root, err := keyfile.Open(filepath.Join(beside, "root.key"), h.dir, world.Real{}.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	h.service = New(h.blobs, h.people, root, h.keys)
	h.rows = map[string]api.Operation{}
	for _, r := range h.service.Operations() {
		h.rows[r.Name] = r
	}
}

func (h *host) close() { _, _ = h.ledger.Close(), h.blobs.Close() }

func (h *host) call(name string) *api.Call {
	return &api.Call{RequestID: "r", Time: h.clock.Now(), Partition: "aws", Account: "111122223333", Region: "us-east-1", Service: "s3", Name: name,
		Dice: world.Real{}, Host: "localhost:4566", Caller: &identity.Principal{Kind: identity.User, Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ann", ID: "AIDAANN"}}
}

// run walks a call through its row.
func (h *host) run(ctx context.Context, c *api.Call, in any) (out any, qs []api.Question, err error) {
	r := h.rows[c.Name]
	c.May = func(_ store.View, q api.Question) error {
		if h.may == nil {
			return nil
		}
		return h.may(q)
	}
	c.Forward = h.keys.forward
	if err := h.ledger.View(ctx, func(v store.View) error {
		if qs, err = r.Questions(c, v, in); err == nil && r.Look != nil {
			err = r.Look(c, v, in)
		}
		return err
	}); err != nil {
		return nil, qs, err
	}
	out, err = row.Walk(ctx, h.ledger, r, c, in)
	return out, qs, err
}

// ask runs an operation as the default caller.
func ask1[O, I any](h *host, name string, in *I) (*O, error) {
	h.t.Helper()
	out, _, err := h.run(context.Background(), h.call(name), in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

func must[O, I any](h *host, name string, in *I) *O {
	h.t.Helper()
	out, err := ask1[O](h, name, in)
	if err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	return out
}

func (h *host) bucket(name string) {
	h.t.Helper()
	must[shape.CreateBucketOutput](h, "CreateBucket", &shape.CreateBucketRequest{Bucket: &name})
}

func (h *host) put(bucket, key string, body []byte) *shape.PutObjectOutput {
	h.t.Helper()
	return must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: ptr(int64(len(body)))})
}

func (h *host) get(in *shape.GetObjectRequest) (*shape.GetObjectOutput, []byte, error) {
	h.t.Helper()
	out, err := ask1[shape.GetObjectOutput](h, "GetObject", in)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(out.Body)
	_ = out.Body.Close()
	return out, b, err
}

func (h *host) fetch(bucket, key string) ([]byte, error) {
	_, b, err := h.get(&shape.GetObjectRequest{Bucket: &bucket, Key: &key})
	return b, err
}

// files counts the blobs that lie in the directory.
func (h *host) files() (n int) {
	h.t.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, "blobs"), func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "lock" {
			n++
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// refuses checks code and status of an error.
func refuses(t testing.TB, what string, err error, code string, status int) *fault.Fault {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code != code && f.Kind.String() != code || f.Status != status {
		t.Errorf("%s: got %v, want %s %d", what, err, code, status)
		return &fault.Fault{}
	}
	return f
}

func repeat(s string, n int) []byte { return []byte(strings.Repeat(s, n/len(s)+1)[:n]) }

// looked puts as the gate does: what the row looks at first, then the bytes.
func (h *host) looked(c *api.Call, in *shape.PutObjectRequest) (*shape.PutObjectOutput, error) {
	err := h.ledger.View(h.t.Context(), func(v store.View) error { return h.service.lookPut(c, v, in) })
	if err != nil {
		return nil, err
	}
	return h.service.put(h.t.Context(), c, in)
}
