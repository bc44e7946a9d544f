package wire

import (
	"net"
	"net/http"
	"strings"
)

// VirtualBucket gives the bucket that a Host header names, or "" for a path-style host. The forms are BUCKET.s3.amazonaws.com,
// BUCKET.s3.REGION.amazonaws.com (also dualstack), BUCKET.s3-REGION.amazonaws.com, and the same below localhost, where
// BUCKET.localhost does too. Of an interface endpoint's own name it is what stands before bucket.vpce-ID.s3.REGION.vpce.amazonaws.com.
// An account id before the host is S3 Control's prefix and no bucket.
// Source: S3 User Guide, "Virtual hosting of general purpose buckets" and "AWS PrivateLink for Amazon S3".
func VirtualBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(host, ".")
	low := strings.ToLower(host)
	if rest, ok := strings.CutSuffix(low, ".amazonaws.com"); ok {
		if own, ok := strings.CutSuffix(rest, ".vpce"); ok {
			return host[:len(beforeEndpoint(own))]
		}
		b, _ := beforeS3(rest)
		return host[:len(b)]
	}
	if rest, ok := strings.CutSuffix(low, ".localhost"); ok {
		b, found := beforeS3(rest)
		if !found && !account(rest) {
			b = rest
		}
		return host[:len(b)]
	}
	return ""
}

// Bucket is the bucket that a request of S3 names, by its host or else as the first part of its path; empty when it names none.
func Bucket(req *http.Request) string {
	if b := VirtualBucket(req.Host); b != "" {
		return b
	}
	b, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	return b
}

// beforeEndpoint is the bucket before bucket.vpce-ID.s3.REGION.
func beforeEndpoint(name string) string {
	labels := strings.Split(name, ".")
	n := len(labels) - 4
	if n < 1 || labels[n] != "bucket" || !strings.HasPrefix(labels[n+1], "vpce-") || labels[n+2] != "s3" {
		return ""
	}
	return strings.Join(labels[:n], ".")
}

// beforeS3 cuts the endpoint (s3, s3.REGION, s3-REGION, s3.dualstack.REGION) off the end of a dotted name; found is false when
// there is none. The last label that begins the endpoint counts: a bucket may itself be called x.s3.y.
func beforeS3(name string) (bucket string, found bool) {
	labels := strings.Split(name, ".")
	for i := len(labels) - 1; i >= 0 && i >= len(labels)-3; i-- {
		tail := len(labels) - 1 - i
		switch l := labels[i]; {
		case l == "s3" && (tail < 2 || labels[i+1] == "dualstack"), strings.HasPrefix(l, "s3-") && tail == 0 && i+1 == len(labels):
			b := strings.Join(labels[:i], ".")
			if account(b) {
				b = ""
			}
			return b, true
		}
	}
	return "", false
}

func account(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
