package sigv4

import (
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
)

func sum(name, s string) string {
	h := checksum.New(name)
	_, _ = io.WriteString(h, s)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestBody(t *testing.T) {
	m := md5.Sum([]byte("hello"))
	md5sum := base64.StdEncoding.EncodeToString(m[:])
	crc := sum("crc32", "hello")
	const trailer = StreamUnsignedTrailer
	type header = map[string][]string
	chunked := func(names ...string) header {
		return header{"X-Amz-Content-Sha256": {trailer}, "X-Amz-Decoded-Content-Length": {"5"}, "X-Amz-Trailer": names}
	}
	for _, c := range []struct {
		name string
		h    header
		body string
		code string // of the fault; "" passes
	}{
		{"plain hash", header{"X-Amz-Content-Sha256": {Hash([]byte("hello"))}}, "hello", ""},
		{"plain hash wrong", header{"X-Amz-Content-Sha256": {Hash([]byte("hello"))}}, "hellO", "BodyMismatch"},
		{"plain hash short", header{"X-Amz-Content-Sha256": {Hash([]byte("hello"))}}, "hell", "BodyMismatch"},
		{"unsigned", header{"X-Amz-Content-Sha256": {Unsigned}}, "hello", ""},
		{"unknown mode", header{"X-Amz-Content-Sha256": {"STREAMING-X"}}, "hello", "BodyMismatch"},
		{"md5", header{"Content-Md5": {md5sum}}, "hello", ""},
		{"md5 wrong", header{"Content-Md5": {md5sum}}, "hellO", "BodyMismatch"},
		{"md5 malformed", header{"Content-Md5": {"xx"}}, "hello", "InvalidDigest"},
		{"checksum header", header{"X-Amz-Checksum-Crc64nvme": {sum("crc64nvme", "hello")}}, "hello", ""},
		{"checksum header wrong", header{"X-Amz-Checksum-Sha1": {sum("sha1", "x")}}, "hello", "BodyMismatch"},
		{"checksum malformed", header{"X-Amz-Checksum-Crc32": {"zz"}}, "hello", "InvalidRequest"},
		{"mode is no checksum", header{"X-Amz-Checksum-Mode": {"ENABLED"}}, "hello", ""},
		{"frames", chunked("x-amz-checksum-crc32"), "5;of=nothing\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", ""},
		{"small frame not the last", chunked("x-amz-checksum-crc32"), "3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "InvalidChunkSizeError"},
		{"last line left out", chunked("x-amz-checksum-crc32"), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n", "IncompleteBody"},
		{"line feeds alone", chunked(), "5\nhello\n0\n\n", "IncompleteBody"},
		{"trailer malformed", chunked("x-amz-checksum-crc32"), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:zz\r\n\r\n", "InvalidRequest"},
		{"two checksums", header{"X-Amz-Checksum-Crc32": {crc}, "X-Amz-Checksum-Sha1": {sum("sha1", "hello")}}, "hello", "InvalidRequest"},
		{"no trailers", chunked(), "5\r\nhello\r\n0\r\n\r\n", ""},
		{"trailer wrong", chunked("x-amz-checksum-crc32"), "5\r\nhellO\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "BodyMismatch"},
		{"trailer missing", chunked("x-amz-checksum-crc32"), "5\r\nhello\r\n0\r\n\r\n", "MalformedTrailerError"},
		{"trailer not announced", chunked(), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "MalformedTrailerError"},
		{"trailer twice", chunked("x-amz-checksum-crc32"), "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "MalformedTrailerError"},
		{"trailer of no kind", chunked("x-amz-meta-a"), "", "InvalidRequest"},
		{"shorter than said", chunked(), "4\r\nhell\r\n0\r\n\r\n", "IncompleteBody"},
		{"longer than said", chunked(), "6\r\nhello!\r\n0\r\n\r\n", "IncompleteBody"},
		{"torn frame", chunked(), "5\r\nhel", "IncompleteBody"},
		{"no last frame", chunked(), "5\r\nhello\r\n", "IncompleteBody"},
		{"bad size", chunked(), "z\r\n", "IncompleteBody"},
		{"endless line", chunked(), strings.Repeat("0", 5000), "IncompleteBody"},
		{"data behind", chunked(), "5\r\nhello\r\n0\r\n\r\nmore", "IncompleteBody"},
		{"no length", header{"X-Amz-Content-Sha256": {trailer}}, "0\r\n\r\n", "MissingContentLength"},
		{"signed frames, unsigned request", header{"X-Amz-Content-Sha256": {StreamSigned}}, "", "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := func(f *fault.Fault) string {
				if f.Code != "" {
					return f.Code
				}
				return f.Kind.String()
			}
			for _, src := range []io.Reader{strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body)), iotest.DataErrReader(strings.NewReader(c.body))} {
				var none *Auth
				b, f := none.Stream(&Request{Header: c.h}, src, "", true)
				if f != nil {
					if code(f) != c.code {
						t.Errorf("%v, want %q", f, c.code)
					}
					continue
				}
				got, err := io.ReadAll(b)
				if c.code == "" {
					if err != nil || string(got) != "hello" {
						t.Errorf("%q, %v", got, err)
					}
					continue
				}
				if !errors.As(err, &f) || code(f) != c.code {
					t.Errorf("%v, want %q", err, c.code)
				}
				if _, again := b.Read(make([]byte, 1)); !errors.Is(again, err) {
					t.Errorf("a second read gives %v", again)
				}
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	var none *Auth
	crc := sum("crc32", "hello")
	b, f := none.Stream(&Request{Header: map[string][]string{"X-Amz-Content-Sha256": {StreamUnsignedTrailer}, "X-Amz-Decoded-Content-Length": {"5"}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}},
		strings.NewReader("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:"+crc+"\r\n\r\n"), "", true)
	if f != nil {
		t.Fatal(f)
	}
	if b.Length() != 5 || b.Trailers() != nil {
		t.Errorf("length %d, trailers %v before the end", b.Length(), b.Trailers())
	}
	if _, err := io.ReadAll(b); err != nil || b.Trailers()["x-amz-checksum-crc32"] != crc {
		t.Errorf("%v, %v", b.Trailers(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="+emptyHash, "", "/a")
	f.Add("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA/20130524/us-east-1/s3/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="+emptyHash, "/%2e%2e//b")
	f.Fuzz(func(t *testing.T, head, query, path string) {
		r := &Request{Method: "GET", Path: path, RawQuery: query, Host: "h", Header: map[string][]string{"X-Amz-Date": {"20130524T000000Z"}}}
		if head != "" {
			r.Header["Authorization"] = []string{head}
		}
		a, bad := Parse(r)
		if bad != nil || a == nil {
			return
		}
		if v := a.Verify(r, Check{Secret: "s", Service: a.Service, Now: a.Time, Body: emptyHash}); v == nil {
			t.Fatal("a guessed signature passes")
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n")
	f.Add("0\r\n\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		var none *Auth
		b, bad := none.Stream(&Request{Header: map[string][]string{"X-Amz-Content-Sha256": {StreamUnsignedTrailer}, "X-Amz-Decoded-Content-Length": {"5"}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}}, strings.NewReader(body), "", true)
		if bad != nil {
			t.Fatal(bad)
		}
		if got, err := io.ReadAll(b); err == nil && sum("crc32", string(got)) != b.Trailers()["x-amz-checksum-crc32"] {
			t.Fatal("a body passes that its trailer does not fit")
		}
	})
}

// Where nobody verifies the request, the signatures of its frames are passed over, and everything else still holds.
func TestUnprovedFrames(t *testing.T) {
	const sig = ";chunk-signature=0000000000000000000000000000000000000000000000000000000000000000"
	for payload, body := range map[string]string{
		StreamSigned:        "5" + sig + "\r\nhello\r\n0" + sig + "\r\n\r\n",
		StreamSignedTrailer: "5" + sig + "\r\nhello\r\n0" + sig + "\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:00\r\n\r\n",
	} {
		h := map[string][]string{"X-Amz-Decoded-Content-Length": {"5"}}
		if payload == StreamSignedTrailer {
			h["X-Amz-Trailer"] = []string{"x-amz-checksum-crc32"}
		}
		for _, unproved := range []bool{true, false} {
			a := &Auth{Payload: payload, Unproved: unproved, Time: time.Now()}
			b, f := a.Stream(&Request{Header: h}, strings.NewReader(body), "", true)
			if f != nil {
				t.Fatal(f)
			}
			got, err := io.ReadAll(b)
			if ok := err == nil && string(got) == "hello"; ok != unproved {
				t.Errorf("%s, unproved %v: %q %v", payload, unproved, got, err)
			}
		}
	}
}
