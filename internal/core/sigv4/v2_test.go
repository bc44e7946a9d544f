package sigv4

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// The examples of the S3 User Guide, "Signing and authenticating REST requests", for query strings: the key is the guide's own.
func TestV2(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	r := &Request{Method: "GET", Path: "/photos/puppy.jpg", Header: map[string][]string{}}
	const ends = 1175139620
	sign := url.QueryEscape(SignV2(r, "awsexamplebucket1", secret, ends, ""))
	base := "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&Signature=" + sign
	now := time.Unix(ends-60, 0)
	for _, x := range []struct {
		name, method, path, query string
		header                    map[string][]string
		now                       time.Time
		ok                        bool
	}{
		{"as it was signed", "GET", r.Path, base, nil, now, true},
		{"a header of the transport", "GET", r.Path, base, map[string][]string{"Accept": {"*/*"}}, now, true},
		{"another method", "PUT", r.Path, base, nil, now, false},
		{"another key", "GET", "/photos/kitten.jpg", base, nil, now, false},
		{"later", "GET", r.Path, base, nil, now.Add(2 * time.Minute), false},
		{"a longer life", "GET", r.Path, strings.Replace(base, "1175139620", "1999999999", 1), nil, now, false},
		{"another version", "GET", r.Path, base + "&versionId=1", nil, now, false},
		{"an x-amz header", "GET", r.Path, base, map[string][]string{"X-Amz-Acl": {"private"}}, now, false},
		{"an x-amz parameter", "GET", r.Path, base + "&x-amz-acl=private", nil, now, false},
		{"a parameter that means something new", "GET", r.Path, base + "&novel=1", nil, now, false},
		{"a parameter twice", "GET", r.Path, base + "&prefix=a&prefix=b", nil, now, false},
		{"no signature", "GET", r.Path, "AWSAccessKeyId=A&Expires=1175139620&Signature=", nil, now, false},
		{"no number", "GET", r.Path, strings.Replace(base, "1175139620", "soon", 1), nil, now, false},
		{"frames", "GET", r.Path, base, map[string][]string{"X-Amz-Content-Sha256": {StreamSigned}}, now, false},
	} {
		if x.header == nil {
			x.header = map[string][]string{}
		}
		q := &Request{Method: x.method, Path: x.path, RawQuery: x.query, Header: x.header}
		a, f := Parse(q)
		if f == nil {
			f = a.Verify(q, Check{Secret: secret, Service: "s3", Now: x.now, Bucket: "awsexamplebucket1"})
		}
		if (f == nil) != x.ok {
			t.Errorf("%s: %v", x.name, f)
		}
	}
	// What the signer put into the URL speaks as a header, and is signed as one.
	put := &Request{Method: "PUT", Path: "/b/k", Header: map[string][]string{"X-Amz-Meta-A": {"1"}, "Content-Type": {"text/plain"}}}
	got := &Request{Method: "PUT", Path: "/b/k", Header: map[string][]string{"Content-Type": {"text/plain"}}}
	got.RawQuery = "AWSAccessKeyId=A&Expires=1175139620&x-amz-meta-a=1&x-amz-security-token=tok&Signature=" + url.QueryEscape(SignV2(put, "", secret, ends, "tok"))
	a, f := Parse(got)
	if f != nil || a.Token != "tok" || get(got.Header, "x-amz-meta-a") != "1" {
		t.Fatalf("%+v, %v, %v", a, f, got.Header)
	}
	if f := a.Verify(got, Check{Secret: secret, Service: "s3", Now: now}); f != nil {
		t.Error(f)
	}
	if f := a.Verify(got, Check{Secret: secret, Service: "iam", Now: now}); f == nil {
		t.Error("another service takes Version 2")
	}
}
