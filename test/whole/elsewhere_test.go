package whole_test

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // an ETag is MD5 by S3's contract
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// noise is n bytes that nothing compresses or guesses; the same for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

func tagOf(b []byte) string {
	h := md5.Sum(b) //nolint:gosec // see above
	return `"` + hex.EncodeToString(h[:]) + `"`
}

// fetch reads a stretch of an object; empty: the whole.
func (a *actor) fetch(bucket, key, stretch string) (int, []byte, http.Header, error) {
	r := request{method: http.MethodGet, service: "s3", path: "/" + bucket + "/" + key, creds: a.Creds, header: http.Header{}}
	if stretch != "" {
		r.header.Set("Range", stretch)
	}
	res, b, err := r.try(a.Endpoint)
	if err != nil {
		return 0, nil, nil, err
	}
	return res.StatusCode, b, res.Header, nil
}

func (a *actor) holds(bucket, key string, want []byte) {
	a.Helper()
	status, b, h, err := a.fetch(bucket, key, "")
	if err != nil || status != 200 || !bytes.Equal(b, want) {
		a.Errorf("%s/%s: status %d, %d bytes of %d, %v: %.300s", bucket, key, status, len(b), len(want), err, b)
	} else if e := h.Get("ETag"); e != tagOf(want) && !strings.Contains(e, "-") {
		a.Errorf("%s/%s: ETag %s", bucket, key, e)
	}
}

// store makes a bucket in one Cloister and gives the place for another to keep its objects in.
func (a *actor) store(dir, bucket string) string {
	a.Helper()
	a.newBucket(bucket)
	creds := filepath.Join(dir, "store-credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", a.Creds.AccessKey, a.Creds.Secret)
	if err := os.WriteFile(creds, []byte(text), 0o600); err != nil {
		a.Fatal(err)
	}
	return "s3://" + bucket + "/kept/here?region=us-east-1&endpoint=" + url.QueryEscape(a.Endpoint) + "&credentials=" + url.QueryEscape(creds)
}

// TestObjectsElsewhere keeps the objects of one Cloister in a bucket of another: all of S3 goes on as ever, across a kill; while the
// store is away calls say so, and nothing is lost.
func TestObjectsElsewhere(t *testing.T) {
	t.Parallel()
	back := open(t)
	keeper := back.root(t)
	h, err := found(program(t))
	if err != nil {
		t.Fatal(err)
	}
	place := keeper.store(h.dir, "backing")
	if err := h.serve("-objects", place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("daemon's log ends:\n%s", h.tail())
		}
		_ = os.RemoveAll(h.dir)
	})
	a := h.root(t)
	a.newBucket("front")
	small, big, part := noise(1, 1000), noise(2, 20<<20), noise(3, 5<<20)
	a.put("front", "empty", nil)
	a.put("front", "small", small)
	a.put("front", "big", big)
	a.multipart("front", "parts", part, 3)
	all := func() {
		t.Helper()
		a.holds("front", "empty", nil)
		a.holds("front", "small", small)
		a.holds("front", "big", big)
		a.holds("front", "parts", bytes.Repeat(part, 3))
		if status, b, _, err := a.fetch("front", "big", "bytes=9000000-9000099"); err != nil || status != 206 || !bytes.Equal(b, big[9000000:9000100]) {
			t.Errorf("range: %d, %d bytes, %v", status, len(b), err)
		}
	}
	all()
	kept := func() int {
		t.Helper()
		b, err := keeper.Object(t.Context(), http.MethodGet, "backing", "", url.Values{"list-type": {"2"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "<Key>kept/here/blobs/")
	}
	if n := kept(); n != 6 {
		t.Errorf("%d blobs lie in the store", n)
	}
	if l, err := os.ReadDir(filepath.Join(h.data, "objects")); err == nil {
		t.Errorf("the data directory keeps objects: %v", l)
	}
	// A client that leaves in the midst leaves nothing behind.
	r := request{method: http.MethodPut, service: "s3", path: "/front/half", creds: a.Creds, body: big}
	req, err := r.build(a.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	req.Body = &leaver{Reader: bytes.NewReader(big), at: 15 << 20, leave: leave}
	if _, err := http.DefaultClient.Do(req.WithContext(ctx)); err == nil {
		t.Error("a broken upload was answered")
	}
	until(t, 10e9, "the broken upload to go", func() bool { return kept() == 6 })
	// Killed and started again; what nobody knows of is swept.
	h.kill()
	if _, err := keeper.Object(t.Context(), http.MethodPut, "backing", "kept/here/blobs/"+strings.Repeat("ab", 16), nil, small); err != nil {
		t.Fatal(err)
	}
	if err := h.serve("-objects", place); err != nil {
		t.Fatal(err)
	}
	a.Endpoint = h.http()
	all()
	until(t, 10e9, "the sweep", func() bool { return kept() == 6 })
	if _, err := a.Object(t.Context(), http.MethodDelete, "front", "parts", nil, nil); err != nil {
		t.Error(err)
	}
	if n := kept(); n != 3 {
		t.Errorf("%d blobs lie in the store after a deletion", n)
	}
	// A damaged blob is found and named, never served.
	damage(t, keeper, small)
	if status, b, _, err := a.fetch("front", "small", ""); err != nil || status != 500 || bytes.Contains(b, small[:100]) {
		t.Errorf("damaged: %d %v %.200s", status, err, b)
	}
	if !strings.Contains(h.tail(), "is damaged: block 0") {
		t.Error("the log does not name the damage")
	}
	// While the store is away.
	back.kill()
	_, err = a.Object(t.Context(), http.MethodPut, "front", "now", nil, small)
	a.refused(err, 503, "ServiceUnavailable", "does not answer")
	_, err = a.Object(t.Context(), http.MethodGet, "front", "big", nil, nil)
	a.refused(err, 503, "ServiceUnavailable", "does not answer")
	if _, err := a.Object(t.Context(), http.MethodHead, "front", "big", nil, nil); err != nil {
		t.Errorf("what needs no bytes: %v", err)
	}
	if err := back.serve("-listen", strings.TrimPrefix(keeper.Endpoint, "http://")); err != nil {
		t.Fatal(err)
	}
	a.holds("front", "big", big)
	a.put("front", "now", small)
	a.holds("front", "now", small)
	// The ledger and its store belong together.
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	refusal := func(data, objects, want string) {
		t.Helper()
		args := []string{"serve", "-data", data, "-root-key", h.key, "-listen", "127.0.0.1:0"}
		if objects != "" {
			args = append(args, "-objects", objects)
		}
		out, err := exec.Command(program(t), args...).CombinedOutput()
		var ee *exec.ExitError
		if !errors.As(err, &ee) || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", want, err, out)
		}
	}
	refusal(h.data, "", "start with -objects")
	refusal(h.data, "s3://backing?secret=x", "option")
	refusal(filepath.Join(h.dir, "other"), place, "belongs to another Cloister")
	if err := h.serve("-objects", place); err != nil {
		t.Fatal(err)
	}
	a.Endpoint = h.http()
	a.holds("front", "big", big)
}

// damage flips a bit in the stored blob that holds the text: the one of its size.
func damage(t testing.TB, keeper *actor, text []byte) {
	t.Helper()
	b, err := keeper.Object(t.Context(), http.MethodGet, "backing", "", url.Values{"list-type": {"2"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(b), "<Key>")[1:] {
		key, _, _ := strings.Cut(l, "</Key>")
		blob, err := keeper.Object(t.Context(), http.MethodGet, "backing", key, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(blob) >= len(text) && len(blob) < len(text)+200 { // its records' sums, and its seal
			blob[len(blob)/2] ^= 1
			keeper.put("backing", key, blob)
			return
		}
	}
	t.Fatal("no blob has the text's size")
}

// leaver is a body whose sender goes away.
type leaver struct {
	*bytes.Reader
	at, n int
	leave func()
}

func (l *leaver) Read(p []byte) (int, error) {
	if l.n >= l.at {
		l.leave()
		return 0, context.Canceled // or the rest might be sent before anybody sees that it left
	}
	n, err := l.Reader.Read(p)
	l.n += n
	return n, err
}

func (l *leaver) Close() error { return nil }
