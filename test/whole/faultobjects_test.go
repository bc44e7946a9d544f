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

// little starts a daemon whose data lie on a small disk.
func little(t *testing.T, size string) *house {
	t.Helper()
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
	if err := syscall.Mount("none", h.data, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
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
	return h
}

// stuff fills the house's disk but for so many bytes, until it is told to empty it.
func (h *house) stuff(t *testing.T, leave int64) (empty func()) {
	t.Helper()
	stuff := filepath.Join(h.data, "stuffing")
	f, err := os.Create(stuff)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if st, serr := f.Stat(); serr != nil || f.Truncate(st.Size()-leave) != nil {
		t.Fatal("cannot stuff the disk: ", serr)
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(stuff); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDiskInTraining: a training for whose model there is no room fails and says so, and leaves nothing; on a disk that is full to the last
// byte it waits for room to write down what became of it. The daemon lives on, and what was there stays.
func TestFullDiskInTraining(t *testing.T) {
	t.Parallel()
	h := little(t, "48m")
	s := siteIn(t, h)
	var rows strings.Builder
	for i := range 1000 { // of many words: its model is large
		fmt.Fprintf(&rows, "%s,", []string{"SEA", "LAND"}[i%2])
		for j := range 20 {
			fmt.Fprintf(&rows, "w%dx%d ", i, j*j)
		}
		rows.WriteByte('\n')
	}
	s.put(s.bucket, "train/0.csv", []byte(meals()))
	s.put(s.bucket, "train/1.csv", []byte(rows.String()))
	s.put(s.bucket, "kept", noise(3, 1<<20))
	blobs, size := len(h.blobs(t)), int64(0)
	for _, p := range h.blobs(t) {
		if st, err := os.Stat(p); err == nil {
			size -= st.Size()
		}
	}
	good := s.create(s.classifier("first", "train/", nil))
	if p := s.settled(good); p["Status"] != "TRAINED" {
		t.Fatal(p)
	}
	if n := len(h.blobs(t)); n != blobs+1 {
		t.Fatalf("%d blobs for %d objects and a model", n, blobs)
	}
	model := size
	for _, p := range h.blobs(t) {
		if st, err := os.Stat(p); err == nil {
			model += st.Size()
		}
	}
	for _, x := range []struct {
		name  string
		leave int64 // of the disk, when the training has read its data
		full  bool  // the ledger's last pages, too
		says  string
	}{
		{"no room for the model", model / 2, false, "write model: no space"},
		{"room for the model once", model + model/2, false, "cannot keep a model"}, // it is copied out of the job's scratch
		{"no room for the ledger", 0, true, "no space"},
	} {
		var arn string
		release := s.hold(1, func() { arn = s.create(s.classifier(strings.ReplaceAll(x.name, " ", "-"), "train/", nil)) })
		empty := h.stuff(t, x.leave)
		if x.full {
			var err error
			for n := 0; err == nil; n++ {
				_, err = s.ask("iam", "CreateRole", "RoleName", fmt.Sprint("Filler-", n), "Description", strings.Repeat("x", 1000), "AssumeRolePolicyDocument", trust)
			}
			s.refused(err, 503, "ServiceUnavailable", "disk is full")
		}
		release()
		until(t, 2*time.Minute, "the training's processes to end", func() bool { // to ask the daemon would fill the disk with its events
			b, err := os.ReadFile(h.log)
			if err != nil {
				t.Fatal(err)
			}
			for l := range strings.Lines(string(b)) {
				if strings.Contains(l, arn) && (strings.Contains(l, `"step":"analyze"`) || strings.Contains(l, "cannot carry on a job")) {
					return true
				}
			}
			return false
		})
		empty()
		want := blobs + 1
		p := s.settled(arn)
		if x.full && p["Status"] == "TRAINED" { // what became of it could not be written down, so it was trained again
			want++
		} else if got := fmt.Sprint(p["Message"]); p["Status"] != "IN_ERROR" || got != "INTERNAL_ERROR: The host has no space left for what the job makes." {
			t.Errorf("%s: %v %s\n%s", x.name, p["Status"], got, s.why(arn))
		} else {
			holds(t, s.why(arn), x.says)
		}
		if n := len(h.blobs(t)); n != want {
			t.Errorf("%s: %d blobs, want %d", x.name, n, want)
		}
		s.holds(s.bucket, "kept", noise(3, 1<<20))
	}
	b, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "cannot carry on a job"); n > 20 {
		t.Errorf("the runner tried %d times in vain", n)
	}
	h.kill()
	s.again()
	s.holds(s.bucket, "kept", noise(3, 1<<20))
	s.put(s.bucket, "in/d.txt", []byte("A ship\n"))
	out, err := s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": good, "VpcConfig": nil}))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.ended("DocumentClassificationJob", out["JobId"].(string)); p["JobStatus"] != "COMPLETED" {
		t.Errorf("%v", p)
	}
}

// TestFullDisk fills the disk: writes are refused and say why, nothing that was acknowledged is lost, and all goes on once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := little(t, "24m")
	a := h.root(t)
	a.newBucket("full")
	var kept [][]byte
	var err error
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
	empty := h.stuff(t, 0)
	_, err = a.Object(t.Context(), http.MethodPut, "full", "small", nil, []byte("x"))
	a.refused(err, 503, "ServiceUnavailable")
	_, err = a.Object(t.Context(), http.MethodDelete, "full", "0", nil, nil)
	if err == nil {
		kept[0] = nil // it found a page that was free
	} else {
		a.refused(err, 503, "ServiceUnavailable")
	}
	h.kill()
	empty()
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
