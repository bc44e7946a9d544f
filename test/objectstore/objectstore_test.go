// Package objectstore_test keeps Cloister's objects in a store that others wrote: versitygw, which serves S3 from a directory. Both
// are the real programs, and only their clients' sides are touched.
package objectstore_test

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // an ETag is MD5 by S3's contract
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

var cloister, versitygw string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "objectstore")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		for _, b := range []struct {
			path     *string
			in, what string
		}{{&cloister, "../..", "./cmd/cloister"}, {&versitygw, ".", "github.com/versity/versitygw/cmd/versitygw"}} {
			if p := os.Getenv("CLOISTER_BINARY"); p != "" && b.path == &cloister {
				cloister = p
				continue
			}
			*b.path = filepath.Join(dir, filepath.Base(b.what))
			build := exec.Command("go", "build", "-o", *b.path, b.what)
			build.Dir, build.Env, build.Stderr = b.in, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
			if err := build.Run(); err != nil {
				fmt.Fprintf(os.Stderr, "cannot build %s: %v\n", b.what, err)
				return 1
			}
		}
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
				os.Unsetenv(name)
			}
		}
		return m.Run()
	}())
}

// program is a child that can be killed.
type program struct {
	t    *testing.T
	args []string
	env  []string
	cmd  *exec.Cmd
	out  *bufio.Reader
	log  string // file of its standard error
}

func (p *program) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), p.env...), log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

func (p *program) tail() string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-4000):])
}

// gateway is versitygw over a directory.
type gateway struct {
	program
	dir, addr string
	api       *s3.Client
}

func serveGateway(t *testing.T) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{dir: t.TempDir(), addr: l.Addr().String()}
	_ = l.Close()
	g.program = program{t: t, log: filepath.Join(t.TempDir(), "log"), env: []string{"ROOT_ACCESS_KEY=store", "ROOT_SECRET_KEY=store-secret"},
		args: []string{versitygw, "--port", g.addr, "--keep-alive", "--quiet", "posix", g.dir}}
	t.Cleanup(g.kill)
	g.api = client(g.addr, "store", "store-secret")
	g.serve()
	if _, err := g.api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("backing")}); err != nil {
		t.Fatalf("%v: %s", err, g.tail())
	}
	return g
}

// serve starts it, and waits until it listens.
func (g *gateway) serve() {
	g.t.Helper()
	g.start()
	go func(r io.Reader) { _, _ = io.Copy(io.Discard, r) }(g.out)
	for end := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", g.addr); err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("versitygw does not listen: %s", g.tail())
		}
	}
}

// blobs are the files that hold blobs, and unfinished ones.
func (g *gateway) blobs() (whole, unfinished []string) {
	g.t.Helper()
	err := filepath.WalkDir(filepath.Join(g.dir, "backing"), func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir():
			return nil
		case err != nil:
			return err
		case strings.Contains(p, "/objects/blobs/"):
			whole = append(whole, p)
		case !strings.HasSuffix(p, "cloister.json"):
			unfinished = append(unfinished, p)
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return whole, unfinished
}

func client(addr, key, secret string) *s3.Client {
	return s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://" + addr), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""), RetryMaxAttempts: 1})
}

// house is a Cloister whose objects lie in a gateway.
type house struct {
	program
	data string
	api  *s3.Client
}

func serveCloister(t *testing.T, g *gateway) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "objectstore-house")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // the daemon of a root becomes another user, who must be able to pass
		t.Fatal(err)
	}
	h := &house{data: filepath.Join(dir, "data")}
	h.program = program{t: t, log: filepath.Join(dir, "log"), env: []string{"AWS_ACCESS_KEY_ID=store", "AWS_SECRET_ACCESS_KEY=store-secret"},
		args: []string{cloister, "serve", "-data", h.data, "-root-key", filepath.Join(dir, "key", "root.key"), "-listen", "127.0.0.1:0",
			"-objects", "s3://backing/objects?endpoint=" + url.QueryEscape("http://"+g.addr)}}
	t.Cleanup(h.kill)
	h.serve()
	return h
}

func (h *house) serve() {
	h.t.Helper()
	h.start()
	line, err := h.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready http=") {
		h.t.Fatalf("the daemon said %q: %v: %s", line, err, h.tail())
	}
	out, err := exec.Command(cloister, "env", "-data", h.data).Output()
	if err != nil {
		h.t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(rest, "=")
			env[name] = strings.Trim(value, `'"`)
		}
	}
	h.api = client(strings.TrimPrefix(env["AWS_ENDPOINT_URL"], "http://"), env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
}

func noise(seed, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b)
	return b
}

func (h *house) put(key string, b []byte) error {
	out, err := h.api.PutObject(h.t.Context(), &s3.PutObjectInput{Bucket: aws.String("front"), Key: &key, Body: bytes.NewReader(b)})
	if err == nil && *out.ETag != etag(b) {
		err = fmt.Errorf("ETag %s", *out.ETag)
	}
	return err
}

func etag(b []byte) string {
	h := md5.Sum(b) //nolint:gosec // see above
	return `"` + hex.EncodeToString(h[:]) + `"`
}

func (h *house) get(key, stretch string) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: aws.String("front"), Key: &key}
	if stretch != "" {
		in.Range = &stretch
	}
	out, err := h.api.GetObject(h.t.Context(), in)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func (h *house) holds(key string, want []byte) {
	h.t.Helper()
	if got, err := h.get(key, ""); err != nil || !bytes.Equal(got, want) {
		h.t.Errorf("%s: %d bytes of %d, %v", key, len(got), len(want), err)
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestWalk(t *testing.T) {
	g := serveGateway(t)
	h := serveCloister(t, g)
	ctx, front := t.Context(), aws.String("front")
	if _, err := h.api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: front}); err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{"empty": 0, "one": 1, "block": 256 << 10, "small": 100_000, "part": 8 << 20, "big": 33<<20 + 7}
	for key, n := range sizes {
		if err := h.put(key, noise(n, n)); err != nil {
			t.Fatalf("%s: %v: %s", key, err, h.tail())
		}
	}
	up, err := h.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: front, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	part, done := noise(5, 6<<20), []types.CompletedPart{}
	for n := int32(1); n <= 4; n++ {
		out, err := h.api.UploadPart(ctx, &s3.UploadPartInput{Bucket: front, Key: up.Key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(part)})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
		if n == 2 { // an upload in progress outlives the daemon
			h.kill()
			h.serve()
		}
	}
	if _, err := h.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: front, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}); err != nil {
		t.Fatal(err)
	}
	all := func() {
		t.Helper()
		for key, n := range sizes {
			h.holds(key, noise(n, n))
		}
		h.holds("parts", bytes.Repeat(part, 4))
		big := noise(sizes["big"], sizes["big"])
		for _, at := range []int{0, 1 << 20, 17<<20 + 3, len(big) - 100} {
			if got, err := h.get("big", fmt.Sprintf("bytes=%d-%d", at, at+99)); err != nil || !bytes.Equal(got, big[at:at+100]) {
				t.Errorf("100 bytes from %d: %d, %v", at, len(got), err)
			}
		}
	}
	all()
	if whole, unfinished := g.blobs(); len(whole) != len(sizes)+4 || len(unfinished) > 0 {
		t.Errorf("%d blobs lie in the store, and %v", len(whole), unfinished)
	}
	// The store goes and comes back.
	g.kill()
	if err := h.put("while away", part); code(err) != "ServiceUnavailable" {
		t.Errorf("put without a store: %v", err)
	}
	if _, err := h.get("big", ""); code(err) != "ServiceUnavailable" {
		t.Errorf("get without a store: %v", err)
	}
	g.serve()
	all()
	// A flipped bit is found and named.
	whole, _ := g.blobs()
	for _, p := range whole {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 100_000 && len(b) < 101_000 {
			b[5000] ^= 0x20
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := h.get("small", ""); code(err) != "InternalError" || len(got) > 0 || !strings.Contains(h.tail(), filepath.Base(p)+" is damaged: block 0") {
				t.Errorf("damaged: %d bytes, %v: %s", len(got), err, h.tail())
			}
		}
	}
	// Everything goes that was put.
	for key := range sizes {
		if _, err := h.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: front, Key: &key}); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: front, Key: up.Key}); err != nil {
		t.Error(err)
	}
	if whole, unfinished := g.blobs(); len(whole)+len(unfinished) != 0 {
		t.Errorf("left in the store: %v, %v", whole, unfinished)
	}
}

// TestKillUnderLoad kills the daemon while several clients write: what was acknowledged is there afterwards, whole, and the store holds
// nothing that no row knows.
func TestKillUnderLoad(t *testing.T) {
	g := serveGateway(t)
	h := serveCloister(t, g)
	if _, err := h.api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("front")}); err != nil {
		t.Fatal(err)
	}
	type object struct{ seed, size int }
	sure := map[string]object{}
	for round := range 4 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		maybe, answers, enough := map[string]object{}, 0, make(chan struct{})
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d", w, i%5)
					o := object{round*1000 + i*10 + w, []int{100, 300_000, 9 << 20}[(i+w)%3]}
					mu.Lock()
					maybe[key] = o
					mu.Unlock()
					err := h.put(key, noise(o.seed, o.size))
					if err != nil {
						return
					}
					mu.Lock()
					sure[key] = o
					delete(maybe, key)
					if answers++; answers == 20 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		h.kill()
		wg.Wait()
		h.serve()
		for key, o := range maybe {
			got, err := h.get(key, "")
			_, had := sure[key]
			switch {
			case err == nil && bytes.Equal(got, noise(o.seed, o.size)):
				sure[key] = o
			case code(err) == "NoSuchKey" && !had:
			case err != nil || !had:
				t.Errorf("%s, never acknowledged: %d bytes, %v", key, len(got), err)
			}
		}
		for key, o := range sure {
			h.holds(key, noise(o.seed, o.size))
		}
		for end := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
			whole, unfinished := g.blobs()
			if len(whole) == len(sure) && len(unfinished) == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%d blobs for %d objects, and %v", len(whole), len(sure), unfinished)
			}
		}
	}
}
