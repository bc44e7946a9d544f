package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Place{
		"s3://b":                                {Bucket: "b"},
		"s3://b/p/":                             {Bucket: "b", Prefix: "p/"},
		"s3://b/p/q?region=eu-west-1&profile=x": {Bucket: "b", Prefix: "p/q/", Region: "eu-west-1", Profile: "x"},
		"s3://b?endpoint=http://127.0.0.1:9000": {Bucket: "b", Endpoint: "http://127.0.0.1:9000", PathStyle: true},
		"s3://b?endpoint=https://s3.x.y&path-style=false":  {Bucket: "b", Endpoint: "https://s3.x.y"},
		"s3://b?path-style=true&credentials=/run/creds/s3": {Bucket: "b", PathStyle: true, Credentials: "/run/creds/s3"},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"": "want s3://", "/var/x": "want s3://", "s3://": "want s3://", "https://b": "want s3://", "s3://b#x": "want s3://", "s3://b:80/x": "want s3://",
		"s3://key:secret@b": "credentials have no place", "s3://b?secret=x": `option "secret"`, "s3://b?region=a&region=b": `option "region"`, "s3://b?region=": `option "region"`,
		"s3://b?path-style=yes!": "path-style", "s3://b?endpoint=ftp://x": "endpoint", "s3://b?endpoint=http://u:p@x": "endpoint", "s3://b?endpoint=http://x/y": "endpoint", "s3://b?endpoint=x:9": "endpoint",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

func TestCredentialsFile(t *testing.T) {
	h := start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	file := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(file, []byte("[store]\naws_access_key_id = AKIASTORE\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Place{Bucket: "blobs", Endpoint: h.url, PathStyle: true, Credentials: file, Profile: "store"}
	b, err := New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Claim(t.Context(), "me"); err != nil {
		t.Error(err)
	}
	for _, bad := range []Place{{Bucket: "blobs", Endpoint: h.url, Credentials: file}, {Bucket: "blobs", Endpoint: h.url, Credentials: file + "x", Profile: "store"}} {
		if _, err := New(t.Context(), bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	b := start(t).bucket(t, "p")
	for i, n := range []int{0, 1, 7, blob.Block - 1, blob.Block, blob.Block + 1, 5*blob.Block + 17, partSize - 32*4 - blob.Head, partSize, 2*partSize + 3, 5*partSize + blob.Block} {
		want := data(n)
		err := b.Write(t.Context(), id(i+1), func(w io.Writer) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(want)}, make([]byte, 1+n/7))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Open(t.Context(), id(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*blob.Reader).Size(); got != int64(n) {
			t.Errorf("size of %d bytes is %d", n, got)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
		if n <= blob.Block+1 {
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				t.Error(err)
			}
			if err := iotest.TestReader(r, want); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	want := data(5*partSize + blob.Block)
	r, err := b.Open(t.Context(), id(11))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		off, n := rnd.IntN(len(want)), rnd.IntN(3*blob.Block)
		if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		m, _ := io.ReadFull(r, got)
		if end := min(off+n, len(want)); m != end-off || !bytes.Equal(got[:m], want[off:end]) {
			t.Fatalf("bytes %d to %d differ", off, end)
		}
	}
	if len(b.held) != 1 {
		t.Errorf("%d blobs are held", len(b.held))
	}
	if err := r.Close(); err != nil || len(b.held) != 0 {
		t.Errorf("%v; %d blobs are held", err, len(b.held))
	}
	for _, bad := range []string{"", "..", strings.Repeat("A", 32), strings.Repeat("a", 31) + "/"} {
		if err := b.Write(t.Context(), bad, func(io.Writer) error { return nil }); err == nil {
			t.Errorf("id %q was taken", bad)
		}
		if _, err := b.Open(t.Context(), bad); err == nil {
			t.Errorf("id %q was opened", bad)
		}
		if err := b.Remove(t.Context(), bad); err == nil {
			t.Errorf("id %q was removed", bad)
		}
	}
}

func TestBrokenWriteLeavesNothing(t *testing.T) {
	h := start(t)
	b := h.bucket(t, "p")
	boom := errors.New("boom")
	cases := map[string]struct {
		fill func(io.Writer, func()) error
		fail func(http.ResponseWriter, *http.Request) bool
		want error
	}{
		"reader breaks": {func(w io.Writer, _ func()) error {
			_, err := io.Copy(w, io.MultiReader(bytes.NewReader(data(3*partSize)), iotest.ErrReader(boom)))
			return err
		}, nil, boom},
		"client leaves": {func(w io.Writer, leave func()) error {
			if _, err := w.Write(data(2 * partSize)); err != nil {
				return err
			}
			leave()
			_, err := w.Write(data(partSize))
			return err
		}, nil, context.Canceled},
		"client leaves at the end": {func(w io.Writer, leave func()) error { _, err := w.Write(data(10)); leave(); return err }, nil, context.Canceled},
		"a part is refused": {func(w io.Writer, _ func()) error { _, err := w.Write(data(4 * partSize)); return err },
			func(w http.ResponseWriter, r *http.Request) bool {
				return r.FormValue("partNumber") == "2" && refuse(w, 403, "AccessDenied")
			}, store.ErrAway},
		"the store is full": {func(w io.Writer, _ func()) error { _, err := w.Write(data(100)); return err },
			func(w http.ResponseWriter, r *http.Request) bool {
				return r.Method == "PUT" && refuse(w, 507, "InsufficientStorage")
			}, store.ErrFull},
		"the end is refused": {func(w io.Writer, _ func()) error { _, err := w.Write(data(2 * partSize)); return err },
			func(w http.ResponseWriter, r *http.Request) bool {
				return r.Method == "POST" && !r.URL.Query().Has("uploads") && refuse(w, 400, "InvalidPart")
			}, store.ErrAway},
		"the writer's error is swallowed": {func(w io.Writer, _ func()) error { _, _ = w.Write(data(4 * partSize)); return nil },
			func(w http.ResponseWriter, r *http.Request) bool {
				return r.FormValue("partNumber") == "1" && refuse(w, 403, "AccessDenied")
			}, store.ErrAway},
	}
	for name, c := range cases {
		h.interfere(c.fail)
		ctx, leave := context.WithCancel(t.Context())
		if err := b.Write(ctx, id(1), func(w io.Writer) error { return c.fill(w, leave) }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		leave()
		h.interfere(nil)
		if _, err := b.Open(t.Context(), id(1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the blob exists: %v", name, err)
		}
		if l := b.lies(t); len(l) > 0 {
			t.Errorf("%s: left: %v", name, l)
		}
	}
	if len(b.held) != 0 {
		t.Errorf("%d blobs are held", len(b.held))
	}
}

func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
	return true
}

// A store that stumbles is asked again; one that stays down is away, and nobody is told that a blob is damaged or gone.
func TestStumbles(t *testing.T) {
	h := start(t)
	b := h.bucket(t, "p")
	want := data(2*partSize + 5)
	var n atomic.Int64
	h.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
		return n.Add(1)%2 == 1 && refuse(w, 503, "SlowDown")
	})
	put(t, b, id(1), want)
	// Each body breaks off after 3 MiB, or before.
	cut := int64(3 << 20)
	h.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "GET" || r.Header.Get("Range") == "" {
			return false
		}
		h.mu.Lock()
		h.fail = nil
		h.mu.Unlock()
		req, err := http.NewRequestWithContext(r.Context(), "GET", h.url+r.URL.RequestURI(), nil)
		if err != nil {
			t.Error(err)
		}
		req.Header = r.Header.Clone()
		req.Host = r.Host
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return false
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.CopyN(w, resp.Body, cut)
		panic(http.ErrAbortHandler)
	})
	if got, err := get(t, b, id(1)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, status := range []int{403, 503} {
		h.interfere(func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, status, "Whatever") })
		if _, err := b.Open(t.Context(), id(1)); !errors.Is(err, store.ErrAway) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d: %v", status, err)
		}
	}
	h.interfere(func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 404, "NoSuchBucket") })
	if _, err := b.Open(t.Context(), id(1)); !errors.Is(err, store.ErrAway) {
		t.Errorf("without its bucket: %v", err)
	}
	h.interfere(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	if _, err := b.Open(t.Context(), id(1)); !errors.Is(err, store.ErrAway) {
		t.Errorf("without an answer: %v", err)
	}
	if err := b.Remove(t.Context(), id(1)); !errors.Is(err, store.ErrAway) {
		t.Errorf("without an answer: %v", err)
	}
	// A first attempt that came through and whose answer got lost.
	var lost atomic.Bool
	h.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" || r.URL.Query().Has("uploads") || !lost.CompareAndSwap(false, true) {
			return false
		}
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, h.url+r.URL.RequestURI(), r.Body)
		req.Header, req.Host, req.ContentLength = r.Header.Clone(), r.Host, r.ContentLength
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return refuse(w, 500, "InternalError")
	})
	put(t, b, id(2), want)
	h.interfere(nil)
	if got, err := get(t, b, id(2)); err != nil || !bytes.Equal(got, want) || !lost.Load() {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What the store gives back is checked, whatever the store says of it.
func TestBitFlip(t *testing.T) {
	b := start(t).bucket(t, "p")
	want := data(2*blob.Block + 100)
	put(t, b, id(1), want)
	raw := func(key *string) []byte {
		out, err := b.api.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &b.place.Bucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		p, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	lay := func(p []byte) {
		if _, err := b.api.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &b.place.Bucket, Key: b.key(id(1)), Body: bytes.NewReader(p)}); err != nil {
			t.Fatal(err)
		}
	}
	whole := raw(b.key(id(1)))
	for _, at := range []int{0, 9, blob.Head - 1, blob.Head, blob.Head + blob.Block + 3, blob.Head + blob.Record, len(whole) - 1} {
		bad := bytes.Clone(whole)
		bad[at] ^= 4
		lay(bad)
		num := int64(-1)
		if at >= blob.Head {
			num = int64(at-blob.Head) / blob.Record
		}
		got, err := get(t, b, id(1))
		var c *blob.Corrupt
		if !errors.As(err, &c) || c.Block != num || c.ID != id(1) || len(got) != int(max(num, 0)*blob.Block) {
			t.Errorf("flip at %d: %d bytes, %v", at, len(got), err)
		}
	}
	for _, n := range []int{0, 5, blob.Head, blob.Head + 100, blob.Head + blob.Record, len(whole) - 1} {
		lay(whole[:n])
		if _, err := get(t, b, id(1)); !errors.As(err, new(*blob.Corrupt)) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	put(t, b, id(2), want)
	lay(raw(b.key(id(2))))
	if _, err := get(t, b, id(1)); !errors.As(err, new(*blob.Corrupt)) {
		t.Errorf("another's bytes: %v", err)
	}
}

func TestRemoveWhileRead(t *testing.T) {
	b := start(t).bucket(t, "p")
	want := data(30 << 20)
	put(t, b, id(1), want)
	r, err := b.Open(t.Context(), id(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(t.Context(), id(1)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(t.Context(), id(1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the last reader: %v", err)
	}
	if err := b.Remove(t.Context(), id(1)); err != nil {
		t.Errorf("what is not there: %v", err)
	}
}

func TestClaim(t *testing.T) {
	h := start(t)
	if err := h.bucket(t, "p").Claim(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	if err := h.bucket(t, "p").Claim(t.Context(), "me"); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := h.bucket(t, "p").Claim(t.Context(), "you"); err == nil || !strings.Contains(err.Error(), "belongs to another Cloister") {
		t.Errorf("another's: %v", err)
	}
	b := h.bucket(t, "full")
	put(t, b, id(1), nil)
	if err := b.Claim(t.Context(), "me"); err == nil || !strings.Contains(err.Error(), "is no Cloister's") {
		t.Errorf("somebody's: %v", err)
	}
	var wg sync.WaitGroup
	var won atomic.Int64
	for _, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			if h.bucket(t, "race").Claim(context.Background(), name) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d took an empty prefix", won.Load())
	}
	none := h.bucket(t, "")
	none.place.Bucket = "nowhere"
	if err := none.Claim(t.Context(), "me"); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("no bucket: %v", err)
	}
}

func TestSweep(t *testing.T) {
	h := start(t)
	old := h.bucket(t, "p")
	const n = 25
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				if err := old.Write(context.Background(), id(i+1), func(io.Writer) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := old.api.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &old.place.Bucket, Key: old.key(id(n + 1))}); err != nil {
		t.Fatal(err)
	}
	if _, err := old.api.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &old.place.Bucket, Key: aws.String("p/blobs/notes.txt"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	b := h.bucket(t, "p")
	put(t, b, id(n+2), []byte("on its way"))
	boom, pages := errors.New("boom"), 0
	keep := map[string]bool{id(7): true, id(20): true}
	known := func(ids []string) (map[string]bool, error) {
		if pages++; pages == 2 {
			return nil, boom
		}
		return keep, nil
	}
	first, err := b.Sweep(t.Context(), known)
	if !errors.Is(err, boom) || first < 7 || first > 10 {
		t.Fatalf("%d removed, %v", first, err)
	}
	rest, err := b.Sweep(t.Context(), known)
	if err != nil || first+rest != n-2 || pages != 4 {
		t.Errorf("%d and %d removed on %d pages, %v", first, rest, pages, err)
	}
	if l := b.lies(t); len(l) != 4 {
		t.Errorf("left: %v", l)
	}
	for _, k := range []string{id(7), id(20), id(n + 2)} {
		if _, err := get(t, b, k); err != nil {
			t.Error(err)
		}
	}
	if b.fresh != nil {
		t.Error("what was begun is still kept in mind")
	}
}
