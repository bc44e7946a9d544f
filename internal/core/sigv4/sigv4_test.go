package sigv4

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fault"
)

const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	suiteSecret   = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// auth writes an Authorization header of the S3 examples.
func auth(signed, sig string) string {
	return "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + signed + ",Signature=" + sig
}

// Sources: S3 API Reference, "Examples: Signature Calculations" (get, put, lifecycle, list); "Authenticating Requests: Using
// Query Parameters" (presigned); IAM User Guide, "Create a signed AWS API request" in its form of 2015 (ListUsers).
func TestVectors(t *testing.T) {
	empty := Hash(nil)
	for _, c := range []struct {
		name, secret, service, body string
		now                         time.Time
		r                           Request
	}{
		{"get object", exampleSecret, "s3", "", exampleTime, Request{"GET", "/test.txt", "", "examplebucket.s3.amazonaws.com", map[string][]string{
			"Range": {"bytes=0-9"}, "X-Amz-Content-Sha256": {empty}, "X-Amz-Date": {"20130524T000000Z"},
			"Authorization": {auth("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}}}},
		{"put object", exampleSecret, "s3", "", exampleTime, Request{"PUT", "/test%24file.text", "", "examplebucket.s3.amazonaws.com", map[string][]string{
			"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
			"X-Amz-Content-Sha256": {"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
			"Authorization":        {auth("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}}}},
		{"get lifecycle", exampleSecret, "s3", "", exampleTime, Request{"GET", "/", "lifecycle", "examplebucket.s3.amazonaws.com", map[string][]string{
			"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Content-Sha256": {empty},
			"Authorization": {auth("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")}}}},
		{"list objects", exampleSecret, "s3", "", exampleTime, Request{"GET", "/", "max-keys=2&prefix=J", "examplebucket.s3.amazonaws.com", map[string][]string{
			"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Content-Sha256": {empty},
			"Authorization": {auth("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}}}},
		{"presigned", exampleSecret, "s3", "", exampleTime, Request{"GET", "/test.txt", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "examplebucket.s3.amazonaws.com", nil}},
		{"list users", suiteSecret, "iam", empty, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), Request{"GET", "/", "Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", map[string][]string{
			"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "X-Amz-Date": {"20150830T123600Z"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, f := Parse(&c.r)
			if f != nil {
				t.Fatal(f)
			}
			check := Check{Secret: c.secret, Service: c.service, Region: "us-east-1", Now: c.now, Body: c.body}
			if f := a.Verify(&c.r, check); f != nil {
				t.Fatal(f)
			}
			check.Secret += "x"
			if f := a.Verify(&c.r, check); f == nil || f.Kind != fault.BadSignature {
				t.Errorf("a wrong secret gives %v", f)
			}
		})
	}
}

// What Sign and Presign make, Parse and Verify take; what is changed afterwards they refuse.
func TestSignVerify(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	creds := Credentials{"AKIAEXAMPLE", "secret", "token"}
	for _, service := range []string{"s3", "comprehend"} {
		make1 := func() *Request {
			return &Request{"POST", "/a%20b//../c", "x=1&a=%2F&x=0&e", "h.example:4566", map[string][]string{"X-Amz-Target": {"T.Op"}, "Content-Type": {"a  b"}, "User-Agent": {"me"}}}
		}
		body := Hash([]byte("hello"))
		check := Check{Secret: "secret", Service: service, Region: "eu-west-1", Now: now.Add(time.Minute)}
		if service != "s3" {
			check.Body = body
		}
		for name, change := range map[string]func(*Request, *Check){
			"nothing": func(*Request, *Check) {},
			"method":  func(r *Request, _ *Check) { r.Method = "PUT" },
			"path":    func(r *Request, _ *Check) { r.Path = "/d" },
			"query":   func(r *Request, _ *Check) { r.RawQuery += "&y=1" },
			"host":    func(r *Request, _ *Check) { r.Host = "other" },
			"header":  func(r *Request, _ *Check) { r.Header["Content-Type"] = []string{"c"} },
			"extra":   func(r *Request, _ *Check) { r.Header["X-Amz-Acl"] = []string{"public-read"} },
			"token":   func(r *Request, _ *Check) { r.Header["X-Amz-Security-Token"] = []string{"other"} },
			"region":  func(_ *Request, c *Check) { c.Region = "us-east-1" },
			"service": func(_ *Request, c *Check) { c.Service = "kms" },
			"late":    func(_ *Request, c *Check) { c.Now = now.Add(Skew + time.Second) },
			"early":   func(_ *Request, c *Check) { c.Now = now.Add(-Skew - time.Second) },
			"edge":    func(_ *Request, c *Check) { c.Now = now.Add(Skew) },
			"body": func(r *Request, c *Check) {
				if c.Body != "" {
					c.Body = Hash(nil)
				} else {
					r.Header["X-Amz-Content-Sha256"] = []string{Unsigned}
				}
			},
		} {
			r, c := make1(), check
			Sign(r, creds, "eu-west-1", service, body, now)
			change(r, &c)
			a, f := Parse(r)
			if f == nil {
				f = a.Verify(r, c)
			}
			want := map[string]fault.Kind{"extra": fault.AccessDenied, "late": fault.Skewed, "early": fault.Skewed}[name]
			if want == 0 {
				want = fault.BadSignature
			}
			if name == "nothing" || name == "edge" {
				if f != nil {
					t.Errorf("%s %s: %v", service, name, f)
				}
			} else if f == nil || f.Kind != want {
				t.Errorf("%s %s: got %v, want %s", service, name, f, want)
			}
		}
	}
}

func TestPresign(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := &Request{"GET", "/b/k%20x", "response-content-type=a%2Fb", "localhost:4566", nil}
	r.RawQuery = Presign(r, Credentials{"AKIAEXAMPLE", "secret", "tok/en"}, "us-east-1", "s3", Unsigned, now, time.Hour)
	for _, c := range []struct {
		now  time.Time
		want fault.Kind
	}{{now, 0}, {now.Add(time.Hour), 0}, {now.Add(time.Hour + time.Second), fault.ExpiredToken}, {now.Add(-time.Hour), fault.Skewed}} {
		a, f := Parse(r)
		if f != nil {
			t.Fatal(f)
		}
		if a.Token != "tok/en" || a.Expires != time.Hour {
			t.Errorf("token %q, expires %v", a.Token, a.Expires)
		}
		f = a.Verify(r, Check{Secret: "secret", Service: "s3", Now: c.now})
		if (f == nil) != (c.want == 0) || f != nil && f.Kind != c.want {
			t.Errorf("at %v: %v", c.now, f)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const ok = "AWS4-HMAC-SHA256 Credential=AKIA/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + emptyHash
	head := func(h string) Request {
		return Request{Header: map[string][]string{"authorization": {h}, "x-amz-date": {"20130524T000000Z"}}}
	}
	query := func(q string) Request { return Request{RawQuery: q} }
	const pre = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA/20130524/us-east-1/s3/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + emptyHash
	if a, f := Parse(&Request{}); a != nil || f != nil {
		t.Errorf("an unsigned request gives %v, %v", a, f)
	}
	for _, r := range []Request{head(ok), query(pre)} {
		if _, f := Parse(&r); f != nil {
			t.Error(f)
		}
	}
	for name, r := range map[string]Request{
		"no fields":      head("AWS4-HMAC-SHA256"),
		"basic":          head("Basic abc"),
		"no terminator":  head(strings.Replace(ok, "aws4_request", "aws5_request", 1)),
		"six parts":      head(strings.Replace(ok, "AKIA/", "AK/IA/", 1)),
		"bad date":       head(strings.Replace(ok, "20130524/", "20131324/", 1)),
		"host unsigned":  head(strings.Replace(ok, "host;", "", 1)),
		"upper case":     head(strings.Replace(ok, "x-amz-date", "X-Amz-Date", 1)),
		"twice signed":   head(strings.Replace(ok, "host;", "host;host;", 1)),
		"short":          head(ok[:len(ok)-1]),
		"fourth field":   head(ok + ", X=1"),
		"field twice":    head(ok + ", Signature=" + emptyHash),
		"no time":        {Header: map[string][]string{"Authorization": {strings.Replace(ok, "/s3/", "/iam/", 1)}}},
		"two headers":    {Header: map[string][]string{"Authorization": {ok, ok}, "X-Amz-Date": {"20130524T000000Z"}}},
		"both":           {RawQuery: pre, Header: head(ok).Header},
		"expires 0":      query(strings.Replace(pre, "=60", "=0", 1)),
		"expires week":   query(strings.Replace(pre, "=60", "=604801", 1)),
		"expires text":   query(strings.Replace(pre, "=60", "=x", 1)),
		"date twice":     query(pre + "&X-Amz-Date=20130524T000000Z"),
		"no signature":   query(strings.Split(pre, "&X-Amz-Signature")[0]),
		"token twice":    query(pre + "&X-Amz-Security-Token=a&X-Amz-Security-Token=b"),
		"query unparsed": query("%zz"),
	} {
		if _, f := Parse(&r); f == nil || f.Kind != fault.MalformedAuth {
			t.Errorf("%s: %v", name, f)
		}
	}
	for _, r := range []Request{head("AWS AKIA:sig"), head("AWS4-ECDSA-P256-SHA256 x")} {
		if _, f := Parse(&r); f == nil || f.Code != "InvalidRequest" {
			t.Errorf("another version gives %v", f)
		}
	}
	if _, f := Parse(&Request{Header: map[string][]string{"Authorization": {ok}}}); f == nil || f.Kind != fault.AccessDenied { // S3's own
		t.Errorf("no time, to S3: %v", f)
	}
}

// The path of the S3 seed request of both streaming examples.
func seed(header map[string][]string) *Request {
	return &Request{"PUT", "/examplebucket/chunkObject.txt", "", "s3.amazonaws.com", header}
}

// Source: S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks"
// and "... Including Trailing Headers": 65,536 + 1,024 bytes of 'a'.
func TestStreamVectors(t *testing.T) {
	a64, a1 := strings.Repeat("a", 65536), strings.Repeat("a", 1024)
	plain := seed(map[string][]string{"Content-Encoding": {"aws-chunked"}, "Content-Length": {"66824"}, "X-Amz-Content-Sha256": {StreamSigned},
		"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Decoded-Content-Length": {"66560"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
		"Authorization": {auth("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")}})
	plainBody := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + a64 + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + a1 + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	trailing := seed(map[string][]string{"Content-Encoding": {"aws-chunked"}, "X-Amz-Content-Sha256": {StreamSignedTrailer}, "X-Amz-Trailer": {"x-amz-checksum-crc32c"},
		"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Decoded-Content-Length": {"66560"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
		"Authorization": {auth("content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")}})
	trailingBody := "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + a64 + "\r\n" +
		"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + a1 + "\r\n" +
		"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
	for name, c := range map[string]struct {
		r    *Request
		body string
	}{"signed": {plain, plainBody}, "trailer": {trailing, trailingBody}} {
		t.Run(name, func(t *testing.T) {
			a, f := Parse(c.r)
			if f != nil {
				t.Fatal(f)
			}
			if f := a.Verify(c.r, Check{Secret: exampleSecret, Service: "s3", Now: exampleTime}); f != nil {
				t.Fatal(f)
			}
			read := func(body string) ([]byte, error) {
				b, f := a.Stream(c.r, strings.NewReader(body), exampleSecret, true)
				if f != nil {
					t.Fatal(f)
				}
				return io.ReadAll(b)
			}
			got, err := read(c.body)
			if err != nil || !bytes.Equal(got, []byte(a64+a1)) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			for i, bad := range []string{
				strings.Replace(c.body, "aaaa", "aaab", 1),
				strings.Replace(c.body, "0;chunk-signature=", "0;chunk-signature=0", 1),
				c.body[:len(c.body)-40], c.body + "x", strings.Replace(c.body, "sOO8", "sOO9", 1) + map[string]string{"signed": "x"}[name],
				strings.Replace(c.body, "400;", "3ff;", 1),
			} {
				if _, err := read(bad); err == nil {
					t.Errorf("tampered body %d passes", i)
				}
			}
		})
	}
}
