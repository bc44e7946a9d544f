package bucket

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/driver/disk"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/gate"
	"cloister/internal/front/wire"
	"cloister/internal/service/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

// host is an S3 server, Cloister's own on a real ledger and a real directory, with one way to get in between: fail is asked first
// and may answer a request itself.
type host struct {
	url  string
	mu   sync.Mutex
	fail func(http.ResponseWriter, *http.Request) bool
}

// owner of everything on the host.
type directory struct{}

func (directory) Credential(_ store.View, key, _ string, _ time.Time) (api.Credential, error) {
	if key != "AKIASTORE" {
		return api.Credential{}, fault.Of(fault.UnknownKey, "")
	}
	return api.Credential{Secret: "secret", Principal: identity.Principal{Kind: identity.Root, Partition: "aws", Account: "111122223333",
		ARN: "arn:aws:iam::111122223333:root", ID: "111122223333", AccessKey: key}}, nil
}
func (directory) Issued(store.View, string) (bool, error) { return true, nil }
func (directory) Policies(store.View, *identity.Principal) (api.PolicySets, error) {
	return api.PolicySets{}, nil
}
func (directory) Refusal(*policy.Request, policy.Verdict) ([]byte, error)  { return nil, nil }
func (directory) Encode(string, []byte) (string, error)                    { return "", nil }
func (directory) Unnoted(store.View, *identity.Principal) (bool, error)    { return false, nil }
func (directory) Used(store.Tx, *identity.Principal, string, string) error { return nil }
func (directory) ResolvePrincipal(_ store.View, arn string) (string, bool) { return arn, true }
func (directory) RenderPrincipal(_ store.View, id string) (string, bool)   { return id, true }
func (h *host) interfere(f func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	h.fail = f
	h.mu.Unlock()
}

func start(t testing.TB) *host {
	t.Helper()
	dir := t.TempDir()
	ledger, err := sqlite.Open(context.Background(), filepath.Join(dir, "ledger.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	blobs, err := disk.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	root, err := keyfile.Open(filepath.Join(t.TempDir(), "root.key"), dir, world.Real{}.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Registry: wire.Open(), Rows: s3.New(blobs, directory{}, root, nil).Operations(), Store: ledger, World: world.Real{}, Directory: directory{},
		Log: slog.New(slog.DiscardHandler), Partition: "aws", Region: "us-east-1", Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		fail := h.fail
		h.mu.Unlock()
		if fail == nil || !fail(w, r) {
			g.ServeHTTP(w, r)
		}
	}))
	srv.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return gate.WithOrigin(ctx, &api.Origin{Door: api.Public, Peer: netip.MustParseAddrPort(c.RemoteAddr().String()), Loopback: true})
	}
	srv.Start()
	t.Cleanup(srv.Close)
	h.url = srv.URL
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASTORE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_CA_BUNDLE", "")
	b := h.bucket(t, "house")
	if _, err := b.api.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &b.place.Bucket}); err != nil {
		t.Fatal(err)
	}
	return h
}

// bucket opens a store on the host's one bucket.
func (h *host) bucket(t testing.TB, prefix string) *Bucket {
	t.Helper()
	p, err := Parse("s3://blobs/" + prefix + "?region=us-east-1&endpoint=" + url.QueryEscape(h.url))
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	b.page = 10
	o := b.api.Options() // the attempts are as many, the pauses between them short
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = attempts, time.Millisecond })
	b.api = awss3.New(o)
	return b
}

// lies gives the keys of objects and unfinished uploads below the store's blobs.
func (b *Bucket) lies(t testing.TB) (keys []string) {
	t.Helper()
	p := b.place.Prefix + "blobs/"
	pages := awss3.NewListObjectsV2Paginator(b.api, &awss3.ListObjectsV2Input{Bucket: &b.place.Bucket, Prefix: &p})
	for pages.HasMorePages() {
		l, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range l.Contents {
			keys = append(keys, *o.Key)
		}
	}
	u, err := b.api.ListMultipartUploads(context.Background(), &awss3.ListMultipartUploadsInput{Bucket: &b.place.Bucket, Prefix: &p})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range u.Uploads {
		keys = append(keys, "upload of "+*u.Key)
	}
	return keys
}

func id(n int) string { return fmt.Sprintf("%016x%016x", uint64(n)*0x9e3779b97f4a7c15, n) }

func data(n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = c.Read(b)
	return b
}

func put(t testing.TB, d *Bucket, id string, b []byte) {
	t.Helper()
	if err := d.Write(t.Context(), id, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, d *Bucket, id string) ([]byte, error) {
	t.Helper()
	r, err := d.Open(t.Context(), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}
