package wire

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/core/fault"
)

// find routes and decodes a request to S3 as the gate does, up to Validate.
func find(t *testing.T, method, path string, header map[string]string) (*Operation, any, *fault.Fault) {
	t.Helper()
	u, err := url.Parse("http://localhost:4566" + path)
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Method: method, URL: u, Host: "localhost:4566", Header: http.Header{}}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	o, labels, f := Open().Service("s3").Find(req, nil)
	if f != nil {
		return nil, nil, f
	}
	in, f := o.Decode(req, labels, nil, strings.NewReader(""))
	if f == nil {
		f = o.Validate(in)
	}
	return o, in, f
}

// What S3 says of requests and arguments that mean nothing. Source: S3 API Reference, "Error responses"; the sentences as S3 is known to say them.
func TestS3Words(t *testing.T) {
	for _, c := range []struct {
		method, path string
		header       map[string]string
		code, says   string
	}{
		{"GET", "/b/k?uploads", nil, "InvalidRequest", "Key is not expected"},
		{"GET", "/b/k?versions", nil, "InvalidRequest", "no such thing as the ?versions"},
		{"GET", "/b/k", map[string]string{"X-Amz-Copy-Source": "a/b"}, "InvalidArgument", "copy source header for copy requests"},
		{"PUT", "/b/k?partNumber=1", nil, "InvalidArgument", "partNumber without uploadId"},
		{"PUT", "/b/k?partNumber=0&uploadId=u", nil, "InvalidArgument", "between 1 and 10000"},
		{"PUT", "/b/k?uploadId=u", nil, "UnknownAction", "not allowed"},
		{"POST", "/b/k", nil, "UnknownAction", "not allowed"},
		{"PUT", "/b/k", map[string]string{"X-Amz-Meta-A": strings.Repeat("x", 8<<10)}, "RequestHeaderSectionTooLarge", "header section"},
		{"PUT", "/b/k", map[string]string{"X-Amz-Object-Lock-Mode": "SOFT"}, "InvalidArgument", "Unknown wormMode directive."},
		{"PUT", "/b/k", map[string]string{"X-Amz-Object-Lock-Retain-Until-Date": "soon"}, "InvalidArgument", "ISO 8601"},
		{"PUT", "/b/k", map[string]string{"X-Amz-Checksum-Crc16": "AAA="}, "InvalidRequest", "algorithm type you specified"},
		{"PUT", "/b/k", map[string]string{"X-Amz-Sdk-Checksum-Algorithm": "CRC16"}, "InvalidRequest", "x-amz-sdk-checksum-algorithm"},
		{"PUT", "/b/k", map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer": "x-amz-checksum-sha1", "X-Amz-Sdk-Checksum-Algorithm": "CRC32"},
			"InvalidRequest", "x-amz-sdk-checksum-algorithm"},
		{"PUT", "/b?policy", map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "InvalidRequest", "x-amz-content-sha256"},
		{"POST", "/b/k?uploads", map[string]string{"X-Amz-Checksum-Algorithm": "CRC16"}, "InvalidRequest", "any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5"},
		{"POST", "/b/k?uploads", map[string]string{"X-Amz-Checksum-Type": "BOTH"}, "InvalidRequest", "x-amz-checksum-type"},
		{"GET", "/b/k?attributes", nil, "InvalidRequest", "either missing or empty"},
		{"GET", "/b/k?attributes", map[string]string{"X-Amz-Object-Attributes": "ETag,Colour"}, "InvalidArgument", "Invalid attribute name"},
		{"GET", "/b?max-keys=many", nil, "InvalidArgument", "Provided max-keys not an integer"},
	} {
		_, _, f := find(t, c.method, c.path, c.header)
		if f == nil || f.Code != c.code && f.Kind.String() != c.code || !strings.Contains(f.Message, c.says) {
			t.Errorf("%s %s %v: %v, want %s, %q", c.method, c.path, c.header, f, c.code, c.says)
		}
	}
	// A checksum that comes behind the body is the object's, and its name may be written in any case.
	for _, h := range []map[string]string{
		{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer": "x-amz-checksum-sha1"},
		{"X-Amz-Sdk-Checksum-Algorithm": "sha1"},
	} {
		o, in, f := find(t, "PUT", "/b/k", h)
		if f != nil || !strings.Contains(string(o.Params(in)), `"SHA1"`) {
			t.Errorf("%v: %v %v", h, in, f)
		}
	}
}
