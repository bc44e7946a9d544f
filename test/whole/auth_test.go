package whole_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/core/sigv4"
)

// form is one protocol: a call that is allowed, and the codes of refusals in that protocol (with the HTTP status).
type form struct {
	name     string
	call     request
	open     string // how the answer's body begins
	tampered string
	secret   string
	skewed   string
	unsigned string
	unknown  string
	token    string
}

func forms(bucket string) []form {
	query := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return []form{
		{"json", request{method: "POST", service: "comprehend", path: "/", body: []byte("{}"),
			header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Comprehend_20171127.ListDominantLanguageDetectionJobs"}}},
			`{"__type":"`, "400 InvalidSignatureException", "400 InvalidSignatureException", "400 InvalidSignatureException", "400 MissingAuthenticationTokenException",
			"400 UnrecognizedClientException", "400 UnrecognizedClientException"},
		{"query", request{method: "POST", service: "iam", path: "/", header: query, body: []byte("Action=ListUsers&Version=2010-05-08")},
			"<ErrorResponse", "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch", "403 MissingAuthenticationToken", "403 InvalidClientTokenId", "403 InvalidClientTokenId"},
		{"ec2", request{method: "POST", service: "ec2", path: "/", header: query, body: []byte("Action=DescribeVpcs&Version=2016-11-15")},
			"<Response", "401 AuthFailure", "401 AuthFailure", "400 RequestExpired", "403 MissingAuthenticationToken", "401 AuthFailure", "401 AuthFailure"},
		{"s3", request{method: "PUT", service: "s3", path: "/" + bucket + "/key", body: []byte("abc")},
			"<Error", "400 XAmzContentSHA256Mismatch", "403 SignatureDoesNotMatch", "403 RequestTimeTooSkewed", "403 AccessDenied", "403 InvalidAccessKeyId", "400 InvalidToken"},
		{"rest-json", request{method: "GET", service: "bedrock", path: "/guardrails"},
			`{"`, "", "403 InvalidSignatureException", "403 InvalidSignatureException", "", "403 UnrecognizedClientException", "403 UnrecognizedClientException"},
	}
}

// TestAuthentication refuses what is not signed as it should be, each protocol in its own form.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, f := range forms(s.bucket) {
		f.call.creds, f.call.from = s.Creds, "127.0.0.4"
		t.Run(f.name, func(t *testing.T) {
			try := func(name, want string, change func(r *request)) {
				t.Helper()
				if want == "" {
					return
				}
				r := f.call
				change(&r)
				res, b := r.send(t, s.Endpoint)
				status, code, _ := strings.Cut(want, " ")
				text := strings.TrimPrefix(string(b), `<?xml version="1.0" encoding="UTF-8"?>`)
				if res.Status[:3] != status || !strings.Contains(text, code) && res.Header.Get("X-Amzn-Errortype") != code {
					t.Errorf("%s: %d %s, want %s", name, res.StatusCode, b, want)
				}
				if begin := f.open; name != "unsigned" && !strings.HasPrefix(strings.TrimSpace(text), begin) {
					t.Errorf("%s: %s is not of the protocol's form", name, b)
				}
			}
			if res, b := f.call.send(t, s.Endpoint); res.StatusCode != 200 && f.name != "rest-json" {
				t.Fatalf("the call itself: %d %s", res.StatusCode, b)
			}
			try("tampered body", f.tampered, func(r *request) { r.sent = bytes.Replace(r.body, []byte{r.body[len(r.body)-1]}, []byte("!"), 1) })
			try("wrong secret", f.secret, func(r *request) { r.creds.Secret += "x" })
			try("an hour ago", f.skewed, func(r *request) { r.at = time.Now().Add(-time.Hour) })
			try("in an hour", f.skewed, func(r *request) { r.at = time.Now().Add(time.Hour) })
			try("unsigned", f.unsigned, func(r *request) { r.unsigned = true })
			try("unknown key", f.unknown, func(r *request) { r.creds.AccessKey = "AKIAAAAAAAAAAAAAAAAA" })
			try("a token that is not the key's", f.token, func(r *request) { r.creds.Token = "abc" })
			try("another service's signature", map[string]string{"s3": "400 AuthorizationHeaderMalformed"}[f.name], func(r *request) { r.header = http.Header{"Authorization": {"AWS4-HMAC-SHA256 x"}}; r.unsigned = true })
		})
	}
	// Nothing of what was refused is there.
	b, err := s.Object(t.Context(), http.MethodGet, s.bucket, "key", nil, nil)
	if err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestS3Signatures are the forms that S3 alone takes.
func TestS3Signatures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "key", []byte("abc"))
	get := request{method: http.MethodGet, service: "s3", path: "/" + s.bucket + "/key", creds: s.Creds, from: "127.0.0.5"}
	put := get
	put.method, put.body = http.MethodPut, []byte("new")
	with := func(r request, f func(*request)) request { f(&r); return r }
	cases := []struct {
		name string
		r    request
		want string
	}{
		{"presigned", with(get, func(r *request) { r.expires = time.Minute }), "200 abc"},
		{"presigned and expired", with(get, func(r *request) { r.expires, r.at = time.Minute, time.Now().Add(-2*time.Minute) }), "403 Request has expired"},
		{"presigned for too long", with(get, func(r *request) { r.expires = 8 * 24 * time.Hour }), "400 AuthorizationQueryParametersError"},
		{"presigned with a wrong secret", with(get, func(r *request) { r.expires, r.creds.Secret = time.Minute, "x" }), "403 SignatureDoesNotMatch"},
		{"presigned put", with(put, func(r *request) { r.expires = time.Minute }), "200 "},
		{"unsigned payload over plain HTTP", with(put, func(r *request) { r.payload = sigv4.Unsigned }), "200 "},
		{"anonymous", with(get, func(r *request) { r.unsigned = true }), "403 AccessDenied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			res, b := c.r.send(t, s.Endpoint)
			status, words, _ := strings.Cut(c.want, " ")
			if res.Status[:3] != status || !strings.Contains(string(b), words) {
				t.Errorf("%d %s, want %s", res.StatusCode, b, c.want)
			}
		})
	}
}

// TestUnsignedPayloadElsewhere: only S3 takes a body that nobody signed.
func TestUnsignedPayloadElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, f := range forms(s.bucket) {
		if f.tampered == "" || f.name == "s3" {
			continue
		}
		r := f.call
		r.creds, r.payload, r.from = s.Creds, sigv4.Unsigned, "127.0.0.6"
		res, b := r.send(t, s.Endpoint)
		if status, code, _ := strings.Cut(f.secret, " "); res.Status[:3] != status || !strings.Contains(string(b), code) {
			t.Errorf("%s: %d %s", f.name, res.StatusCode, b)
		}
	}
}

// TestLongBody: nobody but S3 takes more than 1 MiB.
func TestLongBody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, f := range forms(s.bucket) {
		if f.tampered == "" || f.name == "s3" {
			continue
		}
		for _, unsigned := range []bool{false, true} {
			r := f.call
			r.creds, r.unsigned, r.from = s.Creds, unsigned, "127.0.0.7"
			r.body = append(bytes.Clone(r.body), bytes.Repeat([]byte(" "), 1<<20)...)
			if res, b := r.send(t, s.Endpoint); res.StatusCode != 413 {
				t.Errorf("%s (unsigned: %v): %d %s", f.name, unsigned, res.StatusCode, b)
			}
		}
	}
}

// TestFlood: an address whose calls can't be authenticated is turned away for the rest of the second, others are not.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, f := range forms(s.bucket) {
		if f.tampered == "" {
			continue
		}
		for _, kind := range []string{"unsigned", "wrong secret"} {
			r := f.call
			r.creds = s.Creds
			r.unsigned = kind == "unsigned"
			r.creds.Secret += "x"
			r.from = "127.0.1." + map[bool]string{true: "1", false: "2"}[r.unsigned]
			var mu sync.Mutex
			away, told := 0, ""
			var wg sync.WaitGroup
			for range 4 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 150 {
						res, b := r.send(t, s.Endpoint)
						if strings.Contains(string(b), "could not be authenticated") {
							mu.Lock()
							away, told = away+1, res.Status[:3]+" "+string(b)
							mu.Unlock()
						}
					}
				}()
			}
			wg.Wait()
			if away == 0 {
				t.Errorf("%s, %s: 600 calls, and none was turned away", f.name, kind)
				continue
			}
			if !strings.Contains(told, "Throttl") && !strings.Contains(told, "TooManyRequests") && !strings.Contains(told, "RequestLimitExceeded") && !strings.Contains(told, "SlowDown") {
				t.Errorf("%s, %s: turned away as %s", f.name, kind, told)
			}
		}
	}
	if _, err := s.ask("sts", "GetCallerIdentity"); err != nil {
		t.Errorf("another address: %v", err)
	}
}

// TestDev: on loopback an unknown key is root, a known one must still be proved; reset takes what no web page can send.
func TestDev(t *testing.T) {
	t.Parallel()
	h := open(t, "-dev")
	if b, _ := os.ReadFile(h.log); !strings.Contains(string(b), "WARNING: -dev") {
		t.Error("no warning")
	}
	who := func(key, secret string) (string, error) {
		n, err := (&actor{TB: t, Client: h.client(sigv4.Credentials{AccessKey: key, Secret: secret})}).ask("sts", "GetCallerIdentity")
		return n.text("Arn"), err
	}
	for key, want := range map[string]string{"test": "arn:aws:iam::123456789012:root", "AKIAAAAAAAAAAAAAAAAA": "arn:aws:iam::123456789012:root", "222222222222": "arn:aws:iam::222222222222:root",
		"000000000000": "arn:aws:iam::123456789012:root"} {
		if got, err := who(key, "anything"); got != want {
			t.Errorf("%s is %q, %v", key, got, err)
		}
	}
	op := h.operator(t)
	_, err := who(op.Creds.AccessKey, "anything")
	op.refused(err, 403, "SignatureDoesNotMatch")
	op.newBucket("before-reset")

	cases := []struct {
		name, host, origin, header string
		status                     int
	}{
		{"without the header", "", "", "", 403},
		{"from a page elsewhere", "", "http://example.com", "yes", 403},
		{"from a page on another port", "", "http://127.0.0.1:1", "yes", 403},
		{"a null origin", "", "null", "yes", 403},
		{"a name that was made to lead here", "evil.example.com", "", "yes", 403},
		{"as it should be", "", "", "yes", 200},
	}
	for _, c := range cases {
		req, err := http.NewRequest(http.MethodPost, h.http()+"/_cloister/reset", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		if c.header != "" {
			req.Header.Set("X-Cloister-Reset", c.header)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("reset %s: %d %s", c.name, res.StatusCode, b)
		}
		_, err = op.Object(t.Context(), http.MethodGet, "before-reset", "", url.Values{"location": {""}}, nil)
		if gone := err != nil; gone != (c.status == 200) {
			t.Errorf("after a reset %s the bucket gives %v", c.name, err)
		}
	}
	if err := h.end(); err != nil { // a daemon that was emptied starts again
		t.Error(err)
	}
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	if _, err := who("test", "anything"); err == nil {
		t.Error("without -dev an unknown key is let in")
	}
	if res, err := http.Post(h.http()+"/_cloister/reset", "", nil); err != nil || res.StatusCode != 403 {
		t.Errorf("reset without -dev: %v, %v", res, err)
	}
}

// TestDevNeedsLoopback: -dev on an address that others reach is refused.
func TestDevNeedsLoopback(t *testing.T) {
	bin := program(t)
	_ = bin
	h, err := found(bin)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.serve("-dev", "-listen", "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("-dev on all addresses: %v", err)
		_ = h.end()
	}
}

// TestHealth answers without keys.
func TestHealth(t *testing.T) {
	t.Parallel()
	h := common(t)
	for _, p := range []string{"/_cloister/health", "/_localstack/health"} {
		res, err := http.Get(h.http() + p)
		if err != nil {
			t.Fatal(err)
		}
		var out struct{ Services map[string]string }
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Services["comprehend"] != "running" {
			t.Errorf("%s: %v, %v", p, out, err)
		}
		res.Body.Close()
	}
}
