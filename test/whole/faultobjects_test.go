package whole_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/core/sigv4"
)

// blobs are the files that hold objects' bytes.
func (h *house) blobs(t testing.TB) (out []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(h.data, "objects"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "lock" {
			out = append(out, p)
		}
		if errors.Is(err, fs.ErrNotExist) { // it went meanwhile
			err = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBrokenUploads: a client that goes away in the midst of a body, of a chunk or of a part leaves nothing, and what was there stays.
func TestBrokenUploads(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	a.newBucket("broken")
	old, big := noise(1, 1000), noise(2, 3<<20)
	a.put("broken", "there", old)
	r := request{method: "POST", service: "s3", path: "/broken/parts", query: url.Values{"uploads": {""}}, creds: a.Creds}
	_, b := r.send(t, a.Endpoint)
	var in struct{ UploadId string }
	if err := xml.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	chunked := func(whole []byte, end string) (http.Header, []byte) {
		var out bytes.Buffer
		for p := whole; len(p) > 0; p = p[min(len(p), 1<<20):] {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", min(len(p), 1<<20), p[:min(len(p), 1<<20)])
		}
		out.WriteString(end)
		return http.Header{"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {fmt.Sprint(len(whole))}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}, out.Bytes()
	}
	for _, c := range []struct {
		name, path string
		query      url.Values
		chunked    bool
	}{
		{"in a body", "there", nil, false}, {"in a new body", "new", nil, false}, {"in a chunk", "there", nil, true},
		{"in a part", "parts", url.Values{"partNumber": {"1"}, "uploadId": {in.UploadId}}, false},
		{"in a part's chunk", "parts", url.Values{"partNumber": {"1"}, "uploadId": {in.UploadId}}, true},
	} {
		r := request{method: "PUT", service: "s3", path: "/broken/" + c.path, query: c.query, creds: a.Creds, body: big, payload: sigv4.Unsigned}
		if c.chunked {
			r.header, r.sent = chunked(big, "0\r\n")
			r.payload = sigv4.StreamUnsignedTrailer
		}
		for _, at := range []int{1, 100_000, 2 << 20} {
			req, err := r.build(a.Endpoint)
			if err != nil {
				t.Fatal(err)
			}
			sent, _ := io.ReadAll(req.Body)
			ctx, leave := context.WithCancel(t.Context())
			req.Body = &leaver{Reader: bytes.NewReader(sent), at: at, leave: leave}
			if res, err := http.DefaultClient.Do(req.WithContext(ctx)); err == nil {
				t.Errorf("%s, %d bytes: %s", c.name, at, res.Status)
			}
			leave()
		}
	}
	// The body ends well, what is in it does not.
	for name, end := range map[string]string{"no last chunk": "", "no trailer": "0\r\n\r\n", "a wrong sum": "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"} {
		r := request{method: "PUT", service: "s3", path: "/broken/there", creds: a.Creds, payload: sigv4.StreamUnsignedTrailer}
		r.header, r.sent = chunked(big, end)
		if res, b := r.send(t, a.Endpoint); res.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, res.StatusCode, b)
		}
	}
	a.holds("broken", "there", old)
	if status, _, _, err := a.fetch("broken", "new", ""); err != nil || status != 404 {
		t.Errorf("half an object: %d, %v", status, err)
	}
	r = request{method: "GET", service: "s3", path: "/broken/parts", query: url.Values{"uploadId": {in.UploadId}}, creds: a.Creds}
	if res, b := r.send(t, a.Endpoint); res.StatusCode != 200 || strings.Contains(string(b), "<Part>") {
		t.Errorf("half a part: %d %s", res.StatusCode, b)
	}
	until(t, 10*time.Second, "the broken uploads' bytes to go", func() bool { return len(h.blobs(t)) == 1 })
	r = request{method: "PUT", service: "s3", path: "/broken/there", creds: a.Creds, payload: sigv4.StreamUnsignedTrailer}
	r.header, r.sent = chunked(big, "0\r\nx-amz-checksum-crc32:"+crc(big)+"\r\n\r\n")
	if res, b := r.send(t, a.Endpoint); res.StatusCode != 200 {
		t.Errorf("the whole: %d %s", res.StatusCode, b)
	}
	a.holds("broken", "there", big)
}

func crc(b []byte) string {
	h := crc32.NewIEEE()
	_, _ = h.Write(b)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// TestFlippedBits: what the disk changes is found and named, in the first block and in a later one; no changed byte is served.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	a.newBucket("flipped")
	want := noise(7, 1<<20)
	for i, at := range []int{20_000, 700_000} {
		key := fmt.Sprint("at", at)
		had := map[string]bool{}
		for _, p := range h.blobs(t) {
			had[p] = true
		}
		a.put("flipped", key, want)
		for _, p := range h.blobs(t) {
			if had[p] {
				continue
			}
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			b[at] ^= 0x10
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		status, b, _, err := a.fetch("flipped", key, "")
		if i == 0 && (err != nil || status != 500 || bytes.Contains(b, want[:1000])) {
			t.Errorf("first block: %d, %d bytes, %v", status, len(b), err)
		}
		if i == 1 && (err == nil || len(b) > at) { // the answer had begun: it is cut off
			t.Errorf("a later block: %d, %d bytes, %v", status, len(b), err)
		}
		if name := fmt.Sprintf("is damaged: block %d", at/(256<<10)); !strings.Contains(h.tail(), name) {
			t.Errorf("the log does not say %q", name)
		}
		if status, b, _, err := a.fetch("flipped", key, "bytes=300000-300099"); err != nil || status != 206 || !bytes.Equal(b, want[300000:300100]) {
			t.Errorf("a range of a whole block: %d, %d bytes, %v", status, len(b), err)
		}
	}
}

// TestFullDisk fills the disk: writes are refused and say why, nothing that was acknowledged is lost, and all goes on once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h, err := found(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	if err := syscall.Mount("none", h.data, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
		_ = syscall.Unmount(h.data, 0)
		if t.Failed() {
			t.Logf("daemon's log ends:\n%s", h.tail())
		}
		_ = os.RemoveAll(h.dir)
	})
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	a := h.root(t)
	a.newBucket("full")
	var kept [][]byte
	for i := 0; ; i++ {
		b := noise(uint64(i), 2<<20)
		if _, err = a.Object(t.Context(), http.MethodPut, "full", fmt.Sprint(i), nil, b); err != nil {
			break
		}
		if kept = append(kept, b); len(kept) > 20 {
			t.Fatal("the disk is never full")
		}
	}
	a.refused(err, 503, "ServiceUnavailable", "no space")
	if len(kept) < 3 {
		t.Fatalf("only %d objects fit", len(kept))
	}
	for i, b := range kept {
		a.holds("full", fmt.Sprint(i), b)
	}
	if n := len(h.blobs(t)); n != len(kept) {
		t.Errorf("%d files for %d objects", n, len(kept))
	}
	// To the last byte: not even the ledger can write.
	stuff := filepath.Join(h.data, "stuffing")
	f, err := os.Create(stuff)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	_ = f.Close()
	_, err = a.Object(t.Context(), http.MethodPut, "full", "small", nil, []byte("x"))
	a.refused(err, 503, "ServiceUnavailable")
	_, err = a.Object(t.Context(), http.MethodDelete, "full", "0", nil, nil)
	if err == nil {
		kept[0] = nil // it found a page that was free
	} else {
		a.refused(err, 503, "ServiceUnavailable")
	}
	h.kill()
	if err := os.Remove(stuff); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", h.data, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	a.Endpoint = h.http()
	for i, b := range kept {
		if b != nil {
			a.holds("full", fmt.Sprint(i), b)
		}
	}
	if status, _, _, _ := a.fetch("full", "small", ""); status != 404 {
		t.Errorf("what was refused is there: %d", status)
	}
	a.put("full", "small", []byte("x"))
	a.holds("full", "small", []byte("x"))
}

// long says whether tests may take minutes and gigabytes.
func long() bool { return os.Getenv("CLOISTER_LONG") != "" }

// sparse is n bytes that cost nothing to make.
type sparse struct{ left int64 }

func (s *sparse) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.left))
	clear(p[:n])
	p[0] = byte(s.left >> 16)
	s.left -= int64(n)
	return n, nil
}

// peak is the most memory that the daemon had, in bytes.
func (h *house) peak(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestGreatObject writes and reads one object of 300 MB, or of 5 GiB with CLOISTER_LONG, in memory that does not grow with it.
func TestGreatObject(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	a.newBucket("great")
	a.put("great", "small", noise(1, 100_000))
	a.holds("great", "small", noise(1, 100_000))
	size := int64(300 << 20)
	if long() {
		size = 5 << 30
	}
	before := h.peak(t)
	r := request{method: "PUT", service: "s3", path: "/great/one", creds: a.Creds, payload: sigv4.Unsigned}
	req, err := r.build(a.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(&sparse{size}), size
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
	r.method = "GET"
	if req, err = r.build(a.Endpoint); err != nil {
		t.Fatal(err)
	}
	if res, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	if grown := h.peak(t) - before; grown > 48<<20 {
		t.Errorf("the daemon grew by %d MiB for an object of %d MiB", grown>>20, size>>20)
	} else {
		t.Logf("%d MiB through a daemon that grew by %d to %d MiB", size>>20, grown>>20, h.peak(t)>>20)
	}
	if size < 5<<30 { // one byte over the most is refused before it is sent
		r.method = "PUT"
		if req, err = r.build(a.Endpoint); err != nil {
			t.Fatal(err)
		}
		req.Body, req.ContentLength = io.NopCloser(&sparse{5<<30 + 1}), 5<<30+1
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Skip("the connection was cut before the answer was read") // as net/http may see it
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); res.StatusCode != 400 || !strings.Contains(string(b), "EntityTooLarge") {
			t.Errorf("too large: %d %s", res.StatusCode, b)
		}
	}
}
