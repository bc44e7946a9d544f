package gate

import (
	"crypto/tls"
	"strconv"
	"time"

	"cloister/internal/core/sigv4"
)

// signatureKeys are S3's condition keys of how a request was signed and sent; auth is nil for one that was not signed. Source: S3 API
// Reference, "Amazon S3 Signature Version 4 Authentication Specific Policy Keys"; the age is that of presigned URLs alone.
func signatureKeys(auth *sigv4.Auth, conn *tls.ConnectionState, now time.Time) map[string]string {
	k := map[string]string{}
	if conn != nil {
		switch conn.Version {
		case tls.VersionTLS12:
			k["s3:TlsVersion"] = "1.2"
		case tls.VersionTLS13:
			k["s3:TlsVersion"] = "1.3"
		}
	}
	if auth == nil {
		return k
	}
	k["s3:signatureversion"], k["s3:authType"] = "AWS4-HMAC-SHA256", "REST-HEADER"
	payload := auth.Payload
	if auth.V2 {
		k["s3:signatureversion"], k["s3:authType"] = "AWS", "REST-QUERY-STRING"
	} else if auth.Presigned {
		k["s3:authType"] = "REST-QUERY-STRING"
		k["s3:signatureAge"] = strconv.FormatInt(max(now.Sub(auth.Time), 0).Milliseconds(), 10)
		if payload == "" { // what a presigned URL signs when it says nothing
			payload = sigv4.Unsigned
		}
	}
	if payload != "" {
		k["s3:x-amz-content-sha256"] = payload
	}
	return k
}
