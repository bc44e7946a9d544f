package sigv4

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// The example of the S3 API Reference, "Browser-based upload using HTTP POST (AWS Signature Version 4)": its policy, and the signature
// that its page gives for it, are made of the same keys as the other examples; here the policy is our own of the same form.
func TestForm(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	now := time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC)
	conditions := `[{"bucket":"b"},["starts-with","$key","user/user1/"],{"x-amz-meta-uuid":"14365"},{"x-amz-algorithm":"AWS4-HMAC-SHA256"},` +
		`{"x-amz-credential":"AKIA/20151229/us-east-1/s3/aws4_request"},{"x-amz-date":"20151229T000000Z"},["content-length-range",2,"10"],["eq","$Content-Type","image/png"]]`
	make4 := func(policy string, change ...string) *Form {
		p := base64.StdEncoding.EncodeToString([]byte(policy))
		a := &Auth{AccessKey: "AKIA", Date: "20151229", Region: "us-east-1", Service: "s3"}
		f := &Form{Fields: map[string]string{"bucket": "b", "key": "user/user1/x", "x-amz-meta-uuid": "14365", "content-type": "image/png", "x-ignore-a": "1",
			"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": "AKIA/20151229/us-east-1/s3/aws4_request", "x-amz-date": "20151229T000000Z",
			"policy": p, "x-amz-signature": hex.EncodeToString(mac(a.key(secret), p))}}
		for i := 0; i+1 < len(change); i += 2 {
			if change[i+1] == "-" {
				delete(f.Fields, change[i])
			} else {
				f.Fields[change[i]] = change[i+1]
			}
		}
		return f
	}
	policy := func(conditions string) string {
		return `{"expiration":"2015-12-30T12:00:00.000Z","conditions":` + conditions + `}`
	}
	good := policy(conditions)
	images := strings.Replace(good, `["eq","$Content-Type","image/png"]`, `["starts-with","$content-type","image/"]`, 1)
	for _, x := range []struct {
		name string
		form *Form
		now  time.Time
		want string // what the refusal says; empty: none
	}{
		{"as it was signed", make4(good), now, ""},
		{"another key", make4(good, "key", "user/user2/x"), now, `["starts-with","$key","user/user1/"]`},
		{"another value", make4(good, "x-amz-meta-uuid", "1"), now, "x-amz-meta-uuid"},
		{"a missing field", make4(good, "content-type", "-"), now, "Content-Type"},
		{"a further field", make4(good, "acl", "public-read"), now, "Extra input fields: acl"},
		{"another bucket", make4(good, "bucket", "c"), now, "bucket"},
		{"a list of types", make4(images, "content-type", "image/png, image/gif"), now, ""},
		{"a list with another type", make4(images, "content-type", "image/png, text/html"), now, `["starts-with","$content-type","image/"]`},
		{"expired", make4(good), now.Add(48 * time.Hour), "expired"},
		{"older than a week", make4(strings.Replace(good, "2015", "2016", 1)), now.Add(8 * 24 * time.Hour), "expired"},
		{"from tomorrow", make4(good), now.Add(-2 * time.Hour), "Skewed"},
		{"another signature", make4(good, "x-amz-signature", strings.Repeat("0", 64)), now, "BadSignature"},
		{"another policy", make4(good, "policy", "e30="), now, "BadSignature"},
		{"no policy", make4(good, "policy", "-"), now, "field named 'policy'"},
		{"another algorithm", make4(good, "x-amz-algorithm", "none"), now, "AWS4-HMAC-SHA256"},
		{"another service", make4(good, "x-amz-credential", "AKIA/20151229/us-east-1/iam/aws4_request"), now, "service"},
		{"no date", make4(good, "x-amz-date", "today"), now, "ISO8601"},
		{"not JSON", make4("{"), now, "Invalid JSON"},
		{"empty", make4(""), now, "End-of-Input"},
		{"no end", make4(`{"conditions":[]}`), now, "expiration"},
		{"no conditions", make4(`{"expiration":"2015-12-30T12:00:00.000Z"}`), now, "missing conditions"},
		{"another member", make4(`{"expiration":"2015-12-30T12:00:00.000Z","conditions":[],"more":1}`), now, "Unexpected"},
		{"an unknown test", make4(policy(`[["ends-with","$key","x"]]`)), now, "unknown operation"},
		{"too few arguments", make4(policy(`[["eq","$key"]]`)), now, "wrong number"},
		{"no list", make4(policy(`[true]`)), now, "List or Object"},
		{"an empty list", make4(policy(`[[]]`)), now, "missing operation"},
		{"two properties", make4(policy(`[{"a":"1","b":"2"}]`)), now, "exactly one"},
		{"no text", make4(policy(`[{"a":1}]`)), now, "must be a string"},
		{"no number", make4(policy(`[["content-length-range","a",2]]`)), now, "Invalid JSON"},
	} {
		_, f := x.form.Parse()
		if f == nil {
			f = x.form.Verify(secret, x.now)
		}
		said := ""
		if f != nil {
			said = f.Kind.String() + " " + f.Message
		}
		if (f == nil) != (x.want == "") || !strings.Contains(said, x.want) {
			t.Errorf("%s: %q, want %q", x.name, said, x.want)
		}
	}
	if f := make4(good); true {
		_, _ = f.Parse()
		if f.Verify(secret, now) != nil || f.Min != 2 || f.Max != 10 {
			t.Errorf("the lengths are %d to %d", f.Min, f.Max)
		}
	}
	if a, f := (&Form{Fields: map[string]string{"key": "k"}}).Parse(); a != nil || f != nil {
		t.Errorf("an unsigned form: %v, %v", a, f)
	}
	// Version 2 signs the policy's text alone.
	old := make4(policy(`[{"bucket":"b"},["starts-with","$key",""]]`))
	p := old.Fields["policy"]
	old.Fields = map[string]string{"bucket": "b", "key": "k", "awsaccesskeyid": "AKIA", "policy": p, "signature": v2of(secret, p)}
	if a, f := old.Parse(); f != nil || !a.V2 || old.Verify(secret, now) != nil || old.Verify("other", now) == nil {
		t.Errorf("a form of Version 2: %v, %v", a, f)
	}
}
